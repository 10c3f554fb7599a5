/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking up routines by name, and IoCleanupIrp, which drivers look up.
 */
#include "test_driver.h"

namespace {

PVOID LookUp(PCWSTR name)
{
    UNICODE_STRING text;
    RtlInitUnicodeString(&text, name);
    return MmGetSystemRoutineAddress(&text);
}

/* An IRP in the test's own memory. */
struct RawIrp {
    RawIrp()
    {
        IoInitializeIrp(Get(), IoSizeOfIrp(1), 1);
    }
    PIRP Get()
    {
        return reinterpret_cast<PIRP>(storage);
    }
    alignas(16) UCHAR storage[sizeof(IRP) + sizeof(IO_STACK_LOCATION)];
};

ULONGLONG Allocations()
{
    HOST_ACCOUNTING accounting;
    HostQueryAccounting(&accounting);
    return accounting.PoolAllocations;
}

TEST(Lookup, FindsTheRoutineItselfOrNothing)
{
    EXPECT_EQ((PVOID)ExAllocatePool2, LookUp(L"ExAllocatePool2"));
    EXPECT_EQ((PVOID)IoCleanupIrp, LookUp(L"IoCleanupIrp"));
    EXPECT_EQ(nullptr, LookUp(L"iocleanupirp"));
    EXPECT_EQ(nullptr, LookUp(L"ExNoSuchRoutine"));
    EXPECT_EQ(nullptr, LookUp(L""));
}

TEST(Lookup, AHiddenRoutineIsNotFound)
{
    HostHideSystemRoutine(L"IoCleanupIrp");
    EXPECT_EQ(nullptr, LookUp(L"IoCleanupIrp"));
    EXPECT_NE(nullptr, LookUp(L"ExAllocatePool2"));
    HostHideSystemRoutine(nullptr);
    EXPECT_NE(nullptr, LookUp(L"IoCleanupIrp"));
}

TEST(CleanupIrp, GivesBackWhatTheIrpOwns)
{
    ULONGLONG before = Allocations();
    HostExtendIrps(TRUE);
    RawIrp cleaned;
    RawIrp reused;
    HostExtendIrps(FALSE);
    EXPECT_EQ(before + 2, Allocations());
    IoCleanupIrp(cleaned.Get());
    IoReuseIrp(reused.Get(), STATUS_SUCCESS);
    EXPECT_EQ(before, Allocations());
    IoCleanupIrp(reused.Get());
}

TEST(CleanupIrpDeathTest, OnlyOnceAndOnlyOfOnesOwnMemory)
{
    RawIrp irp;
    IoCleanupIrp(irp.Get());
    EXPECT_DEATH(IoCleanupIrp(irp.Get()), "0x00000044.*\n.*IoCleanupIrp");
    PIRP allocated = IoAllocateIrp(1, FALSE);
    EXPECT_DEATH(IoCleanupIrp(allocated), "0x00000044.*\n.*IoCleanupIrp");
    IoFreeIrp(allocated);
}

} // namespace
