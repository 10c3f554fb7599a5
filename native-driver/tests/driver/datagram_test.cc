/* SPDX-License-Identifier: Apache-2.0
 *
 * SEND_TO, RECEIVE_FROM and the fixed addresses, with an ordinary UDP socket on the other end.
 */
#include "support.h"

class DatagramTest : public DriverTest {};

TEST_F(DatagramTest, SendsEverySizeThatFits)
{
    for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
        peer::Udp other(family == WSKB_AF_INET ? 4 : 6);
        File file = BoundDatagram(family);
        for (ULONG length : {0u, 1u, 2u, 15u, 16u, 1472u, 1473u, 8192u, 65000u, 65507u}) {
            std::vector<uint8_t> data = Pattern(length, length);
            std::vector<uint8_t> received;
            peer::Address from;
            ULONG_PTR sent = 1;
            ASSERT_STATUS(STATUS_SUCCESS,
                          file.SendTo(Loopback(family, other.Port()), data.data(), length, &sent));
            EXPECT_EQ(length, sent);
            ASSERT_TRUE(other.Receive(&received, &from));
            EXPECT_EQ(data, received) << length;
            EXPECT_EQ(file.Port(), from.port);
        }
    }
}

TEST_F(DatagramTest, ReceivesEverySizeThatFits)
{
    for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
        peer::Udp other(family == WSKB_AF_INET ? 4 : 6);
        File file = BoundDatagram(family);
        for (ULONG length : {0u, 1u, 2u, 15u, 16u, 1472u, 1473u, 8192u, 65000u, 65507u}) {
            std::vector<uint8_t> data = Pattern(length, length);
            Datagram datagram(65536);
            ASSERT_TRUE(other.SendTo(file.Port(), data.data(), length));
            datagram.Start(file);
            ASSERT_STATUS(STATUS_SUCCESS, datagram.Wait());
            WSKB_DATAGRAM prefix = datagram.Prefix();
            WSKB_SOCKADDR sender = Loopback(family, other.Port());
            EXPECT_EQ(sizeof prefix + length, datagram.Information());
            EXPECT_EQ(std::string(data.begin(), data.end()), datagram.Text()) << length;
            EXPECT_EQ(sizeof prefix, prefix.Size);
            EXPECT_EQ(0u, prefix.Flags);
            EXPECT_EQ(length, prefix.Length);
            EXPECT_EQ(0u, prefix.Reserved);
            EXPECT_EQ(0, memcmp(&sender, &prefix.RemoteAddress, sizeof sender));
            for (ULONG reserved : prefix.Reserved2) {
                EXPECT_EQ(0u, reserved);
            }
        }
    }
}

TEST_F(DatagramTest, TooLargeADatagramIsRefused)
{
    std::vector<uint8_t> data(70000);
    File v4 = BoundDatagram();
    File v6 = BoundDatagram(WSKB_AF_INET6);
    for (ULONG length : {65528u, 65535u, 65536u, 70000u}) {
        EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, v4.SendTo(Loopback(WSKB_AF_INET, 9), data.data(), length));
        EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, v6.SendTo(Loopback(WSKB_AF_INET6, 9), data.data(), length));
    }
    EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, v4.SendTo(Loopback(WSKB_AF_INET, 9), data.data(), 65508));
}

TEST_F(DatagramTest, ATruncatedDatagramSaysSoWithTheBytesThatFit)
{
    peer::Udp other;
    File file = BoundDatagram();
    for (ULONG room : {0u, 1u, 4u, 9u}) {
        Datagram datagram(room);
        ASSERT_TRUE(other.SendTo(file.Port(), "0123456789"));
        datagram.Start(file);
        EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, datagram.Wait());
        EXPECT_EQ(sizeof(WSKB_DATAGRAM) + room, datagram.Information());
        EXPECT_EQ(std::string("0123456789", room), datagram.Text());
        EXPECT_EQ(WSKB_DATAGRAM_TRUNCATED, datagram.Prefix().Flags);
        EXPECT_EQ(room, datagram.Prefix().Length);
    }
    Datagram exact(10);
    ASSERT_TRUE(other.SendTo(file.Port(), "0123456789"));
    exact.Start(file);
    EXPECT_STATUS(STATUS_SUCCESS, exact.Wait());
}

