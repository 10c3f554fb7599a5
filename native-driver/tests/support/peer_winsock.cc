/* SPDX-License-Identifier: Apache-2.0
 *
 * peer_system.h for Winsock.
 */
#include "peer_system.h"

namespace peer {

const int kSendFlags = 0;
const int kShutdownSend = SD_SEND;

namespace {

/* Initialises Winsock for the lifetime of the program. */
struct Startup {
    Startup()
    {
        WSADATA data;
        WSAStartup(MAKEWORD(2, 2), &data);
    }
} startup;

} // namespace

Socket MakeSocket(int domain, int type)
{
    return static_cast<Socket>(socket(domain, type, 0));
}

Socket AcceptSocket(Socket listener)
{
    return static_cast<Socket>(accept(static_cast<SOCKET>(listener), nullptr, nullptr));
}

void CloseSocket(Socket fd)
{
    closesocket(static_cast<SOCKET>(fd));
}

void MakeNonBlocking(Socket fd)
{
    u_long on = 1;
    ioctlsocket(static_cast<SOCKET>(fd), FIONBIO, &on);
}

bool AwaitReadable(Socket fd, int timeout_ms)
{
    WSAPOLLFD entry = {static_cast<SOCKET>(fd), POLLIN, 0};
    return WSAPoll(&entry, 1, timeout_ms) > 0;
}

bool IsBroken(Socket fd)
{
    WSAPOLLFD entry = {static_cast<SOCKET>(fd), 0, 0};
    return WSAPoll(&entry, 1, 0) > 0 && (entry.revents & POLLERR);
}

bool FailedByReset()
{
    return WSAGetLastError() == WSAECONNRESET;
}

uint32_t GroupInterface(int version)
{
    return version == 4 ? kLoopbackIndex : 0;
}

} // namespace peer
