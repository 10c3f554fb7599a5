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
            EXPECT_STATUS(STATUS_PENDING, Calls.back()->Send());
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
        EXPECT_STATUS(STATUS_SUCCESS, WdfIoQueueCreate(Driver.Device, &Config, nullptr, &Made));
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
    EXPECT_STATUS(STATUS_WDF_NO_CALLBACK, WdfIoQueueCreate(Driver.Device, &Config, nullptr, &Made));
    Config.EvtIoDeviceControl = TestEvtIoDeviceControl;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER_4, WdfIoQueueCreate(Driver.Device, &Config, nullptr, nullptr));
    Config.Size = 95;
    EXPECT_STATUS(STATUS_INFO_LENGTH_MISMATCH, WdfIoQueueCreate(Driver.Device, &Config, nullptr, &Made));
    WDF_IO_QUEUE_CONFIG_INIT(&Config, WdfIoQueueDispatchManual);
    Config.EvtIoDeviceControl = TestEvtIoDeviceControl;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, WdfIoQueueCreate(Driver.Device, &Config, nullptr, &Made));
    WDF_IO_QUEUE_CONFIG_INIT(&Config, WdfIoQueueDispatchSequential);
    Config.EvtIoDeviceControl = TestEvtIoDeviceControl;
    Config.Settings.Parallel.NumberOfPresentedRequests = 2;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, WdfIoQueueCreate(Driver.Device, &Config, nullptr, &Made));
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&Config, WdfIoQueueDispatchManual);
    EXPECT_STATUS(STATUS_UNSUCCESSFUL, WdfIoQueueCreate(Driver.Device, &Config, nullptr, &Made));
}

TEST_F(Queue, TheDefaultQueueComesBeforeTheEndOfInitialisation)
{
    Driver.DefaultQueue = false;
    Load();
    WDF_IO_QUEUE_CONFIG Config;
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&Config, WdfIoQueueDispatchManual);
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, WdfIoQueueCreate(Driver.Device, &Config, nullptr, nullptr));
    Handle = Open();
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, Ioctl(Handle, Code)) << "no queue takes it";
    Close(Handle);
}

TEST_F(Queue, ParallelPresentsUpToItsBound)
{
    Driver.Presented = 2;
    Keep();
    LoadAndOpen();
    Send(5);
    EXPECT_EQ(2u, KeptCount());
    ULONG Waiting, Owned;
    WDF_IO_QUEUE_STATE State = WdfIoQueueGetState(Driver.Queue, &Waiting, &Owned);
    EXPECT_EQ(3u, Waiting);
    EXPECT_EQ(2u, Owned);
    EXPECT_EQ(WdfIoQueueAcceptRequests | WdfIoQueueDispatchRequests, State);
    for (int i = 0; i < 5; i++) {
        WdfRequestComplete(TakeKept(), STATUS_SUCCESS);
        EXPECT_EQ(i < 3 ? 2u : 4u - i, KeptCount());
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
        ASSERT_EQ(1u, KeptCount());
        EXPECT_FALSE(Calls[i]->IsDone());
        WdfRequestComplete(TakeKept(), STATUS_SUCCESS);
        EXPECT_STATUS(STATUS_SUCCESS, Calls[i]->Wait());
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
        EXPECT_EQ(0, Depth++);
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
    EXPECT_EQ(4, Seen);
    for (auto& Each : Calls) {
        EXPECT_STATUS(STATUS_SUCCESS, Each->Wait());
    }
    Close(Handle);
}

TEST_F(Queue, ManualHandsOutInOrder)
{
    Driver.DispatchType = WdfIoQueueDispatchManual;
    LoadAndOpen();
    WDFREQUEST Request;
    EXPECT_STATUS(STATUS_NO_MORE_ENTRIES, WdfIoQueueRetrieveNextRequest(Driver.Queue, &Request));
    Send(2);
    for (int i = 0; i < 2; i++) {
        ASSERT_STATUS(STATUS_SUCCESS, WdfIoQueueRetrieveNextRequest(Driver.Queue, &Request));
        EXPECT_EQ(Driver.Queue, WdfRequestGetIoQueue(Request));
        WdfRequestComplete(Request, STATUS_SUCCESS);
        EXPECT_STATUS(STATUS_SUCCESS, Calls[i]->Wait());
    }
    Close(Handle);
}

TEST_F(Queue, ParallelHandsNothingOut)
{
    Load();
    WDFREQUEST Request;
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, WdfIoQueueRetrieveNextRequest(Driver.Queue, &Request));
}

TEST_F(Queue, RequeuesToTheHead)
{
    Driver.DispatchType = WdfIoQueueDispatchManual;
    LoadAndOpen();
    Send(2);
    WDFREQUEST First, Again;
    ASSERT_STATUS(STATUS_SUCCESS, WdfIoQueueRetrieveNextRequest(Driver.Queue, &First));
    EXPECT_STATUS(STATUS_SUCCESS, WdfRequestRequeue(First));
    ASSERT_STATUS(STATUS_SUCCESS, WdfIoQueueRetrieveNextRequest(Driver.Queue, &Again));
    EXPECT_EQ(First, Again);
    WdfRequestComplete(Again, STATUS_SUCCESS);
    EXPECT_STATUS(STATUS_SUCCESS, Calls[0]->Wait());
    WdfIoQueuePurgeSynchronously(Driver.Queue);
    EXPECT_STATUS(STATUS_CANCELLED, Calls[1]->Wait());
    Close(Handle);
}

