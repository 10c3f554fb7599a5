/* SPDX-License-Identifier: Apache-2.0
 *
 * The framework's own view of its objects. Everything here is private to host/kmdf.
 *
 * A client (FX_GLOBALS) is one bound driver. Its objects form a tree below the driver object. Each begins
 * with an FX_OBJECT, whose address is the handle. Requests are the exception: they are in no tree, but come
 * from their device's cache and return to it.
 *
 * Lock order, outermost first: callback lock, queue lock, device lock, request cancel lock, tree lock. Only
 * the callback lock may be held while a driver callback runs or an IRP is completed.
 */
#ifndef KMDFP_H
#define KMDFP_H

#include <ntddk.h>
#include <wdf.h>

#define FX_LIKELY(Condition)   __builtin_expect(!!(Condition), 1)
#define FX_UNLIKELY(Condition) __builtin_expect(!!(Condition), 0)

#define FX_LIBRARY_MINOR 15

typedef struct _FX_GLOBALS FX_GLOBALS;
typedef struct _FX_OBJECT FX_OBJECT;
typedef struct _FX_DRIVER FX_DRIVER;
typedef struct _FX_DEVICE FX_DEVICE;
typedef struct _FX_FILE FX_FILE;
typedef struct _FX_QUEUE FX_QUEUE;
typedef struct _FX_REQUEST FX_REQUEST;

/* ---- stopping the machine (check.c) ------------------------------------------------------------------ */

/* Writes the message to the debugger, then bugchecks WDF_VIOLATION with Code and Object as parameters. */
#define FxStop(Code, Object, ...)                                                                            \
    (DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "WDF: " __VA_ARGS__), FxBugcheck(Code, Object))
DECLSPEC_NORETURN VOID FxBugcheck(ULONG Code, const VOID* Object);

/* ---- objects (wdfobject.c, context.c, attributes.c) -------------------------------------------------- */

typedef enum _FX_TYPE {
    FxTypeAny,
    FxTypeDriver,
    FxTypeDevice,
    FxTypeFileObject,
    FxTypeQueue,
    FxTypeRequest,
    FxTypeMemory,
    FxTypeLookaside,
    FxTypeWaitLock,
    FxTypeSpinLock,
    FxTypeWorkItem,
    FxTypeTimer,
    FxTypeDpc,
    FxTypeCollection,
    FxTypeString,
    FxTypeGeneral,
    FxTypeMaximum
} FX_TYPE;

#define FX_SIGNATURE_LIVE 0x58464C00u
#define FX_SIGNATURE_DEAD 0x58464400u

typedef enum _FX_OBJECT_STATE { FxObjectAlive, FxObjectDeleting, FxObjectCleanedUp } FX_OBJECT_STATE;

/* A context of an object. The first one follows the object in the same allocation, even if the driver asked
 * for none: it keeps the callbacks of the attributes. */
typedef struct DECLSPEC_ALIGN(MEMORY_ALLOCATION_ALIGNMENT) _FX_CONTEXT {
    FX_OBJECT* Object;
    struct _FX_CONTEXT* volatile Next; /* appended to under the tree lock, read without it */
    PCWDF_OBJECT_CONTEXT_TYPE_INFO Type;
    PFN_WDF_OBJECT_CONTEXT_CLEANUP Cleanup;
    PFN_WDF_OBJECT_CONTEXT_DESTROY Destroy;
    size_t Size; /* of the driver's data, which follows */
} FX_CONTEXT;

C_ASSERT(sizeof(FX_CONTEXT) % MEMORY_ALLOCATION_ALIGNMENT == 0);

#define FX_CONTEXT_DATA(Context) ((PVOID)((FX_CONTEXT*)(Context) + 1))
#define FX_CONTEXT_OF(Data)      ((FX_CONTEXT*)(Data)-1)

/* What serialises callbacks of a device or a queue: a spin lock, or at passive level a mutex in a critical
 * region. Owner is written only by the holder and compared only with the reader's own thread. */
typedef struct _FX_CALLBACK_LOCK {
    BOOLEAN Passive;
    KSPIN_LOCK SpinLock;
    KEVENT Mutex;
    KIRQL Irql; /* the holder's, to return to */
    PVOID volatile Owner;
} FX_CALLBACK_LOCK;

