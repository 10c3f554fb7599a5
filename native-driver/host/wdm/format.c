/* SPDX-License-Identifier: Apache-2.0
 *
 * printf-style formatting as Microsoft's C library does it in the kernel. It differs from the system's: wide
 * characters have 16 bits, %Z and %wZ are counted strings, I64 is a length modifier, and a full buffer gets
 * no terminator.
 */
#include "wdmp.h"

typedef struct _OUTPUT {
    char* Narrow; /* one of the two is NULL */
    PWCH Wide;
    SIZE_T Count;
    SIZE_T Length; /* of the whole text */
} OUTPUT;

typedef enum _SIZE { SizeByte, SizeShort, SizeInt, SizeLongLong } SIZE;

typedef struct _FIELD {
    BOOLEAN Left, Plus, Space, Alternate, Zero;
    int Width;
    int Precision; /* -1: none */
    SIZE Size;
    BOOLEAN LetterH; /* h, or l or w, was written: the width of %s */
    BOOLEAN LetterL;
} FIELD;

static void Put(OUTPUT* Output, WCHAR Character)
{
    if (Output->Length < Output->Count) {
        if (Output->Narrow != NULL) {
            Output->Narrow[Output->Length] = (char)Character;
        } else {
            Output->Wide[Output->Length] = Character;
        }
    }
    Output->Length++;
}

static void Pad(OUTPUT* Output, WCHAR Character, LONG_PTR Count)
{
    for (; Count > 0; Count--) {
        Put(Output, Character);
    }
}

/* ---- text -------------------------------------------------------------------------------------------- */

/* Writes Length characters of text, converted if its width is not that of the output. */
static void PutText(OUTPUT* Output, const FIELD* Field, const char* Narrow, PCWCH Wide, SIZE_T Length)
{
    BOOLEAN NarrowOutput = (BOOLEAN)(Output->Narrow != NULL);
    PWCH ToWide = NULL;
    char* ToNarrow = NULL;
    if (Narrow != NULL && !NarrowOutput) {
        ToWide = malloc((Length + 1) * sizeof(WCHAR));
        Length = ToWide != NULL ? HostUtf8ToUtf16(Narrow, Length, ToWide) : 0;
    } else if (Narrow == NULL && NarrowOutput) {
        if (HOST_UNLIKELY(HostThread.Irql > PASSIVE_LEVEL)) {
            HostBugcheckIrql("Conversion of wide characters in a format", PASSIVE_LEVEL);
        }
        ToNarrow = malloc(Length * 3 + 1);
        Length = ToNarrow != NULL ? HostUtf16ToUtf8(Wide, Length, ToNarrow) : 0;
    }
    LONG_PTR Padding = Field->Width - (LONG_PTR)Length;
    Pad(Output, Field->Zero && !Field->Left ? '0' : ' ', Field->Left ? 0 : Padding);
    for (SIZE_T i = 0; i < Length; i++) {
        if (NarrowOutput) {
            Put(Output, (UCHAR)(ToNarrow != NULL ? ToNarrow[i] : Narrow[i]));
        } else {
            Put(Output, ToWide != NULL ? ToWide[i] : Wide[i]);
        }
    }
    Pad(Output, ' ', Field->Left ? Padding : 0);
    free(ToWide);
    free(ToNarrow);
}

static BOOLEAN IsWide(const OUTPUT* Output, const FIELD* Field, BOOLEAN Capital)
{
    if (Field->LetterH || Field->LetterL) {
        return Field->LetterL;
    }
    return (BOOLEAN)((Output->Wide != NULL) != Capital);
}

static void PutString(OUTPUT* Output, const FIELD* Field, const void* Text, BOOLEAN Wide)
{
    SIZE_T Limit = Field->Precision >= 0 ? (SIZE_T)Field->Precision : (SIZE_T)MAXLONG;
    SIZE_T Length = 0;
    if (Text == NULL) {
        PutText(Output, Field, "(null)", NULL, Limit < 6 ? Limit : 6);
    } else if (Wide) {
        while (Length < Limit && ((PCWCH)Text)[Length] != 0) {
            Length++;
        }
        PutText(Output, Field, NULL, Text, Length);
    } else {
        PutText(Output, Field, Text, NULL, strnlen(Text, Limit));
    }
}

static void PutCounted(OUTPUT* Output, const FIELD* Field, const void* String)
{
    SIZE_T Limit = Field->Precision >= 0 ? (SIZE_T)Field->Precision : (SIZE_T)MAXLONG;
    if (Field->LetterL) {
        const UNICODE_STRING* Wide = String;
        if (Wide != NULL && Wide->Buffer != NULL) {
            SIZE_T Length = Wide->Length / sizeof(WCHAR);
            PutText(Output, Field, NULL, Wide->Buffer, Length < Limit ? Length : Limit);
            return;
        }
    } else {
        const ANSI_STRING* Narrow = String;
        if (Narrow != NULL && Narrow->Buffer != NULL) {
            PutText(Output, Field, Narrow->Buffer, NULL, Narrow->Length < Limit ? Narrow->Length : Limit);
            return;
        }
    }
    PutString(Output, Field, NULL, FALSE);
}

