// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.net.StandardProtocolFamily.INET6;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.AlreadyConnectedException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wskbridge.internal.memory.BufferPool;

class DatagramTest extends BridgeFixture {
    /** Fewer where a request takes its time, as on Wine. */
    private static final int REQUESTS = Integer.getInteger("wskbridge.test.requests", 100_000);

    private static DatagramSocket peer(InetAddress address) throws Exception {
        DatagramSocket peer = new DatagramSocket(new InetSocketAddress(address, 0));
        peer.setSoTimeout(20_000);
        return peer;
    }

    private static InetSocketAddress addressOf(DatagramSocket peer) {
        return (InetSocketAddress) peer.getLocalSocketAddress();
    }

    private static void send(DatagramSocket peer, byte[] payload, InetSocketAddress target) throws Exception {
        peer.send(new DatagramPacket(payload, payload.length, target));
    }

    private static byte[] receive(DatagramSocket peer) throws Exception {
        DatagramPacket packet = new DatagramPacket(new byte[65536], 65536);
        peer.receive(packet);
        return Arrays.copyOf(packet.getData(), packet.getLength());
    }

    /** The next datagram of a peer. One of a stranger, who means somebody that had the port before, is dropped. */
    private static ReceivedDatagram receiveFrom(DatagramSocket peer, WskDatagramSocket socket) throws Exception {
        ReceivedDatagram datagram = await(socket.receiveFrom());
        while (!datagram.sender().equals(addressOf(peer))) {
            datagram.close();
            datagram = await(socket.receiveFrom());
        }
        return datagram;
    }

    private static byte[] payload(int number) {
        byte[] payload = new byte[1 + number % 1472];
        for (int i = 0; i < payload.length; i++) {
            payload[i] = (byte) (number * 31 + i);
        }
        return payload;
    }

    /** The bridge serves requests of an ordinary socket: every reply is right, none is missing. */
    @Test
    @Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void everyOneOfManyRequestsIsAnswered() throws Exception {
        try (WskDatagramSocket server = datagram(INET);
                DatagramSocket client = peer(LOOPBACK4)) {
            InetSocketAddress target = server.getLocalAddress();
            Thread serving = new Thread(() -> serve(server));
            serving.start();
            for (int i = 0; i < REQUESTS; i++) {
                byte[] request = payload(i);
                send(client, request, target);
                byte[] reply = receive(client);
                for (int k = 0; k < request.length; k++) {
                    request[k] = (byte) ~request[k];
                }
                assertArrayEquals(request, reply);
            }
            serving.join();
        }
    }

