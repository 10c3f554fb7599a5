/* SPDX-License-Identifier: Apache-2.0
 *
 * The interface of the WSK provider to the operating system: non-blocking sockets and a thread that reports
 * when they become ready. The interface uses fixed-width types only, so that an implementation includes
 * either this system's socket headers or none, never NT's.
 *
 * No function here blocks or takes a lock of the provider; all may be called at DISPATCH_LEVEL, except
 * BackendStart, BackendStop and those about names and threads. (With Winsock, closing and dissolving wake the
 * polling thread and wait until it no longer uses the socket.) A function that can fail returns 0,
 * BACKEND_WOULD_BLOCK, BACKEND_LOST or the system's error number, which StatusFromBackend translates.
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

/* The most messages of one BackendReceiveMany. */
#define BACKEND_RECEIVES_MAX 32

/* BACKEND_CONTROL.Present. */
#define BACKEND_CONTROL_PACKET_INFO   0x1u
#define BACKEND_CONTROL_TRAFFIC_CLASS 0x2u
#define BACKEND_CONTROL_HOP_LIMIT     0x4u
#define BACKEND_CONTROL_SEGMENT_SIZE  0x8u
#define BACKEND_CONTROL_ERROR         0x10u

/* Ancillary data of a datagram. Present says which fields are valid. */
typedef struct _BACKEND_CONTROL {
    uint32_t Present;
    uint16_t Family; /* send: BACKEND_IPV4 or BACKEND_IPV6, of the datagram */
    BACKEND_ADDRESS
    Local; /* packet info. Send: the source, of Family, or none; receive: the destination. Port 0 */
    uint32_t Interface;    /* packet info: index; 0 for none */
    uint32_t TrafficClass; /* TOS or traffic class, with the bits of ECN */
    uint32_t HopLimit;
    uint32_t SegmentSize;   /* the payload is datagrams of this size, but for the last one */
    uint32_t ErrorProtocol; /* of an ICMP error: 1 ICMP, 58 ICMPv6 */
    uint32_t ErrorType;
    uint32_t ErrorCode;
    uint32_t ErrorMtu; /* 0 for none */
} BACKEND_CONTROL;

/* BACKEND_MESSAGE.Flags of a receive. */
#define BACKEND_TRUNCATED 0x1u /* the datagram was longer than the payload's room */

/* The arguments and results of one send or receive: a datagram, or a part of a stream. */
typedef struct _BACKEND_MESSAGE {
    const BACKEND_SEGMENT* Segments; /* the payload, in order */
    uint32_t Count;
    uint32_t Flags;           /* receive: set by the call */
    BACKEND_ADDRESS* Address; /* datagrams. Send: the destination; NULL: the address of BackendConnect.
                                 Receive: gets the sender */
    BACKEND_CONTROL* Control; /* datagrams, ancillary data. Send: the same for all messages of a call; NULL:
                                 none. Receive: gets what the socket's options ask for; NULL: not wanted */
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
    BackendShareAddress,       /* lets sockets of this process share an address */
    BackendMulticastInterface, /* index; 0: the system chooses. Can't be read back */
    BackendMulticastHops,
    BackendMulticastLoop, /* whether what this machine sends to a group is received. Can't be read back */
    BackendUnicastHops,
    BackendUnicastInterface, /* index; 0: the system chooses */
    BackendDontFragment,
    BackendMtuDiscover,      /* Windows' PMTUD_STATE */
    BackendMtu,              /* read only; of the path to the remote address */
    BackendReceiveBroadcast, /* can't be read back */
    /* What ancillary data a datagram socket receives, of IPv4 and of IPv6 datagrams. */
    BackendPacketInfo4,
    BackendTrafficClass4,
    BackendHopLimit4,
    BackendErrors4, /* for BackendReceiveError */
    BackendPacketInfo6,
    BackendTrafficClass6,
    BackendHopLimit6,
    BackendErrors6,
    BackendCoalesce, /* several datagrams of a sender may arrive as one */
    BackendOptionMax
} BACKEND_OPTION;

typedef enum _BACKEND_GROUP_CHANGE {
    BackendJoinGroup,
    BackendLeaveGroup,
    BackendBlockSource,
    BackendUnblockSource,
    BackendJoinSource,
    BackendLeaveSource
} BACKEND_GROUP_CHANGE;

