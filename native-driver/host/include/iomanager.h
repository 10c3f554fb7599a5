/* SPDX-License-Identifier: Apache-2.0
 *
 * The user-mode side of the embedded host, in place of ntdll.dll and the service control manager. A program
 * loads a driver, opens its device, sends IOCTLs and takes completions from a completion port. Names,
 * arguments and results are those of the native API; functions without a counterpart there are named Host....
 *
 * Every function may be called from any thread at PASSIVE_LEVEL. Misuse that Windows would answer with a
 * status is answered with that status; misuse inside the kernel side ends the process with a bugcheck report.
 */
#ifndef IOMANAGER_H
#define IOMANAGER_H

#include <ntddk.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- services ---------------------------------------------------------------------------------------- */

/* Loads a driver that is linked into this process: creates its DRIVER_OBJECT, and calls Entry with the
 * registry path \Registry\Machine\System\CurrentControlSet\Services\<ServiceName>.
 * STATUS_IMAGE_ALREADY_LOADED when a service of that name is loaded; else what Entry returned. */
NTSTATUS HostLoadDriver(PCWSTR ServiceName, PDRIVER_INITIALIZE Entry);

/* Refuses new opens, calls DriverUnload once no file object of the driver is left (open handles defer it, as
 * on Windows), then checks that the driver left nothing behind: pool, IRPs, devices, work items, timers,
 * references. Anything left is bugcheck DRIVER_VERIFIER_DETECTED_VIOLATION. Blocks until DriverUnload
 * returned. STATUS_INVALID_DEVICE_REQUEST when the driver has no DriverUnload. */
NTSTATUS HostUnloadDriver(PCWSTR ServiceName);

/* ---- files and requests ------------------------------------------------------------------------------ */

/* Opens a device by its DOS name, e.g. L"\\\\.\\WskBridge" or L"\\??\\WskBridge". DesiredAccess is any of
 * FILE_READ_DATA, FILE_WRITE_DATA, GENERIC_READ, GENERIC_WRITE. Errors: STATUS_OBJECT_NAME_NOT_FOUND,
 * STATUS_ACCESS_DENIED (the device's SDDL against the calling process), STATUS_DELETE_PENDING (unloading), or
 * what the driver completed IRP_MJ_CREATE with. The file is opened for overlapped use. */
NTSTATUS HostOpenFile(PCWSTR Name, ACCESS_MASK DesiredAccess, PHANDLE FileHandle);

/* Closes a handle of any kind. For a file: IRP_MJ_CLEANUP on this thread when it was the last handle; then
 * IRP_MJ_CLOSE once the last request of the file object is complete. STATUS_INVALID_HANDLE otherwise. */
NTSTATUS NtClose(HANDLE Handle);

/* Sends an IOCTL. ApcRoutine must be NULL. If the file is associated with a completion port and ApcContext is
 * not NULL, completion queues a packet with that ApcContext; Event, when not NULL, is reset first and set at
 * completion. Buffers and IoStatusBlock belong to the call until completion. As on Windows a request that
 * fails in the driver's dispatch routine without having been marked pending is reported by the result alone:
 * no packet, no event, no status block. (KMDF marks every request pending.) METHOD_BUFFERED copies through a
 * system buffer; direct methods give the driver an MDL of the output buffer (none when its length is 0).
 * METHOD_NEITHER is passed through. Access bits of the code are checked against the handle:
 * STATUS_ACCESS_DENIED. Other errors: STATUS_INVALID_HANDLE, STATUS_INVALID_USER_BUFFER,
 * STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS NtDeviceIoControlFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext,
                               PIO_STATUS_BLOCK IoStatusBlock, ULONG IoControlCode, PVOID InputBuffer,
                               ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength);

/* Send IRP_MJ_READ and IRP_MJ_WRITE, and complete as NtDeviceIoControlFile does. The device's flags choose
 * where the driver finds the data: DO_BUFFERED_IO a system buffer, DO_DIRECT_IO an MDL (none when Length is
 * 0), neither the user's own address in Irp->UserBuffer. The handle needs FILE_READ_DATA, or FILE_WRITE_DATA
 * or FILE_APPEND_DATA. ByteOffset is passed to the driver unchanged. It must not be NULL, since every file is
 * opened for overlapped use. */
NTSTATUS NtReadFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext,
                    PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
                    PULONG Key);
NTSTATUS NtWriteFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext,
                     PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
                     PULONG Key);

/* Cancels the request of this file whose IO_STATUS_BLOCK is IoRequestToCancel, or all of the file's when
 * NULL. Returns at once; the requests still complete through their port or event. STATUS_NOT_FOUND when none.
 */
NTSTATUS NtCancelIoFileEx(HANDLE FileHandle, PIO_STATUS_BLOCK IoRequestToCancel,
                          PIO_STATUS_BLOCK IoStatusBlock);

