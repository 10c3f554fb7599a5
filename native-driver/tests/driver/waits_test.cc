/* SPDX-License-Identifier: Apache-2.0
 *
 * AWAIT_READABLE and AWAIT_DISCONNECTED.
 */
#include "support.h"

#include <atomic>

class WaitsTest : public DriverTest {};

namespace {

class PendingWait : public Request {
  public:
    NTSTATUS Readable(HANDLE file)
    {
        return Start(file, IOCTL_WSKB_AWAIT_READABLE, nullptr, 0, nullptr, 0);
    }
    NTSTATUS Disconnected(HANDLE file)
    {
        return Start(file, IOCTL_WSKB_AWAIT_DISCONNECTED, nullptr, 0, nullptr, 0);
    }
};

std::string Take(const File& file, ULONG length)
{
    std::string data(length, '\0');
    ULONG_PTR received = 0;
    EXPECT_STATUS(STATUS_SUCCESS, file.Receive(&data[0], length, &received));
    return data.substr(0, received);
}

/* Done or not, but not while anything is still to happen. */
bool StaysPending(PendingWait& wait)
{
    return !wait.Done(50);
}

} // namespace

TEST_F(WaitsTest, ReadableWhenDataComes)
{
    peer::Tcp other;
    File file = Connected(&other);
    PendingWait wait;
    ASSERT_STATUS(STATUS_PENDING, wait.Readable(file));
    EXPECT_TRUE(StaysPending(wait));
    ASSERT_TRUE(other.SendAll("data"));
    EXPECT_STATUS(STATUS_SUCCESS, wait.Wait());
    EXPECT_EQ("data", Take(file, 10)) << "nothing was taken";
}

TEST_F(WaitsTest, ReadableAtOnceIfThereIsData)
{
    peer::Tcp other;
    File file = Connected(&other);
    ASSERT_TRUE(other.SendAll("0123456789"));
    for (int time = 0; time < 5; time++) {
        PendingWait wait;
        NTSTATUS status = wait.Readable(file);
        EXPECT_TRUE(status == STATUS_PENDING || status == STATUS_SUCCESS);
        EXPECT_STATUS(STATUS_SUCCESS, wait.Wait());
        EXPECT_EQ(std::to_string(2 * time) + std::to_string(2 * time + 1), Take(file, 2));
    }
    PendingWait wait;
    ASSERT_STATUS(STATUS_PENDING, wait.Readable(file));
    EXPECT_TRUE(StaysPending(wait)) << "all was taken";
    ASSERT_TRUE(other.SendAll("x"));
    EXPECT_STATUS(STATUS_SUCCESS, wait.Wait());
}

TEST_F(WaitsTest, ReceivesInBetweenLoseNothing)
{
    constexpr ULONG kBytes = 2000000;
    peer::Tcp other;
    File file = Connected(&other);
    std::vector<uint8_t> data = Pattern(kBytes, 3), got;
    std::thread sender([&] {
        for (size_t sent = 0; sent < data.size();) {
            size_t length = std::min<size_t>(1 + sent % 3000, data.size() - sent);
            ASSERT_TRUE(other.SendAll(data.data() + sent, length));
            sent += length;
        }
        other.ShutdownSend();
    });
    for (bool end = false; !end;) {
        PendingWait wait;
        (void)wait.Readable(file);
        ASSERT_STATUS(STATUS_SUCCESS, wait.Wait());
        std::vector<uint8_t> part(1000 + got.size() % 1777);
        ULONG_PTR received = 0;
        ASSERT_STATUS(STATUS_SUCCESS, file.Receive(part.data(), (ULONG)part.size(), &received));
        got.insert(got.end(), part.begin(), part.begin() + (ptrdiff_t)received);
        end = received == 0;
    }
    sender.join();
    EXPECT_TRUE(got == data);
}

TEST_F(WaitsTest, PendingReceiveTakesTheDataAndTheWaitGoesOn)
{
    peer::Tcp other;
    File file = Connected(&other);
    Transfer receive;
    PendingWait wait;
    ASSERT_STATUS(STATUS_PENDING, wait.Readable(file));
    ASSERT_STATUS(STATUS_PENDING, receive.StartReceive(file, 4));
    ASSERT_TRUE(other.SendAll("data"));
    EXPECT_STATUS(STATUS_SUCCESS, receive.Wait());
    EXPECT_TRUE(StaysPending(wait));
    ASSERT_TRUE(other.SendAll("more"));
    EXPECT_STATUS(STATUS_SUCCESS, wait.Wait());
    EXPECT_EQ("more", Take(file, 10));
}

