// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;

/** A command that runs in this process, in a thread of its own, with its input and output at hand. */
final class RunningCommand implements AutoCloseable {

    private static final int SECONDS = 30;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private final OutputStream input;
    private final Thread thread;
    private final CompletableFuture<Integer> status = new CompletableFuture<>();

    private RunningCommand(InputStream in, OutputStream input, String... arguments) {
        this.input = input;
        PrintStream errors = new PrintStream(err, true, StandardCharsets.UTF_8);
        Streams streams = new Streams(in, out, errors, false);
        thread = new Thread(
                () -> {
                    try {
                        status.complete(Main.run(streams, arguments));
                    } catch (RuntimeException | Error e) {
                        status.completeExceptionally(e);
                    }
                },
                String.join(" ", arguments));
        thread.setDaemon(true);
        thread.start();
    }

    /** Starts a command whose input the test writes as it goes. */
    static RunningCommand start(String... arguments) throws IOException {
        PipedOutputStream input = new PipedOutputStream();
        return new RunningCommand(new PipedInputStream(input, 64 * 1024), input, arguments);
    }

    /** Starts a command with all of its input. */
    static RunningCommand withInput(InputStream in, String... arguments) {
        return new RunningCommand(in, OutputStream.nullOutputStream(), arguments);
    }

    /** Runs a command without input to its end. */
    static RunningCommand toEnd(String... arguments) throws Exception {
        RunningCommand command = withInput(InputStream.nullInputStream(), arguments);
        command.status();
        return command;
    }

    void type(String text) throws IOException {
        input.write(text.getBytes(StandardCharsets.UTF_8));
        input.flush();
    }

    void endInput() throws IOException {
        input.close();
    }

    int status() throws Exception {
        return status.get(SECONDS, TimeUnit.SECONDS);
    }

    boolean isRunning() {
        return !status.isDone();
    }

    byte[] bytes() {
        return out.toByteArray();
    }

    String output() {
        return out.toString(StandardCharsets.UTF_8);
    }

    String errors() {
        return err.toString(StandardCharsets.UTF_8);
    }

    /** The port that a line of -v told: the command listens there. */
    int listeningPort() throws Exception {
        return Integer.parseInt(
                awaitError("(?:Listening|Bound) on \\S+ (\\d+)\\R").group(1));
    }

    Matcher awaitError(String regex) throws Exception {
        return Awaiting.match(regex, this::errors, this::all);
    }

    Matcher awaitOutput(String regex) throws Exception {
        return Awaiting.match(regex, this::output, this::all);
    }

    private String all() {
        return "Output:\n" + output() + "\nErrors:\n" + errors();
    }

    @Override
    public void close() throws IOException {
        input.close();
        thread.interrupt();
    }
}
