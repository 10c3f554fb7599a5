// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.ProtocolFamily;
import java.net.SocketAddress;
import java.net.SocketException;
import java.net.SocketOption;
import java.nio.ByteBuffer;
import java.nio.channels.AlreadyConnectedException;
import java.nio.channels.MembershipKey;
import java.nio.channels.MulticastChannel;
import java.nio.channels.NotYetBoundException;
import java.nio.channels.NotYetConnectedException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.wskbridge.internal.memory.BufferPool;
import org.wskbridge.internal.shim.Category;
import org.wskbridge.internal.shim.ControlInfos;
import org.wskbridge.internal.shim.DriverOption;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Verb;
import org.wskbridge.internal.socket.DatagramOperations;
import org.wskbridge.internal.socket.Deadline;
import org.wskbridge.internal.socket.MessageBatch;
import org.wskbridge.internal.socket.OptionTable;
import org.wskbridge.internal.socket.SendMessages;
import org.wskbridge.internal.socket.SocketHandle;

/**
 * A socket of WSK's category for datagrams: UDP.
 *
 * <p>Sending and connecting bind an unbound socket to an address that the system picks; receiving needs a bound one.
 * WSK does not buffer received datagrams without limit: keep a few receives outstanding.
 *
 * <p>It may be a member of multicast groups, of which it has to be bound to the port, and to the wildcard address. As
 * on Windows, a socket of {@link java.net.StandardProtocolFamily#INET6} can't join groups of IPv4.
 * {@link java.net.StandardSocketOptions#IP_MULTICAST_LOOP} says whether the socket receives what this machine sends to
 * its groups; whether others receive what the socket sends is up to them.
 */
public final class WskDatagramSocket extends WskSocket implements MulticastChannel {
    /** The most datagrams that {@link #sendMessages} takes at once. */
    public static final int MAXIMUM_MESSAGES = 1024;

    /** The least room that {@link #receiveMessages(int)} makes. */
    public static final int MINIMUM_MESSAGES_ROOM = 65_664;

    /** The largest piece of memory that the library keeps for reuse. */
    private static final int MESSAGES_ROOM = BufferPool.largest();

    /** How the socket receives, which the first receive decides for its life. */
    private enum Receives {
        UNDECIDED,
        EACH,
        BATCHES
    }

    private final int maximumDatagram;
    private final int maximumTransfer;

    /** Guarded by stateLock; volatile for the data path. */
    private volatile SocketAddresses.Encoded remote;

    private volatile boolean fixedSendTo;

    /** Guarded by stateLock; volatile for the data path. */
    private volatile Receives receives = Receives.UNDECIDED;

    /** Whether the bind that sending needs has been seen to. */
    private volatile boolean ready;

    private final Memberships memberships = new Memberships(this);

    /** Whether receives ask for control information: an option for it was set once. */
    private volatile boolean informed;

    /** The last target of sendTo, so that it need not be encoded again. */
    private volatile SocketAddresses.Encoded lastTarget;

    WskDatagramSocket(WskBridge bridge, SocketHandle handle, ProtocolFamily family, BridgeLimits limits) {
        super(bridge, handle, family, new OptionTable(Category.DATAGRAM, family));
        this.maximumDatagram = limits.maximumDatagram();
        this.maximumTransfer = limits.maximumTransfer();
    }

    /**
     * Binds to a local address.
     *
     * @param local the address; port 0 and {@code null} leave the choice to the system
     * @throws java.net.BindException if the address is in use or isn't one of this machine's
     */
    @Override
    public WskDatagramSocket bind(SocketAddress local) throws IOException {
        synchronized (stateLock) {
            bindLocked(local);
            ready = true;
        }
        return this;
    }

    @Override
    public <T> WskDatagramSocket setOption(SocketOption<T> name, T value) throws IOException {
        storeOption(name, value);
        if (isOfControlInfo(name) && OptionTable.encode(value) != 0) {
            informed = true;
        }
        return this;
    }

    private static boolean isOfControlInfo(SocketOption<?> name) {
        for (DriverOption option : DriverOption.values()) {
            if (option.isOfControlInfo() && option.option() == name) {
                return true;
            }
        }
        return false;
    }

    // ---- groups ------------------------------------------------------------------------------------------------

