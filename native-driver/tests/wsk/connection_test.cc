/* SPDX-License-Identifier: Apache-2.0
 *
 * Connection sockets against ordinary TCP sockets.
 */
#include "fixture.h"
#include "peer.h"

namespace wsk {

class ConnectionTest : public ClientTest {
  protected:
    void SetUp() override
    {
        ClientTest::SetUp();
        Tcp = std::make_unique<Connection>(*Owner);
    }
    void TearDown() override
    {
        Tcp.reset();
        ClientTest::TearDown();
    }
    /* Connects Tcp to Peer. */
    void Establish()
    {
        ASSERT_STATUS(STATUS_SUCCESS, Tcp->ConnectTo(Server.Port()));
        Peer = Server.Accept();
        ASSERT_TRUE(Peer.IsOpen());
    }

    peer::TcpListener Server;
    peer::Tcp Peer;
    std::unique_ptr<Connection> Tcp;
};

static std::string Pattern(size_t Length)
{
    std::string Data(Length, '\0');
    for (size_t Index = 0; Index < Length; Index++) {
        Data[Index] = static_cast<char>(Index ^ (Index >> 8) ^ (Index >> 16));
    }
    return Data;
}

constexpr size_t Huge = 32u << 20; /* more than the loopback interface buffers */

/* ---- connecting -------------------------------------------------------------------------------------- */

TEST_F(ConnectionTest, ConnectAndTalk)
{
    std::string Got;
    Establish();
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Send("hello"));
    EXPECT_EQ("hello", Peer.ReceiveText(5));
    ASSERT_TRUE(Peer.SendAll("world"));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Receive(&Got, 100));
    EXPECT_EQ("world", Got);
}

TEST_F(ConnectionTest, ConnectRefusedAndTriedAgain)
{
    peer::UnusedTcpPort Nobody;
    EXPECT_STATUS(STATUS_CONNECTION_REFUSED, Tcp->ConnectTo(Nobody.Port()));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Connect(V4(Server.Port())));
}

TEST_F(ConnectionTest, ConnectNeedsBindAndFamily)
{
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Tcp->Connect(V4(Server.Port())));
    ASSERT_STATUS(STATUS_SUCCESS, Tcp->Bind(V4(0, INADDR_ANY)));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Tcp->Connect(V6(Server.Port())));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Connect(V4(Server.Port())));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Tcp->Connect(V4(Server.Port())));
}

/* Has a connect that hangs: its listener's queue is full. */
class HangingConnectTest : public ConnectionTest {
  protected:
    void SetUp() override
    {
        ConnectionTest::SetUp();
        Full.Fill();
        SOCKADDR_INET To = V4(Full.Port());
        ASSERT_STATUS(STATUS_SUCCESS, Tcp->Bind(V4(0, INADDR_ANY)));
        ASSERT_STATUS(STATUS_PENDING, (*Tcp)->WskConnect(Tcp->Get(), Raw(To), 0, Connect.Irp()));
        EXPECT_FALSE(Connect.IsDone());
    }

    peer::TcpListener Full{4, 0};
    Request Connect;
};

TEST_F(HangingConnectTest, CancelledConnectAndTriedAgain)
{
    Connect.Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, Connect.Wait());
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Connect(V4(Server.Port())));
}

TEST_F(HangingConnectTest, CloseWithAConnectPending)
{
    Tcp->Close();
    EXPECT_STATUS(STATUS_CANCELLED, Connect.Wait());
}

TEST_F(ConnectionTest, TransferBeforeConnectIsInvalidState)
{
    std::string Got;
    ASSERT_STATUS(STATUS_SUCCESS, Tcp->Bind(V4(0)));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Tcp->Send("x"));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Tcp->Receive(&Got, 1));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Tcp->Disconnect());
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Tcp->Disconnect(WSK_FLAG_ABORTIVE));
}

