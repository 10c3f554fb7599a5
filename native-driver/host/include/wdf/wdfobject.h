/* SPDX-License-Identifier: Apache-2.0
 *
 * Common to all framework objects: attributes, contexts, references, a parent and a lock.
 */
#ifndef WDF_WDFOBJECT_H
#define WDF_WDFOBJECT_H

#include <wdf/wdftypes.h>
#include <wdf/wdffuncenum.h>

EXTERN_C_START

/* Cleanup: the object is being deleted, its children have been cleaned up already. Destroy: the last
 * reference was dropped; only contexts may still be accessed. Both at <= DISPATCH_LEVEL, PASSIVE_LEVEL for
 * passive objects. */
typedef VOID(NTAPI EVT_WDF_OBJECT_CONTEXT_CLEANUP)(WDFOBJECT Object);
typedef EVT_WDF_OBJECT_CONTEXT_CLEANUP* PFN_WDF_OBJECT_CONTEXT_CLEANUP;
typedef VOID(NTAPI EVT_WDF_OBJECT_CONTEXT_DESTROY)(WDFOBJECT Object);
typedef EVT_WDF_OBJECT_CONTEXT_DESTROY* PFN_WDF_OBJECT_CONTEXT_DESTROY;

typedef const struct _WDF_OBJECT_CONTEXT_TYPE_INFO* PCWDF_OBJECT_CONTEXT_TYPE_INFO;
typedef PCWDF_OBJECT_CONTEXT_TYPE_INFO (*PFN_GET_UNIQUE_CONTEXT_TYPE)(VOID);

/* One per context type; the address in UniqueType is the type's identity. */
typedef struct _WDF_OBJECT_CONTEXT_TYPE_INFO {
    ULONG Size;
    PCHAR ContextName;
    size_t ContextSize;
    PCWDF_OBJECT_CONTEXT_TYPE_INFO UniqueType;
    PFN_GET_UNIQUE_CONTEXT_TYPE EvtDriverGetUniqueContextType;
} WDF_OBJECT_CONTEXT_TYPE_INFO, *PWDF_OBJECT_CONTEXT_TYPE_INFO;

WDF_ASSERT_SIZE(WDF_OBJECT_CONTEXT_TYPE_INFO, 40);
WDF_ASSERT_OFFSET(WDF_OBJECT_CONTEXT_TYPE_INFO, Size, 0);
WDF_ASSERT_OFFSET(WDF_OBJECT_CONTEXT_TYPE_INFO, ContextName, 8);
WDF_ASSERT_OFFSET(WDF_OBJECT_CONTEXT_TYPE_INFO, ContextSize, 16);
WDF_ASSERT_OFFSET(WDF_OBJECT_CONTEXT_TYPE_INFO, UniqueType, 24);
WDF_ASSERT_OFFSET(WDF_OBJECT_CONTEXT_TYPE_INFO, EvtDriverGetUniqueContextType, 32);

typedef struct _WDF_OBJECT_ATTRIBUTES {
    ULONG Size;
    PFN_WDF_OBJECT_CONTEXT_CLEANUP EvtCleanupCallback;
    PFN_WDF_OBJECT_CONTEXT_DESTROY EvtDestroyCallback;
    WDF_EXECUTION_LEVEL ExecutionLevel;
    WDF_SYNCHRONIZATION_SCOPE SynchronizationScope;
    WDFOBJECT ParentObject;
    size_t ContextSizeOverride;
    PCWDF_OBJECT_CONTEXT_TYPE_INFO ContextTypeInfo;
} WDF_OBJECT_ATTRIBUTES, *PWDF_OBJECT_ATTRIBUTES;

WDF_ASSERT_SIZE(WDF_OBJECT_ATTRIBUTES, 56);
WDF_ASSERT_OFFSET(WDF_OBJECT_ATTRIBUTES, Size, 0);
WDF_ASSERT_OFFSET(WDF_OBJECT_ATTRIBUTES, EvtCleanupCallback, 8);
WDF_ASSERT_OFFSET(WDF_OBJECT_ATTRIBUTES, EvtDestroyCallback, 16);
WDF_ASSERT_OFFSET(WDF_OBJECT_ATTRIBUTES, ExecutionLevel, 24);
WDF_ASSERT_OFFSET(WDF_OBJECT_ATTRIBUTES, SynchronizationScope, 28);
WDF_ASSERT_OFFSET(WDF_OBJECT_ATTRIBUTES, ParentObject, 32);
WDF_ASSERT_OFFSET(WDF_OBJECT_ATTRIBUTES, ContextSizeOverride, 40);
WDF_ASSERT_OFFSET(WDF_OBJECT_ATTRIBUTES, ContextTypeInfo, 48);