    /**
     * Joins a group, so that the socket receives what is sent to it. It does so until it leaves the group
     * ({@link MembershipKey#drop}) or is closed.
     *
     * @param group the group
     * @param network the interface that receives
     * @return the membership; the one there is, if the socket is a member already
     * @throws IllegalArgumentException if it isn't a group, or not one of the socket's family
     * @throws IllegalStateException if the socket is a member for single sources
     * @throws IOException if the driver refuses
     */
    @Override
    public MembershipKey join(InetAddress group, NetworkInterface network) throws IOException {
        return memberships.join(group, network, Optional.empty());
    }

    /**
     * Joins a group for one source. Several sources are several memberships.
     *
     * @param group the group
     * @param network the interface that receives
     * @param source the host whose datagrams are received
     * @return the membership; the one there is, if the socket is a member already
     * @throws IllegalArgumentException if they aren't a group and a host of the socket's family
     * @throws IllegalStateException if the socket is a member for any source
     * @throws UnsupportedOperationException if the system has no memberships for single sources
     * @throws IOException if the driver refuses
     */
    @Override
    public MembershipKey join(InetAddress group, NetworkInterface network, InetAddress source) throws IOException {
        return memberships.join(group, network, Optional.of(source));
    }

    // ---- fixed addresses ---------------------------------------------------------------------------------------

    /**
     * Fixes the peer (SIO_WSK_SET_REMOTE_ADDRESS): {@link #send} goes there, and datagrams from elsewhere are dropped.
     * Those that came before stay in the queue.
     *
     * @param peer the peer
     * @return this socket
     * @throws AlreadyConnectedException if a peer is fixed already
     * @throws java.net.SocketException if the peer's port is 0
     * @throws IOException if the driver refuses
     */
    public WskDatagramSocket connect(SocketAddress peer) throws IOException {
        requireOpen(Verb.SET_REMOTE_ADDRESS);
        SocketAddresses.Encoded encoded = encode(peer);
        requirePort(encoded, "connect");
        synchronized (stateLock) {
            requireOpen(Verb.SET_REMOTE_ADDRESS);
            if (remote != null) {
                throw new AlreadyConnectedException();
            }
            prepare();
            handle.setRemoteAddress(encoded);
            remote = encoded;
        }
        return this;
    }

    /**
     * Takes {@link #connect} back. Does nothing when no peer is fixed.
     *
     * @return this socket
     * @throws IOException if the driver refuses
     */
    public WskDatagramSocket disconnect() throws IOException {
        synchronized (stateLock) {
            requireOpen(Verb.SET_REMOTE_ADDRESS);
            if (remote != null) {
                handle.clearRemoteAddress();
                remote = null;
            }
        }
        return this;
    }

    /**
     * Fixes where {@link #send} sends to (SIO_WSK_SET_SENDTO_ADDRESS), without restricting what is received.
     *
     * @param target the target
     * @return this socket
     * @throws java.net.SocketException if the target's port is 0
     * @throws IOException if the driver refuses
     */
    public WskDatagramSocket setSendToAddress(SocketAddress target) throws IOException {
        requireOpen(Verb.SET_SENDTO_ADDRESS);
        SocketAddresses.Encoded encoded = encode(target);
        requirePort(encoded, "send");
        synchronized (stateLock) {
            requireOpen(Verb.SET_SENDTO_ADDRESS);
            prepare();
            handle.setSendToAddress(encoded);
            fixedSendTo = true;
        }
        return this;
    }

    /**
     * Takes {@link #setSendToAddress} back. Does nothing when no target is fixed.
     *
     * @return this socket
     * @throws IOException if the driver refuses
     */
    public WskDatagramSocket clearSendToAddress() throws IOException {
        synchronized (stateLock) {
            requireOpen(Verb.SET_SENDTO_ADDRESS);
            if (fixedSendTo) {
                handle.clearSendToAddress();
                fixedSendTo = false;
            }
        }
        return this;
    }

    /**
     * The peer that {@link #connect} fixed.
     *
     * @return the peer, if one is fixed
     * @throws java.nio.channels.ClosedChannelException if the socket is closed
     */
    public Optional<InetSocketAddress> getRemoteAddress() throws IOException {
        requireOpen(Verb.GET_REMOTE_ADDRESS);
        SocketAddresses.Encoded peer = remote;
        return peer == null ? Optional.empty() : Optional.of(peer.source());
    }

    private void prepareIfNeeded() throws IOException {
        if (!ready) {
            synchronized (stateLock) {
                prepare();
            }
        }
    }

    /** Holding the lock. */
    private void prepare() throws IOException {
        bindIfNeeded();
        ready = true;
    }

