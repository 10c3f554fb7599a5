/* SPDX-License-Identifier: Apache-2.0
 *
 * Registration with Winsock Kernel. The NPI is captured when the first socket is created, not in DriverEntry:
 * WSK may not be up yet then, and waiting for it there can hang the boot. Every wait is bounded and can be
 * tried again.
 */
#include "driver.h"

/* How long one CREATE waits for WSK, and for another CREATE that does. */
#define CAPTURE_TIMEOUT_MS 1000

/* Named by the registration until WskDeregister returned, so it is static. No client event is defined. */
static const WSK_CLIENT_DISPATCH ClientDispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};

_Use_decl_annotations_ NTSTATUS WskbProviderRegister(PWSKB_PROVIDER Provider)
{
    NTSTATUS Status = WdfWaitLockCreate(WDF_NO_OBJECT_ATTRIBUTES, &Provider->CaptureLock);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    WSK_CLIENT_NPI Client = {NULL, &ClientDispatch};
    return WskRegister(&Client, &Provider->Registration);
}

_Use_decl_annotations_ VOID WskbProviderDeregister(PWSKB_PROVIDER Provider)
{
    if (ReadAcquire(&Provider->Captured)) {
        WskReleaseProviderNPI(&Provider->Registration);
    }
    WskDeregister(&Provider->Registration);
}

/* Lets WSK bypass TDI, whose filters would strip ancillary data. Windows versions without TDI refuse; that is
 * fine. */
static VOID BypassTdi(const WSK_PROVIDER_NPI* Npi)
{
    ULONG Behavior = WSK_TDI_BEHAVIOR_BYPASS_TDI;
    (VOID) Npi->Dispatch->WskControlClient(Npi->Client, WSK_TDI_BEHAVIOR, sizeof(Behavior), &Behavior, 0,
                                           NULL, NULL, NULL);
}

/* CaptureLock is held. */
static NTSTATUS CaptureLocked(PWSKB_PROVIDER Provider)
{
    if (ReadAcquire(&Provider->Captured)) {
        return STATUS_SUCCESS;
    }
    NTSTATUS Status = WskCaptureProviderNPI(&Provider->Registration, CAPTURE_TIMEOUT_MS, &Provider->Npi);
    if (NT_SUCCESS(Status)) {
        BypassTdi(&Provider->Npi);
        WriteRelease(&Provider->Captured, 1);
    }
    return Status;
}

_Use_decl_annotations_ NTSTATUS WskbProviderCapture(PWSKB_PROVIDER Provider)
{
    if (ReadAcquire(&Provider->Captured)) {
        return STATUS_SUCCESS;
    }
    LONGLONG Timeout = WDF_REL_TIMEOUT_IN_MS(CAPTURE_TIMEOUT_MS);
    if (WdfWaitLockAcquire(Provider->CaptureLock, &Timeout) != STATUS_SUCCESS) {
        return STATUS_DEVICE_NOT_READY;
    }
    NTSTATUS Status = CaptureLocked(Provider);
    WdfWaitLockRelease(Provider->CaptureLock);
    return Status;
}

_Use_decl_annotations_ WSK_PROVIDER_CHARACTERISTICS WskbProviderVersions(PWSKB_PROVIDER Provider)
{
    WSK_PROVIDER_CHARACTERISTICS Characteristics = {0};
    if (!NT_SUCCESS(WskQueryProviderCharacteristics(&Provider->Registration, &Characteristics))) {
        RtlZeroMemory(&Characteristics, sizeof(Characteristics));
    }
    return Characteristics;
}
