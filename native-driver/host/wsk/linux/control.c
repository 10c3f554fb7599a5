/* SPDX-License-Identifier: Apache-2.0
 *
 * Ancillary data between backend.h and Linux' control messages.
 */
#include "control.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/errqueue.h>

/* ICMP messages that carry the MTU of the next hop. */
#define ICMP_UNREACHABLE          3
#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMPV6_PACKET_TOO_BIG     2

/* ---- to the system ----------------------------------------------------------------------------------- */

static void Put(struct msghdr* Header, int Level, int Type, const void* Data, size_t Size)
{
    struct cmsghdr* Message = (struct cmsghdr*)((unsigned char*)Header->msg_control + Header->msg_controllen);

    Message->cmsg_level = Level;
    Message->cmsg_type = Type;
    Message->cmsg_len = CMSG_LEN(Size);
    memcpy(CMSG_DATA(Message), Data, Size);
    Header->msg_controllen += CMSG_SPACE(Size);
}

static void PutNumber(struct msghdr* Header, int Level, int Type, uint32_t Value)
{
    int Native = (int)Value;

    Put(Header, Level, Type, &Native, sizeof(Native));
}

static void PutPacketInfo4(struct msghdr* Header, const BACKEND_CONTROL* Control)
{
    struct in_pktinfo Info = {.ipi_ifindex = (int)Control->Interface};

    memcpy(&Info.ipi_spec_dst, Control->Local.Bytes, sizeof(Info.ipi_spec_dst));
    Put(Header, IPPROTO_IP, IP_PKTINFO, &Info, sizeof(Info));
}

static void PutPacketInfo6(struct msghdr* Header, const BACKEND_CONTROL* Control)
{
    struct in6_pktinfo Info = {.ipi6_ifindex = Control->Interface};

    memcpy(&Info.ipi6_addr, Control->Local.Bytes, sizeof(Info.ipi6_addr));
    Put(Header, IPPROTO_IPV6, IPV6_PKTINFO, &Info, sizeof(Info));
}

void ControlToNative(const BACKEND_CONTROL* Control, NATIVE_CONTROL* Room, struct msghdr* Header)
{
    int Four = (Control->Family == BACKEND_IPV4);
    uint16_t Segment = (uint16_t)Control->SegmentSize;

    memset(Room, 0, sizeof(*Room));
    Header->msg_control = Room;
    Header->msg_controllen = 0;
    if (Control->Present & BACKEND_CONTROL_PACKET_INFO) {
        (Four ? PutPacketInfo4 : PutPacketInfo6)(Header, Control);
    }
    if (Control->Present & BACKEND_CONTROL_TRAFFIC_CLASS) {
        PutNumber(Header, Four ? IPPROTO_IP : IPPROTO_IPV6, Four ? IP_TOS : IPV6_TCLASS,
                  Control->TrafficClass);
    }
    if (Control->Present & BACKEND_CONTROL_HOP_LIMIT) {
        PutNumber(Header, Four ? IPPROTO_IP : IPPROTO_IPV6, Four ? IP_TTL : IPV6_HOPLIMIT, Control->HopLimit);
    }
    if (Control->Present & BACKEND_CONTROL_SEGMENT_SIZE) {
        Put(Header, SOL_UDP, UDP_SEGMENT, &Segment, sizeof(Segment));
    }
}

/* ---- from the system --------------------------------------------------------------------------------- */

void ControlToReceive(NATIVE_CONTROL* Room, struct msghdr* Header)
{
    Header->msg_control = Room;
    Header->msg_controllen = sizeof(*Room);
}

static uint32_t Number(const struct cmsghdr* Message)
{
    int Value = 0;

    if (Message->cmsg_len < CMSG_LEN(sizeof(Value))) {
        return *(const unsigned char*)CMSG_DATA(Message); /* IP_TOS is one byte */
    }
    memcpy(&Value, CMSG_DATA(Message), sizeof(Value));
    return (uint32_t)Value;
}

