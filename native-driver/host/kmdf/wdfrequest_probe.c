/* SPDX-License-Identifier: Apache-2.0
 *
 * The requestor's memory that the driver locks in EvtIoInCallerContext, for use in a queue's callback. It is
 * unlocked when the request is completed.
 */
#include "kmdfp.h"

#include <nt/probe.h>

/* Adds the MDL to the request; the memory object becomes a child of the request. */
static NTSTATUS FxMemoryOfMdl(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle, PMDL Mdl,
                              WDFMEMORY* Memory)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    PVOID Address = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority | MdlMappingNoExecute);

    if (Address == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Handle;
    return imp_WdfMemoryCreatePreallocated(DriverGlobals, &Attributes, Address, MmGetMdlByteCount(Mdl),
                                           Memory);
}

static NTSTATUS FxProbeAndLock(PCSTR Function, PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST Handle,
                               PVOID Buffer, size_t Length, LOCK_OPERATION Operation, WDFMEMORY* Memory)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(Handle);
    NTSTATUS Status;
    PMDL Mdl;

    *Memory = NULL;
    if (ReadAcquire(&Request->State) != FxRequestInCallerContext) {
        FxStop(
            WDF_REQUEST_FATAL_ERROR, Request,
            "%s was called outside EvtIoInCallerContext, where the addresses of the requestor mean nothing\n",
            Function);
    }
    if (Length == 0) {
        return STATUS_INVALID_USER_BUFFER;
    }
    if (Request->Irp->Tail.Overlay.Thread != PsGetCurrentThread()) {
        return STATUS_ACCESS_VIOLATION;
    }
    if (Length > MAXULONG) {
        return STATUS_INVALID_PARAMETER;
    }
    Mdl = IoAllocateMdl(Buffer, (ULONG)Length, FALSE, FALSE, NULL);
    if (Mdl == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = HostProbeAndLockPages(Mdl, Request->Irp->RequestorMode, Operation);
    if (!NT_SUCCESS(Status)) {
        IoFreeMdl(Mdl);
        return Status;
    }
    Status = FxMemoryOfMdl(DriverGlobals, Handle, Mdl, Memory);
    if (!NT_SUCCESS(Status)) {
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
        return Status;
    }
    Mdl->Next = Request->Locked;
    Request->Locked = Mdl;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI imp_WdfRequestProbeAndLockUserBufferForRead(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                           WDFREQUEST Handle, PVOID Buffer, size_t Length,
                                                           WDFMEMORY* MemoryObject)
{
    FX_REQUIRE_PARAMETER(Buffer);
    FX_REQUIRE_PARAMETER(MemoryObject);
    FX_REQUIRE_PASSIVE();
    return FxProbeAndLock(FX_FUNCTION, DriverGlobals, Handle, Buffer, Length, IoReadAccess, MemoryObject);
}

NTSTATUS NTAPI imp_WdfRequestProbeAndLockUserBufferForWrite(PWDF_DRIVER_GLOBALS DriverGlobals,
                                                            WDFREQUEST Handle, PVOID Buffer, size_t Length,
                                                            WDFMEMORY* MemoryObject)
{
    FX_REQUIRE_PARAMETER(Buffer);
    FX_REQUIRE_PARAMETER(MemoryObject);
    FX_REQUIRE_PASSIVE();
    return FxProbeAndLock(FX_FUNCTION, DriverGlobals, Handle, Buffer, Length, IoWriteAccess, MemoryObject);
}

VOID FxRequestUnlock(FX_REQUEST* Request)
{
    while (Request->Locked != NULL) {
        PMDL Mdl = Request->Locked;

        Request->Locked = Mdl->Next;
        Mdl->Next = NULL;
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
    }
}
