/* SPDX-License-Identifier: Apache-2.0
 *
 * Handles, the calling convention, and the structures that bind a driver to the framework.
 */
#ifndef WDF_WDFTYPES_H
#define WDF_WDFTYPES_H

#include <ntddk.h>

/* The layouts are those of KMDF 1.15 for x64; one that differs does not compile. */
#define WDF_ASSERT_SIZE(Type, Size)            C_ASSERT(sizeof(Type) == (Size))
#define WDF_ASSERT_OFFSET(Type, Field, Offset) C_ASSERT(offsetof(Type, Field) == (Offset))

EXTERN_C_START

/* An untyped handle; any of the handles below converts to it. */
typedef HANDLE WDFOBJECT, *PWDFOBJECT;

#define WDF_DECLARE_HANDLE(Name) typedef struct Name##__* Name

WDF_DECLARE_HANDLE(WDFDRIVER);
WDF_DECLARE_HANDLE(WDFDEVICE);
WDF_DECLARE_HANDLE(WDFFILEOBJECT);
WDF_DECLARE_HANDLE(WDFQUEUE);
WDF_DECLARE_HANDLE(WDFREQUEST);
WDF_DECLARE_HANDLE(WDFMEMORY);
WDF_DECLARE_HANDLE(WDFLOOKASIDE);
WDF_DECLARE_HANDLE(WDFWAITLOCK);
WDF_DECLARE_HANDLE(WDFSPINLOCK);
WDF_DECLARE_HANDLE(WDFWORKITEM);
WDF_DECLARE_HANDLE(WDFTIMER);
WDF_DECLARE_HANDLE(WDFDPC);
WDF_DECLARE_HANDLE(WDFCOLLECTION);
WDF_DECLARE_HANDLE(WDFSTRING);
WDF_DECLARE_HANDLE(WDFKEY);
WDF_DECLARE_HANDLE(WDFIOTARGET);

typedef PVOID WDFCONTEXT;
typedef struct WDFDEVICE_INIT WDFDEVICE_INIT, *PWDFDEVICE_INIT;

#define WDF_NO_OBJECT_ATTRIBUTES ((PWDF_OBJECT_ATTRIBUTES)NULL)
#define WDF_NO_EVENT_CALLBACK    (NULL)
#define WDF_NO_HANDLE            (NULL)
#define WDF_NO_CONTEXT           (NULL)
#define WDF_NO_SEND_OPTIONS      (NULL)

typedef enum _WDF_TRI_STATE { WdfFalse = 0, WdfTrue = 1, WdfUseDefault = 2 } WDF_TRI_STATE, *PWDF_TRI_STATE;

typedef enum _WDF_EXECUTION_LEVEL {
    WdfExecutionLevelInvalid = 0,
    WdfExecutionLevelInheritFromParent,
    WdfExecutionLevelPassive,
    WdfExecutionLevelDispatch
} WDF_EXECUTION_LEVEL;

typedef enum _WDF_SYNCHRONIZATION_SCOPE {
    WdfSynchronizationScopeInvalid = 0,
    WdfSynchronizationScopeInheritFromParent,
    WdfSynchronizationScopeDevice,
    WdfSynchronizationScopeQueue,
    WdfSynchronizationScopeNone
} WDF_SYNCHRONIZATION_SCOPE;

/* ---- time: 100 ns units, negative is relative to now ------------------------------------------------- */

FORCEINLINE LONGLONG WDF_REL_TIMEOUT_IN_SEC(ULONGLONG Time)
{
    return -(LONGLONG)(Time * 10000000ULL);
}

FORCEINLINE LONGLONG WDF_ABS_TIMEOUT_IN_SEC(ULONGLONG Time)
{
    return (LONGLONG)(Time * 10000000ULL);
}

FORCEINLINE LONGLONG WDF_REL_TIMEOUT_IN_MS(ULONGLONG Time)
{
    return -(LONGLONG)(Time * 10000ULL);
}

FORCEINLINE LONGLONG WDF_ABS_TIMEOUT_IN_MS(ULONGLONG Time)
{
    return (LONGLONG)(Time * 10000ULL);
}

FORCEINLINE LONGLONG WDF_REL_TIMEOUT_IN_US(ULONGLONG Time)
{
    return -(LONGLONG)(Time * 10ULL);
}

