/* SPDX-License-Identifier: Apache-2.0
 *
 * Ports, sockets and their tokens; waiting and waking; closing.
 */
#include "support.h"

#include <chrono>

class PortTest : public ShimTest {};

namespace {

/* Invalid tokens. */
const uint64_t kInvented[] = {0, 1, 0xFFFFFFFF, 0x100000000, 0x700000000000003, ~0ull, 1ull << 63};

wskshim_submission Nop(uint64_t socket, uint64_t user_data = 0)
{
    wskshim_submission entry;
    wskshim_prepare(&entry, WSKSHIM_NOP, socket, user_data);
    return entry;
}

/* Every function refuses the token as that of a port. */
void ExpectNoPort(uint64_t token)
{
    wskshim_submission entry = Nop(0);
    wskshim_completion completion;
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, wskshim_port_close(token));
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, wskshim_socket_open(token));
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, wskshim_submit(token, U(&entry), 0, 0, 1));
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, wskshim_wait(token, U(&completion), 1, 0));
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, wskshim_wake(token));
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, wskshim_cancel(token, 1));
    EXPECT_NE(std::string::npos, LastError().find("port"));
}

void ExpectNoSocket(uint64_t token)
{
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, wskshim_socket_close(token));
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, wskshim_control(token, IOCTL_WSKB_NOP, 0, 0, 0, 0, 0));
    EXPECT_NE(std::string::npos, LastError().find("socket"));
}

uint64_t OperationsInFlight(uint64_t socket)
{
    WSKB_STATISTICS statistics = {};
    EXPECT_STATUS(
        0, wskshim_control(socket, IOCTL_WSKB_GET_STATISTICS, 0, 0, U(&statistics), sizeof statistics, 0));
    return statistics.OperationsInFlight;
}

} // namespace

TEST_F(PortTest, OpensAndClosesFiftyTimes)
{
    uint64_t last = 0;
    for (int i = 0; i < 50; i++) {
        Port port;
        EXPECT_NE(last, port.Token());
        last = port.Token();
        port.Datagram();
    }
    ExpectNoPort(last);
}

TEST_F(PortTest, AnotherAbiVersionIsRefusedInWords)
{
    for (uint32_t version : {0u, WSKSHIM_ABI_VERSION + 1, 0xFFFFFFFFu}) {
        EXPECT_STATUS(WSKSHIM_STATUS_REVISION_MISMATCH, wskshim_port_open(version));
        EXPECT_NE(std::string::npos, LastError().find(std::to_string(version)));
    }
}

TEST_F(PortTest, InventedTokensNameNothing)
{
    Port port;
    uint64_t socket = port.Open();
    for (uint64_t token : kInvented) {
        if (token != port.Token() && token != socket) {
            ExpectNoPort(token);
            ExpectNoSocket(token);
            EXPECT_STATUS(WSKSHIM_STATUS_NOT_FOUND, wskshim_cancel(port.Token(), token));
        }
    }
}

TEST_F(PortTest, StaleTokensNameNothingThoughTheSlotIsInUseAgain)
{
    Port port;
    uint64_t stale = port.Open();
    EXPECT_STATUS(0, wskshim_socket_close(stale));
    uint64_t fresh = port.Open();
    EXPECT_NE(stale, fresh);
    ExpectNoSocket(stale);
    EXPECT_STATUS(0, wskshim_control(fresh, IOCTL_WSKB_NOP, 0, 0, 0, 0, 0));
    EXPECT_STATUS(0, wskshim_socket_close(fresh));
    ExpectNoSocket(fresh);
}

TEST_F(PortTest, ClosingAPortClosesItsSockets)
{
    Port kept;
    uint64_t survivor = kept.Datagram();
    std::vector<uint64_t> sockets;
    {
        Port port;
        for (int i = 0; i < 20; i++) {
            sockets.push_back(port.Datagram());
        }
    }
    for (uint64_t socket : sockets) {
        ExpectNoSocket(socket);
    }
    EXPECT_STATUS(0, wskshim_control(survivor, IOCTL_WSKB_NOP, 0, 0, 0, 0, 0));
}

