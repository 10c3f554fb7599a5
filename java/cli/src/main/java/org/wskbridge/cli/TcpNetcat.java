// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.time.Duration;
import org.wskbridge.WskBridge;
import org.wskbridge.WskConnectionSocket;
import org.wskbridge.WskListenSocket;

/** Netcat over TCP: gets the connection, by connecting or by listening, and lets a {@link TcpPipe} use it. */
final class TcpNetcat {

    /** Bytes moved by one operation. */
    static final int CHUNK = 64 * 1024;

    private final WskBridge bridge;
    private final NetcatTarget target;
    private final InputChunks input;
    private final Streams streams;
    private final PrintWriter log;

    TcpNetcat(WskBridge bridge, NetcatTarget target, InputChunks input, Streams streams, PrintWriter log) {
        this.bridge = bridge;
        this.target = target;
        this.input = input;
        this.streams = streams;
        this.log = log;
    }

    /** Connects to the first address that answers and runs the connection. Returns the exit status. */
    int connect() throws IOException {
        IOException last = null;
        for (InetAddress address : target.addresses()) {
            String peer = Addresses.text(address, target.port());
            WskConnectionSocket socket;
            try {
                socket = connectTo(address);
            } catch (IOException e) {
                last = new IOException("connect to " + peer + ": " + e.getMessage(), e);
                log.println(last.getMessage());
                continue;
            }
            log.println("Connected to " + peer);
            run(socket);
            return 0;
        }
        throw last;
    }

    private WskConnectionSocket connectTo(InetAddress address) throws IOException {
        StandardProtocolFamily family = Addresses.familyOf(address);
        WskConnectionSocket socket = bridge.openConnection(family);
        try {
            if (target.local() != null) {
                socket.bind(Addresses.bindable(target.local(), family));
            }
            InetSocketAddress peer = new InetSocketAddress(address, target.port());
            if (target.limit() == null) {
                Await.result(socket.connect(peer));
            } else {
                Await.result(socket.connect(peer), target.limit(), "connect");
            }
            return socket;
        } catch (IOException | RuntimeException e) {
            socket.abort();
            throw e;
        }
    }

    /** Takes one connection, or one after the other for ever. Returns the exit status. */
    int listen(boolean keep) throws IOException {
        InetAddress address = target.addresses().get(0);
        WskListenSocket listener = bridge.openListen(Addresses.familyOf(address));
        try (listener) {
            listener.bind(target.listenAddress());
            log.println("Listening on " + Addresses.text(listener.getLocalAddress()));
            while (keep) {
                try {
                    run(accept(listener));
                } catch (IOException e) {
                    Interruption.holdIfUnderWay();
                    if (!listener.isOpen()) {
                        throw e;
                    }
                    log.println("Connection failed: " + e.getMessage());
                }
            }
            WskConnectionSocket only = accept(listener);
            listener.close();
            run(only);
            return 0;
        }
    }

    private WskConnectionSocket accept(WskListenSocket listener) throws IOException {
        WskConnectionSocket socket = Await.result(listener.accept());
        socket.getRemoteAddress().ifPresent(peer -> log.println("Connection from " + Addresses.text(peer)));
        return socket;
    }

    private void run(WskConnectionSocket socket) throws IOException {
        Duration limit = target.limit();
        try {
            new TcpPipe(socket, input, streams.out(), limit, !streams.interactive()).run();
        } catch (IOException | RuntimeException e) {
            socket.abort();
            throw e;
        }
        socket.close();
    }
}