typedef struct _FX_CLASS {
    PCSTR Name;                         /* as a driver knows it, e.g. WDFQUEUE */
    BOOLEAN PassiveDispose;             /* must be deleted at PASSIVE_LEVEL */
    VOID (*Dispose)(FX_OBJECT* Object); /* after its children's cleanup, before its own; may be NULL */
    VOID (*Free)(FX_OBJECT* Object);    /* instead of freeing the allocation; may be NULL */
} FX_CLASS;

struct _FX_OBJECT {
    volatile ULONG Signature; /* FX_SIGNATURE_LIVE or _DEAD, plus the type */
    volatile LONG References; /* the initial one, the tree's, is dropped by the delete */
    volatile LONG State;      /* FX_OBJECT_STATE; Alive -> Deleting is claimed under the tree lock */
    UCHAR Type;
    BOOLEAN NoDelete; /* the framework deletes it, not the driver */
    UCHAR ExecutionLevel;
    UCHAR SynchronizationScope;
    FX_GLOBALS* Globals;
    FX_CONTEXT* Contexts;           /* the first; fixed */
    FX_CALLBACK_LOCK* CallbackLock; /* NULL: callbacks are not serialised */
    FX_OBJECT* Parent;              /* this and the links below: tree lock */
    LIST_ENTRY Children;
    LIST_ENTRY Sibling;
    LIST_ENTRY Live; /* in FX_GLOBALS.Live; requests are not */
};

/* One bound driver: made by WdfVersionBind, freed by WdfVersionUnbind. */
struct _FX_GLOBALS {
    WDF_DRIVER_GLOBALS Public;
    PDRIVER_OBJECT DriverObject;
    FX_DRIVER* Driver;
    KSPIN_LOCK TreeLock;
    LIST_ENTRY Live;   /* tree lock */
    LIST_ENTRY Client; /* in the list of bound drivers, under its lock */
    ULONG Minor;       /* the version the driver was built for */
};

#define FX_GLOBALS_OF(DriverGlobals) CONTAINING_RECORD(DriverGlobals, FX_GLOBALS, Public)

/* Which attributes a kind of object may have. */
typedef struct _FX_ATTRIBUTE_RULES {
    BOOLEAN ParentAllowed;
    BOOLEAN ParentRequired;
    BOOLEAN LevelAllowed;
    BOOLEAN ScopeAllowed;
} FX_ATTRIBUTE_RULES;

extern const FX_CLASS FxClasses[FxTypeMaximum];

NTSTATUS FxAttributesValidate(const WDF_OBJECT_ATTRIBUTES* Attributes, const FX_ATTRIBUTE_RULES* Rules);
VOID FxAttributesInherit(FX_OBJECT* Object, const WDF_OBJECT_ATTRIBUTES* Attributes, const FX_OBJECT* Parent);
size_t FxAttributesContextSize(const WDF_OBJECT_ATTRIBUTES* Attributes);

/* Validates Attributes, allocates Size bytes and the first context, zeroed. The object is in no tree yet:
 * FxObjectPublish links it, FxObjectAbandon frees it without callbacks. Parent is the default one. */
NTSTATUS FxObjectAllocate(FX_GLOBALS* Globals, FX_TYPE Type, size_t Size,
                          const WDF_OBJECT_ATTRIBUTES* Attributes, const FX_ATTRIBUTE_RULES* Rules,
                          FX_OBJECT* DefaultParent, FX_OBJECT** Object);
NTSTATUS FxObjectPublish(FX_OBJECT* Object);
VOID FxObjectAbandon(FX_OBJECT* Object);
VOID FxObjectInitialize(FX_OBJECT* Object, FX_GLOBALS* Globals, FX_TYPE Type, FX_CONTEXT* Context,
                        const WDF_OBJECT_ATTRIBUTES* Attributes);

/* Deletes the object with its descendants; at raised IRQL a work item does it if one of them needs
 * PASSIVE_LEVEL. FALSE: it is being deleted already. */
