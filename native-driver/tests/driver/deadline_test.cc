/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests with a timeout: when they end, with what, and what the socket can do afterwards.
 */
#include "support.h"

#include <algorithm>
#include <chrono>

class DeadlineTest : public DriverTest {};

namespace {

using Clock = std::chrono::steady_clock;

/* Milliseconds since a time. */
double Since(Clock::time_point start)
{
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

NTSTATUS DisconnectWithin(Request* request, const File& file, ULONG timeout)
{
    WSKB_TRANSFER in = {sizeof in, 0, timeout};
    return request->Start(file, IOCTL_WSKB_DISCONNECT, &in, sizeof in, nullptr, 0);
}

std::string TextOf(const Transfer& transfer)
{
    return std::string(transfer.Data().begin(), transfer.Data().begin() + (long)transfer.Information());
}

} // namespace

/* Never early on the embedded host, whose clock has no coarse ticks. A busy machine may be late, so the best
 * of several counts. */
TEST_F(DeadlineTest, IsKeptToTwentyMilliseconds)
{
    File file = BoundDatagram();
    for (ULONG timeout : {1u, 7u, 30u, 100u}) {
        double latest = 1000;
        for (int i = 0; i < 5; i++) {
            Datagram datagram;
            auto start = Clock::now();
            ASSERT_STATUS(STATUS_PENDING, datagram.Start(file, timeout));
            EXPECT_STATUS(STATUS_IO_TIMEOUT, datagram.Wait());
            double took = Since(start);
            EXPECT_GE(took, timeout - 16.0);
            latest = std::min(latest, took - timeout);
        }
        EXPECT_LE(latest, 20) << timeout;
    }
}

TEST_F(DeadlineTest, ADatagramSocketStaysUsable)
{
    peer::Udp other;
    File file = BoundDatagram();
    for (int i = 0; i < 3; i++) {
        Datagram late;
        ASSERT_STATUS(STATUS_PENDING, late.Start(file, 10));
        EXPECT_STATUS(STATUS_IO_TIMEOUT, late.Wait());
        EXPECT_EQ(0u, late.Information());
        Datagram inTime;
        ASSERT_STATUS(STATUS_PENDING, inTime.Start(file, 20000));
        ASSERT_TRUE(other.SendTo(file.Port(), "still here"));
        EXPECT_STATUS(STATUS_SUCCESS, inTime.Wait());
        EXPECT_EQ("still here", inTime.Text());
        EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(Loopback(WSKB_AF_INET, other.Port()), "and answers"));
        EXPECT_EQ("and answers", other.ReceiveText());
    }
}

TEST_F(DeadlineTest, AConnectMayBeTriedAgain)
{
    peer::TcpListener full(4, 0);
    peer::TcpListener listener;
    full.Fill();
    File file = BoundConnection();
    PendingConnect connect;
    ASSERT_STATUS(STATUS_PENDING, connect.Start(file, Loopback(WSKB_AF_INET, full.Port()), 20));
    EXPECT_STATUS(STATUS_IO_TIMEOUT, connect.Wait());
    EXPECT_STATUS(STATUS_SUCCESS, file.Connect(Loopback(WSKB_AF_INET, listener.Port())));
}

/* The connection that comes after the deadline is the next accept's. */
TEST_F(DeadlineTest, AnAcceptLosesNoConnection)
{
    File listener = Listener();
    PendingAccept late;
    ASSERT_STATUS(STATUS_PENDING, late.Start(listener, 20));
    EXPECT_STATUS(STATUS_IO_TIMEOUT, late.Wait());
    peer::Tcp other = peer::Tcp::Connect(4, listener.Port());
    ASSERT_TRUE(other.IsOpen());
    PendingAccept next;
    (void)next.Start(listener, 20000);
    ASSERT_STATUS(STATUS_SUCCESS, next.Wait());
    File file;
    EXPECT_STATUS(STATUS_SUCCESS, file.Attach(next.Result().Token));
}

/* A plain receive has taken nothing, so the stream goes on. */
TEST_F(DeadlineTest, AReceiveLosesNoBytes)
{
    peer::Tcp other;
    File file = Connected(&other);
    Transfer late;
    ASSERT_STATUS(STATUS_PENDING, late.StartReceive(file, 10, 0, 20));
    EXPECT_STATUS(STATUS_IO_TIMEOUT, late.Wait());
    ASSERT_TRUE(other.SendAll("whole"));
    Transfer next;
    (void)next.StartReceive(file, 5, WSKB_RECEIVE_WAITALL, 20000);
    ASSERT_STATUS(STATUS_SUCCESS, next.Wait());
    EXPECT_EQ("whole", TextOf(next));
}

