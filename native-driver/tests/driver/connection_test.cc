/* SPDX-License-Identifier: Apache-2.0
 *
 * CONNECT, SEND, RECEIVE and DISCONNECT, with an ordinary TCP socket on the other end.
 */
#include "support.h"

class ConnectionTest : public DriverTest {};

TEST_F(ConnectionTest, ConnectsAndKnowsItsAddresses)
{
    for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
        peer::TcpListener listener(family == WSKB_AF_INET ? 4 : 6);
        File file = BoundConnection(family);
        WSKB_SOCKADDR address;
        ASSERT_STATUS(STATUS_SUCCESS, file.Connect(Loopback(family, listener.Port())));
        peer::Tcp other = listener.Accept();
        ASSERT_TRUE(other.IsOpen());
        WSKB_SOCKADDR expected = Loopback(family, listener.Port());
        ASSERT_STATUS(STATUS_SUCCESS, file.RemoteAddress(&address));
        EXPECT_EQ(0, memcmp(&expected, &address, sizeof address));
        ASSERT_STATUS(STATUS_SUCCESS, file.LocalAddress(&address));
        expected = Loopback(family, HostPort(address));
        EXPECT_EQ(0, memcmp(&expected, &address, sizeof address));
    }
}

TEST_F(ConnectionTest, ThePeerIsKnownAfterTheEnd)
{
    for (bool reset : {true, false}) {
        peer::Tcp other;
        File file = Connected(&other);
        WSKB_SOCKADDR before;
        WSKB_SOCKADDR after;
        char byte;
        ULONG_PTR received = 1;
        ASSERT_STATUS(STATUS_SUCCESS, file.RemoteAddress(&before));
        if (reset) {
            other.Reset();
            EXPECT_STATUS(STATUS_CONNECTION_RESET, file.Receive(&byte, 1, &received));
        } else {
            other.ShutdownSend();
            EXPECT_STATUS(STATUS_SUCCESS, file.Receive(&byte, 1, &received));
            EXPECT_STATUS(STATUS_SUCCESS, file.Disconnect());
            EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
        }
        EXPECT_EQ(0u, received);
        ASSERT_STATUS(STATUS_SUCCESS, file.RemoteAddress(&after));
        EXPECT_EQ(0, memcmp(&before, &after, sizeof after));
    }
}

/* Bound to the wildcard address: after connecting, the local address is a real one. */
TEST_F(ConnectionTest, TheWildcardBecomesAnAddress)
{
    peer::TcpListener listener;
    File file;
    WSKB_SOCKADDR address;
    ASSERT_STATUS(STATUS_SUCCESS, file.Create(WSKB_CATEGORY_CONNECTION));
    ASSERT_STATUS(STATUS_SUCCESS, file.Bind(Wildcard(WSKB_AF_INET)));
    ASSERT_STATUS(STATUS_SUCCESS, file.Connect(Loopback(WSKB_AF_INET, listener.Port())));
    ASSERT_STATUS(STATUS_SUCCESS, file.LocalAddress(&address));
    EXPECT_EQ(127, address.V4.Address[0]);
}

TEST_F(ConnectionTest, RefusedConnectsMayBeTriedAgain)
{
    peer::TcpListener listener;
    peer::UnusedTcpPort nobody;
    File file = BoundConnection();
    EXPECT_STATUS(STATUS_CONNECTION_REFUSED, file.Connect(Loopback(WSKB_AF_INET, nobody.Port())));
    EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, file.Connect(Loopback(WSKB_AF_INET6, listener.Port())));
    EXPECT_STATUS(STATUS_SUCCESS, file.Connect(Loopback(WSKB_AF_INET, listener.Port())));
}

TEST_F(ConnectionTest, ACancelledConnectMayBeTriedAgain)
{
    peer::TcpListener full(4, 0);
    peer::TcpListener listener;
    full.Fill();
    File file = BoundConnection();
    PendingConnect connect;
    ASSERT_STATUS(STATUS_PENDING, connect.Start(file, Loopback(WSKB_AF_INET, full.Port())));
    EXPECT_FALSE(connect.Done(50));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, file.Connect(Loopback(WSKB_AF_INET, listener.Port())));
    EXPECT_STATUS(STATUS_SUCCESS, connect.Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, connect.Wait());
    EXPECT_STATUS(STATUS_SUCCESS, file.Connect(Loopback(WSKB_AF_INET, listener.Port())));
}

