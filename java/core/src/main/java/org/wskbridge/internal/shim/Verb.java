// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import static org.wskbridge.internal.shim.Layout.Access.READ;
import static org.wskbridge.internal.shim.Layout.Access.WRITE;
import static org.wskbridge.internal.shim.Layout.code;
import static org.wskbridge.internal.shim.Layout.opcode;

import java.util.Optional;

/**
 * The requests to the driver, with the names that the documentation uses, and their numbers: the opcode of an operation,
 * which is submitted, or the code of a control request.
 */
public enum Verb {
    OPEN("WskSocket", code("CREATE", 0x803, WRITE, Layout.Create.SIZE, 0)),
    BIND("WskBind", code("BIND", 0x805, WRITE, Layout.Address.SIZE, 0)),
    GET_LOCAL_ADDRESS("WskGetLocalAddress", code("GET_LOCAL_ADDRESS", 0x806, READ, 0, Layout.Address.SIZE)),
    GET_REMOTE_ADDRESS("WskGetRemoteAddress", code("GET_REMOTE_ADDRESS", 0x807, READ, 0, Layout.Address.SIZE)),
    SET_REMOTE_ADDRESS("SIO_WSK_SET_REMOTE_ADDRESS", code("SET_REMOTE_ADDRESS", 0x808, WRITE, Layout.Address.SIZE, 0)),
    SET_SENDTO_ADDRESS("SIO_WSK_SET_SENDTO_ADDRESS", code("SET_SENDTO_ADDRESS", 0x809, WRITE, Layout.Address.SIZE, 0)),
    GET_OPTION(
            "WskControlSocket(WskGetOption)", code("GET_OPTION", 0x80A, READ, Layout.Option.SIZE, Layout.Option.SIZE)),
    SET_OPTION("WskControlSocket(WskSetOption)", code("SET_OPTION", 0x80B, WRITE, Layout.Option.SIZE, 0)),
    SEND_TO("WskSendTo", opcode("SEND_TO", 1)),
    SEND_MESSAGES("WskSendMessages", opcode("SEND_MESSAGES", 8)),
    RECEIVE_FROM("WskReceiveFrom", opcode("RECEIVE_FROM", 2)),
    RECEIVE_MESSAGES("WskReceiveFromEvent", opcode("RECEIVE_MESSAGES", 9)),
    SET_RECEIVE_RING(
            "WskControlSocket(SO_WSK_EVENT_CALLBACK)",
            code("SET_RECEIVE_RING", 0x815, WRITE, Layout.RingParameters.SIZE, 0)),
    GET_RECEIVE_RING("IOCTL_WSKB_GET_RECEIVE_RING", code("GET_RECEIVE_RING", 0x816, READ, 0, Layout.RingState.SIZE)),
    CONNECT("WskConnect", opcode("CONNECT", 3)),
    SEND("WskSend", opcode("SEND", 4)),
    RECEIVE("WskReceive", opcode("RECEIVE", 5)),
    DISCONNECT("WskDisconnect", opcode("DISCONNECT", 6)),
    ACCEPT("WskAccept", opcode("ACCEPT", 7)),
    AWAIT_READABLE("WskReceiveEvent", opcode("AWAIT_READABLE", 11)),
    AWAIT_DISCONNECTED("WskDisconnectEvent", opcode("AWAIT_DISCONNECTED", 12)),
    ATTACH("IOCTL_WSKB_ATTACH", code("ATTACH", 0x804, WRITE, Layout.Attach.SIZE, 0)),
    GET_TRANSPORTS(
            "WskControlClient(WSK_TRANSPORT_LIST_QUERY)", code("GET_TRANSPORTS", 0x81A, READ, 0, Layout.Entries.SIZE)),
    GET_ADDRESSES("SIO_ADDRESS_LIST_QUERY", code("GET_ADDRESSES", 0x81B, READ, 0, Layout.Entries.SIZE)),
    AWAIT_ADDRESSES("SIO_ADDRESS_LIST_CHANGE", opcode("AWAIT_ADDRESSES", 10)),
    NOP("IOCTL_WSKB_NOP", opcode("NOP", 0)),
    GET_VERSION(
            "IOCTL_WSKB_GET_VERSION",
            code("GET_VERSION", 0x800, READ, Layout.VersionRequest.SIZE, Layout.Version.SIZE)),
    GET_STATISTICS("IOCTL_WSKB_GET_STATISTICS", code("GET_STATISTICS", 0x802, READ, 0, Layout.Statistics.SIZE)),
    /** A call of the library, not a request. */
    PORT_OPEN("wskshim_port_open", -1),
    /** A call of the library, not a request. */
    WAIT("wskshim_wait_in_turn", -1);

    private final String function;
    private final int number;

    Verb(String function, int number) {
        this.function = function;
        this.number = number;
    }

    /** The name by which messages call it. */
    public String function() {
        return function;
    }

    /** The opcode of an operation, or the code of a control request. */
    public int number() {
        return number;
    }

    /** The modifier of the operation's submission. */
    public int modifiers() {
        return this == SEND_MESSAGES ? Layout.Submission.MODIFIER_MESSAGE : 0;
    }

    /** Whether a submission of the operation has a buffer of its own. */
    public boolean hasBuffer() {
        return this == SEND_TO
                || this == RECEIVE_FROM
                || this == RECEIVE_MESSAGES
                || this == SEND
                || this == RECEIVE
                || this == CONNECT
                || this == DISCONNECT;
    }

    /** What the system must have for it. */
    public Optional<Gate> gate() {
        return switch (this) {
            case SEND_MESSAGES -> Optional.of(Gate.SEND_MESSAGES);
            case CONNECT -> Optional.of(Gate.CONNECT_DATA);
            default -> Optional.empty();
        };
    }

    boolean isDatagram() {
        return this == SEND_TO
                || this == SEND_MESSAGES
                || this == RECEIVE_FROM
                || this == RECEIVE_MESSAGES
                || this == SET_RECEIVE_RING
                || this == SET_REMOTE_ADDRESS
                || this == SET_SENDTO_ADDRESS;
    }
}
