// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.wskbridge.internal.memory.BufferPool;
import org.wskbridge.internal.memory.Lease;
import org.wskbridge.internal.memory.Payload;

/**
 * The bytes that a send is to move: those between position and limit, at the call, of one buffer of the user's or of
 * several, one after the other. A request of the driver takes one stretch of memory. So pieces that are small are copied
 * together, and a large one whose memory the driver may have goes alone and isn't copied.
 */
abstract class SendSource {
    /** From this length on a piece is worth a request of its own: copying it would take longer. */
    private static final int WORTH_A_REQUEST = 32 << 10;

    /** In place of bytes that can't be used. */
    static final SendSource NOTHING = new One(ByteBuffer.allocate(0), false);

    /** The bytes of one buffer. @throws IOException if its memory can't be used */
    static SendSource of(ByteBuffer buffer) throws IOException {
        return new One(buffer, Payload.isPassedDown(buffer));
    }

    /** The bytes of several buffers. @throws IOException if the memory of one can't be used */
    static SendSource of(ByteBuffer[] buffers) throws IOException {
        return buffers.length == 1 ? of(buffers[0]) : new Many(buffers);
    }

    /** How many bytes there are. */
    abstract int length();

    /** How many bytes the next request takes, if so many are done. */
    abstract int nextLength(int done, int maximumTransfer);

    /** Where those bytes are, in memory that the holder keeps. @throws IOException if a buffer's memory is gone */
    abstract long address(Payload.Holder holder, int done, int length) throws IOException;

    /** Moves the positions of the buffers behind the bytes that are done. */
    abstract void advance(int done);

    private static final class One extends SendSource {
        private final ByteBuffer buffer;
        private final boolean passedDown;
        private final int start;
        private final int length;

        One(ByteBuffer buffer, boolean passedDown) {
            this.buffer = buffer;
            this.passedDown = passedDown;
            this.start = buffer.position();
            this.length = buffer.remaining();
        }

        @Override
        int length() {
            return length;
        }

        @Override
        int nextLength(int done, int maximumTransfer) {
            return Math.min(length - done, Payload.maximumLength(passedDown, maximumTransfer));
        }

        @Override
        long address(Payload.Holder holder, int done, int count) throws IOException {
            return Payload.forSending(holder, buffer, passedDown, start + done, count);
        }

        @Override
        void advance(int done) {
            UserOperation.advance(buffer, start, done);
        }
    }

    private static final class Many extends SendSource {
        private final ByteBuffer[] buffers;
        private final int[] starts;

        /** How many bytes there are before each, and, as the last, in all. */
        private final int[] offsets;

        private final boolean[] passedDown;

        Many(ByteBuffer[] buffers) throws IOException {
            this.buffers = buffers;
            this.starts = new int[buffers.length];
            this.offsets = new int[buffers.length + 1];
            this.passedDown = new boolean[buffers.length];
            for (int i = 0; i < buffers.length; i++) {
                starts[i] = buffers[i].position();
                offsets[i + 1] = offsets[i] + buffers[i].remaining();
                passedDown[i] = Payload.isPassedDown(buffers[i]);
            }
        }

        @Override
        int length() {
            return offsets[buffers.length];
        }

        /** The piece that the first byte that isn't done is in. */
        private int pieceAt(int done) {
            int i = 0;
            while (offsets[i + 1] <= done) {
                i++;
            }
            return i;
        }

        private boolean isWorthARequest(int piece, int length) {
            return passedDown[piece] && length >= WORTH_A_REQUEST;
        }

        @Override
        int nextLength(int done, int maximumTransfer) {
            int piece = pieceAt(done);
            int end = offsets[piece + 1];
            if (isWorthARequest(piece, end - done)) {
                return Math.min(end - done, maximumTransfer);
            }
            int most = Math.min(maximumTransfer, BufferPool.largest());
            for (int i = piece + 1; i < buffers.length && end - done < most; i++) {
                if (isWorthARequest(i, offsets[i + 1] - offsets[i])) {
                    break;
                }
                end = offsets[i + 1];
            }
            return Math.min(end - done, most);
        }

        @Override
        long address(Payload.Holder holder, int done, int count) throws IOException {
            int piece = pieceAt(done);
            if (done + count <= offsets[piece + 1]) {
                return Payload.forSending(
                        holder, buffers[piece], passedDown[piece], starts[piece] + done - offsets[piece], count);
            }
            Lease lease = holder.buffers().lease(count);
            holder.hold(lease);
            for (int at = 0; at < count; piece++) {
                int from = done + at - offsets[piece];
                int part = Math.min(count - at, offsets[piece + 1] - offsets[piece] - from);
                Payload.copyForSending(lease, at, buffers[piece], starts[piece] + from, part);
                at += part;
            }
            return lease.address();
        }

        @Override
        void advance(int done) {
            for (int i = 0; i < buffers.length && offsets[i] < done; i++) {
                UserOperation.advance(buffers[i], starts[i], Math.min(done, offsets[i + 1]) - offsets[i]);
            }
        }
    }
}
