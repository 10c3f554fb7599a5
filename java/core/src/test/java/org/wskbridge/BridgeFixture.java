// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A bridge for each test, and what most tests need. Peers are ordinary sockets on the loopback interface. */
@ExtendWith(HostAccounting.class)
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class BridgeFixture {
    static final boolean ON_WINE = "wine".equals(System.getProperty("wskbridge.place"));

    /**
     * An address of the loopback network that this process has to itself: what other processes still send to a port
     * that one of them had before doesn't come here, and a port that is free stays free. On Wine it is the usual one: a
     * datagram socket that is bound to another has the usual one all the same as soon as it is connected.
     */
    static final InetAddress LOOPBACK4 = ownLoopback();

    static final InetAddress LOOPBACK6 = address("::1");

    WskBridge bridge;

    @BeforeEach
    void openBridge() throws Exception {
        bridge = WskBridge.builder().closeTimeout(Duration.ofSeconds(60)).open();
    }

    @AfterEach
    void closeBridge() throws Exception {
        bridge.close();
    }

    private static InetAddress ownLoopback() {
        if (ON_WINE) {
            return address("127.0.0.1");
        }
        int number = new Random().nextInt(1 << 22);
        return address("127." + (64 + (number >> 16)) + "." + (number >> 8 & 0xFF) + "." + (number & 0xFF));
    }

    static InetAddress address(String text) {
        try {
            return InetAddress.getByName(text);
        } catch (java.net.UnknownHostException e) {
            throw new AssertionError(e);
        }
    }

    static InetAddress loopback(ProtocolFamily family) {
        return family == StandardProtocolFamily.INET6 ? LOOPBACK6 : LOOPBACK4;
    }

    static ProtocolFamily family(InetAddress address) {
        return address instanceof Inet6Address ? StandardProtocolFamily.INET6 : StandardProtocolFamily.INET;
    }

    WskDatagramSocket datagram(ProtocolFamily family) throws Exception {
        return bridge.openDatagram(family).bind(new InetSocketAddress(loopback(family), 0));
    }

    WskListenSocket listener(ProtocolFamily family) throws Exception {
        return bridge.openListen(family).bind(new InetSocketAddress(loopback(family), 0));
    }

    /** A future's result; it must come soon. */
    static <T> T await(CompletableFuture<T> future) throws Exception {
        return future.get(20, TimeUnit.SECONDS);
    }

    /** What a future failed with. */
    static <X extends Throwable> X failure(Class<X> type, CompletableFuture<?> future) {
        ExecutionException wrapper =
                assertThrows(ExecutionException.class, () -> future.get(20, TimeUnit.SECONDS), "a failure is expected");
        return assertThrows(type, () -> {
            throw wrapper.getCause();
        });
    }

    static void eventually(String what, BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!condition.getAsBoolean() && System.nanoTime() < deadline) {
            Thread.sleep(2);
        }
        assertTrue(condition.getAsBoolean(), what);
    }

    static byte[] randomBytes(int length, long seed) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    static ByteBuffer direct(byte[] bytes) {
        return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }

    /** Everything a connection still receives. */
    static byte[] receiveAll(WskConnectionSocket socket, int expected) throws Exception {
        ByteBuffer all = ByteBuffer.allocate(expected + 1);
        while (await(socket.receive(all)) >= 0) {
            assertTrue(all.hasRemaining(), "more than expected");
        }
        return bytes(all.flip());
    }
}
