/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion ports and the idle worker.
 */
#include "test_driver.h"

#include <atomic>
#include <chrono>
#include <condition_variable>

namespace {

class Port : public ::testing::Test {
  protected:
    void SetUp() override
    {
        port = CreatePort();
    }
    void TearDown() override
    {
        if (port != nullptr) {
            NtClose(port);
        }
        HOST_ACCOUNTING left;
        HostQueryAccounting(&left);
        EXPECT_EQ(0u, left.Handles);
    }
    void Post(ULONG_PTR value)
    {
        ASSERT_EQ(STATUS_SUCCESS, NtSetIoCompletion(port, this, (PVOID)value, STATUS_SUCCESS, value));
    }
    HANDLE port = nullptr;
};

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
    EXPECT_EQ(STATUS_TIMEOUT, status);
    LONGLONG start = HostQueryTime();
    EXPECT_TRUE(TakePackets(port, 1, &status, 20).empty());
    EXPECT_EQ(STATUS_TIMEOUT, status);
    EXPECT_GE(HostQueryTime() - start, 20 * 1000000LL);
}

TEST_F(Port, AnAbsoluteTimeoutInThePastPolls)
{
    FILE_IO_COMPLETION_INFORMATION packet;
    ULONG removed = 1;
    LARGE_INTEGER past;
    past.QuadPart = 1;
    EXPECT_EQ(STATUS_TIMEOUT, NtRemoveIoCompletionEx(port, &packet, 1, &removed, &past, FALSE));
    EXPECT_EQ(0u, removed);
}

TEST_F(Port, BadHandles)
{
    FILE_IO_COMPLETION_INFORMATION packet;
    ULONG removed;
    HANDLE event = CreateEventHandle();
    EXPECT_EQ(STATUS_INVALID_HANDLE, NtRemoveIoCompletionEx(nullptr, &packet, 1, &removed, nullptr, FALSE));
    EXPECT_EQ(STATUS_INVALID_HANDLE, NtRemoveIoCompletionEx(event, &packet, 1, &removed, nullptr, FALSE));
    EXPECT_EQ(STATUS_INVALID_HANDLE, NtSetIoCompletion(event, nullptr, nullptr, STATUS_SUCCESS, 0));
    EXPECT_EQ(STATUS_INVALID_PARAMETER, NtRemoveIoCompletionEx(port, &packet, 0, &removed, nullptr, FALSE));
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
    EXPECT_EQ(STATUS_SUCCESS, NtClose(port));
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
            ASSERT_EQ(STATUS_SUCCESS, NtSetIoCompletion(other, nullptr, &echo, STATUS_SUCCESS, 0));
        }
    });
    for (int i = 0; i < kRounds; i++) {
        Post(1);
        ASSERT_EQ(1u, TakePackets(other, 4).size());
    }
    echo.join();
    NtClose(other);
}

/* ---- the idle worker --------------------------------------------------------------------------------- */

/* A provider whose work is a number of rounds. */
struct Provider {
    std::mutex mutex;
    std::condition_variable condition;
    bool woken = false;
    int work = 0;
    std::atomic<int> inside{0}, rounds{0}, wakes{0};
    std::thread::id runner;
    std::function<void()> round;

    static BOOLEAN Run(PVOID context, LONGLONG deadline)
    {
        Provider* self = static_cast<Provider*>(context);
        EXPECT_EQ(1, ++self->inside);
        std::unique_lock<std::mutex> lock(self->mutex);
        self->runner = std::this_thread::get_id();
        auto ready = [self] { return self->woken || self->work > 0; };
        if (deadline < 0) {
            self->condition.wait(lock, ready);
        } else {
            self->condition.wait_for(lock, std::chrono::nanoseconds(deadline - HostQueryTime()), ready);
        }
        self->woken = false;
        bool work = self->work > 0;
        self->work -= work;
        lock.unlock();
        if (work) {
            self->round();
            self->rounds++;
        }
        self->inside--;
        return TRUE;
    }
    static void Wake(PVOID context)
    {
        Provider* self = static_cast<Provider*>(context);
        self->wakes++;
        std::lock_guard<std::mutex> guard(self->mutex);
        self->woken = true;
        self->condition.notify_one();
    }
    void Add()
    {
        std::lock_guard<std::mutex> guard(mutex);
        work++;
        condition.notify_one();
    }
    bool Busy()
    {
        return inside > 0;
    }
    HOST_IDLE_WORKER worker{Run, Wake, this};
};

class IdleWorker : public Port {
  protected:
    void SetUp() override
    {
        Port::SetUp();
        HostSetIdleWorker(&provider.worker);
    }
    void TearDown() override
    {
        HostSetIdleWorker(nullptr);
        Port::TearDown();
    }
    Provider provider;
};

