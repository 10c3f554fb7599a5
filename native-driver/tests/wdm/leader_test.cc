/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of the threads that wait at completion ports polls; and turns.
 */
#include "port.h"

#include <atomic>
#include <chrono>
#include <condition_variable>

namespace {

/* A provider whose work is a number of rounds. */
struct Provider {
    std::mutex mutex;
    std::condition_variable condition;
    bool woken = false;
    int work = 0;
    std::atomic<int> inside{0}, rounds{0}, wakes{0};
    std::thread::id runner;
    std::function<void()> round;

    static void Poll(PVOID context, LONGLONG deadline)
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
    HOST_POLLER poller{Poll, Wake, this};
};

enum Rank { kBackground, kForeground };

/* The result of a wait in turn: the values of its packets. */
struct Taken {
    NTSTATUS status;
    std::vector<ULONG_PTR> values;
};

Taken TakeInTurn(HANDLE port, Rank rank, LONGLONG milliseconds = kPatience, ULONG count = 1)
{
    std::vector<FILE_IO_COMPLETION_INFORMATION> packets(count);
    ULONG removed = 0;
    LARGE_INTEGER timeout = Milliseconds(milliseconds);
    NTSTATUS status =
        HostRemoveInTurn(port, packets.data(), count, &removed, &timeout, (BOOLEAN)(rank == kForeground));
    Taken taken{status, {}};
    for (ULONG i = 0; i < removed; i++) {
        taken.values.push_back(packets[i].IoStatusBlock.Information);
    }
    return taken;
}

class Leader : public Port {
  protected:
    /* Until this thread, and no other, is in the poller. */
    void AwaitPolling(const std::thread& thread)
    {
        AwaitPolling(thread.get_id());
    }
    void AwaitPolling(std::thread::id thread)
    {
        EXPECT_TRUE(Await([&] {
            std::lock_guard<std::mutex> guard(provider.mutex);
            return provider.Busy() && provider.runner == thread;
        }));
    }
    void SetUp() override
    {
        Port::SetUp();
        HostSetPoller(&provider.poller);
    }
    void TearDown() override
    {
        HostSetPoller(nullptr);
        Port::TearDown();
    }
    Provider provider;
};

TEST_F(Leader, AWaiterPollsAndTakesWhatThatQueued)
{
    provider.round = [this] { Post(5); };
    provider.Add();
    auto packets = TakePackets(port, 4);
    ASSERT_EQ(1u, packets.size());
    EXPECT_EQ(1, provider.rounds.load());
    EXPECT_EQ(std::this_thread::get_id(), provider.runner);
    EXPECT_EQ(0, provider.wakes.load()); /* the thread that posted was the leader */
}

TEST_F(Leader, PacketsThatAreThereComeFirst)
{
    provider.round = [] {};
    provider.Add();
    Post(1);
    EXPECT_EQ(1u, TakePackets(port, 4).size());
    EXPECT_EQ(0, provider.rounds.load());
}

TEST_F(Leader, AnotherThreadsPacketWakesTheLeader)
{
    std::thread waiter([this] { EXPECT_EQ(1u, TakePackets(port, 4).size()); });
    EXPECT_TRUE(Await([this] { return provider.Busy(); }));
    Post(1);
    waiter.join();
    EXPECT_EQ(1, provider.wakes.load());
}

TEST_F(Leader, TheTimeoutReachesThePoller)
{
    NTSTATUS status;
    TakePackets(port, 1, &status, 20);
    EXPECT_STATUS(STATUS_TIMEOUT, status);
    TakePackets(port, 1, &status, 0);
    EXPECT_STATUS(STATUS_TIMEOUT, status);
}

TEST_F(Leader, ALeaderThatGoesHandsOn)
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
    EXPECT_STATUS(STATUS_SUCCESS, NtSetIoCompletion(other, nullptr, this, STATUS_SUCCESS, 0));
    second.join();
    NtClose(other);
}

TEST_F(Leader, ClosingThePortReleasesTheLeader)
{
    NTSTATUS status = STATUS_SUCCESS;
    std::thread waiter([&] { TakePackets(port, 1, &status); });
    EXPECT_TRUE(Await([this] { return provider.Busy(); }));
    NtClose(port);
    waiter.join();
    port = nullptr;
    EXPECT_STATUS(STATUS_ABANDONED_WAIT_0, status);
}

