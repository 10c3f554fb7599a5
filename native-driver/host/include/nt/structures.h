/* SPDX-License-Identifier: Apache-2.0
 *
 * The structures of the I/O manager and the kernel, laid out as on 64-bit Windows. Fields that are not used
 * here are declared under their usual name, or as Reserved..., to keep the offsets.
 */
#ifndef NT_STRUCTURES_H
#define NT_STRUCTURES_H

#include <nt/types.h>

EXTERN_C_START

#define NT_ASSERT_SIZE(type, size)           C_ASSERT(sizeof(type) == (size))
#define NT_ASSERT_OFFSET(type, field, value) C_ASSERT(offsetof(type, field) == (value))

/* ---- strings, lists, numbers ------------------------------------------------------------------------- */

typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY* Flink;
    struct _LIST_ENTRY* Blink;
} LIST_ENTRY, *PLIST_ENTRY;
NT_ASSERT_SIZE(LIST_ENTRY, 16);
NT_ASSERT_OFFSET(LIST_ENTRY, Blink, 8);

typedef struct _SINGLE_LIST_ENTRY {
    struct _SINGLE_LIST_ENTRY* Next;
} SINGLE_LIST_ENTRY, *PSINGLE_LIST_ENTRY;
NT_ASSERT_SIZE(SINGLE_LIST_ENTRY, 8);

typedef struct _OSVERSIONINFOW {
    ULONG dwOSVersionInfoSize;
    ULONG dwMajorVersion;
    ULONG dwMinorVersion;
    ULONG dwBuildNumber;
    ULONG dwPlatformId;
    WCHAR szCSDVersion[128];
} OSVERSIONINFOW, *POSVERSIONINFOW, RTL_OSVERSIONINFOW, *PRTL_OSVERSIONINFOW;

typedef struct _UNICODE_STRING {
    USHORT Length;        /* bytes, without a terminator */
    USHORT MaximumLength; /* bytes */
    PWCH Buffer;
} UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING* PCUNICODE_STRING;
NT_ASSERT_SIZE(UNICODE_STRING, 16);
NT_ASSERT_OFFSET(UNICODE_STRING, MaximumLength, 2);
NT_ASSERT_OFFSET(UNICODE_STRING, Buffer, 8);

typedef struct _STRING {
    USHORT Length;        /* bytes, without a terminator */
    USHORT MaximumLength; /* bytes */
    PCHAR Buffer;
} STRING, *PSTRING, ANSI_STRING, *PANSI_STRING, OEM_STRING, *POEM_STRING;
typedef const STRING *PCSTRING, *PCANSI_STRING;
NT_ASSERT_SIZE(STRING, 16);
NT_ASSERT_OFFSET(STRING, MaximumLength, 2);
NT_ASSERT_OFFSET(STRING, Buffer, 8);

#define UNICODE_NULL             ((WCHAR)0)
#define UNICODE_STRING_MAX_BYTES ((USHORT)65534)
#define UNICODE_STRING_MAX_CHARS 32767
#define ANSI_NULL                ((CHAR)0)

