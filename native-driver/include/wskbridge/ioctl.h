/* SPDX-License-Identifier: Apache-2.0
 *
 * The protocol between the driver and its callers: control codes, structures, versions and limits. Shared by
 * the driver, the shim and the tests; docs/protocol.md tells it at length.
 *
 * Everything is little-endian and of fixed width. No structure holds a pointer or a handle, so that 32-bit
 * and 64-bit callers are served alike. Each structure begins with its size in bytes: a caller sets it to the
 * size it was built with, the driver refuses a smaller one than it needs with STATUS_INFO_LENGTH_MISMATCH and
 * ignores what a larger one has more. Fields named Reserved are zero.
 *
 * One file object is one socket. A fresh handle takes GET_VERSION, NOP, STATISTICS, CREATE and ATTACH; the
 * other codes need the socket that CREATE or ATTACH gave it.
 */
#ifndef WSKBRIDGE_IOCTL_H
#define WSKBRIDGE_IOCTL_H

/* The kernel's headers have no stdint.h, but basetsd.h, which ntddk.h includes. */
#ifdef _KERNEL_MODE
typedef UINT8 uint8_t;
typedef UINT16 uint16_t;
typedef UINT32 uint32_t;
typedef UINT64 uint64_t;
#else
#include <stdint.h>
#endif

#define WSKB_DEVICE_NAME   L"\\Device\\WskBridge"
#define WSKB_SYMBOLIC_LINK L"\\DosDevices\\WskBridge"
#define WSKB_WIN32_NAME    L"\\\\.\\WskBridge"

/* ---- versions and limits ----------------------------------------------------------------------------- */

/* A driver refuses callers of another major version; minor versions only add. */
#define WSKB_MAGIC         0x424B5357u /* "WSKB" */
#define WSKB_VERSION_MAJOR 1
#define WSKB_VERSION_MINOR 0

/* Payload of one datagram: 65,535 less the 8 bytes of UDP's header (IPv6; IPv4 takes 20 more off). */
#define WSKB_MAXIMUM_DATAGRAM 65527u
/* Payload of one SEND or RECEIVE. */
#define WSKB_MAXIMUM_TRANSFER 0x01000000u
/* SEND, RECEIVE, SEND_TO, RECEIVE_FROM and ACCEPT in flight on one socket, together. Nothing else counts. */
#define WSKB_MAXIMUM_OPERATIONS 4096u
/* DISCONNECT in flight on one socket. */
#define WSKB_MAXIMUM_DISCONNECTS 64u
/* Sockets of one process, open or still closing, those waiting for ATTACH included. */
#define WSKB_MAXIMUM_SOCKETS 16384u
/* Accepted connections of one listener that wait for ATTACH, together with its ACCEPTs in flight. */
#define WSKB_MAXIMUM_UNCLAIMED 1024u
/* Payload bytes that one process has locked in operations in flight. */
#define WSKB_MAXIMUM_BYTES 0x40000000ull

/* ---- control codes ----------------------------------------------------------------------------------- */

#define WSKB_DEVICE_TYPE       0x12u /* FILE_DEVICE_NETWORK */
#define WSKB_METHOD_BUFFERED   0u
#define WSKB_METHOD_IN_DIRECT  1u
#define WSKB_METHOD_OUT_DIRECT 2u
#define WSKB_ACCESS_READ       1u /* FILE_READ_DATA */
#define WSKB_ACCESS_WRITE      2u /* FILE_WRITE_DATA */

