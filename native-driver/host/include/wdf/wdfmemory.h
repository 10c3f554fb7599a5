/* SPDX-License-Identifier: Apache-2.0
 *
 * Buffers as objects, and lookaside lists of them.
 */
#ifndef WDF_WDFMEMORY_H
#define WDF_WDFMEMORY_H

#include <wdf/wdfobject.h>

EXTERN_C_START

typedef struct _WDFMEMORY_OFFSET {
    size_t BufferOffset;
    size_t BufferLength;
} WDFMEMORY_OFFSET, *PWDFMEMORY_OFFSET;

WDF_ASSERT_SIZE(WDFMEMORY_OFFSET, 16);
WDF_ASSERT_OFFSET(WDFMEMORY_OFFSET, BufferOffset, 0);
WDF_ASSERT_OFFSET(WDFMEMORY_OFFSET, BufferLength, 8);

typedef enum _WDF_MEMORY_DESCRIPTOR_TYPE {
    WdfMemoryDescriptorTypeInvalid = 0,
    WdfMemoryDescriptorTypeBuffer,
    WdfMemoryDescriptorTypeMdl,
    WdfMemoryDescriptorTypeHandle
} WDF_MEMORY_DESCRIPTOR_TYPE;

typedef struct _WDF_MEMORY_DESCRIPTOR {
    WDF_MEMORY_DESCRIPTOR_TYPE Type;
    union {
        struct {
            PVOID Buffer;
            ULONG Length;
        } BufferType;
        struct {
            PMDL Mdl;
            ULONG BufferLength;
        } MdlType;
        struct {
            WDFMEMORY Memory;
            PWDFMEMORY_OFFSET Offsets;
        } HandleType;
    } u;
} WDF_MEMORY_DESCRIPTOR, *PWDF_MEMORY_DESCRIPTOR;

WDF_ASSERT_SIZE(WDF_MEMORY_DESCRIPTOR, 24);
WDF_ASSERT_OFFSET(WDF_MEMORY_DESCRIPTOR, Type, 0);
WDF_ASSERT_OFFSET(WDF_MEMORY_DESCRIPTOR, u.BufferType.Buffer, 8);
WDF_ASSERT_OFFSET(WDF_MEMORY_DESCRIPTOR, u.BufferType.Length, 16);
WDF_ASSERT_OFFSET(WDF_MEMORY_DESCRIPTOR, u.MdlType.Mdl, 8);
WDF_ASSERT_OFFSET(WDF_MEMORY_DESCRIPTOR, u.MdlType.BufferLength, 16);
WDF_ASSERT_OFFSET(WDF_MEMORY_DESCRIPTOR, u.HandleType.Memory, 8);
WDF_ASSERT_OFFSET(WDF_MEMORY_DESCRIPTOR, u.HandleType.Offsets, 16);

/* All at <= DISPATCH_LEVEL, except WdfLookasideListCreate for paged pool: PASSIVE_LEVEL. */
typedef NTSTATUS(NTAPI* PFN_WDFMEMORYCREATE)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                             PWDF_OBJECT_ATTRIBUTES Attributes, POOL_TYPE PoolType,
                                             ULONG PoolTag, size_t BufferSize, WDFMEMORY* Memory,
                                             PVOID* Buffer);
FORCEINLINE NTSTATUS WdfMemoryCreate(PWDF_OBJECT_ATTRIBUTES Attributes, POOL_TYPE PoolType, ULONG PoolTag,
                                     size_t BufferSize, WDFMEMORY* Memory, PVOID* Buffer)
{
    return ((PFN_WDFMEMORYCREATE)WdfFunctions[WdfMemoryCreateTableIndex])(
        WdfDriverGlobals, Attributes, PoolType, PoolTag, BufferSize, Memory, Buffer);
}

typedef NTSTATUS(NTAPI* PFN_WDFMEMORYCREATEPREALLOCATED)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                         PWDF_OBJECT_ATTRIBUTES Attributes, PVOID Buffer,
                                                         size_t BufferSize, WDFMEMORY* Memory);
FORCEINLINE NTSTATUS WdfMemoryCreatePreallocated(PWDF_OBJECT_ATTRIBUTES Attributes, PVOID Buffer,
                                                 size_t BufferSize, WDFMEMORY* Memory)
{
    return ((PFN_WDFMEMORYCREATEPREALLOCATED)WdfFunctions[WdfMemoryCreatePreallocatedTableIndex])(
        WdfDriverGlobals, Attributes, Buffer, BufferSize, Memory);
}

