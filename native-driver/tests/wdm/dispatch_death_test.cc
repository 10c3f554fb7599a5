/* SPDX-License-Identifier: Apache-2.0
 *
 * What a dispatch routine must not do.
 */
#include "test_driver.h"

namespace {

class DispatchDeath : public DriverTest {
  protected:
    void SetUp() override
    {
        DriverTest::SetUp();
        Load();
        file = Open();
    }
    void TearDown() override
    {
        EXPECT_STATUS(STATUS_SUCCESS, NtClose(file));
        DriverTest::TearDown();
    }
    HANDLE file = nullptr;
    IO_STATUS_BLOCK block = {};
};

TEST_F(DispatchDeath, ReturnsWithoutCompleting)
{
    driver.control = [](PIRP, PIO_STACK_LOCATION) { return STATUS_SUCCESS; };
    EXPECT_DEATH(Control(file, kBuffered, &block), "DRIVER_VERIFIER.*\n.*without completing");
}

TEST_F(DispatchDeath, ReturnsPendingWithoutMarking)
{
    driver.control = [](PIRP irp, PIO_STACK_LOCATION) {
        Complete(irp, STATUS_SUCCESS);
        return STATUS_PENDING;
    };
    EXPECT_DEATH(Control(file, kBuffered, &block), "DRIVER_VERIFIER.*\n.*not marked pending");
}

TEST_F(DispatchDeath, ReturnsAnotherStatusThanItCompletedWith)
{
    driver.control = [](PIRP irp, PIO_STACK_LOCATION) {
        Complete(irp, STATUS_SUCCESS);
        return STATUS_UNSUCCESSFUL;
    };
    EXPECT_DEATH(Control(file, kBuffered, &block), "DRIVER_VERIFIER.*\n.*returned 0xC0000001");
}

TEST_F(DispatchDeath, CompletesTwice)
{
    driver.control = [](PIRP irp, PIO_STACK_LOCATION) {
        Complete(irp, STATUS_SUCCESS);
        return Complete(irp, STATUS_SUCCESS);
    };
    EXPECT_DEATH(Control(file, kBuffered, &block), "0x00000044 .MULTIPLE_IRP_COMPLETE_REQUESTS");
}

TEST_F(DispatchDeath, CompletesTwiceLater)
{
    PIRP kept = nullptr;
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) {
        kept = irp;
        IoMarkIrpPending(irp);
        return STATUS_PENDING;
    };
    EXPECT_DEATH(
        {
            Control(file, kBuffered, &block);
            Complete(kept, STATUS_SUCCESS);
            Complete(kept, STATUS_SUCCESS);
        },
        "MULTIPLE_IRP_COMPLETE_REQUESTS|AddressSanitizer: heap-use-after-free");
}

TEST_F(DispatchDeath, CompletesWithPending)
{
    driver.control = [](PIRP irp, PIO_STACK_LOCATION) { return Complete(irp, STATUS_PENDING); };
    EXPECT_DEATH(Control(file, kBuffered, &block), "DRIVER_VERIFIER.*\n.*completed with STATUS_PENDING");
}

TEST_F(DispatchDeath, CompletesWithACancelRoutine)
{
    driver.control = [](PIRP irp, PIO_STACK_LOCATION) {
        IoSetCancelRoutine(irp, [](PDEVICE_OBJECT, PIRP) {});
        return Complete(irp, STATUS_SUCCESS);
    };
    EXPECT_DEATH(Control(file, kBuffered, &block), "DRIVER_VERIFIER.*\n.*has a cancel routine");
}

TEST_F(DispatchDeath, ReturnsAtAnotherIrql)
{
    driver.control = [](PIRP irp, PIO_STACK_LOCATION) {
        KfRaiseIrql(DISPATCH_LEVEL);
        return Complete(irp, STATUS_SUCCESS);
    };
    EXPECT_DEATH(Control(file, kBuffered, &block),
                 "IRQL_NOT_LESS_OR_EQUAL.*\n.*dispatch routine.*returned at IRQL 2");
}

TEST_F(DispatchDeath, StaysInACriticalRegion)
{
    driver.control = [](PIRP irp, PIO_STACK_LOCATION) {
        KeEnterCriticalRegion();
        return Complete(irp, STATUS_SUCCESS);
    };
    EXPECT_DEATH(Control(file, kBuffered, &block), "DRIVER_VERIFIER.*\n.*critical regions");
}

TEST_F(DispatchDeath, FreesTheMdlOfTheRequest)
{
    char output[4];
    driver.control = [](PIRP irp, PIO_STACK_LOCATION) {
        IoFreeMdl(irp->MdlAddress);
        return Complete(irp, STATUS_SUCCESS);
    };
    EXPECT_DEATH(Control(file, kOutDirect, &block, nullptr, 0, output, 4), "BAD_POOL_CALLER");
}

TEST_F(DispatchDeath, TheUserCallsAtDispatchLevel)
{
    EXPECT_DEATH(
        {
            KfRaiseIrql(DISPATCH_LEVEL);
            Control(file, kBuffered, &block);
        },
        "IRQL_GT_ZERO_AT_SYSTEM_SERVICE");
}

} // namespace
