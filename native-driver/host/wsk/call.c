/* SPDX-License-Identifier: Apache-2.0
 *
 * Entry and exit of every dispatch function: checks the client's duties (IRQL, IRP, an open socket of the
 * right category), counts the call, and completes its IRP. A client that breaks a rule gets a bugcheck, as it
 * might on Windows.
 */
#include "wskp.h"

/* The innermost call that this thread executes. */
static _Thread_local PCALL CurrentCall;

DECLSPEC_NORETURN void CallMisuse(PCSTR Function, PCSTR What, const VOID* Object)
{
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "WSK: %s: %s (%p)\n", Function, What, Object);
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Function, (ULONG_PTR)What, (ULONG_PTR)Object,
                 0);
}

LONG CallDepth(PPROVIDER_SOCKET Socket)
{
    LONG Depth = 0;

    for (PCALL Call = CurrentCall; Call != NULL; Call = Call->Previous) {
        Depth += (Socket == NULL || Call->Socket == Socket);
    }
    return Depth;
}

/* TRUE if the client allocated the IRP, FALSE if it passes down one that it received. A received IRP came
 * through IoCallDriver, which stored the device in the stack location that the client has, or skipped. */
static BOOLEAN IsClientsOwnIrp(PIRP Irp)
{
    if (IoGetNextIrpStackLocation(Irp)->DeviceObject != NULL) {
        return FALSE;
    }
    return (BOOLEAN)(Irp->CurrentLocation > Irp->StackCount ||
                     IoGetCurrentIrpStackLocation(Irp)->DeviceObject == NULL);
}

/* The client's own IRP must always return to it, so its completion routine must be called in all cases. One
 * that is passed down returns to the driver above. */
static void CheckCompletionRoutine(PCSTR Function, PIRP Irp)
{
    const UCHAR Always = SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR | SL_INVOKE_ON_CANCEL;
    PIO_STACK_LOCATION Next = IoGetNextIrpStackLocation(Irp);

    if (!IsClientsOwnIrp(Irp)) {
        return;
    }
    if (Next->CompletionRoutine == NULL) {
        CallMisuse(Function, "the IRP has no completion routine", Irp);
    }
    if ((Next->Control & Always) != Always) {
        CallMisuse(Function, "the IRP's completion routine is not set for success, error and cancel", Irp);
    }
}

void CallTakeIrp(PCSTR Function, PIRP Irp)
{
    if (Irp == NULL) {
        CallMisuse(Function, "called without an IRP, which it requires", NULL);
    }
    if (Irp->CurrentLocation <= 1) {
        CallMisuse(Function, "the IRP has no stack location left for WSK", Irp);
    }
    CheckCompletionRoutine(Function, Irp);
    IoSetNextIrpStackLocation(Irp);
    Irp->IoStatus.Status = STATUS_PENDING;
    Irp->IoStatus.Information = 0;
    RtlZeroMemory(Irp->Tail.Overlay.DriverContext, sizeof(REQUEST));
}

static void Enter(PCALL Call, PCSTR Function, PIRP Irp, IRP_RULE Rule)
{
    if (KeGetCurrentIrql() > DISPATCH_LEVEL) {
        CallMisuse(Function, "called above DISPATCH_LEVEL", NULL);
    }
    if (Irp != NULL || Rule == IrpRequired) {
        CallTakeIrp(Function, Irp);
    }
    Call->Irp = Irp;
    Call->Status = FaultsNextCall();
    Call->Previous = CurrentCall;
    CurrentCall = Call;
}

static void Leave(PCALL Call)
{
    CurrentCall = Call->Previous;
    if (Call->Socket != NULL) {
        SocketDropReference(Call->Socket);
    }
    if (Call->Client != NULL) {
        ClientLeave(Call->Client);
    }
}

void CallEnterCompletion(PCALL Call)
{
    RtlZeroMemory(Call, sizeof(*Call));
    Call->Previous = CurrentCall;
    CurrentCall = Call;
}

void CallLeaveCompletion(PCALL Call)
{
    Leave(Call);
}

PPROVIDER_SOCKET CallEnterSocket(PCALL Call, PCSTR Function, PWSK_SOCKET WskSocket, ULONG Categories,
                                 PIRP Irp, IRP_RULE Rule)
{
    PPROVIDER_SOCKET Socket = (PPROVIDER_SOCKET)WskSocket;

    if (Socket == NULL) {
        CallMisuse(Function, "called with NULL for a socket", NULL);
    }
    if (Socket->Signature != SOCKET_SIGNATURE) {
        CallMisuse(Function, "called with what is not a socket, or with a socket that is closed", Socket);
    }
    InterlockedIncrement(&Socket->References);
    if (ReadAcquire(&Socket->Closing)) {
        CallMisuse(Function, "called for a socket after WskCloseSocket was", Socket);
    }
    if (!(Socket->Category & Categories)) {
        CallMisuse(Function, "called for a socket of a category that does not have this function", Socket);
    }
    InterlockedIncrement64(&Socket->CallsMade);
    Call->Socket = Socket;
    Call->Client = NULL;
    Enter(Call, Function, Irp, Rule);
    if (NT_SUCCESS(Call->Status)) {
        Call->Status = SocketRefusal(Socket);
    }
    return Socket;
}

void CallEnterClient(PCALL Call, PCSTR Function, PWSK_CLIENT Client, PIRP Irp, IRP_RULE Rule)
{
    Call->Socket = NULL;
    Call->Client = ClientEnter(Function, Client);
    InterlockedIncrement64(&Provider.CallsMade);
    Enter(Call, Function, Irp, Rule);
}

NTSTATUS CallComplete(PCALL Call, NTSTATUS Status, ULONG_PTR Information)
{
    PIRP Irp = Call->Irp;

    NT_ASSERT(Status != STATUS_PENDING);
    if (Irp != NULL) {
        InterlockedIncrement64(Call->Socket ? &Call->Socket->IrpsCompleted : &Provider.IrpsCompleted);
        Irp->IoStatus.Status = Status;
        Irp->IoStatus.Information = Information;
        IoCompleteRequest(Irp, IO_NO_INCREMENT);
    }
    Leave(Call);
    return Status;
}

NTSTATUS CallRefuse(PCSTR Function, PWSK_SOCKET WskSocket, ULONG Categories, PIRP Irp)
{
    CALL Call;

    (void)CallEnterSocket(&Call, Function, WskSocket, Categories, Irp, IrpRequired);
    return CallComplete(&Call, NT_SUCCESS(Call.Status) ? STATUS_NOT_SUPPORTED : Call.Status, 0);
}

NTSTATUS CallPended(PCALL Call)
{
    Leave(Call);
    return STATUS_PENDING;
}

NTSTATUS CallSubmitNew(PCALL Call, PPROVIDER_SOCKET Socket, PDIRECTION Direction, OPERATION Operation)
{
    PREQUEST Request = RequestOf(Call->Irp);
    NTSTATUS Status;

    Request->Socket = Socket;
    Request->Operation = (UCHAR)Operation;
    Status = RequestSubmit(Socket, Direction, Call->Irp);
    Leave(Call);
    return Status;
}

NTSTATUS CallSubmit(PCALL Call, PDIRECTION Direction, OPERATION Operation)
{
    return CallSubmitNew(Call, Call->Socket, Direction, Operation);
}
