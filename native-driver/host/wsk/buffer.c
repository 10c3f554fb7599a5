/* SPDX-License-Identifier: Apache-2.0
 *
 * Translates the clients' MDL chains and SOCKADDRs to the backend's types.
 */
#include "wskp.h"

NTSTATUS BufferCheck(const WSK_BUF* Buffer, BOOLEAN OneMessage)
{
    SIZE_T Available = 0;
    ULONG Count = 0;

    if (Buffer->Length == 0) {
        return STATUS_SUCCESS;
    }
    if (Buffer->Mdl == NULL || Buffer->Offset >= MmGetMdlByteCount(Buffer->Mdl) ||
        Buffer->Length > (SIZE_T)-1 - Buffer->Offset) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Buffer->Length <= MmGetMdlByteCount(Buffer->Mdl) - Buffer->Offset) {
        return STATUS_SUCCESS; /* the usual case: one MDL */
    }
    for (PMDL Mdl = Buffer->Mdl; Mdl != NULL && Available < Buffer->Offset + Buffer->Length;
         Mdl = Mdl->Next) {
        Available += MmGetMdlByteCount(Mdl);
        Count++;
    }
    if (Available - Buffer->Offset < Buffer->Length) {
        return STATUS_INVALID_PARAMETER;
    }
    return (OneMessage && Count > BUFFER_SEGMENTS_MAX) ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}

NTSTATUS BufferGather(PMDL Mdl, ULONG Offset, SIZE_T Length, SIZE_T Skip, BACKEND_SEGMENT* Segments,
                      ULONG Maximum, uint32_t* Count)
{
    SIZE_T Left = Length - Skip;
    SIZE_T Start = Offset + Skip; /* within Mdl */

    *Count = 0;
    for (; Left != 0 && *Count < Maximum; Mdl = Mdl->Next) {
        SIZE_T Bytes = MmGetMdlByteCount(Mdl);
        PUCHAR Base;

        if (Start >= Bytes) {
            Start -= Bytes;
            continue;
        }
        Base = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority | MdlMappingNoExecute);
        if (Base == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        Bytes -= Start;
        Segments[*Count].Base = Base + Start;
        Segments[*Count].Length = (Bytes < Left) ? Bytes : Left;
        Left -= Segments[*Count].Length;
        Start = 0;
        (*Count)++;
    }
    return STATUS_SUCCESS;
}

void BufferKeep(PIRP Irp, const WSK_BUF* Buffer)
{
    PREQUEST Request = RequestOf(Irp);

    Request->Transfer.Mdl = Buffer->Mdl;
    Request->Transfer.Length = Buffer->Length;
    Request->Offset = Buffer->Offset;
}

NTSTATUS BufferGatherRest(PIRP Irp, BACKEND_SEGMENT* Segments, uint32_t* Count)
{
    PREQUEST Request = RequestOf(Irp);

    return BufferGather(Request->Transfer.Mdl, Request->Offset, Request->Transfer.Length,
                        Irp->IoStatus.Information, Segments, BUFFER_SEGMENTS_MAX, Count);
}

NTSTATUS AddressFromClient(const SOCKADDR* Client, ADDRESS_FAMILY Family, BACKEND_ADDRESS* Address)
{
    RtlZeroMemory(Address, sizeof(*Address));
    if (Client == NULL || Client->sa_family != Family) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Family == AF_INET) {
        const SOCKADDR_IN* Ipv4 = (const SOCKADDR_IN*)(const VOID*)Client;

        Address->Family = BACKEND_IPV4;
        Address->Port = Ipv4->sin_port;
        RtlCopyMemory(Address->Bytes, &Ipv4->sin_addr, sizeof(Ipv4->sin_addr));
    } else {
        const SOCKADDR_IN6* Ipv6 = (const SOCKADDR_IN6*)(const VOID*)Client;

        Address->Family = BACKEND_IPV6;
        Address->Port = Ipv6->sin6_port;
        Address->FlowInfo = Ipv6->sin6_flowinfo;
        Address->ScopeId = Ipv6->sin6_scope_id;
        RtlCopyMemory(Address->Bytes, &Ipv6->sin6_addr, sizeof(Ipv6->sin6_addr));
    }
    return STATUS_SUCCESS;
}

void AddressToClient(const BACKEND_ADDRESS* Address, PSOCKADDR Client)
{
    if (Address->Family == BACKEND_IPV4) {
        PSOCKADDR_IN Ipv4 = (PSOCKADDR_IN)(PVOID)Client;

        RtlZeroMemory(Ipv4, sizeof(*Ipv4));
        Ipv4->sin_family = AF_INET;
        Ipv4->sin_port = Address->Port;
        RtlCopyMemory(&Ipv4->sin_addr, Address->Bytes, sizeof(Ipv4->sin_addr));
    } else {
        PSOCKADDR_IN6 Ipv6 = (PSOCKADDR_IN6)(PVOID)Client;

        RtlZeroMemory(Ipv6, sizeof(*Ipv6));
        Ipv6->sin6_family = AF_INET6;
        Ipv6->sin6_port = Address->Port;
        Ipv6->sin6_flowinfo = Address->FlowInfo;
        Ipv6->sin6_scope_id = Address->ScopeId;
        RtlCopyMemory(&Ipv6->sin6_addr, Address->Bytes, sizeof(Ipv6->sin6_addr));
    }
}

BOOLEAN AddressIsSame(const BACKEND_ADDRESS* A, const BACKEND_ADDRESS* B)
{
    return A->Family == B->Family && A->Port == B->Port &&
           RtlEqualMemory(A->Bytes, B->Bytes, sizeof(A->Bytes));
}

uint16_t AddressVersion(const BACKEND_ADDRESS* Address)
{
    static const uint8_t Mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

    return (Address->Family == BACKEND_IPV6 && !RtlEqualMemory(Address->Bytes, Mapped, sizeof(Mapped)))
               ? BACKEND_IPV6
               : BACKEND_IPV4;
}
