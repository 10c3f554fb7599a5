/* SPDX-License-Identifier: Apache-2.0
 *
 * The object tree: how objects are created, deleted, referenced and reported as leaks.
 */
#include "kmdfp.h"

#include <nt/walk.h>

const FX_CLASS FxClasses[FxTypeMaximum] = {
    [FxTypeAny] = {"WDFOBJECT", FALSE, NULL, NULL},
    [FxTypeDriver] = {"WDFDRIVER", TRUE, NULL, NULL},
    [FxTypeDevice] = {"WDFDEVICE", TRUE, FxDeviceDispose, FxDeviceFree},
    [FxTypeFileObject] = {"WDFFILEOBJECT", FALSE, NULL, NULL},
    [FxTypeQueue] = {"WDFQUEUE", TRUE, FxQueueDispose, FxQueueFree},
    [FxTypeRequest] = {"WDFREQUEST", FALSE, NULL, FxRequestRecycle},
    [FxTypeMemory] = {"WDFMEMORY", FALSE, NULL, FxMemoryFree},
    [FxTypeLookaside] = {"WDFLOOKASIDE", FALSE, FxLookasideDispose, NULL},
    [FxTypeWaitLock] = {"WDFWAITLOCK", FALSE, FxWaitLockDispose, NULL},
    [FxTypeSpinLock] = {"WDFSPINLOCK", FALSE, NULL, NULL},
    [FxTypeWorkItem] = {"WDFWORKITEM", TRUE, FxWorkItemDispose, FxWorkItemFree},
    [FxTypeTimer] = {"WDFTIMER", TRUE, FxTimerDispose, FxTimerFree},
    [FxTypeDpc] = {"WDFDPC", TRUE, FxDpcDispose, NULL},
    [FxTypeCollection] = {"WDFCOLLECTION", FALSE, FxCollectionDispose, NULL},
    [FxTypeString] = {"WDFSTRING", FALSE, NULL, FxStringObjectFree},
    [FxTypeGeneral] = {"WDFOBJECT", FALSE, NULL, NULL},
};

/* ---- making ------------------------------------------------------------------------------------------ */

VOID FxObjectInitialize(FX_OBJECT* Object, FX_GLOBALS* Globals, FX_TYPE Type, FX_CONTEXT* Context,
                        const WDF_OBJECT_ATTRIBUTES* Attributes)
{
    Object->Type = (UCHAR)Type;
    Object->Globals = Globals;
    Object->References = 1;
    Object->State = FxObjectAlive;
    Object->Contexts = Context;
    InitializeListHead(&Object->Children);
    Context->Object = Object;
    if (Attributes != NULL) {
        Context->Type = Attributes->ContextTypeInfo;
        Context->Cleanup = Attributes->EvtCleanupCallback;
        Context->Destroy = Attributes->EvtDestroyCallback;
        Context->Size = FxAttributesContextSize(Attributes);
    }
    WriteULongNoFence(&Object->Signature, FX_SIGNATURE_LIVE | Type);
}

/* The parent that the attributes ask for; NULL and an error status if it is not allowed. */
static NTSTATUS FxChooseParent(FX_GLOBALS* Globals, const WDF_OBJECT_ATTRIBUTES* Attributes,
                               FX_OBJECT* DefaultParent, FX_OBJECT** Parent)
{
    *Parent = DefaultParent;
    if (Attributes != NULL && Attributes->ParentObject != NULL) {
        *Parent = FxValidateAnyHandle("a function with WDF_OBJECT_ATTRIBUTES.ParentObject",
                                      Attributes->ParentObject);
        if ((*Parent)->Globals != Globals) {
            return STATUS_INVALID_PARAMETER;
        }
    }
    return STATUS_SUCCESS;
}

