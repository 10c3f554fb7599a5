// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;

/** Work in a thread of its own that does not keep the process alive. */
final class Daemon {

    private Daemon() {}

    static <T> CompletableFuture<T> start(String name, Callable<T> work) {
        CompletableFuture<T> result = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        result.complete(work.call());
                    } catch (Exception | Error e) {
                        result.completeExceptionally(e);
                    }
                },
                name);
        thread.setDaemon(true);
        thread.start();
        return result;
    }
}
