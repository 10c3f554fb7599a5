// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;

/** A process, killed at the latest when it is closed. What it prints on standard error goes to a file. */
final class CommandProcess implements AutoCloseable {

    private static final int SECONDS = 30;

    private final Path errors;
    private final Process process;

    private CommandProcess(List<String> command) throws IOException {
        errors = Files.createTempFile("wskbridge-test", ".err");
        process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
    }

    /** The wskbridge command in a JVM of its own. */
    static CommandProcess wskbridge(String... arguments) throws IOException {
        return wskbridge(List.of(), arguments);
    }

    /** The wskbridge command in a JVM of its own, with options for the JVM. */
    static CommandProcess wskbridge(List<String> jvmOptions, String... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        // A JVM that starts with an ignored Ctrl-C goes on ignoring it, as a shell's background jobs hand it down.
        command.addAll(List.of("env", "--default-signal=INT"));
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        command.addAll(jvmOptions);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        command.addAll(List.of(arguments));
        return new CommandProcess(command);
    }

    static CommandProcess of(String... command) throws IOException {
        return new CommandProcess(List.of(command));
    }

    Process process() {
        return process;
    }

    BufferedReader output() {
        return process.inputReader(StandardCharsets.UTF_8);
    }

    void type(String text) throws IOException {
        process.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
        process.getOutputStream().flush();
    }

    void endInput() throws IOException {
        process.getOutputStream().close();
    }

    /** Ctrl-C. */
    void interrupt() throws Exception {
        new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor();
    }

    int status() throws InterruptedException {
        assertTrue(process.waitFor(SECONDS, TimeUnit.SECONDS), "still running: " + process.info());
        return process.exitValue();
    }

    String errors() throws IOException {
        return Files.readString(errors);
    }

    Matcher awaitError(String regex) throws Exception {
        return Awaiting.match(regex, this::errors, this::errors);
    }

    @Override
    public void close() throws IOException {
        process.destroyForcibly();
        Files.deleteIfExists(errors);
    }
}
