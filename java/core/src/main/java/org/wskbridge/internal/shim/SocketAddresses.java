// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.UnresolvedAddressException;
import java.nio.channels.UnsupportedAddressTypeException;
import java.util.Objects;

/** Between {@link InetSocketAddress} and the 28 bytes of a SOCKADDR_INET. */
public final class SocketAddresses {
    private SocketAddresses() {}

    /** An address in the form that the driver takes; remembers what it was made of. */
    public static final class Encoded {
        private final InetSocketAddress source;
        private final byte[] bytes;

        private Encoded(InetSocketAddress source, byte[] bytes) {
            this.source = source;
            this.bytes = bytes;
        }

        /** The address as the user named it; null for one that the user didn't name. */
        public InetSocketAddress source() {
            return source;
        }

        /** Writes the 28 bytes. */
        public void writeTo(ByteBuffer memory, int offset) {
            memory.put(offset, bytes);
        }
    }

    /** Family AF_UNSPEC: no address. */
    public static final Encoded NONE = new Encoded(null, new byte[Layout.SocketAddress.SIZE]);

    /** The number of a family that the bridge has, for WSKB_CREATE. */
    public static int number(ProtocolFamily family) {
        return family == StandardProtocolFamily.INET6 ? Layout.FAMILY_INET6 : Layout.FAMILY_INET;
    }

    /**
     * Checks an address that a user named and encodes it for a socket.
     *
     * @param dual whether a socket of family INET6 takes IPv4 addresses too
     */
    public static Encoded encode(SocketAddress address, ProtocolFamily family, boolean dual) {
        Objects.requireNonNull(address, "address");
        if (!(address instanceof InetSocketAddress inet)) {
            throw new UnsupportedAddressTypeException();
        }
        InetAddress ip = inet.getAddress();
        if (ip == null) {
            throw new UnresolvedAddressException();
        }
        if (family == StandardProtocolFamily.INET) {
            if (!(ip instanceof Inet4Address)) {
                throw new UnsupportedAddressTypeException();
            }
            return new Encoded(inet, v4(ip.getAddress(), inet.getPort()));
        }
        if (ip instanceof Inet6Address ip6) {
            return new Encoded(inet, v6(ip6.getAddress(), ip6.getScopeId(), inet.getPort()));
        }
        if (ip.isAnyLocalAddress()) {
            return new Encoded(inet, v6(new byte[16], 0, inet.getPort()));
        }
        if (!dual) {
            throw new UnsupportedAddressTypeException();
        }
        return new Encoded(inet, v6(mapped(ip.getAddress()), 0, inet.getPort()));
    }

    /** The wildcard address with a port that the system picks. */
    public static Encoded wildcard(ProtocolFamily family) {
        byte[] bytes = family == StandardProtocolFamily.INET6 ? v6(new byte[16], 0, 0) : v4(new byte[4], 0);
        return new Encoded(null, bytes);
    }

    private static byte[] v4(byte[] ip, int port) {
        ByteBuffer out = encoded(Layout.FAMILY_INET, port);
        out.put(Layout.SocketAddress.V4_ADDRESS, ip);
        return out.array();
    }

    private static byte[] v6(byte[] ip, int scope, int port) {
        ByteBuffer out = encoded(Layout.FAMILY_INET6, port);
        out.put(Layout.SocketAddress.V6_ADDRESS, ip);
        out.putInt(Layout.SocketAddress.V6_SCOPE_ID, scope);
        return out.array();
    }

    private static ByteBuffer encoded(int family, int port) {
        ByteBuffer out = ByteBuffer.allocate(Layout.SocketAddress.SIZE).order(ByteOrder.LITTLE_ENDIAN);
        out.putShort(Layout.SocketAddress.FAMILY, (short) family);
        out.putShort(Layout.SocketAddress.PORT, Short.reverseBytes((short) port));
        return out;
    }

    private static byte[] mapped(byte[] v4) {
        byte[] bytes = new byte[16];
        bytes[10] = (byte) 0xFF;
        bytes[11] = (byte) 0xFF;
        System.arraycopy(v4, 0, bytes, 12, 4);
        return bytes;
    }

    /** Reads an address; v4-mapped ones come out as IPv4. Family AF_UNSPEC gives 0.0.0.0:0. */
    public static InetSocketAddress decode(ByteBuffer memory, int offset) {
        int family = Short.toUnsignedInt(memory.getShort(offset + Layout.SocketAddress.FAMILY));
        int port = Short.toUnsignedInt(Short.reverseBytes(memory.getShort(offset + Layout.SocketAddress.PORT)));
        try {
            if (family != Layout.FAMILY_INET6) {
                byte[] v4 = new byte[4];
                memory.get(offset + Layout.SocketAddress.V4_ADDRESS, v4);
                return new InetSocketAddress(InetAddress.getByAddress(v4), port);
            }
            byte[] v6 = new byte[16];
            memory.get(offset + Layout.SocketAddress.V6_ADDRESS, v6);
            int scope = memory.getInt(offset + Layout.SocketAddress.V6_SCOPE_ID);
            InetAddress ip = InetAddress.getByAddress(v6);
            if (scope != 0 && ip instanceof Inet6Address) {
                ip = Inet6Address.getByAddress(null, v6, scope);
            }
            return new InetSocketAddress(ip, port);
        } catch (UnknownHostException e) {
            throw new AssertionError("4 and 16 bytes always make an address", e);
        }
    }
}
