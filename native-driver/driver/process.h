/* SPDX-License-Identifier: Apache-2.0
 *
 * The processes that own sockets: what quotas are counted on.
 */
#pragma once

#include "driver.h"

/* One process. In the driver's list from its first socket block to its last; holds a reference to the
 * EPROCESS so that the address stays its own. */
typedef struct _WSKB_PROCESS {
    LIST_ENTRY Link; /* driver's lock */
    PEPROCESS Process;
    ULONG Sockets;         /* driver's lock */
    volatile LONG64 Bytes; /* locked by operations in flight; interlocked */
} WSKB_PROCESS, *PWSKB_PROCESS;

/* Counts one more socket of the process, and makes its record if this is the first.
 * STATUS_QUOTA_EXCEEDED: it has WSKB_MAXIMUM_SOCKETS. STATUS_INSUFFICIENT_RESOURCES. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbProcessAddSocket(_In_ PWSKB_DRIVER Driver, _In_ PEPROCESS Process, _Out_ PWSKB_PROCESS* Record);

/* Counts one socket less; the record goes with the last. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbProcessRemoveSocket(_In_ PWSKB_DRIVER Driver, _In_ PWSKB_PROCESS Record);

/* Counts Length more bytes of an operation in flight. FALSE: that is too many, and they are not counted. An
 * operation without bytes always passes. */
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN
    WskbProcessAddBytes(_Inout_ PWSKB_PROCESS Record, _In_ SIZE_T Length);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbProcessRemoveBytes(_Inout_ PWSKB_PROCESS Record, _In_ SIZE_T Length);
