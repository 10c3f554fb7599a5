/* SPDX-License-Identifier: Apache-2.0
 *
 * WDFFILEOBJECT: create, cleanup and close of files, each exactly once and in this order.
 */
#include "kmdfp.h"

#include <nt/walk.h>

static LIST_ENTRY* FxFileBucket(FX_DEVICE* Device, PFILE_OBJECT FileObject)
{
    return &Device->Files[((ULONG_PTR)FileObject >> 6) % FX_FILE_BUCKETS];
}

/* ---- finding ----------------------------------------------------------------------------------------- */

static FX_FILE* FxFileSearch(FX_DEVICE* Device, PFILE_OBJECT FileObject)
{
    LIST_ENTRY* Bucket = FxFileBucket(Device, FileObject);
    FX_FILE* Found = NULL;
    LIST_ENTRY* Link;
    KIRQL Irql;

    KeAcquireSpinLock(&Device->Lock, &Irql);
    for (Link = Bucket->Flink; Link != Bucket && Found == NULL; Link = Link->Flink) {
        FX_FILE* File = CONTAINING_RECORD(Link, FX_FILE, Bucket);
        if (File->FileObject == FileObject) {
            Found = File;
        }
    }
    KeReleaseSpinLock(&Device->Lock, Irql);
    return Found;
}

FX_FILE* FxFileFromWdm(FX_DEVICE* Device, PFILE_OBJECT FileObject)
{
    if (FileObject == NULL) {
        return NULL;
    }
    switch (Device->FileConfig.FileObjectClass) {
    case WdfFileObjectWdfCanUseFsContext:
        return FileObject->FsContext;
    case WdfFileObjectWdfCanUseFsContext2:
        return FileObject->FsContext2;
    case WdfFileObjectWdfCannotUseFsContexts:
        return FxFileSearch(Device, FileObject);
    default:
        return NULL;
    }
}

static VOID FxFileRemember(FX_FILE* File, BOOLEAN Remember)
{
    FX_DEVICE* Device = File->Device;
    KIRQL Irql;

    switch (Device->FileConfig.FileObjectClass) {
    case WdfFileObjectWdfCanUseFsContext:
        File->FileObject->FsContext = Remember ? File : NULL;
        break;
    case WdfFileObjectWdfCanUseFsContext2:
        File->FileObject->FsContext2 = Remember ? File : NULL;
        break;
    default:
        KeAcquireSpinLock(&Device->Lock, &Irql);
        if (Remember) {
            InsertTailList(FxFileBucket(Device, File->FileObject), &File->Bucket);
        } else {
            RemoveEntryList(&File->Bucket);
        }
        KeReleaseSpinLock(&Device->Lock, Irql);
        break;
    }
}

/* ---- create ------------------------------------------------------------------------------------------ */

/* Without attributes a file object is a passive object; it is serialised with its device only if that is too.
 */
static VOID FxFileSetLevel(FX_FILE* File)
{
    FX_OBJECT* Device = &File->Device->Object;

    if (File->Device->FileAttributes.ExecutionLevel == WdfExecutionLevelInheritFromParent) {
        File->Object.ExecutionLevel = WdfExecutionLevelPassive;
    }
    if (File->Object.SynchronizationScope == WdfSynchronizationScopeDevice && Device->CallbackLock != NULL &&
        Device->CallbackLock->Passive) {
        File->Object.CallbackLock = Device->CallbackLock;
    }
}

