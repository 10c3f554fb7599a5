/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the parts of the Winsock backend: the structure behind a BACKEND_HANDLE, and the functions of
 * poller.c and options.c for backend.c.
 */
#ifndef WSK_WINSOCK_SOCKET_H
#define WSK_WINSOCK_SOCKET_H

#include "backend.h"

#include <winsock2.h>
#include <ws2tcpip.h>
/* Behind the others. */
#include <mswsock.h>

/* For this long after a send to a fixed remote address, an ICMP error may come. */
#define ANSWER_MILLISECONDS 1000

typedef struct _WINSOCK_SOCKET {
    /* Constant. */
    int Family; /* AF_... */
    int Type;   /* SOCK_... */

    SOCKET Socket;         /* changes with the poller's lock held, while no call for the socket runs */
    bool Connected;        /* datagram: the remote address is fixed */
    BACKEND_ADDRESS Local; /* when Connected: the address before that */
    bool SendShut;
    bool ErrorSeen;                     /* datagram: SO_ERROR of Socket was reported */
    uint32_t Options[BackendOptionMax]; /* as set */
    struct _WINSOCK_GROUP* Groups;      /* memberships and blocks, oldest first */

    /* Atomic. */
    uint64_t OptionsSet;  /* bit by BACKEND_OPTION: Options is valid */
    uint64_t SentAt;      /* datagram, connected: the last send, in milliseconds */
    uint32_t ErrorPolled; /* datagram: the poller saw an error */
    uint32_t Broken;      /* stream: a call failed because the connection was reset */

    /* Used by poller.c, with its lock held. */
    bool Known;      /* was watched once: the poller may still hold a pointer */
    bool Hung;       /* polls POLLHUP, as a level, whatever was asked for */
    uint32_t Wanted; /* flags watched; 0: not watched */
    uint32_t Armed;  /* those that the next event reports */
    void* Cookie;
    uint64_t Round;               /* the last wait that this socket took part in */
    struct _WINSOCK_SOCKET* Next; /* armed sockets, or closed ones */
    struct _WINSOCK_SOCKET* Previous;
} WINSOCK_SOCKET;

/* Room for all control messages of one datagram. */
typedef union _WINSOCK_CONTROL {
    WSACMSGHDR Header; /* for the alignment */
    char Bytes[256];
} WINSOCK_CONTROL;

/* ---- control.c --------------------------------------------------------------------------------------- */

/* WSASendMsg and WSARecvMsg, of which not every version of Winsock has the first as an export. */
int ControlSend(SOCKET Socket, WSAMSG* Message, DWORD* Bytes);
int ControlReceive(SOCKET Socket, WSAMSG* Message, DWORD* Bytes);
/* Describes what is sent in Room, and has Message refer to it. */
void ControlToNative(const BACKEND_CONTROL* Control, WINSOCK_CONTROL* Room, WSAMSG* Message);
/* Reads what WSARecvMsg filled in. */
void ControlFromNative(WSAMSG* Message, BACKEND_CONTROL* Control);

/* ---- poller.c ---------------------------------------------------------------------------------------- */

/* Called when an attempt would have blocked: the next event with one of the flags, or a current one, is
 * reported. */
void PollerArm(WINSOCK_SOCKET* Socket, uint32_t Flags);
/* Replaces the system socket; returns the old one, which the poller no longer uses. */
SOCKET PollerReplace(WINSOCK_SOCKET* Socket, SOCKET New);
/* Unwatches the socket; after that the poller no longer uses the system socket. */
void PollerRelease(WINSOCK_SOCKET* Socket);
/* After PollerRelease: frees the structure once the poller no longer uses it. */
void PollerRetire(WINSOCK_SOCKET* Socket);
/* Around a use of Socket->Socket that may be concurrent with PollerReplace. */
void PollerLock(void);
void PollerUnlock(void);

/* Gives a new system socket the options, but for the sharing of its address, and the memberships. */
void OptionsCopy(const WINSOCK_SOCKET* Socket, SOCKET New);
/* Sets whether the system socket may share its address, as was asked for. */
void OptionsRestoreSharing(WINSOCK_SOCKET* Socket);
/* Frees what is noted of memberships. */
void OptionsForget(WINSOCK_SOCKET* Socket);

static inline WINSOCK_SOCKET* FromHandle(BACKEND_HANDLE Handle)
{
    return (WINSOCK_SOCKET*)(uintptr_t)Handle;
}

static inline int32_t Result(int Value)
{
    return (Value != SOCKET_ERROR) ? 0 : WSAGetLastError();
}

static inline int32_t SetInteger(SOCKET Socket, int Level, int Name, int Value)
{
    return Result(setsockopt(Socket, Level, Name, (const char*)&Value, sizeof(Value)));
}

static inline int32_t GetInteger(SOCKET Socket, int Level, int Name, int* Value)
{
    int Length = sizeof(*Value);

    *Value = 0; /* a truth value may be one byte long */
    return Result(getsockopt(Socket, Level, Name, (char*)Value, &Length));
}

#endif
