/* SPDX-License-Identifier: Apache-2.0
 *
 * A program's calls into the host.
 */
#include "host.h"

HANDLE OpenDevice(PCWSTR device, ACCESS_MASK access)
{
    HANDLE file = nullptr;
    EXPECT_STATUS(STATUS_SUCCESS, HostOpenFile(device, access, &file));
    return file;
}

HANDLE CreateEventHandle(EVENT_TYPE type, BOOLEAN state)
{
    HANDLE event = nullptr;
    EXPECT_STATUS(STATUS_SUCCESS, NtCreateEvent(&event, EVENT_ALL_ACCESS, nullptr, type, state));
    return event;
}

static NTSTATUS WaitFor(HANDLE handle, LONGLONG milliseconds)
{
    LARGE_INTEGER timeout = Milliseconds(milliseconds);
    return NtWaitForSingleObject(handle, FALSE, &timeout);
}

bool IsSignalled(HANDLE handle)
{
    return WaitFor(handle, 0) == STATUS_SUCCESS;
}

bool AwaitSignal(HANDLE handle)
{
    return WaitFor(handle, kPatience) == STATUS_SUCCESS;
}

LARGE_INTEGER Milliseconds(LONGLONG count)
{
    LARGE_INTEGER timeout;
    timeout.QuadPart = -count * 10000;
    return timeout;
}

void ExpectNothingLeft()
{
    HOST_ACCOUNTING left;
    HostQueryAccounting(&left);
    EXPECT_EQ(0u, left.PoolAllocations);
    EXPECT_EQ(0u, left.Irps);
    EXPECT_EQ(0u, left.Mdls);
    EXPECT_EQ(0u, left.Devices);
    EXPECT_EQ(0u, left.FileObjects);
    EXPECT_EQ(0u, left.WorkItems);
    EXPECT_EQ(0u, left.References);
    EXPECT_EQ(0u, left.Handles);
    EXPECT_EQ(0u, left.Requests);
}