static NTSTATUS FxFileMake(FX_DEVICE* Device, PFILE_OBJECT FileObject, FX_FILE** NewFile)
{
    static const FX_ATTRIBUTE_RULES Rules = {.LevelAllowed = TRUE, .ScopeAllowed = TRUE};
    FX_OBJECT* Object;
    FX_FILE* File;
    NTSTATUS Status;

    *NewFile = NULL;
    if (Device->FileConfig.FileObjectClass == WdfFileObjectNotRequired) {
        return STATUS_SUCCESS;
    }
    Status = FxObjectAllocate(Device->Object.Globals, FxTypeFileObject, sizeof(FX_FILE),
                              &Device->FileAttributes, &Rules, &Device->Object, &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    File = (FX_FILE*)Object;
    File->Device = Device;
    File->FileObject = FileObject;
    File->Object.NoDelete = TRUE;
    FxFileSetLevel(File);
    Status = FxObjectPublish(Object);
    if (!NT_SUCCESS(Status)) {
        FxObjectAbandon(Object);
        return Status;
    }
    FxFileRemember(File, TRUE);
    *NewFile = File;
    return STATUS_SUCCESS;
}

VOID FxFileDelete(FX_FILE* File)
{
    FxFileRemember(File, FALSE);
    FxObjectDelete(&File->Object);
}

/* Ends a file after a close or a failed create. The IRP is completed last, since the driver may be unloaded
 * from then on. */
static NTSTATUS FxFileEnd(FX_DEVICE* Device, FX_FILE* File, PIRP Irp, NTSTATUS Status)
{
    if (File != NULL) {
        FxFileDelete(File);
    }
    if (FxDeviceFileClosed(Device)) {
        FxObjectDelete(&Device->Object);
    }
    return FxIrpComplete(Irp, Status);
}

/* A queue configured for creates comes first, then EvtDeviceFileCreate; without both a create succeeds. */
NTSTATUS FxFileDispatchCreate(FX_DEVICE* Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    FX_QUEUE* Queue = ReadPointerAcquire((PVOID volatile*)&Device->QueueByMajor[IRP_MJ_CREATE]);
    FX_REQUEST* Request;
    FX_FILE* File;
    NTSTATUS Status;

    Status = FxDeviceFileOpened(Device);
    if (!NT_SUCCESS(Status)) {
        return FxIrpComplete(Irp, Status);
    }
    Status = FxFileMake(Device, Stack->FileObject, &File);
    if (!NT_SUCCESS(Status)) {
        return FxFileEnd(Device, NULL, Irp, Status);
    }
    if (Queue == NULL && Device->CreateQueue == NULL) {
        return FxIrpComplete(Irp, STATUS_SUCCESS);
    }
    Request = FxRequestAllocate(Device, Irp, Stack);
    if (Request == NULL) {
        return FxFileEnd(Device, File, Irp, STATUS_INSUFFICIENT_RESOURCES);
    }
    Request->CreatedFile = File;
    IoMarkIrpPending(Irp);
    if (Queue == NULL) {
        FxQueuePresentCreate(Device->CreateQueue, Request, File);
    } else if (!NT_SUCCESS(FxQueueSubmit(Queue, Request))) {
        FxRequestFail(Request, STATUS_INVALID_DEVICE_STATE);
    }
    return STATUS_PENDING;
}

/* ---- cleanup and close ------------------------------------------------------------------------------- */

static VOID FxFileCall(FX_FILE* File, VOID(NTAPI* Callback)(WDFFILEOBJECT), PCSTR Name)
{
    KIRQL Irql;

    if (File == NULL || Callback == NULL) {
        return;
    }
    FxCallbackLockAcquire(File->Object.CallbackLock);
    Irql = KeGetCurrentIrql();
    Callback(FX_TO_HANDLE(WDFFILEOBJECT, File));
    FxCallbackReturned(Name, Irql);
    FxCallbackLockRelease(File->Object.CallbackLock);
}

/* Queues stay in the list until they are freed; one without references is being freed, and is skipped. */
static BOOLEAN FxQueueReference(PLIST_ENTRY Entry, PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    return FxObjectTryReference(&CONTAINING_RECORD(Entry, FX_QUEUE, DeviceLink)->Object);
}

/* The queue after Previous, referenced; drops the reference to Previous. */
static FX_QUEUE* FxDeviceNextQueue(FX_DEVICE* Device, FX_QUEUE* Previous)
{
    PLIST_ENTRY After = Previous != NULL ? &Previous->DeviceLink : NULL;
    PLIST_ENTRY Entry = HostClaimNext(&Device->Lock, &Device->Queues, After, FxQueueReference, NULL);

    if (Previous != NULL) {
        FxObjectRelease(&Previous->Object);
    }
    return Entry != NULL ? CONTAINING_RECORD(Entry, FX_QUEUE, DeviceLink) : NULL;
}

/* Calls the driver first, then cancels what is still in the queues. */
NTSTATUS FxFileDispatchCleanup(FX_DEVICE* Device, PIRP Irp)
{
    PFILE_OBJECT FileObject = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    FX_QUEUE* Queue = NULL;

    FxFileCall(FxFileFromWdm(Device, FileObject), Device->FileConfig.EvtFileCleanup, "EvtFileCleanup");
    while ((Queue = FxDeviceNextQueue(Device, Queue)) != NULL) {
        FxQueueCancelWaiting(Queue, FileObject);
    }
    return FxIrpComplete(Irp, STATUS_SUCCESS);
}

NTSTATUS FxFileDispatchClose(FX_DEVICE* Device, PIRP Irp)
{
    FX_FILE* File = FxFileFromWdm(Device, IoGetCurrentIrpStackLocation(Irp)->FileObject);

    FxFileCall(File, Device->FileConfig.EvtFileClose, "EvtFileClose");
    return FxFileEnd(Device, File, Irp, STATUS_SUCCESS);
}

/* ---- the driver's functions -------------------------------------------------------------------------- */

PUNICODE_STRING NTAPI imp_WdfFileObjectGetFileName(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                   WDFFILEOBJECT FileObject)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return &FX_HANDLE(FX_FILE, FxTypeFileObject, FileObject)->FileObject->FileName;
}

ULONG NTAPI imp_WdfFileObjectGetFlags(PWDF_DRIVER_GLOBALS DriverGlobals, WDFFILEOBJECT FileObject)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FX_HANDLE(FX_FILE, FxTypeFileObject, FileObject)->FileObject->Flags;
}

WDFDEVICE NTAPI imp_WdfFileObjectGetDevice(PWDF_DRIVER_GLOBALS DriverGlobals, WDFFILEOBJECT FileObject)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FX_TO_HANDLE(WDFDEVICE, FX_HANDLE(FX_FILE, FxTypeFileObject, FileObject)->Device);
}

PFILE_OBJECT NTAPI imp_WdfFileObjectWdmGetFileObject(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                     WDFFILEOBJECT FileObject)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FX_HANDLE(FX_FILE, FxTypeFileObject, FileObject)->FileObject;
}
