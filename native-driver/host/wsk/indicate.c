/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagram indications: what WskReceiveFromEvent is called with, and WskRelease.
 *
 * The polling thread receives the datagrams that have come into memory of its own, and copies them into one
 * allocation of their size, so that a client that reads too far is detected. As from a network card, the
 * first MDL of a datagram has a header before the payload, a long datagram has a chain of MDLs as if it had
 * come in fragments, and an empty one has no MDL.
 *
 * The client returns an indication at the end of its callback, or keeps it and gives its datagrams back
 * later, in any order, with WskRelease. Datagrams that it does not accept are lost if the event is enabled
 * for all its sockets; otherwise they stay with the socket, and are the next that it receives.
 */
#include "wskp.h"

#define SLOT_BYTES 65536 /* for one datagram */
/* Indications of one socket before the other sockets have a turn. */
#define ROUNDS_MAX 4

/* Ancillary data of a datagram, enough for everything that a socket can ask for. */
#define CONTROL_BYTES 256

/* Headers of IPv4 and UDP, and what a packet of Ethernet carries after the former. */
#define HEADER_BYTES   28
#define HEADER_BYTE    0xEE
#define FRAGMENT_BYTES 1480
/* A fragment, with the header, touches two pages at most. */
#define MDL_BYTES (sizeof(MDL) + 2 * sizeof(PFN_NUMBER))

/* Before the MDLs of a datagram, if its socket receives ancillary data. */
typedef struct _DATAGRAM_CONTROL {
    BACKEND_CONTROL Control;
    DECLSPEC_ALIGN(MEMORY_ALLOCATION_ALIGNMENT) UCHAR Messages[CONTROL_BYTES];
} DATAGRAM_CONTROL, *PDATAGRAM_CONTROL;

typedef struct _DATAGRAM {
    WSK_DATAGRAM_INDICATION Public;
    SOCKADDR_INET RemoteAddress;
    BACKEND_ADDRESS Sender;
    PUCHAR Payload;
    PDATAGRAM_CONTROL Control; /* NULL: not asked for */
    ULONG Length;
    BOOLEAN Released; /* by WskRelease; the socket's Receive.Lock */
} DATAGRAM, *PDATAGRAM;

/* One allocation, with the MDLs and the payloads of its datagrams. */
typedef struct _INDICATION {
    LIST_ENTRY Link; /* SOCKET_INDICATIONS.Held */
    ULONG Count;
    ULONG First;  /* those before it were received by WskReceiveFrom */
    BOOLEAN Kept; /* by the client; the socket's Receive.Lock */
    DATAGRAM Datagrams[];
} INDICATION, *PINDICATION;

/* Where the polling thread receives. */
static struct {
    PUCHAR Slots;
    BACKEND_SEGMENT Segments[BACKEND_RECEIVES_MAX];
    BACKEND_ADDRESS Senders[BACKEND_RECEIVES_MAX];
    BACKEND_CONTROL Controls[BACKEND_RECEIVES_MAX];
    BACKEND_MESSAGE Messages[BACKEND_RECEIVES_MAX];
} Inbox;

NTSTATUS IndicateStart(void)
{
    Inbox.Slots =
        ExAllocatePoolUninitialized(NonPagedPoolNx, (SIZE_T)BACKEND_RECEIVES_MAX * SLOT_BYTES, WSK_POOL_TAG);
    return (Inbox.Slots == NULL) ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}

void IndicateStop(void)
{
    ExFreePoolWithTag(Inbox.Slots, WSK_POOL_TAG);
    Inbox.Slots = NULL;
}

void IndicateInitialize(PPROVIDER_SOCKET Socket)
{
    InitializeListHead(&Socket->Indications.Held);
}

static void Free(PINDICATION Indication)
{
    ExFreePoolWithTag(Indication, WSK_POOL_TAG);
}

/* ---- building ---------------------------------------------------------------------------------------- */

static SIZE_T Align(SIZE_T Bytes)
{
    return (Bytes + MEMORY_ALLOCATION_ALIGNMENT - 1) & ~(SIZE_T)(MEMORY_ALLOCATION_ALIGNMENT - 1);
}

static SIZE_T FragmentsOf(SIZE_T Length)
{
    return (Length + FRAGMENT_BYTES - 1) / FRAGMENT_BYTES;
}

