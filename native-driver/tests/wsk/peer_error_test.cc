/* SPDX-License-Identifier: Apache-2.0
 *
 * After the peer: received bytes and the peer's address outlive the connection, but errors don't outlive the
 * fixed remote address of a datagram socket.
 */
#include "fixture.h"
#include "network.h"
#include "peer.h"

#include <atomic>

namespace wsk {

class PeerErrorTest : public ClientTest {
  protected:
    static NTSTATUS Fix(Datagram& Udp, SOCKADDR_INET Address)
    {
        return Udp.Ioctl(SIO_WSK_SET_REMOTE_ADDRESS, &Address,
                         Address.si_family == AF_INET6 ? sizeof(SOCKADDR_IN6) : sizeof(SOCKADDR_IN));
    }
    static NTSTATUS Unfix(Datagram& Udp)
    {
        return Udp.Ioctl(SIO_WSK_SET_REMOTE_ADDRESS, nullptr, 0);
    }
    static USHORT RemotePort(Connection& Tcp)
    {
        Request Query;
        SOCKADDR_INET Remote = {};
        EXPECT_STATUS(STATUS_SUCCESS,
                      Query.Finish(Tcp->WskGetRemoteAddress(Tcp.Get(), Raw(Remote), Query.Irp())));
        return PortOf(Remote);
    }
    /* Sends to the fixed address, and waits for an answer from there. */
    static void ExpectAnswer(Datagram& Udp, peer::Udp& Peer)
    {
        std::string Got;
        ASSERT_STATUS(STATUS_SUCCESS, Udp.SendTo("question", nullptr));
        ASSERT_EQ("question", Peer.ReceiveText());
        ASSERT_TRUE(Peer.SendTo(Udp.Port(), "answer"));
        Request Receive;
        Buffer Payload(16);
        NTSTATUS Returned = Udp->WskReceiveFrom(Udp.Get(), Payload.Wsk(), 0, nullptr, nullptr, nullptr,
                                                nullptr, Receive.Irp());
        EXPECT_TRUE(Await([&] { return Receive.IsDone(); })) << "the answer was dropped";
        Receive.Cancel();
        EXPECT_STATUS(STATUS_SUCCESS, Receive.Finish(Returned));
    }
};

/* ---- connections ------------------------------------------------------------------------------------- */

TEST_F(PeerErrorTest, BytesThatCameBeforeAResetAreReceivedAfterASendFailed)
{
    constexpr size_t kLength = 100000;
    peer::TcpListener Server;
    Connection Tcp(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.ConnectTo(Server.Port()));
    {
        peer::Tcp Peer = Server.Accept();
        ASSERT_STATUS(STATUS_SUCCESS, Tcp.Send("unread"));
        ASSERT_TRUE(Peer.AwaitData());
        ASSERT_TRUE(Peer.SendAll(std::string(kLength, 'x')));
        ASSERT_TRUE(Await([&] {
            SIZE_T Backlog = 0;
            Request Query;
            EXPECT_STATUS(STATUS_SUCCESS, Query.Finish(Tcp.Basic()->WskControlSocket(
                                              Tcp.Get(), WskIoctl, SIO_WSK_QUERY_RECEIVE_BACKLOG, 0, 0,
                                              nullptr, sizeof(Backlog), &Backlog, nullptr, Query.Irp())));
            return Backlog == kLength;
        }));
    } /* closes with unread input: a reset */
    ASSERT_TRUE(Await([&] { return !NT_SUCCESS(Tcp.Send("y")); }));
    size_t Total = 0;
    std::string Got;
    NTSTATUS Status = Tcp.Receive(&Got, 65536);
    for (; NT_SUCCESS(Status) && !Got.empty(); Status = Tcp.Receive(&Got, 65536)) {
        Total += Got.size();
    }
    EXPECT_EQ(kLength, Total);
    EXPECT_STATUS(STATUS_CONNECTION_RESET, Status) << "then the error is told";
}

TEST_F(PeerErrorTest, RemoteAddressIsKeptAfterAReset)
{
    peer::TcpListener Server;
    Connection Tcp(*Owner);
    std::string Got;
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.ConnectTo(Server.Port()));
    Server.Accept().Reset();
    EXPECT_STATUS(STATUS_CONNECTION_RESET, Tcp.Receive(&Got, 1));
    EXPECT_EQ(Server.Port(), RemotePort(Tcp));
}

TEST_F(PeerErrorTest, RemoteAddressIsKeptAfterBothEnds)
{
    peer::TcpListener Server;
    Connection Tcp(*Owner);
    std::string Got;
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.ConnectTo(Server.Port()));
    {
        peer::Tcp Peer = Server.Accept();
        Peer.ShutdownSend();
        EXPECT_STATUS(STATUS_SUCCESS, Tcp.Receive(&Got, 1));
        EXPECT_STATUS(STATUS_SUCCESS, Tcp.Disconnect());
        EXPECT_EQ(peer::End::Eof, Peer.AwaitEnd());
    }
    EXPECT_EQ(Server.Port(), RemotePort(Tcp));
}