typedef PVOID(NTAPI* PFN_WDFMEMORYGETBUFFER)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY Memory,
                                             size_t* BufferSize);
FORCEINLINE PVOID WdfMemoryGetBuffer(WDFMEMORY Memory, size_t* BufferSize)
{
    return ((PFN_WDFMEMORYGETBUFFER)WdfFunctions[WdfMemoryGetBufferTableIndex])(WdfDriverGlobals, Memory,
                                                                                BufferSize);
}

typedef NTSTATUS(NTAPI* PFN_WDFMEMORYASSIGNBUFFER)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY Memory,
                                                   PVOID Buffer, size_t BufferSize);
FORCEINLINE NTSTATUS WdfMemoryAssignBuffer(WDFMEMORY Memory, PVOID Buffer, size_t BufferSize)
{
    return ((PFN_WDFMEMORYASSIGNBUFFER)WdfFunctions[WdfMemoryAssignBufferTableIndex])(
        WdfDriverGlobals, Memory, Buffer, BufferSize);
}

typedef NTSTATUS(NTAPI* PFN_WDFMEMORYCOPYTOBUFFER)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY SourceMemory,
                                                   size_t SourceOffset, PVOID Buffer,
                                                   size_t NumBytesToCopyTo);
FORCEINLINE NTSTATUS WdfMemoryCopyToBuffer(WDFMEMORY SourceMemory, size_t SourceOffset, PVOID Buffer,
                                           size_t NumBytesToCopyTo)
{
    return ((PFN_WDFMEMORYCOPYTOBUFFER)WdfFunctions[WdfMemoryCopyToBufferTableIndex])(
        WdfDriverGlobals, SourceMemory, SourceOffset, Buffer, NumBytesToCopyTo);
}

typedef NTSTATUS(NTAPI* PFN_WDFMEMORYCOPYFROMBUFFER)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                     WDFMEMORY DestinationMemory, size_t DestinationOffset,
                                                     PVOID Buffer, size_t NumBytesToCopyFrom);
FORCEINLINE NTSTATUS WdfMemoryCopyFromBuffer(WDFMEMORY DestinationMemory, size_t DestinationOffset,
                                             PVOID Buffer, size_t NumBytesToCopyFrom)
{
    return ((PFN_WDFMEMORYCOPYFROMBUFFER)WdfFunctions[WdfMemoryCopyFromBufferTableIndex])(
        WdfDriverGlobals, DestinationMemory, DestinationOffset, Buffer, NumBytesToCopyFrom);
}

typedef NTSTATUS(NTAPI* PFN_WDFLOOKASIDELISTCREATE)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                    PWDF_OBJECT_ATTRIBUTES LookasideAttributes,
                                                    size_t BufferSize, POOL_TYPE PoolType,
                                                    PWDF_OBJECT_ATTRIBUTES MemoryAttributes, ULONG PoolTag,
                                                    WDFLOOKASIDE* Lookaside);
FORCEINLINE NTSTATUS WdfLookasideListCreate(PWDF_OBJECT_ATTRIBUTES LookasideAttributes, size_t BufferSize,
                                            POOL_TYPE PoolType, PWDF_OBJECT_ATTRIBUTES MemoryAttributes,
                                            ULONG PoolTag, WDFLOOKASIDE* Lookaside)
{
    return ((PFN_WDFLOOKASIDELISTCREATE)WdfFunctions[WdfLookasideListCreateTableIndex])(
        WdfDriverGlobals, LookasideAttributes, BufferSize, PoolType, MemoryAttributes, PoolTag, Lookaside);
}

typedef NTSTATUS(NTAPI* PFN_WDFMEMORYCREATEFROMLOOKASIDE)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                          WDFLOOKASIDE Lookaside, WDFMEMORY* Memory);
FORCEINLINE NTSTATUS WdfMemoryCreateFromLookaside(WDFLOOKASIDE Lookaside, WDFMEMORY* Memory)
{
    return ((PFN_WDFMEMORYCREATEFROMLOOKASIDE)WdfFunctions[WdfMemoryCreateFromLookasideTableIndex])(
        WdfDriverGlobals, Lookaside, Memory);
}

EXTERN_C_END

#endif
