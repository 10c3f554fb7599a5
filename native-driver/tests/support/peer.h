/* SPDX-License-Identifier: Apache-2.0
 *
 * The other end of the tests: ordinary sockets of the operating system on its loopback interface. Knows
 * nothing of the driver, its host or their headers, whose names clash with the system's.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "await.h"

namespace peer {

/* A descriptor of POSIX or a SOCKET of Winsock; kNone is no socket. */
using Socket = intptr_t;
constexpr Socket kNone = -1;

/* An IP address in network byte order, with its port in the host's. */
struct Address {
    int version = 4; /* 4 or 6 */
    uint8_t bytes[16] = {};
    uint16_t port = 0;
};

Address Loopback(int version, uint16_t port);

/* What a receive on a stream found. */
enum class End { Data, Eof, Reset, Timeout, Error };
std::ostream& operator<<(std::ostream& out, End end);

/* A socket, closed at the end. */
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
    /* Bound to the loopback address, on a port of the system's choice. */
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

  private:
    int version_;
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
    /* What comes next, up to length bytes. */
    End Receive(std::string* data, size_t length = 65536, int timeout_ms = kPatience);
    /* Exactly length bytes. */
    bool ReceiveAll(void* data, size_t length, int timeout_ms = kPatience);
    /* Exactly length bytes, or fewer when no more come. */
    std::string ReceiveText(size_t length);
    /* Whether there is something to receive, or the end of the stream. */
    bool AwaitData(int timeout_ms = kPatience);
    /* Reads and drops until the stream ends. */
    End AwaitEnd(int timeout_ms = kPatience);
    /* Whether the connection is reset, which is found out without receiving. */
    bool AwaitReset(int timeout_ms = kPatience);
    void ShutdownSend();
    /* Closes with a reset. */
    void Reset();

  private:
    End ReceiveSome(void* data, size_t length, size_t* received, int timeout_ms);

    bool reset_ = false; /* seen before the data was read that came first */
};

class TcpListener : public Holder {
  public:
    explicit TcpListener(int version = 4, int backlog = 128);

    Tcp Accept(int timeout_ms = kPatience);
    /* Of the connections that come from now on. */
    void SetReceiveBuffer(int bytes);
    /* Keeps the accept queue full, so that further connects hang. The backlog has to be 0. */
    void Fill();

  private:
    int version_;
    std::vector<Tcp> filling_;
};

/* Ports where nobody is. They are held, so that nobody else comes there while the test goes on. */
class UnusedTcpPort : public Holder {
  public:
    UnusedTcpPort();
};

class UnusedUdpPort : public Holder {
  public:
    UnusedUdpPort();
};

/* A port that is free in both protocols and families, and that no system hands out unasked. For tests that
 * give up a port and want it again, and for those that still send to a port that was given up. */
uint16_t QuietPort();

/* Binds a socket to the port for a moment; false when that can be done. */
bool IsUdpPortTaken(uint16_t port);

} // namespace peer
