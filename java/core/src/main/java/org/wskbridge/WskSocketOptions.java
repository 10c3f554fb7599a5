// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.net.NetworkInterface;
import java.net.SocketOption;

/**
 * Socket options that {@link java.net.StandardSocketOptions} doesn't have. Those that
 * {@code jdk.net.ExtendedSocketOptions} has are the same objects, if the Java runtime has its module, jdk.net.
 */
public final class WskSocketOptions {
    /**
     * No other socket may bind to the address, not even with {@link java.net.StandardSocketOptions#SO_REUSEADDR}. It has
     * to be set before the socket is bound.
     */
    public static final SocketOption<Boolean> SO_EXCLUSIVEADDRUSE = option("SO_EXCLUSIVEADDRUSE");

    /**
     * Whether a socket of {@link java.net.StandardProtocolFamily#INET6} talks to IPv6 peers only. By default it does
     * not: as with the JDK's channels it takes IPv4 addresses too. It has to be set before the socket is bound.
     */
    public static final SocketOption<Boolean> IPV6_V6ONLY = option("IPV6_V6ONLY");

    /** After how many seconds without traffic keep-alive sends its first probe; Windows 10, version 1709. */
    public static final SocketOption<Integer> TCP_KEEPIDLE = extended("TCP_KEEPIDLE", Integer.class);

    /** The seconds between two probes of keep-alive; Windows 10, version 1709. */
    public static final SocketOption<Integer> TCP_KEEPINTERVAL = extended("TCP_KEEPINTERVAL", Integer.class);

    /** How many probes without an answer end the connection, 255 at most; Windows 10, version 1703. */
    public static final SocketOption<Integer> TCP_KEEPCOUNT = extended("TCP_KEEPCOUNT", Integer.class);

    /** Whether datagrams are sent with the order not to be fragmented on their way. */
    public static final SocketOption<Boolean> IP_DONTFRAGMENT = extended("IP_DONTFRAGMENT", Boolean.class);

    /** How far what is sent to one host may travel, from 1 to 255 hops; for IPv6 too (IPV6_UNICAST_HOPS). */
    public static final SocketOption<Integer> IP_TTL = option("IP_TTL", Integer.class);

    /**
     * The interface through which to send to one host; {@code null}, as at first, if the system chooses. For IPv6 too
     * (IPV6_UNICAST_IF).
     */
    public static final SocketOption<NetworkInterface> IP_UNICAST_IF = option("IP_UNICAST_IF", NetworkInterface.class);

    /**
     * How the largest datagram that fits through a path is found, as Windows numbers it: 0 the system decides, 1 by
     * forbidding fragmentation, 2 not at all, 3 by forbidding it and leaving all else to the program. For IPv6 too.
     */
    public static final SocketOption<Integer> IP_MTU_DISCOVER = option("IP_MTU_DISCOVER", Integer.class);

    /**
     * How many bytes fit through the path to the peer in one packet. It can be read only, and only while the socket has
     * a peer. For IPv6 too.
     */
    public static final SocketOption<Integer> IP_MTU = option("IP_MTU", Integer.class);

    /** Whether the socket receives broadcasts, which it does by default; of IPv4 only. */
    public static final SocketOption<Boolean> IP_RECEIVE_BROADCAST = option("IP_RECEIVE_BROADCAST");

    /**
     * Whether a datagram socket is told what address a datagram was sent to, and which interface it came in by:
     * {@link ControlInfo#localAddress} and {@link ControlInfo#interfaceIndex}. This and the following options have the names
     * that Windows gives them for IPv4, and are for both families.
     */
    public static final SocketOption<Boolean> IP_PKTINFO = option("IP_PKTINFO");

    /** Whether a datagram socket is told the TOS or traffic class of datagrams: {@link ControlInfo#trafficClass}. */
    public static final SocketOption<Boolean> IP_RECVTOS = option("IP_RECVTOS");

    /** Whether a datagram socket is told of explicit congestion notification: {@link ControlInfo#ecn}. */
    public static final SocketOption<Boolean> IP_RECVECN = option("IP_RECVECN");

    /** Whether a datagram socket is told the TTL or hop limit of datagrams: {@link ControlInfo#hopLimit}. */
    public static final SocketOption<Boolean> IP_RECVTTL = option("IP_RECVTTL");

    /**
     * Whether a datagram socket receives ICMP errors as data: a receive then completes with {@link ControlInfo#error}, without
     * payload, and with the address that the datagram was sent to as sender. Errors no longer make sends and receives fail.
     * It has to be set before the socket is bound.
     */
    public static final SocketOption<Boolean> IP_RECVERR = option("IP_RECVERR");

    /**
     * Up to how many bytes of datagrams of one sender, all of the same size but the last, a datagram socket may receive as
     * one; {@link ControlInfo#segmentSize} tells their size, and {@link ReceivedDatagram#segments} splits them. 0, as at
     * first: each is received by itself. A larger single datagram is received all the same. It has to be set before the
     * socket is bound; {@link Feature#RECEIVE_COALESCED} tells whether the system has it.
     */
    public static final SocketOption<Integer> UDP_RECV_MAX_COALESCED_SIZE =
            option("UDP_RECV_MAX_COALESCED_SIZE", Integer.class);

    private WskSocketOptions() {}

    private static SocketOption<Boolean> option(String name) {
        return option(name, Boolean.class);
    }

    private static <T> SocketOption<T> option(String name, Class<T> type) {
        return new SocketOption<>() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public Class<T> type() {
                return type;
            }

            @Override
            public String toString() {
                return name;
            }
        };
    }

    /** The JDK's option; one of ours if it has none. */
    @SuppressWarnings("unchecked") // its type is checked
    private static <T> SocketOption<T> extended(String name, Class<T> type) {
        try {
            Object option = Class.forName("jdk.net.ExtendedSocketOptions")
                    .getField(name)
                    .get(null);
            if (option instanceof SocketOption<?> found && found.type() == type) {
                return (SocketOption<T>) found;
            }
        } catch (ReflectiveOperationException e) {
            // then one of ours
        }
        return option(name, type);
    }
}
