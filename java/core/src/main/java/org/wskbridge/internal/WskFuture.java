// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * What the futures of operations and their dependents have in common: they know the operation, and where user code is
 * to run.
 */
public abstract sealed class WskFuture<T> extends CompletableFuture<T> permits OperationFuture, DependentFuture {
    final Dispatcher dispatcher;

    WskFuture(Dispatcher dispatcher) {
        this.dispatcher = dispatcher;
    }

    /** The future of the operation that this one came from; itself for that one. */
    abstract OperationFuture<?> origin();

    /** What happens when the time of {@link #orTimeout} or {@link #completeOnTimeout} is over. */
    abstract void expire(Expiry<T> expiry);

    /** The outcome that a deadline prescribes: a value, or a TimeoutException. */
    record Expiry<T>(boolean hasValue, T value, String message) {}

    @Override
    public <U> CompletableFuture<U> newIncompleteFuture() {
        return new DependentFuture<>(origin());
    }

    @Override
    public Executor defaultExecutor() {
        return dispatcher.userExecutor().orElseGet(super::defaultExecutor);
    }

    @Override
    public CompletableFuture<T> orTimeout(long timeout, TimeUnit unit) {
        String message = "no result within " + timeout + " " + unit.toString().toLowerCase(Locale.ROOT);
        schedule(new Expiry<>(false, null, message), timeout, unit);
        return this;
    }

    @Override
    public CompletableFuture<T> completeOnTimeout(T value, long timeout, TimeUnit unit) {
        schedule(new Expiry<>(true, value, ""), timeout, unit);
        return this;
    }

    private void schedule(Expiry<T> expiry, long timeout, TimeUnit unit) {
        if (!isDone()) {
            forgetWhenDone(Timer.schedule(() -> expire(expiry), timeout, unit));
        }
    }

    /** Cancels the timer as soon as this is done, so that it doesn't keep this in memory. */
    abstract void forgetWhenDone(ScheduledFuture<?> timer);

    @Override
    public void obtrudeValue(T value) {
        throw new UnsupportedOperationException("the outcome of an operation can't be replaced");
    }

    @Override
    public void obtrudeException(Throwable failure) {
        throw new UnsupportedOperationException("the outcome of an operation can't be replaced");
    }
}
