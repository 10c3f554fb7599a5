// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** One daemon thread for all deadlines of the library. Tasks must be short and run no user code. */
public final class Timer {
    private static final class Holder {
        static final ScheduledThreadPoolExecutor EXECUTOR = create();

        private static ScheduledThreadPoolExecutor create() {
            ScheduledThreadPoolExecutor executor = new ScheduledThreadPoolExecutor(1, task -> {
                Thread thread = new Thread(task, "wskbridge-timer");
                thread.setDaemon(true);
                thread.setContextClassLoader(null);
                thread.setUncaughtExceptionHandler((ended, reason) -> replace());
                return thread;
            });
            executor.setRemoveOnCancelPolicy(true);
            return executor;
        }
    }

    private Timer() {}

    /** Starts the thread now, because later there may be no memory to start it. */
    public static void prepare() {
        Holder.EXECUTOR.prestartCoreThread();
        SpareThreads.prepare();
    }

    /** The thread ended for lack of memory, and the executor may not have replaced it: makes sure that there is one. */
    private static void replace() {
        while (true) {
            try {
                Holder.EXECUTOR.prestartCoreThread();
                return;
            } catch (OutOfMemoryError e) {
                LockSupport.parkNanos(SpareThreads.RETRY_NANOS);
            }
        }
    }

    /** Runs a task once, after a time. */
    public static ScheduledFuture<?> schedule(Runnable task, long delay, TimeUnit unit) {
        return Holder.EXECUTOR.schedule(task, delay, unit);
    }
}