typedef union _LARGE_INTEGER {
    struct {
        ULONG LowPart;
        LONG HighPart;
    };
    struct {
        ULONG LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER, PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;
NT_ASSERT_SIZE(LARGE_INTEGER, 8);
NT_ASSERT_OFFSET(LARGE_INTEGER, HighPart, 4);

typedef union _ULARGE_INTEGER {
    struct {
        ULONG LowPart;
        ULONG HighPart;
    };
    struct {
        ULONG LowPart;
        ULONG HighPart;
    } u;
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;
NT_ASSERT_SIZE(ULARGE_INTEGER, 8);

#ifndef GUID_DEFINED
#define GUID_DEFINED
typedef struct _GUID {
    ULONG Data1;
    USHORT Data2;
    USHORT Data3;
    UCHAR Data4[8];
} GUID;
#endif
typedef GUID *PGUID, *LPGUID;
typedef const GUID *PCGUID, *LPCGUID;
NT_ASSERT_SIZE(GUID, 16);
NT_ASSERT_OFFSET(GUID, Data2, 4);
NT_ASSERT_OFFSET(GUID, Data3, 6);
NT_ASSERT_OFFSET(GUID, Data4, 8);

#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                                         \
    NT_SHARED_CONSTANT(GUID, name) = {l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}}

typedef struct _LUID {
    ULONG LowPart;
    LONG HighPart;
} LUID, *PLUID;

typedef struct _IO_STATUS_BLOCK {
    union {
        NTSTATUS Status;
        PVOID Pointer;
    };
    ULONG_PTR Information;
} IO_STATUS_BLOCK, *PIO_STATUS_BLOCK;
NT_ASSERT_SIZE(IO_STATUS_BLOCK, 16);
NT_ASSERT_OFFSET(IO_STATUS_BLOCK, Information, 8);

typedef struct _CLIENT_ID {
    HANDLE UniqueProcess;
    HANDLE UniqueThread;
} CLIENT_ID, *PCLIENT_ID;

typedef struct _OBJECT_ATTRIBUTES {
    ULONG Length;
    HANDLE RootDirectory;
    PUNICODE_STRING ObjectName;
    ULONG Attributes;
    PVOID SecurityDescriptor;
    PVOID SecurityQualityOfService;
} OBJECT_ATTRIBUTES, *POBJECT_ATTRIBUTES;
NT_ASSERT_SIZE(OBJECT_ATTRIBUTES, 48);

#define OBJ_CASE_INSENSITIVE 0x40
#define OBJ_KERNEL_HANDLE    0x200
#define InitializeObjectAttributes(p, name, attributes, root, security)                                      \
    ((p)->Length = sizeof(OBJECT_ATTRIBUTES), (p)->RootDirectory = (root), (p)->ObjectName = (name),         \
     (p)->Attributes = (attributes), (p)->SecurityDescriptor = (security),                                   \
     (p)->SecurityQualityOfService = NULL)

/* ---- dispatcher objects ------------------------------------------------------------------------------ */

typedef enum _EVENT_TYPE { NotificationEvent, SynchronizationEvent } EVENT_TYPE;
typedef enum _TIMER_TYPE { NotificationTimer, SynchronizationTimer } TIMER_TYPE;
typedef enum _WAIT_TYPE { WaitAll, WaitAny } WAIT_TYPE;
typedef enum _MODE { KernelMode, UserMode, MaximumMode } MODE;
typedef enum _KDPC_IMPORTANCE { LowImportance, MediumImportance, HighImportance } KDPC_IMPORTANCE;
typedef enum _WORK_QUEUE_TYPE { CriticalWorkQueue, DelayedWorkQueue, HyperCriticalWorkQueue } WORK_QUEUE_TYPE;
typedef enum _KWAIT_REASON { Executive = 0, DelayExecution = 4, Suspended = 5, UserRequest = 6 } KWAIT_REASON;

/* Type is one of the kinds that KeWaitForSingleObject knows. SignalState and WaitListHead are protected by
 * the host's dispatcher lock; drivers must not use them. */
typedef struct _DISPATCHER_HEADER {
    UCHAR Type;
    UCHAR Signalling;
    UCHAR Size;
    UCHAR Reserved1;
    LONG SignalState;
    LIST_ENTRY WaitListHead;
} DISPATCHER_HEADER, *PDISPATCHER_HEADER;
NT_ASSERT_SIZE(DISPATCHER_HEADER, 24);
NT_ASSERT_OFFSET(DISPATCHER_HEADER, SignalState, 4);
NT_ASSERT_OFFSET(DISPATCHER_HEADER, WaitListHead, 8);

typedef struct _KEVENT {
    DISPATCHER_HEADER Header;
} KEVENT, *PKEVENT, *PRKEVENT;
NT_ASSERT_SIZE(KEVENT, 24);

struct _KDPC;
typedef void KDEFERRED_ROUTINE(struct _KDPC* Dpc, PVOID DeferredContext, PVOID SystemArgument1,
                               PVOID SystemArgument2);
typedef KDEFERRED_ROUTINE* PKDEFERRED_ROUTINE;

typedef struct _KDPC {
    UCHAR Type;
    UCHAR Importance;
    USHORT Number;
    SINGLE_LIST_ENTRY DpcListEntry;
    ULONG_PTR ProcessorHistory;
    PKDEFERRED_ROUTINE DeferredRoutine;
    PVOID DeferredContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    PVOID DpcData;
} KDPC, *PKDPC, *PRKDPC;
NT_ASSERT_SIZE(KDPC, 64);
NT_ASSERT_OFFSET(KDPC, DpcListEntry, 8);
NT_ASSERT_OFFSET(KDPC, DeferredRoutine, 24);
NT_ASSERT_OFFSET(KDPC, DeferredContext, 32);
NT_ASSERT_OFFSET(KDPC, SystemArgument1, 40);
NT_ASSERT_OFFSET(KDPC, DpcData, 56);

typedef struct _KTIMER {
    DISPATCHER_HEADER Header;
    ULARGE_INTEGER DueTime;
    LIST_ENTRY TimerListEntry;
    PKDPC Dpc;
    ULONG Processor;
    LONG Period; /* milliseconds; 0: once */
} KTIMER, *PKTIMER, *PRKTIMER;
NT_ASSERT_SIZE(KTIMER, 64);
NT_ASSERT_OFFSET(KTIMER, DueTime, 24);
NT_ASSERT_OFFSET(KTIMER, TimerListEntry, 32);
NT_ASSERT_OFFSET(KTIMER, Dpc, 48);
NT_ASSERT_OFFSET(KTIMER, Period, 60);

typedef struct _KDEVICE_QUEUE {
    CSHORT Type;
    CSHORT Size;
    LIST_ENTRY DeviceListHead;
    KSPIN_LOCK Lock;
    BOOLEAN Busy;
} KDEVICE_QUEUE, *PKDEVICE_QUEUE;
NT_ASSERT_SIZE(KDEVICE_QUEUE, 40);

typedef struct _KDEVICE_QUEUE_ENTRY {
    LIST_ENTRY DeviceListEntry;
    ULONG SortKey;
    BOOLEAN Inserted;
} KDEVICE_QUEUE_ENTRY, *PKDEVICE_QUEUE_ENTRY;
NT_ASSERT_SIZE(KDEVICE_QUEUE_ENTRY, 24);

/* ---- memory ------------------------------------------------------------------------------------------ */

typedef enum _POOL_TYPE {
    NonPagedPool = 0,
    NonPagedPoolExecute = NonPagedPool,
    PagedPool = 1,
    NonPagedPoolNx = 512
} POOL_TYPE;

/* For ExAllocatePool2 and ExAllocatePool3. */
typedef ULONG64 POOL_FLAGS;
#define POOL_FLAG_USE_QUOTA         0x0000000000000001ULL
#define POOL_FLAG_UNINITIALIZED     0x0000000000000002ULL
#define POOL_FLAG_SESSION           0x0000000000000004ULL
#define POOL_FLAG_CACHE_ALIGNED     0x0000000000000008ULL
#define POOL_FLAG_RAISE_ON_FAILURE  0x0000000000000020ULL
#define POOL_FLAG_NON_PAGED         0x0000000000000040ULL
#define POOL_FLAG_NON_PAGED_EXECUTE 0x0000000000000080ULL
#define POOL_FLAG_PAGED             0x0000000000000100ULL
#define POOL_FLAG_SPECIAL_POOL      0x0000000100000000ULL
#define POOL_FLAG_REQUIRED_START    POOL_FLAG_USE_QUOTA
#define POOL_FLAG_REQUIRED_END      0x0000000080000000ULL
#define POOL_FLAG_OPTIONAL_START    0x0000000100000000ULL
#define POOL_FLAG_OPTIONAL_END      0x8000000000000000ULL

typedef enum _POOL_EXTENDED_PARAMETER_TYPE {
    PoolExtendedParameterInvalidType = 0,
    PoolExtendedParameterPriority,
    PoolExtendedParameterSecurePool,
    PoolExtendedParameterNumaNode,
    PoolExtendedParameterMax
} POOL_EXTENDED_PARAMETER_TYPE,
    *PPOOL_EXTENDED_PARAMETER_TYPE;

typedef enum _EX_POOL_PRIORITY {
    LowPoolPriority = 0,
    NormalPoolPriority = 16,
    HighPoolPriority = 32
} EX_POOL_PRIORITY;

typedef struct _POOL_EXTENDED_PARAMETER {
    struct {
        ULONG64 Type : 8;
        ULONG64 Optional : 1;
        ULONG64 Reserved : 64 - 9;
    };
    union {
        ULONG64 Reserved2;
        PVOID Reserved3;
        EX_POOL_PRIORITY Priority;
        PVOID SecurePoolParams;
        ULONG PreferredNode;
    };
} POOL_EXTENDED_PARAMETER, *PPOOL_EXTENDED_PARAMETER;
typedef const POOL_EXTENDED_PARAMETER* PCPOOL_EXTENDED_PARAMETER;
NT_ASSERT_SIZE(POOL_EXTENDED_PARAMETER, 16);
NT_ASSERT_OFFSET(POOL_EXTENDED_PARAMETER, Priority, 8);

typedef enum _MEMORY_CACHING_TYPE { MmNonCached, MmCached, MmWriteCombined } MEMORY_CACHING_TYPE;
typedef enum _LOCK_OPERATION { IoReadAccess, IoWriteAccess, IoModifyAccess } LOCK_OPERATION;

typedef enum _MM_PAGE_PRIORITY {
    LowPagePriority,
    NormalPagePriority = 16,
    HighPagePriority = 32
} MM_PAGE_PRIORITY;

#define MdlMappingNoWrite   0x80000000u
#define MdlMappingNoExecute 0x40000000u

#define PAGE_SHIFT 12
#ifndef PAGE_SIZE
#define PAGE_SIZE 0x1000
#endif
#define PAGE_ALIGN(va)  ((PVOID)((ULONG_PTR)(va) & ~((ULONG_PTR)PAGE_SIZE - 1)))
#define BYTE_OFFSET(va) ((ULONG)((ULONG_PTR)(va) & (PAGE_SIZE - 1)))
#define ADDRESS_AND_SIZE_TO_SPAN_PAGES(va, size)                                                             \
    ((ULONG)((BYTE_OFFSET(va) + (SIZE_T)(size) + PAGE_SIZE - 1) >> PAGE_SHIFT))

typedef ULONG_PTR PFN_NUMBER, *PPFN_NUMBER;
struct _KPROCESS;

typedef struct _MDL {
    struct _MDL* Next;
    CSHORT Size;
    CSHORT MdlFlags;
    USHORT AllocationProcessorNumber;
    USHORT Reserved;
    struct _KPROCESS* Process;
    PVOID MappedSystemVa;
    PVOID StartVa;
    ULONG ByteCount;
    ULONG ByteOffset;
} MDL, *PMDL;
NT_ASSERT_SIZE(MDL, 48);
NT_ASSERT_OFFSET(MDL, Size, 8);
NT_ASSERT_OFFSET(MDL, MdlFlags, 10);
NT_ASSERT_OFFSET(MDL, Process, 16);
NT_ASSERT_OFFSET(MDL, MappedSystemVa, 24);
NT_ASSERT_OFFSET(MDL, StartVa, 32);
NT_ASSERT_OFFSET(MDL, ByteCount, 40);
NT_ASSERT_OFFSET(MDL, ByteOffset, 44);

#define MDL_MAPPED_TO_SYSTEM_VA     0x0001
#define MDL_PAGES_LOCKED            0x0002
#define MDL_SOURCE_IS_NONPAGED_POOL 0x0004
#define MDL_ALLOCATED_FIXED_SIZE    0x0008
#define MDL_PARTIAL                 0x0010
#define MDL_PARTIAL_HAS_BEEN_MAPPED 0x0020 /* has its own mapping, which MmPrepareMdlForReuse removes */
#define MDL_WRITE_OPERATION         0x0080

/* ---- I/O --------------------------------------------------------------------------------------------- */

struct _DRIVER_OBJECT;
struct _DEVICE_OBJECT;
struct _FILE_OBJECT;
struct _IRP;
struct _IO_STACK_LOCATION;
struct _IO_WORKITEM;
typedef struct _KPROCESS *PEPROCESS, *PKPROCESS;
typedef struct _KTHREAD* PKTHREAD;
typedef struct _ETHREAD* PETHREAD;
typedef struct _OBJECT_TYPE* POBJECT_TYPE;
typedef struct _IO_WORKITEM* PIO_WORKITEM;
typedef struct _DRIVER_OBJECT* PDRIVER_OBJECT;
typedef struct _DEVICE_OBJECT* PDEVICE_OBJECT;
typedef struct _FILE_OBJECT* PFILE_OBJECT;
typedef struct _IRP* PIRP;
typedef struct _IO_STACK_LOCATION* PIO_STACK_LOCATION;

typedef NTSTATUS DRIVER_INITIALIZE(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath);
typedef void DRIVER_UNLOAD(PDRIVER_OBJECT DriverObject);
typedef NTSTATUS DRIVER_DISPATCH(PDEVICE_OBJECT DeviceObject, PIRP Irp);
typedef void DRIVER_CANCEL(PDEVICE_OBJECT DeviceObject, PIRP Irp);
typedef void DRIVER_STARTIO(PDEVICE_OBJECT DeviceObject, PIRP Irp);
typedef NTSTATUS DRIVER_ADD_DEVICE(PDRIVER_OBJECT DriverObject, PDEVICE_OBJECT PhysicalDeviceObject);
typedef NTSTATUS IO_COMPLETION_ROUTINE(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context);
typedef void IO_WORKITEM_ROUTINE(PDEVICE_OBJECT DeviceObject, PVOID Context);
typedef void KSTART_ROUTINE(PVOID StartContext);

/* Types of routines that the host never calls, for drivers that declare them. */
struct _KINTERRUPT;
typedef void DRIVER_REINITIALIZE(PDRIVER_OBJECT DriverObject, PVOID Context, ULONG Count);
typedef NTSTATUS DRIVER_NOTIFICATION_CALLBACK_ROUTINE(PVOID NotificationStructure, PVOID Context);
typedef void IO_DPC_ROUTINE(PKDPC Dpc, PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context);
typedef void IO_TIMER_ROUTINE(PDEVICE_OBJECT DeviceObject, PVOID Context);
typedef void IO_WORKITEM_ROUTINE_EX(PVOID IoObject, PVOID Context, PIO_WORKITEM IoWorkItem);
typedef BOOLEAN KSERVICE_ROUTINE(struct _KINTERRUPT* Interrupt, PVOID ServiceContext);
typedef void WORKER_THREAD_ROUTINE(PVOID Parameter);
typedef DRIVER_REINITIALIZE* PDRIVER_REINITIALIZE;
typedef DRIVER_NOTIFICATION_CALLBACK_ROUTINE* PDRIVER_NOTIFICATION_CALLBACK_ROUTINE;
typedef IO_DPC_ROUTINE* PIO_DPC_ROUTINE;
typedef IO_TIMER_ROUTINE* PIO_TIMER_ROUTINE;
typedef IO_WORKITEM_ROUTINE_EX* PIO_WORKITEM_ROUTINE_EX;
typedef KSERVICE_ROUTINE* PKSERVICE_ROUTINE;
typedef WORKER_THREAD_ROUTINE* PWORKER_THREAD_ROUTINE;

typedef DRIVER_INITIALIZE* PDRIVER_INITIALIZE;
typedef DRIVER_UNLOAD* PDRIVER_UNLOAD;
typedef DRIVER_DISPATCH* PDRIVER_DISPATCH;
typedef DRIVER_CANCEL* PDRIVER_CANCEL;
typedef DRIVER_STARTIO* PDRIVER_STARTIO;
typedef DRIVER_ADD_DEVICE* PDRIVER_ADD_DEVICE;
typedef IO_COMPLETION_ROUTINE* PIO_COMPLETION_ROUTINE;
typedef IO_WORKITEM_ROUTINE* PIO_WORKITEM_ROUTINE;
typedef KSTART_ROUTINE* PKSTART_ROUTINE;

#define IRP_MJ_CREATE                  0x00
#define IRP_MJ_CREATE_NAMED_PIPE       0x01
#define IRP_MJ_CLOSE                   0x02
#define IRP_MJ_READ                    0x03
#define IRP_MJ_WRITE                   0x04
#define IRP_MJ_QUERY_INFORMATION       0x05
#define IRP_MJ_SET_INFORMATION         0x06
#define IRP_MJ_FLUSH_BUFFERS           0x09
#define IRP_MJ_DEVICE_CONTROL          0x0e
#define IRP_MJ_INTERNAL_DEVICE_CONTROL 0x0f
#define IRP_MJ_SHUTDOWN                0x10
#define IRP_MJ_CLEANUP                 0x12
#define IRP_MJ_POWER                   0x16
#define IRP_MJ_SYSTEM_CONTROL          0x17
#define IRP_MJ_PNP                     0x1b
#define IRP_MJ_MAXIMUM_FUNCTION        0x1b

/* IO_STACK_LOCATION.Control */
#define SL_PENDING_RETURNED  0x01
#define SL_ERROR_RETURNED    0x02
#define SL_INVOKE_ON_CANCEL  0x20
#define SL_INVOKE_ON_SUCCESS 0x40
#define SL_INVOKE_ON_ERROR   0x80

/* IRP.Flags */
#define IRP_NOCACHE           0x00000001
#define IRP_SYNCHRONOUS_API   0x00000004
#define IRP_BUFFERED_IO       0x00000010
#define IRP_DEALLOCATE_BUFFER 0x00000020
#define IRP_INPUT_OPERATION   0x00000040
#define IRP_CREATE_OPERATION  0x00000080
#define IRP_CLOSE_OPERATION   0x00000400

/* DEVICE_OBJECT.Flags */
#define DO_BUFFERED_IO         0x00000004
#define DO_EXCLUSIVE           0x00000008
#define DO_DIRECT_IO           0x00000010
#define DO_MAP_IO_BUFFER       0x00000020
#define DO_DEVICE_HAS_NAME     0x00000040
#define DO_DEVICE_INITIALIZING 0x00000080
#define DO_SHUTDOWN_REGISTERED 0x00000800
#define DO_POWER_PAGABLE       0x00002000
#define DO_DEVICE_TO_BE_RESET  0x04000000

/* FILE_OBJECT.Flags */
#define FO_FILE_OPEN        0x00000001
#define FO_SYNCHRONOUS_IO   0x00000002
#define FO_CLEANUP_COMPLETE 0x00004000
#define FO_HANDLE_CREATED   0x00040000

#define IO_NO_INCREMENT      0
#define IO_NETWORK_INCREMENT 2
#define EVENT_INCREMENT      1

#define IO_TYPE_DEVICE 3
#define IO_TYPE_DRIVER 4
#define IO_TYPE_FILE   5
#define IO_TYPE_IRP    6
#define IO_TYPE_TIMER  9

typedef struct _IO_SECURITY_CONTEXT {
    PVOID SecurityQos;
    PVOID AccessState;
    ACCESS_MASK DesiredAccess;
    ULONG FullCreateOptions;
} IO_SECURITY_CONTEXT, *PIO_SECURITY_CONTEXT;
NT_ASSERT_SIZE(IO_SECURITY_CONTEXT, 24);
NT_ASSERT_OFFSET(IO_SECURITY_CONTEXT, DesiredAccess, 16);

typedef struct DECLSPEC_ALIGN(MEMORY_ALLOCATION_ALIGNMENT) _IRP {
    CSHORT Type;
    USHORT Size;
    PMDL MdlAddress;
    ULONG Flags;
    union {
        struct _IRP* MasterIrp;
        LONG IrpCount;
        PVOID SystemBuffer;
    } AssociatedIrp;
    LIST_ENTRY ThreadListEntry;
    IO_STATUS_BLOCK IoStatus;
    KPROCESSOR_MODE RequestorMode;
    BOOLEAN PendingReturned;
    CHAR StackCount;
    CHAR CurrentLocation;
    BOOLEAN Cancel;
    KIRQL CancelIrql;
    CCHAR ApcEnvironment;
    UCHAR AllocationFlags;
    PIO_STATUS_BLOCK UserIosb;
    PKEVENT UserEvent;
    union {
        struct {
            PVOID UserApcRoutine;
            PVOID UserApcContext;
        } AsynchronousParameters;
        LARGE_INTEGER AllocationSize;
    } Overlay;
    PDRIVER_CANCEL volatile CancelRoutine;
    PVOID UserBuffer;
    union {
        struct {
            union {
                KDEVICE_QUEUE_ENTRY DeviceQueueEntry;
                PVOID DriverContext[4];
            };
            PETHREAD Thread;
            PCHAR AuxiliaryBuffer;
            LIST_ENTRY ListEntry;
            PIO_STACK_LOCATION CurrentStackLocation;
            PFILE_OBJECT OriginalFileObject;
            PVOID IrpExtension; /* the host's own state of the IRP */
        } Overlay;
        PVOID CompletionKey;
    } Tail;
} IRP;
NT_ASSERT_SIZE(IRP, 208);
NT_ASSERT_OFFSET(IRP, Size, 2);
NT_ASSERT_OFFSET(IRP, MdlAddress, 0x08);
NT_ASSERT_OFFSET(IRP, Flags, 0x10);
NT_ASSERT_OFFSET(IRP, AssociatedIrp, 0x18);
NT_ASSERT_OFFSET(IRP, ThreadListEntry, 0x20);
NT_ASSERT_OFFSET(IRP, IoStatus, 0x30);
NT_ASSERT_OFFSET(IRP, RequestorMode, 0x40);
NT_ASSERT_OFFSET(IRP, PendingReturned, 0x41);
NT_ASSERT_OFFSET(IRP, StackCount, 0x42);
NT_ASSERT_OFFSET(IRP, CurrentLocation, 0x43);
NT_ASSERT_OFFSET(IRP, Cancel, 0x44);
NT_ASSERT_OFFSET(IRP, CancelIrql, 0x45);
NT_ASSERT_OFFSET(IRP, ApcEnvironment, 0x46);
NT_ASSERT_OFFSET(IRP, AllocationFlags, 0x47);
NT_ASSERT_OFFSET(IRP, UserIosb, 0x48);
NT_ASSERT_OFFSET(IRP, UserEvent, 0x50);
NT_ASSERT_OFFSET(IRP, Overlay, 0x58);
NT_ASSERT_OFFSET(IRP, CancelRoutine, 0x68);
NT_ASSERT_OFFSET(IRP, UserBuffer, 0x70);
NT_ASSERT_OFFSET(IRP, Tail.Overlay.DriverContext, 0x78);
NT_ASSERT_OFFSET(IRP, Tail.Overlay.Thread, 0x98);
NT_ASSERT_OFFSET(IRP, Tail.Overlay.AuxiliaryBuffer, 0xA0);
NT_ASSERT_OFFSET(IRP, Tail.Overlay.ListEntry, 0xA8);
NT_ASSERT_OFFSET(IRP, Tail.Overlay.CurrentStackLocation, 0xB8);
NT_ASSERT_OFFSET(IRP, Tail.Overlay.OriginalFileObject, 0xC0);

typedef struct _IO_STACK_LOCATION {
    UCHAR MajorFunction;
    UCHAR MinorFunction;
    UCHAR Flags;
    UCHAR Control;
    union {
        struct {
            PIO_SECURITY_CONTEXT SecurityContext;
            ULONG Options;
            USHORT POINTER_ALIGNMENT FileAttributes;
            USHORT ShareAccess;
            ULONG POINTER_ALIGNMENT EaLength;
        } Create;
        struct {
            ULONG Length;
            ULONG POINTER_ALIGNMENT Key;
            LARGE_INTEGER ByteOffset;
        } Read;
        struct {
            ULONG Length;
            ULONG POINTER_ALIGNMENT Key;
            LARGE_INTEGER ByteOffset;
        } Write;
        struct {
            ULONG OutputBufferLength;
            ULONG POINTER_ALIGNMENT InputBufferLength;
            ULONG POINTER_ALIGNMENT IoControlCode;
            PVOID Type3InputBuffer;
        } DeviceIoControl;
        struct {
            PVOID Argument1;
            PVOID Argument2;
            PVOID Argument3;
            PVOID Argument4;
        } Others;
    } Parameters;
    PDEVICE_OBJECT DeviceObject;
    PFILE_OBJECT FileObject;
    PIO_COMPLETION_ROUTINE CompletionRoutine;
    PVOID Context;
} IO_STACK_LOCATION;
NT_ASSERT_SIZE(IO_STACK_LOCATION, 72);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, MinorFunction, 1);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, Flags, 2);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, Control, 3);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, Parameters, 8);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, Parameters.Create.Options, 16);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, Parameters.Create.FileAttributes, 24);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, Parameters.Create.ShareAccess, 26);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, Parameters.Create.EaLength, 32);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, Parameters.Read.Key, 16);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, Parameters.Read.ByteOffset, 24);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, Parameters.DeviceIoControl.InputBufferLength, 16);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, Parameters.DeviceIoControl.IoControlCode, 24);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, Parameters.DeviceIoControl.Type3InputBuffer, 32);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, DeviceObject, 40);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, FileObject, 48);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, CompletionRoutine, 56);
NT_ASSERT_OFFSET(IO_STACK_LOCATION, Context, 64);

