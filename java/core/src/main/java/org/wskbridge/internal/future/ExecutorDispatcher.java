// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.function.BooleanSupplier;

/** User code runs on an executor. Futures with dependents go there through the {@link ReadyQueue}. */
final class ExecutorDispatcher extends Dispatcher {
    private final Executor executor;
    private final boolean owned;
    private final ReadyQueue ready;

    /** An executor that is owned is an {@link ExecutorService}, and is shut down with the poller. */
    ExecutorDispatcher(Executor executor, boolean owned) {
        this.executor = executor;
        this.owned = owned;
        this.ready = new ReadyQueue(executor, owned, this::wakePoller);
    }

    @Override
    Optional<Executor> userExecutor() {
        return Optional.of(executor);
    }

    @Override
    void dispatch(OperationFuture<?> future) {
        if (future.deliverDirectly()) {
            return;
        }
        if (isPolling()) {
            append(future);
        } else {
            ready.add(future);
        }
    }

    @Override
    public void handOver(OperationFuture<?> batch) {
        if (batch != null) {
            ready.add(batch);
        }
    }

    @Override
    public void run(Runnable task) {
        runLater(task);
    }

    @Override
    void runLater(Runnable task) {
        try {
            ready.add(task);
        } catch (OutOfMemoryError e) {
            SpareThreads.run(task);
        }
    }

    @Override
    void help(BooleanSupplier recorded) {
        helpPoller(recorded);
    }

    @Override
    public boolean isStuck() {
        return super.isStuck() || ready.isWaiting();
    }

    @Override
    public void tryAgain() {
        super.tryAgain();
        ready.call();
    }

    @Override
    public void pollerEnded() {
        super.pollerEnded();
        if (owned) {
            ((ExecutorService) executor).shutdown();
        }
    }
}
