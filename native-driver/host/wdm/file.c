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
    PIRP Irp = &Request->Irp;
    HostPrepareIrp(Irp, Request->StackSize, HOST_IRP_IO_MANAGER);
    Irp->Flags = IRP_SYNCHRONOUS_API;
    Irp->RequestorMode = MajorFunction == IRP_MJ_CREATE ? UserMode : KernelMode;
    Irp->Tail.Overlay.Thread = HostCurrentThread();
    Irp->Tail.Overlay.OriginalFileObject = &File->Object;
    PIO_STACK_LOCATION Stack = IoGetNextIrpStackLocation(Irp);
    Stack->MajorFunction = MajorFunction;
    Stack->FileObject = &File->Object;
    if (MajorFunction == IRP_MJ_CREATE) {
        Irp->Flags |= IRP_CREATE_OPERATION;
        Stack->Parameters.Create.SecurityContext = SecurityContext;
        Stack->Parameters.Create.Options = FILE_OPEN_DISPOSITION << DISPOSITION_SHIFT;
    } else if (MajorFunction == IRP_MJ_CLOSE) {
        Irp->Flags |= IRP_CLOSE_OPERATION;
    }
}

/* Sends an IRP and waits for it: IRP_MJ_CREATE, CLEANUP, CLOSE. */
static NTSTATUS SendSynchronous(PHOST_FILE File, UCHAR MajorFunction, PIO_SECURITY_CONTEXT SecurityContext)
{
    PDEVICE_OBJECT Device = File->Object.DeviceObject;
    PHOST_REQUEST Request = HostAllocateRequest(Device->StackSize);
    if (Request == NULL) {
        if (MajorFunction == IRP_MJ_CREATE) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        HostBugcheck(MANUALLY_INITIATED_CRASH, 0, 0, 0, 0, "There is no memory for closing a file.");
    }
    Request->Synchronous = TRUE;
    Request->Process = HostCurrentProcess();
    KeInitializeEvent(&Request->Done, NotificationEvent, FALSE);
    FillSynchronous(Request, File, MajorFunction, SecurityContext);
    NTSTATUS Returned = IofCallDriver(Device, &Request->Irp);
    if (Returned != STATUS_PENDING) {
        HostCheckDispatch(Request, Returned, (BOOLEAN)(KeReadStateEvent(&Request->Done) != 0));
    }
    KeWaitForSingleObject(&Request->Done, Executive, KernelMode, FALSE, NULL);
    HostCheckDispatch(Request, Returned, TRUE);
    NTSTATUS Status = Request->FinalStatus;
    HostFreeRequest(Request);
    return Status;
}

/* ---- opening ----------------------------------------------------------------------------------------- */

static PHOST_FILE CreateFileObject(PHOST_DEVICE Device, ACCESS_MASK Access, PCUNICODE_STRING FileName)
{
    PHOST_FILE File = HostCreateObject(&HostFileType, sizeof(*File));
    if (File == NULL) {
        return NULL;
    }
    PFILE_OBJECT Object = &File->Object;
    Object->Type = IO_TYPE_FILE;
    Object->Size = sizeof(FILE_OBJECT);
    Object->DeviceObject = &Device->Object;
    Object->ReadAccess = (BOOLEAN)((Access & FILE_READ_DATA) != 0);
    Object->WriteAccess = (BOOLEAN)((Access & FILE_WRITE_DATA) != 0);
    Object->FileName = *FileName;
    KeInitializeEvent(&Object->Lock, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Object->Event, NotificationEvent, FALSE);
    InitializeListHead(&Object->IrpList);
    InitializeListHead(&File->Pending);
    File->Granted = Access;
    return File;
}

static NTSTATUS SendCreate(PHOST_FILE File, ACCESS_MASK Access)
{
    IO_SECURITY_CONTEXT Context = {.DesiredAccess = Access};
    if (HostFailNow(HOST_TAG_IRP)) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return SendSynchronous(File, IRP_MJ_CREATE, &Context);
}

