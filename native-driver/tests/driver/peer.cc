/* SPDX-License-Identifier: Apache-2.0
 *
 * The sockets of POSIX, or of Winsock. peer.h tells what for.
 */
#include "peer.h"

#include <cstring>

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

namespace peer {

namespace {

/* ---- where the two differ ---------------------------------------------------------------------------- */

#ifdef _WIN32

constexpr int kSendFlags = 0;

struct Startup {
    Startup()
    {
        WSADATA data;
        WSAStartup(MAKEWORD(2, 2), &data);
    }
} startup;

Socket Make(int domain, int type)
{
    return static_cast<Socket>(socket(domain, type, 0));
}

Socket AcceptOne(Socket fd)
{
    return static_cast<Socket>(accept(fd, nullptr, nullptr));
}

void CloseSocket(Socket fd)
{
    closesocket(fd);
}

void MakeNonBlocking(Socket fd)
{
    u_long on = 1;
    ioctlsocket(fd, FIONBIO, &on);
}

/* Wine tells of a reset here, or from the function that waits for data, but from no other. */
bool AwaitReadable(Socket fd, int timeout_ms, bool* reset)
{
    WSAPOLLFD entry = {static_cast<SOCKET>(fd), POLLIN, 0};
    bool readable = WSAPoll(&entry, 1, timeout_ms) > 0;
    *reset = *reset || (entry.revents & POLLERR);
    return readable;
}

bool LastWasReset()
{
    return WSAGetLastError() == WSAECONNRESET;
}

#else

constexpr int kSendFlags = MSG_NOSIGNAL;
constexpr int SD_SEND = SHUT_WR;

Socket Make(int domain, int type)
{
    return socket(domain, type | SOCK_CLOEXEC, 0);
}

Socket AcceptOne(Socket fd)
{
    return accept4(static_cast<int>(fd), nullptr, nullptr, SOCK_CLOEXEC);
}

void CloseSocket(Socket fd)
{
    close(static_cast<int>(fd));
}

void MakeNonBlocking(Socket fd)
{
    int on = 1;
    ioctl(static_cast<int>(fd), FIONBIO, &on);
}

bool AwaitReadable(Socket fd, int timeout_ms, bool*)
{
    pollfd entry = {static_cast<int>(fd), POLLIN, 0};
    return poll(&entry, 1, timeout_ms) > 0;
}

bool LastWasReset()
{
    return errno == ECONNRESET;
}

#endif

/* ---- addresses --------------------------------------------------------------------------------------- */

/* An address as the system takes it. */
struct Native {
    sockaddr_storage storage = {};
    socklen_t length = 0;

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

int Domain(int version)
{
    return version == 4 ? AF_INET : AF_INET6;
}

Socket Bound(int version, int type)
{
    Socket fd = Make(Domain(version), type);
    Native any = ToNative(Loopback(version, 0));
    if (fd != kNone && bind(fd, any.Get(), any.length) != 0) {
        CloseSocket(fd);
        fd = kNone;
    }
    return fd;
}

uint16_t PortOf(Socket fd)
{
    Native native;
    native.length = sizeof native.storage;
    getsockname(fd, native.Get(), &native.length);
    return FromNative(native).port;
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

/* ---- UDP --------------------------------------------------------------------------------------------- */

Udp::Udp(int version) : fd_(Bound(version, SOCK_DGRAM)), version_(version)
{
}

Udp::~Udp()
{
    CloseSocket(fd_);
}

uint16_t Udp::Port() const
{
    return PortOf(fd_);
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
    native.length = sizeof native.storage;
    bool reset = false;
    data->resize(65536);
    if (!AwaitReadable(fd_, timeout_ms, &reset)) {
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

/* ---- TCP --------------------------------------------------------------------------------------------- */

Tcp::~Tcp()
{
    Close();
}

Tcp& Tcp::operator=(Tcp&& other)
{
    Close();
    fd_ = other.fd_;
    reset_ = other.reset_;
    other.fd_ = kNone;
    return *this;
}

void Tcp::Close()
{
    if (fd_ != kNone) {
        CloseSocket(fd_);
        fd_ = kNone;
    }
}

Tcp Tcp::Connect(int version, uint16_t port)
{
    Socket fd = Make(Domain(version), SOCK_STREAM);
    Native to = ToNative(Loopback(version, port));
    if (fd != kNone && connect(fd, to.Get(), to.length) != 0) {
        CloseSocket(fd);
        fd = kNone;
    }
    return Tcp(fd);
}

uint16_t Tcp::LocalPort() const
{
    return PortOf(fd_);
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

End Tcp::Receive(void* data, size_t length, size_t* received, int timeout_ms)
{
    *received = 0;
    if (!AwaitReadable(fd_, timeout_ms, &reset_)) {
        return End::Timeout;
    }
    ssize_t got = recv(fd_, static_cast<char*>(data), length, 0);
    if (got < 0) {
        return LastWasReset() ? End::Reset : End::Error;
    }
    *received = static_cast<size_t>(got);
    return got > 0 ? End::Data : reset_ ? End::Reset : End::Eof;
}

bool Tcp::ReceiveAll(void* data, size_t length, int timeout_ms)
{
    auto* bytes = static_cast<uint8_t*>(data);
    while (length > 0) {
        size_t received;
        if (Receive(bytes, length, &received, timeout_ms) != End::Data) {
            return false;
        }
        bytes += received;
        length -= received;
    }
    return true;
}

End Tcp::AwaitEnd(int timeout_ms)
{
    std::vector<uint8_t> buffer(65536);
    for (;;) {
        size_t received;
        End end = Receive(buffer.data(), buffer.size(), &received, timeout_ms);
        if (end != End::Data) {
            return end;
        }
    }
}

void Tcp::ShutdownSend()
{
    shutdown(fd_, SD_SEND);
}

void Tcp::Reset()
{
    linger hard = {1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&hard), sizeof hard);
    Close();
}

TcpListener::TcpListener(int version, int backlog) : fd_(Bound(version, SOCK_STREAM)), version_(version)
{
    listen(fd_, backlog);
}

TcpListener::~TcpListener()
{
    CloseSocket(fd_);
}

uint16_t TcpListener::Port() const
{
    return PortOf(fd_);
}

Tcp TcpListener::Accept(int timeout_ms)
{
    bool reset = false;
    return AwaitReadable(fd_, timeout_ms, &reset) ? Tcp(AcceptOne(fd_)) : Tcp();
}

void TcpListener::Fill()
{
    Native to = ToNative(Loopback(version_, Port()));
    for (int i = 0; i < 8; i++) {
        Socket fd = Make(Domain(version_), SOCK_STREAM);
        MakeNonBlocking(fd);
        (void)!connect(fd, to.Get(), to.length);
        filling_.emplace_back(fd);
    }
}

uint16_t UnusedTcpPort()
{
    Socket fd = Bound(4, SOCK_STREAM);
    uint16_t port = PortOf(fd);
    CloseSocket(fd);
    return port;
}

} // namespace peer
