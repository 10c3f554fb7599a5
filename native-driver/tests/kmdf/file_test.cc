/* SPDX-License-Identifier: Apache-2.0
 *
 * Create, cleanup and close of files; deletion of control devices.
 */
#include "support.h"

namespace {

struct FILE_CONTEXT {
    int Number;
};
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(FILE_CONTEXT, GetFile)

using Lines = std::vector<std::string>;
std::function<void(const std::string&)> Note;

class File : public KmdfTest {
  protected:
    void SetUp() override
    {
        Note = [this](const std::string& Line) { Log(Line); };
        WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Driver.FileAttributes, FILE_CONTEXT);
        Driver.FileAttributes.EvtCleanupCallback = [](WDFOBJECT) { Note("object cleanup"); };
        Driver.FileAttributes.EvtDestroyCallback = [](WDFOBJECT) { Note("object destroy"); };
        Driver.Create = [this](WDFDEVICE, WDFREQUEST Request, WDFFILEOBJECT) {
            Log("create");
            WdfRequestComplete(Request, CreateStatus);
        };
        Driver.Cleanup = [this](WDFFILEOBJECT) { Log("cleanup"); };
        Driver.Close = [this](WDFFILEOBJECT) { Log("close"); };
    }

    void TearDown() override
    {
        if (Loaded) {
            Unload();
        }
        Note = nullptr;
    }

    NTSTATUS CreateStatus = STATUS_SUCCESS;
};

TEST_F(File, RunsItsCallbacksOnceAndInOrder)
{
    Load();
    HANDLE Handle = Open();
    EXPECT_EQ(Lines({"create"}), TakeLog());
    Close(Handle);
    EXPECT_EQ(Lines({"cleanup", "close", "object cleanup", "object destroy"}), TakeLog());
}

TEST_F(File, IsGoneAfterAFailedCreate)
{
    CreateStatus = STATUS_SHARING_VIOLATION;
    Load();
    HANDLE Handle;
    EXPECT_STATUS(STATUS_SHARING_VIOLATION, TryOpen(&Handle));
    EXPECT_EQ(Lines({"create", "object cleanup", "object destroy"}), TakeLog());
    Unload();
}

TEST_F(File, IsFoundInEachClass)
{
    for (auto Class : {WdfFileObjectWdfCanUseFsContext, WdfFileObjectWdfCanUseFsContext2,
                       WdfFileObjectWdfCannotUseFsContexts}) {
        WDFFILEOBJECT Created = nullptr;
        Driver.FileClass = Class;
        Driver.Create = [&](WDFDEVICE, WDFREQUEST Request, WDFFILEOBJECT New) {
            Created = New;
            GetFile(New)->Number = 7;
            EXPECT_EQ(New, WdfRequestGetFileObject(Request));
            EXPECT_EQ(nullptr, WdfRequestGetIoQueue(Request));
            WdfRequestComplete(Request, STATUS_SUCCESS);
        };
        Driver.Control = [&](WDFQUEUE Queue, WDFREQUEST Request, size_t, size_t, ULONG) {
            WDFFILEOBJECT Found = WdfRequestGetFileObject(Request);
            EXPECT_EQ(Created, Found);
            EXPECT_EQ(7, GetFile(Found)->Number);
            EXPECT_EQ(Driver.Device, WdfFileObjectGetDevice(Found));
            EXPECT_EQ(Driver.Device, WdfIoQueueGetDevice(Queue));
            EXPECT_EQ(Found, WdfDeviceGetFileObject(Driver.Device, WdfFileObjectWdmGetFileObject(Found)));
            WdfRequestComplete(Request, STATUS_SUCCESS);
        };
        Load();
        HANDLE First = Open(), Second = Open();
        EXPECT_STATUS(STATUS_SUCCESS, Ioctl(Second, TEST_IOCTL(0, METHOD_BUFFERED)));
        Close(First);
        Close(Second);
        Unload();
    }
}

TEST_F(File, IsNotThereWhenNotConfigured)
{
    Driver.Files = false;
    Driver.Control = [](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) {
        EXPECT_EQ(nullptr, WdfRequestGetFileObject(Request));
        WdfRequestComplete(Request, STATUS_SUCCESS);
    };
    Load();
    HANDLE Handle = Open();
    EXPECT_STATUS(STATUS_SUCCESS, Ioctl(Handle, TEST_IOCTL(0, METHOD_BUFFERED)));
    Close(Handle);
}

TEST_F(File, IsTheOnlyOneOfAnExclusiveDevice)
{
    Driver.Exclusive = true;
    Load();
    HANDLE First = Open(), Second;
    EXPECT_STATUS(STATUS_ACCESS_DENIED, TryOpen(&Second));
    Close(First);
    Close(Open());
}

