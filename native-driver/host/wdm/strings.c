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
    SIZE_T Length = SourceString != NULL ? strnlen(SourceString, MAXIMUM_LENGTH - 1) : 0;
    DestinationString->Length = (USHORT)Length;
    DestinationString->MaximumLength = SourceString != NULL ? (USHORT)(Length + 1) : 0;
    DestinationString->Buffer = (PCHAR)(ULONG_PTR)SourceString;
}

void RtlInitAnsiString(PANSI_STRING DestinationString, PCSTR SourceString)
{
    RtlInitString(DestinationString, SourceString);
}

LONG RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    ULONG Length1 = String1->Length / sizeof(WCHAR);
    ULONG Length2 = String2->Length / sizeof(WCHAR);
    for (ULONG i = 0; i < Length1 && i < Length2; i++) {
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
    SIZE_T Count = 0;
    while (Source != NULL && Source[Count] != 0) {
        Count++;
    }
    return Count != 0 ? Append(Destination, Source, Count * sizeof(WCHAR)) : STATUS_SUCCESS;
}

/* ---- UTF-8 and UTF-16 -------------------------------------------------------------------------------- */

/* Reads the next code point and advances Text; each invalid byte becomes U+FFFD. */
static ULONG TakeUtf8(const UCHAR** Text, const UCHAR* End)
{
    const UCHAR* At = *Text;
    ULONG First = *At++;
    ULONG More = First < 0x80 ? 0 : First >= 0xF0 ? 3 : First >= 0xE0 ? 2 : 1;
    ULONG Value = More == 0 ? First : First & (0x3Fu >> More);
    static const ULONG Least[] = {0, 0x80, 0x800, 0x10000};

    *Text = At;
    if (More != 0 && (First < 0xC2 || First > 0xF4 || (ULONG)(End - At) < More)) {
        return REPLACEMENT;
    }
    for (ULONG i = 0; i < More; i++) {
        if ((At[i] & 0xC0) != 0x80) {
            return REPLACEMENT;
        }
        Value = Value << 6 | (At[i] & 0x3Fu);
    }
    if (Value < Least[More] || Value > 0x10FFFF || (Value >= 0xD800 && Value < 0xE000)) {
        return REPLACEMENT;
    }
    *Text = At + More;
    return Value;
}

static ULONG TakeUtf16(const WCHAR** Text, const WCHAR* End)
{
    ULONG Value = *(*Text)++;
    if (Value < 0xD800 || Value >= 0xE000) {
        return Value;
    }
    if (Value < 0xDC00 && *Text < End && **Text >= 0xDC00 && **Text < 0xE000) {
        return 0x10000 + ((Value - 0xD800) << 10) + (*(*Text)++ - 0xDC00u);
    }
    return REPLACEMENT;
}

SIZE_T HostUtf8ToUtf16(const char* Source, SIZE_T Length, PWCH Destination)
{
    const UCHAR* At = (const UCHAR*)Source;
    const UCHAR* End = At + Length;
    SIZE_T Count = 0;
    while (At < End) {
        ULONG Value = TakeUtf8(&At, End);
        if (Value >= 0x10000) {
            if (Destination != NULL) {
                Destination[Count] = (WCHAR)(0xD800 + ((Value - 0x10000) >> 10));
                Destination[Count + 1] = (WCHAR)(0xDC00 + (Value & 0x3FF));
            }
            Count += 2;
        } else {
            if (Destination != NULL) {
                Destination[Count] = (WCHAR)Value;
            }
            Count++;
        }
    }
    return Count;
}

