// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

/**
 * Decides on which thread a recorded future is delivered. With an executor, those with dependents go through the
 * {@link ReadyQueue} to it, collected by the poller for as long as it has completions at hand; without one
 * (completeOnPoller) the poller delivers them itself.
 */
public final class Dispatcher {
    private static final Logger LOGGER = System.getLogger(Dispatcher.class.getName());

    /** What the poller can do when user code on it waits. */
    public interface Poller {
        /** Whether the calling thread is the poller. */
        boolean isCurrentThread();

        /** Whether the calling thread takes completions just now, as the poller or in its place. */
        boolean isPolling();

        /** Takes completions, waiting at most the given time for the first. */
        void drain(int timeoutMillis);

        /** Makes the poller return from its wait. */
        void wake();

        /** The completion at hand, if it is the poller's, wakes a thread that waits for it. */
        void waiterWoken();

        /** Polls on the calling thread for a moment, until the condition holds, unless another thread polls. */
        void help(BooleanSupplier done);
    }

    /** How often in a row the poller runs what its last round brought about before it takes completions again. */
    private static final int FLUSH_ROUNDS = 16;

    /** Null: user code runs on the poller. */
    private final Executor executor;

    private final ExecutorService owned;
    private final ReadyQueue ready;

    /** Work for the poller, when user code runs there. */
    private final ConcurrentLinkedQueue<Runnable> forPoller = new ConcurrentLinkedQueue<>();

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

    private Dispatcher(Executor executor, ExecutorService owned) {
        this.executor = executor;
        this.owned = owned;
        this.ready = executor == null ? null : new ReadyQueue(executor, owned != null, this::wakePoller);
    }

    /** User code runs on the given executor. */
    public static Dispatcher on(Executor executor) {
        return new Dispatcher(executor, null);
    }

    /** User code runs on the poller. */
    public static Dispatcher onPollerThread() {
        return new Dispatcher(null, null);
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
        return new Dispatcher(service, service);
    }

    /** Names the poller; once, before the first operation. */
    public void setPoller(Poller poller) {
        this.poller = poller;
    }

    /** Whether the calling thread is the poller. */
    public boolean onPoller() {
        Poller current = poller;
        return current != null && current.isCurrentThread();
    }

    private boolean isPolling() {
        Poller current = poller;
        return current != null && current.isPolling();
    }

    /** Whether user code runs on the poller. */
    boolean runsOnPoller() {
        return executor == null;
    }

    Optional<Executor> userExecutor() {
        return Optional.ofNullable(executor);
    }

    /** Runs user code where it is to run, never within the call. */
    Executor userCode() {
        return userCode;
    }

    // ---- delivering --------------------------------------------------------------------------------------------

    /** Has a recorded future delivered. Any thread; runs no user code. */
    void dispatch(OperationFuture<?> future) {
        if (executor == null && pollerEnded) {
            SpareThreads.run(future::deliver);
        } else if (isPolling() && (executor == null || !future.deliverDirectly())) {
            append(future);
        } else if (!isPolling() && !future.deliverDirectly()) {
            if (executor == null) {
                runLater(future::deliver);
            } else {
                ready.add(future);
            }
        }
    }

    private void append(OperationFuture<?> future) {
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
    void deliverAgain(OperationFuture<?> future) {
        synchronized (batchLock) {
            future.nextReady = failed;
            failed = future;
        }
        wakePoller();
    }

    /** On the poller, after each batch of completions. What runs here may complete further futures. */
    public void flush() {
        for (int round = 0; round < FLUSH_ROUNDS && hasWork(); round++) {
            handOver(takeBatch());
            takeTasks().forEach(this::run);
            for (Runnable task = forPoller.poll(); task != null; task = forPoller.poll()) {
                runGuarded(task);
            }
        }
    }

    /** Whether {@link #flush} has something to do, on the poller. */
    public boolean hasWork() {
        synchronized (batchLock) {
            return first != null || !tasks.isEmpty() || !forPoller.isEmpty();
        }
    }

    /** Whether {@link #tryAgain} is to be called in a moment. */
    public boolean isStuck() {
        synchronized (batchLock) {
            if (failed != null) {
                return true;
            }
        }
        return ready != null && ready.isWaiting();
    }

    /** Repeats what failed for lack of memory or of a thread. */
    public void tryAgain() {
        OperationFuture<?> again;
        synchronized (batchLock) {
            again = failed;
            failed = null;
        }
        handOver(again);
        if (ready != null) {
            ready.call();
        }
    }

    /** Library code that was collected, as {@link #takeBatch}. */
    public List<Runnable> takeTasks() {
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
    public OperationFuture<?> takeBatch() {
        synchronized (batchLock) {
            OperationFuture<?> batch = first;
            first = null;
            last = null;
            return batch;
        }
    }

    /** Has a batch delivered. */
    public void handOver(OperationFuture<?> batch) {
        if (batch == null) {
            return;
        }
        if (executor != null) {
            ready.add(batch);
            return;
        }
        OperationFuture<?> future = batch;
        while (future != null) {
            OperationFuture<?> next = future.nextReady;
            future.nextReady = null;
            future.deliverGuarded();
            future = next;
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
    public void execute(Runnable task) {
        if (isPolling() && !pollerEnded) {
            synchronized (batchLock) {
                tasks.add(task);
            }
        } else {
            run(task);
        }
    }

    /** Runs a task where user code may run. */
    public void run(Runnable task) {
        if (executor == null && !pollerEnded && onPoller()) {
            runGuarded(task);
        } else {
            runLater(task);
        }
    }

    private void runLater(Runnable task) {
        if (executor != null) {
            try {
                ready.add(task);
            } catch (OutOfMemoryError e) {
                SpareThreads.run(task);
            }
        } else if (pollerEnded) {
            SpareThreads.run(task);
        } else {
            forPoller.add(task);
            if (pollerEnded) {
                leaveToSpareThreads();
            } else if (!onPoller()) {
                wakePoller();
            }
        }
    }

    private void wakePoller() {
        Poller current = poller;
        if (current != null) {
            current.wake();
        }
    }

    // ---- waiting -----------------------------------------------------------------------------------------------

    /**
     * For user code that waits on the poller thread: goes on with the poller's work until a condition holds or the
     * time is over.
     */
    void drainUntil(BooleanSupplier condition, long nanos) {
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

    /** A recorded future wakes a thread that waits for it, and could have polled itself. */
    void waiterWoken() {
        Poller current = poller;
        if (current != null && executor != null) {
            current.waiterWoken();
        }
    }

    /** Lets a thread that waits for a future take its record itself. Not where user code must run on the poller. */
    void help(BooleanSupplier recorded) {
        Poller current = poller;
        if (current != null && executor != null && !pollerEnded) {
            current.help(recorded);
        }
    }

    // ---- the end -----------------------------------------------------------------------------------------------

    /** The poller is gone, or will not come back from user code: what is left for it runs on other threads. */
    public void pollerEnded() {
        pollerEnded = true;
        leaveToSpareThreads();
        if (owned != null) {
            owned.shutdown();
        }
    }

    private void leaveToSpareThreads() {
        OperationFuture<?> batch = takeBatch();
        List<Runnable> left = takeTasks();
        if (batch != null) {
            SpareThreads.run(() -> handOver(batch));
        }
        left.forEach(SpareThreads::run);
        for (Runnable task = forPoller.poll(); task != null; task = forPoller.poll()) {
            SpareThreads.run(task);
        }
    }
}
