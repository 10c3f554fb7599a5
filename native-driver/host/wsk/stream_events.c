/* SPDX-License-Identifier: Apache-2.0
 *
 * The event callbacks of a connection: WskReceiveEvent with WskRelease, WskDisconnectEvent and
 * WskSendBacklogEvent.
 *
 * Received data stays in the system's socket until the client has taken it. An indication is a copy of what
 * is next to receive, and what the callback accepted is discarded from the socket afterwards. So refused data
 * needs no place of its own, and WskReceive finds it. While the callback runs, receives wait, since they
 * would take the same bytes.
 *
 * The callbacks of a socket are called one after the other, on the polling thread. An indication comes after
 * the completion of every earlier receive, so that the client sees the stream in order.
 */
#include "wskp.h"

/* One indication is a list of up to PIECES buffers. As in a packet, the data does not begin with its MDL. */
#define PIECES       4
#define PIECE_LENGTH 16384
#define PIECE_OFFSET 40
/* Retained bytes of a socket: from this on the client is asked to release them soon. */
#define RETAINED_MANY (128u << 10)
/* With so many there are no more indications, and so TCP's window closes. */
#define RETAINED_MAX (1u << 20)
/* Indications before other sockets have their turn. */
#define ROUNDS 16

/* In Socket->Stream.Held from the callback until the client has given it back. */
typedef struct _DATA_BLOCK {
    LIST_ENTRY Link;
    SIZE_T Length; /* of the data */
    BOOLEAN InCallback;
    BOOLEAN Released; /* WskRelease came before the callback has returned */
    WSK_DATA_INDICATION Pieces[PIECES];
    UCHAR Memory[]; /* for each piece its offset and its data */
} DATA_BLOCK, *PDATA_BLOCK;

/* What a receive would find. */
typedef enum _AHEAD { AheadNothing, AheadData, AheadEnd, AheadFailure } AHEAD;

void StreamEventsInitialize(PPROVIDER_SOCKET Socket)
{
    InitializeListHead(&Socket->Stream.Held);
}

/* ---- looking ahead ----------------------------------------------------------------------------------- */

static BOOLEAN HasFlag(PPROVIDER_SOCKET Socket, LONG Flag)
{
    return (ReadAcquire(&Socket->Stream.Flags) & Flag) != 0;
}

static void SetFlag(PPROVIDER_SOCKET Socket, LONG Flag)
{
    (void)InterlockedOr(&Socket->Stream.Flags, Flag);
}

static void ClearFlag(PPROVIDER_SOCKET Socket, LONG Flag)
{
    (void)InterlockedAnd(&Socket->Stream.Flags, ~Flag);
}

/* Nothing is there: the next edge brings the polling thread here again. Receive.Lock is held. */
static AHEAD Nothing(PPROVIDER_SOCKET Socket)
{
    if (NT_SUCCESS(SocketWatch(Socket, BACKEND_READABLE))) {
        ClearFlag(Socket, STREAM_BEHIND);
    }
    return AheadNothing;
}

/* Receive.Lock is held. */
static AHEAD LookAhead(PPROVIDER_SOCKET Socket)
{
    UCHAR Byte;
    BACKEND_SEGMENT Segment = {&Byte, sizeof(Byte)};
    BACKEND_MESSAGE Message = {.Segments = &Segment, .Count = 1};
    int32_t Error = BackendPeek(Socket->Handle, &Message);

    if (Error == 0 && Message.Moved != 0) {
        return AheadData;
    }
    if (Error == 0 || (Error == BACKEND_WOULD_BLOCK && ReadAcquire(&Socket->ConnectionError) != 0)) {
        /* After a send has reported the error, the system shows the stream as ended in order. */
        return (ReadAcquire(&Socket->ConnectionError) != 0) ? AheadFailure : AheadEnd;
    }
    if (Error == BACKEND_WOULD_BLOCK) {
        return Nothing(Socket);
    }
    return (StreamFail(Socket, Error) == STATUS_INSUFFICIENT_RESOURCES) ? AheadNothing : AheadFailure;
}

