/* SPDX-License-Identifier: Apache-2.0
 *
 * ExAllocatePool2 and ExAllocatePool3: what their flags mean, and which they refuse.
 */
#include <iomanager.h>

#include <gtest/gtest.h>

constexpr ULONG kTag = 0x32747354;

static_assert(std::is_same_v<decltype(&ExAllocatePool2), PVOID (*)(POOL_FLAGS, SIZE_T, ULONG)>);

TEST(Pool2, IsZeroedUnlessAskedOtherwise)
{
    for (POOL_FLAGS kind : {POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED, POOL_FLAG_NON_PAGED_EXECUTE}) {
        UCHAR* memory = static_cast<UCHAR*>(ExAllocatePool2(kind, 500, kTag));
        ASSERT_NE(nullptr, memory);
        for (int i = 0; i < 500; i++) {
            ASSERT_EQ(0, memory[i]);
        }
        ExFreePoolWithTag(memory, kTag);
    }
    PVOID memory = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, 10, kTag);
    ASSERT_NE(nullptr, memory);
    ExFreePool(memory);
}

TEST(Pool2, CacheAligned)
{
    PVOID memory[5];
    for (PVOID& block : memory) {
        block = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_CACHE_ALIGNED, 40, kTag);
        EXPECT_EQ(0u, reinterpret_cast<ULONG_PTR>(block) % 64);
    }
    for (PVOID block : memory) {
        ExFreePoolWithTag(block, kTag);
    }
}

TEST(Pool2, RefusesWhatIsNotAllowed)
{
    EXPECT_EQ(nullptr, ExAllocatePool2(0, 10, kTag)) << "no kind";
    EXPECT_EQ(nullptr, ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_NON_PAGED, 10, kTag)) << "two kinds";
    EXPECT_EQ(nullptr, ExAllocatePool2(POOL_FLAG_PAGED | 0x10000, 10, kTag)) << "an unknown required flag";
    EXPECT_EQ(nullptr, ExAllocatePool2(POOL_FLAG_PAGED, 10, 0)) << "no tag";
    EXPECT_EQ(nullptr, ExAllocatePool2(POOL_FLAG_PAGED, 0, kTag)) << "no length";
    PVOID memory = ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_SPECIAL_POOL, 10, kTag);
    EXPECT_NE(nullptr, memory) << "optional flags may be unknown";
    ExFreePool(memory);
    HostFailAllocation(1, kTag);
    EXPECT_EQ(nullptr, ExAllocatePool2(POOL_FLAG_PAGED, 10, kTag));
}

TEST(Pool2, ExtendedParameters)
{
    POOL_EXTENDED_PARAMETER parameter = {};
    parameter.Type = PoolExtendedParameterPriority;
    parameter.Priority = HighPoolPriority;
    PVOID memory = ExAllocatePool3(POOL_FLAG_NON_PAGED, 10, kTag, &parameter, 1);
    ASSERT_NE(nullptr, memory);
    ExFreePool(memory);
    parameter.Type = PoolExtendedParameterSecurePool;
    EXPECT_EQ(nullptr, ExAllocatePool3(POOL_FLAG_NON_PAGED, 10, kTag, &parameter, 1));
    parameter.Optional = 1;
    memory = ExAllocatePool3(POOL_FLAG_NON_PAGED, 10, kTag, &parameter, 1);
    ASSERT_NE(nullptr, memory);
    ExFreePool(memory);
}

TEST(Pool2DeathTest, FailureThatWouldRaise)
{
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_RAISE_ON_FAILURE, 0, kTag),
                 "ExAllocatePool2 failed with POOL_FLAG_RAISE_ON_FAILURE");
}

TEST(Pool2DeathTest, PagedPoolAtDispatchLevel)
{
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            KIRQL irql;
            KeRaiseIrql(DISPATCH_LEVEL, &irql);
            ExAllocatePool2(POOL_FLAG_PAGED, 10, kTag);
        },
        "ExAllocatePool2");
}
