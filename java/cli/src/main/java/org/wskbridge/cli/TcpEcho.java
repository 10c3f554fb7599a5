// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.wskbridge.WskConnectionSocket;
import org.wskbridge.WskListenSocket;

/**
 * Accepts connections and sends back on each what it receives, until its peer has ended sending. A connection costs
 * one buffer and no thread; it reads again only when everything was sent.
 */
final class TcpEcho {

    private static final int CHUNK = 64 * 1024;
    private static final int RETRY_MILLISECONDS = 50;

    private final WskListenSocket listener;
    private final EchoCounters counters;
    private final Executor executor;
    private final CompletableFuture<Void> end = new CompletableFuture<>();

    TcpEcho(WskListenSocket listener, EchoCounters counters, Executor executor) {
        this.listener = listener;
        this.counters = counters;
        this.executor = executor;
    }

    /** Starts serving. What it returns fails when the listener does, and never completes otherwise. */
    CompletableFuture<Void> start() {
        accept();
        return end;
    }

    private void accept() {
        listener.accept().whenCompleteAsync(this::accepted, executor);
    }

    private void accepted(WskConnectionSocket socket, Throwable failure) {
        if (failure == null) {
            counters.connections.increment();
            new Connection(socket).receive();
        }
        if (!listener.isOpen()) {
            end.completeExceptionally(failure == null ? new IOException("the listener was closed") : failure);
        } else if (failure == null) {
            accept();
        } else {
            // Out of memory or of sockets, perhaps: others are served on, and it is tried again.
            CompletableFuture.delayedExecutor(RETRY_MILLISECONDS, TimeUnit.MILLISECONDS, executor)
                    .execute(this::accept);
        }
    }

    private final class Connection {

        private final WskConnectionSocket socket;
        private final ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK);

        Connection(WskConnectionSocket socket) {
            this.socket = socket;
        }

        void receive() {
            start(() -> socket.receive(buffer.clear()).whenCompleteAsync(this::received, executor));
        }

        private void received(Integer length, Throwable failure) {
            if (failure != null) {
                socket.abort();
            } else if (length < 0) {
                socket.closeAsync();
            } else {
                buffer.position(0).limit(length);
                start(() -> socket.send(buffer).whenCompleteAsync(this::sent, executor));
            }
        }

        private void sent(Integer length, Throwable failure) {
            if (failure != null) {
                socket.abort();
            } else {
                counters.connectionBytes.add(length);
                receive();
            }
        }

        /** An operation that can't even be started, because the bridge is being closed, ends the connection. */
        private void start(Runnable operation) {
            try {
                operation.run();
            } catch (RuntimeException e) {
                socket.abort();
            }
        }
    }
}
