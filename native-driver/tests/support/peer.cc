/* SPDX-License-Identifier: Apache-2.0
 *
 * The peers, on the socket functions that POSIX and Winsock have in common.
 */
#include "peer.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>

#include "peer_system.h"

namespace peer {

namespace {

constexpr size_t kDatagramMax = 65536;

/* Linux hands out ports from 32768, Windows from 49152. */
constexpr unsigned kFirstQuietPort = 20000;
constexpr unsigned kQuietPorts = 12000;

constexpr int kFilling = 8;

/* An address in the system's form. */
struct Native {
    sockaddr_storage storage = {};
    socklen_t length = sizeof storage;

    sockaddr* Get()
    {
        return reinterpret_cast<sockaddr*>(&storage);
    }
};

Native ToNative(const Address& address)
{
    Native native;
    if (address.version == 4) {
        auto* in = reinterpret_cast<sockaddr_in*>(&native.storage);
        in->sin_family = AF_INET;
        in->sin_port = htons(address.port);
        memcpy(&in->sin_addr, address.bytes, 4);
        native.length = sizeof *in;
    } else {
        auto* in = reinterpret_cast<sockaddr_in6*>(&native.storage);
        in->sin6_family = AF_INET6;
        in->sin6_port = htons(address.port);
        memcpy(&in->sin6_addr, address.bytes, 16);
        native.length = sizeof *in;
    }
    return native;
}

Address FromNative(const Native& native)
{
    Address address;
    if (native.storage.ss_family == AF_INET) {
        auto* in = reinterpret_cast<const sockaddr_in*>(&native.storage);
        address.port = ntohs(in->sin_port);
        memcpy(address.bytes, &in->sin_addr, 4);
    } else {
        auto* in = reinterpret_cast<const sockaddr_in6*>(&native.storage);
        address.version = 6;
        address.port = ntohs(in->sin6_port);
        memcpy(address.bytes, &in->sin6_addr, 16);
    }
    return address;
}

Socket Make(int version, int type)
{
    return MakeSocket(version == 4 ? AF_INET : AF_INET6, type);
}

/* IPv6 without IPv4, as everywhere in the tests. */
bool Bind(Socket fd, const Address& address)
{
    Native local = ToNative(address);
    int only = 1;
    if (address.version == 6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, reinterpret_cast<const char*>(&only), sizeof only);
    }
    return bind(fd, local.Get(), local.length) == 0;
}

/* kNone on failure. */
Socket BoundToLoopback(int version, int type)
{
    Socket fd = Make(version, type);
    if (fd != kNone && !Bind(fd, Loopback(version, 0))) {
        CloseSocket(fd);
        fd = kNone;
    }
    return fd;
}

/* Without IPv6 support, no IPv6 port is taken. */
bool IsTaken(int version, int type, uint16_t port)
{
    Address wildcard;
    wildcard.version = version;
    wildcard.port = port;
    Socket fd = Make(version, type);
    bool taken = fd != kNone && !Bind(fd, wildcard);
    Holder closes(fd);
    return taken;
}

} // namespace

Address Loopback(int version, uint16_t port)
{
    Address address;
    address.version = version;
    address.port = port;
    if (version == 4) {
        address.bytes[0] = 127;
        address.bytes[3] = 1;
    } else {
        address.bytes[15] = 1;
    }
    return address;
}

Address Group(int version, uint8_t number, uint16_t port)
{
    Address address;
    address.version = version;
    address.port = port;
    address.bytes[0] = version == 4 ? 239 : 0xFF;
    address.bytes[1] = version == 4 ? 255 : 0x11; /* organization-local, interface-local */
    address.bytes[2] = version == 4 ? 77 : 0;
    address.bytes[version == 4 ? 3 : 15] = number;
    return address;
}

std::ostream& operator<<(std::ostream& out, End end)
{
    static const char* const names[] = {"data", "end of stream", "reset", "timeout", "error"};
    return out << names[static_cast<int>(end)];
}

/* ---- any socket -------------------------------------------------------------------------------------- */

Holder& Holder::operator=(Holder&& other) noexcept
{
    std::swap(fd_, other.fd_);
    other.Close();
    return *this;
}

uint16_t Holder::Port() const
{
    Native native;
    getsockname(fd_, native.Get(), &native.length);
    return FromNative(native).port;
}

