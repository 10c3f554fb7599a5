// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.invoke.MethodHandles;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * The future of an operation: waits for it, and has it cancelled. How it ends is told by {@link TwoStepFuture}.
 *
 * @param <T> what the operation yields
 */
public final class OperationFuture<T> extends TwoStepFuture<T> {
    private static final Logger LOGGER = System.getLogger(OperationFuture.class.getName());

    static {
        try {
            MethodHandles.lookup().ensureInitialized(Waiter.class); // there may be no memory for it when it is needed
            MethodHandles.lookup().ensureInitialized(Cancellation.class);
        } catch (IllegalAccessException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** Asks the performer of the operation to cancel it; idempotent, does not wait. */
    @FunctionalInterface
    public interface Canceller {
        /** Asks for the cancellation; the operation may still succeed or fail. */
        void cancel();
    }

    /** Set before another thread can see the future. */
    private Canceller canceller = () -> {};

    /** The first of the threads that wait for the record; null for none. Written while holding this object's lock. */
    private volatile Waiter waiters;

    /** Null as long as nobody needs it; written while holding this object's lock. */
    private volatile Cancellation cancellation;

    /** An incomplete future that the dispatcher will deliver. */
    public OperationFuture(Dispatcher dispatcher) {
        super(dispatcher);
    }

    /** A future that has already succeeded. */
    public static <T> OperationFuture<T> completed(Dispatcher dispatcher, T value) {
        OperationFuture<T> future = new OperationFuture<>(dispatcher);
        future.record(value);
        future.deliver();
        return future;
    }

    /** A future that has already failed. */
    public static <T> OperationFuture<T> failed(Dispatcher dispatcher, Throwable failure) {
        OperationFuture<T> future = new OperationFuture<>(dispatcher);
        future.recordFailure(failure);
        future.deliver();
        return future;
    }

    /** Sets what cancels the operation; before another thread can see the future. */
    public void setCanceller(Canceller canceller) {
        this.canceller = canceller;
    }

    @Override
    OperationFuture<?> origin() {
        return this;
    }

    // ---- the end of the operation ------------------------------------------------------------------------------

    @Override
    @SuppressWarnings("unchecked")
    public void recordCancelled(Supplier<? extends Throwable> otherwise) {
        Cancellation asked = cancellation;
        Object why = asked == null ? null : asked.cause();
        if (why == null) {
            end(null, otherwise.get(), false);
        } else if (why == Cancellation.BY_USER) {
            end(null, new CancellationException("cancelled"), true);
        } else {
            Expiry<T> expiry = (Expiry<T>) why;
            end(expiry.value(), expiry.hasValue() ? null : new TimeoutException(expiry.message()), true);
        }
    }

    @Override
    public void publish() {
        dispatcher.dispatch(this);
    }

    @Override
    void wake() {
        if (waiters != null) {
            synchronized (this) {
                Waiter.wakeAll(waiters);
            }
        }
        if (cancellation != null) {
            cancellation.cancelDeadlines();
        }
    }

    /** {@link #deliver} without exceptions; if it fails for lack of memory it is repeated later. */
    void deliverGuarded() {
        try {
            deliver();
        } catch (Throwable e) { // StackOverflowError and the like; a future keeps exceptions of user code to itself
            Dispatcher.log(LOGGER, Level.ERROR, "the completion of an operation failed", e);
            if (!isDone()) {
                dispatcher.deliverAgain(this);
            }
        }
    }

    // ---- cancellation ------------------------------------------------------------------------------------------

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
        if (isBeingDeliveredHere()) {
            return isRecordedCancelled();
        }
        if (!isDone()) {
            request(Cancellation.BY_USER);
            awaitEnd();
        }
        return isCancelled();
    }

    @Override
    void expire(Expiry<T> expiry) {
        if (!isRecorded()) {
            request(expiry);
        }
    }

    private void request(Object why) {
        cancellation().because(why);
        canceller.cancel();
    }

    private synchronized Cancellation cancellation() {
        if (cancellation == null) {
            cancellation = new Cancellation();
        }
        return cancellation;
    }

    /**
     * Cancels the operation on behalf of a dependent. If that succeeds, the ending runs before the other dependents are
     * completed; otherwise after.
     *
     * @return true if the operation had already ended; the caller must then call {@link #runEndings}
     */
    boolean endFor(Runnable ending) {
        cancellation().atEnd(ending);
        if (isDelivered()) {
            return true;
        }
        request(Cancellation.BY_USER);
        return false;
    }

    @Override
    void runEndings() {
        if (cancellation != null) {
            cancellation.runEndings();
        }
    }

    /** Waits until the outcome is known, on a thread that has nothing else to do. */
    void awaitRecord() {
        if (!isRecorded()) {
            try {
                Waiter.idle(this).await(dispatcher);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    /** Waits until the driver has completed the operation and the outcome is public. */
    void awaitEnd() {
        awaitUninterruptibly();
        deliver();
        if (!isDone() && !isBeingDeliveredHere()) {
            try {
                super.join(); // another thread is about to make it public
            } catch (CompletionException | CancellationException e) {
                // the caller asks for the outcome itself
            }
        }
    }

    // ---- waiting -----------------------------------------------------------------------------------------------

    /** Waits until there is a record or the time is over. The poller, which must not wait, goes on with its work instead. */
    private void awaitRecord(boolean interruptible, long nanos) throws InterruptedException {
        if (isRecorded()) {
            return;
        }
        if (dispatcher.onPoller()) {
            dispatcher.drainUntil(this::isRecorded, nanos);
        } else {
            Waiter.helpful(this, interruptible, nanos).await(dispatcher);
        }
    }

    private void awaitUninterruptibly() {
        try {
            awaitRecord(false, Long.MAX_VALUE);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Adds a thread to wake when there is a record. The thread must look for the record again afterwards. */
    synchronized void add(Waiter waiter) {
        waiter.next = waiters;
        waiters = waiter;
    }

    synchronized void remove(Waiter waiter) {
        if (waiters == waiter) {
            waiters = waiter.next;
            return;
        }
        Waiter before = waiters;
        while (before.next != waiter) {
            before = before.next;
        }
        before.next = waiter.next;
    }

    @Override
    public T get() throws InterruptedException, ExecutionException {
        if (isDone()) {
            return super.get();
        }
        awaitRecord(true, Long.MAX_VALUE);
        deliver();
        return isBeingDeliveredHere() ? recorded(ExecutionException::new) : super.get();
    }

    @Override
    public T get(long timeout, TimeUnit unit) throws InterruptedException, ExecutionException, TimeoutException {
        if (isDone()) {
            return super.get(timeout, unit);
        }
        awaitRecord(true, unit.toNanos(timeout));
        if (!isRecorded()) {
            throw new TimeoutException();
        }
        deliver();
        return isBeingDeliveredHere() ? recorded(ExecutionException::new) : super.get(Math.max(timeout, 1), unit);
    }

    @Override
    public T join() {
        if (isDone()) {
            return super.join();
        }
        awaitUninterruptibly();
        deliver();
        return isBeingDeliveredHere() ? recorded(CompletionException::new) : super.join();
    }

    @Override
    void forgetWhenDone(ScheduledFuture<?> timer) {
        Cancellation mine = cancellation();
        mine.cancelAtEnd(timer);
        if (isRecorded()) {
            mine.cancelDeadlines();
        }
    }

    // ---- not for users -----------------------------------------------------------------------------------------

    @Override
    public boolean complete(T result) {
        throw driverCompletes();
    }

    @Override
    public boolean completeExceptionally(Throwable reason) {
        throw driverCompletes();
    }

    @Override
    public CompletableFuture<T> completeAsync(Supplier<? extends T> supplier) {
        throw driverCompletes();
    }

    @Override
    public CompletableFuture<T> completeAsync(Supplier<? extends T> supplier, Executor executor) {
        throw driverCompletes();
    }

    private static UnsupportedOperationException driverCompletes() {
        return new UnsupportedOperationException("an operation is completed by the driver; cancel() asks for its end");
    }
}
