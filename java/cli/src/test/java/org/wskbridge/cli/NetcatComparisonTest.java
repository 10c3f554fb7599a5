// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wskbridge.cli.NetcatPeers.Manner;

/**
 * Runs OpenBSD's netcat and ours with the same arguments, the same input and the same peers, and compares output, exit
 * status, what the peers received, and the kind of the lines on standard error. Where ours is meant to be different
 * the case names a {@link Difference}, and both sides of it are checked.
 */
@Tag("linux")
@Timeout(60)
class NetcatComparisonTest {

    private static final String THEIRS = "nc.openbsd";
    private static final String FAILURE = "(failure)\n";
    private static final Pattern FAILED =
            Pattern.compile("(?:nc\\.openbsd|wskbridge nc): (?:(connect to .* failed:) .*|.*)");

    /** What a run of a command came to. */
    private record Outcome(int status, String output, String errors, List<String> received) {}

    /** Where ours is different on purpose: both exit statuses, and what ours tells. */
    private enum Difference {
        NONE(0, 0, "") {
            @Override
            Outcome expected(Outcome theirs) {
                return theirs;
            }
        },
        /** Bad arguments have an exit status of their own, as with our other commands. */
        BAD_ARGUMENTS(1, 2, FAILURE),
        /** That nothing was connected is told without -v too, unless it is a scan. */
        TOLD_WITHOUT_V(1, 1, "connect to 127.0.0.1 port {closed} (tcp) failed:\n"),
        /** That a UDP port is nobody's is told with -v. */
        NOBODYS_PORT_IS_TOLD(1, 1, "connect to 127.0.0.1 port {closed} (udp) failed:\n"),
        /** UDP ports are scanned without -v too; theirs counts each as open then. */
        SCANS_UDP_WITHOUT_V(0, 1, ""),
        /** A connection that was reset has failed. */
        RESET_FAILS(0, 1, FAILURE),
        /** A datagram that nobody took has failed. */
        LOST_DATAGRAM_FAILS(0, 1, FAILURE),
        /** With -u and -q, what comes after the end of input is printed. */
        PRINTS_UNTIL_IT_QUITS(0, 0, "") {
            @Override
            Outcome expected(Outcome theirs) {
                assertEquals("", theirs.output());
                return new Outcome(0, "question", "", theirs.received());
            }
        };

        private final int theirStatus;
        private final int ourStatus;
        private final String ourErrors;

        Difference(int theirStatus, int ourStatus, String ourErrors) {
            this.theirStatus = theirStatus;
            this.ourStatus = ourStatus;
            this.ourErrors = ourErrors;
        }

        Outcome expected(Outcome theirs) {
            assertEquals(theirStatus, theirs.status(), "their exit status");
            assertNotEquals(new Outcome(ourStatus, theirs.output(), ourErrors, theirs.received()), theirs);
            return new Outcome(ourStatus, theirs.output(), ourErrors, theirs.received());
        }
    }

    /** One comparison. In the arguments {port} is the peer's and {closed} one at which nobody is. */
    private record Case(String arguments, Manner peer, String input, boolean inputStaysOpen, Difference difference) {

        static Case of(String arguments) {
            return new Case(arguments, Manner.SINK, "", false, Difference.NONE);
        }

        Case peer(Manner manner) {
            return new Case(arguments, manner, input, inputStaysOpen, difference);
        }

        Case input(String text) {
            return new Case(arguments, peer, text, inputStaysOpen, difference);
        }

        Case withoutEnd() {
            return new Case(arguments, peer, input, true, difference);
        }

        Case but(Difference other) {
            return new Case(arguments, peer, input, inputStaysOpen, other);
        }

        boolean isUdp() {
            return arguments.matches("-\\w*u.*");
        }

        @Override
        public String toString() {
            return "nc " + arguments + ", peer " + peer + (input.isEmpty() ? "" : ", input '" + input + "'")
                    + (inputStaysOpen ? ", no end of input" : "");
        }
    }

