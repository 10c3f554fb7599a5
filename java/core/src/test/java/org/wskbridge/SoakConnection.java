// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * A connection of the soak with both its ends and its listener. It is made again and again, and ends either gracefully,
 * when all bytes must have arrived, or with a reset, after which only bytes from the beginning of the stream may have.
 */
final class SoakConnection implements Soak.Actor {
    private static final int LONGEST = 64 * 1024;
    private static final int SENDS = 4;

    /** Makes a socket that isn't bound. */
    interface Opening {
        WskConnectionSocket open() throws Exception;
    }

    /** One direction of the connection. */
    private static final class Direction {
        private final WskConnectionSocket sender;
        private final WskConnectionSocket receiver;
        private final long seed;
        private final ArrayDeque<CompletableFuture<Integer>> sends = new ArrayDeque<>();
        private CompletableFuture<Integer> receive;
        private ByteBuffer target;
        private long posted;
        private long received;

        Direction(WskConnectionSocket sender, WskConnectionSocket receiver, long seed) {
            this.sender = sender;
            this.receiver = receiver;
            this.seed = seed;
        }

        void send(Random random) {
            if (sends.size() == SENDS) {
                return;
            }
            int length = 1 + random.nextInt(random.nextInt(4) == 0 ? LONGEST : 1000);
            ByteBuffer payload = random.nextBoolean() ? ByteBuffer.allocate(length) : ByteBuffer.allocateDirect(length);
            Soak.fill(payload, seed, posted);
            posted += length;
            int middle = random.nextInt(length + 1);
            sends.add(
                    random.nextInt(4) == 0
                            ? sender.send(
                                    new ByteBuffer[] {payload.slice(0, middle), payload.slice(middle, length - middle)})
                            : sender.send(payload));
        }

        void startReceive(Random random) {
            if (receive == null) {
                int length = 1 + random.nextInt(LONGEST);
                target = random.nextBoolean() ? ByteBuffer.allocate(length) : ByteBuffer.allocateDirect(length);
                receive = random.nextInt(4) == 0
                        ? receiver.receive(target, Duration.ofMillis(1 + random.nextInt(50)))
                        : receiver.receive(target);
            }
        }

        void cancelReceive() throws Exception {
            if (receive != null) {
                receive.cancel(true);
                takeReceived(true);
            }
        }

        /** Takes the results of sends that have ended. */
        void takeSent(boolean mayFail) throws Exception {
            for (Iterator<CompletableFuture<Integer>> each = sends.iterator(); each.hasNext(); ) {
                CompletableFuture<Integer> send = each.next();
                if (mayFail || send.isDone()) {
                    each.remove();
                    try {
                        send.get(Soak.PATIENCE.toSeconds(), TimeUnit.SECONDS);
                    } catch (ExecutionException | CancellationException e) {
                        assertTrue(mayFail, () -> "a send failed: " + e);
                    }
                }
            }
        }

        /** @return the bytes that came; -1 at the end of the stream */
        int takeReceived(boolean wait) throws Exception {
            return takeReceived(wait, false);
        }

        int takeReceived(boolean wait, boolean mayFail) throws Exception {
            if (receive == null || !wait && !receive.isDone()) {
                return 0;
            }
            CompletableFuture<Integer> ended = receive;
            receive = null;
            try {
                int count = ended.get(Soak.PATIENCE.toSeconds(), TimeUnit.SECONDS);
                if (count > 0) {
                    Soak.check(target, 0, count, seed, received);
                    received += count;
                }
                return count;
            } catch (CancellationException e) {
                return 0;
            } catch (ExecutionException e) {
                if (!mayFail && !(e.getCause() instanceof SocketTimeoutException)) {
                    throw e;
                }
                return 0;
            }
        }

        /** Ends the sending side, and receives up to the end. */
        void finish(Random random) throws Exception {
            CompletableFuture<Void> disconnect = sender.disconnect();
            int count;
            do {
                startReceive(random);
                count = takeReceived(true);
            } while (count >= 0);
            disconnect.get(Soak.PATIENCE.toSeconds(), TimeUnit.SECONDS);
            takeSent(false);
            assertTrue(sends.isEmpty(), "a send outlived the disconnect behind it");
            assertEquals(posted, received, "bytes that were sent and received");
        }

        void cutOff() throws Exception {
            takeSent(true);
            takeReceived(true, true);
            assertTrue(received <= posted, "bytes came that nobody sent");
        }
    }

    private final Opening opening;
    private final WskListenSocket listener;
    private long seed;
    private CompletableFuture<WskConnectionSocket> accept;
    private WskConnectionSocket client;
    private CompletableFuture<Void> connect;
    private List<Direction> directions = List.of();
    private long received;
    private long cutOff;
    private long ended;

    SoakConnection(Opening opening, WskListenSocket listener, int number) {
        this.opening = opening;
        this.listener = listener;
        this.seed = (long) number << 32;
    }

    /** Bytes that were received. */
    long received() {
        return received;
    }

    /** Bytes that a reset cut off. */
    long cutOff() {
        return cutOff;
    }

    /** How many connections have ended. */
    long ended() {
        return ended;
    }

    @Override
    public void step(Random random) throws Exception {
        if (connect == null) {
            accept = listener.accept();
            client = opening.open();
            connect = client.connect(listener.getLocalAddress());
            return;
        }
        if (directions.isEmpty()) {
            if (connect.isDone() && accept.isDone()) {
                establish();
            }
            return;
        }
        Direction direction = directions.get(random.nextInt(2));
        direction.takeSent(false);
        direction.takeReceived(false);
        int choice = random.nextInt(1000);
        if (choice < 450) {
            direction.send(random);
        } else if (choice < 900) {
            direction.startReceive(random);
        } else if (choice < 970) {
            direction.cancelReceive();
        } else if (choice < 985) {
            direction.sender.setOption(StandardSocketOptions.TCP_NODELAY, random.nextBoolean());
        } else if (choice < 992) {
            endGracefully(random);
        } else {
            endAbruptly(random);
        }
    }

    private void establish() throws Exception {
        connect.get();
        WskConnectionSocket server = accept.get();
        assertEquals(client.getLocalAddress(), server.getRemoteAddress().orElseThrow());
        directions = List.of(new Direction(client, server, seed++), new Direction(server, client, seed++));
    }

    private void endGracefully(Random random) throws Exception {
        int first = random.nextInt(2);
        directions.get(first).finish(random);
        directions.get(1 - first).finish(random);
        end();
    }

    private void endAbruptly(Random random) throws Exception {
        directions.get(random.nextInt(2)).sender.abort();
        for (Direction direction : directions) {
            direction.cutOff();
            cutOff += direction.posted - direction.received;
        }
        end();
    }

    private void end() throws Exception {
        for (Direction direction : directions) {
            received += direction.received;
            direction.sender.closeAsync().get(Soak.PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }
        directions = List.of();
        connect = null;
        ended++;
    }

    /** Ends the connection gracefully. */
    @Override
    public void finish() throws Exception {
        Random random = new Random(seed);
        if (connect != null) {
            connect.get(Soak.PATIENCE.toSeconds(), TimeUnit.SECONDS);
            accept.get(Soak.PATIENCE.toSeconds(), TimeUnit.SECONDS);
            if (directions.isEmpty()) {
                establish();
            }
            endGracefully(random);
        }
        listener.closeAsync().get(Soak.PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }
}
