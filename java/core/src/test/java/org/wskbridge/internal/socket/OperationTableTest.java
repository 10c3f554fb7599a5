// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.Verb;

class OperationTableTest {
    private static Operation operation() {
        return new Operation(null, Verb.NOP, false) {
            @Override
            void ended(CompletionRecord record) {
                throw new AssertionError();
            }
        };
    }

    @Test
    void findsEachOperationOnce() {
        OperationTable table = new OperationTable();
        List<Operation> operations = new ArrayList<>();
        Set<Long> numbers = new HashSet<>();
        for (int i = 0; i < 5000; i++) {
            Operation operation = operation();
            assertTrue(table.add(operation));
            assertTrue(numbers.add(operation.userData));
            operations.add(operation);
        }
        assertEquals(5000, table.size());
        for (Operation operation : operations) {
            assertSame(operation, table.remove(operation.userData));
            assertNull(table.remove(operation.userData));
        }
        assertEquals(0, table.size());
    }

    @Test
    void aStaleNumberFindsNothing() {
        OperationTable table = new OperationTable();
        Operation first = operation();
        table.add(first);
        table.remove(first.userData);
        Operation second = operation();
        table.add(second);
        assertEquals((int) first.userData, (int) second.userData, "the slot is used again");
        assertNull(table.remove(first.userData));
        assertNull(table.remove(-1));
        assertNull(table.remove(Long.MAX_VALUE));
        assertSame(second, table.remove(second.userData));
    }

    @Test
    void removesAll() {
        OperationTable table = new OperationTable();
        Operation first = operation();
        Operation second = operation();
        table.add(first);
        table.add(second);
        assertEquals(Set.of(first, second), Set.copyOf(table.removeAll()));
        assertEquals(0, table.size());
    }
}
