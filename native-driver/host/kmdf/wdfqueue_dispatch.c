/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop of a queue: presents requests, delivers cancellations and calls state callbacks. A thread in a
 * callback never runs the loop of the same queue inside it; it continues after the callback has returned.
 */
#include "kmdfp.h"

#include <wdfhost.h>

/* ---- calling the driver ------------------------------------------------------------------------------ */

/* A read or write of length 0 is completed here, unless the driver asked for such requests. */
static BOOLEAN FxQueueSkipsEmpty(const FX_QUEUE* Queue, const FX_REQUEST* Request)
{
    if (Queue->Config.AllowZeroLengthRequests) {
        return FALSE;
    }
    return (BOOLEAN)((Request->Major == IRP_MJ_READ && Request->Stack->Parameters.Read.Length == 0) ||
                     (Request->Major == IRP_MJ_WRITE && Request->Stack->Parameters.Write.Length == 0));
}

static VOID FxQueueCallDefault(FX_QUEUE* Queue, FX_REQUEST* Request)
{
    if (Queue->Config.EvtIoDefault != NULL) {
        Queue->Config.EvtIoDefault(FX_TO_HANDLE(WDFQUEUE, Queue), FX_TO_HANDLE(WDFREQUEST, Request));
    } else {
        FxRequestComplete(Request, STATUS_INVALID_DEVICE_REQUEST, IO_NO_INCREMENT, "the framework");
    }
}

/* Nothing of the request may be touched after the callback. */
static VOID FxQueueCallDriver(FX_QUEUE* Queue, FX_REQUEST* Request)
{
    const WDF_IO_QUEUE_CONFIG* Config = &Queue->Config;
    PIO_STACK_LOCATION Stack = Request->Stack;
    PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL Control = Config->EvtIoDeviceControl;

    if (Request->Major == IRP_MJ_INTERNAL_DEVICE_CONTROL) {
        Control = Config->EvtIoInternalDeviceControl;
    }
    if (FX_UNLIKELY(FxQueueSkipsEmpty(Queue, Request))) {
        FxRequestComplete(Request, STATUS_SUCCESS, IO_NO_INCREMENT, "the framework");
        return;
    }
    switch (Request->Major) {
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        if (FX_LIKELY(Control != NULL)) {
            Control(FX_TO_HANDLE(WDFQUEUE, Queue), FX_TO_HANDLE(WDFREQUEST, Request),
                    Stack->Parameters.DeviceIoControl.OutputBufferLength,
                    Stack->Parameters.DeviceIoControl.InputBufferLength,
                    Stack->Parameters.DeviceIoControl.IoControlCode);
            return;
        }
        break;
    case IRP_MJ_READ:
        if (Config->EvtIoRead != NULL) {
            Config->EvtIoRead(FX_TO_HANDLE(WDFQUEUE, Queue), FX_TO_HANDLE(WDFREQUEST, Request),
                              Stack->Parameters.Read.Length);
            return;
        }
        break;
    case IRP_MJ_WRITE:
        if (Config->EvtIoWrite != NULL) {
            Config->EvtIoWrite(FX_TO_HANDLE(WDFQUEUE, Queue), FX_TO_HANDLE(WDFREQUEST, Request),
                               Stack->Parameters.Write.Length);
            return;
        }
        break;
    default:
        break;
    }
    FxQueueCallDefault(Queue, Request);
}

static VOID FxQueuePresent(FX_QUEUE* Queue, FX_REQUEST* Request)
{
    KIRQL Irql;

    FxQueueTakeOwnership(Queue, Request);
    FxCallbackLockAcquire(Queue->Object.CallbackLock);
    Irql = KeGetCurrentIrql();
    FxQueueCallDriver(Queue, Request);
    FxCallbackReturned("an EvtIo callback", Irql);
    FxCallbackLockRelease(Queue->Object.CallbackLock);
}

