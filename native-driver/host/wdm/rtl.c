/* SPDX-License-Identifier: Apache-2.0
 *
 * Runtime library and clocks.
 */
#include "wdmp.h"

#include <sys/random.h>

#define NANOSECONDS_PER_SECOND 1000000000LL
#define TICKS_TO_UNIX_EPOCH    116444736000000000LL /* 100 ns units from 1601 to 1970 */

/* ---- clocks ------------------------------------------------------------------------------------------ */

LONGLONG HostQueryTime(void)
{
    struct timespec Now;
    clock_gettime(CLOCK_MONOTONIC, &Now);
    return Now.tv_sec * NANOSECONDS_PER_SECOND + Now.tv_nsec;
}

struct timespec HostTimespec(LONGLONG Nanoseconds)
{
    struct timespec Result = {.tv_sec = Nanoseconds / NANOSECONDS_PER_SECOND,
                              .tv_nsec = Nanoseconds % NANOSECONDS_PER_SECOND};
    return Result;
}

void KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime)
{
    struct timespec Now;
    clock_gettime(CLOCK_REALTIME, &Now);
    CurrentTime->QuadPart = TICKS_TO_UNIX_EPOCH + Now.tv_sec * 10000000LL + Now.tv_nsec / 100;
}

void KeQuerySystemTime(PLARGE_INTEGER CurrentTime)
{
    KeQuerySystemTimePrecise(CurrentTime);
}

ULONGLONG KeQueryInterruptTime(void)
{
    return (ULONGLONG)HostQueryTime() / 100;
}

LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency)
{
    LARGE_INTEGER Counter;
    if (PerformanceFrequency != NULL) {
        PerformanceFrequency->QuadPart = NANOSECONDS_PER_SECOND / 100;
    }
    Counter.QuadPart = HostQueryTime() / 100;
    return Counter;
}

LONGLONG HostDeadline(const LARGE_INTEGER* Timeout)
{
    if (Timeout == NULL) {
        return -1;
    }
    LONGLONG Interval = -Timeout->QuadPart;
    if (Timeout->QuadPart > 0) {
        LARGE_INTEGER Now;
        KeQuerySystemTimePrecise(&Now);
        Interval = Timeout->QuadPart - Now.QuadPart;
    }
    if (Interval <= 0) {
        return 0;
    }
    LONGLONG Now = HostQueryTime();
    return Interval > (MAXLONGLONG - Now) / 100 ? -1 : Now + Interval * 100;
}

/* ---- memory and strings ------------------------------------------------------------------------------ */

SIZE_T RtlCompareMemory(const void* Source1, const void* Source2, SIZE_T Length)
{
    const UCHAR* a = Source1;
    const UCHAR* b = Source2;
    SIZE_T Equal = 0;
    while (Equal < Length && a[Equal] == b[Equal]) {
        Equal++;
    }
    return Equal;
}

void RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    SIZE_T Length = 0;
    if (SourceString != NULL) {
        while (SourceString[Length] != 0 && Length < 0x7FFE) {
            Length++;
        }
    }
    DestinationString->Length = (USHORT)(Length * sizeof(WCHAR));
    DestinationString->MaximumLength = SourceString != NULL ? (USHORT)((Length + 1) * sizeof(WCHAR)) : 0;
    DestinationString->Buffer = (PWCH)SourceString;
}

WCHAR HostUpcase(WCHAR Character)
{
    return Character >= 'a' && Character <= 'z' ? (WCHAR)(Character - 'a' + 'A') : Character;
}

BOOLEAN RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    if (String1->Length != String2->Length) {
        return FALSE;
    }
    for (USHORT i = 0; i < String1->Length / sizeof(WCHAR); i++) {
        WCHAR a = String1->Buffer[i];
        WCHAR b = String2->Buffer[i];
        if (a != b && !(CaseInSensitive && HostUpcase(a) == HostUpcase(b))) {
            return FALSE;
        }
    }
    return TRUE;
}

void RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString)
{
    USHORT Length = 0;
    if (SourceString != NULL) {
        Length = SourceString->Length < DestinationString->MaximumLength ? SourceString->Length
                                                                         : DestinationString->MaximumLength;
        memcpy(DestinationString->Buffer, SourceString->Buffer, Length);
    }
    DestinationString->Length = Length;
    if (Length + sizeof(WCHAR) <= DestinationString->MaximumLength) {
        DestinationString->Buffer[Length / sizeof(WCHAR)] = 0;
    }
}

const char* HostNarrow(PCUNICODE_STRING String, char* Buffer, size_t Length)
{
    size_t Count = String->Length / sizeof(WCHAR);
    size_t i = 0;
    for (; i < Count && i + 1 < Length; i++) {
        Buffer[i] = String->Buffer[i] < 0x80 ? (char)String->Buffer[i] : '?';
    }
    Buffer[i] = 0;
    return Buffer;
}

/* From the system's generator: unlike the original, not predictable from the seed. */
ULONG RtlRandomEx(PULONG Seed)
{
    ULONG Value = 0;
    while (getrandom(&Value, sizeof(Value), 0) != (ssize_t)sizeof(Value)) {
    }
    *Seed = Value;
    return Value % MAXLONG;
}
