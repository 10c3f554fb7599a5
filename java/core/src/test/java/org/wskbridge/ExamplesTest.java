// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The programs in java/examples work as a user runs them, and the pages show what is in them. The runtime has to have a
 * compiler, since they are started as source.
 */
@Timeout(180)
@Tag("compiler")
class ExamplesTest {
    private static final Path EXAMPLES = Path.of("../examples");
    private static final InetAddress LOOPBACK = BridgeFixture.LOOPBACK4;

    /** A page's mark in front of code: the file, and the name between whose marks it stands there. */
    private static final Pattern SHOWN =
            Pattern.compile("<!-- From ([A-Za-z]+\\.java), (\\w+) -->\n```java\n(.*?)```\n", Pattern.DOTALL);

    /** An example that runs in a process of its own. */
    private static final class Running implements AutoCloseable {
        private final Process process;
        private final BufferedReader output;

        Running(String name, Object... arguments) throws IOException {
            String[] words = Stream.of(arguments).map(Object::toString).toArray(String[]::new);
            process = Fork.startSource(EXAMPLES.resolve(name + ".java"), words);
            output = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
        }

        String line() throws IOException {
            String line = output.readLine();
            assertNotNull(line, "the example ended early");
            return line;
        }

        /** The port that a server says. */
        int port() throws IOException {
            String line = line();
            return Integer.parseInt(line.substring(line.lastIndexOf(' ') + 1));
        }

        void awaitEnd() throws InterruptedException {
            assertTrue(process.waitFor(120, TimeUnit.SECONDS), "the example ends");
            assertEquals(0, process.exitValue());
        }

        @Override
        public void close() throws IOException {
            process.destroyForcibly();
            output.close();
        }
    }

    @Test
    void udpQuestionAsksAgain() throws Exception {
        try (DatagramSocket server = new DatagramSocket(0, LOOPBACK);
                Running example =
                        new Running("UdpQuestion", LOOPBACK.getHostAddress(), server.getLocalPort(), "how?")) {
            server.setSoTimeout(120_000);
            DatagramPacket packet = new DatagramPacket(new byte[100], 100);
            server.receive(packet); // the first gets no answer
            server.receive(packet);
            assertEquals("how?", new String(packet.getData(), 0, packet.getLength(), UTF_8));
            packet.setData("so".getBytes(UTF_8));
            server.send(packet);
            assertEquals("so", example.line());
            example.awaitEnd();
        }
    }

    @Test
    void udpEchoSendsBack() throws Exception {
        try (Running example = new Running("UdpEcho", LOOPBACK.getHostAddress(), 0);
                DatagramSocket client = new DatagramSocket(0, LOOPBACK)) {
            int port = example.port();
            client.setSoTimeout(120_000);
            for (int i = 0; i < 100; i++) {
                byte[] payload = ("datagram " + i).getBytes(UTF_8);
                client.send(new DatagramPacket(payload, payload.length, LOOPBACK, port));
                DatagramPacket answer = new DatagramPacket(new byte[100], 100);
                client.receive(answer);
                assertEquals("datagram " + i, new String(answer.getData(), 0, answer.getLength(), UTF_8));
            }
        }
    }

    @Test
    void udpCountCountsAll() throws Exception {
        try (Running example = new Running("UdpCount", 0, 3);
                DatagramSocket client = new DatagramSocket(0, LOOPBACK)) {
            int port = example.port();
            for (int i = 0; i < 200; i++) {
                client.send(new DatagramPacket(new byte[i], i, LOOPBACK, port));
            }
            assertEquals(200 * 199 / 2 + " bytes", example.line());
            example.awaitEnd();
        }
    }

    @Test
    void tcpEchoServesSeveral() throws Exception {
        byte[] data = new byte[3_000_000];
        new Random(1).nextBytes(data);
        try (Running example = new Running("TcpEcho", LOOPBACK.getHostAddress(), 0)) {
            int port = example.port();
            try (Socket silent = new Socket(LOOPBACK, port);
                    Socket client = new Socket(LOOPBACK, port)) {
                CompletableFuture<Void> sent = CompletableFuture.runAsync(() -> sendAll(client, data));
                assertArrayEquals(data, client.getInputStream().readAllBytes());
                sent.get();
                assertTrue(silent.isConnected());
            }
        }
    }

    private static void sendAll(Socket client, byte[] data) {
        try {
            client.getOutputStream().write(data);
            client.shutdownOutput();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void sendFileSendsAll(@TempDir Path folder) throws Exception {
        byte[] data = new byte[5_000_001];
        new Random(2).nextBytes(data);
        Path file = Files.write(folder.resolve("data"), data);
        try (ServerSocket server = new ServerSocket(0, 5, LOOPBACK);
                Running example = new Running("SendFile", LOOPBACK.getHostAddress(), server.getLocalPort(), file)) {
            try (Socket peer = server.accept()) {
                assertArrayEquals(data, peer.getInputStream().readAllBytes());
            }
            assertEquals("sent " + data.length + " bytes", example.line());
            example.awaitEnd();
        }
    }

    @Test
    void pagesShowWhatIsThere() throws IOException {
        int found = 0;
        try (Stream<Path> pages =
                Stream.concat(Stream.of(Path.of("../../README.md")), Files.list(Path.of("../../docs")))) {
            for (Path page :
                    pages.filter(path -> path.toString().endsWith(".md")).toList()) {
                Matcher shown = SHOWN.matcher(Files.readString(page));
                while (shown.find()) {
                    assertEquals(
                            excerpt(shown.group(1), shown.group(2)),
                            shown.group(3),
                            page + " shows another " + shown.group(2));
                    found++;
                }
            }
        }
        assertTrue(found >= 4, "pages show examples: " + found);
    }

    private static String excerpt(String file, String name) throws IOException {
        String source = Files.readString(EXAMPLES.resolve(file));
        String begin = "// begin " + name + "\n";
        int start = source.indexOf(begin);
        int end = source.indexOf("// end " + name + "\n");
        assertTrue(start >= 0 && end > start, file + " has no part " + name);
        return source.substring(start + begin.length(), end).stripIndent();
    }
}
