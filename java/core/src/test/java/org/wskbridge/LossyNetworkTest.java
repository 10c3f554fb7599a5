// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The bridge on a network that loses one packet in twenty and has little room. Each scenario of {@link LossyNetwork} is a
 * process in a network namespace of its own, whose loopback interface is made that way.
 */
@Tag("linux")
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LossyNetworkTest {
    private static final String NETWORK = """
            PATH=$PATH:/usr/sbin:/sbin
            ip link set lo up
            tc qdisc add dev lo root handle 1: htb default 1
            tc class add dev lo parent 1: classid 1:1 htb rate 100mbit quantum 60000
            nft "add table inet lossy; add chain inet lossy in { type filter hook input priority 0; };
                 add rule inet lossy in numgen random mod 20 == 0 drop"
            exec "$@"
            """;

    @TempDir
    Path folder;

    @ParameterizedTest
    @EnumSource(LossyNetwork.class)
    void scenarios(LossyNetwork scenario) throws Exception {
        assumeTrue(
                run(List.of("true")) == 0,
                () -> "needs a network namespace, and the packages iproute2 and nftables: " + output());
        List<String> java = Fork.onClassPath(
                        LossyNetwork.class,
                        List.of(
                                "--enable-native-access=ALL-UNNAMED",
                                "-Dwskbridge.extract.path=" + System.getProperty("wskbridge.extract.path")),
                        scenario.name())
                .command();
        assertEquals(0, run(java), this::output);
    }

    private int run(List<String> program) throws Exception {
        List<String> command = new ArrayList<>(List.of("unshare", "--net"));
        if (!"root".equals(System.getProperty("user.name"))) {
            command.add("--map-root-user");
        }
        command.addAll(List.of("bash", "-ec", NETWORK, "network"));
        command.addAll(program);
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("output").toFile())
                .start();
        try {
            assertTrue(process.waitFor(150, TimeUnit.SECONDS), this::output);
            return process.exitValue();
        } finally {
            process.destroyForcibly();
        }
    }

    private String output() {
        try {
            return Files.readString(folder.resolve("output"));
        } catch (java.io.IOException e) {
            return e.toString();
        }
    }
}
