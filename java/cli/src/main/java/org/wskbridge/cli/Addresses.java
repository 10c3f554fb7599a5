// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnknownHostException;
import java.util.List;
import java.util.stream.Stream;

/** Names, addresses and families. */
final class Addresses {

    private Addresses() {}

    /** The addresses of a host in a family, or in any when it is null. Never empty. */
    static List<InetAddress> all(String host, StandardProtocolFamily family) throws UnknownHostException {
        InetAddress[] found;
        try {
            found = InetAddress.getAllByName(host);
        } catch (UnknownHostException e) {
            throw new UnknownHostException("host '" + host + "' is not known");
        }
        List<InetAddress> matching = Stream.of(found)
                .filter(address -> family == null || familyOf(address) == family)
                .toList();
        if (matching.isEmpty()) {
            String version = family == StandardProtocolFamily.INET6 ? "IPv6" : "IPv4";
            throw new UnknownHostException("host '" + host + "' has no " + version + " address");
        }
        return matching;
    }

    static InetAddress first(String host, StandardProtocolFamily family) throws UnknownHostException {
        return all(host, family).get(0);
    }

    static InetAddress wildcard(StandardProtocolFamily family) throws UnknownHostException {
        return InetAddress.getByName(family == StandardProtocolFamily.INET6 ? "::" : "0.0.0.0");
    }

    static StandardProtocolFamily familyOf(InetAddress address) {
        return address instanceof Inet6Address ? StandardProtocolFamily.INET6 : StandardProtocolFamily.INET;
    }

    /**
     * An address to bind a socket of the family to. The one that the options named stands for itself; when only a
     * port was named the wildcard of the family goes with it.
     */
    static InetSocketAddress bindable(InetSocketAddress local, StandardProtocolFamily family)
            throws UnknownHostException {
        InetAddress address = local.getAddress();
        boolean fits = !address.isAnyLocalAddress() || familyOf(address) == family;
        return fits ? local : new InetSocketAddress(wildcard(family), local.getPort());
    }

    static String text(InetAddress address, int port) {
        String host = address.getHostAddress();
        return (address instanceof Inet4Address ? host : "[" + host + "]") + ":" + port;
    }

    static String text(InetSocketAddress address) {
        return text(address.getAddress(), address.getPort());
    }
}