TEST_F(PeerErrorTest, RemoteAddressIsKnownOfAConnectionThatWasResetBeforeAccept)
{
    Listener Server(*Owner);
    PWSK_SOCKET Handle = nullptr;
    SOCKADDR_INET Remote = {};
    ASSERT_STATUS(STATUS_SUCCESS, Server.Bind(V4(0)));
    peer::Tcp::Connect(4, Server.Port()).Reset();
    ASSERT_STATUS(STATUS_SUCCESS, Server.Accept(&Handle, nullptr, &Remote));
    Connection Tcp(Handle);
    EXPECT_NE(0, PortOf(Remote));
    EXPECT_EQ(PortOf(Remote), RemotePort(Tcp));
}

/* ---- datagrams --------------------------------------------------------------------------------------- */

TEST_F(PeerErrorTest, NoErrorOfAFormerRemoteAddressComesAfterItWasCleared)
{
    Datagram Udp(*Owner);
    peer::UnusedUdpPort Nobody;
    peer::Udp Peer;
    std::string Got;
    SOCKADDR_INET To = V4(Peer.Port());
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    for (int Round = 0; Round < 100; Round++) {
        ASSERT_STATUS(STATUS_SUCCESS, Fix(Udp, V4(Nobody.Port())));
        ASSERT_STATUS(STATUS_SUCCESS, Udp.SendTo("anyone?", nullptr));
        ASSERT_STATUS(STATUS_SUCCESS, Unfix(Udp));
        ASSERT_STATUS(STATUS_SUCCESS, Udp.SendTo("hello", &To)) << Round;
        ASSERT_EQ("hello", Peer.ReceiveText());
        ASSERT_TRUE(Peer.SendTo(Udp.Port(), "back"));
        ASSERT_STATUS(STATUS_SUCCESS, Udp.Receive(&Got)) << Round;
        ASSERT_EQ("back", Got);
    }
}

TEST_F(PeerErrorTest, NoErrorOfAFormerRemoteAddressComesAfterAnotherWasFixed)
{
    Datagram Udp(*Owner);
    peer::UnusedUdpPort Nobody;
    peer::Udp Peer;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    for (int Round = 0; Round < 100; Round++) {
        ASSERT_STATUS(STATUS_SUCCESS, Fix(Udp, V4(Nobody.Port())));
        ASSERT_STATUS(STATUS_SUCCESS, Udp.SendTo("anyone?", nullptr));
        ASSERT_STATUS(STATUS_SUCCESS, Fix(Udp, V4(Peer.Port())));
        ExpectAnswer(Udp, Peer);
    }
}

TEST_F(PeerErrorTest, ThePortIsKeptWhenTheRemoteAddressIsClearedAndOthersWantIt)
{
    Datagram Udp(*Owner);
    peer::Udp Peer;
    std::atomic<bool> Stop{false};
    std::atomic<ULONG> Taken{0};
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0, INADDR_ANY)));
    USHORT Port = Udp.Port();
    std::thread Thief([&] {
        while (!Stop) {
            Taken += !peer::IsUdpPortTaken(Port);
        }
    });
    for (int Round = 0; Round < 5000 && !HasFailure(); Round++) {
        EXPECT_STATUS(STATUS_SUCCESS, Fix(Udp, V4(Peer.Port())));
        EXPECT_STATUS(STATUS_SUCCESS, Unfix(Udp)) << Round;
        EXPECT_EQ(Port, Udp.Port());
    }
    Stop = true;
    Thief.join();
    EXPECT_EQ(0u, Taken.load());
}

TEST_F(PeerErrorTest, AnswersComeFromAWildcardAddressThatWasFixed)
{
    Datagram Udp(*Owner);
    peer::Udp Peer;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0, INADDR_ANY)));
    ASSERT_STATUS(STATUS_SUCCESS, Fix(Udp, V4(Peer.Port(), INADDR_ANY)));
    ExpectAnswer(Udp, Peer);
}

TEST_F(PeerErrorTest, AnswersComeFromAWildcardAddressThatWasFixedOfVersion6)
{
    Datagram Udp(*Owner, AF_INET6);
    peer::Udp Peer(6);
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V6(0, false)));
    ASSERT_STATUS(STATUS_SUCCESS, Fix(Udp, V6(Peer.Port(), false)));
    ExpectAnswer(Udp, Peer);
}

TEST_F(PeerErrorTest, AnswersComeFromAWildcardAddressThatWasFixedOfADualStackSocket)
{
    Datagram Udp(*Owner, AF_INET6);
    peer::Udp Peer;
    SOCKADDR_INET Any = Mapped(Peer.Port());
    memset(&Any.Ipv6.sin6_addr.s6_addr[12], 0, 4);
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SetOption(IPPROTO_IPV6, IPV6_V6ONLY, 0));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V6(0, false)));
    ASSERT_STATUS(STATUS_SUCCESS, Fix(Udp, Any));
    ExpectAnswer(Udp, Peer);
}

