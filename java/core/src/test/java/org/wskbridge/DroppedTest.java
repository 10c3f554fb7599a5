// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/** Sockets and bridges that a program drops instead of closing them. */
class DroppedTest extends BridgeFixture {
    private static final int SOCKETS = 100;

    private static void collectUntil(BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + SECONDS.toNanos(60);
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < deadline, "the garbage collector finds what was dropped");
            System.gc();
            Thread.onSpinWait();
        }
    }

    private int openSockets() {
        try {
            return bridge.statistics().openSockets();
        } catch (java.io.IOException e) {
            throw new AssertionError(e);
        }
    }

    private void openAndDrop(int count) throws Exception {
        for (int i = 0; i < count; i++) {
            bridge.openDatagram(INET).bind(new InetSocketAddress(LOOPBACK4, 0));
        }
    }

    @Test
    void droppedSocketsAreClosed() throws Exception {
        openAndDrop(SOCKETS);
        collectUntil(() -> openSockets() == 0);
    }

    /** Drops sockets, and ends when they are closed. */
    static final class Program {
        private Program() {}

        public static void main(String[] arguments) throws Exception {
            try (WskBridge bridge = WskBridge.open()) {
                for (int i = 0; i < SOCKETS; i++) {
                    openHere(bridge);
                }
                while (bridge.statistics().openSockets() > 0) {
                    System.gc();
                }
            }
        }

        private static void openHere(WskBridge bridge) throws Exception {
            bridge.openDatagram(INET);
        }
    }

    @Test
    void theFirstIsLoggedWithWhereItWasOpened() throws Exception {
        List<String> options = List.of(
                "--enable-native-access=ALL-UNNAMED",
                "-Dwskbridge.extract.path=" + System.getProperty("wskbridge.extract.path"));
        Process process = Fork.onClassPath(Program.class, options)
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
        assertEquals(2, output.split("dropped without being closed", -1).length, output);
        assertTrue(output.contains("openHere"), output);
    }

    /** What is under way keeps a socket, however its object was dropped. */
    @Test
    void aSocketWithOperationsUnderWayIsNotGarbage() throws Exception {
        InetSocketAddress[] address = new InetSocketAddress[1];
        CompletableFuture<Integer> received = receiveAndDrop(address);
        openAndDrop(SOCKETS);
        collectUntil(() -> openSockets() == 1);
        assertFalse(received.isDone());
        try (DatagramSocket peer = new DatagramSocket(0, LOOPBACK4)) {
            peer.send(new DatagramPacket(new byte[5], 5, address[0]));
        }
        assertEquals(5, received.get(60, SECONDS));
        collectUntil(() -> openSockets() == 0);
    }

    private CompletableFuture<Integer> receiveAndDrop(InetSocketAddress[] address) throws Exception {
        WskDatagramSocket socket = bridge.openDatagram(INET).bind(new InetSocketAddress(LOOPBACK4, 0));
        address[0] = socket.getLocalAddress();
        return socket.receiveFrom().thenApply(datagram -> {
            datagram.close();
            return datagram.length();
        });
    }

    @Test
    void aDroppedBridgeIsClosed() throws Exception {
        String name = "dropped-" + System.nanoTime();
        openAndDropBridge(name);
        collectUntil(() -> Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().startsWith(name)));
    }

    private static void openAndDropBridge(String name) throws Exception {
        WskBridge dropped = WskBridge.builder().name(name).open();
        dropped.openDatagram(INET).bind(new InetSocketAddress(LOOPBACK4, 0));
    }
}
