// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.nio.ByteBuffer;

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
        socket.port().dispatcher().dispatch(future);
    }

    /** Ends the future with what a status stands for. */
    final void fail(int status) {
        if (status == Status.CANCELLED) {
            releaseLease();
            future.recordCancelled(() -> failure(status));
            socket.port().dispatcher().dispatch(future);
        } else {
            fail(failure(status));
        }
    }

    final void fail(Throwable reason) {
        releaseLease();
        future.recordFailure(reason);
        socket.port().dispatcher().dispatch(future);
    }

    @Override
    final void ended(int status, int bytes, ByteBuffer record, int offset) {
        try {
            outcome(status, bytes, record, offset);
        } catch (RuntimeException | Error e) { // a defect of ours must not leave the future undone
            if (!future.isRecorded()) {
                fail(e);
            }
            throw e;
        }
    }

    /** Calls succeed or fail. */
    abstract void outcome(int status, int bytes, ByteBuffer record, int offset);

    /** Moves the position of a user's buffer; one that the user changed meanwhile is left as it is. */
    static void advance(ByteBuffer buffer, int start, int bytes) {
        if (start + bytes <= buffer.limit()) {
            buffer.position(start + bytes);
        }
    }
}
