/* SPDX-License-Identifier: Apache-2.0
 *
 * Counted strings, and formatting. The ANSI code page of the embedded host is UTF-8.
 */
#ifndef NT_STRINGS_H
#define NT_STRINGS_H

#include <nt/status.h>
#include <nt/structures.h>

EXTERN_C_START

/* ---- counted strings (conversions and their frees: PASSIVE_LEVEL) ------------------------------------ */

NTSYSAPI void NTAPI RtlInitString(PSTRING DestinationString, PCSTR SourceString);
NTSYSAPI void NTAPI RtlInitAnsiString(PANSI_STRING DestinationString, PCSTR SourceString);
NTSYSAPI LONG NTAPI RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                                            BOOLEAN CaseInSensitive);
/* STATUS_BUFFER_TOO_SMALL, without any change, when Destination has no room. */
NTSYSAPI NTSTATUS NTAPI RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source);
NTSYSAPI NTSTATUS NTAPI RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source);

/* With AllocateDestinationString the buffer is paged pool, which the Free function below frees; otherwise
 * STATUS_BUFFER_OVERFLOW when Destination has no room for the text and a terminator. */
NTSYSAPI NTSTATUS NTAPI RtlAnsiStringToUnicodeString(PUNICODE_STRING DestinationString,
                                                     PCANSI_STRING SourceString,
                                                     BOOLEAN AllocateDestinationString);
NTSYSAPI NTSTATUS NTAPI RtlUnicodeStringToAnsiString(PANSI_STRING DestinationString,
                                                     PCUNICODE_STRING SourceString,
                                                     BOOLEAN AllocateDestinationString);
NTSYSAPI void NTAPI RtlFreeUnicodeString(PUNICODE_STRING UnicodeString);
NTSYSAPI void NTAPI RtlFreeAnsiString(PANSI_STRING AnsiString);

/* Base 0 means 10 for the first; for the second the prefix 0x, 0o or 0b decides. */
NTSYSAPI NTSTATUS NTAPI RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String);
NTSYSAPI NTSTATUS NTAPI RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value);

/* ---- formatting (wide text: PASSIVE_LEVEL) ----------------------------------------------------------- */

/* Format as Microsoft's C library does: %s has the function's own character width, %S the other, %hs narrow,
 * %ws and %ls wide, %Z an ANSI_STRING and %wZ a UNICODE_STRING, I64 a length modifier. No floating point. On
 * Windows the C headers declare these. At most Count characters are stored; -1 when the text is longer, and a
 * terminator only when it is shorter. */
#ifndef __MINGW32__
NTSYSAPI int _vsnprintf(char* Buffer, size_t Count, const char* Format, va_list Arguments);
NTSYSAPI int _vsnwprintf(wchar_t* Buffer, size_t Count, const wchar_t* Format, va_list Arguments);
#endif

EXTERN_C_END

#endif
