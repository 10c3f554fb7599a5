// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.net.StandardProtocolFamily.INET6;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/** The peer is socat, a program that knows nothing of Java. */
@DisabledIfSystemProperty(
        named = "wskbridge.place",
        matches = "wine",
        disabledReason = "a Windows process can't stop a Linux program that it started")
class SocatTest extends BridgeFixture {
    /** What socat says when it can be talked to. */
    private static final Pattern READY = Pattern.compile(" N (?:listening|receiving) on AF=\\d+ (\\S+)");

    private static final String LOOPBACK = LOOPBACK4.getHostAddress();

    private final List<Process> processes = new ArrayList<>();

    @TempDir
    Path directory;

    private Process socat(String... arguments) {
        return start(ProcessBuilder.Redirect.INHERIT, arguments);
    }

    private Process start(ProcessBuilder.Redirect errors, String... arguments) {
        List<String> command = new ArrayList<>(List.of("socat"));
        command.addAll(List.of(arguments));
        try {
            Process process = new ProcessBuilder(command).redirectError(errors).start();
            processes.add(process);
            return process;
        } catch (IOException e) {
            return fail("this test needs the program socat: install the package of that name", e);
        }
    }

    /** Starts socat as a server and waits until it says that it is ready. Returns the address where, in its words. */
    private String serve(String... arguments) throws IOException {
        List<String> verbose = new ArrayList<>(List.of("-d", "-d"));
        verbose.addAll(List.of(arguments));
        BufferedReader words = start(ProcessBuilder.Redirect.PIPE, verbose.toArray(String[]::new))
                .errorReader();
        List<String> said = new ArrayList<>();
        for (String line = words.readLine(); line != null; line = words.readLine()) {
            said.add(line);
            Matcher ready = READY.matcher(line);
            if (ready.find()) {
                drop(words);
                return ready.group(1);
            }
        }
        return fail("socat ended: " + said);
    }

    /** Nobody reads what else it says, but it must be able to say it. */
    private static void drop(BufferedReader words) {
        Thread thread = new Thread(() -> {
            try {
                words.transferTo(Writer.nullWriter());
            } catch (IOException e) {
                // it was stopped
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    @AfterEach
    void stopSocat() {
        processes.forEach(Process::destroyForcibly);
    }

    @Test
    void tcpEcho() throws Exception {
        String server = serve("TCP6-LISTEN:0,bind=[::1]", "EXEC:cat");
        int port = Integer.parseInt(server.substring(server.lastIndexOf(':') + 1));
        byte[] all = randomBytes(16 << 20, 1);
        try (WskConnectionSocket socket = bridge.openConnection(INET6)) {
            await(socket.connect(new InetSocketAddress(LOOPBACK6, port)));
            CompletableFuture<Integer> sent = socket.send(direct(all));
            CompletableFuture<Void> ended = socket.disconnect();
            assertArrayEquals(all, receiveAll(socket, all.length));
            assertEquals(all.length, await(sent));
            await(ended);
        }
    }

    @Test
    void tcpFromSocat() throws Exception {
        byte[] all = randomBytes(16 << 20, 2);
        Path file = Files.write(directory.resolve("file"), all);
        try (WskListenSocket listener = listener(INET)) {
            CompletableFuture<WskConnectionSocket> accept = listener.accept();
            socat(
                    "-u",
                    "OPEN:" + file,
                    "TCP4:" + LOOPBACK + ":" + listener.getLocalAddress().getPort());
            try (WskConnectionSocket socket = await(accept)) {
                assertArrayEquals(all, receiveAll(socket, all.length));
            }
        }
    }

    @Test
    void tcpToSocat() throws Exception {
        byte[] all = randomBytes(16 << 20, 3);
        Path file = directory.resolve("file");
        try (WskListenSocket listener = listener(INET)) {
            CompletableFuture<WskConnectionSocket> accept = listener.accept();
            Process socat = socat(
                    "-u", "TCP4:" + LOOPBACK + ":" + listener.getLocalAddress().getPort(), "CREATE:" + file);
            try (WskConnectionSocket socket = await(accept)) {
                await(socket.send(ByteBuffer.wrap(all)));
            }
            assertEquals(0, socat.waitFor());
            assertArrayEquals(all, Files.readAllBytes(file));
        }
    }

    @Test
    void udpEcho() throws Exception {
        int port;
        try (DatagramSocket free = new DatagramSocket(0, LOOPBACK4)) {
            port = free.getLocalPort(); // socat does not tell which one it got
        }
        serve("UDP4-RECVFROM:" + port + ",bind=" + LOOPBACK + ",fork", "EXEC:cat");
        try (WskDatagramSocket socket = datagram(INET)) {
            InetSocketAddress target = new InetSocketAddress(LOOPBACK4, port);
            for (int i = 0; i < 10; i++) {
                byte[] payload = randomBytes(1 + i * 140, i);
                await(socket.sendTo(ByteBuffer.wrap(payload), target));
                try (ReceivedDatagram reply = await(socket.receiveFrom())) {
                    assertArrayEquals(payload, bytes(reply.payload()));
                    assertEquals(target, reply.sender());
                }
            }
        }
    }
}
