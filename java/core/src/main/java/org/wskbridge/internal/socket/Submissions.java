// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import org.wskbridge.internal.future.Dispatcher;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.NativeBinding;
import org.wskbridge.internal.shim.Scratch;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.Verb;

/**
 * The operations that the driver has from one port: hands each over, and completes it, once, when its record is there.
 * Any thread may do either. Who waits for records is the business of {@link CompletionPort}.
 */
final class Submissions {
    private static final Logger LOGGER = System.getLogger(Submissions.class.getName());

    /** How operations end that there was no memory to start, and those that the port's close ends. */
    private static final CompletionRecord NO_MEMORY = CompletionRecord.of(Status.INSUFFICIENT_RESOURCES);

    private static final CompletionRecord CLOSED = CompletionRecord.of(Status.CANCELLED);

    private final NativeBinding binding;
    private final long port;
    private final OperationTable operations = new OperationTable();

    /** Those of a port, named by its token. */
    Submissions(NativeBinding binding, long port) {
        this.binding = binding;
        this.port = port;
    }

    /** How many operations the driver has. */
    int size() {
        return operations.size();
    }

    /**
     * Starts an operation; no address is {@link SocketAddresses#NONE}. It may be complete when this returns; then the
     * calling thread completed it. One that can't be started is completed with an error, also by the calling thread.
     */
    void submit(Operation operation, int flags, long buffer, int length, SocketAddresses.Encoded address) {
        Scratch scratch;
        try {
            scratch = Scratch.take();
        } catch (OutOfMemoryError e) {
            complete(operation, NO_MEMORY);
            return;
        }
        try {
            int refusal = enter(operation);
            if (refusal == Status.SUCCESS) {
                submit(operation, scratch, flags, buffer, length, address);
            } else {
                complete(operation, scratch.completion().fail(refusal));
            }
        } finally {
            scratch.giveBack();
        }
    }

    /** Enters an operation into its socket's list and the table. @return why it can't be; SUCCESS if it is */
    private int enter(Operation operation) {
        try {
            if (!operation.socket.add(operation)) {
                return Status.FILE_CLOSED;
            }
            return operations.add(operation) ? Status.SUCCESS : Status.QUOTA_EXCEEDED;
        } catch (OutOfMemoryError e) {
            return Status.INSUFFICIENT_RESOURCES;
        }
    }

    private void submit(
            Operation operation, Scratch scratch, int flags, long buffer, int length, SocketAddresses.Encoded address) {
        // The poller may complete the operation, and its slot be used again, before wskshim_submit returns.
        long userData = operation.userData;
        ByteBuffer memory = scratch.memory();
        memory.putShort(Scratch.ENTRY + Layout.Submission.OPCODE, (short) operation.verb.number())
                .putInt(Scratch.ENTRY + Layout.Submission.FLAGS, flags)
                .putLong(Scratch.ENTRY + Layout.Submission.SOCKET, operation.socket.token())
                .putLong(Scratch.ENTRY + Layout.Submission.USER_DATA, userData);
        if (operation.verb.modifiers() != 0 || (operation.deadline.isNone() && operation.control.isEmpty())) {
            writeRest(memory, operation.verb.modifiers(), buffer, length, address);
        } else {
            writeMessage(operation, scratch, buffer, length, address);
        }
        int taken = binding.submit(
                port,
                scratch.address() + Scratch.ENTRY,
                scratch.address() + Scratch.TOKEN,
                scratch.address() + Scratch.COMPLETION,
                1);
        if (taken != 1) {
            if (operations.remove(userData) != null) { // else the port was closed, which completed it
                complete(operation, scratch.completion().fail(taken < 0 ? taken : Status.INSUFFICIENT_RESOURCES));
            }
            return;
        }
        long operationToken = memory.getLong(Scratch.TOKEN);
        CompletionRecord record = scratch.completion();
        if (operationToken != 0) {
            operation.underWay(operationToken);
        } else if (record.isError() || !operation.socket.defer(operation, record)) {
            take(record);
        }
    }

    private static void writeRest(
            ByteBuffer memory, int modifiers, long buffer, int length, SocketAddresses.Encoded address) {
        memory.putShort(Scratch.ENTRY + Layout.Submission.MODIFIERS, (short) modifiers)
                .putLong(Scratch.ENTRY + Layout.Submission.BUFFER, buffer)
                .putInt(Scratch.ENTRY + Layout.Submission.LENGTH, length);
        address.writeTo(memory, Scratch.ENTRY + Layout.Submission.ADDRESS);
    }

    /** A deadline or control information needs a message, which the submission then points to. */
    private static void writeMessage(
            Operation operation, Scratch scratch, long buffer, int length, SocketAddresses.Encoded address) {
        ByteBuffer memory = scratch.memory();
        memory.putLong(Scratch.PIECE + Layout.Buffer.ADDRESS, buffer)
                .putInt(Scratch.PIECE + Layout.Buffer.LENGTH, length)
                .putLong(Scratch.MESSAGE + Layout.Message.PAYLOAD, scratch.address() + Scratch.PIECE)
                .putInt(Scratch.MESSAGE + Layout.Message.PAYLOAD_COUNT, hasPiece(operation.verb, buffer) ? 1 : 0)
                .putLong(
                        Scratch.MESSAGE + Layout.Message.DEADLINE,
                        operation.deadline.isNone() ? 0 : operation.deadline.remainingMillis());
        address.writeTo(memory, Scratch.MESSAGE + Layout.Message.ADDRESS);
        operation.control.writeTo(memory, Scratch.MESSAGE, scratch.address() + Scratch.CONTROL, Scratch.CONTROL);
        writeRest(
                memory,
                Layout.Submission.MODIFIER_MESSAGE,
                scratch.address() + Scratch.MESSAGE,
                Layout.Message.SIZE,
                SocketAddresses.NONE);
    }

    /** A datagram may be empty; other operations with an optional buffer have no piece then. */
    private static boolean hasPiece(Verb verb, long buffer) {
        return verb.hasBuffer() && (buffer != 0 || verb == Verb.SEND_TO);
    }

    /** Asks the driver to cancel an operation. */
    void cancel(long operationToken) {
        binding.cancel(port, operationToken);
    }

    /** Completes the operation that a record is of. */
    void take(CompletionRecord record) {
        long userData = record.userData();
        Operation operation = operations.remove(userData);
        if (operation == null) {
            LOGGER.log(Level.ERROR, "a completion for an operation that isn't there: " + Long.toHexString(userData));
            return;
        }
        complete(operation, record);
    }

    private static void complete(Operation operation, CompletionRecord record) {
        try {
            operation.complete(record);
        } catch (Throwable e) { // whoever polls must go on, and nobody must wait for ever
            operation.abandon(e);
            Dispatcher.log(LOGGER, Level.ERROR, "completing an operation failed", e);
        }
    }

    /** Ends all that are left, once the port is closed. */
    void endAll() {
        for (Operation operation : operations.removeAll()) {
            complete(operation, CLOSED);
        }
    }
}
