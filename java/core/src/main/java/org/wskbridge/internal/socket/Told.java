// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.util.ArrayList;
import java.util.List;
import org.wskbridge.internal.future.Outcome;

/**
 * Outcomes that were recorded while a queue's lock was held. They are published in this order after the lock is released,
 * because publishing may run user code. Usually there is one. Guarded by the queue.
 */
final class Told {
    private Outcome<?> first;
    private final List<Outcome<?>> more = new ArrayList<>();

    void add(Outcome<?> outcome) {
        if (first == null) {
            first = outcome;
        } else {
            more.add(outcome);
        }
    }

    boolean isEmpty() {
        return first == null;
    }

    /** Removes and returns the first, for {@link #publish}; null for none. */
    Outcome<?> takeFirst() {
        Outcome<?> taken = first;
        first = null;
        return taken;
    }

    /** Removes and returns the ones after it. */
    List<Outcome<?>> takeMore() {
        if (more.isEmpty()) {
            return List.of();
        }
        List<Outcome<?>> taken = List.copyOf(more);
        more.clear();
        return taken;
    }

    /** Publishes what the two methods above returned. The caller holds no lock. */
    static void publish(Outcome<?> first, List<Outcome<?>> more) {
        if (first != null) {
            first.publish();
            more.forEach(Outcome::publish);
        }
    }
}
