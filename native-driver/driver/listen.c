/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners: ACCEPT accepts a connection into a new socket block and returns a token; ATTACH gives that block
 * to a new handle of the same process. An accepted connection is in exactly one place at any time: its
 * listener's list of unclaimed connections, a handle, or being closed. It is never lost, even if the request
 * that accepted it is cancelled.
 */
#include "address.h"
#include "dispatch.h"
#include "trace.h"

/* Never 0. What protects a connection is ATTACH's check of the process, not the token; still, one token does
 * not reveal another. */
static NTSTATUS MakeToken(PWSKB_DRIVER Driver, ULONGLONG* Token)
{
    NTSTATUS Status = BCryptGenRandom(Driver->Random, (PUCHAR)Token, sizeof(*Token), 0);
    if (*Token == 0) {
        *Token = 1;
    }
    return Status;
}

/* ---- unclaimed connections --------------------------------------------------------------------------- */

static NTSTATUS ReserveUnclaimed(PWSKB_SOCKET Listener)
{
    PWSKB_DRIVER Driver = Listener->Driver;
    NTSTATUS Status = STATUS_QUOTA_EXCEEDED;
    KIRQL Irql;

    KeAcquireSpinLock(&Driver->Lock, &Irql);
    if (Listener->Listen.UnclaimedCount < WSKB_MAXIMUM_UNCLAIMED) {
        Listener->Listen.UnclaimedCount++;
        Status = STATUS_SUCCESS;
    }
    KeReleaseSpinLock(&Driver->Lock, Irql);
    return Status;
}

static VOID ReleaseUnclaimed(PWSKB_SOCKET Listener)
{
    KIRQL Irql;
    KeAcquireSpinLock(&Listener->Driver->Lock, &Irql);
    Listener->Listen.UnclaimedCount--;
    KeReleaseSpinLock(&Listener->Driver->Lock, Irql);
}

static PLIST_ENTRY TokenChain(PWSKB_DRIVER Driver, ULONGLONG Token)
{
    return &Driver->Tokens[Token % WSKB_TOKEN_CHAINS];
}

/* Puts the block, and the caller's reference to it, on the list. FALSE when the listener is closing. */
static BOOLEAN AddUnclaimed(PWSKB_SOCKET Listener, PWSKB_SOCKET Accepted)
{
    PWSKB_DRIVER Driver = Listener->Driver;
    KIRQL Irql;

    KeAcquireSpinLock(&Driver->Lock, &Irql);
    BOOLEAN Added = !Listener->Listen.RefusesAccepted;
    if (Added) {
        Accepted->Connection.Listener = Listener;
        InsertTailList(&Listener->Listen.Unclaimed, &Accepted->Connection.UnclaimedLink);
        InsertTailList(TokenChain(Driver, Accepted->Connection.Token), &Accepted->Connection.TokenLink);
        InterlockedIncrement(&Driver->UnclaimedCount);
    }
    KeReleaseSpinLock(&Driver->Lock, Irql);
    return Added;
}

/* The list's reference becomes the caller's. Driver's lock is held. */
static VOID RemoveUnclaimedLocked(PWSKB_SOCKET Accepted)
{
    RemoveEntryList(&Accepted->Connection.UnclaimedLink);
    RemoveEntryList(&Accepted->Connection.TokenLink);
    InterlockedDecrement(&Accepted->Driver->UnclaimedCount);
    Accepted->Connection.Listener->Listen.UnclaimedCount--;
    Accepted->Connection.Listener = NULL;
}

static PWSKB_SOCKET TakeUnclaimed(PWSKB_SOCKET Listener)
{
    PWSKB_DRIVER Driver = Listener->Driver;
    PWSKB_SOCKET Taken = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Driver->Lock, &Irql);
    Listener->Listen.RefusesAccepted = TRUE;
    if (!IsListEmpty(&Listener->Listen.Unclaimed)) {
        Taken = CONTAINING_RECORD(Listener->Listen.Unclaimed.Flink, WSKB_SOCKET, Connection.UnclaimedLink);
        RemoveUnclaimedLocked(Taken);
    }
    KeReleaseSpinLock(&Driver->Lock, Irql);
    return Taken;
}

_Use_decl_annotations_ VOID WskbListenerCloseUnclaimed(PWSKB_SOCKET Listener)
{
    PWSKB_SOCKET Socket;
    while ((Socket = TakeUnclaimed(Listener)) != NULL) {
        WskbSocketClose(Socket);
        WskbSocketDereference(Socket);
    }
}

/* ---- ACCEPT ------------------------------------------------------------------------------------------ */

/* Makes block and token before the call into WSK, so that an accepted connection always has them. */
static NTSTATUS AllocateAccepted(PWSKB_OPERATION Operation, PEPROCESS Process)
{
    PWSKB_SOCKET Accepted;
    NTSTATUS Status = WskbSocketAllocate(Operation->Driver, Process, WSKB_CATEGORY_CONNECTION,
                                         Operation->Socket->Family, &Accepted);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = MakeToken(Operation->Driver, &Accepted->Connection.Token);
    if (!NT_SUCCESS(Status)) {
        WskbSocketDereference(Accepted);
        return Status;
    }
    Operation->Accepted.Socket = Accepted;
    return STATUS_SUCCESS;
}

