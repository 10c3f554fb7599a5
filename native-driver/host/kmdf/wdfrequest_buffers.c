/* SPDX-License-Identifier: Apache-2.0
 *
 * The buffers of a request, depending on its type and transfer method.
 */
#include "kmdfp.h"

/* Where the input or output of a request is. */
typedef enum _FX_PLACE {
    FxPlaceNowhere,      /* the request has no data in this direction */
    FxPlaceSystemBuffer, /* Irp->AssociatedIrp.SystemBuffer */
    FxPlaceMdl,          /* Irp->MdlAddress */
    FxPlaceUser          /* the requestor's own address */
} FX_PLACE;

typedef struct _FX_SIDE {
    FX_PLACE Place;
    size_t Length;
    PVOID UserBuffer;
} FX_SIDE;

static FX_PLACE FxReadWritePlace(const FX_REQUEST* Request)
{
    switch (Request->Device->IoType) {
    case WdfDeviceIoBuffered:
        return FxPlaceSystemBuffer;
    case WdfDeviceIoDirect:
        return FxPlaceMdl;
    default:
        return FxPlaceUser;
    }
}

static FX_SIDE FxInputSide(const FX_REQUEST* Request)
{
    const IO_STACK_LOCATION* Stack = Request->Stack;
    FX_SIDE Side = {FxPlaceNowhere, 0, NULL};

    switch (Request->Major) {
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        Side.Length = Stack->Parameters.DeviceIoControl.InputBufferLength;
        Side.Place = FxPlaceSystemBuffer;
        if (METHOD_FROM_CTL_CODE(Stack->Parameters.DeviceIoControl.IoControlCode) == METHOD_NEITHER) {
            Side.Place = FxPlaceUser;
            Side.UserBuffer = Stack->Parameters.DeviceIoControl.Type3InputBuffer;
        }
        break;
    case IRP_MJ_WRITE:
        Side.Length = Stack->Parameters.Write.Length;
        Side.Place = FxReadWritePlace(Request);
        Side.UserBuffer = Request->Irp->UserBuffer;
        break;
    default:
        break;
    }
    return Side;
}

static FX_SIDE FxOutputSide(const FX_REQUEST* Request)
{
    const IO_STACK_LOCATION* Stack = Request->Stack;
    FX_SIDE Side = {FxPlaceNowhere, 0, Request->Irp->UserBuffer};

    switch (Request->Major) {
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        Side.Length = Stack->Parameters.DeviceIoControl.OutputBufferLength;
        switch (METHOD_FROM_CTL_CODE(Stack->Parameters.DeviceIoControl.IoControlCode)) {
        case METHOD_BUFFERED:
            Side.Place = FxPlaceSystemBuffer;
            break;
        case METHOD_NEITHER:
            Side.Place = FxPlaceUser;
            break;
        default:
            Side.Place = FxPlaceMdl;
            break;
        }
        break;
    case IRP_MJ_READ:
        Side.Length = Stack->Parameters.Read.Length;
        Side.Place = FxReadWritePlace(Request);
        break;
    default:
        break;
    }
    return Side;
}

static NTSTATUS FxSideCheck(const FX_REQUEST* Request, const FX_SIDE* Side, size_t Minimum)
{
    if (Side->Place == FxPlaceNowhere) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (Side->Length == 0) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if (Side->Place == FxPlaceUser && Request->Irp->RequestorMode == UserMode) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    return Side->Length < Minimum ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS;
}

static NTSTATUS FxSideAddress(const FX_REQUEST* Request, const FX_SIDE* Side, PVOID* Address)
{
    switch (Side->Place) {
    case FxPlaceSystemBuffer:
        *Address = Request->Irp->AssociatedIrp.SystemBuffer;
        return STATUS_SUCCESS;
    case FxPlaceMdl:
        if (Request->Irp->MdlAddress == NULL) {
            return STATUS_BUFFER_TOO_SMALL;
        }
        *Address =
            MmGetSystemAddressForMdlSafe(Request->Irp->MdlAddress, NormalPagePriority | MdlMappingNoExecute);
        return *Address != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    default:
        *Address = Side->UserBuffer;
        return STATUS_SUCCESS;
    }
}

/* ---- addresses --------------------------------------------------------------------------------------- */

static NTSTATUS FxSideRetrieve(const FX_REQUEST* Request, const FX_SIDE* Side, size_t Minimum, PVOID* Buffer,
                               size_t* Length)
{
    NTSTATUS Status = FxSideCheck(Request, Side, Minimum);
    PVOID Address = NULL;

    *Buffer = NULL;
    if (Length != NULL) {
        *Length = 0;
    }
    if (NT_SUCCESS(Status)) {
        Status = FxSideAddress(Request, Side, &Address);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    *Buffer = Address;
    if (Length != NULL) {
        *Length = Side->Length;
    }
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI imp_WdfRequestRetrieveInputBuffer(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle,
                                                 size_t MinimumRequiredLength, PVOID* Buffer, size_t* Length)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(Handle);
    FX_SIDE Side = FxInputSide(Request);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(Buffer);
    FX_REQUIRE_DISPATCH();
    return FxSideRetrieve(Request, &Side, MinimumRequiredLength, Buffer, Length);
}

NTSTATUS NTAPI imp_WdfRequestRetrieveOutputBuffer(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle,
                                                  size_t MinimumRequiredSize, PVOID* Buffer, size_t* Length)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(Handle);
    FX_SIDE Side = FxOutputSide(Request);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(Buffer);
    FX_REQUIRE_DISPATCH();
    return FxSideRetrieve(Request, &Side, MinimumRequiredSize, Buffer, Length);
}

