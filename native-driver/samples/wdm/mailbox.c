/* SPDX-License-Identifier: Apache-2.0
 *
 * A sample WDM driver: a control device that keeps one message. IRP_MJ_WRITE replaces the message and
 * IRP_MJ_READ copies it, both by buffered I/O. Each of its IOCTLs uses another transfer method: with
 * METHOD_BUFFERED the data is in the system buffer, with the direct methods the second buffer comes as an MDL
 * of locked pages, and with METHOD_NEITHER the driver probes and locks the addresses of the program itself,
 * which it may do because a control device is called in the program's thread. One IOCTL waits for the next
 * write. Its IRPs are kept in a cancel-safe queue, where they end by a write, by their cancellation, or when
 * their handle is closed. The driver can be unloaded when no file is open, and then leaves nothing behind.
 */
#include <ntddk.h>

#include "mailbox.h"

#define MAILBOX_TAG 'xbiM'

/* The device extension; it lives as long as the device. */
typedef struct _MAILBOX {
    KSPIN_LOCK MessageLock;
    PUCHAR Message; /* MAILBOX_CAPACITY bytes of nonpaged pool; their contents: MessageLock */
    ULONG Length;   /* MessageLock */

    IO_CSQ Waiting;
    KSPIN_LOCK WaitingLock;
    LIST_ENTRY WaitingIrps; /* by Tail.Overlay.ListEntry, oldest first; WaitingLock */
} MAILBOX, *PMAILBOX;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD MailboxUnload;
_Dispatch_type_(IRP_MJ_CREATE) _Dispatch_type_(IRP_MJ_CLOSE) static DRIVER_DISPATCH MailboxCreateClose;
_Dispatch_type_(IRP_MJ_CLEANUP) static DRIVER_DISPATCH MailboxCleanup;
_Dispatch_type_(IRP_MJ_READ) static DRIVER_DISPATCH MailboxRead;
_Dispatch_type_(IRP_MJ_WRITE) static DRIVER_DISPATCH MailboxWrite;
_Dispatch_type_(IRP_MJ_DEVICE_CONTROL) static DRIVER_DISPATCH MailboxDeviceControl;

static IO_CSQ_INSERT_IRP WaitingInsert;
static IO_CSQ_REMOVE_IRP WaitingRemove;
static IO_CSQ_PEEK_NEXT_IRP WaitingPeekNext;
static IO_CSQ_ACQUIRE_LOCK WaitingAcquireLock;
static IO_CSQ_RELEASE_LOCK WaitingReleaseLock;
static IO_CSQ_COMPLETE_CANCELED_IRP WaitingCompleteCanceled;

