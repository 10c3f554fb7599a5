/* SPDX-License-Identifier: Apache-2.0
 *
 * InformedUdp, on Linux' control messages.
 */
#include "informed_peer.h"

#include <cstring>

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "peer_system.h"

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace peer {

namespace {

bool TurnOn(Socket fd, int level, int name)
{
    int on = 1;
    return setsockopt(static_cast<int>(fd), level, name, &on, sizeof on) == 0;
}

socklen_t ToNative(const Address& address, sockaddr_storage* native)
{
    memset(native, 0, sizeof *native);
    if (address.version == 4) {
        auto* in = reinterpret_cast<sockaddr_in*>(native);
        in->sin_family = AF_INET;
        in->sin_port = htons(address.port);
        memcpy(&in->sin_addr, address.bytes, 4);
        return sizeof *in;
    }
    auto* in = reinterpret_cast<sockaddr_in6*>(native);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(address.port);
    memcpy(&in->sin6_addr, address.bytes, 16);
    return sizeof *in;
}

Address FromNative(const sockaddr_storage& native)
{
    Address address;
    if (native.ss_family == AF_INET) {
        auto* in = reinterpret_cast<const sockaddr_in*>(&native);
        address.port = ntohs(in->sin_port);
        memcpy(address.bytes, &in->sin_addr, 4);
    } else {
        auto* in = reinterpret_cast<const sockaddr_in6*>(&native);
        address.version = 6;
        address.port = ntohs(in->sin6_port);
        memcpy(address.bytes, &in->sin6_addr, 16);
    }
    return address;
}

template <typename T> void Put(msghdr* header, int level, int type, T value)
{
    auto* message =
        reinterpret_cast<cmsghdr*>(static_cast<char*>(header->msg_control) + header->msg_controllen);
    message->cmsg_level = level;
    message->cmsg_type = type;
    message->cmsg_len = CMSG_LEN(sizeof value);
    memcpy(CMSG_DATA(message), &value, sizeof value);
    header->msg_controllen += CMSG_SPACE(sizeof value);
}

int Number(const cmsghdr* message)
{
    int value = *CMSG_DATA(message);
    if (message->cmsg_len >= CMSG_LEN(sizeof value)) {
        memcpy(&value, CMSG_DATA(message), sizeof value);
    }
    return value;
}

void Take(const cmsghdr* message, Seen* seen)
{
    in_pktinfo info4;
    in6_pktinfo info6;
    if (message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_PKTINFO) {
        memcpy(&info4, CMSG_DATA(message), sizeof info4);
        memcpy(seen->local.bytes, &info4.ipi_addr, 4);
        seen->interface = static_cast<unsigned>(info4.ipi_ifindex);
    } else if (message->cmsg_level == IPPROTO_IPV6 && message->cmsg_type == IPV6_PKTINFO) {
        memcpy(&info6, CMSG_DATA(message), sizeof info6);
        seen->local.version = 6;
        memcpy(seen->local.bytes, &info6.ipi6_addr, 16);
        seen->interface = info6.ipi6_ifindex;
    } else if ((message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_TOS) ||
               (message->cmsg_level == IPPROTO_IPV6 && message->cmsg_type == IPV6_TCLASS)) {
        seen->traffic_class = Number(message);
    } else if ((message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_TTL) ||
               (message->cmsg_level == IPPROTO_IPV6 && message->cmsg_type == IPV6_HOPLIMIT)) {
        seen->hop_limit = Number(message);
    } else if (message->cmsg_level == SOL_UDP && message->cmsg_type == UDP_GRO) {
        seen->segment = Number(message);
    }
}

} // namespace

InformedUdp::InformedUdp(int version)
    : Holder(MakeSocket(version == 4 ? AF_INET : AF_INET6, SOCK_DGRAM)), version_(version)
{
    Address any;
    any.version = version;
    sockaddr_storage native;
    socklen_t length = ToNative(any, &native);
    if (version == 6) {
        TurnOn(fd_, IPPROTO_IPV6, IPV6_V6ONLY);
        TurnOn(fd_, IPPROTO_IPV6, IPV6_RECVPKTINFO);
        TurnOn(fd_, IPPROTO_IPV6, IPV6_RECVTCLASS);
        TurnOn(fd_, IPPROTO_IPV6, IPV6_RECVHOPLIMIT);
    } else {
        TurnOn(fd_, IPPROTO_IP, IP_PKTINFO);
        TurnOn(fd_, IPPROTO_IP, IP_RECVTOS);
        TurnOn(fd_, IPPROTO_IP, IP_RECVTTL);
    }
    if (bind(static_cast<int>(fd_), reinterpret_cast<sockaddr*>(&native), length) != 0) {
        Close();
    }
}

bool InformedUdp::Coalesce()
{
    return TurnOn(fd_, SOL_UDP, UDP_GRO);
}

bool InformedUdp::SendTo(const Address& to, const std::string& data, const How& how)
{
    alignas(cmsghdr) char control[256] = {};
    sockaddr_storage native;
    iovec piece = {const_cast<char*>(data.data()), data.size()};
    msghdr header = {};
    header.msg_name = &native;
    header.msg_namelen = ToNative(to, &native);
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = control;
    bool four = version_ == 4;
    if (how.traffic_class >= 0) {
        Put(&header, four ? IPPROTO_IP : IPPROTO_IPV6, four ? IP_TOS : IPV6_TCLASS, how.traffic_class);
    }
    if (how.hop_limit >= 0) {
        Put(&header, four ? IPPROTO_IP : IPPROTO_IPV6, four ? IP_TTL : IPV6_HOPLIMIT, how.hop_limit);
    }
    if (how.segment >= 0) {
        Put(&header, SOL_UDP, UDP_SEGMENT, static_cast<uint16_t>(how.segment));
    }
    return sendmsg(static_cast<int>(fd_), &header, MSG_NOSIGNAL) == static_cast<ssize_t>(data.size());
}

std::string InformedUdp::Receive(Seen* seen, Address* from)
{
    alignas(cmsghdr) char control[256];
    sockaddr_storage native = {};
    std::string data(65536, '\0');
    iovec piece = {&data[0], data.size()};
    msghdr header = {};
    header.msg_name = &native;
    header.msg_namelen = sizeof native;
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    if (!AwaitReadable(fd_, kPatience)) {
        return "(nothing)";
    }
    ssize_t length = recvmsg(static_cast<int>(fd_), &header, 0);
    if (length < 0) {
        return "(nothing)";
    }
    *seen = Seen();
    for (cmsghdr* message = CMSG_FIRSTHDR(&header); message != nullptr;
         message = CMSG_NXTHDR(&header, message)) {
        Take(message, seen);
    }
    if (from != nullptr) {
        *from = FromNative(native);
    }
    data.resize(static_cast<size_t>(length));
    return data;
}

unsigned LoopbackInterface()
{
    return if_nametoindex("lo");
}

Address Loopback4(uint8_t last, uint16_t port)
{
    Address address = Loopback(4, port);
    address.bytes[3] = last;
    return address;
}

} // namespace peer
