/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting, stopping, draining and purging queues, and waiting until that is done.
 */
#include "kmdfp.h"

/* ---- waiting ----------------------------------------------------------------------------------------- */

BOOLEAN FxQueueWaitSatisfied(const FX_QUEUE* Queue)
{
    BOOLEAN OwnsNone = (BOOLEAN)(FX_QUEUE_OWNED(FxQueueFlags(Queue)) == 0 && IsListEmpty(&Queue->Cancelled));

    switch (Queue->Wait) {
    case FxQueueWaitStop:
    case FxQueueWaitStopAndPurge:
        return OwnsNone;
    case FxQueueWaitDrain:
        return (BOOLEAN)(OwnsNone && IsListEmpty(&Queue->Waiting));
    default:
        return FALSE;
    }
}

/* A queue that was stopped and purged accepts and keeps requests again from now on. */
VOID FxQueueFinishWait(FX_QUEUE* Queue)
{
    if (Queue->Wait == FxQueueWaitStopAndPurge) {
        InterlockedAnd64(&Queue->State, ~FX_QUEUE_PURGING);
    }
    Queue->Wait = FxQueueWaitNone;
}

VOID FxQueueUpdateNotify(FX_QUEUE* Queue)
{
    if (Queue->Wait != FxQueueWaitNone || Queue->ReadyPending || Queue->Disposed != NULL) {
        InterlockedOr64(&Queue->State, FX_QUEUE_NOTIFY);
    } else {
        InterlockedAnd64(&Queue->State, ~FX_QUEUE_NOTIFY);
    }
}

static VOID NTAPI FxQueueSignal(WDFQUEUE Queue, WDFCONTEXT Context)
{
    UNREFERENCED_PARAMETER(Queue);
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
}

/* ---- cancelling waiting requests --------------------------------------------------------------------- */

VOID FxQueueCancelWaiting(FX_QUEUE* Queue, PFILE_OBJECT FileObject)
{
    FX_REQUEST* Request;

    for (;;) {
        KIRQL Irql = FxQueueLock(Queue);
        Request = FxQueueClaimOldest(Queue, FileObject);
        if (Request == NULL) {
            FxQueueDispatch(Queue, Irql, FxQueueEntryOther);
            return;
        }
        if (FxQueueCancel(Queue, Request)) {
            FxQueueUnlock(Queue, Irql);
            FxRequestFail(Request, STATUS_CANCELLED);
        } else {
            FxQueueUnlock(Queue, Irql);
        }
    }
}

/* ---- changes of state -------------------------------------------------------------------------------- */

static VOID FxQueueChange(PCSTR Function, FX_QUEUE* Queue, LONG64 Flags, FX_QUEUE_WAIT Wait,
                          PFN_WDF_IO_QUEUE_STATE Callback, WDFCONTEXT Context)
{
    KIRQL Irql = FxQueueLock(Queue);

    if (Queue->Wait != FxQueueWaitNone && Queue->WaitCallback != NULL && Callback != NULL) {
        FxStop(WDF_QUEUE_FATAL_ERROR, Queue,
               "%s was called for a WDFQUEUE (%p) whose last change is not finished\n", Function,
               (PVOID)Queue);
    }
    InterlockedOr64(&Queue->State, Flags);
    if (Queue->Wait == FxQueueWaitNone || Callback != NULL) {
        Queue->Wait = Wait;
        Queue->WaitCallback = Callback;
        Queue->WaitContext = Context;
    }
    FxQueueUpdateNotify(Queue);
    if (!(Flags & FX_QUEUE_PURGING)) {
        FxQueueDispatch(Queue, Irql, FxQueueEntryOther);
        return;
    }
    FxQueueUnlock(Queue, Irql);
    FxQueueCancelWaiting(Queue, NULL);
    FxCancelPurgeMarked(Queue);
}

static VOID FxQueueChangeAndWait(PCSTR Function, FX_QUEUE* Queue, LONG64 Flags, FX_QUEUE_WAIT Wait)
{
    KEVENT Done;

    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    FxQueueChange(Function, Queue, Flags, Wait, FxQueueSignal, &Done);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}

#define FX_STOP           FX_QUEUE_NOT_PRESENTING
#define FX_DRAIN          FX_QUEUE_NOT_ACCEPTING
#define FX_PURGE          (FX_QUEUE_NOT_ACCEPTING | FX_QUEUE_PURGING)
#define FX_STOP_AND_PURGE (FX_QUEUE_NOT_PRESENTING | FX_QUEUE_PURGING)

