// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Which C library this process runs on. The native libraries for Linux are for glibc. */
final class Libc {
    /** What the libraries of the jar need; a test reads the number from the library. */
    static final String OLDEST_GLIBC = "2.25";

    static final String WANTED = "The library needs glibc " + OLDEST_GLIBC + " or later.";

    private Libc() {}

    /** Refuses a process on musl, as on Alpine, where loading the library would fail with names of unknown symbols. */
    static void check(String platform) throws IOException {
        if (platform.startsWith("linux")) {
            check(Path.of("/proc/self/maps"));
        }
    }

    /** The same, of a process whose mappings are in a file: the loader of programs for musl is always among them. */
    static void check(Path maps) throws IOException {
        if (!Files.isReadable(maps)) {
            return;
        }
        try (Stream<String> lines = Files.lines(maps, StandardCharsets.ISO_8859_1)) {
            if (lines.anyMatch(line -> line.contains("/ld-musl-"))) {
                throw new IOException("This Java runs on musl, as on Alpine, and the native library of wskbridge is for"
                        + " glibc. Use a system with glibc " + OLDEST_GLIBC
                        + " or later, such as Debian, with a Java for it."
                        + " If you have a library for musl, name its directory with the system property "
                        + NativeLoader.PATH_PROPERTY + ".");
            }
        }
    }
}
