// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

/** How one send of a connection is to be done. */
public enum WskSendOption {
    /**
     * What is sent must not wait for more data to fill a packet (WSK_FLAG_NODELAY). WSK has no other way to switch Nagle's
     * algorithm off: {@link java.net.StandardSocketOptions#TCP_NODELAY TCP_NODELAY} of a socket is this option with every
     * send.
     */
    NO_DELAY
}
