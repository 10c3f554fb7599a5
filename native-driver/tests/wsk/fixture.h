/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the WSK tests: a registered client, requests with their own IRPs, buffers with MDLs, sockets of
 * each category with synchronous helpers, and a test class that checks that nothing is left.
 */
#ifndef TESTS_WSK_FIXTURE_H
#define TESTS_WSK_FIXTURE_H

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <iomanager.h>
#include <wsk.h>
#include <wskhost.h>

#include "await.h"
#include "status.h"

namespace wsk {

constexpr ULONG Tag = 0x74736574;

SOCKADDR_INET V4(USHORT Port, ULONG Address = INADDR_LOOPBACK);
SOCKADDR_INET V6(USHORT Port, bool Loopback = true);
SOCKADDR_INET Mapped(USHORT Port); /* ::ffff:127.0.0.1 */
USHORT PortOf(const SOCKADDR_INET& Address);
inline PSOCKADDR Raw(SOCKADDR_INET& Address)
{
    return reinterpret_cast<PSOCKADDR>(&Address);
}

/* Non-paged memory described by one or more MDLs. */
class Buffer {
  public:
    explicit Buffer(size_t Length, size_t Pieces = 1);
    explicit Buffer(const std::string& Data, size_t Pieces = 1);
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer();

    PWSK_BUF Wsk()
    {
        return &Wsk_;
    }
    std::string Text(size_t Length) const
    {
        return std::string(Memory_, Length);
    }
    char* Memory()
    {
        return Memory_;
    }

  private:
    void Describe(size_t Length, size_t Pieces);

    char* Memory_ = nullptr;
    WSK_BUF Wsk_ = {};
};

/* One WSK request at a time. */
class Request {
  public:
    Request() : Irp_(IoAllocateIrp(1, FALSE))
    {
        Arm();
    }
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;
    ~Request();

    /* Makes the IRP ready for a call. */
    PIRP Arm();
    PIRP Irp()
    {
        return Irp_;
    }
    bool IsDone();
    /* Waits for completion; the IRP's final status. */
    NTSTATUS Wait();
    /* Like Wait, and checks that the status agrees with what the dispatch function returned. */
    NTSTATUS Finish(NTSTATUS Returned);
    void Cancel()
    {
        IoCancelIrp(Irp_);
    }
    ULONG_PTR Information();
    int Completions();
    /* Called in the completion routine. */
    std::function<void()> OnCompletion;

  private:
    static NTSTATUS Completed(PDEVICE_OBJECT, PIRP Irp, PVOID Context);

    PIRP Irp_;
    std::mutex Lock_;
    std::condition_variable Changed_;
    int Completions_ = 0;
    NTSTATUS Status_ = 0;
    ULONG_PTR Information_ = 0;
    bool PendingReturned_ = false;
};

/* A registration with one capture. */
class Client {
  public:
    explicit Client(USHORT Version = MAKE_WSK_VERSION(1, 0));
    ~Client();
    const WSK_PROVIDER_DISPATCH* operator->() const
    {
        return Npi.Dispatch;
    }

    NTSTATUS Socket(ADDRESS_FAMILY Family, USHORT Type, ULONG Protocol, ULONG Flags, PWSK_SOCKET* Socket,
                    PVOID Context = nullptr, const VOID* Callbacks = nullptr);
    /* WSK_SET_STATIC_EVENT_CALLBACKS. */
    NTSTATUS SetStaticEvents(ULONG Events);

