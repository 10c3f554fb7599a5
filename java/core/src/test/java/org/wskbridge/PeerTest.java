// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.net.StandardProtocolFamily.INET6;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is left of a peer: its address and its bytes outlive the connection, its errors don't outlive the connect. */
class PeerTest extends BridgeFixture {
    // ---- connections -------------------------------------------------------------------------------------------

    private static InetSocketAddress reset(Socket peer) throws IOException {
        InetSocketAddress address = (InetSocketAddress) peer.getLocalSocketAddress();
        peer.setSoLinger(true, 0);
        peer.close();
        return address;
    }

    @Test
    void thePeerIsKnownAfterAReset() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 10, LOOPBACK4);
                WskConnectionSocket socket = bridge.openConnection(INET)) {
            await(socket.connect(server.getLocalSocketAddress()));
            reset(server.accept());
            failure(SocketException.class, socket.receive(ByteBuffer.allocate(1)));
            assertEquals(Optional.of(server.getLocalSocketAddress()), socket.getRemoteAddress());
            assertTrue(socket.isConnected());
        }
    }

    @Test
    void thePeerIsKnownAfterBothEnds() throws Exception {
        try (WskListenSocket listener = listener(INET);
                Socket peer = new Socket(LOOPBACK4, listener.getLocalAddress().getPort());
                WskConnectionSocket socket = await(listener.accept())) {
            peer.shutdownOutput();
            assertEquals(-1, await(socket.receive(ByteBuffer.allocate(1))));
            await(socket.disconnect());
            assertEquals(-1, peer.getInputStream().read());
            assertEquals(Optional.of(peer.getLocalSocketAddress()), socket.getRemoteAddress());
            assertTrue(socket.isConnected());
        }
    }

    @Test
    @Tag("linux") // Winsock drops such a connection
    void thePeerIsKnownOfAConnectionThatWasResetBeforeTheAccept() throws Exception {
        try (WskListenSocket listener = listener(INET)) {
            InetSocketAddress peer =
                    reset(new Socket(LOOPBACK4, listener.getLocalAddress().getPort()));
            try (WskConnectionSocket socket = await(listener.accept())) {
                assertEquals(Optional.of(peer), socket.getRemoteAddress());
                failure(SocketException.class, socket.receive(ByteBuffer.allocate(1)));
                assertEquals(Optional.of(peer), socket.getRemoteAddress());
            }
        }
    }

    /** The peer closes with unread input, which resets; the send is told, and what came before is still there. */
    @Test
    void aSendThatFailsWithholdsNothingThatCame() throws Exception {
        int length = 100_000;
        try (ServerSocket server = new ServerSocket(0, 10, LOOPBACK4);
                WskConnectionSocket socket = bridge.openConnection(INET)) {
            await(socket.connect(server.getLocalSocketAddress()));
            try (Socket peer = server.accept()) {
                await(socket.send(ByteBuffer.allocate(10)));
                eventually("the peer has it", () -> available(peer) == 10);
                peer.getOutputStream().write(randomBytes(length, 8));
            }
            eventually("a send fails", () -> fails(socket));
            ByteBuffer all = ByteBuffer.allocate(length);
            while (all.hasRemaining()) {
                assertTrue(await(socket.receive(all)) > 0, () -> "only " + all.position() + " bytes came");
            }
            assertArrayEquals(randomBytes(length, 8), all.array());
            failure(SocketException.class, socket.receive(ByteBuffer.allocate(1)));
        }
    }

    private static int available(Socket peer) {
        try {
            return peer.getInputStream().available();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static boolean fails(WskConnectionSocket socket) {
        try {
            await(socket.send(ByteBuffer.allocate(1)));
            return false;
        } catch (ExecutionException e) {
            return true;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    // ---- datagrams ---------------------------------------------------------------------------------------------

    /** A question to the peer, through the socket's fixed address or to it, and the answer. */
    private static void ask(WskDatagramSocket socket, DatagramSocket peer, InetSocketAddress target) throws Exception {
        byte[] question = {42};
        ByteBuffer payload = ByteBuffer.wrap(question);
        DatagramPacket packet = new DatagramPacket(new byte[10], 10);
        await(target == null ? socket.send(payload) : socket.sendTo(payload, target));
        peer.setSoTimeout(20_000);
        peer.receive(packet);
        peer.send(packet);
        try (ReceivedDatagram answer = await(socket.receiveFrom(100))) {
            assertArrayEquals(question, bytes(answer.payload()));
        }
    }

    /** A port where nobody is, held by a socket that takes nothing. */
    private static InetSocketAddress nobody() throws IOException {
        try (DatagramSocket gone = new DatagramSocket(new InetSocketAddress(LOOPBACK4, 0))) {
            return (InetSocketAddress) gone.getLocalSocketAddress();
        }
    }

    @Test
    void aFormerPeersErrorIsNotSeenAfterADisconnect() throws Exception {
        InetSocketAddress nobody = nobody();
        try (WskDatagramSocket socket = datagram(INET);
                DatagramSocket peer = new DatagramSocket(new InetSocketAddress(LOOPBACK4, 0))) {
            for (int round = 0; round < 20; round++) {
                socket.connect(nobody);
                await(socket.send(ByteBuffer.allocate(1)));
                socket.disconnect();
                ask(socket, peer, (InetSocketAddress) peer.getLocalSocketAddress());
            }
        }
    }

    @Test
    void aFormerPeersErrorIsNotSeenAfterAnotherConnect() throws Exception {
        InetSocketAddress nobody = nobody();
        try (WskDatagramSocket socket = datagram(INET);
                DatagramSocket peer = new DatagramSocket(new InetSocketAddress(LOOPBACK4, 0))) {
            for (int round = 0; round < 20; round++) {
                socket.connect(nobody);
                await(socket.send(ByteBuffer.allocate(1)));
                socket.disconnect().connect(peer.getLocalSocketAddress());
                ask(socket, peer, null);
                socket.disconnect();
            }
        }
    }

    /** The system makes a wildcard address its usual loopback address; answers come from there. */
    @ParameterizedTest
    @EnumSource(names = {"INET", "INET6"})
    void aWildcardPeerAnswers(StandardProtocolFamily family) throws Exception {
        boolean six = family == INET6;
        InetAddress loopback = address(six ? "::1" : "127.0.0.1");
        try (WskDatagramSocket socket = bridge.openDatagram(family);
                DatagramSocket peer = new DatagramSocket(new InetSocketAddress(loopback, 0))) {
            InetSocketAddress wildcard = new InetSocketAddress(address(six ? "::" : "0.0.0.0"), peer.getLocalPort());
            socket.connect(wildcard);
            assertEquals(Optional.of(wildcard), socket.getRemoteAddress());
            ask(socket, peer, null);
            socket.disconnect();
            assertThrows(java.nio.channels.NotYetConnectedException.class, () -> socket.send(ByteBuffer.allocate(1)));
            ask(socket, peer, wildcard);
        }
    }
}
