// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayDeque;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;

/**
 * What waits to run on the executor: futures to deliver, which runs their dependents, and other user code. A thread of the
 * executor takes one after the other. Each may block, so before it runs one it asks the executor for another thread if
 * more is waiting. So as long as the executor has a free thread, nothing here waits for unrelated user code.
 *
 * <p>Queueing a future and asking for a thread allocate nothing, so a lack of memory loses nothing.
 */
final class ReadyQueue {
    private static final Logger LOGGER = System.getLogger(ReadyQueue.class.getName());

    private static final long LEAST_PATIENCE = 100_000_000;
    private static final long MOST_PATIENCE = 10_000_000_000L;

    private final Executor executor;
    private final boolean ownExecutor;

    private final Runnable runner = this::run;

    /** Called when something waits and the executor gave no thread, or its thread ended early. */
    private final Runnable onStuck;

    /** Set on a thread while the executor runs tasks on it, within its own call of the executor. */
    private final ThreadLocal<Boolean> runningInCall = new ThreadLocal<>();

    /** Linked by nextReady. All fields from here on are guarded by this object's lock. */
    private OperationFuture<?> first;

    private OperationFuture<?> last;
    private final ArrayDeque<Runnable> tasks = new ArrayDeque<>();

    /** The executor was asked for a thread, which has not started yet. */
    private boolean called;

    /** When the executor was asked, and how long until it is asked again: the thread may have ended for lack of memory. */
    private long calledAt;

    private long patience = LEAST_PATIENCE;

    /** The thread that is calling the executor, until the executor returns. */
    private Thread caller;

    private boolean refusalLogged;

    ReadyQueue(Executor executor, boolean ownExecutor, Runnable onStuck) {
        this.onStuck = onStuck;
        this.executor = executor;
        this.ownExecutor = ownExecutor;
    }

    /** Queues a future to be delivered, together with those linked behind it. */
    void add(OperationFuture<?> futures) {
        synchronized (this) {
            if (last == null) {
                first = futures;
            } else {
                last.nextReady = futures;
            }
            last = futures;
            while (last.nextReady != null) {
                last = last.nextReady;
            }
        }
        call();
    }

    /** Queues user code. */
    void add(Runnable task) {
        synchronized (this) {
            tasks.add(task);
        }
        call();
    }

    /** Whether something waits, so that {@link #call} must be called now and then. */
    synchronized boolean isWaiting() {
        return !isEmpty();
    }

    private boolean isEmpty() {
        return first == null && tasks.isEmpty();
    }

    /** Asks the executor for a thread if something waits, unless it was asked a short time ago. */
    void call() {
        synchronized (this) {
            if (isEmpty() || called && System.nanoTime() - calledAt < patience) {
                return;
            }
            patience = called ? Math.min(patience * 2, MOST_PATIENCE) : patience;
            called = true;
            calledAt = System.nanoTime();
            caller = Thread.currentThread();
        }
        boolean taken = tryExecute(executor) || tryExecute(ForkJoinPool.commonPool());
        synchronized (this) {
            if (caller == Thread.currentThread()) {
                caller = null;
            }
            called &= taken;
        }
        if (!taken) {
            onStuck.run();
        }
    }

    private boolean tryExecute(Executor by) {
        try {
            by.execute(runner);
            return true;
        } catch (Throwable e) { // mostly a rejection; in any case no completion may be lost
            logRefusal(e);
            return false;
        }
    }

    private void logRefusal(Throwable reason) {
        synchronized (this) {
            if (ownExecutor || refusalLogged) {
                return;
            }
            refusalLogged = true;
        }
        Dispatcher.log(
                LOGGER, Level.WARNING, "the executor refuses tasks; the common pool runs them when it does", reason);
    }

    /** On a thread of the executor. Allocates nothing before it has taken something. */
    private void run() {
        boolean inCall;
        synchronized (this) {
            inCall = caller == Thread.currentThread();
        }
        boolean ended = false;
        try {
            if (inCall) {
                runInCall();
            } else {
                runAll();
            }
            ended = true;
        } finally {
            if (!ended) {
                synchronized (this) {
                    called = false;
                }
                onStuck.run();
            }
        }
    }

    /** The executor runs tasks on its caller. If that is in this method already, the outer call takes what waits. */
    private void runInCall() {
        if (runningInCall.get() != null) {
            synchronized (this) {
                called = false;
            }
            onStuck.run(); // the executor may be waiting for what waits here
            return;
        }
        runningInCall.set(Boolean.TRUE);
        try {
            runAll();
        } finally {
            runningInCall.remove();
        }
    }

    private void runAll() {
        synchronized (this) {
            called = false;
            caller = null;
            patience = LEAST_PATIENCE;
        }
        while (runNext()) {
            // the next
        }
    }

    /** Asks for another thread before it takes something, because the executor may run what waits on this thread. */
    private boolean runNext() {
        int count = countToTwo();
        if (count == 0) {
            return false;
        }
        if (count > 1) {
            call();
        }
        OperationFuture<?> future;
        Runnable task = null;
        synchronized (this) {
            future = first;
            if (future != null) {
                first = future.nextReady;
                future.nextReady = null;
                if (first == null) {
                    last = null;
                }
            } else {
                task = tasks.poll();
            }
        }
        if (future != null) {
            future.deliverGuarded();
        } else if (task != null) {
            Dispatcher.runGuarded(task);
        }
        return true;
    }

    private synchronized int countToTwo() {
        int futures = first == null ? 0 : first.nextReady == null ? 1 : 2;
        return Math.min(2, futures + tasks.size());
    }
}
