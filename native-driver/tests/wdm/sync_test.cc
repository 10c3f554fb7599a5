/* SPDX-License-Identifier: Apache-2.0
 *
 * IRQL, spin locks, critical regions, events; the runtime library.
 */
#include "test_driver.h"

#include <atomic>

namespace {

class Sync : public DriverTest {};
using SyncDeath = Sync;

/* ---- IRQL and spin locks ----------------------------------------------------------------------------- */

TEST_F(Sync, SpinLocksRaiseTheIrql)
{
    KSPIN_LOCK outer, inner;
    KIRQL irql;
    KeInitializeSpinLock(&outer);
    KeInitializeSpinLock(&inner);
    EXPECT_EQ(PASSIVE_LEVEL, KeGetCurrentIrql());
    KeAcquireSpinLock(&outer, &irql);
    EXPECT_EQ(PASSIVE_LEVEL, irql);
    EXPECT_EQ(DISPATCH_LEVEL, KeGetCurrentIrql());
    KeAcquireSpinLockAtDpcLevel(&inner);
    KeReleaseSpinLockFromDpcLevel(&inner);
    EXPECT_TRUE(KeTryToAcquireSpinLockAtDpcLevel(&inner));
    std::thread([&] {
        KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
        EXPECT_FALSE(KeTryToAcquireSpinLockAtDpcLevel(&inner));
        KeLowerIrql(old);
    }).join();
    KeReleaseSpinLockFromDpcLevel(&inner);
    KeReleaseSpinLock(&outer, irql);
    EXPECT_EQ(PASSIVE_LEVEL, KeGetCurrentIrql());
}

TEST_F(Sync, SpinLocksExclude)
{
    KSPIN_LOCK lock;
    LONG counter = 0;
    std::vector<std::thread> threads;
    KeInitializeSpinLock(&lock);
    for (int t = 0; t < 4; t++) {
        threads.emplace_back([&] {
            for (int i = 0; i < 10000; i++) {
                KIRQL irql;
                KeAcquireSpinLock(&lock, &irql);
                counter++;
                KeReleaseSpinLock(&lock, irql);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(40000, counter);
}

TEST_F(Sync, CriticalRegionsNest)
{
    EXPECT_FALSE(KeAreApcsDisabled());
    KeEnterCriticalRegion();
    KeEnterCriticalRegion();
    KeLeaveCriticalRegion();
    EXPECT_TRUE(KeAreApcsDisabled());
    KeLeaveCriticalRegion();
    EXPECT_FALSE(KeAreApcsDisabled());
}

TEST_F(SyncDeath, ASpinLockIsAcquiredTwice)
{
    KSPIN_LOCK lock = 0;
    EXPECT_DEATH(
        {
            KeAcquireSpinLockRaiseToDpc(&lock);
            KeAcquireSpinLockRaiseToDpc(&lock);
        },
        "SPIN_LOCK_ALREADY_OWNED");
}

TEST_F(SyncDeath, ASpinLockIsReleasedByAnotherThread)
{
    KSPIN_LOCK lock = 0;
    EXPECT_DEATH(
        {
            std::thread([&] { KeAcquireSpinLockRaiseToDpc(&lock); }).join();
            KfRaiseIrql(DISPATCH_LEVEL);
            KeReleaseSpinLock(&lock, PASSIVE_LEVEL);
        },
        "SPIN_LOCK_NOT_OWNED");
}

TEST_F(SyncDeath, ASpinLockIsReleasedAtTheWrongIrql)
{
    KSPIN_LOCK lock = 0;
    EXPECT_DEATH(
        {
            KeAcquireSpinLockRaiseToDpc(&lock);
            KeLowerIrql(PASSIVE_LEVEL);
        },
        "IRQL_NOT_LESS_OR_EQUAL.*\n.*holds 1 spin locks");
    EXPECT_DEATH(
        {
            KSPIN_LOCK second = 0;
            KIRQL old = KeAcquireSpinLockRaiseToDpc(&lock);
            KeAcquireSpinLockAtDpcLevel(&second);
            KeReleaseSpinLock(&lock, old);
        },
        "IRQL_NOT_LESS_OR_EQUAL.*\n.*KeReleaseSpinLock");
}

TEST_F(SyncDeath, AtDpcLevelIsRequired)
{
    KSPIN_LOCK lock = 0;
    EXPECT_DEATH(KeAcquireSpinLockAtDpcLevel(&lock), "IRQL_NOT_LESS_OR_EQUAL.*\n.*requires DISPATCH_LEVEL");
}

TEST_F(SyncDeath, IrqlGoesTheWrongWay)
{
    EXPECT_DEATH(KeLowerIrql(DISPATCH_LEVEL), "IRQL_NOT_LESS_OR_EQUAL.*\n.*KeLowerIrql");
    EXPECT_DEATH(
        {
            KfRaiseIrql(DISPATCH_LEVEL);
            KfRaiseIrql(APC_LEVEL);
        },
        "IRQL_NOT_LESS_OR_EQUAL.*\n.*KeRaiseIrql");
}

TEST_F(SyncDeath, PassiveOnlyRoutinesAtDispatchLevel)
{
    EXPECT_DEATH(
        {
            KfRaiseIrql(DISPATCH_LEVEL);
            PAGED_CODE();
        },
        "Assertion failed: KeGetCurrentIrql");
    EXPECT_DEATH(
        {
            KfRaiseIrql(DISPATCH_LEVEL);
            UNICODE_STRING name = {};
            IoDeleteSymbolicLink(&name);
        },
        "IoDeleteSymbolicLink was called at IRQL 2; the highest it allows is 0");
    EXPECT_DEATH(KeLeaveCriticalRegion(), "DRIVER_VERIFIER");
}

/* ---- events ------------------------------------------------------------------------------------------ */

TEST_F(Sync, NotificationEventsStaySet)
{
    KEVENT event;
    LARGE_INTEGER poll = Milliseconds(0), little = Milliseconds(10);
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    EXPECT_STATUS(STATUS_TIMEOUT, KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &poll));
    EXPECT_STATUS(STATUS_TIMEOUT, KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &little));
    EXPECT_EQ(0, KeSetEvent(&event, IO_NO_INCREMENT, FALSE));
    EXPECT_EQ(1, KeSetEvent(&event, IO_NO_INCREMENT, FALSE));
    EXPECT_STATUS(STATUS_SUCCESS, KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &poll));
    EXPECT_STATUS(STATUS_SUCCESS, KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, nullptr));
    EXPECT_EQ(1, KeReadStateEvent(&event));
    EXPECT_EQ(1, KeResetEvent(&event));
    EXPECT_EQ(0, KeResetEvent(&event));
}

TEST_F(Sync, SynchronizationEventsReleaseOne)
{
    KEVENT event;
    std::atomic<int> released{0};
    std::vector<std::thread> threads;
    KeInitializeEvent(&event, SynchronizationEvent, FALSE);
    for (int i = 0; i < 3; i++) {
        threads.emplace_back([&] {
            EXPECT_STATUS(STATUS_SUCCESS,
                          KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, nullptr));
            released++;
        });
    }
    for (int i = 1; i <= 3; i++) {
        KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
        EXPECT_TRUE(Await([&] { return released == i; }));
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(0, KeReadStateEvent(&event));
}

/* The event is on the waiter's stack, and invalid as soon as the waiter goes on. */
TEST_F(Sync, EventsOnTheStack)
{
    std::atomic<PKEVENT> shared{nullptr};
    constexpr int kRounds = 2000;
    std::thread setter([&] {
        for (int i = 0; i < kRounds; i++) {
            PKEVENT event;
            while ((event = shared.exchange(nullptr)) == nullptr) {
                std::this_thread::yield();
            }
            KeSetEvent(event, IO_NO_INCREMENT, FALSE);
        }
    });
    for (int i = 0; i < kRounds; i++) {
        KEVENT event;
        KeInitializeEvent(&event, i % 2 ? NotificationEvent : SynchronizationEvent, FALSE);
        shared = &event;
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, nullptr);
        memset(&event, 0xEE, sizeof(event));
    }
    setter.join();
}

