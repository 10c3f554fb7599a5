/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagrams of the Winsock backend: sending and receiving, in one or more pieces, one by one or many.
 */
#include "support.h"

#include <vector>

namespace wsk {

class BackendDatagramTest : public BackendTest {};

TEST_F(BackendDatagramTest, BothWaysIPv4)
{
    Watcher Udp(BackendDatagram);
    peer::Udp Far;
    peer::Address Sender;
    BACKEND_ADDRESS From = {};
    std::string Got;
    ASSERT_EQ(0, Udp.Bind());
    Udp.Watch();
    EXPECT_EQ(0, Udp.SendTo("ping", Far.Port()));
    EXPECT_EQ("ping", Far.ReceiveText(&Sender));
    EXPECT_EQ(Udp.Port(), Sender.port);
    EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));
    EXPECT_TRUE(Far.SendTo(Sender.port, "pong"));
    ASSERT_TRUE(Udp.Await(BACKEND_READABLE));
    EXPECT_EQ(0, Udp.ReceiveFrom(&Got, 100, &From));
    EXPECT_EQ("pong", Got);
    EXPECT_EQ(BACKEND_IPV4, From.Family);
    EXPECT_EQ(Far.Port(), ntohs(From.Port));
    EXPECT_EQ(127, From.Bytes[0]);
}

TEST_F(BackendDatagramTest, BothWaysIPv6)
{
    Watcher Udp(BackendDatagram, BACKEND_IPV6);
    peer::Udp Far(6);
    BACKEND_ADDRESS From = {};
    uint32_t Value = 0;
    std::string Got;
    EXPECT_EQ(0, BackendGetOption(Udp.Get(), BackendV6Only, &Value));
    EXPECT_EQ(1u, Value);
    ASSERT_EQ(0, Udp.Bind());
    Udp.Watch();
    EXPECT_EQ(0, Udp.SendTo("ping", Far.Port()));
    EXPECT_EQ("ping", Far.ReceiveText());
    EXPECT_TRUE(Far.SendTo(Udp.Port(), "pong"));
    EXPECT_EQ(0, Udp.ReceiveFromFully(&Got, 100, &From));
    EXPECT_EQ("pong", Got);
    EXPECT_EQ(BACKEND_IPV6, From.Family);
    EXPECT_EQ(1, From.Bytes[15]);
    EXPECT_EQ(Far.Port(), ntohs(From.Port));
}

TEST_F(BackendDatagramTest, DualStackWhenAsked)
{
    Watcher Udp(BackendDatagram, BACKEND_IPV6);
    peer::Udp Far;
    BACKEND_ADDRESS Any = {}, From = {};
    std::string Got;
    Any.Family = BACKEND_IPV6;
    ASSERT_EQ(0, BackendSetOption(Udp.Get(), BackendV6Only, 0));
    ASSERT_EQ(0, BackendBind(Udp.Get(), &Any));
    Udp.Watch();
    EXPECT_TRUE(Far.SendTo(Udp.Port(), "four"));
    EXPECT_EQ(0, Udp.ReceiveFromFully(&Got, 100, &From));
    EXPECT_EQ("four", Got);
    EXPECT_EQ(0xff, From.Bytes[11]);
    EXPECT_EQ(127, From.Bytes[12]);
}

TEST_F(BackendDatagramTest, TruncationAndZeroLength)
{
    Watcher Udp(BackendDatagram);
    peer::Udp Far, Other;
    BACKEND_ADDRESS From = {};
    bool Truncated = false;
    std::string Got;
    BACKEND_MESSAGE Nothing = MessageOf(nullptr, 0, &From);
    ASSERT_EQ(0, Udp.Bind());
    Udp.Watch();
    for (const char* Text : {"abcdef", "abc", "", "uvw"}) {
        EXPECT_TRUE(Far.SendTo(Udp.Port(), Text));
    }
    EXPECT_EQ(0, Udp.ReceiveFromFully(&Got, 3, &From, &Truncated));
    EXPECT_EQ("abc", Got);
    EXPECT_TRUE(Truncated);
    EXPECT_EQ(Far.Port(), ntohs(From.Port));
    EXPECT_EQ(0, Udp.ReceiveFromFully(&Got, 3, &From, &Truncated));
    EXPECT_EQ("abc", Got);
    EXPECT_FALSE(Truncated);
    EXPECT_EQ(0, Udp.ReceiveFromFully(&Got, 3, &From, &Truncated));
    EXPECT_EQ("", Got);
    EXPECT_FALSE(Truncated);
    EXPECT_EQ(Far.Port(), ntohs(From.Port));
    EXPECT_EQ(0, Udp.Until(BACKEND_READABLE, [&] { return BackendReceive(Udp.Get(), &Nothing); }));
    EXPECT_EQ(0u, Nothing.Moved);
    EXPECT_EQ(BACKEND_TRUNCATED, Nothing.Flags);
    EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));
    EXPECT_EQ(0, Udp.SendTo("", Other.Port()));
    EXPECT_EQ("", Other.ReceiveText());
}

