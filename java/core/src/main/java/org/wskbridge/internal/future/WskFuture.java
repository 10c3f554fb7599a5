// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * What the futures of operations and their dependents have in common: they know the operation, and where user code is
 * to run.
 */
public abstract sealed class WskFuture<T> extends BridgeFuture<T> permits TwoStepFuture, DependentFuture {
    WskFuture(Dispatcher dispatcher) {
        super(dispatcher);
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
            Runnable expire = () -> expire(expiry);
            forgetWhenDone(Timer.schedule(() -> SpareThreads.run(expire), timeout, unit));
        }
    }

    /** Cancels the timer as soon as this is done, so that it doesn't keep this in memory. */
    abstract void forgetWhenDone(ScheduledFuture<?> timer);

    // ---- dependents --------------------------------------------------------------------------------------------
    // A CompletableFuture that is done runs what is registered within the call. Here it goes where user code runs, so
    // that a loop of operations that end at once doesn't grow the stack.

    @Override
    public <U> CompletableFuture<U> thenApply(Function<? super T, ? extends U> function) {
        return isDone() ? super.thenApplyAsync(function, dispatcher.userCode()) : super.thenApply(function);
    }

    @Override
    public CompletableFuture<Void> thenAccept(Consumer<? super T> action) {
        return isDone() ? super.thenAcceptAsync(action, dispatcher.userCode()) : super.thenAccept(action);
    }

    @Override
    public CompletableFuture<Void> thenRun(Runnable action) {
        return isDone() ? super.thenRunAsync(action, dispatcher.userCode()) : super.thenRun(action);
    }

    @Override
    public <U, V> CompletableFuture<V> thenCombine(
            CompletionStage<? extends U> other, BiFunction<? super T, ? super U, ? extends V> function) {
        return isDone()
                ? super.thenCombineAsync(other, function, dispatcher.userCode())
                : super.thenCombine(other, function);
    }

    @Override
    public <U> CompletableFuture<Void> thenAcceptBoth(
            CompletionStage<? extends U> other, BiConsumer<? super T, ? super U> action) {
        return isDone()
                ? super.thenAcceptBothAsync(other, action, dispatcher.userCode())
                : super.thenAcceptBoth(other, action);
    }

    @Override
    public CompletableFuture<Void> runAfterBoth(CompletionStage<?> other, Runnable action) {
        return isDone()
                ? super.runAfterBothAsync(other, action, dispatcher.userCode())
                : super.runAfterBoth(other, action);
    }

    @Override
    public <U> CompletableFuture<U> applyToEither(CompletionStage<? extends T> other, Function<? super T, U> function) {
        return isDone()
                ? super.applyToEitherAsync(other, function, dispatcher.userCode())
                : super.applyToEither(other, function);
    }

    @Override
    public CompletableFuture<Void> acceptEither(CompletionStage<? extends T> other, Consumer<? super T> action) {
        return isDone()
                ? super.acceptEitherAsync(other, action, dispatcher.userCode())
                : super.acceptEither(other, action);
    }

    @Override
    public CompletableFuture<Void> runAfterEither(CompletionStage<?> other, Runnable action) {
        return isDone()
                ? super.runAfterEitherAsync(other, action, dispatcher.userCode())
                : super.runAfterEither(other, action);
    }

    @Override
    public <U> CompletableFuture<U> thenCompose(Function<? super T, ? extends CompletionStage<U>> function) {
        return isDone() ? super.thenComposeAsync(function, dispatcher.userCode()) : super.thenCompose(function);
    }

    @Override
    public CompletableFuture<T> whenComplete(BiConsumer<? super T, ? super Throwable> action) {
        return isDone() ? super.whenCompleteAsync(action, dispatcher.userCode()) : super.whenComplete(action);
    }

    @Override
    public <U> CompletableFuture<U> handle(BiFunction<? super T, Throwable, ? extends U> function) {
        return isDone() ? super.handleAsync(function, dispatcher.userCode()) : super.handle(function);
    }

    @Override
    public CompletableFuture<T> exceptionally(Function<Throwable, ? extends T> function) {
        return isDone() ? super.exceptionallyAsync(function, dispatcher.userCode()) : super.exceptionally(function);
    }

    @Override
    public CompletableFuture<T> exceptionallyCompose(Function<Throwable, ? extends CompletionStage<T>> function) {
        return isDone()
                ? super.exceptionallyComposeAsync(function, dispatcher.userCode())
                : super.exceptionallyCompose(function);
    }

    // ---- not for users -----------------------------------------------------------------------------------------

    @Override
    public void obtrudeValue(T value) {
        throw new UnsupportedOperationException("the outcome of an operation can't be replaced");
    }

    @Override
    public void obtrudeException(Throwable failure) {
        throw new UnsupportedOperationException("the outcome of an operation can't be replaced");
    }
}
