/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers. Wine's KeSetTimerEx holds a lock while it waits for the callback of the timer that it sets again,
 * and that callback takes the same lock, so the process hangs when both meet. Here one thread queues the
 * deferred procedure calls of timers that have expired. Only timers with such a call are supported; nobody
 * can wait for a timer itself.
 */
#include "winekernel.h"

static struct {
    KSPIN_LOCK Lock;
    LIST_ENTRY Set;  /* Lock: KTIMER.TimerListEntry, in any order; Flink NULL in timers that are not set */
    BOOLEAN Started; /* Lock */
    KEVENT Changed;
} Timers;

/* Lock held. */
static BOOLEAN Unset(PKTIMER Timer)
{
    if (Timer->TimerListEntry.Flink == NULL) {
        return FALSE;
    }
    RemoveEntryList(&Timer->TimerListEntry);
    Timer->TimerListEntry.Flink = NULL;
    return TRUE;
}

/* Lock held. Queues the call before the lock is released, so that KeFlushQueuedDpcs after KeCancelTimer waits
 * for it. */
static void Expire(PKTIMER Timer, ULONGLONG Now)
{
    if (Timer->Period == 0) {
        (void)Unset(Timer);
    } else {
        Timer->DueTime.QuadPart = Now + (ULONGLONG)Timer->Period * 10000;
    }
    (void)KeInsertQueueDpc(Timer->Dpc, NULL, NULL);
}

/* Lock held. Returns when the next timer expires; MAXULONGLONG if none is set. */
static ULONGLONG ExpireAll(ULONGLONG Now)
{
    ULONGLONG Next = MAXULONGLONG;
    LIST_ENTRY* Entry = Timers.Set.Flink;

    while (Entry != &Timers.Set) {
        PKTIMER Timer = CONTAINING_RECORD(Entry, KTIMER, TimerListEntry);
        Entry = Entry->Flink;
        if (Timer->DueTime.QuadPart <= Now) {
            Expire(Timer, Now);
        }
        if (Timer->TimerListEntry.Flink != NULL && Timer->DueTime.QuadPart < Next) {
            Next = Timer->DueTime.QuadPart;
        }
    }
    return Next;
}

static void Thread(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        LARGE_INTEGER Timeout;
        ULONGLONG Now = KeQueryInterruptTime();
        KIRQL Irql;

        KeAcquireSpinLock(&Timers.Lock, &Irql);
        ULONGLONG Next = ExpireAll(Now);
        KeReleaseSpinLock(&Timers.Lock, Irql);
        Timeout.QuadPart = Next == MAXULONGLONG ? 0 : -(LONGLONG)(Next - Now);
        KeWaitForSingleObject(&Timers.Changed, Executive, KernelMode, FALSE,
                              Next == MAXULONGLONG ? NULL : &Timeout);
    }
}

/* The thread runs until the process ends, like that of deferred.c. */
static void StartThread(void)
{
    HANDLE Handle;
    BOOLEAN Start;
    KIRQL Irql;

    KeAcquireSpinLock(&Timers.Lock, &Irql);
    Start = !Timers.Started;
    if (Start) {
        Timers.Started = TRUE;
        InitializeListHead(&Timers.Set);
        KeInitializeEvent(&Timers.Changed, SynchronizationEvent, FALSE);
    }
    KeReleaseSpinLock(&Timers.Lock, Irql);
    if (Start) {
        WineStay();
        if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Thread, NULL))) {
            WineStop("KeInitializeTimerEx", "no thread can be made for timers");
        }
        ZwClose(Handle);
    }
}

void NTAPI KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type)
{
    UNREFERENCED_PARAMETER(Type);
    StartThread();
    RtlZeroMemory(Timer, sizeof(*Timer));
}

/* DueTime is relative, as that of all timers of KMDF. */
BOOLEAN NTAPI KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    BOOLEAN WasSet;
    KIRQL Irql;

    if (DueTime.QuadPart > 0 || Dpc == NULL) {
        WineStop("KeSetTimerEx", "only relative times and timers with a DPC are supported");
    }
    KeAcquireSpinLock(&Timers.Lock, &Irql);
    WasSet = Unset(Timer);
    Timer->DueTime.QuadPart = KeQueryInterruptTime() + (ULONGLONG)-DueTime.QuadPart;
    Timer->Period = Period;
    Timer->Dpc = Dpc;
    InsertTailList(&Timers.Set, &Timer->TimerListEntry);
    KeReleaseSpinLock(&Timers.Lock, Irql);
    KeSetEvent(&Timers.Changed, IO_NO_INCREMENT, FALSE);
    return WasSet;
}

BOOLEAN NTAPI KeCancelTimer(PKTIMER Timer)
{
    BOOLEAN WasSet;
    KIRQL Irql;

    KeAcquireSpinLock(&Timers.Lock, &Irql);
    WasSet = Unset(Timer);
    KeReleaseSpinLock(&Timers.Lock, Irql);
    return WasSet;
}
