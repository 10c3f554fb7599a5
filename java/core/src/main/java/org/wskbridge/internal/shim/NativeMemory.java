// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Native memory as direct buffers. */
public final class NativeMemory {
    private static final int PAGE = 4096;

    private NativeMemory() {}

    /** Zeroed memory that starts at a page, in the byte order of the protocol. */
    public static ByteBuffer allocate(int size) {
        ByteBuffer whole = ByteBuffer.allocateDirect(size + PAGE);
        int skip = whole.alignmentOffset(0, PAGE) == 0 ? 0 : PAGE - whole.alignmentOffset(0, PAGE);
        return whole.slice(skip, size).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The address of the byte at index 0 of a direct buffer; 0 for one without bytes. */
    public static long address(ByteBuffer direct) {
        return direct.capacity() == 0 ? 0 : Bindings.provider().address(direct);
    }
}
