/* SPDX-License-Identifier: Apache-2.0
 *
 * The local port of a connection that was bound to port 0: the system chooses it at the connect, or when the
 * address is read.
 */
#include "fixture.h"
#include "network.h"
#include "peer.h"

namespace wsk {

class PortTest : public ClientTest {
  protected:
    static USHORT Port(Connection& Tcp)
    {
        Request Query;
        SOCKADDR_INET Local = {};
        EXPECT_STATUS(STATUS_SUCCESS,
                      Query.Finish(Tcp->WskGetLocalAddress(Tcp.Get(), Raw(Local), Query.Irp())));
        return PortOf(Local);
    }
    NTSTATUS BindListener(USHORT Wanted)
    {
        Listener Other(*Owner);
        return Other.Bind(V4(Wanted, INADDR_ANY));
    }
};

struct Way {
    const char* Name;
    ADDRESS_FAMILY Family;
    bool Dual;
    SOCKADDR_INET Local;
    int Version;
    SOCKADDR_INET (*Remote)(USHORT);
};

static SOCKADDR_INET Remote4(USHORT Port)
{
    return V4(Port);
}

static SOCKADDR_INET Remote6(USHORT Port)
{
    return V6(Port);
}

TEST_F(PortTest, OneLocalPortServesSeveralPeers)
{
    constexpr int kPorts = 200, kServers = 3;
    const Way Ways[] = {
        {"any IPv4", AF_INET, false, V4(0, INADDR_ANY), 4, Remote4},
        {"one IPv4", AF_INET, false, V4(0), 4, Remote4},
        {"any IPv6", AF_INET6, false, V6(0, false), 6, Remote6},
        {"one IPv6", AF_INET6, false, V6(0), 6, Remote6},
        {"dual to IPv4", AF_INET6, true, V6(0, false), 4, Mapped},
        {"dual to IPv6", AF_INET6, true, V6(0, false), 6, Remote6},
    };
    if (!network::InOwn()) {
        return;
    }
    for (const Way& How : Ways) {
        SCOPED_TRACE(How.Name);
        network::SetPorts(32768, 60999);
        std::vector<std::unique_ptr<peer::TcpListener>> Servers;
        for (int Index = 0; Index < kServers; Index++) {
            Servers.push_back(std::make_unique<peer::TcpListener>(How.Version, kPorts));
        }
        network::SetPorts(20000, 20000 + kPorts - 1);
        std::vector<std::unique_ptr<Connection>> Sockets;
        for (int Index = 0; Index < kPorts * kServers && !HasFailure(); Index++) {
            Sockets.push_back(std::make_unique<Connection>(*Owner, How.Family));
            Connection& Tcp = *Sockets.back();
            if (How.Dual) {
                ASSERT_STATUS(STATUS_SUCCESS, Tcp.SetOption(IPPROTO_IPV6, IPV6_V6ONLY, 0));
            }
            ASSERT_STATUS(STATUS_SUCCESS, Tcp.Bind(How.Local)) << Index;
            ASSERT_STATUS(STATUS_SUCCESS, Tcp.Connect(How.Remote(Servers[Index % kServers]->Port())))
                << Index;
        }
        Connection TooMany(*Owner, How.Family);
        if (How.Dual) {
            ASSERT_STATUS(STATUS_SUCCESS, TooMany.SetOption(IPPROTO_IPV6, IPV6_V6ONLY, 0));
        }
        ASSERT_STATUS(STATUS_SUCCESS, TooMany.Bind(How.Local));
        EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, TooMany.Connect(How.Remote(Servers[0]->Port())));
    }
}

TEST_F(PortTest, APortThatWasAskedForBeforeTheConnectIsKept)
{
    peer::TcpListener Server, Server6(6);
    Connection Tcp(*Owner), Tcp6(*Owner, AF_INET6), Dual(*Owner, AF_INET6);
    ASSERT_STATUS(STATUS_SUCCESS, Dual.SetOption(IPPROTO_IPV6, IPV6_V6ONLY, 0));
    struct {
        Connection& Socket;
        SOCKADDR_INET Local, Remote;
    } Cases[] = {{Tcp, V4(0, INADDR_ANY), V4(Server.Port())},
                 {Tcp6, V6(0), V6(Server6.Port())},
                 {Dual, V6(0, false), Mapped(Server.Port())}};
    for (auto& Case : Cases) {
        ASSERT_STATUS(STATUS_SUCCESS, Case.Socket.Bind(Case.Local));
        USHORT Asked = Port(Case.Socket);
        EXPECT_NE(0, Asked);
        EXPECT_EQ(Asked, Port(Case.Socket));
        ASSERT_STATUS(STATUS_SUCCESS, Case.Socket.Connect(Case.Remote));
        EXPECT_EQ(Asked, Port(Case.Socket));
    }
}

