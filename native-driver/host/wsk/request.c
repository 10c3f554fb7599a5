/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that wait: each direction of a socket has a queue of IRPs, the oldest of which is tried again
 * after every edge. An IRP is in exactly one hand: while it is in the queue its cancel routine is set; who
 * takes the routine away (the polling thread, a close, or IoCancelIrp) owns the IRP and completes it.
 */
#include "provider.h"

#include <nt/lend.h>

static REQUEST_ATTEMPT* const Attempts[OperationMax] = {
    [OperationSendTo] = AttemptSendTo,           [OperationSendMessages] = AttemptSendMessages,
    [OperationReceiveFrom] = AttemptReceiveFrom, [OperationConnect] = AttemptConnect,
    [OperationSocketConnect] = AttemptConnect,   [OperationSend] = AttemptSend,
    [OperationReceive] = AttemptReceive,         [OperationDrain] = AttemptDrain,
    [OperationDisconnect] = AttemptDisconnect,   [OperationAccept] = AttemptAccept,
};

static DRIVER_CANCEL RequestCancel;

BOOLEAN RequestDone(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    return TRUE;
}

BOOLEAN RequestBlock(PPROVIDER_SOCKET Socket, PIRP Irp, LONG Flags)
{
    NTSTATUS Status = SocketWatch(Socket, Flags);

    return NT_SUCCESS(Status) ? FALSE : RequestDone(Irp, Status);
}

BOOLEAN RequestYield(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    NTSTATUS Status = SocketWatchAgain(Socket);

    return NT_SUCCESS(Status) ? FALSE : RequestDone(Irp, Status);
}

static BOOLEAN Attempt(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    return Attempts[RequestOf(Irp)->Operation](Socket, Irp);
}

static PDIRECTION DirectionOf(PIRP Irp)
{
    PREQUEST Request = RequestOf(Irp);

    switch (Request->Operation) {
    case OperationReceiveFrom:
    case OperationReceive:
    case OperationDrain:
    case OperationAccept:
        return &Request->Socket->Receive;
    default:
        return &Request->Socket->Send;
    }
}

/* WskSocketConnect makes a socket only if everything went well. Called before the IRP is completed. */
static void FinishSocketConnect(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    if (NT_SUCCESS(Irp->IoStatus.Status)) {
        Irp->IoStatus.Information = (ULONG_PTR)&Socket->Public;
    } else {
        Irp->IoStatus.Information = 0;
        SocketDiscard(Socket);
    }
}