/* Every code: name, function number, transfer method, access its handle needs. Numbers are never reused. */
#define WSKB_CONTROL_CODES(X)                                                                                \
    X(GET_VERSION, 0x800, BUFFERED, READ)                                                                    \
    X(NOP, 0x801, BUFFERED, READ)                                                                            \
    X(GET_STATISTICS, 0x802, BUFFERED, READ)                                                                 \
    X(CREATE, 0x803, BUFFERED, WRITE)                                                                        \
    X(ATTACH, 0x804, BUFFERED, WRITE)                                                                        \
    X(BIND, 0x805, BUFFERED, WRITE)                                                                          \
    X(GET_LOCAL_ADDRESS, 0x806, BUFFERED, READ)                                                              \
    X(GET_REMOTE_ADDRESS, 0x807, BUFFERED, READ)                                                             \
    X(SET_REMOTE_ADDRESS, 0x808, BUFFERED, WRITE)                                                            \
    X(SET_SENDTO_ADDRESS, 0x809, BUFFERED, WRITE)                                                            \
    X(GET_OPTION, 0x80A, BUFFERED, READ)                                                                     \
    X(SET_OPTION, 0x80B, BUFFERED, WRITE)                                                                    \
    X(SEND_TO, 0x80C, IN_DIRECT, WRITE)                                                                      \
    X(RECEIVE_FROM, 0x80D, OUT_DIRECT, READ)                                                                 \
    X(CONNECT, 0x80E, BUFFERED, WRITE)                                                                       \
    X(SEND, 0x80F, IN_DIRECT, WRITE)                                                                         \
    X(RECEIVE, 0x810, OUT_DIRECT, READ)                                                                      \
    X(DISCONNECT, 0x811, BUFFERED, WRITE)                                                                    \
    X(ACCEPT, 0x812, BUFFERED, READ)

/* CTL_CODE of winioctl.h, as an enumeration so that no Windows header is needed. */
#define WSKB_CTL_CODE(function, method, access)                                                              \
    ((WSKB_DEVICE_TYPE << 16) | ((access) << 14) | ((uint32_t)(function) << 2) | (method))

enum {
#define WSKB_DEFINE_CODE(name, function, method, access)                                                     \
    IOCTL_WSKB_##name = WSKB_CTL_CODE(function, WSKB_METHOD_##method, WSKB_ACCESS_##access),
    WSKB_CONTROL_CODES(WSKB_DEFINE_CODE)
#undef WSKB_DEFINE_CODE
};

/* ---- values ------------------------------------------------------------------------------------------ */

/* Socket categories, as WSK numbers them (WSK_FLAG_..._SOCKET). */
#define WSKB_CATEGORY_LISTEN     1u
#define WSKB_CATEGORY_CONNECTION 2u
#define WSKB_CATEGORY_DATAGRAM   4u

/* Address families, as Windows numbers them. */
#define WSKB_AF_UNSPEC 0u
#define WSKB_AF_INET   2u
#define WSKB_AF_INET6  23u

#define WSKB_IPPROTO_TCP 6u
#define WSKB_IPPROTO_UDP 17u

/* Features bits of WSKB_VERSION. */
#define WSKB_FEATURE_DATAGRAM   0x1ull
#define WSKB_FEATURE_CONNECTION 0x2ull
#define WSKB_FEATURE_LISTEN     0x4ull
#define WSKB_FEATURES           (WSKB_FEATURE_DATAGRAM | WSKB_FEATURE_CONNECTION | WSKB_FEATURE_LISTEN)

/* Flags of SEND, RECEIVE and DISCONNECT; each code has a space of its own. */
#define WSKB_SEND_NODELAY        0x1u
#define WSKB_SEND_AFTER_REFUSAL  0x2u /* the first one after one that was refused for a limit */
#define WSKB_RECEIVE_WAITALL     0x1u
#define WSKB_DISCONNECT_ABORTIVE 0x1u

/* The most that WSKB_OPTION_LINGER takes: a peer that never reads holds a socket no longer than that. */
#define WSKB_MAXIMUM_LINGER_SECONDS 3600

/* Flags of a received datagram. */
#define WSKB_DATAGRAM_TRUNCATED         0x1u /* it was longer; the rest is lost */
#define WSKB_DATAGRAM_CONTROL_TRUNCATED 0x2u
#define WSKB_DATAGRAM_BROADCAST         0x4u
#define WSKB_DATAGRAM_MULTICAST         0x8u

