// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.net.StandardProtocolFamily.INET6;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.wskbridge.WskSocketOptions.IPV6_V6ONLY;
import static org.wskbridge.WskSocketOptions.IP_PKTINFO;
import static org.wskbridge.WskSocketOptions.IP_RECVECN;
import static org.wskbridge.WskSocketOptions.IP_RECVERR;
import static org.wskbridge.WskSocketOptions.IP_RECVTOS;
import static org.wskbridge.WskSocketOptions.IP_RECVTTL;
import static org.wskbridge.WskSocketOptions.UDP_RECV_MAX_COALESCED_SIZE;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.ProtocolFamily;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.UnsupportedAddressTypeException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Control information both ways, with ordinary sockets on the other end. */
class ControlInfoTest extends BridgeFixture {
    private static final InetAddress SECOND = address("127.0.0.2");

    private static DatagramSocket peer(InetAddress at) throws Exception {
        DatagramSocket peer = new DatagramSocket(new InetSocketAddress(at, 0));
        peer.setSoTimeout(20_000);
        return peer;
    }

    private static DatagramPacket receive(DatagramSocket peer) throws Exception {
        DatagramPacket packet = new DatagramPacket(new byte[65536], 65536);
        peer.receive(packet);
        return packet;
    }

    private static byte[] bytes(DatagramPacket packet) {
        return Arrays.copyOf(packet.getData(), packet.getLength());
    }

    /** Bound to the wildcard address, told everything that is not about errors or many datagrams. */
    private WskDatagramSocket informed(ProtocolFamily family) throws Exception {
        return bridge.openDatagram(family)
                .setOption(IP_PKTINFO, true)
                .setOption(IP_RECVTOS, true)
                .setOption(IP_RECVTTL, true);
    }

    private static int port(WskSocket socket) throws Exception {
        return socket.getLocalAddress().getPort();
    }

    private static int loopbackIndex(InetAddress of) throws Exception {
        return NetworkInterface.getByInetAddress(of).getIndex();
    }

    // ---- receiving ---------------------------------------------------------------------------------------------

    @ParameterizedTest
    @EnumSource(
            value = StandardProtocolFamily.class,
            names = {"INET", "INET6"})
    void whatAChannelSetsArrives(StandardProtocolFamily family) throws Exception {
        InetAddress loopback = family == INET ? address("127.0.0.1") : LOOPBACK6;
        try (DatagramChannel peer = DatagramChannel.open(family);
                WskDatagramSocket socket = informed(family).bind(null)) {
            peer.setOption(StandardSocketOptions.IP_TOS, 0x28);
            peer.send(ByteBuffer.wrap(new byte[] {1, 2, 3}), new InetSocketAddress(loopback, port(socket)));
            try (ReceivedDatagram datagram = await(socket.receiveFrom())) {
                ControlInfo info = datagram.controlInfo();
                assertArrayEquals(new byte[] {1, 2, 3}, bytes(datagram.payload()));
                assertEquals(Optional.of(loopback), info.localAddress());
                if (!ON_WINE || family == INET) { // whose sockets don't send it with IPv6
                    assertEquals(OptionalInt.of(0x28), info.trafficClass());
                }
                assertTrue(info.hopLimit().getAsInt() > 0);
                assertTrue(info.interfaceIndex().getAsInt() > 0);
                assertEquals(OptionalInt.empty(), info.ecn());
                assertEquals(OptionalInt.empty(), info.segmentSize());
                assertEquals(Optional.empty(), info.error());
                assertFalse(datagram.isControlTruncated());
            }
        }
    }

    @Test
    void eachAddressOfTheMachineIsTold() throws Exception {
        try (DatagramSocket peer = peer(address("127.0.0.1"));
                WskDatagramSocket socket = informed(INET).bind(null)) {
            for (InetAddress local : List.of(address("127.0.0.1"), SECOND)) {
                peer.send(new DatagramPacket(new byte[1], 1, new InetSocketAddress(local, port(socket))));
                DatagramResult result = await(socket.receiveFrom(ByteBuffer.allocate(10)));
                assertEquals(Optional.of(local), result.controlInfo().localAddress());
                assertEquals(
                        OptionalInt.of(loopbackIndex(address("127.0.0.1"))),
                        result.controlInfo().interfaceIndex());
            }
        }
    }

