/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions of exceptions.c for probe_test.cc: __try and __except are for C only.
 */
#ifndef TESTS_WDM_EXCEPTIONS_H
#define TESTS_WDM_EXCEPTIONS_H

#include <ntddk.h>

EXTERN_C_START

/* STATUS_SUCCESS, or what was raised. */
NTSTATUS ProbeInTry(PMDL Mdl, KPROCESSOR_MODE Mode, LOCK_OPERATION Operation);
/* An inner filter rejects the status; returns the order of execution, as digits. */
ULONG RaiseThroughFilter(NTSTATUS Status);
/* Leaves a __try by return, break or goto, followed by a raise that the outer __except must catch. */
ULONG LeaveEarly(ULONG How);
/* Raises in a handler: the outer one catches it. */
NTSTATUS RaiseInHandler(void);

EXTERN_C_END

#endif
