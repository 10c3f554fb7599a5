/* SPDX-License-Identifier: Apache-2.0
 *
 * Many operations in flight, and cancellation of any of them at any time: each completes exactly once, and
 * bytes that moved are never reported as cancelled.
 */
#include "support.h"

#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "race.h"

class OutstandingTest : public DriverTest {};

namespace {

constexpr size_t kRoom = sizeof(WSKB_DATAGRAM) + 64;

/* Receives that complete to a port. */
struct Receives {
    Port port;
    WSKB_TRANSFER header = {sizeof header, 0, 0};
    std::vector<IO_STATUS_BLOCK> blocks;
    std::vector<uint8_t> memory;

    explicit Receives(size_t count) : blocks(count), memory(count * kRoom, 0xEE)
    {
    }

    void Start(const File& file, size_t index)
    {
        ASSERT_STATUS(STATUS_PENDING,
                      NtDeviceIoControlFile(file.Handle(), nullptr, nullptr, &blocks[index], &blocks[index],
                                            IOCTL_WSKB_RECEIVE_FROM, &header, sizeof header,
                                            &memory[index * kRoom], (ULONG)kRoom));
    }

    NTSTATUS Cancel(const File& file, size_t index)
    {
        IO_STATUS_BLOCK result;
        return NtCancelIoFileEx(file.Handle(), &blocks[index], &result);
    }

    size_t IndexOf(const FILE_IO_COMPLETION_INFORMATION& packet) const
    {
        return (size_t)((PIO_STATUS_BLOCK)packet.ApcContext - blocks.data());
    }

    std::string Text(size_t index, ULONG_PTR information) const
    {
        auto* at = reinterpret_cast<const char*>(&memory[index * kRoom]);
        return std::string(at + sizeof(WSKB_DATAGRAM), information - sizeof(WSKB_DATAGRAM));
    }

    /* Takes count packets; each must belong to a receive that has not been seen yet. */
    std::vector<FILE_IO_COMPLETION_INFORMATION> Take(size_t count, std::set<size_t>* seen) const
    {
        auto packets = port.Take(count);
        for (const auto& packet : packets) {
            EXPECT_TRUE(seen->insert(IndexOf(packet)).second);
            EXPECT_STATUS(blocks[IndexOf(packet)].Status, packet.IoStatusBlock.Status);
        }
        return packets;
    }
};

} // namespace

TEST_F(OutstandingTest, AThousandReceivesOnOneSocket)
{
    constexpr size_t kCount = 1000;
    peer::Udp other;
    File file = BoundDatagram();
    Receives receives(kCount);
    std::set<size_t> seen;
    receives.port.Associate(file);
    for (size_t i = 0; i < kCount; i++) {
        receives.Start(file, i);
    }
    EXPECT_EQ(kCount, Statistics().OperationsInFlight);

    /* Cancel every third one. */
    size_t cancelled = 0;
    for (size_t i = 0; i < kCount; i += 3, cancelled++) {
        EXPECT_STATUS(STATUS_SUCCESS, receives.Cancel(file, i));
    }
    for (const auto& packet : receives.Take(cancelled, &seen)) {
        EXPECT_STATUS(STATUS_CANCELLED, packet.IoStatusBlock.Status);
        EXPECT_EQ(0u, receives.IndexOf(packet) % 3);
    }
    EXPECT_TRUE(receives.port.Empty());
    EXPECT_STATUS(STATUS_NOT_FOUND, receives.Cancel(file, 0));

    /* A hundred get a datagram each. */
    std::set<std::string> texts;
    for (int i = 0; i < 100; i++) {
        ASSERT_TRUE(other.SendTo(file.Port(), std::to_string(i)));
    }
    for (const auto& packet : receives.Take(100, &seen)) {
        EXPECT_STATUS(STATUS_SUCCESS, packet.IoStatusBlock.Status);
        texts.insert(receives.Text(receives.IndexOf(packet), packet.IoStatusBlock.Information));
    }
    EXPECT_EQ(100u, texts.size());

    /* Close with the others pending. */
    file.Close();
    for (const auto& packet : receives.Take(kCount - cancelled - 100, &seen)) {
        EXPECT_STATUS(STATUS_CANCELLED, packet.IoStatusBlock.Status);
    }
    EXPECT_EQ(kCount, seen.size());
    EXPECT_TRUE(receives.port.Empty());
}

