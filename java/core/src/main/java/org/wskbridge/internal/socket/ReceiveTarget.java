// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.wskbridge.internal.memory.Lease;
import org.wskbridge.internal.memory.Payload;

/**
 * Where received bytes are to go: between position and limit, at the call, of one buffer of the user's or of several,
 * which are filled one after the other. A request of the driver fills one stretch of memory: that of a single buffer, or
 * leased memory, from which the bytes are then spread over the buffers.
 */
abstract class ReceiveTarget {
    /** A first buffer of this length is filled by itself, which saves the copy; a receive need not fill all. */
    private static final int WORTH_A_REQUEST = 64 << 10;

    /** One buffer. @throws IOException if its memory can't be used */
    static ReceiveTarget of(ByteBuffer buffer) throws IOException {
        return new One(buffer, Payload.isPassedDown(buffer));
    }

    /** Several buffers, at least one of which has room. @throws IOException if the memory of one can't be used */
    static ReceiveTarget of(ByteBuffer[] buffers) throws IOException {
        int first = 0;
        while (!buffers[first].hasRemaining()) {
            first++;
        }
        boolean alone = first == buffers.length - 1 || buffers[first].remaining() >= WORTH_A_REQUEST;
        Many many = new Many(buffers); // looks at the memory of each
        return alone && Payload.isPassedDown(buffers[first]) ? of(buffers[first]) : many;
    }

    /** How many bytes one request may bring. */
    abstract int length(int maximumTransfer);

    /** How many bytes there is room for. */
    abstract int remaining();

    /** The address of room for so many bytes, in memory that the holder keeps. */
    abstract long address(Payload.Holder holder, int length);

    /** Takes the bytes over from the lease, or null if there was none. @throws IOException if a buffer's memory is gone */
    abstract void deliver(Lease lease, int bytes) throws IOException;

    private static final class One extends ReceiveTarget {
        private final ByteBuffer buffer;
        private final boolean passedDown;
        private final int start;
        private final int remaining;

        One(ByteBuffer buffer, boolean passedDown) {
            this.buffer = buffer;
            this.passedDown = passedDown;
            this.start = buffer.position();
            this.remaining = buffer.remaining();
        }

        @Override
        int length(int maximumTransfer) {
            return Math.min(remaining, Payload.maximumLength(passedDown, maximumTransfer));
        }

        @Override
        int remaining() {
            return remaining;
        }

        @Override
        long address(Payload.Holder holder, int length) {
            return Payload.forReceiving(holder, buffer, passedDown, start, length);
        }

        @Override
        void deliver(Lease lease, int bytes) throws IOException {
            if (lease != null) {
                Payload.deliver(lease, 0, buffer, start, bytes);
            }
            UserOperation.advance(buffer, start, bytes);
        }
    }

    private static final class Many extends ReceiveTarget {
        private final ByteBuffer[] buffers;
        private final int[] starts;
        private final int[] lengths;
        private final long total;

        Many(ByteBuffer[] buffers) throws IOException {
            this.buffers = buffers;
            this.starts = new int[buffers.length];
            this.lengths = new int[buffers.length];
            long sum = 0;
            for (int i = 0; i < buffers.length; i++) {
                starts[i] = buffers[i].position();
                lengths[i] = buffers[i].remaining();
                sum += lengths[i];
                Payload.isPassedDown(buffers[i]);
            }
            this.total = sum;
        }

        @Override
        int length(int maximumTransfer) {
            return (int) Math.min(total, Payload.maximumLength(false, maximumTransfer));
        }

        @Override
        int remaining() {
            return (int) Math.min(total, Integer.MAX_VALUE);
        }

        @Override
        long address(Payload.Holder holder, int length) {
            Lease lease = holder.buffers().lease(length);
            holder.hold(lease);
            return lease.address();
        }

        @Override
        void deliver(Lease lease, int bytes) throws IOException {
            int at = 0;
            for (int i = 0; i < buffers.length && at < bytes; i++) {
                int part = Math.min(bytes - at, lengths[i]);
                Payload.deliver(lease, at, buffers[i], starts[i], part);
                at += part;
            }
            at = 0;
            for (int i = 0; i < buffers.length && at < bytes; i++) {
                int part = Math.min(bytes - at, lengths[i]);
                UserOperation.advance(buffers[i], starts[i], part);
                at += part;
            }
        }
    }
}
