// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.net.StandardProtocolFamily.INET6;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.ProtocolFamily;
import java.net.SocketException;
import java.net.SocketOption;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Options: each one on every socket that has it, before and after it is bound, and refused by the others. */
class SocketOptionsTest extends BridgeFixture {
    /** Every option, with a value that it may have. What must be set before the bind is not here. */
    private static Map<SocketOption<?>, Object> values() throws Exception {
        NetworkInterface loopback = NetworkInterface.getByIndex(1);
        Map<SocketOption<?>, Object> values = new LinkedHashMap<>();
        values.put(StandardSocketOptions.SO_RCVBUF, 30_000);
        values.put(StandardSocketOptions.SO_SNDBUF, 10_000);
        values.put(StandardSocketOptions.SO_BROADCAST, true);
        values.put(StandardSocketOptions.SO_KEEPALIVE, true);
        values.put(StandardSocketOptions.TCP_NODELAY, true);
        values.put(StandardSocketOptions.IP_MULTICAST_IF, loopback);
        values.put(StandardSocketOptions.IP_MULTICAST_TTL, 7);
        values.put(StandardSocketOptions.IP_MULTICAST_LOOP, false);
        values.put(WskSocketOptions.TCP_KEEPIDLE, 100);
        values.put(WskSocketOptions.TCP_KEEPINTERVAL, 10);
        values.put(WskSocketOptions.TCP_KEEPCOUNT, 5);
        values.put(WskSocketOptions.IP_DONTFRAGMENT, true);
        values.put(WskSocketOptions.IP_TTL, 9);
        if (!ON_WINE) { // which doesn't know this interface as one to send by
            values.put(WskSocketOptions.IP_UNICAST_IF, loopback);
        }
        values.put(WskSocketOptions.IP_MTU_DISCOVER, 1);
        values.put(WskSocketOptions.IP_RECEIVE_BROADCAST, false);
        return values;
    }

    private List<WskSocket> sockets(ProtocolFamily family) throws Exception {
        return List.of(bridge.openDatagram(family), bridge.openConnection(family), bridge.openListen(family));
    }

    private static <T> void set(WskSocket socket, SocketOption<T> option, Object value) throws Exception {
        socket.setOption(option, option.type().cast(value));
        assertEquals(value, socket.getOption(option), option + " of " + socket);
    }

    @Test
    void eachSocketHasTheOptionsThatItNames() throws Exception {
        for (ProtocolFamily family : List.of(INET, INET6)) {
            for (WskSocket socket : sockets(family)) {
                for (boolean bound : new boolean[] {false, true}) {
                    if (bound) {
                        socket.bind(new InetSocketAddress(loopback(family), 0));
                    }
                    for (Map.Entry<SocketOption<?>, Object> row : values().entrySet()) {
                        SocketOption<?> option = row.getKey();
                        if (socket.supportedOptions().contains(option)) {
                            set(socket, option, row.getValue());
                        } else {
                            assertThrows(
                                    UnsupportedOperationException.class,
                                    () -> set(socket, option, row.getValue()),
                                    option + " of " + socket);
                            assertThrows(UnsupportedOperationException.class, () -> socket.getOption(option));
                        }
                    }
                }
                socket.close();
            }
        }
    }

    @Test
    @Tag("embedded")
    void theInterfaceToSendByCanBeLeftToTheSystemAgain() throws Exception {
        try (WskDatagramSocket socket = bridge.openDatagram(INET)) {
            socket.setOption(WskSocketOptions.IP_UNICAST_IF, NetworkInterface.getByIndex(1));
            socket.setOption(WskSocketOptions.IP_UNICAST_IF, null);
            assertEquals(null, socket.getOption(WskSocketOptions.IP_UNICAST_IF));
            assertThrows(
                    NullPointerException.class, () -> socket.setOption(StandardSocketOptions.IP_MULTICAST_IF, null));
        }
    }

    /** The JDK's channels have these too; and the embedded host has all that there are. */
    @Test
    @Tag("embedded")
    void whatThereIs() throws Exception {
        try (WskDatagramSocket datagram = bridge.openDatagram(INET);
                WskDatagramSocket six = bridge.openDatagram(INET6);
                WskConnectionSocket connection = bridge.openConnection(INET);
                DatagramChannel channel = DatagramChannel.open(INET)) {
            for (SocketOption<?> option : channel.supportedOptions()) {
                boolean linux = option.name().startsWith("SO_REUSEPORT")
                        || option.name().contains("NAPI");
                boolean later = option == StandardSocketOptions.IP_TOS;
                assertTrue(linux || later || datagram.supportedOptions().contains(option), option.name());
            }
            assertTrue(datagram.supportedOptions().contains(WskSocketOptions.IP_RECEIVE_BROADCAST));
            assertFalse(six.supportedOptions().contains(WskSocketOptions.IP_RECEIVE_BROADCAST));
            assertTrue(connection
                    .supportedOptions()
                    .containsAll(List.of(
                            WskSocketOptions.TCP_KEEPIDLE,
                            WskSocketOptions.TCP_KEEPINTERVAL,
                            WskSocketOptions.TCP_KEEPCOUNT)));
        }
    }