NTSTATUS HostOpenFile(PCWSTR Name, ACCESS_MASK DesiredAccess, PHANDLE FileHandle)
{
    PEPROCESS Process = HostCurrentProcess();
    ACCESS_MASK Access = HostMapGenericAccess(DesiredAccess);
    UNICODE_STRING FileName;
    PHOST_DEVICE Device;

    HOST_MAX_IRQL(PASSIVE_LEVEL);
    NTSTATUS Status =
        HostOpenDevice(Name, Access, __atomic_load_n(&Process->Rights, __ATOMIC_ACQUIRE), &Device, &FileName);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    PHOST_FILE File = CreateFileObject(Device, Access, &FileName);
    if (File == NULL) {
        free(FileName.Buffer);
        HostCloseDevice(Device);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = SendCreate(File, Access);
    if (!NT_SUCCESS(Status)) {
        HostDereference(File);
        return Status;
    }
    File->Object.Flags |= FO_FILE_OPEN | FO_HANDLE_CREATED;
    return HostOpenHandle(File, Process, FileHandle);
}

/* ---- closing ----------------------------------------------------------------------------------------- */

static void CleanupFile(PVOID Body)
{
    PHOST_FILE File = Body;
    SendSynchronous(File, IRP_MJ_CLEANUP, NULL);
    File->Object.Flags |= FO_CLEANUP_COMPLETE;
}

static void DeleteFile(PVOID Body)
{
    PHOST_FILE File = Body;
    PHOST_DEVICE Device = (PHOST_DEVICE)File->Object.DeviceObject;
    if (File->Object.Flags & FO_FILE_OPEN) {
        if ((File->Object.Flags & FO_CLEANUP_COMPLETE) == 0) {
            CleanupFile(File); /* it never got a handle */
        }
        SendSynchronous(File, IRP_MJ_CLOSE, NULL);
    }
    if (File->Associated) {
        HostDereference(File->Completion.Port);
    }
    HostFreeCachedRequests(File);
    free(File->Object.FileName.Buffer);
    HostFreeObject(File);
    HostCloseDevice(Device);
}

/* ---- modes of a file --------------------------------------------------------------------------------- */

NTSTATUS HostSetInlineCompletion(HANDLE FileHandle)
{
    PHOST_FILE File = HostReferenceHandle(FileHandle, &HostFileType, HostCurrentProcess());
    if (File == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    __atomic_store_n(&File->InlineCompletion, TRUE, __ATOMIC_RELEASE);
    HostDereference(File);
    return STATUS_SUCCESS;
}

/* Takes over the reference of the port on success. */
static NTSTATUS Associate(PHOST_FILE File, PHOST_PORT Port, PVOID KeyContext)
{
    NTSTATUS Status = STATUS_INVALID_PARAMETER;
    HostAcquireLock(&File->Lock);
    if (!File->Associated) {
        File->Associated = TRUE;
        File->Completion.Port = Port;
        File->Completion.Key = KeyContext;
        __atomic_store_n(&File->Object.CompletionContext, &File->Completion, __ATOMIC_RELEASE);
        Status = STATUS_SUCCESS;
    }
    HostReleaseLock(&File->Lock);
    return Status;
}

NTSTATUS HostAssociateCompletionPort(HANDLE FileHandle, HANDLE IoCompletionHandle, PVOID KeyContext)
{
    PHOST_FILE File = HostReferenceHandle(FileHandle, &HostFileType, HostCurrentProcess());
    if (File == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    NTSTATUS Status = STATUS_INVALID_HANDLE;
    PHOST_PORT Port = HostReferenceHandle(IoCompletionHandle, &HostPortType, HostCurrentProcess());
    if (Port != NULL) {
        Status = Associate(File, Port, KeyContext);
        if (!NT_SUCCESS(Status)) {
            HostDereference(Port);
        }
    }
    HostDereference(File);
    return Status;
}
