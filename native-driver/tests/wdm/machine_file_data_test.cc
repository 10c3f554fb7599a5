/* SPDX-License-Identifier: Apache-2.0
 *
 * Files on disk: reading, writing, positions, length.
 */
#include "machine_file.h"

namespace {

TEST_F(MachineFile, ADriverWritesALogAndReadsAConfiguration)
{
    std::string read;
    Put("C/Windows/driver.conf", "level=3\n");
    ASSERT_STATUS(STATUS_SUCCESS, Create(L"\\SystemRoot\\driver.conf", FILE_OPEN, GENERIC_READ));
    EXPECT_STATUS(STATUS_SUCCESS, Read(&read, 100));
    EXPECT_EQ("level=3\n", read);
    EXPECT_STATUS(STATUS_END_OF_FILE, Read(&read, 100));
    EXPECT_EQ(0u, block.Information);
    EXPECT_STATUS(STATUS_SUCCESS, Read(&read, 0));
    EXPECT_STATUS(STATUS_SUCCESS, Close());

    for (const char* line : {"first\n", "second\n"}) {
        ASSERT_STATUS(STATUS_SUCCESS, Create(L"\\??\\C:\\log.txt", FILE_OPEN_IF, FILE_APPEND_DATA));
        EXPECT_STATUS(STATUS_SUCCESS, Write(line));
        EXPECT_EQ(strlen(line), block.Information);
        EXPECT_STATUS(STATUS_SUCCESS, Close());
    }
    EXPECT_EQ("first\nsecond\n", Contents("C/log.txt"));
}

TEST_F(MachineFile, SynchronousFilesHaveAPosition)
{
    std::string read;
    LARGE_INTEGER offset = Offset(2);
    ASSERT_STATUS(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_CREATE));
    EXPECT_STATUS(STATUS_SUCCESS, Write("0123456789"));
    EXPECT_EQ(10, Position());
    EXPECT_STATUS(STATUS_SUCCESS, Read(&read, 3, &offset));
    EXPECT_EQ("234", read);
    EXPECT_EQ(5, Position());
    EXPECT_STATUS(STATUS_SUCCESS, Read(&read, 2));
    EXPECT_EQ("56", read);
    offset = Special(FILE_USE_FILE_POINTER_POSITION);
    EXPECT_STATUS(STATUS_SUCCESS, Read(&read, 100, &offset));
    EXPECT_EQ("789", read);
    EXPECT_STATUS(STATUS_SUCCESS, SetPosition(1));
    EXPECT_STATUS(STATUS_SUCCESS, Write("A", &offset));
    EXPECT_EQ(2, Position());
    offset = Special(FILE_WRITE_TO_END_OF_FILE);
    EXPECT_STATUS(STATUS_SUCCESS, Write("B", &offset));
    EXPECT_EQ(11, Position());
    EXPECT_EQ("0A23456789B", Contents("C/f"));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Read(&read, 1, &offset));
    offset = Offset(-5);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Write("x", &offset));
    offset = Offset(MAXLONGLONG);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Write("x", &offset));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, SetPosition(-1));
    EXPECT_EQ(11, Position());
}

TEST_F(MachineFile, OtherFilesNeedAnOffset)
{
    std::string read;
    LARGE_INTEGER offset = Offset(0);
    ASSERT_STATUS(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_CREATE, GENERIC_READ | GENERIC_WRITE, 0));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Write("x"));
    EXPECT_STATUS(STATUS_SUCCESS, Write("abc", &offset));
    EXPECT_STATUS(STATUS_SUCCESS, Read(&read, 3, &offset));
    EXPECT_EQ("abc", read);
    EXPECT_EQ(0, Position());
    offset = Special(FILE_USE_FILE_POINTER_POSITION);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Write("x", &offset));

    HANDLE event = CreateEventHandle();
    LARGE_INTEGER now = Milliseconds(0);
    char text[] = "d";
    offset = Special(FILE_WRITE_TO_END_OF_FILE);
    EXPECT_STATUS(STATUS_TIMEOUT, NtWaitForSingleObject(event, FALSE, &now));
    EXPECT_STATUS(STATUS_SUCCESS,
                  ZwWriteFile(file, event, nullptr, nullptr, &block, text, 1, &offset, nullptr));
    EXPECT_STATUS(STATUS_SUCCESS, NtWaitForSingleObject(event, FALSE, &now));
    EXPECT_EQ("abcd", Contents("C/f"));
    NtClose(event);
}

TEST_F(MachineFile, AppendingIgnoresTheOffset)
{
    LARGE_INTEGER offset = Offset(0);
    Put("C/f", "abc");
    ASSERT_STATUS(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_OPEN, FILE_APPEND_DATA));
    EXPECT_STATUS(STATUS_SUCCESS, Write("d", &offset));
    EXPECT_EQ("abcd", Contents("C/f"));
}

TEST_F(MachineFile, LengthIsToldAndSet)
{
    FILE_END_OF_FILE_INFORMATION end = {};
    ASSERT_STATUS(STATUS_SUCCESS, Create(L"\\??\\C:\\f", FILE_CREATE));
    EXPECT_STATUS(STATUS_SUCCESS, Write("abcdef"));
    EXPECT_EQ(6, Standard().EndOfFile.QuadPart);
    EXPECT_GE(Standard().AllocationSize.QuadPart, 0);
    EXPECT_EQ(1u, Standard().NumberOfLinks);
    EXPECT_FALSE(Standard().DeletePending);
    EXPECT_FALSE(Standard().Directory);
    end.EndOfFile.QuadPart = 3;
    EXPECT_STATUS(STATUS_SUCCESS, Set(FileEndOfFileInformation, end));
    EXPECT_EQ("abc", Contents("C/f"));
    end.EndOfFile.QuadPart = 5;
    EXPECT_STATUS(STATUS_SUCCESS, Set(FileEndOfFileInformation, end));
    EXPECT_EQ(std::string("abc\0\0", 5), Contents("C/f"));
    end.EndOfFile.QuadPart = -1;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Set(FileEndOfFileInformation, end));

    FILE_STANDARD_INFORMATION standard;
    EXPECT_STATUS(
        STATUS_INFO_LENGTH_MISMATCH,
        ZwQueryInformationFile(file, &block, &standard, sizeof(standard) - 1, FileStandardInformation));
    EXPECT_STATUS(STATUS_INVALID_INFO_CLASS, Query((FILE_INFORMATION_CLASS)77, &standard));
    EXPECT_STATUS(STATUS_INVALID_INFO_CLASS, Set(FileStandardInformation, standard));
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
            ASSERT_STATUS(STATUS_SUCCESS, ZwCreateFile(&log, FILE_APPEND_DATA | SYNCHRONIZE, &object, &result,
                                                       nullptr, 0, FILE_SHARE_WRITE, FILE_OPEN_IF,
                                                       FILE_SYNCHRONOUS_IO_NONALERT, nullptr, 0));
            for (int n = 0; n < kLines; n++) {
                EXPECT_STATUS(STATUS_SUCCESS, ZwWriteFile(log, nullptr, nullptr, nullptr, &result, line, 11,
                                                          nullptr, nullptr));
            }
            EXPECT_STATUS(STATUS_SUCCESS, ZwClose(log));
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

} // namespace
