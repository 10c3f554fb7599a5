// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

/** What a driver offers beyond the protocol itself. */
public enum Feature {
    /** Datagram sockets. */
    DATAGRAM,
    /** Connection sockets. */
    CONNECTION,
    /** Listen sockets. */
    LISTEN,
    /** Many datagrams with one request: {@link WskDatagramSocket#sendMessages}. */
    SEND_MESSAGES,
    /** Many received datagrams with one request: {@link WskDatagramSocket#receiveMessages}. */
    RECEIVE_MESSAGES,
    /** TOS or traffic class of single datagrams: {@link ControlInfo#withTrafficClass}. */
    SEND_TRAFFIC_CLASS,
    /** One send for many datagrams of a size: {@link ControlInfo#withSegmentSize}. */
    SEND_SEGMENTS,
    /** One receive for many datagrams of a size: {@link WskSocketOptions#UDP_RECV_MAX_COALESCED_SIZE}. */
    RECEIVE_COALESCED,
    /** Operations with a timeout, which the driver ends. */
    DEADLINES,
    /** A connect that sends the first bytes: {@link WskConnectionSocket#connect(java.net.SocketAddress, java.nio.ByteBuffer)}. */
    CONNECT_DATA,
    /** Waiting without a buffer: {@link WskConnectionSocket#onReadable}, {@link WskConnectionSocket#onPeerClosed}. */
    WAITS
}
