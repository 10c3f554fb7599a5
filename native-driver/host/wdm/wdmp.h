/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the user-mode I/O manager: what its files share with each other. Nothing outside host/wdm
 * includes this header.
 *
 * Order of locks, outermost first: service mutex, name mutex, file lock, port lock, idle lock, cancel lock,
 * dispatcher bucket. No driver routine is called with one of them held, except a cancel routine, which is
 * called with the cancel spin lock held, as on Windows.
 */
#ifndef WDMP_H
#define WDMP_H

#include <iomanager.h>

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HOST_ADDRESS_SANITIZER 1
#else
#define HOST_ADDRESS_SANITIZER 0
#endif

#define HOST_LIKELY(e)   __builtin_expect(!!(e), 1)
#define HOST_UNLIKELY(e) __builtin_expect(!!(e), 0)
#define HOST_FREED_BYTE  0xDF

typedef struct _HOST_DRIVER HOST_DRIVER, *PHOST_DRIVER;
typedef struct _HOST_DEVICE HOST_DEVICE, *PHOST_DEVICE;
typedef struct _HOST_FILE HOST_FILE, *PHOST_FILE;
typedef struct _HOST_REQUEST HOST_REQUEST, *PHOST_REQUEST;
typedef struct _HOST_PORT HOST_PORT, *PHOST_PORT;

/* ---- bugchecks (bugcheck.c) -------------------------------------------------------------------------- */

DECLSPEC_NORETURN void HostBugcheck(ULONG Code, ULONG_PTR Parameter1, ULONG_PTR Parameter2,
                                    ULONG_PTR Parameter3, ULONG_PTR Parameter4, const char* Format, ...)
    __attribute__((format(printf, 6, 7)));
DECLSPEC_NORETURN void HostBugcheckIrql(const char* Function, KIRQL Maximum);
/* A UTF-16 string as ASCII in a buffer of the caller's, for reports. */
const char* HostNarrow(PCUNICODE_STRING String, char* Buffer, size_t Length);

/* ---- text (rtl.c, strings.c) ------------------------------------------------------------------------- */

WCHAR HostUpcase(WCHAR Character);
/* How many units the text has in the other encoding; stored when Destination is not NULL. What is not valid
 * becomes U+FFFD. */
SIZE_T HostUtf8ToUtf16(const char* Source, SIZE_T Length, PWCH Destination);
SIZE_T HostUtf16ToUtf8(PCWCH Source, SIZE_T Count, char* Destination);

/* ---- threads (thread.c) ------------------------------------------------------------------------------ */

/* State of the current thread; no other thread reads it. Its address identifies the thread, for instance as
 * the owner of a spin lock. */
typedef struct _HOST_THREAD {
    KIRQL Irql;
    USHORT SpinLocks;     /* held now */
    LONG CriticalRegions; /* depth of KeEnterCriticalRegion */
    PEPROCESS Process;    /* that the thread acts for; NULL: the initial process */
    PHOST_DRIVER Driver;  /* whose code runs, for accounting; NULL: none */
    PETHREAD Thread;      /* made on first use */
    ULONG Shard;          /* 1-based shard of the allocation lists; 0: not yet chosen */
    LONGLONG UnloadLimit; /* in a DriverUnload that runs because a user closed the last handle: deadline of
                             its waits (HostQueryTime); else 0 */
} HOST_THREAD;

extern _Thread_local HOST_THREAD HostThread __attribute__((tls_model("initial-exec")));

#define HOST_MAX_IRQL(irql)                                                                                  \
    do {                                                                                                     \
        if (HOST_UNLIKELY(HostThread.Irql > (irql))) {                                                       \
            HostBugcheckIrql(__func__, (irql));                                                              \
        }                                                                                                    \
    } while (0)

/* The thread object; DISPATCHER_HEADER first, so that it can be waited for. */
struct _ETHREAD {
    DISPATCHER_HEADER Header;
    HANDLE Id;
    /* System threads only: */
    PHOST_DRIVER Driver;
    PKSTART_ROUTINE StartRoutine;
    PVOID StartContext;
    struct _ETHREAD* NextFree; /* under the lock of thread.c */
};

PETHREAD HostCurrentThreadSlow(void);
FORCEINLINE PETHREAD HostCurrentThread(void)
{
    return HOST_LIKELY(HostThread.Thread != NULL) ? HostThread.Thread : HostCurrentThreadSlow();
}
ULONG HostCountSystemThreads(PHOST_DRIVER Driver);
/* Starts a POSIX thread with all signals blocked, so that the program's own threads keep getting them. */
BOOLEAN HostStartNativeThread(pthread_t* Thread, void* (*Start)(void*), void* Context);