TEST_F(ConnectionTest, Addresses)
{
    Request Query;
    SOCKADDR_INET Local = {}, Remote = {};
    ASSERT_STATUS(STATUS_SUCCESS, Tcp->Bind(V4(0, INADDR_ANY)));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE,
                  Query.Finish((*Tcp)->WskGetRemoteAddress(Tcp->Get(), Raw(Remote), Query.Irp())));
    ASSERT_STATUS(STATUS_SUCCESS, Tcp->Connect(V4(Server.Port())));
    Query.Arm();
    EXPECT_STATUS(STATUS_SUCCESS,
                  Query.Finish((*Tcp)->WskGetRemoteAddress(Tcp->Get(), Raw(Remote), Query.Irp())));
    Query.Arm();
    EXPECT_STATUS(STATUS_SUCCESS,
                  Query.Finish((*Tcp)->WskGetLocalAddress(Tcp->Get(), Raw(Local), Query.Irp())));
    EXPECT_EQ(Server.Port(), PortOf(Remote));
    EXPECT_EQ(V4(0).Ipv4.sin_addr.s_addr, Local.Ipv4.sin_addr.s_addr) << "chosen by the connect";
}

TEST_F(ConnectionTest, IpVersion6)
{
    peer::TcpListener Six(6);
    Connection Client6(*Owner, AF_INET6);
    ASSERT_STATUS(STATUS_SUCCESS, Client6.Bind(V6(0, false)));
    ASSERT_STATUS(STATUS_SUCCESS, Client6.Connect(V6(Six.Port())));
    Peer = Six.Accept();
    EXPECT_STATUS(STATUS_SUCCESS, Client6.Send("six"));
    EXPECT_EQ("six", Peer.ReceiveText(3));
}

TEST_F(ConnectionTest, SocketConnectInOneStep)
{
    Request Connect;
    SOCKADDR_INET Local = V4(0, INADDR_ANY), Remote = V4(Server.Port());
    ASSERT_STATUS(STATUS_SUCCESS, Connect.Finish((*Owner)->WskSocketConnect(
                                      Owner->Npi.Client, SOCK_STREAM, IPPROTO_TCP, Raw(Local), Raw(Remote), 0,
                                      nullptr, nullptr, nullptr, nullptr, nullptr, Connect.Irp())));
    Connection Made(reinterpret_cast<PWSK_SOCKET>(Connect.Information()));
    Peer = Server.Accept();
    EXPECT_STATUS(STATUS_SUCCESS, Made.Send("one step"));
    EXPECT_EQ("one step", Peer.ReceiveText(8));
}

TEST_F(ConnectionTest, FailedSocketConnectLeavesNoSocket)
{
    peer::UnusedTcpPort Nobody;
    Request Connect;
    SOCKADDR_INET Local = V4(0, INADDR_ANY), Remote = V4(Nobody.Port());
    ULONGLONG Before = Accounting().Sockets;
    EXPECT_STATUS(STATUS_CONNECTION_REFUSED,
                  Connect.Finish((*Owner)->WskSocketConnect(Owner->Npi.Client, SOCK_STREAM, IPPROTO_TCP,
                                                            Raw(Local), Raw(Remote), 0, nullptr, nullptr,
                                                            nullptr, nullptr, nullptr, Connect.Irp())));
    EXPECT_EQ(0u, Connect.Information());
    Connect.Arm();
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Connect.Finish((*Owner)->WskSocketConnect(Owner->Npi.Client, SOCK_STREAM, IPPROTO_TCP,
                                                            nullptr, Raw(Remote), 0, nullptr, nullptr,
                                                            nullptr, nullptr, nullptr, Connect.Irp())));
    EXPECT_EQ(Before, Accounting().Sockets);
}

/* ---- sending ----------------------------------------------------------------------------------------- */

