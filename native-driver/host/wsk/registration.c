/* SPDX-License-Identifier: Apache-2.0
 *
 * Registration of WSK clients and capture of the provider's interface. WskDeregister returns when the client
 * has released every capture, every call has returned and every socket is closed.
 */
#include "wskp.h"

#define WSK_VERSION_1_0 MAKE_WSK_VERSION(1, 0)

PROVIDER Provider = {
    .Clients = {&Provider.Clients, &Provider.Clients},
    .Sockets = {&Provider.Sockets, &Provider.Sockets},
    .Available = TRUE,
};

/* Serialises WskRegister and the end of WskDeregister, which start and stop the polling thread and so can't
 * hold a spin lock. Both are rare, so a second caller retries every millisecond. PASSIVE_LEVEL. */
static LONG LifecycleBusy;

static void LifecycleEnter(void)
{
    LARGE_INTEGER Millisecond = {.QuadPart = -10000};

    while (InterlockedExchange(&LifecycleBusy, 1)) {
        (void)KeDelayExecutionThread(KernelMode, FALSE, &Millisecond);
    }
}

static void LifecycleLeave(void)
{
    (void)InterlockedExchange(&LifecycleBusy, 0);
}

static void RequirePassive(PCSTR Function)
{
    if (KeGetCurrentIrql() != PASSIVE_LEVEL) {
        CallMisuse(Function, "called above PASSIVE_LEVEL", NULL);
    }
}

/* Provider.Lock is held. */
static PPROVIDER_CLIENT FindClient(PWSK_REGISTRATION Registration)
{
    for (PLIST_ENTRY Link = Provider.Clients.Flink; Link != &Provider.Clients; Link = Link->Flink) {
        PPROVIDER_CLIENT Client = CONTAINING_RECORD(Link, PROVIDER_CLIENT, Link);

        if (Client->Registration == Registration) {
            return Client;
        }
    }
    return NULL;
}

/* Acquires Provider.Lock. */
static PPROVIDER_CLIENT LockClient(PCSTR Function, PWSK_REGISTRATION Registration, PKIRQL Irql)
{
    PPROVIDER_CLIENT Client;

    KeAcquireSpinLock(&Provider.Lock, Irql);
    Client = FindClient(Registration);
    if (Client == NULL) {
        CallMisuse(Function, "called with a registration that WskRegister did not make, or that is gone",
                   Registration);
    }
    return Client;
}

/* Provider.Lock is held. */
static BOOLEAN IsIdle(PPROVIDER_CLIENT Client)
{
    return Client->Captures == 0 && Client->Captors == 0 && Client->Calls == 0 && Client->Sockets == 0;
}

/* Provider.Lock is held. */
static void UpdateIdle(PPROVIDER_CLIENT Client)
{
    if (IsIdle(Client)) {
        (void)KeSetEvent(&Client->Idle, IO_NO_INCREMENT, FALSE);
    } else {
        KeClearEvent(&Client->Idle);
    }
}

/* ---- registration ------------------------------------------------------------------------------------ */

