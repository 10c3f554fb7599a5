/* SPDX-License-Identifier: Apache-2.0
 *
 * What the driver refuses, because the system is too old for it: WSKB_GATES of the protocol.
 */
#pragma once

#include "driver.h"

/* Notes the system's version and what it lacks. Before the device exists. */
_IRQL_requires_(PASSIVE_LEVEL) VOID WskbReadSystem(_Inout_ PWSKB_DRIVER Driver);

/* Whether the system has what the gate guards; WSKB_GATE_NONE: yes. */
_IRQL_requires_max_(DISPATCH_LEVEL) FORCEINLINE BOOLEAN
    WskbHasGate(_In_ const WSKB_DRIVER* Driver, _In_ ULONG Gate)
{
    return (BOOLEAN)((Driver->MissingGates >> Gate & 1) == 0);
}

/* The features that the system has. */
_IRQL_requires_max_(DISPATCH_LEVEL) ULONG64 WskbFeatures(_In_ const WSKB_DRIVER* Driver);
