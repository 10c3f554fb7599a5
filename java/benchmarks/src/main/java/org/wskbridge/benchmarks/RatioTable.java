// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.benchmarks;

import java.io.PrintStream;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;

/**
 * The results of all rounds, with the two sides of a comparison in one line. Benchmarks whose names differ only in
 * the ending, {@code Bridge} or {@code Nio}, belong together.
 */
final class RatioTable {

    private static final String BRIDGE = "Bridge";
    private static final String NIO = "Nio";
    private static final String ALLOCATED = "gc.alloc.rate.norm";
    private static final String ROW = "%-32s %12s %12s %8s %12s %12s%n";

    private final Map<String, Line> lines;

    /** The mean of all rounds of one side. */
    private record Side(double microseconds, double bytes) {
        static Side of(Collection<RunResult> rounds) {
            return new Side(mean(rounds, round -> round.getPrimaryResult().getScore()), mean(rounds, Side::allocated));
        }

        private static double allocated(RunResult round) {
            Result<?> allocated = round.getSecondaryResults().get(ALLOCATED);
            return allocated == null ? Double.NaN : allocated.getScore();
        }

        private static double mean(Collection<RunResult> rounds, ToDoubleFunction<RunResult> figure) {
            return rounds.stream().mapToDouble(figure).average().orElse(Double.NaN);
        }
    }

    private record Line(Side bridge, Side nio) {}

    RatioTable(Collection<RunResult> results) {
        Map<String, List<RunResult>> byName =
                results.stream().collect(Collectors.groupingBy(RatioTable::nameOf, TreeMap::new, Collectors.toList()));
        lines = new TreeMap<>();
        byName.forEach((name, rounds) -> {
            Side side = Side.of(rounds);
            if (name.endsWith(BRIDGE)) {
                lines.merge(without(BRIDGE, name), new Line(side, null), (old, now) -> new Line(side, old.nio()));
            } else {
                lines.merge(without(NIO, name), new Line(null, side), (old, now) -> new Line(old.bridge(), side));
            }
        });
    }

    void print(PrintStream out) {
        out.printf(ROW, "microseconds per operation", "bridge", "NIO", "ratio", "bridge B/op", "NIO B/op");
        lines.forEach((name, line) -> out.printf(
                ROW,
                name,
                line.bridge() == null ? "" : String.format("%.3f", line.bridge().microseconds()),
                line.nio() == null ? "" : String.format("%.3f", line.nio().microseconds()),
                ratio(line),
                line.bridge() == null ? "" : String.format("%.0f", line.bridge().bytes()),
                line.nio() == null ? "" : String.format("%.0f", line.nio().bytes())));
    }

    private static String ratio(Line line) {
        if (line.bridge() == null || line.nio() == null) {
            return "";
        }
        return String.format("%.2f", line.bridge().microseconds() / line.nio().microseconds());
    }

    private static String nameOf(RunResult result) {
        String name = result.getParams().getBenchmark();
        int method = name.lastIndexOf('.');
        return name.substring(name.lastIndexOf('.', method - 1) + 1);
    }

    private static String without(String ending, String name) {
        return name.endsWith(ending) ? name.substring(0, name.length() - ending.length()) : name;
    }
}