TEST_F(ConnectionTest, LargeSendsArriveWholeAndInOrder)
{
    std::string Data = Pattern(Huge);
    Buffer First(Data, 100), Second("the end");
    Request SendFirst, SendSecond;
    Establish();
    NTSTATUS Returned = (*Tcp)->WskSend(Tcp->Get(), First.Wsk(), 0, SendFirst.Irp());
    EXPECT_STATUS(STATUS_PENDING, Returned) << "nobody reads yet";
    NTSTATUS ReturnedSecond = (*Tcp)->WskSend(Tcp->Get(), Second.Wsk(), 0, SendSecond.Irp());
    EXPECT_STATUS(STATUS_PENDING, ReturnedSecond);
    EXPECT_TRUE(Data == Peer.ReceiveText(Huge));
    EXPECT_EQ("the end", Peer.ReceiveText(7));
    EXPECT_STATUS(STATUS_SUCCESS, SendFirst.Finish(Returned));
    EXPECT_EQ(Huge, SendFirst.Information());
    EXPECT_STATUS(STATUS_SUCCESS, SendSecond.Finish(ReturnedSecond));
}

TEST_F(ConnectionTest, CancelledSendTellsHowMuchWent)
{
    std::string Data = Pattern(Huge);
    Buffer Payload(Data);
    Request Send;
    Establish();
    NTSTATUS Returned = (*Tcp)->WskSend(Tcp->Get(), Payload.Wsk(), 0, Send.Irp());
    ASSERT_STATUS(STATUS_PENDING, Returned);
    Send.Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, Send.Finish(Returned));
    size_t Moved = Send.Information();
    EXPECT_GT(Moved, 0u);
    EXPECT_LT(Moved, Huge);
    EXPECT_TRUE(Data.substr(0, Moved) == Peer.ReceiveText(Moved));
    EXPECT_FALSE(Peer.AwaitData(20)) << "exactly that much";
}

TEST_F(ConnectionTest, ZeroLengthSend)
{
    Establish();
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Send(""));
}

TEST_F(ConnectionTest, NoDelayFlagAndBadFlags)
{
    Establish();
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Send("now", WSK_FLAG_NODELAY));
    EXPECT_EQ("now", Peer.ReceiveText(3));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Tcp->Send("x", WSK_FLAG_OOB));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Tcp->Send("x", 0x80));
}

TEST_F(ConnectionTest, SendAfterThePeerResetFails)
{
    Establish();
    Peer.Reset();
    EXPECT_TRUE(Await([&] { return !NT_SUCCESS(Tcp->Send("x")); }));
    EXPECT_STATUS(STATUS_CONNECTION_RESET, Tcp->Send("x"));
    std::string Got;
    EXPECT_STATUS(STATUS_CONNECTION_RESET, Tcp->Receive(&Got, 10)) << "both directions know";
}

/* ---- receiving --------------------------------------------------------------------------------------- */

TEST_F(ConnectionTest, ReceivesFillInOrder)
{
    constexpr int Count = 20;
    std::vector<std::unique_ptr<Request>> Requests;
    std::vector<std::unique_ptr<Buffer>> Buffers;
    std::string All;
    Establish();
    for (int Index = 0; Index < Count; Index++) {
        Requests.push_back(std::make_unique<Request>());
        Buffers.push_back(std::make_unique<Buffer>(3, 2));
        EXPECT_STATUS(STATUS_PENDING, (*Tcp)->WskReceive(Tcp->Get(), Buffers[Index]->Wsk(), WSK_FLAG_WAITALL,
                                                         Requests[Index]->Irp()));
    }
    ASSERT_TRUE(Peer.SendAll(Pattern(3 * Count)));
    for (int Index = 0; Index < Count; Index++) {
        EXPECT_STATUS(STATUS_SUCCESS, Requests[Index]->Wait());
        All += Buffers[Index]->Text(Requests[Index]->Information());
    }
    EXPECT_EQ(Pattern(3 * Count), All);
}

TEST_F(ConnectionTest, WaitAllWaits)
{
    Request Receive;
    Buffer Payload(10);
    Establish();
    NTSTATUS Returned = (*Tcp)->WskReceive(Tcp->Get(), Payload.Wsk(), WSK_FLAG_WAITALL, Receive.Irp());
    ASSERT_TRUE(Peer.SendAll("01234"));
    std::this_thread::sleep_for(std::chrono::milliseconds(20)); /* for nothing to happen */
    EXPECT_FALSE(Receive.IsDone());
    ASSERT_TRUE(Peer.SendAll("56789"));
    EXPECT_STATUS(STATUS_SUCCESS, Receive.Finish(Returned));
    EXPECT_EQ("0123456789", Payload.Text(Receive.Information()));
}

