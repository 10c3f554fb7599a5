// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ProtocolFamily;
import java.net.StandardProtocolFamily;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import org.wskbridge.internal.future.Dispatcher;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.future.Uninterruptibly;
import org.wskbridge.internal.memory.Dropped;
import org.wskbridge.internal.shim.Category;
import org.wskbridge.internal.shim.DriverOption;
import org.wskbridge.internal.shim.NativeBinding;
import org.wskbridge.internal.shim.Shim;
import org.wskbridge.internal.shim.Verb;
import org.wskbridge.internal.socket.CompletionPort;
import org.wskbridge.internal.socket.ControlHandle;
import org.wskbridge.internal.socket.SocketHandle;
import org.wskbridge.internal.socket.StreamOperations;

/**
 * The connection to the driver: opens sockets and carries their operations. A program needs one; each bridge has a
 * daemon thread that takes completions from the driver.
 *
 * <pre>{@code
 * try (WskBridge wsk = WskBridge.open();
 *         WskDatagramSocket socket = wsk.openDatagram(StandardProtocolFamily.INET)) {
 *     socket.bind(new InetSocketAddress("127.0.0.1", 0));
 *     socket.sendTo(payload, peer).get();
 *     try (ReceivedDatagram reply = socket.receiveFrom().get(1, TimeUnit.SECONDS)) {
 *         System.out.println(reply.length() + " bytes from " + reply.sender());
 *     }
 * }
 * }</pre>
 *
 * <p>The package description explains futures, buffers and errors.
 */
public final class WskBridge implements AutoCloseable {
    private static final AtomicInteger COUNT = new AtomicInteger();

    private final CompletionPort port;
    private final ControlHandle control;
    private final BridgeLimits limits;
    private final long closeTimeoutMillis;
    private final long lingerLimitMillis;
    private final String name;
    private final BridgeEnd end;

    private WskBridge(Builder builder, NativeBinding binding) throws IOException {
        name = builder.name != null ? builder.name : "wskbridge-" + COUNT.incrementAndGet();
        closeTimeoutMillis = builder.closeTimeout.toMillis();
        lingerLimitMillis = builder.lingerLimit.toMillis();
        Dispatcher dispatcher = builder.onPoller
                ? Dispatcher.onPollerThread()
                : builder.executor != null ? Dispatcher.on(builder.executor) : Dispatcher.onOwnThreads(name);
        port = CompletionPort.open(binding, dispatcher, name + "-poller");
        try {
            control = ControlHandle.open(port);
            limits = control.version().limits();
        } catch (IOException | RuntimeException e) {
            port.close();
            throw e;
        }
        BridgeEnd last = new BridgeEnd(name, port, control);
        end = last;
        Dropped.watch(this, "WskBridge", last::isOpen, last::start);
    }

    /** Configures a bridge and opens it. */
    public static final class Builder {
        private Executor executor;
        private boolean onPoller;
        private Duration closeTimeout = Duration.ofSeconds(5);
        private Duration lingerLimit = Duration.ofMinutes(10);
        private String name;

        private Builder() {}

        /**
         * Where dependents of futures run. By default that is daemon threads of the bridge's own, as many as are busy.
         * As long as the executor has a free thread, dependents of one operation don't wait for those of another. An
         * executor that runs tasks on its caller runs them on the thread that takes completions, as
         * {@link #completeOnPoller}. What an executor refuses runs in the common pool.
         *
         * @param executor takes tasks, each for one or several completions
         * @return this builder
         */
        public Builder executor(Executor executor) {
            this.executor = Objects.requireNonNull(executor, "executor");
            this.onPoller = false;
            return this;
        }

        /**
         * Lets dependents of futures run on the thread that takes completions from the driver, or on one that waits for
         * the future. That saves a switch to another thread, and delays the whole bridge while they run. A dependent that
         * waits there for a future of this bridge takes completions while it waits, so it can get its result. A deadline
         * of another dependent waits for it, too.
         *
         * @return this builder
         */
        public Builder completeOnPoller() {
            this.onPoller = true;
            this.executor = null;
            return this;
        }

        /**
         * How long the close of the bridge waits for connections that are closing, before it resets them; 5 seconds by
         * default. The close of a single connection has {@link #lingerLimit another limit}.
         *
         * @param closeTimeout the time, not negative
         * @return this builder
         */
        public Builder closeTimeout(Duration closeTimeout) {
            if (Objects.requireNonNull(closeTimeout, "closeTimeout").isNegative()) {
                throw new IllegalArgumentException("a negative close timeout");
            }
            this.closeTimeout = closeTimeout;
            return this;
        }

