// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.wskbridge.NtStatus;
import org.wskbridge.internal.future.Dispatcher;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.future.SpareThreads;
import org.wskbridge.internal.future.Timer;
import org.wskbridge.internal.memory.BufferPool;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.NativeBinding;
import org.wskbridge.internal.shim.NativeMemory;
import org.wskbridge.internal.shim.Scratch;
import org.wskbridge.internal.shim.Shim;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.StatusMapping;
import org.wskbridge.internal.shim.SystemVersion;
import org.wskbridge.internal.shim.Verb;

/**
 * A port of the shim and the daemon thread, the poller, that takes its completion records in batches. Operations that
 * complete at once are finished by the thread that submits them; all others by the thread whose turn it is: the poller,
 * which waits in the background, or a thread that waits for an operation of its own, in the foreground. Who of them
 * waits and who polls is decided below the shim.
 */
public final class CompletionPort implements Dispatcher.Poller {
    private static final Logger LOGGER = System.getLogger(CompletionPort.class.getName());
    private static final int BATCH = 64;

    /** How often closing waits a tenth of a second for the poller to end. It doesn't wait while the poller runs user code. */
    private static final int STOP_ATTEMPTS = 50;

    /** How long the poller waits before it repeats what failed for lack of memory or threads. */
    private static final int RETRY_MILLIS = 10;

    /** How long a thread takes records in the foreground before it waits like any other. */
    private static final int HELP_MILLIS = 1;

    private static final long HELP_NANOS = 1_000_000;

    private static final long DRAIN_NANOS = 1_000_000;

    private final NativeBinding binding;
    private final Dispatcher dispatcher;
    private final BufferPool buffers;
    private final long token;
    private final Submissions submissions;
    private final AtomicLong socketIds = new AtomicLong();
    private final Thread poller;
    private volatile boolean stopped;

    /** The thread that has the turn and has taken records; null otherwise. Each thread sets and clears it for itself. */
    private volatile Thread turn;

    /** Used only by the poller, like all fields about them. */
    private final ByteBuffer records = NativeMemory.allocate(BATCH * Layout.Completion.SIZE);

    private final long recordsAddress = NativeMemory.address(records);
    private final CompletionRecord cursor = new CompletionRecord(records, 0);

    /** How many records the last wait brought, and how many of them were taken. */
    private int recordCount;

    private int recordsTaken;

    /** The poller is in a section in which user code may run. */
    private volatile boolean delivering;

    /** What the driver runs on; the oldest there is until the driver was asked. */
    private volatile SystemVersion system = new SystemVersion(0, 0, 0);

    /** Why completions can't be taken any more; null as long as they can. */
    private volatile Throwable failure;

    /** Called on the poller when it can't go on. */
    private volatile Consumer<Throwable> onFailure = cause -> {};

    private CompletionPort(NativeBinding binding, Dispatcher dispatcher, BufferPool buffers, long token, String name) {
        this.binding = binding;
        this.dispatcher = dispatcher;
        this.buffers = buffers;
        this.token = token;
        this.submissions = new Submissions(binding, token);
        this.poller = new Thread(this::poll, name);
        this.poller.setDaemon(true);
    }

    /** Opens a port and starts its poller. */
    public static CompletionPort open(NativeBinding binding, Dispatcher dispatcher, String name) throws IOException {
        return open(binding, dispatcher, BufferPool.shared(), name);
    }

    /** Opens a port whose operations lease their memory from this pool. */
    static CompletionPort open(NativeBinding binding, Dispatcher dispatcher, BufferPool buffers, String name)
            throws IOException {
        Timer.prepare();
        OperationFuture.completed(dispatcher, null); // loads the class while there is memory for it
        long token = binding.portOpen(Layout.ABI_VERSION);
        if (token < 0) {
            throw Shim.openFailure(binding, (int) token);
        }
        CompletionPort port = new CompletionPort(binding, dispatcher, buffers, token, name);
        dispatcher.setPoller(port);
        port.poller.start();
        return port;
    }

    /** The functions of the library that has this port. */
    NativeBinding binding() {
        return binding;
    }

    /** Completes the futures of its operations. */
    public Dispatcher dispatcher() {
        return dispatcher;
    }

    BufferPool buffers() {
        return buffers;
    }

    /** Opens a handle to the device. */
    public SocketHandle openSocket() throws IOException {
        long id = socketIds.incrementAndGet();
        long socket = binding.socketOpen(token);
        if (socket < 0) {
            throw StatusMapping.thrown((int) socket, Verb.OPEN, "socket " + id);
        }
        return new SocketHandle(this, socket, id);
    }

    /** How many operations the driver has. */
    public int operationsInFlight() {
        return submissions.size();
    }

    // ---- submitting --------------------------------------------------------------------------------------------

    /** Starts an operation, as {@link Submissions#submit}. */
    void submit(Operation operation, int flags, long buffer, int length, SocketAddresses.Encoded address) {
        submissions.submit(operation, flags, buffer, length, address);
    }

    /** Asks the driver to cancel an operation. */
    void cancel(long operationToken) {
        submissions.cancel(operationToken);
    }

    /** Completes the operation that a record is of. */
    void take(CompletionRecord record) {
        submissions.take(record);
    }

    // ---- completing --------------------------------------------------------------------------------------------

