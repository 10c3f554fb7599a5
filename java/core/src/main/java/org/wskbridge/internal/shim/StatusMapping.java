// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

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

    /** The failures that KMDF has of its own. */
    private static final int WDF_FIRST = 0xC0200201;

    private static final int WDF_LAST = 0xC0200212;

    private static final String STOPPED = "the driver was stopped, open a new bridge when it runs again";
    private static final Map<NtStatus, Row> TABLE = new HashMap<>();
    private static final Row OTHERWISE = new Row("the request failed", (verb, message) -> new SocketException(message));

    static {
        Maker socket = (verb, message) -> new SocketException(message);
        Maker io = (verb, message) -> new IOException(message);
        Maker quota = (verb, message) -> new WskQuotaException(message);
        Maker unsupported = (verb, message) -> new UnsupportedOperationException(message);
        Maker unreachable = (verb, message) -> new NoRouteToHostException(message);
        Maker bindOrSocket = (verb, message) ->
                verb == Verb.BIND || verb == Verb.CONNECT ? new BindException(message) : new SocketException(message);
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
        put(
                NtStatus.INVALID_ADDRESS_COMPONENT,
                "the address isn't one of this machine's, or no local port is left for this peer",
                bindOrSocket);
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
        put(NtStatus.REQUEST_ABORTED, "aborted", socket);
        put(NtStatus.UNEXPECTED_NETWORK_ERROR, "the network failed", socket);
        put(NtStatus.TOO_MANY_OPENED_FILES, "too many open files or sockets", quota);
        put(NtStatus.CONNECTION_COUNT_LIMIT, "too many connections", quota);
        put(NtStatus.REMOTE_RESOURCES, "the peer is out of resources", socket);
        put(NtStatus.INVALID_ADDRESS_WILDCARD, "the wildcard address can't be used here", bindOrSocket);
        put(NtStatus.HOPLIMIT_EXCEEDED, "no route to host within the hop limit", unreachable);
        put(NtStatus.PROTOCOL_NOT_SUPPORTED, "protocol not supported", unsupported);
        put(NtStatus.SHUTDOWN_IN_PROGRESS, "the system is shutting down", io);
        put(NtStatus.INVALID_HANDLE, "the handle isn't open", socket);
        put(NtStatus.FILE_CLOSED, "the socket is closed", socket);
        put(NtStatus.ADDRESS_CLOSED, "the address is closed", socket);
        put(NtStatus.ADDRESS_ALREADY_ASSOCIATED, "the address is bound or connected already", bindOrSocket);
        put(NtStatus.ADDRESS_NOT_ASSOCIATED, "the socket isn't bound", socket);
        put(NtStatus.CONNECTION_INVALID, "the connection isn't in the state for this", socket);
        put(NtStatus.CONNECTION_ACTIVE, "the connection is established already", socket);
        put(NtStatus.REQUEST_NOT_ACCEPTED, "the request wasn't accepted", socket);
        putOthers();
    }

    /** Statuses that a program can only report. The message says which part has the fault. */
    private static void putOthers() {
        Maker socket = (verb, message) -> new SocketException(message);
        Maker io = (verb, message) -> new IOException(message);
        Maker quota = (verb, message) -> new WskQuotaException(message);

        String argument = "an argument isn't valid";
        putAll(argument, socket, 0xC0000003, 0xC0000004, 0xC000000B, 0xC0000023, 0xC0000024, 0xC0000030, 0xC0000141);
        putAll(argument, socket, 0xC00000EF, 0xC00000F0, 0xC00000F1, 0xC00000F2, 0xC00000F3, 0xC00000F4, 0xC00000F5);
        putAll(argument, socket, 0xC00000F6, 0xC0000078, 0xC0000079, 0xC0000106, 0xC0000235);
        putAll("bad address: the buffer can't be accessed", io, 0xC0000005, 0xC00000E8);
        putAll("the system is out of memory, try again later", quota, 0xC00000A1);
        putAll("the driver isn't there", io, 0xC000000F, 0xC0000033, 0xC0000039, 0xC000003A, 0xC00000BE, 0xC00000C0);
        putAll("a file of the driver's isn't there", io, 0xC000003B, 0xC00000BA, 0xC0000103);
        putAll("a file of the driver's can't be changed", io, 0xC000007F, 0xC0000101, 0xC0000121);
        putAll("the driver's device is in use", io, 0xC0000035, 0xC0000038, 0xC0000043, 0xC000010E);
        putAll("the driver can't be loaded", io, 0xC000026C);
        putAll("a privilege is missing", io, 0xC0000061);
        putAll("library and driver are of different versions", io, 0xC0000058);
        putAll("there is no such thing", socket, 0xC0000011, 0xC0000272);
        putAll("the network is busy", socket, 0xC00000BF);
        putAll("the connection is gone", socket, 0xC0000037, 0xC000013E, 0xC000013F, 0xC0000140);
        putAll("data wasn't accepted", socket, 0xC000021B);
        putAll("not possible now, try again later", socket, 0xC00000D8, 0xC0000189, 0xC000022D, 0xC000020F);
        putAll("the process is ending", io, 0xC000004B, 0xC000010A);
        putAll("the device failed", io, 0xC0000185, 0xC0000186);
        String driver = "the driver failed";
        putAll(driver, io, 0xC0000001, 0xC0000016, 0xC0000046, 0xC0000094, 0xC0000095, 0xC00000AF, 0xC00000E5);
        putAll(driver, io, 0xC0000183);
        for (int code = WDF_FIRST; code <= WDF_LAST; code++) {
            putAll("the driver's framework failed", io, code);
        }
    }

    private static void putAll(String words, Maker maker, int... codes) {
        for (int code : codes) {
            put(NtStatus.of(code), words, maker);
        }
    }

    private StatusMapping() {}

    private static void put(NtStatus status, String words, Maker maker) {
        TABLE.put(status, new Row(words, maker));
    }

    /** Whether this status has a row of its own. */
    static boolean isMapped(int code) {
        return TABLE.containsKey(NtStatus.of(code));
    }

    /** The exception for a failed request: an {@link IOException} or an {@link UnsupportedOperationException}. */
    public static Exception exception(int code, Verb verb, String subject) {
        return exception(code, verb, subject, "");
    }

    /**
     * The same with a reason.
     *
     * @param reason why the request was refused, if more is known than the status says; else empty
     */
    public static Exception exception(int code, Verb verb, String subject, String reason) {
        NtStatus status = NtStatus.of(code);
        Row row = TABLE.getOrDefault(status, OTHERWISE);
        String words = reason.isEmpty() ? row.words : row.words + ", it " + reason;
        String message = words + " (" + verb.function() + ", " + subject + "): " + status;
        Exception exception = row.maker.make(verb, message);
        exception.initCause(new NtStatusException(status, verb.function()));
        return exception;
    }

    /** Throws the exception for a failed request. */
    public static IOException thrown(int code, Verb verb, String subject) {
        return thrown(code, verb, subject, "");
    }

    /** The same with a reason, as {@link #exception(int, Verb, String, String)}. */
    public static IOException thrown(int code, Verb verb, String subject, String reason) {
        Exception exception = exception(code, verb, subject, reason);
        if (exception instanceof IOException io) {
            return io;
        }
        throw (RuntimeException) exception;
    }

    /** The exception for a request that wasn't over at the deadline that the caller gave it. */
    public static SocketTimeoutException deadlinePassed(Verb verb, String subject) {
        SocketTimeoutException exception = new SocketTimeoutException(
                "not done within the time given (" + verb.function() + ", " + subject + "): " + NtStatus.IO_TIMEOUT);
        exception.initCause(new NtStatusException(NtStatus.IO_TIMEOUT, verb.function()));
        return exception;
    }

    /** The exception for a request on a socket that was closed before it. */
    public static ClosedChannelException closed(Verb verb, String subject) {
        return new Closed(verb, subject);
    }

    /** The exception for a request on a socket that was closed while it was under way. */
    public static AsynchronousCloseException closedMeanwhile(Verb verb, String subject, int code) {
        AsynchronousCloseException exception = new ClosedMeanwhile(verb, subject);
        exception.initCause(new NtStatusException(NtStatus.of(code), verb.function()));
        return exception;
    }

    /**
     * The exception for an operation on a stream in which one before it went wrong.
     *
     * @param cause what that one failed with; null if it was cancelled
     */
    public static SocketException behindBreak(Verb verb, String subject, Throwable cause) {
        SocketException exception = new SocketException("not done, because one before it "
                + (cause == null ? "was cancelled" : "failed") + " (" + verb.function() + ", " + subject
                + "): the stream would have a hole");
        if (cause != null) {
            exception.initCause(cause);
        }
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
