// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;

/**
 * Standard input, read ahead by a thread of its own into a fixed number of buffers. Reading waits while all of them
 * are full, and a consumer that is interrupted while it waits loses nothing: the next one goes on where it stopped.
 */
final class InputChunks {

    private static final int COUNT = 8;

    private final InputStream in;
    private final BlockingQueue<ByteBuffer> free = new ArrayBlockingQueue<>(COUNT);
    private final BlockingQueue<Chunk> filled = new ArrayBlockingQueue<>(COUNT + 1);
    private final Thread reader = new Thread(this::read, "standard input");
    private boolean started;

    /** A piece of the input; the end of input when it has no data, or what ended it. */
    record Chunk(ByteBuffer data, IOException failure) {
        boolean isEnd() {
            return data == null;
        }
    }

    InputChunks(InputStream in, int chunkSize) {
        this.in = in;
        for (int i = 0; i < COUNT; i++) {
            free.add(ByteBuffer.allocate(chunkSize));
        }
        reader.setDaemon(true);
    }

    /** The next piece. After the end of input there is only the end of input. */
    Chunk take() throws InterruptedException {
        start();
        Chunk chunk = filled.take();
        if (chunk.isEnd()) {
            filled.add(chunk);
        }
        return chunk;
    }

    /** Gives back a piece that was used up. */
    void release(Chunk chunk) {
        free.add(chunk.data().clear());
    }

    /**
     * Whether all that was read has been used up and more can't be read without waiting. Between a read and its entry
     * here that seems so for a moment: only if it stays so does it mean anything.
     */
    boolean isIdle() {
        try {
            return filled.isEmpty() && free.remainingCapacity() <= 1 && in.available() <= 0;
        } catch (IOException e) {
            return true;
        }
    }

    private synchronized void start() {
        if (!started) {
            started = true;
            reader.start();
        }
    }

    private void read() {
        try {
            while (true) {
                ByteBuffer buffer = free.take();
                int length = in.read(buffer.array());
                if (length < 0) {
                    filled.add(new Chunk(null, null));
                    return;
                }
                filled.add(new Chunk(buffer.limit(length), null));
            }
        } catch (IOException e) {
            filled.add(new Chunk(null, e));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