    /** Whichever of the options comes first. */
    @Test
    void aDualStackSocketIsToldOfBothFamilies() throws Exception {
        try (DatagramSocket four = peer(address("127.0.0.1"));
                DatagramSocket six = peer(LOOPBACK6);
                WskDatagramSocket before =
                        informed(INET6).setOption(IPV6_V6ONLY, false).bind(null);
                WskDatagramSocket after = bridge.openDatagram(INET6)
                        .setOption(IPV6_V6ONLY, false)
                        .setOption(IP_PKTINFO, true)
                        .setOption(IP_RECVTTL, true)
                        .bind(null)) {
            for (WskDatagramSocket socket : List.of(before, after)) {
                four.send(new DatagramPacket(new byte[1], 1, new InetSocketAddress(SECOND, port(socket))));
                ControlInfo ofFour =
                        await(socket.receiveFrom(ByteBuffer.allocate(9))).controlInfo();
                assertEquals(Optional.of(SECOND), ofFour.localAddress());
                assertTrue(ofFour.hopLimit().isPresent());
                six.send(new DatagramPacket(new byte[1], 1, new InetSocketAddress(LOOPBACK6, port(socket))));
                ControlInfo ofSix =
                        await(socket.receiveFrom(ByteBuffer.allocate(9))).controlInfo();
                assertEquals(Optional.of(LOOPBACK6), ofSix.localAddress());
                assertTrue(ofSix.hopLimit().isPresent());
            }
        }
    }

    @Test
    void withoutOptionsNothingIsTold() throws Exception {
        try (DatagramSocket peer = peer(LOOPBACK4);
                WskDatagramSocket socket = datagram(INET)) {
            assertFalse(socket.getOption(IP_PKTINFO));
            for (int round = 0; round < 3; round++) {
                peer.send(new DatagramPacket(new byte[4], 4, socket.getLocalAddress()));
                ControlInfo info =
                        await(socket.receiveFrom(ByteBuffer.allocate(10))).controlInfo();
                assertEquals(round == 1, info.hopLimit().isPresent());
                socket.setOption(IP_RECVTTL, round == 0);
            }
            assertEquals(false, socket.getOption(IP_RECVTTL));
        }
    }

    // ---- sending -----------------------------------------------------------------------------------------------

    @Test
    @Tag("embedded")
    void whatIsSentArrives() throws Exception {
        assertTrue(bridge.info().features().contains(Feature.SEND_TRAFFIC_CLASS));
        try (DatagramSocket peer = peer(address("127.0.0.1"));
                WskDatagramSocket receiver =
                        informed(INET).setOption(IP_RECVECN, true).bind(null);
                WskDatagramSocket socket = bridge.openDatagram(INET).bind(null)) {
            ControlInfo info = ControlInfo.NONE
                    .withSource(SECOND)
                    .withInterface(NetworkInterface.getByInetAddress(address("127.0.0.1")))
                    .withTrafficClass(0xB9)
                    .withEcn(2)
                    .withHopLimit(7);
            ByteBuffer payload = direct(new byte[] {1, 2, 3});
            assertEquals(3, await(socket.sendTo(payload, peer.getLocalSocketAddress(), info)));
            assertFalse(payload.hasRemaining());
            assertEquals(SECOND, receive(peer).getAddress());

            InetSocketAddress target = new InetSocketAddress("127.0.0.1", port(receiver));
            await(socket.sendTo(ByteBuffer.wrap(new byte[5]), target, info));
            ControlInfo told =
                    await(receiver.receiveFrom(ByteBuffer.allocate(10))).controlInfo();
            assertEquals(OptionalInt.of(0xBA), told.trafficClass());
            assertEquals(OptionalInt.of(2), told.ecn());
            assertEquals(OptionalInt.of(7), told.hopLimit());

            socket.connect(target);
            await(socket.send(ByteBuffer.allocate(0), ControlInfo.NONE.withHopLimit(3)));
            assertEquals(
                    OptionalInt.of(3),
                    await(receiver.receiveFrom(ByteBuffer.allocate(10)))
                            .controlInfo()
                            .hopLimit());
            await(socket.sendMessages(
                    List.of(ByteBuffer.allocate(1), ByteBuffer.allocate(2)),
                    target,
                    ControlInfo.NONE.withTrafficClass(4)));
            for (int length = 1; length <= 2; length++) {
                DatagramResult result = await(receiver.receiveFrom(ByteBuffer.allocate(10)));
                assertEquals(length, result.length());
                assertEquals(OptionalInt.of(4), result.controlInfo().trafficClass());
            }
        }
    }

