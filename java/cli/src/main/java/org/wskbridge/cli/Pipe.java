// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Two directions of traffic, each in a thread of its own, and the rule when both together are at their end. A
 * subclass moves the data; this class starts the threads, watches for silence and reports the first failure.
 */
abstract class Pipe {

    /** One direction. Ends by returning, fails by throwing. */
    @FunctionalInterface
    interface Direction {
        void run() throws IOException, InterruptedException;
    }

    private record Ended(boolean fromNetwork, Throwable failure) {}

    private final Duration limit;
    private final BlockingQueue<Ended> ended = new LinkedBlockingQueue<>();
    private volatile long lastMoved = System.nanoTime();

    Pipe(Duration limit) {
        this.limit = limit;
    }

    /** Input to network. */
    abstract void send() throws IOException, InterruptedException;

    /** Network to output. */
    abstract void receive() throws IOException, InterruptedException;

    /** Whether all is done, given which directions have ended. */
    abstract boolean isDone(boolean inputEnded, boolean networkEnded);

    /** Called by both directions whenever something moved. */
    final void moved() {
        lastMoved = System.nanoTime();
    }

    /**
     * Runs both directions until they are done or nothing has moved for too long. Threads that still wait are
     * interrupted; one that waits in the network ends when the caller closes the socket.
     */
    final void run() throws IOException {
        Thread sender = start("nc sends", false, this::send);
        Thread receiver = start("nc receives", true, this::receive);
        try {
            awaitEnd();
        } finally {
            sender.interrupt();
            receiver.interrupt();
        }
    }

    private Thread start(String name, boolean fromNetwork, Direction direction) {
        Thread thread = new Thread(
                () -> {
                    Throwable failure = null;
                    try {
                        direction.run();
                    } catch (IOException | InterruptedException | RuntimeException | Error e) {
                        failure = e;
                    }
                    ended.add(new Ended(fromNetwork, failure));
                },
                name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private void awaitEnd() throws IOException {
        boolean inputEnded = false;
        boolean networkEnded = false;
        while (!isDone(inputEnded, networkEnded)) {
            Ended next = nextEnded();
            if (next == null) {
                return;
            }
            if (next.failure() instanceof IOException io) {
                throw io;
            }
            if (next.failure() != null) {
                throw new IOException(next.failure().toString(), next.failure());
            }
            networkEnded |= next.fromNetwork();
            inputEnded |= !next.fromNetwork();
        }
    }

    /** The next direction to end, or null when nothing moved for as long as the limit allows. */
    private Ended nextEnded() throws IOException {
        try {
            if (limit == null) {
                return ended.take();
            }
            while (true) {
                long left = limit.toNanos() - (System.nanoTime() - lastMoved);
                Ended next = ended.poll(Math.max(left, 0), TimeUnit.NANOSECONDS);
                if (next != null || left <= 0) {
                    return next;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
