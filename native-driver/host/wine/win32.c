/* SPDX-License-Identifier: Apache-2.0
 *
 * What this module uses of Win32: yielding, staying loaded, the time, and ending the process.
 */
#include "winekernel.h"

#define GET_MODULE_HANDLE_EX_FLAG_PIN          1u
#define GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS 4u
#define USER_SHARED_DATA                       0x7FFE0000u

__declspec(dllimport) int SwitchToThread(void);
__declspec(dllimport) int GetModuleHandleExW(ULONG Flags, PCWSTR Name, HANDLE* Module);

void WineYield(void)
{
    SwitchToThread();
}

void WineStay(void)
{
    HANDLE Module;

    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                       (PCWSTR)(PVOID)&WineStay, &Module);
}

/* Reads the page that every process maps; access through its kernel address would trap. */
ULONGLONG KeQueryInterruptTime(void)
{
    return *(volatile ULONGLONG*)(ULONG_PTR)(USER_SHARED_DATA + 0x08);
}

DECLSPEC_NORETURN void WineStop(PCSTR Function, PCSTR What)
{
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "%s: %s\n", Function, What);
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Function, (ULONG_PTR)What, 0, 0);
}
