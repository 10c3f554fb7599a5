// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A place to extract the native library to: its name as it was said, which may be one that this process can't express,
 * and who said it, so that a person who reads that it can't be used knows what to change.
 *
 * @param directory the directory's name
 * @param origin where the name comes from
 * @param kind how much the way to it is trusted, and what becomes of it
 */
record Place(String directory, String origin, Kind kind) {
    /** What is asked of a place, and what becomes of it. */
    enum Kind {
        /** Named by the user, who is responsible for the directories above it. */
        NAMED,
        /** A default: no other user may be able to replace it. */
        USUAL,
        /** Made by this process in a directory for temporary files, and removed once the library is loaded. */
        TEMPORARY
    }

    /** A place that the user named, as tests do. */
    static Place named(Path directory) {
        return new Place(directory.toString(), "named", Kind.NAMED);
    }

    /** The places to try, best first; the last one can't be taken by anybody else beforehand. */
    static List<Place> candidates() {
        String chosen = System.getProperty(PrivateDirectory.PROPERTY);
        if (chosen != null) {
            return List.of(new Place(chosen, "the system property " + PrivateDirectory.PROPERTY, Kind.NAMED));
        }
        List<Place> places = new ArrayList<>();
        for (String variable : List.of("XDG_CACHE_HOME", "LOCALAPPDATA")) {
            String value = System.getenv(variable);
            if (value != null && isAbsolute(value)) {
                places.add(new Place(value + "/wskbridge", "the environment variable " + variable, Kind.USUAL));
            }
        }
        String home = System.getProperty("user.home", "");
        if (isAbsolute(home)) {
            places.add(new Place(home + "/.cache/wskbridge", "the system property user.home", Kind.USUAL));
        }
        String temporary = System.getProperty("java.io.tmpdir");
        String origin = "the system property java.io.tmpdir";
        places.add(new Place(temporary + "/wskbridge-" + userId(), origin, Kind.USUAL));
        places.add(new Place(temporary, "a new directory there; the system property java.io.tmpdir", Kind.TEMPORARY));
        return places;
    }

    /** A name that can't be expressed counts: why it can't be used is told when it is tried. */
    private static boolean isAbsolute(String name) {
        try {
            return Path.of(name).isAbsolute();
        } catch (InvalidPathException e) {
            return name.startsWith("/");
        }
    }

    /** The user's number, since not every user has a name and those without share one; the name on Windows. */
    private static String userId() {
        return userNumber().map(String::valueOf).orElseGet(() -> System.getProperty("user.name"));
    }

    /** The number of the user that this process runs as, where users have numbers. */
    static Optional<Integer> userNumber() {
        Path process = Path.of("/proc/self/fd");
        try {
            return Files.isDirectory(process)
                    ? Optional.of((Integer) Files.getAttribute(process, "unix:uid"))
                    : Optional.empty();
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /** The directory, by a way that is as safe as its kind asks for; a temporary one is made. */
    Path make() throws IOException {
        Path path = toPath(directory, origin);
        return switch (kind) {
            case NAMED -> path;
            case USUAL -> PrivateDirectory.safely(path);
            case TEMPORARY ->
                Files.createTempDirectory(
                        PrivateDirectory.safely(path.resolve("new")).getParent(), "wskbridge-");
        };
    }

    /** An absolute path; an exception that says what to do if the name has characters that this process can't express. */
    static Path toPath(String name, String origin) throws IOException {
        try {
            return Path.of(name).toAbsolutePath();
        } catch (InvalidPathException e) {
            throw new IOException(
                    "the name " + name + " (" + origin + ") can't be expressed in "
                            + System.getProperty(
                                    "sun.jnu.encoding", Charset.defaultCharset().name())
                            + ", the encoding that this Java was started with for names of files; start it with the"
                            + " environment variable LC_ALL=C.UTF-8",
                    e);
        }
    }

    @Override
    public String toString() {
        return directory + " (" + origin + ")";
    }
}
