/* SPDX-License-Identifier: Apache-2.0
 *
 * Connecting: WskConnect, WskConnectEx, WskSocketConnect and the address of the peer. Transfers are in
 * stream.c.
 */
#include "wskp.h"

/* The documented limit of WskConnectEx. */
#define FIRST_DATA_MAX 65535

/* The system forgets the peer when the connection ends. Send.Lock is held. */
static void RememberPeer(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Given)
{
    if (BackendGetRemoteAddress(Socket->Handle, &Socket->Peer) != 0) {
        Socket->Peer = *Given;
    }
}

/* Send.Lock is held. */
static NTSTATUS FinishConnect(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Given, int32_t Error)
{
    NTSTATUS Status = StatusFromBackend(Error);

    if (Status == STATUS_CONNECTION_RESET) {
        /* It was established and then reset: the connect succeeds, and the next transfer reports the
         * reset. */
        WriteRelease(&Socket->ConnectionError, Status);
        Status = STATUS_SUCCESS;
    }
    if (NT_SUCCESS(Status)) {
        (void)BackendGetLocalAddress(Socket->Handle, &Socket->Local);
        RememberPeer(Socket, Given);
        WriteRelease(&Socket->State, SocketConnected);
        EventsStart(Socket);
    } else {
        SocketUndoConnect(Socket);
    }
    return Status;
}

/* Send.Lock is held. */
static int32_t BeginConnect(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Address)
{
    int32_t Error;

    WriteRelease(&Socket->State, SocketConnecting);
    Error = BackendConnect(Socket->Handle, Address);
    if (Error != BACKEND_WOULD_BLOCK) {
        return Error;
    }
    if (Socket->PortOrigin == PortFollows) {
        SharingLearnPort(Socket);
    }
    /* On loopback the connection may be established already. */
    return BackendFinishConnect(Socket->Handle);
}

/* The first data of WskConnectEx. The socket counts as connecting until it has gone, so that a failure or a
 * cancel undoes the connect. STATUS_PENDING: the system has no room. Send.Lock is held. */
static NTSTATUS SendFirstData(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    NTSTATUS Status;

    ArgumentsOf(Irp)->Connect.Established = TRUE;
    Status = StreamSendRest(Socket, Irp);
    if (!NT_SUCCESS(Status)) {
        SocketUndoConnect(Socket);
        WriteRelease(&Socket->ConnectionError, STATUS_SUCCESS);
        Irp->IoStatus.Information = 0;
    }
    return Status;
}

static BOOLEAN HasFirstData(PIRP Irp)
{
    return Irp->IoStatus.Information < RequestOf(Irp)->Transfer.Length;
}

BOOLEAN AttemptConnect(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    int32_t Error;

    switch (SocketState(Socket)) {
    case SocketBound:
        Error = BeginConnect(Socket, &ArgumentsOf(Irp)->Connect.Remote);
        break;
    case SocketConnecting:
        Error = ArgumentsOf(Irp)->Connect.Established ? 0 : BackendFinishConnect(Socket->Handle);
        break;
    default:
        return RequestDone(Irp, STATUS_INVALID_DEVICE_STATE);
    }
    if (Error == BACKEND_WOULD_BLOCK) {
        return RequestBlock(Socket, Irp, BACKEND_READABLE | BACKEND_WRITABLE);
    }
    if (Error == 0 && HasFirstData(Irp)) {
        NTSTATUS Status = SendFirstData(Socket, Irp);

        if (Status == STATUS_PENDING) {
            return RequestBlock(Socket, Irp, BACKEND_WRITABLE);
        }
        if (!NT_SUCCESS(Status)) {
            return RequestDone(Irp, Status);
        }
    }
    return RequestDone(Irp, FinishConnect(Socket, &ArgumentsOf(Irp)->Connect.Remote, Error));
}

/* Reads the address that a request of a socket connects to. */
static NTSTATUS ReadRemote(PSOCKADDR RemoteAddress, ADDRESS_FAMILY Family, PIRP Irp)
{
    ArgumentsOf(Irp)->Connect.Established = FALSE;
    return AddressFromClient(RemoteAddress, Family, &ArgumentsOf(Irp)->Connect.Remote);
}

static NTSTATUS CheckConnect(PPROVIDER_SOCKET Socket, PSOCKADDR RemoteAddress, ULONG Flags, PIRP Irp)
{
    NTSTATUS Status =
        (Flags != 0) ? STATUS_INVALID_PARAMETER : ReadRemote(RemoteAddress, Socket->Family, Irp);

    return (NT_SUCCESS(Status) && SocketState(Socket) != SocketBound) ? STATUS_INVALID_DEVICE_STATE : Status;
}

NTSTATUS WSKAPI ProviderWskConnect(PWSK_SOCKET WskSocket, PSOCKADDR RemoteAddress, ULONG Flags, PIRP Irp)
{
    CALL Call;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskConnect", WskSocket, CATEGORIES_CONNECTING, Irp, IrpRequired);
    NTSTATUS Status = Call.Status;

    if (NT_SUCCESS(Status)) {
        Status = CheckConnect(Socket, RemoteAddress, Flags, Irp);
    }
    return NT_SUCCESS(Status) ? CallSubmit(&Call, &Socket->Send, OperationConnect)
                              : CallComplete(&Call, Status, 0);
}

