// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What every command makes of its arguments. */
class ArgumentsTest {

    @ParameterizedTest
    @ValueSource(
            strings = {
                "nc",
                "nc 127.0.0.1",
                "nc 127.0.0.1 no-such-service",
                "nc 127.0.0.1 -p no-such-service 80",
                "nc 127.0.0.1 70000-80",
                "nc 127.0.0.1 80-",
                "nc 127.0.0.1 99999999999",
                "nc 127.0.0.1 0",
                "nc 127.0.0.1 65536",
                "nc -l 127.0.0.1 80 81",
                "nc -z -l 127.0.0.1 80",
                "nc -q soon 127.0.0.1 80",
                "nc -4 -6 127.0.0.1 80",
                "nc -k 127.0.0.1 80",
                "nc -w 0 127.0.0.1 80",
                "nc -w soon 127.0.0.1 80",
                "nc -x 127.0.0.1 80",
                "nc -l",
                "nc -l -p 80 127.0.0.1 81",
                "nc -l -s 127.0.0.1 80",
                "echo --port 65536",
                "echo --port x",
                "echo now",
                "demo --size -1",
                "demo --datagrams 0",
                "demo /no/such/file",
                "doctor who",
                "dance",
                "--dance"
            })
    void badArgumentsAreAnsweredWithTheUsageAndStatus2(String line) throws Exception {
        RunningCommand command = RunningCommand.toEnd(line.split(" "));
        assertEquals(2, command.status());
        assertTrue(command.errors().contains("Usage: wskbridge"), command.errors());
        assertEquals("", command.output());
    }

    @Test
    void noCommandIsAnsweredWithTheUsageAndStatus2() throws Exception {
        RunningCommand command = RunningCommand.toEnd();
        assertEquals(2, command.status());
        assertTrue(command.errors().contains("doctor"), command.errors());
    }

    @ParameterizedTest
    @ValueSource(strings = {"--help", "nc --help", "echo --help", "demo --help", "doctor --help", "help nc"})
    void helpIsThere(String line) throws Exception {
        RunningCommand command = RunningCommand.toEnd(line.split(" "));
        assertEquals(0, command.status());
        assertTrue(command.output().contains("Usage: wskbridge"), command.output());
        assertEquals("", command.errors());
    }

    @Test
    void versionIsThere() throws Exception {
        RunningCommand command = RunningCommand.toEnd("--version");
        assertEquals(0, command.status());
        assertTrue(command.output().matches("wskbridge \\d+\\.\\d+\\.\\d+\\S*\\R"), command.output());
    }
}
