/* SPDX-License-Identifier: Apache-2.0
 *
 * Cancellation: of IRPs by drivers, of requests by users, and races with completion on other threads.
 */
#include "test_driver.h"

#include <atomic>

namespace {

class Cancel : public DriverTest {
  protected:
    void SetUp() override
    {
        DriverTest::SetUp();
        driver.control = [this](PIRP irp, PIO_STACK_LOCATION) { return queue.Insert(irp); };
        Load();
        file = Open();
        port = CreatePort();
        ASSERT_STATUS(STATUS_SUCCESS, HostAssociateCompletionPort(file, port, nullptr));
    }
    void TearDown() override
    {
        NtClose(file);
        NtClose(port);
        DriverTest::TearDown();
    }
    IrpQueue queue;
    HANDLE file = nullptr;
    HANDLE port = nullptr;
    IO_STATUS_BLOCK result = {};
};

using CancelDeath = Cancel;

TEST_F(Cancel, OneRequestByItsStatusBlock)
{
    IO_STATUS_BLOCK first = {}, second = {};
    EXPECT_STATUS(STATUS_PENDING, Control(file, kBuffered, &first, nullptr, 0, nullptr, 0, &first));
    EXPECT_STATUS(STATUS_PENDING, Control(file, kBuffered, &second, nullptr, 0, nullptr, 0, &second));
    EXPECT_STATUS(STATUS_SUCCESS, NtCancelIoFileEx(file, &second, &result));
    EXPECT_STATUS(STATUS_SUCCESS, result.Status);
    auto packets = TakePackets(port, 10);
    ASSERT_EQ(1u, packets.size());
    EXPECT_EQ(&second, packets[0].ApcContext);
    EXPECT_STATUS(STATUS_CANCELLED, packets[0].IoStatusBlock.Status);
    EXPECT_STATUS(STATUS_NOT_FOUND, NtCancelIoFileEx(file, &second, &result));
    EXPECT_EQ(1u, queue.CompleteAll(STATUS_SUCCESS));
    EXPECT_STATUS(STATUS_SUCCESS, first.Status);
}

TEST_F(Cancel, AllRequestsOfAFile)
{
    constexpr int kCount = 100;
    std::vector<IO_STATUS_BLOCK> blocks(kCount);
    HANDLE other = Open();
    IO_STATUS_BLOCK others = {};
    EXPECT_STATUS(STATUS_PENDING, Control(other, kBuffered, &others));
    EXPECT_STATUS(STATUS_NOT_FOUND, NtCancelIoFileEx(file, nullptr, &result));
    for (IO_STATUS_BLOCK& block : blocks) {
        EXPECT_STATUS(STATUS_PENDING, Control(file, kBuffered, &block, nullptr, 0, nullptr, 0, &block));
    }
    HOST_ACCOUNTING accounting;
    HostQueryAccounting(&accounting);
    EXPECT_EQ(kCount + 1u, accounting.Requests);
    EXPECT_STATUS(STATUS_SUCCESS, NtCancelIoFileEx(file, nullptr, &result));
    EXPECT_EQ((size_t)kCount, TakePackets(port, kCount).size());
    for (IO_STATUS_BLOCK& block : blocks) {
        EXPECT_STATUS(STATUS_CANCELLED, block.Status);
    }
    EXPECT_EQ(1u, queue.CompleteAll(STATUS_SUCCESS));
    NtClose(other);
}

TEST_F(Cancel, ARequestWithoutCancelRoutineIsOnlyMarked)
{
    PIRP kept = nullptr;
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) {
        kept = irp;
        IoMarkIrpPending(irp);
        return STATUS_PENDING;
    };
    IO_STATUS_BLOCK block = {};
    EXPECT_STATUS(STATUS_PENDING, Control(file, kBuffered, &block, nullptr, 0, nullptr, 0, &block));
    EXPECT_STATUS(STATUS_SUCCESS, NtCancelIoFileEx(file, &block, &result));
    EXPECT_TRUE(kept->Cancel);
    EXPECT_TRUE(TakePackets(port, 1, nullptr, 0).empty());
    Complete(kept, STATUS_SUCCESS, 3);
    EXPECT_EQ(1u, TakePackets(port, 1).size());
    EXPECT_STATUS(STATUS_SUCCESS, block.Status);
}

