// SPDX-License-Identifier: Apache-2.0

import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import org.wskbridge.WskBridge;
import org.wskbridge.WskConnectionSocket;
import org.wskbridge.WskListenSocket;

/**
 * Accepts connections and sends back what comes, until the peer ends its side. No thread waits for any of them.
 *
 * <p>TcpEcho HOST PORT
 */
public final class TcpEcho {
    private TcpEcho() {}

    public static void main(String[] arguments) throws Exception {
        InetSocketAddress address = new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1]));
        try (WskBridge bridge = WskBridge.open();
                WskListenSocket listener = bridge.openListen(StandardProtocolFamily.INET)) {
            listener.bind(address);
            System.out.println("listening on port " + listener.getLocalAddress().getPort());
            accept(listener).join();
        }
    }

    // begin accept
    /** One accept after the other, each connection on its own. */
    static CompletableFuture<Void> accept(WskListenSocket listener) {
        return listener.accept().thenCompose(connection -> {
            echo(connection, ByteBuffer.allocateDirect(1 << 16)).whenComplete((nothing, failure) -> {
                if (failure == null) {
                    connection.closeAsync(); // what was sent is delivered, whatever the peer's pace
                } else {
                    connection.abort();
                }
            });
            return accept(listener);
        });
    }

    /** The buffer is used again only when its send is done, so a slow peer slows this down and costs no memory. */
    static CompletableFuture<Void> echo(WskConnectionSocket connection, ByteBuffer buffer) {
        return connection.receive(buffer.clear()).thenCompose(received -> {
            if (received < 0) {
                return CompletableFuture.completedFuture(null);
            }
            return connection.send(buffer.flip()).thenCompose(sent -> echo(connection, buffer));
        });
    }
    // end accept
}
