/* SPDX-License-Identifier: Apache-2.0
 *
 * The polling half of the Linux backend: an epoll instance, our own thread that waits on it, and lenders:
 * other threads that poll for a while.
 *
 * At most one thread at a time is the poller (Polling). A thread that finds its completion port empty is a
 * lender: it becomes the poller and completes requests itself, which saves a context switch from our thread
 * to it. If our thread is the poller then, it is asked to stand back. While lenders come and go, our thread
 * checks once per tick whether one has polled since the last check, and takes over when none has. When one
 * lender stays blocked in its poll for several ticks, our thread sleeps until that lender leaves. So an idle
 * system has no wake-ups, a busy one none per operation, and I/O never stops.
 */
#include "backend.h"

#include <iomanager.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX       64
#define TICK_NANOSECONDS 1000000
/* Ticks that a lender is blocked in one poll before our thread sleeps. */
#define TICKS_TO_SLEEP 4

enum { PollingNobody, PollingOwn, PollingLender };

static struct {
    int Epoll;
    int WakeEvent; /* eventfd in Epoll, cookie NULL */
    const BACKEND_EVENTS* Events;
    pthread_t Thread;

    /* Atomic. */
    int Stop;
    int Polling;       /* Polling...: who may wait on Epoll and report */
    int LenderIn;      /* a thread is in LendRun */
    int LenderWaits;   /* that thread wants our thread to stand back */
    int WakeRequested; /* LendWake was called */
    int Asleep;        /* our thread waits on Changed without a timeout */
    unsigned Lends;    /* finished polls of lenders */

    pthread_mutex_t Lock;
    pthread_cond_t Changed; /* our thread waits here when it is not the poller, a lender for our thread */
} Poller = {
    .Epoll = -1,
    .WakeEvent = -1,
    .Lock = PTHREAD_MUTEX_INITIALIZER,
};

/* Set in a thread that is polling as a lender. */
static _Thread_local bool Lending;

static int Load(const int* Value)
{
    return __atomic_load_n(Value, __ATOMIC_SEQ_CST);
}

static void Store(int* Value, int New)
{
    __atomic_store_n(Value, New, __ATOMIC_SEQ_CST);
}

