// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A stream has no hole, however much is asked of it at once. */
class StreamOrderTest extends BridgeFixture {
    private WskConnectionSocket socket;
    private Socket peer;

    @BeforeEach
    void connect() throws Exception {
        socket = bridge.openConnection(INET);
        try (ServerSocket server = new ServerSocket(0, 10, LOOPBACK4)) {
            await(socket.connect(server.getLocalSocketAddress()));
            peer = server.accept();
        }
    }

    @AfterEach
    void closeBoth() throws Exception {
        socket.abort();
        peer.close();
    }

    /** More than the driver takes at once: with long first ones, so that the peer's windows are full. */
    @Test
    void moreSendsThanTheDriverTakesGoOutInOrder() throws Exception {
        int count = 3 * bridge.info().limits().maximumOperations();
        ByteBuffer filling = ByteBuffer.allocateDirect(8 << 20);
        CompletableFuture<Integer> first = socket.send(filling);
        List<CompletableFuture<Integer>> sends = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            ByteBuffer number = i % 2 == 0 ? ByteBuffer.allocateDirect(4) : ByteBuffer.allocate(4);
            sends.add(socket.send(number.putInt(i).flip()));
        }
        CompletableFuture<Void> disconnect = socket.disconnect();
        DataInputStream in = new DataInputStream(peer.getInputStream());
        in.readNBytes(filling.capacity());
        for (int i = 0; i < count; i++) {
            assertEquals(i, in.readInt());
        }
        assertEquals(-1, in.read());
        assertEquals(filling.capacity(), await(first));
        for (CompletableFuture<Integer> send : sends) {
            assertEquals(4, await(send));
        }
        await(disconnect);
    }

    /** A close is behind what was sent, also behind what waits. */
    @Test
    void closeLetsOutWhatWaits() throws Exception {
        int count = 3 * bridge.info().limits().maximumOperations();
        socket.send(ByteBuffer.allocateDirect(8 << 20));
        for (int i = 0; i < count; i++) {
            socket.send(ByteBuffer.allocateDirect(4).putInt(i).flip());
        }
        socket.close();
        DataInputStream in = new DataInputStream(peer.getInputStream());
        in.readNBytes(8 << 20);
        for (int i = 0; i < count; i++) {
            assertEquals(i, in.readInt());
        }
        assertEquals(-1, in.read());
    }

    /** The driver's limit on bytes is one for all sockets of the process. */
    @Test
    void aSendWaitsWhileOtherConnectionsHaveAllTheBytes() throws Exception {
        BridgeLimits limits = bridge.info().limits();
        ByteBuffer shared = ByteBuffer.allocateDirect(limits.maximumTransfer()); // nothing is received into it
        List<WskConnectionSocket> others = new ArrayList<>();
        List<CompletableFuture<Integer>> receives = new ArrayList<>();
        try (ServerSocket server = new ServerSocket(0, 100, LOOPBACK4)) {
            long left = limits.maximumBytes();
            while (left > 0) {
                WskConnectionSocket other = bridge.openConnection(INET);
                others.add(other);
                await(other.connect(server.getLocalSocketAddress()));
                for (long share = limits.maximumBytes() / 16; share > 0; share -= shared.capacity()) {
                    receives.add(other.receive(shared.duplicate()));
                    left -= shared.capacity();
                }
            }
            CompletableFuture<Integer> first =
                    socket.send(ByteBuffer.allocateDirect(4).putInt(1).flip());
            CompletableFuture<Integer> second =
                    socket.send(ByteBuffer.allocate(4).putInt(2).flip());
            assertThrows(TimeoutException.class, () -> first.get(50, TimeUnit.MILLISECONDS));
            assertTrue(receives.get(0).cancel(true));
            assertEquals(4, await(first));
            assertEquals(4, await(second));
            DataInputStream in = new DataInputStream(peer.getInputStream());
            assertEquals(1, in.readInt());
            assertEquals(2, in.readInt());
        } finally {
            others.forEach(WskConnectionSocket::abort);
        }
    }

    @Test
    void moreReceivesThanTheDriverTakesGetTheirBytesInOrder() throws Exception {
        int count = 3 * bridge.info().limits().maximumOperations();
        List<ByteBuffer> targets = new ArrayList<>();
        List<CompletableFuture<Integer>> receives = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            targets.add(i % 2 == 0 ? ByteBuffer.allocateDirect(4) : ByteBuffer.allocate(4));
            receives.add(socket.receive(targets.get(i)));
        }
        assertTrue(receives.get(count - 1).cancel(true), "one that waits");
        DataOutputStream out = new DataOutputStream(peer.getOutputStream());
        ByteBuffer expected = ByteBuffer.allocate(4 * count);
        for (int i = 0; i < count; i++) {
            expected.putInt(i);
        }
        out.write(expected.array());
        peer.shutdownOutput();
        ByteBuffer got = ByteBuffer.allocate(4 * count);
        for (int i = 0; i < count - 1; i++) {
            assertTrue(await(receives.get(i)) > 0 || got.position() >= expected.capacity() - 4);
            got.put(targets.get(i).flip());
        }
        while (await(socket.receive(got)) > 0) {
            // what smaller receives left
        }
        assertArrayEquals(expected.array(), got.array());
    }

    /** Each thread's sends stay in the order of its calls, and none is torn. */
    @Test
    void twoThreadsThatSendMoreThanTheDriverTakes() throws Exception {
        int count = bridge.info().limits().maximumOperations();
        List<Thread> threads = new ArrayList<>();
        List<CompletableFuture<Integer>> sends = java.util.Collections.synchronizedList(new ArrayList<>());
        sends.add(socket.send(ByteBuffer.allocateDirect(8 << 20)));
        for (int number = 0; number < 2; number++) {
            int thread = number;
            threads.add(new Thread(() -> {
                for (int i = 0; i < count; i++) {
                    sends.add(socket.send(ByteBuffer.allocateDirect(8)
                            .putInt(thread)
                            .putInt(i)
                            .flip()));
                }
            }));
        }
        threads.forEach(Thread::start);
        DataInputStream in = new DataInputStream(peer.getInputStream());
        in.readNBytes(8 << 20);
        int[] next = new int[2];
        for (int i = 0; i < 2 * count; i++) {
            int thread = in.readInt();
            assertEquals(next[thread]++, in.readInt());
        }
        for (CompletableFuture<Integer> send : sends) {
            await(send);
        }
    }

    /** The peer resets in the middle: one failure, and after it nothing but failures. */
    @Test
    void afterAFailureNothingSucceeds() throws Exception {
        List<CompletableFuture<Integer>> sends = new ArrayList<>();
        sends.add(socket.send(ByteBuffer.allocateDirect(32 << 20)));
        for (int i = 0; i < 5000; i++) {
            sends.add(socket.send(ByteBuffer.allocateDirect(10)));
        }
        peer.getInputStream().readNBytes(1 << 20);
        peer.setSoLinger(true, 0);
        peer.close();
        sends.add(socket.send(ByteBuffer.allocate(1)));
        boolean failed = false;
        for (CompletableFuture<Integer> send : sends) {
            try {
                await(send);
                assertTrue(!failed, "one succeeded behind one that failed");
            } catch (ExecutionException e) {
                assertTrue(e.getCause() instanceof SocketException, e.toString());
                assertTrue(NtStatusException.statusOf(e).isPresent(), e.toString());
                failed = true;
            }
        }
        assertTrue(failed);
        failure(SocketException.class, socket.send(ByteBuffer.allocate(1)));
        failure(SocketException.class, socket.disconnect());
    }

    /** A send that is cut, and one that waits behind it: the peer gets a beginning of the first and then nothing. */
    @Test
    void nothingGoesOutBehindASendThatWasCancelledHalfWay() throws Exception {
        for (int round = 0; round < 20; round++) {
            byte[] all = new byte[4 << 20];
            Arrays.fill(all, (byte) 1);
            CompletableFuture<Integer> cut = socket.send(direct(all));
            List<CompletableFuture<Integer>> behind = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                behind.add(socket.send(direct(new byte[1000])));
            }
            CompletableFuture<byte[]> read = CompletableFuture.supplyAsync(() -> {
                try {
                    return peer.getInputStream().readAllBytes();
                } catch (java.io.IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            });
            int went = cut.cancel(true) ? 0 : cut.join();
            if (went < all.length) {
                for (CompletableFuture<Integer> send : behind) {
                    failure(SocketException.class, send);
                }
            }
            await(socket.disconnect());
            byte[] got = await(read);
            if (went < all.length) {
                assertEquals(went, got.length);
                for (byte each : got) {
                    assertEquals(1, each);
                }
            }
            closeBoth();
            connect();
        }
    }
}
