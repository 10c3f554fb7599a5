/* SPDX-License-Identifier: Apache-2.0
 *
 * Connecting streams of the Winsock backend: refused, given up, and tried again from the same port.
 */
#include "support.h"

namespace wsk {

class BackendConnectTest : public BackendTest {};

TEST_F(BackendConnectTest, RefusedAndTriedAgain)
{
    for (int Round = 0; Round < 10; Round++) {
        Watcher Tcp(BackendStream);
        peer::TcpListener Listener;
        peer::UnusedTcpPort Nobody;
        ASSERT_EQ(0, Tcp.Bind(peer::QuietPort()));
        BACKEND_ADDRESS Local = Tcp.Local();
        Tcp.Watch(BACKEND_READABLE | BACKEND_WRITABLE);
        EXPECT_EQ(WSAECONNREFUSED, Tcp.ConnectFully(Nobody.Port()));
        EXPECT_EQ(0, BackendDissolve(Tcp.Get(), &Local, true));
        EXPECT_EQ(Local.Port, Tcp.Local().Port);
        EXPECT_EQ(0, Tcp.ConnectFully(Listener.Port()));
        EXPECT_EQ(Local.Port, Tcp.Local().Port);
        peer::Tcp Far = Listener.Accept();
        size_t Moved = 0;
        std::string Got;
        EXPECT_EQ(0, Tcp.Send("x", &Moved));
        EXPECT_EQ("x", Far.ReceiveText(1));
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Tcp.Receive(&Got));
        EXPECT_TRUE(Far.SendAll("y"));
        EXPECT_EQ(0, Tcp.ReceiveFully(&Got));
    }
}

/* Attempts only after events: FinishConnect must see the cause of the event. */
TEST_F(BackendConnectTest, APendingOneIsReportedOnceItEnds)
{
    for (int Round = 0; Round < 10; Round++) {
        Watcher Good(BackendStream), Bad(BackendStream);
        peer::TcpListener Listener;
        peer::UnusedTcpPort Nobody;
        ASSERT_EQ(0, Good.Bind());
        ASSERT_EQ(0, Bad.Bind());
        Good.Watch(BACKEND_READABLE | BACKEND_WRITABLE);
        Bad.Watch(BACKEND_READABLE | BACKEND_WRITABLE);
        for (Watcher* Tcp : {&Good, &Bad}) {
            int32_t Error = Tcp->Connect((Tcp == &Good) ? Listener.Port() : Nobody.Port());
            while (Error == BACKEND_WOULD_BLOCK && Tcp->Await(BACKEND_WRITABLE)) {
                Error = BackendFinishConnect(Tcp->Get());
            }
            EXPECT_EQ((Tcp == &Good) ? 0 : WSAECONNREFUSED, Error);
        }
    }
}

TEST_F(BackendConnectTest, GivenUp)
{
    Watcher Tcp(BackendStream);
    peer::TcpListener Listener;
    ASSERT_EQ(0, Tcp.Bind(peer::QuietPort()));
    BACKEND_ADDRESS Local = Tcp.Local();
    Tcp.Watch(BACKEND_READABLE | BACKEND_WRITABLE);
    for (int Round = 0; Round < 20; Round++) {
        int32_t Error = Tcp.Connect(Listener.Port());
        EXPECT_TRUE(Error == 0 || Error == BACKEND_WOULD_BLOCK) << Error;
        ASSERT_EQ(0, BackendDissolve(Tcp.Get(), &Local, true)) << "in use when it was connected already?";
    }
    EXPECT_EQ(0, Tcp.ConnectFully(Listener.Port()));
}

} // namespace wsk
