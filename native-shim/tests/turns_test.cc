/* SPDX-License-Identifier: Apache-2.0
 *
 * wskshim_wait_in_turn and wskshim_end_turn: one thread at a time works on completions, and a thread that
 * waits for its own operation goes before the one in the background.
 */
#include "support.h"

#include <memory>

class TurnTest : public ShimTest {
  protected:
    void SetUp() override
    {
        ShimTest::SetUp();
        port = std::make_unique<Port>();
        socket = port->Datagram();
    }
    void TearDown() override
    {
        port.reset();
        ShimTest::TearDown();
    }
    int32_t Wait(int32_t timeout_ms, int32_t foreground)
    {
        wskshim_completion completion = {};
        return wskshim_wait_in_turn(port->Token(), U(&completion), 1, timeout_ms, foreground);
    }
    int32_t Background(int32_t timeout_ms = kPatience)
    {
        return Wait(timeout_ms, 0);
    }
    int32_t Foreground(int32_t timeout_ms = kPatience)
    {
        return Wait(timeout_ms, 1);
    }
    int32_t End()
    {
        return wskshim_end_turn(port->Token());
    }
    void Wake()
    {
        EXPECT_STATUS(0, wskshim_wake(port->Token()));
    }
    wskshim_submission Nop()
    {
        wskshim_submission entry;
        wskshim_prepare(&entry, WSKSHIM_NOP, socket, 0);
        return entry;
    }

    std::unique_ptr<Port> port;
    uint64_t socket = 0;
    DatagramBuffer buffer;
    peer::Udp other;
};

TEST_F(TurnTest, BadArgumentsAreRefused)
{
    wskshim_completion completion = {};
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, wskshim_wait_in_turn(1, U(&completion), 1, 0, 1));
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, wskshim_end_turn(1));
    for (int32_t foreground : {0, 1}) {
        EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER,
                      wskshim_wait_in_turn(port->Token(), 0, 1, 0, foreground));
        EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER,
                      wskshim_wait_in_turn(port->Token(), U(&completion), 0, 0, foreground));
    }
    EXPECT_STATUS(0, End()) << "no turn, nothing to end";
}

TEST_F(TurnTest, CompletionsComeOneTurnAfterTheOther)
{
    port->Submit({Nop(), Nop(), Nop()});
    EXPECT_EQ(1, Background());
    EXPECT_EQ(1, Background()) << "who comes back ends its turn";
    EXPECT_STATUS(0, End());
    EXPECT_EQ(1, Background());
    EXPECT_EQ(0, Background(0));
}

/* Needs turns, which only the embedded transport has. */
TEST_F(TurnTest, NoOtherThreadGetsAnyMeanwhile)
{
    port->Submit({Nop(), Nop()});
    EXPECT_EQ(1, Background());
    std::thread([this] {
        EXPECT_EQ(0, Background(20));
        EXPECT_EQ(0, Foreground());
    }).join();
    EXPECT_STATUS(0, End());
    std::thread([this] {
        EXPECT_EQ(1, Background());
        EXPECT_STATUS(0, End());
    }).join();
}

/* Needs a foreground. */
TEST_F(TurnTest, AThreadTakesItsOwnCompletionFromTheBackground)
{
    std::atomic<bool> back{false};
    std::thread background([&] {
        EXPECT_EQ(0, Background(-1)) << "it is woken";
        back = true;
    });
    ThreadNumber own{0};
    own = OwnThreadNumber();
    uint16_t target = LocalPort(socket);
    for (int round = 0; round < 200; round++) {
        port->Submit(buffer.Receive(socket, 7));
        std::thread sender([&] {
            EXPECT_TRUE(AwaitSleep(own)) << "before that the background may take it";
            other.SendTo(target, "x");
        });
        EXPECT_EQ(1, Foreground());
        sender.join();
        EXPECT_STATUS(0, End());
        EXPECT_FALSE(back);
    }
    Wake();
    background.join();
}

