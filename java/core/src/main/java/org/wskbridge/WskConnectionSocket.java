// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.net.SocketAddress;
import java.net.SocketOption;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.AlreadyConnectedException;
import java.nio.channels.ConnectionPendingException;
import java.nio.channels.NotYetConnectedException;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.future.Uninterruptibly;
import org.wskbridge.internal.shim.Category;
import org.wskbridge.internal.shim.DriverOption;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Verb;
import org.wskbridge.internal.socket.Deadline;
import org.wskbridge.internal.socket.OptionTable;
import org.wskbridge.internal.socket.ReceiveQueue;
import org.wskbridge.internal.socket.SendQueue;
import org.wskbridge.internal.socket.SocketHandle;
import org.wskbridge.internal.socket.StreamOperations;

/**
 * A socket of WSK's category for connections: TCP, connected or accepted.
 *
 * <p>Several sends and several receives may be outstanding; bytes go out in the order of the calls, and arrive in the
 * receives in the order of their calls.
 *
 * <p>{@link #close} doesn't wait, and loses nothing: receives end at once, and in the background what was accepted for
 * sending goes out, also after the peer kept it waiting for a while. As soon as the driver is done with the last send,
 * {@link #closeAsync} completes, and the driver goes on alone: it ends the sending side, and drops what the peer still
 * sends until that ends its side too. What the peer had sent before and nobody received is dropped as well; it doesn't
 * reset the connection, as it does with the JDK's sockets. {@link BridgeStatistics#lingeringSockets} counts such
 * connections.
 *
 * <p>The connection is reset if a send fails, or was cancelled when the driver had a part of it; when the bridge's
 * {@linkplain WskBridge.Builder#lingerLimit linger limit} is over; and, while there are sends, by {@link #abort}, by the
 * {@linkplain WskBridge#close close of the bridge}, which waits for a shorter time, and by the end of the process. With
 * {@link java.net.StandardSocketOptions#SO_LINGER SO_LINGER} above 0 the option's seconds are the limit, and
 * {@code close} waits until the sends are done; with 0 the connection is reset at once.
 *
 * <p>When the process ends, sends that are not done are lost. The rest of a close is the driver's, which outlives the
 * process. The embedded driver doesn't: there the operating system ends the connection like any socket's, and delivers
 * what sends had completed.
 *
 * <p>{@link java.net.StandardSocketOptions#SO_REUSEADDR SO_REUSEADDR} is remembered and changes nothing, as with the
 * JDK's channels on Windows.
 */
public final class WskConnectionSocket extends WskSocket {
    private enum Phase {
        UNCONNECTED,
        CONNECTING,
        CONNECTED
    }

    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

    private final int maximumTransfer;
    private final SendQueue sends;
    private final ReceiveQueue receives;

    /** Leaves UNCONNECTED holding stateLock; only the end of the connect takes it on from CONNECTING. */
    private volatile Phase phase = Phase.UNCONNECTED;

    /** Seconds; negative: not set. Guarded by stateLock. */
    private int linger = -1;

    WskConnectionSocket(WskBridge bridge, SocketHandle handle, ProtocolFamily family, BridgeLimits limits) {
        super(bridge, handle, family, new OptionTable(Category.CONNECTION, family));
        this.maximumTransfer = limits.maximumTransfer();
        this.sends = new SendQueue(handle, limits);
        this.receives = new ReceiveQueue(handle, limits);
    }

    /** This is the socket of an accepted connection. */
    WskConnectionSocket accepted(boolean dualStack) {
        setBound();
        setDual(dualStack);
        phase = Phase.CONNECTED;
        return this;
    }

    /**
     * Binds to a local address.
     *
     * @param local the address; port 0 and {@code null} leave the choice to the system
     * @throws java.net.BindException if the address is in use or isn't one of this machine's
     */
    @Override
    public WskConnectionSocket bind(SocketAddress local) throws IOException {
        synchronized (stateLock) {
            if (phase == Phase.CONNECTING) {
                throw new ConnectionPendingException();
            }
            bindLocked(local);
        }
        return this;
    }

    @Override
    public <T> WskConnectionSocket setOption(SocketOption<T> name, T value) throws IOException {
        storeOption(name, value);
        return this;
    }

    @Override
    Object emulatedOption(SocketOption<?> name) {
        return name == StandardSocketOptions.SO_LINGER ? linger : super.emulatedOption(name);
    }

