// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.Future;
import org.wskbridge.NtStatus;
import org.wskbridge.NtStatusException;
import org.wskbridge.WskConnectionSocket;

/** Joins a TCP connection with input and output. A few operations are outstanding each way, and no more. */
final class TcpPipe extends Pipe {

    private static final int OUTSTANDING = 4;

    /** What a send ends with when the peer is there no more. */
    private static final Set<NtStatus> PEER_GONE =
            Set.of(NtStatus.CONNECTION_RESET, NtStatus.CONNECTION_DISCONNECTED, NtStatus.CONNECTION_ABORTED);

    private final WskConnectionSocket socket;
    private final InputChunks input;
    private final InputRules rules;
    private final OutputStream output;

    /** @param limit of silence; null for none */
    TcpPipe(WskConnectionSocket socket, InputChunks input, InputRules rules, OutputStream output, Duration limit) {
        super(limit, input, rules);
        this.socket = socket;
        this.input = input;
        this.rules = rules;
        this.output = output;
    }

    @Override
    boolean isLossOfPeer(IOException failure) {
        return NtStatusException.statusOf(failure).filter(PEER_GONE::contains).isPresent();
    }

    private record Sending(InputChunks.Chunk chunk, Future<Integer> result) {}

    @Override
    void send() throws IOException, InterruptedException {
        Queue<Sending> window = new ArrayDeque<>();
        InputChunks.Chunk chunk;
        while (!(chunk = input.take()).isEnd()) {
            window.add(new Sending(chunk, socket.send(chunk.data())));
            if (window.size() == OUTSTANDING) {
                finish(window.remove());
            }
        }
        while (!window.isEmpty()) {
            finish(window.remove());
        }
        if (chunk.failure() != null) {
            throw chunk.failure();
        }
        if (rules.halfClose()) {
            Await.result(socket.disconnect());
        }
    }

    private void finish(Sending sending) throws IOException {
        Await.result(sending.result());
        input.release(sending.chunk());
        moved();
    }

    private record Receiving(ByteBuffer buffer, Future<Integer> result) {}

    @Override
    void receive() throws IOException {
        Queue<Receiving> window = new ArrayDeque<>();
        for (int i = 0; i < OUTSTANDING; i++) {
            window.add(receiveInto(ByteBuffer.allocate(TcpNetcat.CHUNK)));
        }
        boolean dropping = false;
        while (true) {
            Receiving next = window.remove();
            int length = Await.result(next.result());
            if (length < 0) {
                return;
            }
            moved();
            dropping = dropping || !write(next.buffer().array(), length);
            window.add(receiveInto(next.buffer().clear()));
        }
    }

    /** Returns false when nobody reads the output: receiving goes on, lest the peer wait for room and we for it. */
    private boolean write(byte[] data, int length) throws IOException {
        try {
            OutputGoneException.write(output, data, 0, length);
            return true;
        } catch (OutputGoneException e) {
            outputGone(e);
            return false;
        }
    }

    private Receiving receiveInto(ByteBuffer buffer) {
        return new Receiving(buffer, socket.receive(buffer));
    }
}
