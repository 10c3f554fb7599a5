// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.StandardProtocolFamily;
import java.nio.channels.MembershipKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.wskbridge.internal.shim.DriverOption;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Verb;

/** The groups that a datagram socket is a member of. Guarded by the socket's lock, requests to the driver too. */
final class Memberships {
    private final WskDatagramSocket socket;
    private final List<Membership> members = new ArrayList<>();

    Memberships(WskDatagramSocket socket) {
        this.socket = socket;
    }

    /** Joins a group for any source, or for one; returns the membership if there is one already. */
    MembershipKey join(InetAddress group, NetworkInterface network, Optional<InetAddress> source) throws IOException {
        requireGroup(group);
        Objects.requireNonNull(network, "network");
        source.ifPresent(host -> requireHost(host, group));
        synchronized (socket.stateLock) {
            socket.requireOpen(Verb.SET_OPTION);
            Optional<Membership> existing = find(group, network, source);
            if (existing.isPresent()) {
                return existing.get();
            }
            Membership joined = new Membership(this, group, network, source);
            change(source.isPresent() ? DriverOption.JOIN_SOURCE_GROUP : DriverOption.JOIN_GROUP, joined, source);
            members.add(joined);
            return joined;
        }
    }

    private void requireGroup(InetAddress group) {
        if (!group.isMulticastAddress()) {
            throw new IllegalArgumentException(group + " isn't a multicast address");
        }
        if (group instanceof Inet4Address != (socket.family == StandardProtocolFamily.INET)) {
            throw new IllegalArgumentException("the group " + group + " isn't one of the socket's family");
        }
    }

    static void requireHost(InetAddress host, InetAddress group) {
        if (host.isAnyLocalAddress() || host.isMulticastAddress()) {
            throw new IllegalArgumentException(host + " isn't the address of a host");
        }
        if (host instanceof Inet4Address != group instanceof Inet4Address) {
            throw new IllegalArgumentException("the source " + host + " isn't of the group's family");
        }
    }

    /** The same membership; a socket is a member for any source, or for single ones, never for both. */
    private Optional<Membership> find(InetAddress group, NetworkInterface network, Optional<InetAddress> source) {
        for (Membership member : members) {
            if (member.group().equals(group) && member.networkInterface().equals(network)) {
                if (member.source().equals(source)) {
                    return Optional.of(member);
                }
                if (member.source().isEmpty() || source.isEmpty()) {
                    throw new IllegalStateException("the socket is already a member of " + group
                            + (source.isEmpty() ? " for single sources" : " for any source"));
                }
            }
        }
        return Optional.empty();
    }

    /** Holding the lock. */
    private void change(DriverOption change, Membership member, Optional<InetAddress> source) throws IOException {
        socket.handle.changeGroup(
                change,
                member.networkInterface().getIndex(),
                encode(member.group()),
                source.isPresent() ? encode(source.get()) : SocketAddresses.NONE);
    }

    private SocketAddresses.Encoded encode(InetAddress address) {
        return SocketAddresses.encode(new InetSocketAddress(address, 0), socket.family, false);
    }

    WskDatagramSocket socket() {
        return socket;
    }

    /** Whether a membership lasts. */
    boolean contains(Membership member) {
        synchronized (socket.stateLock) {
            return socket.isOpen() && members.contains(member);
        }
    }

    /** Ends a membership, unless it has ended. */
    void leave(Membership member) throws IOException {
        synchronized (socket.stateLock) {
            if (contains(member)) {
                boolean single = member.source().isPresent();
                change(single ? DriverOption.LEAVE_SOURCE_GROUP : DriverOption.LEAVE_GROUP, member, member.source());
                members.remove(member);
            }
        }
    }

    /** Refuses a source of a group from now on. */
    void block(Membership member, InetAddress source) throws IOException {
        requireHost(source, member.group());
        synchronized (socket.stateLock) {
            requireAnySource(member);
            if (!member.blocked.contains(source)) {
                change(DriverOption.BLOCK_SOURCE, member, Optional.of(source));
                member.blocked.add(source);
            }
        }
    }

    /** Takes that back. */
    void unblock(Membership member, InetAddress source) throws IOException {
        synchronized (socket.stateLock) {
            requireAnySource(member);
            if (!member.blocked.contains(source)) {
                throw new IllegalStateException(source + " isn't blocked");
            }
            change(DriverOption.UNBLOCK_SOURCE, member, Optional.of(source));
            member.blocked.remove(source);
        }
    }

    private void requireAnySource(Membership member) {
        if (!contains(member)) {
            throw new IllegalStateException("the membership has ended");
        }
        if (member.source().isPresent()) {
            throw new IllegalStateException("the membership is for one source only");
        }
    }
}
