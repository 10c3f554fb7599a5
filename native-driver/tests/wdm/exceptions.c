/* SPDX-License-Identifier: Apache-2.0
 *
 * A driver's __try and __except.
 */
#include "exceptions.h"

NTSTATUS ProbeInTry(PMDL Mdl, KPROCESSOR_MODE Mode, LOCK_OPERATION Operation)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    __try {
        MmProbeAndLockPages(Mdl, Mode, Operation);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Status = GetExceptionCode();
    }
    return Status;
}

ULONG RaiseThroughFilter(NTSTATUS Status)
{
    volatile ULONG Order = 0;

    __try {
        Order = 1;
        __try {
            Order = Order * 10 + 2;
            ExRaiseStatus(Status);
        } __except (GetExceptionCode() == STATUS_ACCESS_VIOLATION ? EXCEPTION_EXECUTE_HANDLER
                                                                  : EXCEPTION_CONTINUE_SEARCH) {
            Order = Order * 10 + 3;
        }
        Order = Order * 10 + 4;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Order = Order * 10 + 5;
    }
    return Order * 10 + 6;
}

static ULONG LeaveInner(ULONG How)
{
    __try {
        if (How == 0) {
            return 0;
        }
        if (How == 1) {
            break;
        }
        goto Out;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return 99;
    }
Out:
    return How;
}

ULONG LeaveEarly(ULONG How)
{
    volatile ULONG Left = 77;

    __try {
        Left = LeaveInner(How);
        ExRaiseStatus(STATUS_NOT_FOUND);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Left += 10;
    }
    return Left;
}

NTSTATUS RaiseInHandler(void)
{
    __try {
        __try {
            ExRaiseStatus(STATUS_NOT_FOUND);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            ExRaiseStatus(STATUS_NO_MATCH);
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}
