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
    /** Operations with a timeout, which the driver ends. */
    DEADLINES,
    /** Waiting without a buffer: {@link WskConnectionSocket#onReadable}, {@link WskConnectionSocket#onPeerClosed}. */
    WAITS
}
