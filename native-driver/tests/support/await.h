/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for something that happens elsewhere, for the tests of every layer.
 */
#ifndef TESTS_SUPPORT_AWAIT_H
#define TESTS_SUPPORT_AWAIT_H

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>

constexpr int kPatience = 20000; /* milliseconds; far more than anything should take */

/* Polls until the condition holds; returns whether it did in time. */
bool Await(const std::function<bool()>& condition, int timeout_ms = kPatience);

/* Spins for the given time. For race tests, to vary the order and the distance of events. */
void Dawdle(std::chrono::nanoseconds time);

/* The system's number of a thread; 0: none. */
using ThreadNumber = std::atomic<uint64_t>;

/* The calling thread's. */
uint64_t OwnThreadNumber();

/* Waits until a thread has stored its number, and then until that thread sleeps or has ended. Needed to know
 * that another thread not only called a function but waits inside it. Windows does not show that, so there it
 * is only likely. */
bool AwaitSleep(const ThreadNumber& thread);

#endif
