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
            EXPECT_EQ(OutputLength, Output);
            EXPECT_EQ(InputLength, Input);
            EXPECT_EQ(Code, TheCode);
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
    EXPECT_STATUS(STATUS_SUCCESS, With(Buffered, 8, 16, [](WDFREQUEST R) {
                      PVOID In, Out;
                      size_t InLength, OutLength;
                      EXPECT_STATUS(STATUS_SUCCESS, WdfRequestRetrieveInputBuffer(R, 8, &In, &InLength));
                      EXPECT_STATUS(STATUS_SUCCESS, WdfRequestRetrieveOutputBuffer(R, 16, &Out, &OutLength));
                      EXPECT_EQ(Out, In);
                      EXPECT_EQ(8u, InLength);
                      EXPECT_EQ(16u, OutLength);
                      EXPECT_EQ(8, static_cast<UCHAR*>(In)[7]);
                      static_cast<UCHAR*>(Out)[0] = 99;
                      WdfRequestCompleteWithInformation(R, STATUS_SUCCESS, 1);
                  }));
    EXPECT_EQ(1u, Information);
    EXPECT_EQ(99, Output[0]);
    EXPECT_EQ(0, Output[1]) << "only what the driver returned is copied";
}

TEST_F(Request, ZeroLengthIsTooSmallForAnyMinimum)
{
    With(Buffered, 0, 0, [](WDFREQUEST R) {
        PVOID Buffer = R;
        size_t Length = 9;
        EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, WdfRequestRetrieveInputBuffer(R, 0, &Buffer, &Length));
        EXPECT_EQ(nullptr, Buffer);
        EXPECT_EQ(0u, Length);
        EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, WdfRequestRetrieveOutputBuffer(R, 0, &Buffer, nullptr));
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
}

TEST_F(Request, LengthIsComparedWithTheMinimum)
{
    With(OutDirect, 4, 4, [](WDFREQUEST R) {
        PVOID Buffer;
        EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, WdfRequestRetrieveInputBuffer(R, 5, &Buffer, nullptr));
        EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, WdfRequestRetrieveOutputBuffer(R, 5, &Buffer, nullptr));
        EXPECT_STATUS(STATUS_SUCCESS, WdfRequestRetrieveOutputBuffer(R, 4, &Buffer, nullptr));
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
}

TEST_F(Request, DirectMapsTheCallersBuffer)
{
    for (ULONG Code : {InDirect, OutDirect}) {
        With(Code, 4, 8, [](WDFREQUEST R) {
            PVOID In, Out;
            PMDL Mdl;
            ASSERT_STATUS(STATUS_SUCCESS, WdfRequestRetrieveInputBuffer(R, 4, &In, nullptr));
            ASSERT_STATUS(STATUS_SUCCESS, WdfRequestRetrieveOutputBuffer(R, 8, &Out, nullptr));
            EXPECT_NE(Out, In);
            ASSERT_STATUS(STATUS_SUCCESS, WdfRequestRetrieveOutputWdmMdl(R, &Mdl));
            EXPECT_EQ(WdfRequestWdmGetIrp(R)->MdlAddress, Mdl);
            EXPECT_EQ(8u, MmGetMdlByteCount(Mdl));
            WdfRequestCompleteWithInformation(R, STATUS_SUCCESS, 8);
        });
        EXPECT_EQ(8u, Information);
    }
}

