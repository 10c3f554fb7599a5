// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import org.wskbridge.BridgeLimits;

/**
 * How much of one direction of a connection the driver has at a time; more waits in Java, in order. So the limits beyond
 * which the driver refuses requests are not reached: a request that is refused in the middle of a stream would leave a
 * hole. Each direction takes a little less than half of a socket's operations, which leaves some for a
 * disconnect. Of the bytes, which all sockets of the process share, it takes a sixteenth.
 *
 * <p>Guarded by the queue that has it.
 */
final class Window {
    private static final int SPARE = 16;
    private static final int SHARE_OF_BYTES = 16;

    private final int maximumOperations;
    private final long maximumBytes;
    private int operations;
    private long bytes;

    Window(BridgeLimits limits) {
        maximumOperations = Math.max(1, limits.maximumOperations() / 2 - SPARE);
        maximumBytes = limits.maximumBytes() / SHARE_OF_BYTES;
    }

    /** Whether one more request may be started. The first always may, whatever its length. */
    boolean hasRoom(int length) {
        return operations == 0 || operations < maximumOperations && bytes + length <= maximumBytes;
    }

    void started(int length) {
        operations++;
        bytes += length;
    }

    void ended(int length) {
        operations--;
        bytes -= length;
    }

    /** Whether the driver has nothing, so that no completion will tell when to try again. */
    boolean isEmpty() {
        return operations == 0;
    }
}
