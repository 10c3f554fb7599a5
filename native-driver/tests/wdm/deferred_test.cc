/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers, deferred procedure calls, work items and system threads.
 */
#include "test_driver.h"

#include <atomic>

namespace {

class DeferredWork : public DriverTest {};
using DeferredWorkDeath = DeferredWork;

/* ---- deferred procedure calls and timers ------------------------------------------------------------- */

struct Deferred {
    KDPC dpc;
    KEVENT done;
    std::atomic<int> calls{0};
    std::atomic<int> irql{-1};
    PVOID arguments[2] = {};

    Deferred()
    {
        KeInitializeEvent(&done, SynchronizationEvent, FALSE);
        KeInitializeDpc(&dpc, Routine, this);
    }
    static void Routine(PKDPC, PVOID context, PVOID argument1, PVOID argument2)
    {
        Deferred* self = static_cast<Deferred*>(context);
        self->irql = KeGetCurrentIrql();
        self->arguments[0] = argument1;
        self->arguments[1] = argument2;
        self->calls++;
        KeSetEvent(&self->done, IO_NO_INCREMENT, FALSE);
    }
    NTSTATUS Wait()
    {
        LARGE_INTEGER timeout = Milliseconds(kPatience);
        return KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, &timeout);
    }
};

TEST_F(DeferredWork, DpcsRunAtDispatchLevel)
{
    Load();
    Deferred deferred;
    EXPECT_TRUE(KeInsertQueueDpc(&deferred.dpc, this, &deferred));
    EXPECT_STATUS(STATUS_SUCCESS, deferred.Wait());
    KeFlushQueuedDpcs();
    EXPECT_EQ(DISPATCH_LEVEL, deferred.irql);
    EXPECT_EQ(this, deferred.arguments[0]);
    EXPECT_EQ(&deferred, deferred.arguments[1]);
    EXPECT_FALSE(KeRemoveQueueDpc(&deferred.dpc));
}

TEST_F(DeferredWork, ADpcIsQueuedOnce)
{
    Load();
    Deferred blocked, deferred;
    KSPIN_LOCK lock = 0;
    struct Context {
        KDPC dpc;
        KSPIN_LOCK* lock;
        std::atomic<bool> entered{false};
    } first;
    first.lock = &lock;
    KeInitializeDpc(
        &first.dpc,
        [](PKDPC, PVOID context, PVOID, PVOID) {
            Context* self = static_cast<Context*>(context);
            self->entered = true;
            KeAcquireSpinLockAtDpcLevel(self->lock);
            KeReleaseSpinLockFromDpcLevel(self->lock);
        },
        &first);
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&lock);
    KeInsertQueueDpc(&first.dpc, nullptr, nullptr);
    while (!first.entered) {
        std::this_thread::yield();
    }
    EXPECT_TRUE(KeInsertQueueDpc(&deferred.dpc, nullptr, nullptr));
    EXPECT_FALSE(KeInsertQueueDpc(&deferred.dpc, nullptr, nullptr));
    EXPECT_TRUE(KeInsertQueueDpc(&blocked.dpc, nullptr, nullptr));
    EXPECT_TRUE(KeRemoveQueueDpc(&blocked.dpc));
    KeReleaseSpinLock(&lock, irql);
    KeFlushQueuedDpcs();
    EXPECT_EQ(1, deferred.calls.load());
    EXPECT_EQ(0, blocked.calls.load());
}

TEST_F(DeferredWork, TimersExpireOnceOrPeriodically)
{
    Load();
    Deferred deferred;
    KTIMER timer;
    KeInitializeTimer(&timer);
    LONGLONG start = HostQueryTime();
    EXPECT_FALSE(KeSetTimer(&timer, Milliseconds(10), &deferred.dpc));
    EXPECT_STATUS(STATUS_SUCCESS, deferred.Wait());
    EXPECT_GE(HostQueryTime() - start, 10 * 1000000LL);
    EXPECT_TRUE(KeReadStateTimer(&timer));
    EXPECT_FALSE(KeCancelTimer(&timer));
    EXPECT_FALSE(KeSetTimerEx(&timer, Milliseconds(1), 1, &deferred.dpc));
    EXPECT_TRUE(Await([&] { return deferred.calls >= 4; }));
    EXPECT_TRUE(KeCancelTimer(&timer));
    KeFlushQueuedDpcs();
    int calls = deferred.calls;
    EXPECT_FALSE(KeCancelTimer(&timer));
    EXPECT_EQ(calls, deferred.calls.load());
}