/* Options. Every value is an unsigned 32-bit number; booleans are 0 and 1. */
enum {
    WSKB_OPTION_RECEIVE_BUFFER = 1,        /* SO_RCVBUF, bytes */
    WSKB_OPTION_REUSE_ADDRESS = 2,         /* SO_REUSEADDR, before BIND */
    WSKB_OPTION_EXCLUSIVE_ADDRESS_USE = 3, /* SO_EXCLUSIVEADDRUSE, before BIND */
    WSKB_OPTION_BROADCAST = 4,             /* SO_BROADCAST; datagram */
    WSKB_OPTION_KEEP_ALIVE = 5, /* SO_KEEPALIVE; listen (accepted sockets inherit it), connection */
    WSKB_OPTION_NO_DELAY = 6, /* every SEND has WSKB_SEND_NODELAY; connection (accepted ones start without) */
    WSKB_OPTION_IPV6_ONLY = 7, /* IPV6_V6ONLY, on by default; IPv6, before BIND */
    /* Seconds for which a connection may outlive its handle until everything is delivered; 0, as at first: it
     * is reset when its handle is closed. Connection (accepted ones start with 0). */
    WSKB_OPTION_LINGER = 8
};

/* ---- structures -------------------------------------------------------------------------------------- */

/* SOCKADDR_INET as Windows lays it out: Family picks the view. Ports and addresses are in network byte order.
 */
typedef struct _WSKB_SOCKADDR {
    uint16_t Family;
    uint16_t Port;
    union {
        struct {
            uint8_t Address[4];
            uint8_t Reserved[20];
        } V4;
        struct {
            uint32_t FlowInfo;
            uint8_t Address[16];
            uint32_t ScopeId;
        } V6;
    };
} WSKB_SOCKADDR;

/* GET_VERSION, in. Sent first; the driver answers every caller of its major version. */
typedef struct _WSKB_VERSION_REQUEST {
    uint32_t Size;
    uint32_t Magic;
    uint16_t Major;
    uint16_t Minor;
} WSKB_VERSION_REQUEST;

/* GET_VERSION, out. */
typedef struct _WSKB_VERSION {
    uint32_t Size;
    uint32_t Magic;
    uint16_t Major;
    uint16_t Minor;
    uint16_t FrameworkMajor; /* KMDF the driver is bound to */
    uint16_t FrameworkMinor;
    uint16_t
        ProviderHighest; /* WSK versions the provider offers, major << 8 | minor; 0 while it is not there */
    uint16_t ProviderLowest;
    uint32_t MaximumDatagram;
    uint64_t Features;
    uint32_t MaximumTransfer;
    uint32_t MaximumOperations;
    uint32_t MaximumSockets;
    uint32_t MaximumUnclaimed;
    uint64_t MaximumBytes;
} WSKB_VERSION;

/* GET_STATISTICS, out. Totals since the driver was loaded, and what is open now. */
typedef struct _WSKB_STATISTICS {
    uint32_t Size;
    uint32_t Reserved;
    uint64_t ControlRequests;   /* IOCTLs that reached the driver */
    uint64_t CompletedRequests; /* IOCTLs it completed */
    uint64_t StartedIrps;       /* IRPs handed to WSK */
    uint64_t CompletedIrps;     /* IRPs that WSK completed */
    uint64_t CancelledRequests; /* IOCTLs completed with STATUS_CANCELLED */
    uint64_t SentDatagrams;
    uint64_t ReceivedDatagrams;
    uint64_t SentBytes;
    uint64_t ReceivedBytes;
    uint64_t AcceptedConnections;
    uint32_t OpenSockets;      /* WSK sockets not yet closed */
    uint32_t UnclaimedSockets; /* of these, accepted and waiting for ATTACH */
    uint32_t OperationsInFlight;
    uint32_t LingeringSockets; /* of OpenSockets, connections that outlive their handle */
} WSKB_STATISTICS;

