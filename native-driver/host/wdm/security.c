/* SPDX-License-Identifier: Apache-2.0
 *
 * Access checks: the part of SDDL that device drivers use, evaluated for the rights of a process.
 */
#include "wdmp.h"

enum { SidSystem, SidAdministrators, SidUsers, SidAuthenticated, SidEveryone, SidRestricted, SidCount };

static const struct {
    char Name[3];
    UCHAR Sid;
} SidNames[] = {
    {"SY", SidSystem},        {"BA", SidAdministrators}, {"BU", SidUsers},
    {"AU", SidAuthenticated}, {"WD", SidEveryone},       {"RC", SidRestricted},
};

static const struct {
    char Name[3];
    ACCESS_MASK Mask;
} RightNames[] = {
    {"GA", GENERIC_ALL},        {"GR", GENERIC_READ},         {"GW", GENERIC_WRITE},
    {"GX", GENERIC_EXECUTE},    {"FA", FILE_ALL_ACCESS},      {"FR", FILE_GENERIC_READ},
    {"FW", FILE_GENERIC_WRITE}, {"FX", FILE_GENERIC_EXECUTE}, {"SD", DELETE},
    {"RC", READ_CONTROL},       {"WD", 0x00040000},           {"WO", 0x00080000},
};

/* Which SIDs the token of each kind of process holds. */
static const ULONG TokenSids[] = {
    [HostProcessUser] = 1u << SidUsers | 1u << SidAuthenticated | 1u << SidEveryone,
    [HostProcessAdministrator] =
        1u << SidAdministrators | 1u << SidUsers | 1u << SidAuthenticated | 1u << SidEveryone,
    [HostProcessSystem] =
        1u << SidSystem | 1u << SidAdministrators | 1u << SidAuthenticated | 1u << SidEveryone,
};

ACCESS_MASK HostMapGenericAccess(ACCESS_MASK Access)
{
    ACCESS_MASK mapped = Access & ~(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL);
    mapped |= Access & GENERIC_READ ? FILE_GENERIC_READ : 0;
    mapped |= Access & GENERIC_WRITE ? FILE_GENERIC_WRITE : 0;
    mapped |= Access & GENERIC_EXECUTE ? FILE_GENERIC_EXECUTE : 0;
    mapped |= Access & GENERIC_ALL ? FILE_ALL_ACCESS : 0;
    return mapped;
}

static BOOLEAN Take(PCWSTR* Text, PCWSTR End, char Character)
{
    if (*Text < End && **Text == (WCHAR)Character) {
        (*Text)++;
        return TRUE;
    }
    return FALSE;
}

static BOOLEAN TakePair(PCWSTR* Text, PCWSTR End, const char* Pair)
{
    if (End - *Text >= 2 && (*Text)[0] == (WCHAR)Pair[0] && (*Text)[1] == (WCHAR)Pair[1]) {
        *Text += 2;
        return TRUE;
    }
    return FALSE;
}

static int HexDigit(WCHAR Character)
{
    if (Character >= '0' && Character <= '9') {
        return Character - '0';
    }
    WCHAR lower = Character | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static BOOLEAN ParseHexadecimal(PCWSTR* Text, PCWSTR End, ACCESS_MASK* Mask)
{
    int digits = 0;
    ULONGLONG value = 0;
    while (*Text < End && HexDigit(**Text) >= 0 && digits <= 8) {
        value = value << 4 | (ULONG)HexDigit(*(*Text)++);
        digits++;
    }
    *Mask = (ACCESS_MASK)value;
    return (BOOLEAN)(digits >= 1 && digits <= 8);
}

static BOOLEAN ParseRights(PCWSTR* Text, PCWSTR End, ACCESS_MASK* Mask)
{
    if (TakePair(Text, End, "0x")) {
        return ParseHexadecimal(Text, End, Mask);
    }
    *Mask = 0;
    while (*Text < End && **Text != ';') {
        size_t i = 0;
        while (i < ARRAYSIZE(RightNames) && !TakePair(Text, End, RightNames[i].Name)) {
            i++;
        }
        if (i == ARRAYSIZE(RightNames)) {
            return FALSE;
        }
        *Mask |= RightNames[i].Mask;
    }
    return (BOOLEAN)(*Mask != 0);
}

static BOOLEAN ParseSid(PCWSTR* Text, PCWSTR End, ULONG* Sid)
{
    for (size_t i = 0; i < ARRAYSIZE(SidNames); i++) {
        if (TakePair(Text, End, SidNames[i].Name)) {
            *Sid = SidNames[i].Sid;
            return TRUE;
        }
    }
    return FALSE;
}

/* One (type;flags;rights;object;inherited object;sid); the opening parenthesis is taken already. */
static BOOLEAN ParseEntry(PCWSTR* Text, PCWSTR End, PHOST_SECURITY Security)
{
    if (Security->Count == ARRAYSIZE(Security->Entries)) {
        return FALSE;
    }
    BOOLEAN deny = Take(Text, End, 'D');
    if (!deny && !Take(Text, End, 'A')) {
        return FALSE;
    }
    ACCESS_MASK mask;
    ULONG sid;
    if (!Take(Text, End, ';') || !Take(Text, End, ';') || !ParseRights(Text, End, &mask) ||
        !Take(Text, End, ';') || !Take(Text, End, ';') || !Take(Text, End, ';') ||
        !ParseSid(Text, End, &sid) || !Take(Text, End, ')')) {
        return FALSE;
    }
    Security->Entries[Security->Count].Deny = deny;
    Security->Entries[Security->Count].Mask = HostMapGenericAccess(mask);
    Security->Entries[Security->Count].Sid = sid;
    Security->Count++;
    return TRUE;
}

NTSTATUS HostParseSddl(PCUNICODE_STRING Sddl, PHOST_SECURITY Security)
{
    PCWSTR text = Sddl->Buffer;
    PCWSTR end = text + Sddl->Length / sizeof(WCHAR);

    Security->Count = 0;
    if (!TakePair(&text, end, "D:")) {
        return STATUS_INVALID_PARAMETER;
    }
    Take(&text, end, 'P');
    while (Take(&text, end, '(')) {
        if (!ParseEntry(&text, end, Security)) {
            return STATUS_INVALID_PARAMETER;
        }
    }
    return text == end ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* Entries are evaluated in order: the first one that names a right grants or refuses it. */
BOOLEAN HostAccessCheck(const HOST_SECURITY* Security, HOST_PROCESS_RIGHTS Rights, ACCESS_MASK Desired)
{
    ACCESS_MASK granted = 0;
    ACCESS_MASK denied = 0;
    for (ULONG i = 0; i < Security->Count; i++) {
        if ((TokenSids[Rights] & 1u << Security->Entries[i].Sid) == 0) {
            continue;
        }
        if (Security->Entries[i].Deny) {
            denied |= Security->Entries[i].Mask & ~granted;
        } else {
            granted |= Security->Entries[i].Mask & ~denied;
        }
    }
    return (BOOLEAN)(granted != 0 && (Desired & ~granted) == 0);
}
