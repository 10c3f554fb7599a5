/* SPDX-License-Identifier: Apache-2.0
 *
 * The handle table: from a handle to a referenced object with one atomic operation.
 *
 * A slot's word holds the object's header address in its low 48 bits and, above, how many references were
 * taken through the slot since they were last moved to the object. Taking one is a fetch-and-add, so the
 * object can't go away between being found and being referenced; giving one back goes to the object's own
 * count. That count is raised by HANDLE_BIAS while the handle is open, so it can't reach zero early; closing
 * moves the slot's count to it and takes the bias back. A handle's upper half is a generation that makes
 * stale handles invalid.
 */
#include "wdmp.h"

#define HANDLE_BIAS      (1LL << 40)
#define COUNT_SHIFT      48
#define COUNT_ONE        (1ULL << COUNT_SHIFT)
#define POINTER_MASK     (COUNT_ONE - 1)
#define COUNT_TO_MOVE    0x4000
#define SLOTS_PER_CHUNK  1024
#define CHUNKS           1024
#define INDEX_SHIFT      2 /* the low bits of a handle are zero, as on Windows */
#define GENERATION_SHIFT 32
#define GENERATION_MASK  0x7FFFFFFFu /* so that no handle looks negative */

typedef struct _SLOT {
    ULONGLONG Word;   /* atomic */
    ULONG Generation; /* under TableLock */
    ULONG NextFree;   /* under TableLock; index + 1 */
} DECLSPEC_CACHEALIGN SLOT, *PSLOT;

static HOST_LOCK TableLock;
static PSLOT Chunks[CHUNKS];  /* never freed; atomic */
static ULONG SlotCount = 1;   /* index 0 is not used: no handle is NULL. Under TableLock */
static ULONG FirstFree;       /* index + 1; under TableLock */
static ULONGLONG HandleCount; /* under TableLock */

static PSLOT SlotAt(ULONG Index)
{
    if (Index / SLOTS_PER_CHUNK >= CHUNKS) {
        return NULL;
    }
    PSLOT Chunk = __atomic_load_n(&Chunks[Index / SLOTS_PER_CHUNK], __ATOMIC_ACQUIRE);
    return Chunk != NULL ? &Chunk[Index % SLOTS_PER_CHUNK] : NULL;
}

/* TableLock held; 0 when out of memory. */
static ULONG AllocateIndex(void)
{
    if (FirstFree != 0) {
        ULONG Index = FirstFree - 1;
        FirstFree = SlotAt(Index)->NextFree;
        return Index;
    }
    ULONG Chunk = SlotCount / SLOTS_PER_CHUNK;
    if (Chunk >= CHUNKS) {
        return 0;
    }
    if (Chunks[Chunk] == NULL) {
        PSLOT Slots = NULL;
        if (posix_memalign((void**)&Slots, sizeof(SLOT), SLOTS_PER_CHUNK * sizeof(SLOT)) != 0) {
            return 0;
        }
        memset(Slots, 0, SLOTS_PER_CHUNK * sizeof(SLOT));
        __atomic_store_n(&Chunks[Chunk], Slots, __ATOMIC_RELEASE);
    }
    return SlotCount++;
}

