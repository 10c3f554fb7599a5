// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The order of sends, and what becomes of it when one fails; the test plays the driver, and memory that runs out. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SendQueueTest {
    private static final int CHUNK = BufferPool.largest();

    private final FakeBinding binding = new FakeBinding();
    private final AtomicBoolean outOfMemory = new AtomicBoolean();

    /** Keeps nothing, so that each chunk of a heap buffer needs new memory. */
    private final BufferPool pool = new BufferPool(0, false, size -> {
        if (outOfMemory.getAndSet(false)) {
            throw new OutOfMemoryError("on purpose");
        }
        return Memory.allocate(size);
    });

    private CompletionPort port;
    private SocketHandle socket;
    private SendQueue sends;

    @BeforeEach
    void open() throws Exception {
        port = CompletionPort.open(binding, Dispatcher.on(Runnable::run), pool, "fake-poller");
        socket = port.openSocket();
        sends = new SendQueue(socket, 1 << 24);
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
        assertEquals(Layout.Opcode.SEND, next.opcode());
        assertEquals(length, next.length());
        binding.end(next, Status.SUCCESS, length);
    }

    /** What comes behind a send that failed goes out. */
    private void goesOn(CompletableFuture<Integer> behind, CompletableFuture<Void> disconnect) throws Exception {
        sendNext(100);
        assertEquals(100, await(behind));
        FakeBinding.Submission next = binding.next(socket);
        assertEquals(Layout.Opcode.DISCONNECT, next.opcode());
        binding.end(next, Status.SUCCESS, 0);
        await(disconnect);
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
    void noMemoryForAFirstChunkFailsThatSendOnly() throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(CHUNK + 1);
        CompletableFuture<Integer> failed;
        outOfMemory.set(true);
        try {
            failed = sends.send(buffer);
        } catch (OutOfMemoryError e) {
            throw new AssertionError("the future should tell", e);
        }
        assertEquals("on purpose", failure(failed).getMessage());
        assertEquals(0, buffer.position());
        assertTrue(binding.nothingStarted(socket));
        goesOn(sends.send(ByteBuffer.allocate(100)), sends.disconnect());
    }

    @Test
    void noMemoryForALaterChunkFailsThatSendOnly() throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(CHUNK + 1);
        CompletableFuture<Integer> failed = sends.send(buffer);
        CompletableFuture<Integer> behind = sends.send(ByteBuffer.allocate(100));
        CompletableFuture<Void> disconnect = sends.disconnect();
        outOfMemory.set(true);
        sendNext(CHUNK);
        assertEquals("on purpose", failure(failed).getMessage());
        assertEquals(CHUNK, buffer.position(), "that much went");
        goesOn(behind, disconnect);
    }

    /** Users are not to do that; it must harm nobody but themselves. */
    @Test
    void aLimitThatTheUserChangesFailsThatSendOnly() throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(CHUNK + 1);
        CompletableFuture<Integer> failed = sends.send(buffer);
        CompletableFuture<Integer> behind = sends.send(ByteBuffer.allocate(100));
        CompletableFuture<Void> disconnect = sends.disconnect();
        buffer.limit(CHUNK);
        sendNext(CHUNK);
        assertSame(IndexOutOfBoundsException.class, failure(failed).getClass());
        goesOn(behind, disconnect);
    }
}
