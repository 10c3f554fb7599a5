/* SPDX-License-Identifier: Apache-2.0
 *
 * POSIX sockets. peer.h tells what for.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace peer {

namespace {

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

int Bound(int version, int type)
{
    int fd = socket(Domain(version), type | SOCK_CLOEXEC, 0);
    Native any = ToNative(Loopback(version, 0));
    if (fd >= 0 && bind(fd, any.Get(), any.length) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

uint16_t PortOf(int fd)
{
    Native native;
    native.length = sizeof native.storage;
    getsockname(fd, native.Get(), &native.length);
    return FromNative(native).port;
}

bool AwaitReadable(int fd, int timeout_ms)
{
    pollfd entry = {fd, POLLIN, 0};
    return poll(&entry, 1, timeout_ms) > 0;
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
    close(fd_);
}

uint16_t Udp::Port() const
{
    return PortOf(fd_);
}

bool Udp::SendTo(uint16_t port, const void* data, size_t length)
{
    Native to = ToNative(Loopback(version_, port));
    return sendto(fd_, data, length, 0, to.Get(), to.length) == static_cast<ssize_t>(length);
}

bool Udp::Receive(std::vector<uint8_t>* data, Address* from, int timeout_ms)
{
    Native native;
    native.length = sizeof native.storage;
    data->resize(65536);
    if (!AwaitReadable(fd_, timeout_ms)) {
        return false;
    }
    ssize_t got = recvfrom(fd_, data->data(), data->size(), 0, native.Get(), &native.length);
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
    other.fd_ = -1;
    return *this;
}

void Tcp::Close()
{
    if (fd_ >= 0) {
        close(fd_);
        fd_ = -1;
    }
}

Tcp Tcp::Connect(int version, uint16_t port)
{
    int fd = socket(Domain(version), SOCK_STREAM | SOCK_CLOEXEC, 0);
    Native to = ToNative(Loopback(version, port));
    if (fd >= 0 && connect(fd, to.Get(), to.length) != 0) {
        close(fd);
        fd = -1;
    }
    return Tcp(fd);
}

uint16_t Tcp::LocalPort() const
{
    return PortOf(fd_);
}

bool Tcp::SendAll(const void* data, size_t length)
{
    auto* bytes = static_cast<const uint8_t*>(data);
    while (length > 0) {
        ssize_t sent = send(fd_, bytes, length, MSG_NOSIGNAL);
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
    if (!AwaitReadable(fd_, timeout_ms)) {
        return End::Timeout;
    }
    ssize_t got = recv(fd_, data, length, 0);
    if (got < 0) {
        return errno == ECONNRESET ? End::Reset : End::Error;
    }
    *received = static_cast<size_t>(got);
    return got == 0 ? End::Eof : End::Data;
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
    shutdown(fd_, SHUT_WR);
}

void Tcp::Reset()
{
    linger hard = {1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    Close();
}

TcpListener::TcpListener(int version, int backlog) : fd_(Bound(version, SOCK_STREAM)), version_(version)
{
    listen(fd_, backlog);
}

TcpListener::~TcpListener()
{
    close(fd_);
}

uint16_t TcpListener::Port() const
{
    return PortOf(fd_);
}

Tcp TcpListener::Accept(int timeout_ms)
{
    return AwaitReadable(fd_, timeout_ms) ? Tcp(accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)) : Tcp();
}

void TcpListener::Fill()
{
    Native to = ToNative(Loopback(version_, Port()));
    for (int i = 0; i < 8; i++) {
        int fd = socket(Domain(version_), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(fd, to.Get(), to.length);
        filling_.emplace_back(fd);
    }
}

uint16_t UnusedTcpPort()
{
    int fd = Bound(4, SOCK_STREAM);
    uint16_t port = PortOf(fd);
    close(fd);
    return port;
}

int OpenDescriptors()
{
    int count = 0;
    DIR* directory = opendir("/proc/self/fd");
    while (directory != nullptr && readdir(directory) != nullptr) {
        count++;
    }
    if (directory != nullptr) {
        closedir(directory);
    }
    return count;
}

} // namespace peer
