/* SPDX-License-Identifier: Apache-2.0
 *
 * The dispatch routines that WdfDriverCreate gives the driver object: they turn IRPs into requests and submit
 * these to queues.
 */
#include "kmdfp.h"

NTSTATUS FxIrpComplete(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static VOID FxCallInCallerContext(FX_DEVICE* Device, FX_REQUEST* Request)
{
    KIRQL Irql = KeGetCurrentIrql();

    WriteRelease(&Request->State, FxRequestInCallerContext);
    Request->Seen = TRUE;
    Device->EvtIoInCallerContext(FX_TO_HANDLE(WDFDEVICE, Device), FX_TO_HANDLE(WDFREQUEST, Request));
    FxCallbackReturned("EvtIoInCallerContext", Irql);
}

/* The IRP is marked pending once a request is made for it, even if the request completes within this call. */
static NTSTATUS FxDispatchIo(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    FX_DEVICE* Device = FxDeviceFromWdm(DeviceObject);
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    FX_QUEUE* Queue = ReadPointerAcquire((PVOID volatile*)&Device->QueueByMajor[Stack->MajorFunction]);
    FX_REQUEST* Request;
    BOOLEAN Region = (BOOLEAN)(KeGetCurrentIrql() < DISPATCH_LEVEL);

    if (FX_UNLIKELY(Queue == NULL && Device->EvtIoInCallerContext == NULL)) {
        return FxIrpComplete(Irp, STATUS_INVALID_DEVICE_REQUEST);
    }
    Request = FxRequestAllocate(Device, Irp, Stack);
    if (FX_UNLIKELY(Request == NULL)) {
        return FxIrpComplete(Irp, STATUS_INSUFFICIENT_RESOURCES);
    }
    IoMarkIrpPending(Irp);
    if (FX_LIKELY(Region)) {
        KeEnterCriticalRegion();
    }
    if (Device->EvtIoInCallerContext != NULL) {
        FxCallInCallerContext(Device, Request);
    } else if (FX_UNLIKELY(!NT_SUCCESS(FxQueueSubmit(Queue, Request)))) {
        FxRequestFail(Request, STATUS_INVALID_DEVICE_STATE);
    }
    if (FX_LIKELY(Region)) {
        KeLeaveCriticalRegion();
    }
    return STATUS_PENDING;
}

/* The driver hands a request that it got in EvtIoInCallerContext back to the framework. */
NTSTATUS NTAPI imp_WdfDeviceEnqueueRequest(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE DeviceHandle,
                                           WDFREQUEST RequestHandle)
{
    FX_DEVICE* Device = FX_HANDLE(FX_DEVICE, FxTypeDevice, DeviceHandle);
    FX_REQUEST* Request = FX_REQUEST_HANDLE(RequestHandle);
    FX_QUEUE* Queue;

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    if (Request->Device != Device || ReadAcquire(&Request->State) != FxRequestInCallerContext) {
        FxStop(WDF_REQUEST_FATAL_ERROR, Request,
               "WdfDeviceEnqueueRequest was called for a request that EvtIoInCallerContext has not been "
               "called for\n");
    }
    Queue = ReadPointerAcquire((PVOID volatile*)&Device->QueueByMajor[Request->Major]);
    if (Queue == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    return FxQueueSubmit(Queue, Request);
}

static NTSTATUS FxDispatchFile(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    FX_DEVICE* Device = FxDeviceFromWdm(DeviceObject);
    NTSTATUS Status;

    KeEnterCriticalRegion();
    switch (IoGetCurrentIrpStackLocation(Irp)->MajorFunction) {
    case IRP_MJ_CREATE:
        Status = FxFileDispatchCreate(Device, Irp);
        break;
    case IRP_MJ_CLEANUP:
        Status = FxFileDispatchCleanup(Device, Irp);
        break;
    default:
        Status = FxFileDispatchClose(Device, Irp);
        break;
    }
    KeLeaveCriticalRegion();
    return Status;
}

static NTSTATUS FxDispatchShutdown(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    FX_DEVICE* Device = FxDeviceFromWdm(DeviceObject);

    if (Device->EvtShutdown != NULL) {
        KIRQL Irql = KeGetCurrentIrql();
        Device->EvtShutdown(FX_TO_HANDLE(WDFDEVICE, Device));
        FxCallbackReturned("EvtDeviceShutdownNotification", Irql);
    }
    return FxIrpComplete(Irp, STATUS_SUCCESS);
}

static NTSTATUS FxDispatchUnsupported(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    return FxIrpComplete(Irp, STATUS_INVALID_DEVICE_REQUEST);
}

VOID FxDispatchInstall(PDRIVER_OBJECT DriverObject)
{
    ULONG Major;

    for (Major = 0; Major < FX_MAJORS; Major++) {
        DriverObject->MajorFunction[Major] = FxDispatchUnsupported;
    }
    DriverObject->MajorFunction[IRP_MJ_CREATE] = FxDispatchFile;
    DriverObject->MajorFunction[IRP_MJ_CLEANUP] = FxDispatchFile;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = FxDispatchFile;
    DriverObject->MajorFunction[IRP_MJ_READ] = FxDispatchIo;
    DriverObject->MajorFunction[IRP_MJ_WRITE] = FxDispatchIo;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = FxDispatchIo;
    DriverObject->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = FxDispatchIo;
    DriverObject->MajorFunction[IRP_MJ_SHUTDOWN] = FxDispatchShutdown;
}
