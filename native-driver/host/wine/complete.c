/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of an IRP. Wine hands a cancellation to its dispatch thread with the IRP's address, through a
 * queue; if the IRP is complete before its turn comes, its memory is freed, perhaps another IRP's by then. So
 * a user's IRP that is complete is kept for a while, in which to cancel it does nothing, and Wine frees it
 * then.
 */
#include "winekernel.h"

#define KEEP_100NS (10 * 10000000ull) /* far longer than anything waits for the dispatch thread */

static struct {
    KSPIN_LOCK Lock;
    LIST_ENTRY Irps; /* Lock: IRP.Tail.Overlay.ListEntry, oldest first */
} Kept = {0, {&Kept.Irps, &Kept.Irps}};

/* Where a complete IRP has what this file needs: the driver is done with these fields. */
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

/* Wine reported the IRP's result, or will do so. In the first case it would free it now. */
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
        WineIofCompleteRequest(Old, IO_NO_INCREMENT); /* no routine is left: frees it */
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
