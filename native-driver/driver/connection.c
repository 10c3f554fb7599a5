/* SPDX-License-Identifier: Apache-2.0
 *
 * Connection sockets, created by CREATE or accepted: CONNECT, SEND, RECEIVE, DISCONNECT.
 */
#include "address.h"
#include "dispatch.h"
#include "gate.h"
#include "linger.h"

/* ---- CONNECT ----------------------------------------------------------------------------------------- */

/* The first data of the stream, if there is any, needs WskConnectEx. */
static NTSTATUS CheckFirstData(PWSKB_OPERATION Operation)
{
    if (Operation->PayloadLength > WSKB_MAXIMUM_FIRST_DATA) {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    return Operation->PayloadLength == 0 || WskbHasGate(Operation->Driver, WSKB_GATE_CONNECT_DATA)
               ? STATUS_SUCCESS
               : STATUS_NOT_SUPPORTED;
}

static NTSTATUS PrepareConnect(PWSKB_OPERATION Operation)
{
    const WSKB_CONNECT* Input = Operation->Input;
    NTSTATUS Status = WskbReadAddress(Operation->Socket, &Input->RemoteAddress, &Operation->Address);
    if (NT_SUCCESS(Status)) {
        Status = CheckFirstData(Operation);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    WskbOperationSetBuffer(Operation, 0);
    return WSKB_CALL_FOLLOWS;
}

static VOID CallConnect(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    if (Operation->PayloadLength != 0) {
        (VOID) Socket->Wsk.Connection->WskConnectEx(Socket->WskSocket, (PSOCKADDR)&Operation->Address,
                                                    &Operation->Buffer, 0, Operation->Irp);
        return;
    }
    (VOID) Socket->Wsk.Connection->WskConnect(Socket->WskSocket, (PSOCKADDR)&Operation->Address, 0,
                                              Operation->Irp);
}

/* WSK says with a warning that the first data is too long, which is an error here. */
static VOID FinishConnect(PWSKB_OPERATION Operation)
{
    Operation->Information = 0;
    if (Operation->Status == STATUS_BUFFER_OVERFLOW) {
        Operation->Status = STATUS_INVALID_BUFFER_SIZE;
    }
    if (NT_SUCCESS(Operation->Status)) {
        Operation->Socket->Connection.RemoteAddress = Operation->Address;
        Operation->Information = Operation->PayloadLength;
        InterlockedAdd64(&Operation->Driver->Counters.SentBytes, (LONG64)Operation->PayloadLength);
    }
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(CONNECT) = {
    .Categories = WSKB_CATEGORY_CONNECTION,
    .States = WskbBound,
    .Via = WskbConnecting,
    .To = WskbConnected,
    .Kind = WskbControl,
    .Prepare = PrepareConnect,
    .Call = CallConnect,
    .Finish = FinishConnect,
};

/* ---- SEND and RECEIVE -------------------------------------------------------------------------------- */

/* A stream has no empty messages; an empty receive would be mistaken for the end of the stream. */
static NTSTATUS PrepareTransfer(PWSKB_OPERATION Operation)
{
    if (Operation->PayloadLength == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Operation->PayloadLength > WSKB_MAXIMUM_TRANSFER) {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    WskbOperationSetBuffer(Operation, 0);
    return WSKB_CALL_FOLLOWS;
}

/* WSK does not document how much of a cancelled send went out. */
static NTSTATUS PrepareSend(PWSKB_OPERATION Operation)
{
    Operation->CutDirection = WskbSending;
    return PrepareTransfer(Operation);
}

/* It has no buffer, and takes an unknown number of bytes. */
static NTSTATUS PrepareDrain(PWSKB_OPERATION Operation)
{
    BOOLEAN IsValid = Operation->Flags == WSKB_RECEIVE_DRAIN && Operation->PayloadLength == 0;
    Operation->CutDirection = WskbReceiving;
    return IsValid ? WSKB_CALL_FOLLOWS : STATUS_INVALID_PARAMETER;
}

/* Nor does WSK document how much a receive that waits for all has taken; any other has taken nothing. */
static NTSTATUS PrepareReceive(PWSKB_OPERATION Operation)
{
    if (Operation->Flags & WSKB_RECEIVE_DRAIN) {
        return PrepareDrain(Operation);
    }
    Operation->CutDirection = Operation->Flags & WSKB_RECEIVE_WAITALL ? WskbReceiving : WskbNoDirection;
    return PrepareTransfer(Operation);
}

static VOID FinishTransfer(PWSKB_OPERATION Operation, volatile LONG64* Counter)
{
    WskbOperationClampInformation(Operation);
    WskbOperationPreferBytes(Operation);
    if (NT_SUCCESS(Operation->Status)) {
        InterlockedAdd64(Counter, (LONG64)Operation->Information);
    } else {
        Operation->Information = 0;
    }
}

static VOID CallSend(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    BOOLEAN NoDelay = (Operation->Flags & WSKB_SEND_NODELAY) || ReadAcquire(&Socket->Connection.NoDelay);
    ULONG Flags = NoDelay ? WSK_FLAG_NODELAY : 0;
    (VOID) Socket->Wsk.Connection->WskSend(Socket->WskSocket, &Operation->Buffer, Flags, Operation->Irp);
}

/* Unless WSK never got it, any part of it may have gone out. The peer would take later data for the rest of
 * that send, and a graceful disconnect for its end. */
static VOID FinishSend(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    FinishTransfer(Operation, &Operation->Driver->Counters.SentBytes);
    if (!Operation->Started || Operation->Information == Operation->Buffer.Length) {
        return;
    }
    if (Operation->ReachedWsk) {
        WskbOperationEndDirection(Operation);
    }
    if (ReadAcquire(&Socket->Connection.Linger.Begun)) {
        WskbLingerBreak(Socket, Operation->Status);
    }
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(SEND) = {
    .Flags = WSKB_SEND_NODELAY | WSKB_SEND_AFTER_REFUSAL,
    .Categories = WSKB_CATEGORY_CONNECTION,
    .States = WskbConnected,
    .Kind = WskbTransfer,
    .Direction = WskbSending,
    .OutlivesHandle = TRUE,
    .Prepare = PrepareSend,
    .Call = CallSend,
    .Finish = FinishSend,
};

static VOID CallReceive(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    ULONG Flags = (Operation->Flags & WSKB_RECEIVE_WAITALL ? WSK_FLAG_WAITALL : 0) |
                  (Operation->Flags & WSKB_RECEIVE_DRAIN ? WSK_FLAG_DRAIN : 0);
    (VOID) Socket->Wsk.Connection->WskReceive(Socket->WskSocket, &Operation->Buffer, Flags, Operation->Irp);
}

/* The events that tell the end may have been enabled after it. */
static VOID TellEnd(PWSKB_OPERATION Operation)
{
    if (Operation->Status == STATUS_CONNECTION_RESET ||
        (Operation->Status == STATUS_SUCCESS && Operation->Information == 0)) {
        WskbWaitsTellEnd(Operation->Socket, Operation->Status);
    }
}

static VOID FinishReceive(PWSKB_OPERATION Operation)
{
    FinishTransfer(Operation, &Operation->Driver->Counters.ReceivedBytes);
    if (Operation->Status == STATUS_CANCELLED && Operation->ReachedWsk &&
        Operation->CutDirection != WskbNoDirection) {
        WskbOperationEndDirection(Operation);
    }
    TellEnd(Operation);
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(RECEIVE) = {
    .Flags = WSKB_RECEIVE_WAITALL | WSKB_RECEIVE_DRAIN,
    .Categories = WSKB_CATEGORY_CONNECTION,
    .States = WskbConnected,
    .Kind = WskbTransfer,
    .Direction = WskbReceiving,
    .Prepare = PrepareReceive,
    .Call = CallReceive,
    .Finish = FinishReceive,
};

/* ---- DISCONNECT -------------------------------------------------------------------------------------- */

/* The last data of the stream, if there is any: a send, as far as gaps are concerned. */
static NTSTATUS PrepareLastData(PWSKB_OPERATION Operation)
{
    if (Operation->PayloadLength == 0) {
        return WSKB_CALL_FOLLOWS;
    }
    if (Operation->Flags & WSKB_DISCONNECT_ABORTIVE) {
        return STATUS_INVALID_PARAMETER;
    }
    return PrepareSend(Operation);
}

/* A graceful one counts in Linger.Disconnects from here on, unless it fails. */
static NTSTATUS PrepareDisconnect(PWSKB_OPERATION Operation)
{
    NTSTATUS Status = PrepareLastData(Operation);
    if (Status == WSKB_CALL_FOLLOWS && !(Operation->Flags & WSKB_DISCONNECT_ABORTIVE)) {
        InterlockedIncrement(&Operation->Socket->Connection.Linger.Disconnects);
    }
    return Status;
}

/* A graceful one may never complete when the peer is silent; the caller cancels it or disconnects abortively.
 */
static VOID CallDisconnect(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    ULONG Flags = Operation->Flags & WSKB_DISCONNECT_ABORTIVE ? WSK_FLAG_ABORTIVE : 0;
    (VOID) Socket->Wsk.Connection->WskDisconnect(
        Socket->WskSocket, Operation->PayloadLength == 0 ? NULL : &Operation->Buffer, Flags, Operation->Irp);
}

/* Success means that all of the data went out, whatever WSK reports. Otherwise a part of it may have. */
static VOID FinishLastData(PWSKB_OPERATION Operation)
{
    if (NT_SUCCESS(Operation->Status)) {
        Operation->Information = Operation->PayloadLength;
        InterlockedAdd64(&Operation->Driver->Counters.SentBytes, (LONG64)Operation->PayloadLength);
    } else if (Operation->ReachedWsk) {
        WskbOperationEndDirection(Operation);
    }
}

static VOID FinishDisconnect(PWSKB_OPERATION Operation)
{
    Operation->Information = 0;
    if (Operation->PayloadLength != 0) {
        FinishLastData(Operation);
    }
    if (!NT_SUCCESS(Operation->Status) && !(Operation->Flags & WSKB_DISCONNECT_ABORTIVE)) {
        WskbLingerDisconnectFailed(Operation->Socket, Operation->Status);
    }
    if (NT_SUCCESS(Operation->Status) && (Operation->Flags & WSKB_DISCONNECT_ABORTIVE)) {
        WskbWaitsTellEnd(Operation->Socket, STATUS_CONNECTION_ABORTED); /* WSK tells only the peer's doing */
    }
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(DISCONNECT) = {
    .Flags = WSKB_DISCONNECT_ABORTIVE | WSKB_DISCONNECT_AFTER_REFUSAL,
    .Categories = WSKB_CATEGORY_CONNECTION,
    .States = WskbConnected,
    .Kind = WskbDisconnecting,
    .OutlivesHandle = TRUE,
    .Prepare = PrepareDisconnect,
    .Call = CallDisconnect,
    .Finish = FinishDisconnect,
};
