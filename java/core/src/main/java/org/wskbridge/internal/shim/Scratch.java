// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * A little native memory for the arguments of one call: taken before it, given back after it, so that calls allocate
 * nothing. A few are kept for reuse by any thread; the memory is never freed by hand, so that no mistake can make
 * native code write to memory that is gone.
 */
public final class Scratch {
    /** Where the input of a control request is. */
    public static final int IN = 0;

    /** Where its output is. */
    public static final int OUT = 128;

    /** Where a submission is. */
    public static final int ENTRY = 256;

    /** Where the record of one that ended at once is. */
    public static final int COMPLETION = ENTRY + Layout.Submission.SIZE;

    /** Where the token of one that is under way is. */
    public static final int TOKEN = COMPLETION + Layout.Completion.SIZE;

    /** Where the message of a submission is, of which only what operations use is ever written. */
    public static final int MESSAGE = TOKEN + Long.BYTES;

    /** Where the one piece of that message is. */
    public static final int PIECE = MESSAGE + Layout.Message.SIZE;

    /** Where the control information of that message is. */
    public static final int CONTROL = PIECE + Layout.Buffer.SIZE;

    private static final int SIZE = CONTROL + Layout.ControlInfo.SIZE;

    private static final AtomicReferenceArray<Scratch> KEPT = new AtomicReferenceArray<>(32);

    private final ByteBuffer memory;
    private final long address;
    private final CompletionRecord completion;

    private Scratch() {
        memory = NativeMemory.allocate(SIZE);
        address = NativeMemory.address(memory);
        completion = new CompletionRecord(memory, COMPLETION);
    }

    /** Takes one; the caller ends its use with {@link #giveBack}. */
    public static Scratch take() {
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

    /** Ends the use of this. */
    public void giveBack() {
        int start = slot();
        for (int i = 0; i < KEPT.length(); i++) {
            if (KEPT.compareAndSet((start + i) % KEPT.length(), null, this)) {
                return;
            }
        }
    }

    /** The memory, to be used with absolute indices only. */
    public ByteBuffer memory() {
        return memory;
    }

    /** The address of its first byte. */
    public long address() {
        return address;
    }

    /** The record at {@link #COMPLETION}. */
    public CompletionRecord completion() {
        return completion;
    }

    private static int slot() {
        return (int) (Thread.currentThread().getId() % KEPT.length());
    }

    /** Clears the first bytes of the area for inputs. */
    public Scratch zeroIn(int length) {
        for (int i = 0; i < length; i += Integer.BYTES) {
            memory.putInt(IN + i, 0);
        }
        return this;
    }

    /** A function that writes text to an address and returns the length of the whole text. */
    @FunctionalInterface
    public interface TextSource {
        /** @return the length of the whole text, or a negative status */
        int write(long address, int length);
    }

    /** Reads a whole text; empty if the function returns an error. */
    public static String text(TextSource source) {
        int capacity = 4096;
        while (true) {
            ByteBuffer memory = ByteBuffer.allocateDirect(capacity).order(ByteOrder.LITTLE_ENDIAN);
            int length = source.write(NativeMemory.address(memory), capacity);
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
