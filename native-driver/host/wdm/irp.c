/* SPDX-License-Identifier: Apache-2.0
 *
 * I/O request packets: stack locations, completion and cancellation.
 *
 * A sent IRP belongs to its receiver until it is completed. A driver's own IRPs, from IoAllocateIrp or in its
 * own storage, never reach the last stage of completion; the I/O manager's IRPs end in HostCompleteRequest.
 */
#include "wdmp.h"

static KSPIN_LOCK CancelLock;

/* ---- making ------------------------------------------------------------------------------------------ */

void HostPrepareIrp(PIRP Irp, CCHAR StackSize, UCHAR AllocationFlags)
{
    memset(Irp, 0, IoSizeOfIrp(StackSize));
    Irp->Type = IO_TYPE_IRP;
    Irp->Size = IoSizeOfIrp(StackSize);
    Irp->StackCount = StackSize;
    Irp->CurrentLocation = (CHAR)(StackSize + 1);
    Irp->AllocationFlags = AllocationFlags;
    Irp->ThreadListEntry.Flink = Irp->ThreadListEntry.Blink = &Irp->ThreadListEntry;
    Irp->Tail.Overlay.CurrentStackLocation = (PIO_STACK_LOCATION)(Irp + 1) + StackSize;
}

static void CheckIdle(PIRP Irp, const char* Function)
{
    PIO_STACK_LOCATION Current = Irp->Tail.Overlay.CurrentStackLocation;
    BOOLEAN Pended = (BOOLEAN)(Irp->CurrentLocation >= 1 && Irp->CurrentLocation <= Irp->StackCount &&
                               (Current->Control & SL_PENDING_RETURNED) != 0);
    if (Pended || (Irp->AllocationFlags & HOST_IRP_IN_FLIGHT)) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Irp, 0, 0, 0,
                     "%s was called for the IRP %p, which a lower driver has not completed.", Function,
                     (void*)Irp);
    }
    if (__atomic_load_n(&Irp->CancelRoutine, __ATOMIC_RELAXED) != NULL) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Irp, 0, 0, 0,
                     "%s was called for the IRP %p, which has a cancel routine.", Function, (void*)Irp);
    }
}

/* ---- extensions -------------------------------------------------------------------------------------- */

static LONG Extending; /* atomic */

void HostExtendIrps(BOOLEAN Extend)
{
    __atomic_store_n(&Extending, Extend, __ATOMIC_RELEASE);
}

static void ExtendIrp(PIRP Irp, PVOID Caller)
{
    if (HOST_UNLIKELY(__atomic_load_n(&Extending, __ATOMIC_ACQUIRE) != 0)) {
        Irp->Tail.Overlay.IrpExtension = HostAllocate(HostKindPool, 1, HOST_TAG_EXTENSION, Caller);
    }
}

static void FreeExtension(PIRP Irp)
{
    if (HOST_UNLIKELY(Irp->Tail.Overlay.IrpExtension != NULL)) {
        HostFree(HostKindPool, Irp->Tail.Overlay.IrpExtension, __func__);
        Irp->Tail.Overlay.IrpExtension = NULL;
    }
}

void IoCleanupIrp(PIRP Irp)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    if (Irp->Type != IO_TYPE_IRP || (Irp->AllocationFlags & (HOST_IRP_IO_MANAGER | HOST_IRP_ALLOCATED))) {
        HostBugcheck(MULTIPLE_IRP_COMPLETE_REQUESTS, (ULONG_PTR)Irp, 0, 0, 0,
                     "IoCleanupIrp was called for %p, which is not an IRP of IoInitializeIrp, or was cleaned "
                     "up before.",
                     (void*)Irp);
    }
    CheckIdle(Irp, __func__);
    FreeExtension(Irp);
    Irp->Type = 0;
}

/* ---- IRPs of drivers --------------------------------------------------------------------------------- */

PIRP IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota)
{
    UNREFERENCED_PARAMETER(ChargeQuota);
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    if (StackSize < 1) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)StackSize, 0, 0, 0,
                     "IoAllocateIrp was called with a stack size of %d.", StackSize);
    }
    PIRP Irp = HostAllocate(HostKindIrp, IoSizeOfIrp(StackSize), HOST_TAG_IRP, __builtin_return_address(0));
    if (Irp != NULL) {
        HostPrepareIrp(Irp, StackSize, HOST_IRP_ALLOCATED);
    }
    return Irp;
}

void IoFreeIrp(PIRP Irp)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    HostVerify(HostKindIrp, Irp, __func__);
    CheckIdle(Irp, __func__);
    Irp->Type = 0;
    HostFree(HostKindIrp, Irp, __func__);
}

