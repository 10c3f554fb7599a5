/* SPDX-License-Identifier: Apache-2.0
 *
 * Debug messages: which are kept, in which order, how many are lost, and that writers never wait.
 */
#include "test_driver.h"

#include <atomic>

namespace {

HOST_DEBUG_MESSAGE message;

NTSTATUS Take(int timeout_ms = 0)
{
    LARGE_INTEGER timeout;
    timeout.QuadPart = -10000LL * timeout_ms;
    return HostTakeDebugMessage(&message, &timeout);
}

class Debug : public ::testing::Test {
  protected:
    void TearDown() override
    {
        HostKeepDebugMessages(-1);
        while (Take() == STATUS_SUCCESS) {
        }
    }
};

class DebugDeath : public Debug {};

/* Above the level that goes to standard error. */
ULONG Print(int number)
{
    return DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_WARNING_LEVEL, "message %d\n", number);
}

TEST_F(Debug, NothingIsKeptAtFirst)
{
    Print(1);
    EXPECT_STATUS(STATUS_TIMEOUT, Take());
    EXPECT_EQ(FALSE, DbgQueryDebugFilterState(DPFLTR_IHVDRIVER_ID, DPFLTR_WARNING_LEVEL));
    EXPECT_EQ(TRUE, DbgQueryDebugFilterState(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL)) << "it is shown";
}

TEST_F(Debug, MessagesUpToALevelComeInOrder)
{
    HostKeepDebugMessages(DPFLTR_WARNING_LEVEL);
    EXPECT_EQ(TRUE, DbgQueryDebugFilterState(DPFLTR_IHVDRIVER_ID, DPFLTR_WARNING_LEVEL));
    EXPECT_EQ(FALSE, DbgQueryDebugFilterState(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL));
    Print(1);
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL, "too much\n");
    DbgPrint("the same\n");
    Print(2);
    for (const char* text : {"message 1", "message 2"}) {
        ASSERT_STATUS(STATUS_SUCCESS, Take());
        EXPECT_STREQ(text, message.Text);
        EXPECT_EQ((ULONG)DPFLTR_WARNING_LEVEL, message.Level);
        EXPECT_EQ(0u, message.Lost);
    }
    EXPECT_STATUS(STATUS_TIMEOUT, Take());
}

TEST_F(Debug, LostMessagesAreCountedWhereTheyAreMissing)
{
    HostKeepDebugMessages(DPFLTR_WARNING_LEVEL);
    for (int i = 0; i < HOST_KEPT_DEBUG_MESSAGES + 3; i++) {
        Print(i);
    }
    ASSERT_STATUS(STATUS_SUCCESS, Take());
    EXPECT_STREQ("message 0", message.Text);
    Print(1000);
    for (int i = 1; i < HOST_KEPT_DEBUG_MESSAGES; i++) {
        ASSERT_STATUS(STATUS_SUCCESS, Take());
        EXPECT_EQ("message " + std::to_string(i), message.Text);
    }
    ASSERT_STATUS(STATUS_SUCCESS, Take());
    EXPECT_EQ(3u, message.Lost);
    EXPECT_STREQ("3 messages are lost", message.Text);
    ASSERT_STATUS(STATUS_SUCCESS, Take());
    EXPECT_STREQ("message 1000", message.Text);
    EXPECT_EQ(0u, message.Lost);
    EXPECT_STATUS(STATUS_TIMEOUT, Take());
}

TEST_F(Debug, LongMessagesAreCut)
{
    std::string text(600, 'x');
    HostKeepDebugMessages(DPFLTR_WARNING_LEVEL);
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_WARNING_LEVEL, "%s\n", text.c_str());
    ASSERT_STATUS(STATUS_SUCCESS, Take());
    EXPECT_EQ(text.substr(0, HOST_DEBUG_MESSAGE_LENGTH - 1), message.Text);
}

TEST_F(Debug, FormatsAreTheKernels)
{
    DECLARE_CONST_UNICODE_STRING(wide, L"wide");
    PCSTR format = "%wZ %I64x\n"; /* a variable: the compiler for Linux would reject the format */
    HostKeepDebugMessages(DPFLTR_WARNING_LEVEL);
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_WARNING_LEVEL, format, &wide, 0x123456789ull);
    ASSERT_STATUS(STATUS_SUCCESS, Take());
    EXPECT_STREQ("wide 123456789", message.Text);
}

TEST_F(Debug, AnyIrqlWillDo)
{
    KIRQL before;
    HostKeepDebugMessages(DPFLTR_WARNING_LEVEL);
    KeRaiseIrql(HIGH_LEVEL, &before);
    Print(1);
    KeLowerIrql(before);
    EXPECT_STATUS(STATUS_SUCCESS, Take());
}

TEST_F(DebugDeath, WideCharactersAboveDispatchLevel)
{
    DECLARE_CONST_UNICODE_STRING(wide, L"wide");
    PCSTR format = "%wZ\n";
    HostKeepDebugMessages(DPFLTR_WARNING_LEVEL);
    EXPECT_DEATH(
        {
            KIRQL before;
            KeRaiseIrql(DISPATCH_LEVEL, &before);
            DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_WARNING_LEVEL, format, &wide);
        },
        "IRQL_NOT_LESS_OR_EQUAL.*\n.*wide characters");
}

TEST_F(Debug, AReaderWaits)
{
    ThreadNumber reader{0};
    HostKeepDebugMessages(DPFLTR_WARNING_LEVEL);
    std::thread writer([&] {
        EXPECT_TRUE(AwaitSleep(reader));
        Print(1);
    });
    reader = OwnThreadNumber();
    EXPECT_STATUS(STATUS_SUCCESS, Take(kPatience));
    writer.join();
}

/* Each message is taken once, or counted. */
TEST_F(Debug, ManyWritersAndAReader)
{
    constexpr int kWriters = 4;
    constexpr int kMessages = 5000;
    std::vector<std::thread> writers;
    std::atomic<int> done{0};
    HostKeepDebugMessages(DPFLTR_WARNING_LEVEL);
    for (int i = 0; i < kWriters; i++) {
        writers.emplace_back([&] {
            for (int number = 0; number < kMessages; number++) {
                Print(number);
            }
            done++;
        });
    }
    ULONG seen = 0;
    while (Take() == STATUS_SUCCESS || done < kWriters) {
        seen += message.Lost != 0 ? message.Lost : message.Text[0] != 0;
        message = {};
    }
    for (auto& writer : writers) {
        writer.join();
    }
    while (Take() == STATUS_SUCCESS) {
        seen += message.Lost != 0 ? message.Lost : 1;
    }
    EXPECT_EQ((ULONG)(kWriters * kMessages), seen);
}

} // namespace
