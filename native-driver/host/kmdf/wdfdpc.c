/* SPDX-License-Identifier: Apache-2.0
 *
 * WDFDPC.
 */
#include "kmdfp.h"

typedef struct _FX_DPC {
    FX_OBJECT Object;
    FX_OBJECT* Target; /* what the driver named as parent */
    PFN_WDF_DPC Callback;
    FX_CALLBACK_LOCK* Lock;
    KDPC Dpc;
} FX_DPC;

static VOID FxDpcRoutine(PRKDPC KernelDpc, PVOID Context, PVOID SystemArgument1, PVOID SystemArgument2)
{
    FX_DPC* Dpc = Context;

    UNREFERENCED_PARAMETER(KernelDpc);
    UNREFERENCED_PARAMETER(SystemArgument1);
    UNREFERENCED_PARAMETER(SystemArgument2);
    FxCallbackLockAcquire(Dpc->Lock);
    Dpc->Callback(FX_TO_HANDLE(WDFDPC, Dpc));
    FxCallbackReturned("EvtDpcFunc", DISPATCH_LEVEL);
    FxCallbackLockRelease(Dpc->Lock);
}

/* PASSIVE_LEVEL. */
VOID FxDpcDispose(FX_OBJECT* Object)
{
    KeRemoveQueueDpc(&((FX_DPC*)Object)->Dpc);
    KeFlushQueuedDpcs();
}

static NTSTATUS FxDpcInitialize(FX_DPC* Dpc, const WDF_DPC_CONFIG* Config)
{
    if (FxObjectDevice(Dpc->Object.Parent) == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    Dpc->Target = Dpc->Object.Parent;
    Dpc->Callback = Config->EvtDpcFunc;
    Dpc->Lock = FxSerializationLock(Dpc->Target, Config->AutomaticSerialization);
    if (Dpc->Lock != NULL && Dpc->Lock->Passive) {
        return STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL;
    }
    KeInitializeDpc(&Dpc->Dpc, FxDpcRoutine, Dpc);
    return FxObjectPublish(&Dpc->Object);
}

NTSTATUS NTAPI imp_WdfDpcCreate(PWDF_DRIVER_GLOBALS DriverGlobals, PWDF_DPC_CONFIG Config,
                                PWDF_OBJECT_ATTRIBUTES Attributes, WDFDPC* Dpc)
{
    static const FX_ATTRIBUTE_RULES Rules = {.ParentRequired = TRUE};
    FX_OBJECT* Object;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(Config);
    FX_REQUIRE_PARAMETER(Dpc);
    FX_REQUIRE_DISPATCH();
    *Dpc = NULL;
    if (Config->Size != sizeof(*Config)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if (Config->EvtDpcFunc == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    Status = FxObjectAllocate(FX_GLOBALS_OF(DriverGlobals), FxTypeDpc, sizeof(FX_DPC), Attributes, &Rules,
                              NULL, &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxDpcInitialize((FX_DPC*)Object, Config);
    if (!NT_SUCCESS(Status)) {
        FxObjectAbandon(Object);
        return Status;
    }
    *Dpc = FX_TO_HANDLE(WDFDPC, Object);
    return STATUS_SUCCESS;
}

BOOLEAN NTAPI imp_WdfDpcEnqueue(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDPC Dpc)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return KeInsertQueueDpc(&FX_HANDLE(FX_DPC, FxTypeDpc, Dpc)->Dpc, NULL, NULL);
}

BOOLEAN NTAPI imp_WdfDpcCancel(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDPC Handle, BOOLEAN Wait)
{
    FX_DPC* Dpc = FX_HANDLE(FX_DPC, FxTypeDpc, Handle);
    BOOLEAN Removed;

    UNREFERENCED_PARAMETER(DriverGlobals);
    FxRequireIrql(FX_FUNCTION, Wait ? PASSIVE_LEVEL : DISPATCH_LEVEL);
    Removed = KeRemoveQueueDpc(&Dpc->Dpc);
    if (Wait) {
        KeFlushQueuedDpcs();
    }
    return Removed;
}

WDFOBJECT NTAPI imp_WdfDpcGetParentObject(PWDF_DRIVER_GLOBALS DriverGlobals, WDFDPC Dpc)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FX_HANDLE(FX_DPC, FxTypeDpc, Dpc)->Target;
}
