// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wskbridge.internal.socket.FakeBinding;

class BridgeTest extends BridgeFixture {
    @Test
    void tellsWhatItRunsOn() throws Exception {
        assertTrue(WskBridge.isAvailable());
        assertEquals(Optional.empty(), WskBridge.unavailabilityCause());
        try (WskDatagramSocket socket = datagram(INET)) {
            BridgeInfo info = bridge.info();
            assertEquals("2.0", info.driverVersion());
            assertEquals("1.15", info.frameworkVersion());
            assertEquals(Optional.of("1.0"), info.providerVersion());
            Set<Feature> lacking = EnumSet.allOf(Feature.class);
            lacking.removeAll(info.features());
            assertEquals(
                    ON_WINE ? EnumSet.of(Feature.SEND_TRAFFIC_CLASS, Feature.RECEIVE_COALESCED) : Set.of(), lacking);
            assertEquals(65_527, info.limits().maximumDatagram());
            assertEquals(1 << 24, info.limits().maximumTransfer());
            assertNotEquals("unknown", info.libraryVersion());
            assertTrue(socket.toString().contains(Long.toString(socket.id())));
        }
    }

    @Test
    void countsWhatTheDriverDoes() throws Exception {
        BridgeStatistics before = bridge.statistics();
        try (WskDatagramSocket first = datagram(INET);
                WskDatagramSocket second = datagram(INET)) {
            assertEquals(before.openSockets() + 2, bridge.statistics().openSockets());
            await(first.sendTo(ByteBuffer.allocate(100), second.getLocalAddress()));
            await(second.receiveFrom()).close();
            CompletableFuture<ReceivedDatagram> pending = second.receiveFrom();
            BridgeStatistics now = bridge.statistics();
            assertEquals(before.sentDatagrams() + 1, now.sentDatagrams());
            assertEquals(before.receivedDatagrams() + 1, now.receivedDatagrams());
            assertEquals(before.sentBytes() + 100, now.sentBytes());
            assertEquals(before.receivedBytes() + 100, now.receivedBytes());
            assertEquals(before.operationsInFlight() + 1, now.operationsInFlight());
            assertTrue(now.controlRequests() > before.controlRequests());
            assertTrue(now.startedIrps() > now.completedIrps());
            assertTrue(pending.cancel(true));
            assertEquals(before.cancelledRequests() + 1, bridge.statistics().cancelledRequests());
        }
    }

