/* SPDX-License-Identifier: Apache-2.0
 *
 * The other end of the tests: ordinary POSIX sockets on loopback. Kept apart because the system's socket
 * headers and wsk.h define the same names. Every function that waits gives up after a few seconds.
 */
#ifndef TESTS_WSK_PEER_H
#define TESTS_WSK_PEER_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace peer {

/* Addresses are numeric, IPv4 or IPv6; the family follows from the text. Ports are in host byte order. */

class Socket {
  public:
    Socket() = default;
    explicit Socket(int Descriptor) : Descriptor_(Descriptor)
    {
    }
    Socket(Socket&& Other) noexcept : Descriptor_(Other.Descriptor_)
    {
        Other.Descriptor_ = -1;
    }
    Socket& operator=(Socket&& Other) noexcept;
    ~Socket()
    {
        Close();
    }

    bool IsOpen() const
    {
        return Descriptor_ >= 0;
    }
    void Close();
    void Reset(); /* closes with RST */
    uint16_t Port() const;

    /* Streams. Receive: bytes, 0 at the end of the stream, or minus errno; -ETIMEDOUT when nothing came. */
    long Receive(void* Buffer, size_t Length);
    std::string ReceiveExactly(size_t Length);
    bool SendAll(const std::string& Data);
    bool ShutdownSend();
    Socket Accept(int Milliseconds = 5000);
    bool WaitReadable(int Milliseconds);
    void SetReceiveBuffer(int Bytes);

    /* Datagrams. */
    bool SendTo(const std::string& Data, const char* Ip, uint16_t Port);
    long ReceiveFrom(std::string* Data, std::string* Ip = nullptr, uint16_t* Port = nullptr);

  private:
    int Descriptor_ = -1;
};

Socket OpenUdp(const char* Ip, uint16_t Port = 0);
Socket Listen(const char* Ip, uint16_t Port = 0);
Socket Connect(const char* Ip, uint16_t Port);

/* The error numbers that the tests look for. */
extern const long ConnectionReset;
extern const long TimedOut;

/* A port nobody listens on. */
uint16_t UnusedTcpPort();
uint16_t UnusedUdpPort();

/* CPU time of the process, and voluntary context switches, for tests of idleness. */
long ContextSwitches();

} // namespace peer

#endif
