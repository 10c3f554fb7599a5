/* SPDX-License-Identifier: Apache-2.0
 *
 * String functions that know the size of their destination. Cb... counts bytes, Cch... characters; A is
 * narrow, W wide. They always terminate a destination that has room for anything. STATUS_BUFFER_OVERFLOW, a
 * warning: the text was truncated. STATUS_INVALID_PARAMETER: the size of the destination is 0 or above
 * NTSTRSAFE_MAX_CCH, or a text that must be terminated is not.
 *
 * The functions for UNICODE_STRINGs store no terminator, and check their strings first.
 */
#ifndef NTSTRSAFE_H
#define NTSTRSAFE_H

#include <ntddk.h>

#ifdef __MINGW32__
#include <stdio.h>
#include <wchar.h>
#endif

EXTERN_C_START

#define NTSTRSAFE_MAX_CCH                2147483647
#define NTSTRSAFE_UNICODE_STRING_MAX_CCH (0xffff / sizeof(WCHAR))
#define NTSTRSAFE_MAX_LENGTH             (NTSTRSAFE_MAX_CCH - 1)
#define NTSTRSAFEDDI                     FORCEINLINE NTSTATUS
#define NTSTRSAFE_INLINE_API             FORCEINLINE NTSTATUS

typedef char* NTSTRSAFE_PSTR;
typedef const char* NTSTRSAFE_PCSTR;
typedef wchar_t* NTSTRSAFE_PWSTR;
typedef const wchar_t* NTSTRSAFE_PCWSTR;

/* ---- narrow characters ------------------------------------------------------------------------------- */

FORCEINLINE NTSTATUS NtstrsafeLengthA(const char* Text, SIZE_T Maximum, SIZE_T* Length)
{
    SIZE_T length = 0;
    while (length < Maximum && Text[length] != 0) {
        length++;
    }
    *Length = length < Maximum ? length : 0;
    return length < Maximum ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* Stores up to Limit characters of Text at the start of a destination. */
FORCEINLINE NTSTATUS NtstrsafeCopyA(char* Destination, SIZE_T Size, const char* Text, SIZE_T Limit)
{
    SIZE_T length = 0;
    if (Size == 0 || Size > NTSTRSAFE_MAX_CCH) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Limit > NTSTRSAFE_MAX_LENGTH) {
        Destination[0] = 0;
        return STATUS_INVALID_PARAMETER;
    }
    while (length < Size && length < Limit && Text[length] != 0) {
        Destination[length] = Text[length];
        length++;
    }
    if (length == Size) {
        Destination[Size - 1] = 0;
        return STATUS_BUFFER_OVERFLOW;
    }
    Destination[length] = 0;
    return STATUS_SUCCESS;
}

FORCEINLINE NTSTATUS NtstrsafeCatA(char* Destination, SIZE_T Size, const char* Text, SIZE_T Limit)
{
    SIZE_T length;
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    if (Size <= NTSTRSAFE_MAX_CCH) {
        status = NtstrsafeLengthA(Destination, Size, &length);
    }
    if (!NT_SUCCESS(status) || Limit > NTSTRSAFE_MAX_LENGTH) {
        return STATUS_INVALID_PARAMETER;
    }
    return NtstrsafeCopyA(Destination + length, Size - length, Text, Limit);
}

FORCEINLINE NTSTATUS NtstrsafePrintA(char* Destination, SIZE_T Size, const char* Format, va_list Arguments)
{
    int length;
    if (Size == 0 || Size > NTSTRSAFE_MAX_CCH) {
        return STATUS_INVALID_PARAMETER;
    }
    length = _vsnprintf(Destination, Size - 1, Format, Arguments);
    if (length < 0) {
        Destination[Size - 1] = 0;
        return STATUS_BUFFER_OVERFLOW;
    }
    Destination[length] = 0;
    return STATUS_SUCCESS;
}

NTSTRSAFEDDI RtlStringCbCopyA(char* pszDest, size_t cbDest, const char* pszSrc)
{
    return NtstrsafeCopyA(pszDest, cbDest, pszSrc, NTSTRSAFE_MAX_LENGTH);
}

