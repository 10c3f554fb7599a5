/* SPDX-License-Identifier: Apache-2.0
 *
 * Deferred procedure calls and timers: one host thread at DISPATCH_LEVEL runs both.
 *
 * The mutex protects the fields of KDPC and KTIMER that are used here: DpcData is non-NULL while a DPC is
 * queued; Header.Reserved1 is non-zero while a timer is. The driver that a DPC is charged to is in its
 * ProcessorHistory; the id of a timer's driver is in its Processor.
 */
#include "wdmp.h"

#include <errno.h>

static pthread_mutex_t Mutex = PTHREAD_MUTEX_INITIALIZER; /* protects everything below */
static pthread_cond_t Work;                               /* the thread has something to do */
static pthread_cond_t Drained;                            /* no DPC is queued or running */
static BOOLEAN ConditionsReady, Running, Stopping, Busy;
static pthread_t Thread;
static PSINGLE_LIST_ENTRY FirstDpc, *LastDpc = &FirstDpc;
static LIST_ENTRY Timers = {&Timers, &Timers}; /* sorted by DueTime, which is in HostQueryTime units here */

static void PrepareConditions(void)
{
    pthread_condattr_t Attributes;
    pthread_condattr_init(&Attributes);
    pthread_condattr_setclock(&Attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&Work, &Attributes);
    pthread_cond_init(&Drained, &Attributes);
    pthread_condattr_destroy(&Attributes);
    ConditionsReady = TRUE;
}

/* ---- the thread (mutex held unless said otherwise) --------------------------------------------------- */

static void RunNextDpc(void)
{
    PKDPC Dpc = CONTAINING_RECORD(FirstDpc, KDPC, DpcListEntry);
    FirstDpc = FirstDpc->Next;
    if (FirstDpc == NULL) {
        LastDpc = &FirstDpc;
    }
    KDPC Copy = *Dpc; /* the routine may free the DPC or queue it again */
    Dpc->DpcData = NULL;
    Busy = TRUE;
    pthread_mutex_unlock(&Mutex);

    HostThread.Irql = DISPATCH_LEVEL;
    HOST_CALL Call = HostBeginCall((PHOST_DRIVER)Copy.ProcessorHistory);
    Copy.DeferredRoutine(Dpc, Copy.DeferredContext, Copy.SystemArgument1, Copy.SystemArgument2);
    HostEndCall(&Call, "DPC routine", (PVOID)Copy.DeferredRoutine);
    HostThread.Irql = PASSIVE_LEVEL;

    pthread_mutex_lock(&Mutex);
    Busy = FALSE;
}

static BOOLEAN QueueDpc(PKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    if (Dpc->DpcData != NULL) {
        return FALSE;
    }
    Dpc->DpcData = &Mutex;
    Dpc->SystemArgument1 = SystemArgument1;
    Dpc->SystemArgument2 = SystemArgument2;
    Dpc->DpcListEntry.Next = NULL;
    *LastDpc = &Dpc->DpcListEntry;
    LastDpc = &Dpc->DpcListEntry.Next;
    return TRUE;
}

static void InsertTimer(PKTIMER Timer)
{
    PLIST_ENTRY After = Timers.Blink;
    while (After != &Timers &&
           CONTAINING_RECORD(After, KTIMER, TimerListEntry)->DueTime.QuadPart > Timer->DueTime.QuadPart) {
        After = After->Blink;
    }
    InsertHeadList(After, &Timer->TimerListEntry);
    Timer->Header.Reserved1 = 1;
}

static void ExpireTimer(PKTIMER Timer, LONGLONG Now)
{
    PKDPC Dpc = Timer->Dpc;
    RemoveEntryList(&Timer->TimerListEntry);
    Timer->Header.Reserved1 = 0;
    if (Timer->Period != 0) {
        LONGLONG Period = Timer->Period * 1000000LL;
        LONGLONG Next = (LONGLONG)Timer->DueTime.QuadPart + Period;
        Timer->DueTime.QuadPart = (ULONGLONG)(Next > Now ? Next : Now + Period);
        InsertTimer(Timer);
    }
    if (Dpc != NULL) {
        QueueDpc(Dpc, NULL, NULL);
    }
    HostSignal(&Timer->Header);
}

