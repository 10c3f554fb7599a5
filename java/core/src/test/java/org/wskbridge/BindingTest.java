// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The system property wskbridge.binding, and what the library says of the binding that it has. */
@Tag("linux")
class BindingTest {
    private static final String CHOSEN = System.getProperty("wskbridge.binding", "jna");

    @TempDir
    Path folder;

    /** Prints why there is no bridge, or by what native code is called. */
    static final class Asking {
        public static void main(String[] arguments) throws Exception {
            System.out.println(
                    WskBridge.unavailabilityCause().map(Throwable::getMessage).orElse("available"));
            try (WskBridge bridge = WskBridge.open()) {
                System.out.println("by " + bridge.info().binding());
            } catch (java.io.IOException e) {
                System.out.println(e.getMessage());
            }
        }
    }

    private String ask(String binding) throws Exception {
        Path output = folder.resolve("output");
        Process process = Fork.onClassPath(
                        Asking.class,
                        java.util.List.of(
                                "--enable-native-access=ALL-UNNAMED",
                                "-Dwskbridge.extract.path=" + System.getProperty("wskbridge.extract.path"),
                                "-Dwskbridge.binding=" + binding))
                .redirectOutput(output.toFile())
                .start();
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        return Files.readString(output);
    }

    @Test
    void theOneThatIsNamedIsUsed() throws Exception {
        assertEquals("available\nby " + CHOSEN + "\n", ask(CHOSEN));
        assertEquals("available\nby jna\n", ask("jna"));
    }

    @Test
    void withoutANameTheBestIs() throws Exception {
        assertEquals("available\nby " + CHOSEN + "\n", ask(""));
    }

    @Test
    void anotherNameIsExplained() throws Exception {
        String said = ask("telepathy");
        assertTrue(
                said.contains("there is no binding telepathy; the system property wskbridge.binding may name"), said);
        assertTrue(said.contains("jna"), said);
        assertEquals(CHOSEN.equals("ffm"), said.contains(", ffm"), said);
    }
}