NTSTRSAFEDDI RtlStringCbCopyNA(char* pszDest, size_t cbDest, const char* pszSrc, size_t cbToCopy)
{
    return NtstrsafeCopyA(pszDest, cbDest, pszSrc, cbToCopy);
}

NTSTRSAFEDDI RtlStringCbCatA(char* pszDest, size_t cbDest, const char* pszSrc)
{
    return NtstrsafeCatA(pszDest, cbDest, pszSrc, NTSTRSAFE_MAX_LENGTH);
}

NTSTRSAFEDDI RtlStringCbCatNA(char* pszDest, size_t cbDest, const char* pszSrc, size_t cbToCopy)
{
    return NtstrsafeCatA(pszDest, cbDest, pszSrc, cbToCopy);
}

NTSTRSAFEDDI RtlStringCbVPrintfA(char* pszDest, size_t cbDest, const char* pszFormat, va_list argList)
{
    return NtstrsafePrintA(pszDest, cbDest, pszFormat, argList);
}

/* Not inlined: takes arguments that vary. */
static inline __attribute__((unused)) NTSTATUS RtlStringCbPrintfA(char* pszDest, size_t cbDest,
                                                                  const char* pszFormat, ...)
{
    va_list arguments;
    NTSTATUS status;
    va_start(arguments, pszFormat);
    status = NtstrsafePrintA(pszDest, cbDest, pszFormat, arguments);
    va_end(arguments);
    return status;
}

/* cbMax counts the terminator, the result doesn't; NULL for a result that is not wanted. */
NTSTRSAFEDDI RtlStringCbLengthA(const char* psz, size_t cbMax, size_t* pcbLength)
{
    SIZE_T length = 0;
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    if (psz != NULL && cbMax <= NTSTRSAFE_MAX_CCH) {
        status = NtstrsafeLengthA(psz, cbMax, &length);
    }
    if (pcbLength != NULL) {
        *pcbLength = length;
    }
    return status;
}

NTSTRSAFEDDI RtlStringCchCopyA(char* pszDest, size_t cchDest, const char* pszSrc)
{
    return NtstrsafeCopyA(pszDest, cchDest, pszSrc, NTSTRSAFE_MAX_LENGTH);
}

NTSTRSAFEDDI RtlStringCchCopyNA(char* pszDest, size_t cchDest, const char* pszSrc, size_t cchToCopy)
{
    return NtstrsafeCopyA(pszDest, cchDest, pszSrc, cchToCopy);
}

NTSTRSAFEDDI RtlStringCchCatA(char* pszDest, size_t cchDest, const char* pszSrc)
{
    return NtstrsafeCatA(pszDest, cchDest, pszSrc, NTSTRSAFE_MAX_LENGTH);
}

NTSTRSAFEDDI RtlStringCchCatNA(char* pszDest, size_t cchDest, const char* pszSrc, size_t cchToCopy)
{
    return NtstrsafeCatA(pszDest, cchDest, pszSrc, cchToCopy);
}

NTSTRSAFEDDI RtlStringCchVPrintfA(char* pszDest, size_t cchDest, const char* pszFormat, va_list argList)
{
    return NtstrsafePrintA(pszDest, cchDest, pszFormat, argList);
}

/* Not inlined: takes arguments that vary. */
static inline __attribute__((unused)) NTSTATUS RtlStringCchPrintfA(char* pszDest, size_t cchDest,
                                                                   const char* pszFormat, ...)
{
    va_list arguments;
    NTSTATUS status;
    va_start(arguments, pszFormat);
    status = NtstrsafePrintA(pszDest, cchDest, pszFormat, arguments);
    va_end(arguments);
    return status;
}

/* cchMax counts the terminator, the result doesn't; NULL for a result that is not wanted. */
NTSTRSAFEDDI RtlStringCchLengthA(const char* psz, size_t cchMax, size_t* pcchLength)
{
    SIZE_T length = 0;
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    if (psz != NULL && cchMax <= NTSTRSAFE_MAX_CCH) {
        status = NtstrsafeLengthA(psz, cchMax, &length);
    }
    if (pcchLength != NULL) {
        *pcchLength = length;
    }
    return status;
}

