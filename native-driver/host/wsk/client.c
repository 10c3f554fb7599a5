/* SPDX-License-Identifier: Apache-2.0
 *
 * The client-level dispatch table, and WskControlClient.
 */
#include "wskp.h"

#define TRANSPORT(type, protocol, family)                                                                    \
    {                                                                                                        \
        .Version = MAKE_WSK_VERSION(1, 0), .SocketType = (type), .Protocol = (protocol),                     \
        .AddressFamily = (family)                                                                            \
    }

static const WSK_TRANSPORT Transports[] = {
    TRANSPORT(SOCK_STREAM, IPPROTO_TCP, AF_INET),
    TRANSPORT(SOCK_DGRAM, IPPROTO_UDP, AF_INET),
    TRANSPORT(SOCK_STREAM, IPPROTO_TCP, AF_INET6),
    TRANSPORT(SOCK_DGRAM, IPPROTO_UDP, AF_INET6),
};

static NTSTATUS QueryTransports(SIZE_T OutputSize, PVOID OutputBuffer, SIZE_T* Returned)
{
    *Returned = sizeof(Transports);
    if (OutputSize < sizeof(Transports)) {
        return STATUS_BUFFER_OVERFLOW;
    }
    RtlCopyMemory(OutputBuffer, Transports, sizeof(Transports));
    return STATUS_SUCCESS;
}

static BOOLEAN ClientHadSocket(PPROVIDER_CLIENT Client)
{
    BOOLEAN Had;
    KIRQL Irql;

    KeAcquireSpinLock(&Provider.Lock, &Irql);
    Had = Client->HadSocket;
    KeReleaseSpinLock(&Provider.Lock, Irql);
    return Had;
}

/* There is no TDI here, so there is nothing to bypass. */
static NTSTATUS SetTdiBehavior(PPROVIDER_CLIENT Client, SIZE_T InputSize, const VOID* InputBuffer)
{
    ULONG Behavior;

    if (InputBuffer == NULL || InputSize != sizeof(Behavior)) {
        return STATUS_INVALID_PARAMETER;
    }
    RtlCopyMemory(&Behavior, InputBuffer, sizeof(Behavior));
    if (Behavior & ~(ULONG)WSK_TDI_BEHAVIOR_BYPASS_TDI) {
        return STATUS_INVALID_PARAMETER;
    }
    return ClientHadSocket(Client) ? STATUS_INVALID_DEVICE_STATE : STATUS_SUCCESS;
}

static NTSTATUS WSKAPI ControlClient(PWSK_CLIENT Client, ULONG ControlCode, SIZE_T InputSize,
                                     PVOID InputBuffer, SIZE_T OutputSize, PVOID OutputBuffer,
                                     SIZE_T* OutputSizeReturned, PIRP Irp)
{
    CALL Call;
    SIZE_T Returned = 0;
    NTSTATUS Status;

    CallEnterClient(&Call, "WskControlClient", Client, Irp,
                    (ControlCode == WSK_TRANSPORT_LIST_CHANGE) ? IrpRequired : IrpOptional);
    Status = Call.Status;
    if (NT_SUCCESS(Status)) {
        switch (ControlCode) {
        case WSK_TRANSPORT_LIST_QUERY:
            Status = QueryTransports(OutputSize, OutputBuffer, &Returned);
            break;
        case WSK_TDI_BEHAVIOR:
            Status = SetTdiBehavior(Call.Client, InputSize, InputBuffer);
            break;
        case WSK_SET_STATIC_EVENT_CALLBACKS:
            Status = EventsControlClient(Call.Client, InputSize, InputBuffer);
            break;
        default:
            Status = STATUS_NOT_SUPPORTED;
            break;
        }
    }
    if (OutputSizeReturned != NULL) {
        *OutputSizeReturned = Returned;
    }
    return CallComplete(&Call, Status, Returned);
}

const WSK_PROVIDER_DISPATCH ProviderDispatch = {
    .Version = MAKE_WSK_VERSION(1, 0),
    .WskSocket = ProviderWskSocket,
    .WskSocketConnect = ProviderWskSocketConnect,
    .WskControlClient = ControlClient,
    .WskGetAddressInfo = ProviderWskGetAddressInfo,
    .WskFreeAddressInfo = ProviderWskFreeAddressInfo,
    .WskGetNameInfo = ProviderWskGetNameInfo,
};
