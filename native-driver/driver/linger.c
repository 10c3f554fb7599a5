/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that outlive their handle. Closing a WSK socket resets the connection unless both directions
 * have ended. So when the handle of a connection is closed whose WSKB_OPTION_LINGER is not 0, the driver
 * keeps the WSK socket and takes three steps, one after the other: WskDisconnect, which WSK carries out after
 * the sends in flight, unless DISCONNECT has done so before; WskReceive with WSK_FLAG_DRAIN, which completes
 * when the peer ends its side and needs no memory; and WskCloseSocket. If a step fails, a send does not go
 * out completely, or the time limit passes, the last step follows at once and resets the connection.
 *
 * From the close of the handle until the last step, lingering holds one count of the call guard, which delays
 * WskCloseSocket and so keeps the block alive. Each call into WSK takes another count, since lingering may
 * end before the call returns. The two IRPs are prepared with the block, so that no step allocates memory.
 */
#include "linger.h"
#include "trace.h"

#define TICK_MILLISECONDS 500

static IO_COMPLETION_ROUTINE DisconnectCompleted;
static IO_COMPLETION_ROUTINE DrainCompleted;
static EVT_WDF_TIMER EvtTick;

/* ---- the IRPs ---------------------------------------------------------------------------------------- */

_Use_decl_annotations_ NTSTATUS WskbLingerPrepare(PWSKB_SOCKET Socket)
{
    WSKB_LINGER* Linger = &Socket->Connection.Linger;
    NTSTATUS Status = WskbSocketPrepareIrp(Socket, &Linger->Disconnect, DisconnectCompleted);
    return NT_SUCCESS(Status) ? WskbSocketPrepareIrp(Socket, &Linger->Drain, DrainCompleted) : Status;
}

_Use_decl_annotations_ VOID WskbLingerDiscard(PWSKB_SOCKET Socket)
{
    WskbSocketDiscardIrp(Socket, &Socket->Connection.Linger.Disconnect);
    WskbSocketDiscardIrp(Socket, &Socket->Connection.Linger.Drain);
}

/* ---- the time limit ---------------------------------------------------------------------------------- */

_Use_decl_annotations_ NTSTATUS WskbLingerInitialize(PWSKB_DRIVER Driver)
{
    WDF_TIMER_CONFIG Config;
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDF_TIMER_CONFIG_INIT(&Config, EvtTick);
    Config.AutomaticSerialization = FALSE;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Driver->Device;
    return WdfTimerCreate(&Config, &Attributes, &Driver->LingerTimer);
}

/* Starts the time limit of the socket; the first one starts the timer. */
static VOID Enlist(PWSKB_SOCKET Socket)
{
    PWSKB_DRIVER Driver = Socket->Driver;
    ULONGLONG Limit = (ULONGLONG)ReadNoFence(&Socket->Connection.Linger.Seconds) * 10000000;
    KIRQL Irql;

    KeAcquireSpinLock(&Driver->Lock, &Irql);
    BOOLEAN First = IsListEmpty(&Driver->Lingering);
    Socket->Connection.Linger.Deadline = KeQueryInterruptTime() + Limit;
    Socket->Connection.Linger.Listed = TRUE;
    InsertTailList(&Driver->Lingering, &Socket->Connection.Linger.Link);
    KeReleaseSpinLock(&Driver->Lock, Irql);
    if (First) {
        (VOID) WdfTimerStart(Driver->LingerTimer, WDF_REL_TIMEOUT_IN_MS(TICK_MILLISECONDS));
    }
}

/* Driver's lock is held. */
static VOID DelistLocked(PWSKB_SOCKET Socket)
{
    if (Socket->Connection.Linger.Listed) {
        Socket->Connection.Linger.Listed = FALSE;
        RemoveEntryList(&Socket->Connection.Linger.Link);
    }
}

/* Takes a socket whose time limit has passed out of the list, with a count of its guard: the socket is valid,
 * since while it is in the list lingering holds a count. */