static void WaitForWork(void)
{
    if (IsListEmpty(&Timers)) {
        pthread_cond_wait(&Work, &Mutex);
        return;
    }
    PKTIMER First = CONTAINING_RECORD(Timers.Flink, KTIMER, TimerListEntry);
    LONGLONG Now = HostQueryTime();
    if ((LONGLONG)First->DueTime.QuadPart <= Now) {
        ExpireTimer(First, Now);
        return;
    }
    struct timespec Until = HostTimespec((LONGLONG)First->DueTime.QuadPart);
    pthread_cond_timedwait(&Work, &Mutex, &Until);
}

static void* DpcThread(void* Context)
{
    UNREFERENCED_PARAMETER(Context);
    HostThread.Process = HostSystemProcess;
    pthread_mutex_lock(&Mutex);
    while (!Stopping || FirstDpc != NULL) {
        if (FirstDpc != NULL) {
            RunNextDpc();
            if (FirstDpc == NULL) {
                pthread_cond_broadcast(&Drained);
            }
        } else {
            WaitForWork();
        }
    }
    pthread_mutex_unlock(&Mutex);
    return NULL;
}

static void WakeThread(void)
{
    if (!Running) {
        if (!ConditionsReady) {
            PrepareConditions();
        }
        Running = HostStartNativeThread(&Thread, DpcThread, NULL);
        if (!Running) {
            HostBugcheck(MANUALLY_INITIATED_CRASH, 0, 0, 0, 0, "The thread for timers could not be started.");
        }
    }
    pthread_cond_signal(&Work);
}

void HostStopDpcThread(void)
{
    pthread_mutex_lock(&Mutex);
    BOOLEAN WasRunning = Running;
    Stopping = TRUE;
    if (WasRunning) {
        pthread_cond_signal(&Work);
    }
    pthread_mutex_unlock(&Mutex);
    if (WasRunning) {
        pthread_join(Thread, NULL);
    }
    pthread_mutex_lock(&Mutex);
    Running = FALSE;
    Stopping = FALSE;
    pthread_mutex_unlock(&Mutex);
}

/* ---- DPCs -------------------------------------------------------------------------------------------- */

void KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
    memset(Dpc, 0, sizeof(*Dpc));
    Dpc->Type = 0x13;
    Dpc->Importance = MediumImportance;
    Dpc->DeferredRoutine = DeferredRoutine;
    Dpc->DeferredContext = DeferredContext;
    Dpc->ProcessorHistory = (ULONG_PTR)HostThread.Driver;
}

static void CheckDpc(PRKDPC Dpc, const char* Function)
{
    if (Dpc->Type != 0x13) {
        HostBugcheck(TIMER_OR_DPC_INVALID, 0, (ULONG_PTR)Dpc, 0, 0,
                     "%s was given a DPC that is not initialised.", Function);
    }
}

BOOLEAN KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    HOST_MAX_IRQL(HIGH_LEVEL);
    CheckDpc(Dpc, __func__);
    pthread_mutex_lock(&Mutex);
    BOOLEAN Queued = QueueDpc(Dpc, SystemArgument1, SystemArgument2);
    if (Queued) {
        WakeThread();
    }
    pthread_mutex_unlock(&Mutex);
    return Queued;
}

