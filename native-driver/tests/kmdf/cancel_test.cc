/* SPDX-License-Identifier: Apache-2.0
 *
 * Cancellation of requests that the driver owns, and the races around it.
 */
#include "support.h"

#include <memory>

#include "race.h"

namespace {

const ULONG Code = TEST_IOCTL(0, METHOD_BUFFERED);

class Cancellation : public KmdfTest {
  protected:
    void LoadAndOpen()
    {
        Load();
        Handle = Open();
    }

    HANDLE Handle = nullptr;
};

TEST_F(Cancellation, CallsTheCallbackOfAMarkedRequest)
{
    Driver.Control = [](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
        EXPECT_STATUS(STATUS_SUCCESS, WdfRequestMarkCancelableEx(Request, TestEvtRequestCancel));
    };
    LoadAndOpen();
    Call TheCall(Handle, Code);
    EXPECT_STATUS(STATUS_PENDING, TheCall.Send());
    TheCall.Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, TheCall.Wait());
    EXPECT_EQ(0u, TheCall.Result.Information);
    Close(Handle);
}

TEST_F(Cancellation, LeavesAnUnmarkedRequestAlone)
{
    WDFREQUEST Kept = nullptr;
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) { Kept = Request; };
    LoadAndOpen();
    Call TheCall(Handle, Code);
    EXPECT_STATUS(STATUS_PENDING, TheCall.Send());
    EXPECT_FALSE(WdfRequestIsCanceled(Kept));
    TheCall.Cancel();
    EXPECT_TRUE(WdfRequestIsCanceled(Kept));
    EXPECT_FALSE(TheCall.IsDone());
    EXPECT_STATUS(STATUS_CANCELLED, WdfRequestMarkCancelableEx(Kept, TestEvtRequestCancel));
    EXPECT_FALSE(TheCall.IsDone()) << "the callback is not called then";
    WdfRequestComplete(Kept, STATUS_CANCELLED);
    EXPECT_STATUS(STATUS_CANCELLED, TheCall.Wait());
    Close(Handle);
}

TEST_F(Cancellation, MarkCancelableCallsBackForOneCancelledBefore)
{
    WDFREQUEST Kept = nullptr;
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) { Kept = Request; };
    LoadAndOpen();
    Call TheCall(Handle, Code);
    EXPECT_STATUS(STATUS_PENDING, TheCall.Send());
    TheCall.Cancel();
    WdfRequestMarkCancelable(Kept, TestEvtRequestCancel);
    EXPECT_STATUS(STATUS_CANCELLED, TheCall.Wait());
    Close(Handle);
}

TEST_F(Cancellation, UnmarkTakesTheCallbackBack)
{
    WDFREQUEST Kept = nullptr;
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
        EXPECT_STATUS(STATUS_SUCCESS, WdfRequestMarkCancelableEx(Request, TestEvtRequestCancel));
        EXPECT_STATUS(STATUS_SUCCESS, WdfRequestUnmarkCancelable(Request));
        Kept = Request;
    };
    LoadAndOpen();
    Call TheCall(Handle, Code);
    EXPECT_STATUS(STATUS_PENDING, TheCall.Send());
    TheCall.Cancel();
    EXPECT_FALSE(TheCall.IsDone());
    WdfRequestComplete(Kept, STATUS_SUCCESS);
    EXPECT_STATUS(STATUS_SUCCESS, TheCall.Wait());
    Close(Handle);
}

/* The callback is delivered when the thread inside a callback of the queue returns from it. */
TEST_F(Cancellation, WaitsForTheCallbackInProgress)
{
    std::atomic<bool> Marked{false}, GoOn{false}, Called{false};
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
        EXPECT_STATUS(STATUS_SUCCESS, WdfRequestMarkCancelableEx(Request, TestEvtRequestCancel));
        Marked = true;
        EXPECT_TRUE(Await([&] { return GoOn.load(); }));
        EXPECT_FALSE(Called);
        EXPECT_STATUS(STATUS_CANCELLED, WdfRequestUnmarkCancelable(Request));
    };
    Driver.Cancel = [&](WDFREQUEST Request) {
        Called = true;
        WdfRequestComplete(Request, STATUS_CANCELLED);
    };
    LoadAndOpen();
    Call TheCall(Handle, Code);
    std::thread Sender([&] { EXPECT_STATUS(STATUS_PENDING, TheCall.Send()); });
    EXPECT_TRUE(Await([&] { return Marked.load(); }));
    TheCall.Cancel();
    EXPECT_FALSE(Called);
    GoOn = true;
    Sender.join();
    EXPECT_STATUS(STATUS_CANCELLED, TheCall.Wait());
    Close(Handle);
}

