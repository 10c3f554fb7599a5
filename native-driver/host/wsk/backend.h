/* SPDX-License-Identifier: Apache-2.0
 *
 * What the WSK provider needs from an operating system: non-blocking sockets and a thread that reports when
 * they become ready. The interface uses fixed-width types only, so that an implementation includes either
 * this system's socket headers or none, never NT's.
 *
 * No function here blocks or takes a lock of the provider; all may be called at DISPATCH_LEVEL, except
 * BackendStart, BackendStop and those about names and threads. (With Winsock, closing and dissolving wait
 * until the polling thread has let go of the socket, which it is woken for.) A function that can fail returns
 * 0, BACKEND_WOULD_BLOCK, BACKEND_LOST or the system's error number, which StatusFromBackend translates.
 */
#ifndef WSK_BACKEND_H
#define WSK_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t BACKEND_HANDLE;
#define BACKEND_NO_HANDLE ((BACKEND_HANDLE)-1)

#define BACKEND_WOULD_BLOCK (-1)
#define BACKEND_LOST        (-2) /* BackendDissolve, BackendConnect */

typedef enum _BACKEND_KIND { BackendStream, BackendDatagram } BACKEND_KIND;

#define BACKEND_IPV4 4
#define BACKEND_IPV6 6

typedef struct _BACKEND_ADDRESS {
    uint16_t Family; /* BACKEND_IPV4, BACKEND_IPV6, or 0 for none */
    uint16_t Port;   /* network byte order */
    uint8_t Bytes[16];
    uint32_t FlowInfo;
    uint32_t ScopeId;
} BACKEND_ADDRESS;

/* One contiguous piece of a payload, laid out as struct iovec. */
typedef struct _BACKEND_SEGMENT {
    void* Base;
    size_t Length;
} BACKEND_SEGMENT;

/* BACKEND_MESSAGE.Flags of a receive. */
#define BACKEND_TRUNCATED 0x1u /* the datagram was longer than the payload's room */

/* What one send or receive moves: a datagram, or a part of a stream. */
typedef struct _BACKEND_MESSAGE {
    const BACKEND_SEGMENT* Segments; /* the payload, in order */
    uint32_t Count;
    uint32_t Flags;           /* receive: set by the call */
    BACKEND_ADDRESS* Address; /* datagrams. Send: where to; NULL: to whom BackendConnect named. Receive: gets
                                 whose it is */
    void* Control;            /* ancillary data as Windows lays it out and numbers it */
    size_t ControlLength;     /* receive: the room, and after the call what of it is used */
    size_t Moved;             /* bytes of payload, set by the call */
} BACKEND_MESSAGE;

typedef enum _BACKEND_OPTION {
    BackendReceiveBuffer, /* bytes; once set, it reads as twice what was set */
    BackendSendBuffer,
    BackendKeepAlive,
    BackendBroadcast,
    BackendNoDelay,
    BackendKeepIdle, /* seconds */
    BackendKeepInterval,
    BackendKeepCount,
    BackendV6Only,
    BackendShareAddress, /* lets sockets of this process have one address */
    BackendOptionMax
} BACKEND_OPTION;

/* Readiness flags. */
#define BACKEND_READABLE 0x1u
#define BACKEND_WRITABLE 0x2u

/* Called on whichever thread polls, never on two at once. */
typedef struct _BACKEND_EVENTS {
    void (*Ready)(void* Cookie, uint32_t Flags);
    /* No event from before this call will be reported any more: what was unwatched may be freed. */
    void (*Quiescent)(void);
} BACKEND_EVENTS;

/* ---- the polling thread ------------------------------------------------------------------------------ */

int32_t BackendStart(const BACKEND_EVENTS* Events);
void BackendStop(void);
/* Makes the polling thread come to its quiescent point soon. */
void BackendWake(void);

/* Reports edges from now on: each change from not ready to ready once. A socket is watched at most once. */
int32_t BackendWatch(BACKEND_HANDLE Handle, void* Cookie, uint32_t Flags);
/* Changes what a watched socket reports; an edge that is already there is reported again. */
int32_t BackendRewatch(BACKEND_HANDLE Handle, void* Cookie, uint32_t Flags);
/* Reports may still be on their way until the next quiescent point. */
void BackendUnwatch(BACKEND_HANDLE Handle);

/* ---- sockets ----------------------------------------------------------------------------------------- */

/* IPv6 sockets start without IPv4 (V6ONLY on). */
int32_t BackendCreate(uint16_t Family, BACKEND_KIND Kind, BACKEND_HANDLE* Handle);
/* Reset makes a connected stream end with RST; otherwise what was sent still goes out. */
void BackendClose(BACKEND_HANDLE Handle, bool Reset);
int32_t BackendBind(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Address);
/* For a stream that is to connect, and an address without a port. Where the system can choose the port with
 * the connect, and so use one for several peers, the local address has port 0 until then; BackendBind with
 * that address makes it choose at once. */
