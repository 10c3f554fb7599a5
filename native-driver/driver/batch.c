/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagrams in batches: SET_RECEIVE_RING, RECEIVE_MESSAGES, GET_RECEIVE_RING, and WskReceiveFromEvent.
 *
 * WSK calls the event with what has come. It is copied, never kept: into a request that waits if the ring is
 * empty, else into the ring. A request takes as much as it has room for, at once if there is anything, or
 * waits until there is.
 *
 * A full ring drops what comes, and counts it. A ring that holds back refuses it instead: WSK then keeps it,
 * if it can, and calls no more until the event is enabled again. A work item does that when the ring is half
 * empty. The callback that refused may not have returned yet, and enabling would be forgotten then; so the
 * work item disables the event first, which says whether a callback is running.
 *
 * A RECEIVE_MESSAGES that waits is an operation in flight like any other. Its IRP goes to the ring instead of
 * to WSK: the ring queues it with a cancel routine, and completes it.
 */
#include "batch.h"

#include "address.h"
#include "dispatch.h"
#include "trace.h"

static DRIVER_CANCEL CancelWaiting;
static IO_WORKITEM_ROUTINE ResumeWorkRoutine;

C_ASSERT(WSKB_MINIMUM_BATCH >=
         sizeof(WSKB_MESSAGES) + sizeof(WSKB_MESSAGE) + ((WSKB_MAXIMUM_DATAGRAM + 7) & ~7));

static PWSKB_RING RingOf(PWSKB_SOCKET Socket)
{
    return &Socket->Datagram.Ring;
}

/* ---- the output -------------------------------------------------------------------------------------- */

/* A batch that is being written. */
typedef struct _WSKB_BATCH {
    UCHAR* Output; /* the caller's memory, which need not be aligned */
    ULONG Count;
    ULONG Offset; /* of the next payload */
    LONG64 Bytes; /* of payload */
} WSKB_BATCH, *PWSKB_BATCH;

/* What one more datagram takes in the output. */
static ULONG RoomFor(ULONG Length)
{
    return (ULONG)sizeof(WSKB_MESSAGE) + WskbRingAlign(Length);
}

/* Total is the number of datagrams that will be added. */
static VOID BeginBatch(PWSKB_BATCH Batch, PWSKB_OPERATION Operation, ULONG Total)
{
    Batch->Output = Operation->Output;
    Batch->Count = 0;
    Batch->Offset = (ULONG)(sizeof(WSKB_MESSAGES) + Total * sizeof(WSKB_MESSAGE));
    Batch->Bytes = 0;
}

/* Returns where the payload belongs. */
static UCHAR* AddToBatch(PWSKB_BATCH Batch, const WSKB_DATAGRAM* Datagram)
{
    WSKB_MESSAGE Entry = {Batch->Offset, 0, *Datagram};
    UCHAR* Payload = Batch->Output + Batch->Offset;

    RtlCopyMemory(Batch->Output + sizeof(WSKB_MESSAGES) + Batch->Count * sizeof(Entry), &Entry,
                  sizeof(Entry));
    Batch->Count++;
    Batch->Offset += WskbRingAlign(Datagram->Length);
    Batch->Bytes += Datagram->Length;
    return Payload;
}

/* Returns the bytes of output. */
static ULONG FinishBatch(const WSKB_BATCH* Batch, PWSKB_OPERATION Operation)
{
    PWSKB_RING Ring = RingOf(Operation->Socket);
    WSKB_COUNTERS* Counters = &Operation->Driver->Counters;
    WSKB_MESSAGES Head = {sizeof(Head), Batch->Count, 0, sizeof(WSKB_MESSAGE), 0};
    KIRQL Irql;

    KeAcquireSpinLock(&Ring->Lock, &Irql);
    Head.Overruns = Ring->Overruns;
    Head.Left = Ring->Datagrams;
    KeReleaseSpinLock(&Ring->Lock, Irql);
    RtlCopyMemory(Batch->Output, &Head, sizeof(Head));
    InterlockedAdd64(&Counters->ReceivedDatagrams, Batch->Count);
    InterlockedAdd64(&Counters->ReceivedBytes, Batch->Bytes);
    return Batch->Offset;
}