TEST_F(Cancel, RoutineRunsOnceWithTheCancelLock)
{
    static int calls;
    calls = 0;
    PIRP irp = IoAllocateIrp(1, FALSE);
    IoSetNextIrpStackLocation(irp);
    EXPECT_EQ(nullptr, IoSetCancelRoutine(irp, [](PDEVICE_OBJECT, PIRP cancelled) {
                  EXPECT_EQ(DISPATCH_LEVEL, KeGetCurrentIrql());
                  EXPECT_TRUE(cancelled->Cancel);
                  EXPECT_EQ(nullptr, cancelled->CancelRoutine);
                  EXPECT_EQ(PASSIVE_LEVEL, cancelled->CancelIrql);
                  calls++;
                  IoReleaseCancelSpinLock(cancelled->CancelIrql);
              }));
    EXPECT_TRUE(IoCancelIrp(irp));
    EXPECT_FALSE(IoCancelIrp(irp));
    EXPECT_EQ(1, calls);
    EXPECT_EQ(PASSIVE_LEVEL, KeGetCurrentIrql());
    IoFreeIrp(irp);
}

TEST_F(Cancel, IrqlIsGivenBackAsItWas)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    IoSetNextIrpStackLocation(irp);
    IoSetCancelRoutine(irp, [](PDEVICE_OBJECT, PIRP cancelled) {
        EXPECT_EQ(APC_LEVEL, cancelled->CancelIrql);
        IoReleaseCancelSpinLock(cancelled->CancelIrql);
    });
    KIRQL old = KfRaiseIrql(APC_LEVEL);
    EXPECT_TRUE(IoCancelIrp(irp));
    EXPECT_EQ(APC_LEVEL, KeGetCurrentIrql());
    KeLowerIrql(old);
    IoFreeIrp(irp);
}

/* Sender, completer and canceller on separate threads: each request completes exactly once. */
TEST_F(Cancel, RacesWithCompletion)
{
    constexpr int kRequests = 3000;
    std::vector<IO_STATUS_BLOCK> blocks(kRequests);
    std::atomic<bool> stop{false};
    std::atomic<int> sent{0};
    std::thread completer([&] {
        while (!stop) {
            if (queue.CompleteAll(STATUS_SUCCESS, 1) == 0) {
                std::this_thread::yield();
            }
        }
    });
    std::thread canceller([&] {
        IO_STATUS_BLOCK ignored;
        while (!stop) {
            int last = sent;
            if (last % 2 == 0) {
                NtCancelIoFileEx(file, nullptr, &ignored);
            } else {
                NtCancelIoFileEx(file, &blocks[last - 1], &ignored);
            }
        }
    });
    std::thread sender([&] {
        for (int i = 0; i < kRequests; i++) {
            EXPECT_STATUS(STATUS_PENDING,
                          Control(file, kBuffered, &blocks[i], nullptr, 0, nullptr, 0, &blocks[i]));
            sent = i + 1;
        }
    });
    int completed = 0, cancelled = 0;
    while (completed + cancelled < kRequests) {
        auto packets = TakePackets(port, 64);
        ASSERT_FALSE(packets.empty());
        for (auto& packet : packets) {
            PIO_STATUS_BLOCK block = static_cast<PIO_STATUS_BLOCK>(packet.ApcContext);
            ASSERT_EQ(block->Status, packet.IoStatusBlock.Status);
            (block->Status == STATUS_CANCELLED ? cancelled : completed)++;
        }
    }
    stop = true;
    sender.join();
    completer.join();
    canceller.join();
    EXPECT_TRUE(TakePackets(port, 1, nullptr, 0).empty());
}

TEST_F(CancelDeath, TheRoutineKeepsTheCancelLock)
{
    EXPECT_DEATH(
        {
            PIRP irp = IoAllocateIrp(1, FALSE);
            IoSetCancelRoutine(irp, [](PDEVICE_OBJECT, PIRP) {});
            IoCancelIrp(irp);
        },
        "IRQL_NOT_LESS_OR_EQUAL.*\n.*cancel routine returned at IRQL 2");
}

TEST_F(CancelDeath, PassedDownWithACancelRoutine)
{
    EXPECT_DEATH(
        {
            PIRP irp = IoAllocateIrp(1, FALSE);
            IoSetCancelRoutine(irp, [](PDEVICE_OBJECT, PIRP) {});
            IoCallDriver(driver.device, irp);
        },
        "DRIVER_VERIFIER.*\n.*passed down while it has a cancel routine");
}

} // namespace
