/* SPDX-License-Identifier: Apache-2.0
 *
 * Corrects, between Wine's I/O manager and a driver, what Wine does differently with files. Wine sends no
 * IRP_MJ_CLEANUP, sends IRP_MJ_CLOSE while requests are pending, ignores that a create failed, and unloads a
 * driver whose device is open. A driver whose device is created by IoCreateDeviceSecure sees what it would
 * see on Windows:
 *
 *  - the last handle is closed: IRP_MJ_CLEANUP at once, IRP_MJ_CLOSE when the file's last request is
 *    complete;
 *  - a create failed: no cleanup and no close, and each request of the file ends with the create's status;
 *  - the service is stopped: every open file is cleaned up and closed before DriverUnload;
 *  - the driver references a file object: no close before it is dereferenced.
 *
 * Wine dispatches all IRPs on one thread; requests complete on any thread.
 */
#include "winekernel.h"

#define FILES_TAG 0x6C694657u /* WFil */
#define MAJORS    (IRP_MJ_MAXIMUM_FUNCTION + 1)
#define BUCKETS   1024
#define POLL_MS   1

typedef struct _DRIVER_BRIDGE {
    LIST_ENTRY Link; /* Bridges */
    PDRIVER_OBJECT DriverObject;
    PDEVICE_OBJECT DeviceObject;
    PDRIVER_DISPATCH MajorFunction[MAJORS]; /* the driver's own */
    PDRIVER_UNLOAD DriverUnload;
    PIO_WORKITEM Closer;
    LIST_ENTRY Closing; /* BRIDGED_FILE.ClosingLink: without requests, to be closed by Closer */
    BOOLEAN CloserQueued;
    BOOLEAN Unloading;
    LONG Inside; /* threads in the driver's dispatch routines, and in Closer */
    LONG Files;
    LONG Holds; /* DriverHold */
} DRIVER_BRIDGE;

typedef struct _BRIDGED_FILE {
    LIST_ENTRY Link; /* Buckets */
    LIST_ENTRY ClosingLink;
    DRIVER_BRIDGE* Bridge;
    PFILE_OBJECT FileObject; /* referenced */
    NTSTATUS Created;        /* STATUS_PENDING until the create is complete */
    LONG Requests;           /* in flight, plus the driver's references to FileObject */
    BOOLEAN CleanedUp;
} BRIDGED_FILE;

/* Protects all fields above and below, except those that never change. */
static KSPIN_LOCK Lock;
static LIST_ENTRY Bridges = {&Bridges, &Bridges};
static LIST_ENTRY Buckets[BUCKETS];

static LIST_ENTRY* BucketOf(PFILE_OBJECT FileObject)
{
    LIST_ENTRY* Bucket = &Buckets[((ULONG_PTR)FileObject >> 5) % BUCKETS];

    if (Bucket->Flink == NULL) {
        InitializeListHead(Bucket);
    }
    return Bucket;
}

/* Lock is held. */
static BRIDGED_FILE* Find(PFILE_OBJECT FileObject)
{
    LIST_ENTRY* Bucket = BucketOf(FileObject);
    LIST_ENTRY* Link;

    for (Link = Bucket->Flink; Link != Bucket; Link = Link->Flink) {
        BRIDGED_FILE* File = CONTAINING_RECORD(Link, BRIDGED_FILE, Link);
        if (File->FileObject == FileObject) {
            return File;
        }
    }
    return NULL;
}

static NTSTATUS Complete(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    WineIofCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static void Forget(BRIDGED_FILE* File)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Lock, &Irql);
    RemoveEntryList(&File->Link);
    File->Bridge->Files--;
    KeReleaseSpinLock(&Lock, Irql);
    ObDereferenceObject(File->FileObject);
    ExFreePoolWithTag(File, FILES_TAG);
}

/* ---- cleanup and close ------------------------------------------------------------------------------- */

