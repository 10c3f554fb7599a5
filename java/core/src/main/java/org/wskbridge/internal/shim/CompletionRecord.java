// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A cursor over wskshim_completion records. The owner of the memory moves it from record to record, so that a record costs
 * no object. A method that gets one must read it before it returns, and not keep it; {@link #copy} makes one to keep.
 */
public final class CompletionRecord {
    private final ByteBuffer memory;
    private final int first;

    /** Offset of the current record. */
    private int offset;

    /** A cursor at an offset, where record 0 of {@link #at} is. */
    public CompletionRecord(ByteBuffer memory, int offset) {
        this.memory = memory;
        this.first = offset;
        this.offset = offset;
    }

    /** A record for an operation that ended without one from the driver. */
    public static CompletionRecord of(int status) {
        return alone().fail(status);
    }

    private static CompletionRecord alone() {
        return new CompletionRecord(ByteBuffer.allocate(Layout.Completion.SIZE).order(ByteOrder.LITTLE_ENDIAN), 0);
    }

    /** Moves to the record with an index. @return this */
    public CompletionRecord at(int index) {
        offset = first + index * Layout.Completion.SIZE;
        return this;
    }

    /** Makes this the record of a failure, without bytes. Allocates nothing. @return this */
    public CompletionRecord fail(int status) {
        memory.putInt(offset + Layout.Completion.STATUS, status).putInt(offset + Layout.Completion.BYTES, 0);
        return this;
    }

    /** A copy to keep. */
    public CompletionRecord copy() {
        CompletionRecord copy = alone();
        copy.memory.put(0, memory, offset, Layout.Completion.SIZE);
        return copy;
    }

    /** The number that the operation was submitted with. */
    public long userData() {
        return memory.getLong(offset + Layout.Completion.USER_DATA);
    }

    /** The operation's NTSTATUS. */
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

    /** Whether there was more control information than arrived. */
    public boolean isControlTruncated() {
        return (memory.getShort(offset + Layout.Completion.FLAGS) & Layout.Datagram.CONTROL_TRUNCATED) != 0;
    }

    /** What the operation yields beside bytes: an accepted connection's token. */
    public long value() {
        return memory.getLong(offset + Layout.Completion.VALUE);
    }

    /** The other end's address. */
    public InetSocketAddress address() {
        return SocketAddresses.decode(memory, offset + Layout.Completion.ADDRESS);
    }

    /** The other end's address; most often the cache knows it. */
    public InetSocketAddress address(SenderCache senders) {
        return senders.decode(memory, offset + Layout.Completion.ADDRESS);
    }
}