TEST_F(Leader, RemovalWaitsUntilNobodyPollsAndWaitersSleepOn)
{
    std::thread waiter([this] { EXPECT_EQ(1u, TakePackets(port, 4).size()); });
    EXPECT_TRUE(Await([this] { return provider.Busy(); }));
    HostSetPoller(nullptr);
    EXPECT_FALSE(provider.Busy());
    Post(1);
    waiter.join();
}

TEST_F(Leader, APollerSetLaterFindsSleepingWaiters)
{
    HostSetPoller(nullptr);
    provider.round = [this] { Post(1); };
    ThreadNumber number{0};
    std::thread waiter([&] {
        number = OwnThreadNumber();
        EXPECT_EQ(1u, TakePackets(port, 4).size());
    });
    EXPECT_TRUE(AwaitSleep(number));
    HostSetPoller(&provider.poller);
    provider.Add();
    waiter.join();
    EXPECT_EQ(1, provider.rounds.load());
}

/* The work queues packets to two ports, waiters on both come and go, and other threads post too. */
TEST_F(Leader, NothingIsLostUnderLoad)
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

/* ---- foreground and background ----------------------------------------------------------------------- */

using Turn = Port;

TEST_F(Turn, WhoTookPacketsHasItUntilItComesBack)
{
    Post(1);
    Post(2);
    EXPECT_EQ(std::vector<ULONG_PTR>{1}, TakeInTurn(port, kBackground).values);
    std::thread other([this] {
        EXPECT_STATUS(STATUS_TIMEOUT, TakeInTurn(port, kBackground, 20).status);
        EXPECT_STATUS(STATUS_DEVICE_BUSY, TakeInTurn(port, kForeground).status);
    });
    other.join();
    EXPECT_EQ(std::vector<ULONG_PTR>{2}, TakeInTurn(port, kBackground).values);
    HostEndTurn(port, FALSE);
}

TEST_F(Turn, ItsEndWakesTheNext)
{
    Post(1);
    Post(2);
    EXPECT_EQ(1u, TakeInTurn(port, kForeground).values.size());
    ThreadNumber number{0};
    std::thread next([&] {
        number = OwnThreadNumber();
        EXPECT_EQ(std::vector<ULONG_PTR>{2}, TakeInTurn(port, kBackground).values);
    });
    EXPECT_TRUE(AwaitSleep(number));
    EXPECT_STATUS(STATUS_SUCCESS, HostEndTurn(port, FALSE));
    next.join();
}

TEST_F(Turn, NobodyElseEndsIt)
{
    Post(1);
    EXPECT_EQ(1u, TakeInTurn(port, kForeground).values.size());
    std::thread other([this] {
        EXPECT_STATUS(STATUS_SUCCESS, HostEndTurn(port, FALSE));
        EXPECT_STATUS(STATUS_DEVICE_BUSY, TakeInTurn(port, kForeground).status);
    });
    other.join();
    HostEndTurn(port, FALSE);
    EXPECT_STATUS(STATUS_INVALID_HANDLE, HostEndTurn(nullptr, FALSE));
}

TEST_F(Turn, AWaitWithoutPacketsLeavesNone)
{
    EXPECT_STATUS(STATUS_TIMEOUT, TakeInTurn(port, kForeground, 1).status);
    EXPECT_STATUS(STATUS_TIMEOUT, TakeInTurn(port, kBackground, 1).status);
    std::thread other([this] { EXPECT_STATUS(STATUS_TIMEOUT, TakeInTurn(port, kForeground, 0).status); });
    other.join();
}

TEST_F(Turn, PacketsAreForTheForeground)
{
    ThreadNumber numbers[2] = {};
    std::atomic<bool> over{false};
    std::thread background([&] {
        numbers[0] = OwnThreadNumber();
        EXPECT_EQ(std::vector<ULONG_PTR>{2}, TakeInTurn(port, kBackground).values);
        EXPECT_TRUE(over);
    });
    EXPECT_TRUE(AwaitSleep(numbers[0]));
    std::thread foreground([&] {
        numbers[1] = OwnThreadNumber();
        EXPECT_EQ(std::vector<ULONG_PTR>{1}, TakeInTurn(port, kForeground).values);
        over = true;
        HostEndTurn(port, FALSE);
    });
    EXPECT_TRUE(AwaitSleep(numbers[1]));
    EXPECT_STATUS(STATUS_DEVICE_BUSY, TakeInTurn(port, kForeground).status) << "one thread at a time";
    Post(1);
    Post(2);
    foreground.join();
    background.join();
}

