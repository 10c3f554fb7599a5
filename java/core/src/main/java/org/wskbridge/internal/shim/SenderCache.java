// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;

/** Remembers the last sender of a socket, because the next datagram most often comes from the same one. */
public final class SenderCache {
    /** Immutable; threads may replace each other's, which costs an allocation and nothing else. */
    private record Entry(long a, long b, long c, int d, InetSocketAddress address) {}

    private volatile Entry last;

    /** Reads an address, as {@link SocketAddresses#decode}. */
    public InetSocketAddress decode(ByteBuffer memory, int offset) {
        long a = memory.getLong(offset);
        long b = memory.getLong(offset + 8);
        long c = memory.getLong(offset + 16);
        int d = memory.getInt(offset + 24);
        Entry entry = last;
        if (entry == null || entry.a != a || entry.b != b || entry.c != c || entry.d != d) {
            entry = new Entry(a, b, c, d, SocketAddresses.decode(memory, offset));
            last = entry;
        }
        return entry.address;
    }
}
