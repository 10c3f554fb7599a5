/* SPDX-License-Identifier: Apache-2.0
 *
 * MmGetSystemRoutineAddress, for the routines that drivers look up because not every Windows has them.
 */
#include "wdmp.h"

typedef struct _ROUTINE {
    UNICODE_STRING Name;
    PVOID Address;
} ROUTINE;

#define ROUTINE_NAMED(name)                                                                                  \
    {                                                                                                        \
        RTL_CONSTANT_STRING(L## #name), (PVOID)name                                                          \
    }

static const ROUTINE Routines[] = {
    ROUTINE_NAMED(ExAllocatePool2),
    ROUTINE_NAMED(ExAllocatePool3),
    ROUTINE_NAMED(IoCleanupIrp),
    ROUTINE_NAMED(IoSetCompletionRoutineEx),
    ROUTINE_NAMED(KeQuerySystemTimePrecise),
    ROUTINE_NAMED(ObDereferenceObjectDeferDelete),
};

static PCWSTR Hidden; /* atomic */

void HostHideSystemRoutine(PCWSTR Name)
{
    __atomic_store_n(&Hidden, Name, __ATOMIC_RELEASE);
}

static BOOLEAN IsHidden(PCUNICODE_STRING Name)
{
    UNICODE_STRING HiddenName;
    RtlInitUnicodeString(&HiddenName, __atomic_load_n(&Hidden, __ATOMIC_ACQUIRE));
    return (BOOLEAN)(HiddenName.Length != 0 && RtlEqualUnicodeString(Name, &HiddenName, FALSE));
}

PVOID MmGetSystemRoutineAddress(PUNICODE_STRING SystemRoutineName)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (IsHidden(SystemRoutineName)) {
        return NULL;
    }
    for (ULONG i = 0; i < ARRAYSIZE(Routines); i++) {
        if (RtlEqualUnicodeString(SystemRoutineName, &Routines[i].Name, FALSE)) {
            return Routines[i].Address;
        }
    }
    return NULL;
}
