/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion of IRPs. Wine queues a cancellation, with the IRP's address, to its dispatch thread. If the IRP
 * completes before the thread handles that, its memory is freed and may belong to another IRP by then. So a
 * user's completed IRP is kept for a while, during which cancelling it does nothing, before Wine frees it.
 */
#include "winekernel.h"

#define KEEP_100NS (10 * 10000000ull) /* far longer than a cancellation is queued */

static struct {
    KSPIN_LOCK Lock;
    LIST_ENTRY Irps; /* Lock: IRP.Tail.Overlay.ListEntry, oldest first */
} Kept = {0, {&Kept.Irps, &Kept.Irps}};

/* Fields of a completed IRP that this file uses; the driver no longer needs them. */
#define WINE_ROUTINE(Irp) ((Irp)->Tail.Overlay.DriverContext[0])
#define WINE_CONTEXT(Irp) ((Irp)->Tail.Overlay.DriverContext[1])
#define KEPT_SINCE(Irp)   ((Irp)->Tail.Overlay.DriverContext[2])

static PIRP TakeOld(void)
{
    ULONGLONG Now = KeQueryInterruptTime();
    PIRP Irp = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Kept.Lock, &Irql);
    if (!IsListEmpty(&Kept.Irps)) {
        Irp = CONTAINING_RECORD(Kept.Irps.Flink, IRP, Tail.Overlay.ListEntry);
        if (Now - (ULONG_PTR)KEPT_SINCE(Irp) < KEEP_100NS) {
            Irp = NULL;
        } else {
            RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
        }
    }
    KeReleaseSpinLock(&Kept.Lock, Irql);
    return Irp;
}

/* Calls Wine's routine, which reports the IRP's result or stops the completion to do so later; if Wine would
 * free the IRP next, keeps it. */
static NTSTATUS KeepIrp(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    PIO_COMPLETION_ROUTINE Routine = (PIO_COMPLETION_ROUTINE)(ULONG_PTR)WINE_ROUTINE(Irp);
    KIRQL Irql;

    UNREFERENCED_PARAMETER(Context);
    if (Routine(DeviceObject, Irp, WINE_CONTEXT(Irp)) == STATUS_MORE_PROCESSING_REQUIRED) {
        return STATUS_MORE_PROCESSING_REQUIRED;
    }
    KEPT_SINCE(Irp) = (PVOID)(ULONG_PTR)KeQueryInterruptTime();
    KeAcquireSpinLock(&Kept.Lock, &Irql);
    InsertTailList(&Kept.Irps, &Irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&Kept.Lock, Irql);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void CompleteUserIrp(PIRP Irp, PIO_STACK_LOCATION Stack, CCHAR PriorityBoost)
{
    PIRP Old;

    if (Stack->CompletionRoutine != NULL) {
        WINE_ROUTINE(Irp) = (PVOID)(ULONG_PTR)Stack->CompletionRoutine;
        WINE_CONTEXT(Irp) = Stack->Context;
        Stack->CompletionRoutine = KeepIrp;
    }
    WineIofCompleteRequest(Irp, PriorityBoost);
    while ((Old = TakeOld()) != NULL) {
        WineIofCompleteRequest(Old, IO_NO_INCREMENT); /* has no completion routine left, so Wine frees it */
    }
}

void FASTCALL IofCompleteRequest(PIRP Irp, CCHAR PriorityBoost)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    PFILE_OBJECT FileObject = Stack->FileObject;
    UCHAR Major = Stack->MajorFunction;

    if (FileObject != NULL && Major == IRP_MJ_CREATE) {
        FileCreated(FileObject, Irp->IoStatus.Status); /* before the user can send a request */
    }
    if (FileObject != NULL && FileIsRequest(Major)) {
        CompleteUserIrp(Irp, Stack, PriorityBoost);
        FileRequestCompleted(FileObject);
    } else {
        WineIofCompleteRequest(Irp, PriorityBoost);
    }
}
