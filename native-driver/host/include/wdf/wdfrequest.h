/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests: how a KMDF driver sees IRPs.
 */
#ifndef WDF_WDFREQUEST_H
#define WDF_WDFREQUEST_H

#include <wdf/wdfobject.h>

EXTERN_C_START

typedef VOID(NTAPI EVT_WDF_REQUEST_CANCEL)(WDFREQUEST Request);
typedef EVT_WDF_REQUEST_CANCEL* PFN_WDF_REQUEST_CANCEL;

/* The IRP_MJ_ code, or one of the framework's own beyond them. */
typedef enum _WDF_REQUEST_TYPE {
    WdfRequestTypeCreate = 0x0,
    WdfRequestTypeCreateNamedPipe = 0x1,
    WdfRequestTypeClose = 0x2,
    WdfRequestTypeRead = 0x3,
    WdfRequestTypeWrite = 0x4,
    WdfRequestTypeQueryInformation = 0x5,
    WdfRequestTypeSetInformation = 0x6,
    WdfRequestTypeQueryEA = 0x7,
    WdfRequestTypeSetEA = 0x8,
    WdfRequestTypeFlushBuffers = 0x9,
    WdfRequestTypeQueryVolumeInformation = 0xa,
    WdfRequestTypeSetVolumeInformation = 0xb,
    WdfRequestTypeDirectoryControl = 0xc,
    WdfRequestTypeFileSystemControl = 0xd,
    WdfRequestTypeDeviceControl = 0xe,
    WdfRequestTypeDeviceControlInternal = 0xf,
    WdfRequestTypeShutdown = 0x10,
    WdfRequestTypeLockControl = 0x11,
    WdfRequestTypeCleanup = 0x12,
    WdfRequestTypeCreateMailSlot = 0x13,
    WdfRequestTypeQuerySecurity = 0x14,
    WdfRequestTypeSetSecurity = 0x15,
    WdfRequestTypePower = 0x16,
    WdfRequestTypeSystemControl = 0x17,
    WdfRequestTypeDeviceChange = 0x18,
    WdfRequestTypeQueryQuota = 0x19,
    WdfRequestTypeSetQuota = 0x1A,
    WdfRequestTypePnp = 0x1B,
    WdfRequestTypeOther = 0x1C,
    WdfRequestTypeUsb = 0x40,
    WdfRequestTypeNoFormat = 0xFF,
    WdfRequestTypeMax
} WDF_REQUEST_TYPE;

typedef enum _WDF_REQUEST_STOP_ACTION_FLAGS {
    WdfRequestStopActionInvalid = 0,
    WdfRequestStopActionSuspend = 0x01,
    WdfRequestStopActionPurge = 0x02,
    WdfRequestStopRequestCancelable = 0x10000000
} WDF_REQUEST_STOP_ACTION_FLAGS;

typedef struct _WDF_REQUEST_PARAMETERS {
    USHORT Size;
    UCHAR MinorFunction;
    WDF_REQUEST_TYPE Type;
    union {
        struct {
            PIO_SECURITY_CONTEXT SecurityContext;
            ULONG Options;
            USHORT POINTER_ALIGNMENT FileAttributes;
            USHORT ShareAccess;
            ULONG POINTER_ALIGNMENT EaLength;
        } Create;
        struct {
            size_t Length;
            ULONG POINTER_ALIGNMENT Key;
            LONGLONG DeviceOffset;
        } Read;
        struct {
            size_t Length;
            ULONG POINTER_ALIGNMENT Key;
            LONGLONG DeviceOffset;
        } Write;
        struct {
            size_t OutputBufferLength;
            size_t POINTER_ALIGNMENT InputBufferLength;
            ULONG POINTER_ALIGNMENT IoControlCode;
            PVOID Type3InputBuffer;
        } DeviceIoControl;
        struct {
            PVOID Arg1;
            PVOID Arg2;
            ULONG POINTER_ALIGNMENT IoControlCode;
            PVOID Arg4;
        } Others;
    } Parameters;
} WDF_REQUEST_PARAMETERS, *PWDF_REQUEST_PARAMETERS;

