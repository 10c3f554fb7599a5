/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of drivers on the embedded host share: a program's calls into the host in short, and the
 * check that nothing is left of a driver.
 */
#ifndef TESTS_SUPPORT_HOST_H
#define TESTS_SUPPORT_HOST_H

#include <iomanager.h>

#include "await.h"
#include "status.h"

/* The file of a device; nullptr, and a failed test, when it can't be opened. */
HANDLE OpenDevice(PCWSTR device, ACCESS_MASK access = GENERIC_READ | GENERIC_WRITE);

HANDLE CreateEventHandle(EVENT_TYPE type = NotificationEvent, BOOLEAN state = FALSE);
/* Whether it is signalled, at once or in time. */
bool IsSignalled(HANDLE handle);
bool AwaitSignal(HANDLE handle);

/* A relative timeout. */
LARGE_INTEGER Milliseconds(LONGLONG count);

/* After an unload: the host has nothing that a driver or a program made. */
void ExpectNothingLeft();

#endif
