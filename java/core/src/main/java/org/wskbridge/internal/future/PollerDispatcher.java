// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;

/** User code runs on the poller (completeOnPoller), and when that has ended on spare threads. */
final class PollerDispatcher extends Dispatcher {
    /** What other threads, or user code on the poller, have for it to run. */
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

    /** The waiting thread could not run what else it would take. */
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
