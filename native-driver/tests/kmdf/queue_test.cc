/* SPDX-License-Identifier: Apache-2.0
 *
 * Queues of the three kinds: how many requests they present, moving requests, and changes of state.
 */
#include "support.h"

#include <memory>

namespace {

const ULONG Code = TEST_IOCTL(0, METHOD_BUFFERED);

class Queue : public KmdfTest {
  protected:
    /* Keeps presented requests. */
    void Keep()
    {
        Driver.Control = [this](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
            std::lock_guard<std::mutex> Guard(Lock);
            Kept.push_back(Request);
        };
    }

    size_t KeptCount()
    {
        std::lock_guard<std::mutex> Guard(Lock);
        return Kept.size();
    }

    WDFREQUEST TakeKept()
    {
        std::lock_guard<std::mutex> Guard(Lock);
        WDFREQUEST First = Kept.front();
        Kept.erase(Kept.begin());
        return First;
    }

    void Send(size_t Count)
    {
        for (size_t i = 0; i < Count; i++) {
            Calls.push_back(std::make_unique<Call>(Handle, Code));
            EXPECT_EQ(Calls.back()->Send(), STATUS_PENDING);
        }
    }

    void LoadAndOpen()
    {
        Load();
        Handle = Open();
    }

    WDFQUEUE MakeQueue(WDF_IO_QUEUE_DISPATCH_TYPE Type)
    {
        WDF_IO_QUEUE_CONFIG Config;
        WDFQUEUE Made = nullptr;
        WDF_IO_QUEUE_CONFIG_INIT(&Config, Type);
        if (Type != WdfIoQueueDispatchManual) {
            Config.EvtIoDeviceControl = TestEvtIoDeviceControl;
        }
        EXPECT_EQ(WdfIoQueueCreate(Driver.Device, &Config, nullptr, &Made), STATUS_SUCCESS);
        return Made;
    }

    HANDLE Handle = nullptr;
    std::vector<std::unique_ptr<Call>> Calls;
    std::mutex Lock;
    std::vector<WDFREQUEST> Kept;
};

TEST_F(Queue, ChecksItsConfiguration)
{
    Load();
    WDF_IO_QUEUE_CONFIG Config;
    WDFQUEUE Made;
    WDF_IO_QUEUE_CONFIG_INIT(&Config, WdfIoQueueDispatchParallel);
    EXPECT_EQ(WdfIoQueueCreate(Driver.Device, &Config, nullptr, &Made), STATUS_WDF_NO_CALLBACK);
    Config.EvtIoDeviceControl = TestEvtIoDeviceControl;
    EXPECT_EQ(WdfIoQueueCreate(Driver.Device, &Config, nullptr, nullptr), STATUS_INVALID_PARAMETER_4);
    Config.Size = 95;
    EXPECT_EQ(WdfIoQueueCreate(Driver.Device, &Config, nullptr, &Made), STATUS_INFO_LENGTH_MISMATCH);
    WDF_IO_QUEUE_CONFIG_INIT(&Config, WdfIoQueueDispatchManual);
    Config.EvtIoDeviceControl = TestEvtIoDeviceControl;
    EXPECT_EQ(WdfIoQueueCreate(Driver.Device, &Config, nullptr, &Made), STATUS_INVALID_PARAMETER);
    WDF_IO_QUEUE_CONFIG_INIT(&Config, WdfIoQueueDispatchSequential);
    Config.EvtIoDeviceControl = TestEvtIoDeviceControl;
    Config.Settings.Parallel.NumberOfPresentedRequests = 2;
    EXPECT_EQ(WdfIoQueueCreate(Driver.Device, &Config, nullptr, &Made), STATUS_INVALID_PARAMETER);
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&Config, WdfIoQueueDispatchManual);
    EXPECT_EQ(WdfIoQueueCreate(Driver.Device, &Config, nullptr, &Made), STATUS_UNSUCCESSFUL);
}

