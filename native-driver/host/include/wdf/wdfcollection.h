/* SPDX-License-Identifier: Apache-2.0
 *
 * Collections: first-in first-out lists that hold a reference on each item. The caller must prevent changes
 * while it walks one. All at <= DISPATCH_LEVEL.
 */
#ifndef WDF_WDFCOLLECTION_H
#define WDF_WDFCOLLECTION_H

#include <wdf/wdfobject.h>

EXTERN_C_START

typedef NTSTATUS(NTAPI* PFN_WDFCOLLECTIONCREATE)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                 PWDF_OBJECT_ATTRIBUTES CollectionAttributes,
                                                 WDFCOLLECTION* Collection);
FORCEINLINE NTSTATUS WdfCollectionCreate(PWDF_OBJECT_ATTRIBUTES CollectionAttributes,
                                         WDFCOLLECTION* Collection)
{
    return ((PFN_WDFCOLLECTIONCREATE)WdfFunctions[WdfCollectionCreateTableIndex])(
        WdfDriverGlobals, CollectionAttributes, Collection);
}

typedef ULONG(NTAPI* PFN_WDFCOLLECTIONGETCOUNT)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFCOLLECTION Collection);
FORCEINLINE ULONG WdfCollectionGetCount(WDFCOLLECTION Collection)
{
    return ((PFN_WDFCOLLECTIONGETCOUNT)WdfFunctions[WdfCollectionGetCountTableIndex])(WdfDriverGlobals,
                                                                                      Collection);
}

typedef NTSTATUS(NTAPI* PFN_WDFCOLLECTIONADD)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFCOLLECTION Collection,
                                              WDFOBJECT Object);
FORCEINLINE NTSTATUS WdfCollectionAdd(WDFCOLLECTION Collection, WDFOBJECT Object)
{
    return ((PFN_WDFCOLLECTIONADD)WdfFunctions[WdfCollectionAddTableIndex])(WdfDriverGlobals, Collection,
                                                                            Object);
}

typedef VOID(NTAPI* PFN_WDFCOLLECTIONREMOVE)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFCOLLECTION Collection,
                                             WDFOBJECT Item);
FORCEINLINE VOID WdfCollectionRemove(WDFCOLLECTION Collection, WDFOBJECT Item)
{
    ((PFN_WDFCOLLECTIONREMOVE)WdfFunctions[WdfCollectionRemoveTableIndex])(WdfDriverGlobals, Collection,
                                                                           Item);
}

typedef VOID(NTAPI* PFN_WDFCOLLECTIONREMOVEITEM)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFCOLLECTION Collection,
                                                 ULONG Index);
FORCEINLINE VOID WdfCollectionRemoveItem(WDFCOLLECTION Collection, ULONG Index)
{
    ((PFN_WDFCOLLECTIONREMOVEITEM)WdfFunctions[WdfCollectionRemoveItemTableIndex])(WdfDriverGlobals,
                                                                                   Collection, Index);
}

typedef WDFOBJECT(NTAPI* PFN_WDFCOLLECTIONGETITEM)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                   WDFCOLLECTION Collection, ULONG Index);
FORCEINLINE WDFOBJECT WdfCollectionGetItem(WDFCOLLECTION Collection, ULONG Index)
{
    return ((PFN_WDFCOLLECTIONGETITEM)WdfFunctions[WdfCollectionGetItemTableIndex])(WdfDriverGlobals,
                                                                                    Collection, Index);
}

typedef WDFOBJECT(NTAPI* PFN_WDFCOLLECTIONGETFIRSTITEM)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                        WDFCOLLECTION Collection);
FORCEINLINE WDFOBJECT WdfCollectionGetFirstItem(WDFCOLLECTION Collection)
{
    return ((PFN_WDFCOLLECTIONGETFIRSTITEM)WdfFunctions[WdfCollectionGetFirstItemTableIndex])(
        WdfDriverGlobals, Collection);
}

typedef WDFOBJECT(NTAPI* PFN_WDFCOLLECTIONGETLASTITEM)(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                       WDFCOLLECTION Collection);
FORCEINLINE WDFOBJECT WdfCollectionGetLastItem(WDFCOLLECTION Collection)
{
    return ((PFN_WDFCOLLECTIONGETLASTITEM)WdfFunctions[WdfCollectionGetLastItemTableIndex])(WdfDriverGlobals,
                                                                                            Collection);
}

EXTERN_C_END

#endif
