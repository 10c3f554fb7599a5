// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ResourceBundle;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.wskbridge.internal.embedded.EmbeddedHost;

/**
 * What the embedded driver writes for support reaches a logger; a logger that is slow or throws reaches nobody. Each
 * program has loggers of its own, which a process can have only once.
 */
@Tag("embedded")
@Timeout(120)
class DriverLinesTest {
    private static final int PATIENCE_SECONDS = 30;
    private static final int FLOOD = 600;

    @TempDir
    Path directory;

    /** A program's loggers: those of the library are mute, but the driver's. */
    public static final class Loggers extends System.LoggerFinder {
        /** What was logged, as "LEVEL text". */
        static final BlockingQueue<String> LINES = new LinkedBlockingQueue<>();

        /** What the driver's logger does before that. */
        static volatile Runnable before = () -> {};

        @Override
        public System.Logger getLogger(String name, Module module) {
            return new System.Logger() {
                @Override
                public String getName() {
                    return name;
                }

                @Override
                public boolean isLoggable(Level level) {
                    return true;
                }

                @Override
                public void log(Level level, ResourceBundle bundle, String text, Throwable thrown) {
                    throw new UnsupportedOperationException();
                }

                @Override
                public void log(Level level, ResourceBundle bundle, String text, Object... arguments) {
                    if (name.equals("org.wskbridge.driver")) {
                        before.run();
                        LINES.add(level + " " + text);
                    }
                }
            };
        }
    }

    /** Does what its argument says, and prints what was logged. */
    static final class Program {
        private Program() {}

        public static void main(String[] arguments) throws Exception {
            switch (arguments[0]) {
                case "failures" -> failures();
                case "blocked" -> blocked();
                case "throwing" -> throwing();
                default -> throw new IllegalArgumentException(arguments[0]);
            }
        }

        private static void failures() throws Exception {
            try (WskBridge bridge = WskBridge.open()) {
                refused(bridge);
                WskDatagramSocket dead = bridge.openDatagram(INET).bind(new InetSocketAddress("127.0.0.1", 0));
                EmbeddedHost.fault(EmbeddedHost.Fault.FORCE_CLOSE, 0, NtStatus.SUCCESS);
                try {
                    dead.receiveFrom().get();
                } catch (ExecutionException e) {
                    // as it has to be
                }
                if (!hasThread()) {
                    System.out.println("no thread");
                    return;
                }
                String line;
                do {
                    line = next();
                    System.out.println(line);
                } while (!line.contains("dead"));
            }
        }

        private static void blocked() throws Exception {
            CountDownLatch over = new CountDownLatch(1);
            Loggers.before = () -> await(over);
            try (WskBridge bridge = WskBridge.open()) {
                for (int i = 0; i < FLOOD; i++) {
                    refused(bridge);
                }
            }
            System.out.println("nobody waited, " + Loggers.LINES.size() + " logged");
            over.countDown();
            String line;
            do {
                line = next();
                System.out.println(line);
            } while (!line.endsWith("are lost"));
        }

        private static void throwing() throws Exception {
            CountDownLatch thrown = new CountDownLatch(3);
            Loggers.before = () -> {
                thrown.countDown();
                throw new IllegalStateException("a logger that throws");
            };
            try (WskBridge bridge = WskBridge.open()) {
                refused(bridge);
                await(thrown);
                Loggers.before = () -> {};
                refused(bridge);
                System.out.println(next());
            }
        }

        private static void refused(WskBridge bridge) throws Exception {
            try (WskConnectionSocket socket = bridge.openConnection(INET)) {
                socket.connect(NOBODY).get();
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof ConnectException)) {
                    throw e;
                }
            }
        }

        private static boolean hasThread() {
            return Thread.getAllStackTraces().keySet().stream()
                    .anyMatch(thread -> thread.getName().equals("wskbridge-driver-log"));
        }

        private static String next() throws InterruptedException {
            String line = Loggers.LINES.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
            if (line == null) {
                throw new AssertionError("no more lines");
            }
            return line;
        }

        private static void await(CountDownLatch latch) {
            try {
                if (!latch.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                    throw new AssertionError("not in time");
                }
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }

        /** Where nobody listens: the port was free a moment ago. */
        private static final InetSocketAddress NOBODY = nobody();

        private static InetSocketAddress nobody() {
            try (ServerSocket free = new ServerSocket(0, 1, BridgeFixture.LOOPBACK4)) {
                return new InetSocketAddress(BridgeFixture.LOOPBACK4, free.getLocalPort());
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }
    }

    /** Runs a program with the loggers, and without the numbers of its process and sockets in what it prints. */
    private List<String> run(String what, String... options) throws Exception {
        Path services = Files.createDirectories(directory.resolve("META-INF/services"));
        Files.writeString(services.resolve("java.lang.System$LoggerFinder"), Loggers.class.getName());
        List<String> all = new ArrayList<>(List.of(options));
        all.add("--enable-native-access=ALL-UNNAMED");
        all.add("-Dwskbridge.extract.path=" + System.getProperty("wskbridge.extract.path"));
        ProcessBuilder builder = Fork.onClassPath(Program.class, all, what);
        List<String> command = builder.command();
        int path = command.indexOf("-cp") + 1;
        command.set(path, directory + File.pathSeparator + command.get(path));
        Process process = builder.start();
        try (var output = process.inputReader()) {
            List<String> lines = output.lines()
                    .map(line -> line.replaceFirst("process " + process.pid() + ", socket [1-9]\\d*", "P, S"))
                    .toList();
            assertEquals(0, process.waitFor(), lines.toString());
            return lines;
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    void warningsAreLoggedUnlessToldOtherwise() throws Exception {
        assertEquals(List.of("WARNING wskbridge: P, S: dead, WSK has closed it (0xC00000B6)"), run("failures"));
    }

    @Test
    void moreIsLoggedWhenTold() throws Exception {
        assertEquals(
                List.of(
                        "INFO wskbridge: loaded (0x00000000)",
                        "INFO wskbridge: captured WSK (0x00000000)",
                        "INFO wskbridge: P, S: CONNECT failed (0xC0000236)",
                        "WARNING wskbridge: P, S: dead, WSK has closed it (0xC00000B6)"),
                run("failures", "-Dwskbridge.driver.log=information"));
    }

    @Test
    void nothingIsLoggedWhenTold() throws Exception {
        assertEquals(List.of("no thread"), run("failures", "-Dwskbridge.driver.log=off"));
    }

    /** The first line never ends, and nobody waits for it: the lines that find no room are counted. */
    @Test
    void aLoggerThatBlocksLosesLines() throws Exception {
        List<String> lines = run("blocked", "-Dwskbridge.driver.log=information");
        assertEquals("nobody waited, 0 logged", lines.get(0));
        assertEquals("INFO wskbridge: loaded (0x00000000)", lines.get(1));
        Matcher lost = Pattern.compile("WARNING (\\d+) messages are lost").matcher(lines.get(lines.size() - 1));
        assertTrue(lost.matches(), lines.get(lines.size() - 1));
        int written = 3 + FLOOD; // with loaded, captured and unloaded
        assertEquals(written, lines.size() - 2 + Integer.parseInt(lost.group(1)));
    }

    @Test
    void aLoggerThatThrowsGetsTheNextLine() throws Exception {
        assertEquals(
                List.of("INFO wskbridge: P, S: CONNECT failed (0xC0000236)"),
                run("throwing", "-Dwskbridge.driver.log=information"));
    }
}
