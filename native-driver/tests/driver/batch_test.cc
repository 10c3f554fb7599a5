/* SPDX-License-Identifier: Apache-2.0
 *
 * Receive rings: SET_RECEIVE_RING, RECEIVE_MESSAGES and GET_RECEIVE_RING, with ordinary UDP sockets on the
 * other end.
 */
#include "support.h"

#include <cstddef>
#include <mutex>

namespace {

/* 'RksW' as a number. */
constexpr ULONG kRingTag = 'R' << 24 | 'k' << 16 | 's' << 8 | 'W';
constexpr ULONG64 kRing = 0x100000;

NTSTATUS SetRing(const File& file, ULONG64 bytes = kRing, ULONG flags = 0, ULONG datagrams = 0)
{
    WSKB_RING_PARAMETERS in = {sizeof in, flags, bytes, datagrams, 0};
    return file.Control(IOCTL_WSKB_SET_RECEIVE_RING, &in, sizeof in);
}

File BoundWithRing(ULONG64 bytes = kRing, ULONG flags = 0, ULONG datagrams = 0)
{
    File file = BoundDatagram();
    EXPECT_STATUS(STATUS_SUCCESS, SetRing(file, bytes, flags, datagrams));
    return file;
}

WSKB_RING_STATE StateOf(const File& file)
{
    WSKB_RING_STATE state = {};
    ULONG_PTR length = 0;
    EXPECT_STATUS(STATUS_SUCCESS,
                  file.Control(IOCTL_WSKB_GET_RECEIVE_RING, nullptr, 0, &state, sizeof state, &length));
    EXPECT_EQ(sizeof state, length);
    EXPECT_EQ(sizeof state, state.Size);
    return state;
}

bool AwaitInRing(const File& file, ULONG datagrams)
{
    return Await([&] { return StateOf(file).Datagrams >= datagrams; });
}

/* A RECEIVE_MESSAGES, and what it received. */
class Batch : public Request {
  public:
    explicit Batch(size_t room = WSKB_MINIMUM_BATCH) : output_(room)
    {
    }
    /* Sends the request, and waits for its end. */
    NTSTATUS Finish(HANDLE file)
    {
        Start(file);
        return Wait();
    }
    NTSTATUS Start(HANDLE file, ULONG timeout = 0)
    {
        WSKB_TRANSFER in = {sizeof in, 0, timeout};
        return Request::Start(file, IOCTL_WSKB_RECEIVE_MESSAGES, &in, sizeof in, output_.data(),
                              (ULONG)output_.size());
    }
    WSKB_MESSAGES Head() const
    {
        WSKB_MESSAGES head;
        memcpy(&head, output_.data(), sizeof head);
        return head;
    }
    WSKB_MESSAGE Entry(ULONG index) const
    {
        WSKB_MESSAGE entry;
        memcpy(&entry, output_.data() + Head().Size + index * Head().EntrySize, sizeof entry);
        return entry;
    }
    std::string Text(ULONG index) const
    {
        WSKB_MESSAGE entry = Entry(index);
        EXPECT_LE(entry.Offset + entry.Datagram.Length, Information());
        return std::string(reinterpret_cast<const char*>(output_.data()) + entry.Offset,
                           entry.Datagram.Length);
    }
    std::vector<std::string> Texts() const
    {
        std::vector<std::string> texts;
        for (ULONG index = 0; index < Head().Count; index++) {
            texts.push_back(Text(index));
        }
        return texts;
    }

  private:
    std::vector<uint8_t> output_;
};

std::string TextOf(const std::vector<uint8_t>& data)
{
    return std::string(data.begin(), data.end());
}

std::vector<std::string> Numbers(int first, int end)
{
    std::vector<std::string> texts;
    for (int number = first; number < end; number++) {
        texts.push_back(std::to_string(number));
    }
    return texts;
}

void SendAll(peer::Udp& from, const File& to, const std::vector<std::string>& texts)
{
    USHORT port = to.Port();
    for (const std::string& text : texts) {
        ASSERT_TRUE(from.SendTo(port, text));
    }
}

} // namespace

