/* SPDX-License-Identifier: Apache-2.0
 *
 * Socket addresses: between the protocol and WSK, and GET_LOCAL_ADDRESS, GET_REMOTE_ADDRESS.
 */
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

static VOID FinishAddress(PWSKB_OPERATION Operation, const SOCKADDR_INET* Result)
{
    WSKB_ADDRESS* Output = Operation->Output;
    Operation->Information = 0;
    if (NT_SUCCESS(Operation->Status)) {
        Output->Size = sizeof(*Output);
        WskbWriteAddress(Result, &Output->Address);
        Operation->Information = sizeof(*Output);
    }
}

static VOID CallGetLocalAddress(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PSOCKADDR Address = (PSOCKADDR)&Operation->LocalAddress;
    switch (Socket->Category) {
    case WSKB_CATEGORY_DATAGRAM:
        (VOID) WSKB_DATAGRAMS(Socket)->WskGetLocalAddress(Socket->WskSocket, Address, Operation->Irp);
        break;
    case WSKB_CATEGORY_LISTEN:
        (VOID) WSKB_LISTENERS(Socket)->WskGetLocalAddress(Socket->WskSocket, Address, Operation->Irp);
        break;
    case WSKB_CATEGORY_CONNECTION:
        (VOID) WSKB_CONNECTIONS(Socket)->WskGetLocalAddress(Socket->WskSocket, Address, Operation->Irp);
        break;
    default:
        NT_ASSERT(FALSE); /* the dispatch table lets no other category in */
    }
}

static VOID FinishGetLocalAddress(PWSKB_OPERATION Operation)
{
    FinishAddress(Operation, &Operation->LocalAddress);
}

_Use_decl_annotations_ NTSTATUS WskbGetLocalAddress(PWSKB_CALL Call)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallGetLocalAddress, FinishGetLocalAddress, WskbControl,
                                                     WskbNoDirection, FALSE};
    return WskbOperationRun(WskbPrepareOperation(Call), &Routines);
}

static VOID CallGetRemoteAddress(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    (VOID) WSKB_CONNECTIONS(Socket)->WskGetRemoteAddress(
        Socket->WskSocket, (PSOCKADDR)&Operation->RemoteAddress, Operation->Irp);
}

/* WSK may forget the peer with the connection, as a system does; the socket's user asks as long as there is a
 * socket. While the connection lasts WSK's word counts: it may have made another address of the one it was
 * given.
 */
static VOID FinishGetRemoteAddress(PWSKB_OPERATION Operation)
{
    BOOLEAN Ended = Operation->Status == STATUS_CANCELLED || Operation->Status == STATUS_FILE_FORCED_CLOSED;
    if (!NT_SUCCESS(Operation->Status) && !Ended) {
        Operation->RemoteAddress = Operation->Socket->RemoteAddress;
        Operation->Status = STATUS_SUCCESS;
    }
    FinishAddress(Operation, &Operation->RemoteAddress);
}

_Use_decl_annotations_ NTSTATUS WskbGetRemoteAddress(PWSKB_CALL Call)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallGetRemoteAddress, FinishGetRemoteAddress,
                                                     WskbControl, WskbNoDirection, FALSE};
    return WskbOperationRun(WskbPrepareOperation(Call), &Routines);
}