/* ---- from the ring to a request ---------------------------------------------------------------------- */

/* Ring's lock held. Whether there is something to take. */
static BOOLEAN HasReadyLocked(PWSKB_RING Ring)
{
    WSKB_RING_CURSOR Cursor = WskbRingHeadLocked(Ring);
    PWSKB_RECORD Record = WskbRingAt(Ring, &Cursor);
    return Record != NULL && ReadAcquire(&Record->State) == WSKB_RECORD_READY;
}

/* Ring's lock held. How many records fit in the request's output. */
static ULONG CountFittingLocked(PWSKB_RING Ring, ULONG Room)
{
    WSKB_RING_CURSOR Cursor = WskbRingHeadLocked(Ring);
    PWSKB_RECORD Record = WskbRingAt(Ring, &Cursor);
    ULONG Used = sizeof(WSKB_MESSAGES);
    ULONG Count = 0;
    while (Record != NULL && ReadAcquire(&Record->State) == WSKB_RECORD_READY) {
        Used += RoomFor(Record->Datagram.Length);
        if (Used > Room) {
            break;
        }
        Count++;
        WskbRingAdvance(Ring, Record, &Cursor);
        Record = WskbRingAt(Ring, &Cursor);
    }
    return Count;
}

/* The caller serves, so that the records stay. There is at least one, and it fits. Returns the bytes of
 * output. */
static ULONG FillFromRing(PWSKB_OPERATION Operation)
{
    PWSKB_RING Ring = RingOf(Operation->Socket);
    WSKB_BATCH Batch;
    KIRQL Irql;

    KeAcquireSpinLock(&Ring->Lock, &Irql);
    ULONG Count = CountFittingLocked(Ring, Operation->PayloadLength);
    WSKB_RING_CURSOR Cursor = WskbRingHeadLocked(Ring);
    KeReleaseSpinLock(&Ring->Lock, Irql);
    BeginBatch(&Batch, Operation, Count);
    while (Batch.Count < Count) {
        PWSKB_RECORD Record = WskbRingAt(Ring, &Cursor);
        _Analysis_assume_(Record != NULL);
        UCHAR* Payload = AddToBatch(&Batch, &Record->Datagram);
        RtlCopyMemory(Payload, Record + 1, Record->Datagram.Length);
        WskbRingAdvance(Ring, Record, &Cursor);
    }
    KeAcquireSpinLock(&Ring->Lock, &Irql);
    WskbRingFreeLocked(Ring, Cursor, Count);
    KeReleaseSpinLock(&Ring->Lock, Irql);
    return FinishBatch(&Batch, Operation);
}

/* ---- from WSK to a request or the ring --------------------------------------------------------------- */

/* A list of datagrams from WSK, and the flags that hold for all of them. */
typedef struct _WSKB_INDICATED {
    PWSK_DATAGRAM_INDICATION List;
    ULONG Flags; /* WSKB_DATAGRAM_... */
} WSKB_INDICATED, *PWSKB_INDICATED;

/* Mapping may fail for lack of memory; it is kept once it has succeeded. */
static BOOLEAN IsMapped(const WSK_BUF* Buffer)
{
    SIZE_T Left = (SIZE_T)Buffer->Offset + Buffer->Length;
    for (PMDL Mdl = Buffer->Mdl; Buffer->Length != 0 && Left != 0; Mdl = Mdl->Next) {
        if (Mdl == NULL ||
            MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority | MdlMappingNoExecute) == NULL) {
            return FALSE;
        }
        SIZE_T Length = MmGetMdlByteCount(Mdl);
        Left -= Length < Left ? Length : Left;
    }
    return TRUE;
}

