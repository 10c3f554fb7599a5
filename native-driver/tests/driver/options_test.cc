/* SPDX-License-Identifier: Apache-2.0
 *
 * GET_OPTION and SET_OPTION: which option each kind of socket has, when it may be set, and its values.
 */
#include "support.h"

#include <algorithm>

class OptionTest : public DriverTest {};

namespace {

constexpr USHORT kDatagram = WSKB_CATEGORY_DATAGRAM;
constexpr USHORT kConnection = WSKB_CATEGORY_CONNECTION;
constexpr USHORT kListen = WSKB_CATEGORY_LISTEN;

constexpr USHORT kTalking = kDatagram | kConnection;

/* What can be done with an option. */
enum class Access { Both, SetOnly, GetOnly };

enum class Family { Both, V4, V6 };

struct Option {
    ULONG option;
    ULONG categories;
    bool before_bind;
    bool boolean;
    Family family;
    ULONG value = 1;
    Access access = Access::Both;
    bool on_wine = true;
    bool dual = false; /* of sockets that take both families */
};

constexpr auto kSetOnly = Access::SetOnly;
constexpr auto kBoth = Access::Both;

const Option kOptions[] = {
    {WSKB_OPTION_RECEIVE_BUFFER, kDatagram | kConnection | kListen, false, false, Family::Both, 65536},
    {WSKB_OPTION_REUSE_ADDRESS, kDatagram | kConnection | kListen, true, true, Family::Both},
    {WSKB_OPTION_EXCLUSIVE_ADDRESS_USE, kDatagram | kConnection | kListen, true, true, Family::Both},
    {WSKB_OPTION_BROADCAST, kDatagram, false, true, Family::Both},
    {WSKB_OPTION_KEEP_ALIVE, kConnection | kListen, false, true, Family::Both},
    {WSKB_OPTION_NO_DELAY, kConnection, false, true, Family::Both},
    {WSKB_OPTION_IPV6_ONLY, kDatagram | kConnection | kListen, true, true, Family::V6},
    {WSKB_OPTION_LINGER, kConnection, false, false, Family::Both, 600},
    {WSKB_OPTION_JOIN_GROUP, kDatagram, false, false, Family::Both, 0, kSetOnly},
    {WSKB_OPTION_LEAVE_GROUP, kDatagram, false, false, Family::Both, 0, kSetOnly},
    {WSKB_OPTION_BLOCK_SOURCE, kDatagram, false, false, Family::Both, 0, kSetOnly},
    {WSKB_OPTION_UNBLOCK_SOURCE, kDatagram, false, false, Family::Both, 0, kSetOnly},
    {WSKB_OPTION_JOIN_SOURCE_GROUP, kDatagram, false, false, Family::Both, 0, kSetOnly},
    {WSKB_OPTION_LEAVE_SOURCE_GROUP, kDatagram, false, false, Family::Both, 0, kSetOnly},
    {WSKB_OPTION_MULTICAST_INTERFACE, kDatagram, false, false, Family::Both, peer::kLoopbackIndex},
    {WSKB_OPTION_MULTICAST_HOPS, kDatagram, false, false, Family::Both, 255},
    {WSKB_OPTION_MULTICAST_LOOP, kDatagram, false, true, Family::Both},
    {WSKB_OPTION_UNICAST_HOPS, kTalking, false, false, Family::Both, 3},
    {WSKB_OPTION_UNICAST_INTERFACE, kTalking, false, false, Family::Both, peer::kLoopbackIndex, kBoth, false},
    {WSKB_OPTION_DONT_FRAGMENT, kDatagram, false, true, Family::Both},
    {WSKB_OPTION_MTU_DISCOVER, kDatagram, false, false, Family::Both, 3, kBoth, false},
    {WSKB_OPTION_MTU, kTalking, false, false, Family::Both, 0, Access::GetOnly, false},
    {WSKB_OPTION_RECEIVE_BROADCAST, kDatagram, false, true, Family::V4, 1, kBoth, false},
    {WSKB_OPTION_KEEP_IDLE, kConnection, false, false, Family::Both, 32767},
    {WSKB_OPTION_KEEP_INTERVAL, kConnection, false, false, Family::Both, 5},
    {WSKB_OPTION_KEEP_COUNT, kConnection, false, false, Family::Both, 9, kBoth, false},
    {WSKB_OPTION_SEND_BUFFER, kTalking, false, false, Family::Both, 4096},
    {WSKB_OPTION_RECEIVE_PACKET_INFO, kDatagram, false, true, Family::Both, 1, kBoth, false},
    {WSKB_OPTION_RECEIVE_TRAFFIC_CLASS, kDatagram, false, true, Family::Both, 1, kBoth, false},
    {WSKB_OPTION_RECEIVE_ECN, kDatagram, false, true, Family::Both, 1, kBoth, false},
    {WSKB_OPTION_RECEIVE_HOP_LIMIT, kDatagram, false, true, Family::Both, 1, kBoth, false},
    {WSKB_OPTION_RECEIVE_ERRORS, kDatagram, true, true, Family::Both, 1, kBoth, false},
    {WSKB_OPTION_RECEIVE_PACKET_INFO_V4, kDatagram, false, true, Family::V6, 1, kBoth, false, true},
    {WSKB_OPTION_RECEIVE_TRAFFIC_CLASS_V4, kDatagram, false, true, Family::V6, 1, kBoth, false, true},
    {WSKB_OPTION_RECEIVE_ECN_V4, kDatagram, false, true, Family::V6, 1, kBoth, false, true},
    {WSKB_OPTION_RECEIVE_HOP_LIMIT_V4, kDatagram, false, true, Family::V6, 1, kBoth, false, true},
    {WSKB_OPTION_RECEIVE_ERRORS_V4, kDatagram, true, true, Family::V6, 1, kBoth, false, true},
    {WSKB_OPTION_RECEIVE_COALESCED, kDatagram, true, false, Family::Both, 65527, kBoth, false},
    {WSKB_OPTION_RECEIVE_BACKLOG, kConnection, false, false, Family::Both, 0, Access::GetOnly},
};

bool IsWine()
{
#ifdef _WIN32
    return true;
#else
    return false;
#endif
}

bool HasFamily(const Option& option, USHORT family)
{
    return option.family == Family::Both || (option.family == Family::V6) == (family == WSKB_AF_INET6);
}

/* One of the families that have the option. */
USHORT FamilyOf(const Option& option)
{
    return option.family == Family::V4 ? WSKB_AF_INET : WSKB_AF_INET6;
}

bool IsGroup(const Option& option)
{
    return option.option >= WSKB_OPTION_JOIN_GROUP && option.option <= WSKB_OPTION_LEAVE_SOURCE_GROUP;
}

bool NeedsPeer(const Option& option)
{
    return option.option == WSKB_OPTION_MTU || option.option == WSKB_OPTION_RECEIVE_BACKLOG;
}

/* Sets the option to a value that it may have; a group is any, so this may fail, but not for lack of the
 * option. */
NTSTATUS Set(const File& file, const Option& option, USHORT family)
{
    if (!IsGroup(option)) {
        return file.SetOption(option.option, option.value);
    }
    WSKB_GROUP group = {};
    group.Interface = peer::kLoopbackIndex;
    group.Group = FromPeer(peer::Group(family == WSKB_AF_INET ? 4 : 6, 99, 0));
    if (option.option >= WSKB_OPTION_BLOCK_SOURCE) {
        group.Source = Loopback(family, 0);
    }
    NTSTATUS status = file.SetGroup(option.option, group);
    return status == STATUS_NOT_SUPPORTED && !IsWine() ? status : STATUS_SUCCESS;
}

/* Wine lacks some options, and does not know the loopback interface as one to send by. */
void ExpectStatus(NTSTATUS expected, NTSTATUS status, const Option& option)
{
    if (IsWine() && !option.on_wine &&
        (status == STATUS_NOT_SUPPORTED || status == STATUS_INVALID_PARAMETER)) {
        return;
    }
    EXPECT_STATUS(expected, status) << option.option;
}

File Made(USHORT category, USHORT family)
{
    File file;
    EXPECT_STATUS(STATUS_SUCCESS, file.Create(category, family));
    return file;
}

/* One that can have the option, if any socket of the category and family can. */
File MadeFor(const Option& option, USHORT category, USHORT family)
{
    File file = Made(category, family);
    if (option.dual && family == WSKB_AF_INET6) {
        EXPECT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_IPV6_ONLY, 0));
    }
    return file;
}

} // namespace

