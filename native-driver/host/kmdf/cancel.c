/* SPDX-License-Identifier: Apache-2.0
 *
 * Cancellation of requests that the driver owns.
 *
 * The IRP's cancel routine pointer decides between the canceller, the driver that unmarks and a purge: who
 * gets it out by an exchange has won. The request's cancel lock keeps a purge, which comes from nowhere, from
 * meeting a request that has just been unmarked, completed and used again.
 */
#include "kmdfp.h"

#include <nt/walk.h>

BOOLEAN FxRequestIrpCancelled(FX_REQUEST* Request)
{
    return (BOOLEAN)(ReadBooleanAcquire((BOOLEAN volatile*)&Request->Irp->Cancel) ||
                     ReadBooleanAcquire(&Request->Purged));
}

/* The IRP's cancel routine while the request is marked. */
static VOID FxCancelRoutine(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    FX_REQUEST* Request = Irp->Tail.Overlay.DriverContext[0];
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DeviceObject);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&Request->CancelLock, &Irql);
    WriteRelease(&Request->CancelState, FxCancelClaimed);
    KeReleaseSpinLock(&Request->CancelLock, Irql);
    FxQueueDeliverCancel(Request->Queue, Request);
}

/* From the queue's loop. The reference keeps the handle good while the callback runs. */
VOID FxCancelDeliver(FX_REQUEST* Request)
{
    PFN_WDF_REQUEST_CANCEL Callback;
    KIRQL Irql;

    FxObjectReference(&Request->Object);
    KeAcquireSpinLock(&Request->CancelLock, &Irql);
    Callback = Request->EvtRequestCancel;
    WriteRelease(&Request->CancelState, FxCancelDelivered);
    KeReleaseSpinLock(&Request->CancelLock, Irql);
    Callback(FX_TO_HANDLE(WDFREQUEST, Request));
    FxObjectRelease(&Request->Object);
}

/* ---- marking ----------------------------------------------------------------------------------------- */

/* Cancel lock held. FALSE: the request was cancelled before; its callback will not be called. */
static BOOLEAN FxCancelMark(FX_REQUEST* Request, PFN_WDF_REQUEST_CANCEL Callback)
{
    PIRP Irp = Request->Irp;

    if (FxQueueFlags(Request->Queue) & FX_QUEUE_PURGING) {
        WriteBooleanRelease(&Request->Purged, TRUE);
        return FALSE;
    }
    Request->EvtRequestCancel = Callback;
    WriteRelease(&Request->CancelState, FxCancelMarked);
    Irp->Tail.Overlay.DriverContext[0] = Request;
    IoSetCancelRoutine(Irp, FxCancelRoutine);
    if (FxRequestIrpCancelled(Request) && IoSetCancelRoutine(Irp, NULL) != NULL) {
        WriteRelease(&Request->CancelState, FxCancelNone);
        return FALSE;
    }
    return TRUE; /* or the cancel routine is running already, and delivers the callback */
}

/* Once the lock is released a marked request may be gone. Claim: the callback is to be called even if the
 * request was cancelled before. */
static BOOLEAN FxRequestMark(PCSTR Function, FX_REQUEST* Request, PFN_WDF_REQUEST_CANCEL Callback,
                             BOOLEAN Claim)
{
    LONG CancelState;
    BOOLEAN Marked;
    KIRQL Irql;

    KeAcquireSpinLock(&Request->CancelLock, &Irql);
    CancelState = ReadNoFence(&Request->CancelState);
    if (CancelState != FxCancelNone) {
        FxStop(WDF_REQUEST_FATAL_ERROR, Request, "%s was called for a WDFREQUEST (%p) %s\n", Function,
               (PVOID)Request,
               CancelState == FxCancelDelivered ? "whose EvtRequestCancel was called"
                                                : "that is marked cancelable");
    }
    Marked = FxCancelMark(Request, Callback);
    if (!Marked && Claim) {
        Request->EvtRequestCancel = Callback;
        WriteRelease(&Request->CancelState, FxCancelClaimed);
    }
    KeReleaseSpinLock(&Request->CancelLock, Irql);
    return Marked;
}

NTSTATUS NTAPI imp_WdfRequestMarkCancelableEx(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle,
                                              PFN_WDF_REQUEST_CANCEL EvtRequestCancel)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(Handle);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(EvtRequestCancel);
    FX_REQUIRE_DISPATCH();
    if (Request->Queue == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    return FxRequestMark(FX_FUNCTION, Request, EvtRequestCancel, FALSE) ? STATUS_SUCCESS : STATUS_CANCELLED;
}

