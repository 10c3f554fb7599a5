/* SPDX-License-Identifier: Apache-2.0
 *
 * The tests' driver and helpers.
 */
#include "test_driver.h"

TestDriver* testDriver;

static UNICODE_STRING String(PCWSTR text)
{
    UNICODE_STRING string;
    RtlInitUnicodeString(&string, text);
    return string;
}

NTSTATUS Complete(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static NTSTATUS DispatchRequest(PDEVICE_OBJECT, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    const Dispatch* routine = nullptr;
    const char* name = nullptr;
    switch (stack->MajorFunction) {
    case IRP_MJ_CREATE:
        routine = &testDriver->create;
        name = "create";
        break;
    case IRP_MJ_CLEANUP:
        routine = &testDriver->cleanup;
        name = "cleanup";
        break;
    case IRP_MJ_CLOSE:
        routine = &testDriver->close;
        name = "close";
        break;
    default:
        routine = &testDriver->control;
        break;
    }
    if (name != nullptr) {
        testDriver->Log(name);
    }
    return *routine ? (*routine)(irp, stack) : Complete(irp, STATUS_SUCCESS);
}

static void UnloadDriver(PDRIVER_OBJECT driver)
{
    testDriver->Log("unload");
    if (testDriver->beforeUnload) {
        testDriver->beforeUnload();
    }
    UNICODE_STRING link = String(L"\\DosDevices\\WdmTest");
    IoDeleteSymbolicLink(&link);
    while (driver->DeviceObject != nullptr) {
        IoDeleteDevice(driver->DeviceObject);
    }
}

NTSTATUS TestDriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING)
{
    UNICODE_STRING name = String(L"\\Device\\WdmTest");
    UNICODE_STRING link = String(L"\\DosDevices\\WdmTest");
    PDEVICE_OBJECT device;
    NTSTATUS status;
    if (testDriver->sddl != nullptr) {
        UNICODE_STRING sddl = String(testDriver->sddl);
        status = IoCreateDeviceSecure(driver, 0, &name, FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN,
                                      testDriver->exclusive, &sddl, nullptr, &device);
    } else {
        status = IoCreateDevice(driver, 0, &name, FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN,
                                testDriver->exclusive, &device);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    device->StackSize = testDriver->stackSize;
    testDriver->device = device;
    testDriver->driver = driver;
    driver->DriverUnload = UnloadDriver;
    for (int major : {IRP_MJ_CREATE, IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_DEVICE_CONTROL,
                      IRP_MJ_INTERNAL_DEVICE_CONTROL}) {
        driver->MajorFunction[major] = DispatchRequest;
    }
    status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(device);
    }
    return status;
}

/* ---- IrpQueue ---------------------------------------------------------------------------------------- */

IrpQueue::IrpQueue()
{
    KeInitializeSpinLock(&lock);
    InitializeListHead(&head);
}

void IrpQueue::Cancel(PDEVICE_OBJECT, PIRP irp)
{
    IrpQueue* queue = static_cast<IrpQueue*>(irp->Tail.Overlay.DriverContext[0]);
    KIRQL irql;
    IoReleaseCancelSpinLock(irp->CancelIrql);
    KeAcquireSpinLock(&queue->lock, &irql);
    RemoveEntryList(&irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&queue->lock, irql);
    Complete(irp, STATUS_CANCELLED);
}

NTSTATUS IrpQueue::Insert(PIRP irp)
{
    KIRQL irql;
    irp->Tail.Overlay.DriverContext[0] = this;
    IoMarkIrpPending(irp);
    KeAcquireSpinLock(&lock, &irql);
    InsertTailList(&head, &irp->Tail.Overlay.ListEntry);
    IoSetCancelRoutine(irp, Cancel);
    if (irp->Cancel && IoSetCancelRoutine(irp, nullptr) != nullptr) {
        RemoveEntryList(&irp->Tail.Overlay.ListEntry);
        KeReleaseSpinLock(&lock, irql);
        Complete(irp, STATUS_CANCELLED);
        return STATUS_PENDING;
    }
    KeReleaseSpinLock(&lock, irql);
    return STATUS_PENDING;
}

PIRP IrpQueue::Remove()
{
    KIRQL irql;
    PIRP found = nullptr;
    KeAcquireSpinLock(&lock, &irql);
    for (PLIST_ENTRY entry = head.Flink; entry != &head; entry = entry->Flink) {
        PIRP irp = CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);
        if (IoSetCancelRoutine(irp, nullptr) != nullptr) {
            RemoveEntryList(entry);
            found = irp;
            break;
        }
    }
    KeReleaseSpinLock(&lock, irql);
    return found;
}

size_t IrpQueue::CompleteAll(NTSTATUS status, ULONG_PTR information)
{
    size_t count = 0;
    while (PIRP irp = Remove()) {
        Complete(irp, status, information);
        count++;
    }
    return count;
}

/* ---- DriverTest -------------------------------------------------------------------------------------- */

void DriverTest::SetUp()
{
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    testDriver = &driver;
}

void DriverTest::TearDown()
{
    if (loaded) {
        Unload();
    }
    ExpectNothingLeft();
}

void DriverTest::Load()
{
    ASSERT_STATUS(STATUS_SUCCESS, HostLoadDriver(L"WdmTest", TestDriverEntry));
    loaded = true;
}

void DriverTest::Unload()
{
    loaded = false;
    ASSERT_STATUS(STATUS_SUCCESS, HostUnloadDriver(L"WdmTest"));
}

HANDLE DriverTest::Open(ACCESS_MASK access)
{
    return OpenDevice(L"\\\\.\\WdmTest", access);
}

NTSTATUS Control(HANDLE file, ULONG code, PIO_STATUS_BLOCK block, PVOID input, ULONG inputLength,
                 PVOID output, ULONG outputLength, PVOID apcContext, HANDLE event)
{
    return NtDeviceIoControlFile(file, event, nullptr, apcContext, block, code, input, inputLength, output,
                                 outputLength);
}

HANDLE CreatePort()
{
    HANDLE port = nullptr;
    EXPECT_STATUS(STATUS_SUCCESS, NtCreateIoCompletion(&port, 0, nullptr, 0));
    return port;
}

std::vector<FILE_IO_COMPLETION_INFORMATION> TakePackets(HANDLE port, ULONG count, NTSTATUS* status,
                                                        LONGLONG milliseconds)
{
    std::vector<FILE_IO_COMPLETION_INFORMATION> packets(count);
    ULONG removed = 0;
    LARGE_INTEGER timeout = Milliseconds(milliseconds);
    NTSTATUS result = NtRemoveIoCompletionEx(port, packets.data(), count, &removed, &timeout, FALSE);
    if (status != nullptr) {
        *status = result;
    }
    packets.resize(removed);
    return packets;
}