/* The driver keeps a connection whose peer is slow; the close does not wait for it. */
TEST_F(PortTest, ClosingTheLastPortLeavesConnectionsThatLinger)
{
    peer::Tcp other;
    {
        Port port;
        struct {
            WSKB_OPTION header;
            uint32_t seconds;
        } linger = {{sizeof linger, WSKB_OPTION_LINGER, sizeof linger.seconds, 0}, 600};
        uint64_t socket = port.Connected(&other);
        ASSERT_STATUS(0, wskshim_control(socket, IOCTL_WSKB_SET_OPTION, U(&linger), sizeof linger, 0, 0, 0));
    }
    EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
    {
        Port again;
        WSKB_STATISTICS statistics = {};
        uint64_t socket = again.Datagram();
        EXPECT_STATUS(0, wskshim_control(socket, IOCTL_WSKB_GET_STATISTICS, 0, 0, U(&statistics),
                                         sizeof statistics, 0));
        EXPECT_EQ(1u, statistics.LingeringSockets) << "it is the same driver";
    }
    other.ShutdownSend();
}

TEST_F(PortTest, WaitTimesOut)
{
    Port port;
    wskshim_completion completion;
    auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(0, wskshim_wait(port.Token(), U(&completion), 1, 0));
    EXPECT_EQ(0, wskshim_wait(port.Token(), U(&completion), 1, 50));
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(49));
}

TEST_F(PortTest, BadArgumentsAreRefused)
{
    Port port;
    wskshim_completion completion;
    wskshim_submission entry = Nop(port.Open());
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, wskshim_wait(port.Token(), 0, 1, 0));
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, wskshim_wait(port.Token(), U(&completion), 0, 0));
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, wskshim_wait(port.Token(), U(&completion), -1, 0));
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, wskshim_wait(port.Token(), U(&completion), 1, -2));
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, wskshim_submit(port.Token(), 0, 0, 0, 1));
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, wskshim_submit(port.Token(), U(&entry), 0, 0, -1));
    EXPECT_EQ(0, wskshim_submit(port.Token(), U(&entry), 0, 0, 0));
    EXPECT_TRUE(port.Empty());
}

TEST_F(PortTest, WakeEndsAWaitNowOrLater)
{
    Port port;
    wskshim_completion completion;
    EXPECT_STATUS(0, wskshim_wake(port.Token()));
    EXPECT_EQ(0, wskshim_wait(port.Token(), U(&completion), 1, -1));
    ThreadNumber number{0};
    std::thread waiter([&] {
        number = OwnThreadNumber();
        EXPECT_EQ(0, wskshim_wait(port.Token(), U(&completion), 1, -1));
    });
    EXPECT_TRUE(AwaitSleep(number));
    EXPECT_STATUS(0, wskshim_wake(port.Token()));
    waiter.join();
    EXPECT_TRUE(port.Empty());
}

/* Also when one wait takes both wake-ups. */
TEST_F(PortTest, EachWakeEndsOneWait)
{
    Port port;
    wskshim_completion completions[8];
    EXPECT_STATUS(0, wskshim_wake(port.Token()));
    EXPECT_STATUS(0, wskshim_wake(port.Token()));
    EXPECT_EQ(0, wskshim_wait(port.Token(), U(completions), 8, -1));
    std::atomic<bool> ended{false};
    std::thread waiter([&] {
        EXPECT_EQ(0, wskshim_wait(port.Token(), U(completions), 8, -1));
        ended = true;
    });
    bool second = Await([&] { return ended.load(); });
    EXPECT_TRUE(second);
    if (!second) {
        wskshim_wake(port.Token());
    }
    waiter.join();
    EXPECT_TRUE(port.Empty());
}

/* Waits that time out while completions arrive lose none of them. */
TEST_F(PortTest, EveryWaiterGetsItsShare)
{
    constexpr int kWaiters = 4;
    constexpr int kCompletions = 400;
    Port port;
    uint64_t socket = port.Open();
    for (int round = 0; round < 30; round++) {
        std::atomic<int> taken{0};
        std::atomic<int> timeouts{0};
        std::vector<std::thread> waiters;
        for (int i = 0; i < kWaiters; i++) {
            waiters.emplace_back([&] {
                auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
                while (taken < kCompletions && std::chrono::steady_clock::now() < deadline) {
                    wskshim_completion completions[8];
                    int32_t count = wskshim_wait(port.Token(), U(completions), 8, 2);
                    EXPECT_GE(count, 0);
                    taken += count;
                    timeouts += count == 0;
                }
            });
        }
        for (int i = 0; i < kCompletions; i++) {
            port.Submit(Nop(socket));
            if (i % 50 == 0) {
                int before = timeouts;
                EXPECT_TRUE(Await([&] { return timeouts > before; }));
            }
        }
        for (auto& waiter : waiters) {
            waiter.join();
        }
        ASSERT_EQ(kCompletions, taken);
    }
}

