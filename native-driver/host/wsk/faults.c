/* SPDX-License-Identifier: Apache-2.0
 *
 * Fault injection, and the accounting (wskhost.h).
 */
#include "wskp.h"

#include <nt/walk.h>
#include <wskhost.h>

LONG FaultsCountdown;      /* interlocked */
static LONG OrderedStatus; /* interlocked */

LONG FaultsExcess; /* interlocked */

/* Held close IRPs, linked by Tail.Overlay.ListEntry; DriverContext[0] is the socket. Provider.Lock. */
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

/* Takes a held close, unless closes are being held again. */
static BOOLEAN TakeHeldClose(PLIST_ENTRY Entry, PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    if (HoldsCloses) {
        return FALSE;
    }
    RemoveEntryList(Entry);
    return TRUE;
}

void WskHostHoldCloses(BOOLEAN Hold)
{
    PLIST_ENTRY Entry;
    KIRQL Irql;

    KeAcquireSpinLock(&Provider.Lock, &Irql);
    WriteRelease(&HoldsCloses, Hold);
    KeReleaseSpinLock(&Provider.Lock, Irql);
    while ((Entry = HostClaimNext(&Provider.Lock, &HeldCloses, NULL, TakeHeldClose, NULL)) != NULL) {
        PIRP Irp = CONTAINING_RECORD(Entry, IRP, Tail.Overlay.ListEntry);

        SocketDropOutstanding(Irp->Tail.Overlay.DriverContext[0], 1);
    }
}

void WskHostSetAvailable(BOOLEAN Available)
{
    ProviderSetAvailable(Available);
}

void WskHostForceClose(void)
{
    SocketForEach(SocketForceClose);
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
        Accounting->PendingIrps += (ULONGLONG)ReadNoFence(&Socket->Notice.PendingCount);
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
