/* SPDX-License-Identifier: Apache-2.0
 *
 * WDFMEMORY and WDFLOOKASIDE.
 */
#include "kmdfp.h"

#define FX_LOOKASIDE_DEPTH 64

typedef struct _FX_LOOKASIDE {
    FX_OBJECT Object;
    size_t BufferSize;
    POOL_TYPE PoolType;
    ULONG Tag;
    WDF_OBJECT_ATTRIBUTES MemoryAttributes;
    KSPIN_LOCK Lock;        /* the fields below */
    SINGLE_LIST_ENTRY Free; /* free buffers, linked through their first bytes */
    ULONG Depth;
    BOOLEAN Disposed; /* buffers are no longer kept */
} FX_LOOKASIDE;

static const FX_ATTRIBUTE_RULES FxMemoryRules = {.ParentAllowed = TRUE};

static FX_MEMORY* FxMemoryHandle(PCSTR Function, WDFMEMORY Handle)
{
    return (FX_MEMORY*)FxValidateHandle(Function, Handle, FxTypeMemory);
}

/* ---- creation ---------------------------------------------------------------------------------------- */

static NTSTATUS FxMemoryAllocate(FX_GLOBALS* Globals, const WDF_OBJECT_ATTRIBUTES* Attributes,
                                 FX_MEMORY** Memory)
{
    FX_OBJECT* Object;
    NTSTATUS Status;

    Status = FxObjectAllocate(Globals, FxTypeMemory, sizeof(FX_MEMORY), Attributes, &FxMemoryRules,
                              (FX_OBJECT*)Globals->Driver, &Object);
    *Memory = (FX_MEMORY*)Object;
    return Status;
}

