/* SPDX-License-Identifier: Apache-2.0
 *
 * The protocol between the driver and its callers: control codes, structures, versions and limits. Shared by
 * the driver, the shim and the tests; docs/protocol.md describes it in full.
 *
 * Everything is little-endian and of fixed width. No structure holds a pointer or a handle, so that 32-bit
 * and 64-bit callers are served alike. Each structure begins with its size in bytes: the caller sets it to
 * the size it was built with. If it is smaller than the driver needs, the request fails with
 * STATUS_INFO_LENGTH_MISMATCH; if it is larger, the driver ignores the rest. Fields named Reserved are zero.
 *
 * The input of every request that may wait begins with Size, Flags and Timeout. Timeout is the number of
 * milliseconds, from the time when the driver gets the request, after which it ends with STATUS_IO_TIMEOUT;
 * 0: it has no deadline.
 *
 * One file object is one socket. A new handle accepts GET_VERSION, NOP, GET_STATISTICS, CREATE and ATTACH;
 * the other codes need the socket that CREATE or ATTACH gives it.
 */
#ifndef WSKBRIDGE_IOCTL_H
#define WSKBRIDGE_IOCTL_H

/* The kernel's headers have no stdint.h, but ntddk.h includes basetsd.h. */
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

/* ---- lists -------------------------------------------------------------------------------------------- *
 *
 * Every number of the protocol is a row in one list. Constants, tables, tests and the output of
 * wskshim_layout are generated from the lists. Numbers are never reused. */

/* Defines the constant of a row that has a name and a value and nothing else. */
#define WSKB_DEFINE(name, value) name = (value),

/* All bits of a list of flags. */
#define WSKB_ALL(list)           (0u list(WSKB_OR_ROW))
#define WSKB_OR_ROW(name, value) | (value)

/* Number of rows of a list. */
#define WSKB_COUNT(list)          (0u list(WSKB_COUNT_ROW))
#define WSKB_COUNT_ROW(name, ...) +1

/* Constants are unsigned in C++, as fields are; C gives them type int. */
#ifdef __cplusplus
#define WSKB_UNSIGNED : uint32_t
#else
#define WSKB_UNSIGNED
#endif

/* ---- versions and limits ----------------------------------------------------------------------------- */

#define WSKB_VERSIONS(X)                                                                                     \
    X(WSKB_MAGIC, 0x424B5357) /* "WSKB" */                                                                   \
    /* The driver refuses callers of another major version; minor versions only add features. */             \
    X(WSKB_VERSION_MAJOR, 2)                                                                                 \
    X(WSKB_VERSION_MINOR, 0)

#define WSKB_LIMITS(X)                                                                                       \
    /* Payload of one datagram: 65,535 less the 8 bytes of UDP's header (IPv6; IPv4 takes 20 more off). */   \
    X(WSKB_MAXIMUM_DATAGRAM, 65527)                                                                          \
    /* Datagrams of one SEND_MESSAGES. */                                                                    \
    X(WSKB_MAXIMUM_MESSAGES, 1024)                                                                           \
    /* Payload of one CONNECT. */                                                                            \
    X(WSKB_MAXIMUM_FIRST_DATA, 65535)                                                                        \
    /* Payload of one SEND, RECEIVE or SEND_MESSAGES. */                                                     \
    X(WSKB_MAXIMUM_TRANSFER, 0x01000000)                                                                     \
    /* SEND, RECEIVE, SEND_TO, RECEIVE_FROM and ACCEPT in flight on one socket, together. Nothing else       \
     * counts. */                                                                                            \
    X(WSKB_MAXIMUM_OPERATIONS, 4096)                                                                         \
    /* DISCONNECT in flight on one socket. */                                                                \
    X(WSKB_MAXIMUM_DISCONNECTS, 64)                                                                          \
    /* Sockets of one process, open or still closing, those waiting for ATTACH included. */                  \
    X(WSKB_MAXIMUM_SOCKETS, 16384)                                                                           \
    /* Accepted connections of one listener that wait for ATTACH, together with its ACCEPTs in flight. */    \
    X(WSKB_MAXIMUM_UNCLAIMED, 1024)                                                                          \
    /* Payload bytes that one process has locked in operations in flight. */                                 \
    X(WSKB_MAXIMUM_BYTES, 0x40000000)                                                                        \
    /* The largest WSKB_OPTION_LINGER, which limits how long a peer that never reads keeps a socket. */      \
    X(WSKB_MAXIMUM_LINGER_SECONDS, 3600)                                                                     \
    /* Bytes of a receive ring. */                                                                           \
    X(WSKB_MINIMUM_RING, 0x20000)                                                                            \
    X(WSKB_MAXIMUM_RING, 0x04000000)                                                                         \
    /* The least output of RECEIVE_MESSAGES, which has room for any datagram. */                             \
    X(WSKB_MINIMUM_BATCH, 0x10080)                                                                           \
    /* AWAIT_READABLE and AWAIT_DISCONNECTED of one connection that wait. */                                 \
    X(WSKB_MAXIMUM_WAITS, 64)

/* ---- control codes ----------------------------------------------------------------------------------- */

#define WSKB_DEVICE_TYPE       0x12u /* FILE_DEVICE_NETWORK */
#define WSKB_METHOD_BUFFERED   0u
#define WSKB_METHOD_IN_DIRECT  1u
#define WSKB_METHOD_OUT_DIRECT 2u
#define WSKB_ACCESS_READ       1u /* FILE_READ_DATA */
#define WSKB_ACCESS_WRITE      2u /* FILE_WRITE_DATA */
#define WSKB_FIRST_FUNCTION    0x800u

/* Every code: name, function number, transfer method, required access, input structure, output structure. A
 * direct code also has a payload, which follows the output structure. */
