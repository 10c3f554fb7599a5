// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.wskbridge.BridgeInfo;
import org.wskbridge.BridgeLimits;
import org.wskbridge.BridgeStatistics;
import org.wskbridge.Feature;
import org.wskbridge.Transport;
import org.wskbridge.WskTransport;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.shim.Gate;
import org.wskbridge.internal.shim.Layout;
import org.wskbridge.internal.shim.Scratch;
import org.wskbridge.internal.shim.Shim;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.StatusMapping;
import org.wskbridge.internal.shim.SystemVersion;
import org.wskbridge.internal.shim.Verb;

/** A handle without a socket, for requests about the driver itself. */
public final class ControlHandle {
    private final SocketHandle handle;
    private volatile BridgeInfo last;

    private ControlHandle(SocketHandle handle) {
        this.handle = handle;
    }

    /** Opens the handle and asks the driver's version. */
    public static ControlHandle open(CompletionPort port) throws IOException {
        ControlHandle control = new ControlHandle(port.openSocket());
        control.last = control.version();
        return control;
    }

    /** The driver's statistics; the last known ones if the driver can't be asked. */
    public BridgeInfo info() {
        try {
            last = version();
        } catch (IOException e) {
            return last; // closed, or closing
        }
        return last;
    }

    /** Asks for the driver's version and features; fails if the version is not supported. */
    public BridgeInfo version() throws IOException {
        Scratch scratch = Scratch.take();
        try {
            scratch.memory()
                    .putInt(Layout.VersionRequest.LENGTH, Layout.VersionRequest.SIZE)
                    .putInt(Layout.VersionRequest.MAGIC, Layout.MAGIC)
                    .putShort(Layout.VersionRequest.MAJOR, (short) Layout.VERSION_MAJOR)
                    .putShort(Layout.VersionRequest.MINOR, (short) Layout.VERSION_MINOR);
            int status = handle.control(scratch, Verb.GET_VERSION, Layout.VersionRequest.SIZE, Layout.Version.SIZE);
            check(status, Verb.GET_VERSION);
            SystemVersion system = system(scratch.memory());
            handle.port().setSystem(system);
            return decode(scratch.memory(), Shim.description(handle.port().binding()), system);
        } finally {
            scratch.giveBack();
        }
    }

    private static SystemVersion system(ByteBuffer memory) {
        int at = Scratch.OUT;
        return new SystemVersion(
                Short.toUnsignedInt(memory.getShort(at + Layout.Version.SYSTEM_MAJOR)),
                Short.toUnsignedInt(memory.getShort(at + Layout.Version.SYSTEM_MINOR)),
                memory.getInt(at + Layout.Version.SYSTEM_BUILD));
    }

    private static BridgeInfo decode(ByteBuffer memory, Map<String, String> library, SystemVersion system) {
        int at = Scratch.OUT;
        int highest = Short.toUnsignedInt(memory.getShort(at + Layout.Version.PROVIDER_HIGHEST));
        long bits = memory.getLong(at + Layout.Version.FEATURES);
        Set<Feature> features = EnumSet.noneOf(Feature.class);
        addIf(features, Feature.DATAGRAM, bits & Layout.FEATURE_DATAGRAM);
        addIf(features, Feature.CONNECTION, bits & Layout.FEATURE_CONNECTION);
        addIf(features, Feature.LISTEN, bits & Layout.FEATURE_LISTEN);
        addIf(features, Feature.SEND_MESSAGES, bits & Layout.FEATURE_SEND_MESSAGES);
        addIf(features, Feature.RECEIVE_MESSAGES, bits & Layout.FEATURE_RECEIVE_MESSAGES);
        addIf(features, Feature.SEND_TRAFFIC_CLASS, bits & Layout.FEATURE_SEND_TRAFFIC_CLASS);
        addIf(features, Feature.SEND_SEGMENTS, bits & Layout.FEATURE_SEND_SEGMENTS);
        addIf(features, Feature.RECEIVE_COALESCED, bits & Layout.FEATURE_RECEIVE_COALESCED);
        addIf(features, Feature.DEADLINES, bits & Layout.FEATURE_DEADLINES);
        addIf(features, Feature.CONNECT_DATA, bits & Layout.FEATURE_CONNECT_DATA);
        addIf(features, Feature.WAITS, bits & Layout.FEATURE_WAITS);
        return new BridgeInfo(
                "embedded".equals(library.get("transport")) ? Transport.EMBEDDED : Transport.DEVICE,
                library.getOrDefault("version", "unknown"),
                Shim.bindingName(),
                version(memory, at + Layout.Version.MAJOR, at + Layout.Version.MINOR),
                Set.copyOf(features),
                version(memory, at + Layout.Version.FRAMEWORK_MAJOR, at + Layout.Version.FRAMEWORK_MINOR),
                highest == 0 ? Optional.empty() : Optional.of((highest >> 8) + "." + (highest & 0xFF)),
                new BridgeLimits(
                        memory.getInt(at + Layout.Version.MAXIMUM_DATAGRAM),
                        memory.getInt(at + Layout.Version.MAXIMUM_TRANSFER),
                        memory.getInt(at + Layout.Version.MAXIMUM_OPERATIONS),
                        memory.getInt(at + Layout.Version.MAXIMUM_SOCKETS),
                        memory.getInt(at + Layout.Version.MAXIMUM_UNCLAIMED),
                        memory.getLong(at + Layout.Version.MAXIMUM_BYTES)),
                system.major() + "." + system.minor() + "." + system.build(),
                Gate.closed(system).stream()
                        .map(gate -> gate.what() + ": " + gate.product())
                        .toList());
    }

