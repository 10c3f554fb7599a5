/* SPDX-License-Identifier: Apache-2.0
 *
 * Events and waiting for them, for timers and for threads.
 *
 * Every dispatcher object belongs, by its address, to a bucket whose mutex protects the object's SignalState
 * and its list of waiters. A waiter's block is on its stack. The signaller holds the mutex, and the waiter
 * takes it once more before it returns, so neither an event on a stack nor a block is touched after its owner
 * has gone on.
 */
#include "wdmp.h"

#include <errno.h>

#define BUCKETS 64

enum {
    TypeNotificationEvent = 0,
    TypeSynchronizationEvent = 1,
    TypeThread = 6,
    TypeNotificationTimer = 8,
    TypeSynchronizationTimer = 9
};

typedef struct _WAIT_BLOCK {
    LIST_ENTRY Link;
    pthread_cond_t Condition;
    BOOLEAN Satisfied;
} WAIT_BLOCK;

static pthread_mutex_t Buckets[BUCKETS] = {[0 ... BUCKETS - 1] = PTHREAD_MUTEX_INITIALIZER};

static pthread_mutex_t* BucketOf(const DISPATCHER_HEADER* Header)
{
    ULONG_PTR Address = (ULONG_PTR)Header;
    return &Buckets[(Address >> 4 ^ Address >> 12) % BUCKETS];
}

static BOOLEAN IsSynchronization(const DISPATCHER_HEADER* Header)
{
    return (BOOLEAN)(Header->Type == TypeSynchronizationEvent || Header->Type == TypeSynchronizationTimer);
}

static void CheckKind(const DISPATCHER_HEADER* Header, BOOLEAN EventOnly, const char* Function)
{
    switch (Header->Type) {
    case TypeNotificationEvent:
    case TypeSynchronizationEvent:
        /* The wait list is not checked: it may only be read with the bucket's mutex held. */
        if (Header->Size == sizeof(KEVENT) / sizeof(LONG)) {
            return;
        }
        break;
    case TypeThread:
    case TypeNotificationTimer:
    case TypeSynchronizationTimer:
        if (!EventOnly && Header->WaitListHead.Flink != NULL) {
            return;
        }
        break;
    default:
        break;
    }
    HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Header, Header->Type, 0, 0,
                 "%s was given an object that is not initialised or of the wrong kind.", Function);
}

/* Bucket held. Written atomically because KeReadStateEvent reads without the lock. */
static LONG SetState(DISPATCHER_HEADER* Header, LONG State)
{
    return __atomic_exchange_n(&Header->SignalState, State, __ATOMIC_ACQ_REL);
}

static void Satisfy(WAIT_BLOCK* Block)
{
    RemoveEntryList(&Block->Link);
    Block->Satisfied = TRUE;
    pthread_cond_signal(&Block->Condition);
}

static LONG Signal(DISPATCHER_HEADER* Header)
{
    pthread_mutex_t* Bucket = BucketOf(Header);
    LONG Old;

    pthread_mutex_lock(Bucket);
    if (IsSynchronization(Header) && !IsListEmpty(&Header->WaitListHead)) {
        Old = Header->SignalState;
        Satisfy(CONTAINING_RECORD(Header->WaitListHead.Flink, WAIT_BLOCK, Link));
    } else {
        Old = SetState(Header, 1);
        while (!IsListEmpty(&Header->WaitListHead)) {
            Satisfy(CONTAINING_RECORD(Header->WaitListHead.Flink, WAIT_BLOCK, Link));
        }
    }
    pthread_mutex_unlock(Bucket);
    return Old;
}

void HostSignal(DISPATCHER_HEADER* Header)
{
    Signal(Header);
}

/* ---- events ------------------------------------------------------------------------------------------ */

void KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State)
{
    memset(Event, 0, sizeof(*Event));
    Event->Header.Type = Type == SynchronizationEvent ? TypeSynchronizationEvent : TypeNotificationEvent;
    Event->Header.Size = sizeof(KEVENT) / sizeof(LONG);
    Event->Header.SignalState = State;
    InitializeListHead(&Event->Header.WaitListHead);
}

LONG KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    UNREFERENCED_PARAMETER(Increment);
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    if (Wait) {
        HOST_MAX_IRQL(APC_LEVEL);
    }
    CheckKind(&Event->Header, TRUE, __func__);
    return Signal(&Event->Header);
}

LONG KeResetEvent(PRKEVENT Event)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    CheckKind(&Event->Header, TRUE, __func__);
    pthread_mutex_t* Bucket = BucketOf(&Event->Header);
    pthread_mutex_lock(Bucket);
    LONG Old = SetState(&Event->Header, 0);
    pthread_mutex_unlock(Bucket);
    return Old;
}

void KeClearEvent(PRKEVENT Event)
{
    KeResetEvent(Event);
}

