// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.lang.invoke.MethodHandles;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.stream.Collectors;

/**
 * Sizes, offsets and numbers of everything that crosses the border to the native library. What is repeated here, in
 * {@link Verb}, {@link Category}, {@link DriverOption} and {@link Gate}, is registered under its name in wskshim.h or ioctl.h, and
 * {@link #differences} compares all of it with what a library says of itself.
 */
public final class Layout {
    /** What Java repeats, by the name that wskshim_layout gives it. */
    private static final Map<String, String> REGISTERED = new ConcurrentSkipListMap<>();

    /** What Java doesn't repeat, with the reason. A structure includes its fields. */
    private static final Map<String, String> UNUSED = new ConcurrentSkipListMap<>();

    public static final int ABI_VERSION = constant("WSKSHIM_ABI_VERSION", 2);

    public static final int MAGIC = constant("WSKB_MAGIC", 0x424B5357);
    public static final int VERSION_MAJOR = constant("WSKB_VERSION_MAJOR", 2);
    public static final int VERSION_MINOR = constant("WSKB_VERSION_MINOR", 0);

    public static final int FEATURE_DATAGRAM = constant("WSKB_FEATURE_DATAGRAM", 0x1);
    public static final int FEATURE_CONNECTION = constant("WSKB_FEATURE_CONNECTION", 0x2);
    public static final int FEATURE_LISTEN = constant("WSKB_FEATURE_LISTEN", 0x4);
    public static final int FEATURE_SEND_MESSAGES = constant("WSKB_FEATURE_SEND_MESSAGES", 0x8);
    public static final int FEATURE_RECEIVE_MESSAGES = constant("WSKB_FEATURE_RECEIVE_MESSAGES", 0x10);
    public static final int FEATURE_SEND_TRAFFIC_CLASS = constant("WSKB_FEATURE_SEND_TRAFFIC_CLASS", 0x20);
    public static final int FEATURE_SEND_SEGMENTS = constant("WSKB_FEATURE_SEND_SEGMENTS", 0x40);
    public static final int FEATURE_RECEIVE_COALESCED = constant("WSKB_FEATURE_RECEIVE_COALESCED", 0x80);

    public static final int FEATURE_DEADLINES = constant("WSKB_FEATURE_DEADLINES", 0x800);
    public static final int FEATURE_CONNECT_DATA = constant("WSKB_FEATURE_CONNECT_DATA", 0x1000);

    public static final int FEATURE_WAITS = constant("WSKB_FEATURE_WAITS", 0x8000);

    public static final int FAMILY_UNSPECIFIED = constant("WSKB_AF_UNSPEC", 0);
    public static final int FAMILY_INET = constant("WSKB_AF_INET", 2);
    public static final int FAMILY_INET6 = constant("WSKB_AF_INET6", 23);

    public static final int PROTOCOL_TCP = constant("WSKB_IPPROTO_TCP", 6);
    public static final int PROTOCOL_UDP = constant("WSKB_IPPROTO_UDP", 17);
    public static final int PROTOCOL_ICMPV6 = constant("WSKB_IPPROTO_ICMPV6", 58);

    public static final int MAXIMUM_MESSAGES = constant("WSKB_MAXIMUM_MESSAGES", 1024);
    public static final int MINIMUM_RING = constant("WSKB_MINIMUM_RING", 0x20000);
    public static final int MAXIMUM_RING = constant("WSKB_MAXIMUM_RING", 0x4000000);
    public static final int MINIMUM_BATCH = constant("WSKB_MINIMUM_BATCH", 0x10080);
    public static final int MAXIMUM_LINGER_SECONDS = constant("WSKB_MAXIMUM_LINGER_SECONDS", 3600);

    public static final int MAXIMUM_FIRST_DATA = constant("WSKB_MAXIMUM_FIRST_DATA", 65535);

