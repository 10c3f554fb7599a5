// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.wskbridge.BridgeLimits;
import org.wskbridge.WskQuotaException;
import org.wskbridge.internal.future.Dispatcher;
import org.wskbridge.internal.memory.BufferPool;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.NativeMemory;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.Verb;

/** The order of sends, and what becomes of it when one fails; the test plays the driver, and memory that runs out. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SendQueueTest {
    private static final int CHUNK = BufferPool.largest();

    private final FakeBinding binding = new FakeBinding();
    private final AtomicBoolean outOfMemory = new AtomicBoolean();

    /** Keeps nothing, so that each chunk of a heap buffer needs new memory. */
    private final BufferPool pool = new BufferPool(0, false, size -> {
        if (outOfMemory.get()) {
            throw new OutOfMemoryError("on purpose");
        }
        return NativeMemory.allocate(size);
    });

    private CompletionPort port;
    private SocketHandle socket;
    private SendQueue sends;

    @BeforeEach
    void open() throws Exception {
        port = CompletionPort.open(binding, Dispatcher.on(Runnable::run), pool, "fake-poller");
        socket = port.openSocket();
        sends = new SendQueue(socket, new BridgeLimits(65_527, 1 << 24, 4096, 16, 16, 1L << 30));
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

    /** The driver sends all of the next request, which must be a send of that length. */
    private void sendNext(int length) throws Exception {
        FakeBinding.Submission next = binding.next(socket);
        assertEquals(Verb.SEND.number(), next.opcode());
        assertEquals(length, next.length());
        binding.end(next, Status.SUCCESS, length);
    }

    /** What comes behind a send that failed fails too, with that as the cause, and nothing goes out. */
    private void failBehind(Throwable cause, CompletableFuture<?>... behind) {
        for (CompletableFuture<?> future : behind) {
            Throwable failure = failure(future);
            assertSame(SocketException.class, failure.getClass());
            assertSame(cause, failure.getCause());
        }
        assertTrue(binding.nothingStarted(socket));
    }

    private static void cancelOnAnotherThread(CompletableFuture<?> future) {
        new Thread(() -> future.cancel(true)).start();
    }

    @Test
    void aLongSendHoldsUpWhatIsBehindItUntilItsLastChunkIsUnderWay() throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(2 * CHUNK + 1);
        CompletableFuture<Integer> first = sends.send(buffer);
        CompletableFuture<Integer> behind = sends.send(ByteBuffer.allocate(100));
        CompletableFuture<Void> disconnect = sends.disconnect();
        sendNext(CHUNK);
        sendNext(CHUNK);
        FakeBinding.Submission last = binding.next(socket);
        assertEquals(1, last.length());
        FakeBinding.Submission afterwards = binding.next(socket);
        assertEquals(100, afterwards.length());
        binding.end(last, Status.SUCCESS, 1);
        assertEquals(2 * CHUNK + 1, await(first));
        assertFalse(buffer.hasRemaining());
        binding.end(afterwards, Status.SUCCESS, 100);
        assertEquals(100, await(behind));
        binding.end(binding.next(socket), Status.SUCCESS, 0);
        await(disconnect);
    }

    /** A dependent may wait for another thread that sends. */
    @Test
    void userCodeRunsOutsideOfTheLock() throws Exception {
        sends.send(ByteBuffer.allocate(2 * CHUNK));
        CompletableFuture<Integer> waiting = sends.send(ByteBuffer.allocate(1));
        AtomicBoolean went = new AtomicBoolean();
        CompletableFuture<Integer> dependent = waiting.whenComplete((length, failure) -> {
            CountDownLatch sent = new CountDownLatch(1);
            new Thread(() -> {
                        sends.send(ByteBuffer.allocate(1));
                        sent.countDown();
                    })
                    .start();
            try {
                went.set(sent.await(10, TimeUnit.SECONDS));
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        });
        assertTrue(waiting.cancel(true));
        assertTrue(dependent.isDone(), "it ran on the thread that cancelled");
        assertTrue(went.get(), "the other thread could send meanwhile");
    }

    @Test
    void noMemoryForAFirstChunkFailsWhatIsSentLater() throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(CHUNK + 1);
        CompletableFuture<Integer> failed;
        outOfMemory.set(true);
        try {
            failed = sends.send(buffer);
        } catch (OutOfMemoryError e) {
            throw new AssertionError("the future should tell", e);
        }
        Throwable cause = failure(failed);
        assertEquals("on purpose", cause.getMessage());
        assertEquals(0, buffer.position());
        failBehind(cause, sends.send(ByteBuffer.allocate(100)), sends.disconnect());
    }

    @Test
    void noMemoryForALaterChunkFailsWhatIsBehind() throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(CHUNK + 1);
        CompletableFuture<Integer> failed = sends.send(buffer);
        CompletableFuture<Integer> behind = sends.send(ByteBuffer.allocate(100));
        CompletableFuture<Void> disconnect = sends.disconnect();
        outOfMemory.set(true);
        sendNext(CHUNK);
        Throwable cause = failure(failed);
        assertEquals("on purpose", cause.getMessage());
        assertEquals(CHUNK, buffer.position(), "that much went");
        failBehind(cause, behind, disconnect);
    }

    /** Users are not to do that; the bytes are those at the call. */
    @Test
    void aLimitThatTheUserChangesChangesNothing() throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(CHUNK + 1);
        CompletableFuture<Integer> sent = sends.send(buffer);
        buffer.limit(CHUNK);
        sendNext(CHUNK);
        sendNext(1);
        assertEquals(CHUNK + 1, await(sent));
        assertEquals(CHUNK, buffer.limit());
    }

    @Test
    void aFailureFailsWhatTheDriverHasBehindIt() throws Exception {
        CompletableFuture<Integer> before = sends.send(ByteBuffer.allocate(1));
        CompletableFuture<Integer> failed = sends.send(ByteBuffer.allocate(2));
        CompletableFuture<Integer> behind = sends.send(ByteBuffer.allocate(3));
        CompletableFuture<Integer> last = sends.send(ByteBuffer.allocate(4));
        FakeBinding.Submission first = binding.next(socket);
        FakeBinding.Submission second = binding.next(socket);
        FakeBinding.Submission third = binding.next(socket);
        FakeBinding.Submission fourth = binding.next(socket);
        binding.end(second, Status.INSUFFICIENT_RESOURCES, 0);
        Throwable cause = failure(failed);
        assertSame(WskQuotaException.class, cause.getClass());
        binding.awaitCancel(fourth);
        binding.awaitCancel(third);
        binding.end(fourth, Status.CANCELLED, 0);
        binding.end(third, Status.CANCELLED, 0);
        failBehind(cause, behind, last, sends.send(ByteBuffer.allocate(5)));
        assertFalse(before.isDone());
        binding.end(first, Status.SUCCESS, 1);
        assertEquals(1, await(before), "it was before the failure");
        assertTrue(socket.isOpen());
    }

    /** The peer must not take what is behind a hole for the rest of the stream. */
    @Test
    void bytesBehindAHoleResetTheConnection() throws Exception {
        CompletableFuture<Integer> failed = sends.send(ByteBuffer.allocate(2));
        CompletableFuture<Integer> behind = sends.send(ByteBuffer.allocate(3));
        FakeBinding.Submission first = binding.next(socket);
        FakeBinding.Submission second = binding.next(socket);
        binding.end(second, Status.SUCCESS, 3);
        binding.awaitTaken();
        assertFalse(behind.isDone(), "not before what is before it");
        binding.end(first, Status.QUOTA_EXCEEDED, 0);
        Throwable cause = failure(failed);
        assertSame(cause, failure(behind).getCause());
        await(socket.released());
        assertFalse(socket.isOpen());
    }

    @Test
    void whatTheDriverDoesNotTakeWaitsInOrder() throws Exception {
        sends = new SendQueue(socket, new BridgeLimits(65_527, 1 << 24, 38, 16, 16, 1L << 30)); // 3 at a time
        List<CompletableFuture<Integer>> futures = new ArrayList<>();
        for (int length = 1; length <= 20; length++) {
            futures.add(sends.send(ByteBuffer.allocate(length)));
        }
        CompletableFuture<Void> disconnect = sends.disconnect();
        Queue<FakeBinding.Submission> underWay = new ArrayDeque<>();
        for (int length = 1; length <= 20; length++) {
            underWay.add(binding.next(socket));
            if (length >= 3) {
                assertTrue(binding.nothingStarted(socket));
                FakeBinding.Submission first = underWay.remove();
                assertEquals(length - 2, first.length());
                binding.end(first, Status.SUCCESS, first.length());
                assertEquals(length - 2, await(futures.get(length - 3)));
            }
        }
        assertTrue(binding.nothingStarted(socket), "the disconnect comes when no send can be refused any more");
        underWay.forEach(submission -> binding.end(submission, Status.SUCCESS, submission.length()));
        await(futures.get(19));
        FakeBinding.Submission last = binding.next(socket);
        assertEquals(Verb.DISCONNECT.number(), last.opcode());
        binding.end(last, Status.SUCCESS, 0);
        await(disconnect);
    }

    @Test
    void whatTheDriverRefusesIsTriedAgain() throws Exception {
        binding.endNextAtOnce(Status.QUOTA_EXCEEDED);
        binding.endNextAtOnce(Status.QUOTA_EXCEEDED);
        CompletableFuture<Integer> alone = sends.send(ByteBuffer.allocate(1));
        CompletableFuture<Integer> second = sends.send(ByteBuffer.allocate(2));
        FakeBinding.Submission first = binding.next(socket);
        assertEquals(1, first.length());
        FakeBinding.Submission next = binding.next(socket);
        assertEquals(2, next.length());
        binding.endNextAtOnce(Status.QUOTA_EXCEEDED);
        CompletableFuture<Integer> third = sends.send(ByteBuffer.allocate(3));
        assertTrue(binding.nothingStarted(socket));
        binding.end(first, Status.SUCCESS, 1);
        assertEquals(1, await(alone));
        FakeBinding.Submission again = binding.next(socket);
        assertEquals(3, again.length());
        binding.end(next, Status.SUCCESS, 2);
        binding.end(again, Status.SUCCESS, 3);
        assertEquals(2, await(second));
        assertEquals(3, await(third));
    }

    /** On Windows the driver's answer comes later, when more is on its way to it. */
    @Test
    void whatTheDriverRefusesLaterIsTriedAgainWithWhatIsBehind() throws Exception {
        CompletableFuture<Integer> first = sends.send(ByteBuffer.allocate(1));
        CompletableFuture<Integer> second = sends.send(ByteBuffer.allocate(2));
        CompletableFuture<Integer> third = sends.send(ByteBuffer.allocate(3));
        FakeBinding.Submission one = binding.next(socket);
        FakeBinding.Submission two = binding.next(socket);
        FakeBinding.Submission three = binding.next(socket);
        binding.end(one, Status.QUOTA_EXCEEDED, 0);
        binding.end(two, Status.QUOTA_EXCEEDED, 0);
        binding.awaitTaken();
        assertTrue(binding.nothingStarted(socket), "the third is still to come back");
        binding.end(three, Status.QUOTA_EXCEEDED, 0);
        FakeBinding.Submission again = binding.next(socket);
        assertEquals(1, again.length());
        assertEquals(Layout.SEND_AFTER_REFUSAL, again.flags());
        FakeBinding.Submission next = binding.next(socket);
        assertEquals(2, next.length());
        assertEquals(0, next.flags());
        binding.end(again, Status.SUCCESS, 1);
        binding.end(next, Status.SUCCESS, 2);
        sendNext(3);
        assertEquals(1, await(first));
        assertEquals(2, await(second));
        assertEquals(3, await(third));
    }

    @Test
    void whatOvertookARefusedSendResetsTheConnection() throws Exception {
        CompletableFuture<Integer> first = sends.send(ByteBuffer.allocate(1));
        CompletableFuture<Integer> second = sends.send(ByteBuffer.allocate(2));
        FakeBinding.Submission one = binding.next(socket);
        FakeBinding.Submission two = binding.next(socket);
        binding.end(one, Status.QUOTA_EXCEEDED, 0);
        binding.end(two, Status.SUCCESS, 2);
        Throwable cause = failure(first);
        assertSame(WskQuotaException.class, cause.getClass());
        assertSame(cause, failure(second).getCause());
        await(socket.released());
    }

    @Test
    void whatWaitsIsCancelledAtOnceAndClosedWithTheSocket() throws Exception {
        sends = new SendQueue(socket, new BridgeLimits(65_527, 1 << 24, 2, 16, 16, 1L << 30)); // 1 at a time
        CompletableFuture<Integer> first = sends.send(ByteBuffer.allocate(1));
        CompletableFuture<Integer> cancelled = sends.send(ByteBuffer.allocate(2));
        CompletableFuture<Integer> waiting = sends.send(ByteBuffer.allocate(3));
        CompletableFuture<Void> disconnect = sends.disconnect();
        assertTrue(cancelled.cancel(true));
        FakeBinding.Submission underWay = binding.next(socket);
        socket.close();
        binding.end(underWay, Status.CANCELLED, 0);
        for (CompletableFuture<?> future : List.of(first, waiting, disconnect)) {
            assertTrue(
                    failure(future) instanceof AsynchronousCloseException,
                    () -> failure(future).toString());
        }
    }

    /** What is behind must not go out, so it ends first. */
    @Test
    void whatIsBehindASendThatIsCancelledFails() throws Exception {
        CompletableFuture<Integer> cut = sends.send(ByteBuffer.allocate(10));
        CompletableFuture<Integer> behind = sends.send(ByteBuffer.allocate(2));
        CompletableFuture<Integer> last = sends.send(ByteBuffer.allocate(3));
        FakeBinding.Submission first = binding.next(socket);
        FakeBinding.Submission second = binding.next(socket);
        FakeBinding.Submission third = binding.next(socket);
        cancelOnAnotherThread(cut);
        binding.awaitCancel(third);
        binding.awaitCancel(second);
        binding.awaitCancel(first);
        binding.end(third, Status.CANCELLED, 0);
        binding.end(second, Status.CONNECTION_ABORTED, 0);
        binding.end(first, Status.SUCCESS, 4);
        assertEquals(4, await(cut));
        for (CompletableFuture<Integer> future : List.of(behind, last, sends.send(ByteBuffer.allocate(4)))) {
            Throwable failure = failure(future);
            assertTrue(failure.getMessage().contains("one before it was cancelled"), failure.getMessage());
        }
        assertTrue(binding.nothingStarted(socket));
        CompletableFuture<Void> disconnect = sends.disconnect(); // the user knows how much went
        binding.end(binding.next(socket), Status.SUCCESS, 0);
        await(disconnect);
        assertTrue(socket.isOpen());
    }

    /** Nobody knows how much of it went out. */
    @Test
    void aSendThatIsCancelledWithoutACountEndsTheStream() throws Exception {
        CompletableFuture<Integer> cancelled = sends.send(ByteBuffer.allocate(10));
        FakeBinding.Submission first = binding.next(socket);
        cancelOnAnotherThread(cancelled);
        binding.awaitCancel(first);
        CompletableFuture<Integer> behind = sends.send(ByteBuffer.allocate(2));
        assertTrue(binding.nothingStarted(socket), "not before it is known how the first ends");
        binding.end(first, Status.CANCELLED, 0);
        assertThrows(CancellationException.class, () -> await(cancelled));
        failure(behind);
        failure(sends.send(ByteBuffer.allocate(2)));
        assertTrue(binding.nothingStarted(socket));
    }

    @Test
    void aCancellationThatComesTooLateChangesNothing() throws Exception {
        CompletableFuture<Integer> sent = sends.send(ByteBuffer.allocate(10));
        FakeBinding.Submission first = binding.next(socket);
        cancelOnAnotherThread(sent);
        binding.awaitCancel(first);
        CompletableFuture<Integer> behind = sends.send(ByteBuffer.allocate(2));
        binding.end(first, Status.SUCCESS, 10);
        assertEquals(10, await(sent));
        sendNext(2);
        assertEquals(2, await(behind));
    }

    /** One that the library still has leaves no trace. */
    @Test
    void aSendThatWaitsIsCancelledWithoutHarm() throws Exception {
        sends = new SendQueue(socket, new BridgeLimits(65_527, 1 << 24, 2, 16, 16, 1L << 30)); // 1 at a time
        CompletableFuture<Integer> first = sends.send(ByteBuffer.allocate(1));
        CompletableFuture<Integer> cancelled = sends.send(ByteBuffer.allocate(2));
        CompletableFuture<Integer> last = sends.send(ByteBuffer.allocate(3));
        assertTrue(cancelled.cancel(true));
        sendNext(1);
        sendNext(3);
        assertEquals(1, await(first));
        assertEquals(3, await(last));
    }

    /** The close waits for what was accepted, and nothing is accepted behind it. */
    @Test
    void theEndComesBehindAllThatWasAccepted() throws Exception {
        List<Boolean> ends = new ArrayList<>();
        CompletableFuture<Integer> first = sends.send(ByteBuffer.allocate(1));
        CompletableFuture<Void> disconnect = sends.disconnect();
        sends.atEnd(ends::add);
        sendNext(1);
        assertEquals(1, await(first));
        FakeBinding.Submission last = binding.next(socket);
        assertEquals(List.of(), ends);
        binding.end(last, Status.SUCCESS, 0);
        await(disconnect);
        binding.awaitTaken();
        assertEquals(List.of(true), ends);
        failure(sends.send(ByteBuffer.allocate(1)));
    }

    @Test
    void aDisconnectThatWaitsCanBeTakenBack() throws Exception {
        CompletableFuture<Integer> first = sends.send(ByteBuffer.allocate(2 * CHUNK));
        CompletableFuture<Void> disconnect = sends.disconnect();
        assertTrue(disconnect.cancel(true));
        CompletableFuture<Integer> second = sends.send(ByteBuffer.allocate(1));
        sendNext(CHUNK);
        sendNext(CHUNK);
        sendNext(1);
        assertEquals(2 * CHUNK, await(first));
        assertEquals(1, await(second));
        assertTrue(binding.nothingStarted(socket));
    }
}
