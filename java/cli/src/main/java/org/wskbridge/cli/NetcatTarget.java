// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;

/**
 * Where netcat connects to or listens.
 *
 * @param host as it was named; when listening, it has no meaning
 * @param addresses of the other end, in the order to try; when listening, the one to listen on
 * @param ports of the other end, one after the other; when listening, the one to listen on, 0 for any
 * @param local to send from
 * @param limit for connecting and for silence; null for none
 */
record NetcatTarget(String host, List<InetAddress> addresses, List<Integer> ports, LocalEnd local, Duration limit) {

    InetSocketAddress listenAddress() {
        return new InetSocketAddress(addresses.get(0), ports.get(0));
    }
}
