/* SPDX-License-Identifier: Apache-2.0
 *
 * The operation engine. operation.h describes who references an operation and until when.
 */
#include "operation.h"

#include "deadline.h"
#include "trace.h"
#include "waits.h"

static IO_COMPLETION_ROUTINE OperationCompleted;
static EVT_WDF_REQUEST_CANCEL EvtRequestCancel;

/* A datagram that was cut off has been received, and is no failure. */
static VOID CountFailure(PWSKB_DRIVER Driver, WDFREQUEST Request, NTSTATUS Status)
{
    if (Status == STATUS_CANCELLED) {
        InterlockedIncrement64(&Driver->Counters.CancelledRequests);
    }
    if (Status != STATUS_BUFFER_OVERFLOW) {
        WskbTraceFailure(Request, Status);
    }
}

_Use_decl_annotations_ VOID WskbCompleteRequest(PWSKB_DRIVER Driver, WDFREQUEST Request, NTSTATUS Status,
                                                ULONG_PTR Information)
{
    InterlockedIncrement64(&Driver->Counters.CompletedRequests);
    if (NT_SUCCESS(Status)) {
        WdfRequestCompleteWithInformation(Request, Status, Information);
        return;
    }
    CountFailure(Driver, Request, Status);
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

_Use_decl_annotations_ PEPROCESS WskbOperationProcess(PWSKB_OPERATION Operation)
{
    return IoGetRequestorProcess(WdfRequestWdmGetIrp(Operation->Request));
}

_Use_decl_annotations_ PFILE_OBJECT WskbOperationFile(PWSKB_OPERATION Operation)
{
    return WdfFileObjectWdmGetFileObject(WdfRequestGetFileObject(Operation->Request));
}

_Use_decl_annotations_ VOID WskbOperationSetBuffer(PWSKB_OPERATION Operation, ULONG Offset)
{
    ULONG Length = Operation->PayloadLength - Offset;
    Operation->Buffer.Mdl = Length == 0 ? NULL : Operation->Payload;
    Operation->Buffer.Offset = Length == 0 ? 0 : Offset;
    Operation->Buffer.Length = Length;
}

_Use_decl_annotations_ VOID WskbFinishWithoutInformation(PWSKB_OPERATION Operation)
{
    Operation->Information = 0;
}

_Use_decl_annotations_ VOID WskbOperationClampInformation(PWSKB_OPERATION Operation)
{
    if (Operation->Information > Operation->Buffer.Length) {
        Operation->Information = Operation->Buffer.Length;
    }
}

_Use_decl_annotations_ VOID WskbOperationPreferBytes(PWSKB_OPERATION Operation)
{
    if (Operation->Status == STATUS_CANCELLED && Operation->Information != 0) {
        Operation->Status = STATUS_SUCCESS;
    }
}

/* ---- links and quotas -------------------------------------------------------------------------------- */

/* Last data, which comes with a DISCONNECT, is a send too. */
static BOOLEAN SendsStream(PWSKB_OPERATION Operation)
{
    return Operation->CutDirection == WskbSending;
}

C_ASSERT((ULONG)WSKB_DISCONNECT_AFTER_REFUSAL == (ULONG)WSKB_SEND_AFTER_REFUSAL);

/* TRUE if a send before this one was refused and the caller does not acknowledge that
 * (WSKB_SEND_AFTER_REFUSAL). Socket->Lock is held. */
static BOOLEAN IsBehindRefusal(PWSKB_OPERATION Operation)
{
    return Operation->Socket->Connection.SendRefused && !(Operation->Flags & WSKB_SEND_AFTER_REFUSAL);
}

/* The bytes that count for WSKB_OPTION_SEND_BUFFER. */
static SIZE_T SendLength(PWSKB_OPERATION Operation)
{
    return Operation->Type->Direction == WskbSending ? Operation->Buffer.Length : 0;
}

/* The first send in flight always fits, so that each one can be sent. Socket->Lock is held. */
static BOOLEAN FitsSendBuffer(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    SIZE_T Length = SendLength(Operation);
    return Length == 0 || Socket->SendBytes == 0 ||
           Socket->SendBytes + Length <= (ULONG)ReadAcquire(&Socket->SendBuffer);
}

/* Whether the direction takes no further operation. What is refused while another one is being cancelled
 * would leave a gap if the direction went on after that. Socket->Lock is held. */
static BOOLEAN HasEndedLocked(PWSKB_DIRECTION_STATE State)
{
    if (State->Ended && State->EndedBy != NULL) {
        State->CutOff = TRUE;
    }
    return State->Ended;
}

/* Socket->Lock is held. */
static NTSTATUS LinkLocked(PWSKB_OPERATION Operation, BOOLEAN HasRoom)
{
    static const ULONG Limits[WskbOperationKinds] = {WSKB_MAXIMUM_OPERATIONS, MAXULONG,
                                                     WSKB_MAXIMUM_DISCONNECTS};
    const WSKB_OPERATION_TYPE* Type = Operation->Type;
    PWSKB_SOCKET Socket = Operation->Socket;

    if (HasEndedLocked(&Socket->Directions[Type->Direction]) ||
        HasEndedLocked(&Socket->Directions[Operation->CutDirection])) {
        return STATUS_CONNECTION_ABORTED;
    }
    HasRoom = HasRoom && Socket->Operations[Type->Kind] < Limits[Type->Kind] && FitsSendBuffer(Operation);
    if (SendsStream(Operation)) {
        HasRoom = HasRoom && !IsBehindRefusal(Operation);
        Socket->Connection.SendRefused = !HasRoom;
    }
    if (!HasRoom) {
        return STATUS_QUOTA_EXCEEDED;
    }
    Socket->Operations[Type->Kind]++;
    Socket->SendBytes += SendLength(Operation);
    Operation->Started = TRUE;
    Operation->Sequence = Socket->NextSequence++;
    InsertTailList(&Socket->InFlight, &Operation->Link);
    return STATUS_SUCCESS;
}

static NTSTATUS Link(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    BOOLEAN HasRoom = WskbProcessAddBytes(Socket->Process, Operation->Buffer.Length);
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    NTSTATUS Status = LinkLocked(Operation, HasRoom);
    KeReleaseSpinLock(&Socket->Lock, Irql);
    if (!NT_SUCCESS(Status) && HasRoom) {
        WskbProcessRemoveBytes(Socket->Process, Operation->Buffer.Length);
    }
    if (NT_SUCCESS(Status) && Operation->Timeout != 0) {
        WskbDeadlineAdd(Operation);
    }
    return Status;
}

/* Removes the operation from InFlight, and its deadline. If WSK completed it and it has a direction, it is
 * appended to the Completed list of its direction. */
static VOID Unlink(PWSKB_OPERATION Operation, BOOLEAN Completed)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    WSKB_DIRECTION Direction = Operation->Type->Direction;
    KIRQL Irql;

    if (Operation->Timeout != 0) {
        WskbDeadlineRemove(Operation);
    }
    KeAcquireSpinLock(&Socket->Lock, &Irql);
    RemoveEntryList(&Operation->Link);
    Socket->Operations[Operation->Type->Kind]--;
    Socket->SendBytes -= SendLength(Operation);
    if (Completed && Direction != WskbNoDirection) {
        InsertTailList(&Socket->Directions[Direction].Completed, &Operation->Link);
        Operation->Linked = TRUE;
    }
    KeReleaseSpinLock(&Socket->Lock, Irql);
    WskbProcessRemoveBytes(Socket->Process, Operation->Buffer.Length);
}

