// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.wskbridge.ReceivedDatagram;
import org.wskbridge.WskBridge;
import org.wskbridge.WskDatagramSocket;

/** Netcat over UDP. */
final class UdpNetcat implements Netcat {

    /** Bytes of the largest datagram sent. */
    static final int CHUNK = 16 * 1024;

    /** How long a scan waits for the word that nobody has a port, unless told otherwise. */
    private static final Duration SCAN_LIMIT = Duration.ofSeconds(3);

    private static final Duration SCAN_STEP = Duration.ofSeconds(1);
    private static final byte[] SCAN_PAYLOAD = {'X'};

    private final WskBridge bridge;
    private final NetcatTarget target;
    private final InputChunks input;
    private final InputRules rules;
    private final OutputStream output;
    private final NetcatLog log;

    UdpNetcat(
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

    /** Exchanges datagrams with one port of the target after the other. Returns the exit status. */
    @Override
    public int connect() throws IOException {
        InetAddress address = target.addresses().get(0);
        for (int port : target.ports()) {
            try (WskDatagramSocket socket = open(address, port)) {
                log.connected(target.host(), address, port);
                new UdpPipe(socket).run();
            }
        }
        return 0;
    }

    /** Sends a little to each port. Returns the exit status: 0 if one didn't turn out to be nobody's. */
    @Override
    public int scan() throws IOException {
        InetAddress address = target.addresses().get(0);
        int status = 1;
        for (int port : target.ports()) {
            try (WskDatagramSocket socket = open(address, port)) {
                probe(socket);
                log.connected(target.host(), address, port);
                status = 0;
            } catch (PortUnreachableException e) {
                if (log.isVerbose()) {
                    log.failed(log.attempt(target.host(), address, port) + " failed: " + e.getMessage());
                }
            }
        }
        return status;
    }

    private WskDatagramSocket open(InetAddress address, int port) throws IOException {
        StandardProtocolFamily family = Addresses.familyOf(address);
        WskDatagramSocket socket = bridge.openDatagram(family);
        try {
            if (target.local().isChosen()) {
                socket.bind(target.local().of(family));
            }
            return socket.connect(new InetSocketAddress(address, port));
        } catch (IOException | RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    /** Returns when the peer answered or had the time to; fails when the port is known to be nobody's. */
    private void probe(WskDatagramSocket socket) throws IOException {
        CompletableFuture<ReceivedDatagram> answer = socket.receiveFrom();
        long end = System.nanoTime() + (target.limit() == null ? SCAN_LIMIT : target.limit()).toNanos();
        long left;
        while (!answer.isDone() && (left = end - System.nanoTime()) > 0) {
            Await.result(socket.send(ByteBuffer.wrap(SCAN_PAYLOAD)));
            Await.within(answer, Duration.ofNanos(Math.min(left, SCAN_STEP.toNanos())));
        }
        if (answer.isDone()) {
            Await.result(answer).close();
        }
    }

    /**
     * Waits for a datagram and then exchanges datagrams with its sender; or prints what arrives from anybody, for
     * ever. Returns the exit status.
     */
    @Override
    public int listen(boolean keep) throws IOException {
        InetAddress address = target.addresses().get(0);
        try (WskDatagramSocket socket = bridge.openDatagram(Addresses.familyOf(address))) {
            socket.bind(target.listenAddress());
            log.bound(socket.getLocalAddress());
            InetSocketAddress sender = print(socket);
            while (keep) {
                sender = print(socket);
            }
            log.received(sender);
            socket.connect(sender);
            new UdpPipe(socket).run();
            return 0;
        } catch (OutputGoneException e) {
            return 0;
        }
    }

    private InetSocketAddress print(WskDatagramSocket socket) throws IOException {
        try (ReceivedDatagram datagram = Await.result(socket.receiveFrom())) {
            byte[] payload = new byte[datagram.payload().remaining()];
            datagram.payload().get(payload);
            OutputGoneException.write(output, payload, 0, payload.length);
            return datagram.sender();
        }
    }

    /** Joins a socket that has its peer with input and output. */
    private final class UdpPipe extends Pipe {

        private final WskDatagramSocket socket;

        UdpPipe(WskDatagramSocket socket) {
            super(target.limit(), input, rules);
            this.socket = socket;
        }

        @Override
        boolean isLossOfPeer(IOException failure) {
            return false;
        }

        @Override
        void send() throws IOException, InterruptedException {
            InputChunks.Chunk chunk;
            while (!(chunk = input.take()).isEnd()) {
                Await.result(socket.send(chunk.data()));
                input.release(chunk);
                moved();
            }
            if (chunk.failure() != null) {
                throw chunk.failure();
            }
        }

        @Override
        void receive() throws IOException {
            while (true) {
                print(socket);
                moved();
            }
        }
    }
}