    // ---- sending -----------------------------------------------------------------------------------------------

    /**
     * Sends a datagram (WskSendTo).
     *
     * @param payload what remains of it is sent
     * @param target where to; on a connected socket only the peer
     * @return the number of bytes sent. Fails with a {@link java.net.SocketException} when the payload is longer than
     *     the protocol allows, or the target's port is 0
     * @throws AlreadyConnectedException if another peer is fixed
     * @throws java.nio.channels.UnresolvedAddressException if the target has no address
     * @throws java.nio.channels.UnsupportedAddressTypeException if the target isn't of this socket's family
     */
    public CompletableFuture<Integer> sendTo(ByteBuffer payload, SocketAddress target) {
        return sendTo(payload, target, ControlInfos.NONE, Deadline.NONE);
    }

    /**
     * Sends a datagram with control information (WskSendTo); else as {@link #sendTo(ByteBuffer, SocketAddress)}.
     *
     * @param payload what remains of it is sent; with a segment size, as several datagrams
     * @param target where to; on a connected socket only the peer
     * @param info what is wanted for the datagram
     * @return the number of bytes sent. Fails with a {@link SocketException} also when the source address is not of this
     *     machine, when there is no such interface, or when the system can't send such control information; then nothing
     *     was sent
     * @throws IllegalArgumentException if the control information can only be received
     * @throws AlreadyConnectedException if another peer is fixed
     * @throws java.nio.channels.UnresolvedAddressException if the target has no address
     * @throws java.nio.channels.UnsupportedAddressTypeException if the target or the source isn't of this socket's family
     */
    public CompletableFuture<Integer> sendTo(ByteBuffer payload, SocketAddress target, ControlInfo info) {
        return sendTo(payload, target, encode(info), Deadline.NONE);
    }

    /**
     * The same within a time. If the system hasn't taken the datagram by then, the future fails with a
     * {@link java.net.SocketTimeoutException}, and the datagram isn't sent.
     *
     * @param payload what remains of it is sent
     * @param target where to; on a connected socket only the peer
     * @param timeout how long it may take
     * @return the number of bytes sent
     * @throws IllegalArgumentException if the timeout isn't positive
     * @see #sendTo(ByteBuffer, SocketAddress)
     */
    public CompletableFuture<Integer> sendTo(ByteBuffer payload, SocketAddress target, Duration timeout) {
        return sendTo(payload, target, ControlInfos.NONE, Deadline.after(timeout));
    }

    private CompletableFuture<Integer> sendTo(
            ByteBuffer payload, SocketAddress target, ControlInfos.Encoded control, Deadline deadline) {
        Objects.requireNonNull(payload, "payload");
        Objects.requireNonNull(target, "target");
        if (!isOpen()) {
            return failedAsClosed(Verb.SEND_TO);
        }
        SocketAddresses.Encoded encoded;
        try {
            encoded = checkTarget(target);
        } catch (SocketException e) {
            return failed(e);
        }
        return send(payload, encoded, control, deadline);
    }

    /** The target as the driver wants it; null if it is the peer, who is fixed. */
    private SocketAddresses.Encoded checkTarget(SocketAddress target) throws SocketException {
        SocketAddresses.Encoded encoded = encodeTarget(target);
        SocketAddresses.Encoded peer = remote;
        if (peer != null && !peer.source().equals(target)) {
            throw new AlreadyConnectedException();
        }
        requirePort(encoded, "send");
        return peer != null ? null : encoded;
    }

    /** Nobody can be at port 0. The JDK's sockets refuse it, where a system may send into nowhere. */
    private static void requirePort(SocketAddresses.Encoded target, String verb) throws SocketException {
        if (target.source().getPort() == 0) {
            throw new SocketException("Can't " + verb + " to port 0");
        }
    }

    /**
     * Sends a datagram to the address that {@link #connect} or {@link #setSendToAddress} fixed (WskSendTo).
     *
     * @param payload what remains of it is sent
     * @return the number of bytes sent. Fails with a {@link java.net.SocketException} when the payload is longer than
     *     the protocol allows, and with a {@link java.net.PortUnreachableException} when the peer is known not to
     *     listen
     * @throws NotYetConnectedException if no address is fixed
     */
    public CompletableFuture<Integer> send(ByteBuffer payload) {
        return send(payload, ControlInfos.NONE, Deadline.NONE);
    }

