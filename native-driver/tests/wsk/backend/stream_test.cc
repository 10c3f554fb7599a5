/* SPDX-License-Identifier: Apache-2.0
 *
 * Connected streams of the Winsock backend: both directions, full buffers, and the end of the stream.
 */
#include "support.h"

#include <chrono>
#include <thread>
#include <vector>

namespace wsk {

class BackendStreamTest : public BackendTest {};

TEST_F(BackendStreamTest, SendReceiveEnd)
{
    for (uint16_t Family : {BACKEND_IPV4, BACKEND_IPV6}) {
        Pair Both(Family);
        std::string Got;
        size_t Moved = 0;
        BACKEND_ADDRESS Remote = {};
        EXPECT_EQ(0, BackendGetRemoteAddress(Both.Tcp.Get(), &Remote));
        EXPECT_EQ(Both.Listener.Port(), ntohs(Remote.Port));
        EXPECT_EQ(0, Both.Tcp.Send("hello", &Moved));
        EXPECT_EQ(5u, Moved);
        EXPECT_EQ("hello", Both.Far.ReceiveText(5));
        for (const char* Text : {"a", "bc", "def"}) {
            EXPECT_EQ(BACKEND_WOULD_BLOCK, Both.Tcp.Receive(&Got));
            EXPECT_TRUE(Both.Far.SendAll(Text));
            EXPECT_EQ(0, Both.Tcp.ReceiveFully(&Got));
            EXPECT_EQ(Text, Got);
        }
        EXPECT_FALSE(BackendIsAtEnd(Both.Tcp.Get()));
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Both.Tcp.Receive(&Got));
        Both.Far.ShutdownSend();
        EXPECT_EQ(0, Both.Tcp.ReceiveFully(&Got));
        EXPECT_EQ("", Got) << "the end";
        EXPECT_TRUE(BackendIsAtEnd(Both.Tcp.Get()));
        EXPECT_EQ(0, Both.Tcp.Send("late", &Moved));
        EXPECT_EQ(0, BackendShutdownSend(Both.Tcp.Get()));
        EXPECT_EQ(0, BackendFinishSend(Both.Tcp.Get()));
        EXPECT_EQ("late", Both.Far.ReceiveText(4));
        EXPECT_EQ(peer::End::Eof, Both.Far.Receive(&Got));
        EXPECT_EQ(WSAESHUTDOWN, Both.Tcp.Send("x", &Moved));
    }
}

/* The peer reads only when there is no room left. */
TEST_F(BackendStreamTest, SendUntilItWouldBlockThenAnEdge)
{
    Pair Both;
    std::string Data = Pattern(12000000), Got;
    std::atomic<int> Blocked{0};
    std::thread Reader([&] {
        EXPECT_TRUE(Await([&] { return Blocked > 0; }));
        for (std::string Part; Both.Far.Receive(&Part) == peer::End::Data;) {
            Got += Part;
        }
    });
    for (size_t Done = 0; Done < Data.size();) {
        BACKEND_SEGMENT Segments[2];
        size_t Half = (Data.size() - Done + 1) / 2;
        Segments[0] = {&Data[Done], Half};
        Segments[1] = {&Data[0] + Done + Half, Data.size() - Done - Half};
        BACKEND_MESSAGE Message = MessageOf(Segments, 2);
        int32_t Error = Both.Tcp.Send(&Message);
        if (Error == BACKEND_WOULD_BLOCK) {
            Blocked++;
            EXPECT_TRUE(Both.Tcp.Await(BACKEND_WRITABLE)) << "after " << Done;
        }
        EXPECT_TRUE(Error == 0 || Error == BACKEND_WOULD_BLOCK) << Error;
        if (HasFailure()) {
            break;
        }
        Done += Message.Moved;
    }
    EXPECT_EQ(0, BackendShutdownSend(Both.Tcp.Get()));
    Reader.join();
    EXPECT_TRUE(Got == Data) << Got.size();
}

TEST_F(BackendStreamTest, SendWaitsWithThePeersEndThere)
{
    using std::chrono::milliseconds;
    Pair Both;
    std::string Got, Block(65536, 'x');
    size_t Sent = Both.Fill(), Moved = 0, Taken = 0;
    Both.Far.ShutdownSend();
    EXPECT_EQ(0, Both.Tcp.ReceiveFully(&Got));
    EXPECT_EQ("", Got);
    Sent += Both.Fill();
    (void)Both.Tcp.Await(BACKEND_WRITABLE, 0);
    /* Each event is answered by an attempt, as the provider does. */
    auto Start = std::chrono::steady_clock::now();
    int Events = Both.Tcp.Events(), Rounds = Poller::Rounds();
    while (std::chrono::steady_clock::now() - Start < milliseconds(300)) {
        if (Both.Tcp.Await(BACKEND_WRITABLE, 50)) {
            Sent += Both.Fill();
        }
    }
    Events = Both.Tcp.Events() - Events;
    Rounds = Poller::Rounds() - Rounds;
    auto Elapsed = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - Start).count();
    EXPECT_LT(Events, Elapsed / 5) << "not in a circle";
    EXPECT_LT(Rounds, Elapsed / 2);
    std::thread Reader([&] {
        for (std::string Part; Both.Far.Receive(&Part) == peer::End::Data;) {
            Taken += Part.size();
        }
    });
    EXPECT_EQ(0, Both.Tcp.Until(BACKEND_WRITABLE, [&] { return Both.Tcp.Send(Block, &Moved); }));
    Sent += Moved;
    Both.Tcp.Close(false);
    Reader.join();
    EXPECT_EQ(Sent, Taken);
}