FORCEINLINE LONGLONG WDF_ABS_TIMEOUT_IN_US(ULONGLONG Time)
{
    return (LONGLONG)(Time * 10ULL);
}

/* ---- binding a driver to the framework --------------------------------------------------------------- */

typedef VOID (*WDFFUNC)(VOID);

#define WDF_DRIVER_GLOBALS_NAME_LEN 32

/* What the framework knows about a driver; the first argument of every function in its table. */
typedef struct _WDF_DRIVER_GLOBALS {
    WDFDRIVER Driver; /* NULL until WdfDriverCreate */
    ULONG DriverFlags;
    ULONG DriverTag; /* the pool tag of the driver's objects */
    CHAR DriverName[WDF_DRIVER_GLOBALS_NAME_LEN];
    BOOLEAN DisplaceDriverUnload; /* the stub wraps DriverUnload */
} WDF_DRIVER_GLOBALS, *PWDF_DRIVER_GLOBALS;

WDF_ASSERT_SIZE(WDF_DRIVER_GLOBALS, 56);
WDF_ASSERT_OFFSET(WDF_DRIVER_GLOBALS, Driver, 0);
WDF_ASSERT_OFFSET(WDF_DRIVER_GLOBALS, DriverFlags, 8);
WDF_ASSERT_OFFSET(WDF_DRIVER_GLOBALS, DriverTag, 12);
WDF_ASSERT_OFFSET(WDF_DRIVER_GLOBALS, DriverName, 16);
WDF_ASSERT_OFFSET(WDF_DRIVER_GLOBALS, DisplaceDriverUnload, 48);

typedef struct _WDF_DRIVER_GLOBALS WDF_COMPONENT_GLOBALS, *PWDF_COMPONENT_GLOBALS;

typedef struct _WDF_VERSION {
    ULONG Major;
    ULONG Minor;
    ULONG Build;
} WDF_VERSION, *PWDF_VERSION;

WDF_ASSERT_SIZE(WDF_VERSION, 12);
WDF_ASSERT_OFFSET(WDF_VERSION, Major, 0);
WDF_ASSERT_OFFSET(WDF_VERSION, Minor, 4);
WDF_ASSERT_OFFSET(WDF_VERSION, Build, 8);

/* What a driver passes to the loader. With FuncCount of 1.15 and later FuncTable is the address of the
 * pointer that receives the table; earlier drivers pass an array that is filled. */
typedef struct _WDF_BIND_INFO {
    ULONG Size;
    PWCHAR Component;
    WDF_VERSION Version;
    ULONG FuncCount;
    WDFFUNC* FuncTable;
    PVOID Module; /* the loader's */
} WDF_BIND_INFO, *PWDF_BIND_INFO;

WDF_ASSERT_SIZE(WDF_BIND_INFO, 48);
WDF_ASSERT_OFFSET(WDF_BIND_INFO, Size, 0);
WDF_ASSERT_OFFSET(WDF_BIND_INFO, Component, 8);
WDF_ASSERT_OFFSET(WDF_BIND_INFO, Version, 16);
WDF_ASSERT_OFFSET(WDF_BIND_INFO, FuncCount, 28);
WDF_ASSERT_OFFSET(WDF_BIND_INFO, FuncTable, 32);
WDF_ASSERT_OFFSET(WDF_BIND_INFO, Module, 40);

/* The form that stubs of 1.25 and later pass; V1.Size tells them apart. */
typedef struct _WDF_BIND_INFO2 {
    WDF_BIND_INFO V1;
    PULONG MinimumVersionRequired;
    PBOOLEAN ClientVersionHigherThanFramework;
    PULONG FuncCountPtr;
    PULONG StructCountPtr;
    size_t* StructTable;
} WDF_BIND_INFO2, *PWDF_BIND_INFO2;

WDF_ASSERT_SIZE(WDF_BIND_INFO2, 88);
WDF_ASSERT_OFFSET(WDF_BIND_INFO2, V1, 0);
WDF_ASSERT_OFFSET(WDF_BIND_INFO2, MinimumVersionRequired, 48);
WDF_ASSERT_OFFSET(WDF_BIND_INFO2, ClientVersionHigherThanFramework, 56);
WDF_ASSERT_OFFSET(WDF_BIND_INFO2, FuncCountPtr, 64);
WDF_ASSERT_OFFSET(WDF_BIND_INFO2, StructCountPtr, 72);
WDF_ASSERT_OFFSET(WDF_BIND_INFO2, StructTable, 80);

