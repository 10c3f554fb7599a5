/* SPDX-License-Identifier: Apache-2.0
 *
 * Control information of datagrams, both ways, with an ordinary socket on the other end that uses recvmsg and
 * sendmsg.
 */
#include "support.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "informed_peer.h"

namespace {

/* 'CksW' as a number. */
constexpr ULONG kControlTag = 'C' << 24 | 'k' << 16 | 's' << 8 | 'W';

/* SEND_TO's input with control information. */
struct Input {
    WSKB_SEND_TO send;
    WSKB_CONTROL_INFO control;

    Input(const WSKB_SOCKADDR& to, ULONG present) : send{sizeof send, WSKB_SEND_TO_CONTROL, 0, to}, control{}
    {
        control.Size = sizeof control;
        control.Present = present;
    }
    NTSTATUS Send(const File& file, const std::string& data, ULONG_PTR* sent = nullptr) const
    {
        std::vector<uint8_t> copy(data.begin(), data.end());
        return file.Control(IOCTL_WSKB_SEND_TO, this, sizeof *this, copy.data(), (ULONG)copy.size(), sent);
    }
};

/* A RECEIVE_FROM that asks for control information. */
class Informed : public Request {
  public:
    explicit Informed(ULONG payload = 65536)
        : buffer_(sizeof(WSKB_DATAGRAM) + sizeof(WSKB_CONTROL_INFO) + payload, 0xEE)
    {
    }
    NTSTATUS Start(HANDLE file)
    {
        WSKB_TRANSFER in = {sizeof in, WSKB_RECEIVE_FROM_CONTROL, 0};
        return Request::Start(file, IOCTL_WSKB_RECEIVE_FROM, &in, sizeof in, buffer_.data(),
                              (ULONG)buffer_.size());
    }
    WSKB_DATAGRAM Prefix() const
    {
        WSKB_DATAGRAM prefix;
        memcpy(&prefix, buffer_.data(), sizeof prefix);
        return prefix;
    }
    WSKB_CONTROL_INFO Control() const
    {
        WSKB_CONTROL_INFO control;
        memcpy(&control, buffer_.data() + sizeof(WSKB_DATAGRAM), sizeof control);
        EXPECT_EQ(sizeof control, control.Size);
        return control;
    }
    std::string Text() const
    {
        size_t offset = sizeof(WSKB_DATAGRAM) + sizeof(WSKB_CONTROL_INFO);
        EXPECT_EQ(Prefix().Length, Information() - offset);
        return std::string(reinterpret_cast<const char*>(buffer_.data()) + offset, Prefix().Length);
    }

