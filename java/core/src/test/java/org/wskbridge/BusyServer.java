// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.io.Closeable;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;

/** A listener whose queue is full: connecting to it hangs. */
final class BusyServer implements Closeable {
    private final ServerSocket server;
    private final List<SocketChannel> fillers = new ArrayList<>();

    BusyServer() throws IOException, InterruptedException {
        server = new ServerSocket(0, 1, BridgeFixture.LOOPBACK4);
        for (int i = 0; i < 20; i++) {
            SocketChannel filler = SocketChannel.open();
            fillers.add(filler);
            filler.configureBlocking(false);
            if (!filler.connect(address())) {
                Thread.sleep(50); // a connection over the loopback interface is there sooner
                if (!filler.finishConnect()) {
                    return;
                }
            }
        }
        throw new AssertionError("the queue of the listener doesn't fill up");
    }

    InetSocketAddress address() {
        return (InetSocketAddress) server.getLocalSocketAddress();
    }

    @Override
    public void close() throws IOException {
        for (SocketChannel filler : fillers) {
            filler.close();
        }
        server.close();
    }
}
