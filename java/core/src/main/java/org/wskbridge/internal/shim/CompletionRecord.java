// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A wskshim_completion, read where it is: whoever has the memory moves this from record to record, so that none costs
 * an object. So a callee reads it before it returns and doesn't keep it; {@link #copy} makes one that stays.
 */
public final class CompletionRecord {
    private final ByteBuffer memory;
    private final int first;

    /** Where the record is that this shows. */
    private int offset;

    /** Shows the record at an offset, the first of those that {@link #at} reaches. */
    public CompletionRecord(ByteBuffer memory, int offset) {
        this.memory = memory;
        this.first = offset;
        this.offset = offset;
    }

    /** A record that no driver wrote, for an operation that ended without one. */
    public static CompletionRecord of(int status) {
        return alone().fail(status);
    }

    private static CompletionRecord alone() {
        return new CompletionRecord(ByteBuffer.allocate(Layout.Completion.SIZE).order(ByteOrder.LITTLE_ENDIAN), 0);
    }

    /** Moves to one of the records that lie one behind the other. @return this */
    public CompletionRecord at(int index) {
        offset = first + index * Layout.Completion.SIZE;
        return this;
    }

    /** Makes this the record of a failure, without bytes. Allocates nothing. @return this */
    public CompletionRecord fail(int status) {
        memory.putInt(offset + Layout.Completion.STATUS, status).putInt(offset + Layout.Completion.BYTES, 0);
        return this;
    }

    /** A record that stays as it is. */
    public CompletionRecord copy() {
        CompletionRecord copy = alone();
        copy.memory.put(0, memory, offset, Layout.Completion.SIZE);
        return copy;
    }

    /** The number that the operation was submitted with. */
    public long userData() {
        return memory.getLong(offset + Layout.Completion.USER_DATA);
    }

    /** What the driver completed the operation with. */
    public int status() {
        return memory.getInt(offset + Layout.Completion.STATUS);
    }

    /** Whether the status is an error. */
    public boolean isError() {
        return Status.isError(status());
    }

    /** How many bytes were moved. */
    public int bytes() {
        return memory.getInt(offset + Layout.Completion.BYTES);
    }

    /** Whether a datagram was longer than the room for it. */
    public boolean isTruncated() {
        return status() == Status.BUFFER_OVERFLOW
                || (memory.getShort(offset + Layout.Completion.FLAGS) & Layout.Datagram.TRUNCATED) != 0;
    }

    /** What the operation yields beside bytes: an accepted connection's token. */
    public long value() {
        return memory.getLong(offset + Layout.Completion.VALUE);
    }

    /** The other end's address. */
    public InetSocketAddress address() {
        return SocketAddresses.decode(memory, offset + Layout.Completion.ADDRESS);
    }

    /** The other end's address, which most often is the one that came last. */
    public InetSocketAddress address(SenderCache senders) {
        return senders.decode(memory, offset + Layout.Completion.ADDRESS);
    }
}
