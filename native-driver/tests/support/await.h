/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for something that happens elsewhere, for the tests of every layer.
 */
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>

constexpr int kPatience = 20000; /* milliseconds that nothing should ever take */

/* Polls until the condition holds; whether it came true in time. */
bool Await(const std::function<bool()>& condition, int timeout_ms = kPatience);

/* Takes some time and keeps the processor. For races, to vary what comes first and by how much. */
void Dawdle(std::chrono::nanoseconds time);

/* A thread, as the system numbers it; 0 is none. */
using ThreadNumber = std::atomic<uint64_t>;

/* The calling thread's. */
uint64_t OwnThreadNumber();

/* Waits until somebody stores a thread's number, and then until that thread sleeps, or has ended. For what
 * nothing else tells: that another thread has not only called a function, but waits in it. Windows does not
 * tell that either, so there it is likely only. */
bool AwaitSleep(const ThreadNumber& thread);