static NTSTATUS MailboxComplete(_Inout_ PIRP Irp, _In_ NTSTATUS Status, _In_ ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static ULONG Least(_In_ ULONG A, _In_ ULONG B)
{
    return A < B ? A : B;
}

/* ---- the message: at <= DISPATCH_LEVEL, buffers are resident ------------------------------------------ */

/* Replaces what is behind Offset. */
static NTSTATUS MessagePut(_Inout_ PMAILBOX Mailbox, _In_ ULONG Offset,
                           _In_reads_bytes_opt_(Length) const VOID* Data, _In_ ULONG Length)
{
    NTSTATUS Status = STATUS_INVALID_PARAMETER;
    KIRQL Irql;

    if (Length > MAILBOX_CAPACITY || Offset > MAILBOX_CAPACITY - Length) {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    KeAcquireSpinLock(&Mailbox->MessageLock, &Irql);
    if (Offset <= Mailbox->Length) {
        if (Length != 0) {
            RtlCopyMemory(Mailbox->Message + Offset, Data, Length);
        }
        Mailbox->Length = Offset + Length;
        Status = STATUS_SUCCESS;
    }
    KeReleaseSpinLock(&Mailbox->MessageLock, Irql);
    return Status;
}

/* Returns the number of bytes copied. */
static ULONG MessageGet(_In_ PMAILBOX Mailbox, _In_ ULONG Offset, _Out_writes_bytes_(Length) PVOID Buffer,
                        _In_ ULONG Length)
{
    ULONG Copied = 0;
    KIRQL Irql;

    KeAcquireSpinLock(&Mailbox->MessageLock, &Irql);
    if (Offset < Mailbox->Length) {
        Copied = Least(Length, Mailbox->Length - Offset);
        RtlCopyMemory(Buffer, Mailbox->Message + Offset, Copied);
    }
    KeReleaseSpinLock(&Mailbox->MessageLock, Irql);
    return Copied;
}

/* ---- the queue of those who wait ----------------------------------------------------------------------- */

_Use_decl_annotations_ static VOID WaitingInsert(PIO_CSQ Csq, PIRP Irp)
{
    PMAILBOX Mailbox = CONTAINING_RECORD(Csq, MAILBOX, Waiting);
    InsertTailList(&Mailbox->WaitingIrps, &Irp->Tail.Overlay.ListEntry);
}

_Use_decl_annotations_ static VOID WaitingRemove(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

/* The context is a file object whose IRPs are wanted, or NULL for those of all. */
_Use_decl_annotations_ static PIRP WaitingPeekNext(PIO_CSQ Csq, PIRP Irp, PVOID PeekContext)
{
    PMAILBOX Mailbox = CONTAINING_RECORD(Csq, MAILBOX, Waiting);
    PLIST_ENTRY Entry = Irp == NULL ? Mailbox->WaitingIrps.Flink : Irp->Tail.Overlay.ListEntry.Flink;

    for (; Entry != &Mailbox->WaitingIrps; Entry = Entry->Flink) {
        PIRP Next = CONTAINING_RECORD(Entry, IRP, Tail.Overlay.ListEntry);
        if (PeekContext == NULL || IoGetCurrentIrpStackLocation(Next)->FileObject == PeekContext) {
            return Next;
        }
    }
    return NULL;
}

_Use_decl_annotations_ static VOID WaitingAcquireLock(PIO_CSQ Csq, PKIRQL Irql)
{
    KeAcquireSpinLock(&CONTAINING_RECORD(Csq, MAILBOX, Waiting)->WaitingLock, Irql);
}

_Use_decl_annotations_ static VOID WaitingReleaseLock(PIO_CSQ Csq, KIRQL Irql)
{
    KeReleaseSpinLock(&CONTAINING_RECORD(Csq, MAILBOX, Waiting)->WaitingLock, Irql);
}

_Use_decl_annotations_ static VOID WaitingCompleteCanceled(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    (VOID) MailboxComplete(Irp, STATUS_CANCELLED, 0);
}

static VOID WaitingFinish(_Inout_ PIRP Irp, _In_reads_bytes_opt_(Length) const VOID* Message,
                          _In_ ULONG Length)
{
    ULONG Room = IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.OutputBufferLength;
    ULONG Copied = Least(Length, Room);

    if (Copied != 0) {
        RtlCopyMemory(Irp->AssociatedIrp.SystemBuffer, Message, Copied);
    }
    (VOID) MailboxComplete(Irp, Copied == Length ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW, Copied);
}

/* All are taken out before the first one is completed: one that waits again waits for another message. */
static VOID WaitingFinishAll(_Inout_ PMAILBOX Mailbox, _In_reads_bytes_opt_(Length) const VOID* Message,
                             _In_ ULONG Length)
{
    LIST_ENTRY Taken;
    PIRP Irp;

    InitializeListHead(&Taken);
    while ((Irp = IoCsqRemoveNextIrp(&Mailbox->Waiting, NULL)) != NULL) {
        InsertTailList(&Taken, &Irp->Tail.Overlay.ListEntry);
    }
    while (!IsListEmpty(&Taken)) {
        PLIST_ENTRY Entry = RemoveHeadList(&Taken);
        WaitingFinish(CONTAINING_RECORD(Entry, IRP, Tail.Overlay.ListEntry), Message, Length);
    }
}

/* ---- IOCTLs ------------------------------------------------------------------------------------------- */

/* Input and output are the same system buffer. */
static NTSTATUS ControlReverse(_Inout_ PIRP Irp, _In_ PIO_STACK_LOCATION Stack, _Out_ PULONG_PTR Information)
{
    ULONG Length = Stack->Parameters.DeviceIoControl.InputBufferLength;
    PUCHAR Buffer = Irp->AssociatedIrp.SystemBuffer;

    *Information = 0;
    if (Stack->Parameters.DeviceIoControl.OutputBufferLength < Length) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    for (ULONG Index = 0; Index < Length / 2; Index++) {
        UCHAR Byte = Buffer[Index];
        Buffer[Index] = Buffer[Length - 1 - Index];
        Buffer[Length - 1 - Index] = Byte;
    }
    *Information = Length;
    return STATUS_SUCCESS;
}

/* What both direct methods have: the offset in the system buffer, and the second buffer as an MDL, which is
 * NULL when its length is 0. */
static NTSTATUS MapDirect(_In_ PIRP Irp, _In_ PIO_STACK_LOCATION Stack, _In_ ULONG Priority,
                          _Out_ PULONG Offset, _Outptr_ PVOID* Data)
{
    *Offset = 0;
    *Data = NULL;
    if (Stack->Parameters.DeviceIoControl.InputBufferLength < sizeof(ULONG)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if (Irp->MdlAddress == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    RtlCopyMemory(Offset, Irp->AssociatedIrp.SystemBuffer, sizeof(ULONG));
    *Data = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, Priority | MdlMappingNoExecute);
    return *Data == NULL ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}

static NTSTATUS ControlPut(_Inout_ PMAILBOX Mailbox, _In_ PIRP Irp, _In_ PIO_STACK_LOCATION Stack,
                           _Out_ PULONG_PTR Information)
{
    ULONG Length = Stack->Parameters.DeviceIoControl.OutputBufferLength;
    ULONG Offset;
    PVOID Data;
    NTSTATUS Status = MapDirect(Irp, Stack, NormalPagePriority | MdlMappingNoWrite, &Offset, &Data);

    if (NT_SUCCESS(Status)) {
        Status = MessagePut(Mailbox, Offset, Data, Length);
    }
    *Information = NT_SUCCESS(Status) ? Length : 0;
    return Status;
}

static NTSTATUS ControlGet(_In_ PMAILBOX Mailbox, _Inout_ PIRP Irp, _In_ PIO_STACK_LOCATION Stack,
                           _Out_ PULONG_PTR Information)
{
    ULONG Offset;
    PVOID Data;
    NTSTATUS Status = MapDirect(Irp, Stack, NormalPagePriority, &Offset, &Data);

    *Information = 0;
    if (NT_SUCCESS(Status)) {
        *Information =
            MessageGet(Mailbox, Offset, Data, Stack->Parameters.DeviceIoControl.OutputBufferLength);
    }
    return Status;
}

/* Probes, locks and maps memory of the program whose thread this is. At <= APC_LEVEL. */
static NTSTATUS UserBufferLock(_In_ PIRP Irp, _In_ PVOID Address, _In_ ULONG Length,
                               _In_ LOCK_OPERATION Operation, _Outptr_ PMDL* Mdl, _Outptr_ PVOID* Data)
{
    PMDL Locked = IoAllocateMdl(Address, Length, FALSE, FALSE, NULL);

    *Mdl = NULL;
    *Data = NULL;
    if (Locked == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    __try {
        MmProbeAndLockPages(Locked, Irp->RequestorMode, Operation);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        NTSTATUS Status = GetExceptionCode();
        IoFreeMdl(Locked);
        return Status;
    }
    *Data = MmGetSystemAddressForMdlSafe(Locked, NormalPagePriority | MdlMappingNoExecute);
    if (*Data == NULL) {
        MmUnlockPages(Locked);
        IoFreeMdl(Locked);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *Mdl = Locked;
    return STATUS_SUCCESS;
}

static VOID UserBufferUnlock(_In_ PMDL Mdl)
{
    MmUnlockPages(Mdl);
    IoFreeMdl(Mdl);
}

static ULONG Sum(_In_reads_bytes_(Length) const UCHAR* Data, _In_ ULONG Length)
{
    ULONG Total = 0;

    for (ULONG Index = 0; Index < Length; Index++) {
        Total += Data[Index];
    }
    return Total;
}

static NTSTATUS ControlSum(_Inout_ PIRP Irp, _In_ PIO_STACK_LOCATION Stack, _Out_ PULONG_PTR Information)
{
    ULONG Length = Stack->Parameters.DeviceIoControl.InputBufferLength;
    PMDL InputMdl;
    PMDL OutputMdl;
    PVOID Input;
    PVOID Output;

    *Information = 0;
    if (Length == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Stack->Parameters.DeviceIoControl.OutputBufferLength < sizeof(ULONG)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    NTSTATUS Status = UserBufferLock(Irp, Stack->Parameters.DeviceIoControl.Type3InputBuffer, Length,
                                     IoReadAccess, &InputMdl, &Input);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = UserBufferLock(Irp, Irp->UserBuffer, sizeof(ULONG), IoWriteAccess, &OutputMdl, &Output);
    if (NT_SUCCESS(Status)) {
        ULONG Total = Sum(Input, Length);
        RtlCopyMemory(Output, &Total, sizeof(Total));
        *Information = sizeof(Total);
        UserBufferUnlock(OutputMdl);
    }
    UserBufferUnlock(InputMdl);
    return Status;
}

_Use_decl_annotations_ static NTSTATUS MailboxDeviceControl(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PMAILBOX Mailbox = DeviceObject->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG_PTR Information = 0;
    NTSTATUS Status;

    switch (Stack->Parameters.DeviceIoControl.IoControlCode) {
    case IOCTL_MAILBOX_REVERSE:
        Status = ControlReverse(Irp, Stack, &Information);
        break;
    case IOCTL_MAILBOX_PUT:
        Status = ControlPut(Mailbox, Irp, Stack, &Information);
        break;
    case IOCTL_MAILBOX_GET:
        Status = ControlGet(Mailbox, Irp, Stack, &Information);
        break;
    case IOCTL_MAILBOX_SUM:
        Status = ControlSum(Irp, Stack, &Information);
        break;
    case IOCTL_MAILBOX_WAIT:
        /* From here on the IRP may be completed at any time. */
        IoCsqInsertIrp(&Mailbox->Waiting, Irp, NULL);
        return STATUS_PENDING;
    default:
        Status = STATUS_INVALID_DEVICE_REQUEST;
        break;
    }
    return MailboxComplete(Irp, Status, Information);
}

/* ---- files, reading and writing ------------------------------------------------------------------------ */

_Use_decl_annotations_ static NTSTATUS MailboxCreateClose(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    return MailboxComplete(Irp, STATUS_SUCCESS, 0);
}

/* The last handle is closed: nobody is left who would take the results. */
_Use_decl_annotations_ static NTSTATUS MailboxCleanup(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PMAILBOX Mailbox = DeviceObject->DeviceExtension;
    PFILE_OBJECT FileObject = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    PIRP Waiting;

    while ((Waiting = IoCsqRemoveNextIrp(&Mailbox->Waiting, FileObject)) != NULL) {
        (VOID) MailboxComplete(Waiting, STATUS_CANCELLED, 0);
    }
    return MailboxComplete(Irp, STATUS_SUCCESS, 0);
}

_Use_decl_annotations_ static NTSTATUS MailboxRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PMAILBOX Mailbox = DeviceObject->DeviceExtension;
    ULONG Length = IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length;
    ULONG Copied = Length == 0 ? 0 : MessageGet(Mailbox, 0, Irp->AssociatedIrp.SystemBuffer, Length);

    return MailboxComplete(Irp, STATUS_SUCCESS, Copied);
}

_Use_decl_annotations_ static NTSTATUS MailboxWrite(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PMAILBOX Mailbox = DeviceObject->DeviceExtension;
    ULONG Length = IoGetCurrentIrpStackLocation(Irp)->Parameters.Write.Length;
    PVOID Data = Irp->AssociatedIrp.SystemBuffer; /* NULL for no bytes */
    NTSTATUS Status = MessagePut(Mailbox, 0, Data, Length);

    if (!NT_SUCCESS(Status)) {
        return MailboxComplete(Irp, Status, 0);
    }
    WaitingFinishAll(Mailbox, Data, Length);
    return MailboxComplete(Irp, STATUS_SUCCESS, Length);
}

/* ---- loading and unloading ------------------------------------------------------------------------------
 */

/* No file is open, so no IRP is left. */
_Use_decl_annotations_ static VOID MailboxUnload(PDRIVER_OBJECT DriverObject)
{
    UNICODE_STRING Link = RTL_CONSTANT_STRING(MAILBOX_SYMBOLIC_LINK);
    PDEVICE_OBJECT DeviceObject = DriverObject->DeviceObject;
    PMAILBOX Mailbox = DeviceObject->DeviceExtension;

    NT_ASSERT(IsListEmpty(&Mailbox->WaitingIrps));
    IoDeleteSymbolicLink(&Link);
    ExFreePoolWithTag(Mailbox->Message, MAILBOX_TAG);
    IoDeleteDevice(DeviceObject);
}

static NTSTATUS MailboxInitialize(_Inout_ PMAILBOX Mailbox)
{
    KeInitializeSpinLock(&Mailbox->MessageLock);
    KeInitializeSpinLock(&Mailbox->WaitingLock);
    InitializeListHead(&Mailbox->WaitingIrps);
    Mailbox->Length = 0;
    Mailbox->Message = ExAllocatePool2(POOL_FLAG_NON_PAGED, MAILBOX_CAPACITY, MAILBOX_TAG);
    if (Mailbox->Message == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return IoCsqInitialize(&Mailbox->Waiting, WaitingInsert, WaitingRemove, WaitingPeekNext,
                           WaitingAcquireLock, WaitingReleaseLock, WaitingCompleteCanceled);
}

static VOID SetRoutines(_Inout_ PDRIVER_OBJECT DriverObject)
{
    DriverObject->DriverUnload = MailboxUnload;
    DriverObject->MajorFunction[IRP_MJ_CREATE] = MailboxCreateClose;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = MailboxCreateClose;
    DriverObject->MajorFunction[IRP_MJ_CLEANUP] = MailboxCleanup;
    DriverObject->MajorFunction[IRP_MJ_READ] = MailboxRead;
    DriverObject->MajorFunction[IRP_MJ_WRITE] = MailboxWrite;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = MailboxDeviceControl;
}

/* The link comes last, since a program can open the device from then on. */
_Use_decl_annotations_ NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(MAILBOX_DEVICE_NAME);
    UNICODE_STRING Link = RTL_CONSTANT_STRING(MAILBOX_SYMBOLIC_LINK);
    PDEVICE_OBJECT DeviceObject;

    UNREFERENCED_PARAMETER(RegistryPath);
    SetRoutines(DriverObject);
    NTSTATUS Status = IoCreateDevice(DriverObject, sizeof(MAILBOX), &Name, FILE_DEVICE_UNKNOWN,
                                     FILE_DEVICE_SECURE_OPEN, FALSE, &DeviceObject);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    PMAILBOX Mailbox = DeviceObject->DeviceExtension;
    DeviceObject->Flags |= DO_BUFFERED_IO;
    Status = MailboxInitialize(Mailbox);
    if (NT_SUCCESS(Status)) {
        Status = IoCreateSymbolicLink(&Link, &Name);
    }
    if (!NT_SUCCESS(Status)) {
        if (Mailbox->Message != NULL) {
            ExFreePoolWithTag(Mailbox->Message, MAILBOX_TAG);
        }
        IoDeleteDevice(DeviceObject);
        return Status;
    }
    DeviceObject->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}
