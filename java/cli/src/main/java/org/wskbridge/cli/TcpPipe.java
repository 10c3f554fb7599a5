// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Future;
import org.wskbridge.WskConnectionSocket;

/** Joins a TCP connection with input and output. A few operations are outstanding each way, and no more. */
final class TcpPipe extends Pipe {

    private static final int OUTSTANDING = 4;

    private final WskConnectionSocket socket;
    private final InputChunks input;
    private final OutputStream output;
    private final boolean untilInputEnds;

    /**
     * @param limit of silence; null for none
     * @param untilInputEnds whether the input is still sent after the peer has ended
     */
    TcpPipe(
            WskConnectionSocket socket,
            InputChunks input,
            OutputStream output,
            Duration limit,
            boolean untilInputEnds) {
        super(limit);
        this.socket = socket;
        this.input = input;
        this.output = output;
        this.untilInputEnds = untilInputEnds;
    }

    @Override
    boolean isDone(boolean inputEnded, boolean networkEnded) {
        return networkEnded && (inputEnded || !untilInputEnds);
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
        Await.result(socket.disconnect());
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
        while (true) {
            Receiving next = window.remove();
            int length = Await.result(next.result());
            if (length < 0) {
                return;
            }
            moved();
            output.write(next.buffer().array(), 0, length);
            window.add(receiveInto(next.buffer().clear()));
        }
    }

    private Receiving receiveInto(ByteBuffer buffer) {
        return new Receiving(buffer, socket.receive(buffer));
    }
}