NTSTATUS FxObjectAllocate(FX_GLOBALS* Globals, FX_TYPE Type, size_t Size,
                          const WDF_OBJECT_ATTRIBUTES* Attributes, const FX_ATTRIBUTE_RULES* Rules,
                          FX_OBJECT* DefaultParent, FX_OBJECT** Object)
{
    size_t Head = ALIGN_UP_BY(Size, MEMORY_ALLOCATION_ALIGNMENT);
    FX_OBJECT* Parent;
    FX_OBJECT* New;
    NTSTATUS Status;

    *Object = NULL;
    Status = FxAttributesValidate(Attributes, Rules);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxChooseParent(Globals, Attributes, DefaultParent, &Parent);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    New = ExAllocatePoolZero(NonPagedPoolNx, Head + sizeof(FX_CONTEXT) + FxAttributesContextSize(Attributes),
                             Globals->Public.DriverTag);
    if (New == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    FxObjectInitialize(New, Globals, Type, (FX_CONTEXT*)Add2Ptr(New, Head), Attributes);
    New->Parent = Parent;
    FxAttributesInherit(New, Attributes, Parent);
    *Object = New;
    return STATUS_SUCCESS;
}

NTSTATUS FxObjectPublish(FX_OBJECT* Object)
{
    FX_GLOBALS* Globals = Object->Globals;
    NTSTATUS Status = STATUS_SUCCESS;
    KIRQL Irql;

    KeAcquireSpinLock(&Globals->TreeLock, &Irql);
    if (Object->Parent != NULL && Object->Parent->State != FxObjectAlive) {
        Status = STATUS_DELETE_PENDING;
    } else {
        if (Object->Parent != NULL) {
            InsertTailList(&Object->Parent->Children, &Object->Sibling);
        }
        InsertTailList(&Globals->Live, &Object->Live);
    }
    KeReleaseSpinLock(&Globals->TreeLock, Irql);
    return Status;
}

VOID FxObjectAbandon(FX_OBJECT* Object)
{
    ExFreePoolWithTag(Object, Object->Globals->Public.DriverTag);
}

/* ---- deleting ---------------------------------------------------------------------------------------- */

static VOID FxUnlinkFromParent(FX_OBJECT* Object)
{
    if (Object->Parent != NULL) {
        RemoveEntryList(&Object->Sibling);
        Object->Parent = NULL;
    }
}

/* The thread that changes Alive to Deleting carries out the deletion. */
static BOOLEAN FxClaimDelete(FX_OBJECT* Object)
{
    BOOLEAN Claimed = FALSE;
    KIRQL Irql;

    KeAcquireSpinLock(&Object->Globals->TreeLock, &Irql);
    if (Object->State == FxObjectAlive) {
        WriteNoFence(&Object->State, FxObjectDeleting);
        FxUnlinkFromParent(Object);
        Claimed = TRUE;
    }
    KeReleaseSpinLock(&Object->Globals->TreeLock, Irql);
    return Claimed;
}

/* A child that is not being deleted yet. It stays linked until its parent destroys it. */
static BOOLEAN FxClaimChild(PLIST_ENTRY Entry, PVOID Context)
{
    FX_OBJECT* Child = CONTAINING_RECORD(Entry, FX_OBJECT, Sibling);

    UNREFERENCED_PARAMETER(Context);
    if (Child->State != FxObjectAlive) {
        return FALSE;
    }
    WriteNoFence(&Child->State, FxObjectDeleting);
    return TRUE;
}

static BOOLEAN FxUnlinkChild(PLIST_ENTRY Entry, PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    FxUnlinkFromParent(CONTAINING_RECORD(Entry, FX_OBJECT, Sibling));
    return TRUE;
}

/* The oldest child that Claim accepts. */
static FX_OBJECT* FxNextChild(FX_OBJECT* Object, HOST_CLAIM* Claim)
{
    PLIST_ENTRY Entry = HostClaimNext(&Object->Globals->TreeLock, &Object->Children, NULL, Claim, NULL);

    return Entry != NULL ? CONTAINING_RECORD(Entry, FX_OBJECT, Sibling) : NULL;
}

/* Depth first, oldest child first: each descendant's cleanup comes before its parent's. */
static VOID FxDisposeTree(FX_OBJECT* Object)
{
    const FX_CLASS* Class = &FxClasses[Object->Type];
    FX_OBJECT* Child;

    while ((Child = FxNextChild(Object, FxClaimChild)) != NULL) {
        FxDisposeTree(Child);
    }
    if (Class->Dispose != NULL) {
        Class->Dispose(Object);
    }
    FxObjectCallCleanup(Object);
    WriteNoFence(&Object->State, FxObjectCleanedUp);
}

static VOID FxDestroyTree(FX_OBJECT* Object)
{
    FX_OBJECT* Child;

    while ((Child = FxNextChild(Object, FxUnlinkChild)) != NULL) {
        FxDestroyTree(Child);
    }
    FxObjectRelease(Object);
}

/* Tree lock held. */
static BOOLEAN FxNeedsPassiveLevel(const FX_OBJECT* Object)
{
    const LIST_ENTRY* Link;

    if (FxClasses[Object->Type].PassiveDispose || Object->ExecutionLevel == WdfExecutionLevelPassive) {
        return TRUE;
    }
    for (Link = Object->Children.Flink; Link != &Object->Children; Link = Link->Flink) {
        if (FxNeedsPassiveLevel(CONTAINING_RECORD(Link, FX_OBJECT, Sibling))) {
            return TRUE;
        }
    }
    return FALSE;
}

static BOOLEAN FxMustDefer(FX_OBJECT* Object)
{
    BOOLEAN Needed;
    KIRQL Irql;

    if (KeGetCurrentIrql() == PASSIVE_LEVEL) {
        return FALSE;
    }
    KeAcquireSpinLock(&Object->Globals->TreeLock, &Irql);
    Needed = FxNeedsPassiveLevel(Object);
    KeReleaseSpinLock(&Object->Globals->TreeLock, Irql);
    return Needed;
}

VOID FxObjectDeleteClaimed(FX_OBJECT* Object)
{
    FxDisposeTree(Object);
    FxDestroyTree(Object);
}

BOOLEAN FxObjectDelete(FX_OBJECT* Object)
{
    FX_DEVICE* Device = FxObjectDevice(Object);

    if (!FxClaimDelete(Object)) {
        return FALSE;
    }
    if (!FxMustDefer(Object)) {
        FxObjectDeleteClaimed(Object);
    } else if (Device != NULL) {
        FxDeviceDeferDelete(Device, Object);
    } else {
        FxStop(
            WDF_OBJECT_ERROR, Object,
            "a %s (%p) that is cleaned up at PASSIVE_LEVEL and belongs to no device was deleted at IRQL %u\n",
            FxClasses[Object->Type].Name, (PVOID)Object, KeGetCurrentIrql());
    }
    return TRUE;
}

VOID FxObjectDeleteChildren(FX_OBJECT* Object)
{
    FX_OBJECT* Child;

    if (FxMustDefer(Object)) {
        FxStop(WDF_OBJECT_ERROR, Object,
               "a %s (%p) with a child that is cleaned up at PASSIVE_LEVEL went away at IRQL %u\n",
               FxClasses[Object->Type].Name, (PVOID)Object, KeGetCurrentIrql());
    }
    while ((Child = FxNextChild(Object, FxClaimChild)) != NULL) {
        FxDisposeTree(Child);
    }
    while ((Child = FxNextChild(Object, FxUnlinkChild)) != NULL) {
        FxDestroyTree(Child);
    }
}

/* ---- references -------------------------------------------------------------------------------------- */

VOID FxObjectReference(FX_OBJECT* Object)
{
    if (InterlockedIncrement(&Object->References) <= 1) {
        FxStop(WDF_OBJECT_ERROR, Object, "a %s (%p) was referenced after its last reference was dropped\n",
               FxClasses[Object->Type].Name, (PVOID)Object);
    }
}

BOOLEAN FxObjectTryReference(FX_OBJECT* Object)
{
    LONG Old = ReadNoFence(&Object->References);

    while (Old > 0) {
        LONG Seen = InterlockedCompareExchange(&Object->References, Old + 1, Old);
        if (Seen == Old) {
            return TRUE;
        }
        Old = Seen;
    }
    return FALSE;
}

static VOID FxObjectDestroy(FX_OBJECT* Object)
{
    FX_GLOBALS* Globals = Object->Globals;
    const FX_CLASS* Class = &FxClasses[Object->Type];
    KIRQL Irql;

    FxObjectCallDestroy(Object);
    WriteULongNoFence(&Object->Signature, FX_SIGNATURE_DEAD | Object->Type);
    if (Object->Type != FxTypeRequest) {
        KeAcquireSpinLock(&Globals->TreeLock, &Irql);
        if (Object->Live.Flink !=
            NULL) { /* it was published, and its neighbours may be writing to its links */
            RemoveEntryList(&Object->Live);
        }
        KeReleaseSpinLock(&Globals->TreeLock, Irql);
    }
    FxObjectFreeContexts(Object);
    if (Class->Free != NULL) {
        Class->Free(Object);
    } else {
        ExFreePoolWithTag(Object, Globals->Public.DriverTag);
    }
}

VOID FxObjectRelease(FX_OBJECT* Object)
{
    LONG Left = InterlockedDecrement(&Object->References);

    if (Left == 0) {
        FxObjectDestroy(Object);
    } else if (FX_UNLIKELY(Left < 0)) {
        FxStop(WDF_OBJECT_ERROR, Object, "a %s (%p) was dereferenced more often than referenced\n",
               FxClasses[Object->Type].Name, (PVOID)Object);
    }
}

FX_DEVICE* FxObjectDevice(FX_OBJECT* Object)
{
    FX_OBJECT* Ancestor;
    KIRQL Irql;

    if (Object->Type == FxTypeRequest) {
        return ((FX_REQUEST*)Object)->Device;
    }
    KeAcquireSpinLock(&Object->Globals->TreeLock, &Irql);
    Ancestor = Object;
    while (Ancestor != NULL && Ancestor->Type != FxTypeDevice && Ancestor->Type != FxTypeRequest) {
        Ancestor = Ancestor->Parent;
    }
    KeReleaseSpinLock(&Object->Globals->TreeLock, Irql);
    if (Ancestor != NULL && Ancestor->Type == FxTypeRequest) {
        return ((FX_REQUEST*)Ancestor)->Device;
    }
    return (FX_DEVICE*)Ancestor;
}

/* ---- accounting -------------------------------------------------------------------------------------- */

VOID FxObjectReportLeaks(FX_GLOBALS* Globals)
{
    LIST_ENTRY* Link;
    ULONG Count = 0;

    for (Link = Globals->Live.Flink; Link != &Globals->Live; Link = Link->Flink) {
        FX_OBJECT* Object = CONTAINING_RECORD(Link, FX_OBJECT, Live);
        PCWDF_OBJECT_CONTEXT_TYPE_INFO Type = Object->Contexts->Type;
        DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL,
                   "WDF: still there: %s %p, context %s, %d reference(s)\n", FxClasses[Object->Type].Name,
                   (PVOID)Object, Type != NULL ? Type->ContextName : "none", Object->References);
        if (Object->Type == FxTypeDevice) {
            FxRequestReportLeaks((FX_DEVICE*)Object);
        }
        Count++;
    }
    if (Count != 0) {
        FxStop(WDF_OBJECT_ERROR, NULL, "the driver %s was unloaded with %u object(s) still there\n",
               Globals->Public.DriverName, Count);
    }
}

