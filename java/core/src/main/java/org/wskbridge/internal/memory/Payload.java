// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.memory;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.wskbridge.internal.shim.NativeMemory;

/**
 * Where the driver finds, or puts, the bytes of a user's buffer: in the buffer itself if its memory stays as long as
 * it is reachable, else in leased memory. The bytes meant are those between position and limit at the call; what the
 * user does to the buffer's position and limit afterwards changes neither where they are nor how many.
 */
public final class Payload {
    /** Holds memory until the driver no longer uses it: an operation. */
    public interface Holder {
        /** Keeps a user's buffer reachable. */
        void pin(Object buffer);

        /** Takes a lease over, to release it. */
        void hold(Lease lease);

        /** Where to lease from. */
        BufferPool buffers();
    }

    private Payload() {}

    /**
     * Whether the driver may have a buffer's own memory.
     *
     * @throws IOException if the memory is confined to a thread, because an operation may end on any thread
     */
    public static boolean isPassedDown(ByteBuffer buffer) throws IOException {
        if (!buffer.isDirect()) {
            return false;
        }
        ForeignMemory.Kind kind = ForeignMemory.of(buffer);
        if (kind == ForeignMemory.Kind.CONFINED) {
            throw new IOException(new IllegalStateException("memory of a confined arena can't be used"));
        }
        return kind == ForeignMemory.Kind.ORDINARY;
    }

    /**
     * The address of bytes to send: of the buffer itself, which the holder then pins, or of a leased copy.
     *
     * @throws IOException if the buffer's memory is gone
     */
    public static long forSending(Holder holder, ByteBuffer buffer, boolean passedDown, int start, int length)
            throws IOException {
        if (passedDown) {
            holder.pin(buffer);
            return NativeMemory.address(buffer) + start;
        }
        Lease lease = holder.buffers().lease(length);
        holder.hold(lease);
        copy(lease.buffer(), 0, buffer, start, length);
        return lease.address();
    }

    /**
     * Copies bytes to send into leased memory.
     *
     * @throws IOException if the buffer's memory is gone
     */
    public static void copyForSending(Lease to, int toIndex, ByteBuffer buffer, int start, int length)
            throws IOException {
        copy(to.buffer(), toIndex, buffer, start, length);
    }

    /** The address of room for bytes: in the buffer itself, or leased. */
    public static long forReceiving(Holder holder, ByteBuffer buffer, boolean passedDown, int start, int length) {
        if (passedDown) {
            holder.pin(buffer);
            return NativeMemory.address(buffer) + start;
        }
        Lease lease = holder.buffers().lease(length);
        holder.hold(lease);
        return lease.address();
    }

    /** How many bytes one request moves at most: what the driver allows, less for those that are copied. */
    public static int maximumLength(boolean passedDown, int maximumTransfer) {
        return passedDown ? maximumTransfer : Math.min(maximumTransfer, BufferPool.largest());
    }

    /**
     * Copies received bytes to where they belong.
     *
     * @throws IOException if the target's memory is gone
     */
    public static void deliver(Lease from, int fromIndex, ByteBuffer target, int start, int length) throws IOException {
        copy(target, start, from.buffer(), fromIndex, length);
    }

    private static void copy(ByteBuffer to, int toIndex, ByteBuffer from, int fromIndex, int length)
            throws IOException {
        try {
            try {
                to.put(toIndex, from, fromIndex, length);
            } catch (IndexOutOfBoundsException e) { // a limit was lowered meanwhile
                to.duplicate().clear().put(toIndex, from.duplicate().clear(), fromIndex, length);
            }
        } catch (RuntimeException | InternalError e) { // of an arena; of a mapped file
            throw new IOException("the memory of the buffer is gone: its arena was closed, or its file cut", e);
        }
    }
}