WDF_ASSERT_SIZE(WDF_REQUEST_PARAMETERS, 40);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Size, 0);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, MinorFunction, 2);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Type, 4);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Create.SecurityContext, 8);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Create.Options, 16);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Create.FileAttributes, 24);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Create.ShareAccess, 26);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Create.EaLength, 32);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Read.Length, 8);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Read.Key, 16);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Read.DeviceOffset, 24);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Write.Length, 8);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Write.Key, 16);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Write.DeviceOffset, 24);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.DeviceIoControl.OutputBufferLength, 8);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.DeviceIoControl.InputBufferLength, 16);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.DeviceIoControl.IoControlCode, 24);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.DeviceIoControl.Type3InputBuffer, 32);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Others.Arg1, 8);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Others.Arg2, 16);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Others.IoControlCode, 24);
WDF_ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Others.Arg4, 32);

FORCEINLINE VOID WDF_REQUEST_PARAMETERS_INIT(PWDF_REQUEST_PARAMETERS Parameters)
{
    RtlZeroMemory(Parameters, sizeof(*Parameters));
    Parameters->Size = sizeof(*Parameters);
}

/* ---- requests that a driver sends: declared for the layout ------------------------------------------- */

typedef struct _WDF_REQUEST_COMPLETION_PARAMS {
    ULONG Size;
    WDF_REQUEST_TYPE Type;
    IO_STATUS_BLOCK IoStatus;
    union {
        struct {
            WDFMEMORY Buffer;
            size_t Length;
            size_t Offset;
        } Write, Read;
        struct {
            ULONG IoControlCode;
            struct {
                WDFMEMORY Buffer;
                size_t Offset;
            } Input;
            struct {
                WDFMEMORY Buffer;
                size_t Offset;
                size_t Length;
            } Output;
        } Ioctl;
    } Parameters;
} WDF_REQUEST_COMPLETION_PARAMS, *PWDF_REQUEST_COMPLETION_PARAMS;

WDF_ASSERT_SIZE(WDF_REQUEST_COMPLETION_PARAMS, 72);
WDF_ASSERT_OFFSET(WDF_REQUEST_COMPLETION_PARAMS, Size, 0);
WDF_ASSERT_OFFSET(WDF_REQUEST_COMPLETION_PARAMS, Type, 4);
WDF_ASSERT_OFFSET(WDF_REQUEST_COMPLETION_PARAMS, IoStatus, 8);
WDF_ASSERT_OFFSET(WDF_REQUEST_COMPLETION_PARAMS, Parameters, 24);

typedef struct _WDF_REQUEST_REUSE_PARAMS {
    ULONG Size;
    ULONG Flags;
    NTSTATUS Status;
    PIRP NewIrp;
} WDF_REQUEST_REUSE_PARAMS, *PWDF_REQUEST_REUSE_PARAMS;

WDF_ASSERT_SIZE(WDF_REQUEST_REUSE_PARAMS, 24);
WDF_ASSERT_OFFSET(WDF_REQUEST_REUSE_PARAMS, Size, 0);
WDF_ASSERT_OFFSET(WDF_REQUEST_REUSE_PARAMS, Flags, 4);
WDF_ASSERT_OFFSET(WDF_REQUEST_REUSE_PARAMS, Status, 8);
WDF_ASSERT_OFFSET(WDF_REQUEST_REUSE_PARAMS, NewIrp, 16);

typedef struct _WDF_REQUEST_SEND_OPTIONS {
    ULONG Size;
    ULONG Flags;
    LONGLONG Timeout;
} WDF_REQUEST_SEND_OPTIONS, *PWDF_REQUEST_SEND_OPTIONS;