    static Stream<Named<Case>> connecting() {
        return Stream.of(
                        // The end of input, and who waits for whom.
                        Case.of("-N 127.0.0.1 {port}")
                                .peer(Manner.ANSWERS_AT_END)
                                .input("question"),
                        Case.of("-N ::1 {port}").peer(Manner.ANSWERS_AT_END).input("question"),
                        Case.of("127.0.0.1 {port}").peer(Manner.ANSWERS_LINE).input("line\n"),
                        Case.of("127.0.0.1 {port}").peer(Manner.GREETS),
                        Case.of("-w 1 127.0.0.1 {port}")
                                .peer(Manner.ANSWERS_LINE_AND_STAYS)
                                .input("line\n"),
                        Case.of("-w 1 127.0.0.1 {port}")
                                .peer(Manner.ANSWERS_AT_END)
                                .input("nobody says that it ends"),
                        Case.of("-w 1 127.0.0.1 {port}").input("abc").withoutEnd(),
                        Case.of("-q 1 127.0.0.1 {port}")
                                .peer(Manner.ANSWERS_AT_END)
                                .input("question"),
                        Case.of("-q 0 127.0.0.1 {port}").input("abc"),
                        Case.of("-q -1 127.0.0.1 {port}")
                                .peer(Manner.ANSWERS_LINE)
                                .input("line\n"),
                        Case.of("-d 127.0.0.1 {port}")
                                .peer(Manner.GREETS)
                                .input("not to be read")
                                .withoutEnd(),
                        Case.of("-d -N -q 0 -w 1 127.0.0.1 {port}")
                                .peer(Manner.ANSWERS_AT_END)
                                .input("not to be read"),
                        Case.of("127.0.0.1 {port}")
                                .peer(Manner.RESETS)
                                .input("line\n")
                                .withoutEnd()
                                .but(Difference.RESET_FAILS),
                        // Several ports.
                        Case.of("-N 127.0.0.1 {port} {closed}")
                                .peer(Manner.ANSWERS_AT_END)
                                .input("question"),
                        Case.of("-v 127.0.0.1 {closed} {port}").peer(Manner.GREETS),
                        Case.of("-z 127.0.0.1 {port}"),
                        Case.of("-z ::1 {port}"),
                        Case.of("-zv 127.0.0.1 {port}"),
                        Case.of("-zv ::1 {port}"),
                        Case.of("-zv 0:0:0::1 {port}"),
                        Case.of("-zv -4 localhost {port}"),
                        Case.of("-zvn 127.0.0.1 {port}"),
                        Case.of("-zvn 0:0:0::1 {port}"),
                        Case.of("-z 127.0.0.1 {closed}"),
                        Case.of("-zv 127.0.0.1 {closed}"),
                        Case.of("-zv -4 localhost {closed}"),
                        Case.of("-z 127.0.0.1 {port} {closed}"),
                        Case.of("-z 127.0.0.1 {closed} {port}"),
                        Case.of("-zv 127.0.0.1 {port} {closed}"),
                        Case.of("-zv 127.0.0.1 {port}-{next}"),
                        Case.of("-zv 127.0.0.1 {next}-{port}"),
                        Case.of("-zv 127.0.0.1 {service}").peer(Manner.SERVICE),
                        Case.of("-zvn 127.0.0.1 {service}").peer(Manner.SERVICE),
                        Case.of("-z -w 5 127.0.0.1 {port}"),
                        // What goes wrong.
                        Case.of("-v 127.0.0.1 {closed}"),
                        Case.of("127.0.0.1 {closed}").but(Difference.TOLD_WITHOUT_V),
                        Case.of("-n localhost {port}"),
                        Case.of("no-such-host.invalid {port}"),
                        Case.of("-4 ::1 {port}"),
                        Case.of("-6 127.0.0.1 {port}"),
                        Case.of("-s ::1 127.0.0.1 {closed}"),
                        Case.of("-p {port} -s 127.0.0.1 127.0.0.1 {closed}"),
                        Case.of("-s 127.0.0.1 -N 127.0.0.1 {port}").input("x"),
                        Case.of("-l 127.0.0.1 {port}"),
                        Case.of("-z -l 127.0.0.1 {closed}").but(Difference.BAD_ARGUMENTS),
                        Case.of("-k 127.0.0.1 {closed}").but(Difference.BAD_ARGUMENTS),
                        Case.of("127.0.0.1").but(Difference.BAD_ARGUMENTS),
                        Case.of("127.0.0.1 no-such-service").but(Difference.BAD_ARGUMENTS),
                        Case.of("-u 127.0.0.1 no-such-service").but(Difference.BAD_ARGUMENTS),
                        Case.of("127.0.0.1 0").but(Difference.BAD_ARGUMENTS),
                        Case.of("127.0.0.1 65536").but(Difference.BAD_ARGUMENTS),
                        Case.of("127.0.0.1 20-").but(Difference.BAD_ARGUMENTS),
                        Case.of("127.0.0.1 20-70000").but(Difference.BAD_ARGUMENTS),
                        Case.of("-q soon 127.0.0.1 {port}").but(Difference.BAD_ARGUMENTS),
                        Case.of("-w -1 127.0.0.1 {port}").but(Difference.BAD_ARGUMENTS),
                        Case.of("-l").but(Difference.BAD_ARGUMENTS),
                        Case.of("-l 127.0.0.1 20 21").but(Difference.BAD_ARGUMENTS),
                        Case.of("-l -s 127.0.0.1 20").but(Difference.BAD_ARGUMENTS),
                        Case.of("-l -p 20 127.0.0.1 21").but(Difference.BAD_ARGUMENTS),
                        // UDP.
                        Case.of("-u -q 1 127.0.0.1 {port}").input("question").but(Difference.PRINTS_UNTIL_IT_QUITS),
                        Case.of("-u -w 1 ::1 {port}").input("question"),
                        Case.of("-u -w 1 127.0.0.1 {port}").input("question").withoutEnd(),
                        Case.of("-u -d -w 1 127.0.0.1 {port}").input("question"),
                        Case.of("-u -w 5 127.0.0.1 {closed}")
                                .input("question")
                                .withoutEnd()
                                .but(Difference.LOST_DATAGRAM_FAILS),
                        Case.of("-uz -w 1 127.0.0.1 {closed}").but(Difference.SCANS_UDP_WITHOUT_V),
                        Case.of("-uzv -w 1 127.0.0.1 {closed}").but(Difference.NOBODYS_PORT_IS_TOLD),
                        Case.of("-uzv -w 1 127.0.0.1 {port}").peer(Manner.SILENT))
                .map(one -> Named.of(one.toString(), one));
    }