TEST_F(Queue, ForwardsToAnotherQueue)
{
    WDFQUEUE Manual = nullptr;
    Driver.DispatchType = WdfIoQueueDispatchSequential;
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
        EXPECT_STATUS(STATUS_SUCCESS, WdfRequestForwardToIoQueue(Request, Manual));
    };
    LoadAndOpen();
    Manual = MakeQueue(WdfIoQueueDispatchManual);
    Send(3);
    ULONG Waiting;
    WdfIoQueueGetState(Manual, &Waiting, nullptr);
    EXPECT_EQ(3u, Waiting) << "a forwarded request does not block the sequential queue";
    Calls[1]->Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, Calls[1]->Wait());
    WdfIoQueuePurgeSynchronously(Manual);
    EXPECT_STATUS(STATUS_CANCELLED, Calls[0]->Wait());
    EXPECT_STATUS(STATUS_CANCELLED, Calls[2]->Wait());
    Close(Handle);
}

TEST_F(Queue, ForwardingToAClosedQueueFails)
{
    WDFQUEUE Manual = nullptr;
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
        EXPECT_STATUS(STATUS_WDF_BUSY, WdfRequestForwardToIoQueue(Request, Manual));
        WdfRequestComplete(Request, STATUS_WDF_BUSY);
    };
    LoadAndOpen();
    Manual = MakeQueue(WdfIoQueueDispatchManual);
    WdfIoQueuePurgeSynchronously(Manual);
    EXPECT_STATUS(STATUS_DEVICE_BUSY, Ioctl(Handle, Code)) << "the framework's code is translated";
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
    ASSERT_STATUS(STATUS_SUCCESS, WdfIoQueueRetrieveNextRequest(Driver.Queue, &First));
    ASSERT_STATUS(STATUS_SUCCESS, WdfRequestRequeue(First));
    Calls[1]->Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, Calls[1]->Wait());
    EXPECT_EQ(nullptr, Told);
    Calls[0]->Cancel();
    ASSERT_EQ(First, Told);
    EXPECT_FALSE(Calls[0]->IsDone()) << "it is the driver's";
    WdfRequestComplete(Told, STATUS_CANCELLED);
    EXPECT_STATUS(STATUS_CANCELLED, Calls[0]->Wait());
    Close(Handle);
}

TEST_F(Queue, StopHoldsBackAndStartGoesOn)
{
    Keep();
    LoadAndOpen();
    WdfIoQueueStopSynchronously(Driver.Queue);
    Send(2);
    EXPECT_EQ(0u, KeptCount());
    EXPECT_TRUE(WDF_IO_QUEUE_STOPPED(WdfIoQueueGetState(Driver.Queue, nullptr, nullptr)));
    WdfIoQueueStart(Driver.Queue);
    EXPECT_EQ(2u, KeptCount());
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
    EXPECT_EQ(0, StateCallbacks);
    WdfRequestComplete(TakeKept(), STATUS_SUCCESS);
    EXPECT_EQ(1, StateCallbacks);
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
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Ioctl(Handle, Code));
    WdfRequestComplete(TakeKept(), STATUS_SUCCESS);
    EXPECT_FALSE(Drained);
    EXPECT_TRUE(Await([&] { return KeptCount() == 1; }));
    WdfRequestComplete(TakeKept(), STATUS_SUCCESS);
    Drainer.join();
    EXPECT_TRUE(Drained);
    WdfIoQueueStart(Driver.Queue);
    Driver.Control = nullptr;
    EXPECT_STATUS(STATUS_SUCCESS, Ioctl(Handle, Code));
    Close(Handle);
}

TEST_F(Queue, PurgeCancelsWaitingAndMarkedRequests)
{
    Driver.Presented = 1;
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
        EXPECT_STATUS(STATUS_SUCCESS, WdfRequestMarkCancelableEx(Request, TestEvtRequestCancel));
    };
    LoadAndOpen();
    Send(3);
    WdfIoQueuePurgeSynchronously(Driver.Queue);
    for (auto& Each : Calls) {
        EXPECT_STATUS(STATUS_CANCELLED, Each->Wait());
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
    EXPECT_STATUS(STATUS_CANCELLED, Calls[0]->Wait());
    Send(1);
    EXPECT_EQ(0u, KeptCount());
    WdfIoQueueStart(Driver.Queue);
    ASSERT_EQ(1u, KeptCount());
    WdfRequestComplete(TakeKept(), STATUS_SUCCESS);
    Close(Handle);
}

