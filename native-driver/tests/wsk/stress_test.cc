/* SPDX-License-Identifier: Apache-2.0
 *
 * Many requests and many threads: each IRP completes exactly once, whatever races with it, and nothing is
 * lost.
 */
#include "fixture.h"
#include "peer.h"

#include <atomic>

namespace wsk {

class StressTest : public ClientTest {
  protected:
    struct Pending {
        Request Call;
        Buffer Payload{16};
    };
    using List = std::vector<std::unique_ptr<Pending>>;

    /* Posts receives that pend. */
    static List Post(Datagram& Udp, int Count)
    {
        List Result;
        for (int Index = 0; Index < Count; Index++) {
            Result.push_back(std::make_unique<Pending>());
            EXPECT_STATUS(STATUS_PENDING,
                          Udp->WskReceiveFrom(Udp.Get(), Result[Index]->Payload.Wsk(), 0, nullptr, nullptr,
                                              nullptr, nullptr, Result[Index]->Call.Irp()));
        }
        return Result;
    }
    /* Cancels all requests of the list, in every thread. */
    static std::vector<std::thread> CancelAll(List& Requests, int Threads)
    {
        std::vector<std::thread> Result;
        for (int Index = 0; Index < Threads; Index++) {
            Result.emplace_back([&Requests, Index] {
                for (size_t Step = 0; Step < Requests.size(); Step++) {
                    Requests[(Step * 7 + static_cast<size_t>(Index) * 31) % Requests.size()]->Call.Cancel();
                }
            });
        }
        return Result;
    }
    static void Join(std::vector<std::thread>& Threads)
    {
        for (auto& Thread : Threads) {
            Thread.join();
        }
    }
};

TEST_F(StressTest, ThousandReceivesCancelledByManyThreads)
{
    Datagram Udp(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    List Requests = Post(Udp, 1000);
    EXPECT_EQ(1000u, Accounting().PendingIrps);
    auto Threads = CancelAll(Requests, 4);
    Join(Threads);
    for (auto& Request_ : Requests) {
        EXPECT_STATUS(STATUS_CANCELLED, Request_->Call.Wait());
        EXPECT_EQ(1, Request_->Call.Completions());
    }
    EXPECT_EQ(0u, Accounting().PendingIrps);
}

TEST_F(StressTest, CloseRacesWithCancel)
{
    for (int Round = 0; Round < 20; Round++) {
        Datagram Udp(*Owner);
        ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
        List Requests = Post(Udp, 100);
        auto Threads = CancelAll(Requests, 2);
        Udp.Close();
        for (auto& Request_ : Requests) {
            EXPECT_TRUE(Request_->Call.IsDone()) << "before the close";
        }
        Join(Threads);
        for (auto& Request_ : Requests) {
            EXPECT_STATUS(STATUS_CANCELLED, Request_->Call.Wait());
        }
    }
}

TEST_F(StressTest, ArrivalRacesWithCancelAndLosesNothing)
{
    constexpr int Count = 300;
    Datagram Udp(*Owner);
    peer::Udp Peer;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    USHORT Port = Udp.Port();
    List Requests = Post(Udp, Count);
    auto Threads = CancelAll(Requests, 1);
    int Sent = 0, Got = 0;
    for (; Sent < 100; Sent++) {
        ASSERT_TRUE(Peer.SendTo(Port, "x"));
    }
    Join(Threads);
    for (auto& Request_ : Requests) {
        NTSTATUS Status = Request_->Call.Wait();
        EXPECT_TRUE(Status == STATUS_SUCCESS || Status == STATUS_CANCELLED);
        Got += (Status == STATUS_SUCCESS);
    }
    for (std::string Data; Got < Sent; Got++) {
        ASSERT_STATUS(STATUS_SUCCESS, Udp.Receive(&Data)) << "still in the socket";
    }
}

TEST_F(StressTest, ForcedCloseRacesWithEverything)
{
    for (int Round = 0; Round < 10; Round++) {
        Datagram A(*Owner), B(*Owner);
        ASSERT_STATUS(STATUS_SUCCESS, A.Bind(V4(0)));
        ASSERT_STATUS(STATUS_SUCCESS, B.Bind(V4(0)));
        List Requests = Post(A, 50), Others = Post(B, 50);
        auto Threads = CancelAll(Requests, 1);
        std::thread Force([] { WskHostForceClose(); });
        B.Close();
        Force.join();
        Join(Threads);
        for (auto& Request_ : Requests) {
            NTSTATUS Status = Request_->Call.Wait();
            EXPECT_TRUE(Status == STATUS_CANCELLED || Status == STATUS_FILE_FORCED_CLOSED);
        }
        for (auto& Request_ : Others) {
            EXPECT_TRUE(Request_->Call.IsDone());
        }
    }
}

TEST_F(StressTest, ManyThreadsShareADatagramSocket)
{
    constexpr int Threads = 4, Each = 300;
    Datagram Udp(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SetOption(SOL_SOCKET, SO_RCVBUF, 1 << 20));
    SOCKADDR_INET Self = V4(Udp.Port());
    std::atomic<int> Sent{0}, Received{0};
    std::vector<std::thread> Workers;
    for (int Index = 0; Index < Threads; Index++) {
        Workers.emplace_back([&] {
            for (int Step = 0; Step < Each; Step++) {
                std::string Data;
                if (NT_SUCCESS(Udp.SendTo("ping", &Self))) {
                    Sent++;
                }
                if (NT_SUCCESS(Udp.Receive(&Data, nullptr, nullptr, 100)) && Data == "ping") {
                    Received++;
                }
            }
        });
    }
    Join(Workers);
    EXPECT_EQ(Threads * Each, Sent);
    EXPECT_EQ(Threads * Each, Received);
}

TEST_F(StressTest, BothDirectionsOfManyConnections)
{
    constexpr int Pairs = 8;
    constexpr size_t Size = 300000;
    Listener Server(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Server.Bind(V4(0)));
    std::vector<std::thread> Workers;
    std::string Data(Size, '\0');
    for (size_t Index = 0; Index < Size; Index++) {
        Data[Index] = static_cast<char>(Index * 13);
    }
    for (int Index = 0; Index < Pairs; Index++) {
        PWSK_SOCKET Handle = nullptr;
        auto Near = std::make_shared<Connection>(*Owner);
        ASSERT_STATUS(STATUS_SUCCESS, Near->ConnectTo(Server.Port()));
        ASSERT_STATUS(STATUS_SUCCESS, Server.Accept(&Handle));
        auto Far = std::make_shared<Connection>(Handle);
        for (auto Pair : {std::make_pair(Near, Far), std::make_pair(Far, Near)}) {
            Workers.emplace_back([Pair, &Data] {
                EXPECT_STATUS(STATUS_SUCCESS, Pair.first->Send(Data, 0, 5));
                EXPECT_STATUS(STATUS_SUCCESS, Pair.first->Disconnect());
            });
            Workers.emplace_back([Pair, &Data] {
                std::string Got, End;
                EXPECT_STATUS(STATUS_SUCCESS, Pair.second->Receive(&Got, Size, WSK_FLAG_WAITALL));
                EXPECT_TRUE(Got == Data);
                EXPECT_STATUS(STATUS_SUCCESS, Pair.second->Receive(&End, 1));
                EXPECT_EQ("", End);
            });
        }
    }
    Join(Workers);
}

TEST_F(StressTest, ConnectAndCloseAgainAndAgain)
{
    Listener Server(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Server.Bind(V4(0)));
    USHORT Port = Server.Port();
    std::vector<std::thread> Workers;
    for (int Index = 0; Index < 2; Index++) {
        Workers.emplace_back([&] {
            for (int Step = 0; Step < 100; Step++) {
                Connection Tcp(*Owner);
                EXPECT_STATUS(STATUS_SUCCESS, Tcp.ConnectTo(Port));
                EXPECT_STATUS(STATUS_SUCCESS, Tcp.Send("x"));
            }
        });
    }
    for (int Step = 0; Step < 200; Step++) {
        PWSK_SOCKET Handle = nullptr;
        ASSERT_STATUS(STATUS_SUCCESS, Server.Accept(&Handle));
        Connection Accepted(Handle);
        std::string Got;
        (void)Accepted.Receive(&Got, 1); /* so that the connection is not reset before the byte was sent */
    }
    Join(Workers);
}

TEST_F(StressTest, ReceivesRepostedFromTheirCompletion)
{
    constexpr int Count = 500;
    Datagram Udp(*Owner);
    peer::Udp Peer;
    Request Receive;
    Buffer Payload(16);
    std::atomic<int> Got{0};
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    for (int Index = 0; Index < Count; Index++) {
        NTSTATUS Returned = Udp->WskReceiveFrom(Udp.Get(), Payload.Wsk(), 0, nullptr, nullptr, nullptr,
                                                nullptr, Receive.Arm());
        ASSERT_TRUE(Peer.SendTo(Udp.Port(), std::to_string(Index)));
        ASSERT_STATUS(STATUS_SUCCESS, Receive.Finish(Returned));
        EXPECT_EQ(std::to_string(Index), Payload.Text(Receive.Information()));
        Got++;
    }
    EXPECT_EQ(Count, Got);
}

} // namespace wsk
