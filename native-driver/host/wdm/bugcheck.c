/* SPDX-License-Identifier: Apache-2.0
 *
 * Bugchecks: stops the process with a report that a driver writer can act on.
 */
#include "wdmp.h"

#include <dlfcn.h>
#include <execinfo.h>

#define REPORT_SIZE 8192
#define MAX_FRAMES  32

static const struct {
    ULONG Code;
    const char* Name;
} BugcheckNames[] = {
    {IRQL_NOT_LESS_OR_EQUAL, "IRQL_NOT_LESS_OR_EQUAL"},
    {SPIN_LOCK_ALREADY_OWNED, "SPIN_LOCK_ALREADY_OWNED"},
    {SPIN_LOCK_NOT_OWNED, "SPIN_LOCK_NOT_OWNED"},
    {REFERENCE_BY_POINTER, "REFERENCE_BY_POINTER"},
    {BAD_POOL_HEADER, "BAD_POOL_HEADER"},
    {NO_MORE_IRP_STACK_LOCATIONS, "NO_MORE_IRP_STACK_LOCATIONS"},
    {TARGET_MDL_TOO_SMALL, "TARGET_MDL_TOO_SMALL"},
    {MULTIPLE_IRP_COMPLETE_REQUESTS, "MULTIPLE_IRP_COMPLETE_REQUESTS"},
    {CANCEL_STATE_IN_COMPLETED_IRP, "CANCEL_STATE_IN_COMPLETED_IRP"},
    {IRQL_GT_ZERO_AT_SYSTEM_SERVICE, "IRQL_GT_ZERO_AT_SYSTEM_SERVICE"},
    {ATTEMPTED_SWITCH_FROM_DPC, "ATTEMPTED_SWITCH_FROM_DPC"},
    {BAD_POOL_CALLER, "BAD_POOL_CALLER"},
    {DRIVER_VERIFIER_DETECTED_VIOLATION, "DRIVER_VERIFIER_DETECTED_VIOLATION"},
    {TIMER_OR_DPC_INVALID, "TIMER_OR_DPC_INVALID"},
    {DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS,
     "DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS"},
    {WDF_VIOLATION, "WDF_VIOLATION"},
    {MANUALLY_INITIATED_CRASH, "MANUALLY_INITIATED_CRASH"},
};

static HOST_BUGCHECK_ROUTINE BugcheckRoutine;
static LONG BugcheckRunning;
static char Report[REPORT_SIZE];
static size_t ReportLength;

static const char* BugcheckName(ULONG Code)
{
    for (size_t i = 0; i < ARRAYSIZE(BugcheckNames); i++) {
        if (BugcheckNames[i].Code == Code) {
            return BugcheckNames[i].Name;
        }
    }
    return "unknown code";
}

static void AppendList(const char* Format, va_list Arguments)
{
    int Written = vsnprintf(Report + ReportLength, REPORT_SIZE - ReportLength, Format, Arguments);
    if (Written > 0) {
        ReportLength += (size_t)Written;
        ReportLength = ReportLength < REPORT_SIZE ? ReportLength : REPORT_SIZE - 1;
    }
}

static void __attribute__((format(printf, 1, 2))) Append(const char* Format, ...)
{
    va_list Arguments;
    va_start(Arguments, Format);
    AppendList(Format, Arguments);
    va_end(Arguments);
}

static void AppendBacktrace(void)
{
    void* Frames[MAX_FRAMES];
    int Count = backtrace(Frames, MAX_FRAMES);
    for (int i = 1; i < Count; i++) {
        Dl_info Info;
        if (dladdr(Frames[i], &Info) == 0) {
            Append("    %p\n", Frames[i]);
        } else if (Info.dli_sname != NULL) {
            Append("    %s+0x%zx (%s)\n", Info.dli_sname, (size_t)((char*)Frames[i] - (char*)Info.dli_saddr),
                   Info.dli_fname);
        } else {
            Append("    %s+0x%zx\n", Info.dli_fname, (size_t)((char*)Frames[i] - (char*)Info.dli_fbase));
        }
    }
}

