// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Operations with a timeout, which the driver ends, against ordinary sockets that keep them waiting. */
class DeadlineTest extends BridgeFixture {
    private static final Duration SHORT = Duration.ofMillis(50);
    private static final Duration LONG = Duration.ofSeconds(20);

    private final List<AutoCloseable> toClose = new ArrayList<>();

    @AfterEach
    void closePeers() throws Exception {
        for (AutoCloseable resource : toClose) {
            resource.close();
        }
    }

    private Socket peerOf(WskConnectionSocket ours) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 10, LOOPBACK4)) {
            await(ours.connect(server.getLocalSocketAddress(), LONG));
            Socket peer = server.accept();
            toClose.add(peer);
            return peer;
        }
    }

    /** The operation fails as one of the JDK's does, and the message tells what it was. */
    private static SocketTimeoutException timesOut(String function, CompletableFuture<?> operation) {
        SocketTimeoutException failure = failure(SocketTimeoutException.class, operation);
        assertTrue(failure.getMessage().contains(function), failure.getMessage());
        assertEquals(NtStatus.IO_TIMEOUT, NtStatusException.statusOf(failure).orElseThrow());
        return failure;
    }

    /** Fails if the future was done too early, or much too late; how exact the driver is its own tests say. */
    private static void takes(Duration timeout, Supplier<CompletableFuture<?>> operation) {
        long start = System.nanoTime();
        assertThrows(ExecutionException.class, () -> operation.get().get(20, TimeUnit.SECONDS));
        long millis = (System.nanoTime() - start) / 1_000_000;
        assertTrue(millis >= timeout.toMillis() - 16 && millis < 10_000, millis + " ms");
    }

    @Test
    void theDriverSaysThatItHasThem() {
        assertTrue(bridge.info().features().contains(Feature.DEADLINES));
    }

    @Test
    void whatDoesNotHappenInTimeFails() throws Exception {
        try (BusyServer busy = new BusyServer();
                WskDatagramSocket datagrams = datagram(INET);
                WskListenSocket listener = listener(INET);
                WskConnectionSocket unconnected = bridge.openConnection(INET);
                WskConnectionSocket connection = bridge.openConnection(INET)) {
            peerOf(connection);
            timesOut("WskReceiveFrom", datagrams.receiveFrom(SHORT));
            timesOut("WskReceiveFrom", datagrams.receiveFrom(100, SHORT));
            timesOut("WskReceiveFrom", datagrams.receiveFrom(ByteBuffer.allocate(10), SHORT));
            timesOut("WskAccept", listener.accept(SHORT));
            timesOut("WskReceive", connection.receive(ByteBuffer.allocate(10), SHORT));
            timesOut("WskConnect", unconnected.connect(busy.address(), SHORT));
            assertFalse(unconnected.isOpen(), "as the JDK's");
            takes(SHORT, () -> datagrams.receiveFrom(SHORT));
            takes(SHORT, () -> connection.receive(ByteBuffer.allocate(10), SHORT));
        }
    }

    @Test
    void whatHappensInTimeSucceeds() throws Exception {
        try (DatagramSocket peer = new DatagramSocket(0, LOOPBACK4);
                WskDatagramSocket datagrams = datagram(INET);
                WskListenSocket listener = listener(INET);
                WskConnectionSocket connection = bridge.openConnection(INET)) {
            peer.setSoTimeout(20_000);
            SocketAddress target = peer.getLocalSocketAddress();
            assertEquals(3, await(datagrams.sendTo(ByteBuffer.wrap(new byte[3]), target, LONG)));
            assertEquals(0, await(datagrams.sendTo(ByteBuffer.allocate(0), target, LONG)));
            assertEquals(
                    5,
                    await(datagrams.sendMessages(
                            List.of(ByteBuffer.allocate(2), ByteBuffer.allocate(3)), target, LONG)));
            datagrams.connect(target);
            assertEquals(4, await(datagrams.send(ByteBuffer.allocate(4), LONG)));
            assertEquals(6, await(datagrams.sendMessages(List.of(ByteBuffer.allocate(6)), LONG)));
            for (int length : new int[] {3, 0, 2, 3, 4, 6}) {
                DatagramPacket packet = new DatagramPacket(new byte[10], 10);
                peer.receive(packet);
                assertEquals(length, packet.getLength());
            }
            CompletableFuture<ReceivedDatagram> answer = datagrams.receiveFrom(LONG);
            peer.send(new DatagramPacket(new byte[7], 7, datagrams.getLocalAddress()));
            try (ReceivedDatagram datagram = await(answer)) {
                assertEquals(7, datagram.payload().remaining());
            }

            CompletableFuture<WskConnectionSocket> accept = listener.accept(LONG);
            try (Socket client =
                            new Socket(LOOPBACK4, listener.getLocalAddress().getPort());
                    WskConnectionSocket accepted = await(accept)) {
                assertEquals(1, await(accepted.send(ByteBuffer.allocate(1), LONG)));
                assertEquals(0, client.getInputStream().read());
                await(accepted.disconnect(LONG));
                assertEquals(-1, client.getInputStream().read());
            }
            Socket other = peerOf(connection);
            CompletableFuture<Integer> receive = connection.receive(ByteBuffer.allocate(10), LONG);
            other.getOutputStream().write(new byte[4]);
            assertEquals(4, await(receive));
        }
    }

    /** A socket of the JDK's whose read timed out can be read on; so can ours. */
    @Test
    void aReceiveThatTimedOutLosesNothing() throws Exception {
        try (WskConnectionSocket connection = bridge.openConnection(INET)) {
            Socket peer = peerOf(connection);
            for (byte i = 0; i < 20; i++) {
                ByteBuffer untouched = ByteBuffer.allocate(10);
                timesOut("WskReceive", connection.receive(untouched, Duration.ofMillis(i + 1)));
                assertEquals(0, untouched.position());
                peer.getOutputStream().write(i);
                ByteBuffer target = ByteBuffer.allocate(10);
                assertEquals(1, await(connection.receive(target, LONG)));
                assertEquals(i, target.get(0));
            }
        }
    }

    /** The peer doesn't read: what went out is told, nothing follows it, and the peer sees a reset and no end. */
    @Test
    void aSendThatTimedOutEndsSending() throws Exception {
        byte[] data = randomBytes(64 << 20, 1);
        WskConnectionSocket connection = bridge.openConnection(INET);
        Socket peer = peerOf(connection);
        ByteBuffer source = direct(data);
        CompletableFuture<Integer> send = connection.send(source, Duration.ofMillis(200));
        CompletableFuture<Integer> behind = connection.send(ByteBuffer.allocate(10));
        SocketTimeoutException failure = timesOut("WskSend", send);
        assertTrue(failure.bytesTransferred < data.length);
        assertEquals(failure.bytesTransferred, source.position());
        failure(SocketException.class, behind);
        SocketException later = failure(SocketException.class, connection.send(ByteBuffer.allocate(10)));
        assertInstanceOf(SocketTimeoutException.class, later.getCause());
        failure(SocketException.class, connection.disconnect());
        peer.getOutputStream().write(9);
        assertEquals(1, await(connection.receive(ByteBuffer.allocate(1), LONG)), "the other direction goes on");
        connection.close();
        byte[] received = new byte[data.length];
        int count = 0;
        try {
            int more;
            while ((more = peer.getInputStream().read(received, count, received.length - count)) > 0) {
                count += more;
            }
            boolean showsResets = !"wine".equals(System.getProperty("wskbridge.place")); // Wine shows the end instead
            assertFalse(showsResets, "the stream seems to be whole");
        } catch (SocketException e) {
            assertArrayEquals(Arrays.copyOf(data, count), Arrays.copyOf(received, count));
        }
    }

    /** The driver never had it. */
    @Test
    void aSendThatTimedOutInTheLibraryChangesNothing() throws Exception {
        byte[] data = randomBytes(32 << 20, 2);
        try (WskConnectionSocket connection = bridge.openConnection(INET)) {
            Socket peer = peerOf(connection);
            CompletableFuture<Integer> first = connection.send(ByteBuffer.wrap(data));
            CompletableFuture<Integer> waiting = connection.send(ByteBuffer.allocate(10), SHORT);
            CompletableFuture<Integer> last = connection.send(ByteBuffer.wrap(new byte[] {1, 2, 3}));
            CompletableFuture<Void> disconnect = connection.disconnect(SHORT);
            assertEquals(0, timesOut("WskSend", waiting).bytesTransferred);
            timesOut("WskDisconnect", disconnect);
            CompletableFuture<Integer> afterwards = connection.send(ByteBuffer.wrap(new byte[] {4}));
            CompletableFuture<Void> end = connection.disconnect(LONG);
            byte[] received = peer.getInputStream().readAllBytes();
            assertEquals(data.length, await(first));
            assertEquals(3, await(last));
            assertEquals(1, await(afterwards));
            await(end);
            byte[] expected = Arrays.copyOf(data, data.length + 4);
            System.arraycopy(new byte[] {1, 2, 3, 4}, 0, expected, data.length, 4);
            assertArrayEquals(expected, received);
        }
    }

    @Test
    void receivesThatWaitInTheLibraryTimeOutToo() throws Exception {
        try (WskConnectionSocket connection = bridge.openConnection(INET)) {
            Socket peer = peerOf(connection);
            List<CompletableFuture<Integer>> receives = new ArrayList<>();
            for (int i = 0; i < 3000; i++) { // more than the driver is given
                receives.add(connection.receive(ByteBuffer.allocate(1), Duration.ofMillis(500)));
            }
            for (CompletableFuture<Integer> receive : receives) {
                timesOut("WskReceive", receive);
            }
            peer.getOutputStream().write(5);
            assertEquals(1, await(connection.receive(ByteBuffer.allocate(1), LONG)));
        }
    }

    @Test
    void timeoutsThatMakeNoSenseAreRefused() throws Exception {
        try (WskDatagramSocket datagrams = datagram(INET);
                WskListenSocket listener = listener(INET);
                WskConnectionSocket connection = bridge.openConnection(INET)) {
            peerOf(connection);
            for (Duration bad :
                    new Duration[] {Duration.ZERO, Duration.ofMillis(-1), Duration.ofSeconds(Long.MIN_VALUE)}) {
                assertThrows(IllegalArgumentException.class, () -> datagrams.receiveFrom(bad));
                assertThrows(IllegalArgumentException.class, () -> datagrams.send(ByteBuffer.allocate(1), bad));
                assertThrows(IllegalArgumentException.class, () -> listener.accept(bad));
                assertThrows(IllegalArgumentException.class, () -> connection.send(ByteBuffer.allocate(1), bad));
                assertThrows(IllegalArgumentException.class, () -> connection.receive(ByteBuffer.allocate(1), bad));
                assertThrows(IllegalArgumentException.class, () -> connection.disconnect(bad));
            }
            assertThrows(NullPointerException.class, () -> datagrams.receiveFrom((Duration) null));
            for (Duration far : new Duration[] {
                Duration.ofMillis(0xFFFFFFFFL), Duration.ofMillis(1L << 32), Duration.ofSeconds(Long.MAX_VALUE)
            }) {
                CompletableFuture<Integer> receive = connection.receive(ByteBuffer.allocate(1), far);
                Thread.sleep(50);
                assertFalse(receive.isDone());
                assertTrue(receive.cancel(true));
            }
            CompletableFuture<Integer> shortest = connection.receive(ByteBuffer.allocate(1), Duration.ofNanos(1));
            timesOut("WskReceive", shortest);
        }
    }

    /** A cancellation that comes before the deadline is one. */
    @Test
    void cancelAndOrTimeoutStillWork() throws Exception {
        try (WskDatagramSocket datagrams = datagram(INET)) {
            CompletableFuture<ReceivedDatagram> receive = datagrams.receiveFrom(LONG);
            assertTrue(receive.cancel(true));
            assertTrue(receive.isCancelled());
            CompletableFuture<ReceivedDatagram> other =
                    datagrams.receiveFrom(LONG).orTimeout(20, TimeUnit.MILLISECONDS);
            assertNotNull(failure(java.util.concurrent.TimeoutException.class, other));
        }
    }
}
