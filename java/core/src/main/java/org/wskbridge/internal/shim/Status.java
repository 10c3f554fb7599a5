// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import org.wskbridge.NtStatus;

/** NTSTATUS codes that the library itself decides on, as numbers for the data path. */
public final class Status {
    public static final int SUCCESS = 0;
    public static final int BUFFER_OVERFLOW = NtStatus.BUFFER_OVERFLOW.code();
    public static final int INVALID_HANDLE = NtStatus.INVALID_HANDLE.code();
    public static final int INVALID_BUFFER_SIZE = NtStatus.INVALID_BUFFER_SIZE.code();
    public static final int INSUFFICIENT_RESOURCES = NtStatus.INSUFFICIENT_RESOURCES.code();
    public static final int QUOTA_EXCEEDED = NtStatus.QUOTA_EXCEEDED.code();
    public static final int FILE_FORCED_CLOSED = NtStatus.FILE_FORCED_CLOSED.code();
    public static final int CANCELLED = NtStatus.CANCELLED.code();
    public static final int IO_TIMEOUT = NtStatus.IO_TIMEOUT.code();
    public static final int FILE_CLOSED = NtStatus.FILE_CLOSED.code();
    public static final int CONNECTION_ABORTED = NtStatus.CONNECTION_ABORTED.code();
    public static final int GRACEFUL_DISCONNECT = NtStatus.GRACEFUL_DISCONNECT.code();

    private Status() {}

    /** Whether bytes of the record count: success, information or warning. */
    public static boolean isError(int status) {
        return status >>> 30 == 3;
    }
}
