// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Sizes, offsets and numbers of everything that crosses the border to the native library: the one place that repeats
 * wskshim.h and ioctl.h. {@link #differences} compares it with what a library says of itself.
 */
public final class Layout {
    /** WSKSHIM_ABI_VERSION. */
    public static final int ABI_VERSION = 1;

    private static final Map<String, String> EXPECTED = new LinkedHashMap<>();

    private Layout() {}

    /** wskshim_submission. */
    public static final class Submission {
        public static final int OPCODE = field("wskshim_submission.opcode", 0, 2);
        public static final int FLAGS = field("wskshim_submission.flags", 4, 4);
        public static final int SOCKET = field("wskshim_submission.socket", 8, 8);
        public static final int USER_DATA = field("wskshim_submission.user_data", 16, 8);
        public static final int BUFFER = field("wskshim_submission.buffer", 24, 8);
        public static final int LENGTH = field("wskshim_submission.length", 32, 4);
        public static final int ADDRESS = field("wskshim_submission.address", 36, 28);
        public static final int SIZE = structure("wskshim_submission", 64);

        private Submission() {}
    }

    /** wskshim_completion. */
    public static final class Completion {
        public static final int USER_DATA = field("wskshim_completion.user_data", 0, 8);
        public static final int STATUS = field("wskshim_completion.status", 8, 4);
        public static final int BYTES = field("wskshim_completion.bytes", 12, 4);
        public static final int OPCODE = field("wskshim_completion.opcode", 16, 2);
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
        public static final int SIZE = structure("WSKB_VERSION", 56);

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
        public static final int SIZE = structure("WSKB_STATISTICS", 104);

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

    /** WSKB_OPTION. */
    public static final class Option {
        public static final int LENGTH = field("WSKB_OPTION.Size", 0, 4);
        public static final int OPTION = field("WSKB_OPTION.Option", 4, 4);
        public static final int VALUE = field("WSKB_OPTION.Value", 8, 4);
        public static final int SIZE = structure("WSKB_OPTION", 12);

        private Option() {}
    }

    /** WSKB_DATAGRAM, which stands before the payload of a received datagram. */
    public static final class Datagram {
        public static final int SIZE = structure("WSKB_DATAGRAM", 64);
        public static final int TRUNCATED = 0x1;

        private Datagram() {}
    }

    /** WSKB_ATTACH. */
    public static final class Attach {
        public static final int LENGTH = field("WSKB_ATTACH.Size", 0, 4);
        public static final int TOKEN = field("WSKB_ATTACH.Token", 8, 8);
        public static final int SIZE = structure("WSKB_ATTACH", 16);

        private Attach() {}
    }

    /** Opcodes of submissions. */
    public static final class Opcode {
        public static final int NOP = 0;
        public static final int SEND_TO = 1;
        public static final int RECEIVE_FROM = 2;
        public static final int CONNECT = 3;
        public static final int SEND = 4;
        public static final int RECEIVE = 5;
        public static final int DISCONNECT = 6;
        public static final int ACCEPT = 7;

        private Opcode() {}
    }

    /** Control codes, made as winioctl.h's CTL_CODE makes them. */
    public static final class Control {
        public static final int GET_VERSION = code(0x800, 1);
        public static final int GET_STATISTICS = code(0x802, 1);
        public static final int CREATE = code(0x803, 2);
        public static final int ATTACH = code(0x804, 2);
        public static final int BIND = code(0x805, 2);
        public static final int GET_LOCAL_ADDRESS = code(0x806, 1);
        public static final int GET_REMOTE_ADDRESS = code(0x807, 1);
        public static final int SET_REMOTE_ADDRESS = code(0x808, 2);
        public static final int SET_SENDTO_ADDRESS = code(0x809, 2);
        public static final int GET_OPTION = code(0x80A, 1);
        public static final int SET_OPTION = code(0x80B, 2);

        private Control() {}

        /** A buffered code; those with direct transfers are issued by submissions only. */
        private static int code(int function, int access) {
            return 0x12 << 16 | access << 14 | function << 2;
        }
    }

    /** WSKB_MAGIC. */
    public static final int MAGIC = 0x424B5357;
    /** WSKB_VERSION_MAJOR. */
    public static final int VERSION_MAJOR = 1;
    /** WSKB_VERSION_MINOR. */
    public static final int VERSION_MINOR = 0;

    public static final int FEATURE_DATAGRAM = 0x1;
    public static final int FEATURE_CONNECTION = 0x2;
    public static final int FEATURE_LISTEN = 0x4;

    public static final int FAMILY_UNSPECIFIED = 0;
    public static final int FAMILY_INET = 2;
    public static final int FAMILY_INET6 = 23;

    public static final int OPTION_RECEIVE_BUFFER = 1;
    public static final int OPTION_REUSE_ADDRESS = 2;
    public static final int OPTION_EXCLUSIVE_ADDRESS_USE = 3;
    public static final int OPTION_BROADCAST = 4;
    public static final int OPTION_KEEP_ALIVE = 5;
    public static final int OPTION_NO_DELAY = 6;
    public static final int OPTION_IPV6_ONLY = 7;
    public static final int OPTION_LINGER = 8;

    /** WSKB_MAXIMUM_LINGER_SECONDS. */
    public static final int MAXIMUM_LINGER_SECONDS = 3600;

    /** WSKB_SEND_AFTER_REFUSAL. */
    public static final int SEND_AFTER_REFUSAL = 2;

    private static int field(String name, int offset, int size) {
        EXPECTED.put(name, offset + ":" + size);
        return offset;
    }

    private static int structure(String name, int size) {
        EXPECTED.put(name, Integer.toString(size));
        return size;
    }

    /**
     * Compares with the lines that wskshim_layout gives.
     *
     * @return one line for each structure or field that is missing there or laid out differently
     */
    public static List<String> differences(String layoutText) {
        initialise();
        Map<String, String> actual = new LinkedHashMap<>();
        for (String line : layoutText.split("\n")) {
            int equals = line.indexOf('=');
            if (equals > 0) {
                actual.put(line.substring(0, equals), line.substring(equals + 1).strip());
            }
        }
        List<String> differences = new ArrayList<>();
        EXPECTED.forEach((name, value) -> {
            String other = actual.get(name);
            if (!value.equals(other)) {
                differences.add(name + ": " + value + " expected, " + (other == null ? "nothing" : other) + " found");
            }
        });
        return differences;
    }

    /** Runs the initialisers that fill the table. */
    private static void initialise() {
        int sizes = Submission.SIZE
                + Completion.SIZE
                + SocketAddress.SIZE
                + VersionRequest.SIZE
                + Version.SIZE
                + Statistics.SIZE
                + Create.SIZE
                + Address.SIZE
                + Option.SIZE
                + Datagram.SIZE
                + Attach.SIZE;
        if (sizes == 0) {
            throw new AssertionError();
        }
    }
}
