// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.wskbridge.BridgeLimits;

/**
 * The sending side of a connection: hands sends to the driver in the order of the calls, and the disconnect after
 * them. A send that fits into one request goes to the driver at once, however many are there already, as long as the
 * {@link Window} has room. A longer one goes chunk by chunk, and everything behind it waits here until its last chunk
 * is under way.
 *
 * <p>The stream has no hole. Once a send failed, or ended half-way since it was cancelled, everything behind it fails:
 * what waits here, what the driver has, and what is sent later. A send is told to have succeeded only when all before
 * it have. Before a send is cancelled those behind it are called back from the driver; they go out again if it turns
 * out that it had no effect, or all of it. Should bytes have gone out behind a hole all the same, which takes a driver
 * that refuses one request and takes the next, the connection is reset.
 *
 * <p>All fields, and those of {@link Send} but its future, are guarded by this; native calls that start chunks are
 * made inside of it, which is what fixes the order.
 */
public final class SendQueue {
    /** When a request that the driver refused, having none of ours, is tried again. */
    private static final int RETRY_MILLIS = 5;

    private final SocketHandle socket;
    private final int maximumTransfer;
    private final Window window;

    /** In the order of the calls: those of which every byte is under way or gone, and are not told to be over. */
    private final ArrayDeque<Send> started = new ArrayDeque<>();

    /** Behind those: the first may have a chunk under way, or called back. */
    private final ArrayDeque<Send> waiting = new ArrayDeque<>();

    /** Is being cancelled; nothing is started until it is over. Null for none. */
    private Send settling;

    /** Why nothing can be sent any more; null as long as something can. */
    private Break broken;

    /** How many chunks that were called back the driver still has; nothing is started until it has none. */
    private int comingBack;

    private boolean pumping;

    /** The driver refused; nothing is started until something ends, or until the time to try again. */
    private boolean refused;

    private boolean retryScheduled;

    private Disconnect disconnect;
    private boolean disconnectStarted;

    /** What is to be done once the lock is left, because it may run user code: see {@link #settle}. */
    private final List<OperationFuture<?>> ended = new ArrayList<>();

    private boolean disconnectDue;
    private boolean resetDue;

    public SendQueue(SocketHandle socket, BridgeLimits limits) {
        this.socket = socket;
        this.maximumTransfer = limits.maximumTransfer();
        this.window = new Window(limits);
    }

    /**
     * The end of the stream before its time.
     *
     * @param failure what the send failed with; null if it was cancelled half-way, which the user wanted and knows, so
     *     that a disconnect may still follow
     */
    private record Break(Throwable failure) {}

    /** A send of a user's: the chunks of it that are done, under way and still to come. */
    private final class Send implements OperationFuture.Canceller {
        final OperationFuture<Integer> future =
                new OperationFuture<>(socket.port().dispatcher());
        final ByteBuffer buffer;
        final boolean passedDown;
        final int start;
        final int end;
        int moved;
        Chunk underWay;

        /** The user wants its end. */
        boolean cancelled;

        /** Behind a send that broke the stream. */
        boolean behindBreak;

        /** Is among started, perhaps no longer of interest there; otherwise among waiting, or over. */
        boolean started;

        /** The future was told. */
        boolean over;

        Send(ByteBuffer buffer, boolean passedDown) {
            this.buffer = buffer;
            this.passedDown = passedDown;
            this.start = buffer.position();
            this.end = buffer.limit();
            future.setCanceller(this);
        }

        boolean allMoved() {
            return start + moved == end;
        }

        boolean lastChunkIsUnderWay() {
            return underWay != null && start + moved + underWay.length == end;
        }

        int nextLength() {
            return Math.min(end - start - moved, Payload.maximumLength(passedDown, maximumTransfer));
        }

        /** Starts the next chunk, which may end within this call. */
        void startChunk() {
            Chunk chunk;
            long address;
            try {
                chunk = new Chunk(this, nextLength());
                address = chunk.payload();
            } catch (IOException | OutOfMemoryError e) { // no memory, or the buffer's is gone
                fail(e);
                return;
            }
            underWay = chunk;
            window.started(chunk.length);
            socket.port().submit(chunk, Layout.Opcode.SEND, 0, address, chunk.length, SocketAddresses.NONE);
        }

