/* SPDX-License-Identifier: Apache-2.0
 *
 * Listen sockets: accepts before and after connections arrive.
 */
#include "fixture.h"
#include "peer.h"

namespace wsk {

class ListenTest : public ClientTest {
  protected:
    void SetUp() override
    {
        ClientTest::SetUp();
        Server = std::make_unique<Listener>(*Owner);
    }
    void TearDown() override
    {
        Server.reset();
        ClientTest::TearDown();
    }

    std::unique_ptr<Listener> Server;
};

TEST_F(ListenTest, AcceptAfterArrival)
{
    PWSK_SOCKET Handle = nullptr;
    SOCKADDR_INET Local = {}, Remote = {};
    std::string Got;
    ASSERT_STATUS(STATUS_SUCCESS, Server->Bind(V4(0)));
    peer::Tcp Peer = peer::Tcp::Connect(4, Server->Port());
    ASSERT_TRUE(Peer.IsOpen()) << "binding listens";
    ASSERT_STATUS(STATUS_SUCCESS, Server->Accept(&Handle, &Local, &Remote));
    Connection Accepted(Handle);
    EXPECT_EQ(Server->Port(), PortOf(Local));
    EXPECT_EQ(Peer.Port(), PortOf(Remote));
    EXPECT_EQ(AF_INET, Local.si_family);
    EXPECT_STATUS(STATUS_SUCCESS, Accepted.Send("welcome"));
    EXPECT_EQ("welcome", Peer.ReceiveText(7));
    ASSERT_TRUE(Peer.SendAll("thanks"));
    EXPECT_STATUS(STATUS_SUCCESS, Accepted.Receive(&Got, 10));
    EXPECT_EQ("thanks", Got);
}

TEST_F(ListenTest, AcceptBeforeArrivalInOrder)
{
    Request First, Second;
    SOCKADDR_INET FirstRemote = {}, SecondRemote = {};
    ASSERT_STATUS(STATUS_SUCCESS, Server->Bind(V4(0)));
    EXPECT_STATUS(STATUS_PENDING, (*Server)->WskAccept(Server->Get(), 0, nullptr, nullptr, nullptr,
                                                       Raw(FirstRemote), First.Irp()));
    EXPECT_STATUS(STATUS_PENDING, (*Server)->WskAccept(Server->Get(), 0, nullptr, nullptr, nullptr,
                                                       Raw(SecondRemote), Second.Irp()));
    peer::Tcp A = peer::Tcp::Connect(4, Server->Port());
    EXPECT_STATUS(STATUS_SUCCESS, First.Wait());
    EXPECT_FALSE(Second.IsDone());
    peer::Tcp B = peer::Tcp::Connect(4, Server->Port());
    EXPECT_STATUS(STATUS_SUCCESS, Second.Wait());
    Connection AcceptedA(reinterpret_cast<PWSK_SOCKET>(First.Information()));
    Connection AcceptedB(reinterpret_cast<PWSK_SOCKET>(Second.Information()));
    EXPECT_EQ(A.Port(), PortOf(FirstRemote));
    EXPECT_EQ(B.Port(), PortOf(SecondRemote));
}

TEST_F(ListenTest, CancelledAcceptLosesNoConnection)
{
    Request Accept;
    PWSK_SOCKET Handle = nullptr;
    ASSERT_STATUS(STATUS_SUCCESS, Server->Bind(V4(0)));
    NTSTATUS Returned =
        (*Server)->WskAccept(Server->Get(), 0, nullptr, nullptr, nullptr, nullptr, Accept.Irp());
    EXPECT_STATUS(STATUS_PENDING, Returned);
    Accept.Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, Accept.Finish(Returned));
    peer::Tcp Peer = peer::Tcp::Connect(4, Server->Port());
    ASSERT_STATUS(STATUS_SUCCESS, Server->Accept(&Handle));
    Connection Accepted(Handle);
    EXPECT_STATUS(STATUS_SUCCESS, Accepted.Send("x"));
    EXPECT_EQ("x", Peer.ReceiveText(1));
}

