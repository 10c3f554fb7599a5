/* SPDX-License-Identifier: Apache-2.0
 *
 * Ancillary data of datagram sockets, as Windows' control messages.
 */
#include "fixture.h"
#include "informed_peer.h"

#include <cstring>

namespace wsk {

class AncillaryDataTest : public ClientTest {};

/* Control messages as a client builds them. */
class Messages {
  public:
    template <typename T> Messages& Add(INT Level, INT Type, T Value)
    {
        CMSGHDR* Header = reinterpret_cast<CMSGHDR*>(Memory_ + Length_);
        Header->cmsg_len = WSA_CMSG_LEN(sizeof(Value));
        Header->cmsg_level = Level;
        Header->cmsg_type = Type;
        memcpy(WSA_CMSG_DATA(Header), &Value, sizeof(Value));
        Length_ += static_cast<ULONG>(WSA_CMSG_SPACE(sizeof(Value)));
        return *this;
    }
    PCMSGHDR First()
    {
        return reinterpret_cast<PCMSGHDR>(Memory_);
    }
    ULONG Length() const
    {
        return Length_;
    }

  private:
    alignas(CMSGHDR) UCHAR Memory_[512] = {};
    ULONG Length_ = 0;
};

static NTSTATUS Send(Datagram& Udp, const std::string& Data, SOCKADDR_INET To, PCMSGHDR Info, ULONG Length)
{
    Buffer Payload(Data);
    Request Call;
    return Call.Finish(Udp->WskSendTo(Udp.Get(), Payload.Wsk(), 0, Raw(To), Length, Info, Call.Irp()));
}

static NTSTATUS Send(Datagram& Udp, const std::string& Data, SOCKADDR_INET To, Messages& Info)
{
    return Send(Udp, Data, To, Info.First(), Info.Length());
}

/* A received datagram's messages: which, in order, and the numbers in them. */
struct Received {
    NTSTATUS Status = 0;
    std::string Text;
    ULONG Flags = 0;
    std::vector<std::pair<INT, INT>> Types;
    std::vector<ULONG> Numbers;
};

static Received Receive(Datagram& Udp, ULONG Room)
{
    alignas(CMSGHDR) UCHAR Memory[512];
    Buffer Payload(100);
    Request Call;
    Received Result;
    ULONG Length = Room;
    Result.Status =
        Call.Finish(Udp->WskReceiveFrom(Udp.Get(), Payload.Wsk(), 0, nullptr, &Length,
                                        reinterpret_cast<PCMSGHDR>(Memory), &Result.Flags, Call.Irp()));
    Result.Text = Payload.Text(Call.Information());
    EXPECT_LE(Length, Room);
    WSAMSG Message = {};
    Message.Control.buf = reinterpret_cast<CHAR*>(Memory);
    Message.Control.len = Length;
    for (auto* Header = WSA_CMSG_FIRSTHDR(&Message); Header != nullptr;
         Header = WSA_CMSG_NXTHDR(&Message, Header)) {
        ULONG Number;
        memcpy(&Number, WSA_CMSG_DATA(Header), sizeof(Number));
        Result.Types.emplace_back(Header->cmsg_level, Header->cmsg_type);
        Result.Numbers.push_back(Number);
    }
    return Result;
}

TEST_F(AncillaryDataTest, MessagesOfTheDestinationsVersionAreSent)
{
    Datagram Four(*Owner), Six(*Owner, AF_INET6);
    peer::InformedUdp PeerFour, PeerSix(6);
    peer::Seen Seen;
    Messages OfFour, OfSix;
    OfFour.Add(IPPROTO_IP, IP_TOS, INT{0x18}).Add(IPPROTO_IP, IP_TTL, INT{9});
    OfSix.Add(IPPROTO_IPV6, IPV6_TCLASS, INT{0x18}).Add(IPPROTO_IPV6, IPV6_HOPLIMIT, INT{9});
    ASSERT_STATUS(STATUS_SUCCESS, Six.SetOption(IPPROTO_IPV6, IPV6_V6ONLY, 0));
    ASSERT_STATUS(STATUS_SUCCESS, Four.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Six.Bind(V6(0, false)));
    EXPECT_STATUS(STATUS_SUCCESS, Send(Four, "four", V4(PeerFour.Port()), OfFour));
    EXPECT_EQ("four", PeerFour.Receive(&Seen));
    EXPECT_EQ(0x18, Seen.traffic_class);
    EXPECT_EQ(9, Seen.hop_limit);
    EXPECT_STATUS(STATUS_SUCCESS, Send(Six, "mapped", Mapped(PeerFour.Port()), OfFour));
    EXPECT_EQ("mapped", PeerFour.Receive(&Seen));
    EXPECT_EQ(0x18, Seen.traffic_class);
    EXPECT_STATUS(STATUS_SUCCESS, Send(Six, "six", V6(PeerSix.Port()), OfSix));
    EXPECT_EQ("six", PeerSix.Receive(&Seen));
    EXPECT_EQ(0x18, Seen.traffic_class);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Send(Four, "x", V4(PeerFour.Port()), OfSix));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Send(Six, "x", Mapped(PeerFour.Port()), OfSix));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Send(Six, "x", V6(PeerSix.Port()), OfFour));
}

