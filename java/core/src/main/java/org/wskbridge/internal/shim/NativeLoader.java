// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.ClosedByInterruptException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/**
 * Finds the native library: in the directory that the system property wskbridge.library.path names, and only there if
 * it is set; otherwise among the resources of the jar, from where it is extracted by {@link PrivateDirectory}.
 */
final class NativeLoader {
    static final String PATH_PROPERTY = "wskbridge.library.path";
    private static final List<String> PLATFORMS =
            List.of("linux-x86-64", "linux-aarch64", "win32-x86-64", "win32-aarch64", "win32-x86");

    /** Opens a resource; null when there is none. */
    private final Function<String, InputStream> resources;

    private final String platform;
    private final String fileName;

    NativeLoader(Function<String, InputStream> resources, String platform) {
        this.resources = resources;
        this.platform = platform;
        this.fileName = platform.startsWith("win32") ? "wskshim.dll" : "libwskshim.so";
    }

    /** Loads the library for this platform. */
    static NativeBinding load() throws IOException {
        NativeLoader loader = new NativeLoader(NativeLoader.class::getResourceAsStream, JnaStart.platform());
        BindingProvider provider = Bindings.chosen();
        String directory = System.getProperty(PATH_PROPERTY);
        if (directory != null) {
            Path library = loader.inDirectory(Place.toPath(directory, "the system property " + PATH_PROPERTY));
            if (provider.needsDirectory()) {
                loader.startIn(Place.candidates(), provider);
            } else {
                provider.start(library.getParent());
            }
            return bind(provider, library, PATH_PROPERTY);
        }
        Libc.check(loader.platform);
        return loader.extractInto(Place.candidates(), library -> {
            provider.start(library.getParent());
            return bind(provider, library, PrivateDirectory.PROPERTY);
        });
    }

    private static NativeBinding bind(BindingProvider provider, Path library, String property) throws IOException {
        try {
            return provider.bind(library);
        } catch (UnsatisfiedLinkError e) {
            String failure = loadFailure(library, e, property);
            throw isOfPlace(e) ? new PlaceException(failure, e) : new IOException(failure, e);
        }
    }

    Path inDirectory(Path directory) throws IOException {
        Path library = directory.resolve(fileName).toAbsolutePath();
        if (!Files.isRegularFile(library)) {
            throw new IOException("The system property " + PATH_PROPERTY + " names " + directory + ", but there is no "
                    + fileName + " in it.");
        }
        return library;
    }

    /** Uses a library or a directory that was found to be usable. */
    @FunctionalInterface
    interface Use<T> {
        T of(Path path) throws IOException;
    }

    /** Returns the file to use; throws if the directory can't be used. */
    @FunctionalInterface
    private interface Preparation {
        Path in(PrivateDirectory directory) throws IOException;
    }

    /** Extracts the library into the first of some directories that it can be used from. */
    <T> T extractInto(List<Place> places, Use<T> use) throws IOException {
        byte[] content = read(resource(""));
        String hash = new String(read(resource(".sha256")), StandardCharsets.US_ASCII).strip();
        int end = hash.indexOf(' ');
        hash = (end < 0 ? hash : hash.substring(0, end)).toLowerCase(Locale.ROOT);
        String actual = PrivateDirectory.sha256(content);
        if (!actual.equals(hash)) {
            throw new IOException(
                    "The native library " + resource("") + " in the wskbridge jar was altered: its SHA-256 is " + actual
                            + ", but " + resource(".sha256") + " says " + hash + ".");
        }
        String digest = hash;
        return firstUsable(
                places,
                directory -> directory.store(fileName, content, digest),
                use,
                "The native library "
                        + "can't be loaded from anywhere. Set the system property " + PrivateDirectory.PROPERTY
                        + " to a directory of this user's whose file system isn't mounted noexec, or " + PATH_PROPERTY
                        + " to one that holds " + fileName + ".");
    }

