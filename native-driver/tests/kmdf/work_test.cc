/* SPDX-License-Identifier: Apache-2.0
 *
 * Work items, timers, DPCs, locks, memory, lookaside lists, collections and strings.
 */
#include "support.h"

namespace {

std::function<void(WDFOBJECT)> OnCall;

VOID NTAPI CallWorkItem(WDFWORKITEM Item)
{
    OnCall(Item);
}

VOID NTAPI CallTimer(WDFTIMER Timer)
{
    OnCall(Timer);
}

VOID NTAPI CallDpc(WDFDPC Dpc)
{
    OnCall(Dpc);
}

class Work : public KmdfTest {
  protected:
    void SetUp() override
    {
        Load();
        WDF_OBJECT_ATTRIBUTES_INIT(&UnderDevice);
        UnderDevice.ParentObject = Driver.Device;
    }

    void TearDown() override
    {
        if (Loaded) {
            Unload();
        }
        OnCall = nullptr;
    }

    WDFWORKITEM MakeWorkItem()
    {
        WDF_WORKITEM_CONFIG Config;
        WDFWORKITEM Item = nullptr;
        WDF_WORKITEM_CONFIG_INIT(&Config, CallWorkItem);
        EXPECT_EQ(WdfWorkItemCreate(&Config, &UnderDevice, &Item), STATUS_SUCCESS);
        return Item;
    }

    WDFTIMER MakeTimer(WDF_EXECUTION_LEVEL Level, ULONG Period = 0)
    {
        WDF_TIMER_CONFIG Config;
        WDFTIMER Timer = nullptr;
        WDF_TIMER_CONFIG_INIT_PERIODIC(&Config, CallTimer, static_cast<LONG>(Period));
        UnderDevice.ExecutionLevel = Level;
        EXPECT_EQ(WdfTimerCreate(&Config, &UnderDevice, &Timer), STATUS_SUCCESS);
        return Timer;
    }

