/* SPDX-License-Identifier: Apache-2.0
 *
 * Winsock Kernel for drivers: everything that Windows' wsk.h declares, and what WSK clients use of ws2def.h,
 * ws2ipdef.h and mstcpip.h, with the names, values, member order and x64 layouts of Windows 10 1703 and
 * later. The values are Windows' own (AF_INET6 is 23), whatever system the provider runs on. What the host's
 * provider does not support fails when it is called, with a documented status; docs/host.md lists it.
 */
#ifndef WSK_H
#define WSK_H

#include <ntddk.h>

#ifdef __cplusplus
extern "C" {
#define WSK_ASSERT_LAYOUT(condition) static_assert(condition, #condition)
#else
#define WSK_ASSERT_LAYOUT(condition) _Static_assert(condition, #condition)
#endif

/* ======== socket addresses ============================================================================= */

typedef USHORT ADDRESS_FAMILY;

#define AF_UNSPEC 0
#define AF_INET   2
#define AF_INET6  23

#define SOCK_STREAM 1
#define SOCK_DGRAM  2
#define SOCK_RAW    3

#define IPPROTO_IP 0
typedef enum {
    IPPROTO_ICMP = 1,
    IPPROTO_TCP = 6,
    IPPROTO_UDP = 17,
    IPPROTO_IPV6 = 41,
    IPPROTO_ICMPV6 = 58,
    IPPROTO_RAW = 255,
    IPPROTO_MAX = 256
} IPPROTO;

typedef struct sockaddr {
    ADDRESS_FAMILY sa_family;
    CHAR sa_data[14];
} SOCKADDR, *PSOCKADDR, *LPSOCKADDR;

/* Addresses and ports are in network byte order. */
typedef struct in_addr {
    union {
        struct {
            UCHAR s_b1, s_b2, s_b3, s_b4;
        } S_un_b;
        struct {
            USHORT s_w1, s_w2;
        } S_un_w;
        ULONG S_addr;
    } S_un;
} IN_ADDR, *PIN_ADDR;

typedef struct in6_addr {
    union {
        UCHAR Byte[16];
        USHORT Word[8];
    } u;
} IN6_ADDR, *PIN6_ADDR;

#define s_addr  S_un.S_addr
#define s6_addr u.Byte

typedef struct {
    union {
        struct {
            ULONG Zone : 28;
            ULONG Level : 4;
        };
        ULONG Value;
    };
} SCOPE_ID, *PSCOPE_ID;

typedef struct sockaddr_in {
    ADDRESS_FAMILY sin_family;
    USHORT sin_port;
    IN_ADDR sin_addr;
    CHAR sin_zero[8];
} SOCKADDR_IN, *PSOCKADDR_IN;

typedef struct sockaddr_in6 {
    ADDRESS_FAMILY sin6_family;
    USHORT sin6_port;
    ULONG sin6_flowinfo;
    IN6_ADDR sin6_addr;
    union {
        ULONG sin6_scope_id;
        SCOPE_ID sin6_scope_struct;
    };
} SOCKADDR_IN6, *PSOCKADDR_IN6;

typedef union _SOCKADDR_INET {
    SOCKADDR_IN Ipv4;
    SOCKADDR_IN6 Ipv6;
    ADDRESS_FAMILY si_family;
} SOCKADDR_INET, *PSOCKADDR_INET;

typedef struct sockaddr_storage {
    ADDRESS_FAMILY ss_family;
    CHAR ss_pad1[6];
    LONGLONG ss_align;
    CHAR ss_pad2[112];
} SOCKADDR_STORAGE, *PSOCKADDR_STORAGE;

#define INADDR_ANY       ((ULONG)0x00000000)
#define INADDR_LOOPBACK  0x7f000001
#define INADDR_BROADCAST ((ULONG)0xffffffff)
#define INADDR_NONE      0xffffffff

/* clang-format off */
#define IN6ADDR_ANY_INIT      {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}}
#define IN6ADDR_LOOPBACK_INIT {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}}
/* clang-format on */

typedef struct _SOCKET_ADDRESS {
    LPSOCKADDR lpSockaddr;
    INT iSockaddrLength;
} SOCKET_ADDRESS, *PSOCKET_ADDRESS;

typedef struct _SOCKET_ADDRESS_LIST {
    INT iAddressCount;
    SOCKET_ADDRESS Address[1];
} SOCKET_ADDRESS_LIST, *PSOCKET_ADDRESS_LIST;

typedef struct addrinfo {
    INT ai_flags;
    INT ai_family;
    INT ai_socktype;
    INT ai_protocol;
    SIZE_T ai_addrlen;
    PCHAR ai_canonname;
    struct sockaddr* ai_addr;
    struct addrinfo* ai_next;
} ADDRINFOA, *PADDRINFOA;

typedef struct addrinfoW {
    INT ai_flags;
    INT ai_family;
    INT ai_socktype;
    INT ai_protocol;
    SIZE_T ai_addrlen;
    PWSTR ai_canonname;
    struct sockaddr* ai_addr;
    struct addrinfoW* ai_next;
} ADDRINFOW, *PADDRINFOW;

typedef struct addrinfoexW {
    INT ai_flags;
    INT ai_family;
    INT ai_socktype;
    INT ai_protocol;
    SIZE_T ai_addrlen;
    PWSTR ai_canonname;
    struct sockaddr* ai_addr;
    void* ai_blob;
    SIZE_T ai_bloblen;
    GUID* ai_provider;
    struct addrinfoexW* ai_next;
} ADDRINFOEXW, *PADDRINFOEXW;

/* Flags of name resolution. */
#define AI_PASSIVE                0x00000001
#define AI_CANONNAME              0x00000002
#define AI_NUMERICHOST            0x00000004
#define AI_NUMERICSERV            0x00000008
#define AI_ALL                    0x00000100
#define AI_ADDRCONFIG             0x00000400
#define AI_V4MAPPED               0x00000800
#define AI_NON_AUTHORITATIVE      0x00004000
#define AI_SECURE                 0x00008000
#define AI_RETURN_PREFERRED_NAMES 0x00010000
#define AI_FQDN                   0x00020000
#define AI_FILESERVER             0x00040000

#define NI_NOFQDN      0x01
#define NI_NUMERICHOST 0x02
#define NI_NAMEREQD    0x04
#define NI_NUMERICSERV 0x08
#define NI_DGRAM       0x10
#define NI_MAXHOST     1025
#define NI_MAXSERV     32

#define NS_ALL 0
#define NS_DNS 12

WSK_ASSERT_LAYOUT(sizeof(ADDRINFOA) == 48 && FIELD_OFFSET(ADDRINFOA, ai_addrlen) == 16);
WSK_ASSERT_LAYOUT(FIELD_OFFSET(ADDRINFOA, ai_canonname) == 24 && FIELD_OFFSET(ADDRINFOA, ai_next) == 40);
WSK_ASSERT_LAYOUT(sizeof(ADDRINFOW) == 48 && FIELD_OFFSET(ADDRINFOW, ai_addr) == 32);
WSK_ASSERT_LAYOUT(sizeof(ADDRINFOEXW) == 72 && FIELD_OFFSET(ADDRINFOEXW, ai_addr) == 32);
WSK_ASSERT_LAYOUT(FIELD_OFFSET(ADDRINFOEXW, ai_blob) == 40 && FIELD_OFFSET(ADDRINFOEXW, ai_next) == 64);
WSK_ASSERT_LAYOUT(sizeof(SOCKADDR) == 16);
WSK_ASSERT_LAYOUT(sizeof(IN_ADDR) == 4 && sizeof(IN6_ADDR) == 16);
WSK_ASSERT_LAYOUT(sizeof(SOCKADDR_IN) == 16 && FIELD_OFFSET(SOCKADDR_IN, sin_addr) == 4);
WSK_ASSERT_LAYOUT(sizeof(SOCKADDR_IN6) == 28 && FIELD_OFFSET(SOCKADDR_IN6, sin6_addr) == 8);
WSK_ASSERT_LAYOUT(FIELD_OFFSET(SOCKADDR_IN6, sin6_scope_id) == 24);
WSK_ASSERT_LAYOUT(sizeof(SOCKADDR_INET) == 28 && sizeof(SOCKADDR_STORAGE) == 128);

/* ======== ancillary data =============================================================================== */

typedef struct cmsghdr {
    SIZE_T cmsg_len; /* header and data, without padding after the data */
    INT cmsg_level;
    INT cmsg_type;
} CMSGHDR, *PCMSGHDR, WSACMSGHDR, *PWSACMSGHDR, *LPWSACMSGHDR;

typedef struct _WSABUF {
    ULONG len;
    CHAR* buf;
} WSABUF, *PWSABUF, *LPWSABUF;

typedef struct _WSAMSG {
    LPSOCKADDR name;
    INT namelen;
    LPWSABUF lpBuffers;
    ULONG dwBufferCount;
    WSABUF Control;
    ULONG dwFlags;
} WSAMSG, *PWSAMSG, *LPWSAMSG;

#define WSA_CMSGHDR_ALIGN(length)  (((length) + sizeof(SIZE_T) - 1) & ~(sizeof(SIZE_T) - 1))
#define WSA_CMSGDATA_ALIGN(length) (((length) + sizeof(SIZE_T) - 1) & ~(sizeof(SIZE_T) - 1))
#define WSA_CMSG_DATA(cmsg)        ((PUCHAR)(cmsg) + WSA_CMSGDATA_ALIGN(sizeof(WSACMSGHDR)))
#define WSA_CMSG_LEN(length)       (WSA_CMSGDATA_ALIGN(sizeof(WSACMSGHDR)) + (length))
#define WSA_CMSG_SPACE(length)     (WSA_CMSGDATA_ALIGN(sizeof(WSACMSGHDR) + WSA_CMSGHDR_ALIGN(length)))

#define WSA_CMSG_FIRSTHDR(msg)                                                                               \
    (((msg)->Control.len >= sizeof(WSACMSGHDR)) ? (LPWSACMSGHDR)(msg)->Control.buf : (LPWSACMSGHDR)NULL)

#define WSA_CMSG_NXTHDR(msg, cmsg)                                                                           \
    (((cmsg) == NULL) ? WSA_CMSG_FIRSTHDR(msg)                                                               \
     : (((PUCHAR)(cmsg) + WSA_CMSGHDR_ALIGN((cmsg)->cmsg_len) + sizeof(WSACMSGHDR)) >                        \
        ((PUCHAR)(msg)->Control.buf + (msg)->Control.len))                                                   \
         ? (LPWSACMSGHDR)NULL                                                                                \
         : (LPWSACMSGHDR)((PUCHAR)(cmsg) + WSA_CMSGHDR_ALIGN((cmsg)->cmsg_len)))

typedef struct in_pktinfo {
    IN_ADDR ipi_addr;
    ULONG ipi_ifindex;
} IN_PKTINFO, *PIN_PKTINFO;

typedef struct in6_pktinfo {
    IN6_ADDR ipi6_addr;
    ULONG ipi6_ifindex;
} IN6_PKTINFO, *PIN6_PKTINFO;

typedef struct in_recverr {
    IPPROTO protocol;
    ULONG info; /* the next hop's MTU, in host byte order */
    UINT8 type;
    UINT8 code;
} IN_RECVERR, *PIN_RECVERR;

typedef struct ip_mreq {
    IN_ADDR imr_multiaddr;
    IN_ADDR imr_interface;
} IP_MREQ, *PIP_MREQ;

typedef struct ip_mreq_source {
    IN_ADDR imr_multiaddr;
    IN_ADDR imr_sourceaddr;
    IN_ADDR imr_interface;
} IP_MREQ_SOURCE, *PIP_MREQ_SOURCE;

typedef struct ipv6_mreq {
    IN6_ADDR ipv6mr_multiaddr;
    ULONG ipv6mr_interface;
} IPV6_MREQ, *PIPV6_MREQ;

typedef struct group_req {
    ULONG gr_interface;
    SOCKADDR_STORAGE gr_group;
} GROUP_REQ, *PGROUP_REQ;

typedef struct group_source_req {
    ULONG gsr_interface;
    SOCKADDR_STORAGE gsr_group;
    SOCKADDR_STORAGE gsr_source;
} GROUP_SOURCE_REQ, *PGROUP_SOURCE_REQ;

struct tcp_keepalive {
    ULONG onoff;
    ULONG keepalivetime;
    ULONG keepaliveinterval;
};

WSK_ASSERT_LAYOUT(sizeof(CMSGHDR) == 16 && FIELD_OFFSET(CMSGHDR, cmsg_level) == 8);
WSK_ASSERT_LAYOUT(FIELD_OFFSET(CMSGHDR, cmsg_type) == 12 && WSA_CMSG_LEN(sizeof(INT)) == 20);
WSK_ASSERT_LAYOUT(WSA_CMSG_SPACE(sizeof(INT)) == 24);
WSK_ASSERT_LAYOUT(WSA_CMSG_LEN(sizeof(IN_PKTINFO)) == 24 && WSA_CMSG_SPACE(sizeof(IN_PKTINFO)) == 24);
WSK_ASSERT_LAYOUT(WSA_CMSG_LEN(sizeof(IN6_PKTINFO)) == 36 && WSA_CMSG_SPACE(sizeof(IN6_PKTINFO)) == 40);
WSK_ASSERT_LAYOUT(WSA_CMSG_LEN(sizeof(IN_RECVERR)) == 28 && WSA_CMSG_SPACE(sizeof(IN_RECVERR)) == 32);
WSK_ASSERT_LAYOUT(sizeof(IN_PKTINFO) == 8 && sizeof(IN6_PKTINFO) == 20);
WSK_ASSERT_LAYOUT(sizeof(IN_RECVERR) == 12 && FIELD_OFFSET(IN_RECVERR, type) == 8);
WSK_ASSERT_LAYOUT(sizeof(IP_MREQ) == 8 && sizeof(IP_MREQ_SOURCE) == 12 && sizeof(IPV6_MREQ) == 20);

/* ======== options and IOCTL codes ====================================================================== */

#define SOL_SOCKET            0xFFFF
#define SO_REUSEADDR          0x0004
#define SO_KEEPALIVE          0x0008
#define SO_BROADCAST          0x0020
#define SO_EXCLUSIVEADDRUSE   ((int)(~SO_REUSEADDR))
#define SO_RCVBUF             0x1002
#define SO_CONDITIONAL_ACCEPT 0x3002
#define SO_PAUSE_ACCEPT       0x3003
#define SO_COMPARTMENT_ID     0x3004
#define SO_RANDOMIZE_PORT     0x3005
#define SO_PORT_SCALABILITY   0x3006
#define SO_REUSE_UNICASTPORT  0x3007
#define WSK_SO_BASE           0x4000
#define SO_WSK_SECURITY       (WSK_SO_BASE + 1)
#define SO_WSK_EVENT_CALLBACK (WSK_SO_BASE + 2)

#define IP_OPTIONS                1
#define IP_HDRINCL                2
#define IP_TOS                    3
#define IP_TTL                    4
#define IP_MULTICAST_IF           9
#define IP_MULTICAST_TTL          10
#define IP_MULTICAST_LOOP         11
#define IP_ADD_MEMBERSHIP         12
#define IP_DROP_MEMBERSHIP        13
#define IP_DONTFRAGMENT           14
#define IP_ADD_SOURCE_MEMBERSHIP  15
#define IP_DROP_SOURCE_MEMBERSHIP 16
#define IP_BLOCK_SOURCE           17
#define IP_UNBLOCK_SOURCE         18
#define IP_PKTINFO                19
#define IP_HOPLIMIT               21
#define IP_RECVTTL                21
#define IP_RECEIVE_BROADCAST      22
#define IP_UNICAST_IF             31
#define IP_RECVTOS                40
#define IP_ECN                    50
#define IP_RECVECN                50
#define IP_MTU_DISCOVER           71
#define IP_MTU                    73
#define IP_RECVERR                75
#define IP_USER_MTU               76

#define IPV6_HDRINCL         2
#define IPV6_UNICAST_HOPS    4
#define IPV6_MULTICAST_IF    9
#define IPV6_MULTICAST_HOPS  10
#define IPV6_MULTICAST_LOOP  11
#define IPV6_JOIN_GROUP      12
#define IPV6_ADD_MEMBERSHIP  IPV6_JOIN_GROUP
#define IPV6_LEAVE_GROUP     13
#define IPV6_DROP_MEMBERSHIP IPV6_LEAVE_GROUP
#define IPV6_DONTFRAG        14
#define IPV6_PKTINFO         19
#define IPV6_HOPLIMIT        21
#define IPV6_V6ONLY          27
#define IPV6_UNICAST_IF      31
#define IPV6_RTHDR           32
#define IPV6_TCLASS          39
#define IPV6_RECVTCLASS      40
#define IPV6_ECN             50
#define IPV6_RECVECN         50
#define IPV6_MTU_DISCOVER    71
#define IPV6_MTU             72
#define IPV6_RECVERR         75
#define IPV6_USER_MTU        76

#define MCAST_JOIN_GROUP         41
#define MCAST_LEAVE_GROUP        42
#define MCAST_BLOCK_SOURCE       43
#define MCAST_UNBLOCK_SOURCE     44
#define MCAST_JOIN_SOURCE_GROUP  45
#define MCAST_LEAVE_SOURCE_GROUP 46

#define TCP_NODELAY    0x0001
#define TCP_KEEPALIVE  3
#define TCP_KEEPIDLE   TCP_KEEPALIVE
#define TCP_MAXRT      5
#define TCP_TIMESTAMPS 10
#define TCP_FASTOPEN   15
#define TCP_KEEPCNT    16
#define TCP_KEEPINTVL  17

#define UDP_NOCHECKSUM              1
#define UDP_SEND_MSG_SIZE           2
#define UDP_RECV_MAX_COALESCED_SIZE 3
#define UDP_COALESCED_INFO          3

#define IOC_VOID   0x20000000U
#define IOC_OUT    0x40000000U
#define IOC_IN     0x80000000U
#define IOC_INOUT  (IOC_IN | IOC_OUT)
#define IOC_WS2    0x08000000U
#define IOC_WSK    0x0F000000U
#define IOC_VENDOR 0x18000000U

#define _WSAIO(x, y)   (IOC_VOID | (x) | (y))
#define _WSAIOR(x, y)  (IOC_OUT | (x) | (y))
#define _WSAIOW(x, y)  (IOC_IN | (x) | (y))
#define _WSAIORW(x, y) (IOC_INOUT | (x) | (y))

#define SIO_WSK_SET_REMOTE_ADDRESS       _WSAIOW(IOC_WSK, 1)
#define SIO_WSK_REGISTER_EXTENSION       _WSAIORW(IOC_WSK, 2)
#define SIO_WSK_QUERY_IDEAL_SEND_BACKLOG _WSAIOR(IOC_WSK, 3)
#define SIO_WSK_QUERY_RECEIVE_BACKLOG    _WSAIOR(IOC_WSK, 4)
#define SIO_WSK_QUERY_INSPECT_ID         _WSAIOR(IOC_WSK, 5)
#define SIO_WSK_SET_SENDTO_ADDRESS       _WSAIOW(IOC_WSK, 6)
#define SIO_WSK_SET_TCP_SILENT_MODE      _WSAIO(IOC_WSK, 7)

#define SIO_ADDRESS_LIST_QUERY  _WSAIOR(IOC_WS2, 22)
#define SIO_ADDRESS_LIST_CHANGE _WSAIO(IOC_WS2, 23)
#define SIO_ADDRESS_LIST_SORT   _WSAIORW(IOC_WS2, 25)
#define SIO_KEEPALIVE_VALS      _WSAIOW(IOC_VENDOR, 4)
#define SIO_UDP_CONNRESET       _WSAIOW(IOC_VENDOR, 12)
#define SIO_LOOPBACK_FAST_PATH  _WSAIOW(IOC_VENDOR, 16)

#define SIO_QUERY_RSS_PROCESSOR_INFO              _WSAIOR(IOC_WS2, 37)
#define SIO_QUERY_RSS_SCALABILITY_INFO            _WSAIOR(IOC_VENDOR, 210)
#define SIO_QUERY_WFP_CONNECTION_REDIRECT_RECORDS _WSAIOW(IOC_VENDOR, 220)
#define SIO_QUERY_WFP_CONNECTION_REDIRECT_CONTEXT _WSAIOW(IOC_VENDOR, 221)
#define SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS   _WSAIOW(IOC_VENDOR, 222)

WSK_ASSERT_LAYOUT(SIO_WSK_SET_REMOTE_ADDRESS == 0x8F000001 && SIO_WSK_REGISTER_EXTENSION == 0xCF000002);
WSK_ASSERT_LAYOUT(SIO_WSK_QUERY_IDEAL_SEND_BACKLOG == 0x4F000003);
WSK_ASSERT_LAYOUT(SIO_WSK_SET_TCP_SILENT_MODE == 0x2F000007 && SIO_ADDRESS_LIST_SORT == 0xC8000019);
WSK_ASSERT_LAYOUT(SIO_KEEPALIVE_VALS == 0x98000004 && SIO_UDP_CONNRESET == 0x9800000C);
WSK_ASSERT_LAYOUT(SIO_QUERY_RSS_PROCESSOR_INFO == 0x48000025 && SIO_QUERY_RSS_SCALABILITY_INFO == 0x580000D2);
WSK_ASSERT_LAYOUT(SIO_QUERY_WFP_CONNECTION_REDIRECT_RECORDS == 0x980000DC);

/* ======== WSK constants ================================================================================ */

#define WSKAPI NTAPI

#define MAKE_WSK_VERSION(Mj, Mn)   ((USHORT)((Mj) << 8) | (USHORT)((Mn)&0xff))
#define WSK_MAJOR_VERSION(Version) ((UCHAR)((Version) >> 8))
#define WSK_MINOR_VERSION(Version) ((UCHAR)(Version))

#define WSK_NO_WAIT       0
#define WSK_INFINITE_WAIT 0xFFFFFFFF

/* Socket categories, WskSocket. */
#define WSK_FLAG_BASIC_SOCKET      0x00000000
#define WSK_FLAG_LISTEN_SOCKET     0x00000001
#define WSK_FLAG_CONNECTION_SOCKET 0x00000002
#define WSK_FLAG_DATAGRAM_SOCKET   0x00000004
#define WSK_FLAG_STREAM_SOCKET     0x00000008

/* Callback flags; WSK_FLAG_ABORTIVE is also for WskDisconnect. */
#define WSK_FLAG_ABORTIVE          0x00000001
#define WSK_FLAG_RELEASE_ASAP      0x00000002
#define WSK_FLAG_ENTIRE_MESSAGE    0x00000004
#define WSK_FLAG_AT_DISPATCH_LEVEL 0x00000008

/* WskSend. */
#define WSK_FLAG_OOB     0x00000001
#define WSK_FLAG_NODELAY 0x00000002

/* WskReceive. */
#define WSK_FLAG_WAITALL 0x00000002
#define WSK_FLAG_DRAIN   0x00000004

/* What WskReceiveFrom reports about a datagram. */
#define MSG_TRUNC    0x0100
#define MSG_CTRUNC   0x0200
#define MSG_BCAST    0x0400
#define MSG_MCAST    0x0800
#define MSG_ERRQUEUE 0x1000

/* WskControlClient. */
#define WSK_TRANSPORT_LIST_QUERY       2
#define WSK_TRANSPORT_LIST_CHANGE      3
#define WSK_CACHE_SD                   4
#define WSK_RELEASE_SD                 5
#define WSK_TDI_DEVICENAME_MAPPING     6
#define WSK_SET_STATIC_EVENT_CALLBACKS 7
#define WSK_TDI_BEHAVIOR               8

#define WSK_TDI_BEHAVIOR_BYPASS_TDI 0x00000001

#define WSK_EVENT_SEND_BACKLOG 0x00000010
#define WSK_EVENT_RECEIVE      0x00000040
#define WSK_EVENT_DISCONNECT   0x00000080
#define WSK_EVENT_RECEIVE_FROM 0x00000100
#define WSK_EVENT_ACCEPT       0x00000200
#define WSK_EVENT_DISABLE      0x80000000

typedef enum { WskSetOption, WskGetOption, WskIoctl, WskControlMax } WSK_CONTROL_SOCKET_TYPE;
typedef enum { WskInspectReject, WskInspectAccept, WskInspectPend, WskInspectMax } WSK_INSPECT_ACTION;

/* ======== WSK structures =============================================================================== */

#ifndef _NPIID_DEFINED
#define _NPIID_DEFINED
typedef GUID NPIID;
typedef const NPIID* PNPIID;
#endif

extern const NPIID NPI_WSK_INTERFACE_ID;

typedef PVOID PWSK_CLIENT;

typedef struct _WSK_SOCKET {
    const VOID* Dispatch; /* the provider table of the socket's category */
} WSK_SOCKET, *PWSK_SOCKET;

typedef struct _WSK_BUF {
    PMDL Mdl;     /* chained by Next; may be NULL when Length is 0 */
    ULONG Offset; /* within the first MDL */
    SIZE_T Length;
} WSK_BUF, *PWSK_BUF;

typedef struct _WSK_BUF_LIST {
    struct _WSK_BUF_LIST* Next;
    WSK_BUF Buffer;
} WSK_BUF_LIST, *PWSK_BUF_LIST;

typedef struct _WSK_DATA_INDICATION {
    struct _WSK_DATA_INDICATION* Next;
    WSK_BUF Buffer;
} WSK_DATA_INDICATION, *PWSK_DATA_INDICATION;

typedef struct _WSK_DATAGRAM_INDICATION {
    struct _WSK_DATAGRAM_INDICATION* Next;
    WSK_BUF Buffer;
    PCMSGHDR ControlInfo;
    ULONG ControlInfoLength;
    PSOCKADDR RemoteAddress;
} WSK_DATAGRAM_INDICATION, *PWSK_DATAGRAM_INDICATION;

typedef struct _WSK_INSPECT_ID {
    ULONG_PTR Key;
    ULONG SerialNumber;
} WSK_INSPECT_ID, *PWSK_INSPECT_ID;

typedef struct _WSK_EVENT_CALLBACK_CONTROL {
    PNPIID NpiId;
    ULONG EventMask;
} WSK_EVENT_CALLBACK_CONTROL, *PWSK_EVENT_CALLBACK_CONTROL;

typedef struct _WSK_TRANSPORT {
    USHORT Version;
    USHORT SocketType;
    ULONG Protocol;
    ADDRESS_FAMILY AddressFamily;
    GUID ProviderId;
} WSK_TRANSPORT, *PWSK_TRANSPORT;

typedef struct _WSK_EXTENSION_CONTROL_IN {
    PNPIID NpiId;
    PVOID ClientContext;
    const VOID* ClientDispatch;
} WSK_EXTENSION_CONTROL_IN, *PWSK_EXTENSION_CONTROL_IN;

typedef struct _WSK_EXTENSION_CONTROL_OUT {
    PVOID ProviderContext;
    const VOID* ProviderDispatch;
} WSK_EXTENSION_CONTROL_OUT, *PWSK_EXTENSION_CONTROL_OUT;

typedef struct _WSK_TDI_MAP {
    USHORT SocketType;
    ADDRESS_FAMILY AddressFamily;
    ULONG Protocol;
    PCWSTR TdiDeviceName;
} WSK_TDI_MAP, *PWSK_TDI_MAP;

typedef struct _WSK_TDI_MAP_INFO {
    ULONG ElementCount;
    const WSK_TDI_MAP* Map;
} WSK_TDI_MAP_INFO, *PWSK_TDI_MAP_INFO;

WSK_ASSERT_LAYOUT(sizeof(WSK_SOCKET) == 8);
WSK_ASSERT_LAYOUT(sizeof(WSK_BUF) == 24 && FIELD_OFFSET(WSK_BUF, Offset) == 8);
WSK_ASSERT_LAYOUT(FIELD_OFFSET(WSK_BUF, Length) == 16);
WSK_ASSERT_LAYOUT(sizeof(WSK_BUF_LIST) == 32 && FIELD_OFFSET(WSK_BUF_LIST, Buffer) == 8);
WSK_ASSERT_LAYOUT(sizeof(WSK_DATA_INDICATION) == 32 && FIELD_OFFSET(WSK_DATA_INDICATION, Buffer) == 8);
WSK_ASSERT_LAYOUT(sizeof(WSK_DATAGRAM_INDICATION) == 56);
WSK_ASSERT_LAYOUT(FIELD_OFFSET(WSK_DATAGRAM_INDICATION, ControlInfo) == 32);
WSK_ASSERT_LAYOUT(FIELD_OFFSET(WSK_DATAGRAM_INDICATION, ControlInfoLength) == 40);
WSK_ASSERT_LAYOUT(FIELD_OFFSET(WSK_DATAGRAM_INDICATION, RemoteAddress) == 48);
WSK_ASSERT_LAYOUT(sizeof(WSK_INSPECT_ID) == 16 && FIELD_OFFSET(WSK_INSPECT_ID, SerialNumber) == 8);
WSK_ASSERT_LAYOUT(sizeof(WSK_EVENT_CALLBACK_CONTROL) == 16);
WSK_ASSERT_LAYOUT(FIELD_OFFSET(WSK_EVENT_CALLBACK_CONTROL, EventMask) == 8);
WSK_ASSERT_LAYOUT(sizeof(WSK_TRANSPORT) == 28 && FIELD_OFFSET(WSK_TRANSPORT, ProviderId) == 12);
WSK_ASSERT_LAYOUT(sizeof(WSK_EXTENSION_CONTROL_IN) == 24 && sizeof(WSK_EXTENSION_CONTROL_OUT) == 16);
WSK_ASSERT_LAYOUT(sizeof(WSK_TDI_MAP) == 16 && sizeof(WSK_TDI_MAP_INFO) == 16);

/* ======== client callbacks ============================================================================= */

typedef struct _WSK_CLIENT_CONNECTION_DISPATCH WSK_CLIENT_CONNECTION_DISPATCH,
    *PWSK_CLIENT_CONNECTION_DISPATCH;

typedef NTSTATUS(WSKAPI* PFN_WSK_CLIENT_EVENT)(PVOID ClientContext, ULONG EventType, PVOID Information,
                                               SIZE_T InformationLength);
typedef NTSTATUS(WSKAPI* PFN_WSK_RECEIVE_FROM_EVENT)(PVOID SocketContext, ULONG Flags,
                                                     PWSK_DATAGRAM_INDICATION DataIndication);
typedef NTSTATUS(WSKAPI* PFN_WSK_RECEIVE_EVENT)(PVOID SocketContext, ULONG Flags,
                                                PWSK_DATA_INDICATION DataIndication, SIZE_T BytesIndicated,
                                                SIZE_T* BytesAccepted);
typedef NTSTATUS(WSKAPI* PFN_WSK_DISCONNECT_EVENT)(PVOID SocketContext, ULONG Flags);
typedef NTSTATUS(WSKAPI* PFN_WSK_SEND_BACKLOG_EVENT)(PVOID SocketContext, SIZE_T IdealBacklogSize);
typedef NTSTATUS(WSKAPI* PFN_WSK_ACCEPT_EVENT)(PVOID SocketContext, ULONG Flags, PSOCKADDR LocalAddress,
                                               PSOCKADDR RemoteAddress, PWSK_SOCKET AcceptSocket,
                                               PVOID* AcceptSocketContext,
                                               const WSK_CLIENT_CONNECTION_DISPATCH** AcceptSocketDispatch);
typedef WSK_INSPECT_ACTION(WSKAPI* PFN_WSK_INSPECT_EVENT)(PVOID SocketContext, PSOCKADDR LocalAddress,
                                                          PSOCKADDR RemoteAddress, PWSK_INSPECT_ID InspectID);
typedef NTSTATUS(WSKAPI* PFN_WSK_ABORT_EVENT)(PVOID SocketContext, PWSK_INSPECT_ID InspectID);

typedef struct _WSK_CLIENT_DISPATCH {
    USHORT Version;
    USHORT Reserved;
    PFN_WSK_CLIENT_EVENT WskClientEvent;
} WSK_CLIENT_DISPATCH, *PWSK_CLIENT_DISPATCH;

typedef struct _WSK_CLIENT_LISTEN_DISPATCH {
    PFN_WSK_ACCEPT_EVENT WskAcceptEvent;
    PFN_WSK_INSPECT_EVENT WskInspectEvent;
    PFN_WSK_ABORT_EVENT WskAbortEvent;
} WSK_CLIENT_LISTEN_DISPATCH, *PWSK_CLIENT_LISTEN_DISPATCH;

typedef struct _WSK_CLIENT_DATAGRAM_DISPATCH {
    PFN_WSK_RECEIVE_FROM_EVENT WskReceiveFromEvent;
} WSK_CLIENT_DATAGRAM_DISPATCH, *PWSK_CLIENT_DATAGRAM_DISPATCH;

struct _WSK_CLIENT_CONNECTION_DISPATCH {
    PFN_WSK_RECEIVE_EVENT WskReceiveEvent;
    PFN_WSK_DISCONNECT_EVENT WskDisconnectEvent;
    PFN_WSK_SEND_BACKLOG_EVENT WskSendBacklogEvent;
};

typedef struct _WSK_CLIENT_STREAM_DISPATCH {
    const WSK_CLIENT_LISTEN_DISPATCH* Listen;
    const WSK_CLIENT_CONNECTION_DISPATCH* Connect;
} WSK_CLIENT_STREAM_DISPATCH, *PWSK_CLIENT_STREAM_DISPATCH;

WSK_ASSERT_LAYOUT(sizeof(WSK_CLIENT_DISPATCH) == 16 &&
                  FIELD_OFFSET(WSK_CLIENT_DISPATCH, WskClientEvent) == 8);
WSK_ASSERT_LAYOUT(sizeof(WSK_CLIENT_LISTEN_DISPATCH) == 24);
WSK_ASSERT_LAYOUT(FIELD_OFFSET(WSK_CLIENT_LISTEN_DISPATCH, WskAbortEvent) == 16);
WSK_ASSERT_LAYOUT(sizeof(WSK_CLIENT_DATAGRAM_DISPATCH) == 8);
WSK_ASSERT_LAYOUT(sizeof(WSK_CLIENT_CONNECTION_DISPATCH) == 24);
WSK_ASSERT_LAYOUT(FIELD_OFFSET(WSK_CLIENT_CONNECTION_DISPATCH, WskDisconnectEvent) == 8);
WSK_ASSERT_LAYOUT(sizeof(WSK_CLIENT_STREAM_DISPATCH) == 16);
WSK_ASSERT_LAYOUT(FIELD_OFFSET(WSK_CLIENT_STREAM_DISPATCH, Connect) == 8);

/* ======== provider functions ===========================================================================
 *
 * Every function that takes an IRP completes it exactly once, no matter what it returns. */

typedef NTSTATUS(WSKAPI* PFN_WSK_SOCKET)(PWSK_CLIENT Client, ADDRESS_FAMILY AddressFamily, USHORT SocketType,
                                         ULONG Protocol, ULONG Flags, PVOID SocketContext,
                                         const VOID* Dispatch, PEPROCESS OwningProcess, PETHREAD OwningThread,
                                         PSECURITY_DESCRIPTOR SecurityDescriptor, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_SOCKET_CONNECT)(PWSK_CLIENT Client, USHORT SocketType, ULONG Protocol,
                                                 PSOCKADDR LocalAddress, PSOCKADDR RemoteAddress, ULONG Flags,
                                                 PVOID SocketContext,
                                                 const WSK_CLIENT_CONNECTION_DISPATCH* Dispatch,
                                                 PEPROCESS OwningProcess, PETHREAD OwningThread,
                                                 PSECURITY_DESCRIPTOR SecurityDescriptor, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_CONTROL_CLIENT)(PWSK_CLIENT Client, ULONG ControlCode, SIZE_T InputSize,
                                                 PVOID InputBuffer, SIZE_T OutputSize, PVOID OutputBuffer,
                                                 SIZE_T* OutputSizeReturned, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_GET_ADDRESS_INFO)(PWSK_CLIENT Client, PUNICODE_STRING NodeName,
                                                   PUNICODE_STRING ServiceName, ULONG NameSpace,
                                                   GUID* Provider, PADDRINFOEXW Hints, PADDRINFOEXW* Result,
                                                   PEPROCESS OwningProcess, PETHREAD OwningThread, PIRP Irp);
typedef VOID(WSKAPI* PFN_WSK_FREE_ADDRESS_INFO)(PWSK_CLIENT Client, PADDRINFOEXW AddrInfo);
typedef NTSTATUS(WSKAPI* PFN_WSK_GET_NAME_INFO)(PWSK_CLIENT Client, PSOCKADDR SockAddr, ULONG SockAddrLength,
                                                PUNICODE_STRING NodeName, PUNICODE_STRING ServiceName,
                                                ULONG Flags, PEPROCESS OwningProcess, PETHREAD OwningThread,
                                                PIRP Irp);

typedef NTSTATUS(WSKAPI* PFN_WSK_CONTROL_SOCKET)(PWSK_SOCKET Socket, WSK_CONTROL_SOCKET_TYPE RequestType,
                                                 ULONG ControlCode, ULONG Level, SIZE_T InputSize,
                                                 PVOID InputBuffer, SIZE_T OutputSize, PVOID OutputBuffer,
                                                 SIZE_T* OutputSizeReturned, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_CLOSE_SOCKET)(PWSK_SOCKET Socket, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_BIND)(PWSK_SOCKET Socket, PSOCKADDR LocalAddress, ULONG Flags, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_GET_LOCAL_ADDRESS)(PWSK_SOCKET Socket, PSOCKADDR LocalAddress, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_GET_REMOTE_ADDRESS)(PWSK_SOCKET Socket, PSOCKADDR RemoteAddress, PIRP Irp);

typedef NTSTATUS(WSKAPI* PFN_WSK_SEND_TO)(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags,
                                          PSOCKADDR RemoteAddress, ULONG ControlInfoLength,
                                          PCMSGHDR ControlInfo, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_RECEIVE_FROM)(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags,
                                               PSOCKADDR RemoteAddress, PULONG ControlLength,
                                               PCMSGHDR ControlInfo, PULONG ControlFlags, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_RELEASE_DATAGRAM_INDICATION_LIST)(
    PWSK_SOCKET Socket, PWSK_DATAGRAM_INDICATION DatagramIndication);
typedef NTSTATUS(WSKAPI* PFN_WSK_SEND_MESSAGES)(PWSK_SOCKET Socket, PWSK_BUF_LIST BufferList, ULONG Flags,
                                                PSOCKADDR RemoteAddress, ULONG ControlInfoLength,
                                                PCMSGHDR ControlInfo, PIRP Irp);

typedef NTSTATUS(WSKAPI* PFN_WSK_ACCEPT)(PWSK_SOCKET ListenSocket, ULONG Flags, PVOID AcceptSocketContext,
                                         const WSK_CLIENT_CONNECTION_DISPATCH* AcceptSocketDispatch,
                                         PSOCKADDR LocalAddress, PSOCKADDR RemoteAddress, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_INSPECT_COMPLETE)(PWSK_SOCKET ListenSocket, PWSK_INSPECT_ID InspectID,
                                                   WSK_INSPECT_ACTION Action, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_LISTEN)(PWSK_SOCKET Socket, PIRP Irp);

typedef NTSTATUS(WSKAPI* PFN_WSK_CONNECT)(PWSK_SOCKET Socket, PSOCKADDR RemoteAddress, ULONG Flags, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_CONNECT_EX)(PWSK_SOCKET Socket, PSOCKADDR RemoteAddress, PWSK_BUF Buffer,
                                             ULONG Flags, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_SEND)(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_RECEIVE)(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_DISCONNECT)(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_RELEASE_DATA_INDICATION_LIST)(PWSK_SOCKET Socket,
                                                               PWSK_DATA_INDICATION DataIndication);
typedef NTSTATUS(WSKAPI* PFN_WSK_SEND_EX)(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags,
                                          ULONG ControlInfoLength, PCMSGHDR ControlInfo, PIRP Irp);
typedef NTSTATUS(WSKAPI* PFN_WSK_RECEIVE_EX)(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags,
                                             PULONG ControlInfoLength, PCMSGHDR ControlInfo, PULONG Reserved,
                                             PIRP Irp);

/* ======== provider tables ============================================================================== */

typedef struct _WSK_PROVIDER_DISPATCH {
    USHORT Version;
    USHORT Reserved;
    PFN_WSK_SOCKET WskSocket;
    PFN_WSK_SOCKET_CONNECT WskSocketConnect;
    PFN_WSK_CONTROL_CLIENT WskControlClient;
    PFN_WSK_GET_ADDRESS_INFO WskGetAddressInfo;
    PFN_WSK_FREE_ADDRESS_INFO WskFreeAddressInfo;
    PFN_WSK_GET_NAME_INFO WskGetNameInfo;
} WSK_PROVIDER_DISPATCH, *PWSK_PROVIDER_DISPATCH;

#define WSK_BASIC_MEMBERS                                                                                    \
    PFN_WSK_CONTROL_SOCKET WskControlSocket;                                                                 \
    PFN_WSK_CLOSE_SOCKET WskCloseSocket

typedef struct _WSK_PROVIDER_BASIC_DISPATCH {
    WSK_BASIC_MEMBERS;
} WSK_PROVIDER_BASIC_DISPATCH, *PWSK_PROVIDER_BASIC_DISPATCH;

/* Every other table starts with the basic one: an anonymous structure in C, a member named Basic in C++. */
#ifdef __cplusplus
#define WSK_BASIC_DISPATCH WSK_PROVIDER_BASIC_DISPATCH Basic
#else
#define WSK_BASIC_DISPATCH                                                                                   \
    struct {                                                                                                 \
        WSK_BASIC_MEMBERS;                                                                                   \
    }
#endif

typedef struct _WSK_PROVIDER_LISTEN_DISPATCH {
    WSK_BASIC_DISPATCH;
    PFN_WSK_BIND WskBind;
    PFN_WSK_ACCEPT WskAccept;
    PFN_WSK_INSPECT_COMPLETE WskInspectComplete;
    PFN_WSK_GET_LOCAL_ADDRESS WskGetLocalAddress;
} WSK_PROVIDER_LISTEN_DISPATCH, *PWSK_PROVIDER_LISTEN_DISPATCH;

typedef struct _WSK_PROVIDER_DATAGRAM_DISPATCH {
    WSK_BASIC_DISPATCH;
    PFN_WSK_BIND WskBind;
    PFN_WSK_SEND_TO WskSendTo;
    PFN_WSK_RECEIVE_FROM WskReceiveFrom;
    PFN_WSK_RELEASE_DATAGRAM_INDICATION_LIST WskRelease;
    PFN_WSK_GET_LOCAL_ADDRESS WskGetLocalAddress;
    PFN_WSK_SEND_MESSAGES WskSendMessages;
} WSK_PROVIDER_DATAGRAM_DISPATCH, *PWSK_PROVIDER_DATAGRAM_DISPATCH;

typedef struct _WSK_PROVIDER_CONNECTION_DISPATCH {
    WSK_BASIC_DISPATCH;
    PFN_WSK_BIND WskBind;
    PFN_WSK_CONNECT WskConnect;
    PFN_WSK_GET_LOCAL_ADDRESS WskGetLocalAddress;
    PFN_WSK_GET_REMOTE_ADDRESS WskGetRemoteAddress;
    PFN_WSK_SEND WskSend;
    PFN_WSK_RECEIVE WskReceive;
    PFN_WSK_DISCONNECT WskDisconnect;
    PFN_WSK_RELEASE_DATA_INDICATION_LIST WskRelease;
    PFN_WSK_CONNECT_EX WskConnectEx;
    PFN_WSK_SEND_EX WskSendEx;
    PFN_WSK_RECEIVE_EX WskReceiveEx;
} WSK_PROVIDER_CONNECTION_DISPATCH, *PWSK_PROVIDER_CONNECTION_DISPATCH;

typedef struct _WSK_PROVIDER_STREAM_DISPATCH {
    WSK_BASIC_DISPATCH;
    PFN_WSK_BIND WskBind;
    PFN_WSK_ACCEPT WskAccept;
    PFN_WSK_CONNECT WskConnect;
    PFN_WSK_LISTEN WskListen;
    PFN_WSK_SEND WskSend;
    PFN_WSK_RECEIVE WskReceive;
    PFN_WSK_DISCONNECT WskDisconnect;
    PFN_WSK_RELEASE_DATA_INDICATION_LIST WskRelease;
    PFN_WSK_GET_LOCAL_ADDRESS WskGetLocalAddress;
    PFN_WSK_GET_REMOTE_ADDRESS WskGetRemoteAddress;
    PFN_WSK_CONNECT_EX WskConnectEx;
    PFN_WSK_SEND_EX WskSendEx;
    PFN_WSK_RECEIVE_EX WskReceiveEx;
} WSK_PROVIDER_STREAM_DISPATCH, *PWSK_PROVIDER_STREAM_DISPATCH;

#define WSK_ASSERT_SLOT(table, member, slot) WSK_ASSERT_LAYOUT(FIELD_OFFSET(table, member) == (slot)*8)
WSK_ASSERT_LAYOUT(sizeof(WSK_PROVIDER_DISPATCH) == 56 && FIELD_OFFSET(WSK_PROVIDER_DISPATCH, Reserved) == 2);
WSK_ASSERT_SLOT(WSK_PROVIDER_DISPATCH, WskSocket, 1);
WSK_ASSERT_SLOT(WSK_PROVIDER_DISPATCH, WskControlClient, 3);
WSK_ASSERT_SLOT(WSK_PROVIDER_DISPATCH, WskGetNameInfo, 6);
WSK_ASSERT_LAYOUT(sizeof(WSK_PROVIDER_BASIC_DISPATCH) == 16);
WSK_ASSERT_SLOT(WSK_PROVIDER_BASIC_DISPATCH, WskCloseSocket, 1);
WSK_ASSERT_LAYOUT(sizeof(WSK_PROVIDER_LISTEN_DISPATCH) == 48);
WSK_ASSERT_SLOT(WSK_PROVIDER_LISTEN_DISPATCH, WskBind, 2);
WSK_ASSERT_SLOT(WSK_PROVIDER_LISTEN_DISPATCH, WskAccept, 3);
WSK_ASSERT_SLOT(WSK_PROVIDER_LISTEN_DISPATCH, WskInspectComplete, 4);
WSK_ASSERT_LAYOUT(sizeof(WSK_PROVIDER_DATAGRAM_DISPATCH) == 64);
WSK_ASSERT_SLOT(WSK_PROVIDER_DATAGRAM_DISPATCH, WskSendTo, 3);
WSK_ASSERT_SLOT(WSK_PROVIDER_DATAGRAM_DISPATCH, WskRelease, 5);
WSK_ASSERT_SLOT(WSK_PROVIDER_DATAGRAM_DISPATCH, WskSendMessages, 7);
WSK_ASSERT_LAYOUT(sizeof(WSK_PROVIDER_CONNECTION_DISPATCH) == 104);
WSK_ASSERT_SLOT(WSK_PROVIDER_CONNECTION_DISPATCH, WskGetLocalAddress, 4);
WSK_ASSERT_SLOT(WSK_PROVIDER_CONNECTION_DISPATCH, WskSend, 6);
WSK_ASSERT_SLOT(WSK_PROVIDER_CONNECTION_DISPATCH, WskDisconnect, 8);
WSK_ASSERT_SLOT(WSK_PROVIDER_CONNECTION_DISPATCH, WskConnectEx, 10);
WSK_ASSERT_LAYOUT(sizeof(WSK_PROVIDER_STREAM_DISPATCH) == 120);
WSK_ASSERT_SLOT(WSK_PROVIDER_STREAM_DISPATCH, WskListen, 5);
WSK_ASSERT_SLOT(WSK_PROVIDER_STREAM_DISPATCH, WskGetLocalAddress, 10);
WSK_ASSERT_SLOT(WSK_PROVIDER_STREAM_DISPATCH, WskConnectEx, 12);

/* ======== registration ================================================================================= */

typedef struct _WSK_CLIENT_NPI {
    PVOID ClientContext;
    const WSK_CLIENT_DISPATCH* Dispatch;
} WSK_CLIENT_NPI, *PWSK_CLIENT_NPI;

typedef struct _WSK_PROVIDER_NPI {
    PWSK_CLIENT Client;
    const WSK_PROVIDER_DISPATCH* Dispatch;
} WSK_PROVIDER_NPI, *PWSK_PROVIDER_NPI;

/* Opaque to clients; in non-paged memory that stays valid until WskDeregister has returned. */
typedef struct _WSK_REGISTRATION {
    ULONGLONG ReservedRegistrationState;
    PVOID ReservedRegistrationContext;
    KSPIN_LOCK ReservedRegistrationLock;
} WSK_REGISTRATION, *PWSK_REGISTRATION;

typedef struct _WSK_PROVIDER_CHARACTERISTICS {
    USHORT HighestVersion;
    USHORT LowestVersion;
} WSK_PROVIDER_CHARACTERISTICS, *PWSK_PROVIDER_CHARACTERISTICS;

WSK_ASSERT_LAYOUT(sizeof(WSK_CLIENT_NPI) == 16 && sizeof(WSK_PROVIDER_NPI) == 16);
WSK_ASSERT_LAYOUT(sizeof(WSK_REGISTRATION) == 24);
WSK_ASSERT_LAYOUT(FIELD_OFFSET(WSK_REGISTRATION, ReservedRegistrationLock) == 16);
WSK_ASSERT_LAYOUT(sizeof(WSK_PROVIDER_CHARACTERISTICS) == 4);

NTSTATUS WSKAPI WskRegister(PWSK_CLIENT_NPI WskClientNpi, PWSK_REGISTRATION WskRegistration);
VOID WSKAPI WskDeregister(PWSK_REGISTRATION WskRegistration);
NTSTATUS WSKAPI WskCaptureProviderNPI(PWSK_REGISTRATION WskRegistration, ULONG WaitTimeout,
                                      PWSK_PROVIDER_NPI WskProviderNpi);
VOID WSKAPI WskReleaseProviderNPI(PWSK_REGISTRATION WskRegistration);
NTSTATUS WSKAPI WskQueryProviderCharacteristics(PWSK_REGISTRATION WskRegistration,
                                                PWSK_PROVIDER_CHARACTERISTICS WskProviderCharacteristics);

#ifdef __cplusplus
}
#endif

#endif
