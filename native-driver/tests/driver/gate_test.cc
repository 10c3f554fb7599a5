/* SPDX-License-Identifier: Apache-2.0
 *
 * What the driver refuses on a Windows that is too old, on both sides of each version. Embedded only:
 * elsewhere the version is the system's.
 */
#include "support.h"

namespace {

constexpr USHORT kMessages = WSKB_CATEGORY_DATAGRAM;
constexpr USHORT kKeep = WSKB_CATEGORY_CONNECTION;

struct Version {
    USHORT major, minor;
    ULONG build;
};

/* The greatest version before one. */
Version Before(Version version)
{
    if (version.build > 0) {
        return {version.major, version.minor, version.build - 1};
    }
    return {version.major, (USHORT)(version.minor - 1), 0xFFFF};
}

WSKB_VERSION AskVersion(const File& file)
{
    WSKB_VERSION_REQUEST in = {sizeof in, WSKB_MAGIC, WSKB_VERSION_MAJOR, WSKB_VERSION_MINOR};
    WSKB_VERSION out = {};
    EXPECT_STATUS(STATUS_SUCCESS, file.Control(IOCTL_WSKB_GET_VERSION, &in, sizeof in, &out, sizeof out));
    return out;
}

NTSTATUS SendMessages(const File& file)
{
    struct {
        WSKB_SEND_MESSAGES header;
        ULONG length;
    } in = {{sizeof(WSKB_SEND_MESSAGES), 0, 0, Loopback(WSKB_AF_INET, 9), 1}, 3};
    char payload[3] = {};
    return file.Control(IOCTL_WSKB_SEND_MESSAGES, &in, sizeof in, payload, sizeof payload);
}

NTSTATUS ConnectWithData(const File& file)
{
    peer::TcpListener listener;
    NTSTATUS status = file.ConnectWith(Loopback(WSKB_AF_INET, listener.Port()), "first");
    EXPECT_STATUS(NT_SUCCESS(status) ? STATUS_INVALID_DEVICE_STATE : STATUS_SUCCESS,
                  file.Connect(Loopback(WSKB_AF_INET, listener.Port())));
    return status;
}

/* Uses what a gate guards. */
NTSTATUS Use(ULONG gate)
{
    ULONG value;
    File file;
    EXPECT_STATUS(STATUS_SUCCESS, file.Create(gate == WSKB_GATE_SEND_MESSAGES ? kMessages : kKeep));
    EXPECT_STATUS(STATUS_SUCCESS, file.Bind(Loopback(WSKB_AF_INET, 0)));
    switch (gate) {
    case WSKB_GATE_SEND_MESSAGES:
        return SendMessages(file);
    case WSKB_GATE_KEEP_COUNT:
        EXPECT_EQ(file.SetOption(WSKB_OPTION_KEEP_COUNT, 3), file.GetOption(WSKB_OPTION_KEEP_COUNT, &value));
        return file.SetOption(WSKB_OPTION_KEEP_COUNT, 3);
    case WSKB_GATE_KEEP_TIMES:
        EXPECT_EQ(file.SetOption(WSKB_OPTION_KEEP_IDLE, 3), file.SetOption(WSKB_OPTION_KEEP_INTERVAL, 3));
        EXPECT_EQ(file.SetOption(WSKB_OPTION_KEEP_IDLE, 3), file.GetOption(WSKB_OPTION_KEEP_IDLE, &value));
        return file.GetOption(WSKB_OPTION_KEEP_INTERVAL, &value);
    case WSKB_GATE_CONNECT_DATA:
        return ConnectWithData(file);
    default:
        ADD_FAILURE() << "gate " << gate << " is not tested";
        return STATUS_UNSUCCESSFUL;
    }
}

} // namespace

class GateTest : public DriverTest {
  protected:
    void TearDown() override
    {
        DriverTest::TearDown();
        HostSetSystemVersion(0, 0, 0);
    }

    /* The driver reads the version when it is loaded. */
    void LoadOn(Version version)
    {
        Unload();
        HostSetSystemVersion(version.major, version.minor, version.build);
        Load();
        WSKB_VERSION told = AskVersion(File());
        EXPECT_EQ(version.major, told.SystemMajor);
        EXPECT_EQ(version.minor, told.SystemMinor);
        EXPECT_EQ(version.build, told.SystemBuild);
    }
};

TEST_F(GateTest, EachOpensWithItsVersion)
{
#define ONE(name, number, major, minor, build, product)                                                      \
    LoadOn({major, minor, build});                                                                           \
    EXPECT_STATUS(STATUS_SUCCESS, Use(name)) << #name;                                                       \
    LoadOn(Before({major, minor, build}));                                                                   \
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Use(name)) << #name;
    WSKB_GATES(ONE)
}

TEST_F(GateTest, TheFeaturesAreThoseOfTheVersion)
{
    LoadOn({10, 0, 26100});
    EXPECT_EQ(WSKB_FEATURES, AskVersion(File()).Features);
    LoadOn({6, 1, 7601});
    EXPECT_EQ(WSKB_FEATURES & ~(ULONG64)(WSKB_FEATURE_SEND_MESSAGES | WSKB_FEATURE_CONNECT_DATA),
              AskVersion(File()).Features);
}
