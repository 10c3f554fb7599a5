/* SPDX-License-Identifier: Apache-2.0
 *
 * The idle worker: chooses which of the threads that wait at completion ports does a provider's polling while
 * it waits.
 *
 * One thread at a time has the role. Threads that wait without it are listed as candidates; a thread that
 * gives up the role to process packets wakes one of them, so the role is not left empty while a thread could
 * take it.
 */
#include "wdmp.h"

static HOST_LOCK Lock;          /* protects everything below */
static HOST_IDLE_WORKER Worker; /* Run NULL: none */
static BOOLEAN RoleTaken;
static BOOLEAN InRun;
static ULONG Wakers;                                       /* threads inside Wake */
static LIST_ENTRY Candidates = {&Candidates, &Candidates}; /* HOST_WAITER.IdleLink, latest first */

BOOLEAN HostIdleEnter(PHOST_WAITER Waiter, BOOLEAN MayTake)
{
    BOOLEAN granted = FALSE;
    HostAcquireLock(&Lock);
    if (MayTake && Worker.Run != NULL && !RoleTaken) {
        RoleTaken = granted = TRUE;
    } else {
        InsertHeadList(&Candidates, &Waiter->IdleLink);
    }
    HostReleaseLock(&Lock);
    return granted;
}

BOOLEAN HostIdleRun(LONGLONG Deadline)
{
    HostAcquireLock(&Lock);
    HOST_IDLE_WORKER worker = Worker;
    InRun = (BOOLEAN)(worker.Run != NULL);
    HostReleaseLock(&Lock);
    if (worker.Run == NULL) {
        return FALSE;
    }
    HOST_CALL call = HostBeginCall(NULL);
    BOOLEAN ran = worker.Run(worker.Context, Deadline);
    HostEndCall(&call, "idle worker", (PVOID)worker.Run);
    HostAcquireLock(&Lock);
    InRun = FALSE;
    HostReleaseLock(&Lock);
    return ran;
}

/* Lock held; the word to unpark after releasing it, or NULL. */
static LONG* TakeCandidate(void)
{
    if (IsListEmpty(&Candidates)) {
        return NULL;
    }
    PHOST_WAITER waiter = CONTAINING_RECORD(RemoveHeadList(&Candidates), HOST_WAITER, IdleLink);
    waiter->IdleLink.Flink = NULL;
    __atomic_store_n(&waiter->Signal, 1, __ATOMIC_RELEASE);
    return &waiter->Signal;
}

void HostIdleLeave(BOOLEAN PassOn)
{
    HostAcquireLock(&Lock);
    RoleTaken = FALSE;
    LONG* candidate = PassOn && Worker.Run != NULL ? TakeCandidate() : NULL;
    HostReleaseLock(&Lock);
    if (candidate != NULL) {
        HostUnpark(candidate);
    }
}

void HostIdleUnlist(PHOST_WAITER Waiter)
{
    HostAcquireLock(&Lock);
    if (Waiter->IdleLink.Flink != NULL) {
        RemoveEntryList(&Waiter->IdleLink);
        Waiter->IdleLink.Flink = NULL;
    }
    HostReleaseLock(&Lock);
}

void HostIdleWake(void)
{
    HostAcquireLock(&Lock);
    HOST_IDLE_WORKER worker = Worker;
    Wakers += worker.Run != NULL;
    HostReleaseLock(&Lock);
    if (worker.Run != NULL) {
        worker.Wake(worker.Context);
        HostAcquireLock(&Lock);
        Wakers--;
        HostReleaseLock(&Lock);
    }
}

/* Wakes the thread in Run and waits until nobody uses the worker that was removed. */
static void AwaitUnused(const HOST_IDLE_WORKER* Removed)
{
    ULONG round = 0;
    BOOLEAN woken = FALSE;
    for (;;) {
        HostAcquireLock(&Lock);
        BOOLEAN inRun = InRun;
        BOOLEAN used = (BOOLEAN)(inRun || Wakers != 0);
        HostReleaseLock(&Lock);
        if (!used) {
            return;
        }
        if (inRun && !woken) {
            Removed->Wake(Removed->Context);
            woken = TRUE;
        }
        HostBackOff(&round);
    }
}

void HostSetIdleWorker(const HOST_IDLE_WORKER* NewWorker)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    HostAcquireLock(&Lock);
    HOST_IDLE_WORKER old = Worker;
    memset(&Worker, 0, sizeof(Worker));
    HostReleaseLock(&Lock);
    if (old.Run != NULL) {
        AwaitUnused(&old);
    }
    if (NewWorker == NULL) {
        return;
    }
    HostAcquireLock(&Lock);
    Worker = *NewWorker;
    LONG* candidate = RoleTaken ? NULL : TakeCandidate();
    HostReleaseLock(&Lock);
    if (candidate != NULL) {
        HostUnpark(candidate);
    }
}
