/* SPDX-License-Identifier: Apache-2.0
 *
 * SEND_MESSAGES: many datagrams with one request, with an ordinary UDP socket on the other end.
 */
#include "support.h"

#include <cstddef>
#include <numeric>

namespace {

/* 'MksW' as a number. */
constexpr ULONG kMessageTag = 'M' << 24 | 'k' << 16 | 's' << 8 | 'W';

/* The input structure, followed by the lengths. */
class Input {
  public:
    explicit Input(const WSKB_SOCKADDR& to, const std::vector<ULONG>& lengths)
        : bytes_(sizeof(WSKB_SEND_MESSAGES) + lengths.size() * sizeof(ULONG))
    {
        WSKB_SEND_MESSAGES in = {};
        in.Size = sizeof in;
        in.RemoteAddress = to;
        in.Count = (ULONG)lengths.size();
        memcpy(bytes_.data(), &in, sizeof in);
        if (!lengths.empty()) {
            memcpy(bytes_.data() + sizeof in, lengths.data(), lengths.size() * sizeof(ULONG));
        }
    }
    WSKB_SEND_MESSAGES* operator->()
    {
        return reinterpret_cast<WSKB_SEND_MESSAGES*>(bytes_.data());
    }
    NTSTATUS Send(const File& file, const std::vector<uint8_t>& payload, ULONG_PTR* sent = nullptr) const
    {
        return file.Control(IOCTL_WSKB_SEND_MESSAGES, bytes_.data(), (ULONG)bytes_.size(),
                            const_cast<uint8_t*>(payload.data()), (ULONG)payload.size(), sent);
    }

  private:
    std::vector<uint8_t> bytes_;
};

ULONG Sum(const std::vector<ULONG>& lengths)
{
    return std::accumulate(lengths.begin(), lengths.end(), 0u);
}

/* The next datagrams that arrive must be the payload, split at the lengths. */
void ExpectArrive(peer::Udp* other, const std::vector<uint8_t>& payload, const std::vector<ULONG>& lengths)
{
    size_t offset = 0;
    for (ULONG length : lengths) {
        std::vector<uint8_t> received;
        peer::Address from;
        ASSERT_TRUE(other->Receive(&received, &from));
        ASSERT_LE(offset + length, payload.size());
        EXPECT_EQ(std::vector<uint8_t>(payload.begin() + (ptrdiff_t)offset,
                                       payload.begin() + (ptrdiff_t)(offset + length)),
                  received);
        offset += length;
    }
}

} // namespace

class MessagesTest : public DriverTest {};

TEST_F(MessagesTest, EachLengthIsADatagram)
{
    const std::vector<ULONG> lengths = {1, 0, 1472, 7, 9000, 0, 4096, 4095, 3};
    for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
        peer::Udp other(family == WSKB_AF_INET ? 4 : 6);
        File file = BoundDatagram(family);
        std::vector<uint8_t> payload = Pattern(Sum(lengths), family);
        ULONG_PTR sent = 0;
        WSKB_STATISTICS before = Statistics();
        ASSERT_STATUS(STATUS_SUCCESS,
                      Input(Loopback(family, other.Port()), lengths).Send(file, payload, &sent));
        WSKB_STATISTICS after = Statistics();
        EXPECT_EQ(payload.size(), sent);
        EXPECT_EQ(lengths.size(), after.SentDatagrams - before.SentDatagrams);
        EXPECT_EQ(payload.size(), after.SentBytes - before.SentBytes);
        EXPECT_EQ(1u, after.StartedIrps - before.StartedIrps);
        ExpectArrive(&other, payload, lengths);
    }
}

TEST_F(MessagesTest, AThousandGoOutWithOneRequest)
{
    peer::Udp other;
    File file = BoundDatagram();
    const std::vector<ULONG> lengths(WSKB_MAXIMUM_MESSAGES, 16);
    std::vector<uint8_t> payload = Pattern(Sum(lengths), 1);
    std::atomic<int> arrived{0};
    std::thread receiver([&] {
        for (std::string text = other.ReceiveText(); text.size() == 16; text = other.ReceiveText()) {
            arrived++;
        }
    });
    WSKB_STATISTICS before = Statistics();
    EXPECT_STATUS(STATUS_SUCCESS, Input(Loopback(WSKB_AF_INET, other.Port()), lengths).Send(file, payload));
    WSKB_STATISTICS after = Statistics();
    EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(Loopback(WSKB_AF_INET, other.Port()), "end"));
    receiver.join();
    EXPECT_EQ(lengths.size(), after.SentDatagrams - before.SentDatagrams);
    EXPECT_EQ(2u, after.ControlRequests - before.ControlRequests); /* this one, and that for the statistics */
    EXPECT_GT(arrived, 0);
}

