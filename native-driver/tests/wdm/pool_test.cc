/* SPDX-License-Identifier: Apache-2.0
 *
 * Pool: allocation, accounting, fault injection, and the mistakes that stop the system.
 */
#include "test_driver.h"

namespace {

constexpr ULONG kTag = 0x74736554; /* 'Test' */
constexpr ULONG kOther = 0x72687449;

class Pool : public ::testing::Test {
  protected:
    void SetUp() override
    {
        GTEST_FLAG_SET(death_test_style, "threadsafe");
    }
};

using PoolDeath = Pool;

TEST_F(Pool, BlocksAreAlignedAndCounted)
{
    HOST_ACCOUNTING before, during, after;
    HostQueryAccounting(&before);
    PVOID blocks[] = {ExAllocatePoolWithTag(NonPagedPoolNx, 1, kTag),
                      ExAllocatePoolZero(NonPagedPoolNx, 5000, kTag)};
    for (PVOID block : blocks) {
        ASSERT_NE(nullptr, block);
        EXPECT_EQ(0u, (ULONG_PTR)block % 16);
    }
    for (int i = 0; i < 5000; i++) {
        ASSERT_EQ(0, static_cast<char*>(blocks[1])[i]);
    }
    HostQueryAccounting(&during);
    EXPECT_EQ(before.PoolAllocations + 2, during.PoolAllocations);
    EXPECT_EQ(before.PoolBytes + 5001, during.PoolBytes);
    ExFreePoolWithTag(blocks[0], kTag);
    ExFreePool(blocks[1]);
    HostQueryAccounting(&after);
    EXPECT_EQ(before.PoolAllocations, after.PoolAllocations);
    EXPECT_EQ(before.PoolBytes, after.PoolBytes);
}

TEST_F(Pool, LeaksAreDescribedByTag)
{
    char text[1000];
    PVOID block = ExAllocatePoolWithTag(NonPagedPoolNx, 77, kTag);
    size_t needed = HostDescribeLeaks(text, sizeof(text));
    EXPECT_EQ(strlen(text), needed);
    EXPECT_NE(nullptr, strstr(text, "pool 'Test': 1 allocated, 77 bytes")) << text;
    EXPECT_EQ(needed, HostDescribeLeaks(text, 5));
    EXPECT_EQ(4u, strlen(text));
    ExFreePool(block);
}

TEST_F(Pool, TheNthAllocationFailsOnce)
{
    HostFailAllocation(2, kTag);
    PVOID first = ExAllocatePoolWithTag(NonPagedPoolNx, 1, kTag);
    PVOID other = ExAllocatePoolWithTag(NonPagedPoolNx, 1, kOther);
    EXPECT_EQ(nullptr, ExAllocatePoolWithTag(NonPagedPoolNx, 1, kTag));
    PVOID third = ExAllocatePoolWithTag(NonPagedPoolNx, 1, kTag);
    EXPECT_NE(nullptr, first);
    EXPECT_NE(nullptr, other);
    EXPECT_NE(nullptr, third);
    HostFailAllocation(1, 0);
    EXPECT_EQ(nullptr, IoAllocateIrp(1, FALSE));
    HostFailAllocation(1, 0);
    EXPECT_EQ(nullptr, IoAllocateMdl(first, 1, FALSE, FALSE, nullptr));
    HostFailAllocation(1, 0);
    HostFailAllocation(0, 0);
    PVOID fourth = ExAllocatePoolWithTag(NonPagedPoolNx, 1, kTag);
    EXPECT_NE(nullptr, fourth);
    for (PVOID block : {first, other, third, fourth}) {
        ExFreePool(block);
    }
}

TEST_F(Pool, ManyThreads)
{
    HOST_ACCOUNTING before, after;
    HostQueryAccounting(&before);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++) {
        threads.emplace_back([] {
            PVOID blocks[50] = {};
            for (int i = 0; i < 5000; i++) {
                PVOID& block = blocks[i % 50];
                if (block != nullptr) {
                    ExFreePoolWithTag(block, kTag);
                }
                block = ExAllocatePoolWithTag(NonPagedPoolNx, 1 + i % 300, kTag);
            }
            for (PVOID block : blocks) {
                ExFreePoolWithTag(block, kTag);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    HostQueryAccounting(&after);
    EXPECT_EQ(before.PoolAllocations, after.PoolAllocations);
}

TEST_F(PoolDeath, DoubleFree)
{
    EXPECT_DEATH(
        {
            PVOID block = ExAllocatePoolWithTag(NonPagedPoolNx, 100, kTag);
            ExFreePool(block);
            ExFreePool(block);
        },
        "BAD_POOL_CALLER.*\n.*freed already|AddressSanitizer: heap-use-after-free");
}

TEST_F(PoolDeath, WriteBehindTheBlock)
{
    EXPECT_DEATH(
        {
            volatile char* block = static_cast<char*>(ExAllocatePoolWithTag(NonPagedPoolNx, 10, kTag));
            block[10] = 1;
            ExFreePool(const_cast<char*>(block));
        },
        "BAD_POOL_HEADER.*\n.*byte 0 behind the block.*'Test', 10 bytes");
}

TEST_F(PoolDeath, WriteAfterFree)
{
    EXPECT_DEATH(
        {
            volatile char* block = static_cast<char*>(ExAllocatePoolWithTag(NonPagedPoolNx, 100, kTag));
            ExFreePool(const_cast<char*>(block));
            block[50] = 1;
            for (int i = 0; i < 100; i++) {
                ExFreePool(ExAllocatePoolWithTag(NonPagedPoolNx, 100, kTag));
            }
        },
        "BAD_POOL_HEADER.*\n.*after the block was freed|AddressSanitizer: heap-use-after-free");
}

TEST_F(PoolDeath, WrongTag)
{
    EXPECT_DEATH(ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPoolNx, 10, kTag), kOther),
                 "BAD_POOL_CALLER.*\n.*tag 'Ithr'.*tag 'Test'");
}

TEST_F(PoolDeath, FreeOfSomethingElse)
{
    alignas(16) static char bytes[200];
    EXPECT_DEATH(ExFreePool(bytes + 96), "BAD_POOL_CALLER");
    EXPECT_DEATH(ExFreePool(nullptr), "BAD_POOL_CALLER");
    EXPECT_DEATH(ExFreePool(IoAllocateIrp(1, FALSE)), "BAD_POOL_CALLER");
}

TEST_F(PoolDeath, PagedPoolAtDispatchLevel)
{
    EXPECT_DEATH(
        {
            KfRaiseIrql(DISPATCH_LEVEL);
            ExAllocatePoolWithTag(PagedPool, 10, kTag);
        },
        "IRQL_NOT_LESS_OR_EQUAL.*\n.*ExAllocatePoolWithTag was called at IRQL 2");
}

TEST_F(PoolDeath, NothingToAllocate)
{
    EXPECT_DEATH(ExAllocatePoolWithTag(NonPagedPoolNx, 0, kTag), "BAD_POOL_CALLER");
    EXPECT_DEATH(ExAllocatePoolWithTag(NonPagedPoolNx, 1, 0), "BAD_POOL_CALLER");
}

} // namespace
