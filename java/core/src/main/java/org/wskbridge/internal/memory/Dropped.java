// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.memory;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.ref.Cleaner;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import org.wskbridge.internal.future.SpareThreads;

/**
 * Closes what a program dropped without closing it, once the garbage collector has found that, and warns of the first of
 * each kind with the stack that opened it.
 */
public final class Dropped {
    private static final Logger LOGGER = System.getLogger(Dropped.class.getName());

    private static final Set<String> WARNED = ConcurrentHashMap.newKeySet();

    private Dropped() {}

    private static final class Holder {
        static final Cleaner CLEANER = Cleaner.create();
    }

    /** Where something was opened. */
    private static final class Opening extends Throwable {
        private static final long serialVersionUID = 1;

        Opening(String kind) {
            super("where the " + kind + " was opened", null, false, true);
        }
    }

    /**
     * Watches an object.
     *
     * @param object neither of the following may refer to it
     * @param kind what it is, for the warning
     * @param isOpen whether it was not closed
     * @param close closes what it stood for; may wait
     */
    public static void watch(Object object, String kind, BooleanSupplier isOpen, Runnable close) {
        Opening opening = new Opening(kind);
        Holder.CLEANER.register(object, () -> {
            if (isOpen.getAsBoolean()) {
                SpareThreads.run(() -> {
                    warn(kind, opening);
                    close.run();
                });
            }
        });
    }

    private static void warn(String kind, Throwable opening) {
        String text = "a " + kind + " was dropped without being closed; it is closed now";
        if (WARNED.add(kind)) {
            LOGGER.log(Level.WARNING, text + ". This is said once; level DEBUG says it of each", opening);
        } else {
            LOGGER.log(Level.DEBUG, text, opening);
        }
    }
}
