/* SPDX-License-Identifier: Apache-2.0
 *
 * The value of the options that change the membership of a group, in WSK's form.
 */
#pragma once

#include "socket.h"

/* Checks the caller's value, which has the size of its structure and any alignment, and makes WSK's of it: a
 * GROUP_SOURCE_REQ in non-paged pool, WSKB_TAG_OPTION, for the caller to free. STATUS_INVALID_PARAMETER,
 * STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INSUFFICIENT_RESOURCES. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbMakeGroupRequest(_In_ PWSKB_SOCKET Socket, _In_reads_bytes_(sizeof(WSKB_GROUP)) const VOID* Value,
                         _In_ BOOLEAN NamesSource, _Outptr_result_maybenull_ PVOID* Request);
