/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagram sockets of the Winsock backend with a fixed remote address: which datagrams they receive, ICMP
 * errors, and clearing the address.
 */
#include "support.h"

namespace wsk {

class BackendRemoteTest : public BackendTest {};

TEST_F(BackendRemoteTest, ConnectedDatagramsAndDissolve)
{
    for (uint16_t Family : {BACKEND_IPV4, BACKEND_IPV6}) {
        Watcher Udp(BackendDatagram, Family);
        peer::Udp Far(Family), Stranger(Family);
        std::string Got;
        ASSERT_EQ(0, Udp.Bind());
        ASSERT_EQ(0, BackendSetOption(Udp.Get(), BackendReceiveBuffer, 50000));
        Udp.Watch();
        BACKEND_ADDRESS Local = Udp.Local();
        uint16_t Port = ntohs(Local.Port);
        EXPECT_EQ(0, Udp.Connect(Far.Port()));
        EXPECT_EQ(0, Udp.SendTo("default", 0));
        EXPECT_EQ("default", Far.ReceiveText());
        EXPECT_EQ(0, Udp.SendTo("explicit", Stranger.Port()));
        EXPECT_EQ("explicit", Stranger.ReceiveText());
        EXPECT_TRUE(Stranger.SendTo(Port, "dropped"));
        EXPECT_TRUE(Far.SendTo(Port, "kept"));
        EXPECT_EQ(0, Udp.ReceiveFromFully(&Got));
        EXPECT_EQ("kept", Got);
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));

        for (int Round = 0; Round < 3; Round++) {
            peer::Address Sender;
            ASSERT_EQ(0, BackendDissolve(Udp.Get(), &Local, true));
            EXPECT_EQ(Port, Udp.Port());
            EXPECT_NE(0, Udp.SendTo("nowhere", 0));
            EXPECT_TRUE(Stranger.SendTo(Port, "again"));
            EXPECT_EQ(0, Udp.ReceiveFromFully(&Got)) << "the new socket is watched";
            EXPECT_EQ("again", Got);
            EXPECT_EQ(0, Udp.SendTo("from", Stranger.Port()));
            EXPECT_EQ("from", Stranger.ReceiveText(&Sender));
            EXPECT_EQ(Port, Sender.port) << "the port was kept";
            EXPECT_EQ(0, Udp.Connect(Far.Port()));
        }
        uint32_t Value = 0;
        EXPECT_EQ(0, BackendGetOption(Udp.Get(), BackendReceiveBuffer, &Value));
        EXPECT_EQ(100000u, Value) << "options are kept";
        Watcher Other(BackendDatagram, Family);
        EXPECT_EQ(0, BackendSetOption(Other.Get(), BackendShareAddress, 1));
        EXPECT_NE(0, Other.Bind(Port)) << "the address is not shared any more";
    }
}

TEST_F(BackendRemoteTest, ADissolvedSocketStaysArmed)
{
    Watcher Udp(BackendDatagram);
    peer::Udp Far, Stranger;
    std::string Got;
    ASSERT_EQ(0, Udp.Bind());
    BACKEND_ADDRESS Local = Udp.Local();
    Udp.Watch();
    EXPECT_EQ(0, Udp.Connect(Far.Port()));
    EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));
    Poller::Settle();
    ASSERT_EQ(0, BackendDissolve(Udp.Get(), &Local, true));
    /* No attempt since then; arming belongs to the handle. */
    Poller::Settle();
    EXPECT_TRUE(Stranger.SendTo(ntohs(Local.Port), "x"));
    EXPECT_TRUE(Udp.Await(BACKEND_READABLE));
    EXPECT_EQ(0, Udp.ReceiveFromFully(&Got));
}

/* As if another socket had taken the address meanwhile. */
TEST_F(BackendRemoteTest, ADissolvedSocketThatCannotHaveItsAddressSaysSo)
{
    Watcher Udp(BackendDatagram);
    peer::Udp Far;
    ASSERT_EQ(0, Udp.Bind());
    ASSERT_EQ(0, Udp.Connect(Far.Port()));
    BACKEND_ADDRESS Lost = Udp.Local();
    Lost.Port = htons(Far.Port());
    EXPECT_EQ(BACKEND_LOST, BackendDissolve(Udp.Get(), &Lost, true));
}

TEST_F(BackendRemoteTest, UnreachablePortFailsConnectedReceivesOnly)
{
    for (int Round = 0; Round < 20; Round++) {
        Watcher Udp(BackendDatagram);
        peer::Udp Far;
        peer::UnusedUdpPort Dead;
        std::string Got;
        ASSERT_EQ(0, Udp.Bind());
        Udp.Watch();
        EXPECT_EQ(0, Udp.SendTo("anyone?", Dead.Port()));
        EXPECT_TRUE(Far.SendTo(Udp.Port(), "me"));
        EXPECT_EQ(0, Udp.ReceiveFromFully(&Got));
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got)) << "not connected";

        EXPECT_EQ(0, Udp.Connect(Dead.Port()));
        if (Round % 2) {
            EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));
        }
        EXPECT_EQ(0, Udp.SendTo("anyone?", 0));
        EXPECT_EQ(WSAECONNREFUSED, Udp.ReceiveFromFully(&Got)) << "round " << Round;
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got)) << "told once";

        EXPECT_EQ(0, Udp.Connect(Far.Port()));
        EXPECT_EQ(0, Udp.SendTo("hello", 0));
        EXPECT_EQ("hello", Far.ReceiveText());
        EXPECT_TRUE(Far.SendTo(Udp.Port(), "there"));
        EXPECT_EQ(0, Udp.ReceiveFromFully(&Got)) << "the old error is gone";
        EXPECT_EQ("there", Got);
    }
}

} // namespace wsk