TEST_F(PortTest, CloseSendsEveryWaiterHome)
{
    for (int round = 0; round < 20; round++) {
        Port port;
        uint64_t token = port.Token();
        std::atomic<int> waiting{0};
        std::vector<std::thread> waiters;
        for (int i = 0; i < 5; i++) {
            waiters.emplace_back([&] {
                wskshim_completion completions[64];
                waiting++;
                EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, wskshim_wait(token, U(completions), 64, -1));
            });
        }
        EXPECT_TRUE(Await([&] { return waiting == 5; }));
        EXPECT_STATUS(0, port.Close());
        for (auto& waiter : waiters) {
            waiter.join();
        }
    }
}

TEST_F(PortTest, CloseCancelsWhatIsInFlightAndDropsItsCompletions)
{
    Port port;
    std::vector<DatagramBuffer> buffers(300);
    uint64_t socket = port.Datagram();
    for (auto& buffer : buffers) {
        port.Submit(buffer.Receive(socket, 1));
    }
    port.Submit(Nop(socket));
    EXPECT_STATUS(0, port.Close());
}

TEST_F(PortTest, ClosingASocketCompletesItsOperations)
{
    Port port;
    std::vector<DatagramBuffer> buffers(100);
    uint64_t socket = port.Datagram();
    for (size_t i = 0; i < buffers.size(); i++) {
        port.Submit(buffers[i].Receive(socket, i));
    }
    EXPECT_STATUS(0, wskshim_socket_close(socket));
    std::vector<bool> seen(buffers.size());
    for (const auto& completion : port.Wait(buffers.size())) {
        EXPECT_STATUS(WSKSHIM_STATUS_CANCELLED, completion.status);
        EXPECT_EQ(0u, completion.bytes);
        EXPECT_FALSE(seen[completion.user_data]);
        seen[completion.user_data] = true;
    }
    EXPECT_TRUE(port.Empty());
}

TEST_F(PortTest, OfManyClosesOneWins)
{
    for (int round = 0; round < 20; round++) {
        Port port;
        uint64_t socket = port.Datagram();
        uint64_t token = port.Release();
        std::atomic<int> sockets{0};
        std::atomic<int> ports{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; i++) {
            threads.emplace_back([&] {
                sockets += wskshim_socket_close(socket) == 0;
                ports += wskshim_port_close(token) == 0;
            });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        EXPECT_LE(sockets, 1);
        EXPECT_EQ(1, ports);
    }
}

/* Sockets are opened and used while their port is closed. */
TEST_F(PortTest, CloseAgainstEverythingElse)
{
    for (int round = 0; round < 20; round++) {
        Port port;
        uint64_t token = port.Release();
        std::atomic<int> opened{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; t++) {
            threads.emplace_back([&] {
                for (;;) {
                    int64_t socket = wskshim_socket_open(token);
                    if (socket < 0) {
                        EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, socket);
                        return;
                    }
                    opened++;
                    Create((uint64_t)socket, WSKB_CATEGORY_DATAGRAM);
                    Bind((uint64_t)socket, Loopback(WSKB_AF_INET, 0));
                    wskshim_submission entry = Nop((uint64_t)socket);
                    wskshim_completion completion;
                    wskshim_submit(token, U(&entry), 0, 0, 1);
                    wskshim_wait(token, U(&completion), 1, 1);
                    wskshim_socket_close((uint64_t)socket);
                }
            });
        }
        EXPECT_TRUE(Await([&] { return opened >= round; }));
        EXPECT_STATUS(0, wskshim_port_close(token));
        for (auto& thread : threads) {
            thread.join();
        }
    }
}

TEST_F(PortTest, AControlRequestInAnotherThreadEndsWhenItsSocketCloses)
{
    Port port;
    uint64_t listener = port.Socket(WSKB_CATEGORY_LISTEN);
    uint64_t observer = port.Open();
    std::thread thread([&] {
        WSKB_TRANSFER in = {sizeof in, 0, 0};
        WSKB_ACCEPTED out = {};
        int32_t status =
            wskshim_control(listener, IOCTL_WSKB_ACCEPT, U(&in), sizeof in, U(&out), sizeof out, 0);
        EXPECT_STATUS(WSKSHIM_STATUS_CANCELLED, status);
    });
    EXPECT_TRUE(Await([&] { return OperationsInFlight(observer) == 1; }));
    EXPECT_STATUS(0, wskshim_socket_close(listener));
    thread.join();
}
