// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.nio.ByteBuffer;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.Verb;

/**
 * WskConnect on a connection socket, and the no-op. WskSend and WskDisconnect: {@link SendQueue}. WskReceive:
 * {@link ReceiveQueue}.
 */
public final class StreamOperations {
    private StreamOperations() {}

    /** Hears how connecting ended before the future says so. */
    @FunctionalInterface
    public interface ConnectListener {
        void ended(boolean connected);
    }

    private static final class Connect extends UserOperation<Void> {
        private final ConnectListener listener;

        Connect(SocketHandle socket, ConnectListener listener) {
            super(socket, Verb.CONNECT, false);
            this.listener = listener;
        }

        @Override
        void outcome(int status, int bytes, ByteBuffer record, int offset) {
            if (Status.isError(status)) {
                // The exception is made first: it depends on whether the socket was closed before this.
                Exception reason = failure(status);
                listener.ended(false);
                if (status == Status.CANCELLED) {
                    future.recordCancelled(() -> reason);
                    socket.port().dispatcher().dispatch(future);
                } else {
                    fail(reason);
                }
            } else {
                listener.ended(true);
                succeed(null);
            }
        }
    }

    private static final class Nop extends UserOperation<Void> {
        Nop(SocketHandle socket) {
            super(socket, Verb.NOP, false);
        }

        @Override
        void outcome(int status, int bytes, ByteBuffer record, int offset) {
            if (Status.isError(status)) {
                fail(status);
            } else {
                succeed(null);
            }
        }
    }

    /** Connects. */
    public static OperationFuture<Void> connect(
            SocketHandle socket, SocketAddresses.Encoded remote, ConnectListener listener) {
        Connect operation = new Connect(socket, listener);
        socket.port().submit(operation, Layout.Opcode.CONNECT, 0, 0, 0, remote);
        return operation.future;
    }

    /** Sends a request through all layers and back. */
    public static OperationFuture<Void> nop(SocketHandle socket) {
        Nop operation = new Nop(socket);
        socket.port().submit(operation, Layout.Opcode.NOP, 0, 0, 0, SocketAddresses.NONE);
        return operation.future;
    }
}