class BatchTest : public DriverTest {
  protected:
    /* Waits until WSK has indicated, or kept, what was sent before: it does so in order. */
    static void Settle()
    {
        peer::Udp other;
        File file = BoundWithRing();
        for (int round = 0; round < 3; round++) {
            ASSERT_TRUE(other.SendTo(file.Port(), "x"));
            ASSERT_EQ(1u, ReceiveAll(file, 1).size());
        }
    }
    /* Receives so many datagrams, with as few requests as it takes. */
    static std::vector<std::string> ReceiveAll(const File& file, size_t count)
    {
        std::vector<std::string> all;
        while (all.size() < count) {
            Batch batch(kRing);
            batch.Start(file);
            if (batch.Wait() != STATUS_SUCCESS) {
                ADD_FAILURE() << "after " << all.size();
                break;
            }
            for (std::string& text : batch.Texts()) {
                all.push_back(text);
            }
        }
        return all;
    }
};

/* ---- receiving --------------------------------------------------------------------------------------- */

TEST_F(BatchTest, OneRequestTakesWhatHasCome)
{
    peer::Udp first, second;
    File file = BoundWithRing();
    std::vector<std::string> sent;
    for (uint32_t index = 0; index < 200; index++) {
        sent.push_back(TextOf(Pattern(index * 7 % 2000, index)));
        ASSERT_TRUE((index % 2 ? second : first).SendTo(file.Port(), sent.back()));
        ASSERT_TRUE(AwaitInRing(file, index + 1));
    }
    WSKB_STATISTICS before = Statistics();
    Batch batch(kRing);
    ASSERT_STATUS(STATUS_SUCCESS, batch.Finish(file));
    WSKB_STATISTICS after = Statistics();
    EXPECT_EQ(200u, batch.Head().Count);
    EXPECT_EQ(0u, batch.Head().Left);
    EXPECT_EQ(0u, batch.Head().Overruns);
    EXPECT_EQ(sent, batch.Texts());
    for (uint32_t index = 0; index < 200; index++) {
        WSKB_MESSAGE entry = batch.Entry(index);
        WSKB_SOCKADDR sender = Loopback(WSKB_AF_INET, (index % 2 ? second : first).Port());
        EXPECT_EQ(0u, entry.Offset % 8);
        EXPECT_EQ(sizeof(WSKB_DATAGRAM), entry.Datagram.Size);
        EXPECT_EQ(0u, entry.Datagram.Flags);
        EXPECT_EQ(0, memcmp(&sender, &entry.Datagram.RemoteAddress, sizeof sender)) << index;
    }
    EXPECT_EQ(before.ReceivedDatagrams + 200, after.ReceivedDatagrams);
    EXPECT_EQ(before.ControlRequests + 2, after.ControlRequests) << "the batch, and the statistics";
    EXPECT_EQ(0u, StateOf(file).UsedBytes);
}

TEST_F(BatchTest, EverySizeInBothFamilies)
{
    for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
        peer::Udp other(family == WSKB_AF_INET ? 4 : 6);
        File file = BoundDatagram(family);
        ASSERT_STATUS(STATUS_SUCCESS, SetRing(file));
        for (ULONG length : {0u, 1u, 8u, 1472u, 1473u, 9000u, 65507u}) {
            std::string text = TextOf(Pattern(length, length));
            for (bool waits : {true, false}) {
                Batch batch;
                if (waits) {
                    EXPECT_STATUS(STATUS_PENDING, batch.Start(file));
                }
                ASSERT_TRUE(other.SendTo(file.Port(), text));
                if (!waits) {
                    ASSERT_TRUE(AwaitInRing(file, 1));
                    batch.Start(file);
                }
                ASSERT_STATUS(STATUS_SUCCESS, batch.Wait());
                ASSERT_EQ(1u, batch.Head().Count);
                EXPECT_EQ(text, batch.Text(0));
                WSKB_SOCKADDR sender = Loopback(family, other.Port());
                WSKB_MESSAGE entry = batch.Entry(0);
                EXPECT_EQ(0, memcmp(&sender, &entry.Datagram.RemoteAddress, sizeof sender));
            }
        }
    }
}

