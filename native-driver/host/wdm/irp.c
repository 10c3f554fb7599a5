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
    PIO_STACK_LOCATION current = Irp->Tail.Overlay.CurrentStackLocation;
    BOOLEAN pended = (BOOLEAN)(Irp->CurrentLocation >= 1 && Irp->CurrentLocation <= Irp->StackCount &&
                               (current->Control & SL_PENDING_RETURNED) != 0);
    if (pended || (Irp->AllocationFlags & HOST_IRP_IN_FLIGHT)) {
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
    PIRP irp = HostAllocate(HostKindIrp, IoSizeOfIrp(StackSize), HOST_TAG_IRP, __builtin_return_address(0));
    if (irp != NULL) {
        HostPrepareIrp(irp, StackSize, HOST_IRP_ALLOCATED);
    }
    return irp;
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
    PIO_STACK_LOCATION stack = Irp->Tail.Overlay.CurrentStackLocation;
    stack->DeviceObject = DeviceObject;
    Irp->AllocationFlags |= HOST_IRP_IN_FLIGHT;

    PDRIVER_DISPATCH routine = DeviceObject->DriverObject->MajorFunction[stack->MajorFunction];
    HOST_CALL call = HostBeginCall((PHOST_DRIVER)DeviceObject->DriverObject);
    NTSTATUS status = routine(DeviceObject, Irp);
    HostEndCall(&call, "dispatch routine", (PVOID)routine);
    return status;
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
    UCHAR reasons = NT_SUCCESS(Irp->IoStatus.Status) ? SL_INVOKE_ON_SUCCESS : SL_INVOKE_ON_ERROR;
    if (ReadBooleanNoFence(&Irp->Cancel)) {
        reasons |= SL_INVOKE_ON_CANCEL;
    }
    return (BOOLEAN)((Control & reasons) != 0);
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
    SAFE_COMPLETION safe = *(SAFE_COMPLETION*)Context;
    PHOST_DRIVER driver = (PHOST_DRIVER)safe.Device->Object.DriverObject;

    HostFree(HostKindPool, Context, __func__);
    HOST_CALL call = HostBeginCall(driver);
    NTSTATUS status = safe.Routine(DeviceObject, Irp, safe.Context);
    HostEndCall(&call, "completion routine", (PVOID)safe.Routine);
    HostDereference(safe.Device); /* deleting a device calls no driver routine */
    __atomic_sub_fetch(&driver->Completions, 1, __ATOMIC_RELEASE);
    return status;
}