/* ---- memory objects ---------------------------------------------------------------------------------- */

static NTSTATUS FxSideMemory(FX_REQUEST* Request, const FX_SIDE* Side, FX_REQUEST_MEMORY* Lent, BOOLEAN* Used,
                             WDFMEMORY* Memory)
{
    PVOID Address;
    size_t Length;
    NTSTATUS Status;

    *Memory = NULL;
    Status = FxSideRetrieve(Request, Side, 0, &Address, &Length);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (!*Used) {
        FxRequestMemoryInitialize(Lent, Request->Object.Globals, Address, Length);
        *Used = TRUE;
    }
    *Memory = FX_TO_HANDLE(WDFMEMORY, Lent);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI imp_WdfRequestRetrieveInputMemory(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle,
                                                 WDFMEMORY* Memory)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(Handle);
    FX_SIDE Side = FxInputSide(Request);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(Memory);
    FX_REQUIRE_DISPATCH();
    return FxSideMemory(Request, &Side, &Request->InputMemory, &Request->InputMemoryUsed, Memory);
}

NTSTATUS NTAPI imp_WdfRequestRetrieveOutputMemory(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle,
                                                  WDFMEMORY* Memory)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(Handle);
    FX_SIDE Side = FxOutputSide(Request);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(Memory);
    FX_REQUIRE_DISPATCH();
    return FxSideMemory(Request, &Side, &Request->OutputMemory, &Request->OutputMemoryUsed, Memory);
}

/* ---- memory descriptor lists ------------------------------------------------------------------------- */

/* One MDL describes the system buffer for input and output; the first call fixes its length. */
static NTSTATUS FxSideMdl(FX_REQUEST* Request, const FX_SIDE* Side, PMDL* Mdl)
{
    NTSTATUS Status = FxSideCheck(Request, Side, 0);

    *Mdl = NULL;
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Side->Place == FxPlaceMdl) {
        *Mdl = Request->Irp->MdlAddress;
        return *Mdl != NULL ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL;
    }
    if (Side->Place == FxPlaceUser) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (Request->Mdl == NULL) {
        Request->Mdl =
            IoAllocateMdl(Request->Irp->AssociatedIrp.SystemBuffer, (ULONG)Side->Length, FALSE, FALSE, NULL);
        if (Request->Mdl == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        MmBuildMdlForNonPagedPool(Request->Mdl);
    }
    *Mdl = Request->Mdl;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI imp_WdfRequestRetrieveInputWdmMdl(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle,
                                                 PMDL* Mdl)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(Handle);
    FX_SIDE Side = FxInputSide(Request);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(Mdl);
    FX_REQUIRE_DISPATCH();
    return FxSideMdl(Request, &Side, Mdl);
}

NTSTATUS NTAPI imp_WdfRequestRetrieveOutputWdmMdl(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle,
                                                  PMDL* Mdl)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(Handle);
    FX_SIDE Side = FxOutputSide(Request);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(Mdl);
    FX_REQUIRE_DISPATCH();
    return FxSideMdl(Request, &Side, Mdl);
}

/* ---- the requestor's own addresses ------------------------------------------------------------------- */

static NTSTATUS FxSideUnsafe(PCSTR Function, FX_REQUEST* Request, const FX_SIDE* Side, size_t Minimum,
                             PVOID* Buffer, size_t* Length)
{
    *Buffer = NULL;
    if (Length != NULL) {
        *Length = 0;
    }
    if (ReadAcquire(&Request->State) != FxRequestInCallerContext ||
        Request->Irp->Tail.Overlay.Thread != PsGetCurrentThread()) {
        FxStop(
            WDF_REQUEST_FATAL_ERROR, Request,
            "%s was called outside EvtIoInCallerContext, where the addresses of the requestor mean nothing\n",
            Function);
    }
    if (Side->Place != FxPlaceUser) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (Side->Length == 0) {
        return STATUS_INVALID_USER_BUFFER;
    }
    if (Side->Length < Minimum) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    *Buffer = Side->UserBuffer;
    if (Length != NULL) {
        *Length = Side->Length;
    }
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI imp_WdfRequestRetrieveUnsafeUserInputBuffer(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                           WDFREQUEST Handle, size_t MinimumRequiredLength,
                                                           PVOID* InputBuffer, size_t* Length)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(Handle);
    FX_SIDE Side = FxInputSide(Request);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(InputBuffer);
    FX_REQUIRE_PASSIVE();
    return FxSideUnsafe(FX_FUNCTION, Request, &Side, MinimumRequiredLength, InputBuffer, Length);
}

NTSTATUS NTAPI imp_WdfRequestRetrieveUnsafeUserOutputBuffer(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                            WDFREQUEST Handle, size_t MinimumRequiredLength,
                                                            PVOID* OutputBuffer, size_t* Length)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(Handle);
    FX_SIDE Side = FxOutputSide(Request);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(OutputBuffer);
    FX_REQUIRE_PASSIVE();
    return FxSideUnsafe(FX_FUNCTION, Request, &Side, MinimumRequiredLength, OutputBuffer, Length);
}
