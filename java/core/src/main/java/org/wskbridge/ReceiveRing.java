// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.util.Objects;

/**
 * The memory in the driver that keeps what a datagram socket receives until {@link WskDatagramSocket#receiveMessages}
 * takes it: how much there is, and what happens when it is full.
 *
 * @param bytes the size, {@value #MINIMUM_BYTES} to {@value #MAXIMUM_BYTES}. A datagram takes 72 bytes more than its
 *     payload, rounded up to a multiple of 8. The memory counts for {@link BridgeLimits#maximumBytes}
 * @param maximumDatagrams how many datagrams it holds at most, {@link Integer#MAX_VALUE} for as many as fit
 * @param whenFull what happens when it is full
 */
public record ReceiveRing(long bytes, int maximumDatagrams, WhenFull whenFull) {
    /** The least size: 128 KiB. */
    public static final int MINIMUM_BYTES = 128 << 10;

    /** The largest size: 64 MiB. */
    public static final int MAXIMUM_BYTES = 64 << 20;

    /** What a socket gets that receives messages without having set a ring: 1 MiB that drops what comes when it is full. */
    public static final ReceiveRing DEFAULT = ofBytes(1 << 20);

    /** What happens to datagrams for which a ring has no room. */
    public enum WhenFull {
        /** They are dropped and counted, the newest first. */
        DROP,
        /**
         * They stay with WSK until there is room again. How many it keeps is up to its receive buffer, which is the
         * option {@link java.net.StandardSocketOptions#SO_RCVBUF}; beyond that they are lost, and not counted here.
         * What WSK hands over at once, when the ring is empty, is dropped as far as the whole ring has no room for it.
         */
        HOLD_BACK
    }

    /**
     * Makes a ring.
     *
     * @param bytes the size
     * @param maximumDatagrams how many datagrams it holds at most
     * @param whenFull what happens when it is full
     * @throws IllegalArgumentException if the size is out of bounds, or the number isn't positive
     */
    public ReceiveRing {
        if (bytes < MINIMUM_BYTES || bytes > MAXIMUM_BYTES) {
            throw new IllegalArgumentException(
                    "a ring of " + bytes + " bytes is not within " + MINIMUM_BYTES + " and " + MAXIMUM_BYTES);
        }
        if (maximumDatagrams <= 0) {
            throw new IllegalArgumentException("a ring for " + maximumDatagrams + " datagrams holds none");
        }
        Objects.requireNonNull(whenFull, "whenFull");
    }

    /**
     * A ring that holds as many datagrams as fit and drops what comes when it is full.
     *
     * @param bytes the size
     * @return the ring
     * @throws IllegalArgumentException if the size is out of bounds
     */
    public static ReceiveRing ofBytes(long bytes) {
        return new ReceiveRing(bytes, Integer.MAX_VALUE, WhenFull.DROP);
    }

    /**
     * The same with another policy.
     *
     * @param policy what happens when it is full
     * @return the ring
     */
    public ReceiveRing whenFull(WhenFull policy) {
        return new ReceiveRing(bytes, maximumDatagrams, policy);
    }

    /**
     * The same with another limit.
     *
     * @param datagrams how many datagrams it holds at most
     * @return the ring
     * @throws IllegalArgumentException if the number isn't positive
     */
    public ReceiveRing maximumDatagrams(int datagrams) {
        return new ReceiveRing(bytes, datagrams, whenFull);
    }
}
