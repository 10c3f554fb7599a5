// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

/**
 * Decides which thread completes a future whose outcome is recorded, and runs other user code: one of an executor, or the
 * poller. While a thread takes completions, this collects them; it hands them over when the thread has ended its turn.
 */
public abstract sealed class Dispatcher permits ExecutorDispatcher, PollerDispatcher {
    private static final Logger LOGGER = System.getLogger(Dispatcher.class.getName());

    /** What a dispatcher needs of the port. */
    public interface Poller {
        /** Whether the calling thread is the poller. */
        boolean isCurrentThread();

        /** Whether the calling thread has the turn to take completions, whether it is the poller or not. */
        boolean isPolling();

        /** Takes completions, waiting at most the given time for the first. */
        void drain(int timeoutMillis);

        /** Makes the poller return from its wait. */
        void wake();

        /** Takes completions on the calling thread for a moment, until the condition holds, so that no other has to wake it. */
        void help(BooleanSupplier done);
    }

    /** How many rounds of user code the poller runs, each caused by the one before, until it takes completions again. */
    private static final int FLUSH_ROUNDS = 16;

    private final Executor userCode = this::runLater;

    /** Set once, before the first operation. */
    private volatile Poller poller;

    private volatile boolean pollerEnded;

    /** Guards the fields below. */
    private final Object batchLock = new Object();

    /** Library code to run after the batch. */
    private final ArrayDeque<Runnable> tasks = new ArrayDeque<>();

    /** The batch being collected, linked by nextReady. */
    private OperationFuture<?> first;

    private OperationFuture<?> last;

    /** Futures that could not be delivered for lack of memory, linked by nextReady. */
    private OperationFuture<?> failed;

    Dispatcher() {}

    /** User code runs on the given executor. */
    public static Dispatcher on(Executor executor) {
        return new ExecutorDispatcher(executor, false);
    }

    /** User code runs on the poller. */
    public static Dispatcher onPollerThread() {
        return new PollerDispatcher();
    }

    /** User code runs on daemon threads of the bridge's own, made when they are needed. */
    public static Dispatcher onOwnThreads(String name) {
        AtomicInteger count = new AtomicInteger();
        ExecutorService service =
                new ThreadPoolExecutor(0, Integer.MAX_VALUE, 10, TimeUnit.SECONDS, new SynchronousQueue<>(), task -> {
                    Thread thread = new Thread(task, name + "-worker-" + count.incrementAndGet());
                    thread.setDaemon(true);
                    return thread;
                });
        return new ExecutorDispatcher(service, true);
    }

    // ---- the strategy ------------------------------------------------------------------------------------------

    /** Where user code runs, if that is an executor. */
    abstract Optional<Executor> userExecutor();

    /** Arranges for a recorded future to be delivered. Any thread; runs no user code. */
    abstract void dispatch(OperationFuture<?> future);

    /** Arranges for a batch to be delivered; null for none. The calling thread must not have the turn. */
    public abstract void handOver(OperationFuture<?> batch);

    /** Runs a task where user code may run. */
    public abstract void run(Runnable task);

    /** The same, but never before this returns. */
    abstract void runLater(Runnable task);

    /** Lets a thread that waits for a future take completions itself, where that helps. */
    abstract void help(BooleanSupplier recorded);

    // ---- the poller --------------------------------------------------------------------------------------------

    /** Sets the poller; once, before the first operation. */
    public final void setPoller(Poller poller) {
        this.poller = poller;
    }

    /** Whether the calling thread is the poller. */
    public final boolean onPoller() {
        Poller current = poller;
        return current != null && current.isCurrentThread();
    }

    final boolean isPolling() {
        Poller current = poller;
        return current != null && current.isPolling();
    }

    final void wakePoller() {
        Poller current = poller;
        if (current != null) {
            current.wake();
        }
    }

    final void helpPoller(BooleanSupplier recorded) {
        Poller current = poller;
        if (current != null && !pollerEnded) {
            current.help(recorded);
        }
    }

    final boolean hasPollerEnded() {
        return pollerEnded;
    }

