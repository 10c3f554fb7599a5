// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.util.HashMap;
import java.util.Map;

/**
 * An NTSTATUS: how a request to the driver, or to Winsock Kernel below it, ended.
 *
 * <p>Two of them are equal when their codes are. The constants are the values that the bridge meets. Whatever
 * driver, framework and Winsock Kernel return has the name that Windows' headers give it; a code that none of them
 * knows has a name made of its digits.
 */
public final class NtStatus {
    private static final Map<Integer, NtStatus> KNOWN = new HashMap<>();

    /** The request succeeded. */
    public static final NtStatus SUCCESS = known(0x00000000, "STATUS_SUCCESS");
    /** The request is under way. */
    public static final NtStatus PENDING = known(0x00000103, "STATUS_PENDING");
    /** The data was longer than the buffer; what fitted was stored. */
    public static final NtStatus BUFFER_OVERFLOW = known(0x80000005, "STATUS_BUFFER_OVERFLOW");
    /** A failure without a status of its own. */
    public static final NtStatus UNSUCCESSFUL = known(0xC0000001, "STATUS_UNSUCCESSFUL");
    /** The operation is not implemented. */
    public static final NtStatus NOT_IMPLEMENTED = known(0xC0000002, "STATUS_NOT_IMPLEMENTED");
    /** A structure has the wrong size. */
    public static final NtStatus INFO_LENGTH_MISMATCH = known(0xC0000004, "STATUS_INFO_LENGTH_MISMATCH");
    /** A buffer can't be accessed. */
    public static final NtStatus ACCESS_VIOLATION = known(0xC0000005, "STATUS_ACCESS_VIOLATION");
    /** The handle, port or socket isn't open. */
    public static final NtStatus INVALID_HANDLE = known(0xC0000008, "STATUS_INVALID_HANDLE");
    /** An argument isn't valid. */
    public static final NtStatus INVALID_PARAMETER = known(0xC000000D, "STATUS_INVALID_PARAMETER");
    /** The device doesn't exist. */
    public static final NtStatus NO_SUCH_DEVICE = known(0xC000000E, "STATUS_NO_SUCH_DEVICE");
    /** The request isn't one that this socket takes. */
    public static final NtStatus INVALID_DEVICE_REQUEST = known(0xC0000010, "STATUS_INVALID_DEVICE_REQUEST");
    /** Memory ran out. */
    public static final NtStatus NO_MEMORY = known(0xC0000017, "STATUS_NO_MEMORY");
    /** The caller may not do that. */
    public static final NtStatus ACCESS_DENIED = known(0xC0000022, "STATUS_ACCESS_DENIED");
    /** A buffer is too small for the answer. */
    public static final NtStatus BUFFER_TOO_SMALL = known(0xC0000023, "STATUS_BUFFER_TOO_SMALL");
    /** There is nothing of that name. */
    public static final NtStatus OBJECT_NAME_NOT_FOUND = known(0xC0000034, "STATUS_OBJECT_NAME_NOT_FOUND");
    /** A limit is reached; the request may succeed when others have completed. */
    public static final NtStatus QUOTA_EXCEEDED = known(0xC0000044, "STATUS_QUOTA_EXCEEDED");
    /** The device is being deleted: its driver is being stopped. */
    public static final NtStatus DELETE_PENDING = known(0xC0000056, "STATUS_DELETE_PENDING");
    /** Caller and driver are of different versions. */
    public static final NtStatus REVISION_MISMATCH = known(0xC0000059, "STATUS_REVISION_MISMATCH");
    /** The system lacks the memory or other resources for it at the moment. */
    public static final NtStatus INSUFFICIENT_RESOURCES = known(0xC000009A, "STATUS_INSUFFICIENT_RESOURCES");
    /** The device, or WSK, isn't ready yet. */
    public static final NtStatus DEVICE_NOT_READY = known(0xC00000A3, "STATUS_DEVICE_NOT_READY");
    /** The peer didn't answer in time. */
    public static final NtStatus IO_TIMEOUT = known(0xC00000B5, "STATUS_IO_TIMEOUT");
    /** The socket is dead: its transport or interface went away. */
    public static final NtStatus FILE_FORCED_CLOSED = known(0xC00000B6, "STATUS_FILE_FORCED_CLOSED");
    /** The file isn't there any more: its driver was stopped. */
    public static final NtStatus FILE_DELETED = known(0xC0000123, "STATUS_FILE_DELETED");
    /** The device isn't there any more: its driver was stopped. */
    public static final NtStatus DEVICE_REMOVED = known(0xC00002B6, "STATUS_DEVICE_REMOVED");
    /** The operation or option isn't supported. */
    public static final NtStatus NOT_SUPPORTED = known(0xC00000BB, "STATUS_NOT_SUPPORTED");
    /** The request wasn't accepted. */
    public static final NtStatus REQUEST_NOT_ACCEPTED = known(0xC00000D0, "STATUS_REQUEST_NOT_ACCEPTED");
    /** The operation was cancelled. */
    public static final NtStatus CANCELLED = known(0xC0000120, "STATUS_CANCELLED");
    /** The file or socket is closed. */
    public static final NtStatus FILE_CLOSED = known(0xC0000128, "STATUS_FILE_CLOSED");
    /** This side ended the connection. */
    public static final NtStatus LOCAL_DISCONNECT = known(0xC000013B, "STATUS_LOCAL_DISCONNECT");
    /** The peer ended the connection. */
    public static final NtStatus REMOTE_DISCONNECT = known(0xC000013C, "STATUS_REMOTE_DISCONNECT");
    /** The address isn't one of this machine's. */
    public static final NtStatus INVALID_ADDRESS_COMPONENT = known(0xC0000207, "STATUS_INVALID_ADDRESS_COMPONENT");
    /** All ephemeral ports are in use. */
    public static final NtStatus TOO_MANY_ADDRESSES = known(0xC0000209, "STATUS_TOO_MANY_ADDRESSES");
    /** The socket is in the wrong state for that. */
    public static final NtStatus INVALID_DEVICE_STATE = known(0xC0000184, "STATUS_INVALID_DEVICE_STATE");
    /** The data is too large, as a datagram that is longer than its protocol allows. */
    public static final NtStatus INVALID_BUFFER_SIZE = known(0xC0000206, "STATUS_INVALID_BUFFER_SIZE");
    /** The address is in use. */
    public static final NtStatus ADDRESS_ALREADY_EXISTS = known(0xC000020A, "STATUS_ADDRESS_ALREADY_EXISTS");
    /** The address is closed. */
    public static final NtStatus ADDRESS_CLOSED = known(0xC000020B, "STATUS_ADDRESS_CLOSED");
    /** The connection is shut in that direction. */
    public static final NtStatus CONNECTION_DISCONNECTED = known(0xC000020C, "STATUS_CONNECTION_DISCONNECTED");
    /** The peer reset the connection. */
    public static final NtStatus CONNECTION_RESET = known(0xC000020D, "STATUS_CONNECTION_RESET");
    /** What was asked for doesn't exist, or not any more. */
    public static final NtStatus NOT_FOUND = known(0xC0000225, "STATUS_NOT_FOUND");
    /** No socket listens at the address. */
    public static final NtStatus CONNECTION_REFUSED = known(0xC0000236, "STATUS_CONNECTION_REFUSED");
    /** The peer ended the connection in order. */
    public static final NtStatus GRACEFUL_DISCONNECT = known(0xC0000237, "STATUS_GRACEFUL_DISCONNECT");
    /** The address is bound or connected already. */
    public static final NtStatus ADDRESS_ALREADY_ASSOCIATED = known(0xC0000238, "STATUS_ADDRESS_ALREADY_ASSOCIATED");
    /** The socket isn't bound. */
    public static final NtStatus ADDRESS_NOT_ASSOCIATED = known(0xC0000239, "STATUS_ADDRESS_NOT_ASSOCIATED");
    /** The socket isn't connected, or already is. */
    public static final NtStatus CONNECTION_INVALID = known(0xC000023A, "STATUS_CONNECTION_INVALID");
    /** The connection is established already. */
    public static final NtStatus CONNECTION_ACTIVE = known(0xC000023B, "STATUS_CONNECTION_ACTIVE");
    /** There is no route to the network. */
    public static final NtStatus NETWORK_UNREACHABLE = known(0xC000023C, "STATUS_NETWORK_UNREACHABLE");
    /** There is no route to the host. */
    public static final NtStatus HOST_UNREACHABLE = known(0xC000023D, "STATUS_HOST_UNREACHABLE");
    /** The host doesn't know the protocol. */
    public static final NtStatus PROTOCOL_UNREACHABLE = known(0xC000023E, "STATUS_PROTOCOL_UNREACHABLE");
    /** No socket of the host has the port. */
    public static final NtStatus PORT_UNREACHABLE = known(0xC000023F, "STATUS_PORT_UNREACHABLE");
    /** The connection was aborted on this side. */
    public static final NtStatus CONNECTION_ABORTED = known(0xC0000241, "STATUS_CONNECTION_ABORTED");
    /** The name has no address. */
    public static final NtStatus NO_MATCH = known(0xC0000272, "STATUS_NO_MATCH");
    /** WSK doesn't offer the version asked for. */
    public static final NtStatus NOINTERFACE = known(0xC00002B9, "STATUS_NOINTERFACE");
    /** The buffer can't be used by the system. */
    public static final NtStatus INVALID_USER_BUFFER = known(0xC00000E8, "STATUS_INVALID_USER_BUFFER");
    /** The network failed in a way that has no status of its own. */
    public static final NtStatus UNEXPECTED_NETWORK_ERROR = known(0xC00000C4, "STATUS_UNEXPECTED_NETWORK_ERROR");
    /** The process, or the system, has as many files and sockets as it may have. */
    public static final NtStatus TOO_MANY_OPENED_FILES = known(0xC000011F, "STATUS_TOO_MANY_OPENED_FILES");
    /** The peer lacks the resources for it. */
    public static final NtStatus REMOTE_RESOURCES = known(0xC000013D, "STATUS_REMOTE_RESOURCES");
    /** The wildcard address can't be used here. */
    public static final NtStatus INVALID_ADDRESS_WILDCARD = known(0xC0000208, "STATUS_INVALID_ADDRESS_WILDCARD");
    /** The request was aborted. */
    public static final NtStatus REQUEST_ABORTED = known(0xC0000240, "STATUS_REQUEST_ABORTED");
    /** There are as many connections as there may be. */
    public static final NtStatus CONNECTION_COUNT_LIMIT = known(0xC0000246, "STATUS_CONNECTION_COUNT_LIMIT");
    /** The system is shutting down. */
    public static final NtStatus SHUTDOWN_IN_PROGRESS = known(0xC00002FE, "STATUS_SHUTDOWN_IN_PROGRESS");
    /** The route to the host has more hops than allowed. */
    public static final NtStatus HOPLIMIT_EXCEEDED = known(0xC000A012, "STATUS_HOPLIMIT_EXCEEDED");
    /** The protocol isn't supported. */
    public static final NtStatus PROTOCOL_NOT_SUPPORTED = known(0xC000A013, "STATUS_PROTOCOL_NOT_SUPPORTED");

