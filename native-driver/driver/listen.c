/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners: ACCEPT takes a connection into a socket block of its own and names it by a token; ATTACH gives
 * that block to a fresh handle of the same process. An accepted connection is in exactly one place at any
 * time: its listener's list of unclaimed connections, a handle, or being closed. It is never lost, whatever
 * becomes of the request that accepted it.
 */
#include "dispatch.h"

/* Never 0. A token is no secret that protects a connection, which is what ATTACH's comparison of processes
 * does; but nobody can tell from one token what another is. */
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
    if (Listener->UnclaimedCount < WSKB_MAXIMUM_UNCLAIMED) {
        Listener->UnclaimedCount++;
        Status = STATUS_SUCCESS;
    }
    KeReleaseSpinLock(&Driver->Lock, Irql);
    return Status;
}

static VOID ReleaseUnclaimed(PWSKB_SOCKET Listener)
{
    KIRQL Irql;
    KeAcquireSpinLock(&Listener->Driver->Lock, &Irql);
    Listener->UnclaimedCount--;
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
    BOOLEAN Added = !Listener->RefusesAccepted;
    if (Added) {
        Accepted->Listener = Listener;
        InsertTailList(&Listener->Unclaimed, &Accepted->UnclaimedLink);
        InsertTailList(TokenChain(Driver, Accepted->Token), &Accepted->TokenLink);
        InterlockedIncrement(&Driver->UnclaimedCount);
    }
    KeReleaseSpinLock(&Driver->Lock, Irql);
    return Added;
}

/* The list's reference becomes the caller's. Driver's lock is held. */
static VOID RemoveUnclaimedLocked(PWSKB_SOCKET Accepted)
{
    RemoveEntryList(&Accepted->UnclaimedLink);
    RemoveEntryList(&Accepted->TokenLink);
    InterlockedDecrement(&Accepted->Driver->UnclaimedCount);
    Accepted->Listener->UnclaimedCount--;
    Accepted->Listener = NULL;
}

static PWSKB_SOCKET TakeUnclaimed(PWSKB_SOCKET Listener)
{
    PWSKB_DRIVER Driver = Listener->Driver;
    PWSKB_SOCKET Taken = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Driver->Lock, &Irql);
    Listener->RefusesAccepted = TRUE;
    if (!IsListEmpty(&Listener->Unclaimed)) {
        Taken = CONTAINING_RECORD(Listener->Unclaimed.Flink, WSKB_SOCKET, UnclaimedLink);
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

static VOID CallAccept(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    (VOID) WSKB_LISTENERS(Socket)->WskAccept(Socket->WskSocket, 0, Operation->Accepted, NULL,
                                             (PSOCKADDR)&Operation->LocalAddress,
                                             (PSOCKADDR)&Operation->RemoteAddress, Operation->Irp);
}

static VOID WriteAccepted(PWSKB_OPERATION Operation, ULONGLONG Token)
{
    WSKB_ACCEPTED* Output = Operation->Output;
    RtlZeroMemory(Output, sizeof(*Output));
    Output->Size = sizeof(*Output);
    Output->Token = Token;
    WskbWriteAddress(&Operation->LocalAddress, &Output->LocalAddress);
    WskbWriteAddress(&Operation->RemoteAddress, &Output->RemoteAddress);
    Operation->Information = sizeof(*Output);
}

/* WSK accepted a connection, perhaps after the request was cancelled: the connection wins, unless the
 * listener is on its way out, which would leave it without an owner. */
static VOID FinishAccept(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Listener = Operation->Socket;
    PWSKB_SOCKET Accepted = Operation->Accepted;

    if (!NT_SUCCESS(Operation->Status)) {
        Operation->Information = 0;
        ReleaseUnclaimed(Listener);
        WskbSocketDereference(Accepted);
        return;
    }
    Accepted->RemoteAddress = Operation->RemoteAddress;
    WskbSocketOpened(Accepted, (PWSK_SOCKET)Operation->Information, WskbOperationFile(Operation),
                     WskbConnected);
    InterlockedIncrement64(&Listener->Driver->Counters.AcceptedConnections);
    WriteAccepted(Operation, Accepted->Token);
    if (!AddUnclaimed(Listener, Accepted)) {
        Operation->Status = STATUS_FILE_CLOSED;
        Operation->Information = 0;
        ReleaseUnclaimed(Listener);
        WskbSocketCloseInCompletion(Accepted);
        WskbSocketDereference(Accepted);
    }
}

/* Both are made before WSK is called, so that an accepted connection never lacks them. */
static NTSTATUS AllocateAccepted(PWSKB_CALL Call, PEPROCESS Process, PWSKB_SOCKET* Accepted)
{
    NTSTATUS Status =
        WskbSocketAllocate(Call->Driver, Process, WSKB_CATEGORY_CONNECTION, Call->Socket->Family, Accepted);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = MakeToken(Call->Driver, &(*Accepted)->Token);
    if (!NT_SUCCESS(Status)) {
        WskbSocketDereference(*Accepted);
    }
    return Status;
}

_Use_decl_annotations_ NTSTATUS WskbAccept(PWSKB_CALL Call)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallAccept, FinishAccept, WskbTransfer, WskbReceiving,
                                                     FALSE};
    PWSKB_OPERATION Operation = WskbPrepareOperation(Call);
    const WSKB_TRANSFER* Input = Call->Input;
    PWSKB_SOCKET Listener = Call->Socket;
    PEPROCESS Process = WskbRequestorProcess(Call);

    if (Input->Flags != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Process == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    NTSTATUS Status = ReserveUnclaimed(Listener);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = AllocateAccepted(Call, Process, &Operation->Accepted);
    if (NT_SUCCESS(Status)) {
        Status = WskbOperationRun(Operation, &Routines);
        if (Status == STATUS_PENDING) {
            return Status; /* FinishAccept has the block */
        }
        WskbSocketDereference(Operation->Accepted);
    }
    ReleaseUnclaimed(Listener);
    return Status;
}

