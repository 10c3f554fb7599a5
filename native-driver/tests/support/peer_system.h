/* SPDX-License-Identifier: Apache-2.0
 *
 * The sockets of POSIX, or of Winsock, for peer.cc: what the two name alike is in their headers, what they do
 * otherwise is declared here, and implemented for each.
 */
#pragma once

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <netinet/in.h>
#include <sys/socket.h>
#endif

#include "peer.h"

namespace peer {

extern const int kSendFlags;
extern const int kShutdownSend;

Socket MakeSocket(int domain, int type);
Socket AcceptSocket(Socket listener);
void CloseSocket(Socket fd);
void MakeNonBlocking(Socket fd);

/* Waits until a receive would not block. */
bool AwaitReadable(Socket fd, int timeout_ms);

/* Whether the connection is known to be broken. */
bool IsBroken(Socket fd);

/* What the last call that failed in this thread says. */
bool FailedByReset();

} // namespace peer
