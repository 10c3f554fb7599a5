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

    /**
     * Fails if there is more now than there was. Leases have so long to come back, and the driver to finish with
     * connections that linger.
     */
    public void assertNothingMore(Duration patience) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + patience.toNanos();
        Accounts now = now();
        while ((now.leases > leases || !hostHasMore(now).isEmpty()) && System.nanoTime() < deadline) {
            Thread.sleep(2);
            now = now();
        }
        int left = now.leases - leases;
        assertTrue(left <= 0, () -> left + " leases that nobody released");
        assertEquals(violations, now.violations, "free memory that was written to");
        assertEquals(Map.of(), hostHasMore(now), "left behind in the embedded host");
    }

    private Map<String, Long> hostHasMore(Accounts now) {
        Map<String, Long> more = new TreeMap<>(now.host);
        more.replaceAll((kind, count) -> count - host.getOrDefault(kind, 0L));
        more.values().removeIf(count -> count <= 0);
        return more;
    }
}
