/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: names, opening, access, the order of cleanup and close, processes.
 */
#include "test_driver.h"

#include <atomic>

namespace {

class File : public DriverTest {
  protected:
    NTSTATUS TryOpen(PCWSTR name, ACCESS_MASK access = GENERIC_READ)
    {
        HANDLE file = nullptr;
        NTSTATUS status = HostOpenFile(name, access, &file);
        if (NT_SUCCESS(status)) {
            EXPECT_STATUS(STATUS_SUCCESS, NtClose(file));
        }
        return status;
    }
    void TearDown() override
    {
        HostSetProcessRights(HostProcessAdministrator);
        DriverTest::TearDown();
    }
};

using FileDeath = File;
using Log = std::vector<std::string>;

TEST_F(File, OpensByAllItsNames)
{
    std::vector<std::u16string> rests;
    driver.create = [&](PIRP irp, PIO_STACK_LOCATION stack) {
        PUNICODE_STRING rest = &stack->FileObject->FileName;
        rests.emplace_back(reinterpret_cast<const char16_t*>(rest->Buffer), rest->Length / 2);
        EXPECT_EQ(driver.device, stack->FileObject->DeviceObject);
        return Complete(irp, STATUS_SUCCESS);
    };
    Load();
    for (PCWSTR name : {L"\\\\.\\WdmTest", L"\\\\.\\wdmTEST", L"\\??\\WdmTest", L"\\DosDevices\\WdmTest",
                        L"\\Device\\WdmTest", L"\\\\.\\WdmTest\\sub\\name"}) {
        EXPECT_STATUS(STATUS_SUCCESS, TryOpen(name));
    }
    for (PCWSTR name :
         {L"\\\\.\\WdmTes", L"\\\\.\\WdmTest2", L"\\Device\\Other", L"WdmTest", L"", L"\\\\.\\"}) {
        EXPECT_STATUS(STATUS_OBJECT_NAME_NOT_FOUND, TryOpen(name));
    }
    ASSERT_EQ(6u, rests.size());
    EXPECT_EQ(u"", rests[0]);
    EXPECT_EQ(u"\\sub\\name", rests[5]);
}

TEST_F(File, CreateIsToldOfTheAccess)
{
    driver.create = [](PIRP irp, PIO_STACK_LOCATION stack) {
        EXPECT_TRUE(stack->FileObject->ReadAccess);
        EXPECT_FALSE(stack->FileObject->WriteAccess);
        EXPECT_EQ(FILE_GENERIC_READ, stack->Parameters.Create.SecurityContext->DesiredAccess);
        EXPECT_EQ(0u, stack->Parameters.Create.EaLength);
        return Complete(irp, STATUS_SUCCESS);
    };
    Load();
    NtClose(Open(GENERIC_READ));
}

TEST_F(File, ARefusedCreateGetsNeitherCleanupNorClose)
{
    driver.create = [](PIRP irp, PIO_STACK_LOCATION) { return Complete(irp, STATUS_QUOTA_EXCEEDED); };
    Load();
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED, TryOpen(L"\\\\.\\WdmTest"));
    EXPECT_EQ((Log{"create"}), driver.TakeLog());
}

TEST_F(File, APendingCreateIsWaitedFor)
{
    std::thread completer;
    driver.create = [&](PIRP irp, PIO_STACK_LOCATION) {
        IoMarkIrpPending(irp);
        completer = std::thread([irp] { Complete(irp, STATUS_SUCCESS); });
        return STATUS_PENDING;
    };
    Load();
    EXPECT_STATUS(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest"));
    completer.join();
}

TEST_F(File, OpeningFailsOutOfMemory)
{
    Load();
    HostFailAllocation(1, 0);
    EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES, TryOpen(L"\\\\.\\WdmTest"));
    EXPECT_STATUS(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest"));
}

TEST_F(File, CleanupRunsInTheClosingThreadThenClose)
{
    std::thread::id cleaner;
    driver.cleanup = [&](PIRP irp, PIO_STACK_LOCATION) {
        EXPECT_EQ(PASSIVE_LEVEL, KeGetCurrentIrql());
        cleaner = std::this_thread::get_id();
        return Complete(irp, STATUS_SUCCESS);
    };
    Load();
    NtClose(Open());
    EXPECT_EQ(std::this_thread::get_id(), cleaner);
    EXPECT_EQ((Log{"create", "cleanup", "close"}), driver.TakeLog());
}

TEST_F(File, FilesAreCountedWhileTheyComeAndGo)
{
    Load();
    HOST_ACCOUNTING before = {}, now = {};
    HostQueryAccounting(&before);
    std::atomic<bool> ended{false};
    std::thread opener([&] {
        for (int i = 0; i < 500; i++) {
            NtClose(Open());
        }
        ended = true;
    });
    while (!ended) {
        HostQueryAccounting(&now);
        EXPECT_LE(now.FileObjects, before.FileObjects + 1);
    }
    opener.join();
    HostQueryAccounting(&now);
    EXPECT_EQ(before.FileObjects, now.FileObjects);
}

TEST_F(File, CloseComesAfterTheLastRequest)
{
    IrpQueue queue;
    IO_STATUS_BLOCK first = {}, second = {};
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) { return queue.Insert(irp); };
    Load();
    HANDLE file = Open();
    EXPECT_STATUS(STATUS_PENDING, Control(file, kBuffered, &first));
    EXPECT_STATUS(STATUS_PENDING, Control(file, kBuffered, &second));
    EXPECT_STATUS(STATUS_SUCCESS, NtClose(file));
    EXPECT_EQ((Log{"create", "cleanup"}), driver.TakeLog());
    Complete(queue.Remove(), STATUS_SUCCESS);
    EXPECT_TRUE(driver.TakeLog().empty());
    Complete(queue.Remove(), STATUS_SUCCESS);
    Log log;
    EXPECT_TRUE(Await([&] { return !(log = driver.TakeLog()).empty(); }));
    EXPECT_EQ((Log{"close"}), log);
}

