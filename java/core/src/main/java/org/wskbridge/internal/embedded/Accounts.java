// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.embedded;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.wskbridge.internal.memory.BufferPool;

/**
 * What existed at a moment: memory leased from the shared pool, memory found written to while it was free, and things
 * in the embedded host. A test compares with the moment before it, so that what another test left is not its fault.
 *
 * @param leases how many leases were neither released nor dropped
 * @param violations how often free memory was found written to
 * @param host what existed on the kernel side, by kind
 */
public record Accounts(int leases, int violations, Map<String, Long> host) {
    /** How it is now. */
    public static Accounts now() throws IOException {
        BufferPool pool = BufferPool.shared();
        return new Accounts(pool.leasesOut(), pool.violations(), EmbeddedHost.accounting());
    }

    /**
     * What exists now and did not before, one line each. Waits for leases to be released and for lingering connections to
     * end, at most for the given time.
     */
    public List<String> awaitNothingMore(Duration patience) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + patience.toNanos();
        Accounts now = now();
        while ((now.leases > leases || !hostHasMore(now).isEmpty()) && System.nanoTime() < deadline) {
            Thread.sleep(2);
            now = now();
        }
        return more(now);
    }

    private List<String> more(Accounts now) {
        List<String> more = new ArrayList<>();
        if (now.leases > leases) {
            more.add(now.leases - leases + " leases that nobody released");
        }
        if (now.violations != violations) {
            more.add("free memory that was written to");
        }
        hostHasMore(now).forEach((kind, count) -> more.add(kind + "=" + count + " left behind in the embedded host"));
        return more;
    }

    private Map<String, Long> hostHasMore(Accounts now) {
        Map<String, Long> more = new TreeMap<>(now.host);
        more.replaceAll((kind, count) -> count - host.getOrDefault(kind, 0L));
        more.values().removeIf(count -> count <= 0);
        return more;
    }
}
