// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.memory.BufferPool;
import org.wskbridge.internal.memory.Lease;
import org.wskbridge.internal.memory.Payload;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.ControlInfos;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.Verb;

/**
 * One submission to the driver, from the slot in the operation table to its completion record. It keeps the buffer
 * alive and the lease taken until the record is there, because until then they are the driver's.
 *
 * <p>The token is written by the submitting thread and read by those that cancel; cancelRequested the other way
 * round. Each side writes its own before it reads the other's, so a cancellation is never missed.
 */
abstract class Operation implements OperationFuture.Canceller, Payload.Holder {
    final SocketHandle socket;
    final Verb verb;

    /** Whether the library started this for itself: such operations are possible while a close is in progress. */
    final boolean internal;

    /** Set before it is submitted. */
    Deadline deadline = Deadline.NONE;

    /** Likewise. */
    ControlInfos.Encoded control = ControlInfos.NONE;

    /** Keeps a user's buffer reachable. */
    private Object pinned;

    private Lease lease;

    /** generation << 32 | slot; written by the operation table. */
    long userData;

    private volatile long token;
    private volatile boolean cancelRequested;

    /** Links of the socket's list, guarded by the socket. */
    Operation previous;

    Operation next;
    boolean linked;

    /** Its record, while it waits for earlier operations of its kind to be completed; guarded by the socket. */
    CompletionRecord deferred;

    Operation nextDeferred;

    Operation(SocketHandle socket, Verb verb, boolean internal) {
        this.socket = socket;
        this.verb = verb;
        this.internal = internal;
    }

    @Override
    public final void pin(Object buffer) {
        pinned = buffer;
    }

    @Override
    public final void hold(Lease taken) {
        lease = taken;
    }

    @Override
    public final BufferPool buffers() {
        return socket.port().buffers();
    }

    final Lease lease() {
        return lease;
    }

    /** Takes the lease over from the operation. */
    final Lease takeLease() {
        Lease taken = lease;
        lease = null;
        return taken;
    }

    /** Whether the call that started it has returned, and the operation was still in progress then. */
    final boolean isUnderWay() {
        return token != 0;
    }

    final void underWay(long operationToken) {
        token = operationToken;
        if (cancelRequested) {
            socket.port().cancel(operationToken);
        }
    }

    /** Asks the driver to cancel; does not wait. */
    @Override
    public void cancel() {
        cancelRequested = true;
        long operationToken = token;
        if (operationToken != 0) {
            socket.port().cancel(operationToken);
        }
    }

    /** The driver has completed the operation. Called once, by the thread that took the record. */
    final void complete(CompletionRecord record) {
        pinned = null;
        if (record.status() == Status.FILE_FORCED_CLOSED) {
            socket.close();
        }
        try {
            ended(record);
        } finally {
            releaseLease();
            socket.remove(this);
        }
    }

    /** Completing it failed, for lack of memory or by a defect: reports that as the outcome. Allocates nothing. */
    void abandon(Throwable reason) {
        socket.close();
    }

    /** Gives the lease back, if there is one. Must happen before the outcome is reported. */
    final void releaseLease() {
        Lease left = takeLease();
        if (left != null) {
            left.release();
        }
    }

    /** Turns the record into an outcome, and keeps no reference to it. Must neither block nor run user code. */
    abstract void ended(CompletionRecord record);

    /** The exception for a status that is an error. */
    final Exception failure(int status) {
        return socket.failure(verb, status, deadline);
    }
}