static VOID FxQueueCallCanceledOnQueue(FX_QUEUE* Queue, FX_REQUEST* Request)
{
    InterlockedAdd64(&Queue->State, FX_QUEUE_OWNED_ONE);
    FxQueueTakeOwnership(Queue, Request);
    Queue->Config.EvtIoCanceledOnQueue(FX_TO_HANDLE(WDFQUEUE, Queue), FX_TO_HANDLE(WDFREQUEST, Request));
}

static VOID FxQueueTellCancelled(FX_QUEUE* Queue, FX_REQUEST* Request)
{
    KIRQL Irql;

    FxCallbackLockAcquire(Queue->Object.CallbackLock);
    Irql = KeGetCurrentIrql();
    if (ReadAcquire(&Request->State) == FxRequestQueued) {
        FxQueueCallCanceledOnQueue(Queue, Request);
    } else {
        FxCancelDeliver(Request);
    }
    FxCallbackReturned("a cancel callback", Irql);
    FxCallbackLockRelease(Queue->Object.CallbackLock);
}

static VOID FxQueueTellState(FX_QUEUE* Queue, PFN_WDF_IO_QUEUE_STATE Callback, WDFCONTEXT Context)
{
    KIRQL Irql;

    FxCallbackLockAcquire(Queue->Object.CallbackLock);
    Irql = KeGetCurrentIrql();
    Callback(FX_TO_HANDLE(WDFQUEUE, Queue), Context);
    FxCallbackReturned("a queue state callback", Irql);
    FxCallbackLockRelease(Queue->Object.CallbackLock);
}

/* ---- the loop ---------------------------------------------------------------------------------------- */

/* Lock held. Counts one more request as the driver's, unless it owns the maximum already. */
static BOOLEAN FxQueueTryOwn(FX_QUEUE* Queue)
{
    LONG64 Old = ReadNoFence64(&Queue->State);

    while (FX_QUEUE_OWNED(Old) < Queue->MaximumOwned) {
        LONG64 Seen = InterlockedCompareExchange64(&Queue->State,
                                                   Old + FX_QUEUE_OWNED_ONE + FX_QUEUE_PRESENTING_ONE, Old);
        if (Seen == Old) {
            return TRUE;
        }
        Old = Seen;
    }
    return FALSE;
}

/* The next request to present, already counted; NULL when there is none or none may be presented now. */
static FX_REQUEST* FxQueueNextRequest(FX_QUEUE* Queue)
{
    FX_REQUEST* Request;

    if ((FxQueueFlags(Queue) & (FX_QUEUE_WAITING | FX_QUEUE_NOT_PRESENTING)) != FX_QUEUE_WAITING ||
        !FxQueueTryOwn(Queue)) {
        return NULL;
    }
    Request = FxQueueClaimOldest(Queue, NULL);
    if (Request == NULL) {
        InterlockedAdd64(&Queue->State, -(FX_QUEUE_OWNED_ONE + FX_QUEUE_PRESENTING_ONE));
    }
    return Request;
}

static FX_REQUEST* FxQueueNextCancelled(FX_QUEUE* Queue)
{
    FX_REQUEST* Request;

    if (IsListEmpty(&Queue->Cancelled)) {
        return NULL;
    }
    Request = CONTAINING_RECORD(RemoveHeadList(&Queue->Cancelled), FX_REQUEST, Link);
    if (IsListEmpty(&Queue->Cancelled)) {
        InterlockedAnd64(&Queue->State, ~FX_QUEUE_CANCELS);
    }
    InterlockedAdd64(&Queue->State, FX_QUEUE_PRESENTING_ONE);
    return Request;
}

/* The state callback that is due, if any. */
static PFN_WDF_IO_QUEUE_STATE FxQueueNextState(FX_QUEUE* Queue, WDFCONTEXT* Context)
{
    PFN_WDF_IO_QUEUE_STATE Callback = NULL;

    if (Queue->ReadyPending && !(FxQueueFlags(Queue) & FX_QUEUE_NOT_PRESENTING)) {
        Queue->ReadyPending = FALSE;
        Callback = Queue->ReadyCallback;
        *Context = Queue->ReadyContext;
    } else if (FxQueueWaitSatisfied(Queue)) {
        Callback = Queue->WaitCallback;
        *Context = Queue->WaitContext;
        FxQueueFinishWait(Queue);
    } else {
        return NULL;
    }
    FxQueueUpdateNotify(Queue);
    if (Callback != NULL) {
        InterlockedAdd64(&Queue->State, FX_QUEUE_PRESENTING_ONE);
    }
    return Callback;
}

