/* SPDX-License-Identifier: Apache-2.0
 *
 * WskSocket, WskBind, WskGetLocalAddress, WskCloseSocket: what all categories share.
 */
#include "fixture.h"

namespace wsk {

class SocketTest : public ClientTest {
  protected:
    NTSTATUS Try(ADDRESS_FAMILY Family, USHORT Type, ULONG Protocol, ULONG Flags)
    {
        PWSK_SOCKET Handle;
        NTSTATUS Status = Owner->Socket(Family, Type, Protocol, Flags, &Handle);
        Socket Closer(Handle);
        return Status;
    }
};

TEST_F(SocketTest, EveryCategoryInBothFamilies)
{
    for (ADDRESS_FAMILY Family : {AF_INET, AF_INET6}) {
        EXPECT_STATUS(STATUS_SUCCESS, Try(Family, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_BASIC_SOCKET));
        EXPECT_STATUS(STATUS_SUCCESS, Try(Family, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_BASIC_SOCKET));
        EXPECT_STATUS(STATUS_SUCCESS, Try(Family, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_LISTEN_SOCKET));
        EXPECT_STATUS(STATUS_SUCCESS, Try(Family, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_CONNECTION_SOCKET));
        EXPECT_STATUS(STATUS_SUCCESS, Try(Family, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_STREAM_SOCKET));
        EXPECT_STATUS(STATUS_SUCCESS, Try(Family, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET));
    }
}

TEST_F(SocketTest, WrongCombinationsAreRefused)
{
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Try(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_LISTEN_SOCKET));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Try(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_CONNECTION_SOCKET));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Try(AF_INET, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_DATAGRAM_SOCKET));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Try(AF_INET, SOCK_STREAM, IPPROTO_UDP, WSK_FLAG_CONNECTION_SOCKET));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Try(AF_INET, SOCK_STREAM, IPPROTO_TCP, 3));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Try(AF_INET, SOCK_RAW, 1, WSK_FLAG_DATAGRAM_SOCKET));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Try(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_STREAM_SOCKET));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Try(99, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET));
    EXPECT_EQ(0u, Accounting().Sockets);
}

TEST_F(SocketTest, SecurityDescriptorsAreNotSupported)
{
    Request Create;
    int Descriptor = 0;
    EXPECT_STATUS(STATUS_NOT_SUPPORTED,
                  Create.Finish((*Owner)->WskSocket(Owner->Npi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                                    WSK_FLAG_DATAGRAM_SOCKET, nullptr, nullptr, nullptr,
                                                    nullptr, &Descriptor, Create.Irp())));
}

TEST_F(SocketTest, AddressBeforeBindIsInvalidState)
{
    Datagram Unbound(*Owner);
    Request Query;
    SOCKADDR_INET Address;
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE,
                  Query.Finish(Unbound->WskGetLocalAddress(Unbound.Get(), Raw(Address), Query.Irp())));
}

TEST_F(SocketTest, BindToPortZeroTakesAPort)
{
    Datagram Udp(*Owner);
    Connection Tcp(*Owner);
    Listener Server(*Owner);
    Request Query;
    SOCKADDR_INET Address = {};
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    EXPECT_NE(0, Udp.Port());
    ASSERT_STATUS(STATUS_SUCCESS, Server.Bind(V4(0)));
    EXPECT_NE(0, Server.Port());
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS,
                  Query.Finish(Tcp->WskGetLocalAddress(Tcp.Get(), Raw(Address), Query.Irp())));
    EXPECT_NE(0, PortOf(Address));
    EXPECT_EQ(AF_INET, Address.si_family);
    EXPECT_EQ(V4(0).Ipv4.sin_addr.s_addr, Address.Ipv4.sin_addr.s_addr);
}

TEST_F(SocketTest, BindChecksFamilyFlagsAndState)
{
    Datagram Udp(*Owner);
    Request Bind;
    SOCKADDR_INET Address = V4(0);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Udp.Bind(V6(0)));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Bind.Finish(Udp->WskBind(Udp.Get(), Raw(Address), 1, Bind.Irp())));
    Bind.Arm();
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Bind.Finish(Udp->WskBind(Udp.Get(), nullptr, 0, Bind.Irp())));
    EXPECT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Udp.Bind(V4(0)));
}

TEST_F(SocketTest, BindToAForeignAddressFails)
{
    Datagram Udp(*Owner);
    EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, Udp.Bind(V4(0, 0x08080808)));
    EXPECT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0))) << "the socket can try another address";
}