typedef struct _IO_COMPLETION_CONTEXT {
    PVOID Port;
    PVOID Key;
} IO_COMPLETION_CONTEXT, *PIO_COMPLETION_CONTEXT;

typedef struct _FILE_OBJECT {
    CSHORT Type;
    CSHORT Size;
    PDEVICE_OBJECT DeviceObject;
    PVOID Vpb;
    PVOID FsContext;
    PVOID FsContext2;
    PVOID SectionObjectPointer;
    PVOID PrivateCacheMap;
    NTSTATUS FinalStatus;
    struct _FILE_OBJECT* RelatedFileObject;
    BOOLEAN LockOperation;
    BOOLEAN DeletePending;
    BOOLEAN ReadAccess;
    BOOLEAN WriteAccess;
    BOOLEAN DeleteAccess;
    BOOLEAN SharedRead;
    BOOLEAN SharedWrite;
    BOOLEAN SharedDelete;
    ULONG Flags;
    UNICODE_STRING FileName;
    LARGE_INTEGER CurrentByteOffset;
    volatile ULONG Waiters;
    volatile ULONG Busy;
    PVOID LastLock;
    KEVENT Lock;
    KEVENT Event;
    PIO_COMPLETION_CONTEXT volatile CompletionContext;
    KSPIN_LOCK IrpListLock;
    LIST_ENTRY IrpList;
    PVOID volatile FileObjectExtension;
} FILE_OBJECT;
NT_ASSERT_SIZE(FILE_OBJECT, 216);
NT_ASSERT_OFFSET(FILE_OBJECT, DeviceObject, 0x08);
NT_ASSERT_OFFSET(FILE_OBJECT, FsContext, 0x18);
NT_ASSERT_OFFSET(FILE_OBJECT, FsContext2, 0x20);
NT_ASSERT_OFFSET(FILE_OBJECT, FinalStatus, 0x38);
NT_ASSERT_OFFSET(FILE_OBJECT, RelatedFileObject, 0x40);
NT_ASSERT_OFFSET(FILE_OBJECT, LockOperation, 0x48);
NT_ASSERT_OFFSET(FILE_OBJECT, ReadAccess, 0x4A);
NT_ASSERT_OFFSET(FILE_OBJECT, WriteAccess, 0x4B);
NT_ASSERT_OFFSET(FILE_OBJECT, Flags, 0x50);
NT_ASSERT_OFFSET(FILE_OBJECT, FileName, 0x58);
NT_ASSERT_OFFSET(FILE_OBJECT, CurrentByteOffset, 0x68);
NT_ASSERT_OFFSET(FILE_OBJECT, Lock, 0x80);
NT_ASSERT_OFFSET(FILE_OBJECT, Event, 0x98);
NT_ASSERT_OFFSET(FILE_OBJECT, CompletionContext, 0xB0);
NT_ASSERT_OFFSET(FILE_OBJECT, IrpListLock, 0xB8);
NT_ASSERT_OFFSET(FILE_OBJECT, IrpList, 0xC0);
NT_ASSERT_OFFSET(FILE_OBJECT, FileObjectExtension, 0xD0);

