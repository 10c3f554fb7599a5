/* SPDX-License-Identifier: Apache-2.0
 *
 * Locks: those a driver makes itself, and those that serialise its callbacks.
 */
#include "kmdfp.h"

/* ---- callback locks ---------------------------------------------------------------------------------- */

VOID FxCallbackLockInitialize(FX_CALLBACK_LOCK* Lock, BOOLEAN Passive)
{
    Lock->Passive = Passive;
    KeInitializeSpinLock(&Lock->SpinLock);
    KeInitializeEvent(&Lock->Mutex, SynchronizationEvent, TRUE);
}

BOOLEAN FxCallbackLockIsMine(const FX_CALLBACK_LOCK* Lock)
{
    return (BOOLEAN)(Lock != NULL && ReadPointerAcquire(&Lock->Owner) == (PVOID)PsGetCurrentThread());
}

VOID FxCallbackLockAcquire(FX_CALLBACK_LOCK* Lock)
{
    if (Lock == NULL) {
        return;
    }
    if (FxCallbackLockIsMine(Lock)) {
        FxStop(WDF_INVALID_LOCK_OPERATION, Lock,
               "the lock of a device or queue was acquired by the thread that holds it\n");
    }
    if (Lock->Passive) {
        KeEnterCriticalRegion();
        KeWaitForSingleObject(&Lock->Mutex, Executive, KernelMode, FALSE, NULL);
    } else {
        KIRQL Irql;
        KeAcquireSpinLock(&Lock->SpinLock, &Irql);
        Lock->Irql = Irql;
    }
    WritePointerRelease(&Lock->Owner, PsGetCurrentThread());
}

VOID FxCallbackLockRelease(FX_CALLBACK_LOCK* Lock)
{
    if (Lock == NULL) {
        return;
    }
    if (!FxCallbackLockIsMine(Lock)) {
        FxStop(WDF_INVALID_LOCK_OPERATION, Lock,
               "the lock of a device or queue was released by a thread that does not hold it\n");
    }
    WritePointerRelease(&Lock->Owner, NULL);
    if (Lock->Passive) {
        KeSetEvent(&Lock->Mutex, IO_NO_INCREMENT, FALSE);
        KeLeaveCriticalRegion();
    } else {
        KeReleaseSpinLock(&Lock->SpinLock, Lock->Irql);
    }
}

FX_CALLBACK_LOCK* FxSerializationLock(FX_OBJECT* Parent, BOOLEAN AutomaticSerialization)
{
    if (!AutomaticSerialization) {
        return NULL;
    }
    while (Parent != NULL && Parent->CallbackLock == NULL && Parent->Type != FxTypeDevice) {
        Parent = Parent->Parent;
    }
    return Parent != NULL ? Parent->CallbackLock : NULL;
}

static FX_CALLBACK_LOCK* FxObjectLock(PCSTR Function, WDFOBJECT Handle)
{
    FX_OBJECT* Object = FxValidateAnyHandle(Function, Handle);

    if (Object->CallbackLock == NULL) {
        FxStop(WDF_INVALID_LOCK_OPERATION, Object,
               "%s was called for a %s (%p) whose callbacks are not synchronised\n", Function,
               FxClasses[Object->Type].Name, Handle);
    }
    FxRequireIrql(Function, Object->CallbackLock->Passive ? PASSIVE_LEVEL : DISPATCH_LEVEL);
    return Object->CallbackLock;
}

VOID NTAPI imp_WdfObjectAcquireLock(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Object)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    FxCallbackLockAcquire(FxObjectLock(FX_FUNCTION, Object));
}

VOID NTAPI imp_WdfObjectReleaseLock(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Object)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    FxCallbackLockRelease(FxObjectLock(FX_FUNCTION, Object));
}

/* ---- wait locks -------------------------------------------------------------------------------------- */

typedef struct _FX_WAIT_LOCK {
    FX_OBJECT Object;
    KEVENT Mutex;
    PVOID volatile Owner; /* written by the holder only */
} FX_WAIT_LOCK;

static const FX_ATTRIBUTE_RULES FxLockRules = {.ParentAllowed = TRUE};

static NTSTATUS FxLockCreate(FX_GLOBALS* Globals, FX_TYPE Type, size_t Size,
                             PWDF_OBJECT_ATTRIBUTES Attributes, FX_OBJECT** Object)
{
    return FxObjectAllocate(Globals, Type, Size, Attributes, &FxLockRules, (FX_OBJECT*)Globals->Driver,
                            Object);
}

static NTSTATUS FxLockPublish(FX_OBJECT* Object)
{
    NTSTATUS Status = FxObjectPublish(Object);

    if (!NT_SUCCESS(Status)) {
        FxObjectAbandon(Object);
    }
    return Status;
}

