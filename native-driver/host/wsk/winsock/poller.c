/* SPDX-License-Identifier: Apache-2.0
 *
 * The polling half of the Winsock backend: a thread that waits in WSAPoll on the sockets that are armed and
 * on a loopback socket that wakes it.
 *
 * WSAPoll reports states, but the provider wants edges. So a flag is reported once and then disarmed. An
 * attempt that would have blocked arms it again, having just seen that the state is off, and so does
 * BackendRewatch. No edge is lost: one that comes after the attempt is a state that the next WSAPoll finds,
 * and a flag is disarmed before its event is reported, so a thread that arms it meanwhile gets another event.
 * For the same reasons superfluous reports are harmless. They occur for states that another thread has
 * handled before the report, and for the restless sockets below.
 *
 * WSAPoll does not work for some sockets. These are restless: they are reported in every tick while they are
 * armed. A stream whose peer has ended its direction, and that waits for room to send, polls POLLHUP at once.
 * A datagram socket may get an ICMP error, which Wine reports only to a poll at that very moment.
 *
 * The poller's copy of the armed sockets may contain sockets that were unwatched or replaced since. Their
 * structures are kept until the copy is dropped, and their results are ignored.
 */
#include "winsock_socket.h"

#include <stdlib.h>

#define TICK_MILLISECONDS 10
/* When there is no memory for the copy. */
#define RETRY_MILLISECONDS 10

typedef struct _POLL_LIST {
    WSAPOLLFD* Descriptors; /* the first one is the wake-up socket */
    WINSOCK_SOCKET** Sockets;
    ULONG Capacity;
    ULONG Polled; /* for WSAPoll */
    ULONG Count;  /* the rest after Polled are restless ones, which may be among the first too */
} POLL_LIST;

static struct {
    const BACKEND_EVENTS* Events;
    SOCKET WakeSocket; /* a datagram socket connected to itself */
    HANDLE Thread;

    SRWLOCK Lock;
    CONDITION_VARIABLE Returned; /* Waiting was cleared */
    bool Stop;
    bool Waiting;   /* WSAPoll may be running, with an older copy */
    bool Woken;     /* it does not block, must not block, or has been sent a wake-up */
    uint64_t Round; /* number of the wait */
    WINSOCK_SOCKET* Armed;
    ULONG ArmedCount;
    WINSOCK_SOCKET* Retired;

    /* Used by the thread only. */
    POLL_LIST List;
    uint64_t LastTick;
} Poller = {
    .WakeSocket = INVALID_SOCKET,
    .Lock = SRWLOCK_INIT,
    .Returned = CONDITION_VARIABLE_INIT,
};

void PollerLock(void)
{
    AcquireSRWLockExclusive(&Poller.Lock);
}

void PollerUnlock(void)
{
    ReleaseSRWLockExclusive(&Poller.Lock);
}

/* ---- waking ------------------------------------------------------------------------------------------ */

/* True: the caller must call SendWakeup after releasing the lock. */
static bool WakeLocked(void)
{
    bool Send = Poller.Waiting && !Poller.Woken;

    Poller.Woken = true;
    return Send;
}

/* A late wake-up ends the next wait at once, which is harmless. Wine refuses a send while another thread
 * sends on the same socket. */
static void SendWakeup(bool Send)
{
    while (Send && send(Poller.WakeSocket, "", 1, 0) == SOCKET_ERROR && WSAGetLastError() == WSAEWOULDBLOCK) {
        (void)SwitchToThread();
    }
}

void BackendWake(void)
{
    bool Send;

    PollerLock();
    Send = WakeLocked();
    PollerUnlock();
    SendWakeup(Send);
}

static void DrainWakeups(void)
{
    char Bytes[8];

    while (recv(Poller.WakeSocket, Bytes, sizeof(Bytes), 0) > 0) {
    }
}

/* ---- arming ------------------------------------------------------------------------------------------ */

/* The lock is held. */
static void SetArmed(WINSOCK_SOCKET* Socket, uint32_t Flags)
{
    if (Socket->Armed == 0 && Flags != 0) {
        Socket->Previous = NULL;
        Socket->Next = Poller.Armed;
        if (Socket->Next != NULL) {
            Socket->Next->Previous = Socket;
        }
        Poller.Armed = Socket;
        Poller.ArmedCount++;
    } else if (Socket->Armed != 0 && Flags == 0) {
        if (Socket->Previous != NULL) {
            Socket->Previous->Next = Socket->Next;
        } else {
            Poller.Armed = Socket->Next;
        }
        if (Socket->Next != NULL) {
            Socket->Next->Previous = Socket->Previous;
        }
        Poller.ArmedCount--;
    }
    Socket->Armed = Flags;
}

