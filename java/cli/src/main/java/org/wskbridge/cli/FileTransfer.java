// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.wskbridge.WskBridge;
import org.wskbridge.WskConnectionSocket;
import org.wskbridge.WskListenSocket;

/**
 * Sends a file through the bridge to an ordinary socket, which sends it back as it arrives. Sender, peer and
 * receiver each compute SHA-256; the transfer is good when the three agree.
 */
final class FileTransfer {

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int CHUNK = 256 * 1024;
    private static final int OUTSTANDING = 4;

    private final WskBridge bridge;
    private final Path file;

    FileTransfer(WskBridge bridge, Path file) {
        this.bridge = bridge;
        this.file = file;
    }

    /** The bridge connects, the ordinary socket accepts. */
    DemoResult.Traffic overConnected() throws IOException {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
                WskConnectionSocket socket = bridge.openConnection(StandardProtocolFamily.INET)) {
            Await.result(socket.connect(server.getLocalSocketAddress()), LIMIT, "connect");
            try (Socket peer = server.accept()) {
                return transfer(socket, peer);
            }
        }
    }

    /** The ordinary socket connects, the bridge accepts. */
    DemoResult.Traffic overAccepted() throws IOException {
        try (WskListenSocket listener = bridge.openListen(StandardProtocolFamily.INET)) {
            listener.bind(new InetSocketAddress("127.0.0.1", 0));
            Future<WskConnectionSocket> accepting = listener.accept();
            InetSocketAddress address = listener.getLocalAddress();
            try (Socket peer = new Socket(address.getAddress(), address.getPort());
                    WskConnectionSocket socket = Await.result(accepting, LIMIT, "accept")) {
                return transfer(socket, peer);
            }
        }
    }

    private DemoResult.Traffic transfer(WskConnectionSocket socket, Socket peer) throws IOException {
        EchoingPeer echo = new EchoingPeer(peer);
        CompletableFuture<Received> receiving = Daemon.start("demo receives", () -> receive(socket));
        byte[] sent;
        try {
            sent = send(socket);
        } catch (IOException | RuntimeException e) {
            socket.abort();
            throw e;
        }
        Received received = Await.result(receiving);
        byte[] seenByPeer = Await.result(echo.digest(), LIMIT, "the peer");
        if (!Arrays.equals(sent, seenByPeer)) {
            throw new IOException("the peer got other bytes than were sent");
        }
        if (!Arrays.equals(sent, received.digest())) {
            throw new IOException("other bytes came back than were sent");
        }
        return new DemoResult.Traffic(received.bytes(), received.bytes(), 0, 0);
    }

    private record Sending(ByteBuffer buffer, Future<Integer> result) {}

    private byte[] send(WskConnectionSocket socket) throws IOException {
        MessageDigest digest = Digests.sha256();
        Queue<Sending> window = new ArrayDeque<>();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK);
            while (channel.read(buffer) >= 0) {
                digest.update(buffer.flip());
                buffer.rewind();
                window.add(new Sending(buffer, socket.send(buffer)));
                buffer = window.size() < OUTSTANDING
                        ? ByteBuffer.allocateDirect(CHUNK)
                        : finish(window.remove()).clear();
            }
        }
        while (!window.isEmpty()) {
            finish(window.remove());
        }
        Await.result(socket.disconnect(), LIMIT, "disconnect");
        return digest.digest();
    }

    private static ByteBuffer finish(Sending sending) throws IOException {
        Await.result(sending.result(), LIMIT, "send");
        return sending.buffer();
    }

    private record Received(long bytes, byte[] digest) {}

    private record Receiving(ByteBuffer buffer, Future<Integer> result) {}

    private static Received receive(WskConnectionSocket socket) throws IOException {
        MessageDigest digest = Digests.sha256();
        Queue<Receiving> window = new ArrayDeque<>();
        for (int i = 0; i < OUTSTANDING; i++) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK);
            window.add(new Receiving(buffer, socket.receive(buffer)));
        }
        long bytes = 0;
        while (true) {
            Receiving next = window.remove();
            int length = Await.result(next.result(), LIMIT, "receive");
            if (length < 0) {
                return new Received(bytes, digest.digest());
            }
            bytes += length;
            digest.update(next.buffer().position(0).limit(length));
            window.add(new Receiving(next.buffer(), socket.receive(next.buffer().clear())));
        }
    }
}
