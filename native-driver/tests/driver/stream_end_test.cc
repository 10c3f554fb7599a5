/* SPDX-License-Identifier: Apache-2.0
 *
 * The ends of a stream: CONNECT with first data, DISCONNECT with last data, RECEIVE that drains, and how much
 * can be received.
 */
#include "support.h"

class StreamEndTest : public DriverTest {};

namespace {

NTSTATUS StartDrain(Request* request, const File& file, ULONG timeout = 0)
{
    WSKB_TRANSFER in = {sizeof in, WSKB_RECEIVE_DRAIN, timeout};
    return request->Start(file, IOCTL_WSKB_RECEIVE, &in, sizeof in, nullptr, 0);
}

} // namespace

TEST_F(StreamEndTest, LastDataComesBeforeTheEnd)
{
    peer::Tcp other;
    File file = Connected(&other);
    ULONG_PTR sent = 0;
    ASSERT_STATUS(STATUS_SUCCESS, file.Send("first ", 6));
    EXPECT_STATUS(STATUS_SUCCESS, file.DisconnectWith("last", 0, &sent));
    EXPECT_EQ(4u, sent);
    EXPECT_EQ("first last", other.ReceiveText(10));
    EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
    EXPECT_STATUS(STATUS_CONNECTION_DISCONNECTED, file.Send("x", 1));
    /* Receiving goes on. */
    char text[4];
    ULONG_PTR moved;
    ASSERT_TRUE(other.SendAll("more"));
    EXPECT_STATUS(STATUS_SUCCESS, file.Receive(text, sizeof text, &moved, WSKB_RECEIVE_WAITALL));
    EXPECT_EQ("more", std::string(text, moved));
}

/* Behind sends that wait, and longer than all buffers on the way. */
TEST_F(StreamEndTest, MuchLastDataWaitsForThePeer)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    std::vector<uint8_t> last = Pattern(WSKB_MAXIMUM_TRANSFER, 9);
    Request disconnect;
    WSKB_TRANSFER in = {sizeof in, 0, 0};
    ASSERT_STATUS(STATUS_PENDING, disconnect.Start(file, IOCTL_WSKB_DISCONNECT, &in, sizeof in, last.data(),
                                                   (ULONG)last.size()));
    std::vector<uint8_t> received(send.Data().size() + last.size());
    ASSERT_TRUE(other.ReceiveAll(received.data(), received.size()));
    EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
    EXPECT_STATUS(STATUS_SUCCESS, send.Wait());
    EXPECT_STATUS(STATUS_SUCCESS, disconnect.Wait());
    EXPECT_EQ(last.size(), disconnect.Information());
    EXPECT_TRUE(std::equal(last.begin(), last.end(), received.end() - (long)last.size()));
}

/* A part of the data may have gone out: nothing can follow it, and the close resets. */
TEST_F(StreamEndTest, LastDataThatIsCutShortEndsSending)
{
    for (bool deadline : {false, true}) {
        peer::Tcp other;
        File file = Connected(&other);
        std::vector<uint8_t> last = Pattern(WSKB_MAXIMUM_TRANSFER, 9);
        Request disconnect;
        WSKB_TRANSFER in = {sizeof in, 0, deadline ? 30u : 0u};
        ASSERT_STATUS(STATUS_PENDING, disconnect.Start(file, IOCTL_WSKB_DISCONNECT, &in, sizeof in,
                                                       last.data(), (ULONG)last.size()));
        if (deadline) {
            EXPECT_STATUS(STATUS_IO_TIMEOUT, disconnect.Wait());
        } else {
            EXPECT_STATUS(STATUS_SUCCESS, disconnect.Cancel());
            EXPECT_STATUS(STATUS_CANCELLED, disconnect.Wait());
        }
        EXPECT_EQ(0u, disconnect.Information());
        EXPECT_STATUS(STATUS_CONNECTION_ABORTED, file.Send("x", 1));
        EXPECT_STATUS(STATUS_CONNECTION_ABORTED, file.DisconnectWith("x"));
        ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_LINGER, 10));
        file.Close();
        EXPECT_EQ(peer::End::Reset, other.AwaitEnd());
    }
}