/* The lock is held. A wait that has begun already must begin again, with the new flags. */
static bool ArmLocked(WINSOCK_SOCKET* Socket, uint32_t Flags)
{
    uint32_t Armed = Socket->Armed | (Flags & Socket->Wanted);

    if (Armed == Socket->Armed) {
        return false;
    }
    SetArmed(Socket, Armed);
    return Poller.Waiting && WakeLocked();
}

void PollerArm(WINSOCK_SOCKET* Socket, uint32_t Flags)
{
    bool Send;

    PollerLock();
    Send = ArmLocked(Socket, Flags);
    PollerUnlock();
    SendWakeup(Send);
}

static void Watch(WINSOCK_SOCKET* Socket, void* Cookie, uint32_t Flags)
{
    bool Send;

    PollerLock();
    Socket->Known = true;
    Socket->Cookie = Cookie;
    Socket->Wanted = Flags;
    SetArmed(Socket, Socket->Armed & Flags);
    Send = ArmLocked(Socket, Flags);
    PollerUnlock();
    SendWakeup(Send);
}

int32_t BackendWatch(BACKEND_HANDLE Handle, void* Cookie, uint32_t Flags)
{
    Watch((WINSOCK_SOCKET*)(uintptr_t)Handle, Cookie, Flags);
    return 0;
}

int32_t BackendRewatch(BACKEND_HANDLE Handle, void* Cookie, uint32_t Flags)
{
    Watch((WINSOCK_SOCKET*)(uintptr_t)Handle, Cookie, Flags);
    return 0;
}

void BackendUnwatch(BACKEND_HANDLE Handle)
{
    WINSOCK_SOCKET* Socket = (WINSOCK_SOCKET*)(uintptr_t)Handle;

    PollerLock();
    Socket->Wanted = 0;
    SetArmed(Socket, 0);
    PollerUnlock();
}

/* Wine keeps a closed socket, and its address, while it is being polled. So this waits until WSAPoll has
 * returned, which needs no lock that the caller may hold, and so takes little time. The lock is held, and
 * released while waiting. */
static void LeaveWait(WINSOCK_SOCKET* Socket)
{
    uint64_t Round = Poller.Round;

    if (Poller.Waiting && Socket->Round == Round) {
        bool Send = WakeLocked();

        PollerUnlock();
        SendWakeup(Send);
        PollerLock();
        while (Poller.Waiting && Poller.Round == Round) {
            (void)SleepConditionVariableSRW(&Poller.Returned, &Poller.Lock, INFINITE, 0);
        }
    }
}

SOCKET PollerReplace(WINSOCK_SOCKET* Socket, SOCKET New)
{
    SOCKET Old;

    PollerLock();
    Old = Socket->Socket;
    Socket->Socket = New;
    Socket->Hung = false;
    LeaveWait(Socket);
    PollerUnlock();
    return Old;
}

void PollerRelease(WINSOCK_SOCKET* Socket)
{
    PollerLock();
    Socket->Wanted = 0;
    SetArmed(Socket, 0);
    LeaveWait(Socket);
    PollerUnlock();
}

void PollerRetire(WINSOCK_SOCKET* Socket)
{
    bool Keep;

    PollerLock();
    Keep = Socket->Known;
    if (Keep) {
        Socket->Next = Poller.Retired;
        Poller.Retired = Socket;
    }
    PollerUnlock();
    if (!Keep) {
        free(Socket);
    }
}

static void FreeRetired(void)
{
    WINSOCK_SOCKET* Socket;

    PollerLock();
    Socket = Poller.Retired;
    Poller.Retired = NULL;
    PollerUnlock();
    while (Socket != NULL) {
        WINSOCK_SOCKET* Next = Socket->Next;

        free(Socket);
        Socket = Next;
    }
}

/* ---- polling ----------------------------------------------------------------------------------------- */

/* The lock is held. May discard the list of the previous round. */
static bool Reserve(POLL_LIST* List, ULONG Count)
{
    ULONG Capacity = (List->Capacity == 0) ? 64 : List->Capacity;

    while (Capacity < Count) {
        Capacity *= 2;
    }
    if (Capacity != List->Capacity) {
        free(List->Descriptors);
        free(List->Sockets);
        List->Descriptors = calloc(Capacity, sizeof(*List->Descriptors));
        List->Sockets = calloc(Capacity, sizeof(WINSOCK_SOCKET*));
        List->Capacity = (List->Descriptors != NULL && List->Sockets != NULL) ? Capacity : 0;
    }
    return List->Capacity != 0;
}

