// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.wskbridge.ReceivedDatagram;
import org.wskbridge.WskDatagramSocket;

/**
 * Sends datagrams back to their senders. Each of a fixed number of workers receives a datagram, sends the buffer it
 * lies in back, gives it back when that is done, and begins again.
 */
final class UdpEcho {

    private static final int WORKERS = 32;
    private static final int RETRY_MILLISECONDS = 50;

    private final WskDatagramSocket socket;
    private final EchoCounters counters;
    private final Executor executor;
    private final CompletableFuture<Void> end = new CompletableFuture<>();

    UdpEcho(WskDatagramSocket socket, EchoCounters counters, Executor executor) {
        this.socket = socket;
        this.counters = counters;
        this.executor = executor;
    }

    /** Starts serving. What it returns fails when the socket does, and never completes otherwise. */
    CompletableFuture<Void> start() {
        for (int i = 0; i < WORKERS; i++) {
            receive();
        }
        return end;
    }

    private void receive() {
        socket.receiveFrom().whenCompleteAsync(this::received, executor);
    }

    private void received(ReceivedDatagram datagram, Throwable failure) {
        if (failure == null) {
            reply(datagram);
        } else if (socket.isOpen()) {
            // A peer that has gone can make a receive fail; that is not the end of the others.
            CompletableFuture.delayedExecutor(RETRY_MILLISECONDS, TimeUnit.MILLISECONDS, executor)
                    .execute(this::receiveUnlessClosed);
        } else {
            end.completeExceptionally(failure);
        }
    }

    private void reply(ReceivedDatagram datagram) {
        int length = datagram.payload().remaining();
        CompletableFuture<Integer> reply;
        try {
            reply = socket.sendTo(datagram.payload(), datagram.sender());
        } catch (RuntimeException e) {
            reply = CompletableFuture.failedFuture(e);
        }
        reply.whenCompleteAsync(
                (sent, failure) -> {
                    datagram.close();
                    if (failure == null) {
                        counters.datagrams.increment();
                        counters.datagramBytes.add(length);
                    }
                    receiveUnlessClosed();
                },
                executor);
    }

    private void receiveUnlessClosed() {
        if (socket.isOpen()) {
            receive();
        } else {
            end.completeExceptionally(new IOException("the socket was closed"));
        }
    }
}
