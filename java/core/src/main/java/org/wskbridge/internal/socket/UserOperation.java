// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.nio.ByteBuffer;
import org.wskbridge.internal.future.Outcome;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.Verb;

/** An operation with an {@link Outcome}, usually a future. When it has ended it calls succeed or fail. */
abstract class UserOperation<T> extends Operation {
    private final Outcome<T> outcome;

    UserOperation(SocketHandle socket, Verb verb, boolean internal, Outcome<T> outcome) {
        super(socket, verb, internal);
        this.outcome = outcome;
    }

    final Outcome<T> outcome() {
        return outcome;
    }

    /** Ends with a result. */
    final void succeed(T result) {
        releaseLease();
        outcome.record(result);
        publish();
    }

    /** Ends with the exception for a status. */
    final void fail(int status) {
        if (status == Status.CANCELLED) {
            releaseLease();
            outcome.recordCancelled(() -> failure(status));
            publish();
        } else {
            fail(failure(status));
        }
    }

    final void fail(Throwable reason) {
        releaseLease();
        outcome.recordFailure(reason);
        publish();
    }

    /** Has the recorded outcome published. */
    void publish() {
        outcome.publish();
    }

    @Override
    void abandon(Throwable reason) {
        if (!outcome.isRecorded()) {
            outcome.recordFailure(reason);
            outcome.publish();
        }
    }

    /** Advances the position of a user's buffer by the bytes, unless the user lowered the limit below that. */
    static void advance(ByteBuffer buffer, int start, int bytes) {
        try {
            buffer.position(start + bytes);
        } catch (IllegalArgumentException e) {
            // the limit was lowered below that
        }
    }
}