/* From now on an IOCTL of this file that is complete when NtDeviceIoControlFile returns reports its final
 * status in return value and status block, sets the event and queues no packet. This goes further than
 * FILE_SKIP_COMPLETION_PORT_ON_SUCCESS, which looks at the dispatch routine's return value and so never
 * applies to a KMDF driver; Windows has no counterpart. */
NTSTATUS HostSetInlineCompletion(HANDLE FileHandle);

/* Sets the directory whose subdirectories C, D, ... are the drives for ZwCreateFile. C\Windows (\SystemRoot)
 * and C\Windows\Temp are created there if missing. NULL, the default: a private directory of the process,
 * created below TMPDIR or /tmp and removed when the process exits. Files that are open already are not
 * affected. STATUS_OBJECT_PATH_NOT_FOUND when it is not a directory. */
NTSTATUS HostSetFileRoot(PCSTR Directory);

/* ---- events ------------------------------------------------------------------------------------------ */

NTSTATUS NtCreateEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess, PVOID ObjectAttributes,
                       EVENT_TYPE EventType, BOOLEAN InitialState);
NTSTATUS NtWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout);

/* ---- completion ports -------------------------------------------------------------------------------- */

typedef struct _FILE_IO_COMPLETION_INFORMATION {
    PVOID KeyContext;
    PVOID ApcContext;
    IO_STATUS_BLOCK IoStatusBlock;
} FILE_IO_COMPLETION_INFORMATION, *PFILE_IO_COMPLETION_INFORMATION;

NTSTATUS NtCreateIoCompletion(PHANDLE IoCompletionHandle, ACCESS_MASK DesiredAccess, PVOID ObjectAttributes,
                              ULONG NumberOfConcurrentThreads);

/* What NtSetInformationFile(FileCompletionInformation) does. A file keeps its first port for ever:
 * STATUS_INVALID_PARAMETER the second time. */
NTSTATUS HostAssociateCompletionPort(HANDLE FileHandle, HANDLE IoCompletionHandle, PVOID KeyContext);

/* Queues a packet with these values. */
NTSTATUS NtSetIoCompletion(HANDLE IoCompletionHandle, PVOID KeyContext, PVOID ApcContext, NTSTATUS Status,
                           ULONG_PTR Information);

/* Takes up to Count packets, oldest first; waits for the first one until Timeout: NULL waits for ever,
 * otherwise it is negative, relative and in 100 ns units (0 polls). STATUS_TIMEOUT when none came,
 * STATUS_INVALID_HANDLE, STATUS_ABANDONED_WAIT_0 when the port was closed meanwhile. */
NTSTATUS NtRemoveIoCompletionEx(HANDLE IoCompletionHandle, PFILE_IO_COMPLETION_INFORMATION Information,
                                ULONG Count, PULONG Removed, PLARGE_INTEGER Timeout, BOOLEAN Alertable);

/* The same for threads that take turns, so that packets are handled in order: a thread that took packets has
 * the turn until it calls HostEndTurn or this again, and other callers get none meanwhile. Foreground is for
 * a thread that waits for its own request. It has the turn from the call on, so background threads sleep, and
 * it polls itself. STATUS_DEVICE_BUSY at once when another thread has the turn. All waits at one port must be
 * of one kind: in turn, or not. */
NTSTATUS HostRemoveInTurn(HANDLE IoCompletionHandle, PFILE_IO_COMPLETION_INFORMATION Information, ULONG Count,
                          PULONG Removed, PLARGE_INTEGER Timeout, BOOLEAN Foreground);

/* Ends the calling thread's turn, if it has it. HandOn: another thread must poll at once; otherwise that may
 * take some milliseconds, which saves a wake-up if this thread waits again. */
NTSTATUS HostEndTurn(HANDLE IoCompletionHandle, BOOLEAN HandOn);

/* ---- processes --------------------------------------------------------------------------------------- */

typedef enum _HOST_PROCESS_RIGHTS {
    HostProcessUser,          /* neither administrator nor system: only what the SDDL grants everyone */
    HostProcessAdministrator, /* BUILTIN\Administrators; the default */
    HostProcessSystem
} HOST_PROCESS_RIGHTS;

/* Creates another process object, for drivers that tell processes apart. A thread that calls HostEnterProcess
 * acts for it (opens, IOCTLs, IoGetRequestorProcess) until it enters another; NULL is the initial process.
 * HostEndProcess closes every handle opened in it, as the end of a process does, and drops the caller's
 * reference; no thread may act for it then. */
PEPROCESS HostCreateProcess(HOST_PROCESS_RIGHTS Rights);
void HostEnterProcess(PEPROCESS Process);
void HostEndProcess(PEPROCESS Process);

/* Changes the rights of the initial process; later opens are checked against them. */
void HostSetProcessRights(HOST_PROCESS_RIGHTS Rights);

/* ---- accounting and faults --------------------------------------------------------------------------- */

