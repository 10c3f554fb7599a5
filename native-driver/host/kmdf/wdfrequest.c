/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests: created for an IRP, completed, and cached for the next one.
 */
#include "kmdfp.h"

/* ---- the cache --------------------------------------------------------------------------------------- */

VOID FxRequestCacheInitialize(FX_DEVICE* Device)
{
    FX_REQUEST_CACHE* Cache = &Device->Cache;

    KeInitializeSpinLock(&Cache->Lock);
    InitializeListHead(&Cache->Requests);
    Cache->ContextSize = FxAttributesContextSize(&Device->RequestAttributes);
    Cache->RequestSize = sizeof(FX_REQUEST) + Cache->ContextSize;
}

static PVOID volatile* FxCacheSlot(FX_REQUEST_CACHE* Cache)
{
    return &Cache->Slots[((ULONG_PTR)PsGetCurrentThread() * 0x9E3779B97F4A7C15ull) >> 60];
}

C_ASSERT(FX_REQUEST_SLOTS == 16); /* four bits of the hash */

static FX_REQUEST* FxCacheTake(FX_REQUEST_CACHE* Cache, PVOID volatile* Slot)
{
    FX_REQUEST* Request = NULL;
    KIRQL Irql;

    if (FX_LIKELY(ReadPointerNoFence(Slot) != NULL)) {
        Request = InterlockedExchangePointer(Slot, NULL);
    }
    if (Request == NULL) {
        KeAcquireSpinLock(&Cache->Lock, &Irql);
        Request = Cache->Free;
        if (Request != NULL) {
            Cache->Free = Request->NextFree;
        }
        KeReleaseSpinLock(&Cache->Lock, Irql);
    }
    return Request;
}

static VOID FxCacheReturn(FX_REQUEST_CACHE* Cache, FX_REQUEST* Request)
{
    PVOID volatile* Slot = Request->CacheSlot;
    KIRQL Irql;

    if (ReadPointerNoFence(Slot) == NULL && InterlockedCompareExchangePointer(Slot, Request, NULL) == NULL) {
        return;
    }
    KeAcquireSpinLock(&Cache->Lock, &Irql);
    Request->NextFree = Cache->Free;
    Cache->Free = Request;
    KeReleaseSpinLock(&Cache->Lock, Irql);
}

static FX_REQUEST* FxRequestMake(FX_DEVICE* Device)
{
    FX_REQUEST_CACHE* Cache = &Device->Cache;
    FX_GLOBALS* Globals = Device->Object.Globals;
    FX_REQUEST* Request;
    KIRQL Irql;

    Request = ExAllocatePoolZero(NonPagedPoolNx, Cache->RequestSize, Globals->Public.DriverTag);
    if (Request == NULL) {
        return NULL;
    }
    FxObjectInitialize(&Request->Object, Globals, FxTypeRequest, &Request->Context,
                       &Device->RequestAttributes);
    Request->Object.NoDelete = TRUE;
    Request->Object.ExecutionLevel = WdfExecutionLevelDispatch;
    Request->Object.SynchronizationScope = WdfSynchronizationScopeNone;
    Request->Device = Device;
    KeInitializeSpinLock(&Request->CancelLock);
    KeAcquireSpinLock(&Cache->Lock, &Irql);
    InsertTailList(&Cache->Requests, &Request->DeviceLink);
    Request->Cached = (BOOLEAN)(Cache->Count < FX_REQUEST_CACHED);
    Cache->Count++;
    KeReleaseSpinLock(&Cache->Lock, Irql);
    return Request;
}

static VOID FxRequestUnmake(FX_REQUEST* Request)
{
    FX_REQUEST_CACHE* Cache = &Request->Device->Cache;
    KIRQL Irql;

    KeAcquireSpinLock(&Cache->Lock, &Irql);
    RemoveEntryList(&Request->DeviceLink);
    Cache->Count--;
    KeReleaseSpinLock(&Cache->Lock, Irql);
    ExFreePoolWithTag(Request, Request->Object.Globals->Public.DriverTag);
}

/* The device is being freed: all requests are free, since one in use references the device. */
VOID FxRequestCacheFree(FX_DEVICE* Device)
{
    while (!IsListEmpty(&Device->Cache.Requests)) {
        FxRequestUnmake(CONTAINING_RECORD(Device->Cache.Requests.Flink, FX_REQUEST, DeviceLink));
    }
}

