// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The echo server, in a process of its own as Ctrl-C ends it; its clients are ordinary sockets. */
@Timeout(60)
class EchoTest {

    private static final int CLIENTS = 20;
    private static final int BYTES = 500_000;

    private static int portOf(String line, String protocol) {
        assertTrue(line.startsWith(protocol + " "), line);
        return Integer.parseInt(line.substring(line.lastIndexOf(':') + 1));
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "::1"})
    void echoesBothAndSumsUp(String address) throws Exception {
        try (CommandProcess echo = CommandProcess.wskbridge("echo", "--bind", address)) {
            BufferedReader output = echo.output();
            int udp = portOf(output.readLine(), "udp");
            int tcp = portOf(output.readLine(), "tcp");
            echoDatagrams(address, udp);
            echoConnections(address, tcp);
            echo.interrupt();
            assertEquals(130, echo.status());
            assertEquals(
                    String.format(
                            "echoed %,d datagrams with %,d bytes, %,d connections with %,d bytes",
                            100, 99 * 50, CLIENTS, CLIENTS * BYTES),
                    output.readLine());
            assertEquals("", echo.errors());
        }
    }

    private static void echoDatagrams(String address, int port) throws Exception {
        try (DatagramSocket client = new DatagramSocket()) {
            client.setSoTimeout(20_000);
            InetSocketAddress server = new InetSocketAddress(address, port);
            for (int length = 0; length < 100; length++) {
                byte[] data = new byte[length];
                Arrays.fill(data, (byte) length);
                client.send(new DatagramPacket(data, length, server));
                DatagramPacket reply = new DatagramPacket(new byte[200], 200);
                client.receive(reply);
                assertEquals(server, reply.getSocketAddress());
                assertArrayEquals(data, Arrays.copyOf(reply.getData(), reply.getLength()));
            }
        }
    }

    private static void echoConnections(String address, int port) throws Exception {
        List<CompletableFuture<byte[]>> replies = new ArrayList<>();
        List<byte[]> sent = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
            byte[] data = new byte[BYTES];
            new Random(i).nextBytes(data);
            sent.add(data);
            replies.add(Daemon.start("client", () -> echoed(address, port, data)));
        }
        for (int i = 0; i < CLIENTS; i++) {
            assertArrayEquals(sent.get(i), replies.get(i).get(30, TimeUnit.SECONDS));
        }
    }

    private static byte[] echoed(String address, int port, byte[] data) throws Exception {
        try (Socket client = new Socket(address, port)) {
            CompletableFuture<Void> sending = Daemon.start("client sends", () -> {
                client.getOutputStream().write(data);
                client.shutdownOutput();
                return null;
            });
            byte[] reply = client.getInputStream().readAllBytes();
            sending.get(20, TimeUnit.SECONDS);
            return reply;
        }
    }

    @Test
    void servesOneProtocolWhenTold() throws Exception {
        try (CommandProcess echo = CommandProcess.wskbridge("echo", "--tcp")) {
            int port = portOf(echo.output().readLine(), "tcp");
            assertArrayEquals(new byte[] {42}, echoed("127.0.0.1", port, new byte[] {42}));
        }
    }

    @Test
    void aClientThatResetsHarmsNobody() throws Exception {
        try (CommandProcess echo = CommandProcess.wskbridge("echo", "--tcp")) {
            int port = portOf(echo.output().readLine(), "tcp");
            try (Socket rude = new Socket("127.0.0.1", port)) {
                rude.getOutputStream().write(new byte[1_000]);
                rude.setSoLinger(true, 0);
            }
            assertArrayEquals(new byte[] {42}, echoed("127.0.0.1", port, new byte[] {42}));
        }
    }

    @Test
    void everyAddressOfIpv6StandsForIpv4Too() throws Exception {
        try (CommandProcess echo = CommandProcess.wskbridge("echo", "--bind", "::")) {
            BufferedReader output = echo.output();
            echoDatagrams("127.0.0.1", portOf(output.readLine(), "udp"));
            int tcp = portOf(output.readLine(), "tcp");
            assertArrayEquals(new byte[] {1}, echoed("127.0.0.1", tcp, new byte[] {1}));
            assertArrayEquals(new byte[] {2}, echoed("::1", tcp, new byte[] {2}));
        }
    }
}