/* What a driver routine must leave as it found it. */
typedef struct _HOST_CALL {
    PHOST_DRIVER Driver;
    LONG CriticalRegions;
    KIRQL Irql;
} HOST_CALL;

FORCEINLINE HOST_CALL HostBeginCall(PHOST_DRIVER Driver)
{
    HOST_CALL Call = {HostThread.Driver, HostThread.CriticalRegions, HostThread.Irql};
    HostThread.Driver = Driver;
    return Call;
}

DECLSPEC_NORETURN void HostCallViolation(const HOST_CALL* Call, const char* What, PVOID Routine);
FORCEINLINE void HostEndCall(const HOST_CALL* Call, const char* What, PVOID Routine)
{
    if (HOST_UNLIKELY(HostThread.Irql != Call->Irql || HostThread.CriticalRegions != Call->CriticalRegions)) {
        HostCallViolation(Call, What, Routine);
    }
    HostThread.Driver = Call->Driver;
}

/* ---- internal locks and time (sync.c, rtl.c) --------------------------------------------------------- */

/* For the host's own short critical sections; does not change the IRQL. Released by a plain store. */
typedef struct _HOST_LOCK {
    LONG Held;
} HOST_LOCK, *PHOST_LOCK;

void HostAcquireLockSlow(PHOST_LOCK Lock);
FORCEINLINE void HostAcquireLock(PHOST_LOCK Lock)
{
    if (HOST_UNLIKELY(__atomic_exchange_n(&Lock->Held, 1, __ATOMIC_ACQUIRE) != 0)) {
        HostAcquireLockSlow(Lock);
    }
}
FORCEINLINE void HostReleaseLock(PHOST_LOCK Lock)
{
    __atomic_store_n(&Lock->Held, 0, __ATOMIC_RELEASE);
}
/* Waits a little longer each time it is called in a loop: pause, then yield, then sleep. */
void HostBackOff(ULONG* Round);

/* Parks a thread on a word that is 0 until someone stores 1 and calls HostUnpark. Deadline in HostQueryTime
 * units, -1 for none. FALSE when it passed. */
BOOLEAN HostPark(LONG* Word, LONGLONG Deadline);
void HostUnpark(LONG* Word);

/* From a Timeout argument: -1 for none (NULL), else HostQueryTime units; 0 is a poll. */
LONGLONG HostDeadline(const LARGE_INTEGER* Timeout);
/* A DriverUnload that runs in the thread of the user who closed the last handle must not wait. There
 * HostLimitWait limits a wait's deadline; a wait that reaches the limit breaks the rule and ends in
 * HostWaitLimitPassed, a bugcheck. */
FORCEINLINE LONGLONG HostLimitWait(LONGLONG Deadline)
{
    LONGLONG Limit = HostThread.UnloadLimit;
    return HOST_LIKELY(Limit == 0) || (Deadline >= 0 && Deadline < Limit) ? Deadline : Limit;
}
DECLSPEC_NORETURN void HostWaitLimitPassed(void);
struct timespec HostTimespec(LONGLONG Nanoseconds);

/* ---- tracked allocations (pool.c) -------------------------------------------------------------------- */

typedef enum _HOST_KIND { HostKindPool, HostKindIrp, HostKindMdl, HostKindWorkItem, HostKindCount } HOST_KIND;

#define HOST_TAG_IRP        0x20707249u /* 'Irp ' as pool tags are written: the first letter in the low byte */
#define HOST_TAG_MDL        0x206C644Du
#define HOST_TAG_PACKET     0x20706349u
#define HOST_TAG_WORK_ITEM  0x6B577149u
#define HOST_TAG_BUFFER     0x42536F49u
#define HOST_TAG_COMPLETION 0x73556F49u
#define HOST_TAG_RANDOM     0x20676E52u
#define HOST_TAG_EXTENSION  0x58707249u

PVOID HostAllocate(HOST_KIND Kind, SIZE_T Length, ULONG Tag, PVOID Caller);
/* Bugchecks when Memory is not a live allocation of that kind. */
void HostVerify(HOST_KIND Kind, PVOID Memory, const char* Function);
void HostFree(HOST_KIND Kind, PVOID Memory, const char* Function);
extern ULONG HostFailCountdown;
BOOLEAN HostFailNowSlow(ULONG Tag);
/* TRUE when fault injection wants the allocation that is about to be made to fail. */
FORCEINLINE BOOLEAN HostFailNow(ULONG Tag)
{
    return HOST_UNLIKELY(__atomic_load_n(&HostFailCountdown, __ATOMIC_RELAXED) != 0) && HostFailNowSlow(Tag);
}