    /**
     * Sends a datagram with control information to the address that {@link #connect} or {@link #setSendToAddress} fixed
     * (WskSendTo); else as {@link #sendTo(ByteBuffer, SocketAddress, ControlInfo)}.
     *
     * @param payload what remains of it is sent; with a segment size, as several datagrams
     * @param info what is wanted for the datagram
     * @return the number of bytes sent
     * @throws IllegalArgumentException if the control information can only be received
     * @throws java.nio.channels.UnsupportedAddressTypeException if the source isn't of this socket's family
     * @throws NotYetConnectedException if no address is fixed
     */
    public CompletableFuture<Integer> send(ByteBuffer payload, ControlInfo info) {
        return send(payload, encode(info), Deadline.NONE);
    }

    /**
     * The same within a time. If the system hasn't taken the datagram by then, the future fails with a
     * {@link java.net.SocketTimeoutException}, and the datagram isn't sent.
     *
     * @param payload what remains of it is sent
     * @param timeout how long it may take
     * @return the number of bytes sent
     * @throws NotYetConnectedException if no address is fixed
     * @throws IllegalArgumentException if the timeout isn't positive
     * @see #send(ByteBuffer)
     */
    public CompletableFuture<Integer> send(ByteBuffer payload, Duration timeout) {
        return send(payload, ControlInfos.NONE, Deadline.after(timeout));
    }

    private CompletableFuture<Integer> send(ByteBuffer payload, ControlInfos.Encoded control, Deadline deadline) {
        Objects.requireNonNull(payload, "payload");
        if (!isOpen()) {
            return failedAsClosed(Verb.SEND_TO);
        }
        if (remote == null && !fixedSendTo) {
            throw new NotYetConnectedException();
        }
        return send(payload, null, control, deadline);
    }

    /**
     * Sends what remains in several buffers, one after the other, as one datagram.
     *
     * @param payload the bytes
     * @param target where to; on a connected socket only the peer
     * @return the number of bytes sent, as with {@link #sendTo(ByteBuffer, SocketAddress)}
     * @throws IllegalArgumentException if more than 2<sup>31</sup> - 1 bytes remain in all
     */
    public CompletableFuture<Integer> sendTo(ByteBuffer[] payload, SocketAddress target) {
        return sendTo(payload, target, Deadline.NONE);
    }

    /**
     * The same within a time, as {@link #sendTo(ByteBuffer, SocketAddress, Duration)}.
     *
     * @param payload the bytes
     * @param target where to; on a connected socket only the peer
     * @param timeout how long it may take
     * @return the number of bytes sent
     * @throws IllegalArgumentException if more than 2<sup>31</sup> - 1 bytes remain in all, or the timeout isn't positive
     */
    public CompletableFuture<Integer> sendTo(ByteBuffer[] payload, SocketAddress target, Duration timeout) {
        return sendTo(payload, target, Deadline.after(timeout));
    }

    private CompletableFuture<Integer> sendTo(ByteBuffer[] payload, SocketAddress target, Deadline deadline) {
        Objects.requireNonNull(target, "target");
        ByteBuffer[] buffers = Buffers.copyOf(payload);
        if (!isOpen()) {
            return failedAsClosed(Verb.SEND_TO);
        }
        SocketAddresses.Encoded encoded;
        try {
            encoded = checkTarget(target);
        } catch (SocketException e) {
            return failed(e);
        }
        return send(buffers, encoded, deadline);
    }

    /**
     * Sends what remains in several buffers, one after the other, as one datagram to the address that {@link #connect} or
     * {@link #setSendToAddress} fixed.
     *
     * @param payload the bytes
     * @return the number of bytes sent, as with {@link #send(ByteBuffer)}
     * @throws NotYetConnectedException if no address is fixed
     * @throws IllegalArgumentException if more than 2<sup>31</sup> - 1 bytes remain in all
     */
    public CompletableFuture<Integer> send(ByteBuffer[] payload) {
        return send(payload, Deadline.NONE);
    }

    /**
     * The same within a time, as {@link #send(ByteBuffer, Duration)}.
     *
     * @param payload the bytes
     * @param timeout how long it may take
     * @return the number of bytes sent
     * @throws NotYetConnectedException if no address is fixed
     * @throws IllegalArgumentException if more than 2<sup>31</sup> - 1 bytes remain in all, or the timeout isn't positive
     */
    public CompletableFuture<Integer> send(ByteBuffer[] payload, Duration timeout) {
        return send(payload, Deadline.after(timeout));
    }