    @Override
    void emulateOption(SocketOption<?> name, Object value) {
        if (name == StandardSocketOptions.SO_LINGER) {
            linger = Math.min(Math.max((Integer) value, -1), 65535);
        } else {
            super.emulateOption(name, value);
        }
    }

    // ---- connecting --------------------------------------------------------------------------------------------

    /**
     * Connects (WskConnect). If that fails, is cancelled or times out, the socket is closed.
     *
     * @param peer where to
     * @return completes when the connection is established; fails with a {@link java.net.ConnectException} or a
     *     {@link java.net.NoRouteToHostException} when it can't be, and with a {@link java.net.BindException} when
     *     there is no local port for it
     * @throws AlreadyConnectedException if the socket is connected
     * @throws ConnectionPendingException if it is about to be connected
     * @throws java.nio.channels.UnresolvedAddressException if the peer has no address
     * @throws java.nio.channels.UnsupportedAddressTypeException if the peer isn't of this socket's family
     */
    public CompletableFuture<Void> connect(SocketAddress peer) {
        return connect(peer, NOTHING, Deadline.NONE);
    }

    /**
     * The same within a time. If the connection isn't established by then, the future fails with a
     * {@link java.net.SocketTimeoutException}, and the socket is closed.
     *
     * @param peer where to
     * @param timeout how long the driver may try
     * @return completes when the connection is established
     * @throws IllegalArgumentException if the timeout isn't positive
     * @see #connect(SocketAddress)
     */
    public CompletableFuture<Void> connect(SocketAddress peer, Duration timeout) {
        return connect(peer, NOTHING, Deadline.after(timeout));
    }

    private CompletableFuture<Void> connect(SocketAddress peer, ByteBuffer first, Deadline deadline) {
        Objects.requireNonNull(peer, "peer");
        SocketAddresses.Encoded encoded;
        synchronized (stateLock) {
            if (!isOpen()) {
                return failedAsClosed(Verb.CONNECT);
            }
            if (phase == Phase.CONNECTED) {
                throw new AlreadyConnectedException();
            }
            if (phase == Phase.CONNECTING) {
                throw new ConnectionPendingException();
            }
            encoded = encode(peer);
            try {
                bindIfNeeded();
            } catch (IOException e) {
                closeNow();
                return failed(e);
            }
            phase = Phase.CONNECTING;
        }
        try {
            return first.hasRemaining()
                    ? StreamOperations.connect(handle, encoded, first, deadline, this::connectEnded)
                    : StreamOperations.connect(handle, encoded, deadline, this::connectEnded);
        } catch (IOException e) { // the memory of the first bytes can't be used
            connectEnded(false);
            return failed(e);
        }
    }

    /**
     * Connects, and sends the first bytes as soon as the connection is established (WskConnectEx). If that fails, is
     * cancelled or times out, the socket is closed.
     *
     * @param peer where to
     * @param first the bytes, at most 65,535
     * @return completes when the connection is established and the bytes are sent; fails as {@link #connect(SocketAddress)}
     *     does, and with an {@link UnsupportedOperationException} on a Windows that is too old: see
     *     {@link Feature#CONNECT_DATA}
     * @throws IllegalArgumentException if more than 65,535 bytes remain
     * @throws AlreadyConnectedException if the socket is connected
     * @throws ConnectionPendingException if it is about to be connected
     */
    public CompletableFuture<Void> connect(SocketAddress peer, ByteBuffer first) {
        return connect(peer, Buffers.requireAtMost(first, Layout.MAXIMUM_FIRST_DATA), Deadline.NONE);
    }

    /**
     * The same within a time, as {@link #connect(SocketAddress, Duration)}.
     *
     * @param peer where to
     * @param first the bytes, at most 65,535
     * @param timeout how long the driver may try
     * @return completes when the connection is established and the bytes are sent
     * @throws IllegalArgumentException if more than 65,535 bytes remain, or the timeout isn't positive
     */
    public CompletableFuture<Void> connect(SocketAddress peer, ByteBuffer first, Duration timeout) {
        return connect(peer, Buffers.requireAtMost(first, Layout.MAXIMUM_FIRST_DATA), Deadline.after(timeout));
    }

    private void connectEnded(boolean connected) {
        if (connected) {
            phase = Phase.CONNECTED;
        } else {
            phase = Phase.UNCONNECTED;
            closeNow();
        }
    }

    /**
     * Whether the connection was established.
     *
     * @return true from then on, also after it ended
     */
    public boolean isConnected() {
        return phase == Phase.CONNECTED;
    }

