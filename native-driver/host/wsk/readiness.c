/* SPDX-License-Identifier: Apache-2.0
 *
 * The work of the polling thread: continues pending requests and calls event callbacks at DISPATCH_LEVEL, and
 * frees closed sockets once no event can refer to them.
 */
#include "wskp.h"

/* Closed sockets that are kept, so that calls after the close are detected. */
#define RETIRED_KEPT 64
/* Closed sockets that may accumulate before the polling thread is woken. */
#define RETIRED_MAX 1024

static struct {
    KSPIN_LOCK Lock;
    LIST_ENTRY Sockets; /* oldest first */
    ULONG Count;
} Retired;

/* Sockets for which other threads ask the polling thread. */
static struct {
    KSPIN_LOCK Lock;
    LIST_ENTRY Sockets; /* PROVIDER_SOCKET.PostLink; each has a part of its Outstanding */
} Posted;

/* Pending requests take precedence over event callbacks. */
static void Readable(PPROVIDER_SOCKET Socket)
{
    RequestRun(Socket, &Socket->Receive);
    if (Socket->Category == CATEGORY_DATAGRAM) {
        IndicateDatagrams(Socket);
    } else if (SocketState(Socket) == SocketListening) {
        InspectArrivals(Socket);
        ListenIndicate(Socket);
    } else if (Socket->Category & CATEGORIES_CONNECTING) {
        InspectLook(Socket);
        StreamIndicate(Socket);
    }
}

static void Ready(void* Cookie, uint32_t Flags)
{
    PPROVIDER_SOCKET Socket = Cookie;
    KIRQL Irql;

    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    if (Flags & BACKEND_READABLE) {
        Readable(Socket);
    }
    if (Flags & BACKEND_WRITABLE) {
        RequestRun(Socket, &Socket->Send);
    }
    if (Socket->Category & CATEGORIES_CONNECTING) {
        StreamIndicateBacklog(Socket);
    }
    KeLowerIrql(Irql);
}

/* ---- posted sockets ---------------------------------------------------------------------------------- */

void ReadinessPost(PPROVIDER_SOCKET Socket)
{
    BOOLEAN New;

    KeAcquireSpinLockAtDpcLevel(&Posted.Lock);
    New = (Socket->PostLink.Flink == NULL);
    if (New) {
        InterlockedIncrement(&Socket->Outstanding);
        InsertTailList(&Posted.Sockets, &Socket->PostLink);
    }
    KeReleaseSpinLockFromDpcLevel(&Posted.Lock);
    if (New) {
        BackendWake();
    }
}

static PPROVIDER_SOCKET TakePosted(void)
{
    PPROVIDER_SOCKET Socket = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Posted.Lock, &Irql);
    if (!IsListEmpty(&Posted.Sockets)) {
        Socket = CONTAINING_RECORD(RemoveHeadList(&Posted.Sockets), PROVIDER_SOCKET, PostLink);
        Socket->PostLink.Flink = NULL;
    }
    KeReleaseSpinLock(&Posted.Lock, Irql);
    return Socket;
}

static ULONG CountPosted(void)
{
    ULONG Count = 0;
    KIRQL Irql;

    KeAcquireSpinLock(&Posted.Lock, &Irql);
    for (PLIST_ENTRY Link = Posted.Sockets.Flink; Link != &Posted.Sockets; Link = Link->Flink) {
        Count++;
    }
    KeReleaseSpinLock(&Posted.Lock, Irql);
    return Count;
}

/* A socket that posts itself again has to wait for the next time. */
static void Woken(void)
{
    PPROVIDER_SOCKET Socket;

    for (ULONG Left = CountPosted(); Left != 0 && (Socket = TakePosted()) != NULL; Left--) {
        Ready(Socket, BACKEND_READABLE);
        SocketDropOutstanding(Socket, 1);
    }
}

/* ---- closed sockets ---------------------------------------------------------------------------------- */

/* The oldest, if there are more than are to be kept. */
static PPROVIDER_SOCKET TakeRetired(ULONG Keep)
{
    PPROVIDER_SOCKET Socket = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Retired.Lock, &Irql);
    if (Retired.Count > Keep) {
        Socket = CONTAINING_RECORD(RemoveHeadList(&Retired.Sockets), PROVIDER_SOCKET, Link);
        Retired.Count--;
    }
    KeReleaseSpinLock(&Retired.Lock, Irql);
    return Socket;
}

static void FreeRetired(ULONG Keep)
{
    PPROVIDER_SOCKET Socket;

    while ((Socket = TakeRetired(Keep)) != NULL) {
        ExFreePoolWithTag(Socket, WSK_POOL_TAG);
    }
}

static void Quiescent(void)
{
    FreeRetired(RETIRED_KEPT);
}

void ReadinessRetire(PPROVIDER_SOCKET Socket)
{
    KIRQL Irql;
    BOOLEAN Many;

    Socket->Signature = RETIRED_SIGNATURE;
    KeAcquireSpinLock(&Retired.Lock, &Irql);
    InsertTailList(&Retired.Sockets, &Socket->Link);
    Many = (++Retired.Count % RETIRED_MAX == 0);
    KeReleaseSpinLock(&Retired.Lock, Irql);
    if (Many) {
        BackendWake();
    }
}

NTSTATUS ReadinessStart(void)
{
    static const BACKEND_EVENTS Events = {Ready, Woken, Quiescent, AddressesChanged};
    NTSTATUS Status = IndicateStart();

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    KeInitializeSpinLock(&Posted.Lock);
    InitializeListHead(&Posted.Sockets);
    KeInitializeSpinLock(&Retired.Lock);
    InitializeListHead(&Retired.Sockets);
    Retired.Count = 0;
    Status = StatusFromBackend(BackendStart(&Events));
    if (!NT_SUCCESS(Status)) {
        IndicateStop();
    }
    return Status;
}

void ReadinessStop(void)
{
    BackendStop();
    FreeRetired(0);
    IndicateStop();
}