WDF_ASSERT_SIZE(WDF_REQUEST_SEND_OPTIONS, 16);
WDF_ASSERT_OFFSET(WDF_REQUEST_SEND_OPTIONS, Size, 0);
WDF_ASSERT_OFFSET(WDF_REQUEST_SEND_OPTIONS, Flags, 4);
WDF_ASSERT_OFFSET(WDF_REQUEST_SEND_OPTIONS, Timeout, 8);

/* ---- completion: <= DISPATCH_LEVEL ------------------------------------------------------------------- */

typedef VOID(NTAPI* PFN_WDFREQUESTCOMPLETE)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Request,
                                            NTSTATUS Status);
FORCEINLINE VOID WdfRequestComplete(WDFREQUEST Request, NTSTATUS Status)
{
    ((PFN_WDFREQUESTCOMPLETE)WdfFunctions[WdfRequestCompleteTableIndex])(WdfDriverGlobals, Request, Status);
}

typedef VOID(NTAPI* PFN_WDFREQUESTCOMPLETEWITHINFORMATION)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                           WDFREQUEST Request, NTSTATUS Status,
                                                           ULONG_PTR Information);
FORCEINLINE VOID WdfRequestCompleteWithInformation(WDFREQUEST Request, NTSTATUS Status, ULONG_PTR Information)
{
    ((PFN_WDFREQUESTCOMPLETEWITHINFORMATION)WdfFunctions[WdfRequestCompleteWithInformationTableIndex])(
        WdfDriverGlobals, Request, Status, Information);
}

typedef VOID(NTAPI* PFN_WDFREQUESTCOMPLETEWITHPRIORITYBOOST)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                             WDFREQUEST Request, NTSTATUS Status,
                                                             CCHAR PriorityBoost);
FORCEINLINE VOID WdfRequestCompleteWithPriorityBoost(WDFREQUEST Request, NTSTATUS Status, CCHAR PriorityBoost)
{
    ((PFN_WDFREQUESTCOMPLETEWITHPRIORITYBOOST)WdfFunctions[WdfRequestCompleteWithPriorityBoostTableIndex])(
        WdfDriverGlobals, Request, Status, PriorityBoost);
}

typedef VOID(NTAPI* PFN_WDFREQUESTSETINFORMATION)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Request,
                                                  ULONG_PTR Information);
FORCEINLINE VOID WdfRequestSetInformation(WDFREQUEST Request, ULONG_PTR Information)
{
    ((PFN_WDFREQUESTSETINFORMATION)WdfFunctions[WdfRequestSetInformationTableIndex])(WdfDriverGlobals,
                                                                                     Request, Information);
}

typedef ULONG_PTR(NTAPI* PFN_WDFREQUESTGETINFORMATION)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Request);
FORCEINLINE ULONG_PTR WdfRequestGetInformation(WDFREQUEST Request)
{
    return ((PFN_WDFREQUESTGETINFORMATION)WdfFunctions[WdfRequestGetInformationTableIndex])(WdfDriverGlobals,
                                                                                            Request);
}

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTGETSTATUS)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Request);
FORCEINLINE NTSTATUS WdfRequestGetStatus(WDFREQUEST Request)
{
    return ((PFN_WDFREQUESTGETSTATUS)WdfFunctions[WdfRequestGetStatusTableIndex])(WdfDriverGlobals, Request);
}

/* ---- cancellation: <= DISPATCH_LEVEL ----------------------------------------------------------------- */

typedef VOID(NTAPI* PFN_WDFREQUESTMARKCANCELABLE)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Request,
                                                  PFN_WDF_REQUEST_CANCEL EvtRequestCancel);
FORCEINLINE VOID WdfRequestMarkCancelable(WDFREQUEST Request, PFN_WDF_REQUEST_CANCEL EvtRequestCancel)
{
    ((PFN_WDFREQUESTMARKCANCELABLE)WdfFunctions[WdfRequestMarkCancelableTableIndex])(
        WdfDriverGlobals, Request, EvtRequestCancel);
}

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTMARKCANCELABLEEX)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Request,
                                                        PFN_WDF_REQUEST_CANCEL EvtRequestCancel);
