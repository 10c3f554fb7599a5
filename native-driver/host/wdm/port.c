/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion ports: a queue of packets and the threads that wait for them.
 *
 * The first packet wakes a sleeping waiter; while that one has not yet run, further packets wake no other. It
 * takes a batch and, if packets are left, wakes the next. So whenever there are packets and sleepers, one
 * waiter has been woken, and a burst of packets costs one wake-up. A waiter may also poll meanwhile
 * (leader.c).
 *
 * Threads that wait in turn get packets only when no other has the turn. One in the foreground has it from
 * the moment it waits, so it gets the packets, and it is the one to wake.
 */
#include "wdmp.h"

#define MAX_FREE_PACKETS 1024

struct _HOST_PORT {
    HOST_LOCK Lock; /* protects everything below */
    PHOST_PACKET First, Last;
    PHOST_PACKET Free; /* kept for reuse */
    ULONG FreeCount;
    ULONG Signalled;      /* sleepers that were woken for packets and have not run yet */
    LIST_ENTRY Sleepers;  /* HOST_WAITER.PortLink, the latest first: its caches are warm */
    HOST_THREAD* Polling; /* the waiter that polls */
    BOOLEAN PollingWoken;
    BOOLEAN Closed;
    HOST_THREAD* Turn;       /* the thread that has the turn */
    PHOST_WAITER Foreground; /* the same thread, while it waits in the foreground */
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
    PHOST_PORT Port = HostCreateObject(&HostPortType, sizeof(*Port));
    if (Port == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    InitializeListHead(&Port->Sleepers);
    return HostOpenHandle(Port, HostCurrentProcess(), IoCompletionHandle);
}

/* ---- choosing the waiter to wake --------------------------------------------------------------------- */

typedef struct _WAKE {
    LONG* Sleeper; /* word to unpark */
    BOOLEAN Leader;
} WAKE;

static void TakeSleeper(PHOST_PORT Port, PHOST_WAITER Waiter)
{
    RemoveEntryList(&Waiter->PortLink);
    Waiter->PortLink.Flink = NULL;
    Waiter->Counted = TRUE;
    Port->Signalled++;
    __atomic_store_n(&Waiter->Signal, 1, __ATOMIC_RELEASE);
}

/* Port locked. Takes packets that are queued. */
static BOOLEAN MayTake(PHOST_PORT Port, PHOST_WAITER Waiter)
{
    return (BOOLEAN)(!Waiter->InTurn || Port->Turn == NULL || Port->Turn == &HostThread);
}

/* Port locked. The sleeper to wake for packets, or NULL. */
static PHOST_WAITER FindSleeper(PHOST_PORT Port)
{
    if (Port->Turn != NULL) {
        PHOST_WAITER Owner = Port->Foreground;
        return Owner != NULL && Owner->PortLink.Flink != NULL ? Owner : NULL;
    }
    return IsListEmpty(&Port->Sleepers) ? NULL
                                        : CONTAINING_RECORD(Port->Sleepers.Flink, HOST_WAITER, PortLink);
}

/* Port locked. Whether a thread that may take packets has been woken already. */
static BOOLEAN IsServed(PHOST_PORT Port)
{
    if (Port->Turn != NULL) {
        return (BOOLEAN)(Port->Foreground == NULL || Port->Foreground->Counted || Port->Turn == &HostThread);
    }
    return (BOOLEAN)(Port->Signalled != 0 || Port->Polling == &HostThread);
}

/* Port locked, packets queued. */
static WAKE ChooseWaiter(PHOST_PORT Port)
{
    WAKE Wake = {NULL, FALSE};
    if (IsServed(Port)) {
        return Wake;
    }
    PHOST_WAITER Sleeper = FindSleeper(Port);
    if (Sleeper != NULL) {
        TakeSleeper(Port, Sleeper);
        Wake.Sleeper = &Sleeper->Signal;
    } else if (Port->Polling != NULL && !Port->PollingWoken) {
        Wake.Leader = Port->PollingWoken = TRUE;
    }
    return Wake;
}

static void Wake(WAKE Choice)
{
    if (Choice.Sleeper != NULL) {
        HostUnpark(Choice.Sleeper);
    }
    if (Choice.Leader) {
        HostWakeLeader();
    }
}

/* ---- packets ----------------------------------------------------------------------------------------- */

PHOST_PACKET HostTakePacket(PHOST_PORT Port)
{
    if (HostFailNow(HOST_TAG_PACKET)) {
        return NULL;
    }
    HostAcquireLock(&Port->Lock);
    PHOST_PACKET Packet = Port->Free;
    if (Packet != NULL) {
        Port->Free = Packet->Next;
        Port->FreeCount--;
    }
    HostReleaseLock(&Port->Lock);
    return Packet != NULL ? Packet : malloc(sizeof(*Packet));
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
    WAKE Choice = ChooseWaiter(Port);
    HostReleaseLock(&Port->Lock);
    Wake(Choice);
}

NTSTATUS NtSetIoCompletion(HANDLE IoCompletionHandle, PVOID KeyContext, PVOID ApcContext, NTSTATUS Status,
                           ULONG_PTR Information)
{
    PHOST_PORT Port = HostReferenceHandle(IoCompletionHandle, &HostPortType, HostCurrentProcess());
    if (Port == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    PHOST_PACKET Packet = HostTakePacket(Port);
    if (Packet != NULL) {
        Packet->Information.KeyContext = KeyContext;
        Packet->Information.ApcContext = ApcContext;
        Packet->Information.IoStatusBlock.Status = Status;
        Packet->Information.IoStatusBlock.Information = Information;
        HostPostPacket(Port, Packet);
    }
    HostDereference(Port);
    return Packet != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
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
    ULONG Count = 0;
    while (Port->First != NULL && Count < Limit) {
        PHOST_PACKET Packet = Port->First;
        Port->First = Packet->Next;
        Information[Count++] = Packet->Information;
        GiveBack(Port, Packet);
    }
    return Count;
}

/* ---- waiting ----------------------------------------------------------------------------------------- */

/* Port locked, as the leader. */
static void Poll(PHOST_PORT Port, LONGLONG Deadline)
{
    Port->Polling = &HostThread;
    Port->PollingWoken = FALSE;
    HostReleaseLock(&Port->Lock);
    HostPollAsLeader(Deadline);
    HostAcquireLock(&Port->Lock);
    Port->Polling = NULL;
}

/* Port locked; the waiter is a follower already. */
static void Sleep(PHOST_PORT Port, PHOST_WAITER Waiter, LONGLONG Deadline, BOOLEAN Displaces)
{
    InsertHeadList(&Port->Sleepers, &Waiter->PortLink);
    HostReleaseLock(&Port->Lock);
    if (Displaces) {
        HostWakeLeader();
    }
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
    __atomic_store_n(&Waiter->Signal, 0, __ATOMIC_RELAXED);
}

/* Port locked; returns with the port locked and STATUS_SUCCESS when there are packets for this thread. */
static NTSTATUS AwaitPackets(PHOST_PORT Port, PHOST_WAITER Waiter, LONGLONG Deadline)
{
    for (;;) {
        BOOLEAN Displaces;
        if (Port->First != NULL && MayTake(Port, Waiter)) {
            return STATUS_SUCCESS;
        }
        if (Port->Closed) {
            return STATUS_ABANDONED_WAIT_0;
        }
        if (Deadline == 0 || (Deadline > 0 && HostQueryTime() >= Deadline)) {
            return STATUS_TIMEOUT;
        }
        if (HostLead(Waiter, &Displaces)) {
            Poll(Port, Deadline);
        } else {
            Sleep(Port, Waiter, Deadline, Displaces);
        }
    }
}

/* Port locked. FALSE: the thread must not wait here. */
static BOOLEAN BeginTurn(PHOST_PORT Port, PHOST_WAITER Waiter)
{
    if (Port->Turn == &HostThread && Waiter->InTurn) {
        Port->Turn = NULL; /* it waits again */
    }
    if (Waiter->Rank != HostForeground) {
        return TRUE;
    }
    if (Port->Turn != NULL) {
        return FALSE;
    }
    Port->Turn = &HostThread;
    Port->Foreground = Waiter;
    return TRUE;
}

/* Port locked, after the wait. Without packets there is no turn. */
static void KeepTurn(PHOST_PORT Port, PHOST_WAITER Waiter, BOOLEAN Took)
{
    if (Port->Foreground == Waiter) {
        Port->Foreground = NULL;
    }
    if (Waiter->InTurn && Took) {
        Port->Turn = &HostThread;
    } else if (Port->Turn == &HostThread) {
        Port->Turn = NULL;
    }
}

static NTSTATUS RemovePackets(PHOST_PORT Port, PHOST_WAITER Waiter,
                              PFILE_IO_COMPLETION_INFORMATION Information, ULONG Count, PULONG Removed,
                              LONGLONG Deadline)
{
    WAKE Choice = {NULL, FALSE};
    NTSTATUS Status;

    *Removed = 0;
    HostAcquireLock(&Port->Lock);
    if (!BeginTurn(Port, Waiter)) {
        HostReleaseLock(&Port->Lock);
        return STATUS_DEVICE_BUSY;
    }
    Status = AwaitPackets(Port, Waiter, Deadline);
    if (Status == STATUS_SUCCESS) {
        *Removed = TakePackets(Port, Information, Count);
    }
    KeepTurn(Port, Waiter, (BOOLEAN)(*Removed != 0));
    if (Port->First != NULL) {
        Choice = ChooseWaiter(Port);
    }
    HostReleaseLock(&Port->Lock);
    HostLeaveLeader(Waiter, (BOOLEAN)(Waiter->Rank != HostForeground || *Removed == 0));
    Wake(Choice);
    return Status;
}

static NTSTATUS Remove(HANDLE Handle, PHOST_WAITER Waiter, PFILE_IO_COMPLETION_INFORMATION Information,
                       ULONG Count, PULONG Removed, PLARGE_INTEGER Timeout)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (Count == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    Waiter->Port = HostReferenceHandle(Handle, &HostPortType, HostCurrentProcess());
    if (Waiter->Port == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    NTSTATUS Status = RemovePackets(Waiter->Port, Waiter, Information, Count, Removed, HostDeadline(Timeout));
    HostDereference(Waiter->Port);
    return Status;
}

NTSTATUS NtRemoveIoCompletionEx(HANDLE IoCompletionHandle, PFILE_IO_COMPLETION_INFORMATION Information,
                                ULONG Count, PULONG Removed, PLARGE_INTEGER Timeout, BOOLEAN Alertable)
{
    HOST_WAITER Waiter = {.Rank = HostBackground};
    UNREFERENCED_PARAMETER(Alertable);
    return Remove(IoCompletionHandle, &Waiter, Information, Count, Removed, Timeout);
}

NTSTATUS HostRemoveInTurn(HANDLE IoCompletionHandle, PFILE_IO_COMPLETION_INFORMATION Information, ULONG Count,
                          PULONG Removed, PLARGE_INTEGER Timeout, BOOLEAN Foreground)
{
    HOST_WAITER Waiter = {.Rank = Foreground ? HostForeground : HostBackground, .InTurn = TRUE};
    return Remove(IoCompletionHandle, &Waiter, Information, Count, Removed, Timeout);
}

NTSTATUS HostEndTurn(HANDLE IoCompletionHandle, BOOLEAN HandOn)
{
    WAKE Choice = {NULL, FALSE};
    PHOST_PORT Port = HostReferenceHandle(IoCompletionHandle, &HostPortType, HostCurrentProcess());
    if (Port == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    HostAcquireLock(&Port->Lock);
    if (Port->Turn == &HostThread) {
        Port->Turn = NULL;
        if (Port->First != NULL) {
            Choice = ChooseWaiter(Port);
        }
    }
    HostReleaseLock(&Port->Lock);
    Wake(Choice);
    if (HandOn) {
        HostHandOn();
    }
    HostDereference(Port);
    return STATUS_SUCCESS;
}

/* ---- closing ----------------------------------------------------------------------------------------- */

static void ClosePort(PVOID Body)
{
    PHOST_PORT Port = Body;
    HostAcquireLock(&Port->Lock);
    Port->Closed = TRUE;
    BOOLEAN Polling = (BOOLEAN)(Port->Polling != NULL);
    while (!IsListEmpty(&Port->Sleepers)) {
        PHOST_WAITER Waiter = CONTAINING_RECORD(Port->Sleepers.Flink, HOST_WAITER, PortLink);
        TakeSleeper(Port, Waiter);
        HostUnpark(&Waiter->Signal);
    }
    HostReleaseLock(&Port->Lock);
    if (Polling) {
        HostWakeLeader();
    }
}

static void FreeList(PHOST_PACKET Packet)
{
    while (Packet != NULL) {
        PHOST_PACKET Next = Packet->Next;
        free(Packet);
        Packet = Next;
    }
}

static void DeletePort(PVOID Body)
{
    PHOST_PORT Port = Body;
    FreeList(Port->First);
    FreeList(Port->Free);
    HostFreeObject(Port);
}