static PWSKB_SOCKET TakeExpired(PWSKB_DRIVER Driver, PBOOLEAN Left)
{
    ULONGLONG Now = KeQueryInterruptTime();
    PWSKB_SOCKET Expired = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Driver->Lock, &Irql);
    for (PLIST_ENTRY Entry = Driver->Lingering.Flink; Entry != &Driver->Lingering; Entry = Entry->Flink) {
        PWSKB_SOCKET Socket = CONTAINING_RECORD(Entry, WSKB_SOCKET, Connection.Linger.Link);
        if (Socket->Connection.Linger.Deadline <= Now) {
            DelistLocked(Socket);
            InterlockedIncrement(&Socket->Guard);
            Expired = Socket;
            break;
        }
    }
    *Left = !IsListEmpty(&Driver->Lingering);
    KeReleaseSpinLock(&Driver->Lock, Irql);
    return Expired;
}

_Use_decl_annotations_ static VOID EvtTick(WDFTIMER Timer)
{
    PWSKB_DRIVER Driver = WskbGetDriver(WdfGetDriver());
    PWSKB_SOCKET Socket;
    BOOLEAN Left;

    while ((Socket = TakeExpired(Driver, &Left)) != NULL) {
        WskbLingerBreak(Socket, STATUS_IO_TIMEOUT);
        WskbOperationCancelAll(Socket);
        WskbSocketLeaveInCompletion(Socket);
    }
    if (Left) {
        (VOID) WdfTimerStart(Timer, WDF_REL_TIMEOUT_IN_MS(TICK_MILLISECONDS));
    }
}

/* ---- the steps --------------------------------------------------------------------------------------- */

/* The last step. The block may be freed when this returns. */
static VOID EndLingering(PWSKB_SOCKET Socket)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Driver->Lock, &Irql);
    DelistLocked(Socket);
    KeReleaseSpinLock(&Socket->Driver->Lock, Irql);
    InterlockedDecrement(&Socket->Driver->Counters.LingeringSockets);
    WskbSocketLeaveInCompletion(Socket);
}

/* The handle is closed, so the trace is the only report. */
static VOID MarkBroken(PWSKB_SOCKET Socket, NTSTATUS Status)
{
    if (InterlockedExchange(&Socket->Connection.Linger.Broken, 1) == 0) {
        WskbTraceSocket(WskbTraceWarning, Socket, "lingering broken off, the connection is reset", Status);
    }
}

/* After the call: drops its count of the guard. Cancels the IRP again if lingering was broken off, since the
 * first cancel may have come before WSK had the IRP. */
static VOID LeaveStep(PWSKB_SOCKET Socket, PWSKB_OWN_IRP Own)
{
    if (ReadAcquire(&Socket->Connection.Linger.Broken)) {
        IoCancelIrp(Own->Irp);
    }
    WskbSocketLeave(Socket);
}

static VOID Disconnect(PWSKB_SOCKET Socket)
{
    InterlockedIncrement(&Socket->Guard);
    InterlockedIncrement64(&Socket->Driver->Counters.StartedIrps);
    Socket->Connection.Linger.Disconnect.Sent = TRUE;
    (VOID) Socket->Wsk.Connection->WskDisconnect(Socket->WskSocket, NULL, 0,
                                                 Socket->Connection.Linger.Disconnect.Irp);
    LeaveStep(Socket, &Socket->Connection.Linger.Disconnect);
}

_Use_decl_annotations_ VOID WskbLingerDrain(PWSKB_SOCKET Socket)
{
    InterlockedIncrement(&Socket->Guard);
    InterlockedIncrement64(&Socket->Driver->Counters.StartedIrps);
    Socket->Connection.Linger.Drain.Sent = TRUE;
    (VOID) Socket->Wsk.Connection->WskReceive(Socket->WskSocket, &Socket->Connection.Linger.Nothing,
                                              WSK_FLAG_DRAIN, Socket->Connection.Linger.Drain.Irp);
    LeaveStep(Socket, &Socket->Connection.Linger.Drain);
}

