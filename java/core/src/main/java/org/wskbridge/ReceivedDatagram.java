// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicReference;
import org.wskbridge.internal.memory.Lease;
import org.wskbridge.internal.socket.DatagramOperations;

/**
 * A received datagram in memory of the library. {@link #close} returns the memory; after that the {@link #payload} and
 * its slices and duplicates must not be used. If a program drops a datagram without closing it, the library takes the
 * memory back when the garbage collector has found that neither the datagram nor its payload is reachable. That may be
 * late; the library logs the first such case.
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
