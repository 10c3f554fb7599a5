/* SPDX-License-Identifier: Apache-2.0
 *
 * The test driver's callbacks, which do what TheDriver says, and the user-mode side.
 */
#include "support.h"

TestDriver* TheDriver;

TestDriver::TestDriver()
{
    WDF_OBJECT_ATTRIBUTES_INIT(&DeviceAttributes);
    WDF_OBJECT_ATTRIBUTES_INIT(&QueueAttributes);
    WDF_OBJECT_ATTRIBUTES_INIT(&FileAttributes);
    WDF_OBJECT_ATTRIBUTES_INIT(&RequestAttributes);
}

/* ---- the driver -------------------------------------------------------------------------------------- */

EXTERN_C_START

static VOID NTAPI TestEvtDriverUnload(WDFDRIVER Driver)
{
    if (TheDriver->Unload) {
        TheDriver->Unload(Driver);
    }
}

static VOID NTAPI TestEvtDeviceFileCreate(WDFDEVICE Device, WDFREQUEST Request, WDFFILEOBJECT File)
{
    TheDriver->Create(Device, Request, File);
}

static VOID NTAPI TestEvtFileCleanup(WDFFILEOBJECT File)
{
    TheDriver->Cleanup(File);
}

static VOID NTAPI TestEvtFileClose(WDFFILEOBJECT File)
{
    TheDriver->Close(File);
}

static VOID NTAPI TestEvtIoInCallerContext(WDFDEVICE Device, WDFREQUEST Request)
{
    TheDriver->InCaller(Device, Request);
}

VOID NTAPI TestEvtIoDeviceControl(WDFQUEUE Queue, WDFREQUEST Request, size_t OutputLength, size_t InputLength,
                                  ULONG Code)
{
    if (TheDriver->Control) {
        TheDriver->Control(Queue, Request, OutputLength, InputLength, Code);
    } else {
        WdfRequestComplete(Request, STATUS_SUCCESS);
    }
}

VOID NTAPI TestEvtRequestCancel(WDFREQUEST Request)
{
    if (TheDriver->Cancel) {
        TheDriver->Cancel(Request);
    } else {
        WdfRequestComplete(Request, STATUS_CANCELLED);
    }
}

VOID NTAPI TestEvtIoCanceledOnQueue(WDFQUEUE Queue, WDFREQUEST Request)
{
    TheDriver->CanceledOnQueue(Queue, Request);
}

static NTSTATUS CreateDefaultQueue(WDFDEVICE Device)
{
    WDF_IO_QUEUE_CONFIG Config;
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&Config, TheDriver->DispatchType);
    if (TheDriver->DispatchType != WdfIoQueueDispatchManual) {
        Config.EvtIoDeviceControl = TestEvtIoDeviceControl;
    }
    if (TheDriver->CanceledOnQueue) {
        Config.EvtIoCanceledOnQueue = TestEvtIoCanceledOnQueue;
    }
    if (TheDriver->Presented != 0) {
        Config.Settings.Parallel.NumberOfPresentedRequests = TheDriver->Presented;
    }
    return WdfIoQueueCreate(Device, &Config, &TheDriver->QueueAttributes, &TheDriver->Queue);
}

static void ConfigureInit(PWDFDEVICE_INIT Init)
{
    DECLARE_CONST_UNICODE_STRING(Name, L"\\Device\\KmdfTest");
    WDF_FILEOBJECT_CONFIG Files;
    WdfDeviceInitAssignName(Init, &Name);
    WdfDeviceInitSetExclusive(Init, TheDriver->Exclusive);
    if (TheDriver->Files) {
        WDF_FILEOBJECT_CONFIG_INIT(&Files, TheDriver->Create ? TestEvtDeviceFileCreate : nullptr,
                                   TheDriver->Close ? TestEvtFileClose : nullptr,
                                   TheDriver->Cleanup ? TestEvtFileCleanup : nullptr);
        Files.FileObjectClass = TheDriver->FileClass;
        WdfDeviceInitSetFileObjectConfig(Init, &Files, &TheDriver->FileAttributes);
    }
    WdfDeviceInitSetRequestAttributes(Init, &TheDriver->RequestAttributes);
    if (TheDriver->InCaller) {
        WdfDeviceInitSetIoInCallerContextCallback(Init, TestEvtIoInCallerContext);
    }
    if (TheDriver->Configure) {
        TheDriver->Configure(Init);
    }
}

