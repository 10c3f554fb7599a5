/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion ports: a queue of packets and the threads that wait for them.
 *
 * The first packet wakes a sleeping waiter; while that one has not yet run, further packets wake no other. It
 * takes a batch and, if packets are left, wakes the next. So whenever there are packets and sleepers, one
 * waiter has been woken, and a burst of packets costs one wake-up. A waiter may also be lent to the idle
 * worker (idle.c).
 */
#include "wdmp.h"

#define MAX_FREE_PACKETS 1024

struct _HOST_PORT {
    HOST_LOCK Lock; /* protects everything below */
    PHOST_PACKET First, Last;
    PHOST_PACKET Free; /* kept for reuse */
    ULONG FreeCount;
    ULONG Signalled;     /* sleepers that were woken for packets and have not run yet */
    LIST_ENTRY Sleepers; /* HOST_WAITER.PortLink, the latest first: its caches are warm */
    HOST_THREAD* Lent;   /* the waiter that runs the idle worker */
    BOOLEAN LentWoken;
    BOOLEAN Closed;
};

static void ClosePort(PVOID Body);
static void DeletePort(PVOID Body);

struct _OBJECT_TYPE HostPortType = {
    .Name = "completion port", .CloseHandle = ClosePort, .Delete = DeletePort};

