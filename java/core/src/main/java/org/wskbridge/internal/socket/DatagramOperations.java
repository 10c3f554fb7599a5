// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import org.wskbridge.ControlInfo;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.future.Outcome;
import org.wskbridge.internal.memory.Lease;
import org.wskbridge.internal.memory.Payload;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.ControlInfos;
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
        T received(Received datagram) throws IOException;
    }

    /** A datagram that was received, in leased memory behind what the driver tells of it. */
    public static final class Received {
        private final Operation operation;
        private final int payload;
        private final InetSocketAddress sender;
        private final int length;
        private final boolean truncated;
        private final boolean controlTruncated;
        private final ControlInfo controlInfo;

        private Received(ReceiveFrom<?> operation, CompletionRecord record) {
            this.operation = operation;
            payload = prefix(operation.informed);
            sender = record.address(operation.socket.senders());
            length = record.bytes();
            truncated = record.isTruncated();
            controlTruncated = record.isControlTruncated();
            controlInfo = operation.informed
                    ? ControlInfos.decode(operation.lease().buffer(), Layout.Datagram.SIZE)
                    : ControlInfo.NONE;
        }

        /** Where it came from. */
        public InetSocketAddress sender() {
            return sender;
        }

        /** The bytes that were stored. */
        public int length() {
            return length;
        }

        /** Whether it was longer. */
        public boolean isTruncated() {
            return truncated;
        }

        /** Whether there was more control information. */
        public boolean isControlTruncated() {
            return controlTruncated;
        }

        /** What the options of the socket ask for. */
        public ControlInfo controlInfo() {
            return controlInfo;
        }

        /**
         * Copies the payload out and moves the target's position behind it.
         *
         * @throws IOException if the target's memory is gone
         */
        public void copyTo(ByteBuffer target, int position) throws IOException {
            Payload.deliver(operation.lease(), payload, target, position, length);
            UserOperation.advance(target, position, length);
        }

        /** Hands the memory over; the taker releases it. */
        public Lease take() {
            return operation.takeLease();
        }

        /** The part of the taken memory that is the payload. */
        public ByteBuffer payload(Lease lease) {
            return DatagramOperations.payload(lease, payload, length);
        }
    }

    /** What stands before the payload of a received datagram. */
    private static int prefix(boolean informed) {
        return Layout.Datagram.SIZE + (informed ? Layout.ControlInfo.SIZE : 0);
    }

    /** A part of a leased buffer, as a buffer of its own. */
    public static ByteBuffer payload(Lease lease, int offset, int length) {
        return lease.buffer().slice(offset, length);
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
        private final boolean informed;

        ReceiveFrom(SocketHandle socket, boolean informed, Receiver<T> receiver, Outcome<T> outcome) {
            super(socket, Verb.RECEIVE_FROM, false, outcome);
            this.receiver = receiver;
            this.informed = informed;
        }

        @Override
        void ended(CompletionRecord record) {
            if (record.isError()) {
                fail(record.status());
                return;
            }
            T result;
            try {
                result = receiver.received(new Received(this, record));
            } catch (IOException e) {
                fail(e);
                return;
            }
            succeed(result);
        }
    }

    /** Sends the remaining bytes as one datagram. {@code target} null: to the address that is fixed. */
    public static OperationFuture<Integer> send(
            SocketHandle socket,
            ByteBuffer payload,
            SocketAddresses.Encoded target,
            ControlInfos.Encoded control,
            int maximum,
            Deadline deadline) {
        OperationFuture<Integer> future = socket.newFuture();
        SendTo operation = new SendTo(socket, payload, future);
        operation.deadline = deadline;
        operation.control = control;
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

    /**
     * Receives one datagram of at most so many bytes.
     *
     * @param informed whether control information is wanted
     */
    public static <T> OperationFuture<T> receive(
            SocketHandle socket, int maximum, boolean informed, Deadline deadline, Receiver<T> receiver) {
        OperationFuture<T> future = socket.newFuture();
        ReceiveFrom<T> operation = new ReceiveFrom<>(socket, informed, receiver, future);
        operation.deadline = deadline;
        future.setCanceller(operation);
        int length = prefix(informed) + maximum;
        Lease lease = socket.port().buffers().lease(length);
        operation.hold(lease);
        int flags = informed ? Layout.Datagram.WITH_CONTROL : 0;
        socket.port().submit(operation, flags, lease.address(), length, SocketAddresses.NONE);
        return future;
    }
}
