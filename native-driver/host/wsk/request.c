/* SPDX-License-Identifier: Apache-2.0
 *
 * Pending requests: each direction of a socket has a queue of IRPs, and the oldest is tried again after every
 * edge. While an IRP is in the queue its cancel routine is set; whoever takes the routine away (the polling
 * thread, a close, or IoCancelIrp) owns the IRP and completes it.
 */
#include "wskp.h"

#include <nt/lend.h>

/* Which part of REQUEST refers to the client's memory. */
typedef enum _PAYLOAD { PayloadNone, PayloadTransfer, PayloadSendTo, PayloadSendMessages } PAYLOAD;

/* One row per operation. */
static const struct {
    REQUEST_ATTEMPT* Attempt;
    PCSTR Function; /* of WSK */
    BOOLEAN Receives;
    PAYLOAD Payload;
} Operations[OperationMax] = {
    [OperationSendTo] = {AttemptSendTo, "WskSendTo", FALSE, PayloadSendTo},
    [OperationSendMessages] = {AttemptSendMessages, "WskSendMessages", FALSE, PayloadSendMessages},
    [OperationReceiveFrom] = {AttemptReceiveFrom, "WskReceiveFrom", TRUE, PayloadTransfer},
    [OperationConnect] = {AttemptConnect, "WskConnect", FALSE, PayloadTransfer},
    [OperationSocketConnect] = {AttemptConnect, "WskSocketConnect", FALSE, PayloadNone},
    [OperationSend] = {AttemptSend, "WskSend", FALSE, PayloadTransfer},
    [OperationReceive] = {AttemptReceive, "WskReceive", TRUE, PayloadTransfer},
    [OperationDrain] = {AttemptDrain, "WskReceive", TRUE, PayloadNone},
    [OperationDisconnect] = {AttemptDisconnect, "WskDisconnect", FALSE, PayloadTransfer},
    [OperationAccept] = {AttemptAccept, "WskAccept", TRUE, PayloadNone},
    [OperationAwaitAddresses] = {AttemptAwaitAddresses, "WskControlSocket", FALSE, PayloadNone},
};

static DRIVER_CANCEL RequestCancel;

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
    return Operations[RequestOf(Irp)->Operation].Attempt(Socket, Irp);
}

static PDIRECTION DirectionOf(PIRP Irp)
{
    PREQUEST Request = RequestOf(Irp);

    if (Request->Operation == OperationAwaitAddresses) {
        return &Request->Socket->Notice;
    }
    return Operations[Request->Operation].Receives ? &Request->Socket->Receive : &Request->Socket->Send;
}

/* WskSocketConnect returns a socket only on success. Called before the IRP is completed. */
static void FinishSocketConnect(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    if (NT_SUCCESS(Irp->IoStatus.Status)) {
        Irp->IoStatus.Information = (ULONG_PTR)&Socket->Public;
    } else {
        Irp->IoStatus.Information = 0;
        SocketDiscard(Socket);
    }
}

/* Completes a finished IRP. */
FORCEINLINE void CompleteIrp(PPROVIDER_SOCKET Socket, PIRP Irp, CCHAR Boost)
{
    InterlockedIncrement64(&Socket->IrpsCompleted);
    FaultsOverstate(Irp);
    if (RequestOf(Irp)->Operation == OperationSocketConnect) {
        FinishSocketConnect(Socket, Irp);
    }
    IoCompleteRequest(Irp, Boost);
}

/* ---- the order of completion ------------------------------------------------------------------------- */

/* Takes the finished IRPs, and the baton with them; if another thread has the baton, that one completes them.
 * The direction's lock is held. After its release, a caller that took nothing may use the socket only while a
 * call, the polling thread or a part of Outstanding keeps it. */
static void TakeDone(PDIRECTION Direction, PLIST_ENTRY Taken)
{
    InitializeListHead(Taken);
    if (IsListEmpty(&Direction->Done) || InterlockedExchange(&Direction->Baton, BatonCalled) != BatonFree) {
        return;
    }
    *Taken = Direction->Done;
    Taken->Flink->Blink = Taken;
    Taken->Blink->Flink = Taken;
    InitializeListHead(&Direction->Done);
    WriteRelease(&Direction->Baton, BatonHeld);
}

/* Releases the baton. FALSE: there is more to complete, in Taken. */
static BOOLEAN GiveBaton(PDIRECTION Direction, PLIST_ENTRY Taken)
{
    KIRQL Irql;

    if (InterlockedCompareExchange(&Direction->Baton, BatonFree, BatonHeld) == BatonHeld) {
        return TRUE;
    }
    KeAcquireSpinLock(&Direction->Lock, &Irql);
    WriteRelease(&Direction->Baton, BatonFree);
    TakeDone(Direction, Taken);
    KeReleaseSpinLock(&Direction->Lock, Irql);
    return FALSE;
}

