/* SPDX-License-Identifier: Apache-2.0
 *
 * Socket blocks: references, the call guard, state changes, and closing, which no thread waits for. The rules
 * are in socket.h.
 */
#include "batch.h"
#include "linger.h"
#include "trace.h"

#define GUARD_CLOSING ((LONG)0x80000000)

static IO_COMPLETION_ROUTINE CloseCompleted;
static IO_WORKITEM_ROUTINE CloseWorkRoutine;

/* ---- categories -------------------------------------------------------------------------------------- */

_Use_decl_annotations_ const WSKB_CATEGORY* WskbFindCategory(ULONG Category)
{
    static const WSKB_CATEGORY Datagram = {SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET,
                                           &WskbDatagramEvents};
    static const WSKB_CATEGORY Connection = {SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_CONNECTION_SOCKET,
                                             &WskbConnectionEvents};
    static const WSKB_CATEGORY Listen = {SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_LISTEN_SOCKET, NULL};
    switch (Category) {
    case WSKB_CATEGORY_DATAGRAM:
        return &Datagram;
    case WSKB_CATEGORY_CONNECTION:
        return &Connection;
    case WSKB_CATEGORY_LISTEN:
        return &Listen;
    }
    return NULL;
}

/* ---- references -------------------------------------------------------------------------------------- */

_Use_decl_annotations_ NTSTATUS WskbSocketPrepareIrp(PWSKB_SOCKET Socket, PWSKB_OWN_IRP Own,
                                                     PIO_COMPLETION_ROUTINE Routine)
{
    PDEVICE_OBJECT Device = WdfDeviceWdmGetDeviceObject(Socket->Driver->Device);
    PIRP Irp = WskbInitializeIrp(Own->Storage, sizeof(Own->Storage));
    NTSTATUS Status = IoSetCompletionRoutineEx(Device, Irp, Routine, Socket, TRUE, TRUE, TRUE);
    if (NT_SUCCESS(Status)) {
        Own->Irp = Irp;
    } else {
        WskbCleanUpIrp(Socket->Driver, Irp);
    }
    return Status;
}

_Use_decl_annotations_ VOID WskbSocketDiscardIrp(PWSKB_SOCKET Socket, PWSKB_OWN_IRP Own)
{
    if (Own->Irp != NULL && !Own->Sent) {
        IoSetNextIrpStackLocation(Own->Irp);
        Own->Irp->IoStatus.Status = STATUS_CANCELLED;
        IoCompleteRequest(Own->Irp, IO_NO_INCREMENT);
    }
    if (Own->Irp != NULL) {
        WskbCleanUpIrp(Socket->Driver, Own->Irp);
    }
}