    private CompletableFuture<Integer> send(ByteBuffer[] payload, Deadline deadline) {
        ByteBuffer[] buffers = Buffers.copyOf(payload);
        if (!isOpen()) {
            return failedAsClosed(Verb.SEND_TO);
        }
        if (remote == null && !fixedSendTo) {
            throw new NotYetConnectedException();
        }
        return send(buffers, null, deadline);
    }

    private CompletableFuture<Integer> send(ByteBuffer[] buffers, SocketAddresses.Encoded target, Deadline deadline) {
        try {
            prepareIfNeeded();
        } catch (IOException e) {
            return failed(e);
        }
        return DatagramOperations.send(handle, buffers, target, maximumDatagram, deadline);
    }

    /**
     * Sends many datagrams to one address with one request (WskSendMessages). They go out in the order of the list, and
     * each payload's position moves behind what was sent.
     *
     * @param payloads what remains of each is a datagram; at least one and at most {@value #MAXIMUM_MESSAGES}. The library
     *     copies them before this returns, but positions are moved when the future completes
     * @param target where to; on a connected socket only the peer
     * @return the number of bytes sent in all. Fails with a {@link SocketException} when a payload is longer than the
     *     protocol allows, when all together are longer than {@link BridgeLimits#maximumTransfer()}, or the target's port
     *     is 0. When it fails, some of the datagrams may have been sent
     * @throws IllegalArgumentException if there are no payloads or too many
     * @throws AlreadyConnectedException if another peer is fixed
     * @throws java.nio.channels.UnresolvedAddressException if the target has no address
     * @throws java.nio.channels.UnsupportedAddressTypeException if the target isn't of this socket's family
     */
    public CompletableFuture<Integer> sendMessages(List<ByteBuffer> payloads, SocketAddress target) {
        return sendMessages(payloads, target, ControlInfos.NONE, Deadline.NONE);
    }

    /**
     * Sends many datagrams to one address, all with the same control information (WskSendMessages); else as
     * {@link #sendMessages(List, SocketAddress)}.
     *
     * @param payloads what remains of each is a datagram, or with a segment size several
     * @param target where to; on a connected socket only the peer
     * @param info what is wanted for the datagrams
     * @return the number of bytes sent in all; fails as {@link #sendTo(ByteBuffer, SocketAddress, ControlInfo)} does
     * @throws IllegalArgumentException if there are no payloads or too many, or the control information can only be received
     * @throws AlreadyConnectedException if another peer is fixed
     * @throws java.nio.channels.UnresolvedAddressException if the target has no address
     * @throws java.nio.channels.UnsupportedAddressTypeException if the target or the source isn't of this socket's family
     */
    public CompletableFuture<Integer> sendMessages(List<ByteBuffer> payloads, SocketAddress target, ControlInfo info) {
        return sendMessages(payloads, target, encode(info), Deadline.NONE);
    }

    /**
     * The same within a time. If the system hasn't taken all by then, the future completes with the bytes of those that
     * have gone, or fails with a {@link java.net.SocketTimeoutException} if none has.
     *
     * @param payloads what remains of each is a datagram; at least one and at most {@value #MAXIMUM_MESSAGES}
     * @param target where to; on a connected socket only the peer
     * @param timeout how long it may take
     * @return the number of bytes sent in all
     * @throws IllegalArgumentException if there are no payloads or too many, or the timeout isn't positive
     * @see #sendMessages(List, SocketAddress)
     */
    public CompletableFuture<Integer> sendMessages(List<ByteBuffer> payloads, SocketAddress target, Duration timeout) {
        return sendMessages(payloads, target, ControlInfos.NONE, Deadline.after(timeout));
    }

    private CompletableFuture<Integer> sendMessages(
            List<ByteBuffer> payloads, SocketAddress target, ControlInfos.Encoded control, Deadline deadline) {
        List<ByteBuffer> messages = checkMessages(payloads);
        Objects.requireNonNull(target, "target");
        if (!isOpen()) {
            return failedAsClosed(Verb.SEND_MESSAGES);
        }
        SocketAddresses.Encoded encoded;
        try {
            encoded = checkTarget(target);
        } catch (SocketException e) {
            return failed(e);
        }
        return submitMessages(messages, encoded, control, deadline);
    }