/* Completes the taken requests, and those that are finished meanwhile, also by the completion routines
 * themselves. Drops the parts of Outstanding last: they keep the socket until the baton is released. */
static void CompleteTaken(PPROVIDER_SOCKET Socket, PDIRECTION Direction, PLIST_ENTRY Taken)
{
    BOOLEAN Receives = (Direction == &Socket->Receive);
    LONG Parts = 0;

    do {
        for (; !IsListEmpty(Taken); Parts++) {
            PIRP Irp = CONTAINING_RECORD(RemoveHeadList(Taken), IRP, Tail.Overlay.ListEntry);

            HostReturnMemory(Irp);
            CompleteIrp(Socket, Irp, IO_NETWORK_INCREMENT);
        }
        if (Receives) {
            StreamReceiveCompleted(Socket);
        }
    } while (!GiveBaton(Direction, Taken));
    if (Receives && StreamIsBehind(Socket)) {
        StreamContinue(Socket);
    }
    if (Parts != 0) {
        SocketDropOutstanding(Socket, Parts);
    }
}

void RequestCompleteTaken(PPROVIDER_SOCKET Socket, PDIRECTION Direction, PLIST_ENTRY Taken)
{
    CALL Call;

    if (IsListEmpty(Taken)) {
        return;
    }
    CallEnterCompletion(&Call);
    CompleteTaken(Socket, Direction, Taken);
    CallLeaveCompletion(&Call);
}

/* Completes a request that did not pend, within the call that submitted it. The caller has taken the
 * baton. */
static NTSTATUS CompleteInline(PPROVIDER_SOCKET Socket, PDIRECTION Direction, PIRP Irp)
{
    NTSTATUS Status = Irp->IoStatus.Status;
    BOOLEAN Fresh = (RequestOf(Irp)->Operation == OperationSocketConnect);
    LIST_ENTRY Taken;

    if (Fresh) {
        /* The call does not keep this socket, which may be closed as soon as the IRP is complete. */
        InterlockedIncrement(&Socket->Outstanding);
    }
    CompleteIrp(Socket, Irp, IO_NO_INCREMENT);
    InitializeListHead(&Taken);
    CompleteTaken(Socket, Direction, &Taken);
    if (Fresh) {
        SocketDropOutstanding(Socket, 1);
    }
    return Status;
}

/* ---- the queue --------------------------------------------------------------------------------------- */

/* Takes the IRP off the queue. The direction's lock is held. */
static void Unlink(PDIRECTION Direction, PIRP Irp)
{
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    /* A cancel routine that is running removes the entry again. */
    InitializeListHead(&Irp->Tail.Overlay.ListEntry);
    InterlockedDecrementNoFence(&Direction->PendingCount);
}

static void Lend(PIRP Irp, PMDL Mdl, SIZE_T Length)
{
    PREQUEST Request = RequestOf(Irp);

    HostLendMemory(Irp, Operations[Request->Operation].Function, Request->Socket, Mdl, Length);
}

/* Records the client's memory that a pending request uses, so that freeing it before completion is
 * detected. */
static void LendMemory(PIRP Irp)
{
    PREQUEST Request = RequestOf(Irp);

    switch (Operations[Request->Operation].Payload) {
    case PayloadNone:
        break;
    case PayloadTransfer:
        if (Request->Transfer.Length != 0) {
            Lend(Irp, Request->Transfer.Mdl, Request->Offset + Request->Transfer.Length);
        }
        break;
    case PayloadSendTo:
        if (ArgumentsOf(Irp)->SendTo.Length != 0) {
            Lend(Irp, Request->SendTo.Mdl, (SIZE_T)Request->Offset + ArgumentsOf(Irp)->SendTo.Length);
        }
        break;
    case PayloadSendMessages:
        for (PWSK_BUF_LIST List = Request->SendMessages.List; List != NULL; List = List->Next) {
            Lend(Irp, List->Buffer.Mdl, List->Buffer.Offset + List->Buffer.Length);
        }
        break;
    }
}

/* The IRP completes outside the call that submitted it. The direction's lock is held. */
static void MarkPended(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    IoMarkIrpPending(Irp);
    InterlockedIncrement(&Socket->Outstanding);
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
    /* From here on a cancel is handled by the cancel routine, once the lock is released. */
    MarkPended(Socket, Irp);
    return TRUE;
}

/* TRUE: the caller completes the finished IRP, and has the baton. FALSE: the thread that has the baton does.
 * The direction's lock is held. */