TEST_F(Queue, TheDefaultQueueComesBeforeTheEndOfInitialisation)
{
    Driver.DefaultQueue = false;
    Load();
    WDF_IO_QUEUE_CONFIG Config;
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&Config, WdfIoQueueDispatchManual);
    EXPECT_EQ(WdfIoQueueCreate(Driver.Device, &Config, nullptr, nullptr), STATUS_INVALID_DEVICE_STATE);
    Handle = Open();
    EXPECT_EQ(Ioctl(Handle, Code), STATUS_INVALID_DEVICE_REQUEST) << "no queue takes it";
    Close(Handle);
}

TEST_F(Queue, ParallelPresentsUpToItsBound)
{
    Driver.Presented = 2;
    Keep();
    LoadAndOpen();
    Send(5);
    EXPECT_EQ(KeptCount(), 2u);
    ULONG Waiting, Owned;
    WDF_IO_QUEUE_STATE State = WdfIoQueueGetState(Driver.Queue, &Waiting, &Owned);
    EXPECT_EQ(Waiting, 3u);
    EXPECT_EQ(Owned, 2u);
    EXPECT_EQ(State, WdfIoQueueAcceptRequests | WdfIoQueueDispatchRequests);
    for (int i = 0; i < 5; i++) {
        WdfRequestComplete(TakeKept(), STATUS_SUCCESS);
        EXPECT_EQ(KeptCount(), i < 3 ? 2u : 4u - i);
    }
    EXPECT_TRUE(WDF_IO_QUEUE_IDLE(WdfIoQueueGetState(Driver.Queue, nullptr, nullptr)));
    Close(Handle);
}

TEST_F(Queue, SequentialPresentsOneInOrder)
{
    Driver.DispatchType = WdfIoQueueDispatchSequential;
    Keep();
    LoadAndOpen();
    Send(3);
    for (size_t i = 0; i < 3; i++) {
        ASSERT_EQ(KeptCount(), 1u);
        EXPECT_FALSE(Calls[i]->IsDone());
        WdfRequestComplete(TakeKept(), STATUS_SUCCESS);
        EXPECT_EQ(Calls[i]->Wait(), STATUS_SUCCESS);
    }
    Close(Handle);
}

/* Completing inside a callback does not present the next request inside it. */
TEST_F(Queue, DoesNotNestCallbacks)
{
    Driver.DispatchType = WdfIoQueueDispatchSequential;
    std::atomic<int> Depth{0}, Seen{0};
    WDFREQUEST First = nullptr;
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
        EXPECT_EQ(Depth++, 0);
        if (Seen++ == 0) {
            First = Request;
        } else {
            WdfRequestComplete(Request, STATUS_SUCCESS);
        }
        Depth--;
    };
    LoadAndOpen();
    Send(4);
    WdfRequestComplete(First, STATUS_SUCCESS);
    EXPECT_EQ(Seen, 4);
    for (auto& Each : Calls) {
        EXPECT_EQ(Each->Wait(), STATUS_SUCCESS);
    }
    Close(Handle);
}

TEST_F(Queue, ManualHandsOutInOrder)
{
    Driver.DispatchType = WdfIoQueueDispatchManual;
    LoadAndOpen();
    WDFREQUEST Request;
    EXPECT_EQ(WdfIoQueueRetrieveNextRequest(Driver.Queue, &Request), STATUS_NO_MORE_ENTRIES);
    Send(2);
    for (int i = 0; i < 2; i++) {
        ASSERT_EQ(WdfIoQueueRetrieveNextRequest(Driver.Queue, &Request), STATUS_SUCCESS);
        EXPECT_EQ(WdfRequestGetIoQueue(Request), Driver.Queue);
        WdfRequestComplete(Request, STATUS_SUCCESS);
        EXPECT_EQ(Calls[i]->Wait(), STATUS_SUCCESS);
    }
    Close(Handle);
}

TEST_F(Queue, ParallelHandsNothingOut)
{
    Load();
    WDFREQUEST Request;
    EXPECT_EQ(WdfIoQueueRetrieveNextRequest(Driver.Queue, &Request), STATUS_INVALID_DEVICE_STATE);
}