/* Whether all receives so far are complete, and the connection is there. Receive.Lock is held. */
static BOOLEAN IsQuiet(PPROVIDER_SOCKET Socket)
{
    return !Socket->Closed && SocketState(Socket) == SocketConnected && !HasFlag(Socket, STREAM_INDICATING) &&
           IsListEmpty(&Socket->Receive.Pending) && IsListEmpty(&Socket->Receive.Done) &&
           ReadAcquire(&Socket->Receive.Baton) == BatonFree;
}

/* ---- indications ------------------------------------------------------------------------------------- */

static void FreeBlock(PDATA_BLOCK Block)
{
    for (ULONG Index = 0; Index < PIECES; Index++) {
        if (Block->Pieces[Index].Buffer.Mdl != NULL) {
            IoFreeMdl(Block->Pieces[Index].Buffer.Mdl);
        }
    }
    ExFreePoolWithTag(Block, WSK_POOL_TAG);
}

static BOOLEAN DescribePiece(PDATA_BLOCK Block, ULONG Index, SIZE_T Length)
{
    PWSK_DATA_INDICATION Piece = &Block->Pieces[Index];
    PUCHAR Memory = Block->Memory + (SIZE_T)Index * (PIECE_OFFSET + PIECE_LENGTH);

    Piece->Buffer.Mdl = IoAllocateMdl(Memory, (ULONG)(PIECE_OFFSET + Length), FALSE, FALSE, NULL);
    if (Piece->Buffer.Mdl == NULL) {
        return FALSE;
    }
    MmBuildMdlForNonPagedPool(Piece->Buffer.Mdl);
    Piece->Buffer.Offset = PIECE_OFFSET;
    Piece->Buffer.Length = Length;
    if (Index != 0) {
        Block->Pieces[Index - 1].Next = Piece;
    }
    return TRUE;
}

static PDATA_BLOCK MakeBlock(SIZE_T Length)
{
    ULONG Count = (ULONG)((Length + PIECE_LENGTH - 1) / PIECE_LENGTH);
    SIZE_T Size = sizeof(DATA_BLOCK) + (SIZE_T)Count * PIECE_OFFSET + Length;
    PDATA_BLOCK Block = ExAllocatePoolZero(NonPagedPoolNx, Size, WSK_POOL_TAG);

    if (Block == NULL) {
        return NULL;
    }
    Block->Length = Length;
    for (ULONG Index = 0; Index < Count; Index++) {
        SIZE_T Left = Length - (SIZE_T)Index * PIECE_LENGTH;

        if (!DescribePiece(Block, Index, (Left < PIECE_LENGTH) ? Left : PIECE_LENGTH)) {
            FreeBlock(Block);
            return NULL;
        }
    }
    return Block;
}

/* Copies what is next to receive. FALSE: there is less than expected. Receive.Lock is held. */
static BOOLEAN Fill(PPROVIDER_SOCKET Socket, PDATA_BLOCK Block)
{
    BACKEND_SEGMENT Segments[PIECES];
    BACKEND_MESSAGE Message = {.Segments = Segments};

    for (PWSK_DATA_INDICATION Piece = Block->Pieces; Piece != NULL; Piece = Piece->Next) {
        Segments[Message.Count].Base = (PUCHAR)MmGetMdlVirtualAddress(Piece->Buffer.Mdl) + PIECE_OFFSET;
        Segments[Message.Count].Length = Piece->Buffer.Length;
        Message.Count++;
    }
    return BackendPeek(Socket->Handle, &Message) == 0 && Message.Moved == Block->Length;
}

/* NULL: out of memory; the polling thread tries again. Receive.Lock is held. */
static PDATA_BLOCK Peek(PPROVIDER_SOCKET Socket, SIZE_T* Readable)
{
    SIZE_T Length;
    PDATA_BLOCK Block;

    if (BackendQueryReadable(Socket->Handle, Readable) != 0 || *Readable == 0) {
        return NULL;
    }
    Length = (*Readable < PIECES * PIECE_LENGTH) ? *Readable : PIECES * PIECE_LENGTH;
    Block = MakeBlock(Length);
    if (Block == NULL) {
        ReadinessPost(Socket);
    } else if (!Fill(Socket, Block)) {
        FreeBlock(Block);
        Block = NULL;
    }
    return Block;
}

/* Receive.Lock is held. */
static BOOLEAN MayIndicate(PPROVIDER_SOCKET Socket)
{
    return EventIsEnabled(Socket, WSK_EVENT_RECEIVE) && !HasFlag(Socket, STREAM_STOPPED) && IsQuiet(Socket) &&
           Socket->Stream.HeldBytes < RETAINED_MAX && LookAhead(Socket) == AheadData;
}