TEST_F(PeerErrorTest, AnswersComeFromAWildcardSendToAddress)
{
    Datagram Udp(*Owner);
    peer::Udp Peer;
    SOCKADDR_INET Any = V4(Peer.Port(), INADDR_ANY);
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0, INADDR_ANY)));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Ioctl(SIO_WSK_SET_SENDTO_ADDRESS, &Any, sizeof(SOCKADDR_IN)));
    ExpectAnswer(Udp, Peer);
}

/* ---- clearing that fails ----------------------------------------------------------------------------- */

TEST_F(PeerErrorTest, ARemoteAddressStaysWhenThePortCannotBeHeld)
{
    Datagram Udp(*Owner);
    peer::Udp Peer;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    USHORT Port = Udp.Port();
    ASSERT_STATUS(STATUS_SUCCESS, Fix(Udp, V4(Peer.Port())));
    network::FailBind(1);
    EXPECT_STATUS(STATUS_ADDRESS_ALREADY_EXISTS, Unfix(Udp));
    network::FailBind(0);
    ExpectAnswer(Udp, Peer);
    EXPECT_STATUS(STATUS_SUCCESS, Unfix(Udp)) << "it can be tried again";
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Udp.SendTo("nowhere", nullptr));
    EXPECT_EQ(Port, Udp.Port());
}

/* It has neither port nor peer any more: every call fails in the same way. */
TEST_F(PeerErrorTest, ASocketWhosePortIsLostIsDead)
{
    for (ADDRESS_FAMILY Family : {AF_INET, AF_INET6}) {
        Datagram Udp(*Owner, Family);
        peer::Udp Peer(Family == AF_INET ? 4 : 6);
        Request Waiting;
        Buffer Payload(16);
        std::string Got;
        SOCKADDR_INET To = (Family == AF_INET) ? V4(Peer.Port()) : V6(Peer.Port());
        ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind((Family == AF_INET) ? V4(0) : V6(0)));
        ASSERT_STATUS(STATUS_SUCCESS, Fix(Udp, To));
        ASSERT_STATUS(STATUS_PENDING, Udp->WskReceiveFrom(Udp.Get(), Payload.Wsk(), 0, nullptr, nullptr,
                                                          nullptr, nullptr, Waiting.Irp()));
        network::FailBind(2);
        EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Unfix(Udp));
        network::FailBind(0);
        EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Waiting.Wait());
        EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Udp.SendTo("x", nullptr));
        EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Udp.SendTo("x", &To));
        EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Udp.Receive(&Got));
        EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Unfix(Udp));
        EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Fix(Udp, To));
    }
}

/* The system keeps the port, so it need not be held by a second socket, which may not be allowed. */
TEST_F(PeerErrorTest, APortThatWasGivenIsNotGivenUp)
{
    Datagram Udp(*Owner);
    peer::Udp Peer;
    USHORT Port = peer::QuietPort();
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(Port, INADDR_ANY)));
    for (int Round = 0; Round < 3; Round++) {
        ASSERT_STATUS(STATUS_SUCCESS, Fix(Udp, V4(Peer.Port())));
        network::FailBind(1);
        EXPECT_STATUS(STATUS_SUCCESS, Unfix(Udp));
        EXPECT_EQ(0, network::Binds());
        network::FailBind(0);
        EXPECT_EQ(Port, Udp.Port());
        SOCKADDR_INET To = V4(Peer.Port());
        peer::Address From;
        EXPECT_STATUS(STATUS_SUCCESS, Udp.SendTo("x", &To));
        EXPECT_EQ("x", Peer.ReceiveText(&From));
        EXPECT_EQ(Port, From.port);
    }
}

TEST_F(PeerErrorTest, AnAddressThatCannotBeFixedLeavesTheFormerOne)
{
    Datagram Udp(*Owner, AF_INET6);
    peer::Udp Peer(6);
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V6(0, false)));
    ASSERT_STATUS(STATUS_SUCCESS, Fix(Udp, V6(Peer.Port())));
    EXPECT_STATUS(STATUS_NETWORK_UNREACHABLE, Fix(Udp, Mapped(9))) << "the socket is for IPv6 only";
    ExpectAnswer(Udp, Peer);
}

TEST_F(PeerErrorTest, TheSourceAddressFitsAnotherRemoteAddress)
{
    constexpr ULONG kOther = 0xC6336401; /* 198.51.100.1 */
    if (!network::InOwn()) {
        return;
    }
    network::AddAddress("198.51.100.1");
    Datagram Udp(*Owner), Far(*Owner);
    peer::Udp Near;
    std::string Got;
    SOCKADDR_INET From = {};
    ASSERT_STATUS(STATUS_SUCCESS, Far.Bind(V4(0, kOther)));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0, INADDR_ANY)));
    ASSERT_STATUS(STATUS_SUCCESS, Fix(Udp, V4(Near.Port())));
    ASSERT_STATUS(STATUS_SUCCESS, Fix(Udp, V4(Far.Port(), kOther)));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SendTo("x", nullptr));
    ASSERT_STATUS(STATUS_SUCCESS, Far.Receive(&Got, &From));
    EXPECT_EQ(V4(0, kOther).Ipv4.sin_addr.S_un.S_addr, From.Ipv4.sin_addr.S_un.S_addr);
}

} // namespace wsk
