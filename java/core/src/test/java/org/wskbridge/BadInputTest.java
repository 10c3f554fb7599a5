// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.net.StandardProtocolFamily.INET6;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.AlreadyBoundException;
import java.nio.channels.AlreadyConnectedException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NotYetBoundException;
import java.nio.channels.NotYetConnectedException;
import java.nio.channels.UnresolvedAddressException;
import java.nio.channels.UnsupportedAddressTypeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Mistakes get a clear error, and the bridge goes on working. */
class BadInputTest extends BridgeFixture {
    private static final InetSocketAddress SOMEWHERE = new InetSocketAddress("127.0.0.1", 9);
    private static final ByteBuffer BYTE = ByteBuffer.allocate(1);

    @AfterEach
    void theBridgeGoesOnWorking() throws Exception {
        if (bridge.isOpen()) {
            await(bridge.nop());
            try (WskDatagramSocket first = datagram(INET);
                    WskDatagramSocket second = datagram(INET)) {
                await(first.sendTo(ByteBuffer.allocate(10), second.getLocalAddress()));
                await(second.receiveFrom()).close();
            }
        }
    }

    @Test
    void unboundUse() throws Exception {
        try (WskDatagramSocket datagram = bridge.openDatagram(INET);
                WskListenSocket listener = bridge.openListen(INET);
                WskConnectionSocket connection = bridge.openConnection(INET)) {
            assertThrows(NotYetBoundException.class, datagram::receiveFrom);
            assertThrows(NotYetBoundException.class, () -> datagram.receiveFrom(ByteBuffer.allocate(1)));
            assertThrows(NotYetConnectedException.class, () -> datagram.send(BYTE));
            assertThrows(NotYetBoundException.class, listener::accept);
            assertThrows(NotYetConnectedException.class, () -> connection.send(BYTE));
            assertThrows(NotYetConnectedException.class, () -> connection.receive(BYTE));
            assertThrows(NotYetConnectedException.class, connection::disconnect);
        }
    }

    @Test
    void doubleBind() throws Exception {
        try (WskDatagramSocket datagram = datagram(INET);
                WskListenSocket listener = listener(INET);
                WskConnectionSocket connection = bridge.openConnection(INET).bind(null)) {
            assertThrows(AlreadyBoundException.class, () -> datagram.bind(null));
            assertThrows(AlreadyBoundException.class, () -> listener.bind(null));
            assertThrows(AlreadyBoundException.class, () -> connection.bind(null));
        }
    }

    @Test
    void doubleConnect() throws Exception {
        try (WskConnectionSocket connection = bridge.openConnection(INET);
                ServerSocket server = new ServerSocket(0, 10, LOOPBACK4)) {
            await(connection.connect(server.getLocalSocketAddress()));
            assertThrows(AlreadyConnectedException.class, () -> connection.connect(server.getLocalSocketAddress()));
            assertThrows(AlreadyBoundException.class, () -> connection.bind(null));
        }
    }

    @Test
    void wrongFamily() throws Exception {
        InetSocketAddress six = new InetSocketAddress("::1", 9);
        try (WskDatagramSocket datagram4 = bridge.openDatagram(INET);
                WskDatagramSocket datagram6 = bridge.openDatagram(INET6);
                WskConnectionSocket connection = bridge.openConnection(INET)) {
            assertThrows(UnsupportedAddressTypeException.class, () -> datagram4.bind(six));
            assertThrows(UnsupportedAddressTypeException.class, () -> datagram4.sendTo(BYTE, six));
            assertThrows(UnsupportedAddressTypeException.class, () -> datagram4.connect(six));
            datagram6.setOption(WskSocketOptions.IPV6_V6ONLY, true);
            assertThrows(UnsupportedAddressTypeException.class, () -> datagram6.sendTo(BYTE, SOMEWHERE));
            assertThrows(UnsupportedAddressTypeException.class, () -> connection.connect(six));
            ProtocolFamily other = () -> "UNIX";
            assertThrows(UnsupportedOperationException.class, () -> bridge.openDatagram(other));
        }
    }

    @Test
    void unresolvedAddress() throws Exception {
        InetSocketAddress nowhere = InetSocketAddress.createUnresolved("nowhere.invalid", 9);
        try (WskDatagramSocket datagram = bridge.openDatagram(INET);
                WskConnectionSocket connection = bridge.openConnection(INET)) {
            assertThrows(UnresolvedAddressException.class, () -> datagram.bind(nowhere));
            assertThrows(UnresolvedAddressException.class, () -> datagram.sendTo(BYTE, nowhere));
            assertThrows(UnresolvedAddressException.class, () -> connection.connect(nowhere));
            assertTrue(connection.isOpen());
        }
    }