    /** The Java runtime of the tests has jdk.net. */
    @Test
    @Tag("embedded")
    void optionsOfTheJdkAreItsOwn() throws Exception {
        for (String name : List.of("TCP_KEEPIDLE", "TCP_KEEPINTERVAL", "TCP_KEEPCOUNT")) {
            assertSame(
                    Class.forName("jdk.net.ExtendedSocketOptions")
                            .getField(name)
                            .get(null),
                    WskSocketOptions.class.getField(name).get(null));
        }
    }

    /** Sends beyond the buffer wait in the library, also those that are larger than it. */
    @Test
    void aSmallSendBufferSlowsAConnectionDown() throws Exception {
        try (WskListenSocket listener = listener(INET);
                WskConnectionSocket connection = bridge.openConnection(INET)) {
            CompletableFuture<WskConnectionSocket> accepted = listener.accept();
            await(connection.connect(listener.getLocalAddress()));
            connection.setOption(StandardSocketOptions.SO_SNDBUF, 1000);
            byte[] sent = randomBytes(3_000_000, 27);
            List<CompletableFuture<Integer>> sends = new ArrayList<>();
            for (int at = 0; at < sent.length; at += 30_000) {
                sends.add(connection.send(ByteBuffer.wrap(sent, at, 30_000)));
            }
            try (WskConnectionSocket peer = await(accepted)) {
                CompletableFuture<Void> ended = connection.disconnect();
                assertArrayEquals(sent, receiveAll(peer, sent.length));
                for (CompletableFuture<Integer> send : sends) {
                    assertEquals(30_000, await(send));
                }
                await(ended);
            }
        }
    }

    @Test
    void closedSocketsStillNameTheirOptions() throws Exception {
        WskDatagramSocket socket = bridge.openDatagram(INET);
        socket.close();
        assertTrue(socket.supportedOptions().contains(StandardSocketOptions.SO_BROADCAST));
    }

    @Test
    void valuesOutOfRangeAreRefused() throws Exception {
        try (WskDatagramSocket socket = bridge.openDatagram(INET);
                WskConnectionSocket connection = bridge.openConnection(INET)) {
            for (int value : new int[] {-1, Integer.MIN_VALUE, 256, Integer.MAX_VALUE}) {
                assertThrows(IllegalArgumentException.class, () -> socket.setOption(WskSocketOptions.IP_TTL, value));
                assertThrows(
                        IllegalArgumentException.class,
                        () -> socket.setOption(WskSocketOptions.IP_MTU_DISCOVER, value));
                assertThrows(
                        IllegalArgumentException.class,
                        () -> connection.setOption(WskSocketOptions.TCP_KEEPCOUNT, value));
            }
            assertThrows(SocketException.class, () -> socket.setOption(WskSocketOptions.IP_TTL, 0));
            assertThrows(
                    NullPointerException.class, () -> socket.setOption(StandardSocketOptions.IP_MULTICAST_IF, null));
            assertNull(socket.getOption(WskSocketOptions.IP_UNICAST_IF));
        }
    }

    @Test
    void theMtuIsThatOfThePath() throws Exception {
        try (WskDatagramSocket socket = bridge.openDatagram(INET);
                WskListenSocket listener = listener(INET);
                WskConnectionSocket connection = bridge.openConnection(INET)) {
            assumeTrue(socket.supportedOptions().contains(WskSocketOptions.IP_MTU), "Wine lacks it");
            assertThrows(SocketException.class, () -> socket.getOption(WskSocketOptions.IP_MTU));
            assertThrows(SocketException.class, () -> connection.getOption(WskSocketOptions.IP_MTU));
            NetworkInterface loopback = NetworkInterface.getByIndex(1);
            socket.connect(new InetSocketAddress(LOOPBACK4, 9));
            assertEquals(Math.min(loopback.getMTU(), 65535), socket.getOption(WskSocketOptions.IP_MTU));
            await(connection.connect(listener.getLocalAddress()));
            assertTrue(connection.getOption(WskSocketOptions.IP_MTU) >= 1280);
            assertThrows(UnsupportedOperationException.class, () -> socket.setOption(WskSocketOptions.IP_MTU, 1500));
            socket.disconnect();
            assertThrows(SocketException.class, () -> socket.getOption(WskSocketOptions.IP_MTU));
        }
    }
}
