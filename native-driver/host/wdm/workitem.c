/* SPDX-License-Identifier: Apache-2.0
 *
 * System worker threads: drivers' work items and the host's deferred deletions, at PASSIVE_LEVEL.
 *
 * Threads start when there is work and none is idle, up to a limit, and are joined when the last driver is
 * unloaded.
 */
#include "wdmp.h"

#define MAX_WORKERS 16

struct _IO_WORKITEM {
    HOST_WORK Work;
    PDEVICE_OBJECT Device; /* referenced while queued or running */
    PIO_WORKITEM_ROUTINE Routine;
    PVOID Context;
    LONG Queued; /* atomic; 0 from just before Routine runs: it may free the item or queue it again */
};

static pthread_mutex_t Mutex = PTHREAD_MUTEX_INITIALIZER; /* protects everything below */
static pthread_cond_t Condition = PTHREAD_COND_INITIALIZER;
static PHOST_WORK First, Last;
static pthread_t Workers[MAX_WORKERS];
static ULONG WorkerCount, IdleCount, QueueLength;
static BOOLEAN Stopping;

static PHOST_WORK TakeWork(void)
{
    PHOST_WORK Work = First;
    First = Work->Next;
    if (First == NULL) {
        Last = NULL;
    }
    QueueLength--;
    return Work;
}

static void* Worker(void* Context)
{
    UNREFERENCED_PARAMETER(Context);
    HostThread.Process = HostSystemProcess;
    pthread_mutex_lock(&Mutex);
    for (;;) {
        if (First != NULL) {
            PHOST_WORK Work = TakeWork();
            pthread_mutex_unlock(&Mutex);
            Work->Routine(Work);
            pthread_mutex_lock(&Mutex);
        } else if (Stopping) {
            break;
        } else {
            IdleCount++;
            pthread_cond_wait(&Condition, &Mutex);
            IdleCount--;
        }
    }
    pthread_mutex_unlock(&Mutex);
    return NULL;
}

void HostQueueWork(PHOST_WORK Work)
{
    Work->Next = NULL;
    pthread_mutex_lock(&Mutex);
    if (Last != NULL) {
        Last->Next = Work;
    } else {
        First = Work;
    }
    Last = Work;
    QueueLength++;
    if (QueueLength > IdleCount && WorkerCount < MAX_WORKERS && !Stopping) {
        if (HostStartNativeThread(&Workers[WorkerCount], Worker, NULL)) {
            WorkerCount++;
        }
    }
    pthread_cond_signal(&Condition);
    pthread_mutex_unlock(&Mutex);
}

void HostStopWorkers(void)
{
    pthread_mutex_lock(&Mutex);
    Stopping = TRUE;
    pthread_cond_broadcast(&Condition);
    ULONG Count = WorkerCount;
    pthread_mutex_unlock(&Mutex);
    for (ULONG i = 0; i < Count; i++) {
        pthread_join(Workers[i], NULL);
    }
    pthread_mutex_lock(&Mutex);
    WorkerCount = 0;
    Stopping = FALSE;
    pthread_mutex_unlock(&Mutex);
}

/* ---- work items of drivers --------------------------------------------------------------------------- */

PIO_WORKITEM IoAllocateWorkItem(PDEVICE_OBJECT DeviceObject)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    PIO_WORKITEM Item =
        HostAllocate(HostKindWorkItem, sizeof(*Item), HOST_TAG_WORK_ITEM, __builtin_return_address(0));
    if (Item != NULL) {
        memset(Item, 0, sizeof(*Item));
        Item->Device = DeviceObject;
    }
    return Item;
}

void IoFreeWorkItem(PIO_WORKITEM IoWorkItem)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    HostVerify(HostKindWorkItem, IoWorkItem, __func__);
    if (__atomic_load_n(&IoWorkItem->Queued, __ATOMIC_ACQUIRE)) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)IoWorkItem, 0, 0, 0,
                     "IoFreeWorkItem was called for a work item that is queued.");
    }
    HostFree(HostKindWorkItem, IoWorkItem, __func__);
}

static void RunItem(PHOST_WORK Work)
{
    PIO_WORKITEM Item = CONTAINING_RECORD(Work, struct _IO_WORKITEM, Work);
    PDEVICE_OBJECT Device = Item->Device;
    PIO_WORKITEM_ROUTINE Routine = Item->Routine;
    PVOID Context = Item->Context;
    PHOST_DRIVER Driver = (PHOST_DRIVER)Device->DriverObject;

    __atomic_store_n(&Item->Queued, 0, __ATOMIC_RELEASE);
    HOST_CALL Call = HostBeginCall(Driver);
    Routine(Device, Context);
    HostEndCall(&Call, "work item routine", (PVOID)Routine);
    HostDereference(Device);
    HostRemoveActiveItem(Driver);
}

void IoQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE WorkerRoutine, WORK_QUEUE_TYPE QueueType,
                     PVOID Context)
{
    UNREFERENCED_PARAMETER(QueueType);
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    HostVerify(HostKindWorkItem, IoWorkItem, __func__);
    if (__atomic_exchange_n(&IoWorkItem->Queued, 1, __ATOMIC_ACQ_REL) != 0) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)IoWorkItem, 0, 0, 0,
                     "IoQueueWorkItem was called for a work item that is queued already.");
    }
    HostReference(IoWorkItem->Device);
    HostAddActiveItem((PHOST_DRIVER)IoWorkItem->Device->DriverObject);
    IoWorkItem->Routine = WorkerRoutine;
    IoWorkItem->Context = Context;
    IoWorkItem->Work.Routine = RunItem;
    HostQueueWork(&IoWorkItem->Work);
}
