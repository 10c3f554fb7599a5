// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.concurrent.CompletableFuture;

/** A future that no operation completes but the library, such as that of a close. */
public final class LibraryFuture<T> extends BridgeFuture<T> {
    /** One of the bridge that a dispatcher is of. */
    public LibraryFuture(Dispatcher dispatcher) {
        super(dispatcher);
    }

    @Override
    public <U> CompletableFuture<U> newIncompleteFuture() {
        return new LibraryFuture<>(dispatcher);
    }
}
