// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/** Scenarios on a network that loses packets, with ordinary sockets of Java as peers: see {@link LossyNetworkTest}. */
enum LossyNetwork {
    STREAMS_ARRIVE_WHOLE {
        @Override
        void play(WskBridge bridge) throws Exception {
            byte[] there = random(4 << 20);
            byte[] back = random(3 << 20);
            try (ServerSocket listener = new ServerSocket(0, 5, LOOPBACK);
                    WskConnectionSocket socket = bridge.openConnection(INET)) {
                CompletableFuture<Void> connect = socket.connect(listener.getLocalSocketAddress(), LONG);
                try (Socket peer = listener.accept()) {
                    connect.get();
                    CompletableFuture<byte[]> got =
                            inThread(() -> peer.getInputStream().readAllBytes());
                    inThread(() -> {
                        peer.getOutputStream().write(back);
                        peer.shutdownOutput();
                        return back;
                    });
                    CompletableFuture<Integer> send = socket.send(ByteBuffer.wrap(there));
                    ByteBuffer all = ByteBuffer.allocate(back.length + 1);
                    while (socket.receive(all).get(60, TimeUnit.SECONDS) >= 0) {
                        require(all.hasRemaining(), "more came than was sent");
                    }
                    require(Arrays.equals(back, Arrays.copyOf(all.array(), all.position())), "what the peer sent");
                    require(send.get(60, TimeUnit.SECONDS) == there.length, "all was sent");
                    socket.close();
                    require(Arrays.equals(there, got.get(60, TimeUnit.SECONDS)), "what the peer received");
                }
            }
        }
    },

    QUESTIONS_ARE_ASKED_AGAIN {
        @Override
        void play(WskBridge bridge) throws Exception {
            int asked = 0;
            try (DatagramSocket peer = new DatagramSocket(new InetSocketAddress(LOOPBACK, 0));
                    WskDatagramSocket socket = bridge.openDatagram(INET)) {
                inThread(() -> echo(peer));
                socket.bind(new InetSocketAddress(LOOPBACK, 0));
                socket.connect(peer.getLocalSocketAddress());
                for (int question = 0; question < QUESTIONS; question++) {
                    while (!ask(socket, question)) {
                        asked++;
                        require(asked < QUESTIONS, "half of all packets are lost");
                    }
                }
            }
            require(asked > 0, "no packet was lost");
        }
    },

    BATCHES_LOSE_NO_MORE_THAN_THE_NETWORK_DOES {
        @Override
        void play(WskBridge bridge) throws Exception {
            int sent = 0;
            boolean[] came = new boolean[BATCHES * BATCH];
            try (DatagramSocket peer = new DatagramSocket(new InetSocketAddress(LOOPBACK, 0));
                    WskDatagramSocket socket = bridge.openDatagram(INET)) {
                peer.setSoTimeout(500);
                socket.bind(new InetSocketAddress(LOOPBACK, 0));
                for (int batch = 0; batch < BATCHES; batch++) {
                    List<ByteBuffer> payloads = new ArrayList<>();
                    for (int i = 0; i < BATCH; i++) {
                        payloads.add(ByteBuffer.allocate(100).putInt(0, sent++));
                    }
                    require(
                            socket.sendMessages(payloads, peer.getLocalSocketAddress())
                                            .get()
                                    >= 0,
                            "a batch");
                    take(peer, came);
                }
            }
            long received = 0;
            for (boolean one : came) {
                received += one ? 1 : 0;
            }
            require(received > came.length * 0.85, "the network loses 5 %, but only " + received + " came");
            require(received < came.length, "no packet was lost");
        }
    },

