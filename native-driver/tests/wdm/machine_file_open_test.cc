/* SPDX-License-Identifier: Apache-2.0
 *
 * Files on disk: names, opening, rights, sharing, deletion, handles.
 */
#include "machine_file.h"

#include <sys/stat.h>

namespace {

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
        EXPECT_STATUS(STATUS_SUCCESS, Try(name, FILE_OPEN));
    }
    EXPECT_STATUS(STATUS_OBJECT_NAME_COLLISION, Try(L"\\??\\C:\\logs\\driver.log", FILE_CREATE));
    EXPECT_STATUS(STATUS_SUCCESS, Try(L"\\SYSTEMROOT\\x", FILE_CREATE));
    EXPECT_TRUE(std::filesystem::exists(root / "C/Windows/x"));
}

TEST_F(MachineFile, NamesThatLeadNowhereHaveTheirStatus)
{
    Put("C/file", "x");
    EXPECT_STATUS(STATUS_OBJECT_NAME_NOT_FOUND, Try(L"\\??\\C:\\nothing", FILE_OPEN));
    EXPECT_EQ((ULONG_PTR)FILE_DOES_NOT_EXIST, block.Information);
    EXPECT_STATUS(STATUS_OBJECT_NAME_NOT_FOUND, Try(L"\\??\\nothing", FILE_OPEN));
    for (PCWSTR name : {L"\\??\\C:\\nothing\\x", L"\\??\\C:\\file\\x", L"\\??\\Q:\\x", L"\\Device\\x",
                        L"\\SystemRootx\\x", L"\\x"}) {
        EXPECT_STATUS(STATUS_OBJECT_PATH_NOT_FOUND, Try(name, FILE_OPEN_IF));
    }
    for (PCWSTR name : {L"\\??\\C:\\\\x", L"\\??\\C:\\a*", L"\\??\\C:\\a:b", L"\\??\\C:\\a/b",
                        L"\\??\\C:\\\u0001", L"\\??\\C:\\file\\", L"\\??\\C:\\new\\"}) {
        EXPECT_STATUS(STATUS_OBJECT_NAME_INVALID, Try(name, FILE_OPEN_IF));
    }
    EXPECT_STATUS(STATUS_OBJECT_NAME_INVALID,
                  Try(Name(u"\\??\\C:\\" + std::u16string(300, u'x')), FILE_OPEN_IF));
    EXPECT_STATUS(STATUS_OBJECT_PATH_SYNTAX_BAD, Try(L"C:\\file", FILE_OPEN));
    EXPECT_STATUS(STATUS_OBJECT_PATH_SYNTAX_BAD, Try(L"", FILE_OPEN));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Try(L"\\??\\C:", FILE_OPEN));
}

TEST_F(MachineFile, NoNameLeadsOutOfTheDirectory)
{
    const std::filesystem::path outside = MakeDirectory();
    std::ofstream(outside / "secret") << "x";
    std::filesystem::create_symlink(outside, root / "C/away");
    std::filesystem::create_symlink(outside / "secret", root / "C/secret");
    std::u16string up = u"\\??\\C:\\..\\..\\" + outside.filename().u16string() + u"\\secret";
    EXPECT_STATUS(STATUS_OBJECT_NAME_INVALID, Try(Name(up), FILE_OPEN));
    for (PCWSTR name : {L"\\??\\C:\\..\\x", L"\\??\\C:\\..", L"\\SystemRoot\\..\\x", L"\\??\\C:\\.\\x"}) {
        EXPECT_STATUS(STATUS_OBJECT_NAME_INVALID, Try(name, FILE_OPEN_IF));
    }
    EXPECT_STATUS(STATUS_OBJECT_PATH_NOT_FOUND, Try(L"\\??\\C:\\away\\secret", FILE_OPEN));
    EXPECT_STATUS(STATUS_OBJECT_PATH_NOT_FOUND, Try(L"\\??\\C:\\away\\new", FILE_CREATE));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Try(L"\\??\\C:\\secret", FILE_OPEN));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Try(L"\\??\\C:\\secret", FILE_OVERWRITE_IF, GENERIC_WRITE));
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
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Try(L"\\??\\C:\\f", FILE_MAXIMUM_DISPOSITION + 1));
}

