/* SPDX-License-Identifier: Apache-2.0
 *
 * MmProbeAndLockPages and MmUnlockPages, and the exceptions that the first one raises for invalid memory.
 */
#include <iomanager.h>
#include <nt/lend.h>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "exceptions.h"
#include "status.h"

static_assert(
    std::is_same_v<decltype(&MmProbeAndLockPages), void (*)(PMDL, KPROCESSOR_MODE, LOCK_OPERATION)>);
static_assert(std::is_same_v<decltype(&MmUnlockPages), void (*)(PMDL)>);

class Probe : public ::testing::Test {
  protected:
    void SetUp() override
    {
        memory = static_cast<char*>(
            mmap(nullptr, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    }
    void TearDown() override
    {
        if (mdl != nullptr) {
            IoFreeMdl(mdl);
        }
        munmap(memory, 3 * PAGE_SIZE);
    }
    NTSTATUS Try(size_t from, size_t length, LOCK_OPERATION operation, KPROCESSOR_MODE mode = UserMode)
    {
        if (mdl != nullptr) {
            IoFreeMdl(mdl);
        }
        mdl = IoAllocateMdl(memory + from, static_cast<ULONG>(length), FALSE, FALSE, nullptr);
        return ProbeInTry(mdl, mode, operation);
    }

    char* memory = nullptr;
    PMDL mdl = nullptr;
};

TEST_F(Probe, LocksMapsAndUnlocks)
{
    memory[100] = 'x';
    ASSERT_STATUS(STATUS_SUCCESS, Try(100, 2 * PAGE_SIZE, IoWriteAccess));
    EXPECT_EQ(MDL_PAGES_LOCKED | MDL_WRITE_OPERATION,
              mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_WRITE_OPERATION));
    EXPECT_EQ('x', memory[100]) << "a probe changes nothing";
    char* mapped = static_cast<char*>(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority));
    mapped[0] = 'y';
    EXPECT_EQ('y', memory[100]);
    MmUnlockPages(mdl);
    EXPECT_EQ(0, mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA | MDL_WRITE_OPERATION));
    EXPECT_STATUS(STATUS_SUCCESS, ProbeInTry(mdl, KernelMode, IoReadAccess)) << "it can be locked again";
    EXPECT_EQ(0, mdl->MdlFlags & MDL_WRITE_OPERATION);
    MmUnlockPages(mdl);
}

TEST_F(Probe, RaisesForMemoryThatIsNotThere)
{
    munmap(memory + PAGE_SIZE, PAGE_SIZE);
    EXPECT_STATUS(STATUS_ACCESS_VIOLATION, Try(PAGE_SIZE + 1, 10, IoReadAccess));
    EXPECT_STATUS(STATUS_ACCESS_VIOLATION, Try(10, PAGE_SIZE, IoReadAccess)) << "the last bytes only";
    EXPECT_STATUS(STATUS_ACCESS_VIOLATION, Try(10, 2 * PAGE_SIZE, IoReadAccess)) << "in the middle only";
    EXPECT_EQ(0, mdl->MdlFlags & MDL_PAGES_LOCKED);
    EXPECT_STATUS(STATUS_SUCCESS, Try(10, PAGE_SIZE - 10, IoReadAccess))
        << "up to the last byte that is there";
    MmUnlockPages(mdl);
    mmap(memory + PAGE_SIZE, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

TEST_F(Probe, RaisesForNull)
{
    mdl = IoAllocateMdl(nullptr, 10, FALSE, FALSE, nullptr);
    EXPECT_STATUS(STATUS_ACCESS_VIOLATION, ProbeInTry(mdl, UserMode, IoReadAccess));
}

TEST_F(Probe, WritingNeedsMemoryThatCanBeWritten)
{
    mprotect(memory, PAGE_SIZE, PROT_READ);
    EXPECT_STATUS(STATUS_ACCESS_VIOLATION, Try(0, 10, IoWriteAccess));
    EXPECT_STATUS(STATUS_ACCESS_VIOLATION, Try(0, 10, IoModifyAccess));
    EXPECT_STATUS(STATUS_SUCCESS, Try(0, 10, IoReadAccess));
    MmUnlockPages(mdl);
    mprotect(memory, PAGE_SIZE, PROT_NONE);
    EXPECT_STATUS(STATUS_ACCESS_VIOLATION, Try(0, 10, IoReadAccess));
    EXPECT_STATUS(STATUS_ACCESS_VIOLATION, Try(0, 10, IoReadAccess, KernelMode));
}

TEST_F(Probe, StopsWhatLocksTwiceOrUnlocksTwice)
{
    ASSERT_STATUS(STATUS_SUCCESS, Try(0, 10, IoReadAccess));
    EXPECT_DEATH(MmProbeAndLockPages(mdl, UserMode, IoReadAccess), "describes its pages already");
    EXPECT_DEATH(IoFreeMdl(mdl), "were not unlocked");
    MmUnlockPages(mdl);
    EXPECT_DEATH(MmUnlockPages(mdl), "whose pages are not locked");
}

TEST_F(Probe, StopsWhatUnlocksLentMemory)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    ASSERT_STATUS(STATUS_SUCCESS, Try(0, 10, IoReadAccess));
    HostLendMemory(irp, "WskSend", this, mdl, 10);
    EXPECT_DEATH(MmUnlockPages(mdl),
                 "MmUnlockPages was called for 0x[0-9a-f]+, which is lent to WskSend: the IRP");
    HostReturnMemory(irp);
    MmUnlockPages(mdl);
    IoFreeIrp(irp);
}

TEST(Exceptions, GoToTheInnermostFilterThatWantsThem)
{
    EXPECT_EQ(12346u, RaiseThroughFilter(STATUS_ACCESS_VIOLATION));
    EXPECT_EQ(1256u, RaiseThroughFilter(STATUS_NOT_FOUND));
    EXPECT_STATUS(STATUS_NO_MATCH, RaiseInHandler());
}

TEST(Exceptions, ABlockThatIsLeftHandlesNoMore)
{
    EXPECT_EQ(10u, LeaveEarly(0));
    EXPECT_EQ(11u, LeaveEarly(1));
    EXPECT_EQ(12u, LeaveEarly(2));
}

TEST(Exceptions, StopWhenNobodyHandlesThem)
{
    EXPECT_DEATH(ExRaiseStatus(STATUS_NOT_FOUND), "Exception 0xc0000225 was raised outside every __try");
}
