// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.memory;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.ref.PhantomReference;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntFunction;

/**
 * Direct memory for payloads that have no direct buffer of their own. Pieces come in a few sizes and stay for the life
 * of the process, up to a bound on their total. Beyond it, pieces are allocated for one lease and left to the garbage
 * collector afterwards.
 *
 * <p>A lease is dropped if a user drops a received datagram without closing it. When the garbage collector has found
 * that neither the lease nor any view of its memory is reachable, its share of the bound is free again; the pool notices
 * that at its next use. For this purpose each piece is a separate direct buffer, not a part of a larger one: the JDK
 * keeps a direct buffer reachable as long as any view of it is.
 *
 * <p>With the system property wskbridge.pool.poison set, free pieces are filled with a pattern that is checked when
 * they are leased again. This finds code that writes to a buffer after it released the lease.
 */
public final class BufferPool {
    private static final Logger LOGGER = System.getLogger(BufferPool.class.getName());

    /** The fourth takes the largest datagram with its prefix. */
    private static final int[] SIZES = {2 << 10, 8 << 10, 32 << 10, 68 << 10, 256 << 10};

    private static final int NOT_POOLED = -1;
    private static final byte POISON = (byte) 0xDB;
    private static final long BOUND = Math.min(256L << 20, Runtime.getRuntime().maxMemory() / 4);
    private static final BufferPool SHARED = new BufferPool(BOUND, Boolean.getBoolean("wskbridge.pool.poison"));

    /** The free pieces of a size; also the lock for them. */
    private final ArrayDeque<Lease>[] free;

    private final long bound;
    private final boolean poison;

    /** Makes memory for a piece. */
    private final IntFunction<ByteBuffer> source;

    /** Total size of all pieces that are kept, leased or free. */
    private final AtomicLong bytes = new AtomicLong();

    private final AtomicInteger leasesOut = new AtomicInteger();

    /** The pieces whose buffers are watched; and those of them that were dropped and not noticed yet. */
    private final Set<Piece> watched = ConcurrentHashMap.newKeySet();

    private final ReferenceQueue<ByteBuffer> dropped = new ReferenceQueue<>();
    private final AtomicInteger drops = new AtomicInteger();
    private final AtomicInteger violations = new AtomicInteger();

    /**
     * A separate pool.
     *
     * @param bound how many bytes it keeps at most
     * @param poison whether it fills free pieces with a pattern and checks it
     */
    public BufferPool(long bound, boolean poison) {
        this(bound, poison, size -> ByteBuffer.allocateDirect(size).order(ByteOrder.LITTLE_ENDIAN));
    }

    /** A separate pool, with memory from the given source. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    public BufferPool(long bound, boolean poison, IntFunction<ByteBuffer> source) {
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
    public static int largest() {
        return SIZES[SIZES.length - 1];
    }

    /** Watches the buffer of a piece, and knows what to give back when it is no longer reachable. */
    private static final class Piece extends PhantomReference<ByteBuffer> {
        private final int bytes;

        Piece(ByteBuffer buffer, int bytes, ReferenceQueue<ByteBuffer> queue) {
            super(buffer, queue);
            this.bytes = bytes;
        }
    }

    /** Leases at least so many bytes. */
    public Lease lease(int size) {
        noticeDropped();
        int sizeClass = sizeClass(size);
        Lease lease = sizeClass == NOT_POOLED ? null : take(sizeClass);
        if (lease == null) {
            lease = single(size);
        } else if (poison) {
            check(lease.buffer());
        }
        leasesOut.incrementAndGet();
        return lease.takenOut();
    }

    /** A piece for one lease. If the process may have no more direct memory, the free pieces are given up for it. */
    private Lease single(int size) {
        try {
            return piece(NOT_POOLED, size);
        } catch (OutOfMemoryError e) {
            giveUpFree();
            return piece(NOT_POOLED, size);
        }
    }

    private void giveUpFree() {
        for (int sizeClass = 0; sizeClass < SIZES.length; sizeClass++) {
            synchronized (free[sizeClass]) {
                for (Lease lease = free[sizeClass].poll(); lease != null; lease = free[sizeClass].poll()) {
                    watched.remove(lease.piece());
                    bytes.addAndGet(-SIZES[sizeClass]);
                }
            }
        }
    }

    private Lease piece(int sizeClass, int size) {
        ByteBuffer buffer = source.apply(size);
        Piece piece = new Piece(buffer, sizeClass == NOT_POOLED ? 0 : size, dropped);
        watched.add(piece);
        return new Lease(this, sizeClass, buffer, piece);
    }

    /** Only leased pieces can be dropped: the pool references the free ones. */
    private void noticeDropped() {
        for (Reference<?> next = dropped.poll(); next != null; next = dropped.poll()) {
            Piece piece = (Piece) next;
            if (watched.remove(piece)) {
                bytes.addAndGet(-piece.bytes);
                leasesOut.decrementAndGet();
                if (drops.getAndIncrement() == 0) {
                    LOGGER.log(
                            Level.WARNING,
                            "a ReceivedDatagram was dropped without close(); its memory is free again only since the"
                                    + " garbage collector found that. Further ones are not told of");
                }
            }
        }
    }

    private static int sizeClass(int size) {
        for (int i = 0; i < SIZES.length; i++) {
            if (size <= SIZES[i]) {
                return i;
            }
        }
        return NOT_POOLED;
    }

    /** @return null when the bound is reached, or when there is no memory for a piece of the pool's size */
    private Lease take(int sizeClass) {
        ArrayDeque<Lease> pieces = free[sizeClass];
        synchronized (pieces) {
            Lease lease = pieces.pollLast();
            if (lease != null) {
                return lease;
            }
        }
        int size = SIZES[sizeClass];
        if (bytes.addAndGet(size) > bound) {
            bytes.addAndGet(-size);
            return null;
        }
        try {
            Lease lease = piece(sizeClass, size);
            if (poison) {
                fill(lease.buffer());
            }
            return lease;
        } catch (OutOfMemoryError e) {
            bytes.addAndGet(-size);
            return null;
        }
    }

    void putBack(Lease lease) {
        leasesOut.decrementAndGet();
        if (lease.sizeClass() == NOT_POOLED) {
            watched.remove(lease.piece());
            return;
        }
        if (poison) {
            fill(lease.buffer());
        }
        ArrayDeque<Lease> pieces = free[lease.sizeClass()];
        synchronized (pieces) {
            pieces.addLast(lease);
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

    /** How many leases were dropped. */
    int drops() {
        noticeDropped();
        return drops.get();
    }

    /** How many leases are neither released nor dropped. */
    public int leasesOut() {
        noticeDropped();
        return leasesOut.get();
    }

    /** How many pieces were found changed while they were free. */
    public int violations() {
        return violations.get();
    }
}
