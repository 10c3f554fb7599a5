/* SPDX-License-Identifier: Apache-2.0
 *
 * The operation engine. operation.h tells who holds an operation and why.
 */
#include "operation.h"

static IO_COMPLETION_ROUTINE OperationCompleted;
static EVT_WDF_REQUEST_CANCEL EvtRequestCancel;

_Use_decl_annotations_ VOID WskbCompleteRequest(PWSKB_DRIVER Driver, WDFREQUEST Request, NTSTATUS Status,
                                                ULONG_PTR Information)
{
    if (Status == STATUS_CANCELLED) {
        InterlockedIncrement64(&Driver->Counters.CancelledRequests);
    }
    InterlockedIncrement64(&Driver->Counters.CompletedRequests);
    WdfRequestCompleteWithInformation(Request, Status, Information);
}

_Use_decl_annotations_ PIRP WskbInitializeIrp(UCHAR* Storage, SIZE_T Length)
{
    ULONG_PTR Mask = MEMORY_ALLOCATION_ALIGNMENT - 1;
    PIRP Irp = (PIRP)(((ULONG_PTR)Storage + Mask) & ~Mask);

    NT_ASSERT((UCHAR*)Irp + IoSizeOfIrp(1) <= Storage + Length);
    UNREFERENCED_PARAMETER(Length);
    IoInitializeIrp(Irp, IoSizeOfIrp(1), 1);
    return Irp;
}

_Use_decl_annotations_ VOID WskbCleanUpIrp(PWSKB_DRIVER Driver, PIRP Irp)
{
    if (Driver->CleanupIrp != NULL) {
        Driver->CleanupIrp(Irp);
    }
}

_Use_decl_annotations_ PFILE_OBJECT WskbOperationFile(PWSKB_OPERATION Operation)
{
    return WdfFileObjectWdmGetFileObject(WdfRequestGetFileObject(Operation->Request));
}

_Use_decl_annotations_ VOID WskbFinishWithoutInformation(PWSKB_OPERATION Operation)
{
    Operation->Information = 0;
}

/* ---- links and quotas -------------------------------------------------------------------------------- */

/* A stream's sends stay in order when one is refused: those behind it are refused too, until the caller says
 * that it knows. Socket->Lock is held. */
static BOOLEAN IsBehindRefusal(PWSKB_OPERATION Operation)
{
    return Operation->Socket->SendRefused && !(Operation->Flags & WSKB_SEND_AFTER_REFUSAL);
}

/* Socket->Lock is held. */
static NTSTATUS LinkLocked(PWSKB_OPERATION Operation, BOOLEAN HasRoom)
{
    static const ULONG Limits[WskbOperationKinds] = {WSKB_MAXIMUM_OPERATIONS, MAXULONG,
                                                     WSKB_MAXIMUM_DISCONNECTS};
    PWSKB_SOCKET Socket = Operation->Socket;
    WSKB_OPERATION_KIND Kind = Operation->Routines->Kind;
    BOOLEAN IsStreamSend =
        Operation->Routines->Direction == WskbSending && Socket->Category == WSKB_CATEGORY_CONNECTION;

    if (Socket->Directions[Operation->Routines->Direction].Ended) {
        return STATUS_CONNECTION_ABORTED;
    }
    HasRoom = HasRoom && Socket->Operations[Kind] < Limits[Kind];
    if (IsStreamSend) {
        HasRoom = HasRoom && !IsBehindRefusal(Operation);
        Socket->SendRefused = !HasRoom;
    }
    if (!HasRoom) {
        return STATUS_QUOTA_EXCEEDED;
    }
    Socket->Operations[Kind]++;
    Operation->Sequence = Socket->NextSequence++;
    InsertTailList(&Socket->InFlight, &Operation->Link);
    return STATUS_SUCCESS;
}

