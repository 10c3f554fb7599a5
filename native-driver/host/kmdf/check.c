/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks that all functions share, of handles, parameters and IRQL, and the reports with which they stop a
 * driver.
 */
#include "kmdfp.h"

DECLSPEC_NORETURN VOID FxBugcheck(ULONG Code, const VOID* Object)
{
    KeBugCheckEx(WDF_VIOLATION, Code, (ULONG_PTR)Object, 0, 0);
}

static PCSTR FxTypeName(ULONG Type)
{
    return Type > FxTypeAny && Type < FxTypeMaximum ? FxClasses[Type].Name : "WDFOBJECT";
}

DECLSPEC_NORETURN VOID FxInvalidHandle(PCSTR Function, const VOID* Handle, FX_TYPE Expected)
{
    const FX_OBJECT* Object = Handle;
    ULONG Signature;

    if (Handle == NULL) {
        FxStop(WDF_INVALID_HANDLE, Handle, "%s was called with NULL for a %s\n", Function,
               FxTypeName(Expected));
    }
    if (((ULONG_PTR)Handle & 7) != 0) {
        FxStop(WDF_INVALID_HANDLE, Handle, "%s was called with %p, which is no handle at all, for a %s\n",
               Function, Handle, FxTypeName(Expected));
    }
    Signature = ReadULongNoFence(&Object->Signature);
    if ((Signature & ~0xFFu) == FX_SIGNATURE_LIVE) {
        FxStop(WDF_INVALID_HANDLE, Handle, "%s was called with a %s (%p) for a %s\n", Function,
               FxTypeName(Signature & 0xFF), Handle, FxTypeName(Expected));
    }
    if ((Signature & ~0xFFu) == FX_SIGNATURE_DEAD) {
        FxStop(WDF_INVALID_HANDLE, Handle, "%s was called with a %s (%p) that is %s\n", Function,
               FxTypeName(Signature & 0xFF), Handle,
               (Signature & 0xFF) == FxTypeRequest ? "already completed" : "already deleted");
    }
    FxStop(WDF_INVALID_HANDLE, Handle, "%s was called with %p, which is no handle, for a %s\n", Function,
           Handle, FxTypeName(Expected));
}

FX_OBJECT* FxValidateAnyHandle(PCSTR Function, const VOID* Handle)
{
    FX_OBJECT* Object = (FX_OBJECT*)Handle;

    if (Object == NULL || ((ULONG_PTR)Object & 7) != 0 ||
        (ReadULongNoFence(&Object->Signature) & ~0xFFu) != FX_SIGNATURE_LIVE) {
        FxInvalidHandle(Function, Handle, FxTypeAny);
    }
    return Object;
}

DECLSPEC_NORETURN VOID FxIrqlTooHigh(PCSTR Function, KIRQL Maximum)
{
    FxStop(WDF_VERIFIER_FATAL_ERROR, NULL, "%s was called at IRQL %u; it may be called at IRQL %u at most\n",
           Function, KeGetCurrentIrql(), Maximum);
}

DECLSPEC_NORETURN VOID FxNullParameter(PCSTR Function, PCSTR Name)
{
    FxStop(WDF_REQUIRED_PARAMETER_IS_NULL, NULL, "%s was called with NULL for %s\n", Function, Name);
}

DECLSPEC_NORETURN VOID FxCallbackChangedIrql(PCSTR Callback, KIRQL Before)
{
    FxStop(WDF_VERIFIER_IRQL_MISMATCH, NULL, "%s was called at IRQL %u and returned at IRQL %u\n", Callback,
           Before, KeGetCurrentIrql());
}

VOID NTAPI imp_WdfVerifierDbgBreakPoint(PWDF_DRIVER_GLOBALS DriverGlobals)
{
    FxStop(WDF_VERIFIER_FATAL_ERROR, NULL, "the driver %s hit a breakpoint of its own\n",
           DriverGlobals->DriverName);
}

VOID NTAPI imp_WdfVerifierKeBugCheck(PWDF_DRIVER_GLOBALS DriverGlobals, ULONG BugCheckCode,
                                     ULONG_PTR BugCheckParameter1, ULONG_PTR BugCheckParameter2,
                                     ULONG_PTR BugCheckParameter3, ULONG_PTR BugCheckParameter4)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    KeBugCheckEx(BugCheckCode, BugCheckParameter1, BugCheckParameter2, BugCheckParameter3,
                 BugCheckParameter4);
}
