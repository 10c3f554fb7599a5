// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import static java.net.StandardSocketOptions.IP_MULTICAST_IF;
import static java.net.StandardSocketOptions.IP_MULTICAST_LOOP;
import static java.net.StandardSocketOptions.IP_MULTICAST_TTL;
import static java.net.StandardSocketOptions.SO_BROADCAST;
import static java.net.StandardSocketOptions.SO_KEEPALIVE;
import static java.net.StandardSocketOptions.SO_LINGER;
import static java.net.StandardSocketOptions.SO_RCVBUF;
import static java.net.StandardSocketOptions.SO_REUSEADDR;
import static java.net.StandardSocketOptions.SO_SNDBUF;
import static java.net.StandardSocketOptions.TCP_NODELAY;
import static org.wskbridge.WskSocketOptions.IPV6_V6ONLY;
import static org.wskbridge.WskSocketOptions.IP_DONTFRAGMENT;
import static org.wskbridge.WskSocketOptions.IP_MTU;
import static org.wskbridge.WskSocketOptions.IP_MTU_DISCOVER;
import static org.wskbridge.WskSocketOptions.IP_PKTINFO;
import static org.wskbridge.WskSocketOptions.IP_RECEIVE_BROADCAST;
import static org.wskbridge.WskSocketOptions.IP_RECVECN;
import static org.wskbridge.WskSocketOptions.IP_RECVERR;
import static org.wskbridge.WskSocketOptions.IP_RECVTOS;
import static org.wskbridge.WskSocketOptions.IP_RECVTTL;
import static org.wskbridge.WskSocketOptions.IP_TTL;
import static org.wskbridge.WskSocketOptions.IP_UNICAST_IF;
import static org.wskbridge.WskSocketOptions.SO_EXCLUSIVEADDRUSE;
import static org.wskbridge.WskSocketOptions.TCP_KEEPCOUNT;
import static org.wskbridge.WskSocketOptions.TCP_KEEPIDLE;
import static org.wskbridge.WskSocketOptions.TCP_KEEPINTERVAL;
import static org.wskbridge.WskSocketOptions.UDP_RECV_MAX_COALESCED_SIZE;
import static org.wskbridge.internal.shim.Category.CONNECTION;
import static org.wskbridge.internal.shim.Category.DATAGRAM;
import static org.wskbridge.internal.shim.Category.LISTEN;

import java.net.ProtocolFamily;
import java.net.SocketOption;
import java.net.StandardProtocolFamily;
import java.util.Optional;
import java.util.Set;

/** The driver's options, one row each with everything that Java needs to know. */
public enum DriverOption {
    RECEIVE_BUFFER(1, SO_RCVBUF, Set.of(DATAGRAM, CONNECTION, LISTEN), Set.of()),
    /**
     * On Windows it lets two sockets share a port, also two listeners, of which one then gets any connection. Java programs
     * set it for another reason, to listen at a port whose connections are in TIME_WAIT, which Windows allows without it. So
     * for TCP it is remembered and nothing else, as the JDK does on Windows.
     */
    REUSE_ADDRESS(2, SO_REUSEADDR, Set.of(DATAGRAM), Set.of(CONNECTION, LISTEN)),
    EXCLUSIVE_ADDRESS_USE(3, SO_EXCLUSIVEADDRUSE, Set.of(DATAGRAM, CONNECTION, LISTEN), Set.of()),
    BROADCAST(4, SO_BROADCAST, Set.of(DATAGRAM), Set.of()),
    KEEP_ALIVE(5, SO_KEEPALIVE, Set.of(CONNECTION, LISTEN), Set.of()),
    NO_DELAY(6, TCP_NODELAY, Set.of(CONNECTION), Set.of()),
    IPV6_ONLY(7, IPV6_V6ONLY, Set.of(DATAGRAM, CONNECTION, LISTEN), Set.of()),
    /** The library keeps the program's value, and sets the driver's option when a connection is closed. */
    LINGER(8, SO_LINGER, Set.of(), Set.of(CONNECTION)),
    JOIN_GROUP(9),
    LEAVE_GROUP(10),
    BLOCK_SOURCE(11),
    UNBLOCK_SOURCE(12),
    JOIN_SOURCE_GROUP(13),
    LEAVE_SOURCE_GROUP(14),
    MULTICAST_INTERFACE(15, IP_MULTICAST_IF, Set.of(DATAGRAM), Set.of()),
    MULTICAST_HOPS(16, IP_MULTICAST_TTL, Set.of(DATAGRAM), Set.of()),
    MULTICAST_LOOP(17, IP_MULTICAST_LOOP, Set.of(DATAGRAM), Set.of()),
    UNICAST_HOPS(18, IP_TTL, Set.of(DATAGRAM, CONNECTION), Set.of()),
    UNICAST_INTERFACE(19, IP_UNICAST_IF, Set.of(DATAGRAM, CONNECTION), Set.of()),
    DONT_FRAGMENT(20, IP_DONTFRAGMENT, Set.of(DATAGRAM), Set.of()),
    MTU_DISCOVER(21, IP_MTU_DISCOVER, Set.of(DATAGRAM), Set.of()),
    MTU(22, IP_MTU, Set.of(DATAGRAM, CONNECTION), Set.of()),
    RECEIVE_BROADCAST(23, IP_RECEIVE_BROADCAST, Set.of(DATAGRAM), Set.of()),
    KEEP_IDLE(24, TCP_KEEPIDLE, Set.of(CONNECTION), Set.of()),
    KEEP_INTERVAL(25, TCP_KEEPINTERVAL, Set.of(CONNECTION), Set.of()),
    KEEP_COUNT(26, TCP_KEEPCOUNT, Set.of(CONNECTION), Set.of()),
    /** A limit of the driver: WSK has no such buffer. */
    SEND_BUFFER(27, SO_SNDBUF, Set.of(DATAGRAM, CONNECTION), Set.of()),
    RECEIVE_PACKET_INFO(45, IP_PKTINFO, Set.of(DATAGRAM), Set.of()),
    RECEIVE_TRAFFIC_CLASS(46, IP_RECVTOS, Set.of(DATAGRAM), Set.of()),
    RECEIVE_ECN(47, IP_RECVECN, Set.of(DATAGRAM), Set.of()),
    RECEIVE_HOP_LIMIT(48, IP_RECVTTL, Set.of(DATAGRAM), Set.of()),
    RECEIVE_ERRORS(49, IP_RECVERR, Set.of(DATAGRAM), Set.of()),
    /** This and those up to RECEIVE_ERRORS_V4: for the IPv4 datagrams of a dual-stack socket; see {@link #twin}. */
    RECEIVE_PACKET_INFO_V4(50, IP_PKTINFO, Set.of(), Set.of()),
    RECEIVE_TRAFFIC_CLASS_V4(51, IP_RECVTOS, Set.of(), Set.of()),
    RECEIVE_ECN_V4(52, IP_RECVECN, Set.of(), Set.of()),
    RECEIVE_HOP_LIMIT_V4(53, IP_RECVTTL, Set.of(), Set.of()),
    RECEIVE_ERRORS_V4(54, IP_RECVERR, Set.of(), Set.of()),
    RECEIVE_COALESCED(55, UDP_RECV_MAX_COALESCED_SIZE, Set.of(DATAGRAM), Set.of()),
    RECEIVE_BACKLOG(60, Integer.BYTES);

