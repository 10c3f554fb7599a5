/* SPDX-License-Identifier: Apache-2.0
 *
 * A fixture for tests of files on disk: each test has its own root directory, and short forms of a driver's
 * calls.
 */
#ifndef MACHINE_FILE_H
#define MACHINE_FILE_H

#include "test_driver.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <unistd.h>

/* WCHAR has 16 bits here, unlike the wide strings of the C library. */
inline PCWSTR Name(const std::u16string& name)
{
    return reinterpret_cast<PCWSTR>(name.c_str());
}

inline std::filesystem::path MakeDirectory()
{
    std::string name = testing::TempDir() + "machine-files-XXXXXX";
    EXPECT_NE(nullptr, mkdtemp(name.data()));
    return name;
}

/* Sets a temporary directory as the root of all drives, and calls the routines as a driver does. */
class MachineFile : public DriverTest {
  protected:
    void SetUp() override
    {
        DriverTest::SetUp();
        root = MakeDirectory();
        ASSERT_STATUS(STATUS_SUCCESS, HostSetFileRoot(root.c_str()));
        current = this;
        HostSetBugcheckRoutine([](ULONG, const char*) { std::filesystem::remove_all(current->root); });
    }
    void TearDown() override
    {
        if (file != nullptr) {
            EXPECT_STATUS(STATUS_SUCCESS, Close());
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
    /* Creates or opens a file, and closes it again. */
    NTSTATUS Try(PCWSTR name, ULONG disposition, ACCESS_MASK access = GENERIC_READ,
                 ULONG options = FILE_SYNCHRONOUS_IO_NONALERT, ULONG share = FILE_SHARE_READ)
    {
        HANDLE kept = file;
        NTSTATUS status = Create(name, disposition, access, options, share);
        if (NT_SUCCESS(status)) {
            EXPECT_STATUS(STATUS_SUCCESS, Close());
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
        EXPECT_STATUS(STATUS_SUCCESS, Query(FilePositionInformation, &information));
        return information.CurrentByteOffset.QuadPart;
    }
    FILE_STANDARD_INFORMATION Standard()
    {
        FILE_STANDARD_INFORMATION information = {};
        EXPECT_STATUS(STATUS_SUCCESS, Query(FileStandardInformation, &information));
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

    static inline MachineFile* current = nullptr;
    std::filesystem::path root;
    HANDLE file = nullptr;
    IO_STATUS_BLOCK block = {};
};

using MachineFileDeath = MachineFile;

inline LARGE_INTEGER Offset(LONGLONG value)
{
    LARGE_INTEGER offset;
    offset.QuadPart = value;
    return offset;
}

inline LARGE_INTEGER Special(ULONG value)
{
    LARGE_INTEGER offset;
    offset.HighPart = -1;
    offset.LowPart = value;
    return offset;
}

#endif
