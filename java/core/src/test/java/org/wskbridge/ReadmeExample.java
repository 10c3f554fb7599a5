// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.util.concurrent.CompletableFuture;

/** The example of the README, which shows what stands between the two marks. */
final class ReadmeExample {
    private ReadmeExample() {}

    // README begin
    static String ask(InetSocketAddress server, String question) throws Exception {
        try (WskBridge bridge = WskBridge.open();
                WskDatagramSocket socket = bridge.openDatagram(StandardProtocolFamily.INET)) {
            socket.bind(new InetSocketAddress("127.0.0.1", 0));
            CompletableFuture<ReceivedDatagram> answer = socket.receiveFrom();
            socket.sendTo(UTF_8.encode(question), server).get(5, SECONDS);
            try (ReceivedDatagram datagram = answer.get(5, SECONDS)) {
                return UTF_8.decode(datagram.payload()).toString();
            }
        }
    }
    // README end
}
