// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.function.Supplier;

/**
 * Receives the outcome of an operation: its future, or something else for an operation without a future. There are two
 * steps, so that the first is possible while locks are held. One of the first three methods records the outcome, once;
 * then it is published.
 *
 * @param <T> what the operation yields
 */
public interface Outcome<T> {
    /** The operation succeeded. Like the other record methods this runs no user code. */
    void record(T result);

    /** The operation failed. */
    void recordFailure(Throwable reason);

    /**
     * The operation was cancelled and had no effect. The outcome depends on who cancelled it.
     *
     * @param otherwise makes the failure if it was neither the user nor a deadline
     */
    void recordCancelled(Supplier<? extends Throwable> otherwise);

    /** Whether something was recorded. */
    boolean isRecorded();

    /** Arranges for the recorded outcome to be published on a thread where user code may run. The caller holds no locks. */
    void publish();
}