VOID FxRequestReportLeaks(FX_DEVICE* Device)
{
    LIST_ENTRY* Link;

    for (Link = Device->Cache.Requests.Flink; Link != &Device->Cache.Requests; Link = Link->Flink) {
        FX_REQUEST* Request = CONTAINING_RECORD(Link, FX_REQUEST, DeviceLink);
        PCWDF_OBJECT_CONTEXT_TYPE_INFO Type = Request->Context.Type;
        if (ReadNoFence(&Request->State) != FxRequestFree) {
            DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL,
                       "WDF: still there: WDFREQUEST %p of it, context %s, %d reference(s)\n", (PVOID)Request,
                       Type != NULL ? Type->ContextName : "none", Request->Object.References);
        }
    }
}

/* ---- creation ---------------------------------------------------------------------------------------- */

FX_REQUEST* FxRequestAllocate(FX_DEVICE* Device, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    PVOID volatile* Slot = FxCacheSlot(&Device->Cache);
    FX_REQUEST* Request = FxCacheTake(&Device->Cache, Slot);

    if (FX_UNLIKELY(Request == NULL)) {
        Request = FxRequestMake(Device);
        if (Request == NULL) {
            return NULL;
        }
    }
    Request->CacheSlot = Slot;
    Request->Irp = Irp;
    Request->Stack = Stack;
    Request->Queue = NULL;
    Request->Major = Stack->MajorFunction;
    Request->Seen = FALSE;
    Request->Presented = FALSE;
    Request->CreatedFile = NULL;
    Request->Context.Cleanup = Device->RequestAttributes.EvtCleanupCallback;
    Request->Context.Destroy = Device->RequestAttributes.EvtDestroyCallback;
    WriteNoFence(&Request->CancelState, FxCancelNone);
    WriteBooleanNoFence(&Request->Purged, FALSE);
    WriteNoFence(&Request->Object.References, 1);
    WriteNoFence(&Request->Object.State, FxObjectAlive);
    WriteULongNoFence(&Request->Object.Signature, FX_SIGNATURE_LIVE | FxTypeRequest);
    RtlZeroMemory(FX_CONTEXT_DATA(&Request->Context), Device->Cache.ContextSize);
    Irp->IoStatus.Information = 0;
    return Request;
}

/* The last reference is gone. */
VOID FxRequestRecycle(FX_OBJECT* Object)
{
    FX_REQUEST* Request = (FX_REQUEST*)Object;

    WriteNoFence(&Request->State, FxRequestFree);
    if (FX_LIKELY(Request->Cached)) {
        FxCacheReturn(&Request->Device->Cache, Request);
    } else {
        FxRequestUnmake(Request);
    }
}

/* ---- the end ----------------------------------------------------------------------------------------- */