#define WSKB_CONTROL_CODES(X)                                                                                \
    X(GET_VERSION, 0x800, BUFFERED, READ, WSKB_VERSION_REQUEST, WSKB_VERSION)                                \
    X(NOP, 0x801, BUFFERED, READ, WSKB_NOTHING, WSKB_NOTHING)                                                \
    X(GET_STATISTICS, 0x802, BUFFERED, READ, WSKB_NOTHING, WSKB_STATISTICS)                                  \
    X(CREATE, 0x803, BUFFERED, WRITE, WSKB_CREATE, WSKB_NOTHING)                                             \
    X(ATTACH, 0x804, BUFFERED, WRITE, WSKB_ATTACH, WSKB_NOTHING)                                             \
    X(BIND, 0x805, BUFFERED, WRITE, WSKB_ADDRESS, WSKB_NOTHING)                                              \
    X(GET_LOCAL_ADDRESS, 0x806, BUFFERED, READ, WSKB_NOTHING, WSKB_ADDRESS)                                  \
    X(GET_REMOTE_ADDRESS, 0x807, BUFFERED, READ, WSKB_NOTHING, WSKB_ADDRESS)                                 \
    X(SET_REMOTE_ADDRESS, 0x808, BUFFERED, WRITE, WSKB_ADDRESS, WSKB_NOTHING)                                \
    X(SET_SENDTO_ADDRESS, 0x809, BUFFERED, WRITE, WSKB_ADDRESS, WSKB_NOTHING)                                \
    X(GET_OPTION, 0x80A, BUFFERED, READ, WSKB_OPTION, WSKB_OPTION)                                           \
    X(SET_OPTION, 0x80B, BUFFERED, WRITE, WSKB_OPTION, WSKB_NOTHING)                                         \
    X(SEND_TO, 0x80C, IN_DIRECT, WRITE, WSKB_SEND_TO, WSKB_NOTHING)                                          \
    X(RECEIVE_FROM, 0x80D, OUT_DIRECT, READ, WSKB_TRANSFER, WSKB_DATAGRAM)                                   \
    X(CONNECT, 0x80E, IN_DIRECT, WRITE, WSKB_CONNECT, WSKB_NOTHING)                                          \
    X(SEND, 0x80F, IN_DIRECT, WRITE, WSKB_TRANSFER, WSKB_NOTHING)                                            \
    X(RECEIVE, 0x810, OUT_DIRECT, READ, WSKB_TRANSFER, WSKB_NOTHING)                                         \
    X(DISCONNECT, 0x811, IN_DIRECT, WRITE, WSKB_TRANSFER, WSKB_NOTHING)                                      \
    X(ACCEPT, 0x812, BUFFERED, READ, WSKB_TRANSFER, WSKB_ACCEPTED)                                           \
    X(SEND_MESSAGES, 0x813, IN_DIRECT, WRITE, WSKB_SEND_MESSAGES, WSKB_NOTHING)                              \
    X(RECEIVE_MESSAGES, 0x814, OUT_DIRECT, READ, WSKB_TRANSFER, WSKB_MESSAGES)                               \
    X(SET_RECEIVE_RING, 0x815, BUFFERED, WRITE, WSKB_RING_PARAMETERS, WSKB_NOTHING)                          \
    X(GET_RECEIVE_RING, 0x816, BUFFERED, READ, WSKB_NOTHING, WSKB_RING_STATE)                                \
    X(GET_TRANSPORTS, 0x81A, BUFFERED, READ, WSKB_NOTHING, WSKB_LIST)                                        \
    X(GET_ADDRESSES, 0x81B, BUFFERED, READ, WSKB_NOTHING, WSKB_LIST)                                         \
    X(AWAIT_ADDRESSES, 0x81C, BUFFERED, READ, WSKB_TRANSFER, WSKB_NOTHING)                                   \
    X(AWAIT_READABLE, 0x824, BUFFERED, READ, WSKB_NOTHING, WSKB_NOTHING)                                     \
    X(AWAIT_DISCONNECTED, 0x825, BUFFERED, READ, WSKB_NOTHING, WSKB_NOTHING)

/* CTL_CODE of winioctl.h, as an enumeration so that no Windows header is needed. */
#define WSKB_CTL_CODE(function, method, access)                                                              \
    ((WSKB_DEVICE_TYPE << 16) | ((access) << 14) | ((uint32_t)(function) << 2) | (method))

enum WSKB_UNSIGNED {
#define WSKB_DEFINE_CODE(name, function, method, access, in, out)                                            \
    IOCTL_WSKB_##name = WSKB_CTL_CODE(function, WSKB_METHOD_##method, WSKB_ACCESS_##access),
    WSKB_CONTROL_CODES(WSKB_DEFINE_CODE)
#undef WSKB_DEFINE_CODE
};

/* ---- values ------------------------------------------------------------------------------------------ */

/* Socket categories, as WSK numbers them (WSK_FLAG_..._SOCKET). */
#define WSKB_CATEGORIES(X)                                                                                   \
    X(WSKB_CATEGORY_LISTEN, 1)                                                                               \
    X(WSKB_CATEGORY_CONNECTION, 2)                                                                           \
    X(WSKB_CATEGORY_DATAGRAM, 4)

/* Address families, as Windows numbers them. */
#define WSKB_FAMILIES(X)                                                                                     \
    X(WSKB_AF_UNSPEC, 0)                                                                                     \
    X(WSKB_AF_INET, 2)                                                                                       \
    X(WSKB_AF_INET6, 23)

#define WSKB_PROTOCOLS(X)                                                                                    \
    X(WSKB_IPPROTO_ICMP, 1)                                                                                  \
    X(WSKB_IPPROTO_TCP, 6)                                                                                   \
    X(WSKB_IPPROTO_UDP, 17)                                                                                  \
    X(WSKB_IPPROTO_ICMPV6, 58)

