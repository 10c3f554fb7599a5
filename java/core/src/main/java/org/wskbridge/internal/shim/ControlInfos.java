// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.OptionalInt;
import org.wskbridge.ControlInfo;
import org.wskbridge.IcmpError;

/** Between {@link ControlInfo} and WSKB_CONTROL_INFO. */
public final class ControlInfos {
    private ControlInfos() {}

    /** Control information in the form that the driver takes. */
    public static final class Encoded {
        private final ControlInfo info;
        private final SocketAddresses.Encoded source;

        private Encoded(ControlInfo info, SocketAddresses.Encoded source) {
            this.info = info;
            this.source = source;
        }

        /** Whether there is nothing to say. */
        public boolean isEmpty() {
            return this == NONE;
        }

        /**
         * Writes what a message says of it, and the structure unless there is nothing to say.
         *
         * @param message where the message is
         * @param address the address of the structure
         * @param offset where the structure is
         */
        public void writeTo(ByteBuffer memory, int message, long address, int offset) {
            memory.putLong(message + Layout.Message.CONTROL, isEmpty() ? 0 : address)
                    .putInt(message + Layout.Message.CONTROL_LENGTH, length());
            if (!isEmpty()) {
                write(memory, offset);
            }
        }

        /** The bytes of the structure; 0 if there is nothing to say. */
        public int length() {
            return isEmpty() ? 0 : Layout.ControlInfo.SIZE;
        }

        private void write(ByteBuffer memory, int offset) {
            for (int i = 0; i < Layout.ControlInfo.SIZE; i += Integer.BYTES) {
                memory.putInt(offset + i, 0);
            }
            source.writeTo(memory, offset + Layout.ControlInfo.LOCAL_ADDRESS);
            int present =
                    info.localAddress().isPresent() || info.interfaceIndex().isPresent()
                            ? Layout.ControlInfo.HAS_PACKET_INFO
                            : 0;
            memory.putInt(
                    offset + Layout.ControlInfo.INTERFACE, info.interfaceIndex().orElse(0));
            present |= put(memory, offset + Layout.ControlInfo.TRAFFIC_CLASS, info.trafficClass())
                    ? Layout.ControlInfo.HAS_TRAFFIC_CLASS
                    : 0;
            present |= put(memory, offset + Layout.ControlInfo.ECN, info.ecn()) ? Layout.ControlInfo.HAS_ECN : 0;
            present |= put(memory, offset + Layout.ControlInfo.HOP_LIMIT, info.hopLimit())
                    ? Layout.ControlInfo.HAS_HOP_LIMIT
                    : 0;
            present |= put(memory, offset + Layout.ControlInfo.SEGMENT_SIZE, info.segmentSize())
                    ? Layout.ControlInfo.HAS_SEGMENT_SIZE
                    : 0;
            memory.putInt(offset + Layout.ControlInfo.LENGTH, Layout.ControlInfo.SIZE)
                    .putInt(offset + Layout.ControlInfo.PRESENT, present);
        }

        private static boolean put(ByteBuffer memory, int offset, OptionalInt value) {
            memory.putInt(offset, value.orElse(0));
            return value.isPresent();
        }
    }

    /** No control information. */
    public static final Encoded NONE = new Encoded(ControlInfo.NONE, SocketAddresses.NONE);

    /**
     * Checks what a user wants to send and encodes it for a socket.
     *
     * @param dual whether a socket of family INET6 takes IPv4 addresses too
     * @throws IllegalArgumentException if it can only be received
     * @throws java.nio.channels.UnsupportedAddressTypeException if the source isn't of the socket's family
     */
    public static Encoded encode(ControlInfo info, ProtocolFamily family, boolean dual) {
        if (info.equals(ControlInfo.NONE)) {
            return NONE;
        }
        if (info.error().isPresent()) {
            throw new IllegalArgumentException("an ICMP error can't be sent");
        }
        if (info.hopLimit().isPresent() && info.hopLimit().getAsInt() == 0) {
            throw new IllegalArgumentException("a datagram with a hop limit of 0 can't be sent");
        }
        SocketAddresses.Encoded source = SocketAddresses.NONE;
        if (info.localAddress().isPresent() && !info.localAddress().get().isAnyLocalAddress()) {
            source = SocketAddresses.encode(
                    new InetSocketAddress(info.localAddress().get(), 0), family, dual);
        }
        return new Encoded(info, source);
    }

    /** Reads what the driver wrote. */
    public static ControlInfo decode(ByteBuffer memory, int offset) {
        int present = memory.getInt(offset + Layout.ControlInfo.PRESENT);
        if (present == 0) {
            return ControlInfo.NONE;
        }
        boolean hasPacketInfo = (present & Layout.ControlInfo.HAS_PACKET_INFO) != 0;
        Optional<InetAddress> local = hasPacketInfo
                ? Optional.of(SocketAddresses.decode(memory, offset + Layout.ControlInfo.LOCAL_ADDRESS)
                        .getAddress())
                : Optional.empty();
        return new ControlInfo(
                local,
                get(memory, offset + Layout.ControlInfo.INTERFACE, hasPacketInfo),
                get(
                        memory,
                        offset + Layout.ControlInfo.TRAFFIC_CLASS,
                        has(present, Layout.ControlInfo.HAS_TRAFFIC_CLASS)),
                get(memory, offset + Layout.ControlInfo.ECN, has(present, Layout.ControlInfo.HAS_ECN)),
                get(memory, offset + Layout.ControlInfo.HOP_LIMIT, has(present, Layout.ControlInfo.HAS_HOP_LIMIT)),
                get(
                        memory,
                        offset + Layout.ControlInfo.SEGMENT_SIZE,
                        has(present, Layout.ControlInfo.HAS_SEGMENT_SIZE)),
                has(present, Layout.ControlInfo.HAS_ERROR) ? Optional.of(error(memory, offset)) : Optional.empty());
    }

    private static boolean has(int present, int bit) {
        return (present & bit) != 0;
    }

    private static OptionalInt get(ByteBuffer memory, int offset, boolean isThere) {
        return isThere ? OptionalInt.of(memory.getInt(offset)) : OptionalInt.empty();
    }

    private static IcmpError error(ByteBuffer memory, int offset) {
        int mtu = memory.getInt(offset + Layout.ControlInfo.MTU);
        return new IcmpError(
                memory.getInt(offset + Layout.ControlInfo.PROTOCOL) == Layout.PROTOCOL_ICMPV6 ? 6 : 4,
                memory.getInt(offset + Layout.ControlInfo.TYPE),
                memory.getInt(offset + Layout.ControlInfo.CODE),
                mtu == 0 ? OptionalInt.empty() : OptionalInt.of(mtu));
    }
}