/* ---- numbers ----------------------------------------------------------------------------------------- */

static void PutNumber(OUTPUT* Output, const FIELD* Field, ULONGLONG Value, ULONG Base, BOOLEAN Capital,
                      const char* Prefix)
{
    char Digits[24];
    int Count = 0;
    const char* Alphabet = Capital ? "0123456789ABCDEF" : "0123456789abcdef";
    for (ULONGLONG Rest = Value; Rest != 0; Rest /= Base) {
        Digits[Count++] = Alphabet[Rest % Base];
    }
    int Least = Field->Precision >= 0 ? Field->Precision : 1;
    int Zeros = Least > Count ? Least - Count : 0;
    int Width = Field->Width - (int)strlen(Prefix) - Count - Zeros;
    if (Field->Zero && !Field->Left && Field->Precision < 0 && Width > 0) {
        Zeros += Width;
        Width = 0;
    }
    Pad(Output, ' ', Field->Left ? 0 : Width);
    for (const char* At = Prefix; *At != 0; At++) {
        Put(Output, (WCHAR)*At);
    }
    Pad(Output, '0', Zeros);
    while (Count > 0) {
        Put(Output, (WCHAR)Digits[--Count]);
    }
    Pad(Output, ' ', Field->Left ? Width : 0);
}

static ULONGLONG Unsigned(SIZE Size, ULONGLONG Value)
{
    switch (Size) {
    case SizeByte:
        return (UCHAR)Value;
    case SizeShort:
        return (USHORT)Value;
    case SizeLongLong:
        return Value;
    default:
        return (ULONG)Value;
    }
}

static LONGLONG Signed(SIZE Size, ULONGLONG Value)
{
    switch (Size) {
    case SizeByte:
        return (signed char)Value;
    case SizeShort:
        return (SHORT)Value;
    case SizeLongLong:
        return (LONGLONG)Value;
    default:
        return (LONG)Value;
    }
}

static void PutSigned(OUTPUT* Output, const FIELD* Field, LONGLONG Value)
{
    const char* Sign = Value < 0 ? "-" : Field->Plus ? "+" : Field->Space ? " " : "";
    PutNumber(Output, Field, Value < 0 ? 0 - (ULONGLONG)Value : (ULONGLONG)Value, 10, FALSE, Sign);
}

/* ---- the format -------------------------------------------------------------------------------------- */

/* The format, of either width, as a sequence of characters. */
typedef struct _FORMAT {
    const char* Narrow;
    PCWCH Wide;
} FORMAT;

static WCHAR Peek(const FORMAT* Format)
{
    return Format->Narrow != NULL ? (UCHAR)*Format->Narrow : *Format->Wide;
}

static WCHAR Next(FORMAT* Format)
{
    return Format->Narrow != NULL ? (UCHAR)*Format->Narrow++ : *Format->Wide++;
}

static BOOLEAN Skip(FORMAT* Format, char Character)
{
    if (Peek(Format) != (WCHAR)Character) {
        return FALSE;
    }
    Next(Format);
    return TRUE;
}

static void TakeFlags(FORMAT* Format, FIELD* Field)
{
    for (;;) {
        if (Skip(Format, '-')) {
            Field->Left = TRUE;
        } else if (Skip(Format, '+')) {
            Field->Plus = TRUE;
        } else if (Skip(Format, ' ')) {
            Field->Space = TRUE;
        } else if (Skip(Format, '#')) {
            Field->Alternate = TRUE;
        } else if (Skip(Format, '0')) {
            Field->Zero = TRUE;
        } else {
            return;
        }
    }
}

static int TakeDigits(FORMAT* Format)
{
    int Value = 0;
    while (Peek(Format) >= '0' && Peek(Format) <= '9' && Value < 1000000) {
        Value = Value * 10 + (Next(Format) - '0');
    }
    return Value;
}

static void TakeSize(FORMAT* Format, FIELD* Field)
{
    if (Skip(Format, 'h')) {
        Field->LetterH = TRUE;
        Field->Size = Skip(Format, 'h') ? SizeByte : SizeShort;
    } else if (Skip(Format, 'l')) {
        Field->LetterL = TRUE;
        Field->Size = Skip(Format, 'l') ? SizeLongLong : SizeInt;
    } else if (Skip(Format, 'w')) {
        Field->LetterL = TRUE;
    } else if (Skip(Format, 'I')) {
        Field->Size = SizeLongLong;
        if (Skip(Format, '3')) {
            Skip(Format, '2');
            Field->Size = SizeInt;
        } else if (Skip(Format, '6')) {
            Skip(Format, '4');
        }
    } else if (Skip(Format, 'z') || Skip(Format, 'j') || Skip(Format, 't')) {
        Field->Size = SizeLongLong;
    }
}

