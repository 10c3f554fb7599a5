/* SPDX-License-Identifier: Apache-2.0
 *
 * Pool, and the tracked allocations on which pool, IRPs, MDLs and work items are built.
 *
 * Every block has a header with its owner and a guard behind it, and is in one of a few lists so that leaks
 * can be named. Freed small blocks are overwritten and kept back for a while, so that a double free or a late
 * write is noticed. Under AddressSanitizer blocks go straight to free(), which catches more.
 */
#include "wdmp.h"

#define SHARDS            8
#define GUARD_SIZE        16
#define GUARD_BYTE        0xFD
#define MAGIC_LIVE        0x4C4F4F504556494CULL
#define MAGIC_FREED       0x4C4F4F5044454552ULL
#define QUARANTINE_BLOCKS 32
#define QUARANTINE_LIMIT  1024

typedef struct _BLOCK {
    LIST_ENTRY Link; /* shard's list of live blocks, under the shard's lock */
    PHOST_DRIVER Driver;
    PVOID Caller;
    ULONGLONG Sequence;
    SIZE_T Length;
    ULONG Tag;
    UCHAR Kind;
    UCHAR Shard;
    USHORT Reserved;
    ULONGLONG Magic;
} BLOCK, *PBLOCK;
C_ASSERT(sizeof(BLOCK) == 64);

typedef struct _SHARD {
    HOST_LOCK Lock; /* protects everything here */
    BOOLEAN Initialized;
    LIST_ENTRY Live;
    ULONGLONG Count[HostKindCount];
    ULONGLONG Bytes[HostKindCount];
    PBLOCK Quarantine[QUARANTINE_BLOCKS];
    ULONG QuarantineNext;
} DECLSPEC_CACHEALIGN SHARD, *PSHARD;

static const UCHAR FreedBytes[QUARANTINE_LIMIT] = {[0 ... QUARANTINE_LIMIT - 1] = HOST_FREED_BYTE};
static const UCHAR GuardBytes[GUARD_SIZE] = {[0 ... GUARD_SIZE - 1] = GUARD_BYTE};
static SHARD Shards[SHARDS];
static ULONG NextShard;
static ULONGLONG NextSequence;
ULONG HostFailCountdown;
static ULONG FailTag;

/* ---- fault injection --------------------------------------------------------------------------------- */

void HostFailAllocation(ULONG Nth, ULONG Tag)
{
    __atomic_store_n(&FailTag, Tag, __ATOMIC_RELAXED);
    __atomic_store_n(&HostFailCountdown, Nth, __ATOMIC_RELEASE);
}

