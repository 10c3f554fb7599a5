/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversion of socket addresses between the protocol and WSK.
 */
#pragma once

#include "operation.h"

/* Checks the family against the socket's (STATUS_INVALID_ADDRESS_COMPONENT) and copies the fields of that
 * family. */
_Must_inspect_result_ NTSTATUS WskbReadAddress(_In_ PWSKB_SOCKET Socket, _In_ const WSKB_SOCKADDR* Source,
                                               _Out_ PSOCKADDR_INET Address);

/* The reverse. An address that is neither IPv4 nor IPv6 becomes all zero. */
VOID WskbWriteAddress(_In_ const SOCKADDR_INET* Source, _Out_ WSKB_SOCKADDR* Address);

/* The length that WSK expects for an address of the socket's family. */
ULONG WskbAddressLength(_In_ PWSKB_SOCKET Socket);

/* Reads the destination of datagrams; Target must be zeroed. Family WSKB_AF_UNSPEC means the fixed address,
 * and leaves Target unchanged; STATUS_INVALID_DEVICE_STATE when none is fixed. */
_Must_inspect_result_ NTSTATUS WskbReadTarget(_In_ PWSKB_SOCKET Socket, _In_ const WSKB_SOCKADDR* Source,
                                              _Inout_ PSOCKADDR_INET Target);

/* Takes Operation->Address from a WSKB_ADDRESS. */
WSKB_OPERATION_PREPARE WskbPrepareAddress;