    public static final int SEND_NODELAY = constant("WSKB_SEND_NODELAY", 0x1);
    public static final int SEND_AFTER_REFUSAL = constant("WSKB_SEND_AFTER_REFUSAL", 0x2);
    public static final int RECEIVE_WAITALL = constant("WSKB_RECEIVE_WAITALL", 0x1);
    public static final int RECEIVE_DRAIN = constant("WSKB_RECEIVE_DRAIN", 0x2);
    public static final int DISCONNECT_AFTER_REFUSAL = constant("WSKB_DISCONNECT_AFTER_REFUSAL", 0x2);

    static {
        for (String reserved : new String[] {
            "wskshim_completion.reserved",
            "wskshim_completion.reserved2",
            "WSKB_SOCKADDR.V4.Reserved",
            "WSKB_STATISTICS.Reserved",
            "WSKB_OPTION.Reserved",
            "WSKB_ATTACH.Reserved",
            "WSKB_RING_PARAMETERS.Reserved",
            "WSKB_MESSAGE.Reserved"
        }) {
            unused(reserved, "zero");
        }
        for (String size :
                new String[] {"WSKB_VERSION.Size", "WSKB_VERSION.Magic", "WSKB_STATISTICS.Size", "WSKB_RING_STATE.Size"
                }) {
            unused(size, "what a driver of the right version answers");
        }
        unused("WSKB_VERSION.ProviderLowest", "the highest version is told");
        for (String limit : new String[] {"DATAGRAM", "TRANSFER", "OPERATIONS", "SOCKETS", "UNCLAIMED", "BYTES"}) {
            unused("constant.WSKB_MAXIMUM_" + limit, "the driver tells its limits in WSKB_VERSION");
        }
        unused("constant.WSKB_MAXIMUM_DISCONNECTS", "a connection has one at a time");
        unused("constant.WSKB_MAXIMUM_WAITS", "the driver refuses more");
        for (String structure :
                new String[] {"WSKB_SEND_TO", "WSKB_CONNECT", "WSKB_SEND_MESSAGES", "WSKB_TRANSFER", "WSKB_ACCEPTED"}) {
            unused(structure, "the library translates from submissions and to completions");
        }
        for (String field : new String[] {"Size", "Flags", "Reserved", "Reserved2"}) {
            unused("WSKB_DATAGRAM." + field, "nothing of it is told to programs");
        }
        unused("wskshim_message.reserved", "zero");
        unused("wskshim_buffer.reserved", "zero");
        unused("constant.WSKSHIM_MAXIMUM_PIECES", "the library gathers pieces by itself");
        unused("wskshim_completion.opcode", "the operation is known by its user data");
        unused("constant.WSKB_DISCONNECT_ABORTIVE", "closing the handle resets the connection");
        unused("constant.WSKB_IPPROTO_ICMP", "an error is of ICMPv6 or of ICMP");
        unused("constant.WSKB_SEND_TO_CONTROL", "the library sets it for messages with control information");
        unused("constant.WSKB_DATAGRAM_ERROR", "the control information says it");
        unused("constant.WSKB_DATAGRAM_BROADCAST", "not told to programs");
        unused("constant.WSKB_DATAGRAM_MULTICAST", "not told to programs");
    }

    private Layout() {}

    /** wskshim_submission. */
    public static final class Submission {
        public static final int OPCODE = field("wskshim_submission.opcode", 0, 2);
        public static final int MODIFIERS = field("wskshim_submission.modifiers", 2, 2);
        /** The entry points to a {@link Message}. */
        public static final int MODIFIER_MESSAGE = constant("WSKSHIM_MODIFIER_MESSAGE", 0x1);

        public static final int FLAGS = field("wskshim_submission.flags", 4, 4);
        public static final int SOCKET = field("wskshim_submission.socket", 8, 8);
        public static final int USER_DATA = field("wskshim_submission.user_data", 16, 8);
        public static final int BUFFER = field("wskshim_submission.buffer", 24, 8);
        public static final int LENGTH = field("wskshim_submission.length", 32, 4);
        public static final int ADDRESS = field("wskshim_submission.address", 36, 28);
        public static final int SIZE = structure("wskshim_submission", 64);

