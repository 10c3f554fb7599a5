/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream of a connection socket: WskSend, WskReceive, WskDisconnect. Requests of one direction run
 * strictly in the order of the calls. Connecting is in connect.c. A stream socket has these functions and
 * those of a listener (listen.c).
 */
#include "wskp.h"

/* System calls of a drain before other sockets are served. */
#define DRAIN_ROUNDS 16

/* ---- sending ----------------------------------------------------------------------------------------- */

NTSTATUS StreamFail(PPROVIDER_SOCKET Socket, int32_t Error)
{
    NTSTATUS Status = StatusFromBackend(Error);

    if (Status != STATUS_INSUFFICIENT_RESOURCES) {
        (void)InterlockedCompareExchange(&Socket->ConnectionError, Status, 0);
        Status = ReadAcquire(&Socket->ConnectionError);
    }
    return Status;
}

NTSTATUS StreamSendRest(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    while (Irp->IoStatus.Information < RequestOf(Irp)->Transfer.Length) {
        BACKEND_SEGMENT Segments[BUFFER_SEGMENTS_MAX];
        BACKEND_MESSAGE Message = {.Segments = Segments};
        uint32_t Sent;
        int32_t Error;
        NTSTATUS Status = BufferGatherRest(Irp, Segments, &Message.Count);

        if (!NT_SUCCESS(Status)) {
            return Status;
        }
        Error = BackendSend(Socket->Handle, &Message, 1, &Sent);
        if (Error == BACKEND_WOULD_BLOCK) {
            return STATUS_PENDING;
        }
        if (Error != 0) {
            return StreamFail(Socket, Error);
        }
        Irp->IoStatus.Information += Message.Moved;
    }
    return STATUS_SUCCESS;
}

/* The reason why sending is impossible, or STATUS_SUCCESS. Send.Lock is held. */
static NTSTATUS SendRefusal(PPROVIDER_SOCKET Socket)
{
    NTSTATUS Error = ReadAcquire(&Socket->ConnectionError);

    if (Error != 0) {
        return Error;
    }
    return (Socket->SendShut || SocketState(Socket) != SocketConnected) ? STATUS_CONNECTION_DISCONNECTED
                                                                        : STATUS_SUCCESS;
}

/* Sets TCP_NODELAY for the send that follows: with the flag the system must not hold data back, without it it
 * may combine small sends. Calls the system only when the value changes: most programs always use the same
 * one. Send.Lock is held. */
static void SetNoDelay(PPROVIDER_SOCKET Socket, BOOLEAN NoDelay)
{
    if (Socket->NoDelay != NoDelay && BackendSetOption(Socket->Handle, BackendNoDelay, NoDelay) == 0) {
        Socket->NoDelay = NoDelay;
    }
}

BOOLEAN AttemptSend(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    NTSTATUS Status = SendRefusal(Socket);

    if (NT_SUCCESS(Status)) {
        SetNoDelay(Socket, (BOOLEAN)((RequestOf(Irp)->Flags & WSK_FLAG_NODELAY) != 0));
        Status = StreamSendRest(Socket, Irp);
    }
    if (Status == STATUS_PENDING) {
        return RequestBlock(Socket, Irp, BACKEND_WRITABLE);
    }
    return RequestDone(Irp, Status);
}

static NTSTATUS WSKAPI Send(PWSK_SOCKET WskSocket, PWSK_BUF Buffer, ULONG Flags, PIRP Irp)
{
    CALL Call;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskSend", WskSocket, CATEGORIES_CONNECTING, Irp, IrpRequired);
    NTSTATUS Status = Call.Status;

    if (NT_SUCCESS(Status) && (Flags & WSK_FLAG_OOB)) {
        Status = STATUS_NOT_SUPPORTED;
    }
    if (NT_SUCCESS(Status)) {
        Status = (Buffer == NULL || (Flags & ~(ULONG)WSK_FLAG_NODELAY)) ? STATUS_INVALID_PARAMETER
                                                                        : BufferCheck(Buffer, FALSE);
    }
    if (NT_SUCCESS(Status)) {
        Status = SocketCheckConnected(Socket);
    }
    if (!NT_SUCCESS(Status)) {
        return CallComplete(&Call, Status, 0);
    }
    BufferKeep(Irp, Buffer);
    RequestOf(Irp)->Flags = (UCHAR)Flags;
    return CallSubmit(&Call, &Socket->Send, OperationSend);
}

