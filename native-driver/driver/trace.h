/* SPDX-License-Identifier: Apache-2.0
 *
 * Tracing for support: lines that name the process, the socket, the operation and the status. They go to
 * DbgPrintEx, component IHVDRIVER, whose mask decides which levels are shown; docs/troubleshooting.md says
 * how to read them.
 *
 * Levels. Information: a failure that the caller learns from a status. Warning: a failure that is reported
 * nowhere else, such as a closed connection that could not deliver its data. Error: the driver can't start.
 *
 * The mask is checked first, so a line that is not shown costs two calls. A line is formatted in the calling
 * thread, which must hold no lock. Formats have no wide characters, which need PASSIVE_LEVEL.
 */
#pragma once

#include "driver.h"

/* The numbers of bits in the mask. */
typedef enum _WSKB_TRACE_LEVEL {
    WskbTraceError = DPFLTR_ERROR_LEVEL,
    WskbTraceWarning = DPFLTR_WARNING_LEVEL,
    WskbTraceInformation = DPFLTR_INFO_LEVEL,
    WskbTraceVerbose
} WSKB_TRACE_LEVEL;

/* Traces an event of the driver. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbTrace(_In_ WSKB_TRACE_LEVEL Level, _In_z_ PCSTR What, _In_ NTSTATUS Status);

/* Traces an event of a socket; the caller holds a reference to its block. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbTraceSocket(_In_ WSKB_TRACE_LEVEL Level, _In_ PWSKB_SOCKET Socket, _In_z_ PCSTR What,
                    _In_ NTSTATUS Status);

/* Traces a request that failed with Status and is not yet completed. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbTraceFailure(_In_ WDFREQUEST Request, _In_ NTSTATUS Status);
