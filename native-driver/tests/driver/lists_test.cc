/* SPDX-License-Identifier: Apache-2.0
 *
 * GET_TRANSPORTS, GET_ADDRESSES and AWAIT_ADDRESSES.
 */
#include "support.h"

#include <cstdlib>
#include <string>

#ifndef _WIN32
#include <unistd.h>
#endif

namespace {

constexpr USHORT kCategories[] = {WSKB_CATEGORY_DATAGRAM, WSKB_CATEGORY_CONNECTION, WSKB_CATEGORY_LISTEN};

/* The entries of a list, which has room for that many. */
template <typename Entry> std::vector<Entry> List(const File& file, ULONG code, ULONG room = 100)
{
    std::vector<uint8_t> out(sizeof(WSKB_LIST) + room * sizeof(Entry));
    ULONG_PTR information = 0;
    WSKB_LIST header = {};
    EXPECT_STATUS(STATUS_SUCCESS,
                  file.Control(code, nullptr, 0, out.data(), (ULONG)out.size(), &information));
    memcpy(&header, out.data(), sizeof header);
    EXPECT_EQ(sizeof header + header.Count * sizeof(Entry), header.Size);
    EXPECT_EQ(header.Size, information);
    std::vector<Entry> entries(header.Count);
    memcpy(entries.data(), out.data() + sizeof header, header.Count * sizeof(Entry));
    return entries;
}

File Made(USHORT category, USHORT family)
{
    File file;
    EXPECT_STATUS(STATUS_SUCCESS, file.Create(category, family));
    return file;
}

class Awaiting : public Request {
  public:
    NTSTATUS Start(HANDLE file, ULONG timeout = 0)
    {
        in_ = {sizeof in_, 0, timeout};
        return Request::Start(file, IOCTL_WSKB_AWAIT_ADDRESSES, &in_, sizeof in_, nullptr, 0);
    }

  private:
    WSKB_TRANSFER in_ = {};
};

/* FALSE where the system does not tell, as Wine. */
bool IsTold()
{
    File file = Made(WSKB_CATEGORY_DATAGRAM, WSKB_AF_INET);
    Awaiting awaiting;
    awaiting.Start(file);
    (void)awaiting.Cancel();
    return awaiting.Wait() != STATUS_NOT_SUPPORTED;
}

} // namespace

class ListsTest : public DriverTest {};

TEST_F(ListsTest, TransportsAreTheOnesThatSocketsAreMadeOf)
{
    File file;
    for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
        for (ULONG protocol : {WSKB_IPPROTO_TCP, WSKB_IPPROTO_UDP}) {
            int found = 0;
            for (const WSKB_TRANSPORT& transport : List<WSKB_TRANSPORT>(file, IOCTL_WSKB_GET_TRANSPORTS)) {
                found += transport.Family == family && transport.Protocol == protocol &&
                         transport.SocketType == (protocol == WSKB_IPPROTO_TCP ? 1 : 2);
            }
            EXPECT_EQ(1, found) << family << " " << protocol;
        }
    }
}

/* Any socket can be bound to each of them, and each family has its own. */
TEST_F(ListsTest, AddressesCanBeBoundTo)
{
    for (USHORT category : kCategories) {
        for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
            File file = Made(category, family);
            for (const WSKB_SOCKADDR& address : List<WSKB_SOCKADDR>(file, IOCTL_WSKB_GET_ADDRESSES)) {
                EXPECT_EQ(family, address.Family);
                EXPECT_EQ(0, address.Port);
                EXPECT_STATUS(STATUS_SUCCESS, Made(category, family).Bind(address));
            }
        }
    }
}

