// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import org.wskbridge.ReceivedDatagram;
import org.wskbridge.WskBridge;
import org.wskbridge.WskDatagramSocket;

/** Netcat over UDP. */
final class UdpNetcat {

    /** Bytes of the largest datagram sent. */
    static final int CHUNK = 16 * 1024;

    private final WskBridge bridge;
    private final NetcatTarget target;
    private final InputChunks input;
    private final OutputStream output;
    private final PrintWriter log;

    UdpNetcat(WskBridge bridge, NetcatTarget target, InputChunks input, OutputStream output, PrintWriter log) {
        this.bridge = bridge;
        this.target = target;
        this.input = input;
        this.output = output;
        this.log = log;
    }

    /** Exchanges datagrams with the target. Returns the exit status. */
    int connect() throws IOException {
        InetAddress address = target.addresses().get(0);
        StandardProtocolFamily family = Addresses.familyOf(address);
        try (WskDatagramSocket socket = bridge.openDatagram(family)) {
            if (target.local() != null) {
                socket.bind(Addresses.bindable(target.local(), family));
            }
            socket.connect(new InetSocketAddress(address, target.port()));
            log.println("Sending to " + Addresses.text(address, target.port()));
            new UdpPipe(socket).run();
            return 0;
        }
    }

    /**
     * Waits for a datagram and then exchanges datagrams with its sender; or prints what arrives from anybody, for
     * ever. Returns the exit status.
     */
    int listen(boolean keep) throws IOException {
        InetAddress address = target.addresses().get(0);
        try (WskDatagramSocket socket = bridge.openDatagram(Addresses.familyOf(address))) {
            socket.bind(target.listenAddress());
            log.println("Listening on " + Addresses.text(socket.getLocalAddress()));
            InetSocketAddress sender = print(socket);
            while (keep) {
                sender = print(socket);
            }
            log.println("Datagram from " + Addresses.text(sender));
            socket.connect(sender);
            new UdpPipe(socket).run();
            return 0;
        }
    }

    private InetSocketAddress print(WskDatagramSocket socket) throws IOException {
        try (ReceivedDatagram datagram = Await.result(socket.receiveFrom())) {
            write(datagram.payload());
            return datagram.sender();
        }
    }

    private void write(ByteBuffer payload) throws IOException {
        while (payload.hasRemaining()) {
            Channels.newChannel(output).write(payload);
        }
    }

    /** Joins a socket that has its peer with input and output. Only silence or the peer's absence ends it. */
    private final class UdpPipe extends Pipe {

        private final WskDatagramSocket socket;

        UdpPipe(WskDatagramSocket socket) {
            super(target.limit());
            this.socket = socket;
        }

        @Override
        boolean isDone(boolean inputEnded, boolean networkEnded) {
            return networkEnded;
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
