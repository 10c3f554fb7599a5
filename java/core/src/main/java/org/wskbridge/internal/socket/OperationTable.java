// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The operations that the driver has, by the number that their completion records carry: slot in the lower half, the
 * slot's generation in the upper, so that a stale record finds nothing. Slots come in blocks that are never taken back.
 *
 * <p>Everything is guarded by this; the sections are a few instructions long.
 */
final class OperationTable {
    private static final int BLOCK = 1024;
    private static final int MAXIMUM = 1 << 22;

    private Operation[] operations = new Operation[BLOCK];
    private int[] generations = new int[BLOCK];
    /** The free slots, as a stack. */
    private int[] free = new int[BLOCK];

    private int freeCount;
    private int used;

    OperationTable() {
        addFree(0, BLOCK);
    }

    private void addFree(int from, int to) {
        for (int slot = to - 1; slot >= from; slot--) {
            free[freeCount++] = slot;
        }
    }

    /** Gives the operation a slot. @return false when the table is full */
    synchronized boolean add(Operation operation) {
        if (freeCount == 0 && !grow()) {
            return false;
        }
        int slot = free[--freeCount];
        operations[slot] = operation;
        operation.userData = (long) generations[slot] << 32 | slot;
        used++;
        return true;
    }

    private boolean grow() {
        int size = operations.length;
        if (size >= MAXIMUM) {
            return false;
        }
        operations = Arrays.copyOf(operations, size * 2);
        generations = Arrays.copyOf(generations, size * 2);
        free = Arrays.copyOf(free, size * 2);
        addFree(size, size * 2);
        return true;
    }

    /** Removes and returns the operation that a record belongs to; null when there is none. */
    synchronized Operation remove(long userData) {
        int slot = (int) userData;
        if (slot < 0 || slot >= operations.length || generations[slot] != (int) (userData >>> 32)) {
            return null;
        }
        Operation operation = operations[slot];
        if (operation != null) {
            operations[slot] = null;
            generations[slot]++;
            free[freeCount++] = slot;
            used--;
        }
        return operation;
    }

    synchronized int size() {
        return used;
    }

    /** Removes and returns all. */
    synchronized List<Operation> removeAll() {
        List<Operation> all = new ArrayList<>();
        for (Operation operation : operations.clone()) {
            if (operation != null) {
                all.add(operation);
            }
        }
        all.forEach(operation -> remove(operation.userData));
        return all;
    }
}
