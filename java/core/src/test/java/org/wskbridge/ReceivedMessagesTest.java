// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.net.StandardProtocolFamily.INET6;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NotYetBoundException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wskbridge.internal.memory.BufferPool;
import org.wskbridge.internal.shim.Layout;

/** Many datagrams of an ordinary socket with one request. */
class ReceivedMessagesTest extends BridgeFixture {
    private static DatagramSocket peer(StandardProtocolFamily family) throws Exception {
        return new DatagramSocket(new InetSocketAddress(family == INET6 ? LOOPBACK6 : LOOPBACK4, 0));
    }

    private static byte[] bytes(int length, int seed) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (seed * 31 + i);
        }
        return bytes;
    }

    private static void send(DatagramSocket peer, WskDatagramSocket to, byte[] payload) throws Exception {
        peer.send(new DatagramPacket(payload, payload.length, to.getLocalAddress()));
    }

    private static byte[] content(ByteBuffer payload) {
        byte[] bytes = new byte[payload.remaining()];
        payload.get(bytes);
        return bytes;
    }

    private static int inRing(WskDatagramSocket socket) {
        try {
            return socket.getReceiveRing().orElseThrow().datagrams();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = StandardProtocolFamily.class,
            names = {"INET", "INET6"})
    void theCursorAndTheListShowWhatCame(StandardProtocolFamily family) throws Exception {
        int[] lengths = {1, 0, 1472, 9000, 65507, 512};
        try (DatagramSocket first = peer(family);
                DatagramSocket second = peer(family);
                WskDatagramSocket socket = datagram(family)) {
            assertSame(socket, socket.setReceiveRing(ReceiveRing.DEFAULT));
            for (int i = 0; i < lengths.length; i++) {
                send(i % 2 == 0 ? first : second, socket, bytes(lengths[i], i));
                int sent = i + 1;
                eventually("datagram " + i + " is in the ring", () -> inRing(socket) == sent);
            }
            try (ReceivedMessages messages = await(socket.receiveMessages())) {
                assertEquals(lengths.length, messages.count());
                assertEquals(0, messages.left());
                assertEquals(0, messages.dropped());
                ByteBuffer same = null;
                for (int i = 0; i < lengths.length; i++) {
                    assertTrue(messages.next());
                    assertEquals(lengths[i], messages.length());
                    assertEquals((i % 2 == 0 ? first : second).getLocalSocketAddress(), messages.sender());
                    assertTrue(same == null || same == messages.payload(), "no object for each");
                    same = messages.payload();
                    assertEquals(ByteOrder.BIG_ENDIAN, same.order());
                    assertArrayEquals(bytes(lengths[i], i), content(same));
                }
                assertFalse(messages.next());
                messages.rewind();
                assertTrue(messages.next());
                assertArrayEquals(bytes(1, 0), content(messages.payload()));
                List<ReceivedMessages.Message> list = messages.asList();
                assertEquals(lengths.length, list.size());
                int i = 0;
                for (ReceivedMessages.Message message : messages) {
                    assertEquals(list.get(i).sender(), message.sender());
                    assertArrayEquals(bytes(lengths[i], i), content(message.payload()));
                    assertArrayEquals(bytes(lengths[i], i), content(list.get(i).payload()));
                    i++;
                }
            }
        }
    }

    /** On every place, by the driver's own count. */
    @Test
    void sixtyFourComeWithOneRequest() throws Exception {
        assertTrue(bridge.info().features().contains(Feature.RECEIVE_MESSAGES));
        try (DatagramSocket peer = peer(INET);
                WskDatagramSocket socket = datagram(INET)) {
            socket.setReceiveRing(ReceiveRing.DEFAULT);
            for (int i = 0; i < 64; i++) {
                send(peer, socket, bytes(16, i));
            }
            eventually("all are in the ring", () -> inRing(socket) == 64);
            BridgeStatistics before = bridge.statistics();
            try (ReceivedMessages messages = await(socket.receiveMessages())) {
                BridgeStatistics after = bridge.statistics();
                assertEquals(64, messages.count());
                assertEquals(64, after.receivedDatagrams() - before.receivedDatagrams());
                assertEquals(2, after.controlRequests() - before.controlRequests(), "this one, and the statistics");
                for (int i = 0; messages.next(); i++) {
                    assertArrayEquals(bytes(16, i), content(messages.payload()));
                }
            }
        }
    }

    @Test
    void aReceiveWaitsForTheFirst() throws Exception {
        try (DatagramSocket peer = peer(INET);
                WskDatagramSocket socket = datagram(INET)) {
            CompletableFuture<ReceivedMessages> receive = socket.receiveMessages();
            assertEquals(
                    ReceiveRing.DEFAULT.bytes(),
                    socket.getReceiveRing().orElseThrow().bytes());
            assertFalse(receive.isDone());
            send(peer, socket, bytes(5, 1));
            try (ReceivedMessages messages = await(receive)) {
                assertEquals(1, messages.count());
            }
        }
    }

    @Test
    void whatDoesNotFitIsForTheNextReceive() throws Exception {
        try (DatagramSocket peer = peer(INET);
                WskDatagramSocket socket = datagram(INET)) {
            socket.setReceiveRing(ReceiveRing.DEFAULT);
            for (int i = 0; i < 3; i++) {
                send(peer, socket, bytes(30_000, i));
            }
            eventually("all are in the ring", () -> inRing(socket) == 3);
            try (ReceivedMessages messages = await(socket.receiveMessages(WskDatagramSocket.MINIMUM_MESSAGES_ROOM))) {
                assertEquals(2, messages.count());
                assertEquals(1, messages.left());
            }
            try (ReceivedMessages messages = await(socket.receiveMessages(1 << 20))) {
                assertEquals(1, messages.count());
            }
        }
    }

    @Test
    void aFullRingDropsAndCounts() throws Exception {
        try (DatagramSocket peer = peer(INET);
                WskDatagramSocket socket = datagram(INET)) {
            long before = bridge.statistics().droppedDatagrams();
            socket.setReceiveRing(ReceiveRing.DEFAULT.maximumDatagrams(4));
            for (int i = 0; i < 10; i++) {
                send(peer, socket, bytes(16, i));
            }
            eventually("six are dropped", () -> dropped(socket) == 6);
            assertEquals(6, bridge.statistics().droppedDatagrams() - before);
            try (ReceivedMessages messages = await(socket.receiveMessages())) {
                assertEquals(4, messages.count());
                assertEquals(6, messages.dropped());
                assertTrue(messages.next());
                assertArrayEquals(bytes(16, 0), content(messages.payload()), "the oldest stay");
            }
        }
    }

    private static long dropped(WskDatagramSocket socket) {
        try {
            return socket.getReceiveRing().orElseThrow().dropped();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aRingThatHoldsBackLosesNothing() throws Exception {
        ReceiveRing ring = ReceiveRing.ofBytes(ReceiveRing.MINIMUM_BYTES)
                .maximumDatagrams(50)
                .whenFull(ReceiveRing.WhenFull.HOLD_BACK);
        try (DatagramSocket peer = peer(INET);
                WskDatagramSocket socket = datagram(INET)) {
            socket.setReceiveRing(ring);
            int next = 0;
            for (int round = 0; round < 10; round++) {
                for (int i = 0; i < 100; i++) {
                    send(peer, socket, bytes(16, round * 100 + i));
                }
                while (next < round * 100 + 100) {
                    try (ReceivedMessages messages = await(socket.receiveMessages())) {
                        while (messages.next()) {
                            assertArrayEquals(bytes(16, next++), content(messages.payload()));
                        }
                    }
                }
            }
            assertEquals(0, dropped(socket));
        }
    }

    @Test
    void aConnectedSocketReceivesFromItsPeerOnly() throws Exception {
        try (DatagramSocket peer = peer(INET);
                DatagramSocket stranger = peer(INET);
                WskDatagramSocket socket = datagram(INET)) {
            socket.connect(peer.getLocalSocketAddress());
            socket.setReceiveRing(ReceiveRing.DEFAULT);
            send(stranger, socket, bytes(3, 1));
            send(peer, socket, bytes(4, 2));
            try (ReceivedMessages messages = await(socket.receiveMessages())) {
                assertEquals(1, messages.count());
                assertTrue(messages.next());
                assertEquals(peer.getLocalSocketAddress(), messages.sender());
            }
        }
    }

    // ---- ends ------------------------------------------------------------------------------------------------

    @Test
    void cancelledAndLateReceivesTakeNothing() throws Exception {
        try (DatagramSocket peer = peer(INET);
                WskDatagramSocket socket = datagram(INET)) {
            CompletableFuture<ReceivedMessages> cancelled = socket.receiveMessages();
            assertTrue(cancelled.cancel(false));
            failure(SocketTimeoutException.class, socket.receiveMessages(Duration.ofMillis(20)));
            send(peer, socket, bytes(5, 1));
            try (ReceivedMessages messages = await(socket.receiveMessages())) {
                assertEquals(1, messages.count());
            }
        }
    }

    @Test
    void closingTheSocketEndsReceives() throws Exception {
        WskDatagramSocket socket = datagram(INET);
        List<CompletableFuture<ReceivedMessages>> receives = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            receives.add(socket.receiveMessages());
        }
        socket.close();
        for (CompletableFuture<ReceivedMessages> receive : receives) {
            failure(AsynchronousCloseException.class, receive);
        }
        failure(ClosedChannelException.class, socket.receiveMessages());
        assertThrows(ClosedChannelException.class, () -> socket.setReceiveRing(ReceiveRing.DEFAULT));
        socket.closeAsync().get(20, SECONDS);
    }

    @Test
    void closedMessagesShowNothing() throws Exception {
        int before = BufferPool.shared().leasesOut();
        try (DatagramSocket peer = peer(INET);
                WskDatagramSocket socket = datagram(INET)) {
            socket.setReceiveRing(ReceiveRing.DEFAULT);
            send(peer, socket, bytes(5, 1));
            ReceivedMessages messages = await(socket.receiveMessages());
            assertThrows(IllegalStateException.class, messages::payload, "before the first");
            assertTrue(messages.next());
            List<ReceivedMessages.Message> list = messages.asList();
            messages.close();
            messages.close();
            assertThrows(IllegalStateException.class, messages::payload);
            assertThrows(IllegalStateException.class, messages::sender);
            assertThrows(IllegalStateException.class, messages::length);
            assertThrows(IllegalStateException.class, () -> list.get(0));
            assertEquals(1, messages.count());
        }
        eventually("the memory is given back", () -> BufferPool.shared().leasesOut() == before);
    }

    // ---- bad input -------------------------------------------------------------------------------------------

    @ParameterizedTest
    @ValueSource(
            longs = {0, 1, -1, (128 << 10) - 1, (64 << 20) + 1, 1L << 32, 1L << 40, Long.MAX_VALUE, Long.MIN_VALUE})
    void ringsOfASenselessSizeAreRefused(long bytes) {
        assertThrows(IllegalArgumentException.class, () -> ReceiveRing.ofBytes(bytes));
    }

    @Test
    void theBoundsAreTheDrivers() {
        assertEquals(Layout.MINIMUM_RING, ReceiveRing.MINIMUM_BYTES);
        assertEquals(Layout.MAXIMUM_RING, ReceiveRing.MAXIMUM_BYTES);
        assertEquals(Layout.MINIMUM_BATCH, WskDatagramSocket.MINIMUM_MESSAGES_ROOM);
    }

    @Test
    void senselessArgumentsAreRefused() throws Exception {
        assertThrows(IllegalArgumentException.class, () -> ReceiveRing.DEFAULT.maximumDatagrams(0));
        assertThrows(IllegalArgumentException.class, () -> ReceiveRing.DEFAULT.maximumDatagrams(-1));
        assertThrows(NullPointerException.class, () -> ReceiveRing.DEFAULT.whenFull(null));
        try (WskDatagramSocket socket = datagram(INET)) {
            int tooMuch = bridge.info().limits().maximumTransfer() + 1;
            assertThrows(NullPointerException.class, () -> socket.setReceiveRing(null));
            assertThrows(IllegalArgumentException.class, () -> socket.receiveMessages(0));
            assertThrows(IllegalArgumentException.class, () -> socket.receiveMessages(Integer.MIN_VALUE));
            assertThrows(IllegalArgumentException.class, () -> socket.receiveMessages(tooMuch));
            assertThrows(IllegalArgumentException.class, () -> socket.receiveMessages(Duration.ZERO));
            assertTrue(socket.getReceiveRing().isEmpty(), "none of these has given it a ring");
        }
    }

    @Test
    void anUnboundSocketReceivesNothing() throws Exception {
        try (WskDatagramSocket socket = bridge.openDatagram(INET)) {
            assertThrows(NotYetBoundException.class, socket::receiveMessages);
            assertThrows(NotYetBoundException.class, () -> socket.setReceiveRing(ReceiveRing.DEFAULT));
        }
    }

    @Test
    void aSocketReceivesInOneWay() throws Exception {
        try (WskDatagramSocket batches = datagram(INET);
                WskDatagramSocket each = datagram(INET)) {
            batches.setReceiveRing(ReceiveRing.DEFAULT);
            assertThrows(IllegalStateException.class, () -> batches.setReceiveRing(ReceiveRing.DEFAULT));
            assertThrows(IllegalStateException.class, batches::receiveFrom);
            assertThrows(IllegalStateException.class, () -> batches.receiveFrom(ByteBuffer.allocate(10)));
            CompletableFuture<ReceivedDatagram> receive = each.receiveFrom();
            assertThrows(IllegalStateException.class, each::receiveMessages);
            assertThrows(IllegalStateException.class, () -> each.setReceiveRing(ReceiveRing.DEFAULT));
            assertTrue(each.getReceiveRing().isEmpty());
            assertTrue(receive.cancel(false));
        }
    }
}
