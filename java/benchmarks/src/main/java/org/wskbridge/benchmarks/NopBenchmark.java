// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.benchmarks;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.wskbridge.WskBridge;

/** A request that does nothing, from Java through the shim to the driver and back. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class NopBenchmark {

    private static final int BATCH = 64;

    /** The bridge. */
    @State(Scope.Thread)
    public static class Bridge {
        private final CompletableFuture<?>[] requests = new CompletableFuture<?>[BATCH];
        private WskBridge bridge;

        /** Opens it. */
        @Setup(Level.Trial)
        public void open() throws IOException {
            bridge = WskBridge.open();
        }

        /** Closes it. */
        @TearDown(Level.Trial)
        public void close() throws IOException {
            bridge.close();
        }
    }

    /** One at a time. */
    @Benchmark
    public void oneByOneBridge(Bridge state) throws Exception {
        state.bridge.nop().get();
    }

    /** 64 under way at a time. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public void pipelinedBridge(Bridge state) throws Exception {
        for (int i = 0; i < BATCH; i++) {
            state.requests[i] = state.bridge.nop();
        }
        for (CompletableFuture<?> request : state.requests) {
            request.get();
        }
    }
}
