/* SPDX-License-Identifier: Apache-2.0
 *
 * The KMDF sample.
 */
#include "support.h"

#include <wdf.h>

#include <relay.h>

#include <atomic>
#include <thread>
#include <vector>

EXTERN_C NTSTATUS FxDriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath);

namespace {

class KmdfSample : public SampleTest {
  protected:
    KmdfSample() : SampleTest(L"Relay", FxDriverEntry, L"\\\\.\\Relay")
    {
    }
    RELAY_STATE Query()
    {
        RELAY_STATE state = {99, 99};
        EXPECT_STATUS(STATUS_SUCCESS, Control(IOCTL_RELAY_QUERY, nullptr, 0, &state, sizeof(state)));
        return state;
    }
    void ExpectState(ULONG messages, ULONG waitingReads)
    {
        RELAY_STATE state = Query();
        EXPECT_EQ(messages, state.Messages);
        EXPECT_EQ(waitingReads, state.WaitingReads);
    }
};

TEST_F(KmdfSample, RelaysMessagesInTheirOrder)
{
    std::string data;
    EXPECT_STATUS(STATUS_SUCCESS, Write("one"));
    EXPECT_STATUS(STATUS_SUCCESS, Write("two"));
    ExpectState(2, 0);
    EXPECT_STATUS(STATUS_SUCCESS, Read(&data, 10));
    EXPECT_EQ("one", data);
    EXPECT_STATUS(STATUS_SUCCESS, Read(&data, 3));
    EXPECT_EQ("two", data);
    ExpectState(0, 0);
}

TEST_F(KmdfSample, CutsWhatDoesNotFit)
{
    std::string data;
    EXPECT_STATUS(STATUS_SUCCESS, Write("long"));
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, Read(&data, 2));
    EXPECT_EQ("lo", data);
    ExpectState(0, 0);
}

TEST_F(KmdfSample, TakesMessagesUpToItsLimits)
{
    std::string data, longest(RELAY_MESSAGE_SIZE, 'x');
    EXPECT_STATUS(STATUS_INVALID_BUFFER_SIZE, Write(longest + "y"));
    ExpectState(0, 0);
    for (int count = 0; count < RELAY_MESSAGE_LIMIT; count++) {
        EXPECT_STATUS(STATUS_SUCCESS, Write(longest));
    }
    EXPECT_STATUS(STATUS_DEVICE_BUSY, Write("x"));
    ExpectState(RELAY_MESSAGE_LIMIT, 0);
    EXPECT_STATUS(STATUS_SUCCESS, Read(&data, RELAY_MESSAGE_SIZE));
    EXPECT_EQ(longest, data);
    EXPECT_STATUS(STATUS_SUCCESS, Write("x"));
}

TEST_F(KmdfSample, ParksReadsUntilAWrite)
{
    char first[8] = {}, second[8] = {};
    Request one(file), two(file);
    EXPECT_STATUS(STATUS_PENDING, one.Read(first, sizeof(first)));
    EXPECT_STATUS(STATUS_PENDING, two.Read(second, sizeof(second)));
    ExpectState(0, 2);
    EXPECT_STATUS(STATUS_SUCCESS, Write("a"));
    EXPECT_STATUS(STATUS_SUCCESS, one.Wait());
    EXPECT_EQ(1u, one.Information());
    EXPECT_STREQ("a", first);
    EXPECT_FALSE(two.IsDone());
    ExpectState(0, 1);
    EXPECT_STATUS(STATUS_SUCCESS, Write("b"));
    EXPECT_STATUS(STATUS_SUCCESS, two.Wait());
    EXPECT_STREQ("b", second);
    ExpectState(0, 0);
}

TEST_F(KmdfSample, PeeksIntoTheProgramsBuffer)
{
    char output[8] = {};
    ULONG_PTR information;
    EXPECT_STATUS(STATUS_NO_MORE_ENTRIES, Control(IOCTL_RELAY_PEEK, nullptr, 0, output, sizeof(output)));
    EXPECT_STATUS(STATUS_SUCCESS, Write("peek"));
    EXPECT_STATUS(STATUS_SUCCESS,
                  Control(IOCTL_RELAY_PEEK, nullptr, 0, output, sizeof(output), &information));
    EXPECT_EQ(4u, information);
    EXPECT_STREQ("peek", output);
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, Control(IOCTL_RELAY_PEEK, nullptr, 0, output, 1, &information));
    EXPECT_EQ(1u, information);
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, Control(IOCTL_RELAY_PEEK, nullptr, 0, nullptr, 0));
    ExpectState(1, 0);
}

TEST_F(KmdfSample, RefusesWrongBuffersAndCodes)
{
    RELAY_STATE state;
    std::string data;
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, Control(IOCTL_RELAY_QUERY, nullptr, 0, &state, sizeof(state) - 1));
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, Control(IOCTL_RELAY_TICK, nullptr, 0, nullptr, 0));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST,
                  Control(CTL_CODE(FILE_DEVICE_UNKNOWN, 0x900, METHOD_BUFFERED, FILE_ANY_ACCESS), nullptr, 0,
                          nullptr, 0));
    EXPECT_STATUS(STATUS_SUCCESS, Read(&data, 0)) << "the framework completes what has no bytes";
    EXPECT_STATUS(STATUS_SUCCESS, Write(""));
    ExpectState(0, 0);
}