TEST_F(Request, DirectWithoutOutputHasNoMdl)
{
    With(InDirect, 4, 0, [](WDFREQUEST R) {
        PMDL Mdl;
        EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, WdfRequestRetrieveOutputWdmMdl(R, &Mdl));
        EXPECT_EQ(nullptr, Mdl);
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
}

TEST_F(Request, BufferedHasOneMdlForBothSides)
{
    With(Buffered, 4, 8, [](WDFREQUEST R) {
        PMDL In, Out;
        ASSERT_STATUS(STATUS_SUCCESS, WdfRequestRetrieveInputWdmMdl(R, &In));
        ASSERT_STATUS(STATUS_SUCCESS, WdfRequestRetrieveOutputWdmMdl(R, &Out));
        EXPECT_EQ(Out, In);
        EXPECT_EQ(4u, MmGetMdlByteCount(In)) << "the first call fixes the length";
        EXPECT_EQ(WdfRequestWdmGetIrp(R)->AssociatedIrp.SystemBuffer, MmGetMdlVirtualAddress(In));
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
}

TEST_F(Request, NeitherIsNotForEvtIo)
{
    With(Neither, 4, 4, [](WDFREQUEST R) {
        PVOID Buffer;
        EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, WdfRequestRetrieveInputBuffer(R, 0, &Buffer, nullptr));
        EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, WdfRequestRetrieveOutputBuffer(R, 0, &Buffer, nullptr));
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
}

TEST_F(Request, UnsafeUserBuffersAreForTheCallersContext)
{
    Driver.InCaller = [](WDFDEVICE, WDFREQUEST R) {
        PVOID In, Out;
        size_t Length;
        EXPECT_STATUS(STATUS_SUCCESS, WdfRequestRetrieveUnsafeUserInputBuffer(R, 4, &In, &Length));
        EXPECT_EQ(4u, Length);
        EXPECT_EQ(1, static_cast<UCHAR*>(In)[0]);
        EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, WdfRequestRetrieveUnsafeUserInputBuffer(R, 5, &In, &Length));
        EXPECT_STATUS(STATUS_INVALID_USER_BUFFER,
                      WdfRequestRetrieveUnsafeUserOutputBuffer(R, 0, &Out, nullptr));
        WdfRequestComplete(R, STATUS_SUCCESS);
    };
    EXPECT_STATUS(STATUS_SUCCESS, With(Neither, 4, 0, nullptr));
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
        ASSERT_STATUS(STATUS_SUCCESS, WdfRequestRetrieveUnsafeUserInputBuffer(R, 1, &User, &Length));
        EXPECT_STATUS(STATUS_INVALID_USER_BUFFER, WdfRequestProbeAndLockUserBufferForRead(R, User, 0, &In));
        EXPECT_STATUS(STATUS_ACCESS_VIOLATION,
                      WdfRequestProbeAndLockUserBufferForRead(R, reinterpret_cast<PVOID>(8), 1, &In));
        EXPECT_EQ(nullptr, In);
        ASSERT_STATUS(STATUS_SUCCESS, WdfRequestProbeAndLockUserBufferForRead(R, User, Length, &In));
        ASSERT_STATUS(STATUS_SUCCESS, WdfRequestRetrieveUnsafeUserOutputBuffer(R, 1, &User, &Length));
        ASSERT_STATUS(STATUS_SUCCESS, WdfRequestProbeAndLockUserBufferForWrite(R, User, Length, &Out));
        EXPECT_STATUS(STATUS_SUCCESS, WdfDeviceEnqueueRequest(Device, R));
    };
    EXPECT_STATUS(STATUS_SUCCESS, With(Neither, 4, 6, [](WDFREQUEST R) {
                      size_t InSize, OutSize;
                      PVOID From = WdfMemoryGetBuffer(In, &InSize);
                      PVOID To = WdfMemoryGetBuffer(Out, &OutSize);
                      EXPECT_EQ(4u, InSize);
                      EXPECT_EQ(6u, OutSize);
                      memcpy(To, From, InSize);
                      WdfRequestCompleteWithInformation(R, STATUS_SUCCESS, InSize);
                  }));
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
        ASSERT_STATUS(STATUS_SUCCESS, WdfRequestRetrieveInputMemory(R, &In));
        ASSERT_STATUS(STATUS_SUCCESS, WdfRequestRetrieveInputMemory(R, &Again));
        EXPECT_EQ(Again, In);
        ASSERT_STATUS(STATUS_SUCCESS, WdfRequestRetrieveOutputMemory(R, &Out));
        WdfMemoryGetBuffer(Out, &Size);
        EXPECT_EQ(16u, Size);
        EXPECT_STATUS(STATUS_SUCCESS, WdfMemoryCopyToBuffer(In, 4, Bytes, 4));
        EXPECT_EQ(5, Bytes[0]);
        EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, WdfMemoryCopyToBuffer(In, 5, Bytes, 4));
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
        EXPECT_EQ(WdfRequestTypeDeviceControl, Parameters.Type);
        EXPECT_EQ(5u, Parameters.Parameters.DeviceIoControl.InputBufferLength);
        EXPECT_EQ(7u, Parameters.Parameters.DeviceIoControl.OutputBufferLength);
        EXPECT_EQ(OutDirect, Parameters.Parameters.DeviceIoControl.IoControlCode);
        EXPECT_EQ(UserMode, WdfRequestGetRequestorMode(R));
        EXPECT_FALSE(WdfRequestIsFrom32BitProcess(R));
        Parameters.Size = 39;
        Parameters.Type = WdfRequestTypeNoFormat;
        WdfRequestGetParameters(R, &Parameters);
        EXPECT_EQ(WdfRequestTypeNoFormat, Parameters.Type) << "a wrong size gets nothing";
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
}

