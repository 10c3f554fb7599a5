// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.future.Outcome;
import org.wskbridge.internal.future.Timer;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.StatusMapping;
import org.wskbridge.internal.shim.Verb;

/**
 * A send of a user's: the chunks of it that are done, under way and still to come. All that changes is guarded by the
 * {@link SendQueue}, which decides what becomes of it.
 */
final class Send implements OperationFuture.Canceller {
    private final SendQueue queue;
    private final SocketHandle socket;
    private final SendSource source;

    final Deadline deadline;

    /** Of each request. */
    final int flags;

    /** Ends it at its deadline if it still waits then; null for none. */
    private Future<?> timer;

    final Outcome<Integer> outcome;

    /** Its place in the order of the calls. */
    long number;

    /** How many bytes have gone. */
    int moved;

    /** What the driver has of it; null for nothing. */
    Chunk underWay;

    /** The user wants its end. */
    boolean cancelled;

    /** Behind a send that broke the stream. */
    boolean behindBreak;

    /** Every byte is under way or gone, or was: see {@link SendLine}. */
    boolean started;

    /** The outcome was told. */
    boolean over;

    Send(
            SendQueue queue,
            SocketHandle socket,
            SendSource source,
            Deadline deadline,
            int flags,
            Outcome<Integer> outcome) {
        this.queue = queue;
        this.socket = socket;
        this.source = source;
        this.deadline = deadline;
        this.flags = flags;
        this.outcome = outcome;
    }

    boolean allMoved() {
        return moved == source.length();
    }

    boolean lastChunkIsUnderWay() {
        return underWay != null && moved + underWay.length == source.length();
    }

    /** The driver gave back what it had, and not all has gone. */
    boolean isToGoOn() {
        return !over && underWay == null && !allMoved();
    }

    int nextLength(int maximumTransfer) {
        return source.nextLength(moved, maximumTransfer);
    }

    Chunk nextChunk(int maximumTransfer) {
        return new Chunk(nextLength(maximumTransfer));
    }

    /** Has its deadline watched while it waits. */
    void watch() {
        timer = Timer.schedule(() -> queue.expire(this), deadline.remainingNanos(), TimeUnit.NANOSECONDS);
    }

    /** The driver refused what it had of it. */
    void waitsAgain() {
        started = false;
        if (!deadline.isNone() && timer == null) {
            watch();
        }
    }

    void unwatch() {
        if (timer != null) {
            timer.cancel(false);
        }
    }

    /** What it ends with when it isn't over at its deadline. */
    SocketTimeoutException timedOut() {
        SocketTimeoutException exception = StatusMapping.deadlinePassed(Verb.SEND, socket.subject());
        exception.bytesTransferred = moved;
        return exception;
    }

    /** Moves the positions of the user's buffers behind what has gone. */
    void advance() {
        source.advance(moved);
    }

    @Override
    public void cancel() {
        queue.cancel(this);
    }

    /** Nothing is known of this but that something failed. Allocates nothing. */
    void abandon(Throwable reason) {
        over = true;
        if (!outcome.isRecorded()) {
            outcome.recordFailure(reason);
            outcome.publish();
        }
    }

    /** One WskSend. Internal, because sends that were accepted before a close go out all the same. */
    final class Chunk extends Operation {
        final int length;

        /** Behind one that was refused, so that it will be, or is, refused too. */
        boolean comesBack;

        private Chunk(int length) {
            super(Send.this.socket, Verb.SEND, true);
            this.deadline = Send.this.deadline;
            this.length = length;
        }

        /** Where the bytes are. */
        long payload() throws IOException {
            try {
                return source.address(this, moved, length);
            } catch (IOException e) {
                releaseLease();
                throw e;
            }
        }

        @Override
        void ended(CompletionRecord record) {
            releaseLease();
            queue.chunkEnded(Send.this, this, record.status(), record.bytes());
        }

        @Override
        void abandon(Throwable reason) {
            Send.this.abandon(reason);
            queue.abandonAll(reason);
        }
    }
}