TEST_F(File, CloseIsPassiveThoughTheLastRequestCompletesAtDispatchLevel)
{
    IrpQueue queue;
    IO_STATUS_BLOCK block = {};
    KIRQL level = 99;
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) { return queue.Insert(irp); };
    driver.close = [&](PIRP irp, PIO_STACK_LOCATION) {
        level = KeGetCurrentIrql();
        return Complete(irp, STATUS_SUCCESS);
    };
    Load();
    HANDLE file = Open();
    EXPECT_STATUS(STATUS_PENDING, Control(file, kBuffered, &block));
    NtClose(file);
    PIRP irp = queue.Remove();
    KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
    Complete(irp, STATUS_SUCCESS);
    KeLowerIrql(old);
    Unload(); /* waits for the close */
    EXPECT_EQ(PASSIVE_LEVEL, level);
}

TEST_F(File, AReferenceOfTheDriverDelaysClose)
{
    PFILE_OBJECT object = nullptr;
    driver.create = [&](PIRP irp, PIO_STACK_LOCATION stack) {
        object = stack->FileObject;
        ObReferenceObject(object);
        return Complete(irp, STATUS_SUCCESS);
    };
    Load();
    NtClose(Open());
    EXPECT_EQ((Log{"create", "cleanup"}), driver.TakeLog());
    HOST_ACCOUNTING accounting;
    HostQueryAccounting(&accounting);
    EXPECT_EQ(1u, accounting.References);
    EXPECT_EQ(1u, accounting.FileObjects);
    ObDereferenceObject(object);
    Unload();
    EXPECT_EQ((Log{"close", "unload"}), driver.TakeLog());
}

