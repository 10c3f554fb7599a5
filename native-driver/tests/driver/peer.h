/* SPDX-License-Identifier: Apache-2.0
 *
 * The other end of the tests: ordinary sockets of the operating system on its loopback interface. Knows
 * nothing of the driver or its headers, whose names clash with the system's.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

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

/* How a wait for data ended. */
enum class End { Data, Eof, Reset, Timeout, Error };

class Udp {
  public:
    /* Bound to the loopback address, on a port of the system's choice. */
    explicit Udp(int version = 4);
    ~Udp();
    Udp(const Udp&) = delete;
    Udp& operator=(const Udp&) = delete;

    uint16_t Port() const;
    bool SendTo(uint16_t port, const void* data, size_t length);
    bool SendTo(uint16_t port, const std::string& text)
    {
        return SendTo(port, text.data(), text.size());
    }
    /* The next datagram, whole; false when none came in time. */
    bool Receive(std::vector<uint8_t>* data, Address* from, int timeout_ms);

  private:
    Socket fd_;
    int version_;
};

class Tcp {
  public:
    explicit Tcp(Socket fd = kNone) : fd_(fd)
    {
    }
    ~Tcp();
    Tcp(Tcp&& other) : fd_(other.fd_), reset_(other.reset_)
    {
        other.fd_ = kNone;
    }
    Tcp& operator=(Tcp&& other);

    static Tcp Connect(int version, uint16_t port);
    bool Open() const
    {
        return fd_ != kNone;
    }
    uint16_t LocalPort() const;
    bool SendAll(const void* data, size_t length);
    bool SendAll(const std::string& text)
    {
        return SendAll(text.data(), text.size());
    }
    /* Up to length bytes. */
    End Receive(void* data, size_t length, size_t* received, int timeout_ms);
    /* Exactly length bytes. */
    bool ReceiveAll(void* data, size_t length, int timeout_ms);
    /* Reads and drops until the stream ends. */
    End AwaitEnd(int timeout_ms);
    void ShutdownSend();
    /* Closes with a reset. */
    void Reset();
    void Close();

  private:
    Socket fd_;
    bool reset_ = false; /* seen before the data was read that came first */
};

class TcpListener {
  public:
    explicit TcpListener(int version = 4, int backlog = 128);
    ~TcpListener();
    TcpListener(const TcpListener&) = delete;
    TcpListener& operator=(const TcpListener&) = delete;

    uint16_t Port() const;
    Tcp Accept(int timeout_ms);
    /* Keeps the accept queue full, so that further connects hang. */
    void Fill();

  private:
    Socket fd_;
    int version_;
    std::vector<Tcp> filling_;
};

/* A port on which nobody listens. */
uint16_t UnusedTcpPort();

} // namespace peer
