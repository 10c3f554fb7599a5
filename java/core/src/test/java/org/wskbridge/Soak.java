// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Hundreds of sockets do everything for minutes, with random cancellations and closes. At the end every datagram and
 * every byte is accounted for, the driver's statistics agree, and nothing is left in the host.
 *
 * <p>Not among the usual tests, as its name doesn't end in Test: {@code scripts/test --soak} runs it. The system
 * property soak.seconds says how long it takes.
 */
class Soak extends BridgeFixture {
    private static final int DATAGRAM_SOCKETS = 200;
    private static final int CONNECTIONS = 100; // three sockets each: the listener and both ends
    private static final int THREADS = 4;

    static {
        System.setProperty("wskbridge.driver.log", "error"); // each connection that is reset gives a warning
    }

    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final AtomicBoolean ends = new AtomicBoolean();

    /** Something that does one thing more when it is asked to; one thread at a time asks. */
    interface Actor {
        void step(Random random) throws Exception;

        /** Finishes what has begun and checks its account. */
        void finish() throws Exception;
    }

    /** Lets each thread move actors of its own until the time is over. */
    private void run(List<? extends Actor> actors, long seed, long deadline) {
        Random random = new Random(seed);
        try {
            while (!ends.get() && System.nanoTime() < deadline) {
                actors.get(random.nextInt(actors.size())).step(random);
            }
            for (Actor actor : actors) {
                actor.finish();
            }
        } catch (Throwable e) {
            failure.compareAndSet(null, e);
            ends.set(true);
        }
    }

    @Test
    @Timeout(value = 2, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void everythingForLong() throws Exception {
        long seconds = Long.getLong("soak.seconds", 600);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        List<SoakDatagrams> datagrams = new ArrayList<>();
        List<SoakConnection> connections = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            SoakDatagrams.Group group = new SoakDatagrams.Group();
            List<Actor> actors = new ArrayList<>();
            for (int j = 0; j < DATAGRAM_SOCKETS / THREADS; j++) {
                SoakDatagrams one = new SoakDatagrams(group, () -> datagram(INET));
                datagrams.add(one);
                actors.add(one);
            }
            for (int j = 0; j < CONNECTIONS / THREADS; j++) {
                SoakConnection one =
                        new SoakConnection(() -> bridge.openConnection(INET), listener(INET), connections.size());
                connections.add(one);
                actors.add(one);
            }
            long seed = i;
            threads.add(new Thread(() -> run(actors, seed, deadline)));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        if (failure.get() != null) {
            throw new AssertionError("the soak failed", failure.get());
        }
        report(datagrams, connections);
    }

    private void report(List<SoakDatagrams> datagrams, List<SoakConnection> connections) throws Exception {
        long sent = datagrams.stream().mapToLong(SoakDatagrams::sent).sum();
        long received = datagrams.stream().mapToLong(SoakDatagrams::received).sum();
        long abandoned = datagrams.stream().mapToLong(SoakDatagrams::abandoned).sum();
        long bytes = connections.stream().mapToLong(SoakConnection::received).sum();
        long reset = connections.stream().mapToLong(SoakConnection::cutOff).sum();
        long ended = connections.stream().mapToLong(SoakConnection::ended).sum();
        BridgeStatistics statistics = bridge.statistics();
        for (int i = 0; i < 2000 && statistics.openSockets() != 0; i++) {
            Thread.sleep(10); // connections may linger until their peers have closed too
            statistics = bridge.statistics();
        }
        System.out.printf(
                "soak: %,d datagrams sent, %,d received, %,d dropped with their socket; %,d bytes over %,d connections,"
                        + " %,d bytes cut off by resets; %,d requests%n",
                sent, received, abandoned, bytes, ended, reset, statistics.controlRequests());
        assertEquals(sent, received + abandoned);
        assertEquals(sent, statistics.sentDatagrams());
        assertEquals(received, statistics.receivedDatagrams());
        assertEquals(statistics.controlRequests(), statistics.completedRequests() + 1); // the one that asks
        assertEquals(0, statistics.openSockets());
        assertEquals(0, statistics.operationsInFlight());
        assertTrue(sent > 0 && bytes > 0);
    }

    /** How long anything may take that is under way when the soak ends. */
    static final Duration PATIENCE = Duration.ofSeconds(30);

    /** The payload's bytes: what comes at a position of a stream, or of a datagram, that a seed names. */
    static void fill(ByteBuffer buffer, long seed, long position) {
        for (int i = buffer.position(); i < buffer.limit(); i++) {
            buffer.put(i, (byte) expected(seed, position + i - buffer.position()));
        }
    }

    static int expected(long seed, long position) {
        long mixed = (seed + position / 8) * 0x9E3779B97F4A7C15L;
        return (int) (mixed >>> (position % 8 * 8)) & 0xFF;
    }

    /** Compares what came with what was sent. */
    static void check(ByteBuffer buffer, int from, int to, long seed, long position) {
        for (int i = from; i < to; i++) {
            assertEquals(expected(seed, position + i - from), buffer.get(i) & 0xFF, "byte " + (position + i - from));
        }
    }
}
