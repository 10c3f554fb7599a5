// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.wskbridge.NtStatus;
import org.wskbridge.internal.embedded.Accounts;
import org.wskbridge.internal.future.Dispatcher;
import org.wskbridge.internal.shim.Category;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.NativeBinding;
import org.wskbridge.internal.shim.NativeMemory;
import org.wskbridge.internal.shim.Scratch;
import org.wskbridge.internal.shim.Shim;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.Verb;

/** Requests that no honest caller makes: of the shim, and through it at the driver's door. */
class DriverDoorTest {
    private Accounts before;
    private NativeBinding binding;
    private CompletionPort port;

    @BeforeEach
    void openPort() throws Exception {
        before = Accounts.now();
        binding = Shim.binding();
        port = CompletionPort.open(binding, Dispatcher.onOwnThreads("door"), "door-poller");
    }

    @AfterEach
    void closePort() throws Exception {
        port.close();
        assertEquals(List.of(), before.awaitNothingMore(Duration.ZERO));
    }

    /** Control codes: all of the protocol's with every method and access, and some that don't exist. */
    private static int code(int function, int access, int method) {
        return 0x12 << 16 | access << 14 | function << 2 | method;
    }

    /** The functions of the protocol, as the library tells them, and a few around them. */
    private List<Integer> functions() {
        List<Integer> functions = new ArrayList<>();
        Shim.pairs(Scratch.text(binding::layout)).forEach((name, numbers) -> {
            if (name.startsWith("code.")) {
                functions.add(Integer.parseInt(numbers.substring(0, numbers.indexOf(':'))) >> 2 & 0xFFF);
            }
        });
        assertTrue(functions.size() > 10, functions.toString());
        functions.add(Collections.min(functions) - 1);
        functions.add(Collections.max(functions) + 1);
        functions.add(Collections.max(functions) + 1);
        return functions;
    }

    private void knock(SocketHandle handle, long seed) {
        Random random = new Random(seed);
        ByteBuffer in = NativeMemory.allocate(256);
        ByteBuffer out = NativeMemory.allocate(256);
        for (int function : functions()) {
            for (int length = 0; length <= 80; length += 1 + random.nextInt(3)) {
                for (int i = 0; i < 256; i += 8) {
                    in.putLong(i, random.nextLong());
                }
                if (random.nextBoolean()) {
                    in.putInt(0, length); // garbage behind a right size
                }
                int code = code(function, random.nextInt(4), random.nextInt(4));
                binding.control(
                        handle.token(),
                        code,
                        NativeMemory.address(in),
                        length,
                        NativeMemory.address(out),
                        random.nextInt(128),
                        0);
            }
        }
    }

    @Test
    void garbageOnAFreshHandle() throws Exception {
        SocketHandle handle = port.openSocket();
        knock(handle, 1);
        handle.close();
        stillWorks();
    }

    @Test
    void garbageOnASocket() throws Exception {
        for (Category category : Category.values()) {
            SocketHandle handle = port.openSocket();
            handle.create(category, StandardProtocolFamily.INET);
            knock(handle, category.ordinal());
            handle.close();
        }
        stillWorks();
    }

    @Test
    void truncatedStructures() throws Exception {
        ByteBuffer in = NativeMemory.allocate(64);
        in.putInt(0, 12).putShort(4, (short) 4).putShort(6, (short) 2).putInt(8, 17);
        SocketHandle handle = port.openSocket();
        for (int length = 0; length < 12; length++) {
            int status = binding.control(handle.token(), Verb.OPEN.number(), NativeMemory.address(in), length, 0, 0, 0);
            assertTrue(Status.isError(status), length + " bytes: " + NtStatus.of(status));
        }
        assertEquals(0, binding.control(handle.token(), Verb.OPEN.number(), NativeMemory.address(in), 12, 0, 0, 0));
        handle.close();
    }

    @Test
    void inventedTokens() {
        Random random = new Random(3);
        for (int i = 0; i < 1000; i++) {
            long token = random.nextLong();
            assertTrue(binding.socketClose(token) < 0);
            assertTrue(binding.portClose(token) < 0);
            assertTrue(binding.wake(token) < 0);
            assertTrue(binding.control(token, Verb.OPEN.number(), 0, 0, 0, 0, 0) < 0);
            assertTrue(binding.cancel(token, token) < 0);
            assertTrue(binding.submit(token, 0, 0, 0, 1) < 0);
            assertTrue(binding.socketOpen(token) < 0);
            assertTrue(binding.waitInTurn(token, 0, 1, 0, false) < 0);
        }
    }

    @Test
    void anotherAbi() {
        assertEquals(NtStatus.REVISION_MISMATCH.code(), binding.portOpen(Layout.ABI_VERSION + 1));
        assertNotEquals("", Scratch.text(binding::lastError));
    }

    private void stillWorks() throws Exception {
        SocketHandle handle = port.openSocket();
        handle.create(Category.DATAGRAM, StandardProtocolFamily.INET);
        handle.bind(SocketAddresses.wildcard(StandardProtocolFamily.INET));
        assertTrue(handle.localAddress().getPort() > 0);
        handle.close();
    }
}
