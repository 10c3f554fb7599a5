// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

/** What was asked of the driver, by the name that its documentation has for it. */
public enum Verb {
    OPEN("WskSocket"),
    BIND("WskBind"),
    GET_LOCAL_ADDRESS("WskGetLocalAddress"),
    GET_REMOTE_ADDRESS("WskGetRemoteAddress"),
    SET_REMOTE_ADDRESS("SIO_WSK_SET_REMOTE_ADDRESS"),
    SET_SENDTO_ADDRESS("SIO_WSK_SET_SENDTO_ADDRESS"),
    GET_OPTION("WskControlSocket(WskGetOption)"),
    SET_OPTION("WskControlSocket(WskSetOption)"),
    SEND_TO("WskSendTo"),
    RECEIVE_FROM("WskReceiveFrom"),
    CONNECT("WskConnect"),
    SEND("WskSend"),
    RECEIVE("WskReceive"),
    DISCONNECT("WskDisconnect"),
    ACCEPT("WskAccept"),
    ATTACH("IOCTL_WSKB_ATTACH"),
    NOP("IOCTL_WSKB_NOP"),
    GET_VERSION("IOCTL_WSKB_GET_VERSION"),
    GET_STATISTICS("IOCTL_WSKB_GET_STATISTICS"),
    PORT_OPEN("wskshim_port_open"),
    WAIT("wskshim_wait");

    private final String function;

    Verb(String function) {
        this.function = function;
    }

    /** The name by which messages call it. */
    public String function() {
        return function;
    }

    boolean isDatagram() {
        return this == SEND_TO || this == RECEIVE_FROM || this == SET_REMOTE_ADDRESS || this == SET_SENDTO_ADDRESS;
    }
}
