// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.concurrent.CompletableFuture;

/** A future that the library itself completes, not an operation: for example that of a close. */
public final class LibraryFuture<T> extends BridgeFuture<T> {
    /** An incomplete future of the dispatcher's bridge. */
    public LibraryFuture(Dispatcher dispatcher) {
        super(dispatcher);
    }

    @Override
    public <U> CompletableFuture<U> newIncompleteFuture() {
        return new LibraryFuture<>(dispatcher);
    }
}
