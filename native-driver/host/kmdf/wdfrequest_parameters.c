/* SPDX-License-Identifier: Apache-2.0
 *
 * What a driver may ask about a request.
 */
#include "kmdfp.h"

C_ASSERT(RTL_FIELD_SIZE(WDF_REQUEST_PARAMETERS, Parameters) == RTL_FIELD_SIZE(IO_STACK_LOCATION, Parameters));

static VOID FxParametersCopy(const FX_REQUEST* Request, PWDF_REQUEST_PARAMETERS To)
{
    const IO_STACK_LOCATION* From = Request->Stack;

    switch (Request->Major) {
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        To->Parameters.DeviceIoControl.OutputBufferLength =
            From->Parameters.DeviceIoControl.OutputBufferLength;
        To->Parameters.DeviceIoControl.InputBufferLength = From->Parameters.DeviceIoControl.InputBufferLength;
        To->Parameters.DeviceIoControl.IoControlCode = From->Parameters.DeviceIoControl.IoControlCode;
        To->Parameters.DeviceIoControl.Type3InputBuffer =
            NULL; /* unusable without probing, so not reported */
        break;
    case IRP_MJ_READ:
    case IRP_MJ_WRITE:
        To->Parameters.Read.Length = From->Parameters.Read.Length;
        To->Parameters.Read.Key = From->Parameters.Read.Key;
        To->Parameters.Read.DeviceOffset = From->Parameters.Read.ByteOffset.QuadPart;
        break;
    default:
        RtlCopyMemory(&To->Parameters, &From->Parameters, sizeof(To->Parameters));
        break;
    }
}

VOID NTAPI imp_WdfRequestGetParameters(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle,
                                       PWDF_REQUEST_PARAMETERS Parameters)
{
    FX_REQUEST* Request = FxValidateVisibleRequest(FX_FUNCTION, Handle);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(Parameters);
    FX_REQUIRE_DISPATCH();
    if (Parameters->Size != sizeof(*Parameters)) {
        return;
    }
    Parameters->MinorFunction = Request->Stack->MinorFunction;
    Parameters->Type = (WDF_REQUEST_TYPE)Request->Major;
    FxParametersCopy(Request, Parameters);
}

WDFFILEOBJECT NTAPI imp_WdfRequestGetFileObject(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle)
{
    FX_REQUEST* Request = FxValidateVisibleRequest(FX_FUNCTION, Handle);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    return FX_TO_HANDLE(WDFFILEOBJECT, FxFileFromWdm(Request->Device, Request->Stack->FileObject));
}

WDFQUEUE NTAPI imp_WdfRequestGetIoQueue(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle)
{
    FX_QUEUE* Queue = FxValidateVisibleRequest(FX_FUNCTION, Handle)->Queue;

    UNREFERENCED_PARAMETER(DriverGlobals);
    return Queue != NULL && !Queue->Internal ? FX_TO_HANDLE(WDFQUEUE, Queue) : NULL;
}

KPROCESSOR_MODE NTAPI imp_WdfRequestGetRequestorMode(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FxValidateVisibleRequest(FX_FUNCTION, Handle)->Irp->RequestorMode;
}

/* Nothing here runs 32-bit programs. */
BOOLEAN NTAPI imp_WdfRequestIsFrom32BitProcess(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    FxValidateVisibleRequest(FX_FUNCTION, Handle);
    return FALSE;
}

PIRP NTAPI imp_WdfRequestWdmGetIrp(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FxValidateVisibleRequest(FX_FUNCTION, Handle)->Irp;
}
