// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.nio.channels.MembershipKey;
import java.nio.channels.MulticastChannel;
import java.util.HashSet;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/** A datagram socket's membership of one group: for any source, or for one. */
final class Membership extends MembershipKey {
    private final Memberships all;
    private final InetAddress group;
    private final NetworkInterface network;
    private final Optional<InetAddress> source;

    /** The sources that are refused. Guarded by the socket's lock. */
    final Set<InetAddress> blocked = new HashSet<>();

    Membership(Memberships all, InetAddress group, NetworkInterface network, Optional<InetAddress> source) {
        this.all = all;
        this.group = group;
        this.network = network;
        this.source = source;
    }

    Optional<InetAddress> source() {
        return source;
    }

    @Override
    public boolean isValid() {
        return all.contains(this);
    }

    @Override
    public void drop() {
        try {
            all.leave(this);
        } catch (IOException e) {
            throwUnlessEnded(e);
        }
    }

    @Override
    public MembershipKey block(InetAddress host) throws IOException {
        all.block(this, Objects.requireNonNull(host, "source"));
        return this;
    }

    @Override
    public MembershipKey unblock(InetAddress host) {
        try {
            all.unblock(this, Objects.requireNonNull(host, "source"));
        } catch (IOException e) {
            throwUnlessEnded(e);
        }
        return this;
    }

    /** With the socket, the membership has ended too. */
    private void throwUnlessEnded(IOException failure) {
        if (isValid()) {
            throw new UncheckedIOException(failure);
        }
    }

    @Override
    public MulticastChannel channel() {
        return all.socket();
    }

    @Override
    public InetAddress group() {
        return group;
    }

    @Override
    public NetworkInterface networkInterface() {
        return network;
    }

    /** As the JDK prescribes it: null for any source. */
    @Override
    public InetAddress sourceAddress() {
        return source.orElse(null);
    }

    @Override
    public String toString() {
        return "<" + group.getHostAddress() + "," + network.getName()
                + source.map(host -> "," + host.getHostAddress()).orElse("") + ">";
    }
}