TEST_F(AncillaryDataTest, WhatIsNoMessageIsRefused)
{
    Datagram Udp(*Owner);
    peer::InformedUdp Peer;
    SOCKADDR_INET To = V4(Peer.Port());
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    for (SIZE_T Length :
         {SIZE_T{0}, SIZE_T{15}, SIZE_T{16}, SIZE_T{19}, SIZE_T{21}, SIZE_T{25}, ~SIZE_T{0}}) {
        Messages Info;
        Info.Add(IPPROTO_IP, IP_TOS, INT{1});
        Info.First()->cmsg_len = Length;
        EXPECT_STATUS(STATUS_INVALID_PARAMETER, Send(Udp, "x", To, Info)) << Length;
    }
    Messages Right;
    Right.Add(IPPROTO_IP, IP_TOS, INT{1});
    for (ULONG Length = 1; Length < sizeof(CMSGHDR) + sizeof(INT); Length++) {
        EXPECT_STATUS(STATUS_INVALID_PARAMETER, Send(Udp, "x", To, Right.First(), Length)) << Length;
    }
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Send(Udp, "x", To, nullptr, 24));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Send(Udp, "x", To, Right.First(), 1 << 20));
    Messages Unknown, Large, Zero, Segment;
    Unknown.Add(IPPROTO_IP, 99, INT{1});
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Send(Udp, "x", To, Unknown));
    Large.Add(IPPROTO_IP, IP_TOS, INT{256});
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Send(Udp, "x", To, Large));
    Zero.Add(IPPROTO_IP, IP_TTL, INT{0});
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Send(Udp, "x", To, Zero));
    Segment.Add(IPPROTO_UDP, UDP_SEND_MSG_SIZE, ULONG{65536});
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Send(Udp, "x", To, Segment));
    /* Without the padding after the last one. */
    EXPECT_STATUS(STATUS_SUCCESS, Send(Udp, "x", To, Right.First(), sizeof(CMSGHDR) + sizeof(INT)));
    peer::Seen Seen;
    EXPECT_EQ("x", Peer.Receive(&Seen));
}