    /**
     * Sends many datagrams to the address that {@link #connect} or {@link #setSendToAddress} fixed (WskSendMessages); else
     * as {@link #sendMessages(List, SocketAddress)}.
     *
     * @param payloads what remains of each is a datagram; at least one and at most {@value #MAXIMUM_MESSAGES}
     * @return the number of bytes sent in all
     * @throws IllegalArgumentException if there are no payloads or too many
     * @throws NotYetConnectedException if no address is fixed
     */
    public CompletableFuture<Integer> sendMessages(List<ByteBuffer> payloads) {
        return sendMessages(payloads, Deadline.NONE);
    }

    /**
     * The same within a time, as {@link #sendMessages(List, SocketAddress, Duration)}.
     *
     * @param payloads what remains of each is a datagram; at least one and at most {@value #MAXIMUM_MESSAGES}
     * @param timeout how long it may take
     * @return the number of bytes sent in all
     * @throws IllegalArgumentException if there are no payloads or too many, or the timeout isn't positive
     * @throws NotYetConnectedException if no address is fixed
     */
    public CompletableFuture<Integer> sendMessages(List<ByteBuffer> payloads, Duration timeout) {
        return sendMessages(payloads, Deadline.after(timeout));
    }

    private CompletableFuture<Integer> sendMessages(List<ByteBuffer> payloads, Deadline deadline) {
        List<ByteBuffer> messages = checkMessages(payloads);
        if (!isOpen()) {
            return failedAsClosed(Verb.SEND_MESSAGES);
        }
        if (remote == null && !fixedSendTo) {
            throw new NotYetConnectedException();
        }
        return submitMessages(messages, null, ControlInfos.NONE, deadline);
    }

    private static List<ByteBuffer> checkMessages(List<ByteBuffer> payloads) {
        List<ByteBuffer> messages = List.copyOf(payloads);
        if (messages.isEmpty() || messages.size() > MAXIMUM_MESSAGES) {
            throw new IllegalArgumentException(messages.size() + " payloads are not within 1 and " + MAXIMUM_MESSAGES);
        }
        return messages;
    }

    private CompletableFuture<Integer> submitMessages(
            List<ByteBuffer> messages,
            SocketAddresses.Encoded target,
            ControlInfos.Encoded control,
            Deadline deadline) {
        try {
            prepareIfNeeded();
        } catch (IOException e) {
            return failed(e);
        }
        return SendMessages.send(handle, messages, target, control, maximumDatagram, maximumTransfer, deadline);
    }

    private SocketAddresses.Encoded encodeTarget(SocketAddress target) {
        SocketAddresses.Encoded last = lastTarget;
        if (last == null || last.source() != target) {
            last = encode(target);
            lastTarget = last;
        }
        return last;
    }

    private CompletableFuture<Integer> send(
            ByteBuffer payload, SocketAddresses.Encoded target, ControlInfos.Encoded control, Deadline deadline) {
        if (!isOpen()) {
            return failedAsClosed(Verb.SEND_TO);
        }
        try {
            prepareIfNeeded();
        } catch (IOException e) {
            return failed(e);
        }
        return DatagramOperations.send(handle, payload, target, control, maximumDatagram, deadline);
    }

    // ---- receiving ---------------------------------------------------------------------------------------------

    /**
     * Receives a datagram of any length (WskReceiveFrom).
     *
     * @return the datagram, to be closed by the receiver
     * @throws NotYetBoundException if the socket isn't bound
     */
    public CompletableFuture<ReceivedDatagram> receiveFrom() {
        return receiveFrom(maximumDatagram);
    }

    /**
     * The same within a time. If no datagram has come by then, the future fails with a
     * {@link java.net.SocketTimeoutException}. Nothing is lost: what comes later is for the next receive.
     *
     * @param timeout how long to wait
     * @return the datagram, to be closed by the receiver
     * @throws NotYetBoundException if the socket isn't bound
     * @throws IllegalArgumentException if the timeout isn't positive
     * @see #receiveFrom()
     */
    public CompletableFuture<ReceivedDatagram> receiveFrom(Duration timeout) {
        return receiveFrom(maximumDatagram, timeout);
    }

    /**
     * Receives a datagram (WskReceiveFrom).
     *
     * @param maximumPayload the number of bytes to make room for; a longer datagram is cut
     * @return the datagram, to be closed by the receiver
     * @throws NotYetBoundException if the socket isn't bound
     * @throws IllegalArgumentException if the number is negative or greater than
     *     {@link BridgeLimits#maximumDatagram()}
     */
    public CompletableFuture<ReceivedDatagram> receiveFrom(int maximumPayload) {
        return receiveFrom(maximumPayload, Deadline.NONE);
    }