  private:
    std::vector<uint8_t> buffer_;
};

struct Setup {
    ULONG option;
    ULONG value = 1;
};

/* A datagram socket at the wildcard address, with options. */
File Bound(USHORT family, const std::vector<Setup>& options = {})
{
    File file;
    EXPECT_STATUS(STATUS_SUCCESS, file.Create(WSKB_CATEGORY_DATAGRAM, family));
    for (const Setup& setup : options) {
        EXPECT_STATUS(STATUS_SUCCESS, file.SetOption(setup.option, setup.value)) << setup.option;
    }
    EXPECT_STATUS(STATUS_SUCCESS, file.Bind(Wildcard(family)));
    return file;
}

const std::vector<Setup> kEverything = {{WSKB_OPTION_RECEIVE_PACKET_INFO},
                                        {WSKB_OPTION_RECEIVE_TRAFFIC_CLASS},
                                        {WSKB_OPTION_RECEIVE_ECN},
                                        {WSKB_OPTION_RECEIVE_HOP_LIMIT}};

const std::vector<Setup> kEverythingDual = {
    {WSKB_OPTION_IPV6_ONLY, 0},          {WSKB_OPTION_RECEIVE_PACKET_INFO},
    {WSKB_OPTION_RECEIVE_TRAFFIC_CLASS}, {WSKB_OPTION_RECEIVE_ECN},
    {WSKB_OPTION_RECEIVE_HOP_LIMIT},     {WSKB_OPTION_RECEIVE_PACKET_INFO_V4},
    {WSKB_OPTION_RECEIVE_ECN_V4},        {WSKB_OPTION_RECEIVE_TRAFFIC_CLASS_V4},
    {WSKB_OPTION_RECEIVE_HOP_LIMIT_V4}};

constexpr ULONG kAll =
    WSKB_CONTROL_PACKET_INFO | WSKB_CONTROL_TRAFFIC_CLASS | WSKB_CONTROL_ECN | WSKB_CONTROL_HOP_LIMIT;

WSKB_SOCKADDR V4(UCHAR last, USHORT port = 0)
{
    WSKB_SOCKADDR address = Loopback(WSKB_AF_INET, port);
    address.V4.Address[3] = last;
    return address;
}

WSKB_SOCKADDR Mapped4(UCHAR last)
{
    WSKB_SOCKADDR address = MappedLoopback(0);
    address.V6.Address[15] = last;
    return address;
}

bool Same(const WSKB_SOCKADDR& a, const WSKB_SOCKADDR& b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

std::string Text(size_t length, uint32_t seed = 1)
{
    std::vector<uint8_t> bytes = Pattern(length, seed);
    return std::string(bytes.begin(), bytes.end());
}

/* The text, split after every size bytes, must be what arrives. */
void ExpectSegments(peer::InformedUdp* other, const std::string& text, size_t size)
{
    peer::Seen seen;
    for (size_t offset = 0; offset < text.size(); offset += size) {
        ASSERT_EQ(text.substr(offset, size), other->Receive(&seen)) << offset;
    }
}

} // namespace

class AncillaryTest : public DriverTest {};

/* ---- sending ----------------------------------------------------------------------------------------- */

TEST_F(AncillaryTest, SourceClassAndHopLimitGoOut)
{
    peer::InformedUdp other;
    File file = Bound(WSKB_AF_INET);
    Input input(V4(1, other.Port()),
                WSKB_CONTROL_PACKET_INFO | WSKB_CONTROL_TRAFFIC_CLASS | WSKB_CONTROL_HOP_LIMIT);
    input.control.LocalAddress = V4(2);
    input.control.Interface = peer::LoopbackInterface();
    input.control.TrafficClass = 0xB9;
    input.control.HopLimit = 77;
    ULONG_PTR sent = 0;
    ASSERT_STATUS(STATUS_SUCCESS, input.Send(file, "four", &sent));
    peer::Seen seen;
    peer::Address from;
    EXPECT_EQ(4u, sent);
    EXPECT_EQ("four", other.Receive(&seen, &from));
    EXPECT_EQ(0xB9, seen.traffic_class);
    EXPECT_EQ(77, seen.hop_limit);
    EXPECT_EQ(2, from.bytes[3]);
    EXPECT_EQ(file.Port(), from.port);
    /* The next datagram is an ordinary one again. */
    ASSERT_STATUS(STATUS_SUCCESS, file.SendTo(V4(1, other.Port()), "plain"));
    EXPECT_EQ("plain", other.Receive(&seen, &from));
    EXPECT_EQ(0, seen.traffic_class);
    EXPECT_EQ(64, seen.hop_limit);
    EXPECT_EQ(1, from.bytes[3]);
}

TEST_F(AncillaryTest, TheSameWithIpVersion6)
{
    peer::InformedUdp other(6);
    File file = Bound(WSKB_AF_INET6);
    Input input(Loopback(WSKB_AF_INET6, other.Port()),
                WSKB_CONTROL_PACKET_INFO | WSKB_CONTROL_TRAFFIC_CLASS | WSKB_CONTROL_HOP_LIMIT);
    input.control.LocalAddress = Loopback(WSKB_AF_INET6, 0);
    input.control.TrafficClass = 0x2E;
    input.control.HopLimit = 255;
    ASSERT_STATUS(STATUS_SUCCESS, input.Send(file, "six"));
    peer::Seen seen;
    EXPECT_EQ("six", other.Receive(&seen));
    EXPECT_EQ(0x2E, seen.traffic_class);
    EXPECT_EQ(255, seen.hop_limit);
}

TEST_F(AncillaryTest, EcnAloneAndAsPartOfTheClass)
{
    peer::InformedUdp other;
    File file = Bound(WSKB_AF_INET);
    peer::Seen seen;
    for (ULONG ecn = 0; ecn <= 3; ecn++) {
        Input alone(V4(1, other.Port()), WSKB_CONTROL_ECN);
        alone.control.Ecn = ecn;
        ASSERT_STATUS(STATUS_SUCCESS, alone.Send(file, "alone"));
        EXPECT_EQ("alone", other.Receive(&seen));
        EXPECT_EQ((int)ecn, seen.traffic_class);
        Input both(V4(1, other.Port()), WSKB_CONTROL_ECN | WSKB_CONTROL_TRAFFIC_CLASS);
        both.control.Ecn = ecn;
        both.control.TrafficClass = 0xFF;
        ASSERT_STATUS(STATUS_SUCCESS, both.Send(file, "both"));
        EXPECT_EQ("both", other.Receive(&seen));
        EXPECT_EQ((int)(0xFC | ecn), seen.traffic_class);
    }
}

/* WSK wants messages of IPv4's level for IPv4 datagrams. */
TEST_F(AncillaryTest, ADualStackSocketSendsBothVersions)
{
    peer::InformedUdp four, six(6);
    File file = Bound(WSKB_AF_INET6, {{WSKB_OPTION_IPV6_ONLY, 0}});
    peer::Seen seen;
    peer::Address from;
    Input input(MappedLoopback(four.Port()),
                WSKB_CONTROL_PACKET_INFO | WSKB_CONTROL_TRAFFIC_CLASS | WSKB_CONTROL_HOP_LIMIT);
    input.control.LocalAddress = Mapped4(2);
    input.control.TrafficClass = 0x88;
    input.control.HopLimit = 3;
    ASSERT_STATUS(STATUS_SUCCESS, input.Send(file, "four"));
    EXPECT_EQ("four", four.Receive(&seen, &from));
    EXPECT_EQ(0x88, seen.traffic_class);
    EXPECT_EQ(3, seen.hop_limit);
    EXPECT_EQ(2, from.bytes[3]);
    EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, [&] {
        Input wrong = input;
        wrong.control.LocalAddress = Loopback(WSKB_AF_INET6, 0);
        return wrong.Send(file, "x");
    }());
    input.send.RemoteAddress = Loopback(WSKB_AF_INET6, six.Port());
    EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, input.Send(file, "x"));
    input.control.LocalAddress = Loopback(WSKB_AF_INET6, 0);
    ASSERT_STATUS(STATUS_SUCCESS, input.Send(file, "six"));
    EXPECT_EQ("six", six.Receive(&seen));
    EXPECT_EQ(0x88, seen.traffic_class);
}

