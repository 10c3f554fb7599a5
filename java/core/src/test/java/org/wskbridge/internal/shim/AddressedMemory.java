// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Memory as native code sees it, for tests that stand in for native code. */
public final class AddressedMemory {
    private AddressedMemory() {}

    /** The bytes at an address, which whoever named it keeps. */
    public static ByteBuffer at(long address, int length) {
        return new Pointer(address).getByteBuffer(0, length).order(ByteOrder.LITTLE_ENDIAN);
    }
}
