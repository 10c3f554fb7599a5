// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.wskbridge.internal.future.Dispatcher;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.Verb;

/**
 * What a thread does that takes completions in the poller's place, and what closing does, step by step: the test plays
 * the driver. {@link org.wskbridge.WaitingThreadTest} shows the same with a real one.
 */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CompletionPortTest {
    private final List<CompletionPort> ports = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();

    private CompletionPort open(FakeBinding binding, Executor executor) throws Exception {
        CompletionPort port = CompletionPort.open(binding, Dispatcher.on(executor), "fake-poller");
        ports.add(port);
        return port;
    }

    @AfterEach
    void end() throws InterruptedException {
        for (Thread thread : threads) {
            thread.interrupt();
            thread.join();
        }
        ports.forEach(CompletionPort::close);
    }

    /** Asks what is to happen whenever the thread that made it polls. */
    private abstract static class HelpedBinding extends FakeBinding {
        private final Thread helper = Thread.currentThread();
        private int helps;

        /** That thread is about to take a completion, for the n-th time in {@link #waitUntilHelping}: 1 at first. */
        abstract void helping(int time) throws Exception;

        @Override
        final void foregroundWaits() {
            if (Thread.currentThread() == helper) {
                try {
                    helping(++helps);
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            }
        }

        /**
         * Requests and responses, until this thread takes completions itself; then the response still comes, but only
         * when it doesn't any more.
         */
        final void waitUntilHelping(SocketHandle socket) throws Exception {
            helps = 0;
            while (helps == 0) {
                StreamOperations.nop(socket).get();
            }
        }
    }

    /** The driver ends each operation on a socket when the current thread waits for it, or for another, and is parked. */
    private void endWhatThisThreadWaitsFor(FakeBinding binding, SocketHandle socket) {
        Thread waiting = Thread.currentThread();
        Thread driver = new Thread(() -> {
            try {
                while (true) {
                    FakeBinding.Submission operation = binding.next(socket);
                    while (!(LockSupport.getBlocker(waiting) instanceof OperationFuture)) {
                        Thread.sleep(0, 100_000);
                    }
                    binding.end(operation, Status.SUCCESS, 0);
                }
            } catch (InterruptedException e) {
                // the test is over
            }
        });
        threads.add(driver);
        driver.start();
    }

    /** However many completions of others there are, a thread takes them for a moment only: then the poller does. */
    @Test
    void aWaitingThreadHelpsForAMomentOnly() throws Exception {
        int many = 200_000; // far more than a moment has room for
        AtomicInteger taken = new AtomicInteger();
        List<SocketHandle> others = new ArrayList<>();
        HelpedBinding binding = new HelpedBinding() {
            @Override
            void helping(int time) throws Exception {
                if (time <= many) {
                    taken.set(time);
                    StreamOperations.nop(others.get(0));
                    end(next(others.get(0)), Status.SUCCESS, 0);
                }
            }
        };
        CompletionPort port = open(binding, Runnable::run);
        others.add(port.openSocket());
        SocketHandle mine = port.openSocket();
        endWhatThisThreadWaitsFor(binding, mine);
        binding.waitUntilHelping(mine);
        assertTrue(taken.get() < many, "it took others' completions for as long as there were any");
    }

    /** Dependents of others' operations don't wait for the end of this thread's. Often, as a help is short. */
    @Test
    void whatAWaitingThreadCollectsIsHandedOverBeforeItWaitsAgain() throws Exception {
        Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();
        AtomicBoolean late = new AtomicBoolean();
        List<SocketHandle> others = new ArrayList<>();
        HelpedBinding binding = new HelpedBinding() {
            @Override
            void helping(int time) throws Exception {
                if (time == 1) {
                    StreamOperations.nop(others.get(0)).thenRun(() -> {});
                    end(next(others.get(0)), Status.SUCCESS, 0);
                } else if (tasks.isEmpty()) {
                    late.set(true);
                }
            }
        };
        CompletionPort port = open(binding, tasks::add);
        others.add(port.openSocket());
        SocketHandle mine = port.openSocket();
        endWhatThisThreadWaitsFor(binding, mine);
        for (int round = 0; round < 50; round++) {
            binding.waitUntilHelping(mine);
            assertEquals(1, tasks.size());
            assertFalse(late.get(), "it waited for more completions first");
            tasks.remove().run();
        }
    }

    /** User code behind a socket's end, as of closeAsync, may wait for operations: whoever polled has let the port go. */
    @Test
    void userCodeBehindTheEndOfASocketRunsAfterPolling() throws Exception {
        List<SocketHandle> closing = new ArrayList<>();
        HelpedBinding binding = new HelpedBinding() {
            @Override
            void helping(int time) throws Exception {
                if (time == 1) {
                    StreamOperations.nop(closing.get(0));
                    closing.get(0).close();
                    end(next(closing.get(0)), Status.CANCELLED, 0);
                }
            }
        };
        CompletionPort port = open(binding, Runnable::run);
        SocketHandle mine = port.openSocket();
        SocketHandle ended = port.openSocket();
        closing.add(ended);
        CompletableFuture<Void> userCode = new CompletableFuture<>();
        ended.released()
                .thenRun(() -> port.dispatcher().execute(() -> {
                    try {
                        userCode.complete(StreamOperations.nop(mine).get(10, TimeUnit.SECONDS));
                    } catch (Exception e) {
                        userCode.completeExceptionally(e);
                    }
                }));
        endWhatThisThreadWaitsFor(binding, mine);
        binding.waitUntilHelping(mine);
        userCode.get(20, TimeUnit.SECONDS);
    }

    /** The port is closed, and ends what it has, while an operation is on its way to the driver. */
    @Test
    void anOperationThatThePortsCloseOvertakesEndsOnce() throws Exception {
        FakeBinding binding = new FakeBinding() {
            @Override
            public int submit(long port, long entries, long operationTokens, long results, int count) {
                ports.forEach(CompletionPort::close);
                return Status.INVALID_HANDLE;
            }
        };
        CompletionPort port = open(binding, Runnable::run);
        List<Integer> ends = new ArrayList<>();
        Operation operation = new Operation(port.openSocket(), Verb.NOP, false) {
            @Override
            void ended(CompletionRecord record) {
                ends.add(record.status());
            }
        };
        port.submit(operation, 0, 0, 0, SocketAddresses.NONE);
        assertEquals(List.of(Status.CANCELLED), ends);
    }
}
