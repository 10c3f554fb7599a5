// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** The README's example works, and is what the README shows. */
class ReadmeExampleTest {
    @Test
    void asksAnOrdinaryServer() throws Exception {
        try (DatagramSocket server = new DatagramSocket(0, BridgeFixture.LOOPBACK4)) {
            CompletableFuture<Void> echoed = CompletableFuture.runAsync(() -> echo(server));
            String answer = ReadmeExample.ask((InetSocketAddress) server.getLocalSocketAddress(), "hello");
            assertEquals("hello", answer);
            server.close();
            echoed.get();
        }
    }

    /** Sends everything back, until the socket is closed. */
    private static void echo(DatagramSocket server) {
        DatagramPacket packet = new DatagramPacket(new byte[100], 100);
        try {
            while (true) {
                server.receive(packet);
                server.send(packet);
            }
        } catch (IOException e) {
            assertTrue(server.isClosed(), e.toString());
        }
    }

    @Test
    void standsInTheReadme() throws IOException {
        String readme = Files.readString(Path.of("../../README.md"));
        String source = Files.readString(Path.of("src/test/java/org/wskbridge/ReadmeExample.java"));
        String example = source.substring(
                        source.indexOf("// README begin\n") + "// README begin\n".length(),
                        source.indexOf("// README end"))
                .stripIndent();
        assertTrue(readme.contains("```java\n" + example + "```\n"), () -> "README.md should show\n" + example);
    }
}