/* ... or when another thread enters the queue. */
TEST_F(Cancellation, IsDeliveredByAnotherThreadOfAParallelQueue)
{
    std::atomic<bool> Marked{false}, Called{false};
    std::atomic<int> Arrived{0};
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
        if (Arrived++ != 0) {
            WdfRequestComplete(Request, STATUS_SUCCESS);
            return;
        }
        EXPECT_STATUS(STATUS_SUCCESS, WdfRequestMarkCancelableEx(Request, TestEvtRequestCancel));
        Marked = true;
        EXPECT_TRUE(Await([&] { return Called.load(); }));
    };
    Driver.Cancel = [&](WDFREQUEST Request) {
        Called = true;
        WdfRequestComplete(Request, STATUS_CANCELLED);
    };
    LoadAndOpen();
    Call TheCall(Handle, Code);
    std::thread Sender([&] { EXPECT_STATUS(STATUS_PENDING, TheCall.Send()); });
    EXPECT_TRUE(Await([&] { return Marked.load(); }));
    TheCall.Cancel();
    EXPECT_FALSE(Called);
    EXPECT_STATUS(STATUS_SUCCESS, Ioctl(Handle, Code));
    EXPECT_TRUE(Called);
    Sender.join();
    EXPECT_STATUS(STATUS_CANCELLED, TheCall.Wait());
    Close(Handle);
}

struct COUNTED {
    std::atomic<int> Parties;
    bool Marked;
};
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(COUNTED, GetCounted)

/* A correct driver: the worker that completes the request and the cancel callback share it by a reference
 * count. */
class WorkerAndCancel {
  public:
    void Take(WDFREQUEST Request)
    {
        GetCounted(Request)->Parties = 2;
        if (WdfRequestMarkCancelableEx(Request, TestEvtRequestCancel) != STATUS_SUCCESS) {
            WdfRequestComplete(Request, STATUS_CANCELLED);
            return;
        }
        std::lock_guard<std::mutex> Guard(Lock);
        Work.push_back(Request);
    }

    void WorkOnce()
    {
        WDFREQUEST Request = Next();
        if (Request == nullptr) {
            std::this_thread::yield();
        } else if (WdfRequestUnmarkCancelable(Request) == STATUS_SUCCESS) {
            WdfRequestComplete(Request, STATUS_SUCCESS);
        } else {
            Drop(Request);
        }
    }

    /* Who comes last completes it. */
    static void Drop(WDFREQUEST Request)
    {
        if (--GetCounted(Request)->Parties == 0) {
            WdfRequestComplete(Request, STATUS_CANCELLED);
        }
    }

  private:
    WDFREQUEST Next()
    {
        std::lock_guard<std::mutex> Guard(Lock);
        if (Work.empty()) {
            return nullptr;
        }
        WDFREQUEST Request = Work.back();
        Work.pop_back();
        return Request;
    }

    std::mutex Lock;
    std::vector<WDFREQUEST> Work;
};

TEST_F(Cancellation, SurvivesTheRaceOfUnmarkAndCancel)
{
    WorkerAndCancel Parties;
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Driver.RequestAttributes, COUNTED);
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) { Parties.Take(Request); };
    Driver.Cancel = WorkerAndCancel::Drop;
    LoadAndOpen();
    std::atomic<int> Succeeded{0}, Cancelled{0};
    Race Users;
    Users.Repeat([&] { Parties.WorkOnce(); });
    for (int i = 0; i < 3; i++) {
        Users.Run([&] {
            for (int j = 0; j < 300; j++) {
                Call TheCall(Handle, Code);
                if (TheCall.Send() == STATUS_PENDING) {
                    TheCall.Cancel();
                    TheCall.Wait();
                }
                (TheCall.Result.Status == STATUS_SUCCESS ? Succeeded : Cancelled)++;
            }
        });
    }
    Users.Stop();
    EXPECT_EQ(900, Succeeded + Cancelled);
    Close(Handle);
}