TEST_F(TurnTest, TheForegroundIsForOneOperationOnly)
{
    DatagramBuffer second;
    uint64_t token;
    EXPECT_EQ(0, Foreground(-1)) << "there is nothing to wait for";
    port->Submit(buffer.Receive(socket, 1));
    port->Submit(second.Receive(port->Datagram(), 2), &token);
    EXPECT_EQ(0, Foreground(-1)) << "the other operation is not to be late";
    EXPECT_STATUS(0, wskshim_cancel(port->Token(), token));
    EXPECT_EQ(1, Background());
    EXPECT_EQ(0, Foreground(1)) << "the time passes";
}

/* Needs a foreground. */
TEST_F(TurnTest, WhatNobodyWaitsForComesWhenAThreadInTheForegroundIsGone)
{
    std::atomic<int> taken{0};
    std::thread background([&] {
        while (Background(-1) > 0) {
            taken++;
        }
    });
    for (int round = 0; round < 50; round++) {
        port->Submit(buffer.Receive(socket, 1));
        EXPECT_EQ(0, Foreground(1));
        other.SendTo(LocalPort(socket), "x");
        EXPECT_TRUE(Await([&] { return taken == round + 1; }));
    }
    Wake();
    background.join();
}

TEST_F(TurnTest, AWakeIsForTheBackground)
{
    ThreadNumber number{0};
    std::thread background([&] {
        number = OwnThreadNumber();
        EXPECT_EQ(0, Background(-1));
    });
    EXPECT_TRUE(AwaitSleep(number));
    port->Submit(buffer.Receive(socket, 1));
    ThreadNumber other_number{0};
    std::thread foreground([&] {
        other_number = OwnThreadNumber();
        EXPECT_EQ(0, Foreground());
    });
    EXPECT_TRUE(AwaitSleep(other_number));
    Wake();
    background.join();
    foreground.join();
}

TEST_F(TurnTest, CloseSendsEverybodyHome)
{
    for (int round = 0; round < 20; round++) {
        Port closing;
        DatagramBuffer room;
        uint64_t token = closing.Token();
        ThreadNumber numbers[2] = {};
        std::vector<std::thread> waiters;
        closing.Submit(room.Receive(closing.Datagram(), 1));
        for (int foreground : {0, 1}) {
            waiters.emplace_back([&, foreground] {
                wskshim_completion completion = {};
                numbers[foreground] = OwnThreadNumber();
                int32_t status = wskshim_wait_in_turn(token, U(&completion), 1, -1, foreground);
                EXPECT_TRUE(status == WSKSHIM_STATUS_INVALID_HANDLE || status == 1 ||
                            (foreground && status == 0))
                    << StatusName(status);
            });
            EXPECT_TRUE(AwaitSleep(numbers[foreground]));
        }
        EXPECT_STATUS(0, closing.Close());
        for (auto& waiter : waiters) {
            waiter.join();
        }
    }
}

/* A turn that its thread cannot end any more, because the port's token is invalid. */
TEST_F(TurnTest, ATurnDoesNotHoldUpAClose)
{
    Port closing;
    uint64_t opened = closing.Open();
    uint64_t token = closing.Token();
    wskshim_submission entry;
    wskshim_completion completion = {};
    wskshim_prepare(&entry, WSKSHIM_NOP, opened, 0);
    closing.Submit(entry);
    EXPECT_EQ(1, wskshim_wait_in_turn(token, U(&completion), 1, -1, 0));
    ThreadNumber number{0};
    std::thread waiter([&] {
        wskshim_completion none;
        number = OwnThreadNumber();
        EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, wskshim_wait_in_turn(token, U(&none), 1, -1, 0));
    });
    EXPECT_TRUE(AwaitSleep(number));
    EXPECT_STATUS(0, closing.Close());
    waiter.join();
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, wskshim_end_turn(token));
}
