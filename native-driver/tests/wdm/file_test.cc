/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: names, opening, access, the order of cleanup and close, processes; files of the machine.
 */
#include "test_driver.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/stat.h>
#include <unistd.h>

namespace {

class File : public DriverTest {
  protected:
    NTSTATUS TryOpen(PCWSTR name, ACCESS_MASK access = GENERIC_READ)
    {
        HANDLE file = nullptr;
        NTSTATUS status = HostOpenFile(name, access, &file);
        if (NT_SUCCESS(status)) {
            EXPECT_EQ(STATUS_SUCCESS, NtClose(file));
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
        EXPECT_EQ(STATUS_SUCCESS, TryOpen(name));
    }
    for (PCWSTR name :
         {L"\\\\.\\WdmTes", L"\\\\.\\WdmTest2", L"\\Device\\Other", L"WdmTest", L"", L"\\\\.\\"}) {
        EXPECT_EQ(STATUS_OBJECT_NAME_NOT_FOUND, TryOpen(name));
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
    EXPECT_EQ(STATUS_QUOTA_EXCEEDED, TryOpen(L"\\\\.\\WdmTest"));
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
    EXPECT_EQ(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest"));
    completer.join();
}

TEST_F(File, OpeningFailsOutOfMemory)
{
    Load();
    HostFailAllocation(1, 0);
    EXPECT_EQ(STATUS_INSUFFICIENT_RESOURCES, TryOpen(L"\\\\.\\WdmTest"));
    EXPECT_EQ(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest"));
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

TEST_F(File, CloseComesAfterTheLastRequest)
{
    IrpQueue queue;
    IO_STATUS_BLOCK first = {}, second = {};
    driver.control = [&](PIRP irp, PIO_STACK_LOCATION) { return queue.Insert(irp); };
    Load();
    HANDLE file = Open();
    EXPECT_EQ(STATUS_PENDING, Control(file, kBuffered, &first));
    EXPECT_EQ(STATUS_PENDING, Control(file, kBuffered, &second));
    EXPECT_EQ(STATUS_SUCCESS, NtClose(file));
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
    EXPECT_EQ(STATUS_PENDING, Control(file, kBuffered, &block));
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
    EXPECT_EQ(STATUS_ACCESS_DENIED, TryOpen(L"\\\\.\\WdmTest"));
    NtClose(file);
    EXPECT_EQ(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest"));
}

TEST_F(File, OpensAreRefusedWhileTheDeviceInitialises)
{
    Load();
    driver.device->Flags |= DO_DEVICE_INITIALIZING;
    EXPECT_EQ(STATUS_NO_SUCH_DEVICE, TryOpen(L"\\\\.\\WdmTest"));
    driver.device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    EXPECT_EQ(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest"));
}

/* ---- security ---------------------------------------------------------------------------------------- */

TEST_F(File, SddlDecidesByTheRightsOfTheProcess)
{
    driver.sddl = L"D:P(A;;GA;;;SY)(A;;GRGW;;;BA)(A;;GR;;;WD)";
    Load();
    for (HOST_PROCESS_RIGHTS rights : {HostProcessSystem, HostProcessAdministrator}) {
        HostSetProcessRights(rights);
        EXPECT_EQ(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest", GENERIC_READ | GENERIC_WRITE));
    }
    HostSetProcessRights(HostProcessUser);
    EXPECT_EQ(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest", GENERIC_READ));
    EXPECT_EQ(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest", FILE_READ_DATA));
    EXPECT_EQ(STATUS_ACCESS_DENIED, TryOpen(L"\\\\.\\WdmTest", GENERIC_WRITE));
    EXPECT_EQ(STATUS_ACCESS_DENIED, TryOpen(L"\\\\.\\WdmTest", GENERIC_READ | FILE_WRITE_DATA));
}

TEST_F(File, SddlOfTheProductRefusesUsers)
{
    driver.sddl = L"D:P(A;;GA;;;SY)(A;;GA;;;BA)";
    Load();
    EXPECT_EQ(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest"));
    HostSetProcessRights(HostProcessUser);
    EXPECT_EQ(STATUS_ACCESS_DENIED, TryOpen(L"\\\\.\\WdmTest"));
    EXPECT_EQ(STATUS_ACCESS_DENIED, TryOpen(L"\\\\.\\WdmTest", 0));
}

TEST_F(File, SddlEntriesCountInTheirOrder)
{
    driver.sddl = L"D:(D;;0x2;;;BU)(A;;FA;;;AU)";
    Load();
    EXPECT_EQ(STATUS_ACCESS_DENIED, TryOpen(L"\\\\.\\WdmTest", FILE_WRITE_DATA));
    EXPECT_EQ(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest", FILE_READ_DATA));
    HostSetProcessRights(HostProcessSystem);
    EXPECT_EQ(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest", FILE_WRITE_DATA));
}

TEST_F(File, BadSddlIsAnInvalidParameter)
{
    for (PCWSTR sddl : {L"", L"X", L"D:P(", L"D:P()", L"D:P(A;;GA;;;XX)", L"D:P(A;;QQ;;;BA)",
                        L"D:P(A;;GA;;BA)", L"D:P(A;;GA;;;BA", L"D:P(A;;GA;;;BA)x", L"D:P(A;;0x;;;BA)",
                        L"D:P(A;;;;;BA)", L"D:P(A;;0x123456789;;;BA)", L"D:P(Z;;GA;;;BA)"}) {
        driver.sddl = sddl;
        EXPECT_EQ(STATUS_INVALID_PARAMETER, HostLoadDriver(L"WdmTest", TestDriverEntry));
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
    EXPECT_EQ(STATUS_INVALID_HANDLE, Control(file, kBuffered, &block)); /* another process's handle */
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
    EXPECT_EQ(STATUS_PENDING, Control(file, kBuffered, &block));
    HostEnterProcess(nullptr);
    HostEndProcess(process);
    EXPECT_EQ(STATUS_CANCELLED, block.Status);
}

TEST_F(File, RightsOfAProcessAreItsOwn)
{
    driver.sddl = L"D:P(A;;GA;;;BA)";
    Load();
    PEPROCESS process = HostCreateProcess(HostProcessUser);
    HostEnterProcess(process);
    EXPECT_EQ(STATUS_ACCESS_DENIED, TryOpen(L"\\\\.\\WdmTest"));
    HostEnterProcess(nullptr);
    HostEndProcess(process);
    EXPECT_EQ(STATUS_SUCCESS, TryOpen(L"\\\\.\\WdmTest"));
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

/* ---- files of the machine ---------------------------------------------------------------------------- */

using std::filesystem::path;

/* WCHAR has 16 bits here, which the library's own wide strings do not know. */
PCWSTR Name(const std::u16string& name)
{
    return reinterpret_cast<PCWSTR>(name.c_str());
}

path MakeDirectory()
{
    std::string name = testing::TempDir() + "machine-files-XXXXXX";
    EXPECT_NE(nullptr, mkdtemp(name.data()));
    return name;
}

/* A directory of the test's own is the machine, and the test calls as a driver does. */
class MachineFile : public DriverTest {
  protected:
    void SetUp() override
    {
        DriverTest::SetUp();
        root = MakeDirectory();
        ASSERT_EQ(STATUS_SUCCESS, HostSetFileRoot(root.c_str()));
        current = this;
        HostSetBugcheckRoutine([](ULONG, const char*) { std::filesystem::remove_all(current->root); });
    }
    void TearDown() override
    {
        if (file != nullptr) {
            EXPECT_EQ(STATUS_SUCCESS, Close());
        }
        HostSetBugcheckRoutine(nullptr);
        std::filesystem::remove_all(root);
        DriverTest::TearDown();
    }
    NTSTATUS Create(PCWSTR name, ULONG disposition,
                    ACCESS_MASK access = GENERIC_READ | GENERIC_WRITE | DELETE,
                    ULONG options = FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE,
                    ULONG share = FILE_SHARE_READ, ULONG attributes = FILE_ATTRIBUTE_NORMAL)
    {
        UNICODE_STRING string;
        OBJECT_ATTRIBUTES object;
        HANDLE opened = nullptr;
        RtlInitUnicodeString(&string, name);
        InitializeObjectAttributes(&object, &string, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, nullptr,
                                   nullptr);
        NTSTATUS status = ZwCreateFile(&opened, access | SYNCHRONIZE, &object, &block, nullptr, attributes,
                                       share, disposition, options, nullptr, 0);
        EXPECT_EQ(status, block.Status);
        if (NT_SUCCESS(status)) {
            file = opened;
        }
        return status;
    }
    NTSTATUS Close()
    {
        HANDLE closed = file;
        file = nullptr;
        return ZwClose(closed);
    }
    /* The same for files that are just tried. */
    NTSTATUS Try(PCWSTR name, ULONG disposition, ACCESS_MASK access = GENERIC_READ,
                 ULONG options = FILE_SYNCHRONOUS_IO_NONALERT, ULONG share = FILE_SHARE_READ)
    {
        HANDLE kept = file;
        NTSTATUS status = Create(name, disposition, access, options, share);
        if (NT_SUCCESS(status)) {
            EXPECT_EQ(STATUS_SUCCESS, Close());
        }
        file = kept;
        return status;
    }
    NTSTATUS Write(const std::string& text, PLARGE_INTEGER offset = nullptr)
    {
        return ZwWriteFile(file, nullptr, nullptr, nullptr, &block, const_cast<char*>(text.data()),
                           (ULONG)text.size(), offset, nullptr);
    }
    NTSTATUS Read(std::string* text, ULONG length, PLARGE_INTEGER offset = nullptr)
    {
        std::string buffer(length, '\0');
        NTSTATUS status =
            ZwReadFile(file, nullptr, nullptr, nullptr, &block, buffer.data(), length, offset, nullptr);
        EXPECT_EQ(status, block.Status);
        text->assign(buffer, 0, block.Information);
        return status;
    }
    template <typename T> NTSTATUS Query(FILE_INFORMATION_CLASS kind, T* information)
    {
        return ZwQueryInformationFile(file, &block, information, sizeof(*information), kind);
    }
    template <typename T> NTSTATUS Set(FILE_INFORMATION_CLASS kind, T information)
    {
        return ZwSetInformationFile(file, &block, &information, sizeof(information), kind);
    }
    NTSTATUS SetPosition(LONGLONG position)
    {
        FILE_POSITION_INFORMATION information;
        information.CurrentByteOffset.QuadPart = position;
        return Set(FilePositionInformation, information);
    }
    LONGLONG Position()
    {
        FILE_POSITION_INFORMATION information = {};
        EXPECT_EQ(STATUS_SUCCESS, Query(FilePositionInformation, &information));
        return information.CurrentByteOffset.QuadPart;
    }
    FILE_STANDARD_INFORMATION Standard()
    {
        FILE_STANDARD_INFORMATION information = {};
        EXPECT_EQ(STATUS_SUCCESS, Query(FileStandardInformation, &information));
        EXPECT_EQ(sizeof(information), block.Information);
        return information;
    }
    std::string Contents(const char* name)
    {
        std::ifstream stream(root / name);
        std::stringstream text;
        text << stream.rdbuf();
        return text.str();
    }
    void Put(const char* name, const char* text)
    {
        std::ofstream(root / name) << text;
    }

    static MachineFile* current;
    path root;
    HANDLE file = nullptr;
    IO_STATUS_BLOCK block = {};
};

MachineFile* MachineFile::current;

using MachineFileDeath = MachineFile;

LARGE_INTEGER Offset(LONGLONG value)
{
    LARGE_INTEGER offset;
    offset.QuadPart = value;
    return offset;
}

LARGE_INTEGER Special(ULONG value)
{
    LARGE_INTEGER offset;
    offset.HighPart = -1;
    offset.LowPart = value;
    return offset;
}

TEST_F(MachineFile, ADriverWritesALogAndReadsAConfiguration)
{
    std::string read;
    Put("C/Windows/driver.conf", "level=3\n");
    ASSERT_EQ(STATUS_SUCCESS, Create(L"\\SystemRoot\\driver.conf", FILE_OPEN, GENERIC_READ));
    EXPECT_EQ(STATUS_SUCCESS, Read(&read, 100));
    EXPECT_EQ("level=3\n", read);
    EXPECT_EQ(STATUS_END_OF_FILE, Read(&read, 100));
    EXPECT_EQ(0u, block.Information);
    EXPECT_EQ(STATUS_SUCCESS, Read(&read, 0));
    EXPECT_EQ(STATUS_SUCCESS, Close());

    for (const char* line : {"first\n", "second\n"}) {
        ASSERT_EQ(STATUS_SUCCESS, Create(L"\\??\\C:\\log.txt", FILE_OPEN_IF, FILE_APPEND_DATA));
        EXPECT_EQ(STATUS_SUCCESS, Write(line));
        EXPECT_EQ(strlen(line), block.Information);
        EXPECT_EQ(STATUS_SUCCESS, Close());
    }
    EXPECT_EQ("first\nsecond\n", Contents("C/log.txt"));
}

TEST_F(MachineFile, NamesLeadToTheSameFileInAnyCase)
{
    std::filesystem::create_directories(root / "C/Logs");
    std::filesystem::create_directories(root / "D");
    Put("C/Logs/Driver.log", "x");
    Put("C/Logs/\u00dcber.log", "x");
    Put("D/d.txt", "x");
    for (PCWSTR name : {L"\\??\\C:\\Logs\\Driver.log", L"\\DosDevices\\c:\\LOGS\\driver.LOG",
                        L"\\dosdevices\\C:\\logs\\DRIVER.log", L"\\GLOBAL??\\C:\\Logs\\Driver.log",
                        L"\\??\\C:\\Logs\\\u00dcBER.LOG", L"\\??\\D:\\d.txt"}) {
        EXPECT_EQ(STATUS_SUCCESS, Try(name, FILE_OPEN));
    }
    EXPECT_EQ(STATUS_OBJECT_NAME_COLLISION, Try(L"\\??\\C:\\logs\\driver.log", FILE_CREATE));
    EXPECT_EQ(STATUS_SUCCESS, Try(L"\\SYSTEMROOT\\x", FILE_CREATE));
    EXPECT_TRUE(std::filesystem::exists(root / "C/Windows/x"));
}

TEST_F(MachineFile, NamesThatLeadNowhereHaveTheirStatus)
{
    Put("C/file", "x");
    EXPECT_EQ(STATUS_OBJECT_NAME_NOT_FOUND, Try(L"\\??\\C:\\nothing", FILE_OPEN));
    EXPECT_EQ((ULONG_PTR)FILE_DOES_NOT_EXIST, block.Information);
    EXPECT_EQ(STATUS_OBJECT_NAME_NOT_FOUND, Try(L"\\??\\nothing", FILE_OPEN));
    for (PCWSTR name : {L"\\??\\C:\\nothing\\x", L"\\??\\C:\\file\\x", L"\\??\\Q:\\x", L"\\Device\\x",
                        L"\\SystemRootx\\x", L"\\x"}) {
        EXPECT_EQ(STATUS_OBJECT_PATH_NOT_FOUND, Try(name, FILE_OPEN_IF));
    }
    for (PCWSTR name : {L"\\??\\C:\\\\x", L"\\??\\C:\\a*", L"\\??\\C:\\a:b", L"\\??\\C:\\a/b",
                        L"\\??\\C:\\\u0001", L"\\??\\C:\\file\\", L"\\??\\C:\\new\\"}) {
        EXPECT_EQ(STATUS_OBJECT_NAME_INVALID, Try(name, FILE_OPEN_IF));
    }
    EXPECT_EQ(STATUS_OBJECT_NAME_INVALID, Try(Name(u"\\??\\C:\\" + std::u16string(300, u'x')), FILE_OPEN_IF));
    EXPECT_EQ(STATUS_OBJECT_PATH_SYNTAX_BAD, Try(L"C:\\file", FILE_OPEN));
    EXPECT_EQ(STATUS_OBJECT_PATH_SYNTAX_BAD, Try(L"", FILE_OPEN));
    EXPECT_EQ(STATUS_NOT_SUPPORTED, Try(L"\\??\\C:", FILE_OPEN));
}

TEST_F(MachineFile, NoNameLeadsOutOfTheDirectory)
{
    path outside = MakeDirectory();
    std::ofstream(outside / "secret") << "x";
    std::filesystem::create_symlink(outside, root / "C/away");
    std::filesystem::create_symlink(outside / "secret", root / "C/secret");
    std::u16string up = u"\\??\\C:\\..\\..\\" + outside.filename().u16string() + u"\\secret";
    EXPECT_EQ(STATUS_OBJECT_NAME_INVALID, Try(Name(up), FILE_OPEN));
    for (PCWSTR name : {L"\\??\\C:\\..\\x", L"\\??\\C:\\..", L"\\SystemRoot\\..\\x", L"\\??\\C:\\.\\x"}) {
        EXPECT_EQ(STATUS_OBJECT_NAME_INVALID, Try(name, FILE_OPEN_IF));
    }
    EXPECT_EQ(STATUS_OBJECT_PATH_NOT_FOUND, Try(L"\\??\\C:\\away\\secret", FILE_OPEN));
    EXPECT_EQ(STATUS_OBJECT_PATH_NOT_FOUND, Try(L"\\??\\C:\\away\\new", FILE_CREATE));
    EXPECT_EQ(STATUS_ACCESS_DENIED, Try(L"\\??\\C:\\secret", FILE_OPEN));
    EXPECT_EQ(STATUS_ACCESS_DENIED, Try(L"\\??\\C:\\secret", FILE_OVERWRITE_IF, GENERIC_WRITE));
    EXPECT_FALSE(std::filesystem::exists(outside / "new"));
    EXPECT_EQ(1u, std::filesystem::file_size(outside / "secret"));
    std::filesystem::remove_all(outside);
}

TEST_F(MachineFile, DispositionsTellWhatTheyDid)
{
    struct {
        ULONG disposition;
        NTSTATUS absent;
        ULONG_PTR absentInformation;
        NTSTATUS present;
        ULONG_PTR presentInformation;
        const char* left;
    } const cases[] = {
        {FILE_SUPERSEDE, STATUS_SUCCESS, FILE_CREATED, STATUS_SUCCESS, FILE_SUPERSEDED, ""},
        {FILE_OPEN, STATUS_OBJECT_NAME_NOT_FOUND, FILE_DOES_NOT_EXIST, STATUS_SUCCESS, FILE_OPENED, "old"},
        {FILE_CREATE, STATUS_SUCCESS, FILE_CREATED, STATUS_OBJECT_NAME_COLLISION, FILE_EXISTS, "old"},
        {FILE_OPEN_IF, STATUS_SUCCESS, FILE_CREATED, STATUS_SUCCESS, FILE_OPENED, "old"},
        {FILE_OVERWRITE, STATUS_OBJECT_NAME_NOT_FOUND, FILE_DOES_NOT_EXIST, STATUS_SUCCESS, FILE_OVERWRITTEN,
         ""},
        {FILE_OVERWRITE_IF, STATUS_SUCCESS, FILE_CREATED, STATUS_SUCCESS, FILE_OVERWRITTEN, ""},
    };
    for (const auto& one : cases) {
        std::filesystem::remove(root / "C/f");
        EXPECT_EQ(one.absent, Try(L"\\??\\C:\\f", one.disposition, GENERIC_WRITE)) << one.disposition;
        EXPECT_EQ(one.absentInformation, block.Information) << one.disposition;
        EXPECT_EQ(NT_SUCCESS(one.absent), std::filesystem::exists(root / "C/f"));
        Put("C/f", "old");
        EXPECT_EQ(one.present, Try(L"\\??\\C:\\f", one.disposition, GENERIC_WRITE)) << one.disposition;
        EXPECT_EQ(one.presentInformation, block.Information) << one.disposition;
        EXPECT_EQ(one.left, Contents("C/f")) << one.disposition;
    }
    EXPECT_EQ(STATUS_INVALID_PARAMETER, Try(L"\\??\\C:\\f", FILE_MAXIMUM_DISPOSITION + 1));
}

TEST_F(MachineFile, OptionsThatExcludeEachOtherAreRefused)
{
    PCWSTR name = L"\\??\\C:\\f";
    EXPECT_EQ(STATUS_INVALID_PARAMETER, Try(name, FILE_OPEN_IF, GENERIC_READ,
                                            FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT));
    EXPECT_EQ(STATUS_INVALID_PARAMETER,
              Try(name, FILE_OPEN_IF, GENERIC_READ, FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE));
    EXPECT_EQ(STATUS_INVALID_PARAMETER, Try(name, FILE_OVERWRITE_IF, GENERIC_WRITE, FILE_DIRECTORY_FILE));
    EXPECT_EQ(STATUS_INVALID_PARAMETER, Try(name, FILE_OPEN_IF, GENERIC_READ, FILE_DELETE_ON_CLOSE));
    EXPECT_EQ(STATUS_INVALID_PARAMETER, Try(name, FILE_OPEN_IF, GENERIC_READ, 0, 8));
    EXPECT_EQ(STATUS_INVALID_PARAMETER,
              Create(name, FILE_OPEN_IF, GENERIC_READ, 0, FILE_SHARE_READ, 0x80000000u));
    EXPECT_EQ(STATUS_NOT_SUPPORTED, Try(name, FILE_OPEN, GENERIC_READ, FILE_OPEN_BY_FILE_ID));

    UNICODE_STRING string;
    OBJECT_ATTRIBUTES object;
    HANDLE opened = nullptr;
    RtlInitUnicodeString(&string, name);
    InitializeObjectAttributes(&object, &string, OBJ_KERNEL_HANDLE, nullptr, nullptr);
    EXPECT_EQ(STATUS_INVALID_PARAMETER, /* without SYNCHRONIZE */
              ZwCreateFile(&opened, FILE_READ_DATA, &object, &block, nullptr, 0, 0, FILE_OPEN_IF,
                           FILE_SYNCHRONOUS_IO_NONALERT, nullptr, 0));
    object.Length--;
    EXPECT_EQ(STATUS_INVALID_PARAMETER,
              ZwOpenFile(&opened, GENERIC_READ, &object, &block, 0, FILE_SYNCHRONOUS_IO_NONALERT));
    EXPECT_FALSE(std::filesystem::exists(root / "C/f"));
}

TEST_F(MachineFile, DirectoriesAreMadeAndToldFromFiles)
{
    Put("C/file", "x");
    EXPECT_EQ(STATUS_NOT_A_DIRECTORY, Try(L"\\??\\C:\\file", FILE_OPEN, GENERIC_READ, FILE_DIRECTORY_FILE));
    EXPECT_EQ(STATUS_FILE_IS_A_DIRECTORY,
              Try(L"\\SystemRoot", FILE_OPEN, GENERIC_READ, FILE_NON_DIRECTORY_FILE));
    EXPECT_EQ(STATUS_FILE_IS_A_DIRECTORY, Try(L"\\SystemRoot", FILE_OVERWRITE_IF, GENERIC_WRITE));
    EXPECT_EQ(STATUS_SUCCESS, Try(L"\\??\\C:\\", FILE_OPEN));
    ASSERT_EQ(STATUS_SUCCESS, Create(L"\\??\\C:\\Logs\\", FILE_OPEN_IF, GENERIC_READ | GENERIC_WRITE | DELETE,
                                     FILE_DIRECTORY_FILE));
    EXPECT_EQ((ULONG_PTR)FILE_CREATED, block.Information);
    EXPECT_TRUE(Standard().Directory);
    std::string read;
    EXPECT_EQ(STATUS_INVALID_DEVICE_REQUEST, Read(&read, 1));
    Put("C/Logs/x", "x");
    EXPECT_EQ(STATUS_DIRECTORY_NOT_EMPTY,
              Set(FileDispositionInformation, FILE_DISPOSITION_INFORMATION{TRUE}));
    std::filesystem::remove(root / "C/Logs/x");
    EXPECT_EQ(STATUS_SUCCESS, Set(FileDispositionInformation, FILE_DISPOSITION_INFORMATION{TRUE}));
    EXPECT_EQ(STATUS_SUCCESS, Close());
    EXPECT_FALSE(std::filesystem::exists(root / "C/Logs"));
}

TEST_F(MachineFile, SynchronousFilesHaveAPosition)
{
    std::string read;
    LARGE_INTEGER offset = Offset(2);
    ASSERT_EQ(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_CREATE));
    EXPECT_EQ(STATUS_SUCCESS, Write("0123456789"));
    EXPECT_EQ(10, Position());
    EXPECT_EQ(STATUS_SUCCESS, Read(&read, 3, &offset));
    EXPECT_EQ("234", read);
    EXPECT_EQ(5, Position());
    EXPECT_EQ(STATUS_SUCCESS, Read(&read, 2));
    EXPECT_EQ("56", read);
    offset = Special(FILE_USE_FILE_POINTER_POSITION);
    EXPECT_EQ(STATUS_SUCCESS, Read(&read, 100, &offset));
    EXPECT_EQ("789", read);
    EXPECT_EQ(STATUS_SUCCESS, SetPosition(1));
    EXPECT_EQ(STATUS_SUCCESS, Write("A", &offset));
    EXPECT_EQ(2, Position());
    offset = Special(FILE_WRITE_TO_END_OF_FILE);
    EXPECT_EQ(STATUS_SUCCESS, Write("B", &offset));
    EXPECT_EQ(11, Position());
    EXPECT_EQ("0A23456789B", Contents("C/f"));
    EXPECT_EQ(STATUS_INVALID_PARAMETER, Read(&read, 1, &offset));
    offset = Offset(-5);
    EXPECT_EQ(STATUS_INVALID_PARAMETER, Write("x", &offset));
    offset = Offset(MAXLONGLONG);
    EXPECT_EQ(STATUS_INVALID_PARAMETER, Write("x", &offset));
    EXPECT_EQ(STATUS_INVALID_PARAMETER, SetPosition(-1));
    EXPECT_EQ(11, Position());
}

TEST_F(MachineFile, OtherFilesNeedAnOffset)
{
    std::string read;
    LARGE_INTEGER offset = Offset(0);
    ASSERT_EQ(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_CREATE, GENERIC_READ | GENERIC_WRITE, 0));
    EXPECT_EQ(STATUS_INVALID_PARAMETER, Write("x"));
    EXPECT_EQ(STATUS_SUCCESS, Write("abc", &offset));
    EXPECT_EQ(STATUS_SUCCESS, Read(&read, 3, &offset));
    EXPECT_EQ("abc", read);
    EXPECT_EQ(0, Position());
    offset = Special(FILE_USE_FILE_POINTER_POSITION);
    EXPECT_EQ(STATUS_INVALID_PARAMETER, Write("x", &offset));

    HANDLE event = CreateEventHandle();
    LARGE_INTEGER now = Milliseconds(0);
    char text[] = "d";
    offset = Special(FILE_WRITE_TO_END_OF_FILE);
    EXPECT_EQ(STATUS_TIMEOUT, NtWaitForSingleObject(event, FALSE, &now));
    EXPECT_EQ(STATUS_SUCCESS, ZwWriteFile(file, event, nullptr, nullptr, &block, text, 1, &offset, nullptr));
    EXPECT_EQ(STATUS_SUCCESS, NtWaitForSingleObject(event, FALSE, &now));
    EXPECT_EQ("abcd", Contents("C/f"));
    NtClose(event);
}

TEST_F(MachineFile, AppendingIgnoresTheOffset)
{
    LARGE_INTEGER offset = Offset(0);
    Put("C/f", "abc");
    ASSERT_EQ(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_OPEN, FILE_APPEND_DATA));
    EXPECT_EQ(STATUS_SUCCESS, Write("d", &offset));
    EXPECT_EQ("abcd", Contents("C/f"));
}

TEST_F(MachineFile, RightsAreThoseOfTheOpening)
{
    std::string read;
    FILE_END_OF_FILE_INFORMATION end = {};
    Put("C/f", "abc");
    ASSERT_EQ(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_OPEN, FILE_READ_DATA));
    EXPECT_EQ(STATUS_ACCESS_DENIED, Write("x"));
    EXPECT_EQ(STATUS_ACCESS_DENIED, Set(FileEndOfFileInformation, end));
    EXPECT_EQ(STATUS_ACCESS_DENIED, Set(FileDispositionInformation, FILE_DISPOSITION_INFORMATION{TRUE}));
    EXPECT_EQ(STATUS_SUCCESS, Close());
    ASSERT_EQ(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_OPEN, FILE_WRITE_DATA));
    EXPECT_EQ(STATUS_ACCESS_DENIED, Read(&read, 1));
    EXPECT_EQ("abc", Contents("C/f"));
}

TEST_F(MachineFile, ReadOnlyFilesAreNeitherWrittenNorDeleted)
{
    ASSERT_EQ(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_CREATE, GENERIC_WRITE, FILE_SYNCHRONOUS_IO_NONALERT,
                                     0, FILE_ATTRIBUTE_READONLY));
    EXPECT_EQ(STATUS_SUCCESS, Write("x"));
    EXPECT_EQ(STATUS_SUCCESS, Close());
    EXPECT_EQ(STATUS_ACCESS_DENIED, Try(L"\\??\\C:\\f", FILE_OPEN, GENERIC_WRITE));
    EXPECT_EQ(STATUS_ACCESS_DENIED, Try(L"\\??\\C:\\f", FILE_OVERWRITE_IF, GENERIC_READ));
    EXPECT_EQ(STATUS_CANNOT_DELETE, Try(L"\\??\\C:\\f", FILE_OPEN, DELETE, FILE_DELETE_ON_CLOSE));
    ASSERT_EQ(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_OPEN, DELETE | GENERIC_READ));
    EXPECT_EQ(STATUS_CANNOT_DELETE, Set(FileDispositionInformation, FILE_DISPOSITION_INFORMATION{TRUE}));
    FILE_BASIC_INFORMATION basic;
    EXPECT_EQ(STATUS_SUCCESS, Query(FileBasicInformation, &basic));
    EXPECT_EQ((ULONG)FILE_ATTRIBUTE_READONLY, basic.FileAttributes);
    LARGE_INTEGER now;
    KeQuerySystemTime(&now);
    EXPECT_LT(now.QuadPart - basic.LastWriteTime.QuadPart, 36000000000LL);
    EXPECT_GT(now.QuadPart - basic.LastWriteTime.QuadPart, -36000000000LL);
    EXPECT_EQ("x", Contents("C/f"));
}

TEST_F(MachineFile, OpenersShareAsTheyAllow)
{
    PCWSTR name = L"\\??\\C:\\f";
    ULONG options = FILE_SYNCHRONOUS_IO_NONALERT;
    ASSERT_EQ(STATUS_SUCCESS, Create(name, FILE_CREATE, GENERIC_WRITE, options, FILE_SHARE_READ));
    EXPECT_EQ(STATUS_SUCCESS, Write("abc"));
    EXPECT_EQ(STATUS_SHARING_VIOLATION, Try(name, FILE_OPEN, GENERIC_READ, options, FILE_SHARE_READ));
    EXPECT_EQ(STATUS_SUCCESS,
              Try(name, FILE_OPEN, GENERIC_READ, options, FILE_SHARE_READ | FILE_SHARE_WRITE));
    EXPECT_EQ(STATUS_SHARING_VIOLATION, Try(name, FILE_OPEN, GENERIC_WRITE, options, FILE_SHARE_WRITE));
    EXPECT_EQ(STATUS_SHARING_VIOLATION,
              Try(name, FILE_OVERWRITE_IF, GENERIC_WRITE, options, FILE_SHARE_WRITE));
    EXPECT_EQ(STATUS_SUCCESS, Try(name, FILE_OPEN, FILE_READ_ATTRIBUTES, options, 0));
    EXPECT_EQ("abc", Contents("C/f"));
    EXPECT_EQ(STATUS_SUCCESS, Close());
    EXPECT_EQ(STATUS_SUCCESS, Try(name, FILE_OPEN, GENERIC_WRITE, options, 0));
}

TEST_F(MachineFile, DeletionWaitsForTheLastHandle)
{
    PCWSTR name = L"\\??\\C:\\f";
    ULONG all = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    ULONG options = FILE_SYNCHRONOUS_IO_NONALERT;
    ASSERT_EQ(STATUS_SUCCESS, Create(name, FILE_CREATE, GENERIC_READ, options, all));
    HANDLE first = file;
    ASSERT_EQ(STATUS_SUCCESS, Create(name, FILE_OPEN, GENERIC_READ | DELETE, options, all));
    EXPECT_EQ(STATUS_SUCCESS, Set(FileDispositionInformation, FILE_DISPOSITION_INFORMATION{TRUE}));
    EXPECT_TRUE(Standard().DeletePending);
    EXPECT_EQ(0u, Standard().NumberOfLinks);
    EXPECT_EQ(STATUS_DELETE_PENDING, Try(name, FILE_OPEN, GENERIC_READ, options, all));
    EXPECT_EQ(STATUS_SUCCESS, Set(FileDispositionInformation, FILE_DISPOSITION_INFORMATION{FALSE}));
    EXPECT_EQ(STATUS_SUCCESS, Try(name, FILE_OPEN, GENERIC_READ, options, all));
    EXPECT_EQ(STATUS_SUCCESS, Set(FileDispositionInformation, FILE_DISPOSITION_INFORMATION{TRUE}));
    EXPECT_EQ(STATUS_SUCCESS, Close());
    EXPECT_TRUE(std::filesystem::exists(root / "C/f"));
    EXPECT_EQ(STATUS_SUCCESS, ZwClose(first));
    EXPECT_FALSE(std::filesystem::exists(root / "C/f"));

    EXPECT_EQ(STATUS_SUCCESS, Try(name, FILE_CREATE, GENERIC_WRITE | DELETE, FILE_DELETE_ON_CLOSE));
    EXPECT_FALSE(std::filesystem::exists(root / "C/f"));
}

TEST_F(MachineFile, LengthIsToldAndSet)
{
    FILE_END_OF_FILE_INFORMATION end = {};
    ASSERT_EQ(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_CREATE));
    EXPECT_EQ(STATUS_SUCCESS, Write("abcdef"));
    EXPECT_EQ(6, Standard().EndOfFile.QuadPart);
    EXPECT_GE(Standard().AllocationSize.QuadPart, 0);
    EXPECT_EQ(1u, Standard().NumberOfLinks);
    EXPECT_FALSE(Standard().DeletePending);
    EXPECT_FALSE(Standard().Directory);
    end.EndOfFile.QuadPart = 3;
    EXPECT_EQ(STATUS_SUCCESS, Set(FileEndOfFileInformation, end));
    EXPECT_EQ("abc", Contents("C/f"));
    end.EndOfFile.QuadPart = 5;
    EXPECT_EQ(STATUS_SUCCESS, Set(FileEndOfFileInformation, end));
    EXPECT_EQ(std::string("abc\0\0", 5), Contents("C/f"));
    end.EndOfFile.QuadPart = -1;
    EXPECT_EQ(STATUS_INVALID_PARAMETER, Set(FileEndOfFileInformation, end));

    FILE_STANDARD_INFORMATION standard;
    EXPECT_EQ(STATUS_INFO_LENGTH_MISMATCH,
              ZwQueryInformationFile(file, &block, &standard, sizeof(standard) - 1, FileStandardInformation));
    EXPECT_EQ(STATUS_INVALID_INFO_CLASS, Query((FILE_INFORMATION_CLASS)77, &standard));
    EXPECT_EQ(STATUS_INVALID_INFO_CLASS, Set(FileStandardInformation, standard));
}

TEST_F(MachineFile, HandlesAreChecked)
{
    char byte = 0;
    LARGE_INTEGER offset = Offset(0);
    HANDLE event = CreateEventHandle();
    EXPECT_EQ(STATUS_OBJECT_TYPE_MISMATCH,
              ZwReadFile(event, nullptr, nullptr, nullptr, &block, &byte, 1, &offset, nullptr));
    NtClose(event);
    ASSERT_EQ(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_CREATE));
    HANDLE closed = file;
    EXPECT_EQ(STATUS_INVALID_HANDLE, NtClose(file)); /* a user has no kernel handle */
    EXPECT_EQ(STATUS_INVALID_USER_BUFFER,
              ZwReadFile(file, nullptr, nullptr, nullptr, &block, nullptr, 1, &offset, nullptr));
    EXPECT_EQ(STATUS_SUCCESS, Close());
    EXPECT_EQ(STATUS_INVALID_HANDLE,
              ZwReadFile(closed, nullptr, nullptr, nullptr, &block, &byte, 1, &offset, nullptr));
    EXPECT_EQ(STATUS_INVALID_HANDLE, ZwClose(closed));
}

TEST_F(MachineFile, AHandleThatIsNoKernelHandleIsItsProcesss)
{
    UNICODE_STRING string;
    OBJECT_ATTRIBUTES object;
    FILE_STANDARD_INFORMATION standard;
    RtlInitUnicodeString(&string, L"\\??\\C:\\f");
    InitializeObjectAttributes(&object, &string, OBJ_CASE_INSENSITIVE, nullptr, nullptr);
    PEPROCESS process = HostCreateProcess(HostProcessUser);
    HostEnterProcess(process);
    HANDLE opened = nullptr;
    EXPECT_EQ(STATUS_SUCCESS, ZwCreateFile(&opened, GENERIC_WRITE | SYNCHRONIZE, &object, &block, nullptr, 0,
                                           0, FILE_CREATE, FILE_SYNCHRONOUS_IO_NONALERT, nullptr, 0));
    EXPECT_EQ(STATUS_SUCCESS,
              ZwQueryInformationFile(opened, &block, &standard, sizeof(standard), FileStandardInformation));
    HostEnterProcess(nullptr);
    EXPECT_EQ(STATUS_INVALID_HANDLE,
              ZwQueryInformationFile(opened, &block, &standard, sizeof(standard), FileStandardInformation));
    HostEndProcess(process); /* closes it */
    EXPECT_EQ(STATUS_INVALID_HANDLE, ZwClose(opened));
}

TEST_F(MachineFile, ThreadsAppendWholeLines)
{
    constexpr int kThreads = 4, kLines = 200;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; i++) {
        threads.emplace_back([] {
            UNICODE_STRING string;
            OBJECT_ATTRIBUTES object;
            IO_STATUS_BLOCK result;
            HANDLE log = nullptr;
            char line[] = "0123456789\n";
            RtlInitUnicodeString(&string, L"\\SystemRoot\\Temp\\all.log");
            InitializeObjectAttributes(&object, &string, OBJ_KERNEL_HANDLE, nullptr, nullptr);
            ASSERT_EQ(STATUS_SUCCESS,
                      ZwCreateFile(&log, FILE_APPEND_DATA | SYNCHRONIZE, &object, &result, nullptr, 0,
                                   FILE_SHARE_WRITE, FILE_OPEN_IF, FILE_SYNCHRONOUS_IO_NONALERT, nullptr, 0));
            for (int n = 0; n < kLines; n++) {
                EXPECT_EQ(STATUS_SUCCESS,
                          ZwWriteFile(log, nullptr, nullptr, nullptr, &result, line, 11, nullptr, nullptr));
            }
            EXPECT_EQ(STATUS_SUCCESS, ZwClose(log));
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    std::string all = Contents("C/Windows/Temp/all.log");
    ASSERT_EQ((size_t)kThreads * kLines * 11, all.size());
    for (size_t at = 0; at < all.size(); at += 11) {
        ASSERT_EQ("0123456789\n", all.substr(at, 11));
    }
}

TEST_F(MachineFile, ARootThatIsNoDirectoryIsRefused)
{
    Put("file", "x");
    EXPECT_EQ(STATUS_OBJECT_PATH_NOT_FOUND, HostSetFileRoot((root / "nothing").c_str()));
    EXPECT_EQ(STATUS_OBJECT_PATH_NOT_FOUND, HostSetFileRoot((root / "file").c_str()));
    EXPECT_EQ(STATUS_SUCCESS, Try(L"\\??\\C:\\f", FILE_CREATE));
    EXPECT_TRUE(std::filesystem::exists(root / "C/f"));
}

TEST_F(MachineFileDeath, AnOpenFileIsLeftBehind)
{
    EXPECT_DEATH(
        {
            driver.create = [&](PIRP irp, PIO_STACK_LOCATION) {
                EXPECT_EQ(STATUS_SUCCESS, Create(L"\\??\\C:\\left.log", FILE_OPEN_IF));
                return Complete(irp, STATUS_SUCCESS);
            };
            Load();
            NtClose(Open());
            HostUnloadDriver(L"WdmTest");
        },
        "DRIVER_VERIFIER.*\n.*WdmTest.*left behind:\n.*files that are open: 1, the first "
        ".\\?\\?.C:.left.log");
}

TEST_F(MachineFileDeath, EachRoutineIsForPassiveLevel)
{
    FILE_STANDARD_INFORMATION standard = {};
    UNICODE_STRING string = {};
    OBJECT_ATTRIBUTES object;
    InitializeObjectAttributes(&object, &string, OBJ_KERNEL_HANDLE, nullptr, nullptr);
    const std::function<void()> calls[] = {
        [&] { Create(L"\\??\\C:\\f", FILE_CREATE); },
        [&] { ZwOpenFile(&file, GENERIC_READ, &object, &block, 0, 0); },
        [&] { ZwReadFile(file, nullptr, nullptr, nullptr, &block, &standard, 1, nullptr, nullptr); },
        [&] { ZwWriteFile(file, nullptr, nullptr, nullptr, &block, &standard, 1, nullptr, nullptr); },
        [&] { ZwQueryInformationFile(file, &block, &standard, sizeof(standard), FileStandardInformation); },
        [&] { ZwSetInformationFile(file, &block, &standard, sizeof(standard), FilePositionInformation); },
        [&] { ZwClose(file); },
    };
    for (const auto& call : calls) {
        EXPECT_DEATH(
            {
                KfRaiseIrql(APC_LEVEL);
                call();
            },
            "IRQL_NOT_LESS_OR_EQUAL.*\n.*Zw[A-Za-z]+ was called at IRQL 1");
    }
}

TEST_F(MachineFileDeath, ThePrivateDirectoryGoesWithItsProcess)
{
    /* The child runs the test from its start, so both get the directory from the environment. */
    if (getenv("MACHINE_FILE_PARENT") == nullptr) {
        setenv("MACHINE_FILE_PARENT", root.c_str(), 1);
    }
    path parent = getenv("MACHINE_FILE_PARENT");
    EXPECT_EXIT(
        {
            setenv("TMPDIR", parent.c_str(), 1);
            HostSetFileRoot(nullptr);
            bool made = NT_SUCCESS(Try(L"\\SystemRoot\\x", FILE_CREATE));
            bool inside = false;
            for (const auto& entry : std::filesystem::directory_iterator(parent)) {
                inside = inside || std::filesystem::exists(entry.path() / "C/Windows/x");
            }
            std::filesystem::remove_all(root);
            exit(made && inside ? 7 : 1);
        },
        testing::ExitedWithCode(7), "");
    unsetenv("MACHINE_FILE_PARENT");
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
        EXPECT_EQ("C", entry.path().filename());
    }
}

} // namespace
