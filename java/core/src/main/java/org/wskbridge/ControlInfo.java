// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.net.InetAddress;
import java.net.NetworkInterface;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Control information of a datagram: what is known of it, or wanted for it, beside payload and address. Each part may be
 * there or not.
 *
 * <p>A sender begins with {@link #NONE} and adds what it wants:
 *
 * <pre>{@code socket.sendTo(payload, target, ControlInfo.NONE.withTrafficClass(0xB8).withHopLimit(1))}</pre>
 *
 * <p>What a receiver is told depends on the options of the socket: {@link WskSocketOptions#IP_PKTINFO} and the others in
 * that class. Even then a part can be missing; Windows does not promise it when memory is short.
 *
 * @param localAddress the address of this machine: where the datagram is to come from, or what it was sent to
 * @param interfaceIndex the index of the network interface that is to send it, or that it came in by; see
 *     {@link NetworkInterface#getIndex}
 * @param trafficClass TOS of IPv4, traffic class of IPv6, from 0 to 255. Its two low bits are those of ECN; when
 *     {@code ecn} is sent too, that decides them
 * @param ecn explicit congestion notification, from 0 to 3
 * @param hopLimit TTL of IPv4, hop limit of IPv6; from 1 to 255 when sent
 * @param segmentSize the payload is several datagrams of this size, the last of which may be shorter; see
 *     {@link #withSegmentSize}
 * @param error this is no datagram but an ICMP message about one that was sent; only received
 */
public record ControlInfo(
        Optional<InetAddress> localAddress,
        OptionalInt interfaceIndex,
        OptionalInt trafficClass,
        OptionalInt ecn,
        OptionalInt hopLimit,
        OptionalInt segmentSize,
        Optional<IcmpError> error) {
    /** Without any part. */
    public static final ControlInfo NONE = new ControlInfo(
            Optional.empty(),
            OptionalInt.empty(),
            OptionalInt.empty(),
            OptionalInt.empty(),
            OptionalInt.empty(),
            OptionalInt.empty(),
            Optional.empty());

    private static final int LARGEST_SEGMENT = 65_527;

    /**
     * With all parts.
     *
     * @param localAddress the address of this machine
     * @param interfaceIndex the index of the network interface
     * @param trafficClass from 0 to 255
     * @param ecn from 0 to 3
     * @param hopLimit from 0 to 255
     * @param segmentSize from 0 to 65,527
     * @param error an ICMP message
     * @throws IllegalArgumentException if a number is out of its range
     */
    public ControlInfo {
        Objects.requireNonNull(localAddress, "localAddress");
        check("interface index", interfaceIndex, Integer.MAX_VALUE);
        check("traffic class", trafficClass, 255);
        check("ECN", ecn, 3);
        check("hop limit", hopLimit, 255);
        check("segment size", segmentSize, LARGEST_SEGMENT);
        Objects.requireNonNull(error, "error");
    }

    private static void check(String name, OptionalInt value, int most) {
        if (value.isPresent() && (value.getAsInt() < 0 || value.getAsInt() > most)) {
            throw new IllegalArgumentException(
                    "a " + name + " of " + value.getAsInt() + " is not within 0 and " + most);
        }
    }

    /**
     * The same, with an address of this machine to send from. The socket must not be bound to a different one.
     *
     * @param source the address
     * @return the new control information
     */
    public ControlInfo withSource(InetAddress source) {
        return new ControlInfo(Optional.of(source), interfaceIndex, trafficClass, ecn, hopLimit, segmentSize, error);
    }

    /**
     * The same, with a network interface to send by.
     *
     * @param outgoing the interface
     * @return the new control information
     * @throws IllegalArgumentException if the interface has no index
     */
    public ControlInfo withInterface(NetworkInterface outgoing) {
        return withInterface(outgoing.getIndex());
    }

    /**
     * The same, with a network interface to send by.
     *
     * @param index the index of the interface; 0: the system chooses
     * @return the new control information
     * @throws IllegalArgumentException if the index is negative
     */
    public ControlInfo withInterface(int index) {
        return new ControlInfo(localAddress, OptionalInt.of(index), trafficClass, ecn, hopLimit, segmentSize, error);
    }

    /**
     * The same, with a TOS or traffic class.
     *
     * @param value from 0 to 255
     * @return the new control information
     * @throws IllegalArgumentException if the value is out of range
     */
    public ControlInfo withTrafficClass(int value) {
        return new ControlInfo(localAddress, interfaceIndex, OptionalInt.of(value), ecn, hopLimit, segmentSize, error);
    }

    /**
     * The same, with explicit congestion notification.
     *
     * @param value from 0 to 3
     * @return the new control information
     * @throws IllegalArgumentException if the value is out of range
     */
    public ControlInfo withEcn(int value) {
        return new ControlInfo(
                localAddress, interfaceIndex, trafficClass, OptionalInt.of(value), hopLimit, segmentSize, error);
    }

    /**
     * The same, with a TTL or hop limit.
     *
     * @param value from 1 to 255
     * @return the new control information
     * @throws IllegalArgumentException if the value is out of range
     */
    public ControlInfo withHopLimit(int value) {
        if (value == 0) {
            throw new IllegalArgumentException("a datagram with a hop limit of 0 can't be sent");
        }
        return new ControlInfo(
                localAddress, interfaceIndex, trafficClass, ecn, OptionalInt.of(value), segmentSize, error);
    }

    /**
     * The same, with a segment size (UDP_SEND_MSG_SIZE): the system sends each piece of the payload of this size as a
     * datagram, and what is left as a last, shorter one. That costs less than as many sends. A size that is not smaller
     * than the path's MTU makes IP fragment the datagrams.
     *
     * @param bytes of each datagram; 0: the payload is one datagram
     * @return the new control information
     * @throws IllegalArgumentException if the value is out of range
     */
    public ControlInfo withSegmentSize(int bytes) {
        return new ControlInfo(localAddress, interfaceIndex, trafficClass, ecn, hopLimit, OptionalInt.of(bytes), error);
    }
}
