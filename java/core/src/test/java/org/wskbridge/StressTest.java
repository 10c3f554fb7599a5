// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several threads do everything at once for a moment: each future completes once, with something sensible. */
class StressTest extends BridgeFixture {
    private static final long MILLIS = 1500;
    private static final int AT_LEAST = 100;

    private final AtomicInteger started = new AtomicInteger();
    private final AtomicInteger completed = new AtomicInteger();
    private final ConcurrentLinkedQueue<Throwable> surprises = new ConcurrentLinkedQueue<>();

    private interface Task {
        void run(Random random) throws Exception;
    }

    private void runInThreads(Task task) throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            Random random = new Random(i);
            threads.add(new Thread(() -> {
                long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(MILLIS);
                while (System.nanoTime() < end || started.get() <= AT_LEAST) {
                    try {
                        task.run(random);
                    } catch (Exception e) {
                        surprises.add(e);
                    }
                }
            }));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
    }

    /** Counts a future's end, which must be a result or one of the expected failures. */
    private <T> CompletableFuture<T> watch(CompletableFuture<T> future) {
        started.incrementAndGet();
        future.whenComplete((result, failure) -> {
            completed.incrementAndGet();
            if (result instanceof ReceivedDatagram datagram) {
                datagram.close();
            } else if (result instanceof WskConnectionSocket connection) {
                connection.abort();
            }
            if (failure != null
                    && !(failure instanceof CancellationException)
                    && !(failure instanceof TimeoutException)
                    && !(failure instanceof IOException)) {
                surprises.add(failure);
            }
        });
        return future;
    }

    private void end(Random random, CompletableFuture<?> future) {
        switch (random.nextInt(4)) {
            case 0 -> assertEquals(future.cancel(true), future.isCancelled());
            case 1 -> future.orTimeout(random.nextInt(3), TimeUnit.MILLISECONDS);
            case 2 -> future.thenApply(Object::toString).orTimeout(random.nextInt(3), TimeUnit.MILLISECONDS);
            default -> future.thenApply(Object::toString).cancel(true);
        }
    }

    private void allCompleted() throws Exception {
        bridge.close();
        eventually("every future completes", () -> completed.get() == started.get());
        assertTrue(started.get() > AT_LEAST);
        surprises.forEach(Throwable::printStackTrace);
        assertTrue(surprises.isEmpty(), () -> surprises.size() + " surprises, the first " + surprises.peek());
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void datagrams(boolean onPoller) throws Exception {
        if (onPoller) {
            bridge.close();
            bridge = WskBridge.builder().completeOnPoller().open();
        }
        WskDatagramSocket shared = datagram(INET);
        InetSocketAddress target = shared.getLocalAddress();
        runInThreads(random -> {
            try (WskDatagramSocket own = datagram(INET)) {
                for (int i = 0; i < 20; i++) {
                    WskDatagramSocket socket = random.nextBoolean() ? own : shared;
                    CompletableFuture<ReceivedDatagram> receive = watch(socket.receiveFrom(random.nextInt(1000)));
                    watch(own.sendTo(ByteBuffer.allocate(random.nextInt(1000)), target));
                    if (random.nextBoolean()) {
                        watch(own.sendTo(ByteBuffer.allocateDirect(10), own.getLocalAddress()));
                    }
                    end(random, receive);
                }
            }
        });
        allCompleted();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void connections(boolean onPoller) throws Exception {
        if (onPoller) {
            bridge.close();
            bridge = WskBridge.builder().completeOnPoller().open();
        }
        WskListenSocket listener = listener(INET);
        InetSocketAddress target = listener.getLocalAddress();
        runInThreads(random -> {
            CompletableFuture<WskConnectionSocket> accept = watch(listener.accept());
            WskConnectionSocket socket = bridge.openConnection(INET);
            CompletableFuture<Void> connect = watch(socket.connect(target));
            if (random.nextInt(4) == 0) {
                end(random, connect.thenApply(nothing -> ""));
            }
            try {
                connect.join();
                CompletableFuture<Integer> receive = watch(socket.receive(ByteBuffer.allocate(100)));
                watch(socket.send(ByteBuffer.allocate(random.nextInt(1 << 20))));
                end(random, receive);
            } catch (RuntimeException e) {
                assertTrue(connect.isCompletedExceptionally());
            }
            if (random.nextBoolean()) {
                socket.close();
            } else {
                socket.abort();
            }
            end(random, accept);
        });
        allCompleted();
    }
}