typedef struct _WDF_CLASS_BIND_INFO WDF_CLASS_BIND_INFO, *PWDF_CLASS_BIND_INFO;

typedef NTSTATUS(NTAPI* PFN_CLIENT_BIND_CLASS)(PVOID BindFunction, PWDF_BIND_INFO BindInfo,
                                               PWDF_COMPONENT_GLOBALS Globals,
                                               PWDF_CLASS_BIND_INFO ClassInfo);
typedef VOID(NTAPI* PFN_CLIENT_UNBIND_CLASS)(PVOID UnbindFunction, PWDF_BIND_INFO BindInfo,
                                             PWDF_COMPONENT_GLOBALS Globals, PWDF_CLASS_BIND_INFO ClassInfo);

struct _WDF_CLASS_BIND_INFO {
    ULONG Size;
    PWCHAR ClassName;
    WDF_VERSION Version;
    WDFFUNC* FunctionTable;
    ULONG FunctionTableCount;
    PVOID ClassBindInfo;
    PFN_CLIENT_BIND_CLASS ClientBindClass;
    PFN_CLIENT_UNBIND_CLASS ClientUnbindClass;
    PVOID ClassModule;
};

WDF_ASSERT_SIZE(WDF_CLASS_BIND_INFO, 80);
WDF_ASSERT_OFFSET(WDF_CLASS_BIND_INFO, Size, 0);
WDF_ASSERT_OFFSET(WDF_CLASS_BIND_INFO, ClassName, 8);
WDF_ASSERT_OFFSET(WDF_CLASS_BIND_INFO, Version, 16);
WDF_ASSERT_OFFSET(WDF_CLASS_BIND_INFO, FunctionTable, 32);
WDF_ASSERT_OFFSET(WDF_CLASS_BIND_INFO, FunctionTableCount, 40);
WDF_ASSERT_OFFSET(WDF_CLASS_BIND_INFO, ClassBindInfo, 48);
WDF_ASSERT_OFFSET(WDF_CLASS_BIND_INFO, ClientBindClass, 56);
WDF_ASSERT_OFFSET(WDF_CLASS_BIND_INFO, ClientUnbindClass, 64);
WDF_ASSERT_OFFSET(WDF_CLASS_BIND_INFO, ClassModule, 72);

typedef struct _WDF_INTERFACE_HEADER {
    const GUID* InterfaceType;
    ULONG InterfaceSize;
} WDF_INTERFACE_HEADER, *PWDF_INTERFACE_HEADER;

WDF_ASSERT_OFFSET(WDF_INTERFACE_HEADER, InterfaceType, 0);
WDF_ASSERT_OFFSET(WDF_INTERFACE_HEADER, InterfaceSize, 8);

/* The loader's exports: what a stub calls. PASSIVE_LEVEL. */
NTSTATUS NTAPI WdfVersionBind(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath,
                              PWDF_BIND_INFO BindInfo, PWDF_COMPONENT_GLOBALS* ComponentGlobals);
NTSTATUS NTAPI WdfVersionUnbind(PUNICODE_STRING RegistryPath, PWDF_BIND_INFO BindInfo,
                                PWDF_COMPONENT_GLOBALS ComponentGlobals);
NTSTATUS NTAPI WdfVersionBindClass(PWDF_BIND_INFO BindInfo, PWDF_COMPONENT_GLOBALS ComponentGlobals,
                                   PWDF_CLASS_BIND_INFO ClassBindInfo);
VOID NTAPI WdfVersionUnbindClass(PWDF_BIND_INFO BindInfo, PWDF_COMPONENT_GLOBALS ComponentGlobals,
                                 PWDF_CLASS_BIND_INFO ClassBindInfo);
NTSTATUS NTAPI WdfLdrQueryInterface(PWDF_INTERFACE_HEADER LoaderInterface);

/* The stub that the driver is linked with defines the driver's two globals and the entry point of the image,
 * which binds the driver and calls its DriverEntry. */
extern const WDFFUNC* WdfFunctions_01015;
#define WdfFunctions WdfFunctions_01015
extern PWDF_DRIVER_GLOBALS WdfDriverGlobals;

DRIVER_INITIALIZE FxDriverEntry;

EXTERN_C_END

#endif
