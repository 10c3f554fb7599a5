/* SPDX-License-Identifier: Apache-2.0
 *
 * I/O queues: creation, and how a request gets into one.
 *
 * If nothing stands in the way, a request only changes the two counters in FX_QUEUE.State and is presented at
 * once. Otherwise it takes the queue's lock and goes through the list of waiting requests.
 */
#include "kmdfp.h"

#include <nt/walk.h>

/* ---- creation ---------------------------------------------------------------------------------------- */

#define FX_QUEUE_CONFIG_OLDEST_SIZE FIELD_OFFSET(WDF_IO_QUEUE_CONFIG, Settings)
#define FX_QUEUE_CONFIG_OLDER_SIZE  FIELD_OFFSET(WDF_IO_QUEUE_CONFIG, Driver)

static NTSTATUS FxQueueConfigCopy(const WDF_IO_QUEUE_CONFIG* Config, WDF_IO_QUEUE_CONFIG* Copy)
{
    if (Config->Size != sizeof(*Config) && Config->Size != FX_QUEUE_CONFIG_OLDER_SIZE &&
        Config->Size != FX_QUEUE_CONFIG_OLDEST_SIZE) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    RtlZeroMemory(Copy, sizeof(*Copy));
    RtlCopyMemory(Copy, Config, Config->Size);
    if (Config->Size == FX_QUEUE_CONFIG_OLDEST_SIZE && Copy->DispatchType == WdfIoQueueDispatchParallel) {
        Copy->Settings.Parallel.NumberOfPresentedRequests = MAXULONG;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS FxQueueConfigValidate(const WDF_IO_QUEUE_CONFIG* Config)
{
    BOOLEAN Manual = (BOOLEAN)(Config->DispatchType == WdfIoQueueDispatchManual);
    BOOLEAN Parallel = (BOOLEAN)(Config->DispatchType == WdfIoQueueDispatchParallel);
    BOOLEAN Presents =
        (BOOLEAN)(Config->EvtIoDefault != NULL || Config->EvtIoRead != NULL || Config->EvtIoWrite != NULL ||
                  Config->EvtIoDeviceControl != NULL || Config->EvtIoInternalDeviceControl != NULL);

    if (Config->DispatchType <= WdfIoQueueDispatchInvalid || Config->DispatchType >= WdfIoQueueDispatchMax) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!Manual && !Presents) {
        return STATUS_WDF_NO_CALLBACK;
    }
    if ((Manual && Presents) || Parallel != (Config->Settings.Parallel.NumberOfPresentedRequests != 0)) {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

static ULONG FxQueueMaximum(const WDF_IO_QUEUE_CONFIG* Config)
{
    switch (Config->DispatchType) {
    case WdfIoQueueDispatchSequential:
        return 1;
    case WdfIoQueueDispatchParallel:
        return Config->Settings.Parallel.NumberOfPresentedRequests;
    default:
        return 0;
    }
}

/* Chooses the lock, if any, that the queue's callbacks run under, and allocates the work item that it may
 * need. */
static NTSTATUS FxQueueSetScope(FX_QUEUE* Queue)
{
    FX_OBJECT* Object = &Queue->Object;
    FX_OBJECT* Device = &Queue->Device->Object;
    BOOLEAN Passive = (BOOLEAN)(Object->ExecutionLevel == WdfExecutionLevelPassive);

    if (Object->SynchronizationScope == WdfSynchronizationScopeDevice) {
        if (Device->CallbackLock == NULL || Object->ExecutionLevel != Device->ExecutionLevel) {
            return STATUS_INVALID_PARAMETER;
        }
        Object->CallbackLock = Device->CallbackLock;
    } else if (Object->SynchronizationScope == WdfSynchronizationScopeQueue) {
        FxCallbackLockInitialize(&Queue->ScopeLock, Passive);
        Object->CallbackLock = &Queue->ScopeLock;
    }
    if (Passive || Object->CallbackLock != NULL) {
        Queue->Deferral = IoAllocateWorkItem(Queue->Device->DeviceObject);
        if (Queue->Deferral == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        Queue->State |= FX_QUEUE_SLOW;
    }
    if (Queue->MaximumOwned == 0) {
        Queue->State |= FX_QUEUE_SLOW;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS FxQueueInitialize(FX_QUEUE* Queue, FX_DEVICE* Device, const WDF_IO_QUEUE_CONFIG* Config)
{
    Queue->Device = Device;
    Queue->Config = *Config;
    Queue->MaximumOwned = FxQueueMaximum(Config);
    KeInitializeSpinLock(&Queue->Lock);
    InitializeListHead(&Queue->Waiting);
    InitializeListHead(&Queue->Cancelled);
    return FxQueueSetScope(Queue);
}

NTSTATUS FxQueueCreate(FX_DEVICE* Device, const WDF_IO_QUEUE_CONFIG* Config,
                       const WDF_OBJECT_ATTRIBUTES* Attributes, FX_QUEUE** NewQueue)
{
    static const FX_ATTRIBUTE_RULES Rules = {
        .ParentAllowed = TRUE, .LevelAllowed = TRUE, .ScopeAllowed = TRUE};
    FX_OBJECT* Object;
    FX_QUEUE* Queue;
    NTSTATUS Status;
    KIRQL Irql;

    Status = FxObjectAllocate(Device->Object.Globals, FxTypeQueue, sizeof(FX_QUEUE), Attributes, &Rules,
                              &Device->Object, &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Queue = (FX_QUEUE*)Object;
    Status = FxObjectDevice(Object->Parent) == Device ? FxQueueInitialize(Queue, Device, Config)
                                                      : STATUS_INVALID_DEVICE_REQUEST;
    if (NT_SUCCESS(Status)) {
        Status = FxObjectPublish(Object);
    }
    if (!NT_SUCCESS(Status)) {
        if (Queue->Deferral != NULL) {
            IoFreeWorkItem(Queue->Deferral);
        }
        FxObjectAbandon(Object);
        return Status;
    }
    KeAcquireSpinLock(&Device->Lock, &Irql);
    InsertTailList(&Device->Queues, &Queue->DeviceLink);
    KeReleaseSpinLock(&Device->Lock, Irql);
    *NewQueue = Queue;
    return STATUS_SUCCESS;
}

VOID FxQueueFree(FX_OBJECT* Object)
{
    FX_QUEUE* Queue = (FX_QUEUE*)Object;
    FX_DEVICE* Device = Queue->Device;
    KIRQL Irql;

    KeAcquireSpinLock(&Device->Lock, &Irql);
    RemoveEntryList(&Queue->DeviceLink);
    KeReleaseSpinLock(&Device->Lock, Irql);
    if (Queue->Deferral != NULL) {
        IoFreeWorkItem(Queue->Deferral);
    }
    ExFreePoolWithTag(Queue, Object->Globals->Public.DriverTag);
}

/* The default queue gets what no other queue is configured for, except creates. */
static VOID FxDeviceSetDefaultQueue(FX_DEVICE* Device, FX_QUEUE* Queue)
{
    static const UCHAR Majors[] = {IRP_MJ_READ, IRP_MJ_WRITE, IRP_MJ_DEVICE_CONTROL,
                                   IRP_MJ_INTERNAL_DEVICE_CONTROL};
    ULONG i;

    Device->DefaultQueue = Queue;
    Queue->Object.NoDelete = TRUE;
    for (i = 0; i < ARRAYSIZE(Majors); i++) {
        FxDeviceReplaceQueue(Device, Majors[i], NULL, Queue);
    }
}

NTSTATUS NTAPI imp_WdfIoQueueCreate(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE DeviceHandle,
                                    PWDF_IO_QUEUE_CONFIG Config, PWDF_OBJECT_ATTRIBUTES QueueAttributes,
                                    WDFQUEUE* QueueHandle)
{
    FX_DEVICE* Device = FX_HANDLE(FX_DEVICE, FxTypeDevice, DeviceHandle);
    WDF_IO_QUEUE_CONFIG Copy;
    FX_QUEUE* Queue;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(Config);
    FX_REQUIRE_PASSIVE();
    Status = FxQueueConfigCopy(Config, &Copy);
    if (NT_SUCCESS(Status)) {
        Status = FxQueueConfigValidate(&Copy);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Copy.DefaultQueue && Device->DefaultQueue != NULL) {
        return STATUS_UNSUCCESSFUL;
    }
    if (Copy.DefaultQueue && Device->Initialized) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    if (!Copy.DefaultQueue && QueueHandle == NULL) {
        return STATUS_INVALID_PARAMETER_4;
    }
    Status = FxQueueCreate(Device, &Copy, QueueAttributes, &Queue);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Copy.DefaultQueue) {
        FxDeviceSetDefaultQueue(Device, Queue);
    }
    if (QueueHandle != NULL) {
        *QueueHandle = FX_TO_HANDLE(WDFQUEUE, Queue);
    }
    return STATUS_SUCCESS;
}

WDFDEVICE NTAPI imp_WdfIoQueueGetDevice(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FX_TO_HANDLE(WDFDEVICE, FX_HANDLE(FX_QUEUE, FxTypeQueue, Queue)->Device);
}

/* ---- removing from the list of waiting requests ------------------------------------------------------ */

VOID FxQueueTakeOwnership(FX_QUEUE* Queue, FX_REQUEST* Request)
{
    Request->Queue = Queue;
    Request->Seen = TRUE;
    Request->Presented = TRUE;
    WriteRelease(&Request->State, FxRequestOwned);
}

/* Lock held. The cancel routine of the request was called or is NULL. */
static VOID FxQueueUnlink(FX_QUEUE* Queue, FX_REQUEST* Request)
{
    RemoveEntryList(&Request->Link);
    if (--Queue->WaitingCount == 0) {
        InterlockedAnd64(&Queue->State, ~FX_QUEUE_WAITING);
        Queue->ReadyPending = FALSE;
        FxQueueUpdateNotify(Queue);
    }
}

BOOLEAN FxQueueClaim(FX_QUEUE* Queue, FX_REQUEST* Request)
{
    if (IoSetCancelRoutine(Request->Irp, NULL) == NULL) {
        return FALSE; /* its cancel routine is waiting for our lock */
    }
    FxQueueUnlink(Queue, Request);
    return TRUE;
}

static BOOLEAN FxQueueClaimOfFile(PLIST_ENTRY Entry, PVOID FileObject)
{
    FX_REQUEST* Request = CONTAINING_RECORD(Entry, FX_REQUEST, Link);

    return (BOOLEAN)((FileObject == NULL || Request->Stack->FileObject == FileObject) &&
                     FxQueueClaim(Request->Queue, Request));
}

FX_REQUEST* FxQueueClaimOldest(FX_QUEUE* Queue, PFILE_OBJECT FileObject)
{
    PLIST_ENTRY Entry = HostClaimEntry(&Queue->Waiting, NULL, FxQueueClaimOfFile, FileObject);

    return Entry != NULL ? CONTAINING_RECORD(Entry, FX_REQUEST, Link) : NULL;
}

BOOLEAN FxQueueCancel(FX_QUEUE* Queue, FX_REQUEST* Request)
{
    if (Queue->Config.EvtIoCanceledOnQueue == NULL || !Request->Presented) {
        return TRUE;
    }
    InsertTailList(&Queue->Cancelled, &Request->Link);
    InterlockedOr64(&Queue->State, FX_QUEUE_CANCELS);
    return FALSE;
}

/* The IRP's cancel routine while the request waits. */
static VOID FxQueueCancelRoutine(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    FX_REQUEST* Request = Irp->Tail.Overlay.DriverContext[0];
    FX_QUEUE* Queue = Request->Queue;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DeviceObject);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    Irql = FxQueueLock(Queue);
    FxQueueUnlink(Queue, Request);
    if (!FxQueueCancel(Queue, Request)) {
        FxQueueDispatch(Queue, Irql, FxQueueEntryOther);
        return;
    }
    FxQueueUnlock(Queue, Irql);
    FxRequestFail(Request, STATUS_CANCELLED);
}

/* ---- adding ------------------------------------------------------------------------------------------ */

static VOID FxQueueLink(FX_QUEUE* Queue, FX_REQUEST* Request, BOOLEAN AtHead)
{
    if (AtHead) {
        InsertHeadList(&Queue->Waiting, &Request->Link);
    } else {
        InsertTailList(&Queue->Waiting, &Request->Link);
    }
    if (Queue->WaitingCount++ == 0 && Queue->ReadyCallback != NULL) {
        Queue->ReadyPending = TRUE;
        FxQueueUpdateNotify(Queue);
    }
    if (Queue->MaximumOwned != 0) {
        InterlockedOr64(&Queue->State, FX_QUEUE_WAITING);
    }
}

/* Lock held. FALSE: the request was cancelled before, or the queue is being purged; the caller fails it. */
static BOOLEAN FxQueueInsert(FX_QUEUE* Queue, FX_REQUEST* Request, BOOLEAN AtHead)
{
    PIRP Irp = Request->Irp;
    BOOLEAN Cancel;

    Request->Queue = Queue;
    WriteRelease(&Request->State, FxRequestQueued);
    Irp->Tail.Overlay.DriverContext[0] = Request;
    IoSetCancelRoutine(Irp, FxQueueCancelRoutine);
    Cancel = (BOOLEAN)(FxRequestIrpCancelled(Request) ||
                       (Request->Presented && (FxQueueFlags(Queue) & FX_QUEUE_PURGING)));
    if (Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
        return (BOOLEAN)!FxQueueCancel(Queue, Request);
    }
    FxQueueLink(Queue, Request, AtHead);
    return TRUE;
}

/* One compare-exchange. TRUE: the request may be presented at once; no older one is waiting. */
static BOOLEAN FxQueueTryEnter(FX_QUEUE* Queue)
{
    LONG64 Old = ReadNoFence64(&Queue->State);

    for (;;) {
        LONG64 Seen;
        if ((Old & FX_QUEUE_NOT_DIRECT) || FX_QUEUE_OWNED(Old) >= Queue->MaximumOwned) {
            return FALSE;
        }
        if (Queue->MaximumOwned == 1 && FX_QUEUE_PRESENTING(Old) != 0 &&
            Queue->Config.DispatchType == WdfIoQueueDispatchSequential) {
            return FALSE;
        }
        Seen = InterlockedCompareExchange64(&Queue->State, Old + FX_QUEUE_OWNED_ONE + FX_QUEUE_PRESENTING_ONE,
                                            Old);
        if (FX_LIKELY(Seen == Old)) {
            return TRUE;
        }
        Old = Seen;
    }
}

NTSTATUS FxQueueSubmit(FX_QUEUE* Queue, FX_REQUEST* Request)
{
    KIRQL Irql;

    if (FX_LIKELY(FxQueueTryEnter(Queue))) {
        FxQueuePresentDirect(Queue, Request);
        return STATUS_SUCCESS;
    }
    Irql = FxQueueLock(Queue);
    if (FxQueueFlags(Queue) & FX_QUEUE_NOT_ACCEPTING) {
        FxQueueUnlock(Queue, Irql);
        return STATUS_WDF_BUSY;
    }
    if (!FxQueueInsert(Queue, Request, FALSE)) {
        FxQueueUnlock(Queue, Irql);
        FxRequestFail(Request, STATUS_CANCELLED);
        return STATUS_SUCCESS;
    }
    FxQueueDispatch(Queue, Irql, FxQueueEntryArrival);
    return STATUS_SUCCESS;
}

/* The request still counts for its old queue until the end; its next owner may complete it before that. */
NTSTATUS FxQueueForward(FX_QUEUE* Queue, FX_REQUEST* Request, BOOLEAN AtHead)
{
    FX_QUEUE* Source = Request->Queue;
    KIRQL Irql = FxQueueLock(Queue);

    if ((FxQueueFlags(Queue) & FX_QUEUE_NOT_ACCEPTING) && !AtHead) {
        FxQueueUnlock(Queue, Irql);
        return STATUS_WDF_BUSY;
    }
    if (!FxQueueInsert(Queue, Request, AtHead)) {
        FxQueueUnlock(Queue, Irql);
        FxRequestFail(Request, STATUS_CANCELLED);
        FxQueueRequestGone(Source);
        return STATUS_SUCCESS;
    }
    if (Source == Queue) {
        InterlockedAdd64(&Queue->State, -FX_QUEUE_OWNED_ONE);
        FxQueueDispatch(Queue, Irql, FxQueueEntryArrival);
        return STATUS_SUCCESS;
    }
    FxQueueDispatch(Queue, Irql, FxQueueEntryArrival);
    FxQueueRequestGone(Source);
    return STATUS_SUCCESS;
}
