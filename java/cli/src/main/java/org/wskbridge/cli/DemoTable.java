// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import org.wskbridge.BridgeStatistics;

/** The table at the end of the demonstration, and the verdict under it. */
final class DemoTable {

    private static final String ROW = "%-34s %15s %15s %11s %9s%n";

    private final List<DemoResult> results;
    private final BridgeStatistics before;
    private final BridgeStatistics after;

    DemoTable(List<DemoResult> results, BridgeStatistics before, BridgeStatistics after) {
        this.results = results;
        this.before = before;
        this.after = after;
    }

    /** Prints everything. Returns whether all of it held. */
    boolean print(PrintWriter out) {
        out.printf(ROW, "", "bytes sent", "bytes received", "datagrams", "time");
        for (DemoResult result : results) {
            DemoResult.Traffic traffic = result.traffic();
            long datagrams = traffic.sentDatagrams() + traffic.receivedDatagrams();
            out.printf(
                    ROW,
                    result.name(),
                    count(traffic.sentBytes()),
                    count(traffic.receivedBytes()),
                    datagrams == 0 ? "" : count(datagrams),
                    String.format("%.2f s", result.time().toNanos() / 1e9));
        }
        long open = after.openSockets() + after.operationsInFlight();
        out.println();
        line(out, "IOCTLs issued", after.controlRequests() - before.controlRequests());
        line(out, "IRPs given to WSK", after.startedIrps() - before.startedIrps());
        line(out, "IRPs completed by WSK", after.completedIrps() - before.completedIrps());
        line(out, "objects still open", open);
        out.println();
        List<String> failures = failures(open);
        failures.forEach(failure -> out.println("FAILED: " + failure));
        if (failures.isEmpty()) {
            out.println("All of it held: every byte and every datagram arrived unharmed, nothing is left open.");
        }
        out.flush();
        return failures.isEmpty();
    }

    private List<String> failures(long open) {
        List<String> failures = new ArrayList<>(results.stream()
                .filter(result -> result.failure() != null)
                .map(result -> result.name() + ": " + result.failure())
                .toList());
        if (open != 0) {
            failures.add(open + " objects are still open");
        }
        if (after.startedIrps() != after.completedIrps()) {
            failures.add("not every IRP given to WSK was completed");
        }
        return failures;
    }

    private static void line(PrintWriter out, String name, long value) {
        out.printf("%-34s %15s%n", name, count(value));
    }

    private static String count(long value) {
        return String.format("%,d", value);
    }
}
