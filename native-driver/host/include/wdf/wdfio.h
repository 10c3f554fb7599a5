/* SPDX-License-Identifier: Apache-2.0
 *
 * I/O queues.
 */
#ifndef WDF_WDFIO_H
#define WDF_WDFIO_H

#include <wdf/wdfrequest.h>

EXTERN_C_START

typedef enum _WDF_IO_QUEUE_DISPATCH_TYPE {
    WdfIoQueueDispatchInvalid = 0,
    WdfIoQueueDispatchSequential,
    WdfIoQueueDispatchParallel,
    WdfIoQueueDispatchManual,
    WdfIoQueueDispatchMax
} WDF_IO_QUEUE_DISPATCH_TYPE;

typedef enum _WDF_IO_QUEUE_STATE {
    WdfIoQueueAcceptRequests = 0x01,
    WdfIoQueueDispatchRequests = 0x02,
    WdfIoQueueNoRequests = 0x04,       /* none is waiting in it */
    WdfIoQueueDriverNoRequests = 0x08, /* the driver owns none of its requests */
    WdfIoQueuePnpHeld = 0x10
} WDF_IO_QUEUE_STATE;

#define WDF_IO_QUEUE_IDLE(State)                                                                             \
    (((State) & (WdfIoQueueNoRequests | WdfIoQueueDriverNoRequests)) ==                                      \
     (WdfIoQueueNoRequests | WdfIoQueueDriverNoRequests))
#define WDF_IO_QUEUE_READY(State)                                                                            \
    (((State) & (WdfIoQueueAcceptRequests | WdfIoQueueDispatchRequests)) ==                                  \
     (WdfIoQueueAcceptRequests | WdfIoQueueDispatchRequests))
#define WDF_IO_QUEUE_STOPPED(State)                                                                          \
    (((State)&WdfIoQueueAcceptRequests) && !((State)&WdfIoQueueDispatchRequests) &&                          \
     ((State)&WdfIoQueueDriverNoRequests))
#define WDF_IO_QUEUE_DRAINED(State) (!((State)&WdfIoQueueAcceptRequests) && WDF_IO_QUEUE_IDLE(State))
#define WDF_IO_QUEUE_PURGED(State)  WDF_IO_QUEUE_DRAINED(State)

/* All <= DISPATCH_LEVEL. A queue calls these in the requestor's thread, in a thread that completes a request,
 * or in a work item. */
typedef VOID(NTAPI EVT_WDF_IO_QUEUE_IO_DEFAULT)(WDFQUEUE Queue, WDFREQUEST Request);
typedef EVT_WDF_IO_QUEUE_IO_DEFAULT* PFN_WDF_IO_QUEUE_IO_DEFAULT;
typedef VOID(NTAPI EVT_WDF_IO_QUEUE_IO_STOP)(WDFQUEUE Queue, WDFREQUEST Request, ULONG ActionFlags);
typedef EVT_WDF_IO_QUEUE_IO_STOP* PFN_WDF_IO_QUEUE_IO_STOP;
typedef VOID(NTAPI EVT_WDF_IO_QUEUE_IO_RESUME)(WDFQUEUE Queue, WDFREQUEST Request);
typedef EVT_WDF_IO_QUEUE_IO_RESUME* PFN_WDF_IO_QUEUE_IO_RESUME;
typedef VOID(NTAPI EVT_WDF_IO_QUEUE_IO_READ)(WDFQUEUE Queue, WDFREQUEST Request, size_t Length);
typedef EVT_WDF_IO_QUEUE_IO_READ* PFN_WDF_IO_QUEUE_IO_READ;
typedef VOID(NTAPI EVT_WDF_IO_QUEUE_IO_WRITE)(WDFQUEUE Queue, WDFREQUEST Request, size_t Length);
typedef EVT_WDF_IO_QUEUE_IO_WRITE* PFN_WDF_IO_QUEUE_IO_WRITE;
typedef VOID(NTAPI EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL)(WDFQUEUE Queue, WDFREQUEST Request,
                                                       size_t OutputBufferLength, size_t InputBufferLength,
                                                       ULONG IoControlCode);
typedef EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL* PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL;
typedef EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL EVT_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL;
typedef EVT_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL* PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL;
typedef VOID(NTAPI EVT_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE)(WDFQUEUE Queue, WDFREQUEST Request);
typedef EVT_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE* PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE;
typedef VOID(NTAPI EVT_WDF_IO_QUEUE_STATE)(WDFQUEUE Queue, WDFCONTEXT Context);
typedef EVT_WDF_IO_QUEUE_STATE* PFN_WDF_IO_QUEUE_STATE;

