/* SPDX-License-Identifier: Apache-2.0
 *
 * Cancel-safe queues. Whoever takes the cancel routine out of an IRP owns the IRP: the thread that removes
 * it, or the cancellation, which then waits for the queue's lock and finds the IRP still in the list.
 */
#include "wdmp.h"

#define TYPE_CONTEXT  1
#define TYPE_QUEUE    2
#define TYPE_QUEUE_EX 3

#define QUEUE_OF(irp) ((irp)->Tail.Overlay.DriverContext[3])

static void Initialize(PIO_CSQ Csq, ULONG Type, PIO_CSQ_REMOVE_IRP CsqRemoveIrp,
                       PIO_CSQ_PEEK_NEXT_IRP CsqPeekNextIrp, PIO_CSQ_ACQUIRE_LOCK CsqAcquireLock,
                       PIO_CSQ_RELEASE_LOCK CsqReleaseLock,
                       PIO_CSQ_COMPLETE_CANCELED_IRP CsqCompleteCanceledIrp)
{
    Csq->Type = Type;
    Csq->CsqRemoveIrp = CsqRemoveIrp;
    Csq->CsqPeekNextIrp = CsqPeekNextIrp;
    Csq->CsqAcquireLock = CsqAcquireLock;
    Csq->CsqReleaseLock = CsqReleaseLock;
    Csq->CsqCompleteCanceledIrp = CsqCompleteCanceledIrp;
    Csq->ReservePointer = NULL;
}

NTSTATUS IoCsqInitialize(PIO_CSQ Csq, PIO_CSQ_INSERT_IRP CsqInsertIrp, PIO_CSQ_REMOVE_IRP CsqRemoveIrp,
                         PIO_CSQ_PEEK_NEXT_IRP CsqPeekNextIrp, PIO_CSQ_ACQUIRE_LOCK CsqAcquireLock,
                         PIO_CSQ_RELEASE_LOCK CsqReleaseLock,
                         PIO_CSQ_COMPLETE_CANCELED_IRP CsqCompleteCanceledIrp)
{
    Csq->CsqInsertIrp = CsqInsertIrp;
    Initialize(Csq, TYPE_QUEUE, CsqRemoveIrp, CsqPeekNextIrp, CsqAcquireLock, CsqReleaseLock,
               CsqCompleteCanceledIrp);
    return STATUS_SUCCESS;
}

NTSTATUS IoCsqInitializeEx(PIO_CSQ Csq, PIO_CSQ_INSERT_IRP_EX CsqInsertIrp, PIO_CSQ_REMOVE_IRP CsqRemoveIrp,
                           PIO_CSQ_PEEK_NEXT_IRP CsqPeekNextIrp, PIO_CSQ_ACQUIRE_LOCK CsqAcquireLock,
                           PIO_CSQ_RELEASE_LOCK CsqReleaseLock,
                           PIO_CSQ_COMPLETE_CANCELED_IRP CsqCompleteCanceledIrp)
{
    Csq->CsqInsertIrp = (PIO_CSQ_INSERT_IRP)(PVOID)CsqInsertIrp;
    Initialize(Csq, TYPE_QUEUE_EX, CsqRemoveIrp, CsqPeekNextIrp, CsqAcquireLock, CsqReleaseLock,
               CsqCompleteCanceledIrp);
    return STATUS_SUCCESS;
}

static PIO_CSQ FindQueue(PIRP Irp)
{
    PIO_CSQ Queue = QUEUE_OF(Irp);
    return Queue->Type == TYPE_CONTEXT ? ((PIO_CSQ_IRP_CONTEXT)(PVOID)Queue)->Csq : Queue;
}

/* The queue's lock is held, and the caller owns the IRP. */
static void Remove(PIO_CSQ Csq, PIRP Irp)
{
    PIO_CSQ_IRP_CONTEXT Context = QUEUE_OF(Irp);
    Csq->CsqRemoveIrp(Csq, Irp);
    if (Context->Type == TYPE_CONTEXT) {
        Context->Irp = NULL;
    }
    QUEUE_OF(Irp) = NULL;
}

static void Cancel(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_CSQ Queue = FindQueue(Irp);
    KIRQL Irql;
    UNREFERENCED_PARAMETER(DeviceObject);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    Queue->CsqAcquireLock(Queue, &Irql);
    Remove(Queue, Irp);
    Queue->CsqReleaseLock(Queue, Irql);
    Queue->CsqCompleteCanceledIrp(Queue, Irp);
}

static NTSTATUS Insert(PIO_CSQ Csq, PIRP Irp, PVOID InsertContext)
{
    if (Csq->Type == TYPE_QUEUE_EX) {
        return ((PIO_CSQ_INSERT_IRP_EX)(PVOID)Csq->CsqInsertIrp)(Csq, Irp, InsertContext);
    }
    Csq->CsqInsertIrp(Csq, Irp);
    return STATUS_SUCCESS;
}

static void Name(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context)
{
    QUEUE_OF(Irp) = Csq;
    if (Context != NULL) {
        *Context = (IO_CSQ_IRP_CONTEXT){TYPE_CONTEXT, Irp, Csq};
        QUEUE_OF(Irp) = Context;
    }
}

NTSTATUS IoCsqInsertIrpEx(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context, PVOID InsertContext)
{
    KIRQL Irql;
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    Csq->CsqAcquireLock(Csq, &Irql);
    NTSTATUS Status = Insert(Csq, Irp, InsertContext);
    if (!NT_SUCCESS(Status)) {
        Csq->CsqReleaseLock(Csq, Irql);
        return Status;
    }
    Name(Csq, Irp, Context);
    IoMarkIrpPending(Irp);
    IoSetCancelRoutine(Irp, Cancel);
    BOOLEAN Cancelled = (BOOLEAN)(Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL);
    if (Cancelled) {
        Remove(Csq, Irp);
    }
    Csq->CsqReleaseLock(Csq, Irql);
    if (Cancelled) {
        Csq->CsqCompleteCanceledIrp(Csq, Irp);
    }
    return Status;
}

void IoCsqInsertIrp(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context)
{
    (void)IoCsqInsertIrpEx(Csq, Irp, Context, NULL);
}

PIRP IoCsqRemoveIrp(PIO_CSQ Csq, PIO_CSQ_IRP_CONTEXT Context)
{
    KIRQL Irql;
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    Csq->CsqAcquireLock(Csq, &Irql);
    PIRP Found = Context->Irp;
    if (Found != NULL && IoSetCancelRoutine(Found, NULL) == NULL) {
        Found = NULL;
    }
    if (Found != NULL) {
        Remove(Csq, Found);
    }
    Csq->CsqReleaseLock(Csq, Irql);
    return Found;
}

PIRP IoCsqRemoveNextIrp(PIO_CSQ Csq, PVOID PeekContext)
{
    KIRQL Irql;
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    Csq->CsqAcquireLock(Csq, &Irql);
    PIRP Found = Csq->CsqPeekNextIrp(Csq, NULL, PeekContext);
    while (Found != NULL && IoSetCancelRoutine(Found, NULL) == NULL) {
        Found = Csq->CsqPeekNextIrp(Csq, Found, PeekContext);
    }
    if (Found != NULL) {
        Remove(Csq, Found);
    }
    Csq->CsqReleaseLock(Csq, Irql);
    return Found;
}
