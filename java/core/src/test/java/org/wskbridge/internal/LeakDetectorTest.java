// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LeakDetectorTest {
    @BeforeEach
    void everyObjectIsSampled() {
        assumeTrue(Integer.getInteger("wskbridge.leak.sampling", 64) == 1);
    }

    private static void drop() {
        LeakDetector.watch(new Object(), "an object of a test");
    }

    @Test
    void aDroppedObjectIsReported() throws InterruptedException {
        int before = LeakDetector.found();
        drop();
        for (int i = 0; i < 500 && LeakDetector.found() == before; i++) {
            System.gc();
            Thread.sleep(10);
        }
        assertTrue(LeakDetector.found() > before);
    }

    @Test
    void aClosedObjectIsNot() {
        int before = LeakDetector.found();
        Object object = new Object();
        LeakDetector.Watch watch = LeakDetector.watch(object, "an object of a test");
        watch.closed();
        watch.closed();
        assertEquals(before, LeakDetector.found());
    }
}
