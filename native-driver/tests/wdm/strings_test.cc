/* SPDX-License-Identifier: Apache-2.0
 *
 * Counted strings, ntstrsafe.h and what the kernel's format strings mean.
 */
#include <iomanager.h>
#include <ntstrsafe.h>
#include <wdmsec.h>

#include <string>

#include <gtest/gtest.h>

#include "status.h"

static_assert(std::is_same_v<decltype(&RtlAppendUnicodeStringToString),
                             NTSTATUS (*)(PUNICODE_STRING, PCUNICODE_STRING)>);
static_assert(std::is_same_v<decltype(&RtlAppendUnicodeToString), NTSTATUS (*)(PUNICODE_STRING, PCWSTR)>);
static_assert(std::is_same_v<decltype(&RtlAnsiStringToUnicodeString),
                             NTSTATUS (*)(PUNICODE_STRING, PCANSI_STRING, BOOLEAN)>);
static_assert(std::is_same_v<decltype(&RtlUnicodeStringToAnsiString),
                             NTSTATUS (*)(PANSI_STRING, PCUNICODE_STRING, BOOLEAN)>);
static_assert(
    std::is_same_v<decltype(&RtlIntegerToUnicodeString), NTSTATUS (*)(ULONG, ULONG, PUNICODE_STRING)>);
static_assert(
    std::is_same_v<decltype(&RtlUnicodeStringToInteger), NTSTATUS (*)(PCUNICODE_STRING, ULONG, PULONG)>);

static std::u16string Text(const UNICODE_STRING& string)
{
    return std::u16string(reinterpret_cast<const char16_t*>(string.Buffer), string.Length / sizeof(WCHAR));
}

static std::u16string Text(PCWSTR string)
{
    return std::u16string(reinterpret_cast<const char16_t*>(string));
}

/* ---- UNICODE_STRING and ANSI_STRING ------------------------------------------------------------------ */

TEST(Strings, AppendTakesAllOrNothing)
{
    DECLARE_UNICODE_STRING_SIZE(path, 8);
    DECLARE_CONST_UNICODE_STRING(tail, L"efgh");
    EXPECT_STATUS(STATUS_SUCCESS, RtlAppendUnicodeToString(&path, L"abcd"));
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, RtlAppendUnicodeToString(&path, L"12345"));
    EXPECT_EQ(u"abcd", Text(path));
    EXPECT_EQ(0, path.Buffer[4]) << "terminated as long as there is room";
    EXPECT_STATUS(STATUS_SUCCESS, RtlAppendUnicodeStringToString(&path, &tail));
    EXPECT_EQ(u"abcdefgh", Text(path));
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, RtlAppendUnicodeStringToString(&path, &tail));
    EXPECT_STATUS(STATUS_SUCCESS, RtlAppendUnicodeToString(&path, nullptr));
}

TEST(Strings, AnsiAndBack)
{
    ANSI_STRING ansi, back;
    UNICODE_STRING wide;
    HOST_ACCOUNTING before, after;
    HostQueryAccounting(&before);
    RtlInitAnsiString(&ansi, "g\xC3\xA4p \xF0\x9F\x98\x80");
    EXPECT_EQ(9, ansi.Length);
    EXPECT_EQ(10, ansi.MaximumLength);
    ASSERT_STATUS(STATUS_SUCCESS, RtlAnsiStringToUnicodeString(&wide, &ansi, TRUE));
    EXPECT_EQ(u"g\u00E4p \U0001F600", Text(wide));
    EXPECT_EQ(0, wide.Buffer[wide.Length / sizeof(WCHAR)]);
    ASSERT_STATUS(STATUS_SUCCESS, RtlUnicodeStringToAnsiString(&back, &wide, TRUE));
    EXPECT_STREQ(ansi.Buffer, back.Buffer);
    RtlFreeAnsiString(&back);
    RtlFreeUnicodeString(&wide);
    EXPECT_EQ(nullptr, wide.Buffer);
    RtlFreeUnicodeString(&wide);
    HostQueryAccounting(&after);
    EXPECT_EQ(before.PoolAllocations, after.PoolAllocations);
}

TEST(Strings, ConversionNeedsRoomForTheTerminator)
{
    CHAR buffer[4];
    ANSI_STRING ansi = {0, 3, buffer};
    DECLARE_CONST_UNICODE_STRING(three, L"abc");
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, RtlUnicodeStringToAnsiString(&ansi, &three, FALSE));
    ansi.MaximumLength = 4;
    EXPECT_STATUS(STATUS_SUCCESS, RtlUnicodeStringToAnsiString(&ansi, &three, FALSE));
    EXPECT_STREQ("abc", buffer);
    EXPECT_EQ(3, ansi.Length);
}

