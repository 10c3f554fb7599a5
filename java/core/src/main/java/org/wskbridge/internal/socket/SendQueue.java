// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.wskbridge.BridgeLimits;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.future.Outcome;
import org.wskbridge.internal.future.Timer;
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
 * <p>All fields, and those of {@link Send}, {@link SendLine} and {@link SendEnd}, are guarded by this; native calls
 * that start chunks are made inside of it, which is what fixes the order.
 */
public final class SendQueue {
    /** When a request that the driver refused, having none of ours, is tried again. */
    private static final int RETRY_MILLIS = 5;

    private final SocketHandle socket;
    private final int maximumTransfer;
    private final Window window;
    private final SendLine line = new SendLine();
    private final SendEnd end;

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

    /** What is to be done once the lock is left, because it may run user code: see {@link #settle}. */
    private final Told told = new Told();

    private boolean resetDue;

    /** The sending side of a socket, within the limits of its driver. */
    public SendQueue(SocketHandle socket, BridgeLimits limits) {
        this.socket = socket;
        this.maximumTransfer = limits.maximumTransfer();
        this.window = new Window(limits);
        this.end = new SendEnd(this, socket);
    }

    /**
     * The end of the stream before its time.
     *
     * @param failure what the send failed with; null if it was cancelled, which the user wanted and knows, so that a
     *     disconnect may still follow
     */
    private record Break(Throwable failure) {}

    /** Sends the remaining bytes behind those of earlier calls. */
    public OperationFuture<Integer> send(ByteBuffer buffer) {
        return send(buffer, Deadline.NONE, 0);
    }

    /** The same; the time that a send waits here counts. */
    public OperationFuture<Integer> send(ByteBuffer buffer, Deadline deadline, int flags) {
        try {
            return send(SendSource.of(buffer), deadline, flags, null);
        } catch (IOException e) {
            return send(SendSource.NOTHING, deadline, flags, e);
        }
    }

    /** Sends the remaining bytes of several buffers, at least one byte in all, as one. */
    public OperationFuture<Integer> send(ByteBuffer[] buffers, Deadline deadline, int flags) {
        try {
            return send(SendSource.of(buffers), deadline, flags, null);
        } catch (IOException e) {
            return send(SendSource.NOTHING, deadline, flags, e);
        }
    }

    /** Unusable is why the source's memory can't be used; null if it can. */
    private OperationFuture<Integer> send(SendSource source, Deadline deadline, int flags, IOException unusable) {
        OperationFuture<Integer> future = socket.newFuture();
        Send send = new Send(this, socket, source, deadline, flags, future);
        future.setCanceller(send);
        boolean accepted;
        synchronized (this) {
            accepted = end.takesSends();
            send.number = sent++;
            if (accepted && broken != null) {
                failBehindBreak(send, null);
            } else if (accepted && unusable != null) {
                fail(send, unusable);
            } else if (accepted) {
                line.add(send);
                pump();
                if (!deadline.isNone() && !send.started && !send.over) {
                    send.watch();
                }
            }
        }
        settle();
        return accepted ? future : socket.failedFuture(socket.closedFailure(Verb.SEND));
    }

    /** Ends the sending side once everything before has gone; the same future for every call. */
    public OperationFuture<Void> disconnect() {
        return disconnect(Deadline.NONE);
    }

    /** The same; the deadline of the first call counts. */
    public OperationFuture<Void> disconnect(Deadline deadline) {
        OperationFuture<Void> future;
        synchronized (this) {
            future = end.disconnect(deadline);
        }
        goOn();
        return future;
    }

    /**
     * Sends the remaining bytes behind those of earlier calls, and ends the sending side with them. Bytes that take
     * several requests are a send of their own, and the future is done only when that is.
     */
    public CompletableFuture<Void> disconnect(ByteBuffer last, Deadline deadline) {
        SendSource source;
        try {
            source = SendSource.of(last);
        } catch (IOException e) {
            return socket.failedFuture(e);
        }
        boolean inOneRequest = source.nextLength(0, maximumTransfer) == source.length();
        OperationFuture<Void> future = null;
        synchronized (this) {
            if (!end.takesSends()) {
                return socket.failedFuture(socket.closedFailure(Verb.DISCONNECT));
            }
            if (inOneRequest) {
                future = end.disconnect(deadline, source);
            }
        }
        if (future == null) {
            OperationFuture<Integer> sent = send(source, deadline, 0, null);
            OperationFuture<Void> ended = disconnect(deadline);
            return sent.thenCompose(count -> ended);
        }
        goOn();
        return future;
    }

    /**
     * For a close in progress: calls back once, when everything that was accepted has ended, with whether all of it went
     * out.
     */
    void atEnd(Consumer<Boolean> close) {
        synchronized (this) {
            end.atEnd(close);
        }
        goOn();
    }

    /** Does what may be done now. */
    void goOn() {
        synchronized (this) {
            pump();
        }
        settle();
    }

    // ---- the end of a chunk, and of a send ---------------------------------------------------------------------