TEST_F(OutstandingTest, CancelAllOfAFileLeavesOtherFilesAlone)
{
    File one = BoundDatagram();
    File two = BoundDatagram();
    Receives first(100);
    Receives second(100);
    std::set<size_t> seen;
    IO_STATUS_BLOCK result;
    first.port.Associate(one);
    second.port.Associate(two);
    for (size_t i = 0; i < 100; i++) {
        first.Start(one, i);
        second.Start(two, i);
    }
    EXPECT_STATUS(STATUS_SUCCESS, NtCancelIoFileEx(one.Handle(), nullptr, &result));
    EXPECT_EQ(100u, first.Take(100, &seen).size());
    EXPECT_TRUE(second.port.Empty());
    two.Close();
    seen.clear();
    second.Take(100, &seen);
}

TEST_F(OutstandingTest, AThousandSocketsWithOneReceiveEach)
{
    constexpr size_t kCount = 1000;
    peer::Udp other;
    Receives receives(kCount);
    std::vector<File> files;
    std::set<size_t> seen;
    for (size_t i = 0; i < kCount; i++) {
        files.push_back(BoundDatagram());
        receives.port.Associate(files.back());
        receives.Start(files.back(), i);
    }
    EXPECT_EQ(kCount, Statistics().OpenSockets);
    for (size_t i = 0; i < kCount; i += 2) {
        ASSERT_TRUE(other.SendTo(files[i].Port(), std::to_string(i)));
    }
    for (const auto& packet : receives.Take(kCount / 2, &seen)) {
        size_t index = receives.IndexOf(packet);
        EXPECT_STATUS(STATUS_SUCCESS, packet.IoStatusBlock.Status);
        EXPECT_EQ(std::to_string(index), receives.Text(index, packet.IoStatusBlock.Information));
    }
    files.clear();
    for (const auto& packet : receives.Take(kCount / 2, &seen)) {
        EXPECT_STATUS(STATUS_CANCELLED, packet.IoStatusBlock.Status);
    }
    EXPECT_EQ(kCount, seen.size());
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
}

/* A datagram that arrives while its receive is cancelled goes to that receive or to the next one. */
TEST_F(OutstandingTest, CancelAgainstArrivalLosesNoDatagram)
{
    peer::Udp other;
    File file = BoundDatagram();
    USHORT port = file.Port();
    std::atomic<int> round{-1};
    std::atomic<bool> stop{false};
    std::thread sender([&] {
        for (int sent = -1; Await([&] { return stop || round != sent; }) && !stop;) {
            sent = round;
            EXPECT_TRUE(other.SendTo(port, std::to_string(sent)));
        }
    });
    for (int i = 0; i < 1500; i++) {
        Datagram first;
        Datagram second;
        ASSERT_STATUS(STATUS_PENDING, first.Start(file));
        round = i;
        Dawdle(std::chrono::nanoseconds(i % 64 * 400));
        first.Cancel();
        NTSTATUS status = first.Wait();
        Datagram* winner = &first;
        if (status == STATUS_CANCELLED) {
            EXPECT_EQ(0u, first.Information());
            second.Start(file);
            status = second.Wait();
            winner = &second;
        }
        ASSERT_STATUS(STATUS_SUCCESS, status);
        ASSERT_EQ(std::to_string(i), winner->Text());
    }
    stop = true;
    sender.join();
}

/* Threads post receives while datagrams arrive, so that a receive often completes before the call that posted
 * it has returned. Requests must still complete in the order of their datagrams. */
TEST_F(OutstandingTest, RequestsCompleteInTheOrderOfTheirDatagrams)
{
    constexpr size_t kCount = 20000;
    constexpr size_t kAhead = 8;
    peer::Udp other;
    File file = BoundDatagram();
    USHORT port = file.Port();
    Receives receives(kCount);
    receives.port.Associate(file);
    std::atomic<size_t> posted{0};
    std::atomic<size_t> completed{0};
    std::vector<std::thread> posters;
    for (int i = 0; i < 4; i++) {
        posters.emplace_back([&] {
            for (size_t mine = posted++; mine < kCount; mine = posted++) {
                while (mine >= completed + kAhead) {
                    std::this_thread::yield();
                }
                receives.Start(file, mine);
            }
        });
    }
    std::thread sender([&] {
        for (size_t sent = 0; sent < kCount; sent++) {
            while (sent >= completed + kAhead) {
                std::this_thread::yield();
            }
            ASSERT_TRUE(other.SendTo(port, std::to_string(sent)));
        }
    });
    while (completed < kCount) {
        auto packets = receives.port.Take(1);
        EXPECT_EQ(1u, packets.size());
        if (packets.size() == 1) {
            EXPECT_EQ(std::to_string(completed),
                      receives.Text(receives.IndexOf(packets[0]), packets[0].IoStatusBlock.Information));
        }
        completed++;
    }
    sender.join();
    for (auto& poster : posters) {
        poster.join();
    }
}