        private Submission() {}
    }

    /** wskshim_message. */
    public static final class Message {
        public static final int PAYLOAD = field("wskshim_message.payload", 0, 8);
        public static final int PAYLOAD_COUNT = field("wskshim_message.payload_count", 8, 4);
        public static final int CONTROL_LENGTH = field("wskshim_message.control_length", 12, 4);
        public static final int CONTROL = field("wskshim_message.control", 16, 8);

        /** In milliseconds. */
        public static final int DEADLINE = field("wskshim_message.deadline", 24, 8);

        public static final int ADDRESS = field("wskshim_message.address", 32, 28);
        public static final int SIZE = structure("wskshim_message", 64);

        private Message() {}
    }

    /** wskshim_buffer. */
    public static final class Buffer {
        public static final int ADDRESS = field("wskshim_buffer.address", 0, 8);
        public static final int LENGTH = field("wskshim_buffer.length", 8, 4);
        public static final int SIZE = structure("wskshim_buffer", 16);

        private Buffer() {}
    }

    /** wskshim_completion. */
    public static final class Completion {
        public static final int USER_DATA = field("wskshim_completion.user_data", 0, 8);
        public static final int STATUS = field("wskshim_completion.status", 8, 4);
        public static final int BYTES = field("wskshim_completion.bytes", 12, 4);
        public static final int FLAGS = field("wskshim_completion.flags", 18, 2);
        public static final int VALUE = field("wskshim_completion.value", 24, 8);
        public static final int ADDRESS = field("wskshim_completion.address", 32, 28);
        public static final int SIZE = structure("wskshim_completion", 64);

        private Completion() {}
    }

    /** WSKB_SOCKADDR. */
    public static final class SocketAddress {
        public static final int FAMILY = field("WSKB_SOCKADDR.Family", 0, 2);
        public static final int PORT = field("WSKB_SOCKADDR.Port", 2, 2);
        public static final int V4_ADDRESS = field("WSKB_SOCKADDR.V4.Address", 4, 4);
        public static final int V6_FLOW_INFO = field("WSKB_SOCKADDR.V6.FlowInfo", 4, 4);
        public static final int V6_ADDRESS = field("WSKB_SOCKADDR.V6.Address", 8, 16);
        public static final int V6_SCOPE_ID = field("WSKB_SOCKADDR.V6.ScopeId", 24, 4);
        public static final int SIZE = structure("WSKB_SOCKADDR", 28);

        private SocketAddress() {}
    }

    /** WSKB_VERSION_REQUEST. */
    public static final class VersionRequest {
        public static final int LENGTH = field("WSKB_VERSION_REQUEST.Size", 0, 4);
        public static final int MAGIC = field("WSKB_VERSION_REQUEST.Magic", 4, 4);
        public static final int MAJOR = field("WSKB_VERSION_REQUEST.Major", 8, 2);
        public static final int MINOR = field("WSKB_VERSION_REQUEST.Minor", 10, 2);
        public static final int SIZE = structure("WSKB_VERSION_REQUEST", 12);

        private VersionRequest() {}
    }

    /** WSKB_VERSION. */
    public static final class Version {
        public static final int MAJOR = field("WSKB_VERSION.Major", 8, 2);
        public static final int MINOR = field("WSKB_VERSION.Minor", 10, 2);
        public static final int FRAMEWORK_MAJOR = field("WSKB_VERSION.FrameworkMajor", 12, 2);
        public static final int FRAMEWORK_MINOR = field("WSKB_VERSION.FrameworkMinor", 14, 2);
        public static final int PROVIDER_HIGHEST = field("WSKB_VERSION.ProviderHighest", 16, 2);
        public static final int MAXIMUM_DATAGRAM = field("WSKB_VERSION.MaximumDatagram", 20, 4);
        public static final int FEATURES = field("WSKB_VERSION.Features", 24, 8);
        public static final int MAXIMUM_TRANSFER = field("WSKB_VERSION.MaximumTransfer", 32, 4);
        public static final int MAXIMUM_OPERATIONS = field("WSKB_VERSION.MaximumOperations", 36, 4);
        public static final int MAXIMUM_SOCKETS = field("WSKB_VERSION.MaximumSockets", 40, 4);
        public static final int MAXIMUM_UNCLAIMED = field("WSKB_VERSION.MaximumUnclaimed", 44, 4);
        public static final int MAXIMUM_BYTES = field("WSKB_VERSION.MaximumBytes", 48, 8);
        public static final int SYSTEM_MAJOR = field("WSKB_VERSION.SystemMajor", 56, 2);
        public static final int SYSTEM_MINOR = field("WSKB_VERSION.SystemMinor", 58, 2);
        public static final int SYSTEM_BUILD = field("WSKB_VERSION.SystemBuild", 60, 4);
        public static final int SIZE = structure("WSKB_VERSION", 64);

