// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NotYetConnectedException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Readiness of a connection, with ordinary sockets on the other end. */
class WaitsTest extends BridgeFixture {
    private WskConnectionSocket ours;
    private Socket peer;

    @BeforeEach
    void connect() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 10, loopback(INET))) {
            ours = bridge.openConnection(INET);
            await(ours.connect(server.getLocalSocketAddress()));
            peer = server.accept();
        }
    }

    @AfterEach
    void disconnect() throws IOException {
        peer.close();
        ours.close();
    }

    private void peerSends(String text) throws IOException {
        peer.getOutputStream().write(text.getBytes(UTF_8));
    }

    private String take(int room) throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(room);
        await(ours.receive(buffer));
        return UTF_8.decode(buffer.flip()).toString();
    }

    private static void assertWaits(CompletableFuture<?> future) {
        assertThrows(TimeoutException.class, () -> future.copy().get(50, TimeUnit.MILLISECONDS));
    }

    private static <T extends Throwable> T cause(Class<T> type, CompletableFuture<?> future) {
        return assertInstanceOf(
                type,
                assertThrows(ExecutionException.class, () -> await(future)).getCause());
    }

    @Test
    void readableWhenDataComes() throws Exception {
        assertTrue(bridge.info().features().contains(Feature.WAITS));
        CompletableFuture<Void> readable = ours.onReadable();
        assertWaits(readable);
        peerSends("hello");
        await(readable);
        await(ours.onReadable());
        assertEquals("he", take(2));
        await(ours.onReadable());
        assertEquals("llo", take(10));
        assertWaits(ours.onReadable());
    }

    @Test
    void readableLoopReceivesEverything() throws Exception {
        byte[] sent = new byte[3 << 20];
        new Random(7).nextBytes(sent);
        CompletableFuture<Void> sender = CompletableFuture.runAsync(() -> {
            try (OutputStream out = peer.getOutputStream()) {
                for (int at = 0; at < sent.length; ) {
                    int length = Math.min(1 + at % 5000, sent.length - at);
                    out.write(sent, at, length);
                    at += length;
                }
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        ByteBuffer got = ByteBuffer.allocate(sent.length + 1);
        int bytes;
        do {
            await(ours.onReadable());
            ByteBuffer part = ByteBuffer.allocate(4000);
            CompletableFuture<Integer> receive = ours.receive(part);
            bytes = await(receive);
            got.put(part.flip());
        } while (bytes >= 0);
        sender.get();
        assertEquals(ByteBuffer.wrap(sent), got.flip());
    }

    @Test
    void receiveThatWaitsTakesTheDataFirst() throws Exception {
        CompletableFuture<Void> readable = ours.onReadable();
        ByteBuffer buffer = ByteBuffer.allocate(10);
        CompletableFuture<Integer> receive = ours.receive(buffer);
        peerSends("taken");
        assertEquals(5, await(receive));
        assertWaits(readable);
        peerSends("left");
        await(readable);
        assertEquals("left", take(10));
    }

    @Test
    void endIsReadableAndTold() throws Exception {
        CompletableFuture<Void> readable = ours.onReadable();
        CompletableFuture<Void> closed = ours.onPeerClosed();
        assertWaits(closed);
        peer.shutdownOutput();
        await(readable);
        await(closed);
        assertEquals(-1, await(ours.receive(ByteBuffer.allocate(1))));
        await(ours.onPeerClosed());
        await(ours.send(UTF_8.encode("bye")));
        assertEquals('b', peer.getInputStream().read());
    }

    @Test
    void endIsToldAfterTheDataBeforeIt() throws Exception {
        CompletableFuture<Void> closed = ours.onPeerClosed();
        peerSends("last");
        peer.shutdownOutput();
        await(ours.onReadable());
        assertFalse(closed.isDone());
        assertEquals("last", take(10));
        await(closed);
    }

    @Test
    void resetFailsTheWaitForTheEnd() throws Exception {
        CompletableFuture<Void> readable = ours.onReadable();
        CompletableFuture<Void> closed = ours.onPeerClosed();
        peer.setSoLinger(true, 0);
        peer.close();
        await(readable);
        cause(SocketException.class, closed);
        cause(SocketException.class, ours.receive(ByteBuffer.allocate(1)));
    }

    @Test
    void cancelledAndTimedOut() throws Exception {
        CompletableFuture<Void> first = ours.onReadable();
        CompletableFuture<Void> second = ours.onReadable();
        CompletableFuture<Void> closed = ours.onPeerClosed().orTimeout(20, TimeUnit.MILLISECONDS);
        assertTrue(first.cancel(true));
        assertTrue(first.isCancelled());
        cause(TimeoutException.class, closed);
        peerSends("x");
        await(second);
        assertEquals("x", take(1));
    }

    @Test
    void closeEndsThem() throws Exception {
        CompletableFuture<Void> readable = ours.onReadable();
        CompletableFuture<Void> closed = ours.onPeerClosed();
        ours.close();
        cause(AsynchronousCloseException.class, readable);
        cause(AsynchronousCloseException.class, closed);
        cause(ClosedChannelException.class, ours.onReadable());
        cause(ClosedChannelException.class, ours.onPeerClosed());
    }

    @Test
    void onlyWhenConnected() throws Exception {
        try (WskConnectionSocket unconnected = bridge.openConnection(INET)) {
            assertThrows(NotYetConnectedException.class, unconnected::onReadable);
            assertThrows(NotYetConnectedException.class, unconnected::onPeerClosed);
        }
    }

    @Test
    void tooManyAreRefused() throws Exception {
        List<CompletableFuture<Void>> waits = new ArrayList<>();
        for (int i = 0; i < 64; i++) {
            waits.add(i % 2 == 0 ? ours.onReadable() : ours.onPeerClosed());
        }
        cause(WskQuotaException.class, ours.onReadable());
        peer.close();
        for (CompletableFuture<Void> wait : waits) {
            await(wait);
        }
    }

    @Test
    void manyIdleConnections() throws Exception {
        try (WskListenSocket listener = listener(INET)) {
            List<WskConnectionSocket> accepted = new ArrayList<>();
            List<Socket> peers = new ArrayList<>();
            List<CompletableFuture<Void>> waits = new ArrayList<>();
            for (int i = 0; i < 500; i++) {
                CompletableFuture<WskConnectionSocket> accept = listener.accept();
                peers.add(new Socket(loopback(INET), listener.getLocalAddress().getPort()));
                accepted.add(await(accept));
                waits.add(accepted.get(i).onReadable());
            }
            for (int i = 499; i >= 0; i--) {
                assertFalse(waits.get(i).isDone());
                peers.get(i).getOutputStream().write(i);
                await(waits.get(i));
                ByteBuffer one = ByteBuffer.allocate(2);
                assertEquals(1, await(accepted.get(i).receive(one)));
                assertEquals((byte) i, one.get(0));
            }
            for (int i = 0; i < 500; i++) {
                peers.get(i).close();
                accepted.get(i).close();
            }
        }
    }
}