    private void poll() {
        Throwable cause = null;
        while (!stopped && cause == null) {
            try {
                cause = pollOnce();
            } catch (Throwable e) { // perhaps out of memory, which passes; no record was lost
                Dispatcher.log(LOGGER, Level.ERROR, "taking completions failed, and is tried again", e);
                LockSupport.parkNanos(SpareThreads.RETRY_NANOS);
            }
        }
        endTurn();
        if (cause != null) {
            failure = cause;
            onFailure.accept(cause);
        }
    }

    /** @return why completions can't be taken any more; null if they can */
    private Throwable pollOnce() {
        int status = takeSome(waitMillis());
        if (status < 0 && !stopped) {
            return StatusMapping.exception(status, Verb.WAIT, poller.getName());
        }
        flush();
        return null;
    }

    private int waitMillis() {
        if (recordsTaken < recordCount || dispatcher.hasWork()) {
            return 0;
        }
        return dispatcher.isStuck() ? RETRY_MILLIS : -1;
    }

    /** Ends the turn first: user code may run here, and may wait for a completion that another thread has to take. */
    private void flush() {
        if (!dispatcher.hasWork() && !dispatcher.isStuck()) {
            return;
        }
        delivering = true;
        endTurn();
        try {
            dispatcher.flush();
            if (dispatcher.isStuck()) {
                dispatcher.tryAgain();
            }
        } finally {
            delivering = false;
        }
    }

    /** On the poller: takes the records that are left, then waits for more and takes them. @return an error, or how many */
    private int takeSome(int timeoutMillis) {
        takeAll();
        int count = waitInTurn(recordsAddress, BATCH, timeoutMillis, false);
        recordCount = Math.max(count, 0);
        recordsTaken = 0;
        takeAll();
        return count;
    }

    private int waitInTurn(long address, int room, int timeoutMillis, boolean foreground) {
        if (isPolling()) {
            turn = null; // it came back
        }
        int count = binding.waitInTurn(token, address, room, timeoutMillis, foreground);
        if (count > 0) {
            turn = Thread.currentThread();
        }
        return count;
    }

    /** Ends the calling thread's turn, if it has it. */
    private void endTurn() {
        if (isPolling()) {
            turn = null;
            binding.endTurn(token);
        }
    }

    /** What was collected for the executor is handed over after the turn, because an executor may run tasks on its caller. */
    @Override
    public void help(BooleanSupplier done) {
        long start = System.nanoTime();
        while (!stopped && !isPolling() && takeOne(HELP_MILLIS, true)) {
            dispatcher.handOver(dispatcher.takeBatch());
            dispatcher.takeTasks().forEach(dispatcher::run);
            if (done.getAsBoolean() || System.nanoTime() - start >= HELP_NANOS) {
                return;
            }
        }
    }

    /** On a thread other than the poller: takes one record and ends the turn. @return whether there was one */
    private boolean takeOne(int timeoutMillis, boolean foreground) {
        Scratch scratch;
        try {
            scratch = Scratch.take();
        } catch (OutOfMemoryError e) {
            return false; // the poller takes it
        }
        try {
            if (waitInTurn(scratch.address() + Scratch.COMPLETION, 1, timeoutMillis, foreground) <= 0) {
                return false;
            }
            try {
                take(scratch.completion());
            } finally {
                endTurn();
            }
            return true;
        } finally {
            scratch.giveBack();
        }
    }

    private void takeAll() {
        while (recordsTaken < recordCount) {
            take(cursor.at(recordsTaken++));
        }
    }

    @Override
    public boolean isCurrentThread() {
        return Thread.currentThread() == poller;
    }

    @Override
    public boolean isPolling() {
        return turn == Thread.currentThread();
    }

    @Override
    public void drain(int timeoutMillis) {
        if (stopped) {
            LockSupport.parkNanos(this, DRAIN_NANOS); // the closing thread polls, or nobody will any more
            return;
        }
        takeSome(timeoutMillis);
        endTurn();
    }

    /** Takes completions on a thread that closes the bridge, when the poller is in user code that may not return. */
    public void pollInPlace(int timeoutMillis) {
        while (delivering && takeOne(timeoutMillis, false)) {
            // the next
        }
    }

    /** Runs a task on a thread of its own, and again if it fails for lack of memory. */
    public void runApart(Runnable task) {
        SpareThreads.run(task);
    }

    /** Why the port could not go on; empty as long as it could. */
    public Optional<Throwable> failure() {
        return Optional.ofNullable(failure);
    }

    /** What is to be done, on the poller, when it can't go on; before the first operation. */
    public void onFailure(Consumer<Throwable> action) {
        onFailure = action;
    }

    @Override
    public void wake() {
        binding.wake(token);
    }

    // ---- closing -----------------------------------------------------------------------------------------------

    /**
     * Stops the poller and closes the port. Waits for the driver, but not for user code. Operations that are still in
     * progress end as closed. Must not be called on the poller.
     */
    public void close() {
        stopped = true;
        boolean interrupted = false;
        for (int i = 0; i < STOP_ATTEMPTS && poller.isAlive() && !(delivering && i > 0); i++) {
            binding.wake(token);
            LockSupport.unpark(poller);
            try {
                poller.join(100);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        int status = binding.portClose(token);
        if (status < 0) {
            LOGGER.log(Level.WARNING, "closing the port failed: " + NtStatus.of(status));
        }
        submissions.endAll();
        dispatcher.pollerEnded();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Notes the version of Windows that the driver runs on. */
    void setSystem(SystemVersion version) {
        system = version;
    }

    /** The version of Windows that the driver runs on. */
    SystemVersion system() {
        return system;
    }
}
