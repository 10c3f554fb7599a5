/* SPDX-License-Identifier: Apache-2.0
 *
 * wskshim_submit, wskshim_wait and wskshim_cancel: each entry yields exactly one completion, in the place the
 * header promises.
 */
#include "support.h"

#include <memory>

#include "race.h"

class OperationTest : public ShimTest {};

namespace {

wskshim_submission Nop(uint64_t socket, uint64_t user_data)
{
    wskshim_submission entry;
    wskshim_prepare(&entry, WSKSHIM_NOP, socket, user_data);
    return entry;
}

/* Invalid entries, each with the expected status. */
std::vector<std::pair<wskshim_submission, int32_t>> BadEntries(uint64_t socket, uint64_t other_port_socket,
                                                               uint64_t closed_socket)
{
    static char byte;
    WSKB_SOCKADDR address = Loopback(WSKB_AF_INET, 9);
    std::vector<std::pair<wskshim_submission, int32_t>> bad;
    auto add = [&](wskshim_submission entry, int32_t status) {
        entry.user_data = 1000 + bad.size();
        bad.emplace_back(entry, status);
    };
    wskshim_submission entry = Nop(socket, 0);
    for (uint16_t opcode : {(uint16_t)WSKSHIM_OPCODES, (uint16_t)0x7FFF, (uint16_t)0xFFFF}) {
        entry.opcode = opcode;
        add(entry, WSKSHIM_STATUS_INVALID_PARAMETER);
    }
    entry = Nop(socket, 0);
    for (uint32_t bit = 1; bit < 0x10000; bit <<= 1) {
        entry.modifiers = (uint16_t)bit; /* there is no message */
        add(entry, WSKSHIM_STATUS_INVALID_PARAMETER);
    }
    entry = Nop(socket, 0);
    entry.flags = 1;
    add(entry, WSKSHIM_STATUS_INVALID_PARAMETER);
    wskshim_prepare_connect(&entry, socket, &address, 0);
    entry.flags = 1;
    add(entry, WSKSHIM_STATUS_INVALID_PARAMETER);
    wskshim_prepare_send_to(&entry, socket, nullptr, 5, &address, 0);
    add(entry, WSKSHIM_STATUS_INVALID_PARAMETER);
    wskshim_prepare_send_to(&entry, socket, &byte, 1, &address, 0);
    entry.flags = WSKB_SEND_TO_CONTROL; /* there is no message that has the control information */
    add(entry, (int32_t)0xC0000004);
    entry.flags = 2;
    add(entry, WSKSHIM_STATUS_INVALID_PARAMETER);
    for (uint64_t bad_socket : {(uint64_t)0, other_port_socket, closed_socket, ~(uint64_t)0}) {
        add(Nop(bad_socket, 0), WSKSHIM_STATUS_INVALID_HANDLE);
    }
    wskshim_prepare_send(&entry, socket, &byte, 1, 0, 0); /* not on a datagram socket */
    add(entry, (int32_t)0xC0000010);
    wskshim_prepare_receive_from(&entry, socket, &byte, 1, 0); /* no room for the prefix */
    add(entry, (int32_t)0xC0000023);
    return bad;
}

} // namespace

TEST_F(OperationTest, WhatIsDoneAtOnceIsReportedAtOnce)
{
    Port port;
    uint64_t socket = port.Open();
    std::vector<uint64_t> tokens;
    auto completions = port.Finish({Nop(socket, 7), Nop(socket, 8), Nop(socket, 9)}, &tokens);
    for (size_t i = 0; i < 3; i++) {
        EXPECT_EQ(kEmbedded, tokens[i] == 0);
        EXPECT_EQ(7u + i, completions[i].user_data);
        EXPECT_STATUS(0, completions[i].status);
        EXPECT_EQ(0u, completions[i].bytes);
        EXPECT_EQ(WSKSHIM_NOP, completions[i].opcode);
        EXPECT_EQ(0u, completions[i].reserved);
        EXPECT_EQ(0u, completions[i].reserved2);
    }
    EXPECT_TRUE(port.Empty());
}

TEST_F(OperationTest, TokensAreOptional)
{
    Port port;
    uint64_t socket = port.Datagram();
    DatagramBuffer buffer;
    wskshim_submission entries[2] = {Nop(socket, 7), buffer.Receive(socket, 8)};
    wskshim_completion completions[2];
    ASSERT_EQ(2, wskshim_submit(port.Token(), U(entries), 0, U(completions), 2));
    EXPECT_EQ(7u, (kEmbedded ? completions[0] : port.WaitOne()).user_data);
    EXPECT_STATUS(0, wskshim_socket_close(socket));
    EXPECT_EQ(8u, port.WaitOne().user_data);
}