/* ---- the parties ------------------------------------------------------------------------------------- */

/* Turns WSK's result, or the reason why WSK was not called, into the request's result, and ends a change of
 * state. */
static VOID Conclude(PWSKB_OPERATION Operation)
{
    const WSKB_OPERATION_TYPE* Type = Operation->Type;
    Type->Finish(Operation);
    if (Operation->Changing) {
        WskbSocketSetState(Operation->Socket, NT_SUCCESS(Operation->Status) ? (ULONG)Type->To : Type->States);
    }
}

/* Cancelled because its dead socket was closed, not by a caller. */
static BOOLEAN EndedWithSocket(PWSKB_OPERATION Operation)
{
    return Operation->Status == STATUS_CANCELLED && Operation->Information == 0 &&
           ReadAcquire(&Operation->Socket->Dead) && ReadAcquire(&Operation->CancelReason) == WskbNotCancelled;
}

/* A cancelled operation says why. */
static NTSTATUS StatusOfCancelled(PWSKB_OPERATION Operation)
{
    switch (ReadAcquire(&Operation->CancelReason)) {
    case WskbTimedOut:
        return STATUS_IO_TIMEOUT;
    case WskbCutOff:
        return STATUS_CONNECTION_ABORTED;
    default:
        return STATUS_CANCELLED;
    }
}

