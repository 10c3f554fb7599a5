/* SPDX-License-Identifier: Apache-2.0
 *
 * WskControlSocket: options and IOCTLs, where they exist and when.
 */
#include "fixture.h"
#include "peer.h"

namespace wsk {

class ControlTest : public ClientTest {};

TEST_F(ControlTest, OptionsReadBackAsSet)
{
    Connection Tcp(*Owner);
    Datagram Udp(*Owner);
    struct {
        ULONG Level, Code, Value;
    } const Options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},   {SOL_SOCKET, SO_RCVBUF, 20000}, {IPPROTO_TCP, TCP_KEEPIDLE, 7},
        {IPPROTO_TCP, TCP_KEEPINTVL, 3}, {IPPROTO_TCP, TCP_KEEPCNT, 5},  {SOL_SOCKET, SO_REUSEADDR, 1},
    };
    for (const auto& Option : Options) {
        ULONG Value = 0;
        EXPECT_STATUS(STATUS_SUCCESS, Tcp.SetOption(Option.Level, Option.Code, Option.Value)) << Option.Code;
        EXPECT_STATUS(STATUS_SUCCESS, Tcp.GetOption(Option.Level, Option.Code, &Value)) << Option.Code;
        EXPECT_EQ(Option.Value, Value) << Option.Code;
    }
    ULONG Value = 1;
    EXPECT_STATUS(STATUS_SUCCESS, Udp.GetOption(SOL_SOCKET, SO_BROADCAST, &Value));
    EXPECT_EQ(0u, Value);
    EXPECT_STATUS(STATUS_SUCCESS, Udp.SetOption(SOL_SOCKET, SO_BROADCAST, 1));
    EXPECT_STATUS(STATUS_SUCCESS, Udp.GetOption(SOL_SOCKET, SO_BROADCAST, &Value));
    EXPECT_EQ(1u, Value);
    EXPECT_STATUS(STATUS_SUCCESS, Udp.GetOption(SOL_SOCKET, SO_RCVBUF, &Value));
    EXPECT_GT(Value, 0u);
}

TEST_F(ControlTest, OptionsOfEachFamilyReadBackAsSet)
{
    constexpr ULONG First = 1u << 24; /* interface 1 in network byte order */
    Datagram Udp(*Owner), Six(*Owner, AF_INET6);
    struct {
        ULONG V4, V6, Value, Initial;
    } const Options[] = {
        {IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, 9, 1},
        {IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, 0, 1},
        {IP_TTL, IPV6_UNICAST_HOPS, 8, 64},
        {IP_DONTFRAGMENT, IPV6_DONTFRAG, 1, 0},
        {IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, 2, 1},
        {IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, 3, 2},
        {IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, 0, 3},
    };
    for (const auto& Option : Options) {
        for (bool IsSix : {false, true}) {
            Datagram& Socket = IsSix ? Six : Udp;
            ULONG Level = IsSix ? IPPROTO_IPV6 : IPPROTO_IP, Code = IsSix ? Option.V6 : Option.V4, Value = 77;
            EXPECT_STATUS(STATUS_SUCCESS, Socket.GetOption(Level, Code, &Value)) << Code;
            EXPECT_EQ(Option.Initial, Value) << Code;
            EXPECT_STATUS(STATUS_SUCCESS, Socket.SetOption(Level, Code, Option.Value)) << Code;
            EXPECT_STATUS(STATUS_SUCCESS, Socket.GetOption(Level, Code, &Value)) << Code;
            EXPECT_EQ(Option.Value, Value) << Code;
            EXPECT_STATUS(STATUS_NOT_SUPPORTED, Socket.SetOption(IsSix ? IPPROTO_IP : IPPROTO_IPV6,
                                                                 IsSix ? Option.V4 : Option.V6, 1));
        }
    }
    for (ULONG Code : {IP_MULTICAST_IF, IP_UNICAST_IF}) { /* the same numbers for IPv6 */
        ULONG Value = 7;
        EXPECT_STATUS(STATUS_SUCCESS, Udp.SetOption(IPPROTO_IP, Code, First));
        EXPECT_STATUS(STATUS_SUCCESS, Udp.GetOption(IPPROTO_IP, Code, &Value));
        EXPECT_EQ(First, Value);
        EXPECT_STATUS(STATUS_SUCCESS, Six.SetOption(IPPROTO_IPV6, Code, 1));
        EXPECT_STATUS(STATUS_SUCCESS, Six.GetOption(IPPROTO_IPV6, Code, &Value));
        EXPECT_EQ(1u, Value);
        EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, Six.SetOption(IPPROTO_IPV6, Code, 0x00FFFFFF));
    }
}

