// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.wskbridge.NtStatus;
import org.wskbridge.internal.shim.AddressedMemory;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.NativeBinding;
import org.wskbridge.internal.shim.Status;

/**
 * A driver whose part the test plays, for what can't be provoked with a real one: every operation stays under way until
 * the test ends it, control requests succeed and do nothing, and a test that wants to be there at a certain moment
 * overrides the function that is called then.
 */
public class FakeBinding implements NativeBinding {
    private static final int TIMEOUT_SECONDS = 20;

    /** An operation that was started. */
    record Submission(int opcode, int flags, long socket, long userData, long buffer, int length) {}

    private record Completion(Submission operation, int status, int bytes) {}

    private final AtomicLong tokens = new AtomicLong();

    /** The tokens of operations under way, by user data, and the user data of those that were to be cancelled. */
    private final ConcurrentHashMap<Long, Long> underWay = new ConcurrentHashMap<>();

    private final BlockingQueue<Long> cancelled = new LinkedBlockingQueue<>();

    /** What the next operations end with at once, without having been started. */
    private final BlockingQueue<Integer> atOnce = new LinkedBlockingQueue<>();

    /** What was started and not yet seen by the test, by socket. */
    private final ConcurrentHashMap<Long, BlockingQueue<Submission>> started = new ConcurrentHashMap<>();

    /** Guarded by this, as the three below. */
    private final Queue<Completion> completions = new ArrayDeque<>();

    /** The thread that has the turn; one that waits in the foreground has it already. */
    private Optional<Thread> turn = Optional.empty();

    /** How many threads wait for completions. */
    private int waiting;

    private boolean woken;

    // ---- for the test ------------------------------------------------------------------------------------------

    private BlockingQueue<Submission> startedOn(long socket) {
        return started.computeIfAbsent(socket, token -> new LinkedBlockingQueue<>());
    }

    /** The next operation that is started on a socket. */
    final Submission next(SocketHandle socket) throws InterruptedException {
        Submission next = startedOn(socket.token()).poll(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        if (next == null) {
            throw new AssertionError("no operation is started on " + socket.subject());
        }
        return next;
    }

    /** Whether no operation was started on a socket but those that the test has seen. */
    final boolean nothingStarted(SocketHandle socket) {
        return startedOn(socket.token()).isEmpty();
    }

    /** The next operation ends with this status before its start returns. */
    final void endNextAtOnce(int status) {
        atOnce.add(status);
    }

    /** The next operation that is to be cancelled; the test ends it. */
    final void awaitCancel(Submission operation) throws InterruptedException {
        Long next = cancelled.poll(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        if (next == null || next != operation.userData()) {
            throw new AssertionError("not cancelled, or not as the next: " + operation);
        }
    }

    /** The driver writes to all of an operation's buffer. */
    final void fill(Submission operation, byte value) {
        ByteBuffer buffer = AddressedMemory.at(operation.buffer(), operation.length());
        while (buffer.hasRemaining()) {
            buffer.put(value);
        }
    }

    /** The driver lets go of an operation. */
    final synchronized void end(Submission operation, int status, int bytes) {
        completions.add(new Completion(operation, status, bytes));
        notifyAll();
    }

    /** Waits until everything that ended was taken, and a thread waits for more: it is done with what it took. */
    final synchronized void awaitTaken() throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
        while (waiting == 0 || !completions.isEmpty()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("nobody takes completions");
            }
            wait(100);
        }
    }

    // ---- for the library ---------------------------------------------------------------------------------------

    @Override
    public long portOpen(int abiVersion) {
        return tokens.incrementAndGet();
    }

    @Override
    public int portClose(long port) {
        return Status.SUCCESS;
    }

    @Override
    public long socketOpen(long port) {
        return tokens.incrementAndGet();
    }

    @Override
    public int socketClose(long socket) {
        return Status.SUCCESS;
    }

    @Override
    public int control(long socket, int code, long in, int inLength, long out, int outLength, long returned) {
        return Status.SUCCESS;
    }