TEST_F(OperationTest, WithoutCompletionsEverythingComesThroughThePort)
{
    Port port;
    uint64_t socket = port.Open();
    for (size_t count : {1u, 2u, 63u, 64u, 65u, 127u, 128u, 129u, 256u, 257u, 500u}) {
        std::vector<wskshim_submission> entries;
        std::vector<uint64_t> tokens;
        std::vector<bool> seen(count);
        for (size_t i = 0; i < count; i++) {
            entries.push_back(Nop(socket, i));
        }
        port.Submit(entries, &tokens);
        for (uint64_t token : tokens) {
            EXPECT_NE(0u, token);
        }
        for (const auto& completion : port.Wait(count)) {
            EXPECT_STATUS(0, completion.status);
            EXPECT_FALSE(seen[completion.user_data]);
            seen[completion.user_data] = true;
        }
        EXPECT_TRUE(port.Empty());
    }
}

TEST_F(OperationTest, BatchesOfEverySizeComplete)
{
    Port port;
    uint64_t socket = port.Open();
    for (int32_t count = 1; count <= 500; count += count < 70 ? 1 : 43) {
        std::vector<wskshim_submission> entries;
        std::vector<uint64_t> tokens;
        for (int32_t i = 0; i < count; i++) {
            entries.push_back(Nop(socket, (uint64_t)i));
        }
        auto completions = port.Finish(entries, &tokens);
        for (int32_t i = 0; i < count; i++) {
            EXPECT_EQ((uint64_t)i, completions[(size_t)i].user_data);
            EXPECT_EQ(kEmbedded, tokens[(size_t)i] == 0);
        }
    }
    EXPECT_TRUE(port.Empty());
}

TEST_F(OperationTest, BadEntriesYieldOneCompletionEach)
{
    Port port;
    Port other;
    uint64_t socket = port.Datagram();
    uint64_t foreign = other.Open();
    uint64_t closed = port.Open();
    ASSERT_STATUS(0, wskshim_socket_close(closed));
    auto bad = BadEntries(socket, foreign, closed);
    for (bool inline_completions : {true, false}) {
        /* Valid entries between them are not affected. */
        std::vector<wskshim_submission> entries;
        for (auto& entry : bad) {
            entries.push_back(entry.first);
            entries.push_back(Nop(socket, entries.size()));
        }
        std::vector<wskshim_completion> completions;
        if (inline_completions) {
            completions = port.Finish(entries);
        } else {
            port.Submit(entries);
            completions = port.Wait(entries.size());
        }
        EXPECT_TRUE(port.Empty());
        size_t nops = 0;
        std::vector<int> seen(bad.size());
        for (const auto& completion : completions) {
            if (completion.user_data < 1000) {
                EXPECT_STATUS(0, completion.status);
                nops++;
                continue;
            }
            size_t index = completion.user_data - 1000;
            ASSERT_LT(index, bad.size());
            EXPECT_STATUS(bad[index].second, completion.status) << index;
            EXPECT_EQ(bad[index].first.opcode, completion.opcode);
            EXPECT_EQ(0u, completion.bytes);
            seen[index]++;
        }
        EXPECT_EQ(bad.size(), nops);
        EXPECT_EQ(std::vector<int>(bad.size(), 1), seen);
    }
}

/* A waiting one, and one with two pieces that are not adjacent, which finds the second datagram in the ring.
 */
