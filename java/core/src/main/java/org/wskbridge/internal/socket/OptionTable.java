// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.net.NetworkInterface;
import java.net.ProtocolFamily;
import java.net.SocketException;
import java.net.SocketOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.wskbridge.WskSocketOptions;
import org.wskbridge.internal.shim.Category;
import org.wskbridge.internal.shim.DriverOption;

/** The options that the sockets of a category and a family have, by Java's names. Derived from {@link DriverOption}. */
public final class OptionTable {
    private final Map<SocketOption<?>, DriverOption> passed = new LinkedHashMap<>();
    private final Set<SocketOption<?>> all;

    /** Those of all that the system has too; null until it was asked. */
    private volatile Set<SocketOption<?>> supported;

    /** The options that sockets of a category and family have. */
    public OptionTable(Category category, ProtocolFamily family) {
        Set<SocketOption<?>> names = new LinkedHashSet<>();
        for (DriverOption option : DriverOption.values()) {
            if (option.isPassed(category, family)) {
                passed.put(option.option(), option);
                names.add(option.option());
            } else if (option.isKept(category)) {
                names.add(option.option());
            }
        }
        this.all = Collections.unmodifiableSet(names);
    }

    /**
     * The options of the category that the system has: not every version of Windows, nor Wine, has all. A closed socket
     * can't ask.
     */
    public Set<SocketOption<?>> supported(SocketHandle handle) {
        Set<SocketOption<?>> known = supported;
        if (known != null || !handle.isOpen()) {
            return known != null ? known : all;
        }
        Set<SocketOption<?>> found = new LinkedHashSet<>(all);
        passed.forEach((name, option) -> {
            if (!handle.hasOption(option)) {
                found.remove(name);
            }
        });
        supported = Collections.unmodifiableSet(found);
        return supported;
    }

    /** Whether the library keeps the option's value itself. */
    public boolean isEmulated(SocketOption<?> option) {
        return all.contains(option) && !passed.containsKey(option);
    }

    /** The driver's option for one of Java's that the driver implements. */
    public DriverOption passed(SocketOption<?> option) {
        DriverOption found = passed.get(option);
        if (found == null) {
            throw new UnsupportedOperationException("'" + option + "' not supported");
        }
        return found;
    }

    /** Checks an option and a value for it. */
    public void check(SocketOption<?> option, Object value) {
        check(option);
        if (value == null && option == WskSocketOptions.IP_UNICAST_IF) {
            return; // the system chooses
        }
        Objects.requireNonNull(value, "value");
        if (!option.type().isInstance(value)) {
            throw new IllegalArgumentException(
                    option + " takes a " + option.type().getSimpleName());
        }
        DriverOption driver = passed.get(option);
        if (driver != null && value instanceof Integer number && (number < 0 || number > driver.maximum())) {
            throw new IllegalArgumentException(option + " can't be " + number);
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
        if (value == null) {
            return 0;
        }
        if (value instanceof NetworkInterface network) {
            return network.getIndex();
        }
        return value instanceof Boolean bool ? (bool ? 1 : 0) : (Integer) value;
    }

    /** The value as Java has it, from the driver's form; null for no interface. */
    public static <T> T decode(SocketOption<T> option, int value) throws SocketException {
        Object decoded = value;
        if (option.type() == Boolean.class) {
            decoded = value != 0;
        } else if (option.type() == NetworkInterface.class) {
            decoded = value == 0 ? null : NetworkInterface.getByIndex(value);
        }
        return option.type().cast(decoded);
    }
}