/* Features of WSKB_VERSION. */
#define WSKB_FEATURE_BITS(X)                                                                                 \
    X(WSKB_FEATURE_DATAGRAM, 0x1)                                                                            \
    X(WSKB_FEATURE_CONNECTION, 0x2)                                                                          \
    X(WSKB_FEATURE_LISTEN, 0x4)                                                                              \
    X(WSKB_FEATURE_SEND_MESSAGES, 0x8)                                                                       \
    X(WSKB_FEATURE_RECEIVE_MESSAGES, 0x10)                                                                   \
    /* Control information. The driver asks WSK for these; without one, what needs it is                     \
     * STATUS_NOT_SUPPORTED. */                                                                              \
    X(WSKB_FEATURE_SEND_TRAFFIC_CLASS, 0x20) /* of single datagrams */                                       \
    X(WSKB_FEATURE_SEND_SEGMENTS, 0x40)                                                                      \
    X(WSKB_FEATURE_RECEIVE_COALESCED, 0x80)                                                                  \
    X(WSKB_FEATURE_DEADLINES, 0x800)                                                                         \
    X(WSKB_FEATURE_CONNECT_DATA, 0x1000)                                                                     \
    X(WSKB_FEATURE_WAITS, 0x8000)

#define WSKB_FEATURES ((uint64_t)WSKB_ALL(WSKB_FEATURE_BITS))

/* Flags of WSKB_TRANSFER, for SEND, RECEIVE and DISCONNECT; each code has a space of its own. */
#define WSKB_SEND_FLAGS(X)                                                                                   \
    X(WSKB_SEND_NODELAY, 0x1)                                                                                \
    X(WSKB_SEND_AFTER_REFUSAL, 0x2) /* the first one after a SEND was refused for a limit */

#define WSKB_RECEIVE_FLAGS(X)                                                                                \
    X(WSKB_RECEIVE_WAITALL, 0x1)                                                                             \
    X(WSKB_RECEIVE_DRAIN, 0x2) /* discard everything until the stream ends; without payload */

#define WSKB_DISCONNECT_FLAGS(X)                                                                             \
    X(WSKB_DISCONNECT_ABORTIVE, 0x1)      /* without payload */                                              \
    X(WSKB_DISCONNECT_AFTER_REFUSAL, 0x2) /* of last data: as WSKB_SEND_AFTER_REFUSAL */

/* Flags of WSKB_RING_PARAMETERS. */
#define WSKB_RING_FLAGS(X)                                                                                   \
    /* A full ring leaves what comes with WSK, which keeps it if it can, instead of dropping it. Only an     \
     * empty ring drops: what WSK hands over at once and the whole ring has no room for. */                  \
    X(WSKB_RING_HOLDS_BACK, 0x1)

/* Flags of SEND_TO and SEND_MESSAGES. */
#define WSKB_SEND_TO_FLAGS(X) X(WSKB_SEND_TO_CONTROL, 0x1) /* a WSKB_CONTROL_INFO follows the structure */

/* Flags of RECEIVE_FROM. */
#define WSKB_RECEIVE_FROM_FLAGS(X)                                                                           \
    X(WSKB_RECEIVE_FROM_CONTROL, 0x1) /* a WSKB_CONTROL_INFO is to follow the WSKB_DATAGRAM */

/* Flags of a received datagram, in WSKB_DATAGRAM. */
#define WSKB_DATAGRAM_FLAGS(X)                                                                               \
    X(WSKB_DATAGRAM_TRUNCATED, 0x1) /* it was longer; the rest is lost */                                    \
    X(WSKB_DATAGRAM_CONTROL_TRUNCATED, 0x2)                                                                  \
    X(WSKB_DATAGRAM_BROADCAST, 0x4)                                                                          \
    X(WSKB_DATAGRAM_MULTICAST, 0x8)                                                                          \
    X(WSKB_DATAGRAM_ERROR, 0x10) /* an ICMP error about a datagram that was sent to RemoteAddress */

/* Which fields of a WSKB_CONTROL_INFO are valid. */
#define WSKB_CONTROL_BITS(X)                                                                                 \
    X(WSKB_CONTROL_PACKET_INFO, 0x1) /* LocalAddress, Interface */                                           \
    X(WSKB_CONTROL_TRAFFIC_CLASS, 0x2)                                                                       \
    X(WSKB_CONTROL_ECN, 0x4)                                                                                 \
    X(WSKB_CONTROL_HOP_LIMIT, 0x8)                                                                           \
    X(WSKB_CONTROL_SEGMENT_SIZE, 0x10)                                                                       \
    X(WSKB_CONTROL_ERROR, 0x20) /* received only: Protocol, Type, Code, Mtu */

