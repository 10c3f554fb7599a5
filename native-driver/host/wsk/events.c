/* SPDX-License-Identifier: Apache-2.0
 *
 * Event callbacks: which events of a socket are enabled, how they are enabled and disabled, and how a
 * callback is called.
 *
 * Whoever has an event for the client calls EventBegin, the callback, and EventEnd. EventBegin says whether
 * the client may be called: the event must be enabled, and the socket neither closed nor dead. Between the
 * two the socket stays: a close completes when the last callback has returned. A disabled event is silent
 * once none of its callbacks runs; a disable that finds one running is completed after it.
 *
 * A client enables events of one socket with SO_WSK_EVENT_CALLBACK, and can disable them again. Events that
 * it has enabled for all its sockets, with WSK_SET_STATIC_EVENT_CALLBACKS, stay enabled.
 */
#include "wskp.h"

#define CONNECTION_EVENTS (WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT | WSK_EVENT_SEND_BACKLOG)
#define ALL_EVENTS        (CONNECTION_EVENTS | WSK_EVENT_RECEIVE_FROM | WSK_EVENT_ACCEPT)

C_ASSERT(ALL_EVENTS < (1u << EVENT_BITS));

/* ---- which socket has which event -------------------------------------------------------------------- */

/* The events that the socket itself reports. */
static ULONG OwnEvents(ULONG Category)
{
    switch (Category) {
    case CATEGORY_LISTEN:
        return WSK_EVENT_ACCEPT;
    case CATEGORY_CONNECTION:
        return CONNECTION_EVENTS;
    case CATEGORY_DATAGRAM:
        return WSK_EVENT_RECEIVE_FROM;
    case CATEGORY_STREAM:
        return WSK_EVENT_ACCEPT | CONNECTION_EVENTS;
    default:
        return 0;
    }
}

/* A listener also has the events that the connections from its WskAcceptEvent inherit. */
static ULONG AllowedEvents(ULONG Category)
{
    return OwnEvents(Category) | ((Category == CATEGORY_LISTEN) ? CONNECTION_EVENTS : 0);
}

static const WSK_CLIENT_LISTEN_DISPATCH* ListenCallbacks(ULONG Category, const VOID* Dispatch)
{
    return (Dispatch != NULL && Category == CATEGORY_STREAM)
               ? ((const WSK_CLIENT_STREAM_DISPATCH*)Dispatch)->Listen
               : (const WSK_CLIENT_LISTEN_DISPATCH*)Dispatch;
}

static const WSK_CLIENT_CONNECTION_DISPATCH* ConnectionCallbacks(ULONG Category, const VOID* Dispatch)
{
    return (Dispatch != NULL && Category == CATEGORY_STREAM)
               ? ((const WSK_CLIENT_STREAM_DISPATCH*)Dispatch)->Connect
               : (const WSK_CLIENT_CONNECTION_DISPATCH*)Dispatch;
}

const WSK_CLIENT_LISTEN_DISPATCH* EventsListenCallbacks(PPROVIDER_SOCKET Socket)
{
    return ListenCallbacks(Socket->Category, Socket->ClientDispatch);
}

const WSK_CLIENT_CONNECTION_DISPATCH* EventsConnectionCallbacks(PPROVIDER_SOCKET Socket)
{
    return ConnectionCallbacks(Socket->Category, Socket->ClientDispatch);
}

static BOOLEAN HasConnectionCallback(const WSK_CLIENT_CONNECTION_DISPATCH* Callbacks, ULONG Event)
{
    if (Callbacks == NULL) {
        return FALSE;
    }
    switch (Event) {
    case WSK_EVENT_RECEIVE:
        return Callbacks->WskReceiveEvent != NULL;
    case WSK_EVENT_DISCONNECT:
        return Callbacks->WskDisconnectEvent != NULL;
    default:
        return Callbacks->WskSendBacklogEvent != NULL;
    }
}

static BOOLEAN HasCallback(ULONG Category, const VOID* Dispatch, ULONG Event)
{
    const WSK_CLIENT_LISTEN_DISPATCH* Listen;

    switch (Event) {
    case WSK_EVENT_RECEIVE_FROM:
        return Dispatch != NULL &&
               ((const WSK_CLIENT_DATAGRAM_DISPATCH*)Dispatch)->WskReceiveFromEvent != NULL;
    case WSK_EVENT_ACCEPT:
        Listen = ListenCallbacks(Category, Dispatch);
        return Listen != NULL && Listen->WskAcceptEvent != NULL;
    default:
        return HasConnectionCallback(ConnectionCallbacks(Category, Dispatch), Event);
    }
}