TEST_F(MachineFile, OptionsThatExcludeEachOtherAreRefused)
{
    PCWSTR name = L"\\??\\C:\\f";
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Try(name, FILE_OPEN_IF, GENERIC_READ,
                                                FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Try(name, FILE_OPEN_IF, GENERIC_READ, FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Try(name, FILE_OVERWRITE_IF, GENERIC_WRITE, FILE_DIRECTORY_FILE));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Try(name, FILE_OPEN_IF, GENERIC_READ, FILE_DELETE_ON_CLOSE));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Try(name, FILE_OPEN_IF, GENERIC_READ, 0, 8));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Create(name, FILE_OPEN_IF, GENERIC_READ, 0, FILE_SHARE_READ, 0x80000000u));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Try(name, FILE_OPEN, GENERIC_READ, FILE_OPEN_BY_FILE_ID));

    UNICODE_STRING string;
    OBJECT_ATTRIBUTES object;
    HANDLE opened = nullptr;
    RtlInitUnicodeString(&string, name);
    InitializeObjectAttributes(&object, &string, OBJ_KERNEL_HANDLE, nullptr, nullptr);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, /* without SYNCHRONIZE */
                  ZwCreateFile(&opened, FILE_READ_DATA, &object, &block, nullptr, 0, 0, FILE_OPEN_IF,
                               FILE_SYNCHRONOUS_IO_NONALERT, nullptr, 0));
    object.Length--;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  ZwOpenFile(&opened, GENERIC_READ, &object, &block, 0, FILE_SYNCHRONOUS_IO_NONALERT));
    EXPECT_FALSE(std::filesystem::exists(root / "C/f"));
}

TEST_F(MachineFile, DirectoriesAreMadeAndToldFromFiles)
{
    Put("C/file", "x");
    EXPECT_STATUS(STATUS_NOT_A_DIRECTORY,
                  Try(L"\\??\\C:\\file", FILE_OPEN, GENERIC_READ, FILE_DIRECTORY_FILE));
    EXPECT_STATUS(STATUS_FILE_IS_A_DIRECTORY,
                  Try(L"\\SystemRoot", FILE_OPEN, GENERIC_READ, FILE_NON_DIRECTORY_FILE));
    EXPECT_STATUS(STATUS_FILE_IS_A_DIRECTORY, Try(L"\\SystemRoot", FILE_OVERWRITE_IF, GENERIC_WRITE));
    EXPECT_STATUS(STATUS_SUCCESS, Try(L"\\??\\C:\\", FILE_OPEN));
    ASSERT_STATUS(STATUS_SUCCESS, Create(L"\\??\\C:\\Logs\\", FILE_OPEN_IF,
                                         GENERIC_READ | GENERIC_WRITE | DELETE, FILE_DIRECTORY_FILE));
    EXPECT_EQ((ULONG_PTR)FILE_CREATED, block.Information);
    EXPECT_TRUE(Standard().Directory);
    std::string read;
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, Read(&read, 1));
    Put("C/Logs/x", "x");
    EXPECT_STATUS(STATUS_DIRECTORY_NOT_EMPTY,
                  Set(FileDispositionInformation, FILE_DISPOSITION_INFORMATION{TRUE}));
    std::filesystem::remove(root / "C/Logs/x");
    EXPECT_STATUS(STATUS_SUCCESS, Set(FileDispositionInformation, FILE_DISPOSITION_INFORMATION{TRUE}));
    EXPECT_STATUS(STATUS_SUCCESS, Close());
    EXPECT_FALSE(std::filesystem::exists(root / "C/Logs"));
}