/* Options: name, number, type of the value. Booleans are numbers, 0 and 1. */
#define WSKB_OPTIONS(X)                                                                                      \
    X(WSKB_OPTION_RECEIVE_BUFFER, 1, uint32_t)        /* SO_RCVBUF, bytes */                                 \
    X(WSKB_OPTION_REUSE_ADDRESS, 2, uint32_t)         /* SO_REUSEADDR, before BIND */                        \
    X(WSKB_OPTION_EXCLUSIVE_ADDRESS_USE, 3, uint32_t) /* SO_EXCLUSIVEADDRUSE, before BIND */                 \
    X(WSKB_OPTION_BROADCAST, 4, uint32_t)             /* SO_BROADCAST; datagram */                           \
    /* SO_KEEPALIVE; listen (accepted sockets inherit it), connection */                                     \
    X(WSKB_OPTION_KEEP_ALIVE, 5, uint32_t)                                                                   \
    /* Every SEND has WSKB_SEND_NODELAY; connection (accepted ones start without). */                        \
    X(WSKB_OPTION_NO_DELAY, 6, uint32_t)                                                                     \
    X(WSKB_OPTION_IPV6_ONLY, 7, uint32_t) /* IPV6_V6ONLY, on by default; IPv6, before BIND */                \
    /* Seconds for which a connection may outlive its handle until everything is delivered; 0, as at         \
     * first: it is reset when its handle is closed. Connection (accepted ones start with 0). */             \
    X(WSKB_OPTION_LINGER, 8, uint32_t)                                                                       \
    /* Membership of groups; datagram. Set only. A group is joined for any source, of which some may be      \
     * blocked, or for single sources. */                                                                    \
    X(WSKB_OPTION_JOIN_GROUP, 9, WSKB_GROUP)                                                                 \
    X(WSKB_OPTION_LEAVE_GROUP, 10, WSKB_GROUP)                                                               \
    X(WSKB_OPTION_BLOCK_SOURCE, 11, WSKB_GROUP)                                                              \
    X(WSKB_OPTION_UNBLOCK_SOURCE, 12, WSKB_GROUP)                                                            \
    X(WSKB_OPTION_JOIN_SOURCE_GROUP, 13, WSKB_GROUP)                                                         \
    X(WSKB_OPTION_LEAVE_SOURCE_GROUP, 14, WSKB_GROUP)                                                        \
    /* Index of the interface that sends to groups; 0: the system chooses; datagram. */                      \
    X(WSKB_OPTION_MULTICAST_INTERFACE, 15, uint32_t)                                                         \
    X(WSKB_OPTION_MULTICAST_HOPS, 16, uint32_t) /* of what is sent to groups, 0 to 255; datagram */          \
    /* Whether this socket receives what this machine sends to its groups; on at first; datagram. */         \
    X(WSKB_OPTION_MULTICAST_LOOP, 17, uint32_t)                                                              \
    X(WSKB_OPTION_UNICAST_HOPS, 18, uint32_t) /* of what is sent to one host, 1 to 255; all but listen */    \
    /* Index of the interface that sends to one host; 0: the system chooses; all but listen. */              \
    X(WSKB_OPTION_UNICAST_INTERFACE, 19, uint32_t)                                                           \
    X(WSKB_OPTION_DONT_FRAGMENT, 20, uint32_t) /* datagrams are not fragmented on their way; datagram */     \
    /* How the path's MTU is found, as Windows numbers it: 0 the system decides, 1 do, 2 don't, 3 probe;     \
     * datagram. */                                                                                          \
    X(WSKB_OPTION_MTU_DISCOVER, 21, uint32_t)                                                                \
    X(WSKB_OPTION_MTU, 22,                                                                                   \
      uint32_t) /* of the path, bytes; get only; with a remote address; all but listen */                    \
    X(WSKB_OPTION_RECEIVE_BROADCAST, 23, uint32_t) /* on at first; datagram, IPv4 */                         \
    /* Keep-alive: seconds until the first probe, seconds between probes, probes; connection. */             \
    X(WSKB_OPTION_KEEP_IDLE, 24, uint32_t)                                                                   \
    X(WSKB_OPTION_KEEP_INTERVAL, 25, uint32_t)                                                               \
    X(WSKB_OPTION_KEEP_COUNT, 26, uint32_t)                                                                  \
    /* The most payload bytes that the sends in flight of a socket have together; one send may have more if  \
     * it is alone. Not an option of WSK; all but listen; 1 GiB at first. */                                 \
    X(WSKB_OPTION_SEND_BUFFER, 27, uint32_t)                                                                 \
    /* What RECEIVE_FROM gets with WSKB_RECEIVE_FROM_CONTROL; datagram. On a dual-stack socket they are for  \
     * IPv6; those with _V4 are for the IPv4 datagrams of such a socket, so they need IPV6_ONLY 0. */        \
    X(WSKB_OPTION_RECEIVE_PACKET_INFO, 45, uint32_t)                                                         \
    X(WSKB_OPTION_RECEIVE_TRAFFIC_CLASS, 46, uint32_t)                                                       \
    X(WSKB_OPTION_RECEIVE_ECN, 47, uint32_t)                                                                 \
    X(WSKB_OPTION_RECEIVE_HOP_LIMIT, 48, uint32_t)                                                           \
    X(WSKB_OPTION_RECEIVE_ERRORS, 49, uint32_t) /* before BIND */                                            \
    X(WSKB_OPTION_RECEIVE_PACKET_INFO_V4, 50, uint32_t)                                                      \
    X(WSKB_OPTION_RECEIVE_TRAFFIC_CLASS_V4, 51, uint32_t)                                                    \
    X(WSKB_OPTION_RECEIVE_ECN_V4, 52, uint32_t)                                                              \
    X(WSKB_OPTION_RECEIVE_HOP_LIMIT_V4, 53, uint32_t)                                                        \
    X(WSKB_OPTION_RECEIVE_ERRORS_V4, 54, uint32_t) /* before BIND */                                         \
    /* Up to so many bytes of datagrams of one sender arrive as one; 0, as at first: none do. Datagram,      \
     * before BIND. */                                                                                       \
    X(WSKB_OPTION_RECEIVE_COALESCED, 55, uint32_t)                                                           \
    X(WSKB_OPTION_RECEIVE_BACKLOG, 60,                                                                       \
      uint32_t) /* bytes that can be received at once; get only; connection */

/* What not every Windows has: name, number, the version that has it at the earliest (major, minor, build),
 * and that version's name. On an older one the driver refuses it with STATUS_NOT_SUPPORTED and WSKB_VERSION
 * lacks its feature, if it has one. */