/* Whether all of the list can be copied. The list itself is WSK's, and stays as it is. */
static BOOLEAN IsUsable(PWSK_DATAGRAM_INDICATION List)
{
    for (; List != NULL; List = List->Next) {
        if (List->Buffer.Length > WSKB_MAXIMUM_DATAGRAM || !IsMapped(&List->Buffer)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Copies the payload of a mapped datagram. */
static VOID CopyPayload(const WSK_BUF* Buffer, UCHAR* Target)
{
    SIZE_T Left = Buffer->Length;
    SIZE_T Start = Buffer->Offset;
    for (PMDL Mdl = Buffer->Mdl; Left != 0; Mdl = Mdl->Next) {
        SIZE_T Length = MmGetMdlByteCount(Mdl);
        if (Start >= Length) {
            Start -= Length;
            continue;
        }
        const UCHAR* Source = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority | MdlMappingNoExecute);
        Length = Length - Start < Left ? Length - Start : Left;
        RtlCopyMemory(Target, Source + Start, Length);
        Target += Length;
        Left -= Length;
        Start = 0;
    }
}

static VOID Describe(const WSKB_INDICATED* Indicated, WSKB_DATAGRAM* Datagram)
{
    const WSK_DATAGRAM_INDICATION* Indication = Indicated->List;
    RtlZeroMemory(Datagram, sizeof(*Datagram));
    Datagram->Size = sizeof(*Datagram);
    Datagram->Flags = Indicated->Flags;
    Datagram->Length = (ULONG)Indication->Buffer.Length;
    WskbWriteAddress((const SOCKADDR_INET*)Indication->RemoteAddress, &Datagram->RemoteAddress);
}

static ULONG CountFitting(PWSK_DATAGRAM_INDICATION List, ULONG Room)
{
    ULONG Used = sizeof(WSKB_MESSAGES);
    ULONG Count = 0;
    for (; List != NULL; List = List->Next) {
        Used += RoomFor((ULONG)List->Buffer.Length);
        if (Used > Room) {
            break;
        }
        Count++;
    }
    return Count;
}

/* Moves as many datagrams as fit from the list to the output; at least one is there, and fits. Returns the
 * bytes of output. */
static ULONG FillFromWsk(PWSKB_OPERATION Operation, PWSKB_INDICATED Indicated)
{
    ULONG Count = CountFitting(Indicated->List, Operation->PayloadLength);
    WSKB_DATAGRAM Datagram;
    WSKB_BATCH Batch;

    BeginBatch(&Batch, Operation, Count);
    while (Batch.Count < Count) {
        Describe(Indicated, &Datagram);
        CopyPayload(&Indicated->List->Buffer, AddToBatch(&Batch, &Datagram));
        Indicated->List = Indicated->List->Next;
    }
    return FinishBatch(&Batch, Operation);
}

static VOID CountOverruns(PWSKB_SOCKET Socket, ULONG Dropped)
{
    PWSKB_RING Ring = RingOf(Socket);
    KIRQL Irql;

    if (Dropped != 0) {
        KeAcquireSpinLock(&Ring->Lock, &Irql);
        Ring->Overruns += Dropped;
        KeReleaseSpinLock(&Ring->Lock, Irql);
        InterlockedAdd64(&Socket->Driver->Counters.DroppedDatagrams, Dropped);
    }
}

/* Ring's lock held. Reserves records for the first datagrams of the list; returns their number. */
static ULONG ReserveLocked(PWSKB_RING Ring, PWSK_DATAGRAM_INDICATION List)
{
    ULONG Count = 0;
    while (List != NULL && WskbRingReserveLocked(Ring, (ULONG)List->Buffer.Length)) {
        Count++;
        List = List->Next;
    }
    return Count;
}

static ULONG CountList(PWSK_DATAGRAM_INDICATION List)
{
    ULONG Count = 0;
    for (; List != NULL; List = List->Next) {
        Count++;
    }
    return Count;
}

/* Writes the first datagrams of the list to the records that were reserved for them. */
static VOID WriteRecords(PWSKB_RING Ring, WSKB_RING_CURSOR Cursor, PWSKB_INDICATED Indicated, ULONG Count)
{
    for (; Count != 0; Count--) {
        PWSKB_RECORD Record = WskbRingAt(Ring, &Cursor);
        _Analysis_assume_(Record != NULL);
        WskbRingAdvance(Ring, Record, &Cursor);
        Describe(Indicated, &Record->Datagram);
        CopyPayload(&Indicated->List->Buffer, (UCHAR*)(Record + 1));
        Indicated->List = Indicated->List->Next;
        WriteRelease(&Record->State, WSKB_RECORD_READY); /* the record may be taken from here on */
    }
}

/* The event is to be enabled again when no more than this, and no more than half, is in the ring. Less than
 * now: otherwise WSK would offer the same list again at once. */
static VOID PauseLocked(PWSKB_RING Ring, ULONG Used, ULONG Datagrams)
{
    ULONG HalfUsed = Ring->Size / 2;
    ULONG HalfDatagrams = Ring->MaximumDatagrams / 2;
    Ring->Paused = TRUE;
    Ring->ResumeUsed = Used < HalfUsed ? Used : HalfUsed;
    Ring->ResumeDatagrams = Datagrams < HalfDatagrams ? Datagrams : HalfDatagrams;
}

/* A ring that holds back takes a list as a whole or not at all, since WSK knows no part. Only an empty one
 * takes what it can: the list may be longer than the ring. MayRefuse: nothing of the list was used yet. */
static NTSTATUS Store(PWSKB_SOCKET Socket, PWSKB_INDICATED Indicated, BOOLEAN MayRefuse)
{
    PWSKB_RING Ring = RingOf(Socket);
    ULONG Total = CountList(Indicated->List);
    KIRQL Irql;

    KeAcquireSpinLock(&Ring->Lock, &Irql);
    WSKB_RING_MARK Mark = WskbRingMarkLocked(Ring);
    ULONG Count = Ring->Ended == STATUS_SUCCESS ? ReserveLocked(Ring, Indicated->List) : 0;
    BOOLEAN Refuse =
        Count < Total && Ring->HoldsBack && MayRefuse && Mark.Used != 0 && Ring->Ended == STATUS_SUCCESS;
    if (Refuse) {
        WskbRingReturnLocked(Ring, Mark);
        PauseLocked(Ring, Mark.Used - 1, Mark.Datagrams - 1);
    }
    WSKB_RING_CURSOR Cursor = WskbRingSinceLocked(Ring, Mark);
    KeReleaseSpinLock(&Ring->Lock, Irql);
    if (Refuse) {
        return STATUS_DATA_NOT_ACCEPTED;
    }
    WriteRecords(Ring, Cursor, Indicated, Count);
    CountOverruns(Socket, Total - Count);
    return STATUS_SUCCESS;
}

/* ---- operations that wait ---------------------------------------------------------------------------- */

static PWSKB_OPERATION OperationOf(PIRP Irp)
{
    return Irp->Tail.Overlay.DriverContext[0];
}

static VOID CompleteIrp(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NETWORK_INCREMENT);
}

/* Ring's lock held. */
static VOID UnlinkLocked(PWSKB_RING Ring, PIRP Irp)
{
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    InitializeListHead(&Irp->Tail.Overlay.ListEntry);
    Ring->WaitingCount--;
}

_Use_decl_annotations_ static VOID CancelWaiting(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PWSKB_RING Ring = RingOf(OperationOf(Irp)->Socket);
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DeviceObject);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&Ring->Lock, &Irql);
    if (!IsListEmpty(&Irp->Tail.Overlay.ListEntry)) {
        UnlinkLocked(Ring, Irp);
    }
    KeReleaseSpinLock(&Ring->Lock, Irql);
    CompleteIrp(Irp, STATUS_CANCELLED, 0);
}