static NTSTATUS AddClient(PWSK_CLIENT_NPI ClientNpi, PWSK_REGISTRATION Registration)
{
    PPROVIDER_CLIENT Client = ExAllocatePoolZero(NonPagedPoolNx, sizeof(PROVIDER_CLIENT), WSK_POOL_TAG);
    NTSTATUS Status = STATUS_SUCCESS;
    KIRQL Irql;

    if (Client == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (Provider.ClientCount == 0) {
        Status = ReadinessStart();
    }
    if (!NT_SUCCESS(Status)) {
        ExFreePoolWithTag(Client, WSK_POOL_TAG);
        return Status;
    }
    Client->Signature = CLIENT_SIGNATURE;
    Client->Version = ClientNpi->Dispatch->Version;
    Client->Dispatch = ClientNpi->Dispatch;
    Client->Registration = Registration;
    KeInitializeEvent(&Client->Idle, NotificationEvent, TRUE);
    InitializeListHead(&Client->Lists);

    KeAcquireSpinLock(&Provider.Lock, &Irql);
    if (FindClient(Registration) != NULL) {
        CallMisuse("WskRegister", "called twice with one registration structure", Registration);
    }
    KeInitializeEvent(&Client->Capturable, NotificationEvent, Provider.Available);
    InsertTailList(&Provider.Clients, &Client->Link);
    Provider.ClientCount++;
    KeReleaseSpinLock(&Provider.Lock, Irql);

    Registration->ReservedRegistrationState = CLIENT_SIGNATURE;
    Registration->ReservedRegistrationContext = Client;
    return STATUS_SUCCESS;
}

NTSTATUS WSKAPI WskRegister(PWSK_CLIENT_NPI WskClientNpi, PWSK_REGISTRATION WskRegistration)
{
    NTSTATUS Status;

    RequirePassive("WskRegister");
    if (WskClientNpi == NULL || WskClientNpi->Dispatch == NULL || WskRegistration == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    LifecycleEnter();
    Status = AddClient(WskClientNpi, WskRegistration);
    LifecycleLeave();
    return Status;
}

/* FALSE when the client is in use after all. */
static BOOLEAN UnlinkClient(PPROVIDER_CLIENT Client)
{
    BOOLEAN Unlinked;
    KIRQL Irql;

    KeAcquireSpinLock(&Provider.Lock, &Irql);
    Unlinked = IsIdle(Client);
    if (Unlinked) {
        RemoveEntryList(&Client->Link);
        Provider.ClientCount--;
    }
    KeReleaseSpinLock(&Provider.Lock, Irql);
    return Unlinked;
}

static void RemoveClient(PPROVIDER_CLIENT Client)
{
    /* It can't capture any more, so it stays idle. */
    (void)KeWaitForSingleObject(&Client->Idle, Executive, KernelMode, FALSE, NULL);
    NamesEnd(Client);
    LifecycleEnter();
    while (!UnlinkClient(Client)) {
        LifecycleLeave();
        (void)KeWaitForSingleObject(&Client->Idle, Executive, KernelMode, FALSE, NULL);
        LifecycleEnter();
    }
    if (Provider.ClientCount == 0) {
        ReadinessStop();
    }
    LifecycleLeave();
    Client->Registration->ReservedRegistrationState = 0;
    Client->Registration->ReservedRegistrationContext = NULL;
    Client->Signature = RETIRED_SIGNATURE;
    ExFreePoolWithTag(Client, WSK_POOL_TAG);
}

VOID WSKAPI WskDeregister(PWSK_REGISTRATION WskRegistration)
{
    PPROVIDER_CLIENT Client;
    KIRQL Irql;

    if (CallDepth(NULL) != 0) {
        CallMisuse("WskDeregister",
                   "called from a WSK callback or completion routine, for which it would wait",
                   WskRegistration);
    }
    RequirePassive("WskDeregister");
    Client = LockClient("WskDeregister", WskRegistration, &Irql);
    if (Client->Deregistering) {
        CallMisuse("WskDeregister", "called twice for a registration", WskRegistration);
    }
    Client->Deregistering = TRUE;
    (void)KeSetEvent(&Client->Capturable, IO_NO_INCREMENT, FALSE);
    UpdateIdle(Client);
    KeReleaseSpinLock(&Provider.Lock, Irql);
    RemoveClient(Client);
}

/* ---- capture ----------------------------------------------------------------------------------------- */

/* Provider.Lock is held. STATUS_PENDING: not decided yet. */
static NTSTATUS TryCapture(PPROVIDER_CLIENT Client)
{
    if (Client->Deregistering) {
        return STATUS_DEVICE_NOT_READY;
    }
    if (!Provider.Available) {
        return STATUS_PENDING;
    }
    if (Client->Version != WSK_VERSION_1_0) {
        return STATUS_NOINTERFACE;
    }
    Client->Captures++;
    return STATUS_SUCCESS;
}

/* Waits until the client may be able to capture; STATUS_TIMEOUT when Deadline, of KeQueryInterruptTime,
 * passed. */
static NTSTATUS WaitCapturable(PPROVIDER_CLIENT Client, ULONG WaitTimeout, ULONGLONG Deadline)
{
    LARGE_INTEGER Left;
    ULONGLONG Now = KeQueryInterruptTime();

    if (WaitTimeout == WSK_INFINITE_WAIT) {
        return KeWaitForSingleObject(&Client->Capturable, Executive, KernelMode, FALSE, NULL);
    }
    if (WaitTimeout == WSK_NO_WAIT || Now >= Deadline) {
        return STATUS_TIMEOUT;
    }
    Left.QuadPart = -(LONGLONG)(Deadline - Now);
    return KeWaitForSingleObject(&Client->Capturable, Executive, KernelMode, FALSE, &Left);
}

NTSTATUS WSKAPI WskCaptureProviderNPI(PWSK_REGISTRATION WskRegistration, ULONG WaitTimeout,
                                      PWSK_PROVIDER_NPI WskProviderNpi)
{
    ULONGLONG Deadline = KeQueryInterruptTime() + (ULONGLONG)WaitTimeout * 10000;
    PPROVIDER_CLIENT Client;
    NTSTATUS Status;
    KIRQL Irql;

    if (KeGetCurrentIrql() > ((WaitTimeout == WSK_NO_WAIT) ? DISPATCH_LEVEL : PASSIVE_LEVEL)) {
        CallMisuse("WskCaptureProviderNPI", "called to wait above PASSIVE_LEVEL", WskRegistration);
    }
    Client = LockClient("WskCaptureProviderNPI", WskRegistration, &Irql);
    Client->Captors++;
    UpdateIdle(Client);
    for (;;) {
        Status = TryCapture(Client);
        if (Status != STATUS_PENDING) {
            break;
        }
        KeReleaseSpinLock(&Provider.Lock, Irql);
        Status = WaitCapturable(Client, WaitTimeout, Deadline);
        KeAcquireSpinLock(&Provider.Lock, &Irql);
        if (Status == STATUS_TIMEOUT) {
            Status = STATUS_DEVICE_NOT_READY;
            break;
        }
    }
    Client->Captors--;
    UpdateIdle(Client);
    KeReleaseSpinLock(&Provider.Lock, Irql);
    if (NT_SUCCESS(Status)) {
        WskProviderNpi->Client = Client;
        WskProviderNpi->Dispatch = &ProviderDispatch;
    }
    return Status;
}

VOID WSKAPI WskReleaseProviderNPI(PWSK_REGISTRATION WskRegistration)
{
    KIRQL Irql;
    PPROVIDER_CLIENT Client = LockClient("WskReleaseProviderNPI", WskRegistration, &Irql);

    if (Client->Captures == 0) {
        CallMisuse("WskReleaseProviderNPI", "called more often than captures succeeded", WskRegistration);
    }
    Client->Captures--;
    UpdateIdle(Client);
    KeReleaseSpinLock(&Provider.Lock, Irql);
}

NTSTATUS WSKAPI WskQueryProviderCharacteristics(PWSK_REGISTRATION WskRegistration,
                                                PWSK_PROVIDER_CHARACTERISTICS WskProviderCharacteristics)
{
    NTSTATUS Status;
    KIRQL Irql;

    (void)LockClient("WskQueryProviderCharacteristics", WskRegistration, &Irql);
    Status = Provider.Available ? STATUS_SUCCESS : STATUS_DEVICE_NOT_READY;
    KeReleaseSpinLock(&Provider.Lock, Irql);
    if (NT_SUCCESS(Status)) {
        WskProviderCharacteristics->HighestVersion = WSK_VERSION_1_0;
        WskProviderCharacteristics->LowestVersion = WSK_VERSION_1_0;
    }
    return Status;
}

void ProviderSetAvailable(BOOLEAN Available)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Provider.Lock, &Irql);
    Provider.Available = Available;
    for (PLIST_ENTRY Link = Provider.Clients.Flink; Link != &Provider.Clients; Link = Link->Flink) {
        PPROVIDER_CLIENT Client = CONTAINING_RECORD(Link, PROVIDER_CLIENT, Link);

        if (Available) {
            (void)KeSetEvent(&Client->Capturable, IO_NO_INCREMENT, FALSE);
        } else if (!Client->Deregistering) {
            KeClearEvent(&Client->Capturable);
        }
    }
    KeReleaseSpinLock(&Provider.Lock, Irql);
}