TEST_F(OperationTest, MessagesAreReceivedInBatches)
{
    Port port;
    peer::Udp other;
    uint64_t socket = port.Datagram();
    WSKB_RING_PARAMETERS ring = {sizeof ring, 0, WSKB_MINIMUM_RING, 0, 0};
    ASSERT_STATUS(0, wskshim_control(socket, (uint32_t)IOCTL_WSKB_SET_RECEIVE_RING,
                                     (uint64_t)(uintptr_t)&ring, sizeof ring, 0, 0, 0));
    std::vector<uint8_t> output(WSKB_MINIMUM_BATCH), front(40), back(WSKB_MINIMUM_BATCH);
    wskshim_submission entry;
    wskshim_prepare_receive_messages(&entry, socket, output.data(), (uint32_t)output.size(), 5);
    port.Submit(entry);
    ASSERT_TRUE(other.SendTo(LocalPort(socket), "first"));
    wskshim_completion completion = port.WaitOne();
    EXPECT_STATUS(0, completion.status);
    EXPECT_EQ(WSKSHIM_RECEIVE_MESSAGES, completion.opcode);
    EXPECT_EQ(sizeof(WSKB_MESSAGES) + sizeof(WSKB_MESSAGE) + 8, completion.bytes);
    EXPECT_EQ(0, memcmp("first", &output[sizeof(WSKB_MESSAGES) + sizeof(WSKB_MESSAGE)], 5));

    wskshim_buffer pieces[] = {{(uint64_t)(uintptr_t)front.data(), 40, 0},
                               {(uint64_t)(uintptr_t)back.data(), (uint32_t)back.size(), 0}};
    wskshim_message message = {};
    message.payload = (uint64_t)(uintptr_t)pieces;
    message.payload_count = 2;
    wskshim_prepare_message(&entry, WSKSHIM_RECEIVE_MESSAGES, socket, &message, 0, 6);
    port.Submit(entry);
    ASSERT_TRUE(other.SendTo(LocalPort(socket), "second"));
    EXPECT_STATUS(0, port.WaitOne().status);
    EXPECT_EQ(0, memcmp("second", &back[sizeof(WSKB_MESSAGES) + sizeof(WSKB_MESSAGE) - 40], 6));
}

TEST_F(OperationTest, CancelEndsAnOperation)
{
    Port port;
    uint64_t socket = port.Datagram();
    DatagramBuffer buffer;
    uint64_t token = 0;
    port.Submit(buffer.Receive(socket, 5), &token);
    ASSERT_NE(0u, token);
    EXPECT_TRUE(port.Empty());
    EXPECT_STATUS(0, wskshim_cancel(port.Token(), token));
    wskshim_completion completion = port.WaitOne();
    EXPECT_STATUS(WSKSHIM_STATUS_CANCELLED, completion.status);
    EXPECT_EQ(5u, completion.user_data);
    EXPECT_EQ(WSKSHIM_RECEIVE_FROM, completion.opcode);
    EXPECT_STATUS(WSKSHIM_STATUS_NOT_FOUND, wskshim_cancel(port.Token(), token));
    EXPECT_EQ(std::vector<uint8_t>(buffer.bytes.size(), 0xEE), buffer.bytes);
}

TEST_F(OperationTest, CancelOfAFinishedOperationIsNotFound)
{
    DatagramBuffer buffer; /* must outlive the port */
    Port port;
    uint64_t socket = port.Open();
    uint64_t token = 0;
    port.Submit(Nop(socket, 1), &token);
    /* The operation is complete, although its completion was not taken yet. */
    EXPECT_STATUS(WSKSHIM_STATUS_NOT_FOUND, wskshim_cancel(port.Token(), token));
    port.WaitOne();
    EXPECT_STATUS(WSKSHIM_STATUS_NOT_FOUND, wskshim_cancel(port.Token(), token));
    /* Another operation reuses its slot. */
    uint64_t datagram = port.Datagram();
    uint64_t next = 0;
    port.Submit(buffer.Receive(datagram, 2), &next);
    EXPECT_NE(token, next);
    EXPECT_STATUS(WSKSHIM_STATUS_NOT_FOUND, wskshim_cancel(port.Token(), token));
    EXPECT_TRUE(port.Empty());
}

TEST_F(OperationTest, TokensOfOnePortMeanNothingToAnother)
{
    DatagramBuffer first;
    DatagramBuffer second;
    Port one;
    Port two;
    uint64_t token_one = 0;
    uint64_t token_two = 0;
    one.Submit(first.Receive(one.Datagram(), 1), &token_one);
    two.Submit(second.Receive(two.Datagram(), 2), &token_two);
    EXPECT_NE(token_one, token_two);
    EXPECT_STATUS(WSKSHIM_STATUS_NOT_FOUND, wskshim_cancel(one.Token(), token_two));
    EXPECT_STATUS(WSKSHIM_STATUS_NOT_FOUND, wskshim_cancel(two.Token(), token_one));
    EXPECT_TRUE(one.Empty());
    EXPECT_TRUE(two.Empty());
}

