// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ScheduledFuture;

/** Why an operation is to be cancelled, the timers that will cancel it, and what to do when it has ended. */
final class Cancellation {
    /** A user cancelled the operation's future, or one that depends on it. */
    static final Object BY_USER = new Object();

    private volatile Object cause;

    /** Guarded by this, like the next field. */
    private List<Runnable> endings;

    private List<ScheduledFuture<?>> deadlines;

    /** Sets the cause, BY_USER or the Expiry of a deadline, unless there is one. */
    synchronized void because(Object why) {
        if (cause == null) {
            cause = why;
        }
    }

    /** The cause; null as long as nobody cancelled. */
    Object cause() {
        return cause;
    }

    /** Adds something to do when the operation has ended. */
    synchronized void atEnd(Runnable ending) {
        if (endings == null) {
            endings = new ArrayList<>(1);
        }
        endings.add(ending);
    }

    /** Does it all, each once. */
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

    /** Adds a timer to cancel when the operation has ended. */
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
