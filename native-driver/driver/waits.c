/* SPDX-License-Identifier: Apache-2.0
 *
 * Readiness of a connection: AWAIT_READABLE and AWAIT_DISCONNECTED. Their requests wait in a list of the
 * connection, without a buffer and without an IRP in WSK, so that very many connections can be idle.
 *
 * The first request enables WSK's event callbacks. WskReceiveEvent tells that there is data: it completes the
 * requests that wait, and refuses the data, which so stays for RECEIVE. WSK then does not call again until a
 * WskReceive has completed. So a later AWAIT_READABLE first makes an empty WskReceive, which asks WSK to call
 * again if there is still data, and waits when that is complete. A call that comes in between is not missed:
 * Told counts the calls, and a request that finds another number than at its beginning does not wait.
 *
 * WskDisconnectEvent tells the end of the stream. RECEIVE tells it too, because the peer may have ended
 * before the events were enabled. A connection that has ended is readable: a receive does not wait.
 *
 * A request that waits is cancelable. Two parties may take it out of its list: a thread that completes what
 * waits, and the cancel callback. The first to take it under the socket's lock owns it, but the former must
 * then also make it uncancelable. If that fails, the cancel callback has run or will: the second of the two
 * completes the request as cancelled.
 */
#include "waits.h"

#include "dispatch.h"
#include "operation.h"

/* WSKB_OPERATION.Wait.State; socket's Lock. */
typedef enum _WSKB_WAIT_STATE {
    WskbWaitTaken,    /* of a thread: the one that lets it wait, or one that took it from the list */
    WskbWaitListed,   /* in the list */
    WskbWaitLeft,     /* for the cancel callback, which will complete it */
    WskbWaitCancelled /* the cancel callback has run; whoever has it completes it */
} WSKB_WAIT_STATE;

static EVT_WDF_REQUEST_CANCEL EvtCancelWait;

static PWSKB_WAITING WaitingOf(PWSKB_SOCKET Socket)
{
    return &Socket->Connection.Waiting;
}

_Use_decl_annotations_ VOID WskbWaitsInitialize(PWSKB_WAITING Waiting)
{
    for (ULONG Wait = 0; Wait < WskbWaits; Wait++) {
        InitializeListHead(&Waiting->Lists[Wait]);
    }
}

/* ---- one request ------------------------------------------------------------------------------------- */

static VOID Complete(PWSKB_OPERATION Operation, NTSTATUS Status)
{
    WskbCompleteRequest(Operation->Driver, Operation->Request, Status, 0);
}

/* Makes a request uncancelable that the caller has taken. FALSE: it is cancelled; with MustComplete the
 * caller completes it as such, else the cancel callback does. */
static BOOLEAN Claim(PWSKB_OPERATION Operation, PBOOLEAN MustComplete)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    KIRQL Irql;

    *MustComplete = FALSE;
    if (NT_SUCCESS(WdfRequestUnmarkCancelable(Operation->Request))) {
        return TRUE;
    }
    KeAcquireSpinLock(&Socket->Lock, &Irql);
    *MustComplete = Operation->Wait.State == WskbWaitCancelled;
    if (!*MustComplete) {
        Operation->Wait.State = WskbWaitLeft;
    }
    KeReleaseSpinLock(&Socket->Lock, Irql);
    return FALSE;
}

_Use_decl_annotations_ static VOID EvtCancelWait(WDFREQUEST Request)
{
    PWSKB_OPERATION Operation = WskbGetOperation(Request);
    PWSKB_SOCKET Socket = Operation->Socket;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    BOOLEAN Mine = Operation->Wait.State != WskbWaitTaken;
    if (Operation->Wait.State == WskbWaitListed) {
        RemoveEntryList(&Operation->Link);
        WaitingOf(Socket)->Count--;
    }
    Operation->Wait.State = WskbWaitCancelled;
    KeReleaseSpinLock(&Socket->Lock, Irql);
    if (Mine) {
        Complete(Operation, STATUS_CANCELLED);
    }
}

