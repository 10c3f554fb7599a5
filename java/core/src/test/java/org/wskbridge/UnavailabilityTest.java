// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Without a usable native library nothing breaks: the reason is told, in words. */
@Timeout(180)
class UnavailabilityTest {
    private static final boolean WINDOWS = System.getProperty("os.name").startsWith("Windows");
    private static final String LIBRARY = WINDOWS ? "wskshim.dll" : "libwskshim.so";

    @TempDir
    Path directory;

    /** Asks for the reason, and tries to open a bridge all the same. */
    static final class Program {
        private Program() {}

        public static void main(String[] arguments) {
            System.out.println(WskBridge.isAvailable());
            System.out.println(
                    WskBridge.unavailabilityCause().map(Throwable::getMessage).orElse("none"));
            try {
                WskBridge.open().close();
                System.out.println("opened");
            } catch (java.io.IOException e) {
                System.out.println(e.getMessage());
            }
        }
    }

    /** The three lines that the program prints. */
    private String[] run(Map<String, String> properties) throws Exception {
        Process process = Fork.start(Program.class, properties);
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor());
        return output.split("\\R");
    }

    private void check(Map<String, String> properties, String... expected) throws Exception {
        String[] lines = run(properties);
        assertEquals("false", lines[0]);
        for (String words : expected) {
            assertTrue(lines[1].contains(words), lines[1]);
            assertTrue(lines[2].contains(words), lines[2]);
        }
    }

    @Test
    void available() throws Exception {
        String[] lines = run(Map.of());
        assertEquals("true", lines[0]);
        assertEquals("none", lines[1]);
        assertEquals("opened", lines[2]);
    }

    @Test
    void nothingInTheNamedDirectory() throws Exception {
        check(
                Map.of("wskbridge.library.path", directory.toString()),
                "wskbridge.library.path",
                directory.toString(),
                LIBRARY);
    }

    @Test
    void noLibraryAtAll() throws Exception {
        Files.writeString(directory.resolve(LIBRARY), "this is no library");
        check(Map.of("wskbridge.library.path", directory.toString()), "can't be loaded");
    }

    @Test
    void anotherLibrary() throws Exception {
        Path other = Path.of(System.getProperty("java.home"), WINDOWS ? "bin/java.dll" : "lib/libjava.so");
        Files.copy(other, directory.resolve(LIBRARY));
        check(Map.of("wskbridge.library.path", directory.toString()), directory.toString(), "not the library");
    }
}
