/* SPDX-License-Identifier: Apache-2.0
 *
 * Compares the system's version with what each gate needs. Functions that came with a later Windows are
 * members at the end of WSK's tables, so on an older one they must not even be read.
 */
#include "gate.h"

typedef struct _WSKB_GATE_ENTRY {
    ULONG Gate;
    WSKB_SYSTEM Needed;
} WSKB_GATE_ENTRY;

static const WSKB_GATE_ENTRY Gates[] = {
#define ENTRY(name, number, major, minor, build, product) {name, {major, minor, build}},
    WSKB_GATES(ENTRY)
#undef ENTRY
};

/* A feature that WSKB_VERSION lacks on a system without what the gate guards. */
static const struct {
    ULONG64 Feature;
    ULONG Gate;
} GatedFeatures[] = {
    {WSKB_FEATURE_SEND_MESSAGES, WSKB_GATE_SEND_MESSAGES},
    {WSKB_FEATURE_CONNECT_DATA, WSKB_GATE_CONNECT_DATA},
};

static BOOLEAN IsAtLeast(const WSKB_SYSTEM* System, const WSKB_SYSTEM* Needed)
{
    if (System->Major != Needed->Major) {
        return System->Major > Needed->Major;
    }
    if (System->Minor != Needed->Minor) {
        return System->Minor > Needed->Minor;
    }
    return System->Build >= Needed->Build;
}

_Use_decl_annotations_ VOID WskbReadSystem(PWSKB_DRIVER Driver)
{
    WSKB_SYSTEM* System = &Driver->System;
    RTL_OSVERSIONINFOW Version = {.dwOSVersionInfoSize = sizeof(Version)};

    (VOID) RtlGetVersion(&Version); /* can't fail */
    System->Major = Version.dwMajorVersion;
    System->Minor = Version.dwMinorVersion;
    System->Build = Version.dwBuildNumber;
    Driver->MissingGates = 0;
    for (ULONG Index = 0; Index < ARRAYSIZE(Gates); Index++) {
        if (!IsAtLeast(System, &Gates[Index].Needed)) {
            Driver->MissingGates |= 1u << Gates[Index].Gate;
        }
    }
}

_Use_decl_annotations_ ULONG64 WskbFeatures(const WSKB_DRIVER* Driver)
{
    ULONG64 Features = WSKB_FEATURES;

    for (ULONG Index = 0; Index < ARRAYSIZE(GatedFeatures); Index++) {
        if (!WskbHasGate(Driver, GatedFeatures[Index].Gate)) {
            Features &= ~GatedFeatures[Index].Feature;
        }
    }
    return Features;
}
