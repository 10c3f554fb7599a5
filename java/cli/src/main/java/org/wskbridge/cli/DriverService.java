// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the service control manager says of the driver's service. It is asked with sc.exe, whose numbers mean the same in
 * every language of Windows.
 *
 * @param state what the service does
 * @param exitCode the Win32 error that its last start ended with; 0 for none
 * @param binary the driver's file, where it is known
 */
record DriverService(State state, int exitCode, Optional<Path> binary) {
    static final String NAME = "WskBridge";

    private static final String KEY = "HKLM\\SYSTEM\\CurrentControlSet\\Services\\" + NAME;
    private static final int ERROR_SERVICE_DOES_NOT_EXIST = 1060;
    private static final int RUNNING = 4;
    private static final int LIMIT_SECONDS = 20;

    /** Lines "NAME : number": of a query the first three are type, state and exit code, in this order. */
    private static final Pattern NUMBER = Pattern.compile("(?m)^\\s*[^:\\r\\n]+?\\s*:\\s*(\\d+)\\b");

    /** An absolute path. An INF's installation leaves one below the system's folder, where nothing can be missing. */
    private static final Pattern BINARY =
            Pattern.compile("(?im)\\s(?:\\\\\\?\\?\\\\)?\"?([A-Z]:\\\\[^\"\\r\\n]*\\.sys)\\b");

    /** What a service can be doing, as far as it matters here. */
    enum State {
        NOT_INSTALLED,
        STOPPED,
        RUNNING,
        UNKNOWN
    }

    /** Runs a command: its exit status, and what it printed. */
    @FunctionalInterface
    interface Command {
        Result run(List<String> command) throws IOException;

        record Result(int status, String output) {}
    }

    private static final DriverService UNKNOWN = new DriverService(State.UNKNOWN, 0, Optional.empty());

    /** Whether no driver can answer. */
    boolean isDown() {
        return state == State.STOPPED || state == State.NOT_INSTALLED;
    }

    /** Asks the service control manager of this machine, if it has one. */
    static Optional<DriverService> query() {
        boolean windows = System.getProperty("os.name").startsWith("Windows");
        return windows ? Optional.of(query(DriverService::run)) : Optional.empty();
    }

    static DriverService query(Command command) {
        try {
            Command.Result query = command.run(List.of("sc.exe", "query", NAME));
            // Wine's sc.exe has one status for all errors, and no words.
            if (query.status() == ERROR_SERVICE_DOES_NOT_EXIST
                    || query.status() != 0 && query.output().isBlank()) {
                return new DriverService(State.NOT_INSTALLED, 0, Optional.empty());
            }
            Matcher numbers = NUMBER.matcher(query.output());
            if (query.status() != 0 || !numbers.find() || !numbers.find()) {
                return UNKNOWN;
            }
            State state = Integer.parseInt(numbers.group(1)) == RUNNING ? State.RUNNING : State.STOPPED;
            int exitCode = numbers.find() ? Integer.parseInt(numbers.group(1)) : 0;
            return new DriverService(state, exitCode, binary(command));
        } catch (IOException e) {
            return UNKNOWN;
        }
    }

    private static Optional<Path> binary(Command command) throws IOException {
        Matcher path = BINARY.matcher(
                command.run(List.of("reg.exe", "query", KEY, "/v", "ImagePath")).output());
        return path.find() ? Optional.of(Path.of(path.group(1))) : Optional.empty();
    }

    private static Command.Result run(List<String> command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try {
            process.getOutputStream().close();
            String output = new String(process.getInputStream().readAllBytes(), Charset.defaultCharset());
            if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
                throw new IOException(command.get(0) + " does not end");
            }
            return new Command.Result(process.exitValue(), output);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } finally {
            process.destroyForcibly();
        }
    }
}
