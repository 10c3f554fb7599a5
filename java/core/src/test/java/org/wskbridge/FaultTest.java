// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.NoRouteToHostException;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NotYetConnectedException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.wskbridge.internal.embedded.EmbeddedHost;
import org.wskbridge.internal.embedded.EmbeddedHost.Fault;

/** What can't be provoked with ordinary means: the embedded host makes it happen. */
@Tag("embedded")
class FaultTest extends BridgeFixture {
    @AfterEach
    void noMoreFaults() throws Exception {
        fault(Fault.NONE, 0, NtStatus.SUCCESS);
    }

    private static void fault(Fault fault, long argument, NtStatus status) throws IOException {
        EmbeddedHost.fault(fault, argument, status);
    }

    private void cannotOpen(NtStatus expected) throws Exception {
        bridge.close();
        IOException refused = assertThrows(IOException.class, WskBridge::open);
        assertEquals(Optional.of(expected), NtStatusException.statusOf(refused), refused.toString());
        assertFalse(WskBridge.isAvailable());
        assertEquals(
                Optional.of(expected),
                NtStatusException.statusOf(WskBridge.unavailabilityCause().orElseThrow()));
        fault(Fault.NONE, 0, NtStatus.SUCCESS);
        assertTrue(WskBridge.isAvailable());
    }

    @Test
    void noDriver() throws Exception {
        fault(Fault.DRIVER_MISSING, 1, NtStatus.SUCCESS);
        cannotOpen(NtStatus.OBJECT_NAME_NOT_FOUND);
    }

    @Test
    void noPermission() throws Exception {
        fault(Fault.ACCESS_DENIED, 1, NtStatus.SUCCESS);
        cannotOpen(NtStatus.ACCESS_DENIED);
    }

    @Test
    void otherVersion() throws Exception {
        fault(Fault.CLIENT_VERSION, 7, NtStatus.SUCCESS);
        cannotOpen(NtStatus.REVISION_MISMATCH);
    }

    @Test
    void noProvider() throws Exception {
        bridge.close();
        fault(Fault.PROVIDER_GONE, 1, NtStatus.SUCCESS);
        try (WskBridge other = WskBridge.open()) {
            IOException refused = assertThrows(IOException.class, () -> other.openDatagram(INET));
            assertTrue(NtStatusException.statusOf(refused).isPresent(), refused.toString());
            assertEquals(Optional.empty(), other.info().providerVersion());
            fault(Fault.PROVIDER_GONE, 0, NtStatus.SUCCESS);
            other.openDatagram(INET).close();
        }
    }

    @Test
    void aDeadSocket() throws Exception {
        WskDatagramSocket socket = datagram(INET);
        CompletableFuture<ReceivedDatagram> receive = socket.receiveFrom();
        fault(Fault.FORCE_CLOSE, 0, NtStatus.SUCCESS);
        SocketException dead = failure(SocketException.class, receive);
        assertEquals(Optional.of(NtStatus.FILE_FORCED_CLOSED), NtStatusException.statusOf(dead));
        assertFalse(socket.isOpen());
        fault(Fault.NONE, 0, NtStatus.SUCCESS);
        try (WskDatagramSocket next = datagram(INET)) {
            assertTrue(next.isOpen());
        }
    }