TEST_F(DeferredWork, TimersAreWaitedForAndExpireInTheOrderOfTheirTimes)
{
    Load();
    KTIMER late, early;
    KeInitializeTimerEx(&late, SynchronizationTimer);
    KeInitializeTimer(&early);
    KeSetTimer(&late, Milliseconds(1000000), nullptr);
    KeSetTimer(&early, Milliseconds(5), nullptr);
    EXPECT_TRUE(KeSetTimer(&late, Milliseconds(30), nullptr));
    EXPECT_STATUS(STATUS_SUCCESS, KeWaitForSingleObject(&early, Executive, KernelMode, FALSE, nullptr));
    EXPECT_STATUS(STATUS_SUCCESS, KeWaitForSingleObject(&late, Executive, KernelMode, FALSE, nullptr));
    EXPECT_FALSE(KeReadStateTimer(&late)); /* a synchronization timer is reset by its waiter */
    EXPECT_TRUE(KeReadStateTimer(&early));
}

TEST_F(DeferredWorkDeath, ATimerThatWasNotInitialised)
{
    KTIMER timer = {};
    EXPECT_DEATH(KeSetTimer(&timer, Milliseconds(1), nullptr), "TIMER_OR_DPC_INVALID");
}

/* ---- work items and threads -------------------------------------------------------------------------- */

struct Item {
    PIO_WORKITEM item;
    KEVENT done;
    std::atomic<int> calls{0};

    static void Routine(PDEVICE_OBJECT device, PVOID context)
    {
        Item* self = static_cast<Item*>(context);
        EXPECT_EQ(testDriver->device, device);
        EXPECT_EQ(PASSIVE_LEVEL, KeGetCurrentIrql());
        EXPECT_EQ((HANDLE)4, PsGetCurrentProcessId());
        if (++self->calls < 3) {
            IoQueueWorkItem(self->item, Routine, DelayedWorkQueue, self);
        } else {
            IoFreeWorkItem(self->item);
            KeSetEvent(&self->done, IO_NO_INCREMENT, FALSE);
        }
    }
};

TEST_F(DeferredWork, WorkItemsRunAtPassiveLevelAndMayQueueThemselves)
{
    Load();
    Item item;
    KeInitializeEvent(&item.done, NotificationEvent, FALSE);
    item.item = IoAllocateWorkItem(driver.device);
    KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
    IoQueueWorkItem(item.item, Item::Routine, DelayedWorkQueue, &item);
    KeLowerIrql(old);
    EXPECT_STATUS(STATUS_SUCCESS, KeWaitForSingleObject(&item.done, Executive, KernelMode, FALSE, nullptr));
    EXPECT_EQ(3, item.calls.load());
}

/* Several items block at the same time; others must still run. */
TEST_F(DeferredWork, WorkItemsThatBlockDoNotStopOthers)
{
    Load();
    KEVENT gate;
    std::atomic<int> entered{0}, left{0};
    struct Context {
        PKEVENT gate;
        std::atomic<int>*entered, *left;
        PIO_WORKITEM item;
    } contexts[8];
    KeInitializeEvent(&gate, NotificationEvent, FALSE);
    for (Context& context : contexts) {
        context = {&gate, &entered, &left, IoAllocateWorkItem(driver.device)};
        IoQueueWorkItem(
            context.item,
            [](PDEVICE_OBJECT, PVOID argument) {
                Context* self = static_cast<Context*>(argument);
                (*self->entered)++;
                KeWaitForSingleObject(self->gate, Executive, KernelMode, FALSE, nullptr);
                IoFreeWorkItem(self->item);
                (*self->left)++;
            },
            DelayedWorkQueue, &context);
    }
    EXPECT_TRUE(Await([&] { return entered == 8; }));
    KeSetEvent(&gate, IO_NO_INCREMENT, FALSE);
    EXPECT_TRUE(Await([&] { return left == 8; }));
}

