// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.wskbridge.internal.future.Dispatcher;
import org.wskbridge.internal.memory.BufferPool;
import org.wskbridge.internal.memory.Lease;
import org.wskbridge.internal.shim.Shim;
import org.wskbridge.internal.socket.CompletionPort;
import org.wskbridge.internal.socket.SocketHandle;

/** The accounts that end most tests: they find what a test left, and only that. */
class AccountsTest {
    private static void assertMore(Accounts before, String what) throws Exception {
        List<String> more = before.awaitNothingMore(Duration.ZERO);
        assertTrue(more.toString().contains(what), more.toString());
    }

    private static void assertNothingMore(Accounts before, Duration patience) throws Exception {
        assertEquals(List.of(), before.awaitNothingMore(patience));
    }

    @Test
    void findALeaseOfThisTestOnly() throws Exception {
        Lease earlier = BufferPool.shared().lease(10);
        Accounts before = Accounts.now();
        assertNothingMore(before, Duration.ZERO);
        Lease ours = BufferPool.shared().lease(10);
        assertMore(before, "1 leases");
        ours.release();
        assertNothingMore(before, Duration.ZERO);
        earlier.release();
        assertNothingMore(before, Duration.ZERO);
    }

    @Test
    void waitForALeaseOnItsWayBack() throws Exception {
        Accounts before = Accounts.now();
        Lease lease = BufferPool.shared().lease(10);
        Thread other = new Thread(lease::release);
        other.start();
        assertNothingMore(before, Duration.ofSeconds(20));
        other.join();
    }

    @Test
    @Tag("embedded")
    void findAPortOfThisTestOnly() throws Exception {
        CompletionPort earlier = openPort();
        Accounts before = Accounts.now();
        assertNothingMore(before, Duration.ZERO);
        CompletionPort ours = openPort();
        SocketHandle handle = ours.openSocket();
        assertMore(before, "left behind");
        handle.close();
        ours.close();
        assertNothingMore(before, Duration.ZERO);
        earlier.close();
    }

    private static CompletionPort openPort() throws Exception {
        return CompletionPort.open(Shim.binding(), Dispatcher.on(Runnable::run), "accounts-poller");
    }
}