/* Nagle's algorithm is controlled per send, with WSK_FLAG_NODELAY. */
TEST_F(ControlTest, NoDelayIsNoOption)
{
    Connection Tcp(*Owner);
    ULONG Value = 0;
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Tcp.SetOption(IPPROTO_TCP, TCP_NODELAY, 1));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Tcp.GetOption(IPPROTO_TCP, TCP_NODELAY, &Value));
}

/* A client that does not clear the value first reads garbage. */
TEST_F(ControlTest, KeepAliveComesBackAsOneByte)
{
    Connection Tcp(*Owner);
    ULONG Value = 0xAAAAAAAA;
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.SetOption(SOL_SOCKET, SO_KEEPALIVE, 1));
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.GetOption(SOL_SOCKET, SO_KEEPALIVE, &Value));
    EXPECT_EQ(0xAAAAAA01u, Value);
}

TEST_F(ControlTest, OptionsBelongToCategories)
{
    PWSK_SOCKET Handle;
    Datagram Udp(*Owner);
    Connection Tcp(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS,
                  Owner->Socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_BASIC_SOCKET, &Handle));
    Socket Basic(Handle);
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Udp.SetOption(SOL_SOCKET, SO_KEEPALIVE, 1));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Udp.SetOption(IPPROTO_TCP, TCP_NODELAY, 1));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Udp.SetOption(IPPROTO_IPV6, IPV6_V6ONLY, 0)) << "not an IPv6 socket";
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Tcp.SetOption(SOL_SOCKET, SO_BROADCAST, 1));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Tcp.SetOption(SOL_SOCKET, SO_WSK_SECURITY, 0));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Tcp.SetOption(SOL_SOCKET, SO_CONDITIONAL_ACCEPT, 1));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Basic.SetOption(SOL_SOCKET, SO_RCVBUF, 1000));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Basic.Ioctl(SIO_WSK_SET_REMOTE_ADDRESS, nullptr, 0));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Tcp.Ioctl(SIO_WSK_SET_TCP_SILENT_MODE, nullptr, 0));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Tcp.Ioctl(SIO_WSK_SET_REMOTE_ADDRESS, nullptr, 0));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Udp.Ioctl(0x12345678, nullptr, 0));
}

TEST_F(ControlTest, SomeOptionsOnlyBeforeBind)
{
    Datagram Udp(*Owner), Six(*Owner, AF_INET6);
    ULONG Value = 1;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Six.Bind(V6(0)));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Udp.SetOption(SOL_SOCKET, SO_REUSEADDR, 1));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE,
                  Udp.SetOption(SOL_SOCKET, static_cast<ULONG>(SO_EXCLUSIVEADDRUSE), 1));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Six.SetOption(IPPROTO_IPV6, IPV6_V6ONLY, 0));
    EXPECT_STATUS(STATUS_SUCCESS, Six.GetOption(IPPROTO_IPV6, IPV6_V6ONLY, &Value));
    EXPECT_EQ(1u, Value) << "on by default";
    EXPECT_STATUS(STATUS_SUCCESS, Udp.SetOption(SOL_SOCKET, SO_RCVBUF, 30000));
}

TEST_F(ControlTest, SharingOptionsExcludeEachOther)
{
    Datagram Udp(*Owner);
    ULONG Value = 9;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SetOption(SOL_SOCKET, SO_REUSEADDR, 1));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Udp.SetOption(SOL_SOCKET, static_cast<ULONG>(SO_EXCLUSIVEADDRUSE), 1));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SetOption(SOL_SOCKET, SO_REUSEADDR, 0));
    EXPECT_STATUS(STATUS_SUCCESS, Udp.SetOption(SOL_SOCKET, static_cast<ULONG>(SO_EXCLUSIVEADDRUSE), 1));
    EXPECT_STATUS(STATUS_SUCCESS, Udp.GetOption(SOL_SOCKET, static_cast<ULONG>(SO_EXCLUSIVEADDRUSE), &Value));
    EXPECT_EQ(1u, Value);
}

