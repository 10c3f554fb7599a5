/* SPDX-License-Identifier: Apache-2.0
 *
 * IOCTLs, reads and writes: from the user's call to the driver and back.
 *
 * This is the path every operation of a program takes, so in the steady state it allocates nothing, and one
 * call that the driver completes at once costs four atomic operations: finding the file, the file's lock
 * twice (taking a request and linking it for cancellation; undoing both), and letting go of the file.
 */
#include "wdmp.h"

#define MDL_GUARD 0x4C444D2E4F2F4921ULL

/* The user's arguments. A read or write is treated as an IOCTL whose code holds only the device's transfer
 * method. */
typedef struct _IOCTL {
    PHOST_FILE File;
    PVOID ApcContext;
    PIO_STATUS_BLOCK IoStatusBlock;
    ULONG Code;
    ULONG InputLength;
    ULONG OutputLength;
    PVOID Input;
    PVOID Output;
    UCHAR Major; /* 0: IRP_MJ_DEVICE_CONTROL */
    ULONG Key;   /* of a read or write, as the two below */
    ULONG Length;
    LARGE_INTEGER ByteOffset;
} IOCTL;

/* ---- buffers ----------------------------------------------------------------------------------------- */

static NTSTATUS MakeSystemBuffer(PHOST_REQUEST Request, const IOCTL* Ioctl, ULONG Length)
{
    PVOID buffer = Request->SmallBuffer;
    Request->SystemBufferLength = Length;
    if (Length == 0) {
        return STATUS_SUCCESS;
    }
    if (HostFailNow(HOST_TAG_BUFFER)) {
        Request->SystemBufferLength = 0;
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (HOST_ADDRESS_SANITIZER || Length > HOST_SMALL_BUFFER) {
        buffer = Request->LargeBuffer = malloc(Length);
        if (buffer == NULL) {
            Request->SystemBufferLength = 0;
            return STATUS_INSUFFICIENT_RESOURCES;
        }
    }
    if (Ioctl->InputLength != 0) {
        memcpy(buffer, Ioctl->Input, Ioctl->InputLength);
    }
    Request->Irp.AssociatedIrp.SystemBuffer = buffer;
    Request->Irp.Flags |= IRP_BUFFERED_IO;
    return STATUS_SUCCESS;
}

static void MakeMdl(PHOST_REQUEST Request, const IOCTL* Ioctl)
{
    PMDL mdl = &Request->Mdl;
    Request->MdlGuard = MDL_GUARD;
    MmInitializeMdl(mdl, Ioctl->Output, Ioctl->OutputLength);
    mdl->MdlFlags = MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA;
    if (METHOD_FROM_CTL_CODE(Ioctl->Code) == METHOD_OUT_DIRECT) {
        mdl->MdlFlags |= MDL_WRITE_OPERATION;
    }
    mdl->Process = Request->Process;
    mdl->MappedSystemVa = Ioctl->Output;
    Request->Irp.MdlAddress = mdl;
}

static NTSTATUS MakeBuffers(PHOST_REQUEST Request, const IOCTL* Ioctl)
{
    Request->SystemBufferLength = 0;
    switch (METHOD_FROM_CTL_CODE(Ioctl->Code)) {
    case METHOD_BUFFERED:
        return MakeSystemBuffer(Request, Ioctl,
                                Ioctl->InputLength > Ioctl->OutputLength ? Ioctl->InputLength
                                                                         : Ioctl->OutputLength);
    case METHOD_NEITHER:
        if (Ioctl->Major != 0) {
            return STATUS_SUCCESS;
        }
        IoGetNextIrpStackLocation(&Request->Irp)->Parameters.DeviceIoControl.Type3InputBuffer = Ioctl->Input;
        return STATUS_SUCCESS;
    default:
        if (Ioctl->OutputLength != 0) {
            if (HostFailNow(HOST_TAG_MDL)) {
                return STATUS_INSUFFICIENT_RESOURCES;
            }
            MakeMdl(Request, Ioctl);
        }
        return MakeSystemBuffer(Request, Ioctl, Ioctl->InputLength);
    }
}

/* METHOD_BUFFERED output goes to the user on success and on warnings. */
static void CopyOutput(PHOST_REQUEST Request)
{
    PIRP irp = &Request->Irp;
    if (Request->Method != METHOD_BUFFERED || Request->OutputLength == 0 || NT_ERROR(irp->IoStatus.Status)) {
        return;
    }
    ULONG_PTR length = irp->IoStatus.Information;
    if (length > Request->OutputLength) {
        length = Request->OutputLength;
    }
    if (length != 0) {
        memcpy(irp->UserBuffer, Request->LargeBuffer != NULL ? Request->LargeBuffer : Request->SmallBuffer,
               length);
    }
}

/* ---- completing -------------------------------------------------------------------------------------- */

/* Frees the MDLs that the driver attached to the IRP, and unlocks them if they are locked. */
static void FreeDriverMdls(PHOST_REQUEST Request)
{
    PMDL mdl = Request->Irp.MdlAddress;
    while (mdl != NULL) {
        PMDL next = mdl->Next;
        if (mdl != &Request->Mdl) {
            if (mdl->MdlFlags & MDL_PAGES_LOCKED) {
                MmUnlockPages(mdl);
            }
            IoFreeMdl(mdl);
        }
        mdl = next;
    }
}

static void WriteStatusBlock(PIO_STATUS_BLOCK Block, NTSTATUS Status, ULONG_PTR Information)
{
    Block->Information = Information;
    __atomic_store_n(&Block->Status, Status, __ATOMIC_RELEASE);
}

static void SignalEvent(PKEVENT Event)
{
    if (HOST_UNLIKELY(Event != NULL)) {
        KeSetEvent(Event, IO_NO_INCREMENT, FALSE);
        HostDereferenceLater(Event);
    }
}

static PHOST_PACKET FillPacket(PHOST_REQUEST Request)
{
    PHOST_PACKET packet = Request->Packet;
    PIRP irp = &Request->Irp;
    Request->Packet = NULL;
    packet->Information.KeyContext = Request->File->Completion.Key;
    packet->Information.ApcContext = irp->Overlay.AsynchronousParameters.UserApcContext;
    packet->Information.IoStatusBlock.Status = irp->IoStatus.Status;
    packet->Information.IoStatusBlock.Information = irp->IoStatus.Information;
    return packet;
}

/* Reports completion through the status block, the event and a packet. As on Windows, a request that failed
 * in the dispatch routine without having been marked pending is reported by the call's return value alone. */
static void Publish(PHOST_REQUEST Request, BOOLEAN Reuse)
{
    PIRP irp = &Request->Irp;
    PIO_STATUS_BLOCK block = irp->UserIosb;
    IO_STATUS_BLOCK result = irp->IoStatus;
    PKEVENT event = Request->Event;
    PHOST_PORT port = Request->Port;
    PEPROCESS process = Request->Process;
    BOOLEAN silent = (BOOLEAN)(NT_ERROR(result.Status) && !Request->Pended);
    PHOST_PACKET packet = NULL;

    CopyOutput(Request);
    FreeDriverMdls(Request);
    if (port != NULL && !silent) {
        packet = FillPacket(Request);
    }
    HostRetireRequest(Request, TRUE, Reuse);
    if (!silent) {
        WriteStatusBlock(block, result.Status, result.Information);
        SignalEvent(event);
    } else if (event != NULL) {
        HostDereferenceLater(event);
    }
    if (packet != NULL) {
        HostPostPacket(port, packet);
    }
    HostDereferenceProcess(process);
}

/* The request completed before the call returned, and the file is in inline mode: the call's return value
 * reports it. */
static NTSTATUS FinishInline(PHOST_REQUEST Request)
{
    PHOST_FILE file = Request->File;
    IO_STATUS_BLOCK result = Request->Irp.IoStatus;
    PIO_STATUS_BLOCK block = Request->Irp.UserIosb;
    PKEVENT event = Request->Event;
    PEPROCESS process = Request->Process;

    CopyOutput(Request);
    if (HOST_UNLIKELY(Request->Irp.MdlAddress != NULL)) {
        FreeDriverMdls(Request);
    }
    HostRetireRequest(Request, TRUE, TRUE);
    block->Status = result.Status;
    block->Information = result.Information;
    SignalEvent(event);
    HostDereferenceProcess(process);
    HostDereference(file);
    return result.Status;
}

static void CompleteInlineMode(PHOST_REQUEST Request)
{
    PHOST_FILE file = Request->File;
    LONG old = __atomic_fetch_or(&Request->State, HOST_REQUEST_COMPLETED, __ATOMIC_ACQ_REL);
    if (old & HOST_REQUEST_RETURNED) {
        Publish(Request, TRUE);
        HostDereferenceLater(file);
    }
}

static void CompletePortMode(PHOST_REQUEST Request)
{
    PHOST_FILE file = Request->File;
    if (__atomic_load_n(&Request->State, __ATOMIC_ACQUIRE) & HOST_REQUEST_RETURNED) {
        Publish(Request, TRUE);
        HostDereferenceLater(file);
        return;
    }
    Publish(Request, FALSE);
    LONG old = __atomic_fetch_or(&Request->State, HOST_REQUEST_COMPLETED, __ATOMIC_ACQ_REL);
    if (old & HOST_REQUEST_RETURNED) {
        HostRetireRequest(Request, FALSE, TRUE);
        HostDereferenceLater(file);
    }
}

void HostCompleteRequest(PHOST_REQUEST Request)
{
    Request->FinalStatus = Request->Irp.IoStatus.Status;
    Request->Pended = Request->Irp.PendingReturned;
    if (Request->Synchronous) {
        KeSetEvent(&Request->Done, IO_NO_INCREMENT, FALSE);
    } else if (Request->Sender == &HostThread && Request->InDispatch) {
        if (!Request->InlineMode) {
            Publish(Request, FALSE);
        }
        Request->CompletedHere = TRUE;
    } else if (Request->InlineMode) {
        CompleteInlineMode(Request);
    } else {
        CompletePortMode(Request);
    }
}

/* ---- sending ----------------------------------------------------------------------------------------- */

static void FillIrp(PHOST_REQUEST Request, const IOCTL* Ioctl)
{
    PIRP irp = &Request->Irp;
    HostPrepareIrp(irp, Request->StackSize, HOST_IRP_IO_MANAGER);
    irp->RequestorMode = UserMode;
    irp->UserIosb = Ioctl->IoStatusBlock;
    irp->UserBuffer = Ioctl->Output;
    irp->UserEvent = Request->Event;
    irp->Overlay.AsynchronousParameters.UserApcContext = Ioctl->ApcContext;
    irp->Tail.Overlay.Thread = HostCurrentThread();
    irp->Tail.Overlay.OriginalFileObject = &Ioctl->File->Object;
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->FileObject = &Ioctl->File->Object;
    if (HOST_UNLIKELY(Ioctl->Major != 0)) {
        stack->MajorFunction = Ioctl->Major;
        stack->Parameters.Read.Length = Ioctl->Length; /* Write has the same layout */
        stack->Parameters.Read.Key = Ioctl->Key;
        stack->Parameters.Read.ByteOffset = Ioctl->ByteOffset;
        return;
    }
    stack->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    stack->Parameters.DeviceIoControl.IoControlCode = Ioctl->Code;
    stack->Parameters.DeviceIoControl.InputBufferLength = Ioctl->InputLength;
    stack->Parameters.DeviceIoControl.OutputBufferLength = Ioctl->OutputLength;
}

static NTSTATUS FillRequest(PHOST_REQUEST Request, const IOCTL* Ioctl, PKEVENT Event)
{
    PHOST_FILE file = Ioctl->File;
    PIO_COMPLETION_CONTEXT completion = __atomic_load_n(&file->Object.CompletionContext, __ATOMIC_ACQUIRE);

    Request->File = file;
    Request->Event = Event;
    Request->Process = HostCurrentProcess();
    Request->Sender = &HostThread;
    Request->Retired = FALSE;
    Request->CompletedHere = FALSE;
    Request->InlineMode = __atomic_load_n(&file->InlineCompletion, __ATOMIC_RELAXED);
    Request->Method = (UCHAR)METHOD_FROM_CTL_CODE(Ioctl->Code);
    Request->InputLength = Ioctl->InputLength;
    Request->OutputLength = Ioctl->OutputLength;
    Request->Port = completion != NULL && Ioctl->ApcContext != NULL ? completion->Port : NULL;
    FillIrp(Request, Ioctl);
    if (Request->Port != NULL && Request->Packet == NULL) {
        Request->Packet = HostTakePacket(Request->Port);
        if (Request->Packet == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
    }
    return MakeBuffers(Request, Ioctl);
}

static NTSTATUS Send(PHOST_REQUEST Request, PHOST_FILE File)
{
    HostReferenceProcess(Request->Process);
    Request->InDispatch = TRUE;
    __atomic_store_n(&Request->State, HOST_REQUEST_READY, __ATOMIC_RELEASE);
    NTSTATUS status = IofCallDriver(File->Object.DeviceObject, &Request->Irp);

    /* Unless this thread completed it, the request may be reused as soon as RETURNED is set. */
    Request->InDispatch = FALSE;
    if (!Request->CompletedHere) {
        LONG old = __atomic_fetch_or(&Request->State, HOST_REQUEST_RETURNED, __ATOMIC_ACQ_REL);
        if ((old & HOST_REQUEST_COMPLETED) == 0) {
            HostCheckDispatch(Request, status, FALSE);
            return STATUS_PENDING;
        }
    }
    HostCheckDispatch(Request, status, TRUE);
    if (Request->InlineMode) {
        return FinishInline(Request);
    }
    HostRetireRequest(Request, FALSE, TRUE);
    HostDereference(File);
    return status;
}

/* Takes over the caller's reference to the file. */
static NTSTATUS Control(const IOCTL* Ioctl, PKEVENT Event)
{
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    PHOST_REQUEST request = HostTakeRequest(Ioctl->File);
    if (request != NULL) {
        status = FillRequest(request, Ioctl, Event);
        if (HOST_LIKELY(NT_SUCCESS(status))) {
            return Send(request, Ioctl->File);
        }
        HostRetireRequest(request, TRUE, TRUE);
    }
    if (Event != NULL) {
        HostDereference(Event);
    }
    HostDereference(Ioctl->File);
    return status;
}

static BOOLEAN AreBuffersValid(const IOCTL* Ioctl)
{
    if (Ioctl->IoStatusBlock == NULL) {
        return FALSE;
    }
    return (BOOLEAN)(METHOD_FROM_CTL_CODE(Ioctl->Code) == METHOD_NEITHER ||
                     ((Ioctl->InputLength == 0 || Ioctl->Input != NULL) &&
                      (Ioctl->OutputLength == 0 || Ioctl->Output != NULL)));
}

NTSTATUS NtDeviceIoControlFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext,
                               PIO_STATUS_BLOCK IoStatusBlock, ULONG IoControlCode, PVOID InputBuffer,
                               ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength)
{
    IOCTL ioctl = {.ApcContext = ApcContext,
                   .IoStatusBlock = IoStatusBlock,
                   .Code = IoControlCode,
                   .InputLength = InputBufferLength,
                   .OutputLength = OutputBufferLength,
                   .Input = InputBuffer,
                   .Output = OutputBuffer};
    PKEVENT event = NULL;

    if (HOST_UNLIKELY(HostThread.Irql != PASSIVE_LEVEL)) {
        HostBugcheck(IRQL_GT_ZERO_AT_SYSTEM_SERVICE, HostThread.Irql, 0, 0, 0,
                     "NtDeviceIoControlFile was called at IRQL %u.", HostThread.Irql);
    }
    if (ApcRoutine != NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!AreBuffersValid(&ioctl)) {
        return STATUS_INVALID_USER_BUFFER;
    }
    ioctl.File = HostReferenceHandle(FileHandle, &HostFileType, HostCurrentProcess());
    if (HOST_UNLIKELY(ioctl.File == NULL)) {
        return STATUS_INVALID_HANDLE;
    }
    /* The access bits of a code have the values of FILE_READ_DATA and FILE_WRITE_DATA. */
    if (HOST_UNLIKELY((IoControlCode >> 14 & 3) & ~ioctl.File->Granted)) {
        HostDereference(ioctl.File);
        return STATUS_ACCESS_DENIED;
    }
    if (Event != NULL) {
        event = HostReferenceHandle(Event, &HostEventType, HostCurrentProcess());
        if (event == NULL) {
            HostDereference(ioctl.File);
            return STATUS_INVALID_HANDLE;
        }
        KeClearEvent(event);
    }
    return Control(&ioctl, event);
}

/* ---- reading and writing ----------------------------------------------------------------------------- */

static ULONG TransferMethod(const IOCTL* Ioctl)
{
    ULONG flags = Ioctl->File->Object.DeviceObject->Flags;
    if (flags & DO_BUFFERED_IO) {
        return METHOD_BUFFERED;
    }
    if ((flags & DO_DIRECT_IO) == 0) {
        return METHOD_NEITHER;
    }
    return Ioctl->Major == IRP_MJ_READ ? METHOD_OUT_DIRECT : METHOD_IN_DIRECT;
}

static NTSTATUS Transfer(UCHAR Major, HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext,
                         PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length,
                         PLARGE_INTEGER ByteOffset, PULONG Key)
{
    IOCTL ioctl = {
        .ApcContext = ApcContext, .IoStatusBlock = IoStatusBlock, .Major = Major, .Length = Length};
    PKEVENT event = NULL;
    ACCESS_MASK access = Major == IRP_MJ_READ ? FILE_READ_DATA : FILE_WRITE_DATA | FILE_APPEND_DATA;

    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (ApcRoutine != NULL || ByteOffset == NULL || IoStatusBlock == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    ioctl.ByteOffset = *ByteOffset;
    ioctl.Key = Key != NULL ? *Key : 0;
    ioctl.File = HostReferenceHandle(FileHandle, &HostFileType, HostCurrentProcess());
    if (ioctl.File == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    ioctl.Code = TransferMethod(&ioctl);
    if (Major == IRP_MJ_WRITE && ioctl.Code == METHOD_BUFFERED) {
        ioctl.Input = Buffer;
        ioctl.InputLength = Length;
    } else {
        ioctl.Output = Buffer;
        ioctl.OutputLength = Length;
    }
    NTSTATUS status = !AreBuffersValid(&ioctl)              ? STATUS_INVALID_USER_BUFFER
                      : (ioctl.File->Granted & access) == 0 ? STATUS_ACCESS_DENIED
                                                            : STATUS_SUCCESS;
    if (NT_SUCCESS(status) && Event != NULL) {
        event = HostReferenceHandle(Event, &HostEventType, HostCurrentProcess());
        status = event != NULL ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
    }
    if (!NT_SUCCESS(status)) {
        HostDereference(ioctl.File);
        return status;
    }
    if (event != NULL) {
        KeClearEvent(event);
    }
    return Control(&ioctl, event);
}

NTSTATUS NtReadFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext,
                    PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
                    PULONG Key)
{
    return Transfer(IRP_MJ_READ, FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, Buffer, Length,
                    ByteOffset, Key);
}

NTSTATUS NtWriteFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext,
                     PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
                     PULONG Key)
{
    return Transfer(IRP_MJ_WRITE, FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, Buffer, Length,
                    ByteOffset, Key);
}