static NTSTATUS CreateDevice(WDFDRIVER Driver)
{
    DECLARE_CONST_UNICODE_STRING(Sddl, L"D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;WD)");
    DECLARE_CONST_UNICODE_STRING(Link, L"\\DosDevices\\KmdfTest");
    PWDFDEVICE_INIT Init = WdfControlDeviceInitAllocate(Driver, const_cast<PUNICODE_STRING>(&Sddl));
    if (Init == nullptr) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ConfigureInit(Init);
    NTSTATUS Status = WdfDeviceCreate(&Init, &TheDriver->DeviceAttributes, &TheDriver->Device);
    if (!NT_SUCCESS(Status)) {
        WdfDeviceInitFree(Init);
        return Status;
    }
    Status = WdfDeviceCreateSymbolicLink(TheDriver->Device, &Link);
    if (NT_SUCCESS(Status) && TheDriver->DefaultQueue) {
        Status = CreateDefaultQueue(TheDriver->Device);
    }
    if (NT_SUCCESS(Status)) {
        if (TheDriver->DeviceCreated) {
            TheDriver->DeviceCreated(TheDriver->Device);
        }
        WdfControlFinishInitializing(TheDriver->Device);
    }
    return Status;
}

NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    WDF_DRIVER_CONFIG Config;
    if (TheDriver->Entry) {
        return TheDriver->Entry(DriverObject, RegistryPath);
    }
    WDF_DRIVER_CONFIG_INIT(&Config, nullptr);
    Config.DriverInitFlags = WdfDriverInitNonPnpDriver;
    Config.EvtDriverUnload = TestEvtDriverUnload;
    NTSTATUS Status =
        WdfDriverCreate(DriverObject, RegistryPath, WDF_NO_OBJECT_ATTRIBUTES, &Config, &TheDriver->Driver);
    return NT_SUCCESS(Status) ? CreateDevice(TheDriver->Driver) : Status;
}

EXTERN_C_END

/* ---- the user ---------------------------------------------------------------------------------------- */

Call::Call(HANDLE File, ULONG Code, size_t InputLength, size_t OutputLength)
    : Input(InputLength), Output(OutputLength), File(File), Event(CreateEventHandle()), Code(Code)
{
}

Call::~Call()
{
    NtClose(Event);
}

NTSTATUS Call::Send()
{
    Result.Status = STATUS_PENDING;
    return NtDeviceIoControlFile(File, Event, nullptr, nullptr, &Result, Code,
                                 Input.empty() ? nullptr : Input.data(), static_cast<ULONG>(Input.size()),
                                 Output.empty() ? nullptr : Output.data(), static_cast<ULONG>(Output.size()));
}

NTSTATUS Call::Wait()
{
    EXPECT_TRUE(AwaitSignal(Event));
    return Result.Status;
}

bool Call::IsDone() const
{
    return IsSignalled(Event);
}

void Call::Cancel()
{
    IO_STATUS_BLOCK Ignored;
    NtCancelIoFileEx(File, &Result, &Ignored);
}

KmdfTest::KmdfTest()
{
    TheDriver = &Driver;
}

KmdfTest::~KmdfTest()
{
    if (Loaded) {
        Unload();
    }
    TheDriver = nullptr;
}

NTSTATUS KmdfTest::TryLoad()
{
    NTSTATUS Status = HostLoadDriver(L"KmdfTest", FxDriverEntry);
    Loaded = NT_SUCCESS(Status);
    return Status;
}

void KmdfTest::Load()
{
    ASSERT_STATUS(STATUS_SUCCESS, TryLoad());
}

void KmdfTest::Unload()
{
    Loaded = false;
    ASSERT_STATUS(STATUS_SUCCESS, HostUnloadDriver(L"KmdfTest"));
}

NTSTATUS KmdfTest::TryOpen(PHANDLE File)
{
    return HostOpenFile(L"\\\\.\\KmdfTest", GENERIC_READ | GENERIC_WRITE, File);
}

HANDLE KmdfTest::Open()
{
    HANDLE File = nullptr;
    EXPECT_STATUS(STATUS_SUCCESS, TryOpen(&File));
    return File;
}

void KmdfTest::Close(HANDLE File)
{
    EXPECT_STATUS(STATUS_SUCCESS, NtClose(File));
}

NTSTATUS KmdfTest::Ioctl(HANDLE File, ULONG Code, size_t InputLength, size_t OutputLength)
{
    Call TheCall(File, Code, InputLength, OutputLength);
    NTSTATUS Status = TheCall.Send();
    return Status == STATUS_PENDING ? TheCall.Wait() : Status;
}

void KmdfTest::Log(const std::string& Line)
{
    std::lock_guard<std::mutex> Guard(LogLock);
    LogLines.push_back(Line);
}

std::vector<std::string> KmdfTest::TakeLog()
{
    std::lock_guard<std::mutex> Guard(LogLock);
    std::vector<std::string> Taken;
    Taken.swap(LogLines);
    return Taken;
}