static NTSTATUS SignalDone(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    UNREFERENCED_PARAMETER(Irp);
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Sends the driver our own IRP for the file, and waits until it is complete. */
static void Send(BRIDGED_FILE* File, UCHAR Major)
{
    DRIVER_BRIDGE* Bridge = File->Bridge;
    PIRP Irp = IoAllocateIrp(Bridge->DeviceObject->StackSize, FALSE);
    PIO_STACK_LOCATION Stack;
    KEVENT Done;

    if (Irp == NULL) {
        WineStop("IoAllocateIrp", "no memory to close a file");
    }
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    Irp->RequestorMode = KernelMode;
    Irp->Tail.Overlay.Thread = PsGetCurrentThread();
    Stack = IoGetNextIrpStackLocation(Irp);
    Stack->MajorFunction = Major;
    Stack->DeviceObject = Bridge->DeviceObject;
    Stack->FileObject = File->FileObject;
    IoSetCompletionRoutine(Irp, SignalDone, &Done, TRUE, TRUE, TRUE);
    IoSetNextIrpStackLocation(Irp);
    Bridge->MajorFunction[Major](Bridge->DeviceObject, Irp);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    IoFreeIrp(Irp);
}

static void CloseFile(BRIDGED_FILE* File)
{
    Send(File, IRP_MJ_CLOSE);
    Forget(File);
}

static void CloserRoutine(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    DRIVER_BRIDGE* Bridge = Context;
    BRIDGED_FILE* File;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DeviceObject);
    for (;;) {
        KeAcquireSpinLock(&Lock, &Irql);
        if (IsListEmpty(&Bridge->Closing)) {
            Bridge->CloserQueued = FALSE;
            Bridge->Inside--;
            KeReleaseSpinLock(&Lock, Irql);
            return;
        }
        File = CONTAINING_RECORD(RemoveHeadList(&Bridge->Closing), BRIDGED_FILE, ClosingLink);
        KeReleaseSpinLock(&Lock, Irql);
        CloseFile(File);
    }
}

/* Lock is held. Leaves the close to a work item, since a thread that completes a request may be at
 * DISPATCH_LEVEL and inside the driver. */
static void CloseLater(BRIDGED_FILE* File)
{
    DRIVER_BRIDGE* Bridge = File->Bridge;

    InsertTailList(&Bridge->Closing, &File->ClosingLink);
    if (!Bridge->CloserQueued) {
        Bridge->CloserQueued = TRUE;
        Bridge->Inside++;
        IoQueueWorkItem(Bridge->Closer, CloserRoutine, DelayedWorkQueue, Bridge);
    }
}

/* The user's last handle was closed. PASSIVE_LEVEL. */
static void CleanUp(BRIDGED_FILE* File)
{
    KIRQL Irql;

    Send(File, IRP_MJ_CLEANUP);
    KeAcquireSpinLock(&Lock, &Irql);
    File->CleanedUp = TRUE;
    if (File->Requests == 0) {
        CloseLater(File);
    }
    KeReleaseSpinLock(&Lock, Irql);
}

/* ---- between the I/O manager and the driver ---------------------------------------------------------- */

static NTSTATUS Create(DRIVER_BRIDGE* Bridge, PIRP Irp)
{
    PFILE_OBJECT FileObject = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    BRIDGED_FILE* File = ExAllocatePoolZero(NonPagedPoolNx, sizeof(*File), FILES_TAG);
    KIRQL Irql;

    if (File == NULL) {
        return Complete(Irp, STATUS_INSUFFICIENT_RESOURCES);
    }
    File->Bridge = Bridge;
    File->FileObject = FileObject;
    File->Created = STATUS_PENDING;
    ObReferenceObject(FileObject);
    KeAcquireSpinLock(&Lock, &Irql);
    InsertTailList(BucketOf(FileObject), &File->Link);
    Bridge->Files++;
    KeReleaseSpinLock(&Lock, Irql);
    return Bridge->MajorFunction[IRP_MJ_CREATE](Bridge->DeviceObject, Irp);
}

static NTSTATUS Close(PIRP Irp)
{
    BRIDGED_FILE* File;
    BOOLEAN Open = FALSE;
    KIRQL Irql;

    KeAcquireSpinLock(&Lock, &Irql);
    File = Find(IoGetCurrentIrpStackLocation(Irp)->FileObject);
    if (File != NULL) {
        Open = (BOOLEAN)NT_SUCCESS(File->Created);
    }
    KeReleaseSpinLock(&Lock, Irql);
    if (Open) {
        CleanUp(File);
    } else if (File != NULL) {
        Forget(File);
    }
    return Complete(Irp, STATUS_SUCCESS);
}

static NTSTATUS Request(DRIVER_BRIDGE* Bridge, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    NTSTATUS Status = STATUS_FILE_CLOSED;
    BRIDGED_FILE* File;
    KIRQL Irql;

    KeAcquireSpinLock(&Lock, &Irql);
    File = Find(Stack->FileObject);
    if (File != NULL && !File->CleanedUp) {
        Status = File->Created;
        File->Requests += NT_SUCCESS(Status) && Status != STATUS_PENDING;
    }
    KeReleaseSpinLock(&Lock, Irql);
    if (!NT_SUCCESS(Status) || Status == STATUS_PENDING) {
        return Complete(Irp, Status == STATUS_PENDING ? STATUS_DEVICE_NOT_READY : Status);
    }
    return Bridge->MajorFunction[Stack->MajorFunction](Bridge->DeviceObject, Irp);
}

