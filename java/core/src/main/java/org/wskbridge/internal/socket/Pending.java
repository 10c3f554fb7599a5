// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.util.ArrayList;
import java.util.List;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.Verb;

/**
 * The operations of a socket from just before they are submitted until they are completed, the latest first. Those of one
 * kind are completed in the order of the calls that started them. An operation that ended within its call may be ahead of
 * earlier ones whose records no thread has taken yet; it keeps its record and waits for them. Guarded by the socket.
 */
final class Pending {
    private Operation first;
    private int count;
    private final int[] countOf = new int[Verb.values().length];

    /** The first and last that wait with their record, in the order in which they ended. Linked by {@link Operation#nextDeferred}. */
    private Operation firstDeferred;

    private Operation lastDeferred;

    /** A thread is completing those that wait. */
    private boolean completingDeferred;

    boolean isEmpty() {
        return count == 0;
    }

    void add(Operation operation) {
        operation.next = first;
        if (first != null) {
            first.previous = operation;
        }
        first = operation;
        operation.linked = true;
        count++;
        countOf[operation.verb.ordinal()]++;
    }

    /** @return false if it is not in the list */
    boolean remove(Operation operation) {
        if (!operation.linked) {
            return false;
        }
        operation.linked = false;
        if (operation.previous == null) {
            first = operation.next;
        } else {
            operation.previous.next = operation.next;
        }
        if (operation.next != null) {
            operation.next.previous = operation.previous;
        }
        operation.previous = null;
        operation.next = null;
        count--;
        countOf[operation.verb.ordinal()]--;
        return true;
    }

    /** Those that users started. */
    List<Operation> ofUsers() {
        List<Operation> found = new ArrayList<>();
        for (Operation operation = first; operation != null; operation = operation.next) {
            if (!operation.internal) {
                found.add(operation);
            }
        }
        return found;
    }

    /** Lets an operation that ended within its call wait for earlier ones. @return false if it may be completed now */
    boolean defer(Operation operation, CompletionRecord record) {
        if (countOf[operation.verb.ordinal()] <= 1 || !isBehindOthers(operation)) {
            return false;
        }
        try {
            operation.deferred = record.copy();
        } catch (OutOfMemoryError e) {
            return false; // without memory for the record: completed out of order
        }
        if (firstDeferred == null) {
            firstDeferred = operation;
        } else {
            lastDeferred.nextDeferred = operation;
        }
        lastDeferred = operation;
        return true;
    }

    /** An operation that another thread is just starting counts as neither earlier nor later. */
    private static boolean isBehindOthers(Operation operation) {
        for (Operation older = operation.next; older != null; older = older.next) {
            if (older.verb == operation.verb && (older.isUnderWay() || older.deferred != null)) {
                return true;
            }
        }
        return false;
    }

    /** Whether some wait, and no thread is completing them. */
    boolean hasDeferred() {
        return firstDeferred != null && !completingDeferred;
    }

    /**
     * Removes and returns the next waiting operation that has no earlier one before it. The caller completes it and calls
     * again, until this returns null. Allocates nothing, because memory may be short.
     */
    Operation takeDeferred() {
        Operation before = null;
        Operation operation = firstDeferred;
        while (operation != null && isBehindOthers(operation)) {
            before = operation;
            operation = operation.nextDeferred;
        }
        completingDeferred = operation != null;
        if (operation == null) {
            return null;
        }
        if (before == null) {
            firstDeferred = operation.nextDeferred;
        } else {
            before.nextDeferred = operation.nextDeferred;
        }
        lastDeferred = operation == lastDeferred ? before : lastDeferred;
        operation.nextDeferred = null;
        return operation;
    }
}
