/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of backend.h's sockets with Winsock, and the membership of groups. Both are noted, because a
 * system socket that replaces another needs them too.
 */
#include "winsock_socket.h"

#include <iphlpapi.h>
#include <limits.h>
#include <mstcpip.h>
#include <stdlib.h>
#include <string.h>

#include "native_address.h"

/* Keep-alive options by Windows' numbers, for headers that lack them. */
#define KEEP_IDLE     3
#define KEEP_COUNT    16
#define KEEP_INTERVAL 17
/* Options about ancillary data, likewise; the same for both levels. */
#define PACKET_INFO           19
#define HOP_LIMIT             21
#define RECEIVE_TRAFFIC_CLASS 40
#define RECEIVE_ERRORS        75
#define RECEIVE_COALESCED     3
/* Windows' defaults in seconds, and the largest value. */
#define DEFAULT_KEEP_IDLE     7200
#define DEFAULT_KEEP_INTERVAL 1
#define KEEP_MAX              32767

/* clang-format off */
static const struct {
    int Level;
    int Name;
    int Name6; /* 0, or the name at IPv6's level, for sockets of that family */
} OptionNames[BackendOptionMax] = {
    [BackendReceiveBuffer] = {SOL_SOCKET, SO_RCVBUF, 0},
    [BackendSendBuffer] = {SOL_SOCKET, SO_SNDBUF, 0},
    [BackendKeepAlive] = {SOL_SOCKET, SO_KEEPALIVE, 0},
    [BackendBroadcast] = {SOL_SOCKET, SO_BROADCAST, 0},
    [BackendNoDelay] = {IPPROTO_TCP, TCP_NODELAY, 0},
    [BackendKeepIdle] = {IPPROTO_TCP, KEEP_IDLE, 0},
    [BackendKeepInterval] = {IPPROTO_TCP, KEEP_INTERVAL, 0},
    [BackendKeepCount] = {IPPROTO_TCP, KEEP_COUNT, 0},
    [BackendV6Only] = {IPPROTO_IPV6, IPV6_V6ONLY, 0},
    [BackendShareAddress] = {SOL_SOCKET, SO_REUSEADDR, 0},
    [BackendMulticastInterface] = {IPPROTO_IP, IP_MULTICAST_IF, IPV6_MULTICAST_IF},
    [BackendMulticastHops] = {IPPROTO_IP, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS},
    [BackendMulticastLoop] = {IPPROTO_IP, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP},
    [BackendUnicastHops] = {IPPROTO_IP, IP_TTL, IPV6_UNICAST_HOPS},
    [BackendUnicastInterface] = {IPPROTO_IP, IP_UNICAST_IF, IPV6_UNICAST_IF},
    [BackendDontFragment] = {IPPROTO_IP, IP_DONTFRAGMENT, IPV6_DONTFRAG},
    [BackendMtuDiscover] = {IPPROTO_IP, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER},
    [BackendMtu] = {IPPROTO_IP, IP_MTU, IPV6_MTU},
    [BackendReceiveBroadcast] = {IPPROTO_IP, IP_RECEIVE_BROADCAST, 0},
    [BackendPacketInfo4] = {IPPROTO_IP, PACKET_INFO, 0},
    [BackendTrafficClass4] = {IPPROTO_IP, RECEIVE_TRAFFIC_CLASS, 0},
    [BackendHopLimit4] = {IPPROTO_IP, HOP_LIMIT, 0},
    [BackendErrors4] = {IPPROTO_IP, RECEIVE_ERRORS, 0},
    [BackendPacketInfo6] = {IPPROTO_IPV6, PACKET_INFO, 0},
    [BackendTrafficClass6] = {IPPROTO_IPV6, RECEIVE_TRAFFIC_CLASS, 0},
    [BackendHopLimit6] = {IPPROTO_IPV6, HOP_LIMIT, 0},
    [BackendErrors6] = {IPPROTO_IPV6, RECEIVE_ERRORS, 0},
    [BackendCoalesce] = {IPPROTO_UDP, RECEIVE_COALESCED, 0},
};
/* clang-format on */

