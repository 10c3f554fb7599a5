// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** cancel, orTimeout and close from another thread, in the middle of each operation. */
class CancellationTest extends BridgeFixture {
    /** The three ways an operation can be stopped. */
    enum Way {
        CANCEL,
        TIMEOUT,
        CLOSE
    }

    private final List<AutoCloseable> toClose = new ArrayList<>();

    @AfterEach
    void closePeers() throws Exception {
        for (AutoCloseable resource : toClose) {
            resource.close();
        }
    }

    /** Stops an operation that can't have had an effect and checks how its future says so. */
    private void stop(Way way, WskSocket socket, CompletableFuture<?> operation) throws Exception {
        assertFalse(operation.isDone());
        switch (way) {
            case CANCEL -> {
                assertTrue(operation.cancel(true));
                assertThrows(CancellationException.class, operation::join);
            }
            case TIMEOUT -> failure(TimeoutException.class, operation.orTimeout(10, TimeUnit.MILLISECONDS));
            case CLOSE -> {
                Thread closer = new Thread(() -> closeQuietly(socket));
                closer.start();
                failure(AsynchronousCloseException.class, operation);
                closer.join();
            }
        }
        assertTrue(operation.isDone());
    }

    private static void closeQuietly(WskSocket socket) {
        try {
            if (socket instanceof WskConnectionSocket connection) {
                connection.abort();
            } else {
                socket.close();
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private Socket peerOf(WskConnectionSocket ours) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 10, LOOPBACK4)) {
            await(ours.connect(server.getLocalSocketAddress()));
            Socket peer = server.accept();
            toClose.add(peer);
            return peer;
        }
    }

    private static void somethingArrives(Socket peer) throws Exception {
        InputStream in = peer.getInputStream();
        eventually("bytes arrive", () -> {
            try {
                return in.available() > 0;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    @ParameterizedTest
    @EnumSource
    void inReceiveFrom(Way way) throws Exception {
        try (WskDatagramSocket socket = datagram(INET)) {
            stop(way, socket, socket.receiveFrom());
        }
    }

    @ParameterizedTest
    @EnumSource
    void inReceive(Way way) throws Exception {
        try (WskConnectionSocket socket = bridge.openConnection(INET)) {
            Socket peer = peerOf(socket);
            ByteBuffer target = ByteBuffer.allocateDirect(100);
            stop(way, socket, socket.receive(target));
            assertEquals(0, target.position());
            if (way != Way.CLOSE) {
                peer.getOutputStream().write(5);
                assertEquals(1, await(socket.receive(target)));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void inConnect(Way way) throws Exception {
        try (BusyServer busy = new BusyServer();
                WskConnectionSocket socket = bridge.openConnection(INET)) {
            stop(way, socket, socket.connect(busy.address()));
            assertFalse(socket.isOpen());
        }
    }

    @ParameterizedTest
    @EnumSource
    void inAccept(Way way) throws Exception {
        try (WskListenSocket socket = listener(INET)) {
            stop(way, socket, socket.accept());
        }
    }

    /** Bytes that moved are told, whoever wanted the end; a send behind that has not begun ends cancelled. */
    @ParameterizedTest
    @EnumSource
    void inSend(Way way) throws Exception {
        byte[] all = randomBytes(64 << 20, 1);
        try (WskConnectionSocket socket = bridge.openConnection(INET)) {
            Socket peer = peerOf(socket);
            ByteBuffer buffer = direct(all);
            CompletableFuture<Integer> first = socket.send(buffer);
            somethingArrives(peer);
            CompletableFuture<Integer> second = socket.send(ByteBuffer.allocateDirect(1000));
            stop(way, socket, second);
            if (way == Way.CLOSE) {
                failure(AsynchronousCloseException.class, first);
                return;
            }
            int sent;
            if (way == Way.CANCEL) {
                assertFalse(first.cancel(true));
                sent = first.join();
            } else {
                sent = await(first.orTimeout(10, TimeUnit.MILLISECONDS));
            }
            assertTrue(sent > 0 && sent < all.length, sent + " bytes");
            assertEquals(sent, buffer.position());
            CompletableFuture<Void> ended = socket.disconnect(); // done when the peer has taken everything
            assertArrayEquals(Arrays.copyOf(all, sent), peer.getInputStream().readAllBytes());
            await(ended);
        }
    }

    @Test
    void inASendThatIsSplit() throws Exception {
        byte[] all = randomBytes(64 << 20, 2);
        try (WskConnectionSocket socket = bridge.openConnection(INET)) {
            Socket peer = peerOf(socket);
            ByteBuffer buffer = ByteBuffer.wrap(all);
            CompletableFuture<Integer> first = socket.send(buffer);
            somethingArrives(peer);
            CompletableFuture<Integer> second = socket.send(ByteBuffer.wrap(all));
            assertTrue(second.cancel(true), "it waits behind the first");
            assertFalse(first.cancel(true));
            int sent = first.join();
            assertTrue(sent > 0 && sent < all.length, sent + " bytes");
            assertEquals(sent, buffer.position());
            CompletableFuture<Void> ended = socket.disconnect(); // done when the peer has taken everything
            assertArrayEquals(Arrays.copyOf(all, sent), peer.getInputStream().readAllBytes());
            await(ended);
        }
    }

    @Test
    void throughADependent() throws Exception {
        try (WskDatagramSocket socket = datagram(INET)) {
            CompletableFuture<ReceivedDatagram> receive = socket.receiveFrom();
            CompletableFuture<Integer> dependent = receive.thenApply(ReceivedDatagram::length);
            assertTrue(dependent.cancel(true));
            assertTrue(receive.isCancelled());
            CompletableFuture<ReceivedDatagram> other = socket.receiveFrom();
            failure(
                    TimeoutException.class,
                    other.thenApply(ReceivedDatagram::length).orTimeout(10, TimeUnit.MILLISECONDS));
            eventually("the receive is cancelled", other::isCancelled);
        }
    }

    /** What the driver does not own any more it does not write to. */
    @Test
    void aBufferIsTheCallersWhenTheFutureIsDone() throws Exception {
        try (WskConnectionSocket socket = bridge.openConnection(INET)) {
            Socket peer = peerOf(socket);
            for (int round = 0; round < 200; round++) {
                ByteBuffer target = ByteBuffer.allocateDirect(512);
                CompletableFuture<Integer> receive = socket.receive(target);
                Thread sender = new Thread(() -> {
                    try {
                        peer.getOutputStream().write(new byte[256]);
                    } catch (IOException e) {
                        throw new AssertionError(e);
                    }
                });
                sender.start();
                boolean cancelled = receive.cancel(true);
                byte[] poison = new byte[512];
                Arrays.fill(poison, (byte) 0xA5);
                target.put(0, poison);
                sender.join();
                int left = cancelled ? 256 : 256 - receive.join();
                while (left > 0) {
                    left -= await(socket.receive(ByteBuffer.allocate(left)));
                }
                assertArrayEquals(poison, bytes(target.clear()), "round " + round);
            }
        }
    }
}
