/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagram sockets against ordinary UDP sockets.
 */
#include "fixture.h"
#include "peer.h"

namespace wsk {

class DatagramTest : public ClientTest {};

static std::string Pattern(size_t Length)
{
    std::string Data(Length, '\0');
    for (size_t Index = 0; Index < Length; Index++) {
        Data[Index] = static_cast<char>(Index * 7 + Length);
    }
    return Data;
}

TEST_F(DatagramTest, EverySizeBothWays)
{
    Datagram Udp(*Owner);
    peer::Udp Peer;
    SOCKADDR_INET To = V4(Peer.Port());
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    for (size_t Size : {0, 1, 2, 100, 1472, 1500, 4096, 9000, 65507}) {
        std::string Sent = Pattern(Size), Got;
        SOCKADDR_INET From = {};
        ULONG Flags = 77;
        ASSERT_STATUS(STATUS_SUCCESS, Udp.SendTo(Sent, &To)) << Size;
        ASSERT_EQ(Sent, Peer.ReceiveText());
        ASSERT_TRUE(Peer.SendTo(Udp.Port(), Sent));
        ASSERT_STATUS(STATUS_SUCCESS, Udp.Receive(&Got, &From, &Flags));
        EXPECT_EQ(Sent, Got);
        EXPECT_EQ(0u, Flags);
        EXPECT_EQ(AF_INET, From.si_family);
        EXPECT_EQ(Peer.Port(), PortOf(From));
    }
}

TEST_F(DatagramTest, TooLargeIsInvalidBufferSize)
{
    Datagram Udp(*Owner);
    SOCKADDR_INET To = V4(9);
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, Udp.SendTo(Pattern(65508), &To));
}

TEST_F(DatagramTest, ZeroLengthWithoutAnMdl)
{
    Datagram Udp(*Owner);
    peer::Udp Peer;
    Request Send, Receive;
    WSK_BUF Empty = {};
    SOCKADDR_INET To = V4(Peer.Port()), From = {};
    std::string Got;
    ULONG ControlLength = 0, Flags = 0;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    EXPECT_STATUS(STATUS_SUCCESS,
                  Send.Finish(Udp->WskSendTo(Udp.Get(), &Empty, 0, Raw(To), 0, nullptr, Send.Irp())));
    EXPECT_EQ("", Peer.ReceiveText());
    NTSTATUS Returned =
        Udp->WskReceiveFrom(Udp.Get(), &Empty, 0, Raw(From), &ControlLength, nullptr, &Flags, Receive.Irp());
    EXPECT_STATUS(STATUS_PENDING, Returned);
    ASSERT_TRUE(Peer.SendTo(Udp.Port(), ""));
    EXPECT_STATUS(STATUS_SUCCESS, Receive.Finish(Returned));
    EXPECT_EQ(0u, Receive.Information());
    EXPECT_EQ(0u, Flags);
    EXPECT_EQ(Peer.Port(), PortOf(From));
}

TEST_F(DatagramTest, TruncationIsFlagged)
{
    Datagram Udp(*Owner);
    peer::Udp Peer;
    std::string Got;
    ULONG Flags = 0;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    ASSERT_TRUE(Peer.SendTo(Udp.Port(), "0123456789"));
    EXPECT_STATUS(STATUS_SUCCESS, Udp.Receive(&Got, nullptr, &Flags, 4));
    EXPECT_EQ("0123", Got);
    EXPECT_EQ(static_cast<ULONG>(MSG_TRUNC), Flags);
    ASSERT_TRUE(Peer.SendTo(Udp.Port(), "abc"));
    EXPECT_STATUS(STATUS_SUCCESS, Udp.Receive(&Got, nullptr, &Flags, 4));
    EXPECT_EQ("abc", Got) << "the rest of a truncated datagram is gone";
    EXPECT_EQ(0u, Flags);
}

TEST_F(DatagramTest, FlagsNeedALengthVariable)
{
    Datagram Udp(*Owner);
    peer::Udp Peer;
    Request Receive;
    Buffer Payload(2);
    ULONG Flags = 4711;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    NTSTATUS Returned =
        Udp->WskReceiveFrom(Udp.Get(), Payload.Wsk(), 0, nullptr, nullptr, nullptr, &Flags, Receive.Irp());
    ASSERT_TRUE(Peer.SendTo(Udp.Port(), "long"));
    EXPECT_STATUS(STATUS_SUCCESS, Receive.Finish(Returned));
    EXPECT_EQ(4711u, Flags);
}

