/* SPDX-License-Identifier: Apache-2.0
 *
 * Sequenced singly linked lists.
 */
#include <iomanager.h>

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

static_assert(
    std::is_same_v<decltype(&ExpInterlockedPushEntrySList), PSLIST_ENTRY (*)(PSLIST_HEADER, PSLIST_ENTRY)>);
static_assert(std::is_same_v<decltype(&ExQueryDepthSList), USHORT (*)(PSLIST_HEADER)>);
static_assert(sizeof(SLIST_HEADER) == 16 && alignof(SLIST_HEADER) == 16 && alignof(SLIST_ENTRY) == 16);

TEST(SList, LastInFirstOut)
{
    SLIST_HEADER head;
    SLIST_ENTRY entries[3];
    ExInitializeSListHead(&head);
    EXPECT_EQ(nullptr, InterlockedPopEntrySList(&head));
    EXPECT_EQ(nullptr, InterlockedPushEntrySList(&head, &entries[0]));
    EXPECT_EQ(&entries[0], InterlockedPushEntrySList(&head, &entries[1]));
    EXPECT_EQ(2, ExQueryDepthSList(&head));
    EXPECT_EQ(&entries[1], InterlockedPopEntrySList(&head));
    EXPECT_EQ(&entries[0], InterlockedPushEntrySList(&head, &entries[2]));
    PSLIST_ENTRY all = InterlockedFlushSList(&head);
    EXPECT_EQ(&entries[2], all);
    EXPECT_EQ(&entries[0], all->Next);
    EXPECT_EQ(nullptr, all->Next->Next);
    EXPECT_EQ(0, ExQueryDepthSList(&head));
    EXPECT_EQ(nullptr, InterlockedFlushSList(&head));
}

TEST(SList, HeaderIsAsOnWindows)
{
    SLIST_HEADER head;
    SLIST_ENTRY entry;
    ExInitializeSListHead(&head);
    InterlockedPushEntrySList(&head, &entry);
    EXPECT_EQ(1u, head.HeaderX64.Depth);
    EXPECT_EQ(reinterpret_cast<ULONG_PTR>(&entry), head.Region & ~ULONG_PTR(15));
}

TEST(SList, ThreadsNeitherLoseNorDoubleEntries)
{
    constexpr int kThreads = 4, kEach = 20000;
    struct Item {
        SLIST_ENTRY Link;
        int Owner; /* written by whoever popped it */
    };
    std::vector<Item> items(64);
    SLIST_HEADER head;
    std::atomic<long> popped{0};
    ExInitializeSListHead(&head);
    for (Item& item : items) {
        InterlockedPushEntrySList(&head, &item.Link);
    }
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; t++) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < kEach; i++) {
                PSLIST_ENTRY entry = InterlockedPopEntrySList(&head);
                if (entry != nullptr) {
                    CONTAINING_RECORD(entry, Item, Link)->Owner = t;
                    popped++;
                    InterlockedPushEntrySList(&head, entry);
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(items.size(), ExQueryDepthSList(&head));
    EXPECT_GT(popped.load(), 0);
    size_t count = 0;
    for (PSLIST_ENTRY entry = InterlockedFlushSList(&head); entry != nullptr; entry = entry->Next) {
        count++;
    }
    EXPECT_EQ(items.size(), count);
}

TEST(SListDeathTest, UnalignedEntry)
{
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    alignas(16) char memory[64];
    EXPECT_DEATH(
        {
            SLIST_HEADER head;
            ExInitializeSListHead(&head);
            InterlockedPushEntrySList(&head, reinterpret_cast<PSLIST_ENTRY>(memory + 8));
        },
        "entry of an SLIST at 0x[0-9a-f]+ is not aligned");
}