/* The memory of a datagram: ancillary data, its MDLs, the header and the payload. */
static SIZE_T BytesOf(const BACKEND_MESSAGE* Message)
{
    SIZE_T Length = Message->Moved;

    return ((Message->Control != NULL) ? Align(sizeof(DATAGRAM_CONTROL)) : 0) +
           Align(FragmentsOf(Length) * MDL_BYTES + HEADER_BYTES + Length);
}

/* An indication has no flag for what does not fit, but everything does. */
static void FillControl(PPROVIDER_SOCKET Socket, PDATAGRAM Datagram, PDATAGRAM_CONTROL Control,
                        const BACKEND_MESSAGE* Message)
{
    BOOLEAN Truncated;

    Control->Control = *Message->Control;
    Datagram->Control = Control;
    Datagram->Public.ControlInfoLength =
        AncillaryWrite(Socket, Message->Address, Message->Control, (PCMSGHDR)(PVOID)Control->Messages,
                       sizeof(Control->Messages), &Truncated);
    if (Datagram->Public.ControlInfoLength != 0) {
        Datagram->Public.ControlInfo = (PCMSGHDR)(PVOID)Control->Messages;
    }
}

/* Describes the payload by a chain of MDLs at Place, the first of which begins with the header. */
static PMDL ChainMdls(PUCHAR Place, PUCHAR Header, SIZE_T Length)
{
    PMDL First = NULL;
    PMDL* Link = &First;
    SIZE_T Extra = HEADER_BYTES;

    while (Length != 0) {
        SIZE_T Bytes = (Length < FRAGMENT_BYTES) ? Length : FRAGMENT_BYTES;
        PMDL Mdl = (PMDL)(PVOID)Place;

        MmInitializeMdl(Mdl, Header, Extra + Bytes);
        MmBuildMdlForNonPagedPool(Mdl);
        *Link = Mdl;
        Link = &Mdl->Next;
        Place += MDL_BYTES;
        Header += Extra + Bytes;
        Length -= Bytes;
        Extra = 0;
    }
    return First;
}

static void Fill(PPROVIDER_SOCKET Socket, PDATAGRAM Datagram, PUCHAR Place, const BACKEND_MESSAGE* Message)
{
    SIZE_T Length = Message->Moved;
    PUCHAR Header;

    if (Message->Control != NULL) {
        FillControl(Socket, Datagram, (PDATAGRAM_CONTROL)(PVOID)Place, Message);
        Place += Align(sizeof(DATAGRAM_CONTROL));
    }
    Header = Place + FragmentsOf(Length) * MDL_BYTES;
    Datagram->Payload = Header + HEADER_BYTES;
    Datagram->Length = (ULONG)Length;
    Datagram->Sender = *Message->Address;
    RtlFillMemory(Header, HEADER_BYTES, HEADER_BYTE);
    RtlCopyMemory(Datagram->Payload, Message->Segments->Base, Length);
    AddressToClient(Message->Address, (PSOCKADDR)&Datagram->RemoteAddress);
    Datagram->Public.RemoteAddress = (PSOCKADDR)&Datagram->RemoteAddress;
    Datagram->Public.Buffer.Mdl = ChainMdls(Place, Header, Length);
    Datagram->Public.Buffer.Offset = (Length != 0) ? HEADER_BYTES : 0;
    Datagram->Public.Buffer.Length = Length;
}

/* Copies what is in the inbox. NULL: nothing is, or there is no memory, as a network card's driver would lose
 * it. */
static PINDICATION Build(PPROVIDER_SOCKET Socket, ULONG Count)
{
    SIZE_T Base = FIELD_OFFSET(INDICATION, Datagrams) + Count * sizeof(DATAGRAM);
    PINDICATION Indication;
    SIZE_T Bytes;

    Base = Align(Base);
    Bytes = Base;
    for (ULONG Index = 0; Index < Count; Index++) {
        Bytes += BytesOf(&Inbox.Messages[Index]);
    }
    Indication = (Count == 0) ? NULL : ExAllocatePoolUninitialized(NonPagedPoolNx, Bytes, WSK_POOL_TAG);
    if (Indication == NULL) {
        return NULL;
    }
    RtlZeroMemory(Indication, Base);
    Indication->Count = Count;
    for (ULONG Index = 0; Index < Count; Index++) {
        Fill(Socket, &Indication->Datagrams[Index], (PUCHAR)Indication + Base, &Inbox.Messages[Index]);
        Base += BytesOf(&Inbox.Messages[Index]);
    }
    return Indication;
}

/* ---- receiving --------------------------------------------------------------------------------------- */