TEST_F(BatchTest, WaitingRequestsAreServedInTheirOrder)
{
    peer::Udp other;
    File file = BoundWithRing();
    std::vector<std::unique_ptr<Batch>> batches;
    for (int index = 0; index < 20; index++) {
        batches.push_back(std::make_unique<Batch>());
        EXPECT_STATUS(STATUS_PENDING, batches.back()->Start(file));
    }
    for (int index = 0; index < 20; index++) {
        ASSERT_TRUE(other.SendTo(file.Port(), std::to_string(index)));
        ASSERT_STATUS(STATUS_SUCCESS, batches[(size_t)index]->Wait());
        EXPECT_EQ(std::vector<std::string>{std::to_string(index)}, batches[(size_t)index]->Texts());
    }
}

TEST_F(BatchTest, WhatDoesNotFitStaysInTheRing)
{
    peer::Udp other;
    File file = BoundWithRing();
    std::vector<std::string> sent;
    for (uint32_t index = 0; index < 5; index++) {
        sent.push_back(TextOf(Pattern(30000, index)));
    }
    SendAll(other, file, sent);
    ASSERT_TRUE(AwaitInRing(file, 5));
    for (uint32_t begin : {0u, 2u, 4u}) {
        Batch batch;
        batch.Start(file);
        ASSERT_STATUS(STATUS_SUCCESS, batch.Wait());
        ASSERT_EQ(begin < 4 ? 2u : 1u, batch.Head().Count);
        EXPECT_EQ(begin < 4 ? 3 - begin : 0, batch.Head().Left);
        EXPECT_EQ(sent[begin], batch.Text(0));
    }
}

/* The records of different lengths end everywhere in the ring's memory. */
TEST_F(BatchTest, TheRingGoesRound)
{
    peer::Udp other;
    File file = BoundWithRing(WSKB_MINIMUM_RING);
    uint32_t next = 0;
    for (uint32_t round = 0; round < 60; round++) {
        std::vector<std::string> sent;
        for (uint32_t index = 0; index < 5; index++, next++) {
            sent.push_back(TextOf(Pattern(next * 997 % 12000, next)));
        }
        SendAll(other, file, sent);
        ASSERT_TRUE(AwaitInRing(file, 5));
        EXPECT_EQ(sent, ReceiveAll(file, 5));
    }
    EXPECT_EQ(0u, StateOf(file).Overruns);
}

TEST_F(BatchTest, ASocketWithAFixedPeerReceivesOnlyFromIt)
{
    peer::Udp other, stranger;
    File file = BoundDatagram();
    ASSERT_STATUS(STATUS_SUCCESS,
                  file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Loopback(WSKB_AF_INET, other.Port())));
    ASSERT_STATUS(STATUS_SUCCESS, SetRing(file));
    ASSERT_TRUE(stranger.SendTo(file.Port(), "stranger"));
    ASSERT_TRUE(other.SendTo(file.Port(), "peer"));
    EXPECT_EQ(std::vector<std::string>{"peer"}, ReceiveAll(file, 1));
}

TEST_F(BatchTest, DatagramsFromBeforeTheRingAreReceived)
{
    peer::Udp other;
    File file = BoundDatagram();
    SendAll(other, file, Numbers(0, 100));
    ASSERT_STATUS(STATUS_SUCCESS, SetRing(file));
    EXPECT_EQ(Numbers(0, 100), ReceiveAll(file, 100));
}

/* ---- a full ring ------------------------------------------------------------------------------------- */

TEST_F(BatchTest, AFullRingDropsWhatComesAndCountsIt)
{
    peer::Udp other;
    File file = BoundWithRing(kRing, 0, 4);
    WSKB_STATISTICS before = Statistics();
    SendAll(other, file, Numbers(0, 10));
    ASSERT_TRUE(Await([&] { return StateOf(file).Overruns == 6; }));
    EXPECT_EQ(before.DroppedDatagrams + 6, Statistics().DroppedDatagrams);
    Batch batch;
    ASSERT_STATUS(STATUS_SUCCESS, batch.Finish(file));
    EXPECT_EQ(Numbers(0, 4), batch.Texts());
    EXPECT_EQ(6u, batch.Head().Overruns);
    SendAll(other, file, {"later"});
    EXPECT_EQ(std::vector<std::string>{"later"}, ReceiveAll(file, 1));
}