TEST_F(MachineFile, RightsAreThoseOfTheOpening)
{
    std::string read;
    FILE_END_OF_FILE_INFORMATION end = {};
    Put("C/f", "abc");
    ASSERT_STATUS(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_OPEN, FILE_READ_DATA));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Write("x"));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Set(FileEndOfFileInformation, end));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Set(FileDispositionInformation, FILE_DISPOSITION_INFORMATION{TRUE}));
    EXPECT_STATUS(STATUS_SUCCESS, Close());
    ASSERT_STATUS(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_OPEN, FILE_WRITE_DATA));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Read(&read, 1));
    EXPECT_EQ("abc", Contents("C/f"));
}

TEST_F(MachineFile, ReadOnlyFilesAreNeitherWrittenNorDeleted)
{
    ASSERT_STATUS(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_CREATE, GENERIC_WRITE,
                                         FILE_SYNCHRONOUS_IO_NONALERT, 0, FILE_ATTRIBUTE_READONLY));
    EXPECT_STATUS(STATUS_SUCCESS, Write("x"));
    EXPECT_STATUS(STATUS_SUCCESS, Close());
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Try(L"\\??\\C:\\f", FILE_OPEN, GENERIC_WRITE));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Try(L"\\??\\C:\\f", FILE_OVERWRITE_IF, GENERIC_READ));
    EXPECT_STATUS(STATUS_CANNOT_DELETE, Try(L"\\??\\C:\\f", FILE_OPEN, DELETE, FILE_DELETE_ON_CLOSE));
    ASSERT_STATUS(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_OPEN, DELETE | GENERIC_READ));
    EXPECT_STATUS(STATUS_CANNOT_DELETE, Set(FileDispositionInformation, FILE_DISPOSITION_INFORMATION{TRUE}));
    FILE_BASIC_INFORMATION basic;
    EXPECT_STATUS(STATUS_SUCCESS, Query(FileBasicInformation, &basic));
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
    ASSERT_STATUS(STATUS_SUCCESS, Create(name, FILE_CREATE, GENERIC_WRITE, options, FILE_SHARE_READ));
    EXPECT_STATUS(STATUS_SUCCESS, Write("abc"));
    EXPECT_STATUS(STATUS_SHARING_VIOLATION, Try(name, FILE_OPEN, GENERIC_READ, options, FILE_SHARE_READ));
    EXPECT_STATUS(STATUS_SUCCESS,
                  Try(name, FILE_OPEN, GENERIC_READ, options, FILE_SHARE_READ | FILE_SHARE_WRITE));
    EXPECT_STATUS(STATUS_SHARING_VIOLATION, Try(name, FILE_OPEN, GENERIC_WRITE, options, FILE_SHARE_WRITE));
    EXPECT_STATUS(STATUS_SHARING_VIOLATION,
                  Try(name, FILE_OVERWRITE_IF, GENERIC_WRITE, options, FILE_SHARE_WRITE));
    EXPECT_STATUS(STATUS_SUCCESS, Try(name, FILE_OPEN, FILE_READ_ATTRIBUTES, options, 0));
    EXPECT_EQ("abc", Contents("C/f"));
    EXPECT_STATUS(STATUS_SUCCESS, Close());
    EXPECT_STATUS(STATUS_SUCCESS, Try(name, FILE_OPEN, GENERIC_WRITE, options, 0));
}

TEST_F(MachineFile, DeletionWaitsForTheLastHandle)
{
    PCWSTR name = L"\\??\\C:\\f";
    ULONG all = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    ULONG options = FILE_SYNCHRONOUS_IO_NONALERT;
    ASSERT_STATUS(STATUS_SUCCESS, Create(name, FILE_CREATE, GENERIC_READ, options, all));
    HANDLE first = file;
    ASSERT_STATUS(STATUS_SUCCESS, Create(name, FILE_OPEN, GENERIC_READ | DELETE, options, all));
    EXPECT_STATUS(STATUS_SUCCESS, Set(FileDispositionInformation, FILE_DISPOSITION_INFORMATION{TRUE}));
    EXPECT_TRUE(Standard().DeletePending);
    EXPECT_EQ(0u, Standard().NumberOfLinks);
    EXPECT_STATUS(STATUS_DELETE_PENDING, Try(name, FILE_OPEN, GENERIC_READ, options, all));
    EXPECT_STATUS(STATUS_SUCCESS, Set(FileDispositionInformation, FILE_DISPOSITION_INFORMATION{FALSE}));
    EXPECT_STATUS(STATUS_SUCCESS, Try(name, FILE_OPEN, GENERIC_READ, options, all));
    EXPECT_STATUS(STATUS_SUCCESS, Set(FileDispositionInformation, FILE_DISPOSITION_INFORMATION{TRUE}));
    EXPECT_STATUS(STATUS_SUCCESS, Close());
    EXPECT_TRUE(std::filesystem::exists(root / "C/f"));
    EXPECT_STATUS(STATUS_SUCCESS, ZwClose(first));
    EXPECT_FALSE(std::filesystem::exists(root / "C/f"));

    EXPECT_STATUS(STATUS_SUCCESS, Try(name, FILE_CREATE, GENERIC_WRITE | DELETE, FILE_DELETE_ON_CLOSE));
    EXPECT_FALSE(std::filesystem::exists(root / "C/f"));
}

