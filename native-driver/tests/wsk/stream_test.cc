/* SPDX-License-Identifier: Apache-2.0
 *
 * Stream sockets, which become a listener by WskListen or a connection by WskConnect, and the completeness of
 * all tables.
 */
#include "fixture.h"
#include "peer.h"

#include <algorithm>

namespace wsk {

class Stream : public Socket {
  public:
    explicit Stream(Client& Owner)
    {
        EXPECT_STATUS(STATUS_SUCCESS,
                      Owner.Socket(AF_INET, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_STREAM_SOCKET, &Handle_));
    }
    const WSK_PROVIDER_STREAM_DISPATCH* operator->() const
    {
        return static_cast<const WSK_PROVIDER_STREAM_DISPATCH*>(Handle_->Dispatch);
    }
    NTSTATUS Bind(SOCKADDR_INET Address)
    {
        Request Call;
        return Call.Finish((*this)->WskBind(Handle_, Raw(Address), 0, Call.Irp()));
    }
    NTSTATUS Listen()
    {
        Request Call;
        return Call.Finish((*this)->WskListen(Handle_, Call.Irp()));
    }
    NTSTATUS Connect(SOCKADDR_INET Address)
    {
        Request Call;
        return Call.Finish((*this)->WskConnect(Handle_, Raw(Address), 0, Call.Irp()));
    }
    NTSTATUS Accept(PWSK_SOCKET* Accepted)
    {
        Request Call;
        NTSTATUS Status =
            Call.Finish((*this)->WskAccept(Handle_, 0, nullptr, nullptr, nullptr, nullptr, Call.Irp()));
        *Accepted = NT_SUCCESS(Status) ? reinterpret_cast<PWSK_SOCKET>(Call.Information()) : nullptr;
        return Status;
    }
    NTSTATUS LocalAddress(SOCKADDR_INET* Address)
    {
        Request Call;
        return Call.Finish((*this)->WskGetLocalAddress(Handle_, Raw(*Address), Call.Irp()));
    }
};

class StreamTest : public ClientTest {};

TEST_F(StreamTest, ListensAndAccepts)
{
    Stream Server(*Owner);
    SOCKADDR_INET Local = {};
    PWSK_SOCKET Handle = nullptr;
    ASSERT_STATUS(STATUS_SUCCESS, Server.Bind(V4(0)));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Server.Accept(&Handle)) << "it does not listen yet";
    ASSERT_STATUS(STATUS_SUCCESS, Server.LocalAddress(&Local));
    ASSERT_NE(0, PortOf(Local)) << "the bind chooses the port";
    EXPECT_FALSE(peer::Tcp::Connect(4, PortOf(Local)).IsOpen());
    ASSERT_STATUS(STATUS_SUCCESS, Server.Listen());
    peer::Tcp Peer = peer::Tcp::Connect(4, PortOf(Local));
    ASSERT_TRUE(Peer.IsOpen());
    ASSERT_STATUS(STATUS_SUCCESS, Server.Accept(&Handle));
    Connection Accepted(Handle);
    EXPECT_STATUS(STATUS_SUCCESS, Accepted.Send("welcome"));
    EXPECT_EQ("welcome", Peer.ReceiveText(7));
}

TEST_F(StreamTest, ConnectsAndTransfers)
{
    peer::TcpListener Server;
    Stream Tcp(*Owner);
    Request Call;
    SOCKADDR_INET Remote = {};
    Buffer Out("hello"), In(10);
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.Bind(V4(0, INADDR_ANY)));
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.Connect(V4(Server.Port())));
    peer::Tcp Peer = Server.Accept();
    EXPECT_STATUS(STATUS_SUCCESS, Call.Finish(Tcp->WskSend(Tcp.Get(), Out.Wsk(), 0, Call.Irp())));
    EXPECT_EQ("hello", Peer.ReceiveText(5));
    ASSERT_TRUE(Peer.SendAll("world"));
    Call.Arm();
    EXPECT_STATUS(STATUS_SUCCESS, Call.Finish(Tcp->WskReceive(Tcp.Get(), In.Wsk(), 0, Call.Irp())));
    EXPECT_EQ("world", In.Text(Call.Information()));
    Call.Arm();
    EXPECT_STATUS(STATUS_SUCCESS, Call.Finish(Tcp->WskGetRemoteAddress(Tcp.Get(), Raw(Remote), Call.Irp())));
    EXPECT_EQ(Server.Port(), PortOf(Remote));
    Call.Arm();
    EXPECT_STATUS(STATUS_SUCCESS, Call.Finish(Tcp->WskDisconnect(Tcp.Get(), nullptr, 0, Call.Irp())));
    EXPECT_EQ(peer::End::Eof, Peer.AwaitEnd());
}