BOOLEAN FxObjectDelete(FX_OBJECT* Object);
VOID FxObjectDeleteClaimed(FX_OBJECT* Object);  /* the rest of a deferred delete; PASSIVE_LEVEL */
VOID FxObjectDeleteChildren(FX_OBJECT* Object); /* of a request that is being completed */
VOID FxObjectCallCleanup(FX_OBJECT* Object);
VOID FxObjectCallDestroy(FX_OBJECT* Object);
VOID FxObjectReference(FX_OBJECT* Object);
BOOLEAN FxObjectTryReference(FX_OBJECT* Object); /* FALSE: the last reference was dropped */
VOID FxObjectRelease(FX_OBJECT* Object);
VOID FxObjectFreeContexts(FX_OBJECT* Object);
FX_DEVICE* FxObjectDevice(FX_OBJECT* Object); /* the device above it, or itself; NULL when there is none */
VOID FxObjectReportLeaks(FX_GLOBALS* Globals);

DECLSPEC_NORETURN VOID FxInvalidHandle(PCSTR Function, const VOID* Handle, FX_TYPE Expected);
DECLSPEC_NORETURN VOID FxIrqlTooHigh(PCSTR Function, KIRQL Maximum);
DECLSPEC_NORETURN VOID FxNullParameter(PCSTR Function, PCSTR Name);

FORCEINLINE FX_OBJECT* FxValidateHandle(PCSTR Function, const VOID* Handle, FX_TYPE Type)
{
    FX_OBJECT* Object = (FX_OBJECT*)Handle;
    if (FX_UNLIKELY(Object == NULL || ((ULONG_PTR)Object & 7) != 0 ||
                    ReadULongNoFence(&Object->Signature) != (FX_SIGNATURE_LIVE | Type))) {
        FxInvalidHandle(Function, Handle, Type);
    }
    return Object;
}

FX_OBJECT* FxValidateAnyHandle(PCSTR Function, const VOID* Handle);

FORCEINLINE VOID FxRequireIrql(PCSTR Function, KIRQL Maximum)
{
    if (FX_UNLIKELY(KeGetCurrentIrql() > Maximum)) {
        FxIrqlTooHigh(Function, Maximum);
    }
}

