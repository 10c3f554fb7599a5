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
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

struct timespec HostTimespec(LONGLONG Nanoseconds)
{
    struct timespec result = {.tv_sec = Nanoseconds / NANOSECONDS_PER_SECOND,
                              .tv_nsec = Nanoseconds % NANOSECONDS_PER_SECOND};
    return result;
}

void KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    CurrentTime->QuadPart = TICKS_TO_UNIX_EPOCH + now.tv_sec * 10000000LL + now.tv_nsec / 100;
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
    LARGE_INTEGER counter;
    if (PerformanceFrequency != NULL) {
        PerformanceFrequency->QuadPart = NANOSECONDS_PER_SECOND / 100;
    }
    counter.QuadPart = HostQueryTime() / 100;
    return counter;
}

LONGLONG HostDeadline(const LARGE_INTEGER* Timeout)
{
    if (Timeout == NULL) {
        return -1;
    }
    LONGLONG interval = -Timeout->QuadPart;
    if (Timeout->QuadPart > 0) {
        LARGE_INTEGER now;
        KeQuerySystemTimePrecise(&now);
        interval = Timeout->QuadPart - now.QuadPart;
    }
    if (interval <= 0) {
        return 0;
    }
    LONGLONG now = HostQueryTime();
    return interval > (MAXLONGLONG - now) / 100 ? -1 : now + interval * 100;
}

/* ---- memory and strings ------------------------------------------------------------------------------ */

SIZE_T RtlCompareMemory(const void* Source1, const void* Source2, SIZE_T Length)
{
    const UCHAR* a = Source1;
    const UCHAR* b = Source2;
    SIZE_T equal = 0;
    while (equal < Length && a[equal] == b[equal]) {
        equal++;
    }
    return equal;
}

void RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    SIZE_T length = 0;
    if (SourceString != NULL) {
        while (SourceString[length] != 0 && length < 0x7FFE) {
            length++;
        }
    }
    DestinationString->Length = (USHORT)(length * sizeof(WCHAR));
    DestinationString->MaximumLength = SourceString != NULL ? (USHORT)((length + 1) * sizeof(WCHAR)) : 0;
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
    USHORT length = 0;
    if (SourceString != NULL) {
        length = SourceString->Length < DestinationString->MaximumLength ? SourceString->Length
                                                                         : DestinationString->MaximumLength;
        memcpy(DestinationString->Buffer, SourceString->Buffer, length);
    }
    DestinationString->Length = length;
    if (length + sizeof(WCHAR) <= DestinationString->MaximumLength) {
        DestinationString->Buffer[length / sizeof(WCHAR)] = 0;
    }
}

const char* HostNarrow(PCUNICODE_STRING String, char* Buffer, size_t Length)
{
    size_t count = String->Length / sizeof(WCHAR);
    size_t i = 0;
    for (; i < count && i + 1 < Length; i++) {
        Buffer[i] = String->Buffer[i] < 0x80 ? (char)String->Buffer[i] : '?';
    }
    Buffer[i] = 0;
    return Buffer;
}

/* From the system's generator: unlike the original, not predictable from the seed. */
ULONG RtlRandomEx(PULONG Seed)
{
    ULONG value = 0;
    while (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value)) {
    }
    *Seed = value;
    return value % MAXLONG;
}