    A_PEER_THAT_VANISHES_IS_A_TIMEOUT {
        @Override
        void play(WskBridge bridge) throws Exception {
            try (ServerSocket listener = new ServerSocket(0, 5, LOOPBACK);
                    WskConnectionSocket socket = bridge.openConnection(INET);
                    WskConnectionSocket late = bridge.openConnection(INET)) {
                CompletableFuture<Void> connect = socket.connect(listener.getLocalSocketAddress(), LONG);
                try (Socket peer = listener.accept()) {
                    connect.get();
                    require(peer.isConnected(), "connected");
                    Process cut = new ProcessBuilder("nft", "insert rule inet lossy in drop")
                            .inheritIO()
                            .start();
                    require(cut.waitFor() == 0, "the network is cut");
                    timesOut(socket.send(ByteBuffer.allocate(16 << 20), SHORT));
                    fails(socket.send(ByteBuffer.allocate(1)));
                    timesOut(socket.receive(ByteBuffer.allocate(1), SHORT));
                    timesOut(late.connect(listener.getLocalSocketAddress(), SHORT));
                }
            }
        }
    };

    private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final Duration SHORT = Duration.ofMillis(300);
    private static final int QUESTIONS = 300;
    private static final int BATCHES = 20;
    private static final int BATCH = 64;

    abstract void play(WskBridge bridge) throws Exception;

    /** Plays the scenario that is named; it ends with an exception if something is wrong. */
    public static void main(String[] arguments) throws Exception {
        try (WskBridge bridge =
                WskBridge.builder().closeTimeout(Duration.ofSeconds(2)).open()) {
            valueOf(arguments[0]).play(bridge);
        }
        System.exit(0); // peers may be waiting
    }

    private interface Work {
        byte[] run() throws Exception;
    }

    private static CompletableFuture<byte[]> inThread(Work work) {
        CompletableFuture<byte[]> done = new CompletableFuture<>();
        Thread thread = new Thread(() -> {
            try {
                done.complete(work.run());
            } catch (Exception e) {
                done.completeExceptionally(e);
            }
        });
        thread.setDaemon(true);
        thread.start();
        return done;
    }

    private static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new Random(length).nextBytes(bytes);
        return bytes;
    }

    private static void require(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    private static byte[] echo(DatagramSocket peer) throws IOException {
        DatagramPacket packet = new DatagramPacket(new byte[1000], 1000);
        while (true) {
            packet.setLength(1000);
            peer.receive(packet);
            peer.send(packet);
        }
    }

    /** Asks once. Answers to what was asked earlier are passed over. @return whether the answer came */
    private static boolean ask(WskDatagramSocket socket, int question) throws Exception {
        socket.send(ByteBuffer.allocate(500).putInt(0, question)).get();
        while (true) {
            try (ReceivedDatagram answer =
                    socket.receiveFrom(1000, Duration.ofMillis(100)).get()) {
                if (answer.payload().getInt(0) == question) {
                    return true;
                }
            } catch (ExecutionException e) {
                require(e.getCause() instanceof SocketTimeoutException, "a receive failed: " + e);
                return false;
            }
        }
    }

    /** Receives what has come, until nothing more comes for half a second or all is here. */
    private static void take(DatagramSocket peer, boolean[] came) throws IOException {
        DatagramPacket packet = new DatagramPacket(new byte[1000], 1000);
        try {
            for (int i = 0; i < BATCH; i++) {
                packet.setLength(1000);
                peer.receive(packet);
                int number = ByteBuffer.wrap(packet.getData()).getInt();
                require(!came[number], "a datagram came twice");
                came[number] = true;
            }
        } catch (SocketTimeoutException e) {
            // the rest was lost
        }
    }

    private static void fails(CompletableFuture<?> future) throws Exception {
        try {
            future.get(30, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            require(e.getCause() instanceof IOException, "failed, but with " + e.getCause());
            return;
        }
        throw new AssertionError("a failure is expected");
    }

    private static void timesOut(CompletableFuture<?> future) throws Exception {
        try {
            future.get(30, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            require(e.getCause() instanceof SocketTimeoutException, "failed, but with " + e.getCause());
            return;
        }
        throw new AssertionError("a timeout is expected");
    }
}
