// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;

/** User code runs on the poller (completeOnPoller); after the poller has ended, on spare threads. */
final class PollerDispatcher extends Dispatcher {
    /** Tasks for the poller, from other threads or from user code on the poller. */
    private final ConcurrentLinkedQueue<Runnable> forPoller = new ConcurrentLinkedQueue<>();

    @Override
    Optional<Executor> userExecutor() {
        return Optional.empty();
    }

    @Override
    void dispatch(OperationFuture<?> future) {
        if (hasPollerEnded()) {
            SpareThreads.run(future::deliver);
        } else if (isPolling()) {
            append(future);
        } else if (!future.deliverDirectly()) {
            runLater(future::deliver);
        }
    }

    @Override
    public void handOver(OperationFuture<?> batch) {
        OperationFuture<?> future = batch;
        while (future != null) {
            OperationFuture<?> next = future.nextReady;
            future.nextReady = null;
            future.deliverGuarded();
            future = next;
        }
    }

    @Override
    public void run(Runnable task) {
        if (!hasPollerEnded() && onPoller()) {
            runGuarded(task);
        } else {
            runLater(task);
        }
    }

    @Override
    void runLater(Runnable task) {
        if (hasPollerEnded()) {
            SpareThreads.run(task);
            return;
        }
        forPoller.add(task);
        if (hasPollerEnded()) {
            leaveToSpareThreads();
        } else if (!onPoller()) {
            wakePoller();
        }
    }

    /** Does nothing: the waiting thread must not run the user code of other completions that it would take. */
    @Override
    void help(BooleanSupplier recorded) {}

    @Override
    public boolean hasWork() {
        return super.hasWork() || !forPoller.isEmpty();
    }

    @Override
    void runPollerTasks() {
        for (Runnable task = forPoller.poll(); task != null; task = forPoller.poll()) {
            runGuarded(task);
        }
    }

    @Override
    void leaveToSpareThreads() {
        super.leaveToSpareThreads();
        for (Runnable task = forPoller.poll(); task != null; task = forPoller.poll()) {
            SpareThreads.run(task);
        }
    }
}