        private Version() {}
    }

    /** WSKB_STATISTICS. */
    public static final class Statistics {
        public static final int CONTROL_REQUESTS = field("WSKB_STATISTICS.ControlRequests", 8, 8);
        public static final int COMPLETED_REQUESTS = field("WSKB_STATISTICS.CompletedRequests", 16, 8);
        public static final int STARTED_IRPS = field("WSKB_STATISTICS.StartedIrps", 24, 8);
        public static final int COMPLETED_IRPS = field("WSKB_STATISTICS.CompletedIrps", 32, 8);
        public static final int CANCELLED_REQUESTS = field("WSKB_STATISTICS.CancelledRequests", 40, 8);
        public static final int SENT_DATAGRAMS = field("WSKB_STATISTICS.SentDatagrams", 48, 8);
        public static final int RECEIVED_DATAGRAMS = field("WSKB_STATISTICS.ReceivedDatagrams", 56, 8);
        public static final int SENT_BYTES = field("WSKB_STATISTICS.SentBytes", 64, 8);
        public static final int RECEIVED_BYTES = field("WSKB_STATISTICS.ReceivedBytes", 72, 8);
        public static final int ACCEPTED_CONNECTIONS = field("WSKB_STATISTICS.AcceptedConnections", 80, 8);
        public static final int OPEN_SOCKETS = field("WSKB_STATISTICS.OpenSockets", 88, 4);
        public static final int UNCLAIMED_SOCKETS = field("WSKB_STATISTICS.UnclaimedSockets", 92, 4);
        public static final int OPERATIONS_IN_FLIGHT = field("WSKB_STATISTICS.OperationsInFlight", 96, 4);
        public static final int LINGERING_SOCKETS = field("WSKB_STATISTICS.LingeringSockets", 100, 4);
        public static final int DROPPED_DATAGRAMS = field("WSKB_STATISTICS.DroppedDatagrams", 104, 8);
        public static final int SIZE = structure("WSKB_STATISTICS", 112);

        private Statistics() {}
    }

    /** WSKB_CREATE. */
    public static final class Create {
        public static final int LENGTH = field("WSKB_CREATE.Size", 0, 4);
        public static final int CATEGORY = field("WSKB_CREATE.Category", 4, 2);
        public static final int FAMILY = field("WSKB_CREATE.Family", 6, 2);
        public static final int PROTOCOL = field("WSKB_CREATE.Protocol", 8, 4);
        public static final int SIZE = structure("WSKB_CREATE", 12);

        private Create() {}
    }

    /** WSKB_ADDRESS. */
    public static final class Address {
        public static final int LENGTH = field("WSKB_ADDRESS.Size", 0, 4);
        public static final int ADDRESS = field("WSKB_ADDRESS.Address", 4, 28);
        public static final int SIZE = structure("WSKB_ADDRESS", 32);

        private Address() {}
    }

    /** WSKB_OPTION; the value follows it. */
    public static final class Option {
        public static final int LENGTH = field("WSKB_OPTION.Size", 0, 4);
        public static final int OPTION = field("WSKB_OPTION.Option", 4, 4);
        public static final int VALUE_LENGTH = field("WSKB_OPTION.Length", 8, 4);
        public static final int SIZE = structure("WSKB_OPTION", 16);

