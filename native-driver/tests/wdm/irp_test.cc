/* SPDX-License-Identifier: Apache-2.0
 *
 * Drivers' own IRPs: stack locations, completion routines, reuse, and the mistakes that stop the system.
 */
#include "test_driver.h"

namespace {

/* What a completion routine observed. */
struct Seen {
    std::vector<std::string>* log;
    const char* name;
    NTSTATUS result;
    BOOLEAN pendingReturned;
    PDEVICE_OBJECT device;
};

NTSTATUS Record(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    Seen* seen = static_cast<Seen*>(context);
    seen->log->push_back(seen->name);
    seen->pendingReturned = irp->PendingReturned;
    seen->device = device;
    if (irp->PendingReturned && seen->result != STATUS_MORE_PROCESSING_REQUIRED &&
        irp->CurrentLocation <= irp->StackCount) {
        IoMarkIrpPending(irp);
    }
    return seen->result;
}

class Irp : public ::testing::Test {
  protected:
    void SetUp() override
    {
        GTEST_FLAG_SET(death_test_style, "threadsafe");
    }
    std::vector<std::string> log;
    Seen bottom{&log, "bottom", STATUS_SUCCESS, FALSE, nullptr};
    Seen top{&log, "top", STATUS_MORE_PROCESSING_REQUIRED, FALSE, nullptr};
};

using IrpDeath = Irp;

/* An IRP prepared by its owner and one driver below, at the lowest location. */
PIRP TwoLevels(Seen* top, Seen* bottom)
{
    PIRP irp = IoAllocateIrp(2, FALSE);
    IoSetCompletionRoutine(irp, Record, top, TRUE, TRUE, TRUE);
    IoSetNextIrpStackLocation(irp);
    IoSetCompletionRoutine(irp, Record, bottom, TRUE, TRUE, TRUE);
    IoSetNextIrpStackLocation(irp);
    return irp;
}

TEST_F(Irp, StartsAboveItsTopLocation)
{
    PIRP irp = IoAllocateIrp(3, FALSE);
    EXPECT_EQ(IO_TYPE_IRP, irp->Type);
    EXPECT_EQ(IoSizeOfIrp(3), irp->Size);
    EXPECT_EQ(3, irp->StackCount);
    EXPECT_EQ(4, irp->CurrentLocation);
    EXPECT_EQ(reinterpret_cast<PIO_STACK_LOCATION>(irp + 1) + 2, IoGetNextIrpStackLocation(irp));
    IoFreeIrp(irp);
}

TEST_F(Irp, RoutinesRunFromTheBottomUp)
{
    PIRP irp = TwoLevels(&top, &bottom);
    Complete(irp, STATUS_SUCCESS);
    EXPECT_EQ((std::vector<std::string>{"bottom", "top"}), log);
    EXPECT_FALSE(top.pendingReturned);
    EXPECT_EQ(nullptr, top.device);
    IoFreeIrp(irp);
}

TEST_F(Irp, PendingIsPropagated)
{
    PIRP irp = TwoLevels(&top, &bottom);
    IoMarkIrpPending(irp);
    Complete(irp, STATUS_SUCCESS);
    EXPECT_TRUE(bottom.pendingReturned);
    EXPECT_TRUE(top.pendingReturned);
    IoFreeIrp(irp);
}

TEST_F(Irp, PendingIsPropagatedWhereNoRoutineIsSet)
{
    PIRP irp = IoAllocateIrp(2, FALSE);
    IoSetCompletionRoutine(irp, Record, &top, TRUE, TRUE, TRUE);
    IoSetNextIrpStackLocation(irp);
    IoSetNextIrpStackLocation(irp);
    IoMarkIrpPending(irp);
    Complete(irp, STATUS_SUCCESS);
    EXPECT_TRUE(top.pendingReturned);
    IoFreeIrp(irp);
}

TEST_F(Irp, MoreProcessingStopsAndCompletionResumes)
{
    bottom.result = STATUS_MORE_PROCESSING_REQUIRED;
    PIRP irp = TwoLevels(&top, &bottom);
    Complete(irp, STATUS_SUCCESS);
    EXPECT_EQ((std::vector<std::string>{"bottom"}), log);
    EXPECT_EQ(2, irp->CurrentLocation);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    EXPECT_EQ((std::vector<std::string>{"bottom", "top"}), log);
    IoFreeIrp(irp);
}

TEST_F(Irp, RoutinesRunForTheResultsTheyAskedFor)
{
    struct {
        BOOLEAN success, error, cancel;
        NTSTATUS status;
        BOOLEAN cancelled, wanted;
    } cases[] = {
        {TRUE, FALSE, FALSE, STATUS_SUCCESS, FALSE, TRUE},
        {TRUE, FALSE, FALSE, STATUS_UNSUCCESSFUL, FALSE, FALSE},
        {FALSE, TRUE, FALSE, STATUS_UNSUCCESSFUL, FALSE, TRUE},
        {FALSE, TRUE, FALSE, STATUS_BUFFER_OVERFLOW, FALSE, TRUE},
        {FALSE, TRUE, FALSE, STATUS_SUCCESS, FALSE, FALSE},
        {FALSE, FALSE, TRUE, STATUS_SUCCESS, TRUE, TRUE},
        {FALSE, FALSE, TRUE, STATUS_CANCELLED, FALSE, FALSE},
    };
    for (const auto& c : cases) {
        log.clear();
        PIRP irp = IoAllocateIrp(2, FALSE);
        IoSetCompletionRoutine(irp, Record, &top, TRUE, TRUE, TRUE);
        IoSetNextIrpStackLocation(irp);
        IoSetCompletionRoutine(irp, Record, &bottom, c.success, c.error, c.cancel);
        IoSetNextIrpStackLocation(irp);
        if (c.cancelled) {
            EXPECT_FALSE(IoCancelIrp(irp));
        }
        Complete(irp, c.status);
        EXPECT_EQ(c.wanted ? 2u : 1u, log.size());
        IoFreeIrp(irp);
    }
}

TEST_F(Irp, StorageOfTheCallersOwnIsUsedAgainAndAgain)
{
    alignas(16) UCHAR storage[sizeof(IRP) + sizeof(IO_STACK_LOCATION)];
    PIRP irp = reinterpret_cast<PIRP>(storage);
    memset(storage, 0xEE, sizeof(storage));
    IoInitializeIrp(irp, sizeof(storage), 1);
    for (int i = 0; i < 3; i++) {
        IoSetCompletionRoutine(irp, Record, &top, TRUE, TRUE, TRUE);
        IoSetNextIrpStackLocation(irp);
        IoMarkIrpPending(irp);
        Complete(irp, STATUS_SUCCESS, 5);
        EXPECT_EQ(2, irp->CurrentLocation);
        EXPECT_EQ(5u, irp->IoStatus.Information);
        IoReuseIrp(irp, STATUS_NOT_FOUND);
        EXPECT_STATUS(STATUS_NOT_FOUND, irp->IoStatus.Status);
        EXPECT_EQ(0u, irp->IoStatus.Information);
        EXPECT_FALSE(irp->Cancel);
    }
    EXPECT_EQ(3u, log.size());
}

TEST_F(Irp, ReuseKeepsAnAllocatedIrpFreeable)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    IoCancelIrp(irp);
    IoReuseIrp(irp, STATUS_SUCCESS);
    EXPECT_FALSE(irp->Cancel);
    IoFreeIrp(irp);
}

