/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads on Windows, which does not show whether they sleep.
 */
#include "await.h"

#include <windows.h>

#define PAUSE_MS 50

uint64_t OwnThreadNumber()
{
    return GetCurrentThreadId();
}

bool AwaitSleep(const ThreadNumber& thread)
{
    bool known = Await([&] { return thread != 0; });
    Sleep(PAUSE_MS);
    return known;
}
