// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The accounts that end most tests: they find what a test left, and only that. */
class AccountsTest {
    private static void assertMore(Accounts before, String what) {
        AssertionError found = assertThrows(AssertionError.class, () -> before.assertNothingMore(Duration.ZERO));
        assertTrue(found.getMessage().contains(what), found.getMessage());
    }

    @Test
    void findALeaseOfThisTestOnly() throws Exception {
        Lease earlier = BufferPool.shared().lease(10);
        Accounts before = Accounts.now();
        before.assertNothingMore(Duration.ZERO);
        Lease ours = BufferPool.shared().lease(10);
        assertMore(before, "1 leases");
        ours.release();
        before.assertNothingMore(Duration.ZERO);
        earlier.release();
        before.assertNothingMore(Duration.ZERO);
    }

    @Test
    void waitForALeaseOnItsWayBack() throws Exception {
        Accounts before = Accounts.now();
        Lease lease = BufferPool.shared().lease(10);
        Thread other = new Thread(lease::release);
        other.start();
        before.assertNothingMore(Duration.ofSeconds(20));
        other.join();
    }

    @Test
    @Tag("embedded")
    void findAPortOfThisTestOnly() throws Exception {
        CompletionPort earlier = openPort();
        Accounts before = Accounts.now();
        before.assertNothingMore(Duration.ZERO);
        CompletionPort ours = openPort();
        SocketHandle handle = ours.openSocket();
        assertMore(before, "left behind");
        handle.close();
        ours.close();
        before.assertNothingMore(Duration.ZERO);
        earlier.close();
    }

    private static CompletionPort openPort() throws Exception {
        return CompletionPort.open(Shim.binding(), Dispatcher.on(Runnable::run), "accounts-poller");
    }
}
