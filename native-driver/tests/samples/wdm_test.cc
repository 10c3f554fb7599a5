/* SPDX-License-Identifier: Apache-2.0
 *
 * The WDM sample, and with it the host's cancel-safe queues.
 */
#include "support.h"

#include <mailbox.h>

#include <atomic>
#include <thread>

#include <sys/mman.h>

namespace {

class WdmSample : public SampleTest {
  protected:
    WdmSample() : SampleTest(L"Mailbox", DriverEntry, L"\\\\.\\Mailbox")
    {
    }
};

TEST_F(WdmSample, KeepsWhatIsWritten)
{
    std::string data;
    EXPECT_STATUS(STATUS_SUCCESS, Read(&data, 10));
    EXPECT_EQ("", data);
    EXPECT_STATUS(STATUS_SUCCESS, Write("hello"));
    EXPECT_STATUS(STATUS_SUCCESS, Read(&data, 10));
    EXPECT_EQ("hello", data);
    EXPECT_STATUS(STATUS_SUCCESS, Read(&data, 2));
    EXPECT_EQ("he", data);
    EXPECT_STATUS(STATUS_SUCCESS, Read(&data, 0));
    EXPECT_STATUS(STATUS_SUCCESS, Write(""));
    EXPECT_STATUS(STATUS_SUCCESS, Read(&data, 10));
    EXPECT_EQ("", data);
}

TEST_F(WdmSample, TakesMessagesUpToItsCapacity)
{
    std::string data, longest(MAILBOX_CAPACITY, 'x');
    EXPECT_STATUS(STATUS_SUCCESS, Write(longest));
    EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, Write(longest + "y"));
    EXPECT_STATUS(STATUS_SUCCESS, Read(&data, 2 * MAILBOX_CAPACITY));
    EXPECT_EQ(longest, data);
}

TEST_F(WdmSample, ReversesInTheSystemBuffer)
{
    char input[] = "abcde", output[8] = {};
    ULONG_PTR information;
    EXPECT_STATUS(STATUS_SUCCESS, Control(IOCTL_MAILBOX_REVERSE, input, 5, output, 8, &information));
    EXPECT_EQ(5u, information);
    EXPECT_STREQ("edcba", output);
    EXPECT_STREQ("abcde", input) << "the driver has a copy";
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, Control(IOCTL_MAILBOX_REVERSE, input, 5, output, 4, &information));
    EXPECT_EQ(0u, information);
    EXPECT_STATUS(STATUS_SUCCESS, Control(IOCTL_MAILBOX_REVERSE, nullptr, 0, nullptr, 0, &information));
    EXPECT_EQ(0u, information);
    EXPECT_STATUS(STATUS_INVALID_USER_BUFFER, Control(IOCTL_MAILBOX_REVERSE, nullptr, 5, output, 8));
}

TEST_F(WdmSample, PutsFromASecondBuffer)
{
    std::string data;
    char text[] = "PUT";
    ULONG offset = 2;
    ULONG_PTR information;
    EXPECT_STATUS(STATUS_SUCCESS, Write("0123456789"));
    EXPECT_STATUS(STATUS_SUCCESS, Control(IOCTL_MAILBOX_PUT, &offset, sizeof(offset), text, 3, &information));
    EXPECT_EQ(3u, information);
    EXPECT_STREQ("PUT", text) << "it is only read";
    EXPECT_STATUS(STATUS_SUCCESS, Read(&data, 100));
    EXPECT_EQ("01PUT", data);
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, Control(IOCTL_MAILBOX_PUT, &offset, 3, text, 3));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Control(IOCTL_MAILBOX_PUT, &offset, sizeof(offset), nullptr, 0));
    offset = 6;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Control(IOCTL_MAILBOX_PUT, &offset, sizeof(offset), text, 3))
        << "it would leave a gap";
    for (ULONG wrong : {ULONG(MAILBOX_CAPACITY) - 2, ULONG(MAILBOX_CAPACITY), ~0u}) {
        EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, Control(IOCTL_MAILBOX_PUT, &wrong, sizeof(wrong), text, 3));
    }
    EXPECT_STATUS(STATUS_SUCCESS, Read(&data, 100));
    EXPECT_EQ("01PUT", data);
}

