/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices and how they are set up: device init, control devices, file object configuration.
 */
#ifndef WDF_WDFDEVICE_H
#define WDF_WDFDEVICE_H

#include <wdf/wdfrequest.h>

EXTERN_C_START

typedef enum _WDF_DEVICE_IO_TYPE {
    WdfDeviceIoUndefined = 0,
    WdfDeviceIoNeither,
    WdfDeviceIoBuffered,
    WdfDeviceIoDirect,
    WdfDeviceIoBufferedOrDirect
} WDF_DEVICE_IO_TYPE,
    *PWDF_DEVICE_IO_TYPE;

/* Which field of the FILE_OBJECT the framework may use for its pointer. With neither it searches a table. */
typedef enum _WDF_FILEOBJECT_CLASS {
    WdfFileObjectInvalid = 0,
    WdfFileObjectNotRequired = 1,
    WdfFileObjectWdfCanUseFsContext = 2,
    WdfFileObjectWdfCanUseFsContext2 = 3,
    WdfFileObjectWdfCannotUseFsContexts = 4,
    WdfFileObjectCanBeOptional = (int)0x80000000
} WDF_FILEOBJECT_CLASS,
    *PWDF_FILEOBJECT_CLASS;

/* All three at PASSIVE_LEVEL. The create callback owns Request; Cleanup comes when the last handle is closed,
 * Close when the last request of the file is complete too. */
typedef VOID(NTAPI EVT_WDF_DEVICE_FILE_CREATE)(WDFDEVICE Device, WDFREQUEST Request,
                                               WDFFILEOBJECT FileObject);
typedef EVT_WDF_DEVICE_FILE_CREATE* PFN_WDF_DEVICE_FILE_CREATE;
typedef VOID(NTAPI EVT_WDF_FILE_CLOSE)(WDFFILEOBJECT FileObject);
typedef EVT_WDF_FILE_CLOSE* PFN_WDF_FILE_CLOSE;
typedef VOID(NTAPI EVT_WDF_FILE_CLEANUP)(WDFFILEOBJECT FileObject);
typedef EVT_WDF_FILE_CLEANUP* PFN_WDF_FILE_CLEANUP;

typedef struct _WDF_FILEOBJECT_CONFIG {
    ULONG Size;
    PFN_WDF_DEVICE_FILE_CREATE EvtDeviceFileCreate;
    PFN_WDF_FILE_CLOSE EvtFileClose;
    PFN_WDF_FILE_CLEANUP EvtFileCleanup;
    WDF_TRI_STATE AutoForwardCleanupClose;
    WDF_FILEOBJECT_CLASS FileObjectClass;
} WDF_FILEOBJECT_CONFIG, *PWDF_FILEOBJECT_CONFIG;

WDF_ASSERT_SIZE(WDF_FILEOBJECT_CONFIG, 40);
WDF_ASSERT_OFFSET(WDF_FILEOBJECT_CONFIG, Size, 0);
WDF_ASSERT_OFFSET(WDF_FILEOBJECT_CONFIG, EvtDeviceFileCreate, 8);
WDF_ASSERT_OFFSET(WDF_FILEOBJECT_CONFIG, EvtFileClose, 16);
WDF_ASSERT_OFFSET(WDF_FILEOBJECT_CONFIG, EvtFileCleanup, 24);
WDF_ASSERT_OFFSET(WDF_FILEOBJECT_CONFIG, AutoForwardCleanupClose, 32);
WDF_ASSERT_OFFSET(WDF_FILEOBJECT_CONFIG, FileObjectClass, 36);

FORCEINLINE VOID WDF_FILEOBJECT_CONFIG_INIT(PWDF_FILEOBJECT_CONFIG FileEventCallbacks,
                                            PFN_WDF_DEVICE_FILE_CREATE EvtDeviceFileCreate,
                                            PFN_WDF_FILE_CLOSE EvtFileClose,
                                            PFN_WDF_FILE_CLEANUP EvtFileCleanup)
{
    FileEventCallbacks->Size = sizeof(*FileEventCallbacks);
    FileEventCallbacks->EvtDeviceFileCreate = EvtDeviceFileCreate;
    FileEventCallbacks->EvtFileClose = EvtFileClose;
    FileEventCallbacks->EvtFileCleanup = EvtFileCleanup;
    FileEventCallbacks->AutoForwardCleanupClose = WdfUseDefault;
    FileEventCallbacks->FileObjectClass = WdfFileObjectWdfCannotUseFsContexts;
}

