// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.DatagramChannel;
import java.nio.channels.NetworkChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

/**
 * The other end of every measurement: plain blocking NIO in a thread of its own, the same for both sides that are
 * compared.
 */
final class Peers {

    /** Room for what a sender can have under way, so that one-way figures are about sending and not about loss. */
    private static final int RECEIVE_BUFFER = 4 << 20;

    private static final int LARGEST_READ = 256 * 1024;

    private Peers() {}

    /** What a peer's thread does until its channel is closed. */
    @FunctionalInterface
    private interface Loop {
        void run() throws IOException;
    }

    /** A UDP port that sends every datagram back. */
    static DatagramChannel udpEcho() throws IOException {
        DatagramChannel channel = udp();
        start("UDP echo peer", () -> {
            ByteBuffer buffer = ByteBuffer.allocateDirect(65_536);
            while (true) {
                SocketAddress sender = channel.receive(buffer.clear());
                channel.send(buffer.flip(), sender);
            }
        });
        return channel;
    }

    /** A UDP port that drops every datagram. */
    static DatagramChannel udpSink() throws IOException {
        DatagramChannel channel = udp();
        start("UDP sink peer", () -> {
            ByteBuffer buffer = ByteBuffer.allocateDirect(65_536);
            while (true) {
                channel.receive(buffer.clear());
            }
        });
        return channel;
    }

    /** A TCP port that sends back what comes on each connection, one connection at a time. */
    static ServerSocketChannel tcpEcho() throws IOException {
        ServerSocketChannel server = tcp();
        start("TCP echo peer", () -> serve(server, true));
        return server;
    }

    /** A TCP port that drops what comes on each connection, one connection at a time. */
    static ServerSocketChannel tcpSink() throws IOException {
        ServerSocketChannel server = tcp();
        start("TCP sink peer", () -> serve(server, false));
        return server;
    }

    static InetSocketAddress addressOf(NetworkChannel peer) throws IOException {
        return (InetSocketAddress) peer.getLocalAddress();
    }

    private static void serve(ServerSocketChannel server, boolean echo) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(LARGEST_READ);
        while (true) {
            try (SocketChannel channel = server.accept()) {
                channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
                while (channel.read(buffer.clear()) >= 0) {
                    buffer.flip();
                    while (echo && buffer.hasRemaining()) {
                        channel.write(buffer);
                    }
                }
            }
        }
    }

    private static DatagramChannel udp() throws IOException {
        return DatagramChannel.open()
                .setOption(StandardSocketOptions.SO_RCVBUF, RECEIVE_BUFFER)
                .bind(new InetSocketAddress("127.0.0.1", 0));
    }

    private static ServerSocketChannel tcp() throws IOException {
        return ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0));
    }

    private static void start(String name, Loop loop) {
        Thread thread = new Thread(
                () -> {
                    try {
                        loop.run();
                    } catch (ClosedChannelException e) {
                        // The measurement is over.
                    } catch (IOException e) {
                        throw new UncheckedIOException(name, e);
                    }
                },
                name);
        thread.setDaemon(true);
        thread.start();
    }
}
