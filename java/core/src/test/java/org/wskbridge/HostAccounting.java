// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.wskbridge.internal.embedded.Accounts;

/**
 * After each test, when its bridges are closed: there is no more in the embedded host, and no more memory leased, than
 * before it.
 */
final class HostAccounting implements BeforeEachCallback, AfterEachCallback {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private static ExtensionContext.Store store(ExtensionContext context) {
        return context.getStore(ExtensionContext.Namespace.create(HostAccounting.class));
    }

    @Override
    public void beforeEach(ExtensionContext context) throws Exception {
        store(context).put(Accounts.class, Accounts.now());
    }

    @Override
    public void afterEach(ExtensionContext context) throws Exception {
        Accounts before = store(context).get(Accounts.class, Accounts.class);
        assertEquals(List.of(), before.awaitNothingMore(PATIENCE));
    }
}
