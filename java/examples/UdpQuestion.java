// SPDX-License-Identifier: Apache-2.0

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.wskbridge.ReceivedDatagram;
import org.wskbridge.WskBridge;
import org.wskbridge.WskDatagramSocket;

/**
 * Asks a UDP server and prints its answer. UDP loses datagrams, so it asks again when none comes.
 *
 * <p>UdpQuestion HOST PORT QUESTION
 */
public final class UdpQuestion {
    private static final int ATTEMPTS = 5;

    private UdpQuestion() {}

    public static void main(String[] arguments) throws Exception {
        InetSocketAddress server = new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1]));
        System.out.println(ask(server, arguments[2]));
    }

    // begin ask
    static String ask(InetSocketAddress server, String question) throws Exception {
        try (WskBridge bridge = WskBridge.open();
                WskDatagramSocket socket = bridge.openDatagram(StandardProtocolFamily.INET)) {
            socket.connect(server); // answers of others are dropped
            for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
                CompletableFuture<ReceivedDatagram> answer = socket.receiveFrom().orTimeout(1, SECONDS);
                socket.send(UTF_8.encode(question)).get();
                try (ReceivedDatagram datagram = answer.get()) {
                    return UTF_8.decode(datagram.payload()).toString();
                } catch (ExecutionException e) {
                    if (!(e.getCause() instanceof TimeoutException)) {
                        throw e;
                    }
                }
            }
            throw new TimeoutException("no answer to " + ATTEMPTS + " datagrams");
        }
    }
    // end ask
}