    @Test
    void manyNops() throws Exception {
        for (int round = 0; round < 100; round++) {
            List<CompletableFuture<Void>> nops = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                nops.add(bridge.nop());
            }
            for (CompletableFuture<Void> nop : nops) {
                await(nop);
            }
        }
    }

    @Test
    void severalBridges() throws Exception {
        try (WskBridge other = WskBridge.builder().name("other").open();
                WskDatagramSocket theirs = other.openDatagram(INET).bind(null);
                WskDatagramSocket ours = datagram(INET)) {
            await(theirs.sendTo(ByteBuffer.allocate(1), ours.getLocalAddress()));
            await(ours.receiveFrom()).close();
            assertTrue(other.toString().contains("other"));
        }
        await(bridge.nop());
    }

    // ---- threads -----------------------------------------------------------------------------------------------

    /** The thread that a dependent of a receive runs on. */
    private static Thread threadOfDependent(WskBridge wsk) throws Exception {
        try (WskDatagramSocket socket = wsk.openDatagram(INET).bind(new java.net.InetSocketAddress(LOOPBACK4, 0))) {
            CompletableFuture<Thread> thread = new CompletableFuture<>();
            socket.receiveFrom().thenAccept(datagram -> {
                datagram.close();
                thread.complete(Thread.currentThread());
            });
            await(socket.sendTo(ByteBuffer.allocate(1), socket.getLocalAddress()));
            return await(thread);
        }
    }

    @Test
    void dependentsRunOnTheBridgesThreads() throws Exception {
        Thread thread = threadOfDependent(bridge);
        assertTrue(thread.getName().contains("-worker-"), thread.getName());
        assertTrue(thread.isDaemon());
    }

    @Test
    void dependentsRunOnTheGivenExecutor() throws Exception {
        ExecutorService executor = Executors.newSingleThreadExecutor(task -> new Thread(task, "mine"));
        try (WskBridge own = WskBridge.builder().executor(executor).open()) {
            assertEquals("mine", threadOfDependent(own).getName());
        } finally {
            executor.shutdown();
        }
    }

    @Test
    void dependentsRunOnThePollerIfAskedFor() throws Exception {
        try (WskBridge own =
                WskBridge.builder().name("inline").completeOnPoller().open()) {
            assertEquals("inline-poller", threadOfDependent(own).getName());
        }
    }

    @Test
    void aBlockedExecutorBlocksNobodyElse() throws Exception {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        CountDownLatch blocked = new CountDownLatch(1);
        try (WskBridge own = WskBridge.builder().executor(executor).open();
                WskDatagramSocket socket = own.openDatagram(INET).bind(new java.net.InetSocketAddress(LOOPBACK4, 0))) {
            CompletableFuture<ReceivedDatagram> first = socket.receiveFrom();
            first.thenAccept(datagram -> {
                try {
                    blocked.await();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            });
            await(socket.sendTo(ByteBuffer.allocate(1), socket.getLocalAddress()));
            CompletableFuture<ReceivedDatagram> second = socket.receiveFrom();
            CompletableFuture<Integer> dependent = second.thenApply(ReceivedDatagram::length);
            await(socket.sendTo(ByteBuffer.allocate(2), socket.getLocalAddress()));
            await(second).close();
            assertEquals(2, dependent.getNow(-1));
            CompletableFuture<ReceivedDatagram> third = socket.receiveFrom();
            CompletableFuture<Integer> other = third.thenApply(ReceivedDatagram::length);
            assertTrue(other.cancel(true));
            assertTrue(third.isCancelled());
            blocked.countDown();
            first.join().close();
        } finally {
            executor.shutdown();
        }
    }

    /** Executors of users that fail otherwise than by refusing, before or after a task was taken. */
    enum FailingExecutor implements Executor {
        WITH_AN_EXCEPTION {
            @Override
            public void execute(Runnable task) {
                throw new IllegalStateException("on purpose");
            }
        },
        WITH_AN_ERROR {
            @Override
            public void execute(Runnable task) {
                throw new NoClassDefFoundError("on purpose");
            }
        },
        AFTER_THE_TASK {
            @Override
            public void execute(Runnable task) {
                task.run();
                throw new IllegalStateException("on purpose");
            }
        },
        AFTER_IT_PASSED_THE_TASK_ON {
            @Override
            public void execute(Runnable task) {
                new Thread(task).start();
                throw new IllegalStateException("on purpose");
            }
        }
    }

    /** Each of the completions needs the poller, which has had a failure of the executor each time before. */
    @ParameterizedTest
    @EnumSource
    void anExecutorThatFailsLosesNoCompletion(FailingExecutor executor) throws Exception {
        try (WskBridge own = WskBridge.builder().executor(executor).open();
                WskDatagramSocket socket = own.openDatagram(INET).bind(new java.net.InetSocketAddress(LOOPBACK4, 0))) {
            for (int length = 1; length <= 3; length++) {
                CompletableFuture<Integer> dependent = socket.receiveFrom().thenApply(datagram -> {
                    try (datagram) {
                        return datagram.length();
                    }
                });
                await(socket.sendTo(ByteBuffer.allocate(length), socket.getLocalAddress()));
                assertEquals(length, await(dependent));
            }
        }
    }

    /** User code on the poller may wait for other operations, cancel them, and close things. */
    @Test
    void userCodeOnThePollerDoesNotBlockIt() throws Exception {
        WskBridge own = WskBridge.builder().completeOnPoller().open();
        WskDatagramSocket socket = own.openDatagram(INET).bind(new java.net.InetSocketAddress(LOOPBACK4, 0));
        java.net.InetSocketAddress self = socket.getLocalAddress();
        CompletableFuture<String> outcome = new CompletableFuture<>();
        socket.receiveFrom().thenAccept(first -> {
            try {
                first.close();
                CompletableFuture<ReceivedDatagram> second = socket.receiveFrom();
                CompletableFuture<Integer> length = second.thenApply(ReceivedDatagram::length);
                socket.sendTo(ByteBuffer.allocate(7), self).join();
                assertEquals(7, length.join());
                second.join().close();
                CompletableFuture<ReceivedDatagram> third = socket.receiveFrom();
                assertThrows(TimeoutException.class, () -> third.get(10, TimeUnit.MILLISECONDS));
                assertTrue(third.cancel(true));
                socket.close();
                own.close();
                outcome.complete("went through on " + Thread.currentThread().getName());
            } catch (Throwable e) {
                outcome.completeExceptionally(e);
            }
        });
        await(socket.sendTo(ByteBuffer.allocate(1), self));
        assertTrue(await(outcome).endsWith("-poller"));
        await(own.closeAsync());
    }

    /**
     * What is still under way when the port is closed ends on the thread that closes, and so do its dependents where
     * the executor runs them at once; those that the poller would have run have a thread of their own then. The driver
     * that lets it come so far is a fake.
     */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void userCodeThatRunsAsTheBridgeEndsMayClose(boolean onPoller) throws Exception {
        WskBridge.Builder builder = WskBridge.builder().name("own");
        WskBridge own =
                (onPoller ? builder.completeOnPoller() : builder.executor(Runnable::run)).open(new FakeBinding());
        CompletableFuture<String> thread = own.nop().handle((nothing, failure) -> {
            try {
                own.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return Thread.currentThread().getName();
        });
        await(own.closeAsync());
        String name = await(thread);
        assertTrue(name.startsWith(onPoller ? "wskbridge-spare-" : "own-closer"), name);
    }

    @Test
    void closeFromSeveralThreads() throws Exception {
        WskDatagramSocket socket = datagram(INET);
        CompletableFuture<ReceivedDatagram> receive = socket.receiveFrom();
        List<Thread> closers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            closers.add(new Thread(() -> {
                try {
                    bridge.close();
                } catch (java.io.IOException e) {
                    throw new AssertionError(e);
                }
            }));
        }
        closers.forEach(Thread::start);
        for (Thread closer : closers) {
            closer.join();
        }
        assertFalse(socket.isOpen());
        assertTrue(receive.isCompletedExceptionally());
    }

    @Test
    void openAndClose() throws Exception {
        for (int i = 0; i < 50; i++) {
            try (WskBridge other = WskBridge.open()) {
                await(other.nop());
            }
        }
    }
}
