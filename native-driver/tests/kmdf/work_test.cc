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
        EXPECT_STATUS(STATUS_SUCCESS, WdfWorkItemCreate(&Config, &UnderDevice, &Item));
        return Item;
    }

    WDFTIMER MakeTimer(WDF_EXECUTION_LEVEL Level, ULONG Period = 0)
    {
        WDF_TIMER_CONFIG Config;
        WDFTIMER Timer = nullptr;
        WDF_TIMER_CONFIG_INIT_PERIODIC(&Config, CallTimer, static_cast<LONG>(Period));
        UnderDevice.ExecutionLevel = Level;
        EXPECT_STATUS(STATUS_SUCCESS, WdfTimerCreate(&Config, &UnderDevice, &Timer));
        return Timer;
    }

    WDF_OBJECT_ATTRIBUTES UnderDevice;
};

TEST_F(Work, ItemRunsAtPassiveLevel)
{
    std::atomic<int> Runs{0};
    WDFWORKITEM Item = MakeWorkItem();
    OnCall = [&](WDFOBJECT Called) {
        EXPECT_EQ(Item, Called);
        EXPECT_EQ(PASSIVE_LEVEL, KeGetCurrentIrql());
        Runs++;
    };
    EXPECT_EQ(Driver.Device, WdfWorkItemGetParentObject(Item));
    KIRQL Irql;
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    WdfWorkItemEnqueue(Item);
    KeLowerIrql(Irql);
    WdfWorkItemFlush(Item);
    EXPECT_EQ(1, Runs);
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
    EXPECT_STATUS(STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL, WdfWorkItemCreate(&Config, &UnderDevice, &Item));
    Config.AutomaticSerialization = FALSE;
    EXPECT_STATUS(STATUS_SUCCESS, WdfWorkItemCreate(&Config, &UnderDevice, &Item));
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
            EXPECT_EQ(Timer, Called);
            EXPECT_EQ(Level == WdfExecutionLevelPassive ? PASSIVE_LEVEL : DISPATCH_LEVEL, KeGetCurrentIrql());
            Fired++;
        };
        EXPECT_EQ(Driver.Device, WdfTimerGetParentObject(Timer));
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
    EXPECT_EQ(Seen, Fired);
}

TEST_F(Work, TimerIsStoppedBeforeItFires)
{
    std::atomic<int> Fired{0};
    WDFTIMER Timer = MakeTimer(WdfExecutionLevelInheritFromParent);
    OnCall = [&](WDFOBJECT) { Fired++; };
    EXPECT_FALSE(WdfTimerStart(Timer, WDF_REL_TIMEOUT_IN_SEC(1000)));
    EXPECT_TRUE(WdfTimerStart(Timer, WDF_REL_TIMEOUT_IN_SEC(1000))) << "it was set";
    EXPECT_TRUE(WdfTimerStop(Timer, TRUE));
    EXPECT_EQ(0, Fired);
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
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, WdfTimerCreate(&Config, &UnderDevice, &Timer));
}

TEST_F(Work, DpcRunsAtDispatchLevel)
{
    std::atomic<int> Runs{0};
    WDF_DPC_CONFIG Config;
    WDFDPC Dpc;
    WDF_DPC_CONFIG_INIT(&Config, CallDpc);
    ASSERT_STATUS(STATUS_SUCCESS, WdfDpcCreate(&Config, &UnderDevice, &Dpc));
    OnCall = [&](WDFOBJECT) {
        EXPECT_EQ(DISPATCH_LEVEL, KeGetCurrentIrql());
        Runs++;
    };
    EXPECT_EQ(Driver.Device, WdfDpcGetParentObject(Dpc));
    EXPECT_TRUE(WdfDpcEnqueue(Dpc));
    WdfDpcCancel(Dpc, TRUE);
    EXPECT_LE(Runs, 1);
    WdfDpcEnqueue(Dpc);
    EXPECT_TRUE(Await([&] { return Runs >= 1; }));
}

