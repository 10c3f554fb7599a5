/* SPDX-License-Identifier: Apache-2.0
 *
 * Sequenced singly linked lists. On Windows they are changed with one 16-byte exchange, which reads an entry
 * that another thread may just have popped and freed. Here a lock makes each change instead, so that the
 * checkers of threads and of memory see what drivers do and not what the list does.
 */
#include "wdmp.h"

#define LOCKS 64

static struct {
    HOST_LOCK Lock;
} DECLSPEC_CACHEALIGN Locks[LOCKS];

static PHOST_LOCK LockOf(PSLIST_HEADER Head)
{
    return &Locks[((ULONG_PTR)Head >> 4) % LOCKS].Lock;
}

static DECLSPEC_NOINLINE void CheckAlignment(const void* Address, const char* What)
{
    if ((ULONG_PTR)Address % MEMORY_ALLOCATION_ALIGNMENT != 0) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Address, 0, 0, 0,
                     "The %s of an SLIST at %p is not aligned to 16 bytes.", What, Address);
    }
}

static PSLIST_ENTRY First(PSLIST_HEADER Head)
{
    return (PSLIST_ENTRY)(ULONG_PTR)(Head->HeaderX64.NextEntry << 4);
}

/* The header's lock is held. */
static void Change(PSLIST_HEADER Head, PSLIST_ENTRY NewFirst, ULONG Depth)
{
    Head->HeaderX64.Depth = Depth & MAXUSHORT;
    Head->HeaderX64.Sequence++;
    Head->HeaderX64.NextEntry = (ULONG_PTR)NewFirst >> 4;
}

void InitializeSListHead(PSLIST_HEADER SListHead)
{
    CheckAlignment(SListHead, "header");
    memset(SListHead, 0, sizeof(*SListHead));
}

USHORT ExQueryDepthSList(PSLIST_HEADER SListHead)
{
    HostAcquireLock(LockOf(SListHead));
    USHORT Depth = (USHORT)SListHead->HeaderX64.Depth;
    HostReleaseLock(LockOf(SListHead));
    return Depth;
}

PSLIST_ENTRY ExpInterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry)
{
    CheckAlignment(ListEntry, "entry");
    HostAcquireLock(LockOf(ListHead));
    PSLIST_ENTRY Previous = First(ListHead);
    ListEntry->Next = Previous;
    Change(ListHead, ListEntry, ListHead->HeaderX64.Depth + 1);
    HostReleaseLock(LockOf(ListHead));
    return Previous;
}

PSLIST_ENTRY ExpInterlockedPopEntrySList(PSLIST_HEADER ListHead)
{
    HostAcquireLock(LockOf(ListHead));
    PSLIST_ENTRY Top = First(ListHead);
    if (Top != NULL) {
        Change(ListHead, Top->Next, ListHead->HeaderX64.Depth - 1);
    }
    HostReleaseLock(LockOf(ListHead));
    return Top;
}

PSLIST_ENTRY ExpInterlockedFlushSList(PSLIST_HEADER ListHead)
{
    HostAcquireLock(LockOf(ListHead));
    PSLIST_ENTRY Top = First(ListHead);
    Change(ListHead, NULL, 0);
    HostReleaseLock(LockOf(ListHead));
    return Top;
}