/* Only in functions of the table, which are named imp_Wdf...: the name that the driver called. */
#define FX_FUNCTION                   (&__func__[4])
#define FX_HANDLE(Kind, Type, Handle) ((Kind*)FxValidateHandle(FX_FUNCTION, (Handle), Type))
#define FX_REQUIRE_PASSIVE()          FxRequireIrql(FX_FUNCTION, PASSIVE_LEVEL)
#define FX_REQUIRE_DISPATCH()         FxRequireIrql(FX_FUNCTION, DISPATCH_LEVEL)
#define FX_REQUIRE_PARAMETER(Name)                                                                           \
    do {                                                                                                     \
        if (FX_UNLIKELY((Name) == NULL)) {                                                                   \
            FxNullParameter(FX_FUNCTION, #Name);                                                             \
        }                                                                                                    \
    } while (0)

DECLSPEC_NORETURN VOID FxCallbackChangedIrql(PCSTR Callback, KIRQL Before);

/* A callback of the driver must return at the IRQL it was called at. */
FORCEINLINE VOID FxCallbackReturned(PCSTR Callback, KIRQL Before)
{
    if (FX_UNLIKELY(KeGetCurrentIrql() != Before)) {
        FxCallbackChangedIrql(Callback, Before);
    }
}

/* ---- callback locks (lock.c) ------------------------------------------------------------------------- */

VOID FxCallbackLockInitialize(FX_CALLBACK_LOCK* Lock, BOOLEAN Passive);
VOID FxCallbackLockAcquire(FX_CALLBACK_LOCK* Lock); /* NULL: does nothing */
VOID FxCallbackLockRelease(FX_CALLBACK_LOCK* Lock);
BOOLEAN FxCallbackLockIsMine(const FX_CALLBACK_LOCK* Lock);

/* ---- driver ------------------------------------------------------------------------------------------ */

struct _FX_DRIVER {
    FX_OBJECT Object;
    PFN_WDF_DRIVER_UNLOAD EvtDriverUnload;
    UNICODE_STRING RegistryPath; /* zero terminated */
};

VOID FxDriverDelete(FX_GLOBALS* Globals); /* deletes the whole tree, if there is a driver object */
VOID FxGlobalsSetDriverName(FX_GLOBALS* Globals, PCUNICODE_STRING RegistryPath);
FX_GLOBALS* FxGlobalsFromDriverObject(PDRIVER_OBJECT DriverObject);

/* ---- device ------------------------------------------------------------------------------------------ */

#ifndef FILE_AUTOGENERATED_DEVICE_NAME
#define FILE_AUTOGENERATED_DEVICE_NAME 0x00000080
#endif

struct WDFDEVICE_INIT {
    FX_GLOBALS* Globals;
    UNICODE_STRING Name;
    UNICODE_STRING Sddl;
    GUID DeviceClass;
    BOOLEAN HasDeviceClass;
    BOOLEAN Exclusive;
    DEVICE_TYPE DeviceType;
    ULONG Characteristics;
    WDF_DEVICE_IO_TYPE IoType;
    WDF_FILEOBJECT_CONFIG FileConfig; /* class NotRequired until set */
    WDF_OBJECT_ATTRIBUTES FileAttributes;
    WDF_OBJECT_ATTRIBUTES RequestAttributes;
    PFN_WDF_IO_IN_CALLER_CONTEXT EvtIoInCallerContext;
    PFN_WDF_DEVICE_SHUTDOWN_NOTIFICATION EvtShutdown;
};

VOID FxDeviceInitFree(PWDFDEVICE_INIT Init);

#define FX_REQUEST_SLOTS  16
#define FX_REQUEST_CACHED 16384
#define FX_FILE_BUCKETS   256
#define FX_MAJORS         (IRP_MJ_MAXIMUM_FUNCTION + 1)

/* Free requests. A slot is taken and filled by a single exchange. A request returns to the slot of the thread
 * that submitted it; one that finds it filled goes to the list. */
typedef struct _FX_REQUEST_CACHE {
    PVOID volatile Slots[FX_REQUEST_SLOTS];
    UCHAR OtherCacheLine[SYSTEM_CACHE_ALIGNMENT_SIZE];
    KSPIN_LOCK Lock;
    FX_REQUEST* Free;    /* Lock */
    LIST_ENTRY Requests; /* Lock: all of the device's requests, free or in use */
    LONG Count;          /* Lock */
    size_t ContextSize;
    size_t RequestSize;
} FX_REQUEST_CACHE;

struct _FX_DEVICE {
    FX_OBJECT Object;
    PDEVICE_OBJECT DeviceObject; /* NULL once deleted, though files may be open still */
    PFN_WDF_IO_IN_CALLER_CONTEXT EvtIoInCallerContext;
    FX_QUEUE* volatile QueueByMajor[FX_MAJORS]; /* the default queue until one is configured, then fixed */
    FX_QUEUE* DefaultQueue;
    FX_QUEUE* CreateQueue; /* internal: owns requests that EvtDeviceFileCreate has not completed */
    WDF_DEVICE_IO_TYPE IoType;
    WDF_FILEOBJECT_CONFIG FileConfig;
    WDF_OBJECT_ATTRIBUTES FileAttributes;
    WDF_OBJECT_ATTRIBUTES RequestAttributes;
    PFN_WDF_DEVICE_SHUTDOWN_NOTIFICATION EvtShutdown;
    CCHAR PriorityBoost; /* of completions without an explicit boost */
    BOOLEAN Exclusive;
    BOOLEAN Initialized; /* WdfControlFinishInitializing was called */
    UNICODE_STRING Name;
    UNICODE_STRING SymbolicLink;
    FX_CALLBACK_LOCK ScopeLock;

    KSPIN_LOCK Lock;                   /* the fields up to the next blank line */
    LIST_ENTRY Queues;                 /* FX_QUEUE.DeviceLink */
    LIST_ENTRY Files[FX_FILE_BUCKETS]; /* FX_FILE.Bucket; not used if an FsContext holds the pointer */
    ULONG OpenFiles;                   /* creates in progress or succeeded, and not yet closed */
    BOOLEAN DeleteOnLastClose;
    LIST_ENTRY DeferredDeletes; /* FX_OBJECT.Sibling */
    BOOLEAN DeleterQueued;

    PIO_WORKITEM Deleter; /* completes at PASSIVE_LEVEL the deletes that began at DISPATCH_LEVEL */
    KEVENT DeleterIdle;
    PVOID volatile DeleterThread; /* the thread that runs it */
    FX_REQUEST_CACHE Cache;
};

FX_DEVICE* FxDeviceFromWdm(PDEVICE_OBJECT DeviceObject);
BOOLEAN FxDeviceReplaceQueue(FX_DEVICE* Device, ULONG Major, FX_QUEUE* Expected, FX_QUEUE* Queue);
VOID FxDeviceDelete(FX_DEVICE* Device);
VOID FxDeviceDeferDelete(FX_DEVICE* Device, FX_OBJECT* Object);
VOID FxDeviceDispose(FX_OBJECT* Object);
VOID FxDeviceFree(FX_OBJECT* Object);
NTSTATUS FxDeviceFileOpened(FX_DEVICE* Device);
BOOLEAN FxDeviceFileClosed(FX_DEVICE* Device);
VOID FxDispatchInstall(PDRIVER_OBJECT DriverObject);
NTSTATUS FxIrpComplete(PIRP Irp, NTSTATUS Status);

/* ---- files ------------------------------------------------------------------------------------------- */

struct _FX_FILE {
    FX_OBJECT Object;
    FX_DEVICE* Device;
    PFILE_OBJECT FileObject;
    LIST_ENTRY Bucket; /* device lock */
};

FX_FILE* FxFileFromWdm(FX_DEVICE* Device, PFILE_OBJECT FileObject);
NTSTATUS FxFileDispatchCreate(FX_DEVICE* Device, PIRP Irp);
NTSTATUS FxFileDispatchCleanup(FX_DEVICE* Device, PIRP Irp);
NTSTATUS FxFileDispatchClose(FX_DEVICE* Device, PIRP Irp);
VOID FxFileDelete(FX_FILE* File);

/* ---- queues (wdfqueue.c, wdfqueue_dispatch.c, wdfqueue_retrieve.c, wdfqueue_state.c) ----------------- */

/* FX_QUEUE.State in one word, so that a request passes an idle queue with one compare-exchange in and two
 * out: flags, the number of threads inside callbacks of the queue, the number of requests that the driver
 * owns. */
#define FX_QUEUE_NOT_ACCEPTING   0x0001LL
#define FX_QUEUE_NOT_PRESENTING  0x0002LL
#define FX_QUEUE_WAITING         0x0004LL /* Waiting is not empty, and the queue presents by itself */
#define FX_QUEUE_CANCELS         0x0008LL /* Cancelled is not empty */
#define FX_QUEUE_NOTIFY          0x0010LL /* a thread or callback waits for a change of the counters */
#define FX_QUEUE_PURGING         0x0020LL /* requests can't be marked cancelable or requeued */
#define FX_QUEUE_SLOW            0x0040LL /* callback lock, execution level passive or manual: fixed */
#define FX_QUEUE_PRESENTING_ONE  0x00010000LL
#define FX_QUEUE_PRESENTING_MASK 0xFFFF0000LL
#define FX_QUEUE_OWNED_ONE       0x0000000100000000LL

#define FX_QUEUE_PRESENTING(State) ((ULONG)(((State)&FX_QUEUE_PRESENTING_MASK) >> 16))
#define FX_QUEUE_OWNED(State)      ((ULONG)((ULONGLONG)(State) >> 32))

/* Flags that need the lock when a counter goes down, ... */
#define FX_QUEUE_ATTENTION (FX_QUEUE_WAITING | FX_QUEUE_CANCELS | FX_QUEUE_NOTIFY)
/* ... and when a request comes in. */
#define FX_QUEUE_NOT_DIRECT                                                                                  \
    (FX_QUEUE_ATTENTION | FX_QUEUE_NOT_ACCEPTING | FX_QUEUE_NOT_PRESENTING | FX_QUEUE_SLOW)

typedef enum _FX_QUEUE_WAIT {
    FxQueueWaitNone,
    FxQueueWaitStop,
    FxQueueWaitDrain,
    FxQueueWaitStopAndPurge
} FX_QUEUE_WAIT;

struct _FX_QUEUE {
    FX_OBJECT Object;
    FX_DEVICE* Device;
    WDF_IO_QUEUE_CONFIG Config;
    ULONG MaximumOwned; /* 0 for manual queues */
    BOOLEAN Internal;   /* the driver never gets its handle */
    LIST_ENTRY DeviceLink;
    FX_CALLBACK_LOCK ScopeLock;
    PIO_WORKITEM Deferral; /* runs the loop where the caller's IRQL or lock forbids; NULL when never needed */

    UCHAR OtherCacheLine[SYSTEM_CACHE_ALIGNMENT_SIZE]; /* the fields above rarely change */
    volatile LONG64 State; /* flags change under Lock only; counters by compare-exchange */

    KSPIN_LOCK Lock;      /* the fields below */
    LIST_ENTRY Waiting;   /* FX_REQUEST.Link, oldest first */
    LIST_ENTRY Cancelled; /* FX_REQUEST.Link: cancel callbacks to deliver */
    ULONG WaitingCount;
    BOOLEAN DeferralQueued;
    FX_QUEUE_WAIT Wait; /* WaitCallback is called when it is satisfied */
    PFN_WDF_IO_QUEUE_STATE WaitCallback;
    WDFCONTEXT WaitContext;
    PFN_WDF_IO_QUEUE_STATE ReadyCallback;
    WDFCONTEXT ReadyContext;
    BOOLEAN ReadyPending;
    PKEVENT Disposed; /* set when the queue is no longer in use */
};

FORCEINLINE LONG64 FxQueueFlags(const FX_QUEUE* Queue)
{
    return ReadAcquire64(&Queue->State);
}

/* wdfqueue.c */
NTSTATUS FxQueueCreate(FX_DEVICE* Device, const WDF_IO_QUEUE_CONFIG* Config,
                       const WDF_OBJECT_ATTRIBUTES* Attributes, FX_QUEUE** Queue);
VOID FxQueueFree(FX_OBJECT* Object);

/* Puts a request that is in no queue into this one; may present it, and others, on this thread. If the queue
 * does not accept requests, the caller keeps the request. */
NTSTATUS FxQueueSubmit(FX_QUEUE* Queue, FX_REQUEST* Request);

/* As above for a request that came from another queue, or back to the head of its own. */
NTSTATUS FxQueueForward(FX_QUEUE* Queue, FX_REQUEST* Request, BOOLEAN AtHead);

/* Lock held. Claim sets the cancel routine of a waiting request to NULL and unlinks it; FALSE when the
 * request is being cancelled. Cancel comes after that; TRUE: the caller fails the request after it has
 * released the lock. */
BOOLEAN FxQueueClaim(FX_QUEUE* Queue, FX_REQUEST* Request);
/* Lock held. Claims the oldest request of FileObject, or of any file for NULL, that is not being
 * cancelled. */
FX_REQUEST* FxQueueClaimOldest(FX_QUEUE* Queue, PFILE_OBJECT FileObject);
BOOLEAN FxQueueCancel(FX_QUEUE* Queue, FX_REQUEST* Request);
/* The driver owns the request from now on; does not change the counters. */
VOID FxQueueTakeOwnership(FX_QUEUE* Queue, FX_REQUEST* Request);

/* wdfqueue_dispatch.c */
VOID FxQueuePresentDirect(FX_QUEUE* Queue, FX_REQUEST* Request); /* the counters have been raised */
VOID FxQueuePresentCreate(FX_QUEUE* Queue, FX_REQUEST* Request, FX_FILE* File);
VOID FxQueueRequestGone(FX_QUEUE* Queue); /* the driver owns one request less */
VOID FxQueueDeliverCancel(
    FX_QUEUE* Queue, FX_REQUEST* Request); /* one that the driver owns and whose cancellation was claimed */

/* Who runs the loop: the thread that brought a request, a thread that returns from a callback, or any other
 * thread while none is inside a callback of the queue. */
typedef enum _FX_QUEUE_ENTRY { FxQueueEntryOther, FxQueueEntryArrival, FxQueueEntryReturn } FX_QUEUE_ENTRY;

/* Lock held; released at the end. Nothing of the queue may be touched after it. */
VOID FxQueueDispatch(FX_QUEUE* Queue, KIRQL Irql, FX_QUEUE_ENTRY Entry);
VOID FxQueueUnlock(FX_QUEUE* Queue, KIRQL Irql);

FORCEINLINE KIRQL FxQueueLock(FX_QUEUE* Queue)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Queue->Lock, &Irql);
    return Irql;
}