    @ParameterizedTest
    @MethodSource
    void connecting(Case one) throws Exception {
        Outcome theirs = connect(one, true);
        Outcome ours = connect(one, false);
        assertEquals(one.difference().expected(theirs), ours);
    }

    private static Outcome connect(Case one, boolean theirs) throws Exception {
        try (NetcatPeers peers =
                NetcatPeers.open(one.peer(), one.isUdp(), one.arguments().contains("::1 {port}"))) {
            String[] arguments = peers.fill(one.arguments()).split(" ");
            try (Command command = Command.start(theirs, arguments)) {
                command.type(one.input());
                if (!one.inputStaysOpen()) {
                    command.endInput();
                }
                int status = command.status();
                return new Outcome(status, command.output(), kind(peers.unfill(command.errors())), peers.received());
            }
        }
    }

    /** Lines of failures begin with the name of the command, and end in the words of the system. */
    private static String kind(String errors) {
        StringBuilder kinds = new StringBuilder();
        for (String line : errors.replaceFirst("(?sm)^usage:.*", THEIRS + ": usage")
                .lines()
                .toList()) {
            if (line.startsWith("Usage:") || line.startsWith("  ") || line.startsWith("All about it:")) {
                continue; // ours, after the sentence
            }
            Matcher failure = FAILED.matcher(line);
            if (failure.matches()) {
                String attempt = failure.group(1);
                kinds.append(attempt == null ? FAILURE : attempt + "\n");
            } else {
                kinds.append(line.replaceFirst("(?<=received on \\S{1,40}) \\d+$", " N"))
                        .append("\n");
            }
        }
        return kinds.toString();
    }