TEST_F(ControlTest, SizesAreChecked)
{
    Connection Tcp(*Owner);
    Request Control;
    UCHAR Small = 1;
    SIZE_T Returned;
    ULONG Value;
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL,
                  Control.Finish(Tcp->Basic.WskControlSocket(Tcp.Get(), WskSetOption, SO_RCVBUF, SOL_SOCKET,
                                                             1, &Small, 0, nullptr, nullptr, Control.Irp())));
    Control.Arm();
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL,
                  Control.Finish(Tcp->Basic.WskControlSocket(Tcp.Get(), WskGetOption, SO_RCVBUF, SOL_SOCKET,
                                                             0, nullptr, 1, &Small, nullptr, Control.Irp())));
    Control.Arm();
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Control.Finish(Tcp->Basic.WskControlSocket(
                                                Tcp.Get(), WskGetOption, SO_RCVBUF, SOL_SOCKET, 0, nullptr,
                                                sizeof(Value), &Value, &Returned, Control.Irp())))
        << "the size is in the IRP";
    Control.Arm();
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Control.Finish(Tcp->Basic.WskControlSocket(Tcp.Get(), WskControlMax, 0, 0, 0, nullptr, 0,
                                                             nullptr, nullptr, Control.Irp())));
}

TEST_F(ControlTest, OptionalIrp)
{
    Connection Tcp(*Owner);
    ULONG Value = 1;
    SIZE_T Returned = 0;
    EXPECT_STATUS(STATUS_SUCCESS,
                  Tcp->Basic.WskControlSocket(Tcp.Get(), WskSetOption, TCP_KEEPCNT, IPPROTO_TCP,
                                              sizeof(Value), &Value, 0, nullptr, nullptr, nullptr));
    Value = 0;
    EXPECT_STATUS(STATUS_SUCCESS,
                  Tcp->Basic.WskControlSocket(Tcp.Get(), WskGetOption, TCP_KEEPCNT, IPPROTO_TCP, 0, nullptr,
                                              sizeof(Value), &Value, &Returned, nullptr));
    EXPECT_EQ(1u, Value);
    EXPECT_EQ(sizeof(Value), Returned);
}

TEST_F(ControlTest, Backlogs)
{
    peer::TcpListener Server;
    Connection Tcp(*Owner);
    SIZE_T Backlog = 0;
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE,
                  Tcp.Ioctl(SIO_WSK_QUERY_RECEIVE_BACKLOG, nullptr, 0, &Backlog, sizeof(Backlog)));
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.ConnectTo(Server.Port()));
    peer::Tcp Peer = Server.Accept();
    ASSERT_TRUE(Peer.SendAll("12345"));
    EXPECT_TRUE(Await([&] {
        EXPECT_STATUS(STATUS_SUCCESS,
                      Tcp.Ioctl(SIO_WSK_QUERY_RECEIVE_BACKLOG, nullptr, 0, &Backlog, sizeof(Backlog)));
        return Backlog == 5;
    }));
    EXPECT_STATUS(STATUS_SUCCESS,
                  Tcp.Ioctl(SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, nullptr, 0, &Backlog, sizeof(Backlog)));
    EXPECT_GT(Backlog, 0u);
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL,
                  Tcp.Ioctl(SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, nullptr, 0, &Backlog, 4));
}

TEST_F(ControlTest, AddressLists)
{
    Datagram Udp(*Owner);
    SIZE_T Needed = 0, Returned = 0;
    Request Control;
    ASSERT_STATUS(STATUS_BUFFER_OVERFLOW,
                  Udp->Basic.WskControlSocket(Udp.Get(), WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0, nullptr, 0,
                                              nullptr, &Needed, nullptr));
    ASSERT_GE(Needed, sizeof(SOCKET_ADDRESS_LIST));
    std::vector<UCHAR> Memory(Needed);
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW,
                  Udp->Basic.WskControlSocket(Udp.Get(), WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0, nullptr,
                                              Needed - 1, Memory.data(), &Returned, nullptr));
    EXPECT_EQ(Needed, Returned);
    ASSERT_STATUS(STATUS_SUCCESS,
                  Udp->Basic.WskControlSocket(Udp.Get(), WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0, nullptr,
                                              Needed, Memory.data(), &Returned, nullptr));
    EXPECT_EQ(Needed, Returned);
    auto* List = reinterpret_cast<SOCKET_ADDRESS_LIST*>(Memory.data());
    for (INT Index = 0; Index < List->iAddressCount; Index++) {
        EXPECT_EQ(AF_INET, List->Address[Index].lpSockaddr->sa_family);
        EXPECT_EQ((INT)sizeof(SOCKADDR_IN), List->Address[Index].iSockaddrLength);
    }
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Control.Finish(Udp->Basic.WskControlSocket(
                                                Udp.Get(), WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0, nullptr,
                                                Needed, Memory.data(), nullptr, Control.Irp())))
        << "it takes no IRP";
}

} // namespace wsk
