// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A thousand operations at a time. */
class ManyOperationsTest extends BridgeFixture {
    private static final int COUNT = 1000;

    private final AtomicIntegerArray completions = new AtomicIntegerArray(COUNT);

    /** Counts how often each future completes. */
    private void count(int index, CompletableFuture<?> future) {
        future.whenComplete((result, failure) -> completions.incrementAndGet(index));
    }

    private void eachCompletedOnce() throws InterruptedException {
        eventually("every future completes", () -> {
            for (int i = 0; i < COUNT; i++) {
                if (completions.get(i) == 0) {
                    return false;
                }
            }
            return true;
        });
        for (int i = 0; i < COUNT; i++) {
            assertEquals(1, completions.get(i));
        }
    }

    private List<CompletableFuture<ReceivedDatagram>> receiveOn(WskDatagramSocket socket) {
        List<CompletableFuture<ReceivedDatagram>> receives = new ArrayList<>();
        for (int i = 0; i < COUNT; i++) {
            receives.add(socket.receiveFrom(100));
            count(i, receives.get(i));
        }
        return receives;
    }

    private static void send(DatagramSocket peer, int number, InetSocketAddress target) throws Exception {
        byte[] payload = ByteBuffer.allocate(4).putInt(number).array();
        peer.send(new DatagramPacket(payload, 4, target));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 500, 999, 1000})
    void cancelAnySubset(int cancelled) throws Exception {
        try (WskDatagramSocket socket = datagram(INET);
                DatagramSocket peer = new DatagramSocket(new InetSocketAddress(LOOPBACK4, 0))) {
            List<CompletableFuture<ReceivedDatagram>> receives = receiveOn(socket);
            List<CompletableFuture<ReceivedDatagram>> shuffled = new ArrayList<>(receives);
            Collections.shuffle(shuffled, new Random(cancelled));
            for (CompletableFuture<ReceivedDatagram> receive : shuffled.subList(0, cancelled)) {
                assertTrue(receive.cancel(true));
            }
            List<CompletableFuture<ReceivedDatagram>> rest =
                    receives.stream().filter(receive -> !receive.isCancelled()).toList();
            assertEquals(COUNT - cancelled, rest.size());
            for (int i = 0; i < rest.size(); i++) {
                send(peer, i, socket.getLocalAddress());
                try (ReceivedDatagram datagram = await(rest.get(i))) { // the oldest receive gets the datagram
                    assertEquals(i, datagram.payload().getInt());
                }
            }
            eachCompletedOnce();
        }
    }

    @Test
    void cancellationsRaceWithDatagrams() throws Exception {
        try (WskDatagramSocket socket = datagram(INET);
                DatagramSocket peer = new DatagramSocket(new InetSocketAddress(LOOPBACK4, 0))) {
            List<CompletableFuture<ReceivedDatagram>> receives = receiveOn(socket);
            InetSocketAddress target = socket.getLocalAddress();
            Thread sender = new Thread(() -> {
                try {
                    for (int i = 0; i < COUNT; i++) {
                        send(peer, i, target);
                    }
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            });
            sender.start();
            int got = 0;
            for (int i = COUNT - 1; i >= 0; i--) {
                CompletableFuture<ReceivedDatagram> receive = receives.get(i);
                boolean cancelled = receive.cancel(true);
                assertEquals(cancelled, receive.isCancelled());
                if (!cancelled) {
                    receive.join().close();
                    got++;
                }
            }
            sender.join();
            eachCompletedOnce();
            assertTrue(got <= COUNT);
        }
    }

    @Test
    void closeWithAllPending() throws Exception {
        WskDatagramSocket socket = datagram(INET);
        List<CompletableFuture<ReceivedDatagram>> receives = receiveOn(socket);
        socket.close();
        for (CompletableFuture<ReceivedDatagram> receive : receives) {
            failure(AsynchronousCloseException.class, receive);
        }
        await(socket.closeAsync());
        eachCompletedOnce();
    }

    @Test
    void closeTheBridgeWithAllPending() throws Exception {
        List<CompletableFuture<ReceivedDatagram>> receives = receiveOn(datagram(INET));
        bridge.close();
        for (CompletableFuture<ReceivedDatagram> receive : receives) {
            failure(AsynchronousCloseException.class, receive);
        }
        eachCompletedOnce();
    }

    @Test
    void aThousandSockets() throws Exception {
        List<WskDatagramSocket> sockets = new ArrayList<>();
        List<CompletableFuture<ReceivedDatagram>> receives = new ArrayList<>();
        for (int i = 0; i < COUNT; i++) {
            sockets.add(datagram(INET));
            receives.add(sockets.get(i).receiveFrom(100));
            count(i, receives.get(i));
        }
        try (DatagramSocket peer = new DatagramSocket(new InetSocketAddress(LOOPBACK4, 0))) {
            for (int i = 0; i < COUNT; i += 2) {
                send(peer, i, sockets.get(i).getLocalAddress());
            }
            for (int i = 0; i < COUNT; i += 2) {
                try (ReceivedDatagram datagram = await(receives.get(i))) {
                    assertEquals(i, datagram.payload().getInt());
                }
            }
        }
        for (int i = 1; i < COUNT; i += 2) {
            assertFalse(receives.get(i).isDone());
            if (i % 4 == 1) {
                sockets.get(i).close();
            } else {
                assertTrue(receives.get(i).cancel(true));
            }
        }
        eachCompletedOnce();
        for (WskDatagramSocket socket : sockets) {
            socket.close();
        }
    }
}
