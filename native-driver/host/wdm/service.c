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
    UNICODE_STRING Front;
    UNICODE_STRING Result = {0, 0, NULL};
    RtlInitUnicodeString(&Front, Prefix);
    Result.Buffer = malloc((size_t)Front.Length + Name->Length + sizeof(WCHAR));
    if (Result.Buffer != NULL) {
        memcpy(Result.Buffer, Front.Buffer, Front.Length);
        memcpy((PUCHAR)Result.Buffer + Front.Length, Name->Buffer, Name->Length);
        Result.Length = (USHORT)(Front.Length + Name->Length);
        Result.MaximumLength = (USHORT)(Result.Length + sizeof(WCHAR));
        Result.Buffer[Result.Length / sizeof(WCHAR)] = 0;
    }
    return Result;
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
    PHOST_DRIVER Driver = HostCreateObject(&HostDriverType, sizeof(*Driver));
    if (Driver == NULL) {
        return NULL;
    }
    Driver->Object.Type = IO_TYPE_DRIVER;
    Driver->Object.Size = sizeof(DRIVER_OBJECT);
    Driver->Object.DriverInit = Entry;
    Driver->Object.DriverStart = (PVOID)Entry;
    Driver->Object.DriverExtension = &Driver->Extension;
    Driver->Extension.DriverObject = &Driver->Object;
    for (size_t i = 0; i < ARRAYSIZE(Driver->Object.MajorFunction); i++) {
        Driver->Object.MajorFunction[i] = InvalidRequest;
    }
    Driver->ServiceName = Concatenate(L"", ServiceName);
    Driver->RegistryPath = Concatenate(SERVICES_KEY, ServiceName);
    Driver->Object.DriverName = Concatenate(DRIVER_PATH, ServiceName);
    Driver->Extension.ServiceKeyName = Driver->ServiceName;
    Driver->Loading = TRUE;
    if (Driver->ServiceName.Buffer == NULL || Driver->RegistryPath.Buffer == NULL ||
        Driver->Object.DriverName.Buffer == NULL) {
        DeleteDriver(Driver);
        return NULL;
    }
    return Driver;
}

const char* HostDriverName(PHOST_DRIVER Driver, char* Buffer, size_t Length)
{
    return HostNarrow(&Driver->ServiceName, Buffer, Length);
}

ULONG HostCountServices(void)
{
    ULONG Count = 0;
    for (PLIST_ENTRY Entry = Services.Flink; Entry != &Services; Entry = Entry->Flink) {
        Count++;
    }
    return Count;
}

/* Service mutex held. */
static PHOST_DRIVER FindService(PCUNICODE_STRING Name)
{
    for (PLIST_ENTRY Entry = Services.Flink; Entry != &Services; Entry = Entry->Flink) {
        PHOST_DRIVER Driver = CONTAINING_RECORD(Entry, HOST_DRIVER, Link);
        if (RtlEqualUnicodeString(&Driver->ServiceName, Name, TRUE)) {
            return Driver;
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
    PEPROCESS Process = HostThread.Process;
    HostThread.Process = HostSystemProcess;
    HOST_CALL Call = HostBeginCall(Driver);
    NTSTATUS Status = Driver->Object.DriverInit(&Driver->Object, &Driver->RegistryPath);
    HostEndCall(&Call, "DriverEntry routine", (PVOID)Driver->Object.DriverInit);
    HostThread.Process = Process;
    return Status;
}

DECLSPEC_NORETURN void HostWaitLimitPassed(void)
{
    char Name[64];
    HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)HostThread.Driver, 0, 0, 0,
                 "The DriverUnload routine of %s waits. The last handle of a driver that is being unloaded "
                 "was closed by a user, whose thread runs DriverUnload inside CloseHandle.",
                 HostDriverName(HostThread.Driver, Name, sizeof(Name)));
}

/* InUserThread: on Windows DriverUnload would run in the user's thread that closed the last file. */
static void CallUnload(PHOST_DRIVER Driver, BOOLEAN InUserThread)
{
    HostThread.UnloadLimit = InUserThread ? HostQueryTime() + LEAVING_LIMIT_NS : 0;
    PEPROCESS Process = HostThread.Process;
    HostThread.Process = HostSystemProcess;
    HOST_CALL Call = HostBeginCall(Driver);
    Driver->Object.DriverUnload(&Driver->Object);
    HostEndCall(&Call, "DriverUnload routine", (PVOID)Driver->Object.DriverUnload);
    HostThread.Process = Process;
    HostThread.UnloadLimit = 0;
}

