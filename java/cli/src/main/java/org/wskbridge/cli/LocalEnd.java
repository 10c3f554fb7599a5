// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.util.List;
import java.util.Optional;

/**
 * Where netcat sends from.
 *
 * @param addresses one of which to send from; none for the system's choice
 * @param port to send from; 0 for the system's choice
 */
record LocalEnd(List<InetAddress> addresses, int port) {

    boolean isChosen() {
        return !addresses.isEmpty() || port != 0;
    }

    /** Those of a host's addresses that are of a family that one can send from. */
    List<InetAddress> reachable(List<InetAddress> host) throws IOException {
        List<InetAddress> reachable = host.stream()
                .filter(address -> addresses.isEmpty()
                        || inFamily(Addresses.familyOf(address)).isPresent())
                .toList();
        if (reachable.isEmpty()) {
            throw new IOException("from " + Addresses.text(addresses.get(0)) + " there is no way to "
                    + Addresses.text(host.get(0)) + ": one is IPv4, the other IPv6");
        }
        return reachable;
    }

    /** What to bind a socket to that is to reach one of those. */
    InetSocketAddress of(StandardProtocolFamily family) throws IOException {
        InetAddress address = inFamily(family).orElse(Addresses.wildcard(family));
        return new InetSocketAddress(address, port);
    }

    private Optional<InetAddress> inFamily(StandardProtocolFamily family) {
        return addresses.stream()
                .filter(address -> Addresses.familyOf(address) == family)
                .findFirst();
    }
}
