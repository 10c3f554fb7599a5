/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of batch.c that sockets use: the callback that fills a receive ring, and its end.
 */
#pragma once

#include "socket.h"

/* The event callbacks of datagram sockets, for WskSocket. */
extern const WSK_CLIENT_DATAGRAM_DISPATCH WskbDatagramEvents;

/* The socket is dead or being closed: no RECEIVE_MESSAGES waits from now on, those that do are completed with
 * Status, and what comes is dropped. The first Status counts. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbBatchEnd(_Inout_ PWSKB_SOCKET Socket, _In_ NTSTATUS Status);

/* Frees the ring's memory. The block has no other user. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbBatchDiscard(_Inout_ PWSKB_SOCKET Socket);
