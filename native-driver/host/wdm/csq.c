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
    PIO_CSQ queue = QUEUE_OF(Irp);
    return queue->Type == TYPE_CONTEXT ? ((PIO_CSQ_IRP_CONTEXT)(PVOID)queue)->Csq : queue;
}

/* The queue's lock is held, and the caller owns the IRP. */
static void Remove(PIO_CSQ Csq, PIRP Irp)
{
    PIO_CSQ_IRP_CONTEXT context = QUEUE_OF(Irp);
    Csq->CsqRemoveIrp(Csq, Irp);
    if (context->Type == TYPE_CONTEXT) {
        context->Irp = NULL;
    }
    QUEUE_OF(Irp) = NULL;
}

static void Cancel(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_CSQ queue = FindQueue(Irp);
    KIRQL irql;
    UNREFERENCED_PARAMETER(DeviceObject);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    queue->CsqAcquireLock(queue, &irql);
    Remove(queue, Irp);
    queue->CsqReleaseLock(queue, irql);
    queue->CsqCompleteCanceledIrp(queue, Irp);
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
    KIRQL irql;
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    Csq->CsqAcquireLock(Csq, &irql);
    NTSTATUS status = Insert(Csq, Irp, InsertContext);
    if (!NT_SUCCESS(status)) {
        Csq->CsqReleaseLock(Csq, irql);
        return status;
    }
    Name(Csq, Irp, Context);
    IoMarkIrpPending(Irp);
    IoSetCancelRoutine(Irp, Cancel);
    BOOLEAN cancelled = (BOOLEAN)(Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL);
    if (cancelled) {
        Remove(Csq, Irp);
    }
    Csq->CsqReleaseLock(Csq, irql);
    if (cancelled) {
        Csq->CsqCompleteCanceledIrp(Csq, Irp);
    }
    return status;
}

void IoCsqInsertIrp(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context)
{
    (void)IoCsqInsertIrpEx(Csq, Irp, Context, NULL);
}

PIRP IoCsqRemoveIrp(PIO_CSQ Csq, PIO_CSQ_IRP_CONTEXT Context)
{
    KIRQL irql;
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    Csq->CsqAcquireLock(Csq, &irql);
    PIRP found = Context->Irp;
    if (found != NULL && IoSetCancelRoutine(found, NULL) == NULL) {
        found = NULL;
    }
    if (found != NULL) {
        Remove(Csq, found);
    }
    Csq->CsqReleaseLock(Csq, irql);
    return found;
}

PIRP IoCsqRemoveNextIrp(PIO_CSQ Csq, PVOID PeekContext)
{
    KIRQL irql;
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    Csq->CsqAcquireLock(Csq, &irql);
    PIRP found = Csq->CsqPeekNextIrp(Csq, NULL, PeekContext);
    while (found != NULL && IoSetCancelRoutine(found, NULL) == NULL) {
        found = Csq->CsqPeekNextIrp(Csq, found, PeekContext);
    }
    if (found != NULL) {
        Remove(Csq, found);
    }
    Csq->CsqReleaseLock(Csq, irql);
    return found;
}
