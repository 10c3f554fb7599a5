// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import static java.net.StandardSocketOptions.SO_BROADCAST;
import static java.net.StandardSocketOptions.SO_KEEPALIVE;
import static java.net.StandardSocketOptions.SO_LINGER;
import static java.net.StandardSocketOptions.SO_RCVBUF;
import static java.net.StandardSocketOptions.SO_REUSEADDR;
import static java.net.StandardSocketOptions.TCP_NODELAY;
import static org.wskbridge.WskSocketOptions.IPV6_V6ONLY;
import static org.wskbridge.WskSocketOptions.SO_EXCLUSIVEADDRUSE;
import static org.wskbridge.internal.shim.Category.CONNECTION;
import static org.wskbridge.internal.shim.Category.DATAGRAM;
import static org.wskbridge.internal.shim.Category.LISTEN;

import java.net.ProtocolFamily;
import java.net.SocketOption;
import java.net.StandardProtocolFamily;
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
    /** Of IPv6 only. */
    IPV6_ONLY(7, IPV6_V6ONLY, Set.of(DATAGRAM, CONNECTION, LISTEN), Set.of()),
    /** The library keeps the program's value, and sets the driver's option when a connection is closed. */
    LINGER(8, SO_LINGER, Set.of(), Set.of(CONNECTION));

    private final int number;
    private final SocketOption<?> option;
    private final Set<Category> passed;
    private final Set<Category> kept;

    /**
     * @param option what Java calls it
     * @param passed the categories whose sockets pass it on to the driver
     * @param kept the categories for whose sockets the library keeps the value itself
     */
    DriverOption(int number, SocketOption<?> option, Set<Category> passed, Set<Category> kept) {
        this.number = Layout.option(name(), number, length());
        this.option = option;
        this.passed = passed;
        this.kept = kept;
    }

    /** The option's number in the driver. */
    public int number() {
        return number;
    }

    /** Size of the value in bytes. */
    public int length() {
        return Integer.BYTES;
    }

    /** The option's name in Java. */
    public SocketOption<?> option() {
        return option;
    }

    /** Whether sockets of a category and family pass it on to the driver. */
    public boolean isPassed(Category category, ProtocolFamily family) {
        return passed.contains(category) && (this != IPV6_ONLY || family == StandardProtocolFamily.INET6);
    }

    /** Whether the library keeps the value itself for sockets of a category. */
    public boolean isKept(Category category) {
        return kept.contains(category);
    }
}
