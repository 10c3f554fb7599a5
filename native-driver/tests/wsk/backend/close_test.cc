/* SPDX-License-Identifier: Apache-2.0
 *
 * Closing sockets of the Winsock backend: in order and by reset, from either side, and that a closed socket
 * is really closed, although the poller was waiting for it.
 */
#include "support.h"

#include <thread>

namespace wsk {

class BackendCloseTest : public BackendTest {};

/* ---- from the peer's side ---------------------------------------------------------------------------- */

TEST_F(BackendCloseTest, ResetIsNotAnEnd)
{
    for (int Round = 0; Round < 20; Round++) {
        Pair Both;
        std::string Got;
        size_t Moved = 0;
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Both.Tcp.Receive(&Got));
        if (Round % 2) {
            EXPECT_TRUE(Both.Far.SendAll("last"));
        }
        Both.Far.Reset();
        int32_t Error = Both.Tcp.ReceiveFully(&Got);
        if (Error == 0 && Round % 2) {
            EXPECT_EQ("last", Got);
            Error = Both.Tcp.ReceiveFully(&Got);
        }
        EXPECT_EQ(WSAECONNRESET, Error);
        EXPECT_FALSE(BackendIsAtEnd(Both.Tcp.Get()));
        Error = Both.Tcp.Send("x", &Moved);
        EXPECT_TRUE(Error == WSAECONNRESET || Error == WSAESHUTDOWN) << Error;
    }
}

TEST_F(BackendCloseTest, ResetWhileSendWaits)
{
    Pair Both;
    size_t Moved = 0;
    Both.Fill();
    std::thread Resetter([&] {
        EXPECT_TRUE(Await([&] { return Both.Tcp.Awaiting() > 0; }));
        Both.Far.Reset();
    });
    EXPECT_EQ(WSAECONNRESET, Both.Tcp.Until(BACKEND_WRITABLE, [&] { return Both.Tcp.Send("x", &Moved); }));
    Resetter.join();
}

/* ---- from this side ---------------------------------------------------------------------------------- */

TEST_F(BackendCloseTest, AResetIsOneForThePeer)
{
    Pair Both;
    Both.Tcp.Close(true);
    EXPECT_TRUE(Both.Far.AwaitReset());
}

TEST_F(BackendCloseTest, OtherwiseItIsAnEnd)
{
    Pair Both;
    size_t Moved = 0;
    EXPECT_EQ(0, Both.Tcp.Send("bye", &Moved));
    Both.Tcp.Close(false);
    EXPECT_EQ("bye", Both.Far.ReceiveText(3));
    EXPECT_EQ(peer::End::Eof, Both.Far.AwaitEnd());
    EXPECT_FALSE(Both.Far.AwaitReset(50));
}

TEST_F(BackendCloseTest, DissolvingAConnectionAbortsIt)
{
    Pair Both;
    size_t Moved = 0;
    uint32_t Value = 0;
    ASSERT_EQ(0, BackendDissolve(Both.Tcp.Get(), nullptr, true));
    EXPECT_TRUE(Both.Far.AwaitReset());
    EXPECT_EQ(0, BackendGetOption(Both.Tcp.Get(), BackendNoDelay, &Value)) << "still a socket";
    EXPECT_NE(0, Both.Tcp.Send("x", &Moved));
}

TEST_F(BackendCloseTest, WhatWasSentBeforeTheShutdownArrives)
{
    Pair Both;
    size_t Sent = Both.Fill(), Taken = 0;
    EXPECT_TRUE(Both.Far.SendAll("unread"));
    EXPECT_EQ(0, BackendShutdownSend(Both.Tcp.Get()));
    EXPECT_EQ(0, BackendFinishSend(Both.Tcp.Get()));
    EXPECT_TRUE(Both.Tcp.AwaitReadable(6));
    Both.Tcp.Close(true);
    peer::End End;
    for (std::string Part; (End = Both.Far.Receive(&Part)) == peer::End::Data;) {
        Taken += Part.size();
    }
    EXPECT_EQ(peer::End::Eof, End);
    EXPECT_FALSE(Both.Far.AwaitReset(50));
    EXPECT_EQ(Sent, Taken);
}

/* ---- while the poller waits for the socket ----------------------------------------------------------- */

/* Wine keeps a socket, and its address, until the poller has left its wait. Here it leaves late. Whether it
 * was waiting before is not known for certain, so there are several tries: in one the call must be seen to
 * wait, and in none may it fail to. */
class BackendLateCloseTest : public BackendTest {
  protected:
    static bool InSomeTry(const std::function<bool()>& Waits)
    {
        bool Waited = false;
        for (int Try = 0; Try < 10 && !Waited && !HasFailure(); Try++) {
            Waited = Waits();
        }
        return Waited;
    }
};

TEST_F(BackendLateCloseTest, ACloseWaitsForThePoller)
{
    for (BACKEND_KIND Kind : {BackendDatagram, BackendStream}) {
        EXPECT_TRUE(InSomeTry([&] {
            Watcher Closed(Kind), Again(Kind);
            uint16_t Port = peer::QuietPort();
            EXPECT_EQ(0, Closed.Bind(Port));
            if (Kind == BackendStream) {
                EXPECT_EQ(0, BackendListen(Closed.Get()));
            }
            Closed.Watch();
            Poller::Settle();
            Poller::Halt InItsWait;
            Closed.Close(true);
            bool Waited = InItsWait.IsOver();
            EXPECT_EQ(0, Again.Bind(Port));
            return Waited;
        }));
    }
}