TEST_F(AncillaryTest, TheVersionOfAFixedAddressCounts)
{
    peer::InformedUdp four, six(6);
    for (ULONG code : {IOCTL_WSKB_SET_REMOTE_ADDRESS, IOCTL_WSKB_SET_SENDTO_ADDRESS}) {
        File file = Bound(WSKB_AF_INET6, {{WSKB_OPTION_IPV6_ONLY, 0}});
        Input input(Unspecified(), WSKB_CONTROL_TRAFFIC_CLASS);
        peer::Seen seen;
        input.control.TrafficClass = 0x10;
        EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, input.Send(file, "x"));
        for (int round = 0; round < 2; round++) {
            ASSERT_STATUS(STATUS_SUCCESS, file.SetAddress(code, MappedLoopback(four.Port())));
            ASSERT_STATUS(STATUS_SUCCESS, input.Send(file, "four"));
            EXPECT_EQ("four", four.Receive(&seen));
            EXPECT_EQ(0x10, seen.traffic_class);
            ASSERT_STATUS(STATUS_SUCCESS, file.SetAddress(code, Loopback(WSKB_AF_INET6, six.Port())));
            ASSERT_STATUS(STATUS_SUCCESS, input.Send(file, "six"));
            EXPECT_EQ("six", six.Receive(&seen));
            EXPECT_EQ(0x10, seen.traffic_class);
        }
    }
}

TEST_F(AncillaryTest, BadInputIsRefusedAndNothingIsSent)
{
    peer::InformedUdp other;
    File file = Bound(WSKB_AF_INET);
    const WSKB_SOCKADDR to = V4(1, other.Port());
    auto expect = [&](NTSTATUS status, ULONG present, const std::function<void(Input*)>& change) {
        Input input(to, present);
        input.control.HopLimit = 1;
        change(&input);
        EXPECT_STATUS(status, input.Send(file, "x")) << present;
    };
    for (ULONG value : {256u, 0x80000000u, 0xFFFFFFFFu}) {
        expect(STATUS_INVALID_PARAMETER, WSKB_CONTROL_TRAFFIC_CLASS,
               [&](Input* input) { input->control.TrafficClass = value; });
        expect(STATUS_INVALID_PARAMETER, WSKB_CONTROL_HOP_LIMIT,
               [&](Input* input) { input->control.HopLimit = value; });
    }
    expect(STATUS_INVALID_PARAMETER, WSKB_CONTROL_HOP_LIMIT,
           [](Input* input) { input->control.HopLimit = 0; });
    for (ULONG value : {4u, 0xFFFFFFFFu}) {
        expect(STATUS_INVALID_PARAMETER, WSKB_CONTROL_ECN, [&](Input* input) { input->control.Ecn = value; });
    }
    for (ULONG value : {65528u, 65536u, 0xFFFFFFFFu}) {
        expect(STATUS_INVALID_PARAMETER, WSKB_CONTROL_SEGMENT_SIZE,
               [&](Input* input) { input->control.SegmentSize = value; });
    }
    for (ULONG bit = 1; bit != 0; bit <<= 1) {
        if (!(bit & (kAll | WSKB_CONTROL_SEGMENT_SIZE))) {
            expect(STATUS_INVALID_PARAMETER, bit, [](Input*) {});
        }
    }
    for (ULONG family : {1u, (ULONG)WSKB_AF_INET6, 0xFFFFu}) {
        expect(STATUS_INVALID_ADDRESS_COMPONENT, WSKB_CONTROL_PACKET_INFO,
               [&](Input* input) { input->control.LocalAddress.Family = (USHORT)family; });
    }
    expect(STATUS_INVALID_PARAMETER, WSKB_CONTROL_PACKET_INFO,
           [](Input* input) { input->control.LocalAddress = V4(1, 9); });
    expect(STATUS_INVALID_ADDRESS_COMPONENT, WSKB_CONTROL_PACKET_INFO, [](Input* input) {
        input->control.LocalAddress = V4(1);
        input->control.LocalAddress.V4.Address[0] = 192; /* not this machine's */
        input->control.LocalAddress.V4.Address[2] = 2;
    });
    for (ULONG index : {0x7FFFFFFFu, 0xFFFFFFFFu}) {
        expect(STATUS_INVALID_ADDRESS_COMPONENT, WSKB_CONTROL_PACKET_INFO,
               [&](Input* input) { input->control.Interface = index; });
    }
    for (ULONG size : {0u, 1u, (ULONG)sizeof(WSKB_CONTROL_INFO) - 1, (ULONG)sizeof(WSKB_CONTROL_INFO) + 1,
                       (ULONG)sizeof(WSKB_CONTROL_INFO) + 4, 0xFFFFFFFFu}) {
        expect(STATUS_INFO_LENGTH_MISMATCH, 0, [&](Input* input) { input->control.Size = size; });
    }
    for (ULONG more : {1u, 2u, 3u, 4u, (ULONG)sizeof(WSKB_CONTROL_INFO)}) {
        expect(STATUS_INFO_LENGTH_MISMATCH, 0, [&](Input* input) { input->send.Size += more; });
    }
    EXPECT_EQ(0u, Statistics().SentDatagrams);
    expect(STATUS_SUCCESS, 0, [](Input*) {});
    peer::Seen seen;
    EXPECT_EQ("x", other.Receive(&seen));
}

TEST_F(AncillaryTest, TheStructureMustBeThere)
{
    File file = Bound(WSKB_AF_INET);
    Input input(V4(1, 9), WSKB_CONTROL_TRAFFIC_CLASS);
    char byte = 0;
    for (ULONG length = sizeof(WSKB_SEND_TO); length < sizeof input; length++) {
        EXPECT_STATUS(STATUS_INFO_LENGTH_MISMATCH, file.Control(IOCTL_WSKB_SEND_TO, &input, length, &byte, 1))
            << length;
    }
    EXPECT_STATUS(STATUS_SUCCESS, file.Control(IOCTL_WSKB_SEND_TO, &input, sizeof input, &byte, 1));
}