TEST_F(DeferredWork, UnloadWaitsForARunningWorkItem)
{
    static std::atomic<bool> finished;
    static ThreadNumber unloader;
    finished = false;
    Load();
    unloader = OwnThreadNumber();
    driver.beforeUnload = [this] {
        PIO_WORKITEM item = IoAllocateWorkItem(driver.device);
        IoQueueWorkItem(
            item,
            [](PDEVICE_OBJECT, PVOID argument) {
                IoFreeWorkItem(static_cast<PIO_WORKITEM>(argument));
                EXPECT_TRUE(AwaitSleep(unloader));
                finished = true;
            },
            DelayedWorkQueue, item);
    };
    Unload();
    EXPECT_TRUE(finished);
}

TEST_F(DeferredWork, SystemThreadsAreWaitedFor)
{
    Load();
    struct Context {
        std::atomic<int> calls{0};
        PETHREAD self = nullptr;
    } context;
    HANDLE handle = nullptr;
    CLIENT_ID id;
    ASSERT_STATUS(STATUS_SUCCESS, PsCreateSystemThread(
                                      &handle, THREAD_ALL_ACCESS, nullptr, nullptr, &id,
                                      [](PVOID argument) {
                                          Context* own = static_cast<Context*>(argument);
                                          own->self = PsGetCurrentThread();
                                          own->calls++;
                                          PsTerminateSystemThread(STATUS_SUCCESS);
                                      },
                                      &context));
    PVOID thread = nullptr;
    ASSERT_STATUS(STATUS_SUCCESS, ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, *PsThreadType,
                                                            KernelMode, &thread, nullptr));
    EXPECT_STATUS(STATUS_SUCCESS, ZwClose(handle));
    EXPECT_STATUS(STATUS_SUCCESS, KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, nullptr));
    EXPECT_EQ(1, context.calls.load());
    EXPECT_EQ(thread, context.self);
    EXPECT_EQ((HANDLE)4, id.UniqueProcess);
    ObDereferenceObject(thread);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, PsTerminateSystemThread(STATUS_SUCCESS));
}

TEST_F(DeferredWorkDeath, AWorkItemIsQueuedTwiceOrFreedWhileQueued)
{
    Load();
    EXPECT_DEATH(
        {
            PIO_WORKITEM item = IoAllocateWorkItem(driver.device);
            KEVENT never;
            KeInitializeEvent(&never, NotificationEvent, FALSE);
            /* Sixteen items that block take all the threads, so the next one stays queued. */
            for (int i = 0; i < 40; i++) {
                IoQueueWorkItem(
                    IoAllocateWorkItem(driver.device),
                    [](PDEVICE_OBJECT, PVOID event) {
                        KeWaitForSingleObject(event, Executive, KernelMode, FALSE, nullptr);
                    },
                    DelayedWorkQueue, &never);
            }
            IoQueueWorkItem(item, Item::Routine, DelayedWorkQueue, nullptr);
            IoFreeWorkItem(item);
        },
        "DRIVER_VERIFIER.*\n.*IoFreeWorkItem");
}

TEST_F(DeferredWorkDeath, ADpcReturnsAtAnotherIrql)
{
    Load();
    EXPECT_DEATH(
        {
            KDPC dpc;
            KeInitializeDpc(
                &dpc, [](PKDPC, PVOID, PVOID, PVOID) { KeLowerIrql(PASSIVE_LEVEL); }, nullptr);
            KeInsertQueueDpc(&dpc, nullptr, nullptr);
            KeFlushQueuedDpcs();
        },
        "IRQL_NOT_LESS_OR_EQUAL.*\n.*DPC routine");
}

} // namespace