/* The framework's own status codes must not reach user mode. */
static NTSTATUS FxExternalStatus(NTSTATUS Status)
{
    if (FX_LIKELY(((ULONG)Status & 0xFFFF0000u) != 0xC0200000u)) {
        return Status;
    }
    switch (Status) {
    case STATUS_WDF_PAUSED:
    case STATUS_WDF_BUSY:
        return STATUS_DEVICE_BUSY;
    case STATUS_WDF_INTERNAL_ERROR:
        return STATUS_INTERNAL_ERROR;
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

/* The largest valid Information; MAXULONG where any value is. */
static ULONG_PTR FxRequestMaximumInformation(const FX_REQUEST* Request)
{
    PIO_STACK_LOCATION Stack = Request->Stack;
    ULONG Length = Stack->Parameters.DeviceIoControl.OutputBufferLength;

    switch (Request->Major) {
    case IRP_MJ_READ:
        return Stack->Parameters.Read.Length;
    case IRP_MJ_WRITE:
        return Stack->Parameters.Write.Length;
    case IRP_MJ_DEVICE_CONTROL:
        if (Request->Irp->RequestorMode != UserMode) {
            return MAXULONG;
        }
        if (Length == 0 &&
            METHOD_FROM_CTL_CODE(Stack->Parameters.DeviceIoControl.IoControlCode) != METHOD_BUFFERED) {
            return MAXULONG;
        }
        return Length;
    default:
        return MAXULONG;
    }
}

static VOID FxRequestVerifyResult(FX_REQUEST* Request, NTSTATUS Status, PCSTR Function)
{
    ULONG_PTR Information = Request->Irp->IoStatus.Information;

    if (FX_UNLIKELY(Status == STATUS_PENDING)) {
        FxStop(WDF_REQUEST_FATAL_ERROR, Request, "%s was called with STATUS_PENDING for a WDFREQUEST (%p)\n",
               Function, (PVOID)Request);
    }
    if (FX_UNLIKELY(Information != 0 && !NT_ERROR(Status) &&
                    Information > FxRequestMaximumInformation(Request))) {
        FxStop(WDF_REQUEST_FATAL_ERROR, Request,
               "a WDFREQUEST (%p) was completed with %llu bytes of information; its buffer has %llu\n",
               (PVOID)Request, (ULONGLONG)Information, (ULONGLONG)FxRequestMaximumInformation(Request));
    }
}

static VOID FxRequestMemoryEnd(FX_REQUEST* Request, FX_REQUEST_MEMORY* Memory)
{
    FX_OBJECT* Object = &Memory->Memory.Object;

    if (ReadAcquire(&Object->References) != 1) {
        FxStop(WDF_OBJECT_ERROR, Object,
               "a WDFREQUEST (%p) was completed while its WDFMEMORY (%p) is referenced\n", (PVOID)Request,
               (PVOID)Object);
    }
    WriteULongNoFence(&Object->Signature, FX_SIGNATURE_DEAD | FxTypeMemory);
    FxObjectFreeContexts(Object);
}

/* Deletes the children, then calls the request's own cleanup, while IRP and buffers are still valid; then
 * frees the memory objects and MDLs. */
static VOID FxRequestCleanup(FX_REQUEST* Request)
{
    if (FX_UNLIKELY(!IsListEmpty(&Request->Object.Children))) {
        FxObjectDeleteChildren(&Request->Object);
    }
    FxObjectCallCleanup(&Request->Object);
    if (FX_UNLIKELY(Request->InputMemoryUsed)) {
        FxRequestMemoryEnd(Request, &Request->InputMemory);
        Request->InputMemoryUsed = FALSE;
    }
    if (FX_UNLIKELY(Request->OutputMemoryUsed)) {
        FxRequestMemoryEnd(Request, &Request->OutputMemory);
        Request->OutputMemoryUsed = FALSE;
    }
    if (FX_UNLIKELY(Request->Mdl != NULL)) {
        IoFreeMdl(Request->Mdl);
        Request->Mdl = NULL;
    }
    if (FX_UNLIKELY(Request->Locked != NULL)) {
        FxRequestUnlock(Request);
    }
}

/* Deletes the file object of a failed create. TRUE: the caller deletes the device. */
static BOOLEAN FxRequestEndCreate(FX_REQUEST* Request, NTSTATUS Status)
{
    if (NT_SUCCESS(Status)) {
        return FALSE;
    }
    if (Request->CreatedFile != NULL) {
        FxFileDelete(Request->CreatedFile);
    }
    return FxDeviceFileClosed(Request->Device);
}

/* Drops the reference to the request before it completes the IRP: after that the file may be closed and the
 * driver unloaded. Only Queue, for which the request counts until the end, delays that. */
static VOID FxRequestEnd(FX_REQUEST* Request, NTSTATUS Status, CCHAR PriorityBoost, FX_QUEUE* Queue)
{
    FX_DEVICE* Device = Request->Device;
    PIRP Irp = Request->Irp;
    BOOLEAN DeleteDevice = FALSE;

    FxRequestCleanup(Request);
    Irp->IoStatus.Status = FxExternalStatus(Status);
    if (FX_UNLIKELY(Request->Major == IRP_MJ_CREATE)) {
        DeleteDevice = FxRequestEndCreate(Request, Status);
    }
    Request->Irp = NULL;
    WriteRelease(&Request->State, FxRequestCompleted);
    WriteNoFence(&Request->Object.State, FxObjectCleanedUp);
    FxObjectRelease(&Request->Object);
    IoCompleteRequest(Irp, PriorityBoost);
    if (FX_LIKELY(Queue != NULL)) {
        FxQueueRequestGone(Queue);
    }
    if (FX_UNLIKELY(DeleteDevice)) {
        FxObjectDelete(&Device->Object);
    }
}

VOID FxRequestComplete(FX_REQUEST* Request, NTSTATUS Status, CCHAR PriorityBoost, PCSTR Function)
{
    LONG State = InterlockedExchange(&Request->State, FxRequestCompleting);
    LONG Cancel = ReadAcquire(&Request->CancelState);

    if (FX_UNLIKELY(State != FxRequestOwned && State != FxRequestInCallerContext)) {
        FxRequestWrongState(Function, Request, State);
    }
    if (FX_UNLIKELY(Cancel == FxCancelMarked)) {
        FxStop(WDF_REQUEST_FATAL_ERROR, Request,
               "%s was called for a WDFREQUEST (%p) that is marked cancelable\n", Function, (PVOID)Request);
    }
    if (FX_UNLIKELY(Cancel == FxCancelClaimed)) {
        FxStop(WDF_REQUEST_FATAL_ERROR, Request,
               "%s was called for a WDFREQUEST (%p) that is cancelled and whose EvtRequestCancel is still to "
               "be called\n",
               Function, (PVOID)Request);
    }
    FxRequestVerifyResult(Request, Status, Function);
    FxRequestEnd(Request, Status, PriorityBoost, Request->Queue);
}

/* The driver does not own the request. If it never saw it, its cleanup callbacks are not called either. */
VOID FxRequestFail(FX_REQUEST* Request, NTSTATUS Status)
{
    WriteRelease(&Request->State, FxRequestCompleting);
    if (!Request->Seen) {
        Request->Context.Cleanup = NULL;
        Request->Context.Destroy = NULL;
    }
    Request->Irp->IoStatus.Information = 0;
    FxRequestEnd(Request, Status, IO_NO_INCREMENT, NULL);
}

DECLSPEC_NORETURN VOID FxRequestWrongState(PCSTR Function, const FX_REQUEST* Request, LONG State)
{
    PCSTR Why = State == FxRequestCompleting ? "is being completed" : "is already completed";

    if (State == FxRequestQueued) {
        Why = "waits in a queue and is not the driver's";
    }
    FxStop(WDF_REQUEST_FATAL_ERROR, Request, "%s was called for a WDFREQUEST (%p) that %s\n", Function,
           (const VOID*)Request, Why);
}

FX_REQUEST* FxValidateVisibleRequest(PCSTR Function, WDFREQUEST Handle)
{
    FX_REQUEST* Request = (FX_REQUEST*)FxValidateHandle(Function, Handle, FxTypeRequest);
    LONG State = ReadAcquire(&Request->State);

    if (State == FxRequestCompleted || State == FxRequestFree) {
        FxRequestWrongState(Function, Request, State);
    }
    return Request;
}

/* ---- the driver's functions -------------------------------------------------------------------------- */

static FX_REQUEST* FxRequestToComplete(PCSTR Function, WDFREQUEST Handle)
{
    FxRequireIrql(Function, DISPATCH_LEVEL);
    return (FX_REQUEST*)FxValidateHandle(Function, Handle, FxTypeRequest);
}

VOID NTAPI imp_WdfRequestComplete(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle, NTSTATUS Status)
{
    FX_REQUEST* Request = FxRequestToComplete(FX_FUNCTION, Handle);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FxRequestComplete(Request, Status, Request->Device->PriorityBoost, FX_FUNCTION);
}

VOID NTAPI imp_WdfRequestCompleteWithPriorityBoost(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle,
                                                   NTSTATUS Status, CCHAR PriorityBoost)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    FxRequestComplete(FxRequestToComplete(FX_FUNCTION, Handle), Status, PriorityBoost, FX_FUNCTION);
}

VOID NTAPI imp_WdfRequestCompleteWithInformation(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle,
                                                 NTSTATUS Status, ULONG_PTR Information)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(Handle);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    Request->Irp->IoStatus.Information = Information;
    FxRequestComplete(Request, Status, Request->Device->PriorityBoost, FX_FUNCTION);
}

VOID NTAPI imp_WdfRequestSetInformation(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle,
                                        ULONG_PTR Information)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUEST_HANDLE(Handle)->Irp->IoStatus.Information = Information;
}

ULONG_PTR NTAPI imp_WdfRequestGetInformation(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FX_REQUEST_HANDLE(Handle)->Irp->IoStatus.Information;
}

NTSTATUS NTAPI imp_WdfRequestGetStatus(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FX_REQUEST_HANDLE(Handle)->Irp->IoStatus.Status;
}
