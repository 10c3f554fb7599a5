/* SPDX-License-Identifier: Apache-2.0
 *
 * Contexts: the driver's data in an object, and their cleanup and destroy callbacks.
 */
#include "kmdfp.h"

static FX_CONTEXT* FxContextNext(const FX_CONTEXT* Context)
{
    return ReadPointerAcquire((PVOID volatile*)&Context->Next);
}

/* Each request passes here twice, usually without a callback; the functions that call one are apart, so that
 * the others save no registers. */
static DECLSPEC_NOINLINE VOID FxContextCallCleanup(FX_OBJECT* Object, FX_CONTEXT* First)
{
    for (FX_CONTEXT* Context = First; Context != NULL; Context = FxContextNext(Context)) {
        if (Context->Cleanup != NULL) {
            KIRQL Irql = KeGetCurrentIrql();
            Context->Cleanup(Object);
            FxCallbackReturned("EvtCleanupCallback", Irql);
        }
    }
}

VOID FxObjectCallCleanup(FX_OBJECT* Object)
{
    FX_CONTEXT* Context = Object->Contexts;

    while (Context != NULL && Context->Cleanup == NULL) {
        Context = FxContextNext(Context);
    }
    if (FX_UNLIKELY(Context != NULL)) {
        FxContextCallCleanup(Object, Context);
    }
}

static DECLSPEC_NOINLINE VOID FxContextCallDestroy(FX_OBJECT* Object, FX_CONTEXT* First)
{
    for (FX_CONTEXT* Context = First; Context != NULL; Context = FxContextNext(Context)) {
        if (Context->Destroy != NULL) {
            KIRQL Irql = KeGetCurrentIrql();
            Context->Destroy(Object);
            FxCallbackReturned("EvtDestroyCallback", Irql);
        }
    }
}

VOID FxObjectCallDestroy(FX_OBJECT* Object)
{
    FX_CONTEXT* Context = Object->Contexts;

    while (Context != NULL && Context->Destroy == NULL) {
        Context = FxContextNext(Context);
    }
    if (FX_UNLIKELY(Context != NULL)) {
        FxContextCallDestroy(Object, Context);
    }
}

/* The first context is part of the object. */
VOID FxObjectFreeContexts(FX_OBJECT* Object)
{
    FX_CONTEXT* Context = Object->Contexts->Next;

    Object->Contexts->Next = NULL;
    while (Context != NULL) {
        FX_CONTEXT* Next = Context->Next;
        ExFreePoolWithTag(Context, Object->Globals->Public.DriverTag);
        Context = Next;
    }
}

static DECLSPEC_NOINLINE PVOID FxContextFindLater(FX_CONTEXT* Context, PCWDF_OBJECT_CONTEXT_TYPE_INFO Type)
{
    while ((Context = FxContextNext(Context)) != NULL) {
        if (Context->Type == Type) {
            return FX_CONTEXT_DATA(Context);
        }
    }
    return NULL;
}

PVOID NTAPI imp_WdfObjectGetTypedContextWorker(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle,
                                               PCWDF_OBJECT_CONTEXT_TYPE_INFO TypeInfo)
{
    FX_OBJECT* Object = Handle;

    UNREFERENCED_PARAMETER(DriverGlobals);
    if (FX_UNLIKELY(Object == NULL || ((ULONG_PTR)Object & 7) != 0 ||
                    (ReadULongNoFence(&Object->Signature) & ~0xFFu) != FX_SIGNATURE_LIVE)) {
        FxInvalidHandle(FX_FUNCTION, Handle, FxTypeAny);
    }
    if (FX_LIKELY(Object->Contexts->Type == TypeInfo && TypeInfo != NULL)) {
        return FX_CONTEXT_DATA(Object->Contexts);
    }
    return TypeInfo != NULL ? FxContextFindLater(Object->Contexts, TypeInfo) : NULL;
}

WDFOBJECT NTAPI imp_WdfObjectContextGetObject(PWDF_DRIVER_GLOBALS DriverGlobals, PVOID ContextPointer)
{
    FX_REQUIRE_PARAMETER(ContextPointer);
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FX_CONTEXT_OF(ContextPointer)->Object;
}

/* Appends New, unless the object has a context of its type already: returns that one then, else NULL. */
static FX_CONTEXT* FxContextAppend(FX_OBJECT* Object, FX_CONTEXT* New)
{
    FX_CONTEXT* Last = Object->Contexts;
    FX_CONTEXT* Existing = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Object->Globals->TreeLock, &Irql);
    for (;;) {
        if (Last->Type == New->Type) {
            Existing = Last;
            break;
        }
        if (Last->Next == NULL) {
            WritePointerRelease((PVOID volatile*)&Last->Next, New);
            break;
        }
        Last = Last->Next;
    }
    KeReleaseSpinLock(&Object->Globals->TreeLock, Irql);
    return Existing;
}

NTSTATUS NTAPI imp_WdfObjectAllocateContext(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle,
                                            PWDF_OBJECT_ATTRIBUTES ContextAttributes, PVOID* ContextPointer)
{
    static const FX_ATTRIBUTE_RULES Rules = {.ParentAllowed = FALSE};
    FX_OBJECT* Object = FxValidateAnyHandle(FX_FUNCTION, Handle);
    FX_CONTEXT* New;
    FX_CONTEXT* Existing;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(ContextAttributes);
    FX_REQUIRE_DISPATCH();
    Status = FxAttributesValidate(ContextAttributes, &Rules);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (ContextAttributes->ContextTypeInfo == NULL) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    if (ReadNoFence(&Object->State) != FxObjectAlive) {
        return STATUS_DELETE_PENDING;
    }
    New = ExAllocatePoolZero(NonPagedPoolNx, sizeof(*New) + FxAttributesContextSize(ContextAttributes),
                             DriverGlobals->DriverTag);
    if (New == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    New->Object = Object;
    New->Type = ContextAttributes->ContextTypeInfo;
    New->Cleanup = ContextAttributes->EvtCleanupCallback;
    New->Destroy = ContextAttributes->EvtDestroyCallback;
    New->Size = FxAttributesContextSize(ContextAttributes);
    Existing = FxContextAppend(Object, New);
    if (Existing != NULL) {
        ExFreePoolWithTag(New, DriverGlobals->DriverTag);
    }
    if (ContextPointer != NULL) {
        *ContextPointer = FX_CONTEXT_DATA(Existing != NULL ? Existing : New);
    }
    return Existing != NULL ? STATUS_OBJECT_NAME_EXISTS : STATUS_SUCCESS;
}
