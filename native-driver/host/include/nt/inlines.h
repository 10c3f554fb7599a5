/* SPDX-License-Identifier: Apache-2.0
 *
 * Routines that are macros or inline functions in the WDK for x64.
 */
#ifndef NT_INLINES_H
#define NT_INLINES_H

#include <nt/interlocked.h>
#include <nt/routines.h>
#include <nt/status.h>

EXTERN_C_START

/* ---- assertions -------------------------------------------------------------------------------------- */

/* A checked build of Windows breaks into the debugger; the embedded host always checks. */
#ifdef NT_GENUINE_KERNEL
#define NT_ASSERT(e) ((void)0)
#else
#define NT_ASSERT(e) ((void)((e) || (RtlAssert((PVOID) #e, (PVOID)__FILE__, __LINE__, NULL), 0)))
#endif
#define NT_VERIFY(e)       ((e) ? TRUE : (RtlAssert((PVOID) #e, (PVOID)__FILE__, __LINE__, NULL), FALSE))
#define NT_ASSERTMSG(m, e) NT_ASSERT(e)
#define ASSERT(e)          NT_ASSERT(e)
#define PAGED_CODE()       NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL)

#ifdef NDEBUG
#define KdPrint(arguments)
#define KdPrintEx(arguments)
#else
#define KdPrint(arguments)   DbgPrint arguments
#define KdPrintEx(arguments) DbgPrintEx arguments
#endif

/* ---- memory and strings ------------------------------------------------------------------------------ */

#define RtlCopyMemory(destination, source, length) memcpy((destination), (source), (length))
#define RtlMoveMemory(destination, source, length) memmove((destination), (source), (length))
#define RtlZeroMemory(destination, length)         memset((destination), 0, (length))
#define RtlFillMemory(destination, length, fill)   memset((destination), (fill), (length))
#define RtlEqualMemory(a, b, length)               (!memcmp((a), (b), (length)))

FORCEINLINE PVOID RtlSecureZeroMemory(PVOID Pointer, SIZE_T Length)
{
    memset(Pointer, 0, Length);
    __asm__ volatile("" : : "r"(Pointer) : "memory");
    return Pointer;
}

#define RTL_CONSTANT_STRING(s)                                                                               \
    {                                                                                                        \
        sizeof(s) - sizeof((s)[0]), sizeof(s), (PWCH)(s)                                                     \
    }
