// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.future.Outcome;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.Verb;

/**
 * WskConnect on a connection socket, its waits for events, and the no-op. WskSend and WskDisconnect: {@link SendQueue}. WskReceive:
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

        /** The bytes that it sends; null for none. */
        private SendSource first;

        Connect(SocketHandle socket, ConnectListener listener, Outcome<Void> outcome) {
            super(socket, Verb.CONNECT, false, outcome);
            this.listener = listener;
        }

        @Override
        void ended(CompletionRecord record) {
            if (record.isError()) {
                // The exception is made first: it depends on whether the socket was closed before this.
                Exception reason = failure(record.status());
                listener.ended(false);
                if (record.status() == Status.CANCELLED) {
                    outcome().recordCancelled(() -> reason);
                    publish();
                } else {
                    fail(reason);
                }
            } else {
                if (first != null) {
                    first.advance(first.length());
                }
                listener.ended(true);
                succeed(null);
            }
        }
    }

    /** A connect that sends first bytes. */
    private static void submitWithData(Connect operation, SocketAddresses.Encoded remote, SendSource first) {
        long address;
        try {
            address = first.address(operation, 0, first.length());
        } catch (IOException | OutOfMemoryError e) {
            operation.listener.ended(false);
            operation.fail(e);
            return;
        }
        operation.first = first;
        operation.socket.port().submit(operation, 0, address, first.length(), remote);
    }

    /** One without a result. */
    private static final class Plain extends UserOperation<Void> {
        Plain(SocketHandle socket, Verb verb, Outcome<Void> outcome) {
            super(socket, verb, false, outcome);
        }

        @Override
        void ended(CompletionRecord record) {
            if (record.isError()) {
                fail(record.status());
            } else {
                succeed(null);
            }
        }
    }

    private static OperationFuture<Void> plain(SocketHandle socket, Verb verb) {
        OperationFuture<Void> future = socket.newFuture();
        Plain operation = new Plain(socket, verb, future);
        future.setCanceller(operation);
        socket.port().submit(operation, 0, 0, 0, SocketAddresses.NONE);
        return future;
    }

    /** Connects. */
    public static OperationFuture<Void> connect(
            SocketHandle socket, SocketAddresses.Encoded remote, Deadline deadline, ConnectListener listener) {
        OperationFuture<Void> future = socket.newFuture();
        Connect operation = new Connect(socket, listener, future);
        operation.deadline = deadline;
        future.setCanceller(operation);
        socket.port().submit(operation, 0, 0, 0, remote);
        return future;
    }

    /**
     * Connects and sends first bytes, which one request must be able to take.
     *
     * @throws IOException if the buffer's memory can't be used
     */
    public static OperationFuture<Void> connect(
            SocketHandle socket,
            SocketAddresses.Encoded remote,
            ByteBuffer first,
            Deadline deadline,
            ConnectListener listener)
            throws IOException {
        SendSource source = SendSource.of(first);
        OperationFuture<Void> future = socket.newFuture();
        Connect operation = new Connect(socket, listener, future);
        operation.deadline = deadline;
        future.setCanceller(operation);
        submitWithData(operation, remote, source);
        return future;
    }

    /** Sends a request through all layers and back. */
    public static OperationFuture<Void> nop(SocketHandle socket) {
        return plain(socket, Verb.NOP);
    }

    /** Waits until the addresses of the socket's family have changed. */
    public static OperationFuture<Void> awaitAddresses(SocketHandle socket) {
        return plain(socket, Verb.AWAIT_ADDRESSES);
    }

    /** Waits until a receive would not wait. */
    public static OperationFuture<Void> waitReadable(SocketHandle socket) {
        return plain(socket, Verb.AWAIT_READABLE);
    }

    /** Waits until the peer has ended its side. */
    public static OperationFuture<Void> waitDisconnected(SocketHandle socket) {
        return plain(socket, Verb.AWAIT_DISCONNECTED);
    }
}