TEST_F(BatchTest, TheRingsBytesLimitIt)
{
    peer::Udp other;
    File file = BoundWithRing(WSKB_MINIMUM_RING);
    std::vector<std::string> sent;
    for (uint32_t index = 0; index < 4; index++) {
        sent.push_back(TextOf(Pattern(60000, index)));
        ASSERT_TRUE(other.SendTo(file.Port(), sent.back()));
        ASSERT_TRUE(Await([&] { return StateOf(file).Datagrams + StateOf(file).Overruns == index + 1; }));
    }
    EXPECT_EQ(2u, StateOf(file).Datagrams);
    EXPECT_EQ(2u, StateOf(file).Overruns);
    EXPECT_EQ((std::vector<std::string>{sent[0], sent[1]}), ReceiveAll(file, 2));
}

TEST_F(BatchTest, ARingThatHoldsBackLosesNothing)
{
    peer::Udp other;
    File file = BoundWithRing(WSKB_MINIMUM_RING, WSKB_RING_HOLDS_BACK, 50);
    int got = 0;
    for (int sent = 0; got < 2000;) {
        if (sent < 2000) {
            SendAll(other, file, Numbers(sent, sent + 100));
            sent += 100;
        }
        while (got < sent) {
            std::vector<std::string> some = ReceiveAll(file, 1);
            ASSERT_FALSE(some.empty());
            ASSERT_EQ(Numbers(got, got + (int)some.size()), some);
            got += (int)some.size();
        }
    }
    EXPECT_EQ(0u, StateOf(file).Overruns);
}

TEST_F(BatchTest, AFullRingThatHoldsBackIsClosed)
{
    peer::Udp other;
    File file = BoundWithRing(kRing, WSKB_RING_HOLDS_BACK, 1);
    SendAll(other, file, Numbers(0, 10));
    ASSERT_TRUE(AwaitInRing(file, 1));
    file.Close();
}

/* ---- requests that end otherwise --------------------------------------------------------------------- */

TEST_F(BatchTest, AWaitingRequestIsCancelled)
{
    peer::Udp other;
    File file = BoundWithRing();
    Batch first, second;
    EXPECT_STATUS(STATUS_PENDING, first.Start(file));
    EXPECT_STATUS(STATUS_PENDING, second.Start(file));
    first.Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, first.Wait());
    EXPECT_FALSE(second.Done());
    ASSERT_TRUE(other.SendTo(file.Port(), "x"));
    EXPECT_STATUS(STATUS_SUCCESS, second.Wait());
}

TEST_F(BatchTest, AWaitingRequestHasADeadline)
{
    peer::Udp other;
    File file = BoundWithRing();
    Batch first, second;
    EXPECT_STATUS(STATUS_PENDING, first.Start(file, 30));
    EXPECT_STATUS(STATUS_IO_TIMEOUT, first.Wait());
    ASSERT_TRUE(other.SendTo(file.Port(), "x"));
    EXPECT_STATUS(STATUS_PENDING, second.Start(file, 20000));
    EXPECT_STATUS(STATUS_SUCCESS, second.Wait());
    EXPECT_EQ(std::vector<std::string>{"x"}, second.Texts());
}

TEST_F(BatchTest, ClosingTheHandleEndsWaitingRequests)
{
    Batch batches[5];
    File file = BoundWithRing();
    for (Batch& batch : batches) {
        EXPECT_STATUS(STATUS_PENDING, batch.Start(file));
    }
    file.Close();
    for (Batch& batch : batches) {
        EXPECT_STATUS(STATUS_CANCELLED, batch.Wait());
    }
}

TEST_F(BatchTest, TheDriverIsUnloadedWhileARequestWaits)
{
    Batch batch;
    {
        File file = BoundWithRing();
        EXPECT_STATUS(STATUS_PENDING, batch.Start(file));
    }
    Unload();
    EXPECT_STATUS(STATUS_CANCELLED, batch.Wait());
}

TEST_F(BatchTest, ADeadSocketEndsWaitingRequests)
{
    File file = BoundWithRing();
    Batch waiting, later;
    EXPECT_STATUS(STATUS_PENDING, waiting.Start(file));
    WskHostForceClose();
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, waiting.Wait());
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, later.Finish(file));
}