/* A completion routine set with IoSetCompletionRoutineEx keeps its driver loaded, so it is awaited. One set
 * with IoSetCompletionRoutine does not. Which driver set it is unknown, but if only one is loaded it was that
 * one, and a routine that keeps running is a bugcheck. */
static void AwaitCompletionRoutines(PHOST_DRIVER Driver)
{
    char Name[64];
    LONGLONG Limit = HostQueryTime() + LEAVING_LIMIT_NS;
    ULONG Round = 0;

    /* Not for ever: an IRP that is never completed is reported as a leak. */
    while (__atomic_load_n(&Driver->Completions, __ATOMIC_ACQUIRE) != 0 && HostQueryTime() < Limit) {
        HostBackOff(&Round);
    }
    pthread_mutex_lock(&HostServiceMutex);
    BOOLEAN Only = (BOOLEAN)(HostCountServices() == 1);
    pthread_mutex_unlock(&HostServiceMutex);
    while (Only && HostCountPlainCompletions() != 0) {
        if (HostQueryTime() > Limit) {
            HostBugcheck(DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS, (ULONG_PTR)Driver, 0, 0, 0,
                         "The driver %s is unloaded while a completion routine runs that it set with "
                         "IoSetCompletionRoutine. IoSetCompletionRoutineEx would have held up the unload.",
                         HostDriverName(Driver, Name, sizeof(Name)));
        }
        HostBackOff(&Round);
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
    BOOLEAN Last = IsListEmpty(&Services);
    pthread_cond_broadcast(&HostServiceCondition);
    pthread_mutex_unlock(&HostServiceMutex);
    if (Last) {
        HostStopWorkers();
        HostStopDpcThread();
    }
    DeleteDriver(Driver);
}

NTSTATUS HostLoadDriver(PCWSTR ServiceName, PDRIVER_INITIALIZE Entry)
{
    UNICODE_STRING Name;
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    RtlInitUnicodeString(&Name, ServiceName);
    PHOST_DRIVER Driver = CreateDriver(&Name, Entry);
    if (Driver == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    pthread_mutex_lock(&HostServiceMutex);
    if (FindService(&Name) != NULL) {
        pthread_mutex_unlock(&HostServiceMutex);
        DeleteDriver(Driver);
        return STATUS_IMAGE_ALREADY_LOADED;
    }
    Driver->Id = ++LastId;
    Driver->Sequence = HostAllocationSequence();
    InsertTailList(&Services, &Driver->Link);
    pthread_mutex_unlock(&HostServiceMutex);

    NTSTATUS Status = CallEntry(Driver);
    if (!NT_SUCCESS(Status)) {
        RemoveDriver(Driver);
        return Status;
    }
    HostFinishDevices(Driver);
    pthread_mutex_lock(&HostServiceMutex);
    Driver->Loading = FALSE;
    pthread_mutex_unlock(&HostServiceMutex);
    return Status;
}

NTSTATUS HostUnloadDriver(PCWSTR ServiceName)
{
    UNICODE_STRING Name;
    NTSTATUS Status = STATUS_SUCCESS;
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    RtlInitUnicodeString(&Name, ServiceName);

    pthread_mutex_lock(&HostServiceMutex);
    PHOST_DRIVER Driver = FindService(&Name);
    if (Driver == NULL) {
        Status = STATUS_OBJECT_NAME_NOT_FOUND;
    } else if (Driver->Unloading || Driver->Loading) {
        Status = STATUS_DELETE_PENDING;
    } else if (Driver->Object.DriverUnload == NULL) {
        Status = STATUS_INVALID_DEVICE_REQUEST;
    }
    if (!NT_SUCCESS(Status)) {
        pthread_mutex_unlock(&HostServiceMutex);
        return Status;
    }
    Driver->Unloading = TRUE;
    Driver->Object.Flags |= DRVO_UNLOAD_INVOKED;
    BOOLEAN Deferred = (BOOLEAN)(Driver->Files != 0);
    while (Driver->Files != 0) {
        pthread_cond_wait(&HostServiceCondition, &HostServiceMutex);
    }
    BOOLEAN InUserThread = (BOOLEAN)(Deferred && Driver->LastByUser);
    pthread_mutex_unlock(&HostServiceMutex);

    CallUnload(Driver, InUserThread);
    RemoveDriver(Driver);
    return STATUS_SUCCESS;
}
