// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

/**
 * Decides on which thread a recorded future is delivered. The poller collects those with dependents and hands each
 * batch to the executor as one task; without an executor (completeOnPoller) it delivers them itself.
 */
public final class Dispatcher {
    private static final Logger LOGGER = System.getLogger(Dispatcher.class.getName());

    /** What the poller can do when user code on it waits. */
    interface Poller {
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

    private final Executor executor;
    private final ExecutorService owned;
    /** How often in a row the poller runs what its last round brought about before it takes completions again. */
    private static final int FLUSH_ROUNDS = 16;

    private final AtomicBoolean rejectionLogged = new AtomicBoolean();

    /** Work for the poller from other threads, when user code runs there. */
    private final ConcurrentLinkedQueue<Runnable> forPoller = new ConcurrentLinkedQueue<>();

    /** Set once, before the first operation. */
    private volatile Poller poller;

    private volatile boolean pollerEnded;

    /** The batch being collected, and library code to run behind it; whoever polls has them. */
    private final ArrayDeque<Runnable> tasks = new ArrayDeque<>();

    private OperationFuture<?> first;

    private OperationFuture<?> last;

    private Dispatcher(Executor executor, ExecutorService owned) {
        this.executor = executor;
        this.owned = owned;
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

    void setPoller(Poller poller) {
        this.poller = poller;
    }

    public boolean onPoller() {
        Poller current = poller;
        return current != null && current.isCurrentThread();
    }

    private boolean isPolling() {
        Poller current = poller;
        return current != null && current.isPolling();
    }

    Optional<Executor> userExecutor() {
        return Optional.ofNullable(executor);
    }

    /** Sees to it that a recorded future is delivered. Any thread; runs no user code but on the poller if so asked. */
    void dispatch(OperationFuture<?> future) {
        boolean polling = isPolling();
        if (executor == null && pollerEnded) {
            future.deliver();
        } else if (executor == null) {
            if (polling) {
                append(future);
            } else if (!future.deliverDirectly()) {
                forPoller.add(future::deliver);
                poller.wake();
            }
        } else if (!future.deliverDirectly()) {
            if (polling) {
                append(future);
            } else {
                execute(future::deliver);
            }
        }
    }

    private void append(OperationFuture<?> future) {
        if (last == null) {
            first = future;
        } else {
            last.nextInBatch = future;
        }
        last = future;
    }

    /** On the poller, after each batch of completions. What runs here may complete further futures. */
    void flush() {
        for (int round = 0; round < FLUSH_ROUNDS && hasWork(); round++) {
            handOver(takeBatch());
            takeTasks().forEach(this::run);
            for (Runnable task = forPoller.poll(); task != null; task = forPoller.poll()) {
                runGuarded(task);
            }
        }
    }

    /** Whether {@link #flush} has something to do, on the poller. */
    boolean hasWork() {
        return first != null || !tasks.isEmpty() || !forPoller.isEmpty();
    }

    /** Library code that was collected, as {@link #takeBatch}. */
    List<Runnable> takeTasks() {
        if (tasks.isEmpty()) {
            return List.of();
        }
        List<Runnable> taken = List.copyOf(tasks);
        tasks.clear();
        return taken;
    }

    /** What was collected, for {@link #handOver}; null for nothing. By the thread that polls. */
    OperationFuture<?> takeBatch() {
        OperationFuture<?> batch = first;
        first = null;
        last = null;
        return batch;
    }

    /** Sees to it that a batch is delivered. */
    void handOver(OperationFuture<?> batch) {
        if (batch == null) {
            return;
        }
        if (executor == null) {
            deliverAll(batch);
        } else {
            run(() -> deliverAll(batch));
        }
    }

    private static void deliverAll(OperationFuture<?> batch) {
        OperationFuture<?> future = batch;
        while (future != null) {
            OperationFuture<?> next = future.nextInBatch;
            future.nextInBatch = null;
            runGuarded(future::deliver);
            future = next;
        }
    }

    private static void runGuarded(Runnable task) {
        try {
            task.run();
        } catch (Throwable e) { // StackOverflowError and the like; a future keeps exceptions of user code to itself
            LOGGER.log(Level.ERROR, "the completion of an operation failed", e);
        }
    }

    /** Runs library code that may complete a user's future; behind the batch at hand if the calling thread polls. */
    public void execute(Runnable task) {
        if (isPolling() && !pollerEnded) {
            tasks.add(task);
        } else {
            run(task);
        }
    }

    /** Runs a task where user code may run. */
    void run(Runnable task) {
        if (executor == null) {
            if (pollerEnded || onPoller()) {
                runGuarded(task);
            } else {
                forPoller.add(task);
                poller.wake();
            }
            return;
        }
        try {
            executor.execute(task);
        } catch (Throwable e) { // rejections above all; whatever it is, completions are not to be lost
            if (owned == null && rejectionLogged.compareAndSet(false, true)) {
                LOGGER.log(
                        Level.WARNING,
                        "the executor refuses tasks; completions run on the common pool when it does",
                        e);
            }
            ForkJoinPool.commonPool().execute(task);
        }
    }

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

    /** The poller is gone: from now on tasks for it run on the thread that has them. */
    void pollerEnded() {
        pollerEnded = true;
        flush();
        if (owned != null) {
            owned.shutdown();
        }
    }
}