/* A request is cancelled while a datagram for it arrives: either has it, or the next request. */
TEST_F(BatchTest, NothingIsLostWhenARequestIsCancelled)
{
    peer::Udp other;
    File file = BoundWithRing();
    USHORT port = file.Port();
    for (int round = 0; round < 500; round++) {
        Batch batch;
        batch.Start(file);
        std::thread canceller([&] {
            Dawdle(std::chrono::microseconds(round % 50));
            batch.Cancel();
        });
        ASSERT_TRUE(other.SendTo(port, std::to_string(round)));
        canceller.join();
        NTSTATUS status = batch.Wait();
        std::vector<std::string> got = status == STATUS_SUCCESS ? batch.Texts() : ReceiveAll(file, 1);
        ASSERT_TRUE(status == STATUS_SUCCESS || status == STATUS_CANCELLED) << status;
        ASSERT_EQ(std::vector<std::string>{std::to_string(round)}, got);
    }
}

/* ---- bad input --------------------------------------------------------------------------------------- */

TEST_F(BatchTest, BadRingsAreRefused)
{
    peer::Udp other;
    File file = BoundDatagram();
    for (ULONG64 bytes :
         {(ULONG64)0, (ULONG64)1, (ULONG64)WSKB_MINIMUM_RING - 1, (ULONG64)WSKB_MAXIMUM_RING + 1,
          (ULONG64)0xFFFFFFFF, (ULONG64)1 << 40, ~(ULONG64)0}) {
        EXPECT_STATUS(STATUS_INVALID_PARAMETER, SetRing(file, bytes)) << bytes;
    }
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, SetRing(file, kRing, 0x80000000));
    ASSERT_TRUE(other.SendTo(file.Port(), "x"));
    Datagram datagram;
    datagram.Start(file);
    EXPECT_STATUS(STATUS_SUCCESS, datagram.Wait()) << "none of them has decided how the socket receives";
}

TEST_F(BatchTest, OnlyABoundDatagramSocketHasARing)
{
    File fresh, unbound;
    File tcp = BoundConnection();
    File listener = Listener();
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, SetRing(fresh));
    ASSERT_STATUS(STATUS_SUCCESS, unbound.Create(WSKB_CATEGORY_DATAGRAM));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, SetRing(unbound));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, SetRing(tcp));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, SetRing(listener));
}

TEST_F(BatchTest, ASocketReceivesInOneWay)
{
    File ring = BoundWithRing();
    File each = BoundDatagram();
    Datagram refused, waiting;
    Batch batch;
    WSKB_RING_STATE state;
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, SetRing(ring)) << "it has one";
    refused.Start(ring);
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, refused.Wait());
    EXPECT_STATUS(STATUS_PENDING, waiting.Start(each));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, SetRing(each));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, batch.Finish(each));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE,
                  each.Control(IOCTL_WSKB_GET_RECEIVE_RING, nullptr, 0, &state, sizeof state));
    waiting.Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, waiting.Wait());
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, SetRing(each)) << "decided for its life";
}

TEST_F(BatchTest, TheOutputNeedsRoomForAnyDatagram)
{
    File file = BoundWithRing();
    for (size_t room : {(size_t)24, (size_t)1000, (size_t)WSKB_MINIMUM_BATCH - 1}) {
        Batch batch(room);
        EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, batch.Finish(file)) << room;
    }
    Batch huge(WSKB_MAXIMUM_TRANSFER + 4096);
    EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, huge.Finish(file));
}

/* ---- limits and faults ------------------------------------------------------------------------------- */

TEST_F(BatchTest, RingsCountForTheProcess)
{
    std::vector<File> files;
    for (uint64_t bytes = 0; bytes < WSKB_MAXIMUM_BYTES; bytes += WSKB_MAXIMUM_RING) {
        files.push_back(BoundWithRing(WSKB_MAXIMUM_RING));
    }
    File file = BoundDatagram();
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED, SetRing(file));
    Batch batch;
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED, batch.Finish(files.front()));
    files.pop_back();
    EXPECT_TRUE(Await([&] { return SetRing(file) == STATUS_SUCCESS; }));
}

TEST_F(BatchTest, TooManyRequestsThatWait)
{
    File file = BoundWithRing();
    std::vector<std::unique_ptr<Batch>> batches;
    for (ULONG index = 0; index < WSKB_MAXIMUM_OPERATIONS; index++) {
        batches.push_back(std::make_unique<Batch>());
        ASSERT_STATUS(STATUS_PENDING, batches.back()->Start(file));
    }
    Batch refused;
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED, refused.Finish(file));
    file.Close();
    for (const auto& batch : batches) {
        ASSERT_STATUS(STATUS_CANCELLED, batch->Wait());
    }
}