TEST_F(Request, KeepsInformationSetEarlier)
{
    With(Buffered, 0, 8, [](WDFREQUEST R) {
        EXPECT_EQ(0u, WdfRequestGetInformation(R));
        WdfRequestSetInformation(R, 5);
        EXPECT_EQ(5u, WdfRequestGetInformation(R));
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
    EXPECT_EQ(5u, Information);
}

TEST_F(Request, ReturnsInformationWithAWarning)
{
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, With(Buffered, 0, 8, [](WDFREQUEST R) {
                      PVOID Buffer;
                      WdfRequestRetrieveOutputBuffer(R, 8, &Buffer, nullptr);
                      static_cast<UCHAR*>(Buffer)[7] = 42;
                      WdfRequestCompleteWithInformation(R, STATUS_BUFFER_OVERFLOW, 8);
                  }));
    EXPECT_EQ(8u, Information);
    EXPECT_EQ(42, Output[7]);
}

std::string Events;

TEST_F(Request, HasAZeroedContextAndItsCallbacks)
{
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Driver.RequestAttributes, REQUEST_CONTEXT);
    Driver.RequestAttributes.EvtCleanupCallback = [](WDFOBJECT R) {
        PVOID Buffer;
        EXPECT_NE(nullptr, WdfRequestWdmGetIrp(static_cast<WDFREQUEST>(R)));
        UNREFERENCED_PARAMETER(Buffer);
        Events += "c";
    };
    Driver.RequestAttributes.EvtDestroyCallback = [](WDFOBJECT R) {
        EXPECT_EQ(0xAA, GetRequestContext(R)->Bytes[63]);
        Events += "d";
    };
    for (int i = 0; i < 3; i++) {
        Events.clear();
        With(Buffered, 0, 0, [](WDFREQUEST R) {
            for (UCHAR& Byte : GetRequestContext(R)->Bytes) {
                EXPECT_EQ(0, Byte);
                Byte = 0xAA;
            }
            WdfRequestComplete(R, STATUS_SUCCESS);
        });
        EXPECT_EQ("cd", Events);
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
    EXPECT_STATUS(STATUS_PENDING, TheCall.Send());
    TheCall.Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, TheCall.Wait());
    EXPECT_EQ("", Events);
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
    EXPECT_EQ("", Events);
    EXPECT_EQ(7, GetRequestContext(Kept)->Bytes[0]);
    WdfObjectDereference(Kept);
    EXPECT_EQ("d", Events);
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
        ASSERT_STATUS(STATUS_SUCCESS, WdfMemoryCreate(&Attributes, NonPagedPoolNx, 0, 100, &Memory, nullptr));
        WdfRequestComplete(R, STATUS_SUCCESS);
    });
    EXPECT_EQ("m", Events);
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
    EXPECT_STATUS(STATUS_SUCCESS, Ioctl(Handle, Buffered, 8, 8));
    Close(Handle);
}

} // namespace
