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
    UNICODE_STRING begin = {Prefix->Length, Prefix->Length, Text->Buffer};
    if (Text->Length < Prefix->Length || !RtlEqualUnicodeString(&begin, Prefix, TRUE)) {
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
    static const PCWSTR directories[] = {
        L"\\\\.\\", L"\\\\?\\", L"\\??\\", L"\\GLOBAL??\\", L"\\DosDevices\\Global\\", L"\\DosDevices\\"};
    for (size_t i = 0; i < ARRAYSIZE(directories); i++) {
        UNICODE_STRING directory;
        RtlInitUnicodeString(&directory, directories[i]);
        if (HasPrefix(Name, &directory, Rest)) {
            return TRUE;
        }
    }
    return FALSE;
}

static PLINK FindLink(PCUNICODE_STRING Name, PUNICODE_STRING Rest)
{
    for (PLIST_ENTRY entry = Links.Flink; entry != &Links; entry = entry->Flink) {
        PLINK link = CONTAINING_RECORD(entry, LINK, Entry);
        if (HasComponents(Name, &link->Name, Rest)) {
            return link;
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
    PHOST_DEVICE device = (PHOST_DEVICE)(Object + 1);
    DEVICE_SEARCH* search = Context;
    UNICODE_STRING rest;
    if (!device->Deleted && HasComponents(search->Name, &device->Name, &rest) &&
        (search->Device == NULL || rest.Length < search->Rest.Length)) {
        search->Device = device;
        search->Rest = rest;
    }
}

/* NameMutex held; the device with the longest matching name. */
static PHOST_DEVICE FindDevice(PCUNICODE_STRING Name, PUNICODE_STRING Rest)
{
    DEVICE_SEARCH search = {.Name = Name};
    HostVisitObjects(&HostDeviceType, MatchDevice, &search);
    *Rest = search.Rest;
    return search.Device;
}

/* NameMutex held. */
static PHOST_DEVICE ResolveName(PCUNICODE_STRING Name, PUNICODE_STRING FileName)
{
    UNICODE_STRING rest;
    UNICODE_STRING unused;
    if (!StripDirectory(Name, &rest)) {
        return FindDevice(Name, FileName);
    }
    PLINK link = FindLink(&rest, FileName);
    if (link == NULL) {
        return NULL;
    }
    PHOST_DEVICE device = FindDevice(&link->Target, &unused);
    return device != NULL && unused.Length == 0 ? device : NULL;
}

/* ---- symbolic links ---------------------------------------------------------------------------------- */

NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    UNICODE_STRING name;
    UNICODE_STRING rest;
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (!StripDirectory(SymbolicLinkName, &name) || name.Length == 0) {
        return STATUS_OBJECT_PATH_NOT_FOUND;
    }
    PLINK link = calloc(1, sizeof(*link));
    if (link == NULL || !NT_SUCCESS(CopyString(&link->Name, &name)) ||
        !NT_SUCCESS(CopyString(&link->Target, DeviceName))) {
        if (link != NULL) {
            free(link->Name.Buffer);
        }
        free(link);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    link->Driver = HostThread.Driver;
    NTSTATUS status = STATUS_SUCCESS;
    pthread_mutex_lock(&NameMutex);
    if (FindLink(&name, &rest) != NULL && rest.Length == 0) {
        status = STATUS_OBJECT_NAME_COLLISION;
    } else {
        InsertTailList(&Links, &link->Entry);
    }
    pthread_mutex_unlock(&NameMutex);
    if (!NT_SUCCESS(status)) {
        free(link->Name.Buffer);
        free(link->Target.Buffer);
        free(link);
    }
    return status;
}

NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName)
{
    UNICODE_STRING name;
    UNICODE_STRING rest;
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (!StripDirectory(SymbolicLinkName, &name)) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    pthread_mutex_lock(&NameMutex);
    PLINK link = FindLink(&name, &rest);
    if (link == NULL || rest.Length != 0) {
        pthread_mutex_unlock(&NameMutex);
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    RemoveEntryList(&link->Entry);
    pthread_mutex_unlock(&NameMutex);
    free(link->Name.Buffer);
    free(link->Target.Buffer);
    free(link);
    return STATUS_SUCCESS;
}

ULONG HostCountLinks(PHOST_DRIVER Driver)
{
    ULONG count = 0;
    pthread_mutex_lock(&NameMutex);
    for (PLIST_ENTRY entry = Links.Flink; entry != &Links; entry = entry->Flink) {
        count += CONTAINING_RECORD(entry, LINK, Entry)->Driver == Driver;
    }
    pthread_mutex_unlock(&NameMutex);
    return count;
}

/* ---- devices ----------------------------------------------------------------------------------------- */

static void DeleteDevice(PVOID Body)
{
    PHOST_DEVICE device = Body;
    free(device->Name.Buffer);
    HostFreeObject(device);
}

static void InitializeDevice(PHOST_DEVICE Device, PDRIVER_OBJECT DriverObject, ULONG ExtensionSize,
                             DEVICE_TYPE DeviceType, ULONG Characteristics, BOOLEAN Exclusive)
{
    PDEVICE_OBJECT object = &Device->Object;
    object->Type = IO_TYPE_DEVICE;
    object->Size = (USHORT)(sizeof(DEVICE_OBJECT) + ExtensionSize);
    object->DriverObject = DriverObject;
    object->Flags = DO_DEVICE_INITIALIZING | (Exclusive ? DO_EXCLUSIVE : 0) |
                    (Device->Name.Length != 0 ? DO_DEVICE_HAS_NAME : 0);
    object->Characteristics = Characteristics;
    object->DeviceType = DeviceType;
    object->StackSize = 1;
    object->DeviceExtension = ExtensionSize != 0 ? (PVOID)(Device + 1) : NULL;
    object->SecurityDescriptor = &Device->Security;
    KeInitializeEvent(&object->DeviceLock, SynchronizationEvent, TRUE);
    InitializeListHead(&object->DeviceQueue.DeviceListHead);
}

static NTSTATUS CreateDevice(PDRIVER_OBJECT DriverObject, ULONG ExtensionSize, PUNICODE_STRING Name,
                             DEVICE_TYPE DeviceType, ULONG Characteristics, BOOLEAN Exclusive,
                             const HOST_SECURITY* Security, PDEVICE_OBJECT* DeviceObject)
{
    UNICODE_STRING rest;
    UNICODE_STRING name = {0, 0, NULL};
    PHOST_DEVICE device = HostCreateObject(&HostDeviceType, sizeof(*device) + ExtensionSize);
    if (device == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (Name != NULL && !NT_SUCCESS(CopyString(&name, Name))) {
        HostDereference(device);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    NTSTATUS status = STATUS_SUCCESS;
    pthread_mutex_lock(&NameMutex);
    if (Name != NULL && FindDevice(&name, &rest) != NULL && rest.Length == 0) {
        status = STATUS_OBJECT_NAME_COLLISION;
        free(name.Buffer);
    } else {
        device->Name = name;
        device->Security = *Security;
        InitializeDevice(device, DriverObject, ExtensionSize, DeviceType, Characteristics, Exclusive);
        device->Object.NextDevice = DriverObject->DeviceObject;
        DriverObject->DeviceObject = &device->Object;
        *DeviceObject = &device->Object;
    }
    pthread_mutex_unlock(&NameMutex);
    if (!NT_SUCCESS(status)) {
        HostDereference(device);
    }
    return status;
}

NTSTATUS IoCreateDevice(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize, PUNICODE_STRING DeviceName,
                        DEVICE_TYPE DeviceType, ULONG DeviceCharacteristics, BOOLEAN Exclusive,
                        PDEVICE_OBJECT* DeviceObject)
{
    static const UNICODE_STRING everyone = RTL_CONSTANT_STRING(L"D:P(A;;GA;;;WD)");
    HOST_SECURITY security;
    HOST_MAX_IRQL(APC_LEVEL);
    HostParseSddl(&everyone, &security);
    return CreateDevice(DriverObject, DeviceExtensionSize, DeviceName, DeviceType, DeviceCharacteristics,
                        Exclusive, &security, DeviceObject);
}

NTSTATUS IoCreateDeviceSecure(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize,
                              PUNICODE_STRING DeviceName, DEVICE_TYPE DeviceType, ULONG DeviceCharacteristics,
                              BOOLEAN Exclusive, PCUNICODE_STRING DefaultSDDLString, LPCGUID DeviceClassGuid,
                              PDEVICE_OBJECT* DeviceObject)
{
    HOST_SECURITY security;
    UNREFERENCED_PARAMETER(DeviceClassGuid);
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (DeviceName == NULL || DefaultSDDLString == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    NTSTATUS status = HostParseSddl(DefaultSDDLString, &security);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    return CreateDevice(DriverObject, DeviceExtensionSize, DeviceName, DeviceType, DeviceCharacteristics,
                        Exclusive, &security, DeviceObject);
}

void IoDeleteDevice(PDEVICE_OBJECT DeviceObject)
{
    PHOST_DEVICE device = (PHOST_DEVICE)DeviceObject;
    HOST_MAX_IRQL(APC_LEVEL);
    if (DeviceObject == NULL || HOST_OBJECT_OF(device)->Magic != HOST_OBJECT_MAGIC) {
        HostBugcheck(REFERENCE_BY_POINTER, 0, (ULONG_PTR)DeviceObject, 0, 0,
                     "IoDeleteDevice was given %p, which is not a device that lives.", (void*)DeviceObject);
    }
    pthread_mutex_lock(&NameMutex);
    BOOLEAN again = device->Deleted;
    device->Deleted = TRUE;
    for (PDEVICE_OBJECT* link = &DeviceObject->DriverObject->DeviceObject; *link != NULL;
         link = &(*link)->NextDevice) {
        if (*link == DeviceObject) {
            *link = DeviceObject->NextDevice;
            break;
        }
    }
    pthread_mutex_unlock(&NameMutex);
    if (again) {
        HostBugcheck(REFERENCE_BY_POINTER, 0, (ULONG_PTR)DeviceObject, 0, 0,
                     "IoDeleteDevice was called twice for the device %p.", (void*)DeviceObject);
    }
    HostDereference(device); /* deleting a device calls no driver routine */
}

void HostFinishDevices(PHOST_DRIVER Driver)
{
    pthread_mutex_lock(&NameMutex);
    for (PDEVICE_OBJECT device = Driver->Object.DeviceObject; device != NULL; device = device->NextDevice) {
        device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    }
    pthread_mutex_unlock(&NameMutex);
}

/* ---- opening ----------------------------------------------------------------------------------------- */

/* Service mutex and name mutex held. */
static NTSTATUS CheckOpen(PHOST_DEVICE Device, ACCESS_MASK Access, HOST_PROCESS_RIGHTS Rights)
{
    PHOST_DRIVER driver = (PHOST_DRIVER)Device->Object.DriverObject;
    if (driver->Unloading) {
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
    UNICODE_STRING name;
    UNICODE_STRING rest;
    RtlInitUnicodeString(&name, Name);
    pthread_mutex_lock(&HostServiceMutex);
    pthread_mutex_lock(&NameMutex);
    PHOST_DEVICE device = ResolveName(&name, &rest);
    NTSTATUS status = device != NULL ? CheckOpen(device, Access, Rights) : STATUS_OBJECT_NAME_NOT_FOUND;
    if (NT_SUCCESS(status)) {
        status = CopyString(FileName, &rest);
    }
    if (NT_SUCCESS(status)) {
        HostReference(device);
        device->Opens++;
        __atomic_add_fetch(&device->Object.ReferenceCount, 1, __ATOMIC_RELAXED);
        ((PHOST_DRIVER)device->Object.DriverObject)->Files++;
        *Device = device;
    }
    pthread_mutex_unlock(&NameMutex);
    pthread_mutex_unlock(&HostServiceMutex);
    return status;
}

void HostCloseDevice(PHOST_DEVICE Device)
{
    PHOST_DRIVER driver = (PHOST_DRIVER)Device->Object.DriverObject;
    pthread_mutex_lock(&NameMutex);
    Device->Opens--;
    __atomic_sub_fetch(&Device->Object.ReferenceCount, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&NameMutex);
    HostDereference(Device);
    pthread_mutex_lock(&HostServiceMutex);
    if (--driver->Files == 0) {
        driver->LastByUser = (BOOLEAN)(HostThread.Process != HostSystemProcess);
        pthread_cond_broadcast(&HostServiceCondition);
    }
    pthread_mutex_unlock(&HostServiceMutex);
}