/* Ring's lock held. FALSE: the IRP is cancelled already, and still the caller's. */
static BOOLEAN EnqueueLocked(PWSKB_RING Ring, PIRP Irp)
{
    InsertTailList(&Ring->Waiting, &Irp->Tail.Overlay.ListEntry);
    Ring->WaitingCount++;
    (VOID) IoSetCancelRoutine(Irp, CancelWaiting);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
        UnlinkLocked(Ring, Irp);
        return FALSE;
    }
    return TRUE;
}

/* Ring's lock held. Takes the IRP that has waited longest; NULL: none waits. One that is being cancelled is
 * left to its cancel routine, which is waiting for the lock. */
static PIRP TakeWaitingLocked(PWSKB_RING Ring)
{
    while (!IsListEmpty(&Ring->Waiting)) {
        PIRP Irp = CONTAINING_RECORD(Ring->Waiting.Flink, IRP, Tail.Overlay.ListEntry);
        UnlinkLocked(Ring, Irp);
        if (IoSetCancelRoutine(Irp, NULL) != NULL) {
            return Irp;
        }
    }
    return NULL;
}

/* Completes waiting operations while there is something in the ring. If another thread does already, that one
 * will find it: it looks again under the lock before it stops. */
static VOID ServeWaiting(PWSKB_RING Ring)
{
    PIRP Irp;
    KIRQL Irql;

    KeAcquireSpinLock(&Ring->Lock, &Irql);
    if (Ring->Serving) {
        KeReleaseSpinLock(&Ring->Lock, Irql);
        return;
    }
    Ring->Serving = TRUE;
    while (HasReadyLocked(Ring) && (Irp = TakeWaitingLocked(Ring)) != NULL) {
        KeReleaseSpinLock(&Ring->Lock, Irql);
        CompleteIrp(Irp, STATUS_SUCCESS, FillFromRing(OperationOf(Irp)));
        KeAcquireSpinLock(&Ring->Lock, &Irql);
    }
    Ring->Serving = FALSE;
    KeReleaseSpinLock(&Ring->Lock, Irql);
}