    @Test
    void portOutOfRange() {
        assertThrows(IllegalArgumentException.class, () -> new InetSocketAddress("127.0.0.1", 65536));
    }

    @Test
    void tooLargeADatagram() throws Exception {
        try (WskDatagramSocket datagram4 = datagram(INET);
                WskDatagramSocket datagram6 = datagram(INET6)) {
            for (int size : new int[] {65_508, 65_527, 65_528, 1 << 20}) {
                CompletableFuture<Integer> send = datagram4.sendTo(ByteBuffer.allocate(size), SOMEWHERE);
                SocketException refused = failure(SocketException.class, send);
                assertTrue(refused.getMessage().contains("message too long"), refused.getMessage());
            }
            CompletableFuture<Integer> send =
                    datagram6.sendTo(ByteBuffer.allocateDirect(65_528), new InetSocketAddress("::1", 9));
            failure(SocketException.class, send);
            assertThrows(IllegalArgumentException.class, () -> datagram4.receiveFrom(-1));
            assertThrows(IllegalArgumentException.class, () -> datagram4.receiveFrom(65_536));
        }
    }

    @Test
    void readOnlyReceiveBuffer() throws Exception {
        try (WskDatagramSocket datagram = datagram(INET);
                WskConnectionSocket connection = bridge.openConnection(INET)) {
            ByteBuffer readOnly = ByteBuffer.allocate(10).asReadOnlyBuffer();
            assertThrows(IllegalArgumentException.class, () -> datagram.receiveFrom(readOnly));
            assertThrows(IllegalArgumentException.class, () -> connection.receive(readOnly));
        }
    }

    @Test
    void nulls() throws Exception {
        try (WskDatagramSocket datagram = datagram(INET);
                WskConnectionSocket connection = bridge.openConnection(INET)) {
            NullPointerException refused = assertThrows(NullPointerException.class, () -> datagram.sendTo(BYTE, null));
            assertNotNull(refused.getMessage());
            assertThrows(NullPointerException.class, () -> datagram.sendTo((ByteBuffer) null, SOMEWHERE));
            assertThrows(NullPointerException.class, () -> datagram.send((ByteBuffer) null));
            assertThrows(NullPointerException.class, () -> datagram.receiveFrom((ByteBuffer) null));
            assertThrows(NullPointerException.class, () -> datagram.connect(null));
            assertThrows(NullPointerException.class, () -> datagram.getOption(null));
            assertThrows(NullPointerException.class, () -> datagram.setOption(StandardSocketOptions.SO_RCVBUF, null));
            assertThrows(NullPointerException.class, () -> connection.connect(null));
            assertThrows(NullPointerException.class, () -> connection.send((ByteBuffer) null));
            assertThrows(NullPointerException.class, () -> connection.receive((ByteBuffer) null));
            assertThrows(NullPointerException.class, () -> bridge.openDatagram(null));
            assertThrows(NullPointerException.class, () -> WskBridge.builder().executor(null));
            assertThrows(NullPointerException.class, () -> WskBridge.builder().name(null));
            assertThrows(
                    IllegalArgumentException.class, () -> WskBridge.builder().closeTimeout(Duration.ofSeconds(-1)));
            assertThrows(
                    IllegalArgumentException.class, () -> WskBridge.builder().lingerLimit(Duration.ofSeconds(-1)));
        }
    }

    @Test
    void closedSocket() throws Exception {
        WskDatagramSocket datagram = datagram(INET);
        WskListenSocket listener = listener(INET);
        WskConnectionSocket connection = bridge.openConnection(INET);
        for (WskSocket socket : List.of(datagram, listener, connection)) {
            socket.close();
            socket.close();
            assertFalse(socket.isOpen());
            assertThrows(ClosedChannelException.class, socket::getLocalAddress);
            assertThrows(ClosedChannelException.class, () -> socket.bind(null));
            assertThrows(ClosedChannelException.class, () -> socket.getOption(StandardSocketOptions.SO_RCVBUF));
            await(socket.closeAsync());
        }
        failure(ClosedChannelException.class, datagram.sendTo(BYTE, SOMEWHERE));
        failure(ClosedChannelException.class, datagram.send(BYTE));
        failure(ClosedChannelException.class, datagram.receiveFrom());
        failure(ClosedChannelException.class, datagram.receiveFrom(ByteBuffer.allocate(1)));
        failure(ClosedChannelException.class, connection.connect(SOMEWHERE));
        failure(ClosedChannelException.class, connection.send(BYTE));
        failure(ClosedChannelException.class, connection.receive(BYTE));
        failure(ClosedChannelException.class, connection.disconnect());
        failure(ClosedChannelException.class, listener.accept());
        assertThrows(ClosedChannelException.class, () -> datagram.connect(SOMEWHERE));
    }

