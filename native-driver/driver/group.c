/* SPDX-License-Identifier: Apache-2.0
 *
 * Membership of groups: from the protocol's structure to WSK's. WSK has one pair of structures for both
 * families, GROUP_REQ for any source and GROUP_SOURCE_REQ for one. The former is the beginning of the latter,
 * so one is made for both.
 */
#include "group.h"

#include "address.h"

C_ASSERT(FIELD_OFFSET(GROUP_REQ, gr_group) == FIELD_OFFSET(GROUP_SOURCE_REQ, gsr_group));

static BOOLEAN IsGroup(const SOCKADDR_INET* Address)
{
    if (Address->si_family == AF_INET6) {
        return Address->Ipv6.sin6_addr.u.Byte[0] == 0xFF;
    }
    return (((const UCHAR*)&Address->Ipv4.sin_addr)[0] & 0xF0) == 0xE0;
}

/* Ports and scopes mean nothing here, and the interface is named by its index. */
static NTSTATUS ReadHost(PWSKB_SOCKET Socket, const WSKB_SOCKADDR* Source, PSOCKADDR_INET Address)
{
    NTSTATUS Status = WskbReadAddress(Socket, Source, Address);
    if (NT_SUCCESS(Status) && Address->si_family == AF_INET6) {
        Address->Ipv6.sin6_port = 0;
        Address->Ipv6.sin6_flowinfo = 0;
        Address->Ipv6.sin6_scope_id = 0;
    } else if (NT_SUCCESS(Status)) {
        Address->Ipv4.sin_port = 0;
    }
    return Status;
}

/* A source is one host. */
static NTSTATUS ReadSource(PWSKB_SOCKET Socket, const WSKB_GROUP* Group, BOOLEAN NamesSource,
                           PSOCKADDR_INET Source)
{
    RtlZeroMemory(Source, sizeof(*Source));
    if (!NamesSource) {
        return Group->Source.Family == WSKB_AF_UNSPEC ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    }
    NTSTATUS Status = ReadHost(Socket, &Group->Source, Source);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    return IsGroup(Source) ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

_Use_decl_annotations_ NTSTATUS WskbMakeGroupRequest(PWSKB_SOCKET Socket, const VOID* Value,
                                                     BOOLEAN NamesSource, PVOID* Request)
{
    WSKB_GROUP Group;
    SOCKADDR_INET Address;
    SOCKADDR_INET Source;

    *Request = NULL;
    RtlCopyMemory(&Group, Value, sizeof(Group));
    NTSTATUS Status = ReadHost(Socket, &Group.Group, &Address);
    if (NT_SUCCESS(Status)) {
        Status = ReadSource(Socket, &Group, NamesSource, &Source);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (!IsGroup(&Address)) {
        return STATUS_INVALID_PARAMETER;
    }
    PGROUP_SOURCE_REQ Made = WskbAllocateZeroed(sizeof(*Made), WSKB_TAG_OPTION);
    if (Made == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Made->gsr_interface = Group.Interface;
    RtlCopyMemory(&Made->gsr_group, &Address, sizeof(Address));
    RtlCopyMemory(&Made->gsr_source, &Source, sizeof(Source));
    *Request = Made;
    return STATUS_SUCCESS;
}