typedef struct DECLSPEC_ALIGN(MEMORY_ALLOCATION_ALIGNMENT) _DEVICE_OBJECT {
    CSHORT Type;
    USHORT Size;
    LONG ReferenceCount;
    PDRIVER_OBJECT DriverObject;
    PDEVICE_OBJECT NextDevice;
    PDEVICE_OBJECT AttachedDevice;
    PIRP CurrentIrp;
    PVOID Timer;
    ULONG Flags;
    ULONG Characteristics;
    PVOID Vpb;
    PVOID DeviceExtension;
    DEVICE_TYPE DeviceType;
    CCHAR StackSize;
    union {
        LIST_ENTRY ListEntry;
        ULONGLONG ReservedWaitContextBlock[9];
    } Queue;
    ULONG AlignmentRequirement;
    KDEVICE_QUEUE DeviceQueue;
    KDPC Dpc;
    ULONG ActiveThreadCount;
    PSECURITY_DESCRIPTOR SecurityDescriptor;
    KEVENT DeviceLock;
    USHORT SectorSize;
    USHORT Spare1;
    PVOID DeviceObjectExtension;
    PVOID Reserved;
} DEVICE_OBJECT;
NT_ASSERT_SIZE(DEVICE_OBJECT, 336);
NT_ASSERT_OFFSET(DEVICE_OBJECT, ReferenceCount, 0x04);
NT_ASSERT_OFFSET(DEVICE_OBJECT, DriverObject, 0x08);
NT_ASSERT_OFFSET(DEVICE_OBJECT, NextDevice, 0x10);
NT_ASSERT_OFFSET(DEVICE_OBJECT, CurrentIrp, 0x20);
NT_ASSERT_OFFSET(DEVICE_OBJECT, Flags, 0x30);
NT_ASSERT_OFFSET(DEVICE_OBJECT, Characteristics, 0x34);
NT_ASSERT_OFFSET(DEVICE_OBJECT, DeviceExtension, 0x40);
NT_ASSERT_OFFSET(DEVICE_OBJECT, DeviceType, 0x48);
NT_ASSERT_OFFSET(DEVICE_OBJECT, StackSize, 0x4C);
NT_ASSERT_OFFSET(DEVICE_OBJECT, Queue, 0x50);
NT_ASSERT_OFFSET(DEVICE_OBJECT, AlignmentRequirement, 0x98);
NT_ASSERT_OFFSET(DEVICE_OBJECT, DeviceQueue, 0xA0);
NT_ASSERT_OFFSET(DEVICE_OBJECT, Dpc, 0xC8);
NT_ASSERT_OFFSET(DEVICE_OBJECT, SecurityDescriptor, 0x110);
NT_ASSERT_OFFSET(DEVICE_OBJECT, DeviceLock, 0x118);
NT_ASSERT_OFFSET(DEVICE_OBJECT, DeviceObjectExtension, 0x138);