TEST_F(ConnectionTest, WaitAllEndsWithTheStream)
{
    Request Receive;
    Buffer Payload(10);
    Establish();
    NTSTATUS Returned = (*Tcp)->WskReceive(Tcp->Get(), Payload.Wsk(), WSK_FLAG_WAITALL, Receive.Irp());
    ASSERT_TRUE(Peer.SendAll("0123"));
    Peer.ShutdownSend();
    EXPECT_STATUS(STATUS_SUCCESS, Receive.Finish(Returned));
    EXPECT_EQ("0123", Payload.Text(Receive.Information()));
}

TEST_F(ConnectionTest, CancelledWaitAllTellsHowMuchCame)
{
    Request Receive;
    Buffer Payload(10);
    size_t Moved = 0;
    Establish();
    NTSTATUS Returned = (*Tcp)->WskReceive(Tcp->Get(), Payload.Wsk(), WSK_FLAG_WAITALL, Receive.Irp());
    ASSERT_TRUE(Peer.SendAll("0123"));
    /* There is no sign of when the bytes have moved. Bytes that arrive after the cancellation are received
     * later. */
    for (int Pause = 20; Moved == 0 && Pause < kPatience; Pause *= 2) {
        std::this_thread::sleep_for(std::chrono::milliseconds(Pause));
        Receive.Cancel();
        EXPECT_STATUS(STATUS_CANCELLED, Receive.Finish(Returned));
        Moved = Receive.Information();
        if (Moved == 0) {
            Returned = (*Tcp)->WskReceive(Tcp->Get(), Payload.Wsk(), WSK_FLAG_WAITALL, Receive.Arm());
        }
    }
    EXPECT_EQ("0123", Payload.Text(Moved));
}

TEST_F(ConnectionTest, EndOfStreamIsZeroBytesForEveryReceive)
{
    Request First, Second;
    Buffer A(10), B(10);
    std::string Got = "?";
    Establish();
    EXPECT_STATUS(STATUS_PENDING, (*Tcp)->WskReceive(Tcp->Get(), A.Wsk(), 0, First.Irp()));
    EXPECT_STATUS(STATUS_PENDING, (*Tcp)->WskReceive(Tcp->Get(), B.Wsk(), 0, Second.Irp()));
    Peer.ShutdownSend();
    EXPECT_STATUS(STATUS_SUCCESS, First.Wait());
    EXPECT_EQ(0u, First.Information());
    EXPECT_STATUS(STATUS_SUCCESS, Second.Wait());
    EXPECT_EQ(0u, Second.Information());
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Receive(&Got, 10));
    EXPECT_EQ("", Got);
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Send("still")) << "the other direction goes on";
    EXPECT_EQ("still", Peer.ReceiveText(5));
}

TEST_F(ConnectionTest, ResetIsReportedToEveryReceive)
{
    Request First;
    Buffer A(10);
    std::string Got;
    Establish();
    EXPECT_STATUS(STATUS_PENDING, (*Tcp)->WskReceive(Tcp->Get(), A.Wsk(), 0, First.Irp()));
    Peer.Reset();
    EXPECT_STATUS(STATUS_CONNECTION_RESET, First.Wait());
    EXPECT_STATUS(STATUS_CONNECTION_RESET, Tcp->Receive(&Got, 10));
    EXPECT_STATUS(STATUS_CONNECTION_RESET, Tcp->Send("x"));
}

