/* SPDX-License-Identifier: Apache-2.0
 *
 * The WSK sample, a driver that knows nothing of the host, against ordinary TCP sockets.
 */
#include "support.h"

#include "peer.h"

#include <echo.h>

#include <memory>
#include <thread>
#include <vector>

namespace {

class WskSample : public SampleTest {
  protected:
    WskSample() : SampleTest(L"KernelEcho", DriverEntry, L"\\\\.\\KernelEcho")
    {
    }
    void SetUp() override
    {
        SampleTest::SetUp();
        ASSERT_STATUS(STATUS_SUCCESS, Listen(0));
    }
    NTSTATUS Listen(ULONG wanted)
    {
        ULONG answer = wanted;
        NTSTATUS status = Control(IOCTL_ECHO_LISTEN, &wanted, sizeof(wanted), &answer, sizeof(answer));
        if (NT_SUCCESS(status)) {
            port = static_cast<uint16_t>(answer);
        }
        return status;
    }
    peer::Tcp Connect()
    {
        return peer::Tcp::Connect(4, port);
    }
    ECHO_STATE Query()
    {
        ECHO_STATE state = {};
        EXPECT_STATUS(STATUS_SUCCESS, Control(IOCTL_ECHO_QUERY, nullptr, 0, &state, sizeof(state)));
        return state;
    }
    bool AwaitConnections(ULONG count)
    {
        return Await([&] { return Query().Connections == count; });
    }

    uint16_t port = 0;
};

std::string Pattern(size_t length)
{
    std::string data(length, '\0');
    for (size_t index = 0; index < length; index++) {
        data[index] = static_cast<char>(index ^ (index >> 8) ^ (index >> 16));
    }
    return data;
}

TEST_F(WskSample, SendsBackWhatItReceives)
{
    peer::Tcp tcp = Connect();
    ASSERT_TRUE(tcp.IsOpen());
    for (const char* text : {"one", "two", "three"}) {
        ASSERT_TRUE(tcp.SendAll(text));
        EXPECT_EQ(text, tcp.ReceiveText(strlen(text)));
    }
    ECHO_STATE state = Query();
    EXPECT_EQ(1u, state.Connections);
    EXPECT_EQ(1u, state.Accepted);
    EXPECT_GE(state.Retained, 3u);
}

TEST_F(WskSample, EndsWhenItsPeerEnds)
{
    peer::Tcp tcp = Connect();
    ASSERT_TRUE(tcp.SendAll("last words"));
    tcp.ShutdownSend();
    EXPECT_EQ("last words", tcp.ReceiveText(10));
    EXPECT_EQ(peer::End::Eof, tcp.AwaitEnd());
    EXPECT_TRUE(AwaitConnections(0));
    EXPECT_EQ(0u, Query().Aborted);
}

TEST_F(WskSample, NoticesAReset)
{
    peer::Tcp tcp = Connect();
    ASSERT_TRUE(tcp.SendAll("x"));
    EXPECT_EQ("x", tcp.ReceiveText(1));
    tcp.Reset();
    EXPECT_TRUE(AwaitConnections(0));
    EXPECT_EQ(1u, Query().Aborted);
}

/* More than the driver keeps and the system buffers: the driver has to refuse data, and to ask for it later.
 */
TEST_F(WskSample, LosesNothingWhenItsPeerDoesNotRead)
{
    const std::string data = Pattern(24u << 20);
    peer::Tcp tcp = Connect();
    std::thread sender([&] {
        EXPECT_TRUE(tcp.SendAll(data));
        tcp.ShutdownSend();
    });
    EXPECT_TRUE(Await([&] { return Query().Delayed != 0; }));
    std::string back(data.size(), '\0');
    EXPECT_TRUE(tcp.ReceiveAll(&back[0], back.size()));
    sender.join();
    EXPECT_TRUE(back == data);
    EXPECT_EQ(peer::End::Eof, tcp.AwaitEnd());
    EXPECT_TRUE(AwaitConnections(0));
}

TEST_F(WskSample, ServesManyAtOnce)
{
    std::vector<peer::Tcp> all;
    for (int count = 0; count < ECHO_MAXIMUM_CONNECTIONS; count++) {
        all.push_back(Connect());
        ASSERT_TRUE(all.back().SendAll(std::to_string(count)));
    }
    for (int count = 0; count < ECHO_MAXIMUM_CONNECTIONS; count++) {
        std::string text = std::to_string(count);
        EXPECT_EQ(text, all[static_cast<size_t>(count)].ReceiveText(text.size()));
    }
    peer::Tcp extra = Connect();
    EXPECT_TRUE(extra.AwaitReset()) << "above its limit";
    EXPECT_EQ(1u, Query().Refused);
    all.clear();
    EXPECT_TRUE(AwaitConnections(0));
}

TEST_F(WskSample, IsUnloadedInTheMiddleOfItsWork)
{
    peer::Tcp idle = Connect(), stuck = Connect();
    ASSERT_TRUE(idle.SendAll("x"));
    EXPECT_EQ("x", idle.ReceiveText(1));
    std::string data(1u << 20, 'y');
    std::thread sender([&] {
        while (stuck.SendAll(data)) {
        }
    });
    EXPECT_TRUE(Await([&] { return Query().Delayed != 0; }));
    NtClose(file);
    file = nullptr;
    Unload();
    EXPECT_TRUE(idle.AwaitReset());
    sender.join();
}

TEST_F(WskSample, ChecksWhatProgramsAsk)
{
    ULONG value = 0;
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Listen(0));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Listen(65536));
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL,
                  Control(IOCTL_ECHO_LISTEN, &value, sizeof(value), &value, sizeof(value) - 1));
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, Control(IOCTL_ECHO_QUERY, nullptr, 0, &value, sizeof(value)));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST,
                  Control(CTL_CODE(FILE_DEVICE_UNKNOWN, 0x900, METHOD_BUFFERED, FILE_ANY_ACCESS), nullptr, 0,
                          nullptr, 0));
}

TEST_F(WskSample, LeavesNothingWhenItsLoadingFails)
{
    FailEachAllocationOfTheLoad();
}

} // namespace