void IoInitializeIrp(PIRP Irp, USHORT PacketSize, CCHAR StackSize)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    if (PacketSize < IoSizeOfIrp(StackSize) || StackSize < 1) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Irp, PacketSize, (ULONG_PTR)StackSize, 0,
                     "IoInitializeIrp was given %u bytes for an IRP with %d stack locations.", PacketSize,
                     StackSize);
    }
    HostPrepareIrp(Irp, StackSize, 0);
    ExtendIrp(Irp, __builtin_return_address(0));
}

void IoReuseIrp(PIRP Irp, NTSTATUS Iostatus)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    if (Irp->Type != IO_TYPE_IRP || (Irp->AllocationFlags & HOST_IRP_IO_MANAGER)) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Irp, 0, 0, 0,
                     "IoReuseIrp was called for %p, which is not an IRP of a driver.", (void*)Irp);
    }
    CheckIdle(Irp, __func__);
    FreeExtension(Irp);
    HostPrepareIrp(Irp, Irp->StackCount, Irp->AllocationFlags & HOST_IRP_ALLOCATED);
    Irp->IoStatus.Status = Iostatus;
}

/* ---- sending ----------------------------------------------------------------------------------------- */

NTSTATUS IofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    if (HOST_UNLIKELY(Irp->Type != IO_TYPE_IRP || DeviceObject->Type != IO_TYPE_DEVICE)) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Irp, (ULONG_PTR)DeviceObject, 0, 0,
                     "IoCallDriver was given %p and %p, which are not an IRP and a device.", (void*)Irp,
                     (void*)DeviceObject);
    }
    if (HOST_UNLIKELY(Irp->CurrentLocation <= 1)) {
        HostBugcheck(NO_MORE_IRP_STACK_LOCATIONS, (ULONG_PTR)Irp, 0, 0, 0,
                     "IoCallDriver was called for the IRP %p, which has no stack location left.", (void*)Irp);
    }
    if (HOST_UNLIKELY(__atomic_load_n(&Irp->CancelRoutine, __ATOMIC_RELAXED) != NULL)) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Irp, 0, 0, 0,
                     "The IRP %p was passed down while it has a cancel routine.", (void*)Irp);
    }
    IoSetNextIrpStackLocation(Irp);
    PIO_STACK_LOCATION Stack = Irp->Tail.Overlay.CurrentStackLocation;
    Stack->DeviceObject = DeviceObject;
    Irp->AllocationFlags |= HOST_IRP_IN_FLIGHT;

    PDRIVER_DISPATCH Routine = DeviceObject->DriverObject->MajorFunction[Stack->MajorFunction];
    HOST_CALL Call = HostBeginCall((PHOST_DRIVER)DeviceObject->DriverObject);
    NTSTATUS Status = Routine(DeviceObject, Irp);
    HostEndCall(&Call, "dispatch routine", (PVOID)Routine);
    return Status;
}

/* ---- completing -------------------------------------------------------------------------------------- */

static DECLSPEC_NOINLINE void CompletionViolation(PIRP Irp)
{
    if (Irp->Type != IO_TYPE_IRP || Irp->CurrentLocation > Irp->StackCount) {
        HostBugcheck(MULTIPLE_IRP_COMPLETE_REQUESTS, (ULONG_PTR)Irp, (ULONG_PTR)Irp->CurrentLocation, 0, 0,
                     "IoCompleteRequest was called for %p, which is %s.", (void*)Irp,
                     Irp->Type != IO_TYPE_IRP ? "not an IRP, or one that was completed and freed"
                                              : "an IRP that was completed already or never sent");
    }
    if (Irp->IoStatus.Status == STATUS_PENDING) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Irp, STATUS_PENDING, 0, 0,
                     "The IRP %p was completed with STATUS_PENDING.", (void*)Irp);
    }
    HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Irp, (ULONG_PTR)Irp->CancelRoutine, 0, 0,
                 "The IRP %p was completed while it has a cancel routine.", (void*)Irp);
}

static BOOLEAN IsRoutineWanted(UCHAR Control, PIRP Irp)
{
    UCHAR Reasons = NT_SUCCESS(Irp->IoStatus.Status) ? SL_INVOKE_ON_SUCCESS : SL_INVOKE_ON_ERROR;
    if (ReadBooleanNoFence(&Irp->Cancel)) {
        Reasons |= SL_INVOKE_ON_CANCEL;
    }
    return (BOOLEAN)((Control & Reasons) != 0);
}

/* What IoSetCompletionRoutineEx sets instead of the driver's routine. */
typedef struct _SAFE_COMPLETION {
    PHOST_DEVICE Device; /* referenced */
    PIO_COMPLETION_ROUTINE Routine;
    PVOID Context;
} SAFE_COMPLETION;

