/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners of the Winsock backend: accepted and skipped connections, and the port afterwards.
 */
#include "support.h"

namespace wsk {

class BackendAcceptTest : public BackendTest {
  protected:
    void SetUp() override
    {
        BackendTest::SetUp();
        Listener = std::make_unique<Watcher>(BackendStream);
        ASSERT_EQ(0, Listener->Bind(peer::QuietPort()));
        ASSERT_EQ(0, BackendListen(Listener->Get()));
        Listener->Watch();
    }
    void TearDown() override
    {
        Listener.reset();
        BackendTest::TearDown();
    }

    std::unique_ptr<Watcher> Listener;
    BACKEND_HANDLE Handle = BACKEND_NO_HANDLE;
    BACKEND_ADDRESS Remote = {};
};

TEST_F(BackendAcceptTest, AcceptsAndTalks)
{
    std::string Got;
    size_t Moved = 0;
    EXPECT_EQ(BACKEND_WOULD_BLOCK, BackendAccept(Listener->Get(), &Handle, &Remote));
    peer::Tcp Far = peer::Tcp::Connect(4, Listener->Port());
    ASSERT_EQ(0, Listener->AcceptFully(&Handle, &Remote));
    EXPECT_EQ(Far.Port(), ntohs(Remote.Port));
    Watcher Accepted(Handle);
    Accepted.Watch();
    EXPECT_EQ(Listener->Port(), Accepted.Port());
    EXPECT_EQ(BACKEND_WOULD_BLOCK, Accepted.Receive(&Got)) << "non-blocking";
    EXPECT_EQ(0, Accepted.Send("hi", &Moved));
    EXPECT_EQ("hi", Far.ReceiveText(2));
    EXPECT_TRUE(Far.SendAll("there"));
    EXPECT_EQ(0, Accepted.ReceiveFully(&Got));
    EXPECT_EQ("there", Got);
    EXPECT_EQ(BACKEND_WOULD_BLOCK, BackendAccept(Listener->Get(), &Handle, &Remote));
}

/* In every second round the poller has also seen it. */
TEST_F(BackendAcceptTest, AConnectionThatWasResetDoesNoHarm)
{
    for (int Round = 0; Round < 10; Round++) {
        (void)Listener->Await(BACKEND_READABLE, 0);
        EXPECT_EQ(BACKEND_WOULD_BLOCK, BackendAccept(Listener->Get(), &Handle, &Remote));
        peer::Tcp Gone = peer::Tcp::Connect(4, Listener->Port());
        uint16_t GonePort = Gone.Port();
        Gone.Reset();
        if (Round % 2) {
            EXPECT_TRUE(Listener->Await(BACKEND_READABLE));
        }
        peer::Tcp Far = peer::Tcp::Connect(4, Listener->Port());
        for (bool Found = false; !Found;) {
            ASSERT_EQ(0, Listener->AcceptFully(&Handle, &Remote));
            Watcher Accepted(Handle);
            Found = (Far.Port() == ntohs(Remote.Port));
            EXPECT_TRUE(Found || GonePort == ntohs(Remote.Port));
        }
    }
}

TEST_F(BackendAcceptTest, TimeWaitDoesNotHinder)
{
    uint16_t Port = Listener->Port();
    peer::Tcp Far = peer::Tcp::Connect(4, Port);
    ASSERT_EQ(0, Listener->AcceptFully(&Handle, &Remote));
    BACKEND_HANDLE Accepted = Handle;
    EXPECT_EQ(0, BackendShutdownSend(Accepted));
    EXPECT_EQ(peer::End::Eof, Far.AwaitEnd());
    Far.Close();
    EXPECT_TRUE(Await([&] { return BackendIsAtEnd(Accepted); }));
    BackendClose(Accepted, false);
    Listener->Close(false);
    Watcher Again(BackendStream);
    EXPECT_EQ(0, Again.Bind(Port));
    EXPECT_EQ(0, BackendListen(Again.Get()));
}

} // namespace wsk
