/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookaside lists: entries are reused, the driver's functions are called when the list is empty or full, and
 * deleting a list frees its entries.
 */
#include <iomanager.h>

#include <gtest/gtest.h>

#include <set>

#include "status.h"

constexpr ULONG kTag = 0x6b6f6f4c;

static_assert(std::is_same_v<decltype(&ExInitializeLookasideListEx),
                             NTSTATUS (*)(PLOOKASIDE_LIST_EX, PALLOCATE_FUNCTION_EX, PFREE_FUNCTION_EX,
                                          POOL_TYPE, ULONG, SIZE_T, ULONG, USHORT)>);

namespace {

int Allocations;
int Frees;
POOL_TYPE SeenType;
PLOOKASIDE_LIST_EX SeenList;

PVOID OwnAllocateEx(POOL_TYPE type, SIZE_T bytes, ULONG tag, PLOOKASIDE_LIST_EX list)
{
    Allocations++;
    SeenType = type;
    SeenList = list;
    return ExAllocatePoolWithTag(NonPagedPoolNx, bytes, tag);
}

void OwnFreeEx(PVOID buffer, PLOOKASIDE_LIST_EX list)
{
    Frees++;
    SeenList = list;
    ExFreePoolWithTag(buffer, kTag);
}

PVOID OwnAllocate(POOL_TYPE type, SIZE_T bytes, ULONG tag)
{
    Allocations++;
    SeenType = type;
    return ExAllocatePoolWithTag(NonPagedPoolNx, bytes, tag);
}

void OwnFree(PVOID buffer)
{
    Frees++;
    ExFreePoolWithTag(buffer, kTag);
}

} // namespace

class Lookaside : public ::testing::Test {
  protected:
    void SetUp() override
    {
        Allocations = Frees = 0;
        SeenList = nullptr;
    }
};

TEST_F(Lookaside, EntriesAreUsedAgain)
{
    LOOKASIDE_LIST_EX list;
    ASSERT_STATUS(STATUS_SUCCESS,
                  ExInitializeLookasideListEx(&list, nullptr, nullptr, NonPagedPoolNx, 0, 40, kTag, 0));
    PVOID first = ExAllocateFromLookasideListEx(&list);
    ASSERT_NE(nullptr, first);
    memset(first, 1, 40);
    ExFreeToLookasideListEx(&list, first);
    EXPECT_EQ(first, ExAllocateFromLookasideListEx(&list));
    EXPECT_EQ(2u, list.L.TotalAllocates);
    EXPECT_EQ(1u, list.L.AllocateMisses);
    ExFreePoolWithTag(first, kTag); /* stops unless it was allocated from pool with this tag */
    ExDeleteLookasideListEx(&list);
}

TEST_F(Lookaside, CallsTheDriversFunctionsForWhatTheListHasNot)
{
    LOOKASIDE_LIST_EX list;
    std::set<PVOID> entries;
    ASSERT_STATUS(STATUS_SUCCESS,
                  ExInitializeLookasideListEx(&list, OwnAllocateEx, OwnFreeEx, PagedPool,
                                              EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE, 1, kTag, 0));
    for (int i = 0; i < 300; i++) {
        entries.insert(ExAllocateFromLookasideListEx(&list));
    }
    EXPECT_EQ(300u, entries.size());
    EXPECT_EQ(300, Allocations);
    EXPECT_EQ(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE, static_cast<int>(SeenType));
    EXPECT_EQ(&list, SeenList);
    for (PVOID entry : entries) {
        ExFreeToLookasideListEx(&list, entry);
    }
    EXPECT_GT(Frees, 0) << "no list grows without end";
    EXPECT_LT(Frees, 300) << "it keeps some";
    ExFlushLookasideListEx(&list);
    EXPECT_EQ(300, Frees);
    ExFreeToLookasideListEx(&list, ExAllocateFromLookasideListEx(&list));
    EXPECT_EQ(300, Frees);
    ExDeleteLookasideListEx(&list);
    EXPECT_EQ(301, Frees);
}

TEST_F(Lookaside, RefusesTypesAndFlags)
{
    LOOKASIDE_LIST_EX list;
    EXPECT_EQ(
        STATUS_INVALID_PARAMETER_4,
        ExInitializeLookasideListEx(&list, nullptr, nullptr, static_cast<POOL_TYPE>(77), 0, 40, kTag, 0));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER_5,
                  ExInitializeLookasideListEx(&list, nullptr, nullptr, NonPagedPoolNx, 3, 40, kTag, 0))
        << "both flags";
    EXPECT_STATUS(STATUS_INVALID_PARAMETER_5,
                  ExInitializeLookasideListEx(&list, nullptr, nullptr, NonPagedPoolNx, 4, 40, kTag, 0));
}

TEST_F(Lookaside, WithoutMemoryItIsNullOrAnException)
{
    LOOKASIDE_LIST_EX list;
    ASSERT_STATUS(STATUS_SUCCESS,
                  ExInitializeLookasideListEx(&list, nullptr, nullptr, NonPagedPoolNx, 0, 40, kTag, 0));
    HostFailAllocation(1, kTag);
    EXPECT_EQ(nullptr, ExAllocateFromLookasideListEx(&list));
    ExDeleteLookasideListEx(&list);
    ASSERT_STATUS(STATUS_SUCCESS,
                  ExInitializeLookasideListEx(&list, nullptr, nullptr, NonPagedPoolNx,
                                              EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL, 40, kTag, 0));
    EXPECT_DEATH(
        {
            HostFailAllocation(1, kTag);
            ExAllocateFromLookasideListEx(&list);
        },
        "Exception 0xc000009a was raised outside every __try");
    ExDeleteLookasideListEx(&list);
}

TEST_F(Lookaside, ListsOfOneKindOfPool)
{
    NPAGED_LOOKASIDE_LIST nonPaged;
    PAGED_LOOKASIDE_LIST paged;
    ExInitializeNPagedLookasideList(&nonPaged, OwnAllocate, OwnFree, POOL_NX_ALLOCATION, 100, kTag, 0);
    ExInitializePagedLookasideList(&paged, OwnAllocate, OwnFree, 0, 100, kTag, 0);
    PVOID entry = ExAllocateFromNPagedLookasideList(&nonPaged);
    EXPECT_EQ(NonPagedPoolNx, SeenType);
    ExFreeToNPagedLookasideList(&nonPaged, entry);
    EXPECT_EQ(entry, ExAllocateFromNPagedLookasideList(&nonPaged));
    ExFreeToNPagedLookasideList(&nonPaged, entry);
    PVOID other = ExAllocateFromPagedLookasideList(&paged);
    EXPECT_EQ(PagedPool, SeenType);
    ExFreeToPagedLookasideList(&paged, other);
    EXPECT_EQ(2, Allocations);
    EXPECT_EQ(0, Frees);
    ExDeleteNPagedLookasideList(&nonPaged);
    ExDeletePagedLookasideList(&paged);
    EXPECT_EQ(2, Frees);
}