TEST_F(File, ExclusiveDevicesOpenOnce)
{
    driver.exclusive = TRUE;
    Load();
    HANDLE file = Open();
    EXPECT_STATUS(STATUS_ACCESS_DENIED, TryOpen(L"\\\\.\\WdmTest"));
    NtClose(file);
    EXPECT_STATUS(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest"));
}

TEST_F(File, OpensAreRefusedWhileTheDeviceInitialises)
{
    Load();
    driver.device->Flags |= DO_DEVICE_INITIALIZING;
    EXPECT_STATUS(STATUS_NO_SUCH_DEVICE, TryOpen(L"\\\\.\\WdmTest"));
    driver.device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    EXPECT_STATUS(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest"));
}

/* ---- security ---------------------------------------------------------------------------------------- */

TEST_F(File, SddlDecidesByTheRightsOfTheProcess)
{
    driver.sddl = L"D:P(A;;GA;;;SY)(A;;GRGW;;;BA)(A;;GR;;;WD)";
    Load();
    for (HOST_PROCESS_RIGHTS rights : {HostProcessSystem, HostProcessAdministrator}) {
        HostSetProcessRights(rights);
        EXPECT_STATUS(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest", GENERIC_READ | GENERIC_WRITE));
    }
    HostSetProcessRights(HostProcessUser);
    EXPECT_STATUS(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest", GENERIC_READ));
    EXPECT_STATUS(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest", FILE_READ_DATA));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, TryOpen(L"\\\\.\\WdmTest", GENERIC_WRITE));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, TryOpen(L"\\\\.\\WdmTest", GENERIC_READ | FILE_WRITE_DATA));
}

TEST_F(File, SddlOfTheProductRefusesUsers)
{
    driver.sddl = L"D:P(A;;GA;;;SY)(A;;GA;;;BA)";
    Load();
    EXPECT_STATUS(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest"));
    HostSetProcessRights(HostProcessUser);
    EXPECT_STATUS(STATUS_ACCESS_DENIED, TryOpen(L"\\\\.\\WdmTest"));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, TryOpen(L"\\\\.\\WdmTest", 0));
}

TEST_F(File, SddlEntriesCountInTheirOrder)
{
    driver.sddl = L"D:(D;;0x2;;;BU)(A;;FA;;;AU)";
    Load();
    EXPECT_STATUS(STATUS_ACCESS_DENIED, TryOpen(L"\\\\.\\WdmTest", FILE_WRITE_DATA));
    EXPECT_STATUS(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest", FILE_READ_DATA));
    HostSetProcessRights(HostProcessSystem);
    EXPECT_STATUS(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest", FILE_WRITE_DATA));
}

TEST_F(File, BadSddlIsAnInvalidParameter)
{
    for (PCWSTR sddl : {L"", L"X", L"D:P(", L"D:P()", L"D:P(A;;GA;;;XX)", L"D:P(A;;QQ;;;BA)",
                        L"D:P(A;;GA;;BA)", L"D:P(A;;GA;;;BA", L"D:P(A;;GA;;;BA)x", L"D:P(A;;0x;;;BA)",
                        L"D:P(A;;;;;BA)", L"D:P(A;;0x123456789;;;BA)", L"D:P(Z;;GA;;;BA)"}) {
        driver.sddl = sddl;
        EXPECT_STATUS(STATUS_INVALID_PARAMETER, HostLoadDriver(L"WdmTest", TestDriverEntry));
    }
}

/* ---- processes --------------------------------------------------------------------------------------- */

TEST_F(File, DriversCanTellProcessesApart)
{
    HANDLE seen = nullptr;
    ULONG requestor = 0;
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) {
        seen = PsGetCurrentProcessId();
        requestor = IoGetRequestorProcessId(irp);
        EXPECT_EQ(PsGetCurrentProcess(), IoGetRequestorProcess(irp));
        return Complete(irp, STATUS_SUCCESS);
    };
    Load();
    IO_STATUS_BLOCK block;
    HANDLE file = Open();
    Control(file, kBuffered, &block);
    EXPECT_EQ((ULONG)getpid(), HandleToULong(seen));
    EXPECT_EQ((ULONG)getpid(), requestor);

    PEPROCESS process = HostCreateProcess(HostProcessAdministrator);
    HostEnterProcess(process);
    EXPECT_STATUS(STATUS_INVALID_HANDLE, Control(file, kBuffered, &block)); /* another process's handle */
    HANDLE other = Open();
    Control(other, kBuffered, &block);
    EXPECT_EQ(PsGetProcessId(process), seen);
    EXPECT_NE((ULONG)getpid(), requestor);
    HostEnterProcess(nullptr);
    HostEndProcess(process); /* closes the other file */
    EXPECT_EQ((Log{"create", "create", "cleanup", "close"}), driver.TakeLog());
    NtClose(file);
}

TEST_F(File, TheEndOfAProcessLeavesPendingRequestsToTheDriver)
{
    IrpQueue queue;
    IO_STATUS_BLOCK block = {};
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) { return queue.Insert(irp); };
    driver.cleanup = [&](PIRP irp, PIO_STACK_LOCATION) {
        EXPECT_EQ(1u, queue.CompleteAll(STATUS_CANCELLED));
        return Complete(irp, STATUS_SUCCESS);
    };
    Load();
    PEPROCESS process = HostCreateProcess(HostProcessSystem);
    HostEnterProcess(process);
    HANDLE file = Open();
    EXPECT_STATUS(STATUS_PENDING, Control(file, kBuffered, &block));
    HostEnterProcess(nullptr);
    HostEndProcess(process);
    EXPECT_STATUS(STATUS_CANCELLED, block.Status);
}

TEST_F(File, RightsOfAProcessAreItsOwn)
{
    driver.sddl = L"D:P(A;;GA;;;BA)";
    Load();
    PEPROCESS process = HostCreateProcess(HostProcessUser);
    HostEnterProcess(process);
    EXPECT_STATUS(STATUS_ACCESS_DENIED, TryOpen(L"\\\\.\\WdmTest"));
    HostEnterProcess(nullptr);
    HostEndProcess(process);
    EXPECT_STATUS(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest"));
}

TEST_F(FileDeath, AProcessEndsWhileAThreadActsForIt)
{
    EXPECT_DEATH(
        {
            PEPROCESS process = HostCreateProcess(HostProcessUser);
            HostEnterProcess(process);
            HostEndProcess(process);
        },
        "REFERENCE_BY_POINTER");
}

TEST_F(FileDeath, AReferenceIsDroppedThatWasNotTaken)
{
    Load();
    EXPECT_DEATH(ObDereferenceObject(driver.device), "REFERENCE_BY_POINTER.*\n.*device");
}

} // namespace