TEST_F(Work, WaitLockExcludesAndTimesOut)
{
    WDFWAITLOCK Lock;
    ASSERT_STATUS(STATUS_SUCCESS, WdfWaitLockCreate(nullptr, &Lock));
    EXPECT_STATUS(STATUS_SUCCESS, WdfWaitLockAcquire(Lock, nullptr));
    EXPECT_TRUE(KeAreApcsDisabled()) << "a wait lock enters a critical region";
    std::thread Other([&] {
        LONGLONG Zero = 0, Short = WDF_REL_TIMEOUT_IN_MS(1);
        EXPECT_STATUS(STATUS_TIMEOUT, WdfWaitLockAcquire(Lock, &Zero));
        EXPECT_STATUS(STATUS_TIMEOUT, WdfWaitLockAcquire(Lock, &Short));
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
    ASSERT_STATUS(STATUS_SUCCESS, WdfSpinLockCreate(nullptr, &Lock));
    WdfSpinLockAcquire(Lock);
    EXPECT_EQ(DISPATCH_LEVEL, KeGetCurrentIrql());
    WdfSpinLockRelease(Lock);
    EXPECT_EQ(PASSIVE_LEVEL, KeGetCurrentIrql());
}

TEST_F(Work, MemoryHasItsBuffer)
{
    WDFMEMORY Memory;
    PVOID Buffer;
    size_t Size;
    UCHAR Bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, WdfMemoryCreate(nullptr, NonPagedPoolNx, 0, 0, &Memory, nullptr));
    ASSERT_STATUS(STATUS_SUCCESS, WdfMemoryCreate(nullptr, NonPagedPoolNx, 0, 10, &Memory, &Buffer));
    EXPECT_EQ(Buffer, WdfMemoryGetBuffer(Memory, &Size));
    EXPECT_EQ(10u, Size);
    EXPECT_STATUS(STATUS_SUCCESS, WdfMemoryCopyFromBuffer(Memory, 2, Bytes, 8));
    EXPECT_EQ(8, static_cast<UCHAR*>(Buffer)[9]);
    EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, WdfMemoryCopyFromBuffer(Memory, 3, Bytes, 8));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, WdfMemoryAssignBuffer(Memory, Bytes, 8));
    WdfObjectDelete(Memory);
    ASSERT_STATUS(STATUS_SUCCESS, WdfMemoryCreatePreallocated(nullptr, Bytes, 4, &Memory));
    EXPECT_EQ(Bytes, WdfMemoryGetBuffer(Memory, nullptr));
    EXPECT_STATUS(STATUS_SUCCESS, WdfMemoryAssignBuffer(Memory, Bytes + 4, 4));
    EXPECT_EQ(Bytes + 4, WdfMemoryGetBuffer(Memory, nullptr));
    WdfObjectDelete(Memory);
}

TEST_F(Work, LookasideListKeepsBuffers)
{
    WDFLOOKASIDE List;
    WDFMEMORY Memory;
    ASSERT_STATUS(STATUS_SUCCESS, WdfLookasideListCreate(nullptr, 100, NonPagedPoolNx, nullptr, 0, &List));
    ASSERT_STATUS(STATUS_SUCCESS, WdfMemoryCreateFromLookaside(List, &Memory));
    PVOID First = WdfMemoryGetBuffer(Memory, nullptr);
    WdfObjectDelete(Memory);
    ASSERT_STATUS(STATUS_SUCCESS, WdfMemoryCreateFromLookaside(List, &Memory));
    EXPECT_EQ(First, WdfMemoryGetBuffer(Memory, nullptr));
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
    ASSERT_STATUS(STATUS_SUCCESS, WdfCollectionCreate(nullptr, &Collection));
    ASSERT_STATUS(STATUS_SUCCESS, WdfObjectCreate(&Attributes, &A));
    ASSERT_STATUS(STATUS_SUCCESS, WdfObjectCreate(nullptr, &B));
    EXPECT_EQ(nullptr, WdfCollectionGetFirstItem(Collection));
    EXPECT_STATUS(STATUS_SUCCESS, WdfCollectionAdd(Collection, A));
    EXPECT_STATUS(STATUS_SUCCESS, WdfCollectionAdd(Collection, B));
    EXPECT_EQ(2u, WdfCollectionGetCount(Collection));
    EXPECT_EQ(A, WdfCollectionGetFirstItem(Collection));
    EXPECT_EQ(B, WdfCollectionGetItem(Collection, 1));
    EXPECT_EQ(B, WdfCollectionGetLastItem(Collection));
    EXPECT_EQ(nullptr, WdfCollectionGetItem(Collection, 2));
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
    ASSERT_STATUS(STATUS_SUCCESS, WdfStringCreate(&Text, nullptr, &String));
    WdfStringGetUnicodeString(String, &Read);
    EXPECT_NE(Text.Buffer, Read.Buffer);
    EXPECT_TRUE(RtlEqualUnicodeString(&Read, &Text, FALSE));
    WdfObjectDelete(String);
}

} // namespace