typedef struct _WDF_IO_QUEUE_CONFIG {
    ULONG Size;
    WDF_IO_QUEUE_DISPATCH_TYPE DispatchType;
    WDF_TRI_STATE PowerManaged;
    BOOLEAN AllowZeroLengthRequests;
    BOOLEAN DefaultQueue;
    PFN_WDF_IO_QUEUE_IO_DEFAULT EvtIoDefault;
    PFN_WDF_IO_QUEUE_IO_READ EvtIoRead;
    PFN_WDF_IO_QUEUE_IO_WRITE EvtIoWrite;
    PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL EvtIoDeviceControl;
    PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL EvtIoInternalDeviceControl;
    PFN_WDF_IO_QUEUE_IO_STOP EvtIoStop;
    PFN_WDF_IO_QUEUE_IO_RESUME EvtIoResume;
    PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE EvtIoCanceledOnQueue;
    union {
        struct {
            ULONG NumberOfPresentedRequests;
        } Parallel;
    } Settings;
    WDFDRIVER Driver;
} WDF_IO_QUEUE_CONFIG, *PWDF_IO_QUEUE_CONFIG;

WDF_ASSERT_SIZE(WDF_IO_QUEUE_CONFIG, 96);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, Size, 0);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, DispatchType, 4);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, PowerManaged, 8);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, AllowZeroLengthRequests, 12);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, DefaultQueue, 13);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, EvtIoDefault, 16);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, EvtIoRead, 24);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, EvtIoWrite, 32);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, EvtIoDeviceControl, 40);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, EvtIoInternalDeviceControl, 48);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, EvtIoStop, 56);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, EvtIoResume, 64);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, EvtIoCanceledOnQueue, 72);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, Settings.Parallel.NumberOfPresentedRequests, 80);
WDF_ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, Driver, 88);

FORCEINLINE VOID WDF_IO_QUEUE_CONFIG_INIT(PWDF_IO_QUEUE_CONFIG Config,
                                          WDF_IO_QUEUE_DISPATCH_TYPE DispatchType)
{
    RtlZeroMemory(Config, sizeof(*Config));
    Config->Size = sizeof(*Config);
    Config->PowerManaged = WdfUseDefault;
    Config->DispatchType = DispatchType;
    if (DispatchType == WdfIoQueueDispatchParallel) {
        Config->Settings.Parallel.NumberOfPresentedRequests = (ULONG)-1;
    }
}

FORCEINLINE VOID WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(PWDF_IO_QUEUE_CONFIG Config,
                                                        WDF_IO_QUEUE_DISPATCH_TYPE DispatchType)
{
    WDF_IO_QUEUE_CONFIG_INIT(Config, DispatchType);
    Config->DefaultQueue = TRUE;
}

/* Create and ...Synchronously at PASSIVE_LEVEL, the rest at <= DISPATCH_LEVEL. */
typedef NTSTATUS(NTAPI* PFN_WDFIOQUEUECREATE)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE Device,
                                              PWDF_IO_QUEUE_CONFIG Config,
                                              PWDF_OBJECT_ATTRIBUTES QueueAttributes, WDFQUEUE* Queue);
FORCEINLINE NTSTATUS WdfIoQueueCreate(WDFDEVICE Device, PWDF_IO_QUEUE_CONFIG Config,
                                      PWDF_OBJECT_ATTRIBUTES QueueAttributes, WDFQUEUE* Queue)
{
    return ((PFN_WDFIOQUEUECREATE)WdfFunctions[WdfIoQueueCreateTableIndex])(WdfDriverGlobals, Device, Config,
                                                                            QueueAttributes, Queue);
}

typedef WDF_IO_QUEUE_STATE(NTAPI* PFN_WDFIOQUEUEGETSTATE)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue,
                                                          PULONG QueueRequests, PULONG DriverRequests);
FORCEINLINE WDF_IO_QUEUE_STATE WdfIoQueueGetState(WDFQUEUE Queue, PULONG QueueRequests, PULONG DriverRequests)
{
    return ((PFN_WDFIOQUEUEGETSTATE)WdfFunctions[WdfIoQueueGetStateTableIndex])(
        WdfDriverGlobals, Queue, QueueRequests, DriverRequests);
}

