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

    private final SendQueue sends;
    private final ReceiveQueue receives;

    /** Leaves UNCONNECTED holding stateLock; only the end of the connect takes it on from CONNECTING. */
    private volatile Phase phase = Phase.UNCONNECTED;

    /** Seconds; negative: not set. Guarded by stateLock. */
    private int linger = -1;

    WskConnectionSocket(WskBridge bridge, SocketHandle handle, ProtocolFamily family, BridgeLimits limits) {
        super(bridge, handle, family, new OptionTable(Category.CONNECTION, family));
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
        return connect(peer, Deadline.NONE);
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
        return connect(peer, Deadline.after(timeout));
    }

    private CompletableFuture<Void> connect(SocketAddress peer, Deadline deadline) {
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
        return StreamOperations.connect(handle, encoded, deadline, this::connectEnded);
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
     * The same within a time, which counts from this call, also while the send waits for others. If not all has gone by
     * then, the future fails with a {@link java.net.SocketTimeoutException} whose
     * {@link java.io.InterruptedIOException#bytesTransferred bytesTransferred} says how much has. The driver may then have
     * sent a part that it doesn't know of, so nothing more can be sent on this connection, and {@link #close} resets it. A
     * send that the driver had not begun changes nothing.
     *
     * @param source the bytes
     * @param timeout how long it may take
     * @return the number of bytes sent
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws IllegalArgumentException if the timeout isn't positive
     * @see #send(ByteBuffer)
     */
    public CompletableFuture<Integer> send(ByteBuffer source, Duration timeout) {
        return send(source, Deadline.after(timeout));
    }

    private CompletableFuture<Integer> send(ByteBuffer source, Deadline deadline) {
        Objects.requireNonNull(source, "source");
        if (!isOpen()) {
            return failedAsClosed(Verb.SEND);
        }
        requireConnected();
        if (!source.hasRemaining()) {
            return OperationFuture.completed(dispatcher(), 0);
        }
        return sends.send(source, deadline);
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
     * The same within a time, as {@link #send(ByteBuffer, Duration)}.
     *
     * @param sources the bytes
     * @param timeout how long it may take
     * @return the number of bytes sent in all
     * @throws NotYetConnectedException if the socket isn't connected
     * @throws IllegalArgumentException if more than 2<sup>31</sup> - 1 bytes remain in all, or the timeout isn't positive
     */
    public CompletableFuture<Integer> send(ByteBuffer[] sources, Duration timeout) {
        return send(sources, Deadline.after(timeout));
    }

    private CompletableFuture<Integer> send(ByteBuffer[] sources, Deadline deadline) {
        ByteBuffer[] buffers = Buffers.copyOf(sources);
        if (!isOpen()) {
            return failedAsClosed(Verb.SEND);
        }
        requireConnected();
        return Buffers.remaining(buffers) == 0
                ? OperationFuture.completed(dispatcher(), 0)
                : sends.send(buffers, deadline);
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

    @Override
    void startClose() {
        if (!handle.beginClose()) {
            return;
        }
        int seconds = linger();
        long limit = seconds >= 0 ? seconds * 1000L : bridge.lingerLimitMillis();
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
