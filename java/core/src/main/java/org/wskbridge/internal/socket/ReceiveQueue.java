// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.wskbridge.BridgeLimits;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.future.Outcome;
import org.wskbridge.internal.future.Timer;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.StatusMapping;
import org.wskbridge.internal.shim.Verb;

/**
 * The receiving side of a connection: hands receives to the driver in the order of the calls, as many as the
 * {@link Window} has room for; the others wait here.
 *
 * <p>A receive that fails has taken no bytes, so that those behind it go on where it left off. One exception: bytes
 * that came for a buffer whose memory was gone by then are lost, and everything behind them fails.
 *
 * <p>All fields are guarded by this; native calls that start receives are made inside of it, which is what fixes the
 * order.
 */
public final class ReceiveQueue {
    /** When a request that the driver refused, having none of ours, is tried again. */
    private static final int RETRY_MILLIS = 5;

    private final SocketHandle socket;
    private final int maximumTransfer;
    private final Window window;

    private final ArrayDeque<Receive> waiting = new ArrayDeque<>();

    /** Is being handed to the driver; one that ends meanwhile ends inside of the lock. */
    private Receive starting;

    /** The driver refused; nothing is started until something ends, or until the time to try again. */
    private boolean refused;

    /** What the receive failed with whose bytes are lost; null as long as none are. */
    private Throwable lost;

    /** The receiving side was shut; null as long as it wasn't. */
    private Drain drain;

    /** What ended inside of the lock. */
    private final Told told = new Told();

    /** The receiving side of a socket, within the limits of its driver. */
    public ReceiveQueue(SocketHandle socket, BridgeLimits limits) {
        this.socket = socket;
        this.maximumTransfer = limits.maximumTransfer();
        this.window = new Window(limits);
    }

    private final class Receive extends UserOperation<Integer> {
        private final ReceiveTarget target;
        private final int flags;
        private final int length;

        /** Ends it at its deadline if it still waits then; null for none. */
        private Future<?> timer;

        /** It ends inside of the lock, so that its outcome is to be published afterwards. */
        private boolean deferred;

        Receive(ReceiveTarget target, int flags, Deadline deadline, Outcome<Integer> outcome) {
            super(ReceiveQueue.this.socket, Verb.RECEIVE, false, outcome);
            this.deadline = deadline;
            this.target = target;
            this.flags = flags;
            this.length = flags == 0 ? target.length(maximumTransfer) : target.remaining();
        }

        @Override
        void ended(CompletionRecord record) {
            int status = record.status();
            int bytes = record.bytes();
            Throwable failure = null;
            boolean more;
            synchronized (ReceiveQueue.this) {
                deferred = starting == this;
                window.ended(length);
                refused = status == Status.QUOTA_EXCEEDED && deferred;
                if (refused) {
                    return; // it was not taken, and nothing is behind it: see pump
                }
                unwatch();
                if (!Status.isError(status) && bytes > 0) {
                    failure = deliver(bytes);
                }
                pump();
                more = !deferred && !told.isEmpty();
            }
            if (status == Status.GRACEFUL_DISCONNECT || !Status.isError(status) && bytes == 0) {
                succeed(-1);
            } else if (Status.isError(status)) {
                fail(status);
            } else if (failure != null) {
                fail(failure);
            } else {
                succeed(bytes);
            }
            if (more) {
                settle();
            }
        }

        /** @return why the bytes can't be delivered; null if they are */
        private Throwable deliver(int bytes) {
            if (lost != null) {
                return StatusMapping.behindBreak(verb, socket.subject(), lost);
            }
            try {
                target.deliver(lease(), bytes);
            } catch (IOException e) {
                lost = e;
                return e;
            }
            return null;
        }

        @Override
        public void cancel() {
            if (!endWaiting(Status.CANCELLED)) {
                super.cancel();
            }
        }

        /** Not holding the lock. @return whether it waited */
        private boolean endWaiting(int status) {
            boolean waited;
            synchronized (ReceiveQueue.this) {
                waited = waiting.remove(this);
                if (waited) {
                    unwatch();
                    deferred = true;
                    fail(status);
                }
            }
            if (waited) {
                settle();
            }
            return waited;
        }

        /** Has its deadline watched while it waits. Inside of the lock, as the next. */
        private void watch() {
            timer = Timer.schedule(
                    () -> endWaiting(Status.IO_TIMEOUT), deadline.remainingNanos(), TimeUnit.NANOSECONDS);
        }

        private void unwatch() {
            if (timer != null) {
                timer.cancel(false);
            }
        }

        /** Inside of the lock. */
        private void endLater() {
            deferred = true;
            succeed(-1);
        }

        /** Called with the lock held. */
        private void failLater(Throwable reason) {
            unwatch();
            deferred = true;
            fail(reason);
        }

        @Override
        void publish() {
            if (deferred) {
                told.add(outcome());
            } else {
                super.publish();
            }
        }
    }

    /**
     * Drops what the peer sends from now on, behind the receives before: later ones find the end of the stream. The same
     * future for every call, which completes when the peer has ended its side.
     */
    public OperationFuture<Void> shutdown() {
        OperationFuture<Void> future;
        synchronized (this) {
            if (drain == null) {
                drain = new Drain(socket.newFuture());
                pump();
            }
            future = drain.future;
        }
        settle();
        return future;
    }