BOOLEAN HostFailNowSlow(ULONG Tag)
{
    ULONG Count = __atomic_load_n(&HostFailCountdown, __ATOMIC_ACQUIRE);
    ULONG Wanted = __atomic_load_n(&FailTag, __ATOMIC_RELAXED);
    if (Wanted != 0 && Wanted != Tag) {
        return FALSE;
    }
    while (Count != 0) {
        if (__atomic_compare_exchange_n(&HostFailCountdown, &Count, Count - 1, FALSE, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            return (BOOLEAN)(Count == 1);
        }
    }
    return FALSE;
}

/* ---- tracked blocks ---------------------------------------------------------------------------------- */

static PSHARD LockShard(ULONG Index)
{
    PSHARD Shard = &Shards[Index];
    HostAcquireLock(&Shard->Lock);
    if (!Shard->Initialized) {
        InitializeListHead(&Shard->Live);
        Shard->Initialized = TRUE;
    }
    return Shard;
}

static ULONG CurrentShard(void)
{
    if (HostThread.Shard == 0) {
        HostThread.Shard = 1 + __atomic_fetch_add(&NextShard, 1, __ATOMIC_RELAXED) % SHARDS;
    }
    return HostThread.Shard - 1;
}

static PUCHAR GuardOf(PBLOCK Block)
{
    return (PUCHAR)(Block + 1) + Block->Length;
}

static void PrintTag(ULONG Tag, char Text[5])
{
    for (int i = 0; i < 4; i++) {
        UCHAR Byte = (UCHAR)(Tag >> (8 * i));
        Text[i] = Byte >= 0x20 && Byte < 0x7F ? (char)Byte : '.';
    }
    Text[4] = 0;
}

/* The header's size is such that an aligned block gives the caller aligned memory. */
static PBLOCK AllocateBlock(SIZE_T Length, BOOLEAN CacheAligned)
{
    PVOID Block = NULL;
    SIZE_T Size = sizeof(BLOCK) + Length + GUARD_SIZE;
    if (!CacheAligned) {
        return malloc(Size);
    }
    return posix_memalign(&Block, SYSTEM_CACHE_ALIGNMENT_SIZE, Size) == 0 ? Block : NULL;
}

static PVOID Allocate(HOST_KIND Kind, SIZE_T Length, ULONG Tag, PVOID Caller, BOOLEAN CacheAligned)
{
    if (HostFailNow(Tag) || Length > MAXLONGLONG - sizeof(BLOCK) - GUARD_SIZE) {
        return NULL;
    }
    PBLOCK Block = AllocateBlock(Length, CacheAligned);
    if (Block == NULL) {
        return NULL;
    }
    Block->Driver = HostThread.Driver;
    Block->Caller = Caller;
    Block->Sequence = __atomic_fetch_add(&NextSequence, 1, __ATOMIC_RELAXED);
    Block->Length = Length;
    Block->Tag = Tag;
    Block->Kind = (UCHAR)Kind;
    Block->Shard = (UCHAR)CurrentShard();
    Block->Magic = MAGIC_LIVE;
    memset(GuardOf(Block), GUARD_BYTE, GUARD_SIZE);

    PSHARD Shard = LockShard(Block->Shard);
    InsertTailList(&Shard->Live, &Block->Link);
    Shard->Count[Kind]++;
    Shard->Bytes[Kind] += Length;
    HostReleaseLock(&Shard->Lock);
    return Block + 1;
}

PVOID HostAllocate(HOST_KIND Kind, SIZE_T Length, ULONG Tag, PVOID Caller)
{
    return Allocate(Kind, Length, Tag, Caller, FALSE);
}

static void CheckGuard(PBLOCK Block, const char* Function)
{
    char Tag[5];
    if (HOST_LIKELY(memcmp(GuardOf(Block), GuardBytes, GUARD_SIZE) == 0)) {
        return;
    }
    SIZE_T Intact = RtlCompareMemory(GuardOf(Block), GuardBytes, GUARD_SIZE);
    PrintTag(Block->Tag, Tag);
    HostBugcheck(BAD_POOL_HEADER, (ULONG_PTR)(Block + 1), Block->Length, Block->Tag, Intact,
                 "%s: byte %zu behind the block %p (tag '%s', %zu bytes) was overwritten.", Function, Intact,
                 (void*)(Block + 1), Tag, Block->Length);
}

void HostVerify(HOST_KIND Kind, PVOID Memory, const char* Function)
{
    PBLOCK Block = (PBLOCK)Memory - 1;
    if (Block->Magic == MAGIC_FREED) {
        HostBugcheck(BAD_POOL_CALLER, 7, Block->Tag, Block->Length, (ULONG_PTR)Memory,
                     "%s was given %p, which has been freed already.", Function, Memory);
    }
    if (Block->Magic != MAGIC_LIVE || Block->Kind != Kind) {
        HostBugcheck(BAD_POOL_CALLER, 0x46, 0, 0, (ULONG_PTR)Memory,
                     "%s was given %p, which the matching allocation routine never returned.", Function,
                     Memory);
    }
    CheckGuard(Block, Function);
}

static void CheckQuarantined(PBLOCK Block)
{
    char Tag[5];
    if (HOST_LIKELY(memcmp(Block + 1, FreedBytes, Block->Length) == 0)) {
        return;
    }
    SIZE_T Intact = RtlCompareMemory(Block + 1, FreedBytes, Block->Length);
    PrintTag(Block->Tag, Tag);
    HostBugcheck(BAD_POOL_HEADER, (ULONG_PTR)(Block + 1), Block->Length, Block->Tag, Intact,
                 "Byte %zu of the block %p (tag '%s', %zu bytes) was written after the block was freed.",
                 Intact, (void*)(Block + 1), Tag, Block->Length);
}

void HostFree(HOST_KIND Kind, PVOID Memory, const char* Function)
{
    HostVerify(Kind, Memory, Function);
    PBLOCK Block = (PBLOCK)Memory - 1;
    PBLOCK Old = Block;
    BOOLEAN Keep = (BOOLEAN)(!HOST_ADDRESS_SANITIZER && Block->Length <= QUARANTINE_LIMIT);

    PSHARD Shard = LockShard(Block->Shard);
    if (Block->Magic != MAGIC_LIVE) {
        HostReleaseLock(&Shard->Lock);
        HostVerify(Kind, Memory, Function);
    }
    Block->Magic = MAGIC_FREED;
    RemoveEntryList(&Block->Link);
    Shard->Count[Kind]--;
    Shard->Bytes[Kind] -= Block->Length;
    if (Keep) {
        memset(Memory, HOST_FREED_BYTE, Block->Length);
        ULONG Slot = Shard->QuarantineNext++ % QUARANTINE_BLOCKS;
        Old = Shard->Quarantine[Slot];
        Shard->Quarantine[Slot] = Block;
    }
    HostReleaseLock(&Shard->Lock);
    if (Keep && Old != NULL) {
        CheckQuarantined(Old);
    }
    free(Old);
}

void HostVisitAllocations(void (*Visit)(const HOST_ALLOCATION_INFO* Info, PVOID Context), PVOID Context)
{
    for (ULONG i = 0; i < SHARDS; i++) {
        PSHARD Shard = LockShard(i);
        for (PLIST_ENTRY Entry = Shard->Live.Flink; Entry != &Shard->Live; Entry = Entry->Flink) {
            PBLOCK Block = CONTAINING_RECORD(Entry, BLOCK, Link);
            HOST_ALLOCATION_INFO Details = {(HOST_KIND)Block->Kind, Block->Tag,    Block->Length,
                                            Block->Sequence,        Block->Driver, Block->Caller};
            Visit(&Details, Context);
        }
        HostReleaseLock(&Shard->Lock);
    }
}

void HostCountAllocations(ULONGLONG Count[HostKindCount], ULONGLONG Bytes[HostKindCount])
{
    for (ULONG i = 0; i < SHARDS; i++) {
        PSHARD Shard = LockShard(i);
        for (int Kind = 0; Kind < HostKindCount; Kind++) {
            Count[Kind] += Shard->Count[Kind];
            Bytes[Kind] += Shard->Bytes[Kind];
        }
        HostReleaseLock(&Shard->Lock);
    }
}

ULONGLONG HostAllocationSequence(void)
{
    return __atomic_load_n(&NextSequence, __ATOMIC_RELAXED);
}

/* ---- pool -------------------------------------------------------------------------------------------- */

PVOID ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    HOST_MAX_IRQL(PoolType == PagedPool ? APC_LEVEL : DISPATCH_LEVEL);
    if (NumberOfBytes == 0 || Tag == 0) {
        HostBugcheck(BAD_POOL_CALLER, 0x9B, (ULONG_PTR)PoolType, NumberOfBytes, Tag,
                     "ExAllocatePoolWithTag was called with %s.", Tag == 0 ? "no tag" : "a length of 0");
    }
    return HostAllocate(HostKindPool, NumberOfBytes, Tag, __builtin_return_address(0));
}