/* The client must have given a callback for each of these events of the socket itself. */
static NTSTATUS CheckCallbacks(ULONG Category, const VOID* Dispatch, ULONG Events)
{
    for (ULONG Event = 1; Event <= Events; Event <<= 1) {
        if ((Events & Event) && !HasCallback(Category, Dispatch, Event)) {
            return STATUS_INVALID_PARAMETER;
        }
    }
    return STATUS_SUCCESS;
}

static ULONG StaticEvents(PPROVIDER_CLIENT Client, ULONG Category)
{
    return (ULONG)ReadAcquire(&Client->StaticEvents) & OwnEvents(Category);
}

NTSTATUS EventsCheckCallbacks(PPROVIDER_CLIENT Client, ULONG Category, const VOID* Dispatch)
{
    return CheckCallbacks(Category, Dispatch, StaticEvents(Client, Category));
}

void EventsInitialize(PPROVIDER_SOCKET Socket)
{
    KeInitializeSpinLock(&Socket->Events.Lock);
    InitializeListHead(&Socket->Events.Disables);
}

ULONG EventsInherited(PPROVIDER_SOCKET Listener)
{
    return (ULONG)ReadAcquire(&Listener->Events.Enabled) & CONNECTION_EVENTS;
}

/* A socket reports events once it can receive. */
static BOOLEAN CanReport(PPROVIDER_SOCKET Socket)
{
    switch (Socket->Category) {
    case CATEGORY_LISTEN:
        return SocketState(Socket) == SocketListening;
    case CATEGORY_CONNECTION:
        return SocketState(Socket) == SocketConnected;
    case CATEGORY_STREAM:
        return SocketState(Socket) == SocketConnected || SocketState(Socket) == SocketListening;
    default:
        return SocketState(Socket) == SocketBound;
    }
}

/* ---- callbacks --------------------------------------------------------------------------------------- */

static ULONG BitOf(ULONG Event)
{
    ULONG Bit = 0;

    while (Event >> Bit != 1) {
        Bit++;
    }
    return Bit;
}

BOOLEAN EventIsEnabled(PPROVIDER_SOCKET Socket, ULONG Event)
{
    return ((ULONG)ReadAcquire(&Socket->Events.Enabled) & Event) != 0;
}

/* Counts a callback that is about to run. A direction's lock is held. */
static void CountCallback(PPROVIDER_SOCKET Socket, ULONG Event)
{
    Socket->Events.Running[BitOf(Event)]++;
    InterlockedIncrement(&Socket->Outstanding);
}

BOOLEAN EventBegin(PPROVIDER_SOCKET Socket, ULONG Event)
{
    BOOLEAN Begun;

    KeAcquireSpinLockAtDpcLevel(&Socket->Events.Lock);
    Begun = !Socket->Closed && !ReadAcquire(&Socket->Dead) && EventIsEnabled(Socket, Event);
    if (Begun) {
        CountCallback(Socket, Event);
    }
    KeReleaseSpinLockFromDpcLevel(&Socket->Events.Lock);
    return Begun;
}

/* Moves the disables of an event that have waited for its callbacks. Events.Lock is held. */
static void TakeDisables(PPROVIDER_SOCKET Socket, ULONG Event, PLIST_ENTRY Taken)
{
    PLIST_ENTRY Link = Socket->Events.Disables.Flink;

    while (Link != &Socket->Events.Disables) {
        PIRP Irp = CONTAINING_RECORD(Link, IRP, Tail.Overlay.ListEntry);

        Link = Link->Flink;
        if (ArgumentsOf(Irp)->Disable.Event == Event) {
            RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
            InsertTailList(Taken, &Irp->Tail.Overlay.ListEntry);
        }
    }
}

static LONG CompleteDisables(PPROVIDER_SOCKET Socket, PLIST_ENTRY Taken)
{
    LONG Count = 0;
    CALL Call;

    CallEnterCompletion(&Call);
    for (; !IsListEmpty(Taken); Count++) {
        PIRP Irp = CONTAINING_RECORD(RemoveHeadList(Taken), IRP, Tail.Overlay.ListEntry);

        InterlockedIncrement64(&Socket->IrpsCompleted);
        Irp->IoStatus.Status = STATUS_SUCCESS;
        IoCompleteRequest(Irp, IO_NO_INCREMENT);
    }
    CallLeaveCompletion(&Call);
    return Count;
}

void EventEnd(PPROVIDER_SOCKET Socket, ULONG Event)
{
    LIST_ENTRY Taken;
    KIRQL Irql;

    InitializeListHead(&Taken);
    KeAcquireSpinLock(&Socket->Events.Lock, &Irql);
    if (--Socket->Events.Running[BitOf(Event)] == 0) {
        TakeDisables(Socket, Event, &Taken);
    }
    KeReleaseSpinLock(&Socket->Events.Lock, Irql);
    SocketDropOutstanding(Socket, 1 + CompleteDisables(Socket, &Taken));
}