static void WriteReport(void)
{
    size_t Done = 0;
    while (Done < ReportLength) {
        ssize_t Written = write(STDERR_FILENO, Report + Done, ReportLength - Done);
        if (Written <= 0) {
            return;
        }
        Done += (size_t)Written;
    }
}

DECLSPEC_NORETURN static void Stop(ULONG Code, const ULONG_PTR Parameters[4], const char* Format,
                                   va_list Arguments)
{
    char Name[64];

    /* The first report is the one that matters; other threads wait for the end of the process. */
    if (__atomic_exchange_n(&BugcheckRunning, 1, __ATOMIC_ACQ_REL) != 0) {
        for (;;) {
            pause();
        }
    }
    Append("\n*** STOP: 0x%08X (%s)\n*** ", Code, BugcheckName(Code));
    AppendList(Format, Arguments);
    Append("\n*** Parameters: 0x%zx, 0x%zx, 0x%zx, 0x%zx\n", Parameters[0], Parameters[1], Parameters[2],
           Parameters[3]);
    Append("*** Driver: %s, IRQL %u, spin locks held %u, thread %p\n",
           HostThread.Driver != NULL ? HostDriverName(HostThread.Driver, Name, sizeof(Name)) : "none",
           HostThread.Irql, HostThread.SpinLocks, (void*)&HostThread);
    AppendBacktrace();
    WriteReport();
    HOST_BUGCHECK_ROUTINE Routine = __atomic_load_n(&BugcheckRoutine, __ATOMIC_ACQUIRE);
    if (Routine != NULL) {
        Routine(Code, Report);
    }
    abort();
}

void HostBugcheck(ULONG Code, ULONG_PTR Parameter1, ULONG_PTR Parameter2, ULONG_PTR Parameter3,
                  ULONG_PTR Parameter4, const char* Format, ...)
{
    const ULONG_PTR Parameters[4] = {Parameter1, Parameter2, Parameter3, Parameter4};
    va_list Arguments;
    va_start(Arguments, Format);
    Stop(Code, Parameters, Format, Arguments);
}

void HostBugcheckIrql(const char* Function, KIRQL Maximum)
{
    HostBugcheck(IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)Function, HostThread.Irql, Maximum, 0,
                 "%s was called at IRQL %u; the highest it allows is %u.", Function, HostThread.Irql,
                 Maximum);
}

void HostCallViolation(const HOST_CALL* Call, const char* What, PVOID Routine)
{
    if (HostThread.Irql != Call->Irql) {
        HostBugcheck(IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)Routine, HostThread.Irql, Call->Irql, 0,
                     "A %s was called at IRQL %u and returned at IRQL %u.", What, Call->Irql,
                     HostThread.Irql);
    }
    HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Routine,
                 (ULONG_PTR)HostThread.CriticalRegions, (ULONG_PTR)Call->CriticalRegions, 0,
                 "A %s entered %d critical regions without leaving them.", What,
                 HostThread.CriticalRegions - Call->CriticalRegions);
}

void KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR BugCheckParameter1, ULONG_PTR BugCheckParameter2,
                  ULONG_PTR BugCheckParameter3, ULONG_PTR BugCheckParameter4)
{
    HostBugcheck(BugCheckCode, BugCheckParameter1, BugCheckParameter2, BugCheckParameter3, BugCheckParameter4,
                 "The kernel side called KeBugCheckEx.");
}

void RtlAssert(PVOID FailedAssertion, PVOID FileName, ULONG LineNumber, PCHAR Message)
{
    HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)FailedAssertion, (ULONG_PTR)FileName,
                 LineNumber, 0, "Assertion failed: %s, %s:%u%s%s", (const char*)FailedAssertion,
                 (const char*)FileName, LineNumber, Message != NULL ? ": " : "",
                 Message != NULL ? Message : "");
}

void HostSetBugcheckRoutine(HOST_BUGCHECK_ROUTINE Routine)
{
    __atomic_store_n(&BugcheckRoutine, Routine, __ATOMIC_RELEASE);
}