static void Hold(PDRIVER_OBJECT DriverObject, LONG Count)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Lock, &Irql);
    for (LIST_ENTRY* Link = Bridges.Flink; Link != &Bridges; Link = Link->Flink) {
        DRIVER_BRIDGE* Bridge = CONTAINING_RECORD(Link, DRIVER_BRIDGE, Link);
        if (Bridge->DriverObject == DriverObject) {
            Bridge->Holds += Count;
        }
    }
    KeReleaseSpinLock(&Lock, Irql);
}

void DriverHold(PDRIVER_OBJECT DriverObject)
{
    Hold(DriverObject, 1);
}

void DriverRelease(PDRIVER_OBJECT DriverObject)
{
    Hold(DriverObject, -1);
}

static DRIVER_BRIDGE* Enter(PDRIVER_OBJECT DriverObject)
{
    DRIVER_BRIDGE* Found = NULL;
    LIST_ENTRY* Link;
    KIRQL Irql;

    KeAcquireSpinLock(&Lock, &Irql);
    for (Link = Bridges.Flink; Link != &Bridges && Found == NULL; Link = Link->Flink) {
        DRIVER_BRIDGE* Bridge = CONTAINING_RECORD(Link, DRIVER_BRIDGE, Link);
        if (Bridge->DriverObject == DriverObject && !Bridge->Unloading) {
            Found = Bridge;
            Found->Inside++;
        }
    }
    KeReleaseSpinLock(&Lock, Irql);
    return Found;
}

static void Leave(DRIVER_BRIDGE* Bridge)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Lock, &Irql);
    Bridge->Inside--;
    KeReleaseSpinLock(&Lock, Irql);
}

static NTSTATUS Dispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    DRIVER_BRIDGE* Bridge = Enter(DeviceObject->DriverObject);
    UCHAR Major = IoGetCurrentIrpStackLocation(Irp)->MajorFunction;
    NTSTATUS Status;

    if (Bridge == NULL) {
        return Complete(Irp, Major == IRP_MJ_CLOSE ? STATUS_SUCCESS : STATUS_DELETE_PENDING);
    }
    if (Major == IRP_MJ_CREATE) {
        Status = Create(Bridge, Irp);
    } else if (Major == IRP_MJ_CLOSE) {
        Status = Close(Irp);
    } else if (FileIsRequest(Major)) {
        Status = Request(Bridge, Irp);
    } else {
        Status = Bridge->MajorFunction[Major](DeviceObject, Irp);
    }
    Leave(Bridge);
    return Status;
}

void FileCreated(PFILE_OBJECT FileObject, NTSTATUS Status)
{
    BRIDGED_FILE* File;
    KIRQL Irql;

    KeAcquireSpinLock(&Lock, &Irql);
    File = Find(FileObject);
    if (File != NULL) {
        File->Created = Status;
    }
    KeReleaseSpinLock(&Lock, Irql);
}

void FileRequestCompleted(PFILE_OBJECT FileObject)
{
    BRIDGED_FILE* File;
    KIRQL Irql;

    KeAcquireSpinLock(&Lock, &Irql);
    File = Find(FileObject);
    if (File != NULL && --File->Requests == 0 && File->CleanedUp) {
        CloseLater(File);
    }
    KeReleaseSpinLock(&Lock, Irql);
}

void FileReferenced(PVOID Object)
{
    BRIDGED_FILE* File;
    KIRQL Irql;

    KeAcquireSpinLock(&Lock, &Irql);
    File = Find(Object);
    if (File != NULL) {
        File->Requests++;
    }
    KeReleaseSpinLock(&Lock, Irql);
}

void FileDereferenced(PVOID Object)
{
    FileRequestCompleted(Object);
}

/* ---- devices and drivers ----------------------------------------------------------------------------- */

/* A file of the driver that is not cleaned up yet, or NULL. */
static BRIDGED_FILE* NextOpenFile(DRIVER_BRIDGE* Bridge)
{
    BRIDGED_FILE* Found = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Lock, &Irql);
    for (ULONG i = 0; i < BUCKETS && Found == NULL; i++) {
        for (LIST_ENTRY* Link = Buckets[i].Flink; Link != NULL && Link != &Buckets[i]; Link = Link->Flink) {
            BRIDGED_FILE* File = CONTAINING_RECORD(Link, BRIDGED_FILE, Link);
            if (File->Bridge == Bridge && !File->CleanedUp) {
                Found = File;
                break;
            }
        }
    }
    KeReleaseSpinLock(&Lock, Irql);
    return Found;
}

static BOOLEAN IsBusy(const DRIVER_BRIDGE* Bridge, BOOLEAN FilesToo)
{
    BOOLEAN Busy;
    KIRQL Irql;

    KeAcquireSpinLock(&Lock, &Irql);
    Busy = (BOOLEAN)(Bridge->Inside > 0 || (FilesToo && (Bridge->Files > 0 || Bridge->Holds > 0)));
    KeReleaseSpinLock(&Lock, Irql);
    return Busy;
}