static void EmptyInbox(BOOLEAN WithControl)
{
    for (ULONG Index = 0; Index < BACKEND_RECEIVES_MAX; Index++) {
        Inbox.Segments[Index] = (BACKEND_SEGMENT){Inbox.Slots + (SIZE_T)Index * SLOT_BYTES, SLOT_BYTES};
        Inbox.Messages[Index] = (BACKEND_MESSAGE){.Segments = &Inbox.Segments[Index],
                                                  .Count = 1,
                                                  .Address = &Inbox.Senders[Index],
                                                  .Control = WithControl ? &Inbox.Controls[Index] : NULL};
    }
}

/* Drops datagrams of others than the fixed remote address, which were queued before it was fixed.
 * Receive.Lock is held. */
static ULONG DropUnwanted(PPROVIDER_SOCKET Socket, ULONG Count)
{
    ULONG Kept = 0;

    if (Socket->Remote.Family == 0) {
        return Count;
    }
    for (ULONG Index = 0; Index < Count; Index++) {
        if (AddressIsSame(Inbox.Messages[Index].Address, &Socket->Remote)) {
            Inbox.Messages[Kept++] = Inbox.Messages[Index];
        }
    }
    return Kept;
}

/* Errors of a datagram socket are those of earlier sends, for which a callback has no argument. A socket that
 * receives them as data gets them when there is nothing else. Receive.Lock is held. More: there may be
 * further datagrams. */
static PINDICATION ReceiveBatch(PPROVIDER_SOCKET Socket, PBOOLEAN More)
{
    uint32_t Count = 0;
    int32_t Error;

    EmptyInbox(AncillaryIsWanted(Socket));
    Error = BackendReceiveMany(Socket->Handle, Inbox.Messages, BACKEND_RECEIVES_MAX, &Count);
    *More = (Error == 0 && Count == BACKEND_RECEIVES_MAX);
    if (Error != 0 && Inbox.Messages[0].Control != NULL && AncillaryHasErrors(Socket) &&
        BackendReceiveError(Socket->Handle, &Inbox.Messages[0]) == 0) {
        Error = 0;
        Count = 1;
        *More = TRUE;
    }
    if (Error != 0 && Error != BACKEND_WOULD_BLOCK) {
        (void)SocketWatchAgain(Socket);
    } else if (!*More) {
        (void)SocketWatch(Socket, BACKEND_READABLE);
    }
    return Build(Socket, DropUnwanted(Socket, Count));
}

static int32_t Copy(const DATAGRAM* Datagram, BACKEND_MESSAGE* Message)
{
    SIZE_T Done = 0;

    for (uint32_t Index = 0; Index < Message->Count && Done < Datagram->Length; Index++) {
        const BACKEND_SEGMENT* Segment = &Message->Segments[Index];
        SIZE_T Left = Datagram->Length - Done;
        SIZE_T Bytes = (Segment->Length < Left) ? Segment->Length : Left;

        RtlCopyMemory(Segment->Base, Datagram->Payload + Done, Bytes);
        Done += Bytes;
    }
    Message->Moved = Done;
    Message->Flags = (Done < Datagram->Length) ? BACKEND_TRUNCATED : 0;
    *Message->Address = Datagram->Sender;
    if (Message->Control != NULL && Datagram->Control != NULL) {
        *Message->Control = Datagram->Control->Control;
    } else if (Message->Control != NULL) {
        RtlZeroMemory(Message->Control, sizeof(*Message->Control));
    }
    return 0;
}

int32_t IndicateReceive(PPROVIDER_SOCKET Socket, BACKEND_MESSAGE* Message)
{
    PINDICATION Refused = Socket->Indications.Refused;
    int32_t Error;

    if (Refused == NULL) {
        return BackendReceive(Socket->Handle, Message);
    }
    Error = Copy(&Refused->Datagrams[Refused->First++], Message);
    if (Refused->First == Refused->Count) {
        Socket->Indications.Refused = NULL;
        Free(Refused);
    }
    return Error;
}

/* ---- the callback ------------------------------------------------------------------------------------ */

/* The client may have changed the links in an earlier callback. */
static PWSK_DATAGRAM_INDICATION Chain(PINDICATION Indication)
{
    for (ULONG Index = Indication->First; Index < Indication->Count; Index++) {
        Indication->Datagrams[Index].Public.Next =
            (Index + 1 < Indication->Count) ? &Indication->Datagrams[Index + 1].Public : NULL;
    }
    return &Indication->Datagrams[Indication->First].Public;
}