static void FindName(const WINSOCK_SOCKET* Socket, BACKEND_OPTION Option, int* Level, int* Name)
{
    *Level = OptionNames[Option].Level;
    *Name = OptionNames[Option].Name;
    if (OptionNames[Option].Name6 != 0 && Socket->Family == AF_INET6) {
        *Level = IPPROTO_IPV6;
        *Name = OptionNames[Option].Name6;
    }
}

static bool IsSet(const WINSOCK_SOCKET* Socket, BACKEND_OPTION Option)
{
    return (__atomic_load_n(&Socket->OptionsSet, __ATOMIC_SEQ_CST) & (1ull << Option)) != 0;
}

static uint32_t OptionOr(const WINSOCK_SOCKET* Socket, BACKEND_OPTION Option, uint32_t Default)
{
    return IsSet(Socket, Option) ? Socket->Options[Option] : Default;
}

static void Remember(WINSOCK_SOCKET* Socket, BACKEND_OPTION Option, uint32_t Value)
{
    Socket->Options[Option] = Value;
    __atomic_or_fetch(&Socket->OptionsSet, 1ull << Option, __ATOMIC_SEQ_CST);
}

/* Errors and coalesced datagrams are not implemented here: Wine has neither. */
static bool IsLacking(BACKEND_OPTION Option)
{
    return Option == BackendErrors4 || Option == BackendErrors6 || Option == BackendCoalesce;
}

static bool IsKeepTime(BACKEND_OPTION Option)
{
    return Option == BackendKeepIdle || Option == BackendKeepInterval;
}

/* The older interface, which sets all values at once and turns keep-alive on. */
static int32_t SetKeepTimes(const WINSOCK_SOCKET* Socket)
{
    struct tcp_keepalive Times = {
        .onoff = 1,
        .keepalivetime = OptionOr(Socket, BackendKeepIdle, DEFAULT_KEEP_IDLE) * 1000,
        .keepaliveinterval = OptionOr(Socket, BackendKeepInterval, DEFAULT_KEEP_INTERVAL) * 1000,
    };
    DWORD Returned;

    return Result(
        WSAIoctl(Socket->Socket, SIO_KEEPALIVE_VALS, &Times, sizeof(Times), NULL, 0, &Returned, NULL, NULL));
}

/* Wine has no options for the times. They are stored until keep-alive is turned on. */
static int32_t KeepTimeWithoutOption(WINSOCK_SOCKET* Socket, BACKEND_OPTION Option, uint32_t Value)
{
    if (Value == 0 || Value > KEEP_MAX) {
        return WSAEINVAL;
    }
    Remember(Socket, Option, Value);
    return (OptionOr(Socket, BackendKeepAlive, 0) != 0) ? SetKeepTimes(Socket) : 0;
}

/* Another thread may call this for a second socket of the address while this socket is being replaced. */
static int32_t ShareAddress(WINSOCK_SOCKET* Socket, uint32_t Value)
{
    int32_t Error;

    PollerLock();
    Error = SetInteger(Socket->Socket, SOL_SOCKET, SO_REUSEADDR, Value != 0);
    if (Error == 0) {
        Remember(Socket, BackendShareAddress, Value);
    }
    PollerUnlock();
    return Error;
}

/* Windows names an interface by its index in network byte order, as an address that begins with 0. Wine takes
 * only an address that the interface has, so one is used where there is one. */