FORCEINLINE NTSTATUS WdfRequestMarkCancelableEx(WDFREQUEST Request, PFN_WDF_REQUEST_CANCEL EvtRequestCancel)
{
    return ((PFN_WDFREQUESTMARKCANCELABLEEX)WdfFunctions[WdfRequestMarkCancelableExTableIndex])(
        WdfDriverGlobals, Request, EvtRequestCancel);
}

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTUNMARKCANCELABLE)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                        WDFREQUEST Request);
FORCEINLINE NTSTATUS WdfRequestUnmarkCancelable(WDFREQUEST Request)
{
    return ((PFN_WDFREQUESTUNMARKCANCELABLE)WdfFunctions[WdfRequestUnmarkCancelableTableIndex])(
        WdfDriverGlobals, Request);
}

typedef BOOLEAN(NTAPI* PFN_WDFREQUESTISCANCELED)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Request);
FORCEINLINE BOOLEAN WdfRequestIsCanceled(WDFREQUEST Request)
{
    return ((PFN_WDFREQUESTISCANCELED)WdfFunctions[WdfRequestIsCanceledTableIndex])(WdfDriverGlobals,
                                                                                    Request);
}

/* ---- buffers: <= DISPATCH_LEVEL, user buffers PASSIVE_LEVEL in EvtIoInCallerContext only ------------- */

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTRETRIEVEINPUTMEMORY)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                           WDFREQUEST Request, WDFMEMORY* Memory);
FORCEINLINE NTSTATUS WdfRequestRetrieveInputMemory(WDFREQUEST Request, WDFMEMORY* Memory)
{
    return ((PFN_WDFREQUESTRETRIEVEINPUTMEMORY)WdfFunctions[WdfRequestRetrieveInputMemoryTableIndex])(
        WdfDriverGlobals, Request, Memory);
}

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTRETRIEVEOUTPUTMEMORY)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                            WDFREQUEST Request, WDFMEMORY* Memory);
FORCEINLINE NTSTATUS WdfRequestRetrieveOutputMemory(WDFREQUEST Request, WDFMEMORY* Memory)
{
    return ((PFN_WDFREQUESTRETRIEVEOUTPUTMEMORY)WdfFunctions[WdfRequestRetrieveOutputMemoryTableIndex])(
        WdfDriverGlobals, Request, Memory);
}

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTRETRIEVEINPUTBUFFER)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                           WDFREQUEST Request, size_t MinimumRequiredLength,
                                                           PVOID* Buffer, size_t* Length);
FORCEINLINE NTSTATUS WdfRequestRetrieveInputBuffer(WDFREQUEST Request, size_t MinimumRequiredLength,
                                                   PVOID* Buffer, size_t* Length)
{
    return ((PFN_WDFREQUESTRETRIEVEINPUTBUFFER)WdfFunctions[WdfRequestRetrieveInputBufferTableIndex])(
        WdfDriverGlobals, Request, MinimumRequiredLength, Buffer, Length);
}

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTRETRIEVEOUTPUTBUFFER)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                            WDFREQUEST Request, size_t MinimumRequiredSize,
                                                            PVOID* Buffer, size_t* Length);
