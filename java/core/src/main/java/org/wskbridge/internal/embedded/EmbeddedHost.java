// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.embedded;

import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import org.wskbridge.NtStatus;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.NativeBinding;
import org.wskbridge.internal.shim.Scratch;
import org.wskbridge.internal.shim.Shim;
import org.wskbridge.internal.shim.SystemVersion;

/** Controls that only the embedded host has: accounts of what exists on its kernel side, and fault injection. For tests. */
public final class EmbeddedHost {
    /** What can be made to fail. */
    public enum Fault {
        /** Removes every fault. */
        NONE(Layout.Fault.NONE),
        /** The n-th allocation from now fails, once. */
        ALLOCATION(Layout.Fault.ALLOCATION),
        /** The n-th WSK call from now completes with a status, once. */
        WSK_CALL(Layout.Fault.WSK_CALL),
        /** Every open socket is dead. */
        FORCE_CLOSE(Layout.Fault.FORCE_CLOSE),
        /** 1: WSK can't be captured, 0: it can. */
        PROVIDER_GONE(Layout.Fault.PROVIDER_GONE),
        /** 1: the process is no administrator, 0: it is. */
        ACCESS_DENIED(Layout.Fault.ACCESS_DENIED),
        /** 1: the device can't be found, 0: it can. */
        DRIVER_MISSING(Layout.Fault.DRIVER_MISSING),
        /** The major version that the library asks the driver for; 0: its own. */
        CLIENT_VERSION(Layout.Fault.CLIENT_VERSION),
        /** The version of Windows that is imitated for a driver that is loaded later: see {@link #imitate}. */
        SYSTEM_VERSION(Layout.Fault.SYSTEM_VERSION);

        private final int number;

        Fault(int number) {
            this.number = number;
        }
    }

    private EmbeddedHost() {}

    /** Whether the library has an embedded host. */
    public static boolean isPresent() throws IOException {
        return "embedded".equals(Shim.description(Shim.binding()).get("transport"));
    }

    /** What exists on the kernel side, by kind; what doesn't exist is left out. Empty without an embedded host. */
    public static Map<String, Long> accounting() throws IOException {
        NativeBinding binding = Shim.binding();
        Map<String, Long> existing = new TreeMap<>();
        Shim.pairs(Scratch.text(binding::embeddedAccounting)).forEach((kind, count) -> {
            long number = Long.parseLong(count);
            if (number != 0) {
                existing.put(kind, number);
            }
        });
        return existing;
    }

    /** Makes the host a version of Windows, for a driver that is loaded later. */
    public static void imitate(SystemVersion system) throws IOException {
        long argument = (long) system.major() << 48 | (long) system.minor() << 32 | system.build();
        fault(Fault.SYSTEM_VERSION, argument, NtStatus.SUCCESS);
    }

    /** Injects a fault. */
    public static void fault(Fault fault, long argument, NtStatus status) throws IOException {
        int result = Shim.binding().embeddedFault(fault.number, argument, status.code());
        if (result < 0) {
            throw new IOException("wskshim_embedded_fault: " + NtStatus.of(result));
        }
    }
}