    /**
     * Further statuses that the layers below may return. Programs rarely need to recognize one, so there are no constants
     * for them; messages show their names.
     */
    private static final String OTHERS = """
            00000080 STATUS_ABANDONED_WAIT_0
            000000C0 STATUS_USER_APC
            00000101 STATUS_ALERTED
            00000102 STATUS_TIMEOUT
            00000104 STATUS_REPARSE
            00000105 STATUS_MORE_ENTRIES
            40000000 STATUS_OBJECT_NAME_EXISTS
            40000013 STATUS_EVENT_PENDING
            80000001 STATUS_GUARD_PAGE_VIOLATION
            80000002 STATUS_DATATYPE_MISALIGNMENT
            80000006 STATUS_NO_MORE_FILES
            80000011 STATUS_DEVICE_BUSY
            8000001A STATUS_NO_MORE_ENTRIES
            C0000003 STATUS_INVALID_INFO_CLASS
            C000000B STATUS_INVALID_CID
            C000000F STATUS_NO_SUCH_FILE
            C0000011 STATUS_END_OF_FILE
            C0000016 STATUS_MORE_PROCESSING_REQUIRED
            C0000024 STATUS_OBJECT_TYPE_MISMATCH
            C0000030 STATUS_INVALID_PARAMETER_MIX
            C0000033 STATUS_OBJECT_NAME_INVALID
            C0000035 STATUS_OBJECT_NAME_COLLISION
            C0000037 STATUS_PORT_DISCONNECTED
            C0000038 STATUS_DEVICE_ALREADY_ATTACHED
            C0000039 STATUS_OBJECT_PATH_INVALID
            C000003A STATUS_OBJECT_PATH_NOT_FOUND
            C000003B STATUS_OBJECT_PATH_SYNTAX_BAD
            C0000043 STATUS_SHARING_VIOLATION
            C0000046 STATUS_MUTANT_NOT_OWNED
            C000004B STATUS_THREAD_IS_TERMINATING
            C0000058 STATUS_UNKNOWN_REVISION
            C0000061 STATUS_PRIVILEGE_NOT_HELD
            C0000078 STATUS_INVALID_SID
            C0000079 STATUS_INVALID_SECURITY_DESCR
            C000007F STATUS_DISK_FULL
            C0000094 STATUS_INTEGER_DIVIDE_BY_ZERO
            C0000095 STATUS_INTEGER_OVERFLOW
            C00000A1 STATUS_WORKING_SET_QUOTA
            C00000AF STATUS_ILLEGAL_FUNCTION
            C00000BA STATUS_FILE_IS_A_DIRECTORY
            C00000BE STATUS_BAD_NETWORK_PATH
            C00000BF STATUS_NETWORK_BUSY
            C00000C0 STATUS_DEVICE_DOES_NOT_EXIST
            C00000D8 STATUS_CANT_WAIT
            C00000E5 STATUS_INTERNAL_ERROR
            C00000EF STATUS_INVALID_PARAMETER_1
            C00000F0 STATUS_INVALID_PARAMETER_2
            C00000F1 STATUS_INVALID_PARAMETER_3
            C00000F2 STATUS_INVALID_PARAMETER_4
            C00000F3 STATUS_INVALID_PARAMETER_5
            C00000F4 STATUS_INVALID_PARAMETER_6
            C00000F5 STATUS_INVALID_PARAMETER_7
            C00000F6 STATUS_INVALID_PARAMETER_8
            C0000101 STATUS_DIRECTORY_NOT_EMPTY
            C0000103 STATUS_NOT_A_DIRECTORY
            C0000106 STATUS_NAME_TOO_LONG
            C000010A STATUS_PROCESS_IS_TERMINATING
            C000010E STATUS_IMAGE_ALREADY_LOADED
            C0000121 STATUS_CANNOT_DELETE
            C000013E STATUS_LINK_FAILED
            C000013F STATUS_LINK_TIMEOUT
            C0000140 STATUS_INVALID_CONNECTION
            C0000141 STATUS_INVALID_ADDRESS
            C0000183 STATUS_DRIVER_INTERNAL_ERROR
            C0000185 STATUS_IO_DEVICE_ERROR
            C0000186 STATUS_DEVICE_PROTOCOL_ERROR
            C0000189 STATUS_TOO_LATE
            C000020F STATUS_TRANSACTION_ABORTED
            C000021B STATUS_DATA_NOT_ACCEPTED
            C000022D STATUS_RETRY
            C0000235 STATUS_HANDLE_NOT_CLOSABLE
            C000026C STATUS_DRIVER_UNABLE_TO_LOAD
            C0200201 STATUS_WDF_INTERNAL_ERROR
            C0200203 STATUS_WDF_PAUSED
            C0200204 STATUS_WDF_BUSY
            C0200207 STATUS_WDF_REQUEST_ALREADY_PENDING
            C0200208 STATUS_WDF_REQUEST_INVALID_STATE
            C0200209 STATUS_WDF_OBJECT_ATTRIBUTES_INVALID
            C020020B STATUS_WDF_NO_CALLBACK
            C020020C STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL
            C020020D STATUS_WDF_PARENT_ALREADY_ASSIGNED
            C020020E STATUS_WDF_PARENT_IS_SELF
            C020020F STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED
            C0200210 STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID
            C0200211 STATUS_WDF_EXECUTION_LEVEL_INVALID
            C0200212 STATUS_WDF_PARENT_NOT_SPECIFIED
            """;