    /** Runs user code where it should run, never before the call returns. */
    final Executor userCode() {
        return userCode;
    }

    // ---- delivering --------------------------------------------------------------------------------------------

    /** Collects a future for {@link #flush}. */
    final void append(OperationFuture<?> future) {
        synchronized (batchLock) {
            if (last == null) {
                first = future;
            } else {
                last.nextReady = future;
            }
            last = future;
        }
    }

    /** A future could not be delivered for lack of memory: the poller will try again. */
    final void deliverAgain(OperationFuture<?> future) {
        synchronized (batchLock) {
            future.nextReady = failed;
            failed = future;
        }
        wakePoller();
    }

    /** Called on the poller after each batch of completions. The code that this runs may complete further futures. */
    public final void flush() {
        for (int round = 0; round < FLUSH_ROUNDS && hasWork(); round++) {
            handOver(takeBatch());
            takeTasks().forEach(this::run);
            runPollerTasks();
        }
    }

    /** Whether {@link #flush} has something to do. */
    public boolean hasWork() {
        synchronized (batchLock) {
            return first != null || !tasks.isEmpty();
        }
    }

    /** Runs the tasks that only the poller may run. User code in one of them may call this again for the others. */
    void runPollerTasks() {}

    /** Whether {@link #tryAgain} should be called soon. */
    public boolean isStuck() {
        synchronized (batchLock) {
            return failed != null;
        }
    }

    /** Repeats what failed for lack of memory or of a thread. */
    public void tryAgain() {
        OperationFuture<?> again;
        synchronized (batchLock) {
            again = failed;
            failed = null;
        }
        handOver(again);
    }

    /** Removes and returns the library code that was collected. */
    public final List<Runnable> takeTasks() {
        synchronized (batchLock) {
            if (tasks.isEmpty()) {
                return List.of();
            }
            List<Runnable> taken = List.copyOf(tasks);
            tasks.clear();
            return taken;
        }
    }

    /** Removes and returns the batch that was collected, for {@link #handOver}; null for none. */
    public final OperationFuture<?> takeBatch() {
        synchronized (batchLock) {
            OperationFuture<?> batch = first;
            first = null;
            last = null;
            return batch;
        }
    }

    static void runGuarded(Runnable task) {
        try {
            task.run();
        } catch (Throwable e) { // StackOverflowError and the like; a future keeps exceptions of user code to itself
            log(LOGGER, Level.ERROR, "the completion of an operation failed", e);
        }
    }

    /** Logs unless that fails too, as it may for lack of memory. */
    public static void log(Logger logger, Level level, String text, Throwable reason) {
        try {
            logger.log(level, text, reason);
        } catch (Throwable e) {
            // the caller's work is more important than the message
        }
    }

    /** Runs library code that may complete a user's future. If the calling thread has the turn, it runs after the batch. */
    public final void execute(Runnable task) {
        if (isPolling() && !pollerEnded) {
            synchronized (batchLock) {
                tasks.add(task);
            }
        } else {
            run(task);
        }
    }

    // ---- waiting -----------------------------------------------------------------------------------------------

    /**
     * For user code that waits on the poller thread: goes on with the poller's work until a condition holds or the
     * time is over.
     */
    final void drainUntil(BooleanSupplier condition, long nanos) {
        long start = System.nanoTime();
        while (!condition.getAsBoolean()) {
            flush();
            if (condition.getAsBoolean()) {
                return;
            }
            long left = nanos - (System.nanoTime() - start);
            if (left <= 0) {
                return;
            }
            poller.drain((int) Math.min(50, 1 + left / 1_000_000));
        }
    }

    // ---- the end -----------------------------------------------------------------------------------------------

    /** The poller has ended, or does not return from user code: spare threads do the rest of its work. */
    public void pollerEnded() {
        pollerEnded = true;
        leaveToSpareThreads();
    }

    void leaveToSpareThreads() {
        OperationFuture<?> batch = takeBatch();
        if (batch != null) {
            SpareThreads.run(() -> handOver(batch));
        }
        takeTasks().forEach(SpareThreads::run);
    }
}