/* WSK does not say how many bytes it took, so receiving ends. Sending goes on. */
TEST_F(DeadlineTest, AReceiveOfAllThatReportsNoBytesEndsReceiving)
{
    peer::Tcp other;
    File file = Connected(&other);
    Transfer late;
    Transfer behind;
    ASSERT_STATUS(STATUS_PENDING, late.StartReceive(file, 10, WSKB_RECEIVE_WAITALL, 30));
    ASSERT_STATUS(STATUS_PENDING, behind.StartReceive(file, 10, 0, 0));
    EXPECT_STATUS(STATUS_IO_TIMEOUT, late.Wait());
    EXPECT_STATUS(STATUS_CONNECTION_ABORTED, behind.Wait());
    ASSERT_TRUE(other.SendAll("lost"));
    char byte;
    ULONG_PTR moved;
    EXPECT_STATUS(STATUS_CONNECTION_ABORTED, file.Receive(&byte, 1, &moved));
    EXPECT_STATUS(STATUS_SUCCESS, file.Send("sent", 4));
    EXPECT_EQ("sent", other.ReceiveText(4));
}

/* Bytes that WSK reports are a result: nothing is lost. */
TEST_F(DeadlineTest, AReceiveOfAllSucceedsWithTheBytesThatCame)
{
    peer::Tcp other;
    File file = Connected(&other);
    Transfer some;
    ASSERT_STATUS(STATUS_PENDING, some.StartReceive(file, 10, WSKB_RECEIVE_WAITALL, 300));
    ASSERT_TRUE(other.SendAll("some"));
    EXPECT_STATUS(STATUS_SUCCESS, some.Wait());
    EXPECT_EQ("some", TextOf(some));
    ASSERT_TRUE(other.SendAll("more"));
    char rest[4];
    ULONG_PTR moved;
    EXPECT_STATUS(STATUS_SUCCESS, file.Receive(rest, sizeof rest, &moved));
    EXPECT_EQ("more", std::string(rest, moved));
}

/* The peer reads nothing. What went out is reported, and nothing can follow it. */
TEST_F(DeadlineTest, ASendThatIsCutShortEndsSending)
{
    peer::Tcp other;
    File file = Connected(&other);
    std::vector<uint8_t> data = Pattern(WSKB_MAXIMUM_TRANSFER, 3);
    Transfer late;
    Transfer behind;
    ASSERT_STATUS(STATUS_PENDING, late.StartSend(file, data, 0, 50));
    ASSERT_STATUS(STATUS_PENDING, behind.StartSend(file, Pattern(10, 4)));
    NTSTATUS status = late.Wait();
    EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_IO_TIMEOUT) << std::hex << status;
    EXPECT_LT(late.Information(), data.size());
    EXPECT_STATUS(STATUS_CONNECTION_ABORTED, behind.Wait());
    EXPECT_STATUS(STATUS_CONNECTION_ABORTED, file.Send("more", 4));
    std::vector<uint8_t> received(late.Information());
    ASSERT_TRUE(other.ReceiveAll(received.data(), received.size()));
    EXPECT_TRUE(std::equal(received.begin(), received.end(), data.begin()));
    ASSERT_TRUE(other.SendAll("heard"));
    char text[5];
    ULONG_PTR moved;
    EXPECT_STATUS(STATUS_SUCCESS, file.Receive(text, sizeof text, &moved));
}

/* Only the one that waits for the peer can time out: others end at once. */
TEST_F(DeadlineTest, ADisconnectBehindASendTimesOut)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    Request disconnect;
    ASSERT_STATUS(STATUS_PENDING, DisconnectWithin(&disconnect, file, 30));
    EXPECT_STATUS(STATUS_IO_TIMEOUT, disconnect.Wait());
    EXPECT_FALSE(send.Done());
    std::vector<uint8_t> received(send.Data().size());
    ASSERT_TRUE(other.ReceiveAll(received.data(), received.size()));
    EXPECT_STATUS(STATUS_SUCCESS, send.Wait());
    EXPECT_TRUE(received == send.Data());
    EXPECT_STATUS(STATUS_SUCCESS, file.Disconnect());
}

TEST_F(DeadlineTest, EachHasItsOwn)
{
    static const ULONG timeouts[] = {120, 40, 0, 80, 0xFFFFFFFF, 10};
    File file = BoundDatagram();
    std::vector<std::unique_ptr<Datagram>> datagrams;
    for (ULONG timeout : timeouts) {
        datagrams.push_back(std::make_unique<Datagram>());
        ASSERT_STATUS(STATUS_PENDING, datagrams.back()->Start(file, timeout));
    }
    for (size_t index : {5, 1, 3, 0}) {
        EXPECT_STATUS(STATUS_IO_TIMEOUT, datagrams[index]->Wait());
    }
    EXPECT_FALSE(datagrams[2]->Done(50));
    EXPECT_FALSE(datagrams[4]->Done());
    file.Close();
    EXPECT_STATUS(STATUS_CANCELLED, datagrams[2]->Wait());
    EXPECT_STATUS(STATUS_CANCELLED, datagrams[4]->Wait());
}

