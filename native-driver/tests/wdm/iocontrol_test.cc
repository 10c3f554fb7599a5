/* SPDX-License-Identifier: Apache-2.0
 *
 * IOCTLs: buffers by method, access, results, completion inline and by port.
 */
#include "test_driver.h"

#include <atomic>

namespace {

class IoControl : public DriverTest {
  protected:
    void SetUp() override
    {
        DriverTest::SetUp();
        Load();
        file = Open();
    }
    void TearDown() override
    {
        if (file != nullptr) {
            EXPECT_STATUS(STATUS_SUCCESS, NtClose(file));
        }
        DriverTest::TearDown();
    }
    HANDLE file = nullptr;
    IO_STATUS_BLOCK block = {};
};

NTSTATUS Echo(PIRP irp, PIO_STACK_LOCATION stack)
{
    ULONG length = stack->Parameters.DeviceIoControl.InputBufferLength;
    if (length > stack->Parameters.DeviceIoControl.OutputBufferLength) {
        length = stack->Parameters.DeviceIoControl.OutputBufferLength;
    }
    return Complete(irp, STATUS_SUCCESS, length);
}

TEST_F(IoControl, BufferedCopiesInAndOut)
{
    for (ULONG size : {1u, 16u, 256u, 257u, 100000u}) {
        std::string input(size, 'x');
        std::string output(size, 'o');
        driver.control = [&](PIRP irp, PIO_STACK_LOCATION stack) {
            char* buffer = static_cast<char*>(irp->AssociatedIrp.SystemBuffer);
            EXPECT_NE(input.data(), buffer);
            EXPECT_EQ(nullptr, irp->MdlAddress);
            EXPECT_EQ(0, memcmp(buffer, input.data(), size));
            EXPECT_EQ(UserMode, irp->RequestorMode);
            EXPECT_EQ(IRP_MJ_DEVICE_CONTROL, stack->MajorFunction);
            EXPECT_EQ(testDriver->device, stack->DeviceObject);
            memset(buffer, 'y', size);
            return Complete(irp, STATUS_SUCCESS, size / 2);
        };
        EXPECT_STATUS(STATUS_SUCCESS,
                      Control(file, kBuffered, &block, input.data(), size, output.data(), size));
        EXPECT_STATUS(STATUS_SUCCESS, block.Status);
        EXPECT_EQ(size / 2, block.Information);
        EXPECT_EQ(std::string(size / 2, 'y') + std::string(size - size / 2, 'o'), output);
        EXPECT_EQ(std::string(size, 'x'), input);
    }
}

TEST_F(IoControl, InformationIsCappedByTheOutputLength)
{
    char output[8] = "1234567";
    char input[32] = "abcdefghijklmnop";
    driver.control = [](PIRP irp, PIO_STACK_LOCATION) { return Complete(irp, STATUS_SUCCESS, 32); };
    EXPECT_STATUS(STATUS_SUCCESS, Control(file, kBuffered, &block, input, 32, output, 4));
    EXPECT_STREQ("abcd567", output);
}

TEST_F(IoControl, WarningsCopyOutputAndErrorsDoNot)
{
    char buffer[4] = {1, 1, 1, 1};
    NTSTATUS status = STATUS_BUFFER_OVERFLOW;
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) {
        memset(irp->AssociatedIrp.SystemBuffer, 2, 4);
        return Complete(irp, status, 4);
    };
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, Control(file, kBuffered, &block, nullptr, 0, buffer, 4));
    EXPECT_EQ(2, buffer[0]);
    EXPECT_EQ(4u, block.Information);
    status = STATUS_UNSUCCESSFUL;
    buffer[0] = 1;
    EXPECT_STATUS(STATUS_UNSUCCESSFUL, Control(file, kBuffered, &block, nullptr, 0, buffer, 4));
    EXPECT_EQ(1, buffer[0]);
}