static IN_ADDR InterfaceAddress(uint32_t Index)
{
    IN_ADDR Address = {.S_un.S_addr = htonl(Index)};
    MIB_IPADDRTABLE* Table;
    ULONG Size = 0;

    if (Index == 0 || GetIpAddrTable(NULL, &Size, FALSE) != ERROR_INSUFFICIENT_BUFFER) {
        return Address;
    }
    Table = calloc(1, Size);
    if (Table != NULL && GetIpAddrTable(Table, &Size, FALSE) == NO_ERROR) {
        for (DWORD Row = 0; Row < Table->dwNumEntries; Row++) {
            if (Table->table[Row].dwIndex == Index) {
                Address.S_un.S_addr = Table->table[Row].dwAddr;
                break;
            }
        }
    }
    free(Table);
    return Address;
}

/* IPv6 has indices in host byte order. */
static int ToSystem(const WINSOCK_SOCKET* Socket, BACKEND_OPTION Option, int Value)
{
    if (Socket->Family != AF_INET6 && Option == BackendUnicastInterface) {
        return (int)htonl((u_long)Value);
    }
    if (Socket->Family != AF_INET6 && Option == BackendMulticastInterface) {
        return (int)InterfaceAddress((uint32_t)Value).S_un.S_addr;
    }
    return Value;
}

static int FromSystem(const WINSOCK_SOCKET* Socket, BACKEND_OPTION Option, int Value)
{
    bool Reversed = Socket->Family != AF_INET6 && Option == BackendUnicastInterface;

    return Reversed ? (int)ntohl((u_long)Value) : Value;
}

int32_t BackendSetOption(BACKEND_HANDLE Handle, BACKEND_OPTION Option, uint32_t Value)
{
    WINSOCK_SOCKET* Socket = FromHandle(Handle);
    int Native = (Value > INT_MAX) ? INT_MAX : (int)Value;
    int32_t Error;
    int Level;
    int Name;

    if (Option == BackendShareAddress) {
        return ShareAddress(Socket, Value);
    }
    if (IsLacking(Option)) {
        return WSAENOPROTOOPT;
    }
    Native = ToSystem(Socket, Option, Native);
    FindName(Socket, Option, &Level, &Name);
    Error = SetInteger(Socket->Socket, Level, Name, Native);
    if (Error == WSAENOPROTOOPT && IsKeepTime(Option)) {
        return KeepTimeWithoutOption(Socket, Option, Value);
    }
    if (Error == 0) {
        Remember(Socket, Option, (uint32_t)Native);
        if (Option == BackendKeepAlive && Value != 0 &&
            (IsSet(Socket, BackendKeepIdle) || IsSet(Socket, BackendKeepInterval))) {
            Error = SetKeepTimes(Socket);
        }
    }
    return Error;
}

int32_t BackendGetOption(BACKEND_HANDLE Handle, BACKEND_OPTION Option, uint32_t* Value)
{
    WINSOCK_SOCKET* Socket = FromHandle(Handle);
    int Native = 0;
    int32_t Error;
    int Level;
    int Name;

    if (Option == BackendShareAddress || IsLacking(Option)) {
        return WSAENOPROTOOPT;
    }
    FindName(Socket, Option, &Level, &Name);
    Error = GetInteger(Socket->Socket, Level, Name, &Native);
    *Value = (uint32_t)FromSystem(Socket, Option, Native);
    if (Error == WSAENOPROTOOPT && IsKeepTime(Option)) {
        *Value =
            OptionOr(Socket, Option, (Option == BackendKeepIdle) ? DEFAULT_KEEP_IDLE : DEFAULT_KEEP_INTERVAL);
        return 0;
    }
    if ((Option == BackendReceiveBuffer || Option == BackendSendBuffer) && IsSet(Socket, Option)) {
        *Value *= 2; /* as backend.h defines it; Winsock reports the value that was set */
    }
    return Error;
}

/* ---- groups ------------------------------------------------------------------------------------------ */

/* A change that a replacement of the system's socket has to repeat. */
struct _WINSOCK_GROUP {
    struct _WINSOCK_GROUP* Next;
    BACKEND_GROUP_CHANGE Change; /* JoinGroup, JoinSource or BlockSource */
    BACKEND_GROUP Group;
};

