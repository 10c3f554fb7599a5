// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.benchmarks;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.wskbridge.ReceiveRing;
import org.wskbridge.ReceivedDatagram;
import org.wskbridge.ReceivedMessages;
import org.wskbridge.WskBridge;
import org.wskbridge.WskDatagramSocket;

/** Datagrams of 512 bytes over loopback: to a peer and back, and one way. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class UdpBenchmark {

    private static final int PAYLOAD = 512;
    private static final int BATCH = 64;

    /** The bridge, with a socket to an echoing and to a dropping peer. */
    @State(Scope.Thread)
    public static class Bridge {
        private final ByteBuffer payload = ByteBuffer.allocateDirect(PAYLOAD);
        private final ByteBuffer[] batch = new ByteBuffer[BATCH];
        private final List<ByteBuffer> messages = Arrays.asList(batch);
        private final CompletableFuture<?>[] sends = new CompletableFuture<?>[BATCH];
        private DatagramChannel echo;
        private DatagramChannel sink;
        private InetSocketAddress echoAddress;
        private InetSocketAddress sinkAddress;
        private DatagramChannel feed;
        private WskBridge bridge;
        private WskDatagramSocket socket;
        private WskDatagramSocket ring;
        private InetSocketAddress ringAddress;

        /** Opens everything. */
        @Setup(Level.Trial)
        public void open() throws IOException {
            echo = Peers.udpEcho();
            sink = Peers.udpSink();
            echoAddress = Peers.addressOf(echo);
            sinkAddress = Peers.addressOf(sink);
            bridge = WskBridge.open();
            socket = bridge.openDatagram(StandardProtocolFamily.INET);
            socket.bind(new InetSocketAddress("127.0.0.1", 0));
            ring = bridge.openDatagram(StandardProtocolFamily.INET);
            ring.bind(new InetSocketAddress("127.0.0.1", 0)).setReceiveRing(ReceiveRing.DEFAULT);
            ringAddress = ring.getLocalAddress();
            feed = DatagramChannel.open();
            for (int i = 0; i < BATCH; i++) {
                batch[i] = ByteBuffer.allocateDirect(PAYLOAD);
            }
        }

        /** Closes everything. */
        @TearDown(Level.Trial)
        public void close() throws IOException {
            bridge.close();
            feed.close();
            echo.close();
            sink.close();
        }
    }

    /** NIO, with a socket to an echoing and to a dropping peer. */
    @State(Scope.Thread)
    public static class Nio {
        private final ByteBuffer payload = ByteBuffer.allocateDirect(PAYLOAD);
        private DatagramChannel echo;
        private DatagramChannel sink;
        private InetSocketAddress echoAddress;
        private InetSocketAddress sinkAddress;
        private DatagramChannel channel;
        private InetSocketAddress channelAddress;
        private DatagramChannel feed;

        /** Opens everything. */
        @Setup(Level.Trial)
        public void open() throws IOException {
            echo = Peers.udpEcho();
            sink = Peers.udpSink();
            echoAddress = Peers.addressOf(echo);
            sinkAddress = Peers.addressOf(sink);
            channel = DatagramChannel.open().bind(new InetSocketAddress("127.0.0.1", 0));
            channelAddress = Peers.addressOf(channel);
            feed = DatagramChannel.open();
        }

        /** Closes everything. */
        @TearDown(Level.Trial)
        public void close() throws IOException {
            channel.close();
            feed.close();
            echo.close();
            sink.close();
        }
    }

    /** One datagram to the peer and its reply, the receive posted first as a service would have it. */
    @Benchmark
    public int requestResponseBridge(Bridge state) throws Exception {
        CompletableFuture<ReceivedDatagram> reply = state.socket.receiveFrom(PAYLOAD);
        state.socket.sendTo(state.payload.clear(), state.echoAddress).get();
        try (ReceivedDatagram datagram = reply.get()) {
            return datagram.payload().remaining();
        }
    }

    /** The same with NIO. */
    @Benchmark
    public int requestResponseNio(Nio state) throws IOException {
        state.channel.send(state.payload.clear(), state.echoAddress);
        state.channel.receive(state.payload.clear());
        return state.payload.position();
    }

    /** Datagrams one way, 64 under way at a time. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public void oneWayBridge(Bridge state) throws Exception {
        for (int i = 0; i < BATCH; i++) {
            state.sends[i] = state.socket.sendTo(state.batch[i].clear(), state.sinkAddress);
        }
        for (CompletableFuture<?> send : state.sends) {
            send.get();
        }
    }

    /** The same with NIO, one after the other. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public void oneWayNio(Nio state) throws IOException {
        for (int i = 0; i < BATCH; i++) {
            state.channel.send(state.payload.clear(), state.sinkAddress);
        }
    }

    /** 64 datagrams with one request. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public int messagesBridge(Bridge state) throws Exception {
        for (ByteBuffer payload : state.batch) {
            payload.clear();
        }
        return state.socket.sendMessages(state.messages, state.sinkAddress).get();
    }

    /** NIO has no such call. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public void messagesNio(Nio state) throws IOException {
        oneWayNio(state);
    }

    private static void feed(DatagramChannel feed, ByteBuffer payload, InetSocketAddress to) throws IOException {
        for (int i = 0; i < BATCH; i++) {
            feed.send(payload.clear(), to);
        }
    }

    /** 64 datagrams that an NIO channel sends, received with as few requests as it takes. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public int receivedMessagesBridge(Bridge state) throws Exception {
        feed(state.feed, state.payload, state.ringAddress);
        int bytes = 0;
        for (int received = 0; received < BATCH; ) {
            try (ReceivedMessages messages = state.ring.receiveMessages().get()) {
                received += messages.count();
                while (messages.next()) {
                    bytes += messages.payload().remaining();
                }
            }
        }
        return bytes;
    }

    /** The same with NIO, one after the other. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public int receivedMessagesNio(Nio state) throws IOException {
        feed(state.feed, state.payload, state.channelAddress);
        int bytes = 0;
        for (int received = 0; received < BATCH; received++) {
            state.channel.receive(state.payload.clear());
            bytes += state.payload.position();
        }
        return bytes;
    }
}
