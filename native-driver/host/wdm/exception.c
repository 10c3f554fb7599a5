/* SPDX-License-Identifier: Apache-2.0
 *
 * Raising exceptions, and finding their handlers.
 */
#include "wdmp.h"

#include <nt/exceptions.h>

static _Thread_local HOST_TRY* Innermost;

void HostTryEnter(HOST_TRY* Try)
{
    Try->Previous = Innermost;
    Try->Entered = TRUE;
    Innermost = Try;
}

void HostTryLeave(HOST_TRY* Try)
{
    if (Try->Entered) {
        Try->Entered = FALSE;
        Innermost = Try->Previous;
    }
}

BOOLEAN HostTryFilter(HOST_TRY* Try, LONG Disposition)
{
    if (Disposition == EXCEPTION_CONTINUE_SEARCH) {
        ExRaiseStatus(Try->Code);
    }
    if (Disposition < 0) {
        HostBugcheck(KMODE_EXCEPTION_NOT_HANDLED, (ULONG_PTR)(LONG)Try->Code, 0, 0, 0,
                     "A filter wants to continue after exception 0x%08x, which was raised and can't be "
                     "continued.",
                     (unsigned)Try->Code);
    }
    return TRUE;
}

void ExRaiseStatus(NTSTATUS Status)
{
    HOST_TRY* Try = Innermost;
    if (Try == NULL) {
        HostBugcheck(KMODE_EXCEPTION_NOT_HANDLED, (ULONG_PTR)(LONG)Status,
                     (ULONG_PTR)__builtin_return_address(0), 0, 0,
                     "Exception 0x%08x was raised outside every __try.", (unsigned)Status);
    }
    HostTryLeave(Try);
    Try->Code = Status;
    longjmp(Try->Buffer, 1);
}
