/* SPDX-License-Identifier: Apache-2.0
 *
 * Registration with Winsock Kernel. The NPI is captured when the device is opened, not in DriverEntry: WSK
 * may not be up yet then, and waiting for it there can hang the boot. Every wait is bounded. The next open
 * tries again, and so does CREATE, without waiting.
 */
#include "driver.h"
#include "trace.h"

/* How long one open waits for WSK. */
#define CAPTURE_TIMEOUT_MS 1000

/* Static, since the registration refers to it until WskDeregister has returned. No client event is
 * handled. */
static const WSK_CLIENT_DISPATCH ClientDispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};

_Use_decl_annotations_ NTSTATUS WskbProviderRegister(PWSKB_PROVIDER Provider)
{
    KeInitializeSpinLock(&Provider->Lock);
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

/* Lets WSK bypass TDI, whose filters would strip ancillary data. Windows versions without TDI refuse this,
 * which is harmless. */
static VOID BypassTdi(const WSK_PROVIDER_NPI* Npi)
{
    ULONG Behavior = WSK_TDI_BEHAVIOR_BYPASS_TDI;
    (VOID) Npi->Dispatch->WskControlClient(Npi->Client, WSK_TDI_BEHAVIOR, sizeof(Behavior), &Behavior, 0,
                                           NULL, NULL, NULL);
}

/* Several threads may capture at the same time; one capture is kept, the others are released. */
static NTSTATUS Capture(PWSKB_PROVIDER Provider, ULONG WaitTimeout)
{
    WSK_PROVIDER_NPI Npi;
    KIRQL Irql;

    if (ReadAcquire(&Provider->Captured)) {
        return STATUS_SUCCESS;
    }
    NTSTATUS Status = WskCaptureProviderNPI(&Provider->Registration, WaitTimeout, &Npi);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    BypassTdi(&Npi); /* before there is a socket */
    KeAcquireSpinLock(&Provider->Lock, &Irql);
    BOOLEAN Keep = Provider->Captured == 0;
    if (Keep) {
        Provider->Npi = Npi;
        WriteRelease(&Provider->Captured, 1);
    }
    KeReleaseSpinLock(&Provider->Lock, Irql);
    if (Keep) {
        WskbTrace(WskbTraceInformation, "captured WSK", STATUS_SUCCESS);
    } else {
        WskReleaseProviderNPI(&Provider->Registration);
    }
    return STATUS_SUCCESS;
}

_Use_decl_annotations_ NTSTATUS WskbProviderAwait(PWSKB_PROVIDER Provider)
{
    NTSTATUS Status = Capture(Provider, CAPTURE_TIMEOUT_MS);
    if (!NT_SUCCESS(Status)) {
        WskbTrace(WskbTraceWarning, "capturing WSK failed", Status); /* the open that waits goes on without */
    }
    return Status;
}

_Use_decl_annotations_ NTSTATUS WskbProviderCapture(PWSKB_PROVIDER Provider)
{
    return Capture(Provider, WSK_NO_WAIT);
}

_Use_decl_annotations_ WSK_PROVIDER_CHARACTERISTICS WskbProviderVersions(PWSKB_PROVIDER Provider)
{
    WSK_PROVIDER_CHARACTERISTICS Characteristics = {0};
    if (!NT_SUCCESS(WskQueryProviderCharacteristics(&Provider->Registration, &Characteristics))) {
        RtlZeroMemory(&Characteristics, sizeof(Characteristics));
    }
    return Characteristics;
}