/* ---- receiving --------------------------------------------------------------------------------------- */

/* The reason why receiving is impossible, or STATUS_SUCCESS. A failed connection is no reason: data that
 * arrived before can still be received. Receive.Lock is held. */
static NTSTATUS ReceiveRefusal(PPROVIDER_SOCKET Socket)
{
    return (SocketState(Socket) == SocketConnected) ? STATUS_SUCCESS : STATUS_CONNECTION_ABORTED;
}

/* Called when nothing is left to receive: returns how the connection ended, or STATUS_SUCCESS. After a send
 * has reported the error, the system shows the stream as ended in order. Receive.Lock is held. */
static NTSTATUS EndOfStream(PPROVIDER_SOCKET Socket)
{
    NTSTATUS Error = ReadAcquire(&Socket->ConnectionError);

    if (Error == 0) {
        Socket->EndSeen = TRUE;
    }
    return Error;
}

BOOLEAN AttemptReceive(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    PREQUEST Request = RequestOf(Irp);
    NTSTATUS Status = ReceiveRefusal(Socket);

    if (StreamIsIndicating(Socket)) {
        return FALSE;
    }
    if (Request->Transfer.Length == 0) {
        return RequestDone(Irp, Status); /* only asks for WskReceiveEvent */
    }
    while (NT_SUCCESS(Status)) {
        BACKEND_SEGMENT Segments[BUFFER_SEGMENTS_MAX];
        BACKEND_MESSAGE Message = {.Segments = Segments};
        int32_t Error;

        Status = BufferGatherRest(Irp, Segments, &Message.Count);
        if (!NT_SUCCESS(Status)) {
            break;
        }
        Error = BackendReceive(Socket->Handle, &Message);
        if (Error == BACKEND_WOULD_BLOCK && ReadAcquire(&Socket->ConnectionError) == 0) {
            return RequestBlock(Socket, Irp, BACKEND_READABLE);
        }
        if (Error == BACKEND_WOULD_BLOCK || (Error == 0 && Message.Moved == 0)) {
            Status = EndOfStream(Socket);
            break;
        }
        if (Error != 0) {
            Status = StreamFail(Socket, Error);
            break;
        }
        Irp->IoStatus.Information += Message.Moved;
        if (!(Request->Flags & WSK_FLAG_WAITALL) || Irp->IoStatus.Information == Request->Transfer.Length) {
            break;
        }
    }
    /* Data before the end is returned first; the next receive reports the end. */
    return RequestDone(Irp, (Irp->IoStatus.Information != 0) ? STATUS_SUCCESS : Status);
}

/* Discards received data until the connection ends, in order or not. */
BOOLEAN AttemptDrain(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    NTSTATUS Status = ReceiveRefusal(Socket);

    if (StreamIsIndicating(Socket)) {
        return FALSE;
    }
    for (ULONG Round = 0; NT_SUCCESS(Status); Round++) {
        SIZE_T Moved;
        int32_t Error;

        if (Round == DRAIN_ROUNDS) {
            /* Gives other sockets a turn in the polling thread. */
            return RequestYield(Socket, Irp);
        }
        Error = BackendDiscard(Socket->Handle, BACKEND_ALL, &Moved);

        if (Error == BACKEND_WOULD_BLOCK && ReadAcquire(&Socket->ConnectionError) == 0) {
            return RequestBlock(Socket, Irp, BACKEND_READABLE);
        }
        if (Error == BACKEND_WOULD_BLOCK || (Error == 0 && Moved == 0)) {
            Status = EndOfStream(Socket);
            break;
        }
        if (Error != 0) {
            Status = StreamFail(Socket, Error);
        }
    }
    return RequestDone(Irp, Status);
}