/* ---- wide characters --------------------------------------------------------------------------------- */

FORCEINLINE NTSTATUS NtstrsafeLengthW(const wchar_t* Text, SIZE_T Maximum, SIZE_T* Length)
{
    SIZE_T length = 0;
    while (length < Maximum && Text[length] != 0) {
        length++;
    }
    *Length = length < Maximum ? length : 0;
    return length < Maximum ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* Stores up to Limit characters of Text at the start of a destination. */
FORCEINLINE NTSTATUS NtstrsafeCopyW(wchar_t* Destination, SIZE_T Size, const wchar_t* Text, SIZE_T Limit)
{
    SIZE_T length = 0;
    if (Size == 0 || Size > NTSTRSAFE_MAX_CCH) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Limit > NTSTRSAFE_MAX_LENGTH) {
        Destination[0] = 0;
        return STATUS_INVALID_PARAMETER;
    }
    while (length < Size && length < Limit && Text[length] != 0) {
        Destination[length] = Text[length];
        length++;
    }
    if (length == Size) {
        Destination[Size - 1] = 0;
        return STATUS_BUFFER_OVERFLOW;
    }
    Destination[length] = 0;
    return STATUS_SUCCESS;
}

FORCEINLINE NTSTATUS NtstrsafeCatW(wchar_t* Destination, SIZE_T Size, const wchar_t* Text, SIZE_T Limit)
{
    SIZE_T length;
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    if (Size <= NTSTRSAFE_MAX_CCH) {
        status = NtstrsafeLengthW(Destination, Size, &length);
    }
    if (!NT_SUCCESS(status) || Limit > NTSTRSAFE_MAX_LENGTH) {
        return STATUS_INVALID_PARAMETER;
    }
    return NtstrsafeCopyW(Destination + length, Size - length, Text, Limit);
}

FORCEINLINE NTSTATUS NtstrsafePrintW(wchar_t* Destination, SIZE_T Size, const wchar_t* Format,
                                     va_list Arguments)
{
    int length;
    if (Size == 0 || Size > NTSTRSAFE_MAX_CCH) {
        return STATUS_INVALID_PARAMETER;
    }
    length = _vsnwprintf(Destination, Size - 1, Format, Arguments);
    if (length < 0) {
        Destination[Size - 1] = 0;
        return STATUS_BUFFER_OVERFLOW;
    }
    Destination[length] = 0;
    return STATUS_SUCCESS;
}

NTSTRSAFEDDI RtlStringCbCopyW(wchar_t* pszDest, size_t cbDest, const wchar_t* pszSrc)
{
    return NtstrsafeCopyW(pszDest, cbDest / sizeof(wchar_t), pszSrc, NTSTRSAFE_MAX_LENGTH);
}

NTSTRSAFEDDI RtlStringCbCopyNW(wchar_t* pszDest, size_t cbDest, const wchar_t* pszSrc, size_t cbToCopy)
{
    return NtstrsafeCopyW(pszDest, cbDest / sizeof(wchar_t), pszSrc, cbToCopy / sizeof(wchar_t));
}

NTSTRSAFEDDI RtlStringCbCatW(wchar_t* pszDest, size_t cbDest, const wchar_t* pszSrc)
{
    return NtstrsafeCatW(pszDest, cbDest / sizeof(wchar_t), pszSrc, NTSTRSAFE_MAX_LENGTH);
}

NTSTRSAFEDDI RtlStringCbCatNW(wchar_t* pszDest, size_t cbDest, const wchar_t* pszSrc, size_t cbToCopy)
{
    return NtstrsafeCatW(pszDest, cbDest / sizeof(wchar_t), pszSrc, cbToCopy / sizeof(wchar_t));
}

NTSTRSAFEDDI RtlStringCbVPrintfW(wchar_t* pszDest, size_t cbDest, const wchar_t* pszFormat, va_list argList)
{
    return NtstrsafePrintW(pszDest, cbDest / sizeof(wchar_t), pszFormat, argList);
}

