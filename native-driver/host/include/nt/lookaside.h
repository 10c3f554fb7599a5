/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookaside lists: freed blocks of one size, kept for the next allocations. IRQL <= DISPATCH_LEVEL, for paged
 * entries APC_LEVEL. A list must be deleted before its memory is freed; entries in use at that time are
 * leaks.
 */
#ifndef NT_LOOKASIDE_H
#define NT_LOOKASIDE_H

#include <nt/slist.h>

EXTERN_C_START

typedef struct _LOOKASIDE_LIST_EX* PLOOKASIDE_LIST_EX;

typedef PVOID NTAPI ALLOCATE_FUNCTION(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
typedef ALLOCATE_FUNCTION* PALLOCATE_FUNCTION;
typedef PVOID NTAPI ALLOCATE_FUNCTION_EX(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                         PLOOKASIDE_LIST_EX Lookaside);
typedef ALLOCATE_FUNCTION_EX* PALLOCATE_FUNCTION_EX;
typedef void NTAPI FREE_FUNCTION(PVOID Buffer);
typedef FREE_FUNCTION* PFREE_FUNCTION;
typedef void NTAPI FREE_FUNCTION_EX(PVOID Buffer, PLOOKASIDE_LIST_EX Lookaside);
typedef FREE_FUNCTION_EX* PFREE_FUNCTION_EX;

/* For FLAGS of ExInitializeNPagedLookasideList and ExInitializePagedLookasideList, and in the pool type
 * passed to a driver's allocation function. */
#define POOL_QUOTA_FAIL_INSTEAD_OF_RAISE 8
#define POOL_RAISE_IF_ALLOCATION_FAILURE 16
#define POOL_NX_ALLOCATION               512

#define EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL 0x00000001UL
#define EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE 0x00000002UL

#define GENERAL_LOOKASIDE_FIELDS_                                                                            \
    union {                                                                                                  \
        SLIST_HEADER ListHead;                                                                               \
        SINGLE_LIST_ENTRY SingleListHead;                                                                    \
    };                                                                                                       \
    USHORT Depth;                                                                                            \
    USHORT MaximumDepth;                                                                                     \
    ULONG TotalAllocates;                                                                                    \
    union {                                                                                                  \
        ULONG AllocateMisses;                                                                                \
        ULONG AllocateHits;                                                                                  \
    };                                                                                                       \
    ULONG TotalFrees;                                                                                        \
    union {                                                                                                  \
        ULONG FreeMisses;                                                                                    \
        ULONG FreeHits;                                                                                      \
    };                                                                                                       \
    POOL_TYPE Type;                                                                                          \
    ULONG Tag;                                                                                               \
    ULONG Size;                                                                                              \
    union {                                                                                                  \
        PALLOCATE_FUNCTION_EX AllocateEx;                                                                    \
        PALLOCATE_FUNCTION Allocate;                                                                         \
    };                                                                                                       \
    union {                                                                                                  \
        PFREE_FUNCTION_EX FreeEx;                                                                            \
        PFREE_FUNCTION Free;                                                                                 \
    };                                                                                                       \
    LIST_ENTRY ListEntry;                                                                                    \
    ULONG LastTotalAllocates;                                                                                \
    union {                                                                                                  \
        ULONG LastAllocateMisses;                                                                            \
        ULONG LastAllocateHits;                                                                              \
    };                                                                                                       \
    ULONG Future[2];

typedef struct _GENERAL_LOOKASIDE_POOL {
    GENERAL_LOOKASIDE_FIELDS_
} GENERAL_LOOKASIDE_POOL, *PGENERAL_LOOKASIDE_POOL;
NT_ASSERT_SIZE(GENERAL_LOOKASIDE_POOL, 96);
NT_ASSERT_OFFSET(GENERAL_LOOKASIDE_POOL, Depth, 16);
NT_ASSERT_OFFSET(GENERAL_LOOKASIDE_POOL, Type, 36);
NT_ASSERT_OFFSET(GENERAL_LOOKASIDE_POOL, AllocateEx, 48);
NT_ASSERT_OFFSET(GENERAL_LOOKASIDE_POOL, ListEntry, 64);

typedef struct DECLSPEC_ALIGN(64) _GENERAL_LOOKASIDE {
    GENERAL_LOOKASIDE_FIELDS_
} GENERAL_LOOKASIDE, *PGENERAL_LOOKASIDE;

typedef struct _LOOKASIDE_LIST_EX {
    GENERAL_LOOKASIDE_POOL L;
} LOOKASIDE_LIST_EX;
NT_ASSERT_SIZE(LOOKASIDE_LIST_EX, 96);

typedef struct _NPAGED_LOOKASIDE_LIST {
    GENERAL_LOOKASIDE L;
} NPAGED_LOOKASIDE_LIST, *PNPAGED_LOOKASIDE_LIST;
NT_ASSERT_SIZE(NPAGED_LOOKASIDE_LIST, 128);

typedef struct _PAGED_LOOKASIDE_LIST {
    GENERAL_LOOKASIDE L;
} PAGED_LOOKASIDE_LIST, *PPAGED_LOOKASIDE_LIST;
NT_ASSERT_SIZE(PAGED_LOOKASIDE_LIST, 128);

/* STATUS_INVALID_PARAMETER_4: PoolType; STATUS_INVALID_PARAMETER_5: Flags. Depth is 0. */
NTKERNELAPI NTSTATUS NTAPI ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX Lookaside,
                                                       PALLOCATE_FUNCTION_EX Allocate, PFREE_FUNCTION_EX Free,
                                                       POOL_TYPE PoolType, ULONG Flags, SIZE_T Size,
                                                       ULONG Tag, USHORT Depth);