/* Wine passes Windows' structure with a source on to Linux, where source and interface are the other way
 * round. */
static int32_t ChangeIpv4(SOCKET Socket, BACKEND_GROUP_CHANGE Change, const BACKEND_GROUP* Group)
{
    static const int Names[] = {
        [BackendJoinGroup] = IP_ADD_MEMBERSHIP,         [BackendLeaveGroup] = IP_DROP_MEMBERSHIP,
        [BackendBlockSource] = IP_BLOCK_SOURCE,         [BackendUnblockSource] = IP_UNBLOCK_SOURCE,
        [BackendJoinSource] = IP_ADD_SOURCE_MEMBERSHIP, [BackendLeaveSource] = IP_DROP_SOURCE_MEMBERSHIP,
    };
    IP_MREQ_SOURCE WithSource;
    IP_MREQ Request;

    memcpy(&Request.imr_multiaddr, Group->Group.Bytes, 4);
    Request.imr_interface = InterfaceAddress(Group->Interface);
    if (Group->Source.Family == 0) {
        return Result(setsockopt(Socket, IPPROTO_IP, Names[Change], (const char*)&Request, sizeof(Request)));
    }
    WithSource.imr_multiaddr = Request.imr_multiaddr;
    WithSource.imr_interface = Request.imr_interface;
    memcpy(&WithSource.imr_sourceaddr, Group->Source.Bytes, 4);
    return Result(
        setsockopt(Socket, IPPROTO_IP, Names[Change], (const char*)&WithSource, sizeof(WithSource)));
}

/* Wine has no sources of IPv6 groups. */
static int32_t ChangeIpv6(SOCKET Socket, BACKEND_GROUP_CHANGE Change, const BACKEND_GROUP* Group)
{
    static const int Names[] = {
        [BackendJoinGroup] = IPV6_JOIN_GROUP,          [BackendLeaveGroup] = IPV6_LEAVE_GROUP,
        [BackendBlockSource] = MCAST_BLOCK_SOURCE,     [BackendUnblockSource] = MCAST_UNBLOCK_SOURCE,
        [BackendJoinSource] = MCAST_JOIN_SOURCE_GROUP, [BackendLeaveSource] = MCAST_LEAVE_SOURCE_GROUP,
    };
    GROUP_SOURCE_REQ WithSource;
    IPV6_MREQ Request;
    NATIVE_ADDRESS Native;
    int Length;

    if (Group->Source.Family == 0) {
        memcpy(&Request.ipv6mr_multiaddr, Group->Group.Bytes, 16);
        Request.ipv6mr_interface = Group->Interface;
        return Result(
            setsockopt(Socket, IPPROTO_IPV6, Names[Change], (const char*)&Request, sizeof(Request)));
    }
    memset(&WithSource, 0, sizeof(WithSource));
    WithSource.gsr_interface = Group->Interface;
    Length = ToNative(&Group->Group, &Native);
    memcpy(&WithSource.gsr_group, &Native, Length);
    Length = ToNative(&Group->Source, &Native);
    memcpy(&WithSource.gsr_source, &Native, Length);
    return Result(
        setsockopt(Socket, IPPROTO_IPV6, Names[Change], (const char*)&WithSource, sizeof(WithSource)));
}

static int32_t ChangeNative(SOCKET Socket, BACKEND_GROUP_CHANGE Change, const BACKEND_GROUP* Group)
{
    return (Group->Group.Family == BACKEND_IPV6) ? ChangeIpv6(Socket, Change, Group)
                                                 : ChangeIpv4(Socket, Change, Group);
}

static bool IsSameHost(const BACKEND_ADDRESS* A, const BACKEND_ADDRESS* B)
{
    return A->Family == B->Family && memcmp(A->Bytes, B->Bytes, sizeof(A->Bytes)) == 0;
}

