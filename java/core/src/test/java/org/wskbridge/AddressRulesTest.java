// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.BindException;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.AlreadyConnectedException;
import java.nio.channels.ClosedChannelException;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Which addresses may be bound, connected to and sent to: what the JDK's channels allow and refuse. */
class AddressRulesTest extends BridgeFixture {
    private WskListenSocket reusing() throws Exception {
        return bridge.openListen(INET).setOption(StandardSocketOptions.SO_REUSEADDR, true);
    }

    @Test
    void twoListenersDontShareAPort() throws Exception {
        try (WskListenSocket first = reusing().bind(new InetSocketAddress(LOOPBACK4, 0));
                WskListenSocket second = reusing()) {
            assertTrue(second.getOption(StandardSocketOptions.SO_REUSEADDR), "the option is remembered");
            InetSocketAddress address = first.getLocalAddress();
            BindException refused = assertThrows(BindException.class, () -> second.bind(address));
            assertTrue(NtStatusException.statusOf(refused).isPresent(), refused.toString());
            first.setOption(StandardSocketOptions.SO_REUSEADDR, false);
            assertFalse(first.getOption(StandardSocketOptions.SO_REUSEADDR), "as with the JDK, also when it is bound");
        }
    }

    @Test
    void twoConnectionsDontShareAPort() throws Exception {
        try (WskConnectionSocket first = bridge.openConnection(INET);
                WskConnectionSocket second = bridge.openConnection(INET)) {
            first.setOption(StandardSocketOptions.SO_REUSEADDR, true).bind(new InetSocketAddress(LOOPBACK4, 0));
            second.setOption(StandardSocketOptions.SO_REUSEADDR, true);
            assertThrows(BindException.class, () -> second.bind(first.getLocalAddress()));
        }
    }

    /** The side that ends first keeps the port in TIME_WAIT. */
    @Test
    void aPortInTimeWaitCanBeListenedAt() throws Exception {
        InetSocketAddress address;
        try (WskListenSocket first = listener(INET)) {
            address = first.getLocalAddress();
            try (Socket peer = new Socket(LOOPBACK4, address.getPort());
                    WskConnectionSocket connection = await(first.accept())) {
                await(connection.disconnect());
                assertEquals(-1, peer.getInputStream().read());
                peer.shutdownOutput();
                assertEquals(-1, await(connection.receive(ByteBuffer.allocate(1))));
                connection.close();
                await(connection.closeAsync());
            }
        }
        try (WskListenSocket second = bridge.openListen(INET).bind(address);
                Socket peer = new Socket(LOOPBACK4, address.getPort());
                WskConnectionSocket connection = await(second.accept())) {
            assertEquals(
                    peer.getLocalPort(),
                    connection.getRemoteAddress().orElseThrow().getPort());
        }
    }

    @Test
    void nothingGoesToPortZero() throws Exception {
        InetSocketAddress zero = new InetSocketAddress(LOOPBACK4, 0);
        try (WskDatagramSocket socket = datagram(INET);
                DatagramSocket peer = new DatagramSocket(new InetSocketAddress(LOOPBACK4, 0))) {
            SocketException refused = assertThrows(SocketException.class, () -> socket.connect(zero));
            assertTrue(refused.getMessage().contains("port 0"), refused.getMessage());
            assertEquals(Optional.empty(), socket.getRemoteAddress());
            assertThrows(SocketException.class, () -> socket.setSendToAddress(zero));
            failure(SocketException.class, socket.sendTo(ByteBuffer.allocate(1), zero));
            socket.connect(peer.getLocalSocketAddress());
            assertEquals(1, await(socket.send(ByteBuffer.allocate(1))));
        }
    }

    @Test
    void aClosedSocketSaysSoBeforeAnythingElse() throws Exception {
        InetSocketAddress peer = new InetSocketAddress(LOOPBACK4, 9);
        InetSocketAddress other = new InetSocketAddress(LOOPBACK4, 10);
        InetSocketAddress unresolved = InetSocketAddress.createUnresolved("nowhere.invalid", 9);
        WskDatagramSocket socket = datagram(INET).connect(peer);
        assertThrows(AlreadyConnectedException.class, () -> socket.sendTo(ByteBuffer.allocate(1), other));
        socket.close();
        failure(ClosedChannelException.class, socket.sendTo(ByteBuffer.allocate(1), other));
        failure(ClosedChannelException.class, socket.sendTo(ByteBuffer.allocate(1), unresolved));
        assertThrows(ClosedChannelException.class, () -> socket.connect(unresolved));
        assertThrows(ClosedChannelException.class, () -> socket.setSendToAddress(unresolved));
        assertThrows(ClosedChannelException.class, () -> socket.bind(unresolved));
        try (WskConnectionSocket connection = bridge.openConnection(INET)) {
            connection.close();
            failure(ClosedChannelException.class, connection.connect(unresolved));
        }
    }
}
