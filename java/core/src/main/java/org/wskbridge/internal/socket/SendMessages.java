// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
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

/**
 * WskSendMessages: many datagrams to one address. Leased memory takes the message that the submission points to, control
 * information if there is any, the array of the pieces, and behind that copies of the payloads, one after the other.
 */
public final class SendMessages extends UserOperation<Integer> {
    private final ByteBuffer[] payloads;
    private final int[] starts;
    private final int[] lengths;

    private SendMessages(SocketHandle socket, List<ByteBuffer> payloads, Outcome<Integer> outcome) {
        super(socket, Verb.SEND_MESSAGES, false, outcome);
        this.payloads = payloads.toArray(ByteBuffer[]::new);
        starts = new int[this.payloads.length];
        lengths = new int[this.payloads.length];
        for (int i = 0; i < this.payloads.length; i++) {
            starts[i] = this.payloads[i].position();
            lengths[i] = this.payloads[i].remaining();
        }
    }

    /**
     * Sends what remains of each payload as a datagram. {@code target} null: to the address that is fixed.
     *
     * @param payloads at least one, at most {@link Layout#MAXIMUM_MESSAGES}
     */
    public static OperationFuture<Integer> send(
            SocketHandle socket,
            List<ByteBuffer> payloads,
            SocketAddresses.Encoded target,
            ControlInfos.Encoded control,
            int maximumDatagram,
            int maximumTransfer,
            Deadline deadline) {
        OperationFuture<Integer> future = socket.newFuture();
        SendMessages operation = new SendMessages(socket, payloads, future);
        future.setCanceller(operation);
        operation.deadline = deadline;
        operation.control = control;
        long total = operation.total(maximumDatagram);
        if (total < 0 || total > maximumTransfer) {
            operation.fail(Status.INVALID_BUFFER_SIZE);
            return future;
        }
        Lease lease = socket.port().buffers().lease(operation.headLength() + (int) total);
        operation.hold(lease);
        try {
            operation.write(lease, target == null ? SocketAddresses.NONE : target);
        } catch (IOException e) {
            operation.fail(e);
            return future;
        }
        socket.port().submit(operation, 0, lease.address(), Layout.Message.SIZE, SocketAddresses.NONE);
        return future;
    }

    /** The bytes of all payloads; negative if one is too long for a datagram. */
    private long total(int maximumDatagram) {
        long total = 0;
        for (int length : lengths) {
            if (length > maximumDatagram) {
                return -1;
            }
            total += length;
        }
        return total;
    }

    private int headLength() {
        return firstPiece() + payloads.length * Layout.Buffer.SIZE;
    }

    /** Control information stands between the message and the pieces. */
    private int firstPiece() {
        return Layout.Message.SIZE + control.length();
    }

    private void write(Lease lease, SocketAddresses.Encoded target) throws IOException {
        ByteBuffer memory = lease.buffer();
        for (int i = 0; i < Layout.Message.SIZE; i += Long.BYTES) {
            memory.putLong(i, 0);
        }
        memory.putLong(Layout.Message.PAYLOAD, lease.address() + firstPiece())
                .putInt(Layout.Message.PAYLOAD_COUNT, payloads.length);
        if (!deadline.isNone()) {
            memory.putLong(Layout.Message.DEADLINE, deadline.remainingMillis());
        }
        target.writeTo(memory, Layout.Message.ADDRESS);
        control.writeTo(memory, 0, lease.address() + Layout.Message.SIZE, Layout.Message.SIZE);
        int piece = firstPiece();
        int at = headLength();
        for (int i = 0; i < payloads.length; i++) {
            memory.putLong(piece + Layout.Buffer.ADDRESS, lease.address() + at)
                    .putLong(piece + Layout.Buffer.LENGTH, lengths[i]); // and the zero behind it
            Payload.copyForSending(lease, at, payloads[i], starts[i], lengths[i]);
            piece += Layout.Buffer.SIZE;
            at += lengths[i];
        }
    }

    /** Moves the positions of those that were sent. */
    @Override
    void ended(CompletionRecord record) {
        if (record.isError()) {
            fail(record.status());
            return;
        }
        int left = record.bytes();
        for (int i = 0; i < payloads.length && lengths[i] <= left; i++) {
            advance(payloads[i], starts[i], lengths[i]);
            left -= lengths[i];
        }
        succeed(record.bytes());
    }
}