/* wdfqueue_state.c */
VOID FxQueueDispose(FX_OBJECT* Object);
BOOLEAN FxQueueWaitSatisfied(const FX_QUEUE* Queue); /* lock held */
VOID FxQueueFinishWait(FX_QUEUE* Queue);             /* lock held */
VOID FxQueueUpdateNotify(FX_QUEUE* Queue);           /* lock held */
/* Cancels the waiting requests of FileObject, or of all files for NULL. */
VOID FxQueueCancelWaiting(FX_QUEUE* Queue, PFILE_OBJECT FileObject);

/* ---- memory ------------------------------------------------------------------------------------------ */

typedef struct _FX_MEMORY {
    FX_OBJECT Object;
    PVOID Buffer;
    size_t Size;
    BOOLEAN OwnsBuffer;
    BOOLEAN Assignable; /* made for the driver's own buffer */
    ULONG Tag;
    struct _FX_LOOKASIDE* Lookaside; /* the buffer goes back there */
} FX_MEMORY;

VOID FxMemoryFree(FX_OBJECT* Object);
VOID FxLookasideDispose(FX_OBJECT* Object);

/* The memory object for one of a request's buffers: part of the request, and valid only as long as it. */
typedef struct _FX_REQUEST_MEMORY {
    FX_MEMORY Memory;
    FX_CONTEXT Context;
} FX_REQUEST_MEMORY;