    static {
        OTHERS.lines().forEach(line -> known(Integer.parseUnsignedInt(line.substring(0, 8), 16), line.substring(9)));
    }

    private final int code;
    private final String name;

    private NtStatus(int code, String name) {
        this.code = code;
        this.name = name;
    }

    private static NtStatus known(int code, String name) {
        NtStatus status = new NtStatus(code, name);
        KNOWN.put(code, status);
        return status;
    }

    /**
     * The status with a code.
     *
     * @param code the 32 bits of the NTSTATUS
     * @return the constant with that code if there is one
     */
    public static NtStatus of(int code) {
        NtStatus status = KNOWN.get(code);
        return status != null ? status : new NtStatus(code, "NTSTATUS_%08X".formatted(code));
    }

    /**
     * The 32 bits of the NTSTATUS.
     *
     * @return the code
     */
    public int code() {
        return code;
    }

    /**
     * The name that Windows' headers give it.
     *
     * @return for example {@code STATUS_CONNECTION_REFUSED}; {@code NTSTATUS_} and the code in hexadecimal digits if
     *     it isn't known
     */
    public String name() {
        return name;
    }

    /**
     * Whether this is of severity success or information.
     *
     * @return what Windows' {@code NT_SUCCESS} says
     */
    public boolean isSuccess() {
        return code >= 0;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof NtStatus status && status.code == code;
    }

    @Override
    public int hashCode() {
        return code;
    }

    /** The name and the code, for example {@code STATUS_CONNECTION_REFUSED (0xC0000236)}. */
    @Override
    public String toString() {
        return "%s (0x%08X)".formatted(name, code);
    }
}