static void FreeList(POLL_LIST* List)
{
    free(List->Descriptors);
    free(List->Sockets);
    *List = (POLL_LIST){0};
}

static SHORT EventsOf(uint32_t Flags)
{
    return (SHORT)(((Flags & BACKEND_READABLE) ? POLLRDNORM : 0) |
                   ((Flags & BACKEND_WRITABLE) ? POLLWRNORM : 0));
}

/* POLLHUP alone means that the peer has ended its direction. */
static uint32_t FlagsOf(SHORT Events)
{
    uint32_t Flags = 0;

    if (Events & (POLLRDNORM | POLLHUP | POLLERR | POLLNVAL)) {
        Flags |= BACKEND_READABLE;
    }
    if (Events & (POLLWRNORM | POLLERR | POLLNVAL)) {
        Flags |= BACKEND_WRITABLE;
    }
    return Flags;
}

static bool IsHung(const WINSOCK_SOCKET* Socket)
{
    return Socket->Hung && !(Socket->Armed & BACKEND_READABLE);
}

static bool AwaitsAnswer(const WINSOCK_SOCKET* Socket, uint64_t Now)
{
    uint64_t SentAt = __atomic_load_n(&Socket->SentAt, __ATOMIC_SEQ_CST);

    return SentAt != 0 && Now - SentAt < ANSWER_MILLISECONDS && (Socket->Armed & BACKEND_READABLE);
}

static void Append(POLL_LIST* List, WINSOCK_SOCKET* Socket)
{
    List->Descriptors[List->Count].fd = Socket->Socket;
    List->Descriptors[List->Count].events = EventsOf(Socket->Armed);
    List->Descriptors[List->Count].revents = 0;
    List->Sockets[List->Count] = Socket;
    List->Count++;
}

/* The lock is held. */
static void FillList(POLL_LIST* List, uint64_t Now)
{
    List->Descriptors[0].fd = Poller.WakeSocket;
    List->Descriptors[0].events = POLLRDNORM;
    List->Descriptors[0].revents = 0;
    List->Count = 1;
    for (WINSOCK_SOCKET* Socket = Poller.Armed; Socket != NULL; Socket = Socket->Next) {
        if (!IsHung(Socket)) {
            Socket->Round = Poller.Round;
            Append(List, Socket);
        }
    }
    List->Polled = List->Count;
    for (WINSOCK_SOCKET* Socket = Poller.Armed; Socket != NULL; Socket = Socket->Next) {
        if (IsHung(Socket) || AwaitsAnswer(Socket, Now)) {
            Append(List, Socket);
        }
    }
}

/* Copies the armed sockets, and returns how long to wait, in milliseconds; -1 is for ever. */
static int BeginWait(void)
{
    POLL_LIST* List = &Poller.List;
    int Timeout = -1;

    PollerLock();
    Poller.Round++;
    if (!Reserve(List, 1 + 2 * Poller.ArmedCount)) {
        List->Count = 0;
        List->Polled = 0;
        Timeout = RETRY_MILLISECONDS;
    } else {
        FillList(List, GetTickCount64());
        if (List->Count != List->Polled) {
            Timeout = TICK_MILLISECONDS;
        }
    }
    if (Poller.Woken || Poller.Stop) {
        Timeout = 0;
    }
    Poller.Woken = (Timeout == 0);
    Poller.Waiting = true;
    PollerUnlock();
    return Timeout;
}

static void Wait(int Timeout)
{
    POLL_LIST* List = &Poller.List;

    if (List->Polled == 0 || WSAPoll(List->Descriptors, List->Polled, Timeout) == SOCKET_ERROR) {
        for (ULONG Index = 0; Index < List->Count; Index++) {
            List->Descriptors[Index].revents = 0;
        }
        Sleep((Timeout == 0) ? 0 : RETRY_MILLISECONDS);
    }
}

static void EndWait(void)
{
    PollerLock();
    Poller.Waiting = false;
    Poller.Woken = false;
    PollerUnlock();
    WakeAllConditionVariable(&Poller.Returned);
    if (Poller.List.Polled != 0 && Poller.List.Descriptors[0].revents != 0) {
        DrainWakeups();
    }
}

