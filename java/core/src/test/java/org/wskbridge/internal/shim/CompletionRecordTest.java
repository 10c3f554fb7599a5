// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class CompletionRecordTest {
    private static final int FIRST = 8;
    private static final InetSocketAddress SENDER = new InetSocketAddress("192.0.2.1", 99);

    private final ByteBuffer memory = NativeMemory.allocate(FIRST + 2 * Layout.Completion.SIZE);
    private final CompletionRecord record = new CompletionRecord(memory, FIRST);

    /** Writes the second record. */
    private void second(long userData, int status, int flags) {
        int offset = FIRST + Layout.Completion.SIZE;
        memory.putLong(offset + Layout.Completion.USER_DATA, userData)
                .putInt(offset + Layout.Completion.STATUS, status)
                .putInt(offset + Layout.Completion.BYTES, 12)
                .putShort(offset + Layout.Completion.FLAGS, (short) flags)
                .putLong(offset + Layout.Completion.VALUE, -3);
        SocketAddresses.encode(SENDER, StandardProtocolFamily.INET, false)
                .writeTo(memory, offset + Layout.Completion.ADDRESS);
    }

    private static void assertSecond(CompletionRecord shown) {
        assertEquals(7L << 32 | 5, shown.userData());
        assertEquals(Status.SUCCESS, shown.status());
        assertEquals(12, shown.bytes());
        assertEquals(-3, shown.value());
        assertEquals(SENDER, shown.address());
        assertEquals(SENDER, shown.address(new SenderCache()));
        assertTrue(shown.isTruncated());
        assertFalse(shown.isError());
    }

    @Test
    void showsTheRecordThatItIsMovedTo() {
        second(7L << 32 | 5, Status.SUCCESS, Layout.Datagram.TRUNCATED);
        assertEquals(0, record.bytes());
        assertSecond(record.at(1));
        assertEquals(0, record.at(0).userData());
    }

    @Test
    void aCopyStays() {
        second(7L << 32 | 5, Status.SUCCESS, Layout.Datagram.TRUNCATED);
        CompletionRecord copy = record.at(1).copy();
        second(1, Status.CANCELLED, 0);
        record.at(0);
        assertSecond(copy);
    }

    @Test
    void aFailureHasNoBytes() {
        second(1, Status.BUFFER_OVERFLOW, 0);
        assertTrue(record.at(1).isTruncated());
        assertFalse(record.isError());
        assertEquals(0, record.fail(Status.CANCELLED).bytes());
        assertTrue(record.isError());
        assertFalse(record.isTruncated());
        assertEquals(Status.CANCELLED, CompletionRecord.of(Status.CANCELLED).status());
    }
}