/* ---- a client's references --------------------------------------------------------------------------- */

PPROVIDER_CLIENT ClientEnter(PCSTR Function, PWSK_CLIENT WskClient)
{
    PPROVIDER_CLIENT Client = WskClient;
    KIRQL Irql;

    if (Client == NULL || Client->Signature != CLIENT_SIGNATURE) {
        CallMisuse(Function, "called with what is not a WSK client", WskClient);
    }
    KeAcquireSpinLock(&Provider.Lock, &Irql);
    if (Client->Captures == 0) {
        CallMisuse(Function, "called without a capture of the provider", WskClient);
    }
    Client->Calls++;
    UpdateIdle(Client);
    KeReleaseSpinLock(&Provider.Lock, Irql);
    return Client;
}

void ClientLeave(PPROVIDER_CLIENT Client)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Provider.Lock, &Irql);
    Client->Calls--;
    UpdateIdle(Client);
    KeReleaseSpinLock(&Provider.Lock, Irql);
}

void ClientAddSocket(PPROVIDER_CLIENT Client, PPROVIDER_SOCKET Socket)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Provider.Lock, &Irql);
    Client->Sockets++;
    Client->HadSocket = TRUE;
    UpdateIdle(Client);
    InsertTailList(&Provider.Sockets, &Socket->Link);
    Provider.SocketCount++;
    KeReleaseSpinLock(&Provider.Lock, Irql);
}

void ClientCloseSocket(void)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Provider.Lock, &Irql);
    Provider.SocketCount--;
    KeReleaseSpinLock(&Provider.Lock, Irql);
}

void ClientForgetSocket(PPROVIDER_SOCKET Socket)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Provider.Lock, &Irql);
    RemoveEntryList(&Socket->Link);
    KeReleaseSpinLock(&Provider.Lock, Irql);
    InterlockedExchangeAdd64(&Provider.CallsMade, Socket->CallsMade);
    InterlockedExchangeAdd64(&Provider.IrpsCompleted, Socket->IrpsCompleted);
}

void ClientDropSocket(PPROVIDER_CLIENT Client)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Provider.Lock, &Irql);
    Client->Sockets--;
    UpdateIdle(Client);
    KeReleaseSpinLock(&Provider.Lock, Irql);
}
