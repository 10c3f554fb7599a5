/* SPDX-License-Identifier: Apache-2.0
 *
 * The loader's exports: binds a driver to the framework and gives it its globals.
 */
#include "kmdfp.h"
#include "table.h"

#define FX_GLOBALS_TAG 0x47787746u /* FwxG */

/* How many functions the table has in each minor version. */
static const struct {
    ULONG Minor;
    ULONG Count;
} FxTableSizes[] = {
    {0, 383},  {1, 386},  {5, 387},  {7, 387},  {9, 396},  {11, 432}, {13, 438}, {15, 444}, {17, 444},
    {19, 446}, {21, 448}, {23, 451}, {25, 453}, {27, 453}, {29, 454}, {31, 458}, {33, 458},
};

/* Up to this count FuncTable is an array that the framework fills; above it, the address of a pointer. */
#define FX_LAST_COPIED_COUNT 438

/* The bound drivers. Initialised at compile time, so the list is valid before the first one is bound. */
static struct {
    KSPIN_LOCK Lock;
    LIST_ENTRY Head; /* Lock */
    BOOLEAN TableReady;
} FxClients = {0, {&FxClients.Head, &FxClients.Head}, FALSE};

static BOOLEAN FxIsLibraryName(PCWSTR Component)
{
    static const WCHAR Expected[] = L"KmdfLibrary";
    ULONG i = 0;

    if (Component == NULL) {
        return FALSE;
    }
    while (Component[i] == Expected[i] && Expected[i] != UNICODE_NULL) {
        i++;
    }
    return (BOOLEAN)(Component[i] == Expected[i]);
}

static ULONG FxTableSize(ULONG Minor)
{
    ULONG i;

    for (i = 0; i < ARRAYSIZE(FxTableSizes); i++) {
        if (FxTableSizes[i].Minor == Minor) {
            return FxTableSizes[i].Count;
        }
    }
    return 0;
}