TEST_F(OptionTest, AllAreTestedHere)
{
#define ONE(name, number, type)                                                                              \
    EXPECT_EQ(1, std::count_if(std::begin(kOptions), std::end(kOptions),                                     \
                               [](const Option& option) { return option.option == name; }))                  \
        << #name;
    WSKB_OPTIONS(ONE)
}

TEST_F(OptionTest, EachGoesWithItsSocketsOnly)
{
    for (const Option& option : kOptions) {
        for (USHORT category : {kDatagram, kConnection, kListen}) {
            for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
                File file = MadeFor(option, category, family);
                bool right = (option.categories & category) && HasFamily(option, family);
                NTSTATUS set =
                    right && option.access != Access::GetOnly ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
                NTSTATUS get = right && option.access != kSetOnly ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
                ULONG value;
                if (NeedsPeer(option) && right) {
                    get = STATUS_INVALID_DEVICE_STATE;
                }
                if (right || !IsGroup(option)) {
                    ExpectStatus(set, Set(file, option, family), option);
                }
                ExpectStatus(get, file.GetOption(option.option, &value), option);
            }
        }
    }
}

TEST_F(OptionTest, BooleansAreSetAndCleared)
{
    for (const Option& option : kOptions) {
        if (!option.boolean) {
            continue;
        }
        for (USHORT category : {kDatagram, kConnection, kListen}) {
            if (!(option.categories & category)) {
                continue;
            }
            File file = MadeFor(option, category, FamilyOf(option));
            if (IsWine() && !option.on_wine && file.SetOption(option.option, 1) == STATUS_NOT_SUPPORTED) {
                continue;
            }
            for (ULONG value : {1u, 0u, 1u}) {
                ULONG got = 7;
                ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(option.option, value)) << option.option;
                ASSERT_STATUS(STATUS_SUCCESS, file.GetOption(option.option, &got)) << option.option;
                EXPECT_EQ(value, got) << option.option;
            }
            EXPECT_STATUS(STATUS_INVALID_PARAMETER, file.SetOption(option.option, 2));
            EXPECT_STATUS(STATUS_INVALID_PARAMETER, file.SetOption(option.option, 0xFFFFFFFF));
        }
    }
}