    private static void serve(WskDatagramSocket server) {
        Queue<CompletableFuture<ReceivedDatagram>> outstanding = new ArrayDeque<>();
        for (int i = 0; i < 8; i++) {
            outstanding.add(server.receiveFrom(1472));
        }
        for (int i = 0; i < REQUESTS; i++) {
            try (ReceivedDatagram request = outstanding.remove().join()) {
                ByteBuffer payload = request.payload();
                for (int k = 0; k < payload.limit(); k++) {
                    payload.put(k, (byte) ~payload.get(k));
                }
                assertEquals(
                        payload.limit(),
                        server.sendTo(payload, request.sender()).join());
            }
            if (i + 8 < REQUESTS) {
                outstanding.add(server.receiveFrom(1472));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"INET", "INET6"})
    void sizesInBothDirections(StandardProtocolFamily family) throws Exception {
        try (WskDatagramSocket socket = datagram(family);
                DatagramSocket peer = peer(loopback(family))) {
            for (int size : new int[] {0, 1, 1472, 1473, 9000, 65_507}) {
                byte[] payload = randomBytes(size, size);
                assertEquals(size, await(socket.sendTo(direct(payload), addressOf(peer))));
                assertArrayEquals(payload, receive(peer));
                send(peer, payload, socket.getLocalAddress());
                try (ReceivedDatagram datagram = receiveFrom(peer, socket)) {
                    assertArrayEquals(payload, bytes(datagram.payload()));
                    assertEquals(size, datagram.length());
                    assertFalse(datagram.isTruncated());
                }
            }
        }
    }

    @Test
    void dualStack() throws Exception {
        try (WskDatagramSocket socket = bridge.openDatagram(INET6);
                DatagramSocket peer4 = peer(LOOPBACK4);
                DatagramSocket peer6 = peer(LOOPBACK6)) {
            assertFalse(socket.getOption(WskSocketOptions.IPV6_V6ONLY), "as the JDK's");
            socket.bind(null);
            int port = socket.getLocalAddress().getPort();
            for (DatagramSocket peer : new DatagramSocket[] {peer4, peer6}) {
                byte[] payload = randomBytes(100, port);
                await(socket.sendTo(ByteBuffer.wrap(payload), addressOf(peer)));
                assertArrayEquals(payload, receive(peer));
                send(peer, payload, new InetSocketAddress(peer.getLocalAddress(), port));
                try (ReceivedDatagram datagram = receiveFrom(peer, socket)) {
                    assertEquals(peer == peer4, datagram.sender().getAddress() instanceof Inet4Address);
                }
            }
        }
    }

    @Test
    void ipv6Only() throws Exception {
        try (WskDatagramSocket socket = bridge.openDatagram(INET6)) {
            socket.setOption(WskSocketOptions.IPV6_V6ONLY, true);
            assertTrue(socket.getOption(WskSocketOptions.IPV6_V6ONLY));
            assertThrows(
                    java.nio.channels.UnsupportedAddressTypeException.class,
                    () -> socket.sendTo(ByteBuffer.allocate(1), new InetSocketAddress(LOOPBACK4, 9)));
            socket.setOption(WskSocketOptions.IPV6_V6ONLY, false).bind(null);
            await(socket.sendTo(ByteBuffer.allocate(1), new InetSocketAddress(LOOPBACK4, 9)));
        }
    }

    @Test
    void everyKindOfBufferCanBeSent() throws Exception {
        byte[] payload = randomBytes(1000, 1);
        try (WskDatagramSocket socket = datagram(INET);
                DatagramSocket peer = peer(LOOPBACK4)) {
            ByteBuffer heap = ByteBuffer.wrap(payload);
            for (ByteBuffer buffer : new ByteBuffer[] {
                heap, heap.asReadOnlyBuffer(), direct(payload), direct(payload).asReadOnlyBuffer(), heap.slice()
            }) {
                buffer.position(10).limit(900);
                ByteBuffer slice = buffer.slice().order(ByteOrder.LITTLE_ENDIAN);
                assertEquals(890, await(socket.sendTo(buffer, addressOf(peer))));
                assertEquals(900, buffer.position());
                assertEquals(900, buffer.limit());
                assertArrayEquals(Arrays.copyOfRange(payload, 10, 900), receive(peer));
                assertEquals(885, await(socket.sendTo(slice.position(5), addressOf(peer))));
                assertArrayEquals(Arrays.copyOfRange(payload, 15, 900), receive(peer));
                buffer.clear();
            }
        }
    }

    @Test
    void receivesIntoTheCallersBuffer() throws Exception {
        try (WskDatagramSocket socket = datagram(INET);
                DatagramSocket peer = peer(LOOPBACK4)) {
            byte[] payload = randomBytes(500, 2);
            for (ByteBuffer target : new ByteBuffer[] {ByteBuffer.allocate(600), ByteBuffer.allocateDirect(600)}) {
                send(peer, payload, socket.getLocalAddress());
                target.position(50);
                DatagramResult result = await(socket.receiveFrom(target));
                assertEquals(new DatagramResult(addressOf(peer), 500, false, ControlInfo.NONE), result);
                assertEquals(550, target.position());
                assertArrayEquals(payload, bytes(target.flip().position(50)));
            }
        }
    }

    @Test
    void longDatagramsAreCut() throws Exception {
        try (WskDatagramSocket socket = datagram(INET);
                DatagramSocket peer = peer(LOOPBACK4)) {
            byte[] payload = randomBytes(500, 3);
            byte[] start = Arrays.copyOf(payload, 100);
            send(peer, payload, socket.getLocalAddress());
            try (ReceivedDatagram datagram = await(socket.receiveFrom(100))) {
                assertTrue(datagram.isTruncated());
                assertArrayEquals(start, bytes(datagram.payload()));
            }
            send(peer, payload, socket.getLocalAddress());
            ByteBuffer target = ByteBuffer.allocate(100);
            assertEquals(
                    new DatagramResult(addressOf(peer), 100, true, ControlInfo.NONE),
                    await(socket.receiveFrom(target)));
            assertArrayEquals(start, target.array());
            send(peer, payload, socket.getLocalAddress());
            assertEquals(
                    new DatagramResult(addressOf(peer), 0, true, ControlInfo.NONE), await(socket.receiveFrom(target)));
        }
    }

    @Test
    void sendingBindsAnUnboundSocket() throws Exception {
        try (WskDatagramSocket socket = bridge.openDatagram(INET);
                DatagramSocket peer = peer(LOOPBACK4)) {
            assertNull(socket.getLocalAddress());
            await(socket.sendTo(ByteBuffer.wrap(new byte[] {1}), addressOf(peer)));
            assertArrayEquals(new byte[] {1}, receive(peer));
            assertTrue(socket.getLocalAddress().getPort() > 0);
        }
    }

    @Test
    void aConnectedSocketTalksToItsPeerOnly() throws Exception {
        try (WskDatagramSocket socket = datagram(INET);
                DatagramSocket peer = peer(LOOPBACK4);
                DatagramSocket stranger = peer(LOOPBACK4)) {
            socket.connect(addressOf(peer));
            assertEquals(Optional.of(addressOf(peer)), socket.getRemoteAddress());
            assertThrows(AlreadyConnectedException.class, () -> socket.connect(addressOf(stranger)));
            assertThrows(
                    AlreadyConnectedException.class, () -> socket.sendTo(ByteBuffer.allocate(1), addressOf(stranger)));
            await(socket.send(ByteBuffer.wrap(new byte[] {7})));
            assertArrayEquals(new byte[] {7}, receive(peer));
            await(socket.sendTo(ByteBuffer.wrap(new byte[] {8}), addressOf(peer)));
            assertArrayEquals(new byte[] {8}, receive(peer));
            send(stranger, new byte[] {1}, socket.getLocalAddress());
            send(peer, new byte[] {2}, socket.getLocalAddress());
            try (ReceivedDatagram datagram = await(socket.receiveFrom())) {
                assertEquals(2, datagram.payload().get(0));
                assertEquals(addressOf(peer), datagram.sender());
            }
            socket.disconnect().disconnect();
            assertEquals(Optional.empty(), socket.getRemoteAddress());
            send(stranger, new byte[] {3}, socket.getLocalAddress());
            try (ReceivedDatagram datagram = await(socket.receiveFrom())) {
                assertEquals(3, datagram.payload().get(0));
            }
        }
    }

    @Test
    void aFixedTargetDoesNotRestrictReceiving() throws Exception {
        try (WskDatagramSocket socket = datagram(INET);
                DatagramSocket peer = peer(LOOPBACK4);
                DatagramSocket stranger = peer(LOOPBACK4)) {
            socket.setSendToAddress(addressOf(peer));
            await(socket.send(ByteBuffer.wrap(new byte[] {7})));
            assertArrayEquals(new byte[] {7}, receive(peer));
            send(stranger, new byte[] {1}, socket.getLocalAddress());
            await(socket.receiveFrom()).close();
            socket.clearSendToAddress();
            assertThrows(RuntimeException.class, () -> socket.send(ByteBuffer.allocate(1)));
        }
    }

    @Test
    void anUnreachablePortIsReported() throws Exception {
        InetSocketAddress nobody;
        try (DatagramSocket peer = peer(LOOPBACK4)) {
            nobody = addressOf(peer);
        }
        try (WskDatagramSocket socket = datagram(INET)) {
            socket.connect(nobody);
            await(socket.send(ByteBuffer.allocate(1)));
            CompletableFuture<ReceivedDatagram> reply = socket.receiveFrom();
            failure(PortUnreachableException.class, reply);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void closingADatagramGivesItsMemoryBack(boolean twice) throws Exception {
        try (WskDatagramSocket socket = datagram(INET);
                DatagramSocket peer = peer(LOOPBACK4)) {
            send(peer, new byte[10], socket.getLocalAddress());
            ReceivedDatagram datagram = await(socket.receiveFrom());
            assertSame(datagram.payload(), datagram.payload());
            assertTrue(datagram.payload().isDirect());
            datagram.close();
            if (twice) {
                datagram.close();
            }
            assertThrows(IllegalStateException.class, datagram::payload);
            assertEquals(10, datagram.length());
            assertInstanceOf(InetSocketAddress.class, datagram.sender());
        }
    }

    @Test
    void options() throws Exception {
        try (WskDatagramSocket socket = bridge.openDatagram(INET)) {
            socket.setOption(StandardSocketOptions.SO_REUSEADDR, true)
                    .setOption(StandardSocketOptions.SO_BROADCAST, true)
                    .setOption(StandardSocketOptions.SO_RCVBUF, 100_000);
            assertTrue(socket.getOption(StandardSocketOptions.SO_REUSEADDR));
            assertTrue(socket.getOption(StandardSocketOptions.SO_BROADCAST));
            assertTrue(socket.getOption(StandardSocketOptions.SO_RCVBUF) >= 100_000);
            assertFalse(socket.supportedOptions().contains(StandardSocketOptions.TCP_NODELAY));
            assertThrows(
                    UnsupportedOperationException.class,
                    () -> socket.setOption(StandardSocketOptions.TCP_NODELAY, true));
            assertThrows(UnsupportedOperationException.class, () -> socket.getOption(WskSocketOptions.IPV6_V6ONLY));
        }
    }

    @Test
    void receiveTimesOutAndGoesOn() throws Exception {
        try (WskDatagramSocket socket = datagram(INET);
                DatagramSocket peer = peer(LOOPBACK4)) {
            failure(
                    java.util.concurrent.TimeoutException.class,
                    socket.receiveFrom().orTimeout(20, TimeUnit.MILLISECONDS));
            send(peer, new byte[] {1}, socket.getLocalAddress());
            await(socket.receiveFrom()).close();
            peer.setSoTimeout(1);
            assertThrows(SocketTimeoutException.class, () -> receive(peer));
        }
    }

    /** Receives that end just before the close, and whose results nobody wants any more. */
    @Test
    void datagramsThatNobodyTakesAreFreeAgain() throws Exception {
        BufferPool pool = BufferPool.shared();
        System.gc();
        int before = pool.leasesOut();
        receiveAndForget();
        eventually("the pool has its memory again", () -> {
            System.gc();
            return pool.leasesOut() <= before;
        });
    }

    private void receiveAndForget() throws Exception {
        try (WskDatagramSocket socket = datagram(INET);
                DatagramSocket peer = peer(LOOPBACK4)) {
            List<CompletableFuture<ReceivedDatagram>> receives = new ArrayList<>();
            for (int i = 0; i < 50; i++) {
                receives.add(socket.receiveFrom(100));
            }
            for (int i = 0; i < 50; i++) {
                send(peer, new byte[10], socket.getLocalAddress());
            }
            await(receives.get(49));
        }
    }
}