/* Both addresses have the socket's family; their ports mean nothing. */
typedef struct _BACKEND_GROUP {
    BACKEND_ADDRESS Group;
    BACKEND_ADDRESS Source; /* for the last four changes; else Family is 0 */
    uint32_t Interface;     /* index; 0: the system chooses */
} BACKEND_GROUP;

/* Readiness flags. */
#define BACKEND_READABLE 0x1u
#define BACKEND_WRITABLE 0x2u

/* Called on whichever thread polls, never on two at once. */
typedef struct _BACKEND_EVENTS {
    void (*Ready)(void* Cookie, uint32_t Flags);
    /* At least once after each BackendWake. */
    void (*Woken)(void);
    /* No events from before this call are reported after it: what was unwatched may be freed. */
    void (*Quiescent)(void);
    /* The addresses of this machine may have changed; after BackendWatchAddresses. */
    void (*AddressesChanged)(void);
} BACKEND_EVENTS;

/* ---- the polling thread ------------------------------------------------------------------------------ */

int32_t BackendStart(const BACKEND_EVENTS* Events);
void BackendStop(void);
/* Makes the polling thread call Woken, and reach its quiescent point, soon. */
void BackendWake(void);

/* Reports edges from now on: each change from not ready to ready, once. A socket is watched at most once. */
int32_t BackendWatch(BACKEND_HANDLE Handle, void* Cookie, uint32_t Flags);
/* Changes what a watched socket reports; a flag that is already ready is reported again. */
int32_t BackendRewatch(BACKEND_HANDLE Handle, void* Cookie, uint32_t Flags);
/* Reports may still come until the next quiescent point. */
void BackendUnwatch(BACKEND_HANDLE Handle);

/* ---- sockets ----------------------------------------------------------------------------------------- */

/* IPv6 sockets start without IPv4 (V6ONLY on). */
int32_t BackendCreate(uint16_t Family, BACKEND_KIND Kind, BACKEND_HANDLE* Handle);
/* Reset ends a connected stream with RST; otherwise data that was sent is still delivered. */
void BackendClose(BACKEND_HANDLE Handle, bool Reset);
int32_t BackendBind(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Address);
/* For a stream that is to connect, and an address without a port. Where the system can choose the port at
 * connect time, and so share it between several peers, the local address has port 0 until then; BackendBind
 * with that address makes it choose at once. */
int32_t BackendBindToConnect(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Address);
int32_t BackendListen(BACKEND_HANDLE Handle);
int32_t BackendGetLocalAddress(BACKEND_HANDLE Handle, BACKEND_ADDRESS* Address);
int32_t BackendGetRemoteAddress(BACKEND_HANDLE Handle, BACKEND_ADDRESS* Address);

/* BACKEND_WOULD_BLOCK: call BackendFinishConnect at each edge until it says otherwise. On a datagram socket
 * sets the default destination and the receive filter, without blocking, and clears an error of the former
 * one. */
int32_t BackendConnect(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Address);
int32_t BackendFinishConnect(BACKEND_HANDLE Handle);
/* Undoes BackendConnect, and clears its errors. A connected stream is reset. Local, when not NULL, is the
 * bound address to keep; PortChosen: the system chose its port at the bind. On failure the socket is
 * unchanged; or, with BACKEND_LOST, another socket has taken its port, and it has neither port nor peer. */
int32_t BackendDissolve(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Local, bool PortChosen);

int32_t BackendAccept(BACKEND_HANDLE Handle, BACKEND_HANDLE* Accepted, BACKEND_ADDRESS* Remote);

/* Sends messages in order; *Sent counts those that went out, also on error. For a stream Count is 1, and
 * Moved may be less than the payload. Datagrams may be several, all to the address of the first. Ancillary
 * data that the system can't send fails with an error that translates to STATUS_NOT_SUPPORTED, before
 * anything is sent. */
int32_t BackendSend(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Messages, uint32_t Count, uint32_t* Sent);
/* Receives the next datagram, or available bytes of a stream. 0 bytes of a stream, with room for more, are
 * its end. */
int32_t BackendReceive(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Message);
/* Receives up to Count datagrams, at most BACKEND_RECEIVES_MAX. 0: *Received are there, at least one; less
 * than Count: an edge follows when there are more. Anything else: none is. */
int32_t BackendReceiveMany(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Messages, uint32_t Count,
                           uint32_t* Received);