/* Whether the end of a membership, or of a block, ends what was noted. */
static bool IsEndedBy(const struct _WINSOCK_GROUP* Noted, BACKEND_GROUP_CHANGE Change,
                      const BACKEND_GROUP* Group)
{
    if (Noted->Group.Interface != Group->Interface || !IsSameHost(&Noted->Group.Group, &Group->Group)) {
        return false;
    }
    switch (Change) {
    case BackendLeaveGroup:
        return true; /* with all that it blocks */
    case BackendLeaveSource:
        return Noted->Change == BackendJoinSource && IsSameHost(&Noted->Group.Source, &Group->Source);
    case BackendUnblockSource:
        return Noted->Change == BackendBlockSource && IsSameHost(&Noted->Group.Source, &Group->Source);
    default:
        return false;
    }
}

static void Forget(WINSOCK_SOCKET* Socket, BACKEND_GROUP_CHANGE Change, const BACKEND_GROUP* Group)
{
    struct _WINSOCK_GROUP** Link = &Socket->Groups;

    while (*Link != NULL) {
        struct _WINSOCK_GROUP* Noted = *Link;

        if (IsEndedBy(Noted, Change, Group)) {
            *Link = Noted->Next;
            free(Noted);
        } else {
            Link = &Noted->Next;
        }
    }
}

/* In order, since blocks come after their membership. */
static void Append(WINSOCK_SOCKET* Socket, struct _WINSOCK_GROUP* New)
{
    struct _WINSOCK_GROUP** Link = &Socket->Groups;

    while (*Link != NULL) {
        Link = &(*Link)->Next;
    }
    *Link = New;
}

static bool IsBegin(BACKEND_GROUP_CHANGE Change)
{
    return Change == BackendJoinGroup || Change == BackendJoinSource || Change == BackendBlockSource;
}

int32_t BackendChangeGroup(BACKEND_HANDLE Handle, BACKEND_GROUP_CHANGE Change, const BACKEND_GROUP* Group)
{
    WINSOCK_SOCKET* Socket = FromHandle(Handle);
    struct _WINSOCK_GROUP* New = NULL;
    int32_t Error;

    if (IsBegin(Change)) {
        New = calloc(1, sizeof(*New));
        if (New == NULL) {
            return WSA_NOT_ENOUGH_MEMORY;
        }
        New->Change = Change;
        New->Group = *Group;
    }
    Error = ChangeNative(Socket->Socket, Change, Group);
    if (Error != 0) {
        free(New);
    } else if (New != NULL) {
        Append(Socket, New);
    } else {
        Forget(Socket, Change, Group);
    }
    return Error;
}

/* ---- for a system socket that replaces another ------------------------------------------------------- */

void OptionsCopy(const WINSOCK_SOCKET* Socket, SOCKET New)
{
    int Level;
    int Name;

    for (int Option = 0; Option < BackendOptionMax; Option++) {
        if (Option != BackendShareAddress && IsSet(Socket, (BACKEND_OPTION)Option)) {
            FindName(Socket, (BACKEND_OPTION)Option, &Level, &Name);
            (void)SetInteger(New, Level, Name, (int)Socket->Options[Option]);
        }
    }
    for (const struct _WINSOCK_GROUP* Noted = Socket->Groups; Noted != NULL; Noted = Noted->Next) {
        (void)ChangeNative(New, Noted->Change, &Noted->Group);
    }
}

/* Another thread may set this option at the same time, see ShareAddress. */
void OptionsRestoreSharing(WINSOCK_SOCKET* Socket)
{
    PollerLock();
    (void)SetInteger(Socket->Socket, SOL_SOCKET, SO_REUSEADDR, OptionOr(Socket, BackendShareAddress, 0) != 0);
    PollerUnlock();
}

void OptionsForget(WINSOCK_SOCKET* Socket)
{
    while (Socket->Groups != NULL) {
        struct _WINSOCK_GROUP* First = Socket->Groups;

        Socket->Groups = First->Next;
        free(First);
    }
}