static NTSTATUS PrepareClose(PWSKB_SOCKET Socket)
{
    Socket->CloseWorkItem = IoAllocateWorkItem(WdfDeviceWdmGetDeviceObject(Socket->Driver->Device));
    if (Socket->CloseWorkItem == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return WskbSocketPrepareIrp(Socket, &Socket->Close, CloseCompleted);
}

static VOID DiscardClose(PWSKB_SOCKET Socket)
{
    WskbSocketDiscardIrp(Socket, &Socket->Close);
    if (Socket->CloseWorkItem != NULL) {
        IoFreeWorkItem(Socket->CloseWorkItem);
    }
}

static NTSTATUS PrepareCategory(PWSKB_SOCKET Socket)
{
    switch (Socket->Category) {
    case WSKB_CATEGORY_DATAGRAM:
        WskbRingInitialize(&Socket->Datagram.Ring);
        return STATUS_SUCCESS;
    case WSKB_CATEGORY_CONNECTION:
        WskbWaitsInitialize(&Socket->Connection.Waiting);
        return WskbLingerPrepare(Socket);
    case WSKB_CATEGORY_LISTEN:
        InitializeListHead(&Socket->Listen.Unclaimed);
        return STATUS_SUCCESS;
    }
    return STATUS_INVALID_PARAMETER;
}

static VOID DiscardCategory(PWSKB_SOCKET Socket)
{
    switch (Socket->Category) {
    case WSKB_CATEGORY_DATAGRAM:
        break;
    case WSKB_CATEGORY_CONNECTION:
        WskbLingerDiscard(Socket);
        break;
    case WSKB_CATEGORY_LISTEN:
        NT_ASSERT(IsListEmpty(&Socket->Listen.Unclaimed));
        break;
    }
}

static VOID FreeBlock(PWSKB_SOCKET Socket)
{
    DiscardClose(Socket);
    DiscardCategory(Socket);
    ExFreePoolWithTag(Socket, WSKB_TAG_SOCKET);
}

_Use_decl_annotations_ NTSTATUS WskbSocketAllocate(PWSKB_DRIVER Driver, PEPROCESS Process, USHORT Category,
                                                   USHORT Family, PWSKB_SOCKET* Socket)
{
    PWSKB_SOCKET New = WskbAllocateZeroed(sizeof(*New), WSKB_TAG_SOCKET);
    *Socket = NULL;
    if (New == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    New->Driver = Driver;
    New->References = 1;
    New->Number = (ULONG)InterlockedIncrement(&Driver->LastSocket);
    New->Category = Category;
    New->Family = Family;
    New->State = WskbNew;
    New->SendBuffer = (LONG)WSKB_MAXIMUM_BYTES;
    KeInitializeSpinLock(&New->Lock);
    InitializeListHead(&New->InFlight);
    for (ULONG Direction = 0; Direction < WskbDirections; Direction++) {
        InitializeListHead(&New->Directions[Direction].Completed);
    }
    NTSTATUS Status = PrepareCategory(New);
    if (NT_SUCCESS(Status)) {
        Status = PrepareClose(New);
    }
    if (NT_SUCCESS(Status)) {
        Status = WskbProcessAddSocket(Driver, Process, &New->Process);
    }
    if (!NT_SUCCESS(Status)) {
        FreeBlock(New);
        return Status;
    }
    *Socket = New;
    return STATUS_SUCCESS;
}

_Use_decl_annotations_ VOID WskbSocketDereference(PWSKB_SOCKET Socket)
{
    if (InterlockedDecrement(&Socket->References) == 0) {
        if (Socket->Category == WSKB_CATEGORY_DATAGRAM) {
            WskbBatchDiscard(Socket); /* counts for the process too */
        }
        WskbProcessRemoveSocket(Socket->Driver, Socket->Process);
        FreeBlock(Socket);
    }
}

_Use_decl_annotations_ VOID WskbSocketOpened(PWSKB_SOCKET Socket, PWSK_SOCKET WskSocket,
                                             PFILE_OBJECT FileObject, WSKB_SOCKET_STATE State)
{
    InterlockedIncrement(&Socket->References);
    InterlockedIncrement(&Socket->Driver->Counters.OpenSockets);
    ObReferenceObject(FileObject);
    Socket->FileObject = FileObject; /* no lock: no other thread knows the socket yet */
    Socket->WskSocket = WskSocket;
    Socket->Wsk.Basic = WskSocket->Dispatch;
    WskbSocketSetState(Socket, State);
    WskbTraceSocket(WskbTraceVerbose, Socket, "opened", STATUS_SUCCESS);
}

_Use_decl_annotations_ PFILE_OBJECT WskbSocketMoveToFileLocked(PWSKB_SOCKET Socket, PFILE_OBJECT FileObject)
{
    PFILE_OBJECT Before = Socket->FileObject;
    if (Before != NULL) {
        ObReferenceObject(FileObject);
        Socket->FileObject = FileObject;
    }
    return Before;
}

static PFILE_OBJECT LeaveFile(PWSKB_SOCKET Socket)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Driver->Lock, &Irql);
    PFILE_OBJECT FileObject = Socket->FileObject;
    Socket->FileObject = NULL;
    KeReleaseSpinLock(&Socket->Driver->Lock, Irql);
    return FileObject;
}