/* A driver built for a newer minor version is bound only if it says that it can run on an older one. */
static NTSTATUS FxBindInfoValidate(const WDF_BIND_INFO* Info)
{
    ULONG Oldest = Info->Version.Minor;

    if (Info->Size != sizeof(WDF_BIND_INFO) && Info->Size != sizeof(WDF_BIND_INFO2)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if (!FxIsLibraryName(Info->Component) || Info->FuncTable == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Info->Size == sizeof(WDF_BIND_INFO2)) {
        const WDF_BIND_INFO2* Info2 = CONTAINING_RECORD(Info, WDF_BIND_INFO2, V1);
        if (Info2->MinimumVersionRequired != NULL) {
            Oldest = *Info2->MinimumVersionRequired;
        }
    }
    if (Info->Version.Major != 1 || Oldest > FX_LIBRARY_MINOR) {
        return STATUS_REVISION_MISMATCH;
    }
    if (Info->FuncCount == 0 || Info->FuncCount != FxTableSize(Info->Version.Minor)) {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

static VOID FxBindTable(PWDF_BIND_INFO Info)
{
    if (Info->FuncCount <= FX_LAST_COPIED_COUNT) {
        RtlCopyMemory(Info->FuncTable, FxFunctionTable, Info->FuncCount * sizeof(WDFFUNC));
    } else {
        *(const WDFFUNC**)(PVOID)Info->FuncTable = FxFunctionTable;
    }
    if (Info->Size == sizeof(WDF_BIND_INFO2)) {
        WDF_BIND_INFO2* Info2 = CONTAINING_RECORD(Info, WDF_BIND_INFO2, V1);
        if (Info2->ClientVersionHigherThanFramework != NULL) {
            *Info2->ClientVersionHigherThanFramework = (BOOLEAN)(Info->Version.Minor > FX_LIBRARY_MINOR);
        }
        if (Info2->FuncCountPtr != NULL) {
            *Info2->FuncCountPtr = WdfFunctionTableNumEntries;
        }
        if (Info2->StructCountPtr != NULL) {
            *Info2->StructCountPtr = 0;
        }
    }
}

static VOID FxUnbindTable(PWDF_BIND_INFO Info)
{
    if (Info->FuncCount > FX_LAST_COPIED_COUNT) {
        *(const WDFFUNC**)(PVOID)Info->FuncTable = NULL;
    }
}

static VOID FxClientsInsert(FX_GLOBALS* Globals)
{
    KIRQL Irql;

    KeAcquireSpinLock(&FxClients.Lock, &Irql);
    if (!FxClients.TableReady) {
        FxTableInitialize();
        FxClients.TableReady = TRUE;
    }
    InsertTailList(&FxClients.Head, &Globals->Client);
    KeReleaseSpinLock(&FxClients.Lock, Irql);
}

static VOID FxClientsRemove(FX_GLOBALS* Globals)
{
    KIRQL Irql;

    KeAcquireSpinLock(&FxClients.Lock, &Irql);
    RemoveEntryList(&Globals->Client);
    KeReleaseSpinLock(&FxClients.Lock, Irql);
}

FX_GLOBALS* FxGlobalsFromDriverObject(PDRIVER_OBJECT DriverObject)
{
    FX_GLOBALS* Found = NULL;
    LIST_ENTRY* Link;
    KIRQL Irql;

    KeAcquireSpinLock(&FxClients.Lock, &Irql);
    for (Link = FxClients.Head.Flink; Link != &FxClients.Head && Found == NULL; Link = Link->Flink) {
        FX_GLOBALS* Globals = CONTAINING_RECORD(Link, FX_GLOBALS, Client);
        if (Globals->DriverObject == DriverObject) {
            Found = Globals;
        }
    }
    KeReleaseSpinLock(&FxClients.Lock, Irql);
    return Found;
}

/* The last component of the path, in ASCII; WDF when there is none or it is too long. */
VOID FxGlobalsSetDriverName(FX_GLOBALS* Globals, PCUNICODE_STRING RegistryPath)
{
    PCHAR Name = Globals->Public.DriverName;
    ULONG Count = RegistryPath->Length / sizeof(WCHAR);
    ULONG Start = Count;
    ULONG i;

    while (Start > 0 && RegistryPath->Buffer[Start - 1] != L'\\') {
        Start--;
    }
    if (Count == Start || Count - Start >= WDF_DRIVER_GLOBALS_NAME_LEN) {
        RtlCopyMemory(Name, "WDF", sizeof("WDF"));
        return;
    }
    for (i = 0; i < Count - Start; i++) {
        WCHAR Character = RegistryPath->Buffer[Start + i];
        Name[i] = Character < 0x80 ? (CHAR)Character : '?';
    }
    Name[i] = '\0';
}

NTSTATUS NTAPI WdfVersionBind(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath,
                              PWDF_BIND_INFO BindInfo, PWDF_COMPONENT_GLOBALS* ComponentGlobals)
{
    FX_GLOBALS* Globals;
    NTSTATUS Status;

    if (DriverObject == NULL || RegistryPath == NULL || BindInfo == NULL || ComponentGlobals == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    Status = FxBindInfoValidate(BindInfo);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Globals = ExAllocatePoolZero(NonPagedPoolNx, sizeof(*Globals), FX_GLOBALS_TAG);
    if (Globals == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Globals->DriverObject = DriverObject;
    Globals->Minor = BindInfo->Version.Minor;
    Globals->Public.DriverTag = FX_GLOBALS_TAG;
    KeInitializeSpinLock(&Globals->TreeLock);
    InitializeListHead(&Globals->Live);
    FxGlobalsSetDriverName(Globals, RegistryPath);
    FxClientsInsert(Globals);
    FxBindTable(BindInfo);
    BindInfo->Module = Globals;
    *ComponentGlobals = &Globals->Public;
    return STATUS_SUCCESS;
}

/* Also called for a driver whose DriverEntry failed, with its objects not yet deleted. */
NTSTATUS NTAPI WdfVersionUnbind(PUNICODE_STRING RegistryPath, PWDF_BIND_INFO BindInfo,
                                PWDF_COMPONENT_GLOBALS ComponentGlobals)
{
    FX_GLOBALS* Globals;

    UNREFERENCED_PARAMETER(RegistryPath);
    if (BindInfo == NULL || ComponentGlobals == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    Globals = FX_GLOBALS_OF(ComponentGlobals);
    FxDriverDelete(Globals);
    FxObjectReportLeaks(Globals);
    FxUnbindTable(BindInfo);
    BindInfo->Module = NULL;
    FxClientsRemove(Globals);
    ExFreePoolWithTag(Globals, FX_GLOBALS_TAG);
    return STATUS_SUCCESS;
}

/* There are no class extensions here. */
NTSTATUS NTAPI WdfVersionBindClass(PWDF_BIND_INFO BindInfo, PWDF_COMPONENT_GLOBALS ComponentGlobals,
                                   PWDF_CLASS_BIND_INFO ClassBindInfo)
{
    UNREFERENCED_PARAMETER(BindInfo);
    UNREFERENCED_PARAMETER(ComponentGlobals);
    UNREFERENCED_PARAMETER(ClassBindInfo);
    return STATUS_NOT_SUPPORTED;
}

VOID NTAPI WdfVersionUnbindClass(PWDF_BIND_INFO BindInfo, PWDF_COMPONENT_GLOBALS ComponentGlobals,
                                 PWDF_CLASS_BIND_INFO ClassBindInfo)
{
    UNREFERENCED_PARAMETER(BindInfo);
    UNREFERENCED_PARAMETER(ComponentGlobals);
    UNREFERENCED_PARAMETER(ClassBindInfo);
}

NTSTATUS NTAPI WdfLdrQueryInterface(PWDF_INTERFACE_HEADER LoaderInterface)
{
    return LoaderInterface == NULL ? STATUS_INVALID_PARAMETER : STATUS_NOINTERFACE;
}
