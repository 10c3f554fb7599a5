// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The process ends in the middle of an operation, killed or in order: it does end, and its peer sees the end. */
@Timeout(180)
class ProcessEndTest {
    /** The program that ends: does what the first argument says, with the address that the next two are. */
    static final class Program {
        private Program() {}

        public static void main(String[] arguments) throws Exception {
            WskBridge bridge = WskBridge.open();
            InetSocketAddress address = new InetSocketAddress(arguments[1], Integer.parseInt(arguments[2]));
            switch (arguments[0]) {
                case "receive", "send" -> {
                    WskConnectionSocket socket = bridge.openConnection(INET);
                    socket.connect(address).join();
                    if (arguments[0].equals("receive")) {
                        socket.receive(ByteBuffer.allocateDirect(100));
                    } else {
                        socket.send(ByteBuffer.allocateDirect(64 << 20));
                    }
                }
                case "close" -> {
                    WskConnectionSocket socket = bridge.openConnection(INET);
                    socket.connect(address).join();
                    socket.send(ByteBuffer.allocateDirect(CLOSED_BEHIND)).join();
                    socket.close();
                }
                case "connect" -> bridge.openConnection(INET).connect(address);
                case "accept" -> {
                    WskListenSocket listener = bridge.openListen(INET).bind(address);
                    listener.accept();
                    listener.accept();
                    System.out.println(listener.getLocalAddress().getPort());
                }
                default -> throw new IllegalArgumentException(arguments[0]);
            }
            System.out.println("ready");
            if (System.in.read() < 0) {
                Runtime.getRuntime().halt(3);
            }
        }
    }

    /** What a closed connection has sent; the system takes it also when the peer doesn't read. */
    private static final int CLOSED_BEHIND = 500_000;

    private static Process start(String operation, int port) throws IOException {
        String address = BridgeFixture.LOOPBACK4.getHostAddress();
        return Fork.start(Program.class, Map.of(), operation, address, Integer.toString(port));
    }

    private static String line(BufferedReader output) throws IOException {
        String line = output.readLine();
        assertNotNull(line, "the program ended early");
        return line;
    }

    private static void end(Process process, boolean killed) throws Exception {
        if (killed) {
            process.destroyForcibly();
        } else {
            process.getOutputStream().write('\n'); // main returns; only daemon threads are left
            process.getOutputStream().flush();
        }
        assertTrue(process.waitFor(60, TimeUnit.SECONDS), "the process ends");
        if (!killed) {
            assertEquals(0, process.exitValue());
        }
    }

    /** The peer sees a reset or an end, but no silence. */
    private static void assertEnds(Socket peer) throws IOException {
        peer.setSoTimeout(20_000);
        try {
            InputStream in = peer.getInputStream();
            byte[] block = new byte[1 << 16];
            while (in.read(block) >= 0) {
                // what was on its way
            }
        } catch (SocketException e) {
            assertTrue(e.getMessage().contains("reset"), e.toString());
        }
    }

    @ParameterizedTest
    @CsvSource({"receive, true", "receive, false", "send, true", "send, false"})
    void inTheMiddleOfATransfer(String operation, boolean killed) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 10, BridgeFixture.LOOPBACK4)) {
            Process process = start(operation, server.getLocalPort());
            try (Socket peer = server.accept();
                    BufferedReader output = reader(process)) {
                assertEquals("ready", line(output));
                end(process, killed);
                assertEnds(peer);
            } finally {
                process.destroyForcibly();
            }
        }
    }

    /** What sends had completed is in the system's hands, as with any socket. The peer reads when the process is gone. */
    @ParameterizedTest
    @CsvSource({"true", "false"})
    void inTheMiddleOfAClose(boolean killed) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 10, BridgeFixture.LOOPBACK4)) {
            Process process = start("close", server.getLocalPort());
            try (Socket peer = server.accept();
                    BufferedReader output = reader(process)) {
                assertEquals("ready", line(output));
                end(process, killed);
                peer.setSoTimeout(60_000);
                assertEquals(CLOSED_BEHIND, peer.getInputStream().readAllBytes().length);
            } finally {
                process.destroyForcibly();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"true", "false"})
    void inTheMiddleOfAConnect(boolean killed) throws Exception {
        try (BusyServer server = new BusyServer()) {
            Process process = start("connect", server.address().getPort());
            try (BufferedReader output = reader(process)) {
                assertEquals("ready", line(output));
                end(process, killed);
            } finally {
                process.destroyForcibly();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"true", "false"})
    void inTheMiddleOfAnAccept(boolean killed) throws Exception {
        Process process = start("accept", 0);
        try (BufferedReader output = reader(process)) {
            int port = Integer.parseInt(line(output));
            assertEquals("ready", line(output));
            try (Socket peer = new Socket(BridgeFixture.LOOPBACK4, port)) {
                end(process, killed);
                assertEnds(peer);
            }
            BridgeFixture.eventually("nobody listens any more", () -> isRefused(port));
        } finally {
            process.destroyForcibly();
        }
    }

    private static boolean isRefused(int port) {
        try (Socket late = new Socket(BridgeFixture.LOOPBACK4, port)) {
            return false;
        } catch (ConnectException e) {
            return true;
        } catch (IOException e) {
            return false; // accepted and reset while the listener was being closed
        }
    }

    private static BufferedReader reader(Process process) {
        return new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    /** Exits in a callback, while a hook closes the bridge; prints how long that took. */
    static final class ExitsInACallback {
        private ExitsInACallback() {}

        public static void main(String[] arguments) throws Exception {
            WskBridge.Builder builder = WskBridge.builder();
            switch (arguments[0]) {
                case "poller" -> builder.completeOnPoller();
                case "caller" -> builder.executor(Runnable::run);
                default -> {}
            }
            WskBridge bridge = builder.open();
            WskDatagramSocket one = bridge.openDatagram(INET).bind(new InetSocketAddress("127.0.0.1", 0));
            WskDatagramSocket other = bridge.openDatagram(INET).bind(new InetSocketAddress("127.0.0.1", 0));
            other.receiveFrom();
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                long start = System.nanoTime();
                try {
                    bridge.close();
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
                System.out.println(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start));
            }));
            one.receiveFrom().thenRun(() -> System.exit(0));
            one.sendTo(ByteBuffer.allocate(1), one.getLocalAddress()).get();
            Thread.currentThread().join();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"own threads", "poller", "caller"})
    @Tag("embedded") // on Wine a JVM alone needs longer to end
    void exitingInACallbackIsPrompt(String where) throws Exception {
        Process process = Fork.start(ExitsInACallback.class, Map.of(), where);
        try (BufferedReader output = reader(process)) {
            long millis = Long.parseLong(line(output));
            assertTrue(
                    millis < 3_000, "closing in the hook took " + millis + " ms, as if it had waited for the callback");
            assertTrue(process.waitFor(60, TimeUnit.SECONDS), "the process ends");
            assertEquals(0, process.exitValue());
        } finally {
            process.destroyForcibly();
        }
    }
}