/* For a socket with BackendErrors4 or BackendErrors6: takes the next ICMP error. Address, which must not be
 * NULL, gets the destination of the datagram that it is about; Control must not be NULL either. No payload.
 * BACKEND_WOULD_BLOCK: there is none; an edge follows. Until it is taken, an error may also make one send or
 * receive fail. */
int32_t BackendReceiveError(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Message);

/* Whether the system can send ancillary data but for SegmentSize. */
bool BackendSendsControl(void);
/* How many segments one send can have: 1 when the system has no segmentation. A send with more segments, or
 * with some that are too large for the network, fails; each must then be sent as a datagram of its own. */
uint32_t BackendSegmentsAtOnce(void);

/* Streams. */
/* Like BackendReceive, but the bytes stay to be received. */
int32_t BackendPeek(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Message);
/* True when the connection was reset, even if there is still something to receive. */
bool BackendIsBroken(BACKEND_HANDLE Handle);
/* Discards received bytes, at most Maximum. */
#define BACKEND_ALL ((size_t)-1)
int32_t BackendDiscard(BACKEND_HANDLE Handle, size_t Maximum, size_t* Moved);
int32_t BackendShutdownSend(BACKEND_HANDLE Handle);
/* After BackendShutdownSend: 0 when the peer has received everything, BACKEND_WOULD_BLOCK while it has not
 * (an edge follows), or the error that ended the connection. */
int32_t BackendFinishSend(BACKEND_HANDLE Handle);
/* True when the peer has ended its direction and nothing is left to receive. */
bool BackendIsAtEnd(BACKEND_HANDLE Handle);

/* An option the system lacks fails with an error that translates to STATUS_NOT_SUPPORTED, also one that can't
 * be read back; of those that it has, the value read means nothing. */
int32_t BackendSetOption(BACKEND_HANDLE Handle, BACKEND_OPTION Option, uint32_t Value);
int32_t BackendGetOption(BACKEND_HANDLE Handle, BACKEND_OPTION Option, uint32_t* Value);
/* A socket receives what is sent to a group only if it is a member itself. Memberships last until they are
 * ended or the socket is closed, also over BackendDissolve. */
int32_t BackendChangeGroup(BACKEND_HANDLE Handle, BACKEND_GROUP_CHANGE Change, const BACKEND_GROUP* Group);
int32_t BackendQueryReadable(BACKEND_HANDLE Handle, size_t* Bytes);

/* ---- the machine's addresses ------------------------------------------------------------------------- */

/* Those of one family, without the loopback addresses and without ports. Writes up to Room of them; *Count is
 * the number of all. May block for a short time. */
int32_t BackendListAddresses(uint16_t Family, BACKEND_ADDRESS* Addresses, uint32_t Room, uint32_t* Count);
/* From now on changes are reported. Fails with an error that translates to STATUS_NOT_SUPPORTED where the
 * system does not tell. At PASSIVE_LEVEL; may be called again. */
int32_t BackendWatchAddresses(void);

/* ---- names of hosts and services --------------------------------------------------------------------- */

typedef enum _BACKEND_NAME_RESULT {
    BackendNameFound,
    BackendNameUnknown,
    BackendNameInvalid,  /* an invalid combination of flags, family and type */
    BackendNameTooSmall, /* the name does not fit */
    BackendNameNoMemory
} BACKEND_NAME_RESULT;

/* Strings are UTF-16 and end with 0; NULL for none. Flags have Windows' AI_... numbers; types and protocols
 * have the same numbers on all systems. 0 is any family, type or protocol. */
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

/* These two may block for any time. */
BACKEND_NAME_RESULT BackendFindAddresses(const BACKEND_NAME_QUERY* Query, BACKEND_NAME_ENTRY** Entries);
/* Flags have Windows' NI_... numbers. A size is in characters, with the final 0; 0: not wanted. */
BACKEND_NAME_RESULT BackendFindNames(const BACKEND_ADDRESS* Address, uint32_t Flags, uint16_t* Node,
                                     size_t NodeSize, uint16_t* Service, size_t ServiceSize);
void BackendFreeAddresses(BACKEND_NAME_ENTRY* Entries);

/* Starts a thread that may block in the two functions above. BACKEND_NO_HANDLE on failure. */
BACKEND_HANDLE BackendStartThread(void (*Routine)(void* Context), void* Context);
/* Waits until the thread ends; must be called once for each. */
void BackendJoinThread(BACKEND_HANDLE Handle);

#endif