TEST_F(File, ClosesOnlyAfterItsLastRequest)
{
    WDFREQUEST Pending = nullptr;
    Driver.Control = [&](WDFQUEUE, WDFREQUEST Request, size_t, size_t, ULONG) { Pending = Request; };
    Load();
    HANDLE Handle = Open();
    Call Slow(Handle, TEST_IOCTL(0, METHOD_BUFFERED));
    EXPECT_STATUS(STATUS_PENDING, Slow.Send());
    TakeLog();
    Close(Handle);
    EXPECT_EQ(Lines({"cleanup"}), TakeLog());
    WdfRequestComplete(Pending, STATUS_SUCCESS);
    EXPECT_STATUS(STATUS_SUCCESS, Slow.Wait());
    Unload();
    EXPECT_EQ(Lines({"close", "object cleanup", "object destroy"}), TakeLog());
}

TEST_F(File, CleanupComesBeforeQueuedRequestsAreCancelled)
{
    Driver.DispatchType = WdfIoQueueDispatchManual;
    Driver.Cleanup = [this](WDFFILEOBJECT Mine) {
        WDFREQUEST Found;
        EXPECT_STATUS(STATUS_SUCCESS, WdfIoQueueRetrieveRequestByFileObject(Driver.Queue, Mine, &Found));
        WdfRequestComplete(Found, STATUS_LOCAL_DISCONNECT);
    };
    Load();
    HANDLE Handle = Open(), Other = Open();
    Call First(Handle, TEST_IOCTL(1, METHOD_BUFFERED)), Second(Handle, TEST_IOCTL(2, METHOD_BUFFERED)),
        Third(Other, TEST_IOCTL(3, METHOD_BUFFERED));
    EXPECT_STATUS(STATUS_PENDING, First.Send());
    EXPECT_STATUS(STATUS_PENDING, Third.Send());
    EXPECT_STATUS(STATUS_PENDING, Second.Send());
    Close(Handle);
    EXPECT_STATUS(STATUS_LOCAL_DISCONNECT, First.Wait());
    EXPECT_STATUS(STATUS_CANCELLED, Second.Wait());
    EXPECT_FALSE(Third.IsDone());
    Close(Other);
    EXPECT_STATUS(STATUS_LOCAL_DISCONNECT, Third.Wait());
}

TEST_F(File, ACreateMayBeForwardedToAQueue)
{
    WDFQUEUE Manual = nullptr;
    Driver.DeviceCreated = [&](WDFDEVICE Device) {
        WDF_IO_QUEUE_CONFIG Config;
        WDF_IO_QUEUE_CONFIG_INIT(&Config, WdfIoQueueDispatchManual);
        EXPECT_STATUS(STATUS_SUCCESS, WdfIoQueueCreate(Device, &Config, nullptr, &Manual));
    };
    Driver.Create = [&](WDFDEVICE, WDFREQUEST Request, WDFFILEOBJECT) {
        EXPECT_STATUS(STATUS_SUCCESS, WdfRequestForwardToIoQueue(Request, Manual));
    };
    Load();
    HANDLE Handle = nullptr;
    NTSTATUS Status = STATUS_PENDING;
    std::thread Opener([&] { Status = TryOpen(&Handle); });
    WDFREQUEST Request = nullptr;
    EXPECT_TRUE(Await([&] { return WdfIoQueueRetrieveNextRequest(Manual, &Request) == STATUS_SUCCESS; }));
    WDF_REQUEST_PARAMETERS Parameters;
    WDF_REQUEST_PARAMETERS_INIT(&Parameters);
    WdfRequestGetParameters(Request, &Parameters);
    EXPECT_EQ(WdfRequestTypeCreate, Parameters.Type);
    WdfRequestComplete(Request, STATUS_SUCCESS);
    Opener.join();
    EXPECT_STATUS(STATUS_SUCCESS, Status);
    Close(Handle);
}

TEST_F(File, OutlivesTheDeletionOfItsDevice)
{
    Load();
    HANDLE Handle = Open(), Second;
    WdfObjectDelete(Driver.Device);
    EXPECT_FALSE(NT_SUCCESS(TryOpen(&Second)));
    EXPECT_STATUS(STATUS_SUCCESS, Ioctl(Handle, TEST_IOCTL(0, METHOD_BUFFERED)));
    TakeLog();
    Close(Handle);
    Unload();
    EXPECT_EQ(Lines({"cleanup", "close", "object cleanup", "object destroy"}), TakeLog());
}

TEST_F(File, SurvivesFailingAllocationsAtOpen)
{
    Load();
    for (ULONG i = 1; i < 12; i++) {
        HANDLE Handle = nullptr;
        HostFailAllocation(i, 0);
        NTSTATUS Status = TryOpen(&Handle);
        HostFailAllocation(0, 0);
        if (NT_SUCCESS(Status)) {
            Close(Handle);
        } else {
            EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES, Status);
        }
    }
}

} // namespace
