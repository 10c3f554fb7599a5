/* SPDX-License-Identifier: Apache-2.0
 *
 * What the driver tells those who look for the reason of a failure: lines that name the process, the socket,
 * the operation and the status. They go to DbgPrintEx, component IHVDRIVER, whose mask decides which levels
 * are shown; docs/troubleshooting.md says how to read them.
 *
 * What a caller is told by a status is information. A warning is what nobody else is told, such as a closed
 * connection that could not deliver. An error is a driver that can't start.
 *
 * The mask is looked at first, so that a line that nobody wants costs two calls. A line is formatted in the
 * calling thread, which must hold no lock. Formats have no wide characters, which are for PASSIVE_LEVEL only.
 */
#pragma once

#include "driver.h"

/* The bit of that number in the mask. */
typedef enum _WSKB_TRACE_LEVEL {
    WskbTraceError = DPFLTR_ERROR_LEVEL,
    WskbTraceWarning = DPFLTR_WARNING_LEVEL,
    WskbTraceInformation = DPFLTR_INFO_LEVEL,
    WskbTraceVerbose
} WSKB_TRACE_LEVEL;

/* About the driver. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbTrace(_In_ WSKB_TRACE_LEVEL Level, _In_z_ PCSTR What, _In_ NTSTATUS Status);

/* About a socket; the caller has a reference to its block. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbTraceSocket(_In_ WSKB_TRACE_LEVEL Level, _In_ PWSKB_SOCKET Socket, _In_z_ PCSTR What,
                    _In_ NTSTATUS Status);

/* About a request that failed with Status and is not yet complete. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbTraceFailure(_In_ WDFREQUEST Request, _In_ NTSTATUS Status);