BOOLEAN EventTurnOff(PPROVIDER_SOCKET Socket, ULONG Event)
{
    KIRQL Irql;
    BOOLEAN Dynamic = !(Socket->Events.Static & Event);

    if (Dynamic) {
        KeAcquireSpinLock(&Socket->Events.Lock, &Irql);
        WriteRelease(&Socket->Events.Enabled, Socket->Events.Enabled & ~(LONG)Event);
        KeReleaseSpinLock(&Socket->Events.Lock, Irql);
    }
    return Dynamic;
}

/* ---- the end of a dead socket ------------------------------------------------------------------------ */

static void TellDatagram(PPROVIDER_SOCKET Socket)
{
    const WSK_CLIENT_DATAGRAM_DISPATCH* Dispatch = Socket->ClientDispatch;

    (void)Dispatch->WskReceiveFromEvent(Socket->ClientContext, WSK_FLAG_AT_DISPATCH_LEVEL, NULL);
}

static void TellListener(PPROVIDER_SOCKET Socket)
{
    const WSK_CLIENT_LISTEN_DISPATCH* Dispatch = EventsListenCallbacks(Socket);

    (void)Dispatch->WskAcceptEvent(Socket->ClientContext, WSK_FLAG_AT_DISPATCH_LEVEL, NULL, NULL, NULL, NULL,
                                   NULL);
}

static void TellConnection(PPROVIDER_SOCKET Socket)
{
    const WSK_CLIENT_CONNECTION_DISPATCH* Dispatch = EventsConnectionCallbacks(Socket);
    SIZE_T Accepted = 0;

    (void)Dispatch->WskReceiveEvent(Socket->ClientContext, WSK_FLAG_AT_DISPATCH_LEVEL, NULL, 0, &Accepted);
}

/* The event whose callback tells that a socket is dead, by a NULL argument. */
static ULONG DeathEvent(PPROVIDER_SOCKET Socket)
{
    if (Socket->Category == CATEGORY_STREAM) {
        return (SocketState(Socket) == SocketListening) ? WSK_EVENT_ACCEPT : WSK_EVENT_RECEIVE;
    }
    return OwnEvents(Socket->Category) & (WSK_EVENT_RECEIVE_FROM | WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE);
}

/* FALSE: the client is not told, or was told before. */
static BOOLEAN BeginTelling(PPROVIDER_SOCKET Socket, ULONG Event)
{
    BOOLEAN Begun;

    KeAcquireSpinLockAtDpcLevel(&Socket->Receive.Lock);
    KeAcquireSpinLockAtDpcLevel(&Socket->Events.Lock);
    Begun = !Socket->Closed && !Socket->Events.DeathTold && EventIsEnabled(Socket, Event);
    if (Begun) {
        Socket->Events.DeathTold = TRUE;
        CountCallback(Socket, Event);
    }
    KeReleaseSpinLockFromDpcLevel(&Socket->Events.Lock);
    KeReleaseSpinLockFromDpcLevel(&Socket->Receive.Lock);
    return Begun;
}

void EventsTellDeath(PPROVIDER_SOCKET Socket)
{
    ULONG Event = DeathEvent(Socket);
    CALL Call;
    KIRQL Irql;

    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    if (BeginTelling(Socket, Event)) {
        CallEnterCompletion(&Call);
        switch (Event) {
        case WSK_EVENT_RECEIVE_FROM:
            TellDatagram(Socket);
            break;
        case WSK_EVENT_ACCEPT:
            TellListener(Socket);
            break;
        default:
            TellConnection(Socket);
            break;
        }
        CallLeaveCompletion(&Call);
        EventEnd(Socket, Event);
    }
    KeLowerIrql(Irql);
}

/* ---- enabling and disabling -------------------------------------------------------------------------- */

void EventsStart(PPROVIDER_SOCKET Socket)
{
    if (CanReport(Socket) && EventIsEnabled(Socket, OwnEvents(Socket->Category))) {
        StreamNoteBacklog(Socket);
        ReadinessPost(Socket);
    }
}

void EventsAdopt(PPROVIDER_SOCKET Socket, ULONG Inherited)
{
    ULONG Static = StaticEvents(Socket->Client, Socket->Category);
    KIRQL Irql;

    if (!NT_SUCCESS(CheckCallbacks(Socket->Category, Socket->ClientDispatch, Static | Inherited))) {
        CallMisuse("WskAcceptEvent", "accepted a connection without the callbacks of its events", Socket);
    }
    KeAcquireSpinLock(&Socket->Receive.Lock, &Irql);
    KeAcquireSpinLockAtDpcLevel(&Socket->Events.Lock);
    Socket->Events.Static = Static;
    WriteRelease(&Socket->Events.Enabled, Socket->Events.Enabled | (LONG)(Static | Inherited));
    KeReleaseSpinLockFromDpcLevel(&Socket->Events.Lock);
    if (!Socket->Closed && CanReport(Socket)) {
        EventsStart(Socket);
    }
    KeReleaseSpinLock(&Socket->Receive.Lock, Irql);
}

