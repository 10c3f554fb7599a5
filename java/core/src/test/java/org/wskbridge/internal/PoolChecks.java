// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

/** What tests in other packages look at in the buffer pool. */
public final class PoolChecks {
    private PoolChecks() {}

    public static int violations() {
        return BufferPool.shared().violations();
    }
}
