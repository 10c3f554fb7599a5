// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import org.wskbridge.NtStatus;

/** NTSTATUS codes that the library itself decides on, as numbers for the data path. */
final class Status {
    static final int SUCCESS = 0;
    static final int BUFFER_OVERFLOW = NtStatus.BUFFER_OVERFLOW.code();
    static final int INVALID_HANDLE = NtStatus.INVALID_HANDLE.code();
    static final int INVALID_BUFFER_SIZE = NtStatus.INVALID_BUFFER_SIZE.code();
    static final int INSUFFICIENT_RESOURCES = NtStatus.INSUFFICIENT_RESOURCES.code();
    static final int QUOTA_EXCEEDED = NtStatus.QUOTA_EXCEEDED.code();
    static final int FILE_FORCED_CLOSED = NtStatus.FILE_FORCED_CLOSED.code();
    static final int CANCELLED = NtStatus.CANCELLED.code();
    static final int FILE_CLOSED = NtStatus.FILE_CLOSED.code();
    static final int CONNECTION_ABORTED = NtStatus.CONNECTION_ABORTED.code();
    static final int GRACEFUL_DISCONNECT = NtStatus.GRACEFUL_DISCONNECT.code();

    private Status() {}

    /** Whether bytes of the record count: success, information or warning. */
    static boolean isError(int status) {
        return status >>> 30 == 3;
    }
}
