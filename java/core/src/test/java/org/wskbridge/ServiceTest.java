// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.wskbridge.internal.embedded.EmbeddedHost;

/** The driver as a service that several processes share, and that is stopped and started below them. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ServiceTest {
    private static final int SOCKETS = 100;
    private static final int OPERATIONS = 10;

    @BeforeEach
    void deviceOnly() throws IOException {
        assumeTrue(!EmbeddedHost.isPresent(), "the embedded driver is no service");
    }

    @AfterEach
    void startAgain() throws Exception {
        if (!EmbeddedHost.isPresent() && !WskBridge.isAvailable()) {
            service("start");
        }
    }

    /** Another process with the bridge. */
    static final class Program {
        private Program() {}

        public static void main(String[] arguments) throws Exception {
            try (WskBridge bridge = WskBridge.open()) {
                if (arguments[0].equals("crowd")) {
                    crowd(bridge);
                } else {
                    echo(bridge);
                }
            }
        }

        /** Many sockets with many operations in flight. */
        private static void crowd(WskBridge bridge) throws Exception {
            List<CompletableFuture<ReceivedDatagram>> pending = new ArrayList<>();
            for (int i = 0; i < SOCKETS; i++) {
                WskDatagramSocket socket = bridge.openDatagram(INET).bind(new InetSocketAddress("127.0.0.1", 0));
                for (int k = 0; k < OPERATIONS; k++) {
                    pending.add(socket.receiveFrom());
                }
            }
            System.out.println("ready");
            CompletableFuture.anyOf(pending.toArray(CompletableFuture<?>[]::new))
                    .join();
        }

        private static void echo(WskBridge bridge) throws Exception {
            WskDatagramSocket socket = bridge.openDatagram(INET).bind(new InetSocketAddress("127.0.0.1", 0));
            System.out.println(socket.getLocalAddress().getPort());
            while (true) {
                try (ReceivedDatagram datagram = socket.receiveFrom().join()) {
                    socket.sendTo(datagram.payload(), datagram.sender()).join();
                }
            }
        }
    }

    private static BufferedReader reader(Process process) {
        return new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    private static void service(String verb) throws Exception {
        Process process = new ProcessBuilder("sc.exe", verb, "WskBridge")
                .redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS), "sc.exe ends");
        assertEquals(0, process.exitValue(), output);
    }

    private static void eventuallyEmpty() throws Exception {
        try (WskBridge bridge = WskBridge.open()) {
            BridgeFixture.eventually("the driver closes what the process left", () -> isEmpty(bridge));
        }
    }

    private static boolean isEmpty(WskBridge bridge) {
        try {
            BridgeStatistics now = bridge.statistics();
            return now.openSockets() == 0 && now.operationsInFlight() == 0;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static void assertWorks(WskBridge bridge) throws Exception {
        try (WskDatagramSocket socket = bridge.openDatagram(INET).bind(new InetSocketAddress("127.0.0.1", 0));
                DatagramSocket peer = new DatagramSocket(0, BridgeFixture.LOOPBACK4)) {
            peer.setSoTimeout(20_000);
            BridgeFixture.await(socket.sendTo(ByteBuffer.wrap(new byte[] {42}), peer.getLocalSocketAddress()));
            DatagramPacket packet = new DatagramPacket(new byte[10], 10);
            peer.receive(packet);
            assertEquals(42, packet.getData()[0]);
        }
    }

    @Test
    void aKilledProcessLeavesNothingBehind() throws Exception {
        Process process = Fork.start(Program.class, Map.of(), "crowd");
        try (BufferedReader output = reader(process)) {
            assertEquals("ready", output.readLine());
            try (WskBridge bridge = WskBridge.open()) {
                BridgeStatistics now = bridge.statistics();
                assertEquals(SOCKETS, now.openSockets());
                assertEquals(SOCKETS * OPERATIONS, now.operationsInFlight());
            }
            process.destroyForcibly();
            assertTrue(process.waitFor(60, TimeUnit.SECONDS), "the process ends");
            eventuallyEmpty();
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    void twoProcessesShareTheDriver() throws Exception {
        Process process = Fork.start(Program.class, Map.of(), "echo");
        try (BufferedReader output = reader(process);
                WskBridge bridge = WskBridge.open();
                WskDatagramSocket socket = bridge.openDatagram(INET).bind(new InetSocketAddress("127.0.0.1", 0))) {
            String port = output.readLine();
            assertNotNull(port, "the program ended early");
            InetSocketAddress server = new InetSocketAddress("127.0.0.1", Integer.parseInt(port));
            for (int i = 0; i < 100; i++) {
                CompletableFuture<ReceivedDatagram> answer = socket.receiveFrom();
                BridgeFixture.await(socket.sendTo(ByteBuffer.allocate(4).putInt(0, i), server));
                try (ReceivedDatagram datagram = BridgeFixture.await(answer)) {
                    assertEquals(i, datagram.payload().getInt());
                    assertEquals(server, datagram.sender());
                }
            }
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    void aServiceThatIsStoppedAndStartedAgain() throws Exception {
        try (WskBridge bridge = WskBridge.open();
                WskDatagramSocket socket = bridge.openDatagram(INET).bind(new InetSocketAddress("127.0.0.1", 0))) {
            CompletableFuture<ReceivedDatagram> pending = socket.receiveFrom();
            service("stop");
            IOException ended = BridgeFixture.failure(IOException.class, pending);
            assertTrue(ended.getMessage().contains("the driver"), ended.toString());
            IOException refused = BridgeFixture.failure(IOException.class, socket.receiveFrom());
            assertTrue(refused.getMessage().contains("the driver"), refused.toString());
            IOException noSocket = assertThrows(IOException.class, () -> bridge.openDatagram(INET));
            assertTrue(noSocket.getMessage().contains("the driver"), noSocket.toString());
            Throwable cause = WskBridge.unavailabilityCause().orElseThrow();
            assertTrue(cause.getMessage().contains("the driver isn't there"), cause.toString());

            service("start");
            try (WskBridge reopened = WskBridge.open()) {
                assertWorks(reopened);
            }
        }
        eventuallyEmpty();
    }
}