TEST_F(Turn, ClosingThePortReleasesEverybody)
{
    for (int round = 0; round < 50; round++) {
        HANDLE other = CreatePort();
        ThreadNumber numbers[2] = {};
        std::vector<std::thread> threads;
        for (int rank : {kBackground, kForeground}) {
            threads.emplace_back([&, rank] {
                numbers[rank] = OwnThreadNumber();
                EXPECT_STATUS(STATUS_ABANDONED_WAIT_0, TakeInTurn(other, (Rank)rank).status);
            });
            EXPECT_TRUE(AwaitSleep(numbers[rank]));
        }
        NtClose(other);
        for (std::thread& thread : threads) {
            thread.join();
        }
    }
}

TEST_F(Leader, TheBackgroundGivesWayToTheForeground)
{
    provider.round = [this] { Post(7); };
    std::thread background(
        [this] { EXPECT_EQ(std::vector<ULONG_PTR>{8}, TakeInTurn(port, kBackground).values); });
    AwaitPolling(background);
    std::thread foreground([this] {
        EXPECT_EQ(std::vector<ULONG_PTR>{7}, TakeInTurn(port, kForeground).values);
        HostEndTurn(port, TRUE);
    });
    AwaitPolling(foreground);
    provider.Add();
    foreground.join();
    AwaitPolling(background);
    Post(8);
    background.join();
}

TEST_F(Leader, WhatTheBackgroundDoesLastIsForTheForegroundToo)
{
    ThreadNumber number{0};
    provider.round = [&] {
        EXPECT_TRUE(AwaitSleep(number));
        Post(7);
    };
    std::thread background(
        [this] { EXPECT_EQ(std::vector<ULONG_PTR>{8}, TakeInTurn(port, kBackground).values); });
    AwaitPolling(background);
    provider.Add();
    std::thread foreground([&] {
        number = OwnThreadNumber();
        EXPECT_EQ(std::vector<ULONG_PTR>{7}, TakeInTurn(port, kForeground).values);
        HostEndTurn(port, TRUE);
    });
    foreground.join();
    Post(8);
    background.join();
}

TEST_F(Leader, AForegroundThreadThatGivesUpHandsOn)
{
    std::thread background([this] { EXPECT_EQ(1u, TakeInTurn(port, kBackground).values.size()); });
    AwaitPolling(background);
    std::thread foreground(
        [this] { EXPECT_STATUS(STATUS_TIMEOUT, TakeInTurn(port, kForeground, 5).status); });
    foreground.join();
    AwaitPolling(background);
    Post(1);
    background.join();
}

/* The reserve wakes it, since no leader hands on. */
TEST_F(Leader, TheBackgroundGoesOnWhenNobodyComesInTheForeground)
{
    std::thread reserve(HostPollInReserve);
    provider.round = [this] { Post(7); };
    std::thread background(
        [this] { EXPECT_EQ(std::vector<ULONG_PTR>{8}, TakeInTurn(port, kBackground).values); });
    AwaitPolling(background);
    std::thread foreground([this] {
        EXPECT_EQ(std::vector<ULONG_PTR>{7}, TakeInTurn(port, kForeground).values);
        HostEndTurn(port, FALSE);
    });
    AwaitPolling(foreground);
    provider.Add();
    foreground.join();
    AwaitPolling(background);
    Post(8);
    background.join();
    HostSetPoller(nullptr);
    reserve.join();
}