typedef struct _WDF_IO_TYPE_CONFIG {
    ULONG Size;
    WDF_DEVICE_IO_TYPE ReadWriteIoType;
    WDF_DEVICE_IO_TYPE DeviceControlIoType;
    ULONG DirectTransferThreshold;
} WDF_IO_TYPE_CONFIG, *PWDF_IO_TYPE_CONFIG;

WDF_ASSERT_SIZE(WDF_IO_TYPE_CONFIG, 16);
WDF_ASSERT_OFFSET(WDF_IO_TYPE_CONFIG, Size, 0);
WDF_ASSERT_OFFSET(WDF_IO_TYPE_CONFIG, ReadWriteIoType, 4);
WDF_ASSERT_OFFSET(WDF_IO_TYPE_CONFIG, DeviceControlIoType, 8);
WDF_ASSERT_OFFSET(WDF_IO_TYPE_CONFIG, DirectTransferThreshold, 12);

/* Callbacks of Plug and Play devices, which a control device does not have; declared for the layout. */
typedef struct _WDF_PNPPOWER_EVENT_CALLBACKS {
    ULONG Size;
    WDFFUNC Callbacks[17];
} WDF_PNPPOWER_EVENT_CALLBACKS, *PWDF_PNPPOWER_EVENT_CALLBACKS;

WDF_ASSERT_SIZE(WDF_PNPPOWER_EVENT_CALLBACKS, 144);
WDF_ASSERT_OFFSET(WDF_PNPPOWER_EVENT_CALLBACKS, Size, 0);
WDF_ASSERT_OFFSET(WDF_PNPPOWER_EVENT_CALLBACKS, Callbacks, 8);

typedef VOID(NTAPI EVT_WDF_IO_IN_CALLER_CONTEXT)(WDFDEVICE Device, WDFREQUEST Request);
typedef EVT_WDF_IO_IN_CALLER_CONTEXT* PFN_WDF_IO_IN_CALLER_CONTEXT;
typedef NTSTATUS(NTAPI EVT_WDFDEVICE_WDM_IRP_PREPROCESS)(WDFDEVICE Device, PIRP Irp);
typedef EVT_WDFDEVICE_WDM_IRP_PREPROCESS* PFN_WDFDEVICE_WDM_IRP_PREPROCESS;
typedef VOID(NTAPI EVT_WDF_DEVICE_SHUTDOWN_NOTIFICATION)(WDFDEVICE Device);
typedef EVT_WDF_DEVICE_SHUTDOWN_NOTIFICATION* PFN_WDF_DEVICE_SHUTDOWN_NOTIFICATION;

typedef enum _WDF_DEVICE_SHUTDOWN_FLAGS {
    WdfDeviceShutdown = 0x01,
    WdfDeviceLastChanceShutdown = 0x02
} WDF_DEVICE_SHUTDOWN_FLAGS;

/* ---- device init: PASSIVE_LEVEL ---------------------------------------------------------------------- */

typedef PWDFDEVICE_INIT(NTAPI* PFN_WDFCONTROLDEVICEINITALLOCATE)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                                 WDFDRIVER Driver,
                                                                 CONST UNICODE_STRING* SDDLString);
FORCEINLINE PWDFDEVICE_INIT WdfControlDeviceInitAllocate(WDFDRIVER Driver, CONST UNICODE_STRING* SDDLString)
{
    return ((PFN_WDFCONTROLDEVICEINITALLOCATE)WdfFunctions[WdfControlDeviceInitAllocateTableIndex])(
        WdfDriverGlobals, Driver, SDDLString);
}

typedef VOID(NTAPI* PFN_WDFCONTROLDEVICEINITSETSHUTDOWNNOTIFICATION)(
    PWDF_DRIVER_GLOBALS DriverGlobals, PWDFDEVICE_INIT DeviceInit,
    PFN_WDF_DEVICE_SHUTDOWN_NOTIFICATION Notification, UCHAR Flags);
FORCEINLINE VOID WdfControlDeviceInitSetShutdownNotification(
    PWDFDEVICE_INIT DeviceInit, PFN_WDF_DEVICE_SHUTDOWN_NOTIFICATION Notification, UCHAR Flags)
{
    ((PFN_WDFCONTROLDEVICEINITSETSHUTDOWNNOTIFICATION)
         WdfFunctions[WdfControlDeviceInitSetShutdownNotificationTableIndex])(WdfDriverGlobals, DeviceInit,
                                                                              Notification, Flags);
}