void Holder::Close()
{
    if (fd_ != kNone) {
        CloseSocket(fd_);
        fd_ = kNone;
    }
}

/* ---- UDP --------------------------------------------------------------------------------------------- */

Udp::Udp(int version) : Holder(BoundToLoopback(version, SOCK_DGRAM)), version_(version)
{
}

bool Udp::SendTo(uint16_t port, const void* data, size_t length)
{
    Native to = ToNative(Loopback(version_, port));
    return sendto(fd_, static_cast<const char*>(data), length, 0, to.Get(), to.length) ==
           static_cast<ssize_t>(length);
}

bool Udp::Receive(std::vector<uint8_t>* data, Address* from, int timeout_ms)
{
    Native native;
    data->resize(kDatagramMax);
    if (!AwaitReadable(fd_, timeout_ms)) {
        return false;
    }
    ssize_t got =
        recvfrom(fd_, reinterpret_cast<char*>(data->data()), data->size(), 0, native.Get(), &native.length);
    data->resize(got < 0 ? 0 : static_cast<size_t>(got));
    if (got >= 0 && from != nullptr) {
        *from = FromNative(native);
    }
    return got >= 0;
}

std::string Udp::ReceiveText(Address* from)
{
    std::vector<uint8_t> data;
    return Receive(&data, from) ? std::string(data.begin(), data.end()) : "(nothing)";
}

namespace {

/* Bound to the wildcard address. */
Socket BoundToWildcard(int version)
{
    Address wildcard;
    wildcard.version = version;
    Socket fd = Make(version, SOCK_DGRAM);
    Bind(fd, wildcard);
    return fd;
}

template <typename Value> void SetOption(Socket fd, int level, int name, const Value& value)
{
    setsockopt(fd, level, name, reinterpret_cast<const char*>(&value), sizeof value);
}

} // namespace

GroupSender::GroupSender(int version) : Udp(version, BoundToWildcard(version))
{
    int hops = 0;
    if (version == 4) {
        Native loopback = ToNative(Loopback(4, 0));
        SetOption(fd_, IPPROTO_IP, IP_MULTICAST_IF,
                  reinterpret_cast<sockaddr_in*>(&loopback.storage)->sin_addr);
        SetOption(fd_, IPPROTO_IP, IP_MULTICAST_TTL, hops);
    } else {
        SetOption(fd_, IPPROTO_IPV6, IPV6_MULTICAST_IF, GroupInterface(6));
        SetOption(fd_, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops);
    }
}

bool GroupSender::SendToGroup(const Address& group, const std::string& text)
{
    Native to = ToNative(group);
    return sendto(fd_, text.data(), text.size(), 0, to.Get(), to.length) == static_cast<ssize_t>(text.size());
}

GroupMember::GroupMember(const Address& group) : Udp(group.version, BoundToWildcard(group.version))
{
    if (group.version == 4) {
        ip_mreq request = {};
        memcpy(&request.imr_multiaddr, group.bytes, 4);
        memcpy(&request.imr_interface, Loopback(4, 0).bytes, 4);
        SetOption(fd_, IPPROTO_IP, IP_ADD_MEMBERSHIP, request);
    } else {
        ipv6_mreq request = {};
        memcpy(&request.ipv6mr_multiaddr, group.bytes, 16);
        request.ipv6mr_interface = GroupInterface(6);
        SetOption(fd_, IPPROTO_IPV6, IPV6_JOIN_GROUP, request);
    }
}

/* ---- TCP --------------------------------------------------------------------------------------------- */

Tcp Tcp::Connect(int version, uint16_t port)
{
    Tcp made(Make(version, SOCK_STREAM));
    Native to = ToNative(Loopback(version, port));
    if (connect(made.fd_, to.Get(), to.length) != 0) {
        made.Close();
    }
    return made;
}

bool Tcp::SendAll(const void* data, size_t length)
{
    auto* bytes = static_cast<const char*>(data);
    while (length > 0) {
        ssize_t sent = send(fd_, bytes, length, kSendFlags);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        length -= static_cast<size_t>(sent);
    }
    return true;
}

/* Wine reports a reset to one call of any kind, and the next receive finds the end of the stream. A poll sees
 * it too. */
