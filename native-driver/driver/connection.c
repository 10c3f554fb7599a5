/* SPDX-License-Identifier: Apache-2.0
 *
 * Connection sockets, made by CREATE or accepted: CONNECT, SEND, RECEIVE, DISCONNECT.
 */
#include "dispatch.h"
#include "linger.h"

/* ---- CONNECT ----------------------------------------------------------------------------------------- */

static VOID CallConnect(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    (VOID) WSKB_CONNECTIONS(Socket)->WskConnect(Socket->WskSocket, (PSOCKADDR)&Operation->RemoteAddress, 0,
                                                Operation->Irp);
}

static VOID FinishConnect(PWSKB_OPERATION Operation)
{
    if (NT_SUCCESS(Operation->Status)) {
        Operation->Socket->RemoteAddress = Operation->RemoteAddress;
    }
    WskbSocketSetState(Operation->Socket, NT_SUCCESS(Operation->Status) ? WskbConnected : WskbBound);
    Operation->Information = 0;
}

_Use_decl_annotations_ NTSTATUS WskbConnect(PWSKB_CALL Call)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallConnect, FinishConnect, WskbControl, WskbNoDirection,
                                                     FALSE};
    PWSKB_OPERATION Operation = WskbPrepareOperation(Call);
    const WSKB_ADDRESS* Input = Call->Input;

    NTSTATUS Status = WskbReadAddress(Call->Socket, &Input->Address, &Operation->RemoteAddress);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    return WskbOperationRunInState(Operation, &Routines, WskbBound, WskbConnecting);
}

/* ---- SEND and RECEIVE -------------------------------------------------------------------------------- */

/* A stream has no empty messages; an empty receive would be mistaken for the end of the stream. */
static NTSTATUS PrepareTransfer(PWSKB_CALL Call, ULONG FlagsAllowed, PWSKB_OPERATION* Operation)
{
    const WSKB_TRANSFER* Input = Call->Input;
    if ((Input->Flags & ~FlagsAllowed) != 0 || Call->PayloadLength == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Call->PayloadLength > WSKB_MAXIMUM_TRANSFER) {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    *Operation = WskbPrepareOperation(Call);
    (*Operation)->Flags = Input->Flags;
    WskbSetBuffer(*Operation, Call, 0, Call->PayloadLength);
    return STATUS_SUCCESS;
}

static VOID FinishTransfer(PWSKB_OPERATION Operation, volatile LONG64* Counter)
{
    WskbClampInformation(Operation);
    WskbBytesBeatCancellation(Operation);
    if (NT_SUCCESS(Operation->Status)) {
        InterlockedAdd64(Counter, (LONG64)Operation->Information);
    } else {
        Operation->Information = 0;
    }
}

/* The stream must not go on behind a transfer that lost its position. That one is told what WSK said of it;
 * those in flight behind it are told that the direction has ended. */
static VOID EndTransfer(PWSKB_OPERATION Operation, BOOLEAN LostPosition)
{
    BOOLEAN Behind = LostPosition ? !WskbOperationEndDirection(Operation) : WskbOperationHasEnded(Operation);
    if (Behind && Operation->Status == STATUS_CANCELLED) {
        Operation->Status = STATUS_CONNECTION_ABORTED;
    }
}

static VOID CallSend(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    BOOLEAN NoDelay = (Operation->Flags & WSKB_SEND_NODELAY) || ReadAcquire(&Socket->NoDelay);
    ULONG Flags = NoDelay ? WSK_FLAG_NODELAY : 0;
    (VOID) WSKB_CONNECTIONS(Socket)->WskSend(Socket->WskSocket, &Operation->Buffer, Flags, Operation->Irp);
}

/* WSK's documentation does not say how much of a cancelled send went out. Unless WSK never saw it, any part
 * may have. The peer would take what follows for the rest of that send, and an orderly end for its end. */
static VOID FinishSend(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    FinishTransfer(Operation, &Socket->Driver->Counters.SentBytes);
    if (Operation->Information == Operation->Buffer.Length) {
        return;
    }
    EndTransfer(Operation, Operation->ReachedWsk);
    if (ReadAcquire(&Socket->Linger.Begun)) {
        WskbLingerBreak(Socket);
    }
}

_Use_decl_annotations_ NTSTATUS WskbSend(PWSKB_CALL Call)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallSend, FinishSend, WskbTransfer, WskbSending, FALSE};
    PWSKB_OPERATION Operation;
    NTSTATUS Status = PrepareTransfer(Call, WSKB_SEND_NODELAY | WSKB_SEND_AFTER_REFUSAL, &Operation);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Operation->OutlivesHandle = TRUE;
    return WskbOperationRun(Operation, &Routines);
}

