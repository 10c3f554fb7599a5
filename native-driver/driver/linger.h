/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that outlive their handle, as described in linger.c. Only for blocks of category connection.
 */
#pragma once

#include "operation.h"
#include "socket.h"

/* Prepares the IRPs that lingering needs, when the block is allocated. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbLingerPrepare(_Inout_ PWSKB_SOCKET Socket);

/* Discards IRPs that WSK never got, when the block is freed. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbLingerDiscard(_Inout_ PWSKB_SOCKET Socket);

/* Creates the timer for the time limits; its parent is the device. */
_IRQL_requires_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbLingerInitialize(_Inout_ PWSKB_DRIVER Driver);

/* The handle was closed. TRUE: the socket lingers and is closed afterwards. FALSE: it does not linger. */
_IRQL_requires_(PASSIVE_LEVEL) _Must_inspect_result_ BOOLEAN WskbLingerBegin(_Inout_ PWSKB_SOCKET Socket);

/* Discards what the peer sends until it ends its side. Called from a work item. */
_IRQL_requires_(PASSIVE_LEVEL) VOID WskbLingerDrain(_Inout_ PWSKB_SOCKET Socket);

/* A DISCONNECT that was counted in Linger.Disconnects has failed with Status. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbLingerDisconnectFailed(_Inout_ PWSKB_SOCKET Socket, _In_ NTSTATUS Status);

/* Ends lingering because of Status, and resets the connection. WSK must hold its reference to the block,
 * which the caller ensures by a count of the call guard or by an operation in flight. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbLingerBreak(_Inout_ PWSKB_SOCKET Socket, _In_ NTSTATUS Status);
