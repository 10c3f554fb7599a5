/* SPDX-License-Identifier: Apache-2.0
 *
 * Conditional accept: WskInspectEvent, WskInspectComplete and WskAbortEvent. The client of a listener with
 * SO_CONDITIONAL_ACCEPT decides for each connection whether it is accepted, rejected, or pended, which is
 * decided later.
 *
 * Windows asks the client before it answers the peer. Here the system has answered already, so a peer that is
 * rejected sees its connection reset. A pended connection whose peer has reset it, or ended it without
 * sending anything, has been given up by its peer, and WskAbortEvent tells so.
 *
 * Until WskAccept or WskAcceptEvent takes it, a connection is in its listener's list, whose lock is the
 * listener's Receive.Lock. Callbacks are called on the polling thread.
 */
#include "wskp.h"

/* Connections in the list; more wait in the system. */
#define LISTED_MAX 128

static BOOLEAN MayInspect(PPROVIDER_SOCKET Listener)
{
    return Listener->Inspection.Conditional && !Listener->Closed && !ReadAcquire(&Listener->Dead) &&
           SocketState(Listener) == SocketListening;
}

/* ---- the list: Receive.Lock of the listener is held -------------------------------------------------- */

static void Enlist(PPROVIDER_SOCKET Listener, PPROVIDER_SOCKET Connection)
{
    Connection->Inspection.Id.Key = (ULONG_PTR)Listener;
    Connection->Inspection.Id.SerialNumber = ++Listener->Inspection.LastSerial;
    if (Listener->Inspection.LastSerial == 0) { /* 0 stands for no inspection */
        Connection->Inspection.Id.SerialNumber = ++Listener->Inspection.LastSerial;
    }
    Connection->Inspection.State = InspectionDeciding;
    WritePointerRelease((PVOID volatile*)&Connection->Inspection.Listener, Listener);
    InsertTailList(&Listener->Inspection.List, &Connection->Inspection.Link);
    Listener->Inspection.Count++;
}

static void Delist(PPROVIDER_SOCKET Listener, PPROVIDER_SOCKET Connection)
{
    RemoveEntryList(&Connection->Inspection.Link);
    WritePointerRelease((PVOID volatile*)&Connection->Inspection.Listener, NULL);
    if (Listener->Inspection.Count-- == LISTED_MAX && !Listener->Closed) {
        ReadinessPost(Listener);
    }
}

static PPROVIDER_SOCKET FindState(PPROVIDER_SOCKET Listener, INSPECTION_STATE State)
{
    for (PLIST_ENTRY Link = Listener->Inspection.List.Flink; Link != &Listener->Inspection.List;
         Link = Link->Flink) {
        PPROVIDER_SOCKET Connection = CONTAINING_RECORD(Link, PROVIDER_SOCKET, Inspection.Link);

        if (Connection->Inspection.State == State) {
            return Connection;
        }
    }
    return NULL;
}

static PPROVIDER_SOCKET FindPended(PPROVIDER_SOCKET Listener, const WSK_INSPECT_ID* Id)
{
    for (PLIST_ENTRY Link = Listener->Inspection.List.Flink; Link != &Listener->Inspection.List;
         Link = Link->Flink) {
        PPROVIDER_SOCKET Connection = CONTAINING_RECORD(Link, PROVIDER_SOCKET, Inspection.Link);

        if (Connection->Inspection.State == InspectionPended && Connection->Inspection.Id.Key == Id->Key &&
            Connection->Inspection.Id.SerialNumber == Id->SerialNumber) {
            return Connection;
        }
    }
    return NULL;
}

NTSTATUS InspectNext(PPROVIDER_SOCKET Listener, PPROVIDER_SOCKET* Connection)
{
    PPROVIDER_SOCKET Next = FindState(Listener, InspectionAccepted);

    if (Next == NULL) {
        return STATUS_PENDING;
    }
    Delist(Listener, Next);
    *Connection = Next;
    return STATUS_SUCCESS;
}

/* ---- deciding ---------------------------------------------------------------------------------------- */

/* Takes the next connection that has arrived, with a part of the listener's Outstanding for the callback. */
static PPROVIDER_SOCKET BeginInspection(PPROVIDER_SOCKET Listener)
{
    PPROVIDER_SOCKET Connection = NULL;
    NTSTATUS Status = STATUS_UNSUCCESSFUL;

    KeAcquireSpinLockAtDpcLevel(&Listener->Receive.Lock);
    if (MayInspect(Listener) && Listener->Inspection.Count < LISTED_MAX) {
        Status = ListenAdopt(Listener, &Connection);
    }
    if (Status == STATUS_PENDING) {
        (void)SocketWatch(Listener, BACKEND_READABLE);
    } else if (Status == STATUS_SUCCESS) {
        Enlist(Listener, Connection);
        InterlockedIncrement(&Listener->Outstanding);
    }
    KeReleaseSpinLockFromDpcLevel(&Listener->Receive.Lock);
    return Connection;
}