TEST_F(Queue, RequeuesToTheHead)
{
    Driver.DispatchType = WdfIoQueueDispatchManual;
    LoadAndOpen();
    Send(2);
    WDFREQUEST First, Again;
    ASSERT_EQ(WdfIoQueueRetrieveNextRequest(Driver.Queue, &First), STATUS_SUCCESS);
    EXPECT_EQ(WdfRequestRequeue(First), STATUS_SUCCESS);
    ASSERT_EQ(WdfIoQueueRetrieveNextRequest(Driver.Queue, &Again), STATUS_SUCCESS);
    EXPECT_EQ(Again, First);
    WdfRequestComplete(Again, STATUS_SUCCESS);
    EXPECT_EQ(Calls[0]->Wait(), STATUS_SUCCESS);
    WdfIoQueuePurgeSynchronously(Driver.Queue);
    EXPECT_EQ(Calls[1]->Wait(), STATUS_CANCELLED);
    Close(Handle);
}

TEST_F(Queue, ForwardsToAnotherQueue)
{
    WDFQUEUE Manual = nullptr;
    Driver.DispatchType = WdfIoQueueDispatchSequential;
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
        EXPECT_EQ(WdfRequestForwardToIoQueue(Request, Manual), STATUS_SUCCESS);
    };
    LoadAndOpen();
    Manual = MakeQueue(WdfIoQueueDispatchManual);
    Send(3);
    ULONG Waiting;
    WdfIoQueueGetState(Manual, &Waiting, nullptr);
    EXPECT_EQ(Waiting, 3u) << "a forwarded request does not block the sequential queue";
    Calls[1]->Cancel();
    EXPECT_EQ(Calls[1]->Wait(), STATUS_CANCELLED);
    WdfIoQueuePurgeSynchronously(Manual);
    EXPECT_EQ(Calls[0]->Wait(), STATUS_CANCELLED);
    EXPECT_EQ(Calls[2]->Wait(), STATUS_CANCELLED);
    Close(Handle);
}

TEST_F(Queue, ForwardingToAClosedQueueFails)
{
    WDFQUEUE Manual = nullptr;
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
        EXPECT_EQ(WdfRequestForwardToIoQueue(Request, Manual), STATUS_WDF_BUSY);
        WdfRequestComplete(Request, STATUS_WDF_BUSY);
    };
    LoadAndOpen();
    Manual = MakeQueue(WdfIoQueueDispatchManual);
    WdfIoQueuePurgeSynchronously(Manual);
    EXPECT_EQ(Ioctl(Handle, Code), STATUS_DEVICE_BUSY) << "the framework's code is translated";
    Close(Handle);
}

TEST_F(Queue, CanceledOnQueueTellsOfPresentedRequestsOnly)
{
    WDFREQUEST Told = nullptr;
    Driver.DispatchType = WdfIoQueueDispatchManual;
    Driver.CanceledOnQueue = [&](WDFQUEUE, WDFREQUEST Request) { Told = Request; };
    LoadAndOpen();
    Send(2);
    WDFREQUEST First;
    ASSERT_EQ(WdfIoQueueRetrieveNextRequest(Driver.Queue, &First), STATUS_SUCCESS);
    ASSERT_EQ(WdfRequestRequeue(First), STATUS_SUCCESS);
    Calls[1]->Cancel();
    EXPECT_EQ(Calls[1]->Wait(), STATUS_CANCELLED);
    EXPECT_EQ(Told, nullptr);
    Calls[0]->Cancel();
    ASSERT_EQ(Told, First);
    EXPECT_FALSE(Calls[0]->IsDone()) << "it is the driver's";
    WdfRequestComplete(Told, STATUS_CANCELLED);
    EXPECT_EQ(Calls[0]->Wait(), STATUS_CANCELLED);
    Close(Handle);
}

TEST_F(Queue, StopHoldsBackAndStartGoesOn)
{
    Keep();
    LoadAndOpen();
    WdfIoQueueStopSynchronously(Driver.Queue);
    Send(2);
    EXPECT_EQ(KeptCount(), 0u);
    EXPECT_TRUE(WDF_IO_QUEUE_STOPPED(WdfIoQueueGetState(Driver.Queue, nullptr, nullptr)));
    WdfIoQueueStart(Driver.Queue);
    EXPECT_EQ(KeptCount(), 2u);
    WdfRequestComplete(TakeKept(), STATUS_SUCCESS);
    WdfRequestComplete(TakeKept(), STATUS_SUCCESS);
    Close(Handle);
}

