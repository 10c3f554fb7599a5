/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagram sockets: WskSendTo, WskSendMessages and WskReceiveFrom. A system call moves one datagram, or
 * several; a request waits only when the system has no room or no datagram. A send with segments is split
 * here where the system can't, or can't at once.
 */
#include "wskp.h"

/* Limits of one batch for BackendSend. */
#define BATCH_MESSAGES 32
#define BATCH_SEGMENTS 128
/* Payload of one call of the backend with segments: of the largest datagram of either family. */
#define SEGMENTS_BYTES 65507u
/* How often a send is tried that fails because of ICMP errors. */
#define SEND_ATTEMPTS 4

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

/* The ancillary data of a send; *Result is NULL if there is none. Send.Lock is held. */
static NTSTATUS ReadControl(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Destination, const CMSGHDR* Info,
                            ULONG Length, BACKEND_CONTROL* Control, BACKEND_CONTROL** Result)
{
    NTSTATUS Status;

    *Result = NULL;
    if (Length == 0 && Socket->SegmentSize == 0) {
        return STATUS_SUCCESS;
    }
    Status = AncillaryRead(Socket, AddressVersion((Destination != NULL) ? Destination : &Socket->Remote),
                           Info, Length, Control);
    if (NT_SUCCESS(Status) && Control->Present != 0) {
        *Result = Control;
    }
    return Status;
}

/* A socket that receives ICMP errors as data may get one as the result of a send too. It concerns an earlier
 * datagram, and this one was not sent. */
static int32_t Send(PPROVIDER_SOCKET Socket, BACKEND_MESSAGE* Messages, ULONG Count, uint32_t* Sent)
{
    int32_t Error = BackendSend(Socket->Handle, Messages, Count, Sent);

    for (int Attempt = 1; Attempt < SEND_ATTEMPTS && Error != 0 && Error != BACKEND_WOULD_BLOCK &&
                          *Sent == 0 && AncillaryHasErrors(Socket);
         Attempt++) {
        Error = BackendSend(Socket->Handle, Messages, Count, Sent);
    }
    return Error;
}

/* A payload that is sent in segments. */
typedef struct _SEGMENTED {
    PMDL Mdl;
    ULONG Offset;
    SIZE_T Length;
    SIZE_T Done; /* bytes that went out */
} SEGMENTED;

static BOOLEAN IsSegmented(const BACKEND_CONTROL* Control)
{
    return Control != NULL && (Control->Present & BACKEND_CONTROL_SEGMENT_SIZE);
}

/* Segments of one call of the backend. */
static SIZE_T SegmentsAtOnce(ULONG Size)
{
    SIZE_T Fitting = (Size < SEGMENTS_BYTES) ? SEGMENTS_BYTES / Size : 1;
    SIZE_T Most = BackendSegmentsAtOnce();

    return (Fitting < Most) ? Fitting : Most;
}

/* Sends the rest, or what is the same, an empty datagram for an empty payload. STATUS_PENDING: the system has
 * no room. When the backend refuses segments, for instance because they are larger than the MTU, each goes as
 * a datagram of its own. */
static NTSTATUS SendSegments(PPROVIDER_SOCKET Socket, const BACKEND_MESSAGE* Model, SEGMENTED* Rest)
{
    BACKEND_SEGMENT Segments[BUFFER_SEGMENTS_MAX];
    ULONG Size = Model->Control->SegmentSize;
    SIZE_T AtOnce = SegmentsAtOnce(Size);

    do {
        BACKEND_CONTROL Control = *Model->Control;
        BACKEND_MESSAGE Message = {.Segments = Segments, .Address = Model->Address, .Control = &Control};
        SIZE_T Left = Rest->Length - Rest->Done;
        SIZE_T Bytes = (Left < AtOnce * Size) ? Left : AtOnce * Size;
        NTSTATUS Status = BufferGather(Rest->Mdl, Rest->Offset, Rest->Done + Bytes, Rest->Done, Segments,
                                       BUFFER_SEGMENTS_MAX, &Message.Count);
        uint32_t Sent;
        int32_t Error;

        if (!NT_SUCCESS(Status)) {
            return Status;
        }
        if (Bytes <= Size) {
            Control.Present &= ~BACKEND_CONTROL_SEGMENT_SIZE;
        }
        Error = Send(Socket, &Message, 1, &Sent);
        if (Error == BACKEND_WOULD_BLOCK) {
            return STATUS_PENDING;
        }
        if (Error == 0) {
            Rest->Done += Bytes;
        } else if (Bytes > Size) {
            AtOnce = 1;
        } else {
            return DatagramStatus(Error);
        }
    } while (Rest->Done < Rest->Length);
    return STATUS_SUCCESS;
}

