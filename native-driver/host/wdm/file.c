/* SPDX-License-Identifier: Apache-2.0
 *
 * File objects: IRP_MJ_CREATE, CLEANUP and CLOSE.
 */
#include "wdmp.h"

#define FILE_OPEN_DISPOSITION 1u
#define DISPOSITION_SHIFT     24

static void CleanupFile(PVOID Body);
static void DeleteFile(PVOID Body);

struct _OBJECT_TYPE HostFileType = {.Name = "file", .CloseHandle = CleanupFile, .Delete = DeleteFile};
static POBJECT_TYPE FileTypePointer = &HostFileType;
POBJECT_TYPE* IoFileObjectType = &FileTypePointer;

/* ---- requests that their sender waits for ------------------------------------------------------------ */

void HostCheckDispatch(PHOST_REQUEST Request, NTSTATUS Returned, BOOLEAN Completed)
{
    if (!Completed) {
        if (HOST_UNLIKELY(Returned != STATUS_PENDING)) {
            HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)&Request->Irp, (ULONG)Returned, 0, 0,
                         "A dispatch routine returned 0x%08X without completing the IRP %p.", (ULONG)Returned,
                         (void*)&Request->Irp);
        }
        return;
    }
    if (HOST_UNLIKELY(Returned == STATUS_PENDING ? !Request->Pended
                                                 : Request->Pended || Returned != Request->FinalStatus)) {
        HostBugcheck(
            DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)&Request->Irp, (ULONG)Returned,
            (ULONG)Request->FinalStatus, Request->Pended,
            "A dispatch routine returned 0x%08X for the IRP %p, which was %smarked pending and completed "
            "with 0x%08X.",
            (ULONG)Returned, (void*)&Request->Irp, Request->Pended ? "" : "not ",
            (ULONG)Request->FinalStatus);
    }
}

static void FillSynchronous(PHOST_REQUEST Request, PHOST_FILE File, UCHAR MajorFunction,
                            PIO_SECURITY_CONTEXT SecurityContext)
{
    PIRP irp = &Request->Irp;
    HostPrepareIrp(irp, Request->StackSize, HOST_IRP_IO_MANAGER);
    irp->Flags = IRP_SYNCHRONOUS_API;
    irp->RequestorMode = MajorFunction == IRP_MJ_CREATE ? UserMode : KernelMode;
    irp->Tail.Overlay.Thread = HostCurrentThread();
    irp->Tail.Overlay.OriginalFileObject = &File->Object;
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->MajorFunction = MajorFunction;
    stack->FileObject = &File->Object;
    if (MajorFunction == IRP_MJ_CREATE) {
        irp->Flags |= IRP_CREATE_OPERATION;
        stack->Parameters.Create.SecurityContext = SecurityContext;
        stack->Parameters.Create.Options = FILE_OPEN_DISPOSITION << DISPOSITION_SHIFT;
    } else if (MajorFunction == IRP_MJ_CLOSE) {
        irp->Flags |= IRP_CLOSE_OPERATION;
    }
}

/* Sends an IRP and waits for it: IRP_MJ_CREATE, CLEANUP, CLOSE. */
static NTSTATUS SendSynchronous(PHOST_FILE File, UCHAR MajorFunction, PIO_SECURITY_CONTEXT SecurityContext)
{
    PDEVICE_OBJECT device = File->Object.DeviceObject;
    PHOST_REQUEST request = HostAllocateRequest(device->StackSize);
    if (request == NULL) {
        if (MajorFunction == IRP_MJ_CREATE) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        HostBugcheck(MANUALLY_INITIATED_CRASH, 0, 0, 0, 0, "There is no memory for closing a file.");
    }
    request->Synchronous = TRUE;
    request->Process = HostCurrentProcess();
    KeInitializeEvent(&request->Done, NotificationEvent, FALSE);
    FillSynchronous(request, File, MajorFunction, SecurityContext);
    NTSTATUS returned = IofCallDriver(device, &request->Irp);
    if (returned != STATUS_PENDING) {
        HostCheckDispatch(request, returned, (BOOLEAN)(KeReadStateEvent(&request->Done) != 0));
    }
    KeWaitForSingleObject(&request->Done, Executive, KernelMode, FALSE, NULL);
    HostCheckDispatch(request, returned, TRUE);
    NTSTATUS status = request->FinalStatus;
    HostFreeRequest(request);
    return status;
}

/* ---- opening ----------------------------------------------------------------------------------------- */