TEST(Strings, WhatIsNotTextIsReplaced)
{
    ANSI_STRING ansi;
    UNICODE_STRING wide;
    RtlInitAnsiString(&ansi, "\xFF"
                             "a\xC3");
    ASSERT_STATUS(STATUS_SUCCESS, RtlAnsiStringToUnicodeString(&wide, &ansi, TRUE));
    EXPECT_EQ(u"\uFFFDa\uFFFD", Text(wide));
    RtlFreeUnicodeString(&wide);
}

TEST(Strings, CompareOrdersAndIgnoresCase)
{
    DECLARE_CONST_UNICODE_STRING(a, L"Abc");
    DECLARE_CONST_UNICODE_STRING(b, L"abD");
    DECLARE_CONST_UNICODE_STRING(c, L"ab");
    EXPECT_LT(RtlCompareUnicodeString(&a, &b, TRUE), 0);
    EXPECT_GT(RtlCompareUnicodeString(&b, &a, FALSE), 0);
    EXPECT_GT(RtlCompareUnicodeString(&b, &c, FALSE), 0);
    EXPECT_EQ(0, RtlCompareUnicodeString(&a, &a, FALSE));
}

TEST(Strings, IntegersInAllBases)
{
    DECLARE_UNICODE_STRING_SIZE(text, 11);
    UNICODE_STRING input;
    ULONG value = 0;
    EXPECT_STATUS(STATUS_SUCCESS, RtlIntegerToUnicodeString(4294967295u, 0, &text));
    EXPECT_EQ(u"4294967295", Text(text));
    EXPECT_STATUS(STATUS_SUCCESS, RtlIntegerToUnicodeString(0xBEEF, 16, &text));
    EXPECT_EQ(u"BEEF", Text(text));
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, RtlIntegerToUnicodeString(MAXULONG, 2, &text));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, RtlIntegerToUnicodeString(1, 7, &text));
    struct {
        PCWSTR text;
        ULONG base, value;
    } const cases[] = {
        {L" 42x", 0, 42}, {L"0x1F", 0, 31}, {L"-1", 0, MAXULONG}, {L"777", 8, 511}, {L"0b101", 0, 5}};
    for (const auto& one : cases) {
        RtlInitUnicodeString(&input, one.text);
        EXPECT_STATUS(STATUS_SUCCESS, RtlUnicodeStringToInteger(&input, one.base, &value));
        EXPECT_EQ(one.value, value);
    }
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, RtlUnicodeStringToInteger(&input, 3, &value));
}

TEST(Strings, BytesAreSwapped)
{
    EXPECT_EQ(0x3412, RtlUshortByteSwap(0x1234));
    EXPECT_EQ(0x78563412u, RtlUlongByteSwap(0x12345678));
    EXPECT_EQ(0xEFCDAB8967452301ULL, RtlUlonglongByteSwap(0x0123456789ABCDEFULL));
}

/* ---- ntstrsafe.h ------------------------------------------------------------------------------------- */

TEST(StrSafe, CopyCutsAndTerminates)
{
    char narrow[4] = {};
    WCHAR wide[4] = {};
    EXPECT_STATUS(STATUS_SUCCESS, RtlStringCbCopyA(narrow, sizeof(narrow), "abc"));
    EXPECT_STREQ("abc", narrow);
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, RtlStringCchCopyA(narrow, 4, "12345"));
    EXPECT_STREQ("123", narrow);
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, RtlStringCbCopyW(wide, sizeof(wide), L"12345"));
    EXPECT_EQ(u"123", Text(wide));
    EXPECT_STATUS(STATUS_SUCCESS, RtlStringCchCopyNW(wide, 4, L"98765", 2));
    EXPECT_EQ(u"98", Text(wide));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, RtlStringCbCopyW(wide, 0, L""));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, RtlStringCchCopyA(narrow, (size_t)NTSTRSAFE_MAX_CCH + 1, ""));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, RtlStringCbCopyW(wide, 1, L"")) << "one byte is no character";
}

TEST(StrSafe, CatAndLength)
{
    WCHAR wide[8] = L"ab";
    char narrow[3] = {'x', 'y', 'z'};
    size_t length = 9;
    EXPECT_STATUS(STATUS_SUCCESS, RtlStringCbCatW(wide, sizeof(wide), L"cd"));
    EXPECT_STATUS(STATUS_SUCCESS, RtlStringCchCatNW(wide, 8, L"efgh", 1));
    EXPECT_EQ(u"abcde", Text(wide));
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, RtlStringCchCatW(wide, 8, L"fghij"));
    EXPECT_EQ(u"abcdefg", Text(wide));
    EXPECT_STATUS(STATUS_SUCCESS, RtlStringCbLengthW(wide, sizeof(wide), &length));
    EXPECT_EQ(14u, length);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, RtlStringCchLengthA(narrow, 3, &length)) << "no terminator";
    EXPECT_EQ(0u, length);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, RtlStringCbCatA(narrow, 3, "a"));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, RtlStringCbLengthA(nullptr, 3, nullptr));
}