    /**
     * The peer, also after the connection has ended.
     *
     * @return the peer's address, if the socket is or was connected
     * @throws java.nio.channels.ClosedChannelException if the socket is closed
     */
    public Optional<InetSocketAddress> getRemoteAddress() throws IOException {
        requireOpen(Verb.GET_REMOTE_ADDRESS);
        return isConnected() ? Optional.of(handle.remoteAddress()) : Optional.empty();
    }

    // ---- data --------------------------------------------------------------------------------------------------

    /**
     * Sends all that remains in a buffer (WskSend).
     *
     * @param source the bytes
     * @return the number of bytes sent, which is less than all only when the operation was cancelled half-way. Sends
     *     behind one that failed, or that was cancelled when the driver had a part of it, fail, also those that are
     *     called later
     * @throws NotYetConnectedException if the socket isn't connected
     */
    public CompletableFuture<Integer> send(ByteBuffer source) {
        return send(source, Deadline.NONE);
    }

    /**
     * The same with options.
     *
     * @param source the bytes
     * @param options how to send them
     * @return the number of bytes sent
     * @throws NotYetConnectedException if the socket isn't connected
     * @see #send(ByteBuffer)
     */
    public CompletableFuture<Integer> send(ByteBuffer source, WskSendOption... options) {
        return send(source, Deadline.NONE, options);
    }

    /**
     * The same within a time, which counts from this call, also while the send waits for others. If not all has gone by
     * then, the future fails with a {@link java.net.SocketTimeoutException} whose
     * {@link java.io.InterruptedIOException#bytesTransferred bytesTransferred} says how much has. The driver may then have
     * sent a part that it doesn't know of, so nothing more can be sent on this connection, and {@link #close} resets it. A
     * send that the driver had not begun changes nothing.
     *
     * @param source the bytes
     * @param timeout how long it may take
     * @param options how to send them
     * @return the number of bytes sent
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws IllegalArgumentException if the timeout isn't positive
     * @see #send(ByteBuffer)
     */
    public CompletableFuture<Integer> send(ByteBuffer source, Duration timeout, WskSendOption... options) {
        return send(source, Deadline.after(timeout), options);
    }

    private CompletableFuture<Integer> send(ByteBuffer source, Deadline deadline, WskSendOption... options) {
        Objects.requireNonNull(source, "source");
        if (!isOpen()) {
            return failedAsClosed(Verb.SEND);
        }
        requireConnected();
        if (!source.hasRemaining()) {
            return OperationFuture.completed(dispatcher(), 0);
        }
        return sends.send(source, deadline, flags(options));
    }

    /**
     * Sends all that remains in several buffers, one after the other and with nothing in between. Small buffers are copied
     * together, so that they go to the driver, and most often to the network, as one.
     *
     * @param sources the bytes
     * @return the number of bytes sent in all, as with {@link #send(ByteBuffer)}
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws IllegalArgumentException if more than 2<sup>31</sup> - 1 bytes remain in all
     */
    public CompletableFuture<Integer> send(ByteBuffer[] sources) {
        return send(sources, Deadline.NONE);
    }

    /**
     * The same with options.
     *
     * @param sources the bytes
     * @param options how to send them
     * @return the number of bytes sent in all
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws IllegalArgumentException if more than 2<sup>31</sup> - 1 bytes remain in all
     * @see #send(ByteBuffer[])
     */
    public CompletableFuture<Integer> send(ByteBuffer[] sources, WskSendOption... options) {
        return send(sources, Deadline.NONE, options);
    }

    /**
     * The same within a time, as {@link #send(ByteBuffer, Duration, WskSendOption...)}.
     *
     * @param sources the bytes
     * @param timeout how long it may take
     * @param options how to send them
     * @return the number of bytes sent in all
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws IllegalArgumentException if more than 2<sup>31</sup> - 1 bytes remain in all, or the timeout isn't positive
     */
    public CompletableFuture<Integer> send(ByteBuffer[] sources, Duration timeout, WskSendOption... options) {
        return send(sources, Deadline.after(timeout), options);
    }

    private static int flags(WskSendOption... options) {
        int flags = 0;
        for (WskSendOption option : options) {
            flags |= switch (option) {
                case NO_DELAY -> Layout.SEND_NODELAY;
            };
        }
        return flags;
    }

