/* SPDX-License-Identifier: Apache-2.0
 *
 * POSIX sockets as the peers of the tests.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace peer {

const long ConnectionReset = -ECONNRESET;
const long TimedOut = -ETIMEDOUT;

namespace {

constexpr int Patience = 5000;

struct Address {
    union {
        sockaddr Any;
        sockaddr_in V4;
        sockaddr_in6 V6;
    };
    socklen_t Length;
};

Address Parse(const char* Ip, uint16_t Port)
{
    Address Result;
    memset(&Result, 0, sizeof(Result));
    if (strchr(Ip, ':') != nullptr) {
        Result.V6.sin6_family = AF_INET6;
        Result.V6.sin6_port = htons(Port);
        inet_pton(AF_INET6, Ip, &Result.V6.sin6_addr);
        Result.Length = sizeof(Result.V6);
    } else {
        Result.V4.sin_family = AF_INET;
        Result.V4.sin_port = htons(Port);
        inet_pton(AF_INET, Ip, &Result.V4.sin_addr);
        Result.Length = sizeof(Result.V4);
    }
    return Result;
}

Socket Open(const char* Ip, uint16_t Port, int Type)
{
    Address Local = Parse(Ip, Port);
    int Descriptor = socket(Local.Any.sa_family, Type | SOCK_CLOEXEC, 0);
    if (Descriptor >= 0 && bind(Descriptor, &Local.Any, Local.Length) < 0) {
        close(Descriptor);
        Descriptor = -1;
    }
    return Socket(Descriptor);
}

bool WaitFor(int Descriptor, short Events, int Milliseconds)
{
    pollfd Poll = {Descriptor, Events, 0};
    return poll(&Poll, 1, Milliseconds) > 0;
}

uint16_t PortOf(const Address& Name)
{
    return ntohs(Name.Any.sa_family == AF_INET6 ? Name.V6.sin6_port : Name.V4.sin_port);
}

} // namespace

Socket& Socket::operator=(Socket&& Other) noexcept
{
    Close();
    Descriptor_ = Other.Descriptor_;
    Other.Descriptor_ = -1;
    return *this;
}

void Socket::Close()
{
    if (Descriptor_ >= 0) {
        close(Descriptor_);
    }
    Descriptor_ = -1;
}

void Socket::Reset()
{
    linger Now = {1, 0};
    setsockopt(Descriptor_, SOL_SOCKET, SO_LINGER, &Now, sizeof(Now));
    Close();
}

uint16_t Socket::Port() const
{
    Address Name;
    Name.Length = sizeof(Name.V6);
    getsockname(Descriptor_, &Name.Any, &Name.Length);
    return PortOf(Name);
}

bool Socket::WaitReadable(int Milliseconds)
{
    return WaitFor(Descriptor_, POLLIN, Milliseconds);
}

long Socket::Receive(void* Buffer, size_t Length)
{
    if (!WaitReadable(Patience)) {
        return TimedOut;
    }
    ssize_t Bytes = recv(Descriptor_, Buffer, Length, 0);
    return Bytes >= 0 ? Bytes : -errno;
}

std::string Socket::ReceiveExactly(size_t Length)
{
    std::string Data(Length, '\0');
    size_t Done = 0;
    while (Done < Length) {
        long Bytes = Receive(&Data[Done], Length - Done);
        if (Bytes <= 0) {
            break;
        }
        Done += static_cast<size_t>(Bytes);
    }
    Data.resize(Done);
    return Data;
}

bool Socket::SendAll(const std::string& Data)
{
    size_t Done = 0;
    while (Done < Data.size()) {
        ssize_t Bytes = send(Descriptor_, Data.data() + Done, Data.size() - Done, MSG_NOSIGNAL);
        if (Bytes < 0) {
            return false;
        }
        Done += static_cast<size_t>(Bytes);
    }
    return true;
}

bool Socket::ShutdownSend()
{
    return shutdown(Descriptor_, SHUT_WR) == 0;
}

Socket Socket::Accept(int Milliseconds)
{
    if (!WaitReadable(Milliseconds)) {
        return Socket();
    }
    return Socket(accept4(Descriptor_, nullptr, nullptr, SOCK_CLOEXEC));
}

void Socket::SetReceiveBuffer(int Bytes)
{
    setsockopt(Descriptor_, SOL_SOCKET, SO_RCVBUF, &Bytes, sizeof(Bytes));
}

bool Socket::SendTo(const std::string& Data, const char* Ip, uint16_t Port)
{
    Address To = Parse(Ip, Port);
    return sendto(Descriptor_, Data.data(), Data.size(), 0, &To.Any, To.Length) ==
           static_cast<ssize_t>(Data.size());
}

long Socket::ReceiveFrom(std::string* Data, std::string* Ip, uint16_t* Port)
{
    char Buffer[66000];
    char Text[INET6_ADDRSTRLEN];
    Address From;
    From.Length = sizeof(From.V6);
    if (!WaitReadable(Patience)) {
        return TimedOut;
    }
    ssize_t Bytes = recvfrom(Descriptor_, Buffer, sizeof(Buffer), 0, &From.Any, &From.Length);
    if (Bytes < 0) {
        return -errno;
    }
    Data->assign(Buffer, static_cast<size_t>(Bytes));
    if (Ip != nullptr) {
        const void* Raw = From.Any.sa_family == AF_INET6 ? static_cast<const void*>(&From.V6.sin6_addr)
                                                         : static_cast<const void*>(&From.V4.sin_addr);
        *Ip = inet_ntop(From.Any.sa_family, Raw, Text, sizeof(Text));
    }
    if (Port != nullptr) {
        *Port = PortOf(From);
    }
    return Bytes;
}

Socket OpenUdp(const char* Ip, uint16_t Port)
{
    return Open(Ip, Port, SOCK_DGRAM);
}

Socket Listen(const char* Ip, uint16_t Port)
{
    Address Local = Parse(Ip, Port);
    int On = 1;
    int Descriptor = socket(Local.Any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(Descriptor, SOL_SOCKET, SO_REUSEADDR, &On, sizeof(On));
    if (bind(Descriptor, &Local.Any, Local.Length) < 0 || listen(Descriptor, 128) < 0) {
        close(Descriptor);
        return Socket();
    }
    return Socket(Descriptor);
}

Socket Connect(const char* Ip, uint16_t Port)
{
    Address To = Parse(Ip, Port);
    int Descriptor = socket(To.Any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(Descriptor, &To.Any, To.Length) < 0) {
        close(Descriptor);
        return Socket();
    }
    return Socket(Descriptor);
}

uint16_t UnusedTcpPort()
{
    return Open("127.0.0.1", 0, SOCK_STREAM).Port();
}

uint16_t UnusedUdpPort()
{
    return Open("127.0.0.1", 0, SOCK_DGRAM).Port();
}

long ContextSwitches()
{
    rusage Usage;
    getrusage(RUSAGE_SELF, &Usage);
    return Usage.ru_nvcsw;
}

} // namespace peer
