/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion ports.
 */
#include "port.h"

#include <atomic>

namespace {

TEST_F(Port, PacketsComeInTheirOrderAndInBatches)
{
    for (ULONG_PTR i = 1; i <= 10; i++) {
        Post(i);
    }
    ULONG_PTR expected = 1;
    for (ULONG count : {3u, 1u, 100u}) {
        for (auto& packet : TakePackets(port, count)) {
            EXPECT_EQ(this, packet.KeyContext);
            EXPECT_EQ((PVOID)expected, packet.ApcContext);
            EXPECT_EQ(expected, packet.IoStatusBlock.Information);
            expected++;
        }
    }
    EXPECT_EQ(11u, expected);
}

TEST_F(Port, EmptyPortsTimeOut)
{
    NTSTATUS status;
    EXPECT_TRUE(TakePackets(port, 1, &status, 0).empty());
    EXPECT_STATUS(STATUS_TIMEOUT, status);
    LONGLONG start = HostQueryTime();
    EXPECT_TRUE(TakePackets(port, 1, &status, 20).empty());
    EXPECT_STATUS(STATUS_TIMEOUT, status);
    EXPECT_GE(HostQueryTime() - start, 20 * 1000000LL);
}

TEST_F(Port, AnAbsoluteTimeoutInThePastPolls)
{
    FILE_IO_COMPLETION_INFORMATION packet;
    ULONG removed = 1;
    LARGE_INTEGER past;
    past.QuadPart = 1;
    EXPECT_STATUS(STATUS_TIMEOUT, NtRemoveIoCompletionEx(port, &packet, 1, &removed, &past, FALSE));
    EXPECT_EQ(0u, removed);
}

TEST_F(Port, BadHandles)
{
    FILE_IO_COMPLETION_INFORMATION packet;
    ULONG removed;
    HANDLE event = CreateEventHandle();
    EXPECT_STATUS(STATUS_INVALID_HANDLE,
                  NtRemoveIoCompletionEx(nullptr, &packet, 1, &removed, nullptr, FALSE));
    EXPECT_STATUS(STATUS_INVALID_HANDLE, NtRemoveIoCompletionEx(event, &packet, 1, &removed, nullptr, FALSE));
    EXPECT_STATUS(STATUS_INVALID_HANDLE, NtSetIoCompletion(event, nullptr, nullptr, STATUS_SUCCESS, 0));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  NtRemoveIoCompletionEx(port, &packet, 0, &removed, nullptr, FALSE));
    NtClose(event);
}

TEST_F(Port, AWaiterIsWoken)
{
    std::thread waiter([&] { EXPECT_EQ(1u, TakePackets(port, 8).size()); });
    Post(1);
    waiter.join();
}

TEST_F(Port, CloseReleasesWaiters)
{
    ThreadNumber numbers[3] = {};
    std::vector<std::thread> waiters;
    for (auto& number : numbers) {
        waiters.emplace_back([&] {
            FILE_IO_COMPLETION_INFORMATION packet;
            ULONG removed = 9;
            number = OwnThreadNumber();
            NTSTATUS status = NtRemoveIoCompletionEx(port, &packet, 1, &removed, nullptr, FALSE);
            EXPECT_TRUE(status == STATUS_ABANDONED_WAIT_0 || status == STATUS_INVALID_HANDLE);
        });
    }
    for (const auto& number : numbers) {
        EXPECT_TRUE(AwaitSleep(number));
    }
    EXPECT_STATUS(STATUS_SUCCESS, NtClose(port));
    for (std::thread& waiter : waiters) {
        waiter.join();
    }
    port = nullptr;
}

/* Producers and consumers; consumers sometimes time out, and no packet is lost. */
TEST_F(Port, ManyThreads)
{
    constexpr int kProducers = 3, kConsumers = 3, kPackets = 10000;
    std::atomic<ULONG_PTR> sum{0};
    std::atomic<int> count{0};
    std::vector<std::thread> threads;
    for (int c = 0; c < kConsumers; c++) {
        threads.emplace_back([&, c] {
            while (count < kProducers * kPackets) {
                for (auto& packet : TakePackets(port, 1 + c * 7, nullptr, c)) {
                    sum += packet.IoStatusBlock.Information;
                    count++;
                }
            }
        });
    }
    for (int p = 0; p < kProducers; p++) {
        threads.emplace_back([&] {
            for (ULONG_PTR i = 1; i <= kPackets; i++) {
                Post(i);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(kProducers * kPackets, count.load());
    EXPECT_EQ((ULONG_PTR)kProducers * kPackets * (kPackets + 1) / 2, sum.load());
}

/* One packet at a time between two ports with waiters that never time out: a lost wake-up would hang the
 * test. */
TEST_F(Port, PingPong)
{
    HANDLE other = CreatePort();
    constexpr int kRounds = 3000;
    std::thread echo([&] {
        for (int i = 0; i < kRounds; i++) {
            ASSERT_EQ(1u, TakePackets(port, 4).size());
            ASSERT_STATUS(STATUS_SUCCESS, NtSetIoCompletion(other, nullptr, &echo, STATUS_SUCCESS, 0));
        }
    });
    for (int i = 0; i < kRounds; i++) {
        Post(1);
        ASSERT_EQ(1u, TakePackets(other, 4).size());
    }
    echo.join();
    NtClose(other);
}

} // namespace
