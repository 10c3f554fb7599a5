// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.net.SocketAddress;
import java.net.SocketOption;
import java.net.StandardProtocolFamily;
import java.nio.channels.AlreadyBoundException;
import java.nio.channels.NetworkChannel;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.wskbridge.internal.future.Dispatcher;
import org.wskbridge.internal.future.LibraryFuture;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.memory.Dropped;
import org.wskbridge.internal.shim.ControlInfos;
import org.wskbridge.internal.shim.DriverOption;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Verb;
import org.wskbridge.internal.socket.OptionTable;
import org.wskbridge.internal.socket.SocketHandle;

/**
 * What the sockets of all categories have in common. They are opened by a {@link WskBridge} and may be used by several
 * threads at once.
 */
public abstract sealed class WskSocket implements NetworkChannel
        permits WskDatagramSocket, WskConnectionSocket, WskListenSocket {
    final WskBridge bridge;
    final SocketHandle handle;
    final ProtocolFamily family;

    /** Guards the fields below and those of subclasses that say so; control requests are made inside of it. */
    final Object stateLock = new Object();

    private final OptionTable options;
    private boolean bound;
    private boolean dual;

    /** The options with a twin that are set; a socket that becomes a dual-stack one needs the twins too. */
    private final Set<DriverOption> withTwin = EnumSet.noneOf(DriverOption.class);

    /** SO_REUSEADDR where the library keeps it: see {@link org.wskbridge.internal.shim.DriverOption#REUSE_ADDRESS}. */
    private boolean reuseAddress;

    WskSocket(WskBridge bridge, SocketHandle handle, ProtocolFamily family, OptionTable options) {
        this.bridge = bridge;
        this.handle = handle;
        this.family = family;
        this.options = options;
        handle.ownedBy(this);
        Dropped.watch(this, getClass().getSimpleName(), handle::isOpen, closeOfDropped(handle));
    }

    /** What closes the socket of an object that is gone; must not refer to the object. */
    Runnable closeOfDropped(SocketHandle dropped) {
        return dropped::closeNow;
    }

    /**
     * The number by which messages and logs call this socket.
     *
     * @return a number that no other socket of the bridge has
     */
    public final long id() {
        return handle.id();
    }

    /**
     * The bridge that opened this socket.
     *
     * @return the bridge
     */
    public final WskBridge bridge() {
        return bridge;
    }

    @Override
    public final boolean isOpen() {
        return handle.isOpen();
    }

    // ---- addresses ---------------------------------------------------------------------------------------------

    /**
     * The address this socket is bound to.
     *
     * @return the address, {@code null} if the socket isn't bound
     * @throws java.nio.channels.ClosedChannelException if the socket is closed
     */
    @Override
    public final InetSocketAddress getLocalAddress() throws IOException {
        synchronized (stateLock) {
            requireOpen(Verb.GET_LOCAL_ADDRESS);
            return bound ? handle.localAddress() : null;
        }
    }

    /** Binds; {@code local} may be null. Holding the lock. */
    final void bindLocked(SocketAddress local) throws IOException {
        requireOpen(Verb.BIND);
        if (bound) {
            throw new AlreadyBoundException();
        }
        handle.bind(local == null ? SocketAddresses.wildcard(family) : encode(local));
        bound = true;
    }

    /** Binds to an address that the system picks, if the socket isn't bound. Holding the lock. */
    final void bindIfNeeded() throws IOException {
        if (!bound) {
            bindLocked(null);
        }
    }

    /** Holding the lock. */
    final boolean isBound() {
        return bound;
    }

    /** An accepted connection is bound from the start. */
    final void setBound() {
        synchronized (stateLock) {
            bound = true;
        }
    }

    final SocketAddresses.Encoded encode(SocketAddress address) {
        return SocketAddresses.encode(address, family, isDual());
    }

    final ControlInfos.Encoded encode(ControlInfo info) {
        return ControlInfos.encode(info, family, isDual());
    }

    private boolean isDual() {
        synchronized (stateLock) {
            return dual;
        }
    }

    /** Whether IPv4 peers are welcome on an IPv6 socket; accepted connections have it from their listener. */
    final boolean dual() {
        return isDual();
    }

    final void setDual(boolean value) {
        synchronized (stateLock) {
            dual = value;
        }
    }

    // ---- options -----------------------------------------------------------------------------------------------

    /**
     * The options of this socket: those of its category and family that the system has. A closed socket names those that
     * the system may lack, too, unless it was asked before.
     */
    @Override
    public final Set<SocketOption<?>> supportedOptions() {
        return options.supported(handle);
    }

    @Override
    public final <T> T getOption(SocketOption<T> name) throws IOException {
        options.check(name);
        synchronized (stateLock) {
            requireOpen(Verb.GET_OPTION);
            if (options.isEmulated(name)) {
                return name.type().cast(emulatedOption(name));
            }
            return OptionTable.decode(name, handle.getOption(options.passed(name)));
        }
    }

    final <T> void storeOption(SocketOption<T> name, T value) throws IOException {
        options.check(name, value);
        synchronized (stateLock) {
            requireOpen(Verb.SET_OPTION);
            if (options.isEmulated(name)) {
                emulateOption(name, value);
                return;
            }
            DriverOption option = options.passed(name);
            handle.setOption(option, OptionTable.encode(value));
            if (option.twin().isPresent()) {
                setTwin(option, OptionTable.encode(value));
            }
            if (name == WskSocketOptions.IPV6_V6ONLY) {
                dual = Boolean.FALSE.equals(value) && family == StandardProtocolFamily.INET6;
                if (dual) {
                    for (DriverOption set : withTwin) {
                        handle.setOption(set.twin().orElseThrow(), 1);
                    }
                }
            }
        }
    }

    /** The option is set: so is that of the other family, once the socket takes both. Holding the lock. */
    private void setTwin(DriverOption option, int value) throws IOException {
        if (dual) {
            handle.setOption(option.twin().orElseThrow(), value);
        }
        if (value == 0) {
            withTwin.remove(option);
        } else {
            withTwin.add(option);
        }
    }

    /** The value of an option that the library keeps. Holding the lock. */
    Object emulatedOption(SocketOption<?> name) {
        return reuseAddress;
    }

    /** Keeps the value of such an option. Holding the lock. */
    void emulateOption(SocketOption<?> name, Object value) {
        reuseAddress = (Boolean) value;
    }

    // ---- closing -----------------------------------------------------------------------------------------------

    /**
     * Closes the socket. Operations under way end: their futures complete with an
     * {@link java.nio.channels.AsynchronousCloseException} unless their results came first. Closing twice does nothing.
     *
     * @throws IOException never; the interface prescribes it
     */
    @Override
    public void close() throws IOException {
        startClose();
    }

    /**
     * Closes the socket.
     *
     * @return completes when the driver is done with the socket and all its buffers
     */
    public final CompletableFuture<Void> closeAsync() {
        startClose();
        CompletableFuture<Void> closed = new LibraryFuture<>(dispatcher());
        handle.released().whenComplete((nothing, failure) -> dispatcher().execute(() -> closed.complete(null)));
        return closed;
    }

    /** Starts closing; does not wait. */
    void startClose() {
        handle.beginClose();
        handle.close();
    }

    /** Closes at once, whatever is under way. */
    final void closeNow() {
        handle.closeNow();
    }

    /** How long the close of the bridge waits for this. */
    long closeMillis() {
        return 0;
    }

    // ---- for the subclasses ------------------------------------------------------------------------------------

    final Dispatcher dispatcher() {
        return handle.port().dispatcher();
    }

    final void requireOpen(Verb verb) throws IOException {
        if (!handle.isOpen()) {
            throw handle.closedFailure(verb);
        }
    }

    final <T> CompletableFuture<T> failed(Throwable failure) {
        return OperationFuture.failed(dispatcher(), failure);
    }

    final <T> CompletableFuture<T> failedAsClosed(Verb verb) {
        return failed(handle.closedFailure(verb));
    }

    @Override
    public String toString() {
        return getClass().getSimpleName() + "[" + id() + (isOpen() ? "]" : ", closed]");
    }
}
