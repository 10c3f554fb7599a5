// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.net.StandardProtocolFamily.INET6;
import static java.net.StandardSocketOptions.IP_MULTICAST_IF;
import static java.net.StandardSocketOptions.IP_MULTICAST_LOOP;
import static java.net.StandardSocketOptions.IP_MULTICAST_TTL;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.ProtocolFamily;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.DatagramChannel;
import java.nio.channels.MembershipKey;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Groups. The other members and senders are the JDK's channels. Everything goes through the loopback interface, or
 * through an ordinary one with a time to live of 0, so that nothing leaves the machine.
 */
class MulticastTest extends BridgeFixture {
    private static final boolean WINE = "wine".equals(System.getProperty("wskbridge.place"));

    /** The loopback interface, which has no groups of IPv6; and an ordinary one, if there is one. */
    private static List<NetworkInterface> interfaces(ProtocolFamily family) throws Exception {
        List<NetworkInterface> found = new ArrayList<>();
        if (family == INET) {
            found.add(NetworkInterface.getByIndex(1));
        }
        NetworkInterface.networkInterfaces()
                .filter(network -> canMulticast(network, family))
                .limit(1)
                .forEach(found::add);
        assumeFalse(found.isEmpty(), "no interface has groups of " + family);
        return found;
    }

    private static NetworkInterface network(ProtocolFamily family) throws Exception {
        return interfaces(family).get(0);
    }

    private static boolean canMulticast(NetworkInterface network, ProtocolFamily family) {
        try {
            return !network.isLoopback()
                    && network.isUp()
                    && network.supportsMulticast()
                    && network.inetAddresses().anyMatch(address -> family(address) == family);
        } catch (java.net.SocketException e) {
            return false;
        }
    }

    /** A group of this process; number tells the tests apart. */
    private static InetAddress group(ProtocolFamily family, int number) {
        long pid = ProcessHandle.current().pid() & 0xFFFF;
        return family == INET
                ? address("239." + (pid >> 8) + "." + (pid & 0xFF) + "." + number)
                : address("ff11::" + Long.toHexString(pid) + ":" + number);
    }

    private WskDatagramSocket wildcard(ProtocolFamily family) throws Exception {
        return bridge.openDatagram(family).bind(null);
    }

    private static int port(WskDatagramSocket socket) throws Exception {
        return socket.getLocalAddress().getPort();
    }

    private static DatagramChannel channel(ProtocolFamily family, NetworkInterface network) throws Exception {
        DatagramChannel channel = DatagramChannel.open(family);
        channel.bind(new InetSocketAddress(family == INET ? "0.0.0.0" : "::", 0));
        channel.setOption(IP_MULTICAST_IF, network);
        channel.setOption(IP_MULTICAST_TTL, 0);
        return channel;
    }

    private static ByteBuffer text(String text) {
        return ByteBuffer.wrap(text.getBytes(UTF_8));
    }

    private static String next(WskDatagramSocket socket) throws Exception {
        try (ReceivedDatagram datagram = await(socket.receiveFrom(100))) {
            return UTF_8.decode(datagram.payload()).toString();
        }
    }