/* ---- closing ----------------------------------------------------------------------------------------- */

_Use_decl_annotations_ static NTSTATUS CloseCompleted(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    PWSKB_SOCKET Socket = Context;

    UNREFERENCED_PARAMETER(DeviceObject);
    _Analysis_assume_(Socket != NULL);
    if (!Socket->Close.Sent) {
        return STATUS_MORE_PROCESSING_REQUIRED; /* called by DiscardClose: WSK never got the IRP */
    }
    WskbTraceSocket(NT_SUCCESS(Irp->IoStatus.Status) ? WskbTraceVerbose : WskbTraceWarning, Socket, "closed",
                    Irp->IoStatus.Status);
    InterlockedIncrement64(&Socket->Driver->Counters.CompletedIrps);
    InterlockedDecrement(&Socket->Driver->Counters.OpenSockets);
    PFILE_OBJECT FileObject = LeaveFile(Socket);
    WskbSocketDereference(Socket);
    ObDereferenceObjectDeferDelete(FileObject); /* last: the driver may be unloaded from here on */
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Called once, when CLOSING is set and no call is executing. The block may be freed when this returns. */
static VOID StartClose(PWSKB_SOCKET Socket)
{
    if (Socket->WskSocket == NULL) {
        return;
    }
    InterlockedIncrement64(&Socket->Driver->Counters.StartedIrps);
    Socket->Close.Sent = TRUE;
    (VOID) Socket->Wsk.Basic->WskCloseSocket(Socket->WskSocket, Socket->Close.Irp);
}

_Use_decl_annotations_ static VOID CloseWorkRoutine(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PWSKB_SOCKET Socket = Context;

    UNREFERENCED_PARAMETER(DeviceObject);
    _Analysis_assume_(Socket != NULL);
    if (Socket->DrainNext) {
        Socket->DrainNext = FALSE;
        WskbLingerDrain(Socket);
    } else {
        StartClose(Socket);
    }
}

_Use_decl_annotations_ VOID WskbSocketDrainInWorkItem(PWSKB_SOCKET Socket)
{
    Socket->DrainNext = TRUE;
    IoQueueWorkItem(Socket->CloseWorkItem, CloseWorkRoutine, DelayedWorkQueue, Socket);
}

static VOID StartCloseInWorkItem(PWSKB_SOCKET Socket)
{
    if (Socket->WskSocket != NULL) {
        IoQueueWorkItem(Socket->CloseWorkItem, CloseWorkRoutine, DelayedWorkQueue, Socket);
    }
}

_Use_decl_annotations_ BOOLEAN WskbSocketForbidCalls(PWSKB_SOCKET Socket)
{
    return InterlockedOr(&Socket->Guard, GUARD_CLOSING) == 0;
}

static VOID Close(PWSKB_SOCKET Socket)
{
    BOOLEAN Start = WskbSocketForbidCalls(Socket);
    if (Socket->Category == WSKB_CATEGORY_LISTEN) {
        WskbListenerCloseUnclaimed(Socket);
    }
    WskbOperationCancelAll(Socket);
    if (Start) {
        StartClose(Socket);
    }
}

_Use_decl_annotations_ VOID WskbSocketClose(PWSKB_SOCKET Socket)
{
    if (Socket->Category == WSKB_CATEGORY_CONNECTION) {
        WskbWaitsEnd(Socket, STATUS_CANCELLED);
    } else if (Socket->Category == WSKB_CATEGORY_DATAGRAM) {
        WskbBatchEnd(Socket, STATUS_CANCELLED); /* a request that is just coming must not wait either */
    }
    if (Socket->Category != WSKB_CATEGORY_CONNECTION || !WskbLingerBegin(Socket)) {
        Close(Socket);
    }
}

_Use_decl_annotations_ VOID WskbSocketCloseInCompletion(PWSKB_SOCKET Socket)
{
    if (WskbSocketForbidCalls(Socket)) {
        StartCloseInWorkItem(Socket);
    }
}

_Use_decl_annotations_ VOID WskbSocketDied(PWSKB_SOCKET Socket)
{
    if (InterlockedExchange(&Socket->Dead, 1) == 0) {
        WskbTraceSocket(WskbTraceWarning, Socket, "dead, WSK has closed it", STATUS_FILE_FORCED_CLOSED);
        if (Socket->Category == WSKB_CATEGORY_DATAGRAM) {
            WskbBatchEnd(Socket, STATUS_FILE_FORCED_CLOSED);
        }
        if (Socket->Category == WSKB_CATEGORY_CONNECTION) {
            WskbWaitsEnd(Socket, STATUS_FILE_FORCED_CLOSED);
        }
    }
    WskbSocketCloseInCompletion(Socket);
}

/* ---- the call guard ---------------------------------------------------------------------------------- */

_Use_decl_annotations_ NTSTATUS WskbSocketEnter(PWSKB_SOCKET Socket)
{
    LONG Guard = ReadNoFence(&Socket->Guard);
    while (!(Guard & GUARD_CLOSING)) {
        LONG Seen = InterlockedCompareExchange(&Socket->Guard, Guard + 1, Guard);
        if (Seen == Guard) {
            return STATUS_SUCCESS;
        }
        Guard = Seen;
    }
    return ReadAcquire(&Socket->Dead) ? STATUS_FILE_FORCED_CLOSED : STATUS_FILE_CLOSED;
}

_Use_decl_annotations_ VOID WskbSocketLeave(PWSKB_SOCKET Socket)
{
    if (InterlockedDecrement(&Socket->Guard) == GUARD_CLOSING) {
        StartClose(Socket);
    }
}

_Use_decl_annotations_ VOID WskbSocketLeaveInCompletion(PWSKB_SOCKET Socket)
{
    if (InterlockedDecrement(&Socket->Guard) == GUARD_CLOSING) {
        StartCloseInWorkItem(Socket);
    }
}

/* ---- states ------------------------------------------------------------------------------------------ */

_Use_decl_annotations_ NTSTATUS WskbSocketChangeState(PWSKB_SOCKET Socket, ULONG From, WSKB_SOCKET_STATE To)
{
    NTSTATUS Status = STATUS_INVALID_DEVICE_STATE;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    if ((ULONG)Socket->State & From) {
        WriteRelease(&Socket->State, (LONG)To);
        Status = STATUS_SUCCESS;
    }
    KeReleaseSpinLock(&Socket->Lock, Irql);
    return Status;
}

_Use_decl_annotations_ VOID WskbSocketSetState(PWSKB_SOCKET Socket, ULONG State)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    WriteRelease(&Socket->State, (LONG)State);
    KeReleaseSpinLock(&Socket->Lock, Irql);
}

/* ---- files ------------------------------------------------------------------------------------------- */

_Use_decl_annotations_ NTSTATUS WskbFileSetSocketLocked(PWSKB_FILE File, PWSKB_SOCKET Socket)
{
    if (File->CleanedUp) {
        return STATUS_FILE_CLOSED;
    }
    if (File->Socket != NULL) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    WritePointerRelease((PVOID volatile*)&File->Socket, Socket);
    return STATUS_SUCCESS;
}

_Use_decl_annotations_ PWSKB_SOCKET WskbFileCleanUp(PWSKB_FILE File)
{
    PWSKB_DRIVER Driver = File->Driver;
    KIRQL Irql;

    KeAcquireSpinLock(&Driver->Lock, &Irql);
    File->CleanedUp = TRUE;
    PWSKB_SOCKET Socket = File->Socket;
    KeReleaseSpinLock(&Driver->Lock, Irql);
    return Socket;
}
