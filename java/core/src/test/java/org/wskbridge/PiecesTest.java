// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.channels.NotYetConnectedException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Sends and receives with several buffers, as GatheringByteChannel and ScatteringByteChannel have them. */
class PiecesTest extends BridgeFixture {
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
            return new Pair(ours, server.accept());
        }
    }

    /** Buffers of every kind, small and large, some empty, in which the bytes of the array remain. */
    private static ByteBuffer[] cut(byte[] bytes, long seed) {
        Random random = new Random(seed);
        List<ByteBuffer> buffers = new ArrayList<>();
        for (int at = 0; at < bytes.length; ) {
            int most = random.nextInt(3) == 0 ? 100_000 : 500;
            int length = Math.min(random.nextInt(most), bytes.length - at);
            int before = random.nextInt(10);
            int size = before + length + random.nextInt(10);
            ByteBuffer buffer = random.nextBoolean() ? ByteBuffer.allocate(size) : ByteBuffer.allocateDirect(size);
            buffer.position(before).limit(before + length);
            buffer.duplicate().put(bytes, at, length);
            buffers.add(random.nextInt(4) == 0 ? buffer.asReadOnlyBuffer() : buffer);
            at += length;
        }
        return buffers.toArray(ByteBuffer[]::new);
    }

    @Test
    void whatRemainsInAllGoesOutInOrder() throws Exception {
        ByteArrayOutputStream expected = new ByteArrayOutputStream();
        List<CompletableFuture<Integer>> sends = new ArrayList<>();
        List<ByteBuffer[]> sent = new ArrayList<>();
        try (Pair pair = connected()) {
            for (int i = 0; i < 40; i++) {
                byte[] bytes = randomBytes(i * 20_000 + 1, i);
                expected.writeBytes(bytes);
                sent.add(cut(bytes, i));
                ByteBuffer[] given = sent.get(i).clone();
                sends.add(i % 2 == 0 ? pair.ours.send(given) : pair.ours.send(given, LONG));
                Arrays.fill(given, null); // the array is the caller's
                expected.write(i);
                sends.add(pair.ours.send(ByteBuffer.wrap(new byte[] {(byte) i})));
            }
            CompletableFuture<Void> end = pair.ours.disconnect();
            assertArrayEquals(expected.toByteArray(), pair.peer.getInputStream().readAllBytes());
            for (int i = 0; i < 40; i++) {
                assertEquals(i * 20_000 + 1, await(sends.get(2 * i)));
                for (ByteBuffer buffer : sent.get(i)) {
                    assertFalse(buffer.hasRemaining());
                }
            }
            await(end);
        }
    }

    /** A send that is cut short says how far it came, in the positions of all its buffers. */
    @Test
    void positionsTellHowFarItCame() throws Exception {
        byte[] bytes = randomBytes(48 << 20, 5);
        ByteBuffer[] buffers = new ByteBuffer[48];
        for (int i = 0; i < buffers.length; i++) {
            byte[] part = Arrays.copyOfRange(bytes, i << 20, (i + 1) << 20);
            buffers[i] = i % 2 == 0 ? direct(part) : ByteBuffer.wrap(part);
        }
        Pair pair = connected();
        CompletableFuture<Integer> send = pair.ours.send(buffers, Duration.ofMillis(200));
        java.net.SocketTimeoutException failure = failure(java.net.SocketTimeoutException.class, send);
        int position = 0;
        boolean ended = false;
        for (ByteBuffer buffer : buffers) {
            assertTrue(!ended || buffer.position() == 0, "nothing behind the end has moved");
            position += buffer.position();
            ended |= buffer.hasRemaining();
        }
        assertTrue(ended);
        assertEquals(failure.bytesTransferred, position);
        pair.ours.abort();
        pair.peer.close();
    }

    @Test
    void oneBufferIsFilledAfterTheOther() throws Exception {
        byte[] bytes = randomBytes(3_000_000, 7);
        try (Pair pair = connected()) {
            Thread writer = new Thread(() -> {
                try {
                    pair.peer.getOutputStream().write(bytes);
                    pair.peer.shutdownOutput();
                } catch (java.io.IOException e) {
                    throw new AssertionError(e);
                }
            });
            writer.start();
            ByteArrayOutputStream received = new ByteArrayOutputStream();
            Random random = new Random(8);
            while (true) {
                ByteBuffer[] targets = targets(random);
                int count = await(random.nextBoolean() ? pair.ours.receive(targets) : pair.ours.receive(targets, LONG));
                if (count < 0) {
                    break;
                }
                int found = 0;
                boolean full = true;
                for (ByteBuffer target : targets) {
                    ByteBuffer filled =
                            target.duplicate().limit(target.position()).position(3);
                    assertTrue(full || !filled.hasRemaining(), "each is filled before the next");
                    full = !target.hasRemaining();
                    found += filled.remaining();
                    received.writeBytes(bytes(filled));
                }
                assertEquals(count, found);
            }
            writer.join();
            assertArrayEquals(bytes, received.toByteArray());
        }
    }

    private static ByteBuffer[] targets(Random random) {
        ByteBuffer[] targets = new ByteBuffer[1 + random.nextInt(5)];
        for (int i = 0; i < targets.length; i++) {
            int size = 3 + (random.nextInt(4) == 0 ? 0 : 1 + random.nextInt(random.nextInt(4) == 0 ? 200_000 : 300));
            targets[i] =
                    (random.nextBoolean() ? ByteBuffer.allocate(size) : ByteBuffer.allocateDirect(size)).position(3);
        }
        if (Arrays.stream(targets).noneMatch(ByteBuffer::hasRemaining)) {
            targets[0] = ByteBuffer.allocate(10).position(3);
        }
        return targets;
    }

    @Test
    void aDatagramIsGathered() throws Exception {
        try (DatagramSocket peer = new DatagramSocket(0, LOOPBACK4);
                WskDatagramSocket socket = datagram(INET)) {
            peer.setSoTimeout(20_000);
            InetSocketAddress target = (InetSocketAddress) peer.getLocalSocketAddress();
            assertThrows(NotYetConnectedException.class, () -> socket.send(new ByteBuffer[0]));
            for (int round = 0; round < 20; round++) {
                byte[] bytes = randomBytes(round * 3_000, round);
                ByteBuffer[] buffers = cut(bytes, round);
                CompletableFuture<Integer> send = switch (round % 4) {
                    case 0 -> socket.sendTo(buffers, target);
                    case 1 -> socket.sendTo(buffers, target, LONG);
                    default -> {
                        if (socket.getRemoteAddress().isEmpty()) {
                            socket.setSendToAddress(target);
                        }
                        yield round % 4 == 2 ? socket.send(buffers) : socket.send(buffers, LONG);
                    }
                };
                assertEquals(bytes.length, await(send));
                for (ByteBuffer buffer : buffers) {
                    assertFalse(buffer.hasRemaining());
                }
                DatagramPacket packet = new DatagramPacket(new byte[65_536], 65_536);
                peer.receive(packet);
                assertArrayEquals(bytes, Arrays.copyOf(packet.getData(), packet.getLength()));
            }
            ByteBuffer[] tooLong = {ByteBuffer.allocate(40_000), ByteBuffer.allocate(40_000)};
            failure(SocketException.class, socket.sendTo(tooLong, target));
            assertEquals(0, tooLong[0].position());
        }
    }

    @Test
    void whatMakesNoSenseIsRefused() throws Exception {
        WskConnectionSocket unconnected = bridge.openConnection(INET);
        ByteBuffer[] some = {ByteBuffer.allocate(1)};
        assertThrows(NotYetConnectedException.class, () -> unconnected.send(some));
        assertThrows(NotYetConnectedException.class, () -> unconnected.receive(some));
        try (Pair pair = connected()) {
            ByteBuffer[] readOnly = {
                ByteBuffer.allocate(1), ByteBuffer.allocate(1).asReadOnlyBuffer()
            };
            assertThrows(IllegalArgumentException.class, () -> pair.ours.receive(readOnly));
            assertThrows(NullPointerException.class, () -> pair.ours.send(new ByteBuffer[] {null}));
            assertThrows(NullPointerException.class, () -> pair.ours.receive(new ByteBuffer[] {null}));
            ByteBuffer[] tooMany = new ByteBuffer[2048];
            Arrays.fill(tooMany, ByteBuffer.allocate(1 << 20));
            assertThrows(IllegalArgumentException.class, () -> pair.ours.send(tooMany));
            for (ByteBuffer[] nothing :
                    new ByteBuffer[][] {{}, {ByteBuffer.allocate(0), ByteBuffer.allocateDirect(0)}}) {
                assertEquals(0, await(pair.ours.send(nothing)));
                assertEquals(0, await(pair.ours.receive(nothing)));
            }
            pair.ours.close();
            failure(java.nio.channels.ClosedChannelException.class, pair.ours.send(some));
            failure(java.nio.channels.ClosedChannelException.class, pair.ours.receive(some));
        }
        unconnected.close();
    }
}