/* Not inlined: takes arguments that vary. */
static inline __attribute__((unused)) NTSTATUS RtlStringCbPrintfW(wchar_t* pszDest, size_t cbDest,
                                                                  const wchar_t* pszFormat, ...)
{
    va_list arguments;
    NTSTATUS status;
    va_start(arguments, pszFormat);
    status = NtstrsafePrintW(pszDest, cbDest / sizeof(wchar_t), pszFormat, arguments);
    va_end(arguments);
    return status;
}

/* cbMax counts the terminator, the result doesn't; NULL for a result that is not wanted. */
NTSTRSAFEDDI RtlStringCbLengthW(const wchar_t* psz, size_t cbMax, size_t* pcbLength)
{
    SIZE_T length = 0;
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    if (psz != NULL && cbMax / sizeof(wchar_t) <= NTSTRSAFE_MAX_CCH) {
        status = NtstrsafeLengthW(psz, cbMax / sizeof(wchar_t), &length);
    }
    if (pcbLength != NULL) {
        *pcbLength = length * sizeof(wchar_t);
    }
    return status;
}

NTSTRSAFEDDI RtlStringCchCopyW(wchar_t* pszDest, size_t cchDest, const wchar_t* pszSrc)
{
    return NtstrsafeCopyW(pszDest, cchDest, pszSrc, NTSTRSAFE_MAX_LENGTH);
}

NTSTRSAFEDDI RtlStringCchCopyNW(wchar_t* pszDest, size_t cchDest, const wchar_t* pszSrc, size_t cchToCopy)
{
    return NtstrsafeCopyW(pszDest, cchDest, pszSrc, cchToCopy);
}

NTSTRSAFEDDI RtlStringCchCatW(wchar_t* pszDest, size_t cchDest, const wchar_t* pszSrc)
{
    return NtstrsafeCatW(pszDest, cchDest, pszSrc, NTSTRSAFE_MAX_LENGTH);
}

NTSTRSAFEDDI RtlStringCchCatNW(wchar_t* pszDest, size_t cchDest, const wchar_t* pszSrc, size_t cchToCopy)
{
    return NtstrsafeCatW(pszDest, cchDest, pszSrc, cchToCopy);
}

NTSTRSAFEDDI RtlStringCchVPrintfW(wchar_t* pszDest, size_t cchDest, const wchar_t* pszFormat, va_list argList)
{
    return NtstrsafePrintW(pszDest, cchDest, pszFormat, argList);
}

/* Not inlined: takes arguments that vary. */
static inline __attribute__((unused)) NTSTATUS RtlStringCchPrintfW(wchar_t* pszDest, size_t cchDest,
                                                                   const wchar_t* pszFormat, ...)
{
    va_list arguments;
    NTSTATUS status;
    va_start(arguments, pszFormat);
    status = NtstrsafePrintW(pszDest, cchDest, pszFormat, arguments);
    va_end(arguments);
    return status;
}

/* cchMax counts the terminator, the result doesn't; NULL for a result that is not wanted. */
NTSTRSAFEDDI RtlStringCchLengthW(const wchar_t* psz, size_t cchMax, size_t* pcchLength)
{
    SIZE_T length = 0;
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    if (psz != NULL && cchMax <= NTSTRSAFE_MAX_CCH) {
        status = NtstrsafeLengthW(psz, cchMax, &length);
    }
    if (pcchLength != NULL) {
        *pcchLength = length;
    }
    return status;
}

/* ---- UNICODE_STRINGs --------------------------------------------------------------------------------- */

