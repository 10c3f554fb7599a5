// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.net.ProtocolFamily;
import java.net.SocketOption;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.wskbridge.WskSocketOptions;
import org.wskbridge.internal.shim.Layout;

/**
 * Which options the sockets of a category have, and the driver's numbers for them.
 *
 * <p>SO_REUSEADDR goes to the driver for datagram sockets only. On Windows it lets two sockets share a port, also two
 * listeners, of which one then gets any connection. Java programs set it for another reason, to listen at a port whose
 * connections are in TIME_WAIT, which Windows allows without it. So for TCP it is remembered and nothing else, as the
 * JDK does on Windows.
 */
public final class OptionTable {
    private static final Map<SocketOption<?>, Integer> ANY = Map.of(
            StandardSocketOptions.SO_RCVBUF, Layout.OPTION_RECEIVE_BUFFER,
            WskSocketOptions.SO_EXCLUSIVEADDRUSE, Layout.OPTION_EXCLUSIVE_ADDRESS_USE);

    private final Map<SocketOption<?>, Integer> numbers = new LinkedHashMap<>(ANY);
    private final Set<SocketOption<?>> emulated;
    private final Set<SocketOption<?>> all;

    private OptionTable(ProtocolFamily family, Map<SocketOption<?>, Integer> own, Set<SocketOption<?>> emulated) {
        numbers.putAll(own);
        if (family == StandardProtocolFamily.INET6) {
            numbers.put(WskSocketOptions.IPV6_V6ONLY, Layout.OPTION_IPV6_ONLY);
        }
        this.emulated = emulated;
        Set<SocketOption<?>> names = new LinkedHashSet<>(numbers.keySet());
        names.addAll(emulated);
        this.all = Collections.unmodifiableSet(names);
    }

    public static OptionTable datagram(ProtocolFamily family) {
        return new OptionTable(
                family,
                Map.of(
                        StandardSocketOptions.SO_BROADCAST, Layout.OPTION_BROADCAST,
                        StandardSocketOptions.SO_REUSEADDR, Layout.OPTION_REUSE_ADDRESS),
                Set.of());
    }

    public static OptionTable connection(ProtocolFamily family) {
        return new OptionTable(
                family,
                Map.of(
                        StandardSocketOptions.SO_KEEPALIVE, Layout.OPTION_KEEP_ALIVE,
                        StandardSocketOptions.TCP_NODELAY, Layout.OPTION_NO_DELAY),
                Set.of(StandardSocketOptions.SO_LINGER, StandardSocketOptions.SO_REUSEADDR));
    }

    public static OptionTable listen(ProtocolFamily family) {
        return new OptionTable(
                family,
                Map.of(StandardSocketOptions.SO_KEEPALIVE, Layout.OPTION_KEEP_ALIVE),
                Set.of(StandardSocketOptions.SO_REUSEADDR));
    }

    /** All options of the category. */
    public Set<SocketOption<?>> supported() {
        return all;
    }

    /** Whether the library keeps the option's value itself. */
    public boolean isEmulated(SocketOption<?> option) {
        return emulated.contains(option);
    }

    /** The driver's number of an option. */
    public int number(SocketOption<?> option) {
        Integer number = numbers.get(option);
        if (number == null) {
            throw new UnsupportedOperationException("'" + option + "' not supported");
        }
        return number;
    }

    /** Checks an option and a value for it. */
    public void check(SocketOption<?> option, Object value) {
        check(option);
        Objects.requireNonNull(value, "value");
        if (!option.type().isInstance(value)) {
            throw new IllegalArgumentException(
                    option + " takes a " + option.type().getSimpleName());
        }
        if (option == StandardSocketOptions.SO_RCVBUF && (Integer) value < 0) {
            throw new IllegalArgumentException("a negative SO_RCVBUF");
        }
    }

    /** Checks that the category has an option. */
    public void check(SocketOption<?> option) {
        Objects.requireNonNull(option, "name");
        if (!all.contains(option)) {
            throw new UnsupportedOperationException("'" + option + "' not supported");
        }
    }

    /** The driver's form of a value. */
    public static int encode(Object value) {
        return value instanceof Boolean bool ? (bool ? 1 : 0) : (Integer) value;
    }

    /** The value that the driver's form stands for. */
    public static <T> T decode(SocketOption<T> option, int value) {
        Object decoded = option.type() == Boolean.class ? (Object) (value != 0) : (Object) value;
        return option.type().cast(decoded);
    }
}