/* Hands datagrams to waiting operations without a copy in the ring, if nothing is in the ring before them. */
static VOID HandOver(PWSKB_RING Ring, PWSKB_INDICATED Indicated)
{
    PIRP Irp;
    KIRQL Irql;

    KeAcquireSpinLock(&Ring->Lock, &Irql);
    if (Ring->Serving || Ring->Used != 0) {
        KeReleaseSpinLock(&Ring->Lock, Irql);
        return;
    }
    Ring->Serving = TRUE;
    while (Indicated->List != NULL && (Irp = TakeWaitingLocked(Ring)) != NULL) {
        KeReleaseSpinLock(&Ring->Lock, Irql);
        CompleteIrp(Irp, STATUS_SUCCESS, FillFromWsk(OperationOf(Irp), Indicated));
        KeAcquireSpinLock(&Ring->Lock, &Irql);
    }
    Ring->Serving = FALSE;
    KeReleaseSpinLock(&Ring->Lock, Irql);
}

/* Completes the operations that wait now with an error. */
static VOID FailWaiting(PWSKB_RING Ring, NTSTATUS Status)
{
    PIRP Irp;
    KIRQL Irql;

    KeAcquireSpinLock(&Ring->Lock, &Irql);
    for (ULONG Left = Ring->WaitingCount; Left != 0 && (Irp = TakeWaitingLocked(Ring)) != NULL; Left--) {
        KeReleaseSpinLock(&Ring->Lock, Irql);
        CompleteIrp(Irp, Status, 0);
        KeAcquireSpinLock(&Ring->Lock, &Irql);
    }
    KeReleaseSpinLock(&Ring->Lock, Irql);
}

_Use_decl_annotations_ VOID WskbBatchEnd(PWSKB_SOCKET Socket, NTSTATUS Status)
{
    PWSKB_RING Ring = RingOf(Socket);
    KIRQL Irql;

    KeAcquireSpinLock(&Ring->Lock, &Irql);
    if (Ring->Ended == STATUS_SUCCESS) {
        Ring->Ended = Status;
    }
    KeReleaseSpinLock(&Ring->Lock, Irql);
    FailWaiting(Ring, Status);
}

/* ---- enabling the event ------------------------------------------------------------------------------ */

/* Inside the call guard. Without an IRP, as WSK documents it; so the result is known at once. */
static NTSTATUS ControlEvent(PWSKB_SOCKET Socket, ULONG Mask)
{
    WSK_EVENT_CALLBACK_CONTROL Control = {&NPI_WSK_INTERFACE_ID, Mask};
    return Socket->Wsk.Basic->WskControlSocket(Socket->WskSocket, WskSetOption, SO_WSK_EVENT_CALLBACK,
                                               SOL_SOCKET, sizeof(Control), &Control, 0, NULL, NULL, NULL);
}