static NTSTATUS PrepareAccept(PWSKB_OPERATION Operation)
{
    PEPROCESS Process = WskbOperationProcess(Operation);
    if (Process == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    NTSTATUS Status = ReserveUnclaimed(Operation->Socket);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = AllocateAccepted(Operation, Process);
    if (!NT_SUCCESS(Status)) {
        ReleaseUnclaimed(Operation->Socket);
        return Status;
    }
    return WSKB_CALL_FOLLOWS;
}

static VOID CallAccept(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    const WSKB_CATEGORY* Category = WskbFindCategory(WSKB_CATEGORY_CONNECTION);
    _Analysis_assume_(Category != NULL);
    (VOID)
        Socket->Wsk.Listen->WskAccept(Socket->WskSocket, 0, Operation->Accepted.Socket,
                                      Category->ClientDispatch, (PSOCKADDR)&Operation->Accepted.LocalAddress,
                                      (PSOCKADDR)&Operation->Accepted.RemoteAddress, Operation->Irp);
}

static VOID WriteAccepted(PWSKB_OPERATION Operation, ULONGLONG Token)
{
    WSKB_ACCEPTED* Output = Operation->Output;
    RtlZeroMemory(Output, sizeof(*Output));
    Output->Size = sizeof(*Output);
    Output->Token = Token;
    WskbWriteAddress(&Operation->Accepted.LocalAddress, &Output->LocalAddress);
    WskbWriteAddress(&Operation->Accepted.RemoteAddress, &Output->RemoteAddress);
    Operation->Information = sizeof(*Output);
}

/* If WSK accepted a connection the request succeeds, even if it was cancelled meanwhile. But if the listener
 * is closing, the connection would have no owner, so it is closed. */
static VOID FinishAccept(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Listener = Operation->Socket;
    PWSKB_SOCKET Accepted = Operation->Accepted.Socket;

    if (!NT_SUCCESS(Operation->Status)) {
        Operation->Information = 0;
        ReleaseUnclaimed(Listener);
        WskbSocketDereference(Accepted);
        return;
    }
    Accepted->Connection.RemoteAddress = Operation->Accepted.RemoteAddress;
    WskbSocketOpened(Accepted, (PWSK_SOCKET)Operation->Information, WskbOperationFile(Operation),
                     WskbConnected);
    InterlockedIncrement64(&Operation->Driver->Counters.AcceptedConnections);
    WriteAccepted(Operation, Accepted->Connection.Token);
    if (!AddUnclaimed(Listener, Accepted)) {
        Operation->Status = STATUS_FILE_CLOSED;
        Operation->Information = 0;
        ReleaseUnclaimed(Listener);
        WskbTraceSocket(WskbTraceInformation, Accepted, "accepted too late, its listener is closed",
                        STATUS_FILE_CLOSED);
        WskbSocketCloseInCompletion(Accepted);
        WskbSocketDereference(Accepted);
    }
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(ACCEPT) = {
    .Categories = WSKB_CATEGORY_LISTEN,
    .States = WskbBound,
    .Kind = WskbTransfer,
    .Direction = WskbReceiving,
    .Prepare = PrepareAccept,
    .Call = CallAccept,
    .Finish = FinishAccept,
};

/* ---- ATTACH ------------------------------------------------------------------------------------------ */

/* Driver's lock is held. A token of another process is not found. */
static PWSKB_SOCKET FindUnclaimed(PWSKB_DRIVER Driver, ULONGLONG Token, PEPROCESS Process)
{
    PLIST_ENTRY Chain = TokenChain(Driver, Token);
    for (PLIST_ENTRY Entry = Chain->Flink; Entry != Chain; Entry = Entry->Flink) {
        PWSKB_SOCKET Socket = CONTAINING_RECORD(Entry, WSKB_SOCKET, Connection.TokenLink);
        if (Socket->Connection.Token == Token && Socket->Process->Process == Process) {
            return Socket;
        }
    }
    return NULL;
}

/* Driver's lock is held. The list's reference becomes the file's. The caller dereferences LeftFile. */
static NTSTATUS AttachLocked(PWSKB_OPERATION Operation, ULONGLONG Token, PEPROCESS Process,
                             PFILE_OBJECT* LeftFile)
{
    *LeftFile = NULL;
    PWSKB_SOCKET Socket = FindUnclaimed(Operation->Driver, Token, Process);
    if (Socket == NULL) {
        return STATUS_NOT_FOUND;
    }
    NTSTATUS Status = WskbFileSetSocketLocked(Operation->File, Socket);
    if (NT_SUCCESS(Status)) {
        RemoveUnclaimedLocked(Socket);
        *LeftFile = WskbSocketMoveToFileLocked(Socket, WskbOperationFile(Operation));
    }
    return Status;
}

static NTSTATUS Attach(PWSKB_OPERATION Operation)
{
    const WSKB_ATTACH* Input = Operation->Input;
    PEPROCESS Process = WskbOperationProcess(Operation);
    PFILE_OBJECT LeftFile;
    KIRQL Irql;

    KeAcquireSpinLock(&Operation->Driver->Lock, &Irql);
    NTSTATUS Status = AttachLocked(Operation, Input->Token, Process, &LeftFile);
    KeReleaseSpinLock(&Operation->Driver->Lock, Irql);
    if (LeftFile != NULL) {
        ObDereferenceObjectDeferDelete(LeftFile);
    }
    return Status;
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(ATTACH) = {
    .Flags = WSKB_NO_FLAGS,
    .Prepare = Attach,
};
