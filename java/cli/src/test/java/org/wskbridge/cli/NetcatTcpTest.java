// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Netcat over TCP; the other end is an ordinary socket or socat. */
@Timeout(60)
class NetcatTcpTest {

    private static ServerSocket server(String address) throws Exception {
        return new ServerSocket(0, 10, InetAddress.getByName(address));
    }

    private static InputStream text(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String port(ServerSocket server) {
        return Integer.toString(server.getLocalPort());
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "::1"})
    void endOfInputClosesOneDirectionOnly(String address) throws Exception {
        try (ServerSocket server = server(address);
                RunningCommand nc = RunningCommand.withInput(text("question"), "nc", "-N", address, port(server));
                Socket peer = server.accept()) {
            String question = new String(peer.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            peer.getOutputStream().write(("answer to " + question).getBytes(StandardCharsets.UTF_8));
            peer.shutdownOutput();
            assertEquals(0, nc.status(), nc.errors());
            assertEquals("answer to question", nc.output());
        }
    }

    @Test
    void whatIsTypedArrivesBeforeTheEndOfInput() throws Exception {
        try (ServerSocket server = server("127.0.0.1");
                RunningCommand nc = RunningCommand.start("nc", "-N", "127.0.0.1", port(server));
                Socket peer = server.accept()) {
            nc.type("one");
            assertEquals("one", new String(peer.getInputStream().readNBytes(3), StandardCharsets.UTF_8));
            peer.getOutputStream().write("two".getBytes(StandardCharsets.UTF_8));
            nc.awaitOutput("two");
            assertTrue(nc.isRunning());
            nc.endInput();
            assertEquals(-1, peer.getInputStream().read());
            peer.shutdownOutput();
            assertEquals(0, nc.status(), nc.errors());
        }
    }

    @Test
    void carriesAnyBytesBothWaysAtOnce() throws Exception {
        byte[] data = new byte[16 << 20];
        new Random(1).nextBytes(data);
        try (ServerSocket server = server("127.0.0.1");
                RunningCommand nc = RunningCommand.withInput(
                        new ByteArrayInputStream(data), "nc", "-N", "127.0.0.1", port(server));
                Socket peer = server.accept()) {
            peer.getInputStream().transferTo(peer.getOutputStream());
            peer.shutdownOutput();
            assertEquals(0, nc.status(), nc.errors());
            assertArrayEquals(data, nc.bytes());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "::1"})
    void listensForOneConnection(String address) throws Exception {
        try (RunningCommand nc = RunningCommand.withInput(text("hello"), "nc", "-v", "-l", address, "0");
                Socket peer = new Socket(address, nc.listeningPort())) {
            peer.getOutputStream().write("hi".getBytes(StandardCharsets.UTF_8));
            peer.shutdownOutput();
            assertEquals("hello", new String(peer.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
            assertEquals(0, nc.status(), nc.errors());
            assertEquals("hi", nc.output());
        }
    }

    @Test
    void keepsListeningWhenTold() throws Exception {
        try (RunningCommand nc = RunningCommand.withInput(text(""), "nc", "-v", "-l", "-k", "127.0.0.1", "0")) {
            int port = nc.listeningPort();
            for (String word : new String[] {"first ", "second ", "third"}) {
                try (Socket peer = new Socket("127.0.0.1", port)) {
                    peer.getOutputStream().write(word.getBytes(StandardCharsets.UTF_8));
                    peer.shutdownOutput();
                    assertEquals(-1, peer.getInputStream().read());
                }
            }
            nc.awaitOutput("first second third");
            assertTrue(nc.isRunning());
        }
    }

    @Test
    void listensOnThePortOfTheOptionToo() throws Exception {
        int port;
        try (ServerSocket free = server("127.0.0.1")) {
            port = free.getLocalPort();
        }
        try (RunningCommand nc =
                RunningCommand.withInput(text("x"), "nc", "-v", "-l", "-p", Integer.toString(port), "127.0.0.1")) {
            assertEquals(port, nc.listeningPort());
            try (Socket peer = new Socket("127.0.0.1", port)) {
                peer.shutdownOutput();
                assertEquals('x', peer.getInputStream().read());
            }
            assertEquals(0, nc.status());
        }
    }

    @Test
    void sendsFromTheSourceGiven() throws Exception {
        int source;
        try (ServerSocket free = server("127.0.0.1")) {
            source = free.getLocalPort();
        }
        try (ServerSocket server = server("127.0.0.1");
                RunningCommand nc = RunningCommand.withInput(
                        text(""), "nc", "-s", "127.0.0.1", "-p", Integer.toString(source), "127.0.0.1", port(server));
                Socket peer = server.accept()) {
            assertEquals(source, peer.getPort());
            peer.shutdownOutput();
            assertEquals(0, nc.status(), nc.errors());
        }
    }

    @Test
    void aRefusedConnectionFails() throws Exception {
        int port;
        try (ServerSocket free = server("127.0.0.1")) {
            port = free.getLocalPort();
        }
        RunningCommand nc = RunningCommand.toEnd("nc", "127.0.0.1", Integer.toString(port));
        assertEquals(1, nc.status());
        assertTrue(
                nc.errors().startsWith("wskbridge nc: connect to 127.0.0.1 port " + port + " (tcp) failed: "),
                nc.errors());
    }

    @Test
    void aPortInUseFails() throws Exception {
        try (ServerSocket taken = server("127.0.0.1")) {
            RunningCommand nc = RunningCommand.toEnd("nc", "-l", "127.0.0.1", port(taken));
            assertEquals(1, nc.status());
            assertTrue(nc.errors().startsWith("wskbridge nc: "), nc.errors());
        }
    }

    @Test
    void anUnknownHostFails() throws Exception {
        RunningCommand nc = RunningCommand.toEnd("nc", "no-such-host.invalid", "80");
        assertEquals(1, nc.status());
        assertTrue(nc.errors().contains("no-such-host.invalid"), nc.errors());
    }

    @Test
    void aResetConnectionFails() throws Exception {
        try (ServerSocket server = server("127.0.0.1");
                RunningCommand nc = RunningCommand.start("nc", "127.0.0.1", port(server))) {
            reset(server.accept());
            assertEquals(1, nc.status());
        }
    }

    private static void reset(Socket peer) throws Exception {
        peer.setSoLinger(true, 0);
        peer.close();
    }

    @Test
    void silenceEndsTheConnectionAfterTheTimeGiven() throws Exception {
        try (ServerSocket server = server("127.0.0.1")) {
            long start = System.nanoTime();
            try (RunningCommand nc = RunningCommand.start("nc", "-w", "1", "127.0.0.1", port(server));
                    Socket peer = server.accept()) {
                nc.type("x");
                assertEquals('x', peer.getInputStream().read());
                assertEquals(0, nc.status(), nc.errors());
                assertTrue(System.nanoTime() - start >= TimeUnit.SECONDS.toNanos(1));
            }
        }
    }

    /** The peer has the end of input and keeps its own side open; OpenBSD's waits for it there. */
    @Test
    void quitsAfterTheTimeGivenThoughThePeerStays() throws Exception {
        try (ServerSocket server = server("127.0.0.1");
                RunningCommand nc =
                        RunningCommand.withInput(text("question"), "nc", "-q", "1", "127.0.0.1", port(server));
                Socket peer = server.accept()) {
            assertEquals("question", new String(peer.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
            peer.getOutputStream().write("answer".getBytes(StandardCharsets.UTF_8));
            assertEquals(0, nc.status(), nc.errors());
            assertEquals("answer", nc.output());
        }
    }

    @Test
    void talksWithSocatAsServer() throws Exception {
        try (CommandProcess socat =
                CommandProcess.of("socat", "-d", "-d", "TCP-LISTEN:0,bind=127.0.0.1", "SYSTEM:tr a-z A-Z")) {
            String port = socat.awaitError("listening on AF=2 127.0.0.1:(\\d+)").group(1);
            try (RunningCommand nc = RunningCommand.withInput(text("to upper case\n"), "nc", "-N", "127.0.0.1", port)) {
                assertEquals(0, nc.status(), nc.errors());
                assertEquals("TO UPPER CASE\n", nc.output());
            }
        }
    }

    @Test
    void talksWithSocatAsClient() throws Exception {
        try (RunningCommand nc = RunningCommand.withInput(text("from nc"), "nc", "-v", "-l", "127.0.0.1", "0");
                CommandProcess socat =
                        CommandProcess.of("socat", "-t", "20", "-", "TCP:127.0.0.1:" + nc.listeningPort())) {
            socat.type("from socat");
            socat.endInput();
            CompletableFuture<String> read =
                    CompletableFuture.supplyAsync(() -> socat.output().lines().reduce("", String::concat));
            assertEquals("from nc", read.get(30, TimeUnit.SECONDS));
            assertEquals(0, nc.status(), nc.errors());
            assertEquals("from socat", nc.output());
            assertEquals(0, socat.status());
        }
    }

    @Test
    void interruptEndsItQuietly() throws Exception {
        try (ServerSocket server = server("127.0.0.1");
                CommandProcess nc = CommandProcess.wskbridge("nc", "127.0.0.1", port(server));
                Socket peer = server.accept()) {
            nc.type("x");
            assertEquals('x', peer.getInputStream().read());
            nc.interrupt();
            assertEquals(130, nc.status());
            assertEquals("", nc.errors());
        }
    }
}
