/* SPDX-License-Identifier: Apache-2.0
 *
 * Wine has no IRQL: its spin locks do not raise it, and reading it always answers PASSIVE_LEVEL. The host
 * checks its callers' IRQL, so this file keeps one for each thread, with spin locks that raise it. A thread
 * at DISPATCH_LEVEL can still be preempted, so waiting for a lock yields the processor.
 */
#include <ntddk.h>

#include "winekernel.h"

#define SPINS 1000

static _Thread_local KIRQL CurrentIrql;

KIRQL KeGetCurrentIrql(void)
{
    return CurrentIrql;
}

KIRQL KfRaiseIrql(KIRQL NewIrql)
{
    KIRQL OldIrql = CurrentIrql;

    if (NewIrql < OldIrql) {
        WineStop("KeRaiseIrql", "would lower the IRQL");
    }
    CurrentIrql = NewIrql;
    return OldIrql;
}

void KeLowerIrql(KIRQL NewIrql)
{
    if (NewIrql > CurrentIrql) {
        WineStop("KeLowerIrql", "would raise the IRQL");
    }
    CurrentIrql = NewIrql;
}

/* ---- spin locks -------------------------------------------------------------------------------------- */

BOOLEAN NTAPI KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    return (BOOLEAN)(__atomic_exchange_n(SpinLock, 1, __ATOMIC_ACQUIRE) == 0);
}

void NTAPI KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    ULONG Spins = 0;

    while (!KeTryToAcquireSpinLockAtDpcLevel(SpinLock)) {
        if (++Spins % SPINS == 0) {
            WineYield();
        }
    }
}

void NTAPI KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)
{
    if (__atomic_exchange_n(SpinLock, 0, __ATOMIC_RELEASE) == 0) {
        WineStop("KeReleaseSpinLock", "the lock is not held");
    }
}

KIRQL NTAPI KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)
{
    KIRQL OldIrql = KfRaiseIrql(DISPATCH_LEVEL);

    KeAcquireSpinLockAtDpcLevel(SpinLock);
    return OldIrql;
}

void NTAPI KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql)
{
    KeReleaseSpinLockFromDpcLevel(SpinLock);
    KeLowerIrql(NewIrql);
}
