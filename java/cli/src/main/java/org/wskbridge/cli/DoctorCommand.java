// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import org.wskbridge.WskBridge;
import picocli.CommandLine.Command;

/** {@code wskbridge doctor}: whether the bridge works here, what it is made of, and what is missing when it doesn't. */
@Command(
        name = "doctor",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description =
                "Tells whether the bridge works on this machine, through what, and what is missing if it does not.",
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {"0:the bridge can be used", "1:it can't"})
final class DoctorCommand implements Callable<Integer> {

    private static final int ROUND_TRIPS = 2_000;
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final Streams streams;

    DoctorCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() {
        PrintWriter out = streams.outWriter();
        BridgeReport.line(out, "program", "wskbridge " + Version.number());
        BridgeReport.line(out, "Java", property("java.version") + " (" + property("java.vendor") + ")");
        BridgeReport.line(
                out, "system", property("os.name") + " " + property("os.version") + ", " + property("os.arch"));
        try (WskBridge bridge = WskBridge.builder().name("doctor").open()) {
            BridgeReport.print(bridge.info(), out);
            BridgeReport.line(out, "no-op round trip", roundTrip(bridge));
            out.println();
            out.println("The bridge can be used.");
            return 0;
        } catch (IOException | RuntimeException | LinkageError e) {
            Interruption.holdIfUnderWay();
            out.println();
            out.println("The bridge can't be used here:");
            reasons(e).forEach(reason -> out.println("  " + reason));
            Remedies.forFailure(e, DriverService.query(), Wine.version()).forEach(out::println);
            return 1;
        }
    }

    /** One request through all layers and back: the median of many, after as many to warm up. */
    private static String roundTrip(WskBridge bridge) throws IOException {
        long[] nanoseconds = new long[ROUND_TRIPS];
        for (int i = 0; i < 2 * ROUND_TRIPS; i++) {
            long start = System.nanoTime();
            Await.result(bridge.nop(), LIMIT, "no-op");
            nanoseconds[i % ROUND_TRIPS] = System.nanoTime() - start;
        }
        Arrays.sort(nanoseconds);
        return String.format("%.1f µs (median of %,d)", nanoseconds[ROUND_TRIPS / 2] / 1e3, ROUND_TRIPS);
    }

    /** The messages of a failure and its causes, without those that another one quotes. */
    private static List<String> reasons(Throwable failure) {
        List<String> reasons = new ArrayList<>();
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            String reason = cause.getMessage() == null ? cause.toString() : cause.getMessage();
            if (reasons.stream().noneMatch(other -> other.contains(reason))) {
                reasons.add(reason);
            }
        }
        return reasons;
    }

    private static String property(String name) {
        return System.getProperty(name);
    }
}
