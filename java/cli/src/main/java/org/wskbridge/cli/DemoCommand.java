// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.wskbridge.BridgeStatistics;
import org.wskbridge.WskBridge;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code wskbridge demo}: the bridge's main job, done against ordinary Java sockets and checked. */
@Command(
        name = "demo",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = {
            "Shows the bridge at work: exchanges datagrams with an ordinary java.net.DatagramSocket, sends files to an"
                    + " ordinary java.net.Socket and back, on a connected and on an accepted connection, compares"
                    + " SHA-256 at both ends, and prints what that took."
        },
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {"0:everything arrived unharmed and nothing was left open", "1:something did not"})
final class DemoCommand implements Callable<Integer> {

    private static final int DEFAULT_MEBIBYTES = 64;
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(10);

    private final Streams streams;

    @Spec
    private CommandSpec spec;

    @Parameters(arity = "0..*", paramLabel = "FILE", description = "Files to send.")
    private List<Path> files = List.of();

    @Option(
            names = "--size",
            paramLabel = "MIB",
            description = "Send so many MiB of generated data too. Default: " + DEFAULT_MEBIBYTES
                    + " when no file is named, else none")
    private Integer size;

    @Option(
            names = "--datagrams",
            paramLabel = "COUNT",
            defaultValue = "10000",
            description = "Datagrams to send and to get back. Default: ${DEFAULT-VALUE}")
    private int datagrams;

    DemoCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() throws IOException {
        checkArguments();
        PrintWriter out = streams.outWriter();
        try (WskBridge bridge = WskBridge.builder().name("demo").open()) {
            return Interruption.during(() -> run(bridge, out), () -> out.println("Stopped."));
        }
    }

    private int run(WskBridge bridge, PrintWriter out) throws IOException {
        out.println("Runs on");
        BridgeReport.print(bridge.info(), out);
        out.println();
        BridgeStatistics before = bridge.statistics();
        List<DemoResult> results = new ArrayList<>();
        results.add(step(out, "datagrams", () -> new DatagramExchange(bridge, datagrams).run()));
        for (Path file : files) {
            transfer(bridge, file, file.getFileName().toString(), results, out);
        }
        int mebibytes = generatedMebibytes();
        if (mebibytes > 0) {
            Path generated = GeneratedFile.create(mebibytes);
            transfer(bridge, generated, mebibytes + " MiB generated", results, out);
            Files.delete(generated);
        }
        BridgeStatistics after = settled(bridge);
        out.println();
        return new DemoTable(results, before, after).print(out) ? 0 : 1;
    }

    private static void transfer(WskBridge bridge, Path file, String name, List<DemoResult> results, PrintWriter out) {
        FileTransfer transfer = new FileTransfer(bridge, file);
        results.add(step(out, name + ", connected socket", transfer::overConnected));
        results.add(step(out, name + ", accepted socket", transfer::overAccepted));
    }

    private void checkArguments() {
        if (size != null && (size < 0 || size > 65_536)) {
            throw new ParameterException(spec.commandLine(), "--size takes 0 to 65536 MiB.");
        }
        if (datagrams < 1) {
            throw new ParameterException(spec.commandLine(), "--datagrams takes a number above 0.");
        }
        for (Path file : files) {
            if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
                throw new ParameterException(spec.commandLine(), file + " is not a file that can be read.");
            }
        }
    }

    private int generatedMebibytes() {
        if (size != null) {
            return size;
        }
        return files.isEmpty() ? DEFAULT_MEBIBYTES : 0;
    }

    private static DemoResult step(PrintWriter out, String name, Callable<DemoResult.Traffic> work) {
        out.print(name + " … ");
        out.flush();
        long start = System.nanoTime();
        DemoResult result;
        try {
            DemoResult.Traffic traffic = work.call();
            result = new DemoResult(name, traffic, Duration.ofNanos(System.nanoTime() - start), null);
            out.println("ok");
        } catch (Exception e) {
            Interruption.holdIfUnderWay();
            Duration time = Duration.ofNanos(System.nanoTime() - start);
            result = new DemoResult(name, DemoResult.Traffic.NONE, time, e.toString());
            out.println("FAILED: " + e);
        }
        return result;
    }

    /** The statistics once every socket has finished closing; what they are in the end if that takes too long. */
    private static BridgeStatistics settled(WskBridge bridge) throws IOException {
        long deadline = System.nanoTime() + CLOSE_LIMIT.toNanos();
        BridgeStatistics statistics = bridge.statistics();
        while (statistics.openSockets() + statistics.operationsInFlight() > 0 && System.nanoTime() < deadline) {
            pause();
            statistics = bridge.statistics();
        }
        return statistics;
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(5);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