    private final int number;
    private final int length;
    private final Optional<SocketOption<?>> option;
    private final Set<Category> passed;
    private final Set<Category> kept;

    /**
     * @param option what Java calls it
     * @param passed the categories whose sockets pass it on to the driver
     * @param kept the categories for whose sockets the library keeps the value itself
     */
    DriverOption(int number, SocketOption<?> option, Set<Category> passed, Set<Category> kept) {
        this.length = Integer.BYTES;
        this.number = Layout.option(name(), number, length);
        this.option = Optional.of(option);
        this.passed = passed;
        this.kept = kept;
    }

    /** A change of membership, for which Java has no option; its value is a {@link Layout.Group}. */
    DriverOption(int number) {
        this(number, Layout.Group.SIZE);
    }

    /** One for which Java has no option. */
    DriverOption(int number, int length) {
        this.length = length;
        this.number = Layout.option(name(), number, length);
        this.option = Optional.empty();
        this.passed = Set.of();
        this.kept = Set.of();
    }

    /** The option's number in the driver. */
    public int number() {
        return number;
    }

    /** Size of the value in bytes. */
    public int length() {
        return length;
    }

    /** The option's name in Java, of one that is passed or kept. */
    public SocketOption<?> option() {
        return option.orElseThrow();
    }

    /** Whether sockets of a category and family pass it on to the driver. */
    public boolean isPassed(Category category, ProtocolFamily family) {
        return passed.contains(category) && isOf(family);
    }

    private boolean isOf(ProtocolFamily family) {
        return switch (this) {
            case IPV6_ONLY -> family == StandardProtocolFamily.INET6;
            case RECEIVE_BROADCAST -> family == StandardProtocolFamily.INET;
            default -> true;
        };
    }

    /** What the system must have for it. */
    public Optional<Gate> gate() {
        return switch (this) {
            case KEEP_IDLE, KEEP_INTERVAL -> Optional.of(Gate.KEEP_TIMES);
            case KEEP_COUNT -> Optional.of(Gate.KEEP_COUNT);
            default -> Optional.empty();
        };
    }

    /** The greatest value that a number may have. */
    public int maximum() {
        return switch (this) {
            case MULTICAST_HOPS, UNICAST_HOPS, KEEP_COUNT -> 255;
            case MTU_DISCOVER -> 3;
            default -> Integer.MAX_VALUE;
        };
    }

    /** The option that a dual-stack socket needs as well as this one, for its IPv4 datagrams. */
    public Optional<DriverOption> twin() {
        return switch (this) {
            case RECEIVE_PACKET_INFO -> Optional.of(RECEIVE_PACKET_INFO_V4);
            case RECEIVE_TRAFFIC_CLASS -> Optional.of(RECEIVE_TRAFFIC_CLASS_V4);
            case RECEIVE_ECN -> Optional.of(RECEIVE_ECN_V4);
            case RECEIVE_HOP_LIMIT -> Optional.of(RECEIVE_HOP_LIMIT_V4);
            case RECEIVE_ERRORS -> Optional.of(RECEIVE_ERRORS_V4);
            default -> Optional.empty();
        };
    }

    /** Whether what it turns on arrives as control information of received datagrams. */
    public boolean isOfControlInfo() {
        return this == RECEIVE_COALESCED || twin().isPresent();
    }

    /** Whether the library keeps the value itself for sockets of a category. */
    public boolean isKept(Category category) {
        return kept.contains(category);
    }
}