std::atomic<int> StateCallbacks;

VOID NTAPI CountState(WDFQUEUE, WDFCONTEXT Context)
{
    StateCallbacks += static_cast<int>(reinterpret_cast<intptr_t>(Context));
}

TEST_F(Queue, StopTellsWhenTheDriverOwnsNothing)
{
    StateCallbacks = 0;
    Keep();
    LoadAndOpen();
    Send(1);
    WdfIoQueueStop(Driver.Queue, CountState, reinterpret_cast<WDFCONTEXT>(1));
    EXPECT_EQ(StateCallbacks, 0);
    WdfRequestComplete(TakeKept(), STATUS_SUCCESS);
    EXPECT_EQ(StateCallbacks, 1);
    Close(Handle);
}

TEST_F(Queue, DrainRefusesNewRequestsAndWaits)
{
    Driver.Presented = 1;
    Keep();
    LoadAndOpen();
    Send(2);
    std::atomic<bool> Drained{false};
    std::thread Drainer([&] {
        WdfIoQueueDrainSynchronously(Driver.Queue);
        Drained = true;
    });
    EXPECT_TRUE(Await(
        [&] { return !(WdfIoQueueGetState(Driver.Queue, nullptr, nullptr) & WdfIoQueueAcceptRequests); }));
    EXPECT_EQ(Ioctl(Handle, Code), STATUS_INVALID_DEVICE_STATE);
    WdfRequestComplete(TakeKept(), STATUS_SUCCESS);
    EXPECT_FALSE(Drained);
    EXPECT_TRUE(Await([&] { return KeptCount() == 1; }));
    WdfRequestComplete(TakeKept(), STATUS_SUCCESS);
    Drainer.join();
    EXPECT_TRUE(Drained);
    WdfIoQueueStart(Driver.Queue);
    Driver.Control = nullptr;
    EXPECT_EQ(Ioctl(Handle, Code), STATUS_SUCCESS);
    Close(Handle);
}

TEST_F(Queue, PurgeCancelsWaitingAndMarkedRequests)
{
    Driver.Presented = 1;
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
        EXPECT_EQ(WdfRequestMarkCancelableEx(Request, TestEvtRequestCancel), STATUS_SUCCESS);
    };
    LoadAndOpen();
    Send(3);
    WdfIoQueuePurgeSynchronously(Driver.Queue);
    for (auto& Each : Calls) {
        EXPECT_EQ(Each->Wait(), STATUS_CANCELLED);
    }
    EXPECT_TRUE(WDF_IO_QUEUE_PURGED(WdfIoQueueGetState(Driver.Queue, nullptr, nullptr)));
    Close(Handle);
}

TEST_F(Queue, StopAndPurgeKeepsWhatComesLater)
{
    Keep();
    LoadAndOpen();
    WdfIoQueueStopSynchronously(Driver.Queue);
    Send(1);
    WdfIoQueueStopAndPurgeSynchronously(Driver.Queue);
    EXPECT_EQ(Calls[0]->Wait(), STATUS_CANCELLED);
    Send(1);
    EXPECT_EQ(KeptCount(), 0u);
    WdfIoQueueStart(Driver.Queue);
    ASSERT_EQ(KeptCount(), 1u);
    WdfRequestComplete(TakeKept(), STATUS_SUCCESS);
    Close(Handle);
}

TEST_F(Queue, ReadyNotifyTellsOfTheFirstRequest)
{
    StateCallbacks = 0;
    Driver.DispatchType = WdfIoQueueDispatchManual;
    LoadAndOpen();
    EXPECT_EQ(WdfIoQueueReadyNotify(Driver.Queue, CountState, reinterpret_cast<WDFCONTEXT>(1)),
              STATUS_SUCCESS);
    EXPECT_EQ(WdfIoQueueReadyNotify(Driver.Queue, nullptr, nullptr), STATUS_INVALID_DEVICE_REQUEST);
    Send(2);
    EXPECT_EQ(StateCallbacks, 1);
    WDFREQUEST Request;
    for (int i = 0; i < 2; i++) {
        ASSERT_EQ(WdfIoQueueRetrieveNextRequest(Driver.Queue, &Request), STATUS_SUCCESS);
        WdfRequestComplete(Request, STATUS_SUCCESS);
    }
    Send(1);
    EXPECT_EQ(StateCallbacks, 2);
    WdfIoQueuePurgeSynchronously(Driver.Queue);
    Close(Handle);
}