static NTSTATUS Link(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    LONG64 Length = (LONG64)Operation->Buffer.Length;
    LONG64 Bytes = InterlockedAdd64(&Socket->Process->Bytes, Length);
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    NTSTATUS Status = LinkLocked(Operation, Bytes <= (LONG64)WSKB_MAXIMUM_BYTES || Length == 0);
    KeReleaseSpinLock(&Socket->Lock, Irql);
    if (!NT_SUCCESS(Status)) {
        InterlockedAdd64(&Socket->Process->Bytes, -Length);
    }
    return Status;
}

/* Takes the operation from those in flight. One that WSK completed goes behind those of its direction that
 * WSK completed before. */
static VOID Unlink(PWSKB_OPERATION Operation, BOOLEAN Completed)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    WSKB_DIRECTION Direction = Operation->Routines->Direction;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    RemoveEntryList(&Operation->Link);
    Socket->Operations[Operation->Routines->Kind]--;
    if (Completed && Direction != WskbNoDirection) {
        InsertTailList(&Socket->Directions[Direction].Completed, &Operation->Link);
        Operation->Linked = TRUE;
    }
    KeReleaseSpinLock(&Socket->Lock, Irql);
    InterlockedAdd64(&Socket->Process->Bytes, -(LONG64)Operation->Buffer.Length);
}

/* ---- the parties ------------------------------------------------------------------------------------- */

static VOID Finish(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    if (Operation->Status == STATUS_CANCELLED && Operation->Information == 0 && ReadAcquire(&Socket->Dead) &&
        !ReadAcquire(&Operation->CancelRequested)) {
        Operation->Status =
            STATUS_FILE_FORCED_CLOSED; /* ended by the close of a dead socket, not by a caller */
    }
    Operation->Routines->Finish(Operation);
    if (Operation->Routines->GuardUntilFinished) {
        WskbSocketLeaveInCompletion(Socket);
    }
    WskbCleanUpIrp(Socket->Driver, Operation->Irp);
    WskbCompleteRequest(Socket->Driver, Operation->Request, Operation->Status, Operation->Information);
}

/* The next operation to be finished, if it is ready; else nobody finishes any more. Socket->Lock is held. */
static PWSKB_OPERATION TakeReadyLocked(PWSKB_WAY Way)
{
    if (!IsListEmpty(&Way->Completed)) {
        PWSKB_OPERATION First = CONTAINING_RECORD(Way->Completed.Flink, WSKB_OPERATION, Link);
        if (First->Ready) {
            RemoveEntryList(&First->Link);
            return First;
        }
    }
    Way->Finishing = FALSE;
    return NULL;
}

/* The operation is ready. Finishes it, and those behind it that waited for it, unless it has to wait itself
 * or somebody else finishes some just now and will come to it. A request that is completed may be the last to
 * hold the file object, and so the socket block: hence the reference. */
static VOID FinishInOrder(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PWSKB_WAY Way = &Socket->Directions[Operation->Routines->Direction];
    PWSKB_OPERATION Next = NULL;
    KIRQL Irql;

    InterlockedIncrement(&Socket->References);
    KeAcquireSpinLock(&Socket->Lock, &Irql);
    Operation->Ready = TRUE;
    if (!Way->Finishing) {
        Way->Finishing = TRUE;
        Next = TakeReadyLocked(Way);
    }
    while (Next != NULL) {
        KeReleaseSpinLock(&Socket->Lock, Irql);
        Finish(Next);
        KeAcquireSpinLock(&Socket->Lock, &Irql);
        Next = TakeReadyLocked(Way);
    }
    KeReleaseSpinLock(&Socket->Lock, Irql);
    WskbSocketDereference(Socket);
}

static VOID Release(PWSKB_OPERATION Operation, LONG Count)
{
    LONG Left = InterlockedAdd(&Operation->References, -Count);
    NT_ASSERT(Left >= 0);
    if (Left == 0 && Operation->Linked) {
        FinishInOrder(Operation);
    } else if (Left == 0) {
        Finish(Operation);
    }
}