TEST_F(KmdfSample, TicksForAllThatWait)
{
    ULONG first = 0, second = 0, third = 0;
    Request one(file), two(file);
    EXPECT_STATUS(STATUS_PENDING, one.Control(IOCTL_RELAY_TICK, nullptr, 0, &first, sizeof(first)));
    EXPECT_STATUS(STATUS_PENDING, two.Control(IOCTL_RELAY_TICK, nullptr, 0, &second, sizeof(second)));
    EXPECT_STATUS(STATUS_SUCCESS, one.Wait());
    EXPECT_EQ(sizeof(first), one.Information());
    EXPECT_STATUS(STATUS_SUCCESS, two.Wait());
    EXPECT_GE(first, 1u);
    EXPECT_GE(second, first);
    do {
        /* The first one may still be completed by the same tick as the others. */
        ASSERT_STATUS(STATUS_SUCCESS, Control(IOCTL_RELAY_TICK, nullptr, 0, &third, sizeof(third)));
    } while (third == second);
    EXPECT_GT(third, second) << "the timer is started again";
}

TEST_F(KmdfSample, LeavesCancellationToTheFramework)
{
    char output[8] = {};
    ULONG tick;
    Request read(file), next(file), wait(file);
    EXPECT_STATUS(STATUS_PENDING, read.Read(output, sizeof(output)));
    EXPECT_STATUS(STATUS_PENDING, next.Read(output, sizeof(output)));
    EXPECT_STATUS(STATUS_SUCCESS, read.Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, read.Wait());
    EXPECT_FALSE(next.IsDone());
    EXPECT_STATUS(STATUS_SUCCESS, Write("kept"));
    EXPECT_STATUS(STATUS_SUCCESS, next.Wait());
    EXPECT_STREQ("kept", output);
    EXPECT_STATUS(STATUS_PENDING, wait.Control(IOCTL_RELAY_TICK, nullptr, 0, &tick, sizeof(tick)));
    wait.Cancel();
    NTSTATUS status = wait.Wait();
    EXPECT_TRUE(status == STATUS_CANCELLED || status == STATUS_SUCCESS) << "the timer may come first";
}

TEST_F(KmdfSample, EndsReadsWithTheirFile)
{
    char output[8];
    HANDLE other = Open();
    Request goes(other), stays(file);
    EXPECT_STATUS(STATUS_PENDING, goes.Read(output, sizeof(output)));
    EXPECT_STATUS(STATUS_PENDING, stays.Read(output, sizeof(output)));
    EXPECT_STATUS(STATUS_SUCCESS, NtClose(other));
    EXPECT_STATUS(STATUS_CANCELLED, goes.Wait());
    EXPECT_FALSE(stays.IsDone());
    ExpectState(0, 1);
    EXPECT_STATUS(STATUS_SUCCESS, stays.Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, stays.Wait());
}

TEST_F(KmdfSample, ThrowsAwayTheMessagesOfAClosedFile)
{
    std::string data;
    HANDLE other = Open();
    EXPECT_STATUS(STATUS_SUCCESS, Write("1", other));
    EXPECT_STATUS(STATUS_SUCCESS, Write("2"));
    EXPECT_STATUS(STATUS_SUCCESS, Write("3", other));
    EXPECT_STATUS(STATUS_SUCCESS, NtClose(other));
    ExpectState(1, 0);
    EXPECT_STATUS(STATUS_SUCCESS, Read(&data, 8));
    EXPECT_EQ("2", data);
}

TEST_F(KmdfSample, IsUnloadedWithMessagesReadsAndARunningTimer)
{
    char output[8];
    ULONG tick;
    Request read(file), wait(file);
    EXPECT_STATUS(STATUS_PENDING, read.Read(output, sizeof(output)));
    EXPECT_STATUS(STATUS_PENDING, wait.Control(IOCTL_RELAY_TICK, nullptr, 0, &tick, sizeof(tick)));
    NtClose(file);
    file = nullptr;
    EXPECT_STATUS(STATUS_CANCELLED, read.Wait());
    wait.Wait();
    Unload();
    SetUp();
    EXPECT_STATUS(STATUS_SUCCESS, Write("left"));
}

TEST_F(KmdfSample, GivesEachMessageToOneReaderWhenAllRace)
{
    constexpr int kMessages = 1000, kReaders = 3;
    std::atomic<int> received{0};
    std::vector<std::thread> readers;
    for (int reader = 0; reader < kReaders; reader++) {
        readers.emplace_back([&, reader] {
            while (received < kMessages) {
                char output[8] = {};
                Request request(file);
                request.Read(output, sizeof(output));
                if (reader == 0) {
                    request.Cancel();
                }
                if (request.Wait() == STATUS_SUCCESS && std::string(output) == "m") {
                    received++;
                }
            }
        });
    }
    for (int sent = 0; sent < kMessages;) {
        NTSTATUS status = Write("m");
        ASSERT_TRUE(status == STATUS_SUCCESS || status == STATUS_DEVICE_BUSY);
        sent += status == STATUS_SUCCESS;
    }
    EXPECT_TRUE(Await([&] { return received == kMessages; }));
    for (int reader = 0; reader < kReaders; reader++) {
        EXPECT_STATUS(STATUS_SUCCESS, Write("stop"));
    }
    for (std::thread& reader : readers) {
        reader.join();
    }
}

TEST_F(KmdfSample, LeavesNothingWhenItsLoadingFails)
{
    FailEachAllocationOfTheLoad();
}

} // namespace
