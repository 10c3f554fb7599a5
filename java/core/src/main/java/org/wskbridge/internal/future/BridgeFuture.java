// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A future of a bridge. Every other thread waits for the poller, so the poller must not wait: where user code on it asks
 * for the outcome of a future, the thread goes on with the poller's work until there is one.
 */
abstract sealed class BridgeFuture<T> extends CompletableFuture<T> permits WskFuture, LibraryFuture {
    final Dispatcher dispatcher;

    BridgeFuture(Dispatcher dispatcher) {
        this.dispatcher = dispatcher;
    }

    @Override
    public T get() throws InterruptedException, ExecutionException {
        drainOnPoller(Long.MAX_VALUE);
        return super.get();
    }

    @Override
    public T get(long timeout, TimeUnit unit) throws InterruptedException, ExecutionException, TimeoutException {
        drainOnPoller(unit.toNanos(timeout));
        return super.get(timeout, unit);
    }

    @Override
    public T join() {
        drainOnPoller(Long.MAX_VALUE);
        return super.join();
    }

    private void drainOnPoller(long nanos) {
        if (!isDone() && dispatcher.onPoller()) {
            dispatcher.drainUntil(this::isDone, nanos);
        }
    }
}
