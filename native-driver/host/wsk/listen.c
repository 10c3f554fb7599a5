/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening: WskAccept and WskListen. Binding a listen socket starts listening (socket.c), a stream socket
 * needs WskListen. The system queues connections until they are accepted.
 */
#include "wskp.h"

/* Creates the connection socket. Receive.Lock is held. */
static NTSTATUS AdoptConnection(PPROVIDER_SOCKET Listener, PIRP Irp, BACKEND_HANDLE Handle,
                                const BACKEND_ADDRESS* Remote)
{
    PREQUEST_ARGUMENTS Arguments = ArgumentsOf(Irp);
    PPROVIDER_SOCKET Accepted;
    BACKEND_ADDRESS Local;
    NTSTATUS Status = StatusFromBackend(BackendGetLocalAddress(Handle, &Local));

    if (!NT_SUCCESS(Status)) {
        BackendClose(Handle, TRUE);
        return Status;
    }
    Status = SocketCreate(Listener->Client, CATEGORY_CONNECTION, Listener->Family, Arguments->Accept.Context,
                          Arguments->Accept.Dispatch, Handle, &Accepted);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Accepted->Local = Local;
    Accepted->Peer = *Remote;
    WriteRelease(&Accepted->State, SocketConnected);
    if (Arguments->Accept.LocalAddress != NULL) {
        AddressToClient(&Local, Arguments->Accept.LocalAddress);
    }
    if (Arguments->Accept.RemoteAddress != NULL) {
        AddressToClient(Remote, Arguments->Accept.RemoteAddress);
    }
    Irp->IoStatus.Information = (ULONG_PTR)&Accepted->Public;
    return STATUS_SUCCESS;
}

BOOLEAN AttemptAccept(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    BACKEND_HANDLE Handle;
    BACKEND_ADDRESS Remote;
    int32_t Error = BackendAccept(Socket->Handle, &Handle, &Remote);

    if (Error == BACKEND_WOULD_BLOCK) {
        return RequestBlock(Socket, Irp, BACKEND_READABLE);
    }
    return RequestDone(Irp, (Error == 0) ? AdoptConnection(Socket, Irp, Handle, &Remote)
                                         : StatusFromBackend(Error));
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
    if (!NT_SUCCESS(Status)) {
        return CallComplete(&Call, Status, 0);
    }
    Arguments->Accept.Context = AcceptSocketContext;
    Arguments->Accept.Dispatch = AcceptSocketDispatch;
    Arguments->Accept.LocalAddress = LocalAddress;
    Arguments->Accept.RemoteAddress = RemoteAddress;
    return CallSubmit(&Call, &Socket->Receive, OperationAccept);
}

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
        }
        KeReleaseSpinLock(&Socket->Send.Lock, Irql);
    }
    return CallComplete(&Call, Status, 0);
}

/* Conditional accept is not supported, so no connection is ever left pending. */
static NTSTATUS WSKAPI InspectComplete(PWSK_SOCKET ListenSocket, PWSK_INSPECT_ID InspectID,
                                       WSK_INSPECT_ACTION Action, PIRP Irp)
{
    UNREFERENCED_PARAMETER(InspectID);
    UNREFERENCED_PARAMETER(Action);
    return CallRefuse("WskInspectComplete", ListenSocket, CATEGORY_LISTEN, Irp);
}

const WSK_PROVIDER_LISTEN_DISPATCH ListenDispatch = {
    .WskControlSocket = ProviderWskControlSocket,
    .WskCloseSocket = ProviderWskCloseSocket,
    .WskBind = ProviderWskBind,
    .WskAccept = ProviderWskAccept,
    .WskInspectComplete = InspectComplete,
    .WskGetLocalAddress = ProviderWskGetLocalAddress,
};