static PDATA_BLOCK BeginIndication(PPROVIDER_SOCKET Socket, PULONG Flags)
{
    PDATA_BLOCK Block = NULL;
    SIZE_T Readable;

    KeAcquireSpinLockAtDpcLevel(&Socket->Receive.Lock);
    if (MayIndicate(Socket)) {
        Block = Peek(Socket, &Readable);
    }
    if (Block != NULL && !EventBegin(Socket, WSK_EVENT_RECEIVE)) {
        FreeBlock(Block);
        Block = NULL;
    }
    if (Block != NULL) {
        SetFlag(Socket, STREAM_INDICATING);
        Block->InCallback = TRUE;
        InsertTailList(&Socket->Stream.Held, &Block->Link);
        *Flags = WSK_FLAG_AT_DISPATCH_LEVEL | ((Block->Length == Readable) ? WSK_FLAG_ENTIRE_MESSAGE : 0) |
                 ((Socket->Stream.HeldBytes >= RETAINED_MANY) ? WSK_FLAG_RELEASE_ASAP : 0);
        Socket->Stream.HeldBytes += Block->Length;
    }
    KeReleaseSpinLockFromDpcLevel(&Socket->Receive.Lock);
    return Block;
}

/* Discards what the client took. Receive.Lock is held. */
static void Consume(PPROVIDER_SOCKET Socket, SIZE_T Length)
{
    while (Length != 0) {
        SIZE_T Moved = 0;

        if (BackendDiscard(Socket->Handle, Length, &Moved) != 0 || Moved == 0) {
            break;
        }
        Length -= Moved;
    }
}

/* Receive.Lock is held. */
static void Unhold(PPROVIDER_SOCKET Socket, PDATA_BLOCK Block)
{
    RemoveEntryList(&Block->Link);
    Socket->Stream.HeldBytes -= Block->Length;
}

/* What the client's answer means: how many bytes it took, and whether it keeps the list. */
static SIZE_T CheckAnswer(PPROVIDER_SOCKET Socket, PDATA_BLOCK Block, NTSTATUS Status, SIZE_T Accepted)
{
    switch (Status) {
    case STATUS_SUCCESS:
        if (Accepted > Block->Length) {
            CallMisuse("WskReceiveEvent", "accepted more bytes than were indicated", Socket);
        }
        return Accepted;
    case STATUS_PENDING:
        return Block->Length;
    case STATUS_DATA_NOT_ACCEPTED:
        return 0;
    default:
        CallMisuse("WskReceiveEvent", "returned a status that is not documented for it", Socket);
    }
}

static void EndIndication(PPROVIDER_SOCKET Socket, PDATA_BLOCK Block, NTSTATUS Status, SIZE_T Accepted)
{
    SIZE_T Taken = CheckAnswer(Socket, Block, Status, Accepted);
    BOOLEAN Keep = (Status == STATUS_PENDING);

    KeAcquireSpinLockAtDpcLevel(&Socket->Receive.Lock);
    if (Block->Released && !Keep) {
        CallMisuse("WskReceiveEvent", "released its list, but did not return STATUS_PENDING", Socket);
    }
    if (Keep && !Block->Released && ReadAcquire(&Socket->Closing)) {
        CallMisuse("WskReceiveEvent", "returned STATUS_PENDING after WskCloseSocket was called", Socket);
    }
    if (!Socket->Closed && SocketState(Socket) == SocketConnected) {
        Consume(Socket, Taken);
    }
    if (Taken < Block->Length) {
        SetFlag(Socket, STREAM_STOPPED);
    }
    Block->InCallback = FALSE;
    if (!Keep || Block->Released) {
        Unhold(Socket, Block);
        Keep = FALSE;
    }
    ClearFlag(Socket, STREAM_INDICATING);
    KeReleaseSpinLockFromDpcLevel(&Socket->Receive.Lock);
    if (!Keep) {
        FreeBlock(Block);
    }
}

