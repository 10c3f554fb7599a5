// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * A little native memory for the arguments of one call: taken before it, given back after it, so that calls allocate
 * nothing. A few are kept for reuse by any thread; the memory is never freed by hand, so that no mistake can make
 * native code write to memory that is gone.
 */
final class Scratch {
    static final int IN = 0;
    static final int OUT = 128;
    static final int RETURNED = 256;
    static final int ENTRY = 320;
    static final int COMPLETION = ENTRY + Layout.Submission.SIZE;
    static final int TOKEN = COMPLETION + Layout.Completion.SIZE;
    private static final int SIZE = TOKEN + Long.BYTES;

    private static final AtomicReferenceArray<Scratch> KEPT = new AtomicReferenceArray<>(32);

    final ByteBuffer memory;
    final long address;

    private Scratch() {
        memory = Memory.allocate(SIZE);
        address = Memory.address(memory);
    }

    static Scratch take() {
        int start = slot();
        for (int i = 0; i < KEPT.length(); i++) {
            int index = (start + i) % KEPT.length();
            if (KEPT.get(index) != null) {
                Scratch scratch = KEPT.getAndSet(index, null);
                if (scratch != null) {
                    return scratch;
                }
            }
        }
        return new Scratch();
    }

    void giveBack() {
        int start = slot();
        for (int i = 0; i < KEPT.length(); i++) {
            if (KEPT.compareAndSet((start + i) % KEPT.length(), null, this)) {
                return;
            }
        }
    }

    private static int slot() {
        return (int) (Thread.currentThread().getId() % KEPT.length());
    }

    /** Clears the first bytes of the area for inputs. */
    Scratch zeroIn(int length) {
        for (int i = 0; i < length; i += Integer.BYTES) {
            memory.putInt(IN + i, 0);
        }
        return this;
    }

    /** A function that writes text to an address and returns the length of the whole text. */
    @FunctionalInterface
    interface TextSource {
        int write(long address, int length);
    }

    /** Reads all of a text; a negative result is left to the caller as an empty text. */
    static String text(TextSource source) {
        int capacity = 4096;
        while (true) {
            ByteBuffer memory = ByteBuffer.allocateDirect(capacity).order(ByteOrder.LITTLE_ENDIAN);
            int length = source.write(Memory.address(memory), capacity);
            if (length <= 0) {
                return "";
            }
            if (length < capacity) {
                byte[] bytes = new byte[length];
                memory.get(0, bytes);
                return new String(bytes, StandardCharsets.UTF_8);
            }
            capacity = length + 1;
        }
    }
}
