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

struct Option {
    ULONG option;
    ULONG categories;
    bool before_bind;
    bool boolean;
    bool only_v6;
    ULONG value = 1;
};

const Option kOptions[] = {
    {WSKB_OPTION_RECEIVE_BUFFER, kDatagram | kConnection | kListen, false, false, false, 65536},
    {WSKB_OPTION_REUSE_ADDRESS, kDatagram | kConnection | kListen, true, true, false},
    {WSKB_OPTION_EXCLUSIVE_ADDRESS_USE, kDatagram | kConnection | kListen, true, true, false},
    {WSKB_OPTION_BROADCAST, kDatagram, false, true, false},
    {WSKB_OPTION_KEEP_ALIVE, kConnection | kListen, false, true, false},
    {WSKB_OPTION_NO_DELAY, kConnection, false, true, false},
    {WSKB_OPTION_IPV6_ONLY, kDatagram | kConnection | kListen, true, true, true},
    {WSKB_OPTION_LINGER, kConnection, false, false, false, 600},
};

File Made(USHORT category, USHORT family)
{
    File file;
    EXPECT_STATUS(STATUS_SUCCESS, file.Create(category, family));
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
                File file = Made(category, family);
                bool right = (option.categories & category) && (!option.only_v6 || family == WSKB_AF_INET6);
                NTSTATUS expected = right ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
                ULONG value;
                EXPECT_STATUS(expected, file.GetOption(option.option, &value)) << option.option;
                EXPECT_STATUS(expected, file.SetOption(option.option, option.value)) << option.option;
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
            File file = Made(category, WSKB_AF_INET6);
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
            if (!(option.categories & category)) {
                continue;
            }
            File file = Made(category, WSKB_AF_INET6);
            ULONG value;
            ASSERT_STATUS(STATUS_SUCCESS, file.Bind(Loopback(WSKB_AF_INET6, 0)));
            EXPECT_STATUS(option.before_bind ? STATUS_INVALID_DEVICE_STATE : STATUS_SUCCESS,
                          file.SetOption(option.option, option.value))
                << option.option;
            EXPECT_STATUS(STATUS_SUCCESS, file.GetOption(option.option, &value)) << option.option;
        }
    }
}

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
        UCHAR value[64];
    } in = {{size, option, length, 0}, {}}, out = {};
    return file.Control(code, &in, sizeof in, out_length == 0 ? nullptr : &out, out_length);
}

} // namespace

/* A caller with the wrong size for an option gets an error. */
TEST_F(OptionTest, AnotherLengthThanTheOptionsIsRefused)
{
    File files[] = {Made(kDatagram, WSKB_AF_INET6), Made(kConnection, WSKB_AF_INET6)};
    constexpr ULONG header = sizeof(WSKB_OPTION);
    auto check = [&](const File& file, const char* name, ULONG option, ULONG size) {
        EXPECT_STATUS(STATUS_SUCCESS, Ask(file, IOCTL_WSKB_SET_OPTION, header + size, option, size, 0))
            << name;
        EXPECT_STATUS(STATUS_SUCCESS, Ask(file, IOCTL_WSKB_GET_OPTION, header, option, size, header + size))
            << name;
        for (ULONG wrong : {0u, size - 1, size + 1, 2 * size, 0x80000000u + size, 0xFFFFFFFFu}) {
            EXPECT_STATUS(STATUS_INFO_LENGTH_MISMATCH,
                          Ask(file, IOCTL_WSKB_SET_OPTION, header + 64, option, wrong, 0))
                << name << " " << wrong;
            EXPECT_STATUS(STATUS_INFO_LENGTH_MISMATCH,
                          Ask(file, IOCTL_WSKB_GET_OPTION, header, option, wrong, header + 64))
                << name << " " << wrong;
        }
        for (ULONG less = 0; less < size; less++) {
            EXPECT_STATUS(STATUS_INFO_LENGTH_MISMATCH,
                          Ask(file, IOCTL_WSKB_SET_OPTION, header + less, option, size, 0))
                << name << ": " << less << " bytes of a value";
            EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL,
                          Ask(file, IOCTL_WSKB_GET_OPTION, header, option, size, header + less))
                << name << ": room for " << less << " bytes of a value";
        }
    };
#define CHECK(name, number, type)                                                                            \
    check(files[name == WSKB_OPTION_BROADCAST ? 0 : 1], #name, name, sizeof(type));
    WSKB_OPTIONS(CHECK)
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
