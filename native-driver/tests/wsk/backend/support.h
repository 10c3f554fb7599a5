/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the tests of the Winsock backend: sockets that record their events, a connected stream, and a
 * fixture that runs the poller.
 */
#ifndef TESTS_WSK_BACKEND_SUPPORT_H
#define TESTS_WSK_BACKEND_SUPPORT_H

#include <winsock2.h>

extern "C" {
#include "backend.h"
}

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "await.h"
#include "peer.h"

namespace wsk {

BACKEND_MESSAGE MessageOf(const BACKEND_SEGMENT* Segments, size_t Count, BACKEND_ADDRESS* Address = nullptr);

/* A socket of the backend that records its events. */
class Watcher {
  public:
    explicit Watcher(BACKEND_KIND Kind, uint16_t Family = BACKEND_IPV4);
    explicit Watcher(BACKEND_HANDLE Handle) : Handle_(Handle)
    {
    }
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    BACKEND_HANDLE Get() const
    {
        return Handle_;
    }
    void Close(bool Reset);

    BACKEND_ADDRESS Loopback(uint16_t Port) const;
    BACKEND_ADDRESS Local() const;
    uint16_t Port() const;
    int32_t Bind(uint16_t Port = 0);
    int32_t Connect(uint16_t Port);

    int32_t Send(BACKEND_MESSAGE* Message);
    int32_t Send(const std::string& Data, size_t* Moved);
    int32_t Receive(std::string* Data, size_t Size = 65536);
    /* Port 0: the address that the socket is connected to. */
    int32_t SendTo(const std::string& Data, uint16_t Port);
    int32_t ReceiveFrom(std::string* Data, size_t Size = 65536, BACKEND_ADDRESS* From = nullptr,
                        bool* Truncated = nullptr);
    /* Waits until that many bytes can be received. */
    bool AwaitReadable(size_t Bytes);

    void Watch(uint32_t Flags = BACKEND_READABLE);
    /* Repeats the attempt at each event until it does not block. */
    int32_t Until(uint32_t Flags, const std::function<int32_t()>& Attempt);
    /* Waits for one of the flags and takes it. */
    bool Await(uint32_t Flags, int Milliseconds = kPatience);
    int Events() const
    {
        return Events_;
    }
    /* Threads in Await. */
    int Awaiting() const
    {
        return Awaiting_;
    }

    /* The same, repeated until they do not block. */
    int32_t ConnectFully(uint16_t Port);
    int32_t AcceptFully(BACKEND_HANDLE* Accepted, BACKEND_ADDRESS* Remote);
    int32_t ReceiveFully(std::string* Data, size_t Size = 65536);
    int32_t ReceiveFromFully(std::string* Data, size_t Size = 65536, BACKEND_ADDRESS* From = nullptr,
                             bool* Truncated = nullptr);

  private:
    friend class Poller;

    static void Ready(void* Cookie, uint32_t Flags);

    BACKEND_HANDLE Handle_ = BACKEND_NO_HANDLE;
    uint16_t Family_ = BACKEND_IPV4;
    bool Watched_ = false;
    std::mutex Lock_;
    std::condition_variable Changed_;
    uint32_t Flags_ = 0;
    std::atomic<int> Events_{0};
    std::atomic<int> Awaiting_{0};
};

/* The polling thread. */
class Poller {
  public:
    static void Start();
    static void Stop();
    /* How many rounds have begun. */
    static int Rounds()
    {
        return Rounds_;
    }
    /* After this no socket that was unwatched before is reported, and all armed ones have been checked. */
    static void Quiesce();
    /* Waits until the thread is waiting for all armed sockets, which shows only in that no further round
     * begins. */
    static void Settle();

    /* Suspends the thread for 200 ms; the destructor waits until it runs again. */
    class Halt {
      public:
        Halt();
        ~Halt();
        Halt(const Halt&) = delete;
        Halt& operator=(const Halt&) = delete;

        bool IsOver() const
        {
            return Over_;
        }

      private:
        void Release();

        HANDLE Thread_;
        std::atomic<bool> Stopped_{false}, Over_{false};
        std::thread Releaser_;
    };

  private:
    static void Woken();
    static void Quiescent();

    static std::atomic<int> Rounds_;
    static std::atomic<DWORD> Thread_;
};

/* The backend's stream, watched, and connected with a peer. */
struct Pair {
    explicit Pair(uint16_t Family = BACKEND_IPV4);
    /* Sends until the system has no room. */
    size_t Fill();

    peer::TcpListener Listener;
    Watcher Tcp;
    peer::Tcp Far;
};

std::string Pattern(size_t Size);

class BackendTest : public testing::Test {
  protected:
    void SetUp() override
    {
        Poller::Start();
    }
    void TearDown() override
    {
        Poller::Stop();
    }
};

} // namespace wsk

#endif
