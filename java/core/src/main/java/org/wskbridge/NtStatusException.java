// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.io.IOException;
import java.util.Objects;
import java.util.Optional;

/**
 * Carries the {@link NtStatus} of a failed request. It is the cause of each exception that stands for one:
 *
 * <pre>{@code
 * socket.connect(peer).whenComplete((nothing, failure) -> {
 *     if (NtStatusException.statusOf(failure).equals(Optional.of(NtStatus.CONNECTION_REFUSED))) ...
 * });
 * }</pre>
 */
public final class NtStatusException extends IOException {
    private static final long serialVersionUID = 1L;

    private final int code;
    private final String operation;

    /**
     * For the bridge.
     *
     * @param status the status of the request
     * @param operation the function that was asked for, for example {@code WskConnect}
     */
    public NtStatusException(NtStatus status, String operation) {
        super(operation + ": " + status);
        this.code = status.code();
        this.operation = Objects.requireNonNull(operation, "operation");
    }

    /**
     * The status of the request.
     *
     * @return the status
     */
    public NtStatus status() {
        return NtStatus.of(code);
    }

    /**
     * The function that was asked for.
     *
     * @return its name, for example {@code WskConnect}
     */
    public String operation() {
        return operation;
    }

    /**
     * Finds the status in an exception or its causes.
     *
     * @param failure any exception, for example what a future's {@code whenComplete} passed on
     * @return the status, or nothing when no request to the driver stands behind it
     */
    public static Optional<NtStatus> statusOf(Throwable failure) {
        Objects.requireNonNull(failure, "failure");
        int depth = 0;
        for (Throwable cause = failure; cause != null && depth < 32; cause = cause.getCause(), depth++) {
            if (cause instanceof NtStatusException carrier) {
                return Optional.of(carrier.status());
            }
        }
        return Optional.empty();
    }
}