TEST_F(DatagramTest, MdlChainsAndOffsets)
{
    Datagram Udp(*Owner);
    peer::Udp Peer;
    SOCKADDR_INET To = V4(Peer.Port());
    std::string Sent = Pattern(3000), Got;
    Buffer Out(Sent, 7), In(3000, 5);
    Request Send, Receive;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    Out.Wsk()->Offset = 3;
    Out.Wsk()->Length = 2500;
    EXPECT_STATUS(STATUS_SUCCESS,
                  Send.Finish(Udp->WskSendTo(Udp.Get(), Out.Wsk(), 0, Raw(To), 0, nullptr, Send.Irp())));
    Got = Peer.ReceiveText();
    EXPECT_EQ(Sent.substr(3, 2500), Got);
    ASSERT_TRUE(Peer.SendTo(Udp.Port(), Got));
    In.Wsk()->Offset = 100;
    In.Wsk()->Length = 2900;
    EXPECT_STATUS(STATUS_SUCCESS, Receive.Finish(Udp->WskReceiveFrom(Udp.Get(), In.Wsk(), 0, nullptr, nullptr,
                                                                     nullptr, nullptr, Receive.Irp())));
    EXPECT_EQ(2500u, Receive.Information());
    EXPECT_EQ(Got, std::string(In.Memory() + 100, 2500));
}

TEST_F(DatagramTest, BadBuffersAreRefused)
{
    Datagram Udp(*Owner);
    SOCKADDR_INET To = V4(9);
    Buffer Payload("0123456789", 2);
    WSK_BUF Bad = *Payload.Wsk();
    Request Send;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    Bad.Length = 11;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Send.Finish(Udp->WskSendTo(Udp.Get(), &Bad, 0, Raw(To), 0, nullptr, Send.Irp())));
    Bad.Length = 1;
    Bad.Offset = 5; /* beyond the first MDL */
    Send.Arm();
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Send.Finish(Udp->WskSendTo(Udp.Get(), &Bad, 0, Raw(To), 0, nullptr, Send.Irp())));
    Send.Arm();
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Send.Finish(Udp->WskSendTo(Udp.Get(), nullptr, 0, Raw(To), 0, nullptr, Send.Irp())));
}

TEST_F(DatagramTest, UnboundUseIsInvalidState)
{
    Datagram Udp(*Owner);
    SOCKADDR_INET To = V4(9);
    std::string Got;
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Udp.SendTo("x", &To));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Udp.Receive(&Got));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE,
                  Udp.Ioctl(SIO_WSK_SET_REMOTE_ADDRESS, &To, sizeof(SOCKADDR_IN)));
}

TEST_F(DatagramTest, FlagsAndFamiliesAreChecked)
{
    Datagram Udp(*Owner);
    Request Call;
    Buffer Payload("x");
    SOCKADDR_INET To = V4(9), Wrong = V6(9);
    CMSGHDR Control = {sizeof(CMSGHDR), 0, 0};
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Udp.SendTo("x", &Wrong));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Call.Finish(Udp->WskSendTo(Udp.Get(), Payload.Wsk(), 1, Raw(To), 0, nullptr, Call.Irp())));
    Call.Arm();
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Call.Finish(Udp->WskSendTo(Udp.Get(), Payload.Wsk(), 0, Raw(To),
                                                                   sizeof(Control), &Control, Call.Irp())));
    Call.Arm();
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Call.Finish(Udp->WskReceiveFrom(Udp.Get(), Payload.Wsk(), 1, nullptr, nullptr, nullptr,
                                                  nullptr, Call.Irp())));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Udp.SendTo("x", nullptr)) << "there is no default destination";
}

TEST_F(DatagramTest, BroadcastNeedsItsOption)
{
    Datagram Udp(*Owner);
    SOCKADDR_INET To = V4(9, 0x7fffffff);
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0, INADDR_ANY)));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Udp.SendTo("x", &To));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SetOption(SOL_SOCKET, SO_BROADCAST, 1));
    EXPECT_STATUS(STATUS_SUCCESS, Udp.SendTo("x", &To));
}

TEST_F(DatagramTest, IpVersion6)
{
    Datagram Udp(*Owner, AF_INET6);
    peer::Udp Peer(6);
    SOCKADDR_INET To = V6(Peer.Port()), From = {};
    std::string Got;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V6(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SendTo("six", &To));
    EXPECT_EQ("six", Peer.ReceiveText());
    ASSERT_TRUE(Peer.SendTo(Udp.Port(), "back"));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Receive(&Got, &From));
    EXPECT_EQ("back", Got);
    EXPECT_EQ(AF_INET6, From.si_family);
    EXPECT_EQ(1, From.Ipv6.sin6_addr.s6_addr[15]);
}

