/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters of the host's framework, for tests and driver harnesses.
 */
#ifndef WDFHOST_H
#define WDFHOST_H

#include <ntddk.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Requests of a queue with passive execution level that were completed at DISPATCH_LEVEL, since the process
 * started. There Windows' framework cannot check whether the queue has another request to present, so each of
 * them costs a work item and a line in its log. A driver that completes requests at DISPATCH_LEVEL should not
 * ask for passive execution level. */
LONGLONG WdfHostCountDetours(void);

#ifdef __cplusplus
}
#endif

#endif