TEST_F(BackendLateCloseTest, DissolvingAStreamWaitsForThePoller)
{
    EXPECT_TRUE(InSomeTry([&] {
        Pair Both;
        std::string Got;
        BACKEND_ADDRESS Local = Both.Tcp.Local();
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Both.Tcp.Receive(&Got));
        Poller::Settle();
        Poller::Halt InItsWait;
        EXPECT_EQ(0, BackendDissolve(Both.Tcp.Get(), &Local, true));
        bool Waited = InItsWait.IsOver();
        EXPECT_EQ(Local.Port, Both.Tcp.Local().Port);
        return Waited;
    }));
}

/* Otherwise the old socket would get datagrams from its remote address. */
TEST_F(BackendLateCloseTest, DissolvingADatagramSocketWaitsForThePoller)
{
    EXPECT_TRUE(InSomeTry([&] {
        Watcher Udp(BackendDatagram);
        peer::Udp Far;
        std::string Got;
        EXPECT_EQ(0, Udp.Bind());
        BACKEND_ADDRESS Local = Udp.Local();
        Udp.Watch();
        EXPECT_EQ(0, Udp.Connect(Far.Port()));
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));
        Poller::Settle();
        Poller::Halt InItsWait;
        EXPECT_EQ(0, BackendDissolve(Udp.Get(), &Local, true));
        bool Waited = InItsWait.IsOver();
        EXPECT_TRUE(Far.SendTo(ntohs(Local.Port), "x"));
        EXPECT_EQ(0, Udp.ReceiveFromFully(&Got));
        EXPECT_EQ("x", Got);
        return Waited;
    }));
}

/* Nothing else wakes the poller. */
TEST_F(BackendCloseTest, AWatchedStreamEndsAtOnce)
{
    for (bool Reset : {false, true}) {
        Pair Both;
        std::string Got;
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Both.Tcp.Receive(&Got));
        Poller::Settle();
        Both.Tcp.Close(Reset);
        EXPECT_EQ(Reset ? peer::End::Reset : peer::End::Eof, Both.Far.AwaitEnd());
    }
}

TEST_F(BackendCloseTest, AWatchedStreamIsDissolvedAtOnce)
{
    Pair Both;
    std::string Got;
    BACKEND_ADDRESS Local = Both.Tcp.Local();
    EXPECT_EQ(BACKEND_WOULD_BLOCK, Both.Tcp.Receive(&Got));
    Poller::Settle();
    ASSERT_EQ(0, BackendDissolve(Both.Tcp.Get(), &Local, true));
    EXPECT_EQ(peer::End::Reset, Both.Far.AwaitEnd());
    EXPECT_EQ(0, Both.Tcp.ConnectFully(Both.Listener.Port()));
}

TEST_F(BackendCloseTest, AWatchedListenerIsGoneAtOnce)
{
    Watcher Listener(BackendStream);
    uint16_t Port = peer::QuietPort();
    ASSERT_EQ(0, Listener.Bind(Port));
    ASSERT_EQ(0, BackendListen(Listener.Get()));
    Listener.Watch();
    Poller::Settle();
    Listener.Close(true);
    EXPECT_FALSE(peer::Tcp::Connect(4, Port).IsOpen());
}

/* In every third round the poller is certainly waiting, in the others it may be about to. */
TEST_F(BackendCloseTest, AWatchedSocketsAddressIsFreeAtOnce)
{
    uint16_t UdpPort = peer::QuietPort(), TcpPort = peer::QuietPort();
    std::string Got;
    for (int Round = 0; Round < 100; Round++) {
        Watcher Udp(BackendDatagram), Listener(BackendStream);
        ASSERT_EQ(0, Udp.Bind(UdpPort)) << Round;
        ASSERT_EQ(0, Listener.Bind(TcpPort)) << Round;
        ASSERT_EQ(0, BackendListen(Listener.Get())) << Round;
        Udp.Watch();
        Listener.Watch();
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));
        if (Round % 3 == 0) {
            Poller::Settle();
        }
        Udp.Close(true);
        Listener.Close(true);
        Watcher Again(BackendDatagram), AgainListening(BackendStream);
        ASSERT_EQ(0, Again.Bind(UdpPort)) << "no quiescent point in between, round " << Round;
        ASSERT_EQ(0, AgainListening.Bind(TcpPort)) << Round;
    }
}

TEST_F(BackendCloseTest, NothingIsReportedAfterAQuiescentPoint)
{
    peer::Udp Far;
    for (int Round = 0; Round < 200; Round++) {
        Watcher Udp(BackendDatagram);
        ASSERT_EQ(0, Udp.Bind());
        uint16_t Port = Udp.Port();
        Udp.Watch(BACKEND_READABLE | BACKEND_WRITABLE);
        EXPECT_TRUE(Far.SendTo(Port, "x"));
        if (Round % 2) {
            std::this_thread::yield();
        }
        Udp.Close(true);
        Poller::Quiesce();
        int Before = Udp.Events();
        std::this_thread::yield();
        Poller::Quiesce();
        ASSERT_EQ(Before, Udp.Events());
    }
}

} // namespace wsk