VOID FxRequestMemoryInitialize(FX_REQUEST_MEMORY* Memory, FX_GLOBALS* Globals, PVOID Buffer, size_t Size);

/* ---- requests (wdfrequest.c, wdfrequest_buffers.c, cancel.c) ----------------------------------------- */

typedef enum _FX_REQUEST_STATE {
    FxRequestFree,
    FxRequestInCallerContext, /* the driver's, not in a queue yet */
    FxRequestQueued,          /* the framework's, waiting in Queue */
    FxRequestOwned,           /* the driver's, of Queue */
    FxRequestCompleting,      /* in its EvtCleanup: IRP and buffers are still valid */
    FxRequestCompleted
} FX_REQUEST_STATE;

typedef enum _FX_CANCEL_STATE {
    FxCancelNone,
    FxCancelMarked,   /* the IRP's cancel routine is set */
    FxCancelClaimed,  /* cancelled: the callback is to be delivered */
    FxCancelDelivered /* the callback has been called */
} FX_CANCEL_STATE;

/* Either the driver or the framework owns a request. The owner writes the fields without a lock, except where
 * noted. */
struct _FX_REQUEST {
    FX_OBJECT Object;
    FX_DEVICE* Device;
    PIRP Irp; /* NULL when completed */
    PIO_STACK_LOCATION Stack;
    FX_QUEUE* Queue;
    volatile LONG State; /* FX_REQUEST_STATE; exchanged on completion, to catch a second one */
    UCHAR Major;
    BOOLEAN Seen;      /* the driver has seen it, so its cleanup callbacks are called */
    BOOLEAN Presented; /* by a queue: if cancelled in a queue, EvtIoCanceledOnQueue applies */
    BOOLEAN Cached;    /* returns to the cache, not to the pool */
    BOOLEAN InputMemoryUsed;
    BOOLEAN OutputMemoryUsed;
    PMDL Mdl;             /* of SystemBuffer, made on demand */
    PMDL Locked;          /* of the requestor's memory, linked by Next; unlocked before completion */
    LIST_ENTRY Link;      /* queue lock */
    FX_FILE* CreatedFile; /* for IRP_MJ_CREATE */