TEST_F(AncillaryTest, OtherCategoriesHaveNone)
{
    peer::Tcp other;
    File connection = Connected(&other);
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST,
                  Input(V4(1, 9), WSKB_CONTROL_TRAFFIC_CLASS).Send(connection, "x"));
    Informed receive;
    receive.Start(connection);
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, receive.Wait());
}

TEST_F(AncillaryTest, WithoutMemoryNothingIsSentAndNothingLost)
{
    peer::InformedUdp other;
    File file = Bound(WSKB_AF_INET, kEverything);
    Input input(V4(1, other.Port()), WSKB_CONTROL_TRAFFIC_CLASS);
    HostFailAllocation(1, kControlTag);
    EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES, input.Send(file, "x"));
    ASSERT_TRUE(other.SendTo(peer::Loopback4(1, file.Port()), "kept"));
    Informed refused, receive;
    HostFailAllocation(1, kControlTag);
    refused.Start(file);
    EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES, refused.Wait());
    receive.Start(file);
    EXPECT_STATUS(STATUS_SUCCESS, receive.Wait());
    EXPECT_EQ("kept", receive.Text());
}

TEST_F(AncillaryTest, WhatWskRefusesGivesItsMemoryBack)
{
    File file = Bound(WSKB_AF_INET);
    Informed receive;
    WskHostFailCall(1, STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES, Input(V4(1, 9), WSKB_CONTROL_TRAFFIC_CLASS).Send(file, "x"));
    WskHostFailCall(1, STATUS_INSUFFICIENT_RESOURCES);
    receive.Start(file);
    EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES, receive.Wait());
}

/* ---- segments ---------------------------------------------------------------------------------------- */

TEST_F(AncillaryTest, APayloadIsSentInSegments)
{
    for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
        peer::InformedUdp other(family == WSKB_AF_INET ? 4 : 6);
        File file = Bound(family);
        for (ULONG size : {1u, 100u, 1000u, 1472u, 20000u}) {
            std::string text = Text(std::min<size_t>(64000, 150 * size - size / 2), size);
            Input input(Loopback(family, other.Port()), WSKB_CONTROL_SEGMENT_SIZE);
            input.control.SegmentSize = size;
            ULONG_PTR sent = 0;
            WSKB_STATISTICS before = Statistics();
            std::atomic<bool> failed{false};
            std::thread receiver([&] {
                ExpectSegments(&other, text, size);
                failed = HasFailure();
            });
            EXPECT_STATUS(STATUS_SUCCESS, input.Send(file, text, &sent));
            receiver.join();
            ASSERT_FALSE(failed) << size;
            EXPECT_EQ(text.size(), sent);
            EXPECT_EQ((text.size() + size - 1) / size, Statistics().SentDatagrams - before.SentDatagrams);
        }
    }
}

TEST_F(AncillaryTest, OneSegmentIsADatagram)
{
    peer::InformedUdp other;
    File file = Bound(WSKB_AF_INET);
    peer::Seen seen;
    for (ULONG size : {0u, 10u, 11u, (ULONG)WSKB_MAXIMUM_DATAGRAM}) {
        for (size_t length : {0u, 1u, 10u}) {
            Input input(V4(1, other.Port()), WSKB_CONTROL_SEGMENT_SIZE);
            input.control.SegmentSize = size;
            std::string text = Text(length);
            ULONG_PTR sent = 99;
            EXPECT_STATUS(STATUS_SUCCESS, input.Send(file, text, &sent));
            EXPECT_EQ(length, sent);
            EXPECT_EQ(text, other.Receive(&seen)) << size;
        }
    }
}

TEST_F(AncillaryTest, SegmentsHaveControlInformationToo)
{
    peer::InformedUdp other;
    File file = Bound(WSKB_AF_INET);
    Input input(V4(1, other.Port()), WSKB_CONTROL_SEGMENT_SIZE | WSKB_CONTROL_TRAFFIC_CLASS);
    input.control.SegmentSize = 3;
    input.control.TrafficClass = 0x28;
    ASSERT_STATUS(STATUS_SUCCESS, input.Send(file, "onetwo!"));
    for (const char* text : {"one", "two", "!"}) {
        peer::Seen seen;
        EXPECT_EQ(text, other.Receive(&seen));
        EXPECT_EQ(0x28, seen.traffic_class);
    }
}

TEST_F(AncillaryTest, ManyMessagesShareTheControlInformation)
{
    peer::InformedUdp other;
    File file = Bound(WSKB_AF_INET);
    struct {
        WSKB_SEND_MESSAGES header;
        WSKB_CONTROL_INFO control;
        ULONG lengths[3];
    } in = {{sizeof in.header, WSKB_SEND_TO_CONTROL, 0, V4(1, other.Port()), 3}, {}, {5, 0, 4}};
    std::string payload = "firstlast";
    in.control.Size = sizeof in.control;
    in.control.Present = WSKB_CONTROL_TRAFFIC_CLASS;
    in.control.TrafficClass = 0x40;
    auto send = [&](ULONG length = sizeof in) {
        return file.Control(IOCTL_WSKB_SEND_MESSAGES, &in, length, &payload[0], (ULONG)payload.size());
    };
    peer::Seen seen;
    ASSERT_STATUS(STATUS_SUCCESS, send());
    for (const char* text : {"first", "", "last"}) {
        EXPECT_EQ(text, other.Receive(&seen));
        EXPECT_EQ(0x40, seen.traffic_class);
    }
    in.control.Present |= WSKB_CONTROL_SEGMENT_SIZE;
    in.control.SegmentSize = 3;
    WSKB_STATISTICS before = Statistics();
    ASSERT_STATUS(STATUS_SUCCESS, send());
    EXPECT_EQ(5u, Statistics().SentDatagrams - before.SentDatagrams);
    for (const char* text : {"fir", "st", "", "las", "t"}) {
        EXPECT_EQ(text, other.Receive(&seen));
        EXPECT_EQ(0x40, seen.traffic_class);
    }
    EXPECT_STATUS(STATUS_INFO_LENGTH_MISMATCH, send(sizeof in - 1));
    in.control.Present = 0x80;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, send());
    in.control.Present = WSKB_CONTROL_TRAFFIC_CLASS;
    HostFailAllocation(2, 0); /* that of the list, after that of the control information */
    EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES, send());
}

