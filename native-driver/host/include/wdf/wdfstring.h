/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings as objects. PASSIVE_LEVEL.
 */
#ifndef WDF_WDFSTRING_H
#define WDF_WDFSTRING_H

#include <wdf/wdfobject.h>

EXTERN_C_START

typedef NTSTATUS(NTAPI* PFN_WDFSTRINGCREATE)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                             PCUNICODE_STRING UnicodeString,
                                             PWDF_OBJECT_ATTRIBUTES StringAttributes, WDFSTRING* String);
FORCEINLINE NTSTATUS WdfStringCreate(PCUNICODE_STRING UnicodeString, PWDF_OBJECT_ATTRIBUTES StringAttributes,
                                     WDFSTRING* String)
{
    return ((PFN_WDFSTRINGCREATE)WdfFunctions[WdfStringCreateTableIndex])(WdfDriverGlobals, UnicodeString,
                                                                          StringAttributes, String);
}

typedef VOID(NTAPI* PFN_WDFSTRINGGETUNICODESTRING)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFSTRING String,
                                                   PUNICODE_STRING UnicodeString);
FORCEINLINE VOID WdfStringGetUnicodeString(WDFSTRING String, PUNICODE_STRING UnicodeString)
{
    ((PFN_WDFSTRINGGETUNICODESTRING)WdfFunctions[WdfStringGetUnicodeStringTableIndex])(WdfDriverGlobals,
                                                                                       String, UnicodeString);
}

EXTERN_C_END

#endif