static WSK_INSPECT_ACTION CallInspectEvent(PPROVIDER_SOCKET Listener, PPROVIDER_SOCKET Connection)
{
    SOCKADDR_INET Local, Remote;
    WSK_INSPECT_ID Id = Connection->Inspection.Id;
    WSK_INSPECT_ACTION Action;
    CALL Call;

    AddressToClient(&Connection->Local, (PSOCKADDR)&Local);
    AddressToClient(&Connection->Peer, (PSOCKADDR)&Remote);
    CallEnterCompletion(&Call);
    Action = EventsListenCallbacks(Listener)->WskInspectEvent(Listener->ClientContext, (PSOCKADDR)&Local,
                                                              (PSOCKADDR)&Remote, &Id);
    CallLeaveCompletion(&Call);
    return Action;
}

/* FALSE: the connection is not in the list any more, and the caller closes it. */
static BOOLEAN EndInspection(PPROVIDER_SOCKET Listener, PPROVIDER_SOCKET Connection,
                             WSK_INSPECT_ACTION Action)
{
    BOOLEAN Kept = FALSE;

    KeAcquireSpinLockAtDpcLevel(&Listener->Receive.Lock);
    if (!Listener->Closed && Action == WskInspectAccept) {
        Connection->Inspection.State = InspectionAccepted;
        Kept = TRUE;
    } else if (!Listener->Closed && Action == WskInspectPend) {
        Connection->Inspection.State = InspectionPended;
        Kept = NT_SUCCESS(SocketWatch(Connection, BACKEND_READABLE));
    }
    if (!Kept) {
        Delist(Listener, Connection);
    }
    KeReleaseSpinLockFromDpcLevel(&Listener->Receive.Lock);
    return Kept;
}

void InspectArrivals(PPROVIDER_SOCKET Listener)
{
    PPROVIDER_SOCKET Connection;

    if (!Listener->Inspection.Conditional) {
        return;
    }
    while ((Connection = BeginInspection(Listener)) != NULL) {
        WSK_INSPECT_ACTION Action = CallInspectEvent(Listener, Connection);

        if (Action < WskInspectReject || Action >= WskInspectMax) {
            CallMisuse("WskInspectEvent", "returned what is not an action", Listener);
        }
        if (!EndInspection(Listener, Connection, Action)) {
            SocketDiscard(Connection);
        }
        RequestRun(Listener, &Listener->Receive);
        SocketDropOutstanding(Listener, 1);
    }
}

void InspectStart(PPROVIDER_SOCKET Listener)
{
    if (Listener->Inspection.Conditional) {
        ReadinessPost(Listener);
    }
}

