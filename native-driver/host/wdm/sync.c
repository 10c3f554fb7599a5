/* SPDX-License-Identifier: Apache-2.0
 *
 * IRQL, spin locks and critical regions as drivers see them, and the host's own short locks and parking.
 *
 * The IRQL is a field of the thread. A KSPIN_LOCK holds the address of its owner's thread state, or 0.
 */
#include "wdmp.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#define SPINS_BEFORE_YIELD 100
#define YIELDS_BEFORE_NAP  32
#define NAP_NANOSECONDS    20000

/* ---- the host's own locks ---------------------------------------------------------------------------- */

void HostBackOff(ULONG* Round)
{
    ULONG Number = (*Round)++;
    if (Number < SPINS_BEFORE_YIELD) {
        YieldProcessor();
    } else if (Number < SPINS_BEFORE_YIELD + YIELDS_BEFORE_NAP) {
        sched_yield();
    } else {
        struct timespec Nap = {0, NAP_NANOSECONDS};
        nanosleep(&Nap, NULL);
    }
}

void HostAcquireLockSlow(PHOST_LOCK Lock)
{
    ULONG Round = 0;
    do {
        while (__atomic_load_n(&Lock->Held, __ATOMIC_RELAXED) != 0) {
            HostBackOff(&Round);
        }
    } while (__atomic_exchange_n(&Lock->Held, 1, __ATOMIC_ACQUIRE) != 0);
}

BOOLEAN HostPark(LONG* Word, LONGLONG Deadline)
{
    struct timespec Until = HostTimespec(Deadline);
    while (__atomic_load_n(Word, __ATOMIC_ACQUIRE) == 0) {
        long Result = syscall(SYS_futex, Word, FUTEX_WAIT_BITSET_PRIVATE, 0, Deadline >= 0 ? &Until : NULL,
                              NULL, FUTEX_BITSET_MATCH_ANY);
        if (Result != 0 && errno == ETIMEDOUT) {
            return __atomic_load_n(Word, __ATOMIC_ACQUIRE) != 0;
        }
    }
    return TRUE;
}

