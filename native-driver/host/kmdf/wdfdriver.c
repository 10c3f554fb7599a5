/* SPDX-License-Identifier: Apache-2.0
 *
 * WDFDRIVER: the root of a client's object tree, and the framework's own unload routine.
 */
#include "kmdfp.h"

#define FX_TAG_NONE 0x206B6444u /* "Ddk ": of drivers that chose no tag */

/* The configuration of 1.1, before the pool tag was added. */
#define FX_DRIVER_CONFIG_V1_1_SIZE FIELD_OFFSET(WDF_DRIVER_CONFIG, DriverPoolTag)

static NTSTATUS FxDriverConfigValidate(const WDF_DRIVER_CONFIG* Config)
{
    const ULONG Known = WdfDriverInitNonPnpDriver | WdfDriverInitNoDispatchOverride;

    if (Config->Size != sizeof(*Config) && Config->Size != FX_DRIVER_CONFIG_V1_1_SIZE) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if ((Config->DriverInitFlags & ~Known) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if ((Config->DriverInitFlags & WdfDriverInitNonPnpDriver) && Config->EvtDriverDeviceAdd != NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

/* The configured tag, or the first letters of the service's name without a leading "WDF". */
static ULONG FxDriverTag(const WDF_DRIVER_CONFIG* Config, const CHAR* Name)
{
    UCHAR Letters[4] = {' ', ' ', ' ', ' '};
    ULONG i;

    if (Config->Size == sizeof(*Config) && Config->DriverPoolTag != 0 &&
        Config->DriverPoolTag != FX_TAG_NONE) {
        return Config->DriverPoolTag;
    }
    if ((Name[0] | 0x20) == 'w' && (Name[1] | 0x20) == 'd' && (Name[2] | 0x20) == 'f' && Name[3] != '\0') {
        Name += 3;
    }
    for (i = 0; i < ARRAYSIZE(Letters) && Name[i] != '\0'; i++) {
        Letters[i] = (UCHAR)Name[i];
    }
    return (ULONG)Letters[0] | (ULONG)Letters[1] << 8 | (ULONG)Letters[2] << 16 | (ULONG)Letters[3] << 24;
}

static VOID FxDriverUnload(PDRIVER_OBJECT DriverObject)
{
    FX_GLOBALS* Globals = FxGlobalsFromDriverObject(DriverObject);

    if (Globals->Driver->EvtDriverUnload != NULL) {
        KIRQL Irql = KeGetCurrentIrql();
        Globals->Driver->EvtDriverUnload(FX_TO_HANDLE(WDFDRIVER, Globals->Driver));
        FxCallbackReturned("EvtDriverUnload", Irql);
    }
    FxDriverDelete(Globals);
}

VOID FxDriverDelete(FX_GLOBALS* Globals)
{
    FX_DRIVER* Driver = Globals->Driver;

    if (Driver != NULL) {
        FxObjectDelete(&Driver->Object);
        Globals->Driver = NULL;
        Globals->Public.Driver = NULL;
    }
}

static VOID FxDriverInstall(FX_GLOBALS* Globals, const WDF_DRIVER_CONFIG* Config)
{
    PDRIVER_OBJECT DriverObject = Globals->DriverObject;
    BOOLEAN NonPnp = (BOOLEAN)((Config->DriverInitFlags & WdfDriverInitNonPnpDriver) != 0);
    BOOLEAN KeepDispatch = (BOOLEAN)((Config->DriverInitFlags & WdfDriverInitNoDispatchOverride) != 0);
    BOOLEAN Unloads = (BOOLEAN)(Config->EvtDriverUnload != NULL || (!NonPnp && !KeepDispatch));

    Globals->Public.DriverFlags |= Config->DriverInitFlags | WdfVerifyOn | WdfVerifierOn;
    Globals->Public.DisplaceDriverUnload = Unloads;
    if (!KeepDispatch) {
        FxDispatchInstall(DriverObject);
    }
    DriverObject->DriverUnload = Unloads ? FxDriverUnload : NULL;
    if (NonPnp && DriverObject->DriverExtension != NULL) {
        DriverObject->DriverExtension->AddDevice = NULL;
    }
}

static NTSTATUS FxDriverAllocate(FX_GLOBALS* Globals, PCUNICODE_STRING RegistryPath,
                                 const WDF_OBJECT_ATTRIBUTES* Attributes, FX_DRIVER** Driver)
{
    static const FX_ATTRIBUTE_RULES Rules = {.LevelAllowed = TRUE, .ScopeAllowed = TRUE};
    size_t PathSize = RegistryPath->Length + sizeof(WCHAR);
    FX_OBJECT* Object;
    NTSTATUS Status;

    /* The copy of the path follows the structure. */
    Status = FxObjectAllocate(Globals, FxTypeDriver, sizeof(FX_DRIVER) + PathSize, Attributes, &Rules, NULL,
                              &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    *Driver = (FX_DRIVER*)Object;
    (*Driver)->RegistryPath.Buffer = (PWCH)(*Driver + 1);
    (*Driver)->RegistryPath.Length = RegistryPath->Length;
    (*Driver)->RegistryPath.MaximumLength = (USHORT)PathSize;
    RtlCopyMemory((*Driver)->RegistryPath.Buffer, RegistryPath->Buffer, RegistryPath->Length);
    Object->NoDelete = TRUE;
    return FxObjectPublish(Object);
}

NTSTATUS NTAPI imp_WdfDriverCreate(PWDF_DRIVER_GLOBALS DriverGlobals, PDRIVER_OBJECT DriverObject,
                                   PCUNICODE_STRING RegistryPath, PWDF_OBJECT_ATTRIBUTES DriverAttributes,
                                   PWDF_DRIVER_CONFIG DriverConfig, WDFDRIVER* Driver)
{
    FX_GLOBALS* Globals = FX_GLOBALS_OF(DriverGlobals);
    FX_DRIVER* New;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(DriverObject);
    FX_REQUIRE_PARAMETER(RegistryPath);
    FX_REQUIRE_PARAMETER(DriverConfig);
    FX_REQUIRE_PASSIVE();
    if (Driver != NULL) {
        *Driver = NULL;
    }
    Status = FxDriverConfigValidate(DriverConfig);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Globals->Driver != NULL || DriverObject != Globals->DriverObject) {
        return STATUS_DRIVER_INTERNAL_ERROR;
    }
    FxGlobalsSetDriverName(Globals, RegistryPath);
    Globals->Public.DriverTag = FxDriverTag(DriverConfig, Globals->Public.DriverName);
    Status = FxDriverAllocate(Globals, RegistryPath, DriverAttributes, &New);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    New->EvtDriverUnload = DriverConfig->EvtDriverUnload;
    Globals->Driver = New;
    Globals->Public.Driver = FX_TO_HANDLE(WDFDRIVER, New);
    FxDriverInstall(Globals, DriverConfig);
    if (Driver != NULL) {
        *Driver = FX_TO_HANDLE(WDFDRIVER, New);
    }
    return STATUS_SUCCESS;
}

PWSTR NTAPI imp_WdfDriverGetRegistryPath(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDRIVER Driver)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PASSIVE();
    return FX_HANDLE(FX_DRIVER, FxTypeDriver, Driver)->RegistryPath.Buffer;
}

PDRIVER_OBJECT NTAPI imp_WdfDriverWdmGetDriverObject(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDRIVER Driver)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FX_HANDLE(FX_DRIVER, FxTypeDriver, Driver)->Object.Globals->DriverObject;
}

BOOLEAN NTAPI imp_WdfDriverIsVersionAvailable(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDRIVER Driver,
                                              PWDF_DRIVER_VERSION_AVAILABLE_PARAMS Params)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_HANDLE(FX_DRIVER, FxTypeDriver, Driver);
    FX_REQUIRE_PARAMETER(Params);
    FX_REQUIRE_PASSIVE();
    return (BOOLEAN)(Params->Size == sizeof(*Params) && Params->MajorVersion == 1 &&
                     Params->MinorVersion <= FX_LIBRARY_MINOR);
}