/* The operation was cancelled and is finished. If it did not end its direction, its stream has no gap. */
static VOID GoOnIfWhole(PWSKB_OPERATION Operation)
{
    PWSKB_DIRECTION_STATE State = &Operation->Socket->Directions[Operation->CutDirection];
    KIRQL Irql;

    KeAcquireSpinLock(&Operation->Socket->Lock, &Irql);
    if (State->EndedBy == Operation) {
        State->EndedBy = NULL;
        State->Ended = State->CutOff;
    }
    KeReleaseSpinLock(&Operation->Socket->Lock, Irql);
}

/* A request whose cancel callback was called can't be made cancelable again, so it does not wait, even if the
 * callback came too late for the IRP. */
static BOOLEAN WaitsNow(PWSKB_OPERATION Operation)
{
    if (ReadAcquire(&Operation->CancelReason) != WskbNotCancelled) {
        Operation->Status = StatusOfCancelled(Operation);
        return FALSE;
    }
    return WskbWaitBegin(Operation);
}

static VOID Finish(PWSKB_OPERATION Operation)
{
    if (EndedWithSocket(Operation)) {
        Operation->Status = STATUS_FILE_FORCED_CLOSED;
    }
    Conclude(Operation);
    if (Operation->Status == STATUS_CANCELLED) {
        Operation->Status = StatusOfCancelled(Operation);
    }
    if (Operation->CutDirection != WskbNoDirection &&
        ReadAcquire(&Operation->CancelReason) != WskbNotCancelled) {
        GoOnIfWhole(Operation);
    }
    if (Operation->Type->GuardUntilFinished) {
        WskbSocketLeaveInCompletion(Operation->Socket);
    }
    WskbCleanUpIrp(Operation->Driver, Operation->Irp);
    if (Operation->Type->WaitsAfterwards && NT_SUCCESS(Operation->Status) && WaitsNow(Operation)) {
        return;
    }
    WskbCompleteRequest(Operation->Driver, Operation->Request, Operation->Status, Operation->Information);
}

/* Takes the next operation to finish, if it is ready; else clears Finishing. Socket->Lock is held. */
static PWSKB_OPERATION TakeReadyLocked(PWSKB_DIRECTION_STATE State)
{
    if (!IsListEmpty(&State->Completed)) {
        PWSKB_OPERATION First = CONTAINING_RECORD(State->Completed.Flink, WSKB_OPERATION, Link);
        if (First->Ready) {
            RemoveEntryList(&First->Link);
            return First;
        }
    }
    State->Finishing = FALSE;
    return NULL;
}

/* The operation is ready. Finishes it and those after it that were waiting for it, unless it has to wait for
 * an earlier one, or another thread is finishing and will get to it. Takes a reference to the block, because
 * a completed request may have been the last one to reference the file object. */