TEST(StrSafe, PrintfKnowsTheKernelsConversions)
{
    WCHAR wide[128];
    char narrow[128];
    ANSI_STRING ansi;
    RtlInitAnsiString(&ansi, "ansi");
    DECLARE_CONST_UNICODE_STRING(unicode, L"uni");
    ASSERT_STATUS(STATUS_SUCCESS, RtlStringCbPrintfW(wide, sizeof(wide), L"%s|%S|%hs|%ws|%wZ|%Z|%c", L"w",
                                                     "n", "h", L"ww", &unicode, &ansi, L'\u20AC'));
    EXPECT_EQ(u"w|n|h|ww|uni|ansi|\u20AC", Text(wide));
    ASSERT_STATUS(STATUS_SUCCESS, RtlStringCchPrintfA(narrow, sizeof(narrow), "%s|%S|%ws|%wZ|%Z|%c|%%", "n",
                                                      L"\u00E4", L"ww", &unicode, &ansi, 'c'));
    EXPECT_STREQ("n|\xC3\xA4|ww|uni|ansi|c|%", narrow);
    ASSERT_STATUS(STATUS_SUCCESS,
                  RtlStringCbPrintfA(narrow, sizeof(narrow), "%d %5d|%-5d|%05d|%+d|%u|%x|%#X|%o|%08lx", -1,
                                     42, 42, -42, 7, MAXULONG, 0xabc, 0xABC, 8, 0xBEEF));
    EXPECT_STREQ("-1    42|42   |-0042|+7|4294967295|abc|0XABC|10|0000beef", narrow);
    ASSERT_STATUS(STATUS_SUCCESS,
                  RtlStringCbPrintfA(narrow, sizeof(narrow), "%I64d|%llu|%Ix|%hhu|%hd|%p|%.3s|%*d|%.4u", -5LL,
                                     MAXULONGLONG, (SIZE_T)0x1234567890, 257, 65537, (PVOID)0xABC, "abcdef",
                                     4, 9, 12u));
    EXPECT_STREQ("-5|18446744073709551615|1234567890|1|1|0000000000000ABC|abc|   9|0012", narrow);
    EXPECT_STATUS(STATUS_SUCCESS, RtlStringCbPrintfA(narrow, sizeof(narrow), "%s%S", nullptr, nullptr));
    EXPECT_STREQ("(null)(null)", narrow);
}

TEST(StrSafe, PrintfCuts)
{
    WCHAR wide[4];
    EXPECT_STATUS(STATUS_SUCCESS, RtlStringCchPrintfW(wide, 4, L"%d", 123));
    EXPECT_EQ(u"123", Text(wide));
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, RtlStringCchPrintfW(wide, 4, L"%d", 12345));
    EXPECT_EQ(u"123", Text(wide));
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, RtlStringCchPrintfW(wide, 1, L"x"));
    EXPECT_EQ(0, wide[0]);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, RtlStringCchPrintfW(wide, 0, L"x"));
}

TEST(StrSafe, UnicodeStrings)
{
    DECLARE_UNICODE_STRING_SIZE(string, 8);
    UNICODE_STRING bad = {3, 8, string.Buffer}, init;
    EXPECT_STATUS(STATUS_SUCCESS, RtlUnicodeStringCopyString(&string, L"abc"));
    EXPECT_STATUS(STATUS_SUCCESS, RtlUnicodeStringCat(&string, &string));
    EXPECT_EQ(u"abcabc", Text(string));
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, RtlUnicodeStringCatString(&string, L"xyz"));
    EXPECT_EQ(u"abcabcxy", Text(string));
    EXPECT_STATUS(STATUS_SUCCESS, RtlUnicodeStringPrintf(&string, L"%u-%ws", 1, L"two"));
    EXPECT_EQ(u"1-two", Text(string));
    EXPECT_STATUS(STATUS_SUCCESS, RtlUnicodeStringPrintf(&string, L"12345678")) << "all of it, unterminated";
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, RtlUnicodeStringPrintf(&string, L"123456789"));
    EXPECT_EQ(u"12345678", Text(string));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, RtlUnicodeStringCopy(&string, &bad));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, RtlUnicodeStringValidate(&bad));
    EXPECT_STATUS(STATUS_SUCCESS, RtlUnicodeStringInit(&init, L"init"));
    EXPECT_EQ(8, init.Length);
    EXPECT_EQ(10, init.MaximumLength);
}

TEST(SecureDevice, ConstantsAreTheDocumentedDescriptors)
{
    EXPECT_EQ(u"D:P", Text(SDDL_DEVOBJ_KERNEL_ONLY));
    EXPECT_EQ(u"D:P(A;;GA;;;SY)(A;;GA;;;BA)", Text(SDDL_DEVOBJ_SYS_ALL_ADM_ALL));
    EXPECT_EQ(u"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGW;;;WD)(A;;GR;;;RC)",
              Text(SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RW_RES_R));
}