static VOID SetPaused(PWSKB_RING Ring, BOOLEAN Paused)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Ring->Lock, &Irql);
    if (Paused) {
        PauseLocked(Ring, MAXULONG, MAXULONG);
    } else {
        Ring->Paused = FALSE;
    }
    Ring->Resuming = FALSE;
    KeReleaseSpinLock(&Ring->Lock, Irql);
}

/* Has a count of the call guard, which keeps the WSK socket, and with it the block, until the last call here.
 * Paused is cleared before the event is enabled, because the callback may set it again at once. */
_Use_decl_annotations_ static VOID ResumeWorkRoutine(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PWSKB_SOCKET Socket = Context;

    UNREFERENCED_PARAMETER(DeviceObject);
    _Analysis_assume_(Socket != NULL);
    PWSKB_RING Ring = RingOf(Socket);
    if (ControlEvent(Socket, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE) == STATUS_EVENT_PENDING) {
        IoQueueWorkItem(Ring->ResumeWorkItem, ResumeWorkRoutine, DelayedWorkQueue, Socket);
        return;
    }
    SetPaused(Ring, FALSE);
    NTSTATUS Status = ControlEvent(Socket, WSK_EVENT_RECEIVE_FROM);
    if (Status == STATUS_FILE_FORCED_CLOSED) {
        WskbSocketDied(Socket);
    } else if (!NT_SUCCESS(Status)) {
        WskbTraceSocket(WskbTraceWarning, Socket,
                        "receiving could not be resumed, the next request tries again", Status);
        SetPaused(Ring, TRUE);
        FailWaiting(Ring, Status);
    }
    WskbSocketLeave(Socket);
}

/* Enables the event again if it was refused and there is room. */
static VOID ResumeIfPossible(PWSKB_SOCKET Socket)
{
    PWSKB_RING Ring = RingOf(Socket);
    KIRQL Irql;

    KeAcquireSpinLock(&Ring->Lock, &Irql);
    BOOLEAN Resume = Ring->Paused && !Ring->Resuming && Ring->Used <= Ring->ResumeUsed &&
                     Ring->Datagrams <= Ring->ResumeDatagrams;
    if (Resume) {
        Ring->Resuming = TRUE;
    }
    KeReleaseSpinLock(&Ring->Lock, Irql);
    if (Resume && NT_SUCCESS(WskbSocketEnter(Socket))) {
        IoQueueWorkItem(Ring->ResumeWorkItem, ResumeWorkRoutine, DelayedWorkQueue, Socket);
    }
}

/* The caller keeps the block. */
static VOID Serve(PWSKB_SOCKET Socket)
{
    ServeWaiting(RingOf(Socket));
    ResumeIfPossible(Socket);
}

/* ---- the callback ------------------------------------------------------------------------------------ */

static ULONG FlagsOf(ULONG Flags)
{
    return (Flags & MSG_BCAST ? WSKB_DATAGRAM_BROADCAST : 0) |
           (Flags & MSG_MCAST ? WSKB_DATAGRAM_MULTICAST : 0);
}

/* WSK may call this in several threads at once, at <= DISPATCH_LEVEL. WSK's reference keeps the block: the
 * close completes when this has returned. */
static NTSTATUS WSKAPI ReceiveFromEvent(PVOID SocketContext, ULONG Flags,
                                        PWSK_DATAGRAM_INDICATION DataIndication)
{
    PWSKB_SOCKET Socket = SocketContext;
    WSKB_INDICATED Indicated = {DataIndication, FlagsOf(Flags)};

    if (DataIndication == NULL) {
        WskbSocketDied(Socket);
        return STATUS_SUCCESS;
    }
    if (!IsUsable(DataIndication)) { /* memory is short */
        CountOverruns(Socket, CountList(DataIndication));
        return STATUS_SUCCESS;
    }
    HandOver(RingOf(Socket), &Indicated);
    NTSTATUS Status = Store(Socket, &Indicated, Indicated.List == DataIndication);
    Serve(Socket);
    return Status;
}

const WSK_CLIENT_DATAGRAM_DISPATCH WskbDatagramEvents = {ReceiveFromEvent};