static VOID FinishInOrder(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PWSKB_DIRECTION_STATE State = &Socket->Directions[Operation->Type->Direction];
    PWSKB_OPERATION Next = NULL;
    KIRQL Irql;

    InterlockedIncrement(&Socket->References);
    KeAcquireSpinLock(&Socket->Lock, &Irql);
    Operation->Ready = TRUE;
    if (!State->Finishing) {
        State->Finishing = TRUE;
        Next = TakeReadyLocked(State);
    }
    while (Next != NULL) {
        KeReleaseSpinLock(&Socket->Lock, Irql);
        Finish(Next);
        KeAcquireSpinLock(&Socket->Lock, &Irql);
        Next = TakeReadyLocked(State);
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

/* Needs no IoSetCompletionRoutineEx: WSK completes every IRP of a socket before the close IRP, and until then
 * the block's reference to the file object keeps the driver loaded. Runs once per IRP, before or after the
 * WSK call has returned, at <= DISPATCH_LEVEL. */
_Use_decl_annotations_ static NTSTATUS OperationCompleted(PDEVICE_OBJECT DeviceObject, PIRP Irp,
                                                          PVOID Context)
{
    PWSKB_OPERATION Operation = Context;
    LONG Dropped = 1;

    UNREFERENCED_PARAMETER(DeviceObject);
    _Analysis_assume_(Operation != NULL);
    Operation->Status = Irp->IoStatus.Status;
    Operation->Information = Irp->IoStatus.Information;
    InterlockedIncrement64(&Operation->Driver->Counters.CompletedIrps);
    if (Operation->Status == STATUS_FILE_FORCED_CLOSED) {
        WskbSocketDied(Operation->Socket);
    }
    Unlink(Operation, TRUE);
    if (NT_SUCCESS(WdfRequestUnmarkCancelable(Operation->Request))) {
        Dropped++; /* the cancel callback will not run: drop its reference too */
    }
    Release(Operation, Dropped);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* The request was cancelled before WSK saw it. Neither the completion routine nor the cancel callback will
 * run. */
static VOID AbandonBeforeCall(PWSKB_OPERATION Operation)
{
    Operation->Status = STATUS_CANCELLED;
    Operation->Information = 0;
    Unlink(Operation, FALSE);
    if (!Operation->Type->GuardUntilFinished) {
        WskbSocketLeave(Operation->Socket);
    }
    Release(Operation, 3);
}

static VOID CallWsk(PWSKB_OPERATION Operation)
{
    InterlockedIncrement64(&Operation->Driver->Counters.StartedIrps);
    Operation->ReachedWsk = TRUE;
    Operation->Type->Call(Operation);
    if (ReadAcquire(&Operation->CancelReason) != WskbNotCancelled) {
        IoCancelIrp(Operation->Irp); /* the first cancel may have come before WSK had the IRP */
    }
    if (!Operation->Type->GuardUntilFinished) {
        WskbSocketLeave(Operation->Socket);
    }
    Release(Operation, 1);
}

/* Takes a count of the call guard, prepares the IRP, and links the operation in InFlight. */
static NTSTATUS Begin(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    NTSTATUS Status = WskbSocketEnter(Socket);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Operation->References = 3;
    Operation->Irp = WskbInitializeIrp(Operation->IrpStorage, sizeof(Operation->IrpStorage));
    IoSetCompletionRoutine(Operation->Irp, OperationCompleted, Operation, TRUE, TRUE, TRUE);
    Status = Link(Operation);
    if (!NT_SUCCESS(Status)) {
        WskbCleanUpIrp(Operation->Driver, Operation->Irp);
        WskbSocketLeave(Socket);
    }
    return Status;
}

static NTSTATUS ChangeStateAndBegin(PWSKB_OPERATION Operation)
{
    const WSKB_OPERATION_TYPE* Type = Operation->Type;
    if (Type->Via != 0) {
        NTSTATUS Status = WskbSocketChangeState(Operation->Socket, Type->States, Type->Via);
        if (!NT_SUCCESS(Status)) {
            return Status;
        }
        Operation->Changing = TRUE;
    }
    return Begin(Operation);
}

/* Apart from WskbOperationRun, which for a request that Prepare completes saves no registers then. */
static DECLSPEC_NOINLINE NTSTATUS Start(PWSKB_OPERATION Operation)
{
    NTSTATUS Status = ChangeStateAndBegin(Operation);
    if (!NT_SUCCESS(Status)) {
        Operation->Status = Status;
        Conclude(Operation);
        return Operation->Status;
    }
    /* From here on other threads use the operation too; only references keep it valid. */
    if (NT_SUCCESS(WdfRequestMarkCancelableEx(Operation->Request, EvtRequestCancel))) {
        CallWsk(Operation);
    } else {
        AbandonBeforeCall(Operation);
    }
    return STATUS_PENDING;
}

_Use_decl_annotations_ NTSTATUS WskbOperationRun(PWSKB_OPERATION Operation)
{
    const WSKB_OPERATION_TYPE* Type = Operation->Type;
    NTSTATUS Status = Type->Prepare != NULL ? Type->Prepare(Operation) : WSKB_CALL_FOLLOWS;
    return Status == WSKB_CALL_FOLLOWS ? Start(Operation) : Status;
}

/* ---- cancelling many --------------------------------------------------------------------------------- */

/* Selects operations in flight to cancel. Cause is the operation that asks for it, or NULL. */
typedef BOOLEAN CANCEL_FILTER(_In_ PWSKB_OPERATION Operation, _In_opt_ PWSKB_OPERATION Cause);

static BOOLEAN IsAny(PWSKB_OPERATION Operation, PWSKB_OPERATION Cause)
{
    UNREFERENCED_PARAMETER(Operation);
    UNREFERENCED_PARAMETER(Cause);
    return TRUE;
}

static BOOLEAN EndsWithHandle(PWSKB_OPERATION Operation, PWSKB_OPERATION Cause)
{
    UNREFERENCED_PARAMETER(Cause);
    return !Operation->Type->OutlivesHandle;
}

static BOOLEAN IsBehind(PWSKB_OPERATION Operation, PWSKB_OPERATION Cause)
{
    _Analysis_assume_(Cause != NULL);
    return (Operation->Type->Direction == Cause->CutDirection ||
            Operation->CutDirection == Cause->CutDirection) &&
           Operation->Sequence > Cause->Sequence;
}

/* Marks the matching operations in flight that are not marked yet; returns them as a list, the last first,
 * each with a reference. Socket->Lock is held. */
static PWSKB_OPERATION MarkForCancelLocked(PWSKB_SOCKET Socket, CANCEL_FILTER* Filter, PWSKB_OPERATION Cause)
{
    PWSKB_OPERATION Last = NULL;

    for (PLIST_ENTRY Entry = Socket->InFlight.Flink; Entry != &Socket->InFlight; Entry = Entry->Flink) {
        PWSKB_OPERATION Operation = CONTAINING_RECORD(Entry, WSKB_OPERATION, Link);
        if (!Operation->CancelMarked && Filter(Operation, Cause)) {
            Operation->CancelMarked = TRUE;
            Operation->NextToCancel = Last;
            InterlockedIncrement(&Operation->References);
            Last = Operation;
        }
    }
    return Last;
}

/* Cancels the IRP, and drops the caller's reference. The first reason stays. */
static VOID CancelIrpAndRelease(PWSKB_OPERATION Operation, WSKB_CANCEL_REASON Reason)
{
    (VOID) InterlockedCompareExchange(&Operation->CancelReason, Reason, WskbNotCancelled);
    IoCancelIrp(Operation->Irp);
    Release(Operation, 1);
}

static VOID CancelMarked(PWSKB_OPERATION Operation, WSKB_CANCEL_REASON Reason)
{
    while (Operation != NULL) {
        PWSKB_OPERATION Next = Operation->NextToCancel;
        CancelIrpAndRelease(Operation, Reason);
        Operation = Next;
    }
}

static VOID Cancel(PWSKB_SOCKET Socket, CANCEL_FILTER* Filter, PWSKB_OPERATION Cause,
                   WSKB_CANCEL_REASON Reason)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    PWSKB_OPERATION Marked = MarkForCancelLocked(Socket, Filter, Cause);
    KeReleaseSpinLock(&Socket->Lock, Irql);
    CancelMarked(Marked, Reason);
}

_Use_decl_annotations_ VOID WskbOperationCancelAll(PWSKB_SOCKET Socket)
{
    Cancel(Socket, IsAny, NULL, WskbCancelRequested);
}

_Use_decl_annotations_ VOID WskbOperationCancelReceives(PWSKB_SOCKET Socket)
{
    Cancel(Socket, EndsWithHandle, NULL, WskbCancelRequested);
}

/* ---- cancelling one ---------------------------------------------------------------------------------- */

/* The operation is going to be cancelled. If WSK has not completed it, its direction ends until it turns out
 * to be whole, and what is behind it is cancelled. */
static VOID CutOffBehind(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PWSKB_DIRECTION_STATE State = &Socket->Directions[Operation->CutDirection];
    PWSKB_OPERATION Behind = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    if (!Operation->Linked) {
        Behind = MarkForCancelLocked(Socket, IsBehind, Operation);
        State->CutOff |= Behind != NULL;
        State->EndedBy = State->Ended ? State->EndedBy : Operation;
        State->Ended = TRUE;
    }
    KeReleaseSpinLock(&Socket->Lock, Irql);
    CancelMarked(Behind, WskbCutOff);
}

static VOID CancelOne(PWSKB_OPERATION Operation, WSKB_CANCEL_REASON Reason)
{
    (VOID) InterlockedCompareExchange(&Operation->CancelReason, Reason, WskbNotCancelled);
    if (Operation->CutDirection != WskbNoDirection) {
        CutOffBehind(Operation);
    }
    CancelIrpAndRelease(Operation, Reason);
}

_Use_decl_annotations_ VOID WskbOperationExpire(PWSKB_OPERATION Operation)
{
    CancelOne(Operation, WskbTimedOut);
}

_Use_decl_annotations_ static VOID EvtRequestCancel(WDFREQUEST Request)
{
    CancelOne(WskbGetOperation(Request), WskbCancelRequested);
}

_Use_decl_annotations_ VOID WskbOperationEndDirection(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PWSKB_DIRECTION_STATE State = &Socket->Directions[Operation->CutDirection];
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    BOOLEAN First = !State->Ended || State->EndedBy != NULL;
    State->Ended = TRUE;
    State->EndedBy = NULL;
    KeReleaseSpinLock(&Socket->Lock, Irql);
    if (First) {
        WskbTraceSocket(WskbTraceInformation, Socket,
                        Operation->CutDirection == WskbSending ? "sending has ended, a send was cut"
                                                               : "receiving has ended, a receive was cut",
                        Operation->Status);
    }
    Cancel(Socket, IsBehind, Operation, WskbCutOff);
}
