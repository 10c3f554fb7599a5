// SPDX-License-Identifier: Apache-2.0
package example;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import org.wskbridge.WskBridge;
import org.wskbridge.WskDatagramSocket;

/** Sends a datagram through the bridge to a socket of java.net, and tells what came. */
public final class Consumer {
    private Consumer() {}

    public static void main(String[] arguments) throws Exception {
        try (DatagramSocket peer = new DatagramSocket(0, InetAddress.getLoopbackAddress());
                WskBridge bridge = WskBridge.open();
                WskDatagramSocket socket = bridge.openDatagram(StandardProtocolFamily.INET)) {
            peer.setSoTimeout(30_000);
            ByteBuffer payload = UTF_8.encode("from " + placeOf(WskBridge.class));
            socket.sendTo(payload, peer.getLocalSocketAddress()).get(30, SECONDS);
            DatagramPacket packet = new DatagramPacket(new byte[100], 100);
            peer.receive(packet);
            System.out.println("received: " + new String(packet.getData(), 0, packet.getLength(), UTF_8));
        }
    }

    private static String placeOf(Class<?> type) {
        return type.getModule().isNamed() ? "module " + type.getModule().getName() : "the class path";
    }
}