/* A length of 0 is valid for draining, and to get WskReceiveEvent again. */
static NTSTATUS CheckReceive(PPROVIDER_SOCKET Socket, const WSK_BUF* Buffer, ULONG Flags)
{
    const ULONG Known = WSK_FLAG_WAITALL | WSK_FLAG_DRAIN;

    if (Buffer == NULL || (Flags & ~Known) || (Flags & Known) == Known) {
        return STATUS_INVALID_PARAMETER;
    }
    if ((Flags & WSK_FLAG_DRAIN) && Buffer->Length != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Flags == 0 && Buffer->Length == 0 && EventIsEnabled(Socket, WSK_EVENT_RECEIVE)) {
        return STATUS_SUCCESS;
    }
    if (!(Flags & WSK_FLAG_DRAIN) && Buffer->Length == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    return BufferCheck(Buffer, FALSE);
}

static NTSTATUS WSKAPI Receive(PWSK_SOCKET WskSocket, PWSK_BUF Buffer, ULONG Flags, PIRP Irp)
{
    CALL Call;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskReceive", WskSocket, CATEGORIES_CONNECTING, Irp, IrpRequired);
    NTSTATUS Status = Call.Status;

    if (NT_SUCCESS(Status)) {
        Status = CheckReceive(Socket, Buffer, Flags);
    }
    if (NT_SUCCESS(Status)) {
        Status = SocketCheckConnected(Socket);
    }
    if (!NT_SUCCESS(Status)) {
        return CallComplete(&Call, Status, 0);
    }
    BufferKeep(Irp, Buffer);
    RequestOf(Irp)->Flags = (UCHAR)Flags;
    return CallSubmit(&Call, &Socket->Receive, (Flags & WSK_FLAG_DRAIN) ? OperationDrain : OperationReceive);
}

/* ---- disconnecting ----------------------------------------------------------------------------------- */

/* Sends the request's last data, ends the stream, and waits until the peer has received everything. */
BOOLEAN AttemptDisconnect(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    PREQUEST_ARGUMENTS Arguments = ArgumentsOf(Irp);
    NTSTATUS Status = STATUS_SUCCESS;

    if (!Arguments->Disconnect.EndSent) {
        Status = SendRefusal(Socket);
        if (NT_SUCCESS(Status)) {
            Status = StreamSendRest(Socket, Irp);
        }
        if (Status == STATUS_SUCCESS) {
            int32_t Error = BackendShutdownSend(Socket->Handle);

            Status = (Error == 0) ? STATUS_SUCCESS : StreamFail(Socket, Error);
            Arguments->Disconnect.EndSent = TRUE;
            Socket->SendShut = TRUE;
        }
    }
    if (Status == STATUS_SUCCESS) {
        int32_t Error = BackendFinishSend(Socket->Handle);

        if (Error == BACKEND_WOULD_BLOCK) {
            Status = STATUS_PENDING;
        } else if (Error != 0) {
            Status = StreamFail(Socket, Error);
        }
    }
    return (Status == STATUS_PENDING) ? RequestBlock(Socket, Irp, BACKEND_WRITABLE)
                                      : RequestDone(Irp, Status);
}

/* Both locks are held. */
static NTSTATUS AbortLocked(PPROVIDER_SOCKET Socket, PLIST_ENTRY Received, PLIST_ENTRY Sent)
{
    NTSTATUS Status = SocketRefusal(Socket);

    if (NT_SUCCESS(Status) && SocketState(Socket) != SocketConnected) {
        Status = STATUS_INVALID_DEVICE_STATE;
    }
    if (NT_SUCCESS(Status)) {
        RequestDrain(&Socket->Receive, STATUS_CONNECTION_ABORTED, Received);
        RequestDrain(&Socket->Send, STATUS_CANCELLED, Sent);
        (void)BackendDissolve(Socket->Handle, NULL, false);
        WriteRelease(&Socket->State, SocketAborted);
    }
    return Status;
}

static NTSTATUS Abort(PCALL Call, PPROVIDER_SOCKET Socket)
{
    LIST_ENTRY Received, Sent;
    NTSTATUS Status;
    KIRQL Irql;

    InitializeListHead(&Received);
    InitializeListHead(&Sent);
    SocketLockBoth(Socket, &Irql);
    Status = AbortLocked(Socket, &Received, &Sent);
    SocketUnlockBoth(Socket, Irql);
    RequestCompleteTaken(Socket, &Socket->Receive, &Received);
    RequestCompleteTaken(Socket, &Socket->Send, &Sent);
    return CallComplete(Call, Status, 0);
}

static NTSTATUS CheckDisconnect(PPROVIDER_SOCKET Socket, const WSK_BUF* Buffer, ULONG Flags)
{
    if ((Flags & ~(ULONG)WSK_FLAG_ABORTIVE) || ((Flags & WSK_FLAG_ABORTIVE) && Buffer != NULL)) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Buffer != NULL) {
        NTSTATUS Status = BufferCheck(Buffer, FALSE);

        if (!NT_SUCCESS(Status)) {
            return Status;
        }
    }
    return SocketCheckConnected(Socket);
}

