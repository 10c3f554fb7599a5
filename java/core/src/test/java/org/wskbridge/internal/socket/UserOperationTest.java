// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.wskbridge.internal.future.Dispatcher;
import org.wskbridge.internal.future.Outcome;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.Verb;

/** Operations without a future; the test plays the driver. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class UserOperationTest {
    /** What was told, in order. */
    private final List<String> told = new ArrayList<>();

    private final Outcome<Integer> outcome = new Outcome<>() {
        @Override
        public void record(Integer result) {
            told.add("result " + result);
        }

        @Override
        public void recordFailure(Throwable reason) {
            told.add("failure " + reason.getMessage());
        }

        @Override
        public void recordCancelled(Supplier<? extends Throwable> otherwise) {
            told.add("cancelled");
        }

        @Override
        public boolean isRecorded() {
            return !told.isEmpty();
        }

        @Override
        public void publish() {
            told.add("published");
        }
    };

    private final FakeBinding binding = new FakeBinding();
    private CompletionPort port;
    private SocketHandle socket;

    @BeforeEach
    void open() throws Exception {
        port = CompletionPort.open(binding, Dispatcher.on(Runnable::run), "fake-poller");
        socket = port.openSocket();
    }

    @AfterEach
    void close() {
        socket.close();
        port.close();
    }

    /** Yields how many bytes there were. */
    private class Bytes extends UserOperation<Integer> {
        Bytes() {
            super(UserOperationTest.this.socket, Verb.NOP, false, outcome);
        }

        @Override
        void ended(CompletionRecord record) {
            if (record.isError()) {
                fail(record.status());
            } else {
                succeed(record.bytes());
            }
        }
    }

    private void submit(Operation operation) {
        port.submit(operation, 0, 0, 0, SocketAddresses.NONE);
    }

    @Test
    void theOutcomeIsToldOnceAndPublished() throws Exception {
        submit(new Bytes());
        assertEquals(List.of(), told);
        binding.end(binding.next(socket), Status.SUCCESS, 3);
        binding.awaitTaken();
        assertEquals(List.of("result 3", "published"), told);
    }

    @Test
    void cancelReachesTheDriverAndThenTheOutcome() throws Exception {
        Operation operation = new Bytes();
        submit(operation);
        FakeBinding.Submission underWay = binding.next(socket);
        operation.cancel();
        binding.awaitCancel(underWay);
        assertEquals(List.of(), told);
        binding.end(underWay, Status.CANCELLED, 0);
        binding.awaitTaken();
        assertEquals(List.of("cancelled", "published"), told);
    }

    @Test
    void aDefectInCompletingIsToldToo() throws Exception {
        submit(new Bytes() {
            @Override
            void ended(CompletionRecord record) {
                throw new IllegalStateException("on purpose");
            }
        });
        binding.end(binding.next(socket), Status.SUCCESS, 0);
        binding.awaitTaken();
        assertEquals(List.of("failure on purpose", "published"), told);
    }
}