/* STATUS_PENDING: it has to wait. Socket->Lock is held. */
static NTSTATUS DecideLocked(PWSKB_WAITING Waiting, PWSKB_OPERATION Operation)
{
    if (Waiting->Ended != STATUS_SUCCESS) {
        return Waiting->Ended;
    }
    if (Waiting->PeerEnded) {
        return Operation->Wait.For == WskbWaitReadable ? STATUS_SUCCESS : Waiting->PeerStatus;
    }
    if (Operation->Wait.For == WskbWaitReadable && Operation->Wait.Told != Waiting->Told) {
        return STATUS_SUCCESS;
    }
    return Waiting->Count < WSKB_MAXIMUM_WAITS ? STATUS_PENDING : STATUS_QUOTA_EXCEEDED;
}

/* STATUS_PENDING: it waits. STATUS_CANCELLED: it is cancelled, and the caller's. Anything else: its result,
 * and it is still cancelable. */
static NTSTATUS EnterList(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PWSKB_WAITING Waiting = WaitingOf(Socket);
    NTSTATUS Status = STATUS_CANCELLED;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    BOOLEAN Cancelled = Operation->Wait.State == WskbWaitCancelled;
    if (!Cancelled) {
        Status = DecideLocked(Waiting, Operation);
    }
    if (Status == STATUS_PENDING) {
        InsertTailList(&Waiting->Lists[Operation->Wait.For], &Operation->Link);
        Waiting->Count++;
        Operation->Wait.State = WskbWaitListed;
    }
    Operation->Wait.Over = Cancelled;
    KeReleaseSpinLock(&Socket->Lock, Irql);
    return Status;
}

_Use_decl_annotations_ BOOLEAN WskbWaitBegin(PWSKB_OPERATION Operation)
{
    BOOLEAN MustComplete;

    Operation->Wait.State = WskbWaitTaken;
    if (!NT_SUCCESS(WdfRequestMarkCancelableEx(Operation->Request, EvtCancelWait))) {
        Operation->Status = STATUS_CANCELLED;
        return FALSE;
    }
    NTSTATUS Status = EnterList(Operation);
    if (Status == STATUS_PENDING) {
        return TRUE; /* the operation may be gone */
    }
    if (Operation->Wait.Over || Claim(Operation, &MustComplete)) {
        Operation->Status = Status;
        return FALSE;
    }
    if (!MustComplete) {
        return TRUE; /* the operation may be gone */
    }
    Operation->Status = STATUS_CANCELLED;
    return FALSE;
}

/* ---- all that wait ----------------------------------------------------------------------------------- */

/* Moves all to a list of the caller's. From here on a cancellation leaves them to the caller. */
static VOID TakeAll(PWSKB_SOCKET Socket, WSKB_WAIT For, PLIST_ENTRY Taken)
{
    PWSKB_WAITING Waiting = WaitingOf(Socket);
    KIRQL Irql;

    InitializeListHead(Taken);
    KeAcquireSpinLock(&Socket->Lock, &Irql);
    while (!IsListEmpty(&Waiting->Lists[For])) {
        PLIST_ENTRY Entry = RemoveHeadList(&Waiting->Lists[For]);
        CONTAINING_RECORD(Entry, WSKB_OPERATION, Link)->Wait.State = WskbWaitTaken;
        InsertTailList(Taken, Entry);
        Waiting->Count--;
    }
    KeReleaseSpinLock(&Socket->Lock, Irql);
}

/* Completes those that wait now, and none that comes while this runs. The caller keeps the block. */
static VOID CompleteAll(PWSKB_SOCKET Socket, WSKB_WAIT For, NTSTATUS Status)
{
    LIST_ENTRY Taken;

    TakeAll(Socket, For, &Taken);
    while (!IsListEmpty(&Taken)) {
        PWSKB_OPERATION Operation = CONTAINING_RECORD(RemoveHeadList(&Taken), WSKB_OPERATION, Link);
        BOOLEAN MustComplete;
        if (Claim(Operation, &MustComplete)) {
            Complete(Operation, Status);
        } else if (MustComplete) {
            Complete(Operation, STATUS_CANCELLED);
        }
    }
}