TEST_F(ConnectionTest, DrainDiscardsUntilTheEnd)
{
    Request Drain;
    WSK_BUF Empty = {};
    std::string Got;
    Establish();
    NTSTATUS Returned = (*Tcp)->WskReceive(Tcp->Get(), &Empty, WSK_FLAG_DRAIN, Drain.Irp());
    EXPECT_STATUS(STATUS_PENDING, Returned);
    ASSERT_TRUE(Peer.SendAll(Pattern(Huge))) << "nothing holds the peer up";
    EXPECT_FALSE(Drain.IsDone());
    Peer.ShutdownSend();
    EXPECT_STATUS(STATUS_SUCCESS, Drain.Finish(Returned));
    EXPECT_EQ(0u, Drain.Information());
}

TEST_F(ConnectionTest, DrainCanBeCancelled)
{
    Request Drain;
    WSK_BUF Empty = {};
    Establish();
    NTSTATUS Returned = (*Tcp)->WskReceive(Tcp->Get(), &Empty, WSK_FLAG_DRAIN, Drain.Irp());
    Drain.Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, Drain.Finish(Returned));
}

TEST_F(ConnectionTest, ReceiveFlagsAndLengths)
{
    Request Receive;
    WSK_BUF Empty = {};
    std::string Got;
    Establish();
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Tcp->Receive(&Got, 10, WSK_FLAG_WAITALL | WSK_FLAG_DRAIN));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Tcp->Receive(&Got, 10, WSK_FLAG_DRAIN));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Tcp->Receive(&Got, 10, 1));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Receive.Finish((*Tcp)->WskReceive(Tcp->Get(), &Empty, 0, Receive.Irp())));
}

TEST_F(ConnectionTest, ReleaseAndUnsupportedFunctions)
{
    Request Call;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, (*Tcp)->WskRelease(Tcp->Get(), nullptr));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED,
                  Call.Finish((*Tcp)->WskSendEx(Tcp->Get(), nullptr, 0, 0, nullptr, Call.Irp())));
    Call.Arm();
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Call.Finish((*Tcp)->WskReceiveEx(Tcp->Get(), nullptr, 0, nullptr,
                                                                         nullptr, nullptr, Call.Irp())));
}

/* ---- disconnecting and closing ----------------------------------------------------------------------- */

TEST_F(ConnectionTest, GracefulDisconnectLetsReceivingGoOn)
{
    std::string Got;
    Establish();
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Send("last"));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Disconnect());
    EXPECT_EQ("last", Peer.ReceiveText(4));
    EXPECT_EQ(peer::End::Eof, Peer.Receive(&Got));
    EXPECT_STATUS(STATUS_CONNECTION_DISCONNECTED, Tcp->Send("too late"));
    EXPECT_STATUS(STATUS_CONNECTION_DISCONNECTED, Tcp->Disconnect());
    ASSERT_TRUE(Peer.SendAll("reply"));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Receive(&Got, 10));
    EXPECT_EQ("reply", Got);
}

TEST_F(ConnectionTest, DisconnectSendsItsLastData)
{
    std::string Last = "goodbye", Got;
    Establish();
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Disconnect(0, &Last));
    EXPECT_EQ(Last, Peer.ReceiveText(Last.size()));
    EXPECT_EQ(peer::End::Eof, Peer.Receive(&Got));
}

TEST_F(ConnectionTest, DisconnectWaitsBehindSends)
{
    std::string Data = Pattern(Huge), Got;
    Buffer Payload(Data);
    Request Send, Disconnect;
    Establish();
    EXPECT_STATUS(STATUS_PENDING, (*Tcp)->WskSend(Tcp->Get(), Payload.Wsk(), 0, Send.Irp()));
    EXPECT_STATUS(STATUS_PENDING, (*Tcp)->WskDisconnect(Tcp->Get(), nullptr, 0, Disconnect.Irp()));
    EXPECT_TRUE(Data == Peer.ReceiveText(Huge));
    EXPECT_EQ(peer::End::Eof, Peer.Receive(&Got));
    EXPECT_STATUS(STATUS_SUCCESS, Send.Wait());
    EXPECT_STATUS(STATUS_SUCCESS, Disconnect.Wait());
}

