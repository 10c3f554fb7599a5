// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.future.Outcome;
import org.wskbridge.internal.memory.Lease;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.SenderCache;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Verb;

/**
 * The output of a RECEIVE_MESSAGES, read where it is: a header, an entry for each datagram, and the payloads. What it
 * tells must not be asked for after the memory was given back, but for the numbers of the header.
 */
public final class MessageBatch {
    private final ByteBuffer memory;
    private final SenderCache senders;
    private final int count;
    private final int left;
    private final long dropped;
    private final int entries;
    private final int entrySize;

    private MessageBatch(ByteBuffer memory, SenderCache senders) {
        this.memory = memory;
        this.senders = senders;
        this.count = memory.getInt(Layout.Messages.COUNT);
        this.left = memory.getInt(Layout.Messages.LEFT);
        this.dropped = memory.getLong(Layout.Messages.OVERRUNS);
        this.entries = memory.getInt(Layout.Messages.LENGTH);
        this.entrySize = memory.getInt(Layout.Messages.ENTRY_SIZE);
    }

    /** Makes the result of the batch, and takes the lease over. */
    @FunctionalInterface
    public interface Receiver<T> {
        T received(Lease lease, MessageBatch batch);
    }

    private static final class Receive<T> extends UserOperation<T> {
        private final Receiver<T> receiver;

        Receive(SocketHandle socket, Receiver<T> receiver, Outcome<T> outcome) {
            super(socket, Verb.RECEIVE_MESSAGES, false, outcome);
            this.receiver = receiver;
        }

        @Override
        void ended(CompletionRecord record) {
            if (record.isError()) {
                fail(record.status());
                return;
            }
            MessageBatch batch = new MessageBatch(lease().buffer(), socket.senders());
            succeed(receiver.received(takeLease(), batch));
        }
    }

    /** Receives datagrams into so many bytes of memory, at least {@link Layout#MINIMUM_BATCH}. */
    public static <T> OperationFuture<T> receive(
            SocketHandle socket, int room, Deadline deadline, Receiver<T> receiver) {
        OperationFuture<T> future = socket.newFuture();
        Receive<T> operation = new Receive<>(socket, receiver, future);
        operation.deadline = deadline;
        future.setCanceller(operation);
        Lease lease = socket.port().buffers().lease(room);
        operation.hold(lease);
        socket.port().submit(operation, 0, lease.address(), room, SocketAddresses.NONE);
        return future;
    }

    /** How many datagrams there are. */
    public int count() {
        return count;
    }

    /** How many stayed in the ring. */
    public int left() {
        return left;
    }

    /** How many the ring has dropped. */
    public long dropped() {
        return dropped;
    }

    /** All of the memory, as a big-endian buffer of the caller's own. */
    public ByteBuffer view() {
        return memory.duplicate();
    }

    private int entry(int index) {
        return entries + index * entrySize;
    }

    private int datagram(int index) {
        return entry(index) + Layout.MessageEntry.DATAGRAM;
    }

    /** Where a payload begins. */
    public int offset(int index) {
        return memory.getInt(entry(index) + Layout.MessageEntry.OFFSET);
    }

    /** The length of a payload. */
    public int length(int index) {
        return memory.getInt(datagram(index) + Layout.Datagram.LENGTH);
    }

    /** Where a datagram came from. */
    public InetSocketAddress sender(int index) {
        return senders.decode(memory, datagram(index) + Layout.Datagram.REMOTE_ADDRESS);
    }
}