/* Disarms what is reported. The lock is held. */
static uint32_t TakeFlags(WINSOCK_SOCKET* Socket, const WSAPOLLFD* Descriptor)
{
    uint32_t Flags = FlagsOf(Descriptor->revents) & Socket->Armed;

    if (Descriptor->fd != Socket->Socket) {
        return 0;
    }
    if (Socket->Type == SOCK_DGRAM && (Descriptor->revents & POLLERR)) {
        __atomic_store_n(&Socket->ErrorPolled, 1, __ATOMIC_SEQ_CST);
    }
    if (Flags == 0 && (Descriptor->revents & POLLHUP)) {
        Socket->Hung = true;
    }
    SetArmed(Socket, Socket->Armed & ~Flags);
    return Flags;
}

static void Report(WINSOCK_SOCKET* Socket, const WSAPOLLFD* Descriptor)
{
    uint32_t Flags;
    void* Cookie;

    PollerLock();
    Flags = TakeFlags(Socket, Descriptor);
    Cookie = Socket->Cookie;
    PollerUnlock();
    if (Flags != 0) {
        Poller.Events->Ready(Cookie, Flags);
    }
}

/* Restless sockets are reported by time, independent of other events. */
static void MarkRestless(POLL_LIST* List)
{
    uint64_t Now;

    if (List->Count == List->Polled) {
        return;
    }
    Now = GetTickCount64();
    if (Now - Poller.LastTick >= TICK_MILLISECONDS) {
        Poller.LastTick = Now;
        for (ULONG Index = List->Polled; Index < List->Count; Index++) {
            List->Descriptors[Index].revents = List->Descriptors[Index].events;
        }
    }
}

static void Round(void)
{
    POLL_LIST* List = &Poller.List;

    FreeRetired();
    Poller.Events->Quiescent();
    Wait(BeginWait());
    EndWait();
    Poller.Events->Woken();
    MarkRestless(List);
    for (ULONG Index = 1; Index < List->Count; Index++) {
        if (List->Descriptors[Index].revents != 0) {
            Report(List->Sockets[Index], &List->Descriptors[Index]);
        }
    }
}

static bool IsStopped(void)
{
    bool Stop;

    PollerLock();
    Stop = Poller.Stop;
    PollerUnlock();
    return Stop;
}

static DWORD WINAPI Run(void* Context)
{
    (void)Context;
    while (!IsStopped()) {
        Round();
    }
    return 0;
}

/* ---- start and stop ---------------------------------------------------------------------------------- */

/* Connected to itself, so that no other socket can send to it. */
static int32_t OpenWakeSocket(void)
{
    struct sockaddr_in Address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int Length = sizeof(Address);
    u_long On = 1;
    SOCKET Socket =
        WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);

    Poller.WakeSocket = Socket;
    if (Socket == INVALID_SOCKET) {
        return WSAGetLastError();
    }
    if (bind(Socket, (struct sockaddr*)&Address, Length) == SOCKET_ERROR ||
        getsockname(Socket, (struct sockaddr*)&Address, &Length) == SOCKET_ERROR ||
        connect(Socket, (struct sockaddr*)&Address, Length) == SOCKET_ERROR ||
        ioctlsocket(Socket, (long)FIONBIO, &On) == SOCKET_ERROR) {
        return WSAGetLastError();
    }
    return 0;
}

static void CloseAll(void)
{
    if (Poller.WakeSocket != INVALID_SOCKET) {
        (void)closesocket(Poller.WakeSocket);
    }
    Poller.WakeSocket = INVALID_SOCKET;
    FreeRetired();
    FreeList(&Poller.List);
    (void)WSACleanup();
}

/* Winsock is initialised from here to BackendStop; all sockets are created and closed in between. */
int32_t BackendStart(const BACKEND_EVENTS* Events)
{
    WSADATA Data;
    int32_t Error = WSAStartup(MAKEWORD(2, 2), &Data);

    if (Error != 0) {
        return Error;
    }
    Poller.Events = Events;
    Poller.Stop = false;
    Poller.Waiting = false;
    Poller.Woken = false;
    Error = OpenWakeSocket();
    if (Error == 0) {
        Poller.Thread = CreateThread(NULL, 0, Run, NULL, 0, NULL);
        Error = (Poller.Thread != NULL) ? 0 : (int32_t)GetLastError();
    }
    if (Error != 0) {
        CloseAll();
    }
    return Error;
}

void BackendStop(void)
{
    PollerLock();
    Poller.Stop = true;
    PollerUnlock();
    BackendWake();
    (void)WaitForSingleObject(Poller.Thread, INFINITE);
    (void)CloseHandle(Poller.Thread);
    CloseAll();
}
