// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The demonstration, small. */
@Timeout(60)
class DemoTest {

    @Test
    void allOfItHolds(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("letter.txt"), "Dear reader,\n");
        RunningCommand demo = RunningCommand.toEnd("demo", "--size", "1", "--datagrams", "200", file.toString());
        assertEquals(0, demo.status(), demo.output() + demo.errors());
        assertTrue(demo.output().contains("letter.txt, connected socket … ok"), demo.output());
        assertTrue(demo.output().contains("1 MiB generated, accepted socket … ok"), demo.output());
        assertTrue(demo.output().matches("(?s).*objects still open +0\\R.*"), demo.output());
    }

    @Test
    void anEmptyFileIsAFile(@TempDir Path folder) throws Exception {
        Path file = Files.createFile(folder.resolve("empty"));
        RunningCommand demo = RunningCommand.toEnd("demo", "--datagrams", "1", file.toString());
        assertEquals(0, demo.status(), demo.output() + demo.errors());
    }
}