    @Test
    void connectingFails() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 10, LOOPBACK4)) {
            record Case(NtStatus status, Class<? extends IOException> exception) {}
            for (Case failing : new Case[] {
                new Case(NtStatus.HOST_UNREACHABLE, NoRouteToHostException.class),
                new Case(NtStatus.NETWORK_UNREACHABLE, NoRouteToHostException.class),
                new Case(NtStatus.IO_TIMEOUT, ConnectException.class),
                new Case(NtStatus.INSUFFICIENT_RESOURCES, WskQuotaException.class),
                new Case(NtStatus.of(0xC0001234), SocketException.class)
            }) {
                WskConnectionSocket socket = bridge.openConnection(INET).bind(null);
                fault(Fault.WSK_CALL, 1, failing.status());
                failure(failing.exception(), socket.connect(server.getLocalSocketAddress()));
                assertFalse(socket.isOpen());
            }
        }
    }

    /** The peer is still fixed, in every layer, and the disconnect can be tried again. */
    @Test
    void aDisconnectFails() throws Exception {
        try (WskDatagramSocket socket = datagram(INET);
                WskDatagramSocket peer = datagram(INET)) {
            InetSocketAddress local = socket.getLocalAddress();
            socket.connect(peer.getLocalAddress());
            fault(Fault.WSK_CALL, 1, NtStatus.ADDRESS_ALREADY_EXISTS);
            IOException failed = assertThrows(IOException.class, socket::disconnect);
            assertEquals(Optional.of(NtStatus.ADDRESS_ALREADY_EXISTS), NtStatusException.statusOf(failed));
            assertEquals(Optional.of(peer.getLocalAddress()), socket.getRemoteAddress());
            assertEquals(1, await(socket.send(ByteBuffer.allocate(1))));
            await(peer.receiveFrom()).close();
            socket.disconnect();
            assertEquals(Optional.empty(), socket.getRemoteAddress());
            assertThrows(NotYetConnectedException.class, () -> socket.send(ByteBuffer.allocate(1)));
            assertEquals(local, socket.getLocalAddress());
        }
    }

    /** As when somebody else gets the port between: there is neither port nor peer, so there is no socket. */
    @Test
    void aDisconnectLosesTheSocket() throws Exception {
        WskDatagramSocket socket = datagram(INET).connect(new InetSocketAddress(LOOPBACK4, 9));
        fault(Fault.WSK_CALL, 1, NtStatus.FILE_FORCED_CLOSED);
        IOException lost = assertThrows(IOException.class, socket::disconnect);
        assertEquals(Optional.of(NtStatus.FILE_FORCED_CLOSED), NtStatusException.statusOf(lost));
        assertFalse(socket.isOpen());
        assertThrows(ClosedChannelException.class, socket::getRemoteAddress);
        assertThrows(ClosedChannelException.class, socket::getLocalAddress);
        assertThrows(ClosedChannelException.class, socket::disconnect);
        failure(ClosedChannelException.class, socket.send(ByteBuffer.allocate(1)));
    }

    /** Each allocation of a small conversation fails once; nothing is lost, and without the fault all goes well. */
    @Test
    void outOfMemory() throws Exception {
        boolean failed = true;
        for (int allocation = 1; failed && allocation < 200; allocation++) {
            fault(Fault.ALLOCATION, allocation, NtStatus.SUCCESS);
            failed = false;
            try (WskDatagramSocket first = datagram(INET);
                    WskDatagramSocket second = datagram(INET)) {
                await(first.sendTo(ByteBuffer.allocate(1), second.getLocalAddress()));
                await(second.receiveFrom()).close();
            } catch (WskQuotaException e) {
                failed = true;
            } catch (ExecutionException e) {
                assertTrue(e.getCause() instanceof WskQuotaException, e.toString());
                failed = true;
            }
        }
        fault(Fault.NONE, 0, NtStatus.SUCCESS);
        assertFalse(failed, "at last nothing fails");
        await(bridge.nop());
    }

    /** When there is no handle to be had for an accepted connection, the next accept gets the connection. */
    @Test
    void aConnectionWaitsForTheNextAccept() throws Exception {
        int waited = 0;
        try (WskListenSocket listener = listener(INET)) {
            int port = listener.getLocalAddress().getPort();
            for (int allocation = 1; allocation <= 20; allocation++) {
                CompletableFuture<WskConnectionSocket> accept = listener.accept();
                fault(Fault.ALLOCATION, allocation, NtStatus.SUCCESS);
                try (Socket peer = new Socket(LOOPBACK4, port)) {
                    WskConnectionSocket connection;
                    try {
                        connection = await(accept);
                    } catch (ExecutionException e) {
                        assertTrue(e.getCause() instanceof WskQuotaException, e.toString());
                        if (e.getCause().getMessage().contains("WskAccept")) {
                            continue; // there was no memory to accept it with
                        }
                        waited++;
                        fault(Fault.NONE, 0, NtStatus.SUCCESS);
                        connection = await(listener.accept());
                    }
                    fault(Fault.NONE, 0, NtStatus.SUCCESS);
                    assertEquals(
                            peer.getLocalPort(),
                            connection.getRemoteAddress().orElseThrow().getPort());
                    connection.abort();
                }
            }
        }
        assertTrue(waited > 0, "it should have happened");
    }
}