TEST_F(WaitsTest, TheEndIsReadableAndTold)
{
    peer::Tcp other;
    File file = Connected(&other);
    PendingWait readable, disconnected;
    ASSERT_STATUS(STATUS_PENDING, readable.Readable(file));
    ASSERT_STATUS(STATUS_PENDING, disconnected.Disconnected(file));
    other.ShutdownSend();
    EXPECT_STATUS(STATUS_SUCCESS, readable.Wait());
    EXPECT_STATUS(STATUS_SUCCESS, disconnected.Wait());
    PendingWait again, too;
    (void)again.Readable(file);
    (void)too.Disconnected(file);
    EXPECT_STATUS(STATUS_SUCCESS, again.Wait());
    EXPECT_STATUS(STATUS_SUCCESS, too.Wait());
    EXPECT_EQ("", Take(file, 10));
}

TEST_F(WaitsTest, EndThatWasReceivedBeforeIsKnown)
{
    peer::Tcp other;
    File file = Connected(&other);
    other.ShutdownSend();
    EXPECT_EQ("", Take(file, 10));
    PendingWait readable, disconnected;
    (void)readable.Readable(file);
    (void)disconnected.Disconnected(file);
    EXPECT_STATUS(STATUS_SUCCESS, readable.Wait());
    EXPECT_STATUS(STATUS_SUCCESS, disconnected.Wait());
}

TEST_F(WaitsTest, ResetIsReadableAndToldAsSuch)
{
    peer::Tcp other;
    File file = Connected(&other);
    PendingWait readable, disconnected, late;
    ASSERT_STATUS(STATUS_PENDING, readable.Readable(file));
    ASSERT_STATUS(STATUS_PENDING, disconnected.Disconnected(file));
    other.Reset();
    EXPECT_STATUS(STATUS_SUCCESS, readable.Wait());
    EXPECT_STATUS(STATUS_CONNECTION_RESET, disconnected.Wait());
    (void)late.Disconnected(file);
    EXPECT_STATUS(STATUS_CONNECTION_RESET, late.Wait());
    char byte;
    ULONG_PTR received;
    EXPECT_STATUS(STATUS_CONNECTION_RESET, file.Receive(&byte, 1, &received));
}

TEST_F(WaitsTest, OwnAbortEndsTheWaits)
{
    peer::Tcp other;
    File file = Connected(&other);
    PendingWait readable, disconnected;
    ASSERT_STATUS(STATUS_PENDING, readable.Readable(file));
    ASSERT_STATUS(STATUS_PENDING, disconnected.Disconnected(file));
    ASSERT_STATUS(STATUS_SUCCESS, file.Disconnect(WSKB_DISCONNECT_ABORTIVE));
    EXPECT_STATUS(STATUS_SUCCESS, readable.Wait());
    EXPECT_STATUS(STATUS_CONNECTION_ABORTED, disconnected.Wait());
}

TEST_F(WaitsTest, OwnDisconnectIsNotThePeers)
{
    peer::Tcp other;
    File file = Connected(&other);
    PendingWait disconnected;
    ASSERT_STATUS(STATUS_PENDING, disconnected.Disconnected(file));
    ASSERT_STATUS(STATUS_SUCCESS, file.Disconnect());
    EXPECT_TRUE(StaysPending(disconnected));
    other.Close();
    EXPECT_STATUS(STATUS_SUCCESS, disconnected.Wait());
}

TEST_F(WaitsTest, CancelledOneByOne)
{
    peer::Tcp other;
    File file = Connected(&other);
    PendingWait first, second, disconnected;
    ASSERT_STATUS(STATUS_PENDING, first.Readable(file));
    ASSERT_STATUS(STATUS_PENDING, second.Readable(file));
    ASSERT_STATUS(STATUS_PENDING, disconnected.Disconnected(file));
    EXPECT_STATUS(STATUS_SUCCESS, first.Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, first.Wait());
    EXPECT_STATUS(STATUS_SUCCESS, disconnected.Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, disconnected.Wait());
    ASSERT_TRUE(other.SendAll("x"));
    EXPECT_STATUS(STATUS_SUCCESS, second.Wait());
}

TEST_F(WaitsTest, EndedByTheCloseOfTheirHandle)
{
    for (ULONG linger : {0u, 10u}) {
        peer::Tcp other;
        File file = Connected(&other);
        PendingWait readable, disconnected;
        ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_LINGER, linger));
        ASSERT_STATUS(STATUS_PENDING, readable.Readable(file));
        ASSERT_STATUS(STATUS_PENDING, disconnected.Disconnected(file));
        file.Close();
        EXPECT_STATUS(STATUS_CANCELLED, readable.Wait());
        EXPECT_STATUS(STATUS_CANCELLED, disconnected.Wait());
        EXPECT_EQ(linger == 0 ? peer::End::Reset : peer::End::Eof, other.AwaitEnd());
    }
}

