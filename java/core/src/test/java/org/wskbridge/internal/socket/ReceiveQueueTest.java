// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.wskbridge.BridgeLimits;
import org.wskbridge.WskQuotaException;
import org.wskbridge.internal.future.Dispatcher;
import org.wskbridge.internal.memory.BufferPool;
import org.wskbridge.internal.shim.Status;

/** The order of receives, and which of them the driver has; the test plays the driver. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ReceiveQueueTest {
    private final FakeBinding binding = new FakeBinding();
    private final BufferPool pool = new BufferPool(1 << 24, false);
    private CompletionPort port;
    private SocketHandle socket;
    private ReceiveQueue receives;

    @BeforeEach
    void open() throws Exception {
        port = CompletionPort.open(binding, Dispatcher.on(Runnable::run), pool, "fake-poller");
        socket = port.openSocket();
        BridgeLimits threeAtATime = new BridgeLimits(65_527, 1 << 24, 38, 16, 16, 1L << 30);
        receives = new ReceiveQueue(socket, threeAtATime);
    }

    @AfterEach
    void nothingIsLeft() {
        socket.close();
        port.close();
        assertEquals(0, pool.leasesOut());
    }

    private static <T> T await(CompletableFuture<T> future) throws Exception {
        return future.get(20, TimeUnit.SECONDS);
    }

    private static Throwable failure(CompletableFuture<?> future) {
        return assertThrows(ExecutionException.class, () -> await(future)).getCause();
    }

    private List<CompletableFuture<Integer>> receive(int count) {
        List<CompletableFuture<Integer>> futures = new ArrayList<>();
        for (int i = 1; i <= count; i++) {
            futures.add(receives.receive(ByteBuffer.allocate(i)));
        }
        return futures;
    }

    @Test
    void whatTheDriverDoesNotTakeWaitsInOrder() throws Exception {
        List<CompletableFuture<Integer>> futures = receive(20);
        List<FakeBinding.Submission> underWay = new ArrayList<>();
        for (int i = 1; i <= 20; i++) {
            FakeBinding.Submission next = binding.next(socket);
            assertEquals(i, next.length());
            underWay.add(next);
            if (i >= 3) {
                assertTrue(binding.nothingStarted(socket));
                binding.end(underWay.get(i - 3), Status.SUCCESS, i - 2);
                assertEquals(i - 2, await(futures.get(i - 3)));
            }
        }
    }

    @Test
    void whatTheDriverRefusesIsTriedAgain() throws Exception {
        binding.endNextAtOnce(Status.QUOTA_EXCEEDED);
        CompletableFuture<Integer> first = receives.receive(ByteBuffer.allocate(1));
        FakeBinding.Submission again = binding.next(socket);
        assertEquals(1, again.length());
        binding.endNextAtOnce(Status.QUOTA_EXCEEDED);
        CompletableFuture<Integer> second = receives.receive(ByteBuffer.allocate(2));
        CompletableFuture<Integer> third = receives.receive(ByteBuffer.allocate(3));
        assertTrue(binding.nothingStarted(socket));
        binding.end(again, Status.SUCCESS, 1);
        assertEquals(1, await(first));
        FakeBinding.Submission next = binding.next(socket);
        assertEquals(2, next.length());
        binding.end(next, Status.QUOTA_EXCEEDED, 0); // too late to try again: the third may have taken bytes
        assertTrue(failure(second) instanceof WskQuotaException);
        binding.end(binding.next(socket), Status.SUCCESS, 3);
        assertEquals(3, await(third));
    }

    @Test
    void whatWaitsIsCancelledAtOnceAndClosedWithTheSocket() throws Exception {
        List<CompletableFuture<Integer>> futures = receive(6);
        assertTrue(futures.get(4).cancel(true));
        List<FakeBinding.Submission> underWay = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            underWay.add(binding.next(socket));
        }
        socket.beginClose();
        underWay.forEach(receive -> binding.end(receive, Status.CANCELLED, 0));
        for (int i : new int[] {0, 1, 2, 3, 5}) {
            assertTrue(failure(futures.get(i)) instanceof AsynchronousCloseException);
        }
        assertTrue(binding.nothingStarted(socket));
    }

    @Test
    void theLimitThatTheUserLowersLosesNoByte() throws Exception {
        ByteBuffer target = ByteBuffer.allocate(100).position(10);
        CompletableFuture<Integer> received = receives.receive(target);
        target.limit(20);
        FakeBinding.Submission receive = binding.next(socket);
        binding.fill(receive, (byte) 7);
        binding.end(receive, Status.SUCCESS, 50);
        assertEquals(50, await(received));
        assertEquals(10, target.position(), "it can't be behind the limit");
        assertEquals(20, target.limit());
        target.clear();
        assertEquals(0, target.get(9));
        for (int i = 10; i < 60; i++) {
            assertEquals(7, target.get(i));
        }
        assertEquals(0, target.get(60));
    }

    @Test
    void aPositionThatTheUserMovesLosesNoByte() throws Exception {
        ByteBuffer target = ByteBuffer.allocate(100).position(10);
        CompletableFuture<Integer> received = receives.receive(target);
        target.position(90);
        FakeBinding.Submission receive = binding.next(socket);
        binding.fill(receive, (byte) 7);
        binding.end(receive, Status.SUCCESS, 50);
        assertEquals(50, await(received));
        assertEquals(60, target.position(), "behind the bytes, which are where they were to go");
        assertEquals(7, target.get(10));
        assertFalse(target.limit() != 100);
    }
}