/* Makes and binds the socket of a WskSocketConnect. */
static NTSTATUS PrepareSocketConnect(PCALL Call, PSOCKADDR LocalAddress, PSOCKADDR RemoteAddress,
                                     PVOID SocketContext, const VOID* Dispatch, PPROVIDER_SOCKET* Socket)
{
    ADDRESS_FAMILY Family = (LocalAddress == NULL) ? AF_UNSPEC : LocalAddress->sa_family;
    BACKEND_ADDRESS Local;
    NTSTATUS Status;

    if (Family != AF_INET && Family != AF_INET6) {
        return STATUS_INVALID_PARAMETER;
    }
    Status = ReadRemote(RemoteAddress, Family, Call->Irp);
    if (NT_SUCCESS(Status)) {
        Status = AddressFromClient(LocalAddress, Family, &Local);
    }
    if (NT_SUCCESS(Status)) {
        Status = SocketCreate(Call->Client, CATEGORY_CONNECTION, Family, SocketContext, Dispatch,
                              BACKEND_NO_HANDLE, Socket);
    }
    if (NT_SUCCESS(Status)) {
        Status = SocketBind(*Socket, &Local);
        if (!NT_SUCCESS(Status)) {
            SocketDiscard(*Socket);
        }
    }
    return Status;
}

NTSTATUS WSKAPI ProviderWskSocketConnect(PWSK_CLIENT Client, USHORT SocketType, ULONG Protocol,
                                         PSOCKADDR LocalAddress, PSOCKADDR RemoteAddress, ULONG Flags,
                                         PVOID SocketContext, const WSK_CLIENT_CONNECTION_DISPATCH* Dispatch,
                                         PEPROCESS OwningProcess, PETHREAD OwningThread,
                                         PSECURITY_DESCRIPTOR SecurityDescriptor, PIRP Irp)
{
    CALL Call;
    PPROVIDER_SOCKET Socket;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(OwningProcess);
    UNREFERENCED_PARAMETER(OwningThread);
    CallEnterClient(&Call, "WskSocketConnect", Client, Irp, IrpRequired);
    Status = Call.Status;
    if (NT_SUCCESS(Status) && (Flags != 0 || SocketType != SOCK_STREAM || Protocol != IPPROTO_TCP)) {
        Status = STATUS_INVALID_PARAMETER;
    }
    if (NT_SUCCESS(Status) && SecurityDescriptor != NULL) {
        Status = STATUS_NOT_SUPPORTED;
    }
    if (NT_SUCCESS(Status)) {
        Status = PrepareSocketConnect(&Call, LocalAddress, RemoteAddress, SocketContext, Dispatch, &Socket);
    }
    return NT_SUCCESS(Status) ? CallSubmitNew(&Call, Socket, &Socket->Send, OperationSocketConnect)
                              : CallComplete(&Call, Status, 0);
}

static NTSTATUS CheckFirstData(const WSK_BUF* Buffer)
{
    if (Buffer == NULL) {
        return STATUS_SUCCESS;
    }
    return (Buffer->Length > FIRST_DATA_MAX) ? STATUS_BUFFER_OVERFLOW : BufferCheck(Buffer, FALSE);
}

NTSTATUS WSKAPI ProviderWskConnectEx(PWSK_SOCKET WskSocket, PSOCKADDR RemoteAddress, PWSK_BUF Buffer,
                                     ULONG Flags, PIRP Irp)
{
    CALL Call;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskConnectEx", WskSocket, CATEGORIES_CONNECTING, Irp, IrpRequired);
    NTSTATUS Status = Call.Status;

    if (NT_SUCCESS(Status)) {
        Status = CheckConnect(Socket, RemoteAddress, Flags, Irp);
    }
    if (NT_SUCCESS(Status)) {
        Status = CheckFirstData(Buffer);
    }
    if (Status != STATUS_SUCCESS) {
        return CallComplete(&Call, Status, 0);
    }
    if (Buffer != NULL) {
        BufferKeep(Irp, Buffer);
    }
    return CallSubmit(&Call, &Socket->Send, OperationConnect);
}

NTSTATUS WSKAPI ProviderWskGetRemoteAddress(PWSK_SOCKET WskSocket, PSOCKADDR RemoteAddress, PIRP Irp)
{
    CALL Call;
    KIRQL Irql;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskGetRemoteAddress", WskSocket, CATEGORIES_CONNECTING, Irp, IrpRequired);
    NTSTATUS Status = Call.Status;

    if (NT_SUCCESS(Status) && RemoteAddress == NULL) {
        Status = STATUS_INVALID_PARAMETER;
    }
    if (!NT_SUCCESS(Status)) {
        return CallComplete(&Call, Status, 0);
    }
    KeAcquireSpinLock(&Socket->Send.Lock, &Irql);
    Status = SocketRefusal(Socket);
    if (NT_SUCCESS(Status)) {
        Status = SocketCheckConnected(Socket);
    }
    if (NT_SUCCESS(Status)) {
        AddressToClient(&Socket->Peer, RemoteAddress);
    }
    KeReleaseSpinLock(&Socket->Send.Lock, Irql);
    return CallComplete(&Call, Status, 0);
}