/* ---- the driver's functions -------------------------------------------------------------------------- */

NTSTATUS NTAPI imp_WdfObjectCreate(PWDF_DRIVER_GLOBALS DriverGlobals, PWDF_OBJECT_ATTRIBUTES Attributes,
                                   WDFOBJECT* Handle)
{
    static const FX_ATTRIBUTE_RULES Rules = {.ParentAllowed = TRUE, .LevelAllowed = TRUE};
    FX_GLOBALS* Globals = FX_GLOBALS_OF(DriverGlobals);
    FX_OBJECT* Object;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(Handle);
    FX_REQUIRE_DISPATCH();
    *Handle = NULL;
    Status = FxObjectAllocate(Globals, FxTypeGeneral, sizeof(FX_OBJECT), Attributes, &Rules,
                              (FX_OBJECT*)Globals->Driver, &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxObjectPublish(Object);
    if (!NT_SUCCESS(Status)) {
        FxObjectAbandon(Object);
        return Status;
    }
    *Handle = Object;
    return STATUS_SUCCESS;
}

VOID NTAPI imp_WdfObjectDelete(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle)
{
    FX_OBJECT* Object = FxValidateAnyHandle(FX_FUNCTION, Handle);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    if (Object->NoDelete) {
        FxStop(WDF_OBJECT_ERROR, Object,
               "WdfObjectDelete was called for a %s (%p), which only the framework deletes\n",
               FxClasses[Object->Type].Name, Handle);
    }
    if (Object->Type == FxTypeDevice) {
        FxDeviceDelete((FX_DEVICE*)Object);
    } else if (!FxObjectDelete(Object)) {
        FxStop(WDF_OBJECT_ERROR, Object,
               "WdfObjectDelete was called for a %s (%p) that is being deleted already\n",
               FxClasses[Object->Type].Name, Handle);
    }
}

/* A request that outlives its completion returns to its device's cache when its last reference is dropped, so
 * it also references the device. */
VOID NTAPI imp_WdfObjectReferenceActual(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle, PVOID Tag,
                                        LONG Line, PCHAR File)
{
    FX_OBJECT* Object = FxValidateAnyHandle(FX_FUNCTION, Handle);

    UNREFERENCED_PARAMETER(DriverGlobals);
    UNREFERENCED_PARAMETER(Tag);
    UNREFERENCED_PARAMETER(Line);
    UNREFERENCED_PARAMETER(File);
    FxObjectReference(Object);
    if (Object->Type == FxTypeRequest) {
        FxObjectReference(&((FX_REQUEST*)Object)->Device->Object);
    }
}

VOID NTAPI imp_WdfObjectDereferenceActual(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle, PVOID Tag,
                                          LONG Line, PCHAR File)
{
    FX_OBJECT* Object = FxValidateAnyHandle(FX_FUNCTION, Handle);
    FX_OBJECT* Device = Object->Type == FxTypeRequest ? &((FX_REQUEST*)Object)->Device->Object : NULL;

    UNREFERENCED_PARAMETER(DriverGlobals);
    UNREFERENCED_PARAMETER(Tag);
    if (ReadNoFence(&Object->State) == FxObjectAlive && ReadNoFence(&Object->References) <= 1) {
        FxStop(WDF_OBJECT_ERROR, Object,
               "WdfObjectDereference at %s:%d drops the last reference of a %s (%p) that was not deleted\n",
               File, Line, FxClasses[Object->Type].Name, Handle);
    }
    FxObjectRelease(Object);
    if (Device != NULL) {
        FxObjectRelease(Device);
    }
}
