/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of backend.h's sockets on Linux, and the membership of groups.
 */
#include "backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "control.h"
#include "refuse.h"
#include "native_address.h"

static int32_t Result(int Value)
{
    return (Value >= 0) ? 0 : errno;
}

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
    [BackendKeepIdle] = {IPPROTO_TCP, TCP_KEEPIDLE, 0},
    [BackendKeepInterval] = {IPPROTO_TCP, TCP_KEEPINTVL, 0},
    [BackendKeepCount] = {IPPROTO_TCP, TCP_KEEPCNT, 0},
    [BackendV6Only] = {IPPROTO_IPV6, IPV6_V6ONLY, 0},
    [BackendMulticastHops] = {IPPROTO_IP, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS},
    [BackendUnicastHops] = {IPPROTO_IP, IP_TTL, IPV6_UNICAST_HOPS},
    [BackendUnicastInterface] = {IPPROTO_IP, IP_UNICAST_IF, IPV6_UNICAST_IF},
    [BackendDontFragment] = {IPPROTO_IP, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER},
    [BackendMtuDiscover] = {IPPROTO_IP, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER},
    [BackendMtu] = {IPPROTO_IP, IP_MTU, IPV6_MTU},
    [BackendPacketInfo4] = {IPPROTO_IP, IP_PKTINFO, 0},
    [BackendTrafficClass4] = {IPPROTO_IP, IP_RECVTOS, 0},
    [BackendHopLimit4] = {IPPROTO_IP, IP_RECVTTL, 0},
    [BackendErrors4] = {IPPROTO_IP, IP_RECVERR, 0},
    [BackendPacketInfo6] = {IPPROTO_IPV6, IPV6_RECVPKTINFO, 0},
    [BackendTrafficClass6] = {IPPROTO_IPV6, IPV6_RECVTCLASS, 0},
    [BackendHopLimit6] = {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 0},
    [BackendErrors6] = {IPPROTO_IPV6, IPV6_RECVERR, 0},
    [BackendCoalesce] = {SOL_UDP, UDP_GRO, 0},
};
/* clang-format on */

/* IP_PMTUDISC_... by Windows' PMTUD_STATE. */
static const int MtuStates[] = {IP_PMTUDISC_WANT, IP_PMTUDISC_DO, IP_PMTUDISC_DONT, IP_PMTUDISC_PROBE};
#define MTU_STATES (sizeof(MtuStates) / sizeof(*MtuStates))

static bool IsIpv6(int Socket)
{
    int Domain = 0;
    socklen_t Length = sizeof(Domain);

    return getsockopt(Socket, SOL_SOCKET, SO_DOMAIN, &Domain, &Length) == 0 && Domain == AF_INET6;
}

static void FindName(int Socket, BACKEND_OPTION Option, int* Level, int* Name)
{
    *Level = OptionNames[Option].Level;
    *Name = OptionNames[Option].Name;
    if (OptionNames[Option].Name6 != 0 && IsIpv6(Socket)) {
        *Level = IPPROTO_IPV6;
        *Name = OptionNames[Option].Name6;
    }
}

/* Datagram sockets share through SO_REUSEADDR. For streams that flag only concerns TIME_WAIT; two listeners
 * share through SO_REUSEPORT. */
static int32_t SetShareAddress(int Socket, int Value)
{
    int Type = 0;
    socklen_t Length = sizeof(Type);

    if (getsockopt(Socket, SOL_SOCKET, SO_TYPE, &Type, &Length) < 0) {
        return errno;
    }
    return Result(setsockopt(Socket, SOL_SOCKET, (Type == SOCK_DGRAM) ? SO_REUSEADDR : SO_REUSEPORT, &Value,
                             sizeof(Value)));
}

static int32_t SetMulticastInterface(int Socket, int Index)
{
    struct ip_mreqn Request = {.imr_ifindex = Index};

    if (IsIpv6(Socket)) {
        return Result(setsockopt(Socket, IPPROTO_IPV6, IPV6_MULTICAST_IF, &Index, sizeof(Index)));
    }
    return Result(setsockopt(Socket, IPPROTO_IP, IP_MULTICAST_IF, &Request, sizeof(Request)));
}

