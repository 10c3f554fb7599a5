/* SPDX-License-Identifier: Apache-2.0
 *
 * WDFDEVICE: creation, naming, configuration and the end of control devices.
 *
 * The DEVICE_OBJECT's DeviceExtension points to the data of the first context, which leads to the FX_DEVICE.
 * When a control device is deleted its DEVICE_OBJECT is deleted at once; the FX_DEVICE stays until the last
 * file is closed.
 */
#include "kmdfp.h"

/* ---- creation ---------------------------------------------------------------------------------------- */

static ULONG FxIoTypeFlags(WDF_DEVICE_IO_TYPE IoType)
{
    switch (IoType) {
    case WdfDeviceIoBuffered:
        return DO_BUFFERED_IO;
    case WdfDeviceIoDirect:
        return DO_DIRECT_IO;
    default:
        return 0;
    }
}

static NTSTATUS FxDeviceCreateWdm(FX_DEVICE* Device, PWDFDEVICE_INIT Init)
{
    PDEVICE_OBJECT DeviceObject;
    NTSTATUS Status;

    Status = IoCreateDeviceSecure(Device->Object.Globals->DriverObject, 0,
                                  Init->Name.Buffer != NULL ? &Init->Name : NULL, Init->DeviceType,
                                  Init->Characteristics, Init->Exclusive, &Init->Sddl,
                                  Init->HasDeviceClass ? &Init->DeviceClass : NULL, &DeviceObject);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    DeviceObject->DeviceExtension = FX_CONTEXT_DATA(Device->Object.Contexts);
    DeviceObject->Flags |= FxIoTypeFlags(Init->IoType);
    Device->DeviceObject = DeviceObject;
    return STATUS_SUCCESS;
}

static VOID FxDeviceConfigure(FX_DEVICE* Device, PWDFDEVICE_INIT Init)
{
    ULONG i;

    Device->PriorityBoost = Init->DeviceType == FILE_DEVICE_NETWORK ? IO_NETWORK_INCREMENT : IO_NO_INCREMENT;
    Device->Exclusive = Init->Exclusive;
    Device->IoType = Init->IoType;
    Device->FileConfig = Init->FileConfig;
    Device->FileAttributes = Init->FileAttributes;
    Device->RequestAttributes = Init->RequestAttributes;
    Device->EvtIoInCallerContext = Init->EvtIoInCallerContext;
    Device->EvtShutdown = Init->EvtShutdown;
    KeInitializeSpinLock(&Device->Lock);
    KeInitializeEvent(&Device->DeleterIdle, NotificationEvent, TRUE);
    InitializeListHead(&Device->Queues);
    InitializeListHead(&Device->DeferredDeletes);
    for (i = 0; i < FX_FILE_BUCKETS; i++) {
        InitializeListHead(&Device->Files[i]);
    }
    FxRequestCacheInitialize(Device);
    if (Device->Object.SynchronizationScope == WdfSynchronizationScopeDevice) {
        FxCallbackLockInitialize(&Device->ScopeLock,
                                 (BOOLEAN)(Device->Object.ExecutionLevel == WdfExecutionLevelPassive));
        Device->Object.CallbackLock = &Device->ScopeLock;
    }
}

/* The queue that owns requests while EvtDeviceFileCreate handles them. */
static NTSTATUS FxDeviceCreateCreateQueue(FX_DEVICE* Device)
{
    WDF_IO_QUEUE_CONFIG Config;
    WDF_OBJECT_ATTRIBUTES Attributes;
    NTSTATUS Status;

    if (Device->FileConfig.EvtDeviceFileCreate == NULL) {
        return STATUS_SUCCESS;
    }
    WDF_IO_QUEUE_CONFIG_INIT(&Config, WdfIoQueueDispatchManual);
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.SynchronizationScope = WdfSynchronizationScopeNone;
    Status = FxQueueCreate(Device, &Config, &Attributes, &Device->CreateQueue);
    if (NT_SUCCESS(Status)) {
        Device->CreateQueue->Internal = TRUE;
        Device->CreateQueue->Object.NoDelete = TRUE;
    }
    return Status;
}

