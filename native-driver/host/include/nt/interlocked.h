/* SPDX-License-Identifier: Apache-2.0
 *
 * Interlocked and ordered memory access. The plain forms are full barriers, as on Windows.
 */
#ifndef NT_INTERLOCKED_H
#define NT_INTERLOCKED_H

#include <nt/types.h>

#define NT_DEFINE_INTERLOCKED(suffix, type)                                                                  \
    FORCEINLINE type InterlockedIncrement##suffix(type volatile* Addend)                                     \
    {                                                                                                        \
        return __atomic_add_fetch(Addend, 1, __ATOMIC_SEQ_CST);                                              \
    }                                                                                                        \
    FORCEINLINE type InterlockedDecrement##suffix(type volatile* Addend)                                     \
    {                                                                                                        \
        return __atomic_sub_fetch(Addend, 1, __ATOMIC_SEQ_CST);                                              \
    }                                                                                                        \
    FORCEINLINE type InterlockedAdd##suffix(type volatile* Addend, type Value)                               \
    {                                                                                                        \
        return __atomic_add_fetch(Addend, Value, __ATOMIC_SEQ_CST);                                          \
    }                                                                                                        \
    FORCEINLINE type InterlockedExchangeAdd##suffix(type volatile* Addend, type Value)                       \
    {                                                                                                        \
        return __atomic_fetch_add(Addend, Value, __ATOMIC_SEQ_CST);                                          \
    }                                                                                                        \
    FORCEINLINE type InterlockedExchange##suffix(type volatile* Target, type Value)                          \
    {                                                                                                        \
        return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);                                         \
    }                                                                                                        \
    FORCEINLINE type InterlockedCompareExchange##suffix(type volatile* Target, type Value, type Comparand)   \
    {                                                                                                        \
        __atomic_compare_exchange_n(Target, &Comparand, Value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);       \
        return Comparand;                                                                                    \
    }                                                                                                        \
    FORCEINLINE type InterlockedAnd##suffix(type volatile* Target, type Mask)                                \
    {                                                                                                        \
        return __atomic_fetch_and(Target, Mask, __ATOMIC_SEQ_CST);                                           \
    }                                                                                                        \
    FORCEINLINE type InterlockedOr##suffix(type volatile* Target, type Mask)                                 \
    {                                                                                                        \
        return __atomic_fetch_or(Target, Mask, __ATOMIC_SEQ_CST);                                            \
    }                                                                                                        \
    FORCEINLINE type InterlockedXor##suffix(type volatile* Target, type Mask)                                \
    {                                                                                                        \
        return __atomic_fetch_xor(Target, Mask, __ATOMIC_SEQ_CST);                                           \
    }

NT_DEFINE_INTERLOCKED(, LONG)
NT_DEFINE_INTERLOCKED(64, LONG64)
NT_DEFINE_INTERLOCKED(SizeT, SIZE_T)

FORCEINLINE PVOID InterlockedExchangePointer(PVOID volatile* Target, PVOID Value)
{
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}

FORCEINLINE PVOID InterlockedCompareExchangePointer(PVOID volatile* Target, PVOID Value, PVOID Comparand)
{
    __atomic_compare_exchange_n(Target, &Comparand, Value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return Comparand;
}

FORCEINLINE BOOLEAN InterlockedBitTestAndSet(LONG volatile* Base, LONG Bit)
{
    return (BOOLEAN)((__atomic_fetch_or(Base, (LONG)(1u << Bit), __ATOMIC_SEQ_CST) >> Bit) & 1);
}

FORCEINLINE BOOLEAN InterlockedBitTestAndReset(LONG volatile* Base, LONG Bit)
{
    return (BOOLEAN)((__atomic_fetch_and(Base, (LONG) ~(1u << Bit), __ATOMIC_SEQ_CST) >> Bit) & 1);
}

FORCEINLINE LONG InterlockedIncrementNoFence(LONG volatile* Addend)
{
    return __atomic_add_fetch(Addend, 1, __ATOMIC_RELAXED);
}

FORCEINLINE LONG InterlockedDecrementNoFence(LONG volatile* Addend)
{
    return __atomic_sub_fetch(Addend, 1, __ATOMIC_RELAXED);
}

FORCEINLINE LONG InterlockedIncrementAcquire(LONG volatile* Addend)
{
    return __atomic_add_fetch(Addend, 1, __ATOMIC_ACQUIRE);
}

FORCEINLINE LONG InterlockedDecrementRelease(LONG volatile* Addend)
{
    return __atomic_sub_fetch(Addend, 1, __ATOMIC_RELEASE);
}

FORCEINLINE LONG InterlockedCompareExchangeAcquire(LONG volatile* Target, LONG Value, LONG Comparand)
{
    __atomic_compare_exchange_n(Target, &Comparand, Value, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE);
    return Comparand;
}

FORCEINLINE LONG InterlockedCompareExchangeRelease(LONG volatile* Target, LONG Value, LONG Comparand)
{
    __atomic_compare_exchange_n(Target, &Comparand, Value, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    return Comparand;
}

#define NT_DEFINE_ORDERED(infix, suffix, type)                                                               \
    FORCEINLINE type Read##infix##Acquire##suffix(type const volatile* Source)                               \
    {                                                                                                        \
        return __atomic_load_n(Source, __ATOMIC_ACQUIRE);                                                    \
    }                                                                                                        \
    FORCEINLINE type Read##infix##NoFence##suffix(type const volatile* Source)                               \
    {                                                                                                        \
        return __atomic_load_n(Source, __ATOMIC_RELAXED);                                                    \
    }                                                                                                        \
    FORCEINLINE void Write##infix##Release##suffix(type volatile* Target, type Value)                        \
    {                                                                                                        \
        __atomic_store_n(Target, Value, __ATOMIC_RELEASE);                                                   \
    }                                                                                                        \
    FORCEINLINE void Write##infix##NoFence##suffix(type volatile* Target, type Value)                        \
    {                                                                                                        \
        __atomic_store_n(Target, Value, __ATOMIC_RELAXED);                                                   \
    }

NT_DEFINE_ORDERED(, , LONG)
NT_DEFINE_ORDERED(, 64, LONG64)
NT_DEFINE_ORDERED(UChar, , UCHAR)
NT_DEFINE_ORDERED(UShort, , USHORT)
NT_DEFINE_ORDERED(ULong, , ULONG)
NT_DEFINE_ORDERED(ULong64, , ULONG64)
NT_DEFINE_ORDERED(ULongPtr, , ULONG_PTR)
NT_DEFINE_ORDERED(Pointer, , PVOID)
NT_DEFINE_ORDERED(Boolean, , BOOLEAN)

/* ThreadSanitizer can't see stand-alone barriers; code that must be checked uses the ordered forms above. */
#define KeMemoryBarrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define MemoryBarrier()   KeMemoryBarrier()
#if defined(__aarch64__)
#define YieldProcessor() __asm__ volatile("yield")
#else
#define YieldProcessor() __builtin_ia32_pause()
#endif

#endif