    private static String next(DatagramChannel channel) throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(100);
        channel.receive(buffer);
        return UTF_8.decode(buffer.flip()).toString();
    }

    /** Sends to the group and then to the socket alone; whether the former arrives. */
    private static boolean receives(WskDatagramSocket socket, DatagramChannel sender, InetAddress group)
            throws Exception {
        sender.send(text("to all"), new InetSocketAddress(group, port(socket)));
        sender.send(text("to one"), new InetSocketAddress(loopback(family(group)), port(socket)));
        if (next(socket).equals("to one")) {
            return false;
        }
        assertEquals("to one", next(socket));
        return true;
    }

    @ParameterizedTest
    @EnumSource(
            value = StandardProtocolFamily.class,
            names = {"INET", "INET6"})
    void aMemberReceivesWhatAChannelSends(StandardProtocolFamily family) throws Exception {
        for (NetworkInterface network : interfaces(family)) {
            InetAddress group = group(family, 1);
            try (DatagramChannel sender = channel(family, network);
                    WskDatagramSocket socket = wildcard(family)) {
                MembershipKey key = socket.join(group, network);
                assertTrue(receives(socket, sender, group), network.getName());
                assertFalse(receives(socket, sender, group(family, 2)), network.getName());
                key.drop();
                assertFalse(receives(socket, sender, group), network.getName());
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = StandardProtocolFamily.class,
            names = {"INET", "INET6"})
    void aChannelReceivesWhatASocketSends(StandardProtocolFamily family) throws Exception {
        for (NetworkInterface network : interfaces(family)) {
            InetAddress group = group(family, 3);
            try (DatagramChannel member = channel(family, network);
                    WskDatagramSocket socket = wildcard(family)) {
                member.join(group, network);
                socket.setOption(IP_MULTICAST_IF, network).setOption(IP_MULTICAST_TTL, 0);
                assertEquals(network, socket.getOption(IP_MULTICAST_IF));
                assertEquals(0, socket.getOption(IP_MULTICAST_TTL));
                int port = ((InetSocketAddress) member.getLocalAddress()).getPort();
                await(socket.sendTo(text("all"), new InetSocketAddress(group, port)));
                assertEquals("all", next(member), network.getName());
            }
        }
    }

    /** On Windows the receiver decides; on Linux and on Wine, the sender. */
    @ParameterizedTest
    @EnumSource(
            value = StandardProtocolFamily.class,
            names = {"INET", "INET6"})
    void loopIsTheReceiversChoice(StandardProtocolFamily family) throws Exception {
        assumeFalse(WINE, "Wine leaves it to Linux");
        for (NetworkInterface network : interfaces(family)) {
            InetAddress group = group(family, 4);
            try (DatagramChannel channel = channel(family, network);
                    WskDatagramSocket socket = wildcard(family)) {
                assertTrue(socket.getOption(IP_MULTICAST_LOOP));
                channel.join(group, network);
                socket.join(group, network);
                socket.setOption(IP_MULTICAST_IF, network).setOption(IP_MULTICAST_TTL, 0);
                socket.setOption(IP_MULTICAST_LOOP, false);
                assertFalse(socket.getOption(IP_MULTICAST_LOOP));
                assertFalse(receives(socket, channel, group), network.getName());
                int port = ((InetSocketAddress) channel.getLocalAddress()).getPort();
                await(socket.sendTo(text("all"), new InetSocketAddress(group, port)));
                assertEquals("all", next(channel), network.getName());
                socket.setOption(IP_MULTICAST_LOOP, true);
                assertTrue(receives(socket, channel, group), network.getName());
            }
        }
    }

    /** The address from which a channel sends to a group, as a member for any source sees it. */
    private static InetAddress source(WskDatagramSocket socket, DatagramChannel sender, InetAddress group)
            throws Exception {
        MembershipKey key = socket.join(group, network(family(group)));
        sender.send(text("who?"), new InetSocketAddress(group, port(socket)));
        try (ReceivedDatagram datagram = await(socket.receiveFrom(100))) {
            return datagram.sender().getAddress();
        } finally {
            key.drop();
        }
    }

    private static InetAddress stranger(ProtocolFamily family) {
        return address(family == INET ? "127.0.0.77" : "fd00::77");
    }

    @ParameterizedTest
    @EnumSource(
            value = StandardProtocolFamily.class,
            names = {"INET", "INET6"})
    void singleSources(StandardProtocolFamily family) throws Exception {
        assumeFalse(WINE, "Wine confuses source and interface");
        InetAddress group = group(family, 5);
        try (DatagramChannel sender = channel(family, network(family));
                WskDatagramSocket socket = wildcard(family)) {
            InetAddress source = source(socket, sender, group);
            MembershipKey other = socket.join(group, network(family), stranger(family));
            assertFalse(receives(socket, sender, group));
            MembershipKey key = socket.join(group, network(family), source);
            assertNotEquals(other, key);
            assertSame(key, socket.join(group, network(family), source));
            assertEquals(source, key.sourceAddress());
            assertTrue(receives(socket, sender, group));
            assertThrows(IllegalStateException.class, () -> socket.join(group, network(family)));
            assertThrows(IllegalStateException.class, () -> key.block(stranger(family)));
            key.drop();
            assertTrue(other.isValid());
            assertFalse(receives(socket, sender, group));
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = StandardProtocolFamily.class,
            names = {"INET", "INET6"})
    void blockedSources(StandardProtocolFamily family) throws Exception {
        assumeFalse(WINE, "Wine confuses source and interface");
        InetAddress group = group(family, 6);
        try (DatagramChannel sender = channel(family, network(family));
                WskDatagramSocket socket = wildcard(family)) {
            InetAddress source = source(socket, sender, group);
            MembershipKey key = socket.join(group, network(family));
            assertThrows(IllegalStateException.class, () -> key.unblock(source));
            assertSame(key, key.block(source));
            assertSame(key, key.block(source), "again");
            assertFalse(receives(socket, sender, group));
            assertSame(key, key.unblock(source));
            assertTrue(receives(socket, sender, group));
            assertThrows(IllegalStateException.class, () -> key.unblock(source));
            assertThrows(IllegalArgumentException.class, () -> key.block(group));
            assertThrows(IllegalArgumentException.class, () -> key.block(family == INET ? LOOPBACK6 : LOOPBACK4));
            key.drop();
            assertThrows(IllegalStateException.class, () -> key.block(source));
        }
    }

    @Test
    void keysSayWhatTheyAre() throws Exception {
        InetAddress group = group(INET, 7);
        try (WskDatagramSocket socket = wildcard(INET)) {
            MembershipKey key = socket.join(group, network(INET));
            assertSame(key, socket.join(group, network(INET)));
            assertSame(socket, key.channel());
            assertEquals(group, key.group());
            assertEquals(network(INET), key.networkInterface());
            assertNull(key.sourceAddress());
            assertTrue(key.isValid());
            assertTrue(key.toString().contains(group.getHostAddress()), key.toString());
            assertThrows(IllegalStateException.class, () -> socket.join(group, network(INET), stranger(INET)));
            key.drop();
            key.drop();
            assertFalse(key.isValid());
            MembershipKey again = socket.join(group, network(INET));
            assertNotEquals(key, again);
            socket.close();
            assertFalse(again.isValid());
            again.drop();
            assertThrows(IllegalStateException.class, () -> again.block(stranger(INET)));
            assertThrows(ClosedChannelException.class, () -> socket.join(group, network(INET)));
        }
    }

    @Test
    void badGroupsAreRefused() throws Exception {
        try (WskDatagramSocket four = wildcard(INET);
                WskDatagramSocket six = wildcard(INET6)) {
            InetAddress group = group(INET, 8);
            NetworkInterface network = network(INET);
            assertThrows(NullPointerException.class, () -> four.join(null, network));
            assertThrows(NullPointerException.class, () -> four.join(group, null));
            assertThrows(NullPointerException.class, () -> four.join(group, network, null));
            assertThrows(IllegalArgumentException.class, () -> four.join(LOOPBACK4, network));
            assertThrows(IllegalArgumentException.class, () -> four.join(group(INET6, 8), network));
            assertThrows(IllegalArgumentException.class, () -> six.join(group, network), "as on Windows");
            assertThrows(IllegalArgumentException.class, () -> four.join(group, network, group));
            assertThrows(IllegalArgumentException.class, () -> four.join(group, network, LOOPBACK6));
            assertThrows(
                    IllegalArgumentException.class, () -> four.join(group, network, Inet4Address.getByName("0.0.0.0")));
            for (int hops : new int[] {-1, 256, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
                assertThrows(IllegalArgumentException.class, () -> four.setOption(IP_MULTICAST_TTL, hops));
            }
            assertEquals(1, four.getOption(IP_MULTICAST_TTL));
            assertNull(four.getOption(IP_MULTICAST_IF));
        }
    }

    /** A datagram socket that was connected is a member still. */
    @Test
    @Tag("embedded")
    void membershipLastsOverConnecting() throws Exception {
        InetAddress group = group(INET, 9);
        try (DatagramChannel sender = channel(INET, network(INET));
                WskDatagramSocket socket = wildcard(INET)) {
            socket.join(group, network(INET));
            socket.connect(new InetSocketAddress(LOOPBACK4, 9)).disconnect();
            assertTrue(receives(socket, sender, group));
        }
    }
}
