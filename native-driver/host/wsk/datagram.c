/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagram sockets: WskSendTo, WskSendMessages and WskReceiveFrom. A system call moves one datagram, or
 * several; a request waits only when the system has no room or no datagram.
 */
#include "wskp.h"

/* Limits of one batch for BackendSend. */
#define BATCH_MESSAGES 32
#define BATCH_SEGMENTS 128

/* ICMP port unreachable: the system reports ECONNREFUSED, which is "refused" only for the connect of a
 * stream. */
static NTSTATUS DatagramStatus(int32_t Error)
{
    NTSTATUS Status = (Error == 0) ? STATUS_SUCCESS : StatusFromBackend(Error);

    return (Status == STATUS_CONNECTION_REFUSED) ? STATUS_PORT_UNREACHABLE : Status;
}

/* ---- sending ----------------------------------------------------------------------------------------- */

/* The destination of a send; NULL: the address that the system's socket is connected to. Send.Lock is
 * held. */
static NTSTATUS ResolveDestination(PPROVIDER_SOCKET Socket, BACKEND_ADDRESS* Given,
                                   BACKEND_ADDRESS** Destination)
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
    PREQUEST_ARGUMENTS Arguments = ArgumentsOf(Irp);
    BACKEND_SEGMENT Segments[BUFFER_SEGMENTS_MAX];
    BACKEND_MESSAGE Message = {.Segments = Segments,
                               .Control = Request->SendTo.ControlInfo,
                               .ControlLength = Request->ControlLength};
    uint32_t Sent;
    int32_t Error;
    NTSTATUS Status = ResolveDestination(Socket, &Arguments->SendTo.Remote, &Message.Address);

    if (NT_SUCCESS(Status)) {
        Status = BufferGather(Request->SendTo.Mdl, Request->Offset, Arguments->SendTo.Length, 0, Segments,
                              BUFFER_SEGMENTS_MAX, &Message.Count);
    }
    if (!NT_SUCCESS(Status)) {
        return RequestDone(Irp, Status);
    }
    Error = BackendSend(Socket->Handle, &Message, 1, &Sent);
    if (Error == BACKEND_WOULD_BLOCK) {
        return RequestBlock(Socket, Irp, BACKEND_WRITABLE);
    }
    Irp->IoStatus.Information = Message.Moved;
    return RequestDone(Irp, DatagramStatus(Error));
}

/* The part of a list that is sent with one call of the backend. */
typedef struct _BATCH {
    BACKEND_SEGMENT Segments[BATCH_SEGMENTS];
    BACKEND_MESSAGE Messages[BATCH_MESSAGES];
    ULONG Count;
} BATCH;

static NTSTATUS FillBatch(const REQUEST* Request, BACKEND_ADDRESS* Destination, BATCH* Batch)
{
    PWSK_BUF_LIST List = Request->SendMessages.List;
    ULONG Used = 0;

    Batch->Count = 0;
    for (; List != NULL && Batch->Count < BATCH_MESSAGES && Used + BUFFER_SEGMENTS_MAX <= BATCH_SEGMENTS;
         List = List->Next) {
        const WSK_BUF* Buffer = &List->Buffer;
        BACKEND_MESSAGE* Message = &Batch->Messages[Batch->Count];
        NTSTATUS Status;

        *Message = (BACKEND_MESSAGE){.Segments = &Batch->Segments[Used],
                                     .Address = Destination,
                                     .Control = Request->SendMessages.ControlInfo,
                                     .ControlLength = Request->ControlLength};
        Status = BufferGather(Buffer->Mdl, Buffer->Offset, Buffer->Length, 0, &Batch->Segments[Used],
                              BUFFER_SEGMENTS_MAX, &Message->Count);
        if (!NT_SUCCESS(Status)) {
            return Status;
        }
        Batch->Count++;
        Used += Message->Count;
    }
    return STATUS_SUCCESS;
}

static void AdvanceList(PIRP Irp, ULONG Sent)
{
    PREQUEST Request = RequestOf(Irp);

    while (Sent-- != 0) {
        Irp->IoStatus.Information += Request->SendMessages.List->Buffer.Length;
        Request->SendMessages.List = Request->SendMessages.List->Next;
    }
}