#define DECLARE_CONST_UNICODE_STRING(name, text)                                                             \
    const WCHAR name##_buffer[] = text;                                                                      \
    const UNICODE_STRING name = {sizeof(text) - sizeof(WCHAR), sizeof(text), (PWCH)name##_buffer}
#define DECLARE_UNICODE_STRING_SIZE(name, count)                                                             \
    WCHAR name##_buffer[count];                                                                              \
    UNICODE_STRING name = {0, (count) * sizeof(WCHAR), name##_buffer}

FORCEINLINE void RtlInitEmptyUnicodeString(PUNICODE_STRING String, PWCHAR Buffer, USHORT BufferSize)
{
    String->Length = 0;
    String->MaximumLength = BufferSize;
    String->Buffer = Buffer;
}

FORCEINLINE BOOLEAN IsEqualGUID(const GUID* A, const GUID* B)
{
    return (BOOLEAN)(memcmp(A, B, sizeof(GUID)) == 0);
}

FORCEINLINE USHORT RtlUshortByteSwap(USHORT Source)
{
    return __builtin_bswap16(Source);
}

FORCEINLINE ULONG RtlUlongByteSwap(ULONG Source)
{
    return __builtin_bswap32(Source);
}

FORCEINLINE ULONGLONG RtlUlonglongByteSwap(ULONGLONG Source)
{
    return __builtin_bswap64(Source);
}

/* ---- lists ------------------------------------------------------------------------------------------- */

FORCEINLINE void InitializeListHead(PLIST_ENTRY Head)
{
    Head->Flink = Head->Blink = Head;
}

FORCEINLINE BOOLEAN IsListEmpty(const LIST_ENTRY* Head)
{
    return (BOOLEAN)(Head->Flink == Head);
}

FORCEINLINE void InsertTailList(PLIST_ENTRY Head, PLIST_ENTRY Entry)
{
    Entry->Flink = Head;
    Entry->Blink = Head->Blink;
    Head->Blink->Flink = Entry;
    Head->Blink = Entry;
}

FORCEINLINE void InsertHeadList(PLIST_ENTRY Head, PLIST_ENTRY Entry)
{
    Entry->Blink = Head;
    Entry->Flink = Head->Flink;
    Head->Flink->Blink = Entry;
    Head->Flink = Entry;
}

/* TRUE when the list is empty afterwards. */
FORCEINLINE BOOLEAN RemoveEntryList(PLIST_ENTRY Entry)
{
    PLIST_ENTRY next = Entry->Flink;
    PLIST_ENTRY previous = Entry->Blink;
    NT_ASSERT(next->Blink == Entry && previous->Flink == Entry);
    previous->Flink = next;
    next->Blink = previous;
    return (BOOLEAN)(next == previous);
}

FORCEINLINE PLIST_ENTRY RemoveHeadList(PLIST_ENTRY Head)
{
    PLIST_ENTRY entry = Head->Flink;
    RemoveEntryList(entry);
    return entry;
}

FORCEINLINE PLIST_ENTRY RemoveTailList(PLIST_ENTRY Head)
{
    PLIST_ENTRY entry = Head->Blink;
    RemoveEntryList(entry);
    return entry;
}

/* Appends the entries of a list whose head is ListToAppend itself. */
FORCEINLINE void AppendTailList(PLIST_ENTRY Head, PLIST_ENTRY ListToAppend)
{
    PLIST_ENTRY end = Head->Blink;
    end->Flink = ListToAppend;
    Head->Blink = ListToAppend->Blink;
    ListToAppend->Blink->Flink = Head;
    ListToAppend->Blink = end;
}

FORCEINLINE void PushEntryList(PSINGLE_LIST_ENTRY Head, PSINGLE_LIST_ENTRY Entry)
{
    Entry->Next = Head->Next;
    Head->Next = Entry;
}

FORCEINLINE PSINGLE_LIST_ENTRY PopEntryList(PSINGLE_LIST_ENTRY Head)
{
    PSINGLE_LIST_ENTRY first = Head->Next;
    if (first != NULL) {
        Head->Next = first->Next;
    }
    return first;
}

/* ---- pool, locks, IRQL ------------------------------------------------------------------------------- */

FORCEINLINE PVOID ExAllocatePoolUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
}

FORCEINLINE PVOID ExAllocatePoolZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    PVOID memory = ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
    if (memory != NULL) {
        memset(memory, 0, NumberOfBytes);
    }
    return memory;
}

#define DrvRtPoolNxOptIn 0x00000001

/* Does nothing: the host has no executable pool. */
FORCEINLINE void ExInitializeDriverRuntime(ULONG RuntimeFlags)
{
    UNREFERENCED_PARAMETER(RuntimeFlags);
}

FORCEINLINE void KeInitializeSpinLock(PKSPIN_LOCK SpinLock)
{
    __atomic_store_n(SpinLock, 0, __ATOMIC_RELAXED);
}

#ifdef NT_GENUINE_KERNEL
FORCEINLINE KIRQL KeGetCurrentIrql(void)
{
    ULONGLONG irql;
    __asm__ volatile("movq %%cr8, %0" : "=r"(irql));
    return (KIRQL)irql;
}

#define NT_SHARED_USER_DATA 0xFFFFF78000000000ULL

FORCEINLINE ULONGLONG KeQueryInterruptTime(void)
{
    return *(volatile ULONGLONG*)(NT_SHARED_USER_DATA + 0x08);
}

FORCEINLINE void KeQuerySystemTime(PLARGE_INTEGER CurrentTime)
{
    CurrentTime->QuadPart = *(volatile LONGLONG*)(NT_SHARED_USER_DATA + 0x14);
}
#endif

/* ---- IRPs -------------------------------------------------------------------------------------------- */

#define IoSizeOfIrp(stackSize) ((USHORT)(sizeof(IRP) + (stackSize) * sizeof(IO_STACK_LOCATION)))

FORCEINLINE PIO_STACK_LOCATION IoGetCurrentIrpStackLocation(PIRP Irp)
{
    NT_ASSERT(Irp->CurrentLocation <= Irp->StackCount + 1);
    return Irp->Tail.Overlay.CurrentStackLocation;
}