/* Lock held; released and taken again around a callback. FALSE when nothing is left to do. */
static BOOLEAN FxQueueRunOne(FX_QUEUE* Queue, KIRQL* Irql)
{
    PFN_WDF_IO_QUEUE_STATE StateCallback = NULL;
    WDFCONTEXT StateContext = NULL;
    FX_REQUEST* Cancelled = FxQueueNextCancelled(Queue);
    FX_REQUEST* Request = Cancelled == NULL ? FxQueueNextRequest(Queue) : NULL;

    if (Cancelled == NULL && Request == NULL) {
        StateCallback = FxQueueNextState(Queue, &StateContext);
        if (StateCallback == NULL) {
            return FALSE;
        }
    }
    KeReleaseSpinLock(&Queue->Lock, *Irql);
    if (Cancelled != NULL) {
        FxQueueTellCancelled(Queue, Cancelled);
    } else if (Request != NULL) {
        FxQueuePresent(Queue, Request);
    } else {
        FxQueueTellState(Queue, StateCallback, StateContext);
    }
    KeAcquireSpinLock(&Queue->Lock, Irql);
    InterlockedAdd64(&Queue->State, -FX_QUEUE_PRESENTING_ONE);
    return TRUE;
}

/* Lock held. No request, no callback and no work item uses the queue. */
static BOOLEAN FxQueueIsIdle(const FX_QUEUE* Queue)
{
    LONG64 State = ReadAcquire64(&Queue->State);

    return (BOOLEAN)(FX_QUEUE_OWNED(State) == 0 && FX_QUEUE_PRESENTING(State) == 0 &&
                     IsListEmpty(&Queue->Waiting) && IsListEmpty(&Queue->Cancelled) &&
                     !Queue->DeferralQueued);
}

VOID FxQueueUnlock(FX_QUEUE* Queue, KIRQL Irql)
{
    if (FX_UNLIKELY(Queue->Disposed != NULL) && FxQueueIsIdle(Queue)) {
        KeSetEvent(Queue->Disposed, IO_NO_INCREMENT, FALSE);
        Queue->Disposed = NULL;
    }
    KeReleaseSpinLock(&Queue->Lock, Irql);
}

static VOID FxQueueDeferralWorker(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    FX_QUEUE* Queue = Context;
    KIRQL Irql = FxQueueLock(Queue);

    UNREFERENCED_PARAMETER(DeviceObject);
    while (FxQueueRunOne(Queue, &Irql)) {
    }
    Queue->DeferralQueued = FALSE;
    FxQueueUnlock(Queue, Irql);
}

/* TRUE: the queue's callbacks can't be called here, because the IRQL is too high or the thread already holds
 * their lock. */
static BOOLEAN FxQueueMustDefer(const FX_QUEUE* Queue, KIRQL Irql)
{
    if (Queue->Deferral == NULL) {
        return FALSE;
    }
    return (BOOLEAN)((Queue->Object.ExecutionLevel == WdfExecutionLevelPassive && Irql > PASSIVE_LEVEL) ||
                     FxCallbackLockIsMine(Queue->Object.CallbackLock));
}

static VOID FxQueueDefer(FX_QUEUE* Queue)
{
    if (!Queue->DeferralQueued && (FxQueueFlags(Queue) & FX_QUEUE_ATTENTION)) {
        Queue->DeferralQueued = TRUE;
        IoQueueWorkItem(Queue->Deferral, FxQueueDeferralWorker, DelayedWorkQueue, Queue);
    }
}

