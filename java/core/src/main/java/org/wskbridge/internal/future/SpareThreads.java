// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * Daemon threads for tasks that must not wait for other user code, but may run user code or wait themselves: deadlines,
 * and what is left when a bridge ends. There are as many threads as are busy. A task that fails for lack of memory is
 * run again, so it must be repeatable.
 */
public final class SpareThreads {
    /** How long to wait before trying again to get memory or a thread. */
    public static final long RETRY_NANOS = 10_000_000;

    private static final Logger LOGGER = System.getLogger(SpareThreads.class.getName());

    private static final AtomicInteger COUNT = new AtomicInteger();

    private static final ThreadPoolExecutor THREADS =
            new ThreadPoolExecutor(0, Integer.MAX_VALUE, 5, TimeUnit.SECONDS, new SynchronousQueue<>(), task -> {
                Thread thread = new Thread(task, "wskbridge-spare-" + COUNT.incrementAndGet());
                thread.setDaemon(true);
                thread.setContextClassLoader(null);
                return thread;
            });

    private SpareThreads() {}

    /** Loads the classes that are needed later, when there may be no memory to load them. */
    static void prepare() {
        run(() -> {});
    }

    /** Runs a task on a thread of its own; if there is no memory for the thread, waits until there is. */
    public static void run(Runnable task) {
        while (true) {
            try {
                THREADS.execute(() -> insist(task));
                return;
            } catch (OutOfMemoryError e) {
                LockSupport.parkNanos(RETRY_NANOS);
            }
        }
    }

    /** Repeats a task until there is enough memory for it. */
    private static void insist(Runnable task) {
        while (true) {
            try {
                task.run();
                return;
            } catch (OutOfMemoryError e) {
                LockSupport.parkNanos(RETRY_NANOS);
            } catch (Throwable e) { // a future keeps exceptions of user code to itself
                Dispatcher.log(LOGGER, Level.ERROR, "a task of the library failed", e);
                return;
            }
        }
    }
}