    private static void addIf(Set<Feature> features, Feature feature, long bit) {
        if (bit != 0) {
            features.add(feature);
        }
    }

    private static String version(ByteBuffer memory, int major, int minor) {
        return Short.toUnsignedInt(memory.getShort(major)) + "." + Short.toUnsignedInt(memory.getShort(minor));
    }

    /** Asks for the driver's counters. */
    public BridgeStatistics statistics() throws IOException {
        Scratch scratch = Scratch.take();
        try {
            check(handle.control(scratch, Verb.GET_STATISTICS, 0, Layout.Statistics.SIZE), Verb.GET_STATISTICS);
            ByteBuffer memory = scratch.memory();
            int at = Scratch.OUT;
            return new BridgeStatistics(
                    memory.getLong(at + Layout.Statistics.CONTROL_REQUESTS),
                    memory.getLong(at + Layout.Statistics.COMPLETED_REQUESTS),
                    memory.getLong(at + Layout.Statistics.STARTED_IRPS),
                    memory.getLong(at + Layout.Statistics.COMPLETED_IRPS),
                    memory.getLong(at + Layout.Statistics.CANCELLED_REQUESTS),
                    memory.getLong(at + Layout.Statistics.SENT_DATAGRAMS),
                    memory.getLong(at + Layout.Statistics.RECEIVED_DATAGRAMS),
                    memory.getLong(at + Layout.Statistics.SENT_BYTES),
                    memory.getLong(at + Layout.Statistics.RECEIVED_BYTES),
                    memory.getLong(at + Layout.Statistics.ACCEPTED_CONNECTIONS),
                    memory.getInt(at + Layout.Statistics.OPEN_SOCKETS),
                    memory.getInt(at + Layout.Statistics.UNCLAIMED_SOCKETS),
                    memory.getInt(at + Layout.Statistics.OPERATIONS_IN_FLIGHT),
                    memory.getInt(at + Layout.Statistics.LINGERING_SOCKETS),
                    memory.getLong(at + Layout.Statistics.DROPPED_DATAGRAMS));
        } finally {
            scratch.giveBack();
        }
    }

    /** Asks what WSK can make sockets of. */
    public List<WskTransport> transports() throws IOException {
        return handle.list(Verb.GET_TRANSPORTS, Layout.TransportEntry.SIZE).stream()
                .map(ControlHandle::transport)
                .toList();
    }

    private static WskTransport transport(ByteBuffer entry) {
        int version = Short.toUnsignedInt(entry.getShort(Layout.TransportEntry.VERSION));
        byte[] provider = new byte[16];
        entry.get(Layout.TransportEntry.PROVIDER_ID, provider);
        return new WskTransport(
                (version >> 8) + "." + (version & 0xFF),
                Short.toUnsignedInt(entry.getShort(Layout.TransportEntry.SOCKET_TYPE)),
                entry.getInt(Layout.TransportEntry.PROTOCOL),
                entry.getInt(Layout.TransportEntry.FAMILY) == Layout.FAMILY_INET6
                        ? StandardProtocolFamily.INET6
                        : StandardProtocolFamily.INET,
                guid(ByteBuffer.wrap(provider).order(ByteOrder.LITTLE_ENDIAN)));
    }

    /** The first three fields of a GUID are little-endian numbers. */
    private static UUID guid(ByteBuffer bytes) {
        long first = Integer.toUnsignedLong(bytes.getInt(0)) << 32
                | Short.toUnsignedLong(bytes.getShort(4)) << 16
                | Short.toUnsignedLong(bytes.getShort(6));
        return new UUID(first, bytes.order(ByteOrder.BIG_ENDIAN).getLong(8));
    }

    private static void check(int status, Verb verb) throws IOException {
        if (Status.isError(status)) {
            throw StatusMapping.thrown(status, verb, "the bridge");
        }
    }

    /** Sends a request through all layers and back. */
    public OperationFuture<Void> nop() {
        return StreamOperations.nop(handle);
    }

    /** The exception for a request to a closed bridge. */
    public IOException closedFailure(Verb verb) {
        IOException closed = StatusMapping.closed(verb, "the bridge");
        handle.port().failure().ifPresent(closed::initCause);
        return closed;
    }

    /** Closes the handle. */
    public void close() {
        handle.close();
    }
}