_Use_decl_annotations_ VOID WskbWaitsTellEnd(PWSKB_SOCKET Socket, NTSTATUS Status)
{
    PWSKB_WAITING Waiting = WaitingOf(Socket);
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    BOOLEAN First = !Waiting->PeerEnded;
    if (First) {
        Waiting->PeerEnded = TRUE;
        Waiting->PeerStatus = Status;
    }
    KeReleaseSpinLock(&Socket->Lock, Irql);
    if (First) {
        /* A completed request may have been the last to reference the file object. */
        InterlockedIncrement(&Socket->References);
        CompleteAll(Socket, WskbWaitReadable, STATUS_SUCCESS);
        CompleteAll(Socket, WskbWaitDisconnected, Status);
        WskbSocketDereference(Socket);
    }
}

_Use_decl_annotations_ VOID WskbWaitsEnd(PWSKB_SOCKET Socket, NTSTATUS Status)
{
    PWSKB_WAITING Waiting = WaitingOf(Socket);
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    if (Waiting->Ended == STATUS_SUCCESS) {
        Waiting->Ended = Status;
    }
    KeReleaseSpinLock(&Socket->Lock, Irql);
    InterlockedIncrement(&Socket->References);
    CompleteAll(Socket, WskbWaitReadable, Status);
    CompleteAll(Socket, WskbWaitDisconnected, Status);
    WskbSocketDereference(Socket);
}

/* ---- WSK's callbacks: at <= DISPATCH_LEVEL, in any thread -------------------------------------------- */

/* A request that comes meanwhile finds Refused, and asks WSK first, so that this ends. */
static VOID TellReadable(PWSKB_SOCKET Socket)
{
    PWSKB_WAITING Waiting = WaitingOf(Socket);
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    Waiting->Told++;
    Waiting->Refused = TRUE;
    KeReleaseSpinLock(&Socket->Lock, Irql);
    InterlockedIncrement(&Socket->References);
    CompleteAll(Socket, WskbWaitReadable, STATUS_SUCCESS);
    WskbSocketDereference(Socket);
}

/* WSK's reference keeps the block: the close completes when this has returned. */
static NTSTATUS WSKAPI ReceiveEvent(PVOID SocketContext, ULONG Flags, PWSK_DATA_INDICATION DataIndication,
                                    SIZE_T BytesIndicated, SIZE_T* BytesAccepted)
{
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(BytesIndicated);
    UNREFERENCED_PARAMETER(BytesAccepted);
    if (DataIndication == NULL) {
        WskbSocketDied(SocketContext);
        return STATUS_SUCCESS;
    }
    TellReadable(SocketContext);
    return STATUS_DATA_NOT_ACCEPTED;
}

static NTSTATUS WSKAPI DisconnectEvent(PVOID SocketContext, ULONG Flags)
{
    WskbWaitsTellEnd(SocketContext, Flags & WSK_FLAG_ABORTIVE ? STATUS_CONNECTION_RESET : STATUS_SUCCESS);
    return STATUS_SUCCESS;
}

const WSK_CLIENT_CONNECTION_DISPATCH WskbConnectionEvents = {ReceiveEvent, DisconnectEvent, NULL};

/* ---- AWAIT_READABLE, AWAIT_DISCONNECTED ---------------------------------------------------------------- */

static NTSTATUS CallEnable(PWSKB_SOCKET Socket, ULONG Events)
{
    WSK_EVENT_CALLBACK_CONTROL Control = {&NPI_WSK_INTERFACE_ID, Events};
    NTSTATUS Status = WskbSocketEnter(Socket);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = Socket->Wsk.Basic->WskControlSocket(Socket->WskSocket, WskSetOption, SO_WSK_EVENT_CALLBACK,
                                                 SOL_SOCKET, sizeof(Control), &Control, 0, NULL, NULL, NULL);
    WskbSocketLeave(Socket);
    return Status;
}