    void chunkEnded(Send send, Send.Chunk chunk, int status, int bytes) {
        synchronized (this) {
            send.underWay = null;
            refused &= chunk.comesBack || status == Status.QUOTA_EXCEEDED;
            comingBack -= chunk.comesBack ? 1 : 0;
            window.ended(chunk.length);
            if (!Status.isError(status)) {
                send.moved += bytes;
            }
            if (chunk.comesBack && !Status.isError(status) && bytes > 0) {
                failOvertaken(send);
            }
            if (send.over) {
                // it was given up before
            } else if (send.behindBreak && !wentInOrder(send)) {
                failBehindBreak(send, ownFailure(send, status));
            } else if (status == Status.QUOTA_EXCEEDED) {
                wasRefused(send, chunk);
            } else if (!send.allMoved() && (send.cancelled || Status.isError(status) || bytes < chunk.length)) {
                finish(send, status);
            }
            takeBack();
            tellInOrder();
            pump();
            retryLater();
        }
        settle();
    }

    /** All of it has gone, and all before it. */
    private boolean wentInOrder(Send send) {
        return send.allMoved() && send.number < hole;
    }

    /** Not one that the driver gives for the sake of the send that broke the stream. */
    private static boolean isOwnFailure(int status) {
        return Status.isError(status) && status != Status.CANCELLED && status != Status.CONNECTION_ABORTED;
    }

    /** Null if there is none. */
    private Exception ownFailure(Send send, int status) {
        if (isTimeout(send, status)) {
            return send.timedOut();
        }
        return isOwnFailure(status) ? failure(status) : null;
    }

    private Exception failure(int status) {
        return socket.failure(Verb.SEND, status);
    }

    private static boolean isTimeout(Send send, int status) {
        return status == Status.IO_TIMEOUT && !send.deadline.isNone();
    }

    /** A send has reached its deadline and perhaps waits; what the driver has of one, the driver ends. */
    void expire(Send send) {
        synchronized (this) {
            if (!send.over && send.underWay == null) {
                timeOut(send);
                tellInOrder();
                pump();
            }
        }
        settle();
    }

    /** Ends a send of which the driver has nothing. Nothing is lost if nothing of it has gone. */
    private void timeOut(Send send) {
        if (send.moved == 0) {
            conclude(send, () -> send.outcome.recordFailure(send.timedOut()));
        } else if (!send.allMoved()) {
            fail(send, send.timedOut());
        }
    }

    void cancel(Send send) {
        synchronized (this) {
            if (!send.over) {
                send.cancelled = true;
                if (send.underWay != null) {
                    settling = send;
                    cancelBehind(send);
                    send.underWay.cancel();
                } else if (send.moved == 0) {
                    concludeCancelled(send); // the driver has nothing of it
                } else if (!send.allMoved()) {
                    finish(send, Status.CANCELLED);
                }
                tellInOrder();
                pump();
            }
        }
        settle();
    }

    /** Ends a send before all of it has moved; the driver had a part of it. */
    private void finish(Send send, int status) {
        if (isTimeout(send, status) || !Status.isError(status) && !send.cancelled && !send.deadline.isNone()) {
            fail(send, send.timedOut());
        } else if (Status.isError(status) && status != Status.CANCELLED) {
            fail(send, failure(status));
        } else if (!send.cancelled) {
            fail(send, failure(Status.CANCELLED));
        } else {
            List<Send> behind = line.behind(send);
            hole = Math.min(hole, send.number);
            concludeCancelled(send);
            breakStream(behind, new Break(null));
        }
    }

    /** The first failure of a stream. */
    private void fail(Send send, Throwable reason) {
        List<Send> behind = line.behind(send); // of one that wasn't taken: nothing
        hole = Math.min(hole, send.number);
        conclude(send, () -> send.outcome.recordFailure(reason));
        breakStream(behind, new Break(reason));
    }

    private void concludeCancelled(Send send) {
        if (send.moved > 0) {
            conclude(send, () -> send.outcome.record(send.moved));
        } else {
            conclude(send, () -> send.outcome.recordCancelled(() -> failure(Status.CANCELLED)));
        }
    }

    /** Makes the outcome known; once. */
    private void conclude(Send send, Runnable record) {
        send.over = true;
        send.unwatch();
        line.isOver(send);
        send.advance();
        record.run();
        tell(send.outcome);
    }

    /** Fails all sends: what the stream has seen of them isn't known any more. */
    void abandonAll(Throwable reason) {
        synchronized (this) {
            broken = broken != null ? broken : new Break(reason);
            for (Send send = line.take(); send != null; send = line.take()) {
                send.abandon(reason);
            }
        }
        socket.close();
        settle();
    }

    // ---- a break in the stream ---------------------------------------------------------------------------------

    /** Whether a send failed or was cut short, so that no bytes may follow. */
    boolean isBroken() {
        return broken != null;
    }

    /** Whether a send failed, other than by a cancellation. */
    boolean hasFailed() {
        return broken != null && broken.failure() != null;
    }

