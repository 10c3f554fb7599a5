/* SPDX-License-Identifier: Apache-2.0
 *
 * The header compiles as C++ and its structures have the layout of 64-bit Windows.
 */
#include <iomanager.h>

#include <gtest/gtest.h>

/* Most offsets are asserted next to the structures; these are the ones that other binaries depend on most. */
TEST(Layout, SizesOfSharedStructures)
{
    EXPECT_EQ(208u, sizeof(IRP));
    EXPECT_EQ(16u, alignof(IRP));
    EXPECT_EQ(72u, sizeof(IO_STACK_LOCATION));
    EXPECT_EQ(336u, sizeof(DEVICE_OBJECT));
    EXPECT_EQ(336u, sizeof(DRIVER_OBJECT));
    EXPECT_EQ(216u, sizeof(FILE_OBJECT));
    EXPECT_EQ(48u, sizeof(MDL));
    EXPECT_EQ(24u, sizeof(KEVENT));
    EXPECT_EQ(64u, sizeof(KTIMER));
    EXPECT_EQ(64u, sizeof(KDPC));
    EXPECT_EQ(8u, sizeof(KSPIN_LOCK));
    EXPECT_EQ(16u, sizeof(IO_STATUS_BLOCK));
}

TEST(Layout, SizeOfIrpCountsStackLocations)
{
    EXPECT_EQ(280, IoSizeOfIrp(1));
    EXPECT_EQ(352, IoSizeOfIrp(2));
}

TEST(Layout, ControlCodesAreMadeAsOnWindows)
{
    ULONG code =
        CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_OUT_DIRECT, FILE_READ_ACCESS | FILE_WRITE_ACCESS);
    EXPECT_EQ(0x0022E002u, code);
    EXPECT_EQ((ULONG)METHOD_OUT_DIRECT, METHOD_FROM_CTL_CODE(code));
    EXPECT_EQ((ULONG)FILE_DEVICE_UNKNOWN, DEVICE_TYPE_FROM_CTL_CODE(code));
}

TEST(Layout, StatusClasses)
{
    EXPECT_TRUE(NT_SUCCESS(STATUS_PENDING));
    EXPECT_TRUE(NT_SUCCESS(STATUS_OBJECT_NAME_EXISTS));
    EXPECT_TRUE(NT_WARNING(STATUS_BUFFER_OVERFLOW));
    EXPECT_FALSE(NT_ERROR(STATUS_BUFFER_OVERFLOW));
    EXPECT_TRUE(NT_ERROR(STATUS_CANCELLED));
    EXPECT_FALSE(NT_SUCCESS(STATUS_CANCELLED));
}