/* ---- receiving --------------------------------------------------------------------------------------- */

TEST_F(AncillaryTest, WhatTheOptionsAskForArrives)
{
    peer::InformedUdp other;
    File file = Bound(WSKB_AF_INET, kEverything);
    for (uint8_t last : {1, 2, 77}) {
        Informed receive;
        ASSERT_TRUE(other.SendTo(peer::Loopback4(last, file.Port()), "told", {0xB9, 99}));
        receive.Start(file);
        ASSERT_STATUS(STATUS_SUCCESS, receive.Wait());
        WSKB_CONTROL_INFO control = receive.Control();
        EXPECT_EQ("told", receive.Text());
        EXPECT_EQ(0u, receive.Prefix().Flags);
        EXPECT_EQ(kAll, control.Present);
        EXPECT_TRUE(Same(V4(last), control.LocalAddress));
        EXPECT_EQ(peer::LoopbackInterface(), control.Interface);
        EXPECT_EQ(0xB9u, control.TrafficClass);
        EXPECT_EQ(1u, control.Ecn);
        EXPECT_EQ(99u, control.HopLimit);
        EXPECT_EQ(0u, control.SegmentSize);
        EXPECT_EQ(0u, control.Protocol);
    }
}

TEST_F(AncillaryTest, EachOptionAsksForItsOwn)
{
    peer::InformedUdp four, six(6);
    const ULONG bits[] = {WSKB_CONTROL_PACKET_INFO, WSKB_CONTROL_TRAFFIC_CLASS, WSKB_CONTROL_ECN,
                          WSKB_CONTROL_HOP_LIMIT};
    for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
        File file = Bound(family);
        peer::InformedUdp& other = family == WSKB_AF_INET ? four : six;
        auto present = [&] {
            Informed receive;
            EXPECT_TRUE(
                other.SendTo(peer::Loopback(family == WSKB_AF_INET ? 4 : 6, file.Port()), "x", {7, 8}));
            receive.Start(file);
            EXPECT_STATUS(STATUS_SUCCESS, receive.Wait());
            return receive.Control().Present;
        };
        EXPECT_EQ(0u, present());
        for (size_t index = 0; index < 4; index++) {
            ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(kEverything[index].option, 1));
            EXPECT_EQ(bits[index], present());
            ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(kEverything[index].option, 0));
        }
        EXPECT_EQ(0u, present());
    }
}

/* The options of both levels are needed, and addresses are mapped. */
TEST_F(AncillaryTest, ADualStackSocketIsToldOfBothVersions)
{
    peer::InformedUdp four, six(6);
    File file = Bound(WSKB_AF_INET6, kEverythingDual);
    Informed first, second;
    ASSERT_TRUE(four.SendTo(peer::Loopback4(2, file.Port()), "four", {0x13, 4}));
    first.Start(file);
    ASSERT_STATUS(STATUS_SUCCESS, first.Wait());
    EXPECT_EQ(kAll, first.Control().Present);
    EXPECT_TRUE(Same(Mapped4(2), first.Control().LocalAddress));
    EXPECT_EQ(0x13u, first.Control().TrafficClass);
    EXPECT_EQ(3u, first.Control().Ecn);
    EXPECT_EQ(4u, first.Control().HopLimit);
    ASSERT_TRUE(six.SendTo(peer::Loopback(6, file.Port()), "six", {0x21, 6}));
    second.Start(file);
    ASSERT_STATUS(STATUS_SUCCESS, second.Wait());
    EXPECT_EQ(kAll, second.Control().Present);
    EXPECT_TRUE(Same(Loopback(WSKB_AF_INET6, 0), second.Control().LocalAddress));
    EXPECT_EQ(0x21u, second.Control().TrafficClass);
    EXPECT_EQ(6u, second.Control().HopLimit);
    /* Without those of IPv4's level nothing is told of IPv4 datagrams. */
    for (ULONG option : {WSKB_OPTION_RECEIVE_PACKET_INFO_V4, WSKB_OPTION_RECEIVE_TRAFFIC_CLASS_V4,
                         WSKB_OPTION_RECEIVE_ECN_V4, WSKB_OPTION_RECEIVE_HOP_LIMIT_V4}) {
        ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(option, 0));
    }
    Informed third;
    ASSERT_TRUE(four.SendTo(peer::Loopback4(2, file.Port()), "four"));
    third.Start(file);
    ASSERT_STATUS(STATUS_SUCCESS, third.Wait());
    EXPECT_EQ(0u, third.Control().Present);
}

