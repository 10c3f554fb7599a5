// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * A datagram socket of the soak, which is closed and opened again now and then. Senders hold back so that a receiver's
 * buffer never overflows; so every datagram that was sent is received, or still due when its receiver is closed.
 */
final class SoakDatagrams implements Soak.Actor {
    private static final int SMALLEST = 12;
    private static final int LARGEST = 1400;
    private static final int DUE_AT_MOST = 24;
    private static final int BATCH_AT_MOST = 8;

    /** Makes a bound socket. */
    interface Opening {
        WskDatagramSocket open() throws Exception;
    }

    /** The sockets of one thread, which send to each other. */
    static final class Group {
        private final List<SoakDatagrams> members = new ArrayList<>();
        private final List<Sending> sendings = new ArrayList<>();

        /** Takes the results of sends that have ended, or waits for all. */
        private void settle(boolean all) throws Exception {
            for (Iterator<Sending> each = sendings.iterator(); each.hasNext(); ) {
                Sending sending = each.next();
                if (all || sending.future.isDone()) {
                    each.remove();
                    sending.end();
                }
            }
        }
    }

    /** Datagrams under way to a member. */
    private record Sending(SoakDatagrams sender, SoakDatagrams target, CompletableFuture<Integer> future, int count) {
        private void end() throws Exception {
            try {
                future.get(Soak.PATIENCE.toSeconds(), TimeUnit.SECONDS);
                sender.sent += count;
            } catch (CancellationException e) {
                target.due -= count;
            } catch (ExecutionException e) {
                assertFalse(
                        sender.socket.isOpen() && !(e.getCause() instanceof IOException), () -> "a send failed: " + e);
                target.due -= count;
            }
        }
    }

    private final Group group;
    private final Opening opening;
    private WskDatagramSocket socket;
    private InetSocketAddress address;

    /** Exactly one is there while a receive is under way. */
    private CompletableFuture<ReceivedDatagram> receive;

    private CompletableFuture<DatagramResult> receiveInto;
    private ByteBuffer target;

    /** Of a socket with a ring. */
    private CompletableFuture<ReceivedMessages> receiveMany;

    private boolean hasRing;

    /** How many datagrams were sent here and not received yet. */
    private int due;

    private long sent;
    private long received;
    private long abandoned;

    SoakDatagrams(Group group, Opening opening) throws Exception {
        this.group = group;
        this.opening = opening;
        open(group.members.size() % 2 == 0);
        group.members.add(this);
    }

    long sent() {
        return sent;
    }

    long received() {
        return received;
    }

    long abandoned() {
        return abandoned;
    }

    private void open(boolean ring) throws Exception {
        socket = opening.open();
        address = socket.getLocalAddress();
        hasRing = ring;
        if (ring) {
            socket.setReceiveRing(ReceiveRing.ofBytes(ReceiveRing.MINIMUM_BYTES));
        }
    }

    @Override
    public void step(Random random) throws Exception {
        group.settle(false);
        takeReceived(false);
        int choice = random.nextInt(1000);
        if (choice < 500) {
            send(random, group.members.get(random.nextInt(group.members.size())));
        } else if (choice < 900) {
            startReceive(random);
        } else if (choice < 990) {
            cancelReceive();
        } else if (choice < 997) {
            assertEquals(address, socket.getLocalAddress());
        } else {
            reopen(random);
        }
    }

