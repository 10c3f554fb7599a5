// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
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
            underWay = chunk;
            if (from + length == end) {
                current = null;
            }
            long address = Payload.forSending(chunk, buffer, from, length);
            socket.port().submit(chunk, Layout.Opcode.SEND, 0, address, length, SocketAddresses.NONE);
        }

        void chunkEnded(Chunk chunk, int status, int bytes) {
            synchronized (SendQueue.this) {
                underWay = null;
                boolean failed = Status.isError(status);
                if (!failed) {
                    moved += bytes;
                }
                if (!failed && bytes == chunk.length && start + moved < end && !cancelled) {
                    pump();
                    return;
                }
                if (current == this) {
                    current = null;
                }
                finish(status);
                pump();
            }
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
            socket.port().dispatcher().dispatch(future);
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
        synchronized (this) {
            if (disconnect == null) {
                waiting.add(send);
                pump();
                return send.future;
            }
        }
        return OperationFuture.failed(socket.port().dispatcher(), socket.closedFailure(Verb.SEND));
    }

    /** Ends the sending side once everything before has gone; the same future for every call. */
    public OperationFuture<Void> disconnect() {
        synchronized (this) {
            if (disconnect == null) {
                disconnect = new Disconnect();
                pump();
            }
            return disconnect.future;
        }
    }

    /** As {@link #disconnect}, for a close in progress: tells the status of the disconnect when it is over. */
    void disconnect(IntConsumer afterwards) {
        int status;
        synchronized (this) {
            if (disconnect == null) {
                disconnect = new Disconnect();
            }
            if (!disconnect.over) {
                disconnect.afterwards = afterwards;
                pump();
                return;
            }
            status = disconnect.result;
        }
        afterwards.accept(status);
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
                socket.port().submit(disconnect, Layout.Opcode.DISCONNECT, 0, 0, 0, SocketAddresses.NONE);
            }
        } finally {
            pumping = false;
        }
    }
}
