// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.nio.ByteBuffer;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Closes a connection without resetting it: what is being sent goes out, WskDisconnect ends this direction, what the
 * peer still sends is received and dropped until it ends its direction too, and then the handle is closed. WSK resets
 * connections that are closed before that, and a reset may take from the peer what it has not read yet. A deadline
 * closes the handle before, all the same. Nobody waits; each step starts the next.
 */
public final class GracefulClose {
    private static final int DROP_SIZE = 8 << 10;
    /** So many receives in a row may complete at once before other work gets its turn. */
    private static final int TURN = 16;

    private final SocketHandle socket;
    private final boolean inputEnded;
    /** Receives to be started; above 0 somebody is in {@link #drop}. */
    private final AtomicInteger demand = new AtomicInteger();

    private GracefulClose(SocketHandle socket, boolean inputEnded) {
        this.socket = socket;
        this.inputEnded = inputEnded;
    }

    /** Starts closing a connection on which users' operations are barred already. */
    public static void start(SocketHandle socket, SendQueue sends, boolean inputEnded, long timeoutMillis) {
        Future<?> deadline = Timer.schedule(socket::close, timeoutMillis, TimeUnit.MILLISECONDS);
        socket.released().whenComplete((nothing, failure) -> deadline.cancel(false));
        GracefulClose close = new GracefulClose(socket, inputEnded);
        sends.disconnect(close::disconnected);
    }

    private void disconnected(int status) {
        if (Status.isError(status) || inputEnded) {
            socket.close();
        } else {
            drop();
        }
    }

    /** Starts receives, one after the other ended; one that ends while its start is on the stack only adds demand. */
    private void drop() {
        if (demand.getAndIncrement() != 0) {
            return;
        }
        int started = 0;
        do {
            if (++started > TURN) {
                demand.set(0);
                Timer.schedule(this::drop, 1, TimeUnit.MILLISECONDS);
                return;
            }
            Drop operation = new Drop();
            Lease lease = socket.port().buffers().lease(DROP_SIZE);
            operation.hold(lease);
            socket.port().submit(operation, Layout.Opcode.RECEIVE, 0, lease.address(), DROP_SIZE, SocketAddresses.NONE);
        } while (demand.decrementAndGet() != 0);
    }

    private final class Drop extends Operation {
        Drop() {
            super(GracefulClose.this.socket, Verb.RECEIVE, true);
        }

        @Override
        void ended(int status, int bytes, ByteBuffer record, int offset) {
            releaseLease();
            if (Status.isError(status) || bytes == 0) {
                socket.close();
            } else {
                drop();
            }
        }
    }
}