TEST_F(DatagramTest, AnEmptyDatagramFitsWhereThereIsNoRoom)
{
    peer::Udp other;
    File file = BoundDatagram();
    Datagram datagram(0);
    ASSERT_TRUE(other.SendTo(file.Port(), ""));
    datagram.Start(file);
    EXPECT_STATUS(STATUS_SUCCESS, datagram.Wait());
    EXPECT_EQ(sizeof(WSKB_DATAGRAM), datagram.Information());
}

/* The buffer may have any alignment. */
TEST_F(DatagramTest, BuffersNeedNotBeAligned)
{
    peer::Udp other;
    File file = BoundDatagram();
    for (size_t offset = 0; offset < 8; offset++) {
        std::vector<uint8_t> memory(256, 0xEE);
        uint8_t* buffer = memory.data() + offset;
        WSKB_TRANSFER in = {sizeof in, 0, 0};
        Request request;
        ASSERT_TRUE(other.SendTo(file.Port(), "odd"));
        request.Start(file, IOCTL_WSKB_RECEIVE_FROM, &in, sizeof in, buffer, 100);
        ASSERT_STATUS(STATUS_SUCCESS, request.Wait());
        WSKB_DATAGRAM prefix;
        memcpy(&prefix, buffer, sizeof prefix);
        EXPECT_EQ(3u, prefix.Length);
        EXPECT_EQ(0, memcmp(buffer + sizeof prefix, "odd", 3));
        EXPECT_EQ(0xEE, buffer[sizeof prefix + 3]);
    }
}

TEST_F(DatagramTest, ReceivesThatWaitAreServedInOrder)
{
    peer::Udp other;
    File file = BoundDatagram();
    Datagram datagrams[8];
    for (auto& datagram : datagrams) {
        ASSERT_STATUS(STATUS_PENDING, datagram.Start(file));
        EXPECT_FALSE(datagram.Done());
    }
    for (int i = 0; i < 8; i++) {
        ASSERT_TRUE(other.SendTo(file.Port(), std::to_string(i)));
    }
    for (int i = 0; i < 8; i++) {
        ASSERT_STATUS(STATUS_SUCCESS, datagrams[i].Wait());
        EXPECT_EQ(std::to_string(i), datagrams[i].Text());
    }
}

TEST_F(DatagramTest, TheFamilyOfADestinationIsTheSockets)
{
    File v4 = BoundDatagram();
    File v6 = BoundDatagram(WSKB_AF_INET6);
    EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, v4.SendTo(Loopback(WSKB_AF_INET6, 9), "x"));
    EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, v6.SendTo(Loopback(WSKB_AF_INET, 9), "x"));
    EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, v4.SendTo(Wildcard(77), "x"));
    EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT,
                  v4.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Loopback(WSKB_AF_INET6, 9)));
}

TEST_F(DatagramTest, WithoutAFixedAddressADestinationIsNeeded)
{
    File file = BoundDatagram();
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, file.SendTo(Unspecified(), "x"));
}

TEST_F(DatagramTest, AFixedRemoteAddressIsDestinationAndFilter)
{
    peer::Udp friendly;
    peer::Udp foreign;
    File file = BoundDatagram();
    ASSERT_STATUS(STATUS_SUCCESS,
                  file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Loopback(WSKB_AF_INET, friendly.Port())));
    EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(Unspecified(), "fixed"));
    EXPECT_EQ("fixed", friendly.ReceiveText());

    Datagram datagram;
    datagram.Start(file);
    ASSERT_TRUE(foreign.SendTo(file.Port(), "foreign"));
    ASSERT_TRUE(friendly.SendTo(file.Port(), "friendly"));
    ASSERT_STATUS(STATUS_SUCCESS, datagram.Wait());
    EXPECT_EQ("friendly", datagram.Text());

    ASSERT_STATUS(STATUS_SUCCESS, file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Unspecified()));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, file.SendTo(Unspecified(), "x"));
    Datagram again;
    again.Start(file);
    ASSERT_TRUE(foreign.SendTo(file.Port(), "welcome"));
    ASSERT_STATUS(STATUS_SUCCESS, again.Wait());
    EXPECT_EQ("welcome", again.Text());
}

