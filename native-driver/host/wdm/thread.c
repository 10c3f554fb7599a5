/* SPDX-License-Identifier: Apache-2.0
 *
 * Thread objects and system threads.
 */
#include "wdmp.h"

#include <signal.h>

_Thread_local HOST_THREAD HostThread __attribute__((tls_model("initial-exec")));

static void DeleteThread(PVOID Body);

struct _OBJECT_TYPE HostThreadType = {.Name = "thread", .Delete = DeleteThread};
static POBJECT_TYPE ThreadTypePointer = &HostThreadType;
POBJECT_TYPE* PsThreadType = &ThreadTypePointer;

static pthread_once_t KeyOnce = PTHREAD_ONCE_INIT;
static BOOLEAN KeyCreated;
static pthread_key_t Key; /* its destructor releases a thread's object when the thread ends */

/* Thread objects are reused and never freed, since an IRP points to its thread without a reference. */
static HOST_LOCK FreeLock;
static PETHREAD FreeThreads; /* under FreeLock */

static LONG SystemThreads; /* number running; atomic */
static LONG64 NextThreadId = 8;

static void DeleteThread(PVOID Body)
{
    PETHREAD Thread = Body;
    HostAcquireLock(&FreeLock);
    Thread->NextFree = FreeThreads;
    FreeThreads = Thread;
    HostReleaseLock(&FreeLock);
}

static PETHREAD TakeFreeThread(void)
{
    HostAcquireLock(&FreeLock);
    PETHREAD Thread = FreeThreads;
    if (Thread != NULL) {
        FreeThreads = Thread->NextFree;
    }
    HostReleaseLock(&FreeLock);
    if (Thread != NULL) {
        PHOST_OBJECT Object = HOST_OBJECT_OF(Thread);
        __atomic_store_n(&Object->References, 1, __ATOMIC_RELAXED);
        Object->Handle = 0;
        HostAcquireLock(&HostThreadType.Lock); /* it is still in the list that HostCountSystemThreads reads */
        memset(Thread, 0, sizeof(*Thread));
        HostReleaseLock(&HostThreadType.Lock);
    }
    return Thread;
}

static PETHREAD CreateThreadObject(void)
{
    PETHREAD Thread = TakeFreeThread();
    if (Thread == NULL) {
        Thread = HostCreateObject(&HostThreadType, sizeof(*Thread));
    }
    if (Thread != NULL) {
        Thread->Header.Type = 6;
        InitializeListHead(&Thread->Header.WaitListHead);
        Thread->Id = (HANDLE)(ULONG_PTR)__atomic_fetch_add(&NextThreadId, 4, __ATOMIC_RELAXED);
    }
    return Thread;
}

static void ThreadEnds(void* Thread)
{
    if (HostThread.Process != NULL && HostThread.Process != HostSystemProcess) {
        HostEnterProcess(NULL);
    }
    HostThread.Thread = NULL;
    HostDereference(Thread);
}

static void CreateKey(void)
{
    KeyCreated = pthread_key_create(&Key, ThreadEnds) == 0;
}

/* Threads that end after this library was unloaded must not call into it. */
__attribute__((destructor)) static void DeleteKey(void)
{
    if (KeyCreated) {
        pthread_key_delete(Key);
    }
}

static void Attach(PETHREAD Thread)
{
    pthread_once(&KeyOnce, CreateKey);
    HostThread.Thread = Thread;
    pthread_setspecific(Key, Thread);
}

PETHREAD HostCurrentThreadSlow(void)
{
    PETHREAD Thread = CreateThreadObject();
    if (Thread == NULL) {
        HostBugcheck(MANUALLY_INITIATED_CRASH, 0, 0, 0, 0, "There is no memory for a thread object.");
    }
    Attach(Thread);
    return Thread;
}

PETHREAD PsGetCurrentThread(void)
{
    return HostCurrentThread();
}

HANDLE PsGetCurrentThreadId(void)
{
    return HostCurrentThread()->Id;
}

BOOLEAN HostStartNativeThread(pthread_t* Thread, void* (*Start)(void*), void* Context)
{
    sigset_t All;
    sigset_t Previous;
    sigfillset(&All);
    pthread_sigmask(SIG_SETMASK, &All, &Previous);
    int Error = pthread_create(Thread, NULL, Start, Context);
    pthread_sigmask(SIG_SETMASK, &Previous, NULL);
    return (BOOLEAN)(Error == 0);
}

