// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.locks.LockSupport;

/** A thread that waits for the record of a future. */
final class Waiter implements ForkJoinPool.ManagedBlocker {
    /** A thread with a shorter timeout than this does not take completions itself: it could return too late. */
    private static final long MINIMUM_HELP_NANOS = 10_000_000;

    private final OperationFuture<?> awaited;
    private final Thread thread = Thread.currentThread();
    private final boolean interruptible;
    private final boolean timed;
    private final long deadline;
    private final boolean couldHelp;
    private boolean interrupted;

    /** The next that waits for the same; guarded by the future. */
    Waiter next;

    private Waiter(OperationFuture<?> awaited, boolean interruptible, long nanos, boolean couldHelp) {
        this.awaited = awaited;
        this.interruptible = interruptible;
        this.timed = nanos != Long.MAX_VALUE;
        this.deadline = timed ? System.nanoTime() + nanos : 0;
        this.couldHelp = couldHelp;
    }

    /** The calling thread, which may take completions itself if its timeout is long enough. */
    static Waiter helpful(OperationFuture<?> awaited, boolean interruptible, long nanos) {
        return new Waiter(awaited, interruptible, nanos, nanos >= MINIMUM_HELP_NANOS);
    }

    /** The calling thread, which waits without a timeout and takes no completions. */
    static Waiter idle(OperationFuture<?> awaited) {
        return new Waiter(awaited, false, Long.MAX_VALUE, false);
    }

    /**
     * Waits until there is a record, or the time is over.
     *
     * @throws InterruptedException if that comes first, and the wait is an interruptible one
     */
    void await(Dispatcher dispatcher) throws InterruptedException {
        if (couldHelp && !thread.isInterrupted()) {
            dispatcher.help(awaited::isRecorded);
            if (awaited.isRecorded()) {
                return;
            }
        }
        awaited.add(this);
        try {
            ForkJoinPool.managedBlock(this);
        } finally {
            awaited.remove(this);
        }
        if (interrupted) {
            if (interruptible && !awaited.isRecorded()) {
                throw new InterruptedException();
            }
            thread.interrupt();
        }
    }

    /** Wakes a thread and those behind it; null for none. Allocates nothing. */
    static void wakeAll(Waiter first) {
        for (Waiter waiter = first; waiter != null; waiter = waiter.next) {
            LockSupport.unpark(waiter.thread);
        }
    }

    @Override
    public boolean isReleasable() {
        if (Thread.interrupted()) {
            interrupted = true;
        }
        return awaited.isRecorded() || interrupted && interruptible || timed && deadline - System.nanoTime() <= 0;
    }

    @Override
    public boolean block() {
        while (!isReleasable()) {
            if (timed) {
                LockSupport.parkNanos(awaited, deadline - System.nanoTime());
            } else {
                LockSupport.park(awaited);
            }
        }
        return true;
    }
}
