// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Two directions of traffic, each in a thread of its own, and the rules by which both together are at their end. A
 * subclass moves the data; this class starts the threads, keeps the times and reports the first failure.
 */
abstract class Pipe {

    /** Input that has been idle for so long after the peer's end is taken to bring no more. */
    private static final Duration IDLE_LIMIT = Duration.ofMillis(250);

    private static final Duration IDLE_CHECK = Duration.ofMillis(50);

    /** Why a pipe ended. */
    enum End {
        /** Nothing is left to be moved. */
        DONE,
        /** Nothing moved for as long as the limit allows. */
        SILENCE,
        /** The input ended, and so did the time after it. */
        QUIT,
        /** Nobody reads the output any more. */
        OUTPUT_GONE
    }

    /** One direction. Ends by returning, fails by throwing. */
    @FunctionalInterface
    interface Direction {
        void run() throws IOException, InterruptedException;
    }

    private record Ended(boolean fromNetwork, Throwable failure) {}

    /** A moment to wait for, as System.nanoTime() gives it. */
    private record Deadline(long nanos, End end) {
        long left() {
            return nanos - System.nanoTime();
        }
    }

    private final Duration limit;
    private final InputChunks input;
    private final InputRules rules;
    private final BlockingQueue<Ended> ended = new LinkedBlockingQueue<>();
    private volatile long lastMoved = System.nanoTime();

    // Of the thread in run() alone.
    private boolean inputEnded;
    private boolean networkEnded;
    private End endOfNetwork = End.DONE;
    private Deadline quit;
    private long idleSince;

    /** @param limit of silence; null for none */
    Pipe(Duration limit, InputChunks input, InputRules rules) {
        this.limit = limit;
        this.input = input;
        this.rules = rules;
    }

    /** Input to network. */
    abstract void send() throws IOException, InterruptedException;

    /** Network to output. */
    abstract void receive() throws IOException, InterruptedException;

    /** Whether a failure to send says no more than that the peer has gone, which the receiving side finds too. */
    abstract boolean isLossOfPeer(IOException failure);

    /** Called by both directions whenever something moved. */
    final void moved() {
        lastMoved = System.nanoTime();
    }

    /** Called by the receiving direction when it goes on only to drop what comes. */
    final void outputGone(OutputGoneException failure) {
        ended.add(new Ended(true, failure));
    }

    /**
     * Runs both directions until the rules say that it is over. Threads that still wait are interrupted; one that
     * waits in the network ends when the caller closes the socket.
     */
    final End run() throws IOException {
        Thread receiver = start("nc receives", true, this::receive);
        Thread sender = rules.read() ? start("nc sends", false, this::send) : null;
        inputEnded = sender == null;
        try {
            return awaitEnd();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } finally {
            receiver.interrupt();
            if (sender != null) {
                sender.interrupt();
            }
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

    private End awaitEnd() throws IOException, InterruptedException {
        while (!isDone()) {
            Deadline deadline = deadline();
            Ended next = deadline == null ? ended.take() : ended.poll(deadline.left(), TimeUnit.NANOSECONDS);
            if (next != null) {
                handle(next);
            } else if (deadline.end() != End.DONE && deadline().left() <= 0) {
                return deadline.end();
            }
        }
        return endOfNetwork;
    }

    private boolean isDone() {
        if (!networkEnded || inputEnded) {
            return networkEnded;
        }
        return switch (rules.afterPeer()) {
            case ALL -> false;
            case WHAT_IS_THERE -> inputStaysIdle();
            case NOTHING -> true;
        };
    }

    private boolean inputStaysIdle() {
        long now = System.nanoTime();
        if (!input.isIdle()) {
            idleSince = now;
        }
        return now - idleSince >= IDLE_LIMIT.toNanos();
    }

    /** The next moment at which something is to be done though nothing has ended; null for none. */
    private Deadline deadline() {
        Deadline next = quit;
        if (limit != null) {
            next = earlier(next, new Deadline(lastMoved + limit.toNanos(), End.SILENCE));
        }
        if (networkEnded && rules.afterPeer() == InputRules.AfterPeer.WHAT_IS_THERE) {
            next = earlier(next, new Deadline(System.nanoTime() + IDLE_CHECK.toNanos(), End.DONE));
        }
        return next;
    }

    private static Deadline earlier(Deadline one, Deadline other) {
        return one != null && one.nanos() - other.nanos() < 0 ? one : other;
    }

    private void handle(Ended next) throws IOException {
        if (next.fromNetwork()) {
            networkEnded(next.failure());
        } else {
            inputEnded(next.failure());
        }
    }

    private void networkEnded(Throwable failure) throws IOException {
        if (networkEnded) {
            return; // by the output, before
        }
        if (failure instanceof OutputGoneException) {
            endOfNetwork = End.OUTPUT_GONE;
        } else if (failure != null) {
            throw asIo(failure);
        }
        networkEnded = true;
        idleSince = System.nanoTime();
    }

    private void inputEnded(Throwable failure) throws IOException {
        inputEnded = true;
        if (failure == null && rules.quitAfter() != null) {
            quit = new Deadline(System.nanoTime() + rules.quitAfter().toNanos(), End.QUIT);
        }
        if (failure != null && !(failure instanceof IOException io && isLossOfPeer(io))) {
            throw asIo(failure);
        }
    }

    private static IOException asIo(Throwable failure) {
        return failure instanceof IOException io ? io : new IOException(failure.toString(), failure);
    }
}