/* What exists on the kernel side at the moment. Everything but PoolBytes counts objects. */
typedef struct _HOST_ACCOUNTING {
    ULONGLONG PoolAllocations;
    ULONGLONG PoolBytes;
    ULONGLONG Irps; /* from IoAllocateIrp and from the I/O manager */
    ULONGLONG Mdls;
    ULONGLONG Devices;
    ULONGLONG FileObjects;
    ULONGLONG WorkItems;
    ULONGLONG References; /* from ObReferenceObject, not yet dropped */
    ULONGLONG Handles;
    ULONGLONG Requests; /* IOCTLs not yet completed */
} HOST_ACCOUNTING, *PHOST_ACCOUNTING;

void HostQueryAccounting(PHOST_ACCOUNTING Accounting);

/* Lists live pool allocations and objects, by tag and kind, one per line; returns the length of the whole
 * text. */
size_t HostDescribeLeaks(char* Text, size_t Length);

/* Makes the Nth allocation from now on fail, once; 0 turns it off. Counts pool, IRPs, MDLs, completion
 * packets and draws of random bytes (tag 'Rng '). Tag 0 is any tag. */
void HostFailAllocation(ULONG Nth, ULONG Tag);

/* From now on IoInitializeIrp gives every IRP an extension, as Windows does when the IRP is traced. A driver
 * that does not release it with IoCleanupIrp leaks pool with tag 'IrpX'. */
void HostExtendIrps(BOOLEAN Extend);

/* Makes MmGetSystemRoutineAddress not find the routine of this name, as on a Windows version that lacks it;
 * NULL: it finds all that the host has. The string must stay valid until the next call. */
void HostHideSystemRoutine(PCWSTR Name);

/* The version of Windows that RtlGetVersion tells from now on. Major 0: that of the environment variable
 * HOST_SYSTEM_VERSION (as 10.0.17763), or else 10.0.26100. */
void HostSetSystemVersion(ULONG Major, ULONG Minor, ULONG Build);

/* ---- who polls --------------------------------------------------------------------------------------- */

/* The event loop of a provider. A thread that finds its completion port empty runs it while it waits, which
 * saves a context switch between a thread of the provider and the waiter. One thread at a time runs it. Poll
 * does one round: it waits for an event, a Wake, or the deadline (HostQueryTime units, -1 for none), and
 * completes requests. Wake makes the thread in Poll return. A Wake just before Poll begins to wait must not
 * be lost, so it sets a state (an eventfd, say) that Poll checks. Poll is called with no lock held, Wake from
 * any thread that queues a packet, at up to DISPATCH_LEVEL. */
typedef struct _HOST_POLLER {
    void (*Poll)(PVOID Context, LONGLONG Deadline);
    void (*Wake)(PVOID Context);
    PVOID Context;
} HOST_POLLER, *PHOST_POLLER;

/* There is at most one. NULL removes it, and returns once no thread is in Poll or Wake. */
void HostSetPoller(const HOST_POLLER* Poller);

/* For the provider's own thread: polls when no thread that waits at a port has polled for a while, and gives
 * way to the next one that does. Returns when the poller is removed. */
void HostPollInReserve(void);

/* Nanoseconds of the monotonic clock. */
LONGLONG HostQueryTime(void);

/* ---- debug messages ---------------------------------------------------------------------------------- */

/* What drivers write with DbgPrint, which has level DPFLTR_INFO_LEVEL, and DbgPrintEx goes to standard error
 * if its level is not above the one in the environment variable HOST_DEBUG_PRINT: errors only when that is
 * not set. A program can have messages kept as well, and take them. */

#define HOST_KEPT_DEBUG_MESSAGES  256
#define HOST_DEBUG_MESSAGE_LENGTH 224

/* A message; or, where Lost is not 0, the number of messages that were lost at this point. */
typedef struct _HOST_DEBUG_MESSAGE {
    ULONG Level;
    ULONG Lost;
    CHAR Text[HOST_DEBUG_MESSAGE_LENGTH]; /* UTF-8 without the end of the line, truncated to this size */
} HOST_DEBUG_MESSAGE, *PHOST_DEBUG_MESSAGE;

/* From now on messages up to this level are kept until they are taken, at most HOST_KEPT_DEBUG_MESSAGES; the
 * others are counted as lost. A driver never waits. -1, the initial value: none. */
void HostKeepDebugMessages(LONG Level);

/* Takes the oldest kept message. Waits up to Timeout, as NtRemoveIoCompletionEx does, then returns
 * STATUS_TIMEOUT. Must be called by one thread at a time. */
NTSTATUS HostTakeDebugMessage(PHOST_DEBUG_MESSAGE Message, PLARGE_INTEGER Timeout);

/* ---- bugchecks --------------------------------------------------------------------------------------- */

/* Called by the bugcheck before the process aborts, with the report that was written to standard error. For
 * tests and crash reporters; must not return to the kernel side. */
typedef void (*HOST_BUGCHECK_ROUTINE)(ULONG Code, const char* Report);
void HostSetBugcheckRoutine(HOST_BUGCHECK_ROUTINE Routine);

#ifdef __cplusplus
}
#endif

#endif
