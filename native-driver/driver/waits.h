/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that wait for what WSK's event callbacks tell about a connection, as described in waits.c.
 */
#pragma once

#include "driver.h"

struct _WSKB_OPERATION;

/* What a request waits for. */
typedef enum _WSKB_WAIT { WskbWaitReadable, WskbWaitDisconnected, WskbWaits } WSKB_WAIT;

/* Of a connection; socket's Lock, if nothing else is said. */
typedef struct _WSKB_WAITING {
    LIST_ENTRY Lists[WskbWaits]; /* WSKB_OPERATION.Link */
    ULONG Count;                 /* in both lists */
    ULONG Told;                  /* how often WSK told that the connection is readable */
    BOOLEAN Refused;             /* data was refused, and WSK does not call again until a receive */
    BOOLEAN PeerEnded;           /* and how: */
    NTSTATUS PeerStatus;
    NTSTATUS Ended;       /* no request waits any more, for this reason; STATUS_SUCCESS: not ended */
    volatile LONG Events; /* WSK_EVENT_... that are enabled; interlocked */
} WSKB_WAITING, *PWSKB_WAITING;

/* The event callbacks of connections, for WskSocket and WskAccept. */
extern const WSK_CLIENT_CONNECTION_DISPATCH WskbConnectionEvents;

/* When a block is allocated. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbWaitsInitialize(_Inout_ PWSKB_WAITING Waiting);

/* Lets an operation wait whose receive, if it had one, is complete and whose IRP is not used any more. TRUE:
 * it is completed elsewhere, perhaps already, and with it the block may be gone. FALSE: the caller completes
 * it with Operation->Status. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ BOOLEAN
    WskbWaitBegin(_Inout_ struct _WSKB_OPERATION* Operation);

/* The connection has ended: in order (STATUS_SUCCESS), or for that reason. Completes what waits. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbWaitsTellEnd(_Inout_ PWSKB_SOCKET Socket, _In_ NTSTATUS Status);

/* No request waits from now on: those that do are completed with Status. The first Status counts. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbWaitsEnd(_Inout_ PWSKB_SOCKET Socket, _In_ NTSTATUS Status);