static VOID CallReceive(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    ULONG Flags = Operation->Flags & WSKB_RECEIVE_WAITALL ? WSK_FLAG_WAITALL : 0;
    (VOID) WSKB_CONNECTIONS(Socket)->WskReceive(Socket->WskSocket, &Operation->Buffer, Flags, Operation->Irp);
}

/* A cancelled receive that doesn't wait for all has taken nothing. One that waits for all may have taken
 * bytes that WSK does not report. */
static VOID FinishReceive(PWSKB_OPERATION Operation)
{
    FinishTransfer(Operation, &Operation->Socket->Driver->Counters.ReceivedBytes);
    if (Operation->Status == STATUS_CANCELLED) {
        EndTransfer(Operation, Operation->ReachedWsk && (Operation->Flags & WSKB_RECEIVE_WAITALL));
    }
}

_Use_decl_annotations_ NTSTATUS WskbReceive(PWSKB_CALL Call)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallReceive, FinishReceive, WskbTransfer, WskbReceiving,
                                                     FALSE};
    PWSKB_OPERATION Operation;
    NTSTATUS Status = PrepareTransfer(Call, WSKB_RECEIVE_WAITALL, &Operation);
    return NT_SUCCESS(Status) ? WskbOperationRun(Operation, &Routines) : Status;
}

/* ---- DISCONNECT -------------------------------------------------------------------------------------- */

/* A graceful one may never complete when the peer is silent; the caller cancels it or disconnects abortively.
 */
static VOID CallDisconnect(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    ULONG Flags = Operation->Flags & WSKB_DISCONNECT_ABORTIVE ? WSK_FLAG_ABORTIVE : 0;
    (VOID) WSKB_CONNECTIONS(Socket)->WskDisconnect(Socket->WskSocket, NULL, Flags, Operation->Irp);
}

static VOID FinishDisconnect(PWSKB_OPERATION Operation)
{
    Operation->Information = 0;
    if (!NT_SUCCESS(Operation->Status) && !(Operation->Flags & WSKB_DISCONNECT_ABORTIVE)) {
        WskbLingerDisconnectFailed(Operation->Socket);
    }
}

_Use_decl_annotations_ NTSTATUS WskbDisconnect(PWSKB_CALL Call)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallDisconnect, FinishDisconnect, WskbDisconnecting,
                                                     WskbNoDirection, FALSE};
    PWSKB_OPERATION Operation = WskbPrepareOperation(Call);
    const WSKB_TRANSFER* Input = Call->Input;

    if ((Input->Flags & ~WSKB_DISCONNECT_ABORTIVE) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    Operation->Flags = Input->Flags;
    Operation->OutlivesHandle = TRUE;
    if (Input->Flags & WSKB_DISCONNECT_ABORTIVE) {
        return WskbOperationRun(Operation, &Routines);
    }
    InterlockedIncrement(&Call->Socket->Linger.Disconnects);
    NTSTATUS Status = WskbOperationRun(Operation, &Routines);
    if (Status != STATUS_PENDING) {
        WskbLingerDisconnectFailed(Call->Socket);
    }
    return Status;
}