    private CompletableFuture<Integer> send(ByteBuffer[] sources, Deadline deadline, WskSendOption... options) {
        ByteBuffer[] buffers = Buffers.copyOf(sources);
        if (!isOpen()) {
            return failedAsClosed(Verb.SEND);
        }
        requireConnected();
        return Buffers.remaining(buffers) == 0
                ? OperationFuture.completed(dispatcher(), 0)
                : sends.send(buffers, deadline, flags(options));
    }

    /**
     * Receives what there is (WskReceive).
     *
     * @param target where to put the bytes
     * @return the number of bytes received, at least one; -1 when the peer ended its side; 0 when nothing remains in
     *     the buffer
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws IllegalArgumentException if the buffer is read-only
     */
    public CompletableFuture<Integer> receive(ByteBuffer target) {
        return receive(target, Deadline.NONE);
    }

    /**
     * The same within a time. If nothing has come by then, the future fails with a
     * {@link java.net.SocketTimeoutException}. Nothing is lost: what comes later is for the next receive.
     *
     * @param target where to put the bytes
     * @param timeout how long to wait
     * @return the number of bytes received; -1 when the peer ended its side; 0 when nothing remains in the buffer
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws IllegalArgumentException if the buffer is read-only, or the timeout isn't positive
     * @see #receive(ByteBuffer)
     */
    public CompletableFuture<Integer> receive(ByteBuffer target, Duration timeout) {
        return receive(target, Deadline.after(timeout));
    }

    private CompletableFuture<Integer> receive(ByteBuffer target, Deadline deadline) {
        Buffers.requireWritable(target);
        if (!isOpen()) {
            return failedAsClosed(Verb.RECEIVE);
        }
        requireConnected();
        if (!target.hasRemaining()) {
            return OperationFuture.completed(dispatcher(), 0);
        }
        return receives.receive(target, deadline);
    }

    /**
     * Receives what there is into several buffers. Each is filled before the next. A large first buffer may be the only one
     * that gets bytes, even if more have arrived.
     *
     * @param targets where to put the bytes
     * @return the number of bytes received in all, as with {@link #receive(ByteBuffer)}
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws IllegalArgumentException if a buffer is read-only
     */
    public CompletableFuture<Integer> receive(ByteBuffer[] targets) {
        return receive(targets, Deadline.NONE);
    }

    /**
     * The same within a time, as {@link #receive(ByteBuffer, Duration)}.
     *
     * @param targets where to put the bytes
     * @param timeout how long to wait
     * @return the number of bytes received in all
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws IllegalArgumentException if a buffer is read-only, or the timeout isn't positive
     */
    public CompletableFuture<Integer> receive(ByteBuffer[] targets, Duration timeout) {
        return receive(targets, Deadline.after(timeout));
    }

    private CompletableFuture<Integer> receive(ByteBuffer[] targets, Deadline deadline) {
        ByteBuffer[] buffers = targets.clone();
        for (ByteBuffer buffer : buffers) {
            Buffers.requireWritable(buffer);
        }
        if (!isOpen()) {
            return failedAsClosed(Verb.RECEIVE);
        }
        requireConnected();
        return Buffers.remaining(buffers) == 0
                ? OperationFuture.completed(dispatcher(), 0)
                : receives.receive(buffers, deadline);
    }

    /**
     * Receives as many bytes as remain in a buffer (WskReceive with WSK_FLAG_WAITALL).
     *
     * @param target where to put the bytes
     * @return the number of bytes received: all, or fewer when the peer ended its side, or the operation was cancelled, when
     *     some had come; -1 when the peer ended its side and none had come; 0 when nothing remains in the buffer. If the
     *     operation is cancelled and none had come, WSK may have taken bytes that it doesn't tell of: nothing more can be
     *     received then
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws IllegalArgumentException if the buffer is read-only, or more remains than
     *     {@link BridgeLimits#maximumTransfer()}
     */
    public CompletableFuture<Integer> receiveFully(ByteBuffer target) {
        return receiveFully(target, Deadline.NONE);
    }

    /**
     * The same within a time. If only some bytes have come by then, they are the result. If none has, the future fails with
     * a {@link java.net.SocketTimeoutException}, and nothing more can be received.
     *
     * @param target where to put the bytes
     * @param timeout how long to wait
     * @return the number of bytes received
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws IllegalArgumentException if the buffer is read-only, more remains than
     *     {@link BridgeLimits#maximumTransfer()}, or the timeout isn't positive
     * @see #receiveFully(ByteBuffer)
     */
    public CompletableFuture<Integer> receiveFully(ByteBuffer target, Duration timeout) {
        return receiveFully(target, Deadline.after(timeout));
    }

