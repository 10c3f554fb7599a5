// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.memory;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicBoolean;
import org.wskbridge.internal.shim.NativeMemory;

/**
 * A piece of direct memory out of a {@link BufferPool}. It belongs to the code that leased it until it is released,
 * exactly once. An operation releases its lease only when the driver no longer uses it.
 */
public final class Lease {
    private final BufferPool pool;
    private final int sizeClass;
    private final ByteBuffer buffer;
    private final long address;
    /** The pool's watch over the buffer. */
    private final Object piece;

    private final AtomicBoolean out = new AtomicBoolean();

    Lease(BufferPool pool, int sizeClass, ByteBuffer buffer, Object piece) {
        this.pool = pool;
        this.sizeClass = sizeClass;
        this.buffer = buffer;
        this.address = NativeMemory.address(buffer);
        this.piece = piece;
    }

    /** The memory, to be used with absolute indices only. */
    public ByteBuffer buffer() {
        return buffer;
    }

    /** The address of its first byte. */
    public long address() {
        return address;
    }

    Object piece() {
        return piece;
    }

    int sizeClass() {
        return sizeClass;
    }

    Lease takenOut() {
        if (!out.compareAndSet(false, true)) {
            throw new IllegalStateException("leased twice");
        }
        return this;
    }

    /** Gives the memory back. */
    public void release() {
        if (!out.compareAndSet(true, false)) {
            throw new IllegalStateException("released twice");
        }
        pool.putBack(this);
    }
}
