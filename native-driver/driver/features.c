/* SPDX-License-Identifier: Apache-2.0
 *
 * Which features this WSK has. The version of WSK does not say it, so a datagram socket that is used for
 * nothing else is asked for the options that came with them.
 *
 * The first open that finds WSK does this, at PASSIVE_LEVEL, and waits for each call; WSK answers them by
 * itself, without the network. A call that takes too long is cancelled. Several opens may do it at the same
 * time.
 */
#include "operation.h"

#define PROBE_TIMEOUT_MS 1000

/* A call with an IRP, on the stack of the thread that waits for it. */
typedef struct _PROBE_CALL {
    PWSKB_DRIVER Driver;
    PIRP Irp; /* in Storage */
    KEVENT Done;
    UCHAR Storage[sizeof(IRP) + sizeof(IO_STACK_LOCATION) + MEMORY_ALLOCATION_ALIGNMENT];
} PROBE_CALL, *PPROBE_CALL;

static IO_COMPLETION_ROUTINE ProbeCompleted;

_Use_decl_annotations_ static NTSTATUS ProbeCompleted(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    PPROBE_CALL Call = Context;
    UNREFERENCED_PARAMETER(DeviceObject);
    UNREFERENCED_PARAMETER(Irp);
    _Analysis_assume_(Call != NULL);
    (VOID) KeSetEvent(&Call->Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* IoSetCompletionRoutineEx, because the waiting thread may go on, and the driver be unloaded, before the
 * routine has returned. */
static NTSTATUS Prepare(PWSKB_DRIVER Driver, PPROBE_CALL Call)
{
    Call->Driver = Driver;
    KeInitializeEvent(&Call->Done, NotificationEvent, FALSE);
    Call->Irp = WskbInitializeIrp(Call->Storage, sizeof(Call->Storage));
    NTSTATUS Status = IoSetCompletionRoutineEx(WdfDeviceWdmGetDeviceObject(Driver->Device), Call->Irp,
                                               ProbeCompleted, Call, TRUE, TRUE, TRUE);
    if (!NT_SUCCESS(Status)) {
        WskbCleanUpIrp(Driver, Call->Irp);
    }
    return Status;
}

/* Waits for the call; its status. */
static NTSTATUS Await(PPROBE_CALL Call)
{
    LARGE_INTEGER Timeout;
    Timeout.QuadPart = -10000LL * PROBE_TIMEOUT_MS;
    if (KeWaitForSingleObject(&Call->Done, Executive, KernelMode, FALSE, &Timeout) == STATUS_TIMEOUT) {
        IoCancelIrp(Call->Irp);
        (VOID) KeWaitForSingleObject(&Call->Done, Executive, KernelMode, FALSE, NULL);
    }
    NTSTATUS Status = Call->Irp->IoStatus.Status;
    WskbCleanUpIrp(Call->Driver, Call->Irp);
    return Status;
}

/* Instead of the call: completes the IRP, which frees what IoSetCompletionRoutineEx allocated. */
static VOID Discard(PPROBE_CALL Call)
{
    IoSetNextIrpStackLocation(Call->Irp);
    Call->Irp->IoStatus.Status = STATUS_CANCELLED;
    IoCompleteRequest(Call->Irp, IO_NO_INCREMENT);
    (VOID) Await(Call);
}

static const WSK_PROVIDER_BASIC_DISPATCH* DispatchOf(PWSK_SOCKET Socket)
{
    return (const WSK_PROVIDER_BASIC_DISPATCH*)Socket->Dispatch;
}

/* A failure that says nothing about WSK's features. */
static BOOLEAN MayChange(NTSTATUS Status)
{
    return Status == STATUS_INSUFFICIENT_RESOURCES || Status == STATUS_CANCELLED;
}

static NTSTATUS OpenSocket(PWSKB_DRIVER Driver, ADDRESS_FAMILY Family, PWSK_SOCKET* Socket)
{
    const WSK_PROVIDER_NPI* Npi = &Driver->Provider.Npi;
    PROBE_CALL Call;

    NTSTATUS Status = Prepare(Driver, &Call);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    (VOID) Npi->Dispatch->WskSocket(Npi->Client, Family, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET,
                                    NULL, NULL, NULL, NULL, NULL, Call.Irp);
    Status = Await(&Call);
    *Socket = NT_SUCCESS(Status) ? (PWSK_SOCKET)Call.Irp->IoStatus.Information : NULL;
    return Status;
}

/* Adds the feature if the socket has the option. Fails if that can't be found out now. */
static NTSTATUS AskFor(PWSKB_DRIVER Driver, PWSK_SOCKET Socket, ULONG Level, ULONG Name, ULONG Feature,
                       ULONG* Features)
{
    ULONG Value = 0;
    PROBE_CALL Call;

    NTSTATUS Status = Prepare(Driver, &Call);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    (VOID) DispatchOf(Socket)->WskControlSocket(Socket, WskGetOption, Name, Level, 0, NULL, sizeof(Value),
                                                &Value, NULL, Call.Irp);
    Status = Await(&Call);
    if (NT_SUCCESS(Status)) {
        *Features |= Feature;
    }
    return MayChange(Status) ? Status : STATUS_SUCCESS;
}

/* Windows got the traffic class of single datagrams together with the option IPV6_TCLASS. IPv4's IP_TOS is
 * older, and says nothing. */
static NTSTATUS AskForAll(PWSKB_DRIVER Driver, PWSK_SOCKET Socket, ULONG* Features)
{
    NTSTATUS Status =
        AskFor(Driver, Socket, IPPROTO_IPV6, IPV6_TCLASS, WSKB_FEATURE_SEND_TRAFFIC_CLASS, Features);
    if (NT_SUCCESS(Status)) {
        Status = AskFor(Driver, Socket, IPPROTO_UDP, UDP_SEND_MSG_SIZE, WSKB_FEATURE_SEND_SEGMENTS, Features);
    }
    if (NT_SUCCESS(Status)) {
        Status = AskFor(Driver, Socket, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE,
                        WSKB_FEATURE_RECEIVE_COALESCED, Features);
    }
    return Status;
}

/* The IRP of the close is prepared first, so that a socket never stays open for lack of memory. */
static NTSTATUS Probe(PWSKB_DRIVER Driver, ULONG* Features)
{
    PROBE_CALL Close;
    PWSK_SOCKET Socket;

    NTSTATUS Status = Prepare(Driver, &Close);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = OpenSocket(Driver, AF_INET6, &Socket);
    if (!NT_SUCCESS(Status) && !MayChange(Status)) {
        Status = OpenSocket(Driver, AF_INET, &Socket);
    }
    if (!NT_SUCCESS(Status)) {
        Discard(&Close);
        return Status;
    }
    Status = AskForAll(Driver, Socket, Features);
    (VOID) DispatchOf(Socket)->WskCloseSocket(Socket, Close.Irp);
    (VOID) Await(&Close);
    return Status;
}

_Use_decl_annotations_ VOID WskbProbeFeatures(PWSKB_DRIVER Driver)
{
    ULONG Features = 0;

    if (ReadAcquire(&Driver->Probed) || !NT_SUCCESS(Probe(Driver, &Features))) {
        return;
    }
    InterlockedExchange(&Driver->Features, (LONG)Features);
    InterlockedExchange(&Driver->Probed, 1);
}