static NTSTATUS WSKAPI Disconnect(PWSK_SOCKET WskSocket, PWSK_BUF Buffer, ULONG Flags, PIRP Irp)
{
    CALL Call;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskDisconnect", WskSocket, CATEGORIES_CONNECTING, Irp, IrpRequired);
    NTSTATUS Status = Call.Status;

    if (NT_SUCCESS(Status)) {
        Status = CheckDisconnect(Socket, Buffer, Flags);
    }
    if (!NT_SUCCESS(Status)) {
        return CallComplete(&Call, Status, 0);
    }
    if (Flags & WSK_FLAG_ABORTIVE) {
        return Abort(&Call, Socket);
    }
    if (Buffer != NULL) {
        BufferKeep(Irp, Buffer);
    }
    ArgumentsOf(Irp)->Disconnect.EndSent = FALSE;
    return CallSubmit(&Call, &Socket->Send, OperationDisconnect);
}

/* ---- the table --------------------------------------------------------------------------------------- */

/* Possible for a dead socket too: nothing else gives the memory back. */
static NTSTATUS WSKAPI Release(PWSK_SOCKET WskSocket, PWSK_DATA_INDICATION DataIndication)
{
    CALL Call;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskRelease", WskSocket, CATEGORIES_CONNECTING, NULL, IrpOptional);

    return CallComplete(&Call, StreamRelease(Socket, DataIndication), 0);
}

static NTSTATUS WSKAPI SendEx(PWSK_SOCKET WskSocket, PWSK_BUF Buffer, ULONG Flags, ULONG ControlInfoLength,
                              PCMSGHDR ControlInfo, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Buffer);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(ControlInfoLength);
    UNREFERENCED_PARAMETER(ControlInfo);
    return CallRefuse("WskSendEx", WskSocket, CATEGORIES_CONNECTING, Irp);
}

static NTSTATUS WSKAPI ReceiveEx(PWSK_SOCKET WskSocket, PWSK_BUF Buffer, ULONG Flags,
                                 PULONG ControlInfoLength, PCMSGHDR ControlInfo, PULONG Reserved, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Buffer);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(ControlInfoLength);
    UNREFERENCED_PARAMETER(ControlInfo);
    UNREFERENCED_PARAMETER(Reserved);
    return CallRefuse("WskReceiveEx", WskSocket, CATEGORIES_CONNECTING, Irp);
}

const WSK_PROVIDER_CONNECTION_DISPATCH ConnectionDispatch = {
    .WskControlSocket = ProviderWskControlSocket,
    .WskCloseSocket = ProviderWskCloseSocket,
    .WskBind = ProviderWskBind,
    .WskConnect = ProviderWskConnect,
    .WskGetLocalAddress = ProviderWskGetLocalAddress,
    .WskGetRemoteAddress = ProviderWskGetRemoteAddress,
    .WskSend = Send,
    .WskReceive = Receive,
    .WskDisconnect = Disconnect,
    .WskRelease = Release,
    .WskConnectEx = ProviderWskConnectEx,
    .WskSendEx = SendEx,
    .WskReceiveEx = ReceiveEx,
};

/* Not the order of the connection table: the addresses come last, and there is no WskInspectComplete. */
const WSK_PROVIDER_STREAM_DISPATCH StreamDispatch = {
    .WskControlSocket = ProviderWskControlSocket,
    .WskCloseSocket = ProviderWskCloseSocket,
    .WskBind = ProviderWskBind,
    .WskAccept = ProviderWskAccept,
    .WskConnect = ProviderWskConnect,
    .WskListen = ProviderWskListen,
    .WskSend = Send,
    .WskReceive = Receive,
    .WskDisconnect = Disconnect,
    .WskRelease = Release,
    .WskGetLocalAddress = ProviderWskGetLocalAddress,
    .WskGetRemoteAddress = ProviderWskGetRemoteAddress,
    .WskConnectEx = ProviderWskConnectEx,
    .WskSendEx = SendEx,
    .WskReceiveEx = ReceiveEx,
};
