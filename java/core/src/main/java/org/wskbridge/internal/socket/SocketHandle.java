// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.wskbridge.NtStatus;
import org.wskbridge.ReceiveRingState;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.future.Timer;
import org.wskbridge.internal.shim.Category;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.DriverOption;
import org.wskbridge.internal.shim.Gate;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.NativeMemory;
import org.wskbridge.internal.shim.Scratch;
import org.wskbridge.internal.shim.SenderCache;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.StatusMapping;
import org.wskbridge.internal.shim.SystemVersion;
import org.wskbridge.internal.shim.Verb;

/**
 * A handle to the device: a token of the shim, the operations under way on it, and whether it is open. Guarded by
 * this: state and the list. Native calls are made outside of the lock; a token that was closed meanwhile is answered
 * with an error, never with a crash.
 */
public final class SocketHandle {
    /** OPEN; CLOSING: only the library's own operations may start; CLOSED: the handle is closed. */
    private enum State {
        OPEN,
        CLOSING,
        CLOSED
    }

    private final CompletionPort port;
    private final long token;
    private final long id;
    private final SenderCache senders = new SenderCache();
    private final CompletableFuture<Void> released = new CompletableFuture<>();

    private State state = State.OPEN;

    /** The driver is to go on with the connection when the handle is closed. */
    private boolean lingers;

    private final Pending pending = new Pending();

    /** The handle is being closed, which released waits for too. */
    private boolean closing;

    /** The API's object of this handle, which is kept from being garbage while it has operations under way. */
    private WeakReference<Object> owner = new WeakReference<>(null);

    private Object kept;

    SocketHandle(CompletionPort port, long token, long id) {
        this.port = port;
        this.token = token;
        this.id = id;
    }

    /** The port that completes its operations. */
    public CompletionPort port() {
        return port;
    }

    /** A future for an operation on this. */
    <T> OperationFuture<T> newFuture() {
        return new OperationFuture<>(port.dispatcher());
    }

    /** The future of an operation that fails before it is one. */
    <T> OperationFuture<T> failedFuture(Throwable reason) {
        return OperationFuture.failed(port.dispatcher(), reason);
    }

    /** Its number, by which messages call it. */
    public long id() {
        return id;
    }

    long token() {
        return token;
    }

    /** The last sender, for datagrams of this socket. */
    public SenderCache senders() {
        return senders;
    }

    String subject() {
        return "socket " + id;
    }

    /** Whether users may still start operations. */
    public synchronized boolean isOpen() {
        return state == State.OPEN;
    }

    private synchronized boolean isClosed() {
        return state == State.CLOSED;
    }

    /** Names the API's object of this handle. */
    public synchronized void ownedBy(Object object) {
        owner = new WeakReference<>(object);
    }

    /** Completes, on a library thread, when the handle is closed and the driver has let go of all its operations. */
    public CompletableFuture<Void> released() {
        return released;
    }

    // ---- operations --------------------------------------------------------------------------------------------

    /** Lists an operation that is about to be submitted. @return false when the socket takes none any more */
    synchronized boolean add(Operation operation) {
        if (state == State.CLOSED || state == State.CLOSING && !operation.internal) {
            return false;
        }
        if (pending.isEmpty()) {
            kept = owner.get();
        }
        pending.add(operation);
        return true;
    }

    /** Lets one that ended within its call wait for those before it. @return false if it may be completed now */
    synchronized boolean defer(Operation operation, CompletionRecord record) {
        return pending.defer(operation, record);
    }

    private synchronized Operation takeDeferred() {
        return pending.takeDeferred();
    }

    private void completeDeferred() {
        for (Operation ready = takeDeferred(); ready != null; ready = takeDeferred()) {
            port.take(ready.deferred);
        }
    }

    void remove(Operation operation) {
        boolean last;
        boolean more;
        synchronized (this) {
            if (!pending.remove(operation)) {
                return;
            }
            kept = pending.isEmpty() ? null : kept;
            last = isLast();
            more = pending.hasDeferred();
        }
        if (more) {
            completeDeferred();
        }
        if (last) {
            released.complete(null);
        }
    }

    /** Closed, and nothing is under way. */
    private boolean isLast() {
        return state == State.CLOSED && !closing && pending.isEmpty();
    }

    // ---- closing -----------------------------------------------------------------------------------------------

    /**
     * Bars users' operations and asks the driver to cancel those under way, but sends.
     *
     * @return false if that, or more, was done before
     */
    public boolean beginClose() {
        List<Operation> toCancel;
        synchronized (this) {
            if (state != State.OPEN) {
                return false;
            }
            state = State.CLOSING;
            toCancel = pending.ofUsers();
        }
        toCancel.forEach(Operation::cancel);
        return true;
    }