TEST_F(ConnectionTest, CarriesDataBothWays)
{
    peer::Tcp other;
    File file = Connected(&other);
    std::vector<uint8_t> data = Pattern(8 << 20, 5);
    std::thread echo([&] {
        std::vector<uint8_t> received(data.size());
        EXPECT_TRUE(other.ReceiveAll(received.data(), received.size()));
        EXPECT_TRUE(received == data);
        EXPECT_TRUE(other.SendAll(received.data(), received.size()));
    });
    for (size_t sent = 0, step = 1; sent < data.size(); step = step * 3 % 300007 + 1) {
        ULONG length = (ULONG)std::min(step, data.size() - sent);
        ULONG_PTR moved = 0;
        ASSERT_STATUS(STATUS_SUCCESS, file.Send(&data[sent], length, &moved));
        ASSERT_EQ(length, moved);
        sent += moved;
    }
    std::vector<uint8_t> back(data.size());
    for (size_t have = 0, step = 1; have < back.size(); step = step * 3 % 300007 + 1) {
        ULONG length = (ULONG)std::min(step, back.size() - have);
        ULONG_PTR moved = 0;
        ASSERT_STATUS(STATUS_SUCCESS, file.Receive(&back[have], length, &moved));
        ASSERT_NE(0u, moved);
        have += moved;
    }
    echo.join();
    EXPECT_TRUE(back == data);
}

TEST_F(ConnectionTest, SendsThatWaitKeepTheirOrder)
{
    peer::Tcp other;
    File file = Connected(&other);
    std::vector<std::unique_ptr<Transfer>> sends;
    for (uint32_t i = 0; i < 40; i++) {
        sends.push_back(std::make_unique<Transfer>());
        sends.back()->StartSend(file, Pattern(1 << 20, i));
    }
    for (uint32_t i = 0; i < 40; i++) {
        std::vector<uint8_t> received(1 << 20);
        ASSERT_TRUE(other.ReceiveAll(received.data(), received.size()));
        ASSERT_TRUE(received == Pattern(1 << 20, i)) << i;
    }
    for (auto& send : sends) {
        EXPECT_STATUS(STATUS_SUCCESS, send->Wait());
        EXPECT_EQ(1u << 20, send->Information());
    }
}

TEST_F(ConnectionTest, WaitAllWaitsForAll)
{
    peer::Tcp other;
    File file = Connected(&other);
    Transfer receive;
    ASSERT_STATUS(STATUS_PENDING, receive.StartReceive(file, 6, WSKB_RECEIVE_WAITALL));
    ASSERT_TRUE(other.SendAll("abc"));
    EXPECT_FALSE(receive.Done(50));
    ASSERT_TRUE(other.SendAll("defg"));
    EXPECT_STATUS(STATUS_SUCCESS, receive.Wait());
    EXPECT_EQ("abcdef", std::string(receive.Data().begin(), receive.Data().end()));
    char rest;
    ULONG_PTR moved;
    EXPECT_STATUS(STATUS_SUCCESS, file.Receive(&rest, 1, &moved));
    EXPECT_EQ('g', rest);
}

TEST_F(ConnectionTest, TheEndOfTheStreamIsZeroBytes)
{
    peer::Tcp other;
    File file = Connected(&other);
    char bytes[10];
    ULONG_PTR moved = 99;
    Transfer all;
    ASSERT_TRUE(other.SendAll("last"));
    other.ShutdownSend();
    ASSERT_STATUS(STATUS_SUCCESS, (all.StartReceive(file, 10, WSKB_RECEIVE_WAITALL), all.Wait()));
    EXPECT_EQ(4u, all.Information());
    for (int i = 0; i < 3; i++) {
        ASSERT_STATUS(STATUS_SUCCESS, file.Receive(bytes, sizeof bytes, &moved));
        EXPECT_EQ(0u, moved);
    }
    /* The other direction is open. */
    EXPECT_STATUS(STATUS_SUCCESS, file.Send("more", 4));
    EXPECT_TRUE(other.ReceiveAll(bytes, 4));
}