TEST_F(BatchTest, ARingThatCannotBeMadeLeavesNothing)
{
    File file = BoundDatagram();
    HostFailAllocation(1, kRingTag);
    EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES, SetRing(file, kRing, WSKB_RING_HOLDS_BACK));
    HostFailAllocation(0, 0);
    WskHostFailCall(1, STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES, SetRing(file, kRing, WSKB_RING_HOLDS_BACK));
    Batch batch;
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, batch.Finish(file));
    EXPECT_STATUS(STATUS_SUCCESS, SetRing(file));
}

/* Enabling the event again fails once, after the ring was full. A request that waits by then fails with that
 * status, and the next one tries again. */
TEST_F(BatchTest, AResumeThatFailsLosesNothing)
{
    peer::Udp other;
    File file = BoundWithRing(kRing, WSKB_RING_HOLDS_BACK, 4);
    std::vector<std::string> got;
    SendAll(other, file, Numbers(0, 4));
    ASSERT_TRUE(AwaitInRing(file, 4));
    SendAll(other, file, Numbers(4, 7));
    Settle();
    WskHostFailCall(2, STATUS_INSUFFICIENT_RESOURCES); /* the first call disables the event */
    EXPECT_EQ(Numbers(0, 4), ReceiveAll(file, 4));
    while (got.size() < 3) {
        Batch batch;
        NTSTATUS status = batch.Finish(file);
        ASSERT_TRUE(status == STATUS_SUCCESS || status == STATUS_INSUFFICIENT_RESOURCES) << status;
        for (const std::string& text : NT_SUCCESS(status) ? batch.Texts() : std::vector<std::string>{}) {
            got.push_back(text);
        }
    }
    WskHostFailCall(0, STATUS_SUCCESS);
    EXPECT_EQ(Numbers(4, 7), got);
}

/* Also one of WSK's, which then loses what it was for. */
TEST_F(BatchTest, EachAllocationFailsOnce)
{
    int successes = 0;
    ULONG nth = 0;
    while (successes < 10 && nth < 500) {
        peer::Udp other;
        NTSTATUS status;
        HostFailAllocation(++nth, 0);
        File file;
        Batch batch;
        if (!NT_SUCCESS(status = file.OpenStatus()) ||
            !NT_SUCCESS(status = file.Create(WSKB_CATEGORY_DATAGRAM)) ||
            !NT_SUCCESS(status = file.Bind(Loopback(WSKB_AF_INET, 0))) ||
            !NT_SUCCESS(status = SetRing(file, kRing, WSKB_RING_HOLDS_BACK))) {
            successes = 0;
        } else {
            batch.Start(file);
            EXPECT_TRUE(Await([&] {
                USHORT port = file.Port();
                return (port != 0 && other.SendTo(port, "x")) && batch.Done(20);
            }));
            status = batch.Wait();
            successes = NT_SUCCESS(status) ? successes + 1 : 0;
        }
        HostFailAllocation(0, 0);
        EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_INSUFFICIENT_RESOURCES ||
                    status == STATUS_NO_MEMORY)
            << nth << " " << StatusName(status);
    }
    EXPECT_LT(nth, 500u);
    EXPECT_GT(nth, 10u);
}

TEST_F(BatchTest, TheEndOfAProcessEndsItsRings)
{
    PEPROCESS process = HostCreateProcess(HostProcessAdministrator);
    std::vector<IO_STATUS_BLOCK> blocks(20);
    std::vector<uint8_t> memory(WSKB_MINIMUM_BATCH);
    std::thread victim([&] {
        HostEnterProcess(process);
        WSKB_TRANSFER transfer = {sizeof transfer, 0, 0};
        for (IO_STATUS_BLOCK& block : blocks) {
            File file = BoundWithRing(WSKB_MINIMUM_RING, WSKB_RING_HOLDS_BACK);
            EXPECT_STATUS(STATUS_PENDING,
                          NtDeviceIoControlFile(file.Handle(), nullptr, nullptr, nullptr, &block,
                                                IOCTL_WSKB_RECEIVE_MESSAGES, &transfer, sizeof transfer,
                                                memory.data(), (ULONG)memory.size()));
            file.Release(); /* only the end of the process closes it */
        }
        HostEnterProcess(nullptr);
    });
    victim.join();
    EXPECT_EQ(blocks.size(), Statistics().OperationsInFlight);
    HostEndProcess(process);
    EXPECT_TRUE(Await([] {
        WSKB_STATISTICS statistics = Statistics();
        return statistics.OpenSockets == 0 && statistics.OperationsInFlight == 0;
    }));
}