NTSTATUS HostOpenHandle(PVOID Body, PEPROCESS Process, PHANDLE Handle)
{
    PHOST_OBJECT Object = HOST_OBJECT_OF(Body);

    HostAcquireLock(&TableLock);
    ULONG Index = AllocateIndex();
    if (Index == 0) {
        HostReleaseLock(&TableLock);
        HostDereference(Body);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    PSLOT Slot = SlotAt(Index);
    Slot->Generation = (Slot->Generation + 1) & GENERATION_MASK;
    Object->Handle = (ULONG_PTR)Slot->Generation << GENERATION_SHIFT | (ULONG_PTR)Index << INDEX_SHIFT;
    Object->Process = Process;
    *Handle = (HANDLE)Object->Handle;
    __atomic_add_fetch(&Object->References, HANDLE_BIAS, __ATOMIC_RELAXED);
    __atomic_store_n(&Slot->Word, (ULONGLONG)(ULONG_PTR)Object, __ATOMIC_RELEASE);
    HandleCount++;
    HostReleaseLock(&TableLock);
    return STATUS_SUCCESS;
}

/* Moves the slot's count to the object before it can overflow. */
static DECLSPEC_NOINLINE void MoveCount(PSLOT Slot, PHOST_OBJECT Object)
{
    ULONGLONG Word = __atomic_load_n(&Slot->Word, __ATOMIC_ACQUIRE);
    if ((Word & POINTER_MASK) != (ULONG_PTR)Object || Word >> COUNT_SHIFT < COUNT_TO_MOVE) {
        return;
    }
    /* Raised first, and taken back if another thread was quicker, so the count is never too low. */
    LONG64 Moved = (LONG64)(Word >> COUNT_SHIFT);
    __atomic_add_fetch(&Object->References, Moved, __ATOMIC_ACQ_REL);
    if (!__atomic_compare_exchange_n(&Slot->Word, &Word, Word & POINTER_MASK, FALSE, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED)) {
        __atomic_sub_fetch(&Object->References, Moved, __ATOMIC_ACQ_REL);
    }
}

PVOID HostReferenceHandle(HANDLE Handle, const struct _OBJECT_TYPE* Type, PEPROCESS Process)
{
    PSLOT Slot = SlotAt((ULONG)(ULONG_PTR)Handle >> INDEX_SHIFT);
    if (HOST_UNLIKELY(Slot == NULL)) {
        return NULL;
    }
    ULONGLONG Word = __atomic_fetch_add(&Slot->Word, COUNT_ONE, __ATOMIC_ACQUIRE);
    PHOST_OBJECT Object = (PHOST_OBJECT)(ULONG_PTR)(Word & POINTER_MASK);
    if (HOST_UNLIKELY(Object == NULL)) {
        return NULL;
    }
    if (HOST_UNLIKELY(Word >> COUNT_SHIFT >= COUNT_TO_MOVE)) {
        MoveCount(Slot, Object);
    }
    if (HOST_UNLIKELY(Object->Handle != (ULONG_PTR)Handle || (Type != NULL && Object->Type != Type) ||
                      (Process != NULL && Object->Process != Process))) {
        HostDereference(Object + 1);
        return NULL;
    }
    return Object + 1;
}

/* TRUE for the one thread that closes the handle; drops the handle's reference and the bias. The caller holds
 * its own reference. */
static BOOLEAN Detach(PHOST_OBJECT Object)
{
    ULONG Index = (ULONG)Object->Handle >> INDEX_SHIFT;
    PSLOT Slot = SlotAt(Index);
    ULONGLONG Word = __atomic_load_n(&Slot->Word, __ATOMIC_ACQUIRE);
    do {
        if ((Word & POINTER_MASK) != (ULONG_PTR)Object) {
            return FALSE;
        }
    } while (!__atomic_compare_exchange_n(&Slot->Word, &Word, 0, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    __atomic_add_fetch(&Object->References, (LONG64)(Word >> COUNT_SHIFT) - HANDLE_BIAS - 1,
                       __ATOMIC_ACQ_REL);

    HostAcquireLock(&TableLock);
    Slot->NextFree = FirstFree;
    FirstFree = Index + 1;
    HandleCount--;
    HostReleaseLock(&TableLock);
    return TRUE;
}

NTSTATUS HostCloseHandle(HANDLE Handle, PEPROCESS Process)
{
    PVOID Body = HostReferenceHandle(Handle, NULL, Process);
    if (Body == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    PHOST_OBJECT Object = HOST_OBJECT_OF(Body);
    BOOLEAN Closed = Detach(Object);
    if (Closed && Object->Type->CloseHandle != NULL) {
        Object->Type->CloseHandle(Body);
    }
    HostDereference(Body);
    return Closed ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

NTSTATUS NtClose(HANDLE Handle)
{
    if (HostThread.Irql != PASSIVE_LEVEL) {
        HostBugcheckIrql(__func__, PASSIVE_LEVEL);
    }
    return HostCloseHandle(Handle, HostCurrentProcess());
}

/* Kernel handles are valid in every process. */
NTSTATUS ZwClose(HANDLE Handle)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    return HostCloseHandle(Handle, NULL);
}

void HostCloseProcessHandles(PEPROCESS Process)
{
    HostAcquireLock(&TableLock);
    ULONG Count = SlotCount;
    HostReleaseLock(&TableLock);
    for (ULONG Index = 1; Index < Count; Index++) {
        PSLOT Slot = SlotAt(Index);
        ULONGLONG Word = __atomic_fetch_add(&Slot->Word, COUNT_ONE, __ATOMIC_ACQUIRE);
        PHOST_OBJECT Object = (PHOST_OBJECT)(ULONG_PTR)(Word & POINTER_MASK);
        if (Object == NULL) {
            continue;
        }
        HANDLE Handle = Object->Process == Process ? (HANDLE)Object->Handle : NULL;
        HostDereference(Object + 1);
        if (Handle != NULL) {
            HostCloseHandle(Handle, Process);
        }
    }
}

ULONGLONG HostCountHandles(void)
{
    HostAcquireLock(&TableLock);
    ULONGLONG Count = HandleCount;
    HostReleaseLock(&TableLock);
    return Count;
}