TEST_F(Cancellation, SurvivesTheRaceOfPurgeAndUnmark)
{
    WorkerAndCancel Parties;
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Driver.RequestAttributes, COUNTED);
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) { Parties.Take(Request); };
    Driver.Cancel = WorkerAndCancel::Drop;
    LoadAndOpen();
    Race Users;
    Users.Repeat([&] { Parties.WorkOnce(); });
    Users.Run([&] {
        for (int j = 0; j < 300; j++) {
            NTSTATUS Status = Ioctl(Handle, Code);
            EXPECT_TRUE(Status == STATUS_SUCCESS || Status == STATUS_CANCELLED ||
                        Status == STATUS_INVALID_DEVICE_STATE)
                << StatusName(Status);
        }
    });
    for (int j = 0; j < 50; j++) {
        WdfIoQueuePurgeSynchronously(Driver.Queue);
        WdfIoQueueStart(Driver.Queue);
        std::this_thread::yield();
    }
    Users.Stop();
    Close(Handle);
}

TEST_F(Cancellation, SurvivesTheRaceOfQueuedRequestsAndCancel)
{
    Driver.DispatchType = WdfIoQueueDispatchManual;
    LoadAndOpen();
    std::atomic<bool> Stop{false};
    std::thread Worker([&] {
        while (!Stop) {
            WDFREQUEST Request;
            if (WdfIoQueueRetrieveNextRequest(Driver.Queue, &Request) == STATUS_SUCCESS) {
                WdfRequestComplete(Request, STATUS_SUCCESS);
            } else {
                std::this_thread::yield();
            }
        }
    });
    std::vector<std::thread> Users;
    for (int i = 0; i < 3; i++) {
        Users.emplace_back([&] {
            for (int j = 0; j < 300; j++) {
                Call TheCall(Handle, Code);
                if (TheCall.Send() == STATUS_PENDING) {
                    TheCall.Cancel();
                    NTSTATUS Status = TheCall.Wait();
                    EXPECT_TRUE(Status == STATUS_SUCCESS || Status == STATUS_CANCELLED);
                }
            }
        });
    }
    for (auto& Each : Users) {
        Each.join();
    }
    Stop = true;
    Worker.join();
    Close(Handle);
}

TEST_F(Cancellation, StopsAtCompletionOfAMarkedRequest)
{
    EXPECT_STOP(
        {
            Driver.Control = [](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
                WdfRequestMarkCancelableEx(Request, TestEvtRequestCancel);
                WdfRequestComplete(Request, STATUS_SUCCESS);
            };
            LoadAndOpen();
            Ioctl(Handle, Code);
        },
        "WdfRequestComplete was called .* marked cancelable");
}

TEST_F(Cancellation, StopsAtMarkingTwice)
{
    EXPECT_STOP(
        {
            Driver.Control = [](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
                WdfRequestMarkCancelableEx(Request, TestEvtRequestCancel);
                WdfRequestMarkCancelableEx(Request, TestEvtRequestCancel);
            };
            LoadAndOpen();
            Ioctl(Handle, Code);
        },
        "WdfRequestMarkCancelableEx was called .* marked cancelable");
}

TEST_F(Cancellation, StopsAtUnmarkingOneThatIsNotMarked)
{
    EXPECT_STOP(
        {
            Driver.Control = [](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
                WdfRequestUnmarkCancelable(Request);
            };
            LoadAndOpen();
            Ioctl(Handle, Code);
        },
        "that is not marked cancelable");
}

TEST_F(Cancellation, StopsAtForwardingAMarkedRequest)
{
    EXPECT_STOP(
        {
            WDFQUEUE Manual = nullptr;
            Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
                WdfRequestMarkCancelableEx(Request, TestEvtRequestCancel);
                WdfRequestForwardToIoQueue(Request, Manual);
            };
            LoadAndOpen();
            WDF_IO_QUEUE_CONFIG Config;
            WDF_IO_QUEUE_CONFIG_INIT(&Config, WdfIoQueueDispatchManual);
            WdfIoQueueCreate(Driver.Device, &Config, nullptr, &Manual);
            Ioctl(Handle, Code);
        },
        "WdfRequestForwardToIoQueue was called .* marked cancelable");
}

} // namespace
