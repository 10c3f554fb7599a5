// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.util.ArrayList;
import java.util.List;
import org.wskbridge.internal.future.Outcome;

/**
 * Outcomes that were recorded inside of the lock of a queue, to be published in this order once it is left, because that
 * may run user code. Most often it is one. Guarded by the queue.
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

    /** Takes the first out, for {@link #publish}; null for none. */
    Outcome<?> takeFirst() {
        Outcome<?> taken = first;
        first = null;
        return taken;
    }

    /** Takes those behind it out. */
    List<Outcome<?>> takeMore() {
        if (more.isEmpty()) {
            return List.of();
        }
        List<Outcome<?>> taken = List.copyOf(more);
        more.clear();
        return taken;
    }

    /** Publishes what was taken out, outside of the lock. */
    static void publish(Outcome<?> first, List<Outcome<?>> more) {
        if (first != null) {
            first.publish();
            more.forEach(Outcome::publish);
        }
    }
}