TEST_F(AncillaryDataTest, MessagesHaveTheTypesOfWindows)
{
    Datagram Four(*Owner), Six(*Owner, AF_INET6);
    peer::InformedUdp PeerFour, PeerSix(6);
    for (ULONG Option : {IP_PKTINFO, IP_RECVTOS, IP_RECVECN, IP_RECVTTL}) {
        ASSERT_STATUS(STATUS_SUCCESS, Four.SetOption(IPPROTO_IP, Option, 1));
    }
    for (ULONG Option : {IPV6_PKTINFO, IPV6_RECVTCLASS, IPV6_RECVECN, IPV6_HOPLIMIT}) {
        ASSERT_STATUS(STATUS_SUCCESS, Six.SetOption(IPPROTO_IPV6, Option, 1));
    }
    ASSERT_STATUS(STATUS_SUCCESS, Four.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Six.Bind(V6(0)));
    ASSERT_TRUE(PeerFour.SendTo(peer::Loopback(4, Four.Port()), "four", {0x1E, 5}));
    ASSERT_TRUE(PeerSix.SendTo(peer::Loopback(6, Six.Port()), "six", {0x1E, 5}));
    Received OfFour = Receive(Four, 512), OfSix = Receive(Six, 512);
    const std::vector<std::pair<INT, INT>> TypesOfFour = {
        {IPPROTO_IP, IP_PKTINFO}, {IPPROTO_IP, IP_TOS}, {IPPROTO_IP, IP_ECN}, {IPPROTO_IP, IP_TTL}};
    const std::vector<std::pair<INT, INT>> TypesOfSix = {{IPPROTO_IPV6, IPV6_PKTINFO},
                                                         {IPPROTO_IPV6, IPV6_TCLASS},
                                                         {IPPROTO_IPV6, IPV6_ECN},
                                                         {IPPROTO_IPV6, IPV6_HOPLIMIT}};
    EXPECT_EQ("four", OfFour.Text);
    EXPECT_EQ(TypesOfFour, OfFour.Types);
    EXPECT_EQ(std::vector<ULONG>({0x1E, 2, 5}),
              std::vector<ULONG>(OfFour.Numbers.begin() + 1, OfFour.Numbers.end()));
    EXPECT_EQ("six", OfSix.Text);
    EXPECT_EQ(TypesOfSix, OfSix.Types);
    EXPECT_EQ(std::vector<ULONG>({0x1E, 2, 5}),
              std::vector<ULONG>(OfSix.Numbers.begin() + 1, OfSix.Numbers.end()));
}

/* Whole messages, as many as fit, and the flag. */
TEST_F(AncillaryDataTest, WhatDoesNotFitIsFlagged)
{
    constexpr ULONG Space = WSA_CMSG_SPACE(sizeof(INT));
    Datagram Udp(*Owner);
    peer::InformedUdp Peer;
    for (ULONG Option : {IP_RECVTOS, IP_RECVECN, IP_RECVTTL}) {
        ASSERT_STATUS(STATUS_SUCCESS, Udp.SetOption(IPPROTO_IP, Option, 1));
    }
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    for (ULONG Room = 0; Room <= 3 * Space; Room++) {
        ASSERT_TRUE(Peer.SendTo(peer::Loopback(4, Udp.Port()), "x"));
        Received Result = Receive(Udp, Room);
        EXPECT_STATUS(STATUS_SUCCESS, Result.Status);
        EXPECT_EQ("x", Result.Text);
        EXPECT_EQ(Room / Space, Result.Types.size());
        EXPECT_EQ(Room < 3 * Space ? MSG_CTRUNC : 0u, Result.Flags) << Room;
    }
    std::string Text;
    ULONG Flags = 0;
    ASSERT_TRUE(Peer.SendTo(peer::Loopback(4, Udp.Port()), "y"));
    EXPECT_STATUS(STATUS_SUCCESS, Udp.Receive(&Text, nullptr, &Flags));
    EXPECT_EQ(static_cast<ULONG>(MSG_CTRUNC), Flags) << "no buffer at all";
}