TEST_F(BackendStreamTest, DiscardAndReadable)
{
    Pair Both;
    size_t Moved = 0, Total = 0;
    EXPECT_TRUE(Both.Far.SendAll(std::string(5, 'x')));
    EXPECT_TRUE(Both.Tcp.AwaitReadable(5));
    EXPECT_EQ(0, BackendDiscard(Both.Tcp.Get(), BACKEND_ALL, &Moved));
    EXPECT_EQ(5u, Moved);
    EXPECT_EQ(BACKEND_WOULD_BLOCK, BackendDiscard(Both.Tcp.Get(), BACKEND_ALL, &Moved));
    std::thread Sender([&] {
        EXPECT_TRUE(Both.Far.SendAll(std::string(1000000, 'x')));
        Both.Far.ShutdownSend();
    });
    do {
        EXPECT_EQ(0, Both.Tcp.Until(BACKEND_READABLE,
                                    [&] { return BackendDiscard(Both.Tcp.Get(), BACKEND_ALL, &Moved); }));
        Total += Moved;
    } while (Moved != 0);
    Sender.join();
    EXPECT_EQ(1000000u, Total);
}

TEST_F(BackendStreamTest, PeekLeavesWhatItShows)
{
    Pair Both;
    char Room[10] = {};
    BACKEND_SEGMENT Segments[2] = {{Room, 3}, {Room + 3, 7}};
    BACKEND_MESSAGE Message = MessageOf(Segments, 2);
    std::string Got;
    size_t Moved = 0;
    EXPECT_EQ(BACKEND_WOULD_BLOCK, BackendPeek(Both.Tcp.Get(), &Message));
    EXPECT_TRUE(Both.Far.SendAll("abcde"));
    EXPECT_TRUE(Both.Tcp.AwaitReadable(5));
    for (int Time = 0; Time < 2; Time++) {
        EXPECT_EQ(0, BackendPeek(Both.Tcp.Get(), &Message));
        EXPECT_EQ(5u, Message.Moved);
        EXPECT_STREQ("abcde", Room);
    }
    EXPECT_EQ(0, BackendDiscard(Both.Tcp.Get(), 2, &Moved));
    EXPECT_EQ(2u, Moved);
    EXPECT_EQ(0, Both.Tcp.Receive(&Got));
    EXPECT_EQ("cde", Got);
    Both.Far.ShutdownSend();
    EXPECT_EQ(0, Both.Tcp.Until(BACKEND_READABLE, [&] { return BackendPeek(Both.Tcp.Get(), &Message); }));
    EXPECT_EQ(0u, Message.Moved) << "the end";
    EXPECT_FALSE(BackendIsBroken(Both.Tcp.Get()));
}

TEST_F(BackendStreamTest, ResetIsKnownWhileThereIsData)
{
    Pair Both;
    EXPECT_FALSE(BackendIsBroken(Both.Tcp.Get()));
    EXPECT_TRUE(Both.Far.SendAll("unread"));
    EXPECT_TRUE(Both.Tcp.AwaitReadable(6));
    EXPECT_FALSE(BackendIsBroken(Both.Tcp.Get()));
    Both.Far.Reset();
    EXPECT_TRUE(Await([&] { return BackendIsBroken(Both.Tcp.Get()); }));
}

TEST_F(BackendStreamTest, BothWaysManyThreads)
{
    constexpr int Pairs = 3;
    const std::string Data = Pattern(3000000);
    std::vector<std::thread> Workers;
    std::vector<std::unique_ptr<Watcher>> Streams;
    Watcher Listener(BackendStream);
    ASSERT_EQ(0, Listener.Bind());
    ASSERT_EQ(0, BackendListen(Listener.Get()));
    Listener.Watch();
    for (int Index = 0; Index < Pairs; Index++) {
        BACKEND_HANDLE Handle = BACKEND_NO_HANDLE;
        BACKEND_ADDRESS Remote = {};
        Streams.push_back(std::make_unique<Watcher>(BackendStream));
        ASSERT_EQ(0, Streams.back()->Bind());
        Streams.back()->Watch(BACKEND_READABLE | BACKEND_WRITABLE);
        ASSERT_EQ(0, Streams.back()->ConnectFully(Listener.Port()));
        ASSERT_EQ(0, Listener.AcceptFully(&Handle, &Remote));
        Streams.push_back(std::make_unique<Watcher>(Handle));
        Streams.back()->Watch(BACKEND_READABLE | BACKEND_WRITABLE);
    }
    for (auto& Stream : Streams) {
        Watcher* Tcp = Stream.get();
        Workers.emplace_back([Tcp, &Data] {
            for (size_t Done = 0; Done < Data.size();) {
                size_t Moved = 0;
                std::string Part = Data.substr(Done, 100000);
                int32_t Error = Tcp->Until(BACKEND_WRITABLE, [&] { return Tcp->Send(Part, &Moved); });
                ASSERT_EQ(0, Error);
                Done += Moved;
            }
            EXPECT_EQ(0, BackendShutdownSend(Tcp->Get()));
        });
        Workers.emplace_back([Tcp, &Data] {
            std::string Got, Part;
            do {
                ASSERT_EQ(0, Tcp->ReceiveFully(&Part, 30000));
                Got += Part;
            } while (!Part.empty());
            EXPECT_TRUE(Got == Data) << Got.size();
        });
    }
    for (auto& Worker : Workers) {
        Worker.join();
    }
}

} // namespace wsk
