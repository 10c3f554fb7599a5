// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Where the driver finds, or puts, the bytes of a user's buffer: in the buffer itself if its memory stays as long as
 * it is reachable, else in leased memory. The bytes meant are those between position and limit at the call; what the
 * user does to the buffer's position and limit afterwards changes neither where they are nor how many.
 */
final class Payload {
    private Payload() {}

    /**
     * Whether the driver may have a buffer's own memory.
     *
     * @throws IOException if the memory is confined to a thread: the end of an operation comes on any
     */
    static boolean isPassedDown(ByteBuffer buffer) throws IOException {
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
     * The address of bytes to send: of the buffer itself, which the operation then pins, or of a leased copy.
     *
     * @throws IOException if the buffer's memory is gone
     */
    static long forSending(Operation operation, ByteBuffer buffer, boolean passedDown, int start, int length)
            throws IOException {
        if (passedDown) {
            operation.pin(buffer);
            return Memory.address(buffer) + start;
        }
        Lease lease = operation.socket.port().buffers().lease(length);
        operation.hold(lease);
        copy(lease.buffer(), 0, buffer, start, length);
        return lease.address();
    }

    /** The address of room for bytes: in the buffer itself, or leased. */
    static long forReceiving(Operation operation, ByteBuffer buffer, boolean passedDown, int start, int length) {
        if (passedDown) {
            operation.pin(buffer);
            return Memory.address(buffer) + start;
        }
        Lease lease = operation.socket.port().buffers().lease(length);
        operation.hold(lease);
        return lease.address();
    }

    /** How many bytes one request moves at most: what the driver allows, less for those that are copied. */
    static int maximumLength(boolean passedDown, int maximumTransfer) {
        return passedDown ? maximumTransfer : Math.min(maximumTransfer, BufferPool.largest());
    }

    /**
     * Copies received bytes to where they belong.
     *
     * @throws IOException if the target's memory is gone
     */
    static void deliver(Lease from, int fromIndex, ByteBuffer target, int start, int length) throws IOException {
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