    /**
     * The same within a time, as {@link #receiveFrom(Duration)}.
     *
     * @param maximumPayload the number of bytes to make room for; a longer datagram is cut
     * @param timeout how long to wait
     * @return the datagram, to be closed by the receiver
     * @throws NotYetBoundException if the socket isn't bound
     * @throws IllegalArgumentException if the number is negative or greater than
     *     {@link BridgeLimits#maximumDatagram()}, or the timeout isn't positive
     */
    public CompletableFuture<ReceivedDatagram> receiveFrom(int maximumPayload, Duration timeout) {
        return receiveFrom(maximumPayload, Deadline.after(timeout));
    }

    private CompletableFuture<ReceivedDatagram> receiveFrom(int maximumPayload, Deadline deadline) {
        if (maximumPayload < 0 || maximumPayload > maximumDatagram) {
            throw new IllegalArgumentException(
                    "a maximum payload of " + maximumPayload + " is not within 0 and " + maximumDatagram);
        }
        if (!isOpen()) {
            return failedAsClosed(Verb.RECEIVE_FROM);
        }
        receiveEach();
        return DatagramOperations.receive(
                handle,
                maximumPayload,
                informed,
                deadline,
                received -> new ReceivedDatagram(received.take(), received));
    }

    /**
     * Receives a datagram into a buffer of the caller's (WskReceiveFrom).
     *
     * @param target where to put the payload; a datagram longer than what remains is cut
     * @return what is known of the datagram
     * @throws NotYetBoundException if the socket isn't bound
     * @throws IllegalArgumentException if the buffer is read-only
     */
    public CompletableFuture<DatagramResult> receiveFrom(ByteBuffer target) {
        return receiveFrom(target, Deadline.NONE);
    }

    /**
     * The same within a time, as {@link #receiveFrom(Duration)}.
     *
     * @param target where to put the payload; a datagram longer than what remains is cut
     * @param timeout how long to wait
     * @return what is known of the datagram
     * @throws NotYetBoundException if the socket isn't bound
     * @throws IllegalArgumentException if the buffer is read-only, or the timeout isn't positive
     */
    public CompletableFuture<DatagramResult> receiveFrom(ByteBuffer target, Duration timeout) {
        return receiveFrom(target, Deadline.after(timeout));
    }

    private CompletableFuture<DatagramResult> receiveFrom(ByteBuffer target, Deadline deadline) {
        Objects.requireNonNull(target, "target");
        Buffers.requireWritable(target);
        if (!isOpen()) {
            return failedAsClosed(Verb.RECEIVE_FROM);
        }
        receiveEach();
        try {
            DatagramOperations.checkTarget(target);
        } catch (IOException e) {
            return failed(e);
        }
        int start = target.position();
        return DatagramOperations.receive(
                handle, Math.min(target.remaining(), maximumDatagram), informed, deadline, received -> {
                    received.copyTo(target, start);
                    return new DatagramResult(
                            received.sender(), received.length(), received.isTruncated(), received.controlInfo());
                });
    }

    private void requireBound() {
        if (!ready) {
            throw new NotYetBoundException();
        }
    }

    /** What receives datagrams one by one is refused once the socket receives them in batches. */
    private void receiveEach() {
        requireBound();
        if (receives == Receives.EACH) {
            return;
        }
        synchronized (stateLock) {
            if (receives == Receives.BATCHES) {
                throw new IllegalStateException("the socket has a receive ring: it receives with receiveMessages");
            }
            receives = Receives.EACH;
        }
    }

    // ---- receiving in batches ----------------------------------------------------------------------------------

    /**
     * Gives the socket a receive ring (SO_WSK_EVENT_CALLBACK): from now on the driver keeps what comes, and
     * {@link #receiveMessages} receives many datagrams at once. That is for the life of the socket: it can't receive
     * datagrams one by one any more. The messages carry no control information, and a socket with
     * {@link WskSocketOptions#IP_RECVERR} or {@link WskSocketOptions#UDP_RECV_MAX_COALESCED_SIZE} can't have a ring.
     *
     * @param ring the size of the ring, and what happens when it is full
     * @return this socket
     * @throws NotYetBoundException if the socket isn't bound
     * @throws IllegalStateException if it has a ring, or has received datagrams one by one
     * @throws WskQuotaException if the process may not use that much memory
     * @throws IOException if the driver refuses
     */
    public WskDatagramSocket setReceiveRing(ReceiveRing ring) throws IOException {
        Objects.requireNonNull(ring, "ring");
        requireOpen(Verb.SET_RECEIVE_RING);
        requireBound();
        synchronized (stateLock) {
            if (receives != Receives.UNDECIDED) {
                throw new IllegalStateException(
                        receives == Receives.BATCHES
                                ? "the socket has a receive ring"
                                : "the socket has received datagrams one by one");
            }
            setRingLocked(ring);
        }
        return this;
    }