FORCEINLINE NTSTATUS WdfRequestRetrieveOutputBuffer(WDFREQUEST Request, size_t MinimumRequiredSize,
                                                    PVOID* Buffer, size_t* Length)
{
    return ((PFN_WDFREQUESTRETRIEVEOUTPUTBUFFER)WdfFunctions[WdfRequestRetrieveOutputBufferTableIndex])(
        WdfDriverGlobals, Request, MinimumRequiredSize, Buffer, Length);
}

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTRETRIEVEINPUTWDMMDL)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                           WDFREQUEST Request, PMDL* Mdl);
FORCEINLINE NTSTATUS WdfRequestRetrieveInputWdmMdl(WDFREQUEST Request, PMDL* Mdl)
{
    return ((PFN_WDFREQUESTRETRIEVEINPUTWDMMDL)WdfFunctions[WdfRequestRetrieveInputWdmMdlTableIndex])(
        WdfDriverGlobals, Request, Mdl);
}

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTRETRIEVEOUTPUTWDMMDL)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                            WDFREQUEST Request, PMDL* Mdl);
FORCEINLINE NTSTATUS WdfRequestRetrieveOutputWdmMdl(WDFREQUEST Request, PMDL* Mdl)
{
    return ((PFN_WDFREQUESTRETRIEVEOUTPUTWDMMDL)WdfFunctions[WdfRequestRetrieveOutputWdmMdlTableIndex])(
        WdfDriverGlobals, Request, Mdl);
}

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTRETRIEVEUNSAFEUSERINPUTBUFFER)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                                     WDFREQUEST Request,
                                                                     size_t MinimumRequiredLength,
                                                                     PVOID* InputBuffer, size_t* Length);
FORCEINLINE NTSTATUS WdfRequestRetrieveUnsafeUserInputBuffer(WDFREQUEST Request, size_t MinimumRequiredLength,
                                                             PVOID* InputBuffer, size_t* Length)
{
    return ((PFN_WDFREQUESTRETRIEVEUNSAFEUSERINPUTBUFFER)
                WdfFunctions[WdfRequestRetrieveUnsafeUserInputBufferTableIndex])(
        WdfDriverGlobals, Request, MinimumRequiredLength, InputBuffer, Length);
}

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTRETRIEVEUNSAFEUSEROUTPUTBUFFER)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                                      WDFREQUEST Request,
                                                                      size_t MinimumRequiredLength,
                                                                      PVOID* OutputBuffer, size_t* Length);
FORCEINLINE NTSTATUS WdfRequestRetrieveUnsafeUserOutputBuffer(WDFREQUEST Request,
                                                              size_t MinimumRequiredLength,
                                                              PVOID* OutputBuffer, size_t* Length)
{
    return ((PFN_WDFREQUESTRETRIEVEUNSAFEUSEROUTPUTBUFFER)
                WdfFunctions[WdfRequestRetrieveUnsafeUserOutputBufferTableIndex])(
        WdfDriverGlobals, Request, MinimumRequiredLength, OutputBuffer, Length);
}

/* ---- what the request is: <= DISPATCH_LEVEL ---------------------------------------------------------- */

typedef VOID(NTAPI* PFN_WDFREQUESTGETPARAMETERS)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Request,
                                                 PWDF_REQUEST_PARAMETERS Parameters);
FORCEINLINE VOID WdfRequestGetParameters(WDFREQUEST Request, PWDF_REQUEST_PARAMETERS Parameters)
{
    ((PFN_WDFREQUESTGETPARAMETERS)WdfFunctions[WdfRequestGetParametersTableIndex])(WdfDriverGlobals, Request,
                                                                                   Parameters);
}

typedef WDFFILEOBJECT(NTAPI* PFN_WDFREQUESTGETFILEOBJECT)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                          WDFREQUEST Request);
FORCEINLINE WDFFILEOBJECT WdfRequestGetFileObject(WDFREQUEST Request)
{
    return ((PFN_WDFREQUESTGETFILEOBJECT)WdfFunctions[WdfRequestGetFileObjectTableIndex])(WdfDriverGlobals,
                                                                                          Request);
}

typedef WDFQUEUE(NTAPI* PFN_WDFREQUESTGETIOQUEUE)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Request);
FORCEINLINE WDFQUEUE WdfRequestGetIoQueue(WDFREQUEST Request)
{
    return ((PFN_WDFREQUESTGETIOQUEUE)WdfFunctions[WdfRequestGetIoQueueTableIndex])(WdfDriverGlobals,
                                                                                    Request);
}

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTPROBEANDLOCKUSERBUFFERFORREAD)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                                     WDFREQUEST Request, PVOID Buffer,
                                                                     size_t Length, WDFMEMORY* MemoryObject);
