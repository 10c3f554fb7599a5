/* SPDX-License-Identifier: Apache-2.0
 *
 * Which sockets may bind an address that is bound already: the whole table, for both protocols.
 */
#include "fixture.h"
#include "peer.h"

namespace wsk {

enum Mode { None, Reuse, Exclusive };

constexpr NTSTATUS Good = STATUS_SUCCESS;
constexpr NTSTATUS InUse = STATUS_ADDRESS_ALREADY_EXISTS;
constexpr NTSTATUS Denied = STATUS_ACCESS_DENIED;

/* Rows: second socket, columns: first; none, reuse, exclusive, each wildcard then specific. Where Windows
 * would ask the first socket's security descriptor, the default one refuses. */
constexpr NTSTATUS Table[6][6] = {
    {InUse, Good, InUse, Good, InUse, Good},    {Denied, InUse, Denied, Denied, Denied, InUse},
    {Denied, Good, Good, Good, Denied, Good},   {Denied, Denied, Good, Good, Denied, Denied},
    {InUse, InUse, InUse, InUse, InUse, InUse}, {Denied, InUse, Denied, InUse, Denied, InUse},
};

class SharingTest : public ClientTest {
  protected:
    template <typename Kind> void SetMode(Kind& Socket, int Row)
    {
        if (Row / 2 == Reuse) {
            ASSERT_STATUS(STATUS_SUCCESS, Socket.SetOption(SOL_SOCKET, SO_REUSEADDR, 1));
        } else if (Row / 2 == Exclusive) {
            ASSERT_STATUS(STATUS_SUCCESS,
                          Socket.SetOption(SOL_SOCKET, static_cast<ULONG>(SO_EXCLUSIVEADDRUSE), 1));
        }
    }
    static SOCKADDR_INET Address(ADDRESS_FAMILY Family, USHORT Port, bool Specific)
    {
        return Family == AF_INET6 ? V6(Port, Specific) : V4(Port, Specific ? INADDR_LOOPBACK : INADDR_ANY);
    }
    template <typename Kind> void CheckTable(ADDRESS_FAMILY Family)
    {
        for (int First = 0; First < 6; First++) {
            for (int Second = 0; Second < 6; Second++) {
                Kind A(*Owner, Family), B(*Owner, Family);
                SetMode(A, First);
                SetMode(B, Second);
                ASSERT_STATUS(STATUS_SUCCESS, A.Bind(Address(Family, 0, First % 2)));
                EXPECT_STATUS(Table[Second][First], B.Bind(Address(Family, A.Port(), Second % 2)))
                    << "family " << Family << ", second " << Second << ", first " << First;
            }
        }
    }
};

TEST_F(SharingTest, Datagrams)
{
    CheckTable<Datagram>(AF_INET);
    CheckTable<Datagram>(AF_INET6);
}

TEST_F(SharingTest, Listeners)
{
    CheckTable<Listener>(AF_INET);
    CheckTable<Listener>(AF_INET6);
}

TEST_F(SharingTest, DifferentAddressesNeverConflict)
{
    Datagram A(*Owner), B(*Owner);
    SetMode(A, 4);
    ASSERT_STATUS(STATUS_SUCCESS, A.Bind(V4(0)));
    EXPECT_STATUS(STATUS_SUCCESS, B.Bind(V4(A.Port(), INADDR_LOOPBACK + 1)));
}

TEST_F(SharingTest, ProtocolsAndFamiliesAreApart)
{
    Datagram A(*Owner), Six(*Owner, AF_INET6);
    USHORT Port = peer::QuietPort();
    ASSERT_STATUS(STATUS_SUCCESS, A.Bind(V4(Port, INADDR_ANY)));
    EXPECT_STATUS(STATUS_SUCCESS, Six.Bind(V6(Port, false)));
}

TEST_F(SharingTest, DualStackWildcardTakesBothFamilies)
{
    Datagram Dual(*Owner, AF_INET6), Four(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Dual.SetOption(IPPROTO_IPV6, IPV6_V6ONLY, 0));
    ASSERT_STATUS(STATUS_SUCCESS, Dual.Bind(V6(0, false)));
    EXPECT_STATUS(STATUS_ADDRESS_ALREADY_EXISTS, Four.Bind(V4(Dual.Port(), INADDR_ANY)));
}

TEST_F(SharingTest, ClosedSocketsDoNotCount)
{
    Datagram B(*Owner);
    USHORT Port = peer::QuietPort();
    {
        Datagram A(*Owner);
        ASSERT_STATUS(STATUS_SUCCESS, A.Bind(V4(Port)));
        EXPECT_STATUS(STATUS_ADDRESS_ALREADY_EXISTS, B.Bind(V4(Port)));
    }
    EXPECT_STATUS(STATUS_SUCCESS, B.Bind(V4(Port)));
}

TEST_F(SharingTest, SocketsOfOthersAreTheSystemsBusiness)
{
    peer::Udp Udp;
    peer::TcpListener Tcp;
    Datagram A(*Owner);
    Listener B(*Owner);
    EXPECT_STATUS(STATUS_ADDRESS_ALREADY_EXISTS, A.Bind(V4(Udp.Port())));
    EXPECT_STATUS(STATUS_ADDRESS_ALREADY_EXISTS, B.Bind(V4(Tcp.Port())));
}

TEST_F(SharingTest, EphemeralPortsDiffer)
{
    std::vector<std::unique_ptr<Datagram>> Sockets;
    std::vector<bool> Seen(65536);
    for (int Index = 0; Index < 200; Index++) {
        Sockets.push_back(std::make_unique<Datagram>(*Owner));
        SetMode(*Sockets.back(), Reuse * 2);
        ASSERT_STATUS(STATUS_SUCCESS, Sockets.back()->Bind(V4(0)));
        EXPECT_FALSE(Seen[Sockets.back()->Port()]);
        Seen[Sockets.back()->Port()] = true;
    }
}

} // namespace wsk