    /** Holding the lock. */
    private void setRingLocked(ReceiveRing ring) throws IOException {
        int datagrams = ring.maximumDatagrams();
        handle.setReceiveRing(
                ring.bytes(),
                datagrams == Integer.MAX_VALUE ? 0 : datagrams,
                ring.whenFull() == ReceiveRing.WhenFull.HOLD_BACK);
        receives = Receives.BATCHES;
    }

    /**
     * What the receive ring holds now.
     *
     * @return the state, empty if the socket has no ring
     * @throws IOException if the driver refuses
     */
    public Optional<ReceiveRingState> getReceiveRing() throws IOException {
        requireOpen(Verb.GET_RECEIVE_RING);
        return receives == Receives.BATCHES ? Optional.of(handle.receiveRing()) : Optional.empty();
    }

    /**
     * Receives as many datagrams as have come, at least one, with one request (WskReceiveFromEvent). Sets
     * {@link ReceiveRing#DEFAULT} if the socket has no ring. There is room for 256 KiB, which includes 72 bytes for each
     * datagram.
     *
     * @return the datagrams, to be closed by the receiver
     * @throws NotYetBoundException if the socket isn't bound
     * @throws IllegalStateException if the socket has received datagrams one by one
     */
    public CompletableFuture<ReceivedMessages> receiveMessages() {
        return receiveMessages(MESSAGES_ROOM, Deadline.NONE);
    }

    /**
     * The same within a time. If no datagram has come by then, the future fails with a
     * {@link java.net.SocketTimeoutException}. Nothing is lost: what comes later is for the next receive.
     *
     * @param timeout how long to wait
     * @return the datagrams, to be closed by the receiver
     * @throws NotYetBoundException if the socket isn't bound
     * @throws IllegalStateException if the socket has received datagrams one by one
     * @throws IllegalArgumentException if the timeout isn't positive
     * @see #receiveMessages()
     */
    public CompletableFuture<ReceivedMessages> receiveMessages(Duration timeout) {
        return receiveMessages(MESSAGES_ROOM, Deadline.after(timeout));
    }

    /**
     * The same with room of another size.
     *
     * @param room how many bytes to make room for, with 72 bytes for each datagram; at least
     *     {@value #MINIMUM_MESSAGES_ROOM}, so that any datagram fits
     * @return the datagrams, to be closed by the receiver
     * @throws NotYetBoundException if the socket isn't bound
     * @throws IllegalStateException if the socket has received datagrams one by one
     * @throws IllegalArgumentException if the room is too small, or larger than {@link BridgeLimits#maximumTransfer()}
     * @see #receiveMessages()
     */
    public CompletableFuture<ReceivedMessages> receiveMessages(int room) {
        return receiveMessages(room, Deadline.NONE);
    }

    private CompletableFuture<ReceivedMessages> receiveMessages(int room, Deadline deadline) {
        if (room < MINIMUM_MESSAGES_ROOM || room > maximumTransfer) {
            throw new IllegalArgumentException(
                    "room for " + room + " bytes is not within " + MINIMUM_MESSAGES_ROOM + " and " + maximumTransfer);
        }
        if (!isOpen()) {
            return failedAsClosed(Verb.RECEIVE_MESSAGES);
        }
        requireBound();
        try {
            receiveBatches();
        } catch (IOException e) {
            return failed(e);
        }
        return MessageBatch.receive(handle, room, deadline, ReceivedMessages::new);
    }

    private void receiveBatches() throws IOException {
        if (receives == Receives.BATCHES) {
            return;
        }
        synchronized (stateLock) {
            if (receives == Receives.EACH) {
                throw new IllegalStateException("the socket has received datagrams one by one");
            }
            if (receives == Receives.UNDECIDED) {
                setRingLocked(ReceiveRing.DEFAULT);
            }
        }
    }
}