/* The word may be out of scope already; waking an address where no thread sleeps is harmless. */
void HostUnpark(LONG* Word)
{
    syscall(SYS_futex, Word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* ---- IRQL -------------------------------------------------------------------------------------------- */

KIRQL KeGetCurrentIrql(void)
{
    return HostThread.Irql;
}

KIRQL KfRaiseIrql(KIRQL NewIrql)
{
    KIRQL Old = HostThread.Irql;
    if (NewIrql < Old || NewIrql > HIGH_LEVEL) {
        HostBugcheck(IRQL_NOT_LESS_OR_EQUAL, NewIrql, Old, 0, 0,
                     "KeRaiseIrql was asked to go from IRQL %u to %u.", Old, NewIrql);
    }
    HostThread.Irql = NewIrql;
    return Old;
}

static void CheckLocksAllow(KIRQL NewIrql, const char* Function)
{
    if (HOST_UNLIKELY(NewIrql < DISPATCH_LEVEL && HostThread.SpinLocks != 0)) {
        HostBugcheck(IRQL_NOT_LESS_OR_EQUAL, NewIrql, HostThread.SpinLocks, 0, 0,
                     "%s lowers the IRQL to %u while the thread holds %u spin locks.", Function, NewIrql,
                     HostThread.SpinLocks);
    }
}

void KeLowerIrql(KIRQL NewIrql)
{
    if (NewIrql > HostThread.Irql) {
        HostBugcheck(IRQL_NOT_LESS_OR_EQUAL, NewIrql, HostThread.Irql, 0, 0,
                     "KeLowerIrql was asked to go from IRQL %u to %u.", HostThread.Irql, NewIrql);
    }
    CheckLocksAllow(NewIrql, "KeLowerIrql");
    HostThread.Irql = NewIrql;
}

/* ---- spin locks -------------------------------------------------------------------------------------- */

static BOOLEAN TryAcquire(PKSPIN_LOCK SpinLock)
{
    KSPIN_LOCK Free = 0;
    return __atomic_compare_exchange_n(SpinLock, &Free, (KSPIN_LOCK)&HostThread, FALSE, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static DECLSPEC_NOINLINE void AcquireContended(PKSPIN_LOCK SpinLock)
{
    ULONG Round = 0;
    do {
        if (__atomic_load_n(SpinLock, __ATOMIC_RELAXED) == (KSPIN_LOCK)&HostThread) {
            HostBugcheck(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)SpinLock, 0, 0, 0,
                         "A thread acquires the spin lock %p, which it holds already.", (void*)SpinLock);
        }
        HostBackOff(&Round);
    } while (!TryAcquire(SpinLock));
}

static void Acquire(PKSPIN_LOCK SpinLock)
{
    if (HOST_UNLIKELY(!TryAcquire(SpinLock))) {
        AcquireContended(SpinLock);
    }
    HostThread.SpinLocks++;
}

static void Release(PKSPIN_LOCK SpinLock, const char* Function)
{
    if (HOST_UNLIKELY(__atomic_load_n(SpinLock, __ATOMIC_RELAXED) != (KSPIN_LOCK)&HostThread)) {
        HostBugcheck(SPIN_LOCK_NOT_OWNED, (ULONG_PTR)SpinLock, 0, 0, 0,
                     "%s releases the spin lock %p, which the thread does not hold.", Function,
                     (void*)SpinLock);
    }
    if (HOST_UNLIKELY(HostThread.Irql != DISPATCH_LEVEL)) {
        HostBugcheck(IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)SpinLock, HostThread.Irql, DISPATCH_LEVEL, 0,
                     "%s was called at IRQL %u; a spin lock is released at DISPATCH_LEVEL.", Function,
                     HostThread.Irql);
    }
    HostThread.SpinLocks--;
    __atomic_store_n(SpinLock, 0, __ATOMIC_RELEASE);
}

KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    KIRQL Old = HostThread.Irql;
    HostThread.Irql = DISPATCH_LEVEL;
    Acquire(SpinLock);
    return Old;
}

void KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql)
{
    Release(SpinLock, __func__);
    if (HOST_UNLIKELY(NewIrql > DISPATCH_LEVEL)) {
        HostBugcheck(IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)SpinLock, NewIrql, DISPATCH_LEVEL, 0,
                     "KeReleaseSpinLock was given the IRQL %u to return to.", NewIrql);
    }
    CheckLocksAllow(NewIrql, __func__);
    HostThread.Irql = NewIrql;
}

static void RequireDispatchLevel(const char* Function)
{
    if (HOST_UNLIKELY(HostThread.Irql != DISPATCH_LEVEL)) {
        HostBugcheck(IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)Function, HostThread.Irql, DISPATCH_LEVEL, 0,
                     "%s was called at IRQL %u; it requires DISPATCH_LEVEL.", Function, HostThread.Irql);
    }
}

void KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    RequireDispatchLevel(__func__);
    Acquire(SpinLock);
}

BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    RequireDispatchLevel(__func__);
    if (!TryAcquire(SpinLock)) {
        return FALSE;
    }
    HostThread.SpinLocks++;
    return TRUE;
}

void KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)
{
    Release(SpinLock, __func__);
}

/* ---- critical regions -------------------------------------------------------------------------------- */

void KeEnterCriticalRegion(void)
{
    HOST_MAX_IRQL(APC_LEVEL);
    HostThread.CriticalRegions++;
}

void KeLeaveCriticalRegion(void)
{
    HOST_MAX_IRQL(APC_LEVEL);
    if (HostThread.CriticalRegions == 0) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, 0, 0, 0, 0,
                     "KeLeaveCriticalRegion was called outside of a critical region.");
    }
    HostThread.CriticalRegions--;
}

BOOLEAN KeAreApcsDisabled(void)
{
    return (BOOLEAN)(HostThread.CriticalRegions != 0);
}
