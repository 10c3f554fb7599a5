// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.net.SocketAddress;
import java.net.SocketOption;
import java.nio.channels.NotYetBoundException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.wskbridge.internal.shim.Category;
import org.wskbridge.internal.shim.Verb;
import org.wskbridge.internal.socket.Acceptor;
import org.wskbridge.internal.socket.Deadline;
import org.wskbridge.internal.socket.OptionTable;
import org.wskbridge.internal.socket.SocketHandle;

/**
 * A socket of WSK's category for accepting connections. It listens from {@link #bind} on; WSK has no backlog of its
 * own, so keep an accept or more outstanding.
 *
 * <p>Accepted connections inherit {@link java.net.StandardSocketOptions#SO_RCVBUF SO_RCVBUF} and
 * {@link java.net.StandardSocketOptions#SO_KEEPALIVE SO_KEEPALIVE}.
 *
 * <p>{@link java.net.StandardSocketOptions#SO_REUSEADDR SO_REUSEADDR} is remembered and changes nothing, as with the
 * JDK's server sockets on Windows: a port whose connections are in TIME_WAIT can be bound without it, and one that
 * another socket has can't be bound with it.
 */
public final class WskListenSocket extends WskSocket {
    private final BridgeLimits limits;
    private final Acceptor<WskConnectionSocket> acceptor;
    private volatile boolean listening;

    WskListenSocket(WskBridge bridge, SocketHandle handle, ProtocolFamily family, BridgeLimits limits) {
        super(bridge, handle, family, new OptionTable(Category.LISTEN, family));
        this.limits = limits;
        this.acceptor = new Acceptor<>(handle, this::adopt);
    }

    /**
     * Binds to a local address and listens.
     *
     * @param local the address; port 0 and {@code null} leave the choice to the system
     * @throws java.net.BindException if the address is in use or isn't one of this machine's
     */
    @Override
    public WskListenSocket bind(SocketAddress local) throws IOException {
        synchronized (stateLock) {
            bindLocked(local);
            listening = true;
        }
        return this;
    }

    @Override
    public <T> WskListenSocket setOption(SocketOption<T> name, T value) throws IOException {
        storeOption(name, value);
        return this;
    }

    /**
     * Accepts a connection (WskAccept). A connection is never lost: when it came before the accept was cancelled or
     * timed out it is the result; otherwise it goes to the next accept, or is closed with this socket.
     *
     * @return the connected socket, of the same bridge
     * @throws NotYetBoundException if the socket isn't bound
     */
    public CompletableFuture<WskConnectionSocket> accept() {
        return accept(Deadline.NONE);
    }

    /**
     * The same within a time. If no connection has come by then, the future fails with a
     * {@link java.net.SocketTimeoutException}.
     *
     * @param timeout how long to wait
     * @return the connected socket, of the same bridge
     * @throws NotYetBoundException if the socket isn't bound
     * @throws IllegalArgumentException if the timeout isn't positive
     * @see #accept()
     */
    public CompletableFuture<WskConnectionSocket> accept(Duration timeout) {
        return accept(Deadline.after(timeout));
    }

    private CompletableFuture<WskConnectionSocket> accept(Deadline deadline) {
        if (!isOpen()) {
            return failedAsClosed(Verb.ACCEPT);
        }
        if (!listening) {
            throw new NotYetBoundException();
        }
        return acceptor.accept(deadline);
    }

    private WskConnectionSocket adopt(SocketHandle connection, InetSocketAddress remote) throws IOException {
        WskConnectionSocket socket = new WskConnectionSocket(bridge, connection, family, limits).accepted(dual());
        bridge.register(socket);
        return socket;
    }
}
