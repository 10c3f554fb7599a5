// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Random;
import org.wskbridge.ReceivedDatagram;
import org.wskbridge.WskBridge;
import org.wskbridge.WskDatagramSocket;

/**
 * Sends datagrams of every size to an ordinary socket, which inverts every byte and sends them back, and checks
 * what comes back.
 */
final class DatagramExchange {

    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final int ETHERNET_PAYLOAD = 1_472;
    private static final int LARGEST = 65_507;

    private final WskBridge bridge;
    private final int count;

    DatagramExchange(WskBridge bridge, int count) {
        this.bridge = bridge;
        this.count = count;
    }

    DemoResult.Traffic run() throws IOException {
        InetAddress loopback = InetAddress.getByName("127.0.0.1");
        try (DatagramSocket peer = new DatagramSocket(new InetSocketAddress(loopback, 0));
                WskDatagramSocket socket = bridge.openDatagram(StandardProtocolFamily.INET)) {
            Thread inverter = new Thread(() -> invert(peer), "inverting peer");
            inverter.setDaemon(true);
            inverter.start();
            socket.bind(new InetSocketAddress(loopback, 0));
            InetSocketAddress peerAddress = (InetSocketAddress) peer.getLocalSocketAddress();
            byte[] data = new byte[LARGEST];
            new Random(count).nextBytes(data);
            long bytes = 0;
            for (int i = 0; i < count; i++) {
                int length = length(i);
                exchange(socket, peerAddress, ByteBuffer.wrap(data, 0, length).slice());
                bytes += length;
            }
            return new DemoResult.Traffic(bytes, bytes, count, count);
        }
    }

    /** An empty one first, the largest at last, and between them every size that fits an Ethernet frame. */
    private int length(int index) {
        if (index == count - 1) {
            return LARGEST;
        }
        return index == 0 ? 0 : 1 + (index - 1) % ETHERNET_PAYLOAD;
    }

    private static void exchange(WskDatagramSocket socket, InetSocketAddress peer, ByteBuffer payload)
            throws IOException {
        Await.result(socket.sendTo(payload.duplicate(), peer), LIMIT, "send");
        try (ReceivedDatagram reply = Await.result(socket.receiveFrom(), LIMIT, "receive")) {
            if (!reply.sender().equals(peer)) {
                throw new IOException("a datagram came from " + reply.sender() + ", not from the peer");
            }
            if (!isInverse(payload, reply.payload())) {
                throw new IOException("a datagram of " + payload.remaining() + " bytes came back changed");
            }
        }
    }

    private static boolean isInverse(ByteBuffer sent, ByteBuffer received) {
        if (sent.remaining() != received.remaining()) {
            return false;
        }
        for (int i = 0; i < sent.remaining(); i++) {
            if ((byte) ~sent.get(sent.position() + i) != received.get(received.position() + i)) {
                return false;
            }
        }
        return true;
    }

    private static void invert(DatagramSocket peer) {
        DatagramPacket packet = new DatagramPacket(new byte[LARGEST], LARGEST);
        try {
            while (true) {
                packet.setLength(LARGEST);
                peer.receive(packet);
                byte[] data = packet.getData();
                for (int i = 0; i < packet.getLength(); i++) {
                    data[i] = (byte) ~data[i];
                }
                peer.send(packet);
            }
        } catch (SocketException e) {
            // Closed at the end of the exchange.
        } catch (IOException e) {
            peer.close();
        }
    }
}