FORCEINLINE PIO_STACK_LOCATION IoGetNextIrpStackLocation(PIRP Irp)
{
    NT_ASSERT(Irp->CurrentLocation > 1);
    return Irp->Tail.Overlay.CurrentStackLocation - 1;
}

FORCEINLINE void IoSetNextIrpStackLocation(PIRP Irp)
{
    NT_ASSERT(Irp->CurrentLocation > 1);
    Irp->CurrentLocation--;
    Irp->Tail.Overlay.CurrentStackLocation--;
}

FORCEINLINE void IoSkipCurrentIrpStackLocation(PIRP Irp)
{
    NT_ASSERT(Irp->CurrentLocation <= Irp->StackCount);
    Irp->CurrentLocation++;
    Irp->Tail.Overlay.CurrentStackLocation++;
}

FORCEINLINE void IoCopyCurrentIrpStackLocationToNext(PIRP Irp)
{
    PIO_STACK_LOCATION current = IoGetCurrentIrpStackLocation(Irp);
    PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(Irp);
    memcpy(next, current, offsetof(IO_STACK_LOCATION, CompletionRoutine));
    next->Control = 0;
}

FORCEINLINE void IoMarkIrpPending(PIRP Irp)
{
    NT_ASSERT(Irp->CurrentLocation <=
              Irp->StackCount); /* the allocator of an IRP has no stack location of its own */
    Irp->Tail.Overlay.CurrentStackLocation->Control |= SL_PENDING_RETURNED;
}

FORCEINLINE void IoSetCompletionRoutine(PIRP Irp, PIO_COMPLETION_ROUTINE CompletionRoutine, PVOID Context,
                                        BOOLEAN InvokeOnSuccess, BOOLEAN InvokeOnError,
                                        BOOLEAN InvokeOnCancel)
{
    PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(Irp);
    next->CompletionRoutine = CompletionRoutine;
    next->Context = Context;
    next->Control =
        (UCHAR)((InvokeOnSuccess ? SL_INVOKE_ON_SUCCESS : 0) | (InvokeOnError ? SL_INVOKE_ON_ERROR : 0) |
                (InvokeOnCancel ? SL_INVOKE_ON_CANCEL : 0));
}

FORCEINLINE PDRIVER_CANCEL IoSetCancelRoutine(PIRP Irp, PDRIVER_CANCEL CancelRoutine)
{
    return __atomic_exchange_n(&Irp->CancelRoutine, CancelRoutine, __ATOMIC_SEQ_CST);
}

/* ---- memory descriptor lists ------------------------------------------------------------------------- */

#define MmGetMdlByteCount(mdl)      ((mdl)->ByteCount)
#define MmGetMdlByteOffset(mdl)     ((mdl)->ByteOffset)
#define MmGetMdlBaseVa(mdl)         ((mdl)->StartVa)
#define MmGetMdlVirtualAddress(mdl) ((PVOID)((PUCHAR)(mdl)->StartVa + (mdl)->ByteOffset))

/* The caller's storage is at least sizeof(MDL) and one PFN_NUMBER for each page. */
FORCEINLINE void MmInitializeMdl(PMDL Mdl, PVOID BaseVa, SIZE_T Length)
{
    Mdl->Next = NULL;
    Mdl->Size = (CSHORT)(sizeof(MDL) + sizeof(PFN_NUMBER) * ADDRESS_AND_SIZE_TO_SPAN_PAGES(BaseVa, Length));
    Mdl->MdlFlags = 0;
    Mdl->StartVa = PAGE_ALIGN(BaseVa);
    Mdl->ByteOffset = BYTE_OFFSET(BaseVa);
    Mdl->ByteCount = (ULONG)Length;
}

/* For an MDL of IoBuildPartialMdl, before it is reused or its memory is freed. */
FORCEINLINE void MmPrepareMdlForReuse(PMDL Mdl)
{
    if (Mdl->MdlFlags & MDL_PARTIAL_HAS_BEEN_MAPPED) {
        MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
    }
}

FORCEINLINE PVOID MmGetSystemAddressForMdlSafe(PMDL Mdl, ULONG Priority)
{
    if (Mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)) {
        return Mdl->MappedSystemVa;
    }
    return MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, NULL, FALSE, Priority);
}

EXTERN_C_END

#endif
