/* SPDX-License-Identifier: Apache-2.0
 *
 * What exceptions.c, in C as drivers are, does for probe_test.cc.
 */
#ifndef TESTS_WDM_EXCEPTIONS_H
#define TESTS_WDM_EXCEPTIONS_H

#include <ntddk.h>

EXTERN_C_START

/* STATUS_SUCCESS, or what was raised. */
NTSTATUS ProbeInTry(PMDL Mdl, KPROCESSOR_MODE Mode, LOCK_OPERATION Operation);
/* An inner filter does not want the status; returns the order of what ran, as digits. */
ULONG RaiseThroughFilter(NTSTATUS Status);
/* Leaves a __try by return, break and goto, each followed by a raise that the outer __except must get. */
ULONG LeaveEarly(ULONG How);
/* Raises in a handler: the outer one gets it. */
NTSTATUS RaiseInHandler(void);

EXTERN_C_END

#endif