    /** Closes at once, whatever is under way. */
    public void closeNow() {
        beginClose();
        close();
    }

    /**
     * From now on the driver goes on with the connection when the handle is closed, by the library or because the
     * process ends: it delivers what was sent, ends the sending side and waits for the peer to do so too.
     *
     * @return false if that can't be
     */
    private boolean linger(int seconds) {
        boolean set = !Status.isError(putOption(DriverOption.LINGER, seconds));
        synchronized (this) {
            lingers = set;
        }
        return set;
    }

    /**
     * Closes a connection whose users' operations are barred: when everything that was accepted for sending has ended the
     * handle is closed, and the driver does the rest. The connection is reset if something failed to go out, or when the
     * time is over. Nobody waits; neither does this.
     */
    public void closeGracefully(SendQueue sends, long limitMillis) {
        long start = System.nanoTime();
        if (!linger(seconds(limitMillis))) {
            close();
            return;
        }
        Future<?> deadline = Timer.schedule(this::close, limitMillis, TimeUnit.MILLISECONDS);
        released.whenComplete((nothing, failure) -> deadline.cancel(false));
        sends.atEnd(whole -> {
            long spent = (System.nanoTime() - start) / 1_000_000;
            if (whole && (spent < 1000 || linger(seconds(limitMillis - spent)))) {
                close(true);
            } else {
                close();
            }
        });
    }

    private static int seconds(long millis) {
        return (int) Math.max(1, Math.min(Layout.MAXIMUM_LINGER_SECONDS, (millis + 999) / 1000));
    }

    /**
     * Closes the handle; the driver cancels what is under way, and resets a connection. Idempotent, does not wait.
     */
    public void close() {
        close(false);
    }

    private void close(boolean leave) {
        boolean last;
        boolean reset;
        synchronized (this) {
            if (state == State.CLOSED) {
                return;
            }
            state = State.CLOSED;
            closing = true;
            reset = lingers && !leave;
        }
        if (reset) {
            putOption(DriverOption.LINGER, 0);
        }
        port.binding().socketClose(token);
        synchronized (this) {
            closing = false;
            last = isLast();
        }
        if (last) {
            released.complete(null);
        }
    }

    // ---- errors ------------------------------------------------------------------------------------------------

    Exception failure(Verb verb, int status) {
        boolean endedByClose =
                status == Status.CANCELLED || status == Status.INVALID_HANDLE || status == Status.FILE_CLOSED;
        if (endedByClose && !isOpen()) {
            IOException closed = StatusMapping.closedMeanwhile(verb, subject(), status);
            port.failure().ifPresent(closed::initCause);
            return closed;
        }
        return StatusMapping.exception(status, verb, subject(), refusal(status, verb.gate()));
    }

    /** Why the system refuses what a gate guards; empty if that isn't the reason. */
    private String refusal(int status, Optional<Gate> guard) {
        SystemVersion system = port.system();
        return guard.filter(gate -> status == NtStatus.NOT_SUPPORTED.code() && !gate.isOpen(system))
                .map(gate -> gate.refusal(system))
                .orElse("");
    }

    /** The same for an operation that may have had a deadline. */
    Exception failure(Verb verb, int status, Deadline deadline) {
        return status == Status.IO_TIMEOUT && !deadline.isNone()
                ? StatusMapping.deadlinePassed(verb, subject())
                : failure(verb, status);
    }

    /** The exception for an operation that a user starts after the socket was closed. */
    public IOException closedFailure(Verb verb) {
        IOException closed = StatusMapping.closed(verb, subject());
        port.failure().ifPresent(closed::initCause);
        return closed;
    }

    private void check(int status, Verb verb) throws IOException {
        check(status, verb, verb.gate());
    }

    private void check(int status, Verb verb, Optional<Gate> guard) throws IOException {
        if (!Status.isError(status)) {
            return;
        }
        if (status == Status.INVALID_HANDLE && isClosed()) {
            throw closedFailure(verb);
        }
        if (status == NtStatus.FILE_FORCED_CLOSED.code()) {
            close();
        }
        throw StatusMapping.thrown(status, verb, subject(), refusal(status, guard));
    }

    // ---- control requests --------------------------------------------------------------------------------------