TEST_F(ConnectionTest, EmptyTransfersAreRefused)
{
    peer::Tcp other;
    File file = Connected(&other);
    ULONG_PTR moved;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, file.Send(nullptr, 0));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, file.Receive(nullptr, 0, &moved));
}

TEST_F(ConnectionTest, TooLargeTransfersAreRefused)
{
    peer::Tcp other;
    File file = Connected(&other);
    std::vector<uint8_t> data(WSKB_MAXIMUM_TRANSFER + 65);
    ULONG_PTR moved;
    for (ULONG extra : {1u, 64u, 65u}) {
        EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, file.Send(data.data(), WSKB_MAXIMUM_TRANSFER + extra));
        EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE,
                      file.Receive(data.data(), WSKB_MAXIMUM_TRANSFER + extra, &moved));
    }
    std::thread reader([&] { other.AwaitEnd(); });
    EXPECT_STATUS(STATUS_SUCCESS, file.Send(data.data(), WSKB_MAXIMUM_TRANSFER, &moved));
    EXPECT_EQ(WSKB_MAXIMUM_TRANSFER, moved);
    EXPECT_STATUS(STATUS_SUCCESS, file.Disconnect(WSKB_DISCONNECT_ABORTIVE));
    reader.join();
}

TEST_F(ConnectionTest, AGracefulDisconnectIsTheEndForThePeer)
{
    peer::Tcp other;
    File file = Connected(&other);
    std::vector<uint8_t> data = Pattern(1 << 20, 3);
    std::thread reader([&] {
        std::vector<uint8_t> received(data.size());
        EXPECT_TRUE(other.ReceiveAll(received.data(), received.size()));
        EXPECT_TRUE(received == data);
        EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
        EXPECT_TRUE(other.SendAll("reply"));
    });
    EXPECT_STATUS(STATUS_SUCCESS, file.Send(data.data(), (ULONG)data.size()));
    EXPECT_STATUS(STATUS_SUCCESS, file.Disconnect());
    EXPECT_STATUS(STATUS_CONNECTION_DISCONNECTED, file.Send("x", 1));
    char bytes[5];
    ULONG_PTR moved;
    EXPECT_STATUS(STATUS_SUCCESS, file.Receive(bytes, 5, &moved, WSKB_RECEIVE_WAITALL));
    EXPECT_EQ("reply", std::string(bytes, moved));
    reader.join();
}

TEST_F(ConnectionTest, AfterBothEndsDisconnectedCloseIsNoReset)
{
    peer::Tcp other;
    File file = Connected(&other);
    char byte;
    ULONG_PTR moved;
    other.ShutdownSend();
    EXPECT_STATUS(STATUS_SUCCESS, file.Receive(&byte, 1, &moved));
    EXPECT_STATUS(STATUS_SUCCESS, file.Disconnect());
    file.Close();
    EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
    EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
}

TEST_F(ConnectionTest, AnAbortiveDisconnectResetsThePeer)
{
    peer::Tcp other;
    File file = Connected(&other);
    Transfer receive;
    char byte;
    ULONG_PTR moved;
    ASSERT_STATUS(STATUS_PENDING, receive.StartReceive(file, 10));
    EXPECT_STATUS(STATUS_SUCCESS, file.Disconnect(WSKB_DISCONNECT_ABORTIVE));
    EXPECT_FALSE(NT_SUCCESS(receive.Wait()));
    EXPECT_EQ(peer::End::Reset, other.AwaitEnd());
    EXPECT_FALSE(NT_SUCCESS(file.Send("x", 1)));
    EXPECT_FALSE(NT_SUCCESS(file.Receive(&byte, 1, &moved)));
}

TEST_F(ConnectionTest, CloseWithoutDisconnectResetsThePeer)
{
    peer::Tcp other;
    File file = Connected(&other);
    file.Close();
    EXPECT_EQ(peer::End::Reset, other.AwaitEnd());
}

