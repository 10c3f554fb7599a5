/* SPDX-License-Identifier: Apache-2.0
 *
 * ACCEPT and ATTACH, with ordinary TCP sockets that connect.
 */
#include "support.h"

class ListenTest : public DriverTest {};

namespace {

peer::Tcp ConnectTo(const File& listener, int version = 4)
{
    peer::Tcp other = peer::Tcp::Connect(version, listener.Port());
    EXPECT_TRUE(other.IsOpen());
    return other;
}

void ExpectTalking(const File& file, peer::Tcp* other)
{
    char bytes[5];
    ULONG_PTR moved;
    EXPECT_STATUS(STATUS_SUCCESS, file.Send("there", 5));
    EXPECT_TRUE(other->ReceiveAll(bytes, 5));
    EXPECT_TRUE(other->SendAll("again"));
    EXPECT_STATUS(STATUS_SUCCESS, file.Receive(bytes, 5, &moved, WSKB_RECEIVE_WAITALL));
    EXPECT_EQ("again", std::string(bytes, 5));
}

} // namespace

TEST_F(ListenTest, AcceptsBeforeAndAfterTheArrival)
{
    for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
        int version = family == WSKB_AF_INET ? 4 : 6;
        File listener = Listener(family);
        PendingAccept pending;
        ASSERT_STATUS(STATUS_PENDING, pending.Start(listener));
        EXPECT_FALSE(pending.Done());
        peer::Tcp first = ConnectTo(listener, version);
        ASSERT_STATUS(STATUS_SUCCESS, pending.Wait());
        peer::Tcp second = ConnectTo(listener, version);
        WSKB_ACCEPTED accepted;
        ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));

        for (auto& [result, other] :
             {std::make_pair(pending.Result(), &first), std::make_pair(accepted, &second)}) {
            WSKB_SOCKADDR local = Loopback(family, listener.Port());
            WSKB_SOCKADDR remote = Loopback(family, other->Port());
            WSKB_SOCKADDR address;
            EXPECT_EQ(sizeof result, result.Size);
            EXPECT_EQ(0u, result.Reserved);
            EXPECT_NE(0u, result.Token);
            EXPECT_EQ(0, memcmp(&local, &result.LocalAddress, sizeof local));
            EXPECT_EQ(0, memcmp(&remote, &result.RemoteAddress, sizeof remote));
            File file;
            ASSERT_STATUS(STATUS_SUCCESS, file.Attach(result.Token));
            ExpectTalking(file, other);
            EXPECT_STATUS(STATUS_SUCCESS, file.LocalAddress(&address));
            EXPECT_EQ(0, memcmp(&local, &address, sizeof local));
            EXPECT_STATUS(STATUS_SUCCESS, file.RemoteAddress(&address));
            EXPECT_EQ(0, memcmp(&remote, &address, sizeof remote));
        }
        EXPECT_NE(pending.Result().Token, accepted.Token);
    }
}

TEST_F(ListenTest, ATokenIsGoodOnce)
{
    File listener = Listener();
    peer::Tcp other = ConnectTo(listener);
    WSKB_ACCEPTED accepted;
    File first;
    File second;
    ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
    EXPECT_EQ(1u, Statistics().UnclaimedSockets);
    EXPECT_STATUS(STATUS_NOT_FOUND, first.Attach(accepted.Token + 1));
    EXPECT_STATUS(STATUS_NOT_FOUND, first.Attach(0));
    EXPECT_STATUS(STATUS_SUCCESS, first.Attach(accepted.Token));
    EXPECT_STATUS(STATUS_NOT_FOUND, first.Attach(accepted.Token));
    EXPECT_STATUS(STATUS_NOT_FOUND, second.Attach(accepted.Token));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, first.Create(WSKB_CATEGORY_DATAGRAM));
    EXPECT_EQ(0u, Statistics().UnclaimedSockets);
    ExpectTalking(first, &other);
}

/* Reverses the mixing with which tokens were once made from a counter. */
static ULONGLONG Unmix(ULONGLONG token)
{
    token ^= token >> 31 ^ token >> 62;
    token *= 0x319642B2D24D8EC3;
    token ^= token >> 27 ^ token >> 54;
    token *= 0x96DE1B173F119089;
    return token ^ token >> 30 ^ token >> 60;
}