LONG KeReadStateEvent(PRKEVENT Event)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    return __atomic_load_n(&Event->Header.SignalState, __ATOMIC_ACQUIRE);
}

/* ---- waiting ----------------------------------------------------------------------------------------- */

static void InitializeBlock(WAIT_BLOCK* Block)
{
    pthread_condattr_t Attributes;
    pthread_condattr_init(&Attributes);
    pthread_condattr_setclock(&Attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&Block->Condition, &Attributes);
    pthread_condattr_destroy(&Attributes);
    Block->Satisfied = FALSE;
}

/* Bucket held; released while the thread sleeps. */
static NTSTATUS Sleep(DISPATCHER_HEADER* Header, pthread_mutex_t* Bucket, LONGLONG Deadline)
{
    struct timespec Until = HostTimespec(Deadline);
    WAIT_BLOCK Block;
    int Error = 0;

    InitializeBlock(&Block);
    InsertTailList(&Header->WaitListHead, &Block.Link);
    while (!Block.Satisfied && Error != ETIMEDOUT) {
        Error = Deadline < 0 ? pthread_cond_wait(&Block.Condition, Bucket)
                             : pthread_cond_timedwait(&Block.Condition, Bucket, &Until);
    }
    if (!Block.Satisfied) {
        RemoveEntryList(&Block.Link);
    }
    pthread_cond_destroy(&Block.Condition);
    return Block.Satisfied ? STATUS_SUCCESS : STATUS_TIMEOUT;
}

NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                               BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    DISPATCHER_HEADER* Header = Object;
    NTSTATUS Status = STATUS_SUCCESS;
    UNREFERENCED_PARAMETER(WaitReason);
    UNREFERENCED_PARAMETER(WaitMode);
    UNREFERENCED_PARAMETER(Alertable);

    if (Timeout == NULL || Timeout->QuadPart != 0) {
        HOST_MAX_IRQL(APC_LEVEL);
    } else {
        HOST_MAX_IRQL(DISPATCH_LEVEL);
    }
    CheckKind(Header, FALSE, __func__);
    LONGLONG Deadline = HostDeadline(Timeout);
    LONGLONG Limited = HostLimitWait(Deadline);
    pthread_mutex_t* Bucket = BucketOf(Header);
    pthread_mutex_lock(Bucket);
    if (Header->SignalState > 0) {
        if (IsSynchronization(Header)) {
            SetState(Header, 0);
        }
    } else {
        Status = Deadline == 0 ? STATUS_TIMEOUT : Sleep(Header, Bucket, Limited);
    }
    pthread_mutex_unlock(Bucket);
    if (HOST_UNLIKELY(Status == STATUS_TIMEOUT && Limited != Deadline)) {
        HostWaitLimitPassed();
    }
    return Status;
}

NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    UNREFERENCED_PARAMETER(WaitMode);
    UNREFERENCED_PARAMETER(Alertable);
    HOST_MAX_IRQL(APC_LEVEL);
    LONGLONG Deadline = HostDeadline(Interval);
    if (Deadline == 0) {
        sched_yield();
        return STATUS_SUCCESS;
    }
    LONGLONG Limited = HostLimitWait(Deadline);
    struct timespec Until = HostTimespec(Limited);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &Until, NULL) == EINTR) {
    }
    if (HOST_UNLIKELY(Limited != Deadline)) {
        HostWaitLimitPassed();
    }
    return STATUS_SUCCESS;
}

/* ---- events of user programs ------------------------------------------------------------------------- */

struct _OBJECT_TYPE HostEventType = {.Name = "event", .Delete = HostFreeObject};
POBJECT_TYPE ExEventObjectTypePointer = &HostEventType;
POBJECT_TYPE* ExEventObjectType = &ExEventObjectTypePointer;

NTSTATUS NtCreateEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess, PVOID ObjectAttributes,
                       EVENT_TYPE EventType, BOOLEAN InitialState)
{
    UNREFERENCED_PARAMETER(DesiredAccess);
    UNREFERENCED_PARAMETER(ObjectAttributes);
    PKEVENT Event = HostCreateObject(&HostEventType, sizeof(KEVENT));
    if (Event == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KeInitializeEvent(Event, EventType, InitialState);
    return HostOpenHandle(Event, HostCurrentProcess(), EventHandle);
}

NTSTATUS NtWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    PVOID Body = HostReferenceHandle(Handle, NULL, HostCurrentProcess());
    if (Body == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    NTSTATUS Status = STATUS_OBJECT_TYPE_MISMATCH;
    const struct _OBJECT_TYPE* Type = HOST_OBJECT_OF(Body)->Type;
    if (Type == &HostEventType || Type == &HostThreadType) {
        Status = KeWaitForSingleObject(Body, UserRequest, UserMode, Alertable, Timeout);
    }
    HostDereference(Body);
    return Status;
}