int32_t BackendBindToConnect(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Address);
int32_t BackendListen(BACKEND_HANDLE Handle);
int32_t BackendGetLocalAddress(BACKEND_HANDLE Handle, BACKEND_ADDRESS* Address);
int32_t BackendGetRemoteAddress(BACKEND_HANDLE Handle, BACKEND_ADDRESS* Address);

/* BACKEND_WOULD_BLOCK: call BackendFinishConnect at each edge until it says otherwise. On a datagram socket
 * sets the default destination and the receive filter, at once, and forgets an error of the former one. */
int32_t BackendConnect(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Address);
int32_t BackendFinishConnect(BACKEND_HANDLE Handle);
/* Undoes BackendConnect, and forgets its errors. A connected stream is reset. Local, when not NULL, is the
 * bound address to keep; PortChosen tells that the system chose its port, when the socket was bound. A socket
 * that fails is as it was, or BACKEND_LOST: somebody else has its port, and it has neither port nor peer. */
int32_t BackendDissolve(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Local, bool PortChosen);

int32_t BackendAccept(BACKEND_HANDLE Handle, BACKEND_HANDLE* Accepted, BACKEND_ADDRESS* Remote);

/* Sends messages in their order; *Sent of them went out, also on error. Of a stream there may be one, and its
 * Moved may be less than its payload. Of datagrams there may be many, all to the address of the first.
 * Ancillary data that the system can't send fails with an error that translates to STATUS_NOT_SUPPORTED. */
int32_t BackendSend(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Messages, uint32_t Count, uint32_t* Sent);
/* Receives the next datagram, or what has come of a stream; nothing, of one that was asked for something, is
 * its end. */
int32_t BackendReceive(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Message);

/* Streams. */
/* Throws away received bytes. */
int32_t BackendDiscard(BACKEND_HANDLE Handle, size_t* Moved);
int32_t BackendShutdownSend(BACKEND_HANDLE Handle);
/* After BackendShutdownSend: 0 when the peer has everything sent, BACKEND_WOULD_BLOCK while it has not (an
 * edge will come), or the error that ended the connection. */
int32_t BackendFinishSend(BACKEND_HANDLE Handle);
/* True when the peer's end of the stream arrived and nothing is left to receive. */
bool BackendIsAtEnd(BACKEND_HANDLE Handle);

/* An option the system lacks fails with an error that translates to STATUS_NOT_SUPPORTED. */
int32_t BackendSetOption(BACKEND_HANDLE Handle, BACKEND_OPTION Option, uint32_t Value);
int32_t BackendGetOption(BACKEND_HANDLE Handle, BACKEND_OPTION Option, uint32_t* Value);
int32_t BackendQueryReadable(BACKEND_HANDLE Handle, size_t* Bytes);

/* ---- names of hosts and services --------------------------------------------------------------------- */

typedef enum _BACKEND_NAME_RESULT {
    BackendNameFound,
    BackendNameUnknown,
    BackendNameInvalid,  /* flags, family or type that don't go together */
    BackendNameTooSmall, /* the name does not fit */
    BackendNameNoMemory
} BACKEND_NAME_RESULT;

/* Strings are UTF-16 and end with 0; NULL for none. Flags have Windows' AI_... numbers, types and protocols
 * the numbers that all systems have. 0 is any family, type or protocol. */
typedef struct _BACKEND_NAME_QUERY {
    const uint16_t* Node;
    const uint16_t* Service;
    uint32_t Flags;
    uint16_t Family; /* BACKEND_IPV4, BACKEND_IPV6 */
    int32_t Type;
    int32_t Protocol;
} BACKEND_NAME_QUERY;

typedef struct _BACKEND_NAME_ENTRY {
    struct _BACKEND_NAME_ENTRY* Next;
    BACKEND_ADDRESS Address;
    int32_t Type;
    int32_t Protocol;
    uint16_t CanonicalName[]; /* empty for none */
} BACKEND_NAME_ENTRY;

/* These two block for as long as the system takes. */
BACKEND_NAME_RESULT BackendFindAddresses(const BACKEND_NAME_QUERY* Query, BACKEND_NAME_ENTRY** Entries);
/* Flags have Windows' NI_... numbers. A size is in characters, with the final 0; 0: not wanted. */
BACKEND_NAME_RESULT BackendFindNames(const BACKEND_ADDRESS* Address, uint32_t Flags, uint16_t* Node,
                                     size_t NodeSize, uint16_t* Service, size_t ServiceSize);
void BackendFreeAddresses(BACKEND_NAME_ENTRY* Entries);

/* A thread that may block in the two functions above. BACKEND_NO_HANDLE when there can't be one. */
BACKEND_HANDLE BackendStartThread(void (*Routine)(void* Context), void* Context);
/* Waits for its end; once for each thread. */
void BackendJoinThread(BACKEND_HANDLE Thread);

#endif
