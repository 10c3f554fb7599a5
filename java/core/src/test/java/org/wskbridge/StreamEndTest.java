// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NotYetConnectedException;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Both ends of a stream: last data, half-close, receives of all, and closes with a limit; the peers are the JDK's. */
class StreamEndTest extends BridgeFixture {
    private static final Duration SHORT = Duration.ofMillis(100);
    private static final Duration LONG = Duration.ofSeconds(20);

    private record Pair(WskConnectionSocket ours, Socket peer) implements AutoCloseable {
        @Override
        public void close() throws Exception {
            ours.close();
            peer.close();
        }
    }

    private Pair connected() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 10, LOOPBACK4)) {
            WskConnectionSocket ours = bridge.openConnection(INET);
            await(ours.connect(server.getLocalSocketAddress()));
            Socket peer = server.accept();
            peer.setSoTimeout(20_000);
            return new Pair(ours, peer);
        }
    }

    /** Wine's Winsock shows a reset as the end of the stream. */
    private static void assertReset(Socket peer) throws IOException {
        if ("wine".equals(System.getProperty("wskbridge.place"))) {
            peer.getInputStream().readAllBytes();
        } else {
            assertThrows(SocketException.class, () -> peer.getInputStream().readAllBytes());
        }
    }

    private static void writeLater(Socket peer, byte[] bytes) {
        new Thread(() -> {
                    try {
                        peer.getOutputStream().write(bytes);
                    } catch (IOException e) {
                        throw new AssertionError(e);
                    }
                })
                .start();
    }

    /** What comes to the peer is what the buffer held before, however early the caller uses the buffer again. */
    @Test
    void cancelledLastDataOfSeveralRequestsIsTheCallersAgain() throws Exception {
        try (Pair pair = connected()) {
            byte[] last = randomBytes(8_000_000, 1);
            byte[] used = last.clone();
            CompletableFuture<Void> disconnect = pair.ours.disconnect(ByteBuffer.wrap(used));
            assertTrue(disconnect.cancel(true));
            Arrays.fill(used, (byte) 0);
            pair.ours.abort();
            byte[] came = new byte[last.length];
            int count = 0;
            try {
                int more = 0;
                while (more >= 0) {
                    count += more;
                    more = pair.peer.getInputStream().read(came, count, came.length - count);
                }
            } catch (SocketException e) {
                // reset, as it should be
            }
            assertTrue(count < last.length);
            assertArrayEquals(Arrays.copyOf(last, count), Arrays.copyOf(came, count));
        }
    }

    /** A send that fails behind one that was cancelled half-way is the result of the disconnect. */
    @Test
    void lastDataBehindACancelledSendFails() throws Exception {
        for (int length : new int[] {1000, 1_000_000}) {
            try (Pair pair = connected()) {
                CompletableFuture<Integer> stuck = pair.ours.send(ByteBuffer.allocate(32_000_000));
                CompletableFuture<Void> disconnect = pair.ours.disconnect(ByteBuffer.allocate(length));
                stuck.cancel(true);
                failure(IOException.class, disconnect);
                pair.ours.abort();
            }
        }
    }

    @Test
    void lastDataComesWithTheEnd() throws Exception {
        for (int length : new int[] {1, 1000, 100_000, 1_000_000}) {
            for (boolean heap : new boolean[] {true, false}) {
                try (Pair pair = connected()) {
                    byte[] first = randomBytes(50_000, length);
                    byte[] last = randomBytes(length, length + 1);
                    ByteBuffer buffer = heap ? ByteBuffer.wrap(last) : direct(last);
                    CompletableFuture<Integer> send = pair.ours.send(ByteBuffer.wrap(first));
                    CompletableFuture<Void> end =
                            heap ? pair.ours.disconnect(buffer) : pair.ours.disconnect(buffer, LONG);
                    byte[] received = pair.peer.getInputStream().readAllBytes();
                    assertArrayEquals(first, Arrays.copyOf(received, first.length));
                    assertArrayEquals(last, Arrays.copyOfRange(received, first.length, received.length));
                    assertEquals(first.length, await(send));
                    await(end);
                    assertFalse(buffer.hasRemaining());
                    failure(ClosedChannelException.class, pair.ours.send(ByteBuffer.allocate(1)));
                    failure(ClosedChannelException.class, pair.ours.disconnect(ByteBuffer.allocate(1)));
                    await(pair.ours.shutdownOutput());
                    pair.peer.getOutputStream().write(5);
                    assertEquals(1, await(pair.ours.receive(ByteBuffer.allocate(1))), "receiving goes on");
                }
            }
        }
    }

    @Test
    void lastDataThatIsNotTakenInTimeResetsTheConnection() throws Exception {
        try (Pair pair = connected()) {
            ByteBuffer last = ByteBuffer.allocateDirect(16 << 20);
            SocketTimeoutException failure = failure(SocketTimeoutException.class, pair.ours.disconnect(last, SHORT));
            assertTrue(failure.getMessage().contains("WskDisconnect"), failure.getMessage());
            pair.ours.close();
            assertReset(pair.peer);
        }
    }

    @Test
    void aReceiveOfAllWaitsForAll() throws Exception {
        for (int length : new int[] {1, 5_000, 300_000, 5_000_000}) {
            for (boolean heap : new boolean[] {true, false}) {
                try (Pair pair = connected()) {
                    byte[] bytes = randomBytes(length, length);
                    ByteBuffer target = heap ? ByteBuffer.allocate(length) : ByteBuffer.allocateDirect(length);
                    CompletableFuture<Integer> receive =
                            heap ? pair.ours.receiveFully(target) : pair.ours.receiveFully(target, LONG);
                    CompletableFuture<Integer> next = pair.ours.receive(ByteBuffer.allocate(1));
                    writeLater(pair.peer, bytes);
                    assertEquals(length, await(receive));
                    assertArrayEquals(bytes, bytes(target.flip()));
                    assertFalse(next.isDone());
                    pair.peer.getOutputStream().write(1);
                    assertEquals(1, await(next));
                }
            }
        }
    }

    @Test
    void aReceiveOfAllTellsWhatCameBeforeTheEnd() throws Exception {
        try (Pair pair = connected()) {
            CompletableFuture<Integer> some = pair.ours.receiveFully(ByteBuffer.allocate(10));
            pair.peer.getOutputStream().write(new byte[4]);
            pair.peer.shutdownOutput();
            assertEquals(4, await(some));
            assertEquals(-1, await(pair.ours.receiveFully(ByteBuffer.allocate(10))));
            assertEquals(0, await(pair.ours.receiveFully(ByteBuffer.allocate(0))));
        }
        try (Pair pair = connected()) {
            CompletableFuture<Integer> some = pair.ours.receiveFully(ByteBuffer.allocate(10), Duration.ofMillis(500));
            pair.peer.getOutputStream().write(new byte[4]);
            assertEquals(4, await(some));
            pair.peer.getOutputStream().write(new byte[3]);
            assertEquals(3, await(pair.ours.receive(ByteBuffer.allocate(10))), "nothing is lost");
        }
    }

    /** WSK doesn't promise to tell of bytes that it has taken. */
    @Test
    void aReceiveOfAllThatTimesOutEmptyEndsReceiving() throws Exception {
        try (Pair pair = connected()) {
            failure(SocketTimeoutException.class, pair.ours.receiveFully(ByteBuffer.allocate(10), SHORT));
            pair.peer.getOutputStream().write(1);
            failure(SocketException.class, pair.ours.receive(ByteBuffer.allocate(10)));
            assertEquals(1, await(pair.ours.send(ByteBuffer.allocate(1))), "sending goes on");
            assertEquals(0, pair.peer.getInputStream().read());
        }
    }

    @Test
    void shutInputDropsWhatComes() throws Exception {
        try (Pair pair = connected()) {
            CompletableFuture<Integer> before = pair.ours.receive(ByteBuffer.allocate(3));
            CompletableFuture<Void> end = pair.ours.shutdownInput();
            assertSame(end, pair.ours.shutdownInput());
            assertEquals(-1, await(pair.ours.receive(ByteBuffer.allocate(1))));
            assertEquals(-1, await(pair.ours.receiveFully(ByteBuffer.allocate(1))));
            pair.peer.getOutputStream().write(new byte[3]);
            assertEquals(3, await(before), "a receive from before gets its bytes");
            pair.peer.getOutputStream().write(new byte[10_000_000]); // more than all buffers hold
            assertFalse(end.isDone());
            assertEquals(1, await(pair.ours.send(ByteBuffer.allocate(1))), "sending goes on");
            assertEquals(0, pair.peer.getInputStream().read());
            pair.peer.shutdownOutput();
            await(end);
            assertEquals(-1, await(pair.ours.receive(ByteBuffer.allocate(1))));
        }
    }

    @Test
    void shuttingInputCanBeGivenUpAndFailsWithTheConnection() throws Exception {
        try (Pair pair = connected()) {
            assertTrue(pair.ours.shutdownInput().cancel(true));
            assertEquals(-1, await(pair.ours.receive(ByteBuffer.allocate(1))), "it stays shut");
            assertEquals(1, await(pair.ours.send(ByteBuffer.allocate(1))));
        }
        try (Pair pair = connected()) {
            CompletableFuture<Void> end = pair.ours.shutdownInput();
            pair.peer.setSoLinger(true, 0);
            pair.peer.close();
            failure(SocketException.class, end);
        }
        try (Pair pair = connected()) {
            CompletableFuture<Void> end = pair.ours.shutdownInput();
            pair.ours.abort();
            failure(java.nio.channels.AsynchronousCloseException.class, end);
        }
    }

    @Test
    void firstDataComesWithTheConnection() throws Exception {
        assertTrue(bridge.info().features().contains(Feature.CONNECT_DATA));
        for (int length : new int[] {0, 1, 3000, 65_535}) {
            for (boolean heap : new boolean[] {true, false}) {
                try (ServerSocket server = new ServerSocket(0, 10, LOOPBACK4);
                        WskConnectionSocket socket = bridge.openConnection(INET)) {
                    byte[] first = randomBytes(length, length);
                    ByteBuffer buffer = heap ? ByteBuffer.wrap(first) : direct(first);
                    await(
                            heap
                                    ? socket.connect(server.getLocalSocketAddress(), buffer)
                                    : socket.connect(server.getLocalSocketAddress(), buffer, LONG));
                    assertFalse(buffer.hasRemaining());
                    try (Socket peer = server.accept()) {
                        peer.setSoTimeout(20_000);
                        assertArrayEquals(first, peer.getInputStream().readNBytes(length));
                        await(socket.disconnect());
                        assertEquals(-1, peer.getInputStream().read());
                    }
                }
            }
        }
    }

    @Test
    void firstDataOfAConnectThatFailsIsKept() throws Exception {
        ByteBuffer first = ByteBuffer.allocate(10);
        try (BusyServer busy = new BusyServer();
                WskConnectionSocket socket = bridge.openConnection(INET)) {
            failure(SocketTimeoutException.class, socket.connect(busy.address(), first, SHORT));
            assertEquals(10, first.remaining());
            assertFalse(socket.isOpen());
        }
        try (Pair pair = connected();
                WskConnectionSocket socket = bridge.openConnection(INET)) {
            ByteBuffer tooLong = ByteBuffer.allocate(65_536);
            assertThrows(
                    IllegalArgumentException.class, () -> socket.connect(pair.peer.getLocalSocketAddress(), tooLong));
            assertThrows(
                    java.nio.channels.AlreadyConnectedException.class,
                    () -> pair.ours.connect(pair.peer.getLocalSocketAddress(), first));
        }
    }

    @Test
    void tellsWhatIsAvailable() throws Exception {
        try (Pair pair = connected();
                WskConnectionSocket unconnected = bridge.openConnection(INET)) {
            assertEquals(0, pair.ours.available());
            pair.peer.getOutputStream().write(new byte[5]);
            eventually("five bytes have come", () -> {
                try {
                    return pair.ours.available() == 5;
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            });
            assertEquals(2, await(pair.ours.receive(ByteBuffer.allocate(2))));
            assertEquals(3, pair.ours.available());
            pair.peer.shutdownOutput();
            assertEquals(3, await(pair.ours.receive(ByteBuffer.allocate(10))));
            assertEquals(0, pair.ours.available());
            assertThrows(NotYetConnectedException.class, unconnected::available);
            pair.ours.abort();
            assertThrows(ClosedChannelException.class, pair.ours::available);
        }
    }

    @Test
    void aSendWithoutDelayArrives() throws Exception {
        try (Pair pair = connected()) {
            pair.ours.send(ByteBuffer.wrap(new byte[] {1}), WskSendOption.NO_DELAY);
            pair.ours.send(ByteBuffer.wrap(new byte[] {2}), LONG, WskSendOption.NO_DELAY);
            pair.ours.send(new ByteBuffer[] {ByteBuffer.wrap(new byte[] {3})}, WskSendOption.NO_DELAY);
            pair.ours.send(new ByteBuffer[] {ByteBuffer.wrap(new byte[] {4})}, LONG, WskSendOption.NO_DELAY);
            assertArrayEquals(
                    new byte[] {1, 2, 3, 4}, pair.peer.getInputStream().readNBytes(4));
        }
    }

    /** A peer that reads is served; one that doesn't is cut off when the time is over. */
    @Test
    void aCloseWithALimitIsGracefulFirst() throws Exception {
        byte[] data = randomBytes(2_000_000, 3);
        try (Pair pair = connected()) {
            pair.ours.send(ByteBuffer.wrap(data));
            CompletableFuture<Void> closed = pair.ours.closeAsync(LONG);
            assertArrayEquals(data, pair.peer.getInputStream().readAllBytes());
            await(closed);
        }
        try (Pair pair = connected()) {
            CompletableFuture<Integer> send = pair.ours.send(ByteBuffer.allocateDirect(32 << 20));
            CompletableFuture<Void> closed = pair.ours.closeAsync(Duration.ofMillis(300));
            await(closed);
            assertTrue(send.isCompletedExceptionally());
            assertReset(pair.peer);
        }
        try (Pair pair = connected()) {
            await(pair.ours.closeAsync(Duration.ZERO));
            assertReset(pair.peer);
            assertThrows(IllegalArgumentException.class, () -> pair.ours.closeAsync(Duration.ofMillis(-1)));
            await(pair.ours.closeAsync(Duration.ofSeconds(Long.MAX_VALUE)));
        }
    }

    @Test
    void whatMakesNoSenseIsRefused() throws Exception {
        try (WskConnectionSocket unconnected = bridge.openConnection(INET);
                Pair pair = connected()) {
            ByteBuffer one = ByteBuffer.allocate(1);
            assertThrows(NotYetConnectedException.class, () -> unconnected.disconnect(one));
            assertThrows(NotYetConnectedException.class, () -> unconnected.receiveFully(one));
            assertThrows(NotYetConnectedException.class, unconnected::shutdownInput);
            assertThrows(NotYetConnectedException.class, unconnected::shutdownOutput);
            assertThrows(NullPointerException.class, () -> pair.ours.disconnect((ByteBuffer) null));
            assertThrows(IllegalArgumentException.class, () -> pair.ours.receiveFully(one.asReadOnlyBuffer()));
            ByteBuffer tooLong =
                    ByteBuffer.allocateDirect(bridge.info().limits().maximumTransfer() + 1);
            assertThrows(IllegalArgumentException.class, () -> pair.ours.receiveFully(tooLong));
            assertThrows(IllegalArgumentException.class, () -> pair.ours.disconnect(one, Duration.ZERO));
            pair.ours.abort();
            failure(ClosedChannelException.class, pair.ours.disconnect(one));
            failure(ClosedChannelException.class, pair.ours.receiveFully(one));
            failure(ClosedChannelException.class, pair.ours.shutdownInput());
        }
    }
}
