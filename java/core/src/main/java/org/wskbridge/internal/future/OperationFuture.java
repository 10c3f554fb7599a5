// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The future of an operation. It ends in two steps. {@link #record}: the driver is done with the operation and the
 * outcome is known. {@link #deliver}: the outcome is made public, which runs the dependents, so it is left to a
 * thread that may run user code. The first of these delivers, the others find it done: the poller when nothing
 * depends on this future; the executor; a thread that waits in get, join or cancel, which therefore never waits for
 * the executor.
 *
 * @param <T> what the operation yields
 */
public final class OperationFuture<T> extends WskFuture<T> implements Outcome<T> {
    private static final Logger LOGGER = System.getLogger(OperationFuture.class.getName());

    private static final int PENDING = 0;
    private static final int RECORDED = 1;
    private static final int DELIVERED = 2;

    private static final VarHandle STATE;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            STATE = lookup.findVarHandle(OperationFuture.class, "state", int.class);
            lookup.ensureInitialized(Waiter.class); // there may be no memory for it when it is needed
            lookup.ensureInitialized(Cancellation.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** Asks the performer of the operation to cancel it; idempotent, does not wait. */
    @FunctionalInterface
    public interface Canceller {
        /** Asks for the end; the operation may end otherwise all the same. */
        void cancel();
    }

    private volatile int state;

    /** Set before the future leaves the thread that made it. */
    private Canceller canceller = () -> {};

    /** The outcome, published by the write of RECORDED. */
    private T value;

    private Throwable failure;
    private boolean cancelled;

    /** Whether stages may depend on this, and the thread that is completing it on the grounds that none do. */
    private volatile boolean observed;

    private volatile Thread directCompleter;

    /** The thread that makes the outcome public, while it does. */
    private volatile Thread deliverer;

    /** The first of the threads that wait for the record; null for none. Written under this. */
    private volatile Waiter waiters;

    /** Null as long as nobody asks for it; written under this. */
    private volatile Cancellation cancellation;

    /** The next of those that wait to be delivered; whoever has the list writes it. */
    OperationFuture<?> nextReady;

    /** One that is delivered where a dispatcher decides. */
    public OperationFuture(Dispatcher dispatcher) {
        super(dispatcher);
    }

    /** A future that is done from the start. */
    public static <T> OperationFuture<T> completed(Dispatcher dispatcher, T value) {
        OperationFuture<T> future = new OperationFuture<>(dispatcher);
        future.record(value);
        future.deliver();
        return future;
    }

    /** A future that failed from the start. */
    public static <T> OperationFuture<T> failed(Dispatcher dispatcher, Throwable failure) {
        OperationFuture<T> future = new OperationFuture<>(dispatcher);
        future.recordFailure(failure);
        future.deliver();
        return future;
    }

    /** Names who cancels the operation; before the future leaves the thread that made it. */
    public void setCanceller(Canceller canceller) {
        this.canceller = canceller;
    }

    @Override
    OperationFuture<?> origin() {
        return this;
    }

    // ---- the end of the operation ------------------------------------------------------------------------------

    @Override
    public void record(T result) {
        end(result, null, false);
    }

    @Override
    public void recordFailure(Throwable reason) {
        end(null, reason, false);
    }

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
    public boolean isRecorded() {
        return state != PENDING;
    }

    @Override
    public void publish() {
        dispatcher.dispatch(this);
    }

    /** Allocates nothing, as the record must not fail. Who waits or asks from now on sees the state. */
    private void end(T result, Throwable reason, boolean wasCancelled) {
        value = result;
        failure = reason;
        cancelled = wasCancelled;
        state = RECORDED;
        if (waiters != null) {
            wakeWaiters();
        }
        if (cancellation != null) {
            cancellation.cancelDeadlines();
        }
    }

    /** Nobody whom this wakes returns before it is over: the poller is to know of them first. */
    private synchronized void wakeWaiters() {
        if (waiters != null && Waiter.wakeAll(waiters)) {
            dispatcher.waiterWoken();
        }
    }

    /** The same where nothing may be thrown; when memory was short it is done again. */
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

    /** Makes the outcome public unless another thread does; runs dependents. */
    void deliver() {
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
     * Whether user code on this very thread asks, called by the ending of a dependent before this future is done. It
     * must not wait, and gets the recorded outcome.
     */
    private boolean isBeingDeliveredHere() {
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
    boolean deliverDirectly() {
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

    // ---- cancellation ------------------------------------------------------------------------------------------

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
        if (isBeingDeliveredHere()) {
            return failure instanceof CancellationException;
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
     * Cancels the operation on behalf of a dependent, whose ending runs before the other dependents learn of the
     * cancellation, or after the result has reached them.
     *
     * @return whether the operation was over already and {@link #runEndings} is left to the caller
     */
    boolean endFor(Runnable ending) {
        cancellation().atEnd(ending);
        if (state == DELIVERED) {
            return true;
        }
        request(Cancellation.BY_USER);
        return false;
    }

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

    /** Waits until the driver let go of the operation and the outcome is public. */
    void awaitEnd() {
        awaitUninterruptibly();
        deliver();
        if (!isDone() && !isBeingDeliveredHere()) {
            try {
                super.join(); // another thread is about to make it public
            } catch (CompletionException | CancellationException e) {
                // the outcome is not this method's business
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

    /** Has a thread woken when there is a record; one that comes too late sees that itself. */
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

    /** The outcome before it is public. */
    private <X extends Exception> T recorded(Function<Throwable, X> wrapper) throws X {
        if (failure instanceof CancellationException cancellation) {
            throw cancellation;
        }
        if (failure != null) {
            throw wrapper.apply(failure);
        }
        return value;
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