    KSPIN_LOCK CancelLock;     /* the next three */
    volatile LONG CancelState; /* FX_CANCEL_STATE; read without the lock where only its owner can change it */
    PFN_WDF_REQUEST_CANCEL EvtRequestCancel;
    volatile BOOLEAN Purged; /* cancelled by a purge, not by the IRP */

    PVOID volatile* CacheSlot; /* of the thread that submitted it */
    FX_REQUEST* NextFree;      /* cache lock */
    LIST_ENTRY DeviceLink;     /* cache lock */
    FX_REQUEST_MEMORY InputMemory;
    FX_REQUEST_MEMORY OutputMemory;
    FX_CONTEXT Context; /* the first context; its data follows */
};

VOID FxRequestCacheInitialize(FX_DEVICE* Device);
VOID FxRequestCacheFree(FX_DEVICE* Device);
VOID FxRequestReportLeaks(FX_DEVICE* Device);
FX_REQUEST* FxRequestAllocate(FX_DEVICE* Device, PIRP Irp, PIO_STACK_LOCATION Stack);
VOID FxRequestRecycle(FX_OBJECT* Object);
VOID FxRequestComplete(FX_REQUEST* Request, NTSTATUS Status, CCHAR PriorityBoost, PCSTR Function);
VOID FxRequestUnlock(FX_REQUEST* Request);                /* wdfrequest_probe.c */
VOID FxRequestFail(FX_REQUEST* Request, NTSTATUS Status); /* one that the framework owns */
DECLSPEC_NORETURN VOID FxRequestWrongState(PCSTR Function, const FX_REQUEST* Request, LONG State);