typedef VOID(NTAPI* PFN_WDFDEVICEINITFREE)(PWDF_DRIVER_GLOBALS DriverGlobals, PWDFDEVICE_INIT DeviceInit);
FORCEINLINE VOID WdfDeviceInitFree(PWDFDEVICE_INIT DeviceInit)
{
    ((PFN_WDFDEVICEINITFREE)WdfFunctions[WdfDeviceInitFreeTableIndex])(WdfDriverGlobals, DeviceInit);
}

typedef VOID(NTAPI* PFN_WDFDEVICEINITSETIOTYPE)(PWDF_DRIVER_GLOBALS DriverGlobals, PWDFDEVICE_INIT DeviceInit,
                                                WDF_DEVICE_IO_TYPE IoType);
FORCEINLINE VOID WdfDeviceInitSetIoType(PWDFDEVICE_INIT DeviceInit, WDF_DEVICE_IO_TYPE IoType)
{
    ((PFN_WDFDEVICEINITSETIOTYPE)WdfFunctions[WdfDeviceInitSetIoTypeTableIndex])(WdfDriverGlobals, DeviceInit,
                                                                                 IoType);
}

typedef VOID(NTAPI* PFN_WDFDEVICEINITSETEXCLUSIVE)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                   PWDFDEVICE_INIT DeviceInit, BOOLEAN IsExclusive);
FORCEINLINE VOID WdfDeviceInitSetExclusive(PWDFDEVICE_INIT DeviceInit, BOOLEAN IsExclusive)
{
    ((PFN_WDFDEVICEINITSETEXCLUSIVE)WdfFunctions[WdfDeviceInitSetExclusiveTableIndex])(
        WdfDriverGlobals, DeviceInit, IsExclusive);
}

typedef VOID(NTAPI* PFN_WDFDEVICEINITSETDEVICETYPE)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                    PWDFDEVICE_INIT DeviceInit, DEVICE_TYPE DeviceType);
FORCEINLINE VOID WdfDeviceInitSetDeviceType(PWDFDEVICE_INIT DeviceInit, DEVICE_TYPE DeviceType)
{
    ((PFN_WDFDEVICEINITSETDEVICETYPE)WdfFunctions[WdfDeviceInitSetDeviceTypeTableIndex])(
        WdfDriverGlobals, DeviceInit, DeviceType);
}

typedef NTSTATUS(NTAPI* PFN_WDFDEVICEINITASSIGNNAME)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                     PWDFDEVICE_INIT DeviceInit, PCUNICODE_STRING DeviceName);
FORCEINLINE NTSTATUS WdfDeviceInitAssignName(PWDFDEVICE_INIT DeviceInit, PCUNICODE_STRING DeviceName)
{
    return ((PFN_WDFDEVICEINITASSIGNNAME)WdfFunctions[WdfDeviceInitAssignNameTableIndex])(
        WdfDriverGlobals, DeviceInit, DeviceName);
}

typedef NTSTATUS(NTAPI* PFN_WDFDEVICEINITASSIGNSDDLSTRING)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                           PWDFDEVICE_INIT DeviceInit,
                                                           PCUNICODE_STRING SDDLString);
FORCEINLINE NTSTATUS WdfDeviceInitAssignSDDLString(PWDFDEVICE_INIT DeviceInit, PCUNICODE_STRING SDDLString)
{
    return ((PFN_WDFDEVICEINITASSIGNSDDLSTRING)WdfFunctions[WdfDeviceInitAssignSDDLStringTableIndex])(
        WdfDriverGlobals, DeviceInit, SDDLString);
}

typedef VOID(NTAPI* PFN_WDFDEVICEINITSETDEVICECLASS)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                     PWDFDEVICE_INIT DeviceInit, CONST GUID* DeviceClassGuid);
FORCEINLINE VOID WdfDeviceInitSetDeviceClass(PWDFDEVICE_INIT DeviceInit, CONST GUID* DeviceClassGuid)
{
    ((PFN_WDFDEVICEINITSETDEVICECLASS)WdfFunctions[WdfDeviceInitSetDeviceClassTableIndex])(
        WdfDriverGlobals, DeviceInit, DeviceClassGuid);
}

typedef VOID(NTAPI* PFN_WDFDEVICEINITSETCHARACTERISTICS)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                         PWDFDEVICE_INIT DeviceInit,
                                                         ULONG DeviceCharacteristics, BOOLEAN OrInValues);
