/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookaside lists: initialising and deleting them, and the default allocate and free functions.
 */
#include "wdmp.h"

#include <nt/exceptions.h>
#include <nt/lookaside.h>

/* Windows begins with this depth and adapts it to use. Here it is fixed, so a list keeps few blocks. */
#define DEPTH         4
#define MAXIMUM_DEPTH 256

#define TYPE_FLAGS (POOL_QUOTA_FAIL_INSTEAD_OF_RAISE | POOL_RAISE_IF_ALLOCATION_FAILURE)

static PVOID NTAPI Allocate(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    PVOID Block =
        ExAllocatePoolWithTag((POOL_TYPE)((ULONG)PoolType & ~(ULONG)TYPE_FLAGS), NumberOfBytes, Tag);
    if (Block == NULL && ((ULONG)PoolType & POOL_RAISE_IF_ALLOCATION_FAILURE)) {
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    }
    return Block;
}

static PVOID NTAPI AllocateEx(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                              PLOOKASIDE_LIST_EX Lookaside)
{
    UNREFERENCED_PARAMETER(Lookaside);
    return Allocate(PoolType, NumberOfBytes, Tag);
}

static void NTAPI FreeEx(PVOID Buffer, PLOOKASIDE_LIST_EX Lookaside)
{
    UNREFERENCED_PARAMETER(Lookaside);
    ExFreePool(Buffer);
}

/* An entry holds a list's link while it is not in use. */
static ULONG EntrySize(SIZE_T Size)
{
    return (ULONG)(Size < sizeof(SLIST_ENTRY) ? sizeof(SLIST_ENTRY) : Size);
}

/* ---- lists with a context ---------------------------------------------------------------------------- */

NTSTATUS ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PALLOCATE_FUNCTION_EX AllocateFunction,
                                     PFREE_FUNCTION_EX FreeFunction, POOL_TYPE PoolType, ULONG Flags,
                                     SIZE_T Size, ULONG Tag, USHORT Depth)
{
    ULONG Type = (ULONG)PoolType;
    UNREFERENCED_PARAMETER(Depth);
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    if (PoolType != NonPagedPool && PoolType != PagedPool && PoolType != NonPagedPoolNx) {
        return STATUS_INVALID_PARAMETER_4;
    }
    if (Flags > EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE) {
        return STATUS_INVALID_PARAMETER_5;
    }
    if (Flags == EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL) {
        Type |= POOL_RAISE_IF_ALLOCATION_FAILURE;
    } else if (Flags == EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE) {
        Type |= POOL_QUOTA_FAIL_INSTEAD_OF_RAISE;
    }
    memset(Lookaside, 0, sizeof(*Lookaside));
    InitializeSListHead(&Lookaside->L.ListHead);
    InitializeListHead(&Lookaside->L.ListEntry);
    Lookaside->L.Depth = DEPTH;
    Lookaside->L.MaximumDepth = MAXIMUM_DEPTH;
    Lookaside->L.Type = (POOL_TYPE)Type;
    Lookaside->L.Tag = Tag;
    Lookaside->L.Size = EntrySize(Size);
    Lookaside->L.AllocateEx = AllocateFunction != NULL ? AllocateFunction : AllocateEx;
    Lookaside->L.FreeEx = FreeFunction != NULL ? FreeFunction : FreeEx;
    return STATUS_SUCCESS;
}

void ExFlushLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    PSLIST_ENTRY Entry;
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    while ((Entry = InterlockedPopEntrySList(&Lookaside->L.ListHead)) != NULL) {
        Lookaside->L.FreeEx(Entry, Lookaside);
    }
}

void ExDeleteLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    ExFlushLookasideListEx(Lookaside);
}

/* ---- lists of one kind of pool ----------------------------------------------------------------------- */

static void Initialize(PGENERAL_LOOKASIDE L, PALLOCATE_FUNCTION AllocateFunction, PFREE_FUNCTION FreeFunction,
                       ULONG Type, SIZE_T Size, ULONG Tag)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    memset(L, 0, sizeof(*L));
    InitializeSListHead(&L->ListHead);
    InitializeListHead(&L->ListEntry);
    L->Depth = DEPTH;
    L->MaximumDepth = MAXIMUM_DEPTH;
    L->Type = (POOL_TYPE)Type;
    L->Tag = Tag;
    L->Size = EntrySize(Size);
    L->Allocate = AllocateFunction != NULL ? AllocateFunction : Allocate;
    L->Free = FreeFunction != NULL ? FreeFunction : ExFreePool;
}

static void Delete(PGENERAL_LOOKASIDE L)
{
    PSLIST_ENTRY Entry;
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    while ((Entry = InterlockedPopEntrySList(&L->ListHead)) != NULL) {
        L->Free(Entry);
    }
}

void ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION AllocateFunction,
                                     PFREE_FUNCTION FreeFunction, ULONG Flags, SIZE_T Size, ULONG Tag,
                                     USHORT Depth)
{
    UNREFERENCED_PARAMETER(Depth);
    Initialize(&Lookaside->L, AllocateFunction, FreeFunction,
               NonPagedPool | (Flags & (POOL_NX_ALLOCATION | POOL_RAISE_IF_ALLOCATION_FAILURE)), Size, Tag);
}

void ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside)
{
    Delete(&Lookaside->L);
}

void ExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION AllocateFunction,
                                    PFREE_FUNCTION FreeFunction, ULONG Flags, SIZE_T Size, ULONG Tag,
                                    USHORT Depth)
{
    UNREFERENCED_PARAMETER(Depth);
    Initialize(&Lookaside->L, AllocateFunction, FreeFunction,
               PagedPool | (Flags & POOL_RAISE_IF_ALLOCATION_FAILURE), Size, Tag);
}

void ExDeletePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside)
{
    Delete(&Lookaside->L);
}
