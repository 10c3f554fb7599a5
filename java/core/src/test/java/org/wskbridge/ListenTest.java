// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

class ListenTest extends BridgeFixture {
    private static Socket connect(WskListenSocket listener) throws Exception {
        return new Socket(LOOPBACK4, listener.getLocalAddress().getPort());
    }

    @Test
    void manyConnections() throws Exception {
        List<Socket> peers = new ArrayList<>();
        List<WskConnectionSocket> accepted = new ArrayList<>();
        try (WskListenSocket listener = listener(INET)) {
            List<CompletableFuture<WskConnectionSocket>> accepts = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                accepts.add(listener.accept());
            }
            for (int i = 0; i < 200; i++) {
                peers.add(connect(listener));
            }
            for (CompletableFuture<WskConnectionSocket> accept : accepts) {
                accepted.add(await(accept));
            }
        }
        for (WskConnectionSocket connection : accepted) {
            assertTrue(connection.isOpen(), "accepted connections outlive their listener");
            int port = connection.getRemoteAddress().orElseThrow().getPort();
            Socket peer = peers.stream()
                    .filter(candidate -> candidate.getLocalPort() == port)
                    .findFirst()
                    .orElseThrow();
            peer.getOutputStream().write(port & 0x7F);
            ByteBuffer got = ByteBuffer.allocate(2);
            assertEquals(1, await(connection.receive(got)));
            assertEquals(port & 0x7F, got.get(0));
            peer.close();
            connection.close();
        }
    }

    @Test
    void aCancelledAcceptLosesNoConnection() throws Exception {
        try (WskListenSocket listener = listener(INET)) {
            for (int i = 0; i < 200; i++) {
                CompletableFuture<WskConnectionSocket> accept = listener.accept();
                CompletableFuture<Socket> peer = CompletableFuture.supplyAsync(() -> {
                    try {
                        return connect(listener);
                    } catch (Exception e) {
                        throw new AssertionError(e);
                    }
                });
                if (i % 3 == 0) {
                    Thread.onSpinWait();
                } else if (i % 3 == 1) {
                    peer.join();
                }
                boolean cancelled = accept.cancel(true);
                assertEquals(cancelled, accept.isCancelled());
                WskConnectionSocket connection = await(cancelled ? listener.accept() : accept);
                assertEquals(
                        peer.get().getLocalPort(),
                        connection.getRemoteAddress().orElseThrow().getPort());
                connection.abort();
                peer.get().close();
            }
        }
    }

    @Test
    void anAcceptThatTimesOut() throws Exception {
        try (WskListenSocket listener = listener(INET)) {
            failure(TimeoutException.class, listener.accept().orTimeout(20, TimeUnit.MILLISECONDS));
            try (Socket peer = connect(listener);
                    WskConnectionSocket connection = await(listener.accept())) {
                assertTrue(peer.isConnected());
                assertTrue(connection.isConnected());
            }
        }
    }

    @Test
    void closeEndsAccepts() throws Exception {
        WskListenSocket listener = listener(INET);
        List<CompletableFuture<WskConnectionSocket>> accepts = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            accepts.add(listener.accept());
        }
        listener.close();
        assertFalse(listener.isOpen());
        for (CompletableFuture<WskConnectionSocket> accept : accepts) {
            failure(AsynchronousCloseException.class, accept);
        }
        await(listener.closeAsync());
    }
}
