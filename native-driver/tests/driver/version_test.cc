/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests on a new handle: who may open the device, GET_VERSION, NOP and GET_STATISTICS.
 */
#include "support.h"

class VersionTest : public DriverTest {};

static NTSTATUS GetVersion(const File& file, USHORT major, USHORT minor, WSKB_VERSION* version,
                           ULONG magic = WSKB_MAGIC)
{
    WSKB_VERSION_REQUEST in = {sizeof in, magic, major, minor};
    ULONG_PTR information = 0;
    memset(version, 0xEE, sizeof *version);
    NTSTATUS status =
        file.Control(IOCTL_WSKB_GET_VERSION, &in, sizeof in, version, sizeof *version, &information);
    EXPECT_EQ(NT_SUCCESS(status) ? sizeof *version : 0, information);
    return status;
}

TEST_F(VersionTest, TellsVersionsFeaturesAndLimits)
{
    File file;
    WSKB_VERSION version;
    ASSERT_STATUS(STATUS_SUCCESS, GetVersion(file, WSKB_VERSION_MAJOR, WSKB_VERSION_MINOR, &version));
    EXPECT_EQ(sizeof version, version.Size);
    EXPECT_EQ(WSKB_MAGIC, version.Magic);
    EXPECT_EQ(WSKB_VERSION_MAJOR, version.Major);
    EXPECT_EQ(WSKB_VERSION_MINOR, version.Minor);
    EXPECT_EQ(1, version.FrameworkMajor);
    EXPECT_EQ(15, version.FrameworkMinor);
    EXPECT_EQ(0x100, version.ProviderHighest);
    EXPECT_EQ(0x100, version.ProviderLowest);
#ifdef _WIN32
    constexpr ULONG64 may_lack = WSKB_FEATURE_SEND_TRAFFIC_CLASS | WSKB_FEATURE_RECEIVE_COALESCED;
    EXPECT_EQ(WSKB_FEATURES, version.Features | may_lack);
#else
    EXPECT_EQ(WSKB_FEATURES, version.Features);
#endif
    EXPECT_EQ(WSKB_MAXIMUM_DATAGRAM, version.MaximumDatagram);
    EXPECT_EQ(WSKB_MAXIMUM_TRANSFER, version.MaximumTransfer);
    EXPECT_EQ(WSKB_MAXIMUM_OPERATIONS, version.MaximumOperations);
    EXPECT_EQ(WSKB_MAXIMUM_SOCKETS, version.MaximumSockets);
    EXPECT_EQ(WSKB_MAXIMUM_UNCLAIMED, version.MaximumUnclaimed);
    EXPECT_EQ(WSKB_MAXIMUM_BYTES, version.MaximumBytes);
}

TEST_F(VersionTest, AnotherMinorVersionIsServed)
{
    File file;
    WSKB_VERSION version;
    EXPECT_STATUS(STATUS_SUCCESS, GetVersion(file, WSKB_VERSION_MAJOR, 999, &version));
    EXPECT_EQ(WSKB_VERSION_MINOR, version.Minor);
}

TEST_F(VersionTest, AnotherMajorVersionOrMagicIsRefused)
{
    File file;
    WSKB_VERSION version;
    EXPECT_STATUS(STATUS_REVISION_MISMATCH, GetVersion(file, WSKB_VERSION_MAJOR + 1, 0, &version));
    EXPECT_STATUS(STATUS_REVISION_MISMATCH, GetVersion(file, 0, 0, &version));
    EXPECT_STATUS(STATUS_REVISION_MISMATCH, GetVersion(file, WSKB_VERSION_MAJOR, 0, &version, 0x12345678));
}

TEST_F(VersionTest, LargerStructuresOfLaterCallersAreTaken)
{
    File file;
    struct {
        WSKB_VERSION_REQUEST known;
        ULONG later[5];
    } in = {{sizeof in, WSKB_MAGIC, WSKB_VERSION_MAJOR, 7}, {1, 2, 3, 4, 5}};
    UCHAR out[200];
    ULONG_PTR information = 0;
    memset(out, 0xEE, sizeof out);
    ASSERT_STATUS(STATUS_SUCCESS,
                  file.Control(IOCTL_WSKB_GET_VERSION, &in, sizeof in, out, sizeof out, &information));
    EXPECT_EQ(sizeof(WSKB_VERSION), information);
    for (size_t i = sizeof(WSKB_VERSION); i < sizeof out; i++) {
        ASSERT_EQ(0xEE, out[i]) << i;
    }
}

TEST_F(VersionTest, NopSucceedsInEveryState)
{
    File fresh;
    EXPECT_STATUS(STATUS_SUCCESS, fresh.Control(IOCTL_WSKB_NOP));
    File bound = BoundDatagram();
    ULONG_PTR information = 1;
    UCHAR bytes[16] = {};
    EXPECT_STATUS(STATUS_SUCCESS,
                  bound.Control(IOCTL_WSKB_NOP, bytes, sizeof bytes, bytes, sizeof bytes, &information));
    EXPECT_EQ(0u, information);
}