/* ---- SET_RECEIVE_RING, GET_RECEIVE_RING -------------------------------------------------------------- */

static NTSTATUS CheckRing(const WSKB_RING_PARAMETERS* Input)
{
    if (Input->Flags & ~WSKB_ALL(WSKB_RING_FLAGS)) {
        return STATUS_INVALID_PARAMETER;
    }
    return Input->Bytes >= WSKB_MINIMUM_RING && Input->Bytes <= WSKB_MAXIMUM_RING ? STATUS_SUCCESS
                                                                                  : STATUS_INVALID_PARAMETER;
}

/* The memory counts for the process. */
static NTSTATUS AllocateRing(PWSKB_SOCKET Socket, const WSKB_RING_PARAMETERS* Input)
{
    PWSKB_RING Ring = RingOf(Socket);
    ULONG Size = (ULONG)Input->Bytes & ~7u;
    if (!WskbProcessAddBytes(Socket->Process, Size)) {
        return STATUS_QUOTA_EXCEEDED;
    }
    Ring->HoldsBack = (Input->Flags & WSKB_RING_HOLDS_BACK) != 0;
    if (Ring->HoldsBack) {
        Ring->ResumeWorkItem = IoAllocateWorkItem(WdfDeviceWdmGetDeviceObject(Socket->Driver->Device));
    }
    Ring->Memory = ExAllocatePoolUninitialized(NonPagedPoolNx, Size, WSKB_TAG_RING);
    Ring->Size = Size;
    Ring->MaximumDatagrams = Input->MaximumDatagrams == 0 ? MAXULONG : Input->MaximumDatagrams;
    return Ring->Memory == NULL || (Ring->HoldsBack && Ring->ResumeWorkItem == NULL)
               ? STATUS_INSUFFICIENT_RESOURCES
               : STATUS_SUCCESS;
}

_Use_decl_annotations_ VOID WskbBatchDiscard(PWSKB_SOCKET Socket)
{
    PWSKB_RING Ring = RingOf(Socket);
    if (Ring->ResumeWorkItem != NULL) {
        IoFreeWorkItem(Ring->ResumeWorkItem);
    }
    if (Ring->Memory != NULL) {
        ExFreePoolWithTag(Ring->Memory, WSKB_TAG_RING);
    }
    WskbProcessRemoveBytes(Socket->Process, Ring->Size);
    Ring->ResumeWorkItem = NULL;
    Ring->Memory = NULL;
    Ring->Size = 0;
}

static NTSTATUS EnableEvent(PWSKB_SOCKET Socket)
{
    NTSTATUS Status = WskbSocketEnter(Socket);
    if (NT_SUCCESS(Status)) {
        Status = ControlEvent(Socket, WSK_EVENT_RECEIVE_FROM);
        WskbSocketLeave(Socket);
    }
    if (Status == STATUS_FILE_FORCED_CLOSED) {
        WskbSocketDied(Socket);
    }
    return Status;
}