TEST_F(OptionTest, SomeMustBeSetBeforeBind)
{
    for (const Option& option : kOptions) {
        for (USHORT category : {kDatagram, kConnection, kListen}) {
            if (!(option.categories & category) || option.access == Access::GetOnly) {
                continue;
            }
            USHORT family = FamilyOf(option);
            File file = MadeFor(option, category, family);
            ULONG value;
            ASSERT_STATUS(STATUS_SUCCESS, file.Bind(Loopback(family, 0)));
            ExpectStatus(option.before_bind ? STATUS_INVALID_DEVICE_STATE : STATUS_SUCCESS,
                         Set(file, option, family), option);
            if (option.access == kBoth) {
                ExpectStatus(STATUS_SUCCESS, file.GetOption(option.option, &value), option);
            }
        }
    }
}

/* What is set is what is got. */
TEST_F(OptionTest, NumbersAreKept)
{
    for (const Option& option : kOptions) {
        if (option.access != kBoth || option.boolean) {
            continue;
        }
        for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
            File file = Made(option.categories & kDatagram ? kDatagram : kConnection, family);
            ULONG value = 0x5A5A5A5A;
            NTSTATUS status = file.SetOption(option.option, option.value);
            ExpectStatus(STATUS_SUCCESS, status, option);
            if (NT_SUCCESS(status)) {
                EXPECT_STATUS(STATUS_SUCCESS, file.GetOption(option.option, &value)) << option.option;
                EXPECT_EQ(option.value, value) << option.option;
            }
        }
    }
}