static PHOST_FILE CreateFileObject(PHOST_DEVICE Device, ACCESS_MASK Access, PCUNICODE_STRING FileName)
{
    PHOST_FILE file = HostCreateObject(&HostFileType, sizeof(*file));
    if (file == NULL) {
        return NULL;
    }
    PFILE_OBJECT object = &file->Object;
    object->Type = IO_TYPE_FILE;
    object->Size = sizeof(FILE_OBJECT);
    object->DeviceObject = &Device->Object;
    object->ReadAccess = (BOOLEAN)((Access & FILE_READ_DATA) != 0);
    object->WriteAccess = (BOOLEAN)((Access & FILE_WRITE_DATA) != 0);
    object->FileName = *FileName;
    KeInitializeEvent(&object->Lock, SynchronizationEvent, FALSE);
    KeInitializeEvent(&object->Event, NotificationEvent, FALSE);
    InitializeListHead(&object->IrpList);
    InitializeListHead(&file->Pending);
    file->Granted = Access;
    return file;
}

static NTSTATUS SendCreate(PHOST_FILE File, ACCESS_MASK Access)
{
    IO_SECURITY_CONTEXT context = {.DesiredAccess = Access};
    if (HostFailNow(HOST_TAG_IRP)) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return SendSynchronous(File, IRP_MJ_CREATE, &context);
}

NTSTATUS HostOpenFile(PCWSTR Name, ACCESS_MASK DesiredAccess, PHANDLE FileHandle)
{
    PEPROCESS process = HostCurrentProcess();
    ACCESS_MASK access = HostMapGenericAccess(DesiredAccess);
    UNICODE_STRING fileName;
    PHOST_DEVICE device;

    HOST_MAX_IRQL(PASSIVE_LEVEL);
    NTSTATUS status =
        HostOpenDevice(Name, access, __atomic_load_n(&process->Rights, __ATOMIC_ACQUIRE), &device, &fileName);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    PHOST_FILE file = CreateFileObject(device, access, &fileName);
    if (file == NULL) {
        free(fileName.Buffer);
        HostCloseDevice(device);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = SendCreate(file, access);
    if (!NT_SUCCESS(status)) {
        HostDereference(file);
        return status;
    }
    file->Object.Flags |= FO_FILE_OPEN | FO_HANDLE_CREATED;
    return HostOpenHandle(file, process, FileHandle);
}

/* ---- closing ----------------------------------------------------------------------------------------- */

static void CleanupFile(PVOID Body)
{
    PHOST_FILE file = Body;
    SendSynchronous(file, IRP_MJ_CLEANUP, NULL);
    file->Object.Flags |= FO_CLEANUP_COMPLETE;
}

static void DeleteFile(PVOID Body)
{
    PHOST_FILE file = Body;
    PHOST_DEVICE device = (PHOST_DEVICE)file->Object.DeviceObject;
    if (file->Object.Flags & FO_FILE_OPEN) {
        if ((file->Object.Flags & FO_CLEANUP_COMPLETE) == 0) {
            CleanupFile(file); /* it never got a handle */
        }
        SendSynchronous(file, IRP_MJ_CLOSE, NULL);
    }
    if (file->Associated) {
        HostDereference(file->Completion.Port);
    }
    HostFreeCachedRequests(file);
    free(file->Object.FileName.Buffer);
    HostFreeObject(file);
    HostCloseDevice(device);
}

/* ---- modes of a file --------------------------------------------------------------------------------- */

NTSTATUS HostSetInlineCompletion(HANDLE FileHandle)
{
    PHOST_FILE file = HostReferenceHandle(FileHandle, &HostFileType, HostCurrentProcess());
    if (file == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    __atomic_store_n(&file->InlineCompletion, TRUE, __ATOMIC_RELEASE);
    HostDereference(file);
    return STATUS_SUCCESS;
}

/* Takes over the reference of the port on success. */
static NTSTATUS Associate(PHOST_FILE File, PHOST_PORT Port, PVOID KeyContext)
{
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    HostAcquireLock(&File->Lock);
    if (!File->Associated) {
        File->Associated = TRUE;
        File->Completion.Port = Port;
        File->Completion.Key = KeyContext;
        __atomic_store_n(&File->Object.CompletionContext, &File->Completion, __ATOMIC_RELEASE);
        status = STATUS_SUCCESS;
    }
    HostReleaseLock(&File->Lock);
    return status;
}

NTSTATUS HostAssociateCompletionPort(HANDLE FileHandle, HANDLE IoCompletionHandle, PVOID KeyContext)
{
    PHOST_FILE file = HostReferenceHandle(FileHandle, &HostFileType, HostCurrentProcess());
    if (file == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    NTSTATUS status = STATUS_INVALID_HANDLE;
    PHOST_PORT port = HostReferenceHandle(IoCompletionHandle, &HostPortType, HostCurrentProcess());
    if (port != NULL) {
        status = Associate(file, port, KeyContext);
        if (!NT_SUCCESS(status)) {
            HostDereference(port);
        }
    }
    HostDereference(file);
    return status;
}
