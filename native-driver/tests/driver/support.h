/* SPDX-License-Identifier: Apache-2.0
 *
 * What the driver's tests share: a fixture that loads the driver and, after each test, unloads it and checks
 * that nothing is left; files of the device; requests; and helpers for the protocol's structures.
 */
#ifndef TESTS_DRIVER_SUPPORT_H
#define TESTS_DRIVER_SUPPORT_H

#include <iomanager.h>
#include <wskhost.h>

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <wskbridge/ioctl.h>

#include "await.h"
#include "peer.h"
#include "status.h"

/* An overlapped request with its own event. When destroyed it must be complete, or never have been
 * started. */
class Request {
  public:
    Request();
    ~Request();
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    NTSTATUS Start(HANDLE file, ULONG code, const void* in, ULONG in_length, void* out, ULONG out_length);
    bool Done(int timeout_ms = 0);
    /* Returns the final status; after the timeout STATUS_PENDING, with a test failure. */
    NTSTATUS Wait(int timeout_ms = kPatience);
    NTSTATUS Cancel();
    ULONG_PTR Information() const
    {
        return block_.Information;
    }

  private:
    IO_STATUS_BLOCK block_ = {};
    HANDLE event_ = nullptr;
    HANDLE file_ = nullptr;
    bool started_ = false;
};

class File {
  public:
    explicit File(ACCESS_MASK access = FILE_READ_DATA | FILE_WRITE_DATA);
    ~File();
    File(File&& other);
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    void Close();
    /* Gives up the handle without closing it. */
    HANDLE Release()
    {
        HANDLE handle = handle_;
        handle_ = nullptr;
        return handle;
    }
    HANDLE Handle() const
    {
        return handle_;
    }
    operator HANDLE() const
    {
        return handle_;
    }
    NTSTATUS OpenStatus() const
    {
        return status_;
    }

    /* Sends an IOCTL and waits until it is complete. */
    NTSTATUS Control(ULONG code, const void* in = nullptr, ULONG in_length = 0, void* out = nullptr,
                     ULONG out_length = 0, ULONG_PTR* information = nullptr) const;

    NTSTATUS Create(USHORT category, USHORT family = WSKB_AF_INET) const;
    NTSTATUS CreateExactly(USHORT category, USHORT family, ULONG protocol) const;
    NTSTATUS Bind(const WSKB_SOCKADDR& address) const;
    NTSTATUS Connect(const WSKB_SOCKADDR& address) const;
    NTSTATUS ConnectWith(const WSKB_SOCKADDR& address, const std::string& first,
                         ULONG_PTR* sent = nullptr) const;
    NTSTATUS LocalAddress(WSKB_SOCKADDR* address) const;
    NTSTATUS RemoteAddress(WSKB_SOCKADDR* address) const;
    /* The port of LocalAddress in host order; 0 when there is none. */
    USHORT Port() const;
    NTSTATUS SetAddress(ULONG code, const WSKB_SOCKADDR& address) const;
    NTSTATUS GetOption(ULONG option, ULONG* value) const;
    NTSTATUS SetOption(ULONG option, ULONG value) const;
    NTSTATUS SetGroup(ULONG option, const WSKB_GROUP& group) const;
    NTSTATUS SendTo(const WSKB_SOCKADDR& address, const void* data, ULONG length,
                    ULONG_PTR* sent = nullptr) const;
    NTSTATUS SendTo(const WSKB_SOCKADDR& address, const std::string& text) const
    {
        return SendTo(address, text.data(), (ULONG)text.size());
    }
    NTSTATUS Send(const void* data, ULONG length, ULONG_PTR* sent = nullptr, ULONG flags = 0) const;
    NTSTATUS Receive(void* data, ULONG length, ULONG_PTR* received, ULONG flags = 0) const;
    NTSTATUS Disconnect(ULONG flags = 0) const;
    NTSTATUS DisconnectWith(const std::string& last, ULONG flags = 0, ULONG_PTR* sent = nullptr) const;
    NTSTATUS Accept(WSKB_ACCEPTED* accepted) const;
    NTSTATUS Attach(ULONGLONG token) const;

