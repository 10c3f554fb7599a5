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
    PVOID Buffer = Request->SmallBuffer;
    Request->SystemBufferLength = Length;
    if (Length == 0) {
        return STATUS_SUCCESS;
    }
    if (HostFailNow(HOST_TAG_BUFFER)) {
        Request->SystemBufferLength = 0;
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (HOST_ADDRESS_SANITIZER || Length > HOST_SMALL_BUFFER) {
        Buffer = Request->LargeBuffer = malloc(Length);
        if (Buffer == NULL) {
            Request->SystemBufferLength = 0;
            return STATUS_INSUFFICIENT_RESOURCES;
        }
    }
    if (Ioctl->InputLength != 0) {
        memcpy(Buffer, Ioctl->Input, Ioctl->InputLength);
    }
    Request->Irp.AssociatedIrp.SystemBuffer = Buffer;
    Request->Irp.Flags |= IRP_BUFFERED_IO;
    return STATUS_SUCCESS;
}

static void MakeMdl(PHOST_REQUEST Request, const IOCTL* Ioctl)
{
    PMDL Mdl = &Request->Mdl;
    Request->MdlGuard = MDL_GUARD;
    MmInitializeMdl(Mdl, Ioctl->Output, Ioctl->OutputLength);
    Mdl->MdlFlags = MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA;
    if (METHOD_FROM_CTL_CODE(Ioctl->Code) == METHOD_OUT_DIRECT) {
        Mdl->MdlFlags |= MDL_WRITE_OPERATION;
    }
    Mdl->Process = Request->Process;
    Mdl->MappedSystemVa = Ioctl->Output;
    Request->Irp.MdlAddress = Mdl;
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
    PIRP Irp = &Request->Irp;
    if (Request->Method != METHOD_BUFFERED || Request->OutputLength == 0 || NT_ERROR(Irp->IoStatus.Status)) {
        return;
    }
    ULONG_PTR Length = Irp->IoStatus.Information;
    if (Length > Request->OutputLength) {
        Length = Request->OutputLength;
    }
    if (Length != 0) {
        memcpy(Irp->UserBuffer, Request->LargeBuffer != NULL ? Request->LargeBuffer : Request->SmallBuffer,
               Length);
    }
}

/* ---- completing -------------------------------------------------------------------------------------- */

