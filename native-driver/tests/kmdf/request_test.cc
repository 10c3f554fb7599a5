/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests: buffers by transfer method, parameters, information, and completion.
 */
#include "support.h"

#include <memory>

namespace {

const ULONG Buffered = TEST_IOCTL(0, METHOD_BUFFERED);
const ULONG InDirect = TEST_IOCTL(1, METHOD_IN_DIRECT);
const ULONG OutDirect = TEST_IOCTL(2, METHOD_OUT_DIRECT);
const ULONG Neither = TEST_IOCTL(3, METHOD_NEITHER);

struct REQUEST_CONTEXT {
    UCHAR Bytes[64];
};
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(REQUEST_CONTEXT, GetRequestContext)

class Request : public KmdfTest {
  protected:
    /* Runs Body as EvtIoDeviceControl for one IOCTL; Body completes the request. */
    NTSTATUS With(ULONG Code, size_t InputLength, size_t OutputLength,
                  const std::function<void(WDFREQUEST)>& Body)
    {
        Driver.Control = [&](WDFQUEUE, WDFREQUEST TheRequest, size_t Output, size_t Input, ULONG TheCode) {
            EXPECT_EQ(Output, OutputLength);
            EXPECT_EQ(Input, InputLength);
            EXPECT_EQ(TheCode, Code);
            Body(TheRequest);
        };
        if (!Loaded) {
            Load();
        }
        HANDLE Handle = Open();
        Call TheCall(Handle, Code, InputLength, OutputLength);
        for (size_t i = 0; i < InputLength; i++) {
            TheCall.Input[i] = static_cast<UCHAR>(i + 1);
        }
        NTSTATUS Status = TheCall.Send();
        if (Status == STATUS_PENDING) {
            Status = TheCall.Wait();
        }
        Information = TheCall.Result.Information;
        Output = TheCall.Output;
        Close(Handle);
        return Status;
    }