        private Option() {}
    }

    /** WSKB_LIST; its entries follow. */
    public static final class Entries {
        public static final int LENGTH = field("WSKB_LIST.Size", 0, 4);
        public static final int COUNT = field("WSKB_LIST.Count", 4, 4);
        public static final int SIZE = structure("WSKB_LIST", 8);

        private Entries() {}
    }

    /** WSKB_TRANSPORT. */
    public static final class TransportEntry {
        public static final int VERSION = field("WSKB_TRANSPORT.Version", 0, 2);
        public static final int SOCKET_TYPE = field("WSKB_TRANSPORT.SocketType", 2, 2);
        public static final int PROTOCOL = field("WSKB_TRANSPORT.Protocol", 4, 4);
        public static final int FAMILY = field("WSKB_TRANSPORT.Family", 8, 4);
        public static final int PROVIDER_ID = field("WSKB_TRANSPORT.ProviderId", 12, 16);
        public static final int SIZE = structure("WSKB_TRANSPORT", 28);

        private TransportEntry() {}
    }

    /** WSKB_GROUP. */
    public static final class Group {
        public static final int INTERFACE = field("WSKB_GROUP.Interface", 0, 4);
        public static final int GROUP = field("WSKB_GROUP.Group", 4, 28);
        public static final int SOURCE = field("WSKB_GROUP.Source", 32, 28);
        public static final int SIZE = structure("WSKB_GROUP", 60);

        private Group() {}
    }

    /** WSKB_DATAGRAM, which stands before the payload of a received datagram. */
    public static final class Datagram {
        public static final int LENGTH = field("WSKB_DATAGRAM.Length", 8, 4);
        public static final int REMOTE_ADDRESS = field("WSKB_DATAGRAM.RemoteAddress", 16, 28);
        public static final int SIZE = structure("WSKB_DATAGRAM", 64);
        public static final int TRUNCATED = constant("WSKB_DATAGRAM_TRUNCATED", 0x1);
        public static final int CONTROL_TRUNCATED = constant("WSKB_DATAGRAM_CONTROL_TRUNCATED", 0x2);
        /** Of a receive: control information is to follow the structure. */
        public static final int WITH_CONTROL = constant("WSKB_RECEIVE_FROM_CONTROL", 0x1);

        private Datagram() {}
    }

    /** WSKB_RING_PARAMETERS. */
    public static final class RingParameters {
        public static final int LENGTH = field("WSKB_RING_PARAMETERS.Size", 0, 4);
        public static final int FLAGS = field("WSKB_RING_PARAMETERS.Flags", 4, 4);
        public static final int HOLDS_BACK = constant("WSKB_RING_HOLDS_BACK", 0x1);
        public static final int BYTES = field("WSKB_RING_PARAMETERS.Bytes", 8, 8);
        public static final int MAXIMUM_DATAGRAMS = field("WSKB_RING_PARAMETERS.MaximumDatagrams", 16, 4);
        public static final int SIZE = structure("WSKB_RING_PARAMETERS", 24);

        private RingParameters() {}
    }

    /** WSKB_RING_STATE. */
    public static final class RingState {
        public static final int DATAGRAMS = field("WSKB_RING_STATE.Datagrams", 4, 4);
        public static final int BYTES = field("WSKB_RING_STATE.Bytes", 8, 8);
        public static final int USED_BYTES = field("WSKB_RING_STATE.UsedBytes", 16, 8);
        public static final int OVERRUNS = field("WSKB_RING_STATE.Overruns", 24, 8);
        public static final int SIZE = structure("WSKB_RING_STATE", 32);

        private RingState() {}
    }