    WDF_OBJECT_ATTRIBUTES UnderDevice;
};

TEST_F(Work, ItemRunsAtPassiveLevel)
{
    std::atomic<int> Runs{0};
    WDFWORKITEM Item = MakeWorkItem();
    OnCall = [&](WDFOBJECT Called) {
        EXPECT_EQ(Called, Item);
        EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
        Runs++;
    };
    EXPECT_EQ(WdfWorkItemGetParentObject(Item), Driver.Device);
    KIRQL Irql;
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    WdfWorkItemEnqueue(Item);
    KeLowerIrql(Irql);
    WdfWorkItemFlush(Item);
    EXPECT_EQ(Runs, 1);
    WdfObjectDelete(Item);
}

TEST_F(Work, ItemMayEnqueueItself)
{
    std::atomic<int> Runs{0};
    WDFWORKITEM Item = MakeWorkItem();
    OnCall = [&](WDFOBJECT) {
        if (++Runs < 5) {
            WdfWorkItemEnqueue(Item);
        }
    };
    WdfWorkItemEnqueue(Item);
    EXPECT_TRUE(Await([&] { return Runs == 5; }));
}

TEST_F(Work, DeletingAnItemWaitsForIt)
{
    std::atomic<bool> Inside{false}, GoOn{false}, Done{false};
    WDFWORKITEM Item = MakeWorkItem();
    OnCall = [&](WDFOBJECT) {
        Inside = true;
        EXPECT_TRUE(Await([&] { return GoOn.load(); }));
        Done = true;
    };
    WdfWorkItemEnqueue(Item);
    EXPECT_TRUE(Await([&] { return Inside.load(); }));
    std::thread Releaser([&] { GoOn = true; });
    WdfObjectDelete(Item);
    EXPECT_TRUE(Done);
    Releaser.join();
}

TEST_F(Work, ItemMayDeleteItself)
{
    std::atomic<bool> Done{false};
    WDFWORKITEM Item = MakeWorkItem();
    OnCall = [&](WDFOBJECT) {
        WdfObjectDelete(Item);
        Done = true;
    };
    WdfWorkItemEnqueue(Item);
    EXPECT_TRUE(Await([&] { return Done.load(); }));
}

TEST_F(Work, ItemIsNotForASpinLockScope)
{
    Unload();
    Driver.QueueAttributes.SynchronizationScope = WdfSynchronizationScopeQueue;
    Load();
    WDF_WORKITEM_CONFIG Config;
    WDFWORKITEM Item;
    UnderDevice.ParentObject = Driver.Queue;
    WDF_WORKITEM_CONFIG_INIT(&Config, CallWorkItem);
    EXPECT_EQ(WdfWorkItemCreate(&Config, &UnderDevice, &Item), STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL);
    Config.AutomaticSerialization = FALSE;
    EXPECT_EQ(WdfWorkItemCreate(&Config, &UnderDevice, &Item), STATUS_SUCCESS);
}

TEST_F(Work, StopsAtFlushInItsOwnCallback)
{
    EXPECT_STOP(
        {
            WDFWORKITEM Item = MakeWorkItem();
            OnCall = [&](WDFOBJECT) { WdfWorkItemFlush(Item); };
            WdfWorkItemEnqueue(Item);
            WdfWorkItemFlush(Item);
        },
        "WdfWorkItemFlush was called in the callback of the same");
}

TEST_F(Work, TimerFiresAtItsLevel)
{
    for (auto Level : {WdfExecutionLevelDispatch, WdfExecutionLevelPassive}) {
        std::atomic<int> Fired{0};
        WDFTIMER Timer = MakeTimer(Level);
        OnCall = [&](WDFOBJECT Called) {
            EXPECT_EQ(Called, Timer);
            EXPECT_EQ(KeGetCurrentIrql(), Level == WdfExecutionLevelPassive ? PASSIVE_LEVEL : DISPATCH_LEVEL);
            Fired++;
        };
        EXPECT_EQ(WdfTimerGetParentObject(Timer), Driver.Device);
        EXPECT_FALSE(WdfTimerStart(Timer, WDF_REL_TIMEOUT_IN_MS(1)));
        EXPECT_TRUE(Await([&] { return Fired == 1; }));
        WdfTimerStop(Timer, TRUE);
        WdfObjectDelete(Timer);
    }
}

TEST_F(Work, TimerRepeatsUntilStopped)
{
    std::atomic<int> Fired{0};
    WDFTIMER Timer = MakeTimer(WdfExecutionLevelInheritFromParent, 1);
    OnCall = [&](WDFOBJECT) { Fired++; };
    WdfTimerStart(Timer, WDF_REL_TIMEOUT_IN_MS(1));
    EXPECT_TRUE(Await([&] { return Fired >= 3; }));
    WdfTimerStop(Timer, TRUE);
    int Seen = Fired;
    EXPECT_FALSE(WdfTimerStop(Timer, TRUE));
    EXPECT_EQ(Fired, Seen);
}

TEST_F(Work, TimerIsStoppedBeforeItFires)
{
    std::atomic<int> Fired{0};
    WDFTIMER Timer = MakeTimer(WdfExecutionLevelInheritFromParent);
    OnCall = [&](WDFOBJECT) { Fired++; };
    EXPECT_FALSE(WdfTimerStart(Timer, WDF_REL_TIMEOUT_IN_SEC(1000)));
    EXPECT_TRUE(WdfTimerStart(Timer, WDF_REL_TIMEOUT_IN_SEC(1000))) << "it was set";
    EXPECT_TRUE(WdfTimerStop(Timer, TRUE));
    EXPECT_EQ(Fired, 0);
}

TEST_F(Work, DeletingATimerStopsIt)
{
    std::atomic<int> Fired{0};
    WDFTIMER Timer = MakeTimer(WdfExecutionLevelInheritFromParent);
    OnCall = [&](WDFOBJECT) {
        Fired++;
        WdfTimerStart(Timer, WDF_REL_TIMEOUT_IN_US(10));
    };
    WdfTimerStart(Timer, WDF_REL_TIMEOUT_IN_US(10));
    EXPECT_TRUE(Await([&] { return Fired >= 2; }));
    WdfObjectDelete(Timer);
}

TEST_F(Work, TimerMayDeleteItself)
{
    for (auto Level : {WdfExecutionLevelDispatch, WdfExecutionLevelPassive}) {
        std::atomic<int> Fired{0};
        WDFTIMER Timer = MakeTimer(Level);
        OnCall = [&](WDFOBJECT) {
            WdfObjectDelete(Timer);
            Fired++;
        };
        WdfTimerStart(Timer, WDF_REL_TIMEOUT_IN_MS(1));
        EXPECT_TRUE(Await([&] { return Fired == 1; }));
    }
}

TEST_F(Work, APassiveTimerDoesNotRepeat)
{
    WDF_TIMER_CONFIG Config;
    WDFTIMER Timer;
    WDF_TIMER_CONFIG_INIT_PERIODIC(&Config, CallTimer, 10);
    UnderDevice.ExecutionLevel = WdfExecutionLevelPassive;
    EXPECT_EQ(WdfTimerCreate(&Config, &UnderDevice, &Timer), STATUS_NOT_SUPPORTED);
}

TEST_F(Work, DpcRunsAtDispatchLevel)
{
    std::atomic<int> Runs{0};
    WDF_DPC_CONFIG Config;
    WDFDPC Dpc;
    WDF_DPC_CONFIG_INIT(&Config, CallDpc);
    ASSERT_EQ(WdfDpcCreate(&Config, &UnderDevice, &Dpc), STATUS_SUCCESS);
    OnCall = [&](WDFOBJECT) {
        EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
        Runs++;
    };
    EXPECT_EQ(WdfDpcGetParentObject(Dpc), Driver.Device);
    EXPECT_TRUE(WdfDpcEnqueue(Dpc));
    WdfDpcCancel(Dpc, TRUE);
    EXPECT_LE(Runs, 1);
    WdfDpcEnqueue(Dpc);
    EXPECT_TRUE(Await([&] { return Runs >= 1; }));
}

TEST_F(Work, WaitLockExcludesAndTimesOut)
{
    WDFWAITLOCK Lock;
    ASSERT_EQ(WdfWaitLockCreate(nullptr, &Lock), STATUS_SUCCESS);
    EXPECT_EQ(WdfWaitLockAcquire(Lock, nullptr), STATUS_SUCCESS);
    EXPECT_TRUE(KeAreApcsDisabled()) << "a wait lock enters a critical region";
    std::thread Other([&] {
        LONGLONG Zero = 0, Short = WDF_REL_TIMEOUT_IN_MS(1);
        EXPECT_EQ(WdfWaitLockAcquire(Lock, &Zero), STATUS_TIMEOUT);
        EXPECT_EQ(WdfWaitLockAcquire(Lock, &Short), STATUS_TIMEOUT);
        EXPECT_FALSE(KeAreApcsDisabled());
    });
    Other.join();
    WdfWaitLockRelease(Lock);
    EXPECT_FALSE(KeAreApcsDisabled());
    WdfObjectDelete(Lock);
}

TEST_F(Work, StopsAtAcquiringALockTwice)
{
    EXPECT_STOP(
        {
            WDFWAITLOCK Lock;
            WdfWaitLockCreate(nullptr, &Lock);
            WdfWaitLockAcquire(Lock, nullptr);
            WdfWaitLockAcquire(Lock, nullptr);
        },
        "WdfWaitLockAcquire was called by the thread that holds the lock");
    EXPECT_STOP(
        {
            WDFSPINLOCK Lock;
            WdfSpinLockCreate(nullptr, &Lock);
            WdfSpinLockRelease(Lock);
        },
        "WdfSpinLockRelease was called by a thread that does not hold");
    EXPECT_STOP(WdfObjectAcquireLock(Driver.Device), "whose callbacks are not synchronised");
}

TEST_F(Work, SpinLockRaises)
{
    WDFSPINLOCK Lock;
    ASSERT_EQ(WdfSpinLockCreate(nullptr, &Lock), STATUS_SUCCESS);
    WdfSpinLockAcquire(Lock);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    WdfSpinLockRelease(Lock);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

TEST_F(Work, MemoryHasItsBuffer)
{
    WDFMEMORY Memory;
    PVOID Buffer;
    size_t Size;
    UCHAR Bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    EXPECT_EQ(WdfMemoryCreate(nullptr, NonPagedPoolNx, 0, 0, &Memory, nullptr), STATUS_INVALID_PARAMETER);
    ASSERT_EQ(WdfMemoryCreate(nullptr, NonPagedPoolNx, 0, 10, &Memory, &Buffer), STATUS_SUCCESS);
    EXPECT_EQ(WdfMemoryGetBuffer(Memory, &Size), Buffer);
    EXPECT_EQ(Size, 10u);
    EXPECT_EQ(WdfMemoryCopyFromBuffer(Memory, 2, Bytes, 8), STATUS_SUCCESS);
    EXPECT_EQ(static_cast<UCHAR*>(Buffer)[9], 8);
    EXPECT_EQ(WdfMemoryCopyFromBuffer(Memory, 3, Bytes, 8), STATUS_INVALID_BUFFER_SIZE);
    EXPECT_EQ(WdfMemoryAssignBuffer(Memory, Bytes, 8), STATUS_INVALID_DEVICE_REQUEST);
    WdfObjectDelete(Memory);
    ASSERT_EQ(WdfMemoryCreatePreallocated(nullptr, Bytes, 4, &Memory), STATUS_SUCCESS);
    EXPECT_EQ(WdfMemoryGetBuffer(Memory, nullptr), Bytes);
    EXPECT_EQ(WdfMemoryAssignBuffer(Memory, Bytes + 4, 4), STATUS_SUCCESS);
    EXPECT_EQ(WdfMemoryGetBuffer(Memory, nullptr), Bytes + 4);
    WdfObjectDelete(Memory);
}

TEST_F(Work, LookasideListKeepsBuffers)
{
    WDFLOOKASIDE List;
    WDFMEMORY Memory;
    ASSERT_EQ(WdfLookasideListCreate(nullptr, 100, NonPagedPoolNx, nullptr, 0, &List), STATUS_SUCCESS);
    ASSERT_EQ(WdfMemoryCreateFromLookaside(List, &Memory), STATUS_SUCCESS);
    PVOID First = WdfMemoryGetBuffer(Memory, nullptr);
    WdfObjectDelete(Memory);
    ASSERT_EQ(WdfMemoryCreateFromLookaside(List, &Memory), STATUS_SUCCESS);
    EXPECT_EQ(WdfMemoryGetBuffer(Memory, nullptr), First);
    WdfObjectDelete(List);
    WdfObjectDelete(Memory);
}

TEST_F(Work, CollectionHoldsReferences)
{
    static bool Destroyed;
    WDFCOLLECTION Collection;
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT A, B;
    Destroyed = false;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.EvtDestroyCallback = [](WDFOBJECT) { Destroyed = true; };
    ASSERT_EQ(WdfCollectionCreate(nullptr, &Collection), STATUS_SUCCESS);
    ASSERT_EQ(WdfObjectCreate(&Attributes, &A), STATUS_SUCCESS);
    ASSERT_EQ(WdfObjectCreate(nullptr, &B), STATUS_SUCCESS);
    EXPECT_EQ(WdfCollectionGetFirstItem(Collection), nullptr);
    EXPECT_EQ(WdfCollectionAdd(Collection, A), STATUS_SUCCESS);
    EXPECT_EQ(WdfCollectionAdd(Collection, B), STATUS_SUCCESS);
    EXPECT_EQ(WdfCollectionGetCount(Collection), 2u);
    EXPECT_EQ(WdfCollectionGetFirstItem(Collection), A);
    EXPECT_EQ(WdfCollectionGetItem(Collection, 1), B);
    EXPECT_EQ(WdfCollectionGetLastItem(Collection), B);
    EXPECT_EQ(WdfCollectionGetItem(Collection, 2), nullptr);
    WdfObjectDelete(A);
    EXPECT_FALSE(Destroyed);
    WdfCollectionRemove(Collection, A);
    EXPECT_TRUE(Destroyed);
    WdfObjectDelete(Collection);
}

TEST_F(Work, StringIsACopy)
{
    DECLARE_CONST_UNICODE_STRING(Text, L"text");
    UNICODE_STRING Read;
    WDFSTRING String;
    ASSERT_EQ(WdfStringCreate(&Text, nullptr, &String), STATUS_SUCCESS);
    WdfStringGetUnicodeString(String, &Read);
    EXPECT_NE(Read.Buffer, Text.Buffer);
    EXPECT_TRUE(RtlEqualUnicodeString(&Read, &Text, FALSE));
    WdfObjectDelete(String);
}

} // namespace
