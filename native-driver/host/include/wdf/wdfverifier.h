/* SPDX-License-Identifier: Apache-2.0
 *
 * The framework's bugcheck codes and the functions that raise them.
 */
#ifndef WDF_WDFVERIFIER_H
#define WDF_WDFVERIFIER_H

#include <wdf/wdfobject.h>

EXTERN_C_START

/* The first parameter of bugcheck WDF_VIOLATION. */
typedef enum _WDF_BUGCHECK_CODES {
    WDF_VERIFIER_FATAL_ERROR = 0x3,
    WDF_REQUIRED_PARAMETER_IS_NULL = 0x4,
    WDF_INVALID_HANDLE = 0x5,
    WDF_REQUEST_FATAL_ERROR = 0x6,
    WDF_OBJECT_ERROR = 0x7,
    WDF_QUEUE_FATAL_ERROR = 0xA,
    WDF_INVALID_LOCK_OPERATION = 0xB,
    WDF_VERIFIER_IRQL_MISMATCH = 0xE,
    WDF_VERIFIER_CRITICAL_REGION_MISMATCH = 0xF
} WDF_BUGCHECK_CODES;

typedef VOID(NTAPI* PFN_WDFVERIFIERDBGBREAKPOINT)(PWDF_DRIVER_GLOBALS DriverGlobals);
FORCEINLINE VOID WdfVerifierDbgBreakPoint(VOID)
{
    ((PFN_WDFVERIFIERDBGBREAKPOINT)WdfFunctions[WdfVerifierDbgBreakPointTableIndex])(WdfDriverGlobals);
}

typedef VOID(NTAPI* PFN_WDFVERIFIERKEBUGCHECK)(PWDF_DRIVER_GLOBALS DriverGlobals, ULONG BugCheckCode,
                                               ULONG_PTR BugCheckParameter1, ULONG_PTR BugCheckParameter2,
                                               ULONG_PTR BugCheckParameter3, ULONG_PTR BugCheckParameter4);
FORCEINLINE VOID WdfVerifierKeBugCheck(ULONG BugCheckCode, ULONG_PTR BugCheckParameter1,
                                       ULONG_PTR BugCheckParameter2, ULONG_PTR BugCheckParameter3,
                                       ULONG_PTR BugCheckParameter4)
{
    ((PFN_WDFVERIFIERKEBUGCHECK)WdfFunctions[WdfVerifierKeBugCheckTableIndex])(
        WdfDriverGlobals, BugCheckCode, BugCheckParameter1, BugCheckParameter2, BugCheckParameter3,
        BugCheckParameter4);
}

EXTERN_C_END

#endif