VOID FxQueueDispatch(FX_QUEUE* Queue, KIRQL Irql, FX_QUEUE_ENTRY Entry)
{
    BOOLEAN Busy = (BOOLEAN)(FX_QUEUE_PRESENTING(ReadAcquire64(&Queue->State)) != 0);
    BOOLEAN Parallel = (BOOLEAN)(Queue->Config.DispatchType == WdfIoQueueDispatchParallel);

    if (Busy && Entry != FxQueueEntryReturn && !(Entry == FxQueueEntryArrival && Parallel)) {
        FxQueueUnlock(Queue, Irql);
        return;
    }
    if (FxQueueMustDefer(Queue, Irql)) {
        FxQueueDefer(Queue);
    } else {
        while (FxQueueRunOne(Queue, &Irql)) {
        }
    }
    FxQueueUnlock(Queue, Irql);
}

/* ---- without the lock -------------------------------------------------------------------------------- */

/* Lowers a counter by one compare-exchange; takes the lock and runs the loop when a flag asks for it. */
static VOID FxQueueLower(FX_QUEUE* Queue, LONG64 Counter, FX_QUEUE_ENTRY Entry)
{
    LONG64 Old = ReadNoFence64(&Queue->State);

    while (FX_LIKELY((Old & FX_QUEUE_ATTENTION) == 0)) {
        LONG64 Seen = InterlockedCompareExchange64(&Queue->State, Old - Counter, Old);
        if (FX_LIKELY(Seen == Old)) {
            return;
        }
        Old = Seen;
    }
    {
        KIRQL Irql = FxQueueLock(Queue);
        InterlockedAdd64(&Queue->State, -Counter);
        FxQueueDispatch(Queue, Irql, Entry);
    }
}

VOID FxQueuePresentDirect(FX_QUEUE* Queue, FX_REQUEST* Request)
{
    KIRQL Irql = KeGetCurrentIrql();

    FxQueueTakeOwnership(Queue, Request);
    FxQueueCallDriver(Queue, Request);
    FxCallbackReturned("an EvtIo callback", Irql);
    FxQueueLower(Queue, FX_QUEUE_PRESENTING_ONE, FxQueueEntryReturn);
}

VOID FxQueuePresentCreate(FX_QUEUE* Queue, FX_REQUEST* Request, FX_FILE* File)
{
    FX_DEVICE* Device = Queue->Device;
    FX_CALLBACK_LOCK* Lock = File != NULL ? File->Object.CallbackLock : NULL;
    KIRQL Irql;

    InterlockedAdd64(&Queue->State, FX_QUEUE_OWNED_ONE + FX_QUEUE_PRESENTING_ONE);
    FxQueueTakeOwnership(Queue, Request);
    FxCallbackLockAcquire(Lock);
    Irql = KeGetCurrentIrql();
    Device->FileConfig.EvtDeviceFileCreate(FX_TO_HANDLE(WDFDEVICE, Device), FX_TO_HANDLE(WDFREQUEST, Request),
                                           FX_TO_HANDLE(WDFFILEOBJECT, File));
    FxCallbackReturned("EvtDeviceFileCreate", Irql);
    FxCallbackLockRelease(Lock);
    FxQueueLower(Queue, FX_QUEUE_PRESENTING_ONE, FxQueueEntryReturn);
}

static volatile LONG64 FxDetours;

LONGLONG WdfHostCountDetours(VOID)
{
    return ReadAcquire64(&FxDetours);
}

VOID FxQueueRequestGone(FX_QUEUE* Queue)
{
    if (FX_UNLIKELY(Queue->Object.ExecutionLevel == WdfExecutionLevelPassive) &&
        KeGetCurrentIrql() > PASSIVE_LEVEL) {
        InterlockedIncrement64(&FxDetours);
    }
    FxQueueLower(Queue, FX_QUEUE_OWNED_ONE, FxQueueEntryOther);
}

VOID FxQueueDeliverCancel(FX_QUEUE* Queue, FX_REQUEST* Request)
{
    KIRQL Irql = FxQueueLock(Queue);

    InsertTailList(&Queue->Cancelled, &Request->Link);
    InterlockedOr64(&Queue->State, FX_QUEUE_CANCELS);
    FxQueueDispatch(Queue, Irql, FxQueueEntryOther);
}
