// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.io.Closeable;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;

/** A listener whose queue is full: connecting to it hangs. */
final class BusyServer implements Closeable {
    /** A connection over the loopback interface is there much sooner, if it comes at all. */
    private static final int HANGS_MILLIS = 500;

    private final ServerSocket server;
    private final List<SocketChannel> fillers = new ArrayList<>();

    BusyServer() throws IOException {
        server = new ServerSocket(0, 1, BridgeFixture.LOOPBACK4);
        for (int i = 0; i < 20; i++) {
            SocketChannel filler = SocketChannel.open();
            fillers.add(filler);
            if (!connects(filler)) {
                return;
            }
        }
        throw new AssertionError("the queue of the listener doesn't fill up");
    }

    private boolean connects(SocketChannel filler) throws IOException {
        filler.configureBlocking(false);
        if (filler.connect(address())) {
            return true;
        }
        try (Selector selector = Selector.open()) {
            filler.register(selector, SelectionKey.OP_CONNECT);
            return selector.select(HANGS_MILLIS) > 0 && filler.finishConnect();
        }
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