static NTSTATUS Enable(PPROVIDER_SOCKET Socket, ULONG Events)
{
    NTSTATUS Status;
    KIRQL Irql;

    if (Events == 0 || (Events & ~AllowedEvents(Socket->Category))) {
        return STATUS_INVALID_PARAMETER;
    }
    Status = CheckCallbacks(Socket->Category, Socket->ClientDispatch, Events & OwnEvents(Socket->Category));
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    KeAcquireSpinLock(&Socket->Receive.Lock, &Irql);
    Status = SocketRefusal(Socket);
    if (NT_SUCCESS(Status) && !CanReport(Socket)) {
        Status = STATUS_INVALID_DEVICE_STATE;
    }
    if (NT_SUCCESS(Status)) {
        KeAcquireSpinLockAtDpcLevel(&Socket->Events.Lock);
        WriteRelease(&Socket->Events.Enabled, Socket->Events.Enabled | (LONG)Events);
        KeReleaseSpinLockFromDpcLevel(&Socket->Events.Lock);
        EventsStart(Socket);
    }
    KeReleaseSpinLock(&Socket->Receive.Lock, Irql);
    return Status;
}

/* Events.Lock is held. */
static NTSTATUS DisableLocked(PPROVIDER_SOCKET Socket, ULONG Event, PIRP Irp)
{
    WriteRelease(&Socket->Events.Enabled, Socket->Events.Enabled & ~(LONG)Event);
    if (Socket->Events.Running[BitOf(Event)] == 0) {
        return STATUS_SUCCESS;
    }
    if (Irp == NULL) {
        return STATUS_EVENT_PENDING;
    }
    ArgumentsOf(Irp)->Disable.Event = Event;
    IoMarkIrpPending(Irp);
    InterlockedIncrement(&Socket->Outstanding);
    InsertTailList(&Socket->Events.Disables, &Irp->Tail.Overlay.ListEntry);
    return STATUS_PENDING;
}

/* One event at a time. Those that connections inherit from a listener, and those that are enabled for all
 * sockets, can't be disabled. */
static NTSTATUS Disable(PPROVIDER_SOCKET Socket, ULONG Event, PIRP Irp)
{
    NTSTATUS Status;
    KIRQL Irql;

    if (Event == 0 || (Event & (Event - 1)) || (Event & ~OwnEvents(Socket->Category)) ||
        (Event & Socket->Events.Static)) {
        return STATUS_INVALID_PARAMETER;
    }
    KeAcquireSpinLock(&Socket->Events.Lock, &Irql);
    Status = DisableLocked(Socket, Event, Irp);
    KeReleaseSpinLock(&Socket->Events.Lock, Irql);
    return Status;
}

/* Reads the argument of both ways to enable events. */
static NTSTATUS ReadMask(SIZE_T InputSize, const VOID* Input, ULONG* Mask)
{
    WSK_EVENT_CALLBACK_CONTROL Control;

    if (Input == NULL || InputSize != sizeof(Control)) {
        return STATUS_INVALID_PARAMETER;
    }
    RtlCopyMemory(&Control, Input, sizeof(Control));
    *Mask = Control.EventMask;
    if (Control.NpiId == NULL || !IsEqualGUID(Control.NpiId, &NPI_WSK_INTERFACE_ID)) {
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_SUCCESS;
}

NTSTATUS EventsControlSocket(PPROVIDER_SOCKET Socket, SIZE_T InputSize, const VOID* Input, PIRP Irp)
{
    ULONG Mask;
    NTSTATUS Status;

    if (OwnEvents(Socket->Category) == 0) {
        return STATUS_NOT_SUPPORTED;
    }
    Status = ReadMask(InputSize, Input, &Mask);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    return (Mask & WSK_EVENT_DISABLE) ? Disable(Socket, Mask & ~WSK_EVENT_DISABLE, Irp)
                                      : Enable(Socket, Mask);
}

NTSTATUS EventsControlClient(PPROVIDER_CLIENT Client, SIZE_T InputSize, const VOID* Input)
{
    ULONG Mask;
    NTSTATUS Status = ReadMask(InputSize, Input, &Mask);
    KIRQL Irql;

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Mask & ~ALL_EVENTS) {
        return STATUS_INVALID_PARAMETER;
    }
    KeAcquireSpinLock(&Provider.Lock, &Irql);
    if (Client->HadSocket || Client->StaticEvents != 0) {
        Status = STATUS_INVALID_DEVICE_STATE;
    } else {
        WriteRelease(&Client->StaticEvents, (LONG)Mask);
    }
    KeReleaseSpinLock(&Provider.Lock, Irql);
    return Status;
}
