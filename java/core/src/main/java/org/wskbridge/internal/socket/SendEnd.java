// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.future.Timer;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.Verb;

/**
 * The end of the sending side of a connection: the disconnect after all sends, and the close that waits for everything.
 * Guarded by the {@link SendQueue}, unless a method says otherwise.
 */
final class SendEnd {
    private final SendQueue queue;
    private final SocketHandle socket;

    private Disconnect disconnect;
    private boolean disconnectStarted;

    /** The close in progress, which waits until all sends and the disconnect have ended; null for none. */
    private Consumer<Boolean> close;

    /** The close has been called back; no sends are accepted any more. */
    private boolean closeGoesOn;

    /** What to do after the lock is released: see {@link SendQueue}. */
    private boolean disconnectDue;

    private boolean closeDue;

    SendEnd(SendQueue queue, SocketHandle socket) {
        this.queue = queue;
        this.socket = socket;
    }

    /** The WskDisconnect behind all sends. */
    final class Disconnect extends UserOperation<Void> {
        /** The future of every call. */
        private final OperationFuture<Void> future;

        /** The last bytes, which it sends; null for none. */
        private final SendSource last;

        private boolean over;

        /** Ends it at its deadline if it still waits then; null for none. */
        private Future<?> timer;

        Disconnect(OperationFuture<Void> future, Deadline deadline, SendSource last) {
            super(SendEnd.this.socket, Verb.DISCONNECT, true, future);
            this.future = future;
            this.deadline = deadline;
            this.last = last;
            future.setCanceller(this::cancelWhereverItIs);
            if (!deadline.isNone()) {
                timer = Timer.schedule(
                        () -> endWaiting(() -> future.recordFailure(failure(Status.IO_TIMEOUT))),
                        deadline.remainingNanos(),
                        TimeUnit.NANOSECONDS);
            }
        }

        private void cancelWhereverItIs() {
            if (!endWaiting(() -> future.recordCancelled(() -> failure(Status.CANCELLED)))) {
                cancel();
            }
        }

        /**
         * Drops a disconnect that still waits; sends are accepted again. The caller doesn't hold the lock.
         *
         * @return whether it waited
         */
        private boolean endWaiting(Runnable record) {
            boolean waits;
            synchronized (queue) {
                waits = disconnect == this && !disconnectStarted;
                if (waits) {
                    disconnect = null;
                    unwatch();
                    record.run();
                    queue.tell(future);
                }
            }
            if (waits) {
                queue.goOn();
            }
            return waits;
        }

        private void unwatch() {
            if (timer != null) {
                timer.cancel(false);
            }
        }

        @Override
        void ended(CompletionRecord record) {
            Throwable reason;
            synchronized (queue) {
                over = true;
                unwatch();
                if (record.status() == Status.QUOTA_EXCEEDED) {
                    disconnect = null; // it may be tried again
                    disconnectStarted = false;
                    queue.lastDataWasRefused();
                }
                reason = record.isError() && queue.hasFailed() ? queue.behindBreak(Verb.DISCONNECT) : null;
            }
            if (reason != null) {
                fail(reason);
            } else if (record.isError()) {
                fail(record.status());
            } else {
                if (last != null) {
                    last.advance(last.length());
                }
                succeed(null);
            }
            queue.goOn();
        }
    }

    /** Whether sends may still come. */
    boolean takesSends() {
        return disconnect == null && !closeGoesOn;
    }

    /** The future of the disconnect, the same for every call. */
    OperationFuture<Void> disconnect(Deadline deadline) {
        return disconnect == null ? disconnect(deadline, null) : disconnect.future;
    }

    /** The future of a disconnect that sends the last bytes, or null; sends were taken before it. */
    OperationFuture<Void> disconnect(Deadline deadline, SendSource last) {
        disconnect = new Disconnect(socket.newFuture(), deadline, last);
        return disconnect.future;
    }

    /** Sets what to call when everything has ended, with whether all of it was sent. */
    void atEnd(Consumer<Boolean> goesOn) {
        close = goesOn;
    }

    /** Nothing is in progress, and nothing waits. The disconnect starts only now, because until now a send may be refused. */
    void allSent() {
        if (disconnect != null && !disconnectStarted) {
            disconnectStarted = true;
            disconnectDue = true;
        }
        if (close != null && !closeGoesOn && (disconnect == null || disconnect.over)) {
            closeGoesOn = true;
            closeDue = true;
        }
    }

    /** What {@link #start} is to start; null for nothing. */
    Disconnect takeDisconnect() {
        Disconnect due = disconnectDue ? disconnect : null;
        disconnectDue = false;
        return due;
    }

    /** The close to call back; null for none. */
    Consumer<Boolean> takeClose() {
        Consumer<Boolean> due = closeDue ? close : null;
        closeDue = false;
        return due;
    }

    /**
     * Starts a disconnect. The caller doesn't hold the lock.
     *
     * @param failed a send before it failed, so it is refused
     * @param cut a send before it failed or was cut short, so last bytes are refused
     */
    void start(Disconnect due, boolean failed, boolean cut) {
        if (failed || cut && due.last != null) {
            due.complete(CompletionRecord.of(Status.CONNECTION_ABORTED));
        } else if (due.last == null) {
            socket.port().submit(due, 0, 0, 0, SocketAddresses.NONE);
        } else {
            startWithData(due);
        }
    }

    private void startWithData(Disconnect due) {
        int length = due.last.length();
        long address;
        try {
            address = due.last.address(due, 0, length);
        } catch (IOException | OutOfMemoryError e) { // no memory, or the buffer's is gone
            synchronized (queue) {
                due.over = true;
                due.unwatch();
            }
            due.fail(e);
            queue.goOn();
            return;
        }
        int flags;
        synchronized (queue) {
            flags = queue.takeAfterRefusal() ? Layout.DISCONNECT_AFTER_REFUSAL : 0;
        }
        socket.port().submit(due, flags, address, length, SocketAddresses.NONE);
    }
}
