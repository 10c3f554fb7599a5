// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.wskbridge.internal.BufferPool;
import org.wskbridge.internal.EmbeddedHost;
import org.wskbridge.internal.PoolChecks;

/** After each test, when its bridges are closed: nothing is left in the embedded host, and no memory is leased. */
final class HostAccounting implements AfterEachCallback {
    @Override
    public void afterEach(ExtensionContext context) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        while (BufferPool.shared().leasesOut() != 0 && System.nanoTime() < deadline) {
            Thread.sleep(5);
        }
        assertEquals(0, BufferPool.shared().leasesOut(), "leases that nobody released");
        assertEquals(0, PoolChecks.violations(), "free memory that was written to");
        assertEquals(Map.of(), EmbeddedHost.accounting(), "left behind in the embedded host");
    }
}