TEST_F(DatagramTest, AFixedDestinationIsNoFilter)
{
    peer::Udp fixed;
    peer::Udp other;
    File file = BoundDatagram();
    ASSERT_STATUS(STATUS_SUCCESS,
                  file.SetAddress(IOCTL_WSKB_SET_SENDTO_ADDRESS, Loopback(WSKB_AF_INET, fixed.Port())));
    EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(Unspecified(), "to the fixed one"));
    EXPECT_EQ("to the fixed one", fixed.ReceiveText());
    EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(Loopback(WSKB_AF_INET, other.Port()), "to another"));
    EXPECT_EQ("to another", other.ReceiveText());
    Datagram datagram;
    datagram.Start(file);
    ASSERT_TRUE(other.SendTo(file.Port(), "from another"));
    EXPECT_STATUS(STATUS_SUCCESS, datagram.Wait());
    ASSERT_STATUS(STATUS_SUCCESS, file.SetAddress(IOCTL_WSKB_SET_SENDTO_ADDRESS, Unspecified()));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, file.SendTo(Unspecified(), "x"));
}

/* One change at a time: whichever of two comes first, the driver's state agrees with WSK's. */
TEST_F(DatagramTest, RacingChangesOfAFixedAddressLeaveOne)
{
    peer::Udp other;
    File file = BoundDatagram();
    const WSKB_SOCKADDR addresses[] = {Loopback(WSKB_AF_INET, other.Port()), Unspecified()};
    for (int round = 0; round < 500 && !HasFailure(); round++) {
        std::atomic<int> ready{0};
        std::vector<std::thread> threads;
        for (const auto& address : addresses) {
            threads.emplace_back([&] {
                ready++;
                while (ready < 2) {
                }
                NTSTATUS status = file.SetAddress(IOCTL_WSKB_SET_SENDTO_ADDRESS, address);
                EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_INVALID_DEVICE_STATE)
                    << StatusName(status);
            });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        NTSTATUS sent = file.SendTo(Unspecified(), "x");
        EXPECT_TRUE(sent == STATUS_SUCCESS || sent == STATUS_INVALID_DEVICE_STATE)
            << StatusName(sent) << " in round " << round;
        if (sent == STATUS_SUCCESS) {
            EXPECT_EQ("x", other.ReceiveText());
        }
    }
}

/* No socket has that port: the error is reported once, and the socket stays usable. */
TEST_F(DatagramTest, AnUnreachablePortShowsOnASocketWithAFixedRemoteAddress)
{
    peer::Udp other;
    peer::UnusedUdpPort nobody;
    File file = BoundDatagram();
    ASSERT_STATUS(STATUS_SUCCESS,
                  file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Loopback(WSKB_AF_INET, nobody.Port())));
    Datagram datagram;
    ASSERT_STATUS(STATUS_PENDING, datagram.Start(file));
    EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(Unspecified(), "anybody there?"));
    EXPECT_STATUS(STATUS_PORT_UNREACHABLE, datagram.Wait());
    ASSERT_STATUS(STATUS_SUCCESS,
                  file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Loopback(WSKB_AF_INET, other.Port())));
    EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(Unspecified(), "you?"));
    EXPECT_EQ("you?", other.ReceiveText());
}

TEST_F(DatagramTest, BroadcastNeedsItsOption)
{
    File file = BoundDatagram();
    WSKB_SOCKADDR everybody = Loopback(WSKB_AF_INET, 9);
    everybody.V4.Address[1] = everybody.V4.Address[2] = everybody.V4.Address[3] =
        255; /* of the loopback network */
    EXPECT_STATUS(STATUS_ACCESS_DENIED, file.SendTo(everybody, "x"));
    ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_BROADCAST, 1));
    EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(everybody, "x"));
}

TEST_F(DatagramTest, RequestAndResponseFourThousandTimes)
{
    peer::Udp other;
    File file = BoundDatagram();
    for (uint32_t i = 0; i < 4000; i++) {
        std::vector<uint8_t> data = Pattern(1 + i % 1472, i);
        std::vector<uint8_t> received;
        Datagram datagram;
        datagram.Start(file);
        ASSERT_STATUS(STATUS_SUCCESS,
                      file.SendTo(Loopback(WSKB_AF_INET, other.Port()), data.data(), (ULONG)data.size()));
        ASSERT_TRUE(other.Receive(&received));
        ASSERT_EQ(data, received);
        ASSERT_TRUE(other.SendTo(file.Port(), received.data(), received.size()));
        ASSERT_STATUS(STATUS_SUCCESS, datagram.Wait());
        ASSERT_EQ(std::string(data.begin(), data.end()), datagram.Text());
    }
}