    ULONG_PTR Information = 0;
    std::vector<UCHAR> Output;
};

TEST_F(Request, BufferedSharesOneBuffer)
{
    EXPECT_EQ(With(Buffered, 8, 16,
                   [](WDFREQUEST R) {
                       PVOID In, Out;
                       size_t InLength, OutLength;
                       EXPECT_EQ(WdfRequestRetrieveInputBuffer(R, 8, &In, &InLength), STATUS_SUCCESS);
                       EXPECT_EQ(WdfRequestRetrieveOutputBuffer(R, 16, &Out, &OutLength), STATUS_SUCCESS);
                       EXPECT_EQ(In, Out);
                       EXPECT_EQ(InLength, 8u);
                       EXPECT_EQ(OutLength, 16u);
                       EXPECT_EQ(static_cast<UCHAR*>(In)[7], 8);
                       static_cast<UCHAR*>(Out)[0] = 99;
                       WdfRequestCompleteWithInformation(R, STATUS_SUCCESS, 1);
                   }),
              STATUS_SUCCESS);
    EXPECT_EQ(Information, 1u);
    EXPECT_EQ(Output[0], 99);
    EXPECT_EQ(Output[1], 0) << "only what the driver returned is copied";
}

TEST_F(Request, ZeroLengthIsTooSmallForAnyMinimum)
{
    With(Buffered, 0, 0, [](WDFREQUEST R) {
        PVOID Buffer = R;
        size_t Length = 9;
        EXPECT_EQ(WdfRequestRetrieveInputBuffer(R, 0, &Buffer, &Length), STATUS_BUFFER_TOO_SMALL);
        EXPECT_EQ(Buffer, nullptr);
        EXPECT_EQ(Length, 0u);
        EXPECT_EQ(WdfRequestRetrieveOutputBuffer(R, 0, &Buffer, nullptr), STATUS_BUFFER_TOO_SMALL);
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
}

TEST_F(Request, LengthIsComparedWithTheMinimum)
{
    With(OutDirect, 4, 4, [](WDFREQUEST R) {
        PVOID Buffer;
        EXPECT_EQ(WdfRequestRetrieveInputBuffer(R, 5, &Buffer, nullptr), STATUS_BUFFER_TOO_SMALL);
        EXPECT_EQ(WdfRequestRetrieveOutputBuffer(R, 5, &Buffer, nullptr), STATUS_BUFFER_TOO_SMALL);
        EXPECT_EQ(WdfRequestRetrieveOutputBuffer(R, 4, &Buffer, nullptr), STATUS_SUCCESS);
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
}

TEST_F(Request, DirectMapsTheCallersBuffer)
{
    for (ULONG Code : {InDirect, OutDirect}) {
        With(Code, 4, 8, [](WDFREQUEST R) {
            PVOID In, Out;
            PMDL Mdl;
            ASSERT_EQ(WdfRequestRetrieveInputBuffer(R, 4, &In, nullptr), STATUS_SUCCESS);
            ASSERT_EQ(WdfRequestRetrieveOutputBuffer(R, 8, &Out, nullptr), STATUS_SUCCESS);
            EXPECT_NE(In, Out);
            ASSERT_EQ(WdfRequestRetrieveOutputWdmMdl(R, &Mdl), STATUS_SUCCESS);
            EXPECT_EQ(Mdl, WdfRequestWdmGetIrp(R)->MdlAddress);
            EXPECT_EQ(MmGetMdlByteCount(Mdl), 8u);
            WdfRequestCompleteWithInformation(R, STATUS_SUCCESS, 8);
        });
        EXPECT_EQ(Information, 8u);
    }
}

TEST_F(Request, DirectWithoutOutputHasNoMdl)
{
    With(InDirect, 4, 0, [](WDFREQUEST R) {
        PMDL Mdl;
        EXPECT_EQ(WdfRequestRetrieveOutputWdmMdl(R, &Mdl), STATUS_BUFFER_TOO_SMALL);
        EXPECT_EQ(Mdl, nullptr);
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
}

TEST_F(Request, BufferedHasOneMdlForBothSides)
{
    With(Buffered, 4, 8, [](WDFREQUEST R) {
        PMDL In, Out;
        ASSERT_EQ(WdfRequestRetrieveInputWdmMdl(R, &In), STATUS_SUCCESS);
        ASSERT_EQ(WdfRequestRetrieveOutputWdmMdl(R, &Out), STATUS_SUCCESS);
        EXPECT_EQ(In, Out);
        EXPECT_EQ(MmGetMdlByteCount(In), 4u) << "the first call fixes the length";
        EXPECT_EQ(MmGetMdlVirtualAddress(In), WdfRequestWdmGetIrp(R)->AssociatedIrp.SystemBuffer);
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
}

TEST_F(Request, NeitherIsNotForEvtIo)
{
    With(Neither, 4, 4, [](WDFREQUEST R) {
        PVOID Buffer;
        EXPECT_EQ(WdfRequestRetrieveInputBuffer(R, 0, &Buffer, nullptr), STATUS_INVALID_DEVICE_REQUEST);
        EXPECT_EQ(WdfRequestRetrieveOutputBuffer(R, 0, &Buffer, nullptr), STATUS_INVALID_DEVICE_REQUEST);
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
}

TEST_F(Request, UnsafeUserBuffersAreForTheCallersContext)
{
    Driver.InCaller = [](WDFDEVICE, WDFREQUEST R) {
        PVOID In, Out;
        size_t Length;
        EXPECT_EQ(WdfRequestRetrieveUnsafeUserInputBuffer(R, 4, &In, &Length), STATUS_SUCCESS);
        EXPECT_EQ(Length, 4u);
        EXPECT_EQ(static_cast<UCHAR*>(In)[0], 1);
        EXPECT_EQ(WdfRequestRetrieveUnsafeUserInputBuffer(R, 5, &In, &Length), STATUS_BUFFER_TOO_SMALL);
        EXPECT_EQ(WdfRequestRetrieveUnsafeUserOutputBuffer(R, 0, &Out, nullptr), STATUS_INVALID_USER_BUFFER);
        WdfRequestComplete(R, STATUS_SUCCESS);
    };
    EXPECT_EQ(With(Neither, 4, 0, nullptr), STATUS_SUCCESS);
    Unload();
    Driver.InCaller = nullptr;
    EXPECT_STOP(With(Neither, 4, 0,
                     [](WDFREQUEST R) {
                         PVOID In;
                         WdfRequestRetrieveUnsafeUserInputBuffer(R, 4, &In, nullptr);
                     }),
                "outside EvtIoInCallerContext");
}

TEST_F(Request, LocksUserBuffersInTheCallersContextForItsQueue)
{
    static WDFMEMORY In, Out;
    Driver.InCaller = [](WDFDEVICE Device, WDFREQUEST R) {
        PVOID User;
        size_t Length;
        ASSERT_EQ(WdfRequestRetrieveUnsafeUserInputBuffer(R, 1, &User, &Length), STATUS_SUCCESS);
        EXPECT_EQ(WdfRequestProbeAndLockUserBufferForRead(R, User, 0, &In), STATUS_INVALID_USER_BUFFER);
        EXPECT_EQ(WdfRequestProbeAndLockUserBufferForRead(R, reinterpret_cast<PVOID>(8), 1, &In),
                  STATUS_ACCESS_VIOLATION);
        EXPECT_EQ(In, nullptr);
        ASSERT_EQ(WdfRequestProbeAndLockUserBufferForRead(R, User, Length, &In), STATUS_SUCCESS);
        ASSERT_EQ(WdfRequestRetrieveUnsafeUserOutputBuffer(R, 1, &User, &Length), STATUS_SUCCESS);
        ASSERT_EQ(WdfRequestProbeAndLockUserBufferForWrite(R, User, Length, &Out), STATUS_SUCCESS);
        EXPECT_EQ(WdfDeviceEnqueueRequest(Device, R), STATUS_SUCCESS);
    };
    EXPECT_EQ(With(Neither, 4, 6,
                   [](WDFREQUEST R) {
                       size_t InSize, OutSize;
                       PVOID From = WdfMemoryGetBuffer(In, &InSize);
                       PVOID To = WdfMemoryGetBuffer(Out, &OutSize);
                       EXPECT_EQ(InSize, 4u);
                       EXPECT_EQ(OutSize, 6u);
                       memcpy(To, From, InSize);
                       WdfRequestCompleteWithInformation(R, STATUS_SUCCESS, InSize);
                   }),
              STATUS_SUCCESS);
    Unload(); /* detects an MDL that is still locked */
    Driver.InCaller = nullptr;
    EXPECT_STOP(With(Neither, 4, 0,
                     [](WDFREQUEST R) {
                         char Byte;
                         WdfRequestProbeAndLockUserBufferForRead(R, &Byte, 1, &In);
                     }),
                "outside EvtIoInCallerContext");
}

TEST_F(Request, MemoryObjectsDescribeItsBuffers)
{
    With(Buffered, 8, 16, [](WDFREQUEST R) {
        WDFMEMORY In, Out, Again;
        size_t Size;
        UCHAR Bytes[4];
        ASSERT_EQ(WdfRequestRetrieveInputMemory(R, &In), STATUS_SUCCESS);
        ASSERT_EQ(WdfRequestRetrieveInputMemory(R, &Again), STATUS_SUCCESS);
        EXPECT_EQ(In, Again);
        ASSERT_EQ(WdfRequestRetrieveOutputMemory(R, &Out), STATUS_SUCCESS);
        WdfMemoryGetBuffer(Out, &Size);
        EXPECT_EQ(Size, 16u);
        EXPECT_EQ(WdfMemoryCopyToBuffer(In, 4, Bytes, 4), STATUS_SUCCESS);
        EXPECT_EQ(Bytes[0], 5);
        EXPECT_EQ(WdfMemoryCopyToBuffer(In, 5, Bytes, 4), STATUS_INVALID_BUFFER_SIZE);
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
}

TEST_F(Request, StopsWhenItsMemoryIsReferencedAtCompletion)
{
    EXPECT_STOP(With(Buffered, 8, 0,
                     [](WDFREQUEST R) {
                         WDFMEMORY In;
                         WdfRequestRetrieveInputMemory(R, &In);
                         WdfObjectReference(In);
                         WdfRequestComplete(R, STATUS_SUCCESS);
                     }),
                "was completed while its WDFMEMORY");
}

TEST_F(Request, TellsItsParameters)
{
    With(OutDirect, 5, 7, [](WDFREQUEST R) {
        WDF_REQUEST_PARAMETERS Parameters;
        WDF_REQUEST_PARAMETERS_INIT(&Parameters);
        WdfRequestGetParameters(R, &Parameters);
        EXPECT_EQ(Parameters.Type, WdfRequestTypeDeviceControl);
        EXPECT_EQ(Parameters.Parameters.DeviceIoControl.InputBufferLength, 5u);
        EXPECT_EQ(Parameters.Parameters.DeviceIoControl.OutputBufferLength, 7u);
        EXPECT_EQ(Parameters.Parameters.DeviceIoControl.IoControlCode, OutDirect);
        EXPECT_EQ(WdfRequestGetRequestorMode(R), UserMode);
        EXPECT_FALSE(WdfRequestIsFrom32BitProcess(R));
        Parameters.Size = 39;
        Parameters.Type = WdfRequestTypeNoFormat;
        WdfRequestGetParameters(R, &Parameters);
        EXPECT_EQ(Parameters.Type, WdfRequestTypeNoFormat) << "a wrong size gets nothing";
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
}

TEST_F(Request, KeepsInformationSetEarlier)
{
    With(Buffered, 0, 8, [](WDFREQUEST R) {
        EXPECT_EQ(WdfRequestGetInformation(R), 0u);
        WdfRequestSetInformation(R, 5);
        EXPECT_EQ(WdfRequestGetInformation(R), 5u);
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
    EXPECT_EQ(Information, 5u);
}

TEST_F(Request, ReturnsInformationWithAWarning)
{
    EXPECT_EQ(With(Buffered, 0, 8,
                   [](WDFREQUEST R) {
                       PVOID Buffer;
                       WdfRequestRetrieveOutputBuffer(R, 8, &Buffer, nullptr);
                       static_cast<UCHAR*>(Buffer)[7] = 42;
                       WdfRequestCompleteWithInformation(R, STATUS_BUFFER_OVERFLOW, 8);
                   }),
              STATUS_BUFFER_OVERFLOW);
    EXPECT_EQ(Information, 8u);
    EXPECT_EQ(Output[7], 42);
}

std::string Events;

TEST_F(Request, HasAZeroedContextAndItsCallbacks)
{
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Driver.RequestAttributes, REQUEST_CONTEXT);
    Driver.RequestAttributes.EvtCleanupCallback = [](WDFOBJECT R) {
        PVOID Buffer;
        EXPECT_NE(WdfRequestWdmGetIrp(static_cast<WDFREQUEST>(R)), nullptr);
        UNREFERENCED_PARAMETER(Buffer);
        Events += "c";
    };
    Driver.RequestAttributes.EvtDestroyCallback = [](WDFOBJECT R) {
        EXPECT_EQ(GetRequestContext(R)->Bytes[63], 0xAA);
        Events += "d";
    };
    for (int i = 0; i < 3; i++) {
        Events.clear();
        With(Buffered, 0, 0, [](WDFREQUEST R) {
            for (UCHAR& Byte : GetRequestContext(R)->Bytes) {
                EXPECT_EQ(Byte, 0);
                Byte = 0xAA;
            }
            WdfRequestComplete(R, STATUS_SUCCESS);
        });
        EXPECT_EQ(Events, "cd");
    }
}

TEST_F(Request, CleanupIsLeftOutWhenTheDriverNeverSawIt)
{
    Driver.DispatchType = WdfIoQueueDispatchManual;
    Driver.RequestAttributes.EvtCleanupCallback = [](WDFOBJECT) { Events += "c"; };
    Events.clear();
    Load();
    HANDLE Handle = Open();
    Call TheCall(Handle, Buffered);
    EXPECT_EQ(TheCall.Send(), STATUS_PENDING);
    TheCall.Cancel();
    EXPECT_EQ(TheCall.Wait(), STATUS_CANCELLED);
    EXPECT_EQ(Events, "");
    Close(Handle);
}

TEST_F(Request, OutlivesItsCompletionByReference)
{
    WDFREQUEST Kept = nullptr;
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Driver.RequestAttributes, REQUEST_CONTEXT);
    Driver.RequestAttributes.EvtDestroyCallback = [](WDFOBJECT) { Events += "d"; };
    Events.clear();
    With(Buffered, 0, 0, [&](WDFREQUEST R) {
        WdfObjectReference(R);
        GetRequestContext(R)->Bytes[0] = 7;
        Kept = R;
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
    EXPECT_EQ(Events, "");
    EXPECT_EQ(GetRequestContext(Kept)->Bytes[0], 7);
    WdfObjectDereference(Kept);
    EXPECT_EQ(Events, "d");
}

TEST_F(Request, DeletesItsChildren)
{
    Events.clear();
    With(Buffered, 0, 0, [](WDFREQUEST R) {
        WDF_OBJECT_ATTRIBUTES Attributes;
        WDFMEMORY Memory;
        WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
        Attributes.ParentObject = R;
        Attributes.EvtCleanupCallback = [](WDFOBJECT) { Events += "m"; };
        ASSERT_EQ(WdfMemoryCreate(&Attributes, NonPagedPoolNx, 0, 100, &Memory, nullptr), STATUS_SUCCESS);
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
    EXPECT_EQ(Events, "m");
}

TEST_F(Request, StopsAtASecondCompletion)
{
    EXPECT_STOP(With(Buffered, 0, 0,
                     [](WDFREQUEST R) {
                         WdfRequestComplete(R, STATUS_SUCCESS);
                         WdfRequestComplete(R, STATUS_SUCCESS);
                     }),
                "WdfRequestComplete was called .*already completed");
    EXPECT_STOP(With(Buffered, 0, 0,
                     [](WDFREQUEST R) {
                         WdfObjectReference(R);
                         WdfRequestComplete(R, STATUS_SUCCESS);
                         WdfRequestComplete(R, STATUS_SUCCESS);
                     }),
                "WdfRequestComplete was called .*already completed");
}

TEST_F(Request, StopsAtUseAfterCompletion)
{
    EXPECT_STOP(With(Buffered, 0, 0,
                     [](WDFREQUEST R) {
                         WdfObjectReference(R);
                         WdfRequestComplete(R, STATUS_SUCCESS);
                         WdfRequestWdmGetIrp(R);
                     }),
                "WdfRequestWdmGetIrp was called .*already completed");
}

TEST_F(Request, StopsAtTooMuchInformation)
{
    EXPECT_STOP(
        With(Buffered, 0, 8, [](WDFREQUEST R) { WdfRequestCompleteWithInformation(R, STATUS_SUCCESS, 9); }),
        "completed with 9 bytes of information; its buffer has 8");
    EXPECT_STOP(
        With(Buffered, 0, 0, [](WDFREQUEST R) { WdfRequestCompleteWithInformation(R, STATUS_SUCCESS, 1); }),
        "completed with 1 bytes of information; its buffer has 0");
}

TEST_F(Request, StopsAtCompletionWithPending)
{
    EXPECT_STOP(With(Buffered, 0, 0, [](WDFREQUEST R) { WdfRequestComplete(R, STATUS_PENDING); }),
                "STATUS_PENDING");
}

TEST_F(Request, StopsAtARequestThatWaitsInAQueue)
{
    EXPECT_STOP(
        {
            Driver.DispatchType = WdfIoQueueDispatchManual;
            Load();
            HANDLE Handle = Open();
            Call TheCall(Handle, Buffered);
            WDFREQUEST R;
            TheCall.Send();
            WdfIoQueueFindRequest(Driver.Queue, nullptr, nullptr, nullptr, &R);
            WdfRequestComplete(R, STATUS_SUCCESS);
        },
        "waits in a queue and is not the driver's");
}

TEST_F(Request, ListsARequestThatIsReferencedAtUnload)
{
    EXPECT_STOP(
        {
            With(Buffered, 0, 0, [](WDFREQUEST R) {
                WdfObjectReference(R);
                WdfRequestComplete(R, STATUS_SUCCESS);
            });
            Unload();
        },
        "still there: WDFDEVICE(.|\n)*WDFREQUEST");
}

TEST_F(Request, IsRefusedWhenMemoryIsShort)
{
    Driver.Control = nullptr;
    Load();
    HANDLE Handle = Open();
    for (ULONG i = 1; i < 4; i++) {
        HostFailAllocation(i, 0);
        NTSTATUS Status = Ioctl(Handle, Buffered, 8, 8);
        HostFailAllocation(0, 0);
        EXPECT_TRUE(Status == STATUS_SUCCESS || Status == STATUS_INSUFFICIENT_RESOURCES)
            << std::hex << Status;
    }
    EXPECT_EQ(Ioctl(Handle, Buffered, 8, 8), STATUS_SUCCESS);
    Close(Handle);
}

} // namespace
