/* SPDX-License-Identifier: Apache-2.0
 *
 * The work of the polling thread: continues pending requests at DISPATCH_LEVEL, and frees closed sockets once
 * no event can refer to them.
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

static void Ready(void* Cookie, uint32_t Flags)
{
    PPROVIDER_SOCKET Socket = Cookie;
    KIRQL Irql;

    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    if (Flags & BACKEND_READABLE) {
        RequestRun(Socket, &Socket->Receive);
    }
    if (Flags & BACKEND_WRITABLE) {
        RequestRun(Socket, &Socket->Send);
    }
    KeLowerIrql(Irql);
}

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
    static const BACKEND_EVENTS Events = {Ready, Quiescent};

    KeInitializeSpinLock(&Retired.Lock);
    InitializeListHead(&Retired.Sockets);
    Retired.Count = 0;
    return StatusFromBackend(BackendStart(&Events));
}

void ReadinessStop(void)
{
    BackendStop();
    FreeRetired(0);
}
