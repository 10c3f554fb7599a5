/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver's lines for support, as a program takes them. Embedded only: elsewhere a debugger is told.
 */
#include "support.h"

#include <unistd.h>

namespace {

std::string TakeLine(int32_t timeout_ms)
{
    char text[256] = "";
    int32_t length = wskshim_embedded_trace_take(U(text), sizeof text, timeout_ms);
    return length > 0 ? std::string(text, (size_t)length) : StatusName(length);
}

} // namespace

class ShimTraceTest : public ShimTest {
  protected:
    void TearDown() override
    {
        wskshim_embedded_trace(-1);
        ShimTest::TearDown();
        while (TakeLine(0) != StatusName(0)) {
        }
    }
};

TEST_F(ShimTraceTest, FromLoadingToUnloading)
{
    ASSERT_STATUS(0, wskshim_embedded_trace(3));
    {
        Port port;
        uint64_t socket = port.Open();
        EXPECT_EQ("3 wskbridge: loaded (0x00000000)", TakeLine(0));
        EXPECT_EQ("3 wskbridge: captured WSK (0x00000000)", TakeLine(0));
        EXPECT_EQ(StatusName(0), TakeLine(0));
        EXPECT_STATUS(kInvalidDeviceState, Bind(socket, Loopback(WSKB_AF_INET, 0)));
        EXPECT_EQ("3 wskbridge: process " + std::to_string(getpid()) + ", socket 0: BIND failed (0xC0000184)",
                  TakeLine(0));
    }
    EXPECT_EQ("3 wskbridge: unloaded (0x00000000)", TakeLine(0));
    EXPECT_EQ(StatusName(0), TakeLine(0));
}

TEST_F(ShimTraceTest, AReaderWaits)
{
    ThreadNumber number{0};
    ASSERT_STATUS(0, wskshim_embedded_trace(3));
    std::thread reader([&] {
        number = OwnThreadNumber();
        EXPECT_EQ("3 wskbridge: loaded (0x00000000)", TakeLine(-1));
    });
    EXPECT_TRUE(AwaitSleep(number));
    Port port;
    reader.join();
}

TEST_F(ShimTraceTest, LinesAreCutToTheRoomThereIs)
{
    const std::string whole = "3 wskbridge: loaded (0x00000000)";
    char text[8] = "xxxxxxx";
    ASSERT_STATUS(0, wskshim_embedded_trace(3));
    Port port;
    EXPECT_EQ((int32_t)whole.size(), wskshim_embedded_trace_take(U(text), 5, 0));
    EXPECT_EQ(whole.substr(0, 4), text);
    EXPECT_EQ('x', text[5]);
}
