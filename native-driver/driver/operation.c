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

static NTSTATUS Link(PWSKB_OPERATION Operation)
{
    static const ULONG Limits[WskbOperationKinds] = {WSKB_MAXIMUM_OPERATIONS, MAXULONG,
                                                     WSKB_MAXIMUM_DISCONNECTS};
    PWSKB_SOCKET Socket = Operation->Socket;
    WSKB_OPERATION_KIND Kind = Operation->Routines->Kind;
    LONG64 Length = (LONG64)Operation->Buffer.Length;
    NTSTATUS Status = STATUS_QUOTA_EXCEEDED;
    KIRQL Irql;

    if (InterlockedAdd64(&Socket->Process->Bytes, Length) <= (LONG64)WSKB_MAXIMUM_BYTES || Length == 0) {
        KeAcquireSpinLock(&Socket->Lock, &Irql);
        if (Socket->Operations[Kind] < Limits[Kind]) {
            Socket->Operations[Kind]++;
            InsertTailList(&Socket->InFlight, &Operation->Link);
            Status = STATUS_SUCCESS;
        }
        KeReleaseSpinLock(&Socket->Lock, Irql);
    }
    if (!NT_SUCCESS(Status)) {
        InterlockedAdd64(&Socket->Process->Bytes, -Length);
    }
    return Status;
}

static VOID Unlink(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    RemoveEntryList(&Operation->Link);
    Socket->Operations[Operation->Routines->Kind]--;
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

static VOID Release(PWSKB_OPERATION Operation, LONG Count)
{
    LONG Left = InterlockedAdd(&Operation->References, -Count);
    NT_ASSERT(Left >= 0);
    if (Left == 0) {
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
    Unlink(Operation);
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
    Unlink(Operation);
    if (!Operation->Routines->GuardUntilFinished) {
        WskbSocketLeave(Operation->Socket);
    }
    Release(Operation, 3);
}

static VOID CallWsk(PWSKB_OPERATION Operation)
{
    InterlockedIncrement64(&Operation->Socket->Driver->Counters.StartedIrps);
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

/* ---- closing ----------------------------------------------------------------------------------------- */

/* The next operation that this close has not picked yet, with a reference; NULL when all were. Picked ones
 * move to the tail, so that the first picked one at the head ends the walk. */
static PWSKB_OPERATION PickForClose(PWSKB_SOCKET Socket)
{
    PWSKB_OPERATION Picked = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    if (!IsListEmpty(&Socket->InFlight)) {
        PWSKB_OPERATION First = CONTAINING_RECORD(Socket->InFlight.Flink, WSKB_OPERATION, Link);
        if (!First->PickedByClose) {
            First->PickedByClose = TRUE;
            RemoveEntryList(&First->Link);
            InsertTailList(&Socket->InFlight, &First->Link);
            InterlockedIncrement(&First->References);
            Picked = First;
        }
    }
    KeReleaseSpinLock(&Socket->Lock, Irql);
    return Picked;
}

_Use_decl_annotations_ VOID WskbOperationCancelAll(PWSKB_SOCKET Socket)
{
    PWSKB_OPERATION Operation;
    while ((Operation = PickForClose(Socket)) != NULL) {
        InterlockedExchange(&Operation->CancelRequested, 1);
        IoCancelIrp(Operation->Irp);
        Release(Operation, 1);
    }
}