TEST_F(IoControl, NoBuffersGiveNullPointers)
{
    driver.control = [](PIRP irp, PIO_STACK_LOCATION) {
        EXPECT_EQ(nullptr, irp->AssociatedIrp.SystemBuffer);
        EXPECT_EQ(nullptr, irp->MdlAddress);
        return Complete(irp, STATUS_SUCCESS);
    };
    for (ULONG code : {kBuffered, kInDirect, kOutDirect, kNeither}) {
        EXPECT_STATUS(STATUS_SUCCESS, Control(file, code, &block));
    }
}

TEST_F(IoControl, DirectMethodsGiveAnMdlOfTheOutputBuffer)
{
    char input[3] = {1, 2, 3};
    char output[5000];
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) {
        EXPECT_EQ(0, memcmp(irp->AssociatedIrp.SystemBuffer, input, 3));
        EXPECT_NE(static_cast<void*>(input), irp->AssociatedIrp.SystemBuffer);
        PMDL mdl = irp->MdlAddress;
        EXPECT_EQ(5000u, MmGetMdlByteCount(mdl));
        EXPECT_EQ(output, MmGetMdlVirtualAddress(mdl));
        EXPECT_EQ(output, MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority | MdlMappingNoExecute));
        EXPECT_EQ(nullptr, mdl->Next);
        return Complete(irp, STATUS_SUCCESS, 5000);
    };
    for (ULONG code : {kInDirect, kOutDirect}) {
        EXPECT_STATUS(STATUS_SUCCESS, Control(file, code, &block, input, 3, output, 5000));
        EXPECT_EQ(5000u, block.Information);
    }
}

TEST_F(IoControl, NeitherPassesPointersThrough)
{
    char input, output;
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION stack) {
        EXPECT_EQ(&input, stack->Parameters.DeviceIoControl.Type3InputBuffer);
        EXPECT_EQ(&output, irp->UserBuffer);
        return Complete(irp, STATUS_SUCCESS);
    };
    EXPECT_STATUS(STATUS_SUCCESS, Control(file, kNeither, &block, &input, 1, &output, 1));
}

TEST_F(IoControl, TheDriversMdlsAreFreedWithTheRequest)
{
    char output[10];
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) {
        EXPECT_NE(nullptr, IoAllocateMdl(output, 10, TRUE, FALSE, irp));
        return Complete(irp, STATUS_SUCCESS);
    };
    EXPECT_STATUS(STATUS_SUCCESS, Control(file, kOutDirect, &block, nullptr, 0, output, 10));
    EXPECT_STATUS(STATUS_SUCCESS, Control(file, kBuffered, &block));
    HOST_ACCOUNTING accounting;
    HostQueryAccounting(&accounting);
    EXPECT_EQ(0u, accounting.Mdls);
}

TEST_F(IoControl, AccessBitsAreChecked)
{
    constexpr ULONG any = ControlCode(0x900, METHOD_BUFFERED, FILE_ANY_ACCESS);
    constexpr ULONG read = ControlCode(0x900, METHOD_BUFFERED, FILE_READ_ACCESS);
    constexpr ULONG write = ControlCode(0x900, METHOD_BUFFERED, FILE_WRITE_ACCESS);
    constexpr ULONG both = ControlCode(0x900, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS);
    HANDLE reader = Open(GENERIC_READ);
    HANDLE writer = Open(FILE_WRITE_DATA);
    EXPECT_STATUS(STATUS_SUCCESS, Control(reader, any, &block));
    EXPECT_STATUS(STATUS_SUCCESS, Control(reader, read, &block));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Control(reader, write, &block));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Control(reader, both, &block));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Control(writer, read, &block));
    EXPECT_STATUS(STATUS_SUCCESS, Control(writer, write, &block));
    EXPECT_STATUS(STATUS_SUCCESS, Control(file, both, &block));
    NtClose(reader);
    NtClose(writer);
}

