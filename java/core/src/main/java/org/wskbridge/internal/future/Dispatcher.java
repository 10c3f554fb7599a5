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
 * Decides on which thread a recorded future is delivered, and other user code run: on an executor, or on the poller.
 * What comes while a thread takes completions is collected, and handed over when that thread has let go of the port.
 */
public abstract sealed class Dispatcher permits ExecutorDispatcher, PollerDispatcher {
    private static final Logger LOGGER = System.getLogger(Dispatcher.class.getName());

    /** What the port can do for user code, and for threads that wait. */
    public interface Poller {
        /** Whether the calling thread is the poller. */
        boolean isCurrentThread();

        /** Whether the calling thread takes completions just now, as the poller or in its place. */
        boolean isPolling();

        /** Takes completions, waiting at most the given time for the first. */
        void drain(int timeoutMillis);

        /** Makes the poller return from its wait. */
        void wake();

        /** Polls on the calling thread for a moment, until the condition holds, if that saves waking it. */
        void help(BooleanSupplier done);
    }

    /** How often in a row the poller runs what its last round brought about before it takes completions again. */
    private static final int FLUSH_ROUNDS = 16;

    private final Executor userCode = this::runLater;

    /** Set once, before the first operation. */
    private volatile Poller poller;

    private volatile boolean pollerEnded;

    /** Guards the fields below. */
    private final Object batchLock = new Object();

    /** Library code to run behind the batch. */
    private final ArrayDeque<Runnable> tasks = new ArrayDeque<>();

    /** The batch that whoever polls collects, linked by nextReady. */
    private OperationFuture<?> first;

    private OperationFuture<?> last;

    /** Could not be delivered for lack of memory; linked likewise. */
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

    /** Has a recorded future delivered. Any thread; runs no user code. */
    abstract void dispatch(OperationFuture<?> future);

    /** Has a batch delivered; null for nothing. Not while the calling thread takes completions. */
    public abstract void handOver(OperationFuture<?> batch);

    /** Runs a task where user code may run. */
    public abstract void run(Runnable task);

    /** The same, but never within the call. */
    abstract void runLater(Runnable task);

    /** Lets a thread that waits for a future take its record itself, where that is of use. */
    abstract void help(BooleanSupplier recorded);

    // ---- the poller --------------------------------------------------------------------------------------------

    /** Names the poller; once, before the first operation. */
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

    /** Runs user code where it is to run, never within the call. */
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

    /** On the poller, after each batch of completions. What runs here may complete further futures. */
    public final void flush() {
        for (int round = 0; round < FLUSH_ROUNDS && hasWork(); round++) {
            handOver(takeBatch());
            takeTasks().forEach(this::run);
            runPollerTasks();
        }
    }

    /** Whether {@link #flush} has something to do, on the poller. */
    public boolean hasWork() {
        synchronized (batchLock) {
            return first != null || !tasks.isEmpty();
        }
    }

    /** Runs what only the poller may run, one after the other: user code of one may call this for the rest. */
    void runPollerTasks() {}

    /** Whether {@link #tryAgain} is to be called in a moment. */
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

    /** Library code that was collected, as {@link #takeBatch}. */
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

    /** What was collected, for {@link #handOver}; null for nothing. */
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

    /** Runs library code that may complete a user's future; behind the batch at hand if the calling thread polls. */
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

    /** The poller is gone, or will not come back from user code: what is left for it runs on other threads. */
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
