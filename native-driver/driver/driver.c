/* SPDX-License-Identifier: Apache-2.0
 *
 * Entry, the control device, and unload. The driver is a non-PnP KMDF driver with one control device; each
 * file object opened on it becomes a socket.
 */
#include "driver.h"

#include "deadline.h"
#include "gate.h"
#include "linger.h"
#include "operation.h"
#include "socket.h"
#include "trace.h"

/* System and administrators only. An administrator can override this in the registry key of the device class
 * below. */
DECLARE_CONST_UNICODE_STRING(DeviceSddl, L"D:P(A;;GA;;;SY)(A;;GA;;;BA)");
DECLARE_CONST_UNICODE_STRING(DeviceName, WSKB_DEVICE_NAME);
DECLARE_CONST_UNICODE_STRING(SymbolicLink, WSKB_SYMBOLIC_LINK);

/* {5B1F0B0E-6C2A-4B7E-9D39-5D0A3C6E7F41} */
static const GUID DeviceClass = {
    0x5b1f0b0e, 0x6c2a, 0x4b7e, {0x9d, 0x39, 0x5d, 0x0a, 0x3c, 0x6e, 0x7f, 0x41}};

static EVT_WDF_DRIVER_UNLOAD EvtDriverUnload;
static EVT_WDF_DEVICE_FILE_CREATE EvtDeviceFileCreate;
static EVT_WDF_FILE_CLEANUP EvtFileCleanup;
static EVT_WDF_FILE_CLOSE EvtFileClose;

/* Not ExAllocatePoolZero, which on some builds of Windows 10 1909 does not zero what it allocates. */
_Use_decl_annotations_ PVOID WskbAllocateZeroed(SIZE_T Length, ULONG Tag)
{
    PVOID Memory = ExAllocatePoolUninitialized(NonPagedPoolNx, Length, Tag);
    if (Memory != NULL) {
        RtlZeroMemory(Memory, Length);
    }
    return Memory;
}

static VOID ConfigureFiles(PWDFDEVICE_INIT DeviceInit)
{
    WDF_FILEOBJECT_CONFIG Config;
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDF_FILEOBJECT_CONFIG_INIT(&Config, EvtDeviceFileCreate, EvtFileClose, EvtFileCleanup);
    /* The framework then finds a request's file object without a search, however many are open. */
    Config.FileObjectClass = WdfFileObjectWdfCanUseFsContext;
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, WSKB_FILE);
    WdfDeviceInitSetFileObjectConfig(DeviceInit, &Config, &Attributes);
}

static VOID ConfigureRequests(PWDFDEVICE_INIT DeviceInit)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, WSKB_OPERATION);
    WdfDeviceInitSetRequestAttributes(DeviceInit, &Attributes);
}

/* One parallel queue without a limit: every request is presented in its caller's thread and never waits here,
 * so a handler never runs inside another request's completion. It asks for no execution level: with passive
 * level, each completion at DISPATCH_LEVEL, where WSK completes IRPs, would need a work item. */
static NTSTATUS CreateQueue(WDFDEVICE Device)
{
    WDF_IO_QUEUE_CONFIG Config;
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&Config, WdfIoQueueDispatchParallel);
    Config.EvtIoDeviceControl = WskbEvtIoDeviceControl;
    Config.PowerManaged = WdfFalse;
    return WdfIoQueueCreate(Device, &Config, WDF_NO_OBJECT_ATTRIBUTES, WDF_NO_HANDLE);
}

/* Frees DeviceInit in every case. */
static NTSTATUS CreateNamedDevice(PWDFDEVICE_INIT DeviceInit, WDFDEVICE* Device)
{
    WdfDeviceInitSetDeviceType(DeviceInit, WSKB_DEVICE_TYPE);
    WdfDeviceInitSetCharacteristics(DeviceInit, FILE_DEVICE_SECURE_OPEN, TRUE);
    WdfDeviceInitSetDeviceClass(DeviceInit, &DeviceClass);
    ConfigureFiles(DeviceInit);
    ConfigureRequests(DeviceInit);
    NTSTATUS Status = WdfDeviceInitAssignName(DeviceInit, &DeviceName);
    if (NT_SUCCESS(Status)) {
        Status = WdfDeviceCreate(&DeviceInit, WDF_NO_OBJECT_ATTRIBUTES, Device);
    }
    if (!NT_SUCCESS(Status)) {
        WdfDeviceInitFree(DeviceInit);
    }
    return Status;
}

