/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that wait: each direction of a socket has a queue of IRPs, the oldest of which is tried again
 * after every edge. An IRP is in exactly one hand: while it is in the queue its cancel routine is set; who
 * takes the routine away (the polling thread, a close, or IoCancelIrp) owns the IRP and completes it.
 */
#include "wskp.h"

#include <nt/lend.h>

/* Which part of REQUEST names the memory that the client lends. */
typedef enum _PAYLOAD { PayloadNone, PayloadTransfer, PayloadSendTo, PayloadSendMessages } PAYLOAD;

/* One row an operation. */
static const struct {
    REQUEST_ATTEMPT* Attempt;
    PCSTR Function; /* of WSK */
    BOOLEAN Receives;
    PAYLOAD Payload;
} Operations[OperationMax] = {
    [OperationSendTo] = {AttemptSendTo, "WskSendTo", FALSE, PayloadSendTo},
    [OperationSendMessages] = {AttemptSendMessages, "WskSendMessages", FALSE, PayloadSendMessages},
    [OperationReceiveFrom] = {AttemptReceiveFrom, "WskReceiveFrom", TRUE, PayloadTransfer},
    [OperationConnect] = {AttemptConnect, "WskConnect", FALSE, PayloadNone},
    [OperationSocketConnect] = {AttemptConnect, "WskSocketConnect", FALSE, PayloadNone},
    [OperationSend] = {AttemptSend, "WskSend", FALSE, PayloadTransfer},
    [OperationReceive] = {AttemptReceive, "WskReceive", TRUE, PayloadTransfer},
    [OperationDrain] = {AttemptDrain, "WskReceive", TRUE, PayloadNone},
    [OperationDisconnect] = {AttemptDisconnect, "WskDisconnect", FALSE, PayloadTransfer},
    [OperationAccept] = {AttemptAccept, "WskAccept", TRUE, PayloadNone},
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

    return Operations[Request->Operation].Receives ? &Request->Socket->Receive : &Request->Socket->Send;
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

/* Consumes an IRP that was finished. */
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

/* Takes what is finished, and with it the baton, unless another thread has that; it then completes this too.
 * The direction's lock is held. From its release on, who took nothing may touch the socket only if a call,
 * the polling thread or a part of Outstanding keeps it. */
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

/* Gives the baton back; FALSE: there is more to complete, which is in Taken. */
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

/* Completes the taken requests and what is finished meanwhile, also by the completion routines themselves.
 * The parts of Outstanding go last: they keep the socket until the baton is given back. */
static void CompleteTaken(PPROVIDER_SOCKET Socket, PDIRECTION Direction, PLIST_ENTRY Taken)
{
    LONG Parts = 0;

    do {
        for (; !IsListEmpty(Taken); Parts++) {
            PIRP Irp = CONTAINING_RECORD(RemoveHeadList(Taken), IRP, Tail.Overlay.ListEntry);

            HostReturnMemory(Irp);
            CompleteIrp(Socket, Irp, IO_NETWORK_INCREMENT);
        }
    } while (!GiveBaton(Direction, Taken));
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

/* Completes a request that never waited, within the call that submitted it. The baton was taken for it. */
static NTSTATUS CompleteInline(PPROVIDER_SOCKET Socket, PDIRECTION Direction, PIRP Irp)
{
    NTSTATUS Status = Irp->IoStatus.Status;
    BOOLEAN Fresh = (RequestOf(Irp)->Operation == OperationSocketConnect);
    LIST_ENTRY Taken;

    if (Fresh) {
        /* The call is not one of this socket, which may be closed as soon as its IRP is complete. */
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
    /* A cancel routine that is on its way removes the entry again. */
    InitializeListHead(&Irp->Tail.Overlay.ListEntry);
    InterlockedDecrementNoFence(&Direction->PendingCount);
}

static void Lend(PIRP Irp, PMDL Mdl, SIZE_T Length)
{
    PREQUEST Request = RequestOf(Irp);

    HostLendMemory(Irp, Operations[Request->Operation].Function, Request->Socket, Mdl, Length);
}

/* What a request that waits has of its client, whose free of it before completion is to be noticed. */
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
    /* From here on, when cancelled, the cancel routine completes it, after the lock is released. */
    MarkPended(Socket, Irp);
    return TRUE;
}

/* TRUE: the caller completes the finished IRP, and has the baton. FALSE: who has the baton does. The
 * direction's lock is held. */
static BOOLEAN TakeBatonFor(PPROVIDER_SOCKET Socket, PDIRECTION Direction, PIRP Irp)
{
    if (ReadAcquire(&Direction->Baton) == BatonFree) {
        WriteRelease(&Direction->Baton, BatonHeld);
        return TRUE;
    }
    if (InterlockedExchange(&Direction->Baton, BatonCalled) == BatonFree) {
        /* Given back just now, by who saw nothing in Done. */
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
            /* Its cancel routine waits for the lock, and will continue behind it. */
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

        /* One that is not ours is finished by its cancel routine, which waits for the lock. */
        Unlink(Direction, Irp);
        if (Mine) {
            Irp->IoStatus.Status = Status;
            InsertTailList(&Direction->Done, &Irp->Tail.Overlay.ListEntry);
        }
    }
    TakeDone(Direction, Taken);
}

/* A connect that is given up leaves no half-open connection behind. Send.Lock is held. */
static void AbandonConnect(PPROVIDER_SOCKET Socket)
{
    if (!Socket->Closed && SocketState(Socket) == SocketConnecting) {
        SocketUndoConnect(Socket);
    }
}

/* A drain may take the IRP out of the queue just before, so the entry may be linked to itself. What is queued
 * behind it may have waited for it alone. */
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
    }
    TakeDone(Direction, &Taken);
    KeReleaseSpinLock(&Direction->Lock, Irql);
    RequestCompleteTaken(Socket, Direction, &Taken);
}
