/* SPDX-License-Identifier: Apache-2.0
 *
 * Mutexes and condition variables under one name on both systems. A wait may end early, so callers recheck
 * their condition.
 */
#ifndef WSKSHIM_LOCK_H
#define WSKSHIM_LOCK_H

#include <stdint.h>

#if defined(_WIN32)
#include <windows.h>

typedef SRWLOCK shim_lock;
typedef CONDITION_VARIABLE shim_condition;
#define SHIM_LOCK_INITIALIZER      SRWLOCK_INIT
#define SHIM_CONDITION_INITIALIZER CONDITION_VARIABLE_INIT

static inline void shim_lock_init(shim_lock* lock)
{
    InitializeSRWLock(lock);
}
static inline void shim_lock_destroy(shim_lock* lock)
{
    (void)lock;
}
static inline void shim_lock_acquire(shim_lock* lock)
{
    AcquireSRWLockExclusive(lock);
}
static inline void shim_lock_release(shim_lock* lock)
{
    ReleaseSRWLockExclusive(lock);
}
static inline void shim_condition_wait(shim_condition* condition, shim_lock* lock, uint32_t timeout_ms)
{
    SleepConditionVariableSRW(condition, lock, timeout_ms, 0);
}
static inline void shim_condition_wake_all(shim_condition* condition)
{
    WakeAllConditionVariable(condition);
}
#else
#include <pthread.h>
#include <time.h>

typedef pthread_mutex_t shim_lock;
typedef pthread_cond_t shim_condition;
#define SHIM_LOCK_INITIALIZER      PTHREAD_MUTEX_INITIALIZER
#define SHIM_CONDITION_INITIALIZER PTHREAD_COND_INITIALIZER

static inline void shim_lock_init(shim_lock* lock)
{
    pthread_mutex_init(lock, NULL);
}
static inline void shim_lock_destroy(shim_lock* lock)
{
    pthread_mutex_destroy(lock);
}
static inline void shim_lock_acquire(shim_lock* lock)
{
    pthread_mutex_lock(lock);
}
static inline void shim_lock_release(shim_lock* lock)
{
    pthread_mutex_unlock(lock);
}
static inline void shim_condition_wait(shim_condition* condition, shim_lock* lock, uint32_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(condition, lock, &until);
}
static inline void shim_condition_wake_all(shim_condition* condition)
{
    pthread_cond_broadcast(condition);
}
#endif

#endif
