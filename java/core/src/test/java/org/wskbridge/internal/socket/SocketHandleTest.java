// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.wskbridge.internal.future.Dispatcher;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.shim.Status;

/** When a handle says that the driver is done with it; the test plays the driver. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SocketHandleTest {
    private final List<SocketHandle> handles = new ArrayList<>();
    private final List<Boolean> releasedWithinClose = new ArrayList<>();

    /** Its operation ends within the call that closes a handle, and the poller takes the completion before the return. */
    private final FakeBinding binding = new FakeBinding() {
        @Override
        public int socketClose(long socket) {
            try {
                end(next(handles.get(0)), Status.CANCELLED, 0);
                awaitTaken();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            releasedWithinClose.add(handles.get(0).released().isDone());
            return Status.SUCCESS;
        }
    };

    private final CompletionPort port = openPort();

    private CompletionPort openPort() {
        try {
            return CompletionPort.open(binding, Dispatcher.on(Runnable::run), "fake-poller");
        } catch (java.io.IOException e) {
            throw new AssertionError(e);
        }
    }

    @AfterEach
    void closePort() {
        port.close();
    }

    @Test
    void isReleasedWhenItIsClosedAndNotBefore() throws Exception {
        SocketHandle handle = port.openSocket();
        handles.add(handle);
        OperationFuture<Void> operation = StreamOperations.nop(handle);
        handle.close();
        assertTrue(operation.isDone());
        assertEquals(List.of(false), releasedWithinClose, "released while it was being closed");
        assertTrue(handle.released().isDone());
    }

    @Test
    void isReleasedWhenItsLastOperationEnds() throws Exception {
        SocketHandle handle = port.openSocket();
        handles.add(handle);
        StreamOperations.nop(handle);
        OperationFuture<Void> last = StreamOperations.nop(handle);
        handle.close();
        assertFalse(handle.released().isDone());
        binding.end(binding.next(handle), Status.CANCELLED, 0);
        binding.awaitTaken();
        assertTrue(last.isDone());
        assertTrue(handle.released().isDone());
    }
}