    @Test
    void aPayloadIsSentInSegments() throws Exception {
        assertTrue(bridge.info().features().contains(Feature.SEND_SEGMENTS));
        byte[] payload = randomBytes(50_000, 1);
        try (DatagramSocket peer = peer(LOOPBACK4);
                WskDatagramSocket socket = datagram(INET)) {
            CompletableFuture<Integer> sent = socket.sendTo(
                    ByteBuffer.wrap(payload), peer.getLocalSocketAddress(), ControlInfo.NONE.withSegmentSize(1200));
            for (int at = 0; at < payload.length; at += 1200) {
                byte[] expected = Arrays.copyOfRange(payload, at, Math.min(at + 1200, payload.length));
                assertArrayEquals(expected, bytes(receive(peer)));
            }
            assertEquals(payload.length, await(sent));
            await(socket.sendTo(
                    ByteBuffer.wrap(payload, 0, 2000),
                    peer.getLocalSocketAddress(),
                    ControlInfo.NONE.withSegmentSize(0)));
            assertEquals(2000, receive(peer).getLength());
        }
    }

    @Test
    void badInputIsRefused() throws Exception {
        for (int wrong : new int[] {-1, 256, Integer.MIN_VALUE}) {
            assertThrows(IllegalArgumentException.class, () -> ControlInfo.NONE.withTrafficClass(wrong));
            assertThrows(IllegalArgumentException.class, () -> ControlInfo.NONE.withHopLimit(wrong));
            assertThrows(IllegalArgumentException.class, () -> ControlInfo.NONE.withEcn(wrong));
        }
        assertThrows(IllegalArgumentException.class, () -> ControlInfo.NONE.withHopLimit(0));
        assertThrows(IllegalArgumentException.class, () -> ControlInfo.NONE.withSegmentSize(65_528));
        assertThrows(IllegalArgumentException.class, () -> ControlInfo.NONE.withSegmentSize(-1));
        assertThrows(IllegalArgumentException.class, () -> ControlInfo.NONE.withInterface(-1));
        assertThrows(NullPointerException.class, () -> ControlInfo.NONE.withSource(null));
        try (WskDatagramSocket socket = datagram(INET)) {
            InetSocketAddress target = new InetSocketAddress(LOOPBACK4, 9);
            ByteBuffer payload = ByteBuffer.allocate(1);
            assertThrows(NullPointerException.class, () -> socket.sendTo(payload, target, (ControlInfo) null));
            assertThrows(
                    UnsupportedAddressTypeException.class,
                    () -> socket.sendTo(payload, target, ControlInfo.NONE.withSource(LOOPBACK6)));
            ControlInfo error = new ControlInfo(
                    Optional.empty(),
                    OptionalInt.empty(),
                    OptionalInt.empty(),
                    OptionalInt.empty(),
                    OptionalInt.empty(),
                    OptionalInt.empty(),
                    Optional.of(new IcmpError(4, 3, 3, OptionalInt.empty())));
            assertThrows(IllegalArgumentException.class, () -> socket.sendTo(payload, target, error));
            assertThrows(IllegalArgumentException.class, () -> socket.setOption(UDP_RECV_MAX_COALESCED_SIZE, -1));
            assertThrows(SocketException.class, () -> socket.setOption(IP_RECVERR, true), "it is bound");
            assertEquals(1, payload.remaining());
        }
        try (WskConnectionSocket socket = bridge.openConnection(INET)) {
            assertThrows(UnsupportedOperationException.class, () -> socket.setOption(IP_PKTINFO, true));
        }
    }