TEST_F(Irp, SkippingGivesTheLocationToTheNextDriver)
{
    PIRP irp = IoAllocateIrp(2, FALSE);
    IoSetNextIrpStackLocation(irp);
    PIO_STACK_LOCATION own = IoGetCurrentIrpStackLocation(irp);
    own->Parameters.Others.Argument1 = this;
    IoCopyCurrentIrpStackLocationToNext(irp);
    EXPECT_EQ(this, IoGetNextIrpStackLocation(irp)->Parameters.Others.Argument1);
    IoSkipCurrentIrpStackLocation(irp);
    EXPECT_EQ(own, IoGetNextIrpStackLocation(irp));
    IoFreeIrp(irp);
}

TEST_F(Irp, MdlsDescribeMemory)
{
    static char memory[3 * PAGE_SIZE];
    PMDL mdl = IoAllocateMdl(memory + 5, PAGE_SIZE, FALSE, FALSE, nullptr);
    ASSERT_NE(nullptr, mdl);
    MmBuildMdlForNonPagedPool(mdl);
    EXPECT_EQ(memory + 5, MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority | MdlMappingNoExecute));
    EXPECT_EQ(memory + 5, MmGetMdlVirtualAddress(mdl));
    EXPECT_EQ((ULONG)PAGE_SIZE, MmGetMdlByteCount(mdl));
    EXPECT_EQ(BYTE_OFFSET(memory + 5), MmGetMdlByteOffset(mdl));
    HOST_ACCOUNTING accounting;
    HostQueryAccounting(&accounting);
    EXPECT_EQ(1u, accounting.Mdls);
    IoFreeMdl(mdl);
}

