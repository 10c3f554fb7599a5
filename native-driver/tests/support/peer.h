/* SPDX-License-Identifier: Apache-2.0
 *
 * The peers of the tests: ordinary sockets of the operating system on the loopback interface. Does not use
 * the headers of the driver or its host, whose names clash with the system's.
 */
#ifndef TESTS_SUPPORT_PEER_H
#define TESTS_SUPPORT_PEER_H

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "await.h"

namespace peer {

/* A POSIX descriptor or a Winsock SOCKET; kNone: no socket. */
using Socket = intptr_t;
constexpr Socket kNone = -1;

/* An IP address in network byte order, with a port in host byte order. */
struct Address {
    int version = 4; /* 4 or 6 */
    uint8_t bytes[16] = {};
    uint16_t port = 0;
};

Address Loopback(int version, uint16_t port);

/* A multicast address that does not leave this machine. */
Address Group(int version, uint8_t number, uint16_t port);

/* The index of the loopback interface, on every system here. */
constexpr uint32_t kLoopbackIndex = 1;

/* The index of an interface on which there are groups: the loopback interface for IPv4, which has none for
 * IPv6, where it is an ordinary one. 0: there is none. */
uint32_t GroupInterface(int version);

/* What a receive on a stream found. */
enum class End { Data, Eof, Reset, Timeout, Error };
std::ostream& operator<<(std::ostream& out, End end);

/* A socket, closed by the destructor. */
class Holder {
  public:
    explicit Holder(Socket fd = kNone) : fd_(fd)
    {
    }
    Holder(Holder&& other) noexcept : fd_(other.fd_)
    {
        other.fd_ = kNone;
    }
    Holder& operator=(Holder&& other) noexcept;
    ~Holder()
    {
        Close();
    }

    bool IsOpen() const
    {
        return fd_ != kNone;
    }
    uint16_t Port() const;
    void Close();

  protected:
    Socket fd_;
};

class Udp : public Holder {
  public:
    /* Bound to the loopback address, on a port that the system chooses. */
    explicit Udp(int version = 4);

    bool SendTo(uint16_t port, const void* data, size_t length);
    bool SendTo(uint16_t port, const std::string& text)
    {
        return SendTo(port, text.data(), text.size());
    }
    /* The next datagram, whole; false when none came in time. */
    bool Receive(std::vector<uint8_t>* data, Address* from = nullptr, int timeout_ms = kPatience);
    /* The same as text; "(nothing)" when none came. */
    std::string ReceiveText(Address* from = nullptr);

  protected:
    Udp(int version, Socket fd) : Holder(fd), version_(version)
    {
    }

  private:
    int version_;
};

/* Sends to groups through GroupInterface, and not out of this machine. Bound to the wildcard address. */
class GroupSender : public Udp {
  public:
    explicit GroupSender(int version);
    bool SendToGroup(const Address& group, const std::string& text);
};

/* A member of a group on GroupInterface, bound to the wildcard address. */
class GroupMember : public Udp {
  public:
    explicit GroupMember(const Address& group);
};

class Tcp : public Holder {
  public:
    using Holder::Holder;
    static Tcp Connect(int version, uint16_t port);

    bool SendAll(const void* data, size_t length);
    bool SendAll(const std::string& text)
    {
        return SendAll(text.data(), text.size());
    }
    /* Receives the next bytes, up to length. */
    End Receive(std::string* data, size_t length = 65536, int timeout_ms = kPatience);
    /* Exactly length bytes. */
    bool ReceiveAll(void* data, size_t length, int timeout_ms = kPatience);
    /* Receives exactly length bytes; fewer after the timeout or the end. */
    std::string ReceiveText(size_t length);
    /* Whether there is something to receive, or the end of the stream. */
    bool AwaitData(int timeout_ms = kPatience);
    /* Reads and discards until the stream ends. */
    End AwaitEnd(int timeout_ms = kPatience);
    /* Waits for a reset of the connection, without receiving. */
    bool AwaitReset(int timeout_ms = kPatience);
    void ShutdownSend();
    /* Closes with a reset. */
    void Reset();

  private:
    End ReceiveSome(void* data, size_t length, size_t* received, int timeout_ms);

    bool reset_ = false; /* seen before earlier data was read */
};

class TcpListener : public Holder {
  public:
    explicit TcpListener(int version = 4, int backlog = 128);

    Tcp Accept(int timeout_ms = kPatience);
    /* For connections that arrive from now on. */
    void SetReceiveBuffer(int bytes);
    /* Keeps the accept queue full, so that further connects hang. The backlog has to be 0. */
    void Fill();

  private:
    int version_;
    std::vector<Tcp> filling_;
};

/* Ports where nothing answers. They stay bound, so that no other program uses them during the test. */
class UnusedTcpPort : public Holder {
  public:
    UnusedTcpPort();
};

class UnusedUdpPort : public Holder {
  public:
    UnusedUdpPort();
};

/* A port that is free in both protocols and families and outside the ephemeral range. For tests that release
 * a port and bind it again, or still send to a released port. */
uint16_t QuietPort();

/* Tries to bind a socket to the port; false if that works. */
bool IsUdpPortTaken(uint16_t port);

} // namespace peer

#endif