typedef struct _HOST_ALLOCATION_INFO {
    HOST_KIND Kind;
    ULONG Tag;
    SIZE_T Length;
    ULONGLONG Sequence;
    PHOST_DRIVER Driver;
    PVOID Caller;
} HOST_ALLOCATION_INFO;

/* Calls Visit for each live allocation, with the list's lock held: Visit must not allocate from here. */
void HostVisitAllocations(void (*Visit)(const HOST_ALLOCATION_INFO* Info, PVOID Context), PVOID Context);
void HostCountAllocations(ULONGLONG Count[HostKindCount], ULONGLONG Bytes[HostKindCount]);
ULONGLONG HostAllocationSequence(void);

/* ---- memory lent to providers (lend.c; the providers' side is nt/lend.h) ----------------------------- */

/* Bugcheck when the MDL, or memory of the block, is lent with an IRP that is not completed. */
void HostCheckMdlNotLent(PMDL Mdl, const char* Freeing);
void HostCheckMemoryNotLent(PVOID Memory, SIZE_T Length, const char* Freeing);

/* ---- system threads (workitem.c, dpc.c) -------------------------------------------------------------- */

/* Runs Routine on a system thread at PASSIVE_LEVEL; the storage must stay valid until then. */
typedef struct _HOST_WORK {
    struct _HOST_WORK* Next;
    void (*Routine)(struct _HOST_WORK* Work);
} HOST_WORK, *PHOST_WORK;

void HostQueueWork(PHOST_WORK Work);
void HostStopWorkers(void);
void HostStopDpcThread(void);
ULONG HostCountTimers(PHOST_DRIVER Driver);
void HostSignal(DISPATCHER_HEADER* Header);

/* ---- objects and handles (object.c, handle.c) -------------------------------------------------------- */

typedef struct _HOST_OBJECT {
    /* References from the host itself, from handles and from drivers. While a handle is open this is raised
     * by a bias (handle.c) and references taken through the handle are counted in its slot. */
    LONG64 References;
    LONG64 DriverReferences; /* those taken by ObReferenceObject */
    const struct _OBJECT_TYPE* Type;
    ULONG_PTR Handle;  /* value of the one handle, 0 when it has none */
    PEPROCESS Process; /* whose handle it is */
    LIST_ENTRY Link;   /* all live objects of the type, under the lock of the type */
    HOST_WORK Work;    /* for deletion on a system thread */
    ULONG Magic;
    ULONG Reserved;
} HOST_OBJECT, *PHOST_OBJECT;
C_ASSERT(sizeof(HOST_OBJECT) % 16 == 0);

struct _OBJECT_TYPE {
    const char* Name;
    void (*CloseHandle)(PVOID Body); /* last handle gone; PASSIVE_LEVEL, in the closing thread; may be NULL */
    void (*Delete)(PVOID Body);      /* last reference gone; PASSIVE_LEVEL; frees with HostFreeObject */
    HOST_LOCK Lock;                  /* protects Live and Count */
    BOOLEAN Initialized;
    LIST_ENTRY Live;
    ULONGLONG Count;
};

extern struct _OBJECT_TYPE HostFileType, HostDeviceType, HostEventType, HostPortType, HostThreadType,
    HostProcessType, HostDriverType;

#define HOST_OBJECT_OF(body) ((PHOST_OBJECT)(body)-1)
#define HOST_OBJECT_MAGIC    0x6A624F48u

/* A zeroed body with one reference, the caller's. */
PVOID HostCreateObject(struct _OBJECT_TYPE* Type, SIZE_T BodyLength);
void HostFreeObject(PVOID Body);
FORCEINLINE void HostReference(PVOID Body)
{
    __atomic_add_fetch(&HOST_OBJECT_OF(Body)->References, 1, __ATOMIC_RELAXED);
}
/* HostDereference deletes in this thread and is for user threads outside of driver code; HostDereferenceLater
 * leaves deletion to a system thread and may be called at DISPATCH_LEVEL. */