static BOOLEAN TakeBatonFor(PPROVIDER_SOCKET Socket, PDIRECTION Direction, PIRP Irp)
{
    if (ReadAcquire(&Direction->Baton) == BatonFree) {
        WriteRelease(&Direction->Baton, BatonHeld);
        return TRUE;
    }
    if (InterlockedExchange(&Direction->Baton, BatonCalled) == BatonFree) {
        /* Another thread has just released it, because Done was empty. */
        WriteRelease(&Direction->Baton, BatonHeld);
        return TRUE;
    }
    MarkPended(Socket, Irp);
    InsertTailList(&Direction->Done, &Irp->Tail.Overlay.ListEntry);
    return FALSE;
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
    Done = Done && TakeBatonFor(Socket, Direction, Irp);
    KeReleaseSpinLock(&Direction->Lock, Irql);
    return Done ? CompleteInline(Socket, Direction, Irp) : STATUS_PENDING;
}

/* Finishes requests until one blocks. The direction's lock is held. */
static void RunLocked(PPROVIDER_SOCKET Socket, PDIRECTION Direction)
{
    while (!IsListEmpty(&Direction->Pending)) {
        PIRP Irp = CONTAINING_RECORD(Direction->Pending.Flink, IRP, Tail.Overlay.ListEntry);

        if (IoSetCancelRoutine(Irp, NULL) == NULL) {
            /* Its cancel routine is waiting for the lock, and continues with the next request. */
            break;
        }
        if (!Attempt(Socket, Irp)) {
            (void)IoSetCancelRoutine(Irp, RequestCancel);
            if (!ReadBooleanAcquire(&Irp->Cancel) || IoSetCancelRoutine(Irp, NULL) == NULL) {
                break;
            }
            Irp->IoStatus.Status = STATUS_CANCELLED;
        }
        Unlink(Direction, Irp);
        InsertTailList(&Direction->Done, &Irp->Tail.Overlay.ListEntry);
    }
    if (Direction == &Socket->Send && IsListEmpty(&Direction->Pending)) {
        SocketUnwatchSend(Socket);
    }
}

void RequestRun(PPROVIDER_SOCKET Socket, PDIRECTION Direction)
{
    LIST_ENTRY Taken;
    KIRQL Irql;

    KeAcquireSpinLock(&Direction->Lock, &Irql);
    if (!Socket->Closed) {
        RunLocked(Socket, Direction);
    }
    TakeDone(Direction, &Taken);
    KeReleaseSpinLock(&Direction->Lock, Irql);
    RequestCompleteTaken(Socket, Direction, &Taken);
}

void RequestDrain(PDIRECTION Direction, NTSTATUS Status, PLIST_ENTRY Taken)
{
    while (!IsListEmpty(&Direction->Pending)) {
        PIRP Irp = CONTAINING_RECORD(Direction->Pending.Flink, IRP, Tail.Overlay.ListEntry);
        BOOLEAN Mine = (IoSetCancelRoutine(Irp, NULL) != NULL);

        /* If not ours, it is finished by its cancel routine, which is waiting for the lock. */
        Unlink(Direction, Irp);
        if (Mine) {
            Irp->IoStatus.Status = Status;
            InsertTailList(&Direction->Done, &Irp->Tail.Overlay.ListEntry);
        }
    }
    TakeDone(Direction, Taken);
}

/* Undoes a cancelled connect, so that no half-open connection is left. Send.Lock is held. */
static void AbandonConnect(PPROVIDER_SOCKET Socket)
{
    if (!Socket->Closed && SocketState(Socket) == SocketConnecting) {
        SocketUndoConnect(Socket);
    }
}

/* A drain may have taken the IRP out of the queue just before; the entry is then linked to itself. Requests
 * queued behind it may have been waiting for this one only, so they are tried. */
static void RequestCancel(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PPROVIDER_SOCKET Socket = RequestOf(Irp)->Socket;
    OPERATION Operation = (OPERATION)RequestOf(Irp)->Operation;
    PDIRECTION Direction = DirectionOf(Irp);
    LIST_ENTRY Taken;
    BOOLEAN First;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DeviceObject);
    IoReleaseCancelSpinLock(Irp->CancelIrql);

    KeAcquireSpinLock(&Direction->Lock, &Irql);
    First = (Direction->Pending.Flink == &Irp->Tail.Overlay.ListEntry);
    if (!IsListEmpty(&Irp->Tail.Overlay.ListEntry)) {
        Unlink(Direction, Irp);
    }
    if (Operation == OperationConnect) {
        AbandonConnect(Socket);
    }
    Irp->IoStatus.Status = STATUS_CANCELLED;
    InsertTailList(&Direction->Done, &Irp->Tail.Overlay.ListEntry);
    if (First && !Socket->Closed) {
        RunLocked(Socket, Direction);
        if (Direction != &Socket->Notice && IsListEmpty(&Direction->Pending)) {
            EventsStart(Socket); /* the polling thread may have left what came to this request */
        }
    }
    TakeDone(Direction, &Taken);
    KeReleaseSpinLock(&Direction->Lock, Irql);
    RequestCompleteTaken(Socket, Direction, &Taken);
}
