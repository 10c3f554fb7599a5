// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs the benchmarks round by round, so that whatever else happens on the machine meets the bridge and NIO alike,
 * and prints each pair with its ratio. Usage: {@code [--quick] [--rounds N] [--output FOLDER] [PATTERN]}.
 */
public final class Main {

    private boolean quick;
    private int rounds = 3;
    private Path output = Path.of("target", "bench");
    private String pattern = "org.wskbridge.benchmarks";

    private Main() {}

    /**
     * Runs the benchmarks.
     *
     * @param arguments see above
     * @throws RunnerException when a benchmark fails
     * @throws IOException when the results can't be written
     */
    public static void main(String[] arguments) throws RunnerException, IOException {
        Main main = new Main();
        try {
            main.read(arguments);
        } catch (IllegalArgumentException e) {
            System.err.println("bench: " + e.getMessage());
            System.exit(2);
        }
        main.run();
    }

    private void read(String[] arguments) {
        List<String> left = new ArrayList<>(List.of(arguments));
        while (!left.isEmpty()) {
            String argument = left.remove(0);
            switch (argument) {
                case "--quick" -> quick = true;
                case "--rounds" -> rounds = number(value(argument, left));
                case "--output" -> output = Path.of(value(argument, left));
                default -> pattern = name(argument);
            }
        }
        rounds = quick ? 1 : rounds;
    }

    private static String value(String option, List<String> left) {
        if (left.isEmpty()) {
            throw new IllegalArgumentException(option + " needs a value");
        }
        return left.remove(0);
    }

    private static int number(String text) {
        try {
            return Math.max(1, Integer.parseInt(text));
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(text + " is not a number", e);
        }
    }

    private static String name(String argument) {
        if (argument.startsWith("-")) {
            throw new IllegalArgumentException("unknown option " + argument);
        }
        return argument;
    }

    private void run() throws RunnerException, IOException {
        List<RunResult> results = new ArrayList<>();
        for (int round = 1; round <= rounds; round++) {
            System.out.printf("Round %d of %d%n", round, rounds);
            results.addAll(new Runner(options()).run());
        }
        Files.createDirectories(output);
        Path file = output.resolve("results.json");
        ResultFormatFactory.getInstance(ResultFormatType.JSON, file.toString()).writeOut(results);
        System.out.println();
        new RatioTable(results).print(System.out);
        System.out.println();
        System.out.println("All results: " + file);
    }

    private Options options() {
        TimeValue time = TimeValue.milliseconds(quick ? 500 : 1_000);
        return new OptionsBuilder()
                .include(pattern)
                .forks(1)
                .warmupIterations(quick ? 2 : 4)
                .warmupTime(time)
                .measurementIterations(quick ? 2 : 5)
                .measurementTime(time)
                .timeout(TimeValue.seconds(60))
                .shouldFailOnError(true)
                .addProfiler(GCProfiler.class)
                .jvmArgsAppend("--enable-native-access=ALL-UNNAMED")
                .verbosity(VerboseMode.NORMAL)
                .build();
    }
}