_Use_decl_annotations_ static NTSTATUS DisconnectCompleted(PDEVICE_OBJECT DeviceObject, PIRP Irp,
                                                           PVOID Context)
{
    PWSKB_SOCKET Socket = Context;

    UNREFERENCED_PARAMETER(DeviceObject);
    _Analysis_assume_(Socket != NULL);
    if (!Socket->Connection.Linger.Disconnect.Sent) {
        return STATUS_MORE_PROCESSING_REQUIRED; /* called by WskbLingerDiscard */
    }
    InterlockedIncrement64(&Socket->Driver->Counters.CompletedIrps);
    if (NT_SUCCESS(Irp->IoStatus.Status) && !ReadAcquire(&Socket->Connection.Linger.Broken)) {
        WskbSocketDrainInWorkItem(Socket);
        return STATUS_MORE_PROCESSING_REQUIRED;
    }
    MarkBroken(Socket, Irp->IoStatus.Status);
    EndLingering(Socket);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

_Use_decl_annotations_ static NTSTATUS DrainCompleted(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    PWSKB_SOCKET Socket = Context;

    UNREFERENCED_PARAMETER(DeviceObject);
    UNREFERENCED_PARAMETER(Irp);
    _Analysis_assume_(Socket != NULL);
    if (Socket->Connection.Linger.Drain.Sent) {
        InterlockedIncrement64(&Socket->Driver->Counters.CompletedIrps);
        EndLingering(Socket);
    }
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static BOOLEAN HasCutSend(PWSKB_SOCKET Socket)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Lock, &Irql);
    BOOLEAN Cut = Socket->Directions[WskbSending].Ended;
    KeReleaseSpinLock(&Socket->Lock, Irql);
    return Cut;
}

/* ---- beginning and breaking -------------------------------------------------------------------------- */

_Use_decl_annotations_ BOOLEAN WskbLingerBegin(PWSKB_SOCKET Socket)
{
    if (ReadAcquire(&Socket->Connection.Linger.Seconds) == 0 ||
        ReadAcquire(&Socket->State) != WskbConnected) {
        return FALSE;
    }
    /* Lingering's own count; EndLingering drops it. */
    if (!NT_SUCCESS(WskbSocketEnter(Socket))) {
        return FALSE;
    }
    InterlockedExchange(&Socket->Connection.Linger.Begun, 1);
    /* Checked after Begun is set: a send that is cut short from now on breaks lingering itself. A caller that
     * called DISCONNECT after such a send accepted what the peer gets. */
    if (ReadAcquire(&Socket->Connection.Linger.Disconnects) == 0 && HasCutSend(Socket)) {
        WskbSocketLeave(Socket);
        return FALSE;
    }
    InterlockedIncrement(&Socket->Driver->Counters.LingeringSockets);
    Enlist(Socket);
    WskbSocketForbidCalls(Socket);
    WskbOperationCancelReceives(Socket);
    if (ReadAcquire(&Socket->Connection.Linger.Disconnects) > 0) {
        WskbLingerDrain(Socket);
    } else {
        Disconnect(Socket);
    }
    return TRUE;
}

/* Either this sees that lingering has begun, or WskbLingerBegin sees that the disconnect does not count any
 * more. */
_Use_decl_annotations_ VOID WskbLingerDisconnectFailed(PWSKB_SOCKET Socket, NTSTATUS Status)
{
    if (InterlockedDecrement(&Socket->Connection.Linger.Disconnects) == 0 &&
        ReadAcquire(&Socket->Connection.Linger.Begun)) {
        WskbLingerBreak(Socket, Status);
    }
}

_Use_decl_annotations_ VOID WskbLingerBreak(PWSKB_SOCKET Socket, NTSTATUS Status)
{
    MarkBroken(Socket, Status);
    IoCancelIrp(Socket->Connection.Linger.Disconnect.Irp);
    IoCancelIrp(Socket->Connection.Linger.Drain.Irp);
}
