// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;

/** Threads that wait for their own operations poll in the poller's place. */
class WaitingThreadTest extends BridgeFixture {
    /** With requests and responses, waiting threads poll themselves; what nobody waits for comes as well. */
    @Test
    void completionsComeWhileThePollerSleeps() throws Exception {
        try (WskDatagramSocket socket = datagram(INET);
                DatagramSocket peer = new DatagramSocket(0, LOOPBACK4)) {
            for (int round = 0; round < 20; round++) {
                for (int i = 0; i < 10; i++) {
                    CompletableFuture<ReceivedDatagram> reply = socket.receiveFrom();
                    peer.send(new DatagramPacket(new byte[] {1}, 1, socket.getLocalAddress()));
                    reply.get().close();
                }
                CompletableFuture<Integer> length = new CompletableFuture<>();
                socket.receiveFrom().thenAccept(datagram -> {
                    try (datagram) {
                        length.complete(datagram.length());
                    }
                });
                peer.send(new DatagramPacket(new byte[2], 2, socket.getLocalAddress()));
                assertEquals(2, await(length));
            }
        }
    }

    /**
     * What user code on the poller brings about is made public without waiting for another completion: also a long
     * chain, whose every link comes from user code behind the one before.
     */
    @Test
    void userCodeOnThePollerMayChain() throws Exception {
        try (WskBridge onPoller = WskBridge.builder().completeOnPoller().open();
                WskDatagramSocket socket = onPoller.openDatagram(INET).bind(new InetSocketAddress(LOOPBACK4, 0));
                DatagramSocket peer = new DatagramSocket(0, LOOPBACK4)) {
            CompletableFuture<Integer> sent = new CompletableFuture<>();
            socket.receiveFrom().thenAccept(datagram -> {
                try (datagram) {
                    sendInTurn(100, socket, datagram.sender(), sent);
                }
            });
            peer.send(new DatagramPacket(new byte[5], 5, socket.getLocalAddress()));
            assertEquals(1, await(sent));
        }
    }

    /** Sends so many datagrams, each of the length that tells how many are left. */
    private static void sendInTurn(
            int left, WskDatagramSocket socket, InetSocketAddress target, CompletableFuture<Integer> last) {
        socket.sendTo(ByteBuffer.allocate(left), target).thenAccept(length -> {
            if (length == 1) {
                last.complete(length);
            } else {
                sendInTurn(length - 1, socket, target, last);
            }
        });
    }

    /** A thread that polls for itself runs tasks of an executor like this only after it let the port go. */
    @Test
    void userCodeOnAWaitingThreadMayWait() throws Exception {
        try (WskBridge direct = WskBridge.builder().executor(Runnable::run).open();
                WskDatagramSocket first = direct.openDatagram(INET).bind(new InetSocketAddress(LOOPBACK4, 0));
                WskDatagramSocket second = direct.openDatagram(INET).bind(new InetSocketAddress(LOOPBACK4, 0));
                DatagramSocket peer = new DatagramSocket(0, LOOPBACK4)) {
            for (int i = 0; i < 10; i++) {
                CompletableFuture<ReceivedDatagram> reply = first.receiveFrom();
                peer.send(new DatagramPacket(new byte[] {1}, 1, first.getLocalAddress()));
                reply.get().close();
            }
            CompletableFuture<Integer> chained = first.receiveFrom().thenApply(datagram -> {
                datagram.close();
                CompletableFuture<ReceivedDatagram> another = second.receiveFrom();
                try {
                    peer.send(new DatagramPacket(new byte[3], 3, second.getLocalAddress()));
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                try (ReceivedDatagram received = another.join()) {
                    return received.length();
                }
            });
            CompletableFuture<ReceivedDatagram> alsoFirst = first.receiveFrom();
            peer.send(new DatagramPacket(new byte[] {1}, 1, first.getLocalAddress()));
            peer.send(new DatagramPacket(new byte[] {1}, 1, first.getLocalAddress()));
            await(alsoFirst).close();
            assertEquals(3, await(chained));
        }
    }

    private static void askAndAnswer(WskDatagramSocket socket, DatagramSocket peer, int rounds) throws Exception {
        for (int i = 0; i < rounds; i++) {
            CompletableFuture<ReceivedDatagram> reply = socket.receiveFrom();
            peer.send(new DatagramPacket(new byte[] {(byte) i}, 1, socket.getLocalAddress()));
            try (ReceivedDatagram datagram = reply.get()) {
                assertEquals((byte) i, datagram.payload().get());
            }
        }
    }

    private static FutureTask<Void> start(Callable<Void> task) {
        FutureTask<Void> running = new FutureTask<>(task);
        new Thread(running).start();
        return running;
    }

    @Test
    void aThreadThatWaitsLongHoldsUpNoOther() throws Exception {
        try (WskDatagramSocket slow = datagram(INET);
                WskDatagramSocket fast = datagram(INET);
                DatagramSocket peer = new DatagramSocket(0, LOOPBACK4)) {
            askAndAnswer(slow, peer, 10);
            FutureTask<Void> waiting = start(() -> {
                slow.receiveFrom().get().close();
                return null;
            });
            askAndAnswer(fast, peer, 500);
            assertFalse(waiting.isDone());
            peer.send(new DatagramPacket(new byte[1], 1, slow.getLocalAddress()));
            waiting.get(60, SECONDS);
        }
    }

    @Test
    void severalThreadsAskAndAreAnsweredAtOnce() throws Exception {
        List<FutureTask<Void>> running = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            running.add(start(() -> {
                try (WskDatagramSocket socket = datagram(INET);
                        DatagramSocket peer = new DatagramSocket(0, LOOPBACK4)) {
                    askAndAnswer(socket, peer, 500);
                }
                return null;
            }));
        }
        for (FutureTask<Void> thread : running) {
            thread.get(60, SECONDS);
        }
    }

    @Test
    void closingTheBridgeEndsTheWait() throws Exception {
        for (int round = 0; round < 30; round++) {
            try (WskBridge own = WskBridge.open();
                    DatagramSocket peer = new DatagramSocket(0, LOOPBACK4)) {
                WskDatagramSocket socket = own.openDatagram(INET).bind(new InetSocketAddress(LOOPBACK4, 0));
                CountDownLatch waits = new CountDownLatch(1);
                FutureTask<Void> waiting = start(() -> {
                    askAndAnswer(socket, peer, 10);
                    CompletableFuture<ReceivedDatagram> nothing = socket.receiveFrom();
                    waits.countDown();
                    ExecutionException failure = assertThrows(ExecutionException.class, nothing::get);
                    assertInstanceOf(AsynchronousCloseException.class, failure.getCause());
                    return null;
                });
                waits.await();
                own.close();
                waiting.get(60, SECONDS);
            }
        }
    }
}