/* Consumes an IRP that was never queued. */
static NTSTATUS CompleteInline(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    NTSTATUS Status = Irp->IoStatus.Status;

    InterlockedIncrement64(&Socket->IrpsCompleted);
    if (RequestOf(Irp)->Operation == OperationSocketConnect) {
        FinishSocketConnect(Socket, Irp);
    }
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static void CompletePended(PIRP Irp)
{
    PPROVIDER_SOCKET Socket = RequestOf(Irp)->Socket;

    InterlockedIncrement64(&Socket->IrpsCompleted);
    if (RequestOf(Irp)->Operation == OperationSocketConnect) {
        FinishSocketConnect(Socket, Irp);
    }
    HostReturnMemory(Irp);
    IoCompleteRequest(Irp, IO_NETWORK_INCREMENT);
    SocketDropOutstanding(Socket);
}

void RequestCompleteAll(PLIST_ENTRY Done)
{
    CALL Call;

    if (IsListEmpty(Done)) {
        return;
    }
    CallEnterCompletion(&Call);
    while (!IsListEmpty(Done)) {
        CompletePended(CONTAINING_RECORD(RemoveHeadList(Done), IRP, Tail.Overlay.ListEntry));
    }
    CallLeaveCompletion(&Call);
}

/* Takes the IRP off the queue. The direction's lock is held. */
static void Unlink(PDIRECTION Direction, PIRP Irp)
{
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    /* A cancel routine that is on its way removes the entry again. */
    InitializeListHead(&Irp->Tail.Overlay.ListEntry);
    InterlockedDecrementNoFence(&Direction->PendingCount);
}

/* What a request that waits has of its client, whose free of it before completion is to be noticed. */
static void LendMemory(PIRP Irp)
{
    static const PCSTR Names[OperationMax] = {
        [OperationSendTo] = "WskSendTo",           [OperationSendMessages] = "WskSendMessages",
        [OperationReceiveFrom] = "WskReceiveFrom", [OperationSend] = "WskSend",
        [OperationReceive] = "WskReceive",         [OperationDisconnect] = "WskDisconnect",
    };
    PREQUEST Request = RequestOf(Irp);
    PCSTR Name = Names[Request->Operation];

    if (Name == NULL) {
        return;
    }
    if (Request->Operation == OperationSendMessages) {
        for (PWSK_BUF_LIST List = Request->List; List != NULL; List = List->Next) {
            HostLendMemory(Irp, Name, Request->Socket, List->Buffer.Mdl,
                           List->Buffer.Offset + List->Buffer.Length);
        }
    } else if (Request->Length != 0) {
        HostLendMemory(Irp, Name, Request->Socket, Request->Mdl, Request->Offset + Request->Length);
    }
}

/* FALSE: the IRP was cancelled already, has its final status and still belongs to the caller. */
static BOOLEAN Queue(PPROVIDER_SOCKET Socket, PDIRECTION Direction, PIRP Irp)
{
    LendMemory(Irp);
    InsertTailList(&Direction->Pending, &Irp->Tail.Overlay.ListEntry);
    InterlockedIncrementNoFence(&Direction->PendingCount);
    (void)IoSetCancelRoutine(Irp, RequestCancel);
    if (ReadBooleanAcquire(&Irp->Cancel) && IoSetCancelRoutine(Irp, NULL) != NULL) {
        Unlink(Direction, Irp);
        HostReturnMemory(Irp);
        Irp->IoStatus.Status = STATUS_CANCELLED;
        return FALSE;
    }
    /* From here on, when cancelled, the cancel routine completes it, after the lock is released. */
    IoMarkIrpPending(Irp);
    InterlockedIncrement(&Socket->Outstanding);
    return TRUE;
}

NTSTATUS RequestSubmit(PPROVIDER_SOCKET Socket, PDIRECTION Direction, PIRP Irp)
{
    BOOLEAN Done = TRUE;
    KIRQL Irql;

    KeAcquireSpinLock(&Direction->Lock, &Irql);
    Irp->IoStatus.Status = SocketRefusal(Socket);
    if (NT_SUCCESS(Irp->IoStatus.Status)) {
        Done = IsListEmpty(&Direction->Pending) && Attempt(Socket, Irp);
        if (!Done) {
            Done = !Queue(Socket, Direction, Irp);
        }
    }
    KeReleaseSpinLock(&Direction->Lock, Irql);
    return Done ? CompleteInline(Socket, Irp) : STATUS_PENDING;
}

/* Moves finished requests to Done until one blocks. The direction's lock is held. */
static void RunLocked(PPROVIDER_SOCKET Socket, PDIRECTION Direction, PLIST_ENTRY Done)
{
    while (!IsListEmpty(&Direction->Pending)) {
        PIRP Irp = CONTAINING_RECORD(Direction->Pending.Flink, IRP, Tail.Overlay.ListEntry);

        if (IoSetCancelRoutine(Irp, NULL) == NULL) {
            /* Its cancel routine waits for the lock. */
            Unlink(Direction, Irp);
            continue;
        }
        if (!Attempt(Socket, Irp)) {
            (void)IoSetCancelRoutine(Irp, RequestCancel);
            if (!ReadBooleanAcquire(&Irp->Cancel) || IoSetCancelRoutine(Irp, NULL) == NULL) {
                break;
            }
            Irp->IoStatus.Status = STATUS_CANCELLED;
        }
        Unlink(Direction, Irp);
        InsertTailList(Done, &Irp->Tail.Overlay.ListEntry);
    }
}

void RequestRun(PPROVIDER_SOCKET Socket, PDIRECTION Direction)
{
    LIST_ENTRY Done;
    KIRQL Irql;

    InitializeListHead(&Done);
    KeAcquireSpinLock(&Direction->Lock, &Irql);
    if (!Socket->Closed) {
        RunLocked(Socket, Direction, &Done);
        if (Direction == &Socket->Send && IsListEmpty(&Direction->Pending)) {
            SocketUnwatchSend(Socket);
        }
    }
    KeReleaseSpinLock(&Direction->Lock, Irql);
    RequestCompleteAll(&Done);
}

void RequestDrain(PDIRECTION Direction, NTSTATUS Status, PLIST_ENTRY Done)
{
    while (!IsListEmpty(&Direction->Pending)) {
        PIRP Irp = CONTAINING_RECORD(Direction->Pending.Flink, IRP, Tail.Overlay.ListEntry);
        BOOLEAN Mine = (IoSetCancelRoutine(Irp, NULL) != NULL);

        Unlink(Direction, Irp);
        if (Mine) {
            Irp->IoStatus.Status = Status;
            InsertTailList(Done, &Irp->Tail.Overlay.ListEntry);
        }
    }
}

/* A connect that is given up leaves no half-open connection behind, and the socket bound as before. Send.Lock
 * is held. */
static void AbandonConnect(PPROVIDER_SOCKET Socket)
{
    if (!Socket->Closed && SocketState(Socket) == SocketConnecting) {
        (void)BackendDissolve(Socket->Handle, &Socket->Local);
        WriteRelease(&Socket->State, SocketBound);
    }
}

/* Another thread may take the IRP out of the queue just before, so the entry may be linked to itself. */
static void RequestCancel(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PPROVIDER_SOCKET Socket = RequestOf(Irp)->Socket;
    OPERATION Operation = (OPERATION)RequestOf(Irp)->Operation;
    PDIRECTION Direction = DirectionOf(Irp);
    LIST_ENTRY Done;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DeviceObject);
    IoReleaseCancelSpinLock(Irp->CancelIrql);

    KeAcquireSpinLock(&Direction->Lock, &Irql);
    if (!IsListEmpty(&Irp->Tail.Overlay.ListEntry)) {
        Unlink(Direction, Irp);
    }
    if (Operation == OperationConnect) {
        AbandonConnect(Socket);
    }
    KeReleaseSpinLock(&Direction->Lock, Irql);

    if (Operation == OperationDisconnect) {
        /* It may have been waiting for the peer; what is queued behind it need not. */
        RequestRun(Socket, Direction);
    }
    Irp->IoStatus.Status = STATUS_CANCELLED;
    InitializeListHead(&Done);
    InsertTailList(&Done, &Irp->Tail.Overlay.ListEntry);
    RequestCompleteAll(&Done);
}