TEST_F(SocketTest, CloseCompletesPendingRequests)
{
    Datagram Udp(*Owner);
    Listener Server(*Owner);
    Request Receive, Accept;
    Buffer Payload(100);
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Server.Bind(V4(0)));
    EXPECT_STATUS(STATUS_PENDING, Udp->WskReceiveFrom(Udp.Get(), Payload.Wsk(), 0, nullptr, nullptr, nullptr,
                                                      nullptr, Receive.Irp()));
    EXPECT_STATUS(STATUS_PENDING,
                  Server->WskAccept(Server.Get(), 0, nullptr, nullptr, nullptr, nullptr, Accept.Irp()));
    EXPECT_EQ(2u, Accounting().PendingIrps);
    Udp.Close();
    Server.Close();
    EXPECT_STATUS(STATUS_CANCELLED, Receive.Wait());
    EXPECT_STATUS(STATUS_CANCELLED, Accept.Wait());
    EXPECT_EQ(0u, Accounting().PendingIrps);
}

TEST_F(SocketTest, CloseWaitsForCompletionRoutines)
{
    Datagram Udp(*Owner);
    Request Receive, Close;
    Buffer Payload(100);
    bool CloseDone = true;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    Receive.OnCompletion = [&] { CloseDone = Close.IsDone(); };
    EXPECT_STATUS(STATUS_PENDING, Udp->WskReceiveFrom(Udp.Get(), Payload.Wsk(), 0, nullptr, nullptr, nullptr,
                                                      nullptr, Receive.Irp()));
    EXPECT_STATUS(STATUS_SUCCESS, Close.Finish(Udp.Basic()->WskCloseSocket(Udp.Get(), Close.Irp())));
    Udp.Detach();
    EXPECT_STATUS(STATUS_CANCELLED, Receive.Wait());
    EXPECT_FALSE(CloseDone);
}

TEST_F(SocketTest, CloseFromACompletionRoutineOfTheSameThread)
{
    Datagram Udp(*Owner);
    Request Bind, Close;
    SOCKADDR_INET Address = V4(0);
    PWSK_SOCKET Handle = Udp.Detach();
    NTSTATUS Returned = STATUS_UNSUCCESSFUL;
    const WSK_PROVIDER_DATAGRAM_DISPATCH* Table =
        static_cast<const WSK_PROVIDER_DATAGRAM_DISPATCH*>(Handle->Dispatch);
    Bind.OnCompletion = [&] { Returned = Table->Basic.WskCloseSocket(Handle, Close.Irp()); };
    EXPECT_STATUS(STATUS_SUCCESS, Bind.Finish(Table->WskBind(Handle, Raw(Address), 0, Bind.Irp())));
    EXPECT_STATUS(STATUS_SUCCESS, Close.Finish(Returned));
    EXPECT_EQ(0u, Accounting().Sockets);
}

TEST_F(SocketTest, CallsAtDispatchLevel)
{
    KIRQL Irql;
    Request Create, Bind, Close;
    SOCKADDR_INET Address = V4(0);
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    NTSTATUS Status =
        (*Owner)->WskSocket(Owner->Npi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET,
                            nullptr, nullptr, nullptr, nullptr, nullptr, Create.Irp());
    EXPECT_STATUS(STATUS_SUCCESS, Status);
    Socket Made(reinterpret_cast<PWSK_SOCKET>(Create.Information()));
    const WSK_PROVIDER_DATAGRAM_DISPATCH* Table =
        static_cast<const WSK_PROVIDER_DATAGRAM_DISPATCH*>(Made.Get()->Dispatch);
    EXPECT_STATUS(STATUS_SUCCESS, Table->WskBind(Made.Get(), Raw(Address), 0, Bind.Irp()));
    EXPECT_TRUE(NT_SUCCESS(Table->Basic.WskCloseSocket(Made.Get(), Close.Irp())));
    Made.Detach();
    KeLowerIrql(Irql);
    EXPECT_STATUS(STATUS_SUCCESS, Close.Wait());
}

TEST_F(SocketTest, ManySocketsLeaveNothing)
{
    for (int Round = 0; Round < 20; Round++) {
        std::vector<std::unique_ptr<Datagram>> Sockets;
        for (int Index = 0; Index < 50; Index++) {
            Sockets.push_back(std::make_unique<Datagram>(*Owner));
            EXPECT_STATUS(STATUS_SUCCESS, Sockets.back()->Bind(V4(0)));
        }
        EXPECT_EQ(50u, Accounting().Sockets);
    }
    EXPECT_EQ(0u, Accounting().Sockets);
}

} // namespace wsk