    @Test
    @Tag("embedded") // Wine refuses to send it at all
    void aSourceOrInterfaceThatIsNotHereFails() throws Exception {
        try (WskDatagramSocket socket = bridge.openDatagram(INET).bind(null)) {
            InetSocketAddress target = new InetSocketAddress("127.0.0.1", 9);
            ByteBuffer payload = ByteBuffer.allocate(1);
            failure(
                    SocketException.class,
                    socket.sendTo(payload, target, ControlInfo.NONE.withSource(address("192.0.2.1"))));
            failure(SocketException.class, socket.sendTo(payload, target, ControlInfo.NONE.withInterface(0x7FFFFFF0)));
            assertEquals(1, payload.remaining());
            assertEquals(1, await(socket.sendTo(payload, target)));
        }
    }

    // ---- many datagrams as one, and errors ---------------------------------------------------------------------

    @Test
    @Tag("embedded")
    void coalescedDatagramsAreSplit() throws Exception {
        assertTrue(bridge.info().features().contains(Feature.RECEIVE_COALESCED));
        byte[] payload = randomBytes(2500, 2);
        try (WskDatagramSocket sender = bridge.openDatagram(INET);
                WskDatagramSocket socket = bridge.openDatagram(INET)
                        .setOption(UDP_RECV_MAX_COALESCED_SIZE, 65_527)
                        .bind(new InetSocketAddress(LOOPBACK4, 0))) {
            assertEquals(65_527, socket.getOption(UDP_RECV_MAX_COALESCED_SIZE));
            await(sender.sendTo(
                    ByteBuffer.wrap(payload), socket.getLocalAddress(), ControlInfo.NONE.withSegmentSize(1000)));
            try (ReceivedDatagram datagram = await(socket.receiveFrom())) {
                assertEquals(OptionalInt.of(1000), datagram.controlInfo().segmentSize());
                assertEquals(2500, datagram.length());
                List<ByteBuffer> segments = datagram.segments();
                assertEquals(3, segments.size());
                assertArrayEquals(Arrays.copyOfRange(payload, 1000, 2000), bytes(segments.get(1)));
                assertEquals(500, segments.get(2).remaining());
            }
            await(sender.sendTo(ByteBuffer.wrap(payload, 0, 9), socket.getLocalAddress()));
            try (ReceivedDatagram datagram = await(socket.receiveFrom())) {
                assertEquals(1, datagram.segments().size());
                assertEquals(9, datagram.segments().get(0).remaining());
            }
        }
    }

    @Test
    @Tag("embedded")
    void anIcmpErrorIsReceived() throws Exception {
        int nobody;
        try (DatagramSocket gone = peer(LOOPBACK4)) {
            nobody = gone.getLocalPort();
        }
        try (DatagramSocket peer = peer(LOOPBACK4);
                WskDatagramSocket socket = bridge.openDatagram(INET)
                        .setOption(IP_RECVERR, true)
                        .bind(new InetSocketAddress(LOOPBACK4, 0))) {
            CompletableFuture<ReceivedDatagram> received = socket.receiveFrom();
            InetSocketAddress target = new InetSocketAddress(LOOPBACK4, nobody);
            await(socket.sendTo(ByteBuffer.allocate(3), target));
            try (ReceivedDatagram notice = await(received)) {
                IcmpError error = notice.controlInfo().error().orElseThrow();
                assertTrue(error.isPortUnreachable());
                assertEquals(4, error.version());
                assertEquals(OptionalInt.empty(), error.mtu());
                assertEquals(target, notice.sender());
                assertEquals(0, notice.length());
            }
            peer.send(new DatagramPacket(new byte[2], 2, socket.getLocalAddress()));
            try (ReceivedDatagram datagram = await(socket.receiveFrom())) {
                assertEquals(2, datagram.length());
                assertEquals(Optional.empty(), datagram.controlInfo().error());
            }
        }
    }
}