        /**
         * How long a closed connection may go on in the background, delivering what was sent, before it is reset; 10
         * minutes by default. The limit frees the sockets of peers that don't read, or never end their side. A
         * connection with {@link java.net.StandardSocketOptions#SO_LINGER SO_LINGER} has that as its limit.
         *
         * @param lingerLimit the time, not negative
         * @return this builder
         */
        public Builder lingerLimit(Duration lingerLimit) {
            if (Objects.requireNonNull(lingerLimit, "lingerLimit").isNegative()) {
                throw new IllegalArgumentException("a negative linger limit");
            }
            this.lingerLimit = lingerLimit;
            return this;
        }

        /**
         * The beginning of the names of the bridge's threads; {@code wskbridge-1} and so on by default.
         *
         * @param name what their names begin with
         * @return this builder
         */
        public Builder name(String name) {
            this.name = Objects.requireNonNull(name, "name");
            return this;
        }

        /**
         * Opens the bridge.
         *
         * @return the bridge
         * @throws IOException if the native library or the driver isn't there, is of another version, or may not be
         *     used by this process
         */
        public WskBridge open() throws IOException {
            return open(Shim.binding());
        }

        /** Opens the bridge through a library that the caller has. */
        WskBridge open(NativeBinding binding) throws IOException {
            return new WskBridge(this, binding);
        }
    }

    /**
     * Opens a bridge with the defaults.
     *
     * @return the bridge
     * @throws IOException as {@link Builder#open()}
     */
    public static WskBridge open() throws IOException {
        return builder().open();
    }

    /**
     * Starts to configure a bridge.
     *
     * @return a builder with the defaults
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Whether a bridge can be opened now: the native library can be loaded, and a driver of its version answers.
     *
     * @return whether {@link #unavailabilityCause} is empty
     */
    public static boolean isAvailable() {
        return unavailabilityCause().isEmpty();
    }

    /**
     * Why no bridge can be opened now.
     *
     * @return the reason, empty if one can be opened
     */
    public static Optional<Throwable> unavailabilityCause() {
        return Shim.unavailabilityCause();
    }

    // ---- sockets -----------------------------------------------------------------------------------------------

    /** Makes the API's object of a handle. */
    @FunctionalInterface
    private interface Maker<S extends WskSocket> {
        S make(SocketHandle handle);
    }

    /**
     * Opens a socket for datagrams.
     *
     * @param family {@link StandardProtocolFamily#INET} or {@link StandardProtocolFamily#INET6}
     * @return the socket, not bound
     * @throws java.nio.channels.ClosedChannelException if the bridge is closed
     * @throws WskQuotaException if there are too many sockets
     * @throws IOException if the driver refuses
     * @throws UnsupportedOperationException if the family is another
     */
    public WskDatagramSocket openDatagram(ProtocolFamily family) throws IOException {
        return open(family, Category.DATAGRAM, handle -> new WskDatagramSocket(this, handle, family, limits));
    }

    /**
     * Opens a socket for a connection.
     *
     * @param family {@link StandardProtocolFamily#INET} or {@link StandardProtocolFamily#INET6}
     * @return the socket, not connected
     * @throws java.nio.channels.ClosedChannelException if the bridge is closed
     * @throws WskQuotaException if there are too many sockets
     * @throws IOException if the driver refuses
     * @throws UnsupportedOperationException if the family is another
     */
    public WskConnectionSocket openConnection(ProtocolFamily family) throws IOException {
        return open(family, Category.CONNECTION, handle -> new WskConnectionSocket(this, handle, family, limits));
    }

    /**
     * Opens a socket that accepts connections.
     *
     * @param family {@link StandardProtocolFamily#INET} or {@link StandardProtocolFamily#INET6}
     * @return the socket, not bound
     * @throws java.nio.channels.ClosedChannelException if the bridge is closed
     * @throws WskQuotaException if there are too many sockets
     * @throws IOException if the driver refuses
     * @throws UnsupportedOperationException if the family is another
     */
    public WskListenSocket openListen(ProtocolFamily family) throws IOException {
        return open(family, Category.LISTEN, handle -> new WskListenSocket(this, handle, family, limits));
    }

    private <S extends WskSocket> S open(ProtocolFamily family, Category category, Maker<S> maker) throws IOException {
        Objects.requireNonNull(family, "family");
        if (family != StandardProtocolFamily.INET && family != StandardProtocolFamily.INET6) {
            throw new UnsupportedOperationException("protocol family " + family.name() + " not supported");
        }
        if (!isOpen()) {
            throw control.closedFailure(Verb.OPEN);
        }
        SocketHandle handle = port.openSocket();
        try {
            handle.create(category, family);
            S socket = maker.make(handle);
            socket.setDual(family == StandardProtocolFamily.INET6 && takeIpv4Too(handle));
            register(socket);
            return socket;
        } catch (IOException | RuntimeException e) {
            handle.close();
            throw e;
        }
    }