TEST_F(ConnectionTest, DisconnectWaitsUntilThePeerHasTheData)
{
    std::string Data = Pattern(200000);
    Request Disconnect;
    Server.SetReceiveBuffer(4096); /* inherited by accepted sockets */
    Establish();
    Request Send;
    Buffer Payload(Data);
    NTSTATUS Sent = (*Tcp)->WskSend(Tcp->Get(), Payload.Wsk(), 0, Send.Irp());
    EXPECT_STATUS(STATUS_PENDING, (*Tcp)->WskDisconnect(Tcp->Get(), nullptr, 0, Disconnect.Irp()));
    std::this_thread::sleep_for(std::chrono::milliseconds(20)); /* for nothing to happen */
    EXPECT_FALSE(Disconnect.IsDone()) << "the peer's window is full";
    EXPECT_TRUE(Data == Peer.ReceiveText(Data.size()));
    EXPECT_STATUS(STATUS_SUCCESS, Send.Finish(Sent));
    EXPECT_STATUS(STATUS_SUCCESS, Disconnect.Wait());
}

TEST_F(ConnectionTest, AbortiveDisconnectResets)
{
    Request Receive, Send;
    Buffer In(10), Out(Pattern(Huge));
    std::string Got;
    std::string Last = "x";
    Establish();
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Tcp->Disconnect(WSK_FLAG_ABORTIVE, &Last));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Tcp->Disconnect(0x10));
    EXPECT_STATUS(STATUS_PENDING, (*Tcp)->WskReceive(Tcp->Get(), In.Wsk(), 0, Receive.Irp()));
    EXPECT_STATUS(STATUS_PENDING, (*Tcp)->WskSend(Tcp->Get(), Out.Wsk(), 0, Send.Irp()));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Disconnect(WSK_FLAG_ABORTIVE));
    EXPECT_STATUS(STATUS_CONNECTION_ABORTED, Receive.Wait());
    EXPECT_STATUS(STATUS_CANCELLED, Send.Wait());
    EXPECT_EQ(peer::End::Reset, Peer.AwaitEnd());
    EXPECT_STATUS(STATUS_CONNECTION_DISCONNECTED, Tcp->Send("x"));
    EXPECT_STATUS(STATUS_CONNECTION_ABORTED, Tcp->Receive(&Got, 10));
}

TEST_F(ConnectionTest, CloseWithoutDisconnectResets)
{
    std::string Got;
    Establish();
    Tcp->Close();
    EXPECT_EQ(peer::End::Reset, Peer.Receive(&Got));
}

TEST_F(ConnectionTest, CloseAfterOneDirectionOnlyResets)
{
    std::string Got;
    Establish();
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Disconnect());
    EXPECT_EQ(peer::End::Eof, Peer.Receive(&Got));
    Tcp->Close();
    EXPECT_TRUE(Await([&] { return !Peer.SendAll("x"); }));
}

TEST_F(ConnectionTest, CloseAfterBothDirectionsIsOrderly)
{
    std::string Got;
    Establish();
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Send("data"));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Disconnect());
    Peer.ShutdownSend();
    EXPECT_STATUS(STATUS_SUCCESS, Tcp->Receive(&Got, 10));
    EXPECT_EQ("", Got);
    Tcp->Close();
    EXPECT_EQ("data", Peer.ReceiveText(4));
    EXPECT_EQ(peer::End::Eof, Peer.Receive(&Got));
}

TEST_F(ConnectionTest, CloseWithTransfersPending)
{
    Request Receive, Send;
    Buffer In(10), Out(Pattern(Huge));
    Establish();
    EXPECT_STATUS(STATUS_PENDING, (*Tcp)->WskReceive(Tcp->Get(), In.Wsk(), 0, Receive.Irp()));
    EXPECT_STATUS(STATUS_PENDING, (*Tcp)->WskSend(Tcp->Get(), Out.Wsk(), 0, Send.Irp()));
    Tcp->Close();
    EXPECT_STATUS(STATUS_CANCELLED, Receive.Wait());
    EXPECT_STATUS(STATUS_CANCELLED, Send.Wait());
    EXPECT_GT(Send.Information(), 0u);
}

