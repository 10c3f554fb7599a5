// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.time.Duration;

/**
 * What one step of the demonstration did.
 *
 * @param name of the step
 * @param traffic that it moved
 * @param time it took
 * @param failure in words; null when all held
 */
record DemoResult(String name, Traffic traffic, Duration time, String failure) {

    /**
     * What was moved.
     *
     * @param sentBytes by the bridge
     * @param receivedBytes by the bridge
     * @param sentDatagrams by the bridge
     * @param receivedDatagrams by the bridge
     */
    record Traffic(long sentBytes, long receivedBytes, long sentDatagrams, long receivedDatagrams) {
        static final Traffic NONE = new Traffic(0, 0, 0, 0);
    }
}