    @Override
    public int submit(long port, long entries, long operationTokens, long results, int count) {
        ByteBuffer entry = AddressedMemory.at(entries, Layout.Submission.SIZE);
        Submission submission = new Submission(
                entry.getShort(Layout.Submission.OPCODE),
                entry.getShort(Layout.Submission.FLAGS),
                entry.getLong(Layout.Submission.SOCKET),
                entry.getLong(Layout.Submission.USER_DATA),
                entry.getLong(Layout.Submission.BUFFER),
                entry.getInt(Layout.Submission.LENGTH));
        Integer status = atOnce.poll();
        if (status != null) {
            AddressedMemory.at(operationTokens, Long.BYTES).putLong(0, 0);
            write(results, new Completion(submission, status, 0));
            return 1;
        }
        long operationToken = tokens.incrementAndGet();
        underWay.put(operationToken, submission.userData());
        AddressedMemory.at(operationTokens, Long.BYTES).putLong(0, operationToken);
        startedOn(submission.socket()).add(submission);
        return 1;
    }

    @Override
    public int waitInTurn(long port, long results, int count, int timeoutMillis, boolean foreground) {
        if (foreground) {
            if (!beginTurn()) {
                return 0;
            }
            foregroundWaits();
        }
        Optional<Completion> completion = take(timeoutMillis, foreground);
        completion.ifPresent(taken -> write(results, taken));
        return completion.isPresent() ? 1 : 0;
    }

    /** A thread in the foreground is about to wait: nobody else takes a completion now. */
    void foregroundWaits() {}

    private synchronized boolean beginTurn() {
        endTurn(0);
        if (turn.isPresent()) {
            return false;
        }
        turn = Optional.of(Thread.currentThread());
        return true;
    }

    @Override
    public synchronized int endTurn(long port) {
        if (isTurnOf(Thread.currentThread())) {
            turn = Optional.empty();
            notifyAll();
        }
        return Status.SUCCESS;
    }

    private boolean isTurnOf(Thread thread) {
        return turn.isPresent() && turn.get() == thread;
    }

    private static void write(long address, Completion completion) {
        AddressedMemory.at(address, Layout.Completion.SIZE)
                .put(0, new byte[Layout.Completion.SIZE])
                .putLong(Layout.Completion.USER_DATA, completion.operation().userData())
                .putInt(Layout.Completion.STATUS, completion.status())
                .putInt(Layout.Completion.BYTES, completion.bytes());
    }

    private synchronized Optional<Completion> take(int timeoutMillis, boolean foreground) {
        Thread self = Thread.currentThread();
        if (!foreground) {
            endTurn(0); // it came back
        }
        boolean mayTake = await(timeoutMillis, () -> turn.isEmpty() || isTurnOf(self));
        Optional<Completion> taken = mayTake ? Optional.ofNullable(completions.poll()) : Optional.empty();
        if (taken.isPresent()) {
            turn = Optional.of(self);
        } else {
            endTurn(0);
        }
        return taken;
    }

    /** Waits for completions or a wake-up that the calling thread may take. @return whether it may */
    private boolean await(int timeoutMillis, BooleanSupplier mayTake) {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
        waiting++;
        notifyAll();
        try {
            while ((completions.isEmpty() && !woken || !mayTake.getAsBoolean())
                    && (timeoutMillis < 0 || System.nanoTime() < deadline)) {
                wait(timeoutMillis < 0 ? 0 : 1);
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        } finally {
            waiting--;
        }
        woken &= !mayTake.getAsBoolean();
        return mayTake.getAsBoolean();
    }

    @Override
    public synchronized int wake(long port) {
        woken = true;
        notifyAll();
        return Status.SUCCESS;
    }

    @Override
    public int cancel(long port, long token) {
        cancelled.add(underWay.get(token));
        return Status.SUCCESS;
    }

    @Override
    public int lastError(long text, int length) {
        return 0;
    }

    @Override
    public int describe(long text, int length) {
        return 0;
    }

    @Override
    public int layout(long text, int length) {
        return 0;
    }

    @Override
    public int embeddedAccounting(long text, int length) {
        return 0;
    }

    @Override
    public int embeddedFault(int fault, long argument, int status) {
        return 0;
    }

    @Override
    public int embeddedTrace(int level) {
        return NtStatus.NOT_SUPPORTED.code();
    }

    @Override
    public int embeddedTraceTake(long text, int length, int timeoutMillis) {
        return NtStatus.NOT_SUPPORTED.code();
    }
}