static NTSTATUS FxDeviceBuild(FX_DEVICE* Device, PWDFDEVICE_INIT Init)
{
    NTSTATUS Status;

    FxDeviceConfigure(Device, Init);
    Status = FxDeviceCreateWdm(Device, Init);
    if (!NT_SUCCESS(Status)) {
        FxObjectAbandon(&Device->Object);
        return Status;
    }
    Device->Deleter = IoAllocateWorkItem(Device->DeviceObject);
    Status = Device->Deleter != NULL ? FxObjectPublish(&Device->Object) : STATUS_INSUFFICIENT_RESOURCES;
    if (!NT_SUCCESS(Status)) {
        if (Device->Deleter != NULL) {
            IoFreeWorkItem(Device->Deleter);
        }
        IoDeleteDevice(Device->DeviceObject);
        FxObjectAbandon(&Device->Object);
        return Status;
    }
    Status = FxDeviceCreateCreateQueue(Device);
    if (!NT_SUCCESS(Status)) {
        Device->Object.Contexts->Cleanup = NULL; /* the driver never saw the device */
        Device->Object.Contexts->Destroy = NULL;
        FxObjectDelete(&Device->Object);
    }
    return Status;
}

NTSTATUS NTAPI imp_WdfDeviceCreate(PWDF_DRIVER_GLOBALS DriverGlobals, PWDFDEVICE_INIT* DeviceInit,
                                   PWDF_OBJECT_ATTRIBUTES DeviceAttributes, WDFDEVICE* Device)
{
    static const FX_ATTRIBUTE_RULES Rules = {.LevelAllowed = TRUE, .ScopeAllowed = TRUE};
    FX_GLOBALS* Globals = FX_GLOBALS_OF(DriverGlobals);
    PWDFDEVICE_INIT Init;
    FX_OBJECT* Object;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(DeviceInit);
    FX_REQUIRE_PARAMETER(*DeviceInit);
    FX_REQUIRE_PARAMETER(Device);
    FX_REQUIRE_PASSIVE();
    Init = *DeviceInit;
    *Device = NULL;
    if (Init->Name.Buffer == NULL && !(Init->Characteristics & FILE_AUTOGENERATED_DEVICE_NAME)) {
        return STATUS_INVALID_SECURITY_DESCR;
    }
    Status = FxObjectAllocate(Globals, FxTypeDevice, sizeof(FX_DEVICE), DeviceAttributes, &Rules,
                              (FX_OBJECT*)Globals->Driver, &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxDeviceBuild((FX_DEVICE*)Object, Init);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    ((FX_DEVICE*)Object)->Name = Init->Name;
    Init->Name.Buffer = NULL;
    FxDeviceInitFree(Init);
    *DeviceInit = NULL;
    *Device = FX_TO_HANDLE(WDFDEVICE, Object);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI imp_WdfDeviceCreateSymbolicLink(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE DeviceHandle,
                                               PCUNICODE_STRING SymbolicLinkName)
{
    FX_DEVICE* Device = FX_HANDLE(FX_DEVICE, FxTypeDevice, DeviceHandle);
    FX_GLOBALS* Globals = FX_GLOBALS_OF(DriverGlobals);
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(SymbolicLinkName);
    FX_REQUIRE_PASSIVE();
    if (Device->Name.Buffer == NULL || Device->SymbolicLink.Buffer != NULL) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    Status = FxStringCopy(Globals, &Device->SymbolicLink, SymbolicLinkName);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = IoCreateSymbolicLink(&Device->SymbolicLink, &Device->Name);
    if (!NT_SUCCESS(Status)) {
        FxStringFree(Globals, &Device->SymbolicLink);
    }
    return Status;
}

VOID NTAPI imp_WdfControlFinishInitializing(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE DeviceHandle)
{
    FX_DEVICE* Device = FX_HANDLE(FX_DEVICE, FxTypeDevice, DeviceHandle);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PASSIVE();
    Device->Initialized = TRUE;
    Device->DeviceObject->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
}

/* ---- the end ----------------------------------------------------------------------------------------- */

static VOID FxDeviceDeleteWdm(FX_DEVICE* Device)
{
    PDEVICE_OBJECT DeviceObject = Device->DeviceObject;

    if (DeviceObject == NULL) {
        return;
    }
    if (Device->SymbolicLink.Buffer != NULL) {
        IoDeleteSymbolicLink(&Device->SymbolicLink);
    }
    Device->DeviceObject = NULL;
    IoDeleteDevice(DeviceObject);
}

/* WdfObjectDelete: the device cannot be opened any more; open files stay usable. PASSIVE_LEVEL. */
VOID FxDeviceDelete(FX_DEVICE* Device)
{
    BOOLEAN InUse;
    KIRQL Irql;

    FxRequireIrql("WdfObjectDelete of a WDFDEVICE", PASSIVE_LEVEL);
    KeAcquireSpinLock(&Device->Lock, &Irql);
    InUse = (BOOLEAN)(Device->OpenFiles != 0);
    Device->DeleteOnLastClose = TRUE;
    KeReleaseSpinLock(&Device->Lock, Irql);
    FxDeviceDeleteWdm(Device);
    if (!InUse && !FxObjectDelete(&Device->Object)) {
        FxStop(WDF_OBJECT_ERROR, Device, "WdfObjectDelete was called twice for the same WDFDEVICE\n");
    }
}

NTSTATUS FxDeviceFileOpened(FX_DEVICE* Device)
{
    NTSTATUS Status = STATUS_SUCCESS;
    KIRQL Irql;

    KeAcquireSpinLock(&Device->Lock, &Irql);
    if (Device->DeleteOnLastClose) {
        Status = STATUS_DELETE_PENDING;
    } else if (Device->Exclusive && Device->OpenFiles != 0) {
        Status = STATUS_ACCESS_DENIED;
    } else {
        Device->OpenFiles++;
    }
    KeReleaseSpinLock(&Device->Lock, Irql);
    return Status;
}

/* TRUE: it was the last file of a deleted device. The caller deletes the FX_DEVICE with FxObjectDelete, once
 * it is no longer inside one of its queues. */
BOOLEAN FxDeviceFileClosed(FX_DEVICE* Device)
{
    BOOLEAN Last;
    KIRQL Irql;

    KeAcquireSpinLock(&Device->Lock, &Irql);
    Last = (BOOLEAN)(--Device->OpenFiles == 0 && Device->DeleteOnLastClose);
    KeReleaseSpinLock(&Device->Lock, Irql);
    return Last;
}

/* Waits until the work item has done all deferred deletes, unless the work item itself deletes the device. */
VOID FxDeviceDispose(FX_OBJECT* Object)
{
    FX_DEVICE* Device = (FX_DEVICE*)Object;
    KIRQL Irql;

    if (ReadPointerAcquire(&Device->DeleterThread) != (PVOID)PsGetCurrentThread()) {
        KeWaitForSingleObject(&Device->DeleterIdle, Executive, KernelMode, FALSE, NULL);
        KeAcquireSpinLock(&Device->Lock, &Irql); /* until the setter of the event has released the lock */
        KeReleaseSpinLock(&Device->Lock, Irql);
    }
    FxDeviceDeleteWdm(Device);
}

VOID FxDeviceFree(FX_OBJECT* Object)
{
    FX_DEVICE* Device = (FX_DEVICE*)Object;
    FX_GLOBALS* Globals = Object->Globals;

    FxRequestCacheFree(Device);
    FxStringFree(Globals, &Device->SymbolicLink);
    FxStringFree(Globals, &Device->Name);
    IoFreeWorkItem(Device->Deleter);
    ExFreePoolWithTag(Device, Globals->Public.DriverTag);
}

static FX_OBJECT* FxDeviceNextDeferredDelete(FX_DEVICE* Device)
{
    FX_OBJECT* Object = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Device->Lock, &Irql);
    if (!IsListEmpty(&Device->DeferredDeletes)) {
        Object = CONTAINING_RECORD(RemoveHeadList(&Device->DeferredDeletes), FX_OBJECT, Sibling);
    } else {
        Device->DeleterQueued = FALSE;
        WritePointerRelease(&Device->DeleterThread, NULL);
        KeSetEvent(&Device->DeleterIdle, IO_NO_INCREMENT, FALSE);
    }
    KeReleaseSpinLock(&Device->Lock, Irql);
    return Object;
}

static VOID FxDeviceDeleter(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    FX_DEVICE* Device = Context;
    FX_OBJECT* Object;

    UNREFERENCED_PARAMETER(DeviceObject);
    WritePointerRelease(&Device->DeleterThread, PsGetCurrentThread());
    while ((Object = FxDeviceNextDeferredDelete(Device)) != NULL) {
        FxObjectDeleteClaimed(Object);
        if (Object == &Device->Object) {
            return; /* and the device is freed */
        }
    }
}

VOID FxDeviceDeferDelete(FX_DEVICE* Device, FX_OBJECT* Object)
{
    BOOLEAN Start;
    KIRQL Irql;

    KeAcquireSpinLock(&Device->Lock, &Irql);
    InsertTailList(&Device->DeferredDeletes, &Object->Sibling);
    Start = (BOOLEAN)!Device->DeleterQueued;
    Device->DeleterQueued = TRUE;
    if (Start) {
        KeClearEvent(&Device->DeleterIdle);
    }
    KeReleaseSpinLock(&Device->Lock, Irql);
    if (Start) {
        IoQueueWorkItem(Device->Deleter, FxDeviceDeleter, DelayedWorkQueue, Device);
    }
}

/* ---- queries ----------------------------------------------------------------------------------------- */

FX_DEVICE* FxDeviceFromWdm(PDEVICE_OBJECT DeviceObject)
{
    return (FX_DEVICE*)FX_CONTEXT_OF(DeviceObject->DeviceExtension)->Object;
}

WDFDEVICE NTAPI imp_WdfWdmDeviceGetWdfDeviceHandle(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                   PDEVICE_OBJECT DeviceObject)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(DeviceObject);
    return FX_TO_HANDLE(WDFDEVICE, FxDeviceFromWdm(DeviceObject));
}

