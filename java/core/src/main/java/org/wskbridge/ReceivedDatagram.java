// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicReference;
import org.wskbridge.internal.DatagramOperations;
import org.wskbridge.internal.Lease;

/**
 * A received datagram in memory that the library lends. {@link #close} gives the memory back; the {@link #payload}
 * must not be used any more then, nor any slice or duplicate of it. The memory of a datagram that is dropped without
 * being closed is free again once the garbage collector has found that neither it nor its payload is used any more,
 * which is late; the library logs the first such case.
 */
public final class ReceivedDatagram implements AutoCloseable {
    private final AtomicReference<Lease> lease;
    private final ByteBuffer payload;
    private final InetSocketAddress sender;
    private final int length;
    private final boolean truncated;

    ReceivedDatagram(Lease lease, InetSocketAddress sender, int length, boolean truncated) {
        this.lease = new AtomicReference<>(lease);
        this.payload = DatagramOperations.payload(lease, length);
        this.sender = sender;
        this.length = length;
        this.truncated = truncated;
    }

    /**
     * The payload.
     *
     * @return always the same buffer, direct, big-endian, at first with position 0 and the length as limit
     * @throws IllegalStateException if this is closed
     */
    public ByteBuffer payload() {
        if (lease.get() == null) {
            throw new IllegalStateException("the datagram is closed, its memory is given back");
        }
        return payload;
    }

    /**
     * Where the datagram came from.
     *
     * @return the sender; an IPv4 address also when a dual-stack socket received from one
     */
    public InetSocketAddress sender() {
        return sender;
    }

    /**
     * How many bytes of payload there are.
     *
     * @return the length of what was stored
     */
    public int length() {
        return length;
    }

    /**
     * Whether the datagram was longer than what the receive asked for; the rest is lost.
     *
     * @return whether it was cut
     */
    public boolean isTruncated() {
        return truncated;
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
        return "ReceivedDatagram[" + length + (truncated ? " bytes of more from " : " bytes from ") + sender + "]";
    }
}
