// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.util.function.Consumer;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.Verb;

/**
 * The end of the sending side of a connection: the disconnect that comes behind all sends, and the close that waits for
 * everything. Guarded by the {@link SendQueue}, but what says otherwise.
 */
final class SendEnd {
    private final SendQueue queue;
    private final SocketHandle socket;

    private Disconnect disconnect;
    private boolean disconnectStarted;

    /** The close in progress, which waits for the end of everything here; null for none. */
    private Consumer<Boolean> close;

    /** The close goes on; nothing is taken any more. */
    private boolean closeGoesOn;

    /** What is to be done once the lock is left: see {@link SendQueue}. */
    private boolean disconnectDue;

    private boolean closeDue;

    SendEnd(SendQueue queue, SocketHandle socket) {
        this.queue = queue;
        this.socket = socket;
    }

    /** The WskDisconnect behind all sends. */
    private final class Disconnect extends UserOperation<Void> {
        /** The same for every call. */
        private final OperationFuture<Void> future;

        private boolean over;

        Disconnect(OperationFuture<Void> future) {
            super(SendEnd.this.socket, Verb.DISCONNECT, true, future);
            this.future = future;
            future.setCanceller(this::cancelWhereverItIs);
        }

        /** One that waits ends without effect, and sends are taken again. Not holding the lock. */
        private void cancelWhereverItIs() {
            boolean waits;
            synchronized (queue) {
                waits = disconnect == this && !disconnectStarted;
                if (waits) {
                    disconnect = null;
                    future.recordCancelled(() -> failure(Status.CANCELLED));
                    queue.tell(future);
                }
            }
            if (waits) {
                queue.goOn();
            } else {
                cancel();
            }
        }

        @Override
        void ended(CompletionRecord record) {
            Throwable reason;
            synchronized (queue) {
                over = true;
                reason = record.isError() && queue.hasFailed() ? queue.behindBreak(Verb.DISCONNECT) : null;
            }
            if (reason != null) {
                fail(reason);
            } else if (record.isError()) {
                fail(record.status());
            } else {
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
    OperationFuture<Void> disconnect() {
        if (disconnect == null) {
            disconnect = new Disconnect(socket.newFuture());
        }
        return disconnect.future;
    }

    /** Names what goes on when everything has ended; it hears whether all of it went out. */
    void atEnd(Consumer<Boolean> goesOn) {
        close = goesOn;
    }

    /** The driver has nothing, and nothing waits. The disconnect comes only now, since a send may be refused until then. */
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
    Operation takeDisconnect() {
        Operation due = disconnectDue ? disconnect : null;
        disconnectDue = false;
        return due;
    }

    /** The close that is to go on; null for none. */
    Consumer<Boolean> takeClose() {
        Consumer<Boolean> due = closeDue ? close : null;
        closeDue = false;
        return due;
    }

    /** Starts a disconnect, or refuses it behind a send that failed. Not holding the lock. */
    void start(Operation due, boolean refuse) {
        if (refuse) {
            due.complete(CompletionRecord.of(Status.CONNECTION_ABORTED));
        } else {
            socket.port().submit(due, 0, 0, 0, SocketAddresses.NONE);
        }
    }
}