FORCEINLINE VOID WDF_OBJECT_ATTRIBUTES_INIT(PWDF_OBJECT_ATTRIBUTES Attributes)
{
    RtlZeroMemory(Attributes, sizeof(*Attributes));
    Attributes->Size = sizeof(*Attributes);
    Attributes->ExecutionLevel = WdfExecutionLevelInheritFromParent;
    Attributes->SynchronizationScope = WdfSynchronizationScopeInheritFromParent;
}

/* ---- context types ----------------------------------------------------------------------------------- */

/* The type information is weak: one definition per image, however many source files declare the type. */
#define WDF_TYPE_NAME_TO_TYPE_INFO(ContextType)     _WDF_##ContextType##_TYPE_INFO
#define WDF_GET_CONTEXT_TYPE_INFO(ContextType)      (WDF_TYPE_NAME_TO_TYPE_INFO(ContextType).UniqueType)
#define WDF_TYPE_DEFAULT_ACCESSOR_NAME(ContextType) WdfObjectGet_##ContextType

/* Declares ContextType as a context and CastingFunction(Handle) as the function that finds it; that returns
 * NULL when the object has no such context. */
#define WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(ContextType, CastingFunction)                                     \
    EXTERN_C_START                                                                                           \
    NT_SHARED_CONSTANT(WDF_OBJECT_CONTEXT_TYPE_INFO, WDF_TYPE_NAME_TO_TYPE_INFO(ContextType)) = {            \
        sizeof(WDF_OBJECT_CONTEXT_TYPE_INFO), (PCHAR) #ContextType, sizeof(ContextType),                     \
        &WDF_TYPE_NAME_TO_TYPE_INFO(ContextType), NULL};                                                     \
    EXTERN_C_END                                                                                             \
    FORCEINLINE ContextType* CastingFunction(WDFOBJECT Handle)                                               \
    {                                                                                                        \
        return (ContextType*)WdfObjectGetTypedContextWorker(Handle, WDF_GET_CONTEXT_TYPE_INFO(ContextType)); \
    }

#define WDF_DECLARE_CONTEXT_TYPE(ContextType)                                                                \
    WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(ContextType, WDF_TYPE_DEFAULT_ACCESSOR_NAME(ContextType))

#define WDF_OBJECT_ATTRIBUTES_SET_CONTEXT_TYPE(Attributes, ContextType)                                      \
    ((Attributes)->ContextTypeInfo = WDF_GET_CONTEXT_TYPE_INFO(ContextType))

#define WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(Attributes, ContextType)                                     \
    (WDF_OBJECT_ATTRIBUTES_INIT(Attributes), WDF_OBJECT_ATTRIBUTES_SET_CONTEXT_TYPE(Attributes, ContextType))

/* ---- functions --------------------------------------------------------------------------------------- */

typedef PVOID(NTAPI* PFN_WDFOBJECTGETTYPEDCONTEXTWORKER)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle,
                                                         PCWDF_OBJECT_CONTEXT_TYPE_INFO TypeInfo);
FORCEINLINE PVOID WdfObjectGetTypedContextWorker(WDFOBJECT Handle, PCWDF_OBJECT_CONTEXT_TYPE_INFO TypeInfo)
{
    return ((PFN_WDFOBJECTGETTYPEDCONTEXTWORKER)WdfFunctions[WdfObjectGetTypedContextWorkerTableIndex])(
        WdfDriverGlobals, Handle, TypeInfo);
}

typedef NTSTATUS(NTAPI* PFN_WDFOBJECTALLOCATECONTEXT)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle,
                                                      PWDF_OBJECT_ATTRIBUTES ContextAttributes,
                                                      PVOID* Context);
FORCEINLINE NTSTATUS WdfObjectAllocateContext(WDFOBJECT Handle, PWDF_OBJECT_ATTRIBUTES ContextAttributes,
                                              PVOID* Context)
{
    return ((PFN_WDFOBJECTALLOCATECONTEXT)WdfFunctions[WdfObjectAllocateContextTableIndex])(
        WdfDriverGlobals, Handle, ContextAttributes, Context);
}

