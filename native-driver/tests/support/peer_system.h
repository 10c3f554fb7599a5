/* SPDX-License-Identifier: Apache-2.0
 *
 * POSIX or Winsock sockets for peer.cc. Includes the headers of either for what the two have in common, and
 * declares the rest, which is implemented for each.
 */
#ifndef TESTS_SUPPORT_PEER_SYSTEM_H
#define TESTS_SUPPORT_PEER_SYSTEM_H

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

/* Whether the last call in this thread failed with a reset. */
bool FailedByReset();

} // namespace peer

#endif
