/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two halves of the Winsock backend share: the structure behind a BACKEND_HANDLE, and what
 * backend.c asks of poller.c.
 */
#ifndef WSK_WINSOCK_SOCKET_H
#define WSK_WINSOCK_SOCKET_H

#include "backend.h"

#include <winsock2.h>
#include <ws2tcpip.h>

/* For this long after a datagram went to a fixed remote address, ICMP may say that nobody listens there. */
#define ANSWER_MILLISECONDS 1000

typedef struct _WINSOCK_SOCKET {
    /* Constant. */
    int Family; /* AF_... */
    int Type;   /* SOCK_... */

    SOCKET Socket;         /* changes with the poller's lock held, when nobody calls for the socket */
    bool Connected;        /* datagram: the remote address is fixed */
    BACKEND_ADDRESS Local; /* when Connected: the address before that */
    bool SendShut;
    bool ErrorSeen;                     /* datagram: SO_ERROR of Socket was reported */
    uint32_t Options[BackendOptionMax]; /* as set */

    /* Atomic. */
    uint32_t OptionsSet;  /* bit by BACKEND_OPTION: Options is valid */
    uint64_t SentAt;      /* datagram, connected: the last send, in milliseconds */
    uint32_t ErrorPolled; /* datagram: the poller was told of an error */
    uint32_t Broken;      /* stream: a call failed because the connection was reset */

    /* poller.c's, with its lock held. */
    bool Known;      /* was watched once: the poller may still hold a pointer */
    bool Hung;       /* reports POLLHUP, level-triggered, whatever is asked for */
    uint32_t Wanted; /* flags watched; 0: not watched */
    uint32_t Armed;  /* those that the next event reports */
    void* Cookie;
    uint64_t Round;               /* the last wait that this socket took part in */
    struct _WINSOCK_SOCKET* Next; /* armed sockets, or closed ones */
    struct _WINSOCK_SOCKET* Previous;
} WINSOCK_SOCKET;

/* An attempt would have blocked: the next event with one of the flags, or one that is there, is reported. */
void PollerArm(WINSOCK_SOCKET* Socket, uint32_t Flags);
/* Puts another system socket in place; returns the old one, which the poller has let go of. */
SOCKET PollerReplace(WINSOCK_SOCKET* Socket, SOCKET New);
/* Unwatches; after that the poller has let go of the system socket. */
void PollerRelease(WINSOCK_SOCKET* Socket);
/* After PollerRelease: frees the structure when the poller can't touch it any more. */
void PollerRetire(WINSOCK_SOCKET* Socket);
/* Around a use of Socket->Socket that may be concurrent with PollerReplace. */
void PollerLock(void);
void PollerUnlock(void);

#endif
