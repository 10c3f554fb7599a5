// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.wskbridge.internal.shim.NativeMemory;
import org.wskbridge.internal.socket.DatagramOperations;

class BufferPoolTest {
    @Test
    void piecesAreLargeEnoughAndApart() {
        BufferPool pool = new BufferPool(16 << 20, false);
        List<Lease> leases = new ArrayList<>();
        Set<Long> addresses = new HashSet<>();
        for (int size : new int[] {0, 1, 64, 2048, 2049, 65_591, 69_632, 69_633, 262_144, 262_145}) {
            Lease lease = pool.lease(size);
            assertTrue(lease.buffer().capacity() >= size);
            assertTrue(size == 0 || addresses.add(lease.address()));
            assertEquals(size == 0 ? lease.address() : NativeMemory.address(lease.buffer()), lease.address());
            leases.add(lease);
        }
        assertEquals(10, pool.leasesOut());
        leases.forEach(Lease::release);
        assertEquals(0, pool.leasesOut());
    }

    @Test
    void releasedPiecesAreUsedAgain() {
        BufferPool pool = new BufferPool(16 << 20, false);
        Lease first = pool.lease(1500);
        first.release();
        assertSame(first, pool.lease(1500));
        first.release();
        assertThrows(IllegalStateException.class, first::release);
    }

    @Test
    void beyondTheBoundPiecesAreNotKept() {
        BufferPool pool = new BufferPool(10_000, false);
        Lease pooled = pool.lease(1000);
        Lease single = pool.lease(30_000);
        assertEquals(30_000, single.buffer().capacity());
        single.release();
        pooled.release();
        assertEquals(0, pool.leasesOut());
    }

    @Test
    void aPieceThatThereIsNoMemoryForIsNotCounted() {
        AtomicBoolean outOfMemory = new AtomicBoolean(true);
        BufferPool pool = new BufferPool(2048, false, size -> {
            if (outOfMemory.get()) {
                throw new OutOfMemoryError("on purpose");
            }
            return NativeMemory.allocate(size);
        });
        assertThrows(OutOfMemoryError.class, () -> pool.lease(1000));
        assertEquals(0, pool.leasesOut());
        outOfMemory.set(false);
        Lease pooled = pool.lease(1000);
        pooled.release();
        assertSame(pooled, pool.lease(1000), "the bound leaves room for this piece");
        pooled.release();
    }

    /** As with a small -XX:MaxDirectMemorySize. */
    @Test
    void whatIsFreeIsGivenUpForWhatIsNeeded() {
        int[] left = {300 << 10};
        BufferPool pool = new BufferPool(16 << 20, false, size -> {
            if (size > left[0]) {
                throw new OutOfMemoryError("on purpose");
            }
            left[0] -= size;
            return ByteBuffer.allocateDirect(size);
        });
        pool.lease(70_000).release();
        assertEquals(2 << 10, pool.lease(100).buffer().capacity(), "a piece of the pool's size");
        left[0] = 30_000;
        Lease exact = pool.lease(30_000);
        assertEquals(30_000, exact.buffer().capacity(), "just as much as is asked for");
        assertEquals(2, pool.leasesOut());
        assertThrows(OutOfMemoryError.class, () -> pool.lease(30_000));
        left[0] = 1 << 20;
        Lease again = pool.lease(70_000);
        assertEquals(256 << 10, again.buffer().capacity());
        assertEquals(1 << 20, left[0] + again.buffer().capacity(), "the free piece was given up");
    }

    @Test
    void writingToAFreePieceIsFoundOut() {
        BufferPool pool = new BufferPool(16 << 20, true);
        Lease lease = pool.lease(2000);
        lease.buffer().put(1000, (byte) 1);
        lease.release();
        pool.lease(2000).release();
        assertEquals(0, pool.violations());
        lease.buffer().put(1000, (byte) 1);
        pool.lease(2000).release();
        assertEquals(1, pool.violations());
    }

    /** Waits for the garbage collector to find what is not reachable. */
    private static void collectUntil(BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 1000 && !condition.getAsBoolean(); i++) {
            System.gc();
            Thread.sleep(10);
        }
        assertTrue(condition.getAsBoolean());
    }

    private static void drop(BufferPool pool, int count) {
        for (int i = 0; i < count; i++) {
            pool.lease(2000);
        }
    }

    @Test
    void whatIsDroppedIsFreeAgain() throws InterruptedException {
        BufferPool pool = new BufferPool(5 * 2048, false);
        drop(pool, 5);
        Lease single = pool.lease(1000);
        assertEquals(1000, single.buffer().capacity(), "the bound is reached");
        collectUntil(() -> pool.drops() == 5);
        assertEquals(1, pool.leasesOut());
        Lease pooled = pool.lease(1000);
        assertEquals(2048, pooled.buffer().capacity(), "the bound has room again");
        pooled.release();
        single.release();
        assertEquals(0, pool.leasesOut());
    }

    /** Also a view of a view: its memory must not go to anybody else. */
    @Test
    void whatAViewIsLeftOfIsNotFree() throws InterruptedException {
        BufferPool pool = new BufferPool(2 * 2048, false);
        List<Buffer> views = new ArrayList<>();
        views.add(DatagramOperations.payload(pool.lease(1000), 64, 100).asReadOnlyBuffer());
        views.add(DatagramOperations.payload(pool.lease(1000), 64, 100).slice().asLongBuffer());
        drop(pool, 1); // beyond the bound
        collectUntil(() -> pool.drops() == 1);
        assertEquals(2, pool.leasesOut());
        assertEquals(100, views.get(0).capacity());
        views.clear();
        collectUntil(() -> pool.drops() == 3);
        assertEquals(0, pool.leasesOut());
    }

    @Test
    void whatIsReleasedIsNotTakenForDropped() throws InterruptedException {
        BufferPool pool = new BufferPool(2048, false);
        for (int i = 0; i < 10; i++) {
            Lease pooled = pool.lease(1000);
            Lease single = pool.lease(1000);
            single.release();
            pooled.release();
        }
        drop(pool, 1);
        collectUntil(() -> pool.drops() > 0);
        assertEquals(1, pool.drops());
        assertEquals(0, pool.leasesOut());
    }
}
