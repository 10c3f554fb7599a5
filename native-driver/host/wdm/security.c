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
    ACCESS_MASK Mapped = Access & ~(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL);
    Mapped |= Access & GENERIC_READ ? FILE_GENERIC_READ : 0;
    Mapped |= Access & GENERIC_WRITE ? FILE_GENERIC_WRITE : 0;
    Mapped |= Access & GENERIC_EXECUTE ? FILE_GENERIC_EXECUTE : 0;
    Mapped |= Access & GENERIC_ALL ? FILE_ALL_ACCESS : 0;
    return Mapped;
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
    WCHAR Lower = Character | 0x20;
    return Lower >= 'a' && Lower <= 'f' ? Lower - 'a' + 10 : -1;
}

static BOOLEAN ParseHexadecimal(PCWSTR* Text, PCWSTR End, ACCESS_MASK* Mask)
{
    int Digits = 0;
    ULONGLONG Value = 0;
    while (*Text < End && HexDigit(**Text) >= 0 && Digits <= 8) {
        Value = Value << 4 | (ULONG)HexDigit(*(*Text)++);
        Digits++;
    }
    *Mask = (ACCESS_MASK)Value;
    return (BOOLEAN)(Digits >= 1 && Digits <= 8);
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
    BOOLEAN Deny = Take(Text, End, 'D');
    if (!Deny && !Take(Text, End, 'A')) {
        return FALSE;
    }
    ACCESS_MASK Mask;
    ULONG Sid;
    if (!Take(Text, End, ';') || !Take(Text, End, ';') || !ParseRights(Text, End, &Mask) ||
        !Take(Text, End, ';') || !Take(Text, End, ';') || !Take(Text, End, ';') ||
        !ParseSid(Text, End, &Sid) || !Take(Text, End, ')')) {
        return FALSE;
    }
    Security->Entries[Security->Count].Deny = Deny;
    Security->Entries[Security->Count].Mask = HostMapGenericAccess(Mask);
    Security->Entries[Security->Count].Sid = Sid;
    Security->Count++;
    return TRUE;
}

NTSTATUS HostParseSddl(PCUNICODE_STRING Sddl, PHOST_SECURITY Security)
{
    PCWSTR Text = Sddl->Buffer;
    PCWSTR End = Text + Sddl->Length / sizeof(WCHAR);

    Security->Count = 0;
    if (!TakePair(&Text, End, "D:")) {
        return STATUS_INVALID_PARAMETER;
    }
    Take(&Text, End, 'P');
    while (Take(&Text, End, '(')) {
        if (!ParseEntry(&Text, End, Security)) {
            return STATUS_INVALID_PARAMETER;
        }
    }
    return Text == End ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* Entries are evaluated in order: the first one that names a right grants or refuses it. */
BOOLEAN HostAccessCheck(const HOST_SECURITY* Security, HOST_PROCESS_RIGHTS Rights, ACCESS_MASK Desired)
{
    ACCESS_MASK Granted = 0;
    ACCESS_MASK Denied = 0;
    for (ULONG i = 0; i < Security->Count; i++) {
        if ((TokenSids[Rights] & 1u << Security->Entries[i].Sid) == 0) {
            continue;
        }
        if (Security->Entries[i].Deny) {
            Denied |= Security->Entries[i].Mask & ~Granted;
        } else {
            Granted |= Security->Entries[i].Mask & ~Denied;
        }
    }
    return (BOOLEAN)(Granted != 0 && (Desired & ~Granted) == 0);
}
