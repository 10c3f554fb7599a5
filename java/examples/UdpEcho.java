// SPDX-License-Identifier: Apache-2.0

import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.channels.ClosedChannelException;
import java.util.concurrent.CompletableFuture;
import org.wskbridge.ReceivedDatagram;
import org.wskbridge.WskBridge;
import org.wskbridge.WskDatagramSocket;

/**
 * Sends every datagram back where it came from. Several receives are outstanding, so that datagrams that come together
 * find a place.
 *
 * <p>UdpEcho HOST PORT
 */
public final class UdpEcho {
    private static final int OUTSTANDING = 16;

    private final WskDatagramSocket socket;
    private final CompletableFuture<Void> ended = new CompletableFuture<>();

    private UdpEcho(WskDatagramSocket socket) {
        this.socket = socket;
    }

    public static void main(String[] arguments) throws Exception {
        InetSocketAddress address = new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1]));
        try (WskBridge bridge = WskBridge.open();
                WskDatagramSocket socket = bridge.openDatagram(StandardProtocolFamily.INET)) {
            socket.bind(address);
            System.out.println("listening on port " + socket.getLocalAddress().getPort());
            UdpEcho echo = new UdpEcho(socket);
            for (int i = 0; i < OUTSTANDING; i++) {
                echo.receiveNext();
            }
            echo.ended.join();
        }
    }

    // begin loop
    private void receiveNext() {
        socket.receiveFrom()
                .thenCompose(this::sendBack)
                .whenComplete((sent, failure) -> {
                    if (!socket.isOpen() || failure instanceof ClosedChannelException) {
                        ended.complete(null);
                        return;
                    }
                    if (failure != null) {
                        System.err.println("lost one: " + failure.getMessage()); // the next may be fine
                    }
                    receiveNext();
                });
    }

    private CompletableFuture<Integer> sendBack(ReceivedDatagram datagram) {
        return socket.sendTo(datagram.payload(), datagram.sender())
                .whenComplete((sent, failure) -> datagram.close()); // the driver has let go of its memory
    }
    // end loop
}
