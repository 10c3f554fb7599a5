// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.io.IOException;
import java.net.BindException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.PortUnreachableException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.util.HashMap;
import java.util.Map;
import org.wskbridge.NtStatus;
import org.wskbridge.NtStatusException;
import org.wskbridge.WskQuotaException;

/** The one table from NTSTATUS to the exception that a Java programmer expects. */
public final class StatusMapping {
    /** Makes an exception of a message; the verb tells which of two fits. */
    private interface Maker {
        Exception make(Verb verb, String message);
    }

    private record Row(String words, Maker maker) {}

    private static final String STOPPED = "the driver was stopped, open a new bridge when it runs again";
    private static final Map<NtStatus, Row> TABLE = new HashMap<>();
    private static final Row OTHERWISE = new Row("the request failed", (verb, message) -> new SocketException(message));

    static {
        Maker socket = (verb, message) -> new SocketException(message);
        Maker io = (verb, message) -> new IOException(message);
        Maker quota = (verb, message) -> new WskQuotaException(message);
        Maker unsupported = (verb, message) -> new UnsupportedOperationException(message);
        Maker unreachable = (verb, message) -> new NoRouteToHostException(message);
        Maker bindOrSocket =
                (verb, message) -> verb == Verb.BIND ? new BindException(message) : new SocketException(message);
        Maker portOrSocket = (verb, message) ->
                verb.isDatagram() ? new PortUnreachableException(message) : new SocketException(message);

        put(NtStatus.INVALID_PARAMETER, "an argument isn't valid", socket);
        put(NtStatus.INVALID_DEVICE_REQUEST, "the socket doesn't take this request", socket);
        put(NtStatus.ACCESS_DENIED, "access denied", bindOrSocket);
        put(NtStatus.OBJECT_NAME_NOT_FOUND, "the driver isn't there", io);
        put(NtStatus.NO_SUCH_DEVICE, "the driver isn't there", io);
        put(NtStatus.DELETE_PENDING, "the driver is being stopped", io);
        put(NtStatus.DEVICE_REMOVED, STOPPED, io);
        put(NtStatus.FILE_DELETED, STOPPED, io);
        put(NtStatus.REVISION_MISMATCH, "library and driver are of different versions", io);
        put(NtStatus.QUOTA_EXCEEDED, "a limit is reached, try again later", quota);
        put(NtStatus.INSUFFICIENT_RESOURCES, "the system is out of resources, try again later", quota);
        put(NtStatus.NO_MEMORY, "the system is out of memory, try again later", quota);
        put(NtStatus.DEVICE_NOT_READY, "WSK isn't ready", io);
        put(NtStatus.NOINTERFACE, "WSK isn't there in the version needed", io);
        put(
                NtStatus.IO_TIMEOUT,
                "timed out",
                (verb, message) ->
                        verb == Verb.CONNECT ? new ConnectException(message) : new SocketTimeoutException(message));
        put(NtStatus.FILE_FORCED_CLOSED, "the socket was closed by the system, its transport is gone", socket);
        put(NtStatus.NOT_SUPPORTED, "not supported", unsupported);
        put(NtStatus.NOT_IMPLEMENTED, "not supported", unsupported);
        put(
                NtStatus.NOT_FOUND,
                "there is no such thing",
                (verb, message) -> verb == Verb.GET_OPTION || verb == Verb.SET_OPTION
                        ? new UnsupportedOperationException(message)
                        : new SocketException(message));
        put(NtStatus.CANCELLED, "cancelled by the system, perhaps since the driver is being stopped", socket);
        put(NtStatus.LOCAL_DISCONNECT, "the connection is ended on this side", socket);
        put(NtStatus.REMOTE_DISCONNECT, "the peer ended the connection", socket);
        put(NtStatus.INVALID_DEVICE_STATE, "the socket isn't in the state for this", socket);
        put(NtStatus.INVALID_BUFFER_SIZE, "message too long", socket);
        put(NtStatus.ADDRESS_ALREADY_EXISTS, "address already in use", bindOrSocket);
        put(NtStatus.TOO_MANY_ADDRESSES, "no port is free", bindOrSocket);
        put(NtStatus.INVALID_ADDRESS_COMPONENT, "the address isn't one of this machine's", bindOrSocket);
        put(NtStatus.CONNECTION_DISCONNECTED, "the connection is shut for sending", socket);
        put(NtStatus.CONNECTION_RESET, "connection reset", portOrSocket);
        put(
                NtStatus.CONNECTION_REFUSED,
                "connection refused",
                (verb, message) ->
                        verb.isDatagram() ? new PortUnreachableException(message) : new ConnectException(message));
        put(NtStatus.GRACEFUL_DISCONNECT, "the peer ended the connection", socket);
        put(NtStatus.NETWORK_UNREACHABLE, "network unreachable", unreachable);
        put(NtStatus.HOST_UNREACHABLE, "no route to host", unreachable);
        put(NtStatus.PROTOCOL_UNREACHABLE, "protocol unreachable", unreachable);
        put(NtStatus.PORT_UNREACHABLE, "port unreachable", (verb, message) -> new PortUnreachableException(message));
        put(NtStatus.CONNECTION_ABORTED, "connection aborted", socket);
    }

    private StatusMapping() {}

    private static void put(NtStatus status, String words, Maker maker) {
        TABLE.put(status, new Row(words, maker));
    }

    /** The exception for a failed request: an {@link IOException} or an {@link UnsupportedOperationException}. */
    static Exception exception(int code, Verb verb, String subject) {
        NtStatus status = NtStatus.of(code);
        Row row = TABLE.getOrDefault(status, OTHERWISE);
        String message = row.words + " (" + verb.function() + ", " + subject + "): " + status;
        Exception exception = row.maker.make(verb, message);
        exception.initCause(new NtStatusException(status, verb.function()));
        return exception;
    }

    /** Throws the exception for a failed request. */
    static IOException thrown(int code, Verb verb, String subject) {
        Exception exception = exception(code, verb, subject);
        if (exception instanceof IOException io) {
            return io;
        }
        throw (RuntimeException) exception;
    }

    /** The exception for a request on a socket that was closed before it. */
    static ClosedChannelException closed(Verb verb, String subject) {
        return new Closed(verb, subject);
    }

    /** The exception for a request on a socket that was closed while it was under way. */
    static AsynchronousCloseException closedMeanwhile(Verb verb, String subject, int code) {
        AsynchronousCloseException exception = new ClosedMeanwhile(verb, subject);
        exception.initCause(new NtStatusException(NtStatus.of(code), verb.function()));
        return exception;
    }

    /** {@link ClosedChannelException} has no constructor with a message. */
    private static final class Closed extends ClosedChannelException {
        private static final long serialVersionUID = 1L;
        private final String message;

        Closed(Verb verb, String subject) {
            message = "closed (" + verb.function() + ", " + subject + ")";
        }

        @Override
        public String getMessage() {
            return message;
        }
    }

    /** {@link AsynchronousCloseException} has no constructor with a message. */
    private static final class ClosedMeanwhile extends AsynchronousCloseException {
        private static final long serialVersionUID = 1L;
        private final String message;

        ClosedMeanwhile(Verb verb, String subject) {
            message = "closed meanwhile (" + verb.function() + ", " + subject + ")";
        }

        @Override
        public String getMessage() {
            return message;
        }
    }
}