#define WSKB_GATES(X)                                                                                        \
    X(WSKB_GATE_SEND_MESSAGES, 1, 6, 2, 9200, "Windows 8")                                                   \
    X(WSKB_GATE_KEEP_COUNT, 2, 10, 0, 15063, "Windows 10, version 1703")                                     \
    X(WSKB_GATE_KEEP_TIMES, 3, 10, 0, 16299, "Windows 10, version 1709")                                     \
    X(WSKB_GATE_CONNECT_DATA, 10, 10, 0, 15063, "Windows 10, version 1703")

enum WSKB_UNSIGNED {
    WSKB_GATE_NONE = 0,
#define WSKB_DEFINE_GATE(name, number, major, minor, build, product) name = (number),
    WSKB_GATES(WSKB_DEFINE_GATE)
#undef WSKB_DEFINE_GATE
};

/* Every constant but codes and options. */
#define WSKB_CONSTANTS(X)                                                                                    \
    WSKB_VERSIONS(X)                                                                                         \
    WSKB_LIMITS(X)                                                                                           \
    WSKB_CATEGORIES(X)                                                                                       \
    WSKB_FAMILIES(X)                                                                                         \
    WSKB_PROTOCOLS(X)                                                                                        \
    WSKB_FEATURE_BITS(X)                                                                                     \
    WSKB_SEND_FLAGS(X)                                                                                       \
    WSKB_RECEIVE_FLAGS(X)                                                                                    \
    WSKB_DISCONNECT_FLAGS(X)                                                                                 \
    WSKB_RING_FLAGS(X)                                                                                       \
    WSKB_SEND_TO_FLAGS(X)                                                                                    \
    WSKB_RECEIVE_FROM_FLAGS(X)                                                                               \
    WSKB_DATAGRAM_FLAGS(X)                                                                                   \
    WSKB_CONTROL_BITS(X)

enum WSKB_UNSIGNED { WSKB_CONSTANTS(WSKB_DEFINE) };

/* ---- structures -------------------------------------------------------------------------------------- *
 *
 * Each structure has a list of its fields. A missing field, or padding, does not compile: the sizes of the
 * fields must add up to that of the structure. */

/* Stands for no structure. */
typedef uint8_t WSKB_NOTHING;

/* SOCKADDR_INET with Windows' layout: Family selects the view. Ports and addresses are in network byte
 * order. */
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

/* The two views of an address, each of which fills the structure. */
#define WSKB_SOCKADDR_FIELDS(F, T)    F(T, Family) F(T, Port) F(T, V6.FlowInfo) F(T, V6.Address) F(T, V6.ScopeId)
#define WSKB_SOCKADDR_V4_FIELDS(F, T) F(T, V4.Address) F(T, V4.Reserved)

/* GET_VERSION, in. Sent first; the driver answers every caller of its major version. */
typedef struct _WSKB_VERSION_REQUEST {
    uint32_t Size;
    uint32_t Magic;
    uint16_t Major;
    uint16_t Minor;
} WSKB_VERSION_REQUEST;

#define WSKB_VERSION_REQUEST_FIELDS(F, T) F(T, Size) F(T, Magic) F(T, Major) F(T, Minor)

/* GET_VERSION, out. */
typedef struct _WSKB_VERSION {
    uint32_t Size;
    uint32_t Magic;
    uint16_t Major;
    uint16_t Minor;
    uint16_t FrameworkMajor; /* the KMDF version that the driver is bound to */
    uint16_t FrameworkMinor;
    uint16_t ProviderHighest; /* WSK versions, major << 8 | minor; 0 while there is no provider */
    uint16_t ProviderLowest;
    uint32_t MaximumDatagram;
    uint64_t Features;
    uint32_t MaximumTransfer;
    uint32_t MaximumOperations;
    uint32_t MaximumSockets;
    uint32_t MaximumUnclaimed;
    uint64_t MaximumBytes;
    uint16_t SystemMajor; /* the version of Windows, which WSKB_GATES are compared with */
    uint16_t SystemMinor;
    uint32_t SystemBuild;
} WSKB_VERSION;

#define WSKB_VERSION_FIELDS(F, T)                                                                            \
    F(T, Size)                                                                                               \
    F(T, Magic)                                                                                              \
    F(T, Major)                                                                                              \
    F(T, Minor)                                                                                              \
    F(T, FrameworkMajor)                                                                                     \
    F(T, FrameworkMinor)                                                                                     \
    F(T, ProviderHighest)                                                                                    \
    F(T, ProviderLowest)                                                                                     \
    F(T, MaximumDatagram)                                                                                    \
    F(T, Features)                                                                                           \
    F(T, MaximumTransfer)                                                                                    \
    F(T, MaximumOperations)                                                                                  \
    F(T, MaximumSockets)                                                                                     \
    F(T, MaximumUnclaimed)                                                                                   \
    F(T, MaximumBytes)                                                                                       \
    F(T, SystemMajor)                                                                                        \
    F(T, SystemMinor)                                                                                        \
    F(T, SystemBuild)

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
    uint64_t DroppedDatagrams; /* for which a receive ring had no room */
} WSKB_STATISTICS;

#define WSKB_STATISTICS_FIELDS(F, T)                                                                         \
    F(T, Size)                                                                                               \
    F(T, Reserved)                                                                                           \
    F(T, ControlRequests)                                                                                    \
    F(T, CompletedRequests)                                                                                  \
    F(T, StartedIrps)                                                                                        \
    F(T, CompletedIrps)                                                                                      \
    F(T, CancelledRequests)                                                                                  \
    F(T, SentDatagrams)                                                                                      \
    F(T, ReceivedDatagrams)                                                                                  \
    F(T, SentBytes)                                                                                          \
    F(T, ReceivedBytes)                                                                                      \
    F(T, AcceptedConnections)                                                                                \
    F(T, OpenSockets)                                                                                        \
    F(T, UnclaimedSockets)                                                                                   \
    F(T, OperationsInFlight)                                                                                 \
    F(T, LingeringSockets)                                                                                   \
    F(T, DroppedDatagrams)

