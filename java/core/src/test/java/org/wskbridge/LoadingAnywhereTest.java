// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * A process in odd surroundings: without a home, a name or a place that code may be loaded from, with little memory,
 * with JNA told to look elsewhere. Either the bridge opens, or the message names the cause and what to set; and the
 * second attempt says what the first one said.
 */
@Timeout(180)
@Tag("linux")
@EnabledOnOs(value = OS.LINUX, disabledReason = "where Linux keeps things is what this is about")
class LoadingAnywhereTest {
    @TempDir
    Path directory;

    /** Opens a bridge twice and sends a datagram from a heap buffer, or says why it can't. */
    static final class Program {
        private Program() {}

        public static void main(String[] arguments) {
            for (int i = 0; i < 2; i++) {
                String cause = WskBridge.unavailabilityCause()
                        .map(Throwable::getMessage)
                        .orElse("available");
                System.out.println(attempt() + " | " + cause);
            }
        }

        private static String attempt() {
            try (WskBridge bridge = WskBridge.open();
                    WskDatagramSocket socket = bridge.openDatagram(INET)) {
                socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
                var answer = socket.receiveFrom();
                for (int size : new int[] {10, 9000, 60_000}) {
                    var sent = socket.sendTo(ByteBuffer.allocate(size), socket.getLocalAddress());
                    sent.get(20, TimeUnit.SECONDS);
                    try (ReceivedDatagram datagram = answer.get(20, TimeUnit.SECONDS)) {
                        if (datagram.payload().remaining() != size) {
                            return "a datagram of another size";
                        }
                    }
                    answer = socket.receiveFrom();
                }
                return "works";
            } catch (Throwable e) {
                return String.valueOf(e.getMessage());
            }
        }
    }