NTSTATUS InspectSetConditional(PPROVIDER_SOCKET Listener, BOOLEAN On)
{
    const WSK_CLIENT_LISTEN_DISPATCH* Callbacks = EventsListenCallbacks(Listener);

    if (!On) {
        return Listener->Inspection.Conditional ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
    }
    if (Callbacks == NULL || Callbacks->WskInspectEvent == NULL || Callbacks->WskAbortEvent == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    Listener->Inspection.Conditional = TRUE;
    return STATUS_SUCCESS;
}

/* ---- deciding later ---------------------------------------------------------------------------------- */

/* Receive.Lock is held. */
static NTSTATUS CompleteLocked(PPROVIDER_SOCKET Listener, const WSK_INSPECT_ID* Id, WSK_INSPECT_ACTION Action,
                               PPROVIDER_SOCKET* Rejected)
{
    PPROVIDER_SOCKET Connection;
    NTSTATUS Status = SocketRefusal(Listener);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Connection = FindPended(Listener, Id);
    if (Connection == NULL) {
        return STATUS_NOT_FOUND;
    }
    if (Action == WskInspectAccept) {
        Connection->Inspection.State = InspectionAccepted;
        ReadinessPost(Listener); /* WskAcceptEvent is called on the polling thread */
    } else {
        Delist(Listener, Connection);
        *Rejected = Connection;
    }
    return STATUS_SUCCESS;
}

NTSTATUS WSKAPI ProviderWskInspectComplete(PWSK_SOCKET ListenSocket, PWSK_INSPECT_ID InspectID,
                                           WSK_INSPECT_ACTION Action, PIRP Irp)
{
    CALL Call;
    PPROVIDER_SOCKET Rejected = NULL;
    KIRQL Irql;
    PPROVIDER_SOCKET Listener =
        CallEnterSocket(&Call, "WskInspectComplete", ListenSocket, CATEGORY_LISTEN, Irp, IrpRequired);
    NTSTATUS Status = Call.Status;

    if (NT_SUCCESS(Status) &&
        (InspectID == NULL || (Action != WskInspectAccept && Action != WskInspectReject))) {
        Status = STATUS_INVALID_PARAMETER;
    }
    if (NT_SUCCESS(Status)) {
        KeAcquireSpinLock(&Listener->Receive.Lock, &Irql);
        Status = CompleteLocked(Listener, InspectID, Action, &Rejected);
        KeReleaseSpinLock(&Listener->Receive.Lock, Irql);
    }
    if (Rejected != NULL) {
        SocketDiscard(Rejected);
    }
    return CallComplete(&Call, Status, 0);
}

NTSTATUS InspectQueryId(PPROVIDER_SOCKET Connection, PWSK_INSPECT_ID Id)
{
    *Id = Connection->Inspection.Id;
    return (Id->SerialNumber != 0) ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_REQUEST;
}

/* ---- connections that vanish ------------------------------------------------------------------------- */

/* Whether the peer has given up. The listener's Receive.Lock is held, so the connection is not closed. */
static BOOLEAN HasGone(PPROVIDER_SOCKET Connection)
{
    UCHAR Byte;
    BACKEND_SEGMENT Segment = {&Byte, sizeof(Byte)};
    BACKEND_MESSAGE Message = {.Segments = &Segment, .Count = 1};
    int32_t Error = BackendPeek(Connection->Handle, &Message);

    if (Error == BACKEND_WOULD_BLOCK) {
        return FALSE;
    }
    return Error != 0 || Message.Moved == 0 || BackendIsBroken(Connection->Handle);
}

/* TRUE: the connection has been taken off the list, and there is a part of the listener's Outstanding for the
 * callback. */
static BOOLEAN TakeGone(PPROVIDER_SOCKET Listener, PPROVIDER_SOCKET Connection)
{
    BOOLEAN Gone;

    KeAcquireSpinLockAtDpcLevel(&Listener->Receive.Lock);
    Gone = ReadPointerAcquire((PVOID const volatile*)&Connection->Inspection.Listener) == Listener &&
           Connection->Inspection.State == InspectionPended && !Listener->Closed && HasGone(Connection);
    if (Gone) {
        Delist(Listener, Connection);
        InterlockedIncrement(&Listener->Outstanding);
    }
    KeReleaseSpinLockFromDpcLevel(&Listener->Receive.Lock);
    return Gone;
}

/* The listener's memory is valid if the connection still names it: a closed listener frees its connections
 * first, and its memory only when the polling thread is not here. */
void InspectLook(PPROVIDER_SOCKET Connection)
{
    PPROVIDER_SOCKET Listener = ReadPointerAcquire((PVOID const volatile*)&Connection->Inspection.Listener);
    WSK_INSPECT_ID Id;
    CALL Call;

    if (Listener == NULL || !TakeGone(Listener, Connection)) {
        return;
    }
    Id = Connection->Inspection.Id;
    CallEnterCompletion(&Call);
    if (EventsListenCallbacks(Listener)->WskAbortEvent(Listener->ClientContext, &Id) != STATUS_SUCCESS) {
        CallMisuse("WskAbortEvent", "did not return STATUS_SUCCESS", Listener);
    }
    CallLeaveCompletion(&Call);
    SocketDiscard(Connection);
    SocketDropOutstanding(Listener, 1);
}

void InspectTellDeath(PPROVIDER_SOCKET Listener)
{
    BOOLEAN Tell;
    CALL Call;
    KIRQL Irql;

    KeAcquireSpinLock(&Listener->Receive.Lock, &Irql);
    Tell = Listener->Inspection.Conditional && !Listener->Closed && !Listener->Inspection.DeathTold;
    if (Tell) {
        Listener->Inspection.DeathTold = TRUE;
        InterlockedIncrement(&Listener->Outstanding);
    }
    KeReleaseSpinLockFromDpcLevel(&Listener->Receive.Lock);
    if (Tell) {
        CallEnterCompletion(&Call);
        (void)EventsListenCallbacks(Listener)->WskInspectEvent(Listener->ClientContext, NULL, NULL, NULL);
        CallLeaveCompletion(&Call);
        SocketDropOutstanding(Listener, 1);
    }
    KeLowerIrql(Irql);
}

/* One that is being decided is closed by the polling thread. */
void InspectDiscardAll(PPROVIDER_SOCKET Listener)
{
    PPROVIDER_SOCKET Connection;
    KIRQL Irql;

    if (!Listener->Inspection.Conditional) {
        return;
    }
    do {
        KeAcquireSpinLock(&Listener->Receive.Lock, &Irql);
        Connection = FindState(Listener, InspectionAccepted);
        if (Connection == NULL) {
            Connection = FindState(Listener, InspectionPended);
        }
        if (Connection != NULL) {
            Delist(Listener, Connection);
        }
        KeReleaseSpinLock(&Listener->Receive.Lock, Irql);
        if (Connection != NULL) {
            SocketDiscard(Connection);
        }
    } while (Connection != NULL);
}
