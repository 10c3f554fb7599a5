/* SPDX-License-Identifier: Apache-2.0
 *
 * Device objects, their names and symbolic links.
 */
#include "wdmp.h"

typedef struct _LINK {
    LIST_ENTRY Entry;    /* under NameMutex */
    UNICODE_STRING Name; /* without its directory */
    UNICODE_STRING Target;
    PHOST_DRIVER Driver; /* that created it */
} LINK, *PLINK;

static pthread_mutex_t NameMutex = PTHREAD_MUTEX_INITIALIZER; /* protects links, names, lists of devices */
static LIST_ENTRY Links = {&Links, &Links};

static void DeleteDevice(PVOID Body);

struct _OBJECT_TYPE HostDeviceType = {.Name = "device", .Delete = DeleteDevice};

/* ---- names ------------------------------------------------------------------------------------------- */

static NTSTATUS CopyString(PUNICODE_STRING Copy, PCUNICODE_STRING Source)
{
    Copy->Buffer = malloc((size_t)Source->Length + sizeof(WCHAR));
    if (Copy->Buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Copy->Length = 0;
    Copy->MaximumLength = (USHORT)(Source->Length + sizeof(WCHAR));
    RtlCopyUnicodeString(Copy, Source);
    return STATUS_SUCCESS;
}

/* TRUE when Text begins with Prefix; Rest is what follows. */
static BOOLEAN HasPrefix(PCUNICODE_STRING Text, PCUNICODE_STRING Prefix, PUNICODE_STRING Rest)
{
    UNICODE_STRING Begin = {Prefix->Length, Prefix->Length, Text->Buffer};
    if (Text->Length < Prefix->Length || !RtlEqualUnicodeString(&Begin, Prefix, TRUE)) {
        return FALSE;
    }
    Rest->Buffer = Text->Buffer + Prefix->Length / sizeof(WCHAR);
    Rest->Length = Rest->MaximumLength = (USHORT)(Text->Length - Prefix->Length);
    return TRUE;
}

/* The same for whole components: nothing or a backslash follows. */
static BOOLEAN HasComponents(PCUNICODE_STRING Text, PCUNICODE_STRING Prefix, PUNICODE_STRING Rest)
{
    return (BOOLEAN)(Prefix->Length != 0 && HasPrefix(Text, Prefix, Rest) &&
                     (Rest->Length == 0 || Rest->Buffer[0] == '\\'));
}

/* Strips the directory of DOS device names. */
static BOOLEAN StripDirectory(PCUNICODE_STRING Name, PUNICODE_STRING Rest)
{
    static const PCWSTR Directories[] = {
        L"\\\\.\\", L"\\\\?\\", L"\\??\\", L"\\GLOBAL??\\", L"\\DosDevices\\Global\\", L"\\DosDevices\\"};
    for (size_t i = 0; i < ARRAYSIZE(Directories); i++) {
        UNICODE_STRING Directory;
        RtlInitUnicodeString(&Directory, Directories[i]);
        if (HasPrefix(Name, &Directory, Rest)) {
            return TRUE;
        }
    }
    return FALSE;
}

static PLINK FindLink(PCUNICODE_STRING Name, PUNICODE_STRING Rest)
{
    for (PLIST_ENTRY Position = Links.Flink; Position != &Links; Position = Position->Flink) {
        PLINK Link = CONTAINING_RECORD(Position, LINK, Entry);
        if (HasComponents(Name, &Link->Name, Rest)) {
            return Link;
        }
    }
    return NULL;
}

typedef struct _DEVICE_SEARCH {
    PCUNICODE_STRING Name;
    UNICODE_STRING Rest;
    PHOST_DEVICE Device;
} DEVICE_SEARCH;

static void MatchDevice(PHOST_OBJECT Object, PVOID Context)
{
    PHOST_DEVICE Device = (PHOST_DEVICE)(Object + 1);
    DEVICE_SEARCH* Search = Context;
    UNICODE_STRING Rest;
    if (!Device->Deleted && HasComponents(Search->Name, &Device->Name, &Rest) &&
        (Search->Device == NULL || Rest.Length < Search->Rest.Length)) {
        Search->Device = Device;
        Search->Rest = Rest;
    }
}

/* NameMutex held; the device with the longest matching name. */
static PHOST_DEVICE FindDevice(PCUNICODE_STRING Name, PUNICODE_STRING Rest)
{
    DEVICE_SEARCH Search = {.Name = Name};
    HostVisitObjects(&HostDeviceType, MatchDevice, &Search);
    *Rest = Search.Rest;
    return Search.Device;
}

/* NameMutex held. */
static PHOST_DEVICE ResolveName(PCUNICODE_STRING Name, PUNICODE_STRING FileName)
{
    UNICODE_STRING Rest;
    UNICODE_STRING Unused;
    if (!StripDirectory(Name, &Rest)) {
        return FindDevice(Name, FileName);
    }
    PLINK Link = FindLink(&Rest, FileName);
    if (Link == NULL) {
        return NULL;
    }
    PHOST_DEVICE Device = FindDevice(&Link->Target, &Unused);
    return Device != NULL && Unused.Length == 0 ? Device : NULL;
}

/* ---- symbolic links ---------------------------------------------------------------------------------- */

NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    UNICODE_STRING Name;
    UNICODE_STRING Rest;
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (!StripDirectory(SymbolicLinkName, &Name) || Name.Length == 0) {
        return STATUS_OBJECT_PATH_NOT_FOUND;
    }
    PLINK Link = calloc(1, sizeof(*Link));
    if (Link == NULL || !NT_SUCCESS(CopyString(&Link->Name, &Name)) ||
        !NT_SUCCESS(CopyString(&Link->Target, DeviceName))) {
        if (Link != NULL) {
            free(Link->Name.Buffer);
        }
        free(Link);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Link->Driver = HostThread.Driver;
    NTSTATUS Status = STATUS_SUCCESS;
    pthread_mutex_lock(&NameMutex);
    if (FindLink(&Name, &Rest) != NULL && Rest.Length == 0) {
        Status = STATUS_OBJECT_NAME_COLLISION;
    } else {
        InsertTailList(&Links, &Link->Entry);
    }
    pthread_mutex_unlock(&NameMutex);
    if (!NT_SUCCESS(Status)) {
        free(Link->Name.Buffer);
        free(Link->Target.Buffer);
        free(Link);
    }
    return Status;
}

NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName)
{
    UNICODE_STRING Name;
    UNICODE_STRING Rest;
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (!StripDirectory(SymbolicLinkName, &Name)) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    pthread_mutex_lock(&NameMutex);
    PLINK Link = FindLink(&Name, &Rest);
    if (Link == NULL || Rest.Length != 0) {
        pthread_mutex_unlock(&NameMutex);
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    RemoveEntryList(&Link->Entry);
    pthread_mutex_unlock(&NameMutex);
    free(Link->Name.Buffer);
    free(Link->Target.Buffer);
    free(Link);
    return STATUS_SUCCESS;
}

ULONG HostCountLinks(PHOST_DRIVER Driver)
{
    ULONG Count = 0;
    pthread_mutex_lock(&NameMutex);
    for (PLIST_ENTRY Position = Links.Flink; Position != &Links; Position = Position->Flink) {
        Count += CONTAINING_RECORD(Position, LINK, Entry)->Driver == Driver;
    }
    pthread_mutex_unlock(&NameMutex);
    return Count;
}

/* ---- devices ----------------------------------------------------------------------------------------- */

static void DeleteDevice(PVOID Body)
{
    PHOST_DEVICE Device = Body;
    free(Device->Name.Buffer);
    HostFreeObject(Device);
}

static void InitializeDevice(PHOST_DEVICE Device, PDRIVER_OBJECT DriverObject, ULONG ExtensionSize,
                             DEVICE_TYPE DeviceType, ULONG Characteristics, BOOLEAN Exclusive)
{
    PDEVICE_OBJECT Object = &Device->Object;
    Object->Type = IO_TYPE_DEVICE;
    Object->Size = (USHORT)(sizeof(DEVICE_OBJECT) + ExtensionSize);
    Object->DriverObject = DriverObject;
    Object->Flags = DO_DEVICE_INITIALIZING | (Exclusive ? DO_EXCLUSIVE : 0) |
                    (Device->Name.Length != 0 ? DO_DEVICE_HAS_NAME : 0);
    Object->Characteristics = Characteristics;
    Object->DeviceType = DeviceType;
    Object->StackSize = 1;
    Object->DeviceExtension = ExtensionSize != 0 ? (PVOID)(Device + 1) : NULL;
    Object->SecurityDescriptor = &Device->Security;
    KeInitializeEvent(&Object->DeviceLock, SynchronizationEvent, TRUE);
    InitializeListHead(&Object->DeviceQueue.DeviceListHead);
}

static NTSTATUS CreateDevice(PDRIVER_OBJECT DriverObject, ULONG ExtensionSize, PUNICODE_STRING Name,
                             DEVICE_TYPE DeviceType, ULONG Characteristics, BOOLEAN Exclusive,
                             const HOST_SECURITY* Security, PDEVICE_OBJECT* DeviceObject)
{
    UNICODE_STRING Rest;
    UNICODE_STRING Copy = {0, 0, NULL};
    PHOST_DEVICE Device = HostCreateObject(&HostDeviceType, sizeof(*Device) + ExtensionSize);
    if (Device == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (Name != NULL && !NT_SUCCESS(CopyString(&Copy, Name))) {
        HostDereference(Device);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    NTSTATUS Status = STATUS_SUCCESS;
    pthread_mutex_lock(&NameMutex);
    if (Name != NULL && FindDevice(&Copy, &Rest) != NULL && Rest.Length == 0) {
        Status = STATUS_OBJECT_NAME_COLLISION;
        free(Copy.Buffer);
    } else {
        Device->Name = Copy;
        Device->Security = *Security;
        InitializeDevice(Device, DriverObject, ExtensionSize, DeviceType, Characteristics, Exclusive);
        Device->Object.NextDevice = DriverObject->DeviceObject;
        DriverObject->DeviceObject = &Device->Object;
        *DeviceObject = &Device->Object;
    }
    pthread_mutex_unlock(&NameMutex);
    if (!NT_SUCCESS(Status)) {
        HostDereference(Device);
    }
    return Status;
}

NTSTATUS IoCreateDevice(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize, PUNICODE_STRING DeviceName,
                        DEVICE_TYPE DeviceType, ULONG DeviceCharacteristics, BOOLEAN Exclusive,
                        PDEVICE_OBJECT* DeviceObject)
{
    static const UNICODE_STRING Everyone = RTL_CONSTANT_STRING(L"D:P(A;;GA;;;WD)");
    HOST_SECURITY Security;
    HOST_MAX_IRQL(APC_LEVEL);
    HostParseSddl(&Everyone, &Security);
    return CreateDevice(DriverObject, DeviceExtensionSize, DeviceName, DeviceType, DeviceCharacteristics,
                        Exclusive, &Security, DeviceObject);
}

NTSTATUS IoCreateDeviceSecure(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize,
                              PUNICODE_STRING DeviceName, DEVICE_TYPE DeviceType, ULONG DeviceCharacteristics,
                              BOOLEAN Exclusive, PCUNICODE_STRING DefaultSDDLString, LPCGUID DeviceClassGuid,
                              PDEVICE_OBJECT* DeviceObject)
{
    HOST_SECURITY Security;
    UNREFERENCED_PARAMETER(DeviceClassGuid);
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (DeviceName == NULL || DefaultSDDLString == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    NTSTATUS Status = HostParseSddl(DefaultSDDLString, &Security);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    return CreateDevice(DriverObject, DeviceExtensionSize, DeviceName, DeviceType, DeviceCharacteristics,
                        Exclusive, &Security, DeviceObject);
}

void IoDeleteDevice(PDEVICE_OBJECT DeviceObject)
{
    PHOST_DEVICE Device = (PHOST_DEVICE)DeviceObject;
    HOST_MAX_IRQL(APC_LEVEL);
    if (DeviceObject == NULL || HOST_OBJECT_OF(Device)->Magic != HOST_OBJECT_MAGIC) {
        HostBugcheck(REFERENCE_BY_POINTER, 0, (ULONG_PTR)DeviceObject, 0, 0,
                     "IoDeleteDevice was given %p, which is not a device that lives.", (void*)DeviceObject);
    }
    pthread_mutex_lock(&NameMutex);
    BOOLEAN Again = Device->Deleted;
    Device->Deleted = TRUE;
    for (PDEVICE_OBJECT* Link = &DeviceObject->DriverObject->DeviceObject; *Link != NULL;
         Link = &(*Link)->NextDevice) {
        if (*Link == DeviceObject) {
            *Link = DeviceObject->NextDevice;
            break;
        }
    }
    pthread_mutex_unlock(&NameMutex);
    if (Again) {
        HostBugcheck(REFERENCE_BY_POINTER, 0, (ULONG_PTR)DeviceObject, 0, 0,
                     "IoDeleteDevice was called twice for the device %p.", (void*)DeviceObject);
    }
    HostDereference(Device); /* deleting a device calls no driver routine */
}

void HostFinishDevices(PHOST_DRIVER Driver)
{
    pthread_mutex_lock(&NameMutex);
    for (PDEVICE_OBJECT Device = Driver->Object.DeviceObject; Device != NULL; Device = Device->NextDevice) {
        Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    }
    pthread_mutex_unlock(&NameMutex);
}

/* ---- opening ----------------------------------------------------------------------------------------- */

/* Service mutex and name mutex held. */
static NTSTATUS CheckOpen(PHOST_DEVICE Device, ACCESS_MASK Access, HOST_PROCESS_RIGHTS Rights)
{
    PHOST_DRIVER Driver = (PHOST_DRIVER)Device->Object.DriverObject;
    if (Driver->Unloading) {
        return STATUS_DELETE_PENDING;
    }
    if (Device->Object.Flags & DO_DEVICE_INITIALIZING) {
        return STATUS_NO_SUCH_DEVICE;
    }
    if (!HostAccessCheck(&Device->Security, Rights, Access) ||
        ((Device->Object.Flags & DO_EXCLUSIVE) && Device->Opens != 0)) {
        return STATUS_ACCESS_DENIED;
    }
    return STATUS_SUCCESS;
}

NTSTATUS HostOpenDevice(PCWSTR Name, ACCESS_MASK Access, HOST_PROCESS_RIGHTS Rights, PHOST_DEVICE* Device,
                        PUNICODE_STRING FileName)
{
    UNICODE_STRING NameString;
    UNICODE_STRING Rest;
    RtlInitUnicodeString(&NameString, Name);
    pthread_mutex_lock(&HostServiceMutex);
    pthread_mutex_lock(&NameMutex);
    PHOST_DEVICE Found = ResolveName(&NameString, &Rest);
    NTSTATUS Status = Found != NULL ? CheckOpen(Found, Access, Rights) : STATUS_OBJECT_NAME_NOT_FOUND;
    if (NT_SUCCESS(Status)) {
        Status = CopyString(FileName, &Rest);
    }
    if (NT_SUCCESS(Status)) {
        HostReference(Found);
        Found->Opens++;
        __atomic_add_fetch(&Found->Object.ReferenceCount, 1, __ATOMIC_RELAXED);
        ((PHOST_DRIVER)Found->Object.DriverObject)->Files++;
        *Device = Found;
    }
    pthread_mutex_unlock(&NameMutex);
    pthread_mutex_unlock(&HostServiceMutex);
    return Status;
}

void HostCloseDevice(PHOST_DEVICE Device)
{
    PHOST_DRIVER Driver = (PHOST_DRIVER)Device->Object.DriverObject;
    pthread_mutex_lock(&NameMutex);
    Device->Opens--;
    __atomic_sub_fetch(&Device->Object.ReferenceCount, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&NameMutex);
    HostDereference(Device);
    pthread_mutex_lock(&HostServiceMutex);
    if (--Driver->Files == 0) {
        Driver->LastByUser = (BOOLEAN)(HostThread.Process != HostSystemProcess);
        pthread_cond_broadcast(&HostServiceCondition);
    }
    pthread_mutex_unlock(&HostServiceMutex);
}