/* The same for a stream: no byte may be lost or out of order, whatever is cancelled. */
TEST_F(OutstandingTest, CancelAgainstArrivalLosesNoByte)
{
    constexpr size_t kTotal = 256 << 10;
    peer::Tcp other;
    File file = Connected(&other);
    std::vector<uint8_t> data = Pattern(kTotal, 9);
    std::thread sender([&] {
        for (size_t sent = 0; sent < kTotal; sent += 64) {
            EXPECT_TRUE(other.SendAll(&data[sent], 64));
        }
        other.ShutdownSend();
    });
    std::vector<uint8_t> received;
    for (uint32_t i = 0;; i++) {
        Transfer receive;
        receive.StartReceive(file, 1024);
        Dawdle(std::chrono::nanoseconds(i % 16 * 400));
        receive.Cancel();
        NTSTATUS status = receive.Wait();
        if (status == STATUS_CANCELLED) {
            ASSERT_EQ(0u, receive.Information());
            continue;
        }
        ASSERT_STATUS(STATUS_SUCCESS, status);
        if (receive.Information() == 0) {
            break;
        }
        received.insert(received.end(), receive.Data().begin(),
                        receive.Data().begin() + (long)receive.Information());
    }
    sender.join();
    EXPECT_TRUE(received == data);
}

/* Several threads submit, several cancel, a peer sends; every request completes once. */
class CancellerTest : public OutstandingTest {
  protected:
    static constexpr int kThreads = 3;
    static constexpr int kRounds = 40;
    static constexpr size_t kBatch = 16;

    void Submit(const File& file)
    {
        Receives receives(kBatch);
        receives.port.Associate(file);
        for (int round = 0; round < kRounds; round++) {
            std::set<size_t> seen;
            for (size_t i = 0; i < kBatch; i++) {
                receives.Start(file, i);
            }
            for (const auto& packet : receives.Take(kBatch, &seen)) {
                NTSTATUS status = packet.IoStatusBlock.Status;
                EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_CANCELLED) << StatusName(status);
                (status == STATUS_SUCCESS ? succeeded_ : cancelled_)++;
            }
            EXPECT_TRUE(receives.port.Empty());
        }
    }

    static void CancelEach(const std::vector<File>& files)
    {
        for (const File& file : files) {
            IO_STATUS_BLOCK result;
            NtCancelIoFileEx(file.Handle(), nullptr, &result);
            std::this_thread::yield();
        }
    }

    /* Others cancel this too. */
    static USHORT PortOf(const File& file)
    {
        WSKB_SOCKADDR address;
        while (file.LocalAddress(&address) == STATUS_CANCELLED) {
        }
        return HostPort(address);
    }

    std::atomic<uint64_t> succeeded_{0};
    std::atomic<uint64_t> cancelled_{0};
};

TEST_F(CancellerTest, SubmittersAgainstCancellers)
{
    peer::Udp other;
    std::vector<File> files;
    std::vector<USHORT> ports;
    Race race;
    for (int i = 0; i < kThreads; i++) {
        files.push_back(BoundDatagram());
    }
    for (const File& file : files) {
        race.Run([&] { Submit(file); });
    }
    for (int t = 0; t < 2; t++) {
        race.Repeat([&] { CancelEach(files); });
    }
    for (const File& file : files) {
        ports.push_back(PortOf(file));
    }
    race.Repeat([&] {
        for (USHORT port : ports) {
            other.SendTo(port, "x");
        }
        std::this_thread::yield();
    });
    race.Stop();
    EXPECT_EQ((uint64_t)kThreads * kRounds * kBatch, succeeded_ + cancelled_);
    EXPECT_EQ(succeeded_, Statistics().ReceivedDatagrams);
}

/* A buffer belongs to the driver until the completion, and only to the caller after it. */
TEST_F(OutstandingTest, ACancelledBufferIsLeftAlone)
{
    peer::Udp other;
    File file = BoundDatagram();
    for (int i = 0; i < 200; i++) {
        WSKB_TRANSFER in = {sizeof in, 0, 0};
        std::vector<uint8_t> buffer(kRoom, 0xEE);
        Request request;
        request.Start(file, IOCTL_WSKB_RECEIVE_FROM, &in, sizeof in, buffer.data(), (ULONG)buffer.size());
        request.Cancel();
        ASSERT_STATUS(STATUS_CANCELLED, request.Wait());
        ASSERT_TRUE(other.SendTo(file.Port(), "late"));
        Datagram next;
        next.Start(file);
        ASSERT_STATUS(STATUS_SUCCESS, next.Wait());
        EXPECT_EQ(std::vector<uint8_t>(kRoom, 0xEE), buffer);
    }
}