/* The next indication, after the event has begun. Receive.Lock is held. */
static PINDICATION Take(PPROVIDER_SOCKET Socket, PBOOLEAN More)
{
    PINDICATION Indication = Socket->Indications.Refused;

    if (Indication != NULL) {
        Socket->Indications.Refused = NULL;
        *More = TRUE;
    } else {
        Indication = ReceiveBatch(Socket, More);
    }
    if (Indication != NULL) {
        InsertTailList(&Socket->Indications.Held, &Indication->Link);
    }
    return Indication;
}

static BOOLEAN IsReleased(const INDICATION* Indication)
{
    for (ULONG Index = Indication->First; Index < Indication->Count; Index++) {
        if (!Indication->Datagrams[Index].Released) {
            return FALSE;
        }
    }
    return TRUE;
}

/* The client has returned the indication. */
static void TakeBack(PPROVIDER_SOCKET Socket, PINDICATION Indication)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Receive.Lock, &Irql);
    for (ULONG Index = Indication->First; Index < Indication->Count; Index++) {
        if (Indication->Datagrams[Index].Released) {
            CallMisuse("WskReceiveFromEvent",
                       "did not return STATUS_PENDING for datagrams that the client "
                       "released with WskRelease",
                       Socket);
        }
    }
    RemoveEntryList(&Indication->Link);
    KeReleaseSpinLock(&Socket->Receive.Lock, Irql);
}

static void Refuse(PPROVIDER_SOCKET Socket, PINDICATION Indication)
{
    BOOLEAN Lost;
    KIRQL Irql;

    TakeBack(Socket, Indication);
    KeAcquireSpinLock(&Socket->Receive.Lock, &Irql);
    Lost = !EventTurnOff(Socket, WSK_EVENT_RECEIVE_FROM) || Socket->Closed;
    if (!Lost) {
        Socket->Indications.Refused = Indication;
    }
    KeReleaseSpinLock(&Socket->Receive.Lock, Irql);
    if (Lost) {
        Free(Indication);
    }
}

/* Another thread of the client may have released the datagrams before its callback returned. */
static void Keep(PPROVIDER_SOCKET Socket, PINDICATION Indication)
{
    BOOLEAN Released;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Receive.Lock, &Irql);
    Released = IsReleased(Indication);
    if (!Released && ReadAcquire(&Socket->Closing)) {
        CallMisuse("WskReceiveFromEvent", "kept datagrams of a socket for which WskCloseSocket was called",
                   Socket);
    }
    Indication->Kept = TRUE;
    if (Released) {
        RemoveEntryList(&Indication->Link);
    }
    KeReleaseSpinLock(&Socket->Receive.Lock, Irql);
    if (Released) {
        Free(Indication);
    }
}

static void Deliver(PPROVIDER_SOCKET Socket, PINDICATION Indication)
{
    const WSK_CLIENT_DATAGRAM_DISPATCH* Dispatch = Socket->ClientDispatch;
    NTSTATUS Status;
    CALL Call;

    CallEnterCompletion(&Call);
    Status =
        Dispatch->WskReceiveFromEvent(Socket->ClientContext, WSK_FLAG_AT_DISPATCH_LEVEL, Chain(Indication));
    CallLeaveCompletion(&Call);
    switch (Status) {
    case STATUS_SUCCESS:
        TakeBack(Socket, Indication);
        Free(Indication);
        break;
    case STATUS_PENDING:
        Keep(Socket, Indication);
        break;
    case STATUS_DATA_NOT_ACCEPTED:
        Refuse(Socket, Indication);
        break;
    default:
        CallMisuse("WskReceiveFromEvent",
                   "returned neither STATUS_SUCCESS, nor STATUS_PENDING, nor STATUS_DATA_NOT_ACCEPTED",
                   Socket);
    }
}

/* TRUE: there may be more. */
static BOOLEAN IndicateOnce(PPROVIDER_SOCKET Socket)
{
    PINDICATION Indication = NULL;
    BOOLEAN More = FALSE, Begun;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Receive.Lock, &Irql);
    Begun = IsListEmpty(&Socket->Receive.Pending) && EventBegin(Socket, WSK_EVENT_RECEIVE_FROM);
    if (Begun) {
        Indication = Take(Socket, &More);
    }
    KeReleaseSpinLock(&Socket->Receive.Lock, Irql);
    if (Indication != NULL) {
        Deliver(Socket, Indication);
    }
    if (Begun) {
        EventEnd(Socket, WSK_EVENT_RECEIVE_FROM);
    }
    return More;
}