static void AwaitIdle(const DRIVER_BRIDGE* Bridge, BOOLEAN FilesToo)
{
    LARGE_INTEGER Interval = {.QuadPart = -POLL_MS * 10000LL};

    while (IsBusy(Bridge, FilesToo)) {
        KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    }
}

static void CloseAll(DRIVER_BRIDGE* Bridge)
{
    BRIDGED_FILE* File;

    while ((File = NextOpenFile(Bridge)) != NULL) {
        if (NT_SUCCESS(File->Created)) {
            CleanUp(File);
        } else {
            Forget(File);
        }
    }
}

static void Unload(PDRIVER_OBJECT DriverObject)
{
    DRIVER_BRIDGE* Bridge = Enter(DriverObject);
    PDRIVER_UNLOAD DriverUnload = Bridge->DriverUnload;
    KIRQL Irql;

    KeAcquireSpinLock(&Lock, &Irql);
    Bridge->Unloading = TRUE;
    Bridge->Inside--; /* this thread */
    KeReleaseSpinLock(&Lock, Irql);
    AwaitIdle(Bridge, FALSE);
    CloseAll(Bridge);
    AwaitIdle(Bridge, TRUE);
    KeAcquireSpinLock(&Lock, &Irql);
    RemoveEntryList(&Bridge->Link);
    KeReleaseSpinLock(&Lock, Irql);
    IoFreeWorkItem(Bridge->Closer);
    ExFreePoolWithTag(Bridge, FILES_TAG);
    DriverUnload(DriverObject);
}

static NTSTATUS MakeBridge(PDRIVER_OBJECT DriverObject, PDEVICE_OBJECT DeviceObject)
{
    DRIVER_BRIDGE* Bridge = ExAllocatePoolZero(NonPagedPoolNx, sizeof(*Bridge), FILES_TAG);
    KIRQL Irql;

    if (Bridge == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Bridge->Closer = IoAllocateWorkItem(DeviceObject);
    if (Bridge->Closer == NULL) {
        ExFreePoolWithTag(Bridge, FILES_TAG);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    WineStay();
    Bridge->DriverObject = DriverObject;
    Bridge->DeviceObject = DeviceObject;
    Bridge->DriverUnload = DriverObject->DriverUnload;
    InitializeListHead(&Bridge->Closing);
    RtlCopyMemory(Bridge->MajorFunction, DriverObject->MajorFunction, sizeof(Bridge->MajorFunction));
    KeAcquireSpinLock(&Lock, &Irql);
    InsertTailList(&Bridges, &Bridge->Link);
    KeReleaseSpinLock(&Lock, Irql);
    for (ULONG Major = 0; Major < MAJORS; Major++) {
        DriverObject->MajorFunction[Major] = Dispatch;
    }
    DriverObject->DriverUnload = Unload;
    ImportsReplace(DriverObject);
    return STATUS_SUCCESS;
}

/* A driver that fails to load deletes its device here; one that unloads has no bridge any more. */
void NTAPI IoDeleteDevice(PDEVICE_OBJECT DeviceObject)
{
    DRIVER_BRIDGE* Bridge = Enter(DeviceObject->DriverObject);
    KIRQL Irql;

    if (Bridge != NULL && Bridge->DeviceObject == DeviceObject) {
        KeAcquireSpinLock(&Lock, &Irql);
        RemoveEntryList(&Bridge->Link);
        KeReleaseSpinLock(&Lock, Irql);
        IoFreeWorkItem(Bridge->Closer);
        ExFreePoolWithTag(Bridge, FILES_TAG);
    } else if (Bridge != NULL) {
        Leave(Bridge);
    }
    WineIoDeleteDevice(DeviceObject);
}

/* Wine checks no security descriptors. Only the files of a driver's first device are corrected. */
NTSTATUS NTAPI IoCreateDeviceSecure(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize,
                                    PUNICODE_STRING DeviceName, DEVICE_TYPE DeviceType,
                                    ULONG DeviceCharacteristics, BOOLEAN Exclusive,
                                    PCUNICODE_STRING DefaultSDDLString, LPCGUID DeviceClassGuid,
                                    PDEVICE_OBJECT* DeviceObject)
{
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(DefaultSDDLString);
    UNREFERENCED_PARAMETER(DeviceClassGuid);
    Status = IoCreateDevice(DriverObject, DeviceExtensionSize, DeviceName, DeviceType, DeviceCharacteristics,
                            Exclusive, DeviceObject);
    if (NT_SUCCESS(Status) && DriverObject->DriverUnload != Unload) {
        Status = MakeBridge(DriverObject, *DeviceObject);
        if (!NT_SUCCESS(Status)) {
            IoDeleteDevice(*DeviceObject);
            *DeviceObject = NULL;
        }
    }
    return Status;
}
