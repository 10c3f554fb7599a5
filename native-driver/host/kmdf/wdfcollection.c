/* SPDX-License-Identifier: Apache-2.0
 *
 * WDFCOLLECTION.
 */
#include "kmdfp.h"

typedef struct _FX_COLLECTION {
    FX_OBJECT Object;
    KSPIN_LOCK Lock;  /* the fields below */
    LIST_ENTRY Items; /* FX_COLLECTION_ITEM, oldest first */
    ULONG Count;
} FX_COLLECTION;

typedef struct _FX_COLLECTION_ITEM {
    LIST_ENTRY Link;
    FX_OBJECT* Object; /* referenced */
} FX_COLLECTION_ITEM;

NTSTATUS NTAPI imp_WdfCollectionCreate(PWDF_DRIVER_GLOBALS DriverGlobals,
                                       PWDF_OBJECT_ATTRIBUTES CollectionAttributes, WDFCOLLECTION* Collection)
{
    static const FX_ATTRIBUTE_RULES Rules = {.ParentAllowed = TRUE};
    FX_GLOBALS* Globals = FX_GLOBALS_OF(DriverGlobals);
    FX_OBJECT* Object;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(Collection);
    FX_REQUIRE_DISPATCH();
    *Collection = NULL;
    Status = FxObjectAllocate(Globals, FxTypeCollection, sizeof(FX_COLLECTION), CollectionAttributes, &Rules,
                              (FX_OBJECT*)Globals->Driver, &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    KeInitializeSpinLock(&((FX_COLLECTION*)Object)->Lock);
    InitializeListHead(&((FX_COLLECTION*)Object)->Items);
    Status = FxObjectPublish(Object);
    if (!NT_SUCCESS(Status)) {
        FxObjectAbandon(Object);
        return Status;
    }
    *Collection = FX_TO_HANDLE(WDFCOLLECTION, Object);
    return STATUS_SUCCESS;
}

ULONG NTAPI imp_WdfCollectionGetCount(PWDF_DRIVER_GLOBALS DriverGlobals, WDFCOLLECTION Handle)
{
    FX_COLLECTION* Collection = FX_HANDLE(FX_COLLECTION, FxTypeCollection, Handle);
    ULONG Count;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DriverGlobals);
    KeAcquireSpinLock(&Collection->Lock, &Irql);
    Count = Collection->Count;
    KeReleaseSpinLock(&Collection->Lock, Irql);
    return Count;
}

NTSTATUS NTAPI imp_WdfCollectionAdd(PWDF_DRIVER_GLOBALS DriverGlobals, WDFCOLLECTION Handle, WDFOBJECT Object)
{
    FX_COLLECTION* Collection = FX_HANDLE(FX_COLLECTION, FxTypeCollection, Handle);
    FX_OBJECT* Added = FxValidateAnyHandle(FX_FUNCTION, Object);
    FX_COLLECTION_ITEM* Item;
    KIRQL Irql;

    FX_REQUIRE_DISPATCH();
    Item = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Item), DriverGlobals->DriverTag);
    if (Item == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    imp_WdfObjectReferenceActual(DriverGlobals, Object, Collection, 0, NULL);
    Item->Object = Added;
    KeAcquireSpinLock(&Collection->Lock, &Irql);
    InsertTailList(&Collection->Items, &Item->Link);
    Collection->Count++;
    KeReleaseSpinLock(&Collection->Lock, Irql);
    return STATUS_SUCCESS;
}

/* Lock held. The item at Index, or the first one of Object if that is given. */
static FX_COLLECTION_ITEM* FxCollectionFind(FX_COLLECTION* Collection, ULONG Index, const FX_OBJECT* Object)
{
    LIST_ENTRY* Link;

    for (Link = Collection->Items.Flink; Link != &Collection->Items; Link = Link->Flink) {
        FX_COLLECTION_ITEM* Item = CONTAINING_RECORD(Link, FX_COLLECTION_ITEM, Link);
        if (Object != NULL ? Item->Object == Object : Index-- == 0) {
            return Item;
        }
    }
    return NULL;
}

static VOID FxCollectionTakeOut(PCSTR Function, FX_COLLECTION* Collection, ULONG Index,
                                const FX_OBJECT* Object)
{
    FX_GLOBALS* Globals = Collection->Object.Globals;
    FX_COLLECTION_ITEM* Item;
    KIRQL Irql;

    FxRequireIrql(Function, DISPATCH_LEVEL);
    KeAcquireSpinLock(&Collection->Lock, &Irql);
    Item = FxCollectionFind(Collection, Index, Object);
    if (Item == NULL) {
        FxStop(WDF_OBJECT_ERROR, Collection, "%s: the WDFCOLLECTION (%p) has no such item\n", Function,
               (PVOID)Collection);
    }
    RemoveEntryList(&Item->Link);
    Collection->Count--;
    KeReleaseSpinLock(&Collection->Lock, Irql);
    imp_WdfObjectDereferenceActual(&Globals->Public, Item->Object, Collection, 0, (PCHAR) "WDFCOLLECTION");
    ExFreePoolWithTag(Item, Globals->Public.DriverTag);
}

VOID NTAPI imp_WdfCollectionRemove(PWDF_DRIVER_GLOBALS DriverGlobals, WDFCOLLECTION Collection,
                                   WDFOBJECT Item)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(Item);
    FxCollectionTakeOut(FX_FUNCTION, FX_HANDLE(FX_COLLECTION, FxTypeCollection, Collection), 0, Item);
}

VOID NTAPI imp_WdfCollectionRemoveItem(PWDF_DRIVER_GLOBALS DriverGlobals, WDFCOLLECTION Collection,
                                       ULONG Index)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    FxCollectionTakeOut(FX_FUNCTION, FX_HANDLE(FX_COLLECTION, FxTypeCollection, Collection), Index, NULL);
}

static WDFOBJECT FxCollectionGet(FX_COLLECTION* Collection, ULONG Index, BOOLEAN Last)
{
    FX_COLLECTION_ITEM* Item = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Collection->Lock, &Irql);
    if (Collection->Count != 0) {
        Item = FxCollectionFind(Collection, Last ? Collection->Count - 1 : Index, NULL);
    }
    KeReleaseSpinLock(&Collection->Lock, Irql);
    return Item != NULL ? Item->Object : NULL;
}

WDFOBJECT NTAPI imp_WdfCollectionGetItem(PWDF_DRIVER_GLOBALS DriverGlobals, WDFCOLLECTION Collection,
                                         ULONG Index)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FxCollectionGet(FX_HANDLE(FX_COLLECTION, FxTypeCollection, Collection), Index, FALSE);
}

WDFOBJECT NTAPI imp_WdfCollectionGetFirstItem(PWDF_DRIVER_GLOBALS DriverGlobals, WDFCOLLECTION Collection)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FxCollectionGet(FX_HANDLE(FX_COLLECTION, FxTypeCollection, Collection), 0, FALSE);
}

WDFOBJECT NTAPI imp_WdfCollectionGetLastItem(PWDF_DRIVER_GLOBALS DriverGlobals, WDFCOLLECTION Collection)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FxCollectionGet(FX_HANDLE(FX_COLLECTION, FxTypeCollection, Collection), 0, TRUE);
}

VOID FxCollectionDispose(FX_OBJECT* Object)
{
    FX_COLLECTION* Collection = (FX_COLLECTION*)Object;

    while (Collection->Count != 0) {
        FxCollectionTakeOut("WDFCOLLECTION", Collection, 0, NULL);
    }
}