/* CREATE, in. */
typedef struct _WSKB_CREATE {
    uint32_t Size;
    uint16_t Category; /* WSKB_CATEGORY_... */
    uint16_t Family;   /* WSKB_AF_INET or WSKB_AF_INET6 */
    uint32_t Protocol; /* WSKB_IPPROTO_UDP for datagram sockets, WSKB_IPPROTO_TCP for the others */
} WSKB_CREATE;

#define WSKB_CREATE_FIELDS(F, T) F(T, Size) F(T, Category) F(T, Family) F(T, Protocol)

/* BIND, SET_REMOTE_ADDRESS, SET_SENDTO_ADDRESS in; GET_LOCAL_ADDRESS, GET_REMOTE_ADDRESS out.
 * Family WSKB_AF_UNSPEC clears the address that the two SET codes fix. */
typedef struct _WSKB_ADDRESS {
    uint32_t Size;
    WSKB_SOCKADDR Address;
} WSKB_ADDRESS;

#define WSKB_ADDRESS_FIELDS(F, T) F(T, Size) F(T, Address)

/* GET_OPTION in and out, SET_OPTION in. The value follows the structure, Length bytes of it; Size counts
 * them. The input of GET_OPTION has no value, only its Length. */
typedef struct _WSKB_OPTION {
    uint32_t Size;
    uint32_t Option; /* WSKB_OPTION_... */
    uint32_t Length; /* WSKB_OPTION_..._SIZE; otherwise STATUS_INFO_LENGTH_MISMATCH */
    uint32_t Reserved;
} WSKB_OPTION;

#define WSKB_OPTION_FIELDS(F, T) F(T, Size) F(T, Option) F(T, Length) F(T, Reserved)

/* GET_TRANSPORTS and GET_ADDRESSES, out. Count entries follow, of type WSKB_TRANSPORT or WSKB_SOCKADDR; Size
 * counts them. If there is no room for all, none follows, and the status is STATUS_BUFFER_OVERFLOW. */
typedef struct _WSKB_LIST {
    uint32_t Size;
    uint32_t Count;
} WSKB_LIST;

#define WSKB_LIST_FIELDS(F, T) F(T, Size) F(T, Count)

/* What WSK can make sockets of, as WSK_TRANSPORT. */
typedef struct _WSKB_TRANSPORT {
    uint16_t Version;    /* of WSK, major << 8 | minor */
    uint16_t SocketType; /* 1 stream, 2 datagram, 3 raw */
    uint32_t Protocol;
    uint32_t Family;
    uint8_t ProviderId[16]; /* a GUID; zero for the system's own */
} WSKB_TRANSPORT;

#define WSKB_TRANSPORT_FIELDS(F, T)                                                                          \
    F(T, Version)                                                                                            \
    F(T, SocketType)                                                                                         \
    F(T, Protocol)                                                                                           \
    F(T, Family)                                                                                             \
    F(T, ProviderId)

/* The value of the options about groups. Interface is an index; 0: the system chooses. Ports and scopes of
 * the addresses are ignored. Source has the family of Group; for JOIN_GROUP and LEAVE_GROUP it is
 * WSKB_AF_UNSPEC. */
typedef struct _WSKB_GROUP {
    uint32_t Interface;
    WSKB_SOCKADDR Group;
    WSKB_SOCKADDR Source;
} WSKB_GROUP;

#define WSKB_GROUP_FIELDS(F, T) F(T, Interface) F(T, Group) F(T, Source)

/* Control information of a datagram. Present says which fields are valid; a receive zeroes the others, a send
 * ignores them. An address has the family of the socket, so that the IPv4 datagrams of a dual-stack socket
 * have IPv4-mapped ones. */
typedef struct _WSKB_CONTROL_INFO {
    uint32_t Size;
    uint32_t Present;           /* WSKB_CONTROL_... */
    WSKB_SOCKADDR LocalAddress; /* send: the source, family WSKB_AF_UNSPEC: the system chooses; receive: the
                                   destination. The port is 0 */
    uint32_t Interface;         /* index; send: 0: the system chooses */
    uint32_t TrafficClass;      /* 0 to 255: IPv4's TOS, IPv6's traffic class. Sent together with Ecn, its two
                                   low bits are ignored */
    uint32_t Ecn;               /* 0 to 3 */
    uint32_t HopLimit;          /* IPv4's TTL, IPv6's hop limit; send: 1 to 255 */
    uint32_t SegmentSize; /* the payload is datagrams of this size, the last may be shorter; 0, or not less
                             than the payload: it is one datagram. At most WSKB_MAXIMUM_DATAGRAM */
    uint32_t Protocol;    /* of an error: WSKB_IPPROTO_ICMP or WSKB_IPPROTO_ICMPV6 */
    uint32_t Type;        /* of the ICMP message */
    uint32_t Code;        /* likewise */
    uint32_t Mtu;         /* of the next hop, if the message is about that; else 0 */
} WSKB_CONTROL_INFO;

#define WSKB_CONTROL_INFO_FIELDS(F, T)                                                                       \
    F(T, Size)                                                                                               \
    F(T, Present)                                                                                            \
    F(T, LocalAddress)                                                                                       \
    F(T, Interface)                                                                                          \
    F(T, TrafficClass)                                                                                       \
    F(T, Ecn)                                                                                                \
    F(T, HopLimit)                                                                                           \
    F(T, SegmentSize)                                                                                        \
    F(T, Protocol)                                                                                           \
    F(T, Type)                                                                                               \
    F(T, Code)                                                                                               \
    F(T, Mtu)

