/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host's framework counts, for tests and for harnesses around a driver.
 */
#ifndef WDFHOST_H
#define WDFHOST_H

#include <ntddk.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Requests that were completed at DISPATCH_LEVEL and came from a queue whose execution level is passive,
 * since the process started. Windows' framework can't look there whether the queue has another request, so
 * each of them costs a work item and a line in its log. A driver that completes so asks for no execution
 * level. */
LONGLONG WdfHostCountDetours(void);

#ifdef __cplusplus
}
#endif

#endif