PDEVICE_OBJECT NTAPI imp_WdfDeviceWdmGetDeviceObject(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE Device)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FX_HANDLE(FX_DEVICE, FxTypeDevice, Device)->DeviceObject;
}

WDFDRIVER NTAPI imp_WdfDeviceGetDriver(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE Device)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FX_TO_HANDLE(WDFDRIVER, FX_HANDLE(FX_DEVICE, FxTypeDevice, Device)->Object.Globals->Driver);
}

WDFQUEUE NTAPI imp_WdfDeviceGetDefaultQueue(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE Device)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FX_TO_HANDLE(WDFQUEUE, FX_HANDLE(FX_DEVICE, FxTypeDevice, Device)->DefaultQueue);
}

WDFFILEOBJECT NTAPI imp_WdfDeviceGetFileObject(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE DeviceHandle,
                                               PFILE_OBJECT FileObject)
{
    FX_DEVICE* Device = FX_HANDLE(FX_DEVICE, FxTypeDevice, DeviceHandle);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    return FX_TO_HANDLE(WDFFILEOBJECT, FxFileFromWdm(Device, FileObject));
}

/* ---- which request goes to which queue --------------------------------------------------------------- */

static BOOLEAN FxQueueHandles(const FX_QUEUE* Queue, WDF_REQUEST_TYPE Type)
{
    const WDF_IO_QUEUE_CONFIG* Config = &Queue->Config;

    if (Config->DispatchType == WdfIoQueueDispatchManual || Config->EvtIoDefault != NULL) {
        return TRUE;
    }
    switch (Type) {
    case WdfRequestTypeRead:
        return (BOOLEAN)(Config->EvtIoRead != NULL);
    case WdfRequestTypeWrite:
        return (BOOLEAN)(Config->EvtIoWrite != NULL);
    case WdfRequestTypeDeviceControl:
        return (BOOLEAN)(Config->EvtIoDeviceControl != NULL);
    case WdfRequestTypeDeviceControlInternal:
        return (BOOLEAN)(Config->EvtIoInternalDeviceControl != NULL);
    default:
        return FALSE;
    }
}

