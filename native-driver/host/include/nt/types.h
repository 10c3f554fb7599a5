/* SPDX-License-Identifier: Apache-2.0
 *
 * Base types and the small macros that WDK code takes for granted.
 */
#ifndef NT_TYPES_H
#define NT_TYPES_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
#define EXTERN_C       extern "C"
#define EXTERN_C_START extern "C" {
#define EXTERN_C_END   }
#define C_ASSERT(e)    static_assert(e, #e)
#else
#define EXTERN_C extern
#define EXTERN_C_START
#define EXTERN_C_END
#define C_ASSERT(e) _Static_assert(e, #e)
#endif

/* A driver for Windows gets the kernel's routines from ntoskrnl.exe, and reads IRQL and time directly. On
 * Linux, all code gets them from host/wdm. The host's modules for Wine (NT_HOST) get them from host/wine, and
 * the rest from Wine's ntoskrnl.exe. */
#if defined(_WIN32) && !defined(NT_HOST)
#define NT_GENUINE_KERNEL
#define NTKERNELAPI __declspec(dllimport)
#else
#define NTKERNELAPI
#endif

#define NTAPI
#define FASTCALL
#define NTHALAPI NTKERNELAPI
#define NTSYSAPI NTKERNELAPI

/* x64 has one calling convention per platform, so the convention macros above are empty. */
#define FORCEINLINE         static inline __attribute__((always_inline, unused))
#define CFORCEINLINE        FORCEINLINE
#define DECLSPEC_ALIGN(n)   __attribute__((aligned(n)))
#define DECLSPEC_CACHEALIGN DECLSPEC_ALIGN(64)
#define DECLSPEC_NORETURN   __attribute__((noreturn))
#define DECLSPEC_NOINLINE   __attribute__((noinline))
#ifdef __MINGW32__
#define DECLSPEC_SELECTANY __declspec(selectany)
#else
#define DECLSPEC_SELECTANY __attribute__((weak))
#endif
/* Precedes the initialiser of a constant that every source file may define and that exists once per image.
 * C++ needs a declaration first; in C, Clang treats such a declaration as a definition. */
#ifdef __cplusplus
#define NT_SHARED_CONSTANT(type, name)                                                                       \
    EXTERN_C DECLSPEC_SELECTANY const type name;                                                             \
    const type name
#else
#define NT_SHARED_CONSTANT(type, name) DECLSPEC_SELECTANY const type name
#endif
#undef UNALIGNED
#define UNALIGNED
#define POINTER_ALIGNMENT           DECLSPEC_ALIGN(8)
#define MEMORY_ALLOCATION_ALIGNMENT 16
#define SYSTEM_CACHE_ALIGNMENT_SIZE 64

#ifndef CONST
#define CONST const
#endif
#define VOID void

typedef void* PVOID;
typedef const void* PCVOID;
typedef void* HANDLE;
typedef HANDLE* PHANDLE;
typedef char CHAR, CCHAR, *PCHAR, *PSTR, *PCCHAR;
typedef const char* PCSTR;
typedef unsigned char UCHAR, *PUCHAR, BOOLEAN, *PBOOLEAN;
typedef const UCHAR* PCUCHAR;
typedef short SHORT, CSHORT, *PSHORT;
typedef unsigned short USHORT, *PUSHORT;
typedef wchar_t WCHAR, *PWCHAR, *PWCH, *PWSTR;
typedef const WCHAR *PCWSTR, *PCWCH;
typedef int INT, *PINT;
typedef unsigned int UINT, *PUINT;
typedef int LONG, *PLONG;
typedef unsigned int ULONG, *PULONG;
typedef long long LONGLONG, *PLONGLONG, LONG64, *PLONG64;
typedef unsigned long long ULONGLONG, *PULONGLONG, ULONG64, *PULONG64;
typedef size_t SIZE_T, *PSIZE_T;
typedef uintptr_t ULONG_PTR, *PULONG_PTR, KSPIN_LOCK, *PKSPIN_LOCK;
typedef intptr_t LONG_PTR, *PLONG_PTR;
typedef int8_t INT8;
typedef int16_t INT16;
typedef int32_t INT32;
typedef int64_t INT64;
typedef uint8_t UINT8, *PUINT8;
typedef uint16_t UINT16, *PUINT16;
typedef uint32_t UINT32, *PUINT32;
typedef uint64_t UINT64, *PUINT64;
typedef uintptr_t UINT_PTR;
typedef intptr_t INT_PTR;

typedef LONG NTSTATUS, *PNTSTATUS;
typedef ULONG ACCESS_MASK, *PACCESS_MASK;
typedef ULONG DEVICE_TYPE;
typedef UCHAR KIRQL, *PKIRQL;
typedef CCHAR KPROCESSOR_MODE;
typedef LONG KPRIORITY;
typedef ULONG_PTR KAFFINITY;
typedef PVOID PSECURITY_DESCRIPTOR;

C_ASSERT(sizeof(WCHAR) == 2); /* compile with -fshort-wchar */
C_ASSERT(sizeof(ULONG) == 4 && sizeof(LONG) == 4);
C_ASSERT(sizeof(PVOID) == 8 && sizeof(SIZE_T) == 8);
C_ASSERT(sizeof(KSPIN_LOCK) == 8);

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif

