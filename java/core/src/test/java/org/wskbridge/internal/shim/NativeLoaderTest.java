// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/** Finding, checking and extracting the native library, with resources of the test's own. */
class NativeLoaderTest {
    private static final byte[] CONTENT = "the native library".getBytes(StandardCharsets.UTF_8);

    private final Map<String, byte[]> resources = new HashMap<>();
    private final NativeLoader loader = new NativeLoader(this::open, "linux-x86-64");

    @TempDir
    Path directory;

    NativeLoaderTest() {
        resources.put("/linux-x86-64/libwskshim.so", CONTENT);
        String line = PrivateDirectory.sha256(CONTENT) + "  libwskshim.so\n";
        resources.put("/linux-x86-64/libwskshim.so.sha256", line.getBytes(StandardCharsets.US_ASCII));
    }

    private InputStream open(String name) {
        byte[] content = resources.get(name);
        return content == null ? null : new ByteArrayInputStream(content);
    }

    private String refusal(NativeLoader refusing, List<Path> candidates) {
        return assertThrows(IOException.class, () -> extract(refusing, candidates))
                .getMessage();
    }

    private static Path extract(NativeLoader loader, List<Path> candidates) throws IOException {
        return loader.extractInto(candidates.stream().map(Place::named).toList(), library -> library);
    }

    @Test
    void extractsOnceAndUsesAgain() throws IOException {
        Path root = directory.resolve("cache/wskbridge");
        Path library = extract(loader, List.of(root));
        assertArrayEquals(CONTENT, Files.readAllBytes(library));
        assertTrue(library.toString().contains(PrivateDirectory.sha256(CONTENT).substring(0, 32)));
        if (isPosix()) {
            assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(root)));
            assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(library)));
        }
        FileTime longAgo = FileTime.from(Instant.EPOCH.plusSeconds(1_000_000_000));
        Files.setLastModifiedTime(library, longAgo);
        assertEquals(library, extract(loader, List.of(root)));
        assertEquals(longAgo, Files.getLastModifiedTime(library), "not written again");
        try (var files = Files.list(library.getParent())) {
            assertEquals(List.of(library), files.toList(), "no temporary files are left");
        }
    }

    @Test
    void missing() {
        resources.clear();
        resources.put("/win32-x86-64/wskshim.dll", CONTENT);
        String message = refusal(loader, List.of(directory));
        assertTrue(message.contains("/linux-x86-64/libwskshim.so"), message);
        assertTrue(message.contains("win32-x86-64"), message);
        assertTrue(message.contains("wskbridge.library.path"), message);
    }

    @Test
    void alteredInTheJar() {
        resources.put("/linux-x86-64/libwskshim.so", "something else".getBytes(StandardCharsets.UTF_8));
        String message = refusal(loader, List.of(directory));
        assertTrue(message.contains("altered"), message);
        assertTrue(message.contains(PrivateDirectory.sha256(CONTENT)), message);
    }

    @Test
    void alteredAfterExtraction() throws IOException {
        Path library = extract(loader, List.of(directory.resolve("w")));
        Files.writeString(library, "something else");
        String message = refusal(loader, List.of(directory.resolve("w"), directory.resolve("elsewhere")));
        assertTrue(message.contains("altered"), message);
        assertTrue(message.contains(library.toString()), message);
        assertFalse(Files.exists(directory.resolve("elsewhere")));
    }

    @Test
    @DisabledIfSystemProperty(
            named = "wskbridge.place",
            matches = "wine",
            disabledReason = "a symbolic link looks like what it points to")
    void replacedByASymbolicLink() throws IOException {
        Path library = extract(loader, List.of(directory.resolve("w")));
        Path copy = Files.move(library, directory.resolve("copy"));
        Files.createSymbolicLink(library, copy);
        assertTrue(refusal(loader, List.of(directory.resolve("w"))).contains("isn't a regular file"));
    }

    /** Elsewhere a directory has an access control list, which its owner made. */
    private boolean isPosix() {
        return directory.getFileSystem().supportedFileAttributeViews().contains("posix");
    }

    @Test
    void aDirectoryThatOthersMayWriteToIsNotUsed() throws IOException {
        assumeTrue(isPosix(), "elsewhere a directory has an access control list");
        Path shared = Files.createDirectory(directory.resolve("shared"));
        Files.setPosixFilePermissions(shared, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertTrue(refusal(loader, List.of(shared)).contains("others may write"));
        Path own = directory.resolve("own");
        assertTrue(extract(loader, List.of(shared, own)).startsWith(own), "the next candidate is");
    }

    @Test
    @DisabledIfSystemProperty(
            named = "wskbridge.place",
            matches = "wine",
            disabledReason = "a symbolic link looks like what it points to")
    void aLinkedDirectoryIsNotUsed() throws IOException {
        Path real = Files.createDirectory(directory.resolve("real"));
        Path link = Files.createSymbolicLink(directory.resolve("link"), real);
        assertTrue(refusal(loader, List.of(link)).contains("symbolic link"));
    }

    @Test
    void theNamedDirectoryIsUsedAsItIs() throws IOException {
        String message = assertThrows(IOException.class, () -> loader.inDirectory(directory))
                .getMessage();
        assertTrue(message.contains(directory.toString()) && message.contains("wskbridge.library.path"), message);
        Path library = Files.write(directory.resolve("libwskshim.so"), CONTENT);
        assertEquals(library, loader.inDirectory(directory));
    }

    @Test
    void noexecIsExplained() {
        String message = NativeLoader.loadFailure(
                Path.of("/var/x/libwskshim.so"),
                new UnsatisfiedLinkError("/var/x/libwskshim.so: failed to map segment from shared object"),
                "wskbridge.extract.path");
        assertTrue(message.contains("noexec") && message.contains("wskbridge.extract.path"), message);
    }

    @Test
    void aProcessOnMuslIsToldThatTheLibraryIsForGlibc() throws IOException {
        Path maps = Files.writeString(directory.resolve("maps"), "7f0000-7f1000 r-xp 0 08:01 1 /lib/libjvm.so\n");
        Libc.check(maps);
        Files.writeString(maps, "7f2000-7f3000 r-xp 0 08:01 2 /lib/ld-musl-x86_64.so.1\n", StandardOpenOption.APPEND);
        String message = assertThrows(IOException.class, () -> Libc.check(maps)).getMessage();
        assertTrue(message.contains("musl") && message.contains(Libc.OLDEST_GLIBC), message);
    }

    @Test
    void anOldGlibcIsExplained() {
        String message = NativeLoader.loadFailure(
                Path.of("/var/x/libwskshim.so"),
                new UnsatisfiedLinkError("/lib/libc.so.6: version `GLIBC_2.25' not found (required by libwskshim.so)"),
                "wskbridge.extract.path");
        assertTrue(message.endsWith(Libc.WANTED), message);
    }
}
