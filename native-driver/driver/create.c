/* SPDX-License-Identifier: Apache-2.0
 *
 * CREATE: makes a new handle a socket.
 */
#include "dispatch.h"

/* Each category has one protocol. Raw sockets are not supported: Windows reserves them for administrators. */
static NTSTATUS CheckCreate(const WSKB_CREATE* Create)
{
    const WSKB_CATEGORY* Category = WskbFindCategory(Create->Category);
    if (Category == NULL || Create->Protocol != Category->Protocol) {
        return STATUS_INVALID_PARAMETER;
    }
    BOOLEAN IsKnown = Create->Family == WSKB_AF_INET || Create->Family == WSKB_AF_INET6;
    return IsKnown ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* Allocates the block. The file keeps it even if WSK creates no socket: CREATE is tried once per handle. */
static NTSTATUS AllocateForFile(PWSKB_OPERATION Operation, const WSKB_CREATE* Create)
{
    PWSKB_DRIVER Driver = Operation->Driver;
    PEPROCESS Process = WskbOperationProcess(Operation);
    KIRQL Irql;

    if (Process == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    NTSTATUS Status =
        WskbSocketAllocate(Driver, Process, Create->Category, Create->Family, &Operation->Socket);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    KeAcquireSpinLock(&Driver->Lock, &Irql);
    Status = WskbFileSetSocketLocked(Operation->File, Operation->Socket);
    KeReleaseSpinLock(&Driver->Lock, Irql);
    if (!NT_SUCCESS(Status)) {
        WskbSocketDereference(Operation->Socket);
    }
    return Status;
}

static NTSTATUS PrepareCreate(PWSKB_OPERATION Operation)
{
    const WSKB_CREATE* Create = Operation->Input;
    NTSTATUS Status = CheckCreate(Create);
    if (NT_SUCCESS(Status)) {
        Status = WskbProviderCapture(&Operation->Driver->Provider);
    }
    if (NT_SUCCESS(Status)) {
        Status = AllocateForFile(Operation, Create);
    }
    return NT_SUCCESS(Status) ? WSKB_CALL_FOLLOWS : Status;
}

/* The caller's process owns the socket, so that WSK checks address sharing against the real user. */
static VOID CallSocket(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    const WSK_PROVIDER_NPI* Npi = &Operation->Driver->Provider.Npi;
    const WSKB_CATEGORY* Category = WskbFindCategory(Socket->Category);
    _Analysis_assume_(Category != NULL);
    (VOID) Npi->Dispatch->WskSocket(Npi->Client, Socket->Family, Category->SocketType, Category->Protocol,
                                    Category->WskFlags, Socket, Category->ClientDispatch,
                                    Socket->Process->Process, NULL, NULL, Operation->Irp);
}

static VOID FinishCreate(PWSKB_OPERATION Operation)
{
    if (NT_SUCCESS(Operation->Status)) {
        WskbSocketOpened(Operation->Socket, (PWSK_SOCKET)Operation->Information, WskbOperationFile(Operation),
                         WskbOpen);
    }
    Operation->Information = 0;
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(CREATE) = {
    .Flags = WSKB_NO_FLAGS,
    .Kind = WskbControl,
    .GuardUntilFinished = TRUE,
    .Prepare = PrepareCreate,
    .Call = CallSocket,
    .Finish = FinishCreate,
};