FORCEINLINE VOID WdfDeviceInitSetCharacteristics(PWDFDEVICE_INIT DeviceInit, ULONG DeviceCharacteristics,
                                                 BOOLEAN OrInValues)
{
    ((PFN_WDFDEVICEINITSETCHARACTERISTICS)WdfFunctions[WdfDeviceInitSetCharacteristicsTableIndex])(
        WdfDriverGlobals, DeviceInit, DeviceCharacteristics, OrInValues);
}

typedef VOID(NTAPI* PFN_WDFDEVICEINITSETFILEOBJECTCONFIG)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                          PWDFDEVICE_INIT DeviceInit,
                                                          PWDF_FILEOBJECT_CONFIG FileObjectConfig,
                                                          PWDF_OBJECT_ATTRIBUTES FileObjectAttributes);
FORCEINLINE VOID WdfDeviceInitSetFileObjectConfig(PWDFDEVICE_INIT DeviceInit,
                                                  PWDF_FILEOBJECT_CONFIG FileObjectConfig,
                                                  PWDF_OBJECT_ATTRIBUTES FileObjectAttributes)
{
    ((PFN_WDFDEVICEINITSETFILEOBJECTCONFIG)WdfFunctions[WdfDeviceInitSetFileObjectConfigTableIndex])(
        WdfDriverGlobals, DeviceInit, FileObjectConfig, FileObjectAttributes);
}

typedef VOID(NTAPI* PFN_WDFDEVICEINITSETREQUESTATTRIBUTES)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                           PWDFDEVICE_INIT DeviceInit,
                                                           PWDF_OBJECT_ATTRIBUTES RequestAttributes);
FORCEINLINE VOID WdfDeviceInitSetRequestAttributes(PWDFDEVICE_INIT DeviceInit,
                                                   PWDF_OBJECT_ATTRIBUTES RequestAttributes)
{
    ((PFN_WDFDEVICEINITSETREQUESTATTRIBUTES)WdfFunctions[WdfDeviceInitSetRequestAttributesTableIndex])(
        WdfDriverGlobals, DeviceInit, RequestAttributes);
}

typedef VOID(NTAPI* PFN_WDFDEVICEINITSETIOINCALLERCONTEXTCALLBACK)(
    PWDF_DRIVER_GLOBALS DriverGlobals, PWDFDEVICE_INIT DeviceInit,
    PFN_WDF_IO_IN_CALLER_CONTEXT EvtIoInCallerContext);
FORCEINLINE VOID WdfDeviceInitSetIoInCallerContextCallback(PWDFDEVICE_INIT DeviceInit,
                                                           PFN_WDF_IO_IN_CALLER_CONTEXT EvtIoInCallerContext)
{
    ((PFN_WDFDEVICEINITSETIOINCALLERCONTEXTCALLBACK)
         WdfFunctions[WdfDeviceInitSetIoInCallerContextCallbackTableIndex])(WdfDriverGlobals, DeviceInit,
                                                                            EvtIoInCallerContext);
}

typedef VOID(NTAPI* PFN_WDFDEVICEINITSETIOTYPEEX)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                  PWDFDEVICE_INIT DeviceInit,
                                                  PWDF_IO_TYPE_CONFIG IoTypeConfig);
FORCEINLINE VOID WdfDeviceInitSetIoTypeEx(PWDFDEVICE_INIT DeviceInit, PWDF_IO_TYPE_CONFIG IoTypeConfig)
{
    ((PFN_WDFDEVICEINITSETIOTYPEEX)WdfFunctions[WdfDeviceInitSetIoTypeExTableIndex])(
        WdfDriverGlobals, DeviceInit, IoTypeConfig);
}

/* ---- devices: create, link and configure at PASSIVE_LEVEL, the rest at <= DISPATCH_LEVEL ------------- */

typedef NTSTATUS(NTAPI* PFN_WDFDEVICECREATE)(PWDF_DRIVER_GLOBALS DriverGlobals, PWDFDEVICE_INIT* DeviceInit,
                                             PWDF_OBJECT_ATTRIBUTES DeviceAttributes, WDFDEVICE* Device);
FORCEINLINE NTSTATUS WdfDeviceCreate(PWDFDEVICE_INIT* DeviceInit, PWDF_OBJECT_ATTRIBUTES DeviceAttributes,
                                     WDFDEVICE* Device)
{
    return ((PFN_WDFDEVICECREATE)WdfFunctions[WdfDeviceCreateTableIndex])(WdfDriverGlobals, DeviceInit,
                                                                          DeviceAttributes, Device);
}

typedef NTSTATUS(NTAPI* PFN_WDFDEVICECREATESYMBOLICLINK)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE Device,
                                                         PCUNICODE_STRING SymbolicLinkName);