typedef WDFDEVICE(NTAPI* PFN_WDFIOQUEUEGETDEVICE)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue);
FORCEINLINE WDFDEVICE WdfIoQueueGetDevice(WDFQUEUE Queue)
{
    return ((PFN_WDFIOQUEUEGETDEVICE)WdfFunctions[WdfIoQueueGetDeviceTableIndex])(WdfDriverGlobals, Queue);
}

typedef VOID(NTAPI* PFN_WDFIOQUEUESTART)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue);
FORCEINLINE VOID WdfIoQueueStart(WDFQUEUE Queue)
{
    ((PFN_WDFIOQUEUESTART)WdfFunctions[WdfIoQueueStartTableIndex])(WdfDriverGlobals, Queue);
}

typedef VOID(NTAPI* PFN_WDFIOQUEUESTOP)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue,
                                        PFN_WDF_IO_QUEUE_STATE StopComplete, WDFCONTEXT Context);
FORCEINLINE VOID WdfIoQueueStop(WDFQUEUE Queue, PFN_WDF_IO_QUEUE_STATE StopComplete, WDFCONTEXT Context)
{
    ((PFN_WDFIOQUEUESTOP)WdfFunctions[WdfIoQueueStopTableIndex])(WdfDriverGlobals, Queue, StopComplete,
                                                                 Context);
}

typedef VOID(NTAPI* PFN_WDFIOQUEUESTOPSYNCHRONOUSLY)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue);
FORCEINLINE VOID WdfIoQueueStopSynchronously(WDFQUEUE Queue)
{
    ((PFN_WDFIOQUEUESTOPSYNCHRONOUSLY)WdfFunctions[WdfIoQueueStopSynchronouslyTableIndex])(WdfDriverGlobals,
                                                                                           Queue);
}

typedef VOID(NTAPI* PFN_WDFIOQUEUEDRAIN)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue,
                                         PFN_WDF_IO_QUEUE_STATE DrainComplete, WDFCONTEXT Context);
FORCEINLINE VOID WdfIoQueueDrain(WDFQUEUE Queue, PFN_WDF_IO_QUEUE_STATE DrainComplete, WDFCONTEXT Context)
{
    ((PFN_WDFIOQUEUEDRAIN)WdfFunctions[WdfIoQueueDrainTableIndex])(WdfDriverGlobals, Queue, DrainComplete,
                                                                   Context);
}

typedef VOID(NTAPI* PFN_WDFIOQUEUEDRAINSYNCHRONOUSLY)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue);
FORCEINLINE VOID WdfIoQueueDrainSynchronously(WDFQUEUE Queue)
{
    ((PFN_WDFIOQUEUEDRAINSYNCHRONOUSLY)WdfFunctions[WdfIoQueueDrainSynchronouslyTableIndex])(WdfDriverGlobals,
                                                                                             Queue);
}

typedef VOID(NTAPI* PFN_WDFIOQUEUEPURGE)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue,
                                         PFN_WDF_IO_QUEUE_STATE PurgeComplete, WDFCONTEXT Context);
FORCEINLINE VOID WdfIoQueuePurge(WDFQUEUE Queue, PFN_WDF_IO_QUEUE_STATE PurgeComplete, WDFCONTEXT Context)
{
    ((PFN_WDFIOQUEUEPURGE)WdfFunctions[WdfIoQueuePurgeTableIndex])(WdfDriverGlobals, Queue, PurgeComplete,
                                                                   Context);
}

typedef VOID(NTAPI* PFN_WDFIOQUEUEPURGESYNCHRONOUSLY)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue);
FORCEINLINE VOID WdfIoQueuePurgeSynchronously(WDFQUEUE Queue)
{
    ((PFN_WDFIOQUEUEPURGESYNCHRONOUSLY)WdfFunctions[WdfIoQueuePurgeSynchronouslyTableIndex])(WdfDriverGlobals,
                                                                                             Queue);
}

typedef VOID(NTAPI* PFN_WDFIOQUEUESTOPANDPURGE)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue,
                                                PFN_WDF_IO_QUEUE_STATE StopAndPurgeComplete,
                                                WDFCONTEXT Context);
FORCEINLINE VOID WdfIoQueueStopAndPurge(WDFQUEUE Queue, PFN_WDF_IO_QUEUE_STATE StopAndPurgeComplete,
                                        WDFCONTEXT Context)
{
    ((PFN_WDFIOQUEUESTOPANDPURGE)WdfFunctions[WdfIoQueueStopAndPurgeTableIndex])(
        WdfDriverGlobals, Queue, StopAndPurgeComplete, Context);
}