#define FX_QUEUE_CHANGE(Name, Flags, Wait)                                                                   \
    VOID NTAPI imp_##Name(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue,                                 \
                          PFN_WDF_IO_QUEUE_STATE Callback, WDFCONTEXT Context)                               \
    {                                                                                                        \
        UNREFERENCED_PARAMETER(DriverGlobals);                                                               \
        FX_REQUIRE_DISPATCH();                                                                               \
        FxQueueChange(FX_FUNCTION, FX_HANDLE(FX_QUEUE, FxTypeQueue, Queue), Flags, Wait, Callback, Context); \
    }                                                                                                        \
    VOID NTAPI imp_##Name##Synchronously(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue)                  \
    {                                                                                                        \
        UNREFERENCED_PARAMETER(DriverGlobals);                                                               \
        FX_REQUIRE_PASSIVE();                                                                                \
        FxQueueChangeAndWait(FX_FUNCTION, FX_HANDLE(FX_QUEUE, FxTypeQueue, Queue), Flags, Wait);             \
    }

FX_QUEUE_CHANGE(WdfIoQueueStop, FX_STOP, FxQueueWaitStop)
FX_QUEUE_CHANGE(WdfIoQueueDrain, FX_DRAIN, FxQueueWaitDrain)
FX_QUEUE_CHANGE(WdfIoQueuePurge, FX_PURGE, FxQueueWaitDrain)
FX_QUEUE_CHANGE(WdfIoQueueStopAndPurge, FX_STOP_AND_PURGE, FxQueueWaitStopAndPurge)

VOID NTAPI imp_WdfIoQueueStart(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE QueueHandle)
{
    FX_QUEUE* Queue = FX_HANDLE(FX_QUEUE, FxTypeQueue, QueueHandle);
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    Irql = FxQueueLock(Queue);
    InterlockedAnd64(&Queue->State, ~(FX_QUEUE_NOT_ACCEPTING | FX_QUEUE_NOT_PRESENTING | FX_QUEUE_PURGING));
    FxQueueDispatch(Queue, Irql, FxQueueEntryArrival);
}

WDF_IO_QUEUE_STATE NTAPI imp_WdfIoQueueGetState(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE QueueHandle,
                                                PULONG QueueRequests, PULONG DriverRequests)
{
    FX_QUEUE* Queue = FX_HANDLE(FX_QUEUE, FxTypeQueue, QueueHandle);
    ULONG Waiting, Owned, Result = 0;
    LONG64 State;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    Irql = FxQueueLock(Queue);
    State = FxQueueFlags(Queue);
    Waiting = Queue->WaitingCount;
    FxQueueUnlock(Queue, Irql);
    Owned = FX_QUEUE_OWNED(State);
    Result |= (State & FX_QUEUE_NOT_ACCEPTING) ? 0 : WdfIoQueueAcceptRequests;
    Result |= (State & FX_QUEUE_NOT_PRESENTING) ? 0 : WdfIoQueueDispatchRequests;
    Result |= Waiting != 0 ? 0 : WdfIoQueueNoRequests;
    Result |= Owned != 0 ? 0 : WdfIoQueueDriverNoRequests;
    if (QueueRequests != NULL) {
        *QueueRequests = Waiting;
    }
    if (DriverRequests != NULL) {
        *DriverRequests = Owned;
    }
    return (WDF_IO_QUEUE_STATE)Result;
}

/* The callback is called when the manual queue goes from empty to not empty. NULL removes it, only while the
 * queue is stopped. */
NTSTATUS NTAPI imp_WdfIoQueueReadyNotify(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE QueueHandle,
                                         PFN_WDF_IO_QUEUE_STATE QueueReady, WDFCONTEXT Context)
{
    FX_QUEUE* Queue = FX_HANDLE(FX_QUEUE, FxTypeQueue, QueueHandle);
    NTSTATUS Status = STATUS_SUCCESS;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    Irql = FxQueueLock(Queue);
    if (Queue->Config.DispatchType != WdfIoQueueDispatchManual ||
        (QueueReady == NULL && !(FxQueueFlags(Queue) & FX_QUEUE_NOT_PRESENTING)) ||
        (QueueReady != NULL && Queue->ReadyCallback != NULL)) {
        Status = STATUS_INVALID_DEVICE_REQUEST;
    } else {
        Queue->ReadyCallback = QueueReady;
        Queue->ReadyContext = Context;
        Queue->ReadyPending = (BOOLEAN)(QueueReady != NULL && Queue->WaitingCount != 0);
        FxQueueUpdateNotify(Queue);
    }
    FxQueueDispatch(Queue, Irql, FxQueueEntryOther);
    return Status;
}

/* ---- the end ----------------------------------------------------------------------------------------- */

/* Purges, then waits for the driver's requests and for threads inside callbacks too. */
VOID FxQueueDispose(FX_OBJECT* Object)
{
    FX_QUEUE* Queue = (FX_QUEUE*)Object;
    KEVENT Done;
    KIRQL Irql;

    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    Irql = FxQueueLock(Queue);
    InterlockedOr64(&Queue->State, FX_PURGE);
    Queue->Disposed = &Done;
    FxQueueUpdateNotify(Queue);
    FxQueueUnlock(Queue, Irql);
    FxQueueCancelWaiting(Queue, NULL);
    FxCancelPurgeMarked(Queue);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    Irql = FxQueueLock(Queue); /* until the setter of the event has released the lock */
    KeReleaseSpinLock(&Queue->Lock, Irql);
}
