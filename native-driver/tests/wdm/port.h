/* SPDX-License-Identifier: Apache-2.0
 *
 * A fixture with a completion port, which checks that no handle is left.
 */
#ifndef TEST_PORT_H
#define TEST_PORT_H

#include "test_driver.h"

class Port : public ::testing::Test {
  protected:
    void SetUp() override
    {
        port = CreatePort();
    }
    void TearDown() override
    {
        if (port != nullptr) {
            NtClose(port);
        }
        HOST_ACCOUNTING left;
        HostQueryAccounting(&left);
        EXPECT_EQ(0u, left.Handles);
    }
    void Post(ULONG_PTR value)
    {
        ASSERT_STATUS(STATUS_SUCCESS, NtSetIoCompletion(port, this, (PVOID)value, STATUS_SUCCESS, value));
    }
    HANDLE port = nullptr;
};

#endif