    /** WSKB_MESSAGES, which stands before the entries of a batch. */
    public static final class Messages {
        public static final int LENGTH = field("WSKB_MESSAGES.Size", 0, 4);
        public static final int COUNT = field("WSKB_MESSAGES.Count", 4, 4);
        public static final int OVERRUNS = field("WSKB_MESSAGES.Overruns", 8, 8);
        public static final int ENTRY_SIZE = field("WSKB_MESSAGES.EntrySize", 16, 4);
        public static final int LEFT = field("WSKB_MESSAGES.Left", 20, 4);
        public static final int SIZE = structure("WSKB_MESSAGES", 24);

        private Messages() {}
    }

    /** WSKB_MESSAGE, an entry of a batch. */
    public static final class MessageEntry {
        public static final int OFFSET = field("WSKB_MESSAGE.Offset", 0, 4);
        public static final int DATAGRAM = field("WSKB_MESSAGE.Datagram", 8, Datagram.SIZE);
        public static final int SIZE = structure("WSKB_MESSAGE", 8 + Datagram.SIZE);

        private MessageEntry() {}
    }

    /** WSKB_CONTROL_INFO. */
    public static final class ControlInfo {
        public static final int LENGTH = field("WSKB_CONTROL_INFO.Size", 0, 4);
        public static final int PRESENT = field("WSKB_CONTROL_INFO.Present", 4, 4);
        public static final int LOCAL_ADDRESS = field("WSKB_CONTROL_INFO.LocalAddress", 8, 28);
        public static final int INTERFACE = field("WSKB_CONTROL_INFO.Interface", 36, 4);
        public static final int TRAFFIC_CLASS = field("WSKB_CONTROL_INFO.TrafficClass", 40, 4);
        public static final int ECN = field("WSKB_CONTROL_INFO.Ecn", 44, 4);
        public static final int HOP_LIMIT = field("WSKB_CONTROL_INFO.HopLimit", 48, 4);
        public static final int SEGMENT_SIZE = field("WSKB_CONTROL_INFO.SegmentSize", 52, 4);
        public static final int PROTOCOL = field("WSKB_CONTROL_INFO.Protocol", 56, 4);
        public static final int TYPE = field("WSKB_CONTROL_INFO.Type", 60, 4);
        public static final int CODE = field("WSKB_CONTROL_INFO.Code", 64, 4);
        public static final int MTU = field("WSKB_CONTROL_INFO.Mtu", 68, 4);
        public static final int SIZE = structure("WSKB_CONTROL_INFO", 72);

        public static final int HAS_PACKET_INFO = constant("WSKB_CONTROL_PACKET_INFO", 0x1);
        public static final int HAS_TRAFFIC_CLASS = constant("WSKB_CONTROL_TRAFFIC_CLASS", 0x2);
        public static final int HAS_ECN = constant("WSKB_CONTROL_ECN", 0x4);
        public static final int HAS_HOP_LIMIT = constant("WSKB_CONTROL_HOP_LIMIT", 0x8);
        public static final int HAS_SEGMENT_SIZE = constant("WSKB_CONTROL_SEGMENT_SIZE", 0x10);
        public static final int HAS_ERROR = constant("WSKB_CONTROL_ERROR", 0x20);

        private ControlInfo() {}
    }

    /** WSKB_ATTACH. */
    public static final class Attach {
        public static final int LENGTH = field("WSKB_ATTACH.Size", 0, 4);
        public static final int TOKEN = field("WSKB_ATTACH.Token", 8, 8);
        public static final int SIZE = structure("WSKB_ATTACH", 16);

        private Attach() {}
    }

    /** What can be made to fail. */
    public static final class Fault {
        public static final int NONE = constant("WSKSHIM_FAULT_NONE", 0);
        public static final int ALLOCATION = constant("WSKSHIM_FAULT_ALLOCATION", 1);
        public static final int WSK_CALL = constant("WSKSHIM_FAULT_WSK_CALL", 2);
        public static final int FORCE_CLOSE = constant("WSKSHIM_FAULT_FORCE_CLOSE", 3);
        public static final int PROVIDER_GONE = constant("WSKSHIM_FAULT_PROVIDER_GONE", 4);
        public static final int ACCESS_DENIED = constant("WSKSHIM_FAULT_ACCESS_DENIED", 5);
        public static final int DRIVER_MISSING = constant("WSKSHIM_FAULT_DRIVER_MISSING", 6);
        public static final int CLIENT_VERSION = constant("WSKSHIM_FAULT_CLIENT_VERSION", 7);
        public static final int SYSTEM_VERSION = constant("WSKSHIM_FAULT_SYSTEM_VERSION", 8);