TEST_F(AncillaryTest, OptionsOfIpVersion4NeedASocketForIt)
{
    File six, four;
    ULONG value;
    ASSERT_STATUS(STATUS_SUCCESS, six.Create(WSKB_CATEGORY_DATAGRAM, WSKB_AF_INET6));
    ASSERT_STATUS(STATUS_SUCCESS, four.Create(WSKB_CATEGORY_DATAGRAM, WSKB_AF_INET));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, six.SetOption(WSKB_OPTION_RECEIVE_ECN_V4, 1));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, six.GetOption(WSKB_OPTION_RECEIVE_ECN_V4, &value));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, four.SetOption(WSKB_OPTION_RECEIVE_ECN_V4, 1));
}

/* A plain receive gets a plain datagram, and is told that there was more to tell. */
TEST_F(AncillaryTest, APlainReceiveIsNotTold)
{
    peer::InformedUdp other;
    File file = Bound(WSKB_AF_INET, kEverything);
    Datagram receive;
    ASSERT_TRUE(other.SendTo(peer::Loopback4(1, file.Port()), "plain"));
    receive.Start(file);
    EXPECT_STATUS(STATUS_SUCCESS, receive.Wait());
    EXPECT_EQ("plain", receive.Text());
    EXPECT_EQ(WSKB_DATAGRAM_CONTROL_TRUNCATED, receive.Prefix().Flags);
}

TEST_F(AncillaryTest, ATruncatedDatagramIsToldOfAsWell)
{
    peer::InformedUdp other;
    File file = Bound(WSKB_AF_INET, kEverything);
    for (ULONG room : {0u, 4u}) {
        Informed receive(room);
        ASSERT_TRUE(other.SendTo(peer::Loopback4(1, file.Port()), "0123456789", {5}));
        receive.Start(file);
        EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, receive.Wait());
        EXPECT_EQ(std::string("0123456789", room), receive.Text());
        EXPECT_EQ(WSKB_DATAGRAM_TRUNCATED, receive.Prefix().Flags);
        EXPECT_EQ(5u, receive.Control().TrafficClass);
    }
}

TEST_F(AncillaryTest, BothStructuresMustFit)
{
    File file = Bound(WSKB_AF_INET);
    std::vector<uint8_t> buffer(sizeof(WSKB_DATAGRAM) + sizeof(WSKB_CONTROL_INFO));
    WSKB_TRANSFER in = {sizeof in, WSKB_RECEIVE_FROM_CONTROL, 0};
    for (ULONG length = 0; length < buffer.size(); length++) {
        EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL,
                      file.Control(IOCTL_WSKB_RECEIVE_FROM, &in, sizeof in, buffer.data(), length));
    }
}

TEST_F(AncillaryTest, BuffersNeedNotBeAligned)
{
    peer::InformedUdp other;
    File file = Bound(WSKB_AF_INET, kEverything);
    for (size_t offset = 0; offset < 8; offset++) {
        std::vector<uint8_t> memory(256, 0xEE);
        uint8_t* buffer = memory.data() + offset;
        WSKB_TRANSFER in = {sizeof in, WSKB_RECEIVE_FROM_CONTROL, 0};
        WSKB_CONTROL_INFO control;
        Request request;
        ASSERT_TRUE(other.SendTo(peer::Loopback4(1, file.Port()), "odd", {9}));
        request.Start(file, IOCTL_WSKB_RECEIVE_FROM, &in, sizeof in, buffer, 200);
        ASSERT_STATUS(STATUS_SUCCESS, request.Wait());
        memcpy(&control, buffer + sizeof(WSKB_DATAGRAM), sizeof control);
        EXPECT_EQ(9u, control.TrafficClass);
        EXPECT_EQ(0, memcmp(buffer + sizeof(WSKB_DATAGRAM) + sizeof control, "odd", 3));
        EXPECT_EQ(0xEE, buffer[sizeof(WSKB_DATAGRAM) + sizeof control + 3]);
    }
}

TEST_F(AncillaryTest, ReceivesThatWaitAreServedAndCancelled)
{
    peer::InformedUdp other;
    File file = Bound(WSKB_AF_INET, kEverything);
    Informed receives[4];
    for (auto& receive : receives) {
        ASSERT_STATUS(STATUS_PENDING, receive.Start(file));
    }
    ASSERT_STATUS(STATUS_SUCCESS, receives[0].Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, receives[0].Wait());
    for (int i = 1; i < 3; i++) {
        ASSERT_TRUE(other.SendTo(peer::Loopback4(1, file.Port()), std::to_string(i), {i}));
        ASSERT_STATUS(STATUS_SUCCESS, receives[i].Wait());
        EXPECT_EQ(std::to_string(i), receives[i].Text());
        EXPECT_EQ((ULONG)i, receives[i].Control().TrafficClass);
    }
    file.Close();
    EXPECT_STATUS(STATUS_CANCELLED, receives[3].Wait());
}

/* ---- coalesced datagrams ----------------------------------------------------------------------------- */

TEST_F(AncillaryTest, DatagramsArriveAsOneWithTheirSize)
{
    for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
        int version = family == WSKB_AF_INET ? 4 : 6;
        peer::InformedUdp other(version);
        File file = Bound(family, {{WSKB_OPTION_RECEIVE_COALESCED, 65527}});
        std::string text = Text(2500);
        Informed block, single;
        ASSERT_TRUE(other.SendTo(peer::Loopback(version, file.Port()), text, {-1, -1, 1000}));
        block.Start(file);
        ASSERT_STATUS(STATUS_SUCCESS, block.Wait());
        EXPECT_EQ(text, block.Text());
        EXPECT_EQ(WSKB_CONTROL_SEGMENT_SIZE, block.Control().Present);
        EXPECT_EQ(1000u, block.Control().SegmentSize);
        ASSERT_TRUE(other.SendTo(peer::Loopback(version, file.Port()), "single"));
        single.Start(file);
        ASSERT_STATUS(STATUS_SUCCESS, single.Wait());
        EXPECT_EQ("single", single.Text());
        EXPECT_EQ(0u, single.Control().Present);
    }
}

