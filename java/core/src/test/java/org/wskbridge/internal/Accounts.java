// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;

/**
 * What existed at a moment: memory leased from the shared pool, memory found written to while it was free, and things
 * in the embedded host. A test compares with the moment before it, so that what another test left is not its fault.
 */
public record Accounts(int leases, int violations, Map<String, Long> host) {
    /** How it is now. */
    public static Accounts now() throws IOException {
        BufferPool pool = BufferPool.shared();
        return new Accounts(pool.leasesOut(), pool.violations(), EmbeddedHost.accounting());
    }

    /** Fails if there is more now than there was. Leases have so long to come back. */
    public void assertNothingMore(Duration patience) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + patience.toNanos();
        while (BufferPool.shared().leasesOut() > leases && System.nanoTime() < deadline) {
            Thread.sleep(2);
        }
        Accounts now = now();
        assertTrue(now.leases <= leases, () -> (now.leases - leases) + " leases that nobody released");
        assertEquals(violations, now.violations, "free memory that was written to");
        Map<String, Long> more = new TreeMap<>(now.host);
        more.replaceAll((kind, count) -> count - host.getOrDefault(kind, 0L));
        more.values().removeIf(count -> count <= 0);
        assertEquals(Map.of(), more, "left behind in the embedded host");
    }
}
