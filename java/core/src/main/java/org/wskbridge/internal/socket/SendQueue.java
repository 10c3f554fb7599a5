// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.wskbridge.BridgeLimits;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.future.Outcome;
import org.wskbridge.internal.future.Timer;
import org.wskbridge.internal.memory.Payload;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.StatusMapping;
import org.wskbridge.internal.shim.Verb;

/**
 * The sending side of a connection: hands sends to the driver in the order of the calls, and the disconnect after
 * them. A send that fits into one request goes to the driver at once, however many are there already, as long as the
 * {@link Window} has room. A longer one goes chunk by chunk, and everything behind it waits here until its last chunk
 * is under way.
 *
 * <p>The stream has no hole. Once a send failed, or was cancelled while the driver had a part of it, everything behind
 * it fails: what waits here, what the driver has, and what is sent later; the driver sees to that as well. A send is
 * told to have succeeded only when all before it have. What the driver refuses for a limit it refuses with all behind
 * it, and all of that goes out again, in order. Should bytes have gone out behind a hole all the same, the connection
 * is reset.
 *
 * <p>All fields, and those of {@link Send} but its outcome, are guarded by this; native calls that start chunks are
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

    /** Behind those: the first may have a chunk under way. */
    private final ArrayDeque<Send> waiting = new ArrayDeque<>();

    /** Is being cancelled; nothing is started until it is over. Null for none. */
    private Send settling;

    /** Why nothing can be sent any more; null as long as something can. */
    private Break broken;

    /** How many sends there were; their numbers. */
    private long sent;

    /** The first send that ended without having gone whole: what is behind it must not go. */
    private long hole = Long.MAX_VALUE;

    /** How many chunks behind a refused one were not told yet that they are refused too; until then nothing is started. */
    private int comingBack;

    /** The driver is to be told that a refusal is known. */
    private boolean afterRefusal;

    private boolean pumping;

    /** The driver refused; nothing is started until something ends, or until the time to try again. */
    private boolean refused;

    private boolean retryScheduled;

    private Disconnect disconnect;
    private boolean disconnectStarted;

    /** The close in progress, which waits for the end of everything here; null for none. */
    private Consumer<Boolean> atEnd;

    /** The close goes on; nothing is taken any more. */
    private boolean ended;

    /** What is to be done once the lock is left, because it may run user code: see {@link #settle}. */
    private final List<Outcome<?>> told = new ArrayList<>();

    private boolean disconnectDue;
    private boolean endDue;
    private boolean resetDue;

    public SendQueue(SocketHandle socket, BridgeLimits limits) {
        this.socket = socket;
        this.maximumTransfer = limits.maximumTransfer();
        this.window = new Window(limits);
    }

    /**
     * The end of the stream before its time.
     *
     * @param failure what the send failed with; null if it was cancelled, which the user wanted and knows, so that a
     *     disconnect may still follow
     */
    private record Break(Throwable failure) {}

    /** A send of a user's: the chunks of it that are done, under way and still to come. */
    private final class Send implements OperationFuture.Canceller {
        final Outcome<Integer> outcome;
        final ByteBuffer buffer;
        final boolean passedDown;
        final int start;
        final int end;
        long number;
        int moved;
        Chunk underWay;

        /** The user wants its end. */
        boolean cancelled;

        /** Behind a send that broke the stream. */
        boolean behindBreak;

        /** Is among started, perhaps no longer of interest there; otherwise among waiting, or over. */
        boolean started;

        /** The outcome was told. */
        boolean over;

        Send(ByteBuffer buffer, boolean passedDown, Outcome<Integer> outcome) {
            this.outcome = outcome;
            this.buffer = buffer;
            this.passedDown = passedDown;
            this.start = buffer.position();
            this.end = buffer.limit();
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
            int flags = afterRefusal ? Layout.SEND_AFTER_REFUSAL : 0;
            afterRefusal = false;
            socket.port().submit(chunk, flags, address, chunk.length, SocketAddresses.NONE);
        }

        void chunkEnded(Chunk chunk, int status, int bytes) {
            synchronized (SendQueue.this) {
                underWay = null;
                refused &= chunk.comesBack || status == Status.QUOTA_EXCEEDED;
                comingBack -= chunk.comesBack ? 1 : 0;
                window.ended(chunk.length);
                if (!Status.isError(status)) {
                    moved += bytes;
                }
                if (chunk.comesBack && !Status.isError(status) && bytes > 0) {
                    failOvertaken(this);
                }
                if (over) {
                    // it was given up before
                } else if (behindBreak && !wentInOrder()) {
                    failBehindBreak(this, isOwnFailure(status) ? failure(status) : null);
                } else if (status == Status.QUOTA_EXCEEDED) {
                    wasRefused(this, chunk);
                } else if (!allMoved() && (cancelled || Status.isError(status) || bytes < chunk.length)) {
                    finish(status);
                }
                takeBack();
                tellInOrder();
                pump();
                retryLater();
            }
            settle();
        }

        /** All of it has gone, and all before it. */
        boolean wentInOrder() {
            return allMoved() && number < hole;
        }

        /** Not one that the driver gives for the sake of the send that broke the stream. */
        private boolean isOwnFailure(int status) {
            return Status.isError(status) && status != Status.CANCELLED && status != Status.CONNECTION_ABORTED;
        }

        /** Ends this before all of it has moved; the driver had a part of it. */
        private void finish(int status) {
            if (Status.isError(status) && status != Status.CANCELLED) {
                fail(failure(status));
            } else if (!cancelled) {
                fail(failure(Status.CANCELLED));
            } else {
                List<Send> behind = behind(this);
                hole = Math.min(hole, number);
                concludeCancelled();
                breakStream(behind, new Break(null));
            }
        }

        private void concludeCancelled() {
            if (moved > 0) {
                conclude(() -> outcome.record(moved));
            } else {
                conclude(() -> outcome.recordCancelled(() -> failure(Status.CANCELLED)));
            }
        }

        private Exception failure(int status) {
            return socket.failure(Verb.SEND, status);
        }

        /** The first failure of a stream. */
        private void fail(Throwable reason) {
            List<Send> behind = behind(this); // of one that wasn't taken: nothing
            hole = Math.min(hole, number);
            conclude(() -> outcome.recordFailure(reason));
            breakStream(behind, new Break(reason));
        }

        /** Nothing is known of this but that something failed. */
        void abandon(Throwable reason) {
            over = true;
            if (!outcome.isRecorded()) {
                outcome.recordFailure(reason);
                outcome.publish();
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
            told.add(outcome);
        }

        @Override
        public void cancel() {
            synchronized (SendQueue.this) {
                if (!over) {
                    cancelled = true;
                    if (underWay != null) {
                        settling = this;
                        cancelBehind(this);
                        underWay.cancel();
                    } else if (moved == 0) {
                        concludeCancelled(); // the driver has nothing of it
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

        /** Behind one that was refused, so that it will be, or is, refused too. */
        private boolean comesBack;

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
        void ended(CompletionRecord record) {
            releaseLease();
            send.chunkEnded(this, record.status(), record.bytes());
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
        /** The same for every call. */
        private final OperationFuture<Void> future;

        private boolean over;

        Disconnect(OperationFuture<Void> future) {
            super(SendQueue.this.socket, Verb.DISCONNECT, true, future);
            this.future = future;
            future.setCanceller(() -> cancelDisconnect(this));
        }

        @Override
        void ended(CompletionRecord record) {
            Throwable reason;
            synchronized (SendQueue.this) {
                over = true;
                reason = record.isError() && broken != null && broken.failure() != null
                        ? behindBreak(Verb.DISCONNECT)
                        : null;
            }
            if (reason != null) {
                fail(reason);
            } else if (record.isError()) {
                fail(record.status());
            } else {
                succeed(null);
            }
            synchronized (SendQueue.this) {
                pump();
            }
            settle();
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
        OperationFuture<Integer> future = socket.newFuture();
        Send send = new Send(buffer, passedDown, future);
        future.setCanceller(send);
        boolean accepted;
        synchronized (this) {
            accepted = disconnect == null && !ended;
            send.number = sent++;
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
            return future;
        }
        return socket.failedFuture(socket.closedFailure(Verb.SEND));
    }

    /** Ends the sending side once everything before has gone; the same future for every call. */
    public OperationFuture<Void> disconnect() {
        OperationFuture<Void> future;
        synchronized (this) {
            if (disconnect == null) {
                disconnect = new Disconnect(socket.newFuture());
                pump();
            }
            future = disconnect.future;
        }
        settle();
        return future;
    }

    /**
     * For a close in progress: calls back once, when everything that was accepted has ended, with whether all of it went
     * out.
     */
    void atEnd(Consumer<Boolean> close) {
        synchronized (this) {
            atEnd = close;
            pump();
        }
        settle();
    }

    /** One that waits ends without effect, and sends are taken again. */
    private void cancelDisconnect(Disconnect cancelled) {
        boolean waits;
        synchronized (this) {
            waits = disconnect == cancelled && !disconnectStarted;
            if (waits) {
                disconnect = null;
                cancelled.future.recordCancelled(() -> socket.failure(Verb.DISCONNECT, Status.CANCELLED));
                told.add(cancelled.future);
                pump();
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
        if (send.moved > 0 && send.number > hole) {
            resetDue = true; // the peer must not take its bytes for the rest of the stream
        }
        hole = Math.min(hole, send.number);
        if (send.cancelled && send.moved == 0 && own == null) {
            send.conclude(() -> send.outcome.recordCancelled(() -> reason));
        } else {
            send.conclude(() -> send.outcome.recordFailure(reason));
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
            if (send.underWay == null && !send.over && !send.wentInOrder()) {
                failBehindBreak(send, null);
            }
        }
    }

    /** What the driver has behind a send that is to be cancelled must not go out: it is given up first. */
    private void cancelBehind(Send send) {
        List<Send> behind = behind(send);
        if (behind.stream().anyMatch(each -> each.underWay != null)) {
            breakStream(behind, new Break(null));
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

    // ---- refusals ----------------------------------------------------------------------------------------------

    /** The driver refused a send for a limit, and refuses all that it was given behind it. */
    private void wasRefused(Send send, Chunk chunk) {
        afterRefusal = true;
        if (behind(send).stream().anyMatch(behind -> behind.moved > 0)) {
            send.fail(socket.failure(Verb.SEND, Status.QUOTA_EXCEEDED));
            return;
        }
        if (!chunk.comesBack) {
            refused = true;
            for (Send behind : behind(send)) {
                if (behind.underWay != null && !behind.underWay.comesBack) {
                    behind.underWay.comesBack = true;
                    comingBack++;
                }
            }
        }
        if (send.cancelled) {
            send.concludeCancelled();
        }
    }

    /** Against its word the driver took a send behind one that it had refused: the refused one can't follow any more. */
    private void failOvertaken(Send by) {
        for (Send send : started) {
            if (send == by) {
                return;
            }
            if (!send.over && send.underWay == null && !send.allMoved()) {
                send.fail(socket.failure(Verb.SEND, Status.QUOTA_EXCEEDED));
                return;
            }
        }
    }

    /** What was refused waits again, in its place, once the driver has nothing of it and of what was behind it. */
    private void takeBack() {
        Send last = started.peekLast();
        while (comingBack == 0 && last != null && (last.over || last.underWay == null && !last.allMoved())) {
            started.pollLast();
            if (!last.over) {
                last.started = false;
                waiting.addFirst(last);
            }
            last = started.peekLast();
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
            if (waiting.isEmpty() && window.isEmpty()) {
                allSent();
            }
        } finally {
            pumping = false;
        }
    }

    /** The driver has nothing, and nothing waits. The disconnect comes only now, since a send may be refused until then. */
    private void allSent() {
        if (disconnect != null && !disconnectStarted) {
            disconnectStarted = true;
            disconnectDue = true;
        }
        if (atEnd != null && !ended && (disconnect == null || disconnect.over)) {
            ended = true;
            endDue = true;
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
        if (!window.hasRoom(next.nextLength())) {
            return false;
        }
        next.startChunk();
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
                first.conclude(() -> complete.outcome.record(complete.moved));
            }
            first = started.peekFirst();
        }
    }

    /** Does what was left until the lock is left. Within a call that holds the lock that is left to the call. */
    private void settle() {
        if (Thread.holdsLock(this)) {
            return;
        }
        List<Outcome<?>> now;
        Disconnect due;
        boolean reset;
        boolean refuse;
        Consumer<Boolean> end;
        synchronized (this) {
            now = told.isEmpty() ? List.of() : List.copyOf(told);
            told.clear();
            due = disconnectDue ? disconnect : null;
            disconnectDue = false;
            refuse = broken != null && broken.failure() != null;
            reset = resetDue;
            resetDue = false;
            end = endDue ? atEnd : null;
            endDue = false;
        }
        if (reset) {
            socket.close();
        }
        if (due != null && refuse) {
            due.complete(CompletionRecord.of(Status.CONNECTION_ABORTED));
        } else if (due != null) {
            socket.port().submit(due, 0, 0, 0, SocketAddresses.NONE);
        }
        now.forEach(Outcome::publish);
        if (end != null) {
            end.accept(!refuse);
        }
    }
}
