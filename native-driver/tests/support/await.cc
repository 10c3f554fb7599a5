/* SPDX-License-Identifier: Apache-2.0
 *
 * The portable part of await.h.
 */
#include "await.h"

#include <algorithm>
#include <thread>

using std::chrono::microseconds;
using std::chrono::steady_clock;

/* Short waits spin instead of sleeping. */
constexpr microseconds kSpin{100};
constexpr microseconds kShortestNap{50};
constexpr microseconds kLongestNap{1000};

/* Does not yield: on a busy system a yield may take arbitrarily long, while a sleep ends in time. */
bool Await(const std::function<bool()>& condition, int timeout_ms)
{
    auto start = steady_clock::now();
    auto deadline = start + std::chrono::milliseconds(timeout_ms);
    microseconds nap = kShortestNap;
    while (!condition()) {
        auto now = steady_clock::now();
        if (now > deadline) {
            return false;
        }
        if (now > start + kSpin) {
            std::this_thread::sleep_for(nap);
            nap = std::min(2 * nap, kLongestNap);
        }
    }
    return true;
}

void Dawdle(std::chrono::nanoseconds time)
{
    auto end = steady_clock::now() + time;
    while (steady_clock::now() < end) {
    }
}
