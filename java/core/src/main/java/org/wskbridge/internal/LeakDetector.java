// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Tells of objects that were dropped without being closed. It samples every 64th, or as the system property
 * wskbridge.leak.sampling says (1: each, 0: none). It frees nothing: somebody may still look at the memory.
 */
public final class LeakDetector {
    private static final Logger LOGGER = System.getLogger(LeakDetector.class.getName());
    private static final int INTERVAL = Integer.getInteger("wskbridge.leak.sampling", 64);
    private static final AtomicInteger COUNT = new AtomicInteger();
    private static final AtomicInteger FOUND = new AtomicInteger();

    /** Made when the first object is sampled. */
    private static final class Holder {
        static final Cleaner CLEANER = Cleaner.create();
    }

    /** Watches one object until told that it was closed. */
    public static final class Watch implements Runnable {
        private final String what;
        private final AtomicBoolean closed = new AtomicBoolean();
        private Cleaner.Cleanable cleanable;

        private Watch(String what) {
            this.what = what;
        }

        /** The object was closed. */
        public void closed() {
            closed.set(true);
            if (cleanable != null) {
                cleanable.clean();
            }
        }

        @Override
        public void run() {
            if (!closed.get()) {
                FOUND.incrementAndGet();
                LOGGER.log(Level.WARNING, what + " was dropped without close(): its memory is lost to the pool");
            }
        }
    }

    /** Stands for the objects that are not sampled. */
    private static final Watch NOBODY = new Watch("");

    private LeakDetector() {}

    /** Starts watching an object, if it is its turn. The description must not refer to the object. */
    public static Watch watch(Object object, String what) {
        if (INTERVAL <= 0 || COUNT.incrementAndGet() % INTERVAL != 0) {
            return NOBODY;
        }
        Watch watch = new Watch(what);
        watch.cleanable = Holder.CLEANER.register(object, watch);
        return watch;
    }

    static int found() {
        return FOUND.get();
    }
}
