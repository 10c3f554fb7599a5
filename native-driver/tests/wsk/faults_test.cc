/* SPDX-License-Identifier: Apache-2.0
 *
 * Injected faults: failed calls, forced close, allocation failure; and the accounting.
 */
#include "fixture.h"
#include "peer.h"

namespace wsk {

class FaultsTest : public ClientTest {
  protected:
    void TearDown() override
    {
        WskHostFailCall(0, STATUS_SUCCESS);
        HostFailAllocation(0, 0);
        ClientTest::TearDown();
    }
};

TEST_F(FaultsTest, TheOrderedCallFailsOnce)
{
    Datagram Udp(*Owner);
    WskHostFailCall(2, STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_STATUS(STATUS_SUCCESS, Udp.SetOption(SOL_SOCKET, SO_RCVBUF, 10000));
    EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES, Udp.Bind(V4(0)));
    EXPECT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
}

TEST_F(FaultsTest, AFailedCloseClosesAllTheSame)
{
    Datagram Udp(*Owner);
    Request Close;
    WskHostFailCall(1, STATUS_UNSUCCESSFUL);
    EXPECT_STATUS(STATUS_UNSUCCESSFUL, Close.Finish(Udp.Basic()->WskCloseSocket(Udp.Get(), Close.Irp())));
    Udp.Detach();
    EXPECT_EQ(0u, Accounting().Sockets);
}

TEST_F(FaultsTest, ForcedCloseKillsEverySocket)
{
    Datagram Udp(*Owner);
    Listener Server(*Owner);
    Connection Tcp(*Owner);
    Request Receive, Accept, Query;
    Buffer Payload(10);
    std::string Got;
    SOCKADDR_INET To = V4(9);
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Server.Bind(V4(0)));
    EXPECT_STATUS(STATUS_PENDING, Udp->WskReceiveFrom(Udp.Get(), Payload.Wsk(), 0, nullptr, nullptr, nullptr,
                                                      nullptr, Receive.Irp()));
    EXPECT_STATUS(STATUS_PENDING,
                  Server->WskAccept(Server.Get(), 0, nullptr, nullptr, nullptr, nullptr, Accept.Irp()));
    WskHostForceClose();
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Receive.Wait());
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Accept.Wait());
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Udp.SendTo("x", &To));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Udp.Receive(&Got));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Udp.SetOption(SOL_SOCKET, SO_RCVBUF, 10000));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Tcp.Bind(V4(0)));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Tcp.Send("x"));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Tcp.Disconnect());
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED,
                  Query.Finish(Udp->WskGetLocalAddress(Udp.Get(), Raw(To), Query.Irp())));
    EXPECT_EQ(3u, Accounting().Sockets) << "until closed";
    Datagram Fresh(*Owner);
    EXPECT_STATUS(STATUS_SUCCESS, Fresh.Bind(V4(0)));
}

TEST_F(FaultsTest, NoMemoryForASocket)
{
    PWSK_SOCKET Handle;
    Request Create; /* allocated before the fault */
    HostFailAllocation(1, 0);
    EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES,
                  Create.Finish((*Owner)->WskSocket(Owner->Npi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                                    WSK_FLAG_DATAGRAM_SOCKET, nullptr, nullptr, nullptr,
                                                    nullptr, nullptr, Create.Irp())));
    EXPECT_STATUS(STATUS_SUCCESS,
                  Owner->Socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, &Handle));
    Socket Closer(Handle);
}

TEST_F(FaultsTest, NoMemoryForAnAcceptedSocket)
{
    Listener Server(*Owner);
    Request Accept;
    ASSERT_STATUS(STATUS_SUCCESS, Server.Bind(V4(0)));
    peer::Tcp Peer = peer::Tcp::Connect(4, Server.Port());
    HostFailAllocation(1, 0);
    EXPECT_EQ(
        STATUS_INSUFFICIENT_RESOURCES,
        Accept.Finish(Server->WskAccept(Server.Get(), 0, nullptr, nullptr, nullptr, nullptr, Accept.Irp())));
    EXPECT_EQ(peer::End::Reset, Peer.AwaitEnd());
}

TEST_F(FaultsTest, CallsAndCompletionsAreCounted)
{
    WSKHOST_ACCOUNTING Before = Accounting();
    {
        Datagram Udp(*Owner);
        EXPECT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
        EXPECT_EQ(Before.Sockets + 1, Accounting().Sockets);
    }
    WSKHOST_ACCOUNTING After = Accounting();
    EXPECT_EQ(3u, After.CallsMade - Before.CallsMade);
    EXPECT_TRUE(Await([&] { return Accounting().IrpsCompleted - Before.IrpsCompleted == 3; }));
}

} // namespace wsk
