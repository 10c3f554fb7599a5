// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.util.OptionalInt;

/**
 * An ICMP message about a datagram that was sent; see {@link WskSocketOptions#IP_RECVERR}.
 *
 * @param version 4 for ICMP, 6 for ICMPv6
 * @param type the type of the message
 * @param code the code of the message
 * @param mtu the MTU of the next hop in bytes, if the message is about a datagram that was too big
 */
public record IcmpError(int version, int type, int code, OptionalInt mtu) {
    /**
     * Whether no socket had the port that the datagram was sent to.
     *
     * @return true for a port unreachable message of either version
     */
    public boolean isPortUnreachable() {
        return version == 4 ? type == 3 && code == 3 : type == 1 && code == 4;
    }
}