void HostDeleteObject(PHOST_OBJECT Object);
void HostDeleteObjectLater(PHOST_OBJECT Object);
FORCEINLINE void HostDereference(PVOID Body)
{
    if (__atomic_sub_fetch(&HOST_OBJECT_OF(Body)->References, 1, __ATOMIC_ACQ_REL) == 0) {
        HostDeleteObject(HOST_OBJECT_OF(Body));
    }
}
FORCEINLINE void HostDereferenceLater(PVOID Body)
{
    if (__atomic_sub_fetch(&HOST_OBJECT_OF(Body)->References, 1, __ATOMIC_ACQ_REL) == 0) {
        HostDeleteObjectLater(HOST_OBJECT_OF(Body));
    }
}
ULONGLONG HostCountObjects(struct _OBJECT_TYPE* Type);
void HostVisitObjects(struct _OBJECT_TYPE* Type, void (*Visit)(PHOST_OBJECT Object, PVOID Context),
                      PVOID Context);

/* Opens the handle of a new object; takes over the caller's reference also on failure. */
NTSTATUS HostOpenHandle(PVOID Body, PEPROCESS Process, PHANDLE Handle);
/* A referenced body, or NULL. Type NULL: any. Process NULL: a handle of any process. */
PVOID HostReferenceHandle(HANDLE Handle, const struct _OBJECT_TYPE* Type, PEPROCESS Process);
NTSTATUS HostCloseHandle(HANDLE Handle, PEPROCESS Process);
void HostCloseProcessHandles(PEPROCESS Process);
ULONGLONG HostCountHandles(void);

/* ---- processes and security (process.c, security.c) -------------------------------------------------- */

struct _KPROCESS {
    HANDLE Id;
    HOST_PROCESS_RIGHTS Rights; /* atomic */
    LONG Entered;               /* threads that act for it; atomic */
};

extern PEPROCESS HostInitialProcess, HostSystemProcess;
FORCEINLINE PEPROCESS HostCurrentProcess(void)
{
    return HostThread.Process != NULL ? HostThread.Process : HostInitialProcess;
}
/* References for a pending request; the two processes that live for ever need none. */
FORCEINLINE void HostReferenceProcess(PEPROCESS Process)
{
    if (HOST_UNLIKELY(Process != HostInitialProcess)) {
        HostReference(Process);
    }
}
FORCEINLINE void HostDereferenceProcess(PEPROCESS Process)
{
    if (HOST_UNLIKELY(Process != HostInitialProcess)) {
        HostDereferenceLater(Process);
    }
}

typedef struct _HOST_SECURITY {
    ULONG Count;
    struct {
        BOOLEAN Deny;
        ULONG Sid; /* index of the well-known SID */
        ACCESS_MASK Mask;
    } Entries[16];
} HOST_SECURITY, *PHOST_SECURITY;

NTSTATUS HostParseSddl(PCUNICODE_STRING Sddl, PHOST_SECURITY Security);
ACCESS_MASK HostMapGenericAccess(ACCESS_MASK Access);
BOOLEAN HostAccessCheck(const HOST_SECURITY* Security, HOST_PROCESS_RIGHTS Rights, ACCESS_MASK Desired);

/* ---- drivers and devices (service.c, device.c) ------------------------------------------------------- */

struct _HOST_DRIVER {
    DRIVER_OBJECT Object; /* first */
    DRIVER_EXTENSION Extension;
    LIST_ENTRY Link; /* all services, under the service mutex */
    UNICODE_STRING ServiceName;
    UNICODE_STRING RegistryPath;
    ULONG Id;           /* small number for places without room for a pointer */
    ULONGLONG Sequence; /* of the first allocation after loading began */
    ULONG Files;        /* file objects, under the service mutex */
    ULONG ActiveItems;  /* work items queued or running, under the service mutex */
    BOOLEAN Loading;    /* under the service mutex */
    BOOLEAN Unloading;  /* under the service mutex */
    BOOLEAN LastByUser; /* the last file was closed in a user's thread; under the service mutex */
    LONG64 Completions; /* routines set by IoSetCompletionRoutineEx that have not returned; atomic */
};

extern pthread_mutex_t HostServiceMutex;
extern pthread_cond_t HostServiceCondition; /* Files or ActiveItems of a driver became 0 */
void HostAddActiveItem(PHOST_DRIVER Driver);
void HostRemoveActiveItem(PHOST_DRIVER Driver);
const char* HostDriverName(PHOST_DRIVER Driver, char* Buffer, size_t Length);
ULONG HostCountServices(void); /* with the service mutex held */