/* A va_list that can be passed by address and advanced. */
typedef struct _ARGUMENTS {
    va_list List;
} ARGUMENTS;

static ULONGLONG TakeInteger(ARGUMENTS* Arguments, SIZE Size)
{
    return Size == SizeLongLong ? va_arg(Arguments->List, ULONGLONG) : va_arg(Arguments->List, ULONG);
}

static void PutCharacter(OUTPUT* Output, const FIELD* Field, ULONG Value, BOOLEAN Wide)
{
    WCHAR Code = (WCHAR)Value;
    char Narrow = (char)Value;
    PutText(Output, Field, Wide ? NULL : &Narrow, Wide ? &Code : NULL, 1);
}

static void PutConversion(OUTPUT* Output, const FIELD* Field, WCHAR Conversion, ARGUMENTS* Arguments)
{
    FIELD Pointer = {.Width = Field->Width, .Left = Field->Left, .Precision = 16, .Size = SizeLongLong};
    ULONGLONG Value;
    switch (Conversion) {
    case 'd':
    case 'i':
        PutSigned(Output, Field, Signed(Field->Size, TakeInteger(Arguments, Field->Size)));
        break;
    case 'u':
        PutNumber(Output, Field, Unsigned(Field->Size, TakeInteger(Arguments, Field->Size)), 10, FALSE, "");
        break;
    case 'o':
        PutNumber(Output, Field, Unsigned(Field->Size, TakeInteger(Arguments, Field->Size)), 8, FALSE,
                  Field->Alternate ? "0" : "");
        break;
    case 'x':
    case 'X':
        Value = Unsigned(Field->Size, TakeInteger(Arguments, Field->Size));
        PutNumber(Output, Field, Value, 16, (BOOLEAN)(Conversion == 'X'),
                  !Field->Alternate || Value == 0 ? ""
                  : Conversion == 'x'             ? "0x"
                                                  : "0X");
        break;
    case 'p':
        PutNumber(Output, &Pointer, va_arg(Arguments->List, ULONG_PTR), 16, TRUE, "");
        break;
    case 'c':
    case 'C':
        PutCharacter(Output, Field, va_arg(Arguments->List, ULONG),
                     IsWide(Output, Field, (BOOLEAN)(Conversion == 'C')));
        break;
    case 's':
    case 'S':
        PutString(Output, Field, va_arg(Arguments->List, const void*),
                  IsWide(Output, Field, (BOOLEAN)(Conversion == 'S')));
        break;
    case 'Z':
        PutCounted(Output, Field, va_arg(Arguments->List, const void*));
        break;
    default:
        Put(Output, Conversion);
        break;
    }
}

static void PutField(OUTPUT* Output, FORMAT* Format, ARGUMENTS* Arguments)
{
    FIELD Field = {.Precision = -1, .Size = SizeInt};
    TakeFlags(Format, &Field);
    if (Skip(Format, '*')) {
        Field.Width = va_arg(Arguments->List, int);
        Field.Left = (BOOLEAN)(Field.Left || Field.Width < 0);
        Field.Width = Field.Width < 0 ? -Field.Width : Field.Width;
    } else {
        Field.Width = TakeDigits(Format);
    }
    if (Skip(Format, '.')) {
        Field.Precision = Skip(Format, '*') ? va_arg(Arguments->List, int) : TakeDigits(Format);
    }
    TakeSize(Format, &Field);
    if (Peek(Format) != 0) {
        PutConversion(Output, &Field, Next(Format), Arguments);
    }
}

static int Print(OUTPUT* Output, FORMAT Format, va_list List)
{
    ARGUMENTS Arguments;
    va_copy(Arguments.List, List);
    while (Peek(&Format) != 0) {
        WCHAR Character = Next(&Format);
        if (Character == '%') {
            PutField(Output, &Format, &Arguments);
        } else {
            Put(Output, Character);
        }
    }
    va_end(Arguments.List);
    if (Output->Length < Output->Count) {
        SIZE_T Length = Output->Length;
        Put(Output, 0);
        return (int)Length;
    }
    return Output->Length == Output->Count ? (int)Output->Length : -1;
}

int _vsnprintf(char* Buffer, size_t Count, const char* Format, va_list Arguments)
{
    char None;
    OUTPUT Output = {.Narrow = Count != 0 ? Buffer : &None, .Count = Count};
    FORMAT Source = {.Narrow = Format};
    return Print(&Output, Source, Arguments);
}

int _vsnwprintf(wchar_t* Buffer, size_t Count, const wchar_t* Format, va_list Arguments)
{
    OUTPUT Output = {.Wide = Buffer, .Count = Count};
    FORMAT Source = {.Wide = Format};
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    return Print(&Output, Source, Arguments);
}