TEST_F(BackendDatagramTest, SegmentsAreGatheredAndScattered)
{
    Watcher Udp(BackendDatagram);
    peer::Udp Far;
    char A[] = "one", B[] = "", C[] = "two";
    BACKEND_SEGMENT Parts[] = {{A, 3}, {B, 0}, {C, 3}};
    BACKEND_ADDRESS To = Udp.Loopback(Far.Port()), From = {};
    BACKEND_MESSAGE Message = MessageOf(Parts, 3, &To);
    ASSERT_EQ(0, Udp.Bind());
    Udp.Watch();
    EXPECT_EQ(0, Udp.Send(&Message));
    EXPECT_EQ(6u, Message.Moved);
    EXPECT_EQ("onetwo", Far.ReceiveText());
    EXPECT_TRUE(Far.SendTo(Udp.Port(), "12345"));
    Message = MessageOf(Parts, 3, &From);
    Message.Flags = BACKEND_TRUNCATED;
    EXPECT_EQ(0, Udp.Until(BACKEND_READABLE, [&] { return BackendReceive(Udp.Get(), &Message); }));
    EXPECT_EQ(5u, Message.Moved);
    EXPECT_EQ(0u, Message.Flags);
    EXPECT_STREQ("123", A);
    EXPECT_STREQ("45o", C);
}

TEST_F(BackendDatagramTest, MessageBatches)
{
    Watcher Udp(BackendDatagram);
    peer::Udp Far;
    std::vector<std::string> Texts;
    std::vector<BACKEND_SEGMENT> Segments(100);
    std::vector<BACKEND_MESSAGE> Messages(100);
    BACKEND_ADDRESS To = Udp.Loopback(Far.Port());
    uint32_t Sent = 0;
    ASSERT_EQ(0, Udp.Bind());
    for (size_t Index = 0; Index < 100; Index++) {
        Texts.push_back("message " + std::to_string(Index));
    }
    for (size_t Index = 0; Index < 100; Index++) {
        Segments[Index] = {&Texts[Index][0], Texts[Index].size()};
        Messages[Index] = MessageOf(&Segments[Index], 1, &To);
    }
    EXPECT_EQ(0, BackendSend(Udp.Get(), Messages.data(), 100, &Sent));
    EXPECT_EQ(100u, Sent);
    for (const std::string& Text : Texts) {
        EXPECT_EQ(Text, Far.ReceiveText());
    }
    Segments[3].Length = 70000;
    std::string Big(70000, 'x');
    Segments[3].Base = &Big[0];
    EXPECT_EQ(WSAEMSGSIZE, BackendSend(Udp.Get(), Messages.data(), 100, &Sent));
    EXPECT_EQ(3u, Sent) << "those before the one that is too long";
}

TEST_F(BackendDatagramTest, SendErrors)
{
    Watcher Udp(BackendDatagram);
    std::string Big(70000, 'x');
    BACKEND_SEGMENT Segment = {&Big[0], 4};
    BACKEND_ADDRESS Everybody = {};
    BACKEND_MESSAGE Message = MessageOf(&Segment, 1, &Everybody);
    Everybody.Family = BACKEND_IPV4;
    Everybody.Port = htons(9);
    memset(Everybody.Bytes, 255, 4);
    ASSERT_EQ(0, Udp.Bind());
    EXPECT_EQ(WSAEMSGSIZE, Udp.SendTo(Big, 9));
    EXPECT_EQ(WSAEACCES, Udp.Send(&Message));
    Message = MessageOf(&Segment, 1, &Everybody);
    EXPECT_NE(0, Udp.SendTo("x", 0)) << "no address";
}

} // namespace wsk