    /** What is behind a break fails with. */
    Throwable behindBreak(Verb verb) {
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
            conclude(send, () -> send.outcome.recordCancelled(() -> reason));
        } else {
            conclude(send, () -> send.outcome.recordFailure(reason));
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
            if (send.underWay == null && !send.over && !wentInOrder(send)) {
                failBehindBreak(send, null);
            }
        }
    }

    /** What the driver has behind a send that is to be cancelled must not go out: it is given up first. */
    private void cancelBehind(Send send) {
        List<Send> behind = line.behind(send);
        if (behind.stream().anyMatch(each -> each.underWay != null)) {
            breakStream(behind, new Break(null));
        }
    }

    // ---- refusals ----------------------------------------------------------------------------------------------

    /** The driver refused a send for a limit, and refuses all that it was given behind it. */
    private void wasRefused(Send send, Send.Chunk chunk) {
        afterRefusal = true;
        List<Send> behind = line.behind(send);
        if (behind.stream().anyMatch(each -> each.moved > 0)) {
            fail(send, failure(Status.QUOTA_EXCEEDED));
            return;
        }
        if (!chunk.comesBack) {
            refused = true;
            for (Send each : behind) {
                if (each.underWay != null && !each.underWay.comesBack) {
                    each.underWay.comesBack = true;
                    comingBack++;
                }
            }
        }
        if (send.cancelled) {
            concludeCancelled(send);
        }
    }

    /** Against its word the driver took a send behind one that it had refused: the refused one can't follow any more. */
    private void failOvertaken(Send by) {
        Send overtaken = line.overtakenBy(by);
        if (overtaken != null) {
            fail(overtaken, failure(Status.QUOTA_EXCEEDED));
        }
    }

    /** What was refused waits again, in its place, once the driver has nothing of it and of what was behind it. */
    private void takeBack() {
        if (comingBack == 0) {
            line.takeBack();
        }
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
        }
        goOn();
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
            if (line.next() == null && window.isEmpty()) {
                end.allSent();
            }
        } finally {
            pumping = false;
        }
    }

    /** @return whether there may be more to start */
    private boolean startNext() {
        Send next = line.next();
        boolean held = refused || comingBack > 0 || settling != null && settling.underWay != null;
        if (next == null || next.underWay != null || held) {
            return false;
        }
        settling = null;
        if (next.deadline.hasPassed()) {
            timeOut(next);
            return true;
        }
        if (!window.hasRoom(next.nextLength(maximumTransfer))) {
            return false;
        }
        startChunk(next);
        if (next.allMoved() || next.lastChunkIsUnderWay()) {
            line.hasStarted(next);
            return true;
        }
        return next.underWay == null;
    }

    /** Starts the next chunk of a send, which may end within this call. */
    private void startChunk(Send send) {
        Send.Chunk chunk;
        long address;
        try {
            chunk = send.nextChunk(maximumTransfer);
            address = chunk.payload();
        } catch (IOException | OutOfMemoryError e) { // no memory, or the buffer's is gone
            fail(send, e);
            return;
        }
        send.underWay = chunk;
        window.started(chunk.length);
        int flags = takeAfterRefusal() ? Layout.SEND_AFTER_REFUSAL : 0;
        socket.port().submit(chunk, send.flags | flags, address, chunk.length, SocketAddresses.NONE);
    }

    /** Whether the driver is to be told that a refusal is known, which is done once. */
    boolean takeAfterRefusal() {
        boolean was = afterRefusal;
        afterRefusal = false;
        return was;
    }

    /** The driver refused the last data for a limit. */
    void lastDataWasRefused() {
        afterRefusal = true;
    }

    // ---- telling -----------------------------------------------------------------------------------------------

    /** Tells of sends that are complete, but not before those before them. */
    private void tellInOrder() {
        for (Send whole = line.takeWhole(); whole != null; whole = line.takeWhole()) {
            if (!whole.over) {
                Send complete = whole;
                conclude(complete, () -> complete.outcome.record(complete.moved));
            }
        }
    }

    /** Has an outcome that was recorded published once the lock is left. */
    void tell(Outcome<?> outcome) {
        told.add(outcome);
    }

    /** Does what was left until the lock is left. Within a call that holds the lock that is left to the call. */
    private void settle() {
        if (Thread.holdsLock(this)) {
            return;
        }
        Outcome<?> first;
        List<Outcome<?>> more;
        SendEnd.Disconnect disconnect;
        Consumer<Boolean> close;
        boolean reset;
        boolean failed;
        boolean cut;
        synchronized (this) {
            first = told.takeFirst();
            more = told.takeMore();
            disconnect = end.takeDisconnect();
            close = end.takeClose();
            reset = resetDue;
            resetDue = false;
            failed = hasFailed();
            cut = isBroken();
        }
        if (reset) {
            socket.close();
        }
        if (disconnect != null) {
            end.start(disconnect, failed, cut);
        }
        Told.publish(first, more);
        if (close != null) {
            close.accept(!failed);
        }
    }
}
