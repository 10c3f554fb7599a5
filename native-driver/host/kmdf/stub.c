/* SPDX-License-Identifier: Apache-2.0
 *
 * The entry point that each KMDF driver is linked with. It binds the driver to the framework, calls its
 * DriverEntry and unbinds it after the unload, or at once when DriverEntry failed.
 */
#include <ntddk.h>
#include <wdf.h>

#define STUB_PATH_CHARACTERS 260

DRIVER_INITIALIZE DriverEntry;

const WDFFUNC* WdfFunctions_01015;
PWDF_DRIVER_GLOBALS WdfDriverGlobals;

static WDF_BIND_INFO StubBindInfo = {
    sizeof(WDF_BIND_INFO),
    (PWCHAR)L"KmdfLibrary",
    {1, 15, 0},
    WdfFunctionTableNumEntries,
    (WDFFUNC*)(PVOID)&WdfFunctions_01015,
    NULL,
};
static WCHAR StubPathBuffer[STUB_PATH_CHARACTERS];
static UNICODE_STRING StubPath = {0, sizeof(StubPathBuffer), StubPathBuffer};
static PDRIVER_UNLOAD StubDisplacedUnload;

static VOID StubUnbind(VOID)
{
    WdfVersionUnbind(&StubPath, &StubBindInfo, WdfDriverGlobals);
    WdfDriverGlobals = NULL;
}

static VOID StubUnload(PDRIVER_OBJECT DriverObject)
{
    if (StubDisplacedUnload != NULL) {
        StubDisplacedUnload(DriverObject);
    }
    StubUnbind();
}

NTSTATUS FxDriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    if (DriverObject == NULL) {
        return DriverEntry(DriverObject, RegistryPath);
    }
    RtlCopyUnicodeString(&StubPath, RegistryPath);
    Status = WdfVersionBind(DriverObject, &StubPath, &StubBindInfo, &WdfDriverGlobals);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = DriverEntry(DriverObject, RegistryPath);
    if (!NT_SUCCESS(Status)) {
        StubUnbind();
        return Status;
    }
    StubDisplacedUnload = NULL;
    if (WdfDriverGlobals->DisplaceDriverUnload) {
        StubDisplacedUnload = DriverObject->DriverUnload;
        DriverObject->DriverUnload = StubUnload;
    }
    return Status;
}
