/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs routines at PASSIVE_LEVEL in a system thread, for objects that may be deleted meanwhile.
 */
#include "kmdfp.h"

typedef struct _FX_WORKER_THREAD {
    struct _FX_WORKER_THREAD* Next;
    PVOID Thread;
} FX_WORKER_THREAD;

NTSTATUS FxWorkerInitialize(FX_WORKER* Worker, FX_OBJECT* Object, PDEVICE_OBJECT DeviceObject,
                            VOID (*Call)(FX_OBJECT* Object))
{
    Worker->Object = Object;
    Worker->Call = Call;
    KeInitializeSpinLock(&Worker->Lock);
    KeInitializeEvent(&Worker->Idle, NotificationEvent, TRUE);
    Worker->Item = IoAllocateWorkItem(DeviceObject);
    return Worker->Item != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

VOID FxWorkerFree(FX_WORKER* Worker)
{
    if (Worker->Item != NULL) {
        IoFreeWorkItem(Worker->Item);
    }
}

static VOID FxWorkerEnter(FX_WORKER* Worker, FX_WORKER_THREAD* Self)
{
    KIRQL Irql;

    Self->Thread = PsGetCurrentThread();
    KeAcquireSpinLock(&Worker->Lock, &Irql);
    Worker->Queued = FALSE;
    Worker->Running++;
    Self->Next = Worker->Threads;
    Worker->Threads = Self;
    KeReleaseSpinLock(&Worker->Lock, Irql);
}

/* Lock held. */
static VOID FxWorkerSignalIfIdle(FX_WORKER* Worker)
{
    if (!Worker->Queued && Worker->Running == (Worker->DisposedInside ? 1u : 0u)) {
        KeSetEvent(&Worker->Idle, IO_NO_INCREMENT, FALSE);
    }
}

static VOID FxWorkerLeave(FX_WORKER* Worker, FX_WORKER_THREAD* Self)
{
    FX_WORKER_THREAD** Link = &Worker->Threads;
    FX_OBJECT* Orphan = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Worker->Lock, &Irql);
    while (*Link != Self) {
        Link = &(*Link)->Next;
    }
    *Link = Self->Next;
    Worker->Running--;
    if (Worker->DisposedInside && Worker->Running == 0) {
        Orphan = Worker->Object;
    } else {
        FxWorkerSignalIfIdle(Worker);
    }
    KeReleaseSpinLock(&Worker->Lock, Irql);
    if (Orphan != NULL) {
        FxObjectRelease(Orphan);
    }
}

static VOID FxWorkerRoutine(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    FX_WORKER* Worker = Context;
    FX_WORKER_THREAD Self;

    UNREFERENCED_PARAMETER(DeviceObject);
    FxWorkerEnter(Worker, &Self);
    Worker->Call(Worker->Object);
    FxWorkerLeave(Worker, &Self);
}

VOID FxWorkerEnqueue(FX_WORKER* Worker)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Worker->Lock, &Irql);
    if (!Worker->Queued && !Worker->Disposed) {
        Worker->Queued = TRUE;
        KeClearEvent(&Worker->Idle);
        IoQueueWorkItem(Worker->Item, FxWorkerRoutine, DelayedWorkQueue, Worker);
    }
    KeReleaseSpinLock(&Worker->Lock, Irql);
}

BOOLEAN FxWorkerIsInside(FX_WORKER* Worker)
{
    PVOID Self = PsGetCurrentThread();
    FX_WORKER_THREAD* Thread;
    BOOLEAN Inside = FALSE;
    KIRQL Irql;

    KeAcquireSpinLock(&Worker->Lock, &Irql);
    for (Thread = Worker->Threads; Thread != NULL; Thread = Thread->Next) {
        Inside = (BOOLEAN)(Inside || Thread->Thread == Self);
    }
    KeReleaseSpinLock(&Worker->Lock, Irql);
    return Inside;
}

VOID FxWorkerWait(FX_WORKER* Worker)
{
    KIRQL Irql;

    KeWaitForSingleObject(&Worker->Idle, Executive, KernelMode, FALSE, NULL);
    KeAcquireSpinLock(&Worker->Lock, &Irql); /* until the setter of the event has released the lock */
    KeReleaseSpinLock(&Worker->Lock, Irql);
}

/* When this returns the routine does not run any more, unless it is the routine itself that deletes its
 * object. */
VOID FxWorkerDispose(FX_WORKER* Worker)
{
    BOOLEAN Inside = FxWorkerIsInside(Worker);
    KIRQL Irql;

    KeAcquireSpinLock(&Worker->Lock, &Irql);
    Worker->Disposed = TRUE;
    if (Inside) {
        Worker->DisposedInside = TRUE;
        FxObjectReference(Worker->Object);
        FxWorkerSignalIfIdle(Worker);
    }
    KeReleaseSpinLock(&Worker->Lock, Irql);
    FxWorkerWait(Worker);
}
