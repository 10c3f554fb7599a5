/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies of strings, the framework's own and WDFSTRING.
 */
#include "kmdfp.h"

NTSTATUS FxStringCopy(FX_GLOBALS* Globals, PUNICODE_STRING Copy, PCUNICODE_STRING Source)
{
    if (Source->Length > MAXUSHORT - sizeof(WCHAR) || Source->Length % sizeof(WCHAR) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    Copy->Buffer =
        ExAllocatePoolZero(NonPagedPoolNx, Source->Length + sizeof(WCHAR), Globals->Public.DriverTag);
    if (Copy->Buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Copy->Length = Source->Length;
    Copy->MaximumLength = (USHORT)(Source->Length + sizeof(WCHAR));
    if (Source->Length != 0) {
        RtlCopyMemory(Copy->Buffer, Source->Buffer, Source->Length);
    }
    return STATUS_SUCCESS;
}

VOID FxStringFree(FX_GLOBALS* Globals, PUNICODE_STRING Copy)
{
    if (Copy->Buffer != NULL) {
        ExFreePoolWithTag(Copy->Buffer, Globals->Public.DriverTag);
        Copy->Buffer = NULL;
    }
}

typedef struct _FX_STRING {
    FX_OBJECT Object;
    UNICODE_STRING Text;
} FX_STRING;

VOID FxStringObjectFree(FX_OBJECT* Object)
{
    FxStringFree(Object->Globals, &((FX_STRING*)Object)->Text);
    FxObjectAbandon(Object);
}

NTSTATUS NTAPI imp_WdfStringCreate(PWDF_DRIVER_GLOBALS DriverGlobals, PCUNICODE_STRING UnicodeString,
                                   PWDF_OBJECT_ATTRIBUTES StringAttributes, WDFSTRING* String)
{
    static const FX_ATTRIBUTE_RULES Rules = {.ParentAllowed = TRUE};
    FX_GLOBALS* Globals = FX_GLOBALS_OF(DriverGlobals);
    FX_OBJECT* Object;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(String);
    FX_REQUIRE_PASSIVE();
    *String = NULL;
    Status = FxObjectAllocate(Globals, FxTypeString, sizeof(FX_STRING), StringAttributes, &Rules,
                              (FX_OBJECT*)Globals->Driver, &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (UnicodeString != NULL) {
        Status = FxStringCopy(Globals, &((FX_STRING*)Object)->Text, UnicodeString);
    }
    if (NT_SUCCESS(Status)) {
        Status = FxObjectPublish(Object);
    }
    if (!NT_SUCCESS(Status)) {
        FxStringObjectFree(Object);
        return Status;
    }
    *String = FX_TO_HANDLE(WDFSTRING, Object);
    return STATUS_SUCCESS;
}

VOID NTAPI imp_WdfStringGetUnicodeString(PWDF_DRIVER_GLOBALS DriverGlobals, WDFSTRING String,
                                         PUNICODE_STRING UnicodeString)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(UnicodeString);
    *UnicodeString = FX_HANDLE(FX_STRING, FxTypeString, String)->Text;
}