TEST_F(IoControl, MisuseByTheUserIsAStatus)
{
    char byte;
    HANDLE event = CreateEventHandle();
    EXPECT_STATUS(STATUS_INVALID_HANDLE, Control(nullptr, kBuffered, &block));
    EXPECT_STATUS(STATUS_INVALID_HANDLE, Control(event, kBuffered, &block));
    EXPECT_STATUS(STATUS_INVALID_HANDLE, Control((HANDLE)~0ULL, kBuffered, &block));
    EXPECT_STATUS(STATUS_INVALID_HANDLE, Control((HANDLE)((ULONG_PTR)file + 1), kBuffered, &block));
    EXPECT_STATUS(STATUS_INVALID_HANDLE,
                  Control(file, kBuffered, &block, nullptr, 0, nullptr, 0, nullptr, file));
    EXPECT_STATUS(STATUS_INVALID_USER_BUFFER, Control(file, kBuffered, &block, nullptr, 1));
    EXPECT_STATUS(STATUS_INVALID_USER_BUFFER, Control(file, kOutDirect, &block, nullptr, 0, nullptr, 1));
    EXPECT_STATUS(STATUS_INVALID_USER_BUFFER, Control(file, kBuffered, nullptr));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, NtDeviceIoControlFile(file, nullptr, &byte, nullptr, &block,
                                                                  kBuffered, nullptr, 0, nullptr, 0));
    NtClose(event);
    EXPECT_STATUS(STATUS_INVALID_HANDLE, NtClose(event));
}

TEST_F(IoControl, AStaleHandleStaysInvalid)
{
    HANDLE stale = file;
    NtClose(file);
    file = Open();
    EXPECT_NE(stale, file);
    EXPECT_STATUS(STATUS_INVALID_HANDLE, Control(stale, kBuffered, &block));
    EXPECT_STATUS(STATUS_INVALID_HANDLE, NtClose(stale));
    EXPECT_STATUS(STATUS_INVALID_HANDLE, HostSetInlineCompletion(stale));
    EXPECT_STATUS(STATUS_INVALID_HANDLE, NtCancelIoFileEx(stale, nullptr, &block));
}

TEST_F(IoControl, UnhandledMajorFunctionIsInvalidRequest)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_READ;
    IoSetCompletionRoutine(
        irp,
        [](PDEVICE_OBJECT, PIRP completed, PVOID) -> NTSTATUS {
            EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, completed->IoStatus.Status);
            IoFreeIrp(completed);
            return STATUS_MORE_PROCESSING_REQUIRED;
        },
        nullptr, TRUE, TRUE, TRUE);
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, IoCallDriver(driver.device, irp));
}

TEST_F(IoControl, ExhaustionIsAStatus)
{
    char buffer[4];
    for (ULONG nth = 1; nth <= 2; nth++) {
        HostFailAllocation(nth, 0);
        EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES, Control(file, kBuffered, &block, buffer, 4));
    }
    for (ULONG nth = 1; nth <= 3; nth++) {
        HostFailAllocation(nth, 0);
        EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES, Control(file, kInDirect, &block, buffer, 4, buffer, 4));
    }
    HostFailAllocation(0, 0);
    EXPECT_STATUS(STATUS_SUCCESS, Control(file, kInDirect, &block, buffer, 4, buffer, 4));
}

TEST_F(IoControl, EventIsResetThenSet)
{
    IrpQueue queue;
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) { return queue.Insert(irp); };
    HANDLE event = CreateEventHandle(NotificationEvent, TRUE);
    LARGE_INTEGER poll = Milliseconds(0);
    EXPECT_STATUS(STATUS_PENDING, Control(file, kBuffered, &block, nullptr, 0, nullptr, 0, nullptr, event));
    EXPECT_STATUS(STATUS_TIMEOUT, NtWaitForSingleObject(event, FALSE, &poll));
    std::thread completer([&] { EXPECT_EQ(1u, queue.CompleteAll(STATUS_SUCCESS, 7)); });
    EXPECT_STATUS(STATUS_SUCCESS, NtWaitForSingleObject(event, FALSE, nullptr));
    EXPECT_STATUS(STATUS_SUCCESS, block.Status);
    EXPECT_EQ(7u, block.Information);
    completer.join();
    NtClose(event);
}