NTKERNELAPI void NTAPI ExDeleteLookasideListEx(PLOOKASIDE_LIST_EX Lookaside);
NTKERNELAPI void NTAPI ExFlushLookasideListEx(PLOOKASIDE_LIST_EX Lookaside);
NTKERNELAPI void NTAPI ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside,
                                                       PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                                       ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth);
NTKERNELAPI void NTAPI ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside);
NTKERNELAPI void NTAPI ExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside,
                                                      PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                                      ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth);
NTKERNELAPI void NTAPI ExDeletePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside);

/* An entry of the list, or NULL. */
FORCEINLINE PVOID HostPopLookaside(PSLIST_HEADER Head, ULONG* Total, ULONG* Misses)
{
    PVOID Entry = ExpInterlockedPopEntrySList(Head);

    __atomic_fetch_add(Total, 1, __ATOMIC_RELAXED);
    if (Entry == NULL) {
        __atomic_fetch_add(Misses, 1, __ATOMIC_RELAXED);
    }
    return Entry;
}

/* FALSE when the list is full. */
FORCEINLINE BOOLEAN HostPushLookaside(PSLIST_HEADER Head, USHORT Depth, ULONG* Total, ULONG* Misses,
                                      PVOID Entry)
{
    __atomic_fetch_add(Total, 1, __ATOMIC_RELAXED);
    if (ExQueryDepthSList(Head) >= Depth) {
        __atomic_fetch_add(Misses, 1, __ATOMIC_RELAXED);
        return FALSE;
    }
    (void)ExpInterlockedPushEntrySList(Head, (PSLIST_ENTRY)Entry);
    return TRUE;
}

FORCEINLINE PVOID ExAllocateFromLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    PVOID Entry =
        HostPopLookaside(&Lookaside->L.ListHead, &Lookaside->L.TotalAllocates, &Lookaside->L.AllocateMisses);

    return Entry != NULL
               ? Entry
               : Lookaside->L.AllocateEx(Lookaside->L.Type, Lookaside->L.Size, Lookaside->L.Tag, Lookaside);
}

FORCEINLINE void ExFreeToLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PVOID Entry)
{
    if (!HostPushLookaside(&Lookaside->L.ListHead, Lookaside->L.Depth, &Lookaside->L.TotalFrees,
                           &Lookaside->L.FreeMisses, Entry)) {
        Lookaside->L.FreeEx(Entry, Lookaside);
    }
}

FORCEINLINE PVOID HostAllocateGeneral(PGENERAL_LOOKASIDE L)
{
    PVOID Entry = HostPopLookaside(&L->ListHead, &L->TotalAllocates, &L->AllocateMisses);

    return Entry != NULL ? Entry : L->Allocate(L->Type, L->Size, L->Tag);
}

FORCEINLINE void HostFreeGeneral(PGENERAL_LOOKASIDE L, PVOID Entry)
{
    if (!HostPushLookaside(&L->ListHead, L->Depth, &L->TotalFrees, &L->FreeMisses, Entry)) {
        L->Free(Entry);
    }
}

FORCEINLINE PVOID ExAllocateFromNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside)
{
    return HostAllocateGeneral(&Lookaside->L);
}

FORCEINLINE void ExFreeToNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry)
{
    HostFreeGeneral(&Lookaside->L, Entry);
}

FORCEINLINE PVOID ExAllocateFromPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside)
{
    return HostAllocateGeneral(&Lookaside->L);
}

FORCEINLINE void ExFreeToPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry)
{
    HostFreeGeneral(&Lookaside->L, Entry);
}

EXTERN_C_END

#endif
