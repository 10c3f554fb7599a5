// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.DataOutputStream;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Four threads receive on one socket: receives get their data, and are over, in the order in which they were called.
 * {@code wskbridge.order.messages} makes it longer.
 */
@Tag("linux") // on Wine requests reach the completion port in any order
class CompletionOrderTest extends BridgeFixture {
    private static final int READERS = 4;
    private static final int MESSAGES = Integer.getInteger("wskbridge.order.messages", 20_000);

    /** So many are on their way at most, which fits into any socket's buffer. */
    private final Semaphore room = new Semaphore(64);

    private final List<CompletableFuture<?>> receives = new ArrayList<>();

    private interface Source {
        CompletableFuture<?> receive(ByteBuffer target);
    }

    private interface Target {
        void send(int number) throws Exception;
    }

    @Test
    void ofDatagrams() throws Exception {
        WskDatagramSocket socket = datagram(INET);
        try (DatagramSocket peer = new DatagramSocket(0, LOOPBACK4)) {
            peer.connect(socket.getLocalAddress());
            run(target -> socket.receiveFrom(target), number -> peer.send(new DatagramPacket(bytes(number), 4)));
        }
    }

    @Test
    void ofAStream() throws Exception {
        WskConnectionSocket socket = bridge.openConnection(INET);
        try (ServerSocket server = new ServerSocket(0, 10, LOOPBACK4)) {
            await(socket.connect(server.getLocalSocketAddress()));
            try (Socket peer = server.accept()) {
                peer.setTcpNoDelay(true);
                DataOutputStream out = new DataOutputStream(peer.getOutputStream());
                run(target -> socket.receive(target), number -> out.write(bytes(number)));
            }
        }
        socket.abort();
    }

    private static byte[] bytes(int number) {
        return ByteBuffer.allocate(4).putInt(number).array();
    }

    private void run(Source source, Target target) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(READERS + 1);
        try {
            List<Future<?>> ends = new ArrayList<>();
            for (int i = 0; i < READERS; i++) {
                ends.add(threads.submit(reader(source)));
            }
            ends.add(threads.submit(sender(target)));
            for (Future<?> end : ends) {
                end.get();
            }
        } finally {
            threads.shutdownNow();
        }
    }

    private Callable<Void> sender(Target target) {
        return () -> {
            for (int number = 0; number < MESSAGES; number++) {
                room.acquire();
                target.send(number);
            }
            return null;
        };
    }

    private Callable<Void> reader(Source source) {
        return () -> {
            while (true) {
                ByteBuffer target = ByteBuffer.allocate(4);
                CompletableFuture<?> mine;
                CompletableFuture<?> before;
                int index;
                synchronized (receives) {
                    index = receives.size();
                    if (index == MESSAGES) {
                        return null;
                    }
                    mine = source.receive(target);
                    before = index == 0 ? mine : receives.get(index - 1);
                    receives.add(mine);
                }
                await(mine);
                assertEquals(index, target.getInt(0));
                before.get(0, TimeUnit.NANOSECONDS); // it is over, so there is nothing to wait for
                room.release();
            }
        };
    }
}
