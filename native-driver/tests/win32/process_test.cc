/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver with several real processes. close_test.cc and listen_test.cc do the same with the embedded
 * host's processes.
 */
#include "support.h"

#include <chrono>

#include "child.h"

class ProcessTest : public DriverTest {};

constexpr ULONG kSockets = 100;

/* The tests that child processes run, with the loaded driver. */

TEST(DISABLED_ChildTest, HoldsAHundredSocketsUntilItIsKilled)
{
    USHORT full = (USHORT)ChildArgument();
    std::vector<File> files;
    std::vector<std::unique_ptr<Request>> requests;
    std::vector<uint8_t> memory(128);
    WSKB_TRANSFER transfer = {sizeof transfer, 0, 0};
    WSKB_CONNECT address = {sizeof address, 0, 0, Loopback(WSKB_AF_INET, full)};
    for (ULONG i = 0; i < kSockets; i++) {
        requests.push_back(std::make_unique<Request>());
        switch (i % 3) {
        case 0:
            files.push_back(BoundDatagram());
            requests.back()->Start(files.back(), IOCTL_WSKB_RECEIVE_FROM, &transfer, sizeof transfer,
                                   memory.data(), 128);
            break;
        case 1:
            files.push_back(Listener());
            requests.back()->Start(files.back(), IOCTL_WSKB_ACCEPT, &transfer, sizeof transfer, memory.data(),
                                   128);
            break;
        default:
            files.push_back(BoundConnection());
            requests.back()->Start(files.back(), IOCTL_WSKB_CONNECT, &address, sizeof address, nullptr, 0);
            break;
        }
    }
    std::this_thread::sleep_for(std::chrono::minutes(2)); /* limit, in case it is not killed */
}

TEST(DISABLED_ChildTest, HasNoUseForAToken)
{
    EXPECT_STATUS(STATUS_NOT_FOUND, File().Attach(ChildArgument()));
    EXPECT_STATUS(STATUS_SUCCESS,
                  BoundDatagram().SendTo(Loopback(WSKB_AF_INET, 9), "but may use the device"));
}

/* Its handles are closed with operations in flight, and no close waits. */
TEST_F(ProcessTest, TheEndOfAProcessWithAHundredSockets)
{
    peer::TcpListener full(4, 0);
    full.Fill();
    File survivor = BoundDatagram();
    void* child = ChildStart(L"DISABLED_ChildTest.HoldsAHundredSocketsUntilItIsKilled", full.Port());
    ASSERT_NE(nullptr, child);
    EXPECT_TRUE(Await([] {
        WSKB_STATISTICS statistics = Statistics();
        return statistics.OpenSockets == kSockets + 1 && statistics.OperationsInFlight == kSockets;
    }));
    ChildKill(child);
    EXPECT_TRUE(Await([] {
        WSKB_STATISTICS statistics = Statistics();
        return statistics.OpenSockets == 1 && statistics.OperationsInFlight == 0;
    }));
    EXPECT_STATUS(STATUS_SUCCESS, survivor.SendTo(Loopback(WSKB_AF_INET, 9), "the others live"));
}

TEST_F(ProcessTest, AnotherProcessHasNoUseForAToken)
{
    File listener = Listener();
    peer::Tcp other = peer::Tcp::Connect(4, listener.Port());
    WSKB_ACCEPTED accepted;
    ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
    void* child = ChildStart(L"DISABLED_ChildTest.HasNoUseForAToken", accepted.Token);
    ASSERT_NE(nullptr, child);
    EXPECT_EQ(0u, ChildWait(child));
    EXPECT_STATUS(STATUS_SUCCESS, File().Attach(accepted.Token));
}