FORCEINLINE NTSTATUS WdfDeviceCreateSymbolicLink(WDFDEVICE Device, PCUNICODE_STRING SymbolicLinkName)
{
    return ((PFN_WDFDEVICECREATESYMBOLICLINK)WdfFunctions[WdfDeviceCreateSymbolicLinkTableIndex])(
        WdfDriverGlobals, Device, SymbolicLinkName);
}

typedef VOID(NTAPI* PFN_WDFCONTROLFINISHINITIALIZING)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE Device);
FORCEINLINE VOID WdfControlFinishInitializing(WDFDEVICE Device)
{
    ((PFN_WDFCONTROLFINISHINITIALIZING)WdfFunctions[WdfControlFinishInitializingTableIndex])(WdfDriverGlobals,
                                                                                             Device);
}

typedef NTSTATUS(NTAPI* PFN_WDFDEVICECONFIGUREREQUESTDISPATCHING)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                                  WDFDEVICE Device, WDFQUEUE Queue,
                                                                  WDF_REQUEST_TYPE RequestType);
FORCEINLINE NTSTATUS WdfDeviceConfigureRequestDispatching(WDFDEVICE Device, WDFQUEUE Queue,
                                                          WDF_REQUEST_TYPE RequestType)
{
    return ((PFN_WDFDEVICECONFIGUREREQUESTDISPATCHING)
                WdfFunctions[WdfDeviceConfigureRequestDispatchingTableIndex])(WdfDriverGlobals, Device, Queue,
                                                                              RequestType);
}

typedef NTSTATUS(NTAPI* PFN_WDFDEVICEENQUEUEREQUEST)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE Device,
                                                     WDFREQUEST Request);
FORCEINLINE NTSTATUS WdfDeviceEnqueueRequest(WDFDEVICE Device, WDFREQUEST Request)
{
    return ((PFN_WDFDEVICEENQUEUEREQUEST)WdfFunctions[WdfDeviceEnqueueRequestTableIndex])(WdfDriverGlobals,
                                                                                          Device, Request);
}

typedef WDFQUEUE(NTAPI* PFN_WDFDEVICEGETDEFAULTQUEUE)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE Device);
FORCEINLINE WDFQUEUE WdfDeviceGetDefaultQueue(WDFDEVICE Device)
{
    return ((PFN_WDFDEVICEGETDEFAULTQUEUE)WdfFunctions[WdfDeviceGetDefaultQueueTableIndex])(WdfDriverGlobals,
                                                                                            Device);
}

typedef WDFDRIVER(NTAPI* PFN_WDFDEVICEGETDRIVER)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE Device);
FORCEINLINE WDFDRIVER WdfDeviceGetDriver(WDFDEVICE Device)
{
    return ((PFN_WDFDEVICEGETDRIVER)WdfFunctions[WdfDeviceGetDriverTableIndex])(WdfDriverGlobals, Device);
}

typedef WDFFILEOBJECT(NTAPI* PFN_WDFDEVICEGETFILEOBJECT)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDEVICE Device,
                                                         PFILE_OBJECT FileObject);
FORCEINLINE WDFFILEOBJECT WdfDeviceGetFileObject(WDFDEVICE Device, PFILE_OBJECT FileObject)
{
    return ((PFN_WDFDEVICEGETFILEOBJECT)WdfFunctions[WdfDeviceGetFileObjectTableIndex])(WdfDriverGlobals,
                                                                                        Device, FileObject);
}

typedef PDEVICE_OBJECT(NTAPI* PFN_WDFDEVICEWDMGETDEVICEOBJECT)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                               WDFDEVICE Device);
FORCEINLINE PDEVICE_OBJECT WdfDeviceWdmGetDeviceObject(WDFDEVICE Device)
{
    return ((PFN_WDFDEVICEWDMGETDEVICEOBJECT)WdfFunctions[WdfDeviceWdmGetDeviceObjectTableIndex])(
        WdfDriverGlobals, Device);
}

typedef WDFDEVICE(NTAPI* PFN_WDFWDMDEVICEGETWDFDEVICEHANDLE)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                             PDEVICE_OBJECT DeviceObject);
FORCEINLINE WDFDEVICE WdfWdmDeviceGetWdfDeviceHandle(PDEVICE_OBJECT DeviceObject)
{
    return ((PFN_WDFWDMDEVICEGETWDFDEVICEHANDLE)WdfFunctions[WdfWdmDeviceGetWdfDeviceHandleTableIndex])(
        WdfDriverGlobals, DeviceObject);
}

EXTERN_C_END

#endif