/* Set without IoSetCompletionRoutineEx: WSK completes every IRP of a socket before that of its close, whose
 * routine has it and until which the socket keeps the file object, and so the driver. Runs once per IRP,
 * before or after the WSK call returned, at <= DISPATCH_LEVEL. */
_Use_decl_annotations_ static NTSTATUS OperationCompleted(PDEVICE_OBJECT DeviceObject, PIRP Irp,
                                                          PVOID Context)
{
    PWSKB_OPERATION Operation = Context;
    LONG Dropped = 1;

    UNREFERENCED_PARAMETER(DeviceObject);
    _Analysis_assume_(Operation != NULL);
    Operation->Status = Irp->IoStatus.Status;
    Operation->Information = Irp->IoStatus.Information;
    InterlockedIncrement64(&Operation->Socket->Driver->Counters.CompletedIrps);
    if (Operation->Status == STATUS_FILE_FORCED_CLOSED) {
        WskbSocketDied(Operation->Socket);
    }
    Unlink(Operation, TRUE);
    if (NT_SUCCESS(WdfRequestUnmarkCancelable(Operation->Request))) {
        Dropped++; /* the callback will not run, so its reference goes too */
    }
    Release(Operation, Dropped);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

_Use_decl_annotations_ static VOID EvtRequestCancel(WDFREQUEST Request)
{
    PWSKB_OPERATION Operation = WskbGetOperation(Request);
    InterlockedExchange(&Operation->CancelRequested, 1);
    IoCancelIrp(Operation->Irp);
    Release(Operation, 1);
}

/* The request was cancelled before WSK saw it. Neither the completion routine nor the cancel callback will
 * run. */
static VOID AbandonBeforeCall(PWSKB_OPERATION Operation)
{
    Operation->Status = STATUS_CANCELLED;
    Operation->Information = 0;
    Unlink(Operation, FALSE);
    if (!Operation->Routines->GuardUntilFinished) {
        WskbSocketLeave(Operation->Socket);
    }
    Release(Operation, 3);
}

static VOID CallWsk(PWSKB_OPERATION Operation)
{
    InterlockedIncrement64(&Operation->Socket->Driver->Counters.StartedIrps);
    Operation->ReachedWsk = TRUE;
    Operation->Routines->Call(Operation);
    if (ReadAcquire(&Operation->CancelRequested)) {
        IoCancelIrp(Operation->Irp); /* the cancel may have come before WSK had the IRP */
    }
    if (!Operation->Routines->GuardUntilFinished) {
        WskbSocketLeave(Operation->Socket);
    }
    Release(Operation, 1);
}

_Use_decl_annotations_ NTSTATUS WskbOperationRun(PWSKB_OPERATION Operation,
                                                 const WSKB_OPERATION_ROUTINES* Routines)
{
    PWSKB_SOCKET Socket = Operation->Socket;

    Operation->Routines = Routines;
    Operation->References = 3;
    NTSTATUS Status = WskbSocketEnter(Socket);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Operation->Irp = WskbInitializeIrp(Operation->IrpStorage, sizeof(Operation->IrpStorage));
    IoSetCompletionRoutine(Operation->Irp, OperationCompleted, Operation, TRUE, TRUE, TRUE);
    Status = Link(Operation);
    if (!NT_SUCCESS(Status)) {
        WskbCleanUpIrp(Socket->Driver, Operation->Irp);
        WskbSocketLeave(Socket);
        return Status;
    }
    /* From here the operation is in others' hands too: only references keep it. */
    if (NT_SUCCESS(WdfRequestMarkCancelableEx(Operation->Request, EvtRequestCancel))) {
        CallWsk(Operation);
    } else {
        AbandonBeforeCall(Operation);
    }
    return STATUS_PENDING;
}

_Use_decl_annotations_ NTSTATUS WskbOperationRunInState(PWSKB_OPERATION Operation,
                                                        const WSKB_OPERATION_ROUTINES* Routines,
                                                        WSKB_SOCKET_STATE From, WSKB_SOCKET_STATE Via)
{
    NTSTATUS Status = WskbSocketChangeState(Operation->Socket, From, Via);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = WskbOperationRun(Operation, Routines);
    if (Status != STATUS_PENDING) {
        WskbSocketSetState(Operation->Socket, From);
    }
    return Status;
}

/* ---- cancelling many --------------------------------------------------------------------------------- */

/* Whether an operation in flight is meant; Cause is who wants others cancelled, if an operation does. */
typedef BOOLEAN IS_MEANT(_In_ PWSKB_OPERATION Operation, _In_opt_ PWSKB_OPERATION Cause);

static BOOLEAN IsAny(PWSKB_OPERATION Operation, PWSKB_OPERATION Cause)
{
    UNREFERENCED_PARAMETER(Operation);
    UNREFERENCED_PARAMETER(Cause);
    return TRUE;
}

static BOOLEAN EndsWithHandle(PWSKB_OPERATION Operation, PWSKB_OPERATION Cause)
{
    UNREFERENCED_PARAMETER(Cause);
    return !Operation->OutlivesHandle;
}

static BOOLEAN IsBehind(PWSKB_OPERATION Operation, PWSKB_OPERATION Cause)
{
    _Analysis_assume_(Cause != NULL);
    return Operation->Routines->Direction == Cause->Routines->Direction &&
           Operation->Sequence > Cause->Sequence;
}

/* Dooms those in flight that are meant and that nobody else has doomed; returns them, the last first, each
 * with a reference. */
static PWSKB_OPERATION Doom(PWSKB_SOCKET Socket, IS_MEANT* IsMeant, PWSKB_OPERATION Cause)
{
    PWSKB_OPERATION Last = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    for (PLIST_ENTRY Entry = Socket->InFlight.Flink; Entry != &Socket->InFlight; Entry = Entry->Flink) {
        PWSKB_OPERATION Operation = CONTAINING_RECORD(Entry, WSKB_OPERATION, Link);
        if (!Operation->Doomed && IsMeant(Operation, Cause)) {
            Operation->Doomed = TRUE;
            Operation->NextDoomed = Last;
            InterlockedIncrement(&Operation->References);
            Last = Operation;
        }
    }
    KeReleaseSpinLock(&Socket->Lock, Irql);
    return Last;
}

static VOID Cancel(PWSKB_SOCKET Socket, IS_MEANT* IsMeant, PWSKB_OPERATION Cause)
{
    PWSKB_OPERATION Operation = Doom(Socket, IsMeant, Cause);
    while (Operation != NULL) {
        PWSKB_OPERATION Next = Operation->NextDoomed;
        InterlockedExchange(&Operation->CancelRequested, 1);
        IoCancelIrp(Operation->Irp);
        Release(Operation, 1);
        Operation = Next;
    }
}

_Use_decl_annotations_ VOID WskbOperationCancelAll(PWSKB_SOCKET Socket)
{
    Cancel(Socket, IsAny, NULL);
}

_Use_decl_annotations_ VOID WskbOperationCancelReceives(PWSKB_SOCKET Socket)
{
    Cancel(Socket, EndsWithHandle, NULL);
}

_Use_decl_annotations_ BOOLEAN WskbOperationEndDirection(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PWSKB_WAY Way = &Socket->Directions[Operation->Routines->Direction];
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    BOOLEAN First = !Way->Ended;
    Way->Ended = TRUE;
    KeReleaseSpinLock(&Socket->Lock, Irql);
    Cancel(Socket, IsBehind, Operation);
    return First;
}

_Use_decl_annotations_ BOOLEAN WskbOperationHasEnded(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    BOOLEAN Ended = Socket->Directions[Operation->Routines->Direction].Ended;
    KeReleaseSpinLock(&Socket->Lock, Irql);
    return Ended;
}