    private CompletableFuture<Integer> receiveFully(ByteBuffer target, Deadline deadline) {
        Buffers.requireWritable(target);
        if (target.remaining() > maximumTransfer) {
            throw new IllegalArgumentException(target.remaining() + " bytes are more than one request takes");
        }
        if (!isOpen()) {
            return failedAsClosed(Verb.RECEIVE);
        }
        requireConnected();
        return target.hasRemaining()
                ? receives.receiveFully(target, deadline)
                : OperationFuture.completed(dispatcher(), 0);
    }

    /**
     * How much can be received without waiting, as far as the system tells (SIO_WSK_QUERY_RECEIVE_BACKLOG).
     *
     * @return the number of bytes; 0 also when the peer has ended its side
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws java.nio.channels.ClosedChannelException if the socket is closed
     */
    public int available() throws IOException {
        requireOpen(Verb.GET_OPTION);
        requireConnected();
        return (int)
                Math.min(Integer.toUnsignedLong(handle.getOption(DriverOption.RECEIVE_BACKLOG)), Integer.MAX_VALUE);
    }

    /**
     * Waits until a receive would not have to wait, without a buffer: until there is data that no receive has taken, or
     * the stream has ended (WskReceiveEvent). It takes nothing, so a server can have very many idle connections, and a
     * buffer only for those that have something to say.
     *
     * <p>It may be mixed with receives. A receive that waits takes the data first, and this waits for what it leaves. When
     * this completes, another receive may still take the data away.
     *
     * @return completes when there is something to receive, be it the end or an error that the receive then reports; fails
     *     with a {@link WskQuotaException} if too many of these futures wait
     * @throws NotYetConnectedException if the socket isn't connected
     */
    public CompletableFuture<Void> onReadable() {
        if (!isOpen()) {
            return failedAsClosed(Verb.AWAIT_READABLE);
        }
        requireConnected();
        return StreamOperations.waitReadable(handle);
    }

    /**
     * Waits until the peer has ended its side of the connection, without a buffer (WskDisconnectEvent). An orderly end is
     * noticed when what the peer sent before it has been received, a reset at once.
     *
     * @return completes when the peer has ended its side in order; fails with a {@link java.net.SocketException} when it
     *     has reset the connection, and with a {@link WskQuotaException} if too many of these futures wait
     * @throws NotYetConnectedException if the socket isn't connected
     */
    public CompletableFuture<Void> onPeerClosed() {
        if (!isOpen()) {
            return failedAsClosed(Verb.AWAIT_DISCONNECTED);
        }
        requireConnected();
        return StreamOperations.waitDisconnected(handle);
    }

    // ---- the ends of the stream --------------------------------------------------------------------------------

    /**
     * Ends the sending side once everything before has gone (WskDisconnect); receiving goes on. Further sends fail
     * with a {@link java.nio.channels.ClosedChannelException}. Further calls return the same future.
     *
     * @return completes when the peer has been told
     * @throws NotYetConnectedException if the socket isn't connected
     */
    public CompletableFuture<Void> disconnect() {
        return disconnect(Deadline.NONE);
    }

    /**
     * The same within a time, which counts from this call, also while the disconnect waits for sends. If the peer hasn't
     * got everything by then, the future fails with a {@link java.net.SocketTimeoutException}. While sends were waiting,
     * that changes nothing. Otherwise the peer may still be told.
     *
     * @param timeout how long it may take; that of the first call counts
     * @return completes when the peer has been told
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws IllegalArgumentException if the timeout isn't positive
     * @see #disconnect()
     */
    public CompletableFuture<Void> disconnect(Duration timeout) {
        return disconnect(Deadline.after(timeout));
    }

    /**
     * Sends the last bytes, and ends the sending side with them (WskDisconnect with a buffer): the peer gets the end together
     * with the bytes.
     *
     * @param last the bytes
     * @return completes when the peer has got everything; fails with a {@link java.nio.channels.ClosedChannelException} if
     *     the sending side was ended before
     * @throws NotYetConnectedException if the socket isn't connected
     * @see #disconnect()
     */
    public CompletableFuture<Void> disconnect(ByteBuffer last) {
        return disconnect(last, Deadline.NONE);
    }