NTSTATUS IoSetCompletionRoutineEx(PDEVICE_OBJECT DeviceObject, PIRP Irp,
                                  PIO_COMPLETION_ROUTINE CompletionRoutine, PVOID Context,
                                  BOOLEAN InvokeOnSuccess, BOOLEAN InvokeOnError, BOOLEAN InvokeOnCancel)
{
    PHOST_DRIVER driver = (PHOST_DRIVER)DeviceObject->DriverObject;
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    SAFE_COMPLETION* safe =
        HostAllocate(HostKindPool, sizeof(*safe), HOST_TAG_COMPLETION, __builtin_return_address(0));
    if (safe == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    HostReference(DeviceObject);
    __atomic_add_fetch(&driver->Completions, 1, __ATOMIC_RELAXED);
    safe->Device = (PHOST_DEVICE)DeviceObject;
    safe->Routine = CompletionRoutine;
    safe->Context = Context;
    IoSetCompletionRoutine(Irp, RunSafeCompletion, safe, InvokeOnSuccess, InvokeOnError, InvokeOnCancel);
    return STATUS_SUCCESS;
}

/* How many routines set by plain IoSetCompletionRoutine run; sharded by thread to avoid contention. */
#define PLAIN_SHARDS 16
static struct {
    LONG64 Running; /* atomic */
} DECLSPEC_CACHEALIGN Plain[PLAIN_SHARDS];

LONG64 HostCountPlainCompletions(void)
{
    LONG64 running = 0;
    for (ULONG i = 0; i < PLAIN_SHARDS; i++) {
        running += __atomic_load_n(&Plain[i].Running, __ATOMIC_ACQUIRE);
    }
    return running;
}

/* Counts only a driver's own IRPs: no others can outlive the driver's last file. */
static LONG64* BeginPlainCompletion(PIRP Irp, PIO_COMPLETION_ROUTINE Routine)
{
    if (Routine == RunSafeCompletion || (Irp->AllocationFlags & HOST_IRP_IO_MANAGER)) {
        return NULL;
    }
    LONG64* running = &Plain[(ULONG_PTR)&HostThread / 4096 % PLAIN_SHARDS].Running;
    __atomic_add_fetch(running, 1, __ATOMIC_RELAXED);
    return running;
}

/* FALSE when the routine stopped the completion; the IRP must not be touched then. */
static BOOLEAN CallCompletionRoutine(PIRP Irp, PIO_COMPLETION_ROUTINE Routine, PVOID Context)
{
    PDEVICE_OBJECT device =
        Irp->CurrentLocation <= Irp->StackCount ? Irp->Tail.Overlay.CurrentStackLocation->DeviceObject : NULL;
    LONG64* running = BeginPlainCompletion(Irp, Routine);
    /* From here on the routine may free the IRP. */
    Irp->AllocationFlags &= (UCHAR)~HOST_IRP_IN_FLIGHT;
    HOST_CALL call = HostBeginCall(HostThread.Driver);
    NTSTATUS status = Routine(device, Irp, Context);
    HostEndCall(&call, "completion routine", (PVOID)Routine);
    if (running != NULL) {
        __atomic_sub_fetch(running, 1, __ATOMIC_RELEASE);
    }
    if (status == STATUS_MORE_PROCESSING_REQUIRED) {
        return FALSE;
    }
    Irp->AllocationFlags |= HOST_IRP_IN_FLIGHT;
    return TRUE;
}

/* Leaves the current location; FALSE when a completion routine stopped the completion. */
static BOOLEAN CompleteLocation(PIRP Irp)
{
    PIO_STACK_LOCATION left = Irp->Tail.Overlay.CurrentStackLocation;
    PIO_COMPLETION_ROUTINE routine = left->CompletionRoutine;
    PVOID context = left->Context;
    UCHAR control = left->Control;

    Irp->PendingReturned = (BOOLEAN)((control & SL_PENDING_RETURNED) != 0);
    left->Control = 0;
    left->CompletionRoutine = NULL;
    left->Context = NULL;
    Irp->CurrentLocation++;
    Irp->Tail.Overlay.CurrentStackLocation++;
    if (routine != NULL && IsRoutineWanted(control, Irp)) {
        return CallCompletionRoutine(Irp, routine, context);
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
    KIRQL irql;
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    IoAcquireCancelSpinLock(&irql);
    SetCancelFlag(Irp);
    PDRIVER_CANCEL routine = IoSetCancelRoutine(Irp, NULL);
    if (routine == NULL) {
        IoReleaseCancelSpinLock(irql);
        return FALSE;
    }
    if (Irp->CurrentLocation > Irp->StackCount + 1) {
        HostBugcheck(CANCEL_STATE_IN_COMPLETED_IRP, (ULONG_PTR)Irp, (ULONG_PTR)routine, 0, 0,
                     "The IRP %p is complete and has a cancel routine.", (void*)Irp);
    }
    Irp->CancelIrql = irql;
    PDEVICE_OBJECT device =
        Irp->CurrentLocation <= Irp->StackCount ? Irp->Tail.Overlay.CurrentStackLocation->DeviceObject : NULL;
    PHOST_DRIVER previous = HostThread.Driver;
    if (device != NULL) {
        HostThread.Driver = (PHOST_DRIVER)device->DriverObject;
    }
    routine(device, Irp);
    HostThread.Driver = previous;
    if (HostThread.Irql != irql) {
        HostBugcheck(
            IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)routine, HostThread.Irql, irql, 0,
            "A cancel routine returned at IRQL %u instead of %u; it must release the cancel spin lock at "
            "Irp->CancelIrql.",
            HostThread.Irql, irql);
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
    PEPROCESS process = IoGetRequestorProcess(Irp);
    return process != NULL ? HandleToULong(PsGetProcessId(process)) : 0;
}