static bool BecomePoller(int Who)
{
    int Nobody = PollingNobody;

    return __atomic_compare_exchange_n(&Poller.Polling, &Nobody, Who, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static void NotifyChanged(void)
{
    pthread_mutex_lock(&Poller.Lock);
    pthread_cond_broadcast(&Poller.Changed);
    pthread_mutex_unlock(&Poller.Lock);
}

void BackendWake(void)
{
    uint64_t One = 1;

    while (write(Poller.WakeEvent, &One, sizeof(One)) < 0 && errno == EINTR) {
    }
}

/* ---- polling ----------------------------------------------------------------------------------------- */

static uint32_t FlagsOf(uint32_t Events)
{
    uint32_t Flags = 0;

    if (Events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) {
        Flags |= BACKEND_READABLE;
    }
    if (Events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
        Flags |= BACKEND_WRITABLE;
    }
    return Flags;
}

static void Report(const struct epoll_event* Event)
{
    uint64_t Count;

    if (Event->data.ptr != NULL) {
        Poller.Events->Ready(Event->data.ptr, FlagsOf(Event->events));
    } else {
        (void)!read(Poller.WakeEvent, &Count, sizeof(Count));
    }
}

/* One round; the caller is the poller. Waits up to Milliseconds, -1 for ever. */
static void Poll(int Milliseconds)
{
    struct epoll_event Events[EVENTS_MAX];
    int Count;

    Poller.Events->Quiescent();
    Count = epoll_wait(Poller.Epoll, Events, EVENTS_MAX, Milliseconds);
    for (int Index = 0; Index < Count; Index++) {
        Report(&Events[Index]);
    }
}

/* ---- our thread -------------------------------------------------------------------------------------- */

/* Waits for a tick, or for a change. Lock is held. */
static void WaitTick(void)
{
    struct timespec Until;

    clock_gettime(CLOCK_MONOTONIC, &Until);
    Until.tv_nsec += TICK_NANOSECONDS;
    if (Until.tv_nsec >= 1000000000) {
        Until.tv_nsec -= 1000000000;
        Until.tv_sec++;
    }
    (void)pthread_cond_timedwait(&Poller.Changed, &Poller.Lock, &Until);
}

/* Waits until the lender leaves its poll; may return early. Lock is held. */
static void SleepWhileLent(void)
{
    Store(&Poller.Asleep, 1);
    if (Load(&Poller.Polling) == PollingLender && !Load(&Poller.Stop)) {
        pthread_cond_wait(&Poller.Changed, &Poller.Lock);
    }
    Store(&Poller.Asleep, 0);
}

/* Stands back while lenders poll; returns when none has polled for a tick. */
static void StandBack(void)
{
    unsigned Still = 0;
    bool Lent = true;

    pthread_mutex_lock(&Poller.Lock);
    while (Lent && !Load(&Poller.Stop)) {
        unsigned Before = __atomic_load_n(&Poller.Lends, __ATOMIC_SEQ_CST);
        bool Same;

        WaitTick();
        Same = (Before == __atomic_load_n(&Poller.Lends, __ATOMIC_SEQ_CST));
        Lent = Load(&Poller.LenderIn) || !Same;
        Still = Same ? Still + 1 : 0;
        if (Lent && Still >= TICKS_TO_SLEEP) {
            SleepWhileLent();
            Still = 0;
        }
    }
    pthread_mutex_unlock(&Poller.Lock);
}

static void* Run(void* Context)
{
    (void)Context;
    while (!Load(&Poller.Stop)) {
        if (!Load(&Poller.LenderWaits) && BecomePoller(PollingOwn)) {
            Poll(-1);
            Store(&Poller.Polling, PollingNobody);
        } else {
            NotifyChanged();
            StandBack();
        }
    }
    return NULL;
}

/* ---- lenders ----------------------------------------------------------------------------------------- */

/* Rounded up; -1 for no deadline. */
static int MillisecondsUntil(LONGLONG Deadline)
{
    LONGLONG Left;

    if (Deadline < 0) {
        return -1;
    }
    Left = Deadline - HostQueryTime();
    if (Left <= 0) {
        return 0;
    }
    return (Left > 3600000000000LL) ? 3600000 : (int)((Left + 999999) / 1000000);
}

/* Becomes the poller; if our thread is polling, waits until it stands back, which takes one round. */
static bool TakeOver(LONGLONG Deadline)
{
    if (BecomePoller(PollingLender)) {
        return true;
    }
    if (MillisecondsUntil(Deadline) == 0) {
        return false;
    }
    Store(&Poller.LenderWaits, 1);
    BackendWake();
    pthread_mutex_lock(&Poller.Lock);
    while (Load(&Poller.Polling) != PollingNobody && !Load(&Poller.WakeRequested) && !Load(&Poller.Stop)) {
        pthread_cond_wait(&Poller.Changed, &Poller.Lock);
    }
    pthread_mutex_unlock(&Poller.Lock);
    if (!Load(&Poller.WakeRequested) && BecomePoller(PollingLender)) {
        Store(&Poller.LenderWaits, 0);
        return true;
    }
    Store(&Poller.LenderWaits, 0);
    return false;
}

static void LendPoll(LONGLONG Deadline)
{
    if (!Load(&Poller.WakeRequested) && !Load(&Poller.Stop)) {
        Lending = true;
        Poll(MillisecondsUntil(Deadline));
        Lending = false;
    }
    __atomic_add_fetch(&Poller.Lends, 1, __ATOMIC_SEQ_CST);
    Store(&Poller.Polling, PollingNobody);
    if (Load(&Poller.Asleep)) {
        NotifyChanged();
    }
}

static BOOLEAN LendRun(PVOID Context, LONGLONG Deadline)
{
    int Out = 0;

    (void)Context;
    if (Load(&Poller.Stop) ||
        !__atomic_compare_exchange_n(&Poller.LenderIn, &Out, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        return FALSE;
    }
    if (TakeOver(Deadline)) {
        LendPoll(Deadline);
    }
    Store(&Poller.WakeRequested, 0);
    Store(&Poller.LenderIn, 0);
    return TRUE;
}

/* The request persists until a lender's run ends, so that a lender that is about to poll sees it. */
static void LendWake(PVOID Context)
{
    (void)Context;
    Store(&Poller.WakeRequested, 1);
    if (Lending) {
        return; /* its round ends anyway */
    }
    if (Load(&Poller.Polling) == PollingLender) {
        BackendWake();
    } else if (Load(&Poller.LenderWaits)) {
        NotifyChanged();
    }
}

/* ---- start and stop ---------------------------------------------------------------------------------- */

static int32_t Control(int Operation, BACKEND_HANDLE Handle, void* Cookie, uint32_t Flags)
{
    struct epoll_event Event = {.events = EPOLLET, .data.ptr = Cookie};

    Event.events |= (Flags & BACKEND_READABLE) ? (uint32_t)EPOLLIN | EPOLLRDHUP : 0;
    Event.events |= (Flags & BACKEND_WRITABLE) ? (uint32_t)EPOLLOUT : 0;
    return (epoll_ctl(Poller.Epoll, Operation, (int)Handle, &Event) < 0) ? errno : 0;
}

int32_t BackendWatch(BACKEND_HANDLE Handle, void* Cookie, uint32_t Flags)
{
    return Control(EPOLL_CTL_ADD, Handle, Cookie, Flags);
}

int32_t BackendRewatch(BACKEND_HANDLE Handle, void* Cookie, uint32_t Flags)
{
    return Control(EPOLL_CTL_MOD, Handle, Cookie, Flags);
}

void BackendUnwatch(BACKEND_HANDLE Handle)
{
    /* Explicit, because a child process may hold the socket open for a moment between fork and exec. */
    (void)Control(EPOLL_CTL_DEL, Handle, NULL, 0);
}

static void CloseDescriptors(void)
{
    if (Poller.WakeEvent >= 0) {
        (void)close(Poller.WakeEvent);
    }
    if (Poller.Epoll >= 0) {
        (void)close(Poller.Epoll);
    }
    Poller.WakeEvent = -1;
    Poller.Epoll = -1;
}

static int32_t OpenDescriptors(void)
{
    struct epoll_event Event = {.events = EPOLLIN, .data.ptr = NULL};

    Poller.Epoll = epoll_create1(EPOLL_CLOEXEC);
    Poller.WakeEvent = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (Poller.Epoll < 0 || Poller.WakeEvent < 0 ||
        epoll_ctl(Poller.Epoll, EPOLL_CTL_ADD, Poller.WakeEvent, &Event) < 0) {
        int32_t Error = errno;

        CloseDescriptors();
        return Error;
    }
    return 0;
}

static void InitializeChanged(void)
{
    pthread_condattr_t Attributes;

    pthread_condattr_init(&Attributes);
    pthread_condattr_setclock(&Attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&Poller.Changed, &Attributes);
    pthread_condattr_destroy(&Attributes);
}

/* Signals are blocked: they are for the program's own threads. */
static int CreateThread(void)
{
    sigset_t All, Before;
    int Error;

    sigfillset(&All);
    pthread_sigmask(SIG_SETMASK, &All, &Before);
    Error = pthread_create(&Poller.Thread, NULL, Run, NULL);
    pthread_sigmask(SIG_SETMASK, &Before, NULL);
    return Error;
}

int32_t BackendStart(const BACKEND_EVENTS* Events)
{
    static const HOST_IDLE_WORKER Worker = {LendRun, LendWake, NULL};
    int32_t Error = OpenDescriptors();

    if (Error != 0) {
        return Error;
    }
    Poller.Events = Events;
    Store(&Poller.Stop, 0);
    Store(&Poller.Polling, PollingNobody);
    InitializeChanged();
    Error = CreateThread();
    if (Error != 0) {
        pthread_cond_destroy(&Poller.Changed);
        CloseDescriptors();
        return Error;
    }
    HostSetIdleWorker(&Worker);
    return 0;
}

void BackendStop(void)
{
    Store(&Poller.Stop, 1);
    BackendWake();
    NotifyChanged();
    HostSetIdleWorker(NULL);
    /* A lender may have taken the first wake-up. */
    BackendWake();
    NotifyChanged();
    pthread_join(Poller.Thread, NULL);
    pthread_cond_destroy(&Poller.Changed);
    CloseDescriptors();
}