/* Frees the MDLs that the driver attached to the IRP, and unlocks them if they are locked. */
static void FreeDriverMdls(PHOST_REQUEST Request)
{
    PMDL Mdl = Request->Irp.MdlAddress;
    while (Mdl != NULL) {
        PMDL Next = Mdl->Next;
        if (Mdl != &Request->Mdl) {
            if (Mdl->MdlFlags & MDL_PAGES_LOCKED) {
                MmUnlockPages(Mdl);
            }
            IoFreeMdl(Mdl);
        }
        Mdl = Next;
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
    PHOST_PACKET Packet = Request->Packet;
    PIRP Irp = &Request->Irp;
    Request->Packet = NULL;
    Packet->Information.KeyContext = Request->File->Completion.Key;
    Packet->Information.ApcContext = Irp->Overlay.AsynchronousParameters.UserApcContext;
    Packet->Information.IoStatusBlock.Status = Irp->IoStatus.Status;
    Packet->Information.IoStatusBlock.Information = Irp->IoStatus.Information;
    return Packet;
}

/* Reports completion through the status block, the event and a packet. As on Windows, a request that failed
 * in the dispatch routine without having been marked pending is reported by the call's return value alone. */
static void Publish(PHOST_REQUEST Request, BOOLEAN Reuse)
{
    PIRP Irp = &Request->Irp;
    PIO_STATUS_BLOCK Block = Irp->UserIosb;
    IO_STATUS_BLOCK Result = Irp->IoStatus;
    PKEVENT Event = Request->Event;
    PHOST_PORT Port = Request->Port;
    PEPROCESS Process = Request->Process;
    BOOLEAN Silent = (BOOLEAN)(NT_ERROR(Result.Status) && !Request->Pended);
    PHOST_PACKET Packet = NULL;

    CopyOutput(Request);
    FreeDriverMdls(Request);
    if (Port != NULL && !Silent) {
        Packet = FillPacket(Request);
    }
    HostRetireRequest(Request, TRUE, Reuse);
    if (!Silent) {
        WriteStatusBlock(Block, Result.Status, Result.Information);
        SignalEvent(Event);
    } else if (Event != NULL) {
        HostDereferenceLater(Event);
    }
    if (Packet != NULL) {
        HostPostPacket(Port, Packet);
    }
    HostDereferenceProcess(Process);
}

/* The request completed before the call returned, and the file is in inline mode: the call's return value
 * reports it. */
static NTSTATUS FinishInline(PHOST_REQUEST Request)
{
    PHOST_FILE File = Request->File;
    IO_STATUS_BLOCK Result = Request->Irp.IoStatus;
    PIO_STATUS_BLOCK Block = Request->Irp.UserIosb;
    PKEVENT Event = Request->Event;
    PEPROCESS Process = Request->Process;

    CopyOutput(Request);
    if (HOST_UNLIKELY(Request->Irp.MdlAddress != NULL)) {
        FreeDriverMdls(Request);
    }
    HostRetireRequest(Request, TRUE, TRUE);
    Block->Status = Result.Status;
    Block->Information = Result.Information;
    SignalEvent(Event);
    HostDereferenceProcess(Process);
    HostDereference(File);
    return Result.Status;
}

static void CompleteInlineMode(PHOST_REQUEST Request)
{
    PHOST_FILE File = Request->File;
    LONG Old = __atomic_fetch_or(&Request->State, HOST_REQUEST_COMPLETED, __ATOMIC_ACQ_REL);
    if (Old & HOST_REQUEST_RETURNED) {
        Publish(Request, TRUE);
        HostDereferenceLater(File);
    }
}

static void CompletePortMode(PHOST_REQUEST Request)
{
    PHOST_FILE File = Request->File;
    if (__atomic_load_n(&Request->State, __ATOMIC_ACQUIRE) & HOST_REQUEST_RETURNED) {
        Publish(Request, TRUE);
        HostDereferenceLater(File);
        return;
    }
    Publish(Request, FALSE);
    LONG Old = __atomic_fetch_or(&Request->State, HOST_REQUEST_COMPLETED, __ATOMIC_ACQ_REL);
    if (Old & HOST_REQUEST_RETURNED) {
        HostRetireRequest(Request, FALSE, TRUE);
        HostDereferenceLater(File);
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
    PIRP Irp = &Request->Irp;
    HostPrepareIrp(Irp, Request->StackSize, HOST_IRP_IO_MANAGER);
    Irp->RequestorMode = UserMode;
    Irp->UserIosb = Ioctl->IoStatusBlock;
    Irp->UserBuffer = Ioctl->Output;
    Irp->UserEvent = Request->Event;
    Irp->Overlay.AsynchronousParameters.UserApcContext = Ioctl->ApcContext;
    Irp->Tail.Overlay.Thread = HostCurrentThread();
    Irp->Tail.Overlay.OriginalFileObject = &Ioctl->File->Object;
    PIO_STACK_LOCATION Stack = IoGetNextIrpStackLocation(Irp);
    Stack->FileObject = &Ioctl->File->Object;
    if (HOST_UNLIKELY(Ioctl->Major != 0)) {
        Stack->MajorFunction = Ioctl->Major;
        Stack->Parameters.Read.Length = Ioctl->Length; /* Write has the same layout */
        Stack->Parameters.Read.Key = Ioctl->Key;
        Stack->Parameters.Read.ByteOffset = Ioctl->ByteOffset;
        return;
    }
    Stack->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    Stack->Parameters.DeviceIoControl.IoControlCode = Ioctl->Code;
    Stack->Parameters.DeviceIoControl.InputBufferLength = Ioctl->InputLength;
    Stack->Parameters.DeviceIoControl.OutputBufferLength = Ioctl->OutputLength;
}

static NTSTATUS FillRequest(PHOST_REQUEST Request, const IOCTL* Ioctl, PKEVENT Event)
{
    PHOST_FILE File = Ioctl->File;
    PIO_COMPLETION_CONTEXT Completion = __atomic_load_n(&File->Object.CompletionContext, __ATOMIC_ACQUIRE);

    Request->File = File;
    Request->Event = Event;
    Request->Process = HostCurrentProcess();
    Request->Sender = &HostThread;
    Request->Retired = FALSE;
    Request->CompletedHere = FALSE;
    Request->InlineMode = __atomic_load_n(&File->InlineCompletion, __ATOMIC_RELAXED);
    Request->Method = (UCHAR)METHOD_FROM_CTL_CODE(Ioctl->Code);
    Request->InputLength = Ioctl->InputLength;
    Request->OutputLength = Ioctl->OutputLength;
    Request->Port = Completion != NULL && Ioctl->ApcContext != NULL ? Completion->Port : NULL;
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
    NTSTATUS Status = IofCallDriver(File->Object.DeviceObject, &Request->Irp);

    /* Unless this thread completed it, the request may be reused as soon as RETURNED is set. */
    Request->InDispatch = FALSE;
    if (!Request->CompletedHere) {
        LONG Old = __atomic_fetch_or(&Request->State, HOST_REQUEST_RETURNED, __ATOMIC_ACQ_REL);
        if ((Old & HOST_REQUEST_COMPLETED) == 0) {
            HostCheckDispatch(Request, Status, FALSE);
            return STATUS_PENDING;
        }
    }
    HostCheckDispatch(Request, Status, TRUE);
    if (Request->InlineMode) {
        return FinishInline(Request);
    }
    HostRetireRequest(Request, FALSE, TRUE);
    HostDereference(File);
    return Status;
}

/* Takes over the caller's reference to the file. */
static NTSTATUS Control(const IOCTL* Ioctl, PKEVENT Event)
{
    NTSTATUS Status = STATUS_INSUFFICIENT_RESOURCES;
    PHOST_REQUEST Request = HostTakeRequest(Ioctl->File);
    if (Request != NULL) {
        Status = FillRequest(Request, Ioctl, Event);
        if (HOST_LIKELY(NT_SUCCESS(Status))) {
            return Send(Request, Ioctl->File);
        }
        HostRetireRequest(Request, TRUE, TRUE);
    }
    if (Event != NULL) {
        HostDereference(Event);
    }
    HostDereference(Ioctl->File);
    return Status;
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
    IOCTL Ioctl = {.ApcContext = ApcContext,
                   .IoStatusBlock = IoStatusBlock,
                   .Code = IoControlCode,
                   .InputLength = InputBufferLength,
                   .OutputLength = OutputBufferLength,
                   .Input = InputBuffer,
                   .Output = OutputBuffer};
    PKEVENT Signalled = NULL;

    if (HOST_UNLIKELY(HostThread.Irql != PASSIVE_LEVEL)) {
        HostBugcheck(IRQL_GT_ZERO_AT_SYSTEM_SERVICE, HostThread.Irql, 0, 0, 0,
                     "NtDeviceIoControlFile was called at IRQL %u.", HostThread.Irql);
    }
    if (ApcRoutine != NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!AreBuffersValid(&Ioctl)) {
        return STATUS_INVALID_USER_BUFFER;
    }
    Ioctl.File = HostReferenceHandle(FileHandle, &HostFileType, HostCurrentProcess());
    if (HOST_UNLIKELY(Ioctl.File == NULL)) {
        return STATUS_INVALID_HANDLE;
    }
    /* The access bits of a code have the values of FILE_READ_DATA and FILE_WRITE_DATA. */
    if (HOST_UNLIKELY((IoControlCode >> 14 & 3) & ~Ioctl.File->Granted)) {
        HostDereference(Ioctl.File);
        return STATUS_ACCESS_DENIED;
    }
    if (Event != NULL) {
        Signalled = HostReferenceHandle(Event, &HostEventType, HostCurrentProcess());
        if (Signalled == NULL) {
            HostDereference(Ioctl.File);
            return STATUS_INVALID_HANDLE;
        }
        KeClearEvent(Signalled);
    }
    return Control(&Ioctl, Signalled);
}

/* ---- reading and writing ----------------------------------------------------------------------------- */

static ULONG TransferMethod(const IOCTL* Ioctl)
{
    ULONG Flags = Ioctl->File->Object.DeviceObject->Flags;
    if (Flags & DO_BUFFERED_IO) {
        return METHOD_BUFFERED;
    }
    if ((Flags & DO_DIRECT_IO) == 0) {
        return METHOD_NEITHER;
    }
    return Ioctl->Major == IRP_MJ_READ ? METHOD_OUT_DIRECT : METHOD_IN_DIRECT;
}

static NTSTATUS Transfer(UCHAR Major, HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext,
                         PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length,
                         PLARGE_INTEGER ByteOffset, PULONG Key)
{
    IOCTL Ioctl = {
        .ApcContext = ApcContext, .IoStatusBlock = IoStatusBlock, .Major = Major, .Length = Length};
    PKEVENT Signalled = NULL;
    ACCESS_MASK Access = Major == IRP_MJ_READ ? FILE_READ_DATA : FILE_WRITE_DATA | FILE_APPEND_DATA;

    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (ApcRoutine != NULL || ByteOffset == NULL || IoStatusBlock == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    Ioctl.ByteOffset = *ByteOffset;
    Ioctl.Key = Key != NULL ? *Key : 0;
    Ioctl.File = HostReferenceHandle(FileHandle, &HostFileType, HostCurrentProcess());
    if (Ioctl.File == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    Ioctl.Code = TransferMethod(&Ioctl);
    if (Major == IRP_MJ_WRITE && Ioctl.Code == METHOD_BUFFERED) {
        Ioctl.Input = Buffer;
        Ioctl.InputLength = Length;
    } else {
        Ioctl.Output = Buffer;
        Ioctl.OutputLength = Length;
    }
    NTSTATUS Status = !AreBuffersValid(&Ioctl)              ? STATUS_INVALID_USER_BUFFER
                      : (Ioctl.File->Granted & Access) == 0 ? STATUS_ACCESS_DENIED
                                                            : STATUS_SUCCESS;
    if (NT_SUCCESS(Status) && Event != NULL) {
        Signalled = HostReferenceHandle(Event, &HostEventType, HostCurrentProcess());
        Status = Signalled != NULL ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
    }
    if (!NT_SUCCESS(Status)) {
        HostDereference(Ioctl.File);
        return Status;
    }
    if (Signalled != NULL) {
        KeClearEvent(Signalled);
    }
    return Control(&Ioctl, Signalled);
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
