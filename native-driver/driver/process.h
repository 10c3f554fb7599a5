/* SPDX-License-Identifier: Apache-2.0
 *
 * The processes that own sockets, for quotas.
 */
#pragma once

#include "driver.h"

/* One process. In the driver's list while the process has socket blocks; references the EPROCESS, so that its
 * address is not reused. */
typedef struct _WSKB_PROCESS {
    LIST_ENTRY Link; /* driver's lock */
    PEPROCESS Process;
    ULONG Sockets;         /* driver's lock */
    volatile LONG64 Bytes; /* locked by operations in flight; interlocked */
} WSKB_PROCESS, *PWSKB_PROCESS;

/* Counts one more socket of the process, and creates the record if this is the first. STATUS_QUOTA_EXCEEDED:
 * it has WSKB_MAXIMUM_SOCKETS already. STATUS_INSUFFICIENT_RESOURCES. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbProcessAddSocket(_In_ PWSKB_DRIVER Driver, _In_ PEPROCESS Process, _Out_ PWSKB_PROCESS* Record);

/* Counts one socket less; the last one frees the record. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbProcessRemoveSocket(_In_ PWSKB_DRIVER Driver, _In_ PWSKB_PROCESS Record);

/* Counts Length more bytes of an operation in flight. FALSE: over the limit, nothing was counted. A Length of
 * 0 always succeeds. */
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN
    WskbProcessAddBytes(_Inout_ PWSKB_PROCESS Record, _In_ SIZE_T Length);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbProcessRemoveBytes(_Inout_ PWSKB_PROCESS Record, _In_ SIZE_T Length);
