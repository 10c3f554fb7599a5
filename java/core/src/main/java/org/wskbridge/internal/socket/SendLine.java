// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * The sends of a connection in the order of the calls. First come those that have started: every byte was handed to the
 * driver, and their outcome is not yet reported. Then come those that wait, of which the first may have a chunk in
 * progress. Guarded by the {@link SendQueue}.
 */
final class SendLine {
    private final ArrayDeque<Send> started = new ArrayDeque<>();
    private final ArrayDeque<Send> waiting = new ArrayDeque<>();

    void add(Send send) {
        waiting.add(send);
    }

    /** The first that waits; null for none. */
    Send next() {
        return waiting.peekFirst();
    }

    /** The first that waits has been handed over completely; it may have ended already. */
    void hasStarted(Send send) {
        if (waiting.peekFirst() == send) {
            waiting.pollFirst();
            send.started = true;
            started.addLast(send);
        }
    }

    /** Removes one that has ended from those that wait. */
    void isOver(Send send) {
        if (!send.started) {
            waiting.remove(send);
        }
    }

    /** All after the given one, in order; none if it isn't here. */
    List<Send> behind(Send send) {
        List<Send> all = new ArrayList<>(started);
        all.addAll(waiting);
        int index = all.indexOf(send);
        return index < 0 ? List.of() : all.subList(index + 1, all.size());
    }

    /** The first before the given one that has bytes left to send although that one was sent; null for none. */
    Send overtakenBy(Send by) {
        for (Send send : started) {
            if (send == by) {
                return null;
            }
            if (send.isToGoOn()) {
                return send;
            }
        }
        return null;
    }

    /** Moves those at the end of the started ones that have bytes left back to those that wait, in their order. */
    void takeBack() {
        Send last = started.peekLast();
        while (last != null && (last.over || last.isToGoOn())) {
            started.pollLast();
            if (!last.over) {
                last.waitsAgain();
                waiting.addFirst(last);
            }
            last = started.peekLast();
        }
    }

    /** Removes and returns the first if it has ended or was sent whole; null if not. */
    Send takeWhole() {
        Send first = started.peekFirst();
        return first != null && (first.over || first.allMoved()) ? started.pollFirst() : null;
    }

    /** Removes and returns the first in any state; null for none. */
    Send take() {
        Send first = started.poll();
        return first != null ? first : waiting.poll();
    }
}
