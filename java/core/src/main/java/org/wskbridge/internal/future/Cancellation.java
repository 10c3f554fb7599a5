// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ScheduledFuture;

/** Why an operation is to end before its time, what will ask for that, and what is to be done when it has ended. */
final class Cancellation {
    /** A user asked, of the operation's future or of one that depends on it. */
    static final Object BY_USER = new Object();

    private volatile Object cause;

    /** Guarded by this, as the next. */
    private List<Runnable> endings;

    private List<ScheduledFuture<?>> deadlines;

    /** Names BY_USER or the Expiry of a deadline as the cause; the first stays. */
    synchronized void because(Object why) {
        if (cause == null) {
            cause = why;
        }
    }

    /** The cause; null as long as nobody asked. */
    Object cause() {
        return cause;
    }

    /** Has something done when the operation has ended. */
    synchronized void atEnd(Runnable ending) {
        if (endings == null) {
            endings = new ArrayList<>(1);
        }
        endings.add(ending);
    }

    /** Does what was to be done, each once. */
    void runEndings() {
        List<Runnable> all;
        synchronized (this) {
            all = endings;
            endings = null;
        }
        if (all != null) {
            all.forEach(Runnable::run);
        }
    }

    /** Has a timer cancelled when the operation has ended. */
    synchronized void cancelAtEnd(ScheduledFuture<?> deadline) {
        if (deadlines == null) {
            deadlines = new ArrayList<>(1);
        }
        deadlines.add(deadline);
    }

    /** Cancels the timers. Allocates nothing. */
    synchronized void cancelDeadlines() {
        for (int i = 0; deadlines != null && i < deadlines.size(); i++) {
            deadlines.get(i).cancel(false);
        }
        deadlines = null;
    }
}