    private static String run(ProcessBuilder builder) throws Exception {
        builder.environment().keySet().removeAll(List.of("XDG_CACHE_HOME", "LOCALAPPDATA"));
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor());
        String[] lines = output.split("\\R");
        assertEquals(2, lines.length, output);
        assertEquals(lines[0], lines[1], "the second attempt says what the first one said");
        assertFalse(output.contains("null"), output);
        return lines[0];
    }

    private ProcessBuilder program(String... options) {
        List<String> all = new ArrayList<>(List.of("--enable-native-access=ALL-UNNAMED", "-Xmx128m"));
        all.addAll(Arrays.asList(options));
        return Fork.onClassPath(Program.class, all);
    }

    private Path make(String name, String permissions) throws Exception {
        Path made = Files.createDirectory(directory.resolve(name));
        return Files.setPosixFilePermissions(made, PosixFilePermissions.fromString(permissions));
    }

    private static void assertSays(String output, Object... expected) {
        for (Object words : expected) {
            assertTrue(output.contains(words.toString()), "no \"" + words + "\" in: " + output);
        }
    }

    private static void assertWorks(String output) {
        assertEquals("works | available", output);
    }

    private static boolean isEmpty(Path folder) throws Exception {
        try (var files = Files.list(folder)) {
            return files.findAny().isEmpty();
        }
    }

    // ---- no home, no name, squatters ---------------------------------------------------------------------------

    @Test
    void aUserWithoutANameHasADirectoryOfTheNumber() throws Exception {
        Path temporary = make("tmp", "rwxrwxrwx");
        Files.setAttribute(temporary, "unix:mode", 01777);
        assertWorks(run(program("-Duser.name=?", "-Duser.home=?", "-Djava.io.tmpdir=" + temporary)));
        Object user = Files.getAttribute(directory, "unix:uid");
        assertTrue(Files.isDirectory(temporary.resolve("wskbridge-" + user)));
    }

    @Test
    void aDirectoryThatSomebodyElseMadeReadyIsPassedBy() throws Exception {
        Path temporary = make("tmp", "rwx------");
        Path squatted = make("tmp/wskbridge-" + Files.getAttribute(directory, "unix:uid"), "rwxrwxrwx");
        assertWorks(run(program("-Duser.home=?", "-Djava.io.tmpdir=" + temporary)));
        assertTrue(isEmpty(squatted));
        Files.delete(squatted);
        assertTrue(isEmpty(temporary), "what was used instead is gone");
    }

    @Test
    void aHomeThatOthersMayRenameInIsPassedBy() throws Exception {
        Path home = make("home", "rwxrwxrwx");
        Path temporary = make("tmp", "rwx------");
        assertWorks(run(program("-Duser.home=" + home, "-Djava.io.tmpdir=" + temporary)));
        assertFalse(Files.exists(home.resolve(".cache/wskbridge")));
    }

    @Test
    void everyPlaceIsToldWithItsReasonAndWhatMovesIt() throws Exception {
        Path home = Files.writeString(directory.resolve("home"), "a file");
        Path temporary = make("tmp", "rwxrwxrwx");
        assertSays(
                run(program("-Duser.home=" + home, "-Djava.io.tmpdir=" + temporary)),
                home + "/.cache/wskbridge (the system property user.home): ",
                temporary + "/wskbridge-",
                "(the system property java.io.tmpdir): ",
                "it could be replaced by everybody, who may write to " + temporary,
                "(a new directory there; the system property java.io.tmpdir): ",
                "wskbridge.extract.path",
                "wskbridge.library.path");
    }

    // ---- names and file systems --------------------------------------------------------------------------------

    private ProcessBuilder inPlainC(String... options) {
        ProcessBuilder builder = program(options);
        builder.environment().put("LC_ALL", "C");
        return builder;
    }

    @Test
    void aHomeThatTheLocaleCannotExpressIsPassedBy() throws Exception {
        Path temporary = make("tmp", "rwx------");
        assertWorks(run(inPlainC("-Duser.home=/h\u00f6me", "-Djava.io.tmpdir=" + temporary)));
    }

    @Test
    void aChosenNameThatTheLocaleCannotExpressIsExplained() throws Exception {
        for (String property : List.of("wskbridge.extract.path", "wskbridge.library.path")) {
            assertSays(
                    run(inPlainC("-D" + property + "=/h\u00f6me")), "can't be expressed", property, "LC_ALL=C.UTF-8");
        }
    }

    /** Mounts a file system that no code is loaded from, in a mount namespace of the program's own. */
    private ProcessBuilder withNoexec(Path where, String... options) throws Exception {
        List<String> command = new ArrayList<>(namespace());
        command.addAll(List.of("sh", "-c", "mount -t tmpfs -o noexec,mode=700 tmpfs \"$0\" && exec \"$@\""));
        command.add(where.toString());
        command.addAll(program(options).command());
        return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    }

    /** A command that gives another one a mount namespace: root has it, others in a user namespace if they may. */
    private static List<String> namespace() throws Exception {
        for (List<String> command :
                List.of(List.of("unshare", "--mount"), List.of("unshare", "--map-root-user", "--mount"))) {
            List<String> probe = new ArrayList<>(command);
            probe.add("true");
            if (new ProcessBuilder(probe).start().waitFor() == 0) {
                return command;
            }
        }
        return abort("this user may make no mount namespace here, so no file system can be mounted noexec");
    }

    @Test
    void aNoexecHomeIsPassedBy() throws Exception {
        Path home = make("home", "rwx------");
        Path temporary = make("tmp", "rwx------");
        assertWorks(run(withNoexec(home, "-Duser.home=" + home, "-Djava.io.tmpdir=" + temporary)));
    }

    @Test
    void noexecEverywhereIsExplained() throws Exception {
        Path all = make("all", "rwx------");
        assertSays(
                run(withNoexec(all, "-Duser.home=" + all + "/home", "-Djava.io.tmpdir=" + all)),
                "is mounted noexec",
                all + "/home/.cache/wskbridge (the system property user.home)",
                "wskbridge.extract.path");
        assertSays(
                run(withNoexec(all, "-Dwskbridge.extract.path=" + all + "/w")),
                "is mounted noexec",
                all + "/w (the system property wskbridge.extract.path)");
    }

    @Test
    void jnaToldToUseANoexecDirectoryIsExplained() throws Exception {
        Path all = make("all", "rwx------");
        assertSays(
                run(withNoexec(all, "-Djna.tmpdir=" + all, "-Dwskbridge.extract.path=" + directory + "/w")),
                "JNA",
                "is mounted noexec",
                "jna.tmpdir=" + all);
    }

    // ---- JNA ---------------------------------------------------------------------------------------------------

    private String withJna(String... options) throws Exception {
        List<String> all = new ArrayList<>(List.of(options));
        all.add("-Dwskbridge.extract.path=" + directory + "/w");
        return run(program(all.toArray(new String[0])));
    }

    @Test
    void whatJnaWasToldIsNamedWhenItFails() throws Exception {
        assertSays(withJna("-Djna.tmpdir=/proc"), "JNA", "jna.tmpdir=/proc");
        assertSays(withJna("-Djna.nounpack=true"), "jna.nounpack=true");
        assertSays(
                withJna("-Djna.noclasspath=true", "-Djna.nosys=true"), "JNA", "jna.noclasspath=true", "jna.nosys=true");
    }

    @Test
    void jnaFindsAPlaceAlsoWhenOurLibraryHasOne() throws Exception {
        Path home = make("home", "rwx------");
        Path natives = make("natives", "rwx------");
        assertWorks(withJna("-Duser.home=" + home));
        try (var files = Files.walk(directory.resolve("w"))) {
            Path library = files.filter(file -> file.endsWith("libwskshim.so"))
                    .findFirst()
                    .orElseThrow();
            Files.copy(library, natives.resolve("libwskshim.so"));
        }
        assertWorks(run(program("-Duser.home=" + home, "-Dwskbridge.library.path=" + natives)));
    }

    @Test
    @EnabledForJreRange(min = JRE.JAVA_24, disabledReason = "earlier JDKs let everybody load native code")
    void deniedNativeAccessNamesTheOptionThatGivesIt() throws Exception {
        String place = "-Dwskbridge.extract.path=" + directory + "/w";
        List<String> options = List.of("--illegal-native-access=deny", place);
        assertSays(run(Fork.onClassPath(Program.class, options)), "--enable-native-access=ALL-UNNAMED");
        assertSays(run(Fork.onModulePath(Program.class, options)), "--enable-native-access=com.sun.jna");
    }

    // ---- memory ------------------------------------------------------------------------------------------------

    @Test
    void littleDirectMemoryIsEnough() throws Exception {
        for (String limit : List.of("2m", "1m", "256k")) {
            assertWorks(withJna("-XX:MaxDirectMemorySize=" + limit));
        }
    }
}