NTSTATUS NTAPI imp_WdfWaitLockCreate(PWDF_DRIVER_GLOBALS DriverGlobals, PWDF_OBJECT_ATTRIBUTES LockAttributes,
                                     WDFWAITLOCK* Lock)
{
    FX_OBJECT* Object;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(Lock);
    FX_REQUIRE_PASSIVE();
    *Lock = NULL;
    Status = FxLockCreate(FX_GLOBALS_OF(DriverGlobals), FxTypeWaitLock, sizeof(FX_WAIT_LOCK), LockAttributes,
                          &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    KeInitializeEvent(&((FX_WAIT_LOCK*)Object)->Mutex, SynchronizationEvent, TRUE);
    Status = FxLockPublish(Object);
    if (NT_SUCCESS(Status)) {
        *Lock = FX_TO_HANDLE(WDFWAITLOCK, Object);
    }
    return Status;
}

NTSTATUS NTAPI imp_WdfWaitLockAcquire(PWDF_DRIVER_GLOBALS DriverGlobals, WDFWAITLOCK LockHandle,
                                      PLONGLONG Timeout)
{
    FX_WAIT_LOCK* Lock = FX_HANDLE(FX_WAIT_LOCK, FxTypeWaitLock, LockHandle);
    LARGE_INTEGER Due;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(DriverGlobals);
    FxRequireIrql(FX_FUNCTION, Timeout != NULL && *Timeout == 0 ? DISPATCH_LEVEL : PASSIVE_LEVEL);
    if (ReadPointerAcquire(&Lock->Owner) == (PVOID)PsGetCurrentThread()) {
        FxStop(WDF_INVALID_LOCK_OPERATION, Lock,
               "WdfWaitLockAcquire was called by the thread that holds the lock (%p)\n", (PVOID)LockHandle);
    }
    if (Timeout != NULL) {
        Due.QuadPart = *Timeout;
    }
    KeEnterCriticalRegion();
    Status = KeWaitForSingleObject(&Lock->Mutex, Executive, KernelMode, FALSE, Timeout != NULL ? &Due : NULL);
    if (Status == STATUS_TIMEOUT) {
        KeLeaveCriticalRegion();
        return Status;
    }
    WritePointerRelease(&Lock->Owner, PsGetCurrentThread());
    return STATUS_SUCCESS;
}

VOID NTAPI imp_WdfWaitLockRelease(PWDF_DRIVER_GLOBALS DriverGlobals, WDFWAITLOCK LockHandle)
{
    FX_WAIT_LOCK* Lock = FX_HANDLE(FX_WAIT_LOCK, FxTypeWaitLock, LockHandle);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    if (ReadPointerAcquire(&Lock->Owner) != (PVOID)PsGetCurrentThread()) {
        FxStop(WDF_INVALID_LOCK_OPERATION, Lock,
               "WdfWaitLockRelease was called by a thread that does not hold the lock (%p)\n",
               (PVOID)LockHandle);
    }
    WritePointerRelease(&Lock->Owner, NULL);
    KeSetEvent(&Lock->Mutex, IO_NO_INCREMENT, FALSE);
    KeLeaveCriticalRegion();
}

VOID FxWaitLockDispose(FX_OBJECT* Object)
{
    if (ReadPointerAcquire(&((FX_WAIT_LOCK*)Object)->Owner) != NULL) {
        FxStop(WDF_INVALID_LOCK_OPERATION, Object, "a WDFWAITLOCK (%p) was deleted while a thread holds it\n",
               (PVOID)Object);
    }
}

/* ---- spin locks -------------------------------------------------------------------------------------- */

typedef struct _FX_SPIN_LOCK {
    FX_OBJECT Object;
    KSPIN_LOCK Lock;
    KIRQL Irql;           /* the holder's, to return to */
    PVOID volatile Owner; /* written by the holder only */
} FX_SPIN_LOCK;

NTSTATUS NTAPI imp_WdfSpinLockCreate(PWDF_DRIVER_GLOBALS DriverGlobals,
                                     PWDF_OBJECT_ATTRIBUTES SpinLockAttributes, WDFSPINLOCK* SpinLock)
{
    FX_OBJECT* Object;
    NTSTATUS Status;

    FX_REQUIRE_PARAMETER(SpinLock);
    FX_REQUIRE_DISPATCH();
    *SpinLock = NULL;
    Status = FxLockCreate(FX_GLOBALS_OF(DriverGlobals), FxTypeSpinLock, sizeof(FX_SPIN_LOCK),
                          SpinLockAttributes, &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    KeInitializeSpinLock(&((FX_SPIN_LOCK*)Object)->Lock);
    Status = FxLockPublish(Object);
    if (NT_SUCCESS(Status)) {
        *SpinLock = FX_TO_HANDLE(WDFSPINLOCK, Object);
    }
    return Status;
}

VOID NTAPI imp_WdfSpinLockAcquire(PWDF_DRIVER_GLOBALS DriverGlobals, WDFSPINLOCK SpinLock)
{
    FX_SPIN_LOCK* Lock = FX_HANDLE(FX_SPIN_LOCK, FxTypeSpinLock, SpinLock);
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    if (ReadPointerAcquire(&Lock->Owner) == (PVOID)PsGetCurrentThread()) {
        FxStop(WDF_INVALID_LOCK_OPERATION, Lock,
               "WdfSpinLockAcquire was called by the thread that holds the lock (%p)\n", (PVOID)SpinLock);
    }
    KeAcquireSpinLock(&Lock->Lock, &Irql);
    Lock->Irql = Irql;
    WritePointerRelease(&Lock->Owner, PsGetCurrentThread());
}

VOID NTAPI imp_WdfSpinLockRelease(PWDF_DRIVER_GLOBALS DriverGlobals, WDFSPINLOCK SpinLock)
{
    FX_SPIN_LOCK* Lock = FX_HANDLE(FX_SPIN_LOCK, FxTypeSpinLock, SpinLock);

    UNREFERENCED_PARAMETER(DriverGlobals);
    if (ReadPointerAcquire(&Lock->Owner) != (PVOID)PsGetCurrentThread()) {
        FxStop(WDF_INVALID_LOCK_OPERATION, Lock,
               "WdfSpinLockRelease was called by a thread that does not hold the lock (%p)\n",
               (PVOID)SpinLock);
    }
    WritePointerRelease(&Lock->Owner, NULL);
    KeReleaseSpinLock(&Lock->Lock, Lock->Irql);
}
