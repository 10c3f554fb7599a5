/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening: WskAccept, WskAcceptEvent and WskListen. Binding a listen socket starts listening (socket.c), a
 * stream socket needs WskListen. The system queues connections until they are accepted. A listener with
 * conditional accept gets them from inspect.c instead, after its client's decision.
 *
 * A connection is first a socket without an owner. WskAccept gives it the context and the callbacks of its
 * call, and WskAcceptEvent those that the client returns.
 */
#include "wskp.h"

/* Connections for WskAcceptEvent before other sockets have their turn. */
#define ROUNDS 16

NTSTATUS ListenAdopt(PPROVIDER_SOCKET Listener, PPROVIDER_SOCKET* Connection)
{
    BACKEND_HANDLE Handle;
    BACKEND_ADDRESS Local, Remote;
    int32_t Error = BackendAccept(Listener->Handle, &Handle, &Remote);
    NTSTATUS Status;

    if (Error == BACKEND_WOULD_BLOCK) {
        return STATUS_PENDING;
    }
    Status = StatusFromBackend(Error);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = StatusFromBackend(BackendGetLocalAddress(Handle, &Local));
    if (!NT_SUCCESS(Status)) {
        BackendClose(Handle, TRUE);
        return Status;
    }
    Status = SocketCreateUnowned(Listener->Client, CATEGORY_CONNECTION, Listener->Family, Handle, Connection);
    if (NT_SUCCESS(Status)) {
        (*Connection)->Local = Local;
        (*Connection)->Peer = Remote;
        WriteRelease(&(*Connection)->State, SocketConnected);
    }
    return Status;
}

/* The next connection. STATUS_PENDING: there is none. Receive.Lock is held. */
static NTSTATUS NextConnection(PPROVIDER_SOCKET Listener, PPROVIDER_SOCKET* Connection)
{
    return Listener->Inspection.Conditional ? InspectNext(Listener, Connection)
                                            : ListenAdopt(Listener, Connection);
}

/* ---- WskAccept --------------------------------------------------------------------------------------- */

static void GiveToRequest(PPROVIDER_SOCKET Connection, PIRP Irp)
{
    PREQUEST_ARGUMENTS Arguments = ArgumentsOf(Irp);

    Connection->ClientContext = Arguments->Accept.Context;
    Connection->ClientDispatch = Arguments->Accept.Dispatch;
    if (Arguments->Accept.LocalAddress != NULL) {
        AddressToClient(&Connection->Local, Arguments->Accept.LocalAddress);
    }
    if (Arguments->Accept.RemoteAddress != NULL) {
        AddressToClient(&Connection->Peer, Arguments->Accept.RemoteAddress);
    }
    EventsAdopt(Connection, 0);
    Irp->IoStatus.Information = (ULONG_PTR)&Connection->Public;
}

BOOLEAN AttemptAccept(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    PPROVIDER_SOCKET Connection;
    NTSTATUS Status = NextConnection(Socket, &Connection);

    if (Status == STATUS_PENDING) {
        return RequestBlock(Socket, Irp, BACKEND_READABLE);
    }
    if (NT_SUCCESS(Status)) {
        GiveToRequest(Connection, Irp);
    }
    return RequestDone(Irp, Status);
}

NTSTATUS WSKAPI ProviderWskAccept(PWSK_SOCKET ListenSocket, ULONG Flags, PVOID AcceptSocketContext,
                                  const WSK_CLIENT_CONNECTION_DISPATCH* AcceptSocketDispatch,
                                  PSOCKADDR LocalAddress, PSOCKADDR RemoteAddress, PIRP Irp)
{
    CALL Call;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskAccept", ListenSocket, CATEGORIES_LISTENING, Irp, IrpRequired);
    PREQUEST_ARGUMENTS Arguments = ArgumentsOf(Irp);
    NTSTATUS Status = Call.Status;

    if (NT_SUCCESS(Status) && Flags != 0) {
        Status = STATUS_INVALID_PARAMETER;
    }
    if (NT_SUCCESS(Status) && SocketState(Socket) != SocketListening) {
        Status = STATUS_INVALID_DEVICE_STATE;
    }
    if (NT_SUCCESS(Status)) {
        Status = EventsCheckCallbacks(Socket->Client, CATEGORY_CONNECTION, AcceptSocketDispatch);
    }
    if (!NT_SUCCESS(Status)) {
        return CallComplete(&Call, Status, 0);
    }
    Arguments->Accept.Context = AcceptSocketContext;
    Arguments->Accept.Dispatch = AcceptSocketDispatch;
    Arguments->Accept.LocalAddress = LocalAddress;
    Arguments->Accept.RemoteAddress = RemoteAddress;
    return CallSubmit(&Call, &Socket->Receive, OperationAccept);
}