TEST_F(ListenTest, NoTokenTellsWhatTheNextOneIs)
{
    constexpr int kConnections = 8;
    File listener = Listener();
    std::vector<peer::Tcp> others;
    std::vector<ULONGLONG> tokens;
    for (int i = 0; i < kConnections; i++) {
        others.push_back(ConnectTo(listener));
        WSKB_ACCEPTED accepted;
        ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
        tokens.push_back(accepted.Token);
    }
    for (int i = 2; i < kConnections; i++) {
        EXPECT_NE(tokens[i - 1] - tokens[i - 2], tokens[i] - tokens[i - 1]);
        EXPECT_NE(Unmix(tokens[i - 1]) - Unmix(tokens[i - 2]), Unmix(tokens[i]) - Unmix(tokens[i - 1]));
    }
}

TEST_F(ListenTest, OnlyAFreshHandleCanBeAttached)
{
    File listener = Listener();
    peer::Tcp other = ConnectTo(listener);
    WSKB_ACCEPTED accepted;
    ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, listener.Attach(accepted.Token));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, BoundDatagram().Attach(accepted.Token));
    File file;
    EXPECT_STATUS(STATUS_SUCCESS, file.Attach(accepted.Token));
    ExpectTalking(file, &other);
}

TEST_F(ListenTest, AnotherProcessHasNoUseForAToken)
{
    File listener = Listener();
    peer::Tcp other = ConnectTo(listener);
    WSKB_ACCEPTED accepted;
    ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
    PEPROCESS process = HostCreateProcess(HostProcessAdministrator);
    ASSERT_NE(nullptr, process);
    HostEnterProcess(process);
    {
        File thief;
        EXPECT_STATUS(STATUS_NOT_FOUND, thief.Attach(accepted.Token));
    }
    HostEnterProcess(nullptr);
    HostEndProcess(process);
    File file;
    EXPECT_STATUS(STATUS_SUCCESS, file.Attach(accepted.Token));
    ExpectTalking(file, &other);
}

TEST_F(ListenTest, AnAttachedConnectionOutlivesItsListener)
{
    File listener = Listener();
    peer::Tcp other = ConnectTo(listener);
    WSKB_ACCEPTED accepted;
    ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
    File file;
    ASSERT_STATUS(STATUS_SUCCESS, file.Attach(accepted.Token));
    listener.Close();
    ExpectTalking(file, &other);
}

/* More connections than the driver has token chains; the latest is attached first. */
TEST_F(ListenTest, EachTokenNamesItsConnection)
{
    constexpr size_t kConnections = 300;
    File listener = Listener();
    std::vector<peer::Tcp> others;
    std::vector<WSKB_ACCEPTED> accepted(kConnections);
    for (auto& connection : accepted) {
        others.push_back(ConnectTo(listener));
        ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&connection));
    }
    EXPECT_EQ(kConnections, Statistics().UnclaimedSockets);
    for (size_t i = kConnections; i-- > 0;) {
        File file;
        WSKB_SOCKADDR remote;
        ASSERT_STATUS(STATUS_SUCCESS, file.Attach(accepted[i].Token));
        ASSERT_STATUS(STATUS_SUCCESS, file.RemoteAddress(&remote));
        EXPECT_EQ(others[i].Port(), HostPort(remote));
        EXPECT_EQ(i, Statistics().UnclaimedSockets);
    }
}

TEST_F(ListenTest, UnclaimedConnectionsCloseWithTheirListener)
{
    File listener = Listener();
    File another = Listener();
    peer::Tcp kept = ConnectTo(another);
    WSKB_ACCEPTED keep;
    ASSERT_STATUS(STATUS_SUCCESS, another.Accept(&keep));
    std::vector<peer::Tcp> others;
    WSKB_ACCEPTED accepted;
    for (int i = 0; i < 5; i++) {
        others.push_back(ConnectTo(listener));
        ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
    }
    EXPECT_EQ(6u, Statistics().UnclaimedSockets);
    listener.Close();
    for (auto& other : others) {
        EXPECT_EQ(peer::End::Reset, other.AwaitEnd());
    }
    EXPECT_EQ(1u, Statistics().UnclaimedSockets);
    File file;
    EXPECT_STATUS(STATUS_NOT_FOUND, file.Attach(accepted.Token));
    EXPECT_STATUS(STATUS_SUCCESS, file.Attach(keep.Token));
    ExpectTalking(file, &kept);
}

