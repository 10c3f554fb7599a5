/* SPDX-License-Identifier: Apache-2.0
 *
 * NtReadFile and NtWriteFile: where the driver finds the data, depending on the flags of its device.
 */
#include "test_driver.h"

class ReadWrite : public DriverTest {
  protected:
    void Use(ULONG flags)
    {
        Load();
        driver.device->Flags |= flags;
        PDRIVER_DISPATCH* routines = driver.driver->MajorFunction;
        routines[IRP_MJ_READ] = routines[IRP_MJ_WRITE] = routines[IRP_MJ_DEVICE_CONTROL];
        file = Open();
    }
    void TearDown() override
    {
        if (file != nullptr) {
            NtClose(file);
        }
        DriverTest::TearDown();
    }
    NTSTATUS Read(PVOID buffer, ULONG length)
    {
        return NtReadFile(file, nullptr, nullptr, nullptr, &block, buffer, length, &offset, &key);
    }
    NTSTATUS Write(PVOID buffer, ULONG length)
    {
        return NtWriteFile(file, nullptr, nullptr, nullptr, &block, buffer, length, &offset, &key);
    }

    HANDLE file = nullptr;
    IO_STATUS_BLOCK block = {};
    LARGE_INTEGER offset = {};
    ULONG key = 7;
};

TEST_F(ReadWrite, BufferedGoesThroughTheSystemBuffer)
{
    std::string written;
    char out[] = "to the driver", in[16] = {};
    offset.QuadPart = 0x123456789;
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION stack) {
        char* buffer = static_cast<char*>(irp->AssociatedIrp.SystemBuffer);
        EXPECT_EQ(nullptr, irp->MdlAddress);
        EXPECT_EQ(0x123456789, stack->Parameters.Read.ByteOffset.QuadPart);
        EXPECT_EQ(7u, stack->Parameters.Read.Key);
        EXPECT_TRUE(buffer != in && buffer != out);
        if (stack->MajorFunction == IRP_MJ_WRITE) {
            written.assign(buffer, stack->Parameters.Write.Length);
            return Complete(irp, STATUS_SUCCESS, stack->Parameters.Write.Length);
        }
        EXPECT_EQ(sizeof(in), stack->Parameters.Read.Length);
        memcpy(buffer, "read", 4);
        return Complete(irp, STATUS_SUCCESS, 4);
    };
    Use(DO_BUFFERED_IO);
    EXPECT_STATUS(STATUS_SUCCESS, Write(out, sizeof(out)));
    EXPECT_EQ(sizeof(out), block.Information);
    EXPECT_STREQ(out, written.c_str());
    EXPECT_STATUS(STATUS_SUCCESS, Read(in, sizeof(in)));
    EXPECT_EQ(4u, block.Information);
    EXPECT_STREQ("read", in);
}

TEST_F(ReadWrite, DirectGivesAnMdlOfTheUsersMemory)
{
    char memory[100] = "direct";
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION stack) {
        PMDL mdl = irp->MdlAddress;
        EXPECT_EQ(nullptr, irp->AssociatedIrp.SystemBuffer);
        if (stack->Parameters.Read.Length == 0) {
            EXPECT_EQ(nullptr, mdl);
            return Complete(irp, STATUS_SUCCESS);
        }
        EXPECT_EQ(sizeof(memory), MmGetMdlByteCount(mdl));
        EXPECT_EQ(stack->MajorFunction == IRP_MJ_READ, (mdl->MdlFlags & MDL_WRITE_OPERATION) != 0);
        char* mapped = static_cast<char*>(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority));
        if (stack->MajorFunction == IRP_MJ_READ) {
            strcpy(mapped, "filled");
        } else {
            EXPECT_STREQ("direct", mapped);
        }
        return Complete(irp, STATUS_SUCCESS, sizeof(memory));
    };
    Use(DO_DIRECT_IO);
    EXPECT_STATUS(STATUS_SUCCESS, Write(memory, sizeof(memory)));
    EXPECT_STATUS(STATUS_SUCCESS, Read(memory, sizeof(memory)));
    EXPECT_STREQ("filled", memory);
    EXPECT_STATUS(STATUS_SUCCESS, Read(nullptr, 0));
}

TEST_F(ReadWrite, NeitherGivesTheUsersAddress)
{
    char memory[8];
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) {
        EXPECT_EQ(memory, irp->UserBuffer);
        EXPECT_EQ(nullptr, irp->MdlAddress);
        EXPECT_EQ(nullptr, irp->AssociatedIrp.SystemBuffer);
        return Complete(irp, STATUS_SUCCESS, 1);
    };
    Use(0);
    EXPECT_STATUS(STATUS_SUCCESS, Read(memory, sizeof(memory)));
    EXPECT_STATUS(STATUS_SUCCESS, Write(memory, sizeof(memory)));
}

TEST_F(ReadWrite, PendsAndIsCancelled)
{
    IrpQueue queue;
    char memory[8];
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) { return queue.Insert(irp); };
    Use(DO_BUFFERED_IO);
    HANDLE event = CreateEventHandle();
    IO_STATUS_BLOCK cancel;
    EXPECT_STATUS(STATUS_PENDING, NtReadFile(file, event, nullptr, nullptr, &block, memory, sizeof(memory),
                                             &offset, nullptr));
    EXPECT_STATUS(STATUS_SUCCESS, NtCancelIoFileEx(file, &block, &cancel));
    EXPECT_STATUS(STATUS_SUCCESS, NtWaitForSingleObject(event, FALSE, nullptr));
    EXPECT_STATUS(STATUS_CANCELLED, block.Status);
    NtClose(event);
}

TEST_F(ReadWrite, RefusesWhatItCannotSend)
{
    char memory[8];
    Use(DO_BUFFERED_IO);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  NtReadFile(file, nullptr, nullptr, nullptr, &block, memory, 8, nullptr, nullptr));
    EXPECT_STATUS(STATUS_INVALID_USER_BUFFER, Read(nullptr, 8));
    EXPECT_STATUS(STATUS_INVALID_HANDLE,
                  NtReadFile(nullptr, nullptr, nullptr, nullptr, &block, memory, 8, &offset, nullptr));
    EXPECT_STATUS(STATUS_INVALID_HANDLE,
                  NtReadFile(file, file, nullptr, nullptr, &block, memory, 8, &offset, nullptr))
        << "not an event";
    NtClose(file);
    file = Open(GENERIC_READ);
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Write(memory, 8));
    EXPECT_STATUS(STATUS_SUCCESS, Read(memory, 8));
}