typedef struct _DRIVER_EXTENSION {
    PDRIVER_OBJECT DriverObject;
    PDRIVER_ADD_DEVICE AddDevice;
    ULONG Count;
    UNICODE_STRING ServiceKeyName;
} DRIVER_EXTENSION, *PDRIVER_EXTENSION;
NT_ASSERT_SIZE(DRIVER_EXTENSION, 40);
NT_ASSERT_OFFSET(DRIVER_EXTENSION, AddDevice, 8);

typedef struct _DRIVER_OBJECT {
    CSHORT Type;
    CSHORT Size;
    PDEVICE_OBJECT DeviceObject;
    ULONG Flags;
    PVOID DriverStart;
    ULONG DriverSize;
    PVOID DriverSection;
    PDRIVER_EXTENSION DriverExtension;
    UNICODE_STRING DriverName;
    PUNICODE_STRING HardwareDatabase;
    PVOID FastIoDispatch;
    PDRIVER_INITIALIZE DriverInit;
    PDRIVER_STARTIO DriverStartIo;
    PDRIVER_UNLOAD DriverUnload;
    PDRIVER_DISPATCH MajorFunction[IRP_MJ_MAXIMUM_FUNCTION + 1];
} DRIVER_OBJECT;
NT_ASSERT_SIZE(DRIVER_OBJECT, 336);
NT_ASSERT_OFFSET(DRIVER_OBJECT, DeviceObject, 0x08);
NT_ASSERT_OFFSET(DRIVER_OBJECT, Flags, 0x10);
NT_ASSERT_OFFSET(DRIVER_OBJECT, DriverStart, 0x18);
NT_ASSERT_OFFSET(DRIVER_OBJECT, DriverExtension, 0x30);
NT_ASSERT_OFFSET(DRIVER_OBJECT, DriverName, 0x38);
NT_ASSERT_OFFSET(DRIVER_OBJECT, DriverInit, 0x58);
NT_ASSERT_OFFSET(DRIVER_OBJECT, DriverUnload, 0x68);
NT_ASSERT_OFFSET(DRIVER_OBJECT, MajorFunction, 0x70);

#define DRVO_UNLOAD_INVOKED 0x00000001

EXTERN_C_END

#endif