/* Until the event is enabled no other thread uses the ring's memory: the mode keeps requests away. */
static NTSTATUS PrepareSetReceiveRing(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PWSKB_RING Ring = RingOf(Socket);
    NTSTATUS Status = CheckRing(Operation->Input);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (ReadAcquire(&Socket->Datagram.NeedsControl) != 0 || !WskbRingChoose(Ring, WskbReceiveStarting)) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    Status = AllocateRing(Socket, Operation->Input);
    if (NT_SUCCESS(Status)) {
        Status = EnableEvent(Socket);
    }
    if (!NT_SUCCESS(Status)) {
        WskbBatchDiscard(Socket);
    }
    WriteRelease(&Ring->Mode, NT_SUCCESS(Status) ? WskbReceiveRing : WskbReceiveUndecided);
    return Status;
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(SET_RECEIVE_RING) = {
    .Flags = WSKB_NO_FLAGS,
    .Categories = WSKB_CATEGORY_DATAGRAM,
    .States = WskbBound,
    .Kind = WskbControl,
    .Prepare = PrepareSetReceiveRing,
};

static NTSTATUS PrepareGetReceiveRing(PWSKB_OPERATION Operation)
{
    PWSKB_RING Ring = RingOf(Operation->Socket);
    WSKB_RING_STATE* State = Operation->Output;
    KIRQL Irql;

    if (ReadAcquire(&Ring->Mode) != WskbReceiveRing) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    RtlZeroMemory(State, sizeof(*State));
    State->Size = sizeof(*State);
    KeAcquireSpinLock(&Ring->Lock, &Irql);
    State->Bytes = Ring->Size;
    State->UsedBytes = Ring->Used;
    State->Datagrams = Ring->Datagrams;
    State->Overruns = Ring->Overruns;
    KeReleaseSpinLock(&Ring->Lock, Irql);
    Operation->Information = sizeof(*State);
    return STATUS_SUCCESS;
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(GET_RECEIVE_RING) = {
    .Flags = WSKB_NO_FLAGS,
    .Categories = WSKB_CATEGORY_DATAGRAM,
    .States = WSKB_CREATED_STATES,
    .Kind = WskbControl,
    .Prepare = PrepareGetReceiveRing,
};

/* ---- RECEIVE_MESSAGES -------------------------------------------------------------------------------- */

/* Fills the output from the ring if the operation need not wait. */
static BOOLEAN TryAtOnce(PWSKB_OPERATION Operation)
{
    PWSKB_RING Ring = RingOf(Operation->Socket);
    KIRQL Irql;

    KeAcquireSpinLock(&Ring->Lock, &Irql);
    BOOLEAN Now = !Ring->Serving && IsListEmpty(&Ring->Waiting) && HasReadyLocked(Ring);
    if (Now) {
        Ring->Serving = TRUE;
    }
    KeReleaseSpinLock(&Ring->Lock, Irql);
    if (!Now) {
        return FALSE;
    }
    Operation->Information = FillFromRing(Operation);
    KeAcquireSpinLock(&Ring->Lock, &Irql);
    Ring->Serving = FALSE;
    KeReleaseSpinLock(&Ring->Lock, Irql);
    Serve(Operation->Socket);
    return TRUE;
}

static NTSTATUS PrepareReceiveMessages(PWSKB_OPERATION Operation)
{
    if (ReadAcquire(&RingOf(Operation->Socket)->Mode) != WskbReceiveRing) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    if (Operation->PayloadLength < WSKB_MINIMUM_BATCH) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    Operation->Output =
        MmGetSystemAddressForMdlSafe(Operation->Payload, NormalPagePriority | MdlMappingNoExecute);
    if (Operation->Output == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    WskbOperationSetBuffer(Operation, 0);
    return TryAtOnce(Operation) ? STATUS_SUCCESS : WSKB_CALL_FOLLOWS;
}

/* Gives the IRP to the ring, as others give theirs to WSK. */
static VOID CallReceiveMessages(PWSKB_OPERATION Operation)
{
    PWSKB_RING Ring = RingOf(Operation->Socket);
    PIRP Irp = Operation->Irp;
    KIRQL Irql;

    IoSetNextIrpStackLocation(Irp);
    IoMarkIrpPending(Irp);
    Irp->Tail.Overlay.DriverContext[0] = Operation;
    KeAcquireSpinLock(&Ring->Lock, &Irql);
    NTSTATUS Status = Ring->Ended;
    if (Status == STATUS_SUCCESS) {
        Status = EnqueueLocked(Ring, Irp) ? STATUS_PENDING : STATUS_CANCELLED;
    }
    KeReleaseSpinLock(&Ring->Lock, Irql);
    if (Status != STATUS_PENDING) {
        CompleteIrp(Irp, Status, 0);
    }
    Serve(Operation->Socket);
}

/* The output is complete already. */
static VOID FinishReceiveMessages(PWSKB_OPERATION Operation)
{
    if (!NT_SUCCESS(Operation->Status)) {
        Operation->Information = 0;
    }
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(RECEIVE_MESSAGES) = {
    .Categories = WSKB_CATEGORY_DATAGRAM,
    .States = WskbBound,
    .Kind = WskbTransfer,
    .Direction = WskbReceiving,
    .Prepare = PrepareReceiveMessages,
    .Call = CallReceiveMessages,
    .Finish = FinishReceiveMessages,
};