    /** Finds the first directory for the provider's own library, when ours is not extracted. */
    private void startIn(List<Place> places, BindingProvider provider) throws IOException {
        Use<Boolean> use = root -> {
            provider.start(root);
            return true;
        };
        firstUsable(
                places,
                PrivateDirectory::prepare,
                use,
                "JNA's native library can't be loaded from anywhere. Set the "
                        + "system property jna.tmpdir to a directory of this user's whose file system isn't mounted noexec.");
    }

    /** Tries places in turn. If none can be used, the exception says for each why not, and where its name comes from. */
    private static <T> T firstUsable(List<Place> places, Preparation preparation, Use<T> use, String remedy)
            throws IOException {
        List<PlaceException> failures = new ArrayList<>();
        StringBuilder tried = new StringBuilder(" Tried:");
        for (Place place : places) {
            try {
                return tryPlace(place, preparation, use);
            } catch (PlaceException e) {
                failures.add(e);
                tried.append(failures.size() == 1 ? " " : "; ")
                        .append(place)
                        .append(": ")
                        .append(e.getMessage());
            }
        }
        IOException failure = new IOException(remedy + tried + ".");
        failures.forEach(failure::addSuppressed);
        throw failure;
    }

    private static <T> T tryPlace(Place place, Preparation preparation, Use<T> use) throws IOException {
        Path root = null;
        try {
            Path prepared;
            try {
                root = place.make();
                prepared = preparation.in(new PrivateDirectory(root));
            } catch (AlteredException | ClosedByInterruptException e) {
                throw e;
            } catch (IOException e) {
                throw new PlaceException(PrivateDirectory.reason(e), e);
            }
            return use.of(prepared);
        } finally {
            if (root != null && place.kind() == Place.Kind.TEMPORARY) {
                PrivateDirectory.remove(root);
            }
        }
    }

    /** A directory that can't be used: others may do. */
    static final class PlaceException extends IOException {
        private static final long serialVersionUID = 1L;

        PlaceException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** An extracted library has the wrong content. That is suspicious, so no other place is tried. */
    static final class AlteredException extends IOException {
        private static final long serialVersionUID = 1L;

        AlteredException(String message) {
            super(message);
        }
    }

    private String resource(String suffix) {
        return "/" + platform + "/" + fileName + suffix;
    }

    private byte[] read(String resource) throws IOException {
        try (InputStream in = resources.apply(resource)) {
            if (in != null) {
                return in.readAllBytes();
            }
        }
        throw new IOException("The wskbridge jar has no " + resource + ". It carries natives for: " + carried()
                + ". Build it on this platform with \"mvn package\", or set the system property " + PATH_PROPERTY
                + " to a directory that holds " + fileName + ".");
    }

    private String carried() throws IOException {
        List<String> found = new ArrayList<>();
        for (String other : PLATFORMS) {
            String name = "/" + other + "/" + (other.startsWith("win32") ? "wskshim.dll" : "libwskshim.so");
            try (InputStream in = resources.apply(name)) {
                if (in != null) {
                    found.add(other);
                }
            }
        }
        return found.isEmpty() ? "no platform" : String.join(", ", found);
    }

    /** Whether the reason why a library wasn't loaded lies in the directory that it is in. */
    private static boolean isOfPlace(UnsatisfiedLinkError error) {
        String said = String.valueOf(error.getMessage());
        return said.contains("failed to map segment")
                || said.contains("Operation not permitted")
                || said.contains("Permission denied");
    }

    /** Why a library wasn't loaded, in words; the property is the one that says where it is. */
    static String loadFailure(Path library, UnsatisfiedLinkError error, String property) {
        String said = JnaStart.oneLine(String.valueOf(error.getMessage()));
        String hint = "";
        if (isOfPlace(error)) {
            hint = " The file system of " + library.getParent() + " seems to be mounted noexec, or a security policy "
                    + "forbids to load code from it; set the system property " + property
                    + " to a directory elsewhere.";
        } else if (said.contains("`GLIBC_") || said.contains("libc.so.6")) {
            hint = " " + Libc.WANTED;
        } else if (said.contains("undefined symbol") || said.contains("Error looking up function")) {
            hint = " It is not the library of this version of wskbridge.";
        }
        return "The native library " + library + " can't be loaded: " + said + "." + hint;
    }
}
