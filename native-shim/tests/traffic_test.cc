/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagrams and streams through the shim, in batches, with ordinary sockets on the other end.
 */
#include "support.h"

class TrafficTest : public ShimTest {};

extern "C" int c_program_sends_to_itself(char* received, uint32_t length);

TEST_F(TrafficTest, ACProgramSendsToItself)
{
    char received[64];
    ASSERT_EQ(5, c_program_sends_to_itself(received, sizeof received));
    EXPECT_EQ("hello", std::string(received, 5));
}

TEST_F(TrafficTest, BatchesOfDatagramsBothWays)
{
    Port port;
    peer::Udp other;
    uint64_t socket = port.Datagram();
    uint16_t number = LocalPort(socket);
    WSKB_SOCKADDR to = Loopback(WSKB_AF_INET, other.Port());
    for (size_t count : {1u, 2u, 7u, 64u, 100u}) {
        std::vector<std::string> texts;
        std::vector<DatagramBuffer> buffers(count);
        std::vector<wskshim_submission> sends(count);
        std::vector<wskshim_submission> receives;
        for (size_t i = 0; i < count; i++) {
            texts.push_back(std::to_string(count) + "/" + std::to_string(i));
            receives.push_back(buffers[i].Receive(socket, i));
        }
        port.Submit(receives);
        for (size_t i = 0; i < count; i++) {
            wskshim_prepare_send_to(&sends[i], socket, texts[i].data(), (uint32_t)texts[i].size(), &to,
                                    1000 + i);
        }
        std::vector<wskshim_completion> completions(count);
        std::vector<uint64_t> tokens(count);
        ASSERT_EQ((int32_t)count, wskshim_submit(port.Token(), U(sends.data()), U(tokens.data()),
                                                 U(completions.data()), (int32_t)count));
        for (size_t i = 0; i < count; i++) {
            if (tokens[i] == 0) {
                EXPECT_STATUS(0, completions[i].status);
                EXPECT_EQ(texts[i].size(), completions[i].bytes);
                EXPECT_EQ(1000 + i, completions[i].user_data);
            } else {
                EXPECT_STATUS(0, port.WaitOne().status);
            }
        }
        for (size_t i = 0; i < count; i++) {
            std::vector<uint8_t> received;
            ASSERT_TRUE(other.Receive(&received));
            EXPECT_EQ(texts[i], std::string(received.begin(), received.end()));
            ASSERT_TRUE(other.SendTo(number, received.data(), received.size()));
        }
        for (const auto& completion : port.Wait(count)) {
            EXPECT_STATUS(0, completion.status);
            EXPECT_EQ(0u, completion.flags);
            EXPECT_EQ(0, memcmp(&to, &completion.address, sizeof to));
            EXPECT_EQ(texts[completion.user_data], buffers[completion.user_data].Text(completion));
        }
        EXPECT_TRUE(port.Empty());
    }
}

TEST_F(TrafficTest, ATruncatedDatagramSaysSo)
{
    Port port;
    peer::Udp other;
    uint64_t socket = port.Datagram();
    DatagramBuffer buffer(4);
    ASSERT_TRUE(other.SendTo(LocalPort(socket), "0123456789"));
    port.Submit(buffer.Receive(socket, 1));
    wskshim_completion completion = port.WaitOne();
    EXPECT_STATUS(WSKSHIM_STATUS_BUFFER_OVERFLOW, completion.status);
    EXPECT_EQ(4u, completion.bytes);
    EXPECT_EQ(WSKB_DATAGRAM_TRUNCATED, completion.flags);
    EXPECT_EQ("0123", buffer.Text(completion));
}

TEST_F(TrafficTest, BuffersNeedNotBeAligned)
{
    Port port;
    peer::Udp other;
    uint64_t socket = port.Datagram();
    uint16_t number = LocalPort(socket);
    for (size_t offset = 0; offset < 8; offset++) {
        std::vector<uint8_t> memory(256);
        wskshim_submission entry;
        wskshim_prepare_receive_from(&entry, socket, &memory[offset], 128, 1);
        ASSERT_TRUE(other.SendTo(number, "odd"));
        port.Submit(entry);
        wskshim_completion completion = port.WaitOne();
        EXPECT_STATUS(0, completion.status);
        EXPECT_EQ(3u, completion.bytes);
        EXPECT_EQ(0, memcmp(&memory[offset + sizeof(WSKB_DATAGRAM)], "odd", 3));
    }
}