/* A send that is cut short takes the last data behind it along. */
TEST_F(StreamEndTest, LastDataBehindACutSendIsCutOff)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    Request disconnect;
    WSKB_TRANSFER in = {sizeof in, 0, 0};
    char last[] = "last";
    ASSERT_STATUS(STATUS_PENDING,
                  disconnect.Start(file, IOCTL_WSKB_DISCONNECT, &in, sizeof in, last, sizeof last));
    EXPECT_STATUS(STATUS_SUCCESS, send.Cancel());
    (void)send.Wait();
    EXPECT_STATUS(STATUS_CONNECTION_ABORTED, disconnect.Wait());
}

TEST_F(StreamEndTest, LastDataThatMakesNoSenseIsRefused)
{
    peer::Tcp other;
    File file = Connected(&other);
    std::string tooLong(WSKB_MAXIMUM_TRANSFER + 1, 'x');
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, file.DisconnectWith("x", WSKB_DISCONNECT_ABORTIVE));
    EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, file.DisconnectWith(tooLong));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, BoundConnection().DisconnectWith("x"));
    /* The refused ones changed nothing. */
    EXPECT_STATUS(STATUS_SUCCESS, file.Send("still open", 10));
    EXPECT_EQ("still open", other.ReceiveText(10));
    EXPECT_STATUS(STATUS_SUCCESS, file.DisconnectWith(""));
    EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
}

/* Everything that comes is discarded, however much, until the peer ends its side. Sending goes on. */
TEST_F(StreamEndTest, ADrainEndsWithTheStream)
{
    peer::Tcp other;
    File file = Connected(&other);
    Request drain;
    ASSERT_STATUS(STATUS_PENDING, StartDrain(&drain, file));
    std::vector<uint8_t> data = Pattern(8 << 20, 1);
    ASSERT_TRUE(other.SendAll(data.data(), data.size()));
    EXPECT_FALSE(drain.Done(50));
    EXPECT_STATUS(STATUS_SUCCESS, file.Send("hello", 5));
    EXPECT_EQ("hello", other.ReceiveText(5));
    other.ShutdownSend();
    EXPECT_STATUS(STATUS_SUCCESS, drain.Wait());
    EXPECT_EQ(0u, drain.Information());
    char byte;
    ULONG_PTR moved = 1;
    EXPECT_STATUS(STATUS_SUCCESS, file.Receive(&byte, 1, &moved));
    EXPECT_EQ(0u, moved);
}

TEST_F(StreamEndTest, ADrainReportsAReset)
{
    peer::Tcp other;
    File file = Connected(&other);
    Request drain;
    ASSERT_STATUS(STATUS_PENDING, StartDrain(&drain, file));
    other.Reset();
    EXPECT_STATUS(STATUS_CONNECTION_RESET, drain.Wait());
}

/* It has discarded an unknown number of bytes. */
TEST_F(StreamEndTest, AfterADrainThatWasCutShortNothingIsReceived)
{
    for (bool deadline : {false, true}) {
        peer::Tcp other;
        File file = Connected(&other);
        Request drain;
        ASSERT_STATUS(STATUS_PENDING, StartDrain(&drain, file, deadline ? 30 : 0));
        ASSERT_TRUE(other.SendAll("dropped"));
        if (!deadline) {
            EXPECT_STATUS(STATUS_SUCCESS, drain.Cancel());
        }
        EXPECT_STATUS(deadline ? STATUS_IO_TIMEOUT : STATUS_CANCELLED, drain.Wait());
        char byte;
        ULONG_PTR moved;
        EXPECT_STATUS(STATUS_CONNECTION_ABORTED, file.Receive(&byte, 1, &moved));
        EXPECT_STATUS(STATUS_SUCCESS, file.Send("sent", 4));
    }
}

TEST_F(StreamEndTest, ADrainHasNoBuffer)
{
    peer::Tcp other;
    File file = Connected(&other);
    char byte;
    ULONG_PTR moved;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, file.Receive(&byte, 1, &moved, WSKB_RECEIVE_DRAIN));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  file.Receive(nullptr, 0, &moved, WSKB_RECEIVE_DRAIN | WSKB_RECEIVE_WAITALL));
    ASSERT_TRUE(other.SendAll("x"));
    EXPECT_STATUS(STATUS_SUCCESS, file.Receive(&byte, 1, &moved));
}