typedef WDFOBJECT(NTAPI* PFN_WDFOBJECTCONTEXTGETOBJECT)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                        PVOID ContextPointer);
FORCEINLINE WDFOBJECT WdfObjectContextGetObject(PVOID ContextPointer)
{
    return ((PFN_WDFOBJECTCONTEXTGETOBJECT)WdfFunctions[WdfObjectContextGetObjectTableIndex])(
        WdfDriverGlobals, ContextPointer);
}

typedef VOID(NTAPI* PFN_WDFOBJECTREFERENCEACTUAL)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle,
                                                  PVOID Tag, LONG Line, PCHAR File);
FORCEINLINE VOID WdfObjectReferenceActual(WDFOBJECT Handle, PVOID Tag, LONG Line, PCHAR File)
{
    ((PFN_WDFOBJECTREFERENCEACTUAL)WdfFunctions[WdfObjectReferenceActualTableIndex])(WdfDriverGlobals, Handle,
                                                                                     Tag, Line, File);
}

typedef VOID(NTAPI* PFN_WDFOBJECTDEREFERENCEACTUAL)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle,
                                                    PVOID Tag, LONG Line, PCHAR File);
FORCEINLINE VOID WdfObjectDereferenceActual(WDFOBJECT Handle, PVOID Tag, LONG Line, PCHAR File)
{
    ((PFN_WDFOBJECTDEREFERENCEACTUAL)WdfFunctions[WdfObjectDereferenceActualTableIndex])(
        WdfDriverGlobals, Handle, Tag, Line, File);
}

typedef NTSTATUS(NTAPI* PFN_WDFOBJECTCREATE)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                             PWDF_OBJECT_ATTRIBUTES Attributes, WDFOBJECT* Object);
FORCEINLINE NTSTATUS WdfObjectCreate(PWDF_OBJECT_ATTRIBUTES Attributes, WDFOBJECT* Object)
{
    return ((PFN_WDFOBJECTCREATE)WdfFunctions[WdfObjectCreateTableIndex])(WdfDriverGlobals, Attributes,
                                                                          Object);
}

typedef VOID(NTAPI* PFN_WDFOBJECTDELETE)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Object);
FORCEINLINE VOID WdfObjectDelete(WDFOBJECT Object)
{
    ((PFN_WDFOBJECTDELETE)WdfFunctions[WdfObjectDeleteTableIndex])(WdfDriverGlobals, Object);
}

typedef VOID(NTAPI* PFN_WDFOBJECTACQUIRELOCK)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Object);
FORCEINLINE VOID WdfObjectAcquireLock(WDFOBJECT Object)
{
    ((PFN_WDFOBJECTACQUIRELOCK)WdfFunctions[WdfObjectAcquireLockTableIndex])(WdfDriverGlobals, Object);
}

typedef VOID(NTAPI* PFN_WDFOBJECTRELEASELOCK)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Object);
FORCEINLINE VOID WdfObjectReleaseLock(WDFOBJECT Object)
{
    ((PFN_WDFOBJECTRELEASELOCK)WdfFunctions[WdfObjectReleaseLockTableIndex])(WdfDriverGlobals, Object);
}

#define WdfObjectGetTypedContext(Handle, ContextType)                                                        \
    ((ContextType*)WdfObjectGetTypedContextWorker((WDFOBJECT)(Handle),                                       \
                                                  WDF_GET_CONTEXT_TYPE_INFO(ContextType)))

#define WdfObjectReferenceWithTag(Handle, Tag)                                                               \
    WdfObjectReferenceActual((WDFOBJECT)(Handle), Tag, __LINE__, (PCHAR)__FILE__)
#define WdfObjectDereferenceWithTag(Handle, Tag)                                                             \
    WdfObjectDereferenceActual((WDFOBJECT)(Handle), Tag, __LINE__, (PCHAR)__FILE__)
#define WdfObjectReference(Handle)   WdfObjectReferenceWithTag(Handle, NULL)
#define WdfObjectDereference(Handle) WdfObjectDereferenceWithTag(Handle, NULL)

/* Data of a type the driver chose at run time; declared for the layout. */
typedef struct _WDF_CUSTOM_TYPE_CONTEXT {
    ULONG Size;
    ULONG_PTR Data;
} WDF_CUSTOM_TYPE_CONTEXT, *PWDF_CUSTOM_TYPE_CONTEXT;

WDF_ASSERT_SIZE(WDF_CUSTOM_TYPE_CONTEXT, 16);
WDF_ASSERT_OFFSET(WDF_CUSTOM_TYPE_CONTEXT, Size, 0);
WDF_ASSERT_OFFSET(WDF_CUSTOM_TYPE_CONTEXT, Data, 8);

EXTERN_C_END

#endif
