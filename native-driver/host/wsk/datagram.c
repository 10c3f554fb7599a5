/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagram sockets: WskSendTo, WskSendMessages and WskReceiveFrom. Each datagram goes out, or comes in, with
 * one system call or a share of one; a request waits only when the system has no room or no datagram.
 */
#include "wskp.h"

/* What one sendmmsg takes at most. */
#define BATCH_MESSAGES 32
#define BATCH_SEGMENTS 128

/* ICMP reports that nobody listens. Only a stream's connect is "refused". */
static NTSTATUS DatagramStatus(int32_t Error)
{
    NTSTATUS Status = StatusFromBackend(Error);

    return (Status == STATUS_CONNECTION_REFUSED) ? STATUS_PORT_UNREACHABLE : Status;
}

/* ---- sending ----------------------------------------------------------------------------------------- */

/* Where a send without an address goes: NULL stands for the address the system's socket is connected to.
 * Send.Lock is held. */
static NTSTATUS ResolveDestination(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Given,
                                   const BACKEND_ADDRESS** Destination)
{
    *Destination = NULL;
    if (Given->Family != 0) {
        *Destination = Given;
    } else if (Socket->Destination.Family != 0) {
        *Destination = &Socket->Destination;
    } else if (Socket->Remote.Family == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

BOOLEAN AttemptSendTo(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    PREQUEST Request = RequestOf(Irp);
    BACKEND_SEGMENT Segments[BUFFER_SEGMENTS_MAX];
    const BACKEND_ADDRESS* Destination;
    SIZE_T Moved = 0;
    ULONG Count;
    int32_t Error;
    NTSTATUS Status = ResolveDestination(Socket, &ArgumentsOf(Irp)->Address, &Destination);

    if (NT_SUCCESS(Status)) {
        Status = BufferGather(Request->Mdl, Request->Offset, Request->Length, 0, Segments,
                              BUFFER_SEGMENTS_MAX, &Count);
    }
    if (!NT_SUCCESS(Status)) {
        return RequestDone(Irp, Status);
    }
    Error = BackendSendTo(Socket->Handle, Segments, Count, Destination, &Moved);
    if (Error == BACKEND_WOULD_BLOCK) {
        return RequestBlock(Socket, Irp, BACKEND_WRITABLE);
    }
    Irp->IoStatus.Information = Moved;
    return RequestDone(Irp, DatagramStatus(Error));
}

/* The part of a list that goes out with one system call. */
typedef struct _BATCH {
    BACKEND_SEGMENT Segments[BATCH_SEGMENTS];
    BACKEND_MESSAGE Messages[BATCH_MESSAGES];
    ULONG Count;
} BATCH;

static NTSTATUS FillBatch(PWSK_BUF_LIST List, BATCH* Batch)
{
    ULONG Used = 0;

    Batch->Count = 0;
    for (; List != NULL && Batch->Count < BATCH_MESSAGES && Used + BUFFER_SEGMENTS_MAX <= BATCH_SEGMENTS;
         List = List->Next) {
        const WSK_BUF* Buffer = &List->Buffer;
        ULONG Count;
        NTSTATUS Status = BufferGather(Buffer->Mdl, Buffer->Offset, Buffer->Length, 0, &Batch->Segments[Used],
                                       BUFFER_SEGMENTS_MAX, &Count);

        if (!NT_SUCCESS(Status)) {
            return Status;
        }
        Batch->Messages[Batch->Count].Segments = &Batch->Segments[Used];
        Batch->Messages[Batch->Count].Count = Count;
        Batch->Count++;
        Used += Count;
    }
    return STATUS_SUCCESS;
}

static void AdvanceList(PIRP Irp, ULONG Sent)
{
    PREQUEST Request = RequestOf(Irp);

    while (Sent-- != 0) {
        Irp->IoStatus.Information += Request->List->Buffer.Length;
        Request->List = Request->List->Next;
    }
}

BOOLEAN AttemptSendMessages(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    PREQUEST Request = RequestOf(Irp);
    const BACKEND_ADDRESS* Destination;
    NTSTATUS Status = ResolveDestination(Socket, &ArgumentsOf(Irp)->Address, &Destination);

    while (NT_SUCCESS(Status) && Request->List != NULL) {
        BATCH Batch;
        uint32_t Sent = 0;
        int32_t Error;

        Status = FillBatch(Request->List, &Batch);
        if (!NT_SUCCESS(Status)) {
            break;
        }
        Error = BackendSendMessages(Socket->Handle, Batch.Messages, Batch.Count, Destination, &Sent);
        AdvanceList(Irp, Sent);
        if (Error == BACKEND_WOULD_BLOCK) {
            return RequestBlock(Socket, Irp, BACKEND_WRITABLE);
        }
        Status = DatagramStatus(Error);
    }
    return RequestDone(Irp, Status);
}

/* What WskSendTo and WskSendMessages check alike; stores the address in the request. */
static NTSTATUS PrepareSend(PCALL Call, PPROVIDER_SOCKET Socket, ULONG Flags, PSOCKADDR RemoteAddress,
                            ULONG ControlInfoLength)
{
    if (!NT_SUCCESS(Call->Status)) {
        return Call->Status;
    }
    if (Flags != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (ControlInfoLength != 0) {
        return STATUS_NOT_SUPPORTED;
    }
    if (SocketState(Socket) == SocketUnbound) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    if (RemoteAddress != NULL) {
        return AddressFromClient(RemoteAddress, Socket->Family, &ArgumentsOf(Call->Irp)->Address);
    }
    ArgumentsOf(Call->Irp)->Address.Family = 0;
    return STATUS_SUCCESS;
}

static NTSTATUS WSKAPI SendTo(PWSK_SOCKET WskSocket, PWSK_BUF Buffer, ULONG Flags, PSOCKADDR RemoteAddress,
                              ULONG ControlInfoLength, PCMSGHDR ControlInfo, PIRP Irp)
{
    CALL Call;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskSendTo", WskSocket, CATEGORY_DATAGRAM, Irp, IrpRequired);
    PREQUEST Request = RequestOf(Irp);
    NTSTATUS Status = PrepareSend(&Call, Socket, Flags, RemoteAddress, ControlInfoLength);

    UNREFERENCED_PARAMETER(ControlInfo);
    if (NT_SUCCESS(Status)) {
        Status = (Buffer == NULL) ? STATUS_INVALID_PARAMETER : BufferCheck(Buffer, TRUE);
    }
    if (!NT_SUCCESS(Status)) {
        return CallComplete(&Call, Status, 0);
    }
    Request->Mdl = Buffer->Mdl;
    Request->Offset = Buffer->Offset;
    Request->Length = Buffer->Length;
    return CallSubmit(&Call, &Socket->Send, OperationSendTo);
}

static NTSTATUS CheckList(PWSK_BUF_LIST List)
{
    NTSTATUS Status = (List == NULL) ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;

    for (; NT_SUCCESS(Status) && List != NULL; List = List->Next) {
        Status = BufferCheck(&List->Buffer, TRUE);
    }
    return Status;
}

static NTSTATUS WSKAPI SendMessages(PWSK_SOCKET WskSocket, PWSK_BUF_LIST BufferList, ULONG Flags,
                                    PSOCKADDR RemoteAddress, ULONG ControlInfoLength, PCMSGHDR ControlInfo,
                                    PIRP Irp)
{
    CALL Call;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskSendMessages", WskSocket, CATEGORY_DATAGRAM, Irp, IrpRequired);
    NTSTATUS Status = PrepareSend(&Call, Socket, Flags, RemoteAddress, ControlInfoLength);

    UNREFERENCED_PARAMETER(ControlInfo);
    if (NT_SUCCESS(Status)) {
        Status = CheckList(BufferList);
    }
    if (!NT_SUCCESS(Status)) {
        return CallComplete(&Call, Status, 0);
    }
    RequestOf(Irp)->List = BufferList;
    return CallSubmit(&Call, &Socket->Send, OperationSendMessages);
}

/* ---- receiving --------------------------------------------------------------------------------------- */

static void DeliverDatagram(PIRP Irp, const BACKEND_ADDRESS* From, SIZE_T Bytes, BOOLEAN Truncated)
{
    PREQUEST_ARGUMENTS Arguments = ArgumentsOf(Irp);

    if (Arguments->ReceiveFrom.RemoteAddress != NULL) {
        AddressToClient(From, Arguments->ReceiveFrom.RemoteAddress);
    }
    /* Without a length variable WSK reports neither control information nor flags. */
    if (Arguments->ReceiveFrom.ControlLength != NULL) {
        *Arguments->ReceiveFrom.ControlLength = 0;
        if (Arguments->ReceiveFrom.ControlFlags != NULL) {
            *Arguments->ReceiveFrom.ControlFlags = Truncated ? MSG_TRUNC : 0;
        }
    }
    Irp->IoStatus.Information = Bytes;
}

BOOLEAN AttemptReceiveFrom(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    PREQUEST Request = RequestOf(Irp);
    BACKEND_SEGMENT Segments[BUFFER_SEGMENTS_MAX];
    BACKEND_ADDRESS From;
    SIZE_T Moved = 0;
    bool Truncated = false;
    ULONG Count;
    int32_t Error;
    NTSTATUS Status = BufferGather(Request->Mdl, Request->Offset, Request->Length, 0, Segments,
                                   BUFFER_SEGMENTS_MAX, &Count);

    if (!NT_SUCCESS(Status)) {
        return RequestDone(Irp, Status);
    }
    do {
        Error = BackendReceiveFrom(Socket->Handle, Segments, Count, &From, &Moved, &Truncated);
        /* The system filters what comes after the remote address was fixed; drop what was queued before. */
    } while (Error == 0 && Socket->Remote.Family != 0 && !AddressIsSame(&From, &Socket->Remote));
    if (Error == BACKEND_WOULD_BLOCK) {
        return RequestBlock(Socket, Irp, BACKEND_READABLE);
    }
    if (Error == 0) {
        DeliverDatagram(Irp, &From, Moved, Truncated);
    }
    return RequestDone(Irp, DatagramStatus(Error));
}

static NTSTATUS WSKAPI ReceiveFrom(PWSK_SOCKET WskSocket, PWSK_BUF Buffer, ULONG Flags,
                                   PSOCKADDR RemoteAddress, PULONG ControlLength, PCMSGHDR ControlInfo,
                                   PULONG ControlFlags, PIRP Irp)
{
    CALL Call;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskReceiveFrom", WskSocket, CATEGORY_DATAGRAM, Irp, IrpRequired);
    PREQUEST Request = RequestOf(Irp);
    PREQUEST_ARGUMENTS Arguments = ArgumentsOf(Irp);
    NTSTATUS Status = Call.Status;

    UNREFERENCED_PARAMETER(ControlInfo);
    if (NT_SUCCESS(Status)) {
        Status = (Flags != 0 || Buffer == NULL) ? STATUS_INVALID_PARAMETER : BufferCheck(Buffer, TRUE);
    }
    if (NT_SUCCESS(Status) && SocketState(Socket) == SocketUnbound) {
        Status = STATUS_INVALID_DEVICE_STATE;
    }
    if (!NT_SUCCESS(Status)) {
        return CallComplete(&Call, Status, 0);
    }
    Request->Mdl = Buffer->Mdl;
    Request->Offset = Buffer->Offset;
    Request->Length = Buffer->Length;
    Arguments->ReceiveFrom.RemoteAddress = RemoteAddress;
    Arguments->ReceiveFrom.ControlLength = ControlLength;
    Arguments->ReceiveFrom.ControlFlags = ControlFlags;
    return CallSubmit(&Call, &Socket->Receive, OperationReceiveFrom);
}

/* Nothing was ever indicated, so there is nothing to give back. */
static NTSTATUS WSKAPI Release(PWSK_SOCKET WskSocket, PWSK_DATAGRAM_INDICATION DatagramIndication)
{
    CALL Call;

    UNREFERENCED_PARAMETER(DatagramIndication);
    (void)CallEnterSocket(&Call, "WskRelease", WskSocket, CATEGORY_DATAGRAM, NULL, IrpOptional);
    return CallComplete(&Call, STATUS_INVALID_PARAMETER, 0);
}

const WSK_PROVIDER_DATAGRAM_DISPATCH DatagramDispatch = {
    .WskControlSocket = ProviderWskControlSocket,
    .WskCloseSocket = ProviderWskCloseSocket,
    .WskBind = ProviderWskBind,
    .WskSendTo = SendTo,
    .WskReceiveFrom = ReceiveFrom,
    .WskRelease = Release,
    .WskGetLocalAddress = ProviderWskGetLocalAddress,
    .WskSendMessages = SendMessages,
};
