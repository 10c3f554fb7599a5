/* SPDX-License-Identifier: Apache-2.0
 *
 * CREATE, BIND and the addresses of a socket.
 */
#include "support.h"

class CreateTest : public DriverTest {};

TEST_F(CreateTest, EveryCombination)
{
    for (USHORT category = 0; category <= 9; category++) {
        for (USHORT family : {0, 1, 2, 3, 10, 22, 23, 24, 0xFFFF}) {
            for (ULONG protocol : {0u, 1u, 6u, 17u, 41u, 58u, 255u, 0xFFFFFFFFu}) {
                bool family_right = family == WSKB_AF_INET || family == WSKB_AF_INET6;
                bool datagram = category == WSKB_CATEGORY_DATAGRAM && protocol == WSKB_IPPROTO_UDP;
                bool stream = (category == WSKB_CATEGORY_CONNECTION || category == WSKB_CATEGORY_LISTEN) &&
                              protocol == WSKB_IPPROTO_TCP;
                bool right = family_right && (datagram || stream);
                File file;
                EXPECT_STATUS(right ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER,
                              file.CreateExactly(category, family, protocol))
                    << category << " " << family << " " << protocol;
            }
        }
    }
}

TEST_F(CreateTest, AHandleBecomesASocketOnce)
{
    File file;
    ASSERT_STATUS(STATUS_SUCCESS, file.Create(WSKB_CATEGORY_DATAGRAM));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, file.Create(WSKB_CATEGORY_DATAGRAM));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, file.Create(WSKB_CATEGORY_LISTEN));
    EXPECT_STATUS(STATUS_SUCCESS, file.Bind(Loopback(WSKB_AF_INET, 0)));
    EXPECT_EQ(1u, Statistics().OpenSockets);
}

TEST_F(CreateTest, ARefusedCreateMayBeTriedAgain)
{
    File file;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, file.CreateExactly(WSKB_CATEGORY_DATAGRAM, WSKB_AF_INET, 6));
    EXPECT_STATUS(STATUS_SUCCESS, file.Create(WSKB_CATEGORY_DATAGRAM));
}

TEST_F(CreateTest, OfManyCreatesAtOnceOneWins)
{
    for (int round = 0; round < 50; round++) {
        File file;
        std::atomic<int> won{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; i++) {
            threads.emplace_back([&] {
                NTSTATUS status = file.Create(WSKB_CATEGORY_DATAGRAM);
                won += status == STATUS_SUCCESS;
                EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_INVALID_DEVICE_STATE);
            });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        EXPECT_EQ(1, won);
    }
}

TEST_F(CreateTest, BindGivesAPort)
{
    for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
        for (USHORT category : {WSKB_CATEGORY_DATAGRAM, WSKB_CATEGORY_CONNECTION, WSKB_CATEGORY_LISTEN}) {
            File file;
            WSKB_SOCKADDR address;
            ASSERT_STATUS(STATUS_SUCCESS, file.Create(category, family));
            ASSERT_STATUS(STATUS_SUCCESS, file.Bind(Loopback(family, 0)));
            ASSERT_STATUS(STATUS_SUCCESS, file.LocalAddress(&address));
            WSKB_SOCKADDR expected = Loopback(family, HostPort(address));
            EXPECT_NE(0, HostPort(address));
            EXPECT_EQ(0, memcmp(&expected, &address, sizeof address));
        }
    }
}

TEST_F(CreateTest, BindTwiceIsRefused)
{
    File file = BoundDatagram();
    USHORT port = file.Port();
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, file.Bind(Loopback(WSKB_AF_INET, 0)));
    EXPECT_EQ(port, file.Port());
}

TEST_F(CreateTest, BindOfAnotherFamilyIsRefused)
{
    File v4;
    File v6;
    ASSERT_STATUS(STATUS_SUCCESS, v4.Create(WSKB_CATEGORY_DATAGRAM, WSKB_AF_INET));
    ASSERT_STATUS(STATUS_SUCCESS, v6.Create(WSKB_CATEGORY_DATAGRAM, WSKB_AF_INET6));
    EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, v4.Bind(Loopback(WSKB_AF_INET6, 0)));
    EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, v6.Bind(Loopback(WSKB_AF_INET, 0)));
    EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, v4.Bind(Unspecified()));
    EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, v4.Bind(Wildcard(99)));
    EXPECT_STATUS(STATUS_SUCCESS, v4.Bind(Loopback(WSKB_AF_INET, 0)));
    EXPECT_STATUS(STATUS_SUCCESS, v6.Bind(Loopback(WSKB_AF_INET6, 0)));
}

