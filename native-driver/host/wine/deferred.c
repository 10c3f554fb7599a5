/* SPDX-License-Identifier: Apache-2.0
 *
 * Deferred procedure calls. Wine cannot queue them. Here one thread runs all of them at DISPATCH_LEVEL.
 */
#include "winekernel.h"

/* Fields of a KDPC that this file uses; they are reserved for the kernel. */
#define DPC_ROUTINE(Dpc)   ((PKDEFERRED_ROUTINE)(Dpc)->ProcessorHistory)
#define DPC_IS_QUEUED(Dpc) ((Dpc)->DpcData)

static struct {
    KSPIN_LOCK Lock;
    SINGLE_LIST_ENTRY* First; /* Lock: KDPC.DpcListEntry, oldest first */
    SINGLE_LIST_ENTRY** Last; /* Lock */
    BOOLEAN Started;          /* Lock */
    LONG Running;             /* Lock: taken out of the list, routine not yet returned */
    KEVENT NotEmpty;
} Dpcs = {.Last = &Dpcs.First};

static void Run(PRKDPC Dpc)
{
    KIRQL Irql = KfRaiseIrql(DISPATCH_LEVEL);

    DPC_ROUTINE(Dpc)(Dpc, Dpc->DeferredContext, Dpc->SystemArgument1, Dpc->SystemArgument2);
    KeLowerIrql(Irql);
}

static PRKDPC Take(void)
{
    PRKDPC Dpc = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Dpcs.Lock, &Irql);
    if (Dpcs.First != NULL) {
        Dpc = CONTAINING_RECORD(Dpcs.First, KDPC, DpcListEntry);
        Dpcs.First = Dpcs.First->Next;
        if (Dpcs.First == NULL) {
            Dpcs.Last = &Dpcs.First;
        }
        DPC_IS_QUEUED(Dpc) = NULL;
        Dpcs.Running++;
    }
    KeReleaseSpinLock(&Dpcs.Lock, Irql);
    return Dpc;
}

static void Thread(PVOID Context)
{
    KIRQL Irql;
    PRKDPC Dpc;

    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        KeWaitForSingleObject(&Dpcs.NotEmpty, Executive, KernelMode, FALSE, NULL);
        while ((Dpc = Take()) != NULL) {
            Run(Dpc);
            KeAcquireSpinLock(&Dpcs.Lock, &Irql);
            Dpcs.Running--;
            KeReleaseSpinLock(&Dpcs.Lock, Irql);
        }
    }
}

/* The thread runs until the process ends, like the kernel's own, so this module stays loaded too. */
static void StartThread(void)
{
    HANDLE Handle;
    BOOLEAN Start;
    KIRQL Irql;

    KeAcquireSpinLock(&Dpcs.Lock, &Irql);
    Start = !Dpcs.Started;
    Dpcs.Started = TRUE;
    KeReleaseSpinLock(&Dpcs.Lock, Irql);
    if (Start) {
        WineStay();
        KeInitializeEvent(&Dpcs.NotEmpty, SynchronizationEvent, FALSE);
        if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Thread, NULL))) {
            WineStop("KeInitializeDpc", "no thread can be made for deferred procedure calls");
        }
        ZwClose(Handle);
    }
}

void NTAPI KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
    StartThread();
    RtlZeroMemory(Dpc, sizeof(*Dpc));
    Dpc->DeferredContext = DeferredContext;
    Dpc->ProcessorHistory = (ULONG_PTR)DeferredRoutine;
    DPC_IS_QUEUED(Dpc) = NULL;
}

BOOLEAN NTAPI KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    BOOLEAN Inserted;
    KIRQL Irql;

    KeAcquireSpinLock(&Dpcs.Lock, &Irql);
    Inserted = (BOOLEAN)(DPC_IS_QUEUED(Dpc) == NULL);
    if (Inserted) {
        DPC_IS_QUEUED(Dpc) = &Dpcs;
        Dpc->SystemArgument1 = SystemArgument1;
        Dpc->SystemArgument2 = SystemArgument2;
        Dpc->DpcListEntry.Next = NULL;
        *Dpcs.Last = &Dpc->DpcListEntry;
        Dpcs.Last = &Dpc->DpcListEntry.Next;
    }
    KeReleaseSpinLock(&Dpcs.Lock, Irql);
    if (Inserted) {
        KeSetEvent(&Dpcs.NotEmpty, IO_NO_INCREMENT, FALSE);
    }
    return Inserted;
}

BOOLEAN NTAPI KeRemoveQueueDpc(PRKDPC Dpc)
{
    SINGLE_LIST_ENTRY** Link = &Dpcs.First;
    BOOLEAN Removed;
    KIRQL Irql;

    KeAcquireSpinLock(&Dpcs.Lock, &Irql);
    Removed = (BOOLEAN)(DPC_IS_QUEUED(Dpc) != NULL);
    if (Removed) {
        while (*Link != &Dpc->DpcListEntry) {
            Link = &(*Link)->Next;
        }
        *Link = Dpc->DpcListEntry.Next;
        if (*Link == NULL) {
            Dpcs.Last = Link;
        }
        DPC_IS_QUEUED(Dpc) = NULL;
    }
    KeReleaseSpinLock(&Dpcs.Lock, Irql);
    return Removed;
}

/* Waits for a moment at which no DPC is queued or running. */
void NTAPI KeFlushQueuedDpcs(void)
{
    BOOLEAN Busy;
    KIRQL Irql;

    do {
        KeAcquireSpinLock(&Dpcs.Lock, &Irql);
        Busy = (BOOLEAN)(Dpcs.First != NULL || Dpcs.Running > 0);
        KeReleaseSpinLock(&Dpcs.Lock, Irql);
        if (Busy) {
            WineYield();
        }
    } while (Busy);
}