/* The system's value of an option that it numbers in its own way. False: there is no such value. */
static bool ToSystem(BACKEND_OPTION Option, int* Value)
{
    switch (Option) {
    case BackendUnicastInterface:
        *Value = (int)htonl((uint32_t)*Value);
        return true;
    case BackendDontFragment:
        *Value = (*Value != 0) ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
        return true;
    case BackendMtuDiscover:
        if ((unsigned)*Value >= MTU_STATES) {
            return false;
        }
        *Value = MtuStates[*Value];
        return true;
    default:
        return true;
    }
}

static uint32_t FromSystem(BACKEND_OPTION Option, int Value)
{
    uint32_t State = 0;

    switch (Option) {
    case BackendUnicastInterface:
        return ntohl((uint32_t)Value);
    case BackendDontFragment:
        return Value == IP_PMTUDISC_DO || Value == IP_PMTUDISC_PROBE;
    case BackendMtuDiscover:
        while (State < MTU_STATES - 1 && MtuStates[State] != Value) {
            State++;
        }
        return State;
    default:
        return (uint32_t)Value;
    }
}

int32_t BackendSetOption(BACKEND_HANDLE Handle, BACKEND_OPTION Option, uint32_t Value)
{
    int Native = (Value > INT_MAX) ? INT_MAX : (int)Value;
    int Level;
    int Name;

    switch (Option) {
    case BackendShareAddress:
        return SetShareAddress((int)Handle, Native);
    case BackendMulticastInterface:
        return SetMulticastInterface((int)Handle, Native);
    case BackendMulticastLoop:
        return RefuseDatagrams((int)Handle, RefusedOwnMulticast, Value == 0);
    case BackendReceiveBroadcast:
        return RefuseDatagrams((int)Handle, RefusedBroadcast, Value == 0);
    default:
        break;
    }
    if (!ToSystem(Option, &Native)) {
        return EINVAL;
    }
    FindName((int)Handle, Option, &Level, &Name);
    return Result(setsockopt((int)Handle, Level, Name, &Native, sizeof(Native)));
}

int32_t BackendGetOption(BACKEND_HANDLE Handle, BACKEND_OPTION Option, uint32_t* Value)
{
    int Native = 0;
    socklen_t Length = sizeof(Native);
    int Level;
    int Name;
    int32_t Error;

    *Value = 0;
    if (Option == BackendShareAddress) {
        return ENOPROTOOPT;
    }
    FindName((int)Handle, Option, &Level, &Name);
    if (Name == 0) {
        return 0; /* one that can't be read back */
    }
    Error = Result(getsockopt((int)Handle, Level, Name, &Native, &Length));
    *Value = FromSystem(Option, Native);
    return Error;
}

int32_t BackendChangeGroup(BACKEND_HANDLE Handle, BACKEND_GROUP_CHANGE Change, const BACKEND_GROUP* Group)
{
    static const int Names[] = {
        [BackendJoinGroup] = MCAST_JOIN_GROUP,         [BackendLeaveGroup] = MCAST_LEAVE_GROUP,
        [BackendBlockSource] = MCAST_BLOCK_SOURCE,     [BackendUnblockSource] = MCAST_UNBLOCK_SOURCE,
        [BackendJoinSource] = MCAST_JOIN_SOURCE_GROUP, [BackendLeaveSource] = MCAST_LEAVE_SOURCE_GROUP,
    };
    struct group_source_req Request;
    NATIVE_ADDRESS Native;
    socklen_t Length = ToNative(&Group->Group, &Native);

    memset(&Request, 0, sizeof(Request));
    Request.gsr_interface = Group->Interface;
    memcpy(&Request.gsr_group, &Native, Length);
    Length = sizeof(struct group_req); /* which is the beginning */
    if (Group->Source.Family != 0) {
        Length = ToNative(&Group->Source, &Native);
        memcpy(&Request.gsr_source, &Native, Length);
        Length = sizeof(Request);
    }
    return Result(setsockopt((int)Handle, (Group->Group.Family == BACKEND_IPV6) ? IPPROTO_IPV6 : IPPROTO_IP,
                             Names[Change], &Request, Length));
}