BOOLEAN FxDeviceReplaceQueue(FX_DEVICE* Device, ULONG Major, FX_QUEUE* Expected, FX_QUEUE* Queue)
{
    PVOID volatile* Slot = (PVOID volatile*)&Device->QueueByMajor[Major];

    return (BOOLEAN)(InterlockedCompareExchangePointer(Slot, Queue, Expected) == (PVOID)Expected);
}

NTSTATUS NTAPI imp_WdfDeviceConfigureRequestDispatching(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                        WDFDEVICE DeviceHandle, WDFQUEUE QueueHandle,
                                                        WDF_REQUEST_TYPE RequestType)
{
    FX_DEVICE* Device = FX_HANDLE(FX_DEVICE, FxTypeDevice, DeviceHandle);
    FX_QUEUE* Queue = FX_HANDLE(FX_QUEUE, FxTypeQueue, QueueHandle);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    if (RequestType != WdfRequestTypeCreate && RequestType != WdfRequestTypeRead &&
        RequestType != WdfRequestTypeWrite && RequestType != WdfRequestTypeDeviceControl &&
        RequestType != WdfRequestTypeDeviceControlInternal) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Queue->Device != Device || Queue == Device->DefaultQueue || !FxQueueHandles(Queue, RequestType)) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (!FxDeviceReplaceQueue(Device, RequestType, NULL, Queue) &&
        (Device->DefaultQueue == NULL ||
         !FxDeviceReplaceQueue(Device, RequestType, Device->DefaultQueue, Queue))) {
        return STATUS_WDF_BUSY;
    }
    Queue->Object.NoDelete = TRUE;
    return STATUS_SUCCESS;
}