/* FALSE: there is nothing to indicate now. */
static BOOLEAN IndicateData(PPROVIDER_SOCKET Socket)
{
    CALL Call;
    ULONG Flags = 0;
    PDATA_BLOCK Block = BeginIndication(Socket, &Flags);
    SIZE_T Accepted;
    NTSTATUS Status;

    if (Block == NULL) {
        return FALSE;
    }
    Accepted = Block->Length;
    CallEnterCompletion(&Call);
    Status = EventsConnectionCallbacks(Socket)->WskReceiveEvent(Socket->ClientContext, Flags, Block->Pieces,
                                                                Block->Length, &Accepted);
    CallLeaveCompletion(&Call);
    EndIndication(Socket, Block, Status, Accepted);
    RequestRun(Socket, &Socket->Receive); /* receives that waited meanwhile */
    EventEnd(Socket, WSK_EVENT_RECEIVE);
    return TRUE;
}

/* ---- the end ----------------------------------------------------------------------------------------- */

/* TRUE: the client is to be told, with Flags. A reset is told at once, an orderly end after the data before
 * it. Receive.Lock is held. */
static BOOLEAN HasEnded(PPROVIDER_SOCKET Socket, PULONG Flags)
{
    AHEAD Ahead = LookAhead(Socket);
    BOOLEAN Reset =
        (BOOLEAN)(Ahead == AheadFailure || (Ahead == AheadData && BackendIsBroken(Socket->Handle)));

    *Flags = WSK_FLAG_AT_DISPATCH_LEVEL | (Reset ? WSK_FLAG_ABORTIVE : 0);
    return Reset || Ahead == AheadEnd;
}

static void IndicateEnd(PPROVIDER_SOCKET Socket)
{
    CALL Call;
    ULONG Flags;
    BOOLEAN Tell = FALSE;

    KeAcquireSpinLockAtDpcLevel(&Socket->Receive.Lock);
    if (EventIsEnabled(Socket, WSK_EVENT_DISCONNECT) && !HasFlag(Socket, STREAM_END_TOLD) &&
        IsQuiet(Socket) && HasEnded(Socket, &Flags)) {
        Tell = EventBegin(Socket, WSK_EVENT_DISCONNECT);
    }
    if (Tell) {
        SetFlag(Socket, STREAM_END_TOLD);
    }
    KeReleaseSpinLockFromDpcLevel(&Socket->Receive.Lock);
    if (Tell) {
        CallEnterCompletion(&Call);
        if (EventsConnectionCallbacks(Socket)->WskDisconnectEvent(Socket->ClientContext, Flags) !=
            STATUS_SUCCESS) {
            CallMisuse("WskDisconnectEvent", "did not return STATUS_SUCCESS", Socket);
        }
        CallLeaveCompletion(&Call);
        EventEnd(Socket, WSK_EVENT_DISCONNECT);
    }
}

/* ---- the send backlog -------------------------------------------------------------------------------- */

/* 0: unknown. A direction's lock is held. */
static LONG IdealBacklog(PPROVIDER_SOCKET Socket)
{
    uint32_t Now = 0;

    if (Socket->Closed || SocketState(Socket) != SocketConnected ||
        BackendGetOption(Socket->Handle, BackendSendBuffer, &Now) != 0) {
        return 0;
    }
    return (LONG)Now;
}

/* The client can query the first value, so only later ones are told. */
void StreamNoteBacklog(PPROVIDER_SOCKET Socket)
{
    if (EventIsEnabled(Socket, WSK_EVENT_SEND_BACKLOG)) {
        (void)InterlockedCompareExchange(&Socket->Stream.SendBacklog, IdealBacklog(Socket), 0);
    }
}

void StreamIndicateBacklog(PPROVIDER_SOCKET Socket)
{
    CALL Call;
    BOOLEAN Tell = FALSE;
    LONG Backlog;

    if (!EventIsEnabled(Socket, WSK_EVENT_SEND_BACKLOG)) {
        return;
    }
    KeAcquireSpinLockAtDpcLevel(&Socket->Send.Lock);
    Backlog = IdealBacklog(Socket);
    if (Backlog != 0 && InterlockedExchange(&Socket->Stream.SendBacklog, Backlog) != Backlog) {
        Tell = EventBegin(Socket, WSK_EVENT_SEND_BACKLOG);
    }
    KeReleaseSpinLockFromDpcLevel(&Socket->Send.Lock);
    if (Tell) {
        CallEnterCompletion(&Call);
        if (EventsConnectionCallbacks(Socket)->WskSendBacklogEvent(Socket->ClientContext, (SIZE_T)Backlog) !=
            STATUS_SUCCESS) {
            CallMisuse("WskSendBacklogEvent", "did not return STATUS_SUCCESS", Socket);
        }
        CallLeaveCompletion(&Call);
        EventEnd(Socket, WSK_EVENT_SEND_BACKLOG);
    }
}