#define POOL_FLAGS_KINDS (POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED)
#define POOL_FLAGS_KNOWN                                                                                     \
    (POOL_FLAGS_KINDS | POOL_FLAG_USE_QUOTA | POOL_FLAG_UNINITIALIZED | POOL_FLAG_SESSION |                  \
     POOL_FLAG_CACHE_ALIGNED | POOL_FLAG_RAISE_ON_FAILURE)

/* Exactly one kind of pool, and of the flags below POOL_FLAG_OPTIONAL_START only known ones. */
static BOOLEAN ArePoolFlagsValid(POOL_FLAGS Flags)
{
    POOL_FLAGS Kind = Flags & POOL_FLAGS_KINDS;
    return (BOOLEAN)(Kind != 0 && (Kind & (Kind - 1)) == 0 &&
                     ((Flags & ~POOL_FLAGS_KNOWN) & (POOL_FLAG_OPTIONAL_START - 1)) == 0);
}

static PVOID AllocateByFlags(POOL_FLAGS Flags, SIZE_T Length, ULONG Tag, PVOID Caller, const char* Function)
{
    PVOID Memory = NULL;
    if (Tag != 0 && Length != 0 && ArePoolFlagsValid(Flags)) {
        Memory = Allocate(HostKindPool, Length, Tag, Caller, (Flags & POOL_FLAG_CACHE_ALIGNED) != 0);
    }
    if (Memory != NULL && (Flags & POOL_FLAG_UNINITIALIZED) == 0) {
        memset(Memory, 0, Length);
    }
    if (Memory == NULL && (Flags & POOL_FLAG_RAISE_ON_FAILURE)) {
        HostBugcheck(BAD_POOL_CALLER, 0x9B, (ULONG_PTR)Flags, Length, Tag,
                     "%s failed with POOL_FLAG_RAISE_ON_FAILURE, and there are no exceptions here.",
                     Function);
    }
    return Memory;
}