/* The generator is opened last, so that no error path has to close it. */
static NTSTATUS CreateControlDevice(WDFDRIVER DriverHandle, PWSKB_DRIVER Driver)
{
    PWDFDEVICE_INIT DeviceInit = WdfControlDeviceInitAllocate(DriverHandle, &DeviceSddl);
    if (DeviceInit == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    NTSTATUS Status = CreateNamedDevice(DeviceInit, &Driver->Device);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = WdfDeviceCreateSymbolicLink(Driver->Device, &SymbolicLink);
    if (NT_SUCCESS(Status)) {
        Status = CreateQueue(Driver->Device);
    }
    if (NT_SUCCESS(Status)) {
        Status = WskbLingerInitialize(Driver);
    }
    if (NT_SUCCESS(Status)) {
        Status = WskbDeadlinesInitialize(Driver);
    }
    if (NT_SUCCESS(Status)) {
        Status =
            BCryptOpenAlgorithmProvider(&Driver->Random, BCRYPT_RNG_ALGORITHM, NULL, BCRYPT_PROV_DISPATCH);
    }
    if (NT_SUCCESS(Status)) {
        WdfControlFinishInitializing(Driver->Device);
    }
    return Status;
}

static VOID InitializeContext(PWSKB_DRIVER Driver)
{
    UNICODE_STRING CleanupIrp = RTL_CONSTANT_STRING(L"IoCleanupIrp");
    Driver->CleanupIrp = (WSKB_CLEANUP_IRP*)(ULONG_PTR)MmGetSystemRoutineAddress(&CleanupIrp);
    WskbReadSystem(Driver);
    KeInitializeSpinLock(&Driver->Lock);
    InitializeListHead(&Driver->Processes);
    InitializeListHead(&Driver->Lingering);
    for (ULONG Chain = 0; Chain < WSKB_TOKEN_CHAINS; Chain++) {
        InitializeListHead(&Driver->Tokens[Chain]);
    }
}

/* The trace is the only report of the step that failed. */
static NTSTATUS NotLoaded(PCSTR Step, NTSTATUS Status)
{
    WskbTrace(WskbTraceError, Step, Status);
    return Status;
}

_Use_decl_annotations_ NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    WDF_DRIVER_CONFIG Config;
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFDRIVER DriverHandle;

    ExInitializeDriverRuntime(DrvRtPoolNxOptIn);
    WDF_DRIVER_CONFIG_INIT(&Config, WDF_NO_EVENT_CALLBACK);
    Config.DriverInitFlags |= WdfDriverInitNonPnpDriver;
    Config.EvtDriverUnload = EvtDriverUnload;
    Config.DriverPoolTag = WSKB_TAG_SOCKET;
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, WSKB_DRIVER);
    NTSTATUS Status = WdfDriverCreate(DriverObject, RegistryPath, &Attributes, &Config, &DriverHandle);
    if (!NT_SUCCESS(Status)) {
        return NotLoaded("not loaded, WdfDriverCreate failed", Status);
    }
    PWSKB_DRIVER Driver = WskbGetDriver(DriverHandle);
    InitializeContext(Driver);
    Status = WskbProviderRegister(&Driver->Provider);
    if (!NT_SUCCESS(Status)) {
        return NotLoaded("not loaded, WskRegister failed", Status);
    }
    /* Last, because the device can be opened once this returns. */
    Status = CreateControlDevice(DriverHandle, Driver);
    if (!NT_SUCCESS(Status)) {
        WskbProviderDeregister(&Driver->Provider);
        return NotLoaded("not loaded, making the device failed", Status);
    }
    WskbTrace(WskbTraceInformation, "loaded", STATUS_SUCCESS);
    return STATUS_SUCCESS;
}

/* The I/O manager calls this when no file object is left, and every socket block with a WSK socket references
 * one. So nothing is in flight, and this waits for nothing but a timer callback that is about to return: it
 * may run in a user's thread that closed a handle. */
_Use_decl_annotations_ static VOID EvtDriverUnload(WDFDRIVER DriverHandle)
{
    PWSKB_DRIVER Driver = WskbGetDriver(DriverHandle);
    WskbDeadlinesEnd(Driver);
    NT_ASSERT(IsListEmpty(&Driver->Processes));
    WskbProviderDeregister(&Driver->Provider);
    (VOID) BCryptCloseAlgorithmProvider(Driver->Random, 0);
    WskbTrace(WskbTraceInformation, "unloaded", STATUS_SUCCESS);
}

_Use_decl_annotations_ static VOID EvtDeviceFileCreate(WDFDEVICE Device, WDFREQUEST Request,
                                                       WDFFILEOBJECT FileObject)
{
    PWSKB_DRIVER Driver = WskbGetDriver(WdfDeviceGetDriver(Device));

    WskbGetFile(FileObject)->Driver = Driver;
    /* Requests must not wait for WSK, so the open does. Without WSK a file still answers GET_VERSION and
     * GET_STATISTICS. */
    if (NT_SUCCESS(WskbProviderAwait(&Driver->Provider))) {
        WskbProbeFeatures(Driver);
    }
    WdfRequestComplete(Request, STATUS_SUCCESS);
}

/* The last handle was closed, perhaps because the process was killed. Does not wait. */
_Use_decl_annotations_ static VOID EvtFileCleanup(WDFFILEOBJECT FileObject)
{
    PWSKB_SOCKET Socket = WskbFileCleanUp(WskbGetFile(FileObject));
    if (Socket != NULL) {
        WskbSocketClose(Socket);
    }
}

/* The file's last request is complete and WSK has closed the socket: the block is no longer in use. */
_Use_decl_annotations_ static VOID EvtFileClose(WDFFILEOBJECT FileObject)
{
    PWSKB_FILE File = WskbGetFile(FileObject);
    if (File->Socket != NULL) {
        WskbSocketDereference(File->Socket);
        File->Socket = NULL;
    }
}