TEST_F(OptionTest, ValuesOutOfRangeAreRefused)
{
    const struct {
        USHORT category;
        ULONG option, greatest, value;
    } cases[] = {
        {kDatagram, WSKB_OPTION_MULTICAST_HOPS, 255, 256},
        {kDatagram, WSKB_OPTION_UNICAST_HOPS, 255, 256},
        {kDatagram, WSKB_OPTION_MTU_DISCOVER, 3, 4},
        {kConnection, WSKB_OPTION_KEEP_COUNT, 127, 256},
        {kDatagram, WSKB_OPTION_MULTICAST_INTERFACE, peer::kLoopbackIndex, 0x01000000},
        {kDatagram, WSKB_OPTION_UNICAST_INTERFACE, peer::kLoopbackIndex, 0x01000000},
        {kConnection, WSKB_OPTION_SEND_BUFFER, 0x7FFFFFFF, 0x80000000},
    };
    for (const auto& test : cases) {
        for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
            File file = Made(test.category, family);
            ULONG value = 0;
            if (IsWine() && !NT_SUCCESS(file.SetOption(test.option, test.greatest))) {
                continue;
            }
            EXPECT_STATUS(STATUS_SUCCESS, file.SetOption(test.option, test.greatest)) << test.option;
            EXPECT_STATUS(STATUS_INVALID_PARAMETER, file.SetOption(test.option, test.value)) << test.option;
            EXPECT_STATUS(STATUS_INVALID_PARAMETER, file.SetOption(test.option, 0xFFFFFFFF)) << test.option;
            EXPECT_STATUS(STATUS_SUCCESS, file.GetOption(test.option, &value)) << test.option;
            EXPECT_EQ(test.greatest, value) << test.option;
        }
    }
}

#ifndef _WIN32
/* The path to the peer is through the loopback interface. */
TEST_F(OptionTest, TheMtuIsThatOfThePath)
{
    peer::Udp other;
    peer::Tcp accepted;
    File datagram = BoundDatagram();
    File connection = Connected(&accepted);
    ULONG value = 0;
    ASSERT_STATUS(STATUS_SUCCESS,
                  datagram.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Loopback(WSKB_AF_INET, other.Port())));
    EXPECT_STATUS(STATUS_SUCCESS, datagram.GetOption(WSKB_OPTION_MTU, &value));
    EXPECT_GE(value, 1280u);
    EXPECT_STATUS(STATUS_SUCCESS, connection.GetOption(WSKB_OPTION_MTU, &value));
    EXPECT_GE(value, 1280u);
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, connection.SetOption(WSKB_OPTION_MTU, value));
}

TEST_F(OptionTest, BroadcastsAreReceivedUnlessRefused)
{
    File sender = BoundDatagram();
    File file = Made(kDatagram, WSKB_AF_INET);
    WSKB_SOCKADDR broadcast = {};
    ASSERT_STATUS(STATUS_SUCCESS, file.Bind(Wildcard(WSKB_AF_INET)));
    broadcast = Loopback(WSKB_AF_INET, file.Port());
    memset(&broadcast.V4.Address[1], 0xFF, 3); /* 127.255.255.255 */
    ASSERT_STATUS(STATUS_SUCCESS, sender.SetOption(WSKB_OPTION_BROADCAST, 1));
    for (ULONG receives : {1u, 0u, 1u}) {
        ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_RECEIVE_BROADCAST, receives));
        ASSERT_STATUS(STATUS_SUCCESS, sender.SendTo(broadcast, "all"));
        ASSERT_STATUS(STATUS_SUCCESS, sender.SendTo(Loopback(WSKB_AF_INET, file.Port()), "one"));
        for (const char* expected : {"all", "one"}) {
            if (receives || strcmp(expected, "one") == 0) {
                Datagram datagram;
                datagram.Start(file);
                ASSERT_STATUS(STATUS_SUCCESS, datagram.Wait());
                EXPECT_EQ(expected, datagram.Text());
            }
        }
    }
}
#endif

TEST_F(OptionTest, TheReceiveBufferHasTheSizeAskedFor)
{
    File file = Made(kDatagram, WSKB_AF_INET);
    ULONG value = 0;
    ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_RECEIVE_BUFFER, 100000));
    ASSERT_STATUS(STATUS_SUCCESS, file.GetOption(WSKB_OPTION_RECEIVE_BUFFER, &value));
    EXPECT_EQ(100000u, value);
}

/* WSK has no such option, so the driver stores it for each socket. */
TEST_F(OptionTest, NoDelaySurvivesConnectingAndIsNotInherited)
{
    File listener = Made(kListen, WSKB_AF_INET);
    File file = Made(kConnection, WSKB_AF_INET);
    File attached;
    WSKB_ACCEPTED accepted = {};
    ULONG value = 7;
    ASSERT_STATUS(STATUS_SUCCESS, listener.Bind(Loopback(WSKB_AF_INET, 0)));
    ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_NO_DELAY, 1));
    ASSERT_STATUS(STATUS_SUCCESS, file.Bind(Loopback(WSKB_AF_INET, 0)));
    ASSERT_STATUS(STATUS_SUCCESS, file.Connect(Loopback(WSKB_AF_INET, listener.Port())));
    ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
    ASSERT_STATUS(STATUS_SUCCESS, attached.Attach(accepted.Token));
    EXPECT_STATUS(STATUS_SUCCESS, file.GetOption(WSKB_OPTION_NO_DELAY, &value));
    EXPECT_EQ(1u, value);
    EXPECT_STATUS(STATUS_SUCCESS, attached.GetOption(WSKB_OPTION_NO_DELAY, &value));
    EXPECT_EQ(0u, value);
}

