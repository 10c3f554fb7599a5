// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.nio.ByteBuffer;

/** Checks of the buffers that a program hands to one operation. */
final class Buffers {
    private Buffers() {}

    /** The buffers, which the caller may exchange in its own array from now on. */
    static ByteBuffer[] copyOf(ByteBuffer[] buffers) {
        ByteBuffer[] copy = buffers.clone();
        long remaining = remaining(copy);
        if (remaining > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(remaining + " bytes are more than one operation takes");
        }
        return copy;
    }

    /** How many bytes remain in all. */
    static long remaining(ByteBuffer[] buffers) {
        long sum = 0;
        for (ByteBuffer buffer : buffers) {
            sum += buffer.remaining();
        }
        return sum;
    }

    static ByteBuffer requireAtMost(ByteBuffer buffer, int maximum) {
        if (buffer.remaining() > maximum) {
            throw new IllegalArgumentException(buffer.remaining() + " bytes are more than " + maximum);
        }
        return buffer;
    }

    static void requireWritable(ByteBuffer target) {
        if (target.isReadOnly()) {
            throw new IllegalArgumentException("a read-only buffer can't be received into");
        }
    }
}