static BOOLEAN AttemptSegments(PPROVIDER_SOCKET Socket, PIRP Irp, const BACKEND_MESSAGE* Model)
{
    PREQUEST Request = RequestOf(Irp);
    SEGMENTED Rest = {.Mdl = Request->SendTo.Mdl,
                      .Offset = Request->Offset,
                      .Length = ArgumentsOf(Irp)->SendTo.Length,
                      .Done = Irp->IoStatus.Information};
    NTSTATUS Status = SendSegments(Socket, Model, &Rest);

    Irp->IoStatus.Information = Rest.Done;
    return (Status == STATUS_PENDING) ? RequestBlock(Socket, Irp, BACKEND_WRITABLE)
                                      : RequestDone(Irp, Status);
}

BOOLEAN AttemptSendTo(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    PREQUEST Request = RequestOf(Irp);
    PREQUEST_ARGUMENTS Arguments = ArgumentsOf(Irp);
    BACKEND_SEGMENT Segments[BUFFER_SEGMENTS_MAX];
    BACKEND_MESSAGE Message = {.Segments = Segments};
    BACKEND_CONTROL Control;
    uint32_t Sent;
    int32_t Error;
    NTSTATUS Status = ResolveDestination(Socket, &Arguments->SendTo.Remote, &Message.Address);

    if (NT_SUCCESS(Status)) {
        Status = ReadControl(Socket, Message.Address, Request->SendTo.ControlInfo, Request->ControlLength,
                             &Control, &Message.Control);
    }
    if (NT_SUCCESS(Status) && IsSegmented(Message.Control)) {
        return AttemptSegments(Socket, Irp, &Message);
    }
    if (NT_SUCCESS(Status)) {
        Status = BufferGather(Request->SendTo.Mdl, Request->Offset, Arguments->SendTo.Length, 0, Segments,
                              BUFFER_SEGMENTS_MAX, &Message.Count);
    }
    if (!NT_SUCCESS(Status)) {
        return RequestDone(Irp, Status);
    }
    Error = Send(Socket, &Message, 1, &Sent);
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

static NTSTATUS FillBatch(const REQUEST* Request, const BACKEND_MESSAGE* Model, BATCH* Batch)
{
    PWSK_BUF_LIST List = Request->SendMessages.List;
    ULONG Used = 0;

    Batch->Count = 0;
    for (; List != NULL && Batch->Count < BATCH_MESSAGES && Used + BUFFER_SEGMENTS_MAX <= BATCH_SEGMENTS;
         List = List->Next) {
        const WSK_BUF* Buffer = &List->Buffer;
        BACKEND_MESSAGE* Message = &Batch->Messages[Batch->Count];
        NTSTATUS Status;

        *Message = (BACKEND_MESSAGE){
            .Segments = &Batch->Segments[Used], .Address = Model->Address, .Control = Model->Control};
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

/* Sends the rest of the list's first message. */
static NTSTATUS SendFirstSegmented(PPROVIDER_SOCKET Socket, PIRP Irp, const BACKEND_MESSAGE* Model)
{
    PREQUEST Request = RequestOf(Irp);
    const WSK_BUF* Buffer = &Request->SendMessages.List->Buffer;
    SEGMENTED Rest = {
        .Mdl = Buffer->Mdl, .Offset = Buffer->Offset, .Length = Buffer->Length, .Done = Request->Offset};
    NTSTATUS Status = SendSegments(Socket, Model, &Rest);

    Irp->IoStatus.Information += Rest.Done - Request->Offset;
    Request->Offset = (ULONG)Rest.Done;
    if (Status == STATUS_SUCCESS) {
        Request->Offset = 0;
        Request->SendMessages.List = Request->SendMessages.List->Next;
    }
    return Status;
}

/* Sends the next messages of the list. STATUS_PENDING: the system has no room. */
static NTSTATUS SendNextMessages(PPROVIDER_SOCKET Socket, PIRP Irp, const BACKEND_MESSAGE* Model)
{
    BATCH Batch;
    uint32_t Sent = 0;
    int32_t Error;
    NTSTATUS Status = FillBatch(RequestOf(Irp), Model, &Batch);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Error = Send(Socket, Batch.Messages, Batch.Count, &Sent);
    AdvanceList(Irp, Sent);
    return (Error == BACKEND_WOULD_BLOCK) ? STATUS_PENDING : DatagramStatus(Error);
}

BOOLEAN AttemptSendMessages(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    PREQUEST Request = RequestOf(Irp);
    BACKEND_MESSAGE Model = {0};
    BACKEND_CONTROL Control;
    NTSTATUS Status = ResolveDestination(Socket, &ArgumentsOf(Irp)->SendTo.Remote, &Model.Address);

    if (NT_SUCCESS(Status)) {
        Status = ReadControl(Socket, Model.Address, Request->SendMessages.ControlInfo, Request->ControlLength,
                             &Control, &Model.Control);
    }
    while (Status == STATUS_SUCCESS && Request->SendMessages.List != NULL) {
        Status = IsSegmented(Model.Control) ? SendFirstSegmented(Socket, Irp, &Model)
                                            : SendNextMessages(Socket, Irp, &Model);
    }
    return (Status == STATUS_PENDING) ? RequestBlock(Socket, Irp, BACKEND_WRITABLE)
                                      : RequestDone(Irp, Status);
}

/* The common checks of WskSendTo and WskSendMessages; stores their common arguments. Refuses ancillary data
 * that is too long for any system; it is read when it is sent. */
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
    RequestOf(Irp)->Offset = 0;
    RequestOf(Irp)->SendMessages.List = BufferList;
    RequestOf(Irp)->SendMessages.ControlInfo = ControlInfo;
    return CallSubmit(&Call, &Socket->Send, OperationSendMessages);
}

/* ---- receiving --------------------------------------------------------------------------------------- */

/* Without a length variable WSK reports neither control information nor flags. A client that wants ancillary
 * data passes the size of its buffer in the variable. */
static void DeliverControl(PPROVIDER_SOCKET Socket, PREQUEST_ARGUMENTS Arguments,
                           const BACKEND_MESSAGE* Message)
{
    PULONG Length = Arguments->ReceiveFrom.ControlLength;
    BOOLEAN Truncated = FALSE;
    ULONG Used = 0;

    if (Length == NULL) {
        return;
    }
    if (Message->Control != NULL) {
        Used = AncillaryWrite(Socket, Message->Address, Message->Control, Arguments->ReceiveFrom.ControlInfo,
                              (Arguments->ReceiveFrom.ControlInfo != NULL) ? *Length : 0, &Truncated);
    }
    *Length = Used;
    if (Arguments->ReceiveFrom.ControlFlags != NULL) {
        *Arguments->ReceiveFrom.ControlFlags =
            ((Message->Flags & BACKEND_TRUNCATED) ? MSG_TRUNC : 0) | (Truncated ? MSG_CTRUNC : 0);
    }
}

static void DeliverDatagram(PPROVIDER_SOCKET Socket, PIRP Irp, const BACKEND_MESSAGE* Message)
{
    PREQUEST_ARGUMENTS Arguments = ArgumentsOf(Irp);

    if (Arguments->ReceiveFrom.RemoteAddress != NULL) {
        AddressToClient(Message->Address, Arguments->ReceiveFrom.RemoteAddress);
    }
    DeliverControl(Socket, Arguments, Message);
    Irp->IoStatus.Information = Message->Moved;
}

/* The next datagram, or the next ICMP error if the socket receives them as data. An error that the system
 * reports as the result of a receive is taken from its queue. */
static int32_t ReceiveNext(PPROVIDER_SOCKET Socket, BACKEND_MESSAGE* Message)
{
    int32_t Error = IndicateReceive(Socket, Message);

    if (Error == 0 || Message->Control == NULL || !AncillaryHasErrors(Socket)) {
        return Error;
    }
    if (BackendReceiveError(Socket->Handle, Message) == 0) {
        return 0;
    }
    /* The error may have been taken before it was reported here. */
    return (Error == BACKEND_WOULD_BLOCK) ? Error : IndicateReceive(Socket, Message);
}

/* The system filters datagrams that arrive after the remote address was fixed; this drops the ones that were
 * queued before. */
static int32_t ReceiveWanted(PPROVIDER_SOCKET Socket, BACKEND_MESSAGE* Message)
{
    int32_t Error;

    do {
        Error = ReceiveNext(Socket, Message);
    } while (Error == 0 && Socket->Remote.Family != 0 && !AddressIsSame(Message->Address, &Socket->Remote));
    return Error;
}

BOOLEAN AttemptReceiveFrom(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    BACKEND_SEGMENT Segments[BUFFER_SEGMENTS_MAX];
    BACKEND_ADDRESS From;
    BACKEND_CONTROL Control;
    BACKEND_MESSAGE Message = {
        .Segments = Segments, .Address = &From, .Control = AncillaryIsWanted(Socket) ? &Control : NULL};
    int32_t Error;
    NTSTATUS Status = BufferGatherRest(Irp, Segments, &Message.Count);

    if (!NT_SUCCESS(Status)) {
        return RequestDone(Irp, Status);
    }
    Error = ReceiveWanted(Socket, &Message);
    if (Error == BACKEND_WOULD_BLOCK) {
        return RequestBlock(Socket, Irp, BACKEND_READABLE);
    }
    if (Error == 0) {
        DeliverDatagram(Socket, Irp, &Message);
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
