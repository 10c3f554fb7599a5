// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of a connection that is closed while its peer has not read everything. */
class CloseTest extends BridgeFixture {
    /** Longer than the close timeout of {@link #hasty}, which must not count for the close of one connection. */
    private static final long UNREAD_MILLIS = 700;

    private record Pair(WskConnectionSocket ours, Socket peer) {}

    private static WskBridge hasty() throws IOException {
        return WskBridge.builder().closeTimeout(Duration.ofMillis(100)).open();
    }

    private static Pair connected(WskBridge bridge) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 10, LOOPBACK4)) {
            WskConnectionSocket ours = bridge.openConnection(INET);
            await(ours.connect(server.getLocalSocketAddress()));
            Socket peer = server.accept();
            peer.setSoTimeout(60_000);
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

    @ParameterizedTest
    @ValueSource(ints = {1000, 2 << 20, 40 << 20})
    void whatWasSentArrivesHoweverLateThePeerReads(int length) throws Exception {
        byte[] all = randomBytes(length, length);
        try (WskBridge hasty = hasty()) {
            Pair pair = connected(hasty);
            try (Socket peer = pair.peer()) {
                CompletableFuture<Integer> send = pair.ours().send(direct(all));
                pair.ours().close();
                Thread.sleep(UNREAD_MILLIS); // nothing must happen in this time
                assertArrayEquals(all, peer.getInputStream().readAllBytes());
                assertEquals(length, await(send));
                peer.close();
                await(pair.ours().closeAsync());
            }
        }
    }

    @Test
    void aPeerThatAnswersAfterTheCloseIsNotReset() throws Exception {
        byte[] all = randomBytes(1 << 20, 3);
        try (WskBridge hasty = hasty()) {
            Pair pair = connected(hasty);
            try (Socket peer = pair.peer()) {
                peer.getOutputStream().write(all); // never asked for
                pair.ours().send(direct(all));
                pair.ours().close();
                Thread.sleep(UNREAD_MILLIS); // the peer takes its time
                peer.getOutputStream().write(all);
                assertArrayEquals(all, peer.getInputStream().readAllBytes());
                await(pair.ours().closeAsync());
                assertEquals(1, hasty.statistics().lingeringSockets(), "the peer has not ended its side");
                peer.close();
                eventually("the driver is done", () -> lingeringSockets(hasty) == 0);
            }
        }
    }

    @Test
    void twoWhoCloseAtOnceLoseNothing() throws Exception {
        byte[] all = randomBytes(5 << 20, 4);
        for (int round = 0; round < 20; round++) {
            Pair pair = connected(bridge);
            try (Socket peer = pair.peer()) {
                CompletableFuture<Integer> send = pair.ours().send(direct(all));
                CyclicBarrier barrier = new CyclicBarrier(2);
                CompletableFuture<Void> other = CompletableFuture.runAsync(() -> close(barrier, pair.ours()));
                close(barrier, pair.ours());
                await(other);
                assertArrayEquals(all, peer.getInputStream().readAllBytes());
                assertEquals(all.length, await(send));
            }
        }
    }

    private static void close(CyclicBarrier barrier, WskConnectionSocket socket) {
        try {
            barrier.await();
            socket.close();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void abortEndsAnEarlierClose() throws Exception {
        Pair pair = connected(bridge);
        try (Socket peer = pair.peer()) {
            CompletableFuture<Integer> send = pair.ours().send(ByteBuffer.allocateDirect(64 << 20));
            pair.ours().close();
            assertFalse(send.isDone());
            pair.ours().abort();
            failure(ClosedChannelException.class, send);
            await(pair.ours().closeAsync());
            assertReset(peer);
        }
    }

    @Test
    void aPeerThatDiesEndsTheClose() throws Exception {
        Pair pair = connected(bridge);
        CompletableFuture<Integer> send = pair.ours().send(ByteBuffer.allocateDirect(64 << 20));
        pair.ours().close();
        pair.peer().setSoLinger(true, 0);
        pair.peer().close();
        failure(IOException.class, send);
        await(pair.ours().closeAsync());
    }

    /** It stays open, as the statistics show, and is in nobody's way. */
    @Test
    void aPeerThatNeverReadsHoldsUpNobodyElse() throws Exception {
        try (WskBridge limited =
                WskBridge.builder().lingerLimit(Duration.ofSeconds(3)).open()) {
            Pair stuck = connected(limited);
            try (Socket peer = stuck.peer()) {
                CompletableFuture<Integer> send = stuck.ours().send(ByteBuffer.allocateDirect(64 << 20));
                stuck.ours().close();
                int open = limited.statistics().openSockets();
                byte[] all = randomBytes(3 << 20, 6);
                Pair other = connected(limited);
                other.ours().send(direct(all));
                other.ours().close();
                try (Socket otherPeer = other.peer()) {
                    assertArrayEquals(all, otherPeer.getInputStream().readAllBytes());
                }
                await(other.ours().closeAsync());
                failure(ClosedChannelException.class, send);
                await(stuck.ours().closeAsync());
                eventually("the socket is gone", () -> openSockets(limited) < open);
                assertReset(peer);
            }
        }
    }

    /** The driver goes on without the bridge. */
    @Test
    void aBridgeThatIsClosedLeavesItsConnectionsToTheDriver() throws Exception {
        byte[] all = randomBytes(100_000, 5);
        WskBridge hasty = hasty();
        Pair pair = connected(hasty);
        try (Socket peer = pair.peer()) {
            await(pair.ours().send(direct(all)));
            pair.ours().close();
            hasty.close();
            Thread.sleep(UNREAD_MILLIS); // nothing must happen in this time
            assertEquals(1, bridge.statistics().lingeringSockets());
            peer.getOutputStream().write(all);
            assertArrayEquals(all, peer.getInputStream().readAllBytes());
        }
        eventually("the driver is done", () -> lingeringSockets(bridge) == 0);
    }

    /** The peer never ends its side. */
    @Test
    void theLimitEndsWhatTheDriverHas() throws Exception {
        try (WskBridge limited =
                WskBridge.builder().lingerLimit(Duration.ofSeconds(1)).open()) {
            Pair pair = connected(limited);
            try (Socket peer = pair.peer()) {
                pair.ours().close();
                await(pair.ours().closeAsync());
                assertEquals(-1, peer.getInputStream().read());
                eventually("the driver is done", () -> lingeringSockets(limited) == 0);
                assertThrows(IOException.class, () -> {
                    while (true) {
                        peer.getOutputStream().write(1);
                    }
                });
            }
        }
    }

    private static int lingeringSockets(WskBridge bridge) {
        try {
            return bridge.statistics().lingeringSockets();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static int openSockets(WskBridge bridge) {
        try {
            return bridge.statistics().openSockets();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** The one thing that cuts an earlier close short, besides abort and the limit. */
    @Test
    void closingTheBridgeResetsWhatCannotBeDelivered() throws Exception {
        WskBridge hasty = hasty();
        Pair pair = connected(hasty);
        try (Socket peer = pair.peer()) {
            CompletableFuture<Integer> send = pair.ours().send(ByteBuffer.allocateDirect(64 << 20));
            pair.ours().close();
            hasty.close();
            failure(ClosedChannelException.class, send);
            assertReset(peer);
        }
    }
}