/* SEND_TO, in; the payload is the output buffer. Family WSKB_AF_UNSPEC sends to the fixed address. With
 * WSKB_SEND_TO_CONTROL a WSKB_CONTROL_INFO is at offset Size, a multiple of 4. */
typedef struct _WSKB_SEND_TO {
    uint32_t Size;
    uint32_t Flags; /* WSKB_SEND_TO_... */
    uint32_t Timeout;
    WSKB_SOCKADDR RemoteAddress;
} WSKB_SEND_TO;

#define WSKB_SEND_TO_FIELDS(F, T) F(T, Size) F(T, Flags) F(T, Timeout) F(T, RemoteAddress)

/* CONNECT, in. */
typedef struct _WSKB_CONNECT {
    uint32_t Size;
    uint32_t Flags; /* 0 */
    uint32_t Timeout;
    WSKB_SOCKADDR RemoteAddress;
} WSKB_CONNECT;

#define WSKB_CONNECT_FIELDS(F, T) F(T, Size) F(T, Flags) F(T, Timeout) F(T, RemoteAddress)

/* SEND_MESSAGES, in. The payload holds the datagrams, one after the other, and all go to one address. Count
 * lengths of 32 bits follow at offset Size; their sum is the payload's length. With WSKB_SEND_TO_CONTROL a
 * WSKB_CONTROL_INFO for all of them is before the lengths. */
typedef struct _WSKB_SEND_MESSAGES {
    uint32_t Size;
    uint32_t Flags; /* WSKB_SEND_TO_... */
    uint32_t Timeout;
    WSKB_SOCKADDR RemoteAddress; /* family WSKB_AF_UNSPEC: the fixed one */
    uint32_t Count;              /* at most WSKB_MAXIMUM_MESSAGES */
} WSKB_SEND_MESSAGES;

#define WSKB_SEND_MESSAGES_FIELDS(F, T) F(T, Size) F(T, Flags) F(T, Timeout) F(T, RemoteAddress) F(T, Count)

/* SEND, RECEIVE, RECEIVE_FROM, RECEIVE_MESSAGES, DISCONNECT, ACCEPT, AWAIT_ADDRESSES,
 * in. */
typedef struct _WSKB_TRANSFER {
    uint32_t Size;
    uint32_t Flags; /* of the code; 0 for RECEIVE_MESSAGES, ACCEPT and AWAIT_ADDRESSES */
    uint32_t Timeout;
} WSKB_TRANSFER;

#define WSKB_TRANSFER_FIELDS(F, T) F(T, Size) F(T, Flags) F(T, Timeout)

/* RECEIVE_FROM, out: stands before the payload; with WSKB_RECEIVE_FROM_CONTROL a WSKB_CONTROL_INFO is between
 * the two. Truncation is STATUS_BUFFER_OVERFLOW with the bytes that fit. Part of WSKB_MESSAGE too. */
typedef struct _WSKB_DATAGRAM {
    uint32_t Size;
    uint32_t Flags;  /* WSKB_DATAGRAM_... */
    uint32_t Length; /* bytes of payload that follow */
    uint32_t Reserved;
    WSKB_SOCKADDR RemoteAddress;
    uint32_t Reserved2[5];
} WSKB_DATAGRAM;

#define WSKB_DATAGRAM_FIELDS(F, T)                                                                           \
    F(T, Size)                                                                                               \
    F(T, Flags)                                                                                              \
    F(T, Length)                                                                                             \
    F(T, Reserved)                                                                                           \
    F(T, RemoteAddress)                                                                                      \
    F(T, Reserved2)

/* SET_RECEIVE_RING, in. Once per datagram socket, after BIND and instead of RECEIVE_FROM: from then on the
 * driver keeps what comes, for RECEIVE_MESSAGES. */
typedef struct _WSKB_RING_PARAMETERS {
    uint32_t Size;
    uint32_t Flags; /* WSKB_RING_... */
    uint64_t Bytes; /* WSKB_MINIMUM_RING to WSKB_MAXIMUM_RING; a datagram takes 72 more than its payload,
                       rounded up to 8 */
    uint32_t MaximumDatagrams; /* in the ring; 0: as many as fit */
    uint32_t Reserved;
} WSKB_RING_PARAMETERS;

#define WSKB_RING_PARAMETERS_FIELDS(F, T)                                                                    \
    F(T, Size)                                                                                               \
    F(T, Flags)                                                                                              \
    F(T, Bytes)                                                                                              \
    F(T, MaximumDatagrams)                                                                                   \
    F(T, Reserved)

/* GET_RECEIVE_RING, out. */
typedef struct _WSKB_RING_STATE {
    uint32_t Size;
    uint32_t Datagrams; /* in the ring */
    uint64_t Bytes;     /* of the ring */
    uint64_t UsedBytes;
    uint64_t Overruns; /* datagrams that were dropped since SET_RECEIVE_RING */
} WSKB_RING_STATE;

#define WSKB_RING_STATE_FIELDS(F, T)                                                                         \
    F(T, Size)                                                                                               \
    F(T, Datagrams)                                                                                          \
    F(T, Bytes)                                                                                              \
    F(T, UsedBytes)                                                                                          \
    F(T, Overruns)

/* RECEIVE_MESSAGES, out: Count entries follow, each a WSKB_MESSAGE of EntrySize bytes, and then the payloads.
 * The request's output has at least WSKB_MINIMUM_BATCH bytes, so no datagram is ever cut. */
typedef struct _WSKB_MESSAGES {
    uint32_t Size;
    uint32_t Count;    /* at least 1 */
    uint64_t Overruns; /* as in WSKB_RING_STATE */
    uint32_t EntrySize;
    uint32_t Left; /* datagrams that stayed in the ring */
} WSKB_MESSAGES;

