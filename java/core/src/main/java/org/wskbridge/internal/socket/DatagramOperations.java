// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.future.Outcome;
import org.wskbridge.internal.memory.Lease;
import org.wskbridge.internal.memory.Payload;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.Verb;

/** WskSendTo and WskReceiveFrom on a datagram socket. */
public final class DatagramOperations {
    private DatagramOperations() {}

    /** Makes the result of a received datagram; it may take the lease. */
    @FunctionalInterface
    public interface Receiver<T> {
        T received(ReceivedPayload payload, InetSocketAddress sender, int length, boolean truncated) throws IOException;
    }

    /** The payload of a received datagram, in leased memory behind the driver's prefix. */
    public static final class ReceivedPayload {
        private final Operation operation;

        private ReceivedPayload(Operation operation) {
            this.operation = operation;
        }

        /**
         * Copies the payload out and moves the target's position behind it.
         *
         * @throws IOException if the target's memory is gone
         */
        public void copyTo(ByteBuffer target, int position, int length) throws IOException {
            Payload.deliver(operation.lease(), Layout.Datagram.SIZE, target, position, length);
            UserOperation.advance(target, position, length);
        }

        /** Hands the memory over; the taker releases it. */
        public Lease take() {
            return operation.takeLease();
        }
    }

    /** The part of a leased buffer that is the payload. */
    public static ByteBuffer payload(Lease lease, int length) {
        return lease.buffer().slice(Layout.Datagram.SIZE, length);
    }

    /**
     * Checks that a datagram can be copied to a buffer when it comes.
     *
     * @throws IOException if the buffer's memory is confined to a thread
     */
    public static void checkTarget(ByteBuffer target) throws IOException {
        Payload.isPassedDown(target);
    }

    private static final class SendTo extends UserOperation<Integer> {
        private final ByteBuffer payload;
        private final int start;

        SendTo(SocketHandle socket, ByteBuffer payload, Outcome<Integer> outcome) {
            super(socket, Verb.SEND_TO, false, outcome);
            this.payload = payload;
            this.start = payload.position();
        }

        @Override
        void ended(CompletionRecord record) {
            if (record.isError()) {
                fail(record.status());
            } else {
                int bytes = record.bytes();
                advance(payload, start, bytes);
                succeed(bytes);
            }
        }
    }

    /** One datagram whose bytes are in several buffers. */
    private static final class GatherTo extends UserOperation<Integer> {
        private final SendSource source;

        GatherTo(SocketHandle socket, SendSource source, Outcome<Integer> outcome) {
            super(socket, Verb.SEND_TO, false, outcome);
            this.source = source;
        }

        @Override
        void ended(CompletionRecord record) {
            if (record.isError()) {
                fail(record.status());
            } else {
                source.advance(record.bytes());
                succeed(record.bytes());
            }
        }
    }

    private static final class ReceiveFrom<T> extends UserOperation<T> {
        private final Receiver<T> receiver;

        ReceiveFrom(SocketHandle socket, Receiver<T> receiver, Outcome<T> outcome) {
            super(socket, Verb.RECEIVE_FROM, false, outcome);
            this.receiver = receiver;
        }

        @Override
        void ended(CompletionRecord record) {
            if (record.isError()) {
                fail(record.status());
                return;
            }
            InetSocketAddress sender = record.address(socket.senders());
            T result;
            try {
                result = receiver.received(new ReceivedPayload(this), sender, record.bytes(), record.isTruncated());
            } catch (IOException e) {
                fail(e);
                return;
            }
            succeed(result);
        }
    }

    /** Sends the remaining bytes as one datagram. {@code target} null: to the address that is fixed. */
    public static OperationFuture<Integer> send(
            SocketHandle socket, ByteBuffer payload, SocketAddresses.Encoded target, int maximum, Deadline deadline) {
        OperationFuture<Integer> future = socket.newFuture();
        SendTo operation = new SendTo(socket, payload, future);
        operation.deadline = deadline;
        future.setCanceller(operation);
        int length = payload.remaining();
        if (length > maximum) {
            operation.fail(Status.INVALID_BUFFER_SIZE);
            return future;
        }
        long address = 0;
        if (length > 0) {
            try {
                boolean passedDown = Payload.isPassedDown(payload);
                address = Payload.forSending(operation, payload, passedDown, payload.position(), length);
            } catch (IOException e) {
                operation.fail(e);
                return future;
            }
        }
        SocketAddresses.Encoded to = target == null ? SocketAddresses.NONE : target;
        socket.port().submit(operation, 0, address, length, to);
        return future;
    }

    /** Sends the remaining bytes of several buffers, one after the other, as one datagram; else the same. */
    public static OperationFuture<Integer> send(
            SocketHandle socket, ByteBuffer[] payload, SocketAddresses.Encoded target, int maximum, Deadline deadline) {
        OperationFuture<Integer> future = socket.newFuture();
        SendSource source;
        try {
            source = SendSource.of(payload);
        } catch (IOException e) {
            return socket.failedFuture(e);
        }
        GatherTo operation = new GatherTo(socket, source, future);
        operation.deadline = deadline;
        future.setCanceller(operation);
        int length = source.length();
        if (length > maximum) {
            operation.fail(Status.INVALID_BUFFER_SIZE);
            return future;
        }
        long address;
        try {
            address = length == 0 ? 0 : source.address(operation, 0, length);
        } catch (IOException e) {
            operation.fail(e);
            return future;
        }
        SocketAddresses.Encoded to = target == null ? SocketAddresses.NONE : target;
        socket.port().submit(operation, 0, address, length, to);
        return future;
    }

    /** Receives one datagram of at most so many bytes. */
    public static <T> OperationFuture<T> receive(
            SocketHandle socket, int maximum, Deadline deadline, Receiver<T> receiver) {
        OperationFuture<T> future = socket.newFuture();
        ReceiveFrom<T> operation = new ReceiveFrom<>(socket, receiver, future);
        operation.deadline = deadline;
        future.setCanceller(operation);
        int length = Layout.Datagram.SIZE + maximum;
        Lease lease = socket.port().buffers().lease(length);
        operation.hold(lease);
        socket.port().submit(operation, 0, lease.address(), length, SocketAddresses.NONE);
        return future;
    }
}