static void TakeLocal(BACKEND_CONTROL* Control, uint16_t Family, const void* Address, size_t Size,
                      uint32_t Interface)
{
    Control->Present |= BACKEND_CONTROL_PACKET_INFO;
    Control->Local.Family = Family;
    memcpy(Control->Local.Bytes, Address, Size);
    Control->Interface = Interface;
}

/* Errors that come from this system and not from ICMP are not reported. */
static void TakeError(BACKEND_CONTROL* Control, const struct cmsghdr* Message)
{
    struct sock_extended_err Error;
    bool Four, Carries;

    memcpy(&Error, CMSG_DATA(Message), sizeof(Error));
    if (Error.ee_origin != SO_EE_ORIGIN_ICMP && Error.ee_origin != SO_EE_ORIGIN_ICMP6) {
        return;
    }
    Four = (Error.ee_origin == SO_EE_ORIGIN_ICMP);
    Carries = Four ? Error.ee_type == ICMP_UNREACHABLE && Error.ee_code == ICMP_FRAGMENTATION_NEEDED
                   : Error.ee_type == ICMPV6_PACKET_TOO_BIG;
    Control->Present |= BACKEND_CONTROL_ERROR;
    Control->ErrorProtocol = Four ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    Control->ErrorType = Error.ee_type;
    Control->ErrorCode = Error.ee_code;
    Control->ErrorMtu = Carries ? Error.ee_info : 0;
}

static void Take4(BACKEND_CONTROL* Control, const struct cmsghdr* Message)
{
    struct in_pktinfo Info;

    switch (Message->cmsg_type) {
    case IP_PKTINFO:
        memcpy(&Info, CMSG_DATA(Message), sizeof(Info));
        TakeLocal(Control, BACKEND_IPV4, &Info.ipi_addr, sizeof(Info.ipi_addr), (uint32_t)Info.ipi_ifindex);
        break;
    case IP_TOS:
        Control->Present |= BACKEND_CONTROL_TRAFFIC_CLASS;
        Control->TrafficClass = Number(Message);
        break;
    case IP_TTL:
        Control->Present |= BACKEND_CONTROL_HOP_LIMIT;
        Control->HopLimit = Number(Message);
        break;
    case IP_RECVERR:
        TakeError(Control, Message);
        break;
    default:
        break;
    }
}

/* A dual-stack socket gets IPv6's packet info of IPv4 datagrams too, with a mapped address. */
static void Take6(BACKEND_CONTROL* Control, const struct cmsghdr* Message)
{
    struct in6_pktinfo Info;

    switch (Message->cmsg_type) {
    case IPV6_PKTINFO:
        memcpy(&Info, CMSG_DATA(Message), sizeof(Info));
        if (!IN6_IS_ADDR_V4MAPPED(&Info.ipi6_addr)) {
            TakeLocal(Control, BACKEND_IPV6, &Info.ipi6_addr, sizeof(Info.ipi6_addr), Info.ipi6_ifindex);
        }
        break;
    case IPV6_TCLASS:
        Control->Present |= BACKEND_CONTROL_TRAFFIC_CLASS;
        Control->TrafficClass = Number(Message);
        break;
    case IPV6_HOPLIMIT:
        Control->Present |= BACKEND_CONTROL_HOP_LIMIT;
        Control->HopLimit = Number(Message);
        break;
    case IPV6_RECVERR:
        TakeError(Control, Message);
        break;
    default:
        break;
    }
}

void ControlFromNative(struct msghdr* Header, BACKEND_CONTROL* Control)
{
    memset(Control, 0, sizeof(*Control));
    for (struct cmsghdr* Message = CMSG_FIRSTHDR(Header); Message != NULL;
         Message = CMSG_NXTHDR(Header, Message)) {
        if (Message->cmsg_level == IPPROTO_IP) {
            Take4(Control, Message);
        } else if (Message->cmsg_level == IPPROTO_IPV6) {
            Take6(Control, Message);
        } else if (Message->cmsg_level == SOL_UDP && Message->cmsg_type == UDP_GRO) {
            Control->Present |= BACKEND_CONTROL_SEGMENT_SIZE;
            Control->SegmentSize = Number(Message);
        }
    }
}