struct _HOST_DEVICE {
    DEVICE_OBJECT Object; /* first */
    UNICODE_STRING Name;  /* empty: none; under the name mutex */
    HOST_SECURITY Security;
    BOOLEAN Deleted; /* IoDeleteDevice was called; under the name mutex */
    ULONG Opens;     /* under the name mutex */
};

/* Opens (HostCloseDevice undoes it) and references the device of a user's name; FileName gets a copy of what
 * follows the device's name, which the caller frees. */
NTSTATUS HostOpenDevice(PCWSTR Name, ACCESS_MASK Access, HOST_PROCESS_RIGHTS Rights, PHOST_DEVICE* Device,
                        PUNICODE_STRING FileName);
void HostCloseDevice(PHOST_DEVICE Device);
void HostFinishDevices(PHOST_DRIVER Driver); /* clears DO_DEVICE_INITIALIZING */
ULONG HostCountLinks(PHOST_DRIVER Driver);

/* ---- IRPs, files, requests (irp.c, file.c, iorequest.c, iocontrol.c) --------------------------------- */

/* IRP.AllocationFlags */
#define HOST_IRP_IO_MANAGER 0x01 /* embedded in a HOST_REQUEST */
#define HOST_IRP_ALLOCATED  0x02 /* by IoAllocateIrp */
#define HOST_IRP_IN_FLIGHT  0x04 /* sent by IofCallDriver, not completed yet */

void HostPrepareIrp(PIRP Irp, CCHAR StackSize, UCHAR AllocationFlags);
/* How many routines set by plain IoSetCompletionRoutine run now, for drivers' own IRPs. */
LONG64 HostCountPlainCompletions(void);

typedef struct _HOST_PACKET {
    struct _HOST_PACKET* Next;
    FILE_IO_COMPLETION_INFORMATION Information;
} HOST_PACKET, *PHOST_PACKET;

struct _HOST_FILE {
    FILE_OBJECT Object; /* first */
    ACCESS_MASK Granted;
    BOOLEAN InlineCompletion;         /* atomic */
    IO_COMPLETION_CONTEXT Completion; /* Object.CompletionContext points here once a port is associated */
    HOST_LOCK Lock;                   /* protects everything below */
    BOOLEAN Associated;
    ULONG PendingCount;
    ULONG FreeCount;
    LIST_ENTRY Pending; /* requests not yet complete */
    PHOST_REQUEST Free; /* requests kept for reuse */
};

#define HOST_SMALL_BUFFER    256
#define HOST_REQUESTS_CACHED 64

/* HOST_REQUEST.State; bits, atomic */
#define HOST_REQUEST_READY     1 /* the IRP is filled in and may be cancelled */
#define HOST_REQUEST_RETURNED  2 /* the dispatch routine returned */
#define HOST_REQUEST_COMPLETED 4

/* An I/O manager's IRP and the state needed to finish it. The sending thread owns it until
 * HOST_REQUEST_READY; then the sender and the completing thread share it, and the one that sets the second of
 * RETURNED and COMPLETED retires it. */
struct _HOST_REQUEST {
    LIST_ENTRY Link; /* file's Pending, under the file lock */
    PHOST_REQUEST NextFree;
    PHOST_FILE File;     /* referenced */
    PHOST_PACKET Packet; /* kept for reuse when no packet was queued */
    PHOST_PORT Port;     /* where the packet goes; NULL: none. Referenced by the file's association */
    PKEVENT Event;       /* the user's event, referenced, or NULL */
    PEPROCESS Process;   /* requestor */
    HOST_THREAD* Sender;
    LONG State;
    ULONG CancelHolds;     /* NtCancelIoFileEx uses it; under the file lock */
    BOOLEAN Retired;       /* to be recycled when the last hold goes; under the file lock */
    BOOLEAN Synchronous;   /* not an IOCTL: Done is set and the sender frees it */
    BOOLEAN InlineMode;    /* snapshot of InlineCompletion */
    BOOLEAN InDispatch;    /* used by the sender only */
    BOOLEAN CompletedHere; /* completed by the sender inside the dispatch routine; used by the sender only */
    BOOLEAN Pended;        /* the driver had marked the IRP pending; written before COMPLETED */
    UCHAR Method;
    CCHAR StackSize;
    NTSTATUS FinalStatus; /* written before COMPLETED */
    ULONG InputLength;
    ULONG OutputLength;
    ULONG SystemBufferLength;
    PVOID LargeBuffer;
    KEVENT Done;
    ULONGLONG MdlGuard; /* where IoFreeMdl would look for the mark of IoAllocateMdl */
    MDL Mdl;
    PFN_NUMBER MdlPages[1];
    DECLSPEC_ALIGN(16) UCHAR SmallBuffer[HOST_SMALL_BUFFER];
    IRP Irp;
    IO_STACK_LOCATION Stack[];
};