    /** The WskReceive that drops everything, as one operation of the driver after another if it is refused for a limit. */
    private final class Drain implements OperationFuture.Canceller {
        private final OperationFuture<Void> future;
        private boolean started;

        /** The one that the driver has, or had last; null before the first. */
        private volatile DrainRequest request;

        Drain(OperationFuture<Void> future) {
            this.future = future;
            future.setCanceller(this);
        }

        /** One that the driver doesn't have yet ends without having dropped anything, and receiving goes on. */
        @Override
        public void cancel() {
            boolean waits;
            synchronized (ReceiveQueue.this) {
                waits = !started && drain == this;
                if (waits) {
                    drain = null;
                    future.recordCancelled(() -> socket.failure(Verb.RECEIVE, Status.CANCELLED));
                    told.add(future);
                }
            }
            if (waits) {
                settle();
            } else if (request != null) {
                request.cancel();
            }
        }

        /** Called with the lock held. */
        private void start() {
            started = true;
            request = new DrainRequest(this);
            window.started(0);
            socket.port().submit(request, Layout.RECEIVE_DRAIN, 0, 0, SocketAddresses.NONE);
        }
    }

    private final class DrainRequest extends UserOperation<Void> {
        private final Drain drain;

        DrainRequest(Drain drain) {
            super(ReceiveQueue.this.socket, Verb.RECEIVE, false, drain.future);
            this.drain = drain;
        }

        @Override
        void ended(CompletionRecord record) {
            boolean again = record.status() == Status.QUOTA_EXCEEDED;
            synchronized (ReceiveQueue.this) {
                window.ended(0);
                drain.started = !again;
            }
            if (again) {
                Timer.schedule(ReceiveQueue.this::retry, RETRY_MILLIS, TimeUnit.MILLISECONDS);
            } else if (record.isError() && record.status() != Status.GRACEFUL_DISCONNECT) {
                fail(record.status());
            } else {
                succeed(null);
            }
        }

        @Override
        void publish() {
            if (Thread.holdsLock(ReceiveQueue.this)) {
                told.add(outcome()); // it ended within its start
            } else {
                super.publish();
            }
        }
    }

    /** Receives what there is, up to the remaining bytes; -1 at the end. */
    public OperationFuture<Integer> receive(ByteBuffer target) {
        return receive(target, Deadline.NONE);
    }

    /** The same; the time that a receive waits here counts. */
    public OperationFuture<Integer> receive(ByteBuffer target, Deadline deadline) {
        try {
            return receive(ReceiveTarget.of(target), 0, deadline);
        } catch (IOException e) {
            return socket.failedFuture(e);
        }
    }

    /** Receives as many bytes as remain, which one request must be able to take; fewer only at the end. */
    public OperationFuture<Integer> receiveFully(ByteBuffer target, Deadline deadline) {
        try {
            return receive(ReceiveTarget.of(target), Layout.RECEIVE_WAITALL, deadline);
        } catch (IOException e) {
            return socket.failedFuture(e);
        }
    }

    /** Receives into several buffers, one of which has room at least, one after the other. */
    public OperationFuture<Integer> receive(ByteBuffer[] targets, Deadline deadline) {
        try {
            return receive(ReceiveTarget.of(targets), 0, deadline);
        } catch (IOException e) {
            return socket.failedFuture(e);
        }
    }

    private OperationFuture<Integer> receive(ReceiveTarget target, int flags, Deadline deadline) {
        OperationFuture<Integer> future = socket.newFuture();
        Receive receive = new Receive(target, flags, deadline, future);
        future.setCanceller(receive);
        synchronized (this) {
            if (drain != null) {
                receive.endLater();
            } else if (lost != null) {
                receive.failLater(StatusMapping.behindBreak(Verb.RECEIVE, socket.subject(), lost));
            } else {
                waiting.add(receive);
                pump();
                if (!deadline.isNone() && waiting.peekLast() == receive) {
                    receive.watch();
                }
            }
        }
        settle();
        return future;
    }

    private void pump() {
        while (starting == null && !refused && !waiting.isEmpty() && window.hasRoom(waiting.peekFirst().length)) {
            starting = waiting.pollFirst();
            start(starting);
            if (refused) {
                waiting.addFirst(starting);
                if (window.isEmpty()) {
                    Timer.schedule(this::retry, RETRY_MILLIS, TimeUnit.MILLISECONDS);
                }
            }
            starting = null;
        }
        if (drain != null && !drain.started && starting == null && !refused && waiting.isEmpty()) {
            drain.start();
        }
    }

    private void start(Receive receive) {
        long address;
        if (receive.deadline.hasPassed()) {
            receive.failLater(receive.failure(Status.IO_TIMEOUT));
            return;
        }
        try {
            address = receive.target.address(receive, receive.length);
        } catch (OutOfMemoryError e) {
            receive.failLater(e);
            return;
        }
        receive.deferred = false;
        window.started(receive.length);
        socket.port().submit(receive, receive.flags, address, receive.length, SocketAddresses.NONE);
    }

    private void retry() {
        synchronized (this) {
            refused = false;
            pump();
        }
        settle();
    }

    /** Publishes what ended inside of the lock; outside of it. */
    private void settle() {
        Outcome<?> first;
        List<Outcome<?>> more;
        synchronized (this) {
            first = told.takeFirst();
            more = told.takeMore();
        }
        Told.publish(first, more);
    }
}