VOID FxCancelPurgeMarked(FX_QUEUE* Queue);
VOID FxCancelDeliver(FX_REQUEST* Request);
BOOLEAN FxRequestIrpCancelled(FX_REQUEST* Request);

/* The request behind a handle, if the driver may use its IRP now. */
FORCEINLINE FX_REQUEST* FxValidateRequest(PCSTR Function, WDFREQUEST Handle)
{
    FX_REQUEST* Request = (FX_REQUEST*)FxValidateHandle(Function, Handle, FxTypeRequest);
    LONG State = ReadAcquire(&Request->State);
    if (FX_UNLIKELY(State != FxRequestOwned && State != FxRequestInCallerContext &&
                    State != FxRequestCompleting)) {
        FxRequestWrongState(Function, Request, State);
    }
    return Request;
}

#define FX_REQUEST_HANDLE(Handle) FxValidateRequest(FX_FUNCTION, Handle)

/* Also accepts a queued request, as found by WdfIoQueueFindRequest. */
FX_REQUEST* FxValidateVisibleRequest(PCSTR Function, WDFREQUEST Handle);

/* ---- the other objects ------------------------------------------------------------------------------- */

/* Runs a routine at PASSIVE_LEVEL in a system thread, for work items and passive timers (worker.c). If queued
 * while it runs, it runs again, possibly at the same time in another thread. */
typedef struct _FX_WORKER {
    PIO_WORKITEM Item;
    VOID (*Call)(FX_OBJECT* Object);
    FX_OBJECT* Object;
    KEVENT Idle;     /* set: neither queued nor running, apart from the thread that deletes the object */
    KSPIN_LOCK Lock; /* the fields below */
    BOOLEAN Queued;
    BOOLEAN Disposed;
    BOOLEAN DisposedInside; /* by the routine itself, which drops the last reference when it returns */
    ULONG Running;
    struct _FX_WORKER_THREAD* Threads; /* that run the routine */
} FX_WORKER;

NTSTATUS FxWorkerInitialize(FX_WORKER* Worker, FX_OBJECT* Object, PDEVICE_OBJECT DeviceObject,
                            VOID (*Call)(FX_OBJECT* Object));
VOID FxWorkerEnqueue(FX_WORKER* Worker);
VOID FxWorkerWait(FX_WORKER* Worker);
BOOLEAN FxWorkerIsInside(FX_WORKER* Worker); /* is this thread running the routine? */
VOID FxWorkerDispose(FX_WORKER* Worker);
VOID FxWorkerFree(FX_WORKER* Worker);

VOID FxWorkItemDispose(FX_OBJECT* Object);
VOID FxWorkItemFree(FX_OBJECT* Object);
VOID FxTimerDispose(FX_OBJECT* Object);
VOID FxTimerFree(FX_OBJECT* Object);
VOID FxDpcDispose(FX_OBJECT* Object);
NTSTATUS FxStringCopy(FX_GLOBALS* Globals, PUNICODE_STRING Copy,
                      PCUNICODE_STRING Source); /* zero terminated */
VOID FxStringFree(FX_GLOBALS* Globals, PUNICODE_STRING Copy);
VOID FxStringObjectFree(FX_OBJECT* Object);
VOID FxCollectionDispose(FX_OBJECT* Object);
VOID FxWaitLockDispose(FX_OBJECT* Object);

/* The callback lock of the object that a work item, timer or DPC is serialised with, or NULL. */
FX_CALLBACK_LOCK* FxSerializationLock(FX_OBJECT* Parent, BOOLEAN AutomaticSerialization);

/* The handle of an object, which is its address. */
#define FX_TO_HANDLE(Type, Object) ((Type)(PVOID)(Object))

#include "functions.h"

#endif