TEST_F(VersionTest, StatisticsCountWhatHappened)
{
    WSKB_STATISTICS before = Statistics();
    EXPECT_EQ(0u, before.OpenSockets);
    EXPECT_EQ(0u, before.OperationsInFlight);
    {
        peer::Udp other;
        File file = BoundDatagram();
        Datagram datagram;
        ASSERT_STATUS(STATUS_SUCCESS, file.SendTo(Loopback(WSKB_AF_INET, other.Port()), "12345"));
        ASSERT_STATUS(STATUS_PENDING, datagram.Start(file));
        WSKB_STATISTICS during = Statistics();
        EXPECT_EQ(1u, during.OpenSockets);
        EXPECT_EQ(1u, during.OperationsInFlight);
        ASSERT_TRUE(other.SendTo(file.Port(), "123"));
        EXPECT_STATUS(STATUS_SUCCESS, datagram.Wait());
        Datagram cancelled;
        ASSERT_STATUS(STATUS_PENDING, cancelled.Start(file));
        EXPECT_STATUS(STATUS_SUCCESS, cancelled.Cancel());
        EXPECT_STATUS(STATUS_CANCELLED, cancelled.Wait());
    }
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
    WSKB_STATISTICS after = Statistics();
    EXPECT_EQ(1u, after.SentDatagrams - before.SentDatagrams);
    EXPECT_EQ(5u, after.SentBytes - before.SentBytes);
    EXPECT_EQ(1u, after.ReceivedDatagrams - before.ReceivedDatagrams);
    EXPECT_EQ(3u, after.ReceivedBytes - before.ReceivedBytes);
    EXPECT_EQ(1u, after.CancelledRequests - before.CancelledRequests);
    EXPECT_EQ(after.StartedIrps, after.CompletedIrps);
    EXPECT_EQ(after.ControlRequests, after.CompletedRequests + 1); /* the query itself */
}

TEST_F(VersionTest, AccessBitsAreChecked)
{
    File reader(FILE_READ_DATA);
    File writer(FILE_WRITE_DATA);
    WSKB_VERSION version;
    ASSERT_STATUS(STATUS_SUCCESS, reader.OpenStatus());
    ASSERT_STATUS(STATUS_SUCCESS, writer.OpenStatus());
    EXPECT_STATUS(STATUS_SUCCESS, GetVersion(reader, WSKB_VERSION_MAJOR, 0, &version));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, reader.Create(WSKB_CATEGORY_DATAGRAM));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, GetVersion(writer, WSKB_VERSION_MAJOR, 0, &version));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, writer.Control(IOCTL_WSKB_NOP));
    EXPECT_STATUS(STATUS_SUCCESS, writer.Create(WSKB_CATEGORY_DATAGRAM));
    EXPECT_STATUS(STATUS_SUCCESS, writer.Bind(Loopback(WSKB_AF_INET, 0)));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Datagram().Start(writer));
}

/* Every code requires the access in the protocol's table, no matter what else is wrong with the request. */
TEST_F(VersionTest, EveryCodeNeedsItsAccess)
{
    File reader(FILE_READ_DATA);
    File writer(FILE_WRITE_DATA);
#define CHECK_ACCESS(name, function, method, access, ...)                                                    \
    {                                                                                                        \
        NTSTATUS read = reader.Control(IOCTL_WSKB_##name);                                                   \
        NTSTATUS written = writer.Control(IOCTL_WSKB_##name);                                                \
        EXPECT_EQ(WSKB_ACCESS_##access != WSKB_ACCESS_READ, read == STATUS_ACCESS_DENIED) << #name;          \
        EXPECT_EQ(WSKB_ACCESS_##access != WSKB_ACCESS_WRITE, written == STATUS_ACCESS_DENIED) << #name;      \
    }
    WSKB_CONTROL_CODES(CHECK_ACCESS)
#undef CHECK_ACCESS
}

TEST_F(VersionTest, PlainUsersMayNotOpenTheDevice)
{
    HostSetProcessRights(HostProcessUser);
    EXPECT_STATUS(STATUS_ACCESS_DENIED, File().OpenStatus());
    HostSetProcessRights(HostProcessSystem);
    EXPECT_STATUS(STATUS_SUCCESS, File().OpenStatus());
    HostSetProcessRights(HostProcessAdministrator);
    EXPECT_STATUS(STATUS_SUCCESS, File().OpenStatus());
}

TEST_F(VersionTest, WithoutTheDriverThereIsNoDevice)
{
    Unload();
    EXPECT_STATUS(STATUS_OBJECT_NAME_NOT_FOUND, File().OpenStatus());
}

TEST_F(VersionTest, LoadsAndUnloadsFiftyTimes)
{
    for (int i = 0; i < 50; i++) {
        {
            File file = BoundDatagram();
        }
        Unload();
        ExpectNothingLeft();
        Load();
    }
}