    /**
     * The one place that decides about dual-stack sockets: as the JDK's, a socket of IPv6 takes addresses of IPv4 too,
     * where the system can. WSK's default is the other way round.
     *
     * @return whether it does
     */
    private static boolean takeIpv4Too(SocketHandle handle) throws IOException {
        try {
            handle.setOption(DriverOption.IPV6_ONLY, 0);
            return true;
        } catch (UnsupportedOperationException e) {
            return false;
        }
    }

    /** Remembers a socket until it is closed; closes it if the bridge is closing. */
    void register(WskSocket socket) throws IOException {
        end.register(socket);
    }

    long closeTimeoutMillis() {
        return closeTimeoutMillis;
    }

    long lingerLimitMillis() {
        return lingerLimitMillis;
    }

    // ---- the driver --------------------------------------------------------------------------------------------

    /**
     * What this bridge runs on.
     *
     * @return what library and driver say of themselves
     */
    public BridgeInfo info() {
        return control.info();
    }

    /**
     * The driver's counters.
     *
     * @return a snapshot
     * @throws java.nio.channels.ClosedChannelException if the bridge is closed
     * @throws IOException if the driver refuses
     */
    public BridgeStatistics statistics() throws IOException {
        if (!isOpen()) {
            throw control.closedFailure(Verb.GET_STATISTICS);
        }
        return control.statistics();
    }

    /**
     * What WSK can make sockets of (WSK_TRANSPORT_LIST_QUERY).
     *
     * @return the transports
     * @throws java.nio.channels.ClosedChannelException if the bridge is closed
     * @throws IOException if the driver refuses
     */
    public List<WskTransport> transports() throws IOException {
        if (!isOpen()) {
            throw control.closedFailure(Verb.GET_TRANSPORTS);
        }
        return control.transports();
    }

    /**
     * The addresses of this machine that sockets can be bound to (SIO_ADDRESS_LIST_QUERY), without those of the loopback
     * interface.
     *
     * @param family {@link StandardProtocolFamily#INET} or {@link StandardProtocolFamily#INET6}
     * @return the addresses
     * @throws java.nio.channels.ClosedChannelException if the bridge is closed
     * @throws IOException if the driver refuses
     * @throws UnsupportedOperationException if the family is another
     */
    public List<InetAddress> addressList(ProtocolFamily family) throws IOException {
        try (WskDatagramSocket socket = openDatagram(family)) {
            return socket.handle.addressList();
        }
    }

    /**
     * Waits until the addresses that {@link #addressList} gives may have changed (SIO_ADDRESS_LIST_CHANGE). To miss no
     * change, ask for the list after this call.
     *
     * @param family {@link StandardProtocolFamily#INET} or {@link StandardProtocolFamily#INET6}
     * @return completes at the next change; cancel it when it is no longer of interest
     * @throws java.nio.channels.ClosedChannelException if the bridge is closed
     * @throws IOException if the driver refuses
     * @throws UnsupportedOperationException if the family is another. The future fails with it where the system does not
     *     tell of changes, as on Wine
     */
    public CompletableFuture<Void> addressListChange(ProtocolFamily family) throws IOException {
        WskDatagramSocket socket = openDatagram(family);
        OperationFuture<Void> changed = StreamOperations.awaitAddresses(socket.handle);
        changed.whenComplete((nothing, failure) -> socket.closeNow());
        return changed;
    }

    /**
     * Sends a request that does nothing through all layers and back.
     *
     * @return completes when it is back
     */
    public CompletableFuture<Void> nop() {
        return isOpen() ? control.nop() : OperationFuture.failed(port.dispatcher(), control.closedFailure(Verb.NOP));
    }

    // ---- closing -----------------------------------------------------------------------------------------------

    /**
     * Whether this bridge is open.
     *
     * @return false from the call of {@link #close} or {@link #closeAsync} on
     */
    public boolean isOpen() {
        return end.isOpen();
    }

    /**
     * Closes the bridge and all its sockets, connections gracefully.
     *
     * @return completes when the driver is done with everything
     */
    public CompletableFuture<Void> closeAsync() {
        end.start();
        return end.closed().copy();
    }

    /**
     * Closes the bridge and all its sockets, connections gracefully, and waits for the end of that: no longer than the
     * close timeout, or the SO_LINGER of a socket, and a little. Then connections that still have something to deliver,
     * also those that were closed before, are reset. Closing twice does nothing but wait. Called by user code on the
     * thread that takes completions, or on the one that closes, it doesn't wait.
     *
     * @throws IOException never; for subclasses of the exception to come
     */
    @Override
    public void close() throws IOException {
        end.start();
        if (!end.isOneOfItsThreads()) {
            Uninterruptibly.await(end.closed(), Long.MAX_VALUE / 2_000_000);
        }
    }

    @Override
    public String toString() {
        return "WskBridge[" + name + (isOpen() ? "]" : ", closed]");
    }
}
