/* SPDX-License-Identifier: Apache-2.0
 *
 * Tracing: the line and level of each failure, and that levels that are off give no line. Embedded only:
 * elsewhere the lines go to a debugger.
 */
#include "support.h"

#include <cinttypes>

extern "C" DRIVER_INITIALIZE FxDriverEntry;

constexpr LONG kError = DPFLTR_ERROR_LEVEL;
constexpr LONG kWarning = DPFLTR_WARNING_LEVEL;
constexpr LONG kInformation = DPFLTR_INFO_LEVEL;
constexpr LONG kVerbose = kInformation + 1;

namespace {

using Lines = std::vector<std::string>;

/* "1 wskbridge: ...", the number being the level. Waits for the first one only. */
Lines TakeLines(int timeout_ms = 0)
{
    Lines lines;
    HOST_DEBUG_MESSAGE message;
    LARGE_INTEGER timeout;
    timeout.QuadPart = -10000LL * timeout_ms;
    while (HostTakeDebugMessage(&message, &timeout) == STATUS_SUCCESS) {
        lines.push_back(std::to_string(message.Level) + " " + message.Text);
        timeout.QuadPart = 0;
    }
    return lines;
}

std::string Told(LONG level, const std::string& what, NTSTATUS status)
{
    char text[200];
    snprintf(text, sizeof text, "%d wskbridge: %s (0x%08" PRIX32 ")", level, what.c_str(), (uint32_t)status);
    return text;
}

std::string Told(LONG level, ULONG socket, const std::string& what, NTSTATUS status)
{
    return Told(level,
                "process " + std::to_string(HandleToULong(PsGetCurrentProcessId())) + ", socket " +
                    std::to_string(socket) + ": " + what,
                status);
}

} // namespace

/* Socket numbers start at 1 in each test, since the driver is loaded for each. */
class TraceTest : public DriverTest {
  protected:
    void SetUp() override
    {
        DriverTest::SetUp();
        TakeLines();
        HostKeepDebugMessages(kInformation);
    }
    void TearDown() override
    {
        HostKeepDebugMessages(-1);
        DriverTest::TearDown();
        TakeLines();
    }
};

TEST_F(TraceTest, LoadingAndUnloading)
{
    Unload();
    Load();
    EXPECT_EQ((Lines{Told(kInformation, "unloaded", 0), Told(kInformation, "loaded", 0)}), TakeLines());
}

TEST_F(TraceTest, ADriverThatIsNotLoadedSaysWhy)
{
    Unload();
    TakeLines();
    HostKeepDebugMessages(kError);
    HostFailAllocation(1, 0x20676E52 /* 'Rng ', the generator of tokens */);
    EXPECT_STATUS(STATUS_NO_MEMORY, HostLoadDriver(L"WskBridge", FxDriverEntry));
    EXPECT_EQ(Lines{Told(kError, "not loaded, making the device failed", STATUS_NO_MEMORY)}, TakeLines());
    Load();
}

TEST_F(TraceTest, WskThatCannotBeCaptured)
{
    WskHostSetAvailable(FALSE);
    File file;
    EXPECT_STATUS(STATUS_DEVICE_NOT_READY, file.Create(WSKB_CATEGORY_DATAGRAM));
    WskHostSetAvailable(TRUE);
    EXPECT_STATUS(STATUS_SUCCESS, file.Create(WSKB_CATEGORY_DATAGRAM));
    EXPECT_EQ((Lines{Told(kWarning, "capturing WSK failed", STATUS_DEVICE_NOT_READY),
                     Told(kInformation, 0, "CREATE failed", STATUS_DEVICE_NOT_READY),
                     Told(kInformation, "captured WSK", 0)}),
              TakeLines());
}

TEST_F(TraceTest, ARefusedQuota)
{
    File file = BoundDatagram();
    std::vector<std::unique_ptr<Datagram>> receives;
    TakeLines();
    for (ULONG i = 0; i <= WSKB_MAXIMUM_OPERATIONS; i++) {
        receives.push_back(std::make_unique<Datagram>(0));
        EXPECT_STATUS(STATUS_PENDING, receives.back()->Start(file));
    }
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED, receives.back()->Wait());
    EXPECT_EQ(Lines{Told(kInformation, 1, "RECEIVE_FROM failed", STATUS_QUOTA_EXCEEDED)}, TakeLines());
    file.Close();
    for (auto& receive : receives) {
        receive->Wait();
    }
    EXPECT_EQ(Lines{}, TakeLines()) << "what is cancelled is told to those who want everything";
}

TEST_F(TraceTest, ADeadSocketIsToldOnce)
{
    File file = BoundDatagram();
    Datagram first, second;
    ASSERT_STATUS(STATUS_PENDING, first.Start(file));
    ASSERT_STATUS(STATUS_PENDING, second.Start(file));
    TakeLines();
    HostKeepDebugMessages(kWarning);
    WskHostForceClose();
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, first.Wait());
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, second.Wait());
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, file.SendTo(Loopback(WSKB_AF_INET, 9), "x"));
    EXPECT_EQ(Lines{Told(kWarning, 1, "dead, WSK has closed it", STATUS_FILE_FORCED_CLOSED)}, TakeLines());
}

