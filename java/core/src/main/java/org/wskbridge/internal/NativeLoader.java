// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import com.sun.jna.Platform;
import java.io.IOException;
import java.io.InputStream;
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
        NativeLoader loader = new NativeLoader(NativeLoader.class::getResourceAsStream, Platform.RESOURCE_PREFIX);
        String directory = System.getProperty(PATH_PROPERTY);
        Path library = directory != null ? loader.inDirectory(Path.of(directory)) : loader.extracted();
        try {
            return ShimLibrary.load(library);
        } catch (UnsatisfiedLinkError e) {
            throw new IOException(loadFailure(library, e), e);
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

    private Path extracted() throws IOException {
        return extractInto(PrivateDirectory.candidates());
    }

    /** Extracts the library into the first of some directories that can be used. */
    Path extractInto(List<Path> candidates) throws IOException {
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
        IOException failure =
                new IOException("The native library can't be extracted: no directory can be used. Set the "
                        + "system property " + PATH_PROPERTY + " to a directory that holds " + fileName + ".");
        for (Path candidate : candidates) {
            try {
                return new PrivateDirectory(candidate).store(fileName, content, hash);
            } catch (AlteredException e) {
                throw e;
            } catch (IOException e) {
                failure.addSuppressed(e);
            }
        }
        throw failure;
    }

    /** An extracted library that isn't what was extracted: no reason to look for another place. */
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

    static String loadFailure(Path library, UnsatisfiedLinkError error) {
        String said =
                String.valueOf(error.getMessage()).replaceAll("\\s*\n\\s*", " ").strip();
        String hint = "";
        if (said.contains("failed to map segment") || said.contains("Operation not permitted")) {
            hint = " The file system of " + library.getParent()
                    + " seems to be mounted noexec; set the system property " + PATH_PROPERTY + " or "
                    + PrivateDirectory.PROPERTY + " to a directory elsewhere.";
        } else if (said.contains("undefined symbol") || said.contains("Error looking up function")) {
            hint = " It is not the library of this version of wskbridge.";
        }
        return "The native library " + library + " can't be loaded: " + said + "." + hint;
    }
}