TEST_F(OperationTest, CancelAnySubsetOfAThousand)
{
    constexpr size_t kCount = 1000;
    Port port;
    uint64_t socket = port.Datagram();
    std::vector<DatagramBuffer> buffers(kCount, DatagramBuffer(16));
    std::vector<wskshim_submission> entries;
    std::vector<uint64_t> tokens;
    for (size_t i = 0; i < kCount; i++) {
        entries.push_back(buffers[i].Receive(socket, i));
    }
    port.Submit(entries, &tokens);
    size_t cancelled = 0;
    std::vector<int> seen(kCount);
    for (size_t i = 0; i < kCount; i += 7, cancelled++) {
        EXPECT_STATUS(0, wskshim_cancel(port.Token(), tokens[i]));
    }
    for (const auto& completion : port.Wait(cancelled)) {
        EXPECT_STATUS(WSKSHIM_STATUS_CANCELLED, completion.status);
        EXPECT_EQ(0u, completion.user_data % 7);
        seen[completion.user_data]++;
    }
    EXPECT_TRUE(port.Empty());
    EXPECT_STATUS(0, wskshim_socket_close(socket));
    for (const auto& completion : port.Wait(kCount - cancelled)) {
        EXPECT_STATUS(WSKSHIM_STATUS_CANCELLED, completion.status);
        seen[completion.user_data]++;
    }
    EXPECT_TRUE(port.Empty());
    EXPECT_EQ(std::vector<int>(kCount, 1), seen);
}

/* Threads submit, cancel and wait concurrently; every entry completes once. */
class EverythingAtOnceTest : public OperationTest {
  protected:
    static constexpr int kThreads = 3;
    static constexpr int kRounds = 100;
    static constexpr int kBatch = 8;

    void SetUp() override
    {
        OperationTest::SetUp();
        port_ = std::make_unique<Port>();
        for (auto& submitter : submitters_) {
            submitter.socket = port_->Datagram();
            submitter.port = LocalPort(submitter.socket);
            submitter.buffers.assign(kRounds * kBatch, DatagramBuffer(64));
        }
    }
    void TearDown() override
    {
        port_.reset();
        OperationTest::TearDown();
    }

    struct Submitter {
        uint64_t socket;
        uint16_t port;
        std::vector<DatagramBuffer> buffers;
    };

    void SubmitAndCancel(Submitter* submitter, int round)
    {
        wskshim_submission entries[kBatch];
        wskshim_completion completions[kBatch];
        uint64_t tokens[kBatch];
        for (int i = 0; i < kBatch; i++) {
            entries[i] = submitter->buffers[(size_t)(round * kBatch + i)].Receive(submitter->socket, 1);
        }
        EXPECT_EQ(kBatch, wskshim_submit(port_->Token(), U(entries), U(tokens), U(completions), kBatch));
        for (uint64_t token : tokens) {
            inline_completed_ += token == 0;
            if (token != 0) {
                int32_t status = wskshim_cancel(port_->Token(), token);
                EXPECT_TRUE(status == 0 || status == WSKSHIM_STATUS_NOT_FOUND) << StatusName(status);
            }
        }
    }

    void TakeSome()
    {
        wskshim_completion completions[16] = {};
        int32_t count = wskshim_wait(port_->Token(), U(completions), 16, 5);
        for (int32_t i = 0; i < count; i++) {
            strange_ += completions[i].status != 0 && completions[i].status != WSKSHIM_STATUS_CANCELLED;
        }
        completed_ += count;
    }

    void SendToEach()
    {
        for (const auto& submitter : submitters_) {
            other_.SendTo(submitter.port, "x");
        }
        std::this_thread::yield();
    }

    std::unique_ptr<Port> port_;
    Submitter submitters_[kThreads];
    peer::Udp other_;
    std::atomic<int> completed_{0};
    std::atomic<int> inline_completed_{0};
    std::atomic<int> strange_{0};
};

TEST_F(EverythingAtOnceTest, EachCompletesOnce)
{
    Race race;
    for (auto& submitter : submitters_) {
        race.Run([&] {
            for (int round = 0; round < kRounds; round++) {
                SubmitAndCancel(&submitter, round);
            }
        });
    }
    for (int t = 0; t < 2; t++) {
        race.Repeat([&] { TakeSome(); });
    }
    race.Repeat([&] { SendToEach(); });
    race.Join();
    EXPECT_TRUE(Await([&] { return completed_ + inline_completed_ == kThreads * kRounds * kBatch; }))
        << completed_ << " + " << inline_completed_;
    race.Stop();
    EXPECT_EQ(0, strange_);
}
