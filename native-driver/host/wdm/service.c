/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading and unloading of drivers.
 */
#include "wdmp.h"

#define SERVICES_KEY L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\"
#define DRIVER_PATH  L"\\Driver\\"

pthread_mutex_t HostServiceMutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t HostServiceCondition = PTHREAD_COND_INITIALIZER;
static LIST_ENTRY Services = {&Services, &Services}; /* under HostServiceMutex */
static ULONG LastId;                                 /* under HostServiceMutex */

struct _OBJECT_TYPE HostDriverType = {.Name = "driver", .Delete = HostFreeObject};

/* ---- the driver object ------------------------------------------------------------------------------- */

static NTSTATUS InvalidRequest(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    Irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_INVALID_DEVICE_REQUEST;
}

/* Prefix and name, terminated; Buffer is NULL when memory is short. */
static UNICODE_STRING Concatenate(PCWSTR Prefix, PCUNICODE_STRING Name)
{
    UNICODE_STRING prefix;
    UNICODE_STRING result = {0, 0, NULL};
    RtlInitUnicodeString(&prefix, Prefix);
    result.Buffer = malloc((size_t)prefix.Length + Name->Length + sizeof(WCHAR));
    if (result.Buffer != NULL) {
        memcpy(result.Buffer, prefix.Buffer, prefix.Length);
        memcpy((PUCHAR)result.Buffer + prefix.Length, Name->Buffer, Name->Length);
        result.Length = (USHORT)(prefix.Length + Name->Length);
        result.MaximumLength = (USHORT)(result.Length + sizeof(WCHAR));
        result.Buffer[result.Length / sizeof(WCHAR)] = 0;
    }
    return result;
}

static void DeleteDriver(PHOST_DRIVER Driver)
{
    free(Driver->Object.DriverName.Buffer);
    free(Driver->ServiceName.Buffer);
    free(Driver->RegistryPath.Buffer);
    HostDereference(Driver);
}

static PHOST_DRIVER CreateDriver(PCUNICODE_STRING ServiceName, PDRIVER_INITIALIZE Entry)
{
    PHOST_DRIVER driver = HostCreateObject(&HostDriverType, sizeof(*driver));
    if (driver == NULL) {
        return NULL;
    }
    driver->Object.Type = IO_TYPE_DRIVER;
    driver->Object.Size = sizeof(DRIVER_OBJECT);
    driver->Object.DriverInit = Entry;
    driver->Object.DriverStart = (PVOID)Entry;
    driver->Object.DriverExtension = &driver->Extension;
    driver->Extension.DriverObject = &driver->Object;
    for (size_t i = 0; i < ARRAYSIZE(driver->Object.MajorFunction); i++) {
        driver->Object.MajorFunction[i] = InvalidRequest;
    }
    driver->ServiceName = Concatenate(L"", ServiceName);
    driver->RegistryPath = Concatenate(SERVICES_KEY, ServiceName);
    driver->Object.DriverName = Concatenate(DRIVER_PATH, ServiceName);
    driver->Extension.ServiceKeyName = driver->ServiceName;
    driver->Loading = TRUE;
    if (driver->ServiceName.Buffer == NULL || driver->RegistryPath.Buffer == NULL ||
        driver->Object.DriverName.Buffer == NULL) {
        DeleteDriver(driver);
        return NULL;
    }
    return driver;
}

const char* HostDriverName(PHOST_DRIVER Driver, char* Buffer, size_t Length)
{
    return HostNarrow(&Driver->ServiceName, Buffer, Length);
}

ULONG HostCountServices(void)
{
    ULONG count = 0;
    for (PLIST_ENTRY entry = Services.Flink; entry != &Services; entry = entry->Flink) {
        count++;
    }
    return count;
}

/* Service mutex held. */
static PHOST_DRIVER FindService(PCUNICODE_STRING Name)
{
    for (PLIST_ENTRY entry = Services.Flink; entry != &Services; entry = entry->Flink) {
        PHOST_DRIVER driver = CONTAINING_RECORD(entry, HOST_DRIVER, Link);
        if (RtlEqualUnicodeString(&driver->ServiceName, Name, TRUE)) {
            return driver;
        }
    }
    return NULL;
}

void HostAddActiveItem(PHOST_DRIVER Driver)
{
    pthread_mutex_lock(&HostServiceMutex);
    Driver->ActiveItems++;
    pthread_mutex_unlock(&HostServiceMutex);
}