TEST_F(DatagramTest, DualStackSeesMappedAddresses)
{
    Datagram Udp(*Owner, AF_INET6);
    peer::Udp Peer;
    SOCKADDR_INET To = Mapped(Peer.Port()), From = {};
    std::string Got;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SetOption(IPPROTO_IPV6, IPV6_V6ONLY, 0));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V6(0, false)));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SendTo("four", &To));
    EXPECT_EQ("four", Peer.ReceiveText());
    ASSERT_TRUE(Peer.SendTo(Udp.Port(), "back"));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Receive(&Got, &From));
    EXPECT_EQ(0, memcmp(&To, &From, sizeof(From)));
}

TEST_F(DatagramTest, Version6OnlyIsTheDefault)
{
    Datagram Udp(*Owner, AF_INET6);
    SOCKADDR_INET To = Mapped(9);
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V6(0, false)));
    EXPECT_FALSE(NT_SUCCESS(Udp.SendTo("x", &To)));
}

TEST_F(DatagramTest, FixedRemoteAddressSendsAndFilters)
{
    Datagram Udp(*Owner);
    peer::Udp Peer, Stranger;
    SOCKADDR_INET To = V4(Peer.Port()), Other = V4(Stranger.Port());
    std::string Got;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0, INADDR_ANY)));
    USHORT Port = Udp.Port();
    ASSERT_TRUE(Stranger.SendTo(Port, "before"));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Ioctl(SIO_WSK_SET_REMOTE_ADDRESS, &To, sizeof(SOCKADDR_IN)));
    EXPECT_STATUS(STATUS_SUCCESS, Udp.SendTo("default", nullptr));
    EXPECT_EQ("default", Peer.ReceiveText());
    EXPECT_STATUS(STATUS_SUCCESS, Udp.SendTo("explicit", &Other));
    EXPECT_EQ("explicit", Stranger.ReceiveText());
    ASSERT_TRUE(Stranger.SendTo(Port, "dropped"));
    ASSERT_TRUE(Peer.SendTo(Port, "kept"));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Receive(&Got));
    EXPECT_EQ("kept", Got);

    ASSERT_STATUS(STATUS_SUCCESS, Udp.Ioctl(SIO_WSK_SET_REMOTE_ADDRESS, nullptr, 0));
    EXPECT_EQ(Port, Udp.Port());
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Udp.SendTo("x", nullptr));
    ASSERT_TRUE(Stranger.SendTo(Port, "again")) << "the port was kept";
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Receive(&Got));
    EXPECT_EQ("again", Got);
}

TEST_F(DatagramTest, FixedRemoteAddressCanChange)
{
    Datagram Udp(*Owner);
    peer::Udp First, Second;
    SOCKADDR_INET A = V4(First.Port()), B = V4(Second.Port());
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Ioctl(SIO_WSK_SET_REMOTE_ADDRESS, &A, sizeof(SOCKADDR_IN)));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Ioctl(SIO_WSK_SET_REMOTE_ADDRESS, &B, sizeof(SOCKADDR_IN)));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SendTo("second", nullptr));
    EXPECT_EQ("second", Second.ReceiveText());
}

TEST_F(DatagramTest, SendtoAddressDoesNotFilter)
{
    Datagram Udp(*Owner);
    peer::Udp Peer, Stranger;
    SOCKADDR_INET To = V4(Peer.Port());
    std::string Got;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Ioctl(SIO_WSK_SET_SENDTO_ADDRESS, &To, sizeof(SOCKADDR_IN)));
    EXPECT_STATUS(STATUS_SUCCESS, Udp.SendTo("default", nullptr));
    EXPECT_EQ("default", Peer.ReceiveText());
    ASSERT_TRUE(Stranger.SendTo(Udp.Port(), "welcome"));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Receive(&Got));
    EXPECT_EQ("welcome", Got);
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Ioctl(SIO_WSK_SET_SENDTO_ADDRESS, nullptr, 0));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Udp.SendTo("x", nullptr));
}

TEST_F(DatagramTest, AddressIoctlsCheckTheirInput)
{
    Datagram Udp(*Owner), Six(*Owner, AF_INET6);
    SOCKADDR_INET To = V4(9);
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Six.Bind(V6(0)));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Udp.Ioctl(SIO_WSK_SET_REMOTE_ADDRESS, &To, 8));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Six.Ioctl(SIO_WSK_SET_REMOTE_ADDRESS, &To, sizeof(To)));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Udp.Ioctl(SIO_WSK_SET_SENDTO_ADDRESS, nullptr, 16));
}

TEST_F(DatagramTest, ClosedPortOfAFixedRemoteAddressIsReported)
{
    Datagram Udp(*Owner);
    peer::UnusedUdpPort Nobody;
    SOCKADDR_INET To = V4(Nobody.Port());
    std::string Got;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Ioctl(SIO_WSK_SET_REMOTE_ADDRESS, &To, sizeof(SOCKADDR_IN)));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SendTo("anyone?", nullptr));
    EXPECT_STATUS(STATUS_PORT_UNREACHABLE, Udp.Receive(&Got));
}