TEST_F(ListsTest, WithoutRoomTheHeaderSaysHowMuchIsNeeded)
{
    File fresh;
    WSKB_LIST header = {};
    ULONG_PTR information = 0;
    ULONG count = (ULONG)List<WSKB_TRANSPORT>(fresh, IOCTL_WSKB_GET_TRANSPORTS).size();
    ASSERT_GT(count, 0u);
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW,
                  fresh.Control(IOCTL_WSKB_GET_TRANSPORTS, nullptr, 0, &header, sizeof header, &information));
    EXPECT_EQ(sizeof header, information);
    EXPECT_EQ(count, header.Count);
    EXPECT_EQ(sizeof header + count * sizeof(WSKB_TRANSPORT), header.Size);
    EXPECT_EQ(count, List<WSKB_TRANSPORT>(fresh, IOCTL_WSKB_GET_TRANSPORTS, count).size());
    for (ULONG code : {IOCTL_WSKB_GET_TRANSPORTS, IOCTL_WSKB_GET_ADDRESSES}) {
        File file = Made(WSKB_CATEGORY_DATAGRAM, WSKB_AF_INET);
        for (ULONG room = 0; room < sizeof header; room++) {
            EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL,
                          file.Control(code, nullptr, 0, room == 0 ? nullptr : &header, room));
        }
    }
}

TEST_F(ListsTest, AddressesNeedASocket)
{
    File fresh;
    WSKB_LIST header = {};
    Awaiting awaiting;
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE,
                  fresh.Control(IOCTL_WSKB_GET_ADDRESSES, nullptr, 0, &header, sizeof header));
    awaiting.Start(fresh);
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, awaiting.Wait());
}

TEST_F(ListsTest, AwaitingCanBeCancelledAndEndsWithItsSocket)
{
    if (!IsTold()) {
        GTEST_SKIP() << "the system does not tell";
    }
    for (USHORT category : kCategories) {
        File file = Made(category, WSKB_AF_INET);
        Awaiting first, second, late;
        ASSERT_STATUS(STATUS_PENDING, first.Start(file));
        ASSERT_STATUS(STATUS_PENDING, second.Start(file));
        ASSERT_STATUS(STATUS_PENDING, late.Start(file, 20));
        ASSERT_STATUS(STATUS_SUCCESS, first.Cancel());
        EXPECT_STATUS(STATUS_CANCELLED, first.Wait());
        EXPECT_STATUS(STATUS_IO_TIMEOUT, late.Wait());
        EXPECT_STATUS(STATUS_SUCCESS, file.Bind(Loopback(WSKB_AF_INET, 0))) << "nothing else waits for it";
        EXPECT_FALSE(second.Done());
        file.Close();
        EXPECT_STATUS(STATUS_CANCELLED, second.Wait());
    }
}

#ifndef _WIN32
namespace {

constexpr const char* kOwnNetwork = "WSKB_TEST_OWN_NETWORK";

/* Runs the test again in a process with a network namespace of its own, whose addresses it may change. */
int RunInOwnNetwork(const char* test)
{
    char program[4096] = {};
    EXPECT_GT(readlink("/proc/self/exe", program, sizeof program - 1), 0);
    std::string command = "unshare --net sh -c 'PATH=$PATH:/usr/sbin:/sbin; ip link set lo up && exec \"$0\" "
                          "--gtest_filter=";
    command += test;
    command += "' '";
    command += program;
    command += "' >/dev/null";
    EXPECT_EQ(0, setenv(kOwnNetwork, "1", 1));
    int result = std::system(command.c_str());
    EXPECT_EQ(0, unsetenv(kOwnNetwork));
    return result;
}

} // namespace

/* Whatever else the socket does, and whoever else waits. */
TEST_F(ListsTest, AChangeIsTold)
{
    if (getenv(kOwnNetwork) == nullptr) {
        if (std::system("unshare --net true 2>/dev/null") != 0) {
            GTEST_SKIP() << "this user may make no network";
        }
        EXPECT_EQ(0, RunInOwnNetwork("ListsTest.AChangeIsTold"));
        return;
    }
    File file = BoundDatagram();
    File other = Made(WSKB_CATEGORY_LISTEN, WSKB_AF_INET6);
    Awaiting first, second;
    Datagram datagram;
    ASSERT_STATUS(STATUS_PENDING, datagram.Start(file));
    first.Start(file);
    second.Start(other);
    EXPECT_EQ(0, std::system("ip address add 198.51.100.77/32 dev lo"));
    EXPECT_STATUS(STATUS_SUCCESS, first.Wait());
    EXPECT_STATUS(STATUS_SUCCESS, second.Wait());
    EXPECT_FALSE(datagram.Done());
    ASSERT_STATUS(STATUS_SUCCESS, datagram.Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, datagram.Wait());
}
#endif