TEST_F(TraceTest, WhatCallersAreTold)
{
    USHORT nobodys = peer::TcpListener().Port();
    File taken = Listener();
    File connecting = BoundConnection();
    File listener = Listener();
    File bound;
    ASSERT_STATUS(STATUS_SUCCESS, bound.Create(WSKB_CATEGORY_LISTEN));
    TakeLines();
    WSKB_ACCEPTED accepted;
    NTSTATUS bind = bound.Bind(Loopback(WSKB_AF_INET, taken.Port()));
    EXPECT_FALSE(NT_SUCCESS(bind));
    EXPECT_STATUS(STATUS_CONNECTION_REFUSED, connecting.Connect(Loopback(WSKB_AF_INET, nobodys)));
    WskHostFailCall(1, STATUS_DEVICE_BUSY);
    EXPECT_STATUS(STATUS_DEVICE_BUSY, listener.Accept(&accepted));
    EXPECT_STATUS(STATUS_NOT_FOUND, File().Attach(7));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, listener.Control(0x12345678));
    EXPECT_EQ((Lines{Told(kInformation, 4, "BIND failed", bind),
                     Told(kInformation, 2, "CONNECT failed", STATUS_CONNECTION_REFUSED),
                     Told(kInformation, 3, "ACCEPT failed", STATUS_DEVICE_BUSY),
                     Told(kInformation, 0, "ATTACH failed", STATUS_NOT_FOUND),
                     Told(kInformation, 3, "an unknown control code failed", STATUS_INVALID_DEVICE_REQUEST)}),
              TakeLines());
}

TEST_F(TraceTest, AStreamThatIsCut)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    TakeLines();
    EXPECT_STATUS(STATUS_SUCCESS, send.Cancel());
    NTSTATUS status = send.Wait();
    EXPECT_EQ(Lines{Told(kInformation, 1, "sending has ended, a send was cut", status)}, TakeLines());
}

TEST_F(TraceTest, LingeringThatReachesItsLimit)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_LINGER, 1));
    TakeLines();
    HostKeepDebugMessages(kWarning);
    file.Close();
    send.Wait();
    EXPECT_EQ(Lines{Told(kWarning, 1, "lingering broken off, the connection is reset", STATUS_IO_TIMEOUT)},
              TakeLines(kPatience));
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
    EXPECT_EQ(Lines{}, TakeLines());
}

/* The failing send ends lingering. */
TEST_F(TraceTest, LingeringWhosePeerDies)
{
    peer::Tcp other;
    Transfer send;
    File file = ConnectedAndSending(&other, &send);
    ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_LINGER, 600));
    TakeLines();
    HostKeepDebugMessages(kWarning);
    file.Close();
    other.Reset();
    NTSTATUS status = send.Wait();
    EXPECT_EQ(Lines{Told(kWarning, 1, "lingering broken off, the connection is reset", status)},
              TakeLines(kPatience));
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
}

TEST_F(TraceTest, LingeringWhoseDisconnectFails)
{
    peer::Tcp other;
    File file = Connected(&other);
    ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_LINGER, 600));
    TakeLines();
    HostKeepDebugMessages(kWarning);
    WskHostFailCall(1, STATUS_DEVICE_BUSY);
    file.Close();
    EXPECT_EQ(Lines{Told(kWarning, 1, "lingering broken off, the connection is reset", STATUS_DEVICE_BUSY)},
              TakeLines(kPatience));
}

TEST_F(TraceTest, ACloseThatFails)
{
    File file = BoundDatagram();
    TakeLines();
    HostKeepDebugMessages(kWarning);
    WskHostFailCall(1, STATUS_DEVICE_BUSY);
    file.Close();
    EXPECT_EQ(Lines{Told(kWarning, 1, "closed", STATUS_DEVICE_BUSY)}, TakeLines(kPatience));
}

TEST_F(TraceTest, EverythingHasTheLifeOfSocketsAndWhatIsCancelled)
{
    HostKeepDebugMessages(kVerbose);
    File file = BoundDatagram();
    Datagram receive;
    ASSERT_STATUS(STATUS_PENDING, receive.Start(file));
    file.Close();
    EXPECT_STATUS(STATUS_CANCELLED, receive.Wait());
    Lines lines;
    EXPECT_TRUE(Await([&] {
        for (const auto& line : TakeLines()) {
            lines.push_back(line);
        }
        return lines.size() >= 4;
    }));
    EXPECT_EQ(
        (Lines{Told(kInformation, "captured WSK", 0), Told(kVerbose, 1, "opened", 0),
               Told(kVerbose, 1, "RECEIVE_FROM failed", STATUS_CANCELLED), Told(kVerbose, 1, "closed", 0)}),
        lines);
}

/* Too many lines never make a caller wait: the first ones are kept, the rest is counted. */
TEST_F(TraceTest, AFloodIsCounted)
{
    constexpr ULONG kFailures = 1000;
    File file;
    TakeLines();
    for (ULONG i = 0; i < kFailures; i++) {
        EXPECT_STATUS(STATUS_NOT_FOUND, file.Attach(7));
    }
    Lines lines = TakeLines();
    ASSERT_EQ(HOST_KEPT_DEBUG_MESSAGES + 1u, lines.size());
    EXPECT_EQ(Told(kInformation, 0, "ATTACH failed", STATUS_NOT_FOUND), lines[0]);
    EXPECT_EQ(lines[0], lines[HOST_KEPT_DEBUG_MESSAGES - 1]);
    EXPECT_EQ("1 " + std::to_string(kFailures - HOST_KEPT_DEBUG_MESSAGES) + " messages are lost",
              lines.back());
}