    /** Makes the handle a socket. */
    public void create(Category category, ProtocolFamily family) throws IOException {
        Scratch scratch = Scratch.take();
        try {
            scratch.zeroIn(Layout.Create.SIZE)
                    .memory()
                    .putInt(Layout.Create.LENGTH, Layout.Create.SIZE)
                    .putShort(Layout.Create.CATEGORY, (short) category.number())
                    .putShort(Layout.Create.FAMILY, (short) SocketAddresses.number(family))
                    .putInt(Layout.Create.PROTOCOL, category.protocol());
            check(control(scratch, Verb.OPEN, Layout.Create.SIZE, 0), Verb.OPEN);
        } finally {
            scratch.giveBack();
        }
    }

    /** Makes the handle the socket of an accepted connection. @return the status */
    int attach(long acceptToken) {
        Scratch scratch = Scratch.take();
        try {
            scratch.zeroIn(Layout.Attach.SIZE)
                    .memory()
                    .putInt(Layout.Attach.LENGTH, Layout.Attach.SIZE)
                    .putLong(Layout.Attach.TOKEN, acceptToken);
            return control(scratch, Verb.ATTACH, Layout.Attach.SIZE, 0);
        } finally {
            scratch.giveBack();
        }
    }

    /** Gives the socket its local address. */
    public void bind(SocketAddresses.Encoded address) throws IOException {
        setAddress(Verb.BIND, address);
    }

    /** Lets a datagram socket receive from one address only, and send to it. */
    public void setRemoteAddress(SocketAddresses.Encoded address) throws IOException {
        setAddress(Verb.SET_REMOTE_ADDRESS, address);
    }

    /** Takes that back. */
    public void clearRemoteAddress() throws IOException {
        setRemoteAddress(SocketAddresses.NONE);
    }

    /** Fixes where a datagram socket sends to. */
    public void setSendToAddress(SocketAddresses.Encoded address) throws IOException {
        setAddress(Verb.SET_SENDTO_ADDRESS, address);
    }

    /** Takes that back. */
    public void clearSendToAddress() throws IOException {
        setSendToAddress(SocketAddresses.NONE);
    }

    private void setAddress(Verb verb, SocketAddresses.Encoded address) throws IOException {
        Scratch scratch = Scratch.take();
        try {
            scratch.memory().putInt(Layout.Address.LENGTH, Layout.Address.SIZE);
            address.writeTo(scratch.memory(), Layout.Address.ADDRESS);
            check(control(scratch, verb, Layout.Address.SIZE, 0), verb);
        } finally {
            scratch.giveBack();
        }
    }

    /** Makes the driver keep what a datagram socket receives. */
    public void setReceiveRing(long bytes, int maximumDatagrams, boolean holdsBack) throws IOException {
        Scratch scratch = Scratch.take();
        try {
            scratch.zeroIn(Layout.RingParameters.SIZE)
                    .memory()
                    .putInt(Layout.RingParameters.LENGTH, Layout.RingParameters.SIZE)
                    .putInt(Layout.RingParameters.FLAGS, holdsBack ? Layout.RingParameters.HOLDS_BACK : 0)
                    .putLong(Layout.RingParameters.BYTES, bytes)
                    .putInt(Layout.RingParameters.MAXIMUM_DATAGRAMS, maximumDatagrams);
            check(control(scratch, Verb.SET_RECEIVE_RING, Layout.RingParameters.SIZE, 0), Verb.SET_RECEIVE_RING);
        } finally {
            scratch.giveBack();
        }
    }

    /** What the driver keeps. */
    public ReceiveRingState receiveRing() throws IOException {
        Scratch scratch = Scratch.take();
        try {
            check(control(scratch, Verb.GET_RECEIVE_RING, 0, Layout.RingState.SIZE), Verb.GET_RECEIVE_RING);
            ByteBuffer memory = scratch.memory();
            int at = Scratch.OUT;
            return new ReceiveRingState(
                    memory.getLong(at + Layout.RingState.BYTES),
                    memory.getLong(at + Layout.RingState.USED_BYTES),
                    memory.getInt(at + Layout.RingState.DATAGRAMS),
                    memory.getLong(at + Layout.RingState.OVERRUNS));
        } finally {
            scratch.giveBack();
        }
    }

    /** The socket's own address. */
    public InetSocketAddress localAddress() throws IOException {
        return getAddress(Verb.GET_LOCAL_ADDRESS);
    }

    /** The address of a connection's other end. */
    public InetSocketAddress remoteAddress() throws IOException {
        return getAddress(Verb.GET_REMOTE_ADDRESS);
    }

    private InetSocketAddress getAddress(Verb verb) throws IOException {
        Scratch scratch = Scratch.take();
        try {
            check(control(scratch, verb, 0, Layout.Address.SIZE), verb);
            return SocketAddresses.decode(scratch.memory(), Scratch.OUT + Layout.Address.ADDRESS);
        } finally {
            scratch.giveBack();
        }
    }

