// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A program that runs out of heap again and again: operations may fail meanwhile, and afterwards all is as before. */
@Timeout(300)
@Tag("embedded") // what runs short is the JVM, which is the same everywhere but takes minutes for this on Wine
class ShortOfMemoryTest {
    /** That program. */
    static final class Program {
        private static final int MEALS = 60;
        private static volatile boolean eating = true;

        private Program() {}

        public static void main(String[] arguments) throws Exception {
            WskBridge bridge = WskBridge.open();
            assertAllIsWell(
                    bridge); // a class whose first use fails for lack of memory is lost for good, also the JDK's
            WskDatagramSocket socket = bridge.openDatagram(INET).bind(new InetSocketAddress("127.0.0.1", 0));
            InetSocketAddress self = socket.getLocalAddress();
            DatagramSocket peer = new DatagramSocket();
            List<Thread> threads = new ArrayList<>();
            threads.add(start(() -> sendTo(peer, self)));
            for (int i = 0; i < 3; i++) {
                threads.add(start(() -> receive(socket)));
            }
            for (int i = 0; i < MEALS; i++) {
                eat();
            }
            eating = false;
            socket.close();
            for (Thread thread : threads) {
                thread.join();
            }
            assertAllIsWell(bridge);
            bridge.close();
            System.out.println("all is well");
            System.exit(0);
        }

        private static Thread start(Runnable task) {
            Thread thread = new Thread(task);
            thread.start();
            return thread;
        }

        /** Fills the heap, and lets it be full for a moment. */
        private static void eat() throws InterruptedException {
            List<byte[]> food = new ArrayList<>();
            for (int size = 1 << 18; size >= 16; ) {
                try {
                    food.add(new byte[size]);
                } catch (OutOfMemoryError e) {
                    size /= 4;
                }
            }
            Thread.sleep(3);
        }

        private static void sendTo(DatagramSocket peer, InetSocketAddress target) {
            byte[] payload = new byte[10];
            while (eating) {
                try {
                    peer.send(new DatagramPacket(payload, payload.length, target));
                } catch (IOException | OutOfMemoryError e) {
                    // the next
                }
            }
        }

        /** Receives with everything that allocates on the way: dependents, deadlines, cancellations. */
        private static void receive(WskDatagramSocket socket) {
            while (eating) {
                try {
                    socket.receiveFrom(100)
                            .thenAccept(ReceivedDatagram::close)
                            .orTimeout(1, MILLISECONDS)
                            .get(10, SECONDS);
                } catch (ExecutionException | TimeoutException | InterruptedException | OutOfMemoryError e) {
                    // the next
                } catch (RuntimeException e) {
                    // a class that could not be loaded, and the like
                }
            }
        }

        private static void assertAllIsWell(WskBridge bridge) throws Exception {
            assertTrue(bridge.isOpen());
            for (int i = 0; i < 100; i++) {
                CompletableFuture<Integer> dependent = bridge.nop().thenApply(nothing -> 1);
                assertEquals(1, dependent.get(30, SECONDS));
            }
            try (WskDatagramSocket socket = bridge.openDatagram(INET).bind(new InetSocketAddress("127.0.0.1", 0))) {
                CompletableFuture<ReceivedDatagram> receive = socket.receiveFrom();
                socket.sendTo(ByteBuffer.allocate(7), socket.getLocalAddress()).get(30, SECONDS);
                try (ReceivedDatagram datagram = receive.get(30, SECONDS)) {
                    assertEquals(7, datagram.length());
                }
                CompletableFuture<Void> late =
                        socket.receiveFrom().thenRun(() -> {}).orTimeout(10, MILLISECONDS);
                try {
                    late.get(30, SECONDS);
                    throw new AssertionError("a deadline should have fired");
                } catch (ExecutionException e) {
                    assertTrue(e.getCause() instanceof TimeoutException, e.toString());
                }
            }
        }
    }

    @Test
    void theBridgeOutlivesALackOfMemory() throws Exception {
        Process process = Fork.onClassPath(
                        Program.class,
                        List.of(
                                "--enable-native-access=ALL-UNNAMED",
                                "-Xmx24m",
                                "-XX:+UseSerialGC",
                                "-Dwskbridge.extract.path=" + System.getProperty("wskbridge.extract.path")))
                .start();
        try {
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertTrue(output.contains("all is well"), output);
            assertEquals(0, process.waitFor());
        } finally {
            process.destroyForcibly();
        }
    }
}