    private void send(Random random, SoakDatagrams to) {
        int count = random.nextInt(3) == 0 ? 1 + random.nextInt(BATCH_AT_MOST) : 1;
        if (to.due + count > DUE_AT_MOST) {
            return;
        }
        List<ByteBuffer> payloads = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            payloads.add(payload(random));
        }
        to.due += count;
        CompletableFuture<Integer> future =
                count == 1 ? socket.sendTo(payloads.get(0), to.address) : socket.sendMessages(payloads, to.address);
        if (count == 1 && random.nextInt(10) == 0) {
            future.cancel(true);
        }
        group.sendings.add(new Sending(this, to, future, count));
    }

    private CompletableFuture<Integer> sendOne(Random random, ByteBuffer payload, InetSocketAddress to) {
        if (random.nextInt(4) != 0) {
            return socket.sendTo(payload, to);
        }
        int middle = random.nextInt(payload.limit() + 1);
        return socket.sendTo(
                new ByteBuffer[] {payload.slice(0, middle), payload.slice(middle, payload.limit() - middle)}, to);
    }

    /** A seed, the length, and what the seed makes of the positions behind. */
    private static ByteBuffer payload(Random random) {
        int length = SMALLEST + random.nextInt(LARGEST - SMALLEST + 1);
        ByteBuffer payload = random.nextBoolean() ? ByteBuffer.allocate(length) : ByteBuffer.allocateDirect(length);
        long seed = random.nextLong();
        payload.putLong(seed).putInt(length);
        Soak.fill(payload, seed, SMALLEST);
        return payload.flip().limit(length);
    }

    private void take(ByteBuffer payload) {
        int from = payload.position();
        long seed = payload.getLong(from);
        assertEquals(payload.getInt(from + Long.BYTES), payload.remaining(), "a datagram's length");
        Soak.check(payload, from + SMALLEST, payload.limit(), seed, SMALLEST);
        received++;
        due--;
    }

    private CompletableFuture<?> pending() {
        return receive != null ? receive : receiveInto != null ? receiveInto : receiveMany;
    }

    private void startReceive(Random random) {
        if (pending() != null) {
            return;
        }
        if (hasRing) {
            receiveMany = random.nextInt(4) == 0
                    ? socket.receiveMessages(Duration.ofMillis(1 + random.nextInt(50)))
                    : socket.receiveMessages();
        } else if (random.nextBoolean()) {
            receive = random.nextInt(4) == 0
                    ? socket.receiveFrom(LARGEST, Duration.ofMillis(1 + random.nextInt(50)))
                    : socket.receiveFrom(LARGEST);
        } else {
            target = random.nextBoolean() ? ByteBuffer.allocate(LARGEST) : ByteBuffer.allocateDirect(LARGEST);
            receiveInto = socket.receiveFrom(target);
        }
    }

    private void cancelReceive() throws Exception {
        CompletableFuture<?> future = pending();
        if (future != null) {
            future.cancel(true);
            takeReceived(true);
        }
    }

    /** Takes what came; a receive that was cancelled, timed out, or ended with its socket has taken nothing. */
    private void takeReceived(boolean wait) throws Exception {
        CompletableFuture<?> future = pending();
        if (future == null || !wait && !future.isDone()) {
            return;
        }
        try {
            future.get(Soak.PATIENCE.toSeconds(), TimeUnit.SECONDS);
            if (receive != null) {
                try (ReceivedDatagram datagram = receive.join()) {
                    take(datagram.payload());
                }
            } else if (receiveInto != null) {
                take(target.flip());
            } else {
                takeMany();
            }
        } catch (CancellationException e) {
            // nothing came
        } catch (ExecutionException e) {
            assertFalse(
                    socket.isOpen() && !(e.getCause() instanceof SocketTimeoutException),
                    () -> "a receive failed: " + e);
        }
        receive = null;
        receiveInto = null;
        receiveMany = null;
    }

    private void takeMany() {
        try (ReceivedMessages messages = receiveMany.join()) {
            while (messages.next()) {
                take(messages.payload());
            }
            assertEquals(0, messages.dropped(), "datagrams that the ring had no room for");
        }
    }

    private void close() throws Exception {
        socket.close();
        takeReceived(true);
        socket.closeAsync().get(Soak.PATIENCE.toSeconds(), TimeUnit.SECONDS);
        group.settle(true);
        abandoned += due;
        due = 0;
    }

    private void reopen(Random random) throws Exception {
        close();
        open(random.nextBoolean());
    }

    /** Receives what is due. */
    @Override
    public void finish() throws Exception {
        Random random = new Random(due);
        group.settle(true);
        while (due > 0) {
            startReceive(random);
            takeReceived(true);
        }
        close();
        assertEquals(0, due);
    }
}