FORCEINLINE NTSTATUS WdfRequestProbeAndLockUserBufferForRead(WDFREQUEST Request, PVOID Buffer, size_t Length,
                                                             WDFMEMORY* MemoryObject)
{
    return ((PFN_WDFREQUESTPROBEANDLOCKUSERBUFFERFORREAD)
                WdfFunctions[WdfRequestProbeAndLockUserBufferForReadTableIndex])(
        WdfDriverGlobals, Request, Buffer, Length, MemoryObject);
}

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTPROBEANDLOCKUSERBUFFERFORWRITE)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                                      WDFREQUEST Request, PVOID Buffer,
                                                                      size_t Length, WDFMEMORY* MemoryObject);
FORCEINLINE NTSTATUS WdfRequestProbeAndLockUserBufferForWrite(WDFREQUEST Request, PVOID Buffer, size_t Length,
                                                              WDFMEMORY* MemoryObject)
{
    return ((PFN_WDFREQUESTPROBEANDLOCKUSERBUFFERFORWRITE)
                WdfFunctions[WdfRequestProbeAndLockUserBufferForWriteTableIndex])(
        WdfDriverGlobals, Request, Buffer, Length, MemoryObject);
}

typedef KPROCESSOR_MODE(NTAPI* PFN_WDFREQUESTGETREQUESTORMODE)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                               WDFREQUEST Request);
FORCEINLINE KPROCESSOR_MODE WdfRequestGetRequestorMode(WDFREQUEST Request)
{
    return ((PFN_WDFREQUESTGETREQUESTORMODE)WdfFunctions[WdfRequestGetRequestorModeTableIndex])(
        WdfDriverGlobals, Request);
}

typedef BOOLEAN(NTAPI* PFN_WDFREQUESTISFROM32BITPROCESS)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                         WDFREQUEST Request);
FORCEINLINE BOOLEAN WdfRequestIsFrom32BitProcess(WDFREQUEST Request)
{
    return ((PFN_WDFREQUESTISFROM32BITPROCESS)WdfFunctions[WdfRequestIsFrom32BitProcessTableIndex])(
        WdfDriverGlobals, Request);
}

typedef PIRP(NTAPI* PFN_WDFREQUESTWDMGETIRP)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Request);
FORCEINLINE PIRP WdfRequestWdmGetIrp(WDFREQUEST Request)
{
    return ((PFN_WDFREQUESTWDMGETIRP)WdfFunctions[WdfRequestWdmGetIrpTableIndex])(WdfDriverGlobals, Request);
}

/* ---- where it goes: <= DISPATCH_LEVEL ---------------------------------------------------------------- */

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTFORWARDTOIOQUEUE)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Request,
                                                        WDFQUEUE DestinationQueue);
FORCEINLINE NTSTATUS WdfRequestForwardToIoQueue(WDFREQUEST Request, WDFQUEUE DestinationQueue)
{
    return ((PFN_WDFREQUESTFORWARDTOIOQUEUE)WdfFunctions[WdfRequestForwardToIoQueueTableIndex])(
        WdfDriverGlobals, Request, DestinationQueue);
}

typedef NTSTATUS(NTAPI* PFN_WDFREQUESTREQUEUE)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Request);
FORCEINLINE NTSTATUS WdfRequestRequeue(WDFREQUEST Request)
{
    return ((PFN_WDFREQUESTREQUEUE)WdfFunctions[WdfRequestRequeueTableIndex])(WdfDriverGlobals, Request);
}

typedef VOID(NTAPI* PFN_WDFREQUESTSTOPACKNOWLEDGE)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Request,
                                                   BOOLEAN Requeue);
FORCEINLINE VOID WdfRequestStopAcknowledge(WDFREQUEST Request, BOOLEAN Requeue)
{
    ((PFN_WDFREQUESTSTOPACKNOWLEDGE)WdfFunctions[WdfRequestStopAcknowledgeTableIndex])(WdfDriverGlobals,
                                                                                       Request, Requeue);
}

EXTERN_C_END

#endif
