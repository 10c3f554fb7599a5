// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.function.Supplier;

/**
 * Who learns how an operation ended: its future, or another that an operation without a future has. This goes in two
 * steps, so that the first can be done while locks are held. What came is recorded, once, by one of the first three
 * methods; then it is published.
 *
 * @param <T> what the operation yields
 */
public interface Outcome<T> {
    /** The operation succeeded. Runs no user code, as the other record methods. */
    void record(T result);

    /** The operation failed. */
    void recordFailure(Throwable reason);

    /**
     * The operation ended cancelled, without effect: what that means depends on who cancelled it.
     *
     * @param otherwise makes the failure if nobody did who is known here
     */
    void recordCancelled(Supplier<? extends Throwable> otherwise);

    /** Whether something was recorded. */
    boolean isRecorded();

    /** Has what was recorded made public, on a thread where user code may run. The caller holds no locks. */
    void publish();
}
