/* SPDX-License-Identifier: Apache-2.0
 *
 * peer_system.h for POSIX.
 */
#include "peer_system.h"

#include <cerrno>

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

} // namespace peer
