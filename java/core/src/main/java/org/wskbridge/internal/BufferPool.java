// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntFunction;

/**
 * Direct memory for payloads that have no direct buffer of their own. Pieces come in a few sizes, cut out of
 * page-aligned slabs of about a megabyte that stay for the life of the process. Beyond a bound on the slabs' total,
 * pieces are allocated singly and left to the garbage collector afterwards.
 *
 * <p>With the system property wskbridge.pool.poison set, free pieces are filled with a pattern that is checked when
 * they are leased again: something that writes to a buffer it doesn't own any more is found out.
 */
public final class BufferPool {
    private static final Logger LOGGER = System.getLogger(BufferPool.class.getName());

    /** The fourth takes the largest datagram with its prefix. */
    private static final int[] SIZES = {2 << 10, 8 << 10, 32 << 10, 68 << 10, 256 << 10};

    private static final int SLAB = 1 << 20;
    private static final int NOT_POOLED = -1;
    private static final byte POISON = (byte) 0xDB;
    private static final long BOUND = Math.min(256L << 20, Runtime.getRuntime().maxMemory() / 4);
    private static final BufferPool SHARED = new BufferPool(BOUND, Boolean.getBoolean("wskbridge.pool.poison"));

    /** The free pieces of a size; also the lock for them. */
    private final ArrayDeque<Lease>[] free;

    private final long bound;
    private final boolean poison;

    /** Makes memory for a slab or a single piece. */
    private final IntFunction<ByteBuffer> source;

    private final AtomicLong slabBytes = new AtomicLong();
    private final AtomicInteger leasesOut = new AtomicInteger();
    private final AtomicInteger violations = new AtomicInteger();

    BufferPool(long bound, boolean poison) {
        this(bound, poison, Memory::allocate);
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    BufferPool(long bound, boolean poison, IntFunction<ByteBuffer> source) {
        this.bound = bound;
        this.poison = poison;
        this.source = source;
        this.free = new ArrayDeque[SIZES.length];
        for (int i = 0; i < SIZES.length; i++) {
            free[i] = new ArrayDeque<>();
        }
    }

    /** The pool of all bridges in this process. */
    public static BufferPool shared() {
        return SHARED;
    }

    /** The largest piece that is pooled. */
    static int largest() {
        return SIZES[SIZES.length - 1];
    }

    /** Leases at least so many bytes. */
    public Lease lease(int size) {
        int sizeClass = sizeClass(size);
        Lease lease = sizeClass == NOT_POOLED ? null : take(sizeClass);
        if (lease == null) {
            lease = new Lease(this, NOT_POOLED, source.apply(size));
        } else if (poison) {
            check(lease.buffer());
        }
        leasesOut.incrementAndGet();
        return lease.takenOut();
    }

    private static int sizeClass(int size) {
        for (int i = 0; i < SIZES.length; i++) {
            if (size <= SIZES[i]) {
                return i;
            }
        }
        return NOT_POOLED;
    }

    private Lease take(int sizeClass) {
        ArrayDeque<Lease> pieces = free[sizeClass];
        synchronized (pieces) {
            Lease lease = pieces.pollLast();
            if (lease == null && addSlab(sizeClass, pieces)) {
                lease = pieces.pollLast();
            }
            return lease;
        }
    }

    private boolean addSlab(int sizeClass, ArrayDeque<Lease> pieces) {
        int size = SIZES[sizeClass];
        int count = SLAB / size;
        int bytes = count * size;
        if (slabBytes.addAndGet(bytes) > bound) {
            slabBytes.addAndGet(-bytes);
            return false;
        }
        ByteBuffer slab;
        try {
            slab = source.apply(bytes);
        } catch (OutOfMemoryError e) {
            slabBytes.addAndGet(-bytes);
            throw e;
        }
        for (int i = 0; i < count; i++) {
            ByteBuffer piece = slab.slice(i * size, size).order(slab.order());
            if (poison) {
                fill(piece);
            }
            pieces.addLast(new Lease(this, sizeClass, piece));
        }
        return true;
    }

    void putBack(Lease lease) {
        leasesOut.decrementAndGet();
        if (lease.sizeClass() != NOT_POOLED) {
            if (poison) {
                fill(lease.buffer());
            }
            ArrayDeque<Lease> pieces = free[lease.sizeClass()];
            synchronized (pieces) {
                pieces.addLast(lease);
            }
        }
    }

    private static void fill(ByteBuffer piece) {
        long pattern = 0x0101010101010101L * (POISON & 0xFF);
        for (int i = 0; i < piece.capacity(); i += Long.BYTES) {
            piece.putLong(i, pattern);
        }
    }

    private void check(ByteBuffer piece) {
        long pattern = 0x0101010101010101L * (POISON & 0xFF);
        for (int i = 0; i < piece.capacity(); i += Long.BYTES) {
            if (piece.getLong(i) != pattern) {
                violations.incrementAndGet();
                LOGGER.log(Level.ERROR, "free memory of the buffer pool was written to, at byte " + i);
                return;
            }
        }
    }

    /** How many leases are not released. */
    public int leasesOut() {
        return leasesOut.get();
    }

    /** How many pieces were found changed while they were free. */
    int violations() {
        return violations.get();
    }
}
