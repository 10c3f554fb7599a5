/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that outlive their handle; linger.c tells how. All of this is for blocks of category
 * connection.
 */
#pragma once

#include "operation.h"
#include "socket.h"

/* Makes what lingering needs; part of making the block. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbLingerPrepare(_Inout_ PWSKB_SOCKET Socket);

/* Gives back what WSK never got; part of freeing the block. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbLingerDiscard(_Inout_ PWSKB_SOCKET Socket);

/* Makes the timer of the limits; the device is its parent. */
_IRQL_requires_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbLingerInitialize(_Inout_ PWSKB_DRIVER Driver);

/* The handle is closed. TRUE: the socket lingers, and is closed when that is over. FALSE: it does not. */
_IRQL_requires_(PASSIVE_LEVEL) _Must_inspect_result_ BOOLEAN WskbLingerBegin(_Inout_ PWSKB_SOCKET Socket);

/* Drops what the peer sends until it ends its side. From a work item. */
_IRQL_requires_(PASSIVE_LEVEL) VOID WskbLingerDrain(_Inout_ PWSKB_SOCKET Socket);

/* A DISCONNECT that Linger.Disconnects counts has failed with Status. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbLingerDisconnectFailed(_Inout_ PWSKB_SOCKET Socket, _In_ NTSTATUS Status);

/* Ends lingering, and with it the connection, because of Status. The caller makes sure that WSK has its
 * reference to the block: by a count of the call guard or by an operation in flight. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbLingerBreak(_Inout_ PWSKB_SOCKET Socket, _In_ NTSTATUS Status);