/* Without the option each is received by itself; with a small limit none is above it. */
TEST_F(AncillaryTest, TheLimitOfCoalescedDatagramsHolds)
{
    for (ULONG limit : {0u, 1u, 1500u}) {
        peer::InformedUdp other;
        File file = Bound(WSKB_AF_INET, {{WSKB_OPTION_RECEIVE_COALESCED, limit}});
        std::string text = Text(2500);
        ULONG value = 99;
        EXPECT_STATUS(STATUS_SUCCESS, file.GetOption(WSKB_OPTION_RECEIVE_COALESCED, &value));
        EXPECT_EQ(limit, value);
        ASSERT_TRUE(other.SendTo(peer::Loopback4(1, file.Port()), text, {-1, -1, 1000}));
        for (size_t offset = 0; offset < text.size(); offset += 1000) {
            Informed receive;
            receive.Start(file);
            ASSERT_STATUS(STATUS_SUCCESS, receive.Wait());
            EXPECT_EQ(text.substr(offset, 1000), receive.Text());
            EXPECT_EQ(0u, receive.Control().Present);
        }
    }
}

/* A plain receive could not tell one datagram from several, or from an error. */
TEST_F(AncillaryTest, SomeOptionsNeedReceivesThatAreTold)
{
    for (ULONG option : {WSKB_OPTION_RECEIVE_COALESCED, WSKB_OPTION_RECEIVE_ERRORS}) {
        peer::InformedUdp other;
        File file = Bound(WSKB_AF_INET, {{option, 1}});
        WSKB_RING_PARAMETERS ring = {sizeof ring, 0, 1 << 20, 0, 0};
        Datagram plain;
        Informed receive;
        plain.Start(file);
        EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, plain.Wait());
        EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE,
                      file.Control(IOCTL_WSKB_SET_RECEIVE_RING, &ring, sizeof ring));
        EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, file.SetOption(option, 0)) << "only before BIND";
        ASSERT_TRUE(other.SendTo(peer::Loopback4(1, file.Port()), "kept"));
        receive.Start(file);
        ASSERT_STATUS(STATUS_SUCCESS, receive.Wait());
        EXPECT_EQ("kept", receive.Text());
    }
}

/* ---- ICMP errors ------------------------------------------------------------------------------------- */

TEST_F(AncillaryTest, AnIcmpErrorIsReceived)
{
    peer::UnusedUdpPort nobody;
    peer::InformedUdp other;
    File file = Bound(WSKB_AF_INET, {{WSKB_OPTION_RECEIVE_ERRORS}, {WSKB_OPTION_RECEIVE_PACKET_INFO}});
    Informed error, receive;
    ASSERT_STATUS(STATUS_PENDING, error.Start(file));
    ASSERT_STATUS(STATUS_SUCCESS, file.SendTo(V4(1, nobody.Port()), "anybody there?"));
    ASSERT_STATUS(STATUS_SUCCESS, error.Wait());
    WSKB_DATAGRAM prefix = error.Prefix();
    WSKB_CONTROL_INFO control = error.Control();
    EXPECT_EQ(WSKB_DATAGRAM_ERROR, prefix.Flags);
    EXPECT_EQ(0u, prefix.Length);
    EXPECT_TRUE(Same(V4(1, nobody.Port()), prefix.RemoteAddress));
    EXPECT_TRUE(control.Present & WSKB_CONTROL_ERROR);
    EXPECT_EQ(WSKB_IPPROTO_ICMP, control.Protocol);
    EXPECT_EQ(3u, control.Type); /* destination unreachable */
    EXPECT_EQ(3u, control.Code); /* port */
    EXPECT_EQ(0u, control.Mtu);
    ASSERT_TRUE(other.SendTo(peer::Loopback4(1, file.Port()), "data"));
    receive.Start(file);
    ASSERT_STATUS(STATUS_SUCCESS, receive.Wait());
    EXPECT_EQ("data", receive.Text());
    EXPECT_EQ(0u, receive.Prefix().Flags);
    EXPECT_FALSE(receive.Control().Present & WSKB_CONTROL_ERROR);
}

/* Errors are data, so they make no send fail, and none is lost or reported twice. */
TEST_F(AncillaryTest, ErrorsDontMakeSendsFail)
{
    constexpr int count = 50;
    peer::UnusedUdpPort nobody;
    peer::InformedUdp other;
    File file = Bound(WSKB_AF_INET, {{WSKB_OPTION_RECEIVE_ERRORS}});
    for (int i = 0; i < count; i++) {
        ASSERT_STATUS(STATUS_SUCCESS, file.SendTo(V4(1, nobody.Port()), "x"));
    }
    ASSERT_TRUE(other.SendTo(peer::Loopback4(1, file.Port()), "data"));
    int errors = 0, data = 0;
    for (int i = 0; i < count + 1; i++) {
        Informed receive;
        receive.Start(file);
        ASSERT_STATUS(STATUS_SUCCESS, receive.Wait());
        (receive.Prefix().Flags & WSKB_DATAGRAM_ERROR ? errors : data)++;
    }
    EXPECT_EQ(count, errors);
    EXPECT_EQ(1, data);
    Informed rest;
    EXPECT_STATUS(STATUS_PENDING, rest.Start(file));
    file.Close();
    EXPECT_STATUS(STATUS_CANCELLED, rest.Wait());
}