/* Frees the memory if it can't be published: its parent is being deleted. */
static NTSTATUS FxMemoryPublish(FX_MEMORY* Memory, WDFMEMORY* Handle)
{
    NTSTATUS Status = FxObjectPublish(&Memory->Object);

    if (!NT_SUCCESS(Status)) {
        FxMemoryFree(&Memory->Object);
        return Status;
    }
    *Handle = FX_TO_HANDLE(WDFMEMORY, Memory);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI imp_WdfMemoryCreate(PWDF_DRIVER_GLOBALS DriverGlobals, PWDF_OBJECT_ATTRIBUTES Attributes,
                                   POOL_TYPE PoolType, ULONG PoolTag, size_t BufferSize, WDFMEMORY* Handle,
                                   PVOID* Buffer)
{
    FX_MEMORY* Memory;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(Handle);
    FxRequireIrql(FX_FUNCTION, PoolType == PagedPool ? APC_LEVEL : DISPATCH_LEVEL);
    *Handle = NULL;
    if (BufferSize == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    Status = FxMemoryAllocate(FX_GLOBALS_OF(DriverGlobals), Attributes, &Memory);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Memory->Tag = PoolTag != 0 ? PoolTag : DriverGlobals->DriverTag;
    Memory->Size = BufferSize;
    Memory->Buffer = ExAllocatePoolWithTag(PoolType, BufferSize, Memory->Tag);
    if (Memory->Buffer == NULL) {
        FxObjectAbandon(&Memory->Object);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Memory->OwnsBuffer = TRUE;
    if (Buffer != NULL) {
        *Buffer = Memory->Buffer;
    }
    return FxMemoryPublish(Memory, Handle);
}

NTSTATUS NTAPI imp_WdfMemoryCreatePreallocated(PWDF_DRIVER_GLOBALS DriverGlobals,
                                               PWDF_OBJECT_ATTRIBUTES Attributes, PVOID Buffer,
                                               size_t BufferSize, WDFMEMORY* Handle)
{
    FX_MEMORY* Memory;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(Handle);
    FX_REQUIRE_DISPATCH();
    *Handle = NULL;
    if (Buffer == NULL || BufferSize == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    Status = FxMemoryAllocate(FX_GLOBALS_OF(DriverGlobals), Attributes, &Memory);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Memory->Buffer = Buffer;
    Memory->Size = BufferSize;
    Memory->Assignable = TRUE;
    return FxMemoryPublish(Memory, Handle);
}

VOID FxRequestMemoryInitialize(FX_REQUEST_MEMORY* Lent, FX_GLOBALS* Globals, PVOID Buffer, size_t Size)
{
    RtlZeroMemory(Lent, sizeof(*Lent));
    FxObjectInitialize(&Lent->Memory.Object, Globals, FxTypeMemory, &Lent->Context, NULL);
    Lent->Memory.Object.NoDelete = TRUE;
    Lent->Memory.Buffer = Buffer;
    Lent->Memory.Size = Size;
}

/* ---- use --------------------------------------------------------------------------------------------- */

PVOID NTAPI imp_WdfMemoryGetBuffer(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY Handle, size_t* BufferSize)
{
    FX_MEMORY* Memory = FxMemoryHandle(FX_FUNCTION, Handle);

    UNREFERENCED_PARAMETER(DriverGlobals);
    if (BufferSize != NULL) {
        *BufferSize = Memory->Size;
    }
    return Memory->Buffer;
}

NTSTATUS NTAPI imp_WdfMemoryAssignBuffer(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY Handle, PVOID Buffer,
                                         size_t BufferSize)
{
    FX_MEMORY* Memory = FxMemoryHandle(FX_FUNCTION, Handle);

    UNREFERENCED_PARAMETER(DriverGlobals);
    if (Buffer == NULL || BufferSize == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!Memory->Assignable) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    Memory->Buffer = Buffer;
    Memory->Size = BufferSize;
    return STATUS_SUCCESS;
}

static NTSTATUS FxMemoryRange(const FX_MEMORY* Memory, size_t Offset, const VOID* Buffer, size_t Length)
{
    if (Buffer == NULL || Length == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    return Offset <= Memory->Size && Length <= Memory->Size - Offset ? STATUS_SUCCESS
                                                                     : STATUS_INVALID_BUFFER_SIZE;
}

NTSTATUS NTAPI imp_WdfMemoryCopyToBuffer(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY SourceMemory,
                                         size_t SourceOffset, PVOID Buffer, size_t NumBytesToCopyTo)
{
    FX_MEMORY* Memory = FxMemoryHandle(FX_FUNCTION, SourceMemory);
    NTSTATUS Status = FxMemoryRange(Memory, SourceOffset, Buffer, NumBytesToCopyTo);

    UNREFERENCED_PARAMETER(DriverGlobals);
    if (NT_SUCCESS(Status)) {
        RtlCopyMemory(Buffer, Add2Ptr(Memory->Buffer, SourceOffset), NumBytesToCopyTo);
    }
    return Status;
}

NTSTATUS NTAPI imp_WdfMemoryCopyFromBuffer(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY DestinationMemory,
                                           size_t DestinationOffset, PVOID Buffer, size_t NumBytesToCopyFrom)
{
    FX_MEMORY* Memory = FxMemoryHandle(FX_FUNCTION, DestinationMemory);
    NTSTATUS Status = FxMemoryRange(Memory, DestinationOffset, Buffer, NumBytesToCopyFrom);

    UNREFERENCED_PARAMETER(DriverGlobals);
    if (NT_SUCCESS(Status)) {
        RtlCopyMemory(Add2Ptr(Memory->Buffer, DestinationOffset), Buffer, NumBytesToCopyFrom);
    }
    return Status;
}

/* ---- lookaside lists --------------------------------------------------------------------------------- */

NTSTATUS NTAPI imp_WdfLookasideListCreate(PWDF_DRIVER_GLOBALS DriverGlobals,
                                          PWDF_OBJECT_ATTRIBUTES LookasideAttributes, size_t BufferSize,
                                          POOL_TYPE PoolType, PWDF_OBJECT_ATTRIBUTES MemoryAttributes,
                                          ULONG PoolTag, WDFLOOKASIDE* Lookaside)
{
    FX_GLOBALS* Globals = FX_GLOBALS_OF(DriverGlobals);
    FX_LOOKASIDE* List;
    FX_OBJECT* Object;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(Lookaside);
    FxRequireIrql(FX_FUNCTION, PoolType == PagedPool ? APC_LEVEL : DISPATCH_LEVEL);
    *Lookaside = NULL;
    if (BufferSize == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    Status = FxAttributesValidate(MemoryAttributes, &FxMemoryRules);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxObjectAllocate(Globals, FxTypeLookaside, sizeof(FX_LOOKASIDE), LookasideAttributes,
                              &FxMemoryRules, (FX_OBJECT*)Globals->Driver, &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    List = (FX_LOOKASIDE*)Object;
    List->BufferSize = BufferSize < sizeof(SINGLE_LIST_ENTRY) ? sizeof(SINGLE_LIST_ENTRY) : BufferSize;
    List->PoolType = PoolType;
    List->Tag = PoolTag != 0 ? PoolTag : DriverGlobals->DriverTag;
    KeInitializeSpinLock(&List->Lock);
    WDF_OBJECT_ATTRIBUTES_INIT(&List->MemoryAttributes);
    if (MemoryAttributes != NULL) {
        List->MemoryAttributes = *MemoryAttributes;
    }
    Status = FxObjectPublish(Object);
    if (!NT_SUCCESS(Status)) {
        FxObjectAbandon(Object);
        return Status;
    }
    *Lookaside = FX_TO_HANDLE(WDFLOOKASIDE, List);
    return STATUS_SUCCESS;
}

static PVOID FxLookasideTake(FX_LOOKASIDE* List)
{
    PSINGLE_LIST_ENTRY Entry;
    KIRQL Irql;

    KeAcquireSpinLock(&List->Lock, &Irql);
    Entry = PopEntryList(&List->Free);
    if (Entry != NULL) {
        List->Depth--;
    }
    KeReleaseSpinLock(&List->Lock, Irql);
    return Entry != NULL ? (PVOID)Entry : ExAllocatePoolWithTag(List->PoolType, List->BufferSize, List->Tag);
}

static VOID FxLookasideReturn(FX_LOOKASIDE* List, PVOID Buffer)
{
    BOOLEAN Kept = FALSE;
    KIRQL Irql;

    KeAcquireSpinLock(&List->Lock, &Irql);
    if (List->Depth < FX_LOOKASIDE_DEPTH && !List->Disposed) {
        PushEntryList(&List->Free, Buffer);
        List->Depth++;
        Kept = TRUE;
    }
    KeReleaseSpinLock(&List->Lock, Irql);
    if (!Kept) {
        ExFreePoolWithTag(Buffer, List->Tag);
    }
}

VOID FxLookasideDispose(FX_OBJECT* Object)
{
    FX_LOOKASIDE* List = (FX_LOOKASIDE*)Object;
    PSINGLE_LIST_ENTRY Entry;
    KIRQL Irql;

    KeAcquireSpinLock(&List->Lock, &Irql);
    List->Disposed = TRUE;
    Entry = List->Free.Next;
    List->Free.Next = NULL;
    KeReleaseSpinLock(&List->Lock, Irql);
    while (Entry != NULL) {
        PSINGLE_LIST_ENTRY Next = Entry->Next;
        ExFreePoolWithTag(Entry, List->Tag);
        Entry = Next;
    }
}

NTSTATUS NTAPI imp_WdfMemoryCreateFromLookaside(PWDF_DRIVER_GLOBALS DriverGlobals, WDFLOOKASIDE Lookaside,
                                                WDFMEMORY* Handle)
{
    FX_LOOKASIDE* List = FX_HANDLE(FX_LOOKASIDE, FxTypeLookaside, Lookaside);
    FX_MEMORY* Memory;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(Handle);
    FX_REQUIRE_DISPATCH();
    *Handle = NULL;
    Status = FxMemoryAllocate(FX_GLOBALS_OF(DriverGlobals), &List->MemoryAttributes, &Memory);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Memory->Buffer = FxLookasideTake(List);
    if (Memory->Buffer == NULL) {
        FxObjectAbandon(&Memory->Object);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Memory->Size = List->BufferSize;
    Memory->Lookaside = List;
    FxObjectReference(&List->Object); /* the buffer returns to it */
    return FxMemoryPublish(Memory, Handle);
}

/* ---- the end ----------------------------------------------------------------------------------------- */

VOID FxMemoryFree(FX_OBJECT* Object)
{
    FX_MEMORY* Memory = (FX_MEMORY*)Object;

    if (Memory->OwnsBuffer) {
        ExFreePoolWithTag(Memory->Buffer, Memory->Tag);
    }
    if (Memory->Lookaside != NULL) {
        FxLookasideReturn(Memory->Lookaside, Memory->Buffer);
        FxObjectRelease(&Memory->Lookaside->Object);
    }
    FxObjectAbandon(Object);
}