TEST_F(Sync, HandlesOfEvents)
{
    HANDLE handle = CreateEventHandle(SynchronizationEvent, TRUE);
    PVOID object = nullptr;
    LARGE_INTEGER poll = Milliseconds(0);
    EXPECT_STATUS(STATUS_SUCCESS, NtWaitForSingleObject(handle, FALSE, &poll));
    EXPECT_STATUS(STATUS_TIMEOUT, NtWaitForSingleObject(handle, FALSE, &poll));
    EXPECT_STATUS(STATUS_OBJECT_TYPE_MISMATCH,
                  ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, UserMode, &object, nullptr));
    ASSERT_STATUS(STATUS_SUCCESS,
                  ObReferenceObjectByHandle(handle, 0, *ExEventObjectType, UserMode, &object, nullptr));
    KeSetEvent(static_cast<PKEVENT>(object), IO_NO_INCREMENT, FALSE);
    EXPECT_STATUS(STATUS_SUCCESS, NtWaitForSingleObject(handle, FALSE, &poll));
    NtClose(handle);
    EXPECT_STATUS(STATUS_INVALID_HANDLE, NtWaitForSingleObject(handle, FALSE, &poll));
    EXPECT_EQ(0, KeReadStateEvent(static_cast<PKEVENT>(object)));
    Load();
    ObDereferenceObject(object);
    HOST_ACCOUNTING accounting;
    HostQueryAccounting(&accounting);
    EXPECT_EQ(0u, accounting.References);
}