TEST_F(IoControl, ASynchronousFailureIsToldByTheResultAlone)
{
    HANDLE port = CreatePort();
    HANDLE event = CreateEventHandle();
    LARGE_INTEGER poll = Milliseconds(0);
    block.Status = 0x1234;
    ASSERT_STATUS(STATUS_SUCCESS, HostAssociateCompletionPort(file, port, nullptr));
    driver.control = [](PIRP irp, PIO_STACK_LOCATION) { return Complete(irp, STATUS_NOT_FOUND); };
    EXPECT_STATUS(STATUS_NOT_FOUND, Control(file, kBuffered, &block, nullptr, 0, nullptr, 0, this, event));
    EXPECT_EQ(0x1234, block.Status);
    EXPECT_STATUS(STATUS_TIMEOUT, NtWaitForSingleObject(event, FALSE, &poll));
    EXPECT_TRUE(TakePackets(port, 1, nullptr, 0).empty());

    driver.control = [](PIRP irp, PIO_STACK_LOCATION) {
        IoMarkIrpPending(irp);
        Complete(irp, STATUS_NOT_FOUND);
        return STATUS_PENDING;
    };
    EXPECT_STATUS(STATUS_PENDING, Control(file, kBuffered, &block, nullptr, 0, nullptr, 0, this, event));
    EXPECT_STATUS(STATUS_NOT_FOUND, block.Status);
    EXPECT_STATUS(STATUS_SUCCESS, NtWaitForSingleObject(event, FALSE, &poll));
    EXPECT_EQ(1u, TakePackets(port, 2).size());
    NtClose(event);
    NtClose(port);
}

TEST_F(IoControl, PortGetsAPacketForEachRequestWithAContext)
{
    HANDLE port = CreatePort();
    HANDLE second = CreatePort();
    driver.control = Echo;
    ASSERT_STATUS(STATUS_SUCCESS, HostAssociateCompletionPort(file, port, &driver));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, HostAssociateCompletionPort(file, port, nullptr));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, HostAssociateCompletionPort(file, second, nullptr));
    EXPECT_STATUS(STATUS_INVALID_HANDLE, HostAssociateCompletionPort(file, file, nullptr));
    EXPECT_STATUS(STATUS_SUCCESS, Control(file, kBuffered, &block, nullptr, 0, nullptr, 0, nullptr));
    EXPECT_STATUS(STATUS_SUCCESS, Control(file, kBuffered, &block, nullptr, 0, nullptr, 0, &block));
    auto packets = TakePackets(port, 10);
    ASSERT_EQ(1u, packets.size());
    EXPECT_EQ(&driver, packets[0].KeyContext);
    EXPECT_EQ(&block, packets[0].ApcContext);
    EXPECT_STATUS(STATUS_SUCCESS, packets[0].IoStatusBlock.Status);
    NtClose(port);
    NtClose(second);
}

TEST_F(IoControl, RequestsOutliveTheirPort)
{
    IrpQueue queue;
    HANDLE port = CreatePort();
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) { return queue.Insert(irp); };
    ASSERT_STATUS(STATUS_SUCCESS, HostAssociateCompletionPort(file, port, nullptr));
    EXPECT_STATUS(STATUS_PENDING, Control(file, kBuffered, &block, nullptr, 0, nullptr, 0, this));
    NtClose(port);
    EXPECT_EQ(1u, queue.CompleteAll(STATUS_SUCCESS, 3));
    EXPECT_EQ(3u, block.Information);
}