  private:
    HANDLE handle_ = nullptr;
    NTSTATUS status_;
};

/* An option and its value, as SET_OPTION takes them. */
struct Setting {
    WSKB_OPTION header;
    ULONG value;

    Setting(ULONG option, ULONG number) : header{sizeof(Setting), option, sizeof(ULONG), 0}, value(number)
    {
    }
};

/* A buffer for a prefix and a payload, and the request that fills it. */
class Datagram : public Request {
  public:
    explicit Datagram(ULONG payload = 2048);
    NTSTATUS Start(HANDLE file, ULONG timeout = 0);
    WSKB_DATAGRAM Prefix() const;
    std::string Text() const;

  private:
    std::vector<uint8_t> buffer_;
};

/* A pending RECEIVE or SEND. */
class Transfer : public Request {
  public:
    NTSTATUS StartReceive(HANDLE file, ULONG length, ULONG flags = 0, ULONG timeout = 0);
    NTSTATUS StartSend(HANDLE file, std::vector<uint8_t> data, ULONG flags = 0, ULONG timeout = 0);
    const std::vector<uint8_t>& Data() const
    {
        return data_;
    }

  private:
    WSKB_TRANSFER header_ = {};
    std::vector<uint8_t> data_;
};

class PendingConnect : public Request {
  public:
    NTSTATUS Start(HANDLE file, const WSKB_SOCKADDR& address, ULONG timeout = 0);
};

class PendingAccept : public Request {
  public:
    NTSTATUS Start(HANDLE file, ULONG timeout = 0);
    const WSKB_ACCEPTED& Result() const
    {
        return result_;
    }

  private:
    WSKB_ACCEPTED result_ = {};
};

/* A completion port and the packets taken from it. */
class Port {
  public:
    Port();
    ~Port();
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    void Associate(HANDLE file) const;
    /* Takes packets until there are count; fewer, with a test failure, after the timeout. */
    std::vector<FILE_IO_COMPLETION_INFORMATION> Take(size_t count, int timeout_ms = kPatience) const;
    bool Empty() const;
    HANDLE Handle() const
    {
        return handle_;
    }

  private:
    HANDLE handle_ = nullptr;
};

WSKB_SOCKADDR Loopback(USHORT family, USHORT port);
WSKB_SOCKADDR Wildcard(USHORT family, USHORT port = 0);
WSKB_SOCKADDR Unspecified();
/* An address of a test's peers, in the protocol's form. */
WSKB_SOCKADDR FromPeer(const peer::Address& address);
USHORT HostPort(const WSKB_SOCKADDR& address);
/* ::ffff:127.0.0.1 */
WSKB_SOCKADDR MappedLoopback(USHORT port);
std::vector<uint8_t> Pattern(size_t length, uint32_t seed);

/* Sockets in the state that most tests start from. */
File BoundDatagram(USHORT family = WSKB_AF_INET);
File BoundConnection(USHORT family = WSKB_AF_INET);
File Listener(USHORT family = WSKB_AF_INET);
File ListenerAt(USHORT port);
/* Connected to the peer's listener; *other is the peer's end. */
File Connected(peer::Tcp* other, USHORT family = WSKB_AF_INET);
/* The same, with a pending send that is larger than the buffers of both ends; the peer reads nothing yet. */
File ConnectedAndSending(peer::Tcp* other, Transfer* send);

class DriverTest : public ::testing::Test {
  protected:
    void SetUp() override;
    /* Unloads the driver, unless the test did, and checks that nothing is left. */
    void TearDown() override;

    void Load();
    void Unload();
    static void ExpectNothingLeft();
    static WSKB_STATISTICS Statistics();

  private:
    bool loaded_ = false;
};

#endif
