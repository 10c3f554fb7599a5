/* SPDX-License-Identifier: Apache-2.0
 *
 * Socket addresses, between the protocol and WSK.
 */
#pragma once

#include "operation.h"

/* Checks the family against the socket's (STATUS_INVALID_ADDRESS_COMPONENT) and copies what counts. */
_Must_inspect_result_ NTSTATUS WskbReadAddress(_In_ PWSKB_SOCKET Socket, _In_ const WSKB_SOCKADDR* Source,
                                               _Out_ PSOCKADDR_INET Address);

/* The other way; an address of another family than the two becomes all zero. */
VOID WskbWriteAddress(_In_ const SOCKADDR_INET* Source, _Out_ WSKB_SOCKADDR* Address);

/* Length that WSK expects of an address of the socket's family. */
ULONG WskbAddressLength(_In_ PWSKB_SOCKET Socket);

/* Takes Operation->Address from a WSKB_ADDRESS. */
WSKB_OPERATION_PREPARE WskbPrepareAddress;
