// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * The sending side of a connection: hands sends to the driver in the order of the calls, and the disconnect after
 * them. A send that fits into one request goes to the driver at once, however many are there already. A longer one
 * goes chunk by chunk, and everything behind it waits here until its last chunk is under way.
 *
 * <p>All fields, and those of {@link Send} but its future, are guarded by this; native calls that start chunks are
 * made inside of it, which is what fixes the order.
 */
public final class SendQueue {
    private final SocketHandle socket;
    private final int maximumTransfer;
    private final ArrayDeque<Send> waiting = new ArrayDeque<>();
    /** Has chunks left that were not started; null when there is none. */
    private Send current;

    private boolean pumping;

    private Disconnect disconnect;
    private boolean disconnectStarted;

    /** What is to be done once the lock is left, because it may run user code: see {@link #settle}. */
    private final List<OperationFuture<?>> ended = new ArrayList<>();

    private boolean disconnectDue;

    public SendQueue(SocketHandle socket, int maximumTransfer) {
        this.socket = socket;
        this.maximumTransfer = maximumTransfer;
    }

    /** A send of a user's: the chunks of it that are done, under way and still to come. */
    private final class Send implements OperationFuture.Canceller {
        final OperationFuture<Integer> future =
                new OperationFuture<>(socket.port().dispatcher());
        final ByteBuffer buffer;
        final int start;
        final int end;
        int moved;
        Chunk underWay;
        boolean cancelled;

        Send(ByteBuffer buffer) {
            this.buffer = buffer;
            this.start = buffer.position();
            this.end = buffer.limit();
            future.setCanceller(this);
        }

        /** Starts the next chunk. */
        void startChunk() {
            int from = start + moved;
            int length = Math.min(end - from, Payload.maximumLength(buffer, maximumTransfer));
            Chunk chunk = new Chunk(this, length);
            long address;
            try {
                address = Payload.forSending(chunk, buffer, from, length);
            } catch (RuntimeException | OutOfMemoryError e) { // no memory, or the user changed the buffer's limit
                chunk.releaseLease();
                current = null;
                UserOperation.advance(buffer, start, moved);
                future.recordFailure(e);
                ended.add(future);
                return;
            }
            underWay = chunk;
            if (from + length == end) {
                current = null;
            }
            socket.port().submit(chunk, Layout.Opcode.SEND, 0, address, length, SocketAddresses.NONE);
        }

        void chunkEnded(Chunk chunk, int status, int bytes) {
            synchronized (SendQueue.this) {
                underWay = null;
                boolean failed = Status.isError(status);
                if (!failed) {
                    moved += bytes;
                }
                if (failed || bytes != chunk.length || start + moved == end || cancelled) {
                    if (current == this) {
                        current = null;
                    }
                    finish(status);
                }
                pump();
            }
            settle();
        }

        private void finish(int status) {
            UserOperation.advance(buffer, start, moved);
            boolean failed = Status.isError(status) && status != Status.CANCELLED;
            if (start + moved == end || moved > 0 && cancelled && !failed) {
                future.record(moved);
            } else if (failed) {
                future.recordFailure(socket.failure(Verb.SEND, status));
            } else {
                future.recordCancelled(() -> socket.failure(Verb.SEND, Status.CANCELLED));
            }
            ended.add(future);
        }

        @Override
        public void cancel() {
            synchronized (SendQueue.this) {
                cancelled = true;
                if (underWay != null) {
                    underWay.cancel();
                } else if (waiting.remove(this)) {
                    finish(Status.CANCELLED);
                    pump();
                }
            }
            settle();
        }
    }

    /** One WskSend. Internal, because sends that were accepted before a close go out all the same. */
    private final class Chunk extends Operation {
        private final Send send;
        private final int length;

        Chunk(Send send, int length) {
            super(SendQueue.this.socket, Verb.SEND, true);
            this.send = send;
            this.length = length;
        }

        @Override
        void ended(int status, int bytes, ByteBuffer record, int offset) {
            releaseLease();
            send.chunkEnded(this, status, bytes);
        }
    }

    /** The WskDisconnect behind all sends. */
    private final class Disconnect extends UserOperation<Void> {
        private IntConsumer afterwards = status -> {};
        private boolean over;
        private int result;

        Disconnect() {
            super(SendQueue.this.socket, Verb.DISCONNECT, true);
        }

        @Override
        void outcome(int status, int bytes, ByteBuffer record, int offset) {
            IntConsumer next;
            synchronized (SendQueue.this) {
                over = true;
                result = status;
                next = afterwards;
            }
            if (Status.isError(status)) {
                fail(status);
            } else {
                succeed(null);
            }
            next.accept(status);
        }
    }

    /** Sends the remaining bytes behind those of earlier calls. */
    public OperationFuture<Integer> send(ByteBuffer buffer) {
        Send send = new Send(buffer);
        boolean accepted;
        synchronized (this) {
            accepted = disconnect == null;
            if (accepted) {
                waiting.add(send);
                pump();
            }
        }
        settle();
        if (accepted) {
            return send.future;
        }
        return OperationFuture.failed(socket.port().dispatcher(), socket.closedFailure(Verb.SEND));
    }

    /** Ends the sending side once everything before has gone; the same future for every call. */
    public OperationFuture<Void> disconnect() {
        OperationFuture<Void> future;
        synchronized (this) {
            if (disconnect == null) {
                disconnect = new Disconnect();
                pump();
            }
            future = disconnect.future;
        }
        settle();
        return future;
    }

    /** As {@link #disconnect}, for a close in progress: tells the status of the disconnect when it is over. */
    void disconnect(IntConsumer afterwards) {
        boolean over;
        synchronized (this) {
            if (disconnect == null) {
                disconnect = new Disconnect();
            }
            over = disconnect.over;
            if (!over) {
                disconnect.afterwards = afterwards;
                pump();
            }
        }
        settle();
        if (over) {
            afterwards.accept(disconnect.result);
        }
    }

    /** Starts what may start. A chunk that completes within its start comes back here and finds pumping set. */
    private void pump() {
        if (pumping) {
            return;
        }
        pumping = true;
        try {
            while (true) {
                if (current == null) {
                    current = waiting.poll();
                }
                if (current == null) {
                    break;
                }
                if (current.underWay != null) {
                    return;
                }
                current.startChunk();
            }
            if (disconnect != null && !disconnectStarted) {
                disconnectStarted = true;
                disconnectDue = true;
            }
        } finally {
            pumping = false;
        }
    }

    /** Starts the disconnect and makes public what ended. Within a call that holds the lock that is left to the call. */
    private void settle() {
        if (Thread.holdsLock(this)) {
            return;
        }
        List<OperationFuture<?>> now;
        boolean disconnectNow;
        synchronized (this) {
            now = ended.isEmpty() ? List.of() : List.copyOf(ended);
            ended.clear();
            disconnectNow = disconnectDue;
            disconnectDue = false;
        }
        if (disconnectNow) {
            socket.port().submit(disconnect, Layout.Opcode.DISCONNECT, 0, 0, 0, SocketAddresses.NONE);
        }
        now.forEach(socket.port().dispatcher()::dispatch);
    }
}