/* Each call takes a chain of MDLs and an offset in its first. */
TEST_F(ConnectionTest, MdlChainsAndOffsets)
{
    peer::TcpListener Server;
    Connection Tcp(*Owner);
    std::string Data = Pattern(3000);
    Buffer First(Data, 7), Out(Data, 5), In(1600, 9), Last(Data, 3);
    SOCKADDR_INET To = V4(Server.Port());
    Request Call;
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.Bind(V4(0)));
    First.Wsk()->Offset = 3;
    First.Wsk()->Length = 2500;
    ASSERT_STATUS(STATUS_SUCCESS,
                  Call.Finish(Tcp->WskConnectEx(Tcp.Get(), Raw(To), First.Wsk(), 0, Call.Irp())));
    EXPECT_EQ(2500u, Call.Information());
    peer::Tcp Peer = Server.Accept();
    EXPECT_EQ(Data.substr(3, 2500), Peer.ReceiveText(2500));

    Out.Wsk()->Offset = 11;
    Out.Wsk()->Length = 2000;
    Call.Arm();
    EXPECT_STATUS(STATUS_SUCCESS, Call.Finish(Tcp->WskSend(Tcp.Get(), Out.Wsk(), 0, Call.Irp())));
    EXPECT_EQ(Data.substr(11, 2000), Peer.ReceiveText(2000));

    In.Wsk()->Offset = 100;
    In.Wsk()->Length = 1500;
    ASSERT_TRUE(Peer.SendAll(Data.substr(0, 1500)));
    Call.Arm();
    EXPECT_STATUS(STATUS_SUCCESS,
                  Call.Finish(Tcp->WskReceive(Tcp.Get(), In.Wsk(), WSK_FLAG_WAITALL, Call.Irp())));
    EXPECT_EQ(Data.substr(0, 1500), std::string(In.Memory() + 100, 1500));

    Last.Wsk()->Offset = 5;
    Last.Wsk()->Length = 2900;
    Call.Arm();
    EXPECT_STATUS(STATUS_SUCCESS, Call.Finish(Tcp->WskDisconnect(Tcp.Get(), Last.Wsk(), 0, Call.Irp())));
    EXPECT_EQ(Data.substr(5, 2900), Peer.ReceiveText(2900));
    EXPECT_EQ(peer::End::Eof, Peer.AwaitEnd());
}

TEST_F(ConnectionTest, ConnectExSendsFirstData)
{
    peer::TcpListener Server;
    SOCKADDR_INET To = V4(Server.Port()), Wrong = V6(9);
    Connection Tcp(*Owner);
    Buffer Data("first"), TooLong(65536);
    Request Call;
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE,
                  Call.Finish(Tcp->WskConnectEx(Tcp.Get(), Raw(To), Data.Wsk(), 0, Call.Irp())));
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.Bind(V4(0)));
    Call.Arm();
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW,
                  Call.Finish(Tcp->WskConnectEx(Tcp.Get(), Raw(To), TooLong.Wsk(), 0, Call.Irp())));
    Call.Arm();
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Call.Finish(Tcp->WskConnectEx(Tcp.Get(), Raw(To), Data.Wsk(), 1, Call.Irp())));
    Call.Arm();
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Call.Finish(Tcp->WskConnectEx(Tcp.Get(), Raw(Wrong), Data.Wsk(), 0, Call.Irp())));
    Call.Arm();
    EXPECT_STATUS(STATUS_SUCCESS,
                  Call.Finish(Tcp->WskConnectEx(Tcp.Get(), Raw(To), Data.Wsk(), 0, Call.Irp())));
    peer::Tcp Peer = Server.Accept();
    EXPECT_EQ("first", Peer.ReceiveText(5));
    /* Without data it is a WskConnect. */
    Connection Plain(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Plain.Bind(V4(0)));
    Call.Arm();
    EXPECT_STATUS(STATUS_SUCCESS,
                  Call.Finish(Plain->WskConnectEx(Plain.Get(), Raw(To), nullptr, 0, Call.Irp())));
    EXPECT_TRUE(Server.Accept().IsOpen());
}

} // namespace wsk