TEST_F(ConnectionTest, APeersResetIsAnError)
{
    peer::Tcp other;
    File file = Connected(&other);
    Transfer receive;
    ASSERT_STATUS(STATUS_PENDING, receive.StartReceive(file, 10));
    other.Reset();
    EXPECT_STATUS(STATUS_CONNECTION_RESET, receive.Wait());
    EXPECT_STATUS(STATUS_CONNECTION_RESET, file.Send("x", 1));
}

TEST_F(ConnectionTest, APendingSendFailsWhenThePeerResets)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    other.Reset();
    EXPECT_STATUS(STATUS_CONNECTION_RESET, send.Wait());
}

/* The peer gets exactly the bytes that a cancelled send reports. */
TEST_F(ConnectionTest, ACancelledSendTellsTheBytesThatMoved)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    EXPECT_STATUS(STATUS_SUCCESS, send.Cancel());
    EXPECT_STATUS(STATUS_SUCCESS, send.Wait());
    EXPECT_GT(send.Information(), 0u);
    EXPECT_LT(send.Information(), send.Data().size());
    std::thread reader([&] {
        std::vector<uint8_t> received(send.Information());
        EXPECT_TRUE(other.ReceiveAll(received.data(), received.size()));
        EXPECT_EQ(0, memcmp(received.data(), send.Data().data(), received.size()));
        std::string more;
        EXPECT_EQ(peer::End::Eof, other.Receive(&more)) << more.size() << " bytes more";
    });
    EXPECT_STATUS(STATUS_SUCCESS, file.Disconnect());
    reader.join();
}

TEST_F(ConnectionTest, ACancelledReceiveTellsTheBytesThatMoved)
{
    NTSTATUS status = STATUS_CANCELLED;
    /* There is no sign of when the bytes have moved. A cancellation that comes before that ends the receiving
     * direction. */
    for (int pause = 100; status == STATUS_CANCELLED && pause < kPatience; pause *= 2) {
        peer::Tcp sender;
        File receiver = Connected(&sender);
        Transfer all;
        ASSERT_STATUS(STATUS_PENDING, all.StartReceive(receiver, 10, WSKB_RECEIVE_WAITALL));
        ASSERT_TRUE(sender.SendAll("abc"));
        EXPECT_FALSE(all.Done(pause));
        EXPECT_STATUS(STATUS_SUCCESS, all.Cancel());
        status = all.Wait();
        EXPECT_EQ(status == STATUS_SUCCESS ? "abc" : "",
                  std::string(all.Data().begin(), all.Data().begin() + (long)all.Information()));
    }
    EXPECT_STATUS(STATUS_SUCCESS, status);
    peer::Tcp other;
    File file = Connected(&other);
    Transfer none;
    ASSERT_STATUS(STATUS_PENDING, none.StartReceive(file, 10));
    EXPECT_STATUS(STATUS_SUCCESS, none.Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, none.Wait());
    EXPECT_EQ(0u, none.Information());
}

/* The peer reads nothing: the disconnect waits for the sends, and may be cancelled, or overtaken by an
 * abortive one. */
TEST_F(ConnectionTest, AGracefulDisconnectMayWaitAndBeAborted)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    WSKB_TRANSFER in = {sizeof in, 0, 0};
    Request cancelled;
    ASSERT_STATUS(STATUS_PENDING, cancelled.Start(file, IOCTL_WSKB_DISCONNECT, &in, sizeof in, nullptr, 0));
    EXPECT_FALSE(cancelled.Done(50));
    EXPECT_STATUS(STATUS_SUCCESS, cancelled.Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, cancelled.Wait());
    Request waiting;
    ASSERT_STATUS(STATUS_PENDING, waiting.Start(file, IOCTL_WSKB_DISCONNECT, &in, sizeof in, nullptr, 0));
    EXPECT_STATUS(STATUS_SUCCESS, file.Disconnect(WSKB_DISCONNECT_ABORTIVE));
    EXPECT_FALSE(NT_SUCCESS(waiting.Wait()));
    send.Wait();
    EXPECT_EQ(peer::End::Reset, other.AwaitEnd());
}

