/* SPDX-License-Identifier: Apache-2.0
 *
 * What the shim's tests share: a fixture that checks that nothing is left, and helpers for ports and sockets.
 */
#ifndef TESTS_SHIM_SUPPORT_H
#define TESTS_SHIM_SUPPORT_H

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "await.h"
#include "peer.h"
#include "status.h"
#include "wskshim.h"

/* Otherwise the driver is a service. */
#ifdef _WIN32
constexpr bool kEmbedded = false;
#else
constexpr bool kEmbedded = true;
#endif

constexpr int32_t kObjectNameNotFound = (int32_t)0xC0000034;
constexpr int32_t kNoMemory = (int32_t)0xC0000017;
constexpr int32_t kAccessDenied = (int32_t)0xC0000022;
constexpr int32_t kDeviceNotReady = (int32_t)0xC00000A3;
constexpr int32_t kIoTimeout = (int32_t)0xC00000B5;
constexpr int32_t kForcedClosed = (int32_t)0xC00000B6;
constexpr int32_t kInvalidDeviceState = (int32_t)0xC0000184;
constexpr int32_t kInfoLengthMismatch = (int32_t)0xC0000004;
constexpr int32_t kConnectionRefused = (int32_t)0xC0000236;

inline uint64_t U(const void* pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

WSKB_SOCKADDR Loopback(uint16_t family, uint16_t port);
std::string LastError();
/* Makes opening the device fail as if it did not exist. */
void HideDriver(bool hidden);

int32_t Create(uint64_t socket, uint16_t category, uint16_t family = WSKB_AF_INET);
int32_t Bind(uint64_t socket, const WSKB_SOCKADDR& address);
/* The local port in host order. */
uint16_t LocalPort(uint64_t socket);

class Port {
  public:
    Port();
    ~Port();
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    uint64_t Token() const
    {
        return token_;
    }
    int32_t Close();
    /* Gives up the token without closing it. */
    uint64_t Release();

    /* A new socket of the port. */
    uint64_t Open() const;
    /* A socket bound to the loopback address. */
    uint64_t Socket(uint16_t category, uint16_t family = WSKB_AF_INET) const;
    uint64_t Datagram() const
    {
        return Socket(WSKB_CATEGORY_DATAGRAM);
    }
    /* A connection to the peer; *other is its other end. */
    uint64_t Connected(peer::Tcp* other) const;

    /* Submits everything, to complete through wskshim_wait. */
    void Submit(const std::vector<wskshim_submission>& entries,
                std::vector<uint64_t>* tokens = nullptr) const;
    void Submit(const wskshim_submission& entry, uint64_t* token = nullptr) const;
    /* Submits entries that complete without further action, and returns the completions in the order of the
     * entries, whose user_data must differ. Tokens are 0 where the completion did not come through
     * wskshim_wait. */
    std::vector<wskshim_completion> Finish(const std::vector<wskshim_submission>& entries,
                                           std::vector<uint64_t>* tokens = nullptr) const;
    /* Takes completions until there are count; fewer, with a test failure, after the timeout. */
    std::vector<wskshim_completion> Wait(size_t count, int timeout_ms = kPatience) const;
    wskshim_completion WaitOne() const;
    bool Empty() const;

  private:
    uint64_t token_ = 0;
};

/* A buffer for a prefix and a payload. */
struct DatagramBuffer {
    std::vector<uint8_t> bytes;
    explicit DatagramBuffer(size_t payload = 2048) : bytes(sizeof(WSKB_DATAGRAM) + payload, 0xEE)
    {
    }
    wskshim_submission Receive(uint64_t socket, uint64_t user_data);
    std::string Text(const wskshim_completion& completion) const;
};

class ShimTest : public ::testing::Test {
  protected:
    void SetUp() override;
    /* Ends the driver, and checks that it left nothing behind. */
    void TearDown() override;
};

#endif
