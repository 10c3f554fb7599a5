/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads as Linux shows them in /proc.
 */
#include "await.h"

#include <fstream>
#include <string>

#include <sys/syscall.h>
#include <unistd.h>

uint64_t OwnThreadNumber()
{
    return static_cast<uint64_t>(syscall(SYS_gettid));
}

/* The state follows the name, which is in parentheses and may contain parentheses. A thread that has ended
 * has no file. */
static bool Rests(uint64_t thread)
{
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
    std::string text;
    std::getline(file, text);
    size_t end = text.rfind(')');
    return end == std::string::npos || text.compare(end, 3, ") S") == 0;
}

bool AwaitSleep(const ThreadNumber& thread)
{
    return Await([&] { return thread != 0 && Rests(thread); });
}
