// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Futures of operations, without a driver: the test plays its part. */
@Timeout(60)
class OperationFutureTest {
    /** An executor whose tasks run when the test says so. */
    private final BlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();

    private final Dispatcher dispatcher = Dispatcher.on(tasks::add);
    private final OperationFuture<String> future = new OperationFuture<>(dispatcher);

    private void driverSays(String result) {
        future.record(result);
        dispatcher.dispatch(future);
    }

    private void driverSaysCancelled() {
        future.recordCancelled(() -> new IOException("not wanted by anybody"));
        dispatcher.dispatch(future);
    }

    private void runTasks() {
        for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
            task.run();
        }
    }

    /** Runs tasks as they come; what completes the dependent may run on another thread. */
    private void runTasksUntilDone(CompletableFuture<?> dependent) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!dependent.isDone()) {
            assertTrue(System.nanoTime() < deadline, "the dependent is done in the end");
            Runnable task = tasks.poll(10, TimeUnit.MILLISECONDS);
            if (task != null) {
                task.run();
            }
        }
    }

    /**
     * Lets a thread of its own be the driver, which says something as soon as this thread waits to hear it; nothing
     * when it is interrupted before.
     */
    private static Thread driverOnceAwaited(OperationFuture<?> awaited, Runnable says) {
        Thread waiting = Thread.currentThread();
        Thread driver = new Thread(() -> {
            while (LockSupport.getBlocker(waiting) != awaited) {
                if (Thread.interrupted()) {
                    return;
                }
                LockSupport.parkNanos(100_000);
            }
            says.run();
        });
        driver.setDaemon(true);
        return driver;
    }

    @Test
    void completesAtOnceWhenNothingDependsOnIt() {
        driverSays("done");
        assertTrue(future.isDone());
        assertTrue(tasks.isEmpty());
        assertEquals("done", future.join());
    }

    @Test
    void dependentsRunOnTheExecutor() {
        AtomicReference<String> seen = new AtomicReference<>();
        CompletableFuture<Void> dependent = future.thenAccept(seen::set);
        driverSays("done");
        assertFalse(dependent.isDone());
        runTasks();
        assertTrue(dependent.isDone());
        assertEquals("done", seen.get());
    }

    @Test
    void dependentsOfAllOfRunOnTheExecutor() {
        CompletableFuture<Void> all = CompletableFuture.allOf(future, CompletableFuture.completedFuture(1));
        driverSays("done");
        assertFalse(all.isDone());
        runTasks();
        assertTrue(all.isDone());
    }

    @Test
    void aWaitingThreadDoesNotNeedTheExecutor() throws Exception {
        CompletableFuture<String> dependent = future.thenApply(String::toUpperCase);
        Thread driver = driverOnceAwaited(future, () -> driverSays("done"));
        driver.start();
        assertEquals("done", future.get());
        assertEquals("DONE", dependent.getNow("")); // it delivered, dependents included
        driver.join();
        runTasks();
    }

    @Test
    void asynchronousStagesUseTheExecutor() {
        CompletableFuture<String> dependent = future.thenApplyAsync(String::toUpperCase);
        driverSays("done");
        runTasks();
        assertEquals("DONE", dependent.getNow(""));
    }

    @Test
    void cancelWaitsForTheDriver() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        Thread driver = driverOnceAwaited(future, this::driverSaysCancelled);
        future.setCanceller(() -> {
            asked.incrementAndGet();
            driver.start();
        });
        assertTrue(future.cancel(false));
        assertTrue(future.isCancelled());
        assertTrue(future.cancel(false), "again");
        assertEquals(1, asked.get());
        assertThrows(CancellationException.class, future::get);
    }

    @Test
    void cancelLosesAgainstTheResult() throws Exception {
        future.setCanceller(() -> driverSays("first"));
        assertFalse(future.cancel(false));
        assertEquals("first", future.get());
    }

    @Test
    void cancellingADependentCancelsTheOperation() {
        future.setCanceller(this::driverSaysCancelled);
        CompletableFuture<Integer> middle = future.thenApply(String::length);
        CompletableFuture<String> dependent = middle.thenApply(Integer::toHexString);
        assertTrue(dependent.cancel(false));
        assertTrue(dependent.isCancelled());
        assertTrue(future.isCancelled());
        assertInstanceOf(
                CancellationException.class,
                assertThrows(CompletionException.class, middle::join).getCause());
        runTasks();
    }

    @Test
    void cancellingADependentLosesAgainstTheResult() {
        future.setCanceller(() -> driverSays("first"));
        CompletableFuture<Integer> dependent = future.thenApply(String::length);
        assertFalse(dependent.cancel(false));
        assertEquals(5, dependent.join());
        runTasks();
    }

    @Test
    void cancellingADependentThatIsBusyAfterTheResult() {
        CompletableFuture<String> never = new CompletableFuture<>();
        CompletableFuture<String> dependent = future.thenCompose(result -> never);
        driverSays("done");
        runTasks();
        assertTrue(dependent.cancel(false));
        assertEquals("done", future.join());
    }

    @Test
    void orTimeoutCancelsAtTheDriver() {
        future.setCanceller(this::driverSaysCancelled);
        future.orTimeout(10, TimeUnit.MILLISECONDS);
        CompletionException failure = assertThrows(CompletionException.class, future::join);
        assertInstanceOf(TimeoutException.class, failure.getCause());
        assertFalse(future.isCancelled());
    }

    @Test
    void orTimeoutLosesAgainstTheResult() {
        future.setCanceller(() -> driverSays("first"));
        assertEquals("first", future.orTimeout(10, TimeUnit.MILLISECONDS).join());
    }

    @Test
    void orTimeoutOfADependentCancelsAtTheDriver() throws Exception {
        future.setCanceller(this::driverSaysCancelled);
        CompletableFuture<Integer> dependent = future.thenApply(String::length).orTimeout(10, TimeUnit.MILLISECONDS);
        runTasksUntilDone(dependent);
        ExecutionException failure = assertThrows(ExecutionException.class, dependent::get);
        assertInstanceOf(TimeoutException.class, failure.getCause());
        runTasksUntilDone(future); // the dependent may be done before it
        assertTrue(future.isCancelled());
    }

    @Test
    void completeOnTimeout() {
        future.setCanceller(this::driverSaysCancelled);
        assertEquals(
                "instead",
                future.completeOnTimeout("instead", 10, TimeUnit.MILLISECONDS).join());
    }

    @Test
    void completeOnTimeoutOfADependent() throws Exception {
        future.setCanceller(this::driverSaysCancelled);
        CompletableFuture<Integer> dependent =
                future.thenApply(String::length).completeOnTimeout(-7, 10, TimeUnit.MILLISECONDS);
        runTasksUntilDone(dependent);
        assertEquals(-7, dependent.join());
    }

    /** User code that runs because a dependent timed out may ask for the operation itself. */
    @Test
    void theOperationCanBeAskedForWhenADependentTimesOut() throws Exception {
        future.setCanceller(this::driverSaysCancelled);
        AtomicReference<Object> seen = new AtomicReference<>();
        CompletableFuture<Boolean> dependent = future.thenApply(String::length)
                .orTimeout(10, TimeUnit.MILLISECONDS)
                .handle((length, failure) -> {
                    seen.set(failure);
                    assertThrows(CancellationException.class, future::join);
                    assertThrows(CancellationException.class, future::get);
                    return future.cancel(true);
                });
        runTasksUntilDone(dependent);
        assertTrue(dependent.join());
        assertInstanceOf(TimeoutException.class, seen.get());
        assertTrue(future.isCancelled());
    }

    @Test
    void timersGoWithTheFuture() {
        future.orTimeout(1, TimeUnit.HOURS);
        driverSays("done");
        assertEquals("done", future.join());
        assertSame(future, future.orTimeout(1, TimeUnit.NANOSECONDS));
        assertEquals("done", future.join());
    }

    @Test
    void timedGetLeavesTheOperationAlone() throws Exception {
        assertThrows(TimeoutException.class, () -> future.get(10, TimeUnit.MILLISECONDS));
        assertFalse(future.isDone());
        driverSays("done");
        assertEquals("done", future.get(10, TimeUnit.MILLISECONDS));
    }

    /** Counts how often a thread that waits offers to take its completion itself. */
    private static final class CountingPoller implements Dispatcher.Poller {
        final AtomicInteger offers = new AtomicInteger();

        @Override
        public boolean isCurrentThread() {
            return false;
        }

        @Override
        public boolean isPolling() {
            return false;
        }

        @Override
        public void drain(int timeoutMillis) {}

        @Override
        public void wake() {}

        @Override
        public void help(BooleanSupplier done) {
            offers.incrementAndGet();
        }
    }

    /** One that waits for a moment only could come back late. */
    @Test
    void onlyAThreadThatHasTheTimeTakesItsCompletionItself() throws Exception {
        CountingPoller poller = new CountingPoller();
        dispatcher.setPoller(poller);
        driverOnceAwaited(future, () -> driverSays("done")).start();
        assertEquals("done", future.get());
        assertEquals(1, poller.offers.get());
        boolean inTime = false;
        while (!inTime) {
            OperationFuture<String> brief = new OperationFuture<>(dispatcher);
            Thread driver = driverOnceAwaited(brief, () -> brief.record("done"));
            driver.start();
            try {
                brief.get(5, TimeUnit.MILLISECONDS);
                inTime = true;
            } catch (TimeoutException e) {
                driver.interrupt(); // it was late
            }
            driver.join();
        }
        assertEquals(1, poller.offers.get());
    }

    @Test
    void getIsInterruptible() {
        Thread.currentThread().interrupt();
        assertThrows(InterruptedException.class, future::get);
        assertFalse(Thread.currentThread().isInterrupted());
        assertFalse(future.isDone());
    }

    @Test
    void failuresReachEveryone() {
        CompletableFuture<Integer> dependent = future.thenApply(String::length);
        future.recordFailure(new IOException("broken"));
        dispatcher.dispatch(future);
        runTasks();
        assertEquals(
                "broken",
                assertThrows(ExecutionException.class, future::get).getCause().getMessage());
        assertTrue(dependent.isCompletedExceptionally());
    }

    @Test
    void isTheDriversToComplete() {
        assertThrows(UnsupportedOperationException.class, () -> future.complete("mine"));
        assertThrows(UnsupportedOperationException.class, () -> future.completeExceptionally(new IOException()));
        assertThrows(UnsupportedOperationException.class, () -> future.completeAsync(() -> "mine"));
        assertThrows(UnsupportedOperationException.class, () -> future.obtrudeValue("mine"));
        assertThrows(UnsupportedOperationException.class, () -> future.obtrudeException(new IOException()));
        assertThrows(
                UnsupportedOperationException.class,
                () -> future.thenApply(s -> s).obtrudeValue("mine"));
        assertFalse(future.isDone());
    }

    @Test
    void aRefusingExecutorDoesNotLoseCompletions() throws Exception {
        Dispatcher refusing = Dispatcher.on(task -> {
            throw new java.util.concurrent.RejectedExecutionException("shut down");
        });
        OperationFuture<String> refused = new OperationFuture<>(refusing);
        CompletableFuture<Thread> dependent = refused.thenApply(result -> Thread.currentThread());
        refused.record("done");
        refusing.dispatch(refused);
        assertNotEquals(Thread.currentThread(), dependent.get(20, TimeUnit.SECONDS));
    }
}
