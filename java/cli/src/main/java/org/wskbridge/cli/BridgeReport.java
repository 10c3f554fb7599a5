// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.stream.Collectors;
import org.wskbridge.BridgeInfo;
import org.wskbridge.BridgeLimits;

/** What a bridge runs on, in lines for a person. */
final class BridgeReport {

    private BridgeReport() {}

    static void print(BridgeInfo info, PrintWriter out) {
        line(
                out,
                "transport",
                switch (info.transport()) {
                    case EMBEDDED -> "embedded: the driver runs inside this process, over the system's own sockets";
                    case DEVICE -> "device: \\\\.\\WskBridge, the driver in the Windows kernel";
                });
        line(out, "library", info.libraryVersion() + ", called by " + info.binding());
        line(out, "driver", "protocol " + info.driverVersion());
        line(out, "framework", "KMDF " + info.frameworkVersion());
        line(
                out,
                "provider",
                info.providerVersion().map(version -> "WSK " + version).orElse("WSK is not there"));
        line(
                out,
                "system",
                switch (info.transport()) {
                    case EMBEDDED -> "behaves like Windows " + info.systemVersion();
                    case DEVICE -> "Windows " + info.systemVersion();
                });
        for (String lacking : info.lacks()) {
            line(out, "  lacks", lacking + " or later has it");
        }
        line(
                out,
                "features",
                info.features().stream()
                        .map(feature -> feature.name().toLowerCase(Locale.ROOT))
                        .sorted()
                        .collect(Collectors.joining(", ")));
        BridgeLimits limits = info.limits();
        line(
                out,
                "limits",
                String.format(
                        "datagram %,d bytes, transfer %,d bytes, %,d operations per socket",
                        limits.maximumDatagram(), limits.maximumTransfer(), limits.maximumOperations()));
        line(
                out,
                "",
                String.format(
                        "%,d sockets and %,d bytes in flight per process, %,d unclaimed connections per listener",
                        limits.maximumSockets(), limits.maximumBytes(), limits.maximumUnclaimed()));
    }

    static void line(PrintWriter out, String name, Object value) {
        out.printf("  %-18s%s%n", name, value);
    }
}