TEST_F(PortTest, APortThatCameWithTheConnectIsTaken)
{
    peer::TcpListener Server;
    Connection Tcp(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.ConnectTo(Server.Port()));
    EXPECT_STATUS(STATUS_ADDRESS_ALREADY_EXISTS, BindListener(Port(Tcp)));
}

TEST_F(PortTest, AnExclusiveConnectionSharesItsPortWithNobody)
{
    peer::TcpListener Server;
    Connection Tcp(*Owner), Other(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.SetOption(SOL_SOCKET, static_cast<ULONG>(SO_EXCLUSIVEADDRUSE), 1));
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.ConnectTo(Server.Port()));
    ASSERT_STATUS(STATUS_SUCCESS, Other.SetOption(SOL_SOCKET, SO_REUSEADDR, 1));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Other.Bind(V4(Port(Tcp), INADDR_ANY)));
}

TEST_F(PortTest, AFailedConnectGivesItsPortBack)
{
    peer::UnusedTcpPort Nobody;
    peer::TcpListener Server;
    Connection Tcp(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.Bind(V4(0)));
    for (int Round = 0; Round < 3; Round++) {
        EXPECT_STATUS(STATUS_CONNECTION_REFUSED, Tcp.Connect(V4(Nobody.Port())));
    }
    USHORT Asked = Port(Tcp);
    EXPECT_NE(0, Asked) << "it is bound, so it has one";
    EXPECT_STATUS(STATUS_CONNECTION_REFUSED, Tcp.Connect(V4(Nobody.Port())));
    EXPECT_EQ(Asked, Port(Tcp)) << "now it is its own";
    EXPECT_STATUS(STATUS_SUCCESS, Tcp.Connect(V4(Server.Port())));
    EXPECT_EQ(Asked, Port(Tcp));
}

TEST_F(PortTest, APortIsThereWhileTheConnectIsPending)
{
    peer::TcpListener Full{4, 0}, Server;
    Connection Tcp(*Owner);
    Request Pending;
    SOCKADDR_INET To = V4(Full.Port());
    Full.Fill();
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.Bind(V4(0, INADDR_ANY)));
    ASSERT_STATUS(STATUS_PENDING, Tcp->WskConnect(Tcp.Get(), Raw(To), 0, Pending.Irp()));
    USHORT First = Port(Tcp);
    EXPECT_NE(0, First);
    EXPECT_STATUS(STATUS_ADDRESS_ALREADY_EXISTS, BindListener(First));
    Pending.Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, Pending.Wait());
    EXPECT_STATUS(STATUS_SUCCESS, BindListener(First)) << "it was given back";
    EXPECT_STATUS(STATUS_SUCCESS, Tcp.Connect(V4(Server.Port())));
}

/* The system refuses this connect before it has changed the port. */
TEST_F(PortTest, AConnectThatIsRefusedAtOnceKeepsAPortThatWasAskedFor)
{
    peer::TcpListener Server(6);
    Connection Tcp(*Owner, AF_INET6);
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.Bind(V6(0, false)));
    USHORT Asked = Port(Tcp);
    EXPECT_STATUS(STATUS_NETWORK_UNREACHABLE, Tcp.Connect(Mapped(9))) << "the socket is for IPv6 only";
    EXPECT_EQ(Asked, Port(Tcp));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp.Connect(V6(Server.Port())));
    EXPECT_EQ(Asked, Port(Tcp));
}

/* Another socket took the port in between. */
TEST_F(PortTest, APortThatIsLostWithAFailedConnectIsReplaced)
{
    peer::UnusedTcpPort Nobody;
    peer::TcpListener Server;
    Connection Tcp(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Tcp.Bind(V4(0)));
    USHORT First = Port(Tcp);
    network::FailBind(1);
    EXPECT_STATUS(STATUS_CONNECTION_REFUSED, Tcp.Connect(V4(Nobody.Port())));
    network::FailBind(0);
    EXPECT_STATUS(STATUS_SUCCESS, BindListener(First)) << "nobody has it";
    EXPECT_STATUS(STATUS_SUCCESS, Tcp.Connect(V4(Server.Port())));
    EXPECT_NE(0, Port(Tcp));
}

} // namespace wsk
