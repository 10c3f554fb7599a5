/* SPDX-License-Identifier: Apache-2.0
 *
 * The fixture and helpers of the shim's tests.
 */
#include "support.h"

#include <algorithm>
#include <cstdio>

#ifdef _WIN32
#include <service.h>
#endif

static uint16_t Swap(uint16_t port)
{
    return (uint16_t)(port << 8 | port >> 8);
}

WSKB_SOCKADDR Loopback(uint16_t family, uint16_t port)
{
    WSKB_SOCKADDR address;
    memset(&address, 0, sizeof address);
    address.Family = family;
    address.Port = Swap(port);
    if (family == WSKB_AF_INET) {
        address.V4.Address[0] = 127;
        address.V4.Address[3] = 1;
    } else {
        address.V6.Address[15] = 1;
    }
    return address;
}

std::string LastError()
{
    char text[512] = "";
    EXPECT_LT(wskshim_last_error(U(text), sizeof text), (int32_t)sizeof text);
    return text;
}

int32_t Create(uint64_t socket, uint16_t category, uint16_t family)
{
    WSKB_CREATE in = {sizeof in, category, family,
                      category == WSKB_CATEGORY_DATAGRAM ? WSKB_IPPROTO_UDP : WSKB_IPPROTO_TCP};
    return wskshim_control(socket, IOCTL_WSKB_CREATE, U(&in), sizeof in, 0, 0, 0);
}

int32_t Bind(uint64_t socket, const WSKB_SOCKADDR& address)
{
    WSKB_ADDRESS in = {sizeof in, address};
    return wskshim_control(socket, IOCTL_WSKB_BIND, U(&in), sizeof in, 0, 0, 0);
}

uint16_t LocalPort(uint64_t socket)
{
    WSKB_ADDRESS out = {};
    uint32_t returned = 0;
    EXPECT_STATUS(
        0, wskshim_control(socket, IOCTL_WSKB_GET_LOCAL_ADDRESS, 0, 0, U(&out), sizeof out, U(&returned)));
    EXPECT_EQ(sizeof out, returned);
    return Swap(out.Address.Port);
}

/* ---- ports ------------------------------------------------------------------------------------------- */

Port::Port()
{
    int64_t opened = wskshim_port_open(WSKSHIM_ABI_VERSION);
    EXPECT_GT(opened, 0) << StatusName(opened) << " " << LastError();
    token_ = opened > 0 ? (uint64_t)opened : 0;
}

Port::~Port()
{
    if (token_ != 0) {
        EXPECT_STATUS(0, Close());
    }
}

int32_t Port::Close()
{
    return wskshim_port_close(Release());
}

uint64_t Port::Release()
{
    uint64_t token = token_;
    token_ = 0;
    return token;
}

uint64_t Port::Open() const
{
    int64_t socket = wskshim_socket_open(token_);
    EXPECT_GT(socket, 0) << StatusName(socket) << " " << LastError();
    return (uint64_t)socket;
}

uint64_t Port::Socket(uint16_t category, uint16_t family) const
{
    uint64_t socket = Open();
    EXPECT_STATUS(0, Create(socket, category, family));
    EXPECT_STATUS(0, Bind(socket, Loopback(family, 0)));
    return socket;
}

uint64_t Port::Connected(peer::Tcp* other) const
{
    peer::TcpListener listener;
    uint64_t socket = Socket(WSKB_CATEGORY_CONNECTION);
    WSKB_SOCKADDR address = Loopback(WSKB_AF_INET, listener.Port());
    wskshim_submission entry;
    wskshim_prepare_connect(&entry, socket, &address, 0);
    Submit(entry);
    EXPECT_STATUS(0, WaitOne().status);
    *other = listener.Accept();
    EXPECT_TRUE(other->IsOpen());
    return socket;
}

void Port::Submit(const std::vector<wskshim_submission>& entries, std::vector<uint64_t>* tokens) const
{
    if (tokens != nullptr) {
        tokens->assign(entries.size(), 0);
    }
    EXPECT_EQ((int32_t)entries.size(),
              wskshim_submit(token_, U(entries.data()), tokens == nullptr ? 0 : U(tokens->data()), 0,
                             (int32_t)entries.size()));
}