/* ---- ATTACH ------------------------------------------------------------------------------------------ */

/* Driver's lock is held. Another process's token is as good as none. */
static PWSKB_SOCKET FindUnclaimed(PWSKB_DRIVER Driver, ULONGLONG Token, PEPROCESS Process)
{
    PLIST_ENTRY Chain = TokenChain(Driver, Token);
    for (PLIST_ENTRY Entry = Chain->Flink; Entry != Chain; Entry = Entry->Flink) {
        PWSKB_SOCKET Socket = CONTAINING_RECORD(Entry, WSKB_SOCKET, TokenLink);
        if (Socket->Token == Token && Socket->Process->Process == Process) {
            return Socket;
        }
    }
    return NULL;
}

/* Driver's lock is held. The list's reference becomes the file's. LeftFile is for the caller to dereference.
 */
static NTSTATUS AttachLocked(PWSKB_CALL Call, ULONGLONG Token, PEPROCESS Process, PFILE_OBJECT* LeftFile)
{
    *LeftFile = NULL;
    PWSKB_SOCKET Socket = FindUnclaimed(Call->Driver, Token, Process);
    if (Socket == NULL) {
        return STATUS_NOT_FOUND;
    }
    NTSTATUS Status = WskbFileSetSocketLocked(Call->File, Socket);
    if (NT_SUCCESS(Status)) {
        RemoveUnclaimedLocked(Socket);
        *LeftFile = WskbSocketMoveToFileLocked(
            Socket, WdfFileObjectWdmGetFileObject(WdfRequestGetFileObject(Call->Request)));
    }
    return Status;
}

_Use_decl_annotations_ NTSTATUS WskbAttach(PWSKB_CALL Call)
{
    const WSKB_ATTACH* Input = Call->Input;
    PEPROCESS Process = WskbRequestorProcess(Call);
    PFILE_OBJECT LeftFile;
    KIRQL Irql;

    KeAcquireSpinLock(&Call->Driver->Lock, &Irql);
    NTSTATUS Status = AttachLocked(Call, Input->Token, Process, &LeftFile);
    KeReleaseSpinLock(&Call->Driver->Lock, Irql);
    if (LeftFile != NULL) {
        ObDereferenceObjectDeferDelete(LeftFile);
    }
    return Status;
}
