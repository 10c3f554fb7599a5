/* SPDX-License-Identifier: Apache-2.0
 *
 * WDFTIMER: a kernel timer whose DPC calls the driver, or queues a work item that does so at PASSIVE_LEVEL.
 */
#include "kmdfp.h"

typedef struct _FX_TIMER {
    FX_OBJECT Object;
    FX_OBJECT* Target; /* what the driver named as parent */
    PFN_WDF_TIMER Callback;
    FX_CALLBACK_LOCK* Lock;
    LONG Period;
    BOOLEAN Passive;
    KTIMER Timer;
    KDPC Dpc;
    FX_WORKER Worker;         /* of a passive timer */
    PVOID volatile DpcThread; /* the thread inside the callback, unless the timer is passive */
    KSPIN_LOCK StateLock;     /* Disposed, and setting the timer */
    BOOLEAN Disposed;
} FX_TIMER;

static VOID FxTimerCall(FX_OBJECT* Object)
{
    FX_TIMER* Timer = (FX_TIMER*)Object;
    FX_CALLBACK_LOCK* Lock = Timer->Lock;
    KIRQL Irql;

    FxCallbackLockAcquire(Lock);
    Irql = KeGetCurrentIrql();
    Timer->Callback(FX_TO_HANDLE(WDFTIMER, Timer));
    FxCallbackReturned("EvtTimerFunc", Irql);
    FxCallbackLockRelease(Lock);
}

static VOID FxTimerDpc(PRKDPC Dpc, PVOID Context, PVOID SystemArgument1, PVOID SystemArgument2)
{
    FX_TIMER* Timer = Context;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(SystemArgument1);
    UNREFERENCED_PARAMETER(SystemArgument2);
    if (Timer->Passive) {
        FxWorkerEnqueue(&Timer->Worker);
        return;
    }
    WritePointerRelease(&Timer->DpcThread, PsGetCurrentThread());
    FxTimerCall(&Timer->Object);
    WritePointerRelease(&Timer->DpcThread, NULL);
}

/* ---- creation ---------------------------------------------------------------------------------------- */

