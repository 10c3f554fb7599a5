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
    ULONG_PTR address = (ULONG_PTR)Header;
    return &Buckets[(address >> 4 ^ address >> 12) % BUCKETS];
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
    pthread_mutex_t* bucket = BucketOf(Header);
    LONG old;

    pthread_mutex_lock(bucket);
    if (IsSynchronization(Header) && !IsListEmpty(&Header->WaitListHead)) {
        old = Header->SignalState;
        Satisfy(CONTAINING_RECORD(Header->WaitListHead.Flink, WAIT_BLOCK, Link));
    } else {
        old = SetState(Header, 1);
        while (!IsListEmpty(&Header->WaitListHead)) {
            Satisfy(CONTAINING_RECORD(Header->WaitListHead.Flink, WAIT_BLOCK, Link));
        }
    }
    pthread_mutex_unlock(bucket);
    return old;
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
    pthread_mutex_t* bucket = BucketOf(&Event->Header);
    pthread_mutex_lock(bucket);
    LONG old = SetState(&Event->Header, 0);
    pthread_mutex_unlock(bucket);
    return old;
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
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&Block->Condition, &attributes);
    pthread_condattr_destroy(&attributes);
    Block->Satisfied = FALSE;
}

/* Bucket held; released while the thread sleeps. */
static NTSTATUS Sleep(DISPATCHER_HEADER* Header, pthread_mutex_t* Bucket, LONGLONG Deadline)
{
    struct timespec until = HostTimespec(Deadline);
    WAIT_BLOCK block;
    int error = 0;

    InitializeBlock(&block);
    InsertTailList(&Header->WaitListHead, &block.Link);
    while (!block.Satisfied && error != ETIMEDOUT) {
        error = Deadline < 0 ? pthread_cond_wait(&block.Condition, Bucket)
                             : pthread_cond_timedwait(&block.Condition, Bucket, &until);
    }
    if (!block.Satisfied) {
        RemoveEntryList(&block.Link);
    }
    pthread_cond_destroy(&block.Condition);
    return block.Satisfied ? STATUS_SUCCESS : STATUS_TIMEOUT;
}

NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                               BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    DISPATCHER_HEADER* header = Object;
    NTSTATUS status = STATUS_SUCCESS;
    UNREFERENCED_PARAMETER(WaitReason);
    UNREFERENCED_PARAMETER(WaitMode);
    UNREFERENCED_PARAMETER(Alertable);

    if (Timeout == NULL || Timeout->QuadPart != 0) {
        HOST_MAX_IRQL(APC_LEVEL);
    } else {
        HOST_MAX_IRQL(DISPATCH_LEVEL);
    }
    CheckKind(header, FALSE, __func__);
    LONGLONG deadline = HostDeadline(Timeout);
    LONGLONG limited = HostLimitWait(deadline);
    pthread_mutex_t* bucket = BucketOf(header);
    pthread_mutex_lock(bucket);
    if (header->SignalState > 0) {
        if (IsSynchronization(header)) {
            SetState(header, 0);
        }
    } else {
        status = deadline == 0 ? STATUS_TIMEOUT : Sleep(header, bucket, limited);
    }
    pthread_mutex_unlock(bucket);
    if (HOST_UNLIKELY(status == STATUS_TIMEOUT && limited != deadline)) {
        HostWaitLimitPassed();
    }
    return status;
}

NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    UNREFERENCED_PARAMETER(WaitMode);
    UNREFERENCED_PARAMETER(Alertable);
    HOST_MAX_IRQL(APC_LEVEL);
    LONGLONG deadline = HostDeadline(Interval);
    if (deadline == 0) {
        sched_yield();
        return STATUS_SUCCESS;
    }
    LONGLONG limited = HostLimitWait(deadline);
    struct timespec until = HostTimespec(limited);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
    if (HOST_UNLIKELY(limited != deadline)) {
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
    PKEVENT event = HostCreateObject(&HostEventType, sizeof(KEVENT));
    if (event == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KeInitializeEvent(event, EventType, InitialState);
    return HostOpenHandle(event, HostCurrentProcess(), EventHandle);
}

NTSTATUS NtWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    PVOID body = HostReferenceHandle(Handle, NULL, HostCurrentProcess());
    if (body == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    NTSTATUS status = STATUS_OBJECT_TYPE_MISMATCH;
    const struct _OBJECT_TYPE* type = HOST_OBJECT_OF(body)->Type;
    if (type == &HostEventType || type == &HostThreadType) {
        status = KeWaitForSingleObject(body, UserRequest, UserMode, Alertable, Timeout);
    }
    HostDereference(body);
    return status;
}
