/* SPDX-License-Identifier: Apache-2.0
 *
 * CREATE and BIND: what makes a fresh handle a socket and gives the socket its address.
 */
#include "dispatch.h"

/* ---- CREATE ------------------------------------------------------------------------------------------ */

/* Each category with its only protocol. Raw sockets are not offered: Windows keeps them for administrators.
 */
static NTSTATUS CheckCreate(const WSKB_CREATE* Create)
{
    ULONG Protocol;
    switch (Create->Category) {
    case WSKB_CATEGORY_DATAGRAM:
        Protocol = WSKB_IPPROTO_UDP;
        break;
    case WSKB_CATEGORY_CONNECTION:
    case WSKB_CATEGORY_LISTEN:
        Protocol = WSKB_IPPROTO_TCP;
        break;
    default:
        return STATUS_INVALID_PARAMETER;
    }
    if (Create->Family != WSKB_AF_INET && Create->Family != WSKB_AF_INET6) {
        return STATUS_INVALID_PARAMETER;
    }
    return Create->Protocol == Protocol ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* The caller's process owns the socket, so that WSK's checks of address sharing see the real user. */
static VOID CallSocket(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    const WSK_PROVIDER_NPI* Npi = &Socket->Driver->Provider.Npi;
    BOOLEAN Datagram = Socket->Category == WSKB_CATEGORY_DATAGRAM;
    (VOID) Npi->Dispatch->WskSocket(Npi->Client, Socket->Family, Datagram ? SOCK_DGRAM : SOCK_STREAM,
                                    Datagram ? IPPROTO_UDP : IPPROTO_TCP, Socket->Category, Socket, NULL,
                                    Socket->Process->Process, NULL, NULL, Operation->Irp);
}

static VOID FinishSocket(PWSKB_OPERATION Operation)
{
    if (NT_SUCCESS(Operation->Status)) {
        WskbSocketOpened(Operation->Socket, (PWSK_SOCKET)Operation->Information, WskbOperationFile(Operation),
                         WskbOpen);
    }
    Operation->Information = 0;
}

/* Makes the block that the file keeps, created or not: CREATE is tried once per handle. */
static NTSTATUS AllocateForFile(PWSKB_CALL Call, const WSKB_CREATE* Create)
{
    PEPROCESS Process = WskbRequestorProcess(Call);
    KIRQL Irql;

    if (Process == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    NTSTATUS Status =
        WskbSocketAllocate(Call->Driver, Process, Create->Category, Create->Family, &Call->Socket);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    KeAcquireSpinLock(&Call->Driver->Lock, &Irql);
    Status = WskbFileSetSocketLocked(Call->File, Call->Socket);
    KeReleaseSpinLock(&Call->Driver->Lock, Irql);
    if (!NT_SUCCESS(Status)) {
        WskbSocketDereference(Call->Socket);
    }
    return Status;
}

_Use_decl_annotations_ NTSTATUS WskbCreate(PWSKB_CALL Call)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallSocket, FinishSocket, WskbControl, WskbNoDirection,
                                                     TRUE};
    const WSKB_CREATE* Create = Call->Input;

    NTSTATUS Status = CheckCreate(Create);
    if (NT_SUCCESS(Status)) {
        Status = WskbProviderCapture(&Call->Driver->Provider);
    }
    if (NT_SUCCESS(Status)) {
        Status = AllocateForFile(Call, Create);
    }
    return NT_SUCCESS(Status) ? WskbOperationRun(WskbPrepareOperation(Call), &Routines) : Status;
}

/* ---- BIND -------------------------------------------------------------------------------------------- */

static VOID CallBind(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PSOCKADDR Address = (PSOCKADDR)&Operation->LocalAddress;
    switch (Socket->Category) {
    case WSKB_CATEGORY_DATAGRAM:
        (VOID) WSKB_DATAGRAMS(Socket)->WskBind(Socket->WskSocket, Address, 0, Operation->Irp);
        break;
    case WSKB_CATEGORY_LISTEN:
        (VOID) WSKB_LISTENERS(Socket)->WskBind(Socket->WskSocket, Address, 0, Operation->Irp);
        break;
    case WSKB_CATEGORY_CONNECTION:
        (VOID) WSKB_CONNECTIONS(Socket)->WskBind(Socket->WskSocket, Address, 0, Operation->Irp);
        break;
    default:
        NT_ASSERT(FALSE); /* the dispatch table lets no other category in */
    }
}

static VOID FinishBind(PWSKB_OPERATION Operation)
{
    WskbSocketSetState(Operation->Socket, NT_SUCCESS(Operation->Status) ? WskbBound : WskbOpen);
    Operation->Information = 0;
}

_Use_decl_annotations_ NTSTATUS WskbBind(PWSKB_CALL Call)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallBind, FinishBind, WskbControl, WskbNoDirection,
                                                     FALSE};
    PWSKB_OPERATION Operation = WskbPrepareOperation(Call);
    const WSKB_ADDRESS* Input = Call->Input;

    NTSTATUS Status = WskbReadAddress(Call->Socket, &Input->Address, &Operation->LocalAddress);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    return WskbOperationRunInState(Operation, &Routines, WskbOpen, WskbBinding);
}
