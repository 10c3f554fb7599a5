// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** These tests may themselves run as a shell's background job, which hands an ignored Ctrl-C down to all it starts. */
class BackgroundJobTest {

    @Test
    void commandsOfTestsHearCtrlCThere() throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        try (CommandProcess job = CommandProcess.of(
                "sh",
                "-c",
                "trap '' INT; exec \"$@\"",
                "sh",
                java,
                "-cp",
                System.getProperty("java.class.path"),
                BackgroundJobTest.class.getName())) {
            assertEquals(130, job.status(), job.errors());
        }
    }

    /** What the job does. */
    public static void main(String... arguments) throws Exception {
        try (CommandProcess echo = CommandProcess.wskbridge("echo", "--bind", "127.0.0.1")) {
            // A line for UDP and one for TCP.
            echo.output().readLine();
            echo.output().readLine();
            echo.interrupt();
            System.exit(echo.status());
        }
    }
}
