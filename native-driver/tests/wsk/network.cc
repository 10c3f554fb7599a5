/* SPDX-License-Identifier: Apache-2.0
 *
 * Network namespaces come from the program unshare, because a process with several threads can't make a user
 * namespace, and some sanitizers have a thread of their own.
 */
#include "network.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

static std::atomic<int> BindCount{0};
static std::atomic<int> FailingBind{0};

/* Replaces the system's bind, also for the provider. */
extern "C" int bind(int Socket, const struct sockaddr* Address, socklen_t Length)
{
    if (++BindCount == FailingBind) {
        errno = EADDRINUSE;
        return -1;
    }
    return static_cast<int>(syscall(SYS_bind, Socket, Address, Length));
}

namespace network {

static const char kMark[] = "WSKBRIDGE_TEST_NETWORK";

void FailBind(int Nth)
{
    BindCount = 0;
    FailingBind = Nth;
}

int Binds()
{
    return BindCount;
}

/* The exit code, or -1. */
static int Run(std::vector<std::string> Command)
{
    std::vector<char*> Arguments;
    pid_t Child;
    int Status;

    for (std::string& Word : Command) {
        Arguments.push_back(&Word[0]);
    }
    Arguments.push_back(nullptr);
    if (posix_spawnp(&Child, Arguments[0], nullptr, nullptr, Arguments.data(), environ) != 0 ||
        waitpid(Child, &Status, 0) != Child) {
        return -1;
    }
    return WIFEXITED(Status) ? WEXITSTATUS(Status) : -1;
}

/* Root may create one; other users need a user namespace. */
static std::vector<std::string> Unshare()
{
    std::vector<std::string> Command = {"unshare", "--net"};

    if (Run({"unshare", "--net", "true"}) != 0) {
        Command.insert(Command.begin() + 1, "--map-root-user");
    }
    return Command;
}

static std::string Self()
{
    char Path[4096] = {};

    return (readlink("/proc/self/exe", Path, sizeof(Path) - 1) > 0) ? Path : "";
}

static void Configure(unsigned long Code, struct ifreq& Interface)
{
    int Socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    ASSERT_GE(Socket, 0);
    EXPECT_EQ(0, ioctl(Socket, Code, &Interface)) << strerror(errno);
    close(Socket);
}

static void StartLoopback()
{
    struct ifreq Interface = {};

    strcpy(Interface.ifr_name, "lo");
    Interface.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
    Configure(SIOCSIFFLAGS, Interface);
}

bool InOwn()
{
    const ::testing::TestInfo* Test = ::testing::UnitTest::GetInstance()->current_test_info();

    if (getenv(kMark) != nullptr) {
        StartLoopback();
        return true;
    }
    std::vector<std::string> Command = Unshare();
    Command.insert(Command.end(),
                   {"env", std::string(kMark) + "=1", Self(),
                    std::string("--gtest_filter=") + Test->test_suite_name() + "." + Test->name()});
    EXPECT_EQ(0, Run(Command)) << "in a network of its own";
    return false;
}

void SetPorts(uint16_t First, uint16_t Last)
{
    std::ofstream Range("/proc/sys/net/ipv4/ip_local_port_range");

    Range << First << " " << Last << std::endl;
    EXPECT_TRUE(Range.good());
}

void SetPacketSize(int Bytes)
{
    struct ifreq Interface = {};

    strcpy(Interface.ifr_name, "lo");
    Interface.ifr_mtu = Bytes;
    Configure(SIOCSIFMTU, Interface);
}

void AddAddress(const char* Address)
{
    struct ifreq Interface = {};
    auto* In = reinterpret_cast<struct sockaddr_in*>(&Interface.ifr_addr);

    strcpy(Interface.ifr_name, "lo:1");
    In->sin_family = AF_INET;
    ASSERT_EQ(1, inet_pton(AF_INET, Address, &In->sin_addr));
    Configure(SIOCSIFADDR, Interface);
}

} // namespace network