/* Once for each event and connection; enabling an event twice changes nothing. */
static NTSTATUS EnableEvents(PWSKB_SOCKET Socket, ULONG Events)
{
    PWSKB_WAITING Waiting = WaitingOf(Socket);
    ULONG Missing = Events & ~(ULONG)ReadAcquire(&Waiting->Events);
    if (Missing == 0) {
        return STATUS_SUCCESS;
    }
    NTSTATUS Status = CallEnable(Socket, Missing);
    if (NT_SUCCESS(Status)) {
        InterlockedOr(&Waiting->Events, (LONG)Missing);
    } else if (Status == STATUS_FILE_FORCED_CLOSED) {
        WskbSocketDied(Socket);
    }
    return Status;
}

static NTSTATUS Wait(PWSKB_OPERATION Operation)
{
    return WskbWaitBegin(Operation) ? STATUS_PENDING : Operation->Status;
}

static NTSTATUS PrepareWaitReadable(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PWSKB_WAITING Waiting = WaitingOf(Socket);
    KIRQL Irql;

    NTSTATUS Status = EnableEvents(Socket, WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    KeAcquireSpinLock(&Socket->Lock, &Irql);
    Operation->Wait.Told = Waiting->Told;
    BOOLEAN Ask = Waiting->Refused && !Waiting->PeerEnded;
    KeReleaseSpinLock(&Socket->Lock, Irql);
    Operation->Wait.For = WskbWaitReadable;
    return Ask ? WSKB_CALL_FOLLOWS : Wait(Operation);
}

/* Asks WSK to call WskReceiveEvent again. */
static VOID CallEmptyReceive(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    (VOID) Socket->Wsk.Connection->WskReceive(Socket->WskSocket, &Operation->Buffer, 0, Operation->Irp);
}

/* After an error that is not the caller's doing, a receive does not wait: it reports that error. */
static VOID FinishWaitReadable(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PWSKB_WAITING Waiting = WaitingOf(Socket);
    KIRQL Irql;

    Operation->Information = 0;
    if (Operation->Status == STATUS_CONNECTION_RESET || Operation->Status == STATUS_CONNECTION_ABORTED) {
        WskbWaitsTellEnd(Socket, Operation->Status);
        Operation->Status = STATUS_SUCCESS;
    }
    if (NT_SUCCESS(Operation->Status)) {
        KeAcquireSpinLock(&Socket->Lock, &Irql);
        if (Waiting->Told == Operation->Wait.Told) {
            Waiting->Refused = FALSE; /* WSK will call */
        }
        KeReleaseSpinLock(&Socket->Lock, Irql);
    }
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(AWAIT_READABLE) = {
    .Flags = WSKB_NO_FLAGS,
    .Categories = WSKB_CATEGORY_CONNECTION,
    .States = WskbConnected,
    .Kind = WskbControl,
    .WaitsAfterwards = TRUE,
    .Prepare = PrepareWaitReadable,
    .Call = CallEmptyReceive,
    .Finish = FinishWaitReadable,
};

static NTSTATUS PrepareWaitDisconnected(PWSKB_OPERATION Operation)
{
    NTSTATUS Status = EnableEvents(Operation->Socket, WSK_EVENT_DISCONNECT);
    Operation->Wait.For = WskbWaitDisconnected;
    return NT_SUCCESS(Status) ? Wait(Operation) : Status;
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(AWAIT_DISCONNECTED) = {
    .Flags = WSKB_NO_FLAGS,
    .Categories = WSKB_CATEGORY_CONNECTION,
    .States = WskbConnected,
    .Kind = WskbControl,
    .Prepare = PrepareWaitDisconnected,
};