TEST_F(WaitsTest, OnlyConnectedConnectionsWait)
{
    PendingWait wait;
    File unconnected = BoundConnection(), listener = Listener(), datagram = BoundDatagram(), empty;
    for (ULONG code : {IOCTL_WSKB_AWAIT_READABLE, IOCTL_WSKB_AWAIT_DISCONNECTED}) {
        EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, unconnected.Control(code));
        EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, empty.Control(code));
        EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, listener.Control(code));
        EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, datagram.Control(code));
    }
}

TEST_F(WaitsTest, AcceptedConnectionsWaitToo)
{
    File listener = Listener(), file;
    peer::Tcp other = peer::Tcp::Connect(4, listener.Port());
    WSKB_ACCEPTED accepted;
    ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
    ASSERT_STATUS(STATUS_SUCCESS, file.Attach(accepted.Token));
    PendingWait wait;
    ASSERT_STATUS(STATUS_PENDING, wait.Readable(file));
    ASSERT_TRUE(other.SendAll("x"));
    EXPECT_STATUS(STATUS_SUCCESS, wait.Wait());
}

TEST_F(WaitsTest, LimitedInNumber)
{
    peer::Tcp other;
    File file = Connected(&other);
    std::vector<std::unique_ptr<PendingWait>> waits;
    for (ULONG count = 0; count < WSKB_MAXIMUM_WAITS; count++) {
        waits.push_back(std::make_unique<PendingWait>());
        ASSERT_STATUS(STATUS_PENDING,
                      count % 2 == 0 ? waits.back()->Readable(file) : waits.back()->Disconnected(file));
    }
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED, file.Control(IOCTL_WSKB_AWAIT_READABLE));
    EXPECT_STATUS(STATUS_SUCCESS, waits[1]->Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, waits[1]->Wait());
    PendingWait another;
    EXPECT_STATUS(STATUS_PENDING, another.Disconnected(file));
    other.Close();
    for (ULONG count = 0; count < WSKB_MAXIMUM_WAITS; count++) {
        if (count != 1) {
            EXPECT_STATUS(STATUS_SUCCESS, waits[count]->Wait());
        }
    }
    EXPECT_STATUS(STATUS_SUCCESS, another.Wait());
}

TEST_F(WaitsTest, ManyIdleConnectionsHaveNothingInWsk)
{
    constexpr int kConnections = 400;
    peer::TcpListener server;
    std::vector<File> files;
    std::vector<peer::Tcp> others;
    std::vector<std::unique_ptr<PendingWait>> waits;
    for (int count = 0; count < kConnections; count++) {
        files.push_back(BoundConnection());
        ASSERT_STATUS(STATUS_SUCCESS, files.back().Connect(Loopback(WSKB_AF_INET, server.Port())));
        others.push_back(server.Accept());
        waits.push_back(std::make_unique<PendingWait>());
        ASSERT_STATUS(STATUS_PENDING, waits.back()->Readable(files.back()));
    }
    EXPECT_EQ(0u, Statistics().OperationsInFlight);
    for (int count = kConnections; count-- > 0;) {
        EXPECT_FALSE(waits[(size_t)count]->Done());
        ASSERT_TRUE(others[(size_t)count].SendAll("x"));
        EXPECT_STATUS(STATUS_SUCCESS, waits[(size_t)count]->Wait());
    }
}

/* Each request completes once, with one result or the other. */
TEST_F(WaitsTest, DataAndCancelsRace)
{
    peer::Tcp other;
    File file = Connected(&other);
    int told = 0, cancelled = 0;
    for (int round = 0; round < 400; round++) {
        PendingWait wait;
        (void)wait.Readable(file);
        std::thread canceller([&] { wait.Cancel(); });
        ASSERT_TRUE(other.SendAll("x"));
        canceller.join();
        NTSTATUS status = wait.Wait();
        EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_CANCELLED);
        told += status == STATUS_SUCCESS;
        cancelled += status == STATUS_CANCELLED;
        EXPECT_EQ("x", Take(file, 1));
    }
    EXPECT_EQ(400, told + cancelled);
}

TEST_F(WaitsTest, DataAndClosesRace)
{
    for (int round = 0; round < 100; round++) {
        peer::Tcp other;
        File file = Connected(&other);
        PendingWait readable, disconnected;
        (void)readable.Readable(file);
        (void)disconnected.Disconnected(file);
        std::thread sender([&] {
            other.SendAll("x");
            other.Close();
        });
        file.Close();
        sender.join();
        NTSTATUS status = readable.Wait();
        EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_CANCELLED);
        status = disconnected.Wait();
        EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_CANCELLED ||
                    status == STATUS_CONNECTION_RESET);
    }
}
