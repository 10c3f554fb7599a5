// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import static java.net.StandardProtocolFamily.INET;
import static java.net.StandardProtocolFamily.INET6;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.UnresolvedAddressException;
import java.nio.channels.UnsupportedAddressTypeException;
import org.junit.jupiter.api.Test;

class SocketAddressesTest {
    private final ByteBuffer memory = NativeMemory.allocate(64);

    private InetSocketAddress roundTrip(SocketAddress address, ProtocolFamily family, boolean dual) {
        SocketAddresses.encode(address, family, dual).writeTo(memory, 4);
        return SocketAddresses.decode(memory, 4);
    }

    @Test
    void ipv4() throws Exception {
        InetSocketAddress address = new InetSocketAddress(InetAddress.getByName("192.0.2.33"), 0xABCD);
        assertEquals(address, roundTrip(address, INET, false));
        assertEquals(2, memory.getShort(4));
        assertEquals((byte) 0xAB, memory.get(6), "the port is in network byte order");
        assertEquals((byte) 192, memory.get(8));
    }

    @Test
    void ipv6WithScope() throws Exception {
        Inet6Address ip = Inet6Address.getByAddress(
                null, InetAddress.getByName("fe80::1:2").getAddress(), 7);
        InetSocketAddress decoded = roundTrip(new InetSocketAddress(ip, 1), INET6, false);
        assertEquals(
                7, assertInstanceOf(Inet6Address.class, decoded.getAddress()).getScopeId());
        assertEquals(23, memory.getShort(4));
        assertEquals((byte) 0xFE, memory.get(12));
        assertEquals(7, memory.getInt(28));
    }

    @Test
    void ipv4OnADualStackSocketIsMapped() throws Exception {
        InetSocketAddress address = new InetSocketAddress(InetAddress.getByName("192.0.2.33"), 9);
        InetSocketAddress decoded = roundTrip(address, INET6, true);
        assertEquals(23, memory.getShort(4));
        assertEquals((byte) 0xFF, memory.get(22));
        assertInstanceOf(Inet4Address.class, decoded.getAddress());
        assertEquals(address, decoded);
    }

    @Test
    void ipv4WildcardIsTheFamilysWildcard() {
        assertEquals(new InetSocketAddress("::", 5), roundTrip(new InetSocketAddress("0.0.0.0", 5), INET6, false));
    }

    @Test
    void wrongAddresses() {
        assertThrows(
                UnsupportedAddressTypeException.class,
                () -> SocketAddresses.encode(new InetSocketAddress("::1", 1), INET, false));
        assertThrows(
                UnsupportedAddressTypeException.class,
                () -> SocketAddresses.encode(new InetSocketAddress("127.0.0.1", 1), INET6, false));
        assertThrows(
                UnsupportedAddressTypeException.class, () -> SocketAddresses.encode(new OtherAddress(), INET, false));
        assertThrows(
                UnresolvedAddressException.class,
                () -> SocketAddresses.encode(InetSocketAddress.createUnresolved("nowhere.invalid", 1), INET, false));
        assertThrows(NullPointerException.class, () -> SocketAddresses.encode(null, INET, false));
    }

    @Test
    void theLastSenderIsRemembered() throws Exception {
        SenderCache cache = new SenderCache();
        SocketAddresses.encode(new InetSocketAddress("127.0.0.1", 1000), INET, false)
                .writeTo(memory, 0);
        InetSocketAddress first = cache.decode(memory, 0);
        assertSame(first, cache.decode(memory, 0));
        SocketAddresses.encode(new InetSocketAddress("127.0.0.1", 1001), INET, false)
                .writeTo(memory, 0);
        assertEquals(1001, cache.decode(memory, 0).getPort());
        SocketAddresses.encode(new InetSocketAddress("127.0.0.1", 1000), INET, false)
                .writeTo(memory, 0);
        assertNotSame(first, cache.decode(memory, 0));
    }

    private static final class OtherAddress extends SocketAddress {
        private static final long serialVersionUID = 1L;
    }
}
