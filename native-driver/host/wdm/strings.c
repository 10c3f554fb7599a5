/* SPDX-License-Identifier: Apache-2.0
 *
 * Counted strings: joining, comparing, and conversion between UTF-16 and the ANSI code page, which is UTF-8.
 */
#include "wdmp.h"

#define TAG_STRING     0x72745352u /* 'RStr' */
#define REPLACEMENT    0xFFFDu
#define MAXIMUM_LENGTH 0xFFFFu

/* ---- init, compare, append --------------------------------------------------------------------------- */

void RtlInitString(PSTRING DestinationString, PCSTR SourceString)
{
    SIZE_T length = SourceString != NULL ? strnlen(SourceString, MAXIMUM_LENGTH - 1) : 0;
    DestinationString->Length = (USHORT)length;
    DestinationString->MaximumLength = SourceString != NULL ? (USHORT)(length + 1) : 0;
    DestinationString->Buffer = (PCHAR)(ULONG_PTR)SourceString;
}

void RtlInitAnsiString(PANSI_STRING DestinationString, PCSTR SourceString)
{
    RtlInitString(DestinationString, SourceString);
}

LONG RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    ULONG length1 = String1->Length / sizeof(WCHAR);
    ULONG length2 = String2->Length / sizeof(WCHAR);
    for (ULONG i = 0; i < length1 && i < length2; i++) {
        WCHAR a = CaseInSensitive ? HostUpcase(String1->Buffer[i]) : String1->Buffer[i];
        WCHAR b = CaseInSensitive ? HostUpcase(String2->Buffer[i]) : String2->Buffer[i];
        if (a != b) {
            return (LONG)a - (LONG)b;
        }
    }
    return (LONG)String1->Length - (LONG)String2->Length;
}

static NTSTATUS Append(PUNICODE_STRING Destination, PCWSTR Source, SIZE_T Length)
{
    if (Length > (SIZE_T)(Destination->MaximumLength - Destination->Length)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    memmove((PUCHAR)Destination->Buffer + Destination->Length, Source, Length);
    Destination->Length = (USHORT)(Destination->Length + Length);
    if (Destination->Length + sizeof(WCHAR) <= Destination->MaximumLength) {
        Destination->Buffer[Destination->Length / sizeof(WCHAR)] = 0;
    }
    return STATUS_SUCCESS;
}

NTSTATUS RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source)
{
    return Source->Length != 0 ? Append(Destination, Source->Buffer, Source->Length) : STATUS_SUCCESS;
}

NTSTATUS RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source)
{
    SIZE_T count = 0;
    while (Source != NULL && Source[count] != 0) {
        count++;
    }
    return count != 0 ? Append(Destination, Source, count * sizeof(WCHAR)) : STATUS_SUCCESS;
}

/* ---- UTF-8 and UTF-16 -------------------------------------------------------------------------------- */

/* Reads the next code point and advances Text; each invalid byte becomes U+FFFD. */
static ULONG TakeUtf8(const UCHAR** Text, const UCHAR* End)
{
    const UCHAR* at = *Text;
    ULONG first = *at++;
    ULONG more = first < 0x80 ? 0 : first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    ULONG value = more == 0 ? first : first & (0x3Fu >> more);
    static const ULONG least[] = {0, 0x80, 0x800, 0x10000};

    *Text = at;
    if (more != 0 && (first < 0xC2 || first > 0xF4 || (ULONG)(End - at) < more)) {
        return REPLACEMENT;
    }
    for (ULONG i = 0; i < more; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return REPLACEMENT;
        }
        value = value << 6 | (at[i] & 0x3Fu);
    }
    if (value < least[more] || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
        return REPLACEMENT;
    }
    *Text = at + more;
    return value;
}

static ULONG TakeUtf16(const WCHAR** Text, const WCHAR* End)
{
    ULONG value = *(*Text)++;
    if (value < 0xD800 || value >= 0xE000) {
        return value;
    }
    if (value < 0xDC00 && *Text < End && **Text >= 0xDC00 && **Text < 0xE000) {
        return 0x10000 + ((value - 0xD800) << 10) + (*(*Text)++ - 0xDC00u);
    }
    return REPLACEMENT;
}

SIZE_T HostUtf8ToUtf16(const char* Source, SIZE_T Length, PWCH Destination)
{
    const UCHAR* at = (const UCHAR*)Source;
    const UCHAR* end = at + Length;
    SIZE_T count = 0;
    while (at < end) {
        ULONG value = TakeUtf8(&at, end);
        if (value >= 0x10000) {
            if (Destination != NULL) {
                Destination[count] = (WCHAR)(0xD800 + ((value - 0x10000) >> 10));
                Destination[count + 1] = (WCHAR)(0xDC00 + (value & 0x3FF));
            }
            count += 2;
        } else {
            if (Destination != NULL) {
                Destination[count] = (WCHAR)value;
            }
            count++;
        }
    }
    return count;
}

