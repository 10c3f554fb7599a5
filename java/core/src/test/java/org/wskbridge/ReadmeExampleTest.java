// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** The README's example works, and is what the README shows. */
class ReadmeExampleTest {
    @Test
    void asksAnOrdinaryServer() throws Exception {
        try (DatagramSocket server = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            CompletableFuture<Void> echoed = CompletableFuture.runAsync(() -> echoOnce(server));
            String answer = ReadmeExample.ask((InetSocketAddress) server.getLocalSocketAddress(), "hello");
            echoed.get();
            assertEquals("hello", answer);
        }
    }

    private static void echoOnce(DatagramSocket server) {
        try {
            DatagramPacket packet = new DatagramPacket(new byte[100], 100);
            server.receive(packet);
            server.send(packet);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
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