VOID NTAPI imp_WdfRequestMarkCancelable(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle,
                                        PFN_WDF_REQUEST_CANCEL EvtRequestCancel)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(Handle);
    FX_QUEUE* Queue = Request->Queue;

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(EvtRequestCancel);
    FX_REQUIRE_DISPATCH();
    if (Queue == NULL) {
        FxStop(WDF_REQUEST_FATAL_ERROR, Request,
               "WdfRequestMarkCancelable was called in EvtIoInCallerContext\n");
    }
    if (!FxRequestMark(FX_FUNCTION, Request, EvtRequestCancel, TRUE)) {
        FxQueueDeliverCancel(Queue, Request);
    }
}

/* Also for a request that its cancel callback completed, if the caller has a reference. */
NTSTATUS NTAPI imp_WdfRequestUnmarkCancelable(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle)
{
    FX_REQUEST* Request = FX_HANDLE(FX_REQUEST, FxTypeRequest, Handle);
    NTSTATUS Status = STATUS_CANCELLED;
    LONG CancelState;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    if (ReadAcquire(&Request->State) == FxRequestInCallerContext) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    KeAcquireSpinLock(&Request->CancelLock, &Irql);
    CancelState = ReadNoFence(&Request->CancelState);
    if (CancelState == FxCancelMarked && IoSetCancelRoutine(Request->Irp, NULL) != NULL) {
        WriteRelease(&Request->CancelState, FxCancelNone);
        Status = STATUS_SUCCESS;
    }
    KeReleaseSpinLock(&Request->CancelLock, Irql);
    if (CancelState == FxCancelNone) {
        FxStop(WDF_REQUEST_FATAL_ERROR, Request,
               "%s was called for a WDFREQUEST (%p) that is not marked cancelable\n", FX_FUNCTION,
               (PVOID)Handle);
    }
    return Status;
}

BOOLEAN NTAPI imp_WdfRequestIsCanceled(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(Handle);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    if (ReadAcquire(&Request->CancelState) == FxCancelMarked) {
        FxStop(WDF_REQUEST_FATAL_ERROR, Request,
               "%s was called for a WDFREQUEST (%p) that is marked cancelable\n", FX_FUNCTION, (PVOID)Handle);
    }
    return FxRequestIrpCancelled(Request);
}

/* ---- purging ----------------------------------------------------------------------------------------- */

/* Only a marked request's fields may be looked at: they were written before it was marked, under the lock. */
static BOOLEAN FxCancelClaimForPurge(PLIST_ENTRY Entry, PVOID Queue)
{
    FX_REQUEST* Request = CONTAINING_RECORD(Entry, FX_REQUEST, DeviceLink);
    BOOLEAN Claimed = FALSE;

    KeAcquireSpinLockAtDpcLevel(&Request->CancelLock);
    if (ReadAcquire(&Request->CancelState) == FxCancelMarked && Request->Queue == Queue &&
        IoSetCancelRoutine(Request->Irp, NULL) != NULL) {
        WriteRelease(&Request->CancelState, FxCancelClaimed);
        WriteBooleanRelease(&Request->Purged, TRUE);
        Claimed = TRUE;
    }
    KeReleaseSpinLockFromDpcLevel(&Request->CancelLock);
    return Claimed;
}

/* Cancels the requests of the queue that the driver has marked. FX_QUEUE_PURGING is set already, so that no
 * new ones are. The device's list of requests stands in for one per queue, which each request would have to
 * pay for. */
VOID FxCancelPurgeMarked(FX_QUEUE* Queue)
{
    FX_REQUEST_CACHE* Cache = &Queue->Device->Cache;
    PLIST_ENTRY Entry = NULL;
    LIST_ENTRY Claimed;
    KIRQL Irql;

    InitializeListHead(&Claimed);
    KeAcquireSpinLock(&Cache->Lock, &Irql);
    while ((Entry = HostClaimEntry(&Cache->Requests, Entry, FxCancelClaimForPurge, Queue)) != NULL) {
        InsertTailList(&Claimed, &CONTAINING_RECORD(Entry, FX_REQUEST, DeviceLink)->Link);
    }
    KeReleaseSpinLock(&Cache->Lock, Irql);
    while (!IsListEmpty(&Claimed)) {
        FxQueueDeliverCancel(Queue, CONTAINING_RECORD(RemoveHeadList(&Claimed), FX_REQUEST, Link));
    }
}