TEST_F(TrafficTest, EmptyDatagrams)
{
    Port port;
    peer::Udp other;
    uint64_t socket = port.Datagram();
    WSKB_SOCKADDR to = Loopback(WSKB_AF_INET, other.Port());
    wskshim_submission entry;
    wskshim_prepare_send_to(&entry, socket, nullptr, 0, &to, 1);
    port.Submit(entry);
    EXPECT_STATUS(0, port.WaitOne().status);
    EXPECT_EQ("", other.ReceiveText());
    DatagramBuffer buffer(0);
    ASSERT_TRUE(other.SendTo(LocalPort(socket), ""));
    port.Submit(buffer.Receive(socket, 1));
    wskshim_completion completion = port.WaitOne();
    EXPECT_STATUS(0, completion.status);
    EXPECT_EQ(0u, completion.bytes);
}

TEST_F(TrafficTest, AThousandReceivesAndClose)
{
    Port port;
    peer::Udp other;
    uint64_t socket = port.Datagram();
    uint16_t number = LocalPort(socket);
    std::vector<DatagramBuffer> buffers(1000, DatagramBuffer(32));
    std::vector<wskshim_submission> entries;
    for (size_t i = 0; i < buffers.size(); i++) {
        entries.push_back(buffers[i].Receive(socket, i));
    }
    port.Submit(entries);
    for (int i = 0; i < 100; i++) {
        ASSERT_TRUE(other.SendTo(number, std::to_string(i)));
    }
    auto completions = port.Wait(100);
    for (const auto& completion : completions) {
        EXPECT_STATUS(0, completion.status);
        EXPECT_EQ(std::to_string(completion.user_data), buffers[completion.user_data].Text(completion));
    }
    EXPECT_STATUS(0, port.Close());
}

TEST_F(TrafficTest, AStreamBothWays)
{
    constexpr uint32_t kChunk = 65536;
    constexpr uint32_t kChunks = 128;
    Port port;
    peer::Tcp other;
    uint64_t socket = port.Connected(&other);
    std::vector<uint8_t> data(kChunk * kChunks);
    for (size_t i = 0; i < data.size(); i++) {
        data[i] = (uint8_t)(i * 2654435761u >> 24);
    }
    std::thread echo([&] {
        std::vector<uint8_t> bytes(data.size());
        EXPECT_TRUE(other.ReceiveAll(bytes.data(), bytes.size()));
        EXPECT_TRUE(bytes == data);
        EXPECT_TRUE(other.SendAll(bytes.data(), bytes.size()));
        EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
        other.ShutdownSend();
    });
    std::vector<wskshim_submission> sends(kChunks);
    for (uint32_t i = 0; i < kChunks; i++) {
        wskshim_prepare_send(&sends[i], socket, &data[i * kChunk], kChunk, 0, i);
    }
    port.Submit(sends);
    for (const auto& completion : port.Wait(kChunks)) {
        EXPECT_STATUS(0, completion.status);
        EXPECT_EQ(kChunk, completion.bytes);
    }
    std::vector<uint8_t> back(data.size());
    for (size_t have = 0; have < back.size();) {
        wskshim_submission receive;
        wskshim_prepare_receive(&receive, socket, &back[have],
                                (uint32_t)std::min<size_t>(100000, back.size() - have), 0, 1);
        port.Submit(receive);
        wskshim_completion completion = port.WaitOne();
        ASSERT_STATUS(0, completion.status);
        ASSERT_NE(0u, completion.bytes);
        have += completion.bytes;
    }
    EXPECT_TRUE(back == data);
    wskshim_submission end;
    wskshim_prepare_disconnect(&end, socket, 0, 1);
    port.Submit(end);
    EXPECT_STATUS(0, port.WaitOne().status);
    wskshim_prepare_receive(&end, socket, back.data(), 10, 0, 1);
    port.Submit(end);
    wskshim_completion completion = port.WaitOne();
    EXPECT_STATUS(0, completion.status);
    EXPECT_EQ(0u, completion.bytes);
    echo.join();
}