TEST_F(CreateTest, BindToAPortInUseIsRefusedAndMayBeTriedAgain)
{
    for (USHORT category : {WSKB_CATEGORY_DATAGRAM, WSKB_CATEGORY_LISTEN}) {
        File first;
        File second;
        ASSERT_STATUS(STATUS_SUCCESS, first.Create(category));
        ASSERT_STATUS(STATUS_SUCCESS, first.Bind(Loopback(WSKB_AF_INET, 0)));
        ASSERT_STATUS(STATUS_SUCCESS, second.Create(category));
        EXPECT_STATUS(STATUS_ADDRESS_ALREADY_EXISTS, second.Bind(Loopback(WSKB_AF_INET, first.Port())));
        EXPECT_STATUS(STATUS_SUCCESS, second.Bind(Loopback(WSKB_AF_INET, 0)));
    }
}

/* The peer is an ordinary socket of the operating system. */
TEST_F(CreateTest, BindToAPeersPortIsRefused)
{
    peer::Udp other;
    File file;
    ASSERT_STATUS(STATUS_SUCCESS, file.Create(WSKB_CATEGORY_DATAGRAM));
    EXPECT_STATUS(STATUS_ADDRESS_ALREADY_EXISTS, file.Bind(Loopback(WSKB_AF_INET, other.Port())));
}

TEST_F(CreateTest, TheReservedBytesOfAnAddressDontMatter)
{
    File file;
    WSKB_SOCKADDR address = Loopback(WSKB_AF_INET, 0);
    memset(address.V4.Reserved, 0xFF, sizeof address.V4.Reserved);
    ASSERT_STATUS(STATUS_SUCCESS, file.Create(WSKB_CATEGORY_DATAGRAM));
    EXPECT_STATUS(STATUS_SUCCESS, file.Bind(address));
}

TEST_F(CreateTest, ADualStackSocketReachesBothFamilies)
{
    peer::Udp v4(4);
    peer::Udp v6(6);
    File file;
    ULONG value = 7;
    ASSERT_STATUS(STATUS_SUCCESS, file.Create(WSKB_CATEGORY_DATAGRAM, WSKB_AF_INET6));
    ASSERT_STATUS(STATUS_SUCCESS, file.GetOption(WSKB_OPTION_IPV6_ONLY, &value));
    EXPECT_EQ(1u, value);
    ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_IPV6_ONLY, 0));
    ASSERT_STATUS(STATUS_SUCCESS, file.Bind(Wildcard(WSKB_AF_INET6)));

    EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(MappedLoopback(v4.Port()), "four"));
    EXPECT_EQ("four", v4.ReceiveText());
    EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(Loopback(WSKB_AF_INET6, v6.Port()), "six"));
    EXPECT_EQ("six", v6.ReceiveText());

    Datagram datagram;
    datagram.Start(file);
    ASSERT_TRUE(v4.SendTo(file.Port(), "answer"));
    ASSERT_STATUS(STATUS_SUCCESS, datagram.Wait());
    WSKB_SOCKADDR expected = MappedLoopback(v4.Port());
    WSKB_DATAGRAM prefix = datagram.Prefix();
    EXPECT_EQ(0, memcmp(&expected, &prefix.RemoteAddress, sizeof expected));
}

TEST_F(CreateTest, AnIpv6OnlySocketDoesNotTakeTheIpv4Port)
{
    File v6;
    File v4;
    USHORT port = peer::QuietPort();
    ASSERT_STATUS(STATUS_SUCCESS, v6.Create(WSKB_CATEGORY_DATAGRAM, WSKB_AF_INET6));
    ASSERT_STATUS(STATUS_SUCCESS, v6.Bind(Wildcard(WSKB_AF_INET6, port)));
    ASSERT_STATUS(STATUS_SUCCESS, v4.Create(WSKB_CATEGORY_DATAGRAM));
    EXPECT_STATUS(STATUS_SUCCESS, v4.Bind(Wildcard(WSKB_AF_INET, port)));
}
