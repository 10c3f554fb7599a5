/* SPDX-License-Identifier: Apache-2.0
 *
 * Options of the Winsock backend's sockets, and who may share an address.
 */
#include "support.h"

namespace wsk {

class BackendOptionTest : public BackendTest {};

TEST_F(BackendOptionTest, ReadBackAsSet)
{
    struct {
        BACKEND_OPTION Option;
        uint32_t Set, Get;
    } Cases[] = {
        {BackendReceiveBuffer, 20000, 40000},
        {BackendSendBuffer, 20000, 40000},
        {BackendKeepIdle, 11, 11},
        {BackendKeepInterval, 12, 12},
        {BackendKeepAlive, 1, 1},
        {BackendKeepIdle, 21, 21},
        {BackendNoDelay, 1, 1},
        {BackendNoDelay, 0, 0},
        {BackendKeepAlive, 0, 0},
    };
    Watcher Tcp(BackendStream), Udp(BackendDatagram), Six(BackendDatagram, BACKEND_IPV6);
    uint32_t Value = 0;
    for (const auto& Case : Cases) {
        EXPECT_EQ(0, BackendGetOption(Tcp.Get(), Case.Option, &Value)) << Case.Option;
        EXPECT_EQ(0, BackendSetOption(Tcp.Get(), Case.Option, Case.Set)) << Case.Option;
        EXPECT_EQ(0, BackendGetOption(Tcp.Get(), Case.Option, &Value)) << Case.Option;
        EXPECT_EQ(Case.Get, Value) << Case.Option;
    }
    int32_t Error = BackendSetOption(Tcp.Get(), BackendKeepCount, 5);
    EXPECT_TRUE(Error == 0 || Error == WSAENOPROTOOPT);
    EXPECT_EQ(WSAEINVAL, BackendSetOption(Tcp.Get(), BackendKeepIdle, 0));
    EXPECT_EQ(0, BackendSetOption(Udp.Get(), BackendBroadcast, 1));
    EXPECT_EQ(0, BackendGetOption(Udp.Get(), BackendBroadcast, &Value));
    EXPECT_EQ(1u, Value);
    EXPECT_EQ(0, BackendSetOption(Six.Get(), BackendV6Only, 0));
    EXPECT_EQ(0, BackendGetOption(Six.Get(), BackendV6Only, &Value));
    EXPECT_EQ(0u, Value);
}

TEST_F(BackendOptionTest, AddressesInUse)
{
    Watcher A(BackendDatagram), B(BackendDatagram), Listener(BackendStream), Other(BackendStream);
    ASSERT_EQ(0, A.Bind());
    EXPECT_EQ(WSAEADDRINUSE, B.Bind(A.Port()));
    EXPECT_EQ(0, BackendSetOption(A.Get(), BackendShareAddress, 1));
    EXPECT_EQ(0, BackendSetOption(B.Get(), BackendShareAddress, 1));
    EXPECT_EQ(0, B.Bind(A.Port()));
    ASSERT_EQ(0, Listener.Bind());
    ASSERT_EQ(0, BackendListen(Listener.Get()));
    EXPECT_EQ(WSAEADDRINUSE, Other.Bind(Listener.Port()));
}

} // namespace wsk