TEST_F(TrafficTest, AcceptedConnectionsAreAttached)
{
    Port port;
    uint64_t listener = port.Socket(WSKB_CATEGORY_LISTEN);
    uint16_t number = LocalPort(listener);
    std::vector<wskshim_submission> accepts(10);
    std::vector<peer::Tcp> others;
    for (size_t i = 0; i < accepts.size(); i++) {
        wskshim_prepare_accept(&accepts[i], listener, i);
    }
    port.Submit(accepts);
    for (size_t i = 0; i < accepts.size(); i++) {
        others.push_back(peer::Tcp::Connect(4, number));
        ASSERT_TRUE(others.back().IsOpen());
    }
    for (const auto& completion : port.Wait(accepts.size())) {
        ASSERT_STATUS(0, completion.status);
        EXPECT_NE(0u, completion.value);
        EXPECT_EQ(0u, completion.bytes);
        uint64_t socket = port.Open();
        WSKB_ATTACH attach = {sizeof attach, 0, completion.value};
        ASSERT_STATUS(0, wskshim_control(socket, IOCTL_WSKB_ATTACH, U(&attach), sizeof attach, 0, 0, 0));
        WSKB_ADDRESS remote;
        ASSERT_STATUS(
            0, wskshim_control(socket, IOCTL_WSKB_GET_REMOTE_ADDRESS, 0, 0, U(&remote), sizeof remote, 0));
        EXPECT_EQ(0, memcmp(&remote.Address, &completion.address, sizeof remote.Address));
        wskshim_submission send;
        char welcome[] = "welcome"; /* Wine can't send from read-only memory */
        wskshim_prepare_send(&send, socket, welcome, 7, WSKB_SEND_NODELAY, 1);
        port.Submit(send);
        EXPECT_STATUS(0, port.WaitOne().status);
    }
    for (auto& other : others) {
        EXPECT_EQ("welcome", other.ReceiveText(7));
    }
}

TEST_F(TrafficTest, ARefusedConnect)
{
    Port port;
    uint64_t socket = port.Socket(WSKB_CATEGORY_CONNECTION);
    peer::UnusedTcpPort nobody;
    WSKB_SOCKADDR address = Loopback(WSKB_AF_INET, nobody.Port());
    wskshim_submission connect;
    wskshim_prepare_connect(&connect, socket, &address, 3);
    port.Submit(connect);
    wskshim_completion completion = port.WaitOne();
    EXPECT_STATUS(kConnectionRefused, completion.status);
    EXPECT_EQ(3u, completion.user_data);
    EXPECT_EQ(WSKSHIM_CONNECT, completion.opcode);
}

TEST_F(TrafficTest, WaitsForDataAndForTheEnd)
{
    Port port;
    peer::Tcp other;
    uint64_t socket = port.Connected(&other);
    wskshim_submission readable, disconnected, receive;
    char byte = 0;
    wskshim_prepare_await_readable(&readable, socket, 1);
    wskshim_prepare_await_disconnected(&disconnected, socket, 2);
    wskshim_prepare_receive(&receive, socket, &byte, 1, 0, 3);
    port.Submit({readable, disconnected});
    EXPECT_TRUE(port.Empty());
    ASSERT_TRUE(other.SendAll("x"));
    wskshim_completion completion = port.WaitOne();
    EXPECT_EQ(1u, completion.user_data);
    EXPECT_STATUS(0, completion.status);
    port.Submit(receive);
    EXPECT_EQ(3u, port.WaitOne().user_data);
    EXPECT_EQ('x', byte);
    other.Reset();
    completion = port.WaitOne();
    EXPECT_EQ(2u, completion.user_data);
    EXPECT_STATUS((int32_t)0xC000020D, completion.status);
    readable.flags = 1;
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, port.Finish({readable})[0].status);
}
