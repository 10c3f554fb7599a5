/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver as a client of Winsock Kernel: registered from DriverEntry to unload, captured when the
 * device is first opened.
 */
#pragma once

typedef struct _WSKB_PROVIDER {
    WSK_REGISTRATION Registration;
    KSPIN_LOCK Lock;        /* held while setting the fields below */
    volatile LONG Captured; /* 1 once Npi is valid, until WskbProviderDeregister */
    WSK_PROVIDER_NPI Npi;
} WSKB_PROVIDER, *PWSKB_PROVIDER;

_IRQL_requires_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbProviderRegister(_Inout_ PWSKB_PROVIDER Provider);

/* Releases the NPI and deregisters. All sockets must be closed, or WskDeregister does not return. */
_IRQL_requires_(PASSIVE_LEVEL) VOID WskbProviderDeregister(_Inout_ PWSKB_PROVIDER Provider);

/* Makes Npi valid, waiting a bounded time for WSK to be ready: STATUS_DEVICE_NOT_READY after that. */
_IRQL_requires_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbProviderAwait(_Inout_ PWSKB_PROVIDER Provider);

/* The same without waiting. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbProviderCapture(_Inout_ PWSKB_PROVIDER Provider);

/* WSK versions the provider offers; zeroes while there is none. */
_IRQL_requires_max_(DISPATCH_LEVEL) WSK_PROVIDER_CHARACTERISTICS
    WskbProviderVersions(_In_ PWSKB_PROVIDER Provider);
