// SPDX-License-Identifier: Apache-2.0

import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import org.wskbridge.ReceiveRing;
import org.wskbridge.ReceivedMessages;
import org.wskbridge.WskBridge;
import org.wskbridge.WskDatagramSocket;

/**
 * Counts the bytes that come to a UDP port, in batches, until nothing has come for a while.
 *
 * <p>UdpCount PORT SECONDS
 */
public final class UdpCount {
    private UdpCount() {}

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        try (WskBridge bridge = WskBridge.open();
                WskDatagramSocket socket = bridge.openDatagram(StandardProtocolFamily.INET)) {
            socket.bind(new InetSocketAddress(port));
            System.out.println("counting at port " + socket.getLocalAddress().getPort());
            System.out.println(count(socket, Duration.ofSeconds(Integer.parseInt(arguments[1]))) + " bytes");
        }
    }

    // begin count
    static long count(WskDatagramSocket socket, Duration silence) throws Exception {
        socket.setReceiveRing(ReceiveRing.ofBytes(4 << 20));
        long bytes = 0;
        long dropped = 0;
        while (true) {
            try (ReceivedMessages messages = socket.receiveMessages(silence).get()) {
                while (messages.next()) { // makes no object for a datagram
                    bytes += messages.length();
                }
                if (messages.dropped() > dropped) {
                    System.err.println(messages.dropped() - dropped + " datagrams were lost: the ring is too small");
                    dropped = messages.dropped(); // counts since the ring was made
                }
            } catch (ExecutionException e) {
                if (e.getCause() instanceof SocketTimeoutException) {
                    return bytes;
                }
                throw e;
            }
        }
    }
    // end count
}