TEST_F(Queue, FindsWithoutTaking)
{
    Driver.DispatchType = WdfIoQueueDispatchManual;
    LoadAndOpen();
    Send(2);
    WDF_REQUEST_PARAMETERS Parameters;
    WDFREQUEST First, Second, Third, Taken;
    WDF_REQUEST_PARAMETERS_INIT(&Parameters);
    ASSERT_EQ(WdfIoQueueFindRequest(Driver.Queue, nullptr, nullptr, &Parameters, &First), STATUS_SUCCESS);
    EXPECT_EQ(Parameters.Parameters.DeviceIoControl.IoControlCode, Code);
    ASSERT_EQ(WdfIoQueueFindRequest(Driver.Queue, First, nullptr, nullptr, &Second), STATUS_SUCCESS);
    EXPECT_NE(First, Second);
    EXPECT_EQ(WdfIoQueueFindRequest(Driver.Queue, Second, nullptr, nullptr, &Third), STATUS_NO_MORE_ENTRIES);
    Calls[0]->Cancel();
    EXPECT_EQ(Calls[0]->Wait(), STATUS_CANCELLED);
    EXPECT_EQ(WdfIoQueueRetrieveFoundRequest(Driver.Queue, First, &Taken), STATUS_NOT_FOUND);
    ASSERT_EQ(WdfIoQueueRetrieveFoundRequest(Driver.Queue, Second, &Taken), STATUS_SUCCESS);
    WdfObjectDereference(First);
    WdfObjectDereference(Second);
    WdfRequestComplete(Taken, STATUS_SUCCESS);
    Close(Handle);
}

TEST_F(Queue, DispatchesByType)
{
    WDFQUEUE Manual = nullptr;
    Driver.DeviceCreated = [&](WDFDEVICE Device) {
        Manual = MakeQueue(WdfIoQueueDispatchManual);
        EXPECT_EQ(WdfDeviceConfigureRequestDispatching(Device, Driver.Queue, WdfRequestTypeDeviceControl),
                  STATUS_INVALID_DEVICE_REQUEST);
    };
    LoadAndOpen();
    EXPECT_EQ(WdfDeviceConfigureRequestDispatching(Driver.Device, Manual, WdfRequestTypeDeviceControl),
              STATUS_SUCCESS);
    EXPECT_EQ(WdfDeviceConfigureRequestDispatching(Driver.Device, Manual, WdfRequestTypeDeviceControl),
              STATUS_WDF_BUSY);
    Send(1);
    WDFREQUEST Request;
    ASSERT_EQ(WdfIoQueueRetrieveNextRequest(Manual, &Request), STATUS_SUCCESS);
    WdfRequestComplete(Request, STATUS_SUCCESS);
    Close(Handle);
}

TEST_F(Queue, InCallerContextComesFirst)
{
    Driver.InCaller = [&](WDFDEVICE Device, WDFREQUEST Request) {
        EXPECT_EQ(WdfRequestGetIoQueue(Request), nullptr);
        EXPECT_EQ(WdfRequestMarkCancelableEx(Request, TestEvtRequestCancel), STATUS_INVALID_DEVICE_REQUEST);
        EXPECT_EQ(WdfDeviceEnqueueRequest(Device, Request), STATUS_SUCCESS);
    };
    LoadAndOpen();
    EXPECT_EQ(Ioctl(Handle, Code), STATUS_SUCCESS);
    Driver.InCaller = [&](WDFDEVICE, WDFREQUEST Request) { WdfRequestComplete(Request, STATUS_RETRY); };
    EXPECT_EQ(Ioctl(Handle, Code), STATUS_RETRY);
    Close(Handle);
}