TEST_F(MessagesTest, TheFixedAddressIsMeantByNone)
{
    peer::Udp other;
    File file = BoundDatagram();
    std::vector<uint8_t> payload = Pattern(10, 1);
    Input input(Unspecified(), {4, 6});
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, input.Send(file, payload));
    ASSERT_STATUS(STATUS_SUCCESS,
                  file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Loopback(WSKB_AF_INET, other.Port())));
    EXPECT_STATUS(STATUS_SUCCESS, input.Send(file, payload));
    ExpectArrive(&other, payload, {4, 6});
}

TEST_F(MessagesTest, BadInputIsRefusedAndNothingIsSent)
{
    peer::Udp other;
    File file = BoundDatagram();
    WSKB_SOCKADDR to = Loopback(WSKB_AF_INET, other.Port());
    std::vector<uint8_t> payload(100);
    auto expect = [&](NTSTATUS status, const std::function<void(WSKB_SEND_MESSAGES*)>& change) {
        Input input(to, {40, 60});
        change(input.operator->());
        EXPECT_STATUS(status, input.Send(file, payload));
    };
    for (ULONG count : {0u, 1025u, 0x40000000u, 0x80000000u, 0xFFFFFFFFu}) {
        expect(STATUS_INVALID_PARAMETER, [&](WSKB_SEND_MESSAGES* in) { in->Count = count; });
    }
    expect(STATUS_INVALID_PARAMETER, [](WSKB_SEND_MESSAGES* in) { in->Count = 1; });
    expect(STATUS_INFO_LENGTH_MISMATCH, [](WSKB_SEND_MESSAGES* in) { in->Count = 3; });
    expect(STATUS_INFO_LENGTH_MISMATCH, [](WSKB_SEND_MESSAGES* in) { in->Size += 1; });
    expect(STATUS_INFO_LENGTH_MISMATCH, [](WSKB_SEND_MESSAGES* in) { in->Size += 4; });
    expect(STATUS_INVALID_PARAMETER, [](WSKB_SEND_MESSAGES* in) { in->Flags = 2; });
    expect(STATUS_INVALID_ADDRESS_COMPONENT, [](WSKB_SEND_MESSAGES* in) { in->RemoteAddress.Family = 99; });
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Input(to, {40, 61}).Send(file, payload));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Input(to, {40, 60}).Send(file, {}));
    EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, Input(to, {0xFFFFFFFFu, 101}).Send(file, payload));
    EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE,
                  Input(to, {40, 60}).Send(file, std::vector<uint8_t>(WSKB_MAXIMUM_TRANSFER + 1)));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, Input(to, {40, 60}).Send(BoundConnection(), payload));
    EXPECT_EQ(0u, Statistics().SentDatagrams);
    EXPECT_STATUS(STATUS_SUCCESS, Input(to, {40, 60}).Send(file, payload));
    ExpectArrive(&other, payload, {40, 60});
}

TEST_F(MessagesTest, ADatagramThatIsTooLargeForItsFamilyFails)
{
    peer::Udp other;
    File file = BoundDatagram();
    std::vector<uint8_t> payload(65527 + 2);
    ULONG_PTR sent = 1;
    EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE,
                  Input(Loopback(WSKB_AF_INET, other.Port()), {1, 65527, 1}).Send(file, payload, &sent));
    EXPECT_EQ(0u, sent);
}

TEST_F(MessagesTest, WithoutMemoryNothingIsSent)
{
    peer::Udp other;
    File file = BoundDatagram();
    std::vector<uint8_t> payload = Pattern(10, 1);
    Input input(Loopback(WSKB_AF_INET, other.Port()), {4, 6});
    HostFailAllocation(1, kMessageTag);
    EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES, input.Send(file, payload));
    EXPECT_STATUS(STATUS_SUCCESS, input.Send(file, payload));
    ExpectArrive(&other, payload, {4, 6});
}

TEST_F(MessagesTest, WhatWskRefusesGivesItsMemoryBack)
{
    File file = BoundDatagram();
    std::vector<uint8_t> payload = Pattern(10, 1);
    WskHostFailCall(1, STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES,
                  Input(Loopback(WSKB_AF_INET, 9), {4, 6}).Send(file, payload));
}
