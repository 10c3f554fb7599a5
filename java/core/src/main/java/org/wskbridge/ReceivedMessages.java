// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.AbstractList;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.RandomAccess;
import java.util.concurrent.atomic.AtomicReference;
import org.wskbridge.internal.memory.Lease;
import org.wskbridge.internal.socket.MessageBatch;

/**
 * Datagrams that were received with one request, in the order in which they came, in memory of the library. There are
 * two ways to read them. A cursor makes no object for a datagram:
 *
 * <pre>{@code
 * try (ReceivedMessages messages = socket.receiveMessages().get()) {
 *     while (messages.next()) {
 *         handle(messages.payload(), messages.sender());
 *     }
 * }
 * }</pre>
 *
 * <p>{@link #asList} and the iterator make one for each. The cursor is for one thread at a time.
 *
 * <p>{@link #close} returns the memory; after that payloads, their slices and duplicates must not be used. If a program
 * drops this without closing it, the library takes the memory back when the garbage collector has found that no payload
 * is reachable.
 */
public final class ReceivedMessages implements AutoCloseable, Iterable<ReceivedMessages.Message> {
    /**
     * One datagram.
     *
     * @param payload the payload: direct, big-endian, of its own, valid until the messages are closed
     * @param sender where it came from; an IPv4 address also when a dual-stack socket received from one
     */
    public record Message(ByteBuffer payload, InetSocketAddress sender) {}

    private final AtomicReference<Lease> lease;
    private final MessageBatch batch;
    private final ByteBuffer payload;
    private int position = -1;

    ReceivedMessages(Lease lease, MessageBatch batch) {
        this.lease = new AtomicReference<>(lease);
        this.batch = batch;
        this.payload = batch.view();
    }

    private void requireOpen() {
        if (lease.get() == null) {
            throw new IllegalStateException("the messages are closed, their memory is given back");
        }
    }

    /**
     * How many datagrams there are.
     *
     * @return the number, at least 1
     */
    public int count() {
        return batch.count();
    }

    /**
     * How many datagrams stayed in the ring, for the next request.
     *
     * @return the number at the time of this one
     */
    public int left() {
        return batch.left();
    }

    /**
     * How many datagrams the ring had dropped by then, since it was set.
     *
     * @return the number
     */
    public long dropped() {
        return batch.dropped();
    }

    // ---- the cursor --------------------------------------------------------------------------------------------

    /**
     * Moves to the next datagram, at first to the first.
     *
     * @return false if there is none
     */
    public boolean next() {
        if (position + 1 >= batch.count()) {
            position = batch.count();
            return false;
        }
        position++;
        return true;
    }

    /** Moves before the first datagram. */
    public void rewind() {
        position = -1;
    }

    /** The datagram at the cursor. */
    private int current() {
        requireOpen();
        if (position < 0 || position >= batch.count()) {
            throw new IllegalStateException("the cursor is at no datagram; next() moves it to one");
        }
        return position;
    }

    /**
     * The payload of the datagram at the cursor, from the buffer's position to its limit. Index 0 of the buffer is not
     * the first byte of the datagram: use relative gets, or a {@link ByteBuffer#slice}, which costs an object.
     *
     * @return always the same buffer, direct, big-endian, whose position and limit are set by each call of this
     * @throws IllegalStateException if the cursor is at no datagram, or this is closed
     */
    public ByteBuffer payload() {
        int index = current();
        int offset = batch.offset(index);
        return payload.limit(offset + batch.length(index)).position(offset);
    }

    /**
     * The length of the payload of the datagram at the cursor.
     *
     * @return the number of bytes
     * @throws IllegalStateException if the cursor is at no datagram, or this is closed
     */
    public int length() {
        return batch.length(current());
    }

    /**
     * Where the datagram at the cursor came from.
     *
     * @return the sender; an IPv4 address also when a dual-stack socket received from one
     * @throws IllegalStateException if the cursor is at no datagram, or this is closed
     */
    public InetSocketAddress sender() {
        return batch.sender(current());
    }

    // ---- all of them -------------------------------------------------------------------------------------------

    private Message message(int index) {
        requireOpen();
        return new Message(batch.view().slice(batch.offset(index), batch.length(index)), batch.sender(index));
    }

    /**
     * The datagrams as a list, which doesn't use the cursor.
     *
     * @return an unmodifiable view; each access makes a new object. After {@link #close} an access throws an
     *     {@link IllegalStateException}
     */
    public List<Message> asList() {
        return new View();
    }

    @Override
    public Iterator<Message> iterator() {
        return asList().iterator();
    }

    private final class View extends AbstractList<Message> implements RandomAccess {
        @Override
        public Message get(int index) {
            return message(Objects.checkIndex(index, batch.count()));
        }

        @Override
        public int size() {
            return batch.count();
        }
    }

    /** Gives the memory back. Closing twice does nothing. */
    @Override
    public void close() {
        Lease taken = lease.getAndSet(null);
        if (taken != null) {
            taken.release();
        }
    }

    @Override
    public String toString() {
        return "ReceivedMessages[" + batch.count() + "]";
    }
}
