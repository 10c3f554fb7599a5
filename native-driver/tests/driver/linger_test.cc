/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that outlive their handle: all accepted sends are delivered, unless the peer dies or the time
 * limit passes.
 */
#include "support.h"

#include <chrono>

class LingerTest : public DriverTest {};

namespace {

NTSTATUS Linger(const File& file, ULONG seconds = 600)
{
    return file.SetOption(WSKB_OPTION_LINGER, seconds);
}

} // namespace

TEST_F(LingerTest, SendsInFlightAreDelivered)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    Transfer receive;
    ASSERT_STATUS(STATUS_PENDING, receive.StartReceive(file, 10));
    ASSERT_STATUS(STATUS_SUCCESS, Linger(file));
    file.Close();
    EXPECT_STATUS(STATUS_CANCELLED, receive.Wait());
    EXPECT_EQ(1u, Statistics().LingeringSockets);
    EXPECT_FALSE(send.Done(50));
    std::vector<uint8_t> received(send.Data().size());
    ASSERT_TRUE(other.ReceiveAll(received.data(), received.size()));
    EXPECT_TRUE(received == send.Data());
    EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
    EXPECT_STATUS(STATUS_SUCCESS, send.Wait());
    EXPECT_EQ(1u, Statistics().LingeringSockets) << "until the peer ends its side";
    other.ShutdownSend();
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
    EXPECT_EQ(0u, Statistics().LingeringSockets);
}

TEST_F(LingerTest, WhatThePeerSendsIsDropped)
{
    peer::Tcp other;
    File file = Connected(&other);
    std::vector<uint8_t> data = Pattern(100000, 7);
    ASSERT_TRUE(other.SendAll(data.data(), data.size()));
    ASSERT_STATUS(STATUS_SUCCESS, file.Send(data.data(), (ULONG)data.size()));
    ASSERT_STATUS(STATUS_SUCCESS, Linger(file));
    file.Close();
    ASSERT_TRUE(other.SendAll(data.data(), data.size()));
    std::vector<uint8_t> received(data.size());
    ASSERT_TRUE(other.ReceiveAll(received.data(), received.size()));
    EXPECT_TRUE(received == data);
    EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
    other.ShutdownSend();
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
}

TEST_F(LingerTest, AfterAHalfClose)
{
    peer::Tcp other;
    File file = Connected(&other);
    ASSERT_STATUS(STATUS_SUCCESS, file.Send("last", 4));
    ASSERT_STATUS(STATUS_SUCCESS, file.Disconnect());
    ASSERT_STATUS(STATUS_SUCCESS, Linger(file));
    file.Close();
    EXPECT_EQ(1u, Statistics().LingeringSockets);
    char text[4];
    ASSERT_TRUE(other.ReceiveAll(text, 4));
    EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
    other.ShutdownSend();
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
}

TEST_F(LingerTest, TheLimitResets)
{
    peer::Tcp other;
    peer::Tcp patient;
    Transfer send;
    Transfer delivered;
    File file = ConnectedAndSending(&other, &send);
    File unaffected = ConnectedAndSending(&patient, &delivered);
    ASSERT_STATUS(STATUS_SUCCESS, Linger(file, 1));
    ASSERT_STATUS(STATUS_SUCCESS, Linger(unaffected));
    file.Close();
    unaffected.Close();
    EXPECT_TRUE(Await([] { return Statistics().LingeringSockets == 1; }));
    send.Wait();
    EXPECT_LT(send.Information(), send.Data().size());
    EXPECT_EQ(peer::End::Reset, other.AwaitEnd());
    std::vector<uint8_t> received(delivered.Data().size());
    ASSERT_TRUE(patient.ReceiveAll(received.data(), received.size()));
    EXPECT_STATUS(STATUS_SUCCESS, delivered.Wait());
    patient.ShutdownSend();
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
}

TEST_F(LingerTest, APeerThatDiesEndsIt)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    ASSERT_STATUS(STATUS_SUCCESS, Linger(file));
    Transfer behind;
    ASSERT_STATUS(STATUS_PENDING, behind.StartSend(file, Pattern(1000, 1)));
    file.Close();
    EXPECT_EQ(1u, Statistics().LingeringSockets);
    other.Reset();
    send.Wait();
    behind.Wait();
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
}