/* Nobody receives from some sockets, and their rings are full, in both ways. */
TEST_F(BatchTest, FullRingsDisturbNoOtherSocket)
{
    peer::Udp other;
    File drops = BoundWithRing(kRing, 0, 1);
    File holds = BoundWithRing(kRing, WSKB_RING_HOLDS_BACK, 1);
    File file = BoundWithRing();
    for (int round = 0; round < 200; round++) {
        ASSERT_TRUE(other.SendTo(drops.Port(), "lost"));
        ASSERT_TRUE(other.SendTo(holds.Port(), "kept"));
        ASSERT_TRUE(other.SendTo(file.Port(), std::to_string(round)));
        ASSERT_EQ(std::vector<std::string>{std::to_string(round)}, ReceiveAll(file, 1));
    }
    EXPECT_LE(190u, StateOf(drops).Overruns);
    EXPECT_EQ(1u, StateOf(holds).Datagrams);
}

/* ---- all at once ------------------------------------------------------------------------------------- */

/* Two senders, and three receivers that sometimes cancel. Last, each receiver gets one datagram more, and one
 * request waits while the handle is closed. */
TEST_F(BatchTest, EverythingAtOnce)
{
    constexpr int kSenders = 2, kCount = 2000, kReceivers = 3, kWindow = 100;
    for (ULONG flags : {0u, (ULONG)WSKB_RING_HOLDS_BACK}) {
        File file = BoundWithRing(WSKB_MINIMUM_RING, flags, flags == 0 ? 0 : 40);
        USHORT port = file.Port();
        HANDLE handle = file.Handle();
        std::atomic<int> sent{0}, got{0};
        std::atomic<int> running{kReceivers};
        std::atomic<bool> over{false};
        std::vector<std::thread> threads;
        std::mutex lock;
        std::vector<int> seen(kCount);
        for (int receiver = 0; receiver < kReceivers; receiver++) {
            threads.emplace_back([&, receiver] {
                for (int round = receiver; !over; round++) {
                    Batch batch;
                    batch.Start(handle);
                    if (round % 3 == 0) {
                        batch.Cancel();
                    }
                    NTSTATUS status = batch.Wait();
                    ASSERT_TRUE(status == STATUS_SUCCESS || status == STATUS_CANCELLED) << status;
                    if (status == STATUS_SUCCESS) {
                        std::lock_guard<std::mutex> guard(lock);
                        for (const std::string& text : batch.Texts()) {
                            seen[(size_t)std::stoi(text)]++;
                            got++;
                        }
                    }
                }
                running--;
            });
        }
        std::vector<std::thread> senders;
        for (int sender = 0; sender < kSenders; sender++) {
            senders.emplace_back([&] {
                peer::Udp other;
                for (int number = 0; number < kCount; number++) {
                    ASSERT_TRUE(Await([&] { return sent - got < kWindow; }));
                    sent++;
                    ASSERT_TRUE(other.SendTo(port, std::to_string(number)));
                }
            });
        }
        for (std::thread& thread : senders) {
            thread.join();
        }
        EXPECT_TRUE(Await([&] { return got == kSenders * kCount; })) << got;
        EXPECT_EQ(std::vector<int>(kCount, kSenders), seen);
        over = true;
        peer::Udp last;
        EXPECT_TRUE(Await([&] {
            last.SendTo(port, "0");
            return running == 0;
        }));
        for (std::thread& thread : threads) {
            thread.join();
        }
        while (StateOf(file).Datagrams != 0) {
            (void)ReceiveAll(file, 1);
        }
        Batch waiting;
        waiting.Start(file);
        file.Close();
        NTSTATUS status = waiting.Wait();
        EXPECT_TRUE(status == STATUS_CANCELLED || status == STATUS_SUCCESS);
    }
}
