/* SPDX-License-Identifier: Apache-2.0
 *
 * Decides which thread polls.
 *
 * One thread at a time leads: it runs the provider's event loop. The others that wait at completion ports are
 * followers. There are three ranks. A thread in the foreground waits for its own request; one in the
 * background takes whatever comes; the provider's own thread is the reserve. The reserve gives way to all
 * others, and a background leader to a thread in the foreground of its port, so that the thread that waits
 * for a packet also fetches it, without a context switch.
 *
 * A leader that leaves to process packets wakes a follower. One in the foreground doesn't wake the background
 * of its port, because it usually waits again soon. So while leaders come and go, the reserve checks once per
 * tick, and wakes a follower, or leads itself, when no thread has led for a tick. While one leader stays
 * blocked, the reserve sleeps. An idle system has no wake-ups, a busy one none per operation, and I/O never
 * stops.
 */
#include "wdmp.h"

#define TICK 1000000 /* nanoseconds */
/* Ticks with the same leader until the reserve sleeps. */
#define TICKS_TO_SLEEP 4

static HOST_LOCK Lock;     /* protects everything below */
static HOST_POLLER Poller; /* Poll NULL: none */
static PHOST_WAITER Leader;
static BOOLEAN Polling;                                 /* the leader is in Poll, or about to be */
static ULONG Wakers;                                    /* threads inside Wake */
static ULONG Led;                                       /* how often a thread became the leader */
static LIST_ENTRY Followers = {&Followers, &Followers}; /* HOST_WAITER.LeaderLink, latest first */
/* The follower that was chosen and woken. Another thread may lead before it runs, but not one of a lower rank
 * than a foreground thread that was chosen. */
static PHOST_WAITER Heir;
static PHOST_WAITER Reserve;
static BOOLEAN ReserveSleeps;

/* ---- choosing the next leader, with the lock held ---------------------------------------------------- */

static BOOLEAN IsListed(PHOST_WAITER Waiter)
{
    return (BOOLEAN)(Waiter->LeaderLink.Flink != NULL);
}

static void List(PHOST_WAITER Waiter)
{
    if (!IsListed(Waiter)) {
        InsertHeadList(&Followers, &Waiter->LeaderLink);
    }
}

static void Unlist(PHOST_WAITER Waiter)
{
    if (IsListed(Waiter)) {
        RemoveEntryList(&Waiter->LeaderLink);
        Waiter->LeaderLink.Flink = NULL;
    }
}

/* The word to unpark after releasing the lock. */
static LONG* Signal(PHOST_WAITER Waiter)
{
    __atomic_store_n(&Waiter->Signal, 1, __ATOMIC_RELEASE);
    return &Waiter->Signal;
}

/* Not: a port whose background waiters are ignored, or NULL. */
static PHOST_WAITER FindFollower(PHOST_PORT Not)
{
    for (PLIST_ENTRY Entry = Followers.Flink; Entry != &Followers; Entry = Entry->Flink) {
        PHOST_WAITER Waiter = CONTAINING_RECORD(Entry, HOST_WAITER, LeaderLink);
        if (Waiter->Rank == HostForeground || Waiter->Port != Not) {
            return Waiter;
        }
    }
    return NULL;
}

/* Chooses a leader if there is none: returns the word to unpark, or NULL. */
static LONG* ChooseHeir(PHOST_PORT Not)
{
    if (Leader != NULL || Poller.Poll == NULL) {
        return NULL;
    }
    if (Heir == NULL) {
        Heir = FindFollower(Not);
    }
    if (Heir != NULL) {
        return Signal(Heir);
    }
    return ReserveSleeps ? Signal(Reserve) : NULL;
}

static BOOLEAN GivesWay(PHOST_WAITER Holder, PHOST_WAITER Claimant)
{
    return (BOOLEAN)(Holder->Rank < Claimant->Rank &&
                     (Holder->Rank == HostReserve || Holder->Port == Claimant->Port));
}

static void Lead(PHOST_WAITER Waiter)
{
    Unlist(Waiter);
    Leader = Waiter;
    Heir = NULL;
    Polling = TRUE;
    Led++;
}

static void Unpark(LONG* Word)
{
    if (Word != NULL) {
        HostUnpark(Word);
    }
}

/* ---- waiters of completion ports --------------------------------------------------------------------- */

BOOLEAN HostLead(PHOST_WAITER Waiter, PBOOLEAN Displaces)
{
    LONG* Word = NULL;
    BOOLEAN Leads = FALSE;
    *Displaces = FALSE;
    HostAcquireLock(&Lock);
    if (Leader == Waiter && (Poller.Poll == NULL || (Heir != NULL && GivesWay(Waiter, Heir)))) {
        Leader = NULL;
        Word = ChooseHeir(NULL);
    }
    if (Poller.Poll != NULL && Leader == Waiter) {
        Polling = Leads = TRUE;
    } else if (Poller.Poll != NULL && Leader == NULL && (Heir == NULL || Heir->Rank <= Waiter->Rank)) {
        Lead(Waiter);
        Leads = TRUE;
    } else {
        List(Waiter);
        if (Leader != NULL && GivesWay(Leader, Waiter) && (Heir == NULL || Heir->Rank < Waiter->Rank)) {
            Heir = Waiter;
            *Displaces = Polling;
        }
    }
    HostReleaseLock(&Lock);
    Unpark(Word);
    return Leads;
}

