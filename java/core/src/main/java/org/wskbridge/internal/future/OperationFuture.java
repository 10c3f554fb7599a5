// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
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
public final class OperationFuture<T> extends WskFuture<T> {
    private static final Logger LOGGER = System.getLogger(OperationFuture.class.getName());

    private static final int PENDING = 0;
    private static final int RECORDED = 1;
    private static final int DELIVERED = 2;
    private static final Object BY_USER = new Object();

    /** Threads that wait shorter than this don't help the poller: they could come back late. */
    private static final long MINIMUM_HELP_NANOS = 10_000_000;

    private static final VarHandle STATE;
    private static final VarHandle CAUSE;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            STATE = lookup.findVarHandle(OperationFuture.class, "state", int.class);
            CAUSE = lookup.findVarHandle(OperationFuture.class, "cause", Object.class);
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
    /** Why it is being cancelled: null, BY_USER or the Expiry of a deadline; the first stays. */
    private volatile Object cause;

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

    /** Guarded by this. */
    private List<Waiter> waiters;

    private List<ScheduledFuture<?>> timers;
    private List<Runnable> endings;

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

    /** The operation succeeded. The caller dispatches this future afterwards, as after the other record methods. */
    public void record(T result) {
        end(result, null, false);
    }

    /** The operation failed. */
    public void recordFailure(Throwable reason) {
        end(null, reason, false);
    }

    /** The operation ended cancelled, without effect: the outcome depends on what cancelled it. */
    @SuppressWarnings("unchecked")
    public void recordCancelled(Supplier<? extends Throwable> otherwise) {
        Object why = cause;
        if (why == null) {
            end(null, otherwise.get(), false);
        } else if (why == BY_USER) {
            end(null, new CancellationException("cancelled"), true);
        } else {
            Expiry<T> expiry = (Expiry<T>) why;
            end(expiry.value(), expiry.hasValue() ? null : new TimeoutException(expiry.message()), true);
        }
    }

    /** Whether the outcome is known, public or not. */
    public boolean isRecorded() {
        return state != PENDING;
    }

    private void end(T result, Throwable reason, boolean wasCancelled) {
        value = result;
        failure = reason;
        cancelled = wasCancelled;
        state = RECORDED;
        synchronized (this) {
            wakeWaiters();
            cancelTimers();
        }
    }

    /** Allocates nothing, as the record must not fail. Holding the lock. */
    private void wakeWaiters() {
        if (waiters == null || waiters.isEmpty()) {
            return;
        }
        boolean allCouldHelp = true;
        for (int i = 0; i < waiters.size(); i++) {
            waiters.get(i).wake();
            allCouldHelp &= waiters.get(i).couldHelp;
        }
        if (allCouldHelp) {
            dispatcher.waiterWoken();
        }
    }

    private void cancelTimers() {
        for (int i = 0; timers != null && i < timers.size(); i++) {
            timers.get(i).cancel(false);
        }
        timers = null;
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
            request(BY_USER);
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
        CAUSE.compareAndSet(this, null, why);
        canceller.cancel();
    }

    /**
     * Cancels the operation on behalf of a dependent, whose ending runs before the other dependents learn of the
     * cancellation, or after the result has reached them.
     *
     * @return whether the operation was over already and {@link #runEndings} is left to the caller
     */
    boolean endFor(Runnable ending) {
        synchronized (this) {
            if (endings == null) {
                endings = new ArrayList<>(1);
            }
            endings.add(ending);
        }
        if (state == DELIVERED) {
            return true;
        }
        request(BY_USER);
        return false;
    }

    void runEndings() {
        List<Runnable> all;
        synchronized (this) {
            all = endings;
            endings = null;
        }
        if (all != null) {
            all.forEach(Runnable::run);
        }
    }

    /** Waits until the outcome is known, on a thread that has nothing else to do. */
    void awaitRecord() {
        try {
            awaitRecord(false, Long.MAX_VALUE, false);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Waits until the driver let go of the operation and the outcome is public. */
    void awaitEnd() {
        try {
            awaitRecord(false, Long.MAX_VALUE);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
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

    /** A thread that waits for the record. */
    private final class Waiter implements ForkJoinPool.ManagedBlocker {
        private final Thread thread = Thread.currentThread();
        private final boolean interruptible;
        private final boolean timed;
        private final long deadline;
        private final boolean couldHelp;
        private boolean interrupted;

        Waiter(boolean interruptible, long nanos, boolean couldHelp) {
            this.couldHelp = couldHelp;
            this.interruptible = interruptible;
            this.timed = nanos != Long.MAX_VALUE;
            this.deadline = timed ? System.nanoTime() + nanos : 0;
        }

        void wake() {
            LockSupport.unpark(thread);
        }

        @Override
        public boolean isReleasable() {
            if (Thread.interrupted()) {
                interrupted = true;
            }
            return state != PENDING || interrupted && interruptible || timed && deadline - System.nanoTime() <= 0;
        }

        @Override
        public boolean block() {
            while (!isReleasable()) {
                if (timed) {
                    LockSupport.parkNanos(OperationFuture.this, deadline - System.nanoTime());
                } else {
                    LockSupport.park(OperationFuture.this);
                }
            }
            return true;
        }
    }

    private void awaitRecord(boolean interruptible, long nanos) throws InterruptedException {
        awaitRecord(interruptible, nanos, nanos >= MINIMUM_HELP_NANOS);
    }

    private void awaitRecord(boolean interruptible, long nanos, boolean couldHelp) throws InterruptedException {
        if (isRecorded()) {
            return;
        }
        if (dispatcher.onPoller()) {
            dispatcher.drainUntil(this::isRecorded, nanos);
            return;
        }
        Waiter waiter = new Waiter(interruptible, nanos, couldHelp);
        if (couldHelp && !Thread.currentThread().isInterrupted()) {
            dispatcher.help(this::isRecorded);
            if (isRecorded()) {
                return;
            }
        }
        synchronized (this) {
            if (waiters == null) {
                waiters = new ArrayList<>(1);
            }
            waiters.add(waiter);
        }
        try {
            ForkJoinPool.managedBlock(waiter);
        } finally {
            synchronized (this) {
                waiters.remove(waiter);
            }
        }
        if (waiter.interrupted) {
            if (interruptible && !isRecorded()) {
                throw new InterruptedException();
            }
            Thread.currentThread().interrupt();
        }
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
        try {
            awaitRecord(false, Long.MAX_VALUE);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
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
        synchronized (this) {
            if (state == PENDING) {
                if (timers == null) {
                    timers = new ArrayList<>(1);
                }
                timers.add(timer);
                return;
            }
        }
        timer.cancel(false);
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
