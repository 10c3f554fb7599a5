// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

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
            assertEquals(size == 0 ? lease.address() : Memory.address(lease.buffer()), lease.address());
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
        BufferPool pool = new BufferPool(1 << 20, false);
        Lease pooled = pool.lease(1000);
        Lease single = pool.lease(30_000);
        assertEquals(30_000, single.buffer().capacity());
        single.release();
        pooled.release();
        assertEquals(0, pool.leasesOut());
    }

    @Test
    void aSlabThatThereIsNoMemoryForIsNotCounted() {
        AtomicBoolean outOfMemory = new AtomicBoolean(true);
        BufferPool pool = new BufferPool(1 << 20, false, size -> {
            if (outOfMemory.getAndSet(false)) {
                throw new OutOfMemoryError("on purpose");
            }
            return Memory.allocate(size);
        });
        assertThrows(OutOfMemoryError.class, () -> pool.lease(1000));
        assertEquals(0, pool.leasesOut());
        Lease pooled = pool.lease(1000);
        pooled.release();
        assertSame(pooled, pool.lease(1000), "the bound leaves room for this slab");
        pooled.release();
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
}