TEST_F(StreamEndTest, FirstDataComesWithTheConnection)
{
    for (ULONG length : {1u, 1000u, (ULONG)WSKB_MAXIMUM_FIRST_DATA}) {
        peer::TcpListener listener;
        File file = BoundConnection();
        std::vector<uint8_t> pattern = Pattern(length, 2);
        std::string first(pattern.begin(), pattern.end());
        ULONG_PTR sent = 0;
        ASSERT_STATUS(STATUS_SUCCESS,
                      file.ConnectWith(Loopback(WSKB_AF_INET, listener.Port()), first, &sent));
        EXPECT_EQ(length, sent);
        peer::Tcp other = listener.Accept();
        EXPECT_EQ(first, other.ReceiveText(length));
        WSKB_SOCKADDR remote;
        EXPECT_STATUS(STATUS_SUCCESS, file.RemoteAddress(&remote));
        EXPECT_EQ(listener.Port(), HostPort(remote));
        EXPECT_STATUS(STATUS_SUCCESS, file.Send("more", 4));
        EXPECT_EQ("more", other.ReceiveText(4));
    }
}

TEST_F(StreamEndTest, FirstDataIsNotSentWhereNobodyAnswers)
{
    peer::TcpListener full(4, 0);
    peer::TcpListener listener;
    peer::UnusedTcpPort nobody;
    full.Fill();
    File file = BoundConnection();
    EXPECT_STATUS(STATUS_CONNECTION_REFUSED,
                  file.ConnectWith(Loopback(WSKB_AF_INET, nobody.Port()), "first"));
    char first[] = "first";
    Request connect;
    WSKB_CONNECT in = {sizeof in, 0, 30, Loopback(WSKB_AF_INET, full.Port())};
    ASSERT_STATUS(STATUS_PENDING, connect.Start(file, IOCTL_WSKB_CONNECT, &in, sizeof in, first, 5));
    EXPECT_STATUS(STATUS_IO_TIMEOUT, connect.Wait());
    EXPECT_EQ(0u, connect.Information());
    /* It may be tried again. */
    ASSERT_STATUS(STATUS_SUCCESS, file.ConnectWith(Loopback(WSKB_AF_INET, listener.Port()), "second"));
    peer::Tcp other = listener.Accept();
    EXPECT_EQ("second", other.ReceiveText(6));
}

TEST_F(StreamEndTest, FirstDataThatIsTooLongIsRefused)
{
    peer::TcpListener listener;
    File file = BoundConnection();
    std::string tooLong(WSKB_MAXIMUM_FIRST_DATA + 1, 'x');
    WSKB_SOCKADDR address = Loopback(WSKB_AF_INET, listener.Port());
    EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, file.ConnectWith(address, tooLong));
    EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, file.ConnectWith(Loopback(WSKB_AF_INET6, 9), "x"));
    EXPECT_STATUS(STATUS_SUCCESS, file.Connect(address));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, file.ConnectWith(address, "x"));
}

TEST_F(StreamEndTest, TellsHowMuchCanBeReceived)
{
    peer::Tcp other;
    File file = Connected(&other);
    ULONG available = 99;
    ASSERT_STATUS(STATUS_SUCCESS, file.GetOption(WSKB_OPTION_RECEIVE_BACKLOG, &available));
    EXPECT_EQ(0u, available);
    ASSERT_TRUE(other.SendAll("12345"));
    EXPECT_TRUE(Await([&] {
        return NT_SUCCESS(file.GetOption(WSKB_OPTION_RECEIVE_BACKLOG, &available)) && available == 5;
    }));
    char two[2];
    ULONG_PTR moved;
    ASSERT_STATUS(STATUS_SUCCESS, file.Receive(two, sizeof two, &moved));
    ASSERT_STATUS(STATUS_SUCCESS, file.GetOption(WSKB_OPTION_RECEIVE_BACKLOG, &available));
    EXPECT_EQ(3u, available);
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, file.SetOption(WSKB_OPTION_RECEIVE_BACKLOG, 1));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE,
                  BoundConnection().GetOption(WSKB_OPTION_RECEIVE_BACKLOG, &available));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, BoundDatagram().GetOption(WSKB_OPTION_RECEIVE_BACKLOG, &available));
}