    WSK_CLIENT_DISPATCH Dispatch = {};
    WSK_REGISTRATION Registration = {};
    WSK_PROVIDER_NPI Npi = {};
};

/* Any socket; closed by the destructor. */
class Socket {
  public:
    explicit Socket(PWSK_SOCKET Handle = nullptr) : Handle_(Handle)
    {
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket()
    {
        Close();
    }

    PWSK_SOCKET Get() const
    {
        return Handle_;
    }
    const WSK_PROVIDER_BASIC_DISPATCH* Basic() const
    {
        return static_cast<const WSK_PROVIDER_BASIC_DISPATCH*>(Handle_->Dispatch);
    }
    void Close();
    /* Releases the handle without closing it. */
    PWSK_SOCKET Detach()
    {
        PWSK_SOCKET Handle = Handle_;
        Handle_ = nullptr;
        return Handle;
    }

    NTSTATUS SetOption(ULONG Level, ULONG Code, ULONG Value);
    NTSTATUS GetOption(ULONG Level, ULONG Code, ULONG* Value);
    /* SO_WSK_EVENT_CALLBACK, without an IRP or with one. */
    NTSTATUS ControlEvents(ULONG Mask, PIRP Irp = nullptr);
    NTSTATUS Ioctl(ULONG Code, PVOID In, SIZE_T InSize, PVOID Out = nullptr, SIZE_T OutSize = 0);

  protected:
    PWSK_SOCKET Handle_;
};

class Datagram : public Socket {
  public:
    explicit Datagram(Client& Owner, ADDRESS_FAMILY Family = AF_INET, PVOID Context = nullptr,
                      const WSK_CLIENT_DATAGRAM_DISPATCH* Callbacks = nullptr);
    const WSK_PROVIDER_DATAGRAM_DISPATCH* operator->() const
    {
        return static_cast<const WSK_PROVIDER_DATAGRAM_DISPATCH*>(Handle_->Dispatch);
    }
    NTSTATUS Bind(SOCKADDR_INET Address);
    USHORT Port();
    NTSTATUS SendTo(const std::string& Data, SOCKADDR_INET* To);
    /* Receives one datagram. */
    NTSTATUS Receive(std::string* Data, SOCKADDR_INET* From = nullptr, ULONG* Flags = nullptr,
                     size_t Size = 66000);
};

class Connection : public Socket {
  public:
    explicit Connection(PWSK_SOCKET Handle) : Socket(Handle)
    {
    }
    explicit Connection(Client& Owner, ADDRESS_FAMILY Family = AF_INET);
    const WSK_PROVIDER_CONNECTION_DISPATCH* operator->() const
    {
        return static_cast<const WSK_PROVIDER_CONNECTION_DISPATCH*>(Handle_->Dispatch);
    }
    NTSTATUS Bind(SOCKADDR_INET Address);
    NTSTATUS Connect(SOCKADDR_INET Address);
    /* Binds to the wildcard address and connects to a port on loopback. */
    NTSTATUS ConnectTo(USHORT Port);
    NTSTATUS Send(const std::string& Data, ULONG Flags = 0, size_t Pieces = 1);
    NTSTATUS Receive(std::string* Data, size_t Size, ULONG Flags = 0);
    NTSTATUS Disconnect(ULONG Flags = 0, const std::string* Last = nullptr);
};

class Listener : public Socket {
  public:
    explicit Listener(Client& Owner, ADDRESS_FAMILY Family = AF_INET);
    const WSK_PROVIDER_LISTEN_DISPATCH* operator->() const
    {
        return static_cast<const WSK_PROVIDER_LISTEN_DISPATCH*>(Handle_->Dispatch);
    }
    NTSTATUS Bind(SOCKADDR_INET Address);
    USHORT Port();
    NTSTATUS Accept(PWSK_SOCKET* Accepted, SOCKADDR_INET* Local = nullptr, SOCKADDR_INET* Remote = nullptr);
};

WSKHOST_ACCOUNTING Accounting();

/* After each test no socket, IRP, MDL or pool allocation may be left. */
class WskTest : public ::testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

  private:
    HOST_ACCOUNTING Before_ = {};
};

/* The same with a client that is registered for the test. */
class ClientTest : public WskTest {
  protected:
    void SetUp() override
    {
        WskTest::SetUp();
        Owner = std::make_unique<Client>();
    }
    void TearDown() override
    {
        Owner.reset();
        WskTest::TearDown();
    }

    std::unique_ptr<Client> Owner;
};

} // namespace wsk

#endif
