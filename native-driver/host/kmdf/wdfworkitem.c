/* SPDX-License-Identifier: Apache-2.0
 *
 * WDFWORKITEM.
 */
#include "kmdfp.h"

typedef struct _FX_WORK_ITEM {
    FX_OBJECT Object;
    FX_OBJECT* Target; /* what the driver named as parent */
    PFN_WDF_WORKITEM Callback;
    FX_CALLBACK_LOCK* Lock;
    FX_WORKER Worker;
} FX_WORK_ITEM;

static VOID FxWorkItemCall(FX_OBJECT* Object)
{
    FX_WORK_ITEM* Item = (FX_WORK_ITEM*)Object;

    FX_CALLBACK_LOCK* Lock = Item->Lock;

    FxCallbackLockAcquire(Lock);
    Item->Callback(FX_TO_HANDLE(WDFWORKITEM, Item));
    FxCallbackReturned("EvtWorkItem", PASSIVE_LEVEL);
    FxCallbackLockRelease(Lock);
}

VOID FxWorkItemDispose(FX_OBJECT* Object)
{
    FxWorkerDispose(&((FX_WORK_ITEM*)Object)->Worker);
}

VOID FxWorkItemFree(FX_OBJECT* Object)
{
    FxWorkerFree(&((FX_WORK_ITEM*)Object)->Worker);
    FxObjectAbandon(Object);
}

static NTSTATUS FxWorkItemInitialize(FX_WORK_ITEM* Item, const WDF_WORKITEM_CONFIG* Config)
{
    FX_DEVICE* Device = FxObjectDevice(Item->Object.Parent);
    NTSTATUS Status;

    if (Device == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    Item->Target = Item->Object.Parent;
    Item->Callback = Config->EvtWorkItemFunc;
    Item->Lock = FxSerializationLock(Item->Target, Config->AutomaticSerialization);
    if (Item->Lock != NULL && !Item->Lock->Passive) {
        return STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL;
    }
    Status = FxWorkerInitialize(&Item->Worker, &Item->Object, Device->DeviceObject, FxWorkItemCall);
    return NT_SUCCESS(Status) ? FxObjectPublish(&Item->Object) : Status;
}

NTSTATUS NTAPI imp_WdfWorkItemCreate(PWDF_DRIVER_GLOBALS DriverGlobals, PWDF_WORKITEM_CONFIG Config,
                                     PWDF_OBJECT_ATTRIBUTES Attributes, WDFWORKITEM* WorkItem)
{
    static const FX_ATTRIBUTE_RULES Rules = {.ParentRequired = TRUE};
    FX_OBJECT* Object;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(Config);
    FX_REQUIRE_PARAMETER(WorkItem);
    FX_REQUIRE_PASSIVE();
    *WorkItem = NULL;
    if (Config->Size != sizeof(*Config)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if (Config->EvtWorkItemFunc == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    Status = FxObjectAllocate(FX_GLOBALS_OF(DriverGlobals), FxTypeWorkItem, sizeof(FX_WORK_ITEM), Attributes,
                              &Rules, NULL, &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxWorkItemInitialize((FX_WORK_ITEM*)Object, Config);
    if (!NT_SUCCESS(Status)) {
        FxWorkItemFree(Object);
        return Status;
    }
    *WorkItem = FX_TO_HANDLE(WDFWORKITEM, Object);
    return STATUS_SUCCESS;
}

VOID NTAPI imp_WdfWorkItemEnqueue(PWDF_DRIVER_GLOBALS DriverGlobals, WDFWORKITEM WorkItem)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    FxWorkerEnqueue(&FX_HANDLE(FX_WORK_ITEM, FxTypeWorkItem, WorkItem)->Worker);
}

WDFOBJECT NTAPI imp_WdfWorkItemGetParentObject(PWDF_DRIVER_GLOBALS DriverGlobals, WDFWORKITEM WorkItem)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FX_HANDLE(FX_WORK_ITEM, FxTypeWorkItem, WorkItem)->Target;
}

VOID NTAPI imp_WdfWorkItemFlush(PWDF_DRIVER_GLOBALS DriverGlobals, WDFWORKITEM WorkItem)
{
    FX_WORK_ITEM* Item = FX_HANDLE(FX_WORK_ITEM, FxTypeWorkItem, WorkItem);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PASSIVE();
    if (FxWorkerIsInside(&Item->Worker)) {
        FxStop(WDF_VERIFIER_FATAL_ERROR, Item,
               "WdfWorkItemFlush was called in the callback of the same WDFWORKITEM (%p)\n", (PVOID)WorkItem);
    }
    FxWorkerWait(&Item->Worker);
}
