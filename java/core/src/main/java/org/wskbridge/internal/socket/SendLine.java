// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * The sends of a connection in the order of the calls. In front are those that have started: every byte is under way or
 * gone, and they are not told to be over. Behind them others wait, of which the first may have a chunk under way.
 * Guarded by the {@link SendQueue}.
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

    /** Nothing is left to start of the first that waits; it may be over. */
    void hasStarted(Send send) {
        if (waiting.peekFirst() == send) {
            waiting.pollFirst();
            send.started = true;
            started.addLast(send);
        }
    }

    /** One that is over doesn't wait any more. */
    void isOver(Send send) {
        if (!send.started) {
            waiting.remove(send);
        }
    }

    /** All behind one, in order; none behind one that isn't here. */
    List<Send> behind(Send send) {
        List<Send> all = new ArrayList<>(started);
        all.addAll(waiting);
        int index = all.indexOf(send);
        return index < 0 ? List.of() : all.subList(index + 1, all.size());
    }

    /** The first before one that is to go on though that one has gone; null for none. */
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

    /** Lets those at the end of the started ones wait again, in their place, that are to go on. */
    void takeBack() {
        Send last = started.peekLast();
        while (last != null && (last.over || last.isToGoOn())) {
            started.pollLast();
            if (!last.over) {
                last.started = false;
                waiting.addFirst(last);
            }
            last = started.peekLast();
        }
    }

    /** Takes the first out if it is over or has gone whole; null if it isn't. */
    Send takeWhole() {
        Send first = started.peekFirst();
        return first != null && (first.over || first.allMoved()) ? started.pollFirst() : null;
    }

    /** Takes the first out, whatever it is; null for none. */
    Send take() {
        Send first = started.poll();
        return first != null ? first : waiting.poll();
    }
}