        private Fault() {}
    }

    // ---- registering -------------------------------------------------------------------------------------------

    private static void register(String name, String value) {
        if (REGISTERED.put(name, value) != null) {
            throw new IllegalStateException(name + " is there twice");
        }
    }

    private static void unused(String name, String reason) {
        UNUSED.put(name, reason);
    }

    private static int structure(String name, int size) {
        register(name, Integer.toString(size));
        return size;
    }

    private static int field(String name, int offset, int size) {
        register(name, offset + ":" + size);
        return offset;
    }

    static int constant(String name, int value) {
        register("constant." + name, Integer.toString(value));
        return value;
    }

    /** An operation's number in a submission. */
    static int opcode(String name, int number) {
        unused("code.IOCTL_WSKB_" + name, "the library makes it of the opcode");
        return constant("WSKSHIM_" + name, number);
    }

    /** The number of an option whose value has a size. */
    static int option(String name, int number, int size) {
        register("option.WSKB_OPTION_" + name, number + ":" + size);
        return number;
    }

    /** What needs a version of Windows: its major and minor version and build, and its name. */
    static void gate(String name, List<Integer> needed, String product) {
        register(
                "gate.WSKB_GATE_" + name,
                needed.stream().map(String::valueOf).collect(Collectors.joining(":")) + ":" + product);
    }

    /** Access that a control code needs. */
    enum Access {
        READ(1),
        WRITE(2);

        private final int bits;

        Access(int bits) {
            this.bits = bits;
        }
    }

    /**
     * A control code, made as winioctl.h's CTL_CODE makes it, and the sizes of what goes in and comes out. Always a
     * buffered one: those with direct transfers are issued by submissions only.
     */
    static int code(String name, int function, Access access, int in, int out) {
        int code = 0x12 << 16 | access.bits << 14 | function << 2;
        register("code.IOCTL_WSKB_" + name, code + ":" + in + ":" + out);
        return code;
    }

    // ---- comparing ---------------------------------------------------------------------------------------------

    /**
     * Compares with the lines that wskshim_layout gives.
     *
     * @return one line for each thing that is missing on either side or not the same on both
     */
    public static List<String> differences(String layoutText) {
        registerAll();
        Map<String, String> told = new TreeMap<>(Shim.pairs(layoutText));
        List<String> differences = new ArrayList<>();
        REGISTERED.forEach((name, value) -> {
            String other = told.getOrDefault(name, "nothing");
            if (!value.equals(other)) {
                differences.add(name + ": " + value + " expected, " + other + " found");
            }
        });
        told.forEach((name, value) -> {
            if (!REGISTERED.containsKey(name) && !isUnused(name)) {
                differences.add(name + ": nothing expected, " + value + " found");
            }
        });
        UNUSED.forEach((name, reason) -> {
            if (!told.containsKey(name)) {
                differences.add(name + ": unused (" + reason + "), but there is no such thing");
            } else if (REGISTERED.containsKey(name)) {
                differences.add(name + ": unused (" + reason + "), but used");
            }
        });
        return differences;
    }

    private static boolean isUnused(String name) {
        int dot = name.indexOf('.');
        return UNUSED.containsKey(name) || (dot > 0 && UNUSED.containsKey(name.substring(0, dot)));
    }

    /** Runs the initialisers that register. */
    private static void registerAll() {
        List<Class<?>> parts = new ArrayList<>(List.of(Layout.class.getDeclaredClasses()));
        parts.addAll(List.of(Verb.class, Category.class, DriverOption.class, Gate.class));
        for (Class<?> part : parts) {
            try {
                MethodHandles.lookup().ensureInitialized(part);
            } catch (IllegalAccessException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