TEST_F(ListenTest, AcceptChecks)
{
    Request Accept;
    PWSK_SOCKET Handle = nullptr;
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Server->Accept(&Handle));
    ASSERT_STATUS(STATUS_SUCCESS, Server->Bind(V4(0)));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Accept.Finish((*Server)->WskAccept(Server->Get(), 1, nullptr, nullptr, nullptr, nullptr,
                                                     Accept.Irp())));
    Accept.Arm();
    WSK_INSPECT_ID Unknown = {};
    EXPECT_STATUS(STATUS_NOT_FOUND, Accept.Finish((*Server)->WskInspectComplete(
                                        Server->Get(), &Unknown, WskInspectAccept, Accept.Irp())));
}

TEST_F(ListenTest, AcceptedSocketsOutliveTheListener)
{
    PWSK_SOCKET Handle = nullptr;
    ASSERT_STATUS(STATUS_SUCCESS, Server->Bind(V4(0)));
    peer::Tcp Peer = peer::Tcp::Connect(4, Server->Port());
    ASSERT_STATUS(STATUS_SUCCESS, Server->Accept(&Handle));
    Connection Accepted(Handle);
    Server->Close();
    EXPECT_STATUS(STATUS_SUCCESS, Accepted.Send("alive"));
    EXPECT_EQ("alive", Peer.ReceiveText(5));
}

TEST_F(ListenTest, PortIsFreeAgainAfterClose)
{
    PWSK_SOCKET Handle = nullptr;
    USHORT Port = peer::QuietPort();
    ASSERT_STATUS(STATUS_SUCCESS, Server->Bind(V4(Port)));
    peer::Tcp Peer = peer::Tcp::Connect(4, Port);
    ASSERT_STATUS(STATUS_SUCCESS, Server->Accept(&Handle));
    Connection Accepted(Handle);
    EXPECT_STATUS(STATUS_SUCCESS, Accepted.Disconnect()); /* leaves TIME_WAIT on this side */
    Peer.Close();
    std::string Got;
    EXPECT_STATUS(STATUS_SUCCESS, Accepted.Receive(&Got, 1));
    Accepted.Close();
    Server->Close();
    Listener Again(*Owner);
    EXPECT_STATUS(STATUS_SUCCESS, Again.Bind(V4(Port)));
}

TEST_F(ListenTest, DualStackListenerTakesBothFamilies)
{
    Listener Dual(*Owner, AF_INET6);
    PWSK_SOCKET Handle = nullptr;
    SOCKADDR_INET Remote = {};
    ASSERT_STATUS(STATUS_SUCCESS, Dual.SetOption(IPPROTO_IPV6, IPV6_V6ONLY, 0));
    ASSERT_STATUS(STATUS_SUCCESS, Dual.Bind(V6(0, false)));
    peer::Tcp Four = peer::Tcp::Connect(4, Dual.Port());
    ASSERT_STATUS(STATUS_SUCCESS, Dual.Accept(&Handle, nullptr, &Remote));
    Connection A(Handle);
    EXPECT_EQ(0, memcmp(Mapped(0).Ipv6.sin6_addr.s6_addr, Remote.Ipv6.sin6_addr.s6_addr, 16));
    peer::Tcp Six = peer::Tcp::Connect(6, Dual.Port());
    ASSERT_STATUS(STATUS_SUCCESS, Dual.Accept(&Handle, nullptr, &Remote));
    Connection B(Handle);
    EXPECT_EQ(AF_INET6, Remote.si_family);
}

TEST_F(ListenTest, KeepAliveIsInherited)
{
    PWSK_SOCKET Handle = nullptr;
    ULONG Value = 0;
    ASSERT_STATUS(STATUS_SUCCESS, Server->SetOption(SOL_SOCKET, SO_KEEPALIVE, 1));
    ASSERT_STATUS(STATUS_SUCCESS, Server->Bind(V4(0)));
    peer::Tcp Peer = peer::Tcp::Connect(4, Server->Port());
    ASSERT_STATUS(STATUS_SUCCESS, Server->Accept(&Handle));
    Connection Accepted(Handle);
    ASSERT_STATUS(STATUS_SUCCESS, Accepted.GetOption(SOL_SOCKET, SO_KEEPALIVE, &Value));
    EXPECT_EQ(1u, Value);
}

} // namespace wsk
