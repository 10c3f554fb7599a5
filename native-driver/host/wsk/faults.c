/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults on order, and the accounting (wskhost.h).
 */
#include "wskp.h"

#include <wskhost.h>

LONG FaultsCountdown;      /* interlocked */
static LONG OrderedStatus; /* interlocked */

LONG FaultsExcess; /* interlocked */

static LONG ForceRound;

/* Closes that wait, by Tail.Overlay.ListEntry of their IRPs; DriverContext[0] is the socket. Provider.Lock.
 */
static LIST_ENTRY HeldCloses = {&HeldCloses, &HeldCloses};
static LONG HoldsCloses; /* written under Provider.Lock */

void WskHostFailCall(ULONG Nth, NTSTATUS Status)
{
    WriteRelease(&FaultsCountdown, 0);
    WriteRelease(&OrderedStatus, Status);
    WriteRelease(&FaultsCountdown, (LONG)Nth);
}

NTSTATUS FaultsCountCall(void)
{
    LONG Left = ReadAcquire(&FaultsCountdown);

    while (Left > 0) {
        LONG Seen = InterlockedCompareExchange(&FaultsCountdown, Left - 1, Left);

        if (Seen == Left) {
            return (Left == 1) ? ReadAcquire(&OrderedStatus) : STATUS_SUCCESS;
        }
        Left = Seen;
    }
    return STATUS_SUCCESS;
}

void WskHostOverstate(ULONG Bytes)
{
    WriteRelease(&FaultsExcess, (LONG)Bytes);
}

void FaultsAddExcess(PIRP Irp)
{
    LONG Bytes = ReadNoFence(&FaultsExcess);

    if (NT_ERROR(Irp->IoStatus.Status)) {
        return;
    }
    switch (RequestOf(Irp)->Operation) {
    case OperationSendTo:
    case OperationReceiveFrom:
    case OperationSend:
    case OperationReceive:
        Irp->IoStatus.Information += (ULONG)Bytes;
        break;
    default:
        break;
    }
}

BOOLEAN FaultsHoldClose(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    BOOLEAN Held = FALSE;
    KIRQL Irql;

    if (ReadAcquire(&HoldsCloses)) {
        KeAcquireSpinLock(&Provider.Lock, &Irql);
        Held = (BOOLEAN)HoldsCloses;
        if (Held) {
            Irp->Tail.Overlay.DriverContext[0] = Socket;
            InsertTailList(&HeldCloses, &Irp->Tail.Overlay.ListEntry);
        }
        KeReleaseSpinLock(&Provider.Lock, Irql);
    }
    return Held;
}

void WskHostHoldCloses(BOOLEAN Hold)
{
    LIST_ENTRY Released;
    KIRQL Irql;

    InitializeListHead(&Released);
    KeAcquireSpinLock(&Provider.Lock, &Irql);
    WriteRelease(&HoldsCloses, Hold);
    while (!Hold && !IsListEmpty(&HeldCloses)) {
        InsertTailList(&Released, RemoveHeadList(&HeldCloses));
    }
    KeReleaseSpinLock(&Provider.Lock, Irql);
    while (!IsListEmpty(&Released)) {
        PIRP Irp = CONTAINING_RECORD(RemoveHeadList(&Released), IRP, Tail.Overlay.ListEntry);
        SocketDropOutstanding(Irp->Tail.Overlay.DriverContext[0], 1);
    }
}

void WskHostSetAvailable(BOOLEAN Available)
{
    ProviderSetAvailable(Available);
}

/* Keeps a close from completing, unless it is complete. */
static BOOLEAN HoldSocket(PPROVIDER_SOCKET Socket)
{
    LONG Outstanding = ReadAcquire(&Socket->Outstanding);

    while (Outstanding > 0) {
        LONG Seen = InterlockedCompareExchange(&Socket->Outstanding, Outstanding + 1, Outstanding);

        if (Seen == Outstanding) {
            return TRUE;
        }
        Outstanding = Seen;
    }
    return FALSE;
}

/* The next socket that this round has not seen, held; NULL after the last. */
static PPROVIDER_SOCKET NextSocket(ULONG Round)
{
    PPROVIDER_SOCKET Found = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Provider.Lock, &Irql);
    while (Found == NULL && !IsListEmpty(&Provider.Sockets)) {
        PPROVIDER_SOCKET Socket = CONTAINING_RECORD(Provider.Sockets.Flink, PROVIDER_SOCKET, Link);

        if (Socket->ForceRound == Round) {
            break;
        }
        Socket->ForceRound = Round;
        RemoveEntryList(&Socket->Link);
        InsertTailList(&Provider.Sockets, &Socket->Link);
        Found = HoldSocket(Socket) ? Socket : NULL;
    }
    KeReleaseSpinLock(&Provider.Lock, Irql);
    return Found;
}

void WskHostForceClose(void)
{
    ULONG Round = (ULONG)InterlockedIncrement(&ForceRound);

    /* Sockets made meanwhile are behind those already seen and may be closed too, but not without end. */
    for (PPROVIDER_SOCKET Socket = NextSocket(Round); Socket != NULL; Socket = NextSocket(Round)) {
        SocketForceClose(Socket);
        SocketDropOutstanding(Socket, 1);
    }
}

static void AddClients(PWSKHOST_ACCOUNTING Accounting)
{
    for (PLIST_ENTRY Link = Provider.Clients.Flink; Link != &Provider.Clients; Link = Link->Flink) {
        Accounting->Registrations++;
        Accounting->Captures += (ULONGLONG)CONTAINING_RECORD(Link, PROVIDER_CLIENT, Link)->Captures;
    }
}

static void AddSockets(PWSKHOST_ACCOUNTING Accounting)
{
    for (PLIST_ENTRY Link = Provider.Sockets.Flink; Link != &Provider.Sockets; Link = Link->Flink) {
        PPROVIDER_SOCKET Socket = CONTAINING_RECORD(Link, PROVIDER_SOCKET, Link);

        Accounting->PendingIrps += (ULONGLONG)ReadNoFence(&Socket->Receive.PendingCount);
        Accounting->PendingIrps += (ULONGLONG)ReadNoFence(&Socket->Send.PendingCount);
        Accounting->CallsMade += (ULONGLONG)ReadNoFence64(&Socket->CallsMade);
        Accounting->IrpsCompleted += (ULONGLONG)ReadNoFence64(&Socket->IrpsCompleted);
    }
}

void WskHostQueryAccounting(PWSKHOST_ACCOUNTING Accounting)
{
    KIRQL Irql;

    RtlZeroMemory(Accounting, sizeof(*Accounting));
    KeAcquireSpinLock(&Provider.Lock, &Irql);
    AddClients(Accounting);
    AddSockets(Accounting);
    Accounting->Sockets = Provider.SocketCount;
    Accounting->CallsMade += (ULONGLONG)ReadNoFence64(&Provider.CallsMade);
    Accounting->IrpsCompleted += (ULONGLONG)ReadNoFence64(&Provider.IrpsCompleted);
    KeReleaseSpinLock(&Provider.Lock, Irql);
}
