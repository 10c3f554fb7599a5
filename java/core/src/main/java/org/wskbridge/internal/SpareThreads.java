// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Daemon threads for what must wait for nobody's user code but may run some, or wait, itself: deadlines that fire, and
 * what is left when a bridge ends. There are as many as are busy.
 */
final class SpareThreads {
    private static final int RETRY_MILLIS = 10;

    private static final AtomicInteger COUNT = new AtomicInteger();

    private static final ThreadPoolExecutor THREADS =
            new ThreadPoolExecutor(0, Integer.MAX_VALUE, 5, TimeUnit.SECONDS, new SynchronousQueue<>(), task -> {
                Thread thread = new Thread(task, "wskbridge-spare-" + COUNT.incrementAndGet());
                thread.setDaemon(true);
                thread.setContextClassLoader(null);
                return thread;
            });

    private SpareThreads() {}

    /** Runs a task on a thread of its own; a little later if no thread can be made now. */
    static void run(Runnable task) {
        try {
            THREADS.execute(() -> Dispatcher.runGuarded(task));
        } catch (OutOfMemoryError e) {
            Timer.schedule(() -> run(task), RETRY_MILLIS, TimeUnit.MILLISECONDS);
        }
    }
}