        void chunkEnded(Chunk chunk, int status, int bytes) {
            synchronized (SendQueue.this) {
                underWay = null;
                refused &= chunk.calledBack || status == Status.QUOTA_EXCEEDED;
                comingBack -= chunk.calledBack ? 1 : 0;
                window.ended(chunk.length);
                boolean failed = Status.isError(status);
                if (!failed) {
                    moved += bytes;
                }
                if (bytes > 0 && !failed) {
                    failOvertaken(this);
                }
                if (behindBreak && !over) {
                    failBehindBreak(this, failed && status != Status.CANCELLED ? failure(status) : null);
                } else if (!over && !allMoved() && !goesOn(chunk, status, bytes)) {
                    finish(status);
                }
                tellInOrder();
                pump();
                retryLater();
            }
            settle();
        }

        /** Whether the rest of this is to be sent, now or later. */
        private boolean goesOn(Chunk chunk, int status, int bytes) {
            if (cancelled) {
                return false;
            }
            if (status == Status.QUOTA_EXCEEDED) {
                return sendAgain(this);
            }
            if (chunk.calledBack && (status == Status.CANCELLED || !Status.isError(status))) {
                return true;
            }
            return !Status.isError(status) && bytes == chunk.length;
        }

        /** Ends this before all of it has moved. */
        private void finish(int status) {
            if (Status.isError(status) && status != Status.CANCELLED) {
                fail(failure(status));
            } else if (!cancelled) {
                fail(failure(Status.CANCELLED));
            } else if (moved > 0) {
                List<Send> behind = behind(this);
                conclude(() -> future.record(moved));
                breakStream(behind, new Break(null));
            } else {
                conclude(() -> future.recordCancelled(() -> failure(Status.CANCELLED)));
            }
        }

        private Exception failure(int status) {
            return socket.failure(Verb.SEND, status);
        }

        /** The first failure of a stream. */
        private void fail(Throwable reason) {
            List<Send> behind = behind(this); // of one that wasn't taken: nothing
            conclude(() -> future.recordFailure(reason));
            breakStream(behind, new Break(reason));
        }

        /** Nothing is known of this but that something failed. */
        void abandon(Throwable reason) {
            over = true;
            if (!future.isRecorded()) {
                future.recordFailure(reason);
                socket.port().dispatcher().dispatch(future);
            }
        }

        /** Makes the outcome known; once. */
        void conclude(Runnable record) {
            over = true;
            if (!started) {
                waiting.remove(this);
            }
            UserOperation.advance(buffer, start, moved);
            record.run();
            ended.add(future);
        }

