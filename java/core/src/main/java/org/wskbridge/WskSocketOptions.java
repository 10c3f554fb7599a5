// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.net.SocketOption;

/** Socket options that {@link java.net.StandardSocketOptions} doesn't have. */
public final class WskSocketOptions {
    /**
     * No other socket may bind to the address, not even with {@link java.net.StandardSocketOptions#SO_REUSEADDR}. It has
     * to be set before the socket is bound.
     */
    public static final SocketOption<Boolean> SO_EXCLUSIVEADDRUSE = option("SO_EXCLUSIVEADDRUSE");

    /**
     * Whether a socket of {@link java.net.StandardProtocolFamily#INET6} talks to IPv6 peers only, which is what
     * Windows does by default. With {@code false} it is a dual-stack socket and takes IPv4 addresses too. It has to
     * be set before the socket is bound.
     */
    public static final SocketOption<Boolean> IPV6_V6ONLY = option("IPV6_V6ONLY");

    private WskSocketOptions() {}

    private static SocketOption<Boolean> option(String name) {
        return new SocketOption<>() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public Class<Boolean> type() {
                return Boolean.class;
            }

            @Override
            public String toString() {
                return name;
            }
        };
    }
}