BOOLEAN AttemptSendMessages(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    PREQUEST Request = RequestOf(Irp);
    BACKEND_ADDRESS* Destination;
    NTSTATUS Status = ResolveDestination(Socket, &ArgumentsOf(Irp)->SendTo.Remote, &Destination);

    while (NT_SUCCESS(Status) && Request->SendMessages.List != NULL) {
        BATCH Batch;
        uint32_t Sent = 0;
        int32_t Error;

        Status = FillBatch(Request, Destination, &Batch);
        if (!NT_SUCCESS(Status)) {
            break;
        }
        Error = BackendSend(Socket->Handle, Batch.Messages, Batch.Count, &Sent);
        AdvanceList(Irp, Sent);
        if (Error == BACKEND_WOULD_BLOCK) {
            return RequestBlock(Socket, Irp, BACKEND_WRITABLE);
        }
        Status = DatagramStatus(Error);
    }
    return RequestDone(Irp, Status);
}

/* The common checks of WskSendTo and WskSendMessages; stores their common arguments. Refuses ancillary data
 * that is too long for any system; the backend refuses the rest. */
static NTSTATUS PrepareSend(PCALL Call, PPROVIDER_SOCKET Socket, ULONG Flags, PSOCKADDR RemoteAddress,
                            ULONG ControlInfoLength)
{
    if (!NT_SUCCESS(Call->Status)) {
        return Call->Status;
    }
    if (Flags != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (ControlInfoLength > MAXUSHORT) {
        return STATUS_NOT_SUPPORTED;
    }
    if (SocketState(Socket) == SocketUnbound) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    RequestOf(Call->Irp)->ControlLength = (USHORT)ControlInfoLength;
    if (RemoteAddress != NULL) {
        return AddressFromClient(RemoteAddress, Socket->Family, &ArgumentsOf(Call->Irp)->SendTo.Remote);
    }
    ArgumentsOf(Call->Irp)->SendTo.Remote.Family = 0;
    return STATUS_SUCCESS;
}

/* The length of one datagram has 32 bits in the request. */
static NTSTATUS CheckDatagram(const WSK_BUF* Buffer)
{
    if (Buffer == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    return (Buffer->Length > MAXULONG) ? STATUS_INVALID_BUFFER_SIZE : BufferCheck(Buffer, TRUE);
}

static NTSTATUS WSKAPI SendTo(PWSK_SOCKET WskSocket, PWSK_BUF Buffer, ULONG Flags, PSOCKADDR RemoteAddress,
                              ULONG ControlInfoLength, PCMSGHDR ControlInfo, PIRP Irp)
{
    CALL Call;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskSendTo", WskSocket, CATEGORY_DATAGRAM, Irp, IrpRequired);
    PREQUEST Request = RequestOf(Irp);
    NTSTATUS Status = PrepareSend(&Call, Socket, Flags, RemoteAddress, ControlInfoLength);

    if (NT_SUCCESS(Status)) {
        Status = CheckDatagram(Buffer);
    }
    if (!NT_SUCCESS(Status)) {
        return CallComplete(&Call, Status, 0);
    }
    Request->Offset = Buffer->Offset;
    Request->SendTo.Mdl = Buffer->Mdl;
    Request->SendTo.ControlInfo = ControlInfo;
    ArgumentsOf(Irp)->SendTo.Length = (ULONG)Buffer->Length;
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

    if (NT_SUCCESS(Status)) {
        Status = CheckList(BufferList);
    }
    if (!NT_SUCCESS(Status)) {
        return CallComplete(&Call, Status, 0);
    }
    RequestOf(Irp)->SendMessages.List = BufferList;
    RequestOf(Irp)->SendMessages.ControlInfo = ControlInfo;
    return CallSubmit(&Call, &Socket->Send, OperationSendMessages);
}

/* ---- receiving --------------------------------------------------------------------------------------- */

static void DeliverDatagram(PIRP Irp, const BACKEND_MESSAGE* Message)
{
    PREQUEST_ARGUMENTS Arguments = ArgumentsOf(Irp);

    if (Arguments->ReceiveFrom.RemoteAddress != NULL) {
        AddressToClient(Message->Address, Arguments->ReceiveFrom.RemoteAddress);
    }
    /* Without a length variable WSK reports neither control information nor flags. */
    if (Arguments->ReceiveFrom.ControlLength != NULL) {
        *Arguments->ReceiveFrom.ControlLength = (ULONG)Message->ControlLength;
        if (Arguments->ReceiveFrom.ControlFlags != NULL) {
            *Arguments->ReceiveFrom.ControlFlags = (Message->Flags & BACKEND_TRUNCATED) ? MSG_TRUNC : 0;
        }
    }
    Irp->IoStatus.Information = Message->Moved;
}

/* A client that wants ancillary data passes the size of its buffer in its length variable. */
static void DescribeControl(const REQUEST_ARGUMENTS* Arguments, BACKEND_MESSAGE* Message)
{
    if (Arguments->ReceiveFrom.ControlInfo != NULL && Arguments->ReceiveFrom.ControlLength != NULL) {
        Message->Control = Arguments->ReceiveFrom.ControlInfo;
        Message->ControlLength = *Arguments->ReceiveFrom.ControlLength;
    }
}

/* The system filters datagrams that arrive after the remote address was fixed; this drops the ones that were
 * queued before. */
static int32_t ReceiveWanted(PPROVIDER_SOCKET Socket, BACKEND_MESSAGE* Message)
{
    int32_t Error;

    do {
        Error = IndicateReceive(Socket, Message);
    } while (Error == 0 && Socket->Remote.Family != 0 && !AddressIsSame(Message->Address, &Socket->Remote));
    return Error;
}

BOOLEAN AttemptReceiveFrom(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    BACKEND_SEGMENT Segments[BUFFER_SEGMENTS_MAX];
    BACKEND_ADDRESS From;
    BACKEND_MESSAGE Message = {.Segments = Segments, .Address = &From};
    int32_t Error;
    NTSTATUS Status = BufferGatherRest(Irp, Segments, &Message.Count);

    if (!NT_SUCCESS(Status)) {
        return RequestDone(Irp, Status);
    }
    DescribeControl(ArgumentsOf(Irp), &Message);
    Error = ReceiveWanted(Socket, &Message);
    if (Error == BACKEND_WOULD_BLOCK) {
        return RequestBlock(Socket, Irp, BACKEND_READABLE);
    }
    if (Error == 0) {
        DeliverDatagram(Irp, &Message);
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
    PREQUEST_ARGUMENTS Arguments = ArgumentsOf(Irp);
    NTSTATUS Status = Call.Status;

    if (NT_SUCCESS(Status)) {
        Status = (Flags != 0 || Buffer == NULL) ? STATUS_INVALID_PARAMETER : BufferCheck(Buffer, TRUE);
    }
    if (NT_SUCCESS(Status) && SocketState(Socket) == SocketUnbound) {
        Status = STATUS_INVALID_DEVICE_STATE;
    }
    if (!NT_SUCCESS(Status)) {
        return CallComplete(&Call, Status, 0);
    }
    BufferKeep(Irp, Buffer);
    Arguments->ReceiveFrom.RemoteAddress = RemoteAddress;
    Arguments->ReceiveFrom.ControlLength = ControlLength;
    Arguments->ReceiveFrom.ControlInfo = ControlInfo;
    Arguments->ReceiveFrom.ControlFlags = ControlFlags;
    return CallSubmit(&Call, &Socket->Receive, OperationReceiveFrom);
}

static NTSTATUS WSKAPI Release(PWSK_SOCKET WskSocket, PWSK_DATAGRAM_INDICATION DatagramIndication)
{
    CALL Call;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskRelease", WskSocket, CATEGORY_DATAGRAM, NULL, IrpOptional);

    return CallComplete(&Call, IndicateRelease(Socket, DatagramIndication), 0);
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
