/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading and unloading of drivers.
 */
#include "wdmp.h"

#define SERVICES_KEY L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\"
#define DRIVER_PATH  L"\\Driver\\"

/* How long unloading waits for a thread that is about to leave the driver's code: enough on a busy
 * machine. */
#define LEAVING_LIMIT_NS (5 * 1000000000LL)

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

/* Prefix and name, terminated; Buffer is NULL when out of memory. */
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

DECLSPEC_NORETURN void HostWaitLimitPassed(void)
{
    char name[64];
    HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)HostThread.Driver, 0, 0, 0,
                 "The DriverUnload routine of %s waits. The last handle of a driver that is being unloaded "
                 "was closed by a user, whose thread runs DriverUnload inside CloseHandle.",
                 HostDriverName(HostThread.Driver, name, sizeof(name)));
}

/* InUserThread: on Windows DriverUnload would run in the user's thread that closed the last file. */
static void CallUnload(PHOST_DRIVER Driver, BOOLEAN InUserThread)
{
    HostThread.UnloadLimit = InUserThread ? HostQueryTime() + LEAVING_LIMIT_NS : 0;
    PEPROCESS process = HostThread.Process;
    HostThread.Process = HostSystemProcess;
    HOST_CALL call = HostBeginCall(Driver);
    Driver->Object.DriverUnload(&Driver->Object);
    HostEndCall(&call, "DriverUnload routine", (PVOID)Driver->Object.DriverUnload);
    HostThread.Process = process;
    HostThread.UnloadLimit = 0;
}

/* A completion routine set with IoSetCompletionRoutineEx keeps its driver loaded, so it is awaited. One set
 * with IoSetCompletionRoutine does not. Which driver set it is unknown, but if only one is loaded it was that
 * one, and a routine that keeps running is a bugcheck. */
static void AwaitCompletionRoutines(PHOST_DRIVER Driver)
{
    char name[64];
    LONGLONG limit = HostQueryTime() + LEAVING_LIMIT_NS;
    ULONG round = 0;

    /* Not for ever: an IRP that is never completed is reported as a leak. */
    while (__atomic_load_n(&Driver->Completions, __ATOMIC_ACQUIRE) != 0 && HostQueryTime() < limit) {
        HostBackOff(&round);
    }
    pthread_mutex_lock(&HostServiceMutex);
    BOOLEAN only = (BOOLEAN)(HostCountServices() == 1);
    pthread_mutex_unlock(&HostServiceMutex);
    while (only && HostCountPlainCompletions() != 0) {
        if (HostQueryTime() > limit) {
            HostBugcheck(DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS, (ULONG_PTR)Driver, 0, 0, 0,
                         "The driver %s is unloaded while a completion routine runs that it set with "
                         "IoSetCompletionRoutine. IoSetCompletionRoutineEx would have held up the unload.",
                         HostDriverName(Driver, name, sizeof(name)));
        }
        HostBackOff(&round);
    }
}

/* Waits for everything that can still run the driver's code, checks for leaks, and deletes the driver. */
static void RemoveDriver(PHOST_DRIVER Driver)
{
    KeFlushQueuedDpcs();
    AwaitCompletionRoutines(Driver);
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
    BOOLEAN deferred = (BOOLEAN)(driver->Files != 0);
    while (driver->Files != 0) {
        pthread_cond_wait(&HostServiceCondition, &HostServiceMutex);
    }
    BOOLEAN inUserThread = (BOOLEAN)(deferred && driver->LastByUser);
    pthread_mutex_unlock(&HostServiceMutex);

    CallUnload(driver, inUserThread);
    RemoveDriver(driver);
    return STATUS_SUCCESS;
}
