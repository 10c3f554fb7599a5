// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.util.Optional;
import org.wskbridge.WskBridge;
import org.wskbridge.WskConnectionSocket;
import org.wskbridge.WskListenSocket;

/** Netcat over TCP: gets the connection, by connecting or by listening, and lets a {@link TcpPipe} use it. */
final class TcpNetcat implements Netcat {

    /** Bytes moved by one operation. */
    static final int CHUNK = 64 * 1024;

    private final WskBridge bridge;
    private final NetcatTarget target;
    private final InputChunks input;
    private final InputRules rules;
    private final OutputStream output;
    private final NetcatLog log;

    /** The last that a connect ended with. */
    private String failure = "";

    TcpNetcat(
            WskBridge bridge,
            NetcatTarget target,
            InputChunks input,
            InputRules rules,
            OutputStream output,
            NetcatLog log) {
        this.bridge = bridge;
        this.target = target;
        this.input = input;
        this.rules = rules;
        this.output = output;
        this.log = log;
    }

    /** Connects to one port after the other and runs each connection. Returns the exit status: 0 if there was one. */
    @Override
    public int connect() throws IOException {
        int status = 1;
        for (int port : target.ports()) {
            Optional<WskConnectionSocket> socket = connectTo(port);
            if (socket.isPresent()) {
                status = 0;
                run(socket.get());
            }
        }
        if (status != 0 && !log.isVerbose()) {
            log.failed(failure);
        }
        return status;
    }

    /** Finds out which ports take connections. Returns the exit status: 0 if one did. */
    @Override
    public int scan() throws IOException {
        int status = 1;
        for (int port : target.ports()) {
            Optional<WskConnectionSocket> socket = connectTo(port);
            if (socket.isPresent()) {
                status = 0;
                socket.get().close();
            }
        }
        return status;
    }

    /** Connects to the first address that answers. Failures are told with -v. */
    private Optional<WskConnectionSocket> connectTo(int port) throws IOException {
        for (InetAddress address : target.addresses()) {
            WskConnectionSocket socket = open(Addresses.familyOf(address));
            try {
                connect(socket, new InetSocketAddress(address, port));
                log.connected(target.host(), address, port);
                return Optional.of(socket);
            } catch (IOException e) {
                Interruption.holdIfUnderWay();
                failure = log.attempt(target.host(), address, port) + " failed: " + e.getMessage();
                if (log.isVerbose()) {
                    log.failed(failure);
                }
            }
        }
        return Optional.empty();
    }

    private WskConnectionSocket open(StandardProtocolFamily family) throws IOException {
        WskConnectionSocket socket = bridge.openConnection(family);
        try {
            if (target.local().isChosen()) {
                socket.bind(target.local().of(family));
            }
            return socket;
        } catch (IOException | RuntimeException e) {
            socket.abort();
            throw e;
        }
    }

    private void connect(WskConnectionSocket socket, InetSocketAddress peer) throws IOException {
        try {
            if (target.limit() == null) {
                Await.result(socket.connect(peer));
            } else {
                Await.result(socket.connect(peer), target.limit(), "connect");
            }
        } catch (IOException | RuntimeException e) {
            socket.abort();
            throw e;
        }
    }

    /** Takes one connection, or one after the other for ever. Returns the exit status. */
    @Override
    public int listen(boolean keep) throws IOException {
        InetAddress address = target.addresses().get(0);
        WskListenSocket listener = bridge.openListen(Addresses.familyOf(address));
        try (listener) {
            listener.bind(target.listenAddress());
            log.listening(listener.getLocalAddress());
            if (keep) {
                serve(listener);
            } else {
                WskConnectionSocket only = accept(listener);
                listener.close();
                run(only);
            }
            return 0;
        }
    }

    /** Ends when there is no use in another connection. */
    private void serve(WskListenSocket listener) throws IOException {
        Pipe.End end = Pipe.End.DONE;
        while (end != Pipe.End.QUIT && end != Pipe.End.OUTPUT_GONE) {
            try {
                end = run(accept(listener));
            } catch (IOException e) {
                Interruption.holdIfUnderWay();
                if (!listener.isOpen()) {
                    throw e;
                }
                if (log.isVerbose()) {
                    log.failed("connection failed: " + e.getMessage());
                }
            }
        }
    }

    private WskConnectionSocket accept(WskListenSocket listener) throws IOException {
        WskConnectionSocket socket = Await.result(listener.accept());
        socket.getRemoteAddress().ifPresent(log::received);
        return socket;
    }

    private Pipe.End run(WskConnectionSocket socket) throws IOException {
        try {
            Pipe.End end = new TcpPipe(socket, input, rules, output, target.limit()).run();
            socket.close();
            return end;
        } catch (IOException | RuntimeException e) {
            socket.abort();
            throw e;
        }
    }
}