TEST_F(ListenTest, ACancelledAcceptTakesNoConnection)
{
    File listener = Listener();
    PendingAccept pending;
    ASSERT_STATUS(STATUS_PENDING, pending.Start(listener));
    EXPECT_STATUS(STATUS_SUCCESS, pending.Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, pending.Wait());
    peer::Tcp other = ConnectTo(listener);
    WSKB_ACCEPTED accepted;
    ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
    File file;
    ASSERT_STATUS(STATUS_SUCCESS, file.Attach(accepted.Token));
    ExpectTalking(file, &other);
}

/* Whichever wins, this accept or the next one gets the connection. */
TEST_F(ListenTest, CancelAgainstArrivalLosesNoConnection)
{
    File listener = Listener();
    USHORT port = listener.Port();
    for (int round = 0; round < 200; round++) {
        PendingAccept pending;
        pending.Start(listener);
        peer::Tcp other;
        std::thread connector([&] { other = peer::Tcp::Connect(4, port); });
        pending.Cancel();
        NTSTATUS status = pending.Wait();
        connector.join();
        ASSERT_TRUE(other.IsOpen());
        WSKB_ACCEPTED accepted = pending.Result();
        if (status == STATUS_CANCELLED) {
            ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
        } else {
            ASSERT_STATUS(STATUS_SUCCESS, status);
        }
        File file;
        ASSERT_STATUS(STATUS_SUCCESS, file.Attach(accepted.Token));
        WSKB_SOCKADDR remote;
        ASSERT_STATUS(STATUS_SUCCESS, file.RemoteAddress(&remote));
        EXPECT_EQ(other.Port(), HostPort(remote));
    }
    EXPECT_EQ(0u, Statistics().UnclaimedSockets);
}

TEST_F(ListenTest, ManyAcceptsAtOnce)
{
    File listener = Listener();
    std::vector<std::unique_ptr<PendingAccept>> accepts;
    std::vector<peer::Tcp> others;
    for (int i = 0; i < 50; i++) {
        accepts.push_back(std::make_unique<PendingAccept>());
        ASSERT_STATUS(STATUS_PENDING, accepts.back()->Start(listener));
    }
    for (int i = 0; i < 50; i++) {
        others.push_back(ConnectTo(listener));
    }
    for (auto& accept : accepts) {
        ASSERT_STATUS(STATUS_SUCCESS, accept->Wait());
        File file;
        ASSERT_STATUS(STATUS_SUCCESS, file.Attach(accept->Result().Token));
    }
}

TEST_F(ListenTest, OptionsOfAnAcceptedConnectionCanBeSet)
{
    File listener = Listener();
    peer::Tcp other = ConnectTo(listener);
    WSKB_ACCEPTED accepted;
    ULONG value = 0;
    ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
    File file;
    ASSERT_STATUS(STATUS_SUCCESS, file.Attach(accepted.Token));
    EXPECT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_NO_DELAY, 1));
    EXPECT_STATUS(STATUS_SUCCESS, file.GetOption(WSKB_OPTION_NO_DELAY, &value));
    EXPECT_EQ(1u, value);
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, file.SetOption(WSKB_OPTION_REUSE_ADDRESS, 1));
}

/* The connection was reset before it was accepted. */
TEST_F(ListenTest, AConnectionThatWasResetBeforeTheAcceptKnowsItsPeer)
{
    File listener = Listener();
    File file;
    WSKB_ACCEPTED accepted;
    WSKB_SOCKADDR address;
    char byte;
    ULONG_PTR received;
    peer::Tcp other = peer::Tcp::Connect(4, listener.Port());
    USHORT port = other.Port();
    other.Reset();
    ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
    EXPECT_EQ(port, HostPort(accepted.RemoteAddress));
    ASSERT_STATUS(STATUS_SUCCESS, file.Attach(accepted.Token));
    ASSERT_STATUS(STATUS_SUCCESS, file.RemoteAddress(&address));
    EXPECT_EQ(port, HostPort(address));
    EXPECT_STATUS(STATUS_CONNECTION_RESET, file.Receive(&byte, 1, &received));
}