TEST_F(WdmSample, GetsIntoASecondBuffer)
{
    char text[8] = {};
    ULONG offset = 4;
    ULONG_PTR information;
    EXPECT_STATUS(STATUS_SUCCESS, Write("0123456789"));
    EXPECT_STATUS(STATUS_SUCCESS, Control(IOCTL_MAILBOX_GET, &offset, sizeof(offset), text, 3, &information));
    EXPECT_EQ(3u, information);
    EXPECT_STREQ("456", text);
    offset = 8;
    EXPECT_STATUS(STATUS_SUCCESS, Control(IOCTL_MAILBOX_GET, &offset, sizeof(offset), text, 8, &information));
    EXPECT_EQ(2u, information);
    EXPECT_STREQ("896", text);
    offset = ~0u;
    EXPECT_STATUS(STATUS_SUCCESS, Control(IOCTL_MAILBOX_GET, &offset, sizeof(offset), text, 8, &information));
    EXPECT_EQ(0u, information);
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, Control(IOCTL_MAILBOX_GET, nullptr, 0, text, 8));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Control(IOCTL_MAILBOX_GET, &offset, sizeof(offset), nullptr, 0));
}

TEST_F(WdmSample, SumsAtTheProgramsOwnAddresses)
{
    UCHAR input[] = {255, 255, 1};
    ULONG sum = 0;
    ULONG_PTR information;
    EXPECT_STATUS(STATUS_SUCCESS, Control(IOCTL_MAILBOX_SUM, input, 3, &sum, sizeof(sum), &information));
    EXPECT_EQ(sizeof(sum), information);
    EXPECT_EQ(511u, sum);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Control(IOCTL_MAILBOX_SUM, input, 0, &sum, sizeof(sum)));
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, Control(IOCTL_MAILBOX_SUM, input, 3, &sum, 3));
}

TEST_F(WdmSample, IsToldOfAddressesThatAreBad)
{
    ULONG sum = 77;
    char* memory = static_cast<char*>(
        mmap(nullptr, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memory[0] = 5;
    mprotect(memory, PAGE_SIZE, PROT_READ);
    mprotect(memory + PAGE_SIZE, PAGE_SIZE, PROT_NONE);
    EXPECT_STATUS(STATUS_ACCESS_VIOLATION, Control(IOCTL_MAILBOX_SUM, nullptr, 3, &sum, sizeof(sum)));
    EXPECT_STATUS(STATUS_ACCESS_VIOLATION,
                  Control(IOCTL_MAILBOX_SUM, memory, PAGE_SIZE + 1, &sum, sizeof(sum)));
    EXPECT_STATUS(STATUS_ACCESS_VIOLATION, Control(IOCTL_MAILBOX_SUM, memory, 3, memory, sizeof(sum)))
        << "it can't be written";
    EXPECT_STATUS(STATUS_ACCESS_VIOLATION, Control(IOCTL_MAILBOX_SUM, memory, 3, nullptr, sizeof(sum)));
    EXPECT_EQ(77u, sum);
    EXPECT_STATUS(STATUS_SUCCESS, Control(IOCTL_MAILBOX_SUM, memory, PAGE_SIZE, &sum, sizeof(sum)));
    EXPECT_EQ(5u, sum);
    munmap(memory, 2 * PAGE_SIZE);
}

TEST_F(WdmSample, RefusesWhatItDoesNotKnow)
{
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST,
                  Control(CTL_CODE(FILE_DEVICE_UNKNOWN, 0x900, METHOD_BUFFERED, FILE_ANY_ACCESS), nullptr, 0,
                          nullptr, 0));
}

TEST_F(WdmSample, WaitsForAWrite)
{
    char first[8] = {}, second[3] = {}, third[1];
    Request wide(file), narrow(file), none(file);
    EXPECT_STATUS(STATUS_SUCCESS, Write("old"));
    EXPECT_STATUS(STATUS_PENDING, wide.Control(IOCTL_MAILBOX_WAIT, nullptr, 0, first, sizeof(first)));
    EXPECT_STATUS(STATUS_PENDING, narrow.Control(IOCTL_MAILBOX_WAIT, nullptr, 0, second, sizeof(second)));
    EXPECT_STATUS(STATUS_PENDING, none.Control(IOCTL_MAILBOX_WAIT, nullptr, 0, third, 0));
    EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, Write(std::string(MAILBOX_CAPACITY + 1, 'x')));
    EXPECT_FALSE(wide.IsDone() || narrow.IsDone() || none.IsDone());
    EXPECT_STATUS(STATUS_SUCCESS, Write("fresh"));
    EXPECT_STATUS(STATUS_SUCCESS, wide.Wait());
    EXPECT_EQ(5u, wide.Information());
    EXPECT_STREQ("fresh", first);
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, narrow.Wait());
    EXPECT_EQ(3u, narrow.Information());
    EXPECT_EQ("fre", std::string(second, 3));
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, none.Wait());
    EXPECT_EQ(0u, none.Information());
}