    /** A command that listens; the clients come one after the other. */
    private record Listening(
            String arguments, String input, boolean inputStaysOpen, List<String> clients, boolean endsItself) {

        @Override
        public String toString() {
            return "nc " + arguments + ", input '" + input + "'" + (inputStaysOpen ? ", no end of input" : "")
                    + ", clients " + clients;
        }
    }

    static Stream<Named<Listening>> listening() {
        return Stream.of(
                        new Listening("-lvn 127.0.0.1 0", "answer", false, List.of("hello"), true),
                        new Listening("-lvn ::1 0", "answer", false, List.of("hello"), true),
                        new Listening("-6lvn 0", "", false, List.of("hello"), true),
                        new Listening("-lvn 0", "", false, List.of("hello"), true),
                        new Listening("-lvn -s 127.0.0.1 -p 0", "", false, List.of("hello"), true),
                        new Listening("-lvn 127.0.0.1 0", "", true, List.of("hello"), true),
                        new Listening("-lvnd 127.0.0.1 0", "not to be read", true, List.of("hello"), true),
                        new Listening("-lvnN 127.0.0.1 0", "answer", false, List.of("hello"), true),
                        new Listening("-lkvn 127.0.0.1 0", "answer", false, List.of("one ", "two ", "three"), false))
                .map(one -> Named.of(one.toString(), one));
    }

    @ParameterizedTest
    @MethodSource
    void listening(Listening one) throws Exception {
        assertEquals(listen(one, true), listen(one, false));
    }

    private static Outcome listen(Listening one, boolean theirs) throws Exception {
        try (Command command = Command.start(theirs, one.arguments().split(" "))) {
            Matcher where = command.awaitError("Listening on (\\S+) (\\d+)\n");
            int port = Integer.parseInt(where.group(2));
            command.type(one.input());
            if (!one.inputStaysOpen()) {
                command.endInput();
            }
            List<String> answers = new ArrayList<>();
            for (String text : one.clients()) {
                answers.add(ask(where.group(1).replace("0.0.0.0", "127.0.0.1"), port, text));
            }
            int status = one.endsItself() ? command.status() : command.awaitOutput(String.join("", one.clients()));
            String errors = kind(command.errors()).replace(" " + port + "\n", " {port}\n");
            return new Outcome(status, command.output(), errors, answers);
        }
    }

    /** Sends, ends, and reads to the end. */
    private static String ask(String host, int port, String text) throws IOException {
        try (Socket client = new Socket(host.equals("::") ? "::1" : host, port)) {
            client.setSoTimeout(20_000);
            client.getOutputStream().write(text.getBytes(UTF_8));
            client.shutdownOutput();
            return new String(client.getInputStream().readAllBytes(), UTF_8);
        }
    }

    /** The reader of the output goes away after a line; more comes from the peer then. */
    @ParameterizedTest
    @ValueSource(strings = {"-N 127.0.0.1 {port}", "-d 127.0.0.1 {port}", "-N -v 127.0.0.1 {port}"})
    void nobodyReadsTheOutput(String arguments) throws Exception {
        assertEquals(withoutReader(arguments, true), withoutReader(arguments, false));
    }

    private static Outcome withoutReader(String arguments, boolean theirs) throws Exception {
        try (NetcatPeers peers = NetcatPeers.open(Manner.FLOODS_WHEN_TOLD, false, false);
                CommandProcess command = process(theirs, peers.fill(arguments).split(" "))) {
            String line = command.output().readLine();
            command.process().getInputStream().close();
            peers.goOn();
            try {
                command.type("the rest");
                command.endInput();
            } catch (IOException e) {
                // It has ended without reading.
            }
            int status = command.status();
            return new Outcome(status, line, peers.unfill(command.errors()), peers.received());
        }
    }