static SIZE_T PutUtf8(ULONG Value, char* Destination)
{
    if (Value < 0x80) {
        Destination[0] = (char)Value;
        return 1;
    }
    SIZE_T Length = Value < 0x800 ? 2 : Value < 0x10000 ? 3 : 4;
    static const UCHAR Mark[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (SIZE_T i = Length - 1; i > 0; i--) {
        Destination[i] = (char)(0x80 | (Value & 0x3F));
        Value >>= 6;
    }
    Destination[0] = (char)(Mark[Length] | Value);
    return Length;
}

SIZE_T HostUtf16ToUtf8(PCWCH Source, SIZE_T Count, char* Destination)
{
    PCWCH End = Source + Count;
    SIZE_T Length = 0;
    char Bytes[4];
    while (Source < End) {
        SIZE_T Step = PutUtf8(TakeUtf16(&Source, End), Bytes);
        if (Destination != NULL) {
            memcpy(Destination + Length, Bytes, Step);
        }
        Length += Step;
    }
    return Length;
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
    PVOID Buffer = DestinationString->Buffer;
    USHORT Maximum = DestinationString->MaximumLength;
    SIZE_T Count = HostUtf8ToUtf16(SourceString->Buffer, SourceString->Length, NULL);
    NTSTATUS Status = MakeRoom(Count * sizeof(WCHAR), sizeof(WCHAR), AllocateDestinationString,
                               __builtin_return_address(0), &Buffer, &Maximum);
    if (NT_SUCCESS(Status)) {
        UNICODE_STRING Result = {(USHORT)(Count * sizeof(WCHAR)), Maximum, Buffer};
        HostUtf8ToUtf16(SourceString->Buffer, SourceString->Length, Result.Buffer);
        Result.Buffer[Count] = 0;
        *DestinationString = Result;
    }
    return Status;
}

NTSTATUS RtlUnicodeStringToAnsiString(PANSI_STRING DestinationString, PCUNICODE_STRING SourceString,
                                      BOOLEAN AllocateDestinationString)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    PVOID Buffer = DestinationString->Buffer;
    USHORT Maximum = DestinationString->MaximumLength;
    SIZE_T Count = SourceString->Length / sizeof(WCHAR);
    SIZE_T Length = HostUtf16ToUtf8(SourceString->Buffer, Count, NULL);
    NTSTATUS Status =
        MakeRoom(Length, 1, AllocateDestinationString, __builtin_return_address(0), &Buffer, &Maximum);
    if (NT_SUCCESS(Status)) {
        ANSI_STRING Result = {(USHORT)Length, Maximum, Buffer};
        HostUtf16ToUtf8(SourceString->Buffer, Count, Result.Buffer);
        Result.Buffer[Length] = 0;
        *DestinationString = Result;
    }
    return Status;
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
    WCHAR Digits[33];
    ULONG First = ARRAYSIZE(Digits);
    Base = Base == 0 ? 10 : Base;
    if (!IsBase(Base)) {
        return STATUS_INVALID_PARAMETER;
    }
    do {
        Digits[--First] = (WCHAR) "0123456789ABCDEF"[Value % Base];
        Value /= Base;
    } while (Value != 0);
    ULONG Length = (ULONG)((ARRAYSIZE(Digits) - First) * sizeof(WCHAR));
    if (Length + sizeof(WCHAR) > String->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    String->Length = 0;
    return Append(String, Digits + First, Length);
}

static ULONG DigitOf(WCHAR Character)
{
    WCHAR Upper = HostUpcase(Character);
    return Character >= '0' && Character <= '9' ? Character - (ULONG)'0'
           : Upper >= 'A' && Upper <= 'F'       ? Upper - (ULONG)'A' + 10
                                                : MAXULONG;
}

NTSTATUS RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value)
{
    PCWCH At = String->Buffer;
    PCWCH End = At + String->Length / sizeof(WCHAR);
    ULONG Result = 0;
    while (At < End && *At <= ' ') {
        At++;
    }
    BOOLEAN Negative = (BOOLEAN)(At < End && *At == '-');
    if (At < End && (*At == '-' || *At == '+')) {
        At++;
    }
    if (Base == 0) {
        Base = 10;
        if (End - At > 1 && At[0] == '0') {
            ULONG Marked = At[1] == 'x' ? 16 : At[1] == 'o' ? 8 : At[1] == 'b' ? 2 : 10;
            At += Marked != 10 ? 2 : 0;
            Base = Marked;
        }
    }
    if (!IsBase(Base)) {
        return STATUS_INVALID_PARAMETER;
    }
    for (; At < End && DigitOf(*At) < Base; At++) {
        Result = Result * Base + DigitOf(*At);
    }
    *Value = Negative ? 0 - Result : Result;
    return STATUS_SUCCESS;
}