    @Test
    void closedBridge() throws Exception {
        WskDatagramSocket datagram = datagram(INET);
        bridge.close();
        bridge.close();
        assertFalse(bridge.isOpen());
        assertFalse(datagram.isOpen());
        assertThrows(ClosedChannelException.class, () -> bridge.openDatagram(INET));
        assertThrows(ClosedChannelException.class, () -> bridge.openConnection(INET));
        assertThrows(ClosedChannelException.class, () -> bridge.openListen(INET));
        assertThrows(ClosedChannelException.class, bridge::statistics);
        failure(ClosedChannelException.class, bridge.nop());
        failure(ClosedChannelException.class, datagram.receiveFrom());
        assertNotNull(bridge.info());
        await(bridge.closeAsync());
    }

    @Test
    void portInUse() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 10, LOOPBACK4);
                WskListenSocket listener = bridge.openListen(INET)) {
            BindException refused =
                    assertThrows(BindException.class, () -> listener.bind(server.getLocalSocketAddress()));
            assertEquals(Optional.of(NtStatus.ADDRESS_ALREADY_EXISTS), NtStatusException.statusOf(refused));
            listener.bind(new InetSocketAddress(LOOPBACK4, 0));
        }
        try (WskDatagramSocket first = datagram(INET);
                WskDatagramSocket second = bridge.openDatagram(INET)) {
            assertThrows(BindException.class, () -> second.bind(first.getLocalAddress()));
        }
    }

    @Test
    void foreignAddress() throws Exception {
        try (WskDatagramSocket datagram = bridge.openDatagram(INET6);
                WskConnectionSocket connection = bridge.openConnection(INET)) {
            assertThrows(BindException.class, () -> datagram.bind(new InetSocketAddress("2001:db8::1", 0)));
            assertThrows(BindException.class, () -> connection.bind(new InetSocketAddress("192.0.2.1", 0)));
        }
    }

    @Test
    void unreachable() throws Exception {
        WskConnectionSocket connection = bridge.openConnection(INET);
        // TCP has no broadcasts; systems say so in different ways.
        IOException refused =
                failure(IOException.class, connection.connect(new InetSocketAddress("255.255.255.255", 9)));
        assertTrue(NtStatusException.statusOf(refused).isPresent(), refused.toString());
        assertFalse(connection.isOpen());
    }

    @Test
    void quota() throws Exception {
        int maximum = bridge.info().limits().maximumOperations();
        List<CompletableFuture<ReceivedDatagram>> receives = new ArrayList<>();
        WskDatagramSocket socket = datagram(INET);
        try {
            for (int i = 0; i <= maximum; i++) {
                receives.add(socket.receiveFrom(10));
            }
            WskQuotaException refused = failure(WskQuotaException.class, receives.get(maximum));
            assertEquals(Optional.of(NtStatus.QUOTA_EXCEEDED), NtStatusException.statusOf(refused));
            assertFalse(receives.get(0).isDone());
            assertTrue(receives.get(0).cancel(true));
            CompletableFuture<ReceivedDatagram> again = socket.receiveFrom(10);
            receives.add(again);
            assertFalse(again.isDone(), "there is room again");
        } finally {
            socket.close();
            assertNothingReceived(receives); // which also explains what went wrong before
        }
    }

    private static void assertNothingReceived(List<CompletableFuture<ReceivedDatagram>> receives) throws Exception {
        List<String> received = new ArrayList<>();
        for (CompletableFuture<ReceivedDatagram> receive : receives) {
            try (ReceivedDatagram datagram = await(receive)) {
                received.add(datagram.toString());
            } catch (ExecutionException | CancellationException e) {
                // as it should be
            }
        }
        assertEquals(List.of(), received, "a stranger sent something");
    }

    @Test
    void optionsThatComeTooLate() throws Exception {
        try (WskDatagramSocket socket = bridge.openDatagram(INET6).bind(null)) {
            assertThrows(IOException.class, () -> socket.setOption(WskSocketOptions.IPV6_V6ONLY, false));
            assertThrows(IllegalArgumentException.class, () -> socket.setOption(StandardSocketOptions.SO_RCVBUF, -1));
        }
    }

    @Test
    void aConnectionThatEndedBeforeItWasAccepted() throws Exception {
        try (WskListenSocket listener = listener(INET)) {
            Socket peer = new Socket(LOOPBACK4, listener.getLocalAddress().getPort());
            peer.getOutputStream().write(1);
            peer.close();
            try (WskConnectionSocket connection = await(listener.accept())) {
                assertEquals(1, receiveAll(connection, 1).length);
            }
        }
    }
}
