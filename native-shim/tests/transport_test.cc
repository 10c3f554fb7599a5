/* SPDX-License-Identifier: Apache-2.0
 *
 * The transport alone: cases that the shim's own checks prevent.
 */
#include "support.h"

extern "C" {
#include "../src/device.h"
}

#include <thread>

#include "await.h"

/* The system's status for this is not an error, and must not be taken for a number of packets. */
TEST(TransportTest, AWaitAtAPortThatIsClosedFails)
{
    device_port* port = nullptr;
    ThreadNumber number = {};
    int32_t status = 0;
    ASSERT_STATUS(WSKSHIM_STATUS_SUCCESS, device_port_open(&port));
    std::thread waiter([&] {
        device_packet packets[4];
        number = OwnThreadNumber();
        status = device_wait(port, packets, 4, -1);
    });
    EXPECT_TRUE(AwaitSleep(number));
    device_port_close(port);
    waiter.join();
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, status);
}