TEST_F(IdleWorker, AWaiterWorksAndTakesWhatItsWorkQueued)
{
    provider.round = [this] { Post(5); };
    provider.Add();
    auto packets = TakePackets(port, 4);
    ASSERT_EQ(1u, packets.size());
    EXPECT_EQ(1, provider.rounds.load());
    EXPECT_EQ(std::this_thread::get_id(), provider.runner);
    EXPECT_EQ(0, provider.wakes.load()); /* the thread that posted was the lent one */
}

TEST_F(IdleWorker, PacketsThatAreThereComeFirst)
{
    provider.round = [] {};
    provider.Add();
    Post(1);
    EXPECT_EQ(1u, TakePackets(port, 4).size());
    EXPECT_EQ(0, provider.rounds.load());
}

TEST_F(IdleWorker, AnotherThreadsPacketWakesTheLentThread)
{
    std::thread waiter([this] { EXPECT_EQ(1u, TakePackets(port, 4).size()); });
    EXPECT_TRUE(Await([this] { return provider.Busy(); }));
    Post(1);
    waiter.join();
    EXPECT_EQ(1, provider.wakes.load());
}

TEST_F(IdleWorker, TheTimeoutReachesTheWorker)
{
    NTSTATUS status;
    TakePackets(port, 1, &status, 20);
    EXPECT_EQ(STATUS_TIMEOUT, status);
    TakePackets(port, 1, &status, 0);
    EXPECT_EQ(STATUS_TIMEOUT, status);
}

TEST_F(IdleWorker, TheRoleIsPassedOn)
{
    HANDLE other = CreatePort();
    std::thread first([this] { EXPECT_EQ(1u, TakePackets(port, 4).size()); });
    EXPECT_TRUE(Await([this] { return provider.Busy(); }));
    std::thread::id firstId = first.get_id();
    std::thread second([other] { EXPECT_EQ(1u, TakePackets(other, 4).size()); });
    Post(1);
    first.join();
    EXPECT_TRUE(Await([&] {
        std::lock_guard<std::mutex> guard(provider.mutex);
        return provider.runner == second.get_id();
    }));
    EXPECT_NE(firstId, second.get_id());
    EXPECT_EQ(STATUS_SUCCESS, NtSetIoCompletion(other, nullptr, this, STATUS_SUCCESS, 0));
    second.join();
    NtClose(other);
}

TEST_F(IdleWorker, ClosingThePortReleasesTheLentThread)
{
    NTSTATUS status = STATUS_SUCCESS;
    std::thread waiter([&] { TakePackets(port, 1, &status); });
    EXPECT_TRUE(Await([this] { return provider.Busy(); }));
    NtClose(port);
    waiter.join();
    port = nullptr;
    EXPECT_EQ(STATUS_ABANDONED_WAIT_0, status);
}

TEST_F(IdleWorker, RemovalWaitsUntilNobodyIsInRunAndWaitersSleepOn)
{
    std::thread waiter([this] { EXPECT_EQ(1u, TakePackets(port, 4).size()); });
    EXPECT_TRUE(Await([this] { return provider.Busy(); }));
    HostSetIdleWorker(nullptr);
    EXPECT_FALSE(provider.Busy());
    Post(1);
    waiter.join();
}

TEST_F(IdleWorker, AWorkerSetLaterFindsSleepingWaiters)
{
    HostSetIdleWorker(nullptr);
    provider.round = [this] { Post(1); };
    ThreadNumber number{0};
    std::thread waiter([&] {
        number = OwnThreadNumber();
        EXPECT_EQ(1u, TakePackets(port, 4).size());
    });
    EXPECT_TRUE(AwaitSleep(number));
    HostSetIdleWorker(&provider.worker);
    provider.Add();
    waiter.join();
    EXPECT_EQ(1, provider.rounds.load());
}

/* The work queues packets to two ports, waiters on both come and go, and other threads post too. */
TEST_F(IdleWorker, NothingIsLostUnderLoad)
{
    constexpr int kRounds = 3000;
    HANDLE ports[] = {port, CreatePort()};
    std::atomic<int> taken{0}, next{0};
    provider.round = [&] { NtSetIoCompletion(ports[next++ % 2], nullptr, this, STATUS_SUCCESS, 1); };
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++) {
        threads.emplace_back([&, t] {
            while (taken < 2 * kRounds) {
                taken += (int)TakePackets(ports[t % 2], 1 + t, nullptr, 50).size();
            }
        });
    }
    for (int i = 0; i < kRounds; i++) {
        provider.Add();
        NtSetIoCompletion(ports[i % 2], nullptr, this, STATUS_SUCCESS, 1);
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(2 * kRounds, taken.load());
    EXPECT_EQ(kRounds, provider.rounds.load());
    NtClose(ports[1]);
}

} // namespace
