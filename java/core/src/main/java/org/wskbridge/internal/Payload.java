// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.nio.ByteBuffer;

/** Where the driver finds, or puts, the bytes of a user's buffer. */
final class Payload {
    private Payload() {}

    /** The address of bytes to send: of the buffer itself, which the operation then pins, or of a leased copy. */
    static long forSending(Operation operation, ByteBuffer buffer, int start, int length) {
        if (buffer.isDirect()) {
            operation.pin(buffer);
            return Memory.address(buffer) + start;
        }
        Lease lease = operation.socket.port().buffers().lease(length);
        operation.hold(lease);
        lease.buffer().put(0, buffer, start, length);
        return lease.address();
    }

    /** The address of room for bytes: in the buffer itself, or leased. */
    static long forReceiving(Operation operation, ByteBuffer buffer, int start, int length) {
        if (buffer.isDirect()) {
            operation.pin(buffer);
            return Memory.address(buffer) + start;
        }
        Lease lease = operation.socket.port().buffers().lease(length);
        operation.hold(lease);
        return lease.address();
    }

    /** How many bytes one request moves at most: what the driver allows, less for those that are copied. */
    static int maximumLength(ByteBuffer buffer, int maximumTransfer) {
        return buffer.isDirect() ? maximumTransfer : Math.min(maximumTransfer, BufferPool.largest());
    }
}