NTSTRSAFEDDI RtlUnicodeStringValidate(PCUNICODE_STRING SourceString)
{
    if (SourceString == NULL) {
        return STATUS_SUCCESS;
    }
    if (SourceString->Length % sizeof(WCHAR) != 0 || SourceString->MaximumLength % sizeof(WCHAR) != 0 ||
        SourceString->Length > SourceString->MaximumLength ||
        (SourceString->Buffer == NULL && SourceString->MaximumLength != 0)) {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

NTSTRSAFEDDI RtlUnicodeStringInit(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR pszSrc)
{
    SIZE_T length = 0;
    DestinationString->Length = DestinationString->MaximumLength = 0;
    DestinationString->Buffer = NULL;
    if (pszSrc == NULL) {
        return STATUS_SUCCESS;
    }
    if (!NT_SUCCESS(NtstrsafeLengthW(pszSrc, NTSTRSAFE_UNICODE_STRING_MAX_CCH, &length))) {
        return STATUS_INVALID_PARAMETER;
    }
    DestinationString->Length = (USHORT)(length * sizeof(WCHAR));
    DestinationString->MaximumLength = (USHORT)((length + 1) * sizeof(WCHAR));
    DestinationString->Buffer = (PWCH)pszSrc;
    return STATUS_SUCCESS;
}

/* Stores text after the first Offset bytes. */
FORCEINLINE NTSTATUS NtstrsafeStore(PUNICODE_STRING Destination, USHORT Offset, const wchar_t* Text,
                                    SIZE_T Length)
{
    SIZE_T room;
    if (!NT_SUCCESS(RtlUnicodeStringValidate(Destination)) || Destination == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    room = (SIZE_T)(Destination->MaximumLength - Offset);
    memmove((PUCHAR)Destination->Buffer + Offset, Text, Length < room ? Length : room);
    Destination->Length = (USHORT)(Offset + (Length < room ? Length : room));
    return Length <= room ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

NTSTRSAFEDDI RtlUnicodeStringCopyString(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR pszSrc)
{
    SIZE_T length;
    if (!NT_SUCCESS(NtstrsafeLengthW(pszSrc, NTSTRSAFE_MAX_CCH, &length))) {
        return STATUS_INVALID_PARAMETER;
    }
    return NtstrsafeStore(DestinationString, 0, pszSrc, length * sizeof(WCHAR));
}

NTSTRSAFEDDI RtlUnicodeStringCopy(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString)
{
    if (!NT_SUCCESS(RtlUnicodeStringValidate(SourceString))) {
        return STATUS_INVALID_PARAMETER;
    }
    return NtstrsafeStore(DestinationString, 0, SourceString->Buffer, SourceString->Length);
}

NTSTRSAFEDDI RtlUnicodeStringCatString(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR pszSrc)
{
    SIZE_T length;
    if (!NT_SUCCESS(NtstrsafeLengthW(pszSrc, NTSTRSAFE_MAX_CCH, &length))) {
        return STATUS_INVALID_PARAMETER;
    }
    return NtstrsafeStore(DestinationString, DestinationString->Length, pszSrc, length * sizeof(WCHAR));
}

NTSTRSAFEDDI RtlUnicodeStringCat(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString)
{
    if (!NT_SUCCESS(RtlUnicodeStringValidate(SourceString))) {
        return STATUS_INVALID_PARAMETER;
    }
    return NtstrsafeStore(DestinationString, DestinationString->Length, SourceString->Buffer,
                          SourceString->Length);
}

NTSTRSAFEDDI RtlUnicodeStringVPrintf(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR pszFormat,
                                     va_list argList)
{
    SIZE_T room;
    int length;
    if (!NT_SUCCESS(RtlUnicodeStringValidate(DestinationString)) || DestinationString == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    room = DestinationString->MaximumLength / sizeof(WCHAR);
    length = _vsnwprintf(DestinationString->Buffer, room, pszFormat, argList);
    DestinationString->Length = (USHORT)((length < 0 ? room : (SIZE_T)length) * sizeof(WCHAR));
    return length < 0 ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static inline __attribute__((unused)) NTSTATUS RtlUnicodeStringPrintf(PUNICODE_STRING DestinationString,
                                                                      NTSTRSAFE_PCWSTR pszFormat, ...)
{
    va_list arguments;
    NTSTATUS status;
    va_start(arguments, pszFormat);
    status = RtlUnicodeStringVPrintf(DestinationString, pszFormat, arguments);
    va_end(arguments);
    return status;
}

EXTERN_C_END

#endif
