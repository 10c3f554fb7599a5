// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.time.Duration;

/**
 * When an operation is to end, if it isn't over by then. The driver sees to that for what it has; the library for what
 * waits in it.
 */
public final class Deadline {
    /** Operations without one. */
    public static final Deadline NONE = new Deadline(0);

    /** The driver takes no longer ones: 2^32 - 1 milliseconds, which are 49 days. */
    private static final Duration LONGEST = Duration.ofMillis(0xFFFFFFFFL);

    private static final long NANOS_PER_MILLI = 1_000_000;

    /** Of System.nanoTime. */
    private final long end;

    private Deadline(long end) {
        this.end = end;
    }

    /**
     * One after a time from now; none for a time that is longer than the driver's longest.
     *
     * @throws IllegalArgumentException if the time isn't positive
     */
    public static Deadline after(Duration timeout) {
        if (timeout.isNegative() || timeout.isZero()) {
            throw new IllegalArgumentException("a timeout of " + timeout + " is not positive");
        }
        return timeout.compareTo(LONGEST) > 0 ? NONE : new Deadline(System.nanoTime() + timeout.toNanos());
    }

    boolean isNone() {
        return this == NONE;
    }

    /** Whether there is one and it has passed. */
    boolean hasPassed() {
        return !isNone() && remainingNanos() <= 0;
    }

    long remainingNanos() {
        return end - System.nanoTime();
    }

    /** For the driver: at least 1, as 0 means none. */
    long remainingMillis() {
        return Math.max(1, (remainingNanos() + NANOS_PER_MILLI - 1) / NANOS_PER_MILLI);
    }
}