void IndicateDatagrams(PPROVIDER_SOCKET Socket)
{
    ULONG Rounds = 0;
    KIRQL Irql;

    while (IndicateOnce(Socket)) {
        if (++Rounds == ROUNDS_MAX) {
            KeAcquireSpinLock(&Socket->Receive.Lock, &Irql);
            if (!Socket->Closed) {
                ReadinessPost(Socket);
            }
            KeReleaseSpinLock(&Socket->Receive.Lock, Irql);
            return;
        }
    }
}

/* ---- WskRelease -------------------------------------------------------------------------------------- */

/* The datagram that a client's pointer refers to, if it has it now. Receive.Lock is held. */
static PDATAGRAM FindDatagram(PPROVIDER_SOCKET Socket, PWSK_DATAGRAM_INDICATION Public)
{
    PLIST_ENTRY Link = Socket->Indications.Held.Flink;

    for (; Link != &Socket->Indications.Held; Link = Link->Flink) {
        PINDICATION Indication = CONTAINING_RECORD(Link, INDICATION, Link);

        for (ULONG Index = Indication->First; Index < Indication->Count; Index++) {
            PDATAGRAM Datagram = &Indication->Datagrams[Index];

            if (&Datagram->Public == Public) {
                return Datagram->Released ? NULL : Datagram;
            }
        }
    }
    return NULL;
}

/* Marks datagrams of the list as released, until one can't be; Marked is their number. Receive.Lock is held.
 */
static BOOLEAN Mark(PPROVIDER_SOCKET Socket, PWSK_DATAGRAM_INDICATION List, PULONG Marked)
{
    for (*Marked = 0; List != NULL; List = List->Next) {
        PDATAGRAM Datagram = FindDatagram(Socket, List);

        if (Datagram == NULL) {
            return FALSE;
        }
        Datagram->Released = TRUE;
        (*Marked)++;
    }
    return TRUE;
}

static void Unmark(PWSK_DATAGRAM_INDICATION List, ULONG Marked)
{
    for (; Marked != 0; Marked--) {
        CONTAINING_RECORD(List, DATAGRAM, Public)->Released = FALSE;
        List = List->Next;
    }
}

/* Takes the indications of which nothing is left. Receive.Lock is held. */
static void TakeReleased(PPROVIDER_SOCKET Socket, PLIST_ENTRY Taken)
{
    PLIST_ENTRY Link = Socket->Indications.Held.Flink;

    while (Link != &Socket->Indications.Held) {
        PINDICATION Indication = CONTAINING_RECORD(Link, INDICATION, Link);

        Link = Link->Flink;
        if (Indication->Kept && IsReleased(Indication)) {
            RemoveEntryList(&Indication->Link);
            InsertTailList(Taken, &Indication->Link);
        }
    }
}

NTSTATUS IndicateRelease(PPROVIDER_SOCKET Socket, PWSK_DATAGRAM_INDICATION List)
{
    LIST_ENTRY Taken;
    BOOLEAN Good;
    ULONG Marked;
    KIRQL Irql;

    InitializeListHead(&Taken);
    if (List == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    KeAcquireSpinLock(&Socket->Receive.Lock, &Irql);
    Good = Mark(Socket, List, &Marked);
    if (Good) {
        TakeReleased(Socket, &Taken);
    } else {
        Unmark(List, Marked);
    }
    KeReleaseSpinLock(&Socket->Receive.Lock, Irql);
    while (!IsListEmpty(&Taken)) {
        Free(CONTAINING_RECORD(RemoveHeadList(&Taken), INDICATION, Link));
    }
    return Good ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* ---- closing ----------------------------------------------------------------------------------------- */

void IndicateCheckClose(PPROVIDER_SOCKET Socket)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Receive.Lock, &Irql);
    for (PLIST_ENTRY Link = Socket->Indications.Held.Flink; Link != &Socket->Indications.Held;
         Link = Link->Flink) {
        if (CONTAINING_RECORD(Link, INDICATION, Link)->Kept) {
            CallMisuse("WskCloseSocket",
                       "called while the client keeps datagrams that it has not released with WskRelease",
                       Socket);
        }
    }
    KeReleaseSpinLock(&Socket->Receive.Lock, Irql);
}

void IndicateDiscard(PPROVIDER_SOCKET Socket)
{
    PINDICATION Refused;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Receive.Lock, &Irql);
    Refused = Socket->Indications.Refused;
    Socket->Indications.Refused = NULL;
    KeReleaseSpinLock(&Socket->Receive.Lock, Irql);
    if (Refused != NULL) {
        Free(Refused);
    }
}
