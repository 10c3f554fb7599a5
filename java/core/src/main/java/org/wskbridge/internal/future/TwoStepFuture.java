// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * How the future of an operation ends, in two steps. {@link #record}: the driver is done with the operation and the
 * outcome is known. {@link #deliver}: the outcome is made public, which runs the dependents, so it is left to a
 * thread that may run user code. The first of these delivers, the others find it done: the poller when nothing
 * depends on this future; the executor; a thread that waits in get, join or cancel, which therefore never waits for
 * the executor.
 *
 * @param <T> what the operation yields
 */
public abstract sealed class TwoStepFuture<T> extends WskFuture<T> implements Outcome<T> permits OperationFuture {
    private static final int PENDING = 0;
    private static final int RECORDED = 1;
    private static final int DELIVERED = 2;

    private static final VarHandle STATE;

    static {
        try {
            STATE = MethodHandles.lookup().findVarHandle(TwoStepFuture.class, "state", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private volatile int state;

    /** The outcome, published by the write of RECORDED. */
    private T value;

    private Throwable failure;
    private boolean cancelled;

    /** Whether stages may depend on this; and the thread that completes it because none do. */
    private volatile boolean observed;

    private volatile Thread directCompleter;

    /** The thread that makes the outcome public, while it does. */
    private volatile Thread deliverer;

    /** The next in a list of futures to deliver; only the owner of the list writes it. */
    OperationFuture<?> nextReady;

    TwoStepFuture(Dispatcher dispatcher) {
        super(dispatcher);
    }

    // ---- the first step ----------------------------------------------------------------------------------------

    @Override
    public void record(T result) {
        end(result, null, false);
    }

    @Override
    public void recordFailure(Throwable reason) {
        end(null, reason, false);
    }

    /** Allocates nothing, because recording must not fail. */
    final void end(T result, Throwable reason, boolean wasCancelled) {
        value = result;
        failure = reason;
        cancelled = wasCancelled;
        state = RECORDED;
        wake();
    }

    /** The outcome is known: wakes who waits for that. Allocates nothing. */
    abstract void wake();

    @Override
    public boolean isRecorded() {
        return state != PENDING;
    }

    /** Whether the outcome, public or not, is that it was cancelled. */
    final boolean isRecordedCancelled() {
        return failure instanceof CancellationException;
    }

    /** The outcome before it is public. */
    final <X extends Exception> T recorded(Function<Throwable, X> wrapper) throws X {
        if (failure instanceof CancellationException cancellation) {
            throw cancellation;
        }
        if (failure != null) {
            throw wrapper.apply(failure);
        }
        return value;
    }

    // ---- the second step ---------------------------------------------------------------------------------------

    /** Whether the outcome is public, or about to be made so by a thread. */
    final boolean isDelivered() {
        return state == DELIVERED;
    }

    /** Makes the outcome public unless another thread does; runs dependents. */
    final void deliver() {
        if (!STATE.compareAndSet(this, RECORDED, DELIVERED)) {
            return;
        }
        deliverer = Thread.currentThread();
        try {
            if (cancelled) {
                runEndings();
            }
            if (failure != null) {
                super.completeExceptionally(failure);
            } else {
                super.complete(value);
            }
            runEndings();
        } finally {
            deliverer = null;
            if (!isDone()) {
                state = RECORDED; // there was no memory to complete it
            }
        }
    }

    /**
     * Whether the calling thread is inside {@link #deliver}, in user code that runs before this future is done. Such code
     * must not wait for it, and gets the recorded outcome.
     */
    final boolean isBeingDeliveredHere() {
        return deliverer == Thread.currentThread() && !isDone();
    }

    /**
     * Delivers on the calling thread if that runs no user code, because no stage depends on this.
     *
     * <p>newIncompleteFuture, through which all dependents come but those of allOf and anyOf, sets observed before it
     * looks at directCompleter; this does the reverse, so one of the two sees the other. A stage of allOf that
     * squeezes in between the count and the completion would run here; it is then kept from blocking the poller for
     * good by {@link Dispatcher#drainUntil}.
     */
    final boolean deliverDirectly() {
        directCompleter = Thread.currentThread();
        try {
            if (observed || getNumberOfDependents() > 0) {
                return false;
            }
            deliver();
            return true;
        } finally {
            directCompleter = null;
        }
    }

    /** Runs what a cancellation added to be done when the operation has ended. */
    abstract void runEndings();

    private void observe() {
        if (!observed) {
            observed = true;
            Thread completer = directCompleter;
            while (completer != null && completer != Thread.currentThread()) {
                Thread.onSpinWait();
                completer = directCompleter;
            }
        }
    }

    @Override
    public <U> CompletableFuture<U> newIncompleteFuture() {
        observe();
        return super.newIncompleteFuture();
    }

    @Override
    public CompletableFuture<T> toCompletableFuture() {
        observe();
        return this;
    }
}