static NTSTATUS FxTimerConfigValidate(const WDF_TIMER_CONFIG* Config, const WDF_OBJECT_ATTRIBUTES* Attributes)
{
    if (Config->Size != sizeof(*Config)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if (Config->EvtTimerFunc == NULL || Config->Period > (ULONG)MAXLONG ||
        (Config->UseHighResolutionTimer && Config->TolerableDelay != 0)) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Config->Period != 0 && Attributes != NULL && Attributes->ExecutionLevel == WdfExecutionLevelPassive) {
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS FxTimerInitialize(FX_TIMER* Timer, const WDF_TIMER_CONFIG* Config, BOOLEAN Passive)
{
    FX_DEVICE* Device = FxObjectDevice(Timer->Object.Parent);
    NTSTATUS Status = STATUS_SUCCESS;

    if (Device == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    Timer->Target = Timer->Object.Parent;
    Timer->Callback = Config->EvtTimerFunc;
    Timer->Period = (LONG)Config->Period;
    Timer->Passive = Passive;
    Timer->Lock = FxSerializationLock(Timer->Target, Config->AutomaticSerialization);
    if (Timer->Lock != NULL && Timer->Lock->Passive != Passive) {
        return STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL;
    }
    KeInitializeSpinLock(&Timer->StateLock);
    KeInitializeTimerEx(&Timer->Timer, NotificationTimer);
    KeInitializeDpc(&Timer->Dpc, FxTimerDpc, Timer);
    if (Passive) {
        Status = FxWorkerInitialize(&Timer->Worker, &Timer->Object, Device->DeviceObject, FxTimerCall);
    }
    return NT_SUCCESS(Status) ? FxObjectPublish(&Timer->Object) : Status;
}

NTSTATUS NTAPI imp_WdfTimerCreate(PWDF_DRIVER_GLOBALS DriverGlobals, PWDF_TIMER_CONFIG Config,
                                  PWDF_OBJECT_ATTRIBUTES Attributes, WDFTIMER* Timer)
{
    static const FX_ATTRIBUTE_RULES Rules = {.ParentRequired = TRUE, .LevelAllowed = TRUE};
    FX_OBJECT* Object;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(Config);
    FX_REQUIRE_PARAMETER(Timer);
    FX_REQUIRE_DISPATCH();
    *Timer = NULL;
    Status = FxTimerConfigValidate(Config, Attributes);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxObjectAllocate(FX_GLOBALS_OF(DriverGlobals), FxTypeTimer, sizeof(FX_TIMER), Attributes, &Rules,
                              NULL, &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxTimerInitialize((FX_TIMER*)Object, Config,
                               (BOOLEAN)(Attributes->ExecutionLevel == WdfExecutionLevelPassive));
    if (!NT_SUCCESS(Status)) {
        FxTimerFree(Object);
        return Status;
    }
    *Timer = FX_TO_HANDLE(WDFTIMER, Object);
    return STATUS_SUCCESS;
}

/* ---- the end ----------------------------------------------------------------------------------------- */

/* PASSIVE_LEVEL: a timer that is deleted at DISPATCH_LEVEL, for instance in its own callback, is disposed of
 * by a work item. */
VOID FxTimerDispose(FX_OBJECT* Object)
{
    FX_TIMER* Timer = (FX_TIMER*)Object;
    KIRQL Irql;

    KeAcquireSpinLock(&Timer->StateLock, &Irql);
    Timer->Disposed = TRUE;
    KeReleaseSpinLock(&Timer->StateLock, Irql);
    KeCancelTimer(&Timer->Timer);
    KeFlushQueuedDpcs();
    if (Timer->Passive) {
        FxWorkerDispose(&Timer->Worker);
    }
}

VOID FxTimerFree(FX_OBJECT* Object)
{
    FxWorkerFree(&((FX_TIMER*)Object)->Worker);
    FxObjectAbandon(Object);
}

/* ---- use --------------------------------------------------------------------------------------------- */

BOOLEAN NTAPI imp_WdfTimerStart(PWDF_DRIVER_GLOBALS DriverGlobals, WDFTIMER Handle, LONGLONG DueTime)
{
    FX_TIMER* Timer = FX_HANDLE(FX_TIMER, FxTypeTimer, Handle);
    BOOLEAN WasSet = FALSE;
    LARGE_INTEGER Due;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    Due.QuadPart = DueTime;
    KeAcquireSpinLock(&Timer->StateLock, &Irql);
    if (!Timer->Disposed) {
        WasSet = KeSetTimerEx(&Timer->Timer, Due, Timer->Period, &Timer->Dpc);
    }
    KeReleaseSpinLock(&Timer->StateLock, Irql);
    return WasSet;
}

static BOOLEAN FxTimerIsInside(FX_TIMER* Timer)
{
    if (Timer->Passive) {
        return FxWorkerIsInside(&Timer->Worker);
    }
    return (BOOLEAN)(ReadPointerAcquire(&Timer->DpcThread) == (PVOID)PsGetCurrentThread());
}

BOOLEAN NTAPI imp_WdfTimerStop(PWDF_DRIVER_GLOBALS DriverGlobals, WDFTIMER Handle, BOOLEAN Wait)
{
    FX_TIMER* Timer = FX_HANDLE(FX_TIMER, FxTypeTimer, Handle);
    BOOLEAN WasSet;

    UNREFERENCED_PARAMETER(DriverGlobals);
    if (Wait && FxTimerIsInside(Timer)) {
        FxStop(WDF_VERIFIER_FATAL_ERROR, Timer,
               "WdfTimerStop was called to wait in the callback of the same WDFTIMER (%p)\n", (PVOID)Handle);
    }
    FxRequireIrql(FX_FUNCTION, Wait ? PASSIVE_LEVEL : DISPATCH_LEVEL);
    WasSet = KeCancelTimer(&Timer->Timer);
    if (Wait) {
        KeFlushQueuedDpcs();
        if (Timer->Passive) {
            FxWorkerWait(&Timer->Worker);
        }
    }
    return WasSet;
}

WDFOBJECT NTAPI imp_WdfTimerGetParentObject(PWDF_DRIVER_GLOBALS DriverGlobals, WDFTIMER Timer)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    return FX_HANDLE(FX_TIMER, FxTypeTimer, Timer)->Target;
}