#define ANYSIZE_ARRAY 1
#define MAXUCHAR      0xff
#define MAXUSHORT     0xffff
#define MAXLONG       0x7fffffff
#define MAXULONG      0xffffffffu
#define MAXLONGLONG   0x7fffffffffffffffLL
#define MAXULONGLONG  0xffffffffffffffffULL

#define FIELD_OFFSET(type, field)               ((LONG)offsetof(type, field))
#define RTL_FIELD_SIZE(type, field)             (sizeof(((type*)0)->field))
#define RTL_SIZEOF_THROUGH_FIELD(type, field)   (offsetof(type, field) + RTL_FIELD_SIZE(type, field))
#define CONTAINING_RECORD(address, type, field) ((type*)((PUCHAR)(address)-offsetof(type, field)))
#define ARRAYSIZE(a)                            (sizeof(a) / sizeof((a)[0]))
#define RTL_NUMBER_OF(a)                        ARRAYSIZE(a)
#define RTL_NUMBER_OF_FIELD(type, field)        ARRAYSIZE(((type*)0)->field)
#define UNREFERENCED_PARAMETER(p)               ((void)(p))
#define UNREFERENCED_LOCAL_VARIABLE(v)          ((void)(v))
#define DBG_UNREFERENCED_PARAMETER(p)           ((void)(p))
#define ALIGN_DOWN_BY(length, alignment)        ((ULONG_PTR)(length) & ~((ULONG_PTR)(alignment)-1))
#define ALIGN_UP_BY(length, alignment)          ALIGN_DOWN_BY((ULONG_PTR)(length) + (alignment)-1, alignment)
#define ALIGN_DOWN(length, type)                ALIGN_DOWN_BY(length, sizeof(type))
#define ALIGN_UP(length, type)                  ALIGN_UP_BY(length, sizeof(type))
#define PtrToUlong(p)                           ((ULONG)(ULONG_PTR)(p))
#define PtrToInt(p)                             ((INT)(INT_PTR)(p))
#define HandleToULong(h)                        ((ULONG)(ULONG_PTR)(h))
#define UlongToPtr(u)                           ((PVOID)(ULONG_PTR)(u))
#define UlongToHandle(u)                        ((HANDLE)(ULONG_PTR)(u))
#define Add2Ptr(p, n)                           ((PVOID)((PUCHAR)(p) + (n)))
#ifndef _countof
#define _countof(a) ARRAYSIZE(a)
#endif

#define PASSIVE_LEVEL  0
#define APC_LEVEL      1
#define DISPATCH_LEVEL 2
#define HIGH_LEVEL     15

#define LOW_PRIORITY          0
#define LOW_REALTIME_PRIORITY 16
#define HIGH_PRIORITY         31

#define DELETE          0x00010000
#define READ_CONTROL    0x00020000
#define SYNCHRONIZE     0x00100000
#define GENERIC_READ    0x80000000u
#define GENERIC_WRITE   0x40000000u
#define GENERIC_EXECUTE 0x20000000u
#define GENERIC_ALL     0x10000000u
#define MAXIMUM_ALLOWED 0x02000000u

#define FILE_READ_DATA        0x0001
#define FILE_WRITE_DATA       0x0002
#define FILE_APPEND_DATA      0x0004
#define FILE_READ_EA          0x0008
#define FILE_WRITE_EA         0x0010
#define FILE_EXECUTE          0x0020
#define FILE_READ_ATTRIBUTES  0x0080
#define FILE_WRITE_ATTRIBUTES 0x0100
#define FILE_ALL_ACCESS       0x001F01FFu
#define FILE_GENERIC_READ     0x00120089u
#define FILE_GENERIC_WRITE    0x00120116u
#define FILE_GENERIC_EXECUTE  0x001200A0u
#define EVENT_ALL_ACCESS      0x001F0003u
#define THREAD_ALL_ACCESS     0x001FFFFFu
#define STANDARD_RIGHTS_ALL   0x001F0000u

#define FILE_ANY_ACCESS     0
#define FILE_SPECIAL_ACCESS FILE_ANY_ACCESS
#define FILE_READ_ACCESS    1
#define FILE_WRITE_ACCESS   2

#define METHOD_BUFFERED   0
#define METHOD_IN_DIRECT  1
#define METHOD_OUT_DIRECT 2
#define METHOD_NEITHER    3

#define CTL_CODE(device, function, method, access)                                                           \
    (((ULONG)(device) << 16) | ((ULONG)(access) << 14) | ((ULONG)(function) << 2) | (ULONG)(method))
#define DEVICE_TYPE_FROM_CTL_CODE(code) (((ULONG)(code)&0xffff0000u) >> 16)
#define METHOD_FROM_CTL_CODE(code)      ((ULONG)(code)&3)

#define FILE_DEVICE_DISK        0x00000007
#define FILE_DEVICE_NAMED_PIPE  0x00000011
#define FILE_DEVICE_NETWORK     0x00000012
#define FILE_DEVICE_NULL        0x00000015
#define FILE_DEVICE_TRANSPORT   0x00000021
#define FILE_DEVICE_UNKNOWN     0x00000022
#define FILE_DEVICE_SECURE_OPEN 0x00000100

#endif