End Tcp::ReceiveSome(void* data, size_t length, size_t* received, int timeout_ms)
{
    *received = 0;
    if (!AwaitReadable(fd_, timeout_ms)) {
        return End::Timeout;
    }
    reset_ = reset_ || IsBroken(fd_);
    ssize_t got = recv(fd_, static_cast<char*>(data), length, 0);
    if (got < 0) {
        return FailedByReset() ? End::Reset : End::Error;
    }
    *received = static_cast<size_t>(got);
    if (got > 0) {
        return End::Data;
    }
    return reset_ || IsBroken(fd_) ? End::Reset : End::Eof;
}

End Tcp::Receive(std::string* data, size_t length, int timeout_ms)
{
    size_t received;
    data->resize(length);
    End end = ReceiveSome(&(*data)[0], length, &received, timeout_ms);
    data->resize(received);
    return end;
}

bool Tcp::ReceiveAll(void* data, size_t length, int timeout_ms)
{
    auto* bytes = static_cast<uint8_t*>(data);
    while (length > 0) {
        size_t received;
        if (ReceiveSome(bytes, length, &received, timeout_ms) != End::Data) {
            return false;
        }
        bytes += received;
        length -= received;
    }
    return true;
}

std::string Tcp::ReceiveText(size_t length)
{
    std::string text(length, '\0');
    size_t have = 0;
    size_t received;
    while (have < length && ReceiveSome(&text[have], length - have, &received, kPatience) == End::Data) {
        have += received;
    }
    text.resize(have);
    return text;
}

bool Tcp::AwaitData(int timeout_ms)
{
    return AwaitReadable(fd_, timeout_ms);
}

End Tcp::AwaitEnd(int timeout_ms)
{
    std::vector<uint8_t> buffer(65536);
    for (;;) {
        size_t received;
        End end = ReceiveSome(buffer.data(), buffer.size(), &received, timeout_ms);
        if (end != End::Data) {
            return end;
        }
    }
}

bool Tcp::AwaitReset(int timeout_ms)
{
    return Await([this] { return IsBroken(fd_); }, timeout_ms);
}

void Tcp::ShutdownSend()
{
    shutdown(fd_, kShutdownSend);
}

void Tcp::Reset()
{
    linger hard = {1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&hard), sizeof hard);
    Close();
}

/* ---- listeners --------------------------------------------------------------------------------------- */

TcpListener::TcpListener(int version, int backlog)
    : Holder(BoundToLoopback(version, SOCK_STREAM)), version_(version)
{
    listen(fd_, backlog);
}

Tcp TcpListener::Accept(int timeout_ms)
{
    return AwaitReadable(fd_, timeout_ms) ? Tcp(AcceptSocket(fd_)) : Tcp();
}

void TcpListener::SetReceiveBuffer(int bytes)
{
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, reinterpret_cast<const char*>(&bytes), sizeof bytes);
}

/* With a backlog of 0, one connection fills the queue. */
void TcpListener::Fill()
{
    Native to = ToNative(Loopback(version_, Port()));
    for (int i = 0; i < kFilling; i++) {
        Socket fd = Make(version_, SOCK_STREAM);
        MakeNonBlocking(fd);
        (void)!connect(fd, to.Get(), to.length);
        filling_.emplace_back(fd);
    }
    AwaitReadable(fd_, kPatience);
}

/* ---- ports ------------------------------------------------------------------------------------------- */

/* Bound, but not listening. */
UnusedTcpPort::UnusedTcpPort() : Holder(BoundToLoopback(4, SOCK_STREAM))
{
}

/* Connected to itself, so datagrams from others are refused. */
UnusedUdpPort::UnusedUdpPort() : Holder(BoundToLoopback(4, SOCK_DGRAM))
{
    Native self = ToNative(Loopback(4, Port()));
    (void)!connect(fd_, self.Get(), self.length);
}

uint16_t QuietPort()
{
    static std::atomic<unsigned> next{std::random_device()()};
    for (unsigned tries = 0; tries < kQuietPorts; tries++) {
        auto port = static_cast<uint16_t>(kFirstQuietPort + next++ % kQuietPorts);
        bool taken = IsTaken(4, SOCK_STREAM, port) || IsTaken(4, SOCK_DGRAM, port) ||
                     IsTaken(6, SOCK_STREAM, port) || IsTaken(6, SOCK_DGRAM, port);
        if (!taken) {
            return port;
        }
    }
    return 0;
}

bool IsUdpPortTaken(uint16_t port)
{
    return IsTaken(4, SOCK_DGRAM, port);
}

} // namespace peer