TEST_F(LingerTest, AnAbortiveDisconnectTakesItBack)
{
    peer::Tcp other;
    File file = Connected(&other);
    ASSERT_STATUS(STATUS_SUCCESS, Linger(file));
    ASSERT_STATUS(STATUS_SUCCESS, file.Disconnect(WSKB_DISCONNECT_ABORTIVE));
    file.Close();
    EXPECT_EQ(peer::End::Reset, other.AwaitEnd());
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
}

TEST_F(LingerTest, SettingItToZeroTakesItBack)
{
    peer::Tcp other;
    File file = Connected(&other);
    ASSERT_STATUS(STATUS_SUCCESS, Linger(file));
    ASSERT_STATUS(STATUS_SUCCESS, Linger(file, 0));
    file.Close();
    EXPECT_EQ(peer::End::Reset, other.AwaitEnd());
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
}

TEST_F(LingerTest, LongerThanTheLimitIsRefused)
{
    File file = BoundConnection();
    EXPECT_STATUS(STATUS_SUCCESS, Linger(file, WSKB_MAXIMUM_LINGER_SECONDS));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Linger(file, WSKB_MAXIMUM_LINGER_SECONDS + 1));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Linger(file, 0x80000000));
}

/* The peer must not take the part that it got for everything. */
TEST_F(LingerTest, AfterASendThatWasCutTheConnectionIsReset)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    ASSERT_STATUS(STATUS_SUCCESS, Linger(file));
    send.Cancel();
    EXPECT_STATUS(STATUS_SUCCESS, send.Wait());
    EXPECT_LT(send.Information(), send.Data().size());
    file.Close();
    EXPECT_EQ(peer::End::Reset, other.AwaitEnd());
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
}

/* As when a process is killed: its operations in flight are cancelled, then its handles are closed. */
TEST_F(LingerTest, ASendThatIsCutWhileItLingersResets)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    ASSERT_STATUS(STATUS_SUCCESS, Linger(file));
    std::thread canceller([&] { send.Cancel(); });
    file.Close();
    canceller.join();
    if (send.Done(0) || Statistics().LingeringSockets == 0) {
        EXPECT_EQ(peer::End::Reset, other.AwaitEnd());
    }
    other.Reset();
    send.Wait();
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
}

/* Lingering connections delay the unload until they are closed. */
TEST_F(LingerTest, UnloadComesAfterIt)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    ASSERT_STATUS(STATUS_SUCCESS, Linger(file));
    std::thread unloader([&] { Unload(); });
    EXPECT_TRUE(Await([] { return File().OpenStatus() == STATUS_DELETE_PENDING; }));
    file.Close();
    std::vector<uint8_t> received(send.Data().size());
    ASSERT_TRUE(other.ReceiveAll(received.data(), received.size()));
    EXPECT_TRUE(received == send.Data());
    other.ShutdownSend();
    unloader.join();
    EXPECT_STATUS(STATUS_SUCCESS, send.Wait());
}

/* A transport that goes away ends lingering. */
TEST_F(LingerTest, AForcedCloseEndsIt)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    ASSERT_STATUS(STATUS_SUCCESS, Linger(file));
    file.Close();
    WskHostForceClose();
    send.Wait();
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
    EXPECT_EQ(0u, Statistics().LingeringSockets);
}

/* Handles closed by one thread while sends start, end and the peer comes and goes: nothing is left. */
TEST_F(LingerTest, AgainstEverythingAtOnce)
{
    for (int round = 0; round < 60; round++) {
        peer::Tcp other;
        File file = Connected(&other);
        HANDLE handle = file.Handle();
        std::vector<std::unique_ptr<Transfer>> sends;
        for (uint32_t i = 0; i < 8; i++) {
            sends.push_back(std::make_unique<Transfer>());
        }
        ASSERT_STATUS(STATUS_SUCCESS, Linger(file, round % 4 == 0 ? 1 : 600));
        std::thread reader([&] {
            if (round % 3 == 0) {
                other.Reset();
            } else {
                other.AwaitEnd();
                other.ShutdownSend();
            }
        });
        std::thread closer([&] {
            Dawdle(std::chrono::nanoseconds(round * 1000));
            file.Close();
        });
        size_t started = 0;
        for (auto& send : sends) {
            NTSTATUS status = send->StartSend(handle, Pattern(300000, 1));
            if (status == STATUS_INVALID_HANDLE) {
                break;
            }
            started++;
        }
        closer.join();
        reader.join();
        for (size_t i = 0; i < started; i++) {
            sends[i]->Wait();
        }
        ASSERT_TRUE(Await([] { return Statistics().OpenSockets == 0; })) << round;
    }
}