static SIZE_T PutUtf8(ULONG Value, char* Destination)
{
    if (Value < 0x80) {
        Destination[0] = (char)Value;
        return 1;
    }
    SIZE_T length = Value < 0x800 ? 2 : Value < 0x10000 ? 3 : 4;
    static const UCHAR mark[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (SIZE_T i = length - 1; i > 0; i--) {
        Destination[i] = (char)(0x80 | (Value & 0x3F));
        Value >>= 6;
    }
    Destination[0] = (char)(mark[length] | Value);
    return length;
}

SIZE_T HostUtf16ToUtf8(PCWCH Source, SIZE_T Count, char* Destination)
{
    PCWCH end = Source + Count;
    SIZE_T length = 0;
    char bytes[4];
    while (Source < end) {
        SIZE_T step = PutUtf8(TakeUtf16(&Source, end), bytes);
        if (Destination != NULL) {
            memcpy(Destination + length, bytes, step);
        }
        length += step;
    }
    return length;
}

/* ---- conversions ------------------------------------------------------------------------------------- */

/* Room for Length bytes and a terminator: the destination's own buffer, or a new one. */
static NTSTATUS MakeRoom(SIZE_T Length, SIZE_T Terminator, BOOLEAN Allocate, PVOID Caller, PVOID* Buffer,
                         PUSHORT MaximumLength)
{
    if (Length + Terminator > MAXIMUM_LENGTH) {
        return STATUS_INVALID_PARAMETER_2;
    }
    if (!Allocate) {
        return Length + Terminator <= *MaximumLength ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
    }
    *Buffer = HostAllocate(HostKindPool, Length + Terminator, TAG_STRING, Caller);
    *MaximumLength = (USHORT)(Length + Terminator);
    return *Buffer != NULL ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

NTSTATUS RtlAnsiStringToUnicodeString(PUNICODE_STRING DestinationString, PCANSI_STRING SourceString,
                                      BOOLEAN AllocateDestinationString)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    PVOID buffer = DestinationString->Buffer;
    USHORT maximum = DestinationString->MaximumLength;
    SIZE_T count = HostUtf8ToUtf16(SourceString->Buffer, SourceString->Length, NULL);
    NTSTATUS status = MakeRoom(count * sizeof(WCHAR), sizeof(WCHAR), AllocateDestinationString,
                               __builtin_return_address(0), &buffer, &maximum);
    if (NT_SUCCESS(status)) {
        UNICODE_STRING result = {(USHORT)(count * sizeof(WCHAR)), maximum, buffer};
        HostUtf8ToUtf16(SourceString->Buffer, SourceString->Length, result.Buffer);
        result.Buffer[count] = 0;
        *DestinationString = result;
    }
    return status;
}

NTSTATUS RtlUnicodeStringToAnsiString(PANSI_STRING DestinationString, PCUNICODE_STRING SourceString,
                                      BOOLEAN AllocateDestinationString)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    PVOID buffer = DestinationString->Buffer;
    USHORT maximum = DestinationString->MaximumLength;
    SIZE_T count = SourceString->Length / sizeof(WCHAR);
    SIZE_T length = HostUtf16ToUtf8(SourceString->Buffer, count, NULL);
    NTSTATUS status =
        MakeRoom(length, 1, AllocateDestinationString, __builtin_return_address(0), &buffer, &maximum);
    if (NT_SUCCESS(status)) {
        ANSI_STRING result = {(USHORT)length, maximum, buffer};
        HostUtf16ToUtf8(SourceString->Buffer, count, result.Buffer);
        result.Buffer[length] = 0;
        *DestinationString = result;
    }
    return status;
}

void RtlFreeUnicodeString(PUNICODE_STRING UnicodeString)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (UnicodeString->Buffer != NULL) {
        ExFreePool(UnicodeString->Buffer);
        memset(UnicodeString, 0, sizeof(*UnicodeString));
    }
}

void RtlFreeAnsiString(PANSI_STRING AnsiString)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (AnsiString->Buffer != NULL) {
        ExFreePool(AnsiString->Buffer);
        memset(AnsiString, 0, sizeof(*AnsiString));
    }
}

/* ---- numbers ----------------------------------------------------------------------------------------- */

static BOOLEAN IsBase(ULONG Base)
{
    return (BOOLEAN)(Base == 2 || Base == 8 || Base == 10 || Base == 16);
}

NTSTATUS RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String)
{
    WCHAR digits[33];
    ULONG first = ARRAYSIZE(digits);
    Base = Base == 0 ? 10 : Base;
    if (!IsBase(Base)) {
        return STATUS_INVALID_PARAMETER;
    }
    do {
        digits[--first] = (WCHAR) "0123456789ABCDEF"[Value % Base];
        Value /= Base;
    } while (Value != 0);
    ULONG length = (ULONG)((ARRAYSIZE(digits) - first) * sizeof(WCHAR));
    if (length + sizeof(WCHAR) > String->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    String->Length = 0;
    return Append(String, digits + first, length);
}

static ULONG DigitOf(WCHAR Character)
{
    WCHAR upper = HostUpcase(Character);
    return Character >= '0' && Character <= '9' ? Character - (ULONG)'0'
           : upper >= 'A' && upper <= 'F'       ? upper - (ULONG)'A' + 10
                                                : MAXULONG;
}

NTSTATUS RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value)
{
    PCWCH at = String->Buffer;
    PCWCH end = at + String->Length / sizeof(WCHAR);
    ULONG value = 0;
    while (at < end && *at <= ' ') {
        at++;
    }
    BOOLEAN negative = (BOOLEAN)(at < end && *at == '-');
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    if (Base == 0) {
        Base = 10;
        if (end - at > 1 && at[0] == '0') {
            ULONG marked = at[1] == 'x' ? 16 : at[1] == 'o' ? 8 : at[1] == 'b' ? 2 : 10;
            at += marked != 10 ? 2 : 0;
            Base = marked;
        }
    }
    if (!IsBase(Base)) {
        return STATUS_INVALID_PARAMETER;
    }
    for (; at < end && DigitOf(*at) < Base; at++) {
        value = value * Base + DigitOf(*at);
    }
    *Value = negative ? 0 - value : value;
    return STATUS_SUCCESS;
}
