// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.net.StandardProtocolFamily.INET6;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
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
    private final List<Process> processes = new ArrayList<>();

    @TempDir
    Path directory;

    private Process socat(String... arguments) {
        List<String> command = new ArrayList<>(List.of("socat"));
        command.addAll(List.of(arguments));
        try {
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            processes.add(process);
            return process;
        } catch (IOException e) {
            return fail("this test needs the program socat: install the package of that name", e);
        }
    }

    @AfterEach
    void stopSocat() {
        processes.forEach(Process::destroyForcibly);
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, LOOPBACK4)) {
            return socket.getLocalPort();
        }
    }

    /** Connects as soon as socat listens. */
    private WskConnectionSocket connect(ProtocolFamily family, int port) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (true) {
            WskConnectionSocket socket = bridge.openConnection(family);
            try {
                await(socket.connect(new InetSocketAddress(loopback(family), port)));
                return socket;
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof ConnectException) || System.nanoTime() > deadline) {
                    throw e;
                }
                Thread.sleep(10);
            }
        }
    }

    @Test
    void tcpEcho() throws Exception {
        int port = freePort();
        socat("TCP6-LISTEN:" + port + ",bind=[::1],reuseaddr", "EXEC:cat");
        byte[] all = randomBytes(16 << 20, 1);
        try (WskConnectionSocket socket = connect(INET6, port)) {
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
                    "TCP4:127.0.0.1:" + listener.getLocalAddress().getPort());
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
            Process socat =
                    socat("-u", "TCP4:127.0.0.1:" + listener.getLocalAddress().getPort(), "CREATE:" + file);
            try (WskConnectionSocket socket = await(accept)) {
                await(socket.send(ByteBuffer.wrap(all)));
            }
            assertEquals(0, socat.waitFor());
            assertArrayEquals(all, Files.readAllBytes(file));
        }
    }

    @Test
    void udpEcho() throws Exception {
        int port = freePort();
        socat("UDP4-RECVFROM:" + port + ",bind=127.0.0.1,fork", "EXEC:cat");
        try (WskDatagramSocket socket = datagram(INET)) {
            InetSocketAddress target = new InetSocketAddress(LOOPBACK4, port);
            for (int i = 0; i < 10; i++) {
                byte[] payload = randomBytes(1 + i * 140, i);
                try (ReceivedDatagram reply = request(socket, payload, target)) {
                    assertArrayEquals(payload, bytes(reply.payload()));
                    assertEquals(target, reply.sender());
                }
            }
        }
    }

    /** Asks until socat is there to answer. */
    private static ReceivedDatagram request(WskDatagramSocket socket, byte[] payload, InetSocketAddress target)
            throws Exception {
        for (int attempt = 0; attempt < 100; attempt++) {
            await(socket.sendTo(ByteBuffer.wrap(payload), target));
            try {
                return socket.receiveFrom()
                        .orTimeout(2000, TimeUnit.MILLISECONDS)
                        .get();
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof TimeoutException) && !(e.getCause() instanceof IOException)) {
                    throw e;
                }
                Thread.sleep(10);
            }
        }
        return fail("socat doesn't answer");
    }
}
