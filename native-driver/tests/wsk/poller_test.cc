/* SPDX-License-Identifier: Apache-2.0
 *
 * The polling thread and lenders: I/O continues whichever thread polls, and an idle system has no wake-ups.
 */
#include "fixture.h"
#include "peer.h"

#include <atomic>

#include <sys/resource.h>

namespace wsk {

/* How often threads of this process went to sleep. */
static long ContextSwitches()
{
    rusage Usage;
    getrusage(RUSAGE_SELF, &Usage);
    return Usage.ru_nvcsw;
}

class PollerTest : public ClientTest {
  protected:
    void SetUp() override
    {
        ClientTest::SetUp();
        ASSERT_STATUS(STATUS_SUCCESS, NtCreateIoCompletion(&Port, 0, nullptr, 0));
        Udp = std::make_unique<Datagram>(*Owner);
        ASSERT_STATUS(STATUS_SUCCESS, Udp->Bind(V4(0)));
        Receive.OnCompletion = [this] { NtSetIoCompletion(Port, nullptr, this, STATUS_SUCCESS, 0); };
    }
    void TearDown() override
    {
        Udp.reset();
        NtClose(Port);
        ClientTest::TearDown();
    }
    NTSTATUS Take(LONGLONG Milliseconds)
    {
        FILE_IO_COMPLETION_INFORMATION Packet;
        ULONG Removed = 0;
        LARGE_INTEGER Timeout;
        Timeout.QuadPart = -10000 * Milliseconds;
        return NtRemoveIoCompletionEx(Port, &Packet, 1, &Removed, &Timeout, FALSE);
    }
    void PostReceive()
    {
        (*Udp)->WskReceiveFrom(Udp->Get(), Payload.Wsk(), 0, nullptr, nullptr, nullptr, nullptr,
                               Receive.Arm());
    }

    HANDLE Port = nullptr;
    std::unique_ptr<Datagram> Udp;
    peer::Udp Peer;
    Request Receive;
    Buffer Payload{16};
};

TEST_F(PollerTest, ALenderCompletesRequests)
{
    for (int Round = 0; Round < 200; Round++) {
        PostReceive();
        std::thread Sender([&] { Peer.SendTo(Udp->Port(), "x"); });
        EXPECT_STATUS(STATUS_SUCCESS, Take(kPatience));
        Sender.join();
        EXPECT_STATUS(STATUS_SUCCESS, Receive.Wait());
    }
}

TEST_F(PollerTest, RequestsCompleteWhenTheLenderIsGone)
{
    for (int Round = 0; Round < 50; Round++) {
        EXPECT_STATUS(STATUS_TIMEOUT, Take(Round % 3));
        PostReceive();
        Peer.SendTo(Udp->Port(), "x");
        EXPECT_STATUS(STATUS_SUCCESS, Receive.Wait()) << "without anybody at the port";
        EXPECT_STATUS(STATUS_SUCCESS, Take(kPatience));
    }
}

TEST_F(PollerTest, APacketFromElsewhereWakesTheLender)
{
    for (int Round = 0; Round < 50; Round++) {
        std::thread Other([&] { NtSetIoCompletion(Port, nullptr, this, STATUS_SUCCESS, 0); });
        EXPECT_STATUS(STATUS_SUCCESS, Take(kPatience));
        Other.join();
    }
}

TEST_F(PollerTest, SeveralThreadsAtThePort)
{
    constexpr int Count = 200;
    std::atomic<int> Taken{0};
    std::vector<std::thread> Takers;
    for (int Index = 0; Index < 3; Index++) {
        Takers.emplace_back([&] {
            while (Taken < Count) {
                if (Take(5) == STATUS_SUCCESS) {
                    Taken++;
                }
            }
        });
    }
    for (int Round = 0; Round < Count; Round++) {
        PostReceive();
        Peer.SendTo(Udp->Port(), "x");
        ASSERT_STATUS(STATUS_SUCCESS, Receive.Wait());
        ASSERT_TRUE(Await([&] { return Taken > Round; }));
    }
    for (auto& Taker : Takers) {
        Taker.join();
    }
    EXPECT_EQ(Count, Taken);
}

TEST_F(PollerTest, ABlockedLenderMeansNoWakeups)
{
    ThreadNumber Number{0};
    std::thread Lender([&] {
        Number = OwnThreadNumber();
        EXPECT_STATUS(STATUS_SUCCESS, Take(2 * kPatience));
    });
    EXPECT_TRUE(AwaitSleep(Number));
    long Switches = 0;
    EXPECT_TRUE(Await([&] {
        long Before = ContextSwitches();
        std::this_thread::sleep_for(std::chrono::milliseconds(200)); /* for nothing to happen */
        Switches = ContextSwitches() - Before;
        return Switches < 40;
    })) << Switches
        << " wake-ups, and ticks would be 200";
    PostReceive();
    Peer.SendTo(Udp->Port(), "x");
    Lender.join();
    EXPECT_STATUS(STATUS_SUCCESS, Receive.Wait());
}

TEST_F(PollerTest, DeregisteringWithABlockedLender)
{
    ThreadNumber Number{0};
    std::thread Lender([&] {
        Number = OwnThreadNumber();
        EXPECT_STATUS(STATUS_SUCCESS, Take(kPatience));
    });
    EXPECT_TRUE(AwaitSleep(Number));
    Udp.reset();
    Owner.reset(); /* stops the polling thread */
    NtSetIoCompletion(Port, nullptr, this, STATUS_SUCCESS, 0);
    Lender.join();
}

} // namespace wsk