#define WSKB_MESSAGES_FIELDS(F, T)                                                                           \
    F(T, Size)                                                                                               \
    F(T, Count)                                                                                              \
    F(T, Overruns)                                                                                           \
    F(T, EntrySize)                                                                                          \
    F(T, Left)

/* One datagram of a batch. */
typedef struct _WSKB_MESSAGE {
    uint32_t Offset; /* of its payload, from the beginning of the output; a multiple of 8 */
    uint32_t Reserved;
    WSKB_DATAGRAM Datagram;
} WSKB_MESSAGE;

#define WSKB_MESSAGE_FIELDS(F, T) F(T, Offset) F(T, Reserved) F(T, Datagram)

/* ACCEPT, out. The token goes into ATTACH on a fresh handle of the same process. */
typedef struct _WSKB_ACCEPTED {
    uint32_t Size;
    uint32_t Reserved;
    uint64_t Token;
    WSKB_SOCKADDR LocalAddress;
    WSKB_SOCKADDR RemoteAddress;
} WSKB_ACCEPTED;

#define WSKB_ACCEPTED_FIELDS(F, T)                                                                           \
    F(T, Size)                                                                                               \
    F(T, Reserved)                                                                                           \
    F(T, Token)                                                                                              \
    F(T, LocalAddress)                                                                                       \
    F(T, RemoteAddress)

/* ATTACH, in. */
typedef struct _WSKB_ATTACH {
    uint32_t Size;
    uint32_t Reserved;
    uint64_t Token;
} WSKB_ATTACH;

#define WSKB_ATTACH_FIELDS(F, T) F(T, Size) F(T, Reserved) F(T, Token)

/* Every structure of the protocol: name, size, list of its fields. */
#define WSKB_STRUCTURES(X)                                                                                   \
    X(WSKB_SOCKADDR, 28, WSKB_SOCKADDR_FIELDS)                                                               \
    X(WSKB_VERSION_REQUEST, 12, WSKB_VERSION_REQUEST_FIELDS)                                                 \
    X(WSKB_VERSION, 64, WSKB_VERSION_FIELDS)                                                                 \
    X(WSKB_STATISTICS, 112, WSKB_STATISTICS_FIELDS)                                                          \
    X(WSKB_CREATE, 12, WSKB_CREATE_FIELDS)                                                                   \
    X(WSKB_ADDRESS, 32, WSKB_ADDRESS_FIELDS)                                                                 \
    X(WSKB_OPTION, 16, WSKB_OPTION_FIELDS)                                                                   \
    X(WSKB_LIST, 8, WSKB_LIST_FIELDS)                                                                        \
    X(WSKB_TRANSPORT, 28, WSKB_TRANSPORT_FIELDS)                                                             \
    X(WSKB_GROUP, 60, WSKB_GROUP_FIELDS)                                                                     \
    X(WSKB_CONTROL_INFO, 72, WSKB_CONTROL_INFO_FIELDS)                                                       \
    X(WSKB_SEND_TO, 40, WSKB_SEND_TO_FIELDS)                                                                 \
    X(WSKB_CONNECT, 40, WSKB_CONNECT_FIELDS)                                                                 \
    X(WSKB_SEND_MESSAGES, 44, WSKB_SEND_MESSAGES_FIELDS)                                                     \
    X(WSKB_TRANSFER, 12, WSKB_TRANSFER_FIELDS)                                                               \
    X(WSKB_DATAGRAM, 64, WSKB_DATAGRAM_FIELDS)                                                               \
    X(WSKB_RING_PARAMETERS, 24, WSKB_RING_PARAMETERS_FIELDS)                                                 \
    X(WSKB_RING_STATE, 32, WSKB_RING_STATE_FIELDS)                                                           \
    X(WSKB_MESSAGES, 24, WSKB_MESSAGES_FIELDS)                                                               \
    X(WSKB_MESSAGE, 72, WSKB_MESSAGE_FIELDS)                                                                 \
    X(WSKB_ACCEPTED, 72, WSKB_ACCEPTED_FIELDS)                                                               \
    X(WSKB_ATTACH, 16, WSKB_ATTACH_FIELDS)

#ifdef __cplusplus
#define WSKB_ASSERT(condition, text) static_assert(condition, text)
#else
#define WSKB_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* For lists of structures and their fields, here and in wskshim.h. */
#define WSKB_ADD_FIELD(type, field) +sizeof(((type*)0)->field)
#define WSKB_ASSERT_STRUCTURE(type, size, fields)                                                            \
    WSKB_ASSERT(sizeof(type) == (size), #type " is not of its size");                                        \
    WSKB_ASSERT((0 fields(WSKB_ADD_FIELD, type)) == (size), "not all fields of " #type " are listed");

WSKB_STRUCTURES(WSKB_ASSERT_STRUCTURE)

/* The options, and the sizes of their values: WSKB_OPTION_LINGER_SIZE and so on. */
enum WSKB_UNSIGNED {
#define WSKB_DEFINE_OPTION(name, number, type) name = (number), name##_SIZE = sizeof(type),
    WSKB_OPTIONS(WSKB_DEFINE_OPTION)
#undef WSKB_DEFINE_OPTION
};

/* The sizes of the input and output structures of each code: WSKB_IN_BIND and so on. */
#define WSKB_SIZE_OF(type) (sizeof(type) == sizeof(WSKB_NOTHING) ? 0 : sizeof(type))

enum WSKB_UNSIGNED {
#define WSKB_DEFINE_SIZES(name, function, method, access, in, out)                                           \
    WSKB_IN_##name = WSKB_SIZE_OF(in), WSKB_OUT_##name = WSKB_SIZE_OF(out),
    WSKB_CONTROL_CODES(WSKB_DEFINE_SIZES)
#undef WSKB_DEFINE_SIZES
};

#endif