TEST_F(ConnectionTest, NodelaySendsGoOut)
{
    peer::Tcp other;
    File file = Connected(&other);
    for (int i = 0; i < 20; i++) {
        char byte = 0;
        ASSERT_STATUS(STATUS_SUCCESS, file.Send("x", 1, nullptr, WSKB_SEND_NODELAY));
        ASSERT_TRUE(other.ReceiveAll(&byte, 1));
    }
}

/* ---- cancelled with an unknown number of bytes ------------------------------------------------------- */

/* The peer would take later sends for the rest of it. Earlier sends are not affected. */
TEST_F(ConnectionTest, ACancelledSendEndsSending)
{
    peer::Tcp other;
    Transfer before;
    Transfer cancelled;
    Transfer behind;
    File file = ConnectedAndSending(&other, &before);
    ASSERT_STATUS(STATUS_PENDING, cancelled.StartSend(file, Pattern(100, 1)));
    ASSERT_STATUS(STATUS_PENDING, behind.StartSend(file, Pattern(100, 2)));
    EXPECT_STATUS(STATUS_SUCCESS, cancelled.Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, cancelled.Wait());
    EXPECT_STATUS(STATUS_CONNECTION_ABORTED, behind.Wait());
    EXPECT_STATUS(STATUS_CONNECTION_ABORTED, file.Send("x", 1));
    char byte = 0;
    ULONG_PTR received = 0;
    ASSERT_TRUE(other.SendAll("y"));
    EXPECT_STATUS(STATUS_SUCCESS, file.Receive(&byte, 1, &received)) << "the other direction is whole";
    EXPECT_EQ('y', byte);
    std::vector<uint8_t> whole(before.Data().size());
    EXPECT_TRUE(other.ReceiveAll(whole.data(), whole.size()));
    EXPECT_TRUE(whole == before.Data());
    EXPECT_STATUS(STATUS_SUCCESS, before.Wait());
}

/* WSK may have continued with later sends in flight before the driver noticed. */
TEST_F(ConnectionTest, ASendThatWasCutEndsSending)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    EXPECT_STATUS(STATUS_SUCCESS, send.Cancel());
    EXPECT_STATUS(STATUS_SUCCESS, send.Wait());
    EXPECT_LT(send.Information(), send.Data().size());
    EXPECT_STATUS(STATUS_CONNECTION_ABORTED, file.Send("x", 1));
}

TEST_F(ConnectionTest, ACancelledReceiveThatWaitsForAllEndsReceiving)
{
    peer::Tcp other;
    File file = Connected(&other);
    Transfer receive;
    Transfer behind;
    ASSERT_STATUS(STATUS_PENDING, receive.StartReceive(file, 10, WSKB_RECEIVE_WAITALL));
    ASSERT_STATUS(STATUS_PENDING, behind.StartReceive(file, 10));
    receive.Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, receive.Wait());
    EXPECT_STATUS(STATUS_CONNECTION_ABORTED, behind.Wait());
    char byte = 0;
    ULONG_PTR received = 0;
    ASSERT_TRUE(other.SendAll("d"));
    EXPECT_STATUS(STATUS_CONNECTION_ABORTED, file.Receive(&byte, 1, &received));
    EXPECT_STATUS(STATUS_SUCCESS, file.Send("x", 1)) << "the other direction is whole";
}

/* Without WAITALL a receive completes with the first bytes, so a cancelled one has taken nothing. */
TEST_F(ConnectionTest, ACancelledReceiveLosesNothing)
{
    peer::Tcp other;
    File file = Connected(&other);
    for (int i = 0; i < 3; i++) {
        Transfer receive;
        ASSERT_STATUS(STATUS_PENDING, receive.StartReceive(file, 10));
        receive.Cancel();
        EXPECT_STATUS(STATUS_CANCELLED, receive.Wait());
    }
    char byte = 0;
    ULONG_PTR received = 0;
    ASSERT_TRUE(other.SendAll("a"));
    EXPECT_STATUS(STATUS_SUCCESS, file.Receive(&byte, 1, &received));
    EXPECT_EQ('a', byte);
}
