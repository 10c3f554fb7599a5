/* SPDX-License-Identifier: Apache-2.0
 *
 * Cancellation of requests that the driver owns.
 *
 * The cancellation, a driver that unmarks the request, and a purge of the queue race for the IRP's cancel
 * routine: the one that takes it out by an exchange wins. A purge holds no reference to the request, so the
 * request's cancel lock keeps it from claiming one that has just been unmarked, completed and reused.
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

/* Called by the queue's loop. The reference keeps the handle valid while the callback runs. */
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
    return TRUE; /* if it is being cancelled, the cancel routine delivers the callback */
}

/* Once the lock is released a marked request may be freed. Claim: the callback must be called even if the
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

/* The cancel callback may have completed the request already, if the caller holds a reference. */
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

/* Reads the fields of a marked request only: they were written under the lock before it was marked. */
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

/* Cancels the queue's requests that the driver has marked. FX_QUEUE_PURGING is set already, so no more get
 * marked. Walks the device's list of all requests: a list per queue would cost every request. */
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
