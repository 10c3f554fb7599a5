// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.wskbridge.internal.memory.BufferPool;

/**
 * Buffers whose memory its owner can take away during an operation: of an arena, which JDK 22 and later have, and of a
 * mapped file that is cut. Those with arenas run where the JDK has them, by their tag. Whatever happens to it, the process goes on, and no memory of others is written to.
 */
class ForeignMemoryTest extends BridgeFixture {
    private static final int SIZE = 4096;

    private WskConnectionSocket socket;
    private Socket peer;

    @TempDir
    Path directory;

    @BeforeEach
    void connect() throws Exception {
        socket = bridge.openConnection(INET);
        try (ServerSocket server = new ServerSocket(0, 10, LOOPBACK4)) {
            await(socket.connect(server.getLocalSocketAddress()));
            peer = server.accept();
        }
    }

    @AfterEach
    void closePeer() throws Exception {
        peer.close();
    }

    @Tag("arenas")
    @Test
    void aReceiveIntoAnArenaThatIsClosedMeanwhileFails() throws Exception {
        Arenas.Memory memory = Arenas.allocate("ofShared", SIZE);
        CompletableFuture<Integer> receive = socket.receive(memory.buffer());
        CompletableFuture<Integer> behind = socket.receive(ByteBuffer.allocate(10));
        memory.free();
        peer.getOutputStream().write(new byte[SIZE + 10]);
        IOException gone = failure(IOException.class, receive);
        assertInstanceOf(IllegalStateException.class, gone.getCause());
        failure(SocketException.class, behind);
        failure(SocketException.class, socket.receive(ByteBuffer.allocate(10)));
        assertEquals(1, await(socket.send(ByteBuffer.allocate(1))), "the other direction goes on");
    }

    @Tag("arenas")
    @Test
    void aDatagramForAnArenaThatIsClosedMeanwhileFails() throws Exception {
        Arenas.Memory memory = Arenas.allocate("ofShared", SIZE);
        try (WskDatagramSocket datagrams = datagram(INET);
                DatagramSocket sender = new DatagramSocket(new InetSocketAddress(LOOPBACK4, 0))) {
            CompletableFuture<DatagramResult> receive = datagrams.receiveFrom(memory.buffer());
            memory.free();
            sender.send(new DatagramPacket(new byte[100], 100, datagrams.getLocalAddress()));
            failure(IOException.class, receive);
            sender.send(new DatagramPacket(new byte[100], 100, datagrams.getLocalAddress()));
            assertEquals(
                    100, await(datagrams.receiveFrom(ByteBuffer.allocate(200))).length());
        }
    }

    @Tag("arenas")
    @Test
    void aSendFromAnArenaThatIsClosedMeanwhileSendsNoMemoryOfOthers() throws Exception {
        Arenas.Memory memory = Arenas.allocate("ofShared", 64 << 20);
        while (memory.buffer().hasRemaining()) {
            memory.buffer().put((byte) 5);
        }
        memory.buffer().flip();
        CompletableFuture<Integer> send = socket.send(memory.buffer());
        CompletableFuture<Integer> behind = socket.send(ByteBuffer.allocate(10));
        assertEquals(5, peer.getInputStream().read());
        memory.free();
        CompletableFuture<byte[]> read = CompletableFuture.supplyAsync(() -> {
            try {
                return peer.getInputStream().readAllBytes();
            } catch (IOException e) {
                return new byte[0]; // a reset
            }
        });
        failure(IOException.class, send);
        failure(SocketException.class, behind);
        socket.close();
        for (byte each : await(read)) {
            assertEquals(5, each);
        }
    }

    @Tag("arenas")
    @ParameterizedTest
    @ValueSource(strings = {"ofShared", "ofAuto", "global"})
    void memoryOfArenasIsSentAndReceivedInto(String kind) throws Exception {
        byte[] payload = randomBytes(SIZE, 7);
        ByteBuffer source = Arenas.allocate(kind, SIZE).buffer();
        assertEquals(SIZE, await(socket.send(source.put(payload).flip())));
        assertEquals(SIZE, source.position());
        assertArrayEquals(payload, peer.getInputStream().readNBytes(SIZE));
        peer.getOutputStream().write(payload);
        peer.shutdownOutput();
        ByteBuffer target = Arenas.allocate(kind, SIZE + 1).buffer().position(1);
        while (await(socket.receive(target)) > 0) {
            // all of it
        }
        assertArrayEquals(payload, bytes(target.flip().position(1)));
        try (WskDatagramSocket datagrams = datagram(INET)) {
            source.clear();
            assertEquals(SIZE, await(datagrams.sendTo(source, datagrams.getLocalAddress())));
            ByteBuffer datagram = Arenas.allocate(kind, SIZE).buffer();
            assertEquals(SIZE, await(datagrams.receiveFrom(datagram)).length());
            assertArrayEquals(payload, bytes(datagram.flip()));
        }
    }

