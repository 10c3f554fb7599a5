// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.nio.ByteBuffer;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.Verb;

/** An operation with a future. */
abstract class UserOperation<T> extends Operation {
    final OperationFuture<T> future;

    UserOperation(SocketHandle socket, Verb verb, boolean internal) {
        super(socket, verb, internal);
        future = new OperationFuture<>(socket.port().dispatcher());
        future.setCanceller(this);
    }

    /** Ends the future with a result. */
    final void succeed(T result) {
        releaseLease();
        future.record(result);
        publish();
    }

    /** Ends the future with what a status stands for. */
    final void fail(int status) {
        if (status == Status.CANCELLED) {
            releaseLease();
            future.recordCancelled(() -> failure(status));
            publish();
        } else {
            fail(failure(status));
        }
    }

    final void fail(Throwable reason) {
        releaseLease();
        future.recordFailure(reason);
        publish();
    }

    /** Sees to it that the recorded outcome is made public. */
    void publish() {
        socket.port().dispatcher().dispatch(future);
    }

    @Override
    final void ended(int status, int bytes, ByteBuffer record, int offset) {
        outcome(status, bytes, record, offset);
    }

    @Override
    void abandon(Throwable reason) {
        if (!future.isRecorded()) {
            future.recordFailure(reason);
            socket.port().dispatcher().dispatch(future);
        }
    }

    /** Calls succeed or fail. */
    abstract void outcome(int status, int bytes, ByteBuffer record, int offset);

    /** Moves the position of a user's buffer behind the bytes; not if the user lowered the limit below that. */
    static void advance(ByteBuffer buffer, int start, int bytes) {
        try {
            buffer.position(start + bytes);
        } catch (IllegalArgumentException e) {
            // the limit was lowered below that
        }
    }
}