/* ---- WskAcceptEvent ---------------------------------------------------------------------------------- */

/* The next connection for the callback, or NULL. A pending WskAccept takes precedence. */
static PPROVIDER_SOCKET BeginAccept(PPROVIDER_SOCKET Listener)
{
    PPROVIDER_SOCKET Connection = NULL;
    NTSTATUS Status = STATUS_UNSUCCESSFUL;
    BOOLEAN Begun = FALSE;

    KeAcquireSpinLockAtDpcLevel(&Listener->Receive.Lock);
    if (!Listener->Closed && EventIsEnabled(Listener, WSK_EVENT_ACCEPT) &&
        IsListEmpty(&Listener->Receive.Pending)) {
        Status = NextConnection(Listener, &Connection);
    }
    if (Status == STATUS_PENDING) {
        (void)SocketWatch(Listener, BACKEND_READABLE);
    } else if (Status == STATUS_SUCCESS) {
        Begun = EventBegin(Listener, WSK_EVENT_ACCEPT);
    }
    KeReleaseSpinLockFromDpcLevel(&Listener->Receive.Lock);
    if (Connection != NULL && !Begun) {
        SocketDiscard(Connection);
    }
    return Begun ? Connection : NULL;
}

/* The client's answer is written to the connection itself, so that the client can use the connection within
 * the callback. */
static NTSTATUS CallAcceptEvent(PPROVIDER_SOCKET Listener, PPROVIDER_SOCKET Connection)
{
    SOCKADDR_INET Local, Remote;
    NTSTATUS Status;
    CALL Call;

    AddressToClient(&Connection->Local, (PSOCKADDR)&Local);
    AddressToClient(&Connection->Peer, (PSOCKADDR)&Remote);
    CallEnterCompletion(&Call);
    Status = EventsListenCallbacks(Listener)->WskAcceptEvent(
        Listener->ClientContext, WSK_FLAG_AT_DISPATCH_LEVEL, (PSOCKADDR)&Local, (PSOCKADDR)&Remote,
        &Connection->Public, &Connection->ClientContext,
        (const WSK_CLIENT_CONNECTION_DISPATCH**)(PVOID)&Connection->ClientDispatch);
    CallLeaveCompletion(&Call);
    return Status;
}

/* FALSE: there is no connection, or nobody wants it from here. */
static BOOLEAN IndicateConnection(PPROVIDER_SOCKET Listener)
{
    PPROVIDER_SOCKET Connection = BeginAccept(Listener);

    if (Connection == NULL) {
        return FALSE;
    }
    switch (CallAcceptEvent(Listener, Connection)) {
    case STATUS_SUCCESS:
        EventsAdopt(Connection, EventsInherited(Listener));
        break;
    case STATUS_REQUEST_NOT_ACCEPTED:
        SocketDiscard(Connection);
        break;
    default:
        CallMisuse("WskAcceptEvent", "returned a status that is not documented for it", Listener);
    }
    EventEnd(Listener, WSK_EVENT_ACCEPT);
    return TRUE;
}

void ListenIndicate(PPROVIDER_SOCKET Listener)
{
    KIRQL Irql;

    for (ULONG Round = 0; Round < ROUNDS; Round++) {
        if (!IndicateConnection(Listener)) {
            return;
        }
    }
    KeAcquireSpinLock(&Listener->Receive.Lock, &Irql);
    if (!Listener->Closed) {
        ReadinessPost(Listener);
    }
    KeReleaseSpinLock(&Listener->Receive.Lock, Irql);
}

/* ---- WskListen --------------------------------------------------------------------------------------- */

NTSTATUS WSKAPI ProviderWskListen(PWSK_SOCKET WskSocket, PIRP Irp)
{
    CALL Call;
    KIRQL Irql;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskListen", WskSocket, CATEGORY_STREAM, Irp, IrpRequired);
    NTSTATUS Status = Call.Status;

    if (NT_SUCCESS(Status)) {
        KeAcquireSpinLock(&Socket->Send.Lock, &Irql);
        Status = SocketRefusal(Socket);
        if (NT_SUCCESS(Status)) {
            Status =
                (SocketState(Socket) == SocketBound) ? SocketListen(Socket) : STATUS_INVALID_DEVICE_STATE;
            EventsStart(Socket);
        }
        KeReleaseSpinLock(&Socket->Send.Lock, Irql);
    }
    return CallComplete(&Call, Status, 0);
}

const WSK_PROVIDER_LISTEN_DISPATCH ListenDispatch = {
    .WskControlSocket = ProviderWskControlSocket,
    .WskCloseSocket = ProviderWskCloseSocket,
    .WskBind = ProviderWskBind,
    .WskAccept = ProviderWskAccept,
    .WskInspectComplete = ProviderWskInspectComplete,
    .WskGetLocalAddress = ProviderWskGetLocalAddress,
};