typedef VOID(NTAPI* PFN_WDFIOQUEUESTOPANDPURGESYNCHRONOUSLY)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                             WDFQUEUE Queue);
FORCEINLINE VOID WdfIoQueueStopAndPurgeSynchronously(WDFQUEUE Queue)
{
    ((PFN_WDFIOQUEUESTOPANDPURGESYNCHRONOUSLY)WdfFunctions[WdfIoQueueStopAndPurgeSynchronouslyTableIndex])(
        WdfDriverGlobals, Queue);
}

typedef NTSTATUS(NTAPI* PFN_WDFIOQUEUEREADYNOTIFY)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue,
                                                   PFN_WDF_IO_QUEUE_STATE QueueReady, WDFCONTEXT Context);
FORCEINLINE NTSTATUS WdfIoQueueReadyNotify(WDFQUEUE Queue, PFN_WDF_IO_QUEUE_STATE QueueReady,
                                           WDFCONTEXT Context)
{
    return ((PFN_WDFIOQUEUEREADYNOTIFY)WdfFunctions[WdfIoQueueReadyNotifyTableIndex])(WdfDriverGlobals, Queue,
                                                                                      QueueReady, Context);
}

/* A request that a Retrieve... returns is the driver's; one that FindRequest returns is only referenced. */
typedef NTSTATUS(NTAPI* PFN_WDFIOQUEUERETRIEVENEXTREQUEST)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue,
                                                           WDFREQUEST* OutRequest);
FORCEINLINE NTSTATUS WdfIoQueueRetrieveNextRequest(WDFQUEUE Queue, WDFREQUEST* OutRequest)
{
    return ((PFN_WDFIOQUEUERETRIEVENEXTREQUEST)WdfFunctions[WdfIoQueueRetrieveNextRequestTableIndex])(
        WdfDriverGlobals, Queue, OutRequest);
}

typedef NTSTATUS(NTAPI* PFN_WDFIOQUEUERETRIEVEREQUESTBYFILEOBJECT)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                                   WDFQUEUE Queue, WDFFILEOBJECT FileObject,
                                                                   WDFREQUEST* OutRequest);
FORCEINLINE NTSTATUS WdfIoQueueRetrieveRequestByFileObject(WDFQUEUE Queue, WDFFILEOBJECT FileObject,
                                                           WDFREQUEST* OutRequest)
{
    return ((PFN_WDFIOQUEUERETRIEVEREQUESTBYFILEOBJECT)
                WdfFunctions[WdfIoQueueRetrieveRequestByFileObjectTableIndex])(WdfDriverGlobals, Queue,
                                                                               FileObject, OutRequest);
}

typedef NTSTATUS(NTAPI* PFN_WDFIOQUEUEFINDREQUEST)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue,
                                                   WDFREQUEST FoundRequest, WDFFILEOBJECT FileObject,
                                                   PWDF_REQUEST_PARAMETERS Parameters,
                                                   WDFREQUEST* OutRequest);
FORCEINLINE NTSTATUS WdfIoQueueFindRequest(WDFQUEUE Queue, WDFREQUEST FoundRequest, WDFFILEOBJECT FileObject,
                                           PWDF_REQUEST_PARAMETERS Parameters, WDFREQUEST* OutRequest)
{
    return ((PFN_WDFIOQUEUEFINDREQUEST)WdfFunctions[WdfIoQueueFindRequestTableIndex])(
        WdfDriverGlobals, Queue, FoundRequest, FileObject, Parameters, OutRequest);
}

typedef NTSTATUS(NTAPI* PFN_WDFIOQUEUERETRIEVEFOUNDREQUEST)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue,
                                                            WDFREQUEST FoundRequest, WDFREQUEST* OutRequest);
FORCEINLINE NTSTATUS WdfIoQueueRetrieveFoundRequest(WDFQUEUE Queue, WDFREQUEST FoundRequest,
                                                    WDFREQUEST* OutRequest)
{
    return ((PFN_WDFIOQUEUERETRIEVEFOUNDREQUEST)WdfFunctions[WdfIoQueueRetrieveFoundRequestTableIndex])(
        WdfDriverGlobals, Queue, FoundRequest, OutRequest);
}

EXTERN_C_END

#endif