TEST_F(WdmSample, CancelsOneThatWaits)
{
    char output[8];
    Request first(file), second(file);
    EXPECT_STATUS(STATUS_PENDING, first.Control(IOCTL_MAILBOX_WAIT, nullptr, 0, output, sizeof(output)));
    EXPECT_STATUS(STATUS_PENDING, second.Control(IOCTL_MAILBOX_WAIT, nullptr, 0, output, sizeof(output)));
    EXPECT_STATUS(STATUS_SUCCESS, first.Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, first.Wait());
    EXPECT_FALSE(second.IsDone());
    EXPECT_STATUS(STATUS_NOT_FOUND, first.Cancel());
    EXPECT_STATUS(STATUS_SUCCESS, Write("x"));
    EXPECT_STATUS(STATUS_SUCCESS, second.Wait());
}

TEST_F(WdmSample, EndsWhatWaitsWithItsHandle)
{
    char output[8];
    HANDLE other = Open();
    Request stays(file), goes(other), too(other);
    for (Request* request : {&goes, &stays, &too}) {
        EXPECT_STATUS(STATUS_PENDING,
                      request->Control(IOCTL_MAILBOX_WAIT, nullptr, 0, output, sizeof(output)));
    }
    EXPECT_STATUS(STATUS_SUCCESS, NtClose(other));
    EXPECT_STATUS(STATUS_CANCELLED, goes.Wait());
    EXPECT_STATUS(STATUS_CANCELLED, too.Wait());
    EXPECT_FALSE(stays.IsDone());
    EXPECT_STATUS(STATUS_SUCCESS, stays.Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, stays.Wait());
}

TEST_F(WdmSample, CompletesEachOnceWhenWritesAndCancelsRace)
{
    constexpr int kRounds = 2000;
    std::atomic<bool> stop{false};
    int written = 0, cancelled = 0;
    std::thread writer([&] {
        HANDLE own = Open();
        while (!stop) {
            EXPECT_STATUS(STATUS_SUCCESS, Write("race", own));
        }
        NtClose(own);
    });
    for (int round = 0; round < kRounds || written == 0 || cancelled == 0; round++) {
        char output[8] = {};
        Request request(file);
        EXPECT_STATUS(STATUS_PENDING,
                      request.Control(IOCTL_MAILBOX_WAIT, nullptr, 0, output, sizeof(output)));
        Dawdle(std::chrono::nanoseconds(round % 100 * 20));
        request.Cancel();
        if (request.Wait() == STATUS_SUCCESS) {
            EXPECT_STREQ("race", output);
            written++;
        } else {
            EXPECT_STATUS(STATUS_CANCELLED, request.Wait());
            cancelled++;
        }
    }
    stop = true;
    writer.join();
}

TEST_F(WdmSample, ChecksTheAccessOfItsCodes)
{
    char output[8];
    ULONG offset = 0;
    NtClose(file);
    file = Open(GENERIC_READ);
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Control(IOCTL_MAILBOX_PUT, &offset, sizeof(offset), output, 1));
    EXPECT_STATUS(STATUS_SUCCESS, Control(IOCTL_MAILBOX_GET, &offset, sizeof(offset), output, 1));
    EXPECT_STATUS(STATUS_ACCESS_DENIED, Write("x"));
}

TEST_F(WdmSample, IsLoadedAgain)
{
    std::string data;
    EXPECT_STATUS(STATUS_SUCCESS, Write("gone"));
    TearDown();
    SetUp();
    EXPECT_STATUS(STATUS_SUCCESS, Read(&data, 10));
    EXPECT_EQ("", data);
}

TEST_F(WdmSample, LeavesNothingWhenItsLoadingFails)
{
    FailEachAllocationOfTheLoad();
}

} // namespace