BOOLEAN KeRemoveQueueDpc(PRKDPC Dpc)
{
    CheckDpc(Dpc, __func__);
    BOOLEAN Removed = FALSE;
    pthread_mutex_lock(&Mutex);
    for (PSINGLE_LIST_ENTRY* Link = &FirstDpc; *Link != NULL; Link = &(*Link)->Next) {
        if (*Link == &Dpc->DpcListEntry) {
            *Link = Dpc->DpcListEntry.Next;
            if (*Link == NULL) {
                LastDpc = Link;
            }
            Dpc->DpcData = NULL;
            Removed = TRUE;
            pthread_cond_broadcast(&Drained);
            break;
        }
    }
    pthread_mutex_unlock(&Mutex);
    return Removed;
}

void KeFlushQueuedDpcs(void)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    pthread_mutex_lock(&Mutex);
    while (Running && (FirstDpc != NULL || Busy)) {
        pthread_cond_wait(&Drained, &Mutex);
    }
    pthread_mutex_unlock(&Mutex);
}

/* ---- timers ------------------------------------------------------------------------------------------ */

void KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type)
{
    memset(Timer, 0, sizeof(*Timer));
    Timer->Header.Type = Type == SynchronizationTimer ? 9 : 8;
    InitializeListHead(&Timer->Header.WaitListHead);
}

void KeInitializeTimer(PKTIMER Timer)
{
    KeInitializeTimerEx(Timer, NotificationTimer);
}

static void CheckTimer(PKTIMER Timer, const char* Function)
{
    if ((Timer->Header.Type != 8 && Timer->Header.Type != 9) || Timer->Header.WaitListHead.Flink == NULL) {
        HostBugcheck(TIMER_OR_DPC_INVALID, 1, (ULONG_PTR)Timer, 0, 0,
                     "%s was given a timer that is not initialised.", Function);
    }
}

static BOOLEAN RemoveTimer(PKTIMER Timer)
{
    if (Timer->Header.Reserved1 == 0) {
        return FALSE;
    }
    RemoveEntryList(&Timer->TimerListEntry);
    Timer->Header.Reserved1 = 0;
    return TRUE;
}

BOOLEAN KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    CheckTimer(Timer, __func__);
    if (Dpc != NULL) {
        CheckDpc(Dpc, __func__);
    }
    LONGLONG Deadline = HostDeadline(&DueTime);
    pthread_mutex_lock(&Mutex);
    BOOLEAN WasSet = RemoveTimer(Timer);
    __atomic_store_n(&Timer->Header.SignalState, 0, __ATOMIC_RELEASE);
    Timer->DueTime.QuadPart = Deadline < 0 ? (ULONGLONG)MAXLONGLONG : (ULONGLONG)Deadline;
    Timer->Period = Period;
    Timer->Dpc = Dpc;
    Timer->Processor = HostThread.Driver != NULL ? HostThread.Driver->Id : 0;
    InsertTimer(Timer);
    WakeThread();
    pthread_mutex_unlock(&Mutex);
    return WasSet;
}

BOOLEAN KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc)
{
    return KeSetTimerEx(Timer, DueTime, 0, Dpc);
}

BOOLEAN KeCancelTimer(PKTIMER Timer)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    CheckTimer(Timer, __func__);
    pthread_mutex_lock(&Mutex);
    BOOLEAN WasSet = RemoveTimer(Timer);
    pthread_mutex_unlock(&Mutex);
    return WasSet;
}

BOOLEAN KeReadStateTimer(PKTIMER Timer)
{
    CheckTimer(Timer, __func__);
    return (BOOLEAN)(__atomic_load_n(&Timer->Header.SignalState, __ATOMIC_ACQUIRE) > 0);
}

ULONG HostCountTimers(PHOST_DRIVER Driver)
{
    ULONG Count = 0;
    pthread_mutex_lock(&Mutex);
    for (PLIST_ENTRY Entry = Timers.Flink; Entry != &Timers; Entry = Entry->Flink) {
        if (CONTAINING_RECORD(Entry, KTIMER, TimerListEntry)->Processor == Driver->Id) {
            Count++;
        }
    }
    pthread_mutex_unlock(&Mutex);
    return Count;
}