void HostPollAsLeader(LONGLONG Deadline)
{
    HostAcquireLock(&Lock);
    HOST_POLLER Current = Poller;
    HostReleaseLock(&Lock);
    if (Current.Poll != NULL) {
        HOST_CALL Call = HostBeginCall(NULL);
        Current.Poll(Current.Context, Deadline);
        HostEndCall(&Call, "poller", (PVOID)Current.Poll);
    }
    HostAcquireLock(&Lock);
    Polling = FALSE;
    HostReleaseLock(&Lock);
}

void HostLeaveLeader(PHOST_WAITER Waiter, BOOLEAN HandOn)
{
    LONG* Word = NULL;
    HostAcquireLock(&Lock);
    Unlist(Waiter);
    if (Leader == Waiter || Heir == Waiter) {
        Leader = Leader == Waiter ? NULL : Leader;
        Heir = Heir == Waiter ? NULL : Heir;
        Word = ChooseHeir(HandOn ? NULL : Waiter->Port);
    }
    HostReleaseLock(&Lock);
    Unpark(Word);
}

void HostHandOn(void)
{
    HostAcquireLock(&Lock);
    LONG* Word = ChooseHeir(NULL);
    HostReleaseLock(&Lock);
    Unpark(Word);
}

void HostWakeLeader(void)
{
    HostAcquireLock(&Lock);
    HOST_POLLER Current = Poller;
    Wakers += Current.Poll != NULL;
    HostReleaseLock(&Lock);
    if (Current.Poll != NULL) {
        Current.Wake(Current.Context);
        HostAcquireLock(&Lock);
        Wakers--;
        HostReleaseLock(&Lock);
    }
}

/* ---- the reserve ------------------------------------------------------------------------------------- */

/* Called and returns with the lock held: after a tick or, if the reserve may sleep, when a leader has
 * left. */
static void Rest(PHOST_WAITER Waiter, BOOLEAN Sleeps)
{
    ReserveSleeps = Sleeps;
    Waiter->Signal = 0;
    HostReleaseLock(&Lock);
    HostPark(&Waiter->Signal, Sleeps ? -1 : HostQueryTime() + TICK);
    HostAcquireLock(&Lock);
    ReserveSleeps = FALSE;
}

/* Waits until no thread has led for a tick and there is no follower. The lock is held, and released while
 * waiting. */
static void StandBy(PHOST_WAITER Waiter)
{
    ULONG Still = 0; /* ticks without a new leader */
    while (Poller.Poll != NULL) {
        ULONG Before = Led;
        BOOLEAN Sleeps = (BOOLEAN)(Still >= TICKS_TO_SLEEP && Leader != NULL);
        Rest(Waiter, Sleeps);
        Still = Sleeps || Led != Before ? 0 : Still + 1;
        if (Still != 0 && Leader == NULL) {
            LONG* Word = ChooseHeir(NULL);
            if (Word == NULL) {
                return;
            }
            HostReleaseLock(&Lock);
            Unpark(Word);
            HostAcquireLock(&Lock);
        }
    }
}

void HostPollInReserve(void)
{
    HOST_WAITER Waiter = {.Rank = HostReserve};
    HostAcquireLock(&Lock);
    Reserve = &Waiter;
    while (Poller.Poll != NULL) {
        if (Leader == NULL && IsListEmpty(&Followers)) {
            Lead(&Waiter);
            HostReleaseLock(&Lock);
            HostPollAsLeader(-1);
            HostLeaveLeader(&Waiter, TRUE);
            HostAcquireLock(&Lock);
        } else {
            StandBy(&Waiter);
        }
    }
    Reserve = NULL;
    HostReleaseLock(&Lock);
}

/* ---- the provider ------------------------------------------------------------------------------------ */

/* Wakes the thread in Poll, and waits until no thread uses the removed poller. */
static void AwaitUnused(const HOST_POLLER* Removed)
{
    ULONG Round = 0;
    BOOLEAN Woken = FALSE;
    for (;;) {
        HostAcquireLock(&Lock);
        BOOLEAN InPoll = Polling;
        BOOLEAN Used = (BOOLEAN)(InPoll || Wakers != 0);
        HostReleaseLock(&Lock);
        if (!Used) {
            return;
        }
        if (InPoll && !Woken) {
            Removed->Wake(Removed->Context);
            Woken = TRUE;
        }
        HostBackOff(&Round);
    }
}

void HostSetPoller(const HOST_POLLER* NewPoller)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    HostAcquireLock(&Lock);
    HOST_POLLER Old = Poller;
    memset(&Poller, 0, sizeof(Poller));
    LONG* ReserveWord = Reserve != NULL ? Signal(Reserve) : NULL;
    HostReleaseLock(&Lock);
    Unpark(ReserveWord);
    if (Old.Poll != NULL) {
        AwaitUnused(&Old);
    }
    if (NewPoller == NULL) {
        return;
    }
    HostAcquireLock(&Lock);
    Poller = *NewPoller;
    LONG* Word = ChooseHeir(NULL);
    HostReleaseLock(&Lock);
    Unpark(Word);
}
