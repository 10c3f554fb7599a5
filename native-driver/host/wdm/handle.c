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
    PSLOT chunk = __atomic_load_n(&Chunks[Index / SLOTS_PER_CHUNK], __ATOMIC_ACQUIRE);
    return chunk != NULL ? &chunk[Index % SLOTS_PER_CHUNK] : NULL;
}

/* TableLock held; 0 when out of memory. */
static ULONG AllocateIndex(void)
{
    if (FirstFree != 0) {
        ULONG index = FirstFree - 1;
        FirstFree = SlotAt(index)->NextFree;
        return index;
    }
    ULONG chunk = SlotCount / SLOTS_PER_CHUNK;
    if (chunk >= CHUNKS) {
        return 0;
    }
    if (Chunks[chunk] == NULL) {
        PSLOT slots = NULL;
        if (posix_memalign((void**)&slots, sizeof(SLOT), SLOTS_PER_CHUNK * sizeof(SLOT)) != 0) {
            return 0;
        }
        memset(slots, 0, SLOTS_PER_CHUNK * sizeof(SLOT));
        __atomic_store_n(&Chunks[chunk], slots, __ATOMIC_RELEASE);
    }
    return SlotCount++;
}

NTSTATUS HostOpenHandle(PVOID Body, PEPROCESS Process, PHANDLE Handle)
{
    PHOST_OBJECT object = HOST_OBJECT_OF(Body);

    HostAcquireLock(&TableLock);
    ULONG index = AllocateIndex();
    if (index == 0) {
        HostReleaseLock(&TableLock);
        HostDereference(Body);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    PSLOT slot = SlotAt(index);
    slot->Generation = (slot->Generation + 1) & GENERATION_MASK;
    object->Handle = (ULONG_PTR)slot->Generation << GENERATION_SHIFT | (ULONG_PTR)index << INDEX_SHIFT;
    object->Process = Process;
    *Handle = (HANDLE)object->Handle;
    __atomic_add_fetch(&object->References, HANDLE_BIAS, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->Word, (ULONGLONG)(ULONG_PTR)object, __ATOMIC_RELEASE);
    HandleCount++;
    HostReleaseLock(&TableLock);
    return STATUS_SUCCESS;
}

/* Moves the slot's count to the object before it can overflow. */
static DECLSPEC_NOINLINE void MoveCount(PSLOT Slot, PHOST_OBJECT Object)
{
    ULONGLONG word = __atomic_load_n(&Slot->Word, __ATOMIC_ACQUIRE);
    if ((word & POINTER_MASK) != (ULONG_PTR)Object || word >> COUNT_SHIFT < COUNT_TO_MOVE) {
        return;
    }
    /* Raised first, and taken back if another thread was quicker, so the count is never too low. */
    LONG64 moved = (LONG64)(word >> COUNT_SHIFT);
    __atomic_add_fetch(&Object->References, moved, __ATOMIC_ACQ_REL);
    if (!__atomic_compare_exchange_n(&Slot->Word, &word, word & POINTER_MASK, FALSE, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED)) {
        __atomic_sub_fetch(&Object->References, moved, __ATOMIC_ACQ_REL);
    }
}

PVOID HostReferenceHandle(HANDLE Handle, const struct _OBJECT_TYPE* Type, PEPROCESS Process)
{
    PSLOT slot = SlotAt((ULONG)(ULONG_PTR)Handle >> INDEX_SHIFT);
    if (HOST_UNLIKELY(slot == NULL)) {
        return NULL;
    }
    ULONGLONG word = __atomic_fetch_add(&slot->Word, COUNT_ONE, __ATOMIC_ACQUIRE);
    PHOST_OBJECT object = (PHOST_OBJECT)(ULONG_PTR)(word & POINTER_MASK);
    if (HOST_UNLIKELY(object == NULL)) {
        return NULL;
    }
    if (HOST_UNLIKELY(word >> COUNT_SHIFT >= COUNT_TO_MOVE)) {
        MoveCount(slot, object);
    }
    if (HOST_UNLIKELY(object->Handle != (ULONG_PTR)Handle || (Type != NULL && object->Type != Type) ||
                      (Process != NULL && object->Process != Process))) {
        HostDereference(object + 1);
        return NULL;
    }
    return object + 1;
}

/* TRUE for the one thread that closes the handle; drops the handle's reference and the bias. The caller holds
 * its own reference. */
static BOOLEAN Detach(PHOST_OBJECT Object)
{
    ULONG index = (ULONG)Object->Handle >> INDEX_SHIFT;
    PSLOT slot = SlotAt(index);
    ULONGLONG word = __atomic_load_n(&slot->Word, __ATOMIC_ACQUIRE);
    do {
        if ((word & POINTER_MASK) != (ULONG_PTR)Object) {
            return FALSE;
        }
    } while (!__atomic_compare_exchange_n(&slot->Word, &word, 0, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    __atomic_add_fetch(&Object->References, (LONG64)(word >> COUNT_SHIFT) - HANDLE_BIAS - 1,
                       __ATOMIC_ACQ_REL);

    HostAcquireLock(&TableLock);
    slot->NextFree = FirstFree;
    FirstFree = index + 1;
    HandleCount--;
    HostReleaseLock(&TableLock);
    return TRUE;
}

NTSTATUS HostCloseHandle(HANDLE Handle, PEPROCESS Process)
{
    PVOID body = HostReferenceHandle(Handle, NULL, Process);
    if (body == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    PHOST_OBJECT object = HOST_OBJECT_OF(body);
    BOOLEAN closed = Detach(object);
    if (closed && object->Type->CloseHandle != NULL) {
        object->Type->CloseHandle(body);
    }
    HostDereference(body);
    return closed ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
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
    ULONG count = SlotCount;
    HostReleaseLock(&TableLock);
    for (ULONG index = 1; index < count; index++) {
        PSLOT slot = SlotAt(index);
        ULONGLONG word = __atomic_fetch_add(&slot->Word, COUNT_ONE, __ATOMIC_ACQUIRE);
        PHOST_OBJECT object = (PHOST_OBJECT)(ULONG_PTR)(word & POINTER_MASK);
        if (object == NULL) {
            continue;
        }
        HANDLE handle = object->Process == Process ? (HANDLE)object->Handle : NULL;
        HostDereference(object + 1);
        if (handle != NULL) {
            HostCloseHandle(handle, Process);
        }
    }
}

ULONGLONG HostCountHandles(void)
{
    HostAcquireLock(&TableLock);
    ULONGLONG count = HandleCount;
    HostReleaseLock(&TableLock);
    return count;
}
