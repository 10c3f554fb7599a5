// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Netcat over UDP; the other end is an ordinary socket. */
@Timeout(60)
class NetcatUdpTest {

    private static DatagramSocket peer(String address) throws Exception {
        DatagramSocket peer = new DatagramSocket(new InetSocketAddress(InetAddress.getByName(address), 0));
        peer.setSoTimeout(20_000);
        return peer;
    }

    private static DatagramPacket receive(DatagramSocket peer) throws Exception {
        DatagramPacket packet = new DatagramPacket(new byte[65_536], 65_536);
        peer.receive(packet);
        return packet;
    }

    private static String text(DatagramPacket packet) {
        return new String(packet.getData(), 0, packet.getLength(), StandardCharsets.UTF_8);
    }

    private static void send(DatagramSocket peer, String text, InetSocketAddress to) throws Exception {
        byte[] data = text.getBytes(StandardCharsets.UTF_8);
        peer.send(new DatagramPacket(data, data.length, to));
    }

    private static InetSocketAddress address(String host, int port) {
        return new InetSocketAddress(host, port);
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "::1"})
    void exchangesDatagramsUntilSilence(String host) throws Exception {
        try (DatagramSocket peer = peer(host);
                RunningCommand nc =
                        RunningCommand.start("nc", "-u", "-w", "2", host, Integer.toString(peer.getLocalPort()))) {
            nc.type("ping");
            DatagramPacket packet = receive(peer);
            assertEquals("ping", text(packet));
            send(peer, "pong", (InetSocketAddress) packet.getSocketAddress());
            nc.awaitOutput("pong");
            nc.endInput();
            assertEquals(0, nc.status(), nc.errors());
            assertEquals("pong", nc.output());
        }
    }

    @Test
    void listensAndAnswersTheFirstSender() throws Exception {
        try (DatagramSocket peer = peer("127.0.0.1");
                RunningCommand nc = RunningCommand.start("nc", "-u", "-v", "-l", "-w", "2", "127.0.0.1", "0")) {
            send(peer, "hello", address("127.0.0.1", nc.listeningPort()));
            nc.awaitOutput("hello");
            nc.type("answer");
            assertEquals("answer", text(receive(peer)));
            assertEquals(0, nc.status(), nc.errors());
        }
    }

    @Test
    void printsDatagramsOfAnyoneWhenToldToKeepListening() throws Exception {
        try (DatagramSocket first = peer("127.0.0.1");
                DatagramSocket second = peer("127.0.0.1");
                RunningCommand nc = RunningCommand.start("nc", "-u", "-v", "-l", "-k", "127.0.0.1", "0")) {
            InetSocketAddress address = address("127.0.0.1", nc.listeningPort());
            send(first, "one ", address);
            nc.awaitOutput("one ");
            send(second, "two", address);
            nc.awaitOutput("one two");
            assertTrue(nc.isRunning());
        }
    }

    @Test
    void aPeerThatIsNotThereFails() throws Exception {
        int port;
        try (DatagramSocket free = peer("127.0.0.1")) {
            port = free.getLocalPort();
        }
        try (RunningCommand nc = RunningCommand.start("nc", "-u", "-w", "20", "127.0.0.1", Integer.toString(port))) {
            nc.type("anybody?");
            assertEquals(1, nc.status());
            assertTrue(nc.errors().startsWith("wskbridge nc: "), nc.errors());
        }
    }
}