/* Longer than a turn of the wheel, beside one that keeps the timer busy meanwhile. */
TEST_F(DeadlineTest, OneOfSecondsIsKept)
{
    constexpr ULONG kLong = 4300;
    File file = BoundDatagram();
    File idle = BoundDatagram();
    Datagram slow;
    Datagram alone;
    auto start = Clock::now();
    ASSERT_STATUS(STATUS_PENDING, slow.Start(file, kLong));
    ASSERT_STATUS(STATUS_PENDING, alone.Start(idle, kLong + 50));
    while (Since(start) < kLong - 100) {
        Datagram fast;
        ASSERT_STATUS(STATUS_PENDING, fast.Start(file, 40));
        EXPECT_STATUS(STATUS_IO_TIMEOUT, fast.Wait());
        ASSERT_FALSE(slow.Done());
    }
    EXPECT_STATUS(STATUS_IO_TIMEOUT, slow.Wait());
    EXPECT_GE(Since(start), kLong - 16.0);
    EXPECT_STATUS(STATUS_IO_TIMEOUT, alone.Wait());
    EXPECT_LE(Since(start), kLong + 2000.0);
}

/* More than one call of the timer ends. */
TEST_F(DeadlineTest, ThousandsEndAtTheSameTime)
{
    File file = BoundDatagram();
    std::vector<std::unique_ptr<Datagram>> datagrams;
    for (int i = 0; i < 3000; i++) {
        datagrams.push_back(std::make_unique<Datagram>(16));
        ASSERT_STATUS(STATUS_PENDING, datagrams.back()->Start(file, 300));
    }
    for (auto& datagram : datagrams) {
        EXPECT_STATUS(STATUS_IO_TIMEOUT, datagram->Wait());
    }
    Datagram next;
    ASSERT_STATUS(STATUS_PENDING, next.Start(file, 10));
    EXPECT_STATUS(STATUS_IO_TIMEOUT, next.Wait());
}

TEST_F(DeadlineTest, ACancelThatComesFirstCounts)
{
    File file = BoundDatagram();
    Datagram datagram;
    ASSERT_STATUS(STATUS_PENDING, datagram.Start(file, 20000));
    EXPECT_STATUS(STATUS_SUCCESS, datagram.Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, datagram.Wait());
}

/* A datagram that arrives at the deadline is the result, or stays for the next receive; so all arrive, in
 * order. */
TEST_F(DeadlineTest, NoDatagramIsLostInTheRace)
{
    constexpr int kCount = 300;
    peer::Udp other;
    File file = BoundDatagram();
    USHORT port = file.Port();
    std::thread sender([&] {
        for (int i = 0; i < kCount; i++) {
            Dawdle(std::chrono::microseconds(i % 7 * 1000));
            ASSERT_TRUE(other.SendTo(port, std::to_string(i)));
        }
    });
    int timeouts = 0;
    for (int next = 0; next < kCount;) {
        Datagram datagram;
        (void)datagram.Start(file, (ULONG)(1 + next % 4));
        NTSTATUS status = datagram.Wait();
        if (status == STATUS_IO_TIMEOUT) {
            timeouts++;
            ASSERT_LT(timeouts, 100000);
            continue;
        }
        ASSERT_STATUS(STATUS_SUCCESS, status);
        ASSERT_EQ(std::to_string(next), datagram.Text());
        next++;
    }
    sender.join();
    EXPECT_GT(timeouts, 0);
}

/* Deadline, cancel, close and arrival of data at about the same time: each request ends once, with one of the
 * outcomes, and nothing is left. */
TEST_F(DeadlineTest, RacesWithCancelsAndCloses)
{
    for (int round = 0; round < 200; round++) {
        peer::Udp other;
        File file = BoundDatagram();
        USHORT port = file.Port();
        Datagram datagrams[3];
        for (Datagram& datagram : datagrams) {
            ASSERT_STATUS(STATUS_PENDING, datagram.Start(file, 1 + (ULONG)(round % 3)));
        }
        std::thread sender([&] {
            Dawdle(std::chrono::microseconds(round * 37 % 4000));
            other.SendTo(port, "x");
        });
        Dawdle(std::chrono::microseconds(round * 53 % 4000));
        (void)datagrams[1].Cancel();
        if (round % 2 != 0) {
            file.Close();
        }
        for (Datagram& datagram : datagrams) {
            NTSTATUS status = datagram.Wait();
            EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_IO_TIMEOUT || status == STATUS_CANCELLED)
                << std::hex << status;
        }
        sender.join();
    }
}
