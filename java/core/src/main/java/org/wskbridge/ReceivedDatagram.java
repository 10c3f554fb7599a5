// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
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
    private final ControlInfo controlInfo;
    private final boolean controlTruncated;

    ReceivedDatagram(Lease lease, DatagramOperations.Received received) {
        this.lease = new AtomicReference<>(lease);
        this.payload = received.payload(lease);
        this.sender = received.sender();
        this.length = received.length();
        this.truncated = received.isTruncated();
        this.controlInfo = received.controlInfo();
        this.controlTruncated = received.isControlTruncated();
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

    /**
     * What the options of the socket ask for; see {@link WskSocketOptions#IP_PKTINFO} and the others.
     *
     * @return the control information, {@link ControlInfo#NONE} if there is none
     */
    public ControlInfo controlInfo() {
        return controlInfo;
    }

    /**
     * Whether there was control information that is lost.
     *
     * @return whether the system had more to tell
     */
    public boolean isControlTruncated() {
        return controlTruncated;
    }

    /**
     * The payloads of the datagrams that arrived as this one; see
     * {@link WskSocketOptions#UDP_RECV_MAX_COALESCED_SIZE}.
     *
     * @return slices of the payload, in order; one, if it is a single datagram
     * @throws IllegalStateException if this is closed
     */
    public List<ByteBuffer> segments() {
        ByteBuffer whole = payload().duplicate().clear();
        int size = controlInfo.segmentSize().orElse(0);
        if (size == 0 || size >= length) {
            return List.of(whole.slice());
        }
        List<ByteBuffer> segments = new ArrayList<>();
        for (int at = 0; at < length; at += size) {
            segments.add(whole.slice(at, Math.min(size, length - at)));
        }
        return List.copyOf(segments);
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
