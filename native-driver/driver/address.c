/* SPDX-License-Identifier: Apache-2.0
 *
 * Socket addresses: conversion between the protocol and WSK, and BIND, GET_LOCAL_ADDRESS, GET_REMOTE_ADDRESS.
 */
#include "address.h"

#include "dispatch.h"

C_ASSERT(sizeof(WSKB_SOCKADDR) == sizeof(SOCKADDR_INET));
C_ASSERT(WSKB_AF_INET == AF_INET && WSKB_AF_INET6 == AF_INET6 && WSKB_AF_UNSPEC == AF_UNSPEC);

/* Same layout on both sides; Reserved of an IPv4 address is sin_zero and must be zero. */
static BOOLEAN CopyAddress(const VOID* Source, VOID* Target)
{
    const SOCKADDR_INET* Address = Source;
    SIZE_T Length = 0;
    if (Address->si_family == AF_INET) {
        Length = FIELD_OFFSET(SOCKADDR_IN, sin_zero);
    } else if (Address->si_family == AF_INET6) {
        Length = sizeof(SOCKADDR_IN6);
    }
    RtlZeroMemory(Target, sizeof(SOCKADDR_INET));
    RtlCopyMemory(Target, Source, Length);
    return Length != 0;
}

_Use_decl_annotations_ NTSTATUS WskbReadAddress(PWSKB_SOCKET Socket, const WSKB_SOCKADDR* Source,
                                                PSOCKADDR_INET Address)
{
    if (Source->Family != Socket->Family || !CopyAddress(Source, Address)) {
        return STATUS_INVALID_ADDRESS_COMPONENT;
    }
    return STATUS_SUCCESS;
}

_Use_decl_annotations_ VOID WskbWriteAddress(const SOCKADDR_INET* Source, WSKB_SOCKADDR* Address)
{
    (VOID) CopyAddress(Source, Address);
}

_Use_decl_annotations_ ULONG WskbAddressLength(PWSKB_SOCKET Socket)
{
    return Socket->Family == AF_INET ? (ULONG)sizeof(SOCKADDR_IN) : (ULONG)sizeof(SOCKADDR_IN6);
}

_Use_decl_annotations_ NTSTATUS WskbPrepareAddress(PWSKB_OPERATION Operation)
{
    const WSKB_ADDRESS* Input = Operation->Input;
    NTSTATUS Status = WskbReadAddress(Operation->Socket, &Input->Address, &Operation->Address);
    return NT_SUCCESS(Status) ? WSKB_CALL_FOLLOWS : Status;
}

/* ---- BIND -------------------------------------------------------------------------------------------- */

static VOID CallBind(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PSOCKADDR Address = (PSOCKADDR)&Operation->Address;
    switch (Socket->Category) {
    case WSKB_CATEGORY_DATAGRAM:
        (VOID) Socket->Wsk.Datagram->WskBind(Socket->WskSocket, Address, 0, Operation->Irp);
        break;
    case WSKB_CATEGORY_LISTEN:
        (VOID) Socket->Wsk.Listen->WskBind(Socket->WskSocket, Address, 0, Operation->Irp);
        break;
    case WSKB_CATEGORY_CONNECTION:
        (VOID) Socket->Wsk.Connection->WskBind(Socket->WskSocket, Address, 0, Operation->Irp);
        break;
    }
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(BIND) = {
    .Flags = WSKB_NO_FLAGS,
    .Categories = WSKB_ANY_CATEGORY,
    .States = WskbOpen,
    .Via = WskbBinding,
    .To = WskbBound,
    .Kind = WskbControl,
    .Prepare = WskbPrepareAddress,
    .Call = CallBind,
    .Finish = WskbFinishWithoutInformation,
};

/* ---- GET_LOCAL_ADDRESS and GET_REMOTE_ADDRESS -------------------------------------------------------- */

static VOID CallGetLocalAddress(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PSOCKADDR Address = (PSOCKADDR)&Operation->Address;
    switch (Socket->Category) {
    case WSKB_CATEGORY_DATAGRAM:
        (VOID) Socket->Wsk.Datagram->WskGetLocalAddress(Socket->WskSocket, Address, Operation->Irp);
        break;
    case WSKB_CATEGORY_LISTEN:
        (VOID) Socket->Wsk.Listen->WskGetLocalAddress(Socket->WskSocket, Address, Operation->Irp);
        break;
    case WSKB_CATEGORY_CONNECTION:
        (VOID) Socket->Wsk.Connection->WskGetLocalAddress(Socket->WskSocket, Address, Operation->Irp);
        break;
    }
}

static VOID FinishGetAddress(PWSKB_OPERATION Operation)
{
    WSKB_ADDRESS* Output = Operation->Output;
    Operation->Information = 0;
    if (NT_SUCCESS(Operation->Status)) {
        Output->Size = sizeof(*Output);
        WskbWriteAddress(&Operation->Address, &Output->Address);
        Operation->Information = sizeof(*Output);
    }
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(GET_LOCAL_ADDRESS) = {
    .Categories = WSKB_ANY_CATEGORY,
    .States = WSKB_BOUND_STATES,
    .Kind = WskbControl,
    .Call = CallGetLocalAddress,
    .Finish = FinishGetAddress,
};

static VOID CallGetRemoteAddress(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    (VOID) Socket->Wsk.Connection->WskGetRemoteAddress(Socket->WskSocket, (PSOCKADDR)&Operation->Address,
                                                       Operation->Irp);
}

/* WSK may forget the peer when the connection ends, but the caller may ask as long as the socket exists: then
 * the stored address is reported. While the connection lasts, WSK's answer counts: it may differ from the
 * address that CONNECT was given. */
static VOID FinishGetRemoteAddress(PWSKB_OPERATION Operation)
{
    BOOLEAN Ended = Operation->Status == STATUS_CANCELLED || Operation->Status == STATUS_FILE_FORCED_CLOSED;
    if (Operation->Started && !NT_SUCCESS(Operation->Status) && !Ended) {
        Operation->Address = Operation->Socket->Connection.RemoteAddress;
        Operation->Status = STATUS_SUCCESS;
    }
    FinishGetAddress(Operation);
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(GET_REMOTE_ADDRESS) = {
    .Categories = WSKB_CATEGORY_CONNECTION,
    .States = WskbConnected,
    .Kind = WskbControl,
    .Call = CallGetRemoteAddress,
    .Finish = FinishGetRemoteAddress,
};