/* CREATE, in. */
typedef struct _WSKB_CREATE {
    uint32_t Size;
    uint16_t Category; /* WSKB_CATEGORY_... */
    uint16_t Family;   /* WSKB_AF_INET or WSKB_AF_INET6 */
    uint32_t Protocol; /* WSKB_IPPROTO_UDP for datagram sockets, WSKB_IPPROTO_TCP for the others */
} WSKB_CREATE;

/* BIND, CONNECT, SET_REMOTE_ADDRESS, SET_SENDTO_ADDRESS in; GET_LOCAL_ADDRESS, GET_REMOTE_ADDRESS out.
 * Family WSKB_AF_UNSPEC clears the address that the two SET codes fix. */
typedef struct _WSKB_ADDRESS {
    uint32_t Size;
    WSKB_SOCKADDR Address;
} WSKB_ADDRESS;

/* GET_OPTION in and out, SET_OPTION in. */
typedef struct _WSKB_OPTION {
    uint32_t Size;
    uint32_t Option; /* WSKB_OPTION_... */
    uint32_t Value;
} WSKB_OPTION;

/* SEND_TO, in; the payload is the output buffer. Family WSKB_AF_UNSPEC sends to the fixed address. */
typedef struct _WSKB_SEND_TO {
    uint32_t Size;
    uint32_t Flags; /* 0 */
    WSKB_SOCKADDR RemoteAddress;
} WSKB_SEND_TO;

/* SEND, RECEIVE, RECEIVE_FROM, DISCONNECT, ACCEPT, in. */
typedef struct _WSKB_TRANSFER {
    uint32_t Size;
    uint32_t Flags; /* of the code; 0 for RECEIVE_FROM and ACCEPT */
} WSKB_TRANSFER;

/* RECEIVE_FROM, out: stands before the payload. Truncation is STATUS_BUFFER_OVERFLOW with the bytes that fit.
 */
typedef struct _WSKB_DATAGRAM {
    uint32_t Size;
    uint32_t Flags;  /* WSKB_DATAGRAM_... */
    uint32_t Length; /* bytes of payload that follow */
    uint32_t Reserved;
    WSKB_SOCKADDR RemoteAddress;
    uint32_t Reserved2[5];
} WSKB_DATAGRAM;

/* ACCEPT, out. The token goes into ATTACH on a fresh handle of the same process. */
typedef struct _WSKB_ACCEPTED {
    uint32_t Size;
    uint32_t Reserved;
    uint64_t Token;
    WSKB_SOCKADDR LocalAddress;
    WSKB_SOCKADDR RemoteAddress;
} WSKB_ACCEPTED;

/* ATTACH, in. */
typedef struct _WSKB_ATTACH {
    uint32_t Size;
    uint32_t Reserved;
    uint64_t Token;
} WSKB_ATTACH;

/* Every structure of the protocol and its size: asserted here, and read out of the library by the Java tests.
 */
#define WSKB_STRUCTURES(X)                                                                                   \
    X(WSKB_SOCKADDR, 28)                                                                                     \
    X(WSKB_VERSION_REQUEST, 12)                                                                              \
    X(WSKB_VERSION, 56)                                                                                      \
    X(WSKB_STATISTICS, 104)                                                                                  \
    X(WSKB_CREATE, 12)                                                                                       \
    X(WSKB_ADDRESS, 32)                                                                                      \
    X(WSKB_OPTION, 12)                                                                                       \
    X(WSKB_SEND_TO, 36)                                                                                      \
    X(WSKB_TRANSFER, 8)                                                                                      \
    X(WSKB_DATAGRAM, 64)                                                                                     \
    X(WSKB_ACCEPTED, 72)                                                                                     \
    X(WSKB_ATTACH, 16)

#ifdef __cplusplus
#define WSKB_ASSERT_SIZE(type, size) static_assert(sizeof(type) == (size), #type);
#else
#define WSKB_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type);
#endif
WSKB_STRUCTURES(WSKB_ASSERT_SIZE)
#undef WSKB_ASSERT_SIZE

#endif