PVOID ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag)
{
    HOST_MAX_IRQL((Flags & POOL_FLAG_PAGED) ? APC_LEVEL : DISPATCH_LEVEL);
    return AllocateByFlags(Flags, NumberOfBytes, Tag, __builtin_return_address(0), __func__);
}

/* Priority and NUMA node make no difference here. There is no secure pool. */
static BOOLEAN ArePoolParametersValid(PCPOOL_EXTENDED_PARAMETER Parameters, ULONG Count)
{
    for (ULONG i = 0; i < Count; i++) {
        if (!Parameters[i].Optional && Parameters[i].Type != PoolExtendedParameterPriority &&
            Parameters[i].Type != PoolExtendedParameterNumaNode) {
            return FALSE;
        }
    }
    return TRUE;
}

PVOID ExAllocatePool3(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag,
                      PCPOOL_EXTENDED_PARAMETER ExtendedParameters, ULONG ExtendedParametersCount)
{
    HOST_MAX_IRQL((Flags & POOL_FLAG_PAGED) ? APC_LEVEL : DISPATCH_LEVEL);
    SIZE_T Length = ArePoolParametersValid(ExtendedParameters, ExtendedParametersCount) ? NumberOfBytes : 0;
    return AllocateByFlags(Flags, Length, Tag, __builtin_return_address(0), __func__);
}

void ExFreePoolWithTag(PVOID P, ULONG Tag)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    if (P == NULL) {
        HostBugcheck(BAD_POOL_CALLER, 0x46, 0, 0, 0, "ExFreePool was called with NULL.");
    }
    HostVerify(HostKindPool, P, __func__);
    PBLOCK Block = (PBLOCK)P - 1;
    if (Tag != 0 && Tag != Block->Tag) {
        char Wrong[5];
        char Right[5];
        PrintTag(Tag, Wrong);
        PrintTag(Block->Tag, Right);
        HostBugcheck(BAD_POOL_CALLER, 0xA, (ULONG_PTR)P, Block->Tag, Tag,
                     "ExFreePoolWithTag was called with tag '%s' for a block allocated with tag '%s'.", Wrong,
                     Right);
    }
    HostCheckMemoryNotLent(P, Block->Length, __func__);
    HostFree(HostKindPool, P, __func__);
}

void ExFreePool(PVOID P)
{
    ExFreePoolWithTag(P, 0);
}