TEST_F(MachineFile, HandlesAreChecked)
{
    char byte = 0;
    LARGE_INTEGER offset = Offset(0);
    HANDLE event = CreateEventHandle();
    EXPECT_STATUS(STATUS_OBJECT_TYPE_MISMATCH,
                  ZwReadFile(event, nullptr, nullptr, nullptr, &block, &byte, 1, &offset, nullptr));
    NtClose(event);
    ASSERT_STATUS(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_CREATE));
    HANDLE closed = file;
    EXPECT_STATUS(STATUS_INVALID_HANDLE, NtClose(file)); /* a user has no kernel handle */
    EXPECT_STATUS(STATUS_INVALID_USER_BUFFER,
                  ZwReadFile(file, nullptr, nullptr, nullptr, &block, nullptr, 1, &offset, nullptr));
    EXPECT_STATUS(STATUS_SUCCESS, Close());
    EXPECT_STATUS(STATUS_INVALID_HANDLE,
                  ZwReadFile(closed, nullptr, nullptr, nullptr, &block, &byte, 1, &offset, nullptr));
    EXPECT_STATUS(STATUS_INVALID_HANDLE, ZwClose(closed));
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
    EXPECT_STATUS(STATUS_SUCCESS, ZwCreateFile(&opened, GENERIC_WRITE | SYNCHRONIZE, &object, &block, nullptr,
                                               0, 0, FILE_CREATE, FILE_SYNCHRONOUS_IO_NONALERT, nullptr, 0));
    EXPECT_STATUS(STATUS_SUCCESS, ZwQueryInformationFile(opened, &block, &standard, sizeof(standard),
                                                         FileStandardInformation));
    HostEnterProcess(nullptr);
    EXPECT_STATUS(STATUS_INVALID_HANDLE, ZwQueryInformationFile(opened, &block, &standard, sizeof(standard),
                                                                FileStandardInformation));
    HostEndProcess(process); /* closes it */
    EXPECT_STATUS(STATUS_INVALID_HANDLE, ZwClose(opened));
}

TEST_F(MachineFile, ARootThatIsNoDirectoryIsRefused)
{
    Put("file", "x");
    EXPECT_STATUS(STATUS_OBJECT_PATH_NOT_FOUND, HostSetFileRoot((root / "nothing").c_str()));
    EXPECT_STATUS(STATUS_OBJECT_PATH_NOT_FOUND, HostSetFileRoot((root / "file").c_str()));
    EXPECT_STATUS(STATUS_SUCCESS, Try(L"\\??\\C:\\f", FILE_CREATE));
    EXPECT_TRUE(std::filesystem::exists(root / "C/f"));
}

TEST_F(MachineFileDeath, AnOpenFileIsLeftBehind)
{
    EXPECT_DEATH(
        {
            driver.create = [&](PIRP irp, PIO_STACK_LOCATION) {
                EXPECT_STATUS(STATUS_SUCCESS, Create(L"\\??\\C:\\left.log", FILE_OPEN_IF));
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
    const std::filesystem::path parent = getenv("MACHINE_FILE_PARENT");
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