void Port::Submit(const wskshim_submission& entry, uint64_t* token) const
{
    EXPECT_EQ(1, wskshim_submit(token_, U(&entry), U(token), 0, 1));
}

std::vector<wskshim_completion> Port::Finish(const std::vector<wskshim_submission>& entries,
                                             std::vector<uint64_t>* tokens) const
{
    std::vector<wskshim_completion> completions(entries.size());
    std::vector<uint64_t> own(entries.size(), 1);
    memset(completions.data(), 0xEE, sizeof completions[0] * completions.size());
    EXPECT_EQ((int32_t)entries.size(), wskshim_submit(token_, U(entries.data()), U(own.data()),
                                                      U(completions.data()), (int32_t)entries.size()));
    size_t pending = entries.size() - (size_t)std::count(own.begin(), own.end(), 0u);
    for (const auto& completion : Wait(pending)) {
        for (size_t i = 0; i < entries.size(); i++) {
            if (own[i] != 0 && entries[i].user_data == completion.user_data) {
                completions[i] = completion;
            }
        }
    }
    if (tokens != nullptr) {
        *tokens = own;
    }
    return completions;
}

std::vector<wskshim_completion> Port::Wait(size_t count, int timeout_ms) const
{
    std::vector<wskshim_completion> completions(count);
    size_t have = 0;
    while (have < count) {
        int32_t taken = wskshim_wait(token_, U(&completions[have]), (int32_t)(count - have), timeout_ms);
        if (taken <= 0) {
            ADD_FAILURE() << have << " of " << count << " completions came, then " << StatusName(taken);
            break;
        }
        have += (size_t)taken;
    }
    completions.resize(have);
    return completions;
}

wskshim_completion Port::WaitOne() const
{
    auto completions = Wait(1);
    return completions.size() == 1 ? completions[0] : wskshim_completion{};
}

bool Port::Empty() const
{
    wskshim_completion completion{};
    return wskshim_wait(token_, U(&completion), 1, 0) == 0;
}

/* ---- datagrams --------------------------------------------------------------------------------------- */

wskshim_submission DatagramBuffer::Receive(uint64_t socket, uint64_t user_data)
{
    wskshim_submission entry;
    wskshim_prepare_receive_from(&entry, socket, bytes.data(), (uint32_t)bytes.size(), user_data);
    return entry;
}

std::string DatagramBuffer::Text(const wskshim_completion& completion) const
{
    return std::string(reinterpret_cast<const char*>(bytes.data()) + sizeof(WSKB_DATAGRAM), completion.bytes);
}

/* ---- the fixture ------------------------------------------------------------------------------------- */

#ifdef _WIN32

void HideDriver(bool hidden)
{
    ASSERT_EQ(0u, hidden ? ServiceStop(L"WskBridge") : ServiceStart(L"WskBridge"));
}

void ShimTest::SetUp()
{
    HideDriver(false);
}

/* It can stop only when its last socket is closed. */
static void EndDriver()
{
    HideDriver(true);
}

#else

void HideDriver(bool hidden)
{
    ASSERT_STATUS(0, wskshim_embedded_fault(WSKSHIM_FAULT_DRIVER_MISSING, hidden, 0));
}

/* The first port loads the driver. */
void ShimTest::SetUp()
{
}

static std::string Accounting()
{
    char buffer[1024] = "";
    int32_t length = wskshim_embedded_accounting(U(buffer), sizeof buffer);
    EXPECT_GT(length, 0);
    EXPECT_LT(length, (int32_t)sizeof buffer);
    return buffer;
}

/* The driver is unloaded with the last port, or the last lingering connection: then every count is 0. */
static void EndDriver()
{
    bool nothing_is_left = Await([] {
        std::string text = Accounting();
        size_t counts = 0;
        size_t zeros = 0;
        for (size_t at = text.find('='); at != std::string::npos; at = text.find('=', at + 1)) {
            counts++;
            zeros += text.compare(at, 3, "=0\n") == 0;
        }
        return counts > 0 && counts == zeros;
    });
    EXPECT_TRUE(nothing_is_left) << Accounting();
}

#endif

void ShimTest::TearDown()
{
    wskshim_embedded_fault(WSKSHIM_FAULT_NONE, 0, 0);
    EndDriver();
}