/* ---- the polling thread and the others --------------------------------------------------------------- */

/* A reset is told while there is still data to receive, so edges are wanted even then. */
static void Watch(PPROVIDER_SOCKET Socket)
{
    KeAcquireSpinLockAtDpcLevel(&Socket->Receive.Lock);
    if (!Socket->Closed && SocketState(Socket) == SocketConnected) {
        (void)SocketWatch(Socket, BACKEND_READABLE);
    }
    KeReleaseSpinLockFromDpcLevel(&Socket->Receive.Lock);
}

void StreamIndicate(PPROVIDER_SOCKET Socket)
{
    ULONG Round = 0;

    if (!EventIsEnabled(Socket, WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT)) {
        return;
    }
    Watch(Socket);
    SetFlag(Socket, STREAM_BEHIND);
    while (IndicateData(Socket)) {
        if (++Round == ROUNDS) {
            StreamContinue(Socket);
            return;
        }
    }
    IndicateEnd(Socket);
}

void StreamContinue(PPROVIDER_SOCKET Socket)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Receive.Lock, &Irql);
    if (!Socket->Closed) {
        ReadinessPost(Socket);
    }
    KeReleaseSpinLock(&Socket->Receive.Lock, Irql);
}

void StreamReceiveCompleted(PPROVIDER_SOCKET Socket)
{
    if (HasFlag(Socket, STREAM_STOPPED)) {
        ClearFlag(Socket, STREAM_STOPPED);
    }
}

BOOLEAN StreamIsBehind(PPROVIDER_SOCKET Socket)
{
    return HasFlag(Socket, STREAM_BEHIND) && EventIsEnabled(Socket, WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT);
}

BOOLEAN StreamIsIndicating(PPROVIDER_SOCKET Socket)
{
    return HasFlag(Socket, STREAM_INDICATING);
}

/* ---- giving indications back ------------------------------------------------------------------------- */

/* Receive.Lock is held. */
static PDATA_BLOCK FindHeld(PPROVIDER_SOCKET Socket, const WSK_DATA_INDICATION* List)
{
    for (PLIST_ENTRY Link = Socket->Stream.Held.Flink; Link != &Socket->Stream.Held; Link = Link->Flink) {
        PDATA_BLOCK Block = CONTAINING_RECORD(Link, DATA_BLOCK, Link);

        if (Block->Pieces == List && !Block->Released) {
            return Block;
        }
    }
    return NULL;
}

/* A list that is released before its callback has returned is freed after it. */
NTSTATUS StreamRelease(PPROVIDER_SOCKET Socket, PWSK_DATA_INDICATION List)
{
    PDATA_BLOCK Block;
    BOOLEAN Free = FALSE;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Receive.Lock, &Irql);
    Block = FindHeld(Socket, List);
    if (Block != NULL && Block->InCallback) {
        Block->Released = TRUE;
    } else if (Block != NULL) {
        Free = TRUE;
        if (Socket->Stream.HeldBytes >= RETAINED_MAX) {
            ReadinessPost(Socket);
        }
        Unhold(Socket, Block);
    }
    KeReleaseSpinLock(&Socket->Receive.Lock, Irql);
    if (Free) {
        FreeBlock(Block);
    }
    return (Block != NULL) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

void StreamCheckClose(PPROVIDER_SOCKET Socket)
{
    BOOLEAN Held = FALSE;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Receive.Lock, &Irql);
    for (PLIST_ENTRY Link = Socket->Stream.Held.Flink; Link != &Socket->Stream.Held; Link = Link->Flink) {
        Held = Held || !CONTAINING_RECORD(Link, DATA_BLOCK, Link)->InCallback;
    }
    KeReleaseSpinLock(&Socket->Receive.Lock, Irql);
    if (Held) {
        CallMisuse("WskCloseSocket", "called before a retained indication was given to WskRelease", Socket);
    }
}