/* Storage for an MDL of up to three pages. */
struct SmallMdl {
    MDL mdl;
    PFN_NUMBER pages[3];
};

TEST_F(Irp, APartialMdlDescribesAPartOfAnother)
{
    static char memory[3 * PAGE_SIZE];
    PMDL whole = IoAllocateMdl(memory + 5, 2 * PAGE_SIZE, FALSE, FALSE, nullptr);
    ASSERT_NE(nullptr, whole);
    MmBuildMdlForNonPagedPool(whole);
    SmallMdl part = {};
    MmInitializeMdl(&part.mdl, memory + 105, PAGE_SIZE);
    IoBuildPartialMdl(whole, &part.mdl, memory + 105, PAGE_SIZE);
    EXPECT_EQ(memory + 105, MmGetMdlVirtualAddress(&part.mdl));
    EXPECT_EQ((ULONG)PAGE_SIZE, MmGetMdlByteCount(&part.mdl));
    EXPECT_EQ(memory + 105, MmGetSystemAddressForMdlSafe(&part.mdl, NormalPagePriority));
    EXPECT_EQ(nullptr, part.mdl.Next);
    MmPrepareMdlForReuse(&part.mdl);
    MmInitializeMdl(&part.mdl, memory + 2 * PAGE_SIZE, 5);
    IoBuildPartialMdl(whole, &part.mdl, memory + 2 * PAGE_SIZE, 0); /* 0: the rest */
    EXPECT_EQ(5u, MmGetMdlByteCount(&part.mdl));
    IoFreeMdl(whole);
}

TEST_F(Irp, MdlsOfAnIrpAreChained)
{
    char memory[10];
    PIRP irp = IoAllocateIrp(1, FALSE);
    PMDL first = IoAllocateMdl(memory, 10, FALSE, FALSE, irp);
    PMDL second = IoAllocateMdl(memory, 10, TRUE, FALSE, irp);
    EXPECT_EQ(first, irp->MdlAddress);
    EXPECT_EQ(second, first->Next);
    IoFreeMdl(first);
    IoFreeMdl(second);
    IoFreeIrp(irp);
}

/* ---- mistakes ---------------------------------------------------------------------------------------- */

TEST_F(IrpDeath, APartialMdlThatIsTooSmallOrLeavesItsSource)
{
    static char memory[3 * PAGE_SIZE];
    PMDL whole = IoAllocateMdl(memory + 8, PAGE_SIZE, FALSE, FALSE, nullptr);
    MmBuildMdlForNonPagedPool(whole);
    SmallMdl part = {};
    MmInitializeMdl(&part.mdl, memory + 100, 10);
    EXPECT_DEATH(IoBuildPartialMdl(whole, &part.mdl, memory + PAGE_SIZE, 10), "TARGET_MDL_TOO_SMALL");
    EXPECT_DEATH(IoBuildPartialMdl(whole, &part.mdl, memory + 7, 10), "TARGET_MDL_TOO_SMALL");
    part.mdl.Size = sizeof(MDL);
    EXPECT_DEATH(IoBuildPartialMdl(whole, &part.mdl, memory + 100, 10), "TARGET_MDL_TOO_SMALL");
    IoFreeMdl(whole);
}

TEST_F(IrpDeath, CompletedPastItsOwner)
{
    top.result = STATUS_SUCCESS;
    EXPECT_DEATH(Complete(TwoLevels(&top, &bottom), STATUS_SUCCESS),
                 "MULTIPLE_IRP_COMPLETE_REQUESTS.*\n.*past its owner");
}