TEST_F(Leader, ThoseOfAnotherPortKeepTheirPlace)
{
    HANDLE other = CreatePort();
    provider.round = [this] { Post(7); };
    std::thread background([other] { EXPECT_EQ(1u, TakeInTurn(other, kBackground).values.size()); });
    AwaitPolling(background);
    ThreadNumber number{0};
    std::thread foreground([&] {
        number = OwnThreadNumber();
        EXPECT_EQ(std::vector<ULONG_PTR>{7}, TakeInTurn(port, kForeground).values);
        HostEndTurn(port, FALSE);
    });
    EXPECT_TRUE(AwaitSleep(number));
    provider.Add();
    foreground.join();
    AwaitPolling(background);
    EXPECT_STATUS(STATUS_SUCCESS, NtSetIoCompletion(other, nullptr, this, STATUS_SUCCESS, 0));
    background.join();
    NtClose(other);
}

/* A foreground thread that leaves does not wake the background of its port, but that of other ports. */
TEST_F(Leader, AForegroundThreadThatGoesHandsOnToOtherPorts)
{
    HANDLE other = CreatePort();
    provider.round = [this] { Post(7); };
    std::thread foreground([this] {
        EXPECT_EQ(std::vector<ULONG_PTR>{7}, TakeInTurn(port, kForeground).values);
        HostEndTurn(port, FALSE);
    });
    AwaitPolling(foreground);
    ThreadNumber number{0};
    std::thread background([&] {
        number = OwnThreadNumber();
        EXPECT_EQ(1u, TakeInTurn(other, kBackground).values.size());
    });
    EXPECT_TRUE(AwaitSleep(number));
    provider.Add();
    foreground.join();
    AwaitPolling(background);
    EXPECT_STATUS(STATUS_SUCCESS, NtSetIoCompletion(other, nullptr, this, STATUS_SUCCESS, 0));
    background.join();
    NtClose(other);
}

TEST_F(Leader, TheReservePollsWhileNobodyWaits)
{
    provider.round = [] {};
    std::thread reserve(HostPollInReserve);
    for (int round = 1; round <= 3; round++) {
        AwaitPolling(reserve);
        provider.Add();
        EXPECT_TRUE(Await([&] { return provider.rounds == round; }));
        std::thread waiter([this] { EXPECT_EQ(1u, TakePackets(port, 1).size()); });
        AwaitPolling(waiter);
        Post(1);
        waiter.join();
    }
    AwaitPolling(reserve);
    HostSetPoller(nullptr);
    reserve.join();
    HostPollInReserve(); /* nothing to poll */
}

/* One thread in the background, several in the foreground, and packets from the poller and other threads:
 * every packet is taken once, and packets are handled in order. */
TEST_F(Leader, TurnsKeepTheOrderUnderLoad)
{
    constexpr int kPackets = 20000, kVisitors = 3;
    std::atomic<int> taken{0};
    std::atomic<int> visits{0};
    std::atomic<bool> inTurn{false};
    std::mutex posting;
    ULONG_PTR posted = 0, expected = 1;
    std::thread reserve(HostPollInReserve);
    auto post = [&] {
        std::lock_guard<std::mutex> guard(posting);
        Post(++posted);
    };
    auto work = [&](const Taken& got) {
        EXPECT_FALSE(inTurn.exchange(true));
        for (ULONG_PTR value : got.values) {
            EXPECT_EQ(expected++, value);
        }
        inTurn = false;
        taken += (int)got.values.size();
    };
    provider.round = post;
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
        while (taken < kPackets) {
            Taken got = TakeInTurn(port, kBackground, 10, 8);
            if (!got.values.empty()) {
                work(got);
                if (got.values.size() % 2 == 0) {
                    HostEndTurn(port, TRUE); /* otherwise it only waits again */
                }
            }
        }
        HostEndTurn(port, TRUE);
    });
    for (int visitor = 0; visitor < kVisitors; visitor++) {
        threads.emplace_back([&, visitor] {
            while (taken < kPackets) {
                Taken got = TakeInTurn(port, kForeground, 1);
                if (!got.values.empty()) {
                    work(got);
                    HostEndTurn(port, (BOOLEAN)(visitor != 0));
                    visits++;
                }
            }
        });
    }
    for (int i = 0; i < kPackets / 2; i++) {
        provider.Add();
        post();
        if (i % 64 == 0) {
            EXPECT_TRUE(Await([&] { return taken >= 2 * i; }));
        }
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(kPackets, taken.load());
    EXPECT_EQ((ULONG_PTR)kPackets + 1, expected);
    EXPECT_LT(0, visits.load());
    HostSetPoller(nullptr);
    reserve.join();
}

} // namespace