/* The driver may be unloaded once this has returned. */
static NTSTATUS RunSafeCompletion(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    SAFE_COMPLETION Safe = *(SAFE_COMPLETION*)Context;
    PHOST_DRIVER Driver = (PHOST_DRIVER)Safe.Device->Object.DriverObject;

    HostFree(HostKindPool, Context, __func__);
    HOST_CALL Call = HostBeginCall(Driver);
    NTSTATUS Status = Safe.Routine(DeviceObject, Irp, Safe.Context);
    HostEndCall(&Call, "completion routine", (PVOID)Safe.Routine);
    HostDereference(Safe.Device); /* deleting a device calls no driver routine */
    __atomic_sub_fetch(&Driver->Completions, 1, __ATOMIC_RELEASE);
    return Status;
}

NTSTATUS IoSetCompletionRoutineEx(PDEVICE_OBJECT DeviceObject, PIRP Irp,
                                  PIO_COMPLETION_ROUTINE CompletionRoutine, PVOID Context,
                                  BOOLEAN InvokeOnSuccess, BOOLEAN InvokeOnError, BOOLEAN InvokeOnCancel)
{
    PHOST_DRIVER Driver = (PHOST_DRIVER)DeviceObject->DriverObject;
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    SAFE_COMPLETION* Safe =
        HostAllocate(HostKindPool, sizeof(*Safe), HOST_TAG_COMPLETION, __builtin_return_address(0));
    if (Safe == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    HostReference(DeviceObject);
    __atomic_add_fetch(&Driver->Completions, 1, __ATOMIC_RELAXED);
    Safe->Device = (PHOST_DEVICE)DeviceObject;
    Safe->Routine = CompletionRoutine;
    Safe->Context = Context;
    IoSetCompletionRoutine(Irp, RunSafeCompletion, Safe, InvokeOnSuccess, InvokeOnError, InvokeOnCancel);
    return STATUS_SUCCESS;
}

/* How many routines set by plain IoSetCompletionRoutine run; sharded by thread to avoid contention. */
#define PLAIN_SHARDS 16
static struct {
    LONG64 Running; /* atomic */
} DECLSPEC_CACHEALIGN Plain[PLAIN_SHARDS];

LONG64 HostCountPlainCompletions(void)
{
    LONG64 Running = 0;
    for (ULONG i = 0; i < PLAIN_SHARDS; i++) {
        Running += __atomic_load_n(&Plain[i].Running, __ATOMIC_ACQUIRE);
    }
    return Running;
}

/* Counts only a driver's own IRPs: no others can outlive the driver's last file. */
static LONG64* BeginPlainCompletion(PIRP Irp, PIO_COMPLETION_ROUTINE Routine)
{
    if (Routine == RunSafeCompletion || (Irp->AllocationFlags & HOST_IRP_IO_MANAGER)) {
        return NULL;
    }
    LONG64* Running = &Plain[(ULONG_PTR)&HostThread / 4096 % PLAIN_SHARDS].Running;
    __atomic_add_fetch(Running, 1, __ATOMIC_RELAXED);
    return Running;
}

/* FALSE when the routine stopped the completion; the IRP must not be touched then. */
static BOOLEAN CallCompletionRoutine(PIRP Irp, PIO_COMPLETION_ROUTINE Routine, PVOID Context)
{
    PDEVICE_OBJECT Device =
        Irp->CurrentLocation <= Irp->StackCount ? Irp->Tail.Overlay.CurrentStackLocation->DeviceObject : NULL;
    LONG64* Running = BeginPlainCompletion(Irp, Routine);
    /* From here on the routine may free the IRP. */
    Irp->AllocationFlags &= (UCHAR)~HOST_IRP_IN_FLIGHT;
    HOST_CALL Call = HostBeginCall(HostThread.Driver);
    NTSTATUS Status = Routine(Device, Irp, Context);
    HostEndCall(&Call, "completion routine", (PVOID)Routine);
    if (Running != NULL) {
        __atomic_sub_fetch(Running, 1, __ATOMIC_RELEASE);
    }
    if (Status == STATUS_MORE_PROCESSING_REQUIRED) {
        return FALSE;
    }
    Irp->AllocationFlags |= HOST_IRP_IN_FLIGHT;
    return TRUE;
}

/* Leaves the current location; FALSE when a completion routine stopped the completion. */
static BOOLEAN CompleteLocation(PIRP Irp)
{
    PIO_STACK_LOCATION Left = Irp->Tail.Overlay.CurrentStackLocation;
    PIO_COMPLETION_ROUTINE Routine = Left->CompletionRoutine;
    PVOID Context = Left->Context;
    UCHAR Control = Left->Control;

    Irp->PendingReturned = (BOOLEAN)((Control & SL_PENDING_RETURNED) != 0);
    Left->Control = 0;
    Left->CompletionRoutine = NULL;
    Left->Context = NULL;
    Irp->CurrentLocation++;
    Irp->Tail.Overlay.CurrentStackLocation++;
    if (Routine != NULL && IsRoutineWanted(Control, Irp)) {
        return CallCompletionRoutine(Irp, Routine, Context);
    }
    if (Irp->PendingReturned && Irp->CurrentLocation <= Irp->StackCount) {
        IoMarkIrpPending(Irp);
    }
    return TRUE;
}

void IofCompleteRequest(PIRP Irp, CCHAR PriorityBoost)
{
    UNREFERENCED_PARAMETER(PriorityBoost);
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    if (HOST_UNLIKELY(Irp->Type != IO_TYPE_IRP || Irp->CurrentLocation > Irp->StackCount ||
                      Irp->IoStatus.Status == STATUS_PENDING ||
                      __atomic_load_n(&Irp->CancelRoutine, __ATOMIC_RELAXED) != NULL)) {
        CompletionViolation(Irp);
    }
    while (Irp->CurrentLocation <= Irp->StackCount) {
        if (!CompleteLocation(Irp)) {
            return;
        }
    }
    if (HOST_UNLIKELY((Irp->AllocationFlags & HOST_IRP_IO_MANAGER) == 0)) {
        HostBugcheck(
            MULTIPLE_IRP_COMPLETE_REQUESTS, (ULONG_PTR)Irp, 0, 0, 0,
            "The IRP %p of a driver was completed past its owner: the owner's completion routine must "
            "return STATUS_MORE_PROCESSING_REQUIRED.",
            (void*)Irp);
    }
    Irp->CurrentLocation++;
    HostCompleteRequest(CONTAINING_RECORD(Irp, HOST_REQUEST, Irp));
}

/* ---- cancelling -------------------------------------------------------------------------------------- */

void IoAcquireCancelSpinLock(PKIRQL Irql)
{
    KeAcquireSpinLock(&CancelLock, Irql);
}

void IoReleaseCancelSpinLock(KIRQL Irql)
{
    KeReleaseSpinLock(&CancelLock, Irql);
}

/* Drivers read Irp->Cancel as a plain byte after exchanging the cancel routine, and that exchange orders the
 * two. The write is hidden from ThreadSanitizer, which would want both to be atomic. */
__attribute__((no_sanitize("thread"), noinline)) static void SetCancelFlag(PIRP Irp)
{
    *(volatile BOOLEAN*)&Irp->Cancel = TRUE;
}

BOOLEAN IoCancelIrp(PIRP Irp)
{
    KIRQL Irql;
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    IoAcquireCancelSpinLock(&Irql);
    SetCancelFlag(Irp);
    PDRIVER_CANCEL Routine = IoSetCancelRoutine(Irp, NULL);
    if (Routine == NULL) {
        IoReleaseCancelSpinLock(Irql);
        return FALSE;
    }
    if (Irp->CurrentLocation > Irp->StackCount + 1) {
        HostBugcheck(CANCEL_STATE_IN_COMPLETED_IRP, (ULONG_PTR)Irp, (ULONG_PTR)Routine, 0, 0,
                     "The IRP %p is complete and has a cancel routine.", (void*)Irp);
    }
    Irp->CancelIrql = Irql;
    PDEVICE_OBJECT Device =
        Irp->CurrentLocation <= Irp->StackCount ? Irp->Tail.Overlay.CurrentStackLocation->DeviceObject : NULL;
    PHOST_DRIVER Previous = HostThread.Driver;
    if (Device != NULL) {
        HostThread.Driver = (PHOST_DRIVER)Device->DriverObject;
    }
    Routine(Device, Irp);
    HostThread.Driver = Previous;
    if (HostThread.Irql != Irql) {
        HostBugcheck(
            IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)Routine, HostThread.Irql, Irql, 0,
            "A cancel routine returned at IRQL %u instead of %u; it must release the cancel spin lock at "
            "Irp->CancelIrql.",
            HostThread.Irql, Irql);
    }
    return TRUE;
}

/* ---- requestor --------------------------------------------------------------------------------------- */

PEPROCESS IoGetRequestorProcess(PIRP Irp)
{
    if ((Irp->AllocationFlags & HOST_IRP_IO_MANAGER) == 0) {
        return NULL; /* an IRP of a driver has no thread */
    }
    return CONTAINING_RECORD(Irp, HOST_REQUEST, Irp)->Process;
}

ULONG IoGetRequestorProcessId(PIRP Irp)
{
    PEPROCESS Process = IoGetRequestorProcess(Irp);
    return Process != NULL ? HandleToULong(PsGetProcessId(Process)) : 0;
}