NTSTATUS NtCreateIoCompletion(PHANDLE IoCompletionHandle, ACCESS_MASK DesiredAccess, PVOID ObjectAttributes,
                              ULONG NumberOfConcurrentThreads)
{
    UNREFERENCED_PARAMETER(DesiredAccess);
    UNREFERENCED_PARAMETER(ObjectAttributes);
    UNREFERENCED_PARAMETER(NumberOfConcurrentThreads);
    PHOST_PORT port = HostCreateObject(&HostPortType, sizeof(*port));
    if (port == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    InitializeListHead(&port->Sleepers);
    return HostOpenHandle(port, HostCurrentProcess(), IoCompletionHandle);
}

/* ---- choosing the waiter to wake --------------------------------------------------------------------- */

typedef struct _WAKE {
    LONG* Sleeper; /* word to unpark */
    BOOLEAN Lent;
} WAKE;

static void TakeSleeper(PHOST_PORT Port, PHOST_WAITER Waiter)
{
    RemoveEntryList(&Waiter->PortLink);
    Waiter->PortLink.Flink = NULL;
    Waiter->Counted = TRUE;
    Port->Signalled++;
    __atomic_store_n(&Waiter->Signal, 1, __ATOMIC_RELEASE);
}

/* Port locked, packets queued. */
static WAKE ChooseWaiter(PHOST_PORT Port)
{
    WAKE wake = {NULL, FALSE};
    if (Port->Signalled != 0 || Port->Lent == &HostThread) {
        return wake;
    }
    if (!IsListEmpty(&Port->Sleepers)) {
        PHOST_WAITER waiter = CONTAINING_RECORD(Port->Sleepers.Flink, HOST_WAITER, PortLink);
        TakeSleeper(Port, waiter);
        wake.Sleeper = &waiter->Signal;
    } else if (Port->Lent != NULL && !Port->LentWoken) {
        Port->LentWoken = TRUE;
        wake.Lent = TRUE;
    }
    return wake;
}

static void Wake(WAKE Choice)
{
    if (Choice.Sleeper != NULL) {
        HostUnpark(Choice.Sleeper);
    }
    if (Choice.Lent) {
        HostIdleWake();
    }
}

/* ---- packets ----------------------------------------------------------------------------------------- */

PHOST_PACKET HostTakePacket(PHOST_PORT Port)
{
    if (HostFailNow(HOST_TAG_PACKET)) {
        return NULL;
    }
    HostAcquireLock(&Port->Lock);
    PHOST_PACKET packet = Port->Free;
    if (packet != NULL) {
        Port->Free = packet->Next;
        Port->FreeCount--;
    }
    HostReleaseLock(&Port->Lock);
    return packet != NULL ? packet : malloc(sizeof(*packet));
}

void HostPostPacket(PHOST_PORT Port, PHOST_PACKET Packet)
{
    Packet->Next = NULL;
    HostAcquireLock(&Port->Lock);
    if (Port->First == NULL) {
        Port->First = Packet;
    } else {
        Port->Last->Next = Packet;
    }
    Port->Last = Packet;
    WAKE wake = ChooseWaiter(Port);
    HostReleaseLock(&Port->Lock);
    Wake(wake);
}

NTSTATUS NtSetIoCompletion(HANDLE IoCompletionHandle, PVOID KeyContext, PVOID ApcContext, NTSTATUS Status,
                           ULONG_PTR Information)
{
    PHOST_PORT port = HostReferenceHandle(IoCompletionHandle, &HostPortType, HostCurrentProcess());
    if (port == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    PHOST_PACKET packet = HostTakePacket(port);
    if (packet != NULL) {
        packet->Information.KeyContext = KeyContext;
        packet->Information.ApcContext = ApcContext;
        packet->Information.IoStatusBlock.Status = Status;
        packet->Information.IoStatusBlock.Information = Information;
        HostPostPacket(port, packet);
    }
    HostDereference(port);
    return packet != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

/* Port locked. */
static void GiveBack(PHOST_PORT Port, PHOST_PACKET Packet)
{
    if (Port->FreeCount >= MAX_FREE_PACKETS) {
        free(Packet);
        return;
    }
    Packet->Next = Port->Free;
    Port->Free = Packet;
    Port->FreeCount++;
}

/* Port locked. */
static ULONG TakePackets(PHOST_PORT Port, PFILE_IO_COMPLETION_INFORMATION Information, ULONG Limit)
{
    ULONG count = 0;
    while (Port->First != NULL && count < Limit) {
        PHOST_PACKET packet = Port->First;
        Port->First = packet->Next;
        Information[count++] = packet->Information;
        GiveBack(Port, packet);
    }
    return count;
}

/* ---- waiting ----------------------------------------------------------------------------------------- */

/* Port locked, in the idle worker's role. FALSE when the role was given up. */
static BOOLEAN RunIdleWorker(PHOST_PORT Port, LONGLONG Deadline)
{
    Port->Lent = &HostThread;
    Port->LentWoken = FALSE;
    HostReleaseLock(&Port->Lock);
    BOOLEAN ran = HostIdleRun(Deadline);
    HostAcquireLock(&Port->Lock);
    Port->Lent = NULL;
    return ran;
}

/* Port locked; the waiter is a candidate for the role already. */
static void Sleep(PHOST_PORT Port, PHOST_WAITER Waiter, LONGLONG Deadline)
{
    InsertHeadList(&Port->Sleepers, &Waiter->PortLink);
    HostReleaseLock(&Port->Lock);
    HostPark(&Waiter->Signal, Deadline);
    HostAcquireLock(&Port->Lock);
    if (Waiter->PortLink.Flink != NULL) {
        RemoveEntryList(&Waiter->PortLink);
        Waiter->PortLink.Flink = NULL;
    }
    if (Waiter->Counted) {
        Port->Signalled--;
        Waiter->Counted = FALSE;
    }
    HostIdleUnlist(Waiter);
    __atomic_store_n(&Waiter->Signal, 0, __ATOMIC_RELAXED);
}

/* Port locked; returns with the port locked and STATUS_SUCCESS when there are packets. */
static NTSTATUS AwaitPackets(PHOST_PORT Port, LONGLONG Deadline)
{
    HOST_WAITER waiter = {.Signal = 0};
    BOOLEAN inRole = FALSE;
    BOOLEAN refused = FALSE; /* the worker had nothing to do for this thread: sleep until woken */
    NTSTATUS status;

    for (;;) {
        if (Port->First != NULL) {
            status = STATUS_SUCCESS;
            break;
        }
        if (Port->Closed) {
            status = STATUS_ABANDONED_WAIT_0;
            break;
        }
        if (Deadline == 0 || (Deadline > 0 && HostQueryTime() >= Deadline)) {
            status = STATUS_TIMEOUT;
            break;
        }
        if (!inRole) {
            inRole = HostIdleEnter(&waiter, !refused);
            refused = FALSE;
        }
        if (!inRole) {
            Sleep(Port, &waiter, Deadline);
        } else if (!RunIdleWorker(Port, Deadline)) {
            HostIdleLeave(FALSE);
            inRole = FALSE;
            refused = TRUE;
        }
    }
    if (inRole) {
        HostReleaseLock(&Port->Lock);
        HostIdleLeave(TRUE);
        HostAcquireLock(&Port->Lock);
    }
    return status;
}

static NTSTATUS RemovePackets(PHOST_PORT Port, PFILE_IO_COMPLETION_INFORMATION Information, ULONG Count,
                              PULONG Removed, LONGLONG Deadline)
{
    WAKE wake = {NULL, FALSE};
    NTSTATUS status;

    HostAcquireLock(&Port->Lock);
    do {
        status = AwaitPackets(Port, Deadline);
        *Removed = TakePackets(Port, Information, Count);
        if (*Removed != 0) {
            status = STATUS_SUCCESS; /* they may have come while the role of the idle worker was given up */
        }
    } while (status == STATUS_SUCCESS && *Removed == 0);
    if (Port->First != NULL) {
        wake = ChooseWaiter(Port);
    }
    HostReleaseLock(&Port->Lock);
    Wake(wake);
    return status;
}

NTSTATUS NtRemoveIoCompletionEx(HANDLE IoCompletionHandle, PFILE_IO_COMPLETION_INFORMATION Information,
                                ULONG Count, PULONG Removed, PLARGE_INTEGER Timeout, BOOLEAN Alertable)
{
    UNREFERENCED_PARAMETER(Alertable);
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (Count == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    PHOST_PORT port = HostReferenceHandle(IoCompletionHandle, &HostPortType, HostCurrentProcess());
    if (port == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    NTSTATUS status = RemovePackets(port, Information, Count, Removed, HostDeadline(Timeout));
    HostDereference(port);
    return status;
}

/* ---- closing ----------------------------------------------------------------------------------------- */

static void ClosePort(PVOID Body)
{
    PHOST_PORT port = Body;
    HostAcquireLock(&port->Lock);
    port->Closed = TRUE;
    BOOLEAN lent = (BOOLEAN)(port->Lent != NULL);
    while (!IsListEmpty(&port->Sleepers)) {
        PHOST_WAITER waiter = CONTAINING_RECORD(port->Sleepers.Flink, HOST_WAITER, PortLink);
        TakeSleeper(port, waiter);
        HostUnpark(&waiter->Signal);
    }
    HostReleaseLock(&port->Lock);
    if (lent) {
        HostIdleWake();
    }
}

static void FreeList(PHOST_PACKET Packet)
{
    while (Packet != NULL) {
        PHOST_PACKET next = Packet->Next;
        free(Packet);
        Packet = next;
    }
}

static void DeletePort(PVOID Body)
{
    PHOST_PORT port = Body;
    FreeList(port->First);
    FreeList(port->Free);
    HostFreeObject(port);
}