/* ---- system threads ---------------------------------------------------------------------------------- */

/* Last steps of a system thread: it stops counting for its driver, then its waiters are woken. */
static void FinishSystemThread(PETHREAD Thread)
{
    if (HostThread.Irql != PASSIVE_LEVEL || HostThread.CriticalRegions != 0) {
        HostBugcheck(IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)Thread->StartRoutine, HostThread.Irql, 0, 0,
                     "A system thread ends at IRQL %u inside %d critical regions.", HostThread.Irql,
                     HostThread.CriticalRegions);
    }
    HostThread.Driver = NULL;
    __atomic_store_n(&Thread->StartRoutine, NULL, __ATOMIC_RELEASE);
    __atomic_sub_fetch(&SystemThreads, 1, __ATOMIC_ACQ_REL);
    HostSignal(&Thread->Header);
}

static void* SystemThread(void* Context)
{
    PETHREAD Thread = Context;
    Attach(Thread);
    HostThread.Process = HostSystemProcess;
    HostThread.Driver = Thread->Driver;
    Thread->StartRoutine(Thread->StartContext);
    FinishSystemThread(Thread);
    return NULL;
}

NTSTATUS PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                              HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine,
                              PVOID StartContext)
{
    UNREFERENCED_PARAMETER(DesiredAccess);
    UNREFERENCED_PARAMETER(ObjectAttributes);
    UNREFERENCED_PARAMETER(ProcessHandle);
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    PETHREAD Thread = CreateThreadObject();
    if (Thread == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Thread->Driver = HostThread.Driver;
    __atomic_store_n(&Thread->StartRoutine, StartRoutine, __ATOMIC_RELEASE);
    Thread->StartContext = StartContext;
    if (ClientId != NULL) {
        ClientId->UniqueProcess = PsGetProcessId(HostSystemProcess);
        ClientId->UniqueThread = Thread->Id;
    }
    HostReference(Thread); /* for the handle */
    NTSTATUS Status = HostOpenHandle(Thread, HostSystemProcess, ThreadHandle);
    pthread_t Native;
    if (!NT_SUCCESS(Status)) {
        __atomic_store_n(&Thread->StartRoutine, NULL, __ATOMIC_RELEASE);
        HostDereference(Thread);
        return Status;
    }
    __atomic_add_fetch(&SystemThreads, 1, __ATOMIC_ACQ_REL);
    if (!HostStartNativeThread(&Native, SystemThread, Thread)) {
        __atomic_sub_fetch(&SystemThreads, 1, __ATOMIC_ACQ_REL);
        __atomic_store_n(&Thread->StartRoutine, NULL, __ATOMIC_RELEASE);
        HostCloseHandle(*ThreadHandle, NULL);
        HostDereference(Thread);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    pthread_detach(Native);
    return STATUS_SUCCESS;
}

NTSTATUS PsTerminateSystemThread(NTSTATUS ExitStatus)
{
    UNREFERENCED_PARAMETER(ExitStatus);
    PETHREAD Thread = HostCurrentThread();
    if (Thread->StartRoutine == NULL) {
        return STATUS_INVALID_PARAMETER; /* not a system thread */
    }
    FinishSystemThread(Thread);
    pthread_exit(NULL);
}

typedef struct _THREAD_COUNT {
    PHOST_DRIVER Driver;
    ULONG Count;
} THREAD_COUNT;

static void CountThread(PHOST_OBJECT Object, PVOID Context)
{
    PETHREAD Thread = (PETHREAD)(Object + 1);
    THREAD_COUNT* Count = Context;
    if (__atomic_load_n(&Thread->StartRoutine, __ATOMIC_ACQUIRE) != NULL && Thread->Driver == Count->Driver) {
        Count->Count++;
    }
}

ULONG HostCountSystemThreads(PHOST_DRIVER Driver)
{
    THREAD_COUNT Count = {Driver, 0};
    if (__atomic_load_n(&SystemThreads, __ATOMIC_ACQUIRE) != 0) {
        HostVisitObjects(&HostThreadType, CountThread, &Count);
    }
    return Count.Count;
}