        @Override
        public void cancel() {
            synchronized (SendQueue.this) {
                if (!over) {
                    cancelled = true;
                    if (underWay != null) {
                        callBackFrom(this);
                        settling = this;
                        underWay.cancel();
                    } else if (!allMoved()) {
                        finish(Status.CANCELLED);
                    }
                    tellInOrder();
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

        /** Asked to end for the sake of one before it, and to be started again. */
        private boolean calledBack;

        Chunk(Send send, int length) {
            super(SendQueue.this.socket, Verb.SEND, true);
            this.send = send;
            this.length = length;
        }

        /** Where the bytes are. */
        long payload() throws IOException {
            try {
                return Payload.forSending(this, send.buffer, send.passedDown, send.start + send.moved, length);
            } catch (IOException e) {
                releaseLease();
                throw e;
            }
        }

        @Override
        void ended(int status, int bytes, ByteBuffer record, int offset) {
            releaseLease();
            send.chunkEnded(this, status, bytes);
        }

        @Override
        void abandon(Throwable reason) {
            send.abandon(reason);
            abandonAll(reason);
        }
    }

    /** Fails all sends: what the stream has seen of them isn't known any more. */
    private void abandonAll(Throwable reason) {
        synchronized (this) {
            broken = broken != null ? broken : new Break(reason);
            abandonEach(started, reason);
            abandonEach(waiting, reason);
        }
        socket.close();
        settle();
    }

    private void abandonEach(ArrayDeque<Send> sends, Throwable reason) {
        for (Send send = sends.poll(); send != null; send = sends.poll()) {
            send.abandon(reason);
        }
    }

    /** The WskDisconnect behind all sends. */
    private final class Disconnect extends UserOperation<Void> {
        private IntConsumer afterwards = status -> {};
        private boolean over;
        private int result;

        Disconnect() {
            super(SendQueue.this.socket, Verb.DISCONNECT, true);
            future.setCanceller(() -> cancelDisconnect(this));
        }

        @Override
        void outcome(int status, int bytes, ByteBuffer record, int offset) {
            IntConsumer next;
            Throwable reason;
            synchronized (SendQueue.this) {
                over = true;
                result = status;
                next = afterwards;
                reason = Status.isError(status) && broken != null && broken.failure() != null
                        ? behindBreak(Verb.DISCONNECT)
                        : null;
            }
            if (reason != null) {
                fail(reason);
            } else if (Status.isError(status)) {
                fail(status);
            } else {
                succeed(null);
            }
            next.accept(status);
        }
    }

    /** Sends the remaining bytes behind those of earlier calls. */
    public OperationFuture<Integer> send(ByteBuffer buffer) {
        boolean passedDown = false;
        IOException unusable = null;
        try {
            passedDown = Payload.isPassedDown(buffer);
        } catch (IOException e) {
            unusable = e;
        }
        Send send = new Send(buffer, passedDown);
        boolean accepted;
        synchronized (this) {
            accepted = disconnect == null;
            if (accepted && broken != null) {
                failBehindBreak(send, null);
            } else if (accepted && unusable != null) {
                send.fail(unusable);
            } else if (accepted) {
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

    /** One that waits ends without effect: sends are taken again, and a close in progress gets another. */
    private void cancelDisconnect(Disconnect cancelled) {
        boolean waits;
        synchronized (this) {
            waits = disconnect == cancelled && !disconnectStarted;
            if (waits) {
                disconnect = null;
                cancelled.future.recordCancelled(() -> socket.failure(Verb.DISCONNECT, Status.CANCELLED));
                ended.add(cancelled.future);
                if (!socket.isOpen()) {
                    disconnect = new Disconnect();
                    disconnect.afterwards = cancelled.afterwards;
                }
            }
        }
        if (waits) {
            settle();
        } else {
            cancelled.cancel();
        }
    }

    // ---- a break in the stream ---------------------------------------------------------------------------------

    /** What is behind a break fails with. */
    private Throwable behindBreak(Verb verb) {
        return socket.isOpen()
                ? StatusMapping.behindBreak(verb, socket.subject(), broken.failure())
                : socket.failure(verb, Status.CANCELLED);
    }

    private void failBehindBreak(Send send, Throwable own) {
        Throwable reason = own != null ? own : behindBreak(Verb.SEND);
        if (send.moved > 0) {
            resetDue = true; // bytes behind a hole: the peer must not take them for the rest of the stream
        }
        if (send.cancelled && send.moved == 0 && own == null) {
            send.conclude(() -> send.future.recordCancelled(() -> reason));
        } else {
            send.conclude(() -> send.future.recordFailure(reason));
        }
    }

    /** Fails everything behind a send, at once or as soon as the driver lets go of it. */
    private void breakStream(List<Send> behind, Break by) {
        if (broken == null) {
            broken = by;
        }
        behind.forEach(send -> send.behindBreak = true);
        for (int i = behind.size() - 1; i >= 0; i--) {
            if (behind.get(i).underWay != null) {
                behind.get(i).underWay.cancel();
            }
        }
        for (Send send : behind) {
            if (send.underWay == null && !send.over) {
                failBehindBreak(send, null);
            }
        }
    }

    /** All sends behind one, in order. */
    private List<Send> behind(Send send) {
        List<Send> behind = new ArrayList<>();
        behind.addAll(started);
        behind.addAll(waiting);
        int index = behind.indexOf(send);
        return index < 0 ? List.of() : behind.subList(index + 1, behind.size());
    }

    // ---- calling back ------------------------------------------------------------------------------------------

    /** Asks the driver for what is behind a send that is to be cancelled, or was refused; the last first. */
    private void callBackFrom(Send send) {
        if (!send.started) {
            return; // the first that waits: what is behind it was not started, or is called back already
        }
        callBack(waiting.peekFirst());
        for (Send last = started.peekLast(); last != send; last = started.peekLast()) {
            if (last.over) {
                started.pollLast();
            } else if (last.underWay == null) {
                break; // it has gone, and so all before it
            } else {
                callBack(last);
                waitAgain(last);
            }
        }
    }

    /**
     * The driver refused a send for a limit: it is to be sent again, with all behind it. That can't be if something
     * behind it has gone, or the disconnect.
     *
     * @return whether it will be
     */
    private boolean sendAgain(Send refusedOne) {
        if (disconnectStarted || behind(refusedOne).stream().anyMatch(send -> send.moved > 0)) {
            return false;
        }
        callBackFrom(refusedOne);
        if (refusedOne.started) {
            waitAgain(refusedOne);
        }
        refused = true;
        return true;
    }

    /** Bytes of a send went although one before it had been refused, and waits to be sent again: that one fails. */
    private void failOvertaken(Send by) {
        if (by.started) {
            return;
        }
        for (Send send : waiting) {
            if (send == by) {
                return;
            }
            if (!send.allMoved()) {
                send.fail(socket.failure(Verb.SEND, Status.QUOTA_EXCEEDED));
                return;
            }
        }
    }

    /** The last that was started is to be started again. */
    private void waitAgain(Send last) {
        started.pollLast();
        last.started = false;
        waiting.addFirst(last);
    }

    private void callBack(Send send) {
        if (send != null && send.underWay != null && !send.underWay.calledBack) {
            send.underWay.calledBack = true;
            comingBack++;
            send.underWay.cancel();
        }
    }

    // ---- starting ----------------------------------------------------------------------------------------------

    /** Starts what may start. A chunk that completes within its start comes back here and finds pumping set. */
    private void pump() {
        if (pumping) {
            return;
        }
        pumping = true;
        try {
            while (startNext()) {
                tellInOrder();
            }
            if (disconnect != null && !disconnectStarted && waiting.isEmpty()) {
                disconnectStarted = true;
                disconnectDue = true;
            }
        } finally {
            pumping = false;
        }
    }

    /** @return whether there may be more to start */
    private boolean startNext() {
        Send next = waiting.peekFirst();
        boolean held = refused || comingBack > 0 || settling != null && settling.underWay != null;
        if (next == null || next.underWay != null || held) {
            return false;
        }
        settling = null;
        if (!next.allMoved()) { // else it was called back, and had gone all the same
            if (!window.hasRoom(next.nextLength())) {
                return false;
            }
            next.startChunk();
        }
        if (next.allMoved() || next.lastChunkIsUnderWay()) {
            if (waiting.peekFirst() == next) {
                waiting.pollFirst();
                next.started = true;
                started.addLast(next);
            }
            return true;
        }
        return next.underWay == null;
    }

    /**
     * What the driver refused is tried again when something of this direction ends that it had not refused; after a
     * while if it has nothing.
     */
    private void retryLater() {
        if (refused && window.isEmpty() && !retryScheduled) {
            retryScheduled = true;
            Timer.schedule(this::retry, RETRY_MILLIS, TimeUnit.MILLISECONDS);
        }
    }

    private void retry() {
        synchronized (this) {
            retryScheduled = false;
            refused = false;
            pump();
        }
        settle();
    }

    // ---- telling -----------------------------------------------------------------------------------------------

    /** Tells of sends that are complete, but not before those before them. */
    private void tellInOrder() {
        Send first = started.peekFirst();
        while (first != null && (first.over || first.allMoved())) {
            started.pollFirst();
            if (!first.over) {
                Send complete = first;
                first.conclude(() -> complete.future.record(complete.moved));
            }
            first = started.peekFirst();
        }
    }

    /** Does what was left until the lock is left. Within a call that holds the lock that is left to the call. */
    private void settle() {
        if (Thread.holdsLock(this)) {
            return;
        }
        List<OperationFuture<?>> now;
        Disconnect due;
        boolean reset;
        boolean refuse;
        synchronized (this) {
            now = ended.isEmpty() ? List.of() : List.copyOf(ended);
            ended.clear();
            due = disconnectDue ? disconnect : null;
            disconnectDue = false;
            refuse = broken != null && broken.failure() != null;
            reset = resetDue;
            resetDue = false;
        }
        if (reset) {
            socket.close();
        }
        if (due != null && refuse) {
            due.complete(Status.CONNECTION_ABORTED, 0, null, 0);
        } else if (due != null) {
            socket.port().submit(due, Layout.Opcode.DISCONNECT, 0, 0, 0, SocketAddresses.NONE);
        }
        now.forEach(socket.port().dispatcher()::dispatch);
    }
}