PHOST_REQUEST HostAllocateRequest(CCHAR StackSize);
void HostFreeRequest(PHOST_REQUEST Request);
void HostFreeCachedRequests(PHOST_FILE File);
/* A request for an IOCTL, linked in the file's Pending list but not yet READY; NULL when out of memory. */
PHOST_REQUEST HostTakeRequest(PHOST_FILE File);
/* Ends an IOCTL's request. Unlink: takes it out of the Pending list. Reuse: returns its storage to the
 * file. */
void HostRetireRequest(PHOST_REQUEST Request, BOOLEAN Unlink, BOOLEAN Reuse);
/* The last stage of IofCompleteRequest for an IRP of the I/O manager. */
void HostCompleteRequest(PHOST_REQUEST Request);
/* Checks what a dispatch routine returned against what became of the IRP; Request is read only if Completed.
 */
void HostCheckDispatch(PHOST_REQUEST Request, NTSTATUS Returned, BOOLEAN Completed);

/* ---- files of the machine (zwname.c, zwfile.c) ------------------------------------------------------- */

#define HOST_NAME_BYTES 256 /* of one component, with its terminator */

/* What a name resolves to. */
typedef struct _HOST_LOCATION {
    int Directory;              /* open; the caller closes it */
    BOOLEAN DirectoryOnly;      /* the name ends in a backslash */
    char Name[HOST_NAME_BYTES]; /* in that directory; need not exist */
} HOST_LOCATION, *PHOST_LOCATION;

/* On failure there is nothing to close. */
NTSTATUS HostLocateFile(PCUNICODE_STRING Name, PHOST_LOCATION Location);
BOOLEAN HostIsDirectoryEmpty(int Directory);
/* From a value of errno. */
NTSTATUS HostFileError(int Error);

/* A file that has a handle. */
typedef struct _HOST_OPEN_FILE {
    PHOST_DRIVER Driver; /* that opened it; NULL: none */
    ULONGLONG Sequence;  /* of the first allocation after that */
    const char* Name;
} HOST_OPEN_FILE;

/* Calls Visit for each, with the lock of the type held. */
void HostVisitOpenFiles(void (*Visit)(const HOST_OPEN_FILE* File, PVOID Context), PVOID Context);

/* ---- completion ports (port.c, leader.c) ------------------------------------------------------------- */

PHOST_PACKET HostTakePacket(PHOST_PORT Port);
void HostPostPacket(PHOST_PORT Port, PHOST_PACKET Packet);

typedef enum _HOST_RANK { HostReserve, HostBackground, HostForeground } HOST_RANK;

/* A thread that waits for a packet, or the reserve; on its stack. */
typedef struct _HOST_WAITER {
    PHOST_PORT Port; /* NULL: the reserve */
    HOST_RANK Rank;
    BOOLEAN InTurn;        /* takes packets only when it has the turn, or no thread has */
    BOOLEAN Counted;       /* it is in the port's Signalled; under the port lock */
    LIST_ENTRY PortLink;   /* sleeping at the port, under the port lock; NULL Flink: not linked */
    LIST_ENTRY LeaderLink; /* follower, under the leader's lock; likewise */
    LONG Signal;           /* what it parks on */
} HOST_WAITER, *PHOST_WAITER;

/* TRUE: the caller leads; it must call HostPollAsLeader for one round and then this again, since it may have
 * to give way. FALSE: it is a follower, and sleeps until its Signal is set. Displaces: the caller must call
 * HostWakeLeader first, to make a leader of lower rank leave. May be called with the port's lock held. */
BOOLEAN HostLead(PHOST_WAITER Waiter, PBOOLEAN Displaces);
void HostPollAsLeader(LONGLONG Deadline);
/* The waiter, leader or follower, stops waiting. HandOn: a waiter of its port must lead in its place. */
void HostLeaveLeader(PHOST_WAITER Waiter, BOOLEAN HandOn);
/* Wakes a follower if there is no leader. */
void HostHandOn(void);
/* Makes the thread in HostPollAsLeader return. No lock of the host may be held. */
void HostWakeLeader(void);

/* ---- accounting (account.c) -------------------------------------------------------------------------- */

/* Bugchecks when the driver, which is no longer running, left something behind. Service mutex held. */
void HostCheckLeaks(PHOST_DRIVER Driver);

#endif