    /** With -k theirs goes on, for nobody. */
    @ParameterizedTest
    @CsvSource({"true, -lvn", "false, -lvn", "false, -lkvn"})
    void aListenerWhoseOutputNobodyReadsEndsWithItsInputOpen(boolean theirs, String options) throws Exception {
        try (CommandProcess command = process(theirs, options, "127.0.0.1", "0")) {
            int port = Integer.parseInt(
                    command.awaitError("Listening on 127.0.0.1 (\\d+)\n").group(1));
            try (Socket client = new Socket("127.0.0.1", port)) {
                client.getOutputStream().write("line\n".getBytes(UTF_8));
                assertEquals("line", command.output().readLine());
                command.process().getInputStream().close();
                client.getOutputStream().write("more\n".getBytes(UTF_8));
                assertEquals(0, command.status());
            }
            assertTrue(
                    command.errors().matches("Listening on .* \\d+\nConnection received on .* \\d+\n"),
                    command.errors());
        }
    }

    private static CommandProcess process(boolean theirs, String... arguments) throws IOException {
        return theirs
                ? CommandProcess.of(
                        Stream.concat(Stream.of(THEIRS), Stream.of(arguments)).toArray(String[]::new))
                : CommandProcess.wskbridge(
                        Stream.concat(Stream.of("nc"), Stream.of(arguments)).toArray(String[]::new));
    }

    /** Theirs in a process, ours in this one. */
    private interface Command extends AutoCloseable {

        static Command start(boolean theirs, String... arguments) throws IOException {
            return theirs
                    ? new Theirs(process(true, arguments))
                    : new Ours(RunningCommand.start(
                            Stream.concat(Stream.of("nc"), Stream.of(arguments)).toArray(String[]::new)));
        }

        void type(String text) throws IOException;

        void endInput() throws IOException;

        Matcher awaitError(String regex) throws Exception;

        /** Returns a status that no command ends with, since the command goes on. */
        int awaitOutput(String text) throws Exception;

        int status() throws Exception;

        String output();

        String errors() throws IOException;

        @Override
        void close() throws IOException;
    }

    private static final class Theirs implements Command {

        private final CommandProcess process;
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();
        private final CompletableFuture<Void> copied;

        Theirs(CommandProcess process) {
            this.process = process;
            this.copied = CompletableFuture.runAsync(this::copy, NetcatPeers.THREADS);
        }

        private void copy() {
            try {
                process.process().getInputStream().transferTo(out);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void type(String text) throws IOException {
            try {
                process.type(text);
            } catch (IOException e) {
                // It has ended without reading.
            }
        }

        @Override
        public void endInput() throws IOException {
            try {
                process.endInput();
            } catch (IOException e) {
                // The same.
            }
        }

        @Override
        public Matcher awaitError(String regex) throws Exception {
            return process.awaitError(regex);
        }

        @Override
        public int awaitOutput(String text) throws Exception {
            Awaiting.match("^" + Pattern.quote(text) + "$", this::output, this::errors);
            return -1;
        }

        @Override
        public int status() throws Exception {
            int status = process.status();
            copied.get(30, TimeUnit.SECONDS);
            return status;
        }

        @Override
        public String output() {
            return out.toString(UTF_8);
        }

        @Override
        public String errors() throws IOException {
            return process.errors();
        }

        @Override
        public void close() throws IOException {
            process.close();
        }
    }

    private record Ours(RunningCommand command) implements Command {

        @Override
        public void type(String text) throws IOException {
            command.type(text);
        }

        @Override
        public void endInput() throws IOException {
            command.endInput();
        }

        @Override
        public Matcher awaitError(String regex) throws Exception {
            return command.awaitError(regex);
        }

        @Override
        public int awaitOutput(String text) throws Exception {
            command.awaitOutput("^" + Pattern.quote(text) + "$");
            return -1;
        }

        @Override
        public int status() throws Exception {
            return command.status();
        }

        @Override
        public String output() {
            return command.output();
        }

        @Override
        public String errors() {
            return command.errors();
        }

        @Override
        public void close() throws IOException {
            command.close();
        }
    }
}