void HostRemoveActiveItem(PHOST_DRIVER Driver)
{
    pthread_mutex_lock(&HostServiceMutex);
    if (--Driver->ActiveItems == 0) {
        pthread_cond_broadcast(&HostServiceCondition);
    }
    pthread_mutex_unlock(&HostServiceMutex);
}

/* ---- loading ----------------------------------------------------------------------------------------- */

static NTSTATUS CallEntry(PHOST_DRIVER Driver)
{
    PEPROCESS process = HostThread.Process;
    HostThread.Process = HostSystemProcess;
    HOST_CALL call = HostBeginCall(Driver);
    NTSTATUS status = Driver->Object.DriverInit(&Driver->Object, &Driver->RegistryPath);
    HostEndCall(&call, "DriverEntry routine", (PVOID)Driver->Object.DriverInit);
    HostThread.Process = process;
    return status;
}

static void CallUnload(PHOST_DRIVER Driver)
{
    PEPROCESS process = HostThread.Process;
    HostThread.Process = HostSystemProcess;
    HOST_CALL call = HostBeginCall(Driver);
    Driver->Object.DriverUnload(&Driver->Object);
    HostEndCall(&call, "DriverUnload routine", (PVOID)Driver->Object.DriverUnload);
    HostThread.Process = process;
}

/* What a driver is no longer running must have finished; then its remains are checked and it goes. */
static void RemoveDriver(PHOST_DRIVER Driver)
{
    KeFlushQueuedDpcs();
    pthread_mutex_lock(&HostServiceMutex);
    while (Driver->ActiveItems != 0) {
        pthread_cond_wait(&HostServiceCondition, &HostServiceMutex);
    }
    HostCheckLeaks(Driver);
    RemoveEntryList(&Driver->Link);
    BOOLEAN last = IsListEmpty(&Services);
    pthread_cond_broadcast(&HostServiceCondition);
    pthread_mutex_unlock(&HostServiceMutex);
    if (last) {
        HostStopWorkers();
        HostStopDpcThread();
    }
    DeleteDriver(Driver);
}

NTSTATUS HostLoadDriver(PCWSTR ServiceName, PDRIVER_INITIALIZE Entry)
{
    UNICODE_STRING name;
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    RtlInitUnicodeString(&name, ServiceName);
    PHOST_DRIVER driver = CreateDriver(&name, Entry);
    if (driver == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    pthread_mutex_lock(&HostServiceMutex);
    if (FindService(&name) != NULL) {
        pthread_mutex_unlock(&HostServiceMutex);
        DeleteDriver(driver);
        return STATUS_IMAGE_ALREADY_LOADED;
    }
    driver->Id = ++LastId;
    driver->Sequence = HostAllocationSequence();
    InsertTailList(&Services, &driver->Link);
    pthread_mutex_unlock(&HostServiceMutex);

    NTSTATUS status = CallEntry(driver);
    if (!NT_SUCCESS(status)) {
        RemoveDriver(driver);
        return status;
    }
    HostFinishDevices(driver);
    pthread_mutex_lock(&HostServiceMutex);
    driver->Loading = FALSE;
    pthread_mutex_unlock(&HostServiceMutex);
    return status;
}

NTSTATUS HostUnloadDriver(PCWSTR ServiceName)
{
    UNICODE_STRING name;
    NTSTATUS status = STATUS_SUCCESS;
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    RtlInitUnicodeString(&name, ServiceName);

    pthread_mutex_lock(&HostServiceMutex);
    PHOST_DRIVER driver = FindService(&name);
    if (driver == NULL) {
        status = STATUS_OBJECT_NAME_NOT_FOUND;
    } else if (driver->Unloading || driver->Loading) {
        status = STATUS_DELETE_PENDING;
    } else if (driver->Object.DriverUnload == NULL) {
        status = STATUS_INVALID_DEVICE_REQUEST;
    }
    if (!NT_SUCCESS(status)) {
        pthread_mutex_unlock(&HostServiceMutex);
        return status;
    }
    driver->Unloading = TRUE;
    driver->Object.Flags |= DRVO_UNLOAD_INVOKED;
    while (driver->Files != 0) {
        pthread_cond_wait(&HostServiceCondition, &HostServiceMutex);
    }
    pthread_mutex_unlock(&HostServiceMutex);

    CallUnload(driver);
    RemoveDriver(driver);
    return STATUS_SUCCESS;
}