TEST_F(SyncDeath, WaitingAtDispatchLevel)
{
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    LARGE_INTEGER poll = Milliseconds(0);
    KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
    EXPECT_STATUS(STATUS_TIMEOUT, KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &poll));
    KeLowerIrql(old);
    EXPECT_DEATH(
        {
            KfRaiseIrql(DISPATCH_LEVEL);
            KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, nullptr);
        },
        "IRQL_NOT_LESS_OR_EQUAL.*\n.*KeWaitForSingleObject");
}

TEST_F(SyncDeath, AnEventThatWasNotInitialised)
{
    KEVENT event = {};
    EXPECT_DEATH(KeSetEvent(&event, IO_NO_INCREMENT, FALSE), "DRIVER_VERIFIER.*\n.*not initialised");
}

/* ---- runtime library --------------------------------------------------------------------------------- */

TEST_F(Sync, ListsAndStrings)
{
    LIST_ENTRY head, a, b, c;
    InitializeListHead(&head);
    EXPECT_TRUE(IsListEmpty(&head));
    InsertTailList(&head, &b);
    InsertTailList(&head, &c);
    InsertHeadList(&head, &a);
    EXPECT_EQ(&a, RemoveHeadList(&head));
    EXPECT_EQ(&c, RemoveTailList(&head));
    EXPECT_TRUE(RemoveEntryList(&b));

    DECLARE_CONST_UNICODE_STRING(lower, L"device");
    UNICODE_STRING upper;
    RtlInitUnicodeString(&upper, L"DEVICE");
    EXPECT_EQ(12, upper.Length);
    EXPECT_EQ(14, upper.MaximumLength);
    EXPECT_TRUE(RtlEqualUnicodeString(&lower, &upper, TRUE));
    EXPECT_FALSE(RtlEqualUnicodeString(&lower, &upper, FALSE));
    RtlInitUnicodeString(&upper, nullptr);
    EXPECT_EQ(0, upper.Length);
    EXPECT_EQ(3u, RtlCompareMemory("abcd", "abcx", 4));
}

TEST_F(Sync, ClocksAgree)
{
    LARGE_INTEGER frequency, first, second, now;
    first = KeQueryPerformanceCounter(&frequency);
    LARGE_INTEGER interval = Milliseconds(5);
    KeDelayExecutionThread(KernelMode, FALSE, &interval);
    second = KeQueryPerformanceCounter(nullptr);
    EXPECT_GE((second.QuadPart - first.QuadPart) * 1000 / frequency.QuadPart, 5);
    auto before = std::chrono::system_clock::now();
    KeQuerySystemTime(&now);
    auto after = std::chrono::system_clock::now();
    time_t seconds = now.QuadPart / 10000000 - 11644473600LL;
    EXPECT_LE(std::chrono::system_clock::to_time_t(before), seconds);
    EXPECT_LE(seconds, std::chrono::system_clock::to_time_t(after));
    ULONG seed = 1;
    EXPECT_LT(RtlRandomEx(&seed), (ULONG)MAXLONG);
}

} // namespace