TEST_F(AncillaryTest, AFixedRemoteAddressKeepsItsErrors)
{
    peer::UnusedUdpPort nobody;
    File file = Bound(WSKB_AF_INET, {{WSKB_OPTION_RECEIVE_ERRORS}});
    ASSERT_STATUS(STATUS_SUCCESS, file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, V4(1, nobody.Port())));
    Informed error;
    ASSERT_STATUS(STATUS_SUCCESS, file.SendTo(Unspecified(), "anybody there?"));
    error.Start(file);
    ASSERT_STATUS(STATUS_SUCCESS, error.Wait());
    EXPECT_EQ(WSKB_DATAGRAM_ERROR, error.Prefix().Flags);
}

TEST_F(AncillaryTest, ErrorsOfBothVersionsReachADualStackSocket)
{
    uint16_t nobody = peer::QuietPort();
    File file =
        Bound(WSKB_AF_INET6,
              {{WSKB_OPTION_IPV6_ONLY, 0}, {WSKB_OPTION_RECEIVE_ERRORS}, {WSKB_OPTION_RECEIVE_ERRORS_V4}});
    Informed four, six;
    ASSERT_STATUS(STATUS_SUCCESS, file.SendTo(MappedLoopback(nobody), "four"));
    four.Start(file);
    ASSERT_STATUS(STATUS_SUCCESS, four.Wait());
    EXPECT_TRUE(Same(MappedLoopback(nobody), four.Prefix().RemoteAddress));
    EXPECT_EQ(WSKB_IPPROTO_ICMP, four.Control().Protocol);
    EXPECT_EQ(3u, four.Control().Type);
    ASSERT_STATUS(STATUS_SUCCESS, file.SendTo(Loopback(WSKB_AF_INET6, nobody), "six"));
    six.Start(file);
    ASSERT_STATUS(STATUS_SUCCESS, six.Wait());
    EXPECT_TRUE(Same(Loopback(WSKB_AF_INET6, nobody), six.Prefix().RemoteAddress));
    EXPECT_EQ(WSKB_IPPROTO_ICMPV6, six.Control().Protocol);
    EXPECT_EQ(1u, six.Control().Type); /* destination unreachable */
    EXPECT_EQ(4u, six.Control().Code); /* port */
}

/* ---- features ---------------------------------------------------------------------------------------- */

namespace {

uint64_t Features(const File& file)
{
    WSKB_VERSION_REQUEST in = {sizeof in, WSKB_MAGIC, WSKB_VERSION_MAJOR, WSKB_VERSION_MINOR};
    WSKB_VERSION out = {};
    EXPECT_STATUS(STATUS_SUCCESS, file.Control(IOCTL_WSKB_GET_VERSION, &in, sizeof in, &out, sizeof out));
    return out.Features;
}

constexpr uint64_t kProbed =
    WSKB_FEATURE_SEND_TRAFFIC_CLASS | WSKB_FEATURE_SEND_SEGMENTS | WSKB_FEATURE_RECEIVE_COALESCED;

} // namespace

TEST_F(AncillaryTest, WskIsAskedForItsFeatures)
{
    File file;
    EXPECT_EQ(kProbed, Features(file) & kProbed);
}

/* WSK is asked again by the next open when it could not answer. */
TEST_F(AncillaryTest, WhatCantBeFoundOutIsAskedAgain)
{
    for (LONG call = 1; call <= 5; call++) {
        Unload();
        Load();
        WskHostFailCall(call, STATUS_INSUFFICIENT_RESOURCES);
        {
            File file;
            Features(file);
        }
        WskHostFailCall(0, STATUS_SUCCESS);
        File file;
        EXPECT_EQ(kProbed, Features(file) & kProbed) << call;
    }
    for (LONG allocation = 1; allocation <= 20; allocation++) {
        Unload();
        Load();
        HostFailAllocation(allocation, 0);
        {
            File file;
        }
        HostFailAllocation(0, 0);
        File file;
        EXPECT_EQ(kProbed, Features(file) & kProbed) << allocation;
    }
}

/* A WSK without an option: what needs it is refused before anything is sent. */
TEST_F(AncillaryTest, WhatWskLacksIsRefused)
{
    const ULONG features[] = {WSKB_FEATURE_SEND_TRAFFIC_CLASS, WSKB_FEATURE_SEND_SEGMENTS,
                              WSKB_FEATURE_RECEIVE_COALESCED};
    for (LONG index = 0; index < 3; index++) {
        Unload();
        Load();
        WskHostFailCall(3 + index, STATUS_INVALID_PARAMETER); /* after the behaviour of TDI and the socket */
        File file = Bound(WSKB_AF_INET);
        EXPECT_EQ(kProbed & ~features[index], Features(file) & kProbed);
        Input traffic(V4(1, 9), WSKB_CONTROL_TRAFFIC_CLASS), segments(V4(1, 9), WSKB_CONTROL_SEGMENT_SIZE);
        segments.control.SegmentSize = 1;
        EXPECT_STATUS(index == 0 ? STATUS_NOT_SUPPORTED : STATUS_SUCCESS, traffic.Send(file, "xy"));
        EXPECT_STATUS(index == 1 ? STATUS_NOT_SUPPORTED : STATUS_SUCCESS, segments.Send(file, "xy"));
        File fresh;
        ASSERT_STATUS(STATUS_SUCCESS, fresh.Create(WSKB_CATEGORY_DATAGRAM));
        EXPECT_STATUS(index == 2 ? STATUS_NOT_SUPPORTED : STATUS_SUCCESS,
                      fresh.SetOption(WSKB_OPTION_RECEIVE_COALESCED, 65527));
    }
}