TEST_F(IrpDeath, CompletedTwice)
{
    EXPECT_DEATH(
        {
            PIRP irp = TwoLevels(&top, &bottom);
            Complete(irp, STATUS_SUCCESS);
            Complete(irp, STATUS_SUCCESS);
        },
        "MULTIPLE_IRP_COMPLETE_REQUESTS");
}

TEST_F(IrpDeath, CompletedAfterItWasFreed)
{
    EXPECT_DEATH(
        {
            PIRP irp = TwoLevels(&top, &bottom);
            Complete(irp, STATUS_SUCCESS);
            IoFreeIrp(irp);
            Complete(irp, STATUS_SUCCESS);
        },
        "MULTIPLE_IRP_COMPLETE_REQUESTS|AddressSanitizer: heap-use-after-free");
}

TEST_F(IrpDeath, FreedWhilePending)
{
    EXPECT_DEATH(
        {
            PIRP irp = TwoLevels(&top, &bottom);
            IoMarkIrpPending(irp);
            IoFreeIrp(irp);
        },
        "DRIVER_VERIFIER.*\n.*IoFreeIrp.*not completed");
}

TEST_F(IrpDeath, ReusedWhilePending)
{
    EXPECT_DEATH(
        {
            PIRP irp = TwoLevels(&top, &bottom);
            IoMarkIrpPending(irp);
            IoReuseIrp(irp, STATUS_SUCCESS);
        },
        "DRIVER_VERIFIER.*\n.*IoReuseIrp.*not completed");
}

TEST_F(IrpDeath, FreedTwice)
{
    EXPECT_DEATH(
        {
            PIRP irp = IoAllocateIrp(1, FALSE);
            IoFreeIrp(irp);
            IoFreeIrp(irp);
        },
        "BAD_POOL_CALLER|AddressSanitizer: heap-use-after-free");
}

TEST_F(IrpDeath, StorageTooSmall)
{
    alignas(16) UCHAR storage[1000];
    EXPECT_DEATH(IoInitializeIrp(reinterpret_cast<PIRP>(storage), sizeof(IRP), 1),
                 "DRIVER_VERIFIER.*\n.*IoInitializeIrp");
}

TEST_F(IrpDeath, OwnerMarksPendingWithoutALocation)
{
    EXPECT_DEATH(IoMarkIrpPending(IoAllocateIrp(1, FALSE)), "Assertion failed");
}

TEST_F(IrpDeath, NoLocationLeft)
{
    EXPECT_DEATH(
        {
            PIRP irp = IoAllocateIrp(1, FALSE);
            IoSetNextIrpStackLocation(irp);
            IoSetNextIrpStackLocation(irp);
        },
        "Assertion failed");
}

TEST_F(IrpDeath, AnMdlIsMappedBeforeItIsBuilt)
{
    char memory[10];
    EXPECT_DEATH(
        MmGetSystemAddressForMdlSafe(IoAllocateMdl(memory, 10, FALSE, FALSE, nullptr), NormalPagePriority),
        "DRIVER_VERIFIER.*\n.*MDL is mapped");
}

/* ---- a driver below another -------------------------------------------------------------------------- */

class Stacked : public DriverTest {};

TEST_F(Stacked, ADriverForwardsAndIsToldOfTheCompletion)
{
    driver.stackSize = 2;
    Load();
    HANDLE file = Open();
    std::vector<std::string> log;
    Seen seen{&log, "upper", STATUS_SUCCESS, FALSE, nullptr};
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION stack) -> NTSTATUS {
        if (stack->MajorFunction == IRP_MJ_INTERNAL_DEVICE_CONTROL) {
            IoMarkIrpPending(irp);
            Complete(irp, STATUS_SUCCESS, 11);
            return STATUS_PENDING;
        }
        IoCopyCurrentIrpStackLocationToNext(irp);
        IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
        IoSetCompletionRoutine(irp, Record, &seen, TRUE, TRUE, TRUE);
        return IoCallDriver(driver.device, irp);
    };
    IO_STATUS_BLOCK block;
    EXPECT_STATUS(STATUS_PENDING, Control(file, kBuffered, &block));
    EXPECT_EQ(11u, block.Information);
    EXPECT_EQ(1u, log.size());
    EXPECT_TRUE(seen.pendingReturned);
    EXPECT_EQ(driver.device, seen.device);
    NtClose(file);
}

} // namespace