TEST_F(StreamTest, HasOneRole)
{
    peer::TcpListener Other;
    Stream Server(*Owner), Tcp(*Owner);
    PWSK_SOCKET Handle = nullptr;
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Server.Listen()) << "it is not bound";
    ASSERT_STATUS(STATUS_SUCCESS, Server.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Server.Listen());
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Server.Listen());
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Server.Connect(V4(Other.Port())));
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.Connect(V4(Other.Port())));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Tcp.Listen());
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Tcp.Accept(&Handle));
}

TEST_F(StreamTest, FailedConnectCanBecomeAListener)
{
    peer::UnusedTcpPort Nobody;
    Stream Tcp(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.Bind(V4(0)));
    EXPECT_STATUS(STATUS_CONNECTION_REFUSED, Tcp.Connect(V4(Nobody.Port())));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp.Listen());
}

TEST_F(StreamTest, HasTheOptionsOfBothRoles)
{
    Stream Tcp(*Owner);
    ULONG Value = 0;
    EXPECT_STATUS(STATUS_SUCCESS, Tcp.SetOption(SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp.SetOption(SOL_SOCKET, SO_KEEPALIVE, 1));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp.SetOption(IPPROTO_TCP, TCP_KEEPCNT, 3));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp.GetOption(IPPROTO_TCP, TCP_KEEPCNT, &Value));
    EXPECT_EQ(3u, Value);
}

TEST_F(StreamTest, CloseResetsItsConnection)
{
    peer::TcpListener Server;
    Stream Tcp(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.Connect(V4(Server.Port())));
    peer::Tcp Peer = Server.Accept();
    Tcp.Close();
    EXPECT_EQ(peer::End::Reset, Peer.AwaitEnd());
}

/* ---- tables ------------------------------------------------------------------------------------------ */

static size_t EmptySlots(const void* Table, size_t Size)
{
    const auto* Slots = static_cast<void* const*>(Table);
    return static_cast<size_t>(std::count(Slots, Slots + Size / sizeof(void*), nullptr));
}

template <typename Table> static size_t EmptySlots(const Table* Dispatch)
{
    return EmptySlots(Dispatch, sizeof(Table));
}

TEST_F(StreamTest, NoTableHasAnEmptySlot)
{
    Datagram Udp(*Owner);
    Connection Tcp(*Owner);
    Listener Server(*Owner);
    Stream Both(*Owner);
    PWSK_SOCKET Basic = nullptr;
    ASSERT_STATUS(STATUS_SUCCESS,
                  Owner->Socket(AF_INET, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_BASIC_SOCKET, &Basic));
    Socket Closer(Basic);
    EXPECT_EQ(0u, EmptySlots(Udp.operator->()));
    EXPECT_EQ(0u, EmptySlots(Tcp.operator->()));
    EXPECT_EQ(0u, EmptySlots(Server.operator->()));
    EXPECT_EQ(0u, EmptySlots(Both.operator->()));
    EXPECT_EQ(0u, EmptySlots(Closer.Basic()));
    EXPECT_EQ(0u, EmptySlots(&Owner->Npi.Dispatch->WskSocket,
                             sizeof(WSK_PROVIDER_DISPATCH) - FIELD_OFFSET(WSK_PROVIDER_DISPATCH, WskSocket)));
}

} // namespace wsk