namespace {

/* A request with room for more than the value, and an arbitrary header. */
NTSTATUS Ask(const File& file, ULONG code, ULONG size, ULONG option, ULONG length, ULONG out_length)
{
    struct {
        WSKB_OPTION header;
        UCHAR value[192];
    } in = {{size, option, length, 0}, {}}, out = {};
    return file.Control(code, &in, sizeof in, out_length == 0 ? nullptr : &out, out_length);
}

} // namespace

/* A caller with the wrong size for an option gets an error. */
TEST_F(OptionTest, AnotherLengthThanTheOptionsIsRefused)
{
    constexpr ULONG header = sizeof(WSKB_OPTION);
    auto check = [&](const Option& option, const char* name, ULONG size) {
        if (IsWine() && !option.on_wine) {
            return;
        }
        File file =
            MadeFor(option, option.categories & kConnection ? kConnection : kDatagram, FamilyOf(option));
        for (ULONG wrong : {0u, size - 1, size + 1, 2 * size, 0x80000000u + size, 0xFFFFFFFFu}) {
            if (option.access != Access::GetOnly) {
                EXPECT_STATUS(STATUS_INFO_LENGTH_MISMATCH,
                              Ask(file, IOCTL_WSKB_SET_OPTION, header + 192, option.option, wrong, 0))
                    << name << " " << wrong;
            }
            if (option.access != kSetOnly) {
                EXPECT_STATUS(STATUS_INFO_LENGTH_MISMATCH,
                              Ask(file, IOCTL_WSKB_GET_OPTION, header, option.option, wrong, header + 192))
                    << name << " " << wrong;
            }
        }
        for (ULONG less = 0; less < size; less++) {
            if (option.access != Access::GetOnly) {
                EXPECT_STATUS(STATUS_INFO_LENGTH_MISMATCH,
                              Ask(file, IOCTL_WSKB_SET_OPTION, header + less, option.option, size, 0))
                    << name << ": " << less << " bytes of a value";
            }
            if (option.access != kSetOnly) {
                EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL,
                              Ask(file, IOCTL_WSKB_GET_OPTION, header, option.option, size, header + less))
                    << name << ": room for " << less << " bytes of a value";
            }
        }
    };
    for (const Option& option : kOptions) {
#define CHECK(name, number, type)                                                                            \
    if (option.option == name) {                                                                             \
        check(option, #name, sizeof(type));                                                                  \
    }
        WSKB_OPTIONS(CHECK)
    }
}

TEST_F(OptionTest, UnknownOnesAreRefused)
{
    File file = Made(kDatagram, WSKB_AF_INET);
    for (ULONG option : {0u, 8u, 0x20u, 0x4001u, 0x4002u, 0x8F000001u, 0xFFFFFFFFu}) {
        ULONG value;
        EXPECT_STATUS(STATUS_NOT_SUPPORTED, file.GetOption(option, &value));
        EXPECT_STATUS(STATUS_NOT_SUPPORTED, file.SetOption(option, 1));
    }
}

TEST_F(OptionTest, ReuseLetsTwoSocketsShareAPort)
{
    File first = Made(kDatagram, WSKB_AF_INET);
    File second = Made(kDatagram, WSKB_AF_INET);
    ASSERT_STATUS(STATUS_SUCCESS, first.SetOption(WSKB_OPTION_REUSE_ADDRESS, 1));
    ASSERT_STATUS(STATUS_SUCCESS, second.SetOption(WSKB_OPTION_REUSE_ADDRESS, 1));
    ASSERT_STATUS(STATUS_SUCCESS, first.Bind(Loopback(WSKB_AF_INET, 0)));
    EXPECT_STATUS(STATUS_SUCCESS, second.Bind(Loopback(WSKB_AF_INET, first.Port())));
}
