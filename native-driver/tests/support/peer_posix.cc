/* SPDX-License-Identifier: Apache-2.0
 *
 * peer_system.h for POSIX.
 */
#include "peer_system.h"

#include <cerrno>

#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace peer {

const int kSendFlags = MSG_NOSIGNAL;
const int kShutdownSend = SHUT_WR;

Socket MakeSocket(int domain, int type)
{
    return socket(domain, type | SOCK_CLOEXEC, 0);
}

Socket AcceptSocket(Socket listener)
{
    return accept4(static_cast<int>(listener), nullptr, nullptr, SOCK_CLOEXEC);
}

void CloseSocket(Socket fd)
{
    close(static_cast<int>(fd));
}

void MakeNonBlocking(Socket fd)
{
    int on = 1;
    ioctl(static_cast<int>(fd), FIONBIO, &on);
}

bool AwaitReadable(Socket fd, int timeout_ms)
{
    pollfd entry = {static_cast<int>(fd), POLLIN, 0};
    return poll(&entry, 1, timeout_ms) > 0;
}

bool IsBroken(Socket fd)
{
    pollfd entry = {static_cast<int>(fd), 0, 0};
    return poll(&entry, 1, 0) > 0 && (entry.revents & POLLERR);
}

bool FailedByReset()
{
    return errno == ECONNRESET;
}

uint32_t GroupInterface(int version)
{
    ifaddrs* all = nullptr;
    uint32_t index = version == 4 ? kLoopbackIndex : 0;
    if (version == 4 || getifaddrs(&all) != 0) {
        return index;
    }
    for (const ifaddrs* one = all; one != nullptr && index == 0; one = one->ifa_next) {
        bool fits = (one->ifa_flags & IFF_UP) && (one->ifa_flags & IFF_MULTICAST) &&
                    !(one->ifa_flags & IFF_LOOPBACK) && one->ifa_addr != nullptr;
        if (fits && one->ifa_addr->sa_family == AF_INET6) {
            index = if_nametoindex(one->ifa_name);
        }
    }
    freeifaddrs(all);
    return index;
}

} // namespace peer