    /** As with the JDK's asynchronous channels: an operation ends on another thread than it began on. */
    @Tag("arenas")
    @Test
    void memoryThatIsConfinedToAThreadIsRefused() throws Exception {
        ByteBuffer buffer = Arenas.allocate("ofConfined", SIZE).buffer();
        failure(IOException.class, socket.receive(buffer));
        failure(IOException.class, socket.send(buffer));
        try (WskDatagramSocket datagrams = datagram(INET)) {
            failure(IOException.class, datagrams.sendTo(buffer, datagrams.getLocalAddress()));
            failure(IOException.class, datagrams.receiveFrom(buffer));
        }
    }

    @Tag("arenas")
    @Test
    void memoryThatIsGoneFromTheStartIsRefused() throws Exception {
        Arenas.Memory memory = Arenas.allocate("ofShared", SIZE);
        memory.free();
        try (WskDatagramSocket datagrams = datagram(INET)) {
            failure(IOException.class, datagrams.sendTo(memory.buffer(), datagrams.getLocalAddress()));
        }
        failure(IOException.class, socket.send(memory.buffer()));
    }

    /** What is not copied takes no memory of the pool. */
    @Test
    void ordinaryDirectBuffersAreNotCopied() throws Exception {
        int before = BufferPool.shared().leasesOut();
        CompletableFuture<Integer> receive =
                socket.receive(ByteBuffer.allocateDirect(10).slice(1, 5));
        assertEquals(before, BufferPool.shared().leasesOut());
        assertTrue(receive.cancel(true));
        receive = socket.receive(ByteBuffer.allocate(10));
        assertEquals(before + 1, BufferPool.shared().leasesOut());
        assertTrue(receive.cancel(true));
    }

    private FileChannel file() throws IOException {
        FileChannel file = FileChannel.open(
                directory.resolve("mapped"),
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE);
        byte[] content = new byte[1 << 20];
        Arrays.fill(content, (byte) 3);
        file.write(ByteBuffer.wrap(content), 0);
        return file;
    }

    @Test
    @DisabledIfSystemProperty(
            named = "wskbridge.place",
            matches = "wine",
            disabledReason = "Windows doesn't cut a file that is mapped")
    void aMappedFileThatIsCutFailsTheOperationOnly() throws Exception {
        try (FileChannel file = file();
                WskDatagramSocket datagrams = datagram(INET)) {
            ByteBuffer mapped = file.map(FileChannel.MapMode.READ_WRITE, 0, 1 << 20);
            assertEquals(SIZE, await(socket.send(mapped.slice(0, SIZE))));
            assertEquals(3, peer.getInputStream().readNBytes(SIZE)[SIZE - 1]);
            file.truncate(0);
            badAddress(datagrams.sendTo(mapped.slice(0, SIZE), datagrams.getLocalAddress()));
            CompletableFuture<Integer> receive = socket.receive(mapped.slice(0, SIZE));
            peer.getOutputStream().write(new byte[SIZE]);
            badAddress(receive);
            badAddress(datagrams.sendTo(mapped.slice(0, SIZE), datagrams.getLocalAddress()));
            badAddress(socket.send(mapped.slice(0, SIZE)));
        }
    }

    private static void badAddress(CompletableFuture<?> operation) {
        IOException failure = failure(IOException.class, operation);
        assertEquals(Optional.of(NtStatus.ACCESS_VIOLATION), NtStatusException.statusOf(failure), failure.toString());
    }

    @Tag("arenas")
    @Test
    @DisabledIfSystemProperty(
            named = "wskbridge.place",
            matches = "wine",
            disabledReason = "Windows doesn't cut a file that is mapped")
    void aFileOfAnArenaThatIsCutFailsTheOperationOnly() throws Exception {
        try (FileChannel file = file();
                WskDatagramSocket datagrams = datagram(INET)) {
            Arenas.Memory mapped = Arenas.map(file, 1 << 20);
            file.truncate(0);
            failure(IOException.class, datagrams.sendTo(mapped.buffer().slice(0, SIZE), datagrams.getLocalAddress()));
            CompletableFuture<Integer> receive = socket.receive(mapped.buffer());
            peer.getOutputStream().write(new byte[SIZE]);
            failure(IOException.class, receive);
            failure(IOException.class, socket.send(mapped.buffer().slice(0, SIZE)));
            mapped.free();
        }
    }
}