TEST_F(Queue, ReadyNotifyTellsOfTheFirstRequest)
{
    StateCallbacks = 0;
    Driver.DispatchType = WdfIoQueueDispatchManual;
    LoadAndOpen();
    EXPECT_STATUS(STATUS_SUCCESS,
                  WdfIoQueueReadyNotify(Driver.Queue, CountState, reinterpret_cast<WDFCONTEXT>(1)));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, WdfIoQueueReadyNotify(Driver.Queue, nullptr, nullptr));
    Send(2);
    EXPECT_EQ(1, StateCallbacks);
    WDFREQUEST Request;
    for (int i = 0; i < 2; i++) {
        ASSERT_STATUS(STATUS_SUCCESS, WdfIoQueueRetrieveNextRequest(Driver.Queue, &Request));
        WdfRequestComplete(Request, STATUS_SUCCESS);
    }
    Send(1);
    EXPECT_EQ(2, StateCallbacks);
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
    ASSERT_STATUS(STATUS_SUCCESS, WdfIoQueueFindRequest(Driver.Queue, nullptr, nullptr, &Parameters, &First));
    EXPECT_EQ(Code, Parameters.Parameters.DeviceIoControl.IoControlCode);
    ASSERT_STATUS(STATUS_SUCCESS, WdfIoQueueFindRequest(Driver.Queue, First, nullptr, nullptr, &Second));
    EXPECT_NE(Second, First);
    EXPECT_STATUS(STATUS_NO_MORE_ENTRIES,
                  WdfIoQueueFindRequest(Driver.Queue, Second, nullptr, nullptr, &Third));
    Calls[0]->Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, Calls[0]->Wait());
    EXPECT_STATUS(STATUS_NOT_FOUND, WdfIoQueueRetrieveFoundRequest(Driver.Queue, First, &Taken));
    ASSERT_STATUS(STATUS_SUCCESS, WdfIoQueueRetrieveFoundRequest(Driver.Queue, Second, &Taken));
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
        EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, WdfDeviceConfigureRequestDispatching(
                                                         Device, Driver.Queue, WdfRequestTypeDeviceControl));
    };
    LoadAndOpen();
    EXPECT_STATUS(STATUS_SUCCESS,
                  WdfDeviceConfigureRequestDispatching(Driver.Device, Manual, WdfRequestTypeDeviceControl));
    EXPECT_STATUS(STATUS_WDF_BUSY,
                  WdfDeviceConfigureRequestDispatching(Driver.Device, Manual, WdfRequestTypeDeviceControl));
    Send(1);
    WDFREQUEST Request;
    ASSERT_STATUS(STATUS_SUCCESS, WdfIoQueueRetrieveNextRequest(Manual, &Request));
    WdfRequestComplete(Request, STATUS_SUCCESS);
    Close(Handle);
}

TEST_F(Queue, InCallerContextComesFirst)
{
    Driver.InCaller = [&](WDFDEVICE Device, WDFREQUEST Request) {
        EXPECT_EQ(nullptr, WdfRequestGetIoQueue(Request));
        EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST,
                      WdfRequestMarkCancelableEx(Request, TestEvtRequestCancel));
        EXPECT_STATUS(STATUS_SUCCESS, WdfDeviceEnqueueRequest(Device, Request));
    };
    LoadAndOpen();
    EXPECT_STATUS(STATUS_SUCCESS, Ioctl(Handle, Code));
    Driver.InCaller = [&](WDFDEVICE, WDFREQUEST Request) { WdfRequestComplete(Request, STATUS_RETRY); };
    EXPECT_STATUS(STATUS_RETRY, Ioctl(Handle, Code));
    Close(Handle);
}

TEST_F(Queue, SerialisesCallbacksInItsScope)
{
    for (auto Level : {WdfExecutionLevelDispatch, WdfExecutionLevelPassive}) {
        std::atomic<int> Inside{0}, Seen{0};
        Driver.QueueAttributes.SynchronizationScope = WdfSynchronizationScopeQueue;
        Driver.QueueAttributes.ExecutionLevel = Level;
        Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
            EXPECT_EQ(0, Inside++);
            EXPECT_EQ(Level == WdfExecutionLevelDispatch ? DISPATCH_LEVEL : PASSIVE_LEVEL,
                      KeGetCurrentIrql());
            Seen++;
            Inside--;
            WdfRequestComplete(Request, STATUS_SUCCESS);
        };
        LoadAndOpen();
        std::vector<std::thread> Threads;
        for (int i = 0; i < 3; i++) {
            Threads.emplace_back([&] {
                for (int j = 0; j < 200; j++) {
                    EXPECT_STATUS(STATUS_SUCCESS, Ioctl(Handle, Code));
                }
            });
        }
        for (auto& Each : Threads) {
            Each.join();
        }
        EXPECT_EQ(600, Seen);
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
        EXPECT_EQ(PASSIVE_LEVEL, KeGetCurrentIrql());
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
    EXPECT_STATUS(STATUS_SUCCESS, Calls[1]->Wait());
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
                    EXPECT_STATUS(STATUS_SUCCESS, Ioctl(Handle, Code));
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
