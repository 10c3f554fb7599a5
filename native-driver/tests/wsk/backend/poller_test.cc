/* SPDX-License-Identifier: Apache-2.0
 *
 * The Winsock backend's poller: each edge is reported exactly once, with any number of sockets and threads.
 */
#include "support.h"

#include <thread>
#include <vector>

namespace wsk {

class BackendPollerTest : public BackendTest {
  protected:
    /* Lets the poller check everything more than once. */
    static void SomeRounds()
    {
        for (int Round = 0; Round < 10; Round++) {
            Poller::Quiesce();
        }
    }
};

TEST_F(BackendPollerTest, StartAndStopAgainAndAgain)
{
    for (int Round = 0; Round < 20; Round++) {
        Poller::Quiesce();
        Poller::Stop();
        Poller::Start();
    }
}

TEST_F(BackendPollerTest, AnEdgeIsReportedOnce)
{
    Watcher Udp(BackendDatagram);
    peer::Udp Far;
    std::string Got;
    ASSERT_EQ(0, Udp.Bind());
    Udp.Watch();
    EXPECT_TRUE(Far.SendTo(Udp.Port(), "x"));
    ASSERT_TRUE(Udp.Await(BACKEND_READABLE));
    SomeRounds();
    EXPECT_FALSE(Udp.Await(BACKEND_READABLE, 0)) << "it is a state, but was told";
    EXPECT_EQ(0, BackendRewatch(Udp.Get(), &Udp, BACKEND_READABLE));
    EXPECT_TRUE(Udp.Await(BACKEND_READABLE)) << "told again when asked";
    EXPECT_EQ(0, BackendRewatch(Udp.Get(), &Udp, BACKEND_READABLE | BACKEND_WRITABLE));
    EXPECT_TRUE(Udp.Await(BACKEND_WRITABLE));
    EXPECT_EQ(0, Udp.ReceiveFrom(&Got));
    int Before = Udp.Events();
    SomeRounds();
    EXPECT_EQ(Before, Udp.Events()) << "nothing is armed";
    EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));
    EXPECT_TRUE(Far.SendTo(Udp.Port(), "y"));
    EXPECT_TRUE(Udp.Await(BACKEND_READABLE));
}

TEST_F(BackendPollerTest, HundredsOfWatchedSockets)
{
    constexpr size_t Count = 300;
    std::vector<std::unique_ptr<Watcher>> All;
    peer::Udp Far;
    std::string Got;
    for (size_t Index = 0; Index < Count; Index++) {
        All.push_back(std::make_unique<Watcher>(BackendDatagram));
        ASSERT_EQ(0, All[Index]->Bind());
        All[Index]->Watch();
    }
    for (int Round = 0; Round < 3; Round++) {
        for (auto& Udp : All) {
            EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp->ReceiveFrom(&Got));
        }
        for (size_t Index = 0; Index < Count; Index++) {
            EXPECT_TRUE(Far.SendTo(All[Index]->Port(), std::to_string(Index)));
        }
        for (size_t Index = 0; Index < Count; Index++) {
            EXPECT_EQ(0, All[Index]->ReceiveFromFully(&Got));
            EXPECT_EQ(std::to_string(Index), Got);
        }
    }
    for (auto& Udp : All) {
        Udp->Close(true); /* so that one quiescent point is enough for most */
    }
}

/* Each datagram is sent only after the previous one was received, so a lost edge would hang the test. */
TEST_F(BackendPollerTest, ManyEdgesManyThreads)
{
    constexpr int Threads = 4, Rounds = 1000;
    std::vector<std::thread> Workers;
    for (int Index = 0; Index < Threads; Index++) {
        Workers.emplace_back([] {
            Watcher Near(BackendDatagram), Far(BackendDatagram);
            std::string Got;
            ASSERT_EQ(0, Near.Bind());
            ASSERT_EQ(0, Far.Bind());
            Near.Watch();
            Far.Watch();
            uint16_t NearPort = Near.Port(), FarPort = Far.Port();
            std::thread Echo([&] {
                std::string Data;
                for (int Round = 0; Round < Rounds; Round++) {
                    ASSERT_EQ(0, Far.ReceiveFromFully(&Data)) << "round " << Round;
                    ASSERT_EQ(0, Far.SendTo(Data, NearPort));
                }
            });
            for (int Round = 0; Round < Rounds; Round++) {
                EXPECT_EQ(0, Near.SendTo(std::to_string(Round), FarPort));
                int32_t Error = Near.ReceiveFromFully(&Got);
                EXPECT_EQ(0, Error) << "round " << Round;
                EXPECT_EQ(std::to_string(Round), Got);
                if (Error != 0) {
                    break;
                }
            }
            Echo.join();
        });
    }
    std::atomic<bool> Stop{false};
    std::thread Disturber([&] {
        /* Sockets are opened and closed, and reuse the handle values of closed ones. */
        while (!Stop) {
            Watcher Udp(BackendDatagram);
            EXPECT_EQ(0, Udp.Bind());
            Udp.Watch(BACKEND_READABLE | BACKEND_WRITABLE);
            std::this_thread::yield();
        }
    });
    for (auto& Worker : Workers) {
        Worker.join();
    }
    Stop = true;
    Disturber.join();
}

} // namespace wsk