TEST_F(AncillaryDataTest, OptionsBelongToDatagramSocketsOfTheVersion)
{
    Datagram Four(*Owner), Six(*Owner, AF_INET6);
    Connection Tcp(*Owner);
    ULONG Value;
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Four.SetOption(IPPROTO_IPV6, IPV6_PKTINFO, 1));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Tcp.SetOption(IPPROTO_IP, IP_PKTINFO, 1));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Tcp.SetOption(IPPROTO_UDP, UDP_SEND_MSG_SIZE, 1));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Six.SetOption(IPPROTO_IP, IP_PKTINFO, 1));
    ASSERT_STATUS(STATUS_SUCCESS, Six.SetOption(IPPROTO_IPV6, IPV6_V6ONLY, 0));
    EXPECT_STATUS(STATUS_SUCCESS, Six.SetOption(IPPROTO_IP, IP_PKTINFO, 1));
    EXPECT_STATUS(STATUS_SUCCESS, Six.GetOption(IPPROTO_IP, IP_PKTINFO, &Value));
    EXPECT_EQ(1u, Value);
    EXPECT_STATUS(STATUS_SUCCESS, Six.GetOption(IPPROTO_IPV6, IPV6_PKTINFO, &Value));
    EXPECT_EQ(0u, Value);
    EXPECT_STATUS(STATUS_SUCCESS, Six.GetOption(IPPROTO_IPV6, IPV6_TCLASS, &Value));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Six.SetOption(IPPROTO_IPV6, IPV6_TCLASS, 1));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Four.SetOption(IPPROTO_UDP, UDP_SEND_MSG_SIZE, 65536));
}

/* TOS and ECN are one byte for the system; turning one off leaves the other on. */
TEST_F(AncillaryDataTest, ClassAndEcnAreSwitchedApart)
{
    Datagram Udp(*Owner);
    peer::InformedUdp Peer;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    auto Types = [&] {
        EXPECT_TRUE(Peer.SendTo(peer::Loopback(4, Udp.Port()), "x"));
        return Receive(Udp, 512).Types.size();
    };
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SetOption(IPPROTO_IP, IP_RECVTOS, 1));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SetOption(IPPROTO_IP, IP_RECVECN, 1));
    EXPECT_EQ(2u, Types());
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SetOption(IPPROTO_IP, IP_RECVTOS, 0));
    EXPECT_EQ(1u, Types());
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SetOption(IPPROTO_IP, IP_RECVECN, 0));
    EXPECT_EQ(0u, Types());
}

/* The option is for sends that say nothing else; a message with size 0 turns it off for one send. */
TEST_F(AncillaryDataTest, ASocketCanHaveASegmentSize)
{
    Datagram Udp(*Owner);
    peer::InformedUdp Peer;
    SOCKADDR_INET To = V4(Peer.Port());
    peer::Seen Seen;
    Messages Off, Other;
    ULONG Value = 0;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.SetOption(IPPROTO_UDP, UDP_SEND_MSG_SIZE, 2));
    ASSERT_STATUS(STATUS_SUCCESS, Udp.GetOption(IPPROTO_UDP, UDP_SEND_MSG_SIZE, &Value));
    EXPECT_EQ(2u, Value);
    EXPECT_STATUS(STATUS_SUCCESS, Udp.SendTo("abc", &To));
    EXPECT_EQ("ab", Peer.Receive(&Seen));
    EXPECT_EQ("c", Peer.Receive(&Seen));
    Off.Add(IPPROTO_UDP, UDP_SEND_MSG_SIZE, ULONG{0});
    EXPECT_STATUS(STATUS_SUCCESS, Send(Udp, "abc", To, Off));
    EXPECT_EQ("abc", Peer.Receive(&Seen));
    Other.Add(IPPROTO_UDP, UDP_SEND_MSG_SIZE, ULONG{1});
    EXPECT_STATUS(STATUS_SUCCESS, Send(Udp, "ab", To, Other));
    EXPECT_EQ("a", Peer.Receive(&Seen));
    EXPECT_EQ("b", Peer.Receive(&Seen));
}

} // namespace wsk