TEST_F(IoControl, InlineCompletionGivesTheFinalStatus)
{
    HANDLE port = CreatePort();
    char output[4] = {};
    ASSERT_STATUS(STATUS_SUCCESS, HostAssociateCompletionPort(file, port, nullptr));
    ASSERT_STATUS(STATUS_SUCCESS, HostSetInlineCompletion(file));
    driver.control = [](PIRP irp, PIO_STACK_LOCATION) {
        IoMarkIrpPending(irp);
        memset(irp->AssociatedIrp.SystemBuffer, 5, 4);
        Complete(irp, STATUS_BUFFER_OVERFLOW, 4);
        return STATUS_PENDING;
    };
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, Control(file, kBuffered, &block, nullptr, 0, output, 4, this));
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, block.Status);
    EXPECT_EQ(4u, block.Information);
    EXPECT_EQ(5, output[3]);
    EXPECT_TRUE(TakePackets(port, 1, nullptr, 0).empty());

    IrpQueue queue;
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) { return queue.Insert(irp); };
    EXPECT_STATUS(STATUS_PENDING, Control(file, kBuffered, &block, nullptr, 0, output, 4, this));
    EXPECT_EQ(1u, queue.CompleteAll(STATUS_SUCCESS));
    EXPECT_EQ(1u, TakePackets(port, 2).size());
    NtClose(port);
}

/* Another thread completes while the dispatch routine is on its way back: exactly one of result and packet.
 */
TEST_F(IoControl, InlineCompletionRacesWithAnotherThread)
{
    IrpQueue queue;
    HANDLE port = CreatePort();
    ASSERT_STATUS(STATUS_SUCCESS, HostAssociateCompletionPort(file, port, nullptr));
    ASSERT_STATUS(STATUS_SUCCESS, HostSetInlineCompletion(file));
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) { return queue.Insert(irp); };
    constexpr int kRequests = 5000;
    std::atomic<bool> stop{false};
    std::thread completer([&] {
        while (!stop) {
            if (queue.CompleteAll(STATUS_SUCCESS, 9) == 0) {
                std::this_thread::yield();
            }
        }
    });
    int finished = 0;
    for (int i = 0; i < kRequests; i++) {
        block = {};
        NTSTATUS status = Control(file, kBuffered, &block, nullptr, 0, nullptr, 0, this);
        if (status == STATUS_PENDING) {
            ASSERT_EQ(1u, TakePackets(port, 1).size());
        } else {
            ASSERT_STATUS(STATUS_SUCCESS, status);
        }
        ASSERT_EQ(9u, block.Information);
        finished++;
    }
    stop = true;
    completer.join();
    EXPECT_EQ(kRequests, finished);
    EXPECT_TRUE(TakePackets(port, 1, nullptr, 0).empty());
    NtClose(port);
}

TEST_F(IoControl, ManyThreadsAndHandlesAtOnce)
{
    driver.control = Echo;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++) {
        threads.emplace_back([&] {
            for (int i = 0; i < 500; i++) {
                HANDLE own = nullptr;
                IO_STATUS_BLOCK result;
                int value = i;
                ASSERT_STATUS(STATUS_SUCCESS, HostOpenFile(L"\\\\.\\WdmTest", GENERIC_READ, &own));
                ASSERT_STATUS(STATUS_SUCCESS, Control(own, kBuffered, &result, &value, 4, &value, 4));
                ASSERT_STATUS(STATUS_SUCCESS, Control(file, kBuffered, &result, &value, 4, &value, 4));
                ASSERT_STATUS(STATUS_SUCCESS, NtClose(own));
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

/* One handle, closed by one thread while others use it. */
TEST_F(IoControl, CloseRacesWithUse)
{
    driver.control = Echo;
    for (int round = 0; round < 100; round++) {
        HANDLE shared = Open();
        std::atomic<int> closed{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; t++) {
            threads.emplace_back([&] {
                NTSTATUS status = STATUS_SUCCESS;
                IO_STATUS_BLOCK result;
                for (int i = 0; i < 20 && status == STATUS_SUCCESS; i++) {
                    status = Control(shared, kBuffered, &result);
                }
                closed += NT_SUCCESS(NtClose(shared)) ? 1 : 0;
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        ASSERT_EQ(1, closed.load());
    }
    std::vector<std::string> log = driver.TakeLog();
    EXPECT_EQ(100, std::count(log.begin(), log.end(), "cleanup"));
    EXPECT_TRUE(Await([] {
        HOST_ACCOUNTING accounting;
        HostQueryAccounting(&accounting);
        return accounting.FileObjects == 1;
    }));
}

} // namespace
