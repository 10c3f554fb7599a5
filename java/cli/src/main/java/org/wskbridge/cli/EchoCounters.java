// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.util.concurrent.atomic.LongAdder;

/** What an echo server has done so far. */
final class EchoCounters {

    final LongAdder datagrams = new LongAdder();
    final LongAdder datagramBytes = new LongAdder();
    final LongAdder connections = new LongAdder();
    final LongAdder connectionBytes = new LongAdder();

    @Override
    public String toString() {
        return String.format(
                "echoed %,d datagrams with %,d bytes, %,d connections with %,d bytes",
                datagrams.sum(), datagramBytes.sum(), connections.sum(), connectionBytes.sum());
    }
}