TEST_F(Queue, SerialisesCallbacksInItsScope)
{
    for (auto Level : {WdfExecutionLevelDispatch, WdfExecutionLevelPassive}) {
        std::atomic<int> Inside{0}, Seen{0};
        Driver.QueueAttributes.SynchronizationScope = WdfSynchronizationScopeQueue;
        Driver.QueueAttributes.ExecutionLevel = Level;
        Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
            EXPECT_EQ(Inside++, 0);
            EXPECT_EQ(KeGetCurrentIrql(),
                      Level == WdfExecutionLevelDispatch ? DISPATCH_LEVEL : PASSIVE_LEVEL);
            Seen++;
            Inside--;
            WdfRequestComplete(Request, STATUS_SUCCESS);
        };
        LoadAndOpen();
        std::vector<std::thread> Threads;
        for (int i = 0; i < 3; i++) {
            Threads.emplace_back([&] {
                for (int j = 0; j < 200; j++) {
                    EXPECT_EQ(Ioctl(Handle, Code), STATUS_SUCCESS);
                }
            });
        }
        for (auto& Each : Threads) {
            Each.join();
        }
        EXPECT_EQ(Seen, 600);
        Close(Handle);
        Unload();
    }
}

TEST_F(Queue, APassiveQueueIsLeftToAWorkItemAtDispatchLevel)
{
    Driver.DispatchType = WdfIoQueueDispatchSequential;
    Driver.QueueAttributes.ExecutionLevel = WdfExecutionLevelPassive;
    std::atomic<int> Seen{0};
    WDFREQUEST First = nullptr;
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
        EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
        if (Seen++ == 0) {
            First = Request;
        } else {
            WdfRequestComplete(Request, STATUS_SUCCESS);
        }
    };
    LoadAndOpen();
    Send(2);
    KIRQL Irql;
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    WdfRequestComplete(First, STATUS_SUCCESS);
    KeLowerIrql(Irql);
    EXPECT_EQ(Calls[1]->Wait(), STATUS_SUCCESS);
    Close(Handle);
}

TEST_F(Queue, BearsManyThreads)
{
    for (ULONG Bound : {0u, 1u, 2u}) {
        std::atomic<ULONG> Inside{0}, Most{0};
        Driver.Presented = Bound;
        Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
            ULONG Now = ++Inside;
            ULONG Old = Most;
            while (Now > Old && !Most.compare_exchange_weak(Old, Now)) {
            }
            Inside--;
            WdfRequestComplete(Request, STATUS_SUCCESS);
        };
        LoadAndOpen();
        std::vector<std::thread> Threads;
        for (int i = 0; i < 4; i++) {
            Threads.emplace_back([&] {
                for (int j = 0; j < 500; j++) {
                    EXPECT_EQ(Ioctl(Handle, Code), STATUS_SUCCESS);
                }
            });
        }
        for (auto& Each : Threads) {
            Each.join();
        }
        EXPECT_TRUE(Bound == 0 || Most <= Bound);
        Close(Handle);
        Unload();
    }
}

TEST_F(Queue, StopsAtForwardingToItself)
{
    EXPECT_STOP(
        {
            Driver.Control = [](WDFQUEUE Self, WDFREQUEST Request, size_t, size_t, ULONG) {
                WdfRequestForwardToIoQueue(Request, Self);
            };
            LoadAndOpen();
            Send(1);
        },
        "WdfRequestForwardToIoQueue was called for the queue of the request itself");
}

TEST_F(Queue, StopsAtRequeueingFromAParallelQueue)
{
    EXPECT_STOP(
        {
            Driver.Control = [](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
                WdfRequestRequeue(Request);
            };
            LoadAndOpen();
            Send(1);
        },
        "of no manual queue");
}

TEST_F(Queue, StopsAtACallbackThatForgetsItsIrql)
{
    EXPECT_STOP(
        {
            Driver.Control = [](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
                KIRQL Irql;
                WdfRequestComplete(Request, STATUS_SUCCESS);
                KeRaiseIrql(DISPATCH_LEVEL, &Irql);
            };
            LoadAndOpen();
            Send(1);
        },
        "was called at IRQL 0 and returned at IRQL 2");
}

} // namespace