    /** Sets an option of the driver's. */
    public void setOption(DriverOption option, int value) throws IOException {
        check(putOption(option, value), Verb.SET_OPTION, option.gate());
    }

    /** @return the status */
    private int putOption(DriverOption option, int value) {
        Scratch scratch = Scratch.take();
        try {
            int length = writeOption(scratch, option, option.length());
            scratch.memory().putInt(Layout.Option.SIZE, value);
            return control(scratch, Verb.SET_OPTION, length, 0);
        } finally {
            scratch.giveBack();
        }
    }

    /** The value of an option of the driver's. */
    public int getOption(DriverOption option) throws IOException {
        Scratch scratch = Scratch.take();
        try {
            int length = writeOption(scratch, option, 0);
            int status = control(scratch, Verb.GET_OPTION, length, length + option.length());
            check(status, Verb.GET_OPTION, option.gate());
            return scratch.memory().getInt(Scratch.OUT + Layout.Option.SIZE);
        } finally {
            scratch.giveBack();
        }
    }

    /** Whether the system has an option of the driver's; what can't be told counts as yes. */
    boolean hasOption(DriverOption option) {
        Scratch scratch = Scratch.take();
        try {
            int length = writeOption(scratch, option, 0);
            int status = control(scratch, Verb.GET_OPTION, length, length + option.length());
            return status != NtStatus.NOT_SUPPORTED.code();
        } finally {
            scratch.giveBack();
        }
    }

    /**
     * Changes the membership of a group.
     *
     * @param change one of the options that do so
     * @param network the interface's index
     * @param source {@link SocketAddresses#NONE} for any source
     */
    public void changeGroup(
            DriverOption change, int network, SocketAddresses.Encoded group, SocketAddresses.Encoded source)
            throws IOException {
        Scratch scratch = Scratch.take();
        try {
            int length = writeOption(scratch, change, change.length());
            scratch.memory().putInt(Layout.Option.SIZE + Layout.Group.INTERFACE, network);
            group.writeTo(scratch.memory(), Layout.Option.SIZE + Layout.Group.GROUP);
            source.writeTo(scratch.memory(), Layout.Option.SIZE + Layout.Group.SOURCE);
            check(control(scratch, Verb.SET_OPTION, length, 0), Verb.SET_OPTION);
        } finally {
            scratch.giveBack();
        }
    }

    /** The structure before an option's value. @return its length with that of the value that follows */
    private static int writeOption(Scratch scratch, DriverOption option, int following) {
        int length = Layout.Option.SIZE + following;
        scratch.zeroIn(Layout.Option.SIZE)
                .memory()
                .putInt(Layout.Option.LENGTH, length)
                .putInt(Layout.Option.OPTION, option.number())
                .putInt(Layout.Option.VALUE_LENGTH, option.length());
        return length;
    }

    /**
     * A list of the driver's, of any length.
     *
     * @param entrySize size of an entry
     * @return its entries
     */
    List<ByteBuffer> list(Verb verb, int entrySize) throws IOException {
        int room = Layout.Entries.SIZE + 64 * entrySize;
        while (true) {
            ByteBuffer memory = NativeMemory.allocate(room);
            int status = port.binding().control(token, verb.number(), 0, 0, NativeMemory.address(memory), room, 0);
            check(status, verb);
            int size = memory.getInt(Layout.Entries.LENGTH);
            if (size <= room) {
                return entries(memory, entrySize);
            }
            room = size + 8 * entrySize; // more may come meanwhile
        }
    }

    private static List<ByteBuffer> entries(ByteBuffer memory, int entrySize) {
        List<ByteBuffer> entries = new ArrayList<>();
        for (int i = 0; i < memory.getInt(Layout.Entries.COUNT); i++) {
            entries.add(
                    memory.slice(Layout.Entries.SIZE + i * entrySize, entrySize).order(ByteOrder.LITTLE_ENDIAN));
        }
        return entries;
    }

    /** The addresses that sockets of this one's family can be bound to. */
    public List<InetAddress> addressList() throws IOException {
        return list(Verb.GET_ADDRESSES, Layout.SocketAddress.SIZE).stream()
                .map(entry -> SocketAddresses.decode(entry, 0).getAddress())
                .toList();
    }

    /** One control request with its input and output in the scratch memory. */
    int control(Scratch scratch, Verb verb, int inLength, int outLength) {
        return port.binding()
                .control(
                        token,
                        verb.number(),
                        inLength == 0 ? 0 : scratch.address() + Scratch.IN,
                        inLength,
                        outLength == 0 ? 0 : scratch.address() + Scratch.OUT,
                        outLength,
                        0);
    }
}
