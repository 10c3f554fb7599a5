/* SPDX-License-Identifier: Apache-2.0
 *
 * Deadlines of operations in flight, as described in deadline.c. Only for operations with a Timeout.
 */
#pragma once

#include "operation.h"

/* Creates the timer; its parent is the device. */
_IRQL_requires_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbDeadlinesInitialize(_Inout_ PWSKB_DRIVER Driver);

/* Waits until a timer callback that is running has returned: it may be the last to use an operation whose
 * request is complete, and with that a socket block. When no operation is in flight any more. */
_IRQL_requires_(PASSIVE_LEVEL) VOID WskbDeadlinesEnd(_Inout_ PWSKB_DRIVER Driver);

/* From now on the operation is cancelled at its deadline. The caller holds a reference to it. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbDeadlineAdd(_Inout_ PWSKB_OPERATION Operation);

/* The operation is no longer in flight: the timer takes no reference to it from now on. Called before the
 * reference of the operation's completion is dropped, so that the timer finds valid operations only. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbDeadlineRemove(_Inout_ PWSKB_OPERATION Operation);
