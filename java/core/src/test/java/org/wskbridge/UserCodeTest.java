// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** When and where user code runs: it holds up no other's, no deadline, and no stack. */
@ExtendWith(HostAccounting.class)
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class UserCodeTest {
    /** Enough for a stack to overflow many times over. */
    private static final int ROUNDS = Integer.getInteger("wskbridge.test.requests", 100_000);

    private static WskDatagramSocket bound(WskBridge bridge) throws Exception {
        return bridge.openDatagram(INET).bind(new InetSocketAddress(BridgeFixture.LOOPBACK4, 0));
    }

    private static void sendOne(DatagramSocket from, WskDatagramSocket to) throws Exception {
        from.send(new DatagramPacket(new byte[3], 3, to.getLocalAddress()));
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static WskBridge.Builder builder(String where, ExecutorService pool) {
        return switch (where) {
            case "own threads" -> WskBridge.builder();
            case "two threads" -> WskBridge.builder().executor(pool);
            case "common pool" -> WskBridge.builder().executor(ForkJoinPool.commonPool());
            case "poller" -> WskBridge.builder().completeOnPoller();
            case "caller" -> WskBridge.builder().executor(Runnable::run);
            default -> throw new IllegalArgumentException(where);
        };
    }

    // ---- others' callbacks -------------------------------------------------------------------------------------

    /** Both datagrams come in one batch of completions, or nearly so. */
    @ParameterizedTest
    @ValueSource(strings = {"own threads", "two threads"})
    void aCallbackThatBlocksHoldsUpNoOther(String where) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(2);
        try (WskBridge bridge = builder(where, pool).open();
                WskDatagramSocket one = bound(bridge);
                WskDatagramSocket other = bound(bridge);
                DatagramSocket peer = new DatagramSocket(0, BridgeFixture.LOOPBACK4)) {
            for (int i = 0; i < 200; i++) {
                CountDownLatch latch = new CountDownLatch(1);
                CompletableFuture<Void> blocks = one.receiveFrom().thenAccept(datagram -> {
                    datagram.close();
                    await(latch);
                });
                CompletableFuture<Void> frees = other.receiveFrom().thenAccept(datagram -> {
                    datagram.close();
                    latch.countDown();
                });
                sendOne(peer, one);
                sendOne(peer, other);
                frees.get(60, SECONDS);
                blocks.get(60, SECONDS);
            }
        } finally {
            pool.shutdownNow();
        }
    }

    /** One callback for each of many sockets; all of them come while the first still waits. */
    @Test
    void manyCallbacksRunBesideOneThatWaitsForThemAll() throws Exception {
        int count = 32;
        try (WskBridge bridge = WskBridge.open();
                DatagramSocket peer = new DatagramSocket(0, BridgeFixture.LOOPBACK4)) {
            CountDownLatch latch = new CountDownLatch(count);
            WskDatagramSocket[] sockets = new WskDatagramSocket[count];
            CompletableFuture<?>[] all = new CompletableFuture<?>[count];
            for (int i = 0; i < count; i++) {
                sockets[i] = bound(bridge);
                all[i] = sockets[i].receiveFrom().thenAccept(datagram -> {
                    datagram.close();
                    latch.countDown();
                    await(latch);
                });
            }
            for (WskDatagramSocket socket : sockets) {
                sendOne(peer, socket);
            }
            CompletableFuture.allOf(all).get(60, SECONDS);
        }
    }

    // ---- deadlines ---------------------------------------------------------------------------------------------

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aDeadlineOfADependentFiresWhileTheExecutorIsBusy(boolean received) throws Exception {
        ExecutorService single = Executors.newSingleThreadExecutor();
        CountDownLatch latch = new CountDownLatch(1);
        try (WskBridge bridge = WskBridge.builder().executor(single).open();
                WskDatagramSocket socket = bound(bridge);
                DatagramSocket peer = new DatagramSocket(0, BridgeFixture.LOOPBACK4)) {
            single.execute(() -> await(latch));
            CompletableFuture<ReceivedDatagram> receive = socket.receiveFrom();
            CompletableFuture<Integer> dependent =
                    receive.thenApply(ReceivedDatagram::length).orTimeout(200, MILLISECONDS);
            CompletableFuture<String> furtherOn = dependent.handle((length, failure) -> String.valueOf(failure));
            if (received) {
                sendOne(peer, socket); // its delivery waits for the executor, for longer than the deadline
            }
            ExecutionException failure = assertThrows(ExecutionException.class, () -> dependent.get(60, SECONDS));
            assertInstanceOf(TimeoutException.class, failure.getCause());
            assertTrue(furtherOn.get(60, SECONDS).contains("TimeoutException"));
            assertTrue(latch.getCount() > 0);
            latch.countDown();
            if (received) {
                receive.get(60, SECONDS).close();
            }
        } finally {
            latch.countDown();
            single.shutdownNow();
        }
    }

    /** What depends on a future that timed out may block: the next deadline fires all the same. */
    @Test
    void aDeadlineFiresBesideUserCodeOfAnother() throws Exception {
        CountDownLatch latch = new CountDownLatch(1);
        try (WskBridge bridge = WskBridge.open();
                WskDatagramSocket socket = bound(bridge)) {
            CompletableFuture<Void> blocks = socket.receiveFrom()
                    .thenRun(() -> {})
                    .orTimeout(10, MILLISECONDS)
                    .handle((nothing, failure) -> {
                        await(latch);
                        return null;
                    });
            CompletableFuture<Void> next =
                    socket.receiveFrom().thenRun(() -> {}).orTimeout(50, MILLISECONDS);
            assertThrows(ExecutionException.class, () -> next.get(60, SECONDS));
            assertFalse(blocks.isDone());
            latch.countDown();
            blocks.get(60, SECONDS);
        }
    }

    // ---- loops -------------------------------------------------------------------------------------------------

    private static CompletableFuture<?> loop(int rounds, Function<Integer, CompletableFuture<?>> operation) {
        if (rounds == 0) {
            return CompletableFuture.completedFuture(null);
        }
        return operation
                .apply(rounds)
                .thenCompose(result -> loop(rounds - 1, operation).thenApply(x -> x));
    }

    private static void loop(
            int rounds, Function<Integer, CompletableFuture<?>> operation, CompletableFuture<Void> end) {
        if (rounds == 0) {
            end.complete(null);
            return;
        }
        operation.apply(rounds).whenComplete((result, failure) -> loop(rounds - 1, operation, end));
    }

    @ParameterizedTest
    @CsvSource({
        "own threads, send", "own threads, nop", "own threads, fail", "own threads, closed",
        "poller, send", "poller, nop", "poller, fail", "poller, closed",
        "caller, send", "caller, closed", "common pool, send"
    })
    void loopsDoNotGrowTheStack(String where, String what) throws Exception {
        ByteBuffer small = ByteBuffer.allocateDirect(4);
        ByteBuffer tooLong = ByteBuffer.allocate(70_000);
        try (DatagramSocket sink = new DatagramSocket(0, BridgeFixture.LOOPBACK4);
                WskBridge bridge = builder(where, null).open();
                WskDatagramSocket socket = bound(bridge);
                WskDatagramSocket closed = bound(bridge)) {
            closed.close();
            InetSocketAddress to = (InetSocketAddress) sink.getLocalSocketAddress();
            Function<Integer, CompletableFuture<?>> operation = switch (what) {
                case "send" -> round -> socket.sendTo(small.clear(), to);
                case "nop" -> round -> bridge.nop();
                case "fail" -> round -> socket.sendTo(tooLong.clear(), to).exceptionally(failure -> 0);
                case "closed" -> round -> closed.sendTo(small.clear(), to).exceptionally(failure -> 0);
                default -> throw new IllegalArgumentException(what);
            };
            loop(ROUNDS, operation).get(200, SECONDS);
            CompletableFuture<Void> end = new CompletableFuture<>();
            loop(ROUNDS, operation, end);
            end.get(200, SECONDS);
        }
    }

    /** A receive ends at once when data has come before it. */
    @ParameterizedTest
    @ValueSource(strings = {"own threads", "poller"})
    void loopsOfReceivesDoNotGrowTheStack(String where) throws Exception {
        ByteBuffer one = ByteBuffer.allocateDirect(1);
        try (java.net.ServerSocket server = new java.net.ServerSocket(0, 1, BridgeFixture.LOOPBACK4);
                WskBridge bridge = builder(where, null).open();
                WskConnectionSocket socket = bridge.openConnection(INET)) {
            socket.connect(server.getLocalSocketAddress()).get(60, SECONDS);
            try (java.net.Socket peer = server.accept()) {
                peer.getOutputStream().write(new byte[ROUNDS]);
                loop(ROUNDS, round -> socket.receive(one.clear())).get(200, SECONDS);
            }
        }
    }

    /** Stages that are registered on a future that is done don't run within the call. */
    @Test
    void dependentsDoNotRunInTheCallThatRegistersThem() throws Exception {
        try (DatagramSocket sink = new DatagramSocket(0, BridgeFixture.LOOPBACK4);
                WskBridge bridge = WskBridge.open();
                WskDatagramSocket socket = bound(bridge)) {
            CompletableFuture<Integer> sent = socket.sendTo(ByteBuffer.allocate(4), sink.getLocalSocketAddress());
            sent.get(60, SECONDS);
            Thread self = Thread.currentThread();
            CountDownLatch registered = new CountDownLatch(1);
            CompletableFuture<Thread> ran = sent.thenApply(count -> {
                await(registered);
                return Thread.currentThread();
            });
            registered.countDown();
            assertFalse(ran.get(60, SECONDS) == self);
            assertEquals(4, sent.join());
        }
    }

    // ---- waiting on the library's threads ----------------------------------------------------------------------

    @Test
    void aCloseCanBeWaitedForOnThePoller() throws Exception {
        try (WskBridge bridge = WskBridge.builder().completeOnPoller().open();
                WskDatagramSocket socket = bound(bridge);
                WskDatagramSocket other = bound(bridge);
                DatagramSocket peer = new DatagramSocket(0, BridgeFixture.LOOPBACK4)) {
            CompletableFuture<ReceivedDatagram> pending = socket.receiveFrom();
            CompletableFuture<Void> waited = other.receiveFrom().thenAccept(datagram -> {
                datagram.close();
                socket.closeAsync().join();
            });
            sendOne(peer, other);
            waited.get(60, SECONDS);
            assertTrue(pending.isCompletedExceptionally());
        }
    }

    @Test
    void theCloseOfTheBridgeCanBeWaitedForOnThePoller() throws Exception {
        WskBridge bridge = WskBridge.builder().completeOnPoller().open();
        try (WskDatagramSocket socket = bound(bridge);
                DatagramSocket peer = new DatagramSocket(0, BridgeFixture.LOOPBACK4)) {
            CompletableFuture<Void> waited = socket.receiveFrom().thenAccept(datagram -> {
                datagram.close();
                bridge.closeAsync().join();
            });
            sendOne(peer, socket);
            waited.get(60, SECONDS);
            bridge.close();
        }
    }

    /** An executor that refuses everything, and the common pool that takes it. */
    @Test
    void anExecutorThatRefusesLosesNothing() throws Exception {
        Executor refusing = task -> {
            throw new java.util.concurrent.RejectedExecutionException("shut down");
        };
        try (WskBridge bridge = WskBridge.builder().executor(refusing).open()) {
            for (int i = 0; i < 100; i++) {
                bridge.nop().thenRun(() -> {}).get(60, SECONDS);
            }
        }
    }
}
