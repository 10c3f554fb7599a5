// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A future that no operation completes but the library, such as that of a close. Waiting for it on the poller works: the
 * thread goes on with the poller's work.
 */
public final class LibraryFuture<T> extends CompletableFuture<T> {
    private final Dispatcher dispatcher;

    /** One of the bridge that a dispatcher is of. */
    public LibraryFuture(Dispatcher dispatcher) {
        this.dispatcher = dispatcher;
    }

    @Override
    public <U> CompletableFuture<U> newIncompleteFuture() {
        return new LibraryFuture<>(dispatcher);
    }

    @Override
    public T get() throws InterruptedException, ExecutionException {
        drainIfOnPoller(Long.MAX_VALUE);
        return super.get();
    }

    @Override
    public T get(long timeout, TimeUnit unit) throws InterruptedException, ExecutionException, TimeoutException {
        drainIfOnPoller(unit.toNanos(timeout));
        return super.get(timeout, unit);
    }

    @Override
    public T join() {
        drainIfOnPoller(Long.MAX_VALUE);
        return super.join();
    }

    private void drainIfOnPoller(long nanos) {
        if (!isDone() && dispatcher.onPoller()) {
            dispatcher.drainUntil(this::isDone, nanos);
        }
    }
}