TEST_F(DatagramTest, ReceivesCompleteInTheOrderOfTheCalls)
{
    constexpr int Count = 50;
    Datagram Udp(*Owner);
    peer::Udp Peer;
    std::vector<std::unique_ptr<Request>> Requests;
    std::vector<std::unique_ptr<Buffer>> Buffers;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    for (int Index = 0; Index < Count; Index++) {
        Requests.push_back(std::make_unique<Request>());
        Buffers.push_back(std::make_unique<Buffer>(16));
        EXPECT_STATUS(STATUS_PENDING, Udp->WskReceiveFrom(Udp.Get(), Buffers[Index]->Wsk(), 0, nullptr,
                                                          nullptr, nullptr, nullptr, Requests[Index]->Irp()));
    }
    for (int Index = 0; Index < Count; Index++) {
        ASSERT_TRUE(Peer.SendTo(Udp.Port(), std::to_string(Index)));
    }
    for (int Index = 0; Index < Count; Index++) {
        EXPECT_STATUS(STATUS_SUCCESS, Requests[Index]->Wait());
        EXPECT_EQ(std::to_string(Index), Buffers[Index]->Text(Requests[Index]->Information()));
    }
}

TEST_F(DatagramTest, SendMessagesSendsEachDatagram)
{
    constexpr int Count = 150;
    Datagram Udp(*Owner);
    peer::Udp Peer;
    std::vector<std::unique_ptr<Buffer>> Buffers;
    std::vector<WSK_BUF_LIST> List(Count);
    SOCKADDR_INET To = V4(Peer.Port());
    SIZE_T Total = 0;
    Request Send;
    std::string Got;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    for (int Index = 0; Index < Count; Index++) {
        Buffers.push_back(std::make_unique<Buffer>(Pattern(Index), Index < 8 ? 1 : 1 + Index % 3));
        List[Index].Buffer = *Buffers[Index]->Wsk();
        List[Index].Next = Index + 1 < Count ? &List[Index + 1] : nullptr;
        Total += Index;
    }
    EXPECT_STATUS(STATUS_SUCCESS, Send.Finish(Udp->WskSendMessages(Udp.Get(), List.data(), 0, Raw(To), 0,
                                                                   nullptr, Send.Irp())));
    EXPECT_EQ(Total, Send.Information());
    for (int Index = 0; Index < Count; Index++) {
        ASSERT_EQ(Pattern(Index), Peer.ReceiveText());
    }
}

TEST_F(DatagramTest, SendMessagesReportsWhatIsTooLarge)
{
    Datagram Udp(*Owner);
    peer::Udp Peer;
    Buffer Small("small"), Large(70000);
    WSK_BUF_LIST Second = {nullptr, *Large.Wsk()};
    WSK_BUF_LIST First = {&Second, *Small.Wsk()};
    SOCKADDR_INET To = V4(Peer.Port());
    Request Send;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE,
                  Send.Finish(Udp->WskSendMessages(Udp.Get(), &First, 0, Raw(To), 0, nullptr, Send.Irp())));
    EXPECT_EQ(5u, Send.Information());
    Send.Arm();
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Send.Finish(Udp->WskSendMessages(Udp.Get(), nullptr, 0, Raw(To), 0, nullptr, Send.Irp())));
}

TEST_F(DatagramTest, ReleaseOfNothingIsInvalid)
{
    Datagram Udp(*Owner);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Udp->WskRelease(Udp.Get(), nullptr));
}

TEST_F(DatagramTest, CancelledReceive)
{
    Datagram Udp(*Owner);
    Request Receive;
    Buffer Payload(10);
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    NTSTATUS Returned =
        Udp->WskReceiveFrom(Udp.Get(), Payload.Wsk(), 0, nullptr, nullptr, nullptr, nullptr, Receive.Irp());
    EXPECT_STATUS(STATUS_PENDING, Returned);
    Receive.Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, Receive.Finish(Returned));
}

TEST_F(DatagramTest, AlreadyCancelledIrpDoesNotWait)
{
    Datagram Udp(*Owner);
    peer::Udp Peer;
    Request Receive;
    Buffer Payload(10);
    auto Call = [&] {
        Receive.Arm();
        Receive.Cancel();
        return Receive.Finish(Udp->WskReceiveFrom(Udp.Get(), Payload.Wsk(), 0, nullptr, nullptr, nullptr,
                                                  nullptr, Receive.Irp()));
    };
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    EXPECT_STATUS(STATUS_CANCELLED, Call());
    ASSERT_TRUE(Peer.SendTo(Udp.Port(), "there"));
    EXPECT_TRUE(Await([&] { return Call() == STATUS_SUCCESS; })) << "it need not wait";
}

} // namespace wsk
