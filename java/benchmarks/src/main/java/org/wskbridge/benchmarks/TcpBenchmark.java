// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.benchmarks;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
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
import org.wskbridge.WskBridge;
import org.wskbridge.WskConnectionSocket;

/** TCP over loopback: 512 bytes to a peer and back, and 64 KiB writes one way. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class TcpBenchmark {

    private static final int REQUEST = 512;
    private static final int WRITE = 64 * 1024;
    private static final int BATCH = 16;

    /** The bridge, connected with an echoing and with a dropping peer. */
    @State(Scope.Thread)
    public static class Bridge {
        private final ByteBuffer request = ByteBuffer.allocateDirect(REQUEST);
        private final ByteBuffer response = ByteBuffer.allocateDirect(REQUEST);
        private final ByteBuffer[] batch = new ByteBuffer[BATCH];
        private final CompletableFuture<?>[] sends = new CompletableFuture<?>[BATCH];
        private ServerSocketChannel echoPeer;
        private ServerSocketChannel sinkPeer;
        private WskBridge bridge;
        private WskConnectionSocket echo;
        private WskConnectionSocket sink;

        /** Opens everything. */
        @Setup(Level.Trial)
        public void open() throws Exception {
            echoPeer = Peers.tcpEcho();
            sinkPeer = Peers.tcpSink();
            bridge = WskBridge.open();
            echo = connect(echoPeer);
            sink = connect(sinkPeer);
            for (int i = 0; i < BATCH; i++) {
                batch[i] = ByteBuffer.allocateDirect(WRITE);
            }
        }

        private WskConnectionSocket connect(ServerSocketChannel peer) throws Exception {
            WskConnectionSocket socket = bridge.openConnection(StandardProtocolFamily.INET);
            socket.connect(Peers.addressOf(peer)).get();
            socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
            return socket;
        }

        /** Closes everything. */
        @TearDown(Level.Trial)
        public void close() throws IOException {
            bridge.close();
            echoPeer.close();
            sinkPeer.close();
        }
    }

    /** NIO, connected with an echoing and with a dropping peer. */
    @State(Scope.Thread)
    public static class Nio {
        private final ByteBuffer request = ByteBuffer.allocateDirect(REQUEST);
        private final ByteBuffer response = ByteBuffer.allocateDirect(REQUEST);
        private final ByteBuffer[] batch = new ByteBuffer[BATCH];
        private ServerSocketChannel echoPeer;
        private ServerSocketChannel sinkPeer;
        private SocketChannel echo;
        private SocketChannel sink;

        /** Opens everything. */
        @Setup(Level.Trial)
        public void open() throws IOException {
            echoPeer = Peers.tcpEcho();
            sinkPeer = Peers.tcpSink();
            echo = connect(echoPeer);
            sink = connect(sinkPeer);
            for (int i = 0; i < BATCH; i++) {
                batch[i] = ByteBuffer.allocateDirect(WRITE);
            }
        }

        private static SocketChannel connect(ServerSocketChannel peer) throws IOException {
            return SocketChannel.open(Peers.addressOf(peer)).setOption(StandardSocketOptions.TCP_NODELAY, true);
        }

        /** Closes everything. */
        @TearDown(Level.Trial)
        public void close() throws IOException {
            echo.close();
            sink.close();
            echoPeer.close();
            sinkPeer.close();
        }
    }

    /** One request to the peer and its response, the receive posted first as a service would have it. */
    @Benchmark
    public int requestResponseBridge(Bridge state) throws Exception {
        ByteBuffer response = state.response.clear();
        CompletableFuture<Integer> received = state.echo.receive(response);
        state.echo.send(state.request.clear()).get();
        received.get();
        while (response.hasRemaining()) {
            state.echo.receive(response).get();
        }
        return response.position();
    }

    /** The same with NIO. */
    @Benchmark
    public int requestResponseNio(Nio state) throws IOException {
        state.echo.write(state.request.clear());
        ByteBuffer response = state.response.clear();
        while (response.hasRemaining()) {
            state.echo.read(response);
        }
        return response.position();
    }

    /** Writes one way, 16 under way at a time. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public void oneWayBridge(Bridge state) throws Exception {
        for (int i = 0; i < BATCH; i++) {
            state.sends[i] = state.sink.send(state.batch[i].clear());
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
            ByteBuffer buffer = state.batch[i].clear();
            while (buffer.hasRemaining()) {
                state.sink.write(buffer);
            }
        }
    }
}
