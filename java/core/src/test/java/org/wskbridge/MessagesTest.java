// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.net.StandardProtocolFamily.INET6;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.AlreadyConnectedException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NotYetConnectedException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Many datagrams with one request, to an ordinary socket. */
class MessagesTest extends BridgeFixture {
    private static DatagramSocket peer(StandardProtocolFamily family) throws Exception {
        DatagramSocket peer = new DatagramSocket(new InetSocketAddress(family == INET6 ? LOOPBACK6 : LOOPBACK4, 0));
        peer.setSoTimeout(20_000);
        return peer;
    }

    private static byte[] receive(DatagramSocket peer) throws Exception {
        DatagramPacket packet = new DatagramPacket(new byte[65536], 65536);
        peer.receive(packet);
        return Arrays.copyOf(packet.getData(), packet.getLength());
    }

    private static byte[] bytes(int length, int seed) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (seed * 31 + i);
        }
        return bytes;
    }

    private static List<ByteBuffer> small(int count) {
        List<ByteBuffer> payloads = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            payloads.add(ByteBuffer.wrap(bytes(16, i)));
        }
        return payloads;
    }

    @ParameterizedTest
    @EnumSource(
            value = StandardProtocolFamily.class,
            names = {"INET", "INET6"})
    void whatRemainsOfEachBufferIsADatagram(StandardProtocolFamily family) throws Exception {
        ByteBuffer direct = ByteBuffer.allocateDirect(2000)
                .put(bytes(2000, 2))
                .position(500)
                .limit(1972);
        List<ByteBuffer> payloads = List.of(
                ByteBuffer.wrap(bytes(1, 1)),
                ByteBuffer.allocate(0),
                direct,
                ByteBuffer.wrap(bytes(9000, 3)).asReadOnlyBuffer(),
                ByteBuffer.wrap(bytes(100, 4), 10, 20));
        List<byte[]> expected = new ArrayList<>();
        for (ByteBuffer payload : payloads) {
            byte[] left = new byte[payload.remaining()];
            payload.duplicate().get(left);
            expected.add(left);
        }
        try (DatagramSocket peer = peer(family);
                WskDatagramSocket socket = bridge.openDatagram(family)) {
            int sent = await(socket.sendMessages(payloads, peer.getLocalSocketAddress()));
            assertEquals(expected.stream().mapToInt(payload -> payload.length).sum(), sent);
            for (byte[] payload : expected) {
                assertArrayEquals(payload, receive(peer));
            }
            for (ByteBuffer payload : payloads) {
                assertFalse(payload.hasRemaining());
            }
        }
    }

    @Test
    void sixtyFourGoOutWithOneRequest() throws Exception {
        assertTrue(bridge.info().features().contains(Feature.SEND_MESSAGES));
        try (DatagramSocket peer = peer(INET);
                WskDatagramSocket socket = datagram(INET)) {
            BridgeStatistics before = bridge.statistics();
            await(socket.sendMessages(small(64), peer.getLocalSocketAddress()));
            BridgeStatistics after = bridge.statistics();
            assertEquals(64, after.sentDatagrams() - before.sentDatagrams());
            assertEquals(1, after.startedIrps() - before.startedIrps());
            for (int i = 0; i < 64; i++) {
                assertArrayEquals(bytes(16, i), receive(peer));
            }
        }
    }

    @Test
    void theFixedPeerIsMeantByNone() throws Exception {
        try (DatagramSocket peer = peer(INET);
                DatagramSocket other = peer(INET);
                WskDatagramSocket socket = datagram(INET)) {
            assertThrows(NotYetConnectedException.class, () -> socket.sendMessages(small(2)));
            socket.connect(peer.getLocalSocketAddress());
            await(socket.sendMessages(small(2)));
            await(socket.sendMessages(small(1), peer.getLocalSocketAddress()));
            assertThrows(
                    AlreadyConnectedException.class,
                    () -> socket.sendMessages(small(1), other.getLocalSocketAddress()));
            assertArrayEquals(bytes(16, 0), receive(peer));
            assertArrayEquals(bytes(16, 1), receive(peer));
            assertArrayEquals(bytes(16, 0), receive(peer));
        }
    }

    @Test
    void badInputIsRefusedAndTheRestGoesOn() throws Exception {
        try (DatagramSocket peer = peer(INET);
                WskDatagramSocket socket = datagram(INET)) {
            InetSocketAddress target = (InetSocketAddress) peer.getLocalSocketAddress();
            assertThrows(IllegalArgumentException.class, () -> socket.sendMessages(List.of(), target));
            assertThrows(
                    IllegalArgumentException.class,
                    () -> socket.sendMessages(small(WskDatagramSocket.MAXIMUM_MESSAGES + 1), target));
            assertThrows(
                    NullPointerException.class, () -> socket.sendMessages(Collections.singletonList(null), target));
            assertThrows(
                    NullPointerException.class, () -> socket.sendMessages(small(1), (java.net.SocketAddress) null));
            failure(SocketException.class, socket.sendMessages(List.of(ByteBuffer.allocate(65_528)), target));
            failure(SocketException.class, socket.sendMessages(small(1), new InetSocketAddress(LOOPBACK4, 0)));
            ByteBuffer large = ByteBuffer.allocate(65_000);
            failure(SocketException.class, socket.sendMessages(Collections.nCopies(1024, large), target));
            assertEquals(65_000, large.remaining());
            await(socket.sendMessages(small(1), target));
            assertArrayEquals(bytes(16, 0), receive(peer));
        }
    }

    @Test
    void aClosedSocketSendsNone() throws Exception {
        WskDatagramSocket socket = datagram(INET);
        InetSocketAddress target = new InetSocketAddress(LOOPBACK4, 9);
        socket.close();
        failure(ClosedChannelException.class, socket.sendMessages(small(3), target));
    }

    /** Batches of several threads on one socket stay whole, each in its order. */
    @Test
    void batchesOfSeveralThreadsStayInOrder() throws Exception {
        int threads = 4;
        int rounds = 20;
        try (DatagramSocket peer = peer(INET);
                WskDatagramSocket socket = datagram(INET)) {
            List<CompletableFuture<Void>> senders = new ArrayList<>();
            for (int thread = 0; thread < threads; thread++) {
                byte name = (byte) thread;
                senders.add(CompletableFuture.runAsync(() -> {
                    for (int round = 0; round < rounds; round++) {
                        byte[] number = {name, (byte) (2 * round)};
                        byte[] next = {name, (byte) (2 * round + 1)};
                        socket.sendMessages(
                                        List.of(ByteBuffer.wrap(number), ByteBuffer.wrap(next)),
                                        peer.getLocalSocketAddress())
                                .join();
                    }
                }));
            }
            int[] seen = new int[threads];
            for (int i = 0; i < 2 * threads * rounds; i++) {
                byte[] datagram = receive(peer);
                assertEquals(seen[datagram[0]]++, datagram[1]);
            }
            for (CompletableFuture<Void> sender : senders) {
                await(sender);
            }
        }
    }
}
