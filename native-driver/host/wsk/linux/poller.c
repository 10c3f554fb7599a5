/* SPDX-License-Identifier: Apache-2.0
 *
 * The polling half of the Linux backend: one round on an epoll instance. The host decides which thread runs
 * it (HostSetPoller): one that waits at a completion port, or our own thread as the reserve.
 */
#include "backend.h"

#include <iomanager.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* After the socket headers, which they need. */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#define EVENTS_MAX 64

static struct {
    int Epoll;
    int WakeEvent; /* eventfd in Epoll, cookie NULL */
    int Addresses; /* netlink socket in Epoll, its own address as cookie; -1 until it is asked for. Atomic */
    const BACKEND_EVENTS* Events;
    pthread_t Thread;
} Poller = {
    .Epoll = -1,
    .WakeEvent = -1,
    .Addresses = -1,
};

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

/* What has changed does not matter, and neither does a message that is lost because there are too many. */
static void ReportAddresses(void)
{
    char Message[4096];

    while (recv(Poller.Addresses, Message, sizeof(Message), MSG_DONTWAIT) >= 0 || errno == ENOBUFS ||
           errno == EINTR) {
    }
    Poller.Events->AddressesChanged();
}

static void Report(const struct epoll_event* Event)
{
    uint64_t Count;

    if (Event->data.ptr == &Poller.Addresses) {
        ReportAddresses();
    } else if (Event->data.ptr != NULL) {
        Poller.Events->Ready(Event->data.ptr, FlagsOf(Event->events));
    } else {
        (void)!read(Poller.WakeEvent, &Count, sizeof(Count));
        Poller.Events->Woken();
    }
}

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

static void Poll(PVOID Context, LONGLONG Deadline)
{
    struct epoll_event Events[EVENTS_MAX];
    int Count;

    (void)Context;
    Poller.Events->Quiescent();
    Count = epoll_wait(Poller.Epoll, Events, EVENTS_MAX, MillisecondsUntil(Deadline));
    for (int Index = 0; Index < Count; Index++) {
        Report(&Events[Index]);
    }
}

static void Wake(PVOID Context)
{
    (void)Context;
    BackendWake();
}

static void* PollInReserve(void* Context)
{
    (void)Context;
    HostPollInReserve();
    return NULL;
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

static int OpenAddresses(void)
{
    struct sockaddr_nl Groups = {.nl_family = AF_NETLINK,
                                 .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
    int Socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

    if (Socket >= 0 && bind(Socket, (struct sockaddr*)&Groups, sizeof(Groups)) < 0) {
        (void)close(Socket);
        return -1;
    }
    return Socket;
}

/* Two threads may open one at the same time; one is kept. */
int32_t BackendWatchAddresses(void)
{
    struct epoll_event Event = {.events = EPOLLIN, .data.ptr = &Poller.Addresses};
    int None = -1;
    int New;

    if (__atomic_load_n(&Poller.Addresses, __ATOMIC_ACQUIRE) >= 0) {
        return 0;
    }
    New = OpenAddresses();
    if (New < 0) {
        return EOPNOTSUPP;
    }
    if (!__atomic_compare_exchange_n(&Poller.Addresses, &None, New, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        (void)close(New);
        return 0;
    }
    return (epoll_ctl(Poller.Epoll, EPOLL_CTL_ADD, New, &Event) < 0) ? errno : 0;
}

static void CloseDescriptors(void)
{
    if (Poller.Addresses >= 0) {
        (void)close(Poller.Addresses);
    }
    Poller.Addresses = -1;
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

/* Signals are blocked: they are for the program's own threads. */
static int CreateThread(void)
{
    sigset_t All, Before;
    int Error;

    sigfillset(&All);
    pthread_sigmask(SIG_SETMASK, &All, &Before);
    Error = pthread_create(&Poller.Thread, NULL, PollInReserve, NULL);
    pthread_sigmask(SIG_SETMASK, &Before, NULL);
    return Error;
}

int32_t BackendStart(const BACKEND_EVENTS* Events)
{
    static const HOST_POLLER Ours = {Poll, Wake, NULL};
    int32_t Error = OpenDescriptors();

    if (Error != 0) {
        return Error;
    }
    Poller.Events = Events;
    HostSetPoller(&Ours);
    Error = CreateThread();
    if (Error != 0) {
        HostSetPoller(NULL);
        CloseDescriptors();
    }
    return Error;
}

void BackendStop(void)
{
    HostSetPoller(NULL);
    pthread_join(Poller.Thread, NULL);
    CloseDescriptors();
}
