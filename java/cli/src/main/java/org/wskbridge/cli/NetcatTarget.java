// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;

/**
 * Where netcat connects to or listens.
 *
 * @param addresses of the other end, in the order to try; when listening, the one to listen on
 * @param port of the other end; when listening, the one to listen on, 0 for any
 * @param local to send from; null for the system's choice
 * @param limit for connecting and for silence; null for none
 */
record NetcatTarget(List<InetAddress> addresses, int port, InetSocketAddress local, Duration limit) {

    InetSocketAddress listenAddress() {
        return new InetSocketAddress(addresses.get(0), port);
    }
}