    /**
     * The same within a time. If the peer hasn't got everything by then, the future fails with a
     * {@link java.net.SocketTimeoutException}. The driver may then have sent a part, so {@link #close} resets the
     * connection.
     *
     * @param last the bytes
     * @param timeout how long it may take
     * @return completes when the peer has got everything
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws IllegalArgumentException if the timeout isn't positive
     * @see #disconnect(ByteBuffer)
     */
    public CompletableFuture<Void> disconnect(ByteBuffer last, Duration timeout) {
        return disconnect(last, Deadline.after(timeout));
    }

    private CompletableFuture<Void> disconnect(ByteBuffer last, Deadline deadline) {
        Objects.requireNonNull(last, "last");
        if (!isOpen()) {
            return failedAsClosed(Verb.DISCONNECT);
        }
        requireConnected();
        return last.hasRemaining() ? sends.disconnect(last, deadline) : sends.disconnect(deadline);
    }

    /**
     * The same as {@link #disconnect()}, by the name that {@link java.nio.channels.SocketChannel} has for it.
     *
     * @return completes when the peer has been told
     * @throws NotYetConnectedException if the socket isn't connected
     */
    public CompletableFuture<Void> shutdownOutput() {
        return disconnect();
    }

    /**
     * Gives up the receiving side (WskReceive with WSK_FLAG_DRAIN): what the peer sends is dropped, and later receives find
     * the end of the stream. Receives from before get their bytes first. Sending goes on. Further calls return the same
     * future.
     *
     * @return completes when the peer has ended its side, which may never happen
     * @throws NotYetConnectedException if the socket isn't connected
     */
    public CompletableFuture<Void> shutdownInput() {
        if (!isOpen()) {
            return failedAsClosed(Verb.RECEIVE);
        }
        requireConnected();
        return receives.shutdown();
    }

    private CompletableFuture<Void> disconnect(Deadline deadline) {
        if (!isOpen()) {
            return failedAsClosed(Verb.DISCONNECT);
        }
        requireConnected();
        return sends.disconnect(deadline);
    }

    private void requireConnected() {
        if (phase != Phase.CONNECTED) {
            throw new NotYetConnectedException();
        }
    }

    // ---- closing -----------------------------------------------------------------------------------------------

    /** Resets the connection and closes the socket, also one that is being closed and has sends under way. */
    public void abort() {
        closeNow();
    }

    /**
     * Closes the socket in the background, as the class description says. Receives, and a connect, that are under way complete
     * with an {@link java.nio.channels.AsynchronousCloseException} unless their results came first; so do sends if the
     * connection has to be reset. Closing twice does nothing.
     *
     * @throws IOException never; the interface prescribes it
     */
    @Override
    public void close() throws IOException {
        startClose();
        int seconds = linger();
        if (seconds > 0 && !dispatcher().onPoller()) {
            Uninterruptibly.await(handle.released(), (seconds + 1) * 1000L);
        }
    }

    private int linger() {
        synchronized (stateLock) {
            return linger;
        }
    }

    /**
     * Closes the socket as {@link #close} does, but resets the connection when the time is over and not everything has been
     * delivered.
     *
     * @param limit how long the delivery may take, in place of the bridge's
     *     {@linkplain WskBridge.Builder#lingerLimit linger limit} and of
     *     {@link java.net.StandardSocketOptions#SO_LINGER SO_LINGER}. What the driver does alone, once the sends are done, it
     *     limits by whole seconds
     * @return completes when the driver is done with the socket's sends and buffers
     * @throws IllegalArgumentException if the limit is negative; zero resets the connection at once
     */
    public CompletableFuture<Void> closeAsync(Duration limit) {
        if (limit.isNegative()) {
            throw new IllegalArgumentException("a limit of " + limit + " is negative");
        }
        boolean isLong = limit.compareTo(Duration.ofSeconds(Layout.MAXIMUM_LINGER_SECONDS)) > 0;
        startClose(isLong ? Layout.MAXIMUM_LINGER_SECONDS * 1000L : (limit.toNanos() + 999_999) / 1_000_000);
        return closeAsync();
    }

    @Override
    void startClose() {
        int seconds = linger();
        startClose(seconds >= 0 ? seconds * 1000L : bridge.lingerLimitMillis());
    }

    private void startClose(long limit) {
        if (!handle.beginClose()) {
            return;
        }
        if (phase != Phase.CONNECTED || limit == 0) {
            handle.close();
        } else {
            handle.closeGracefully(sends, limit);
        }
    }

    @Override
    long closeMillis() {
        int seconds = linger();
        return seconds > 0 ? seconds * 1000L : bridge.closeTimeoutMillis();
    }
}
