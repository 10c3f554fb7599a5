/* SPDX-License-Identifier: Apache-2.0
 *
 * Tracing for support; trace.h says what is traced at which level.
 */
#include "trace.h"

#include "operation.h"

static BOOLEAN IsShown(WSKB_TRACE_LEVEL Level)
{
    return DbgQueryDebugFilterState(DPFLTR_IHVDRIVER_ID, Level) == (NTSTATUS)TRUE;
}

/* A number is 0 where there is none: a request of another driver may have no process, and a handle has no
 * socket before CREATE or ATTACH. */
static VOID Tell(WSKB_TRACE_LEVEL Level, PEPROCESS Process, ULONG Socket, PCSTR What, PCSTR Outcome,
                 NTSTATUS Status)
{
    ULONG Number = Process == NULL ? 0 : HandleToULong(PsGetProcessId(Process));
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, Level, "wskbridge: process %u, socket %u: %s%s (0x%08X)\n", Number,
               Socket, What, Outcome, (ULONG)Status);
}

_Use_decl_annotations_ VOID WskbTrace(WSKB_TRACE_LEVEL Level, PCSTR What, NTSTATUS Status)
{
    if (IsShown(Level)) {
        DbgPrintEx(DPFLTR_IHVDRIVER_ID, Level, "wskbridge: %s (0x%08X)\n", What, (ULONG)Status);
    }
}

_Use_decl_annotations_ VOID WskbTraceSocket(WSKB_TRACE_LEVEL Level, PWSKB_SOCKET Socket, PCSTR What,
                                            NTSTATUS Status)
{
    if (IsShown(Level)) {
        Tell(Level, Socket->Process->Process, Socket->Number, What, "", Status);
    }
}

static PCSTR OperationName(ULONG Code)
{
    switch (Code) {
#define NAME(name, function, method, access, in, out)                                                        \
    case IOCTL_WSKB_##name:                                                                                  \
        return #name;
        WSKB_CONTROL_CODES(NAME)
#undef NAME
    default:
        return "an unknown control code";
    }
}

static PWSKB_SOCKET SocketOf(WDFREQUEST Request)
{
    WDFFILEOBJECT FileObject = WdfRequestGetFileObject(Request);
    return FileObject == NULL ? NULL : ReadPointerAcquire((PVOID volatile*)&WskbGetFile(FileObject)->Socket);
}

/* Cancellation is normal, so it is traced at the verbose level. */
_Use_decl_annotations_ VOID WskbTraceFailure(WDFREQUEST Request, NTSTATUS Status)
{
    WSKB_TRACE_LEVEL Level = Status == STATUS_CANCELLED ? WskbTraceVerbose : WskbTraceInformation;
    if (!IsShown(Level)) {
        return;
    }
    PIRP Irp = WdfRequestWdmGetIrp(Request);
    ULONG Code = IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.IoControlCode;
    PWSKB_SOCKET Socket = SocketOf(Request);
    Tell(Level, Socket == NULL ? IoGetRequestorProcess(Irp) : Socket->Process->Process,
         Socket == NULL ? 0 : Socket->Number, OperationName(Code), " failed", Status);
}
